//! Purchase orders and subcontracts (work order contracts), read only.

use std::sync::Arc;

use axum::{Json, Router, extract::Path, response::Response, routing::get};
use serde_json::{Value, json};

use super::{draw, find, project_of};
use crate::{
    call::Call,
    errors::ApiError,
    paging::{self, Generation},
    sim::Sim,
    store::{
        World,
        record::{Kind, Record},
    },
};

/// List, show and lines of one of the two contract types.
pub(crate) fn routes(name: &str) -> Router<Arc<Sim>> {
    Router::new()
        .route(&format!("/rest/v1.0/{name}"), get(list))
        .route(&format!("/rest/v1.0/{name}/{{id}}"), get(show))
        .route(&format!("/rest/v1.0/{name}/{{id}}/line_items"), get(lines))
}

fn kind_of(call: &Call) -> Kind {
    if call.uri.path().contains("purchase_order_contracts") {
        Kind::PurchaseOrderContract
    } else {
        Kind::WorkOrderContract
    }
}

async fn list(call: Call) -> Result<Response, ApiError> {
    let project = project_of(&call.sim.world(), &call)?;
    let company = call.company();
    Ok(super::list(
        &call,
        kind_of(&call),
        20,
        |contract| contract.project_id == Some(project),
        |world, contract| draw::commitment(world, company, contract),
    ))
}

fn contract(world: &World, call: &Call, id: i64) -> Result<Record, ApiError> {
    let project = project_of(world, call)?;
    let contract = find(world, call, kind_of(call), id)?;
    if contract.project_id == Some(project) {
        Ok(contract)
    } else {
        Err(ApiError::not_found())
    }
}

async fn show(Path(id): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    let world = call.sim.world();
    let contract = contract(&world, &call, id)?;
    let mut body = draw::commitment(&world, call.company(), &contract);
    let lines: Vec<Value> = world
        .parts(call.company(), Kind::LineItem, id)
        .map(|line| draw::line(&world, call.company(), line))
        .collect();
    body["line_items"] = json!(lines);
    body["change_order_packages"] = json!([]);
    Ok(Json(body))
}

async fn lines(Path(id): Path<i64>, call: Call) -> Result<Response, ApiError> {
    let company = call.company();
    contract(&call.sim.world(), &call, id)?;
    Ok(super::list(
        &call,
        Kind::LineItem,
        100,
        |line| line.holder_id == Some(id),
        |world, line| draw::line(world, company, line),
    ))
}

/// Both contract types of a project, thinly.
pub(crate) async fn list_all(call: Call) -> Result<Response, ApiError> {
    let rows: Vec<Value> = {
        let world = call.sim.world();
        let project = project_of(&world, &call)?;
        [Kind::PurchaseOrderContract, Kind::WorkOrderContract]
            .into_iter()
            .flat_map(|kind| world.records(call.company(), kind))
            .filter(|contract| contract.project_id == Some(project))
            .map(|contract| {
                let full = draw::commitment(&world, call.company(), contract);
                json!({
                    "id": full["id"], "title": full["title"], "number": full["number"], "status": full["status"],
                    "description": full["description"], "executed": full["executed"], "created_at": full["created_at"],
                    "delivery_date": full["delivery_date"], "private": full["private"],
                    "vendor": {"id": full["vendor"]["id"], "name": full["vendor"]["company"]},
                })
            })
            .collect()
    };
    Ok(paging::answer(&call, Generation::V1(20), &rows, Value::clone))
}
