//! Procore's two rate windows: spike (10 seconds) and hourly (60 minutes), both per app.

use chrono::{DateTime, Duration, Utc};

/// One fixed window that opens with the first call in it.
#[derive(Debug, Clone, Default)]
struct Window {
    opened: Option<DateTime<Utc>>,
    used: u32,
}

/// What the `X-Rate-Limit-*` headers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// Unix seconds.
    pub(crate) reset: i64,
    /// The call that produced this reading was one too many.
    pub(crate) exceeded: bool,
}

/// The windows of one app.
#[derive(Debug, Clone, Default)]
pub(crate) struct RateLimits {
    spike: Window,
    hourly: Window,
}

impl Window {
    fn roll(&mut self, length: Duration, now: DateTime<Utc>) -> DateTime<Utc> {
        let opened = match self.opened {
            Some(opened) if now < opened + length => opened,
            _ => {
                self.used = 0;
                now
            }
        };
        self.opened = Some(opened);
        opened + length
    }
}

impl RateLimits {
    /// Counts one call and reports the window nearer to exhaustion, so the reported limit may change between calls.
    pub(crate) fn count(&mut self, now: DateTime<Utc>, spike_limit: u32, hourly_limit: u32) -> Reading {
        let spike_reset = self.spike.roll(Duration::seconds(10), now);
        let hourly_reset = self.hourly.roll(Duration::minutes(60), now);
        let exceeded = self.spike.used >= spike_limit || self.hourly.used >= hourly_limit;
        if !exceeded {
            self.spike.used += 1;
            self.hourly.used += 1;
        }
        let spike_left = spike_limit.saturating_sub(self.spike.used);
        let hourly_left = hourly_limit.saturating_sub(self.hourly.used);
        if hourly_left <= spike_left {
            Reading {
                limit: hourly_limit,
                remaining: hourly_left,
                reset: hourly_reset.timestamp(),
                exceeded,
            }
        } else {
            Reading {
                limit: spike_limit,
                remaining: spike_left,
                reset: spike_reset.timestamp(),
                exceeded,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    #[test]
    fn the_spike_window_closes_and_reopens() {
        let mut limits = RateLimits::default();
        assert_eq!(limits.count(at(0), 2, 100).remaining, 1);
        assert!(!limits.count(at(1), 2, 100).exceeded);
        let over = limits.count(at(9), 2, 100);
        assert!(over.exceeded);
        assert_eq!((over.limit, over.reset), (2, at(10).timestamp()));
        assert!(!limits.count(at(10), 2, 100).exceeded);
    }

    #[test]
    fn the_reported_window_flips_to_the_one_nearer_to_exhaustion() {
        let mut limits = RateLimits::default();
        let readings: Vec<_> = (0..4)
            .map(|turn| limits.count(at(turn * 11), 2, 4).limit)
            .collect();
        assert_eq!(readings, [2, 2, 4, 4]);
        assert!(limits.count(at(55), 2, 4).exceeded);
        assert!(!limits.count(at(3600), 2, 4).exceeded);
    }
}
