//! The company file itself: moved, renamed, copied, upgraded, restored from an older backup, replaced. Each is noticed
//! before anything is written, is told, and is repaired by command; afterwards each record stands once.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test that cannot go on panics"
)]

mod support;

use plumbline::{
    commands::connection::repair::{self, ReconcileArgs},
    comparison::{
        What,
        store::{self as comparisons, Report},
    },
    connections::store::{self, Connection},
};
use serde_json::{Value, json};
use support::{
    stage::{Setting, Stage, find, ids, text},
    world::{eventually, serving},
};

const PATH: &str = r"C:\QuickBooks\Demo Builders.qbw";

/// A stage with a cost code, a company and a project in QuickBooks.
struct Site {
    stage: Stage,
    code: i64,
    vendor: i64,
    project: i64,
}

impl Site {
    async fn new() -> Self {
        // A Web Connector that was killed may come back at once.
        let serving = plumbline::config::Serving {
            session_lease: 0,
            ..serving()
        };
        let stage = Stage::with(Setting {
            serving,
            ..Setting::default()
        })
        .await;
        let code = stage
            .made(
                "/standard-cost-codes",
                &json!([{"code": "100", "name": "Concrete"}]),
            )
            .await[0];
        let accounts = json!({"income_account_origin_id": stage.books.income_account,
            "expense_account_origin_id": stage.books.expense_account});
        stage.export("standard_cost_codes", &[code], accounts).await;
        let vendor = stage.made("/vendors", &json!({"name": "Lew Plumbing"})).await[0];
        stage.click("vendor", &[vendor], json!({})).await;
        let project =
            json!({"name": "Harbor Tower", "number": "2026-014", "active": true, "cost_codes": [code]});
        let answer = stage.make("/projects", &project).await;
        let project = answer["ids"][0].as_i64().unwrap();
        let customer = json!({"customer_origin_id": stage.books.customer});
        stage.export("project", &[project], customer).await;
        for id in [code, vendor, project] {
            stage.succeeded(id).await;
        }
        Self {
            code: ids(&answer["cost_code_ids"][0])[0],
            vendor,
            project,
            stage,
        }
    }

    /// A subcontract of 100.00, not yet exported.
    async fn subcontract(&self, number: &str) -> (i64, i64) {
        let body = json!({"project_id": self.project, "vendor_id": self.vendor, "type": "WorkOrderContract",
            "number": number, "title": format!("Contract {number}"),
            "lines": [{"cost_code_id": self.code, "description": "All of it", "amount": "100.00"}]});
        let answer = self.stage.make("/commitments", &body).await;
        (answer["ids"][0].as_i64().unwrap(), ids(&answer["line_ids"][0])[0])
    }

    /// The same, in QuickBooks.
    async fn synced(&self, number: &str) -> (i64, i64) {
        let made = self.subcontract(number).await;
        self.stage.export("commitment", &[made.0], json!({})).await;
        self.stage.succeeded(made.0).await;
        made
    }

    /// An invoice of 10.00, in QuickBooks.
    async fn invoiced(&self, commitment: (i64, i64), number: &str) -> i64 {
        let body = json!({"commitment_id": commitment.0, "invoice_number": number, "billing_date": "2026-03-31",
            "lines": [{"commitment_line_id": commitment.1, "amount": "10.00"}]});
        let invoice = self.stage.made("/requisitions", &body).await[0];
        self.stage.export("requisitions", &[invoice], json!({})).await;
        self.stage.succeeded(invoice).await;
        invoice
    }

    /// A subcontract whose export waits for the Web Connector.
    async fn waiting(&self, number: &str) -> i64 {
        let (id, _) = self.subcontract(number).await;
        let before = self.stage.orders().await;
        self.stage.click("commitment", &[id], json!({})).await;
        self.stage.planned(before + 1).await;
        id
    }

    async fn connection(&self) -> Connection {
        store::find(self.stage.world.db(), self.stage.connection)
            .await
            .unwrap()
            .unwrap()
    }

    async fn update(&self) -> Value {
        self.stage
            .quickbooks
            .post("/control/connector/update", &json!({}))
            .await
    }

