//! Content: lengths, numbers, dates, enumerations. A fault spoils its own request only.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use rust_decimal::Decimal;

use super::{schema::Type, status::Status, text::Charset, validate::Checked};

/// Checks every value of a request, in QuickBooks' order: lengths, amounts and numbers, IDs.
pub(crate) fn values(request: &Checked, charset: Charset) -> Result<(), Status> {
    lengths(request, charset)?;
    numbers(request)?;
    ids(request)
}

fn lengths(node: &Checked, charset: Charset) -> Result<(), Status> {
    if let Type::Text(Some(max)) = node.element.kind
        && charset.store(&node.text).chars().count() > max
    {
        return Err(Status::too_long(&node.text, node.name()));
    }
    node.children.iter().try_for_each(|child| lengths(child, charset))
}

fn numbers(node: &Checked) -> Result<(), Status> {
    let text = node.text.as_str();
    let field = node.name();
    // An empty element clears the field.
    if !text.is_empty() {
        let wrong = match node.element.kind {
            Type::Amount if amount(text).is_none() => Some((3040, "amount")),
            Type::Price if number(text, 5).is_none() => Some((3045, "price")),
            Type::Quantity if number(text, 5).is_none() => Some((3060, "quantity")),
            Type::Percent if number(text, 5).is_none() => Some((3050, "percent")),
            Type::Date if date(text).is_none() => Some((3020, "date")),
            Type::DateTime if moment(text, false).is_none() => Some((3020, "date/time")),
            Type::Bool if !matches!(text, "true" | "false" | "1" | "0") => Some((3010, "boolean")),
            Type::Enum(values) if !values.split('|').any(|v| v == text) => Some((3110, "enumerated")),
            Type::Int | Type::Float if text.parse::<Decimal>().is_err() => Some((3085, "number")),
            Type::Guid if !guid(text) => Some((3065, "GUID")),
            _ => None,
        };
        match wrong {
            Some((3110, _)) => {
                return Err(Status::new(
                    3110,
                    format!("The enumerated value \"{text}\" in the field \"{field}\" is unknown."),
                ));
            }
            Some((code, what)) => return Err(Status::conversion(code, what, text, field)),
            None => {}
        }
        if node.name() == "MaxReturned" && !text.parse::<u32>().is_ok_and(|n| n > 0) {
            return Err(Status::conversion(3085, "number", text, field));
        }
    }
    node.children.iter().try_for_each(numbers)
}

fn ids(node: &Checked) -> Result<(), Status> {
    if node.element.kind == Type::Id && !node.text.is_empty() && node.text != "-1" && id(&node.text).is_none()
    {
        return Err(Status::bad_id(&node.text, node.name()));
    }
    node.children.iter().try_for_each(ids)
}

/// Sign, at most 13 digits, no decimals or exactly two.
pub(crate) fn amount(text: &str) -> Option<Decimal> {
    let (whole, decimals) = parts(text)?;
    ((1..=13).contains(&whole) && matches!(decimals, None | Some(2))).then(|| text.parse().ok())?
}

fn number(text: &str, max_decimals: usize) -> Option<Decimal> {
    let (whole, decimals) = parts(text)?;
    ((1..=10).contains(&whole) && decimals.is_none_or(|d| (1..=max_decimals).contains(&d)))
        .then(|| text.parse().ok())?
}

/// How many digits stand before and after the point.
fn parts(text: &str) -> Option<(usize, Option<usize>)> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, decimals) = match digits.split_once('.') {
        Some((whole, decimals)) => (whole, Some(decimals)),
        None => (digits, None),
    };
    let only_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    (only_digits(whole) && decimals.is_none_or(only_digits)).then_some((whole.len(), decimals.map(str::len)))
}

/// `yyyy-mm-dd`, between 1901 and 9999.
pub(crate) fn date(text: &str) -> Option<NaiveDate> {
    (text.len() == 10).then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())?
}

