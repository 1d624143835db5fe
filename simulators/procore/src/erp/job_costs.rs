//! What the accounting system has of each budget line: `PATCH /rest/v1.0/erp_job_costs/sync`, as printed in the technical
//! guide of 2022.
//!
//! Strict where the guide is: the job must be a synced project's, cost code and cost type must exist, and amounts must be
//! amounts. A budget
//! whose lines all come to what the books hold is free again. Guess: `cost_code_id` and `line_item_type_id` are Procore's own
//! ids, and amounts that are left out stay.

use axum::Json;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::{budgets, enabled};
use crate::{
    call::{Call, int_of},
    errors::{ApiError, FieldErrors},
    money,
    rest::sync::item_error,
    store::{World, record::Kind},
};

const AMOUNTS: [&str; 20] = [
    "original_estimate",
    "estimate",
    "approved_estimate_changes",
    "original_commitment",
    "approved_commitment_changes",
    "revised_commitment",
    "commitment_invoiced",
    "committed_costs",
    "job_to_date_cost",
    "job_to_date_dollars_paid",
    "job_to_date_units",
    "month_to_date_cost",
    "month_to_date_dollars_paid",
    "month_to_date_units",
    "open_balance",
    "paid_amount",
    "percentage_complete",
    "original_estimate_units",
    "estimate_units",
    "approved_estimate_unit_changes",
];

/// Stores amounts, keyed by cost code and cost type.
pub(crate) async fn sync(call: Call) -> Result<Json<Value>, ApiError> {
    call.required_int("company_id")?;
    let job = call.body.get("job_origin_id").and_then(Value::as_str);
    let job = job
        .filter(|job| !job.is_empty())
        .ok_or_else(|| ApiError::bad_request("param is missing or the value is empty: job_origin_id"))?
        .to_owned();
    let updates = call.updates()?;
    let mut world = call.sim.world();
    enabled(&world, &call)?;
    let project = world
        .by_origin(call.company(), Kind::Project, &job)
        .ok_or_else(ApiError::not_found)?;
    let (mut entities, mut errors) = (Vec::new(), Vec::new());
    for update in updates {
        let outcome = match update.as_object() {
            Some(given) => one(&mut world, call.company(), project, given),
            None => Err(FieldErrors::one("base", "must be an object")),
        };
        match outcome {
            Ok(entity) => entities.push(entity),
            Err(fields) => errors.push(item_error(update, &fields)),
        }
    }
    budgets::free(&mut world, call.company(), project);
    Ok(Json(json!({"entities": entities, "errors": errors})))
}

fn one(
    world: &mut World,
    company: i64,
    project: i64,
    given: &Map<String, Value>,
) -> Result<Value, FieldErrors> {
    let id = |key: &str| given.get(key).and_then(int_of).unwrap_or_default();
    let (code, cost_type) = (id("cost_code_id"), id("line_item_type_id"));
    let not_found = |field| FieldErrors::one(field, "Entity with this ID not found");
    world
        .record(company, Kind::LineItemType, cost_type)
        .ok_or_else(|| not_found("line_item_type_id"))?;
    world
        .record(company, Kind::CostCode, code)
        .filter(|record| record.project_id == Some(project))
        .ok_or_else(|| not_found("cost_code_id"))?;
    let mut amounts: Vec<(&'static str, Decimal)> = Vec::new();
    for name in AMOUNTS {
        if let Some(value) = given.get(name) {
            let amount = money::parse(value).ok_or_else(|| FieldErrors::one(name, "is not a number"))?;
            amounts.push((name, amount));
        }
    }
    let Some(company) = world.companies.get_mut(&company) else {
        return Err(FieldErrors::one("base", "no such company"));
    };
    let known = company.job_costs.entry((project, code, cost_type)).or_default();
    for (name, amount) in amounts {
        known.insert(name.to_owned(), json!(money::cents(amount)));
    }
    Ok(draw((project, code, cost_type), known))
}

/// As the state shows them.
pub(crate) fn draw((project, code, cost_type): (i64, i64, i64), amounts: &Map<String, Value>) -> Value {
    let mut body = amounts.clone();
    body.insert("project_id".into(), json!(project));
    body.insert("cost_code_id".into(), json!(code));
    body.insert("line_item_type_id".into(), json!(cost_type));
    Value::Object(body)
}
