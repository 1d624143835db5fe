//! Procore's door and what follows behind it, over real HTTP and PostgreSQL: webhooks in, orders fetched and planned,
//! answers delivered, whatever the stand-in of Procore does meanwhile. The webhooks are posted by hand here.
#![allow(
    clippy::unwrap_used,
    clippy::similar_names,
    clippy::allow_attributes,
    reason = "a test that cannot go on panics"
)]

mod support;

use chrono::{DateTime, TimeDelta, Utc};
use plumbline::{
    app::{self, Parts},
    clock::Clock,
};
use secrecy::SecretString;
use serde_json::{Value, json};
use support::world::{
    Account, Hand, WEBHOOK_AUTHORIZATION, World, eventually, hcp, serving, vault, vendors_added,
};
use uuid::Uuid;

/// Tells itself apart from every word that an error message may hold.
const CLIENT_SECRET: &str = "xyzzy-4711-plugh";

/// The service, and a Procore with one company in which its app is installed.
struct Stage {
    world: World,
    procore: procore_simulator::Running,
    http: reqwest::Client,
    company: i64,
    account: Account,
}

impl Stage {
    async fn new() -> Self {
        // The stand-in tells the end of its limits by the real time.
        let world = World::with(serving(), Clock::manual(Utc::now())).await;
        let procore = procore_simulator::start(procore_simulator::Options::default())
            .await
            .unwrap();
        let http = reqwest::Client::new();
        let body = json!({"name": "Builders", "client_id": "client", "client_secret": CLIENT_SECRET});
        let made = post(&http, &format!("{}/control/companies", procore.url()), &body).await;
        let company = made["id"].as_i64().unwrap();
        let account = world.connect(&procore.url(), company).await;
        let sealed = vault()
            .seal(&SecretString::from(CLIENT_SECRET), account.id.as_bytes())
            .unwrap();
        sqlx::query("update connections set procore_client_secret = $2 where id = $1")
            .bind(account.id)
            .bind(sealed)
            .execute(world.db())
            .await
            .unwrap();
        Self {
            world,
            procore,
            http,
            company,
            account,
        }
    }

    async fn control(&self, path: &str, body: &Value) -> Value {
        post(&self.http, &format!("{}/control{path}", self.procore.url()), body).await
    }

    async fn of_company(&self, path: &str, body: &Value) -> Value {
        self.control(&format!("/companies/{}{path}", self.company), body)
            .await
    }

    async fn fault(&self, fault: &Value) {
        self.control("/faults", fault).await;
    }

