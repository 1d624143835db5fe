//! Company vendors.

use axum::{Json, extract::Path, http::StatusCode, response::Response};
use serde_json::{Map, Value, json};

use super::{draw, find, pick, sync as rules};
use crate::{
    call::Call,
    errors::{ApiError, FieldErrors},
    store::{
        World, into_map,
        record::{Kind, Record},
    },
};

const WRITABLE: [&str; 29] = [
    "name",
    "abbreviated_name",
    "address",
    "authorized_bidder",
    "business_phone",
    "city",
    "country_code",
    "email_address",
    "fax_number",
    "is_active",
    "labor_union",
    "legal_name",
    "license_number",
    "mobile_phone",
    "non_union_prevailing_wage",
    "notes",
    "parent_id",
    "prequalified",
    "primary_contact_id",
    "state_code",
    "trade_name",
    "union_member",
    "vendor_group_id",
    "website",
    "zip",
    "bidding",
    "trade_ids",
    "standard_cost_code_ids",
    "origin_custom_fields",
];

/// What a vendor looks like before anybody has filled in anything.
pub(crate) fn blank() -> Map<String, Value> {
    into_map(json!({
        "name": null, "abbreviated_name": null, "address": "", "authorized_bidder": true, "business_phone": "",
        "city": "", "country_code": "US", "email_address": null, "fax_number": "", "is_active": true,
        "labor_union": null, "license_number": null, "mobile_phone": null, "non_union_prevailing_wage": false,
        "notes": null, "prequalified": false, "state_code": "", "trade_name": "", "union_member": false,
        "website": null, "zip": "",
    }))
}

/// Checks vendor attributes; a new vendor gets the blanks filled.
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
    for key in [
        "name",
        "address",
        "city",
        "state_code",
        "zip",
        "country_code",
        "business_phone",
        "fax_number",
        "email_address",
    ] {
        if given
            .get(key)
            .is_some_and(|value| !value.is_string() && !value.is_null())
        {
            errors.push(key, "must be a string");
        }
    }
    if given.get("is_active").is_some_and(|value| !value.is_boolean()) {
        errors.push("is_active", "must be true or false");
    }
    let mut fields = if existing.is_some() { Map::new() } else { blank() };
    fields.extend(pick(given, &WRITABLE));
    errors.or(fields)
}

pub(crate) async fn list(call: Call) -> Result<Response, ApiError> {
    call.required_int("company_id")?;
    Ok(super::list(
        &call,
        Kind::Vendor,
        30,
        |vendor| vendor.get("is_active") != false,
        |_, vendor| draw::vendor(vendor),
    ))
}

pub(crate) async fn show(Path(id): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    call.required_int("company_id")?;
    let world = call.sim.world();
    Ok(Json(draw::vendor(&find(&world, &call, Kind::Vendor, id)?)))
}

pub(crate) async fn create(call: Call) -> Result<(StatusCode, Json<Value>), ApiError> {
    call.required_int("company_id")?;
    let body = write(&call, None)?;
    Ok((StatusCode::CREATED, Json(body)))
}

pub(crate) async fn update(Path(id): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    call.required_int("company_id")?;
    Ok(Json(write(&call, Some(id))?))
}

fn write(call: &Call, id: Option<i64>) -> Result<Value, ApiError> {
    let given = call.wrapped("vendor")?;
    let mut world = call.sim.world();
    let target = target(call);
    let existing = id.map(|id| find(&world, call, Kind::Vendor, id)).transpose()?;
    let fields = clean(&world, &target, given, existing.as_ref())?;
    let origin = rules::origin(given, existing.as_ref().map(|vendor| &vendor.origin))?;
    if let Some(wanted) = &origin.id
        && world
            .by_origin(call.company(), Kind::Vendor, wanted)
            .is_some_and(|holder| Some(holder) != id)
    {
        return Err(ApiError::invalid("origin_id", "has already been taken"));
    }
    let id = if let Some(id) = id {
        world.update(call.company(), Kind::Vendor, id, Some(call.app()), |vendor| {
            vendor.fields.extend(fields);
        });
        id
    } else {
        world.insert(call.company(), Kind::Vendor, None, None, fields, Some(call.app()))
    };
    world.set_origin(call.company(), Kind::Vendor, id, origin)?;
    Ok(draw::vendor(&find(&world, call, Kind::Vendor, id)?))
}

fn target(call: &Call) -> rules::Target<'_> {
    rules::Target {
        company: call.company(),
        project: None,
        kind: Kind::Vendor,
        app: Some(call.app()),
    }
}

pub(crate) async fn sync(call: Call) -> Result<Json<Value>, ApiError> {
    call.required_int("company_id")?;
    let updates = call.updates()?;
    let mut world = call.sim.world();
    let outcome = rules::run(&mut world, &target(&call), updates, clean);
    Ok(Json(rules::answer(
        &world,
        &target(&call),
        outcome,
        |_, vendor| draw::vendor(vendor),
    )))
}
