//! `plumbline backup` and `plumbline restore`: the service's own state in one file, and back.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use clap::Args;
use sqlx::Connection as _;

use super::{open, vault};
use crate::{
    clock::Clock,
    config::Storage,
    connections::store,
    database::{
        dump::{self, Holds, Target},
        restored::{self, Restored},
    },
};

/// How long a service that was just stopped may still be seen in the database.
const LEAVING: Duration = Duration::from_secs(5);
/// Between two looks whether it has gone.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// `plumbline backup`: the whole database in one file. The service may go on meanwhile.
#[derive(Args, Debug)]
pub struct Backup {
    /// The file to write; readable by its owner alone.
    file: PathBuf,
    /// Overwrite the file if it exists.
    #[arg(long)]
    force: bool,
}

/// `plumbline restore`: a backup into an empty database, and what must be done before the service may run on it.
#[derive(Args, Debug)]
pub struct Restore {
    /// The file that `plumbline backup` wrote.
    #[arg(
        required_unless_present = "already_restored",
        conflicts_with = "already_restored"
    )]
    file: Option<PathBuf>,
    /// The database was brought back by other means (`pg_restore`, a snapshot): do what must be done then. Once, before the
    /// service starts.
    #[arg(long)]
    already_restored: bool,
}

impl Backup {
    /// To this file.
    pub fn to(file: PathBuf) -> Self {
        Self { file, force: false }
    }

    /// Runs it.
    pub async fn run(self, storage: &Storage) -> anyhow::Result<()> {
        let target = Target::open(storage.database_url.as_deref(), &storage.data_dir).await?;
        let outcome = self.of(&target, storage).await;
        target.close().await;
        outcome
    }

    async fn of(&self, target: &Target, storage: &Storage) -> anyhow::Result<()> {
        let started = Instant::now();
        let mut db = target.connect().await?;
        let holds = dump::holds(&mut db).await?;
        db.close().await?;
        let connections = match holds {
            Holds::Nothing => bail!(
                "there is nothing to back up: this database is not Plumbline's. Check DATABASE_URL, or --data-dir"
            ),
            Holds::Tables => 0,
            Holds::Connections(n) => n,
        };
        eprintln!("Backing up to {} …", self.file.display());
        let size = target
            .dump(&self.file, self.force, |so_far| {
                eprintln!("  {} so far", told_size(so_far));
            })
            .await?;
        println!(
            "Backed up {connections} {} to {}: {} in {:.1} s.\n\
             NOT in it: the secret key, without which Procore's client secrets cannot be read. {}",
            if connections == 1 {
                "connection"
            } else {
                "connections"
            },
            self.file.display(),
            told_size(size),
            started.elapsed().as_secs_f64(),
            where_the_key_lies(storage)
        );
        Ok(())
    }
}

impl Restore {
    /// From this file.
    pub fn from(file: PathBuf) -> Self {
        Self {
            file: Some(file),
            already_restored: false,
        }
    }

    /// After a restore by other means.
    pub fn already() -> Self {
        Self {
            file: None,
            already_restored: true,
        }
    }

    /// Runs it.
    pub async fn run(self, storage: &Storage, clock: &Clock) -> anyhow::Result<()> {
        let started = Instant::now();
        let target = Target::open(storage.database_url.as_deref(), &storage.data_dir).await?;
        let outcome = self.read_back(&target).await;
        target.close().await;
        outcome?;
        let done = finish(storage, clock).await.with_context(|| match &self.file {
            Some(_) => {
                "the backup was read back, but not prepared for the service. Mend what follows, then run \
                        `plumbline restore --already-restored`, and do not start the service before"
            }
            None => {
                "the database was not prepared for the service; do not start it before this has succeeded"
            }
        })?;
        println!(
            "Restored {} {} in {:.1} s. {} unfinished or failed {} for {} in QuickBooks before writing, and so does every \
             order that is found again. {} open {} given up.\n\
             Now start the service, and watch `plumbline connection list`.",
            done.connections,
            if done.connections == 1 {
                "connection"
            } else {
                "connections"
            },
            started.elapsed().as_secs_f64(),
            done.doubtful,
            if done.doubtful == 1 {
                "task looks"
            } else {
                "tasks look"
            },
            if done.doubtful == 1 {
                "its record"
            } else {
                "their records"
            },
            done.abandoned,
            if done.abandoned == 1 {
                "message set is"
            } else {
                "message sets are"
            },
        );
        Ok(())
    }

