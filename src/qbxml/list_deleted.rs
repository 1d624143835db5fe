//! What was deleted from lists: QuickBooks remembers it for 90 days.

use yaserde::{YaDeserialize, YaSerialize};

use super::{Access, Request};

/// The element of a deleted list record.
pub const RET: &str = "ListDeletedRet";

/// A deleted list record.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct ListDeletedRet {
    /// What it was: `Vendor`, `ItemService` …
    #[yaserde(rename = "ListDelType")]
    pub list_del_type: String,
    /// Its id, never used again.
    #[yaserde(rename = "ListID")]
    pub list_id: String,
}

#[derive(YaSerialize)]
struct DeletedDateRange {
    #[yaserde(rename = "FromDeletedDate")]
    from: String,
}

#[derive(YaSerialize)]
struct ListDeletedQueryRq {
    #[yaserde(rename = "ListDelType")]
    types: Vec<String>,
    #[yaserde(rename = "DeletedDateRangeFilter")]
    deleted: Option<DeletedDateRange>,
}

/// Asks for list records of these kinds that were deleted at or after this local time (no offset), of the last 90 days at
/// most. QuickBooks cannot page this query.
pub fn query(types: &[&str], from: &str) -> Request {
    let from = from.to_owned();
    of_types(types, Some(DeletedDateRange { from }))
}

/// Asks for list records of these kinds that were deleted in the last 90 days. QuickBooks cannot page this query.
pub(super) fn query_all(types: &[&str]) -> Request {
    of_types(types, None)
}

fn of_types(types: &[&str], deleted: Option<DeletedDateRange>) -> Request {
    let model = ListDeletedQueryRq {
        types: types.iter().map(ToString::to_string).collect(),
        deleted,
    };
    Request::new("ListDeletedQueryRq", Access::Read, &model)
}
