//! Journeys from QuickBooks to Procore over real HTTP, SOAP and PostgreSQL: lists that are read and offered, links made
//! in Procore, and payments that come back. Both stand-ins are asked what they hold in the end; the service is not.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test that cannot go on panics"
)]

mod support;

use std::{ops::Deref, time::Duration};

use chrono::{TimeDelta, Utc};
use plumbline::{
    clock::Clock,
    commands::connection::progress,
    connections::{settings::change, store},
    links::{ItemType, NewLink, ProcoreItem},
    mirror,
    procore::client::http_client,
    tasks::traces::{self, Traces},
    workers::{clients::Clients, schedule::Schedule},
};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use support::{
    stage::{Remote, Setting, Stage, array, find, ids, text},
    world::{Account, Hand, WEBHOOK_AUTHORIZATION, World, between, eventually, hcp, hcp_of, serving, vault},
};

/// Runs of the Web Connector before something that should have happened is given up.
const MOST_RUNS: usize = 60;

/// A stage, and what matters of it when data comes from QuickBooks.
struct Journey {
    stage: Stage,
}

impl Deref for Journey {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.stage
    }
}

/// Subcontractor invoices that are bills.
struct Invoices {
    commitments: Vec<i64>,
    ids: Vec<i64>,
    bills: Vec<String>,
}

impl Journey {
    /// Connected; the lists have been read, and nothing is chosen yet.
    async fn new() -> Self {
        let stage = Stage::with(Setting {
            clock: Clock::manual(Utc::now()),
            retainage_item: false,
            ..Setting::default()
        })
        .await;
        Self { stage }
    }

    /// A person changes a record in QuickBooks.
    async fn change(&self, id: &str, fields: &Value) {
        self.quickbooks
            .patch(&format!("/control/records/{id}"), fields)
            .await;
    }

