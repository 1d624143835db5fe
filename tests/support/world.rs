//! The service in this process over a database of its own, and a Web Connector that a test plays by hand.

use std::{fmt::Write as _, time::Duration};

use chrono::{DateTime, Utc};
use plumbline::{
    app::{self, Parts, Running},
    clock::Clock,
    config::Serving,
    connections::{
        OWNER_ID, braced, passwords,
        settings::Settings,
        store::{self, Expected, NewConnection},
    },
    secrets::{self, Vault},
    tasks::{
        AnyTask,
        queue::{self, NewTask},
    },
};
use secrecy::SecretString;
use sqlx::PgPool;
use uuid::Uuid;

use super::database::TestDatabase;

pub const PASSWORD: &str = "right-password";
pub const WEBHOOK_AUTHORIZATION: &str = "Bearer webhook-secret";
const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";

/// The service and its database.
pub struct World {
    pub database: TestDatabase,
    pub service: Running,
    pub clock: Clock,
    pub url: String,
    pub serving: Serving,
}

/// A connection as a test needs it.
#[derive(Clone)]
pub struct Account {
    pub id: Uuid,
    pub user: String,
    pub file_id: Uuid,
}

pub fn serving() -> Serving {
    Serving {
        listen: "127.0.0.1:0".parse().unwrap(),
        public_url: "http://localhost:8080".parse().unwrap(),
        body_limit: 4,
        session_lease: 60,
        trust_forwarded_for: false,
        poll_every: 3600,
        keep_days: 30,
    }
}

impl World {
    pub async fn new() -> Self {
        Self::with(serving(), Clock::manual(at("2026-03-02T12:00:00Z"))).await
    }

    pub async fn with(serving: Serving, clock: Clock) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self::on(TestDatabase::new().await, serving, clock).await
    }

    async fn on(database: TestDatabase, mut serving: Serving, clock: Clock) -> Self {
        let service = app::start(Parts {
            db: database.pool.clone(),
            vault: vault(),
            clock: clock.clone(),
            serving: serving.clone(),
        })
        .await
        .unwrap();
        serving.listen = service.address;
        let url = format!("http://localhost:{}", service.address.port());
        Self {
            database,
            service,
            clock,
            url,
            serving,
        }
    }

    /// The service stops, and starts again on another database behind the same address. With it the one it ran on.
    pub async fn moved_to(self, database: impl AsyncFnOnce() -> TestDatabase) -> (Self, TestDatabase) {
        self.service.stop().await;
        self.database.pool.close().await;
        let moved = Self::on(database().await, self.serving, self.clock).await;
        (moved, self.database)
    }

    pub fn db(&self) -> &PgPool {
        &self.database.pool
    }

    /// A connection whose lists have been read; its Procore is at `procore`.
    pub async fn connect(&self, procore: &str, company: i64) -> Account {
        let id = Uuid::now_v7();
        let account = Account {
            id,
            user: format!("plumbline-{}", &id.simple().to_string()[20..]),
            file_id: Uuid::new_v4(),
        };
        let new = NewConnection {
            id,
            name: format!("Test {company}"),
            created_at: self.clock.now(),
            qbwc_username: account.user.clone(),
            qbwc_password_hash: passwords::hash(&SecretString::from(PASSWORD)).unwrap(),
            file_id: account.file_id,
            expected: Expected::default(),
            procore_login_url: procore.to_owned(),
            procore_api_url: procore.to_owned(),
            procore_company_id: company,
            procore_client_id: "client".to_owned(),
            procore_client_secret: vault()
                .seal(&SecretString::from("secret"), id.as_bytes())
                .unwrap(),
            webhook_token_sha256: secrets::sha256(WEBHOOK_AUTHORIZATION.as_bytes()),
            settings: Settings::default(),
        };
        // In one transaction: the schedules must not see it before its lists count as read.
        let mut transaction = self.db().begin().await.unwrap();
        store::insert(&mut *transaction, &new).await.unwrap();
        sqlx::query("update connections set mirror_ready = true, erp_requests_polled_at = $2 where id = $1")
            .bind(id)
            .bind(self.clock.now())
            .execute(&mut *transaction)
            .await
            .unwrap();
        transaction.commit().await.unwrap();
        account
    }

    pub async fn enqueue(&self, account: &Account, tasks: &[NewTask]) -> Vec<Uuid> {
        let mut db = self.db().acquire().await.unwrap();
        queue::enqueue(&mut db, account.id, self.clock.now(), tasks)
            .await
            .unwrap()
    }

    /// Status, failure code and messages of a task.
    pub async fn task(&self, id: Uuid) -> (String, Option<String>, String) {
        let (status, code, messages, reason): (String, Option<String>, serde_json::Value, Option<String>) =
            sqlx::query_as("select status, failure_code, messages, reason from tasks where id = $1")
                .bind(id)
                .fetch_one(self.db())
                .await
                .unwrap();
        (status, code, format!("{messages} {}", reason.unwrap_or_default()))
    }

    pub async fn end(self) {
        self.service.stop().await;
        self.database.close().await;
    }
}

pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// The key of [`vault`].
pub fn secret_key() -> SecretString {
    SecretString::from(KEY)
}

pub fn vault() -> Vault {
    Vault::new(&SecretString::from(KEY)).unwrap()
}

pub fn task(subject: &str, task: impl Into<AnyTask>) -> NewTask {
    NewTask {
        subject: subject.to_owned(),
        label: format!("Task {subject}"),
        task: task.into(),
        detail: None,
        erp_request_id: None,
        needs: Vec::new(),
        priority: queue::NORMAL,
    }
}

/// The answers of one SOAP call.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    /// The result's strings or its single value.
    pub fn values(&self) -> Vec<String> {
        let inner = between(&self.body, "Result>", "</");
        if self.body.contains("<string>") {
            return self
                .body
                .split("<string>")
                .skip(1)
                .map(|part| unescape(part.split("</string>").next().unwrap_or_default()))
                .collect();
        }
        vec![unescape(inner)]
    }

    pub fn text(&self) -> String {
        self.values().into_iter().next().unwrap_or_default()
    }

    pub fn number(&self) -> i32 {
        self.text()
            .parse()
            .unwrap_or_else(|_| panic!("no number: {}", self.body))
    }
}

/// A Web Connector that a test plays call by call. It shares nothing with the service but the protocol.
#[derive(Clone)]
pub struct Hand {
    http: reqwest::Client,
    url: String,
}

impl Hand {
    pub fn new(url: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            http: reqwest::Client::builder()
                .timeout(Duration::from_mins(1))
                .build()
                .unwrap(),
            url: format!("{url}/qbwc"),
        }
    }

    pub async fn post(&self, body: impl Into<reqwest::Body>) -> Answer {
        let response = self
            .http
            .post(&self.url)
            .header("content-type", "text/xml; charset=utf-8")
            .header("soapaction", "\"http://developer.intuit.com/x\"")
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(response.headers()["content-type"], "text/xml; charset=utf-8");
        Answer {
            status: response.status().as_u16(),
            body: response.text().await.unwrap(),
        }
    }

    pub async fn call(&self, operation: &str, parameters: &[(&str, &str)]) -> Answer {
        let parameters: Vec<String> = parameters
            .iter()
            .map(|(name, value)| format!("<{name}>{}</{name}>", escape(value)))
            .collect();
        let parameters = parameters.concat();
        self.post(format!(
            r#"<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><{operation} xmlns="http://developer.intuit.com/">{parameters}</{operation}></soap:Body></soap:Envelope>"#
        ))
        .await
    }

    pub async fn authenticate(&self, user: &str, password: &str) -> Vec<String> {
        self.call(
            "authenticate",
            &[("strUserName", user), ("strPassword", password)],
        )
        .await
        .values()
    }

    /// A session; panics unless there is work.
    pub async fn session(&self, account: &Account) -> String {
        let answer = self.authenticate(&account.user, PASSWORD).await;
        assert!(
            !["none", "nvu", "busy"].contains(&answer[1].as_str()),
            "{answer:?}"
        );
        answer[0].clone()
    }

    pub async fn send(&self, ticket: &str, hcp: &str) -> String {
        self.call(
            "sendRequestXML",
            &[
                ("ticket", ticket),
                ("strHCPResponse", hcp),
                ("strCompanyFileName", r"C:\QB\test.qbw"),
                ("qbXMLCountry", "US"),
                ("qbXMLMajorVers", "16"),
                ("qbXMLMinorVers", "0"),
            ],
        )
        .await
        .text()
    }

    /// As [`Self::send`]; the question whether our newest records are in the file is answered with yes.
    pub async fn send_work(&self, ticket: &str, hcp: &str) -> String {
        let request = self.send(ticket, hcp).await;
        if !is_probe(&request) {
            return request;
        }
        let progress = self.receive(ticket, &probed(&request, &[])).await;
        assert!((0..100).contains(&progress), "{progress}");
        self.send(ticket, "").await
    }

    pub async fn receive(&self, ticket: &str, response: &str) -> i32 {
        self.call(
            "receiveResponseXML",
            &[
                ("ticket", ticket),
                ("response", response),
                ("hresult", ""),
                ("message", ""),
            ],
        )
        .await
        .number()
    }

    pub async fn throw(&self, ticket: &str, hresult: &str) -> i32 {
        self.call(
            "receiveResponseXML",
            &[
                ("ticket", ticket),
                ("response", ""),
                ("hresult", hresult),
                ("message", "thrown by a test"),
            ],
        )
        .await
        .number()
    }

    pub async fn last_error(&self, ticket: &str) -> String {
        self.call("getLastError", &[("ticket", ticket)]).await.text()
    }

    pub async fn close(&self, ticket: &str) -> String {
        self.call("closeConnection", &[("ticket", ticket)]).await.text()
    }
}

