//! The owner's side, as users type it: prime contracts, their change orders, owner invoices; and their Unlink buttons.

use axum::{Json, extract::Path};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    clicks::{announce, ask, asked},
    companies::read_all,
    records::{NewLine, add_line, amount, approved},
};
use crate::{
    call::Call,
    erp::prime,
    errors::ApiError,
    money,
    rest::clean_date,
    store::{
        World, into_map,
        record::{Kind, Record},
    },
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewContract {
    project_id: i64,
    number: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    lines: Vec<NewLine>,
}

pub(crate) async fn contracts(Path(company): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    let wanted: Vec<NewContract> = read_all(&call.body)?;
    let mut world = call.sim.world();
    world.company(company)?;
    let (mut made, mut lines) = (Vec::new(), Vec::new());
    for row in wanted {
        world
            .record(company, Kind::Project, row.project_id)
            .ok_or_else(|| ApiError::invalid("project_id", "does not exist"))?;
        let fields = into_map(json!({
            "number": row.number, "title": row.title, "status": "Approved", "accounting_method": "amount",
            "description": "", "private": true,
        }));
        let id = world.insert(
            company,
            Kind::PrimeContract,
            Some(row.project_id),
            None,
            fields,
            None,
        );
        made.push(id);
        lines.push(add_lines(
            &mut world,
            company,
            (id, row.project_id),
            "PrimeContract",
            &row.lines,
        )?);
    }
    Ok(Json(json!({"ids": made, "line_ids": lines})))
}

fn add_lines(
    world: &mut World,
    company: i64,
    (holder, project): (i64, i64),
    holder_type: &str,
    lines: &[NewLine],
) -> Result<Vec<i64>, ApiError> {
    (1..)
        .zip(lines)
        .map(|(position, line)| {
            let id = add_line(
                world,
                company,
                (Kind::PrimeContract, holder, project),
                position,
                line,
            )?;
            world.update(company, Kind::LineItem, id, None, |record| {
                record.fields.insert("holder_type".to_owned(), json!(holder_type));
            });
            Ok(id)
        })
        .collect()
}

fn contract(world: &World, company: i64, id: i64) -> Result<Record, ApiError> {
    world
        .record(company, Kind::PrimeContract, id)
        .cloned()
        .ok_or_else(|| ApiError::invalid("prime_contract_id", "does not exist"))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewChangeOrder {
    prime_contract_id: i64,
    title: Option<String>,
    #[serde(default = "approved")]
    status: String,
    #[serde(default)]
    lines: Vec<NewLine>,
}

/// Prime contract change orders; they are numbered per contract.
pub(crate) async fn change_orders(Path(company): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    let wanted: Vec<NewChangeOrder> = read_all(&call.body)?;
    let mut world = call.sim.world();
    let (mut made, mut lines) = (Vec::new(), Vec::new());
    for row in wanted {
        let contract = contract(&world, company, row.prime_contract_id)?;
        let project = contract.project_id.unwrap_or_default();
        let number = world.parts(company, Kind::ChangeOrder, contract.id).count() + 1;
        let fields = into_map(json!({
            "contract_id": contract.id, "number": format!("{number:03}"), "status": row.status, "title": row.title,
            "description": null, "executed": false, "due_date": null, "invoiced_date": null, "paid_date": null,
        }));
        let id = world.insert(
            company,
            Kind::ChangeOrder,
            Some(project),
            Some(contract.id),
            fields,
            None,
        );
        made.push(id);
        lines.push(add_lines(
            &mut world,
            company,
            (id, project),
            "PotentialChangeOrder",
            &row.lines,
        )?);
    }
    Ok(Json(json!({"ids": made, "line_ids": lines})))
}

fn change_order(world: &World, company: i64, id: i64) -> Result<(Record, Record), ApiError> {
    let change = world.record(company, Kind::ChangeOrder, id).cloned();
    let change = change.ok_or_else(ApiError::not_found)?;
    let contract = contract(world, company, change.holder_id.unwrap_or_default())?;
    Ok((change, contract))
}

/// The approver presses Unlink on a prime contract change order.
pub(crate) async fn unlink_change_order(
    Path((company, id)): Path<(i64, i64)>,
    call: Call,
) -> Result<Json<Value>, ApiError> {
    let mut world = call.sim.world();
    let (change, contract) = change_order(&world, company, id)?;
    let data = into_map(prime::unlink_change_order(&world, company, &change, &contract));
    Ok(asked(ask(
        &mut world,
        company,
        "unlink_prime_contract_change_order",
        data,
        Some((Kind::ChangeOrder, id)),
    )))
}

/// Procore's support resets one; nobody waits for the answer.
pub(crate) async fn reset_change_order(
    Path((company, id)): Path<(i64, i64)>,
    call: Call,
) -> Result<Json<Value>, ApiError> {
    let mut world = call.sim.world();
    let (change, contract) = change_order(&world, company, id)?;
    let data = prime::reset_change_order(&world, company, &change, &contract);
    let request = announce(&mut world, company, "reset_prime_contract_change_order", &data);
    Ok(Json(
        json!({"erp_request_ids": [request], "request_detail_ids": []}),
    ))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewApplication {
    prime_contract_id: i64,
    invoice_number: Option<String>,
    billing_date: Option<String>,
    #[serde(default = "billed")]
    status: String,
    #[serde(default)]
    lines: Vec<NewItem>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewItem {
    /// A line of the contract, or of one of its change orders.
    line_id: i64,
    /// Work of this period.
    amount: Option<Value>,
    /// What stored materials grew by.
    materials: Option<Value>,
    retainage_held: Option<Value>,
    retainage_released: Option<Value>,
    materials_retainage_held: Option<Value>,
    materials_retainage_released: Option<Value>,
}

fn billed() -> String {
    "approved".into()
}

/// Owner invoices.
pub(crate) async fn payment_applications(
    Path(company): Path<i64>,
    call: Call,
) -> Result<Json<Value>, ApiError> {
    let wanted: Vec<NewApplication> = read_all(&call.body)?;
    let mut world = call.sim.world();
    let (mut made, mut items) = (Vec::new(), Vec::new());
    for row in wanted {
        let contract = contract(&world, company, row.prime_contract_id)?;
        let number = world
            .parts(company, Kind::PaymentApplication, contract.id)
            .count()
            + 1;
        let date = row
            .billing_date
            .map_or(Value::Null, |text| clean_date(&json!(text)));
        let fields = into_map(json!({
            "number": number, "invoice_number": row.invoice_number, "billing_date": date, "status": row.status,
        }));
        let id = world.insert(
            company,
            Kind::PaymentApplication,
            contract.project_id,
            Some(contract.id),
            fields,
            None,
        );
        let mut of_application = Vec::new();
        for (position, item) in (1..).zip(&row.lines) {
            of_application.push(add_item(&mut world, company, (id, &contract), position, item)?);
        }
        made.push(id);
        items.push(of_application);
    }
    Ok(Json(json!({"ids": made, "item_ids": items})))
}

fn add_item(
    world: &mut World,
    company: i64,
    (application, contract): (i64, &Record),
    position: i64,
    item: &NewItem,
) -> Result<i64, ApiError> {
    let line = world.record(company, Kind::LineItem, item.line_id).cloned();
    let line = line.ok_or_else(|| ApiError::invalid("line_id", "does not exist"))?;
    let plain = |value: &Option<Value>, field: &str| amount(value.as_ref(), field).map(money::plain);
    let fields = into_map(json!({
        "line_item_id": line.id, "cost_code_id": line.get("cost_code_id"), "item_number": position,
        "description_of_work": line.get("description"),
        "amount": plain(&item.amount, "amount")?,
        "materials": plain(&item.materials, "materials")?,
        "retainage_held": plain(&item.retainage_held, "retainage_held")?,
        "retainage_released": plain(&item.retainage_released, "retainage_released")?,
        "materials_retainage_held": plain(&item.materials_retainage_held, "materials_retainage_held")?,
        "materials_retainage_released": plain(&item.materials_retainage_released, "materials_retainage_released")?,
    }));
    Ok(world.insert(
        company,
        Kind::PaymentApplicationItem,
        contract.project_id,
        Some(application),
        fields,
        None,
    ))
}

/// The approver presses Unlink on an owner invoice.
pub(crate) async fn unlink_payment_application(
    Path((company, id)): Path<(i64, i64)>,
    call: Call,
) -> Result<Json<Value>, ApiError> {
    let mut world = call.sim.world();
    let record = world
        .record(company, Kind::PaymentApplication, id)
        .cloned()
        .ok_or_else(ApiError::not_found)?;
    let data = json!({
        "payment_application": prime::application(&world, company, &record), "company_id": company,
    });
    Ok(asked(ask(
        &mut world,
        company,
        "unlink_payment_application",
        into_map(data),
        Some((Kind::PaymentApplication, id)),
    )))
}