    /// Runs the Web Connector until the users read what came of these orders.
    async fn settle(&self, clicked: &Value) -> Vec<(String, String)> {
        let wanted = ids(&clicked["request_detail_ids"]);
        assert!(!wanted.is_empty(), "{clicked}");
        for _ in 0..MOST_RUNS {
            let state = self.state().await;
            let details: Vec<&Value> = state["request_details"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|detail| wanted.contains(&detail["id"].as_i64().unwrap()))
                .collect();
            if details
                .iter()
                .all(|detail| text(detail, "status") != "in progress")
            {
                return details
                    .iter()
                    .map(|detail| (text(detail, "status"), detail["messages"].to_string()))
                    .collect();
            }
            if text(&self.run().await, "result") != "ok" {
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        }
        panic!("request details stay open: {clicked}");
    }

    /// Runs until all is well.
    async fn succeed(&self, clicked: &Value) -> String {
        let mut all = String::new();
        for (status, messages) in self.settle(clicked).await {
            assert_eq!(status, "success", "{messages}");
            all.push_str(&messages);
        }
        all
    }

    /// Runs until it has failed; what the user reads.
    async fn fail(&self, clicked: &Value) -> String {
        let settled = self.settle(clicked).await;
        assert_eq!(settled.len(), 1);
        assert_eq!(settled[0].0, "failed", "{settled:?}");
        settled[0].1.clone()
    }

    /// A refresh button, and what comes of it.
    async fn refresh(&self, what: &str) -> String {
        let clicked = self.make("/refresh", &json!({"what": what})).await;
        self.succeed(&clicked).await
    }

    /// An administrator changes settings, or reads why not.
    async fn try_set(&self, changes: &[&str]) -> Result<(), String> {
        let changes: Vec<String> = changes.iter().map(|&change| change.to_owned()).collect();
        change::set(
            self.world.db(),
            self.connection,
            &changes,
            "Ann",
            &self.world.clock,
        )
        .await
        .map(|_| ())
        .map_err(|error| format!("{error:#}"))
    }

    /// Time passes everywhere.
    async fn pass(&self, seconds: i64) {
        self.world.clock.advance(TimeDelta::seconds(seconds));
        self.quickbooks
            .post("/control/clock", &json!({"advance_seconds": seconds}))
            .await;
    }

    /// What a Procore record is linked to, as the service knows it.
    async fn link(&self, item_type: &str, id: i64) -> Option<String> {
        sqlx::query_scalar("select quickbooks_id from links where item_type = $1 and item_id = $2")
            .bind(item_type)
            .bind(id)
            .fetch_optional(self.world.db())
            .await
            .unwrap()
    }

    async fn linked(&self, item_type: &str, id: i64, quickbooks_id: &str) {
        eventually("the link is known", async || {
            (self.link(item_type, id).await.as_deref() == Some(quickbooks_id)).then_some(())
        })
        .await;
    }

    async fn staged(&self, item_type: &str) -> Vec<Value> {
        array(&self.state().await, "staged_records")
            .into_iter()
            .filter(|record| record["item_type"] == item_type)
            .collect()
    }

    /// The staged record of this QuickBooks record.
    async fn offered(&self, origin_id: &str) -> Option<Value> {
        array(&self.state().await, "staged_records")
            .into_iter()
            .find(|record| record["origin_id"] == origin_id)
    }

    async fn service_item(&self, name: &str) -> String {
        let fields = json!({"income_account": self.books.income_account, "expense_account": self.books.expense_account});
        self.person_adds(
            "item_service",
            &json!({"name": name, "sales_and_purchase": fields}),
        )
        .await
    }

    /// As an administrator would after the first run; payments are switched on.
    async fn ready_for_payments(&self) {
        // The schedule's own first run must not come between.
        sqlx::query("update connections set payments_run_at = $1")
            .bind(self.world.clock.now())
            .execute(self.world.db())
            .await
            .unwrap();
        self.set(&[
            format!("retainage_item_list_id={}", self.books.retainage_item),
            "payment_schedule=daily".to_owned(),
        ])
        .await;
    }

    /// A subcontract and a purchase order with these invoices in turn, exported all the way to bills.
    async fn invoices(&self, amounts: &[&str]) -> Invoices {
        let fields = json!({"income_account_origin_id": self.books.income_account,
            "expense_account_origin_id": self.books.expense_account});
        let codes = ids(&self
            .make("/standard-cost-codes", &json!([{"code": "01", "name": "Work"}]))
            .await["ids"]);
        let clicked = self.click("standard_cost_codes", &codes, fields).await;
        self.succeed(&clicked).await;
        let vendors = ids(&self
            .make("/vendors", &json!([{"name": "Lew Plumbing", "is_active": true}]))
            .await["ids"]);
        let clicked = self.click("vendor", &vendors, json!({})).await;
        self.succeed(&clicked).await;
        let made = self
            .make(
                "/projects",
                &json!([{"name": "Tower", "number": "1", "active": true, "cost_codes": codes}]),
            )
            .await;
        let (project, code) = (ids(&made["ids"])[0], made["cost_code_ids"][0][0].clone());
        let clicked = self
            .click(
                "project",
                &[project],
                json!({"customer_origin_id": self.books.customer}),
            )
            .await;
        self.succeed(&clicked).await;
        let commitment = |kind: &str, number: &str| {
            json!({"project_id": project, "vendor_id": vendors[0], "type": kind, "number": number, "status": "Approved",
                "lines": [{"cost_code_id": code, "description": "Work", "amount": "100000.00"}]})
        };
        let made = self
            .make(
                "/commitments",
                &json!([
                    commitment("WorkOrderContract", "SC-1"),
                    commitment("PurchaseOrderContract", "PO-1")
                ]),
            )
            .await;
        let commitments = ids(&made["ids"]);
        let clicked = self.click("commitment", &commitments, json!({})).await;
        self.succeed(&clicked).await;
        let wanted: Vec<Value> = amounts
            .iter()
            .enumerate()
            .map(|(n, amount)| {
                json!({"commitment_id": commitments[n % 2], "invoice_number": format!("INV-{n}"),
                    "billing_date": "2026-01-31", "status": "approved",
                    "lines": [{"commitment_line_id": made["line_ids"][n % 2][0], "amount": amount}]})
            })
            .collect();
        let ids = ids(&self.make("/requisitions", &Value::from(wanted)).await["ids"]);
        let clicked = self.click("requisitions", &ids, json!({})).await;
        self.succeed(&clicked).await;
        let mut bills = Vec::new();
        for id in &ids {
            bills.push(self.link("requisition", *id).await.unwrap());
        }
        Invoices {
            commitments,
            ids,
            bills,
        }
    }

    /// The bookkeeper pays; the payment's id.
    async fn pay(&self, bills: &[(&str, &str)], more: Value) -> String {
        let mut body = more;
        body["bills"] = bills
            .iter()
            .map(|(id, amount)| json!({"txn_id": id, "amount": amount}))
            .collect();
        text(&self.quickbooks.post("/control/payments", &body).await, "txn_id")
    }

    /// Payments Issued, by amount.
    async fn issued(&self) -> Vec<Value> {
        let mut payments = array(&self.state().await, "invoice_payments");
        payments.sort_by_key(|payment| (text(payment, "origin_id"), text(payment, "amount")));
        payments
    }

    async fn end(self) {
        let books = self.quickbooks.get("/control/invariants").await;
        assert_eq!(books["violations"], json!([]), "what no service may do");
        self.stage.end().await;
    }
}

/// An amount, however many decimals it is written with.
fn money(value: &Value) -> Decimal {
    text(value, "amount").parse().unwrap()
}

fn dollars(amount: &str) -> Decimal {
    amount.parse().unwrap()
}

fn names(records: &[Value]) -> Vec<String> {
    let mut names: Vec<String> = records
        .iter()
        .map(|record| text(&record["data"], "name"))
        .collect();
    names.sort();
    names
}

// ── vendors ───────────────────────────────────────────────────────────────────────────────────────────────────────

// ADV-16, ADV-17
#[tokio::test]
async fn adv_16_adv_17_linked_vendors_follow_only_with_the_setting_and_archived_ones_stay() {
    let stage = Journey::new().await;
    let old = stage
        .person_adds("vendor", &json!({"name": "Old Friend", "phone": "555-0001"}))
        .await;
    let unwanted = stage.person_adds("vendor", &json!({"name": "Unwanted"})).await;
    let inactive = stage
        .person_adds("vendor", &json!({"name": "Closed Down", "is_active": false}))
        .await;
    stage.refresh("vendors").await;
    assert_eq!(names(&stage.staged("vendor").await), ["Old Friend", "Unwanted"]);
    assert!(stage.offered(&inactive).await.is_none());
    let added = stage.make(&format!("/staged/{old}/add"), &json!({})).await;
    let id = added["id"].as_i64().unwrap();
    stage.linked("vendor", id, &old).await;
    stage
        .make(&format!("/staged/{unwanted}/archive"), &json!({}))
        .await;

    // ADV-17: switched off, as it is at first.
    stage
        .change(&old, &json!({"phone": "555-0002", "vendor_address": {"addr1": "1 High St", "city": "Bend", "state": "OR"}}))
        .await;
    stage.person_adds("vendor", &json!({"name": "Newcomer"})).await;
    stage.refresh("vendors").await;
    let phone = async || {
        let held = stage.state().await;
        let vendors = array(&held, "vendors");
        assert_eq!(vendors.len(), 1, "{vendors:?}");
        vendors[0].clone()
    };
    assert_eq!(phone().await["business_phone"], "555-0001");
    assert_eq!(
        names(&stage.staged("vendor").await),
        ["Newcomer", "Old Friend", "Unwanted"]
    );
    assert_eq!(stage.offered(&unwanted).await.unwrap()["status"], "archived");
    assert_eq!(stage.offered(&old).await.unwrap()["status"], "imported");

    // ADV-16
    stage.try_set(&["update_vendors_on_refresh=true"]).await.unwrap();
    stage.refresh("vendors").await;
    let vendor = phone().await;
    assert_eq!(vendor["business_phone"], "555-0002");
    assert_eq!(
        (&vendor["city"], &vendor["state_code"]),
        (&json!("Bend"), &json!("OR"))
    );
    assert_eq!(vendor["origin_id"], old);
    assert_eq!(stage.offered(&unwanted).await.unwrap()["status"], "archived");
    assert_eq!(array(&stage.file().await["lists"], "vendors").len(), 4);
    stage.end().await;
}

#[tokio::test]
async fn qbd_40_a_vendor_made_on_either_side_ends_as_one_pair() {
    let stage = Journey::new().await;
    let there = stage
        .person_adds("vendor", &json!({"name": "Made in QuickBooks", "phone": "555-1"}))
        .await;
    stage.refresh("vendors").await;
    let added = stage.make(&format!("/staged/{there}/add"), &json!({})).await;
    let first = added["id"].as_i64().unwrap();
    stage.linked("vendor", first, &there).await;
    let second = ids(&stage
        .make(
            "/vendors",
            &json!([{"name": "Made in Procore", "is_active": true}]),
        )
        .await["ids"])[0];
    let clicked = stage.click("vendor", &[second], json!({})).await;
    stage.succeed(&clicked).await;
    // The linked one again, as if Procore had lost its memory: nothing is made twice.
    let clicked = stage
        .make(
            "/export",
            &json!({"what": "vendor", "ids": [first], "force": true}),
        )
        .await;
    stage.succeed(&clicked).await;
    stage.refresh("vendors").await;

    let vendors = array(&stage.state().await, "vendors");
    assert_eq!(vendors.len(), 2);
    let file = array(&stage.file().await["lists"], "vendors");
    assert_eq!(file.len(), 2, "{file:?}");
    for (id, name) in [(first, "Made in QuickBooks"), (second, "Made in Procore")] {
        let ours = vendors.iter().find(|vendor| vendor["id"] == id).unwrap();
        let theirs = file.iter().find(|vendor| vendor["name"] == name).unwrap();
        assert_eq!(ours["origin_id"], theirs["id"], "{name}");
        assert_eq!(ours["erp_status"], "synced", "{name}");
    }
    // What was exported is not offered for import.
    assert!(
        stage
            .staged("vendor")
            .await
            .iter()
            .all(|staged| staged["status"] != "staged")
    );
    stage.end().await;
}

#[tokio::test]
async fn qbd_40_a_company_is_linked_and_unlinked_and_nothing_in_quickbooks_changes() {
    let stage = Journey::new().await;
    let origin = stage.person_adds("vendor", &json!({"name": "Both"})).await;
    stage.refresh("vendors").await;
    let id = ids(&stage
        .make("/vendors", &json!([{"name": "BOTH", "is_active": true}]))
        .await["ids"])[0];
    let before = array(&stage.file().await["lists"], "vendors");
    stage
        .make(&format!("/vendors/{id}/link"), &json!({"origin_id": origin}))
        .await;
    stage.linked("vendor", id, &origin).await;
    stage.make(&format!("/vendors/{id}/unlink"), &json!({})).await;
    eventually("the link is gone", async || {
        stage.link("vendor", id).await.is_none().then_some(())
    })
    .await;
    // Not linked any more: offered again, and linked with all others.
    stage.refresh("vendors").await;
    assert_eq!(stage.offered(&origin).await.unwrap()["status"], "staged");
    let linked = stage.make("/vendors/link-all", &json!({})).await;
    assert_eq!(linked["linked"], json!([{"id": id, "origin_id": origin}]));
    stage.linked("vendor", id, &origin).await;
    let clicked = stage
        .make("/export", &json!({"what": "vendor", "ids": [id], "force": true}))
        .await;
    stage.succeed(&clicked).await;
    let after = array(&stage.file().await["lists"], "vendors");
    assert_eq!((before.len(), after.len()), (1, 1));
    assert_eq!(text(&after[0], "name"), "Both");
    stage.end().await;
}

#[tokio::test]
async fn comp_16_of_100_vendors_with_one_unreadable_99_are_staged_and_1_is_listed() {
    let stage = Journey::new().await;
    stage
        .quickbooks
        .post(
            "/control/records/bulk",
            &json!({"kind": "vendor", "count": 100, "name_prefix": "Vendor "}),
        )
        .await;
    stage
        .quickbooks
        .post(
            "/control/faults",
            &json!({"point": "unreadable_record", "only": "VendorQueryRq"}),
        )
        .await;
    let messages = stage.refresh("vendors").await;
    let staged = names(&stage.staged("vendor").await);
    assert_eq!(staged.len(), 99);
    let missing: Vec<String> = array(&stage.file().await["lists"], "vendors")
        .iter()
        .map(|vendor| text(vendor, "name"))
        .filter(|name| !staged.contains(name))
        .collect();
    assert_eq!(missing.len(), 1);
    assert!(messages.contains(&missing[0]), "{missing:?} {messages}");
    assert!(
        !staged.iter().any(|name| messages.contains(name.as_str())),
        "{messages}"
    );
    // The next time it is there.
    stage.refresh("vendors").await;
    assert_eq!(stage.staged("vendor").await.len(), 100);
    stage.end().await;
}

#[tokio::test]
async fn comp_42_love_23_3000_vendors_survive_a_break_in_the_middle_and_tell_how_many_are_left() {
    let stage = Journey::new().await;
    stage.try_set(&["page_size=100"]).await.unwrap();
    stage
        .quickbooks
        .post(
            "/control/records/bulk",
            &json!({"kind": "vendor", "count": 3_000, "name_prefix": "Vendor "}),
        )
        .await;
    stage
        .quickbooks
        .post(
            "/control/faults",
            &json!({"point": "killed_after_execution", "skip": 14, "only": "<VendorQueryRq"}),
        )
        .await;
    let clicked = stage.make("/refresh", &json!({"what": "vendors"})).await;
    eventually("it breaks off", async || {
        let ran = stage
            .quickbooks
            .post("/control/connector/update", &json!({}))
            .await;
        (text(&ran, "result") == "killed").then_some(())
    })
    .await;
    let detail = clicked["request_detail_ids"][0].clone();
    let held = stage.state().await;
    let open = array(&held, "request_details");
    let open = open.iter().find(|found| found["id"] == detail).unwrap();
    assert_eq!(open["status"], "in progress", "half a list is no list");
    let readings = progress::of_connection(stage.world.db(), stage.connection)
        .await
        .unwrap();
    let [reading] = readings.as_slice() else {
        panic!("{readings:?}")
    };
    // This clock stands still, so that no time is spent.
    assert_eq!(reading.words(), "1400 vendors read, 1600 left");
    assert_eq!(reading.spent, Some(TimeDelta::zero()));
    // The dead session holds the connection for its lease. Paused, it does not go on; resumed, it does.
    stage.pass(61).await;
    store::set_paused(stage.world.db(), stage.connection, Some(stage.world.clock.now()))
        .await
        .unwrap();
    let ran = stage
        .quickbooks
        .post("/control/connector/update", &json!({}))
        .await;
    assert_eq!(ran["result"], "no_work");
    store::set_paused(stage.world.db(), stage.connection, None)
        .await
        .unwrap();
    stage.succeed(&clicked).await;
    let staged = stage.staged("vendor").await;
    assert_eq!(staged.len(), 3_000);
    let mut origins: Vec<String> = staged.iter().map(|record| text(record, "origin_id")).collect();
    origins.sort();
    let mut vendors: Vec<String> = array(&stage.file().await["lists"], "vendors")
        .iter()
        .map(|vendor| text(vendor, "id"))
        .collect();
    vendors.sort();
    assert_eq!(origins, vendors);
    stage.end().await;
}

// ── jobs, items, cost codes ───────────────────────────────────────────────────────────────────────────────────────

// QBD-39, MAP-42
#[tokio::test]
async fn qbd_39_map_42_both_ways_to_integrate_a_job_and_customers_are_not_offered() {
    let stage = Journey::new().await;
    let customer = &stage.books.customer;
    let job = stage
        .person_adds("job", &json!({"name": "Harbor", "parent": "Acme Development"}))
        .await;
    stage
        .person_adds(
            "job",
            &json!({"name": "Phase 1", "parent": "Acme Development:Harbor"}),
        )
        .await;
    stage
        .person_adds(
            "job",
            &json!({"name": "Done", "parent": "Acme Development", "is_active": false}),
        )
        .await;
    stage.refresh("jobs").await;
    let staged = stage.staged("project").await;
    assert_eq!(
        names(&staged),
        ["Harbor"],
        "no customer, no sub job, nothing inactive"
    );
    assert_eq!(staged[0]["data"]["customer_origin_id"], *customer);
    let added = stage.make(&format!("/staged/{job}/add"), &json!({})).await;
    let imported = added["id"].as_i64().unwrap();
    stage.linked("project", imported, &job).await;

    let exported = ids(&stage
        .make(
            "/projects",
            &json!([{"name": "Tower", "number": "2", "active": true, "cost_codes": []}]),
        )
        .await["ids"])[0];
    let clicked = stage
        .make(
            "/export",
            &json!({"what": "project", "ids": [exported], "force": true,
            "erp_custom_fields": {"customer_origin_id": customer}}),
        )
        .await;
    stage.succeed(&clicked).await;
    // The imported one again: nothing is made twice.
    let clicked = stage
        .make(
            "/export",
            &json!({"what": "project", "ids": [imported], "force": true,
            "erp_custom_fields": {"customer_origin_id": customer}}),
        )
        .await;
    stage.succeed(&clicked).await;
    stage.refresh("jobs").await;

    let projects = array(&stage.state().await, "projects");
    assert_eq!(projects.len(), 2);
    let file = array(&stage.file().await["lists"], "customers");
    for (id, name) in [
        (imported, "Acme Development:Harbor"),
        (exported, "Acme Development:Tower"),
    ] {
        let theirs: Vec<&Value> = file.iter().filter(|job| job["full_name"] == name).collect();
        assert_eq!(theirs.len(), 1, "{name}");
        let ours = projects.iter().find(|project| project["id"] == id).unwrap();
        assert_eq!(ours["origin_id"], theirs[0]["id"], "{name}");
    }
    assert_eq!(file.len(), 5);
    assert!(
        stage
            .staged("project")
            .await
            .iter()
            .all(|staged| staged["status"] != "staged")
    );
    stage.end().await;
}

#[tokio::test]
async fn map_42_top_level_customers_are_offered_where_customers_are_jobs() {
    let stage = Journey::new().await;
    stage.try_set(&["job_placement=as_customer"]).await.unwrap();
    stage.person_adds("customer", &json!({"name": "Villa"})).await;
    stage
        .person_adds("job", &json!({"name": "Garage", "parent": "Villa"}))
        .await;
    stage.refresh("jobs").await;
    assert_eq!(
        names(&stage.staged("project").await),
        ["Acme Development", "Villa"]
    );
    stage.end().await;
}

// ADV-18, ADV-21, ADV-22
#[tokio::test]
async fn adv_18_adv_21_adv_22_the_retainage_item() {
    let stage = Journey::new().await;
    let offered = async || -> Vec<String> {
        mirror::store::retainage_items(stage.world.db(), stage.connection)
            .await
            .unwrap()
            .into_iter()
            .map(|choice| choice.full_name)
            .collect()
    };
    assert_eq!(offered().await, ["Retainage Payable"]);
    let item = stage.service_item("Retainage").await;
    let account = stage.books.expense_account.clone();
    let sold = json!({"account": account, "price": "1.00"});
    let other = stage
        .person_adds(
            "item_other_charge",
            &json!({"name": "Freight", "sales_or_purchase": sold}),
        )
        .await;
    let inactive = stage.service_item("Former").await;
    stage.change(&inactive, &json!({"is_active": false})).await;
    // Not read yet.
    let words = stage
        .try_set(&[&format!("retainage_item_list_id={item}")])
        .await
        .unwrap_err();
    assert!(words.contains("no item with ListID"), "{words}");
    // A ListID that could be read as a number is still a ListID.
    let words = stage
        .try_set(&["retainage_item_list_id=8000012E-1770000001"])
        .await
        .unwrap_err();
    assert!(words.contains("ListID 8000012E-1770000001"), "{words}");
    // ADV-21
    stage.refresh("jobs").await;
    assert_eq!(offered().await, ["Retainage", "Retainage Payable"]);
    // ADV-18
    for (id, reason) in [(&other, "not a Service item"), (&inactive, "inactive")] {
        let words = stage
            .try_set(&[&format!("retainage_item_list_id={id}")])
            .await
            .unwrap_err();
        assert!(words.contains(reason), "{words}");
    }
    // ADV-22: an item that is a cost code.
    let codes = ids(&stage
        .make(
            "/standard-cost-codes",
            &json!([{"code": "100", "name": "Concrete"}, {"code": "900", "name": "Held back"}]),
        )
        .await["ids"]);
    let fields =
        json!({"income_account_origin_id": stage.books.income_account, "expense_account_origin_id": account});
    let clicked = stage
        .click("standard_cost_codes", &codes[..1], fields.clone())
        .await;
    stage.succeed(&clicked).await;
    let linked = stage.link("standard_cost_code", codes[0]).await.unwrap();
    let words = stage
        .try_set(&[&format!("retainage_item_list_id={linked}")])
        .await
        .unwrap_err();
    assert!(words.contains("linked to a cost code"), "{words}");

    stage
        .try_set(&[&format!("retainage_item_list_id={item}")])
        .await
        .unwrap();
    // ADV-18: by ListID, through a rename.
    stage.change(&item, &json!({"name": "900"})).await;
    stage.refresh("jobs").await;
    let connection = store::find(stage.world.db(), stage.connection)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        connection.settings.retainage_item_list_id.as_deref(),
        Some(item.as_str())
    );
    assert!(offered().await.contains(&"900".to_owned()));
    // ADV-22, the other way round: a code that would be linked to the chosen item.
    let clicked = stage.click("standard_cost_codes", &codes[1..], fields).await;
    let words = stage.fail(&clicked).await;
    assert!(words.to_lowercase().contains("retainage"), "{words}");
    assert_eq!(stage.link("standard_cost_code", codes[1]).await, None);
    let items = array(&stage.file().await["lists"], "items");
    assert_eq!(items.iter().filter(|item| item["name"] == "900").count(), 1);
    stage.end().await;
}

