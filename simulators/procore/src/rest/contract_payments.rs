//! Payments issued on a commitment. No sync and no filters: a repeated POST makes a second payment.

use axum::{Json, extract::Path, http::StatusCode, response::Response};
use serde_json::{Map, Value, json};

use super::{clean_date, draw, find, pick, project_of, sync as rules};
use crate::{
    call::Call,
    errors::{ApiError, FieldErrors},
    money,
    store::{
        World,
        record::{Kind, Record},
    },
};

const WRITABLE: [&str; 10] = [
    "date",
    "invoice_number",
    "check_number",
    "invoice_date",
    "draw_request_number",
    "notes",
    "payment_number",
    "payment_method",
    "amount",
    "requisition_id",
];

/// How a payment may be made.
pub(crate) const METHODS: [&str; 3] = ["check", "credit_card", "electronic"];

/// Project and contract, both required on every verb.
fn contract(world: &World, call: &Call) -> Result<(i64, i64), ApiError> {
    let project = project_of(world, call)?;
    let id = call.required_int("contract_id")?;
    let found = [Kind::PurchaseOrderContract, Kind::WorkOrderContract]
        .into_iter()
        .any(|kind| {
            world
                .record(call.company(), kind, id)
                .is_some_and(|found| found.project_id == Some(project))
        });
    if found {
        Ok((project, id))
    } else {
        Err(ApiError::not_found())
    }
}

fn payment(world: &World, call: &Call, id: i64) -> Result<Record, ApiError> {
    let (_, contract) = contract(world, call)?;
    let found = find(world, call, Kind::ContractPayment, id)?;
    if found.holder_id == Some(contract) {
        Ok(found)
    } else {
        Err(ApiError::not_found())
    }
}

fn clean(given: &Map<String, Value>, is_new: bool) -> Result<Map<String, Value>, FieldErrors> {
    let mut errors = FieldErrors::default();
    let mut fields = pick(given, &WRITABLE);
    for key in ["date", "invoice_date"] {
        if let Some(value) = fields.get_mut(key) {
            *value = clean_date(value);
        }
    }
    match fields.get("amount") {
        Some(amount) if money::parse(amount).is_none() => errors.push("amount", "is not a number"),
        None if is_new => errors.push("amount", "can't be blank"),
        _ => {}
    }
    if let Some(method) = fields.get("payment_method").filter(|method| !method.is_null())
        && !method.as_str().is_some_and(|method| METHODS.contains(&method))
    {
        errors.push("payment_method", "is not included in the list");
    }
    errors.or(fields)
}

pub(crate) async fn list(call: Call) -> Result<Response, ApiError> {
    let (_, contract) = contract(&call.sim.world(), &call)?;
    Ok(super::list(
        &call,
        Kind::ContractPayment,
        20,
        |payment| payment.holder_id == Some(contract),
        |_, payment| draw::contract_payment(payment),
    ))
}

pub(crate) async fn show(Path(id): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    let world = call.sim.world();
    Ok(Json(draw::contract_payment(&payment(&world, &call, id)?)))
}

pub(crate) async fn create(call: Call) -> Result<(StatusCode, Json<Value>), ApiError> {
    let mut world = call.sim.world();
    let (project, contract) = contract(&world, &call)?;
    let given = call.wrapped("contract_payment")?;
    let fields = clean(given, true)?;
    let origin = rules::origin(given, None)?;
    let company = call.company();
    if origin
        .id
        .as_ref()
        .is_some_and(|id| world.by_origin(company, Kind::ContractPayment, id).is_some())
    {
        return Err(ApiError::invalid("origin_id", "has already been taken"));
    }
    let id = world.insert(
        company,
        Kind::ContractPayment,
        Some(project),
        Some(contract),
        fields,
        Some(call.app()),
    );
    world.set_origin(company, Kind::ContractPayment, id, origin)?;
    let body = draw::contract_payment(&find(&world, &call, Kind::ContractPayment, id)?);
    Ok((StatusCode::CREATED, Json(body)))
}

pub(crate) async fn update(Path(id): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    let mut world = call.sim.world();
    let found = payment(&world, &call, id)?;
    let given = call.wrapped("contract_payment")?;
    let fields = clean(given, false)?;
    let origin = rules::origin(given, Some(&found.origin))?;
    world.set_origin(call.company(), Kind::ContractPayment, id, origin)?;
    world.update(
        call.company(),
        Kind::ContractPayment,
        id,
        Some(call.app()),
        |payment| {
            payment.fields.extend(fields);
        },
    );
    Ok(Json(draw::contract_payment(&payment(&world, &call, id)?)))
}

pub(crate) async fn delete(Path(id): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    let mut world = call.sim.world();
    payment(&world, &call, id)?;
    world.remove(call.company(), Kind::ContractPayment, id, Some(call.app()));
    Ok(Json(json!({})))
}
