//! A stage with the usual records on it: what most exports begin with.

use serde_json::{Value, json};

use super::stage::{Stage, find, ids, text};

/// A stage with two cost codes, a company and a project, all in QuickBooks.
pub struct Site {
    pub stage: Stage,
    /// The project's copies of `01-100` and `01-200`.
    pub codes: Vec<i64>,
    /// The items of these.
    pub items: Vec<String>,
    pub vendor: i64,
    pub vendor_id: String,
    pub project: i64,
    pub job: String,
}

impl Site {
    pub async fn new() -> Self {
        Self::on(Stage::new().await).await
    }

    pub async fn on(stage: Stage) -> Self {
        let division = codes(&stage, &[("01", "General", None)]).await[0];
        let leaves = codes(
            &stage,
            &[
                ("100", "Concrete", Some(division)),
                ("200", "Steel", Some(division)),
            ],
        )
        .await;
        let all = [division, leaves[0], leaves[1]];
        stage.export("standard_cost_codes", &all, accounts(&stage)).await;
        let vendor = stage.made("/vendors", &json!({"name": "Lew Plumbing"})).await[0];
        stage.click("vendor", &[vendor], json!({})).await;
        let answer = stage
            .make(
                "/projects",
                &json!({"name": "Harbor Tower", "number": "2026-014", "active": true, "cost_codes": leaves}),
            )
            .await;
        let project = answer["ids"][0].as_i64().unwrap();
        let customer = json!({"customer_origin_id": stage.books.customer});
        stage.click("project", &[project], customer).await;
        stage.settle().await;
        for id in all.into_iter().chain([vendor, project]) {
            stage.succeeded(id).await;
        }
        let procore = stage.state().await;
        let origin = |list: &str, id: i64| text(&find(&procore, list, "id", &json!(id)), "origin_id");
        Self {
            codes: ids(&answer["cost_code_ids"][0]),
            items: leaves
                .iter()
                .map(|id| origin("standard_cost_codes", *id))
                .collect(),
            vendor,
            vendor_id: origin("vendors", vendor),
            project,
            job: origin("projects", project),
            stage,
        }
    }

    /// A subcontract by amount with these lines, each on the next of the codes; its id and its lines' ids.
    pub async fn subcontract(&self, number: &str, amounts: &[&str]) -> (i64, Vec<i64>) {
        let lines: Vec<Value> = amounts
            .iter()
            .enumerate()
            .map(|(n, amount)| json!({"cost_code_id": self.codes[n % 2], "description": format!("Line {}", n + 1), "amount": amount}))
            .collect();
        let body = json!({"project_id": self.project, "vendor_id": self.vendor, "type": "WorkOrderContract", "number": number,
            "title": format!("Contract {number}"), "lines": lines});
        let answer = self.stage.make("/commitments", &body).await;
        (answer["ids"][0].as_i64().unwrap(), ids(&answer["line_ids"][0]))
    }

    /// The same, in QuickBooks.
    pub async fn synced_subcontract(&self, number: &str, amounts: &[&str]) -> (i64, Vec<i64>) {
        let (id, lines) = self.subcontract(number, amounts).await;
        self.stage.export("commitment", &[id], json!({})).await;
        self.stage.succeeded(id).await;
        (id, lines)
    }

    pub async fn invoice(&self, commitment: i64, number: &str, lines: Value) -> i64 {
        let body = json!({"commitment_id": commitment, "invoice_number": number, "billing_date": "2026-03-31", "lines": lines});
        self.stage.made("/requisitions", &body).await[0]
    }
}

/// Standard cost codes: code, description, parent.
pub async fn codes(stage: &Stage, codes: &[(&str, &str, Option<i64>)]) -> Vec<i64> {
    let body: Vec<Value> = codes
        .iter()
        .map(|(code, name, parent)| json!({"code": code, "name": name, "parent": parent}))
        .collect();
    stage.made("/standard-cost-codes", &json!(body)).await
}

/// What the approver chooses beside a cost code.
pub fn accounts(stage: &Stage) -> Value {
    json!({"income_account_origin_id": stage.books.income_account, "expense_account_origin_id": stage.books.expense_account})
}

/// A prime contract with these lines, each on the next of the codes; its id and its lines' ids.
pub async fn prime_contract(site: &Site, number: &str, amounts: &[&str]) -> (i64, Vec<i64>) {
    let lines: Vec<Value> = amounts
        .iter()
        .enumerate()
        .map(|(n, amount)| json!({"cost_code_id": site.codes[n % 2], "description": format!("Line {}", n + 1), "amount": amount}))
        .collect();
    let body = json!({"project_id": site.project, "number": number, "title": "Tower", "lines": lines});
    let answer = site.stage.make("/prime-contracts", &body).await;
    (answer["ids"][0].as_i64().unwrap(), ids(&answer["line_ids"][0]))
}

/// The user reads all of this.
pub fn has(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not told: {message}");
    }
}