/// A moment: local time, and the offset in minutes if one was written. Cut off from the right; a date alone is its
/// first or its last second.
pub(crate) fn moment(text: &str, end_of_day: bool) -> Option<(NaiveDateTime, Option<i32>)> {
    let (day, clock) = match text.split_once('T') {
        Some((day, clock)) => (day, Some(clock)),
        None => (text, None),
    };
    let Some(clock) = clock else {
        let day = match text.len() {
            4 => format!("{text}-01-01"),
            7 => format!("{text}-01"),
            _ => text.to_owned(),
        };
        let time = if end_of_day {
            NaiveTime::from_hms_opt(23, 59, 59)?
        } else {
            NaiveTime::MIN
        };
        return Some((date(&day)?.and_time(time), None));
    };
    let (clock, offset) = match clock.rfind(['+', '-', 'Z']) {
        Some(at) => (&clock[..at], Some(&clock[at..])),
        None => (clock, None),
    };
    let offset = match offset {
        None => None,
        Some("Z") => Some(0),
        Some(written) => {
            let (hours, minutes) = written[1..].split_once(':').unwrap_or((&written[1..], "0"));
            let size = hours.parse::<i32>().ok()? * 60 + minutes.parse::<i32>().ok()?;
            Some(if written.starts_with('-') { -size } else { size })
        }
    };
    let mut fields = clock
        .split(':')
        .map(|f| f.split('.').next().unwrap_or(f).parse::<u32>());
    let mut next = || fields.next().map_or(Ok(0), |f| f);
    let time = NaiveTime::from_hms_opt(next().ok()?, next().ok()?, next().ok()?)?;
    Some((date(day)?.and_time(time), offset))
}

fn guid(text: &str) -> bool {
    if text == "0" {
        return true;
    }
    let Some(inner) = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) else {
        return false;
    };
    let lengths: Vec<usize> = inner.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && inner.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

/// `5C1A-1770000001`: the counter and the time of creation.
pub(crate) fn id(text: &str) -> Option<(u64, i64)> {
    let (counter, time) = text.split_once('-')?;
    if counter.is_empty() || text.len() > 36 {
        return None;
    }
    Some((u64::from_str_radix(counter, 16).ok()?, time.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_no_or_two_decimals() {
        for good in ["0", "97", "97.50", "-97.50", "1234567890123.00"] {
            assert!(amount(good).is_some(), "{good}");
        }
        for bad in [
            "97.5",
            "97.",
            "1,000.00",
            "97.500",
            "12345678901234",
            "",
            "-",
            "1e3",
            "$1.00",
        ] {
            assert!(amount(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn prices_have_at_most_five() {
        assert!(number("0.12345", 5).is_some());
        assert!(number("0.123456", 5).is_none());
        assert!(number("12345678901", 5).is_none());
    }

    #[test]
    fn moments_may_be_cut_off() {
        let (time, offset) = moment("2026-03-01T10:20:30-08:00", false).unwrap();
        assert_eq!(
            (time.to_string().as_str(), offset),
            ("2026-03-01 10:20:30", Some(-480))
        );
        assert_eq!(
            moment("2026-03-01", true).unwrap().0.to_string(),
            "2026-03-01 23:59:59"
        );
        assert_eq!(
            moment("2026-03-01T10:20", false).unwrap().0.to_string(),
            "2026-03-01 10:20:00"
        );
        assert!(moment("01/03/2026", false).is_none());
        assert!(moment("2026-13-01", false).is_none());
    }

    #[test]
    fn ids_and_guids() {
        assert_eq!(id("5C1A-1770000001"), Some((0x5C1A, 1_770_000_001)));
        assert!(id("nonsense").is_none());
        assert!(guid("{1F6E4C52-7C1B-4D6B-9C5E-0A1B2C3D4E01}"));
        assert!(!guid("1F6E4C52-7C1B-4D6B-9C5E-0A1B2C3D4E01"));
    }
}
