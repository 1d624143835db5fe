//! Budgets, from the accountant's click to the job's estimate and the figures back.
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
    stage::{Setting, Stage, array, find, text},
};

/// A locked budget of the site's project with these amounts on its two codes.
async fn budget(site: &Site, amounts: [&str; 2]) -> i64 {
    let lines: Vec<Value> = site
        .codes
        .iter()
        .zip(amounts)
        .map(|(code, amount)| json!({"cost_code_id": code, "amount": amount}))
        .collect();
    site.stage
        .made("/budgets", &json!({"project_id": site.project, "lines": lines}))
        .await[0]
}

async fn change(site: &Site, budget: i64, code: usize, amount: &str) {
    let change = json!({"cost_code_id": site.codes[code], "amount": amount, "notes": "Owner's wish"});
    site.stage
        .make(&format!("/budgets/{budget}/changes"), &change)
        .await;
}

/// The one estimate of the file.
async fn estimate(site: &Site) -> Value {
    let mut estimates = site.stage.transactions("estimates").await;
    assert_eq!(estimates.len(), 1);
    estimates.remove(0)
}

fn amounts(estimate: &Value) -> Vec<String> {
    array(estimate, "lines")
        .iter()
        .map(|line| text(line, "amount"))
        .collect()
}

fn line_ids(estimate: &Value) -> Vec<String> {
    array(estimate, "lines")
        .iter()
        .map(|line| text(line, "txn_line_id"))
        .collect()
}

fn has(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not told: {message}");
    }
}

// QBD-04, QBD-41, QBD-42, COMP-47
#[tokio::test]
async fn qbd_04_qbd_41_qbd_42_comp_47_a_budget_is_one_estimate_that_grows_and_its_figures_come_back() {
    let site = Site::new().await;
    let stage = &site.stage;
    let id = budget(&site, ["1000.00", "2500.50"]).await;
    stage.click("budget", &[id], json!({})).await;
    // Frozen until the figures come back.
    let frozen = json!({"cost_code_id": site.codes[0], "amount": "1.00"});
    let path = stage.of_company(&format!("/budgets/{id}/changes"));
    assert_eq!(stage.procore.call("POST", &path, Some(&frozen)).await.0, 422);
    stage.settle().await;
    stage.succeeded(id).await;

    let first = estimate(&site).await;
    assert_eq!(text(&first, "customer_id"), site.job);
    assert_eq!(amounts(&first), ["1000.00", "2500.50"]);
    assert_eq!(text(&first, "total_amount"), "3500.50");
    let line = &array(&first, "lines")[1];
    assert_eq!(
        (&line["item_id"], &line["rate"], &line["desc"]),
        (
            &json!(site.items[1]),
            &json!("2500.50"),
            &json!("Original budget")
        )
    );
    let stored = stage.record("budgets", id).await;
    assert_eq!(stored["origin_id"], first["id"]);
    assert_eq!(stored["frozen"], false, "freed by itself");
    for (line, amount) in array(&stored, "lines").iter().zip(["1000.00", "2500.50"]) {
        assert_eq!(line["books"]["estimate"], json!(amount));
        assert_eq!(array(line, "transactions")[0]["synced"], true);
    }

    // A change, and the same estimate has one line more.
    change(&site, id, 0, "-200.25").await;
    stage.export("budget", &[id], json!({})).await;
    stage.succeeded(id).await;
    let second = estimate(&site).await;
    assert_eq!(second["id"], first["id"]);
    assert_eq!(amounts(&second), ["1000.00", "2500.50", "-200.25"]);
    assert_eq!(line_ids(&second)[..2], line_ids(&first)[..]);
    assert_eq!(text(&second, "total_amount"), "3300.25", "the revised budget");
    assert_eq!(array(&second, "lines")[2]["desc"], "Budget change: Owner's wish");
    let stored = stage.record("budgets", id).await;
    assert_eq!(stored["frozen"], false);
    let line = find(&stored, "lines", "cost_code_id", &json!(site.codes[0]));
    assert_eq!(
        (&line["books"]["estimate"], &line["books"]["original_estimate"]),
        (&json!("799.75"), &json!("1000.00"))
    );
    assert_eq!(line["books"]["approved_estimate_changes"], "-200.25");

    // Sent again with nothing new: nothing is written.
    stage.export("budget", &[id], json!({})).await;
    stage.succeeded(id).await;
    assert_eq!(estimate(&site).await, second);
    site.stage.end().await;
}

