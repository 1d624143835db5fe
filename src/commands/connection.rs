//! `plumbline connection …` and `plumbline qwc`.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use url::Url;
use uuid::Uuid;

use super::{open, resolve, table, vault};
use crate::{
    clock::Clock,
    comparison,
    config::Storage,
    connections::{
        argument, braced, passwords,
        settings::Settings,
        store::{self, Connection, Expected, NewConnection},
    },
    procore::{
        self,
        client::{ProcoreAccount, ProcoreClient},
        erp_connection, hooks, metadata,
    },
    secrets,
    tasks::{queue, rights::RightsCheck},
    web_connector::qwc_file::QwcFile,
};

pub mod progress;
pub mod repair;
pub mod rights;

use repair::ReconcileArgs;
use rights::CheckArgs;

/// What can be done with connections.
#[derive(Debug, Subcommand)]
pub enum ConnectionCommand {
    /// Add a connection: one Procore company, one QuickBooks company file.
    Add(Box<Add>),
    /// List connections with their last contact.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show one connection: what it expects, what was last seen, what is waiting.
    Show {
        /// Id, Web Connector user, or name.
        connection: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make a new Web Connector password; the old one stops working at once.
    RotatePassword {
        /// Id, Web Connector user, or name.
        connection: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Hand out nothing any more; the queue keeps filling.
    Pause {
        /// Id, Web Connector user, or name.
        connection: String,
    },
    /// Hand out work again, in the same order. Where a comparison paused it, go on without the records it found missing.
    Resume {
        /// Id, Web Connector user, or name.
        connection: String,
    },
    /// Accept the company file as it is now, after it was renamed, moved, upgraded or restored on purpose. Its `FileID`
    /// must still be the connection's. Everything is compared before anything is written.
    Rebind {
        /// Id, Web Connector user, or name.
        connection: String,
    },
    /// Compare every link with QuickBooks and report what is missing, changed or doubled there. Writes nothing to
    /// QuickBooks.
    Reconcile(ReconcileArgs),
    /// Ask QuickBooks for one record of each kind that is used, and tell what its user may not see and what is switched off.
    /// This also happens once a day.
    Check(CheckArgs),
    /// Register the webhook and push the ERP metadata to Procore once more, with a new webhook secret.
    Register {
        /// Id, Web Connector user, or name.
        connection: String,
        #[command(flatten)]
        reach: Reach,
    },
}

/// The service's public address.
#[derive(Args, Debug)]
pub struct Reach {
    /// The address under which the Web Connector and Procore reach the service.
    #[arg(
        long,
        env = "PLUMBLINE_PUBLIC_URL",
        default_value = "http://localhost:8080",
        value_name = "URL"
    )]
    pub public_url: Url,
}

/// `plumbline connection add`.
#[derive(Args, Debug)]
pub struct Add {
    /// What people call it: the company's name, say (at most 64 characters).
    #[arg(long, env = "PLUMBLINE_CONNECTION_NAME")]
    pub name: String,
    /// The Procore company's id.
    #[arg(long, env = "PLUMBLINE_PROCORE_COMPANY", value_name = "ID")]
    pub procore_company: i64,
    /// OAuth client id of the app installed in that company.
    #[arg(long, env = "PLUMBLINE_PROCORE_CLIENT_ID", value_name = "ID")]
    pub procore_client_id: String,
    /// OAuth client secret; better given by environment than on the command line.
    #[arg(
        long,
        env = "PLUMBLINE_PROCORE_CLIENT_SECRET",
        hide_env_values = true,
        value_name = "SECRET"
    )]
    pub procore_client_secret: SecretString,
    /// Procore's login host; http only for loopback.
    #[arg(
        long,
        env = "PLUMBLINE_PROCORE_LOGIN_URL",
        default_value = "https://login.procore.com",
        value_name = "URL"
    )]
    pub procore_login_url: Url,
    /// Procore's API host; http only for loopback.
    #[arg(
        long,
        env = "PLUMBLINE_PROCORE_API_URL",
        default_value = "https://api.procore.com",
        value_name = "URL"
    )]
    pub procore_api_url: Url,
    /// The company's name in QuickBooks; another name stops the exchange. Learnt at the first contact if not given.
    #[arg(long, env = "PLUMBLINE_COMPANY_NAME", value_name = "NAME")]
    pub company_name: Option<String>,
    /// Path of the company file on the Windows machine; lets the Web Connector open it while QuickBooks is closed.
    #[arg(long, env = "PLUMBLINE_COMPANY_FILE", value_name = "PATH")]
    pub company_file: Option<String>,
    /// Edition of the company file: US, CA or UK.
    #[arg(long, env = "PLUMBLINE_COUNTRY", value_parser = ["US", "CA", "UK"])]
    pub country: Option<String>,
    /// Directory for the .qwc file; the data directory's `qwc` if not given.
    #[arg(long, env = "PLUMBLINE_QWC_DIR", value_name = "DIR")]
    pub qwc_dir: Option<PathBuf>,
    /// Do not register the webhook and the ERP metadata in Procore now (`connection register` does it later).
    #[arg(long, env = "PLUMBLINE_SKIP_REGISTRATION", default_value_t = false)]
    pub skip_registration: bool,
    #[command(flatten)]
    pub reach: Reach,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// What a person needs once, after adding a connection.
