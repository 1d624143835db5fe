//! What is known of the company file: learnt from QuickBooks' own answers at the start of each update session.

use serde::{Deserialize, Serialize};

/// The company file as it last presented itself (`HostQuery`, `CompanyQuery`, `PreferencesQuery`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CompanyFile {
    /// `US`, `CA`, `UK`, `AU`; empty until seen.
    pub country: String,
    /// The product, "QuickBooks Premier 2024" say.
    pub product: String,
    /// `MajorVersion` of the product: another one each year. Empty until seen.
    pub major_version: String,
    /// The company's name.
    pub company_name: String,
    /// The file's path on the Windows machine.
    pub path: String,
    /// The value of our `FileID` data extension, in braces.
    pub file_id: Option<String>,
    /// `SupportedQBXMLVersion`s.
    pub supported_versions: Vec<String>,
    /// Whether inventory and purchase orders are switched on; `None` until seen.
    pub uses_inventory: Option<bool>,
    /// Whether class tracking is switched on; `None` until seen.
    pub uses_classes: Option<bool>,
    /// The closing date, `YYYY-MM-DD`, where there is one.
    pub closing_date: Option<String>,
}

impl CompanyFile {
    /// Payments can be read from US editions only (PAY-01, MAP-40).
    pub fn is_us(&self) -> bool {
        self.country.eq_ignore_ascii_case("US")
    }
}
