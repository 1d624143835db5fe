//! Staged records: what QuickBooks holds and Procore's users may import.
//!
//! No `status` is sent: a record that a user archived must stay archived through the next refresh (QBD-14). That
//! Procore keeps the status of a known record, and stages a new one, is a guess.

use serde_json::{Map, Value, json};

use super::{
    client::ProcoreClient,
    cost_types,
    external_data::origin_data,
    paths,
    sync::{SyncCall, Synced, sync},
    vendors::{fields_of, state_code},
};
use crate::writebacks::{JobData, PrimeContractData, SubJobData, VendorData};

/// Offers vendors for import.
pub async fn stage_vendors(client: &ProcoreClient, vendors: &[&VendorData]) -> Synced {
    let updates: Vec<Value> = vendors.iter().map(|vendor| staged_vendor(vendor)).collect();
    stage(client, "offer QuickBooks vendors for import", &updates).await
}

/// Offers jobs for import.
pub async fn stage_jobs(client: &ProcoreClient, jobs: &[&JobData]) -> Synced {
    let updates: Vec<Value> = jobs.iter().map(|job| staged_job(job)).collect();
    stage(client, "offer QuickBooks jobs for import", &updates).await
}

/// Offers prime contracts for import, each with its lines.
pub async fn stage_prime_contracts(client: &ProcoreClient, contracts: &[&PrimeContractData]) -> Synced {
    let updates: Vec<Value> = contracts
        .iter()
        .map(|contract| staged_contract(contract))
        .collect();
    stage(client, "offer prime contracts for import", &updates).await
}

/// Offers nested jobs for import as sub jobs of their projects.
pub async fn stage_sub_jobs(client: &ProcoreClient, sub_jobs: &[&SubJobData]) -> Synced {
    let updates: Vec<Value> = sub_jobs.iter().map(|sub_job| staged_sub_job(sub_job)).collect();
    stage(client, "offer QuickBooks jobs for import as sub jobs", &updates).await
}

async fn stage(client: &ProcoreClient, what: &str, updates: &[Value]) -> Synced {
    let path = paths::staged_records_sync(client.company_id());
    let call = SyncCall {
        what,
        path: &path,
        query: &[],
        beside: Some(Map::new()),
        identity: &["item_type", "origin_id"],
        halve: true,
    };
    sync(client, &call, updates).await
}

fn staged(item_type: &str, origin_id: &str, edit_sequence: Option<&str>, data: &Map<String, Value>) -> Value {
    let mut record = json!({
        "item_type": item_type,
        "origin_id": origin_id,
        "parent_id": null,
        "data": data,
    });
    if let Some(origin_data) = origin_data(edit_sequence) {
        record["origin_data"] = json!(origin_data);
    }
    record
}

fn staged_vendor(vendor: &VendorData) -> Value {
    let mut data = fields_of(vendor);
    if let Some(kind) = &vendor.vendor_type_origin_id {
        data.insert("vendor_type_origin_id".to_owned(), json!(kind));
    }
    staged(
        "vendor",
        &vendor.origin_id,
        vendor.edit_sequence.as_deref(),
        &data,
    )
}

fn staged_job(job: &JobData) -> Value {
    let mut data = Map::new();
    data.insert("name".to_owned(), json!(job.name));
    for (name, value) in [
        ("description", job.description.as_deref()),
        ("customer_origin_id", job.customer_origin_id.as_deref()),
        ("address", job.address.as_deref()),
        ("city", job.city.as_deref()),
        ("state_code", job.state_code.as_deref().and_then(state_code)),
        ("zip", job.zip.as_deref()),
    ] {
        if let Some(value) = value.filter(|text| !text.trim().is_empty()) {
            data.insert(name.to_owned(), json!(value));
        }
    }
    staged("project", &job.origin_id, job.edit_sequence.as_deref(), &data)
}