#[tokio::test]
async fn sync_standard_cost_codes_brings_service_items_once_with_their_parents() {
    let stage = Journey::new().await;
    let division = stage.service_item("01").await;
    let (income, cost) = (&stage.books.income_account, &stage.books.expense_account);
    let below = stage
        .person_adds(
            "item_service",
            &json!({"name": "100", "parent": division, "sales_and_purchase":
                {"income_account": income, "expense_account": cost, "purchase_desc": "Concrete & steel"}}),
        )
        .await;
    stage
        .person_adds(
            "item_other_charge",
            &json!({"name": "Freight", "sales_or_purchase": {"account": cost, "price": "1.00"}}),
        )
        .await;
    let former = stage.service_item("Former").await;
    stage.change(&former, &json!({"is_active": false})).await;
    stage
        .try_set(&[&format!("retainage_item_list_id={}", stage.books.retainage_item)])
        .await
        .unwrap();
    for _ in 0..2 {
        stage.refresh("standard_cost_codes").await;
        let mut codes = array(&stage.state().await, "standard_cost_codes");
        codes.sort_by_key(|code| text(code, "full_code"));
        assert_eq!(codes.len(), 2, "{codes:?}");
        assert_eq!(
            (&codes[0]["code"], &codes[0]["origin_id"]),
            (&json!("01"), &json!(division))
        );
        assert_eq!(
            (&codes[1]["code"], &codes[1]["origin_id"]),
            (&json!("100"), &json!(below))
        );
        assert_eq!(codes[1]["name"], "Concrete & steel");
        assert_eq!(codes[1]["parent_id"], codes[0]["id"]);
        // The same button asks for cost types: there is the one, "Other".
        eventually("the cost type is there", async || {
            let types = array(&stage.state().await, "line_item_types");
            let synced: Vec<_> = types.iter().filter(|kind| !kind["origin_id"].is_null()).collect();
            let other = matches!(synced[..], [other] if other["name"] == "Other" && other["code"] == "O");
            other.then_some(())
        })
        .await;
    }
    let ids: Vec<i64> = array(&stage.state().await, "standard_cost_codes")
        .iter()
        .map(|code| code["id"].as_i64().unwrap())
        .collect();
    // What came from QuickBooks is linked: exporting it makes nothing new there.
    let before = array(&stage.file().await["lists"], "items").len();
    let clicked = stage
        .make(
            "/export",
            &json!({"what": "standard_cost_codes", "ids": ids, "force": true,
            "erp_custom_fields": {"income_account_origin_id": income, "expense_account_origin_id": cost}}),
        )
        .await;
    stage.succeed(&clicked).await;
    assert_eq!(array(&stage.file().await["lists"], "items").len(), before);
    stage.end().await;
}

