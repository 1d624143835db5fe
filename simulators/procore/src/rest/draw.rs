//! The shapes in which records leave: REST answers and, where they agree, ERP payloads.

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use crate::{
    clock::stamp,
    money,
    store::{
        World,
        record::{Kind, Record},
    },
};

/// Fields, id, origin and dates of a record: what every shape begins with.
fn base(record: &Record) -> Map<String, Value> {
    let mut body = record.fields.clone();
    body.insert("id".into(), json!(record.id));
    body.insert("origin_id".into(), json!(record.origin.id));
    body.insert("origin_data".into(), json!(record.origin.data));
    body.insert("created_at".into(), json!(stamp(record.created_at)));
    body.insert("updated_at".into(), json!(stamp(record.updated_at)));
    body
}

pub(crate) fn vendor(record: &Record) -> Value {
    let mut body = base(record);
    body.insert("company".into(), record.get("name").clone());
    body.insert("origin_code".into(), json!(record.origin.code));
    body.insert("synced_to_erp".into(), json!(record.is_synced()));
    body.insert("attachments".into(), json!([]));
    for absent in ["business_register", "primary_contact", "vendor_group", "logo"] {
        body.entry(absent).or_insert(Value::Null);
    }
    Value::Object(body)
}

pub(crate) fn project(record: &Record) -> Value {
    let mut body = base(record);
    body.insert("display_name".into(), json!(display_name(record)));
    body.insert("origin_code".into(), json!(record.origin.code));
    body.insert("departments".into(), json!([]));
    Value::Object(body)
}

fn display_name(record: &Record) -> String {
    match record.text("project_number") {
        "" => record.text("name").to_owned(),
        number => format!("{number} - {}", record.text("name")),
    }
}

pub(crate) fn standard_cost_code(record: &Record) -> Value {
    let mut body = base(record);
    body.remove("created_at");
    body.remove("updated_at");
    Value::Object(body)
}

/// A cost type without the dates, as it appears inside other records too.
pub(crate) fn line_item_type(record: &Record) -> Value {
    json!({
        "id": record.id,
        "name": record.get("name"),
        "code": record.get("code"),
        "base_type": record.get("base_type"),
        "origin_data": record.origin.data,
        "origin_id": record.origin.id,
    })
}

/// A cost code of a project, with the cost types assigned to it.
pub(crate) fn cost_code(world: &World, company: i64, record: &Record) -> Value {
    let of_sub_job = record
        .number("sub_job_id")
        .and_then(|id| Some((world.record(company, Kind::SubJob, id)?, "SubJob")));
    let biller = of_sub_job.or_else(|| {
        let project = record.project_id?;
        Some((world.record(company, Kind::Project, project)?, "Project"))
    });
    let types = record
        .get("line_item_type_ids")
        .as_array()
        .cloned()
        .unwrap_or_default();
    let types: Vec<Value> = types
        .iter()
        .filter_map(|id| world.record(company, Kind::LineItemType, id.as_i64()?))
        .map(|kind| {
            json!({"id": kind.id, "name": kind.get("name"), "code": kind.get("code"), "base_type": kind.get("base_type"), "origin_id": kind.origin.id})
        })
        .collect();
    let mut body = base(record);
    body.remove("line_item_type_ids");
    body.remove("sub_job_id");
    let parent = body.remove("parent_id").unwrap_or_default();
    body.insert("parent".into(), json!({"id": parent}));
    body.insert(
        "biller".into(),
        json!(biller.map(|(biller, _)| biller.text("name"))),
    );
    body.insert("biller_id".into(), json!(biller.map(|(biller, _)| biller.id)));
    body.insert("biller_type".into(), json!(biller.map(|(_, kind)| kind)));
    body.insert(
        "biller_origin_id".into(),
        json!(biller.and_then(|(biller, _)| biller.origin.id.clone())),
    );
    body.insert("sortable_code".into(), record.get("full_code").clone());
    body.insert("line_item_types".into(), json!(types));
    body.insert("deleted_at".into(), Value::Null);
    Value::Object(body)
}

/// Sum of a contract's lines.
pub(crate) fn contract_total(world: &World, company: i64, contract: i64) -> Decimal {
    world
        .parts(company, Kind::LineItem, contract)
        .map(|line| money::of(&line.fields, "amount"))
        .sum()
}

