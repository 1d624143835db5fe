//! The other buttons of the ERP tool: refresh, link, unlink, add to Procore.

use axum::{Json, extract::Path};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{companies::read, sub_jobs};
use crate::{
    call::{Call, int_of},
    errors::ApiError,
    rest::{projects, sync::Target, vendors},
    store::{
        World,
        company::Staged,
        into_map,
        record::{Kind, Origin},
    },
};

/// Announces an event without a request detail.
pub(super) fn announce(world: &mut World, company: i64, name: &str, data: &Value) -> i64 {
    let id = world.new_id(company);
    world.place_request(company, id, name, into_map(json!({"request_data": data})));
    id
}

/// Announces an event with one detail, whose id is put into the data.
pub(super) fn ask(
    world: &mut World,
    company: i64,
    name: &str,
    mut data: Map<String, Value>,
    item: Option<(Kind, i64)>,
) -> (i64, i64) {
    let id = world.new_id(company);
    let detail = world.open_detail(company, id, item);
    data.insert("request_detail_id".into(), json!(detail));
    world.place_request(company, id, name, into_map(json!({"request_data": data})));
    (id, detail)
}

pub(super) fn asked((request, detail): (i64, i64)) -> Json<Value> {
    Json(json!({"erp_request_ids": [request], "request_detail_ids": [detail]}))
}

/// A refresh button.
pub(crate) async fn refresh(Path(company): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        what: String,
    }
    let wanted: Wanted = read(&call.body)?;
    let mut world = call.sim.world();
    let list = world.company(company)?.cost_code_list_id;
    match wanted.what.as_str() {
        "standard_cost_codes" => {
            let data = into_map(json!({"standard_cost_code_list_id": list}));
            let (codes, detail) = ask(&mut world, company, "sync_standard_cost_codes", data, None);
            // The same button asks for the cost types, without a request detail.
            let types = announce(&mut world, company, "sync_standard_categories", &json!({}));
            Ok(Json(
                json!({"erp_request_ids": [codes, types], "request_detail_ids": [detail]}),
            ))
        }
        "vendors" => Ok(asked(ask(
            &mut world,
            company,
            "sync_vendors",
            into_map(json!({"company_id": company})),
            None,
        ))),
        "jobs" => Ok(asked(ask(
            &mut world,
            company,
            "sync_jobs",
            into_map(json!({"company_id": company})),
            None,
        ))),
        "prime_contracts" => Ok(asked(ask(
            &mut world,
            company,
            "sync_prime_contracts",
            Map::new(),
            None,
        ))),
        "sub_jobs" => Ok(asked(ask(
            &mut world,
            company,
            "sync_sub_jobs",
            into_map(json!({"company_id": company})),
            None,
        ))),
        "contract_payments" => Ok(asked(ask(
            &mut world,
            company,
            "sync_contract_payments",
            Map::new(),
            None,
        ))),
        _ => Err(ApiError::invalid("what", "is unknown")),
    }
}

/// Any event at all. With `request_detail` a detail is opened and its id put into the data.
pub(crate) async fn event(Path(company): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Item {
        item_type: Option<String>,
        item_id: Option<i64>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(clippy::struct_field_names, reason = "the names are the API's")]
    struct Wanted {
        request_name: String,
        request_data: Value,
        request_detail: Option<Item>,
    }
    let wanted: Wanted = read(&call.body)?;
    let mut world = call.sim.world();
    world.company(company)?;
    let Some(item) = wanted.request_detail else {
        let id = announce(&mut world, company, &wanted.request_name, &wanted.request_data);
        return Ok(Json(json!({"erp_request_ids": [id], "request_detail_ids": []})));
    };
    let kind = item.item_type.as_deref().and_then(Kind::of_item_type);
    Ok(asked(ask(
        &mut world,
        company,
        &wanted.request_name,
        into_map(wanted.request_data),
        kind.zip(item.item_id),
    )))
}