    async fn state(&self) -> Value {
        let url = format!("{}/control/companies/{}/state", self.procore.url(), self.company);
        self.http.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// An order in Procore, unannounced, and its request detail.
    async fn order(&self, name: &str, data: &Value) -> (i64, i64) {
        let body = json!({"request_name": name, "request_data": data, "request_detail": {}});
        let made = self.of_company("/event", &body).await;
        (
            made["erp_request_ids"][0].as_i64().unwrap(),
            made["request_detail_ids"][0].as_i64().unwrap(),
        )
    }

    /// An order without a request detail of its own.
    async fn bare_order(&self, name: &str, data: &Value) -> i64 {
        let body = json!({"request_name": name, "request_data": data});
        self.of_company("/event", &body).await["erp_request_ids"][0]
            .as_i64()
            .unwrap()
    }

    /// A company of Procore's, ordered to QuickBooks; nothing is announced.
    async fn vendor_order(&self, name: &str) -> (i64, i64, i64) {
        let made = self
            .of_company("/vendors", &json!({"name": name, "is_active": true}))
            .await;
        let id = made["ids"][0].as_i64().unwrap();
        let made = self
            .of_company("/export", &json!({"what": "vendor", "ids": [id]}))
            .await;
        (
            id,
            made["erp_request_ids"][0].as_i64().unwrap(),
            made["request_detail_ids"][0].as_i64().unwrap(),
        )
    }

    async fn hook_as(&self, authorization: Option<&str>, body: impl Into<reqwest::Body>) -> (u16, String) {
        self.hook_of(&self.account.id.to_string(), authorization, body)
            .await
    }

    async fn hook_of(
        &self,
        connection: &str,
        authorization: Option<&str>,
        body: impl Into<reqwest::Body>,
    ) -> (u16, String) {
        let url = format!("{}/procore/webhooks/{connection}", self.world.url);
        let mut request = self
            .http
            .post(url)
            .header("content-type", "application/json")
            .body(body);
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn hook(&self, body: impl Into<reqwest::Body>) -> (u16, String) {
        self.hook_as(Some(WEBHOOK_AUTHORIZATION), body).await
    }

    /// Procore tells of an order.
    async fn announce(&self, order: i64) {
        let (status, words) = self.hook(v2(order, &ulid()).to_string()).await;
        assert_eq!((status, words.as_str()), (204, ""));
    }

    /// Status, problem and attempts of an order as the service keeps it.
    async fn row(&self, order: i64) -> Option<(String, Option<String>, i32)> {
        sqlx::query_as("select status, problem, attempts from erp_requests where erp_request_id = $1")
            .bind(order)
            .fetch_optional(self.world.db())
            .await
            .unwrap()
    }

    /// Waits until an order is in this state; its problem.
    async fn order_is(&self, order: i64, status: &str) -> String {
        eventually(&format!("order {order} is {status}"), async || {
            let (now, problem, _) = self.row(order).await?;
            (now == status).then(|| problem.unwrap_or_default())
        })
        .await
    }

    /// Waits until an order waits with a problem after this many attempts; the problem.
    async fn order_waits(&self, order: i64, attempts: i32) -> String {
        eventually(&format!("order {order} waits"), async || {
            let found: Option<Option<String>> = sqlx::query_scalar(
                "select problem from erp_requests
                 where erp_request_id = $1 and status = 'new' and attempts >= $2 and leased_until is null",
            )
            .bind(order)
            .bind(attempts)
            .fetch_optional(self.world.db())
            .await
            .unwrap();
            found.flatten()
        })
        .await
    }

    /// Waits until the user reads of an order; status and messages.
    async fn answered(&self, detail: i64) -> (String, String) {
        eventually(&format!("request detail {detail} is closed"), async || {
            let state = self.state().await;
            let detail = state["request_details"]
                .as_array()?
                .iter()
                .find(|found| found["id"] == detail)?
                .clone();
            let status = detail["status"].as_str()?.to_owned();
            (status != "in progress").then(|| (status, detail["messages"].to_string()))
        })
        .await
    }

    /// Waits, while time passes, until an order has been tried often enough to be given up; its problem.
    async fn order_is_given_up(&self, order: i64) -> String {
        // Eight times; each may take a while on a busy machine.
        for tries in 1..8 {
            self.order_waits(order, tries).await;
            self.later(600).await;
        }
        self.order_is(order, "failed").await
    }

    /// Waits, while time passes, until a request detail is closed: Procore's refusals are not the last word at once.
    async fn answered_in_time(&self, detail: i64) -> (String, String) {
        eventually(&format!("request detail {detail} is closed"), async || {
            self.later(60).await;
            let state = self.state().await;
            let details = state["request_details"].as_array()?;
            let found = details.iter().find(|found| found["id"] == detail)?;
            let status = found["status"].as_str()?.to_owned();
            (status != "in progress").then(|| (status, found["messages"].to_string()))
        })
        .await
    }

    async fn count(&self, table: &str) -> i64 {
        sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select count(*) from {table}")))
            .fetch_one(self.world.db())
            .await
            .unwrap()
    }

    /// Lets time pass, and the workers look.
    async fn later(&self, seconds: i64) {
        self.world.clock.advance(TimeDelta::seconds(seconds));
        sqlx::query("select pg_notify('plumbline_erp_requests', ''), pg_notify('plumbline_writebacks', '')")
            .execute(self.world.db())
            .await
            .unwrap();
    }

    /// The Web Connector runs; every vendor is written.
    async fn write_vendors(&self) {
        let hand = Hand::new(&self.world.url);
        let ticket = hand.session(&self.account).await;
        let shown = hcp(self.account.file_id);
        let request = hand.send(&ticket, &shown).await;
        assert!(request.contains("<VendorAddRq"), "{request}");
        assert_eq!(hand.receive(&ticket, &vendors_added(&request)).await, 100);
        hand.close(&ticket).await;
    }

    /// The same service again, in another process so to speak.
    async fn restart(self) -> Self {
        let World {
            database,
            service,
            clock,
            ..
        } = self.world;
        service.stop().await;
        let service = app::start(Parts {
            db: database.pool.clone(),
            vault: vault(),
            clock: clock.clone(),
            serving: serving(),
        })
        .await
        .unwrap();
        let url = format!("http://localhost:{}", service.address.port());
        Self {
            world: World {
                database,
                service,
                clock,
                url,
                serving: serving(),
            },
            ..self
        }
    }

    /// What Procore must never see has not been seen; then everything goes.
    async fn end(self) {
        let state = self.state().await;
        for rule in ["violations", "violations_without_company"] {
            assert_eq!(state[rule], json!([]), "{rule}");
        }
        // ARCHITECTURE, invariant 9.
        let texts: String = sqlx::query_scalar(
            "select coalesce((select string_agg(coalesce(problem, '') || call::text, ' ') from writebacks), '')
                 || coalesce((select string_agg(coalesce(problem, ''), ' ') from erp_requests), '')
                 || coalesce((select string_agg(messages::text || coalesce(reason, ''), ' ') from tasks), '')",
        )
        .fetch_one(self.world.db())
        .await
        .unwrap();
        for text in [texts, state["request_details"].to_string()] {
            assert!(!text.contains(CLIENT_SECRET), "{text}");
            assert!(!text.contains(WEBHOOK_AUTHORIZATION), "{text}");
        }
        self.procore.stop().await;
        self.world.end().await;
    }
}

async fn post(http: &reqwest::Client, url: &str, body: &Value) -> Value {
    let response = http.post(url).json(body).send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    assert!(status.is_success(), "{url} {body}: {status} {text}");
    serde_json::from_str(&text).unwrap_or_default()
}

fn ulid() -> String {
    Uuid::new_v4().simple().to_string()[..26].to_uppercase()
}

fn v2(order: i64, ulid: &str) -> Value {
    json!({
        "id": 5_982_324_300_946_918_154_i64, "ulid": ulid, "timestamp": "2026-03-02T10:00:06.000000Z",
        "metadata": {"source_user_id": null, "source_project_id": null, "source_operation_id": null,
            "source_company_id": null, "source_application_id": null},
        "user_id": 5447, "company_id": 8, "project_id": null, "api_version": "v2", "event_type": "create",
        "resource_name": "ERP Requests", "resource_id": order,
    })
}

fn v3(order: i64, ulid: &str) -> Value {
    let mut body = v2(order, ulid);
    body["api_version"] = json!("v3.0");
    body["related_resources"] = json!([]);
    body
}

fn v4(order: i64, ulid: &str) -> Value {
    json!({
        "id": ulid, "timestamp": "2026-03-02T10:00:06.619085Z", "reason": "create", "company_id": "8",
        "project_id": null, "user_id": "5447", "resource_type": "ERP Requests", "resource_id": order.to_string(),
    })
}

// ── the door ──────────────────────────────────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn adv_06_payloads_of_every_version_are_taken_and_their_orders_planned() {
    let stage = Stage::new().await;
    for (n, payload) in [v2, v3, v4].into_iter().enumerate() {
        let (_, order, _) = stage.vendor_order(&format!("Vendor {n}")).await;
        let (status, words) = stage.hook(payload(order, &ulid()).to_string()).await;
        assert_eq!((status, words.as_str()), (204, ""), "version {n}");
        assert_eq!(stage.order_is(order, "planned").await, "");
    }
    assert_eq!(stage.count("tasks").await, 3);
    stage.write_vendors().await;
    let vendors = eventually("all are linked", async || {
        let vendors = stage.state().await["vendors"].as_array()?.clone();
        vendors
            .iter()
            .all(|vendor| vendor["erp_status"] == "synced")
            .then_some(vendors)
    })
    .await;
    assert_eq!(vendors.len(), 3);
    stage.end().await;
}

#[tokio::test]
async fn adv_06_the_stand_ins_own_webhooks_arrive_in_every_version() {
    let stage = Stage::new().await;
    for version in ["v2.0", "v3.0", "v4.0"] {
        let token = post(
            &stage.http,
            &format!("{}/oauth/token", stage.procore.url()),
            &json!({"grant_type": "client_credentials", "client_id": "client", "client_secret": CLIENT_SECRET}),
        )
        .await["access_token"]
            .as_str()
            .unwrap()
            .to_owned();
        let hooks = format!(
            "{}/rest/v2.0/companies/{}/webhooks/hooks",
            stage.procore.url(),
            stage.company
        );
        let send = async |method: reqwest::Method, url: &str, body: Value| {
            let response = stage
                .http
                .request(method, url)
                .bearer_auth(&token)
                .header("procore-company-id", stage.company)
                .json(&body)
                .send()
                .await
                .unwrap();
            let status = response.status();
            let text = response.text().await.unwrap();
            assert!(status.is_success(), "{status} {text}");
            serde_json::from_str::<Value>(&text).unwrap_or_default()
        };
        let hook = send(
            reqwest::Method::POST,
            &hooks,
            json!({
                "payload_version": version, "namespace": "plumbline",
                "destination_url": format!("{}/procore/webhooks/{}", stage.world.url, stage.account.id),
                "destination_headers": {"Authorization": WEBHOOK_AUTHORIZATION},
            }),
        )
        .await;
        let id = hook["data"]["id"].as_str().unwrap().to_owned();
        send(
            reqwest::Method::POST,
            &format!("{hooks}/{id}/triggers"),
            json!({"resource_name": "ERP Requests", "event_type": "create"}),
        )
        .await;
        let (order, _) = stage.order("sync_vendors", &json!({})).await;
        stage.order_is(order, "planned").await;
        send(reqwest::Method::DELETE, &format!("{hooks}/{id}"), json!({})).await;
    }
    let state = stage.state().await;
    for delivery in state["deliveries"].as_array().unwrap() {
        assert!(
            delivery.to_string().contains("204"),
            "delivered at once: {delivery}"
        );
    }
    stage.end().await;
}

#[tokio::test]
async fn wrong_missing_and_strange_authorization_is_401_and_nothing_is_stored() {
    let stage = Stage::new().await;
    let (order, _) = stage.order("sync_vendors", &json!({})).await;
    let body = || v2(order, &ulid()).to_string();
    let mut answers = Vec::new();
    for authorization in [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer webhook-secre"),
        Some("bearer webhook-secret"),
        Some("webhook-secret"),
        Some("Basic d2ViaG9vazpzZWNyZXQ="),
    ] {
        let (status, words) = stage.hook_as(authorization, body()).await;
        assert_eq!(status, 401, "{authorization:?}");
        answers.push(words);
    }
    for connection in [
        Uuid::now_v7().to_string(),
        "nonsense".to_owned(),
        "%00".to_owned(),
        "0".to_owned(),
    ] {
        let (status, words) = stage
            .hook_of(&connection, Some(WEBHOOK_AUTHORIZATION), body())
            .await;
        assert_eq!(status, 401, "{connection}");
        answers.push(words);
    }
    // Nobody learns which of the two was wrong.
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(stage.count("webhook_inbox").await, 0);
    assert_eq!(stage.count("erp_requests").await, 0);
    stage.end().await;
}

#[tokio::test]
async fn duplicates_change_nothing() {
    let stage = Stage::new().await;
    let (_, order, _) = stage.vendor_order("Once").await;
    let ulid = ulid();
    let body = v2(order, &ulid).to_string();
    let (first, second, third) = tokio::join!(
        stage.hook(body.clone()),
        stage.hook(body.clone()),
        stage.hook(body.clone())
    );
    assert_eq!((first.0, second.0, third.0), (204, 204, 204));
    stage.order_is(order, "planned").await;
    // Again after the order is planned, by the ulid in v4's id, and without a ulid by the number.
    assert_eq!(stage.hook(body).await.0, 204);
    assert_eq!(stage.hook(v4(order, &ulid).to_string()).await.0, 204);
    assert_eq!(stage.count("webhook_inbox").await, 1);
    let mut numbered = v2(order, "");
    numbered["ulid"] = Value::Null;
    for _ in 0..3 {
        assert_eq!(stage.hook(numbered.to_string()).await.0, 204);
    }
    assert_eq!(stage.count("webhook_inbox").await, 2);
    // A twin: another event about the same order.
    stage.announce(order).await;
    stage.later(3).await;
    stage.write_vendors().await;
    assert_eq!(stage.count("erp_requests").await, 1);
    assert_eq!(stage.count("tasks").await, 1);
    assert_eq!(
        stage
            .row(order)
            .await
            .map(|(status, _, attempts)| (status, attempts)),
        Some(("planned".to_owned(), 1))
    );
    stage.end().await;
}

#[tokio::test]
async fn what_is_no_webhook_is_refused_with_the_reason_and_nothing_is_stored() {
    let stage = Stage::new().await;
    let with = |field: &str, value: Value| {
        let mut body = v2(17, &ulid());
        body[field] = value;
        body.to_string()
    };
    let without = |field: &str| {
        let mut body = v2(17, &ulid());
        body.as_object_mut().unwrap().remove(field);
        body.to_string()
    };
    let mut nameless = v2(17, "");
    nameless["id"] = Value::Null;
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    for (body, words) in [
        (String::new(), "JSON"),
        ("{".to_owned(), "JSON"),
        ("<webhook/>".to_owned(), "JSON"),
        ("null".to_owned(), "object"),
        ("[]".to_owned(), "object"),
        ("17".to_owned(), "object"),
        (deep, "JSON"),
        (
            with("resource_id", json!(1)).replace("\"resource_id\":1", "\"resource_id\":1e999"),
            "JSON",
        ),
        (without("resource_id"), "resource_id is missing"),
        (without("resource_name"), "resource_name is missing"),
        (without("event_type"), "event_type is missing"),
        (nameless.to_string(), "ulid is missing"),
        (with("resource_id", json!("seventeen")), "resource_id is no id"),
        (with("resource_id", json!({"id": 17})), "resource_id is no id"),
        (with("resource_id", json!(-17)), "resource_id is no id"),
        (with("resource_id", json!(0)), "resource_id is no id"),
        (with("resource_id", json!(17.5)), "resource_id is no id"),
        (with("resource_id", json!(true)), "resource_id is no id"),
        (with("resource_id", json!(u64::MAX)), "resource_id is no id"),
        (
            with("resource_id", json!("99999999999999999999")),
            "resource_id is no id",
        ),
        (
            with("resource_name", json!(["ERP Requests"])),
            "resource_name is no text",
        ),
        (with("event_type", json!(7)), "event_type is no text"),
        (with("ulid", json!({})), "ulid is no text"),
        (with("ulid", json!("7".repeat(101))), "too long"),
        (with("company_id", json!("the company")), "company_id is no id"),
        (with("api_version", json!("v9.0")), "api_version is not known"),
    ] {
        let (status, said) = stage.hook(body.clone()).await;
        let shown = &body[..body.len().min(200)];
        assert_eq!(status, 400, "{shown}: {said}");
        assert!(said.contains(words), "{shown}: {said}");
    }
    // A notification has a few hundred bytes.
    let (status, said) = stage.hook(with("padding", json!("x".repeat(300 * 1024)))).await;
    assert!(status == 413 && !said.is_empty(), "{status} {said}");
    assert_eq!(stage.count("webhook_inbox").await, 0);
    assert_eq!(stage.count("erp_requests").await, 0);
    stage.end().await;
}

/// PostgreSQL takes no U+0000. Such a webhook must not look like a trouble of ours: Procore would send it for hours,
/// and everything behind it would wait.
#[tokio::test]
async fn a_webhook_with_a_null_character_is_taken_without_it() {
    let stage = Stage::new().await;
    for field in ["resource_name", "ulid", "user_id", "note\0"] {
        let mut body = v2(17, &ulid());
        body[field] = json!("a\0b");
        assert_eq!(
            stage.hook(body.to_string()).await,
            (204, String::new()),
            "{field}"
        );
    }
    assert_eq!(stage.count("webhook_inbox").await, 4);
    stage.end().await;
}

#[tokio::test]
async fn other_resources_are_kept_and_ignored() {
    let stage = Stage::new().await;
    for (name, event) in [
        ("Vendors", "create"),
        ("Projects", "update"),
        ("ERP Requests", "delete"),
        ("ERP Requests", "update"),
    ] {
        let mut body = v2(17, &ulid());
        body["resource_name"] = json!(name);
        body["event_type"] = json!(event);
        assert_eq!(stage.hook(body.to_string()).await.0, 204, "{name} {event}");
    }
    assert_eq!(stage.count("webhook_inbox").await, 4);
    assert_eq!(stage.count("erp_requests").await, 0);
    stage.end().await;
}

// ── fetching and planning ─────────────────────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn an_order_that_cannot_be_read_yet_is_read_a_moment_later() {
    let stage = Stage::new().await;
    stage.control("/webhooks", &json!({"unreadable_reads": 2})).await;
    let (_, order, _) = stage.vendor_order("Early").await;
    stage.announce(order).await;
    for attempt in 1..=2 {
        let problem = stage.order_waits(order, attempt).await;
        assert!(problem.contains("does not show such a record"), "{problem}");
        stage.later(6).await;
    }
    assert_eq!(stage.order_is(order, "planned").await, "");
    assert_eq!(stage.count("tasks").await, 1);
    stage.end().await;
}