/// A commitment's header, as both contract endpoints and the ERP payload give it.
pub(crate) fn commitment(world: &World, company: i64, record: &Record) -> Value {
    let total = contract_total(world, company, record.id);
    let changes: Decimal = world
        .parts(company, Kind::ChangeOrder, record.id)
        .filter(|change| change.text("status").eq_ignore_ascii_case("approved"))
        .map(|change| contract_total(world, company, change.id))
        .sum();
    // Payments Issued: those made in Procore, and those that came from the books.
    let invoices: Vec<i64> = world
        .parts(company, Kind::Requisition, record.id)
        .map(|requisition| requisition.id)
        .collect();
    let paid: Decimal = world
        .records(company, Kind::ContractPayment)
        .filter(|payment| payment.holder_id == Some(record.id))
        .chain(
            world
                .records(company, Kind::InvoicePayment)
                .filter(|payment| payment.holder_id.is_some_and(|id| invoices.contains(&id))),
        )
        .map(|payment| money::of(&payment.fields, "amount"))
        .sum();
    let billed: Decimal = world
        .parts(company, Kind::Requisition, record.id)
        .map(|requisition| requisition_due(world, company, requisition.id))
        .sum();
    let share = if total.is_zero() {
        Decimal::ZERO
    } else {
        (paid / total * Decimal::ONE_HUNDRED).round_dp(2)
    };
    let mut body = base(record);
    body.remove("vendor_id");
    body.extend(crate::store::into_map(json!({
        "origin_code": record.origin.code,
        "grand_total": money::plain(total),
        "revised_contract": money::plain(total + changes),
        "pending_revised_contract": money::plain(total + changes),
        "approved_change_orders": money::plain(changes),
        "draft_change_orders_amount": "0.0",
        "pending_change_orders": "0.0",
        "percentage_paid": money::plain(share),
        "remaining_balance_outstanding": money::plain(total + changes - paid),
        "total_draw_requests_amount": "0.0",
        "total_payments": money::plain(paid),
        "total_requisitions_amount": money::plain(billed),
        "deleted_at": null,
        "project": project_stub(world, company, record.project_id),
        "vendor": vendor_stub(world, company, record.number("vendor_id")),
    })));
    Value::Object(body)
}

fn project_stub(world: &World, company: i64, id: Option<i64>) -> Value {
    id.and_then(|id| world.record(company, Kind::Project, id)).map_or(Value::Null, |project| {
        json!({"id": project.id, "name": project.get("name"), "origin_data": project.origin.data, "origin_id": project.origin.id})
    })
}

fn vendor_stub(world: &World, company: i64, id: Option<i64>) -> Value {
    id.and_then(|id| world.record(company, Kind::Vendor, id)).map_or(Value::Null, |vendor| {
        json!({"id": vendor.id, "company": vendor.get("name"), "origin_data": vendor.origin.data, "origin_id": vendor.origin.id})
    })
}

/// One line of a commitment.
pub(crate) fn line(world: &World, company: i64, record: &Record) -> Value {
    let code = record
        .number("cost_code_id")
        .and_then(|id| world.record(company, Kind::CostCode, id));
    let cost_type = record
        .number("line_item_type_id")
        .and_then(|id| world.record(company, Kind::LineItemType, id));
    let amount = money::plain(money::of(&record.fields, "amount"));
    let holder = json!({"id": record.holder_id, "holder_type": record.get("holder_type")});
    let mut body = json!({
        "id": record.id,
        "amount": amount,
        "company": {"id": company, "name": world.companies.get(&company).map(|company| company.name.as_str())},
        "cost_code": code.map(|code| cost_code(world, company, code)),
        "created_at": stamp(record.created_at),
        "description": record.get("description"),
        "extended_amount": amount,
        "extended_type": record.get("extended_type"),
        "holder": holder,
        "line_item_type": cost_type.map(line_item_type),
        "origin_data": record.origin.data,
        "origin_id": record.origin.id,
        "position": record.get("position"),
        "project": project_stub(world, company, record.project_id),
        "quantity": money::plain(money::of(&record.fields, "quantity")),
        "tax_amount": "0.0",
        "tax_code": null,
        "tax_code_id": null,
        "total_amount": amount,
        "unit_cost": money::plain(money::of(&record.fields, "unit_cost")),
        "uom": record.get("uom"),
        "updated_at": stamp(record.updated_at),
    });
    // Guess: published lines of orders have none, and all the segments they could have are told otherwise.
    if record.get("custom_segment").is_string() {
        body["wbs_code"] = wbs_code(world, company, record);
    }
    body
}

