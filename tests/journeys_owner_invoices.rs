//! Owner invoices, from the accountant's click to the invoice on the job and back.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test that cannot go on panics"
)]

mod support;

use chrono::{TimeDelta, Utc};
use plumbline::clock::Clock;
use serde_json::{Value, json};
use support::{
    site::{Site, has, prime_contract},
    stage::{Setting, Stage, array, find, ids, text},
};

fn switched_on() -> Setting {
    Setting {
        changes: vec!["owner_invoices=true".to_owned()],
        ..Setting::default()
    }
}

async fn site() -> Site {
    Site::on(Stage::with(switched_on()).await).await
}

/// An approved owner invoice; its id and its lines' ids.
async fn application(site: &Site, contract: i64, number: &str, lines: Value) -> (i64, Vec<i64>) {
    let body = json!({"prime_contract_id": contract, "invoice_number": number, "billing_date": "2026-03-31", "lines": lines});
    let answer = site.stage.make("/payment-applications", &body).await;
    (answer["ids"][0].as_i64().unwrap(), ids(&answer["item_ids"][0]))
}

/// The one invoice of the file.
async fn invoice(site: &Site) -> Value {
    let mut invoices = site.stage.transactions("invoices").await;
    assert_eq!(invoices.len(), 1, "{invoices:?}");
    invoices.remove(0)
}

fn amounts(invoice: &Value) -> Vec<String> {
    array(invoice, "lines")
        .iter()
        .map(|line| text(line, "amount"))
        .collect()
}

// QBD-02
#[tokio::test]
async fn qbd_02_an_owner_invoice_is_one_invoice_on_the_job_that_comes_to_what_is_due() {
    let site = site().await;
    let stage = &site.stage;
    let (contract, lines) = prime_contract(&site, "PC-1", &["10000.00", "5000.00"]).await;
    let (first, items) = application(
        &site,
        contract,
        "APP-1",
        json!([
            {"line_id": lines[0], "amount": "2500.10", "materials": "99.90", "retainage_held": "250.00",
             "materials_retainage_held": "10.00"},
            {"line_id": lines[1], "amount": "1000.01"},
        ]),
    )
    .await;
    stage.export("payment_application", &[first], json!({})).await;
    stage.succeeded(first).await;
    let written = invoice(&site).await;
    assert_eq!(text(&written, "customer_id"), site.job);
    assert_eq!(
        (text(&written, "ref_number"), text(&written, "txn_date")),
        ("APP-1".to_owned(), "2026-03-31".to_owned())
    );
    assert_eq!(amounts(&written), ["2600.00", "1000.01", "-260.00"]);
    assert_eq!(
        text(&written, "total_amount"),
        "3340.01",
        "the current payment due"
    );
    let items_there: Vec<String> = array(&written, "lines")
        .iter()
        .map(|line| text(line, "item_id"))
        .collect();
    assert_eq!(
        items_there,
        [
            site.items[0].clone(),
            site.items[1].clone(),
            stage.books.retainage_item.clone()
        ]
    );
    let told = stage.record("payment_applications", first).await;
    assert_eq!(
        (&told["origin_id"], &told["origin_code"]),
        (&written["id"], &json!("APP-1"))
    );
    let line_id = |n: usize| text(&array(&written, "lines")[n], "txn_line_id");
    for (n, item) in items.iter().enumerate() {
        assert_eq!(
            find(&told, "items", "id", &json!(item))["origin_id"],
            json!(line_id(n))
        );
    }

    // The next one bills what is new of it alone, and releases what was held.
    let (second, _) = application(
        &site,
        contract,
        "APP-2",
        json!([{"line_id": lines[0], "amount": "500.00", "retainage_released": "260.00"}]),
    )
    .await;
    stage.export("payment_application", &[second], json!({})).await;
    stage.succeeded(second).await;
    let invoices = stage.transactions("invoices").await;
    assert_eq!(amounts(&invoices[1]), ["500.00", "260.00"]);

    // Pressed again, nothing is written.
    stage.force("payment_application", first).await;
    stage.settle().await;
    stage.succeeded(first).await;
    assert_eq!(stage.transactions("invoices").await, invoices);
    site.stage.end().await;
}

// QBD-02, QBD-30
#[tokio::test]
async fn qbd_02_qbd_30_switched_off_it_is_absent_and_answered_and_switching_it_on_tells_procore() {
    let site = Site::new().await;
    let stage = &site.stage;
    let tab = async || {
        let procore = stage.state().await;
        let entity = &procore["metadata"]["settings"]["entities"]["payment_applications"];
        (entity["enabled"].clone(), entity["tab"]["enabled"].clone())
    };
    assert_eq!(tab().await, (json!(false), json!(false)));
    let (contract, lines) = prime_contract(&site, "PC-1", &["100.00"]).await;
    let bill = json!([{"line_id": lines[0], "amount": "10.00"}]);
    let (id, _) = application(&site, contract, "1", bill).await;
    stage.force("payment_application", id).await;
    stage.settle().await;
    has(
        &stage.failed(id).await,
        &[
            "Owner invoices are not exported",
            "not enabled",
            "Nothing was changed in QuickBooks",
        ],
    );
    let unlink = format!("/payment-applications/{id}/unlink");
    stage.make(&unlink, &json!({})).await;
    stage.settle().await;
    has(&stage.failed(id).await, &["nothing to unlink", "not enabled"]);
    assert!(stage.transactions("invoices").await.is_empty());

    stage.set(&["owner_invoices=true".to_owned()]).await;
    support::world::eventually("Procore hears of it", async || {
        (tab().await == (json!(true), json!(true))).then_some(())
    })
    .await;
    stage.export("payment_application", &[id], json!({})).await;
    stage.succeeded(id).await;
    assert_eq!(amounts(&invoice(&site).await), ["10.00"]);
    site.stage.end().await;
}

