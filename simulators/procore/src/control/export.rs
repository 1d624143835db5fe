//! The accountant's click: exports, which become ERP requests with their details and webhooks.

use axum::{Json, extract::Path};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{companies::read, payments};
use crate::{
    call::Call,
    erp::{
        events::{self, Extras},
        prime,
        request_details::EXPORTING,
    },
    errors::ApiError,
    rest::vendors,
    store::{
        World, into_map,
        record::{Kind, Record},
    },
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    what: String,
    ids: Vec<i64>,
    #[serde(default)]
    erp_custom_fields: Map<String, Value>,
    /// The "QuickBooks Desktop ID".
    code: Option<String>,
    /// Skips Procore's own rules about what may be exported.
    #[serde(default)]
    force: bool,
}

/// The kinds an export of this name takes.
fn kinds(what: &str) -> Option<&'static [Kind]> {
    Some(match what {
        "standard_cost_codes" | "standard_cost_code" => &[Kind::StandardCostCode],
        "vendor" | "vendors" => &[Kind::Vendor],
        "project" | "projects" => &[Kind::Project],
        "sub_job" | "sub_jobs" => &[Kind::SubJob],
        "commitment" | "commitments" => &[Kind::WorkOrderContract, Kind::PurchaseOrderContract],
        "budget" | "budgets" => &[Kind::Budget],
        "change_order" | "change_orders" => &[Kind::ChangeOrder],
        "requisitions" | "requisition" => &[Kind::Requisition],
        "contract_payment" | "contract_payments" => &[Kind::ContractPayment],
        "payment_application" | "payment_applications" => &[Kind::PaymentApplication],
        _ => return None,
    })
}

pub(crate) async fn export(Path(company): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    let wanted: Wanted = read(&call.body)?;
    let kinds = kinds(&wanted.what).ok_or_else(|| ApiError::invalid("what", "is unknown"))?;
    let mut world = call.sim.world();
    world.company(company)?;
    let mut records = Vec::new();
    for id in &wanted.ids {
        let record = kinds
            .iter()
            .find_map(|kind| world.record(company, *kind, *id))
            .cloned();
        let record = record.ok_or_else(|| ApiError::invalid("ids", &format!("{id} does not exist")))?;
        if !wanted.force {
            ready(&world, company, &record)?;
        }
        records.push(record);
    }
    let extras = Extras {
        custom_fields: wanted.erp_custom_fields,
        code: wanted.code,
    };
    let (requests, details) = order(&mut world, company, &records, &extras);
    Ok(Json(
        json!({"erp_request_ids": requests, "request_detail_ids": details}),
    ))
}

/// What Procore demands before a record shows under "Ready to Export".
fn ready(world: &World, company: i64, record: &Record) -> Result<(), ApiError> {
    let refuse = |message: &str| Err(ApiError::invalid(record.kind.item_type(), message));
    if record.erp_status == EXPORTING {
        return refuse("has been sent already and not been answered");
    }
    let synced = |kind, id: Option<i64>| {
        id.and_then(|id| world.record(company, kind, id))
            .is_some_and(Record::is_synced)
    };
    match record.kind {
        Kind::Vendor if record.get("is_active") == false => refuse("is inactive"),
        Kind::Project if record.get("active") == false => refuse("is inactive"),
        Kind::Project => {
            let has_codes = world
                .records(company, Kind::CostCode)
                .any(|code| code.project_id == Some(record.id));
            if has_codes {
                Ok(())
            } else {
                refuse("has no cost codes")
            }
        }
        Kind::SubJob if !synced(Kind::Project, record.project_id) => refuse("has no synced project"),
        Kind::WorkOrderContract | Kind::PurchaseOrderContract => {
            let mut lines = world.parts(company, Kind::LineItem, record.id).peekable();
            if record.text("status") != "Approved" {
                refuse("is not approved")
            } else if !synced(Kind::Vendor, record.number("vendor_id")) {
                refuse("has no synced vendor")
            } else if !synced(Kind::Project, record.project_id) {
                refuse("has no synced project")
            } else if lines.peek().is_none() {
                refuse("has no lines")
            } else if lines.any(|line| !synced(Kind::CostCode, line.number("cost_code_id"))) {
                refuse("has lines whose cost code is not synced")
            } else {
                Ok(())
            }
        }
        Kind::Budget => {
            let mut lines = world.parts(company, Kind::JobCost, record.id).peekable();
            if record.get("locked") != true {
                refuse("is not locked")
            } else if record.get("frozen") == true {
                refuse("waits for its figures from the ERP system")
            } else if !synced(Kind::Project, record.project_id) {
                refuse("has no synced project")
            } else if lines.peek().is_none() {
                refuse("has no lines")
            } else if lines.any(|line| !synced(Kind::CostCode, line.number("cost_code_id"))) {
                refuse("has lines whose cost code is not synced")
            } else {
                Ok(())
            }
        }
        Kind::PaymentApplication => {
            if record.text("status") != "approved" {
                refuse("is not approved")
            } else if !synced(Kind::Project, record.project_id) {
                refuse("has no synced project")
            } else {
                Ok(())
            }
        }
        Kind::ChangeOrder => {
            let contract = record.holder_id;
            if record.text("status") != "Approved" {
                refuse("is not approved")
            } else if prime::is_prime(world, company, record) {
                if synced(Kind::Project, record.project_id) {
                    Ok(())
                } else {
                    refuse("has no synced project")
                }
            } else if !synced(Kind::WorkOrderContract, contract)
                && !synced(Kind::PurchaseOrderContract, contract)
            {
                refuse("has no synced commitment")
            } else {
                Ok(())
            }
        }
        Kind::ContractPayment => {
            if synced(Kind::Requisition, record.number("requisition_id")) {
                Ok(())
            } else {
                refuse("has no synced invoice")
            }
        }
        Kind::Requisition => {
            let contract = record.holder_id;
            if !matches!(
                record.text("status"),
                "approved" | "approved_as_noted" | "pending_owner_approval"
            ) {
                refuse("is not approved")
            } else if !synced(Kind::WorkOrderContract, contract)
                && !synced(Kind::PurchaseOrderContract, contract)
            {
                refuse("has no synced commitment")
            } else {
                Ok(())
            }
        }
        _ => Ok(()),
    }
}

