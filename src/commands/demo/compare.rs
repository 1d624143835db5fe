//! Both sides beside each other at the end.

use rust_decimal::Decimal;
use serde_json::Value;

use super::{
    books::Books,
    journey::{Journey, Made},
    read::{array, field, list, money, total, transactions, vendor_of},
    records::BY_HAND,
    report::{Line, Report},
};
use crate::commands::reconcile::TieOutReport;

impl Journey<'_> {
    /// Both sides beside each other, read from the stand-ins, not from the service.
    pub(super) async fn compare(
        &self,
        books: &Books,
        made: &Made,
        tied: TieOutReport,
    ) -> anyhow::Result<Report> {
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
        let change_orders = synced("change_orders");
        let budgets = synced("budgets");
        let estimates = transactions(&file, "estimates");
        // What the bookkeeper enters himself is no invoice of Procore's.
        let bills: Vec<Value> = transactions(&file, "bills")
            .into_iter()
            .filter(|bill| !field(bill, "ref_number").starts_with(BY_HAND))
            .collect();
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
                what: "Budgets → estimates",
                procore: (budgets.len(), Some(budgets.iter().map(total).sum())),
                quickbooks: (estimates.len(), Some(estimates.iter().map(total).sum())),
            },
            Line {
                what: "Commitments, changed → purchase orders",
                procore: (
                    commitments.len(),
                    Some(commitments.iter().chain(&change_orders).map(total).sum()),
                ),
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
            tied,
            problems,
            exchanges: made.runs + 1,
            seconds: self.say.seconds(),
        })
    }
}
