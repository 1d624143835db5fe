//! The payloads of the owner's side: owner invoices and prime contract change orders, as the events dictionary prints them.
//!
//! An owner invoice names neither its project's id nor a cost code's: whoever needs them reads the ordinary API.

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::events::Extras;
use crate::{
    money,
    rest::draw,
    store::{
        World, into_map,
        record::{Kind, Record},
    },
};

/// Whether a change order changes a prime contract and no commitment.
pub(crate) fn is_prime(world: &World, company: i64, change: &Record) -> bool {
    change
        .holder_id
        .is_some_and(|id| world.record(company, Kind::PrimeContract, id).is_some())
}

fn of_project(world: &World, company: i64, record: &Record, key: &str) -> Value {
    record
        .project_id
        .and_then(|id| world.record(company, Kind::Project, id))
        .map_or(Value::Null, |project| project.get(key).clone())
}

fn job(world: &World, company: i64, record: &Record) -> Option<String> {
    let project = world.record(company, Kind::Project, record.project_id?)?;
    project.origin.id.clone()
}

/// What an item bills less what is held, plus what is released.
fn net(item: &Record) -> Decimal {
    let of = |key| money::of(&item.fields, key);
    of("amount") + of("materials") - of("retainage_held") - of("materials_retainage_held")
        + of("retainage_released")
        + of("materials_retainage_released")
}

/// What an owner invoice asks to be paid.
pub(crate) fn due(world: &World, company: i64, application: i64) -> Decimal {
    world
        .parts(company, Kind::PaymentApplicationItem, application)
        .map(net)
        .sum()
}

/// A line of an owner invoice, as order and ordinary API have it.
pub(crate) fn item(world: &World, company: i64, record: &Record) -> Map<String, Value> {
    let of = |key| money::of(&record.fields, key);
    let line = record
        .number("line_item_id")
        .and_then(|id| world.record(company, Kind::LineItem, id));
    let code = record
        .number("cost_code_id")
        .and_then(|id| world.record(company, Kind::CostCode, id));
    let (mut before, mut stored_before) = (Decimal::ZERO, Decimal::ZERO);
    for earlier in world
        .records(company, Kind::PaymentApplicationItem)
        .take_while(|other| other.id < record.id)
    {
        if earlier.get("line_item_id") == record.get("line_item_id") && earlier.holder_id != record.holder_id
        {
            before += money::of(&earlier.fields, "amount");
            stored_before += money::of(&earlier.fields, "materials");
        }
    }
    let scheduled = line
        .map(|line| money::of(&line.fields, "amount"))
        .unwrap_or_default();
    let to_date = before + of("amount") + stored_before + of("materials");
    into_map(json!({
        "accounting_method": "amount",
        "balance_to_finish": money::plain(scheduled - to_date),
        "description_of_work": record.get("description_of_work"),
        "description_override": null,
        "holder_id": line.and_then(|line| line.holder_id),
        "holder_type": line.map(|line| line.get("holder_type").clone()),
        "id": record.id,
        "item_number": record.get("item_number"),
        "materials_presently_stored": money::plain(stored_before + of("materials")),
        "materials_presently_stored_from_previous_application": money::plain(stored_before),
        "materials_stored_retainage_released_this_period": money::plain(of("materials_retainage_released")),
        "materials_stored_retainage_retained_this_period": money::plain(of("materials_retainage_held")),
        "new_materials": money::plain(of("materials")),
        "origin_id": record.get("line_item_id"),
        "origin_type": "LineItem",
        "previous_quantity": null,
        "scheduled_value": money::plain(scheduled),
        "total_completed_and_stored_to_date": money::plain(to_date),
        "type": "payment_application_line_item",
        "wbs_code": {
            "description": code.map(|code| code.get("name").clone()),
            "flat_code": code.map(|code| format!("{}.O", code.text("full_code"))),
            "id": record.id, "segment_items": [],
        },
        "work_completed_from_previous_application": money::plain(before),
        "work_completed_retainage_released_this_period": money::plain(of("retainage_released")),
        "work_completed_retainage_retained_this_period": money::plain(of("retainage_held")),
        "work_completed_this_period": money::plain(of("amount")),
    }))
}

