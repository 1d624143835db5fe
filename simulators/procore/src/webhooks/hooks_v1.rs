//! The deprecated v1.0 webhook API, as little of it as old clients need.

use std::sync::Arc;

use axum::{Json, Router, extract::Path, http::StatusCode, routing::get};
use serde_json::{Map, Value, json};

use super::{DeliveryStatus, Hook, hooks, triggers};
use crate::{call::Call, clock::stamp, errors::ApiError, rest::permitted, sim::Sim, store::World};

pub(crate) fn routes() -> Router<Arc<Sim>> {
    Router::new()
        .route("/rest/v1.0/webhooks/hooks", get(list).post(create))
        .route(
            "/rest/v1.0/webhooks/hooks/{hook}",
            axum::routing::patch(update).delete(delete),
        )
        .route(
            "/rest/v1.0/webhooks/hooks/{hook}/triggers",
            get(list_triggers).post(create_trigger),
        )
        .route("/rest/v1.0/webhooks/hooks/{hook}/deliveries", get(deliveries))
}

/// Either the company or one project; one of the two must be named.
fn scope(world: &World, call: &Call) -> Result<Option<i64>, ApiError> {
    match (call.int("project_id"), call.int("company_id")) {
        (Some(project), _) => permitted(world, call.company(), project).map(|()| Some(project)),
        (None, Some(_)) => Ok(None),
        (None, None) => Err(ApiError::bad_request("company_id or project_id is required")),
    }
}

fn hook_of<'w>(world: &'w mut World, call: &Call, id: i64) -> Result<&'w mut Hook, ApiError> {
    let project = scope(world, call)?;
    let hook = world.webhooks.hooks.get_mut(&id);
    hook.filter(|hook| {
        hook.client_id == call.caller.client_id && hook.company == call.company() && hook.project == project
    })
    .ok_or_else(ApiError::not_found)
}

fn draw(hook: &Hook) -> Value {
    json!({
        "id": hook.id,
        "api_version": hook.payload_version.trim_end_matches(".0"),
        "namespace": hook.namespace,
        "destination_url": hook.destination_url,
        "destination_headers": {"Authorization": hook.masked_authorization()},
        "owned_by_company_id": hook.project.is_none().then_some(hook.company),
        "owned_by_project_id": hook.project,
        "owned_by_user_id": null,
    })
}

/// The v1 names of things, as v2 knows them.
fn as_v2(given: &Map<String, Value>) -> Map<String, Value> {
    let mut given = given.clone();
    if let Some(version) = given.remove("api_version").as_ref().and_then(Value::as_str) {
        let version = if version.contains('.') {
            version.to_owned()
        } else {
            format!("{version}.0")
        };
        given.insert("payload_version".into(), json!(version));
    }
    given
}

async fn list(call: Call) -> Result<Json<Value>, ApiError> {
    let world = call.sim.world();
    let project = scope(&world, &call)?;
    let namespace = call.params.get("namespace");
    let wanted = world.webhooks.hooks.values().filter(|hook| {
        hook.client_id == call.caller.client_id
            && hook.company == call.company()
            && hook.project == project
            && namespace.is_none_or(|namespace| hook.namespace == namespace)
    });
    Ok(Json(json!(wanted.map(draw).collect::<Vec<_>>())))
}

async fn create(call: Call) -> Result<(StatusCode, Json<Value>), ApiError> {
    let given = as_v2(call.wrapped("hook")?);
    let mut world = call.sim.world();
    let project = scope(&world, &call)?;
    hooks::check(&given, true, world.settings.https_only_webhooks)?;
    let id = hooks::install(&mut world, &call, project, &given);
    Ok((StatusCode::CREATED, Json(draw(hook_of(&mut world, &call, id)?))))
}

async fn update(Path(id): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    let given = as_v2(call.wrapped("hook")?);
    let mut world = call.sim.world();
    hooks::check(&given, false, world.settings.https_only_webhooks)?;
    let hook = hook_of(&mut world, &call, id)?;
    hooks::apply(hook, &given);
    Ok(Json(draw(hook)))
}

async fn delete(Path(id): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    let mut world = call.sim.world();
    let hook = draw(hook_of(&mut world, &call, id)?);
    world.webhooks.hooks.remove(&id);
    Ok(Json(hook))
}

fn draw_trigger(hook: &Hook, trigger: &super::Trigger) -> Value {
    json!({
        "id": trigger.id,
        "webhook_hook_id": hook.id,
        "resource_name": trigger.resource,
        "resource_id": null,
        "event_type": trigger.event_type.to_uppercase(),
        "company_id": hook.project.is_none().then_some(hook.company),
        "project_id": hook.project,
        "user_id": null,
    })
}

async fn list_triggers(Path(id): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    let mut world = call.sim.world();
    let hook = hook_of(&mut world, &call, id)?;
    Ok(Json(json!(
        hook.triggers
            .values()
            .map(|trigger| draw_trigger(hook, trigger))
            .collect::<Vec<_>>()
    )))
}

async fn create_trigger(Path(id): Path<i64>, call: Call) -> Result<(StatusCode, Json<Value>), ApiError> {
    let given = call.wrapped("trigger")?;
    let mut world = call.sim.world();
    hook_of(&mut world, &call, id)?;
    let trigger = triggers::add(&mut world, id, given)?;
    let hook = hook_of(&mut world, &call, id)?;
    Ok((StatusCode::CREATED, Json(draw_trigger(hook, &trigger))))
}

/// One record per attempt, paged by `page_size` and `page_start`.
async fn deliveries(Path(id): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    let number = |key: &str, usual: usize| {
        call.params
            .int(key)
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or(usual)
    };
    let wanted = call
        .params
        .get("filters[status]")
        .or_else(|| call.params.get("filter[status]"));
    let mut world = call.sim.world();
    hook_of(&mut world, &call, id)?;
    let mine = world
        .webhooks
        .deliveries
        .values()
        .filter(|delivery| delivery.hook == id);
    let rows = mine.flat_map(|delivery| {
        delivery.attempts.iter().map(|attempt| {
            let outcome = match delivery.status {
                DeliveryStatus::Discarded => "discarded",
                _ if attempt.succeeded() => "ok",
                _ => "retried",
            };
            json!({
                "event": delivery.event.recorded(),
                "event_id": delivery.event.id,
                "outcome": outcome,
                "response_body": null,
                "response_error": attempt.error,
                "started_at": stamp(attempt.started_at),
                "completed_at": stamp(attempt.completed_at),
                "response_status": attempt.status,
                "response_headers": {},
            })
        })
    });
    let rows = rows.filter(|row| wanted.is_none_or(|wanted| row["outcome"] == wanted));
    let page: Vec<Value> = rows
        .skip(number("page_start", 0))
        .take(number("page_size", 20).min(100))
        .collect();
    Ok(Json(json!(page)))
}
