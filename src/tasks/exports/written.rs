//! What the answer to an Add or query of a purchase order, bill, vendor credit or invoice means, and whether it says what was
//! sent.
//!
//! What may not live here: what a commitment or an invoice is; the exports share only how transactions answer.

use yaserde::YaDeserialize;

use super::answers::{self, Added, Trouble};
use crate::{
    links::{NewLink, ProcoreItem},
    qbxml::{
        ListRef, Money, Response, RetryClass, bill::BillRet, identity::RecordKind, invoice::InvoiceRet,
        purchase_order::PurchaseOrderRet, same_guid, vendor_credit::VendorCreditRet,
    },
    tasks::{Effects, Facts, Failure, FailureCode, Outcome, reconcile::record_kind},
};

/// A transaction as it stands in QuickBooks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    /// Its `TxnID`.
    pub(super) txn_id: String,
    /// Its `EditSequence`.
    pub(super) edit_sequence: Option<String>,
    /// Whom it is with: a vendor, or the job of an invoice.
    pub(super) party_list_id: Option<String>,
    /// Its number.
    pub(super) ref_number: Option<String>,
    /// Its total, where told.
    pub(super) total: Option<Money>,
    /// Our own id for it.
    pub(super) external_guid: Option<String>,
    /// Its lines' ids and amounts, in order.
    pub(super) lines: Vec<(String, Option<Money>)>,
}

fn list_id(reference: Option<ListRef>) -> Option<String> {
    reference.and_then(|reference| reference.list_id)
}

impl From<PurchaseOrderRet> for Written {
    fn from(ret: PurchaseOrderRet) -> Self {
        Self {
            txn_id: ret.txn_id,
            edit_sequence: ret.edit_sequence,
            party_list_id: list_id(ret.vendor),
            ref_number: ret.ref_number,
            total: ret.total_amount,
            external_guid: ret.external_guid,
            lines: ret
                .lines
                .into_iter()
                .map(|line| (line.txn_line_id, line.amount))
                .collect(),
        }
    }
}

impl From<VendorCreditRet> for Written {
    fn from(ret: VendorCreditRet) -> Self {
        Self {
            txn_id: ret.txn_id,
            edit_sequence: ret.edit_sequence,
            party_list_id: list_id(ret.vendor),
            ref_number: ret.ref_number,
            total: ret.credit_amount,
            external_guid: ret.external_guid,
            lines: ret
                .lines
                .into_iter()
                .map(|line| (line.txn_line_id, line.amount))
                .collect(),
        }
    }
}

impl From<BillRet> for Written {
    fn from(ret: BillRet) -> Self {
        Self {
            txn_id: ret.txn_id,
            edit_sequence: ret.edit_sequence,
            party_list_id: list_id(ret.vendor),
            ref_number: ret.ref_number,
            total: ret.amount_due,
            external_guid: ret.external_guid,
            lines: ret
                .lines
                .into_iter()
                .map(|line| (line.txn_line_id, line.amount))
                .collect(),
        }
    }
}

impl From<InvoiceRet> for Written {
    fn from(ret: InvoiceRet) -> Self {
        let total = ret.total();
        Self {
            txn_id: ret.txn_id,
            edit_sequence: ret.edit_sequence,
            party_list_id: list_id(ret.customer),
            ref_number: ret.ref_number,
            total,
            external_guid: ret.external_guid,
            lines: ret
                .lines
                .into_iter()
                .map(|line| (line.txn_line_id, line.amount))
                .collect(),
        }
    }
}

/// All of these are linked already: Procore is told again, and nothing is written.
pub(super) fn told_again(items: impl Iterator<Item = ProcoreItem>, facts: &Facts<'_>) -> Option<Outcome> {
    let links = items
        .map(|item| {
            facts.link_of(item).map(|link| NewLink {
                item,
                origin_id: link.origin_id.clone(),
                origin_code: link.origin_code.clone(),
                quickbooks_id: link.quickbooks_id.clone(),
                edit_sequence: link.edit_sequence.clone(),
                tell_procore: true,
                stands_as: link.stands_as,
            })
        })
        .collect::<Option<Vec<_>>>()?;
    let effects = Effects {
        links,
        ..Effects::default()
    };
    Some(Outcome::Done(effects, Vec::new()))
}