/// An owner invoice as both of its events carry it.
pub(crate) fn application(world: &World, company: i64, record: &Record) -> Value {
    let items: Vec<Value> = world
        .parts(company, Kind::PaymentApplicationItem, record.id)
        .map(|part| Value::Object(item(world, company, part)))
        .collect();
    let contract = record
        .holder_id
        .and_then(|id| world.record(company, Kind::PrimeContract, id));
    json!({
        "id": record.id,
        "attachments": [],
        "billing_date": record.get("billing_date"),
        "contract_name": contract.map(|contract| format!("Prime Contract #{}", contract.text("number"))),
        "invoice_number": record.get("invoice_number"),
        "items": items,
        "status": record.get("status"),
        "summary": {
            "application_number": record.get("number").to_string(),
            "project_name": of_project(world, company, record, "name"),
            "project_number": of_project(world, company, record, "project_number"),
            "current_payment_due": money::plain(due(world, company, record.id)),
        },
        // As text, where there is none.
        "origin_id": record.origin.id.clone().unwrap_or_else(|| "null".to_owned()),
        "origin_code": record.origin.code,
        "origin_data": record.origin.data,
    })
}

/// `create_payment_application`.
pub(crate) fn payment_application(
    world: &World,
    company: i64,
    record: &Record,
    detail: i64,
) -> Map<String, Value> {
    into_map(json!({"request_data": {
        "request_detail_id": detail,
        "payment_application": application(world, company, record),
        "company_id": company,
    }}))
}

fn lines(world: &World, company: i64, holder: i64) -> Vec<Value> {
    world
        .parts(company, Kind::LineItem, holder)
        .map(|line| {
            let mut body = draw::line(world, company, line);
            body["markup_line_items"] = json!([]);
            body
        })
        .collect()
}

/// `create_prime_contract_change_order`.
pub(crate) fn change_order(
    world: &World,
    company: i64,
    record: &Record,
    extras: &Extras,
    detail: i64,
) -> Map<String, Value> {
    let contract = record
        .holder_id
        .and_then(|id| world.record(company, Kind::PrimeContract, id));
    let mut change = record.dump();
    change["contract_id"] = json!(record.holder_id);
    change["erp_custom_fields"] = json!(extras.custom_fields);
    into_map(json!({"request_data": {
        "project": {
            "id": record.project_id, "name": of_project(world, company, record, "name"),
            "origin_id": job(world, company, record), "origin_data": null, "origin_code": null,
        },
        "prime_contract": contract.map(Record::dump),
        "prime_contract_items": contract.map_or_else(Vec::new, |contract| lines(world, company, contract.id)),
        "prime_contract_change_order": change,
        "prime_contract_change_order_items": lines(world, company, record.id),
        "request_detail_id": detail,
    }}))
}

/// `unlink_prime_contract_change_order`.
pub(crate) fn unlink_change_order(world: &World, company: i64, change: &Record, contract: &Record) -> Value {
    json!({
        "prime_contract": {
            "id": contract.id, "number": contract.get("number"), "origin_id": contract.origin.id,
            "procore_prime_contract_id": contract.id, "project_id": contract.project_id, "title": contract.get("title"),
        },
        "prime_contract_change_order": {
            "prime_contract_origin_id": contract.origin.id, "id": change.id, "number": change.get("number"),
            "job_origin_id": job(world, company, change), "origin_id": change.origin.id, "origin_code": change.origin.code,
            "title": change.get("title"), "custom_fields": {}, "erp_custom_fields": {},
        },
        "prime_contract_change_order_line_items": [],
    })
}

/// `reset_prime_contract_change_order`.
pub(crate) fn reset_change_order(world: &World, company: i64, change: &Record, contract: &Record) -> Value {
    json!({
        "prime_contract_id": contract.id,
        "prime_contract_origin_id": contract.origin.id,
        "prime_contract_change_order_id": change.id,
        "prime_contract_change_order_number": change.get("number"),
        "prime_contract_change_order_origin_id": change.origin.id,
        "prime_contract_change_order_line_items": lines(world, company, change.id),
        "job_id": job(world, company, change),
        "project_id": change.project_id,
        "reset_estimate_transactions": false,
        "reset_revenue_transactions": false,
    })
}
