//! The journeys: what people do, step by step. What a journey rests on is done first, undisturbed; then the director is
//! armed, and the journey itself meets its faults.

use std::collections::HashMap;

use anyhow::{Context, bail};
use clap::ValueEnum;
use serde_json::{Value, json};

use crate::{
    remote::{array, ids, text},
    rules::BY_HAND,
    world::{Rest, World},
};

/// One way through the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Journey {
    /// Companies become vendors; for one the button is pressed twice; one is refused.
    Vendor,
    /// Standard cost codes become service items.
    CostCodes,
    /// A project becomes a job, with its cost codes.
    Job,
    /// Commitments become purchase orders.
    Commitment,
    /// Subcontractor invoices become bills, with retainage.
    Invoice,
    /// Checks and card payments come back to Procore; one is voided.
    Payment,
    /// QuickBooks' vendors are read in small pages and offered in Procore.
    Lists,
    /// A change order goes onto a purchase order to which the bookkeeper has added a line.
    ChangeOrder,
    /// A budget becomes an estimate.
    Budget,
    /// The budget changes, and so does the estimate.
    BudgetChange,
    /// What the bookkeeper entered for the job comes to Procore.
    JobCosts,
    /// Owner invoices become invoices, with retainage.
    OwnerInvoice,
    /// The owner pays more: lines on the estimate of the budget.
    PrimeChangeOrder,
    /// A subcontractor invoice below zero becomes a vendor credit.
    VendorCredit,
    /// A sub job becomes a job under the project's.
    SubJob,
}

impl Journey {
    /// All of them.
    pub(crate) const ALL: [Self; 15] = [
        Self::Vendor,
        Self::CostCodes,
        Self::Job,
        Self::Commitment,
        Self::Invoice,
        Self::Payment,
        Self::Lists,
        Self::ChangeOrder,
        Self::Budget,
        Self::BudgetChange,
        Self::JobCosts,
        Self::OwnerInvoice,
        Self::PrimeChangeOrder,
        Self::VendorCredit,
        Self::SubJob,
    ];

    /// The name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Vendor => "vendor",
            Self::CostCodes => "cost-codes",
            Self::Job => "job",
            Self::Commitment => "commitment",
            Self::Invoice => "invoice",
            Self::Payment => "payment",
            Self::Lists => "lists",
            Self::ChangeOrder => "change-order",
            Self::Budget => "budget",
            Self::BudgetChange => "budget-change",
            Self::JobCosts => "job-costs",
            Self::OwnerInvoice => "owner-invoice",
            Self::PrimeChangeOrder => "prime-change-order",
            Self::VendorCredit => "vendor-credit",
            Self::SubJob => "sub-job",
        }
    }

    /// What it rests on: an older state of the company file lacks something then.
    pub(crate) fn before(self) -> &'static [Self] {
        match self {
            Self::Vendor | Self::CostCodes | Self::Lists => &[],
            Self::Job => &[Self::CostCodes],
            Self::Budget | Self::OwnerInvoice | Self::SubJob => &[Self::CostCodes, Self::Job],
            Self::BudgetChange | Self::PrimeChangeOrder => &[Self::CostCodes, Self::Job, Self::Budget],
            Self::Commitment => &[Self::Vendor, Self::CostCodes, Self::Job],
            Self::ChangeOrder | Self::Invoice | Self::VendorCredit => {
                &[Self::Vendor, Self::CostCodes, Self::Job, Self::Commitment]
            }
            Self::Payment | Self::JobCosts => &[
                Self::Vendor,
                Self::CostCodes,
                Self::Job,
                Self::Commitment,
                Self::Invoice,
            ],
        }
    }

    /// Plays it. Faults strike from where the director is armed.
    pub(crate) async fn play(self, world: &World) -> anyhow::Result<Rest> {
        let mut stage = Stage::new(world);
        for journey in self.before() {
            if let Rest::Stuck(left) = stage.play(*journey, false).await? {
                bail!("{} did not come to rest before any fault: {left}", journey.name());
            }
        }
        match self {
            Self::Payment => world.payments_are_read().await?,
            Self::Lists => world.set("page_size=2").await?,
            // Standing first: they are read when the order is planned, and what changes it must survive.
            Self::ChangeOrder => stage.bookkeeper_adds_a_line().await?,
            Self::JobCosts => stage.bookkeeper_enters_costs().await?,
            Self::OwnerInvoice => world.set("owner_invoices=true").await?,
            Self::PrimeChangeOrder => world.set("prime_contract_change_orders=true").await?,
            Self::VendorCredit => world.set("negative_invoices_as_vendor_credits=true").await?,
            Self::SubJob => world.set("sub_jobs=true").await?,
            _ => {}
        }
        world.director.arm();
        stage.play(self, true).await
    }
}

