//! Settings of the process. Every option is also an environment variable; `--help` is the reference.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
use secrecy::SecretString;
use url::Url;

/// Where state is kept.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Where state is kept")]
pub struct Storage {
    /// PostgreSQL server to use (`postgres://user:password@host/database`). Without it a private PostgreSQL is started
    /// from the binaries on this machine.
    #[arg(
        long,
        env = "DATABASE_URL",
        hide_env_values = true,
        value_name = "URL",
        global = true
    )]
    pub database_url: Option<String>,

    /// Directory of the private PostgreSQL and of the secret key, where neither is given.
    #[arg(
        long,
        env = "PLUMBLINE_DATA_DIR",
        default_value = ".data",
        value_name = "DIR",
        global = true
    )]
    pub data_dir: PathBuf,

    /// Key that Procore client secrets are sealed with: 32 random bytes in base64. Without it one is made in the data
    /// directory; replicas must share one.
    #[arg(
        long,
        env = "PLUMBLINE_SECRET_KEY",
        hide_env_values = true,
        value_name = "BASE64",
        global = true
    )]
    pub secret_key: Option<SecretString>,

    /// Most connections to PostgreSQL, for each replica. One listens; more than two for each processor make it slower.
    #[arg(
        long,
        env = "PLUMBLINE_DATABASE_CONNECTIONS",
        default_value_t = database_connections(),
        value_name = "N",
        global = true
    )]
    pub database_connections: u32,
}

/// Two for each processor and one that listens, but enough for a worker of each kind beside the calls.
fn database_connections() -> u32 {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(processors * 2 + 1).unwrap_or(u32::MAX).clamp(5, 40)
}

/// How the service is reached.
#[derive(Args, Clone, Debug)]
pub struct Serving {
    /// Address to listen on. Put TLS in front of it: the Web Connector accepts https only, except from localhost.
    #[arg(
        long,
        env = "PLUMBLINE_LISTEN",
        default_value = "127.0.0.1:8080",
        value_name = "ADDR:PORT"
    )]
    pub listen: SocketAddr,

    /// The address under which the Web Connector and Procore reach this service; it goes into .qwc files and webhooks.
    #[arg(
        long,
        env = "PLUMBLINE_PUBLIC_URL",
        default_value = "http://localhost:8080",
        value_name = "URL"
    )]
    pub public_url: Url,

    /// Largest answer of QuickBooks that is taken, in MiB.
    #[arg(long, env = "PLUMBLINE_BODY_LIMIT", default_value_t = 256, value_name = "MIB")]
    pub body_limit: usize,

    /// Seconds an update session may be silent before a newer one may take its place.
    #[arg(
        long,
        env = "PLUMBLINE_SESSION_LEASE",
        default_value_t = 60,
        value_name = "SECONDS"
    )]
    pub session_lease: u32,

    /// Believe X-Forwarded-For: only behind a proxy of your own.
    #[arg(long, env = "PLUMBLINE_TRUST_FORWARDED_FOR", default_value_t = false)]
    pub trust_forwarded_for: bool,

    /// Seconds between two looks for webhooks that got lost.
    #[arg(
        long,
        env = "PLUMBLINE_POLL_EVERY",
        default_value_t = 300,
        value_name = "SECONDS"
    )]
    pub poll_every: u32,

    /// Days that answered exchanges with QuickBooks are kept.
    #[arg(long, env = "PLUMBLINE_KEEP_DAYS", default_value_t = 30, value_name = "DAYS")]
    pub keep_days: u32,
}
