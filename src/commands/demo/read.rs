//! Reading what the stand-ins show.

use rust_decimal::Decimal;
use serde_json::Value;

pub(super) fn ids(value: &Value) -> Vec<i64> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_i64)
        .collect()
}

pub(super) fn array(value: &Value, key: &str) -> Vec<Value> {
    value[key].as_array().cloned().unwrap_or_default()
}

pub(super) fn list(file: &Value, kind: &str) -> Vec<Value> {
    array(&file["lists"], kind)
}

pub(super) fn transactions(file: &Value, kind: &str) -> Vec<Value> {
    array(&file["transactions"], kind)
}

pub(super) fn field(value: &Value, key: &str) -> String {
    match &value[key] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

pub(super) fn money(value: &Value, key: &str) -> Decimal {
    field(value, key).parse().unwrap_or_default()
}

/// The sum of a transaction's lines.
pub(super) fn total(transaction: &Value) -> Decimal {
    array(transaction, "lines")
        .iter()
        .map(|line| money(line, "amount"))
        .sum()
}

pub(super) fn vendor_of(transaction: &Value) -> String {
    field(transaction, "vendor_id")
}