/// What has been made so far.
struct Stage<'a> {
    world: &'a World,
    vendors: Vec<i64>,
    leaves: Vec<i64>,
    project: i64,
    project_codes: Vec<i64>,
    commitments: Vec<i64>,
    lines: Vec<Vec<i64>>,
    budget: i64,
}

impl<'a> Stage<'a> {
    fn new(world: &'a World) -> Self {
        Self {
            world,
            vendors: Vec::new(),
            leaves: Vec::new(),
            project: 0,
            project_codes: Vec::new(),
            commitments: Vec::new(),
            lines: Vec::new(),
            budget: 0,
        }
    }

    /// `whole`: with what only matters where the journey itself is tried.
    async fn play(&mut self, journey: Journey, whole: bool) -> anyhow::Result<Rest> {
        match journey {
            Journey::Vendor => self.vendor(whole).await,
            Journey::CostCodes => self.cost_codes().await,
            Journey::Job => self.job().await,
            Journey::Commitment => self.commitment(whole).await,
            Journey::Invoice => self.invoice(whole).await,
            Journey::Payment => self.payment().await,
            Journey::Lists => self.lists().await,
            Journey::ChangeOrder => self.change_order().await,
            Journey::Budget => self.budget(whole).await,
            Journey::BudgetChange => self.budget_change().await,
            Journey::JobCosts => self.job_costs().await,
            Journey::OwnerInvoice => self.owner_invoice().await,
            Journey::PrimeChangeOrder => self.prime_change_order().await,
            Journey::VendorCredit => self.vendor_credit().await,
            Journey::SubJob => self.sub_job().await,
        }
    }

    async fn make(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.world.procore.post(&self.world.of_company(path), &body).await
    }

    async fn made(&self, path: &str, body: Value) -> anyhow::Result<Vec<i64>> {
        Ok(ids(&self.make(path, body).await?["ids"]))
    }

    async fn export(&self, what: &str, ids: &[i64], fields: Value) -> anyhow::Result<()> {
        self.make(
            "/export",
            json!({"what": what, "ids": ids, "erp_custom_fields": fields}),
        )
        .await?;
        Ok(())
    }

    /// The button is pressed once more, before the first export is through.
    async fn press_twice(&self, what: &str, id: i64) -> anyhow::Result<()> {
        self.make("/export", json!({"what": what, "ids": [id], "force": true}))
            .await?;
        Ok(())
    }

    async fn vendor(&mut self, whole: bool) -> anyhow::Result<Rest> {
        self.vendors = self
            .made(
                "/vendors",
                json!([
                    {"name": "Pérez & Söhne Plumbing", "address": "1 Main St", "city": "Carpinteria", "state_code": "CA", "zip": "93013", "is_active": true},
                    {"name": "O'Neill Electric", "address": "2 Main St", "city": "Ventura", "state_code": "CA", "zip": "93001", "is_active": true},
                ]),
            )
            .await?;
        self.export("vendor", &self.vendors, json!({})).await?;
        if whole {
            self.press_twice("vendor", self.vendors[0]).await?;
            // QuickBooks holds 41 characters: this one is refused with words, and stops nothing else.
            let long = self
                .made("/vendors", json!([{"name": "A company whose name is much too long for QuickBooks Desktop", "is_active": true}]))
                .await?;
            self.export("vendor", &long, json!({})).await?;
        }
        self.world.rests().await
    }

