//! Bill payments, by check and by credit card: what QuickBooks tells of money that went to bills.
//!
//! What may not live here: which bills are ours, and what Procore is told.

use yaserde::{YaDeserialize, YaSerialize};

use super::{Access, ListRef, Money, Request, transaction::TransactionQuery};

/// The element of a payment by check.
pub const CHECK_RET: &str = "BillPaymentCheckRet";
/// The element of a payment by credit card.
pub const CREDIT_CARD_RET: &str = "BillPaymentCreditCardRet";
/// What the memo of a voided transaction begins with (qbxml.md §12; not confirmed).
pub const VOID_MEMO: &str = "VOID:";

/// A payment, by check or by credit card: only what is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct BillPaymentRet {
    /// Its id.
    #[yaserde(rename = "TxnID")]
    pub txn_id: String,
    /// When it was entered, with an offset that is wrong in summer (qbxml.md §8).
    #[yaserde(rename = "TimeCreated")]
    pub time_created: Option<String>,
    /// When it was last changed, in the machine's local time.
    #[yaserde(rename = "TimeModified")]
    pub time_modified: Option<String>,
    /// Its date, `YYYY-MM-DD`.
    #[yaserde(rename = "TxnDate")]
    pub txn_date: Option<String>,
    /// The whole payment; 0 once it is void.
    #[yaserde(rename = "Amount")]
    pub amount: Option<Money>,
    /// The check number or reference; none while the check waits to be printed.
    #[yaserde(rename = "RefNumber")]
    pub ref_number: Option<String>,
    /// Memo.
    #[yaserde(rename = "Memo")]
    pub memo: Option<String>,
    /// What it pays.
    #[yaserde(rename = "AppliedToTxnRet")]
    pub applied: Vec<AppliedToTxnRet>,
}

/// The part of a payment that went to one transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct AppliedToTxnRet {
    /// The bill's id.
    #[yaserde(rename = "TxnID")]
    pub txn_id: String,
    /// `Bill`, or another kind that can be paid.
    #[yaserde(rename = "TxnType")]
    pub txn_type: String,
    /// The bill's number.
    #[yaserde(rename = "RefNumber")]
    pub ref_number: Option<String>,
    /// What was paid of it, without discounts and credits.
    #[yaserde(rename = "Amount")]
    pub amount: Option<Money>,
}

#[derive(YaSerialize)]
struct ModifiedDateRange {
    #[yaserde(rename = "FromModifiedDate")]
    from: String,
}

#[derive(YaSerialize)]
struct BillPaymentQueryRq {
    #[yaserde(rename = "ModifiedDateRangeFilter")]
    modified: ModifiedDateRange,
    /// Without it the bills are left out, and no error is given.
    #[yaserde(rename = "IncludeLineItems")]
    include_line_items: bool,
    #[yaserde(rename = "IncludeRetElement")]
    include: Vec<String>,
}

fn query(element: &'static str, from: &str) -> Request {
    let include = [
        "TxnID",
        "TimeCreated",
        "TimeModified",
        "TxnDate",
        "Amount",
        "RefNumber",
        "Memo",
        "AppliedToTxnRet",
    ];
    let model = BillPaymentQueryRq {
        modified: ModifiedDateRange {
            from: from.to_owned(),
        },
        include_line_items: true,
        include: include.map(str::to_owned).to_vec(),
    };
    Request::new(element, Access::Read, &model)
}

/// Asks for the payments by check that were changed at or after this local time (no offset).
pub fn check_query(from: &str) -> Request {
    query("BillPaymentCheckQueryRq", from)
}

/// Asks for the payments by credit card that were changed at or after this local time (no offset).
pub fn credit_card_query(from: &str) -> Request {
    query("BillPaymentCreditCardQueryRq", from)
}

/// The longest check number.
pub const REF_NUMBER_MAX: usize = 11;
/// The element of a bill.
pub const BILL_RET: &str = "BillRet";

