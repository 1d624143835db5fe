//! A tiny HTTP server for this module's own tests: it records requests and answers by a function. What it claims about
//! Procore is only what each test states; the true stand-in is `simulators/procore`.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::StatusCode,
    response::Response,
};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::client::{Patience, ProcoreAccount, ProcoreClient, http_client};
use crate::clock::Clock;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
    /// How many came before it.
    pub(crate) count: usize,
    /// The client's clock, in seconds.
    pub(crate) now: i64,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// `PATCH /path`.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    pub(crate) fn ok(body: Value) -> Self {
        Self::of(StatusCode::OK, body)
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "tests read better with json!(…) by value"
    )]
    pub(crate) fn of(status: StatusCode, body: Value) -> Self {
        Self::text(status, &body.to_string())
    }

    pub(crate) fn text(status: StatusCode, body: &str) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

pub(crate) struct State {
    answer: Box<dyn Fn(&Seen) -> Answer + Send + Sync>,
    seen: Mutex<Vec<Seen>>,
    pub(crate) tokens: AtomicUsize,
    refusal: Mutex<Option<Answer>>,
    clock: Clock,
}

pub(crate) struct Fake {
    address: SocketAddr,
    pub(crate) state: Arc<State>,
    server: tokio::task::JoinHandle<()>,
}

impl Fake {
    pub(crate) async fn start(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let state = Arc::new(State {
            answer: Box::new(answer),
            seen: Mutex::new(Vec::new()),
            tokens: AtomicUsize::new(0),
            refusal: Mutex::new(None),
            clock: Clock::manual("2026-03-02T10:00:00Z".parse().unwrap()),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::clone(&state);
        let app = Router::new().fallback(move |request: Request| answer_to(Arc::clone(&shared), request));
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            address,
            state,
            server,
        }
    }

    pub(crate) fn client(&self) -> ProcoreClient {
        let url: url::Url = format!("http://{}", self.address).parse().unwrap();
        let account =
            ProcoreAccount::new(url.clone(), url, 7, "id".into(), SecretString::from("s3cr3t")).unwrap();
        let patience = Patience {
            first: Duration::from_millis(1),
            total: Duration::from_secs(5),
            floor: Duration::from_millis(5),
        };
        ProcoreClient::with_patience(
            account,
            http_client().unwrap(),
            self.state.clock.clone(),
            patience,
        )
    }

    pub(crate) fn requests(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    pub(crate) fn tokens(&self) -> usize {
        self.state.tokens.load(Ordering::SeqCst)
    }

    pub(crate) fn refuse_tokens(&self, status: StatusCode, body: Value) {
        *self.state.refusal.lock().unwrap() = Some(Answer::of(status, body));
    }

    pub(crate) fn stop(&self) {
        self.server.abort();
    }
}

async fn answer_to(state: Arc<State>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, 64 << 20).await.unwrap();
    let answer = if parts.uri.path() == "/oauth/token" {
        let number = state.tokens.fetch_add(1, Ordering::SeqCst) + 1;
        let refusal = state.refusal.lock().unwrap().clone();
        refusal.unwrap_or_else(|| {
            Answer::ok(json!({"access_token": format!("token-{number}"), "token_type": "bearer", "expires_in": 5400}))
        })
    } else {
        let seen = Seen {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
                .collect(),
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
            count: state.seen.lock().unwrap().len(),
            now: state.clock.now().timestamp(),
        };
        let answer = (state.answer)(&seen);
        state.seen.lock().unwrap().push(seen);
        answer
    };
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(answer.body)).unwrap()
}