#[tokio::test]
async fn an_order_that_never_can_be_read_is_given_up_and_holds_up_nothing() {
    let stage = Stage::new().await;
    // Orders go by their number.
    stage.announce(7).await;
    let (_, order, _) = stage.vendor_order("Behind").await;
    stage.announce(order).await;
    for attempt in 1..8 {
        stage.order_waits(7, attempt).await;
        assert_eq!(stage.row(order).await.unwrap().0, "new");
        stage.later(6).await;
    }
    let problem = stage.order_is(7, "failed").await;
    assert!(problem.contains("ERP request 7"), "{problem}");
    stage.order_is(order, "planned").await;
    stage.end().await;
}

#[tokio::test]
async fn an_expired_token_is_renewed() {
    let stage = Stage::new().await;
    let (order, _) = stage.order("sync_vendors", &json!({})).await;
    stage.announce(order).await;
    stage.order_is(order, "planned").await;
    stage.control("/clock", &json!({"advance_seconds": 6_000})).await;
    let (order, _) = stage.order("sync_jobs", &json!({})).await;
    stage.announce(order).await;
    stage.order_is(order, "planned").await;
    assert_eq!(stage.row(order).await.unwrap().2, 1, "at the first attempt");
    stage.end().await;
}

#[tokio::test]
async fn a_429_without_retry_after_is_waited_out() {
    let stage = Stage::new().await;
    stage
        .control("/settings", &json!({"retry_after_on_429": false}))
        .await;
    // The end of the window, ten seconds off, stands in another header; most of it is over.
    stage.later(8).await;
    stage
        .fault(&json!({"kind": "status", "status": 429, "path": "/rest/"}))
        .await;
    let (order, _) = stage.order("sync_vendors", &json!({})).await;
    let began = std::time::Instant::now();
    stage.announce(order).await;
    stage.order_is(order, "planned").await;
    assert!(began.elapsed() > std::time::Duration::from_secs(2), "it waits");
    assert_eq!(stage.row(order).await.unwrap().2, 1);
    stage.end().await;
}

