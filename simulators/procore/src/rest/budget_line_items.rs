//! Lines of a project's budget, by cost code and cost type. Written only; they are read in budget views.

use axum::{Json, http::StatusCode};
use serde_json::{Value, json};

use super::permitted;
use crate::{
    call::{Call, int_of},
    errors::{ApiError, FieldErrors},
    money,
    store::{into_map, record::Kind},
};

/// `POST /rest/v1.0/budget_line_items`. A project without a budget gets one; a frozen one takes no lines.
pub(crate) async fn create(call: Call) -> Result<(StatusCode, Json<Value>), ApiError> {
    let given = call.wrapped("budget_line_item")?.clone();
    let project = call
        .body
        .get("project_id")
        .and_then(int_of)
        .ok_or_else(|| ApiError::invalid("project_id", "can't be blank"))?;
    let mut world = call.sim.world();
    let company = call.company();
    permitted(&world, company, project)?;
    let mut errors = FieldErrors::default();
    let id = |key: &str| given.get(key).and_then(int_of);
    let code = id("cost_code_id")
        .and_then(|id| world.record(company, Kind::CostCode, id))
        .filter(|code| code.project_id == Some(project))
        .map(|code| code.id);
    let kind = id("line_item_type_id")
        .and_then(|id| world.record(company, Kind::LineItemType, id))
        .map(|kind| kind.id);
    if code.is_none() {
        errors.push("cost_code_id", "is invalid");
    }
    if kind.is_none() {
        errors.push("line_item_type_id", "is invalid");
    }
    if !given.get("original_budget_amount").is_none_or(Value::is_number) {
        errors.push("original_budget_amount", "is not a number");
    }
    let taken = world.records(company, Kind::JobCost).any(|line| {
        line.project_id == Some(project)
            && line.number("cost_code_id") == code
            && line.number("line_item_type_id") == kind
    });
    if code.is_some() && taken {
        errors.push("cost_code_id", "has already been taken");
    }
    let budget = world
        .records(company, Kind::Budget)
        .find(|budget| budget.project_id == Some(project));
    if budget.is_some_and(|budget| budget.get("frozen") == true) {
        errors.push("budget", "waits for its figures from the ERP system");
    }
    errors.or(())?;
    let amount = given
        .get("original_budget_amount")
        .and_then(money::parse)
        .unwrap_or_default();
    let budget = budget.map(|budget| budget.id);
    let budget = budget.unwrap_or_else(|| {
        let fields = into_map(json!({"locked": false, "frozen": false}));
        world.insert(company, Kind::Budget, Some(project), None, fields, None)
    });
    let fields = into_map(json!({"cost_code_id": code, "line_item_type_id": kind, "estimate": null}));
    let app = Some(call.app());
    let line = world.insert(company, Kind::JobCost, Some(project), Some(budget), fields, app);
    if !amount.is_zero() {
        let fields = into_map(json!({
            "value": money::plain(amount), "type": "Erp::OriginalEstimateTransaction", "notes": null, "synced": false,
        }));
        world.insert(
            company,
            Kind::ErpTransaction,
            Some(project),
            Some(line),
            fields,
            app,
        );
    }
    Ok((
        StatusCode::CREATED,
        Json(
            json!({"id": line, "original_budget_amount": amount, "cost_code": {"id": code},
            "line_item_type": {"id": kind}}),
        ),
    ))
}
