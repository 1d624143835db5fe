//! Everything that runs for one run: the service's processes behind relays, a database of its own, both stand-ins.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use plumbline::{
    clock::Clock,
    commands::connection::{Add, Reach, render_qwc},
    connections::{settings::change, store},
    database::embedded::{Cluster, Durability},
    secrets::Vault,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgPool, postgres::PgPoolOptions};
use tokio::{
    net::TcpListener,
    sync::{Mutex, Notify},
    task::AbortHandle,
};
use uuid::Uuid;

use crate::{
    api::Api,
    connector::SecondConnector,
    director::Director,
    front::{CALLER_PATIENCE, Front},
    http::{self, Forward},
    postgres,
    remote::{Remote, array, text},
    rules,
    service::{SECRET_KEY, Services, Setup},
    step::{Fault, Place},
};

/// The database every run's database is a copy of: migrated, with a switch that fills the disk.
const TEMPLATE: &str = "fault_template";
/// The state of the company file before any journey.
const OLDER: &str = "older";
/// Runs of the Web Connector before a run counts as stuck.
const MOST_UPDATES: u32 = 150;
/// Looks without any change before a run counts as stuck; the clocks go on by more each time, by days in the end.
const MOST_IDLE_LOOKS: u32 = 60;
/// Nothing has changed for this long: then only time can help.
const IDLE: Duration = Duration::from_millis(250);

/// Where runs are played one after the other: a PostgreSQL of its own, so that it can be crashed without disturbing
/// other runs, and a directory for logs and traces.
#[derive(Debug)]
pub(crate) struct Job {
    cluster: Cluster,
    socket: PathBuf,
    directory: PathBuf,
}

impl Job {
    /// Starts, or finds running, the job's PostgreSQL under `root`.
    pub(crate) async fn start(root: &Path, number: usize) -> anyhow::Result<Self> {
        let directory = std::path::absolute(root.join(format!("job-{number}")))?;
        std::fs::create_dir_all(&directory)?;
        let at = directory.join("postgres");
        let cluster =
            tokio::task::spawn_blocking(move || Cluster::start(&at, Durability::Throwaway)).await??;
        let url = cluster.url("postgres");
        let socket = url.split_once("host=").context("the cluster has no socket")?.1;
        let socket = PathBuf::from(socket).join(".s.PGSQL.5432");
        let job = Self {
            cluster,
            socket,
            directory,
        };
        // Throwaway clusters give up what a crash of PostgreSQL may lose; here it must lose nothing.
        let mut session = job.cluster.options("postgres").connect().await?;
        sqlx::raw_sql("alter role postgres set synchronous_commit = on")
            .execute(&mut session)
            .await?;
        session.close().await?;
        job.cluster.drop_database(TEMPLATE).await?;
        job.cluster.create_database(TEMPLATE).await?;
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .connect_with(job.cluster.options(TEMPLATE))
            .await?;
        plumbline::database::MIGRATOR.run(&pool).await?;
        sqlx::raw_sql(include_str!("disk_full.sql"))
            .execute(&pool)
            .await?;
        pool.close().await;
        Ok(job)
    }

    async fn copy_template(&self, name: &str) -> anyhow::Result<()> {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .connect_with(self.cluster.options("postgres"))
            .await?;
        sqlx::raw_sql(AssertSqlSafe(format!(
            r#"create database "{name}" template {TEMPLATE}"#
        )))
        .execute(&pool)
        .await?;
        pool.close().await;
        Ok(())
    }

    /// Stops the job's PostgreSQL.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        tokio::task::spawn_blocking(move || self.cluster.stop()).await??;
        Ok(())
    }
}

/// Records of the company file that a person would choose from.
#[derive(Clone, Debug)]
pub(crate) struct Books {
    /// The customer "Acme Development".
    pub(crate) customer: String,
    /// An income account.
    pub(crate) income_account: String,
    /// An account for costs.
    pub(crate) expense_account: String,
}

/// One run's world.
#[derive(Debug)]
pub(crate) struct World {
    /// Counts and strikes.
    pub(crate) director: Arc<Director>,
    /// Procore's control API.
    pub(crate) procore: Remote,
    /// QuickBooks' control API.
    pub(crate) quickbooks: Remote,
    /// The database, past every relay.
    pub(crate) db: PgPool,
    /// The Procore company.
    pub(crate) company: i64,
    /// The connection.
    pub(crate) connection: Uuid,
    /// The company file's records.
    pub(crate) books: Books,
    /// The service.
    pub(crate) services: Arc<Services>,
    secrets: Vec<SecretString>,
    database: String,
    log: PathBuf,
    relays: Vec<AbortHandle>,
    stand_ins: (procore_simulator::Running, quickbooks_simulator::Running),
}

