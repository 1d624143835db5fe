//! Making companies and apps, and taking permissions away.

use axum::{Json, extract::Path};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{call::Call, errors::ApiError, store::World};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCompany {
    id: Option<i64>,
    name: String,
    client_id: Option<String>,
    client_secret: Option<String>,
    #[serde(default = "yes")]
    erp_enabled: bool,
}

const fn yes() -> bool {
    true
}

/// Reads a control body into its shape, with serde's words when it does not fit.
pub(crate) fn read<T: for<'de> Deserialize<'de>>(body: &Value) -> Result<T, ApiError> {
    T::deserialize(body).map_err(|error| ApiError::bad_request(error.to_string()))
}

/// One object or an array of them.
pub(crate) fn read_all<T: for<'de> Deserialize<'de>>(body: &Value) -> Result<Vec<T>, ApiError> {
    match body {
        Value::Array(items) => items.iter().map(read).collect(),
        single => Ok(vec![read(single)?]),
    }
}

pub(crate) async fn create(call: Call) -> Result<Json<Value>, ApiError> {
    let wanted: NewCompany = read(&call.body)?;
    let mut world = call.sim.world();
    let id = wanted.id.unwrap_or_else(|| world.new_company_id());
    if world.companies.contains_key(&id) {
        return Err(ApiError::invalid("id", "has already been taken"));
    }
    world.add_company(id, &wanted.name, wanted.erp_enabled);
    let client_id = wanted
        .client_id
        .unwrap_or_else(|| uuid::Uuid::new_v4().simple().to_string());
    let user_id = world.new_id(id);
    let app = world.apps.entry(client_id.clone()).or_default();
    if app.secret.is_empty() {
        app.secret = wanted
            .client_secret
            .unwrap_or_else(|| uuid::Uuid::new_v4().simple().to_string());
        app.user_id = user_id;
    } else if wanted.client_secret.is_some_and(|secret| secret != app.secret) {
        return Err(ApiError::invalid(
            "client_secret",
            "differs from the one the app has",
        ));
    }
    app.companies.push(id);
    Ok(Json(
        json!({"id": id, "client_id": client_id, "client_secret": app.secret}),
    ))
}

pub(crate) async fn list(call: Call) -> Json<Value> {
    let world = call.sim.world();
    let rows = world
        .companies
        .values()
        .map(|company| json!({"id": company.id, "name": company.name}));
    Json(json!(rows.collect::<Vec<_>>()))
}

/// The app is removed from the company: its calls answer 403 from now on. `{"installed": true}` brings it back.
pub(crate) async fn uninstall(Path(company): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    let client = call
        .body
        .get("client_id")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let back = call
        .body
        .get("installed")
        .and_then(Value::as_bool)
        .unwrap_or_default();
    let mut world = call.sim.world();
    let app = world.apps.get_mut(client).ok_or_else(ApiError::not_found)?;
    app.companies.retain(|installed| *installed != company);
    if back {
        app.companies.push(company);
    }
    Ok(Json(json!({"installed": back})))
}

/// Sets the projects the service account may not see, whether the ERP tool is on, and which projects have Direct Costs on.
pub(crate) async fn permissions(Path(company): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        forbidden_projects: Option<Vec<i64>>,
        erp_enabled: Option<bool>,
        direct_costs_projects: Option<Vec<i64>>,
    }
    let wanted: Wanted = read(&call.body)?;
    let mut world = call.sim.world();
    let company = World::company_mut(&mut world, company)?;
    company.forbidden_projects = wanted
        .forbidden_projects
        .unwrap_or_else(|| company.forbidden_projects.clone());
    company.erp_enabled = wanted.erp_enabled.unwrap_or(company.erp_enabled);
    company.direct_costs_projects = wanted
        .direct_costs_projects
        .unwrap_or_else(|| company.direct_costs_projects.clone());
    Ok(Json(
        json!({"forbidden_projects": company.forbidden_projects, "erp_enabled": company.erp_enabled,
            "direct_costs_projects": company.direct_costs_projects}),
    ))
}
