//! What an administrator can set, and what comes of it.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test that cannot go on panics"
)]

mod support;

use plumbline::connections::{
    settings::{
        Settings,
        change::{self, SettingsError},
        history::{self, SettingChange},
    },
    store,
};
use serde_json::json;
use support::{
    site::Site,
    stage::{Setting, Stage, text},
};

async fn set(stage: &Stage, changes: &[&str], by: &str) -> Result<Settings, SettingsError> {
    let changes: Vec<String> = changes.iter().map(|&change| change.to_owned()).collect();
    change::set(
        stage.world.db(),
        stage.connection,
        &changes,
        by,
        &stage.world.clock,
    )
    .await
}

async fn undo(stage: &Stage, number: i32, by: &str) -> Result<Settings, SettingsError> {
    change::undo(stage.world.db(), stage.connection, number, by, &stage.world.clock).await
}

async fn history(stage: &Stage) -> Vec<SettingChange> {
    history::list(&mut stage.world.db().acquire().await.unwrap(), stage.connection)
        .await
        .unwrap()
}

/// As a service that has just been started reads them.
async fn stored(stage: &Stage) -> Settings {
    store::find(stage.world.db(), stage.connection)
        .await
        .unwrap()
        .unwrap()
        .settings
}

// ADV-23, LOVE-14
#[tokio::test]
async fn adv_23_love_14_each_change_is_kept_with_who_when_old_and_new_and_can_be_taken_back() {
    let stage = Stage::new().await;
    let before = stored(&stage).await;
    let began = history(&stage).await.len();
    set(&stage, &["batch_size=30", "page_size=100"], "Ann")
        .await
        .unwrap();
    // What is set to what it is already is no change.
    set(&stage, &["batch_size=30"], "Ann").await.unwrap();
    set(&stage, &["payment_schedule=daily"], "Ben").await.unwrap();
    assert_eq!(stored(&stage).await.batch_size, 30);
    let all = history(&stage).await;
    assert_eq!(all.len() - began, 2);
    let (paid, sized) = (&all[0], &all[1]);
    assert_eq!(sized.changed_by, "Ann");
    assert_eq!(sized.changes["batch_size"].old, json!(before.batch_size));
    assert_eq!(sized.changes["batch_size"].new, json!(30));
    assert_eq!(sized.changes["page_size"].new, json!(100));
    assert!((stage.world.clock.now() - sized.changed_at).num_seconds().abs() < 60);
    assert_eq!(paid.changed_by, "Ben");

    let after = undo(&stage, sized.number, "Cid").await.unwrap();
    assert_eq!(
        (after.batch_size, after.page_size),
        (before.batch_size, before.page_size)
    );
    assert_eq!(stored(&stage).await, after);
    let all = history(&stage).await;
    assert_eq!(
        (all[0].changed_by.as_str(), all[0].undoes),
        ("Cid", Some(sized.number))
    );
    // It has been overtaken now.
    let again = undo(&stage, sized.number, "Cid").await.unwrap_err();
    assert!(matches!(again, SettingsError::ChangedSince { .. }), "{again}");
    // The day from which payments count goes with the schedule.
    assert!(stored(&stage).await.payments_since.is_some());
    let after = undo(&stage, paid.number, "Cid").await.unwrap();
    assert!(after.payments_since.is_none());

    // Refused: nothing is changed, and nothing is kept.
    let kept = history(&stage).await.len();
    for wrong in [
        vec!["batch_size=30", "page_size=0"],
        vec!["batch_size=many"],
        vec!["colour=red"],
        vec!["batch_size"],
        vec!["payments_since=2020-01-01T00:00:00Z"],
        vec!["memo_template={nobody}"],
    ] {
        assert!(set(&stage, &wrong, "Ann").await.is_err(), "{wrong:?}");
    }
    assert_eq!(stored(&stage).await, after);
    assert_eq!(history(&stage).await.len(), kept);
    stage.end().await;
}

#[tokio::test]
async fn a_setting_of_a_newer_version_survives_a_change_by_this_one() {
    let stage = Stage::new().await;
    sqlx::query(r#"update connections set settings = settings || '{"of_tomorrow": true}'"#)
        .execute(stage.world.db())
        .await
        .unwrap();
    set(&stage, &["batch_size=30"], "Ann").await.unwrap();
    let kept: bool = sqlx::query_scalar("select (settings ->> 'of_tomorrow')::boolean from connections")
        .fetch_one(stage.world.db())
        .await
        .unwrap();
    assert!(kept);
    stage.end().await;
}

// COMP-37
#[tokio::test]
async fn comp_37_the_memo_follows_the_template() {
    let site = Site::new().await;
    set(
        &site.stage,
        &["memo_template={contract}: {title}, {project}"],
        "Ann",
    )
    .await
    .unwrap();
    site.synced_subcontract("SC-1", &["10.00"]).await;
    let orders = site.stage.transactions("purchase_orders").await;
    assert_eq!(text(&orders[0], "memo"), "SC-1: Contract SC-1, Harbor Tower");
    site.stage.end().await;
}

// COMP-43, MAP-40
#[tokio::test]
async fn comp_43_map_40_a_canadian_files_payments_come_with_the_override_alone() {
    let stage = Stage::with(Setting {
        quickbooks: quickbooks_simulator::Options {
            company: quickbooks_simulator::CompanyOptions {
                country: "CA".to_owned(),
                ..quickbooks_simulator::CompanyOptions::default()
            },
            ..quickbooks_simulator::Options::default()
        },
        changes: vec!["payment_schedule=daily".to_owned()],
        ..Setting::default()
    })
    .await;
    let site = Site::on(stage).await;
    let stage = &site.stage;
    let (commitment, lines) = site.synced_subcontract("SC-1", &["1000.00"]).await;
    let lines = json!([{"commitment_line_id": lines[0], "amount": "500.00"}]);
    let invoice = site.invoice(commitment, "INV-1", lines).await;
    stage.export("requisitions", &[invoice], json!({})).await;
    stage.succeeded(invoice).await;
    let bill = text(&stage.record("requisitions", invoice).await, "origin_id");
    let payment = json!({"bills": [{"txn_id": bill, "amount": "500.00"}], "method": "check", "ref_number": "1001", "date": "2030-05-04"});
    stage.quickbooks.post("/control/payments", &payment).await;
    stage.refresh("contract_payments").await;
    assert_eq!(
        stage.state().await["invoice_payments"],
        json!([]),
        "not without the override"
    );

    set(stage, &["payments_outside_us=true"], "Ann").await.unwrap();
    stage.refresh("contract_payments").await;
    let paid = stage.state().await["invoice_payments"].clone();
    assert_eq!(paid.as_array().unwrap().len(), 1, "{paid}");
    assert_eq!(text(&paid[0], "amount"), "500.0");
    site.stage.end().await;
}