/// A user imports a project's budget from the figures that the books told of its cost codes. Not once it was exported.
pub(crate) async fn import_budget(Path(company): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    let project = call
        .body
        .get("project_id")
        .and_then(int_of)
        .ok_or_else(|| ApiError::invalid("project_id", "can't be blank"))?;
    let mut world = call.sim.world();
    let exported = world
        .records(company, Kind::Budget)
        .any(|budget| budget.project_id == Some(project) && budget.is_synced());
    if exported {
        return Err(ApiError::invalid(
            "budget",
            "was exported and can no longer be imported",
        ));
    }
    let told: Vec<(i64, i64, Value)> = world
        .company(company)?
        .job_costs
        .iter()
        .filter(|((of, ..), _)| *of == project)
        .filter_map(|((_, code, kind), told)| Some((*code, *kind, told.get("original_estimate")?.clone())))
        .collect();
    if told.is_empty() {
        return Err(ApiError::invalid("budget", "has no figures from the ERP system"));
    }
    let fields = into_map(json!({"locked": false, "frozen": false}));
    let budget = world.insert(company, Kind::Budget, Some(project), None, fields, None);
    for (code, kind, amount) in told {
        let fields = into_map(json!({"cost_code_id": code, "line_item_type_id": kind, "estimate": null}));
        let line = world.insert(company, Kind::JobCost, Some(project), Some(budget), fields, None);
        let fields = into_map(json!({
            "value": amount, "type": "Erp::OriginalEstimateTransaction", "notes": null, "synced": true,
        }));
        world.insert(
            company,
            Kind::ErpTransaction,
            Some(project),
            Some(line),
            fields,
            None,
        );
    }
    let origin = world
        .record(company, Kind::Project, project)
        .and_then(|project| project.origin.id.clone());
    let data = json!({"project_origin_id": origin, "budget": {"id": budget, "origin_id": null, "origin_data": null,
        "synced": false, "custom_fields": {}, "project_id": project}});
    let id = announce(&mut world, company, "create_budget_in_procore", &data);
    Ok(Json(json!({"ids": [budget], "erp_request_ids": [id]})))
}

/// The approver presses Unlink on a commitment; the service must look into QuickBooks before it answers.
pub(crate) async fn unlink_commitment(
    Path((company, id)): Path<(i64, i64)>,
    call: Call,
) -> Result<Json<Value>, ApiError> {
    let mut world = call.sim.world();
    let contract = [Kind::WorkOrderContract, Kind::PurchaseOrderContract]
        .into_iter()
        .find_map(|kind| world.record(company, kind, id))
        .cloned()
        .ok_or_else(ApiError::not_found)?;
    let project = contract
        .project_id
        .and_then(|id| world.record(company, Kind::Project, id));
    let data = into_map(json!({
        "job_origin_id": project.and_then(|project| project.origin.id.clone()),
        "erp_commitment_id": contract.id,
        "project_id": contract.project_id,
        "procore_commitment_id": contract.id,
        "commitment_type": crate::erp::events::contract_type(contract.kind),
        "commitment_origin_id": contract.origin.id,
    }));
    Ok(asked(ask(
        &mut world,
        company,
        "unlink_commitment",
        data,
        Some((contract.kind, id)),
    )))
}

pub(crate) async fn unlink_change_order(
    Path((company, id)): Path<(i64, i64)>,
    call: Call,
) -> Result<Json<Value>, ApiError> {
    let mut world = call.sim.world();
    let change = world
        .record(company, Kind::ChangeOrder, id)
        .cloned()
        .ok_or_else(ApiError::not_found)?;
    let contract = [Kind::WorkOrderContract, Kind::PurchaseOrderContract]
        .into_iter()
        .find_map(|kind| world.record(company, kind, change.holder_id?));
    let project = change
        .project_id
        .and_then(|id| world.record(company, Kind::Project, id));
    let data = into_map(json!({
        "job_origin_id": project.and_then(|project| project.origin.id.clone()),
        "erp_commitment_id": change.holder_id,
        "erp_commitment_change_order_id": change.id,
        "commitment_origin_id": contract.and_then(|contract| contract.origin.id.clone()),
        "commitment_type": contract.map(|contract| crate::erp::events::contract_type(contract.kind)),
        "commitment_change_order_origin_id": change.origin.id,
        "procore_commitment_change_order_id": change.id,
        "project_id": change.project_id,
    }));
    Ok(asked(ask(
        &mut world,
        company,
        "unlink_commitment_change_order",
        data,
        Some((Kind::ChangeOrder, id)),
    )))
}

