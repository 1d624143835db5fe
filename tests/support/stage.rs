//! The whole stage of a journey: the service over a database of its own, Procore, QuickBooks and its Web Connector, all on
//! loopback. The stand-ins are spoken to over HTTP only, as is the service.
//!
//! The verbs are what people do: an accountant clicks in Procore, a bookkeeper works in QuickBooks, the Web Connector runs.

use std::{path::PathBuf, time::Duration};

use plumbline::{
    clock::Clock,
    commands::connection::{Add, Reach, render_qwc},
    config::Serving,
    connections::{settings::change, store},
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    database::TestDatabase,
    world::{World, serving, vault},
};

/// Runs of the Web Connector before something that should have happened is given up.
const MOST_RUNS: usize = 60;

/// A stand-in's control API: plain JSON over HTTP.
#[derive(Clone, Debug)]
pub struct Remote {
    http: reqwest::Client,
    base: String,
}

impl Remote {
    pub fn new(base: &str) -> Self {
        Self {
            http: reqwest::Client::builder()
                .timeout(Duration::from_mins(1))
                .build()
                .unwrap(),
            base: base.trim_end_matches('/').to_owned(),
        }
    }

    /// Status and body of any call, whatever the answer.
    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn fine(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let (status, answer) = self.call(method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    pub async fn get(&self, path: &str) -> Value {
        self.fine("GET", path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Value {
        self.fine("POST", path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Value {
        self.fine("PATCH", path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Value {
        self.fine("DELETE", path, None).await
    }
}

/// What a test wants otherwise than usual.
pub struct Setting {
    pub serving: Serving,
    pub clock: Clock,
    pub quickbooks: quickbooks_simulator::Options,
    /// Changes of the connection's settings, `NAME=VALUE`, after the first run; the retainage item is chosen anyway.
    pub changes: Vec<String>,
    /// Choose the retainage item, as an administrator does before the first invoice.
    pub retainage_item: bool,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            serving: serving(),
            clock: Clock::System,
            quickbooks: quickbooks_simulator::Options::default(),
            changes: Vec::new(),
            retainage_item: true,
        }
    }
}

/// Records of the company file that a person would choose from.
#[derive(Clone, Debug)]
pub struct Books {
    pub income_account: String,
    pub expense_account: String,
    /// The customer "Acme Development".
    pub customer: String,
    /// The service item "Retainage Payable".
    pub retainage_item: String,
}

/// Everything that runs for a journey.
pub struct Stage {
    pub world: World,
    pub procore: Remote,
    pub quickbooks: Remote,
    /// The Procore company.
    pub company: i64,
    /// The connection's id.
    pub connection: Uuid,
    pub books: Books,
    running: (procore_simulator::Running, quickbooks_simulator::Running),
}

impl Stage {
    pub async fn new() -> Self {
        Self::with(Setting::default()).await
    }

    /// Everything started, connected and registered; QuickBooks' lists have been read once.
    pub async fn with(setting: Setting) -> Self {
        let country = setting.quickbooks.company.country.clone();
        let world = World::with(setting.serving, setting.clock.clone()).await;
        let running = (
            procore_simulator::start(procore_simulator::Options::default())
                .await
                .unwrap(),
            quickbooks_simulator::start(setting.quickbooks).await.unwrap(),
        );
        let procore = Remote::new(&running.0.url());
        let quickbooks = Remote::new(&running.1.url());
        let company = procore
            .post("/control/companies", &json!({"name": "Demo Builders"}))
            .await;
        let text = |key: &str| company[key].as_str().unwrap().to_owned();
        let reach = Reach {
            public_url: world.url.parse().unwrap(),
        };
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let add = Add {
            name: "Demo Builders".to_owned(),
            procore_company: company["id"].as_i64().unwrap(),
            procore_client_id: text("client_id"),
            procore_client_secret: text("client_secret").into(),
            procore_login_url: running.0.url().parse().unwrap(),
            procore_api_url: running.0.url().parse().unwrap(),
            company_name: None,
            company_file: None,
            country: Some(country),
            qwc_dir: Some(directory.join("qwc")),
            skip_registration: false,
            reach,
            json: false,
        };
        let added = add
            .add(world.db(), &vault(), &setting.clock, &directory)
            .await
            .unwrap();
        assert!(added.warnings.is_empty(), "{:?}", added.warnings);
        let connection = store::find(world.db(), added.id).await.unwrap().unwrap();
        let qwc = render_qwc(&connection, &add.reach.public_url, 5).unwrap();
        quickbooks
            .post(
                "/control/connector/register",
                &json!({"qwc": qwc, "password": added.qbwc_password.expose_secret()}),
            )
            .await;
        let books = bookkeeping(&quickbooks).await;
        let stage = Self {
            world,
            procore,
            quickbooks,
            company: add.procore_company,
            connection: added.id,
            books,
            running,
        };
        // The lists are read before anything is written.
        stage.run().await;
        let mut changes = setting.changes;
        if setting.retainage_item {
            changes.insert(
                0,
                format!("retainage_item_list_id={}", stage.books.retainage_item),
            );
        }
        if !changes.is_empty() {
            stage.set(&changes).await;
        }
        stage
    }

    /// The service stops, and starts again on another database behind the same address. With it the one it ran on.
    pub async fn moved_to(self, database: impl AsyncFnOnce() -> TestDatabase) -> (Self, TestDatabase) {
        let (world, old) = self.world.moved_to(database).await;
        (Self { world, ..self }, old)
    }

    /// What an administrator changes: `NAME=VALUE`.
    pub async fn set(&self, changes: &[String]) {
        change::set(
            self.world.db(),
            self.connection,
            changes,
            "Ann",
            &self.world.clock,
        )
        .await
        .unwrap();
    }

    // ---- Procore

    /// A path of the company in Procore's control API.
    pub fn of_company(&self, rest: &str) -> String {
        format!("/control/companies/{}{rest}", self.company)
    }

    /// Adds records in Procore: `path` is `/vendors`, `/commitments` … The whole answer.
    pub async fn make(&self, path: &str, body: &Value) -> Value {
        self.procore.post(&self.of_company(path), body).await
    }

    /// Adds records in Procore; their ids.
    pub async fn made(&self, path: &str, body: &Value) -> Vec<i64> {
        ids(&self.make(path, body).await["ids"])
    }

    /// Changes a record of Procore's directly.
    pub async fn edit(&self, item_type: &str, id: i64, body: &Value) {
        self.procore
            .patch(&self.of_company(&format!("/records/{item_type}/{id}")), body)
            .await;
    }

    /// The accountant presses Export. Nothing has run yet when this returns.
    pub async fn click(&self, what: &str, ids: &[i64], fields: Value) -> Value {
        let body = json!({"what": what, "ids": ids, "erp_custom_fields": fields});
        self.make("/export", &body).await
    }

    /// Export, then everything runs until all request details are closed.
    pub async fn export(&self, what: &str, ids: &[i64], fields: Value) {
        self.click(what, ids, fields).await;
        self.settle().await;
    }

    /// An export past Procore's own rules: pressed twice, or of what Procore would not offer. Nothing has run yet.
    pub async fn force(&self, what: &str, id: i64) {
        let body = json!({"what": what, "ids": [id], "force": true});
        self.make("/export", &body).await;
    }

    /// The accountant presses Refresh, `what` as in the stand-in's README, and everything runs until it is answered.
    pub async fn refresh(&self, what: &str) {
        let closed = self.closed().await;
        self.make("/refresh", &json!({"what": what})).await;
        self.settle_at_least(closed + 1).await;
    }

    /// How many request details are closed in Procore.
    pub async fn closed(&self) -> usize {
        let path = self.of_company("/request-details?wait_open=false");
        usize::try_from(self.procore.get(&path).await["closed"].as_u64().unwrap()).unwrap()
    }

    /// Everything in Procore.
    pub async fn state(&self) -> Value {
        self.procore.get(&self.of_company("/state")).await
    }

    /// One record of Procore: `list` is `vendors`, `commitments` …
    pub async fn record(&self, list: &str, id: i64) -> Value {
        find(&self.state().await, list, "id", &json!(id))
    }

    /// What the user reads of the last export of a record: status and messages as one text.
    pub async fn detail(&self, id: i64) -> (String, String) {
        let state = self.state().await;
        let details = array(&state, "request_details");
        let detail = details
            .iter()
            .rev()
            .find(|detail| detail["item_id"] == json!(id))
            .unwrap_or_else(|| panic!("no request detail of {id}: {details:?}"));
        let messages: Vec<String> = array(detail, "messages")
            .iter()
            .map(|message| {
                message
                    .as_str()
                    .map_or_else(|| message.to_string(), str::to_owned)
            })
            .collect();
        (text(detail, "status"), messages.join("\n"))
    }

    /// The last export of a record succeeded.
    pub async fn succeeded(&self, id: i64) {
        let (status, messages) = self.detail(id).await;
        assert_eq!(status, "success", "{messages}");
    }

    /// The last export of a record failed; what the user reads.
    pub async fn failed(&self, id: i64) -> String {
        let (status, messages) = self.detail(id).await;
        assert_eq!(status, "failed", "{messages}");
        messages
    }

    // ---- QuickBooks

    /// A person adds a record in QuickBooks; its id.
    pub async fn person_adds(&self, kind: &str, fields: &Value) -> String {
        person_adds(&self.quickbooks, kind, fields).await
    }

    /// Another application of the company file's machine sends this document.
    pub async fn qbxml(&self, document: &str) -> String {
        let url = format!("{}/control/qbxml", self.quickbooks.base);
        let request = self.quickbooks.http.post(url).body(document.to_owned());
        let answer = request.send().await.unwrap().text().await.unwrap();
        assert!(answer.contains("statusCode=\"0\""), "{answer}");
        answer
    }

    /// Everything in the company file.
    pub async fn file(&self) -> Value {
        self.quickbooks.get("/control/company-file").await
    }

    /// A list of the company file: `vendors`, `items`, `customers` …
    pub async fn list(&self, list: &str) -> Vec<Value> {
        array(&self.file().await["lists"], list)
    }

    /// Transactions of the company file: `purchase_orders`, `bills` …
    pub async fn transactions(&self, kind: &str) -> Vec<Value> {
        array(&self.file().await["transactions"], kind)
    }

    /// "Update Selected" in the Web Connector, which must not end in an error.
    pub async fn run(&self) -> Value {
        let ran = self
            .quickbooks
            .post("/control/connector/update", &json!({}))
            .await;
        assert!(
            ran["error_code"].is_null(),
            "the Web Connector stopped: {} {}\n{ran}",
            ran["error_code"],
            ran["status_text"]
        );
        ran
    }

    /// Runs the Web Connector until no request detail is open.
    pub async fn settle(&self) {
        self.settle_at_least(0).await;
    }

    /// Runs the Web Connector until no request detail is open and so many are closed.
    pub async fn settle_at_least(&self, closed: usize) {
        let path = self.of_company(&format!("/request-details?timeout_ms=120&at_least={closed}"));
        for _ in 0..MOST_RUNS {
            let details = self.procore.get(&path).await;
            let enough = details["closed"].as_u64() >= u64::try_from(closed).ok();
            if details["open"].as_u64() == Some(0) && enough {
                return;
            }
            self.run().await;
        }
        let path = self.of_company("/request-details?wait_open=false");
        let details = self.procore.get(&path).await;
        panic!(
            "request details stay open in Procore: {details}\ntasks: {:?}",
            self.tasks().await
        );
    }

    // ---- the service

    /// Label, status and what a person reads of every task, in order.
    pub async fn tasks(&self) -> Vec<(String, String, String)> {
        sqlx::query_as(
            "select label, status, coalesce(reason, '') || ' ' || coalesce(messages::text, '') from tasks
             where connection_id = $1 order by seq",
        )
        .bind(self.connection)
        .fetch_all(self.world.db())
        .await
        .unwrap()
    }

    /// How many orders of Procore have reached the service.
    pub async fn orders(&self) -> i64 {
        sqlx::query_scalar("select count(*) from erp_requests where connection_id = $1")
            .bind(self.connection)
            .fetch_one(self.world.db())
            .await
            .unwrap()
    }

    /// Waits until every order of Procore that has reached the service is planned, and at least `many` in all have.
    pub async fn planned(&self, many: i64) {
        let orders = async || {
            let (all, new): (i64, i64) = sqlx::query_as(
                "select count(*), count(*) filter (where status = 'new') from erp_requests where connection_id = $1",
            )
            .bind(self.connection)
            .fetch_one(self.world.db())
            .await
            .unwrap();
            (all >= many && new == 0).then_some(())
        };
        super::world::eventually("the orders are planned", orders).await;
    }

    // ---- the end

    /// No rule of Procore's was broken, and the books are in order.
    pub async fn check(&self) {
        let state = self.state().await;
        assert_eq!(state["violations"], json!([]), "Procore's rules");
        assert_eq!(state["violations_without_company"], json!([]), "Procore's rules");
        let books = self.quickbooks.get("/control/invariants").await;
        assert_eq!(books["ok"], json!(true), "the books: {books}");
    }

    /// The last word of every journey: checks both sides and takes everything down.
    pub async fn end(self) {
        self.check().await;
        self.world.end().await;
        self.running.0.stop().await;
        self.running.1.stop().await;
    }
}

/// What the bookkeeper has set up.
async fn bookkeeping(quickbooks: &Remote) -> Books {
    let file = quickbooks.get("/control/company-file").await;
    let accounts = array(&file["lists"], "accounts");
    let account = |kind: &str| {
        let found = accounts.iter().find(|account| account["account_type"] == kind);
        text(found.unwrap_or_else(|| panic!("no {kind} account")), "id")
    };
    let income_account = account("Income");
    let expense_account = account("CostOfGoodsSold");
    let customer = person_adds(quickbooks, "customer", &json!({"name": "Acme Development"})).await;
    let retainage_item = person_adds(
        quickbooks,
        "item_service",
        &json!({"name": "Retainage Payable",
            "sales_and_purchase": {"income_account": income_account, "expense_account": expense_account}}),
    )
    .await;
    Books {
        income_account,
        expense_account,
        customer,
        retainage_item,
    }
}

async fn person_adds(quickbooks: &Remote, kind: &str, fields: &Value) -> String {
    let mut body = fields.clone();
    body["kind"] = json!(kind);
    text(&quickbooks.post("/control/records", &body).await, "id")
}

/// The numbers of a JSON list.
pub fn ids(value: &Value) -> Vec<i64> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_i64)
        .collect()
}

/// A list by its key; empty where there is none.
pub fn array(value: &Value, key: &str) -> Vec<Value> {
    value[key].as_array().cloned().unwrap_or_default()
}

/// A text by its key; empty where there is none.
pub fn text(value: &Value, key: &str) -> String {
    match &value[key] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

/// The one record of a list whose `key` is `wanted`.
pub fn find(value: &Value, list: &str, key: &str, wanted: &Value) -> Value {
    let records = array(value, list);
    let mut found = records.iter().filter(|record| record[key] == *wanted);
    let first = found
        .next()
        .unwrap_or_else(|| panic!("no {list} whose {key} is {wanted}: {records:?}"));
    assert!(found.next().is_none(), "{list}: {key} {wanted} stands twice");
    first.clone()
}
