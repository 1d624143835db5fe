//! Figures of the service, printed: `cargo bench --bench service`, or parts of it (`-- polls batches singles backlog
//! answer imports`). Nothing here passes or fails by time.
//!
//! The service runs as its own process over a durable PostgreSQL (fsync on); this process plays the Web Connector, a
//! QuickBooks that answers at once, and a Procore that takes everything. Only the time the service takes is counted.

#![allow(
    clippy::allow_attributes,
    clippy::cast_precision_loss,
    clippy::format_collect,
    clippy::format_push_string,
    clippy::needless_raw_string_hashes,
    reason = "figures are printed, not computed with"
)]

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use plumbline::{
    connections::{
        OWNER_ID, braced, passwords,
        settings::Settings,
        store::{self, Expected, NewConnection},
    },
    database::{
        MIGRATOR, connect,
        embedded::{Cluster, Durability},
    },
    secrets::{self, Vault},
    tasks::{AnyTask, exports::vendor::VendorExport, imports::payments::PaymentsImport},
};
use secrecy::SecretString;
use sqlx::PgPool;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use uuid::Uuid;

#[path = "service/imports.rs"]
mod imports;

const PASSWORD: &str = "bench-password";

fn main() {
    // `cargo test --benches` runs this with --test: then there is nothing to do.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(run());
}

async fn run() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let quick = std::env::var_os("BENCH_QUICK").is_some();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target")
        .join("bench-postgres");
    let cluster = Cluster::start(&root, Durability::Durable).expect("PostgreSQL");
    let name = format!("bench_{}", Uuid::new_v4().simple());
    let options = cluster.create_database(&name).await.expect("a database");
    let db = connect(options, 10).await.expect("a pool");
    MIGRATOR.run(&db).await.expect("migrations");
    let procore = procore().await;
    let service = Service::start(&cluster.url(&name)).await;
    let bench = Bench { db, service, procore };

    println!(
        "machine: {} cores, durable commits (fsync on), release: {}\n",
        cores(),
        !cfg!(debug_assertions)
    );
    let wanted = |part: &str| {
        let mut named = std::env::args()
            .skip(1)
            .filter(|arg| !arg.starts_with('-'))
            .peekable();
        named.peek().is_none() || named.any(|arg| arg == part)
    };
    println!(
        "memory when idle                             {:>8.1} MB",
        bench.service.rss()
    );
    if wanted("polls") {
        bench.polls(if quick { 2_000 } else { 10_000 }).await;
        println!(
            "memory after the polls                       {:>8.1} MB",
            bench.service.rss()
        );
    }
    if wanted("batches") {
        bench.drain(20, if quick { 2_000 } else { 10_000 }).await;
    }
    if wanted("singles") {
        bench.drain(1, if quick { 300 } else { 2_000 }).await;
    }
    if wanted("backlog") {
        let mut per_task = Vec::new();
        for queued in if quick {
            vec![1_000, 10_000]
        } else {
            vec![1_000, 10_000, 100_000]
        } {
            per_task.push(bench.cost_with_backlog(queued).await);
        }
        println!(
            "cost per task, largest backlog over 1,000        {:>6.2} ×",
            per_task.last().copied().unwrap_or_default() / per_task.first().copied().unwrap_or(1.0)
        );
    }
    if wanted("answer") {
        bench
            .large_answer(if quick { 1_000_000 } else { 10_000_000 })
            .await;
    }
    if wanted("imports") {
        let tenth = if quick { 10 } else { 1 };
        bench
            .imports(imports::Sizes {
                vendors: 50_000 / tenth,
                bills: 20_000 / tenth,
                payments: 10_000 / tenth,
            })
            .await;
    }
    println!(
        "memory at the end                            {:>8.1} MB",
        bench.service.rss()
    );
    bench.service.stop();
    bench.db.close().await;
    let _ = cluster.stop();
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

struct Service {
    child: Child,
    address: String,
}

impl Service {
    async fn start(database_url: &str) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .expect("a port")
            .local_addr()
            .expect("an address")
            .port();
        let address = format!("127.0.0.1:{port}");
        let child = Command::new(env!("CARGO_BIN_EXE_plumbline"))
            .arg("serve")
            .env("DATABASE_URL", database_url)
            .env("PLUMBLINE_LISTEN", &address)
            .env("PLUMBLINE_SECRET_KEY", KEY)
            .env("PLUMBLINE_LOG", "error")
            .env("PLUMBLINE_SESSION_LEASE", "0")
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the service starts");
        let service = Self { child, address };
        let began = Instant::now();
        while TcpStream::connect(&service.address).await.is_err() {
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "the service does not listen"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        service
    }

