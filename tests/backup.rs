//! Backup and restore over real HTTP, SOAP and PostgreSQL: nothing is lost on the way into a file and back, and an older
//! state, brought back after the world went on, writes nothing twice.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test that cannot go on panics"
)]

mod support;

use std::{collections::BTreeMap, os::unix::fs::PermissionsExt, path::PathBuf};

use plumbline::{
    clock::Clock,
    commands::backup::{Backup, Restore},
    config::{Serving, Storage},
    database::dump::Target,
};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions, PgPool, postgres::PgConnectOptions};
use support::{
    database::TestDatabase,
    stage::{Setting, Stage, array, find, ids, text},
    world::{World, eventually, secret_key, serving},
};

fn storage(options: &PgConnectOptions) -> Storage {
    Storage {
        database_url: Some(options.to_url_lossy().to_string()),
        data_dir: PathBuf::from(env!("CARGO_TARGET_TMPDIR")),
        secret_key: Some(secret_key()),
        database_connections: 5,
    }
}

/// A file of its own for each test; not there yet.
fn file(name: &str) -> PathBuf {
    let name = format!("{name}-{}.backup", uuid::Uuid::new_v4().simple());
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

async fn backed_up(options: &PgConnectOptions, name: &str) -> PathBuf {
    let file = file(name);
    Backup::to(file.clone()).run(&storage(options)).await.unwrap();
    file
}

/// Every row of every table as text, and where every sequence stands.
async fn content(db: &PgPool) -> BTreeMap<String, Vec<String>> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select c.relname::text from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'S')",
    )
    .fetch_all(db)
    .await
    .unwrap();
    assert!(tables.len() > 12, "{tables:?}");
    let mut content = BTreeMap::new();
    for table in tables {
        // log_cnt of a sequence is a matter of the write-ahead log.
        let rows =
            format!(r#"select (to_jsonb(t) - 'log_cnt')::text from (select * from "{table}") t order by 1"#);
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(rows))
            .fetch_all(db)
            .await
            .unwrap();
        content.insert(table, rows);
    }
    content
}

/// The same without what a restore is there to change.
fn unmarked(content: &BTreeMap<String, Vec<String>>) -> BTreeMap<String, Vec<String>> {
    let marks = |table: &str| match table {
        "connections" => &["restored_at", "erp_requests_polled_at", "payments_run_at"][..],
        "tasks" => &["doubtful", "updated_at"],
        _ => &[],
    };
    content
        .iter()
        .map(|(table, rows)| {
            let rows = rows
                .iter()
                .map(|row| {
                    let mut row: Value = serde_json::from_str(row).unwrap();
                    for mark in marks(table) {
                        row.as_object_mut().unwrap().remove(*mark);
                    }
                    row.to_string()
                })
                .collect();
            (table.clone(), rows)
        })
        .collect()
}

/// What the bookkeeper and the approver have set up, all in QuickBooks.
struct Site {
    stage: Stage,
    /// The project's cost code.
    code: i64,
    vendor: i64,
    project: i64,
}

impl Site {
    async fn new() -> Self {
        // A Web Connector that died is followed by the next one at once.
        let stage = Stage::with(Setting {
            serving: Serving {
                session_lease: 0,
                ..serving()
            },
            changes: vec!["payment_schedule=daily".to_owned()],
            ..Setting::default()
        })
        .await;
        let codes = stage
            .made("/standard-cost-codes", &json!([{"code": "01", "name": "Work"}]))
            .await;
        let accounts = json!({"income_account_origin_id": stage.books.income_account,
            "expense_account_origin_id": stage.books.expense_account});
        stage.export("standard_cost_codes", &codes, accounts).await;
        let vendor = stage.made("/vendors", &json!({"name": "Lew Plumbing"})).await[0];
        stage.export("vendor", &[vendor], json!({})).await;
        let made = stage
            .make(
                "/projects",
                &json!([{"name": "Tower", "number": "1", "active": true, "cost_codes": codes}]),
            )
            .await;
        let project = ids(&made["ids"])[0];
        let customer = json!({"customer_origin_id": stage.books.customer});
        stage.export("project", &[project], customer).await;
        stage.succeeded(project).await;
        Self {
            code: made["cost_code_ids"][0][0].as_i64().unwrap(),
            vendor,
            project,
            stage,
        }
    }

