//! Payments of subcontractor invoices, straight from the accounting system into Procore.
//!
//! Guess: beside the printed `invoice_type`, `invoice_id`, `origin_id` and `origin_code`, the fields are those of
//! contract payments.

use axum::Json;
use serde_json::{Map, Value, json};

use super::enabled;
use crate::{
    call::{Call, int_of},
    errors::{ApiError, FieldErrors},
    money,
    rest::{clean_date, contract_payments::METHODS, draw, pick, sync as rules},
    store::{World, record::Kind},
};

const INVOICE_TYPE: &str = "Billings::Requisition";

const WRITABLE: [&str; 8] = [
    "amount",
    "date",
    "payment_method",
    "check_number",
    "payment_number",
    "notes",
    "status",
    "invoice_number",
];

/// Makes and updates payments, keyed by their origin id: the same origin id never makes a second one.
pub(crate) async fn sync(call: Call) -> Result<Json<Value>, ApiError> {
    call.required_int("company_id")?;
    let updates = call.updates()?;
    let mut world = call.sim.world();
    enabled(&world, &call)?;
    let (mut entities, mut errors) = (Vec::new(), Vec::new());
    for update in updates {
        let outcome = match update.as_object() {
            Some(given) => one(&mut world, &call, given),
            None => Err(FieldErrors::one("base", "must be an object")),
        };
        match outcome {
            Ok(id) => entities.extend(
                world
                    .record(call.company(), Kind::InvoicePayment, id)
                    .map(draw::invoice_payment),
            ),
            Err(fields) => errors.push(rules::item_error(update, &fields)),
        }
    }
    Ok(Json(json!({"entities": entities, "errors": errors})))
}

fn one(world: &mut World, call: &Call, given: &Map<String, Value>) -> Result<i64, FieldErrors> {
    let company = call.company();
    let mut errors = FieldErrors::default();
    let origin_id = given.get("origin_id").and_then(Value::as_str).unwrap_or_default();
    if origin_id.is_empty() {
        errors.push("origin_id", "can't be blank");
    }
    if given.get("invoice_type").and_then(Value::as_str) != Some(INVOICE_TYPE) {
        errors.push("invoice_type", "is not included in the list");
    }
    let invoice = given
        .get("invoice_id")
        .and_then(int_of)
        .and_then(|id| world.record(company, Kind::Requisition, id))
        .map(|invoice| (invoice.id, invoice.project_id));
    if invoice.is_none() {
        errors.push("invoice_id", "Entity with this ID not found");
    }
    let existing = world.by_origin(company, Kind::InvoicePayment, origin_id);
    let mut fields = pick(given, &WRITABLE);
    match fields.get("amount") {
        Some(amount) if money::parse(amount).is_none() => errors.push("amount", "is not a number"),
        None if existing.is_none() => errors.push("amount", "can't be blank"),
        _ => {}
    }
    if let Some(method) = fields.get("payment_method").filter(|method| !method.is_null())
        && !method.as_str().is_some_and(|method| METHODS.contains(&method))
    {
        errors.push("payment_method", "is not included in the list");
    }
    if let Some(date) = fields.get_mut("date") {
        *date = clean_date(date);
    }
    errors.or(())?;
    let Some((invoice_id, project)) = invoice else {
        return Err(FieldErrors::one("invoice_id", "is invalid"));
    };
    let old = existing
        .and_then(|id| world.record(company, Kind::InvoicePayment, id))
        .map(|payment| payment.origin.clone());
    let origin = rules::origin(given, old.as_ref())?;
    let id = if let Some(id) = existing {
        // What is not sent stays, a payment number typed by a user among it.
        world.update(company, Kind::InvoicePayment, id, Some(call.app()), |payment| {
            payment.fields.extend(fields);
            payment.holder_id = Some(invoice_id);
        });
        id
    } else {
        fields.insert("invoice_type".into(), json!(INVOICE_TYPE));
        world.insert(
            company,
            Kind::InvoicePayment,
            project,
            Some(invoice_id),
            fields,
            Some(call.app()),
        )
    };
    world.set_origin(company, Kind::InvoicePayment, id, origin)?;
    Ok(id)
}