/// A check that pays bills, in schema order.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize)]
pub struct BillPaymentCheckAdd {
    /// Whom it goes to.
    #[yaserde(rename = "PayeeEntityRef")]
    pub payee: ListRef,
    /// The bill's A/P account.
    #[yaserde(rename = "APAccountRef")]
    pub ap_account: Option<ListRef>,
    /// Its date, `YYYY-MM-DD`.
    #[yaserde(rename = "TxnDate")]
    pub txn_date: Option<String>,
    /// What it is drawn on.
    #[yaserde(rename = "BankAccountRef")]
    pub bank_account: ListRef,
    /// Instead of a number.
    #[yaserde(rename = "IsToBePrinted")]
    pub is_to_be_printed: Option<bool>,
    /// Its number.
    #[yaserde(rename = "RefNumber")]
    pub ref_number: Option<String>,
    /// A note.
    #[yaserde(rename = "Memo")]
    pub memo: Option<String>,
    /// Our own id for it, in braces.
    #[yaserde(rename = "ExternalGUID")]
    pub external_guid: Option<String>,
    /// What it pays.
    #[yaserde(rename = "AppliedToTxnAdd")]
    pub applied: Vec<AppliedToTxnAdd>,
}

/// A bill that a check pays, or a part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize)]
pub struct AppliedToTxnAdd {
    /// The bill.
    #[yaserde(rename = "TxnID")]
    pub txn_id: String,
    /// How much of it.
    #[yaserde(rename = "PaymentAmount")]
    pub payment_amount: Money,
}

#[derive(YaSerialize)]
struct BillPaymentCheckAddRq {
    #[yaserde(rename = "BillPaymentCheckAdd")]
    add: BillPaymentCheckAdd,
    #[yaserde(rename = "IncludeRetElement")]
    include: Vec<String>,
}

/// A check as far as it is needed to know it again.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct OwnCheckRet {
    /// Its id.
    #[yaserde(rename = "TxnID")]
    pub txn_id: String,
    /// Changes with every change.
    #[yaserde(rename = "EditSequence")]
    pub edit_sequence: Option<String>,
    /// Our own id for it, where we made it.
    #[yaserde(rename = "ExternalGUID")]
    pub external_guid: Option<String>,
}

/// A bill as far as it matters for its payment.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct OpenBillRet {
    /// Its id.
    #[yaserde(rename = "TxnID")]
    pub txn_id: String,
    /// Whom it owes.
    #[yaserde(rename = "VendorRef")]
    pub vendor: Option<ListRef>,
    /// Its A/P account.
    #[yaserde(rename = "APAccountRef")]
    pub account: Option<ListRef>,
    /// The sum of its lines.
    #[yaserde(rename = "AmountDue")]
    pub amount_due: Option<Money>,
    /// What is linked to it.
    #[yaserde(rename = "LinkedTxn")]
    pub linked: Vec<LinkedToBill>,
}

/// Something that is linked to a bill.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct LinkedToBill {
    /// Its id.
    #[yaserde(rename = "TxnID")]
    pub txn_id: String,
    /// `BillPaymentCheck`, `VendorCredit`, `PurchaseOrder` …
    #[yaserde(rename = "TxnType")]
    pub kind: String,
    /// How much of it applies; of payments and credits below zero.
    #[yaserde(rename = "Amount")]
    pub amount: Option<Money>,
}

impl OpenBillRet {
    /// What is left to be paid: payments and credits stand on it with their amounts, what it receives does not count.
    pub fn open(&self) -> Money {
        let settles =
            |linked: &&LinkedToBill| !matches!(linked.kind.as_str(), "PurchaseOrder" | "ItemReceipt");
        let settled: Money = self
            .linked
            .iter()
            .filter(settles)
            .filter_map(|linked| linked.amount)
            .sum();
        self.amount_due.unwrap_or(Money::ZERO) + settled
    }

    /// The checks that pay it.
    pub fn checks(&self) -> Vec<String> {
        let checks = self
            .linked
            .iter()
            .filter(|linked| linked.kind == "BillPaymentCheck");
        checks.map(|linked| linked.txn_id.clone()).collect()
    }
}

