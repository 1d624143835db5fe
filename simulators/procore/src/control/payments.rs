//! Payments that were made with Procore Pay, and their export.

use axum::{Json, extract::Path};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{companies::read_all, records::amount};
use crate::{
    call::Call,
    errors::ApiError,
    money,
    store::{
        World, into_map,
        record::{Kind, Record},
    },
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPayment {
    requisition_id: i64,
    amount: Value,
    check_number: Option<String>,
    payment_number: Option<String>,
    date_payment_funded: Option<String>,
}

/// Payments of subcontractor invoices.
pub(crate) async fn create(Path(company): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    let wanted: Vec<NewPayment> = read_all(&call.body)?;
    let mut world = call.sim.world();
    world.company(company)?;
    let mut made = Vec::new();
    for row in wanted {
        let value = amount(Some(&row.amount), "amount")?;
        let invoice = world
            .record(company, Kind::Requisition, row.requisition_id)
            .cloned()
            .ok_or_else(|| ApiError::invalid("requisition_id", "does not exist"))?;
        let fields = into_map(json!({
            "requisition_id": invoice.id, "invoice_number": invoice.get("invoice_number"), "amount": money::plain(value),
            "check_number": row.check_number, "payment_number": row.payment_number, "payment_method": "ach",
            "date": row.date_payment_funded, "date_payment_funded": row.date_payment_funded, "status": "paid",
        }));
        made.push(world.insert(
            company,
            Kind::ContractPayment,
            invoice.project_id,
            invoice.holder_id,
            fields,
            None,
        ));
    }
    Ok(Json(json!({"ids": made})))
}

/// The event of its export: its name is not that of the dictionary's heading.
pub(crate) fn event(world: &World, company: i64, payment: &Record, detail: i64) -> Map<String, Value> {
    let vendor = payment.holder_id.and_then(|contract| {
        [Kind::WorkOrderContract, Kind::PurchaseOrderContract]
            .into_iter()
            .find_map(|kind| world.record(company, kind, contract))
            .and_then(|contract| contract.number("vendor_id"))
    });
    let stamp = crate::clock::stamp(payment.created_at);
    into_map(json!({"request_data": {
        "request_detail_id": detail,
        "contract_payment": {
            "id": payment.id, "company_id": company, "project_id": payment.project_id, "contract_id": payment.holder_id,
            "requisition_id": payment.get("requisition_id"), "external_payment_id": null,
            "invoice_number": payment.get("invoice_number"), "invoice_date": null, "status": payment.get("status"),
            "amount": payment.get("amount"), "date_payment_created": stamp, "date_payment_initiated": stamp,
            "date_payment_funded": payment.get("date_payment_funded"), "date_payment_settled": null,
            "retainage_released_payment_amount": null, "draw_request_number": null,
            "payment_method": payment.get("payment_method"), "payment_number": payment.get("payment_number"),
            "vendor_id": vendor, "bank_id": "primary", "check_number": payment.get("check_number"),
        },
        "company_id": company,
    }}))
}
