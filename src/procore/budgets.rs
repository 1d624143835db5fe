//! What becomes of an exported budget in Procore: its transactions count as synced, and its figures come back from the
//! books, which frees it (COMP-47).
//!
//! Source: Procore's ERP technical guide, "ERP Transactions Sync" and "ERP Job Costs Sync".

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{
    client::ProcoreClient,
    cost_types,
    error::ProcoreError,
    paths,
    reader::Reader,
    sync::{ItemError, SyncCall, Synced, sync},
};
use crate::writebacks::{JobCostRow, SyncedTransaction};

/// Marks transactions of a project's budget as synced.
pub async fn put_transactions(
    client: &ProcoreClient,
    project_id: i64,
    transactions: &[SyncedTransaction],
) -> Synced {
    let updates: Vec<Value> = transactions
        .iter()
        .map(|transaction| json!({"id": transaction.procore_id, "origin_id": transaction.origin_id, "synced": true}))
        .collect();
    let mut beside = Map::new();
    beside.insert("project_id".to_owned(), json!(project_id));
    let call = SyncCall {
        what: "mark budget transactions as synced in Procore",
        path: paths::ERP_TRANSACTIONS_SYNC,
        query: &[],
        beside: Some(beside),
        identity: &["id"],
        halve: true,
    };
    sync(client, &call, &updates).await
}

/// Stores what the books hold of a project's budget.
pub async fn put_job_costs(
    client: &ProcoreClient,
    project_id: i64,
    job_origin_id: &str,
    rows: &[JobCostRow],
) -> Synced {
    let names = match names(client, project_id).await {
        Ok(names) => names,
        Err(error) => {
            return Synced {
                results: rows
                    .iter()
                    .map(|_| Err(ItemError::Failed(error.clone())))
                    .collect(),
                entities: Vec::new(),
            };
        }
    };
    let mut results = vec![Ok(()); rows.len()];
    let mut updates = Vec::new();
    let mut places = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        match names.update(row) {
            Ok(update) => {
                updates.push(update);
                places.push(place);
            }
            Err(refused) => results[place] = Err(ItemError::Refused(vec![refused])),
        }
    }
    let mut beside = Map::new();
    beside.insert("company_id".to_owned(), json!(client.company_id()));
    beside.insert("job_origin_id".to_owned(), json!(job_origin_id));
    let call = SyncCall {
        what: "store job costs in Procore",
        path: paths::ERP_JOB_COSTS_SYNC,
        query: &[],
        beside: Some(beside),
        identity: &["cost_code_id", "line_item_type_id"],
        halve: true,
    };
    let synced = sync(client, &call, &updates).await;
    for (place, result) in places.into_iter().zip(synced.results) {
        results[place] = result;
    }
    Synced {
        results,
        entities: synced.entities,
    }
}

/// The ids Procore wants, by the third-party ids it sends.
struct Names {
    codes: HashMap<String, i64>,
    types: HashMap<String, i64>,
    /// The cost type "Other": what a line has where the order names no linked one.
    other: Option<i64>,
}

async fn names(client: &ProcoreClient, project_id: i64) -> Result<Names, ProcoreError> {
    let project = [("project_id", project_id.to_string())];
    let codes = client
        .list("read the project's cost codes", paths::COST_CODES, &project)
        .await?;
    let company = [("company_id", client.company_id().to_string())];
    let types = client
        .list("read the cost types", paths::LINE_ITEM_TYPES, &company)
        .await?;
    Ok(Names {
        codes: by_origin(&codes),
        other: cost_types::other_of(&types),
        types: by_origin(&types),
    })
}

fn by_origin(records: &[Value]) -> HashMap<String, i64> {
    records
        .iter()
        .filter_map(|record| {
            let reader = Reader::root(record);
            let origin = reader.field("origin_id").optional_label().ok().flatten()?;
            Some((origin, reader.field("id").id().ok()?))
        })
        .collect()
}

impl Names {
    fn update(&self, row: &JobCostRow) -> Result<Value, String> {
        let code = self.codes.get(&row.cost_code_origin_id).ok_or_else(|| {
            format!(
                "the project has no cost code that is linked to {}",
                row.cost_code_origin_id
            )
        })?;
        let mut update = json!({
            "cost_code_id": code,
            "original_estimate": row.original_estimate.to_string(),
            "approved_estimate_changes": row.estimate_changes.to_string(),
            "estimate": (row.original_estimate + row.estimate_changes).to_string(),
        });
        let cost_type = match &row.line_item_type_origin_id {
            Some(origin) => Some(
                self.types
                    .get(origin)
                    .copied()
                    .ok_or_else(|| format!("there is no cost type that is linked to {origin}"))?,
            ),
            None => self.other,
        };
        if let Some(id) = cost_type {
            update["line_item_type_id"] = json!(id);
        }
        Ok(update)
    }
}
