//! The clock of QuickBooks' machine: real time plus what a test advanced, and local time as QuickBooks prints it.

use chrono::{DateTime, Datelike, Days, Duration, NaiveDate, NaiveDateTime, Weekday};

use crate::settings::Settings;

/// Real time, moved by a test.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock {
    offset: i64,
}

impl Clock {
    pub(crate) fn advance(&mut self, seconds: i64) {
        self.offset += seconds;
    }

    /// Unix seconds.
    pub(crate) fn now(&self) -> i64 {
        let real = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX));
        real + self.offset
    }
}

/// Local time of the file's machine.
pub(crate) fn local(unix: i64, settings: &Settings) -> NaiveDateTime {
    let utc = DateTime::from_timestamp(unix, 0)
        .map(|t| t.naive_utc())
        .unwrap_or_default();
    let standard = utc + Duration::minutes(i64::from(settings.utc_offset_minutes));
    if summer(standard, settings) {
        standard + Duration::hours(1)
    } else {
        standard
    }
}

/// Unix seconds of a local time; with an offset, of that.
pub(crate) fn unix(time: NaiveDateTime, offset: Option<i32>, settings: &Settings) -> i64 {
    let minutes = offset.unwrap_or_else(|| {
        let standard = time - Duration::hours(1);
        settings.utc_offset_minutes + if summer(standard, settings) { 60 } else { 0 }
    });
    (time - Duration::minutes(i64::from(minutes)))
        .and_utc()
        .timestamp()
}

/// `2026-02-02T09:40:01-08:00`
pub(crate) fn print(unix: i64, settings: &Settings) -> String {
    let time = local(unix, settings);
    let shift = time.and_utc().timestamp() - unix;
    let offset = if settings.winter_offset_all_year {
        i64::from(settings.utc_offset_minutes)
    } else {
        shift / 60
    };
    let sign = if offset < 0 { '-' } else { '+' };
    format!(
        "{}{sign}{:02}:{:02}",
        time.format("%Y-%m-%dT%H:%M:%S"),
        offset.abs() / 60,
        offset.abs() % 60
    )
}

/// Second Sunday of March 2:00 to first Sunday of November 1:00 standard time.
fn summer(standard: NaiveDateTime, settings: &Settings) -> bool {
    if !settings.daylight_saving {
        return false;
    }
    let sunday = |month: u32, which: u64| {
        let first = NaiveDate::from_ymd_opt(standard.year(), month, 1)?;
        let wait = (7 - first.weekday().days_since(Weekday::Sun)) % 7;
        first.checked_add_days(Days::new(u64::from(wait) + 7 * (which - 1)))
    };
    let start = sunday(3, 2).and_then(|d| d.and_hms_opt(2, 0, 0));
    let end = sunday(11, 1).and_then(|d| d.and_hms_opt(1, 0, 0));
    start.is_some_and(|s| standard >= s) && end.is_some_and(|e| standard < e)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summer_times_carry_the_winter_offset() {
        let mut settings = Settings::default();
        // 2026-07-01T17:00:00Z is 10:00 in California in summer.
        let july = 1_782_925_200;
        assert_eq!(print(july, &settings), "2026-07-01T10:00:00-08:00");
        settings.winter_offset_all_year = false;
        assert_eq!(print(july, &settings), "2026-07-01T10:00:00-07:00");
        let january = 1_767_290_400;
        assert_eq!(print(january, &settings), "2026-01-01T10:00:00-08:00");
        for time in [july, january] {
            assert_eq!(unix(local(time, &settings), None, &settings), time);
        }
        assert_eq!(unix(local(july, &settings), Some(-420), &settings), july);
    }
}
