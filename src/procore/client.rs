//! The client: token, company header, limits, retries, paging. What is asked for stands in the modules beside it.
//!
//! One call may repeat itself for about twenty seconds, where repeating is harmless. Longer waits are given back as an
//! error that says how long ([`ProcoreError::retry_after`]), so that the outbox can put the writeback off without
//! holding a worker.

use std::{fmt, sync::Arc, sync::PoisonError, time::Duration};

use backon::{ExponentialBuilder, Retryable};
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{
    Method, Response,
    header::{ACCEPT, HeaderMap},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::time::Instant;
use url::{Host, Url};

use super::{
    error::{ErrorKind, ProcoreError},
    paths,
    reader::without_nulls,
};
use crate::clock::Clock;

/// The largest answer that is read; a page of a thousand ERP requests stays well below.
const LARGEST_BODY: usize = 16 * 1024 * 1024;
/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest wait that is believed of a limit header.
const LONGEST_WAIT: Duration = Duration::from_hours(1);
/// Most pages of one list; beyond it the answer is not to be believed.
const MOST_PAGES: usize = 2_000;

/// Why an account's addresses cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// Credentials and tokens travel over this address.
    #[error("the {0} address of Procore must begin with https://")]
    NotHttps(&'static str),
    /// Credentials belong in the settings, never in an address.
    #[error("the {0} address of Procore must hold no user name or password")]
    Credentials(&'static str),
    /// Procore numbers companies from 1.
    #[error("the Procore company id must be a positive number")]
    Company,
}

/// How one connection reaches Procore: addresses, company, and the credentials of its service account.
#[derive(Clone, Debug)]
pub struct ProcoreAccount {
    login_url: Url,
    api_url: Url,
    company_id: i64,
    client_id: String,
    client_secret: SecretString,
}

impl ProcoreAccount {
    /// Checks the addresses: `https`, except towards this same machine.
    pub fn new(
        login_url: Url,
        api_url: Url,
        company_id: i64,
        client_id: String,
        client_secret: SecretString,
    ) -> Result<Self, AccountError> {
        for (url, which) in [(&login_url, "login"), (&api_url, "API")] {
            if !is_private_enough(url) {
                return Err(AccountError::NotHttps(which));
            }
            if !url.username().is_empty() || url.password().is_some() {
                return Err(AccountError::Credentials(which));
            }
        }
        if company_id < 1 {
            return Err(AccountError::Company);
        }
        Ok(Self {
            login_url,
            api_url,
            company_id,
            client_id,
            client_secret,
        })
    }

    /// The Procore company.
    pub fn company_id(&self) -> i64 {
        self.company_id
    }
}

fn is_private_enough(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.has_host(),
        "http" => match url.host() {
            Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        },
        _ => false,
    }
}

/// The HTTP client that all connections share. It follows no redirect: a token goes to Procore or nowhere.
/// A rustls provider must be installed beforehand.
pub fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .user_agent(concat!("Plumbline/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .timeout(REQUEST_TIMEOUT)
        .pool_idle_timeout(Duration::from_mins(1))
        .build()
}

/// How patient one call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// The wait after the first failure; it doubles, with jitter.
    pub first: Duration,
    /// The longest wait in all; what would take longer is given back.
    pub total: Duration,
    /// The least wait after a 429.
    pub floor: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            total: Duration::from_secs(20),
            floor: Duration::from_secs(3),
        }
    }
}

/// A client for one connection. Cheap to clone; clones share token and limits.
#[derive(Clone)]
pub struct ProcoreClient {
    inner: Arc<Inner>,
}

struct Inner {
    account: ProcoreAccount,
    http: reqwest::Client,
    clock: Clock,
    patience: Patience,
    token: tokio::sync::Mutex<Option<Token>>,
    /// Until when the limit is used up.
    blocked_until: std::sync::Mutex<Option<DateTime<Utc>>>,
}

#[derive(Clone)]
struct Token {
    value: SecretString,
    renew_at: Instant,
}

impl fmt::Debug for ProcoreClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcoreClient")
            .field("company_id", &self.inner.account.company_id)
            .field("api_url", &self.inner.account.api_url.as_str())
            .finish_non_exhaustive()
    }
}

/// One request, repeatable.
pub(crate) struct Call<'a> {
    /// Completes "Could not …".
    pub(crate) what: &'a str,
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) query: &'a [(&'a str, String)],
    pub(crate) body: Option<&'a Value>,
}