    /// The Web Connector runs and is stopped; what it shows. Nothing was written in it, and the operator reads the same.
    async fn stopped(&self) -> String {
        let before = self.written().await;
        let ran = self.update().await;
        assert!(!ran["error_code"].is_null(), "it must stop: {ran}");
        assert_eq!(self.written().await, before, "nothing is written");
        let words = text(&ran, "status_text");
        let problem = self.connection().await.guard_problem;
        assert!(
            problem.as_ref().is_some_and(|problem| words.contains(problem)),
            "{words}\n{problem:?}"
        );
        words
    }

    /// Numbers of all transactions, and names of all vendors.
    async fn written(&self) -> Vec<String> {
        let file = self.stage.file().await;
        let mut all = Vec::new();
        for (list, key) in [("purchase_orders", "ref_number"), ("bills", "ref_number")] {
            all.extend(
                support::stage::array(&file["transactions"], list)
                    .iter()
                    .map(|record| format!("{list} {}", text(record, key))),
            );
        }
        for list in ["vendors", "customers", "items"] {
            all.extend(
                support::stage::array(&file["lists"], list)
                    .iter()
                    .map(|record| format!("{list} {}", text(record, "full_name"))),
            );
        }
        all.sort();
        all
    }

    /// How often a purchase order with this number stands in QuickBooks.
    async fn orders(&self, number: &str) -> usize {
        let orders = self.stage.transactions("purchase_orders").await;
        orders
            .iter()
            .filter(|order| order["ref_number"] == json!(number))
            .count()
    }

    async fn rebind(&self) {
        let connection = self.connection().await;
        repair::rebind(self.stage.world.db(), &connection, &self.stage.world.clock)
            .await
            .unwrap();
    }

    async fn resume(&self) {
        let connection = self.connection().await;
        repair::resume(self.stage.world.db(), &connection, &self.stage.world.clock)
            .await
            .unwrap();
    }

    async fn report(&self) -> Report {
        comparisons::report(self.stage.world.db(), self.stage.connection)
            .await
            .unwrap()
            .unwrap()
    }

    /// `plumbline connection reconcile`, while the Web Connector runs; whether the command succeeded, and what it said.
    async fn reconcile(&self, forget_missing: bool) -> Result<(), String> {
        let connection = self.connection().await;
        let command = ReconcileArgs {
            connection: connection.name.clone(),
            forget_missing,
            wait: 60,
            json: false,
        };
        let db = self.stage.world.db();
        let compare = command.run(db, &connection, &self.stage.world.clock);
        tokio::pin!(compare);
        loop {
            tokio::select! {
                ended = &mut compare => return ended.map_err(|error| error.to_string()),
                _ = self.update() => {}
            }
        }
    }

    /// What is handed to QuickBooks for this purpose: how many message sets, ever.
    async fn handed_out(&self, purpose: &str) -> i64 {
        sqlx::query_scalar("select count(*) from exchanges where connection_id = $1 and purpose = $2")
            .bind(self.stage.connection)
            .bind(purpose)
            .fetch_one(self.stage.world.db())
            .await
            .unwrap()
    }

    /// What was found wrong: what is the matter, and with which QuickBooks record.
    async fn found(&self, what: What) -> Vec<String> {
        let report = self.report().await;
        report
            .findings
            .iter()
            .filter(|reported| reported.finding.what == what)
            .map(|reported| reported.finding.record.clone())
            .collect()
    }
}

fn has(words: &str, parts: &[&str]) {
    for part in parts {
        assert!(words.contains(part), "{part:?} is not told: {words}");
    }
}

const REPAIR: [&str; 2] = [
    "`plumbline connection rebind \"Demo Builders\"`",
    "`plumbline connection reconcile \"Demo Builders\"`",
];

/// What changes the file, and what is told of it. After rebind the waiting export goes by itself, once.
async fn accepted_after_rebind(path: &str, change: Value, told: &[&str]) {
    let site = Site::new().await;
    site.synced("SC-001").await;
    let waiting = site.waiting("SC-002").await;
    site.stage.quickbooks.post(path, &change).await;
    let words = site.stopped().await;
    has(&words, told);
    has(&words, &REPAIR);
    // It stays so, however often the Web Connector runs.
    site.stopped().await;
    site.rebind().await;
    assert_eq!(site.connection().await.guard_problem, None);
    site.stage.settle().await;
    site.stage.succeeded(waiting).await;
    assert_eq!((site.orders("SC-001").await, site.orders("SC-002").await), (1, 1));
    let report = site.report().await;
    assert!(report.ended_at.is_some());
    assert_eq!(
        (report.count(What::Missing), report.count(What::Doubled)),
        (0, 0),
        "{report:?}"
    );
    // Vendor, project, cost code, the project's copy of it, and the subcontract.
    assert_eq!(report.compared, 5);
    site.stage.end().await;
}

