//! Job costs, from the bookkeeper's entries in QuickBooks to the budget in Procore: over real HTTP, SOAP and PostgreSQL. Both
//! stand-ins are asked what they hold in the end. Each test names the rows of the feature table it proves.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test that cannot go on panics"
)]

mod support;

use std::ops::Deref;

use chrono::{TimeDelta, Utc};
use plumbline::{
    clock::Clock,
    commands::costs::Report,
    procore::client::http_client,
    workers::{clients::Clients, schedule::Schedule},
};
use serde_json::{Value, json};
use support::{
    site::Site,
    stage::{Setting, Stage, array, find, text},
    world::{eventually, vault},
};

/// The usual site, with a subcontract.
struct Costs {
    site: Site,
    commitment: i64,
    lines: Vec<i64>,
}

impl Deref for Costs {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

impl Costs {
    async fn new(setting: Setting) -> Self {
        let stage = Stage::with(setting).await;
        stage.refresh("standard_cost_codes").await;
        let site = Site::on(stage).await;
        let (commitment, lines) = site.synced_subcontract("SC-1", &["90000.00"]).await;
        Self {
            site,
            commitment,
            lines,
        }
    }

    /// A subcontractor invoice of the site's subcontract, exported as a bill; its `TxnID`.
    async fn billed(&self, number: &str, amount: &str) -> String {
        let lines = json!([{"commitment_line_id": self.lines[0], "amount": amount}]);
        let id = self.invoice(self.commitment, number, lines).await;
        self.stage.export("requisitions", &[id], json!({})).await;
        self.stage.succeeded(id).await;
        text(&self.stage.record("requisitions", id).await, "origin_id")
    }

    fn item_line(&self, item: usize, amount: &str) -> Value {
        json!({"item": self.items[item], "amount": amount, "customer": self.job})
    }

    /// A cost of one line to the site's job, entered by the bookkeeper; its id.
    async fn cost(&self, kind: &str, number: &str, line: Value) -> String {
        let mut body = json!({"ref_number": number, "memo": format!("memo {number}"), "txn_date": "2026-03-15", "lines": [line]});
        match kind {
            "bill" | "vendor_credit" | "item_receipt" => body["vendor"] = json!("Lew Plumbing"),
            "check" => {
                body["account"] = json!(self.account("Bank").await);
                body["payee_entity"] = json!("Lew Plumbing");
            }
            _ => body["account"] = json!(self.account("CreditCard").await),
        }
        self.stage.person_adds(kind, &body).await
    }

    async fn account(&self, kind: &str) -> String {
        let accounts = self.stage.list("accounts").await;
        let found = accounts.iter().find(|account| account["account_type"] == kind);
        text(found.unwrap_or_else(|| panic!("no {kind} account")), "id")
    }

    /// Procore reminds of the project's costs, and everything runs until the task has ended; its status and words.
    async fn sync(&self) -> (String, String) {
        let before = self.ended().await.len();
        let event = json!({"request_name": "sync_single_job", "request_data": {"id": self.job, "company_id": self.stage.company,
            "additional_job_data": {"job_name": "Tower", "procore_project_id": self.project, "project_id": 893,
                "start_date": null, "job_cost_transactions_sync_enabled": false}}});
        self.stage.make("/event", &event).await;
        eventually("the job costs are read", async || {
            self.stage.run().await;
            (self.ended().await.len() > before).then_some(())
        })
        .await;
        let all = self.ended().await;
        all[before].clone()
    }

    /// Readings of job costs that have ended: status and words.
    async fn ended(&self) -> Vec<(String, String)> {
        self.stage
            .tasks()
            .await
            .into_iter()
            .filter(|(label, status, _)| {
                label.starts_with("Job costs") && ["done", "failed"].contains(&status.as_str())
            })
            .map(|(_, status, words)| (status, words))
            .collect()
    }

