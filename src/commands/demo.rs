//! `plumbline demo`: the whole journey against stand-ins of Procore and QuickBooks, over real HTTP, SOAP and PostgreSQL.
//!
//! The stand-ins run in this process for convenience; they share no code with the service and are spoken to over HTTP.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use secrecy::ExposeSecret;
use serde_json::json;

use super::{
    connection::{Add, Reach, render_qwc},
    stop_signal,
};
use crate::{
    app::{self, Parts},
    clock::Clock,
    config::{Serving, Storage},
    connections::{settings::change, store},
    database::Database,
    procore::client::http_client,
    secrets::{self, Vault},
    workers::clients::Clients,
};

mod books;
mod compare;
mod journey;
mod read;
mod records;
mod remote;
mod report;

use journey::Journey;
use remote::Remote;

/// Play the whole journey: cost codes, vendors, projects, budgets, commitments, change orders and subcontractor invoices go
/// from Procore to QuickBooks; checks, card payments and job costs come back. Exits 0 only if both sides agree to the cent.
#[derive(Args, Debug)]
pub struct Demo {
    /// How many records to export in all.
    #[arg(long, env = "PLUMBLINE_DEMO_RECORDS", default_value_t = 120, value_name = "N", value_parser = clap::value_parser!(u32).range(24..=100_000))]
    pub records: u32,

    /// Keep every HTTP, SOAP and qbXML message in this directory.
    #[arg(long, env = "PLUMBLINE_DEMO_TRACE", value_name = "DIR")]
    pub trace: Option<PathBuf>,

    /// Print the result as one JSON object; progress goes to standard error.
    #[arg(long)]
    pub json: bool,

    /// Keep everything running afterwards, for a look, until Ctrl-C.
    #[arg(long)]
    pub stay: bool,
}

/// Everything that runs for a demonstration.
struct Stage {
    database: Database,
    /// The database to drop at the end; `None` where the user gave one.
    own_database: Option<String>,
    service: app::Running,
    procore: procore_simulator::Running,
    quickbooks: quickbooks_simulator::Running,
}