    async fn cost_codes(&mut self) -> anyhow::Result<Rest> {
        let parents = self
            .made(
                "/standard-cost-codes",
                json!([{"code": "03", "name": "Concrete"}, {"code": "09", "name": "Finishes"}]),
            )
            .await?;
        self.leaves = self
            .made(
                "/standard-cost-codes",
                json!([
                    {"code": "300", "name": "Cast in place", "parent": parents[0]},
                    {"code": "310", "name": "Forms & “falsework”", "parent": parents[0]},
                    {"code": "290", "name": "Drywall", "parent": parents[1]},
                ]),
            )
            .await?;
        let all: Vec<i64> = parents.iter().chain(&self.leaves).copied().collect();
        let fields = fields_of("standard_cost_codes", self.world);
        self.export("standard_cost_codes", &all, fields).await?;
        self.world.rests().await
    }

    async fn job(&mut self) -> anyhow::Result<Rest> {
        let answer = self
            .make(
                "/projects",
                json!([{"name": "Harbor Tower", "number": "2026-014", "address": "1 Harbor Way", "city": "Carpinteria",
                    "state_code": "CA", "zip": "93013", "active": true, "cost_codes": self.leaves}]),
            )
            .await?;
        self.project = answer["ids"][0].as_i64().context("no project")?;
        self.project_codes = ids(&answer["cost_code_ids"][0]);
        let fields = fields_of("project", self.world);
        self.export("project", &[self.project], fields).await?;
        self.world.rests().await
    }

    async fn commitment(&mut self, whole: bool) -> anyhow::Result<Rest> {
        let code = |n: usize| self.project_codes[n % self.project_codes.len()];
        let contracts: Vec<Value> = (0..2)
            .map(|n| {
                // Amounts that binary fractions cannot hold.
                json!({
                    "project_id": self.project, "vendor_id": self.vendors[n],
                    "type": if n == 0 { "WorkOrderContract" } else { "PurchaseOrderContract" },
                    "number": format!("SC-{:04}", n + 1), "title": "Works – Harbor Tower", "status": "Approved",
                    "accounting_method": if n == 0 { "amount" } else { "unit" },
                    "lines": if n == 0 {
                        json!([{"cost_code_id": code(0), "description": "as agreed", "amount": "1150000.29"},
                               {"cost_code_id": code(1), "description": "and more", "amount": "4.35"}])
                    } else {
                        json!([{"cost_code_id": code(2), "description": "by unit", "quantity": "12", "unit_cost": "125.15", "uom": "ea"}])
                    },
                })
            })
            .collect();
        let answer = self.make("/commitments", Value::from(contracts)).await?;
        self.commitments = ids(&answer["ids"]);
        self.lines = array(&answer, "line_ids").iter().map(ids).collect();
        self.export("commitment", &self.commitments, json!({})).await?;
        if whole {
            self.press_twice("commitment", self.commitments[0]).await?;
        }
        self.world.rests().await
    }

    async fn invoice(&mut self, whole: bool) -> anyhow::Result<Rest> {
        let invoices = json!([
            {"commitment_id": self.commitments[0], "invoice_number": "INV-1", "billing_date": "2026-03-28", "payment_date": "2026-04-15",
             "status": "approved", "lines": [
                {"commitment_line_id": self.lines[0][0], "amount": "500000.07", "accounting_method": "amount", "retainage_held": "50000.01", "retainage_released": "0.00"},
                {"commitment_line_id": self.lines[0][1], "amount": "1.15", "accounting_method": "amount", "retainage_held": "0.12", "retainage_released": "0.00"}]},
            {"commitment_id": self.commitments[1], "invoice_number": "INV-2", "billing_date": "2026-03-29",
             "status": "approved", "lines": [
                {"commitment_line_id": self.lines[1][0], "amount": "700.84", "accounting_method": "amount", "retainage_held": "0.00", "retainage_released": "0.00"}]},
        ]);
        let invoices = self.made("/requisitions", invoices).await?;
        self.export("requisitions", &invoices, json!({})).await?;
        if whole {
            self.press_twice("requisitions", invoices[0]).await?;
        }
        self.world.rests().await
    }

