//! Copies of the whole database, by PostgreSQL's own `pg_dump` and `pg_restore`.
//!
//! They are told where the database is by their environment, never on a command line, which every user of the machine
//! can read. What may not live here: what a restored state means; that is [`super::restored`].

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};
use tokio::{io::AsyncReadExt, process::Command};
use url::{Url, form_urlencoded};

use super::{DatabaseError, embedded};

/// How the custom format of `pg_dump` begins.
const MAGIC: &[u8; 5] = b"PGDMP";
/// Between two words on how far it is.
const PROGRESS: Duration = Duration::from_secs(5);

/// Why a copy could not be made or read back.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The program is not installed.
    #[error(
        "{0} was not found (looked in PG_BIN_DIR, PATH, /usr/lib/postgresql/*/bin and Homebrew).\n\
         Install it with `apt-get install postgresql-client` (Debian, Ubuntu) or `brew install libpq` (macOS), or run it \
         where PostgreSQL runs: docs/OPERATIONS.md, \"Backup\", tells how"
    )]
    NoProgram(&'static str),
    /// The program failed.
    #[error(
        "{program} failed, and nothing was changed. It must not be older than the server (PG_BIN_DIR chooses another): {said}"
    )]
    Program {
        /// Which.
        program: &'static str,
        /// Its words.
        said: String,
    },
    /// A file could not be used.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is there already.
    #[error("{0} exists already; nothing was written. Choose another name, or overwrite it with --force")]
    Exists(PathBuf),
    /// Not what `pg_dump --format=custom` makes.
    #[error(
        "{0} is no backup: it is not in the custom format that `plumbline backup` writes. Nothing was changed"
    )]
    NoDump(PathBuf),
    /// The database could not be reached.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// It refused.
    #[error("the database refused")]
    Sql(#[from] sqlx::Error),
}

/// A database as it is, neither migrated nor pooled.
#[derive(Debug)]
pub struct Target {
    /// How the service connects to it.
    pub options: PgConnectOptions,
    /// What libpq reads from its environment. Holds the password: not to be printed.
    environment: Environment,
    cluster: Option<embedded::Cluster>,
}

/// Variables of a child's environment.
struct Environment(Vec<(&'static str, OsString)>);

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Environment(…)")
    }
}

impl Target {
    /// The database behind `url`, or the private one under `data_dir`, which is started if it does not run.
    pub async fn open(url: Option<&str>, data_dir: &Path) -> Result<Self, DumpError> {
        if let Some(url) = url {
            let options = url.parse::<PgConnectOptions>().map_err(DatabaseError::Url)?;
            let environment = environment(&options, Url::parse(url).ok().as_ref());
            return Ok(Self {
                options,
                environment,
                cluster: None,
            });
        }
        let (cluster, options) = super::private(data_dir, "plumbline").await?;
        let environment = environment(&options, None);
        Ok(Self {
            options,
            environment,
            cluster: Some(cluster),
        })
    }

    /// One connection. Statements are not logged.
    pub async fn connect(&self) -> Result<PgConnection, DumpError> {
        let options = self.options.clone().application_name("plumbline");
        Ok(options
            .disable_statement_logging()
            .connect()
            .await
            .map_err(DatabaseError::Connect)?)
    }

    /// Lets go of the private cluster, if it is one.
    pub async fn close(self) {
        if let Some(cluster) = self.cluster {
            super::let_go(cluster).await;
        }
    }

    fn command(&self, program: &'static str) -> Result<Command, DumpError> {
        let path = embedded::find_program(program).ok_or(DumpError::NoProgram(program))?;
        let mut command = Command::new(path);
        command
            .envs(self.environment.0.iter().map(|(name, value)| (name, value)))
            // These would point elsewhere.
            .env_remove("PGHOSTADDR")
            .env_remove("PGSERVICE")
            .env_remove("PGSERVICEFILE")
            .env("PGAPPNAME", "plumbline backup")
            .env("LC_MESSAGES", "C")
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Ok(command)
    }

    /// Writes the whole database into `file`, as it was at one moment; the service may go on. The file appears under its
    /// name when it is whole, readable by its owner alone. Its size in bytes. `progress` is told the size now and then.
    pub async fn dump(&self, file: &Path, force: bool, progress: impl FnMut(u64)) -> Result<u64, DumpError> {
        if !force && file.exists() {
            return Err(DumpError::Exists(file.to_owned()));
        }
        let partial = Partial::beside(file)?;
        let mut command = self.command("pg_dump")?;
        command
            .args([
                "--format=custom",
                "--no-owner",
                "--no-privileges",
                "--no-password",
            ])
            .stdin(Stdio::null())
            .stdout(partial.file.try_clone().map_err(at(&partial.path))?);
        run("pg_dump", command, || partial.size(), progress).await?;
        partial.keep_as(file, force)
    }

