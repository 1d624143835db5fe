//! Triggers: what a hook listens for.

use axum::{
    Json,
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{
    Hook, Trigger, catalogue,
    hooks::{Ids, hook_of},
};
use crate::{
    call::{Call, int_of},
    errors::{ApiError, FieldErrors},
    paging::{self, Generation},
    store::World,
};

fn draw(hook: &Hook, trigger: &Trigger) -> Value {
    json!({
        "id": trigger.id.to_string(),
        "webhook_hook_id": hook.id.to_string(),
        "resource_name": trigger.resource,
        "event_type": trigger.event_type,
        "company_id": hook.project.is_none().then(|| hook.company.to_string()),
        "project_id": hook.project.map(|id| id.to_string()),
    })
}

pub(crate) async fn list(Path(ids): Path<Ids>, call: Call) -> Result<Response, ApiError> {
    let rows: Vec<Value> = {
        let mut world = call.sim.world();
        let hook = hook_of(&mut world, &call, &ids)?;
        hook.triggers
            .values()
            .map(|trigger| draw(hook, trigger))
            .collect()
    };
    Ok(paging::answer(&call, Generation::V2, &rows, Value::clone))
}

/// Adds a trigger to a hook, if its scope has that resource and event.
pub(crate) fn add(
    world: &mut World,
    hook_id: i64,
    given: &Map<String, Value>,
) -> Result<Trigger, FieldErrors> {
    let text = |key: &str| given.get(key).and_then(Value::as_str).unwrap_or_default();
    let (resource, event_type) = (text("resource_name"), text("event_type").to_lowercase());
    let id = world.new_id(0);
    let Some(hook) = world.webhooks.hooks.get_mut(&hook_id) else {
        return Err(FieldErrors::one("hook_id", "Entity with this ID not found"));
    };
    if !catalogue::offers(hook.project.is_some(), resource, &event_type) {
        let field = if event_type.is_empty() {
            "event_type"
        } else {
            "resource_name"
        };
        return Err(FieldErrors::one(field, "is not included in the list"));
    }
    if hook
        .triggers
        .values()
        .any(|other| other.resource == resource && other.event_type == event_type)
    {
        return Err(FieldErrors::one("resource_name", "has already been taken"));
    }
    let trigger = Trigger {
        id,
        resource: resource.to_owned(),
        event_type,
    };
    hook.triggers.insert(id, trigger.clone());
    Ok(trigger)
}

pub(crate) async fn create(Path(ids): Path<Ids>, call: Call) -> Result<(StatusCode, Json<Value>), ApiError> {
    let given = call
        .body
        .as_object()
        .ok_or_else(|| ApiError::bad_request("a JSON object is required"))?;
    let mut world = call.sim.world();
    let id = hook_of(&mut world, &call, &ids)?.id;
    let trigger = add(&mut world, id, given)?;
    let hook = hook_of(&mut world, &call, &ids)?;
    Ok((StatusCode::CREATED, Json(json!({"data": draw(hook, &trigger)}))))
}

/// Adds many: 201 when all were added, 207 with both outcomes otherwise.
pub(crate) async fn create_bulk(Path(ids): Path<Ids>, call: Call) -> Result<Response, ApiError> {
    let given = call
        .body
        .as_array()
        .or_else(|| call.body.get("triggers").and_then(Value::as_array));
    let given = given.ok_or_else(|| ApiError::bad_request("an array of triggers is required"))?;
    let mut world = call.sim.world();
    let id = hook_of(&mut world, &call, &ids)?.id;
    let (mut added, mut failed) = (Vec::new(), Vec::new());
    for item in given {
        match add(&mut world, id, &crate::store::into_map(item.clone())) {
            Ok(trigger) => added.push(trigger),
            Err(fields) => failed.push(json!({
                "code": "400", "message": "Bad Request", "trigger": item, "errors": fields.to_json(),
            })),
        }
    }
    let hook = hook_of(&mut world, &call, &ids)?;
    let added: Vec<Value> = added.iter().map(|trigger| draw(hook, trigger)).collect();
    Ok(if failed.is_empty() {
        (StatusCode::CREATED, Json(json!({"data": added}))).into_response()
    } else {
        (
            StatusCode::MULTI_STATUS,
            Json(json!({"data": {"success": added, "failed": failed}})),
        )
            .into_response()
    })
}

pub(crate) async fn delete_bulk(Path(ids): Path<Ids>, call: Call) -> Result<Json<Value>, ApiError> {
    let given = call
        .body
        .as_array()
        .ok_or_else(|| ApiError::bad_request("an array of ids is required"))?;
    let mut world = call.sim.world();
    let hook = hook_of(&mut world, &call, &ids)?;
    let known = given
        .iter()
        .filter_map(int_of)
        .filter(|id| hook.triggers.remove(id).is_some());
    let gone: Vec<String> = known.map(|id| id.to_string()).collect();
    Ok(Json(json!({"data": {"succeeded": gone}})))
}

pub(crate) async fn delete(Path(ids): Path<Ids>, call: Call) -> Result<StatusCode, ApiError> {
    let mut world = call.sim.world();
    let hook = hook_of(&mut world, &call, &ids)?;
    let id = ids.get("id").copied().unwrap_or_default();
    hook.triggers
        .remove(&id)
        .map(|_| StatusCode::NO_CONTENT)
        .ok_or_else(ApiError::not_found)
}
