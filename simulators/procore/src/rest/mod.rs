//! The ordinary REST API: records of companies and projects.
//!
//! One file per kind; `draw` holds the shapes records leave in, `sync` the rules all `…/sync` endpoints share.

pub(crate) mod budget_line_items;
pub(crate) mod budget_views;
pub(crate) mod commitments;
pub(crate) mod companies;
pub(crate) mod contract_payments;
pub(crate) mod cost_codes;
pub(crate) mod draw;
pub(crate) mod line_item_types;
pub(crate) mod payment_applications;
pub(crate) mod projects;
pub(crate) mod requisitions;
pub(crate) mod standard_cost_codes;
pub(crate) mod sync;
pub(crate) mod vendors;

use std::sync::Arc;

use axum::{
    Router,
    http::StatusCode,
    response::Response,
    routing::{get, patch, post},
};
use serde_json::{Map, Value};

use crate::{
    call::Call,
    errors::ApiError,
    paging::{self, Filters, Generation},
    sim::Sim,
    store::{
        World,
        record::{Kind, Record},
    },
};

pub(crate) fn routes() -> Router<Arc<Sim>> {
    Router::new()
        .route("/rest/v1.0/me", get(companies::me))
        .route("/rest/v1.0/companies", get(companies::list))
        .route("/rest/v1.0/projects", get(projects::list))
        .route("/rest/v1.0/projects/sync", patch(projects::sync))
        .route("/rest/v1.0/projects/{id}", get(projects::show))
        .route("/rest/v1.0/projects/{id}/tools", get(projects::tools))
        .route("/rest/v1.0/vendors", get(vendors::list).post(vendors::create))
        .route("/rest/v1.0/vendors/sync", patch(vendors::sync))
        .route(
            "/rest/v1.0/vendors/{id}",
            get(vendors::show).patch(vendors::update),
        )
        .route(
            "/rest/v1.0/standard_cost_code_lists",
            get(standard_cost_codes::lists),
        )
        .route("/rest/v1.0/standard_cost_codes", get(standard_cost_codes::list))
        .route(
            "/rest/v1.0/standard_cost_codes/sync",
            patch(standard_cost_codes::sync),
        )
        .route(
            "/rest/v1.0/standard_cost_codes/{id}",
            get(standard_cost_codes::show),
        )
        .route("/rest/v1.0/cost_codes", get(cost_codes::list))
        .route("/rest/v1.0/cost_codes/sync", patch(cost_codes::sync))
        .route(
            "/rest/v1.0/cost_codes/copy_subset_from_standard_list",
            post(cost_codes::copy_subset),
        )
        .route("/rest/v1.0/cost_codes/{id}", get(cost_codes::show))
        .route("/rest/v1.0/line_item_types", get(line_item_types::list))
        .route("/rest/v1.0/line_item_types/sync", patch(line_item_types::sync))
        .route("/rest/v1.0/line_item_types/{id}", get(line_item_types::show))
        .route("/rest/v1.0/commitments", get(commitments::list_all))
        .merge(commitments::routes("purchase_order_contracts"))
        .merge(commitments::routes("work_order_contracts"))
        .route("/rest/v1.0/budget_line_items", post(budget_line_items::create))
        .route("/rest/v1.0/budget_views", get(budget_views::list))
        .route(
            "/rest/v1.0/budget_views/{id}/detail_rows",
            get(budget_views::rows),
        )
        .route(
            "/rest/v1.0/payment_applications/{id}",
            get(payment_applications::show),
        )
        .route("/rest/v1.1/requisitions", get(requisitions::list))
        .route(
            "/rest/v1.1/requisitions/{id}",
            get(requisitions::show).patch(requisitions::update),
        )
        .route(
            "/rest/v1.0/requisitions/{id}/contract_items",
            get(requisitions::contract_items),
        )
        .route(
            "/rest/v1.0/contract_payments",
            get(contract_payments::list).post(contract_payments::create),
        )
        .route(
            "/rest/v1.0/contract_payments/{id}",
            get(contract_payments::show)
                .patch(contract_payments::update)
                .delete(contract_payments::delete),
        )
}

/// The project a call names, if the company has it and the service account may see it.
pub(crate) fn project_of(world: &World, call: &Call) -> Result<i64, ApiError> {
    let id = call.required_int("project_id")?;
    permitted(world, call.company(), id)?;
    Ok(id)
}

/// Refuses projects outside the service account's permission and projects that do not exist.
pub(crate) fn permitted(world: &World, company: i64, project: i64) -> Result<(), ApiError> {
    if world.company(company)?.forbidden_projects.contains(&project) {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "You do not have permission to access this resource",
        ));
    }
    world
        .record(company, Kind::Project, project)
        .map(|_| ())
        .ok_or_else(ApiError::not_found)
}

/// Answers a list of the call's company: filtered, as lists see it now, one page of it.
pub(crate) fn list(
    call: &Call,
    kind: Kind,
    page_size: usize,
    wanted: impl Fn(&Record) -> bool,
    draw: impl Fn(&World, &Record) -> Value,
) -> Response {
    let filters = Filters::of(&call.params);
    let rows: Vec<Record> = {
        let world = call.sim.world();
        let now = world.now();
        let mut rows: Vec<Record> = world
            .records(call.company(), kind)
            .filter_map(|record| record.listed(now))
            .filter(|record| wanted(record) && filters.let_through(record))
            .cloned()
            .collect();
        if let Some(sort) = call.params.get("sort") {
            let (key, down) = sort.strip_prefix('-').map_or((sort, false), |key| (key, true));
            rows.sort_by(|one, other| {
                let order = one.text(key).cmp(other.text(key));
                if down { order.reverse() } else { order }
            });
        }
        rows
    };
    paging::answer(call, Generation::V1(page_size), &rows, |record| {
        draw(&call.sim.world(), record)
    })
}

/// One record of the call's company.
pub(crate) fn find(world: &World, call: &Call, kind: Kind, id: i64) -> Result<Record, ApiError> {
    world
        .record(call.company(), kind, id)
        .cloned()
        .ok_or_else(ApiError::not_found)
}

/// Takes from `given` only what may be written.
pub(crate) fn pick(given: &Map<String, Value>, writable: &[&str]) -> Map<String, Value> {
    let known = given.iter().filter(|(key, _)| writable.contains(&key.as_str()));
    known.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// A calendar date as Procore stores it: a malformed one silently becomes null.
pub(crate) fn clean_date(value: &Value) -> Value {
    let text = value.as_str().unwrap_or_default();
    let day = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .ok()
        .or_else(|| {
            chrono::DateTime::parse_from_rfc3339(text)
                .ok()
                .map(|at| at.date_naive())
        });
    day.map_or(Value::Null, |day| Value::String(day.to_string()))
}
