//! Procore or QuickBooks away for a week: nothing is given up, nothing is asked for again and again, what is known is shown,
//! and afterwards everything goes on in the order it was asked for.

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
    stage::{Setting, Stage, array, text},
    world::eventually,
};

/// A stage whose clock the test moves.
async fn stage() -> Stage {
    Stage::with(Setting {
        clock: Clock::manual(Utc::now()),
        ..Setting::default()
    })
    .await
}

/// Calls that Procore has refused so far, of so many it was told to refuse.
async fn refused(stage: &Stage, of: u64) -> u64 {
    let waiting = stage.procore.get("/control/faults").await;
    let left = array(&waiting, "waiting");
    of - left
        .iter()
        .filter_map(|fault| fault["times"].as_u64())
        .sum::<u64>()
}

/// Time passes, and the workers do what is due.
async fn passes(stage: &Stage, by: TimeDelta) {
    stage.world.clock.advance(by);
    sqlx::query("select pg_notify('plumbline_erp_requests', ''), pg_notify('plumbline_writebacks', '')")
        .execute(stage.world.db())
        .await
        .unwrap();
    let now = stage.world.clock.now();
    eventually("the workers rest", async || {
        let due: bool = sqlx::query_scalar(
            "select exists (select from writebacks w where status = 'pending' and not_before <= $1 and not exists (
                     select from writeback_holds h where h.connection_id = w.connection_id and h.held_until > $1))
                 or exists (select from erp_requests e where status = 'new' and not_before <= $1 and not exists (
                     select from erp_requests earlier where earlier.status = 'new' and earlier.erp_request_id < e.erp_request_id))",
        )
        .bind(now)
        .fetch_one(stage.world.db())
        .await
        .unwrap();
        (!due).then_some(())
    })
    .await;
}

fn vendor(n: usize) -> Value {
    json!({"name": format!("Subcontractor {n}"), "is_active": true})
}

#[tokio::test]
async fn procore_away_for_a_week_loses_nothing_and_is_not_hammered() {
    const MANY: u64 = 1_000_000;
    let stage = stage().await;
    let known = stage
        .made("/vendors", &Value::from((0..3).map(vendor).collect::<Vec<_>>()))
        .await;
    stage.click("vendor", &known, json!({})).await;
    stage.planned(3).await;
    // Procore goes away; QuickBooks does not.
    let away = json!({"kind": "status", "status": 503, "path": "/", "times": MANY, "retry_after": 3600});
    stage.procore.post("/control/faults", &away).await;
    stage.run().await;
    assert_eq!(
        stage.list("vendors").await.len(),
        3,
        "QuickBooks has them all the same"
    );
    let late = stage
        .made("/vendors", &Value::from((3..6).map(vendor).collect::<Vec<_>>()))
        .await;
    stage.click("vendor", &late, json!({})).await;
    eventually("the webhooks have come", async || {
        (stage.orders().await == 6).then_some(())
    })
    .await;
    for _ in 0..7 {
        passes(&stage, TimeDelta::days(1)).await;
    }
    // A day between two looks: each look is one call for the orders, one for what is owed, one for lost webhooks.
    let calls = refused(&stage, MANY).await;
    assert!((7..=60).contains(&calls), "{calls} calls in a week");
    let (given_up, problem): (i64, Option<String>) = sqlx::query_as(
        "select (select count(*) from erp_requests where status = 'failed') + (select count(*) from writebacks where status = 'refused'),
             (select problem from erp_requests where status = 'new' order by erp_request_id limit 1)",
    )
    .fetch_one(stage.world.db())
    .await
    .unwrap();
    assert_eq!(given_up, 0);
    assert!(problem.unwrap().contains("503"), "the newest status can be read");
    // It comes back.
    stage.procore.delete("/control/faults").await;
    passes(&stage, TimeDelta::days(1)).await;
    stage.settle_at_least(6).await;
    for id in known.iter().chain(&late) {
        stage.succeeded(*id).await;
    }
    let names: Vec<String> = stage
        .list("vendors")
        .await
        .iter()
        .map(|vendor| text(vendor, "name"))
        .collect();
    assert_eq!(
        names,
        (0..6).map(|n| format!("Subcontractor {n}")).collect::<Vec<_>>(),
        "in order, each once"
    );
    stage.end().await;
}

#[tokio::test]
async fn quickbooks_away_for_a_week_goes_on_in_order() {
    let stage = stage().await;
    let mut all = Vec::new();
    for day in 0..7 {
        let id = stage.made("/vendors", &json!([vendor(day)])).await[0];
        all.push(id);
        stage.click("vendor", &[id], json!({})).await;
        stage.planned(i64::try_from(day).unwrap() + 1).await;
        // Somebody has left a dialog open.
        let closed = json!({"point": "begin_session", "hresult": "0x80040414"});
        stage.quickbooks.post("/control/faults", &closed).await;
        stage
            .quickbooks
            .post("/control/connector/update", &json!({}))
            .await;
        passes(&stage, TimeDelta::days(1)).await;
    }
    assert!(stage.list("vendors").await.is_empty());
    for (label, status, _) in stage.tasks().await {
        assert!(["ready", "done"].contains(&status.as_str()), "{label}: {status}");
    }
    let said: Option<String> = sqlx::query_scalar("select guard_problem from connections where id = $1")
        .bind(stage.connection)
        .fetch_one(stage.world.db())
        .await
        .unwrap();
    assert!(said.unwrap().contains("dialog"), "what is in the way can be read");
    stage.settle_at_least(7).await;
    let names: Vec<String> = stage
        .list("vendors")
        .await
        .iter()
        .map(|vendor| text(vendor, "name"))
        .collect();
    assert_eq!(
        names,
        (0..7).map(|n| format!("Subcontractor {n}")).collect::<Vec<_>>()
    );
    for id in all {
        stage.succeeded(id).await;
    }
    stage.end().await;
}