#[tokio::test]
async fn an_owner_invoice_whose_answer_was_lost_and_not_kept_stands_once() {
    let setting = Setting {
        clock: Clock::manual(Utc::now()),
        ..switched_on()
    };
    let site = Site::on(Stage::with(setting).await).await;
    let stage = &site.stage;
    let (contract, lines) = prime_contract(&site, "PC-1", &["1000.00"]).await;
    for fault in [
        json!({"point": "response_undelivered", "only": "InvoiceAddRq"}),
        json!({"point": "set_response_lost"}),
    ] {
        stage.quickbooks.post("/control/faults", &fault).await;
    }
    let planned = stage.orders().await;
    let bill = json!([{"line_id": lines[0], "amount": "400.00", "retainage_held": "40.00"}]);
    let (id, _) = application(&site, contract, "1", bill).await;
    stage.click("payment_application", &[id], json!({})).await;
    stage.planned(planned + 1).await;
    stage.run().await;
    let written = invoice(&site).await;
    // The session is given up after a while.
    stage.world.clock.advance(TimeDelta::hours(1));
    stage.settle().await;
    stage.succeeded(id).await;
    assert_eq!(invoice(&site).await, written);
    assert_eq!(
        stage.record("payment_applications", id).await["origin_id"],
        written["id"]
    );
    site.stage.end().await;
}

#[tokio::test]
async fn what_cannot_be_an_invoice_says_why_and_is_mended_and_sent_again() {
    let site = site().await;
    let stage = &site.stage;
    let (contract, lines) = prime_contract(&site, "PC-1", &["1000.00"]).await;
    let bill = json!([{"line_id": lines[0], "amount": "400.00"}]);
    let (id, _) = application(&site, contract, "APP-2026-0001", bill).await;
    stage.export("payment_application", &[id], json!({})).await;
    has(
        &stage.failed(id).await,
        &["13 characters", "at most 11", "\"APP-2026-00\""],
    );
    stage
        .edit("payment_application", id, &json!({"invoice_number": "APP-1"}))
        .await;
    stage.export("payment_application", &[id], json!({})).await;
    stage.succeeded(id).await;
    assert_eq!(text(&invoice(&site).await, "ref_number"), "APP-1");
    let credit = json!([{"line_id": lines[0], "amount": "-5.00"}]);
    let (below, _) = application(&site, contract, "2", credit).await;
    stage.export("payment_application", &[below], json!({})).await;
    has(
        &stage.failed(below).await,
        &["what is due is -5.00", "credit memo"],
    );
    assert_eq!(stage.transactions("invoices").await.len(), 1);
    site.stage.end().await;
}

#[tokio::test]
async fn retainage_of_owners_can_have_an_item_of_its_own() {
    let site = site().await;
    let stage = &site.stage;
    let accounts =
        json!({"income_account": stage.books.income_account, "expense_account": stage.books.expense_account});
    let item = stage
        .person_adds(
            "item_service",
            &json!({"name": "Retainage Receivable", "sales_and_purchase": accounts}),
        )
        .await;
    // The item is known once the lists have been read again.
    stage.refresh("jobs").await;
    stage.set(&[format!("owner_retainage_item_list_id={item}")]).await;
    let (contract, lines) = prime_contract(&site, "PC-1", &["1000.00"]).await;
    let bill = json!([{"line_id": lines[0], "amount": "400.00", "retainage_held": "40.00"}]);
    let (id, _) = application(&site, contract, "1", bill).await;
    stage.export("payment_application", &[id], json!({})).await;
    stage.succeeded(id).await;
    let written = invoice(&site).await;
    assert_eq!(amounts(&written), ["400.00", "-40.00"]);
    assert_eq!(text(&array(&written, "lines")[1], "item_id"), item);
    site.stage.end().await;
}

// QBD-30
#[tokio::test]
async fn qbd_30_an_owner_invoice_is_unlinked_once_its_invoice_is_gone_and_exported_anew() {
    let site = site().await;
    let stage = &site.stage;
    let (contract, lines) = prime_contract(&site, "PC-1", &["1000.00"]).await;
    let bill = json!([{"line_id": lines[0], "amount": "400.00"}]);
    let (id, items) = application(&site, contract, "1", bill).await;
    stage.export("payment_application", &[id], json!({})).await;
    stage.succeeded(id).await;
    let written = invoice(&site).await;
    let unlink = format!("/payment-applications/{id}/unlink");
    stage.make(&unlink, &json!({})).await;
    stage.settle().await;
    has(
        &stage.failed(id).await,
        &[
            "The invoice is still in QuickBooks Desktop. Please delete it before retrying.",
            "It is invoice 1.",
        ],
    );
    assert_eq!(
        stage.record("payment_applications", id).await["origin_id"],
        written["id"]
    );
    stage
        .quickbooks
        .post("/control/delete", &json!({"txn_id": written["id"]}))
        .await;
    stage.make(&unlink, &json!({})).await;
    stage.settle().await;
    stage.succeeded(id).await;
    assert_eq!(stage.detail(id).await.1, "Successfully Unlinked");
    assert_eq!(
        stage.record("payment_applications", id).await["origin_id"],
        Value::Null
    );
    stage.export("payment_application", &[id], json!({})).await;
    stage.succeeded(id).await;
    let anew = invoice(&site).await;
    assert_ne!(anew["id"], written["id"]);
    let told = stage.record("payment_applications", id).await;
    assert_eq!(told["origin_id"], anew["id"]);
    assert_eq!(
        find(&told, "items", "id", &json!(items[0]))["origin_id"],
        array(&anew, "lines")[0]["txn_line_id"]
    );
    site.stage.end().await;
}
