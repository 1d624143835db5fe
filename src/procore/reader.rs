//! Reading Procore's JSON: numbers or texts, tolerant where Procore is loose, exact about where something is wrong.
//!
//! Every error names the path of the field, so that whoever reads the message finds it.

use std::fmt;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::Value;

/// No amount, quantity or price reaches this; below it, sums cannot overflow.
const LARGEST: u64 = 1_000_000_000_000_000;

/// A field that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} {problem}")]
pub struct ReadError {
    /// Where, `request_data.vendor.id` say.
    pub path: String,
    /// What is wrong with it: "is missing", "is no date: 31/31/2026".
    pub problem: String,
}

/// The same without U+0000, which PostgreSQL cannot store and no text means: it must not stop what else is told.
pub fn without_nulls(value: Value) -> Value {
    let clean = |text: String| {
        if text.contains('\0') {
            text.replace('\0', "")
        } else {
            text
        }
    };
    match value {
        Value::String(text) => Value::String(clean(text)),
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| (clean(key), without_nulls(value)))
            .collect(),
        other => other,
    }
}

/// A place in a JSON document.
#[derive(Clone)]
pub struct Reader<'v> {
    path: String,
    value: Option<&'v Value>,
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reader({})", self.path)
    }
}

impl<'v> Reader<'v> {
    /// The whole document.
    pub fn root(value: &'v Value) -> Self {
        Self {
            path: String::new(),
            value: Some(value),
        }
    }

    /// A member of this object; absent and `null` are the same.
    #[must_use]
    pub fn field(&self, name: &str) -> Self {
        Self {
            path: if self.path.is_empty() {
                name.to_owned()
            } else {
                format!("{}.{name}", self.path)
            },
            value: self
                .value
                .and_then(|value| value.get(name))
                .filter(|value| !value.is_null()),
        }
    }

    /// The value, where there is one.
    pub fn value(&self) -> Option<&'v Value> {
        self.value
    }

    /// Where this is.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// An error about this place.
    pub fn error(&self, problem: impl Into<String>) -> ReadError {
        ReadError {
            path: if self.path.is_empty() {
                "the payload".to_owned()
            } else {
                self.path.clone()
            },
            problem: problem.into(),
        }
    }

    fn missing(&self) -> ReadError {
        self.error("is missing")
    }

    /// The same, if it is an object.
    pub fn object(&self) -> Result<Self, ReadError> {
        match self.value {
            Some(Value::Object(_)) => Ok(self.clone()),
            Some(_) => Err(self.error("is no object")),
            None => Err(self.missing()),
        }
    }

    /// The members of a list.
    pub fn list(&self) -> Result<Vec<Self>, ReadError> {
        match self.value {
            Some(Value::Array(items)) => Ok(items
                .iter()
                .enumerate()
                .map(|(index, value)| Self {
                    path: format!("{}[{index}]", self.path),
                    value: Some(value).filter(|value| !value.is_null()),
                })
                .collect()),
            Some(_) => Err(self.error("is no list")),
            None => Err(self.missing()),
        }
    }

    /// The members of a list; none where it is absent.
    pub fn optional_list(&self) -> Result<Vec<Self>, ReadError> {
        if self.value.is_none() {
            Ok(Vec::new())
        } else {
            self.list()
        }
    }

    /// An id: a positive 64-bit number, or a text that holds one.
    pub fn id(&self) -> Result<i64, ReadError> {
        self.optional_id()?.ok_or_else(|| self.missing())
    }

    /// An id, where there is one.
    pub fn optional_id(&self) -> Result<Option<i64>, ReadError> {
        let id = match self.value {
            None => return Ok(None),
            Some(Value::Number(number)) => number.as_i64(),
            Some(Value::String(text)) if text.trim().is_empty() => return Ok(None),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(_) => None,
        };
        match id {
            Some(id) if id > 0 => Ok(Some(id)),
            _ => Err(self.error(format!("is no id: {}", self.shown()))),
        }
    }

    /// A text that is not empty. Numbers are taken as text: Procore sends some codes as either.
    pub fn text(&self) -> Result<&'v str, ReadError> {
        self.optional_text()?.ok_or_else(|| self.missing())
    }

    /// A text, where there is one; an empty text counts as none.
    pub fn optional_text(&self) -> Result<Option<&'v str>, ReadError> {
        match self.value {
            None => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.error(format!("is no text: {}", self.shown()))),
        }
    }

    /// A text or a number, as text; an empty text counts as none.
    pub fn optional_label(&self) -> Result<Option<String>, ReadError> {
        match self.value {
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            _ => Ok(self.optional_text()?.map(str::to_owned)),
        }
    }

    /// Yes or no, where told.
    pub fn optional_flag(&self) -> Result<Option<bool>, ReadError> {
        match self.value {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.error(format!("is neither true nor false: {}", self.shown()))),
        }
    }

    /// An exact number.
    pub fn decimal(&self) -> Result<Decimal, ReadError> {
        self.optional_decimal()?.ok_or_else(|| self.missing())
    }

    /// An exact number, from a number or a text ("250.0"), where there is one.
    pub fn optional_decimal(&self) -> Result<Option<Decimal>, ReadError> {
        let text = match self.value {
            None => return Ok(None),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::String(text)) if text.trim().is_empty() => return Ok(None),
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(_) => return Err(self.error(format!("is no number: {}", self.shown()))),
        };
        let number =
            parse_decimal(&text).ok_or_else(|| self.error(format!("is no number: {}", self.shown())))?;
        if number.abs() >= Decimal::from(LARGEST) {
            return Err(self.error(format!("is too large: {}", self.shown())));
        }
        Ok(Some(number))
    }

    /// A calendar date, where there is one: `2026-03-31`, or the date of a full date-time.
    pub fn optional_date(&self) -> Result<Option<NaiveDate>, ReadError> {
        let Some(text) = self.optional_text()? else {
            return Ok(None);
        };
        let text = text.trim();
        let date = match text.split_once(['T', ' ']) {
            None => text,
            Some((date, _)) => date,
        };
        NaiveDate::parse_from_str(date, "%Y-%m-%d")
            .ok()
            // Beyond this no date was meant; QuickBooks itself takes 1901 to 9999.
            .filter(|date| (1970..=2199).contains(&chrono::Datelike::year(date)))
            .map(Some)
            .ok_or_else(|| self.error(format!("is no date: {}", self.shown())))
    }

    /// The value for a message, cut short.
    fn shown(&self) -> String {
        let text = self.value.map(Value::to_string).unwrap_or_default();
        match text.char_indices().nth(60) {
            Some((at, _)) => format!("{}…", &text[..at]),
            None => text,
        }
    }
}