impl Demo {
    /// Runs it.
    pub async fn run(self, storage: &Storage) -> anyhow::Result<()> {
        let say = report::Progress::new(self.json);
        if let Some(trace) = &self.trace {
            std::fs::create_dir_all(trace).with_context(|| format!("cannot write to {}", trace.display()))?;
        }
        say.step("Starting PostgreSQL, the service, and the stand-ins of Procore and QuickBooks");
        let stage = self.set(storage).await?;
        let played = tokio::select! {
            played = self.play(storage, &stage, &say) => played,
            stopped = stop_signal() => { stopped?; Err(anyhow::anyhow!("stopped")) }
        };
        if self.stay && played.is_ok() {
            say.step(&format!(
                "Still running: the service on http://{}, Procore on {}, QuickBooks on {}. Stop with Ctrl-C.",
                stage.service.address,
                stage.procore.url(),
                stage.quickbooks.url()
            ));
            stop_signal().await?;
        }
        stage.strike().await;
        let result = played?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&result.json())?);
        } else {
            result.print();
        }
        if !result.agrees() {
            bail!("the two sides do not agree; see the table above");
        }
        Ok(())
    }

    /// Starts everything on free loopback ports.
    async fn set(&self, storage: &Storage) -> anyhow::Result<Stage> {
        let (database, own_database) = open(storage).await?;
        let trace = |what: &str| self.trace.as_ref().map(|dir| dir.join(what));
        let procore = procore_simulator::start(procore_simulator::Options {
            trace_dir: trace("procore"),
            ..procore_simulator::Options::default()
        })
        .await
        .context("the stand-in of Procore did not start")?;
        let quickbooks = quickbooks_simulator::start(quickbooks_simulator::Options {
            trace_dir: trace("quickbooks"),
            ..quickbooks_simulator::Options::default()
        })
        .await
        .context("the stand-in of QuickBooks did not start")?;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let listen = listener.local_addr()?;
        drop(listener);
        let public_url = format!("http://localhost:{}", listen.port()).parse()?;
        let service = app::start(Parts {
            db: database.pool.clone(),
            vault: vault()?,
            clock: Clock::System,
            serving: Serving {
                listen,
                public_url,
                body_limit: 256,
                session_lease: 60,
                trust_forwarded_for: false,
                poll_every: 3600,
                keep_days: 30,
            },
        })
        .await?;
        Ok(Stage {
            database,
            own_database,
            service,
            procore,
            quickbooks,
        })
    }

    async fn play(
        &self,
        storage: &Storage,
        stage: &Stage,
        say: &report::Progress,
    ) -> anyhow::Result<report::Report> {
        let procore = Remote::new(&stage.procore.url())?;
        let quickbooks = Remote::new(&stage.quickbooks.url())?;
        let company = procore
            .post("/control/companies", &json!({"name": "Demo Builders"}))
            .await?;
        let company_id = company["id"]
            .as_i64()
            .context("the stand-in of Procore gave no company")?;

        say.step("Adding the connection and registering it in Procore and in the Web Connector");
        let reach = Reach {
            public_url: format!("http://localhost:{}", stage.service.address.port()).parse()?,
        };
        let add = Add {
            name: "Demo Builders".to_owned(),
            procore_company: company_id,
            procore_client_id: text(&company, "client_id"),
            procore_client_secret: text(&company, "client_secret").into(),
            procore_login_url: stage.procore.url().parse()?,
            procore_api_url: stage.procore.url().parse()?,
            company_name: None,
            company_file: None,
            country: Some("US".to_owned()),
            qwc_dir: Some(
                self.trace
                    .clone()
                    .unwrap_or_else(|| std::env::temp_dir().join("plumbline-demo")),
            ),
            skip_registration: false,
            reach,
            json: false,
        };
        let db = &stage.database.pool;
        let clock = Clock::System;
        let added = add.add(db, &vault()?, &clock, &storage.data_dir).await?;
        if let Some(warning) = added.warnings.first() {
            bail!("the registration in Procore did not work: {warning}");
        }
        let connection = store::find(db, added.id)
            .await?
            .context("the connection is gone")?;
        let qwc = render_qwc(&connection, &add.reach.public_url, 5)?;
        quickbooks
            .post(
                "/control/connector/register",
                &json!({"qwc": qwc, "password": added.qbwc_password.expose_secret()}),
            )
            .await?;
        let journey = Journey {
            procore,
            quickbooks,
            company: company_id,
            records: self.records,
            say,
            db,
            connection: added.id,
            client: Clients::new(http_client()?, vault()?, Clock::System).of(&connection)?,
        };
        let books = journey.prepare().await?;
        // As an administrator would, after the first run has read the lists.
        let changes = [
            format!("retainage_item_list_id={}", books.retainage_item),
            "payment_schedule=daily".to_owned(),
        ];
        change::set(db, added.id, &changes, "the demonstration", &clock).await?;
        journey.run(&books).await
    }
}

impl Stage {
    /// Takes everything down again.
    async fn strike(self) {
        self.service.stop().await;
        self.procore.stop().await;
        self.quickbooks.stop().await;
        self.database.pool.close().await;
        if let (Some(name), Some(cluster)) = (&self.own_database, &self.database.cluster)
            && let Err(error) = cluster.drop_database(name).await
        {
            tracing::debug!(%error, "the demonstration's database stays behind");
        }
        self.database.close().await;
    }
}

/// A database of its own on the private cluster; or the one the user names.
async fn open(storage: &Storage) -> anyhow::Result<(Database, Option<String>)> {
    if storage.database_url.is_some() {
        return Ok((super::open(storage).await?, None));
    }
    let name = format!("plumbline_demo_{}", uuid::Uuid::new_v4().simple());
    let database = Database::open_private(&storage.data_dir, &name, storage.database_connections).await?;
    Ok((database, Some(name)))
}

/// A key for this run alone; the secrets of a demonstration are worth nothing afterwards.
fn vault() -> anyhow::Result<Vault> {
    static KEY: std::sync::OnceLock<secrecy::SecretString> = std::sync::OnceLock::new();
    Ok(Vault::new(KEY.get_or_init(secrets::random_token))?)
}

fn text(value: &serde_json::Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}
