//! What stands between the service and its callers: the Web Connector's and Procore's calls pass here and meet their
//! faults, and the promises a call carries are checked against the database before its answer leaves.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::{
    net::TcpStream,
    sync::{Mutex, Notify},
};

use crate::{
    connector::{self, SecondConnector, Went},
    director::Director,
    http::{Answer, Call, Fate, Forward},
    remote::Remote,
    service::Services,
    step::{Fault, Place},
};

/// How long the Web Connector of a run waits for an answer.
pub(crate) const CALLER_PATIENCE: Duration = Duration::from_secs(5);

/// The front door of a run.
#[derive(Debug)]
pub(crate) struct Front {
    /// Counts and strikes.
    pub(crate) director: Arc<Director>,
    /// The service.
    pub(crate) services: Arc<OnceLock<Arc<Services>>>,
    /// The database, past every relay.
    pub(crate) db: PgPool,
    /// QuickBooks' control API.
    pub(crate) quickbooks: Remote,
    /// Carries calls.
    pub(crate) forward: Forward,
    /// Set while nothing passes to PostgreSQL.
    pub(crate) stalled: Arc<AtomicBool>,
    /// The other Web Connector, once there is a password.
    pub(crate) second: OnceLock<SecondConnector>,
    /// Calls so far, for taking turns.
    pub(crate) turns: AtomicUsize,
    /// Whether two replicas take turns.
    pub(crate) alternate: AtomicBool,
    /// A session has been opened and not been closed.
    pub(crate) live: AtomicBool,
    /// PostgreSQL is or was in trouble: a fault of ours may then be answered with 500 or 503.
    pub(crate) database_trouble: AtomicBool,
    /// A webhook that waits for the next one.
    pub(crate) held_back: Mutex<Option<Call>>,
    /// Rings when a session has been opened.
    pub(crate) authenticated: Notify,
}

impl Front {
    /// What becomes of a call.
    pub(crate) async fn decide(self: Arc<Self>, call: Call) -> Fate {
        if call.method != hyper::Method::POST {
            return self.pass(&call).await.map_or(Fate::Dropped, Fate::Answered);
        }
        if call.path.starts_with("/procore/") {
            return self.webhook(call).await;
        }
        let Ok(operation) = connector::operation(&call.body) else {
            return self.pass(&call).await.map_or(Fate::Dropped, Fate::Answered);
        };
        self.soap(call, &operation).await
    }

    fn services(&self) -> Option<&Arc<Services>> {
        self.services.get()
    }

    /// Whose turn it is.
    fn replica(&self) -> usize {
        let replicas = self.services().map_or(1, |services| services.ports.len());
        if self.alternate.load(Ordering::SeqCst) {
            self.turns.fetch_add(1, Ordering::SeqCst) % replicas
        } else {
            0
        }
    }

