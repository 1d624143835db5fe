//! Other names: read only for their names, which vendors and customers may not share.

use yaserde::YaDeserialize;

use super::{Request, list_query::ListQuery};

/// An other name.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct OtherNameRet {
    /// Its id.
    #[yaserde(rename = "ListID")]
    pub list_id: String,
    /// When it was last changed, in the machine's local time.
    #[yaserde(rename = "TimeModified")]
    pub time_modified: Option<String>,
    /// Changes with every change.
    #[yaserde(rename = "EditSequence")]
    pub edit_sequence: Option<String>,
    /// The name.
    #[yaserde(rename = "Name")]
    pub name: String,
    /// Whether it can be used.
    #[yaserde(rename = "IsActive")]
    pub is_active: Option<bool>,
    /// Another application's id for it.
    #[yaserde(rename = "ExternalGUID")]
    pub external_guid: Option<String>,
}

/// Asks for other names.
pub fn query(query: ListQuery) -> Request {
    query
        .only(&[
            "ListID",
            "TimeModified",
            "EditSequence",
            "Name",
            "IsActive",
            "ExternalGUID",
        ])
        .request("OtherNameQueryRq")
}
