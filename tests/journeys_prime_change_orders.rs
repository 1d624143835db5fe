//! Prime contract change orders, from the accountant's click to the lines on the job's estimate and back.
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
        changes: vec!["prime_contract_change_orders=true".to_owned()],
        ..Setting::default()
    }
}

/// A site whose budget is in QuickBooks, and its prime contract; the budget's id comes last.
async fn site(setting: Setting) -> (Site, i64, i64) {
    let site = Site::on(Stage::with(setting).await).await;
    let lines: Vec<Value> = site
        .codes
        .iter()
        .zip(["1000.00", "2000.00"])
        .map(|(code, amount)| json!({"cost_code_id": code, "amount": amount}))
        .collect();
    let body = json!({"project_id": site.project, "lines": lines});
    let budget = site.stage.made("/budgets", &body).await[0];
    site.stage.export("budget", &[budget], json!({})).await;
    site.stage.succeeded(budget).await;
    let (contract, _) = prime_contract(&site, "PC-1", &["4000.00"]).await;
    (site, contract, budget)
}

/// A change order with these amounts, each on the next of the codes; its id and its lines' ids.
async fn change(site: &Site, contract: i64, amounts: &[&str]) -> (i64, Vec<i64>) {
    let lines: Vec<Value> = amounts
        .iter()
        .enumerate()
        .map(|(n, amount)| json!({"cost_code_id": site.codes[n % 2], "description": "Doors", "amount": amount}))
        .collect();
    let body = json!({"prime_contract_id": contract, "title": "More", "lines": lines});
    let answer = site.stage.make("/prime-change-orders", &body).await;
    (answer["ids"][0].as_i64().unwrap(), ids(&answer["line_ids"][0]))
}

/// The one estimate of the file.
async fn estimate(site: &Site) -> Value {
    let mut estimates = site.stage.transactions("estimates").await;
    assert_eq!(estimates.len(), 1);
    estimates.remove(0)
}

fn texts(estimate: &Value, key: &str) -> Vec<String> {
    array(estimate, "lines")
        .iter()
        .map(|line| text(line, key))
        .collect()
}

/// A person deletes all lines but the first ones.
async fn cut(site: &Site, keep: usize) {
    let standing = estimate(site).await;
    let lines: Vec<Value> = texts(&standing, "txn_line_id")[..keep]
        .iter()
        .map(|id| json!({"txn_line_id": id}))
        .collect();
    site.stage
        .quickbooks
        .patch(
            &format!("/control/records/{}", text(&standing, "id")),
            &json!({"lines": lines}),
        )
        .await;
}

// QBD-08
#[tokio::test]
async fn qbd_08_change_orders_add_what_the_owner_pays_and_leave_the_budgets_costs_alone() {
    let (site, contract, budget) = site(switched_on()).await;
    let stage = &site.stage;
    let before = estimate(&site).await;
    let (first, first_lines) = change(&site, contract, &["343.85"]).await;
    let (second, second_lines) = change(&site, contract, &["500.00", "-20.00"]).await;
    // Accepted together.
    stage.click("change_order", &[first, second], json!({})).await;
    stage.settle().await;
    stage.succeeded(first).await;
    stage.succeeded(second).await;
    let after = estimate(&site).await;
    assert_eq!(
        texts(&after, "amount"),
        ["1000.00", "2000.00", "343.85", "500.00", "-20.00"]
    );
    let new = texts(&after, "txn_line_id");
    assert_eq!(
        new[..2],
        texts(&before, "txn_line_id")[..],
        "the old lines keep their ids"
    );
    assert_eq!(text(&after, "total_amount"), "3823.85");
    let line = &array(&after, "lines")[2];
    assert_eq!(
        (text(line, "item_id"), text(line, "desc"), text(line, "rate")),
        (
            site.items[0].clone(),
            "Prime contract change order 001: Doors".to_owned(),
            String::new()
        ),
        "it earns and costs nothing"
    );
    let procore = stage.state().await;
    let told = |id: i64| find(&procore, "change_orders", "id", &json!(id));
    assert_eq!(
        told(second)["origin_id"],
        json!(format!("{}|{}", text(&after, "id"), new[3]))
    );
    for (order, line, id) in [
        (first, first_lines[0], &new[2]),
        (second, second_lines[1], &new[4]),
    ] {
        assert_eq!(
            find(&told(order), "lines", "id", &json!(line))["origin_id"],
            json!(id)
        );
    }
    // Pressed again, nothing is written.
    stage.force("change_order", first).await;
    stage.settle().await;
    stage.succeeded(first).await;
    assert_eq!(estimate(&site).await, after);

    // The budget goes on as if they were not there.
    let more = json!({"cost_code_id": site.codes[0], "amount": "50.00", "notes": "Doors"});
    stage.make(&format!("/budgets/{budget}/changes"), &more).await;
    stage.export("budget", &[budget], json!({})).await;
    stage.succeeded(budget).await;
    assert_eq!(
        texts(&estimate(&site).await, "amount"),
        ["1000.00", "2000.00", "343.85", "500.00", "-20.00", "50.00"]
    );
    let stored = stage.record("budgets", budget).await;
    let line = find(&stored, "lines", "cost_code_id", &json!(site.codes[0]));
    assert_eq!(line["books"]["estimate"], json!("1050.00"));
    site.stage.end().await;
}

