//! External data: the third-party identity of Procore's records, written by the microservice.

use axum::{Json, http::StatusCode};
use serde_json::{Map, Value, json};

use super::enabled;
use crate::{
    call::{Call, int_of},
    errors::{ApiError, FieldErrors},
    rest::sync::item_error,
    store::{
        World,
        record::{Kind, Origin},
    },
};

/// Item types Procore knows, beyond those this stand-in keeps records of.
const OTHER_ITEM_TYPES: [&str; 9] = [
    "department",
    "item",
    "insurance",
    "markup",
    "requisition_change_order_item",
    "requisition_contract_detail_item",
    "tax_code",
    "company_level_direct_cost",
    "budget_change",
];

/// Writes origins in bulk. Always 200; what cannot be written is an item error.
pub(crate) async fn sync(call: Call) -> Result<Json<Value>, ApiError> {
    let updates = call.updates()?;
    let mut world = call.sim.world();
    enabled(&world, &call)?;
    let (mut entities, mut errors) = (Vec::new(), Vec::new());
    for update in updates {
        let outcome = match update.as_object() {
            Some(given) => one(&mut world, call.company(), given),
            None => Err(FieldErrors::one("base", "must be an object")),
        };
        match outcome {
            Ok(entity) => entities.push(entity),
            Err(fields) => errors.push(item_error(update, &fields)),
        }
    }
    Ok(Json(json!({"entities": entities, "errors": errors})))
}

fn one(world: &mut World, company: i64, given: &Map<String, Value>) -> Result<Value, FieldErrors> {
    let (kind, id) = item(world, company, given.get("item_type"), given.get("item_id"))?;
    let old = world
        .record(company, kind, id)
        .map(|record| record.origin.clone())
        .unwrap_or_default();
    let origin = crate::rest::sync::origin(given, Some(&old))?;
    // Unlinking clears all of it, whatever else was sent.
    let origin = if origin.id.is_none() {
        Origin::default()
    } else {
        origin
    };
    world.set_origin(company, kind, id, origin)?;
    let row = row_id(world, company, kind, id);
    let origin_id = world
        .record(company, kind, id)
        .and_then(|record| record.origin.id.clone());
    if let Some(company) = world.companies.get_mut(&company) {
        company.external_writes += 1;
    }
    Ok(json!({"id": row, "item_type": kind.item_type(), "item_id": id, "origin_id": origin_id}))
}

fn item(
    world: &mut World,
    company: i64,
    name: Option<&Value>,
    id: Option<&Value>,
) -> Result<(Kind, i64), FieldErrors> {
    let name = name.and_then(Value::as_str).unwrap_or_default();
    let Some(kind) = Kind::of_item_type(name).filter(|kind| kind.has_external_data()) else {
        if OTHER_ITEM_TYPES.contains(&name) {
            return Err(FieldErrors::one("item_id", "Entity with this ID not found"));
        }
        world.violation(
            Some(company),
            "unknown_item_type",
            format!("external data for item type {name:?}"),
        );
        return Err(FieldErrors::one("item_type", "is not included in the list"));
    };
    let id = id
        .and_then(int_of)
        .ok_or_else(|| FieldErrors::one("item_id", "can't be blank"))?;
    if world.record(company, kind, id).is_none() {
        return Err(FieldErrors::one("item_id", "Entity with this ID not found"));
    }
    Ok((kind, id))
}

fn row_id(world: &mut World, company: i64, kind: Kind, id: i64) -> i64 {
    let known = world
        .companies
        .get(&company)
        .and_then(|company| company.external_ids.get(&(kind, id)).copied());
    known.unwrap_or_else(|| {
        let row = world.new_id(company);
        if let Some(company) = world.companies.get_mut(&company) {
            company.external_ids.insert((kind, id), row);
        }
        row
    })
}

/// The external data of one item: an array of one row, or of none.
pub(crate) async fn list(call: Call) -> Result<Json<Value>, ApiError> {
    let (name, id) = (
        call.params.get("item_type").map(|name| json!(name)),
        call.params.get("item_id").map(|id| json!(id)),
    );
    let mut world = call.sim.world();
    enabled(&world, &call)?;
    let (kind, id) = item(&mut world, call.company(), name.as_ref(), id.as_ref())?;
    let row = row_id(&mut world, call.company(), kind, id);
    let rows: Vec<Value> = world
        .record(call.company(), kind, id)
        .filter(|record| record.is_synced())
        .map(|record| {
            let origin = &record.origin;
            json!({
                "id": row, "item_type": kind.item_type(), "item_id": id, "origin_id": origin.id,
                "origin_code": origin.code, "origin_data": origin.data,
            })
        })
        .into_iter()
        .collect();
    Ok(Json(json!(rows)))
}

/// Unlinks many items of one type.
pub(crate) async fn bulk_destroy(call: Call) -> Result<StatusCode, ApiError> {
    let ids = call.body.get("item_ids").and_then(Value::as_array);
    let ids = ids.ok_or_else(|| ApiError::bad_request("param is missing or the value is empty: item_ids"))?;
    let mut world = call.sim.world();
    enabled(&world, &call)?;
    for id in ids {
        let (kind, id) = item(&mut world, call.company(), call.body.get("item_type"), Some(id))?;
        world.set_origin(call.company(), kind, id, Origin::default())?;
    }
    Ok(StatusCode::NO_CONTENT)
}