    /// To this replica; to the other one, as a load balancer would, if it does not listen.
    async fn pass_to(&self, replica: usize, call: &Call) -> Option<Answer> {
        let ports = &self.services()?.ports;
        let mut port = ports.get(replica).copied()?;
        if ports.len() > 1 && TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            port = ports[(replica + 1) % ports.len()];
        }
        self.forward.call(&format!("http://127.0.0.1:{port}"), call).await
    }

    async fn pass(&self, call: &Call) -> Option<Answer> {
        self.pass_to(self.replica(), call).await
    }

    async fn kill(&self, replica: usize) {
        if let Some(services) = self.services()
            && let Err(error) = services.kill(replica).await
        {
            self.director
                .broken(format!("the service could not be started again: {error:#}"));
        }
    }

    /// Replaces every replica, waiting for each to be back.
    async fn replace_one_by_one(&self) {
        let Some(services) = self.services() else { return };
        for replica in 0..services.ports.len() {
            self.terminate(replica).await;
            if let Err(error) = services.ready().await {
                self.director
                    .broken(format!("a replica did not come back: {error:#}"));
            }
        }
        self.director.note("both replicas are replaced");
    }

    /// SIGTERM; it must end by itself, without an error.
    async fn terminate(&self, replica: usize) {
        let Some(services) = self.services() else { return };
        match services.restart(replica).await {
            Ok(Some(0)) => {}
            Ok(None) if self.director.has_killed() => {}
            Ok(code) => self
                .director
                .broken(format!("the service did not stop in order: {code:?}")),
            Err(error) => self
                .director
                .broken(format!("the service could not be started again: {error:#}")),
        }
    }

    async fn soap(self: Arc<Self>, call: Call, operation: &str) -> Fate {
        let replica = self.replica();
        let fault = self.director.step(Place::Call, operation);
        match &fault {
            Some(Fault::KilledBefore) => {
                self.kill(replica).await;
                return Fate::Dropped;
            }
            Some(Fault::RequestLost) => return Fate::Dropped,
            Some(Fault::Late) => {
                let late = Arc::clone(&self);
                tokio::spawn(async move {
                    // After the caller has begun anew, or after a while.
                    let _ = tokio::time::timeout(Duration::from_secs(3), late.authenticated.notified()).await;
                    late.pass(&call).await;
                });
                return Fate::Dropped;
            }
            Some(Fault::TwoReplicas) => self.alternate.store(true, Ordering::SeqCst),
            Some(Fault::RollingRestart) => {
                self.alternate.store(true, Ordering::SeqCst);
                let front = Arc::clone(&self);
                tokio::spawn(async move { front.replace_one_by_one().await });
            }
            Some(Fault::SecondConnector) => self.second_connector(operation, false).await,
            Some(Fault::TakenOver) => self.second_connector(operation, true).await,
            Some(Fault::ClockSetBack) => {
                if let Some(services) = self.services() {
                    services.advance(-2 * 3600).await;
                }
            }
            Some(Fault::PostgresRestarted) => {
                self.database_trouble.store(true, Ordering::SeqCst);
                self.crash_postgres().await;
            }
            Some(Fault::PoolExhausted) => {
                self.database_trouble.store(true, Ordering::SeqCst);
                self.stalled.store(true, Ordering::SeqCst);
                let front = Arc::clone(&self);
                tokio::spawn(async move {
                    let _held = front.director.hold();
                    // Longer than the service waits for a connection.
                    tokio::time::sleep(Duration::from_secs(11)).await;
                    front.stalled.store(false, Ordering::SeqCst);
                });
            }
            Some(Fault::DiskFull) => {
                self.database_trouble.store(true, Ordering::SeqCst);
                self.disk_full(true).await;
            }
            _ => {}
        }
        let answer = if fault == Some(Fault::Terminated) {
            tokio::join!(self.pass_to(replica, &call), self.terminate(replica)).0
        } else {
            self.pass_to(replica, &call).await
        };
        if fault == Some(Fault::DiskFull) {
            self.disk_full(false).await;
        }
        let Some(answer) = answer else {
            return Fate::Dropped;
        };
        self.promises(&call, operation, &answer).await;
        match fault {
            Some(Fault::KilledAfter) => {
                self.kill(replica).await;
                Fate::Dropped
            }
            Some(Fault::ReplicaKilledAfter) => {
                self.kill(replica).await;
                self.alternate.store(true, Ordering::SeqCst);
                self.turns.store(replica + 1, Ordering::SeqCst);
                Fate::Answered(answer)
            }
            Some(Fault::KilledAfterAnswer) => {
                let front = Arc::clone(&self);
                tokio::spawn(async move { front.kill(replica).await });
                self.seen(operation, &answer).await;
                Fate::Answered(answer)
            }
            Some(Fault::AnswerLost) => Fate::Dropped,
            Some(Fault::TooSlow) => {
                tokio::time::sleep(CALLER_PATIENCE + Duration::from_millis(500)).await;
                Fate::Dropped
            }
            Some(Fault::Twice) => {
                let again = self.pass(&call).await;
                if let Some(again) = &again
                    && ["sendRequestXML", "receiveResponseXML"].contains(&operation)
                    && again.body != answer.body
                {
                    self.director.broken(format!(
                        "{operation} was delivered twice and answered differently: {} / {}",
                        shown(&answer),
                        shown(again)
                    ));
                }
                let answer = again.unwrap_or(answer);
                self.seen(operation, &answer).await;
                Fate::Answered(answer)
            }
            Some(Fault::ConnectorKilled) => {
                // It reads no answer, and nobody calls closeConnection.
                let order = json!({"point": "close_lost"});
                let _ = self.quickbooks.post("/control/faults", &order).await;
                self.live.store(false, Ordering::SeqCst);
                Fate::Dropped
            }
            _ => {
                self.seen(operation, &answer).await;
                Fate::Answered(answer)
            }
        }
    }

    /// An answer is about to reach the Web Connector.
    async fn seen(&self, operation: &str, answer: &Answer) {
        let body = String::from_utf8_lossy(&answer.body);
        match operation {
            "authenticate" => {
                let opened = !["<string>none<", "<string>busy<", "<string>nvu<"]
                    .iter()
                    .any(|verb| body.contains(verb));
                self.live.store(opened, Ordering::SeqCst);
                if opened {
                    self.authenticated.notify_waiters();
                }
            }
            "closeConnection" => self.live.store(false, Ordering::SeqCst),
            "sendRequestXML" => {
                let document = connector::result(&body, operation).unwrap_or_default();
                if !document.is_empty()
                    && let Some(fault) = self.director.step(Place::Execution, &requests(&document))
                {
                    self.prepare_quickbooks(&fault, &document).await;
                }
            }
            _ => {}
        }
    }

    /// Orders at the stand-in what happens with the message set it is about to be given.
    async fn prepare_quickbooks(&self, fault: &Fault, document: &str) {
        let orders = match fault {
            Fault::ThrowsBefore(code) => json!([{"point": "before_execution", "hresult": code}]),
            Fault::ThrowsAfter(code) => json!([{"point": "after_commit", "hresult": code}]),
            Fault::ConnectorKilledBefore => json!([{"point": "killed_before_execution"}]),
            Fault::ConnectorKilledAfter => json!([{"point": "killed_after_execution"}]),
            Fault::ExecutedTwice => json!([{"point": "executed_twice"}]),
            Fault::StoreLost => json!([{"point": "set_response_lost"}, {"point": "response_undelivered"}]),
            Fault::NotStored => json!([{"point": "set_not_stored"}, {"point": "response_undelivered"}]),
            Fault::RequestStatus(status, words) => {
                let first = request_names(document).into_iter().next().unwrap_or_default();
                json!([{"point": "request_status", "status": status, "text": words, "only": first}])
            }
            Fault::Guilty => {
                let Some(name) = last_name(document) else { return };
                json!([{"point": "before_execution", "hresult": "0x80040400", "only": name, "times": 1000}])
            }
            _ => return,
        };
        if matches!(
            fault,
            Fault::ConnectorKilledBefore | Fault::ConnectorKilledAfter | Fault::StoreLost | Fault::NotStored
        ) {
            self.live.store(false, Ordering::SeqCst);
        }
        if let Err(error) = self.quickbooks.post("/control/faults", &orders).await {
            self.director
                .broken(format!("the stand-in would not take the fault: {error:#}"));
        }
    }

    /// What a call's answer promises must stand in the database before the answer leaves (DESIGN, invariants 1, 2, 8).
    async fn promises(&self, call: &Call, operation: &str, answer: &Answer) {
        let trouble = self.database_trouble.load(Ordering::SeqCst);
        if !answer.status.is_success() {
            if !trouble {
                self.director.broken(format!(
                    "{operation} was answered {} though PostgreSQL was there: {}",
                    answer.status,
                    shown(answer)
                ));
            }
            return;
        }
        let body = String::from_utf8_lossy(&answer.body);
        let said = String::from_utf8_lossy(&call.body);
        let kept = match operation {
            "sendRequestXML" => {
                let document = connector::result(&body, operation).unwrap_or_default();
                if document.is_empty() {
                    return;
                }
                if request_names(&document)
                    .iter()
                    .any(|name| !name.ends_with("QueryRq"))
                    && !document.contains("newMessageSetID=\"")
                {
                    self.director.broken(format!(
                        "a write left without a newMessageSetID: {}",
                        requests(&document)
                    ));
                }
                sqlx::query_scalar::<_, bool>("select exists (select from exchanges where request_xml = $1)")
                    .bind(document)
                    .fetch_one(&self.db)
                    .await
            }
            "receiveResponseXML" => {
                let response = connector::parameter(&said, "response").unwrap_or_default();
                let number =
                    connector::result(&body, operation).and_then(|number| number.parse::<i64>().ok());
                if response.is_empty() || number.is_none_or(|number| number < 0) {
                    return;
                }
                // A write may have been answered before, by another session: then that answer stands, in other words.
                let set = response
                    .split_once("newMessageSetID=\"")
                    .and_then(|(_, rest)| rest.split_once('"'))
                    .map(|(set, _)| set.to_owned());
                sqlx::query_scalar(
                    "select exists (select from exchanges where response_xml = $1
                         or message_set_id = $2 and state = 'answered')",
                )
                .bind(response)
                .bind(set)
                .fetch_one(&self.db)
                .await
            }
            _ => return,
        };
        match kept {
            Ok(true) => {}
            Ok(false) => self
                .director
                .broken(format!("the answer to {operation} left before it was stored")),
            // PostgreSQL has just been killed: then nobody can look.
            Err(error) if trouble => self.director.note(format!("not checked: {error}")),
            Err(error) => self
                .director
                .broken(format!("the database could not be asked: {error}")),
        }
    }

    async fn second_connector(&self, operation: &str, lease_ends: bool) {
        let Some(second) = self.second.get() else { return };
        let live = self.live.load(Ordering::SeqCst) && operation != "authenticate";
        if lease_ends && let Some(services) = self.services() {
            services.advance(61).await;
        }
        match second.session().await {
            Ok(Went::LetIn) if live && !lease_ends => {
                self.director.broken(
                    "a second Web Connector was let in while the first one's session was live".to_owned(),
                );
            }
            Ok(went) => self.director.note(format!("the second Web Connector: {went:?}")),
            Err(error) => self
                .director
                .broken(format!("the second Web Connector failed: {error:#}")),
        }
    }

    /// Kills one of PostgreSQL's processes, which makes it break all connections and recover from its log.
    async fn crash_postgres(&self) {
        let pid: Result<i32, sqlx::Error> = sqlx::query_scalar(
            "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() limit 1",
        )
        .fetch_one(&self.db)
        .await;
        match pid {
            Ok(pid) => {
                let _ = tokio::process::Command::new("kill")
                    .args(["-KILL", &pid.to_string()])
                    .status()
                    .await;
                self.director.note("PostgreSQL crashed");
                // Until it is down, and then until it is back: our own questions must not be lost with it.
                for (down, looks) in [(true, 30), (false, 1000)] {
                    for _ in 0..looks {
                        if sqlx::query("select 1").execute(&self.db).await.is_err() == down {
                            break;
                        }
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                }
            }
            Err(error) => self
                .director
                .broken(format!("PostgreSQL could not be crashed: {error}")),
        }
    }

    async fn disk_full(&self, full: bool) {
        let sql = if full {
            "insert into fault_disk_full values (true)"
        } else {
            "delete from fault_disk_full"
        };
        if let Err(error) = sqlx::query(sql).execute(&self.db).await {
            self.director
                .broken(format!("the disk could not be filled: {error}"));
        }
    }

    async fn webhook(self: Arc<Self>, call: Call) -> Fate {
        let replica = self.replica();
        let fault = self.director.step(Place::Webhook, "POST");
        match &fault {
            Some(Fault::KilledBefore) => {
                self.kill(replica).await;
                return Fate::Dropped;
            }
            Some(Fault::RequestLost) => return Fate::Dropped,
            Some(Fault::WebhookSwallowed) => return Fate::Answered(no_content()),
            Some(Fault::OutOfOrder) => {
                *self.held_back.lock().await = Some(call);
                let front = Arc::clone(&self);
                tokio::spawn(async move {
                    // If no other comes, it comes late.
                    tokio::time::sleep(Duration::from_millis(700)).await;
                    front.deliver_held_back().await;
                });
                return Fate::Answered(no_content());
            }
            Some(Fault::DiskFull) => {
                self.database_trouble.store(true, Ordering::SeqCst);
                self.disk_full(true).await;
            }
            _ => {}
        }
        let answer = self.pass_to(replica, &call).await;
        if fault == Some(Fault::DiskFull) {
            self.disk_full(false).await;
        }
        let Some(answer) = answer else {
            return Fate::Dropped;
        };
        if answer.status.is_success() {
            self.webhook_is_kept(&call).await;
        }
        self.deliver_held_back().await;
        match fault {
            Some(Fault::KilledAfter) => {
                self.kill(replica).await;
                Fate::Dropped
            }
            Some(Fault::AnswerLost) => Fate::Dropped,
            Some(Fault::Twice) => {
                let again = self.pass(&call).await;
                Fate::Answered(again.unwrap_or(answer))
            }
            _ => Fate::Answered(answer),
        }
    }

    async fn deliver_held_back(&self) {
        let held = self.held_back.lock().await.take();
        if let Some(call) = held {
            self.pass(&call).await;
        }
    }

    async fn webhook_is_kept(&self, call: &Call) {
        let payload: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let id = payload["resource_id"]
            .as_i64()
            .or_else(|| payload["resource_id"].as_str().and_then(|id| id.parse().ok()));
        let Some(id) = id else { return };
        let kept: Result<bool, sqlx::Error> =
            sqlx::query_scalar("select exists (select from webhook_inbox where resource_id = $1)")
                .bind(id)
                .fetch_one(&self.db)
                .await;
        match kept {
            Ok(true) => {}
            Ok(false) => self
                .director
                .broken(format!("webhook {id} was answered before it was stored")),
            Err(error) => self.director.note(format!("not checked: {error}")),
        }
    }
}

fn no_content() -> Answer {
    Answer {
        status: hyper::StatusCode::NO_CONTENT,
        headers: hyper::HeaderMap::new(),
        body: bytes::Bytes::new(),
    }
}

fn shown(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).chars().take(300).collect()
}

/// What names the last record of a document: an element that stands in whatever message set the record is in.
fn last_name(document: &str) -> Option<String> {
    ["RefNumber", "Name"].into_iter().find_map(|element| {
        let (_, rest) = document.rsplit_once(&format!("<{element}>"))?;
        let (name, _) = rest.split_once('<')?;
        Some(format!("<{element}>{name}<"))
    })
}

/// The requests of a document, each name once, in order.
pub(crate) fn request_names(document: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for part in document.split('<').skip(1) {
        let name = part.split([' ', '>', '/']).next().unwrap_or_default();
        if name.ends_with("Rq") && name != "QBXMLMsgsRq" && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// The requests of a document as the name of a step.
pub(crate) fn requests(document: &str) -> String {
    request_names(document).join("+")
}
