//! Payment terms, of both kinds.

use yaserde::YaDeserialize;

use super::{Request, list_query::ListQuery};

/// Terms by days or by date.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct TermsRet {
    /// Its id.
    #[yaserde(rename = "ListID")]
    pub list_id: String,
    /// When it was last changed, in the machine's local time.
    #[yaserde(rename = "TimeModified")]
    pub time_modified: Option<String>,
    /// Changes with every change.
    #[yaserde(rename = "EditSequence")]
    pub edit_sequence: Option<String>,
    /// Its name.
    #[yaserde(rename = "Name")]
    pub name: String,
    /// Whether it can be used.
    #[yaserde(rename = "IsActive")]
    pub is_active: Option<bool>,
}

/// The elements a terms record can be.
pub const RETS: [&str; 2] = ["StandardTermsRet", "DateDrivenTermsRet"];

/// Asks for them.
pub fn query(query: &ListQuery) -> Request {
    query.request("TermsQueryRq")
}
