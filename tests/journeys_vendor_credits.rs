//! Subcontractor invoices below zero, from the accountant's click to the vendor credit and back.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test that cannot go on panics"
)]

mod support;

use chrono::{TimeDelta, Utc};
use plumbline::{
    clock::Clock,
    commands::{
        connection::repair,
        unlink::{self, What},
    },
    comparison,
    connections::store,
    qbxml::identity::RecordKind,
    tie_out::Measure,
};
use serde_json::{Value, json};
use support::{
    database::TestDatabase,
    site::Site,
    stage::{Setting, Stage, array, text},
    tie_out::{of, tie_out},
    world::eventually,
};

async fn site(on: bool) -> Site {
    let setting = Setting {
        clock: Clock::manual(Utc::now()),
        changes: vec![format!("negative_invoices_as_vendor_credits={on}")],
        ..Setting::default()
    };
    Site::on(Stage::with(setting).await).await
}

/// An invoice of −60.00: 100.00 taken back, 25.00 of new work, 15.00 of retainage released.
async fn negative(site: &Site) -> i64 {
    let (commitment, lines) = site.synced_subcontract("SC-001", &["1000.00", "500.00"]).await;
    let lines = json!([
        {"commitment_line_id": lines[0], "amount": "-100.00", "retainage_released": "15.00"},
        {"commitment_line_id": lines[1], "amount": "25.00"},
    ]);
    site.invoice(commitment, "INV-7", lines).await
}

async fn credits(site: &Site) -> Vec<Value> {
    site.stage.transactions("vendor_credits").await
}

// COMP-44
#[tokio::test]
async fn comp_44_an_invoice_below_zero_is_one_vendor_credit_with_the_same_lines() {
    let site = site(true).await;
    let stage = &site.stage;
    let invoice = negative(&site).await;
    stage.export("requisitions", &[invoice], json!({})).await;
    stage.succeeded(invoice).await;
    let written = credits(&site).await;
    assert_eq!(written.len(), 1);
    assert!(stage.transactions("bills").await.is_empty());
    let credit = &written[0];
    assert_eq!(
        (text(credit, "credit_amount"), text(credit, "ref_number")),
        ("60.00".into(), "INV-7".into())
    );
    assert_eq!(text(credit, "vendor_id"), site.vendor_id);
    let lines: Vec<(String, String)> = array(credit, "lines")
        .iter()
        .map(|line| (text(line, "item_id"), text(line, "amount")))
        .collect();
    let retainage = stage.books.retainage_item.clone();
    assert_eq!(
        lines,
        [
            (site.items[0].clone(), "100.00".to_owned()),
            (site.items[1].clone(), "-25.00".to_owned()),
            (retainage, "-15.00".to_owned()),
        ]
    );
    for line in array(credit, "lines") {
        assert_eq!(text(&line, "customer_id"), site.job);
    }
    assert_eq!(
        stage.record("requisitions", invoice).await["origin_id"],
        credit["id"]
    );

    // Pressed again: nothing more.
    stage.force("requisitions", invoice).await;
    stage.settle().await;
    stage.succeeded(invoice).await;
    assert_eq!(credits(&site).await.len(), 1);
    site.stage.end().await;
}

// COMP-44
#[tokio::test]
async fn comp_44_a_vendor_credit_whose_answers_are_lost_stands_once_also_if_the_setting_is_off_by_then() {
    let site = site(true).await;
    let stage = &site.stage;
    let invoice = negative(&site).await;
    for fault in [
        json!({"point": "response_undelivered", "only": "VendorCreditAddRq"}),
        json!({"point": "set_response_lost"}),
    ] {
        stage.quickbooks.post("/control/faults", &fault).await;
    }
    let planned = stage.orders().await;
    stage.click("requisitions", &[invoice], json!({})).await;
    stage.planned(planned + 1).await;
    stage.run().await;
    assert_eq!(credits(&site).await.len(), 1);
    stage
        .set(&["negative_invoices_as_vendor_credits=false".to_owned()])
        .await;
    // The session is given up after a while.
    stage.world.clock.advance(TimeDelta::hours(1));
    stage.settle().await;
    stage.succeeded(invoice).await;
    assert_eq!(credits(&site).await.len(), 1);
    site.stage.end().await;
}