#[tokio::test]
async fn love_10_a_moved_company_file_is_noticed_and_accepted() {
    accepted_after_rebind(
        "/control/move-file",
        json!({"path": r"\\server\books\Demo Builders.qbw"}),
        &["it lay in C:\\QuickBooks and is now in \\\\server\\books (moved, a copy, or a restored backup)"],
    )
    .await;
}

#[tokio::test]
async fn love_10_a_renamed_company_file_is_noticed_and_accepted() {
    accepted_after_rebind(
        "/control/move-file",
        json!({"path": r"C:\QuickBooks\Builders of 2026.qbw", "company_name": "Demo Builders Inc."}),
        &[
            "the file was called Demo Builders.qbw and is now called Builders of 2026.qbw",
            "the company was called Demo Builders and is now called Demo Builders Inc.",
        ],
    )
    .await;
}

#[tokio::test]
async fn love_10_a_file_upgraded_to_a_new_year_is_noticed_and_accepted() {
    accepted_after_rebind(
        "/control/upgrade",
        json!({"product_year": 2025}),
        &["opened by QuickBooks Premier 2024 (version 34) and is now opened by QuickBooks Premier 2025 (version 35)"],
    )
    .await;
}

#[tokio::test]
async fn love_10_a_copy_gets_nothing_and_the_original_goes_on() {
    let site = Site::new().await;
    site.synced("SC-001").await;
    let waiting = site.waiting("SC-002").await;
    let copy = json!({"path": r"D:\Copy of Demo Builders.qbw", "copy": true});
    site.stage.quickbooks.post("/control/move-file", &copy).await;
    let words = site.stopped().await;
    has(&words, &["a copy", r"D:\Copy of Demo Builders.qbw"]);
    has(&words, &REPAIR);
    let original = json!({"path": PATH, "company_name": "Demo Builders"});
    site.stage.quickbooks.post("/control/open-file", &original).await;
    site.stage.settle().await;
    site.stage.succeeded(waiting).await;
    assert_eq!(site.orders("SC-002").await, 1);
    site.stage.end().await;
}

#[tokio::test]
async fn love_10_another_file_in_its_place_gets_nothing_not_even_a_comparison() {
    let site = Site::new().await;
    site.synced("SC-001").await;
    site.waiting("SC-002").await;
    let connection = site.connection().await;
    repair::begin(site.stage.world.db(), &connection, &site.stage.world.clock)
        .await
        .unwrap();
    let requests = |health: Value| health["requests"].as_u64().unwrap();
    for file_id in [None, Some("{11111111-2222-3333-4444-555555555555}")] {
        let other = json!({"path": PATH, "company_name": "Others", "file_id": file_id});
        site.stage.quickbooks.post("/control/open-file", &other).await;
        let before = requests(site.stage.quickbooks.get("/control/health").await);
        let words = site.stopped().await;
        has(
            &words,
            &["Others", "Open the right company file", "Nothing was exchanged"],
        );
        // Accepting it does not help: it is another one.
        site.rebind().await;
        site.stopped().await;
        let after = requests(site.stage.quickbooks.get("/control/health").await);
        assert_eq!(after, before, "nothing was asked");
    }
    site.stage.check().await;
    site.stage.world.end().await;
}