#[tokio::test]
async fn a_429_with_a_long_retry_after_holds_no_worker() {
    let stage = Stage::new().await;
    stage
        .fault(&json!({"kind": "status", "status": 429, "retry_after": 600, "path": "/rest/"}))
        .await;
    let (order, _) = stage.order("sync_vendors", &json!({})).await;
    stage.announce(order).await;
    let problem = stage.order_waits(order, 1).await;
    assert!(problem.contains("limit of requests"), "{problem}");
    let until: DateTime<Utc> =
        sqlx::query_scalar("select not_before from erp_requests where erp_request_id = $1")
            .bind(order)
            .fetch_one(stage.world.db())
            .await
            .unwrap();
    assert!(
        until >= stage.world.clock.now() + TimeDelta::seconds(599),
        "{until}"
    );
    stage.later(601).await;
    stage.order_is(order, "planned").await;
    stage.end().await;
}

#[tokio::test]
async fn errors_of_procores_servers_are_waited_out() {
    let stage = Stage::new().await;
    for status in [500, 502, 503] {
        stage
            .fault(&json!({"kind": "status", "status": status, "path": "/rest/"}))
            .await;
        let (order, _) = stage.order("sync_vendors", &json!({})).await;
        stage.announce(order).await;
        stage.order_is(order, "planned").await;
    }
    stage.end().await;
}

