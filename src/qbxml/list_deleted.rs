//! What was deleted from lists: QuickBooks remembers it for 90 days.

use yaserde::YaSerialize;

use super::{Access, Request};

#[derive(YaSerialize)]
struct ListDeletedQueryRq {
    #[yaserde(rename = "ListDelType")]
    types: Vec<String>,
}

/// Asks for list records of these kinds that were deleted in the last 90 days. QuickBooks cannot page this query.
pub(super) fn query_all(types: &[&str]) -> Request {
    let model = ListDeletedQueryRq {
        types: types.iter().map(ToString::to_string).collect(),
    };
    Request::new("ListDeletedQueryRq", Access::Read, &model)
}
