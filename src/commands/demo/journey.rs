//! The journey itself: what a builder, an accountant and a bookkeeper do, in order.

use anyhow::{Context, bail};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use super::{
    books::{Books, Sizes, vendor_name},
    read::{array, field, ids, list, total, transactions, vendor_of},
    records::{BY_HAND, budget, change_order, commitment, costs, invoice, payment},
    remote::Remote,
    report::{Progress, Report},
};
use crate::{
    clock::Clock,
    commands::reconcile::{self, TieOutReport},
    procore::client::ProcoreClient,
};

/// Runs of the Web Connector before something that should have happened is given up.
const MOST_RUNS: usize = 200;

/// One demonstration.
pub(super) struct Journey<'a> {
    pub(super) procore: Remote,
    pub(super) quickbooks: Remote,
    pub(super) company: i64,
    pub(super) records: u32,
    pub(super) say: &'a Progress,
    pub(super) db: &'a PgPool,
    pub(super) connection: Uuid,
    pub(super) client: ProcoreClient,
}

/// What was made in Procore.
#[derive(Default)]
pub(super) struct Made {
    closed: usize,
    pub(super) runs: usize,
}

impl Journey<'_> {
    /// What the bookkeeper has set up; then the Web Connector runs for the first time and the lists are read.
    pub(super) async fn prepare(&self) -> anyhow::Result<Books> {
        let file = self.quickbooks.get("/control/company-file").await?;
        let account = |kind: &str| -> anyhow::Result<String> {
            list(&file, "accounts")
                .into_iter()
                .find(|account| field(account, "account_type") == kind)
                .map(|account| field(&account, "id"))
                .with_context(|| format!("the company file has no {kind} account"))
        };
        let income_account = account("Income")?;
        let expense_account = account("CostOfGoodsSold").or_else(|_| account("Expense"))?;
        let customer = self
            .person("customer", &json!({"name": "Acme Development"}))
            .await?;
        let retainage_item = self
            .person(
                "item_service",
                &json!({"name": "Retainage Payable", "sales_and_purchase": {"income_account": income_account, "expense_account": expense_account}}),
            )
            .await?;
        self.say
            .step("First run of the Web Connector: the lists are read before anything is written");
        self.update().await?;
        let vendor_type = list(&file, "vendor_types")
            .first()
            .map(|found| field(found, "id"));
        let mut items_before: Vec<String> = list(&file, "items")
            .iter()
            .map(|item| field(item, "id"))
            .collect();
        items_before.push(retainage_item.clone());
        Ok(Books {
            income_account,
            expense_account,
            customer,
            vendor_type,
            retainage_item,
            items_before,
        })
    }

    /// A person adds a record in QuickBooks.
    async fn person(&self, kind: &str, fields: &Value) -> anyhow::Result<String> {
        let mut body = fields.clone();
        body["kind"] = json!(kind);
        let made = self.quickbooks.post("/control/records", &body).await?;
        Ok(field(&made, "id"))
    }

    /// "Update Selected" in the Web Connector.
    async fn update(&self) -> anyhow::Result<()> {
        let ran = self
            .quickbooks
            .post("/control/connector/update", &json!({}))
            .await?;
        if let Some(code) = ran["error_code"].as_str() {
            bail!("the Web Connector stopped with {code}: {}", ran["status_text"]);
        }
        Ok(())
    }

    pub(super) fn company(&self, rest: &str) -> String {
        format!("/control/companies/{}{rest}", self.company)
    }

    /// Runs the Web Connector until Procore shows every request detail closed; then all must have succeeded.
    async fn settle(&self, made: &mut Made, more: usize) -> anyhow::Result<()> {
        made.closed += more;
        for _ in 0..MOST_RUNS {
            let path = self.company(&format!(
                "/request-details?timeout_ms=150&at_least={}",
                made.closed
            ));
            let details = self.procore.get(&path).await?;
            let open = details["open"].as_u64().unwrap_or(0);
            let closed = details["closed"].as_u64().unwrap_or(0);
            if open == 0 && closed >= made.closed as u64 {
                if details["failed"].as_u64().unwrap_or(0) > 0 {
                    bail!("Procore's users read of failures: {}", self.failures().await?);
                }
                return Ok(());
            }
            self.update().await?;
            made.runs += 1;
        }
        let path = self.company("/request-details?wait_open=false");
        bail!(
            "request details stay open in Procore: {}",
            self.procore.get(&path).await?
        );
    }

    async fn failures(&self) -> anyhow::Result<String> {
        let state = self.procore.get(&self.company("/state")).await?;
        let failed: Vec<String> = array(&state, "request_details")
            .into_iter()
            .filter(|detail| field(detail, "status") == "failed")
            .take(5)
            .map(|detail| detail["messages"].to_string())
            .collect();
        Ok(failed.join("; "))
    }

    async fn export(&self, what: &str, ids: &[i64], fields: Value, made: &mut Made) -> anyhow::Result<()> {
        let clicked = self
            .procore
            .post(
                &self.company("/export"),
                &json!({"what": what, "ids": ids, "erp_custom_fields": fields}),
            )
            .await?;
        let details = clicked["request_detail_ids"]
            .as_array()
            .map_or(ids.len(), Vec::len);
        self.settle(made, details).await
    }

    /// The journey; the comparison at its end.
    pub(super) async fn run(&self, books: &Books) -> anyhow::Result<Report> {
        let sizes = Sizes::of(self.records);
        let mut made = Made::default();

        self.say
            .step(&format!("Exporting {} cost codes: service items", sizes.codes));
        let (parents, leaves) = self.codes(sizes.codes).await?;
        let fields = json!({"income_account_origin_id": books.income_account, "expense_account_origin_id": books.expense_account});
        let all: Vec<i64> = parents.iter().chain(&leaves).copied().collect();
        self.export("standard_cost_codes", &all, fields, &mut made)
            .await?;

        self.say
            .step(&format!("Exporting {} companies: vendors", sizes.vendors));
        let vendors: Vec<Value> = (0..sizes.vendors)
            .map(|n| {
                json!({
                    "name": vendor_name(n), "address": format!("{} Main Street\nSuite {}", 100 + n, n), "city": "Carpinteria",
                    "state_code": "CA", "zip": "93013", "country_code": "US", "business_phone": format!("(805) 555-{:04}", n % 10_000),
                    "fax_number": "", "email_address": format!("office{n}@example.com"), "is_active": true,
                })
            })
            .collect();
        let vendors = self.made("/vendors", &Value::from(vendors)).await?;
        let mut fields = json!({});
        if let Some(kind) = &books.vendor_type {
            fields["vendor_type_origin_id"] = json!(kind);
        }
        self.export("vendor", &vendors, fields, &mut made).await?;

        self.say
            .step("Exporting two projects: jobs under Acme Development, with their cost codes");
        let answer = self
            .procore
            .post(
                &self.company("/projects"),
                &json!([
                    {"name": "Harbor Tower", "number": "2026-014", "address": "1 Harbor Way", "city": "Carpinteria",
                        "state_code": "CA", "zip": "93013", "active": true, "cost_codes": leaves},
                    {"name": "Library Annex", "number": "2026-015", "address": "2 Book Street", "city": "Ventura",
                        "state_code": "CA", "zip": "93001", "active": true, "cost_codes": leaves},
                ]),
            )
            .await?;
        let projects = ids(&answer["ids"]);
        let codes: Vec<Vec<i64>> = array(&answer, "cost_code_ids").iter().map(ids).collect();
        anyhow::ensure!(projects.len() == 2 && codes.len() == 2, "two projects: {answer}");
        let customer = json!({"customer_origin_id": books.customer});
        self.export("project", &projects, customer, &mut made).await?;

        self.say.step("Exporting their budgets: estimates");
        let budgets: Vec<Value> = (0..2).map(|n| budget(n, projects[n], &codes[n])).collect();
        let budgets = self.made("/budgets", &Value::from(budgets)).await?;
        self.export("budget", &budgets, json!({}), &mut made).await?;

        self.say.step(&format!(
            "Exporting {} commitments: purchase orders",
            sizes.commitments
        ));
        let commitments: Vec<Value> = (0..sizes.commitments)
            .map(|n| commitment(n, projects[n % 2], &vendors, &codes[n % 2]))
            .collect();
        let answer = self
            .procore
            .post(&self.company("/commitments"), &Value::from(commitments))
            .await?;
        let commitments = ids(&answer["ids"]);
        let lines: Vec<Vec<i64>> = array(&answer, "line_ids").iter().map(ids).collect();
        self.export("commitment", &commitments, json!({}), &mut made)
            .await?;

        self.say.step(&format!(
            "Exporting {} change orders: lines added to those purchase orders",
            sizes.change_orders
        ));
        // Every third commitment is by unit; these are by amount.
        let changes: Vec<Value> = (0..sizes.change_orders)
            .map(|n| change_order(n, commitments[3 * n], &lines[3 * n]))
            .collect();
        let changes = self.made("/change-orders", &Value::from(changes)).await?;
        self.export("change_order", &changes, json!({}), &mut made)
            .await?;
        let change = json!({"cost_code_id": codes[0][0], "amount": "-1250.07", "notes": "Value engineering"});
        self.procore
            .post(
                &self.company(&format!("/budgets/{}/changes", budgets[0])),
                &change,
            )
            .await?;
        self.export("budget", &budgets[..1], json!({}), &mut made).await?;

        self.say.step(&format!(
            "Exporting {} subcontractor invoices: bills with retainage",
            sizes.invoices
        ));
        let invoices: Vec<Value> = (0..sizes.invoices)
            .map(|n| invoice(n, &commitments, &lines))
            .collect();
        let invoices = self.made("/requisitions", &Value::from(invoices)).await?;
        self.export("requisitions", &invoices, json!({}), &mut made)
            .await?;

        self.say.step(
            "The bookkeeper pays: checks over several bills, part payments, a card, and one check voided",
        );
        let paid = self.pay().await?;

        self.say.step("Payments come back to Procore");
        self.procore
            .post(&self.company("/refresh"), &json!({"what": "contract_payments"}))
            .await?;
        self.settle(&mut made, 1).await?;
        self.procore
            .get(&self.company(&format!("/payments?timeout_ms=10000&at_least={paid}")))
            .await?;

        self.say
            .step("One check is voided in QuickBooks; the same rows in Procore follow");
        let file = self.quickbooks.get("/control/company-file").await?;
        if let Some(check) = transactions(&file, "bill_payment_checks").first() {
            let body = json!({"txn_id": field(check, "id")});
            self.quickbooks.post("/control/void", &body).await?;
            self.procore
                .post(&self.company("/refresh"), &json!({"what": "contract_payments"}))
                .await?;
            self.settle(&mut made, 1).await?;
        }
        self.say
            .step("The bookkeeper enters costs of the jobs: bills, receipts, checks, cards, credits; Procore asks for them");
        self.job_costs(&projects, &mut made).await?;

        self.say
            .step("Both systems' totals of each project are put side by side");
        let tied = self.tie_out(&mut made).await?;
        self.compare(books, &made, tied).await
    }

    /// Costs of both jobs, and Procore's budget shows them.
    async fn job_costs(&self, projects: &[i64], made: &mut Made) -> anyhow::Result<()> {
        let file = self.quickbooks.get("/control/company-file").await?;
        let id_of = |kind: &str| -> anyhow::Result<String> {
            list(&file, "accounts")
                .into_iter()
                .find(|account| field(account, "account_type") == kind)
                .map(|account| field(&account, "id"))
                .with_context(|| format!("the company file has no {kind} account"))
        };
        let (bank, card) = (id_of("Bank")?, id_of("CreditCard")?);
        let state = self.procore.get(&self.company("/state")).await?;
        let vendor = list(&file, "vendors")
            .first()
            .map(|vendor| field(vendor, "full_name"))
            .context("no vendor")?;
        for (n, project) in projects.iter().enumerate() {
            let record = array(&state, "projects")
                .into_iter()
                .find(|record| record["id"] == json!(project))
                .context("no project")?;
            let job = field(&record, "origin_id");
            let items: Vec<String> = array(&state, "cost_codes")
                .iter()
                .filter(|code| code["project_id"] == json!(project))
                .filter_map(|code| Some(field(code, "origin_id").split_once('|')?.1.to_owned()))
                .collect();
            anyhow::ensure!(!items.is_empty(), "project {project} has no synced codes");
            for (kind, body) in costs(n * 10, &vendor, &bank, &card, &job, &items) {
                self.person(kind, &body).await?;
            }
            let event = json!({"request_name": "sync_single_job", "request_data": {"id": job, "company_id": self.company}});
            self.procore.post(&self.company("/event"), &event).await?;
        }
        for _ in 0..MOST_RUNS {
            self.update().await?;
            made.runs += 1;
            let state = self.procore.get(&self.company("/state")).await?;
            let told = |project: &i64| {
                array(&state, "erp_job_costs").iter().any(|costs| {
                    costs["project_id"] == json!(project) && !costs["job_to_date_cost"].is_null()
                })
            };
            if projects.iter().all(told) {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        bail!("Procore was never told of the job costs")
    }

    async fn tie_out(&self, made: &mut Made) -> anyhow::Result<TieOutReport> {
        let task = reconcile::begin(self.db, self.connection, &Clock::System).await?;
        for _ in 0..MOST_RUNS {
            self.update().await?;
            made.runs += 1;
            let status = sqlx::query_scalar!("select status from tasks where id = $1", task)
                .fetch_one(self.db)
                .await?;
            match status.as_str() {
                "done" => {
                    let mut db = self.db.acquire().await?;
                    return TieOutReport::read(&mut db, &self.client, self.connection, None).await;
                }
                "failed" => bail!("QuickBooks' totals could not be read; see `plumbline task show {task}`"),
                _ => {}
            }
        }
        bail!("QuickBooks' totals were never read")
    }

    /// Adds records in Procore; their ids.
    async fn made(&self, path: &str, body: &Value) -> anyhow::Result<Vec<i64>> {
        Ok(ids(&self.procore.post(&self.company(path), body).await?["ids"]))
    }

    /// Divisions and their codes.
    async fn codes(&self, count: usize) -> anyhow::Result<(Vec<i64>, Vec<i64>)> {
        let divisions = count.div_ceil(10).max(1);
        let parents: Vec<Value> = (1..=divisions)
            .map(|n| json!({"code": format!("{n:02}"), "name": format!("Division {n}")}))
            .collect();
        let parents = self.made("/standard-cost-codes", &Value::from(parents)).await?;
        let children: Vec<Value> = (0..count.saturating_sub(divisions).max(1))
            .map(|n| json!({"code": format!("{:03}", 100 + n), "name": format!("Work of kind {n}"), "parent": parents[n % parents.len()]}))
            .collect();
        let children = self.made("/standard-cost-codes", &Value::from(children)).await?;
        Ok((parents, children))
    }

    /// Pays most bills in the ways a bookkeeper does. Returns how many payment rows Procore should show.
    async fn pay(&self) -> anyhow::Result<usize> {
        let file = self.quickbooks.get("/control/company-file").await?;
        let mut bills: Vec<(String, String, Decimal)> = transactions(&file, "bills")
            .into_iter()
            .filter(|bill| !field(bill, "ref_number").starts_with(BY_HAND))
            .map(|bill| (vendor_of(&bill), field(&bill, "id"), total(&bill)))
            .collect();
        // One check pays bills of one vendor only.
        bills.sort();
        let mut rows = 0;
        let mut number = 1000;
        let mut at = 0;
        while at < bills.len() {
            let (vendor, id, amount) = &bills[at];
            number += 1;
            let together = bills
                .get(at + 1)
                .filter(|next| next.0 == *vendor && number % 4 == 0);
            let half = (*amount / Decimal::TWO).round_dp(2);
            let payments: Vec<Value> = match (number % 4, together) {
                (0, Some(next)) => {
                    at += 1;
                    vec![payment(&[(id, *amount), (&next.1, next.2)], "check", number)]
                }
                (1, _) => vec![
                    payment(&[(id, half)], "check", number),
                    payment(&[(id, *amount - half)], "credit_card", number),
                ],
                (2, _) => vec![payment(&[(id, *amount)], "credit_card", number)],
                (3, _) => vec![payment(&[(id, half)], "check", number)],
                _ => Vec::new(),
            };
            for payment in payments {
                rows += payment["bills"].as_array().map_or(0, Vec::len);
                self.quickbooks.post("/control/payments", &payment).await?;
            }
            at += 1;
        }
        Ok(rows)
    }
}
