//! Budget views, read only: one view per project, a row per budget line.
//!
//! Field names are those of the published API; that amounts are texts with two decimals is a guess.

use axum::{Json, extract::Path, response::Response};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::project_of;
use crate::{
    call::Call,
    errors::ApiError,
    money,
    store::record::{Kind, Record},
};

/// The one view there is.
const STANDARD: i64 = 1;

pub(crate) async fn list(call: Call) -> Result<Json<Value>, ApiError> {
    let project = project_of(&call.sim.world(), &call)?;
    Ok(Json(
        json!([{"id": STANDARD, "name": "Procore Standard Budget", "project_id": project}]),
    ))
}

pub(crate) async fn rows(Path(view): Path<i64>, call: Call) -> Result<Response, ApiError> {
    let project = project_of(&call.sim.world(), &call)?;
    if view != STANDARD {
        return Err(ApiError::not_found());
    }
    let company = call.company();
    Ok(super::list(
        &call,
        Kind::JobCost,
        100,
        |line| line.project_id == Some(project),
        |world, line| {
            let code = line
                .number("cost_code_id")
                .and_then(|id| world.record(company, Kind::CostCode, id));
            let sum = |original: bool| -> Decimal {
                world
                    .parts(company, Kind::ErpTransaction, line.id)
                    .filter(|amount| is_original(amount) == original)
                    .map(|amount| money::of(&amount.fields, "value"))
                    .sum()
            };
            json!({
                "id": line.id,
                "project_id": project,
                "company_id": company,
                "cost_code_id": line.get("cost_code_id"),
                "cost_code_origin_id": code.and_then(|code| code.origin.id.clone()),
                "cost_code": code.map(|code| code.get("name").clone()),
                "original_budget_amount": money::plain(sum(true)),
                "budget_modifications": money::plain(sum(false)),
            })
        },
    ))
}

fn is_original(amount: &Record) -> bool {
    amount.text("type") == "Erp::OriginalEstimateTransaction"
}
