//! Staged records: what the accounting system has and Procore's users may add.

use axum::{Json, response::Response};
use serde_json::{Map, Value, json};

use super::enabled;
use crate::{
    call::{Call, int_of},
    clock::stamp,
    errors::{ApiError, FieldErrors},
    paging::{self, Generation},
    rest::sync::item_error,
    store::{World, company::Staged, record::Kind},
};

const ITEM_TYPES: [&str; 8] = [
    "vendor",
    "project",
    "sub_job",
    "prime_contract",
    "purchase_order_contract",
    "work_order_contract",
    "commitment_change_order",
    "line_item",
];
const STATUSES: [&str; 4] = ["archived", "imported", "invalid", "staged"];

/// Names in `data` that Procore resolves at import and cannot do without.
fn required(item_type: &str) -> &'static [&'static str] {
    match item_type {
        "vendor" | "project" => &["name"],
        "sub_job" => &["project_origin_id"],
        "purchase_order_contract" | "work_order_contract" => &["project_origin_id", "vendor_origin_id"],
        "commitment_change_order" => &["commitment_origin_id"],
        "line_item" => &["cost_code_origin_id", "line_item_type_origin_id"],
        _ => &[],
    }
}

pub(crate) fn draw(staged: &Staged) -> Value {
    json!({
        "id": staged.id,
        "item_type": staged.item_type,
        "origin_id": staged.origin_id,
        "origin_code": staged.origin_code,
        "origin_data": staged.origin_data,
        "parent_id": staged.parent_id,
        "status": staged.status,
        "data": staged.data,
        "created_at": stamp(staged.created_at),
        "updated_at": stamp(staged.updated_at),
    })
}

/// Guess: where staged records live. The other place does not exist.
fn check_place(world: &World, call: &Call) -> Result<(), ApiError> {
    let under_company = call.uri.path().starts_with("/rest/v1.0/companies/");
    if under_company == world.settings.staged_records_under_company {
        Ok(())
    } else {
        Err(ApiError::not_found())
    }
}

pub(crate) async fn list(call: Call) -> Result<Response, ApiError> {
    let (types, statuses, origins) = (
        call.params.all("filters[item_type]"),
        call.params.all("filters[status]"),
        call.params.all("filters[origin_id]"),
    );
    let rows: Vec<Value> = {
        let world = call.sim.world();
        check_place(&world, &call)?;
        enabled(&world, &call)?;
        let matches = |wanted: &[&str], value: &str| wanted.is_empty() || wanted.contains(&value);
        let company = world.company(call.company())?;
        let wanted = company.staged.values().filter(|staged| {
            matches(&types, &staged.item_type)
                && matches(&statuses, &staged.status)
                && matches(&origins, &staged.origin_id)
        });
        wanted.map(draw).collect()
    };
    Ok(paging::answer(&call, Generation::V1(100), &rows, Value::clone))
}

pub(crate) async fn sync(call: Call) -> Result<Json<Value>, ApiError> {
    let updates = call.updates()?;
    let mut world = call.sim.world();
    check_place(&world, &call)?;
    enabled(&world, &call)?;
    let (mut entities, mut errors) = (Vec::new(), Vec::new());
    for update in updates {
        match update
            .as_object()
            .map(|given| stage(&mut world, call.company(), given, None))
        {
            Some(Ok(id)) => entities.push(drawn(&world, call.company(), id)),
            Some(Err(fields)) => errors.push(item_error(update, &fields)),
            None => errors.push(item_error(update, &FieldErrors::one("base", "must be an object"))),
        }
    }
    Ok(Json(json!({"entities": entities, "errors": errors})))
}

fn drawn(world: &World, company: i64, id: i64) -> Value {
    world
        .companies
        .get(&company)
        .and_then(|company| company.staged.get(&id))
        .map_or(Value::Null, draw)
}

/// Stages one record with its children; the same item type and origin id is the same record.
fn stage(
    world: &mut World,
    company: i64,
    given: &Map<String, Value>,
    parent: Option<i64>,
) -> Result<i64, FieldErrors> {
    let mut errors = FieldErrors::default();
    let text = |key: &str| given.get(key).and_then(Value::as_str).unwrap_or_default();
    let (item_type, origin_id) = (text("item_type"), text("origin_id"));
    if !ITEM_TYPES.contains(&item_type) {
        errors.push("item_type", "is not included in the list");
    }
    if origin_id.is_empty() {
        errors.push("origin_id", "can't be blank");
    }
    let status = if given.contains_key("status") {
        text("status")
    } else {
        "staged"
    };
    if !STATUSES.contains(&status) {
        errors.push("status", "is not included in the list");
    }
    let data = given.get("data").and_then(Value::as_object);
    if data.is_none() {
        errors.push("data", "must be an object");
    }
    let parent = match (
        parent,
        given.get("parent_id").and_then(int_of),
        text("parent_origin_id"),
    ) {
        (Some(parent), ..) | (None, Some(parent), _) => Some(parent),
        (None, None, "") => None,
        (None, None, origin) => {
            let found = world.companies.get(&company).and_then(|company| {
                company
                    .staged
                    .values()
                    .find(|staged| staged.origin_id == origin && staged.item_type != "line_item")
            });
            if found.is_none() {
                errors.push("parent_origin_id", "Entity with this ID not found");
            }
            found.map(|staged| staged.id)
        }
    };
    if item_type == "line_item" && parent.is_none() {
        errors.push("parent_id", "can't be blank");
    }
    let blank = |key: &str| {
        data.and_then(|data| data.get(key))
            .is_none_or(|value| value.is_null() || value == "")
    };
    for key in required(item_type) {
        if blank(key) {
            errors.push(key, "can't be blank");
        }
    }
    errors.or(())?;

    let key = (item_type.to_owned(), origin_id.to_owned());
    let known = world
        .companies
        .get(&company)
        .and_then(|company| company.staged_index.get(&key).copied());
    let id = known.unwrap_or_else(|| world.new_id(company));
    let linked =
        Kind::of_item_type(item_type).is_some_and(|kind| world.by_origin(company, kind, origin_id).is_some());
    let now = world.now();
    let Some(owner) = world.companies.get_mut(&company) else {
        return Ok(id);
    };
    let before = owner.staged.get(&id);
    // A record put away or imported stays so unless the client says otherwise; a linked one is imported for good.
    let status = match before.map(|staged| staged.status.as_str()) {
        _ if linked => "imported",
        Some(kept @ ("imported" | "archived")) if !given.contains_key("status") => kept,
        _ => status,
    };
    let staged = Staged {
        id,
        item_type: key.0.clone(),
        origin_id: key.1.clone(),
        origin_code: given.get("origin_code").cloned().unwrap_or_default(),
        origin_data: given.get("origin_data").cloned().unwrap_or_default(),
        parent_id: parent,
        status: status.to_owned(),
        data: data.cloned().unwrap_or_default(),
        created_at: before.map_or(now, |staged| staged.created_at),
        updated_at: now,
    };
    owner.staged.insert(id, staged);
    owner.staged_index.insert(key, id);
    if let Some(children) = given.get("children").and_then(Value::as_array) {
        for child in children {
            let child = child
                .as_object()
                .ok_or_else(|| FieldErrors::one("children", "must be objects"))?;
            stage(world, company, child, Some(id))?;
        }
    }
    Ok(id)
}