    /// Resident memory, in MB.
    fn rss(&self) -> f64 {
        self.status("VmRSS:")
    }

    /// Highest resident memory, in MB.
    fn peak(&self) -> f64 {
        self.status("VmHWM:")
    }

    fn status(&self, field: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        status
            .lines()
            .find_map(|line| line.strip_prefix(field))
            .and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<f64>().ok())
            .unwrap_or_default()
            / 1024.0
    }

    /// Forgets the highest resident memory.
    fn reset_peak(&self) {
        let _ = std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5");
    }

    fn stop(mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";

/// A Procore that takes everything.
async fn procore() -> String {
    use axum::{
        Json, Router,
        routing::{get, post},
    };
    let router = Router::new()
        .route("/oauth/token", post(|| async { Json(serde_json::json!({"access_token": "t", "token_type": "bearer", "expires_in": 5400, "created_at": 1})) }))
        .route(
            "/rest/{*path}",
            get(|| async { Json(serde_json::json!([])) })
                .patch(|| async { Json(serde_json::json!({"entities": [], "errors": []})) }),
        );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

struct Bench {
    db: PgPool,
    service: Service,
    procore: String,
}

struct Account {
    id: Uuid,
    user: String,
    file_id: Uuid,
}

impl Bench {
    async fn account(&self, hash: &str, batch: u16) -> Account {
        let id = Uuid::now_v7();
        let vault = Vault::new(&SecretString::from(KEY)).expect("a key");
        let account = Account {
            id,
            user: format!("bench-{}", id.simple()),
            file_id: Uuid::new_v4(),
        };
        let company = i64::from_be_bytes(secrets::random_bytes()) & 0x000f_ffff_ffff;
        let new = NewConnection {
            id,
            name: "Bench".to_owned(),
            created_at: chrono::Utc::now(),
            qbwc_username: account.user.clone(),
            qbwc_password_hash: hash.to_owned(),
            file_id: account.file_id,
            expected: Expected::default(),
            procore_login_url: self.procore.clone(),
            procore_api_url: self.procore.clone(),
            procore_company_id: company,
            procore_client_id: "bench".to_owned(),
            procore_client_secret: vault
                .seal(&SecretString::from("secret"), id.as_bytes())
                .expect("sealed"),
            webhook_token_sha256: [0; 32],
            settings: Settings {
                batch_size: batch,
                ..Settings::default()
            },
        };
        let mut transaction = self.db.begin().await.expect("a transaction");
        store::insert(&mut *transaction, &new)
            .await
            .expect("a connection");
        sqlx::query("update connections set mirror_ready = true, erp_requests_polled_at = now() + interval '1 day' where id = $1")
            .bind(id)
            .execute(&mut *transaction)
            .await
            .expect("an update");
        transaction.commit().await.expect("a commit");
        account
    }

    async fn queue_vendors(&self, account: &Account, count: i32) {
        let task = AnyTask::from(VendorExport {
            external_guid: braced(Uuid::nil()),
            ..VendorExport::default()
        });
        let state = serde_json::to_value(&task).expect("JSON");
        sqlx::query(
            r#"insert into tasks (id, connection_id, kind, subject, label, state, status, access, created_at, updated_at)
               select gen_random_uuid(), $1, 'vendor', 'vendor:' || n, 'Vendor ' || n,
                   jsonb_set(jsonb_set($2::jsonb, '{state,procore_id}', to_jsonb(n)), '{state,name}', to_jsonb('Vendor ' || n)),
                   'ready', 'write', now(), now()
               from generate_series(1, $3) as n"#,
        )
        .bind(account.id)
        .bind(&state)
        .bind(count)
        .execute(&self.db)
        .await
        .expect("tasks");
        sqlx::query("analyze tasks")
            .execute(&self.db)
            .await
            .expect("statistics");
    }

    /// Idle polls: four calls each, many connections, argon2-protected passwords.
    async fn polls(&self, sessions: usize) {
        let connections = 200;
        let mut accounts = Vec::new();
        let mut hashes = Vec::new();
        for n in 0..4 {
            let password = SecretString::from(format!("{PASSWORD}{n}"));
            hashes.push(passwords::hash(&password).expect("a hash"));
        }
        for n in 0..connections {
            accounts.push((
                self.account(&hashes[n % 4], 20).await,
                format!("{PASSWORD}{}", n % 4),
            ));
        }
        // The first poll of each connection costs an argon2.
        let accounts = std::sync::Arc::new(accounts);
        let began = Instant::now();
        self.poll_all(&accounts, connections).await;
        println!(
            "first polls (each an argon2)                 {:>8.0} sessions/s",
            connections as f64 / began.elapsed().as_secs_f64()
        );
        let began = Instant::now();
        self.poll_all(&accounts, sessions).await;
        println!(
            "idle polls, 4 calls each                     {:>8.0} sessions/s",
            sessions as f64 / began.elapsed().as_secs_f64()
        );
    }

    async fn poll_all(&self, accounts: &std::sync::Arc<Vec<(Account, String)>>, sessions: usize) {
        let next = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let mut workers = Vec::new();
        for _ in 0..16 {
            let (next, accounts, address) = (next.clone(), accounts.clone(), self.service.address.clone());
            workers.push(tokio::spawn(async move {
                let mut client = Client::new(&address).await;
                loop {
                    let n = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if n >= sessions {
                        return;
                    }
                    let (account, password) = &accounts[n % accounts.len()];
                    client.call("serverVersion", "").await;
                    client
                        .call("clientVersion", "<strVersion>2.3.0.215</strVersion>")
                        .await;
                    let answer = client.authenticate(&account.user, password).await;
                    assert!(answer.contains("<string>none</string>"), "{answer}");
                    let ticket = between(&answer, "<string>", "</string>").to_owned();
                    client
                        .call("closeConnection", &format!("<ticket>{ticket}</ticket>"))
                        .await;
                }
            }));
        }
        for worker in workers {
            worker.await.expect("a poller");
        }
    }

    async fn session(&self, account: &Account) -> (Client, String) {
        let mut client = Client::new(&self.service.address).await;
        let answer = client.authenticate(&account.user, PASSWORD).await;
        assert!(!answer.contains("none"), "there is work: {answer}");
        (client, between(&answer, "<string>", "</string>").to_owned())
    }

    /// Waits until everything is in Procore, so that no part is measured in the wake of another.
    async fn quiet(&self) {
        loop {
            let owed: i64 = sqlx::query_scalar("select count(*) from writebacks where status = 'pending'")
                .fetch_one(&self.db)
                .await
                .expect("a count");
            if owed == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Drains vendors; counts only the service's time.
    async fn drain(&self, batch: u16, count: i32) {
        let hash = passwords::hash(&SecretString::from(PASSWORD)).expect("a hash");
        let account = self.account(&hash, batch).await;
        self.queue_vendors(&account, count).await;
        self.quiet().await;
        let (mut client, ticket) = self.session(&account).await;
        let (tasks, time) = drain(&mut client, &ticket, &account, count).await;
        println!(
            "drain, {batch:>2} to a message set                    {:>8.0} tasks/s   (memory {:.1} MB)",
            f64::from(tasks) / time.as_secs_f64(),
            self.service.rss()
        );
    }

    /// Seconds per task for the first 1,000 of a backlog.
    async fn cost_with_backlog(&self, queued: i32) -> f64 {
        let hash = passwords::hash(&SecretString::from(PASSWORD)).expect("a hash");
        let account = self.account(&hash, 20).await;
        self.queue_vendors(&account, queued).await;
        self.quiet().await;
        let (mut client, ticket) = self.session(&account).await;
        let (tasks, time) = drain(&mut client, &ticket, &account, 1_000).await;
        let each = time.as_secs_f64() / f64::from(tasks);
        println!(
            "1,000 tasks of a backlog of {queued:>7}           {:>8.3} ms/task",
            each * 1000.0
        );
        sqlx::query("update tasks set status = 'cancelled' where connection_id = $1 and status = 'ready'")
            .bind(account.id)
            .execute(&self.db)
            .await
            .expect("an update");
        each
    }

    /// A large answer of bill payments: memory above idle, and time.
    async fn large_answer(&self, bytes: usize) {
        let hash = passwords::hash(&SecretString::from(PASSWORD)).expect("a hash");
        let account = self.account(&hash, 20).await;
        let settings = Settings {
            payments_since: Some(chrono::DateTime::from_timestamp(1_700_000_000, 0).expect("a time")),
            ..Settings::default()
        };
        store::set_settings(&self.db, account.id, &settings)
            .await
            .expect("settings");
        let task = plumbline::tasks::queue::NewTask {
            subject: "payments".to_owned(),
            label: "Payments".to_owned(),
            task: AnyTask::from(PaymentsImport::new(None)),
            detail: None,
            erp_request_id: None,
            needs: Vec::new(),
            priority: 100,
        };
        let mut connection = self.db.acquire().await.expect("a connection");
        plumbline::tasks::queue::enqueue(&mut connection, account.id, chrono::Utc::now(), &[task])
            .await
            .expect("a task");
        drop(connection);
        let (mut client, ticket) = self.session(&account).await;
        let request = client.send_request(&ticket, &hcp(&account)).await;
        assert!(request.contains("BillPaymentCheckQueryRq"), "{request}");
        let mut answer = String::with_capacity(bytes + 1000);
        answer.push_str(r#"<?xml version="1.0" ?><QBXML><QBXMLMsgsRs><BillPaymentCheckQueryRs requestID="0" statusCode="0" statusSeverity="Info" statusMessage="Status OK" iteratorRemainingCount="0" iteratorID="{00000000-0000-0000-0000-000000000001}">"#);
        let mut n = 0;
        while answer.len() < bytes {
            n += 1;
            answer.push_str(&format!("<BillPaymentCheckRet><TxnID>{n:X}-1770000001</TxnID><TimeCreated>2026-02-02T08:00:00-08:00</TimeCreated><TimeModified>2026-02-02T08:00:00-08:00</TimeModified><EditSequence>1770000001</EditSequence><TxnNumber>{n}</TxnNumber><PayeeEntityRef><ListID>1-1</ListID><FullName>Vendor {n}</FullName></PayeeEntityRef><TxnDate>2026-02-02</TxnDate><BankAccountRef><ListID>2-2</ListID><FullName>Checking</FullName></BankAccountRef><Amount>100.00</Amount><RefNumber>{n}</RefNumber><AppliedToTxnRet><TxnID>B{n:X}-1770000000</TxnID><TxnType>Bill</TxnType><TxnDate>2026-01-31</TxnDate><RefNumber>{n}</RefNumber><BalanceRemaining>0.00</BalanceRemaining><Amount>100.00</Amount></AppliedToTxnRet></BillPaymentCheckRet>"));
        }
        answer.push_str("</BillPaymentCheckQueryRs></QBXMLMsgsRs></QBXML>");
        let idle = self.service.rss();
        self.service.reset_peak();
        let began = Instant::now();
        let progress = client.receive_response(&ticket, &answer).await;
        println!(
            "an answer of {:.1} MB ({n} payments)           {:>8.2} s        (peak {:.1} MB above idle; answered {progress})",
            answer.len() as f64 / 1e6,
            began.elapsed().as_secs_f64(),
            self.service.peak() - idle
        );
    }
}

/// Runs a session until `most` tasks are answered; returns the tasks and the service's time.
async fn drain(client: &mut Client, ticket: &str, account: &Account, most: i32) -> (i32, Duration) {
    let mut time = Duration::ZERO;
    let mut tasks = 0;
    let mut first = hcp(account);
    while tasks < most {
        let began = Instant::now();
        let request = client.send_request(ticket, &first).await;
        time += began.elapsed();
        first.clear();
        let (answer, count) = answer_vendors(&request);
        assert!(count > 0, "no vendors in {request}");
        let began = Instant::now();
        let progress = client.receive_response(ticket, &answer).await;
        time += began.elapsed();
        tasks += count;
        if progress == "100" {
            break;
        }
    }
    client
        .call("closeConnection", &format!("<ticket>{ticket}</ticket>"))
        .await;
    (tasks, time)
}

/// A QuickBooks that has room for every vendor.
fn answer_vendors(request: &str) -> (String, i32) {
    let set = between(request, "newMessageSetID=\"", "\"");
    let mut answer = format!(
        r#"<?xml version="1.0" ?><QBXML><QBXMLMsgsRs newMessageSetID="{set}" messageSetStatusCode="0">"#
    );
    let mut count = 0;
    for (n, part) in request.split("<VendorAddRq ").skip(1).enumerate() {
        let name = between(part, "<Name>", "</Name>");
        answer.push_str(&format!(
            r#"<VendorAddRs requestID="{n}" statusCode="0" statusSeverity="Info" statusMessage="Status OK"><VendorRet><ListID>{}-1770000001</ListID><TimeCreated>2026-02-02T08:00:00-08:00</TimeCreated><TimeModified>2026-02-02T08:00:00-08:00</TimeModified><EditSequence>1770000001</EditSequence><Name>{name}</Name><IsActive>true</IsActive></VendorRet></VendorAddRs>"#,
            name.replace("Vendor ", "8")
        ));
        count += 1;
    }
    answer.push_str("</QBXMLMsgsRs></QBXML>");
    (answer, count)
}

fn hcp(account: &Account) -> String {
    format!(
        r#"<?xml version="1.0" ?><QBXML><QBXMLMsgsRs><HostQueryRs statusCode="0" statusSeverity="Info" statusMessage="Status OK"><HostRet><ProductName>QuickBooks</ProductName><MajorVersion>34</MajorVersion><MinorVersion>0</MinorVersion><Country>US</Country><SupportedQBXMLVersion>13.0</SupportedQBXMLVersion><IsAutomaticLogin>false</IsAutomaticLogin><QBFileMode>SingleUser</QBFileMode></HostRet></HostQueryRs><CompanyQueryRs statusCode="0" statusSeverity="Info" statusMessage="Status OK"><CompanyRet><IsSampleCompany>false</IsSampleCompany><CompanyName>Bench</CompanyName><DataExtRet><OwnerID>{}</OwnerID><DataExtName>FileID</DataExtName><DataExtType>STR255TYPE</DataExtType><DataExtValue>{}</DataExtValue></DataExtRet></CompanyRet></CompanyQueryRs></QBXMLMsgsRs></QBXML>"#,
        braced(OWNER_ID),
        braced(account.file_id)
    )
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    text.split_once(from)
        .and_then(|(_, rest)| rest.split_once(to))
        .map_or("", |(found, _)| found)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}

/// A client that costs as little as possible.
struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    async fn new(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    async fn authenticate(&mut self, user: &str, password: &str) -> String {
        self.call(
            "authenticate",
            &format!("<strUserName>{user}</strUserName><strPassword>{password}</strPassword>"),
        )
        .await
    }

    async fn send_request(&mut self, ticket: &str, hcp: &str) -> String {
        let parameters = format!(
            "<ticket>{ticket}</ticket><strHCPResponse>{}</strHCPResponse><strCompanyFileName>C:\\b.qbw</strCompanyFileName><qbXMLCountry>US</qbXMLCountry><qbXMLMajorVers>13</qbXMLMajorVers><qbXMLMinorVers>0</qbXMLMinorVers>",
            escape(hcp)
        );
        let answer = self.call("sendRequestXML", &parameters).await;
        unescape(between(
            &answer,
            "<sendRequestXMLResult>",
            "</sendRequestXMLResult>",
        ))
    }

    async fn receive_response(&mut self, ticket: &str, response: &str) -> String {
        let parameters = format!(
            "<ticket>{ticket}</ticket><response>{}</response><hresult/><message/>",
            escape(response)
        );
        let answer = self.call("receiveResponseXML", &parameters).await;
        between(
            &answer,
            "<receiveResponseXMLResult>",
            "</receiveResponseXMLResult>",
        )
        .to_owned()
    }

    async fn call(&mut self, operation: &str, parameters: &str) -> String {
        let body = format!(
            r#"<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><{operation} xmlns="http://developer.intuit.com/">{parameters}</{operation}></soap:Body></soap:Envelope>"#
        );
        let head = format!(
            "POST /qbwc HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml; charset=utf-8\r\nSOAPAction: \"http://developer.intuit.com/{operation}\"\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.stream.write_all(head.as_bytes()).await.expect("sent");
        self.stream.write_all(body.as_bytes()).await.expect("sent");
        self.buffer.clear();
        let mut chunk = vec![0_u8; 65536];
        loop {
            let read = self.stream.read(&mut chunk).await.expect("an answer");
            assert!(read > 0, "the service hung up");
            self.buffer.extend_from_slice(&chunk[..read]);
            let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") else {
                continue;
            };
            let head = String::from_utf8_lossy(&self.buffer[..end]).to_ascii_lowercase();
            let length: usize = between(&format!("{head}\r\n"), "content-length: ", "\r\n")
                .parse()
                .expect("a length");
            if self.buffer.len() >= end + 4 + length {
                assert!(head.starts_with("http/1.1 200"), "{head}");
                return String::from_utf8_lossy(&self.buffer[end + 4..end + 4 + length]).into_owned();
            }
        }
    }
}