#[tokio::test]
async fn comp_13_what_a_person_added_to_the_estimate_survives_and_is_told() {
    let site = Site::new().await;
    let stage = &site.stage;
    let id = budget(&site, ["1000.00", "2500.00"]).await;
    stage.export("budget", &[id], json!({})).await;
    stage.succeeded(id).await;
    let first = estimate(&site).await;
    let kept: Vec<Value> = line_ids(&first)
        .iter()
        .map(|id| json!({"txn_line_id": id}))
        .collect();
    let by_hand = json!({"txn_line_id": "-1", "item": site.items[1], "rate": "7.00", "desc": "By hand"});
    let lines = json!({"lines": [kept[0], by_hand, kept[1]]});
    stage
        .quickbooks
        .patch(&format!("/control/records/{}", text(&first, "id")), &lines)
        .await;
    change(&site, id, 0, "50.00").await;
    stage.export("budget", &[id], json!({})).await;
    // The change is there; the figure that is not the budget's is no secret.
    has(
        &stage.failed(id).await,
        &[
            "holds 2507.00",
            "the budget in Procore holds 2500.00",
            "difference 7.00",
        ],
    );
    assert_eq!(
        amounts(&estimate(&site).await),
        ["1000.00", "7.00", "2500.00", "50.00"]
    );
    site.stage.end().await;
}

#[tokio::test]
async fn a_budget_whose_answers_are_lost_stands_once() {
    let setting = Setting {
        clock: Clock::manual(Utc::now()),
        ..Setting::default()
    };
    let site = Site::on(Stage::with(setting).await).await;
    let stage = &site.stage;
    let id = budget(&site, ["1000.00", "2500.00"]).await;
    for (request, expected) in [("EstimateAddRq", 2), ("EstimateModRq", 3)] {
        for fault in [
            json!({"point": "response_undelivered", "only": request}),
            json!({"point": "set_response_lost"}),
        ] {
            stage.quickbooks.post("/control/faults", &fault).await;
        }
        let planned = stage.orders().await;
        stage.click("budget", &[id], json!({})).await;
        stage.planned(planned + 1).await;
        stage.run().await;
        assert_eq!(amounts(&estimate(&site).await).len(), expected);
        // The session is given up after a while.
        stage.world.clock.advance(TimeDelta::hours(1));
        stage.settle().await;
        stage.succeeded(id).await;
        assert_eq!(amounts(&estimate(&site).await).len(), expected);
        if request == "EstimateAddRq" {
            change(&site, id, 1, "10.00").await;
        }
    }
    site.stage.end().await;
}

#[tokio::test]
async fn estimates_that_are_switched_off_are_explained_and_a_locked_estimate_is_waited_for() {
    let site = Site::new().await;
    let stage = &site.stage;
    let id = budget(&site, ["1000.00", "2500.00"]).await;
    let off = json!({"point": "request_status", "status": 3250, "only": "EstimateQueryRq", "text": "This feature is not enabled."});
    stage.quickbooks.post("/control/faults", &off).await;
    stage.export("budget", &[id], json!({})).await;
    has(
        &stage.failed(id).await,
        &[
            "estimates are probably switched off",
            "Edit > Preferences > Jobs & Estimates",
        ],
    );
    stage.force("budget", id).await;
    stage.settle().await;
    stage.succeeded(id).await;
    change(&site, id, 0, "5.00").await;
    let locked = json!({"point": "request_status", "status": 3175, "only": "EstimateModRq", "text": "It is already in use."});
    stage.quickbooks.post("/control/faults", &locked).await;
    stage.export("budget", &[id], json!({})).await;
    stage.succeeded(id).await;
    assert_eq!(amounts(&estimate(&site).await), ["1000.00", "2500.00", "5.00"]);
    site.stage.end().await;
}