/// The link of a record that stands there, before its lines could be read: whatever becomes of the reading, it is never
/// added again.
pub(super) fn first_link(item: ProcoreItem, kind: RecordKind, txn_id: &str) -> Effects {
    Effects {
        links: vec![NewLink {
            item,
            origin_id: txn_id.to_owned(),
            origin_code: None,
            quickbooks_id: txn_id.to_owned(),
            edit_sequence: None,
            tell_procore: false,
            stands_as: stands_as(item, kind),
        }],
        ..Effects::default()
    }
}

/// What came of an Add.
#[derive(Debug)]
pub(super) enum Sent {
    /// It is there, with its lines.
    Whole(Written),
    /// It is there, and this is its `TxnID`; its lines must be asked for.
    There(String),
    /// The same again after a while.
    Later(String),
    /// QuickBooks does not say whether it is there: go and look.
    Unsure,
    /// Refused.
    Refused(Failure),
}

/// Reads the answer to an Add.
pub(super) fn sent<R: YaDeserialize + Into<Written>>(answers: &[Response], ret: &str, what: &str) -> Sent {
    match answers::added(answers, ret, what) {
        Added::Done(recovery) => {
            let whole = answers
                .first()
                .and_then(|response| response.record::<R>(ret))
                .and_then(Result::ok)
                .map(Into::into)
                .filter(|written: &Written| !written.lines.is_empty());
            whole.map_or(Sent::There(recovery.id), Sent::Whole)
        }
        Added::Later(reason) => Sent::Later(reason),
        Added::Unsure => Sent::Unsure,
        Added::Refused(failure) => Sent::Refused(failure),
        // Transactions share no names; should QuickBooks say so all the same, its own words are told.
        Added::Taken => Sent::Refused(answers.first().map_or_else(
            || answers::unreadable(what, "QuickBooks gave no answer."),
            |response| answers::refused(what, &response.status),
        )),
    }
}

/// The transactions a query found; none is a result.
pub(super) fn found<R: YaDeserialize + Into<Written>>(
    answers: &[Response],
    ret: &str,
    what: &str,
) -> Result<Vec<Written>, Trouble> {
    let [response] = answers else {
        return Err(Trouble::Failed(answers::unreadable(
            what,
            "QuickBooks did not give one answer to one query.",
        )));
    };
    let status = &response.status;
    match status.retry_class() {
        RetryClass::Done | RetryClass::Nothing | RetryClass::Warning => {}
        RetryClass::Again => return Err(Trouble::Later(format!("{what} waits: {}", status.told()))),
        // The id names nothing (any more).
        _ if matches!(status.code, 3000 | 3120) => return Ok(Vec::new()),
        _ => {
            return Err(Trouble::Failed(Failure {
                code: FailureCode::Refused,
                messages: vec![format!(
                    "{what} could not be looked up in QuickBooks. {}",
                    status.told()
                )],
                status_code: Some(status.code),
            }));
        }
    }
    response
        .records::<R>(ret)
        .map(|record| record.map(Into::into))
        .collect::<Result<_, _>>()
        .map_err(|error| Trouble::Failed(answers::unreadable(what, &error.to_string())))
}

/// Ours among the transactions with our number: by our own id, and with the vendor or job we name, for a record that was
/// unlinked and sent anew keeps its id. Of several, the one with our total.
pub(super) fn ours(
    found: Vec<Written>,
    external_guid: &str,
    party: Option<&str>,
    total: Money,
) -> Option<Written> {
    let mut ours: Vec<Written> = found
        .into_iter()
        .filter(|written| {
            let is_ours = written
                .external_guid
                .as_deref()
                .is_some_and(|guid| !external_guid.is_empty() && same_guid(guid, external_guid));
            let party_fits = match (written.party_list_id.as_deref(), party) {
                (Some(theirs), Some(ours)) => theirs == ours,
                _ => true,
            };
            is_ours && party_fits
        })
        .collect();
    let best = ours
        .iter()
        .position(|written| written.total == Some(total))
        .unwrap_or(0);
    (best < ours.len()).then(|| ours.swap_remove(best))
}