    async fn read_back(&self, target: &Target) -> anyhow::Result<()> {
        if let Some(file) = &self.file {
            dump::check(file)?;
        }
        let mut db = target.connect().await?;
        let holds = dump::holds(&mut db).await?;
        // PostgreSQL takes a moment to notice that a service has gone.
        let mut patience = LEAVING;
        while dump::is_in_use(&mut db).await? {
            if !patience.is_zero() {
                patience = patience.saturating_sub(LOOK_AGAIN);
                tokio::time::sleep(LOOK_AGAIN).await;
                continue;
            }
            bail!(
                "Plumbline is connected to this database; nothing was changed. Stop the service (every replica), then run this again"
            );
        }
        match (&self.file, holds) {
            (None, Holds::Connections(_)) | (Some(_), Holds::Nothing) => {}
            (None, Holds::Nothing | Holds::Tables) => {
                bail!("this database holds no connections: nothing was restored into it. Check DATABASE_URL")
            }
            (Some(_), Holds::Connections(n)) => bail!(
                "this database holds {n} {} already; nothing was changed. Restore into an empty database: `createdb NEW`, \
                 and point DATABASE_URL to it (or --data-dir to a new directory, with secret.key copied into it). If you have \
                 restored into this one yourself, run `plumbline restore --already-restored`",
                if n == 1 { "connection" } else { "connections" }
            ),
            (Some(_), Holds::Tables) => dump::clear(&mut db).await?,
        }
        db.close().await?;
        if let Some(file) = &self.file {
            let started = Instant::now();
            eprintln!("Reading {} back …", file.display());
            target
                .restore(file, |_| {
                    eprintln!("  still reading, {} s", started.elapsed().as_secs());
                })
                .await?;
        }
        Ok(())
    }
}

/// Brings the schema up to date and prepares what was restored for the service.
async fn finish(storage: &Storage, clock: &Clock) -> anyhow::Result<Restored> {
    let database = open(storage).await?;
    let outcome = async {
        let mut transaction = database.pool.begin().await?;
        let done = restored::mark(&mut transaction, clock.now()).await?;
        transaction.commit().await?;
        anyhow::Ok(done)
    }
    .await;
    if outcome.is_ok()
        && let Err(problem) = check_key(&database.pool, storage).await
    {
        eprintln!("WARNING: {problem:#}");
    }
    database.close().await;
    outcome
}

/// Whether the secret key fits what was restored.
async fn check_key(db: &sqlx::PgPool, storage: &Storage) -> anyhow::Result<()> {
    let vault = vault(storage)?;
    for connection in store::list(db).await? {
        vault
            .open(&connection.procore_client_secret, connection.id.as_bytes())
            .with_context(|| {
                format!(
                    "the secret key is not the one that belongs to this backup ({}). {}",
                    connection.name,
                    where_the_key_lies(storage)
                )
            })?;
    }
    Ok(())
}

fn where_the_key_lies(storage: &Storage) -> String {
    let file = storage.data_dir.join("secret.key");
    if storage.secret_key.is_some() {
        return "It is given as PLUMBLINE_SECRET_KEY; keep a copy of it apart from the backup.".to_owned();
    }
    format!(
        "It lies in {}; keep a copy of it apart from the backup.",
        std::path::absolute(&file).unwrap_or(file).display()
    )
}

fn told_size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{} KiB", bytes / 1024),
        _ => format!("{}.{} MiB", bytes / 1_048_576, bytes % 1_048_576 * 10 / 1_048_576),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_are_told_as_people_read_them() {
        assert_eq!(super::told_size(12), "12 bytes");
        assert_eq!(super::told_size(2048), "2 KiB");
        assert_eq!(super::told_size(1_572_864), "1.5 MiB");
    }
}