struct Reply {
    body: Value,
    next: Option<String>,
}

impl ProcoreClient {
    /// A client for an account over the shared HTTP client ([`http_client`]).
    pub fn new(account: ProcoreAccount, http: reqwest::Client, clock: Clock) -> Self {
        Self::with_patience(account, http, clock, Patience::default())
    }

    /// The same, with another patience.
    pub fn with_patience(
        account: ProcoreAccount,
        http: reqwest::Client,
        clock: Clock,
        patience: Patience,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                account,
                http,
                clock,
                patience,
                token: tokio::sync::Mutex::new(None),
                blocked_until: std::sync::Mutex::new(None),
            }),
        }
    }

    /// The Procore company this client speaks for.
    pub fn company_id(&self) -> i64 {
        self.inner.account.company_id
    }

    /// The time by this client's clock.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.inner.clock.now()
    }

    /// Whether the credentials work: asks for a token and nothing else. A token proves no installation.
    pub async fn check_credentials(&self) -> Result<(), ProcoreError> {
        self.token(None).await.map(|_| ())
    }

    /// GET one record.
    pub(crate) async fn get(
        &self,
        what: &str,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Value, ProcoreError> {
        let reply = self
            .call(&Call {
                what,
                method: Method::GET,
                path,
                query,
                body: None,
            })
            .await?;
        Ok(reply.body)
    }

    /// GET a list to its end. Accepts a bare array (v1) and `{data: […]}` (v2).
    pub(crate) async fn list(
        &self,
        what: &str,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Vec<Value>, ProcoreError> {
        let mut records = Vec::new();
        self.pages(what, path, query, |page| records.extend(page)).await?;
        Ok(records)
    }

    /// GET a list to its end, a page at a time: for lists that may be too long to be held whole.
    pub(crate) async fn pages(
        &self,
        what: &str,
        path: &str,
        query: &[(&str, String)],
        mut each: impl FnMut(Vec<Value>),
    ) -> Result<(), ProcoreError> {
        let mut path = path.to_owned();
        let mut query: Vec<(&str, String)> = query.to_vec();
        query.push(("per_page", "100".to_owned()));
        for _ in 0..MOST_PAGES {
            let reply = self
                .call(&Call {
                    what,
                    method: Method::GET,
                    path: &path,
                    query: &query,
                    body: None,
                })
                .await?;
            match reply.body {
                Value::Array(items) => each(items),
                Value::Object(mut map) => match map.remove("data") {
                    Some(Value::Array(items)) => each(items),
                    _ => return Err(unreadable(what, "a list was expected")),
                },
                _ => return Err(unreadable(what, "a list was expected")),
            }
            match reply.next {
                Some(next) if next != path => {
                    path = next;
                    query.clear();
                }
                Some(_) => return Err(unreadable(what, "the list's next page is the same page")),
                None => return Ok(()),
            }
        }
        Err(unreadable(what, "the list does not end"))
    }

    /// PATCH, POST or DELETE.
    pub(crate) async fn write(
        &self,
        what: &str,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        body: &Value,
    ) -> Result<Value, ProcoreError> {
        let reply = self
            .call(&Call {
                what,
                method,
                path,
                query,
                body: Some(body),
            })
            .await?;
        Ok(reply.body)
    }

    async fn call(&self, call: &Call<'_>) -> Result<Reply, ProcoreError> {
        let patience = self.inner.patience;
        let started = Instant::now();
        let backoff = ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(patience.first)
            .with_factor(2.0)
            .with_max_delay(Duration::from_secs(8))
            .with_max_times(6);
        (|| self.attempt(call))
            .retry(backoff)
            .when(|error| is_repeatable(&call.method, error))
            .adjust(|error: &ProcoreError, backoff| {
                let wait = backoff?.max(error.retry_after().unwrap_or_default());
                (started.elapsed().saturating_add(wait) <= patience.total).then_some(wait)
            })
            .notify(|error, wait| {
                tracing::debug!(
                    kind = error.kind().as_str(),
                    ?wait,
                    path = call.path,
                    "Procore call is repeated"
                );
            })
            .await
    }

    async fn attempt(&self, call: &Call<'_>) -> Result<Reply, ProcoreError> {
        self.pace(call.what).await?;
        let token = self.token(None).await?;
        match self.send(call, &token).await {
            Err(error) if error.kind() == ErrorKind::Unauthorized => {
                let token = self.token(Some(&token)).await?;
                self.send(call, &token).await
            }
            other => other,
        }
    }

    async fn send(&self, call: &Call<'_>, token: &SecretString) -> Result<Reply, ProcoreError> {
        let inner = &*self.inner;
        let url = address(&inner.account.api_url, call.path);
        let mut request = inner
            .http
            .request(call.method.clone(), url.clone())
            .timeout(REQUEST_TIMEOUT)
            .bearer_auth(token.expose_secret())
            .header(ACCEPT, "application/json")
            .header("Procore-Company-Id", inner.account.company_id.to_string());
        if !call.query.is_empty() {
            request = request.query(call.query);
        }
        if let Some(body) = call.body {
            request = request.json(body);
        }
        let response = request
            .send()
            .await
            .map_err(|error| transport(call.what, &error))?;
        if response.url().origin() != url.origin() {
            return Err(unreadable(call.what, "the answer came from another address"));
        }
        self.note_limits(response.headers());
        let status = response.status();
        let request_id = header(response.headers(), "x-request-id").map(str::to_owned);
        let next = next_link(response.headers());
        let retry_after = self.retry_after(status.as_u16(), response.headers());
        let body = read_body(call.what, response).await?;
        tracing::debug!(
            method = %call.method, path = call.path, status = status.as_u16(),
            request_id = request_id.as_deref(), "Procore answered"
        );
        if !status.is_success() {
            return Err(ProcoreError::from_answer(
                call.what,
                status.as_u16(),
                &String::from_utf8_lossy(&body),
                request_id,
                retry_after,
            )
            .without(token.expose_secret()));
        }
        let body = if body.iter().all(u8::is_ascii_whitespace) {
            Value::Null
        } else {
            let body =
                serde_json::from_slice(&body).map_err(|_| unreadable(call.what, "the answer is no JSON"))?;
            without_nulls(body)
        };
        Ok(Reply { body, next })
    }

    /// The token, asked for when there is none, when it has reached 90 % of its life, or when `refused` is still the
    /// one we hold. Whoever comes while another asks waits for the same answer.
    async fn token(&self, refused: Option<&SecretString>) -> Result<SecretString, ProcoreError> {
        let inner = &*self.inner;
        let mut held = inner.token.lock().await;
        if let Some(token) = &*held {
            let was_refused = refused.is_some_and(|old| old.expose_secret() == token.value.expose_secret());
            if !was_refused && Instant::now() < token.renew_at {
                return Ok(token.value.clone());
            }
        }
        *held = None;
        let what = "sign in to Procore";
        let secret = inner.account.client_secret.expose_secret();
        let url = inner
            .account
            .login_url
            .join(paths::TOKEN)
            .map_err(|_| unreadable(what, "the address could not be formed"))?;
        let asked = Instant::now();
        let response = inner
            .http
            .post(url)
            .timeout(REQUEST_TIMEOUT)
            .header(ACCEPT, "application/json")
            .form(&[
                ("grant_type", "client_credentials"),
                ("client_id", inner.account.client_id.as_str()),
                ("client_secret", secret),
            ])
            .send()
            .await
            .map_err(|error| transport(what, &error))?;
        let status = response.status().as_u16();
        let request_id = header(response.headers(), "x-request-id").map(str::to_owned);
        let retry_after = self.retry_after(status, response.headers());
        let body = read_body(what, response).await?;
        if status != 200 {
            let error = ProcoreError::from_answer(
                what,
                status,
                &String::from_utf8_lossy(&body),
                request_id,
                retry_after,
            )
            .without(secret);
            // However it is put, it is about the credentials and never about the record that was at hand.
            let refused = (400..500).contains(&status) && !error.is_transient();
            return Err(if refused {
                error.of_kind(ErrorKind::Unauthorized)
            } else {
                error
            });
        }
        let answer: Value =
            serde_json::from_slice(&body).map_err(|_| unreadable(what, "the answer is no JSON"))?;
        let value = answer
            .get("access_token")
            .and_then(Value::as_str)
            .filter(|token| !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic()))
            .ok_or_else(|| unreadable(what, "the answer holds no token"))?;
        let life = answer
            .get("expires_in")
            .and_then(Value::as_u64)
            .unwrap_or(3600)
            .min(86_400);
        let token = Token {
            value: SecretString::from(value),
            renew_at: asked + Duration::from_secs(life) * 9 / 10,
        };
        *held = Some(token.clone());
        Ok(token.value)
    }

    /// Waits while the limit is used up, or says how long it would take.
    async fn pace(&self, what: &str) -> Result<(), ProcoreError> {
        let until = *self
            .inner
            .blocked_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(until) = until else { return Ok(()) };
        let Ok(wait) = (until - self.inner.clock.now()).to_std() else {
            return Ok(());
        };
        if wait > self.inner.patience.total {
            return Err(ProcoreError::new(ErrorKind::RateLimited, what).with_retry_after(Some(wait)));
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }

    fn note_limits(&self, headers: &HeaderMap) {
        let Some(remaining) = number(headers, "x-rate-limit-remaining") else {
            return;
        };
        let until = if remaining <= 0 {
            self.until_reset(headers)
        } else {
            None
        };
        let until = until.and_then(|wait| {
            self.inner
                .clock
                .now()
                .checked_add_signed(TimeDelta::from_std(wait).ok()?)
        });
        *self
            .inner
            .blocked_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// How long until the limit's window begins anew.
    fn until_reset(&self, headers: &HeaderMap) -> Option<Duration> {
        let reset = number(headers, "x-rate-limit-reset")?;
        let left = reset.saturating_sub(self.inner.clock.now().timestamp());
        Some(Duration::from_secs(u64::try_from(left).unwrap_or(0)).min(LONGEST_WAIT))
    }

    /// The larger of `X-Rate-Limit-Reset` and `Retry-After`; Procore's pages disagree on which one comes.
    fn retry_after(&self, status: u16, headers: &HeaderMap) -> Option<Duration> {
        let asked = number(headers, "retry-after")
            .and_then(|seconds| u64::try_from(seconds).ok())
            .map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT));
        match status {
            429 => {
                let reset = self.until_reset(headers).unwrap_or_default();
                Some(
                    asked
                        .unwrap_or_default()
                        .max(reset)
                        .max(self.inner.patience.floor),
                )
            }
            503 => asked,
            _ => None,
        }
    }
}

