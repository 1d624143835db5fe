//! A strict stand-in of QuickBooks Desktop and of the Web Connector beside it.
//!
//! It holds one company file that answers qbXML, and plays the SOAP client that polls a service. It shares no code
//! with the service, so that nothing can be wrong on both sides at once. See `README.md` for the control API.

mod clock;
mod company_file;
mod connector;
mod control;
mod execute;
mod faults;
mod iterators;
mod message_sets;
mod qbxml;
mod quickbooks;
mod settings;
mod simulator;
#[cfg(test)]
mod testing;
mod trace;
mod xml;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use crate::{clock::Clock, company_file::seed, quickbooks::QuickBooks, simulator::Simulator, trace::Trace};
pub use crate::{
    qbxml::text::Charset,
    settings::{Features, OpenAmount, Settings},
};

/// How to start the simulator.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the control API listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The company file that is open.
    pub company: CompanyOptions,
    /// Where to write every SOAP call and every qbXML document.
    pub trace_dir: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            company: CompanyOptions::default(),
            trace_dir: None,
        }
    }
}

/// The company file that is open.
#[derive(Clone, Debug)]
pub struct CompanyOptions {
    /// Path on QuickBooks' machine.
    pub path: String,
    /// The company's name.
    pub company_name: String,
    /// `US`, `CA` or `UK`.
    pub country: String,
    /// The year of the product: 2024 is QuickBooks 2024.
    pub product_year: u32,
    /// The highest qbXML version of the request processor.
    pub highest_qbxml_version: String,
    /// The switches it starts with.
    pub settings: Settings,
}

impl Default for CompanyOptions {
    fn default() -> Self {
        Self {
            path: r"C:\QuickBooks\Demo Builders.qbw".to_owned(),
            company_name: "Demo Builders".to_owned(),
            country: "US".to_owned(),
            product_year: 2024,
            highest_qbxml_version: "13.0".to_owned(),
            settings: Settings::default(),
        }
    }
}

/// A simulator that runs.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<std::io::Result<()>>,
    auto_run: JoinHandle<()>,
    simulator: Arc<Simulator>,
}

/// Why the Web Connector would not take a `.qwc` file.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub struct RegisterError {
    /// `QBWC1001` and the like.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
}

impl Running {
    /// The base of the control API: `http://127.0.0.1:7001`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds the application of a `.qwc` file to the Web Connector; returns its name.
    pub async fn register(&self, qwc: &str, password: Option<String>) -> Result<String, RegisterError> {
        control::connector::add(&self.simulator, qwc, password)
            .await
            .map(|added| added.app_name)
            .map_err(|refusal| RegisterError {
                code: refusal.code,
                message: refusal.message,
            })
    }

    /// Ticks Auto-Run (or not) for an application.
    pub fn auto_run(&self, app_name: &str, every_seconds: Option<u64>) {
        self.simulator.change(app_name, |application| {
            application.every_seconds = every_seconds;
            application.next_run = None;
        });
    }

    /// Stops listening and polling.
    pub async fn stop(self) {
        self.auto_run.abort();
        let _ = self.stop.send(());
        // Kept connections of a client must not hold it up.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(2), self.server).await;
    }
}

/// Starts the simulator.
pub async fn start(options: Options) -> std::io::Result<Running> {
    let listener = TcpListener::bind(options.listen).await?;
    let address = listener.local_addr()?;
    let settings = options.company.settings.clone();
    let file = seed::new_file(options.company, Clock::default().now());
    let trace = Trace::new(options.trace_dir)?;
    let simulator = Arc::new(Simulator::new(QuickBooks::new(file, settings), trace));
    let router = control::router(Arc::clone(&simulator));
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        axum::serve(listener, router)
            .with_graceful_shutdown(async {
                let _ = stopped.await;
            })
            .await
    });
    let auto_run = tokio::spawn(Arc::clone(&simulator).auto_run());
    Ok(Running {
        address,
        stop,
        server,
        auto_run,
        simulator,
    })
}