    /// Reads a copy back, wholly or not at all.
    pub async fn restore(&self, file: &Path, progress: impl FnMut(u64)) -> Result<(), DumpError> {
        let dump = File::open(file).map_err(at(file))?;
        let mut command = self.command("pg_restore")?;
        // A name in a connection string, for one that holds a `=` would be read as such a string.
        let name = self.options.get_database().unwrap_or(self.options.get_username());
        let name = name.replace('\\', r"\\").replace('\'', r"\'");
        command
            .arg(format!("--dbname=dbname='{name}'"))
            .args([
                "--single-transaction",
                "--exit-on-error",
                "--no-owner",
                "--no-privileges",
                "--no-password",
            ])
            .stdin(dump)
            .stdout(Stdio::null());
        run("pg_restore", command, || 0, progress).await
    }
}

/// Refuses what is no copy of ours before anything is done with it.
pub fn check(file: &Path) -> Result<(), DumpError> {
    let mut start = [0_u8; MAGIC.len()];
    let read = File::open(file).map_err(at(file))?.read_exact(&mut start);
    match read {
        Ok(()) if start == *MAGIC => Ok(()),
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(at(file)(error)),
        _ => Err(DumpError::NoDump(file.to_owned())),
    }
}

/// What libpq must know to reach the same database as we do.
fn environment(options: &PgConnectOptions, url: Option<&Url>) -> Environment {
    let ssl_mode = match options.get_ssl_mode() {
        PgSslMode::Disable => "disable",
        PgSslMode::Allow => "allow",
        PgSslMode::Prefer => "prefer",
        PgSslMode::Require => "require",
        PgSslMode::VerifyCa => "verify-ca",
        PgSslMode::VerifyFull => "verify-full",
    };
    let host = options.get_socket().map_or_else(
        || options.get_host().into(),
        |socket| socket.clone().into_os_string(),
    );
    let database = options.get_database().unwrap_or(options.get_username());
    let mut variables: Vec<(&'static str, OsString)> = vec![
        ("PGHOST", host),
        ("PGPORT", options.get_port().to_string().into()),
        ("PGUSER", options.get_username().into()),
        ("PGDATABASE", database.into()),
        ("PGSSLMODE", ssl_mode.into()),
    ];
    if let Some(url) = url {
        variables.extend(
            url.password()
                .map(|password| ("PGPASSWORD", decoded(password).into())),
        );
        for (key, value) in url.query_pairs() {
            let variable = match key.as_ref() {
                "password" => "PGPASSWORD",
                "sslrootcert" | "ssl-root-cert" | "ssl-ca" => "PGSSLROOTCERT",
                "sslcert" | "ssl-cert" => "PGSSLCERT",
                "sslkey" | "ssl-key" => "PGSSLKEY",
                _ => continue,
            };
            variables.push((variable, value.into_owned().into()));
        }
    }
    Environment(variables)
}

/// Undoes percent-encoding.
fn decoded(text: &str) -> String {
    form_urlencoded::parse(
        text.replace('+', "%2B")
            .replace('&', "%26")
            .replace('=', "%3D")
            .as_bytes(),
    )
    .map(|(key, _)| key.into_owned())
    .collect()
}

/// Runs a program to its end; its words if it fails.
async fn run(
    program: &'static str,
    mut command: Command,
    size: impl Fn() -> u64,
    mut progress: impl FnMut(u64),
) -> Result<(), DumpError> {
    let failed = |source| DumpError::Io {
        path: PathBuf::from(program),
        source,
    };
    let mut child = command.spawn().map_err(failed)?;
    let mut errors = child.stderr.take();
    let mut ended = std::pin::pin!(async {
        let mut said = Vec::new();
        if let Some(errors) = errors.as_mut() {
            errors.read_to_end(&mut said).await?;
        }
        Ok((child.wait().await?, said))
    });
    let (status, said) = loop {
        match tokio::time::timeout(PROGRESS, &mut ended).await {
            Ok(ended) => break ended.map_err(failed)?,
            Err(_) => progress(size()),
        }
    };
    if status.success() {
        return Ok(());
    }
    Err(DumpError::Program {
        program,
        said: String::from_utf8_lossy(&said).trim().to_owned(),
    })
}

/// A file that is not whole yet; gone unless it is kept.
struct Partial {
    path: PathBuf,
    file: File,
}

impl Partial {
    fn beside(file: &Path) -> Result<Self, DumpError> {
        let mut name = OsString::from(".");
        name.push(file.file_name().unwrap_or_default());
        name.push(format!(".{}.partial", std::process::id()));
        let path = file.with_file_name(name);
        let opened = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(at(&path))?;
        Ok(Self { path, file: opened })
    }

