//! How far a reading in many pages is, and how long the rest may take (LOVE-23).
//!
//! What may not live here: where the time spent is known from.

use chrono::TimeDelta;

/// How far a task is with the list it is reading, as QuickBooks told with the last page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is read: `vendors`.
    pub what: String,
    /// Records read.
    pub read: u64,
    /// Records left.
    pub left: u64,
}

impl Progress {
    /// How long the rest takes at the pace so far; `spent` is what the records read have taken.
    pub fn time_left(&self, spent: TimeDelta) -> Option<TimeDelta> {
        if self.read == 0 || spent <= TimeDelta::zero() {
            return None;
        }
        let left = i128::from(spent.num_milliseconds()) * i128::from(self.left) / i128::from(self.read);
        TimeDelta::try_milliseconds(i64::try_from(left).ok()?)
    }

    /// For people.
    pub fn words(&self, spent: Option<TimeDelta>) -> String {
        let Self { what, read, left } = self;
        let rest = spent.and_then(|spent| self.time_left(spent));
        let rest = rest.map_or_else(String::new, |rest| format!(", about {} to go", told(rest)));
        format!("{read} {what} read, {left} left{rest}")
    }
}

fn told(time: TimeDelta) -> String {
    match time.num_seconds() {
        ..60 => "a minute".to_owned(),
        seconds @ 60..5_400 => format!("{} min", (seconds + 59) / 60),
        seconds => format!("{} h", (seconds + 3_599) / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn love_23_the_rest_takes_as_long_as_what_was_read() {
        let at = |read, left| Progress {
            what: "vendors".to_owned(),
            read,
            left,
        };
        let words = |read, left, seconds| at(read, left).words(Some(TimeDelta::seconds(seconds)));
        assert_eq!(
            words(500, 49_500, 10),
            "500 vendors read, 49500 left, about 17 min to go"
        );
        assert_eq!(
            words(500, 500, 10),
            "500 vendors read, 500 left, about a minute to go"
        );
        assert_eq!(
            words(100, 900, 3_600),
            "100 vendors read, 900 left, about 9 h to go"
        );
        assert_eq!(words(0, 900, 10), "0 vendors read, 900 left");
        assert_eq!(at(5, 9).words(None), "5 vendors read, 9 left");
        assert_eq!(
            at(1, u64::MAX).time_left(TimeDelta::days(300_000)),
            None,
            "beyond all bounds"
        );
    }
}
