//! The preview of an export, and what stands in QuickBooks afterwards: the same, field by field.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test that cannot go on panics"
)]

mod support;

use std::collections::{BTreeMap, HashMap};

use plumbline::{
    connections::store,
    tasks::preview::{self, Preview, Record},
};
use quick_xml::{Reader, events::Event};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use support::stage::{Stage, find, ids, text};
use uuid::Uuid;

/// What the newest task would write.
async fn previewed(stage: &Stage) -> Record {
    let connection = store::find(stage.world.db(), stage.connection)
        .await
        .unwrap()
        .unwrap();
    let task: Uuid = sqlx::query_scalar("select id from tasks order by seq desc limit 1")
        .fetch_one(stage.world.db())
        .await
        .unwrap();
    let mut db = stage.world.db().acquire().await.unwrap();
    let preview = preview::of_task(&mut db, &connection, task)
        .await
        .unwrap()
        .unwrap();
    let Preview::Writes { mut records } = preview else {
        panic!("{preview:?}")
    };
    assert_eq!(records.len(), 1);
    records.remove(0)
}

/// The record with this id, as QuickBooks gives it out: its leaves by place.
async fn standing(stage: &Stage, request: &str, id: &str) -> BTreeMap<String, String> {
    let query = request.replace("AddRq", "QueryRq");
    let by = match query.as_str() {
        "PurchaseOrderQueryRq" | "BillQueryRq" | "VendorCreditQueryRq" => {
            format!("<TxnID>{id}</TxnID><IncludeLineItems>true</IncludeLineItems>")
        }
        _ => format!("<ListID>{id}</ListID>"),
    };
    let document = format!(
        "<?xml version=\"1.0\"?><?qbxml version=\"13.0\"?><QBXML><QBXMLMsgsRq onError=\"stopOnError\"><{query}>{by}</{query}>\
         </QBXMLMsgsRq></QBXML>"
    );
    let answer = stage.qbxml(&document).await;
    let mut reader = Reader::from_str(&answer);
    // Each open element with how often its children came.
    let mut open: Vec<(String, HashMap<String, usize>)> = Vec::new();
    let (mut text, mut leaves) = (String::new(), BTreeMap::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                let name = start.name().as_ref().to_owned();
                let number = open.last_mut().map_or(1, |(_, children)| {
                    *children
                        .entry(name.clone())
                        .and_modify(|count| *count += 1)
                        .or_insert(1)
                });
                let name = if name.contains("Line") {
                    format!("{name}[{number}]")
                } else {
                    name
                };
                open.push((name, HashMap::new()));
                text.clear();
            }
            Event::Text(more) => text.push_str(&more.xml10_content()),
            Event::GeneralRef(reference) => {
                if let Ok(Some(character)) = reference.resolve_char_ref() {
                    text.push(character);
                } else {
                    let name: &str = &reference;
                    text.push_str(quick_xml::escape::resolve_xml_entity(name).unwrap());
                }
            }
            Event::End(_) => {
                // QBXML, QBXMLMsgsRs, …QueryRs, …Ret stand around the record.
                let path: Vec<&str> = open.iter().skip(4).map(|(name, _)| name.as_str()).collect();
                let path = path.join(".");
                if open.pop().unwrap().1.is_empty() && !path.is_empty() {
                    leaves.insert(path, text.clone());
                }
            }
            Event::Eof => return leaves,
            _ => {}
        }
    }
}

async fn the_same(stage: &Stage, record: &Record, id: &str) {
    let standing = standing(stage, &record.request, id).await;
    assert!(record.fields.len() > 3, "{record:?}");
    for field in &record.fields {
        let path = field.path.replace("LineAdd[", "LineRet[");
        let found = standing
            .get(&path)
            .unwrap_or_else(|| panic!("{path} is not in QuickBooks: {standing:#?}"));
        let same = match (field.value.parse::<Decimal>(), found.parse::<Decimal>()) {
            (Ok(shown), Ok(found)) => shown == found,
            _ => field.value == *found,
        };
        assert!(same, "{path}: shown {:?}, written {found:?}", field.value);
    }
}