    /// A subcontract and its line.
    async fn subcontract(&self, number: &str, vendor: i64) -> (i64, i64) {
        let body = json!([{"project_id": self.project, "vendor_id": vendor, "type": "WorkOrderContract", "number": number,
            "status": "Approved", "title": format!("Contract {number}"),
            "lines": [{"cost_code_id": self.code, "description": "Work", "amount": "5000.00"}]}]);
        let made = self.stage.make("/commitments", &body).await;
        (ids(&made["ids"])[0], made["line_ids"][0][0].as_i64().unwrap())
    }

    async fn invoice(&self, (commitment, line): (i64, i64), number: &str, amount: &str) -> i64 {
        let body = json!([{"commitment_id": commitment, "invoice_number": number, "billing_date": "2026-01-31",
            "status": "approved", "lines": [{"commitment_line_id": line, "amount": amount}]}]);
        self.stage.made("/requisitions", &body).await[0]
    }

    async fn pay(&self, bill: &str, amount: &str, number: &str) {
        let body =
            json!({"method": "check", "ref_number": number, "bills": [{"txn_id": bill, "amount": amount}]});
        self.stage.quickbooks.post("/control/payments", &body).await;
    }

    async fn bill_of(&self, invoice: i64) -> String {
        text(&self.stage.record("requisitions", invoice).await, "origin_id")
    }
}

/// Number of orders, of those not planned, of tasks not finished and of writebacks not carried out.
async fn loose_ends(stage: &Stage) -> (i64, i64, i64, i64) {
    sqlx::query_as(
        "select (select count(*) from erp_requests), (select count(*) from erp_requests where status = 'new'),
             (select count(*) from tasks where status not in ('done', 'failed', 'cancelled')),
             (select count(*) from writebacks where status = 'pending')",
    )
    .fetch_one(stage.world.db())
    .await
    .unwrap()
}

/// The Web Connector runs until nothing is left to do and so many orders are known.
async fn run_out(stage: &Stage, orders: i64) {
    for _ in 0..60 {
        let (all, new, tasks, writebacks) = loose_ends(stage).await;
        if all >= orders && new + tasks + writebacks == 0 {
            return;
        }
        stage.run().await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{:?} {:?}", loose_ends(stage).await, stage.tasks().await);
}

/// What people see on both sides.
async fn seen(stage: &Stage) -> BTreeMap<&'static str, Value> {
    let (procore, file) = (stage.state().await, stage.file().await);
    let mut seen = BTreeMap::from([
        ("lists", file["lists"].clone()),
        ("transactions", file["transactions"].clone()),
    ]);
    for key in [
        "vendors",
        "projects",
        "cost_codes",
        "commitments",
        "requisitions",
        "invoice_payments",
        "request_details",
        "staged_records",
    ] {
        seen.insert(key, procore[key].clone());
    }
    for value in seen.values_mut() {
        without_times(value);
    }
    seen
}

/// When a record was last touched is told even where nothing of it has changed; its EditSequence (`origin_data`) is newer once
/// a bill was paid.
fn without_times(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| {
                ![
                    "updated_at",
                    "synced_at",
                    "erp_synced_at",
                    "last_synced_at",
                    "origin_data",
                ]
                .contains(&key.as_str())
            });
            map.values_mut().for_each(without_times);
        }
        Value::Array(values) => values.iter_mut().for_each(without_times),
        _ => {}
    }
}

async fn links(db: &PgPool) -> Vec<(String, i64, String)> {
    sqlx::query_as("select item_type, item_id, quickbooks_id from links order by 1, 2")
        .fetch_all(db)
        .await
        .unwrap()
}