#[tokio::test]
async fn connections_cut_before_and_in_the_middle_of_the_body_are_tried_again() {
    let stage = Stage::new().await;
    for kind in ["reset", "reset_before"] {
        stage.fault(&json!({"kind": kind, "path": "/rest/"})).await;
        let (order, _) = stage.order("sync_vendors", &json!({})).await;
        stage.announce(order).await;
        stage.order_is(order, "planned").await;
    }
    // The same of an answer's delivery: done twice or once, the user reads it.
    for kind in ["reset", "reset_before"] {
        stage
            .fault(&json!({"kind": kind, "method": "PATCH", "path": "/rest/"}))
            .await;
        let (order, detail) = stage.order("fly_to_the_moon", &json!({})).await;
        stage.announce(order).await;
        assert_eq!(stage.answered(detail).await.0, "failed");
    }
    stage.end().await;
}

/// A proxy's page is no answer of Procore's, and no reason to forget an order whose user waits.
#[tokio::test]
async fn an_answer_that_is_no_order_is_not_the_last_word() {
    let stage = Stage::new().await;
    stage
        .fault(&json!({"kind": "status", "status": 200, "path": "/rest/", "body": "We are back soon"}))
        .await;
    let (order, _) = stage.order("sync_vendors", &json!({})).await;
    stage.announce(order).await;
    for _ in 0..40 {
        let row = stage.row(order).await.unwrap();
        assert_ne!(row.0, "failed", "{row:?}");
        if row.0 == "planned" {
            break;
        }
        stage.later(200).await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    stage.order_is(order, "planned").await;
    stage.end().await;
}

#[tokio::test]
async fn an_uninstalled_app_waits_until_it_is_back() {
    let stage = Stage::new().await;
    stage
        .of_company("/uninstall", &json!({"client_id": "client"}))
        .await;
    let (order, _) = stage.order("sync_vendors", &json!({})).await;
    stage.announce(order).await;
    let problem = stage.order_waits(order, 1).await;
    assert!(problem.contains("not installed"), "{problem}");
    stage
        .of_company("/uninstall", &json!({"client_id": "client", "installed": true}))
        .await;
    stage.later(3_000).await;
    stage.order_is(order, "planned").await;
    stage.end().await;
}

#[tokio::test]
async fn wrong_credentials_are_told_without_the_secret() {
    let stage = Stage::new().await;
    stage
        .fault(&json!({"kind": "status", "status": 401, "path": "/oauth/token", "times": 2,
            "body": {"error": "invalid_client", "error_description": format!("client_secret {CLIENT_SECRET} is wrong")}}))
        .await;
    let (order, _) = stage.order("sync_vendors", &json!({})).await;
    stage.announce(order).await;
    let problem = stage.order_waits(order, 1).await;
    assert!(problem.contains("client id and secret"), "{problem}");
    assert!(problem.contains("***"), "{problem}");
    // `end` looks that the secret stands nowhere.
    stage.end().await;
}

#[tokio::test]
async fn every_shape_of_error_body_becomes_words() {
    let stage = Stage::new().await;
    let path = format!("/rest/v1.0/companies/{}/erp_requests/", stage.company);
    for (body, words) in [
        (json!({"errors": {"name": ["is too long"]}}), "name: is too long"),
        (json!({"errors": ["It is Sunday"]}), "It is Sunday"),
        (json!({"errors": "It is Monday"}), "It is Monday"),
        (json!({"message": "It is Tuesday"}), "It is Tuesday"),
        (
            json!({"code": 422, "message": "It is Wednesday"}),
            "It is Wednesday",
        ),
        (
            json!({"error": {"code": "BAD_REQUEST", "message": "Bad", "details": [
                {"reason_code": "BLANK", "message": "Name can't be blank", "source": "name"}]}}),
            "Name can't be blank",
        ),
        (json!("It is Friday"), "It is Friday"),
        (json!({}), "Procore refused the content"),
    ] {
        stage
            .fault(&json!({"kind": "status", "status": 422, "path": path, "body": body, "times": 8}))
            .await;
        let (order, detail) = stage.order("sync_vendors", &json!({})).await;
        stage.announce(order).await;
        let problem = stage.order_is_given_up(order).await;
        assert!(problem.contains(words), "{problem}");
        assert!(!problem.contains('{'), "{problem}");
        // Whoever pressed the button reads it too, and may press it again.
        let (status, messages) = stage.answered_in_time(detail).await;
        assert_eq!(status, "failed");
        assert!(
            messages.contains(words) && messages.contains("Export it again"),
            "{messages}"
        );
    }
    stage.end().await;
}

// ── orders that make no sense ─────────────────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn an_unknown_event_is_kept_and_answered() {
    let stage = Stage::new().await;
    let (order, detail) = stage.order("fly_to_the_moon", &json!({"rocket": 1})).await;
    stage.announce(order).await;
    let (status, messages) = stage.answered(detail).await;
    assert_eq!(status, "failed");
    assert!(messages.contains("fly_to_the_moon"), "{messages}");
    assert!(
        messages.contains("Nothing was changed in QuickBooks"),
        "{messages}"
    );
    let (name, data): (String, Value) =
        sqlx::query_as("select request_name, request_data from erp_requests where erp_request_id = $1")
            .bind(order)
            .fetch_one(stage.world.db())
            .await
            .unwrap();
    assert_eq!(name, "fly_to_the_moon");
    assert_eq!(data["request_data"]["rocket"], 1);
    assert_eq!(stage.count("tasks").await, 0);
    stage.end().await;
}