/// Makes the ERP requests for these records, all of one family; returns request and detail ids.
fn order(world: &mut World, company: i64, records: &[Record], extras: &Extras) -> (Vec<i64>, Vec<i64>) {
    let (mut requests, mut details) = (Vec::new(), Vec::new());
    for record in records {
        if let Some(record) = world.record_mut(company, record.kind, record.id) {
            EXPORTING.clone_into(&mut record.erp_status);
        }
    }
    let in_one = records
        .first()
        .is_some_and(|record| matches!(record.kind, Kind::StandardCostCode | Kind::Requisition));
    if in_one {
        let request = world.new_id(company);
        let mut elements = Vec::new();
        let named = world.settings.request_detail_id_in_requisitions;
        for record in records {
            let detail = world.open_detail(company, request, Some((record.kind, record.id)));
            details.push(detail);
            elements.push(match record.kind {
                Kind::Requisition => {
                    events::requisition(world, company, record, extras, named.then_some(detail))
                }
                _ => events::standard_cost_code(world, company, record, extras, detail),
            });
        }
        let (name, data) = if records[0].kind == Kind::Requisition {
            ("create_requisitions", json!({"requisitions": elements}))
        } else {
            ("create_standard_cost_codes", json!(elements))
        };
        world.place_request(company, request, name, into_map(json!({"request_data": data})));
        requests.push(request);
    } else {
        for record in records {
            let request = world.new_id(company);
            let detail = world.open_detail(company, request, Some((record.kind, record.id)));
            let (name, payload) = match record.kind {
                Kind::Vendor => ("create_vendor", events::vendor(company, record, extras, detail)),
                Kind::Project => (
                    "create_or_update_job",
                    events::job(world, company, record, extras, detail),
                ),
                Kind::SubJob => ("create_sub_job", events::sub_job(world, company, record, detail)),
                Kind::Budget => {
                    world.update(company, Kind::Budget, record.id, None, |record| {
                        record.fields.extend(into_map(json!({"frozen": true})));
                    });
                    crate::erp::budgets::event(world, company, record, detail)
                }
                Kind::ContractPayment => (
                    "create_contract_payment",
                    payments::event(world, company, record, detail),
                ),
                Kind::PaymentApplication => (
                    "create_payment_application",
                    prime::payment_application(world, company, record, detail),
                ),
                Kind::ChangeOrder if prime::is_prime(world, company, record) => (
                    "create_prime_contract_change_order",
                    prime::change_order(world, company, record, extras, detail),
                ),
                Kind::ChangeOrder => (
                    "create_commitment_change_order",
                    events::change_order(world, company, record, extras, detail),
                ),
                _ => (
                    "create_commitment",
                    events::commitment(world, company, record, extras, detail),
                ),
            };
            world.place_request(company, request, name, payload);
            requests.push(request);
            details.push(detail);
        }
    }
    (requests, details)
}

/// Large sets at once: vendors of a company, each exported by a request of its own, or many empty companies.
pub(crate) async fn bulk(call: Call) -> Result<Json<Value>, ApiError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Bulk {
        company_id: Option<i64>,
        #[serde(default)]
        vendors: usize,
        #[serde(default = "yes")]
        export: bool,
        #[serde(default)]
        companies: usize,
        client_id: Option<String>,
    }
    const fn yes() -> bool {
        true
    }
    let wanted: Bulk = read(&call.body)?;
    let mut world = call.sim.world();
    let mut companies = Vec::new();
    for nth in 0..wanted.companies {
        let client = wanted
            .client_id
            .clone()
            .ok_or_else(|| ApiError::invalid("client_id", "can't be blank"))?;
        let id = world.new_company_id();
        world.add_company(id, &format!("Company {}", nth + 1), true);
        world
            .apps
            .get_mut(&client)
            .ok_or_else(|| ApiError::invalid("client_id", "is unknown"))?
            .companies
            .push(id);
        companies.push(id);
    }
    let (mut ids, mut requests, mut details) = (Vec::new(), Vec::new(), Vec::new());
    if let Some(company) = wanted.company_id {
        world.company(company)?;
        for nth in 1..=wanted.vendors {
            let mut fields = vendors::blank();
            fields.extend(into_map(json!({
                "name": format!("Bulk Vendor {nth:06}"), "address": format!("{nth} Main Street"), "city": "Springfield",
                "state_code": "IL", "zip": format!("{:05}", nth % 100_000), "business_phone": format!("555-{nth:07}"),
            })));
            let id = world.insert(company, Kind::Vendor, None, None, fields, None);
            ids.push(id);
            if let Some(record) = world
                .record(company, Kind::Vendor, id)
                .cloned()
                .filter(|_| wanted.export)
            {
                let (request, detail) = order(&mut world, company, &[record], &Extras::default());
                requests.extend(request);
                details.extend(detail);
            }
        }
    }
    Ok(Json(json!({
        "company_ids": companies, "ids": ids, "erp_request_ids": requests, "request_detail_ids": details,
    })))
}