// QBD-08, QBD-31
#[tokio::test]
async fn qbd_08_qbd_31_switched_off_they_are_absent_and_answered() {
    let (site, contract, _) = site(Setting::default()).await;
    let stage = &site.stage;
    let procore = stage.state().await;
    let entity = &procore["metadata"]["settings"]["entities"]["prime_contract_change_orders"];
    assert_eq!(
        (&entity["enabled"], &entity["tab"]["enabled"]),
        (&json!(false), &json!(false))
    );
    let before = estimate(&site).await;
    let (id, _) = change(&site, contract, &["10.00"]).await;
    stage.force("change_order", id).await;
    stage.settle().await;
    has(
        &stage.failed(id).await,
        &["Prime contract change orders are not exported", "not enabled"],
    );
    stage
        .make(&format!("/prime-change-orders/{id}/unlink"), &json!({}))
        .await;
    stage.settle().await;
    has(&stage.failed(id).await, &["nothing to unlink", "not enabled"]);
    assert_eq!(estimate(&site).await, before);
    site.stage.end().await;
}

#[tokio::test]
async fn comp_13_what_a_person_added_survives_and_without_a_budget_there_is_nothing_to_add_to() {
    let (site, contract, _) = site(switched_on()).await;
    let stage = &site.stage;
    let standing = estimate(&site).await;
    let kept = texts(&standing, "txn_line_id");
    let lines = json!({"lines": [
        {"txn_line_id": kept[0]},
        {"txn_line_id": "-1", "item": site.items[1], "rate": "7.77", "desc": "By hand"},
        {"txn_line_id": kept[1]},
    ]});
    let path = format!("/control/records/{}", text(&standing, "id"));
    stage.quickbooks.patch(&path, &lines).await;
    let (id, _) = change(&site, contract, &["500.00"]).await;
    stage.export("change_order", &[id], json!({})).await;
    stage.succeeded(id).await;
    assert_eq!(
        texts(&estimate(&site).await, "amount"),
        ["1000.00", "7.77", "2000.00", "500.00"]
    );
    site.stage.end().await;

    let site = Site::on(Stage::with(switched_on()).await).await;
    let (contract, _) = prime_contract(&site, "PC-1", &["4000.00"]).await;
    let (id, _) = change(&site, contract, &["5.00"]).await;
    site.stage.export("change_order", &[id], json!({})).await;
    has(
        &site.stage.failed(id).await,
        &[
            "the change order 001 of prime contract PC-1 (\"More\")",
            "Export the budget first",
        ]
        .map(|part| part.trim_start_matches("the ")),
    );
    site.stage.end().await;
}

#[tokio::test]
async fn one_whose_answer_was_lost_and_not_kept_stands_once() {
    let setting = Setting {
        clock: Clock::manual(Utc::now()),
        ..switched_on()
    };
    let (site, contract, _) = site(setting).await;
    let stage = &site.stage;
    for fault in [
        json!({"point": "response_undelivered", "only": "EstimateModRq"}),
        json!({"point": "set_response_lost"}),
    ] {
        stage.quickbooks.post("/control/faults", &fault).await;
    }
    let planned = stage.orders().await;
    let (id, _) = change(&site, contract, &["500.00"]).await;
    stage.click("change_order", &[id], json!({})).await;
    stage.planned(planned + 1).await;
    stage.run().await;
    let written = ["1000.00", "2000.00", "500.00"];
    assert_eq!(texts(&estimate(&site).await, "amount"), written);
    // The session is given up after a while.
    stage.world.clock.advance(TimeDelta::hours(1));
    stage.settle().await;
    stage.succeeded(id).await;
    assert_eq!(texts(&estimate(&site).await, "amount"), written);
    site.stage.end().await;
}

// QBD-31
#[tokio::test]
async fn qbd_31_one_is_unlinked_or_reset_once_its_lines_are_gone_and_exported_anew() {
    let (site, contract, _) = site(switched_on()).await;
    let stage = &site.stage;
    let (id, _) = change(&site, contract, &["500.00", "-20.00"]).await;
    stage.export("change_order", &[id], json!({})).await;
    stage.succeeded(id).await;
    let unlink = format!("/prime-change-orders/{id}/unlink");
    stage.make(&unlink, &json!({})).await;
    stage.settle().await;
    has(
        &stage.failed(id).await,
        &[
            "The PCCO is still in QuickBooks Desktop. Please delete it before retrying.",
            "Its lines stand on estimate",
        ],
    );
    cut(&site, 2).await;
    stage.make(&unlink, &json!({})).await;
    stage.settle().await;
    stage.succeeded(id).await;
    assert_eq!(stage.detail(id).await.1, "Successfully Unlinked");
    let origin = async || stage.record("change_orders", id).await["origin_id"].clone();
    assert_eq!(origin().await, Value::Null);
    stage.export("change_order", &[id], json!({})).await;
    stage.succeeded(id).await;
    assert_eq!(
        texts(&estimate(&site).await, "amount"),
        ["1000.00", "2000.00", "500.00", "-20.00"]
    );

    // Reset by Procore's support: the same, and nobody waits.
    let reset = format!("/prime-change-orders/{id}/reset");
    let planned = stage.orders().await;
    stage.make(&reset, &json!({})).await;
    stage.planned(planned + 1).await;
    stage.run().await;
    assert_ne!(origin().await, Value::Null, "its lines are still there");
    cut(&site, 2).await;
    stage.make(&reset, &json!({})).await;
    stage.planned(planned + 2).await;
    stage.run().await;
    support::world::eventually("Procore hears of it", async || {
        (origin().await == Value::Null).then_some(())
    })
    .await;
    site.stage.end().await;
}