#[tokio::test]
async fn love_19_a_backup_in_the_middle_of_a_journey_is_restored_without_a_difference() {
    let site = Site::new().await;
    let (done, waiting) = (
        site.subcontract("SC-1", site.vendor).await,
        site.subcontract("SC-2", site.vendor).await,
    );
    site.stage.export("commitment", &[done.0], json!({})).await;
    let orders = site.stage.orders().await;
    site.stage.click("commitment", &[waiting.0], json!({})).await;
    site.stage.planned(orders + 1).await;
    // While the service runs.
    let early = backed_up(&site.stage.world.database.options, "running").await;
    assert_eq!(
        std::fs::metadata(&early).unwrap().permissions().mode() & 0o777,
        0o600
    );

    let source = site.stage.world.database.options.clone();
    let (first, second) = (TestDatabase::blank().await, TestDatabase::blank().await);
    let (stage, old) = site
        .stage
        .moved_to(async || {
            let reading = TestDatabase::open((String::new(), source.clone())).await;
            let before = content(&reading.pool).await;
            assert!(
                before["tasks"]
                    .iter()
                    .any(|task| task.contains(r#""status": "ready""#))
            );
            reading.pool.close().await;
            let file = backed_up(&source, "whole").await;

            // As it is, byte for byte.
            let target = Target::open(Some(first.1.to_url_lossy().as_str()), &PathBuf::new())
                .await
                .unwrap();
            target.restore(&file, |_| {}).await.unwrap();
            let restored = TestDatabase::open(first.clone()).await;
            let after = content(&restored.pool).await;
            for (table, rows) in &before {
                assert_eq!(&after[table], rows, "{table}");
            }
            assert_eq!(after.len(), before.len());
            restored.close().await;

            // As the command does it, with what it marks; and that once more.
            let clock = Clock::System;
            Restore::from(file)
                .run(&storage(&second.1), &clock)
                .await
                .unwrap();
            let restored = TestDatabase::open(second.clone()).await;
            let marked = content(&restored.pool).await;
            assert_eq!(unmarked(&marked), unmarked(&before));
            let doubtful: Vec<String> =
                sqlx::query_scalar("select status from tasks where doubtful order by 1")
                    .fetch_all(&restored.pool)
                    .await
                    .unwrap();
            // A scheduled reading may be among them.
            assert!(
                !doubtful.is_empty() && doubtful.iter().all(|status| status == "ready"),
                "{doubtful:?}"
            );
            restored.pool.close().await;
            let again = TestDatabase::blank().await;
            let file = backed_up(&second.1, "again").await;
            Restore::from(file).run(&storage(&again.1), &clock).await.unwrap();
            let twice = TestDatabase::open(again).await;
            assert_eq!(unmarked(&content(&twice.pool).await), unmarked(&marked));
            twice.close().await;
            TestDatabase::open(second.clone()).await
        })
        .await;
    // And the journey goes on.
    run_out(&stage, orders + 1).await;
    stage.succeeded(waiting.0).await;
    assert_eq!(stage.transactions("purchase_orders").await.len(), 2);
    old.close().await;
    stage.end().await;
}

#[tokio::test]
async fn love_19_an_old_state_brought_back_after_the_world_went_on_writes_nothing_twice() {
    let site = Site::new().await;
    let stage = &site.stage;
    let contract = site.subcontract("SC-1", site.vendor).await;
    stage.export("commitment", &[contract.0], json!({})).await;
    // One message set is open in the backup: QuickBooks has it, and nobody has its answer.
    let fault = json!({"point": "killed_after_execution", "only": "PurchaseOrderAddRq"});
    stage.quickbooks.post("/control/faults", &fault).await;
    let doubtful = site.subcontract("SC-2", site.vendor).await;
    let orders = stage.orders().await;
    stage.click("commitment", &[doubtful.0], json!({})).await;
    stage.planned(orders + 1).await;
    let ran = stage
        .quickbooks
        .post("/control/connector/update", &json!({}))
        .await;
    assert_eq!(ran["result"], "killed", "{ran}");
    assert_eq!(stage.transactions("purchase_orders").await.len(), 2);
    // One task is ready, and one order is not known yet.
    let ready = site.invoice(contract, "INV-1", "100.00").await;
    stage.click("requisitions", &[ready], json!({})).await;
    stage.planned(orders + 2).await;
    let open: i64 =
        sqlx::query_scalar("select count(*) from exchanges where state in ('handed_out', 'in_doubt')")
            .fetch_one(stage.world.db())
            .await
            .unwrap();
    assert_eq!(open, 1);
    let old_state = backed_up(&stage.world.database.options, "old").await;

    // The world goes on.
    stage.settle().await;
    let vendor = stage.made("/vendors", &json!({"name": "New Steel"})).await[0];
    stage.export("vendor", &[vendor], json!({})).await;
    let late = site.subcontract("SC-3", vendor).await;
    stage.export("commitment", &[late.0], json!({})).await;
    let invoices = [
        site.invoice(contract, "INV-2", "200.00").await,
        site.invoice(late, "INV-3", "300.00").await,
    ];
    stage.export("requisitions", &invoices, json!({})).await;
    for id in [doubtful.0, ready, vendor, late.0, invoices[0], invoices[1]] {
        stage.succeeded(id).await;
    }
    // One is refused, and stays so.
    let refused = site.invoice(late, "", "50.00").await;
    stage.export("requisitions", &[refused], json!({})).await;
    stage.failed(refused).await;
    for (n, invoice) in [ready, invoices[0], invoices[1]].into_iter().enumerate() {
        site.pay(&site.bill_of(invoice).await, "60.00", &format!("10{n}"))
            .await;
    }
    stage.refresh("contract_payments").await;
    let orders = stage.orders().await;
    run_out(stage, orders).await;
    let (before, links_before) = (seen(stage).await, links(stage.world.db()).await);
    assert_eq!(array(&before["transactions"], "purchase_orders").len(), 3);
    assert_eq!(array(&before["transactions"], "bills").len(), 3);
    assert_eq!(before["invoice_payments"].as_array().unwrap().len(), 3);

    let blank = TestDatabase::blank().await;
    let (stage, old) = site
        .stage
        .moved_to(async || {
            Restore::from(old_state)
                .run(&storage(&blank.1), &Clock::System)
                .await
                .unwrap();
            let restored = TestDatabase::open(blank).await;
            assert!(links(&restored.pool).await.len() < links_before.len());
            restored
        })
        .await;
    run_out(&stage, orders).await;
    let after = seen(&stage).await;
    for kind in ["purchase_orders", "bills", "bill_payment_checks"] {
        assert_eq!(array(&after["transactions"], kind).len(), 3, "{kind}");
    }
    for (what, value) in &before {
        assert_eq!(value, &after[what], "{what} before the restore, and after");
    }
    assert_eq!(links(stage.world.db()).await, links_before);

    // New work goes on as ever.
    let next = stage
        .made(
            "/requisitions",
            &json!([{"commitment_id": late.0, "invoice_number": "INV-4", "billing_date": "2026-02-28",
            "status": "approved", "lines": [{"commitment_line_id": late.1, "amount": "400.00"}]}]),
        )
        .await[0];
    stage.export("requisitions", &[next], json!({})).await;
    stage.succeeded(next).await;
    let file = stage.file().await;
    find(&file["transactions"], "bills", "ref_number", &json!("INV-4"));
    old.close().await;
    stage.end().await;
}

#[tokio::test]
async fn love_19_what_procore_counts_as_done_is_not_written_again_under_a_number_that_was_changed() {
    let site = Site::new().await;
    let stage = &site.stage;
    let contract = site.subcontract("SC-1", site.vendor).await;
    stage.export("commitment", &[contract.0], json!({})).await;
    let old_state = backed_up(&stage.world.database.options, "renamed").await;
    let invoice = site.invoice(contract, "INV-1", "100.00").await;
    stage.export("requisitions", &[invoice], json!({})).await;
    // The bookkeeper corrects the number: no look-up by number will find the bill.
    let bill = site.bill_of(invoice).await;
    stage
        .quickbooks
        .patch(
            &format!("/control/records/{bill}"),
            &json!({"ref_number": "INV-1 b"}),
        )
        .await;
    let orders = stage.orders().await;
    let blank = TestDatabase::blank().await;
    let (stage, old) = site
        .stage
        .moved_to(async || {
            Restore::from(old_state)
                .run(&storage(&blank.1), &Clock::System)
                .await
                .unwrap();
            TestDatabase::open(blank).await
        })
        .await;
    run_out(&stage, orders).await;
    assert_eq!(stage.transactions("bills").await.len(), 1);
    stage.succeeded(invoice).await;
    let tasks = stage.tasks().await;
    let (_, status, words) = tasks
        .iter()
        .find(|(label, _, _)| label == "Invoice INV-1")
        .unwrap();
    assert_eq!(status, "failed");
    assert!(words.contains("Nothing was written"), "{words}");
    old.close().await;
    stage.end().await;
}

/// The words a command ended with.
fn refusal(outcome: anyhow::Result<()>) -> String {
    format!("{:#}", outcome.unwrap_err())
}

#[tokio::test]
async fn a_restore_overwrites_nothing_and_a_backup_neither() {
    let world = World::new().await;
    world.connect("http://127.0.0.1:9", 7).await;
    let options = world.database.options.clone();
    let backup = backed_up(&options, "guarded").await;
    let first = std::fs::read(&backup).unwrap();
    let words = refusal(Backup::to(backup.clone()).run(&storage(&options)).await);
    assert!(
        words.contains("exists already") && words.contains("--force"),
        "{words}"
    );
    assert_eq!(std::fs::read(&backup).unwrap(), first);
    // No half-written file is left behind where the database cannot be had.
    let nowhere = options.clone().database("plumbline_nowhere");
    let unwritten = file("unwritten");
    refusal(Backup::to(unwritten.clone()).run(&storage(&nowhere)).await);
    assert!(!unwritten.exists());

    let clock = Clock::System;
    let words = refusal(
        Restore::from(backup.clone())
            .run(&storage(&options), &clock)
            .await,
    );
    assert!(words.contains("Stop the service"), "{words}");
    world.service.stop().await;
    world.database.pool.close().await;
    eventually("the service has let go of its database", async || {
        let words = refusal(
            Restore::from(backup.clone())
                .run(&storage(&options), &clock)
                .await,
        );
        words.contains("holds 1 connection already").then_some(())
    })
    .await;
    let text = file("no-backup");
    std::fs::write(&text, "select 1;").unwrap();
    let words = refusal(Restore::from(text).run(&storage(&options), &clock).await);
    assert!(words.contains("no backup"), "{words}");

    // Tables without a connection, as a first start leaves them, are no hindrance.
    let migrated = TestDatabase::new().await;
    migrated.pool.close().await;
    let words = refusal(Restore::already().run(&storage(&migrated.options), &clock).await);
    assert!(words.contains("nothing was restored"), "{words}");
    Restore::from(backup)
        .run(&storage(&migrated.options), &clock)
        .await
        .unwrap();
    // By other means: marked all the same.
    sqlx::query("update connections set restored_at = null")
        .execute(
            &plumbline::database::connect(migrated.options.clone(), 1)
                .await
                .unwrap(),
        )
        .await
        .unwrap();
    eventually("nobody is connected", async || {
        Restore::already()
            .run(&storage(&migrated.options), &clock)
            .await
            .ok()
    })
    .await;
    let pool = plumbline::database::connect(migrated.options.clone(), 1)
        .await
        .unwrap();
    let marked: bool = sqlx::query_scalar("select bool_and(restored_at is not null) from connections")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert!(marked);
    pool.close().await;
    migrated.close().await;
    world.database.close().await;
}