// ── payments ──────────────────────────────────────────────────────────────────────────────────────────────────────

// PAY-02, PAY-06, PAY-07, PAY-08, PAY-09, MAP-34, MAP-35, MAP-36, MAP-37, MAP-38, MAP-39
#[tokio::test]
async fn pay_02_pay_06_to_09_map_34_to_39_checks_and_cards_full_and_in_parts() {
    let stage = Journey::new().await;
    stage.ready_for_payments().await;
    let made = stage.invoices(&["1000.00", "2000.00", "300.33"]).await;
    let bills = &made.bills;
    stage
        .pay(&[(&bills[0], "1000.00")], json!({"method": "check", "ref_number": "1001", "memo": "Thanks, all & done: été", "date": "2026-02-03"}))
        .await;
    stage
        .pay(
            &[(&bills[1], "2000.00")],
            json!({"method": "credit_card", "ref_number": "V77", "date": "2026-02-04"}),
        )
        .await;
    stage
        .pay(
            &[(&bills[2], "100.11")],
            json!({"method": "check", "ref_number": "1002"}),
        )
        .await;
    stage
        .pay(&[(&bills[2], "200.22")], json!({"method": "check"}))
        .await;
    let messages = stage.refresh("contract_payments").await;
    assert!(messages.contains("4 new"), "{messages}");
    let rows = stage.issued().await;
    assert_eq!(rows.len(), 4);
    let of = |n: usize| -> Vec<&Value> {
        rows.iter()
            .filter(|row| row["invoice_id"] == made.ids[n])
            .collect()
    };
    let check = of(0)[0];
    for (field, value) in [
        ("payment_method", "check"),
        ("date", "2026-02-03"),
        ("payment_number", "1001"),
        ("check_number", "1001"),
        ("notes", "Thanks, all & done: été"),
        ("status", "paid"),
    ] {
        assert_eq!(text(check, field), value, "{field}: {check}");
    }
    assert_eq!(money(check), dollars("1000"));
    let card = of(1)[0];
    assert_eq!(
        (text(card, "payment_method"), money(card), text(card, "date")),
        ("credit_card".to_owned(), dollars("2000"), "2026-02-04".to_owned())
    );
    let mut parts: Vec<Decimal> = of(2).iter().map(|row| money(row)).collect();
    parts.sort();
    assert_eq!(parts, [dollars("100.11"), dollars("200.22")]);
    // PAY-02: each on the invoice, and so the commitment, it belongs to.
    let requisitions = array(&stage.state().await, "requisitions");
    for (n, id) in made.ids.iter().enumerate() {
        let requisition = requisitions
            .iter()
            .find(|requisition| requisition["id"] == *id)
            .unwrap();
        assert!(
            requisition
                .to_string()
                .contains(&made.commitments[n % 2].to_string()),
            "{requisition}"
        );
    }
    // Again: nothing new, nothing twice.
    let messages = stage.refresh("contract_payments").await;
    assert!(messages.contains("0 new, 0 changed"), "{messages}");
    assert_eq!(stage.issued().await, rows);
    let transactions = stage.file().await["transactions"].clone();
    assert_eq!(array(&transactions, "bill_payment_checks").len(), 3);
    assert_eq!(array(&transactions, "bill_payment_credit_cards").len(), 1);
    stage.end().await;
}

