//! The journey itself: what a builder, an accountant and a bookkeeper do, in order.

use anyhow::{Context, bail};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{
    books::{Books, Sizes, cents, vendor_name},
    remote::Remote,
    report::{Line, Progress, Report},
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
}

/// What was made in Procore.
#[derive(Default)]
struct Made {
    closed: usize,
    runs: usize,
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

    fn company(&self, rest: &str) -> String {
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
            .step("Exporting a project: a job under Acme Development, with its cost codes");
        let answer = self
            .procore
            .post(
                &self.company("/projects"),
                &json!([{"name": "Harbor Tower", "number": "2026-014", "address": "1 Harbor Way", "city": "Carpinteria",
                    "state_code": "CA", "zip": "93013", "active": true, "cost_codes": leaves}]),
            )
            .await?;
        let project = answer["ids"][0].as_i64().context("no project")?;
        let codes = ids(&answer["cost_code_ids"][0]);
        self.export(
            "project",
            &[project],
            json!({"customer_origin_id": books.customer}),
            &mut made,
        )
        .await?;

        self.say.step(&format!(
            "Exporting {} commitments: purchase orders",
            sizes.commitments
        ));
        let commitments: Vec<Value> = (0..sizes.commitments)
            .map(|n| commitment(n, project, &vendors, &codes))
            .collect();
        let answer = self
            .procore
            .post(&self.company("/commitments"), &Value::from(commitments))
            .await?;
        let commitments = ids(&answer["ids"]);
        let lines: Vec<Vec<i64>> = answer["line_ids"]
            .as_array()
            .into_iter()
            .flatten()
            .map(ids)
            .collect();
        self.export("commitment", &commitments, json!({}), &mut made)
            .await?;

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
        self.compare(books, &made).await
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

    /// Both sides beside each other, read from the stand-ins, not from the service.
    async fn compare(&self, books: &Books, made: &Made) -> anyhow::Result<Report> {
        let procore = self.procore.get(&self.company("/state")).await?;
        let file = self.quickbooks.get("/control/company-file").await?;
        let synced = |what: &str| -> Vec<Value> {
            array(&procore, what)
                .into_iter()
                .filter(|record| record["origin_id"].is_string())
                .collect()
        };
        let mut problems = Vec::new();
        let items = list(&file, "items")
            .into_iter()
            .filter(|item| !books.items_before.contains(&field(item, "id")))
            .count();
        let jobs = list(&file, "customers")
            .into_iter()
            .filter(|customer| !field(customer, "parent").is_empty())
            .count();
        let commitments = synced("commitments");
        let requisitions = synced("requisitions");
        let orders = transactions(&file, "purchase_orders");
        let bills = transactions(&file, "bills");
        // A voided payment keeps its row, with nothing paid.
        let payments: Vec<Value> = array(&procore, "invoice_payments")
            .into_iter()
            .filter(|payment| !money(payment, "amount").is_zero())
            .collect();
        let mut paid: Vec<(Decimal, usize)> = Vec::new();
        for kind in ["bill_payment_checks", "bill_payment_credit_cards"] {
            for payment in transactions(&file, kind) {
                let applied = array(&payment, "applied");
                paid.push((
                    applied.iter().map(|applied| money(applied, "amount")).sum(),
                    applied.len(),
                ));
            }
        }
        let sum = |records: &[Value], key: &str| -> Decimal {
            records.iter().map(|record| money(record, key)).sum()
        };
        let lines = vec![
            Line {
                what: "Cost codes → service items",
                procore: (synced("standard_cost_codes").len(), None),
                quickbooks: (items, None),
            },
            Line {
                what: "Companies → vendors",
                procore: (synced("vendors").len(), None),
                quickbooks: (list(&file, "vendors").len(), None),
            },
            Line {
                what: "Projects → jobs",
                procore: (synced("projects").len(), None),
                quickbooks: (jobs, None),
            },
            Line {
                what: "Commitments → purchase orders",
                procore: (commitments.len(), Some(commitments.iter().map(total).sum())),
                quickbooks: (orders.len(), Some(orders.iter().map(total).sum())),
            },
            Line {
                what: "Subcontractor invoices → bills",
                procore: (
                    requisitions.len(),
                    Some(
                        requisitions
                            .iter()
                            .map(|requisition| money(&requisition["summary"], "current_payment_due"))
                            .sum(),
                    ),
                ),
                quickbooks: (bills.len(), Some(bills.iter().map(total).sum())),
            },
            Line {
                what: "Payments issued ← bill payments",
                procore: (payments.len(), Some(sum(&payments, "amount"))),
                quickbooks: (
                    paid.iter().map(|(_, rows)| rows).sum(),
                    Some(paid.iter().map(|(amount, _)| *amount).sum()),
                ),
            },
        ];
        for (what, records) in [("purchase order", &orders), ("bill", &bills)] {
            let mut numbers: Vec<String> = records
                .iter()
                .map(|record| format!("{} {}", vendor_of(record), field(record, "ref_number")))
                .collect();
            numbers.sort();
            problems.extend(
                numbers
                    .windows(2)
                    .filter(|pair| pair[0] == pair[1])
                    .map(|pair| format!("the {what} {} stands twice", pair[0])),
            );
        }
        problems.extend(
            array(&procore, "violations")
                .iter()
                .map(|violation| format!("a rule of Procore's was broken: {violation}")),
        );
        let open = array(&procore, "request_details")
            .iter()
            .filter(|detail| !["success", "failed"].contains(&field(detail, "status").as_str()))
            .count();
        if open > 0 {
            problems.push(format!("{open} request details were never closed"));
        }
        Ok(Report {
            lines,
            problems,
            exchanges: made.runs + 1,
            seconds: self.say.seconds(),
        })
    }
}

/// Every third is a subcontract by unit, the others by amount.
fn commitment(n: usize, project: i64, vendors: &[i64], codes: &[i64]) -> Value {
    let by_unit = n % 3 == 2;
    let lines: Vec<Value> = (0..3)
        .map(|line| {
            let code = codes[(n * 3 + line) % codes.len()];
            let description = format!("Line {} of contract {n}: “as agreed”", line + 1);
            if by_unit {
                let quantity = 10 + n % 7 + line;
                json!({"cost_code_id": code, "description": description, "quantity": quantity.to_string(), "unit_cost": "125.50", "uom": "ea"})
            } else {
                json!({"cost_code_id": code, "description": description, "amount": cents(n * 3 + line).to_string()})
            }
        })
        .collect();
    json!({
        "project_id": project,
        "vendor_id": vendors[n % vendors.len()],
        "type": if n.is_multiple_of(2) { "WorkOrderContract" } else { "PurchaseOrderContract" },
        "number": format!("SC-{:04}", n + 1),
        "title": format!("Contract {} – Harbor Tower", n + 1),
        "description": "As per drawings",
        "status": "Approved",
        "accounting_method": if by_unit { "unit" } else { "amount" },
        "lines": lines,
    })
}

/// Progress invoices: a part of each line, with retainage held on some and released on others.
fn invoice(n: usize, commitments: &[i64], lines: &[Vec<i64>]) -> Value {
    let which = n % commitments.len();
    let items: Vec<Value> = lines[which]
        .iter()
        .enumerate()
        .map(|(line, id)| {
            let amount = (cents(n * 5 + line) / Decimal::from(7)).round_dp(2);
            let held = if n.is_multiple_of(3) {
                (amount / Decimal::TEN).round_dp(2)
            } else {
                Decimal::ZERO
            };
            let released = if n % 3 == 1 && line == 0 {
                Decimal::new(1050, 2)
            } else {
                Decimal::ZERO
            };
            json!({
                "commitment_line_id": id, "amount": amount.to_string(), "accounting_method": "amount",
                "retainage_held": held.to_string(), "retainage_released": released.to_string(),
            })
        })
        .collect();
    json!({
        "commitment_id": commitments[which],
        "invoice_number": format!("INV-{:05}", n + 1),
        "billing_date": format!("2026-{:02}-28", n % 9 + 1),
        "payment_date": if n.is_multiple_of(2) { json!(format!("2026-{:02}-15", n % 9 + 2)) } else { Value::Null },
        "status": "approved",
        "lines": items,
    })
}

fn payment(bills: &[(&String, Decimal)], method: &str, number: usize) -> Value {
    json!({
        "bills": bills.iter().map(|(id, amount)| json!({"txn_id": id, "amount": amount.to_string()})).collect::<Vec<_>>(),
        "method": method,
        "ref_number": number.to_string(),
        "memo": format!("Paid with no. {number}"),
    })
}

fn ids(value: &Value) -> Vec<i64> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_i64)
        .collect()
}

fn array(value: &Value, key: &str) -> Vec<Value> {
    value[key].as_array().cloned().unwrap_or_default()
}

fn list(file: &Value, kind: &str) -> Vec<Value> {
    array(&file["lists"], kind)
}

fn transactions(file: &Value, kind: &str) -> Vec<Value> {
    array(&file["transactions"], kind)
}

fn field(value: &Value, key: &str) -> String {
    match &value[key] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

fn money(value: &Value, key: &str) -> Decimal {
    field(value, key).parse().unwrap_or_default()
}

/// The sum of a transaction's lines.
fn total(transaction: &Value) -> Decimal {
    array(transaction, "lines")
        .iter()
        .map(|line| money(line, "amount"))
        .sum()
}

fn vendor_of(transaction: &Value) -> String {
    field(transaction, "vendor_id")
}
