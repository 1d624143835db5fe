//! What all handlers share: the world behind its lock, and the signal that something in it has changed.

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{Options, store::World, trace::Trace};

/// The stand-in itself.
#[derive(Debug)]
pub(crate) struct Sim {
    world: Mutex<World>,
    changes: watch::Sender<u64>,
    pub(crate) stop: CancellationToken,
    pub(crate) trace: Option<Trace>,
    pub(crate) http: reqwest::Client,
}

impl Sim {
    pub(crate) fn new(options: &Options) -> std::io::Result<Self> {
        // Somebody else in this process may have chosen a provider already; either serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(std::io::Error::other)?;
        let mut world = World::default();
        world.settings.spike_limit = options.spike_limit;
        world.settings.hourly_limit = options.hourly_limit;
        let trace = options
            .trace_dir
            .as_deref()
            .map(|directory: &Path| Trace::new(directory))
            .transpose()?;
        Ok(Self {
            world: Mutex::new(world),
            changes: watch::Sender::new(0),
            stop: CancellationToken::new(),
            trace,
            http,
        })
    }

    /// The world, for as long as the guard lives. Never held across an await.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that something may have changed: wakes senders and long polls.
    pub(crate) fn changed(&self) {
        self.changes.send_modify(|serial| *serial += 1);
    }

    /// A receiver that sees every change from now on.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