// COMP-18, MAP-39
#[tokio::test]
async fn comp_18_map_39_one_check_for_two_bills_gives_two_rows() {
    let stage = Journey::new().await;
    stage.ready_for_payments().await;
    let made = stage.invoices(&["500.00", "400.00"]).await;
    stage
        .pay(
            &[(&made.bills[0], "500.00"), (&made.bills[1], "400.00")],
            json!({"method": "check", "ref_number": "9"}),
        )
        .await;
    stage.refresh("contract_payments").await;
    let rows = stage.issued().await;
    let mut paid: Vec<(i64, Decimal, String)> = rows
        .iter()
        .map(|row| {
            (
                row["invoice_id"].as_i64().unwrap(),
                money(row),
                text(row, "check_number"),
            )
        })
        .collect();
    paid.sort();
    assert_eq!(
        paid,
        [
            (made.ids[0], dollars("500"), "9".to_owned()),
            (made.ids[1], dollars("400"), "9".to_owned())
        ]
    );
    let checks = array(&stage.file().await["transactions"], "bill_payment_checks");
    assert_eq!(
        (checks.len(), text(&checks[0], "amount")),
        (1, "900.00".to_owned())
    );
    stage.end().await;
}

#[tokio::test]
async fn pay_10_a_voided_check_is_the_same_row_without_money() {
    let stage = Journey::new().await;
    stage.ready_for_payments().await;
    let made = stage.invoices(&["500.00", "400.00"]).await;
    let check = stage
        .pay(
            &[(&made.bills[0], "500.00"), (&made.bills[1], "400.00")],
            json!({"method": "check", "ref_number": "9"}),
        )
        .await;
    stage.refresh("contract_payments").await;
    let before = stage.issued().await;
    stage.pass(5).await;
    stage
        .quickbooks
        .post("/control/void", &json!({"txn_id": check}))
        .await;
    let messages = stage.refresh("contract_payments").await;
    assert!(messages.contains("2 changed"), "{messages}");
    let after = stage.issued().await;
    assert_eq!(after.len(), 2);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before["id"], after["id"]);
        assert_eq!(
            (money(after), text(after, "status")),
            (Decimal::ZERO, "void".to_owned())
        );
    }
    stage.end().await;
}

