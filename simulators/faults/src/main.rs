//! Stops the world at every step of a journey, lets it run on, and compares the books with those of an undisturbed run.
//!
//! ```text
//! cargo run --release -p fault-sweep -- faults [--journey invoice] [--runs 2000 --seed 7]
//! ```
//!
//! The service runs as real processes of this executable; everything around it is a stand-in or a relay.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod api;
mod broken;
mod connector;
mod director;
mod front;
mod http;
mod journey;
mod picture;
mod postgres;
mod remote;
mod rules;
mod run;
mod service;
mod step;
mod sweep;
mod table;
mod world;

/// Proof that nothing is lost and nothing is written twice.
#[derive(Debug, Parser)]
#[command(name = "fault-sweep", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Play journeys with a fault at every step, or with several at random.
    Faults(sweep::Faults),
    /// Break each invariant of the design in turn, in a copy of the sources, and see the sweep notice.
    Broken(broken::Broken),
    /// The service under test; started by the sweep.
    #[command(hide = true)]
    Service(service::Service),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // The library builds TLS clients; the provider is chosen once, here.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if matches!(cli.command, Command::Service(_)) {
        builder.worker_threads(1);
    }
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("fault-sweep: the runtime did not start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(async {
        match cli.command {
            Command::Faults(faults) => faults.run().await,
            Command::Broken(broken) => broken.run().await,
            Command::Service(service) => service.run().await.map(|()| true),
        }
    });
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("fault-sweep: {error:#}");
            ExitCode::FAILURE
        }
    }
}
