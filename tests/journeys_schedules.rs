//! What is read regularly without anybody asking: over real HTTP, SOAP and PostgreSQL.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test that cannot go on panics"
)]

mod support;

use chrono::{TimeDelta, Utc};
use plumbline::{
    clock::Clock,
    procore::client::http_client,
    workers::{clients::Clients, schedule::Schedule},
};
use serde_json::json;
use support::{
    stage::{Setting, Stage, array, text},
    world::{eventually, vault},
};

/// A stage whose regular readings happen when the test says so.
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

/// Scheduled readings so far, of vendors and of jobs, and how many of them have ended well.
async fn readings(stage: &Stage) -> (usize, usize, usize) {
    let tasks = stage.tasks().await;
    let of = |what: &str, all: bool| {
        let label = format!("{what} from QuickBooks, by schedule");
        tasks
            .iter()
            .filter(|task| task.0 == label && (all || task.1 == "done"))
            .count()
    };
    let done = of("Vendors", false) + of("Jobs", false);
    (of("Vendors", true), of("Jobs", true), done)
}

async fn ended(stage: &Stage, wanted: usize) {
    eventually(&format!("{wanted} readings have ended"), async || {
        stage.run().await;
        (readings(stage).await.2 == wanted).then_some(())
    })
    .await;
}

/// Whether the mirror knows a vendor of this name.
async fn mirrored(stage: &Stage, name: &str) -> bool {
    sqlx::query_scalar("select exists (select from mirror_records where kind = 'vendor' and name = $1)")
        .bind(name)
        .fetch_one(stage.world.db())
        .await
        .unwrap()
}

// QBD-17
#[tokio::test]
async fn qbd_17_vendors_and_jobs_are_read_every_hour_once_and_what_changed_alone() {
    let stage = stage().await;
    let vendor = stage
        .person_adds("vendor", &json!({"name": "Lew Plumbing"}))
        .await;
    let job = json!({"name": "Dock", "parent": stage.books.customer});
    let job = stage.person_adds("customer", &job).await;
    for hour in 1..=3 {
        stage.world.clock.advance(TimeDelta::minutes(59));
        look(&stage).await;
        assert_eq!(readings(&stage).await.0, hour - 1, "not before the hour is over");
        stage.world.clock.advance(TimeDelta::minutes(1));
        look(&stage).await;
        look(&stage).await;
        assert_eq!(
            readings(&stage).await,
            (hour, hour, 2 * (hour - 1)),
            "two replicas, one reading"
        );
        ended(&stage, 2 * hour).await;
    }
    let staged = array(&stage.state().await, "staged_records");
    let offered: Vec<String> = staged.iter().map(|record| text(record, "origin_id")).collect();
    assert_eq!(offered.len(), 2, "{offered:?}");
    assert!(offered.contains(&vendor) && offered.contains(&job), "{offered:?}");
    // Nobody asks for the whole list again, once something stood in it.
    let whole: i64 = sqlx::query_scalar(
        "select count(*) from exchanges where request_xml ~ '<VendorQueryRq[^>]*>(<MaxReturned>[0-9]+</MaxReturned>)?<ActiveStatus>All<'
             and request_xml not like '%<FromModifiedDate>%'",
    )
    .fetch_one(stage.world.db())
    .await
    .unwrap();
    let since: i64 = sqlx::query_scalar(
        "select count(*) from exchanges where request_xml like '%<VendorQueryRq%' and request_xml like '%<FromModifiedDate>%'",
    )
    .fetch_one(stage.world.db())
    .await
    .unwrap();
    assert_eq!(
        (whole, since),
        (2, 2),
        "the first reading and one more, of an empty list; then what changed"
    );
    stage.end().await;
}

// QBD-17
#[tokio::test]
async fn qbd_17_a_connection_whose_web_connector_does_not_come_has_one_reading_of_each_waiting() {
    let stage = stage().await;
    for _ in 0..48 {
        stage.world.clock.advance(TimeDelta::hours(1));
        look(&stage).await;
    }
    assert_eq!(readings(&stage).await, (1, 1, 0));
    ended(&stage, 2).await;
    stage.end().await;
}

#[tokio::test]
async fn the_name_of_a_vendor_that_was_deleted_in_quickbooks_is_free_again() {
    let stage = stage().await;
    let mut ids = Vec::new();
    for name in ["Going", "Staying"] {
        ids.push(stage.person_adds("vendor", &json!({"name": name})).await);
    }
    stage.world.clock.advance(TimeDelta::hours(1));
    look(&stage).await;
    ended(&stage, 2).await;
    assert!(mirrored(&stage, "Going").await && mirrored(&stage, "Staying").await);
    stage
        .quickbooks
        .delete(&format!("/control/records/{}", ids[0]))
        .await;
    stage.world.clock.advance(TimeDelta::hours(1));
    look(&stage).await;
    ended(&stage, 4).await;
    assert!(!mirrored(&stage, "Going").await);
    assert!(
        mirrored(&stage, "Staying").await,
        "what had not changed is still known"
    );
    let company = stage.made("/vendors", &json!({"name": "Going"})).await;
    stage.export("vendor", &company, json!({})).await;
    stage.succeeded(company[0]).await;
    stage.end().await;
}
