//! The parts together: QuickBooks, the applications known to the Web Connector, the trace.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    connector::{qwc::Qwc, session},
    quickbooks::QuickBooks,
    trace::Trace,
};

/// An application added to the Web Connector.
#[derive(Clone, Debug)]
pub(crate) struct Application {
    pub(crate) qwc: Qwc,
    pub(crate) password: Option<String>,
    /// Auto-Run: at least this many seconds apart.
    pub(crate) every_seconds: Option<u64>,
    /// Not before.
    pub(crate) next_run: Option<Instant>,
}

/// Everything.
#[derive(Debug)]
pub(crate) struct Simulator {
    quickbooks: Mutex<QuickBooks>,
    applications: Mutex<Vec<Application>>,
    /// QBWC runs one update at a time.
    pub(crate) update_lock: tokio::sync::Mutex<()>,
    pub(crate) trace: Trace,
}

impl Simulator {
    pub(crate) fn new(quickbooks: QuickBooks, trace: Trace) -> Self {
        Self {
            quickbooks: Mutex::new(quickbooks),
            applications: Mutex::default(),
            update_lock: tokio::sync::Mutex::default(),
            trace,
        }
    }

    pub(crate) fn quickbooks(&self) -> MutexGuard<'_, QuickBooks> {
        self.quickbooks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn applications(&self) -> MutexGuard<'_, Vec<Application>> {
        self.applications.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The application of that name; without a name, the only one.
    pub(crate) fn application(&self, name: Option<&str>) -> Option<Application> {
        let applications = self.applications();
        match name {
            Some(name) => applications.iter().find(|a| a.qwc.app_name == name).cloned(),
            None => applications.first().cloned(),
        }
    }

    /// Changes one application.
    pub(crate) fn change(&self, name: &str, change: impl FnOnce(&mut Application)) {
        if let Some(found) = self.applications().iter_mut().find(|a| a.qwc.app_name == name) {
            change(found);
        }
    }

    /// Runs what is due, for ever.
    pub(crate) async fn auto_run(self: Arc<Self>) {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let now = Instant::now();
            let due = self
                .applications()
                .iter()
                .find(|a| a.every_seconds.is_some() && a.next_run.is_none_or(|n| n <= now))
                .map(|a| a.qwc.app_name.clone());
            if let Some(name) = due {
                let result = session::update(&self, Some(&name)).await;
                tracing::info!(
                    app = name,
                    result = result.result,
                    status = result.status_text,
                    "Auto-Run"
                );
            }
        }
    }
}
