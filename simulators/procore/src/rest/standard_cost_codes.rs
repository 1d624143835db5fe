//! The company's standard cost codes and the lists they are in. Each company here has one list, the ERP list.

use axum::{Json, extract::Path, response::Response};
use serde_json::{Map, Value, json};

use super::{draw, find, sync as rules};
use crate::{
    call::{Call, int_of},
    errors::{ApiError, FieldErrors},
    paging::{self, Generation},
    store::{
        World,
        record::{Kind, Record},
    },
};

pub(crate) async fn lists(call: Call) -> Result<Response, ApiError> {
    call.required_int("company_id")?;
    let row = {
        let world = call.sim.world();
        let company = world.company(call.company())?;
        json!({
            "id": company.cost_code_list_id,
            "name": "ERP Standard Cost Codes",
            "is_erp_list": company.connection.is_some(),
            "available_to_use_on_new_projects": true,
        })
    };
    Ok(paging::answer(&call, Generation::V1(20), &[row], Value::clone))
}

/// The list a call names, if it is the company's.
fn check_list(call: &Call) -> Result<(), ApiError> {
    call.required_int("company_id")?;
    let list = call.required_int("standard_cost_code_list_id")?;
    let world = call.sim.world();
    if world.company(call.company())?.cost_code_list_id == list {
        Ok(())
    } else {
        Err(ApiError::not_found())
    }
}

/// Checks a standard cost code and works out its full code.
pub(crate) fn clean(
    world: &World,
    target: &rules::Target<'_>,
    given: &Map<String, Value>,
    existing: Option<&Record>,
) -> Result<Map<String, Value>, FieldErrors> {
    let mut errors = FieldErrors::default();
    let get = |key: &str| {
        given
            .get(key)
            .cloned()
            .or_else(|| existing.map(|record| record.get(key).clone()))
            .unwrap_or_default()
    };
    let (name, code, parent_id) = (get("name"), get("code"), int_of(&get("parent_id")));
    for (key, value) in [("name", &name), ("code", &code)] {
        if value.as_str().is_none_or(|text| text.trim().is_empty()) {
            errors.push(key, "can't be blank");
        }
    }
    let parent = parent_id.and_then(|id| world.record(target.company, Kind::StandardCostCode, id));
    if parent_id.is_some() && parent.is_none() {
        errors.push("parent_id", "is invalid");
    }
    let prefix = parent
        .map(|parent| format!("{}-", parent.text("full_code")))
        .unwrap_or_default();
    // A sync names the code with its parents' prefixes; the stored code is without.
    let code = code.as_str().unwrap_or_default();
    let code = code
        .strip_prefix(&prefix)
        .filter(|rest| !rest.is_empty())
        .unwrap_or(code);
    let full_code = format!("{prefix}{code}");
    let taken = world
        .records(target.company, Kind::StandardCostCode)
        .any(|other| {
            other.text("full_code") == full_code && Some(other.id) != existing.map(|record| record.id)
        });
    if taken {
        errors.push("code", "has already been taken");
    }
    let list = world
        .companies
        .get(&target.company)
        .map(|company| company.cost_code_list_id);
    let fields = json!({
        "name": name, "code": code, "full_code": full_code, "parent_id": parent_id, "standard_cost_code_list_id": list,
    });
    errors.or(crate::store::into_map(fields))
}

pub(crate) async fn list(call: Call) -> Result<Response, ApiError> {
    check_list(&call)?;
    Ok(super::list(
        &call,
        Kind::StandardCostCode,
        100,
        |_| true,
        |_, code| draw::standard_cost_code(code),
    ))
}

pub(crate) async fn show(Path(id): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    check_list(&call)?;
    let world = call.sim.world();
    Ok(Json(draw::standard_cost_code(&find(
        &world,
        &call,
        Kind::StandardCostCode,
        id,
    )?)))
}

pub(crate) async fn sync(call: Call) -> Result<Json<Value>, ApiError> {
    check_list(&call)?;
    let updates = call.updates()?;
    let mut world = call.sim.world();
    let target = rules::Target {
        company: call.company(),
        project: None,
        kind: Kind::StandardCostCode,
        app: Some(call.app()),
    };
    let outcome = rules::run(&mut world, &target, updates, clean);
    Ok(Json(rules::answer(&world, &target, outcome, |_, code| {
        draw::standard_cost_code(code)
    })))
}
