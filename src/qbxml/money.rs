//! Amounts, quantities and prices: decimal numbers with the bounds of qbXML's AMTTYPE, QUANTYPE and PRICETYPE.
//!
//! What may not live here: floats, rounding. A number that does not fit is refused, never bent (DESIGN.md §3.6).

use std::{
    fmt,
    iter::Sum,
    ops::{Add, AddAssign, Neg, Sub},
    str::FromStr,
};

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a text or number is not an amount, quantity or price.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not digits with an optional sign and point.
    #[error("\"{0}\" is not a plain decimal number")]
    NotANumber(String),
    /// More decimals than QuickBooks keeps, and not zeros.
    #[error("\"{text}\" has more than {most} decimals")]
    TooManyDecimals {
        /// The text.
        text: String,
        /// The most decimals of this type.
        most: u32,
    },
    /// More digits before the point than QuickBooks keeps.
    #[error("\"{text}\" has more than {most} digits before the point")]
    TooLarge {
        /// The text.
        text: String,
        /// The most integer digits of this type.
        most: u32,
    },
}

/// An amount of money, exactly to the cent: at most 13 integer digits (AMTTYPE, qbxml.md §8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(Decimal);

/// A quantity: at most 10 integer digits and 5 decimals (QUANTYPE).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(Decimal);

/// A price per unit: at most 10 integer digits and 5 decimals (PRICETYPE).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(Decimal);

const MONEY_DIGITS: u32 = 13;
const MONEY_DECIMALS: u32 = 2;
const UNIT_DIGITS: u32 = 10;
const UNIT_DECIMALS: u32 = 5;

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// Reads `250.0`, `1000`, `-3.5`: digits with an optional sign and point. Spaces around it are ignored.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        Self::from_decimal(plain_decimal(text)?)
    }

    /// Reads an amount as Procore prints it for people: `$1,087.80`, `-$3.50`, `($3.50)`.
    pub fn parse_formatted(text: &str) -> Result<Self, MoneyError> {
        let not_a_number = || MoneyError::NotANumber(text.to_owned());
        let mut rest = text.trim();
        let mut negative = false;
        if let Some(inner) = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
            negative = true;
            rest = inner.trim();
        } else if let Some(after) = rest.strip_prefix('-') {
            negative = true;
            rest = after.trim_start();
        }
        rest = rest.strip_prefix('$').unwrap_or(rest).trim_start();
        if let Some(after) = rest.strip_prefix('-') {
            if negative {
                return Err(not_a_number());
            }
            negative = true;
            rest = after;
        }
        let (whole, cents) = rest
            .split_once('.')
            .map_or((rest, None), |(whole, cents)| (whole, Some(cents)));
        let mut groups = whole.split(',');
        let first = groups.next().unwrap_or_default();
        let grouped = whole.contains(',');
        if rest.starts_with(['-', '+'])
            || (grouped && !(1..=3).contains(&first.len()))
            || groups.any(|group| group.len() != 3)
        {
            return Err(not_a_number());
        }
        let mut plain = whole.replace(',', "");
        if let Some(cents) = cents {
            plain.push('.');
            plain.push_str(cents);
        }
        let amount = plain_decimal(&plain)
            .map_err(|_| not_a_number())
            .and_then(Self::from_decimal)?;
        Ok(if negative { -amount } else { amount })
    }

    /// The amount of this decimal, if it is one to the cent.
    pub fn from_decimal(value: Decimal) -> Result<Self, MoneyError> {
        bounded(value, MONEY_DIGITS, MONEY_DECIMALS).map(Self)
    }

    /// The amount of this many cents.
    pub fn from_cents(cents: i64) -> Self {
        Self(Decimal::new(cents, 2).normalize())
    }

    /// The amount as a decimal.
    pub fn decimal(self) -> Decimal {
        self.0
    }

    /// Whether it is nothing.
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// Whether it is below nothing.
    pub fn is_negative(self) -> bool {
        self.0 < Decimal::ZERO
    }
}

impl fmt::Display for Money {
    /// Always two decimals: AMTTYPE takes none or exactly two.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.0)
    }
}

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self((self.0 + other.0).normalize())
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Money {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self((self.0 - other.0).normalize())
    }
}