#[derive(Debug)]
pub struct Added {
    /// Its id.
    pub id: Uuid,
    /// The Web Connector's user.
    pub qbwc_username: String,
    /// Its password, shown once.
    pub qbwc_password: SecretString,
    /// Where Procore sends webhooks.
    pub webhook_url: String,
    /// The `Authorization` value they carry.
    pub webhook_authorization: SecretString,
    /// The `.qwc` file that was written.
    pub qwc_path: String,
    /// What of the registration in Procore did not work.
    pub warnings: Vec<String>,
}

impl Added {
    fn json(&self) -> serde_json::Value {
        json!({
            "id": self.id,
            "qbwc_username": self.qbwc_username,
            "qbwc_password": self.qbwc_password.expose_secret(),
            "webhook_url": self.webhook_url,
            "webhook_authorization": self.webhook_authorization.expose_secret(),
            "qwc_path": self.qwc_path,
            "warnings": self.warnings,
        })
    }
}

impl Add {
    /// Checks everything, stores the connection, and registers it in Procore.
    pub async fn add(
        &self,
        db: &sqlx::PgPool,
        vault: &secrets::Vault,
        clock: &Clock,
        data_dir: &Path,
    ) -> anyhow::Result<Added> {
        let id = Uuid::now_v7();
        let tag = &id.simple().to_string()[20..];
        let qbwc_username = format!("plumbline-{tag}");
        let file_id = Uuid::new_v4();
        let name = self.name.trim();
        if name.is_empty() {
            bail!("the connection needs a name: --name \"Acme Builders\"");
        }
        // A connection whose .qwc file the Web Connector would refuse is refused here, with the reason.
        let qwc = QwcFile {
            public_url: &self.reach.public_url,
            connection_name: name,
            username: &qbwc_username,
            owner_id: crate::connections::OWNER_ID,
            file_id,
            connection_id: id,
            every_minutes: 5,
        }
        .render()?;
        let account = ProcoreAccount::new(
            self.procore_login_url.clone(),
            self.procore_api_url.clone(),
            self.procore_company,
            self.procore_client_id.trim().to_owned(),
            self.procore_client_secret.clone(),
        )?;
        let client = ProcoreClient::new(account, procore::client::http_client()?, clock.clone());
        if !self.skip_registration {
            client
                .check_credentials()
                .await
                .context("nothing was added, for the credentials must be tried first")?;
        }
        let password = secrets::random_password();
        let authorization = SecretString::from(format!("Bearer {}", secrets::random_token().expose_secret()));
        let new = NewConnection {
            id,
            name: name.to_owned(),
            created_at: clock.now(),
            qbwc_username: qbwc_username.clone(),
            qbwc_password_hash: passwords::hash(&password)?,
            file_id,
            expected: Expected {
                company_name: self.company_name.clone(),
                company_file: self.company_file.clone(),
                country: self.country.clone(),
            },
            procore_login_url: self.procore_login_url.to_string(),
            procore_api_url: self.procore_api_url.to_string(),
            procore_company_id: self.procore_company,
            procore_client_id: self.procore_client_id.trim().to_owned(),
            procore_client_secret: vault.seal(&self.procore_client_secret, id.as_bytes())?,
            webhook_token_sha256: secrets::sha256(authorization.expose_secret().as_bytes()),
            settings: Settings::default(),
        };
        let mut transaction = db.begin().await?;
        store::insert(&mut *transaction, &new).await?;
        // The lists are read before anything is written.
        queue::enqueue(
            &mut transaction,
            id,
            clock.now(),
            &[
                crate::erp_mode::first_reading(),
                // A restricted user is told of at once, and not by the first export that fails.
                RightsCheck::new().into_new_task(),
            ],
        )
        .await?;
        transaction.commit().await?;
        let webhook_url = webhook_url(&self.reach.public_url, id);
        let mut warnings = Vec::new();
        let directory = self.qwc_dir.clone().unwrap_or_else(|| data_dir.join("qwc"));
        let qwc_path = match write_qwc(&directory, &qbwc_username, &qwc) {
            Ok(path) => path.display().to_string(),
            Err(error) => {
                warnings.push(format!(
                    "the .qwc file could not be written to {}: {error}. `plumbline qwc {id}` prints it.",
                    directory.display()
                ));
                String::new()
            }
        };
        if !self.skip_registration {
            warnings.extend(
                register(
                    db,
                    &client,
                    id,
                    &webhook_url,
                    &authorization,
                    &self.reach.public_url,
                )
                .await,
            );
        }
        Ok(Added {
            id,
            qbwc_username,
            qbwc_password: password,
            webhook_url,
            webhook_authorization: authorization,
            qwc_path,
            warnings,
        })
    }
}

