//! Estimates and sales orders of QuickBooks, on their way to prime contracts and budgets in Procore.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test that cannot go on panics"
)]

mod support;

use plumbline::{clock::Clock, commands::import_budget, connections::store};
use serde_json::{Value, json};
use support::{
    site::{Site, has},
    stage::{Setting, Stage, array, find, text},
    world::eventually,
};

async fn site(changes: &[&str]) -> Site {
    let setting = Setting {
        changes: changes.iter().map(|change| (*change).to_owned()).collect(),
        ..Setting::default()
    };
    Site::on(Stage::with(setting).await).await
}

/// A person writes an estimate or a sales order for the site's job: item and amount of each line.
async fn written(site: &Site, kind: &str, number: &str, lines: &[(&str, &str)]) -> String {
    let lines: Vec<Value> = lines
        .iter()
        .map(|(item, amount)| json!({"item": item, "amount": amount, "desc": format!("for {amount}")}))
        .collect();
    let body = json!({"customer": site.job, "ref_number": number, "memo": format!("Offer {number}"), "lines": lines});
    site.stage.person_adds(kind, &body).await
}

async fn staged_contracts(stage: &Stage) -> Vec<Value> {
    let staged = array(&stage.state().await, "staged_records");
    staged
        .into_iter()
        .filter(|record| record["item_type"] == "prime_contract")
        .collect()
}

// QBD-20
#[tokio::test]
async fn qbd_20_estimates_and_sales_orders_are_staged_as_prime_contracts_with_their_lines() {
    let site = site(&["prime_contract_import=true"]).await;
    let stage = &site.stage;
    stage.refresh("standard_cost_codes").await;
    // The budget's own estimate is none.
    let line = json!({"cost_code_id": site.codes[0], "amount": "77.00"});
    let budget = json!({"project_id": site.project, "lines": [line]});
    let budget = stage.made("/budgets", &budget).await[0];
    stage.export("budget", &[budget], json!({})).await;
    stage.succeeded(budget).await;
    let (concrete, steel) = (site.items[0].as_str(), site.items[1].as_str());
    let estimate = written(
        &site,
        "estimate",
        "E-7",
        &[(concrete, "1000.10"), (steel, "-50.05")],
    )
    .await;
    stage
        .quickbooks
        .post("/control/settings", &json!({"features": {"sales_orders": true}}))
        .await;
    let order = written(&site, "sales_order", "S-9", &[(steel, "20.00")]).await;
    let fee = json!({"name": "Fee", "sales_or_purchase": {"account": stage.books.expense_account, "price": "0.00"}});
    let fee = stage.person_adds("item_other_charge", &fee).await;
    stage.refresh("standard_cost_codes").await;
    written(&site, "estimate", "E-8", &[(concrete, "5.00"), (&fee, "1.00")]).await;
    let before = stage.file().await["transactions"].clone();
    stage.refresh("prime_contracts").await;

    let contracts = staged_contracts(stage).await;
    assert_eq!(contracts.len(), 2, "{contracts:#?}");
    let procore = stage.state().await;
    for (id, number, wanted) in [
        (&estimate, "E-7", vec![(concrete, "1000.10"), (steel, "-50.05")]),
        (&order, "S-9", vec![(steel, "20.00")]),
    ] {
        let contract = find(&json!({"all": contracts}), "all", "origin_id", &json!(id));
        assert_eq!(contract["status"], "staged");
        assert_eq!(contract["data"]["number"], number);
        assert_eq!(contract["data"]["title"], format!("Offer {number}"));
        assert_eq!(contract["data"]["project_origin_id"], json!(site.job));
        let mut lines: Vec<Value> = array(&procore, "staged_records");
        lines.retain(|record| record["parent_id"] == contract["id"]);
        lines.sort_by_key(|line| line["data"]["position"].as_i64());
        let told: Vec<(String, String)> = lines
            .iter()
            .map(|line| {
                (
                    text(&line["data"], "cost_code_origin_id"),
                    text(&line["data"], "amount"),
                )
            })
            .collect();
        let wanted: Vec<(String, String)> = wanted
            .into_iter()
            .map(|(item, amount)| (format!("{}|{item}", site.job), amount.to_owned()))
            .collect();
        assert_eq!(told, wanted);
    }
    // What cannot be one is told, and nothing was written.
    let (_, _, words) = stage.tasks().await.pop().unwrap();
    has(
        &words,
        &[
            "2 estimates and sales orders are offered",
            "Estimate E-8",
            "Fee",
            "OtherCharge",
        ],
    );
    assert_eq!(stage.file().await["transactions"], before);

    // Again: the same records.
    stage.refresh("prime_contracts").await;
    assert_eq!(staged_contracts(stage).await.len(), 2);
    site.stage.end().await;
}

