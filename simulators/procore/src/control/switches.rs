//! Faults, webhook disorder, guesses and the clock.

use axum::Json;
use chrono::Duration;
use serde::Deserialize;
use serde_json::{Value, json};

use super::companies::{read, read_all};
use crate::{call::Call, clock::stamp, errors::ApiError, faults::Fault, webhooks::Modes};

pub(crate) async fn add_faults(call: Call) -> Result<Json<Value>, ApiError> {
    let wanted: Vec<Fault> = read_all(&call.body)?;
    let mut world = call.sim.world();
    world.faults.extend(wanted);
    Ok(Json(json!({"waiting": world.faults})))
}

pub(crate) async fn faults(call: Call) -> Json<Value> {
    Json(json!({"waiting": call.sim.world().faults}))
}

pub(crate) async fn clear_faults(call: Call) -> Json<Value> {
    call.sim.world().faults.clear();
    Json(json!({"waiting": []}))
}

/// Sets the webhook modes; those not named are switched off.
pub(crate) async fn webhooks(call: Call) -> Result<Json<Value>, ApiError> {
    let modes: Modes = read(&call.body)?;
    let mut world = call.sim.world();
    world.webhooks.set_modes(modes);
    Ok(Json(json!(world.webhooks.modes)))
}

pub(crate) async fn webhook_modes(call: Call) -> Json<Value> {
    Json(json!(call.sim.world().webhooks.modes))
}

pub(crate) async fn set(call: Call) -> Result<Json<Value>, ApiError> {
    let mut world = call.sim.world();
    world
        .settings
        .overlay(&call.body)
        .map_err(ApiError::bad_request)?;
    Ok(Json(json!(world.settings)))
}

pub(crate) async fn settings(call: Call) -> Json<Value> {
    Json(json!(call.sim.world().settings))
}

/// Moves, stops or restarts the clock.
pub(crate) async fn clock(call: Call) -> Result<Json<Value>, ApiError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        #[serde(default)]
        advance_seconds: i64,
        freeze: Option<bool>,
    }
    let wanted: Wanted = read(&call.body)?;
    let by = Duration::try_seconds(wanted.advance_seconds)
        .ok_or_else(|| ApiError::invalid("advance_seconds", "is too far"))?;
    {
        let mut world = call.sim.world();
        world.clock.advance(by);
        if let Some(freeze) = wanted.freeze {
            world.clock.freeze(freeze);
        }
    }
    Ok(time(call).await)
}

pub(crate) async fn time(call: Call) -> Json<Value> {
    let world = call.sim.world();
    Json(json!({"now": stamp(world.now()), "frozen": world.clock.is_frozen()}))
}