// PAY-12, PAY-13, PAY-16, PAY-20
#[tokio::test]
async fn pay_12_pay_13_pay_16_pay_20_a_payment_counts_as_synced_once_procore_has_it_and_stays_whole() {
    let stage = Journey::new().await;
    stage.ready_for_payments().await;
    let made = stage.invoices(&["500.00"]).await;
    let check = stage
        .pay(
            &[(&made.bills[0], "500.00")],
            json!({"method": "check", "ref_number": "9"}),
        )
        .await;
    let fault = json!({"kind": "status", "status": 503, "method": "patch",
        "path": stage.of_company("/invoice_payments/sync").replace("/control", "/rest/v1.0"), "times": 2});
    stage.procore.post("/control/faults", &fault).await;
    let before = stage.orders().await;
    let pressed = stage
        .make("/refresh", &json!({"what": "contract_payments"}))
        .await;
    stage.planned(before + 1).await;
    // PAY-16: one press, one run; it waits, it runs, it is done.
    let runs = async || -> Vec<String> {
        sqlx::query_scalar("select status from tasks where subject = 'payments'")
            .fetch_all(stage.world.db())
            .await
            .unwrap()
    };
    assert_eq!(runs().await, ["ready"]);
    assert_eq!(text(&stage.run().await, "result"), "ok");
    eventually("Procore has refused the payment", async || {
        let tried: i64 =
            sqlx::query_scalar("select count(*) from writebacks where attempts > 0 and status = 'pending'")
                .fetch_one(stage.world.db())
                .await
                .unwrap();
        (tried > 0).then_some(())
    })
    .await;
    // PAY-20: read from QuickBooks, not yet in Procore: not done.
    assert!(stage.issued().await.is_empty());
    let open = array(&stage.state().await, "request_details");
    let id = ids(&pressed["request_detail_ids"])[0];
    let detail = open.iter().find(|detail| detail["id"] == id).unwrap();
    assert_eq!(detail["status"], "in progress", "{detail}");
    // In small steps: whoever carries a writeback out has it for ten minutes.
    eventually("the payment is there", async || {
        stage.pass(3).await;
        (stage.issued().await.len() == 1).then_some(())
    })
    .await;
    stage.succeed(&pressed).await;
    assert_eq!(runs().await, ["done"]);
    // PAY-12: with its third-party id a payment is locked for users; PAY-13: but for their attachments, which stay.
    let row = stage.issued().await[0].clone();
    assert!(!text(&row, "origin_id").is_empty(), "{row}");
    let attachments = json!([{"name": "scan.pdf", "url": "https://example.com/scan.pdf"}]);
    stage
        .procore
        .patch(
            &stage.of_company(&format!("/payments/{}", row["id"])),
            &json!({"attachments": attachments}),
        )
        .await;
    stage.pass(5).await;
    stage
        .quickbooks
        .post("/control/void", &json!({"txn_id": check}))
        .await;
    let messages = stage.refresh("contract_payments").await;
    assert!(messages.contains("0 new, 1 changed"), "{messages}");
    let after = &stage.issued().await[0];
    assert_eq!((&after["attachments"], &after["id"]), (&attachments, &row["id"]));
    assert_eq!(after["status"], "void");
    stage.end().await;
}

#[tokio::test]
async fn pay_15_a_deleted_payment_keeps_its_row_and_says_so() {
    let stage = Journey::new().await;
    stage.ready_for_payments().await;
    let made = stage.invoices(&["500.00"]).await;
    let check = stage
        .pay(
            &[(&made.bills[0], "500.00")],
            json!({"method": "check", "ref_number": "9", "memo": "First"}),
        )
        .await;
    stage.refresh("contract_payments").await;
    let before = stage.issued().await;
    stage.pass(5).await;
    stage
        .quickbooks
        .post("/control/delete", &json!({"txn_id": check}))
        .await;
    stage.refresh("contract_payments").await;
    let after = stage.issued().await;
    assert_eq!(after.len(), 1);
    assert_eq!(before[0]["id"], after[0]["id"]);
    assert_eq!(after[0]["notes"], "Deleted in QuickBooks. First");
    assert_eq!(
        array(&stage.file().await["transactions"], "bill_payment_checks").len(),
        0
    );
    // Entered again: a row of its own, the old one stays.
    stage.pass(5).await;
    stage
        .pay(
            &[(&made.bills[0], "500.00")],
            json!({"method": "check", "ref_number": "10"}),
        )
        .await;
    stage.refresh("contract_payments").await;
    assert_eq!(stage.issued().await.len(), 2);
    stage.end().await;
}

// PAY-14, MAP-36
#[tokio::test]
async fn pay_14_map_36_a_payment_number_typed_in_procore_survives() {
    let stage = Journey::new().await;
    stage.ready_for_payments().await;
    let made = stage.invoices(&["500.00"]).await;
    let check = stage
        .pay(
            &[(&made.bills[0], "500.00")],
            json!({"method": "check", "ref_number": "1001"}),
        )
        .await;
    stage.refresh("contract_payments").await;
    let row = stage.issued().await[0].clone();
    assert_eq!(text(&row, "payment_number"), "1001");
    stage
        .procore
        .patch(
            &stage.of_company(&format!("/payments/{}", row["id"])),
            &json!({"payment_number": "Mine-7"}),
        )
        .await;
    stage.refresh("contract_payments").await;
    stage.pass(5).await;
    stage
        .quickbooks
        .post("/control/void", &json!({"txn_id": check}))
        .await;
    let messages = stage.refresh("contract_payments").await;
    assert!(messages.contains("0 new, 1 changed"), "{messages}");
    let rows = stage.issued().await;
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (
            text(&rows[0], "payment_number"),
            text(&rows[0], "check_number"),
            text(&rows[0], "status")
        ),
        ("Mine-7".to_owned(), "1001".to_owned(), "void".to_owned())
    );
    stage.end().await;
}

// PAY-11, PAY-18
#[tokio::test]
async fn pay_11_pay_18_older_payments_and_hand_entered_bills_are_left_alone() {
    let stage = Journey::new().await;
    stage.ready_for_payments().await;
    let made = stage.invoices(&["500.00", "400.00"]).await;
    // Switched off, and on again later: what was paid between does not come over.
    stage.try_set(&["payment_schedule=never"]).await.unwrap();
    stage
        .pay(
            &[(&made.bills[0], "200.00")],
            json!({"method": "check", "ref_number": "old"}),
        )
        .await;
    stage.pass(3_600).await;
    stage.try_set(&["payment_schedule=daily"]).await.unwrap();
    let job = array(&stage.file().await["lists"], "customers")
        .into_iter()
        .find(|customer| customer["full_name"] == "Acme Development:Tower")
        .unwrap();
    let by_hand = stage
        .person_adds(
            "bill",
            &json!({"vendor": "Lew Plumbing", "ref_number": "HAND-1", "lines": [
                {"account": "Office Supplies", "amount": "77.00", "customer": job["id"]}]}),
        )
        .await;
    stage
        .pay(
            &[(&by_hand, "77.00"), (&made.bills[1], "100.00")],
            json!({"method": "check", "ref_number": "both"}),
        )
        .await;
    stage
        .pay(
            &[(&made.bills[0], "300.00")],
            json!({"method": "check", "ref_number": "new", "date": "2020-01-01"}),
        )
        .await;
    stage.refresh("contract_payments").await;
    let mut rows: Vec<(String, Decimal)> = stage
        .issued()
        .await
        .iter()
        .map(|row| (text(row, "check_number"), money(row)))
        .collect();
    rows.sort();
    assert_eq!(
        rows,
        [
            ("both".to_owned(), dollars("100")),
            ("new".to_owned(), dollars("300"))
        ]
    );
    stage.end().await;
}

#[tokio::test]
async fn pay_19_a_bill_whose_number_was_changed_is_flagged() {
    let stage = Journey::new().await;
    stage.ready_for_payments().await;
    let made = stage.invoices(&["500.00"]).await;
    let bills = array(&stage.file().await["transactions"], "bills");
    assert_eq!(text(&bills[0], "ref_number"), "INV-0");
    stage
        .change(&made.bills[0], &json!({"ref_number": "SOMETHING"}))
        .await;
    stage
        .pay(
            &[(&made.bills[0], "500.00")],
            json!({"method": "check", "ref_number": "1"}),
        )
        .await;
    let messages = stage.refresh("contract_payments").await;
    assert!(
        messages.contains("INV-0") && messages.contains("SOMETHING"),
        "{messages}"
    );
    assert_eq!(stage.issued().await.len(), 1);
    stage.end().await;
}