fn commitment(line: &Value, more: &Value) -> Value {
    let mut commitment = json!({
        "id": 7, "type": "WorkOrderContract", "number": "SC-1", "status": "Approved", "accounting_method": "amount",
        "project": {"id": 3, "origin_id": "80-1"}, "vendor": {"id": 4, "origin_id": "80-2"},
    });
    for (key, value) in more.as_object().unwrap() {
        commitment[key] = value.clone();
    }
    let mut item = json!({
        "id": 8, "description": "Work", "amount": "100.00", "quantity": 0, "unit_cost": 0,
        "cost_code": {"id": 5, "full_code": "01-100", "origin_id": "80-1|80-3"},
    });
    for (key, value) in line.as_object().unwrap() {
        item[key] = value.clone();
    }
    json!({"commitment": commitment, "commitment_items": [item], "job_id": "80-1"})
}

#[tokio::test]
async fn malformed_orders_are_answered_with_the_fields_name_and_nothing_is_written() {
    let stage = Stage::new().await;
    let mut waiting = Vec::new();
    for (name, data, words) in [
        ("create_vendor", json!({}), "vendor is missing"),
        ("create_vendor", json!({"vendor": [1]}), "vendor is no object"),
        (
            "create_vendor",
            json!({"vendor": {"name": "x"}}),
            "vendor.id is missing",
        ),
        (
            "create_vendor",
            json!({"vendor": {"id": 1}}),
            "vendor.name is missing",
        ),
        (
            "create_vendor",
            json!({"vendor": {"id": "one", "name": "x"}}),
            "vendor.id is no id",
        ),
        (
            "create_vendor",
            json!({"vendor": {"id": 1, "name": {}}}),
            "vendor.name",
        ),
        (
            "create_vendor",
            json!({"vendor": {"id": 1, "name": "x", "is_active": "yes"}}),
            "is_active",
        ),
        (
            "create_or_update_job",
            json!({"job": {"id": 1}}),
            "job.name is missing",
        ),
        (
            "create_or_update_job",
            json!({"job": {"id": 1, "name": "x"}, "all_cost_codes": 5}),
            "all_cost_codes is no list",
        ),
        (
            "create_commitment",
            json!({"commitment": {}}),
            "commitment.type is missing",
        ),
        (
            "create_commitment",
            commitment(&json!({}), &json!({"type": "Prenup"})),
            "Prenup",
        ),
        (
            "create_commitment",
            commitment(&json!({"amount": "12abc"}), &json!({})),
            "amount is no number",
        ),
        (
            "create_commitment",
            commitment(&json!({"amount": "1e30"}), &json!({})),
            "amount",
        ),
        (
            "create_commitment",
            commitment(&json!({"amount": "9".repeat(60)}), &json!({})),
            "amount is no number",
        ),
        (
            "create_commitment",
            commitment(&json!({"amount": 1e300}), &json!({})),
            "amount is no number",
        ),
        (
            "create_commitment",
            commitment(&json!({"quantity": [1]}), &json!({})),
            "quantity is no number",
        ),
        (
            "create_commitment",
            commitment(&json!({"cost_code": null}), &json!({})),
            "cost_code is missing",
        ),
        (
            "create_commitment",
            commitment(&json!({}), &json!({"contract_date": "31/31/2026"})),
            "contract_date is no date",
        ),
        (
            "create_commitment",
            commitment(&json!({}), &json!({"contract_date": "2026-02-30"})),
            "contract_date is no date",
        ),
        (
            "create_commitment",
            commitment(&json!({}), &json!({"due_date": "0001-01-01"})),
            "due_date is no date",
        ),
        (
            "create_requisitions",
            json!({"requisitions": "all"}),
            "requisitions is no list",
        ),
        (
            "create_standard_cost_codes",
            json!({"standard_cost_codes": {"id": 1}}),
            "is no list",
        ),
        (
            "sync_standard_cost_codes",
            json!({"standard_cost_code_list_id": "the list"}),
            "standard_cost_code_list_id",
        ),
    ] {
        let (order, detail) = stage.order(name, &data).await;
        stage.announce(order).await;
        waiting.push((name, data, words, detail));
    }
    for (name, data, words, detail) in waiting {
        let (status, messages) = stage.answered(detail).await;
        assert_eq!(status, "failed", "{name} {data}: {messages}");
        assert!(messages.contains(words), "{name} {data}: {messages}");
        assert!(
            messages.contains("Nothing was changed in QuickBooks"),
            "{messages}"
        );
    }
    assert_eq!(stage.count("tasks").await, 0);
    stage.end().await;
}

