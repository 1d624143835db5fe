//! ERP requests: what a webhook named "ERP Requests" points to.

use axum::{Json, extract::Path, response::Response};
use serde_json::{Map, Value, json};

use super::enabled;
use crate::{
    call::Call,
    clock::stamp,
    errors::ApiError,
    paging::{self, Generation, range},
    store::company::ErpRequest,
};

fn draw(company: i64, request: &ErpRequest) -> Value {
    let mut body = Map::new();
    body.insert("id".into(), json!(request.id));
    body.insert("company_id".into(), json!(company));
    body.insert("request_name".into(), json!(request.request_name));
    body.extend(request.payload.clone());
    body.insert("company_id".into(), json!(company));
    body.insert("created_at".into(), json!(stamp(request.created_at)));
    body.insert("updated_at".into(), json!(stamp(request.created_at)));
    body.insert("integration_app_name".into(), json!("QuickBooks Desktop"));
    Value::Object(body)
}

pub(crate) async fn show(Path((_, id)): Path<(i64, i64)>, call: Call) -> Result<Json<Value>, ApiError> {
    let mut world = call.sim.world();
    enabled(&world, &call)?;
    let company = world.company_mut(call.company())?;
    let request = company.requests.get_mut(&id).ok_or_else(ApiError::not_found)?;
    if request.unreadable > 0 {
        request.unreadable -= 1;
        return Err(ApiError::not_found());
    }
    Ok(Json(draw(company.id, request)))
}

/// Guess: requests can be listed, newest last, and filtered by creation.
pub(crate) async fn list(call: Call) -> Result<Response, ApiError> {
    let rows: Vec<Value> = {
        let world = call.sim.world();
        enabled(&world, &call)?;
        if !world.settings.erp_request_list {
            return Err(ApiError::not_found());
        }
        let created = call.params.get("filters[created_at]").and_then(range);
        let company = world.company(call.company())?;
        let wanted = company.requests.values().filter(|request| {
            created.is_none_or(|(from, to)| from <= request.created_at && request.created_at <= to)
        });
        wanted.map(|request| draw(company.id, request)).collect()
    };
    Ok(paging::answer(&call, Generation::V1(20), &rows, Value::clone))
}
