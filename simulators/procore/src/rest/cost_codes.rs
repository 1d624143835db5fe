//! The cost codes of a project.

use axum::{Json, extract::Path, http::StatusCode, response::Response};
use serde_json::{Map, Value, json};

use super::{draw, find, project_of, sync as rules};
use crate::{
    call::{Call, int_of},
    errors::{ApiError, FieldErrors},
    store::{
        World, into_map,
        record::{Kind, Record},
    },
};

/// Checks a project's cost code and works out its full code.
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
    let standard_id = int_of(&get("standard_cost_code_id"));
    let standard = standard_id.and_then(|id| world.record(target.company, Kind::StandardCostCode, id));
    if standard_id.is_some() && standard.is_none() {
        errors.push("standard_cost_code_id", "is invalid");
    }
    let of_standard = |key: &str| {
        standard
            .map(|standard| standard.get(key).clone())
            .unwrap_or_default()
    };
    let own_or_copied = |key: &str| {
        Some(get(key))
            .filter(|value| !value.is_null())
            .unwrap_or_else(|| of_standard(key))
    };
    let (name, code, parent_id) = (
        own_or_copied("name"),
        own_or_copied("code"),
        int_of(&get("parent_id")),
    );
    for (key, value) in [("name", &name), ("code", &code)] {
        if value.as_str().is_none_or(|text| text.trim().is_empty()) {
            errors.push(key, "can't be blank");
        }
    }
    let parent = parent_id
        .and_then(|id| world.record(target.company, Kind::CostCode, id))
        .filter(|parent| parent.project_id == target.project);
    if parent_id.is_some() && parent.is_none() {
        errors.push("parent_id", "is invalid");
    }
    let prefix = parent
        .map(|parent| format!("{}-", parent.text("full_code")))
        .unwrap_or_default();
    let code = code.as_str().unwrap_or_default();
    let full_code = format!("{prefix}{code}");
    let sub_job = int_of(&get("sub_job_id"));
    let taken = world.records(target.company, Kind::CostCode).any(|other| {
        other.project_id == target.project
            && other.number("sub_job_id") == sub_job
            && other.text("full_code") == full_code
            && Some(other.id) != existing.map(|record| record.id)
    });
    if taken {
        errors.push("code", "has already been taken");
    }
    let mut fields = into_map(json!({
        "name": name, "code": code, "full_code": full_code, "parent_id": parent_id,
        "standard_cost_code_id": standard_id, "position": get("position"),
    }));
    if let Some(sub_job) = sub_job {
        fields.insert("sub_job_id".into(), json!(sub_job));
    }
    if existing.is_none() {
        fields.insert("budgeted".into(), json!(false));
        fields.insert("line_item_type_ids".into(), json!([]));
    }
    errors.or(fields)
}

pub(crate) async fn list(call: Call) -> Result<Response, ApiError> {
    let project = project_of(&call.sim.world(), &call)?;
    let company = call.company();
    Ok(super::list(
        &call,
        Kind::CostCode,
        100,
        |code| code.project_id == Some(project),
        |world, code| draw::cost_code(world, company, code),
    ))
}

pub(crate) async fn show(Path(id): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    let world = call.sim.world();
    let project = project_of(&world, &call)?;
    let code = find(&world, &call, Kind::CostCode, id)?;
    if code.project_id != Some(project) {
        return Err(ApiError::not_found());
    }
    Ok(Json(draw::cost_code(&world, call.company(), &code)))
}

pub(crate) async fn sync(call: Call) -> Result<Json<Value>, ApiError> {
    let updates = call.updates()?;
    let mut world = call.sim.world();
    let project = project_of(&world, &call)?;
    let target = rules::Target {
        company: call.company(),
        project: Some(project),
        kind: Kind::CostCode,
        app: Some(call.app()),
    };
    let outcome = rules::run(&mut world, &target, updates, clean);
    let company = call.company();
    Ok(Json(rules::answer(&world, &target, outcome, |world, code| {
        draw::cost_code(world, company, code)
    })))
}

/// `POST /rest/v1.0/cost_codes/copy_subset_from_standard_list`. Ancestors must be named or be in the project; what is there
/// already is passed over. 201, or 207 where some could not be copied.
pub(crate) async fn copy_subset(call: Call) -> Result<(StatusCode, Json<Value>), ApiError> {
    let project = project_of_body(&call)?;
    let company = call.company();
    let mut world = call.sim.world();
    super::permitted(&world, company, project)?;
    let wanted: Vec<i64> = call
        .body
        .get("standard_cost_code_ids")
        .and_then(Value::as_array)
        .ok_or_else(|| ApiError::invalid("standard_cost_code_ids", "can't be blank"))?
        .iter()
        .filter_map(int_of)
        .collect();
    let mut named: Vec<(usize, i64)> = wanted
        .iter()
        .map(|id| (depth(&world, company, *id), *id))
        .collect();
    named.sort_unstable();
    let (mut successes, mut errors) = (Vec::new(), Vec::new());
    for (_, standard) in named {
        let copy_of = |world: &World, standard: i64| {
            world
                .records(company, Kind::CostCode)
                .find(|code| {
                    code.project_id == Some(project) && code.number("standard_cost_code_id") == Some(standard)
                })
                .map(|code| code.id)
        };
        if copy_of(&world, standard).is_some() {
            continue;
        }
        let parent = world
            .record(company, Kind::StandardCostCode, standard)
            .and_then(|code| code.number("parent_id"));
        let parent_copy = parent.and_then(|parent| copy_of(&world, parent));
        if parent.is_some() && parent_copy.is_none() {
            errors.push(json!({"id": standard, "errors": {"parent": ["must be copied too"]}}));
            continue;
        }
        let target = rules::Target {
            company,
            project: Some(project),
            kind: Kind::CostCode,
            app: Some(call.app()),
        };
        let given = into_map(json!({"standard_cost_code_id": standard, "parent_id": parent_copy}));
        match clean(&world, &target, &given, None) {
            Ok(fields) => {
                let app = Some(call.app());
                let id = world.insert(company, Kind::CostCode, Some(project), None, fields, app);
                if let Some(code) = world.record(company, Kind::CostCode, id) {
                    successes.push(draw::cost_code(&world, company, code));
                }
            }
            Err(fields) => errors.push(json!({"id": standard, "errors": fields.to_json()})),
        }
    }
    let status = if errors.is_empty() {
        StatusCode::CREATED
    } else {
        StatusCode::MULTI_STATUS
    };
    Ok((status, Json(json!({"successes": successes, "errors": errors}))))
}

fn project_of_body(call: &Call) -> Result<i64, ApiError> {
    call.body
        .get("project_id")
        .and_then(int_of)
        .ok_or_else(|| ApiError::invalid("project_id", "can't be blank"))
}

fn depth(world: &World, company: i64, standard: i64) -> usize {
    let mut depth = 0;
    let mut at = Some(standard);
    while let Some(code) = at.and_then(|id| world.record(company, Kind::StandardCostCode, id)) {
        at = code.number("parent_id");
        depth += 1;
    }
    depth
}