/// Writes the `.qwc` file; it holds no secret.
fn write_qwc(directory: &Path, name: &str, text: &str) -> std::io::Result<PathBuf> {
    std::fs::create_dir_all(directory)?;
    let path = directory.canonicalize()?.join(format!("{name}.qwc"));
    std::fs::write(&path, text)?;
    Ok(path)
}

fn webhook_url(public_url: &Url, id: Uuid) -> String {
    format!(
        "{}/procore/webhooks/{id}",
        public_url.as_str().trim_end_matches('/')
    )
}

/// Registers the ERP connection with its metadata, and the webhook. What fails is told, and can be done again.
async fn register(
    db: &sqlx::PgPool,
    client: &ProcoreClient,
    id: Uuid,
    webhook_url: &str,
    authorization: &SecretString,
    public_url: &Url,
) -> Vec<String> {
    let mut warnings = Vec::new();
    let metadata = metadata::document(&metadata::Contents {
        use_procore_contract_number: true,
        choose_customer: true,
        sync_payments: true,
        ..metadata::Contents::default()
    });
    match erp_connection::put(client, public_url, &metadata).await {
        Ok(connection) => {
            if let Some(list) = connection.standard_cost_code_list_id
                && let Err(error) = store::set_cost_code_list(db, id, list).await
            {
                warnings.push(format!("the company's cost code list could not be stored: {error}"));
            }
        }
        Err(error) => warnings.push(format!(
            "the ERP connection and its metadata could not be registered in Procore: {error}. Has a Procore super user switched ERP Integrations on? Then run `plumbline connection register {id}`."
        )),
    }
    match webhook_url.parse::<Url>() {
        Ok(url) => {
            if let Err(error) = hooks::ensure(client, &url, authorization).await {
                warnings.push(format!(
                    "the webhook could not be registered in Procore: {error}. Run `plumbline connection register {id}` later; until then orders are found by polling."
                ));
            }
        }
        Err(error) => warnings.push(format!("the webhook address {webhook_url} is not a URL: {error}")),
    }
    warnings
}

impl ConnectionCommand {
    /// Runs it.
    pub async fn run(self, storage: &Storage) -> anyhow::Result<()> {
        let database = open(storage).await?;
        let outcome = self.on(storage, &database.pool).await;
        database.close().await;
        outcome
    }

