//! The chart of accounts.

use yaserde::YaDeserialize;

use super::{ListRef, Request, list_query::ListQuery};

/// An account.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct AccountRet {
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
    pub full_name: String,
    /// Whether it can be used.
    #[yaserde(rename = "IsActive")]
    pub is_active: Option<bool>,
    /// The account it is below.
    #[yaserde(rename = "ParentRef")]
    pub parent: Option<ListRef>,
    /// `Income`, `Expense`, `CostOfGoodsSold` …, as QuickBooks writes it.
    #[yaserde(rename = "AccountType")]
    pub account_type: Option<String>,
    /// Its number, where numbers are used.
    #[yaserde(rename = "AccountNumber")]
    pub account_number: Option<String>,
}

/// Asks for them.
pub fn query(query: ListQuery) -> Request {
    // Balances and bank numbers are none of our business.
    query
        .only(&[
            "ListID",
            "TimeModified",
            "EditSequence",
            "Name",
            "FullName",
            "IsActive",
            "ParentRef",
            "AccountType",
            "AccountNumber",
        ])
        .request("AccountQueryRq")
}
