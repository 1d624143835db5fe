//! Sub jobs of a project and jobs nested under its job, both ways, by a setting.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test that cannot go on panics"
)]

mod support;

use chrono::{TimeDelta, Utc};
use plumbline::{
    clock::Clock,
    commands::{
        connection::repair,
        sub_jobs::{self, SyncedSubJob},
    },
    comparison,
    connections::store,
};
use serde_json::{Value, json};
use support::{
    site::{Site, has},
    stage::{Setting, Stage, array, find, ids, text},
    world::eventually,
};

async fn site(on: bool) -> Site {
    let setting = Setting {
        clock: Clock::manual(Utc::now()),
        changes: vec![format!("sub_jobs={on}")],
        ..Setting::default()
    };
    Site::on(Stage::with(setting).await).await
}

/// A sub job with its own copy of one of the site's standard codes; its id and its codes' ids.
async fn sub_job(site: &Site, name: &str, code: &str) -> (i64, Vec<i64>) {
    let standard = site.stage.record("cost_codes", site.codes[0]).await["standard_cost_code_id"].clone();
    let body = json!({"project_id": site.project, "name": name, "code": code, "cost_codes": [standard]});
    let made = site.stage.make("/sub-jobs", &body).await;
    (made["ids"][0].as_i64().unwrap(), ids(&made["cost_code_ids"][0]))
}

async fn exported(site: &Site, name: &str, code: &str) -> (i64, Vec<i64>, Value) {
    let (id, codes) = sub_job(site, name, code).await;
    site.stage.export("sub_job", &[id], json!({})).await;
    site.stage.succeeded(id).await;
    let jobs = site.stage.list("customers").await;
    let job = jobs
        .iter()
        .find(|job| job["name"] == json!(name))
        .unwrap()
        .clone();
    (id, codes, job)
}

async fn staged(site: &Site) -> Vec<Value> {
    let mut all = array(&site.stage.state().await, "staged_records");
    all.retain(|staged| staged["item_type"] == "sub_job");
    all
}

// QBD-10
#[tokio::test]
async fn qbd_10_an_accepted_sub_job_becomes_a_job_under_the_projects_job_with_its_codes() {
    let site = site(true).await;
    let stage = &site.stage;
    let (id, codes, job) = exported(&site, "East wing", "E-1").await;
    assert_eq!(text(&job, "full_name"), "Acme Development:Harbor Tower:East wing");
    assert_eq!(
        (text(&job, "parent"), text(&job, "job_desc")),
        ("Acme Development:Harbor Tower".into(), "E-1".into())
    );
    let list_id = text(&job, "id");
    assert_eq!(stage.record("sub_jobs", id).await["origin_id"], job["id"]);
    let code = stage.record("cost_codes", codes[0]).await;
    assert_eq!(text(&code, "origin_id"), format!("{list_id}|{}", site.items[0]));
    let assigned = array(&stage.state().await, "cost_code_line_item_types");
    assert!(
        assigned
            .iter()
            .any(|one| one["cost_code_id"] == json!(codes[0]) && one["synced"] == json!(true)),
        "{assigned:?}"
    );

    // Pressed again: nothing more. Exported with its project: its codes stay its own.
    stage.force("sub_job", id).await;
    stage.settle().await;
    stage.succeeded(id).await;
    stage.force("project", site.project).await;
    stage.settle().await;
    stage.succeeded(site.project).await;
    let jobs = stage.list("customers").await;
    assert_eq!(jobs.iter().filter(|job| job["name"] == "East wing").count(), 1);
    let code = stage.record("cost_codes", codes[0]).await;
    assert_eq!(text(&code, "origin_id"), format!("{list_id}|{}", site.items[0]));

    // What is synced can be listed.
    let mut connected = stage.world.db().acquire().await.unwrap();
    let listed = sub_jobs::list(&mut connected, stage.connection).await.unwrap();
    drop(connected);
    assert_eq!(
        listed,
        [SyncedSubJob {
            id,
            project_id: Some(site.project),
            job_list_id: list_id.clone(),
            job: Some("Acme Development:Harbor Tower:East wing".to_owned()),
        }]
    );

    // It is compared like every other record.
    let db = stage.world.db();
    let connection = store::find(db, stage.connection).await.unwrap().unwrap();
    repair::begin(db, &connection, &stage.world.clock).await.unwrap();
    stage.run().await;
    let compared = comparison::store::report(db, stage.connection)
        .await
        .unwrap()
        .unwrap();
    assert!(compared.findings.is_empty(), "{:?}", compared.findings);
    site.stage.end().await;
}

