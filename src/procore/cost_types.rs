//! Cost types. QuickBooks Desktop has none; Procore's own connector gives its customers one, "Other" with the code `O`.

use serde_json::{Map, Value, json};

use super::{
    client::ProcoreClient,
    events::CostTypeOrder,
    paths,
    reader::Reader,
    sync::{ItemError, SyncCall, Synced, sync},
};

/// Its third-party id: no record of QuickBooks stands behind it.
pub(crate) const ORIGIN_ID: &str = "quickbooks-desktop-other";
const NAME: &str = "Other";
const CODE: &str = "O";

/// Makes the company's cost type "Other" the one of QuickBooks; one that stands there already is taken.
pub async fn put(client: &ProcoreClient) -> Synced {
    let company = [("company_id", client.company_id().to_string())];
    let known = match client
        .list("read the cost types", paths::LINE_ITEM_TYPES, &company)
        .await
    {
        Ok(known) => known,
        Err(error) => {
            return Synced {
                results: vec![Err(ItemError::Failed(error))],
                entities: Vec::new(),
            };
        }
    };
    let mut beside = Map::new();
    beside.insert("company_id".to_owned(), json!(client.company_id()));
    let call = SyncCall {
        what: "store the cost type Other in Procore",
        path: paths::LINE_ITEM_TYPES_SYNC,
        query: &[],
        beside: Some(beside),
        identity: &["origin_id"],
        halve: false,
    };
    sync(client, &call, &[other(&known)]).await
}

/// The cost type that Procore knows by this third-party id: only "Other" has one.
pub(crate) fn of_origin(origin_id: &str) -> Option<CostTypeOrder> {
    (origin_id == ORIGIN_ID).then(|| CostTypeOrder {
        name: NAME.to_owned(),
        code: CODE.to_owned(),
    })
}

/// The cost type "Other" among these, linked or not.
pub(super) fn other_of(known: &[Value]) -> Option<i64> {
    let text =
        |record: &Value, field: &str| Reader::root(record).field(field).optional_label().ok().flatten();
    let linked = known
        .iter()
        .find(|record| text(record, "origin_id").as_deref() == Some(ORIGIN_ID));
    let named = || {
        known.iter().find(|record| {
            text(record, "code").as_deref() == Some(CODE) && text(record, "name").as_deref() == Some(NAME)
        })
    };
    Reader::root(linked.or_else(named)?).field("id").id().ok()
}

fn other(known: &[Value]) -> Value {
    let is = |record: &Value, field: &str, value: &str| {
        let text = Reader::root(record).field(field).optional_text();
        matches!(text, Ok(Some(text)) if text.eq_ignore_ascii_case(value))
    };
    let mut update = json!({
        "name": NAME, "code": CODE, "csv_import_code": CODE, "base_type": "other", "origin_id": ORIGIN_ID,
    });
    let unlinked = known
        .iter()
        .find(|record| is(record, "code", CODE) && is(record, "name", NAME) && record["origin_id"].is_null());
    if !known.iter().any(|record| is(record, "origin_id", ORIGIN_ID))
        && let Some(id) = unlinked.and_then(|record| Reader::root(record).field("id").id().ok())
    {
        update["id"] = json!(id);
    }
    update
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_type_that_stands_there_is_taken_and_made_once() {
        let mut type_of_procore = json!({"id": 9, "name": "Other", "code": "O", "origin_id": null});
        assert_eq!(other(&[type_of_procore.clone()])["id"], 9);
        type_of_procore["origin_id"] = json!(ORIGIN_ID);
        assert_eq!(other(&[type_of_procore])["id"], Value::Null);
        assert_eq!(other(&[])["code"], "O");
    }
}