    fn size(&self) -> u64 {
        self.file.metadata().map_or(0, |metadata| metadata.len())
    }

    /// Under its name from now on, also after a power cut. Nothing that is there is lost unless that is wanted.
    fn keep_as(self, file: &Path, force: bool) -> Result<u64, DumpError> {
        let size = self.size();
        self.file.sync_all().map_err(at(&self.path))?;
        let directory = match file.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        if force {
            fs::rename(&self.path, file).map_err(at(file))?;
        } else {
            // A link takes no name that is taken; where the file system knows no links, a moment's gap must do.
            match fs::hard_link(&self.path, file) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    return Err(DumpError::Exists(file.to_owned()));
                }
                Err(_) if file.exists() => return Err(DumpError::Exists(file.to_owned())),
                Err(_) => fs::rename(&self.path, file).map_err(at(file))?,
            }
        }
        // Not every file system can do that for a directory.
        let _ = File::open(directory).and_then(|directory| directory.sync_all());
        Ok(size)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // Gone already if it was renamed.
        let _ = fs::remove_file(&self.path);
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> DumpError + use<> {
    let path = path.to_owned();
    move |source| DumpError::Io { path, source }
}

/// What a database holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Nothing of ours.
    Nothing,
    /// Our tables, and no connection in them.
    Tables,
    /// So many connections.
    Connections(i64),
}

/// Whether this is a database of ours, and whether it is in use.
pub async fn holds(db: &mut PgConnection) -> Result<Holds, sqlx::Error> {
    let ours: bool = sqlx::query_scalar(
        "select to_regclass('connections') is not null and to_regclass('_sqlx_migrations') is not null",
    )
    .fetch_one(&mut *db)
    .await?;
    if !ours {
        return Ok(Holds::Nothing);
    }
    let connections: i64 = sqlx::query_scalar("select count(*) from connections")
        .fetch_one(db)
        .await?;
    Ok(match connections {
        0 => Holds::Tables,
        n => Holds::Connections(n),
    })
}

/// Whether another process of ours is connected: the service, most likely.
pub async fn is_in_use(db: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (select from pg_stat_activity
             where datname = current_database() and application_name = 'plumbline' and pid <> pg_backend_pid())",
    )
    .fetch_one(db)
    .await
}

/// Drops our tables, which hold no connection, so that a copy can bring its own. What is not ours stays.
pub async fn clear(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    let mut transaction = db.begin().await?;
    let tables: String = sqlx::query_scalar(
        "with recursive ours as (
             select 'connections'::regclass::oid as id
             union select c.conrelid from pg_constraint c join ours on c.confrelid = ours.id where c.contype = 'f'
         )
         select string_agg(id::regclass::text, ', ') || ', _sqlx_migrations' from ours",
    )
    .fetch_one(&mut *transaction)
    .await?;
    // The names are PostgreSQL's own, quoted where needed.
    let drop = format!("drop table {tables} cascade; drop function if exists is_linked(uuid, text)");
    sqlx::raw_sql(AssertSqlSafe(drop))
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> Vec<(&'static str, String)> {
        let options: PgConnectOptions = url.parse().unwrap();
        environment(&options, Url::parse(url).ok().as_ref())
            .0
            .into_iter()
            .map(|(name, value)| (name, value.into_string().unwrap()))
            .collect()
    }

    #[test]
    fn libpq_reaches_what_we_reach() {
        let seen =
            of("postgres://joe:a%20b%2F%2B+%26%3D@db.test:5433/plum?sslmode=verify-full&sslrootcert=/ca.pem");
        for (name, value) in [
            ("PGHOST", "db.test"),
            ("PGPORT", "5433"),
            ("PGUSER", "joe"),
            ("PGDATABASE", "plum"),
            ("PGSSLMODE", "verify-full"),
            ("PGPASSWORD", "a b/++&="),
            ("PGSSLROOTCERT", "/ca.pem"),
        ] {
            assert!(
                seen.contains(&(name, value.to_owned())),
                "{name} {value}: {seen:?}"
            );
        }
        let seen = of("postgres://joe@localhost/plum?host=/run/here");
        assert!(seen.contains(&("PGHOST", "/run/here".to_owned())));
        assert!(!seen.iter().any(|(name, _)| *name == "PGPASSWORD"));
    }

    #[test]
    fn the_password_is_not_shown() {
        let options: PgConnectOptions = "postgres://joe:hush@db.test/plum".parse().unwrap();
        let url = Url::parse("postgres://joe:hush@db.test/plum").unwrap();
        assert!(!format!("{:?}", environment(&options, Some(&url))).contains("hush"));
    }
}