// QBD-10
#[tokio::test]
async fn qbd_10_a_sub_job_whose_answer_is_lost_stands_once_and_after_a_reset_is_known_again() {
    let site = site(true).await;
    let stage = &site.stage;
    stage
        .quickbooks
        .post(
            "/control/faults",
            &json!({"point": "response_undelivered", "only": "CustomerAddRq"}),
        )
        .await;
    let (id, _) = sub_job(&site, "East wing", "E-1").await;
    let orders = stage.orders().await;
    stage.click("sub_job", &[id], json!({})).await;
    stage.planned(orders + 1).await;
    stage.run().await;
    // The session is given up after a while.
    stage.world.clock.advance(TimeDelta::hours(1));
    stage.settle().await;
    stage.succeeded(id).await;
    let wings = async || {
        let mut jobs = stage.list("customers").await;
        jobs.retain(|job| job["name"] == "East wing");
        jobs
    };
    assert_eq!(wings().await.len(), 1);
    let orders = stage.orders().await;
    stage.make(&format!("/sub-jobs/{id}/reset"), &json!({})).await;
    stage.planned(orders + 1).await;
    stage.export("sub_job", &[id], json!({})).await;
    stage.succeeded(id).await;
    assert_eq!(wings().await.len(), 1);
    assert_eq!(
        stage.record("sub_jobs", id).await["origin_id"],
        wings().await[0]["id"]
    );
    site.stage.end().await;
}

// QBD-10
#[tokio::test]
async fn qbd_10_lines_on_a_sub_jobs_code_are_for_its_job() {
    let site = site(true).await;
    let stage = &site.stage;
    let (_, codes, job) = exported(&site, "East wing", "E-1").await;
    let lines = json!([
        {"cost_code_id": codes[0], "description": "East", "amount": "100.00"},
        {"cost_code_id": site.codes[1], "description": "All", "amount": "50.00"},
    ]);
    let contract = json!({"project_id": site.project, "vendor_id": site.vendor, "type": "WorkOrderContract", "number": "SC-1",
        "title": "Steel", "lines": lines});
    let made = stage.make("/commitments", &contract).await;
    let (contract, lines) = (made["ids"][0].as_i64().unwrap(), ids(&made["line_ids"][0]));
    stage.export("commitment", &[contract], json!({})).await;
    stage.succeeded(contract).await;
    let billed = json!([{"commitment_line_id": lines[0], "amount": "40.00"}, {"commitment_line_id": lines[1], "amount": "5.00"}]);
    let invoice = site.invoice(contract, "INV-1", billed).await;
    stage.export("requisitions", &[invoice], json!({})).await;
    stage.succeeded(invoice).await;
    let change = json!({"commitment_id": contract, "title": "More", "lines": [
        {"commitment_line_id": lines[0], "amount": "7.00", "description": "Deeper"}]});
    let change = stage.made("/change-orders", &change).await[0];
    stage.export("change_order", &[change], json!({})).await;
    stage.succeeded(change).await;

    let east = text(&job, "id");
    for (kind, expected) in [
        ("purchase_orders", vec![&east, &site.job, &east]),
        ("bills", vec![&east, &site.job]),
    ] {
        let found = stage.transactions(kind).await;
        let jobs: Vec<String> = array(&found[0], "lines")
            .iter()
            .map(|line| text(line, "customer_id"))
            .collect();
        assert_eq!(jobs.iter().collect::<Vec<_>>(), expected, "{kind}");
    }
    // What is on a sub job's job counts for its project.
    let report = support::tie_out::tie_out(&site).await;
    let committed = support::tie_out::of(&report, plumbline::tie_out::Measure::Committed);
    assert_eq!(committed.quickbooks.to_string(), "157.00", "{committed:?}");
    assert!(committed.causes.is_empty(), "{committed:?}");
    site.stage.end().await;
}

