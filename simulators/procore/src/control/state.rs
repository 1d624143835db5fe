//! The full dump of a company, for assertions.

use axum::{Json, extract::Path};
use serde_json::{Map, Value, json};

use crate::{
    call::Call,
    clock::stamp,
    erp::{request_details, staged_records},
    errors::ApiError,
    rest::draw,
    store::{
        World,
        record::{Kind, Record},
    },
    webhooks::hooks,
};

fn dumps(world: &World, company: i64, kind: Kind) -> Vec<Value> {
    world.records(company, kind).map(Record::dump).collect()
}

fn commitments(world: &World, company: i64) -> Vec<Value> {
    [Kind::WorkOrderContract, Kind::PurchaseOrderContract]
        .into_iter()
        .flat_map(|kind| world.records(company, kind))
        .map(|contract| {
            let mut body = contract.dump();
            body["type"] = json!(crate::erp::events::contract_type(contract.kind));
            body["lines"] = json!(
                world
                    .parts(company, Kind::LineItem, contract.id)
                    .map(Record::dump)
                    .collect::<Vec<_>>()
            );
            body
        })
        .collect()
}

fn change_orders(world: &World, company: i64) -> Vec<Value> {
    let with_lines = |record: &Record| {
        let mut body = record.dump();
        body["commitment_id"] = json!(record.holder_id);
        body["lines"] = json!(
            world
                .parts(company, Kind::LineItem, record.id)
                .map(Record::dump)
                .collect::<Vec<_>>()
        );
        body
    };
    world
        .records(company, Kind::ChangeOrder)
        .map(with_lines)
        .collect()
}

fn with_items(world: &World, company: i64, kind: Kind, items: Kind) -> Vec<Value> {
    let whole = |record: &Record| {
        let mut body = record.dump();
        let parts = world.parts(company, items, record.id).map(Record::dump);
        body["items"] = json!(parts.collect::<Vec<_>>());
        body
    };
    world.records(company, kind).map(whole).collect()
}

fn requisitions(world: &World, company: i64) -> Vec<Value> {
    let draw = |record: &Record| {
        let mut body = draw::requisition(world, company, record, false);
        body["origin_code"] = json!(record.origin.code);
        let items = world
            .parts(company, Kind::RequisitionItem, record.id)
            .map(Record::dump);
        body["items"] = json!(items.collect::<Vec<_>>());
        body
    };
    world.records(company, Kind::Requisition).map(draw).collect()
}

pub(crate) fn payments(world: &World, company: i64) -> Vec<Value> {
    world
        .records(company, Kind::InvoicePayment)
        .map(draw::invoice_payment)
        .collect()
}

pub(crate) async fn company(Path(id): Path<i64>, call: Call) -> Result<Json<Value>, ApiError> {
    let world = call.sim.world();
    let company = world.company(id)?;
    let requests: Vec<Value> = company
        .requests
        .values()
        .map(|request| {
            let mut body = Map::new();
            body.insert("id".into(), json!(request.id));
            body.insert("request_name".into(), json!(request.request_name));
            body.extend(request.payload.clone());
            body.insert("created_at".into(), json!(stamp(request.created_at)));
            Value::Object(body)
        })
        .collect();
    let mine: Vec<_> = world
        .webhooks
        .hooks
        .values()
        .filter(|hook| hook.company == id)
        .collect();
    let deliveries = world.webhooks.deliveries.values().filter_map(|delivery| {
        let hook = mine.iter().find(|hook| hook.id == delivery.hook)?;
        Some(delivery.record(&hook.payload_version))
    });
    let assignments = company.assignments.iter().map(
        |((code, kind), synced)| json!({"cost_code_id": code, "line_item_type_id": kind, "synced": synced}),
    );
    Ok(Json(json!({
        "id": id,
        "name": company.name,
        "now": stamp(world.now()),
        "standard_cost_code_list_id": company.cost_code_list_id,
        "vendors": dumps(&world, id, Kind::Vendor),
        "projects": dumps(&world, id, Kind::Project),
        "sub_jobs": dumps(&world, id, Kind::SubJob),
        "standard_cost_codes": dumps(&world, id, Kind::StandardCostCode),
        "cost_codes": dumps(&world, id, Kind::CostCode),
        "line_item_types": dumps(&world, id, Kind::LineItemType),
        "cost_code_line_item_types": assignments.collect::<Vec<_>>(),
        "erp_job_costs": company
            .job_costs
            .iter()
            .map(|(key, amounts)| crate::erp::job_costs::draw(*key, amounts))
            .collect::<Vec<_>>(),
        "commitments": commitments(&world, id),
        "budgets": world
            .records(id, Kind::Budget)
            .map(|budget| crate::erp::budgets::dump(&world, id, budget))
            .collect::<Vec<_>>(),
        "change_orders": change_orders(&world, id),
        "prime_contracts": dumps(&world, id, Kind::PrimeContract),
        "payment_applications": with_items(&world, id, Kind::PaymentApplication, Kind::PaymentApplicationItem),
        "requisitions": requisitions(&world, id),
        "contract_payments": dumps(&world, id, Kind::ContractPayment),
        "invoice_payments": payments(&world, id),
        "erp_requests": requests,
        "request_details": company.details.values().map(request_details::draw).collect::<Vec<_>>(),
        "staged_records": company.staged.values().map(staged_records::draw).collect::<Vec<_>>(),
        "external_data_writes": company.external_writes,
        "erp_connection": company.connection.as_ref().map(|connection| json!({
            "service_url": connection.service_url, "updated_at": stamp(connection.updated_at),
        })),
        "metadata": company.connection.as_ref().map(|connection| connection.metadata.clone()),
        "hooks": mine.iter().map(|hook| {
            let mut body = hooks::draw(hook);
            body["company_id"] = json!(hook.company.to_string());
            body["queued"] = json!(hook.queue.len());
            body["triggers"] = json!(hook.triggers.values().map(|trigger| json!({
                "resource_name": trigger.resource, "event_type": trigger.event_type,
            })).collect::<Vec<_>>());
            body
        }).collect::<Vec<_>>(),
        "deliveries": deliveries.collect::<Vec<_>>(),
        "violations": company.violations,
        "violations_without_company": world.violations,
    })))
}
