//! A QuickBooks user who may not see everything: found at connection and once a day, over real HTTP, SOAP and PostgreSQL.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test that cannot go on panics"
)]

mod support;

use chrono::{DateTime, TimeDelta, Utc};
use plumbline::{
    clock::Clock,
    commands::connection::rights::begin,
    connections::rights::{Rights, Why, store},
    procore::client::http_client,
    qbxml::readable::Readable,
    workers::{clients::Clients, schedule::Schedule},
};
use serde_json::{Value, json};
use support::{
    site::has,
    stage::{Setting, Stage},
    world::{eventually, vault},
};

async fn stage() -> Stage {
    let stage = Stage::with(Setting {
        clock: Clock::manual(Utc::now()),
        ..Setting::default()
    })
    .await;
    // The first look notes the time.
    look(&stage).await;
    stage
}

/// Two replicas look at the schedules at once.
async fn look(stage: &Stage) {
    let schedule = || Schedule {
        db: stage.world.db().clone(),
        clock: stage.world.clock.clone(),
        clients: Clients::new(http_client().unwrap(), vault(), stage.world.clock.clone()),
        poll_every: TimeDelta::days(1000),
    };
    let (one, other) = (schedule(), schedule());
    let (one, other) = tokio::join!(one.once(), other.once());
    one.unwrap();
    other.unwrap();
}

async fn last(stage: &Stage) -> (DateTime<Utc>, Rights) {
    let mut db = stage.world.db().acquire().await.unwrap();
    store::last(&mut db, stage.connection).await.unwrap().unwrap()
}

/// Looks at the rights so far, and how many of them have ended.
async fn checks(stage: &Stage) -> (usize, usize) {
    let tasks = stage.tasks().await;
    let all = tasks
        .iter()
        .filter(|task| task.0 == "Rights of the QuickBooks user");
    (all.clone().count(), all.filter(|task| task.1 == "done").count())
}

async fn ended(stage: &Stage, wanted: usize) {
    eventually(&format!("{wanted} looks have ended"), async || {
        stage.run().await;
        (checks(stage).await == (wanted, wanted)).then_some(())
    })
    .await;
}

async fn quickbooks(stage: &Stage, settings: &Value) {
    stage.quickbooks.post("/control/settings", settings).await;
}

/// What is in the way, and why.
fn found(rights: &Rights) -> Vec<(Readable, &Why)> {
    rights
        .findings
        .iter()
        .map(|found| (found.what, &found.why))
        .collect()
}

// LOVE-11
#[tokio::test]
async fn love_11_rights_are_read_at_connection_and_once_a_day_and_what_cannot_be_seen_is_named() {
    let stage = stage().await;
    assert_eq!(checks(&stage).await, (1, 1), "with the first session");
    let (first, rights) = last(&stage).await;
    assert_eq!(rights.findings, []);

    quickbooks(
        &stage,
        &json!({"denied_requests": ["BillQueryRq", "CheckQueryRq"], "features": {"estimates": false}}),
    )
    .await;
    stage.world.clock.advance(TimeDelta::hours(23));
    look(&stage).await;
    assert_eq!(checks(&stage).await, (1, 1), "not before the day is over");
    stage.world.clock.advance(TimeDelta::hours(1));
    look(&stage).await;
    look(&stage).await;
    assert_eq!(checks(&stage).await.0, 2, "two replicas, one look");
    ended(&stage, 2).await;
    let (second, rights) = last(&stage).await;
    assert!(second > first);
    assert_eq!(
        found(&rights),
        [
            (Readable::Estimates, &Why::SwitchedOff),
            (Readable::Bills, &Why::NoRight),
            (Readable::Checks, &Why::NoRight),
        ]
    );
    let tasks = stage.tasks().await;
    let told = tasks
        .iter()
        .rfind(|task| task.0 == "Rights of the QuickBooks user")
        .unwrap();
    has(
        &told.2,
        &[
            "may not see bills",
            "Do you create",
            "administrator",
            "subcontractor invoices cannot be exported",
        ],
    );

    // Nobody comes for a week: one look waits. What was mended is told at once when it is asked for.
    for _ in 0..7 {
        stage.world.clock.advance(TimeDelta::days(1));
        look(&stage).await;
    }
    assert_eq!(checks(&stage).await, (3, 2));
    quickbooks(
        &stage,
        &json!({"denied_requests": [], "features": {"estimates": true}}),
    )
    .await;
    let waiting = begin(stage.world.db(), stage.connection, &stage.world.clock)
        .await
        .unwrap();
    assert_eq!(
        begin(stage.world.db(), stage.connection, &stage.world.clock)
            .await
            .unwrap(),
        waiting,
        "the one that waits is enough"
    );
    ended(&stage, 3).await;
    assert_eq!(last(&stage).await.1.findings, []);
    stage.end().await;
}

// LOVE-11
#[tokio::test]
async fn love_11_where_the_lists_cannot_be_read_it_is_told_why() {
    let stage = stage().await;
    sqlx::query("update connections set mirror_ready = false where id = $1")
        .bind(stage.connection)
        .execute(stage.world.db())
        .await
        .unwrap();
    quickbooks(&stage, &json!({"denied_requests": ["CustomerQueryRq"]})).await;
    stage.world.clock.advance(TimeDelta::days(1));
    look(&stage).await;
    ended(&stage, 2).await;
    let (_, rights) = last(&stage).await;
    assert_eq!(found(&rights), [(Readable::Customers, &Why::NoRight)]);
    has(
        &rights.findings[0].words(),
        &[
            "may not see customers and jobs",
            "projects, and everything of them, cannot be exported",
        ],
    );
    stage.end().await;
}
