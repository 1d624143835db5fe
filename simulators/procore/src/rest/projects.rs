//! Projects: list, show and sync.

use axum::{Json, extract::Path, response::Response};
use serde_json::{Map, Value, json};

use super::{clean_date, draw, find, permitted, pick, sync as rules};
use crate::{
    call::Call,
    errors::{ApiError, FieldErrors},
    store::{
        World, into_map,
        record::{Kind, Record},
    },
};

const WRITABLE: [&str; 19] = [
    "name",
    "project_number",
    "accounting_project_number",
    "active",
    "address",
    "city",
    "state_code",
    "zip",
    "country_code",
    "county",
    "phone",
    "description",
    "start_date",
    "completion_date",
    "estimated_value",
    "total_value",
    "square_feet",
    "store_number",
    "time_zone",
];

/// A project nobody has filled in.
pub(crate) fn blank() -> Map<String, Value> {
    into_map(json!({
        "name": null, "project_number": null, "accounting_project_number": null, "active": true, "address": "",
        "city": "", "state_code": "", "zip": "", "country_code": "US", "start_date": null, "completion_date": null,
    }))
}

/// Checks project attributes; malformed dates become null without a word.
pub(crate) fn clean(
    _: &World,
    _: &rules::Target<'_>,
    given: &Map<String, Value>,
    existing: Option<&Record>,
) -> Result<Map<String, Value>, FieldErrors> {
    let mut errors = FieldErrors::default();
    let named = match given.get("name") {
        None => existing.is_some(),
        Some(name) => name.as_str().is_some_and(|name| !name.trim().is_empty()),
    };
    if !named {
        errors.push("name", "can't be blank");
    }
    if given.get("active").is_some_and(|value| !value.is_boolean()) {
        errors.push("active", "must be true or false");
    }
    let mut fields = if existing.is_some() { Map::new() } else { blank() };
    fields.extend(pick(given, &WRITABLE));
    for key in ["start_date", "completion_date"] {
        if let Some(value) = fields.get_mut(key) {
            *value = clean_date(value);
        }
    }
    errors.or(fields)
}

pub(crate) async fn list(call: Call) -> Result<Response, ApiError> {
    call.required_int("company_id")?;
    let hidden = call
        .sim
        .world()
        .company(call.company())?
        .forbidden_projects
        .clone();
    Ok(super::list(
        &call,
        Kind::Project,
        30,
        |project| !hidden.contains(&project.id),
        |_, project| draw::project(project),
    ))
}

pub(crate) async fn show(Path(id): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    call.required_int("company_id")?;
    let world = call.sim.world();
    permitted(&world, call.company(), id)?;
    Ok(Json(draw::project(&find(&world, &call, Kind::Project, id)?)))
}

/// The tools of a project; with `filters[is_active]`, those alone.
pub(crate) async fn tools(Path(id): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    let world = call.sim.world();
    permitted(&world, call.company(), id)?;
    let direct_costs = world.company(call.company())?.direct_costs_projects.contains(&id);
    let wanted = call.params.get("filters[is_active]");
    let tools: Vec<Value> = [("budgets", "Budget", true), ("direct_costs", "Direct Costs", direct_costs)]
        .into_iter()
        .zip(1..)
        .filter(|((.., active), _)| wanted.is_none_or(|wanted| wanted == active.to_string()))
        .map(|((engine, title, active), place)| {
            json!({"id": place, "engine_name": engine, "title": title, "is_active": active, "position": place, "required": false})
        })
        .collect();
    Ok(Json(json!(tools)))
}

pub(crate) async fn sync(call: Call) -> Result<Json<Value>, ApiError> {
    call.required_int("company_id")?;
    let updates = call.updates()?;
    let mut world = call.sim.world();
    let target = rules::Target {
        company: call.company(),
        project: None,
        kind: Kind::Project,
        app: Some(call.app()),
    };
    let outcome = rules::run(&mut world, &target, updates, clean);
    Ok(Json(rules::answer(&world, &target, outcome, |_, project| {
        draw::project(project)
    })))
}