/// The budget code of a line: its cost code, its cost type and the company's own segment.
fn wbs_code(world: &World, company: i64, line: &Record) -> Value {
    let named = |kind, key| line.number(key).and_then(|id| world.record(company, kind, id));
    let item =
        |kind: &str, code: &Value, name: &Value| json!({"code": code, "name": name, "segment_type": kind});
    let mut items = Vec::new();
    if let Some(code) = named(Kind::CostCode, "cost_code_id") {
        items.push(item("cost_code", code.get("code"), code.get("name")));
    }
    if let Some(cost_type) = named(Kind::LineItemType, "line_item_type_id") {
        items.push(item(
            "line_item_type",
            cost_type.get("code"),
            cost_type.get("name"),
        ));
    }
    let own = line.get("custom_segment");
    if own.is_string() {
        items.push(item("custom", own, own));
    }
    let codes: Vec<&str> = items.iter().filter_map(|item| item["code"].as_str()).collect();
    json!({"id": line.id, "flat_code": codes.join("."), "description": null, "segment_items": items})
}

/// What a requisition asks to be paid now: work and stored materials, less retainage held, plus retainage released.
pub(crate) fn requisition_due(world: &World, company: i64, requisition: i64) -> Decimal {
    world
        .parts(company, Kind::RequisitionItem, requisition)
        .map(|item| {
            let of = |key| money::of(&item.fields, key);
            of("amount") - of("retainage_held") - of("materials_retainage_held")
                + of("retainage_released")
                + of("materials_retainage_released")
        })
        .sum()
}

/// A subcontractor invoice, with its items if asked.
pub(crate) fn requisition(world: &World, company: i64, record: &Record, with_items: bool) -> Value {
    let contract = record.holder_id.unwrap_or_default();
    let items: Vec<&Record> = world.parts(company, Kind::RequisitionItem, record.id).collect();
    let sum = |key: &str| -> Decimal { items.iter().map(|item| money::of(&item.fields, key)).sum() };
    let total = contract_total(world, company, contract);
    let mut earlier = Decimal::ZERO;
    let mut completed = sum("amount");
    let mut retained = sum("retainage_held") + sum("materials_retainage_held")
        - sum("retainage_released")
        - sum("materials_retainage_released");
    for other in world
        .parts(company, Kind::Requisition, contract)
        .filter(|other| other.id < record.id)
    {
        earlier += requisition_due(world, company, other.id);
        for item in world.parts(company, Kind::RequisitionItem, other.id) {
            let of = |key| money::of(&item.fields, key);
            completed += of("amount");
            retained += of("retainage_held") + of("materials_retainage_held")
                - of("retainage_released")
                - of("materials_retainage_released");
        }
    }
    let due = requisition_due(world, company, record.id);
    let vendor = record
        .number("vendor_id")
        .and_then(|id| world.record(company, Kind::Vendor, id));
    let mut body = base(record);
    body.extend(crate::store::into_map(json!({
        "project_id": record.project_id,
        "commitment_id": contract,
        "vendor_name": vendor.map(|vendor| vendor.text("name")),
        "erp_status": record.erp_status,
        "deletable": !record.is_synced(),
        "total_claimed_amount": money::cents(due),
        "percent_complete": if total.is_zero() { "0".to_owned() } else { (completed / total * Decimal::ONE_HUNDRED).round_dp(2).normalize().to_string() },
        "summary": {
            "original_contract_sum": money::plain(total),
            "net_change_by_change_orders": "0.0",
            "contract_sum_to_date": money::cents(total),
            "total_completed_and_stored_to_date": money::plain(completed),
            "completed_work_retainage_amount": money::plain(sum("retainage_held")),
            "stored_materials_retainage_amount": money::plain(sum("materials_retainage_held")),
            "total_retainage": money::plain(retained),
            "total_earned_less_retainage": money::plain(completed - retained),
            "less_previous_certificates_for_payment": money::plain(earlier),
            "current_payment_due": money::plain(due),
            "tax_applicable_to_this_payment": "0",
            "balance_to_finish_including_retainage": money::cents(total - completed + retained),
        },
        "attachments": [],
        "item_packages": [],
    })));
    if with_items {
        let items: Vec<Value> = items
            .iter()
            .map(|item| requisition_item(world, company, item))
            .collect();
        body.insert("items".into(), json!(items));
    }
    Value::Object(body)
}

