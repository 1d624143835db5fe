//! Time is handed in: production reads the system's clock, tests set their own.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, Utc};

/// Where the service takes the time from.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system's clock.
    #[default]
    System,
    /// A clock that a test moves, in microseconds since 1970.
    Manual(Arc<AtomicI64>),
    /// The system's clock, wrong by so many microseconds: a test sets it forward or back.
    Shifted(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands still at `at` until it is moved.
    pub fn manual(at: DateTime<Utc>) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(at.timestamp_micros())))
    }

    /// The time now.
    pub fn now(&self) -> DateTime<Utc> {
        match self {
            Self::System => Utc::now(),
            Self::Manual(micros) => {
                DateTime::from_timestamp_micros(micros.load(Ordering::SeqCst)).unwrap_or_default()
            }
            Self::Shifted(micros) => {
                Utc::now() + chrono::TimeDelta::microseconds(micros.load(Ordering::SeqCst))
            }
        }
    }

    /// Moves a test's clock; the system's clock stays as it is.
    pub fn advance(&self, by: chrono::TimeDelta) {
        if let Self::Manual(micros) | Self::Shifted(micros) = self {
            micros.fetch_add(by.num_microseconds().unwrap_or_default(), Ordering::SeqCst);
        }
    }
}