    async fn vendor_credit(&mut self) -> anyhow::Result<Rest> {
        let invoices = json!([
            {"commitment_id": self.commitments[0], "invoice_number": "INV-3", "billing_date": "2026-04-28", "status": "approved", "lines": [
                {"commitment_line_id": self.lines[0][0], "amount": "-1000.29", "accounting_method": "amount", "retainage_held": "0.00", "retainage_released": "0.12"},
                {"commitment_line_id": self.lines[0][1], "amount": "1.15", "accounting_method": "amount", "retainage_held": "0.00", "retainage_released": "0.00"}]},
        ]);
        let invoices = self.made("/requisitions", invoices).await?;
        self.export("requisitions", &invoices, json!({})).await?;
        self.press_twice("requisitions", invoices[0]).await?;
        self.world.rests().await
    }

    async fn sub_job(&mut self) -> anyhow::Result<Rest> {
        let body = json!([{"project_id": self.project, "name": "East wing", "code": "E-1", "cost_codes": self.leaves}]);
        let made = self.made("/sub-jobs", body).await?;
        self.export("sub_job", &made, json!({})).await?;
        self.press_twice("sub_job", made[0]).await?;
        self.world.rests().await
    }

    async fn payment(&mut self) -> anyhow::Result<Rest> {
        let file = self.world.file().await?;
        let bills = array(&file["transactions"], "bills");
        let bill = |number: &str| {
            bills
                .iter()
                .find(|bill| text(bill, "ref_number") == number)
                .map(|bill| text(bill, "id"))
                .with_context(|| format!("no bill {number}"))
        };
        let (first, second) = (bill("INV-1")?, bill("INV-2")?);
        let pay = async |bill: &str, amount: &str, method: &str, number: &str| {
            let payment = json!({"bills": [{"txn_id": bill, "amount": amount}], "method": method, "ref_number": number, "date": "2026-05-04"});
            self.world.quickbooks.post("/control/payments", &payment).await
        };
        pay(&first, "200000.05", "check", "1001").await?;
        let voided = pay(&first, "0.29", "check", "1002").await?;
        pay(&second, "700.84", "credit_card", "1003").await?;
        self.make("/refresh", json!({"what": "contract_payments"}))
            .await?;
        let rest = self.world.rests().await?;
        if rest != Rest::Done {
            return Ok(rest);
        }
        let body = json!({"txn_id": text(&voided, "txn_id")});
        self.world.quickbooks.post("/control/void", &body).await?;
        self.make("/refresh", json!({"what": "contract_payments"}))
            .await?;
        self.world.rests().await
    }

    async fn lists(&mut self) -> anyhow::Result<Rest> {
        let subs = json!({"kind": "vendor", "count": 7, "name_prefix": "Subcontractor "});
        self.world.quickbooks.post("/control/records/bulk", &subs).await?;
        self.make("/refresh", json!({"what": "vendors"})).await?;
        self.world.rests().await
    }

    async fn bookkeeper_adds_a_line(&self) -> anyhow::Result<()> {
        let file = self.world.file().await?;
        let order = array(&file["transactions"], "purchase_orders")
            .iter()
            .find(|order| array(order, "lines").len() == 2)
            .context("no purchase order with two lines")?;
        let mut lines: Vec<Value> = array(order, "lines")
            .iter()
            .map(|line| json!({"txn_line_id": line["txn_line_id"]}))
            .collect();
        lines.push(json!({"txn_line_id": "-1", "item": array(order, "lines")[0]["item_id"], "desc": BY_HAND, "amount": "0.29"}));
        let path = format!("/control/records/{}", text(order, "id"));
        self.world
            .quickbooks
            .patch(&path, &json!({"lines": lines}))
            .await?;
        Ok(())
    }

    async fn change_order(&mut self) -> anyhow::Result<Rest> {
        let order = json!({"commitment_id": self.commitments[0], "title": "More", "lines": [
            {"commitment_line_id": self.lines[0][0], "amount": "1000.29", "description": "Deeper"},
            {"commitment_line_id": self.lines[0][1], "amount": "-4.35", "description": "Left out"}]});
        let made = self.made("/change-orders", order).await?;
        self.export("change_order", &made, json!({})).await?;
        self.press_twice("change_order", made[0]).await?;
        self.world.rests().await
    }

