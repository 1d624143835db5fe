//! Both systems' totals side by side, after a project's life in both: over real HTTP, SOAP and PostgreSQL.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test that cannot go on panics"
)]

mod support;

use plumbline::tie_out::Measure;
use serde_json::json;
use support::{
    site::Site,
    stage::{Setting, Stage, array, text},
    tie_out::{of, tie_out},
    world::eventually,
};

// LOVE-04
#[tokio::test]
async fn love_04_a_projects_totals_agree_to_the_cent_and_a_difference_names_its_record() {
    let stage = Stage::with(Setting {
        changes: vec!["payment_schedule=daily".to_owned()],
        ..Setting::default()
    })
    .await;
    stage.refresh("standard_cost_codes").await;
    let site = Site::on(stage).await;
    let stage = &site.stage;
    let lines = json!([{"cost_code_id": site.codes[0], "amount": "5000.10"}, {"cost_code_id": site.codes[1], "amount": "700.00"}]);
    let budget = stage
        .made("/budgets", &json!({"project_id": site.project, "lines": lines}))
        .await[0];
    stage.export("budget", &[budget], json!({})).await;
    stage.succeeded(budget).await;
    let change = json!({"cost_code_id": site.codes[1], "amount": "-0.07", "notes": "Less"});
    stage.make(&format!("/budgets/{budget}/changes"), &change).await;
    stage.export("budget", &[budget], json!({})).await;
    stage.succeeded(budget).await;

    let (commitment, lines) = site.synced_subcontract("SC-1", &["4000.29", "600.00"]).await;
    let order = json!({"commitment_id": commitment, "title": "More", "lines": [
        {"commitment_line_id": lines[0], "amount": "99.71", "description": "Deeper"}]});
    let change = stage.made("/change-orders", &order).await[0];
    stage.export("change_order", &[change], json!({})).await;
    stage.succeeded(change).await;
    // Not exported: it counts on neither side.
    site.subcontract("SC-2", &["1000000.00"]).await;

    let mut bills = Vec::new();
    for (number, amount, held, released) in [
        ("INV-1", "1000.00", "100.00", "0.00"),
        ("INV-2", "500.00", "50.00", "40.00"),
    ] {
        let lines = json!([{"commitment_line_id": lines[0], "amount": amount, "retainage_held": held, "retainage_released": released}]);
        let invoice = site.invoice(commitment, number, lines).await;
        stage.export("requisitions", &[invoice], json!({})).await;
        stage.succeeded(invoice).await;
        bills.push(text(&stage.record("requisitions", invoice).await, "origin_id"));
    }
    for (amount, method, number) in [("400.00", "check", "1001"), ("0.29", "credit_card", "1002")] {
        let payment = json!({"bills": [{"txn_id": bills[0], "amount": amount}], "method": method, "ref_number": number, "date": "2030-05-04"});
        stage.quickbooks.post("/control/payments", &payment).await;
    }
    stage.refresh("contract_payments").await;
    let cost = json!({"ref_number": "B1", "vendor": "Lew Plumbing", "txn_date": "2026-03-15",
        "lines": [{"item": site.items[0], "amount": "77.77", "customer": site.job}]});
    stage.person_adds("bill", &cost).await;
    let event = json!({"request_name": "sync_single_job", "request_data": {"id": site.job, "company_id": stage.company}});
    stage.make("/event", &event).await;
    eventually("Procore is told of the direct cost", async || {
        stage.run().await;
        (!array(&stage.state().await, "erp_job_costs")
            .iter()
            .all(|cost| cost["job_to_date_cost"].is_null()))
        .then_some(())
    })
    .await;

    let report = tie_out(&site).await;
    let amounts: Vec<(&str, String)> = Measure::ALL
        .iter()
        .map(|measure| (measure.word(), of(&report, *measure).procore.to_string()))
        .collect();
    assert_eq!(
        amounts,
        [
            ("budget", "5700.03".to_owned()),
            ("committed", "4700.00".to_owned()),
            ("billed", "1390.00".to_owned()),
            ("retainage", "110.00".to_owned()),
            ("paid", "400.29".to_owned()),
            ("direct cost", "77.77".to_owned()),
        ]
    );
    assert!(report.agrees(), "{}", report.json());

    // The bookkeeper changes the order and deletes a bill.
    let orders = stage.transactions("purchase_orders").await;
    let (id, first) = (
        text(&orders[0], "id"),
        array(&orders[0], "lines")[0]["txn_line_id"].clone(),
    );
    let kept: Vec<_> = array(&orders[0], "lines")[1..]
        .iter()
        .map(|line| json!({"txn_line_id": line["txn_line_id"]}))
        .collect();
    let mut lines = vec![json!({"txn_line_id": first, "amount": "4000.28"})];
    lines.extend(kept);
    stage
        .quickbooks
        .patch(&format!("/control/records/{id}"), &json!({"lines": lines}))
        .await;
    stage
        .quickbooks
        .delete(&format!("/control/records/{}", bills[1]))
        .await;
    let report = tie_out(&site).await;
    assert!(!report.agrees());
    let committed = of(&report, Measure::Committed);
    assert_eq!(committed.difference().to_string(), "0.01");
    assert_eq!(
        committed.causes,
        ["commitment SC-1: 4700.00 in Procore, 4699.99 in QuickBooks"]
    );
    let billed = of(&report, Measure::Billed);
    assert_eq!(billed.difference().to_string(), "490.00");
    assert_eq!(
        billed.causes,
        ["invoice INV-2: QuickBooks does not have its transaction any more"]
    );
    assert!(of(&report, Measure::Budget).difference().is_zero());
    site.stage.end().await;
}