    async fn on(self, storage: &Storage, db: &sqlx::PgPool) -> anyhow::Result<()> {
        let clock = Clock::System;
        match self {
            Self::Add(add) => {
                let added = add.add(db, &vault(storage)?, &clock, &storage.data_dir).await?;
                if add.json {
                    println!("{}", added.json());
                } else {
                    println!("Added {} ({}).\n", add.name.trim(), added.id);
                    println!(
                        "  1. Copy this file to the QuickBooks machine:  {}",
                        added.qwc_path
                    );
                    println!(
                        "  2. Add it in the Web Connector while the company file is open as Admin, single-user."
                    );
                    println!(
                        "  3. Type this password there (it is shown only now):  {}\n",
                        added.qbwc_password.expose_secret()
                    );
                    println!("  Web Connector user:  {}", added.qbwc_username);
                    println!("  Procore webhook:     {}", added.webhook_url);
                    println!(
                        "  Its Authorization:   {}",
                        added.webhook_authorization.expose_secret()
                    );
                    for warning in &added.warnings {
                        println!("\n  Warning: {warning}");
                    }
                }
            }
            Self::List { json } => list(db, json).await?,
            Self::Show { connection, json } => show(db, &resolve(db, &connection).await?, json).await?,
            Self::RotatePassword { connection, json } => {
                let connection = resolve(db, &connection).await?;
                let password = secrets::random_password();
                store::set_password(db, connection.id, &passwords::hash(&password)?).await?;
                if json {
                    println!(
                        "{}",
                        json!({"id": connection.id, "qbwc_username": connection.qbwc_username, "qbwc_password": password.expose_secret()})
                    );
                } else {
                    println!(
                        "New Web Connector password of {} (shown only now): {}",
                        connection.name,
                        password.expose_secret()
                    );
                    println!("Type it in the Web Connector; the old one no longer works.");
                }
            }
            Self::Pause { connection } => {
                let connection = resolve(db, &connection).await?;
                store::set_paused(db, connection.id, Some(clock.now())).await?;
                println!(
                    "{} is paused: nothing is handed to QuickBooks; the queue keeps filling.",
                    connection.name
                );
            }
            Self::Resume { connection } => {
                let connection = resolve(db, &connection).await?;
                repair::resume(db, &connection, &clock).await?;
                println!(
                    "{} goes on at the next run of its Web Connector.",
                    connection.name
                );
            }
            Self::Rebind { connection } => {
                let connection = resolve(db, &connection).await?;
                repair::rebind(db, &connection, &clock).await?;
                println!(
                    "{}: the next company file with FileID {} is accepted under its present name, path and QuickBooks version. \
                     Before anything is written to it, all links are compared with it and its lists are read again; \
                     `plumbline connection show {}` tells how far that is.",
                    connection.name,
                    braced(connection.file_id),
                    argument(&connection.name)
                );
            }
            Self::Reconcile(reconcile) => {
                let connection = resolve(db, &reconcile.connection).await?;
                reconcile.run(db, &connection, &clock).await?;
            }
            Self::Check(check) => {
                let connection = resolve(db, &check.connection).await?;
                check.run(db, &connection, &clock).await?;
            }
            Self::Register { connection, reach } => {
                let connection = resolve(db, &connection).await?;
                let clients = crate::workers::clients::Clients::new(
                    procore::client::http_client()?,
                    vault(storage)?,
                    clock,
                );
                let client = clients.of(&connection)?;
                let authorization =
                    SecretString::from(format!("Bearer {}", secrets::random_token().expose_secret()));
                let url = webhook_url(&reach.public_url, connection.id);
                store::set_webhook_token(
                    db,
                    connection.id,
                    &secrets::sha256(authorization.expose_secret().as_bytes()),
                )
                .await?;
                let warnings = register(
                    db,
                    &client,
                    connection.id,
                    &url,
                    &authorization,
                    &reach.public_url,
                )
                .await;
                if !warnings.is_empty() {
                    bail!("{}", warnings.join("\n"));
                }
                println!(
                    "{}: webhook and ERP metadata are registered in Procore.",
                    connection.name
                );
            }
        }
        Ok(())
    }
}

async fn list(db: &sqlx::PgPool, json: bool) -> anyhow::Result<()> {
    let connections = store::list(db).await?;
    if json {
        let all: Vec<_> = connections.iter().map(as_json).collect();
        println!("{}", serde_json::Value::from(all));
        return Ok(());
    }
    if connections.is_empty() {
        println!("No connections yet. `plumbline connection add --help` tells how to add one.");
        return Ok(());
    }
    let rows: Vec<Vec<String>> = connections
        .iter()
        .map(|connection| {
            vec![
                connection.name.clone(),
                connection.id.to_string(),
                connection.procore_company_id.to_string(),
                connection.last_contact_at.map_or_else(
                    || "never".to_owned(),
                    |at| at.format("%Y-%m-%d %H:%M:%S").to_string(),
                ),
                state(connection).to_owned(),
            ]
        })
        .collect();
    table::print(
        &["name", "id", "Procore company", "last contact (UTC)", "state"],
        &rows,
    );
    Ok(())
}

fn state(connection: &Connection) -> &str {
    if connection.paused_at.is_some() {
        return if connection.paused_reason.is_some() {
            "paused: records are missing in QuickBooks"
        } else {
            "paused"
        };
    }
    connection
        .last_contact_state
        .as_deref()
        .unwrap_or("not yet connected")
}

fn as_json(connection: &Connection) -> serde_json::Value {
    json!({
        "id": connection.id,
        "name": connection.name,
        "created_at": connection.created_at,
        "paused_at": connection.paused_at,
        "paused_reason": connection.paused_reason,
        "qbwc_username": connection.qbwc_username,
        "file_id": braced(connection.file_id),
        "expected": connection.expected,
        "company_file": connection.company_file,
        "problem": connection.guard_problem,
        "lists_read": connection.mirror_ready,
        "procore_company_id": connection.procore_company_id,
        "procore_api_url": connection.procore_api_url,
        "last_contact_at": connection.last_contact_at,
        "state": state(connection),
        "settings": connection.settings,
    })
}

