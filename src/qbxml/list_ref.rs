//! References from one record to another in a list (`VendorRef`, `ItemRef`, `ParentRef` …).

use serde::{Deserialize, Serialize};
use yaserde::{YaDeserialize, YaSerialize};

/// A reference by `ListID` or by `FullName`. With both given QuickBooks ignores the name (qbxml.md §5).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, YaSerialize, YaDeserialize)]
pub struct ListRef {
    /// QuickBooks' id of the record in its list.
    #[yaserde(rename = "ListID")]
    pub list_id: Option<String>,
    /// The path with `:`.
    #[yaserde(rename = "FullName")]
    pub full_name: Option<String>,
}

impl ListRef {
    /// A reference by id: it survives a rename.
    pub fn by_id(list_id: impl Into<String>) -> Self {
        Self {
            list_id: Some(list_id.into()),
            full_name: None,
        }
    }

    /// A reference by name, for what has no id yet.
    pub fn by_name(full_name: impl Into<String>) -> Self {
        Self {
            list_id: None,
            full_name: Some(full_name.into()),
        }
    }
}