#[tokio::test]
async fn love_10_a_restored_backup_is_noticed_compared_and_made_good() {
    let site = Site::new().await;
    let stage = &site.stage;
    let first = site.synced("SC-001").await;
    let bill = site.invoiced(first, "INV-1").await;
    stage.quickbooks.post("/control/backup", &json!({})).await;
    let second = site.synced("SC-002").await;
    let late_bill = site.invoiced(second, "INV-2").await;
    let vendor = stage.made("/vendors", &json!({"name": "Late Vendor"})).await[0];
    stage.export("vendor", &[vendor], json!({})).await;
    stage.quickbooks.post("/control/restore", &json!({})).await;
    let waiting = site.waiting("SC-003").await;
    let today = chrono::Utc::now().format("%Y-%m-%d").to_string();
    let words = site.stopped().await;
    has(
        &words,
        &[
            "an older backup that was restored",
            "newest records that Plumbline knows of, 3 are not in it",
            "QuickBooks does not know that they were deleted",
            &today,
        ],
    );
    has(&words, &REPAIR);
    assert!(
        words.contains("bill INV-2") || words.contains("vendor \"Late Vendor\""),
        "{words}"
    );

    // Comparing is possible while everything else has to wait, and changes nothing.
    let written = site.written().await;
    let said = site.reconcile(false).await.unwrap_err();
    has(&said, &["3 records are gone from QuickBooks", "--forget-missing"]);
    let gone = ["bill INV-2", "purchase order SC-002", "vendor \"Late Vendor\""];
    let mut missing = site.found(What::Missing).await;
    missing.sort();
    assert_eq!(missing, gone);
    assert_eq!(site.written().await, written);
    site.stopped().await;

    // Accepted: now it is compared before anything is written, and what is missing keeps writing paused.
    site.rebind().await;
    let ran = site.update().await;
    has(
        &text(&ran, "status_text"),
        &["3 records", "--forget-missing", "plumbline connection resume"],
    );
    let connection = site.connection().await;
    has(
        &connection.paused_reason.unwrap(),
        &[
            "an older state of the books",
            "`plumbline connection reconcile \"Demo Builders\"`",
            "--forget-missing",
            "`plumbline connection resume \"Demo Builders\"`",
        ],
    );
    assert_eq!(site.update().await["result"], "no_work", "it is paused");
    assert_eq!(site.written().await, written);

    // Forgotten, also in Procore; each is exported again and stands once.
    site.reconcile(true).await.unwrap();
    assert_eq!(
        site.written().await,
        written,
        "while paused nothing but the comparison goes out"
    );
    let report = site.report().await;
    assert_eq!(report.count(What::Missing), 0, "{report:?}");
    let unlinked = async || {
        let procore = stage.state().await;
        let origin = |list: &str, id: i64| find(&procore, list, "id", &json!(id))["origin_id"].clone();
        let all = [
            origin("commitments", second.0),
            origin("requisitions", late_bill),
            origin("vendors", vendor),
        ];
        all.iter().all(Value::is_null).then_some(())
    };
    eventually("Procore is told", unlinked).await;
    assert_eq!(site.update().await["result"], "no_work", "it is still paused");
    site.resume().await;
    stage.settle().await;
    stage.succeeded(waiting).await;
    stage.export("vendor", &[vendor], json!({})).await;
    stage.export("commitment", &[second.0], json!({})).await;
    stage.export("requisitions", &[late_bill], json!({})).await;
    for id in [second.0, late_bill, vendor] {
        stage.succeeded(id).await;
    }
    for number in ["SC-001", "SC-002", "SC-003"] {
        assert_eq!(site.orders(number).await, 1, "{number}");
    }
    let bills = stage.transactions("bills").await;
    assert_eq!(bills.len(), 2);
    assert_eq!(
        stage.record("requisitions", late_bill).await["origin_id"],
        find(
            &stage.file().await["transactions"],
            "bills",
            "ref_number",
            &json!("INV-2")
        )["id"]
    );
    stage.succeeded(bill).await;
    site.reconcile(false).await.unwrap();
    site.stage.end().await;
}

#[tokio::test]
async fn love_10_whoever_goes_on_without_the_missing_records_is_not_stopped_again() {
    let site = Site::new().await;
    site.synced("SC-001").await;
    site.stage.quickbooks.post("/control/backup", &json!({})).await;
    site.synced("SC-002").await;
    site.stage.quickbooks.post("/control/restore", &json!({})).await;
    let waiting = site.waiting("SC-003").await;
    site.stopped().await;
    site.rebind().await;
    site.update().await;
    assert!(site.connection().await.paused_reason.is_some());
    site.resume().await;
    site.stage.settle().await;
    site.stage.succeeded(waiting).await;
    assert_eq!((site.orders("SC-002").await, site.orders("SC-003").await), (0, 1));
    // The links are still there, and still reported.
    site.reconcile(false).await.unwrap_err();
    assert_eq!(site.found(What::Missing).await, ["purchase order SC-002"]);
    let next = site.waiting("SC-004").await;
    site.stage.settle().await;
    site.stage.succeeded(next).await;
    site.stage.end().await;
}