fn staged_contract(contract: &PrimeContractData) -> Value {
    let lines: Vec<Value> = contract
        .lines
        .iter()
        .zip(1..)
        .map(|(line, position)| {
            let mut data = Map::new();
            data.insert("position".to_owned(), json!(position));
            data.insert("amount".to_owned(), json!(line.amount.to_string()));
            data.insert("cost_code_origin_id".to_owned(), json!(line.cost_code_origin_id));
            data.insert(
                "line_item_type_origin_id".to_owned(),
                json!(cost_types::ORIGIN_ID),
            );
            if let Some(description) = &line.description {
                data.insert("description".to_owned(), json!(description));
            }
            staged("line_item", &line.origin_id, None, &data)
        })
        .collect();
    let mut data = Map::new();
    data.insert("title".to_owned(), json!(contract.title));
    data.insert("project_origin_id".to_owned(), json!(contract.job_origin_id));
    data.insert("accounting_method".to_owned(), json!("amount"));
    // Whoever imports it decides when it is approved.
    data.insert("status".to_owned(), json!("Draft"));
    if let Some(number) = &contract.number {
        data.insert("number".to_owned(), json!(number));
    }
    let mut record = staged(
        "prime_contract",
        &contract.origin_id,
        contract.edit_sequence.as_deref(),
        &data,
    );
    record["children"] = json!(lines);
    record
}

/// Procore finds the project by its third-party id at import.
fn staged_sub_job(sub_job: &SubJobData) -> Value {
    let mut data = Map::new();
    for (name, value) in [
        ("name", &sub_job.name),
        ("code", &sub_job.code),
        ("project_origin_id", &sub_job.project_origin_id),
    ] {
        data.insert(name.to_owned(), json!(value));
    }
    staged(
        "sub_job",
        &sub_job.origin_id,
        sub_job.edit_sequence.as_deref(),
        &data,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{qbxml::Money, writebacks::ContractLineData};

    // QBD-21
    #[test]
    fn qbd_21_a_sub_job_names_its_project_by_the_job() {
        let sub_job = SubJobData {
            origin_id: "80-3".into(),
            edit_sequence: Some("7".into()),
            name: "East wing".into(),
            full_name: "Acme:Tower:East wing".into(),
            code: "E-1".into(),
            project_origin_id: "80-2".into(),
        };
        assert_eq!(
            staged_sub_job(&sub_job),
            json!({
                "item_type": "sub_job", "origin_id": "80-3", "parent_id": null, "origin_data": "{\"edit_sequence\":\"7\"}",
                "data": {"name": "East wing", "code": "E-1", "project_origin_id": "80-2"}
            })
        );
    }

    #[test]
    fn qbd_14_no_status_is_sent() {
        let vendor = VendorData {
            origin_id: "80-1".into(),
            edit_sequence: Some("7".into()),
            name: "Acme".into(),
            is_active: true,
            vendor_type_origin_id: Some("T-1".into()),
            ..VendorData::default()
        };
        assert_eq!(
            staged_vendor(&vendor),
            json!({
                "item_type": "vendor", "origin_id": "80-1", "parent_id": null,
                "origin_data": "{\"edit_sequence\":\"7\"}",
                "data": {"name": "Acme", "is_active": true, "vendor_type_origin_id": "T-1"}
            })
        );
    }

    #[test]
    fn a_job_is_a_project() {
        let job = JobData {
            origin_id: "80-2".into(),
            name: "Tower".into(),
            full_name: "Acme:Tower".into(),
            customer_origin_id: Some("80-1".into()),
            zip: Some("93013".into()),
            ..JobData::default()
        };
        assert_eq!(
            staged_job(&job),
            json!({
                "item_type": "project", "origin_id": "80-2", "parent_id": null,
                "data": {"name": "Tower", "customer_origin_id": "80-1", "zip": "93013"}
            })
        );
    }

    #[test]
    fn qbd_20_a_prime_contract_carries_its_lines() {
        let contract = PrimeContractData {
            origin_id: "5-1".into(),
            job_origin_id: "80-2".into(),
            number: Some("7".into()),
            title: "Tower".into(),
            lines: vec![ContractLineData {
                origin_id: "5-2".into(),
                cost_code_origin_id: "80-2|80-9".into(),
                description: Some("Concrete".into()),
                amount: Money::from_cents(1_050),
            }],
            ..PrimeContractData::default()
        };
        assert_eq!(
            staged_contract(&contract),
            json!({
                "item_type": "prime_contract", "origin_id": "5-1", "parent_id": null,
                "data": {"title": "Tower", "number": "7", "project_origin_id": "80-2", "accounting_method": "amount",
                    "status": "Draft"},
                "children": [{"item_type": "line_item", "origin_id": "5-2", "parent_id": null, "data": {
                    "position": 1, "amount": "10.50", "cost_code_origin_id": "80-2|80-9", "description": "Concrete",
                    "line_item_type_origin_id": cost_types::ORIGIN_ID,
                }}],
            })
        );
    }
}