// QBD-10
#[tokio::test]
async fn qbd_10_without_the_setting_sub_jobs_are_refused_and_a_budget_line_of_one_too() {
    let site = site(false).await;
    let stage = &site.stage;
    let (id, _) = sub_job(&site, "East wing", "E-1").await;
    stage.export("sub_job", &[id], json!({})).await;
    let words = stage.failed(id).await;
    has(
        &words,
        &["Sub jobs are not exported", "not enabled", "project itself"],
    );
    let jobs = stage.list("customers").await;
    assert!(!jobs.iter().any(|job| job["name"] == "East wing"));

    // The setting was on once: the sub job is in QuickBooks, and its budget line comes all the same.
    stage.set(&["sub_jobs=true".to_owned()]).await;
    let (_, codes, _) = exported(&site, "West wing", "W-1").await;
    stage.set(&["sub_jobs=false".to_owned()]).await;
    let lines = json!([{"cost_code_id": codes[0], "amount": "10.00"}, {"cost_code_id": site.codes[1], "amount": "5.00"}]);
    let budget = json!({"project_id": site.project, "lines": lines});
    let budget = stage.made("/budgets", &budget).await[0];
    stage.export("budget", &[budget], json!({})).await;
    has(
        &stage.failed(budget).await,
        &[
            "belongs to a sub job",
            "Sub jobs are not exported to QuickBooks",
            "sub_jobs is off",
        ],
    );
    assert!(stage.transactions("estimates").await.is_empty());
    site.stage.end().await;
}

// QBD-21
#[tokio::test]
async fn qbd_21_a_job_under_a_synced_job_is_staged_as_a_sub_job_and_added_to_procore() {
    let site = site(true).await;
    let stage = &site.stage;
    let nested = stage
        .person_adds(
            "customer",
            &json!({"name": "Annex", "parent": site.job, "job_desc": "A-1"}),
        )
        .await;
    // Under a job that no project is linked to, under a nested one, or inactive: not offered.
    let other = stage
        .person_adds(
            "customer",
            &json!({"name": "Other", "parent": stage.books.customer}),
        )
        .await;
    for (name, parent) in [("Loose", &other), ("Deep", &nested)] {
        stage
            .person_adds("customer", &json!({"name": name, "parent": parent}))
            .await;
    }
    stage
        .person_adds(
            "customer",
            &json!({"name": "Old", "parent": site.job, "is_active": false}),
        )
        .await;
    stage.refresh("sub_jobs").await;
    let offered = staged(&site).await;
    assert_eq!(offered.len(), 1, "{offered:?}");
    assert_eq!(offered[0]["origin_id"], json!(nested));
    assert_eq!(
        offered[0]["data"],
        json!({"name": "Annex", "code": "A-1", "project_origin_id": site.job})
    );

    let orders = stage.orders().await;
    let added = stage.make(&format!("/staged/{nested}/add"), &json!({})).await;
    stage.planned(orders + 1).await;
    let id = added["id"].as_i64().unwrap();
    let sub_job = find(&stage.state().await, "sub_jobs", "id", &json!(id));
    assert_eq!(sub_job["project_id"], json!(site.project));
    let linked: String = eventually("the link is kept", async || {
        sqlx::query_scalar("select quickbooks_id from links where item_type = 'sub_job' and item_id = $1")
            .bind(id)
            .fetch_optional(stage.world.db())
            .await
            .unwrap()
    })
    .await;
    assert_eq!(linked, nested);
    // It is not offered again, nor as a project.
    stage.refresh("sub_jobs").await;
    let all = array(&stage.state().await, "staged_records");
    let again: Vec<&Value> = all
        .iter()
        .filter(|staged| staged["origin_id"] == json!(nested))
        .collect();
    assert_eq!(again.len(), 1, "{again:?}");
    assert_eq!(again[0]["status"], "imported");
    site.stage.end().await;
}

// QBD-21
#[tokio::test]
async fn qbd_21_without_the_setting_nested_jobs_are_not_offered() {
    let site = site(false).await;
    let stage = &site.stage;
    stage
        .person_adds("customer", &json!({"name": "Annex", "parent": site.job}))
        .await;
    stage.refresh("jobs").await;
    assert!(staged(&site).await.is_empty());
    let event = json!({"request_name": "sync_sub_jobs", "request_data": {}, "request_detail": {}});
    let closed = stage.closed().await;
    stage.make("/event", &event).await;
    stage.settle_at_least(closed + 1).await;
    let details = array(&stage.state().await, "request_details");
    let words = details.last().unwrap()["messages"].to_string();
    has(&words, &["Sub jobs are not imported", "not enabled"]);
    assert!(staged(&site).await.is_empty());
    site.stage.end().await;
}