async fn show(db: &sqlx::PgPool, connection: &Connection, json: bool) -> anyhow::Result<()> {
    let counts = sqlx::query!(
        r#"select status as "status!", count(*) as "n!" from tasks where connection_id = $1 group by 1 order by 1"#,
        connection.id
    )
    .fetch_all(db)
    .await?;
    let compared = comparison::store::report(db, connection.id).await?;
    let readings = progress::of_connection(db, connection.id).await?;
    let may_read = crate::connections::rights::store::last(&mut *db.acquire().await?, connection.id).await?;
    if json {
        let mut object = as_json(connection);
        object["comparison"] = compared.as_ref().map_or(serde_json::Value::Null, repair::as_json);
        object["rights"] = rights::as_json(may_read.as_ref());
        object["tasks"] = counts
            .iter()
            .map(|row| (row.status.clone(), json!(row.n)))
            .collect::<serde_json::Map<_, _>>()
            .into();
        object["readings"] = readings
            .iter()
            .map(|reading| json!({"task": reading.task, "label": reading.label, "what": reading.progress.what,
                "read": reading.progress.read, "left": reading.progress.left, "seconds_left": reading.seconds_left()}))
            .collect();
        println!("{object}");
        return Ok(());
    }
    let seen = &connection.company_file;
    let or = |text: &str, otherwise: &str| {
        if text.is_empty() {
            otherwise.to_owned()
        } else {
            text.to_owned()
        }
    };
    let mut rows = vec![
        ("name", connection.name.clone()),
        ("id", connection.id.to_string()),
        ("state", state(connection).to_owned()),
        (
            "last contact (UTC)",
            connection.last_contact_at.map_or_else(
                || "never".to_owned(),
                |at| at.format("%Y-%m-%d %H:%M:%S").to_string(),
            ),
        ),
        ("Web Connector user", connection.qbwc_username.clone()),
        ("company in QuickBooks", or(&seen.company_name, "not seen yet")),
        ("company file", or(&seen.path, "not seen yet")),
        (
            "QuickBooks",
            or(
                format!("{} {}", seen.product, seen.country).trim(),
                "not seen yet",
            ),
        ),
        (
            "lists read",
            if connection.mirror_ready {
                "yes"
            } else {
                "not yet: nothing is written before"
            }
            .to_owned(),
        ),
        ("links compared (UTC)", repair::last_compared(compared.as_ref())),
        ("rights (UTC)", rights::line(may_read.as_ref())),
        (
            "Procore company",
            format!(
                "{} at {}",
                connection.procore_company_id, connection.procore_api_url
            ),
        ),
    ];
    for row in counts {
        rows.push(("tasks", format!("{} {}", row.n, row.status)));
    }
    for reading in readings {
        rows.push(("reading", reading.words()));
    }
    for (what, value) in rows {
        println!("{what:>22}  {value}");
    }
    for problem in [&connection.guard_problem, &connection.paused_reason]
        .into_iter()
        .flatten()
    {
        println!("\n{problem}");
    }
    for problem in rights::problems(may_read.as_ref()) {
        println!("\n{problem}");
    }
    Ok(())
}

/// `plumbline qwc`.
#[derive(Args, Debug)]
pub struct Qwc {
    /// Id, Web Connector user, or name of the connection.
    connection: String,
    #[command(flatten)]
    reach: Reach,
    /// How often the Web Connector runs by itself, in minutes.
    #[arg(long, env = "PLUMBLINE_EVERY_MINUTES", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1440))]
    every_minutes: u16,
}

impl Qwc {
    /// Prints the file.
    pub async fn run(self, storage: &Storage) -> anyhow::Result<()> {
        let database = open(storage).await?;
        let connection = resolve(&database.pool, &self.connection).await;
        database.close().await;
        print!(
            "{}",
            render_qwc(&connection?, &self.reach.public_url, self.every_minutes)?
        );
        Ok(())
    }
}

/// The `.qwc` file of a connection.
pub fn render_qwc(connection: &Connection, public_url: &Url, every_minutes: u16) -> anyhow::Result<String> {
    Ok(QwcFile {
        public_url,
        connection_name: &connection.name,
        username: &connection.qbwc_username,
        owner_id: connection.owner_id,
        file_id: connection.file_id,
        connection_id: connection.id,
        every_minutes,
    }
    .render()?)
}