impl Neg for Money {
    type Output = Self;

    fn neg(self) -> Self {
        Self((-self.0).normalize())
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl<'a> Sum<&'a Money> for Money {
    fn sum<I: Iterator<Item = &'a Money>>(amounts: I) -> Self {
        amounts.copied().sum()
    }
}

macro_rules! per_unit {
    ($name:ident) => {
        impl $name {
            /// Nothing.
            pub const ZERO: Self = Self(Decimal::ZERO);

            /// One.
            pub const ONE: Self = Self(Decimal::ONE);

            /// Reads digits with an optional sign and point. Spaces around it are ignored.
            pub fn parse(text: &str) -> Result<Self, MoneyError> {
                Self::from_decimal(plain_decimal(text)?)
            }

            /// The value of this decimal, if it has at most 5 decimals and 10 integer digits.
            pub fn from_decimal(value: Decimal) -> Result<Self, MoneyError> {
                bounded(value, UNIT_DIGITS, UNIT_DECIMALS).map(Self)
            }

            /// The value as a decimal.
            pub fn decimal(self) -> Decimal {
                self.0
            }

            /// Whether it is nothing.
            pub fn is_zero(self) -> bool {
                self.0.is_zero()
            }
        }

        impl fmt::Display for $name {
            /// Without trailing zeros.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0.normalize())
            }
        }
    };
}

per_unit!(Quantity);
per_unit!(Price);

impl Quantity {
    /// The same with its sign turned.
    #[must_use]
    pub fn negated(self) -> Self {
        Self((-self.0).normalize())
    }
}

/// Text form in JSON and in qbXML, for each of the three.
macro_rules! text_form {
    ($name:ident) => {
        impl FromStr for $name {
            type Err = MoneyError;

            fn from_str(text: &str) -> Result<Self, MoneyError> {
                Self::parse(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = deserializer.deserialize_any(NumberText)?;
                Self::parse(&text).map_err(de::Error::custom)
            }
        }

        super::xml_text!($name);
    };
}

text_form!(Money);
text_form!(Quantity);
text_form!(Price);

/// A JSON string, or a JSON number in its shortest text form.
struct NumberText;

impl de::Visitor<'_> for NumberText {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal number, as text or as a number")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }

    /// `serde_json` has read the digits already; the shortest text that reads back as the same number is what was
    /// written, up to 15 digits: as many as an amount can have.
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<String, E> {
        Ok(number.to_string())
    }
}

/// A decimal of sign, digits and point only: no exponent, no separators, no words.
fn plain_decimal(text: &str) -> Result<Decimal, MoneyError> {
    let text = text.trim();
    let not_a_number = || MoneyError::NotANumber(text.to_owned());
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, decimals) = digits
        .split_once('.')
        .map_or((digits, None), |(whole, rest)| (whole, Some(rest)));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || decimals.is_some_and(|part| !all_digits(part)) {
        return Err(not_a_number());
    }
    let decimals = decimals.unwrap_or_default().trim_end_matches('0');
    let whole = whole.trim_start_matches('0');
    if whole.len() > MONEY_DIGITS as usize {
        return Err(MoneyError::TooLarge {
            text: text.to_owned(),
            most: MONEY_DIGITS,
        });
    }
    // Beyond the widest of our types: refused before the decimal type could round it away.
    if decimals.len() > UNIT_DECIMALS as usize {
        return Err(MoneyError::TooManyDecimals {
            text: text.to_owned(),
            most: UNIT_DECIMALS,
        });
    }
    let sign = if text.starts_with('-') { "-" } else { "" };
    format!("{sign}0{whole}.{decimals}0")
        .parse()
        .map_err(|_| not_a_number())
}

