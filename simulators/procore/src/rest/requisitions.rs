//! Requisitions, which users know as subcontractor invoices.

use axum::{Json, extract::Path, response::Response};
use serde_json::Value;

use super::{clean_date, draw, find, pick, project_of, sync as rules};
use crate::{
    call::Call,
    errors::ApiError,
    store::{
        World,
        record::{Kind, Record},
    },
};

const STATUSES: [&str; 6] = [
    "draft",
    "under_review",
    "revise_and_resubmit",
    "approved",
    "approved_as_noted",
    "pending_owner_approval",
];

fn wants_items(call: &Call) -> bool {
    matches!(call.params.get("view"), Some("items" | "extended"))
}

fn requisition(world: &World, call: &Call, id: i64) -> Result<Record, ApiError> {
    let project = project_of(world, call)?;
    let found = find(world, call, Kind::Requisition, id)?;
    if found.project_id == Some(project) {
        Ok(found)
    } else {
        Err(ApiError::not_found())
    }
}

pub(crate) async fn list(call: Call) -> Result<Response, ApiError> {
    let project = project_of(&call.sim.world(), &call)?;
    let (company, items) = (call.company(), wants_items(&call));
    let commitments: Vec<i64> = call
        .params
        .all("filters[commitment_id]")
        .into_iter()
        .filter_map(|id| id.parse().ok())
        .collect();
    Ok(super::list(
        &call,
        Kind::Requisition,
        30,
        |row| {
            row.project_id == Some(project)
                && (commitments.is_empty() || row.holder_id.is_some_and(|id| commitments.contains(&id)))
        },
        |world, row| draw::requisition(world, company, row, items),
    ))
}

pub(crate) async fn show(Path(id): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    let world = call.sim.world();
    let found = requisition(&world, &call, id)?;
    Ok(Json(draw::requisition(
        &world,
        call.company(),
        &found,
        call.params.get("view") != Some("default"),
    )))
}

pub(crate) async fn contract_items(Path(id): Path<i64>, call: Call) -> Result<Response, ApiError> {
    requisition(&call.sim.world(), &call, id)?;
    let company = call.company();
    Ok(super::list(
        &call,
        Kind::RequisitionItem,
        100,
        |item| item.holder_id == Some(id),
        |world, item| draw::requisition_item(world, company, item),
    ))
}

/// Writes origin, payment date and status.
pub(crate) async fn update(Path(id): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    call.required_int("commitment_id")?;
    let given = call.wrapped("requisition")?;
    let mut world = call.sim.world();
    let found = requisition(&world, &call, id)?;
    let mut fields = pick(
        given,
        &[
            "payment_date",
            "status",
            "comment",
            "invoice_number",
            "billing_date",
        ],
    );
    for key in ["payment_date", "billing_date"] {
        if let Some(value) = fields.get_mut(key) {
            *value = clean_date(value);
        }
    }
    if fields
        .get("status")
        .is_some_and(|status| !status.as_str().is_some_and(|status| STATUSES.contains(&status)))
    {
        return Err(ApiError::invalid("status", "is not included in the list"));
    }
    let origin = rules::origin(given, Some(&found.origin))?;
    world.set_origin(call.company(), Kind::Requisition, id, origin)?;
    world.update(call.company(), Kind::Requisition, id, Some(call.app()), |row| {
        row.fields.extend(fields);
    });
    let found = requisition(&world, &call, id)?;
    Ok(Json(draw::requisition(&world, call.company(), &found, true)))
}
