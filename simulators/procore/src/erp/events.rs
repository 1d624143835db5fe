//! The payloads of ERP requests, in the shapes Procore's events dictionary prints.

use serde_json::{Map, Value, json};

use crate::{
    money,
    rest::draw,
    store::{
        World,
        record::{Kind, Record},
    },
};

/// What the accountant fills in beside the click: extra fields and the "QuickBooks Desktop ID".
#[derive(Debug, Clone, Default)]
pub(crate) struct Extras {
    pub(crate) custom_fields: Map<String, Value>,
    pub(crate) code: Option<String>,
}

fn object(value: Value) -> Map<String, Value> {
    crate::store::into_map(value)
}

/// A cost code and its ancestors, outermost first.
fn lineage<'w>(world: &'w World, company: i64, record: &'w Record) -> Vec<&'w Record> {
    let mut line = vec![record];
    while let Some(parent) = line[0]
        .number("parent_id")
        .and_then(|id| world.record(company, record.kind, id))
    {
        line.insert(0, parent);
        if line.len() > 20 {
            break;
        }
    }
    line
}

fn long_name_helper(world: &World, company: i64, record: &Record) -> Value {
    let line = lineage(world, company, record);
    let column = |key: &str| {
        line.iter()
            .map(|record| record.get(key).clone())
            .collect::<Vec<_>>()
    };
    json!([column("code"), column("name")])
}

/// One element of `create_standard_cost_codes`, whose `request_data` is an array of them.
pub(crate) fn standard_cost_code(
    world: &World,
    company: i64,
    record: &Record,
    extras: &Extras,
    detail: i64,
) -> Value {
    let parent = record
        .number("parent_id")
        .and_then(|id| world.record(company, Kind::StandardCostCode, id));
    json!({
        "id": record.id,
        "standard_cost_code_list_id": record.get("standard_cost_code_list_id"),
        "origin_id": record.origin.id,
        "parent_id": record.get("parent_id"),
        "code": record.get("code"),
        "full_code": record.get("full_code"),
        "name": record.get("name"),
        "origin_data": record.origin.data,
        "parent_origin_id": parent.and_then(|parent| parent.origin.id.clone()),
        "long_name_helper": long_name_helper(world, company, record),
        "erp_custom_fields": extras.custom_fields,
        "request_detail_id": detail,
    })
}

/// `create_vendor`.
pub(crate) fn vendor(company: i64, record: &Record, extras: &Extras, detail: i64) -> Map<String, Value> {
    let mut vendor = draw::vendor(record);
    vendor["erp_custom_fields"] = json!(extras.custom_fields);
    if let Some(code) = &extras.code {
        vendor["origin_code"] = json!(code);
    }
    object(json!({"request_data": {"vendor": vendor, "request_detail_id": detail, "company_id": company}}))
}

/// Cost codes of a project or sub job, as the orders to export these carry them.
fn codes(world: &World, company: i64, which: impl Fn(&Record) -> bool) -> Vec<Value> {
    world
        .records(company, Kind::CostCode)
        .filter(|code| which(code))
        .map(|code| {
            let standard = code
                .number("standard_cost_code_id")
                .and_then(|id| world.record(company, Kind::StandardCostCode, id));
            let mut body = draw::cost_code(world, company, code);
            if let Some(body) = body.as_object_mut() {
                body.remove("biller_origin_id");
                body.remove("standard_cost_code_id");
            }
            body["long_name_helper"] = long_name_helper(world, company, code);
            body["standard_cost_code_origin_id"] =
                json!(standard.and_then(|standard| standard.origin.id.clone()));
            body
        })
        .collect()
}

/// `create_sub_job`.
pub(crate) fn sub_job(world: &World, company: i64, record: &Record, detail: i64) -> Map<String, Value> {
    object(json!({"request_data": {
        "sub_job": crate::control::sub_jobs::body(world, company, record),
        "all_cost_codes": codes(world, company, |code| code.number("sub_job_id") == Some(record.id)),
        "request_detail_id": detail,
        "company_id": company,
    }}))
}

