//! Budgets of ERP projects: what is exported of them, and what the integration sends back. A budget is frozen from its export
//! until the figures of all its lines have come back from the books.

use std::collections::HashMap;

use axum::Json;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::enabled;
use crate::{
    call::{Call, int_of},
    errors::{ApiError, FieldErrors},
    money,
    rest::sync::item_error,
    store::{
        World, into_map,
        record::{Kind, Origin, Record},
    },
};

/// The sum of the amounts of a budget line.
pub(crate) fn amount(world: &World, company: i64, line: i64) -> Decimal {
    world
        .parts(company, Kind::ErpTransaction, line)
        .map(|transaction| money::of(&transaction.fields, "value"))
        .sum()
}

/// A budget with its lines and amounts, for the control dump.
pub(crate) fn dump(world: &World, company: i64, budget: &Record) -> Value {
    let mut body = budget.dump();
    let lines: Vec<Value> = world
        .parts(company, Kind::JobCost, budget.id)
        .map(|line| {
            let mut body = line.dump();
            body["amount"] = json!(money::plain(amount(world, company, line.id)));
            body["books"] = json!(books(world, company, line));
            body["transactions"] = world
                .parts(company, Kind::ErpTransaction, line.id)
                .map(Record::dump)
                .collect();
            body
        })
        .collect();
    body["lines"] = json!(lines);
    body
}

/// `create_budget`; once it is synced `update_budget`, with what is new alone.
pub(crate) fn event(
    world: &World,
    company: i64,
    budget: &Record,
    detail: i64,
) -> (&'static str, Map<String, Value>) {
    let origin = |kind, id: Option<i64>| {
        id.and_then(|id| world.record(company, kind, id))
            .and_then(|record| record.origin.id.clone())
    };
    let job = origin(Kind::Project, budget.project_id);
    let (mut lines, mut transactions) = (Vec::new(), Vec::new());
    for line in world.parts(company, Kind::JobCost, budget.id) {
        let sub_job = line
            .number("cost_code_id")
            .and_then(|id| world.record(company, Kind::CostCode, id)?.number("sub_job_id"));
        lines.push(json!({
            "id": line.id,
            "cost_code_origin_id": origin(Kind::CostCode, line.number("cost_code_id")),
            "line_item_type_origin_id": origin(Kind::LineItemType, line.number("line_item_type_id")),
            "budget_line_item_id": line.id,
            "new_amount": money::plain(amount(world, company, line.id)),
            "job_origin_id": job,
            "sub_job_origin_id": origin(Kind::SubJob, sub_job),
        }));
        for transaction in world.parts(company, Kind::ErpTransaction, line.id) {
            if transaction.get("synced") == true {
                continue;
            }
            transactions.push(json!({
                "id": transaction.id, "origin_id": transaction.origin.id, "code": null,
                "value": transaction.get("value"), "synced": false, "type": transaction.get("type"),
                "procore_transaction_id": null, "procore_transaction_type": null, "job_cost_id": line.id,
                "created_at": crate::clock::stamp(transaction.created_at), "notes": transaction.get("notes"),
            }));
        }
    }
    let name = if budget.is_synced() {
        "update_budget"
    } else {
        "create_budget"
    };
    let data = json!({"request_data": {
        "job_id": job,
        "request_detail_id": detail,
        "budget": {
            "id": budget.id, "origin_id": budget.origin.id, "origin_data": budget.origin.data,
            "synced": budget.is_synced(), "custom_fields": {}, "project_id": budget.project_id,
        },
        "job_costs": lines,
        "transactions": transactions,
    }});
    (name, into_map(data))
}

/// `PATCH /rest/v1.0/erp_transactions/sync`. Always 200; what cannot be written is an item error.
pub(crate) async fn sync_transactions(call: Call) -> Result<Json<Value>, ApiError> {
    let updates = call.updates()?;
    let project = call.body.get("project_id").and_then(int_of);
    let mut world = call.sim.world();
    enabled(&world, &call)?;
    let company = call.company();
    let (mut entities, mut errors) = (Vec::new(), Vec::new());
    for update in updates {
        let id = update.get("id").and_then(int_of);
        let known = id
            .and_then(|id| world.record(company, Kind::ErpTransaction, id))
            .is_some_and(|found| found.project_id == project);
        let (Some(id), true) = (id, known) else {
            errors.push(item_error(
                update,
                &FieldErrors::one("id", "Entity with this ID not found"),
            ));
            continue;
        };
        let origin = Origin {
            id: update.get("origin_id").and_then(Value::as_str).map(str::to_owned),
            ..Origin::default()
        };
        if let Err(fields) = world.set_origin(company, Kind::ErpTransaction, id, origin) {
            errors.push(item_error(update, &fields));
            continue;
        }
        let synced = json!({"synced": update.get("synced") == Some(&Value::Bool(true))});
        world.update(company, Kind::ErpTransaction, id, None, |record| {
            record.fields.extend(into_map(synced));
        });
        entities.push(json!({"id": id}));
    }
    Ok(Json(json!({"entities": entities, "errors": errors})))
}

/// Frees the project's budgets whose lines all come to what the books hold.
pub(crate) fn free(world: &mut World, company: i64, project: i64) {
    let mut agrees: HashMap<i64, bool> = HashMap::new();
    for line in world.records(company, Kind::JobCost) {
        let (Some(budget), true) = (line.holder_id, line.project_id == Some(project)) else {
            continue;
        };
        let held = books(world, company, line)
            .and_then(|books| books.get("estimate"))
            .and_then(money::parse);
        let same = held == Some(amount(world, company, line.id));
        *agrees.entry(budget).or_insert(true) &= same;
    }
    for (budget, _) in agrees.into_iter().filter(|(_, agrees)| *agrees) {
        world.update(company, Kind::Budget, budget, None, |record| {
            record.fields.extend(into_map(json!({"frozen": false})));
        });
    }
}

/// What the books hold of a budget line, as it was told.
fn books<'a>(world: &'a World, company: i64, line: &Record) -> Option<&'a Map<String, Value>> {
    let key = (
        line.project_id?,
        line.number("cost_code_id")?,
        line.number("line_item_type_id")?,
    );
    world.companies.get(&company)?.job_costs.get(&key)
}