/// How the world came to rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Nothing is left to do.
    Done,
    /// Something is left, and neither time nor the Web Connector helps.
    Stuck(String),
}

/// What is under way in the service.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
struct UnderWay {
    orders: i64,
    new_orders: i64,
    writebacks: i64,
    actionable: i64,
    waiting: i64,
    exchanges: i64,
    mirror_ready: bool,
}

impl World {
    /// Starts everything, connects and registers, and has QuickBooks' lists read once.
    pub(crate) async fn new(job: &Job, director: Arc<Director>, replicas: usize) -> anyhow::Result<Self> {
        let database = format!("run_{}", Uuid::new_v4().simple());
        job.copy_template(&database).await?;
        let db = PgPoolOptions::new()
            .max_connections(3)
            .acquire_timeout(Duration::from_secs(20))
            .connect_with(job.cluster.options(&database))
            .await?;
        let log = job.directory.join("service.log");
        let _ = std::fs::remove_file(&log);
        let services = Arc::new(OnceLock::new());
        let stalled = Arc::new(AtomicBool::new(false));
        let forward = Forward::new()?;
        let mut relays = Vec::new();
        let mut databases = Vec::new();
        for replica in 0..replicas {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let port = listener.local_addr()?.port();
            databases.push(format!(
                "postgres://postgres@127.0.0.1:{port}/{database}?sslmode=disable"
            ));
            relays.push(postgres::serve(
                listener,
                postgres::Relay {
                    socket: job.socket.clone(),
                    director: Arc::clone(&director),
                    services: Arc::clone(&services),
                    replica,
                    stalled: Arc::clone(&stalled),
                },
            ));
        }
        let stand_ins = (
            procore_simulator::start(procore_simulator::Options::default()).await?,
            quickbooks_simulator::start(quickbooks_simulator::Options::default()).await?,
        );
        let procore = Remote::new(&stand_ins.0.url())?;
        let quickbooks = Remote::new(&stand_ins.1.url())?;
        let patience = json!({"call_timeout_ms": u64::try_from(CALLER_PATIENCE.as_millis())?});
        quickbooks.post("/control/settings", &patience).await?;

        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let api_url = format!("http://127.0.0.1:{}", listener.local_addr()?.port());
        let api = Arc::new(Api {
            director: Arc::clone(&director),
            services: Arc::clone(&services),
            procore: stand_ins.0.url(),
            forward: forward.clone(),
        });
        relays.push(http::serve(listener, move |call| Arc::clone(&api).decide(call)));

        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let public_url = format!("http://localhost:{}", listener.local_addr()?.port());
        let front = Arc::new(Front {
            director: Arc::clone(&director),
            services: Arc::clone(&services),
            db: db.clone(),
            quickbooks: quickbooks.clone(),
            forward: forward.clone(),
            stalled,
            second: OnceLock::new(),
            turns: AtomicUsize::new(0),
            alternate: AtomicBool::new(replicas > 1),
            live: AtomicBool::new(false),
            database_trouble: AtomicBool::new(false),
            held_back: Mutex::new(None),
            authenticated: Notify::new(),
        });
        let door = Arc::clone(&front);
        relays.push(http::serve(listener, move |call| Arc::clone(&door).decide(call)));

        let running = Arc::new(
            Services::start(Setup {
                databases,
                public_url: public_url.clone(),
                log: log.clone(),
            })
            .await?,
        );
        let _ = services.set(Arc::clone(&running));

        let company = procore
            .post("/control/companies", &json!({"name": "Demo Builders"}))
            .await?;
        let client_secret = SecretString::from(text(&company, "client_secret"));
        let add = Add {
            name: "Demo Builders".to_owned(),
            procore_company: company["id"].as_i64().context("no company")?,
            procore_client_id: text(&company, "client_id"),
            procore_client_secret: client_secret.clone(),
            procore_login_url: api_url.parse()?,
            procore_api_url: api_url.parse()?,
            company_name: None,
            company_file: None,
            country: Some("US".to_owned()),
            qwc_dir: Some(job.directory.join("qwc")),
            skip_registration: false,
            reach: Reach {
                public_url: public_url.parse()?,
            },
            json: false,
        };
        let vault = Vault::new(&SecretString::from(SECRET_KEY))?;
        let added = add.add(&db, &vault, &Clock::System, &job.directory).await?;
        if let Some(warning) = added.warnings.first() {
            bail!("the registration in Procore did not work: {warning}");
        }
        let connection = store::find(&db, added.id)
            .await?
            .context("the connection is gone")?;
        let qwc = render_qwc(&connection, &add.reach.public_url, 5)?;
        let password = added.qbwc_password.expose_secret().to_owned();
        let registered = quickbooks
            .post(
                "/control/connector/register",
                &json!({"qwc": qwc, "password": password}),
            )
            .await?;
        let _ = front.second.set(SecondConnector {
            service: format!("http://127.0.0.1:{}", running.ports[0]),
            user: connection.qbwc_username.clone(),
            password: password.clone(),
            application: text(&registered, "app_name"),
            quickbooks: quickbooks.clone(),
            forward,
        });
        let (books, retainage_item) = bookkeeping(&quickbooks).await?;
        let world = Self {
            director,
            procore,
            quickbooks,
            db,
            company: add.procore_company,
            connection: added.id,
            books,
            services: running,
            secrets: vec![client_secret, password.into(), added.webhook_authorization],
            database,
            log,
            relays,
            stand_ins,
        };
        world.rests().await?;
        world
            .quickbooks
            .post("/control/backup", &json!({"name": OLDER}))
            .await?;
        world
            .set(&format!("retainage_item_list_id={retainage_item}"))
            .await?;
        Ok(world)
    }

