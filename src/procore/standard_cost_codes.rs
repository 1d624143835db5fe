//! Standard cost codes: never staged, they go straight into the company's list, parents first.
//!
//! A code is found again by its third-party id; else by its place and code, if it has no third-party id yet. So a list
//! that was typed in Procore is linked, not doubled.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{
    client::ProcoreClient,
    error::{ErrorKind, ProcoreError},
    external_data::origin_data,
    paths,
    reader::Reader,
    sync::{ItemError, SyncCall, Synced, sync},
};
use crate::{qbxml::text, writebacks::CostCodeData};

/// The name of the list Procore makes for a QuickBooks Desktop connection (MAP-04).
pub const LIST_NAME: &str = "QuickBooks Desktop Standard Cost Codes";

/// A code as Procore's list holds it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) id: i64,
    parent: Option<i64>,
    code: String,
    name: Option<String>,
    pub(super) origin_id: Option<String>,
}

/// The codes of a list.
pub(super) async fn in_list(client: &ProcoreClient, list_id: i64) -> Result<Vec<Known>, ProcoreError> {
    let query = [
        ("company_id", client.company_id().to_string()),
        ("standard_cost_code_list_id", list_id.to_string()),
    ];
    Ok(client
        .list("read the standard cost codes", paths::STANDARD_COST_CODES, &query)
        .await?
        .iter()
        .filter_map(known_of)
        .collect())
}

/// A code and those above it.
pub(super) fn with_ancestors(code: &Known, all: &[Known]) -> Vec<i64> {
    let mut ids = vec![code.id];
    let mut parent = code.parent;
    while let Some(id) = parent
        && !ids.contains(&id)
    {
        ids.push(id);
        parent = all.iter().find(|code| code.id == id).and_then(|code| code.parent);
    }
    ids
}

/// The list to sync into where none was named: the one Procore made for QuickBooks Desktop, or the only one there is.
pub async fn find_list(client: &ProcoreClient) -> Result<i64, ProcoreError> {
    let what = "find the list of standard cost codes";
    let company = [("company_id", client.company_id().to_string())];
    let lists = client
        .list(what, paths::STANDARD_COST_CODE_LISTS, &company)
        .await?;
    let named: Vec<(i64, &str)> = lists
        .iter()
        .filter_map(|list| {
            let reader = Reader::root(list);
            Some((
                reader.field("id").id().ok()?,
                reader.field("name").optional_text().ok()?.unwrap_or_default(),
            ))
        })
        .collect();
    let ours = named
        .iter()
        .find(|(_, name)| name.eq_ignore_ascii_case(LIST_NAME));
    match (ours, named.as_slice()) {
        (Some((id, _)), _) | (None, [(id, _)]) => Ok(*id),
        _ => Err(ProcoreError::new(ErrorKind::Invalid, what).with_message(format!(
            "The company has {} lists of standard cost codes and none is named \"{LIST_NAME}\"",
            named.len()
        ))),
    }
}

/// Syncs codes into a list, level by level, and gives one result per code, in their order.
pub async fn put(
    client: &ProcoreClient,
    list_id: i64,
    codes: &[&CostCodeData],
) -> Result<Synced, ProcoreError> {
    let mut known = in_list(client, list_id).await?;
    let mut ids: HashMap<String, i64> = known
        .iter()
        .filter_map(|code| Some((code.origin_id.clone()?, code.id)))
        .collect();

    let mut outcome = Synced {
        results: vec![Ok(()); codes.len()],
        entities: Vec::new(),
    };
    let mut open: Vec<usize> = (0..codes.len()).collect();
    while !open.is_empty() {
        // Everything whose parent has an id by now.
        let (ready, waiting): (Vec<usize>, Vec<usize>) = open.iter().partition(|index| {
            codes[**index]
                .parent_origin_id
                .as_ref()
                .is_none_or(|parent| ids.contains_key(parent))
        });
        if ready.is_empty() {
            for index in waiting {
                let parent = codes[index].parent_origin_id.as_deref().unwrap_or_default();
                outcome.results[index] = Err(ItemError::Refused(vec![format!(
                    "The parent of cost code {} (QuickBooks item {parent}) is not in Procore's list.",
                    codes[index].code
                )]));
            }
            break;
        }
        let updates: Vec<Value> = ready
            .iter()
            .map(|index| update_of(codes[*index], &ids, &known))
            .collect();
        let mut beside = Map::new();
        beside.insert("company_id".to_owned(), json!(client.company_id()));
        beside.insert("standard_cost_code_list_id".to_owned(), json!(list_id));
        let call = SyncCall {
            what: "store standard cost codes in Procore",
            path: paths::STANDARD_COST_CODES_SYNC,
            query: &[],
            beside: Some(beside),
            identity: &["origin_id"],
            halve: true,
        };
        let synced = sync(client, &call, &updates).await;
        for code in synced.entities.iter().filter_map(known_of) {
            if let Some(origin_id) = &code.origin_id {
                ids.insert(origin_id.clone(), code.id);
            }
            known.retain(|old| old.id != code.id);
            known.push(code);
        }
        for (index, result) in ready.into_iter().zip(synced.results) {
            outcome.results[index] = result;
        }
        open = waiting;
        if let Some(ItemError::Failed(error)) = outcome.first_error()
            && error.concerns_connection()
        {
            let error = error.clone();
            for index in open {
                outcome.results[index] = Err(ItemError::Failed(error.clone()));
            }
            break;
        }
    }
    Ok(outcome)
}

