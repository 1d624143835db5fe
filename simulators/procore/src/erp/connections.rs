//! The ERP connection: made once per company, holding the microservice's URL and metadata.

use axum::{Json, extract::Path, http::StatusCode};
use serde_json::{Value, json};

use super::enabled;
use crate::{call::Call, clock::stamp, errors::ApiError, store::company::Connection};

/// Makes the connection and turns the company's cost code list into the ERP list. Making it again answers the same.
pub(crate) async fn create(call: Call) -> Result<(StatusCode, Json<Value>), ApiError> {
    let given = call.wrapped("connection")?;
    let service_url = given
        .get("service_url")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if reqwest::Url::parse(service_url).is_err() {
        return Err(ApiError::invalid("service_url", "is not a valid URL"));
    }
    let metadata = given.get("metadata").cloned().unwrap_or_default();
    check(&metadata)?;
    let mut world = call.sim.world();
    enabled(&world, &call)?;
    let updated_at = world.now();
    let company = world.company_mut(call.company())?;
    company.connection = Some(Connection {
        service_url: service_url.to_owned(),
        metadata,
        updated_at,
    });
    let body = json!({"id": company.id, "standard_cost_code_list_id": company.cost_code_list_id});
    Ok((StatusCode::CREATED, Json(body)))
}

fn check(metadata: &Value) -> Result<(), ApiError> {
    if metadata.is_null() || metadata.get("settings").is_some_and(Value::is_object) {
        Ok(())
    } else {
        Err(ApiError::invalid(
            "metadata",
            "must hold an object under settings",
        ))
    }
}

/// Guess: what is stored can be read back under the id the creation answered.
pub(crate) async fn show(Path((_, id)): Path<(i64, i64)>, call: Call) -> Result<Json<Value>, ApiError> {
    let world = call.sim.world();
    enabled(&world, &call)?;
    let company = world.company(call.company())?;
    let connection = company
        .connection
        .as_ref()
        .filter(|_| world.settings.erp_metadata_at_connection && id == company.id)
        .ok_or_else(ApiError::not_found)?;
    Ok(Json(json!({
        "id": company.id,
        "standard_cost_code_list_id": company.cost_code_list_id,
        "service_url": connection.service_url,
        "metadata": connection.metadata,
        "updated_at": stamp(connection.updated_at),
    })))
}

/// Guess: the metadata is updated at the same place, in the same wrapper as when it was first given.
pub(crate) async fn update(path: Path<(i64, i64)>, call: Call) -> Result<Json<Value>, ApiError> {
    let given = call.wrapped("connection")?.clone();
    {
        let mut world = call.sim.world();
        enabled(&world, &call)?;
        let now = world.now();
        let reachable = world.settings.erp_metadata_at_connection;
        let company = world.company_mut(call.company())?;
        let mine = path.0.1 == company.id;
        let connection = company
            .connection
            .as_mut()
            .filter(|_| reachable && mine)
            .ok_or_else(ApiError::not_found)?;
        if let Some(metadata) = given.get("metadata") {
            check(metadata)?;
            connection.metadata = metadata.clone();
        }
        if let Some(url) = given.get("service_url").and_then(Value::as_str) {
            url.clone_into(&mut connection.service_url);
        }
        connection.updated_at = now;
    }
    show(path, call).await
}
