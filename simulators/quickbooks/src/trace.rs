//! Every exchange as numbered files, if a directory was given.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

/// The trace.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    directory: Option<PathBuf>,
    next: AtomicU64,
}

impl Trace {
    pub(crate) fn new(directory: Option<PathBuf>) -> std::io::Result<Self> {
        if let Some(directory) = &directory {
            fs::create_dir_all(directory)?;
        }
        Ok(Self {
            directory,
            next: AtomicU64::new(0),
        })
    }

    /// The number of the next exchange.
    pub(crate) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn soap(&self, number: u64, operation: &str, side: &str, text: &[u8]) {
        self.write(&format!("{number:06}-{operation}.soap.{side}.xml"), text);
    }

    pub(crate) fn qbxml(&self, number: u64, side: &str, text: &str) {
        self.write(&format!("{number:06}.qbxml.{side}.xml"), text.as_bytes());
    }

    fn write(&self, name: &str, text: &[u8]) {
        if let Some(directory) = &self.directory
            && let Err(error) = fs::write(directory.join(name), text)
        {
            tracing::warn!(%error, name, "the trace could not be written");
        }
    }
}