#[tokio::test]
async fn love_10_a_write_in_doubt_before_a_restore_is_written_once() {
    let site = Site::new().await;
    let stage = &site.stage;
    stage.quickbooks.post("/control/backup", &json!({})).await;
    let known = site.synced("SC-001").await;
    // QuickBooks writes it, and the Web Connector dies with the answer.
    let fault = json!({"point": "response_undelivered", "only": "PurchaseOrderAddRq"});
    stage.quickbooks.post("/control/faults", &fault).await;
    let in_doubt = site.waiting("SC-002").await;
    site.update().await;
    assert_eq!(site.orders("SC-002").await, 1);
    stage.quickbooks.post("/control/restore", &json!({})).await;
    let words = site.stopped().await;
    has(&words, &["older backup", "purchase order SC-001"]);
    // The comparison goes through while the write waits.
    site.reconcile(false).await.unwrap_err();
    assert_eq!(site.found(What::Missing).await, ["purchase order SC-001"]);
    assert_eq!(site.orders("SC-002").await, 0);
    site.rebind().await;
    site.update().await;
    assert_eq!(site.orders("SC-002").await, 0, "paused");
    site.reconcile(true).await.unwrap();
    site.resume().await;
    stage.settle().await;
    stage.succeeded(in_doubt).await;
    stage.export("commitment", &[known.0], json!({})).await;
    stage.succeeded(known.0).await;
    assert_eq!((site.orders("SC-001").await, site.orders("SC-002").await), (1, 1));
    site.stage.end().await;
}

#[tokio::test]
async fn love_10_a_write_in_doubt_in_a_file_that_was_only_moved_is_found_there() {
    let site = Site::new().await;
    let stage = &site.stage;
    site.synced("SC-001").await;
    let fault = json!({"point": "response_undelivered", "only": "PurchaseOrderAddRq"});
    stage.quickbooks.post("/control/faults", &fault).await;
    let in_doubt = site.waiting("SC-002").await;
    site.update().await;
    let moved = json!({"path": r"D:\Demo Builders.qbw"});
    stage.quickbooks.post("/control/move-file", &moved).await;
    site.stopped().await;
    site.rebind().await;
    stage.settle().await;
    stage.succeeded(in_doubt).await;
    assert_eq!(site.orders("SC-002").await, 1);
    // It was looked up; nothing was sent before the comparison.
    let sent: i32 = sqlx::query_scalar(
        "select max(times_handed_out) from exchanges where connection_id = $1 and access = 'write'",
    )
    .bind(stage.connection)
    .fetch_one(stage.world.db())
    .await
    .unwrap();
    assert_eq!(sent, 1);
    site.stage.end().await;
}

#[tokio::test]
async fn love_10_records_deleted_by_a_person_stop_nothing() {
    let site = Site::new().await;
    let stage = &site.stage;
    let order = site.synced("SC-001").await;
    let vendor = stage.made("/vendors", &json!({"name": "Nobody's Vendor"})).await[0];
    stage.export("vendor", &[vendor], json!({})).await;
    let txn = text(&stage.record("commitments", order.0).await, "origin_id");
    stage
        .quickbooks
        .post("/control/delete", &json!({"txn_id": txn}))
        .await;
    let list_id = text(&stage.record("vendors", vendor).await, "origin_id");
    stage
        .quickbooks
        .delete(&format!("/control/records/{list_id}"))
        .await;
    let before = site.handed_out("probe").await;
    let next = site.waiting("SC-002").await;
    stage.run().await;
    stage.settle().await;
    stage.succeeded(next).await;
    // Are they there? Were they deleted?
    assert_eq!(site.handed_out("probe").await, before + 2);
    let next = site.waiting("SC-003").await;
    stage.run().await;
    stage.settle().await;
    stage.succeeded(next).await;
    assert_eq!(site.handed_out("probe").await, before + 3, "that is known now");
    // A comparison tells them as deleted, and rebind does not pause for them.
    let said = site.reconcile(false).await.unwrap_err();
    has(&said, &["2 records are gone"]);
    assert_eq!(
        site.found(What::Deleted).await,
        ["vendor \"Nobody's Vendor\"", "purchase order SC-001"]
    );
    site.rebind().await;
    let next = site.waiting("SC-004").await;
    stage.settle().await;
    stage.succeeded(next).await;
    assert_eq!(site.connection().await.paused_reason, None);
    site.stage.end().await;
}

