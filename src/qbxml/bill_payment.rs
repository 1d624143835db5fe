//! Bill payments, by check and by credit card: what QuickBooks tells of money that went to bills.
//!
//! What may not live here: which bills are ours, and what Procore is told.

use yaserde::{YaDeserialize, YaSerialize};

use super::{Access, Money, Request};

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
