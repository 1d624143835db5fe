//! Payments made with Procore Pay, on their way to checks in QuickBooks.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test that cannot go on panics"
)]

mod support;

use chrono::{TimeDelta, Utc};
use plumbline::{clock::Clock, connections::settings::change};
use serde_json::{Value, json};
use support::{
    site::{Site, has},
    stage::{Setting, Stage, array, find, text},
};

/// A site whose checks are drawn on the file's bank account, with an invoice of 900.00 in QuickBooks: the invoice, and the
/// bank account.
async fn site() -> (Site, i64, String) {
    let setting = Setting {
        clock: Clock::manual(Utc::now()),
        changes: vec!["payment_schedule=hourly".to_owned()],
        ..Setting::default()
    };
    let site = Site::on(Stage::with(setting).await).await;
    let stage = &site.stage;
    let bank = account(stage, "Bank").await;
    stage
        .set(&[
            format!("payment_account_list_id={bank}"),
            "payments_from_procore=true".to_owned(),
        ])
        .await;
    let (commitment, lines) = site.synced_subcontract("SC-1", &["5000.00"]).await;
    let lines = json!([{"commitment_line_id": lines[0], "amount": "900.00"}]);
    let invoice = site.invoice(commitment, "INV-1", lines).await;
    stage.export("requisitions", &[invoice], json!({})).await;
    stage.succeeded(invoice).await;
    (site, invoice, bank)
}

/// The first account of a type.
async fn account(stage: &Stage, kind: &str) -> String {
    let accounts = stage.list("accounts").await;
    let found = accounts.iter().find(|account| account["account_type"] == kind);
    text(found.unwrap(), "id")
}

async fn paid(site: &Site, invoice: i64, amount: &str, number: Option<&str>) -> i64 {
    let body = json!({"requisition_id": invoice, "amount": amount, "check_number": number, "date_payment_funded": "2026-04-02"});
    site.stage.made("/contract-payments", &body).await[0]
}

async fn checks(site: &Site) -> Vec<Value> {
    site.stage.transactions("bill_payment_checks").await
}

async fn open_amount(site: &Site) -> String {
    text(&site.stage.transactions("bills").await[0], "open_amount")
}

#[tokio::test]
async fn a_payment_of_procores_is_one_check_of_its_bill_and_does_not_come_back() {
    let (site, invoice, bank) = site().await;
    let stage = &site.stage;
    let first = paid(&site, invoice, "400.00", Some("1042")).await;
    stage.export("contract_payment", &[first], json!({})).await;
    stage.succeeded(first).await;
    let written = checks(&site).await;
    assert_eq!(written.len(), 1);
    let check = &written[0];
    let told = [
        "ref_number",
        "amount",
        "txn_date",
        "payee_entity_id",
        "bank_account_id",
    ]
    .map(|key| text(check, key));
    let wanted = ["1042", "400.00", "2026-04-02", &site.vendor_id, &bank].map(str::to_owned);
    assert_eq!(told, wanted, "{check:#}");
    assert_eq!(open_amount(&site).await, "500.00");
    let procore = stage.state().await;
    let payment = find(&procore, "contract_payments", "id", &json!(first));
    assert_eq!(payment["origin_id"], check["id"]);

    // Pressed twice: once is enough.
    stage.force("contract_payment", first).await;
    stage.settle().await;
    stage.succeeded(first).await;
    // The rest, without a number.
    let rest = paid(&site, invoice, "500.00", None).await;
    stage.export("contract_payment", &[rest], json!({})).await;
    stage.succeeded(rest).await;
    assert_eq!(checks(&site).await.len(), 2);
    assert_eq!(open_amount(&site).await, "0.00");

    // Procore made them, and is not told of them again.
    stage.refresh("contract_payments").await;
    assert!(array(&stage.state().await, "invoice_payments").is_empty());
    site.stage.end().await;
}

#[tokio::test]
async fn a_check_whose_answers_are_lost_stands_once_and_one_that_was_deleted_is_written_anew() {
    let (site, invoice, _) = site().await;
    let stage = &site.stage;
    let payment = paid(&site, invoice, "400.00", Some("1042")).await;
    for fault in [
        json!({"point": "response_undelivered", "only": "BillPaymentCheckAddRq"}),
        json!({"point": "set_response_lost"}),
    ] {
        stage.quickbooks.post("/control/faults", &fault).await;
    }
    let planned = stage.orders().await;
    stage.click("contract_payment", &[payment], json!({})).await;
    stage.planned(planned + 1).await;
    stage.run().await;
    assert_eq!(checks(&site).await.len(), 1);
    stage.world.clock.advance(TimeDelta::hours(1));
    stage.settle().await;
    stage.succeeded(payment).await;
    assert_eq!(checks(&site).await.len(), 1);

    // Deleted in QuickBooks, and sent again.
    let id = text(&checks(&site).await[0], "id");
    stage.quickbooks.delete(&format!("/control/records/{id}")).await;
    stage.force("contract_payment", payment).await;
    stage.settle().await;
    stage.succeeded(payment).await;
    let written = checks(&site).await;
    assert_eq!(written.len(), 1);
    assert_ne!(text(&written[0], "id"), id);
    site.stage.end().await;
}

#[tokio::test]
async fn what_cannot_be_paid_is_refused_with_words_and_nothing_without_the_setting() {
    let (site, invoice, bank) = site().await;
    let stage = &site.stage;
    for (amount, number, words) in [
        ("900.01", Some("1"), ["pays 900.01", "only 900.00 is left"]),
        ("0.00", Some("1"), ["its amount is 0.00", "by hand"]),
        ("1.00", Some("123456789012"), ["check number", "11"]),
    ] {
        let payment = paid(&site, invoice, amount, number).await;
        stage.export("contract_payment", &[payment], json!({})).await;
        has(&stage.failed(payment).await, &words);
    }
    let db = stage.world.db();
    let other = account(stage, "Income").await;
    for (change, words) in [
        (
            format!("payment_account_list_id={other}"),
            "is not a bank account",
        ),
        (
            "payment_account_list_id=".to_owned(),
            "needs payment_account_list_id",
        ),
        (
            "payment_account_list_id=8-8".to_owned(),
            "no account with ListID 8-8",
        ),
    ] {
        let refused = change::set(db, stage.connection, &[change], "somebody", &stage.world.clock).await;
        has(&refused.unwrap_err().to_string(), &[words]);
    }
    stage.set(&["payments_from_procore=false".to_owned()]).await;
    let payment = paid(&site, invoice, "1.00", Some("1")).await;
    stage.export("contract_payment", &[payment], json!({})).await;
    has(&stage.failed(payment).await, &["Payments are not exported"]);
    assert!(checks(&site).await.is_empty(), "{bank}");
    site.stage.end().await;
}
