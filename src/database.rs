//! The database: connecting to PostgreSQL and bringing its schema up to date. With no `DATABASE_URL`, a private
//! cluster is started from the system's own binaries (see [`embedded`]).

use std::path::Path;

use sqlx::{
    ConnectOptions, PgPool,
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
};

pub mod dump;
pub mod embedded;
pub mod restored;

/// The schema, forward-only.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// Why the database could not be reached or prepared.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The URL does not parse.
    #[error("DATABASE_URL is not a PostgreSQL URL (postgres://user:password@host/database)")]
    Url(#[source] sqlx::Error),
    /// No connection.
    #[error("could not connect to PostgreSQL; check DATABASE_URL and that the server runs")]
    Connect(#[source] sqlx::Error),
    /// The private cluster did not start.
    #[error(transparent)]
    Embedded(#[from] embedded::EmbeddedError),
    /// A migration failed.
    #[error("could not bring the database schema up to date")]
    Migrate(#[from] MigrateError),
}

/// A pool, and the private cluster it stands on if there is one.
#[derive(Debug)]
pub struct Database {
    /// Connections to the database.
    pub pool: PgPool,
    /// The private cluster; stops when the last process that uses it lets go.
    pub cluster: Option<embedded::Cluster>,
}

impl Database {
    /// Connects to `url`, or to a private cluster under `data_dir`, and migrates.
    pub async fn open(
        url: Option<&str>,
        data_dir: &Path,
        max_connections: u32,
    ) -> Result<Self, DatabaseError> {
        let Some(url) = url else {
            return Self::open_private(data_dir, "plumbline", max_connections).await;
        };
        let options = url.parse::<PgConnectOptions>().map_err(DatabaseError::Url)?;
        let pool = connect(options, max_connections).await?;
        MIGRATOR.run(&pool).await?;
        Ok(Self { pool, cluster: None })
    }

    /// A database of this name on the private cluster under `data_dir`, migrated.
    pub async fn open_private(
        data_dir: &Path,
        name: &str,
        max_connections: u32,
    ) -> Result<Self, DatabaseError> {
        let (cluster, options) = private(data_dir, name).await?;
        let pool = connect(options, max_connections).await?;
        MIGRATOR.run(&pool).await?;
        Ok(Self {
            pool,
            cluster: Some(cluster),
        })
    }

    /// Closes the pool, and stops the private cluster if nobody else uses it.
    pub async fn close(self) {
        self.pool.close().await;
        if let Some(cluster) = self.cluster {
            let_go(cluster).await;
        }
    }
}

/// The private cluster under `data_dir`, running, and how to connect to a database of this name on it.
async fn private(
    data_dir: &Path,
    name: &str,
) -> Result<(embedded::Cluster, PgConnectOptions), DatabaseError> {
    let root = data_dir.join("postgres");
    let cluster =
        tokio::task::spawn_blocking(move || embedded::Cluster::start(&root, embedded::Durability::Durable))
            .await
            .map_err(|panicked| embedded::EmbeddedError::Panicked(panicked.to_string()))??;
    let options = cluster.create_database(name).await?;
    Ok((cluster, options))
}

/// Stops the private cluster if nobody else uses it. One that does not stop is found again, running, by the next start.
async fn let_go(cluster: embedded::Cluster) {
    let stopped = tokio::task::spawn_blocking(move || cluster.stop()).await;
    if let Ok(Err(error)) = stopped {
        tracing::warn!(%error, "the private PostgreSQL did not stop");
    }
}

/// A pool with this service's habits: statements are logged at trace level only, for they hold people's records.
pub async fn connect(options: PgConnectOptions, max_connections: u32) -> Result<PgPool, DatabaseError> {
    PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(std::time::Duration::from_secs(10))
        .test_before_acquire(false)
        .connect_with(
            options
                .application_name("plumbline")
                // Our statements are few and go by index; planning each of them anew costs as much as running it. A plan
                // made while a table was empty must serve when it is full: no reading through where there is an index.
                .options([
                    ("plan_cache_mode", "force_generic_plan"),
                    ("enable_seqscan", "off"),
                    ("jit", "off"),
                ])
                .log_statements(tracing::log::LevelFilter::Trace)
                .log_slow_statements(tracing::log::LevelFilter::Warn, std::time::Duration::from_secs(2)),
        )
        .await
        .map_err(DatabaseError::Connect)
}