// COMP-44, MAP-33
#[tokio::test]
async fn comp_44_without_the_setting_an_invoice_below_zero_is_refused_with_words() {
    let site = site(false).await;
    let stage = &site.stage;
    let invoice = negative(&site).await;
    stage.export("requisitions", &[invoice], json!({})).await;
    let words = stage.failed(invoice).await;
    for part in [
        "-60.00",
        "cannot be below zero",
        "negative_invoices_as_vendor_credits",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
    assert!(credits(&site).await.is_empty());
    site.stage.end().await;
}

// COMP-44, QBD-32
#[tokio::test]
async fn comp_44_a_vendor_credit_is_unlinked_once_it_is_gone_and_compared_as_one() {
    let site = site(true).await;
    let stage = &site.stage;
    let invoice = negative(&site).await;
    stage.export("requisitions", &[invoice], json!({})).await;
    stage.succeeded(invoice).await;
    let id = text(&credits(&site).await[0], "id");
    let db = stage.world.db();
    let connection = store::find(db, stage.connection).await.unwrap().unwrap();
    repair::begin(db, &connection, &stage.world.clock).await.unwrap();
    stage.run().await;
    let compared = comparison::store::report(db, stage.connection)
        .await
        .unwrap()
        .unwrap();
    assert!(
        compared.findings.is_empty(),
        "it is there, as a vendor credit: {:?}",
        compared.findings
    );
    let ask = async || {
        unlink::begin(db, &connection, &stage.world.clock, What::Invoice, invoice)
            .await
            .unwrap();
        stage.run().await;
        stage.tasks().await.pop().unwrap()
    };
    let (_, status, words) = ask().await;
    assert_eq!(status, "failed");
    assert!(words.contains("It is vendor credit INV-7."), "{words}");

    stage.quickbooks.delete(&format!("/control/records/{id}")).await;
    let (_, status, words) = ask().await;
    assert_eq!(status, "done", "{words}");
    assert!(words.contains("Successfully Unlinked"), "{words}");
    site.stage.end().await;
}

// COMP-44, MAP-17, MAP-19
#[tokio::test]
async fn comp_44_a_vendor_credit_of_ours_is_no_direct_cost_and_both_sides_agree() {
    let stage = Stage::with(Setting {
        changes: vec!["negative_invoices_as_vendor_credits=true".to_owned()],
        ..Setting::default()
    })
    .await;
    stage.refresh("standard_cost_codes").await;
    let site = Site::on(stage).await;
    let stage = &site.stage;
    let (commitment, lines) = site.synced_subcontract("SC-001", &["1000.00", "500.00"]).await;
    for (number, lines) in [
        (
            "INV-1",
            json!([{"commitment_line_id": lines[0], "amount": "300.00", "retainage_held": "30.00"}]),
        ),
        (
            "INV-2",
            json!([{"commitment_line_id": lines[0], "amount": "-100.00", "retainage_released": "10.00"},
                {"commitment_line_id": lines[1], "amount": "25.00"}]),
        ),
    ] {
        let invoice = site.invoice(commitment, number, lines).await;
        stage.export("requisitions", &[invoice], json!({})).await;
        stage.succeeded(invoice).await;
    }
    assert_eq!(credits(&site).await.len(), 1);
    // A person's own credit counts, ours does not.
    for (kind, number, amount) in [("bill", "B1", "77.77"), ("vendor_credit", "C1", "7.00")] {
        let cost = json!({"ref_number": number, "vendor": "Lew Plumbing", "txn_date": "2026-03-15",
            "lines": [{"item": site.items[0], "amount": amount, "customer": site.job}]});
        stage.person_adds(kind, &cost).await;
    }
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
    let measured = |measure| of(&report, measure).quickbooks.to_string();
    assert_eq!(
        [Measure::Billed, Measure::Retainage, Measure::DirectCost].map(measured),
        ["205.00", "20.00", "70.77"]
    );
    assert!(report.agrees(), "{}", report.json());
    site.stage.end().await;
}

// What a link stands as is checked in the database as in the program.
#[tokio::test]
async fn comp_44_a_link_stands_as_a_kind_of_record_the_program_knows() {
    let database = TestDatabase::new().await;
    let allowed: String = sqlx::query_scalar(
        "select pg_get_constraintdef(oid) from pg_constraint where conname = 'links_stands_as'",
    )
    .fetch_one(&database.pool)
    .await
    .unwrap();
    let mut named: Vec<&str> = allowed.split('\'').skip(1).step_by(2).collect();
    let mut known = RecordKind::ALL.map(RecordKind::as_str);
    named.sort_unstable();
    known.sort_unstable();
    assert_eq!(named, known, "{allowed}");
    database.close().await;
}
