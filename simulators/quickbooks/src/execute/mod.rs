//! Carrying out one request: checks in QuickBooks' order, then the change, then the answer.

mod build;
mod company;
mod deletions;
mod filters;
mod lists;
mod payments;
mod queries;
mod references;
mod reports;
mod transaction_lines;
mod transactions;

use crate::{
    company_file::kinds::{ListKind, TxnKind},
    iterators::Iterators,
    message_sets::Recovery,
    qbxml::{answer::Out, check, document::Request, status::Status},
    quickbooks::QuickBooks,
};

pub(crate) use company::host_company_preferences;

/// What came of a request.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: Status,
    pub(crate) attributes: Vec<(&'static str, String)>,
    pub(crate) body: Vec<Out>,
    pub(crate) recovery: Option<Recovery>,
}

impl Default for Outcome {
    fn default() -> Self {
        Self {
            status: Status::ok(),
            attributes: Vec::new(),
            body: Vec::new(),
            recovery: None,
        }
    }
}

/// Executes one request. An error leaves the file as it was.
pub(crate) fn run(
    qb: &mut QuickBooks,
    iterators: &mut Iterators,
    request: &Request,
) -> Result<Outcome, Status> {
    if let Some(id) = request.id.as_deref().filter(|id| id.chars().count() > 50) {
        return Err(Status::request_id(id));
    }
    check::values(&request.body, qb.settings.charset)?;
    if qb.settings.denied_requests.contains(&request.name) {
        return Err(Status::no_right());
    }
    let operation = request.name.strip_suffix("Rq").unwrap_or(&request.name);
    match operation {
        "HostQuery" | "CompanyQuery" | "PreferencesQuery" => {
            return Ok(company::query(qb, operation, request));
        }
        "TxnDel" => return deletions::delete_transaction(qb, request),
        "TxnVoid" => return deletions::void_transaction(qb, request),
        "ListDel" => return deletions::delete_list(qb, request),
        "TxnDeletedQuery" => return deletions::query(qb, request, true),
        "ListDeletedQuery" => return deletions::query(qb, request, false),
        "TermsQuery" => return queries::lists(qb, iterators, request, &[ListKind::StandardTerms]),
        "ItemQuery" => {
            let kinds: Vec<ListKind> = crate::company_file::kinds::LIST_KINDS
                .into_iter()
                .filter(|k| k.is_item())
                .collect();
            return queries::lists(qb, iterators, request, &kinds);
        }
        "JobReportQuery" => return reports::job(qb, request),
        "BillToPayQuery" => return payments::bills_to_pay(qb, request),
        _ => {}
    }
    if let Some(name) = operation.strip_suffix("Add") {
        if let Some(kind) = ListKind::named(name) {
            return lists::add(qb, kind, request);
        }
        return match TxnKind::named(name) {
            Some(kind) if kind.is_payment() => payments::add(qb, kind, request),
            Some(kind) => transactions::add(qb, kind, request),
            None => Err(Status::internal()),
        };
    }
    if let Some(name) = operation.strip_suffix("Mod") {
        if let Some(kind) = ListKind::named(name) {
            return lists::modify(qb, kind, request);
        }
        return TxnKind::named(name).map_or_else(
            || Err(Status::internal()),
            |kind| transactions::modify(qb, kind, request),
        );
    }
    let name = operation.strip_suffix("Query").unwrap_or(operation);
    if let Some(kind) = ListKind::named(name) {
        return queries::lists(qb, iterators, request, &[kind]);
    }
    match TxnKind::named(name) {
        Some(kind) => queries::transactions(qb, iterators, request, kind),
        // Kinds that this file never holds.
        None => Err(Status::nothing_found()),
    }
}

/// Spoils the first record of an answer: a value the schema lacks. False if there was none.
pub(crate) fn damage(body: &mut [Out], how: &str) -> bool {
    let Some(record) = body.iter_mut().find(|o| o.name.ends_with("Ret")) else {
        return false;
    };
    let wanted: &[&str] = match how {
        "amount" => &["AmountDue", "TotalAmount", "Amount", "Balance", "EditSequence"],
        "missing_id" => &["ListID", "TxnID"],
        _ => &[
            "IsActive",
            "IsPaid",
            "IsManuallyClosed",
            "AccountType",
            "IsToBePrinted",
            "TimeModified",
        ],
    };
    for name in wanted {
        if let Some(at) = record.children.iter().position(|c| c.name == *name) {
            match how {
                "amount" => "1.234,5O".clone_into(&mut record.children[at].text),
                "missing_id" => {
                    record.children.remove(at);
                }
                _ => "SomethingNew".clone_into(&mut record.children[at].text),
            }
            return true;
        }
    }
    false
}
