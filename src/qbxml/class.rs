//! Classes: by which books are divided beside the accounts.

use yaserde::YaDeserialize;

use super::{ListRef, Request, list_query::ListQuery};

/// A class.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct ClassRet {
    /// Its id.
    #[yaserde(rename = "ListID")]
    pub list_id: String,
    /// When it was last changed, in the machine's local time.
    #[yaserde(rename = "TimeModified")]
    pub time_modified: Option<String>,
    /// Changes with every change.
    #[yaserde(rename = "EditSequence")]
    pub edit_sequence: Option<String>,
    /// The last part of its name.
    #[yaserde(rename = "Name")]
    pub name: String,
    /// Its name with its parents'.
    #[yaserde(rename = "FullName")]
    pub full_name: Option<String>,
    /// Whether it can be used.
    #[yaserde(rename = "IsActive")]
    pub is_active: Option<bool>,
    /// The class it is below.
    #[yaserde(rename = "ParentRef")]
    pub parent: Option<ListRef>,
}

/// Asks for them.
pub fn query(query: &ListQuery) -> Request {
    query.request("ClassQueryRq")
}
