//! Request details: how the microservice closes what it was asked, and what the user reads about it.

use axum::{Json, extract::Path, response::Response};
use serde_json::{Map, Value, json};

use super::enabled;
use crate::{
    call::{Call, int_of},
    clock::stamp,
    errors::{ApiError, FieldErrors},
    paging::{self, Generation},
    rest::sync::item_error,
    store::{World, company::RequestDetail, record::Kind},
};

const STATUSES: [&str; 5] = ["in progress", "success", "failed", "rejected", "stale"];

/// What a record shows between the click and the answer. Procore spells it so.
pub(crate) const EXPORTING: &str = "exportging";

pub(crate) fn draw(detail: &RequestDetail) -> Value {
    json!({
        "id": detail.id,
        "erp_request_id": detail.request_id,
        "item_type": detail.item_type,
        "item_id": detail.item_id,
        "status": detail.status,
        "messages": detail.messages,
        "created_at": stamp(detail.created_at),
        "updated_at": stamp(detail.updated_at),
    })
}

pub(crate) async fn list(call: Call) -> Result<Response, ApiError> {
    let ids = |key: &str| -> Vec<i64> {
        call.params
            .all(key)
            .into_iter()
            .filter_map(|id| id.parse().ok())
            .collect()
    };
    let (items, own) = (ids("filters[item_id]"), ids("filters[id]"));
    let types = call.params.all("filters[item_type]");
    let rows: Vec<Value> = {
        let world = call.sim.world();
        enabled(&world, &call)?;
        let details = world.company(call.company())?.details.values();
        details
            .filter(|detail| {
                (items.is_empty() || detail.item_id.is_some_and(|id| items.contains(&id)))
                    && (own.is_empty() || own.contains(&detail.id))
                    && (types.is_empty()
                        || detail
                            .item_type
                            .as_deref()
                            .is_some_and(|name| types.contains(&name)))
            })
            .map(draw)
            .collect()
    };
    Ok(paging::answer(&call, Generation::V1(20), &rows, Value::clone))
}

pub(crate) async fn update(Path((_, id)): Path<(i64, i64)>, call: Call) -> Result<Json<Value>, ApiError> {
    let given = call.wrapped("request_detail")?;
    let mut world = call.sim.world();
    enabled(&world, &call)?;
    if !world.company(call.company())?.details.contains_key(&id) {
        return Err(ApiError::not_found());
    }
    close(&mut world, call.company(), id, given)?;
    Ok(Json(drawn(&world, call.company(), id)))
}

/// Closes many at once: a bare array as documented in 2021, or `{"updates": […]}` like every other sync.
pub(crate) async fn sync(call: Call) -> Result<Json<Value>, ApiError> {
    let updates = match &call.body {
        Value::Array(updates) => {
            call.check_size(updates.len())?;
            updates
        }
        _ => call.updates()?,
    };
    let mut world = call.sim.world();
    enabled(&world, &call)?;
    let (mut entities, mut errors) = (Vec::new(), Vec::new());
    for update in updates {
        let id = update.get("id").and_then(int_of);
        let outcome = match (id, update.as_object()) {
            (Some(id), Some(given)) => close(&mut world, call.company(), id, given).map(|()| id),
            _ => Err(FieldErrors::one("id", "can't be blank")),
        };
        match outcome {
            Ok(id) => entities.push(drawn(&world, call.company(), id)),
            Err(fields) => errors.push(item_error(update, &fields)),
        }
    }
    Ok(Json(json!({"entities": entities, "errors": errors})))
}

fn drawn(world: &World, company: i64, id: i64) -> Value {
    world
        .companies
        .get(&company)
        .and_then(|company| company.details.get(&id))
        .map_or(Value::Null, draw)
}

/// Sets the outcome of one detail. The same outcome twice is fine; another one after success is not.
fn close(world: &mut World, company: i64, id: i64, given: &Map<String, Value>) -> Result<(), FieldErrors> {
    let now = world.now();
    let status = given.get("status").and_then(Value::as_str).unwrap_or_default();
    if !STATUSES.contains(&status) {
        return Err(FieldErrors::one("status", "is not included in the list"));
    }
    let messages: Vec<String> = match given.get("messages") {
        None | Some(Value::Null) => Vec::new(),
        Some(list) => serde_json::from_value(list.clone())
            .map_err(|_| FieldErrors::one("messages", "must be an array of strings"))?,
    };
    let not_found = || FieldErrors::one("id", "Entity with this ID not found");
    let detail = world
        .companies
        .get_mut(&company)
        .and_then(|company| company.details.get_mut(&id));
    let detail = detail.ok_or_else(not_found)?;
    if detail.status == "success" && status != "success" {
        let text = format!("request detail {id} was closed with success, then sent {status:?}");
        world.violation(Some(company), "status_flip", text);
        return Ok(());
    }
    let closing = detail.is_open() && status != RequestDetail::OPEN;
    status.clone_into(&mut detail.status);
    detail.messages = messages;
    detail.updated_at = now;
    let item = detail
        .item_type
        .as_deref()
        .and_then(Kind::of_item_type)
        .zip(detail.item_id);
    if closing && let Some((kind, item_id)) = item {
        settle(world, company, kind, item_id, status);
    }
    Ok(())
}

/// What a closed detail means for the record it was about.
fn settle(world: &mut World, company: i64, kind: Kind, id: i64, status: &str) {
    let Some(record) = world.record_mut(company, kind, id) else {
        return;
    };
    // Only an export changes what the record shows; an unlink leaves it to the external data.
    if record.erp_status != EXPORTING {
        return;
    }
    let synced = record.is_synced();
    let becomes = match (status, synced) {
        ("success", true) => "synced",
        ("success", false) => "not_in_erp",
        ("failed", _) => "failed_to_export",
        ("rejected", _) => "rejected",
        _ => return,
    };
    becomes.clone_into(&mut record.erp_status);
    if status == "success" && !synced {
        let text = format!(
            "{} {id} was reported as exported without external data",
            kind.item_type()
        );
        world.violation(Some(company), "success_without_origin", text);
    }
}
