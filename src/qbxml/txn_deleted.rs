//! What was deleted: QuickBooks remembers deleted transactions for 90 days.

use yaserde::{YaDeserialize, YaSerialize};

use super::{Access, Request};

/// The element of a deleted transaction.
pub const RET: &str = "TxnDeletedRet";
/// A deleted payment by check.
pub const BILL_PAYMENT_CHECK: &str = "BillPaymentCheck";
/// A deleted payment by credit card.
pub const BILL_PAYMENT_CREDIT_CARD: &str = "BillPaymentCreditCard";

/// A deleted transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct TxnDeletedRet {
    /// What it was.
    #[yaserde(rename = "TxnDelType")]
    pub txn_del_type: String,
    /// Its id, never used again.
    #[yaserde(rename = "TxnID")]
    pub txn_id: String,
}

#[derive(YaSerialize)]
struct DeletedDateRange {
    #[yaserde(rename = "FromDeletedDate")]
    from: String,
}

#[derive(YaSerialize)]
struct TxnDeletedQueryRq {
    #[yaserde(rename = "TxnDelType")]
    types: Vec<String>,
    #[yaserde(rename = "DeletedDateRangeFilter")]
    deleted: Option<DeletedDateRange>,
}

/// Asks for transactions of these kinds that were deleted at or after this local time (no offset), of the last 90 days
/// at most. QuickBooks cannot page this query.
pub fn query(types: &[&str], from: &str) -> Request {
    let from = from.to_owned();
    of_types(types, Some(DeletedDateRange { from }))
}

/// Asks for transactions of these kinds that were deleted in the last 90 days.
pub fn query_all(types: &[&str]) -> Request {
    of_types(types, None)
}

fn of_types(types: &[&str], deleted: Option<DeletedDateRange>) -> Request {
    let model = TxnDeletedQueryRq {
        types: types.iter().map(ToString::to_string).collect(),
        deleted,
    };
    Request::new("TxnDeletedQueryRq", Access::Read, &model)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qbxml::read_message_set;

    #[test]
    fn the_query_stands_in_schema_order() {
        let request = query(
            &[BILL_PAYMENT_CHECK, BILL_PAYMENT_CREDIT_CARD],
            "2026-03-01T00:00:00",
        );
        assert_eq!(request.element, "TxnDeletedQueryRq");
        assert_eq!(
            request.body,
            "<TxnDelType>BillPaymentCheck</TxnDelType><TxnDelType>BillPaymentCreditCard</TxnDelType>\
             <DeletedDateRangeFilter><FromDeletedDate>2026-03-01T00:00:00</FromDeletedDate></DeletedDateRangeFilter>"
        );
    }

    #[test]
    fn the_sample_is_read() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../shared/reference/qbxml-samples/synthetic/txn-deleted-query.xml");
        let Ok(text) = std::fs::read_to_string(&file) else {
            eprintln!("SKIPPED: {} is not there", file.display());
            return;
        };
        let answer = read_message_set(text).unwrap();
        let deleted: Vec<TxnDeletedRet> = answer.responses[0].records(RET).map(Result::unwrap).collect();
        assert_eq!(deleted.len(), 2);
        assert_eq!(
            (deleted[1].txn_del_type.as_str(), deleted[1].txn_id.as_str()),
            (BILL_PAYMENT_CHECK, "5D70-1772929999")
        );
    }
}