/// "Add to Procore" on a staged vendor, project or sub job: the record is made with the staged origin.
pub(crate) async fn add_staged(
    Path((company, origin_id)): Path<(i64, String)>,
    call: Call,
) -> Result<Json<Value>, ApiError> {
    let mut world = call.sim.world();
    let staged = world
        .company(company)?
        .staged
        .values()
        .find(|staged| {
            staged.origin_id == origin_id
                && matches!(staged.item_type.as_str(), "vendor" | "project" | "sub_job")
        })
        .cloned()
        .ok_or_else(ApiError::not_found)?;
    if staged.status != "staged" {
        return Err(ApiError::invalid("status", &format!("is {}", staged.status)));
    }
    let text = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let origin = Origin {
        id: Some(origin_id),
        code: text(&staged.origin_code),
        data: text(&staged.origin_data),
    };
    if staged.item_type == "sub_job" {
        return add_sub_job(&mut world, company, &staged, origin);
    }
    let (kind, name) = if staged.item_type == "vendor" {
        (Kind::Vendor, "create_vendor_in_procore")
    } else {
        (Kind::Project, "create_job_in_procore")
    };
    let target = Target {
        company,
        project: None,
        kind,
        app: None,
    };
    let clean = if kind == Kind::Vendor {
        vendors::clean
    } else {
        projects::clean
    };
    let fields = clean(&world, &target, &staged.data, None)?;
    let id = world.insert(company, kind, None, None, fields, None);
    world.set_origin(company, kind, id, origin.clone())?;
    set_staged(&mut world, company, staged.id, "imported")?;
    let data = if kind == Kind::Vendor {
        json!({"vendor": {"id": id, "origin_id": origin.id}, "company_id": company})
    } else {
        let title = world
            .record(company, kind, id)
            .map(|project| project.get("name").clone());
        json!({"project": {
            "id": id, "name": title, "origin_id": origin.id, "origin_data": origin.data, "origin_code": origin.code,
        }, "company_id": company})
    };
    let request = announce(&mut world, company, name, &data);
    Ok(Json(json!({"id": id, "erp_request_ids": [request]})))
}

/// A staged sub job is shown under its project, once that is synced.
fn add_sub_job(
    world: &mut World,
    company: i64,
    staged: &Staged,
    origin: Origin,
) -> Result<Json<Value>, ApiError> {
    let project = staged
        .data
        .get("project_origin_id")
        .and_then(Value::as_str)
        .and_then(|origin| world.by_origin(company, Kind::Project, origin))
        .ok_or_else(|| ApiError::invalid("project_origin_id", "Entity with this ID not found"))?;
    let fields = sub_jobs::clean(world, company, project, &staged.data)?;
    let id = world.insert(company, Kind::SubJob, Some(project), None, fields, None);
    world.set_origin(company, Kind::SubJob, id, origin)?;
    set_staged(world, company, staged.id, "imported")?;
    let record = world
        .record(company, Kind::SubJob, id)
        .cloned()
        .ok_or_else(ApiError::not_found)?;
    let data = json!({"sub_job": sub_jobs::body(world, company, &record), "company_id": company});
    let request = announce(world, company, "create_sub_job_in_procore", &data);
    Ok(Json(json!({"id": id, "erp_request_ids": [request]})))
}

fn set_staged(world: &mut World, company: i64, id: i64, status: &str) -> Result<(), ApiError> {
    let now = world.now();
    let staged = world
        .company_mut(company)?
        .staged
        .get_mut(&id)
        .ok_or_else(ApiError::not_found)?;
    status.clone_into(&mut staged.status);
    staged.updated_at = now;
    Ok(())
}