/// Adds a check; the answer is kept small.
pub fn add_check(add: BillPaymentCheckAdd) -> Request {
    let include = ["TxnID", "EditSequence"].map(str::to_owned).to_vec();
    Request::new(
        "BillPaymentCheckAddRq",
        Access::Write,
        &BillPaymentCheckAddRq { add, include },
    )
}

/// Asks for checks by their ids. Of those that are not there, status 500 or 3120 tells.
pub fn checks_by_id(txn_ids: &[String]) -> Request {
    TransactionQuery::by_ids(txn_ids).request(
        "BillPaymentCheckQueryRq",
        &["TxnID", "EditSequence", "ExternalGUID"],
    )
}

/// Asks for a bill with what is linked to it.
pub fn open_bill(txn_id: &str) -> Request {
    TransactionQuery::by_id_with_links(txn_id).request(
        "BillQueryRq",
        &["TxnID", "VendorRef", "APAccountRef", "AmountDue", "LinkedTxn"],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qbxml::{Response, read_message_set};

    #[test]
    fn the_query_stands_in_schema_order() {
        let request = check_query("2026-03-01T00:00:00").iterator_start(50);
        assert_eq!(request.element, "BillPaymentCheckQueryRq");
        assert!(
            request.body.starts_with(
                "<MaxReturned>50</MaxReturned><ModifiedDateRangeFilter><FromModifiedDate>2026-03-01T00:00:00\
                 </FromModifiedDate></ModifiedDateRangeFilter><IncludeLineItems>true</IncludeLineItems>\
                 <IncludeRetElement>TxnID</IncludeRetElement>"
            ),
            "{}",
            request.body
        );
        assert!(
            request
                .body
                .ends_with("<IncludeRetElement>AppliedToTxnRet</IncludeRetElement>")
        );
        assert_eq!(credit_card_query("x").element, "BillPaymentCreditCardQueryRq");
    }

    #[test]
    fn the_samples_are_read() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../shared/reference/qbxml-samples/synthetic");
        if !folder.is_dir() {
            eprintln!("SKIPPED: {} is not there", folder.display());
            return;
        }
        let read = |file: &str, ret: &str| -> Vec<BillPaymentRet> {
            let answer = read_message_set(std::fs::read_to_string(folder.join(file)).unwrap()).unwrap();
            answer.responses[0].records(ret).map(Result::unwrap).collect()
        };
        let checks = read(
            "bill-payment-check-query-partial-discount-credit-void.xml",
            CHECK_RET,
        );
        assert_eq!(checks.len(), 4);
        assert_eq!(checks[1].applied.len(), 2);
        assert_eq!(checks[1].applied[0].amount, Some(Money::from_cents(120_988)));
        // The linked credit has a TxnID and an Amount of its own, one level deeper.
        assert_eq!(checks[1].applied[1].txn_id, "5C34-1770110000");
        assert_eq!(checks[1].applied[1].amount, Some(Money::from_cents(100_000)));
        assert!(checks[2].applied.is_empty() && checks[2].memo.as_deref().unwrap().starts_with(VOID_MEMO));
        assert_eq!(checks[3].ref_number, None);
        let cards = read("bill-payment-creditcard-query.xml", CREDIT_CARD_RET);
        assert_eq!(cards.len(), 1);
        assert_eq!(cards[0].applied[0].txn_type, "Bill");
    }

    #[test]
    fn a_payment_without_id_or_with_a_bad_amount_is_an_error() {
        for content in [
            "<BillPaymentCheckRet><Amount>1.00</Amount></BillPaymentCheckRet>",
            "<BillPaymentCheckRet><TxnID>A-1</TxnID><Amount>1,00</Amount></BillPaymentCheckRet>",
            "<BillPaymentCheckRet><TxnID>A-1</TxnID><AppliedToTxnRet><TxnID>B</TxnID></AppliedToTxnRet></BillPaymentCheckRet>",
        ] {
            let response = Response::ok("Rs", content);
            let read: Vec<_> = response.records::<BillPaymentRet>(CHECK_RET).collect();
            assert!(matches!(read[..], [Err(_)]), "{content}: {read:?}");
        }
    }
}