    /// A path of the company in Procore's control API.
    pub(crate) fn of_company(&self, rest: &str) -> String {
        format!("/control/companies/{}{rest}", self.company)
    }

    /// Both clocks go on: the service's and Procore's.
    async fn time_passes(&self, seconds: i64) -> anyhow::Result<()> {
        self.director.note(format!("{seconds} s pass"));
        self.services.advance(seconds).await;
        self.procore
            .post("/control/clock", &json!({"advance_seconds": seconds}))
            .await?;
        for channel in [
            plumbline::procore_webhooks::CHANNEL,
            plumbline::writebacks::store::CHANNEL,
        ] {
            // A bell that cannot be rung is rung by the workers' own tick.
            let _ = sqlx::query("select pg_notify($1, '')")
                .bind(channel)
                .execute(&self.db)
                .await;
        }
        Ok(())
    }

    /// "Update Selected" in the Web Connector.
    async fn update(&self) -> anyhow::Result<()> {
        self.services.ready().await?;
        let fault = self.director.step(Place::Update, "run");
        match &fault {
            Some(Fault::CannotOpen(code)) => {
                self.order(json!({"point": "begin_session", "hresult": code}))
                    .await?;
            }
            Some(Fault::MalformedDescription) => self.order(json!({"point": "malformed_hcp"})).await?,
            Some(Fault::CloseLost) => self.order(json!({"point": "close_lost"})).await?,
            _ => {}
        }
        let result = match &fault {
            Some(Fault::AnotherFile) => {
                let own = self.file().await?["company"].clone();
                let other = json!({"path": r"C:\QuickBooks\Other.qbw", "company_name": "Other Company"});
                self.quickbooks.post("/control/open-file", &other).await?;
                let result = self.untouched().await?;
                let own = json!({"path": own["path"], "company_name": own["company_name"]});
                self.quickbooks.post("/control/open-file", &own).await?;
                result
            }
            Some(Fault::OlderFile) => {
                self.quickbooks
                    .post("/control/backup", &json!({"name": "now"}))
                    .await?;
                self.quickbooks
                    .post("/control/restore", &json!({"name": OLDER}))
                    .await?;
                let result = self.untouched().await?;
                self.quickbooks
                    .post("/control/restore", &json!({"name": "now"}))
                    .await?;
                result
            }
            _ => self.run_connector().await?,
        };
        if result == "busy" || result == "killed" {
            self.time_passes(61).await?;
        }
        Ok(())
    }

    /// Payments are read when they are asked for, and otherwise once a day, beginning tomorrow.
    pub(crate) async fn payments_are_read(&self) -> anyhow::Result<()> {
        sqlx::query("update connections set payments_run_at = now() where id = $1")
            .bind(self.connection)
            .execute(&self.db)
            .await?;
        self.set("payment_schedule=daily").await
    }