    async fn budget(&mut self, whole: bool) -> anyhow::Result<Rest> {
        let lines: Vec<Value> = self
            .project_codes
            .iter()
            .zip(["1150000.29", "4.35", "700.84"])
            .map(|(code, amount)| json!({"cost_code_id": code, "amount": amount}))
            .collect();
        let body = json!({"project_id": self.project, "lines": lines});
        self.budget = *self.made("/budgets", body).await?.first().context("no budget")?;
        self.export("budget", &[self.budget], json!({})).await?;
        if whole {
            self.press_twice("budget", self.budget).await?;
        }
        self.world.rests().await
    }

    async fn budget_change(&mut self) -> anyhow::Result<Rest> {
        for (code, amount) in [(0, "-150000.30"), (1, "0.29")] {
            let change =
                json!({"cost_code_id": self.project_codes[code], "amount": amount, "notes": "Owner's wish"});
            self.make(&format!("/budgets/{}/changes", self.budget), change)
                .await?;
        }
        self.export("budget", &[self.budget], json!({})).await?;
        self.press_twice("budget", self.budget).await?;
        self.world.rests().await
    }

    /// The id of a prime contract on the project's codes, and those of its lines.
    async fn prime_contract(&self) -> anyhow::Result<(i64, Vec<i64>)> {
        let lines: Vec<Value> = self
            .project_codes
            .iter()
            .zip(["2000000.00", "500.00", "900.84"])
            .map(|(code, amount)| json!({"cost_code_id": code, "amount": amount, "description": "As agreed"}))
            .collect();
        let body = json!({"project_id": self.project, "number": "PC-1", "title": "Tower", "lines": lines});
        let answer = self.make("/prime-contracts", body).await?;
        let id = ids(&answer["ids"]).first().copied();
        Ok((id.context("no prime contract")?, ids(&answer["line_ids"][0])))
    }

    async fn owner_invoice(&mut self) -> anyhow::Result<Rest> {
        let (contract, lines) = self.prime_contract().await?;
        let bills = json!([
            {"prime_contract_id": contract, "invoice_number": "APP-1", "billing_date": "2026-03-31", "lines": [
                {"line_id": lines[0], "amount": "200000.29", "materials": "0.06", "retainage_held": "20000.03"},
                {"line_id": lines[1], "amount": "4.35"}]},
            {"prime_contract_id": contract, "invoice_number": "APP-2", "billing_date": "2026-04-30", "lines": [
                {"line_id": lines[2], "amount": "700.84", "retainage_released": "0.29"}]},
        ]);
        let made = self.made("/payment-applications", bills).await?;
        self.export("payment_application", &made, json!({})).await?;
        self.press_twice("payment_application", made[0]).await?;
        self.world.rests().await
    }

    async fn prime_change_order(&mut self) -> anyhow::Result<Rest> {
        let (contract, _) = self.prime_contract().await?;
        let order = json!({"prime_contract_id": contract, "title": "More", "lines": [
            {"cost_code_id": self.project_codes[0], "amount": "1000.29", "description": "Deeper"},
            {"cost_code_id": self.project_codes[1], "amount": "-4.35", "description": "Left out"}]});
        let made = self.made("/prime-change-orders", order).await?;
        self.export("change_order", &made, json!({})).await?;
        self.press_twice("change_order", made[0]).await?;
        self.world.rests().await
    }

    async fn bookkeeper_enters_costs(&self) -> anyhow::Result<()> {
        let file = self.world.file().await?;
        let id_of = |list: &str, key: &str, value: &str| {
            array(&file["lists"], list)
                .iter()
                .find(|record| text(record, key) == value)
                .map(|record| text(record, "id"))
                .with_context(|| format!("no {value} in {list}"))
        };
        let order = array(&file["transactions"], "purchase_orders")
            .first()
            .context("no purchase order")?;
        let (item, job) = (
            text(&array(order, "lines")[0], "item_id"),
            text(&array(order, "lines")[0], "customer_id"),
        );
        let bank = id_of("accounts", "account_type", "Bank")?;
        for (kind, number, amount) in [
            ("bill", "B1", "1000.29"),
            ("check", "C1", "4.35"),
            ("vendor_credit", "V1", "0.29"),
        ] {
            let mut body = json!({"kind": kind, "ref_number": number, "txn_date": "2026-05-04",
                "lines": [{"item": item, "amount": amount, "customer": job}]});
            if kind == "check" {
                body["account"] = json!(bank);
            } else {
                body["vendor"] = json!("O'Neill Electric");
            }
            self.world.quickbooks.post("/control/records", &body).await?;
        }
        Ok(())
    }

