//! The command line: a company file and a Web Connector on this machine.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::Context;
use clap::Parser;
use quickbooks_simulator::{CompanyOptions, Options, start};

/// A strict stand-in of QuickBooks Desktop and of the Web Connector beside it.
///
/// It serves a control API (see README.md). With --qwc it also adds that application to its Web Connector and polls.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Where the control API listens
    #[arg(long, default_value = "127.0.0.1:7001", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Write every SOAP call and every qbXML document into this directory, numbered
    #[arg(long, value_name = "DIR")]
    trace: Option<PathBuf>,
    /// The company's name
    #[arg(long, default_value = "Demo Builders")]
    company_name: String,
    /// The company file's path on QuickBooks' machine
    #[arg(long, default_value = r"C:\QuickBooks\Demo Builders.qbw", value_name = "PATH")]
    company_file: String,
    /// The edition
    #[arg(long, default_value = "US", value_parser = ["US", "CA", "UK"])]
    country: String,
    /// The highest qbXML version of the request processor
    #[arg(long, default_value = "13.0", value_name = "VERSION")]
    qbxml_version: String,
    /// Add the application of this .qwc file to the Web Connector
    #[arg(long, value_name = "FILE", requires = "password")]
    qwc: Option<PathBuf>,
    /// The password of the application
    #[arg(long, env = "QBWC_PASSWORD", hide_env_values = true, value_name = "PASSWORD")]
    password: Option<String>,
    /// Tick Auto-Run: poll this often
    #[arg(long, value_name = "SECONDS", requires = "qwc")]
    every: Option<u64>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info")),
        )
        .init();
    let running = start(Options {
        listen: arguments.listen,
        company: CompanyOptions {
            path: arguments.company_file,
            company_name: arguments.company_name,
            country: arguments.country,
            highest_qbxml_version: arguments.qbxml_version,
            ..CompanyOptions::default()
        },
        trace_dir: arguments.trace,
    })
    .await
    .with_context(|| format!("cannot listen on {}", arguments.listen))?;
    tracing::info!(url = running.url(), "QuickBooks is open");
    if let Some(file) = arguments.qwc {
        let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let added = running.register(&text, arguments.password).await?;
        tracing::info!(app = added, "the application is registered");
        running.auto_run(&added, arguments.every);
    }
    tokio::signal::ctrl_c().await?;
    running.stop().await;
    Ok(())
}
