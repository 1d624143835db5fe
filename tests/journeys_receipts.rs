//! Bills that receive the lines of their purchase order, where the setting asks for it.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test that cannot go on panics"
)]

mod support;

use serde_json::{Value, json};
use support::{
    site::Site,
    stage::{Setting, Stage, array, ids, text},
};

async fn site(on: bool) -> Site {
    let setting = Setting {
        changes: vec![format!("link_bills_to_purchase_orders={on}")],
        ..Setting::default()
    };
    Site::on(Stage::with(setting).await).await
}

/// A commitment in QuickBooks: 10 of 125.50, 5 of 20.00, and 300.00 without a quantity; its id and its lines'.
async fn ordered(site: &Site) -> (i64, Vec<i64>) {
    let unit = |quantity: &str, cost: &str| json!({"cost_code_id": site.codes[0], "quantity": quantity, "unit_cost": cost, "uom": "ea"});
    let lump = json!({"cost_code_id": site.codes[1], "amount": "300.00"});
    let body = json!({"project_id": site.project, "vendor_id": site.vendor, "type": "WorkOrderContract", "number": "SC-U",
        "accounting_method": "unit", "lines": [unit("10", "125.50"), unit("5", "20.00"), lump]});
    let answer = site.stage.make("/commitments", &body).await;
    let id = answer["ids"][0].as_i64().unwrap();
    site.stage.export("commitment", &[id], json!({})).await;
    site.stage.succeeded(id).await;
    (id, ids(&answer["line_ids"][0]))
}

/// Exports an invoice with these lines; the bill's lines in their order.
async fn billed(site: &Site, commitment: i64, number: &str, lines: Value) -> Vec<Value> {
    let stage = &site.stage;
    let invoice = site.invoice(commitment, number, lines).await;
    stage.export("requisitions", &[invoice], json!({})).await;
    stage.succeeded(invoice).await;
    let bills = stage.transactions("bills").await;
    let bill = bills
        .iter()
        .find(|bill| text(bill, "ref_number") == number)
        .unwrap();
    array(bill, "lines")
}

/// What has been received of each line of the one purchase order.
async fn received(site: &Site) -> Vec<String> {
    let orders = site.stage.transactions("purchase_orders").await;
    assert_eq!(orders.len(), 1);
    array(&orders[0], "lines")
        .iter()
        .map(|line| text(line, "received_quantity"))
        .collect()
}

#[tokio::test]
async fn a_bill_receives_by_quantity_what_its_order_has_left_and_nothing_else() {
    let site = site(true).await;
    let (commitment, lines) = ordered(&site).await;
    let first = json!([
        {"commitment_line_id": lines[0], "quantity": "4", "unit_cost": "125.50", "amount": "502.00"},
        {"commitment_line_id": lines[2], "amount": "100.00"},
    ]);
    let there = billed(&site, commitment, "INV-1", first).await;
    // The items are the order's, and the amounts Procore's.
    let told: Vec<(String, String)> = there
        .iter()
        .map(|line| (text(line, "item_id"), text(line, "amount")))
        .collect();
    let (concrete, steel) = (site.items[0].clone(), site.items[1].clone());
    assert_eq!(
        told,
        [
            (concrete.clone(), "502.00".to_owned()),
            (steel, "100.00".to_owned())
        ]
    );
    assert_eq!(
        received(&site).await,
        ["4", "0", "0"],
        "an amount receives nothing"
    );
    let order = site.stage.transactions("purchase_orders").await.remove(0);
    assert_eq!(order["is_fully_received"], false);

    // More than is left is billed all the same, and is not linked.
    let second = json!([
        {"commitment_line_id": lines[0], "quantity": "7", "unit_cost": "125.50", "amount": "878.50"},
        {"commitment_line_id": lines[1], "quantity": "5", "unit_cost": "20.00", "amount": "100.00"},
    ]);
    let there = billed(&site, commitment, "INV-2", second).await;
    assert_eq!(text(&there[0], "item_id"), concrete);
    assert_eq!(received(&site).await, ["4", "5", "0"]);
    // The order can still grow.
    let change = json!([{"commitment_id": commitment, "title": "More",
        "lines": [{"cost_code_id": site.codes[1], "amount": "9.00"}]}]);
    let change = site.stage.made("/change-orders", &change).await[0];
    site.stage.export("change_order", &[change], json!({})).await;
    site.stage.succeeded(change).await;
    assert_eq!(received(&site).await, ["4", "5", "0", "0"]);
    site.stage.end().await;
}

#[tokio::test]
async fn a_closed_line_is_not_received_and_without_the_setting_none_is() {
    for on in [true, false] {
        let site = site(on).await;
        let (commitment, lines) = ordered(&site).await;
        let order = site.stage.transactions("purchase_orders").await.remove(0);
        if on {
            let closed = json!({"is_manually_closed": true});
            let path = format!("/control/records/{}", text(&order, "id"));
            site.stage.quickbooks.patch(&path, &closed).await;
        }
        let first = json!([{"commitment_line_id": lines[0], "quantity": "4", "unit_cost": "125.50", "amount": "502.00"}]);
        let there = billed(&site, commitment, "INV-1", first).await;
        assert_eq!(text(&there[0], "item_id"), site.items[0]);
        assert_eq!(received(&site).await, ["0", "0", "0"], "on: {on}");
        site.stage.end().await;
    }
}
