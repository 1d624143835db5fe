//! A private PostgreSQL for a first look, for development and for tests, run from the system's own binaries.
//!
//! The cluster is created once and kept; it listens on a Unix socket only, so there is no port to collide with.
//! PostgreSQL refuses to run as root: as root, its processes run as `postgres` or `nobody`. Several processes may use
//! one cluster: each holds a shared lock, and the last one out stops it.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nix::unistd::{Gid, Uid, User, chown};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, postgres::PgConnectOptions};

/// Why the private cluster could not be had.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// There is nothing to start.
    #[error(
        "no PostgreSQL server binaries found (looked in PG_BIN_DIR, PATH, /usr/lib/postgresql/*/bin and Homebrew).\n\
         Install them with `apt-get install postgresql` (Debian, Ubuntu) or `brew install postgresql@17` (macOS),\n\
         or set DATABASE_URL to a server you already have"
    )]
    NoBinaries,
    /// Root needs somebody to run the server as.
    #[error("running as root, and neither user `postgres` nor `nobody` exists to run PostgreSQL as")]
    NoUnprivilegedUser,
    /// A PostgreSQL program failed.
    #[error("{program} failed: {said}")]
    Program {
        /// Which.
        program: &'static str,
        /// Its output.
        said: String,
    },
    /// A file or directory could not be used.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The cluster runs, but refuses.
    #[error("the private PostgreSQL could not prepare its database")]
    Sql(#[from] sqlx::Error),
    /// The thread that started it panicked.
    #[error("starting PostgreSQL panicked: {0}")]
    Panicked(String),
}

/// Durability of the cluster: a user's data survives power loss, a test's need not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// `fsync` on.
    Durable,
    /// `fsync` off: for tests.
    Throwaway,
}

/// A running cluster and our share in it.
#[derive(Debug)]
pub struct Cluster {
    bin: PathBuf,
    data: PathBuf,
    socket: PathBuf,
    run_as: Option<(Uid, Gid)>,
    /// Guards starting and stopping.
    starting: PathBuf,
    /// Held shared while we use the cluster.
    users: File,
}

/// Where root keeps the cluster when the wanted place lies under a private directory, such as root's home.
const ROOT_FALLBACK: &str = "/var/lib/plumbline";

