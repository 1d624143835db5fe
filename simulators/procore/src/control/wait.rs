//! Long polls, so that tests wait for what they mean instead of sleeping.

use std::time::Duration;

use axum::{Json, extract::Path};
use serde_json::{Value, json};

use super::state;
use crate::{call::Call, errors::ApiError, store::World};

/// Answers as soon as `done` says so, and at the latest when the time is up.
async fn until(
    call: &Call,
    look: impl Fn(&World) -> Result<(bool, Value), ApiError>,
) -> Result<Json<Value>, ApiError> {
    let timeout = call
        .params
        .int("timeout_ms")
        .and_then(|millis| u64::try_from(millis).ok())
        .unwrap_or(10_000);
    let deadline = tokio::time::Instant::now() + Duration::from_millis(timeout);
    let mut changes = call.sim.watch();
    loop {
        changes.borrow_and_update();
        let (done, body) = look(&call.sim.world())?;
        if done {
            return Ok(Json(body));
        }
        tokio::select! {
            () = tokio::time::sleep_until(deadline) => return Ok(Json(body)),
            () = call.sim.stop.cancelled() => return Ok(Json(body)),
            _ = changes.changed() => {}
        }
    }
}

/// Waits until every request detail is closed. `wait_open=false` answers at once.
pub(crate) async fn request_details(Path(company): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    let at_once = call.params.get("wait_open") == Some("false") && call.params.get("timeout_ms").is_none();
    let at_least = call
        .params
        .int("at_least")
        .and_then(|count| usize::try_from(count).ok())
        .unwrap_or_default();
    until(&call, |world| {
        let company = world.company(company)?;
        let (open, closed): (Vec<_>, Vec<_>) = company.details.values().partition(|detail| detail.is_open());
        let drawn = |details: &[&crate::store::company::RequestDetail]| -> Vec<Value> {
            details
                .iter()
                .map(|detail| crate::erp::request_details::draw(detail))
                .collect()
        };
        let done = at_once || (open.is_empty() && closed.len() >= at_least);
        let failed = closed.iter().filter(|detail| detail.status != "success").count();
        let body = json!({
            "open": open.len(), "closed": closed.len(), "failed": failed,
            "open_details": drawn(&open[..open.len().min(100)]),
        });
        Ok((done, body))
    })
    .await
}

/// Waits until there are `at_least` payments.
pub(crate) async fn payments(Path(company): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    let wanted = call
        .params
        .int("at_least")
        .and_then(|count| usize::try_from(count).ok())
        .unwrap_or_default();
    until(&call, |world| {
        world.company(company)?;
        let payments = state::payments(world, company);
        Ok((
            payments.len() >= wanted,
            json!({"count": payments.len(), "payments": payments}),
        ))
    })
    .await
}