/// A decimal as Procore writes it; nothing with more digits than can be held exactly.
pub fn parse_decimal(text: &str) -> Option<Decimal> {
    if text.len() > 40 {
        return None;
    }
    if text.contains(['e', 'E']) {
        Decimal::from_scientific(text).ok()
    } else {
        // Exact or not at all: more than 28 digits would be rounded silently.
        Decimal::from_str_exact(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_come_as_numbers_or_texts() {
        let value = json!({"a": 5_982_324_300_946_918_154_i64, "b": "47", "c": "procore_vendor_id", "d": null, "e": -1, "f": 1.5});
        let root = Reader::root(&value);
        assert_eq!(root.field("a").id().unwrap(), 5_982_324_300_946_918_154);
        assert_eq!(root.field("b").id().unwrap(), 47);
        assert_eq!(
            root.field("c").id().unwrap_err().to_string(),
            "c is no id: \"procore_vendor_id\""
        );
        assert_eq!(root.field("d").id().unwrap_err().to_string(), "d is missing");
        assert!(root.field("e").id().is_err() && root.field("f").id().is_err());
    }

    #[test]
    fn numbers_are_exact() {
        let value = json!({"a": "1000000.0", "b": 44.45, "c": "1.23456789012345678901234567890123", "d": "", "e": "$5", "f": 1e3, "g": "-0.01"});
        let root = Reader::root(&value);
        assert_eq!(root.field("a").decimal().unwrap(), Decimal::from(1_000_000));
        assert_eq!(root.field("b").decimal().unwrap(), Decimal::new(4445, 2));
        assert!(
            root.field("c").decimal().is_err(),
            "more digits than can be held are refused, not rounded"
        );
        assert_eq!(root.field("d").optional_decimal().unwrap(), None);
        assert!(root.field("e").decimal().is_err());
        let absurd = json!({"a": "79228162514264337593543950335"});
        assert!(
            Reader::root(&absurd)
                .field("a")
                .decimal()
                .unwrap_err()
                .problem
                .contains("too large")
        );
        assert_eq!(root.field("f").decimal().unwrap(), Decimal::from(1000));
        assert_eq!(root.field("g").decimal().unwrap(), Decimal::new(-1, 2));
    }

    #[test]
    fn paths_name_the_place() {
        let value = json!({"request_data": {"items": [{"date": "2026-02-30"}]}});
        let item = &Reader::root(&value)
            .field("request_data")
            .field("items")
            .list()
            .unwrap()[0];
        assert_eq!(
            item.field("date").optional_date().unwrap_err().to_string(),
            "request_data.items[0].date is no date: \"2026-02-30\""
        );
        assert_eq!(
            item.field("x").field("y").text().unwrap_err().path,
            "request_data.items[0].x.y"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,60}") {
            let value = json!({ "a": text });
            let reader = Reader::root(&value).field("a");
            let _ = (reader.optional_decimal(), reader.optional_date(), reader.optional_id(), reader.optional_flag());
        }

        #[test]
        fn cents_survive(cents in -1_000_000_000_000_i64..1_000_000_000_000) {
            let amount = Decimal::new(cents, 2);
            let value = json!({ "a": amount.to_string() });
            proptest::prop_assert_eq!(Reader::root(&value).field("a").decimal().unwrap(), amount);
        }
    }
}
