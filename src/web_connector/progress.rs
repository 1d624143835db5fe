//! The number `receiveResponseXML` returns: percent done, 0–99 while anything is left, 100 only when nothing is.

/// Percent done. `expected` is what was ready when the session began (counted to a limit), `done` what has ended since.
pub fn percent(expected: i32, done: i32, anything_left: bool) -> i32 {
    if !anything_left {
        return 100;
    }
    // More may have come since, or more than was counted: then the bar moves on, ever slower, but never back to 0.
    let whole = i64::from(expected.max(done.saturating_add(1))).max(1);
    let percent = i64::from(done.max(0)) * 100 / whole;
    i32::try_from(percent.clamp(0, 99)).unwrap_or(99)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_hundred_only_when_nothing_is_left() {
        assert_eq!(percent(10, 10, true), 90);
        assert_eq!(percent(10, 10, false), 100);
        assert_eq!(percent(0, 0, true), 0);
        assert_eq!(percent(10, 5, true), 50);
        assert_eq!(percent(1, 5000, true), 99);
    }

    proptest! {
        #[test]
        fn never_below_zero_nor_above_99_while_work_is_left(expected in any::<i32>(), done in any::<i32>()) {
            prop_assert!((0..=99).contains(&percent(expected, done, true)));
        }
    }
}