#[tokio::test]
async fn love_10_a_comparison_tells_what_was_changed_or_stands_twice() {
    let site = Site::new().await;
    let stage = &site.stage;
    let order = site.synced("SC-001").await;
    site.reconcile(false).await.unwrap();
    let there = stage.transactions("purchase_orders").await;
    // A second one with our own id, as only a fault of ours could make it; and a vendor that a person renames.
    let add = format!(
        "<?xml version=\"1.0\"?><?qbxml version=\"13.0\"?><QBXML><QBXMLMsgsRq onError=\"continueOnError\"><PurchaseOrderAddRq>\
         <PurchaseOrderAdd><VendorRef><ListID>{}</ListID></VendorRef><RefNumber>SC-001</RefNumber><ExternalGUID>{}</ExternalGUID>\
         <PurchaseOrderLineAdd><ItemRef><ListID>{}</ListID></ItemRef></PurchaseOrderLineAdd></PurchaseOrderAdd>\
         </PurchaseOrderAddRq></QBXMLMsgsRq></QBXML>",
        text(&there[0], "vendor_id"),
        text(&there[0], "external_guid"),
        text(&there[0]["lines"][0], "item_id"),
    );
    stage.qbxml(&add).await;
    assert_eq!(site.orders("SC-001").await, 2);
    let vendor = text(&stage.record("vendors", site.vendor).await, "origin_id");
    stage
        .quickbooks
        .patch(
            &format!("/control/records/{vendor}"),
            &json!({"name": "Lew & Sons", "is_active": false}),
        )
        .await;
    let said = site.reconcile(false).await.unwrap_err();
    has(&said, &["1 record stands twice"]);
    let report = site.report().await;
    let doubled = report
        .findings
        .iter()
        .find(|reported| reported.finding.what == What::Doubled)
        .unwrap();
    assert_eq!(doubled.finding.item.id, order.0);
    assert_eq!(doubled.finding.quickbooks_id, text(&there[0], "id"));
    let changed = report
        .findings
        .iter()
        .find(|reported| reported.finding.what == What::Changed)
        .unwrap();
    has(
        &changed.finding.words,
        &[
            "its name is now \"Lew & Sons\" (was \"Lew Plumbing\")",
            "inactive",
        ],
    );
    // The one too many is deleted: all is well, and changes alone are no error.
    let orders = stage.transactions("purchase_orders").await;
    let twin = orders.iter().find(|order| order["id"] != there[0]["id"]).unwrap();
    stage
        .quickbooks
        .post("/control/delete", &json!({"txn_id": twin["id"]}))
        .await;
    site.reconcile(false).await.unwrap();
    site.stage.end().await;
}

#[tokio::test]
async fn love_10_the_question_about_our_newest_records_survives_what_every_exchange_survives() {
    let site = Site::new().await;
    let stage = &site.stage;
    site.synced("SC-000").await;
    let faults = [
        json!({"point": "response_undelivered", "only": "<PurchaseOrderQueryRq"}),
        json!({"point": "killed_before_execution", "only": "<PurchaseOrderQueryRq"}),
        // It is the first thing handed out in an update.
        json!({"point": "send_request_twice"}),
        json!({"point": "receive_response_twice"}),
        json!({"point": "before_execution", "only": "<PurchaseOrderQueryRq"}),
        json!({"point": "before_execution", "only": "<PurchaseOrderQueryRq", "hresult": "0x80040400"}),
        json!({"point": "unreadable_record", "only": "<PurchaseOrderQueryRq", "text": "missing_id"}),
        json!({"point": "request_status", "status": 3260, "text": "No right.", "only": "PurchaseOrderQueryRq"}),
        json!({"point": "request_status", "status": 1010, "text": "Busy.", "only": "PurchaseOrderQueryRq"}),
    ];
    for (n, fault) in faults.iter().enumerate() {
        let number = format!("SC-{:03}", n + 1);
        let waiting = site.waiting(&number).await;
        stage.quickbooks.post("/control/faults", fault).await;
        site.update().await;
        stage.settle().await;
        stage.succeeded(waiting).await;
        assert_eq!(site.orders(&number).await, 1, "{fault}");
        let left = stage.quickbooks.get("/control/faults").await;
        assert_eq!(left["faults"], json!([]), "it struck: {fault}");
    }
    site.stage.end().await;
}

