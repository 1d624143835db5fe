//! ERP job costs: what the books hold of a project's cost codes. They fill the ERP columns of Procore's budget, and free a
//! budget that was exported (COMP-47).
//!
//! The endpoint names cost codes and cost types by Procore's own ids, while orders carry third-party ids; so both are
//! looked up in the project first. **Guess:** that `cost_code_id` and `line_item_type_id` are Procore's ids, and that a row
//! may leave out the amounts it does not know (`Names::update`).
//!
//! Source: Procore's ERP technical guide, "ERP Job Costs Sync".

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{
    client::ProcoreClient,
    cost_types,
    error::ProcoreError,
    paths,
    reader::Reader,
    sync::{ItemError, SyncCall, Synced, sync},
    tools,
};
use crate::writebacks::{JobCostAmounts, JobCostRow};

/// Tells Procore what the books hold of a project's cost codes; any number, one result each. No cost code may stand in
/// `rows` twice with one cost type. Costs of a project whose Direct Costs tool is active are not told: there that tool fills
/// the columns, whatever the settings say (ADV-14).
pub async fn put(
    client: &ProcoreClient,
    project_id: i64,
    job_origin_id: &str,
    rows: &[JobCostRow],
) -> Synced {
    let failed = |error| Synced {
        results: vec![Err(ItemError::Failed(error)); rows.len()],
        entities: Vec::new(),
    };
    let of_budget = |row: &JobCostRow| matches!(row.amounts, JobCostAmounts::Budget { .. });
    let mut costs = true;
    if !rows.iter().all(of_budget) {
        match tools::direct_costs_active(client, project_id).await {
            Ok(active) => costs = !active,
            Err(error) => return failed(error),
        }
    }
    if !costs && !rows.iter().any(of_budget) {
        return Synced {
            results: vec![Ok(()); rows.len()],
            entities: Vec::new(),
        };
    }
    let names = match names(client, project_id).await {
        Ok(names) => names,
        Err(error) => return failed(error),
    };
    let mut results = vec![Ok(()); rows.len()];
    let mut updates = Vec::new();
    let mut places = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        if !costs && !of_budget(row) {
            continue;
        }
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
    /// The cost type "Other": what a row has where the order names no linked one.
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
                "the project has no cost code that is linked to {} in QuickBooks",
                row.cost_code_origin_id
            )
        })?;
        let cost_type = match &row.line_item_type_origin_id {
            Some(origin) => self
                .types
                .get(origin)
                .copied()
                .ok_or_else(|| format!("there is no cost type that is linked to {origin}"))?,
            None => self.other.ok_or_else(|| {
                "Procore's cost type \"Other\" is missing: press Refresh on the standard cost codes in the ERP Integrations \
                 tool"
                    .to_owned()
            })?,
        };
        // Amounts go out as texts, as everywhere: a JSON number would be a float on the way.
        let mut update = match row.amounts {
            JobCostAmounts::Budget {
                original_estimate,
                estimate_changes,
            } => json!({
                "original_estimate": original_estimate.to_string(),
                "approved_estimate_changes": estimate_changes.to_string(),
                "estimate": (original_estimate + estimate_changes).to_string(),
            }),
            JobCostAmounts::Costs { to_date, invoiced } => json!({
                "job_to_date_cost": to_date.to_string(),
                "commitment_invoiced": invoiced.to_string(),
            }),
        };
        update["cost_code_id"] = json!(code);
        update["line_item_type_id"] = json!(cost_type);
        Ok(update)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        procore::fake::{Answer, Fake},
        qbxml::Money,
    };

    fn row(code: &str, amounts: JobCostAmounts) -> JobCostRow {
        JobCostRow {
            cost_code_origin_id: code.into(),
            line_item_type_origin_id: None,
            amounts,
        }
    }

    // ADV-14
    #[tokio::test]
    async fn adv_14_where_the_direct_costs_tool_is_active_the_budget_is_told_and_costs_are_not() {
        for (active, told) in [(true, 1), (false, 2)] {
            let fake = Fake::start(move |request| {
                Answer::ok(if request.path.ends_with("/tools") {
                    json!([{"engine_name": "budgets", "title": "Budget", "is_active": true},
                        {"engine_name": "direct_costs", "title": "Direct Costs", "is_active": active}])
                } else if request.path.ends_with("/cost_codes") {
                    json!([{"id": 4, "origin_id": "J|I1"}, {"id": 6, "origin_id": "J|I2"}])
                } else if request.path.ends_with("/line_item_types") {
                    json!([{"id": 9, "name": "Other", "origin_id": cost_types::ORIGIN_ID}])
                } else {
                    json!({"entities": [], "errors": []})
                })
            })
            .await;
            let costs = JobCostAmounts::Costs {
                to_date: Money::from_cents(4450),
                invoiced: Money::ZERO,
            };
            let budget = JobCostAmounts::Budget {
                original_estimate: Money::from_cents(100),
                estimate_changes: Money::ZERO,
            };
            let synced = put(
                &fake.client(),
                86,
                "J",
                &[row("J|I1", costs), row("J|I2", budget)],
            )
            .await;
            assert_eq!(synced.results, [Ok(()), Ok(())]);
            let requests = fake.requests();
            let sent = requests.last().unwrap().body["updates"].as_array().unwrap().len();
            assert_eq!(sent, told, "active: {active}");
            // Of costs alone nothing is sent at all.
            put(&fake.client(), 86, "J", &[row("J|I1", costs)]).await;
            let sent = fake
                .requests()
                .iter()
                .filter(|request| request.path == paths::ERP_JOB_COSTS_SYNC)
                .count();
            assert_eq!(sent, told, "active: {active}");
        }
    }

    #[tokio::test]
    async fn codes_are_named_by_procores_ids_and_what_was_not_read_is_not_told() {
        let fake = Fake::start(|request| {
            Answer::ok(if request.path.ends_with("/tools") {
                json!([])
            } else if request.path.ends_with("/cost_codes") {
                json!([{"id": 4, "origin_id": "J|I1"}, {"id": 6, "origin_id": "J|I2"}, {"id": 5, "origin_id": null}])
            } else if request.path.ends_with("/line_item_types") {
                json!([{"id": 9, "name": "Other", "origin_id": cost_types::ORIGIN_ID}])
            } else {
                json!({"entities": [], "errors": []})
            })
        })
        .await;
        let costs = JobCostAmounts::Costs {
            to_date: Money::from_cents(4450),
            invoiced: Money::ZERO,
        };
        let budget = JobCostAmounts::Budget {
            original_estimate: Money::from_cents(100),
            estimate_changes: Money::from_cents(-30),
        };
        let rows = [row("J|I9", costs), row("J|I1", costs), row("J|I2", budget)];
        let synced = put(&fake.client(), 86, "J", &rows).await;
        let Err(ItemError::Refused(why)) = &synced.results[0] else {
            panic!("{:?}", synced.results)
        };
        assert!(why[0].contains("J|I9"), "{why:?}");
        assert_eq!(synced.results[1..], [Ok(()), Ok(())]);
        let requests = fake.requests();
        let sent = &requests.last().unwrap().body;
        assert_eq!(sent["job_origin_id"], "J");
        assert_eq!(
            sent["updates"],
            json!([
                {"cost_code_id": 4, "line_item_type_id": 9, "job_to_date_cost": "44.50", "commitment_invoiced": "0.00"},
                {"cost_code_id": 6, "line_item_type_id": 9, "original_estimate": "1.00",
                    "approved_estimate_changes": "-0.30", "estimate": "0.70"},
            ])
        );
    }
}
