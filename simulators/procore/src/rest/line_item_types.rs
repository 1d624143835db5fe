//! Cost types, which Procore's API calls line item types.

use axum::{Json, extract::Path, response::Response};
use serde_json::{Map, Value, json};

use super::{draw, find, sync as rules};
use crate::{
    call::Call,
    errors::{ApiError, FieldErrors},
    store::{
        World, into_map,
        record::{Kind, Record},
    },
};

const BASE_TYPES: [&str; 7] = [
    "equipment",
    "materials",
    "commitment",
    "owner_cost",
    "professional_services",
    "other",
    "labor",
];

/// Checks a cost type; `csv_import_code` is written, `code` is read.
fn clean(
    _: &World,
    _: &rules::Target<'_>,
    given: &Map<String, Value>,
    existing: Option<&Record>,
) -> Result<Map<String, Value>, FieldErrors> {
    let mut errors = FieldErrors::default();
    let old = |key: &str| existing.map(|record| record.get(key).clone()).unwrap_or_default();
    let name = given.get("name").cloned().unwrap_or_else(|| old("name"));
    let code = given
        .get("csv_import_code")
        .or_else(|| given.get("code"))
        .cloned()
        .unwrap_or_else(|| old("code"));
    let base_type = given
        .get("base_type")
        .cloned()
        .unwrap_or_else(|| old("base_type"));
    if name.as_str().is_none_or(|name| name.trim().is_empty()) {
        errors.push("name", "can't be blank");
    }
    if !base_type.is_null() && !base_type.as_str().is_some_and(|base| BASE_TYPES.contains(&base)) {
        errors.push("base_type", "is not included in the list");
    }
    errors.or(into_map(
        json!({"name": name, "code": code, "base_type": base_type}),
    ))
}

pub(crate) async fn list(call: Call) -> Result<Response, ApiError> {
    call.required_int("company_id")?;
    Ok(super::list(
        &call,
        Kind::LineItemType,
        20,
        |_| true,
        |_, kind| draw::line_item_type(kind),
    ))
}

pub(crate) async fn show(Path(id): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    call.required_int("company_id")?;
    let world = call.sim.world();
    Ok(Json(draw::line_item_type(&find(
        &world,
        &call,
        Kind::LineItemType,
        id,
    )?)))
}

pub(crate) async fn sync(call: Call) -> Result<Json<Value>, ApiError> {
    call.required_int("company_id")?;
    let updates = call.updates()?;
    let mut world = call.sim.world();
    let target = rules::Target {
        company: call.company(),
        project: None,
        kind: Kind::LineItemType,
        app: Some(call.app()),
    };
    let outcome = rules::run(&mut world, &target, updates, clean);
    Ok(Json(rules::answer(&world, &target, outcome, |_, kind| {
        draw::line_item_type(kind)
    })))
}