// LOVE-02
#[tokio::test]
async fn love_02_what_the_preview_shows_is_what_quickbooks_holds() {
    let stage = Stage::new().await;
    let origin = async |list: &str, id: i64| text(&stage.record(list, id).await, "origin_id");

    let long = "Scaffold & façade “west”, ".repeat(30);
    let division = json!([{"code": "01", "name": "General", "parent": null}]);
    let division = stage.made("/standard-cost-codes", &division).await;
    let accounts = json!({"income_account_origin_id": stage.books.income_account,
        "expense_account_origin_id": stage.books.expense_account});
    // The lists are read before anything else.
    stage
        .export("standard_cost_codes", &division, accounts.clone())
        .await;
    let code = json!([{"code": "100", "name": "Concrete & “special” façade", "parent": division[0]}]);
    let codes = stage.made("/standard-cost-codes", &code).await;
    stage.click("standard_cost_codes", &codes, accounts).await;
    stage.planned(2).await;
    let shown = previewed(&stage).await;
    stage.settle().await;
    the_same(&stage, &shown, &origin("standard_cost_codes", codes[0]).await).await;

    let company = json!({"name": "Pérez & Söhne", "address": "1 Long Street, Second Floor, Rear Building, Back Door\nUnit 5",
        "city": "Goleta", "state_code": "CA", "zip": "93117", "business_phone": "555-0100", "email_address": "a@b.example"});
    let vendor = stage.made("/vendors", &company).await[0];
    stage.click("vendor", &[vendor], json!({})).await;
    stage.planned(3).await;
    let shown = previewed(&stage).await;
    stage.settle().await;
    the_same(&stage, &shown, &origin("vendors", vendor).await).await;

    let project = json!({"name": "Harbor Tower", "number": "2026-014", "active": true, "cost_codes": codes,
        "address": "12 Quay, Dock 3", "city": "Harbor", "zip": "12345"});
    let made = stage.make("/projects", &project).await;
    let project = made["ids"][0].as_i64().unwrap();
    let project_code = ids(&made["cost_code_ids"][0])[0];
    let customer = json!({"customer_origin_id": stage.books.customer});
    stage.click("project", &[project], customer).await;
    stage.planned(4).await;
    let shown = previewed(&stage).await;
    stage.settle().await;
    the_same(&stage, &shown, &origin("projects", project).await).await;

    let lines = json!([
        {"cost_code_id": project_code, "description": long, "amount": "1234.56"},
        {"cost_code_id": project_code, "description": "Second", "amount": "-0.01"},
    ]);
    let contract = json!({"project_id": project, "vendor_id": vendor, "type": "WorkOrderContract", "number": "SC-001",
        "title": "Steel “and” more", "description": "All of it, ".repeat(20), "lines": lines});
    let made = stage.make("/commitments", &contract).await;
    let contract = made["ids"][0].as_i64().unwrap();
    let lines = ids(&made["line_ids"][0]);
    stage.click("commitment", &[contract], json!({})).await;
    stage.planned(5).await;
    let shown = previewed(&stage).await;
    let named = shown
        .fields
        .iter()
        .find(|field| field.path == "VendorRef.ListID")
        .unwrap();
    assert_eq!(named.name.as_deref(), Some("Pérez & Söhne"));
    stage.settle().await;
    the_same(&stage, &shown, &origin("commitments", contract).await).await;

    let invoice = json!({"commitment_id": contract, "invoice_number": "INV-1", "billing_date": "2026-03-31",
        "lines": [{"commitment_line_id": lines[0], "amount": "1000.00", "retainage_held": "100.00"}]});
    let invoice = stage.made("/requisitions", &invoice).await[0];
    stage.click("requisitions", &[invoice], json!({})).await;
    stage.planned(6).await;
    let shown = previewed(&stage).await;
    stage.settle().await;
    stage.succeeded(invoice).await;
    the_same(&stage, &shown, &origin("requisitions", invoice).await).await;
    let file: Value = stage.file().await;
    let bill = find(&file["transactions"], "bills", "ref_number", &json!("INV-1"));
    assert_eq!(bill["amount_due"], "900.00");

    // COMP-44
    stage
        .set(&["negative_invoices_as_vendor_credits=true".to_owned()])
        .await;
    let invoice = json!({"commitment_id": contract, "invoice_number": "INV-2", "billing_date": "2026-04-30",
        "lines": [{"commitment_line_id": lines[0], "amount": "-200.50", "retainage_released": "20.00"}]});
    let invoice = stage.made("/requisitions", &invoice).await[0];
    stage.click("requisitions", &[invoice], json!({})).await;
    stage.planned(7).await;
    let shown = previewed(&stage).await;
    assert_eq!(shown.request, "VendorCreditAddRq");
    let amounts = shown
        .fields
        .iter()
        .filter(|field| field.path.ends_with(".Amount"));
    assert_eq!(
        amounts.map(|field| field.value.as_str()).collect::<Vec<_>>(),
        ["200.50", "-20.00"]
    );
    stage.settle().await;
    stage.succeeded(invoice).await;
    the_same(&stage, &shown, &origin("requisitions", invoice).await).await;
    stage.end().await;
}
