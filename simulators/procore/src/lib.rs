//! A strict stand-in of Procore for tests and demonstrations.
//!
//! One HTTP server plays the login host, the API host with its ERP kit, and the sender of webhooks. It starts empty;
//! companies and records are made, and the accountant's clicks are played, through the JSON API under `/control`
//! (see the README). It shares no code with the service it is there to test and speaks nothing but HTTP.
//!
//! ```no_run
//! # async fn demo() -> std::io::Result<()> {
//! let procore = procore_simulator::start(procore_simulator::Options::default()).await?;
//! println!("{}", procore.url());
//! procore.stop().await;
//! # Ok(()) }
//! ```

mod call;
mod clock;
mod control;
mod erp;
mod errors;
mod faults;
mod gate;
mod money;
mod oauth;
mod paging;
mod rate_limit;
mod rest;
mod settings;
mod sim;
mod store;
mod trace;
mod webhooks;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use tokio::{net::TcpListener, task::JoinHandle};

use crate::sim::Sim;

/// How a stand-in is to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one. Login host and API host are both here.
    pub listen: SocketAddr,
    /// A directory for every request, response and webhook as numbered JSON files, secrets masked.
    pub trace_dir: Option<PathBuf>,
    /// Calls allowed in ten seconds, per app.
    pub spike_limit: u32,
    /// Calls allowed in sixty minutes, per app.
    pub hourly_limit: u32,
}

impl Default for Options {
    /// A free port on the loopback interface, no trace, and limits a demonstration never meets.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            trace_dir: None,
            spike_limit: 100_000,
            hourly_limit: 1_000_000,
        }
    }
}

/// A running stand-in.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    sim: Arc<Sim>,
    server: JoinHandle<std::io::Result<()>>,
}

/// Starts a stand-in; it answers as soon as this returns.
pub async fn start(options: Options) -> std::io::Result<Running> {
    let listener = TcpListener::bind(options.listen).await?;
    let address = listener.local_addr()?;
    let sim = Arc::new(Sim::new(&options)?);
    let router = gate::router(&sim);
    let stopped = sim.stop.clone();
    let server = tokio::spawn(async move {
        axum::serve(listener, router)
            .with_graceful_shutdown(async move { stopped.cancelled().await })
            .await
    });
    tracing::info!(%address, "Procore stand-in is listening");
    Ok(Running { address, sim, server })
}

impl Running {
    /// The base URL of both hosts, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends the server and the webhook senders. Open connections are given two seconds.
    pub async fn stop(self) {
        self.sim.stop.cancel();
        let Self { mut server, .. } = self;
        if tokio::time::timeout(std::time::Duration::from_secs(2), &mut server)
            .await
            .is_err()
        {
            server.abort();
        }
    }
}
