//! The commands of the command line. `anyhow` lives here and nowhere deeper.

use anyhow::{Context, bail};
use clap::Args;
use tracing_subscriber::EnvFilter;
use url::Url;
use uuid::Uuid;

use crate::{
    app::{self, Parts},
    clock::Clock,
    config::{Serving, Storage},
    connections::store::{self, Connection},
    database::Database,
    secrets::Vault,
};

pub mod backup;
pub mod connection;
pub mod costs;
pub mod demo;
pub mod explain;
pub mod import_budget;
pub mod reconcile;
pub mod settings;
pub mod sub_jobs;
pub mod table;
pub mod task;
pub mod unlink;
mod wait;

/// Starts logging to standard error. `quiet` keeps it out of a command that shows its own progress.
pub fn start_logging(filter: &str, json: bool, quiet: bool) {
    let filter = if quiet && std::env::var_os("PLUMBLINE_LOG").is_none() {
        "error"
    } else {
        filter
    };
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_target(false);
    // A second subscriber in one process is a test's; the first stays.
    let _ = if json {
        builder.json().try_init()
    } else {
        builder.try_init()
    };
}

/// An error with everything that led to it, in one line per cause.
pub fn chain(error: &anyhow::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
    }
    parts.join(": ")
}

/// Opens the database the options name, migrated.
pub async fn open(storage: &Storage) -> anyhow::Result<Database> {
    Ok(Database::open(
        storage.database_url.as_deref(),
        &storage.data_dir,
        storage.database_connections,
    )
    .await?)
}

/// The key that secrets are sealed with.
pub fn vault(storage: &Storage) -> anyhow::Result<Vault> {
    Ok(match &storage.secret_key {
        Some(key) => Vault::new(key)?,
        None if storage.database_url.is_some() => {
            tracing::warn!(
                "no PLUMBLINE_SECRET_KEY: using {}; replicas must share one key",
                storage.data_dir.join("secret.key").display()
            );
            Vault::from_file(&storage.data_dir.join("secret.key"))?
        }
        None => Vault::from_file(&storage.data_dir.join("secret.key"))?,
    })
}

/// The one connection a person means.
pub async fn resolve(db: &sqlx::PgPool, given: &str) -> anyhow::Result<Connection> {
    let mut found = store::resolve(db, given).await?;
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => bail!("no connection {given:?}; `plumbline connection list` shows them"),
        n => bail!("{n} connections are named {given:?}; use the id, from `plumbline connection list`"),
    }
}

/// `plumbline serve`.
pub async fn serve(storage: &Storage, serving: Serving) -> anyhow::Result<()> {
    if let Err(refused) = crate::web_connector::qwc_file::check_public_url(&serving.public_url) {
        tracing::warn!("{refused}");
    }
    let database = open(storage).await?;
    let parts = Parts {
        db: database.pool.clone(),
        vault: vault(storage)?,
        clock: Clock::System,
        serving,
    };
    let running = app::start(parts).await?;
    eprintln!(
        "Plumbline {} listens on http://{} (stop with Ctrl-C)",
        env!("CARGO_PKG_VERSION"),
        running.address
    );
    stop_signal().await?;
    tracing::info!("stopping: finishing what is under way");
    running.stop().await;
    database.close().await;
    Ok(())
}

/// Waits for SIGTERM or Ctrl-C.
pub async fn stop_signal() -> anyhow::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .context("cannot listen for SIGTERM")?;
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted.context("cannot listen for Ctrl-C")?,
    }
    Ok(())
}

/// `plumbline migrate`.
pub async fn migrate(storage: &Storage) -> anyhow::Result<()> {
    let database = open(storage).await?;
    println!("The database schema is up to date.");
    database.close().await;
    Ok(())
}

/// `plumbline healthcheck`.
#[derive(Args, Debug)]
pub struct Healthcheck {
    /// The service's readiness address.
    #[arg(
        default_value = "http://127.0.0.1:8080/health/ready",
        env = "PLUMBLINE_HEALTHCHECK_URL"
    )]
    url: Url,
}

impl Healthcheck {
    /// Asks, and fails unless the answer is "ready".
    pub async fn run(self) -> anyhow::Result<()> {
        let client = reqwest::Client::builder()
            .timeout(std::time::Duration::from_secs(5))
            .build()?;
        let status = client
            .get(self.url.clone())
            .send()
            .await
            .with_context(|| format!("no answer from {}", self.url))?
            .status();
        if !status.is_success() {
            bail!("not ready: {status}");
        }
        println!("ready");
        Ok(())
    }
}

/// Reads an id a person typed.
pub fn parse_id(text: &str) -> anyhow::Result<Uuid> {
    text.trim()
        .parse()
        .with_context(|| format!("{text:?} is not an id; ids look like 0198c0de-…"))
}