/// A Web Connector played by hand, for what the stand-in of QuickBooks cannot be made to answer.
struct ByHand {
    world: World,
    running: procore_simulator::Running,
    procore: Remote,
    company: i64,
    account: Account,
    hand: Hand,
}

impl ByHand {
    async fn new() -> Self {
        let world = World::with(serving(), Clock::manual(Utc::now())).await;
        let running = procore_simulator::start(procore_simulator::Options::default())
            .await
            .unwrap();
        let procore = Remote::new(&running.url());
        let body = json!({"name": "Builders", "client_id": "client", "client_secret": "secret"});
        let made = procore.post("/control/companies", &body).await;
        let company = made["id"].as_i64().unwrap();
        let account = world.connect(&running.url(), company).await;
        sqlx::query("update connections set payments_run_at = $1")
            .bind(world.clock.now())
            .execute(world.db())
            .await
            .unwrap();
        change::set(
            world.db(),
            account.id,
            &["payment_schedule=daily".to_owned()],
            "Ann",
            &world.clock,
        )
        .await
        .unwrap();
        let hand = Hand::new(&world.url);
        Self {
            world,
            running,
            procore,
            company,
            account,
            hand,
        }
    }

    async fn make(&self, path: &str, body: &Value) -> Value {
        let path = format!("/control/companies/{}{path}", self.company);
        self.procore.post(&path, body).await
    }

    async fn state(&self) -> Value {
        let path = format!("/control/companies/{}/state", self.company);
        self.procore.get(&path).await
    }

    /// "Sync Payments" is pressed and has reached the queue; the request detail.
    async fn press(&self) -> i64 {
        let clicked = self.make("/refresh", &json!({"what": "contract_payments"})).await;
        let webhook = json!({"id": 1, "ulid": clicked["erp_request_ids"][0].to_string(), "api_version": "v2",
            "event_type": "create", "resource_name": "ERP Requests", "resource_id": clicked["erp_request_ids"][0]});
        let sent = reqwest::Client::new()
            .post(format!("{}/procore/webhooks/{}", self.world.url, self.account.id))
            .header("authorization", WEBHOOK_AUTHORIZATION)
            .json(&webhook)
            .send()
            .await
            .unwrap();
        assert_eq!(sent.status(), 204);
        eventually("the order waits", async || {
            let count: i64 = sqlx::query_scalar("select count(*) from tasks where status = 'ready'")
                .fetch_one(self.world.db())
                .await
                .unwrap();
            (count == 1).then_some(())
        })
        .await;
        clicked["request_detail_ids"][0].as_i64().unwrap()
    }

    /// What the user reads.
    async fn answered(&self, detail: i64) -> (String, String) {
        eventually("the detail is closed", async || {
            let detail = find(&self.state().await, "request_details", "id", &json!(detail));
            let status = text(&detail, "status");
            (status != "in progress").then(|| (status, detail["messages"].to_string()))
        })
        .await
    }

    /// An update session in which QuickBooks holds one check, and nothing else.
    async fn session_with(&self, check: &str) {
        let ticket = self.hand.session(&self.account).await;
        let shown = hcp(self.account.file_id);
        for _ in 0..20 {
            let request = self.hand.send_work(&ticket, &shown).await;
            if request.is_empty() {
                break;
            }
            let name = [
                "HostQuery",
                "BillPaymentCheckQuery",
                "BillPaymentCreditCardQuery",
                "TxnDeletedQuery",
            ]
            .into_iter()
            .find(|name| request.contains(&format!("<{name}Rq")))
            .unwrap_or_else(|| panic!("{request}"));
            let id = between(&request, "requestID=\"", "\"");
            let (status, content) = if name == "BillPaymentCheckQuery" {
                ("0", check)
            } else {
                ("1", "")
            };
            let answer = format!(
                r#"<?xml version="1.0" ?><QBXML><QBXMLMsgsRs><{name}Rs requestID="{id}" statusCode="{status}" statusSeverity="Info" statusMessage="Status OK">{content}</{name}Rs></QBXMLMsgsRs></QBXML>"#
            );
            if self.hand.receive(&ticket, &answer).await == 100 {
                break;
            }
        }
        self.hand.close(&ticket).await;
    }

    async fn end(self) {
        let state = self.state().await;
        assert_eq!(state["violations"], json!([]));
        assert_eq!(state["violations_without_company"], json!([]));
        self.world.end().await;
        self.running.stop().await;
    }
}

#[tokio::test]
async fn map_37_a_reference_number_changed_in_quickbooks_follows_and_a_typed_payment_number_stays() {
    let stage = ByHand::new().await;
    let vendors = ids(&stage
        .make("/vendors", &json!([{"name": "Lew", "is_active": true}]))
        .await["ids"]);
    let codes = ids(&stage
        .make("/standard-cost-codes", &json!([{"code": "01", "name": "Work"}]))
        .await["ids"]);
    let project = stage
        .make(
            "/projects",
            &json!([{"name": "Tower", "number": "1", "active": true, "cost_codes": codes}]),
        )
        .await;
    let commitment = stage
        .make("/commitments", &json!([{"project_id": project["ids"][0], "vendor_id": vendors[0], "type": "WorkOrderContract",
            "number": "SC-1", "lines": [{"cost_code_id": project["cost_code_ids"][0][0], "amount": "500.00"}]}]))
        .await;
    let invoice = ids(
        &stage
            .make("/requisitions", &json!([{"commitment_id": commitment["ids"][0], "invoice_number": "1",
                "billing_date": "2026-01-31", "lines": [{"commitment_line_id": commitment["line_ids"][0][0], "amount": "500.00"}]}]))
            .await["ids"],
    )[0];
    let mut db = stage.world.db().acquire().await.unwrap();
    let link = NewLink {
        item: ProcoreItem::new(ItemType::Requisition, invoice),
        quickbooks_id: "B-1".to_owned(),
        origin_id: "B-1".to_owned(),
        origin_code: Some("1".to_owned()),
        edit_sequence: None,
        tell_procore: false,
        stands_as: None,
    };
    traces::store(
        &mut db,
        stage.account.id,
        stage.world.clock.now(),
        &Traces {
            links: vec![link],
            ..Traces::default()
        },
    )
    .await
    .unwrap();
    drop(db);
    let entered = (stage.world.clock.now() + TimeDelta::seconds(60)).format("%Y-%m-%dT%H:%M:%S+00:00");
    let check = |number: &str, minute: i64| {
        let modified =
            (stage.world.clock.now() + TimeDelta::minutes(minute)).format("%Y-%m-%dT%H:%M:%S+00:00");
        format!(
            "<BillPaymentCheckRet><TxnID>P-1</TxnID><TimeCreated>{entered}</TimeCreated><TimeModified>{modified}</TimeModified>\
             <EditSequence>{minute}</EditSequence><TxnNumber>1</TxnNumber><PayeeEntityRef><ListID>V</ListID><FullName>Lew</FullName></PayeeEntityRef>\
             <TxnDate>2026-02-01</TxnDate><Amount>500.00</Amount><RefNumber>{number}</RefNumber>\
             <AppliedToTxnRet><TxnID>B-1</TxnID><TxnType>Bill</TxnType><TxnDate>2026-01-31</TxnDate><RefNumber>1</RefNumber>\
             <BalanceRemaining>0.00</BalanceRemaining><Amount>500.00</Amount></AppliedToTxnRet></BillPaymentCheckRet>"
        )
    };
    let detail = stage.press().await;
    stage.session_with(&check("1001", 1)).await;
    let (status, messages) = stage.answered(detail).await;
    assert_eq!(status, "success", "{messages}");
    let row = array(&stage.state().await, "invoice_payments")[0].clone();
    assert_eq!(
        (text(&row, "payment_number"), text(&row, "check_number")),
        ("1001".to_owned(), "1001".to_owned())
    );
    let path = format!("/control/companies/{}/payments/{}", stage.company, row["id"]);
    stage
        .procore
        .patch(&path, &json!({"payment_number": "Mine-7"}))
        .await;
    let detail = stage.press().await;
    stage.session_with(&check("2002", 2)).await;
    let (status, messages) = stage.answered(detail).await;
    assert_eq!(status, "success", "{messages}");
    let rows = array(&stage.state().await, "invoice_payments");
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (text(&rows[0], "payment_number"), text(&rows[0], "check_number")),
        ("Mine-7".to_owned(), "2002".to_owned())
    );
    stage.end().await;
}

