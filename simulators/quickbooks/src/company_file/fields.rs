//! What an object holds besides its identity: named values in the order they came.

use rust_decimal::Decimal;

/// A stored value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    /// The serial of a list object.
    Reference(u64),
    Group(Fields),
}

/// Named values. A name may repeat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(pub(crate) Vec<(&'static str, Value)>);

impl Fields {
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn reference(&self, name: &str) -> Option<u64> {
        match self.get(name)? {
            Value::Reference(serial) => Some(*serial),
            _ => None,
        }
    }

    pub(crate) fn group(&self, name: &str) -> Option<&Self> {
        match self.get(name)? {
            Value::Group(fields) => Some(fields),
            _ => None,
        }
    }

    pub(crate) fn decimal(&self, name: &str) -> Option<Decimal> {
        self.text(name)?.parse().ok()
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    pub(crate) fn set(&mut self, name: &'static str, value: Value) {
        match self.0.iter_mut().find(|(n, _)| *n == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    pub(crate) fn set_text(&mut self, name: &'static str, text: impl Into<String>) {
        self.set(name, Value::Text(text.into()));
    }

    pub(crate) fn set_default(&mut self, name: &'static str, text: &str) {
        if self.get(name).is_none() {
            self.set_text(name, text);
        }
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| *n != name);
    }

    /// Every reference inside, with its field.
    pub(crate) fn references(&self) -> Vec<(&'static str, u64)> {
        let mut out = Vec::new();
        for (name, value) in &self.0 {
            match value {
                Value::Reference(serial) => out.push((*name, *serial)),
                Value::Group(inner) => out.extend(inner.references()),
                Value::Text(_) => {}
            }
        }
        out
    }
}

/// An amount as QuickBooks prints it: two decimals.
pub(crate) fn money(amount: Decimal) -> String {
    format!(
        "{:.2}",
        amount.round_dp_with_strategy(2, rust_decimal::RoundingStrategy::MidpointAwayFromZero)
    )
}

/// A quantity or price without trailing zeros.
pub(crate) fn plain(number: Decimal) -> String {
    number.normalize().to_string()
}