// QBD-20
#[tokio::test]
async fn qbd_20_prime_contracts_are_absent_where_nobody_switched_them_on() {
    let site = Site::new().await;
    let stage = &site.stage;
    written(&site, "estimate", "E-7", &[(&site.items[0], "1.00")]).await;
    let closed = stage.closed().await;
    stage.make("/refresh", &json!({"what": "prime_contracts"})).await;
    stage.settle_at_least(closed + 1).await;
    let details = array(&stage.state().await, "request_details");
    let last = details.last().unwrap();
    assert_eq!(last["status"], "failed", "{last}");
    has(&last.to_string(), &["not enabled"]);
    assert!(staged_contracts(stage).await.is_empty());
    site.stage.end().await;
}

/// Asks for the import of the project's budget from an estimate; the task's status and words.
async fn import(site: &Site, estimate: Option<&str>) -> (String, String) {
    let stage = &site.stage;
    let db = stage.world.db();
    let connection = store::find(db, stage.connection).await.unwrap().unwrap();
    let estimate = estimate.map(str::to_owned);
    import_budget::begin(db, &connection, &Clock::System, site.project, estimate)
        .await
        .unwrap();
    stage.run().await;
    let (_, status, words) = stage.tasks().await.pop().unwrap();
    (status, words)
}

// QBD-19
#[tokio::test]
async fn qbd_19_a_chosen_estimate_becomes_the_budget_with_equal_totals_and_not_after_an_export() {
    let site = site(&["budget_import=true"]).await;
    let stage = &site.stage;
    stage.refresh("standard_cost_codes").await;
    let (concrete, steel) = (site.items[0].as_str(), site.items[1].as_str());
    let lines = [(concrete, "1000.10"), (steel, "200.00"), (concrete, "-0.05")];
    written(&site, "estimate", "E-1", &lines).await;
    written(&site, "estimate", "E-2", &[(steel, "9.99")]).await;
    let (status, words) = import(&site, None).await;
    assert_eq!(status, "failed");
    has(&words, &["several estimates", "E-1 of 1200.05", "E-2 of 9.99"]);

    let (status, words) = import(&site, Some("E-1")).await;
    assert_eq!(status, "done", "{words}");
    has(&words, &["Estimate E-1", "2 cost codes, 1200.05 in all"]);
    eventually("the figures are told", async || {
        (array(&stage.state().await, "erp_job_costs").len() == 2).then_some(())
    })
    .await;
    let click = json!({"project_id": site.project});
    let orders = stage.orders().await;
    let budget = stage.made("/budgets/import", &click).await[0];
    stage.planned(orders + 1).await;
    let imported = stage.record("budgets", budget).await;
    let mut amounts: Vec<(i64, String)> = array(&imported, "lines")
        .iter()
        .map(|line| (line["cost_code_id"].as_i64().unwrap(), text(line, "amount")))
        .collect();
    amounts.sort();
    let mut wanted = vec![
        (site.codes[0], "1000.05".to_owned()),
        (site.codes[1], "200.0".to_owned()),
    ];
    wanted.sort();
    assert_eq!(amounts, wanted);
    site.stage.end().await;
}

// QBD-19
#[tokio::test]
async fn qbd_19_once_a_budget_was_exported_none_is_imported() {
    let site = site(&["budget_import=true"]).await;
    let stage = &site.stage;
    let line = json!({"cost_code_id": site.codes[0], "amount": "77.00"});
    let budget = json!({"project_id": site.project, "lines": [line]});
    let budget = stage.made("/budgets", &budget).await[0];
    stage.export("budget", &[budget], json!({})).await;
    stage.succeeded(budget).await;
    written(&site, "estimate", "E-1", &[(&site.items[1], "9.99")]).await;
    let (status, words) = import(&site, Some("E-1")).await;
    assert_eq!(status, "failed");
    has(&words, &["was exported", "cannot be imported any more"]);
    // Off, it is not even asked.
    stage.set(&["budget_import=false".to_owned()]).await;
    let db = stage.world.db();
    let connection = store::find(db, stage.connection).await.unwrap().unwrap();
    let refused = import_budget::begin(db, &connection, &Clock::System, site.project, None).await;
    has(&refused.unwrap_err().to_string(), &["budget_import is off"]);
    site.stage.end().await;
}
