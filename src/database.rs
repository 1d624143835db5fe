//! The database: connecting to PostgreSQL and bringing its schema up to date. With no `DATABASE_URL`, a private
//! cluster is started from the system's own binaries (see [`embedded`]).

use std::{path::Path, sync::LazyLock, time::Duration};

use sqlx::{
    ConnectOptions, PgPool,
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
};

pub mod dump;
pub mod embedded;
pub mod restored;

/// The schema, forward-only. A schema newer than this program is fine: while replicas are replaced one by one, the older
/// ones may be started again after the newest has migrated.
pub static MIGRATOR: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrator = sqlx::migrate!();
    migrator.set_ignore_missing(true);
    migrator
});

/// A migration that waits for a lock makes everybody wait behind it; so it gives way after this long and tries again.
const LOCK_PATIENCE: &str = "set lock_timeout = '3s'";
/// How long connections may take to close.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);
/// Tries before a migration is given up: some minutes.
const MOST_MIGRATION_TRIES: u32 = 60;

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
        migrate(&pool).await?;
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
        migrate(&pool).await?;
        Ok(Self {
            pool,
            cluster: Some(cluster),
        })
    }

    /// Closes the pool, and stops the private cluster if nobody else uses it.
    pub async fn close(self) {
        // A connection still at work is given up: what it had not committed is not wanted.
        if tokio::time::timeout(CLOSE_PATIENCE, self.pool.close())
            .await
            .is_err()
        {
            tracing::warn!("a connection to the database was still at work; it is given up");
        }
        if let Some(cluster) = self.cluster {
            let_go(cluster).await;
        }
    }
}

/// Brings the schema up to date while other replicas may be at work. Of several that start at once, one migrates and the
/// others wait for it.
pub async fn migrate(pool: &PgPool) -> Result<(), DatabaseError> {
    let mut session = pool.acquire().await.map_err(DatabaseError::Connect)?;
    for tries in 1.. {
        sqlx::raw_sql(LOCK_PATIENCE)
            .execute(&mut *session)
            .await
            .map_err(DatabaseError::Connect)?;
        match MIGRATOR.run_direct(None, &mut *session, false).await {
            Err(error) if is_locked_out(&error) && tries < MOST_MIGRATION_TRIES => {
                tracing::warn!("a migration waits for a lock that somebody else holds; trying again");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            migrated => {
                migrated?;
                break;
            }
        }
    }
    // The session goes back to the pool as it came; a try that failed has left its lock behind.
    sqlx::raw_sql("select pg_advisory_unlock_all(); set lock_timeout = default")
        .execute(&mut *session)
        .await
        .map_err(DatabaseError::Connect)?;
    Ok(())
}

fn is_locked_out(error: &MigrateError) -> bool {
    let (MigrateError::Execute(sqlx::Error::Database(error))
    | MigrateError::ExecuteMigration(sqlx::Error::Database(error), _)) = error
    else {
        return false;
    };
    error.code().as_deref() == Some("55P03")
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
        .acquire_timeout(Duration::from_secs(10))
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
                .log_slow_statements(tracing::log::LevelFilter::Warn, Duration::from_secs(2)),
        )
        .await
        .map_err(DatabaseError::Connect)
}
