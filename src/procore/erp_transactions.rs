//! Transactions of an exported budget: they count as synced in Procore.
//!
//! Source: Procore's ERP technical guide, "ERP Transactions Sync".

use serde_json::{Map, Value, json};

use super::{
    client::ProcoreClient,
    paths,
    sync::{SyncCall, Synced, sync},
};
use crate::writebacks::SyncedTransaction;

/// Marks transactions of a project's budget as synced.
pub async fn put(client: &ProcoreClient, project_id: i64, transactions: &[SyncedTransaction]) -> Synced {
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
