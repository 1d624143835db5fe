//! `HostQuery`: the product, its country and the specifications it knows.

use yaserde::YaDeserialize;

use super::Request;

/// The product as it presents itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct HostRet {
    /// "QuickBooks Premier 2024", say.
    #[yaserde(rename = "ProductName")]
    pub product_name: String,
    /// Goes up by one with each year: 34 is QuickBooks 2024. Updates within the year move `MinorVersion` alone.
    #[yaserde(rename = "MajorVersion")]
    pub major_version: Option<String>,
    /// `US`, `CA`, `UK` or `AU`.
    #[yaserde(rename = "Country")]
    pub country: Option<String>,
    /// Specifications it knows; old Canadian editions write `CA3.0`.
    #[yaserde(rename = "SupportedQBXMLVersion")]
    pub supported_versions: Vec<String>,
}

/// Asks for it.
pub fn query() -> Request {
    Request::bare("HostQueryRq")
}
