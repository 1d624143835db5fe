//! Amounts of an order, as amounts QuickBooks can hold. What cannot be one is named with its field, never bent.

use rust_decimal::Decimal;

use crate::qbxml::Money;

/// The amount of a field, or what is wrong with it.
pub(super) fn money(path: &str, field: &str, value: Decimal) -> Result<Money, String> {
    Money::from_decimal(value).map_err(|error| format!("{path}.{field}: {error}"))
}

/// The same, where there is one.
pub(super) fn optional_money(
    path: &str,
    field: &str,
    value: Option<Decimal>,
) -> Result<Option<Money>, String> {
    value.map(|value| money(path, field, value)).transpose()
}