#[tokio::test]
async fn love_10_an_update_asks_once_and_one_without_work_not_at_all() {
    let site = Site::new().await;
    let stage = &site.stage;
    site.synced("SC-001").await;
    let before = site.handed_out("probe").await;
    // What is read goes to Procore: it must come from the right books, too.
    stage.refresh("vendors").await;
    stage.run().await;
    assert_eq!(site.handed_out("probe").await, before + 1);
    // Ten subcontracts in small message sets of one update: asked once.
    stage.set(&["batch_size=1".to_owned()]).await;
    for n in 2..5 {
        site.waiting(&format!("SC-00{n}")).await;
    }
    stage.run().await;
    stage.settle().await;
    assert_eq!(site.handed_out("probe").await, before + 2);
    site.stage.end().await;
}

#[tokio::test]
async fn love_10_nothing_is_written_before_the_comparison_has_ended() {
    let site = Site::new().await;
    let stage = &site.stage;
    site.synced("SC-001").await;
    let waiting = site.waiting("SC-002").await;
    let moved = json!({"path": r"D:\Demo Builders.qbw"});
    stage.quickbooks.post("/control/move-file", &moved).await;
    site.stopped().await;
    site.rebind().await;
    // QuickBooks is busy just when it is asked.
    let fault = json!({"point": "request_status", "status": 1010, "text": "Busy.", "only": "VendorQueryRq", "skip": 1});
    stage.quickbooks.post("/control/faults", &fault).await;
    stage.run().await;
    assert_eq!(site.orders("SC-002").await, 0, "the comparison is still to come");
    stage.settle().await;
    stage.succeeded(waiting).await;
    assert_eq!(site.orders("SC-002").await, 1);
    site.stage.end().await;
}

#[tokio::test]
async fn love_10_while_paused_links_can_be_compared_and_nothing_else_goes_out() {
    let site = Site::new().await;
    let stage = &site.stage;
    site.synced("SC-001").await;
    let now = stage.world.clock.now();
    store::set_paused(stage.world.db(), stage.connection, Some(now))
        .await
        .unwrap();
    let waiting = site.waiting("SC-002").await;
    assert_eq!(site.update().await["result"], "no_work");
    site.reconcile(false).await.unwrap();
    assert_eq!(site.update().await["result"], "no_work");
    assert_eq!(site.orders("SC-002").await, 0);
    site.resume().await;
    stage.settle().await;
    stage.succeeded(waiting).await;
    site.stage.end().await;
}

#[tokio::test]
async fn love_10_a_comparison_of_a_changed_file_survives_a_killed_web_connector() {
    let site = Site::new().await;
    let stage = &site.stage;
    site.synced("SC-001").await;
    let moved = json!({"path": r"D:\Demo Builders.qbw"});
    stage.quickbooks.post("/control/move-file", &moved).await;
    let connection = site.connection().await;
    let task = repair::begin(stage.world.db(), &connection, &stage.world.clock)
        .await
        .unwrap();
    for (point, only) in [
        ("killed_before_execution", "<VendorQueryRq"),
        ("response_undelivered", "<ItemQueryRq"),
        ("before_execution", "<PurchaseOrderQueryRq"),
    ] {
        let fault = json!({"point": point, "only": only});
        stage.quickbooks.post("/control/faults", &fault).await;
        site.update().await;
        let left = stage.quickbooks.get("/control/faults").await;
        assert_eq!(left["faults"], json!([]), "it struck: {fault}");
    }
    // Asked for again, it is the same one.
    site.reconcile(false).await.unwrap();
    let report = site.report().await;
    assert_eq!((report.task_id, report.compared), (task, 5));
    assert_eq!(report.count(What::Missing), 0);
    assert!(site.handed_out("compare").await >= 5);
    site.stage.end().await;
}
