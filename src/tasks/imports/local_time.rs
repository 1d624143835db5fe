//! QuickBooks' times: local to its machine. The offset it prints is wrong in summer (qbxml.md §8), so it is dropped.

use chrono::{NaiveDateTime, TimeDelta};

/// How far a reading of changes reaches back before the latest change that was seen. More than an hour: when summer time
/// ends, an hour of local time comes twice.
const OVERLAP: TimeDelta = TimeDelta::minutes(75);

/// The local time of `2026-03-09T09:00:00-07:00`.
pub(super) fn read(text: &str) -> Option<NaiveDateTime> {
    NaiveDateTime::parse_from_str(text.trim().get(..19)?, "%Y-%m-%dT%H:%M:%S").ok()
}

/// As QuickBooks reads it, and as watermarks are kept: later is greater.
pub(super) fn write(local: NaiveDateTime) -> String {
    local.format("%Y-%m-%dT%H:%M:%S").to_string()
}

/// From when changes are read, where this is the latest one that was seen.
pub(super) fn overlapping(watermark: &str) -> Option<String> {
    let seen = read(watermark)?;
    Some(write(seen.checked_sub_signed(OVERLAP).unwrap_or(seen)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_is_dropped_and_an_hour_comes_twice() {
        assert_eq!(
            overlapping("2026-03-09T09:00:00-07:00").unwrap(),
            "2026-03-09T07:45:00"
        );
        assert_eq!(overlapping("soon"), None);
    }
}
