//! Purchase order numbers that QuickBooks cannot hold, from the accountant's click to the short number and back.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test that cannot go on panics"
)]

mod support;

use plumbline::{
    connections::store,
    tasks::preview::{self, Preview},
};
use serde_json::json;
use support::{
    site::{Site, has},
    stage::{Setting, Stage, text},
};
use uuid::Uuid;

async fn site() -> Site {
    let setting = Setting {
        changes: vec!["shorten_purchase_order_numbers=true".to_owned()],
        ..Setting::default()
    };
    Site::on(Stage::with(setting).await).await
}

/// The number in the preview of the newest task.
async fn previewed(stage: &Stage) -> String {
    let db = stage.world.db();
    let connection = store::find(db, stage.connection).await.unwrap().unwrap();
    let task: Uuid = sqlx::query_scalar("select id from tasks order by seq desc limit 1")
        .fetch_one(db)
        .await
        .unwrap();
    let mut db = db.acquire().await.unwrap();
    match preview::of_task(&mut db, &connection, task)
        .await
        .unwrap()
        .unwrap()
    {
        Preview::Writes { records } => {
            let number = records[0].fields.iter().find(|field| field.path == "RefNumber");
            number.unwrap().value.clone()
        }
        other => panic!("{other:?}"),
    }
}

/// The numbers of the purchase orders, sorted.
async fn numbers(stage: &Stage) -> Vec<String> {
    let orders = stage.transactions("purchase_orders").await;
    let mut numbers: Vec<String> = orders.iter().map(|order| text(order, "ref_number")).collect();
    numbers.sort();
    numbers
}

// LOVE-17
#[tokio::test]
async fn love_17_long_numbers_get_short_ones_that_nobody_else_has_and_show_them_before_and_after() {
    let site = site().await;
    let stage = &site.stage;
    // What fits stays as it is.
    site.synced_subcontract("00A-B-C-D-1", &["1.00"]).await;
    let (first, _) = site.subcontract("SC-2024-0001A", &["10.00"]).await;
    let planned = stage.orders().await;
    stage.click("commitment", &[first], json!({})).await;
    stage.planned(planned + 1).await;
    assert_eq!(previewed(stage).await, "SC20240001A", "shown before");
    stage.settle().await;
    let (status, words) = stage.detail(first).await;
    assert_eq!(status, "success", "{words}");
    has(
        &words,
        &[
            "SC-2024-0001A is longer than the 11",
            "it is SC20240001A in QuickBooks",
        ],
    );
    let record = stage.record("commitments", first).await;
    assert_eq!(record["origin_code"], "SC20240001A");
    // The same letters and digits, in other places.
    let (second, _) = site.subcontract("SC/2024/0001A", &["20.00"]).await;
    let (third, _) = site.subcontract("SC_2024_0001a", &["30.00"]).await;
    for id in [second, third] {
        stage.export("commitment", &[id], json!({})).await;
        stage.succeeded(id).await;
    }
    let all = ["00A-B-C-D-1", "20240001A~2", "20240001a~3", "SC20240001A"];
    assert_eq!(numbers(stage).await, all);
    // Sent again, it is the same, and nothing is written twice.
    stage.force("commitment", first).await;
    stage.settle().await;
    stage.succeeded(first).await;
    assert_eq!(numbers(stage).await, all);

    // Whoever types a short number that is given away is told whose it is.
    let (taken, _) = site.subcontract("sc20240001a", &["40.00"]).await;
    stage.export("commitment", &[taken], json!({})).await;
    has(
        &stage.failed(taken).await,
        &["stands for the longer number SC-2024-0001A", "Type another"],
    );
    // And what others carry already is given to nobody.
    site.synced_subcontract("20240002B", &["1.00"]).await;
    let (other, _) = site.subcontract("2-0-2-4-0-0-0-2-b", &["2.00"]).await;
    stage.export("commitment", &[other], json!({})).await;
    stage.succeeded(other).await;
    assert!(numbers(stage).await.contains(&"20240002b~2".to_owned()));
    assert_eq!(numbers(stage).await.len(), 6);
    site.stage.end().await;
}
