//! External data: the third-party ids that make a Procore record "synced".

use serde_json::{Map, Value, json};

use super::{
    client::ProcoreClient,
    paths,
    sync::{SyncCall, Synced, sync},
};
use crate::writebacks::ExternalDatum;

/// Stores or clears third-party ids; any number, one result each. No record may stand in `entries` twice: Procore does
/// not say which of two would win.
pub async fn put(client: &ProcoreClient, entries: &[&ExternalDatum]) -> Synced {
    let updates: Vec<Value> = entries.iter().map(|entry| update_of(entry)).collect();
    let path = paths::external_data_sync(client.company_id());
    let call = SyncCall {
        what: "store QuickBooks ids in Procore",
        path: &path,
        query: &[],
        beside: Some(Map::new()),
        identity: &["item_type", "item_id"],
        halve: true,
    };
    sync(client, &call, &updates).await
}

/// One update. Three nulls unlink; what is not known is left out, so that nothing in Procore is wiped.
fn update_of(entry: &ExternalDatum) -> Value {
    let mut update = json!({
        "item_type": entry.item.item_type.as_str(),
        "item_id": entry.item.id,
        "origin_id": entry.origin_id,
    });
    if entry.origin_id.is_none() {
        update["origin_code"] = Value::Null;
        update["origin_data"] = Value::Null;
        return update;
    }
    if let Some(code) = &entry.origin_code {
        update["origin_code"] = json!(code);
    }
    if let Some(data) = origin_data(entry.edit_sequence.as_deref()) {
        update["origin_data"] = json!(data);
    }
    update
}

/// `{"edit_sequence":"…"}` as text, the shape Procore's own connector keeps.
pub(crate) fn origin_data(edit_sequence: Option<&str>) -> Option<String> {
    edit_sequence.map(|sequence| json!({ "edit_sequence": sequence }).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::links::{ItemType, ProcoreItem};

    fn datum(origin_id: Option<&str>) -> ExternalDatum {
        ExternalDatum {
            item: ProcoreItem::new(ItemType::Vendor, 598_134_325_649_528),
            origin_id: origin_id.map(str::to_owned),
            origin_code: None,
            edit_sequence: Some("1427805909".into()),
        }
    }

    #[test]
    fn a_link_leaves_out_what_is_not_known() {
        assert_eq!(
            update_of(&datum(Some("800000CD-1"))),
            json!({
                "item_type": "vendor", "item_id": 598_134_325_649_528_i64, "origin_id": "800000CD-1",
                "origin_data": "{\"edit_sequence\":\"1427805909\"}"
            })
        );
    }

    #[test]
    fn an_unlink_is_three_nulls() {
        assert_eq!(
            update_of(&datum(None)),
            json!({
                "item_type": "vendor", "item_id": 598_134_325_649_528_i64,
                "origin_id": null, "origin_code": null, "origin_data": null
            })
        );
    }
}
