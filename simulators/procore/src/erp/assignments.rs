//! Which cost types a project's cost codes take, and whether the accounting system knows them.

use axum::Json;
use serde_json::{Map, Value, json};

use super::enabled;
use crate::{
    call::{Call, int_of},
    errors::{ApiError, FieldErrors},
    rest::{project_of, sync::item_error},
    store::{World, record::Kind},
};

pub(crate) async fn sync(call: Call) -> Result<Json<Value>, ApiError> {
    let updates = call.updates()?;
    let mut world = call.sim.world();
    enabled(&world, &call)?;
    let project = project_of(&world, &call)?;
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
    let record = world
        .record_mut(company, Kind::CostCode, code)
        .filter(|record| record.project_id == Some(project));
    let record = record.ok_or_else(|| not_found("cost_code_id"))?;
    let types = record
        .fields
        .entry("line_item_type_ids")
        .or_insert_with(|| json!([]));
    if let Some(types) = types.as_array_mut()
        && !types.contains(&json!(cost_type))
    {
        types.push(json!(cost_type));
    }
    let synced = given.get("synced").and_then(Value::as_bool).unwrap_or_default();
    if let Some(company) = world.companies.get_mut(&company) {
        company.assignments.insert((code, cost_type), synced);
    }
    Ok(json!({"cost_code_id": code, "line_item_type_id": cost_type, "synced": synced}))
}
