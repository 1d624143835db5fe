//! What users type into Procore: cost codes, vendors, projects, commitments and invoices.

use axum::{Json, extract::Path};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::companies::{read, read_all};
use crate::{
    call::Call,
    errors::ApiError,
    money,
    rest::{clean_date, cost_codes, projects, standard_cost_codes, sync::Target, vendors},
    store::{World, into_map, record::Kind},
};

/// A money field of the control API: a decimal string.
pub(super) fn amount(value: Option<&Value>, field: &str) -> Result<rust_decimal::Decimal, ApiError> {
    match value {
        None | Some(Value::Null) => Ok(rust_decimal::Decimal::ZERO),
        Some(Value::String(_)) => value
            .and_then(money::parse)
            .ok_or_else(|| ApiError::invalid(field, "is not a decimal")),
        Some(_) => Err(ApiError::invalid(field, "must be a decimal string")),
    }
}

fn ids(ids: &[i64]) -> Json<Value> {
    Json(json!({"ids": ids}))
}

pub(crate) async fn standard_cost_codes(
    Path(company): Path<i64>,
    call: Call,
) -> Result<Json<Value>, ApiError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        code: String,
        name: String,
        /// The id of the parent, or its full code.
        parent: Option<Value>,
    }
    let wanted: Vec<Wanted> = read_all(&call.body)?;
    let mut world = call.sim.world();
    world.company(company)?;
    let mut made = Vec::new();
    for row in wanted {
        let parent = match &row.parent {
            None | Some(Value::Null) => None,
            Some(Value::String(code)) => Some(
                world
                    .records(company, Kind::StandardCostCode)
                    .find(|record| record.text("full_code") == code)
                    .map(|record| record.id)
                    .ok_or_else(|| ApiError::invalid("parent", "does not exist"))?,
            ),
            Some(id) => id.as_i64(),
        };
        let given = into_map(json!({"code": row.code, "name": row.name, "parent_id": parent}));
        let target = Target {
            company,
            project: None,
            kind: Kind::StandardCostCode,
            app: None,
        };
        let fields = standard_cost_codes::clean(&world, &target, &given, None)?;
        made.push(world.insert(company, Kind::StandardCostCode, None, None, fields, None));
    }
    Ok(ids(&made))
}

pub(crate) async fn vendors(Path(company): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    let wanted: Vec<Map<String, Value>> = read_all(&call.body)?;
    let mut world = call.sim.world();
    world.company(company)?;
    let target = Target {
        company,
        project: None,
        kind: Kind::Vendor,
        app: None,
    };
    let mut made = Vec::new();
    for given in &wanted {
        let fields = vendors::clean(&world, &target, given, None)?;
        made.push(world.insert(company, Kind::Vendor, None, None, fields, None));
    }
    Ok(ids(&made))
}

/// Makes projects; their cost codes are copies of standard ones, the parents of those included.
pub(crate) async fn projects(Path(company): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    let wanted: Vec<Map<String, Value>> = read_all(&call.body)?;
    let mut world = call.sim.world();
    world.company(company)?;
    let target = Target {
        company,
        project: None,
        kind: Kind::Project,
        app: None,
    };
    let (mut made, mut codes) = (Vec::new(), Vec::new());
    for mut given in wanted {
        let standard: Vec<i64> = match given.remove("cost_codes") {
            Some(list) => read(&list)?,
            None => Vec::new(),
        };
        if let Some(number) = given.remove("number") {
            given.insert("project_number".into(), number);
        }
        let fields = projects::clean(&world, &target, &given, None)?;
        let id = world.insert(company, Kind::Project, None, None, fields, None);
        let mut of_project = Vec::new();
        for standard in standard {
            let biller = Biller {
                project: id,
                sub_job: None,
            };
            of_project.push(copy_cost_code(&mut world, company, biller, standard)?);
        }
        made.push(id);
        codes.push(of_project);
    }
    Ok(Json(json!({"ids": made, "cost_code_ids": codes})))
}

/// Whose a cost code is: a project's, or a sub job's of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Biller {
    pub(super) project: i64,
    pub(super) sub_job: Option<i64>,
}

