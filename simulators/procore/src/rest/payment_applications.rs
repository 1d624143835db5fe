//! Owner invoices, which the API calls payment applications: the forms G702 and G703.

use axum::{Json, extract::Path};
use serde_json::{Value, json};

use super::{draw, find, project_of};
use crate::{call::Call, erp::prime, errors::ApiError, money, store::record::Kind};

pub(crate) async fn show(Path(id): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    let world = call.sim.world();
    let company = call.company();
    let project = project_of(&world, &call)?;
    let found = find(&world, &call, Kind::PaymentApplication, id)?;
    if found.project_id != Some(project) {
        return Err(ApiError::not_found());
    }
    let lines: Vec<Value> = world
        .parts(company, Kind::PaymentApplicationItem, id)
        .map(|item| {
            let mut body = prime::item(&world, company, item);
            let code = item
                .number("cost_code_id")
                .and_then(|id| world.record(company, Kind::CostCode, id));
            let code = code.map(|code| draw::cost_code(&world, company, code));
            body.insert("cost_code".to_owned(), json!(code));
            Value::Object(body)
        })
        .collect();
    Ok(Json(json!({
        "id": found.id,
        "billing_date": found.get("billing_date"),
        "invoice_number": found.get("invoice_number"),
        "number": found.get("number"),
        "status": found.get("status"),
        "origin_id": found.origin.id,
        "origin_data": found.origin.data,
        "contract": {"id": found.holder_id, "type": "PrimeContract"},
        "g702": {"current_payment_due": money::plain(prime::due(&world, company, id))},
        "g703": lines,
    })))
}
