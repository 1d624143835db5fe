//! Cost types as classes, from the setting to the lines in QuickBooks.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test that cannot go on panics"
)]

mod support;

use serde_json::{Value, json};
use support::{
    site::{Site, has},
    stage::{Setting, Stage, array, text},
};

const ON: &str = "classes_as_cost_types=true";

/// A site whose company file tracks classes: `Labor`, `M`, and `Other` for Procore's usual cost type.
async fn site() -> (Site, [String; 3]) {
    let stage = Stage::with(Setting::default()).await;
    stage
        .quickbooks
        .post("/control/settings", &json!({"features": {"classes": true}}))
        .await;
    let mut classes = Vec::new();
    for name in ["Labor", "M", "Other"] {
        classes.push(stage.person_adds("class", &json!({"name": name})).await);
    }
    (Site::on(stage).await, classes.try_into().unwrap())
}

/// Cost types of the company: labor and material.
async fn cost_types(site: &Site) -> Vec<i64> {
    let types = json!([{"name": "Labor", "code": "L"}, {"name": "Material", "code": "M"}]);
    site.stage.made("/cost-types", &types).await
}

/// A subcontract of three lines: labor, material, and the usual cost type.
async fn subcontract(site: &Site, types: &[i64]) -> (i64, Vec<i64>) {
    let body = json!({"project_id": site.project, "vendor_id": site.vendor, "type": "WorkOrderContract", "number": "SC-001",
    "title": "Concrete", "lines": [
        {"cost_code_id": site.codes[0], "description": "Work", "amount": "1000.00", "line_item_type_id": types[0]},
        {"cost_code_id": site.codes[0], "description": "Cement", "amount": "500.00", "line_item_type_id": types[1]},
        {"cost_code_id": site.codes[1], "description": "Rest", "amount": "20.00"},
    ]});
    let answer = site.stage.make("/commitments", &body).await;
    (
        answer["ids"][0].as_i64().unwrap(),
        support::stage::ids(&answer["line_ids"][0]),
    )
}

fn classes_of(transaction: &Value) -> Vec<String> {
    array(transaction, "lines")
        .iter()
        .map(|line| text(line, "class_id"))
        .collect()
}

// COMP-21
#[tokio::test]
async fn comp_21_each_line_carries_the_class_of_its_cost_type() {
    let (site, [labor, material, other]) = site().await;
    let stage = &site.stage;
    let types = cost_types(&site).await;
    stage
        .set(&[
            ON.to_owned(),
            "negative_invoices_as_vendor_credits=true".to_owned(),
        ])
        .await;
    let (commitment, lines) = subcontract(&site, &types).await;
    stage.export("commitment", &[commitment], json!({})).await;
    stage.succeeded(commitment).await;
    let expected = [labor.clone(), material.clone(), other.clone()];
    let orders = stage.transactions("purchase_orders").await;
    assert_eq!(classes_of(&orders[0]), expected);

    // Two cost types on one line of the schedule of values stay two lines.
    let change = json!({"commitment_id": commitment, "title": "More", "lines": [
        {"commitment_line_id": lines[0], "amount": "10.00"},
        {"commitment_line_id": lines[0], "amount": "5.00"},
        {"commitment_line_id": lines[0], "amount": "7.00", "line_item_type_id": types[1]},
    ]});
    let change = stage.made("/change-orders", &change).await[0];
    stage.export("change_order", &[change], json!({})).await;
    stage.succeeded(change).await;
    let orders = stage.transactions("purchase_orders").await;
    assert_eq!(classes_of(&orders[0])[3..], [labor.clone(), material.clone()]);
    assert_eq!(classes_of(&orders[0])[..3], expected, "what stood there stays");

    // The order of an invoice names no cost type; held retainage has none.
    let items = json!([
        {"commitment_line_id": lines[1], "amount": "100.00", "retainage_held": "10.00"},
        {"commitment_line_id": lines[0], "amount": "50.00"},
        {"commitment_line_id": lines[2], "amount": "1.00"},
    ]);
    let invoice = site.invoice(commitment, "INV-1", items).await;
    stage.export("requisitions", &[invoice], json!({})).await;
    stage.succeeded(invoice).await;
    let bills = stage.transactions("bills").await;
    assert_eq!(
        classes_of(&bills[0]),
        [material.clone(), labor.clone(), other, String::new()]
    );
    let items = json!([{"commitment_line_id": lines[1], "amount": "-30.00"}]);
    let credit = site.invoice(commitment, "INV-2", items).await;
    stage.export("requisitions", &[credit], json!({})).await;
    stage.succeeded(credit).await;
    assert_eq!(
        classes_of(&stage.transactions("vendor_credits").await[0]),
        [material]
    );
    site.stage.end().await;
}

