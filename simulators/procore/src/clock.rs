//! The stand-in's own time: the machine's clock plus whatever a test has added to it.
//!
//! Token expiry, rate windows, `updated_at` and webhook back-off all read this clock, so a test can let an hour
//! pass without sleeping.

use chrono::{DateTime, Duration, SecondsFormat, Utc};

/// A clock that runs with the machine's until it is frozen, and can be moved forward at any time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clock {
    offset: Duration,
    frozen_at: Option<DateTime<Utc>>,
}

impl Clock {
    /// The time as this stand-in sees it.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.frozen_at.unwrap_or_else(Utc::now) + self.offset
    }

    /// Moves the time forward (or, with a negative number, back).
    pub(crate) fn advance(&mut self, by: Duration) {
        self.offset += by;
    }

    /// Stops the clock where it stands, or lets it run on from there.
    pub(crate) fn freeze(&mut self, frozen: bool) {
        let now = self.now();
        self.offset = if frozen {
            Duration::zero()
        } else {
            now - Utc::now()
        };
        self.frozen_at = frozen.then_some(now);
    }

    /// Whether time stands still unless a test moves it.
    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen_at.is_some()
    }
}

/// Procore's way of writing a moment: UTC, whole seconds.
pub(crate) fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
