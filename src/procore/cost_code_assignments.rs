//! Cost type assignments: which cost types of a project's cost code are in QuickBooks. There is no third-party id for
//! them, only a flag.

use serde_json::{Map, Value, json};

use super::{
    client::ProcoreClient,
    paths,
    sync::{SyncCall, Synced, sync},
};

/// Marks pairs of (cost code, cost type) of a project as synced.
pub async fn mark_synced(client: &ProcoreClient, project_id: i64, assignments: &[(i64, i64)]) -> Synced {
    let updates: Vec<Value> = assignments
        .iter()
        .map(|(code, kind)| json!({"cost_code_id": code, "line_item_type_id": kind, "synced": true}))
        .collect();
    let call = SyncCall {
        what: "mark cost types as synced in Procore",
        path: paths::COST_CODE_LINE_ITEM_TYPES_SYNC,
        query: &[("project_id", project_id.to_string())],
        beside: Some(Map::new()),
        identity: &["cost_code_id", "line_item_type_id"],
        halve: true,
    };
    sync(client, &call, &updates).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::procore::fake::{Answer, Fake};

    #[tokio::test]
    async fn pairs_are_marked_in_their_project() {
        let fake = Fake::start(|_| Answer::ok(json!({"entities": [], "errors": []}))).await;
        mark_synced(&fake.client(), 86, &[(1, 9)]).await;
        let seen = &fake.requests()[0];
        assert_eq!(seen.query, "project_id=86");
        assert_eq!(
            seen.body["updates"],
            json!([{"cost_code_id": 1, "line_item_type_id": 9, "synced": true}])
        );
    }
}