fn known_of(record: &Value) -> Option<Known> {
    let reader = Reader::root(record);
    let parent = reader.field("parent_id").optional_id().ok().flatten();
    Some(Known {
        id: reader.field("id").id().ok()?,
        parent: parent.or_else(|| reader.field("parent").field("id").optional_id().ok().flatten()),
        code: reader
            .field("code")
            .optional_label()
            .ok()
            .flatten()
            .unwrap_or_default(),
        name: reader
            .field("name")
            .optional_text()
            .ok()
            .flatten()
            .map(str::to_owned),
        origin_id: reader
            .field("origin_id")
            .optional_text()
            .ok()
            .flatten()
            .map(str::to_owned),
    })
}

fn update_of(code: &CostCodeData, ids: &HashMap<String, i64>, known: &[Known]) -> Value {
    let parent = code
        .parent_origin_id
        .as_ref()
        .and_then(|parent| ids.get(parent))
        .copied();
    let own_name = known
        .iter()
        .find(|known| known.origin_id.as_ref() == Some(&code.origin_id))
        .and_then(|known| known.name.as_deref())
        .filter(|name| text::is_held_as(name, &code.name));
    let mut update = json!({
        "code": code.code,
        "name": own_name.unwrap_or(&code.name),
        "parent_id": parent,
        "origin_id": code.origin_id,
    });
    if let Some(data) = origin_data(code.edit_sequence.as_deref()) {
        update["origin_data"] = json!(data);
    }
    if !ids.contains_key(&code.origin_id) {
        let unlinked = known.iter().find(|known| {
            known.origin_id.is_none() && known.parent == parent && known.code.eq_ignore_ascii_case(&code.code)
        });
        if let Some(unlinked) = unlinked {
            update["id"] = json!(unlinked.id);
        }
    }
    update
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::procore::fake::{Answer, Fake};

    fn code(origin: &str, parent: Option<&str>, code: &str) -> CostCodeData {
        CostCodeData {
            origin_id: origin.into(),
            parent_origin_id: parent.map(Into::into),
            code: code.into(),
            name: format!("name of {code}"),
            edit_sequence: None,
        }
    }

    #[tokio::test]
    async fn parents_go_first_and_typed_codes_are_linked() {
        let fake = Fake::start(|request| {
            if request.method == "GET" {
                return Answer::ok(json!([
                    {"id": 11, "code": "01", "parent_id": null, "origin_id": null},
                    {"id": 12, "code": "02", "parent_id": null, "origin_id": "other"}
                ]));
            }
            let entities: Vec<Value> = request.body["updates"]
                .as_array()
                .unwrap()
                .iter()
                .enumerate()
                .map(|(i, u)| {
                    let id = u.get("id").cloned().unwrap_or(json!(100 + i));
                    json!({"id": id, "origin_id": u["origin_id"], "code": u["code"], "parent_id": u["parent_id"]})
                })
                .collect();
            Answer::ok(json!({"entities": entities, "errors": []}))
        })
        .await;
        let (a, b, c) = (
            code("A", None, "01"),
            code("B", Some("A"), "100"),
            code("C", Some("gone"), "9"),
        );
        let synced = put(&fake.client(), 3, &[&b, &a, &c]).await.unwrap();
        assert!(synced.results[0].is_ok() && synced.results[1].is_ok());
        assert!(
            matches!(&synced.results[2], Err(ItemError::Refused(m)) if m[0].contains("gone")),
            "{synced:?}"
        );
        let seen = fake.requests();
        assert_eq!(seen.len(), 3);
        assert_eq!(
            seen[1].body["updates"][0]["id"],
            json!(11),
            "the typed code 01 is linked"
        );
        assert_eq!(seen[2].body["updates"][0]["parent_id"], json!(11));
        assert_eq!(seen[2].body["standard_cost_code_list_id"], json!(3));
    }

    #[tokio::test]
    async fn map_04_the_list_is_found_by_its_name() {
        let fake = Fake::start(|_| {
            Answer::ok(json!([{"id": 1, "name": "Standard"}, {"id": 2, "name": "QuickBooks Desktop Standard Cost Codes"}]))
        })
        .await;
        assert_eq!(find_list(&fake.client()).await.unwrap(), 2);
        let fake = Fake::start(|_| Answer::ok(json!([{"id": 1, "name": "A"}, {"id": 2, "name": "B"}]))).await;
        assert!(
            find_list(&fake.client())
                .await
                .unwrap_err()
                .to_string()
                .contains("2 lists")
        );
    }
}