/// One item of a requisition. Amounts from earlier requisitions are added up from them.
pub(crate) fn requisition_item(world: &World, company: i64, record: &Record) -> Value {
    let of = |key| money::of(&record.fields, key);
    let line = record
        .number("line_item_id")
        .and_then(|id| world.record(company, Kind::LineItem, id));
    let scheduled = line
        .map(|line| money::of(&line.fields, "amount"))
        .unwrap_or_default();
    let (mut before, mut retained_before, mut quantity_before) =
        (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
    for earlier in world
        .records(company, Kind::RequisitionItem)
        .take_while(|other| other.id < record.id)
    {
        if earlier.get("line_item_id") == record.get("line_item_id") && earlier.holder_id != record.holder_id
        {
            before += money::of(&earlier.fields, "amount");
            quantity_before += money::of(&earlier.fields, "quantity");
            retained_before += money::of(&earlier.fields, "retainage_held")
                - money::of(&earlier.fields, "retainage_released");
        }
    }
    let to_date = before + of("amount");
    let percent = if scheduled.is_zero() {
        Decimal::ZERO
    } else {
        (to_date / scheduled * Decimal::ONE_HUNDRED).round_dp(2)
    };
    json!({
        "id": record.id,
        "item_type": "contract_item",
        "accounting_method": record.get("accounting_method"),
        "cost_code_id": record.get("cost_code_id"),
        "line_item_id": record.get("line_item_id"),
        "wbs_code": line.map(|line| wbs_code(world, company, line)),
        "description_of_work": record.get("description_of_work"),
        "scheduled_value": money::cents(scheduled),
        "work_completed_from_previous_application": money::cents(before),
        "work_completed_this_period": money::cents(of("amount") - of("materials")),
        "materials_presently_stored": money::cents(of("materials")),
        "materials_moved": "0.00",
        "total_completed_and_stored_to_date": money::cents(to_date),
        "total_completed_and_stored_to_date_percent": money::plain(percent),
        "work_completed_retainage_from_previous_application": money::plain(retained_before),
        "work_completed_retainage_retained_this_period": money::plain(of("retainage_held")),
        "work_completed_retainage_released_this_period": money::plain(of("retainage_released")),
        "materials_stored_retainage_currently_retained": money::plain(of("materials_retainage_held")),
        "materials_stored_retainage_released_this_period": money::plain(of("materials_retainage_released")),
        "scheduled_quantity": money::plain(line.map(|line| money::of(&line.fields, "quantity")).unwrap_or_default()),
        "scheduled_unit_price": money::plain(of("unit_cost")),
        "work_completed_this_period_quantity": money::plain(of("quantity")),
        "work_completed_from_previous_application_quantity": money::plain(quantity_before),
        "gross_amount": money::cents(of("amount")),
        "net_amount": money::cents(of("amount") - of("retainage_held") + of("retainage_released")),
        "uom": record.get("uom"),
        "status": "no_action",
        "comment": null,
        "position": record.get("position"),
        "subcontractor_claimed_amount": "0.0",
        "currency_configuration": {"currency_iso_code": "USD"},
    })
}

/// A payment issued, as `contract_payments` shows it.
pub(crate) fn contract_payment(record: &Record) -> Value {
    let mut body = base(record);
    body.insert(
        "amount".into(),
        json!(money::plain(money::of(&record.fields, "amount"))),
    );
    body.insert("contract_id".into(), json!(record.holder_id));
    body.insert("project_id".into(), json!(record.project_id));
    body.insert("origin_code".into(), json!(record.origin.code));
    body.insert("attachments".into(), json!([]));
    for absent in [
        "date_payment_settled",
        "date_payment_initiated",
        "external_payment_id",
        "status",
    ] {
        body.entry(absent).or_insert(Value::Null);
    }
    Value::Object(body)
}

/// A payment that came through `invoice_payments/sync`.
pub(crate) fn invoice_payment(record: &Record) -> Value {
    let mut body = base(record);
    body.insert(
        "amount".into(),
        json!(money::plain(money::of(&record.fields, "amount"))),
    );
    body.insert("invoice_id".into(), json!(record.holder_id));
    body.insert("origin_code".into(), json!(record.origin.code));
    Value::Object(body)
}