/// The biller's copy of a standard cost code, made if there is none yet.
pub(super) fn copy_cost_code(
    world: &mut World,
    company: i64,
    biller: Biller,
    standard: i64,
) -> Result<i64, ApiError> {
    let existing = world.records(company, Kind::CostCode).find(|code| {
        code.project_id == Some(biller.project)
            && code.number("sub_job_id") == biller.sub_job
            && code.number("standard_cost_code_id") == Some(standard)
    });
    if let Some(existing) = existing {
        return Ok(existing.id);
    }
    let parent = world
        .record(company, Kind::StandardCostCode, standard)
        .ok_or_else(|| ApiError::invalid("cost_codes", "names an unknown standard cost code"))?
        .number("parent_id");
    let parent = parent
        .map(|parent| copy_cost_code(world, company, biller, parent))
        .transpose()?;
    let target = Target {
        company,
        project: Some(biller.project),
        kind: Kind::CostCode,
        app: None,
    };
    let mut given = into_map(json!({"standard_cost_code_id": standard, "parent_id": parent}));
    if let Some(sub_job) = biller.sub_job {
        given.insert("sub_job_id".into(), json!(sub_job));
    }
    let mut fields = cost_codes::clean(world, &target, &given, None)?;
    fields.insert(
        "line_item_type_ids".into(),
        json!(world.usual_cost_type(company).into_iter().collect::<Vec<_>>()),
    );
    Ok(world.insert(company, Kind::CostCode, Some(biller.project), None, fields, None))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCostType {
    name: String,
    code: String,
}

/// Cost types of the company's own, which no ERP system knows.
pub(crate) async fn cost_types(Path(company): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    let wanted: Vec<NewCostType> = read_all(&call.body)?;
    let mut world = call.sim.world();
    world.company(company)?;
    let made: Vec<i64> = wanted
        .into_iter()
        .map(|row| {
            let fields = into_map(json!({"name": row.name, "code": row.code, "base_type": null}));
            world.insert(company, Kind::LineItemType, None, None, fields, None)
        })
        .collect();
    Ok(Json(json!({"ids": made})))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCommitment {
    project_id: i64,
    vendor_id: Option<i64>,
    #[serde(rename = "type")]
    kind: String,
    number: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default = "approved")]
    status: String,
    #[serde(default = "by_amount")]
    accounting_method: String,
    #[serde(default)]
    lines: Vec<NewLine>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLine {
    pub(super) cost_code_id: i64,
    #[serde(default)]
    pub(super) description: String,
    pub(super) amount: Option<Value>,
    pub(super) quantity: Option<Value>,
    pub(super) unit_cost: Option<Value>,
    pub(super) uom: Option<String>,
    /// The usual one, if left out.
    #[serde(default)]
    pub(super) line_item_type_id: Option<i64>,
    /// A custom segment of its budget code.
    #[serde(default)]
    pub(super) custom_segment: Option<String>,
}

pub(super) fn approved() -> String {
    "Approved".into()
}

fn by_amount() -> String {
    "amount".into()
}

pub(crate) async fn commitments(Path(company): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    let wanted: Vec<NewCommitment> = read_all(&call.body)?;
    let mut world = call.sim.world();
    world.company(company)?;
    let (mut made, mut lines) = (Vec::new(), Vec::new());
    for row in wanted {
        let kind = match row.kind.as_str() {
            "WorkOrderContract" => Kind::WorkOrderContract,
            "PurchaseOrderContract" => Kind::PurchaseOrderContract,
            _ => {
                return Err(ApiError::invalid(
                    "type",
                    "must be WorkOrderContract or PurchaseOrderContract",
                ));
            }
        };
        world
            .record(company, Kind::Project, row.project_id)
            .ok_or_else(|| ApiError::invalid("project_id", "does not exist"))?;
        if let Some(vendor) = row.vendor_id {
            world
                .record(company, Kind::Vendor, vendor)
                .ok_or_else(|| ApiError::invalid("vendor_id", "does not exist"))?;
        }
        let fields = into_map(json!({
            "accounting_method": row.accounting_method, "actual_completion_date": null, "approval_letter_date": null,
            "assignee_id": null, "bill_to_address": null, "contract_date": null,
            "contract_estimated_completion_date": null, "contract_start_date": null, "delivery_date": null,
            "description": row.description, "due_date": null, "exclusions": "", "executed": false,
            "execution_date": null, "expected_date": null, "inclusions": "", "issued_on_date": null,
            "letter_of_intent_date": null, "number": row.number, "payment_terms": null, "private": true,
            "requisitions_are_enabled": null, "retainage_percent": null, "returned_date": null,
            "ship_to_address": null, "ship_via": null, "show_line_items_to_non_admins": false,
            "signed_contract_received_date": null, "status": row.status, "title": row.title,
            "vendor_id": row.vendor_id,
        }));
        let id = world.insert(company, kind, Some(row.project_id), None, fields, None);
        let mut of_contract = Vec::new();
        for (position, line) in (1..).zip(&row.lines) {
            of_contract.push(add_line(
                &mut world,
                company,
                (kind, id, row.project_id),
                position,
                line,
            )?);
        }
        made.push(id);
        lines.push(of_contract);
    }
    Ok(Json(json!({"ids": made, "line_ids": lines})))
}

pub(super) fn add_line(
    world: &mut World,
    company: i64,
    (kind, contract, project): (Kind, i64, i64),
    position: i64,
    line: &NewLine,
) -> Result<i64, ApiError> {
    let code = world
        .record(company, Kind::CostCode, line.cost_code_id)
        .filter(|code| code.project_id == Some(project));
    code.ok_or_else(|| ApiError::invalid("cost_code_id", "is not a cost code of the project"))?;
    let (quantity, unit_cost) = (
        amount(line.quantity.as_ref(), "quantity")?,
        amount(line.unit_cost.as_ref(), "unit_cost")?,
    );
    let calculated = line.amount.is_none();
    let total = if calculated {
        (quantity * unit_cost).round_dp(2)
    } else {
        amount(line.amount.as_ref(), "amount")?
    };
    let cost_type = match line.line_item_type_id {
        Some(id) => Some(
            world
                .record(company, Kind::LineItemType, id)
                .ok_or_else(|| ApiError::invalid("line_item_type_id", "does not exist"))?
                .id,
        ),
        None => world.usual_cost_type(company),
    };
    let fields = into_map(json!({
        "amount": money::plain(total), "quantity": money::plain(quantity), "unit_cost": money::plain(unit_cost),
        "uom": line.uom, "description": line.description, "position": position, "cost_code_id": line.cost_code_id,
        "line_item_type_id": cost_type, "custom_segment": line.custom_segment,
        "holder_type": crate::erp::events::contract_type(kind),
        "extended_type": if calculated { "calculated" } else { "manual" },
    }));
    Ok(world.insert(
        company,
        Kind::LineItem,
        Some(project),
        Some(contract),
        fields,
        None,
    ))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewChangeOrder {
    commitment_id: i64,
    title: Option<String>,
    #[serde(default = "approved")]
    status: String,
    #[serde(default)]
    lines: Vec<NewChange>,
}

/// A line of a change order: a change to a line of the schedule of values, or a line of its own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewChange {
    commitment_line_id: Option<i64>,
    /// Needed where no line is changed.
    cost_code_id: Option<i64>,
    description: Option<String>,
    amount: Option<Value>,
    quantity: Option<Value>,
    unit_cost: Option<Value>,
    /// That of the line that is changed, if left out.
    line_item_type_id: Option<i64>,
}

/// Commitment change orders; they are numbered per commitment.
pub(crate) async fn change_orders(Path(company): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    let wanted: Vec<NewChangeOrder> = read_all(&call.body)?;
    let mut world = call.sim.world();
    world.company(company)?;
    let (mut made, mut lines) = (Vec::new(), Vec::new());
    for row in wanted {
        let contract = [Kind::WorkOrderContract, Kind::PurchaseOrderContract]
            .into_iter()
            .find_map(|kind| world.record(company, kind, row.commitment_id))
            .cloned()
            .ok_or_else(|| ApiError::invalid("commitment_id", "does not exist"))?;
        let project = contract.project_id.unwrap_or_default();
        let number = world.parts(company, Kind::ChangeOrder, contract.id).count() + 1;
        let fields = into_map(json!({
            "contract_id": contract.id, "number": number, "status": row.status, "title": row.title, "description": null,
            "due_date": null, "invoiced_date": null, "paid_date": null, "reviewed_at": null,
        }));
        let id = world.insert(
            company,
            Kind::ChangeOrder,
            Some(project),
            Some(contract.id),
            fields,
            None,
        );
        let mut of_order = Vec::new();
        for (position, change) in (1..).zip(row.lines) {
            let changed = change
                .commitment_line_id
                .map(|line| {
                    world
                        .record(company, Kind::LineItem, line)
                        .filter(|line| line.holder_id == Some(contract.id))
                        .cloned()
                        .ok_or_else(|| {
                            ApiError::invalid("commitment_line_id", "is not a line of the commitment")
                        })
                })
                .transpose()?;
            let code = change
                .cost_code_id
                .or_else(|| changed.as_ref()?.number("cost_code_id"))
                .ok_or_else(|| ApiError::invalid("cost_code_id", "can't be blank"))?;
            let line = NewLine {
                cost_code_id: code,
                description: change.description.unwrap_or_default(),
                amount: change.amount,
                quantity: change.quantity,
                unit_cost: change.unit_cost,
                uom: None,
                line_item_type_id: change
                    .line_item_type_id
                    .or_else(|| changed.as_ref()?.number("line_item_type_id")),
                custom_segment: None,
            };
            let line = add_line(&mut world, company, (contract.kind, id, project), position, &line)?;
            world.update(company, Kind::LineItem, line, None, |record| {
                let holder = json!({"holder_type": "PotentialChangeOrder",
                    "commitment_line_item_id": change.commitment_line_id});
                record.fields.extend(into_map(holder));
            });
            of_order.push(line);
        }
        made.push(id);
        lines.push(of_order);
    }
    Ok(Json(json!({"ids": made, "line_ids": lines})))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewBudget {
    project_id: i64,
    lines: Vec<BudgetAmount>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BudgetAmount {
    cost_code_id: i64,
    amount: Value,
    notes: Option<String>,
}

fn add_amount(
    world: &mut World,
    company: i64,
    (project, line): (i64, i64),
    given: &BudgetAmount,
    original: bool,
) -> Result<i64, ApiError> {
    let value = amount(Some(&given.amount), "amount")?;
    let kind = if original {
        "Erp::OriginalEstimateTransaction"
    } else {
        "Erp::EstimateChangeTransaction"
    };
    let fields = into_map(json!({
        "value": money::plain(value), "type": kind, "notes": given.notes, "synced": false,
    }));
    Ok(world.insert(
        company,
        Kind::ErpTransaction,
        Some(project),
        Some(line),
        fields,
        None,
    ))
}

/// Locked budgets with their original amounts.
pub(crate) async fn budgets(Path(company): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    let wanted: Vec<NewBudget> = read_all(&call.body)?;
    let mut world = call.sim.world();
    world.company(company)?;
    let (mut made, mut lines) = (Vec::new(), Vec::new());
    for row in wanted {
        let fields = into_map(json!({"locked": true, "frozen": false}));
        let budget = world.insert(company, Kind::Budget, Some(row.project_id), None, fields, None);
        let mut of_budget = Vec::new();
        for given in &row.lines {
            of_budget.push(budget_line(
                &mut world,
                company,
                (row.project_id, budget),
                given,
                true,
            )?);
        }
        made.push(budget);
        lines.push(of_budget);
    }
    Ok(Json(json!({"ids": made, "line_ids": lines})))
}

/// The line of a cost code, made if there is none, with another amount on it.
fn budget_line(
    world: &mut World,
    company: i64,
    (project, budget): (i64, i64),
    given: &BudgetAmount,
    original: bool,
) -> Result<i64, ApiError> {
    world
        .record(company, Kind::CostCode, given.cost_code_id)
        .filter(|code| code.project_id == Some(project))
        .ok_or_else(|| ApiError::invalid("cost_code_id", "is not a cost code of the project"))?;
    let line = world
        .parts(company, Kind::JobCost, budget)
        .find(|line| line.number("cost_code_id") == Some(given.cost_code_id))
        .map(|line| line.id);
    let line = line.unwrap_or_else(|| {
        let fields = into_map(json!({"cost_code_id": given.cost_code_id,
            "line_item_type_id": world.usual_cost_type(company), "estimate": null}));
        world.insert(company, Kind::JobCost, Some(project), Some(budget), fields, None)
    });
    add_amount(world, company, (project, line), given, original)?;
    Ok(line)
}

/// A budget change; refused while the budget is frozen.
pub(crate) async fn change_budget(
    Path((company, id)): Path<(i64, i64)>,
    call: Call,
) -> Result<Json<Value>, ApiError> {
    let given: BudgetAmount = read(&call.body)?;
    let mut world = call.sim.world();
    let budget = world
        .record(company, Kind::Budget, id)
        .cloned()
        .ok_or_else(ApiError::not_found)?;
    if budget.get("frozen") == true {
        return Err(ApiError::invalid(
            "budget",
            "waits for its figures from the ERP system",
        ));
    }
    let project = budget.project_id.unwrap_or_default();
    let line = budget_line(&mut world, company, (project, id), &given, false)?;
    Ok(Json(json!({"line_id": line})))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRequisition {
    commitment_id: i64,
    invoice_number: Option<String>,
    billing_date: Option<String>,
    payment_date: Option<String>,
    #[serde(default = "requisition_approved")]
    status: String,
    #[serde(default)]
    lines: Vec<NewItem>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewItem {
    commitment_line_id: i64,
    amount: Option<Value>,
    quantity: Option<Value>,
    unit_cost: Option<Value>,
    accounting_method: Option<String>,
    description: Option<String>,
    retainage_held: Option<Value>,
    retainage_released: Option<Value>,
    /// The part of `amount` that is newly stored material.
    materials: Option<Value>,
    materials_retainage_held: Option<Value>,
    materials_retainage_released: Option<Value>,
}

fn requisition_approved() -> String {
    "approved".into()
}

pub(crate) async fn requisitions(Path(company): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    let wanted: Vec<NewRequisition> = read_all(&call.body)?;
    let mut world = call.sim.world();
    world.company(company)?;
    let (mut made, mut items) = (Vec::new(), Vec::new());
    for row in wanted {
        let contract = [Kind::WorkOrderContract, Kind::PurchaseOrderContract]
            .into_iter()
            .find_map(|kind| world.record(company, kind, row.commitment_id))
            .cloned()
            .ok_or_else(|| ApiError::invalid("commitment_id", "does not exist"))?;
        let earlier: Vec<i64> = world
            .parts(company, Kind::Requisition, contract.id)
            .map(|other| other.id)
            .collect();
        let date = |text: &Option<String>| text.as_ref().map_or(Value::Null, |text| clean_date(&json!(text)));
        let fields = into_map(json!({
            "number": earlier.len() + 1, "previous_requisition_id": earlier.last(), "status": row.status,
            "invoice_number": row.invoice_number, "invoice_type": "progress", "billing_date": date(&row.billing_date),
            "payment_date": date(&row.payment_date), "requisition_start": null, "requisition_end": date(&row.billing_date),
            "period_id": null, "final": false, "submitted_at": date(&row.billing_date), "comment": null,
            "commitment_type": crate::erp::events::contract_type(contract.kind),
            "contract_name": format!("Contract {}", contract.text("number")),
            "vendor_id": contract.get("vendor_id"),
        }));
        let id = world.insert(
            company,
            Kind::Requisition,
            contract.project_id,
            Some(contract.id),
            fields,
            None,
        );
        let mut of_requisition = Vec::new();
        for (position, item) in (1..).zip(&row.lines) {
            of_requisition.push(add_item(&mut world, company, (id, &contract), position, item)?);
        }
        made.push(id);
        items.push(of_requisition);
    }
    Ok(Json(json!({"ids": made, "item_ids": items})))
}

fn add_item(
    world: &mut World,
    company: i64,
    (requisition, contract): (i64, &crate::store::record::Record),
    position: i64,
    item: &NewItem,
) -> Result<i64, ApiError> {
    let line = world.record(company, Kind::LineItem, item.commitment_line_id);
    let line = line.filter(|line| line.holder_id == Some(contract.id)).cloned();
    let line =
        line.ok_or_else(|| ApiError::invalid("commitment_line_id", "is not a line of the commitment"))?;
    let (quantity, unit_cost) = (
        amount(item.quantity.as_ref(), "quantity")?,
        amount(item.unit_cost.as_ref(), "unit_cost")?,
    );
    let total = match &item.amount {
        None => (quantity * unit_cost).round_dp(2),
        given => amount(given.as_ref(), "amount")?,
    };
    let plain = |value: &Option<Value>, field: &str| amount(value.as_ref(), field).map(money::plain);
    let method = item
        .accounting_method
        .clone()
        .unwrap_or_else(|| contract.text("accounting_method").to_owned());
    let fields = into_map(json!({
        "line_item_id": line.id, "cost_code_id": line.get("cost_code_id"), "position": position,
        "description_of_work": item.description.clone().unwrap_or_else(|| line.text("description").to_owned()),
        "accounting_method": method, "uom": line.get("uom"),
        "amount": money::plain(total), "quantity": money::plain(quantity), "unit_cost": money::plain(unit_cost),
        "retainage_held": plain(&item.retainage_held, "retainage_held")?,
        "retainage_released": plain(&item.retainage_released, "retainage_released")?,
        "materials": plain(&item.materials, "materials")?,
        "materials_retainage_held": plain(&item.materials_retainage_held, "materials_retainage_held")?,
        "materials_retainage_released": plain(&item.materials_retainage_released, "materials_retainage_released")?,
    }));
    Ok(world.insert(
        company,
        Kind::RequisitionItem,
        contract.project_id,
        Some(requisition),
        fields,
        None,
    ))
}

/// A user edits any field of any record; nothing is checked, so a test can bring about any state.
pub(crate) async fn edit(
    Path((company, kind, id)): Path<(i64, String, i64)>,
    call: Call,
) -> Result<Json<Value>, ApiError> {
    let kind = Kind::of_item_type(&kind).ok_or_else(|| ApiError::invalid("kind", "is unknown"))?;
    let changes: Map<String, Value> = read(&call.body)?;
    let mut world = call.sim.world();
    if !world.update(company, kind, id, None, |record| record.fields.extend(changes)) {
        return Err(ApiError::not_found());
    }
    Ok(Json(
        world
            .record(company, kind, id)
            .map(crate::store::record::Record::dump)
            .unwrap_or_default(),
    ))
}

/// A user (or Procore's support) deletes a record.
pub(crate) async fn delete(
    Path((company, kind, id)): Path<(i64, String, i64)>,
    call: Call,
) -> Result<Json<Value>, ApiError> {
    let kind = Kind::of_item_type(&kind).ok_or_else(|| ApiError::invalid("kind", "is unknown"))?;
    let gone = call
        .sim
        .world()
        .remove(company, kind, id, None)
        .ok_or_else(ApiError::not_found)?;
    Ok(Json(gone.dump()))
}

/// A user edits a synced payment: only its payment number and its attachments are open.
pub(crate) async fn edit_payment(
    Path((company, id)): Path<(i64, i64)>,
    call: Call,
) -> Result<Json<Value>, ApiError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        payment_number: Option<Value>,
        attachments: Option<Value>,
    }
    let wanted: Wanted = read(&call.body)?;
    let mut world = call.sim.world();
    let found = world.update(company, Kind::InvoicePayment, id, None, |payment| {
        let edits = [
            ("payment_number", wanted.payment_number),
            ("attachments", wanted.attachments),
        ];
        for (field, value) in edits {
            if let Some(value) = value {
                payment.fields.insert(field.into(), value);
            }
        }
    });
    if !found {
        return Err(ApiError::not_found());
    }
    Ok(Json(
        world
            .record(company, Kind::InvoicePayment, id)
            .map(crate::store::record::Record::dump)
            .unwrap_or_default(),
    ))
}
