//! A small client, and a receiver for webhooks.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU16, Ordering},
};

use axum::{Router, extract::State, http::HeaderMap, routing::post};
use procore_simulator::{Options, Running};
use reqwest::{Method, StatusCode, header::HeaderMap as Headers};
use serde_json::{Value, json};

/// A stand-in with one company, and a token for it.
pub(crate) struct Procore {
    pub(crate) running: Running,
    pub(crate) http: reqwest::Client,
    pub(crate) company: i64,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) token: String,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: Headers,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Procore {
    pub(crate) async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    pub(crate) async fn start_with(options: Options) -> Self {
        let running = procore_simulator::start(options).await.unwrap();
        let mut procore = Self {
            running,
            http: reqwest::Client::new(),
            company: 0,
            client_id: "client".into(),
            client_secret: "secret".into(),
            token: String::new(),
        };
        procore.company = procore.add_company("Builders").await;
        procore.token = procore.new_token().await;
        procore
    }

    /// One more company for the same app.
    pub(crate) async fn add_company(&self, name: &str) -> i64 {
        let body = json!({"name": name, "client_id": self.client_id, "client_secret": self.client_secret});
        self.control("companies", body).await["id"].as_i64().unwrap()
    }

    pub(crate) async fn new_token(&self) -> String {
        let answer = self
            .http
            .post(format!("{}/oauth/token", self.running.url()))
            .form(&[
                ("grant_type", "client_credentials"),
                ("client_id", &self.client_id),
                ("client_secret", &self.client_secret),
            ])
            .send()
            .await
            .unwrap();
        answer.json::<Value>().await.unwrap()["access_token"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.running.url()))
            .bearer_auth(&self.token)
            .header("Procore-Company-Id", self.company)
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        answer(request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PATCH, path, Some(body)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    /// A path below the company.
    pub(crate) fn below(&self, rest: &str) -> String {
        format!("/rest/v1.0/companies/{}/{rest}", self.company)
    }

    /// A control call that must succeed.
    pub(crate) async fn control(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/control/{path}", self.running.url());
        let answer = answer(self.http.post(url).json(&body)).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        answer.body
    }

    pub(crate) async fn control_company(&self, path: &str, body: Value) -> Value {
        self.control(&format!("companies/{}/{path}", self.company), body)
            .await
    }

    pub(crate) async fn control_get(&self, path: &str) -> Value {
        let url = format!("{}/control/{path}", self.running.url());
        answer(self.http.get(url)).await.body
    }

    pub(crate) async fn state(&self) -> Value {
        self.control_get(&format!("companies/{}/state", self.company))
            .await
    }

    pub(crate) async fn violations(&self) -> Vec<String> {
        let state = self.state().await;
        let lists = [&state["violations"], &state["violations_without_company"]];
        let all = lists.into_iter().flat_map(|list| list.as_array().unwrap());
        all.map(|violation| violation["kind"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The one id a control call made.
    pub(crate) async fn make(&self, path: &str, body: Value) -> i64 {
        self.control_company(path, body).await["ids"][0].as_i64().unwrap()
    }

    /// Writes external data and expects no error.
    pub(crate) async fn sync_origin(&self, item_type: &str, id: i64, origin: &str) {
        let update = json!({"item_type": item_type, "item_id": id, "origin_id": origin});
        let answer = self
            .patch(&self.below("external_data/sync"), json!({"updates": [update]}))
            .await;
        assert_eq!(answer.body["errors"], json!([]));
    }
}

pub(crate) async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let text = answer.text().await.unwrap();
    Answer {
        status,
        headers,
        body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
    }
}

/// A receiver that keeps what it gets and answers with the status it is told.
#[derive(Clone, Default)]
pub(crate) struct Receiver {
    pub(crate) got: Arc<Mutex<Vec<(String, Value)>>>,
    status: Arc<AtomicU16>,
    changed: Arc<tokio::sync::Notify>,
}

impl Receiver {
    pub(crate) async fn start() -> (Self, String) {
        let receiver = Self::default();
        receiver.answer(204);
        let router = Router::new()
            .route("/hook", post(receive))
            .with_state(receiver.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, url)
    }

    pub(crate) fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// Waits until that many have come; fails after five seconds.
    pub(crate) async fn wait(&self, count: usize) -> Vec<Value> {
        let enough = async {
            loop {
                let changed = self.changed.notified();
                let got: Vec<Value> = self
                    .got
                    .lock()
                    .unwrap()
                    .iter()
                    .map(|(_, body)| body.clone())
                    .collect();
                if got.len() >= count {
                    return got;
                }
                changed.await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(5), enough)
            .await
            .expect("webhooks did not come")
    }
}

async fn receive(
    State(receiver): State<Receiver>,
    headers: HeaderMap,
    body: axum::Json<Value>,
) -> StatusCode {
    let authorization = headers
        .get("authorization")
        .map_or("", |value| value.to_str().unwrap())
        .to_owned();
    receiver.got.lock().unwrap().push((authorization, body.0));
    receiver.changed.notify_one();
    StatusCode::from_u16(receiver.status.load(Ordering::SeqCst)).unwrap()
}