    async fn job_costs(&self) -> anyhow::Result<Rest> {
        ask_for_job_costs(self.world).await?;
        self.world.rests().await
    }
}

/// Procore asks for the costs of the projects that are linked.
async fn ask_for_job_costs(world: &World) -> anyhow::Result<()> {
    let state = world.state().await?;
    for project in array(&state, "projects") {
        let event = json!({"request_name": "sync_single_job", "request_data": {"id": project["origin_id"], "company_id": world.company}});
        world.procore.post(&world.of_company("/event"), &event).await?;
    }
    Ok(())
}

/// The refresh button that was pressed last; the journeys press two kinds.
fn last_refresh(state: &Value) -> &'static str {
    let vendors = array(state, "erp_requests")
        .iter()
        .any(|request| text(request, "request_name") == "sync_vendors");
    if vendors { "vendors" } else { "contract_payments" }
}

/// What the accountant chooses beside the Export button.
fn fields_of(what: &str, world: &World) -> Value {
    let books = &world.books;
    match what {
        "standard_cost_codes" => {
            json!({"income_account_origin_id": books.income_account, "expense_account_origin_id": books.expense_account})
        }
        "project" => json!({"customer_origin_id": books.customer}),
        _ => json!({}),
    }
}

/// What an accountant does about what failed: reads the words, presses the button again. Returns how many were pressed.
/// Records that fail in an undisturbed run as well (`expected`, by item id) stay as they are.
pub(crate) async fn press_again(world: &World, expected: &[i64]) -> anyhow::Result<usize> {
    let state = world.state().await?;
    let mut last: HashMap<Option<i64>, (String, String, Value)> = HashMap::new();
    let mut order = Vec::new();
    for detail in array(&state, "request_details") {
        let id = detail["item_id"].as_i64();
        order.retain(|known| *known != id);
        order.push(id);
        last.insert(
            id,
            (
                text(detail, "status"),
                text(detail, "item_type"),
                detail["messages"].clone(),
            ),
        );
    }
    let mut pressed = 0;
    // Nobody waits for a reading of job costs: Procore asks again, or the schedule does.
    if world.job_costs_failed().await? {
        world.director.note("Procore asks for job costs again");
        ask_for_job_costs(world).await?;
        pressed += 1;
    }
    for id in order {
        let Some((status, kind, messages)) = last.get(&id) else {
            continue;
        };
        if status != "failed" || id.is_some_and(|id| expected.contains(&id)) {
            continue;
        }
        world
            .director
            .note(format!("a person presses again: {kind} {id:?}, {messages}"));
        let what = match kind.as_str() {
            "standard_cost_code" => "standard_cost_codes",
            "vendor" => "vendor",
            "project" => "project",
            "requisition" => "requisitions",
            "budget" => "budget",
            "change_order" => "change_order",
            "payment_application" => "payment_application",
            "sub_job" => "sub_job",
            "" => {
                let body = json!({"what": last_refresh(&state)});
                world.procore.post(&world.of_company("/refresh"), &body).await?;
                pressed += 1;
                continue;
            }
            _ => "commitment",
        };
        let fields = fields_of(what, world);
        let body = json!({"what": what, "ids": [id], "erp_custom_fields": fields, "force": true});
        world.procore.post(&world.of_company("/export"), &body).await?;
        pressed += 1;
    }
    Ok(pressed)
}

/// The records whose last request detail is a failure.
pub(crate) async fn failed(world: &World) -> anyhow::Result<Vec<i64>> {
    let state = world.state().await?;
    let mut last: HashMap<i64, bool> = HashMap::new();
    for detail in array(&state, "request_details") {
        if let Some(id) = detail["item_id"].as_i64() {
            last.insert(id, text(detail, "status") == "failed");
        }
    }
    Ok(last
        .into_iter()
        .filter(|(_, failed)| *failed)
        .map(|(id, _)| id)
        .collect())
}