#[tokio::test]
async fn comp_16_a_bad_invoice_of_a_batch_is_answered_alone() {
    let stage = Stage::new().await;
    let mut items = Vec::new();
    let mut details = Vec::new();
    let line = |amount: Value| {
        json!({"procore_requisition_item_id": 9, "requisition_item_type": "Billings::ContractItem",
            "amount": amount, "cost_code_id": 5, "cost_code_origin_id": "80-1|80-3"})
    };
    for (more, words) in [
        (json!({"billing_date": "2026-13-01"}), "billing_date is no date"),
        (json!({"line_items": "none"}), "line_items is no list"),
        (
            json!({"line_items": [line(json!("a lot"))]}),
            "amount is no number",
        ),
        (
            json!({"line_items": [line(json!("1000000000000000"))]}),
            "amount is too large",
        ),
        (json!({"line_items": [line(Value::Null)]}), "amount is missing"),
        (json!({"contract_id": 0}), "contract_id is no id"),
    ] {
        // A request detail to name.
        let (_, detail) = stage.order("reserved", &json!({})).await;
        let mut item = json!({
            "procore_requisition_id": 100 + items.len(), "invoice_number": "1", "billing_date": "2026-01-31",
            "contract_id": 7, "contract_origin_id": "8-1", "job_origin_id": "80-1", "request_detail_id": detail,
            "line_items": [line(json!("1.00"))],
        });
        for (key, value) in more.as_object().unwrap() {
            item[key] = value.clone();
        }
        items.push(item);
        details.push((detail, words));
    }
    let order = stage
        .bare_order("create_requisitions", &json!({"requisitions": items}))
        .await;
    stage.announce(order).await;
    for (detail, words) in details {
        let (status, messages) = stage.answered(detail).await;
        assert_eq!(status, "failed", "{messages}");
        assert!(messages.contains(words), "{words}: {messages}");
    }
    assert_eq!(stage.count("tasks").await, 0);
    stage.end().await;
}

#[tokio::test]
async fn request_data_that_is_no_json_is_kept_with_its_problem() {
    let stage = Stage::new().await;
    let order = stage
        .bare_order("create_vendor", &json!("{\"vendor\": {\"id\": 1, "))
        .await;
    stage.announce(order).await;
    let problem = stage.order_is(order, "planned").await;
    assert!(problem.contains("create_vendor cannot be read"), "{problem}");
    assert_eq!(stage.count("tasks").await, 0);
    stage.end().await;
}