/// `create_or_update_job`. The request detail stands beside `request_data`, not in it.
pub(crate) fn job(
    world: &World,
    company: i64,
    record: &Record,
    extras: &Extras,
    detail: i64,
) -> Map<String, Value> {
    let codes = codes(world, company, |code| code.project_id == Some(record.id));
    let job = json!({
        "id": record.id,
        "name": record.get("name"),
        "origin_id": record.origin.id,
        "origin_data": record.origin.data,
        "origin_code": extras.code.clone().or_else(|| record.origin.code.clone()),
        "custom_fields": {},
        "erp_custom_fields": extras.custom_fields,
        "address": record.get("address"),
        "city": record.get("city"),
        "state_code": record.get("state_code"),
        "zip": record.get("zip"),
        "latitude": null,
        "longitude": null,
        "synced": record.is_synced(),
        "active": record.get("active"),
    });
    object(json!({
        "request_data": {"job": job, "all_cost_codes": codes},
        "request_detail_id": detail,
        "company_id": company,
    }))
}

/// `create_commitment`.
pub(crate) fn commitment(
    world: &World,
    company: i64,
    record: &Record,
    extras: &Extras,
    detail: i64,
) -> Map<String, Value> {
    let mut body = draw::commitment(world, company, record);
    let job = body["project"]["origin_id"].clone();
    body["custom_fields"] = json!({});
    body["erp_custom_fields"] = json!(extras.custom_fields);
    // "Use Procore Contract #": unless the accountant types an id, the number serves.
    body["code"] = extras
        .code
        .as_ref()
        .map_or_else(|| record.get("number").clone(), |code| json!(code));
    body["type"] = json!(contract_type(record.kind));
    let items: Vec<Value> = world
        .parts(company, Kind::LineItem, record.id)
        .map(|line| draw::line(world, company, line))
        .collect();
    object(json!({"request_data": {
        "job_id": job,
        "request_detail_id": detail,
        "commitment": body,
        "commitment_items": items,
        "additional_data": {"accounting_date": null},
        "company_id": company,
    }}))
}

/// `create_commitment_change_order`: the commitment with its lines, and the change with its own.
pub(crate) fn change_order(
    world: &World,
    company: i64,
    record: &Record,
    extras: &Extras,
    detail: i64,
) -> Map<String, Value> {
    let contract = [Kind::PurchaseOrderContract, Kind::WorkOrderContract]
        .into_iter()
        .find_map(|kind| world.record(company, kind, record.holder_id.unwrap_or_default()));
    let lines = |holder| -> Vec<Value> {
        world
            .parts(company, Kind::LineItem, holder)
            .map(|line| {
                let mut body = draw::line(world, company, line);
                if let Some(changed) = line.fields.get("commitment_line_item_id") {
                    body["commitment_line_item_id"] = changed.clone();
                }
                body
            })
            .collect()
    };
    let mut commitment = contract.map_or_else(
        || json!({}),
        |contract| draw::commitment(world, company, contract),
    );
    commitment["custom_fields"] = json!({});
    commitment["erp_custom_fields"] = json!({});
    commitment["code"] = json!(contract.and_then(|contract| contract.origin.code.clone()));
    commitment["type"] = json!(contract.map(|contract| contract_type(contract.kind)));
    let mut body = record.dump();
    body["contract_id"] = json!(record.holder_id);
    body["custom_fields"] = json!({});
    body["erp_custom_fields"] = json!(extras.custom_fields);
    object(json!({"request_data": {
        "job_origin_id": commitment["project"]["origin_id"],
        "request_detail_id": detail,
        "commitment": commitment,
        "commitment_items": contract.map_or_else(Vec::new, |contract| lines(contract.id)),
        "change_order": body,
        "change_order_items": lines(record.id),
        "additional_data": {"accounting_date": null},
        "company_id": company,
    }}))
}