    /// Changes a setting of the connection: `NAME=VALUE`.
    pub(crate) async fn set(&self, change: &str) -> anyhow::Result<()> {
        change::set(
            &self.db,
            self.connection,
            &[change.to_owned()],
            "the sweep",
            &Clock::System,
        )
        .await?;
        Ok(())
    }

    async fn run_connector(&self) -> anyhow::Result<String> {
        let ran = self
            .quickbooks
            .post("/control/connector/update", &json!({}))
            .await?;
        let result = text(&ran, "result");
        self.director.note(format!(
            "the Web Connector: {result}, {}",
            text(&ran, "status_text")
        ));
        Ok(result)
    }

    /// An update while the wrong company file is open: not a record of it may change.
    async fn untouched(&self) -> anyhow::Result<String> {
        let before = self.file().await?;
        let result = self.run_connector().await?;
        let after = self.file().await?;
        if before["lists"] != after["lists"] || before["transactions"] != after["transactions"] {
            self.director
                .broken("something was written into the wrong company file".to_owned());
        }
        Ok(result)
    }

    async fn order(&self, fault: Value) -> anyhow::Result<()> {
        self.quickbooks.post("/control/faults", &fault).await?;
        Ok(())
    }

    async fn under_way(&self) -> Result<UnderWay, sqlx::Error> {
        sqlx::query_as(
            "select (select count(*) from erp_requests) as orders,
                 (select count(*) from erp_requests where status = 'new') as new_orders,
                 (select count(*) from writebacks where status = 'pending') as writebacks,
                 (select count(*) from tasks where status in ('ready', 'later', 'asked')) as actionable,
                 (select count(*) from tasks where status = 'waiting') as waiting,
                 (select count(*) from exchanges where state in ('handed_out', 'in_doubt') and purpose = 'work') as exchanges,
                 mirror_ready
             from connections where id = $1",
        )
        .bind(self.connection)
        .fetch_one(&self.db)
        .await
    }