// COMP-21, MAP-03
#[tokio::test]
async fn comp_21_without_the_setting_no_class_is_written_nor_read_and_custom_segments_are_refused() {
    let (site, _) = site().await;
    let stage = &site.stage;
    let types = cost_types(&site).await;
    let (commitment, _) = subcontract(&site, &types).await;
    stage.export("commitment", &[commitment], json!({})).await;
    stage.succeeded(commitment).await;
    assert_eq!(
        classes_of(&stage.transactions("purchase_orders").await[0]),
        [String::new(), String::new(), String::new()]
    );
    stage.refresh("jobs").await;
    let mirrored: i64 = sqlx::query_scalar("select count(*) from mirror_records where kind = 'class'")
        .fetch_one(stage.world.db())
        .await
        .unwrap();
    assert_eq!(mirrored, 0);

    let body = json!({"project_id": site.project, "vendor_id": site.vendor, "type": "PurchaseOrderContract", "number": "PO-7",
        "lines": [{"cost_code_id": site.codes[0], "amount": "10.00", "line_item_type_id": types[0], "custom_segment": "North"}]});
    let north = stage.made("/commitments", &body).await[0];
    stage.export("commitment", &[north], json!({})).await;
    let words = stage.failed(north).await;
    has(&words, &["PO-7", "line 1", "\"North\"", "classes_as_cost_types"]);
    stage.set(&[ON.to_owned()]).await;
    stage.export("commitment", &[north], json!({})).await;
    stage.succeeded(north).await;
    site.stage.end().await;
}

// COMP-21
#[tokio::test]
async fn comp_21_a_cost_type_without_a_class_is_refused_beforehand_and_goes_once_the_list_was_refreshed() {
    let (site, [labor, material, other]) = site().await;
    let stage = &site.stage;
    let types = cost_types(&site).await;
    stage
        .quickbooks
        .patch(
            &format!("/control/records/{material}"),
            &json!({"is_active": false}),
        )
        .await;
    stage
        .quickbooks
        .patch(&format!("/control/records/{labor}"), &json!({"name": "Work"}))
        .await;
    stage.set(&[ON.to_owned()]).await;
    let (commitment, _) = subcontract(&site, &types).await;
    stage.export("commitment", &[commitment], json!({})).await;
    let words = stage.failed(commitment).await;
    has(
        &words,
        &[
            "SC-001",
            "cost type Labor of its line 1: QuickBooks has no class called \"Labor\" or \"L\"",
            "cost type Material of its line 2: the class \"M\" is inactive",
            "refresh the job list",
        ],
    );
    assert!(stage.transactions("purchase_orders").await.is_empty());

    for (class, mended) in [
        (&labor, json!({"name": "labor"})),
        (&material, json!({"is_active": true})),
    ] {
        stage
            .quickbooks
            .patch(&format!("/control/records/{class}"), &mended)
            .await;
    }
    stage.refresh("jobs").await;
    stage.force("commitment", commitment).await;
    stage.settle().await;
    stage.succeeded(commitment).await;
    let orders = stage.transactions("purchase_orders").await;
    assert_eq!(classes_of(&orders[0]), [labor, material, other]);
    site.stage.end().await;
}

// COMP-21
#[tokio::test]
async fn comp_21_where_class_tracking_is_off_the_user_reads_where_to_switch_it_on() {
    let site = Site::new().await;
    let stage = &site.stage;
    stage.set(&[ON.to_owned()]).await;
    let (commitment, _) = site.subcontract("SC-001", &["1000.00", "500.00"]).await;
    stage.export("commitment", &[commitment], json!({})).await;
    let words = stage.failed(commitment).await;
    has(
        &words,
        &["class tracking is switched off", "Preferences > Accounting"],
    );
    assert_eq!(
        words.matches("switched off in this").count(),
        1,
        "told once: {words}"
    );
    assert!(stage.transactions("purchase_orders").await.is_empty());
    site.stage.end().await;
}