// PAY-01, MAP-40
#[tokio::test]
async fn pay_01_map_40_a_canadian_file_is_refused() {
    let stage = ByHand::new().await;
    let detail = stage.press().await;
    let ticket = stage.hand.session(&stage.account).await;
    let shown = hcp_of(
        &plumbline::connections::braced(stage.account.file_id),
        "Test Builders",
        "CA",
    );
    let request = stage.hand.send(&ticket, &shown).await;
    assert!(!request.contains("BillPayment"), "{request}");
    stage.hand.close(&ticket).await;
    let (status, words) = stage.answered(detail).await;
    assert_eq!(status, "failed");
    assert!(words.contains("US edition only"), "{words}");
    assert!(array(&stage.state().await, "invoice_payments").is_empty());
    stage.end().await;
}

#[tokio::test]
async fn pay_22_without_a_schedule_the_button_says_what_is_missing() {
    let stage = Journey::new().await;
    let clicked = stage
        .make("/refresh", &json!({"what": "contract_payments"}))
        .await;
    let words = stage.fail(&clicked).await;
    assert!(words.contains("payment schedule is switched off"), "{words}");
    assert!(stage.issued().await.is_empty());
    stage.end().await;
}

// PAY-17, QBD-17
#[tokio::test]
async fn pay_17_a_day_of_24_hours_queues_as_many_runs_as_chosen() {
    let stage = Journey::new().await;
    for (chosen, runs) in [
        ("every_two_hours", 12),
        ("every_four_hours", 6),
        ("daily", 1),
        ("never", 0),
    ] {
        stage.try_set(&["payment_schedule=never"]).await.unwrap();
        let count = async || -> i64 {
            sqlx::query_scalar("select count(*) from tasks where subject = 'payments'")
                .fetch_one(stage.world.db())
                .await
                .unwrap()
        };
        let before = count().await;
        sqlx::query("update connections set payments_run_at = null")
            .execute(stage.world.db())
            .await
            .unwrap();
        stage
            .try_set(&[&format!("payment_schedule={chosen}")])
            .await
            .unwrap();
        let schedule = Schedule {
            db: stage.world.db().clone(),
            clock: stage.world.clock.clone(),
            clients: Clients::new(http_client().unwrap(), vault(), stage.world.clock.clone()),
            poll_every: TimeDelta::days(1000),
        };
        for _ in 0..48 {
            schedule.once().await.unwrap();
            // It runs before the next is due.
            if count().await > 0 {
                stage.run().await;
            }
            stage.pass(1_800).await;
        }
        assert_eq!(count().await - before, runs, "{chosen}");
    }
    let failed: i64 =
        sqlx::query_scalar("select count(*) from tasks where subject = 'payments' and status <> 'done'")
            .fetch_one(stage.world.db())
            .await
            .unwrap();
    assert_eq!(failed, 0);
    stage.end().await;
}

#[tokio::test]
async fn pay_17_a_scheduled_run_brings_payments_without_a_click() {
    let stage = Journey::new().await;
    stage.ready_for_payments().await;
    let made = stage.invoices(&["500.00"]).await;
    stage
        .pay(
            &[(&made.bills[0], "500.00")],
            json!({"method": "check", "ref_number": "1"}),
        )
        .await;
    stage.pass(24 * 3_600 + 60).await;
    let schedule = Schedule {
        db: stage.world.db().clone(),
        clock: stage.world.clock.clone(),
        clients: Clients::new(http_client().unwrap(), vault(), stage.world.clock.clone()),
        poll_every: TimeDelta::days(1000),
    };
    schedule.once().await.unwrap();
    eventually("the payment is there", async || {
        stage.run().await;
        (stage.issued().await.len() == 1).then_some(())
    })
    .await;
    stage.end().await;
}

// PAY-21, COMP-22
#[tokio::test]
async fn pay_21_comp_22_a_silent_or_paused_connector_waits_and_then_finishes_in_order() {
    let stage = Journey::new().await;
    stage.ready_for_payments().await;
    let made = stage.invoices(&["500.00"]).await;
    stage
        .pay(
            &[(&made.bills[0], "500.00")],
            json!({"method": "check", "ref_number": "1"}),
        )
        .await;
    // Silent: nothing happens by itself.
    let payments = stage
        .make("/refresh", &json!({"what": "contract_payments"}))
        .await;
    let waiting = async |expected: i64| {
        eventually("the orders wait", async || {
            let count: i64 = sqlx::query_scalar("select count(*) from tasks where status = 'ready'")
                .fetch_one(stage.world.db())
                .await
                .unwrap();
            (count == expected).then_some(())
        })
        .await;
    };
    waiting(1).await;
    let contact = async || {
        stage.world.service.web_connector.flush_contacts().await.unwrap();
        store::find(stage.world.db(), stage.connection)
            .await
            .unwrap()
            .unwrap()
            .last_contact_at
            .unwrap()
    };
    let last = contact().await;
    stage.pass(600).await;
    assert_eq!(contact().await, last, "the time of the last contact stands still");
    assert!(stage.issued().await.is_empty());
    // Paused: the Web Connector comes and gets nothing; the queue keeps filling.
    store::set_paused(stage.world.db(), stage.connection, Some(stage.world.clock.now()))
        .await
        .unwrap();
    assert_eq!(text(&stage.run().await, "result"), "no_work");
    let vendors = stage.make("/refresh", &json!({"what": "vendors"})).await;
    waiting(2).await;
    assert_eq!(text(&stage.run().await, "result"), "no_work");
    assert!(stage.issued().await.is_empty());
    store::set_paused(stage.world.db(), stage.connection, None)
        .await
        .unwrap();
    stage.succeed(&payments).await;
    stage.succeed(&vendors).await;
    assert_eq!(stage.issued().await.len(), 1);
    assert!(contact().await > last);
    let order: Vec<String> = sqlx::query_scalar(
        "select subject from tasks where subject in ('payments', 'vendors') order by finished_at, seq",
    )
    .fetch_all(stage.world.db())
    .await
    .unwrap();
    assert_eq!(order, ["payments", "vendors"]);
    stage.end().await;
}
