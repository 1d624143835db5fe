//! Whether one transaction still stands, and what hangs on it: asked before it is forgotten.
//!
//! What may not live here: what follows from it.

use serde::{Deserialize, Serialize};
use yaserde::YaDeserialize;

use super::{
    Money, Request, Response, UnreadableRecord, identity::RecordKind, transaction::TransactionQuery,
};

/// Elements that are asked for.
const WANTED: [&str; 3] = ["TxnID", "RefNumber", "LinkedTxn"];

/// A transaction that stands, with what is linked to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct Standing {
    /// Its id.
    #[yaserde(rename = "TxnID")]
    pub txn_id: String,
    /// Its number.
    #[yaserde(rename = "RefNumber")]
    pub ref_number: Option<String>,
    /// What is linked to it: payments and credits of a bill or an invoice, bills of a purchase order.
    #[yaserde(rename = "LinkedTxn")]
    pub linked: Vec<LinkedTransaction>,
}

/// A transaction that is linked to another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, YaDeserialize)]
pub struct LinkedTransaction {
    /// `BillPaymentCheck`, `VendorCredit` and so on.
    #[yaserde(rename = "TxnType")]
    pub kind: String,
    /// Its date, `YYYY-MM-DD`.
    #[yaserde(rename = "TxnDate")]
    pub date: Option<String>,
    /// Its number.
    #[yaserde(rename = "RefNumber")]
    pub ref_number: Option<String>,
    /// How much of it applies.
    #[yaserde(rename = "Amount")]
    pub amount: Option<Money>,
}

impl LinkedTransaction {
    /// What a person calls it: "check 1042 of 2026-03-31".
    pub fn label(&self) -> String {
        let kind = match self.kind.as_str() {
            "BillPaymentCheck" => "check",
            "BillPaymentCreditCard" => "credit card payment",
            "VendorCredit" => "vendor credit",
            "Bill" => "bill",
            "ReceivePayment" => "payment received",
            "CreditMemo" => "credit memo",
            "Deposit" => "deposit",
            "PurchaseOrder" => "purchase order",
            other => other,
        };
        let mut label = kind.to_owned();
        if let Some(number) = self.ref_number.as_deref().filter(|number| !number.is_empty()) {
            label.push(' ');
            label.push_str(number);
        }
        if let Some(date) = &self.date {
            label.push_str(" of ");
            label.push_str(date);
        }
        label
    }
}

/// Asks for one transaction of this kind. If it is not there, QuickBooks answers 500 or 3120.
pub fn query(kind: RecordKind, txn_id: &str) -> Request {
    TransactionQuery::by_id_with_links(txn_id).request(kind.query_element(), &WANTED)
}

/// Reads the answer to [`query`]; `None`: it is not there.
pub fn read(kind: RecordKind, response: &Response) -> Option<Result<Standing, UnreadableRecord>> {
    response.record(kind.ret_element())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_is_read_with_its_payments() {
        let content = "<BillRet><TxnID>5C-1</TxnID><RefNumber>9348</RefNumber><LinkedTxn><TxnID>6A-1</TxnID>\
            <TxnType>BillPaymentCheck</TxnType><TxnDate>2026-03-31</TxnDate><RefNumber>1042</RefNumber>\
            <LinkType>AMTTYPE</LinkType><Amount>-500.00</Amount></LinkedTxn></BillRet>";
        let response = Response::ok("BillQueryRs", content);
        let bill = read(RecordKind::Bill, &response).unwrap().unwrap();
        assert_eq!(
            (bill.txn_id.as_str(), bill.ref_number.as_deref()),
            ("5C-1", Some("9348"))
        );
        assert_eq!(bill.linked[0].label(), "check 1042 of 2026-03-31");
        let gone = Response::failed("BillQueryRs", 500, "not found");
        assert!(read(RecordKind::Bill, &gone).is_none());
    }
}