/// Whether repeating the call at once can do no harm. A POST makes something: it is repeated only where it surely was
/// not carried out.
fn is_repeatable(method: &Method, error: &ProcoreError) -> bool {
    let untouched = matches!(error.kind(), ErrorKind::RateLimited | ErrorKind::Unreachable)
        || error.status() == Some(503);
    error.is_transient() && (method != Method::POST || untouched)
}

fn transport(what: &str, error: &reqwest::Error) -> ProcoreError {
    // The error's own text may hold the address; its kind says enough.
    let kind = if error.is_connect() {
        ErrorKind::Unreachable
    } else if error.is_timeout() {
        ErrorKind::Timeout
    } else if error.is_decode() {
        ErrorKind::Unreadable
    } else {
        // Cut in the middle: whether it was carried out is not known.
        ErrorKind::Timeout
    };
    ProcoreError::new(kind, what)
}

fn unreadable(what: &str, why: &str) -> ProcoreError {
    ProcoreError::new(ErrorKind::Unreadable, what).with_message(why)
}

async fn read_body(what: &str, mut response: Response) -> Result<Vec<u8>, ProcoreError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| transport(what, &error))? {
        if body.len() + chunk.len() > LARGEST_BODY {
            return Err(unreadable(what, "the answer is larger than 16 MiB"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    header(headers, name)?.trim().parse().ok()
}

/// An address at this host. Set part by part: joining `//elsewhere` would lead elsewhere.
fn address(base: &Url, path_and_query: &str) -> Url {
    let (path, query) = match path_and_query.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path_and_query, None),
    };
    let mut url = base.clone();
    url.set_path(path);
    url.set_query(query);
    url.set_fragment(None);
    url
}

/// The next page's path and query. The host of the link is not believed: the token stays with the address we know.
fn next_link(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all("link")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .find_map(next_of)
}

fn next_of(links: &str) -> Option<String> {
    let mut rest = links;
    while let Some((_, after)) = rest.split_once('<') {
        let (address, after) = after.split_once('>')?;
        let parameters = after.split('<').next().unwrap_or_default();
        let is_next = parameters.split([';', ',']).any(|parameter| {
            parameter.trim().split_once('=').is_some_and(|(name, value)| {
                name.trim().eq_ignore_ascii_case("rel")
                    && value
                        .trim()
                        .trim_matches('"')
                        .split_ascii_whitespace()
                        .any(|rel| rel == "next")
            })
        });
        if is_next {
            let base = Url::parse("https://api.invalid").ok()?;
            let url = base.join(address.trim()).ok()?;
            return Some(match url.query() {
                Some(query) => format!("{}?{query}", url.path()),
                None => url.path().to_owned(),
            });
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use axum::http::StatusCode;
    use serde_json::json;

    use super::*;
    use crate::procore::fake::{Answer, Fake};

    fn account(login: &str, api: &str) -> Result<ProcoreAccount, AccountError> {
        ProcoreAccount::new(
            login.parse().unwrap(),
            api.parse().unwrap(),
            7,
            "id".into(),
            SecretString::from("s3cr3t"),
        )
    }

    #[test]
    fn only_https_or_this_machine() {
        assert!(account("https://login.procore.com", "https://api.procore.com").is_ok());
        assert!(account("http://127.0.0.1:9/", "http://localhost:9/").is_ok());
        assert!(account("http://[::1]:9/", "https://x.example").is_ok());
        assert_eq!(
            account("http://login.procore.com", "https://api.procore.com").unwrap_err(),
            AccountError::NotHttps("login")
        );
        assert_eq!(
            account("https://l.example", "http://localhost.evil.example").unwrap_err(),
            AccountError::NotHttps("API")
        );
        assert_eq!(
            account("https://l.example", "https://u:p@a.example").unwrap_err(),
            AccountError::Credentials("API")
        );
        assert!(!format!("{:?}", account("https://l.example", "https://a.example")).contains("s3cr3t"));
    }

    #[test]
    fn next_page_keeps_our_host() {
        assert_eq!(
            next_of(
                r#"<https://evil.example/rest/v1.0/x?page=1&a=1,2>; rel="first", <https://evil.example/rest/v1.0/x?page=3&a=1,2>; rel="next""#
            ),
            Some("/rest/v1.0/x?page=3&a=1,2".to_owned())
        );
        assert_eq!(
            next_of("</rest/v1.0/x?page=2>; rel=next"),
            Some("/rest/v1.0/x?page=2".to_owned())
        );
        assert_eq!(next_of(r#"<https://a/x?page=9>; rel="last""#), None);
        assert_eq!(next_of("rubbish < and > more <"), None);
        let sly = next_of(r#"<https://a.example//evil.example/rest?page=2>; rel="next""#).unwrap();
        let base: Url = "https://api.procore.com/".parse().unwrap();
        assert_eq!(address(&base, &sly).host_str(), Some("api.procore.com"));
        assert_eq!(address(&base, &sly).query(), Some("page=2"));
    }

    #[tokio::test]
    async fn a_call_carries_token_and_company() {
        let fake = Fake::start(|_| Answer::ok(json!({"id": 1}))).await;
        let client = fake.client();
        assert_eq!(
            client.get("try", "/rest/v1.0/x", &[]).await.unwrap(),
            json!({"id": 1})
        );
        client
            .get("try", "/rest/v1.0/x", &[("page", "2".into())])
            .await
            .unwrap();
        let seen = fake.requests();
        assert_eq!(seen[0].header("procore-company-id"), Some("7"));
        assert_eq!(seen[0].header("authorization"), Some("Bearer token-1"));
        assert_eq!(seen[1].query, "page=2");
        assert_eq!(fake.tokens(), 1, "the token is kept");
    }

    #[tokio::test]
    async fn a_refused_token_is_renewed_once() {
        let fake = Fake::start(|request| match request.header("authorization") {
            Some("Bearer token-1") => Answer::of(
                StatusCode::UNAUTHORIZED,
                json!({"error": "The access token is invalid"}),
            ),
            _ => Answer::ok(json!([])),
        })
        .await;
        let client = fake.client();
        let (a, b) = tokio::join!(client.list("a", "/rest/a", &[]), client.list("b", "/rest/b", &[]));
        assert!(a.is_ok() && b.is_ok());
        assert_eq!(fake.tokens(), 2, "two callers, one renewal");
    }

    #[tokio::test]
    async fn credentials_that_are_refused_are_told_without_the_secret() {
        let fake = Fake::start(|_| Answer::ok(json!({}))).await;
        fake.refuse_tokens(
            StatusCode::BAD_REQUEST,
            json!({"error":"invalid_client","error_description":"s3cr3t is wrong"}),
        );
        let error = fake.client().get("try", "/rest/x", &[]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        assert!(error.to_string().contains("client id and secret"), "{error}");
        assert!(!format!("{error}{error:?}").contains("s3cr3t"));
    }

    #[tokio::test]
    async fn unavailable_is_repeated_and_a_post_is_not_sent_twice() {
        let fake = Fake::start(|request| match request.count {
            0 => Answer::of(StatusCode::BAD_GATEWAY, json!({})),
            _ => Answer::ok(json!({"ok": true})),
        })
        .await;
        let client = fake.client();
        assert!(client.get("try", "/rest/x", &[]).await.is_ok());
        assert_eq!(fake.requests().len(), 2);

        let fake = Fake::start(|_| Answer::of(StatusCode::BAD_GATEWAY, json!({}))).await;
        let error = fake
            .client()
            .write("make", Method::POST, "/rest/x", &[], &json!({}))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(fake.requests().len(), 1);
    }

    #[tokio::test]
    async fn a_long_limit_is_given_back_and_nothing_hammers() {
        let fake = Fake::start(|request| {
            Answer::of(StatusCode::TOO_MANY_REQUESTS, json!({"message": "surpassed"}))
                .with("x-rate-limit-remaining", "0")
                .with("x-rate-limit-reset", &(request.now + 900).to_string())
                .with("retry-after", "30")
        })
        .await;
        let client = fake.client();
        let error = client.get("try", "/rest/x", &[]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RateLimited);
        assert_eq!(
            error.retry_after(),
            Some(Duration::from_mins(15)),
            "the larger of both"
        );
        let again = client.get("try", "/rest/x", &[]).await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::RateLimited);
        assert_eq!(fake.requests().len(), 1, "the second call did not leave");
    }

    #[tokio::test]
    async fn a_short_limit_is_waited_out() {
        let fake = Fake::start(|request| match request.count {
            0 => Answer::of(StatusCode::TOO_MANY_REQUESTS, json!({})).with("x-rate-limit-remaining", "0"),
            _ => Answer::ok(json!(1)),
        })
        .await;
        assert_eq!(fake.client().get("try", "/rest/x", &[]).await.unwrap(), json!(1));
    }

    #[tokio::test]
    async fn lists_are_read_to_the_end() {
        let fake = Fake::start(|request| {
            if request.query.contains("page=2") {
                Answer::ok(json!({"data": [{"id": "3"}]}))
            } else {
                Answer::ok(json!({"data": [{"id": "1"}, {"id": "2"}]})).with(
                    "link",
                    r#"<https://elsewhere.example/rest/v2.0/x?page=2&per_page=2>; rel="next""#,
                )
            }
        })
        .await;
        let all = fake.client().list("list", "/rest/v2.0/x", &[]).await.unwrap();
        assert_eq!(all.len(), 3);
        assert_eq!(fake.requests()[1].query, "page=2&per_page=2");
    }

    #[tokio::test]
    async fn redirects_rubbish_and_endless_lists_are_refused() {
        let fake = Fake::start(|request| match request.path.as_str() {
            "/rest/moved" => {
                Answer::of(StatusCode::FOUND, json!({})).with("location", "https://evil.example/")
            }
            "/rest/rubbish" => Answer::text(StatusCode::OK, "<html>"),
            _ => Answer::ok(json!([])).with("link", r#"</rest/loop>; rel="next""#),
        })
        .await;
        let client = fake.client();
        for path in ["/rest/moved", "/rest/rubbish"] {
            assert_eq!(
                client.get("try", path, &[]).await.unwrap_err().kind(),
                ErrorKind::Unreadable
            );
        }
        assert_eq!(
            client.list("try", "/rest/loop", &[]).await.unwrap_err().kind(),
            ErrorKind::Unreadable
        );
    }

    #[tokio::test]
    async fn nobody_there_is_unreachable() {
        let fake = Fake::start(|_| Answer::ok(json!({}))).await;
        let client = fake.client();
        client.check_credentials().await.unwrap();
        fake.stop();
        let error = client.get("try", "/rest/x", &[]).await.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Unreachable | ErrorKind::Timeout),
            "{error:?}"
        );
        assert_eq!(fake.state.tokens.load(Ordering::SeqCst), 1);
    }
}