    /// Lets the world run on until nothing is left to do: the Web Connector runs when there is work for it, the clocks go
    /// on when only time can help.
    pub(crate) async fn rests(&self) -> anyhow::Result<Rest> {
        let mut last: Option<UnderWay> = None;
        let mut changed = Instant::now();
        let (mut updates, mut looks) = (0, 0);
        loop {
            let Ok(now) = self.under_way().await else {
                // PostgreSQL is on its way back.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let quiet = now.new_orders + now.writebacks + now.actionable + now.waiting + now.exchanges == 0;
            if quiet && now.mirror_ready && self.procore_rests(&now).await? {
                return Ok(Rest::Done);
            }
            if last.as_ref() != Some(&now) || self.director.is_holding() {
                // While a call is held back on purpose, real time passes and nothing else.
                last = Some(now.clone());
                changed = Instant::now();
            }
            let idle = changed.elapsed() > IDLE;
            if now.new_orders + now.writebacks > 0 && !idle {
                tokio::time::sleep(Duration::from_millis(8)).await;
                continue;
            }
            if now.actionable + now.exchanges > 0 {
                updates += 1;
                if updates > MOST_UPDATES {
                    return Ok(Rest::Stuck(format!(
                        "after {updates} runs of the Web Connector: {}",
                        self.left().await
                    )));
                }
                self.update().await?;
                continue;
            }
            if !idle {
                tokio::time::sleep(Duration::from_millis(8)).await;
                continue;
            }
            looks += 1;
            if looks > MOST_IDLE_LOOKS {
                return Ok(Rest::Stuck(self.left().await));
            }
            self.time_passes(30 << looks.min(7)).await?;
            changed = Instant::now();
        }
    }

    async fn procore_rests(&self, now: &UnderWay) -> anyhow::Result<bool> {
        let path = self.of_company("/request-details?wait_open=false");
        if self.procore.get(&path).await?["open"] != json!(0) {
            return Ok(false);
        }
        let state = self.state().await?;
        Ok(i64::try_from(array(&state, "erp_requests").len())? <= now.orders)
    }

    /// Faults that are still waiting at QuickBooks are taken back: what was wrong has been mended.
    pub(crate) async fn mended(&self) -> anyhow::Result<()> {
        self.quickbooks.delete("/control/faults").await
    }

    /// Whether the last reading of job costs failed.
    pub(crate) async fn job_costs_failed(&self) -> anyhow::Result<bool> {
        let last: Option<String> = sqlx::query_scalar(
            "select status from tasks where connection_id = $1 and subject = 'job_costs' order by id desc limit 1",
        )
        .bind(self.connection)
        .fetch_optional(&self.db)
        .await?;
        Ok(last.as_deref() == Some("failed"))
    }

    /// What is left to do, in words.
    async fn left(&self) -> String {
        let rows: Vec<(String,)> = sqlx::query_as(
            "select concat_ws(' ', 'task', label, status, reason, messages) from tasks where status in ('waiting', 'ready', 'later', 'asked')
             union all select concat_ws(' ', 'order', erp_request_id, status, problem) from erp_requests where status = 'new'
             union all select concat_ws(' ', 'writeback', call, problem) from writebacks where status = 'pending'
             union all select concat_ws(' ', 'exchange', purpose, access, state) from exchanges where state in ('handed_out', 'in_doubt')
             union all select concat_ws(' ', 'given up:', erp_request_id, problem) from erp_requests where status = 'failed'",
        )
        .fetch_all(&self.db)
        .await
        .unwrap_or_default();
        let mut left: Vec<String> = rows
            .into_iter()
            .map(|(row,)| row.chars().take(300).collect())
            .collect();
        if let Ok(details) = self
            .procore
            .get(&self.of_company("/request-details?wait_open=false"))
            .await
        {
            left.push(format!(
                "open request details in Procore: {}",
                details["open_details"]
            ));
        }
        left.join("; ")
    }

    /// Everything in Procore.
    pub(crate) async fn state(&self) -> anyhow::Result<Value> {
        self.procore.get(&self.of_company("/state")).await
    }

    /// Everything in the company file.
    pub(crate) async fn file(&self) -> anyhow::Result<Value> {
        self.quickbooks.get("/control/company-file").await
    }

    /// Checks what must hold in any world, whatever the undisturbed one looks like.
    pub(crate) async fn check(&self) -> anyhow::Result<()> {
        let state = self.state().await?;
        let file = self.file().await?;
        let books = self.quickbooks.get("/control/invariants").await?;
        if books["ok"] != json!(true) {
            self.director.broken(format!("the books: {books}"));
        }
        let mut broken = rules::of_procore(&state);
        broken.extend(rules::no_transaction_twice(&file));
        broken.extend(rules::to_the_cent(&state, &file));
        broken.extend(rules::failures_are_explained(&state));
        let secrets: Vec<&str> = self.secrets.iter().map(ExposeSecret::expose_secret).collect();
        broken.extend(rules::of_the_log(&self.log(), &secrets));
        for words in broken {
            self.director.broken(words);
        }
        Ok(())
    }

    /// The service's log.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Takes everything down.
    pub(crate) async fn end(self, job: &Job) -> anyhow::Result<()> {
        self.services.end().await;
        for relay in &self.relays {
            relay.abort();
        }
        self.stand_ins.0.stop().await;
        self.stand_ins.1.stop().await;
        self.db.close().await;
        for _ in 0..50 {
            // PostgreSQL may just be on its way back from a crash.
            if job.cluster.drop_database(&self.database).await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }
}

/// What the bookkeeper has set up, and the item that retainage is booked to.
async fn bookkeeping(quickbooks: &Remote) -> anyhow::Result<(Books, String)> {
    let file = quickbooks.get("/control/company-file").await?;
    let account = |kind: &str| {
        array(&file["lists"], "accounts")
            .iter()
            .find(|account| account["account_type"] == kind)
            .map(|account| text(account, "id"))
            .with_context(|| format!("no {kind} account"))
    };
    let (income, expense) = (account("Income")?, account("CostOfGoodsSold")?);
    let customer = quickbooks
        .post(
            "/control/records",
            &json!({"kind": "customer", "name": "Acme Development"}),
        )
        .await?;
    let retainage = quickbooks
        .post(
            "/control/records",
            &json!({"kind": "item_service", "name": "Retainage Payable",
                "sales_and_purchase": {"income_account": income.as_str(), "expense_account": expense.as_str()}}),
        )
        .await?;
    let books = Books {
        customer: text(&customer, "id"),
        income_account: income,
        expense_account: expense,
    };
    Ok((books, text(&retainage, "id")))
}
