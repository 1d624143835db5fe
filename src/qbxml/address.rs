//! Addresses, as vendors, customers and the company have them: five lines of 41 characters and four fields.

use yaserde::{YaDeserialize, YaSerialize};

/// An address, in schema order.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize, YaDeserialize)]
pub struct Address {
    /// First line, at most 41 characters.
    #[yaserde(rename = "Addr1")]
    pub addr1: Option<String>,
    /// Second line.
    #[yaserde(rename = "Addr2")]
    pub addr2: Option<String>,
    /// Third line.
    #[yaserde(rename = "Addr3")]
    pub addr3: Option<String>,
    /// Fourth line.
    #[yaserde(rename = "Addr4")]
    pub addr4: Option<String>,
    /// Fifth line.
    #[yaserde(rename = "Addr5")]
    pub addr5: Option<String>,
    /// City, at most 31 characters.
    #[yaserde(rename = "City")]
    pub city: Option<String>,
    /// State or province, at most 21 characters.
    #[yaserde(rename = "State")]
    pub state: Option<String>,
    /// Postal code, at most 13 characters.
    #[yaserde(rename = "PostalCode")]
    pub postal_code: Option<String>,
    /// Country, at most 31 characters.
    #[yaserde(rename = "Country")]
    pub country: Option<String>,
}

impl Address {
    /// An address with these lines; those beyond the fifth would be lost, so there may be none
    /// (`text::address_lines` sees to it).
    pub fn with_lines(lines: Vec<String>) -> Self {
        debug_assert!(lines.len() <= 5, "an address has five lines");
        let mut lines = lines.into_iter();
        Self {
            addr1: lines.next(),
            addr2: lines.next(),
            addr3: lines.next(),
            addr4: lines.next(),
            addr5: lines.next(),
            ..Self::default()
        }
    }

    /// The lines that hold something.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        [&self.addr1, &self.addr2, &self.addr3, &self.addr4, &self.addr5]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .filter(|line| !line.trim().is_empty())
    }

    /// The address, unless it is empty: an empty element is never sent.
    pub fn non_empty(self) -> Option<Self> {
        Some(self).filter(|address| *address != Self::default())
    }
}
