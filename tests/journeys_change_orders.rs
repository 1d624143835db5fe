//! Commitment change orders, from the accountant's click to the lines on the purchase order and back.
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
    site::Site,
    stage::{Setting, Stage, array, find, ids, text},
};

/// A change order on these lines of the commitment: each the line it changes, and how much. Its id and its lines' ids.
async fn change_order(site: &Site, commitment: i64, changes: &[(i64, &str)]) -> (i64, Vec<i64>) {
    let lines: Vec<Value> = changes
        .iter()
        .map(|(line, amount)| json!({"commitment_line_id": line, "amount": amount, "description": format!("Change {amount}")}))
        .collect();
    let body = json!({"commitment_id": commitment, "title": "More", "lines": lines});
    let answer = site.stage.make("/change-orders", &body).await;
    (answer["ids"][0].as_i64().unwrap(), ids(&answer["line_ids"][0]))
}

/// The one purchase order of the file.
async fn order(site: &Site) -> Value {
    let mut orders = site.stage.transactions("purchase_orders").await;
    assert_eq!(orders.len(), 1);
    orders.remove(0)
}

fn amounts(order: &Value) -> Vec<String> {
    array(order, "lines")
        .iter()
        .map(|line| text(line, "amount"))
        .collect()
}

fn line_ids(order: &Value) -> Vec<String> {
    array(order, "lines")
        .iter()
        .map(|line| text(line, "txn_line_id"))
        .collect()
}

fn has(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not told: {message}");
    }
}

// QBD-05, QBD-47, COMP-48
#[tokio::test]
async fn qbd_05_qbd_47_comp_48_change_orders_append_their_lines_one_after_the_other() {
    let site = Site::new().await;
    let stage = &site.stage;
    let (commitment, lines) = site.synced_subcontract("SC-001", &["1000.00", "2000.00"]).await;
    let before = order(&site).await;
    let (first, first_lines) = change_order(&site, commitment, &[(lines[0], "500.00")]).await;
    let (second, second_lines) = change_order(
        &site,
        commitment,
        &[(lines[1], "300.00"), (lines[0], "25.50"), (lines[1], "-100.00")],
    )
    .await;
    // Accepted together.
    stage.click("change_order", &[first, second], json!({})).await;
    stage.settle().await;
    stage.succeeded(first).await;
    stage.succeeded(second).await;

    let after = order(&site).await;
    assert_eq!(
        amounts(&after),
        ["1000.00", "2000.00", "500.00", "200.00", "25.50"]
    );
    assert_eq!(
        line_ids(&after)[..2],
        line_ids(&before)[..],
        "the old lines keep their ids"
    );
    assert_eq!(text(&after, "total_amount"), "3725.50");
    assert_eq!(array(&after, "lines")[2]["item_id"], json!(site.items[0]));
    assert_eq!(array(&after, "lines")[3]["item_id"], json!(site.items[1]));

    let procore = stage.state().await;
    let new = line_ids(&after);
    let change = find(&procore, "change_orders", "id", &json!(first));
    assert_eq!(
        change["origin_id"],
        json!(format!("{}|{}", text(&after, "id"), new[2]))
    );
    assert_eq!(
        find(&change, "lines", "id", &json!(first_lines[0]))["origin_id"],
        json!(new[2])
    );
    let change = find(&procore, "change_orders", "id", &json!(second));
    let origin = |line: i64| find(&change, "lines", "id", &json!(line))["origin_id"].clone();
    assert_eq!(origin(second_lines[0]), json!(new[3]));
    assert_eq!(origin(second_lines[1]), json!(new[4]));
    assert_eq!(
        origin(second_lines[2]),
        json!(format!("{}|2", new[3])),
        "added up with the first"
    );

    // Pressed again, nothing is written.
    stage.force("change_order", first).await;
    stage.settle().await;
    stage.succeeded(first).await;
    assert_eq!(order(&site).await, after);
    site.stage.end().await;
}

// COMP-13
#[tokio::test]
async fn comp_13_a_line_that_a_person_added_or_changed_in_quickbooks_survives() {
    let site = Site::new().await;
    let stage = &site.stage;
    let (commitment, lines) = site.synced_subcontract("SC-001", &["1000.00", "2000.00"]).await;
    let before = order(&site).await;
    let (id, kept) = (text(&before, "id"), line_ids(&before));
    let by_hand = json!({"lines": [
        {"txn_line_id": kept[0], "desc": "Typed over", "amount": "1100.00"},
        {"txn_line_id": "-1", "item": site.items[1], "amount": "7.77", "customer": site.job, "desc": "By hand"},
        {"txn_line_id": kept[1]},
    ]});
    stage
        .quickbooks
        .patch(&format!("/control/records/{id}"), &by_hand)
        .await;
    let (change, _) = change_order(&site, commitment, &[(lines[0], "500.00")]).await;
    stage.export("change_order", &[change], json!({})).await;
    stage.succeeded(change).await;
    let after = order(&site).await;
    assert_eq!(amounts(&after), ["1100.00", "7.77", "2000.00", "500.00"]);
    assert_eq!(array(&after, "lines")[0]["desc"], "Typed over");
    assert_eq!(text(&after, "total_amount"), "3607.77");
    site.stage.end().await;
}

