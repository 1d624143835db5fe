//! Reports on a job, computed from the same lines as everything else: costs alone, by item.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::{Outcome, filters::named};
use crate::{
    company_file::{
        fields::money,
        kinds::{Space, TxnKind},
        transactions::LineKind,
    },
    qbxml::{answer::Out, document::Request, status::Status},
    quickbooks::QuickBooks,
};

const COLUMNS: [(&str, &str, &str); 3] = [
    ("STRTYPE", "", "Label"),
    ("AMTTYPE", "Est. Cost", "Amount"),
    ("AMTTYPE", "Act. Cost", "Amount"),
];

fn with(mut out: Out, attributes: &[(&'static str, &str)]) -> Out {
    out.attributes = attributes
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect();
    out
}

fn row(name: &'static str, number: usize, item: Option<&str>, cost: Decimal) -> Out {
    let label = item.unwrap_or(if name == "TotalRow" { "TOTAL" } else { "No item" });
    let label = label.rsplit(':').next().unwrap_or(label);
    let mut cells = Vec::new();
    if let Some(item) = item {
        cells.push(with(
            Out::leaf("RowData", ""),
            &[("rowType", "item"), ("value", item)],
        ));
    }
    cells.push(with(
        Out::leaf("ColData", ""),
        &[("colID", "1"), ("value", label)],
    ));
    cells.push(with(
        Out::leaf("ColData", ""),
        &[("colID", "2"), ("value", "0.00"), ("dataType", "AMTTYPE")],
    ));
    cells.push(with(
        Out::leaf("ColData", ""),
        &[("colID", "3"), ("value", &money(cost)), ("dataType", "AMTTYPE")],
    ));
    with(Out::group(name, cells), &[("rowNumber", &number.to_string())])
}

/// `JobReportQuery` of one or more jobs: estimates against actuals, by item.
pub(crate) fn job(qb: &QuickBooks, request: &Request) -> Result<Outcome, Status> {
    let body = &request.body;
    if !matches!(
        body.text_of("JobReportType"),
        Some("JobEstimatesVsActualsDetail" | "ItemEstimatesVsActuals")
    ) {
        return Err(Status::internal());
    }
    let jobs = body
        .child("ReportEntityFilter")
        .map(|filter| named(&qb.file, Space::Name, filter))
        .transpose()?;
    let of_job = |customer: Option<u64>| match (&jobs, customer) {
        (Some(jobs), Some(customer)) => jobs.contains(&customer),
        (None, customer) => customer.is_some(),
        (Some(_), None) => false,
    };
    let mut items: BTreeMap<String, Decimal> = BTreeMap::new();
    let mut rest = Decimal::ZERO;
    for transaction in qb.file.transactions.values() {
        let sign = match transaction.kind {
            TxnKind::Bill
            | TxnKind::Check
            | TxnKind::CreditCardCharge
            | TxnKind::ItemReceipt
            | TxnKind::JournalEntry => Decimal::ONE,
            TxnKind::VendorCredit | TxnKind::CreditCardCredit => -Decimal::ONE,
            _ => continue,
        };
        for line in &transaction.lines {
            let customer = line
                .fields
                .reference("CustomerRef")
                .or_else(|| line.fields.reference("EntityRef"));
            if !of_job(customer) {
                continue;
            }
            let sign = if line.kind == LineKind::JournalCredit {
                -sign
            } else {
                sign
            };
            match line.fields.reference("ItemRef") {
                Some(item) => *items.entry(qb.file.full_name_of(item)).or_default() += sign * line.amount(),
                None => rest += sign * line.amount(),
            }
        }
    }
    let mut rows: Vec<Out> = Vec::new();
    for (item, cost) in &items {
        rows.push(row("DataRow", rows.len() + 1, Some(item), *cost));
    }
    if !rest.is_zero() {
        rows.push(row("DataRow", rows.len() + 1, None, rest));
    }
    let total = items.values().sum::<Decimal>() + rest;
    rows.push(row("TotalRow", rows.len() + 1, None, total));
    let count = rows.len();
    let mut out = vec![
        Out::leaf("ReportTitle", "Job Estimates vs. Actuals Detail"),
        Out::leaf("ReportSubtitle", "All Transactions"),
        Out::leaf("ReportBasis", "Accrual"),
        Out::leaf("NumRows", count.to_string()),
        Out::leaf("NumColumns", COLUMNS.len().to_string()),
        Out::leaf("NumColTitleRows", "1"),
    ];
    for (at, (data_type, title, kind)) in COLUMNS.iter().enumerate() {
        let title = with(Out::leaf("ColTitle", ""), &[("titleRow", "1"), ("value", title)]);
        out.push(with(
            Out::group("ColDesc", vec![title, Out::leaf("ColType", *kind)]),
            &[("colID", &(at + 1).to_string()), ("dataType", data_type)],
        ));
    }
    out.push(Out::group("ReportData", rows));
    Ok(Outcome {
        body: vec![Out::group("ReportRet", out)],
        ..Outcome::default()
    })
}