/// Hides a staged record from the import list.
pub(crate) async fn archive_staged(
    Path((company, origin_id)): Path<(i64, String)>,
    call: Call,
) -> Result<Json<Value>, ApiError> {
    let mut world = call.sim.world();
    let id = world
        .company(company)?
        .staged
        .values()
        .find(|staged| staged.origin_id == origin_id)
        .map(|staged| staged.id);
    set_staged(
        &mut world,
        company,
        id.ok_or_else(ApiError::not_found)?,
        "archived",
    )?;
    Ok(Json(json!({"status": "archived"})))
}

/// Ties a Procore vendor to a staged one.
fn link(world: &mut World, company: i64, id: i64, origin_id: &str) -> Result<(), ApiError> {
    let staged = world
        .company(company)?
        .staged_index
        .get(&("vendor".to_owned(), origin_id.to_owned()))
        .copied();
    let data = staged.and_then(|id| {
        world
            .company(company)
            .ok()?
            .staged
            .get(&id)?
            .origin_data
            .as_str()
            .map(str::to_owned)
    });
    let origin = Origin {
        id: Some(origin_id.to_owned()),
        code: None,
        data,
    };
    world.set_origin(company, Kind::Vendor, id, origin)?;
    staged.map_or(Ok(()), |staged| set_staged(world, company, staged, "imported"))
}

pub(crate) async fn link_vendor(
    Path((company, id)): Path<(i64, i64)>,
    call: Call,
) -> Result<Json<Value>, ApiError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        origin_id: String,
    }
    let wanted: Wanted = read(&call.body)?;
    let mut world = call.sim.world();
    link(&mut world, company, id, &wanted.origin_id)?;
    let data = json!({"vendor": {"id": id, "origin_id": wanted.origin_id}, "company_id": company});
    let request = announce(&mut world, company, "link_vendor", &data);
    Ok(Json(json!({"erp_request_ids": [request]})))
}

/// "Link All": every unlinked vendor whose name a staged one has, case ignored.
pub(crate) async fn link_all_vendors(Path(company): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    let mut world = call.sim.world();
    let pairs: Vec<(i64, String)> = {
        let staged: Vec<_> = world
            .company(company)?
            .staged
            .values()
            .filter(|staged| staged.item_type == "vendor" && staged.status == "staged")
            .filter_map(|staged| {
                Some((
                    staged.data.get("name")?.as_str()?.to_lowercase(),
                    staged.origin_id.clone(),
                ))
            })
            .collect();
        let unlinked = world
            .records(company, Kind::Vendor)
            .filter(|vendor| !vendor.is_synced());
        unlinked
            .filter_map(|vendor| {
                let name = vendor.text("name").to_lowercase();
                staged
                    .iter()
                    .find(|(staged, _)| *staged == name)
                    .map(|(_, origin)| (vendor.id, origin.clone()))
            })
            .collect()
    };
    let mut linked = Vec::new();
    for (id, origin_id) in pairs {
        if link(&mut world, company, id, &origin_id).is_ok() {
            linked.push(json!({"id": id, "origin_id": origin_id}));
        }
    }
    let request = announce(
        &mut world,
        company,
        "link_all_vendors",
        &json!({"vendors": linked, "company_id": company}),
    );
    Ok(Json(json!({"linked": linked, "erp_request_ids": [request]})))
}

pub(crate) async fn unlink_vendor(
    Path((company, id)): Path<(i64, i64)>,
    call: Call,
) -> Result<Json<Value>, ApiError> {
    let mut world = call.sim.world();
    let origin = world
        .record(company, Kind::Vendor, id)
        .ok_or_else(ApiError::not_found)?
        .origin
        .id
        .clone();
    world.set_origin(company, Kind::Vendor, id, Origin::default())?;
    let staged = origin.clone().and_then(|origin| {
        world
            .company(company)
            .ok()?
            .staged_index
            .get(&("vendor".to_owned(), origin))
            .copied()
    });
    if let Some(staged) = staged {
        set_staged(&mut world, company, staged, "staged")?;
    }
    let data = json!({"vendor": {"id": id, "origin_id": origin}, "company_id": company});
    let request = announce(&mut world, company, "unlink_vendor", &data);
    Ok(Json(json!({"erp_request_ids": [request]})))
}