// COMP-12
#[tokio::test]
async fn comp_12_an_order_open_in_quickbooks_for_two_runs_gets_its_change_in_the_third() {
    let site = Site::new().await;
    let stage = &site.stage;
    let (commitment, lines) = site.synced_subcontract("SC-001", &["1000.00"]).await;
    let fault = json!({"point": "request_status", "status": 3175, "only": "PurchaseOrderModRq", "times": 2,
        "text": "There was an error adding, modifying or deleting because it is already in use."});
    stage.quickbooks.post("/control/faults", &fault).await;
    let planned = stage.orders().await;
    let (change, _) = change_order(&site, commitment, &[(lines[0], "500.00")]).await;
    stage.click("change_order", &[change], json!({})).await;
    stage.planned(planned + 1).await;
    for _ in 0..2 {
        stage.run().await;
        let tasks = stage.tasks().await;
        let (_, status, said) = tasks.last().unwrap();
        assert_eq!(status, "later", "{said}");
        has(said, &["change order 1", "waits", "open in QuickBooks"]);
        assert_eq!(amounts(&order(&site).await), ["1000.00"]);
    }
    stage.settle().await;
    stage.succeeded(change).await;
    assert_eq!(amounts(&order(&site).await), ["1000.00", "500.00"]);
    site.stage.end().await;
}

#[tokio::test]
async fn whoever_is_faster_in_quickbooks_costs_a_second_look_and_nothing_else() {
    let site = Site::new().await;
    let stage = &site.stage;
    let (commitment, lines) = site.synced_subcontract("SC-001", &["1000.00"]).await;
    let faster = json!({"point": "request_status", "status": 3200, "only": "PurchaseOrderModRq", "times": 3,
        "text": "The provided edit sequence is out-of-date."});
    stage.quickbooks.post("/control/faults", &faster).await;
    let (change, _) = change_order(&site, commitment, &[(lines[0], "500.00")]).await;
    stage.export("change_order", &[change], json!({})).await;
    stage.succeeded(change).await;
    assert_eq!(amounts(&order(&site).await), ["1000.00", "500.00"]);
    site.stage.end().await;
}

#[tokio::test]
async fn a_change_whose_answer_was_lost_and_not_kept_stands_once() {
    let setting = Setting {
        clock: Clock::manual(Utc::now()),
        ..Setting::default()
    };
    let site = Site::on(Stage::with(setting).await).await;
    let stage = &site.stage;
    let (commitment, lines) = site.synced_subcontract("SC-001", &["1000.00"]).await;
    // QuickBooks writes it, the Web Connector dies with the answer, and QuickBooks' store has lost it.
    for fault in [
        json!({"point": "response_undelivered", "only": "PurchaseOrderModRq"}),
        json!({"point": "set_response_lost"}),
    ] {
        stage.quickbooks.post("/control/faults", &fault).await;
    }
    let planned = stage.orders().await;
    let (change, _) = change_order(&site, commitment, &[(lines[0], "500.00")]).await;
    stage.click("change_order", &[change], json!({})).await;
    stage.planned(planned + 1).await;
    stage.run().await;
    assert_eq!(amounts(&order(&site).await), ["1000.00", "500.00"]);
    // The session is given up after a while.
    stage.world.clock.advance(TimeDelta::hours(1));
    stage.settle().await;
    stage.succeeded(change).await;
    assert_eq!(amounts(&order(&site).await), ["1000.00", "500.00"]);
    site.stage.end().await;
}

// QBD-28
#[tokio::test]
async fn qbd_28_a_change_order_is_unlinked_once_its_lines_are_gone_and_exported_anew() {
    let site = Site::new().await;
    let stage = &site.stage;
    let (commitment, lines) = site.synced_subcontract("SC-001", &["1000.00"]).await;
    let (change, _) = change_order(&site, commitment, &[(lines[0], "500.00"), (lines[0], "-20.00")]).await;
    stage.export("change_order", &[change], json!({})).await;
    stage.succeeded(change).await;
    let unlink = format!("/change-orders/{change}/unlink");
    stage.make(&unlink, &json!({})).await;
    stage.settle().await;
    has(
        &stage.failed(change).await,
        &[
            "The CCO is still in QuickBooks Desktop. Please delete it before retrying.",
            "purchase order SC-001",
        ],
    );
    // A person deletes the line there.
    let standing = order(&site).await;
    let keep = json!({"lines": [{"txn_line_id": line_ids(&standing)[0]}]});
    stage
        .quickbooks
        .patch(&format!("/control/records/{}", text(&standing, "id")), &keep)
        .await;
    stage.make(&unlink, &json!({})).await;
    stage.settle().await;
    stage.succeeded(change).await;
    let (_, words) = stage.detail(change).await;
    assert_eq!(words, "Successfully Unlinked");
    assert_eq!(
        stage.record("change_orders", change).await["origin_id"],
        Value::Null
    );
    stage.export("change_order", &[change], json!({})).await;
    stage.succeeded(change).await;
    assert_eq!(amounts(&order(&site).await), ["1000.00", "480.00"]);
    site.stage.end().await;
}

#[tokio::test]
async fn a_change_that_cannot_be_written_says_why_and_an_unsynced_commitment_too() {
    let site = Site::new().await;
    let stage = &site.stage;
    let (draft, lines) = site.subcontract("SC-002", &["10.00"]).await;
    let (change, _) = change_order(&site, draft, &[(lines[0], "5.00")]).await;
    stage.force("change_order", change).await;
    stage.settle().await;
    has(
        &stage.failed(change).await,
        &[
            "change order 1 of commitment SC-002",
            "its commitment is not in QuickBooks",
            "Export the commitment first",
        ],
    );
    site.stage.end().await;
}
