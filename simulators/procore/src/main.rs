//! Runs the Procore stand-in as a program of its own.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::Context as _;
use clap::Parser;
use procore_simulator::Options;

/// A strict stand-in of Procore: OAuth login, REST API, ERP kit and webhook sender on one address.
///
/// It starts empty. Companies and their records are made, and the accountant's clicks are played, through the
/// JSON API under /control, which is described in simulators/procore/README.md.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Address to listen on; login host and API host are both here.
    #[arg(long, default_value = "127.0.0.1:7002", env = "PROCORE_SIMULATOR_LISTEN")]
    listen: SocketAddr,
    /// Directory for one numbered JSON file per request, response and webhook (secrets masked).
    #[arg(long, value_name = "DIR")]
    trace: Option<PathBuf>,
    /// Calls allowed in ten seconds, per app (Procore's documentation shows 25).
    #[arg(long, default_value_t = 100_000)]
    spike_limit: u32,
    /// Calls allowed in sixty minutes, per app (Procore's documentation shows 600, older pages 3600).
    #[arg(long, default_value_t = 1_000_000)]
    hourly_limit: u32,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    let arguments = Arguments::parse();
    let options = Options {
        listen: arguments.listen,
        trace_dir: arguments.trace,
        spike_limit: arguments.spike_limit,
        hourly_limit: arguments.hourly_limit,
    };
    let running = procore_simulator::start(options)
        .await
        .with_context(|| format!("cannot listen on {}", arguments.listen))?;
    println!("Procore stand-in: {}", running.url());
    tokio::signal::ctrl_c().await.context("cannot wait for Ctrl-C")?;
    running.stop().await;
    Ok(())
}
