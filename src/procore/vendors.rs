//! Companies of Procore's directory that are linked to vendors: brought up to date from QuickBooks (ADV-16).

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{
    client::ProcoreClient,
    external_data::origin_data,
    paths,
    reader::Reader,
    sync::{ItemError, SyncCall, Synced, sync},
};
use crate::{qbxml::text, writebacks::VendorData};

/// Updates linked companies. A vendor without `procore_id` must not come here; it would be made anew.
///
/// The companies are read first: what differs only by what QuickBooks cannot hold stays as Procore has it (COMP-11).
pub async fn update_linked(client: &ProcoreClient, vendors: &[&VendorData]) -> Synced {
    let company = [("company_id", client.company_id().to_string())];
    let companies: HashMap<i64, Value> = match client
        .list("read the companies in Procore", paths::VENDORS, &company)
        .await
    {
        Ok(companies) => companies
            .into_iter()
            .filter_map(|company| Some((Reader::root(&company).field("id").id().ok()?, company)))
            .collect(),
        Err(error) => {
            return Synced {
                results: vec![Err(ItemError::Failed(error)); vendors.len()],
                entities: Vec::new(),
            };
        }
    };
    let updates: Vec<Value> = vendors
        .iter()
        .map(|vendor| {
            let company = vendor.procore_id.and_then(|id| companies.get(&id));
            update_of(vendor, company.unwrap_or(&Value::Null))
        })
        .collect();
    let mut beside = Map::new();
    beside.insert("company_id".to_owned(), json!(client.company_id()));
    let call = SyncCall {
        what: "update companies in Procore",
        path: paths::VENDORS_SYNC,
        query: &[],
        beside: Some(beside),
        identity: &["id"],
        halve: true,
    };
    sync(client, &call, &updates).await
}

fn update_of(vendor: &VendorData, company: &Value) -> Value {
    let mut update = fields_of(vendor);
    update.retain(|name, value| match (company[name].as_str(), value.as_str()) {
        (Some(procore), Some(quickbooks)) => !text::is_held_as(procore, quickbooks),
        _ => true,
    });
    update.insert("id".to_owned(), json!(vendor.procore_id));
    if let Some(data) = origin_data(vendor.edit_sequence.as_deref()) {
        update.insert("origin_data".to_owned(), json!(data));
    }
    // Whether a company is active is decided in Procore: an inactive vendor must not lock people out of it.
    update.remove("is_active");
    Value::Object(update)
}

/// A vendor's fields by Procore's names. What QuickBooks does not hold is left out, never wiped.
pub(crate) fn fields_of(vendor: &VendorData) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("name".to_owned(), json!(vendor.name));
    fields.insert("is_active".to_owned(), json!(vendor.is_active));
    let country = vendor.country_code.as_deref().and_then(country_code);
    for (name, value) in [
        ("address", vendor.address.as_deref()),
        ("city", vendor.city.as_deref()),
        ("state_code", vendor.state_code.as_deref().and_then(state_code)),
        ("zip", vendor.zip.as_deref()),
        ("country_code", country),
        ("business_phone", vendor.business_phone.as_deref()),
        ("fax_number", vendor.fax_number.as_deref()),
        ("email_address", vendor.email_address.as_deref()),
    ] {
        if let Some(value) = value.filter(|text| !text.trim().is_empty()) {
            fields.insert(name.to_owned(), json!(value));
        }
    }
    fields
}

/// Procore takes two-letter codes; QuickBooks holds free text. Only what is certain is sent.
fn country_code(text: &str) -> Option<&str> {
    let text = text.trim();
    match text.to_ascii_lowercase().as_str() {
        "usa" | "u.s.a." | "u.s." | "united states" | "united states of america" => Some("US"),
        "canada" => Some("CA"),
        _ => two_letters(text),
    }
}

/// Two-letter state codes; "California" is left out rather than guessed.
pub(crate) fn state_code(text: &str) -> Option<&str> {
    two_letters(text.trim())
}

fn two_letters(text: &str) -> Option<&str> {
    (text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase())).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adv_16_a_linked_company_is_updated_and_nothing_is_wiped() {
        let vendor = VendorData {
            procore_id: Some(35),
            origin_id: "800000CD-1".into(),
            name: "Acme".into(),
            business_phone: Some("555 1234".into()),
            fax_number: Some("  ".into()),
            state_code: Some("California".into()),
            country_code: Some("United States".into()),
            is_active: false,
            ..VendorData::default()
        };
        assert_eq!(
            update_of(&vendor, &Value::Null),
            json!({"id": 35, "name": "Acme", "business_phone": "555 1234", "country_code": "US"})
        );
        let company = json!({"name": "Acme\u{200b}", "business_phone": "555 9999", "country_code": null});
        assert_eq!(
            update_of(&vendor, &company),
            json!({"id": 35, "business_phone": "555 1234", "country_code": "US"})
        );
    }
}
