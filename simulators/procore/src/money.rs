//! Money and quantities: exact decimals in, Procore's strings out.

use rust_decimal::Decimal;
use serde_json::Value;

/// Reads a decimal from a JSON string or number; nothing else is money.
pub(crate) fn parse(value: &Value) -> Option<Decimal> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

/// The decimal a record holds under `key`, or zero.
pub(crate) fn of(fields: &serde_json::Map<String, Value>, key: &str) -> Decimal {
    fields.get(key).and_then(parse).unwrap_or_default()
}

/// `250.0`, `1087.8`: as many digits as needed, but never fewer than one after the point.
pub(crate) fn plain(amount: Decimal) -> String {
    let amount = amount.normalize();
    if amount.scale() == 0 {
        format!("{amount}.0")
    } else {
        amount.to_string()
    }
}

/// `1201.00`: two digits after the point at least, as requisition items are written.
pub(crate) fn cents(amount: Decimal) -> String {
    let amount = amount.normalize();
    if amount.scale() <= 2 {
        format!("{amount:.2}")
    } else {
        amount.to_string()
    }
}

/// `$1,087.80`, as the requisition payload shows sums to people.
pub(crate) fn dollars(amount: Decimal) -> String {
    let text = format!("{:.2}", amount.abs());
    let (whole, part) = text.split_once('.').unwrap_or((text.as_str(), "00"));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if amount.is_sign_negative() && !amount.is_zero() {
        "-"
    } else {
        ""
    };
    format!("{sign}${grouped}.{part}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn money_leaves_with_varying_scale() {
        assert_eq!(plain(Decimal::new(25000, 2)), "250.0");
        assert_eq!(plain(Decimal::new(108_780, 2)), "1087.8");
        assert_eq!(cents(Decimal::new(5, 0)), "5.00");
        assert_eq!(dollars(Decimal::new(123_456_780, 2)), "$1,234,567.80");
        assert_eq!(dollars(Decimal::new(-5, 2)), "-$0.05");
    }

    #[test]
    fn numbers_and_strings_are_both_money_and_nothing_else_is() {
        assert_eq!(parse(&json!("12.340")), Some(Decimal::new(12340, 3)));
        assert_eq!(parse(&json!(12.34)), Some(Decimal::new(1234, 2)));
        assert_eq!(parse(&json!("twelve")), None);
        assert_eq!(parse(&json!(null)), None);
    }
}