/// What the Web Connector shows of the company file on its first call.
pub fn hcp(file_id: Uuid) -> String {
    hcp_of(&braced(file_id), "Test Builders", "US")
}

pub fn hcp_of(file_id: &str, company: &str, country: &str) -> String {
    format!(
        r#"<?xml version="1.0" ?><QBXML><QBXMLMsgsRs>{}</QBXMLMsgsRs></QBXML>"#,
        host_company(file_id, company, country)
    )
}

/// The three answers that tell which company file is open.
pub fn host_company(file_id: &str, company: &str, country: &str) -> String {
    format!(
        r#"<HostQueryRs requestID="0" statusCode="0" statusSeverity="Info" statusMessage="Status OK"><HostRet><ProductName>QuickBooks Premier</ProductName><MajorVersion>34</MajorVersion><MinorVersion>0</MinorVersion><Country>{country}</Country><SupportedQBXMLVersion>1.0</SupportedQBXMLVersion><SupportedQBXMLVersion>13.0</SupportedQBXMLVersion><SupportedQBXMLVersion>16.0</SupportedQBXMLVersion><IsAutomaticLogin>false</IsAutomaticLogin><QBFileMode>SingleUser</QBFileMode></HostRet></HostQueryRs><CompanyQueryRs requestID="1" statusCode="0" statusSeverity="Info" statusMessage="Status OK"><CompanyRet><IsSampleCompany>false</IsSampleCompany><CompanyName>{company}</CompanyName><DataExtRet><OwnerID>{}</OwnerID><DataExtName>FileID</DataExtName><DataExtType>STR255TYPE</DataExtType><DataExtValue>{file_id}</DataExtValue></DataExtRet></CompanyRet></CompanyQueryRs>"#,
        braced(OWNER_ID)
    )
}

/// Answers every `VendorAddRq` of a message set with success, in order.
pub fn vendors_added(request: &str) -> String {
    let set = between(request, "newMessageSetID=\"", "\"");
    let responses: Vec<String> = request
        .split("<VendorAddRq ")
        .skip(1)
        .enumerate()
        .map(|(n, part)| {
            let name = between(part, "<Name>", "</Name>");
            format!(
                r#"<VendorAddRs requestID="{n}" statusCode="0" statusSeverity="Info" statusMessage="Status OK"><VendorRet><ListID>{:X}-1770000001</ListID><TimeCreated>2026-03-02T08:00:00-08:00</TimeCreated><TimeModified>2026-03-02T08:00:00-08:00</TimeModified><EditSequence>1770000001</EditSequence><Name>{name}</Name><IsActive>true</IsActive></VendorRet></VendorAddRs>"#,
                name.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31) + u64::from(byte)) & 0xffff_ffff
            )
        })
        .collect();
    format!(
        r#"<?xml version="1.0" ?><QBXML><QBXMLMsgsRs newMessageSetID="{set}" messageSetStatusCode="0">{}</QBXMLMsgsRs></QBXML>"#,
        responses.concat()
    )
}

/// Whether a message set asks for records by their ids alone: are our newest ones in the file?
pub fn is_probe(request: &str) -> bool {
    ["><ListID>", "><TxnID>"].iter().any(|id| {
        request
            .split("QueryRq requestID=\"")
            .skip(1)
            .any(|query| query.contains(id))
    })
}

/// The answer to a probe in which every record is there, but those whose ids are among `gone`.
pub fn probed(request: &str, gone: &[&str]) -> String {
    let mut out = String::from(r#"<?xml version="1.0" ?><QBXML><QBXMLMsgsRs>"#);
    for part in request
        .split('<')
        .filter(|part| part.contains("QueryRq requestID"))
    {
        let kind = part.split("QueryRq").next().unwrap();
        let number = between(part, "requestID=\"", "\"");
        let query = between(
            request,
            &format!("requestID=\"{number}\">"),
            &format!("</{kind}QueryRq>"),
        );
        let key = if query.starts_with("<TxnID>") {
            "TxnID"
        } else {
            "ListID"
        };
        let id = between(query, &format!("<{key}>"), "</");
        let status = if gone.contains(&id) {
            "statusCode=\"500\" statusSeverity=\"Warn\" statusMessage=\"not found\"/>".to_owned()
        } else {
            format!(
                "statusCode=\"0\" statusSeverity=\"Info\" statusMessage=\"Status OK\"><{kind}Ret><{key}>{id}</{key}></{kind}Ret></{kind}QueryRs>"
            )
        };
        write!(out, "<{kind}QueryRs requestID=\"{number}\" {status}").unwrap();
    }
    out.push_str("</QBXMLMsgsRs></QBXML>");
    out
}

pub fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    text.split_once(from)
        .and_then(|(_, rest)| rest.split_once(to))
        .map_or("", |(found, _)| found)
}

pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

pub fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}

/// Waits for something that a worker does, by asking; never longer than ten seconds.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    for _ in 0..400 {
        if let Some(found) = ask().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("it did not happen: {what}");
}