    /// Procore's ERP columns by cost code: job to date, and commitment invoiced.
    async fn told(&self, code: usize, job_to_date: &str, invoiced: &str) {
        eventually(&format!("{code}: {job_to_date}, {invoiced}"), async || {
            let costs = array(&self.stage.state().await, "erp_job_costs");
            costs
                .iter()
                .any(|cost| {
                    cost["cost_code_id"] == json!(self.codes[code])
                        && cost["project_id"] == json!(self.project)
                        && cost["job_to_date_cost"] == job_to_date
                        && cost["commitment_invoiced"] == invoiced
                })
                .then_some(())
        })
        .await;
    }

    async fn report(&self) -> Value {
        let mut db = self.stage.world.db().acquire().await.unwrap();
        Report::read(&mut db, self.stage.connection, Some(self.project))
            .await
            .unwrap()
            .json()
    }

    async fn end(self) {
        self.site.stage.end().await;
    }
}

fn succeeded(ended: &(String, String)) {
    assert_eq!(ended.0, "done", "{}", ended.1);
}

// QBD-26, MAP-16, MAP-17, MAP-18, COMP-17
#[tokio::test]
async fn qbd_26_map_16_map_17_map_18_comp_17_every_kind_of_cost_is_counted_and_credits_are_negative() {
    let site = Costs::new(Setting::default()).await;
    site.cost("bill", "B1", site.item_line(0, "1000.10")).await;
    site.cost("check", "C1", site.item_line(0, "200.20")).await;
    site.cost("credit_card_charge", "K1", site.item_line(0, "30.03"))
        .await;
    site.cost("credit_card_credit", "K2", site.item_line(0, "3.01"))
        .await;
    site.cost("vendor_credit", "V1", site.item_line(0, "100.00"))
        .await;
    site.cost("item_receipt", "R1", site.item_line(1, "77.77")).await;
    // Another customer's cost is none of this job's.
    let mut other = site.item_line(0, "5000.00");
    other["customer"] = json!(site.stage.books.customer);
    site.cost("bill", "B2", other).await;

    let before = site.stage.file().await["transactions"].clone();
    succeeded(&site.sync().await);
    site.told(0, "1127.32", "0.00").await;
    site.told(1, "77.77", "0.00").await;
    assert_eq!(
        site.stage.file().await["transactions"],
        before,
        "nothing is written"
    );

    let report = site.report().await;
    let project = &report["projects"][0];
    assert_eq!(project["difference"], Value::Null);
    assert!(project["as_of"].is_string());
    let single: Vec<(String, String)> = array(project, "transactions")
        .iter()
        .map(|cost| (text(cost, "type"), text(cost, "amount")))
        .collect();
    assert_eq!(single.len(), 6, "{single:?}");
    assert!(single.contains(&("VendorCredit".into(), "-100.00".into())));
    assert!(single.contains(&("CreditCardCredit".into(), "-3.01".into())));
    let check = find(project, "transactions", "type", &json!("Check"));
    assert_eq!(check["vendor"], "Lew Plumbing");
    assert_eq!(check["date"], "2026-03-15");
    assert_eq!(check["ref_number"], "C1");
    assert_eq!(check["memo"], "memo C1");
    // MAP-17: the two views of the project agree to the cent.
    let sum: rust_decimal::Decimal = single
        .iter()
        .map(|(_, amount)| amount.parse::<rust_decimal::Decimal>().unwrap())
        .sum();
    assert_eq!(sum.to_string(), "1205.09");
    site.end().await;
}

// MAP-19
#[tokio::test]
async fn map_19_a_synced_subcontractor_bill_adds_nothing_to_direct_cost() {
    let site = Costs::new(Setting::default()).await;
    let bill = site.billed("INV-1", "12500.00").await;
    site.cost("bill", "B1", site.item_line(0, "400.00")).await;
    succeeded(&site.sync().await);
    site.told(0, "12900.00", "12500.00").await;
    let report = site.report().await;
    let code = &report["projects"][0]["codes"][0];
    assert_eq!(code["direct_cost"], "400.00");
    assert_eq!(code["commitment_invoiced"], "12500.00");
    let single = array(&report["projects"][0], "transactions");
    assert!(single.iter().all(|cost| cost["txn_id"] != json!(bill)));
    assert_eq!(report["unsyncable"], json!([]));
    site.end().await;
}

// QBD-37, LOVE-12
#[tokio::test]
async fn qbd_37_love_12_costs_that_cannot_reach_procore_are_listed_with_reason_and_amount() {
    let site = Costs::new(Setting::default()).await;
    let lumber = site.stage.person_adds(
            "item_service",
            &json!({"name": "Lumber", "sales_and_purchase": {"income_account": site.stage.books.income_account,
                "expense_account": site.stage.books.expense_account}}),
        )
        .await;
    site.cost("bill", "OK", site.item_line(0, "10.00")).await;
    succeeded(&site.sync().await);
    assert_eq!(site.report().await["unsyncable"], json!([]), "nothing to list");

    site.cost(
        "check",
        "ACC",
        json!({"account": site.stage.books.expense_account, "amount": "11.00", "customer": site.job}),
    )
    .await;
    site.cost(
        "bill",
        "ITEM",
        json!({"item": lumber, "amount": "12.00", "customer": site.job}),
    )
    .await;
    site.cost("bill", "NOJOB", json!({"item": site.items[0], "amount": "13.00"}))
        .await;
    let bank = site.account("Bank").await;
    site.stage.person_adds(
        "journal_entry",
        &json!({"ref_number": "JE", "txn_date": "2026-03-15",
            "journal_debit_lines": [{"account": site.stage.books.expense_account, "amount": "14.00", "entity": site.job}],
            "journal_credit_lines": [{"account": bank, "amount": "14.00"}]}),
    )
    .await;
    succeeded(&site.sync().await);
    let report = site.report().await;
    let mut listed: Vec<(String, String, String)> = array(&report, "unsyncable")
        .iter()
        .map(|cost| {
            assert!(!text(cost, "advice").is_empty());
            (
                text(cost, "ref_number"),
                text(cost, "reason"),
                text(cost, "amount"),
            )
        })
        .collect();
    listed.sort();
    let wanted = [
        ("ACC", "coded to an account", "11.00"),
        ("ITEM", "item not synced", "12.00"),
        ("JE", "journal entry", "14.00"),
        ("NOJOB", "no synced job", "13.00"),
    ];
    assert_eq!(
        listed,
        wanted.map(|(number, why, amount)| (number.into(), why.into(), amount.into()))
    );
    // They are in no sum.
    site.told(0, "10.00", "0.00").await;
    site.end().await;
}

// QBD-26
#[tokio::test]
async fn qbd_26_changes_and_deletions_are_followed_and_pages_count_once() {
    let site = Costs::new(Setting {
        changes: vec!["page_size=2".to_owned()],
        ..Setting::default()
    })
    .await;
    let mut bills = Vec::new();
    for number in 0..5 {
        let line = site.item_line(0, "10.00");
        bills.push(site.cost("bill", &format!("B{number}"), line).await);
    }
    succeeded(&site.sync().await);
    site.told(0, "50.00", "0.00").await;
    succeeded(&site.sync().await);
    site.told(0, "50.00", "0.00").await;
    for bill in &bills[1..] {
        site.stage
            .quickbooks
            .delete(&format!("/control/records/{bill}"))
            .await;
    }
    succeeded(&site.sync().await);
    site.told(0, "10.00", "0.00").await;
    site.stage
        .quickbooks
        .delete(&format!("/control/records/{}", bills[0]))
        .await;
    succeeded(&site.sync().await);
    // Nothing is left, and Procore hears that too.
    site.told(0, "0.00", "0.00").await;
    site.end().await;
}

// QBD-26
#[tokio::test]
async fn qbd_26_a_sum_that_differs_from_quickbooks_report_is_read_anew_and_healed() {
    let site = Costs::new(Setting::default()).await;
    site.cost("bill", "B1", site.item_line(0, "10.00")).await;
    succeeded(&site.sync().await);
    // Something was lost on our side.
    sqlx::query("delete from job_cost_lines")
        .execute(site.stage.world.db())
        .await
        .unwrap();
    sqlx::query("update connections set job_costs_watermark = '2099-01-01T00:00:00'")
        .execute(site.stage.world.db())
        .await
        .unwrap();
    let ended = site.sync().await;
    succeeded(&ended);
    assert!(ended.1.contains("read anew"), "{}", ended.1);
    site.told(0, "10.00", "0.00").await;
    site.end().await;
}

// QBD-26
#[tokio::test]
async fn qbd_26_every_two_hours_once_though_two_replicas_wake() {
    let site = Costs::new(Setting {
        clock: Clock::manual(Utc::now()),
        ..Setting::default()
    })
    .await;
    site.cost("bill", "B1", site.item_line(0, "10.00")).await;
    let schedule = || Schedule {
        db: site.stage.world.db().clone(),
        clock: site.stage.world.clock.clone(),
        clients: Clients::new(http_client().unwrap(), vault(), site.stage.world.clock.clone()),
        poll_every: TimeDelta::days(1000),
    };
    let count = async || -> i64 {
        sqlx::query_scalar("select count(*) from tasks where subject = 'job_costs'")
            .fetch_one(site.stage.world.db())
            .await
            .unwrap()
    };
    // The first look notes the time.
    schedule().once().await.unwrap();
    assert_eq!(count().await, 0);
    for round in 1..=2 {
        site.stage.world.clock.advance(TimeDelta::minutes(119));
        schedule().once().await.unwrap();
        assert_eq!(count().await, round - 1);
        site.stage.world.clock.advance(TimeDelta::minutes(1));
        let (one, other) = (schedule(), schedule());
        let (one, other) = tokio::join!(one.once(), other.once());
        one.unwrap();
        other.unwrap();
        assert_eq!(count().await, round);
        eventually("it is read", async || {
            site.stage.run().await;
            (site.ended().await.len() == usize::try_from(round).unwrap()).then_some(())
        })
        .await;
    }
    site.told(0, "10.00", "0.00").await;
    site.end().await;
}

/// What is told of the first code, without waiting.
async fn told_now(site: &Costs) -> Option<String> {
    let costs = array(&site.stage.state().await, "erp_job_costs");
    let of_code = costs
        .into_iter()
        .find(|cost| cost["cost_code_id"] == json!(site.codes[0]));
    of_code.map(|cost| text(&cost, "job_to_date_cost"))
}

// ADV-12, ADV-13, ADV-14
#[tokio::test]
async fn adv_12_adv_13_adv_14_who_fills_the_columns_of_direct_costs_is_a_setting_and_an_active_tool_goes_first()
 {
    let site = Costs::new(Setting::default()).await;
    let direct_costs = async |projects: &[i64]| {
        let body = json!({"direct_costs_projects": projects});
        site.stage.make("/permissions", &body).await;
    };
    site.cost("bill", "B1", site.item_line(0, "10.00")).await;
    succeeded(&site.sync().await);
    site.told(0, "10.00", "0.00").await;

    // Edited in Procore: the sync changes nothing, and the costs are reported all the same.
    site.stage.set(&["direct_cost_columns=editable".to_owned()]).await;
    site.cost("bill", "B2", site.item_line(0, "5.00")).await;
    succeeded(&site.sync().await);
    site.stage.settle().await;
    assert_eq!(told_now(&site).await.as_deref(), Some("10.00"));
    let report = site.report().await;
    assert_eq!(report["projects"][0]["codes"][0]["direct_cost"], "15.00");

    // From QuickBooks again; but this project's tool is active.
    site.stage
        .set(&["direct_cost_columns=from_quickbooks".to_owned()])
        .await;
    direct_costs(&[site.project]).await;
    succeeded(&site.sync().await);
    site.stage.settle().await;
    assert_eq!(told_now(&site).await.as_deref(), Some("10.00"));
    // That of another project is none of its business.
    direct_costs(&[site.project + 1]).await;
    succeeded(&site.sync().await);
    site.told(0, "15.00", "0.00").await;
    site.end().await;
}

/// The budget's lines by the full code of their cost code, with their amounts.
async fn budget_lines(site: &Costs) -> Vec<(String, String)> {
    let state = site.stage.state().await;
    let budgets = array(&state, "budgets");
    let lines = budgets.iter().flat_map(|budget| array(budget, "lines"));
    lines
        .map(|line| {
            let code = find(&state, "cost_codes", "id", &line["cost_code_id"]);
            (text(&code, "full_code"), text(&line, "amount"))
        })
        .collect()
}

// ADV-10, ADV-11
#[tokio::test]
async fn adv_10_adv_11_a_new_service_item_becomes_a_line_of_nothing_once_and_its_costs_arrive() {
    let setting = Setting {
        changes: vec!["add_new_cost_codes_to_budgets=true".to_owned()],
        ..Setting::default()
    };
    let site = Costs::new(setting).await;
    let stage = &site.stage;
    let line = json!({"cost_code_id": site.codes[0], "amount": "1000.00"});
    let body = json!({"project_id": site.project, "lines": [line]});
    let budget = stage.made("/budgets", &body).await[0];
    stage.export("budget", &[budget], json!({})).await;
    stage.succeeded(budget).await;
    stage.refresh("standard_cost_codes").await;
    let of_old = ("01-100".to_owned(), "1000.0".to_owned());
    assert_eq!(
        budget_lines(&site).await,
        std::slice::from_ref(&of_old),
        "codes that were there before, or came from Procore, are not new"
    );

    // Below a code of this project's, and below one that it lacks.
    let items = stage.list("items").await;
    let division = find(&json!({"items": items}), "items", "full_name", &json!("01"));
    let mut made = Vec::new();
    let service = |name: &str, parent: Option<&str>| {
        let account = &stage.books.expense_account;
        json!({"name": name, "parent": parent, "sales_or_purchase": {"account": account, "price": "0.00"}})
    };
    let other = stage.person_adds("item_service", &service("02", None)).await;
    for (parent, name) in [(text(&division, "id"), "300"), (other, "500")] {
        made.push(
            stage
                .person_adds("item_service", &service(name, Some(&parent)))
                .await,
        );
    }
    stage.refresh("standard_cost_codes").await;
    let new = |code: &str| (code.to_owned(), "0.0".to_owned());
    let all = [of_old, new("01-300"), new("02-500")];
    let mut lines = budget_lines(&site).await;
    lines.sort();
    assert_eq!(lines, all);
    // Once; and another charge is no cost code.
    stage
        .person_adds("item_other_charge", &service("Nails", None))
        .await;
    stage.refresh("standard_cost_codes").await;
    let mut lines = budget_lines(&site).await;
    lines.sort();
    assert_eq!(lines, all);

    // It is a code like the others: what is spent on it arrives.
    let mut cost = site.item_line(0, "12.34");
    cost["item"] = json!(made[0]);
    site.cost("bill", "B1", cost).await;
    succeeded(&site.sync().await);
    let code = find(&stage.state().await, "cost_codes", "full_code", &json!("01-300"));
    eventually("the new code's costs are told", async || {
        let costs = array(&stage.state().await, "erp_job_costs");
        let told = |cost: &Value| cost["cost_code_id"] == code["id"] && cost["job_to_date_cost"] == "12.34";
        costs.iter().any(told).then_some(())
    })
    .await;

    stage
        .set(&["add_new_cost_codes_to_budgets=false".to_owned()])
        .await;
    stage.person_adds("item_service", &service("600", None)).await;
    stage.refresh("standard_cost_codes").await;
    assert_eq!(budget_lines(&site).await.len(), 3, "off");
    site.end().await;
}