/// The contract type as payloads name it.
pub(crate) const fn contract_type(kind: Kind) -> &'static str {
    match kind {
        Kind::PurchaseOrderContract => "PurchaseOrderContract",
        _ => "WorkOrderContract",
    }
}

/// One element of `create_requisitions`. The published batch names no request details; `detail` is for the switch.
pub(crate) fn requisition(
    world: &World,
    company: i64,
    record: &Record,
    extras: &Extras,
    detail: Option<i64>,
) -> Value {
    let contract_id = record.holder_id.unwrap_or_default();
    let contract = [Kind::PurchaseOrderContract, Kind::WorkOrderContract]
        .into_iter()
        .find_map(|kind| world.record(company, kind, contract_id));
    let project = record
        .project_id
        .and_then(|id| world.record(company, Kind::Project, id));
    let items: Vec<Value> = world
        .parts(company, Kind::RequisitionItem, record.id)
        .map(|item| requisition_item(world, company, item))
        .collect();
    let code = extras
        .code
        .clone()
        .map_or_else(|| record.get("invoice_number").clone(), |code| json!(code));
    let mut body = json!({
        "procore_requisition_id": record.id,
        "accounting_method": contract.map(|contract| contract.get("accounting_method").clone()),
        "billing_date": record.get("billing_date"),
        "code": code,
        "contract_id": contract_id,
        "contract_origin_id": contract.and_then(|contract| contract.origin.id.clone()),
        "created_at": crate::clock::stamp(record.created_at),
        "custom_fields": {},
        "erp_custom_fields": extras.custom_fields,
        "formatted_payment_due": money::dollars(draw::requisition_due(world, company, record.id)),
        "invoice_number": record.get("invoice_number"),
        "job_origin_id": project.and_then(|project| project.origin.id.clone()),
        "line_items": items,
    });
    if let Some(detail) = detail {
        body["request_detail_id"] = json!(detail);
    }
    body
}

fn requisition_item(world: &World, company: i64, record: &Record) -> Value {
    let of = |key| money::of(&record.fields, key);
    let origin = |kind, key| {
        record
            .number(key)
            .and_then(|id| world.record(company, kind, id))
            .and_then(|found| found.origin.id.clone())
    };
    let line = record
        .number("line_item_id")
        .and_then(|id| world.record(company, Kind::LineItem, id));
    let cost_type = line
        .and_then(|line| line.number("line_item_type_id"))
        .and_then(|id| world.record(company, Kind::LineItemType, id));
    let scheduled = line
        .map(|line| money::of(&line.fields, "amount"))
        .unwrap_or_default();
    json!({
        "procore_requisition_item_id": record.id,
        "accounting_method": record.get("accounting_method"),
        "amount": money::plain(of("amount")),
        "change_order_line_item_origin_id": null,
        "commitment_item_origin_id": origin(Kind::LineItem, "line_item_id"),
        "cost_code_id": record.get("cost_code_id"),
        "cost_code_origin_id": origin(Kind::CostCode, "cost_code_id"),
        "description": record.get("description_of_work"),
        "formatted_amount": money::dollars(of("amount")),
        "formatted_unit_cost": money::dollars(of("unit_cost")),
        "line_item_description": line.map(|line| line.get("description").clone()),
        "line_item_type_origin_id": cost_type.and_then(|found| found.origin.id.clone()),
        "qty": money::plain(of("quantity")),
        "released_work_completed_this_period": money::plain(of("retainage_released")),
        "requisition_item_type": "Billings::ContractItem",
        "retainage_materials_presently_stored": money::plain(of("materials_retainage_held")),
        "retainage_materials_previously_stored": "0.0",
        "retainage_this_period": money::plain(of("retainage_held") + of("materials_retainage_held")),
        "retainage_work_completed_this_period": money::plain(of("retainage_held")),
        "scheduled_total_amount": money::plain(scheduled),
        "tax_code_origin_id": null,
        "unit_cost": money::plain(of("unit_cost")),
        "uom": record.get("uom"),
    })
}