/// What was sent, to compare with what stands in QuickBooks.
#[derive(Debug)]
pub(super) struct Expected<'a> {
    /// The Procore record.
    pub(super) item: ProcoreItem,
    /// What a person calls it: `The commitment SC-001`.
    pub(super) what: &'a str,
    /// What it is in QuickBooks.
    pub(super) kind: RecordKind,
    /// The number it was sent with.
    pub(super) ref_number: Option<&'a str>,
    /// The sum of its lines.
    pub(super) total: Money,
    /// Its lines in order: the Procore line, if it is one, and the amount.
    pub(super) lines: &'a [(Option<ProcoreItem>, Money)],
}

/// What a link must say of its record: nothing, if the type of the Procore record says it.
pub(super) fn stands_as(item: ProcoreItem, kind: RecordKind) -> Option<RecordKind> {
    (record_kind(item.item_type) != Some(kind)).then_some(kind)
}

/// The end of an export whose record stands in QuickBooks: its links, and a failure where it does not say what was sent.
/// The record's own link is kept in any case, or a second attempt would write it twice.
pub(super) fn concluded(written: &Written, expected: &Expected<'_>) -> Outcome {
    let what = expected.what;
    let number = written
        .ref_number
        .clone()
        .or_else(|| expected.ref_number.map(str::to_owned));
    let mut effects = Effects {
        links: vec![NewLink {
            item: expected.item,
            origin_id: written.txn_id.clone(),
            origin_code: number.clone(),
            quickbooks_id: written.txn_id.clone(),
            edit_sequence: written.edit_sequence.clone(),
            tell_procore: true,
            stands_as: stands_as(expected.item, expected.kind),
        }],
        ..Effects::default()
    };
    let there = format!(
        "{what} is in QuickBooks as {} {}",
        expected.kind.word(),
        number.as_deref().unwrap_or("without a number")
    );
    let mut faults = Vec::new();
    if written.lines.len() == expected.lines.len() {
        for ((line_id, amount), (item, sent)) in written.lines.iter().zip(expected.lines) {
            if amount.is_some_and(|amount| amount != *sent) {
                faults.push(format!(
                    "{there}, but one of its lines there is {} instead of {sent}.",
                    amount.unwrap_or_default()
                ));
            }
            effects.links.extend(item.map(|item| NewLink {
                item,
                origin_id: line_id.clone(),
                origin_code: None,
                quickbooks_id: line_id.clone(),
                edit_sequence: None,
                tell_procore: true,
                stands_as: None,
            }));
        }
    } else {
        faults.push(format!(
            "{there}, but it has {} lines there and {} were sent, so its lines could not be linked.",
            written.lines.len(),
            expected.lines.len()
        ));
    }
    if let Some(total) = written.total.filter(|total| *total != expected.total) {
        faults.push(format!(
            "{there}, but its total there is {total} instead of {} (difference {}).",
            expected.total,
            total - expected.total
        ));
    }
    if faults.is_empty() {
        return Outcome::Done(effects, Vec::new());
    }
    faults.push(format!(
        "That is not what was sent. Correct the {0} in QuickBooks; or delete it there, unlink it in the ERP Integrations tool, and \
         export again.",
        expected.kind.word()
    ));
    Outcome::Failed(Failure::all(FailureCode::AmountMismatch, faults), effects)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(guid: &str, vendor: &str, cents: i64) -> Written {
        Written {
            txn_id: format!("{guid}-{vendor}-{cents}"),
            party_list_id: Some(vendor.into()),
            total: Some(Money::from_cents(cents)),
            external_guid: Some(guid.into()),
            ..Written::default()
        }
    }

    #[test]
    fn ours_is_found_by_guid_and_vendor_and_best_by_total() {
        let total = Money::from_cents(100);
        let find = |found| ours(found, "{A}", Some("V"), total).map(|written| written.txn_id);
        assert_eq!(find(vec![]), None);
        assert_eq!(find(vec![written("{b}", "V", 100)]), None);
        assert_eq!(find(vec![written("{a}", "W", 100)]), None);
        assert_eq!(
            find(vec![written("{a}", "V", 90), written("{a}", "V", 100)]).as_deref(),
            Some("{a}-V-100")
        );
        assert_eq!(find(vec![written("{a}", "V", 90)]).as_deref(), Some("{a}-V-90"));
        assert_eq!(ours(vec![written("", "V", 100)], "", Some("V"), total), None);
    }
}