fn bounded(value: Decimal, digits: u32, decimals: u32) -> Result<Decimal, MoneyError> {
    let value = value.normalize();
    if value.scale() > decimals {
        return Err(MoneyError::TooManyDecimals {
            text: value.to_string(),
            most: decimals,
        });
    }
    if value.trunc().abs() >= Decimal::from(10_u64.pow(digits)) {
        return Err(MoneyError::TooLarge {
            text: value.to_string(),
            most: digits,
        });
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn money(text: &str) -> Money {
        Money::parse(text).unwrap()
    }

    #[test]
    fn amounts_read_as_procore_and_quickbooks_write_them() {
        for (text, shown) in [
            ("250.0", "250.00"),
            ("1000", "1000.00"),
            ("-3.5", "-3.50"),
            (" 589.00 ", "589.00"),
            ("1.2300000", "1.23"),
            ("-0.00", "0.00"),
            ("007", "7.00"),
            ("9999999999999.99", "9999999999999.99"),
        ] {
            assert_eq!(money(text).to_string(), shown, "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_to_the_cent_is_refused() {
        for text in [
            "",
            " ",
            "-",
            ".",
            "1.",
            ".5",
            "1.234",
            "1e3",
            "NaN",
            "inf",
            "1,234.50",
            "$5",
            "+5",
            "--5",
            "1 000",
            "12345678901234",
            "0.000000000000000000000000000001",
            "1.001",
        ] {
            assert!(Money::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn formatted_amounts() {
        for (text, shown) in [
            ("$1,087.80", "1087.80"),
            ("-$1,087.80", "-1087.80"),
            ("$-3.50", "-3.50"),
            ("($1,234,567.00)", "-1234567.00"),
            ("1087.80", "1087.80"),
            ("$0.00", "0.00"),
        ] {
            assert_eq!(Money::parse_formatted(text).unwrap().to_string(), shown, "{text}");
        }
        for text in [
            "$1,08.80",
            "$,108",
            "1,0878",
            "$",
            "",
            "$1.2,3",
            "-($1.00)",
            "--1",
            "$--1",
            "1,000.005",
            "1234,567",
        ] {
            assert!(Money::parse_formatted(text).is_err(), "{text}");
        }
    }

    #[test]
    fn json_text_and_numbers() {
        assert_eq!(serde_json::to_string(&money("12.3")).unwrap(), "\"12.30\"");
        for json in ["\"12.30\"", "12.3", "12.30"] {
            assert_eq!(
                serde_json::from_str::<Money>(json).unwrap(),
                money("12.30"),
                "{json}"
            );
        }
        assert_eq!(serde_json::from_str::<Money>("-7").unwrap(), money("-7"));
        assert!(serde_json::from_str::<Money>("0.005").is_err());
        assert!(serde_json::from_str::<Money>("true").is_err());
        assert!(serde_json::from_str::<Money>("null").is_err());
    }

    #[test]
    fn quantities_and_prices() {
        assert_eq!(Quantity::parse("891.50000").unwrap().to_string(), "891.5");
        assert_eq!(Quantity::parse("100").unwrap().to_string(), "100");
        assert_eq!(Price::parse("0.12345").unwrap().to_string(), "0.12345");
        assert!(Price::parse("0.123456").is_err());
        assert!(Quantity::parse("12345678901").is_err());
        assert!(Quantity::parse("18.0%").is_err());
    }

    proptest! {
        #[test]
        fn cents_survive_text_and_json(cents in -999_999_999_999_999_i64..=999_999_999_999_999) {
            let amount = Money::from_cents(cents);
            prop_assert_eq!(Money::parse(&amount.to_string()).unwrap(), amount);
            let json = serde_json::to_string(&amount).unwrap();
            prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), amount);
            // Bare JSON numbers come by way of a double; 15 digits survive it.
            prop_assert_eq!(serde_json::from_str::<Money>(&amount.to_string()).unwrap(), amount);
        }

        #[test]
        fn sums_are_exact(cents in prop::collection::vec(-1_000_000_000_i64..1_000_000_000, 0..50)) {
            let sum: Money = cents.iter().map(|cents| Money::from_cents(*cents)).sum();
            prop_assert_eq!(sum, Money::from_cents(cents.iter().sum()));
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = Money::parse(&text);
            let _ = Money::parse_formatted(&text);
            let _ = Quantity::parse(&text);
        }

        #[test]
        fn display_has_two_decimals_and_reads_back(text in "-?[0-9]{1,13}(\\.[0-9]{1,2})?") {
            let shown = money(&text).to_string();
            prop_assert_eq!(shown.rsplit_once('.').unwrap().1.len(), 2);
            prop_assert_eq!(money(&shown), money(&text));
        }
    }
}