/// PostgreSQL takes no U+0000. An order that holds one must not stop every order behind it.
#[tokio::test]
async fn an_order_with_a_null_character_holds_up_nothing() {
    let stage = Stage::new().await;
    let (poison, _) = stage
        .order(
            "create_vendor",
            &json!({"vendor": {"id": 1, "name": "Nul\0l & Sons"}}),
        )
        .await;
    let (_, behind, _) = stage.vendor_order("Behind").await;
    stage.announce(poison).await;
    stage.announce(behind).await;
    stage.order_is(behind, "planned").await;
    assert_eq!(stage.order_is(poison, "planned").await, "");
    assert_eq!(
        stage.count("tasks where label = 'Vendor ''Null & Sons'''").await,
        1
    );
    stage.end().await;
}

// ── the answers ───────────────────────────────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn external_data_that_procore_refuses_closes_the_detail_as_failed_with_words() {
    let stage = Stage::new().await;
    let (gone, order, detail) = stage.vendor_order("Gone").await;
    stage.announce(order).await;
    let (kept, order, other) = stage.vendor_order("Kept").await;
    stage.announce(order).await;
    stage.order_is(order, "planned").await;
    // Deleted in Procore while QuickBooks writes: its id has nowhere to go.
    let url = format!(
        "{}/control/companies/{}/records/vendor/{gone}",
        stage.procore.url(),
        stage.company
    );
    assert!(stage.http.delete(url).send().await.unwrap().status().is_success());
    stage.write_vendors().await;
    let (status, messages) = stage.answered_in_time(detail).await;
    assert_eq!(status, "failed");
    assert!(messages.contains("Entity with this ID not found"), "{messages}");
    assert!(messages.contains("Exporting it again is safe"), "{messages}");
    assert_eq!(stage.answered(other).await.0, "success");
    let state = stage.state().await;
    let vendors = state["vendors"].as_array().unwrap();
    let kept = vendors.iter().find(|vendor| vendor["id"] == kept).unwrap();
    assert_eq!(kept["erp_status"], "synced");
    stage.end().await;
}

#[tokio::test]
async fn external_data_refused_as_a_whole_is_no_success_either() {
    let stage = Stage::new().await;
    let (_, order, detail) = stage.vendor_order("Refused").await;
    stage.announce(order).await;
    stage.order_is(order, "planned").await;
    let path = format!("/rest/v1.0/companies/{}/external_data", stage.company);
    stage
        .fault(&json!({"kind": "status", "status": 422, "path": path, "times": 2, "body": {"errors": {"origin_id": ["has already been taken"]}}}))
        .await;
    stage.write_vendors().await;
    let (status, messages) = stage.answered_in_time(detail).await;
    assert_eq!(status, "failed");
    assert!(
        messages.contains("origin_id: has already been taken"),
        "{messages}"
    );
    stage.end().await;
}

#[tokio::test]
async fn a_write_that_happened_although_procore_said_503_is_repeated_without_harm() {
    let stage = Stage::new().await;
    let (_, order, detail) = stage.vendor_order("Twice").await;
    stage.announce(order).await;
    stage.order_is(order, "planned").await;
    stage
        .fault(&json!([
            {"kind": "status_after", "status": 503, "method": "PATCH", "path": format!("/rest/v1.0/companies/{}/external_data", stage.company)},
            {"kind": "status_after", "status": 502, "method": "PATCH", "path": format!("/rest/v1.0/companies/{}/erp_request_details", stage.company)},
        ]))
        .await;
    stage.write_vendors().await;
    assert_eq!(stage.answered(detail).await.0, "success");
    eventually("the outbox is empty", async || {
        (stage.count("writebacks where status = 'pending'").await == 0).then_some(())
    })
    .await;
    assert_eq!(stage.state().await["vendors"][0]["erp_status"], "synced");
    stage.end().await;
}

#[tokio::test]
async fn an_order_under_way_when_the_service_stops_is_planned_after_the_start() {
    let stage = Stage::new().await;
    stage
        .fault(&json!({"kind": "slow", "delay_ms": 1_000, "path": "/rest/"}))
        .await;
    let (_, order, _) = stage.vendor_order("Slow").await;
    stage.announce(order).await;
    eventually("it is being fetched", async || {
        (stage.row(order).await?.2 == 1).then_some(())
    })
    .await;
    let stage = stage.restart().await;
    assert_eq!(stage.row(order).await.unwrap().0, "new");
    // The lease of the process that is gone runs out.
    stage.later(130).await;
    stage.order_is(order, "planned").await;
    assert_eq!(stage.count("tasks").await, 1);
    stage.end().await;
}

#[tokio::test]
async fn answers_under_way_when_the_service_stops_are_delivered_after_the_start() {
    let stage = Stage::new().await;
    let (_, order, detail) = stage.vendor_order("Slow").await;
    stage.announce(order).await;
    stage.order_is(order, "planned").await;
    // Not before it is stopped: the call does not come back in time.
    stage
        .fault(&json!({"kind": "slow", "delay_ms": 1_500, "path": "/rest/", "method": "PATCH"}))
        .await;
    stage.write_vendors().await;
    let stage = stage.restart().await;
    stage.later(1).await;
    assert_eq!(stage.answered(detail).await.0, "success");
    assert_eq!(stage.state().await["vendors"][0]["erp_status"], "synced");
    stage.end().await;
}
