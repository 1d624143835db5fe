//! Sub jobs of a project, as users type them, with cost codes of their own; and the reset by Procore's support.

use axum::{Json, extract::Path};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    clicks::announce,
    companies::read_all,
    records::{Biller, copy_cost_code},
};
use crate::{
    call::Call,
    errors::{ApiError, FieldErrors},
    store::{
        World, into_map,
        record::{Kind, Origin, Record},
    },
};

/// Checks a sub job: its code is unique in its project.
pub(super) fn clean(
    world: &World,
    company: i64,
    project: i64,
    given: &Map<String, Value>,
) -> Result<Map<String, Value>, FieldErrors> {
    let mut errors = FieldErrors::default();
    let text = |key: &str| given.get(key).and_then(Value::as_str).unwrap_or_default().trim();
    let (name, code) = (text("name"), text("code"));
    for (key, value) in [("name", name), ("code", code)] {
        if value.is_empty() {
            errors.push(key, "can't be blank");
        }
    }
    let taken = world
        .records(company, Kind::SubJob)
        .any(|other| other.project_id == Some(project) && other.text("code") == code);
    if taken {
        errors.push("code", "has already been taken");
    }
    errors.or(into_map(json!({"name": name, "code": code})))
}

pub(crate) async fn create(Path(company): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        project_id: i64,
        name: String,
        code: String,
        /// Ids of standard codes, of which the sub job gets copies.
        #[serde(default)]
        cost_codes: Vec<i64>,
    }
    let wanted: Vec<Wanted> = read_all(&call.body)?;
    let mut world = call.sim.world();
    let (mut made, mut codes) = (Vec::new(), Vec::new());
    for row in wanted {
        world
            .record(company, Kind::Project, row.project_id)
            .ok_or_else(|| ApiError::invalid("project_id", "does not exist"))?;
        let given = into_map(json!({"name": row.name, "code": row.code}));
        let fields = clean(&world, company, row.project_id, &given)?;
        let id = world.insert(company, Kind::SubJob, Some(row.project_id), None, fields, None);
        let biller = Biller {
            project: row.project_id,
            sub_job: Some(id),
        };
        let of_sub_job = row
            .cost_codes
            .iter()
            .map(|standard| copy_cost_code(&mut world, company, biller, *standard))
            .collect::<Result<Vec<_>, _>>()?;
        made.push(id);
        codes.push(of_sub_job);
    }
    Ok(Json(json!({"ids": made, "cost_code_ids": codes})))
}

/// The sub job as events carry it.
pub(crate) fn body(world: &World, company: i64, record: &Record) -> Value {
    let project = record
        .project_id
        .and_then(|id| world.record(company, Kind::Project, id));
    json!({
        "id": record.id,
        "code": record.get("code"),
        "name": record.get("name"),
        "created_at": crate::clock::stamp(record.created_at),
        "updated_at": crate::clock::stamp(record.updated_at),
        "origin_id": record.origin.id,
        "origin_data": record.origin.data,
        "synced": record.is_synced(),
        "project": project.map(|project| json!({
            "id": project.id, "name": project.get("name"), "origin_id": project.origin.id,
            "origin_data": project.origin.data, "origin_code": project.origin.code,
        })),
    })
}

pub(crate) async fn reset(
    Path((company, id)): Path<(i64, i64)>,
    call: Call,
) -> Result<Json<Value>, ApiError> {
    let mut world = call.sim.world();
    let record = world
        .record(company, Kind::SubJob, id)
        .cloned()
        .ok_or_else(ApiError::not_found)?;
    let data = json!({"sub_job": body(&world, company, &record)});
    world.set_origin(company, Kind::SubJob, id, Origin::default())?;
    let request = announce(&mut world, company, "reset_sub_job", &data);
    Ok(Json(json!({"erp_request_ids": [request]})))
}