impl Cluster {
    /// Finds, creates and starts the cluster under `root`; one already running there is used as it is.
    pub fn start(root: &Path, durability: Durability) -> Result<Self, EmbeddedError> {
        let bin = find_binaries()?;
        let run_as = unprivileged_user()?;
        let absolute = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        let root = match run_as {
            Some(_) if !reachable_by_others(&absolute) => {
                // Two checkouts under root's home must not share one cluster.
                Path::new(ROOT_FALLBACK)
                    .join(format!("{:016x}", fnv(absolute.as_os_str().as_encoded_bytes())))
            }
            _ => absolute,
        };
        fs::create_dir_all(&root).map_err(at(&root))?;
        let starting = root.join("starting.lock");
        let lock = File::create(&starting).map_err(at(&starting))?;
        lock.lock().map_err(at(&starting))?;
        let users_path = root.join("users.lock");
        let users = File::create(&users_path).map_err(at(&users_path))?;
        users.lock_shared().map_err(at(&users_path))?;

        let data = root.join("data");
        // The address of a Unix socket holds 107 bytes: a deep checkout gets its socket in the temporary directory.
        let socket = if root.as_os_str().len() < 80 {
            root.join("run")
        } else {
            std::env::temp_dir().join(format!(
                "plumbline-{:016x}",
                fnv(root.as_os_str().as_encoded_bytes())
            ))
        };
        for dir in [&data, &socket] {
            fs::create_dir_all(dir).map_err(at(dir))?;
            fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).map_err(at(dir))?;
            if let Some((uid, gid)) = run_as {
                chown(dir, Some(uid), Some(gid)).map_err(|error| at(dir)(error.into()))?;
            }
        }
        let cluster = Self {
            bin,
            data,
            socket,
            run_as,
            starting,
            users,
        };
        if !cluster.data.join("PG_VERSION").exists() {
            cluster.initialise()?;
        }
        if cluster
            .run(
                "pg_ctl",
                &["status".into(), "-D".into(), cluster.data.clone().into()],
            )
            .is_err()
        {
            cluster.launch(durability)?;
        }
        drop(lock);
        Ok(cluster)
    }

    fn initialise(&self) -> Result<(), EmbeddedError> {
        let mut args: Vec<OsString> = vec!["-D".into(), self.data.clone().into()];
        args.extend(
            [
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
                "--no-instructions",
            ]
            .map(OsString::from),
        );
        self.run("initdb", &args)
    }

    fn launch(&self, durability: Durability) -> Result<(), EmbeddedError> {
        let mut options = format!(
            "-k '{}' -c listen_addresses='' -c max_connections=200 -c shared_buffers=64MB",
            self.socket.display()
        );
        if durability == Durability::Throwaway {
            options.push_str(" -c fsync=off -c synchronous_commit=off -c full_page_writes=off");
        }
        self.run(
            "pg_ctl",
            &[
                "start".into(),
                "-w".into(),
                "-D".into(),
                self.data.clone().into(),
                "-l".into(),
                self.data.join("server.log").into(),
                "-o".into(),
                options.into(),
            ],
        )
    }

    /// How to connect to one of the cluster's databases.
    pub fn options(&self, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(&self.socket)
            .username("postgres")
            .database(database)
    }

    /// The same as a URL, for another process on this machine.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://postgres@localhost/{database}?host={}",
            self.socket.display()
        )
    }

    /// Makes a database unless it is there, and says how to connect to it. `name` is ours, never a user's.
    pub async fn create_database(&self, name: &str) -> Result<PgConnectOptions, EmbeddedError> {
        let mut connection = self.options("postgres").connect().await?;
        // Two processes may ask at once.
        sqlx::query("select pg_advisory_lock(hashtext($1))")
            .bind(name)
            .execute(&mut connection)
            .await?;
        let exists: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(name)
            .fetch_one(&mut connection)
            .await?;
        if !exists {
            sqlx::raw_sql(AssertSqlSafe(format!(r#"create database "{name}""#)))
                .execute(&mut connection)
                .await?;
        }
        connection.close().await?;
        Ok(self.options(name))
    }

    /// Drops a database of ours.
    pub async fn drop_database(&self, name: &str) -> Result<(), EmbeddedError> {
        let mut connection = self.options("postgres").connect().await?;
        sqlx::raw_sql(AssertSqlSafe(format!(
            r#"drop database if exists "{name}" with (force)"#
        )))
        .execute(&mut connection)
        .await?;
        connection.close().await?;
        Ok(())
    }

    /// Lets go of the cluster, and stops it if nobody else holds it.
    pub fn stop(self) -> Result<(), EmbeddedError> {
        let lock = File::create(&self.starting).map_err(at(&self.starting))?;
        lock.lock().map_err(at(&self.starting))?;
        self.users.unlock().map_err(at(&self.starting))?;
        if self.users.try_lock().is_err() {
            return Ok(()); // Somebody else still uses it.
        }
        self.run(
            "pg_ctl",
            &[
                "stop".into(),
                "-m".into(),
                "fast".into(),
                "-D".into(),
                self.data.clone().into(),
            ],
        )
    }

    fn run(&self, program: &'static str, args: &[OsString]) -> Result<(), EmbeddedError> {
        let path = self.bin.join(program);
        let mut command = Command::new(&path);
        command
            .args(args.iter().map(OsString::as_os_str).collect::<Vec<&OsStr>>())
            .current_dir("/")
            .env("LC_ALL", "C.UTF-8")
            .env_remove("PGDATA")
            .env_remove("PGHOST")
            .env_remove("PGPORT")
            .stdin(Stdio::null());
        if let Some((uid, gid)) = self.run_as {
            command.gid(gid.as_raw()).uid(uid.as_raw());
        }
        let output = command.output().map_err(at(&path))?;
        if output.status.success() {
            return Ok(());
        }
        let said = [
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        ]
        .concat();
        Err(EmbeddedError::Program {
            program,
            said: said.trim().to_owned(),
        })
    }
}

/// Whether another account can reach `path`: every existing directory above it has `o+x`.
fn reachable_by_others(path: &Path) -> bool {
    path.ancestors()
        .filter_map(|dir| fs::metadata(dir).ok())
        .all(|meta| meta.permissions().mode() & 0o001 != 0)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> EmbeddedError + use<> {
    let path = path.to_owned();
    move |source| EmbeddedError::Io { path, source }
}

fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// As root, the account the server runs as; otherwise `None`: as ourselves.
fn unprivileged_user() -> Result<Option<(Uid, Gid)>, EmbeddedError> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    ["postgres", "nobody"]
        .iter()
        .find_map(|name| User::from_name(name).ok().flatten())
        .map(|user| Some((user.uid, user.gid)))
        .ok_or(EmbeddedError::NoUnprivilegedUser)
}

fn find_binaries() -> Result<PathBuf, EmbeddedError> {
    candidates()
        .into_iter()
        .find(|dir| dir.join("initdb").is_file() && dir.join("pg_ctl").is_file())
        .ok_or(EmbeddedError::NoBinaries)
}

/// Where a program of PostgreSQL's lies on this machine: the directories of its servers are looked through, newest first.
pub(super) fn find_program(name: &str) -> Option<PathBuf> {
    candidates()
        .into_iter()
        .map(|dir| dir.join(name))
        .find(|path| path.is_file())
}

/// Directories that may hold PostgreSQL's programs, in the order in which they are taken.
fn candidates() -> Vec<PathBuf> {
    let mut candidates: Vec<PathBuf> = std::env::var_os("PG_BIN_DIR")
        .map(PathBuf::from)
        .into_iter()
        .collect();
    candidates.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    for parent in [
        "/usr/lib/postgresql",
        "/opt/homebrew/opt",
        "/usr/local/opt",
        "/usr",
    ] {
        let Ok(entries) = fs::read_dir(parent) else {
            continue;
        };
        let mut versions: Vec<(u32, PathBuf)> = entries
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let version = name
                    .strip_prefix("postgresql@")
                    .or(name.strip_prefix("pgsql-"))
                    .unwrap_or(&name);
                Some((version.parse().ok()?, entry.path().join("bin")))
            })
            .collect();
        versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
        candidates.extend(versions.into_iter().map(|(_, path)| path));
    }
    candidates
}
