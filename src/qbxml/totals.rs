//! What transactions come to: their total, what of it stands on single items, and what has been paid of it.
//!
//! What may not live here: what the figures are compared with.

use yaserde::YaDeserialize;

use super::{
    Access, ListRef, Money, Request, UnreadableRecord, response::Piece, standing::LinkedTransaction,
    transaction::TransactionQuery,
};

/// Kinds of transactions that are added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TotalsOf {
    /// Estimates.
    Estimate,
    /// Purchase orders.
    PurchaseOrder,
    /// Bills.
    Bill,
    /// Vendor credits.
    VendorCredit,
}

/// What one transaction comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Its id.
    pub txn_id: String,
    /// Its number.
    pub ref_number: Option<String>,
    /// The job it is for, its first line at least.
    pub job_list_id: Option<String>,
    /// All its lines.
    pub total: Money,
    /// Its lines: item and amount. Those of a vendor credit are negative, as the costs they take back.
    pub lines: Vec<(Option<String>, Money)>,
    /// Checks and card payments that apply to it.
    pub paid: Money,
}

#[derive(Debug, Default, YaDeserialize)]
struct LineRet {
    #[yaserde(rename = "ItemRef")]
    item: Option<ListRef>,
    #[yaserde(rename = "Amount")]
    amount: Option<Money>,
    #[yaserde(rename = "CustomerRef")]
    customer: Option<ListRef>,
}

#[derive(Debug, Default, YaDeserialize)]
struct TotalsRet {
    #[yaserde(rename = "TxnID")]
    txn_id: String,
    #[yaserde(rename = "RefNumber")]
    ref_number: Option<String>,
    #[yaserde(rename = "CustomerRef")]
    customer: Option<ListRef>,
    #[yaserde(rename = "LinkedTxn")]
    linked: Vec<LinkedTransaction>,
    #[yaserde(rename = "ExpenseLineRet")]
    expense_lines: Vec<LineRet>,
    #[yaserde(rename = "ItemLineRet")]
    item_lines: Vec<LineRet>,
    #[yaserde(rename = "PurchaseOrderLineRet")]
    order_lines: Vec<LineRet>,
    #[yaserde(rename = "EstimateLineRet")]
    estimate_lines: Vec<LineRet>,
}

impl TotalsOf {
    fn query_element(self) -> &'static str {
        match self {
            Self::Estimate => "EstimateQueryRq",
            Self::PurchaseOrder => "PurchaseOrderQueryRq",
            Self::Bill => "BillQueryRq",
            Self::VendorCredit => "VendorCreditQueryRq",
        }
    }

    /// The element of one in an answer.
    fn ret_element(self) -> &'static str {
        match self {
            Self::Estimate => "EstimateRet",
            Self::PurchaseOrder => "PurchaseOrderRet",
            Self::Bill => "BillRet",
            Self::VendorCredit => "VendorCreditRet",
        }
    }

    /// What a person calls one.
    pub fn word(self) -> &'static str {
        match self {
            Self::Estimate => "estimate",
            Self::PurchaseOrder => "purchase order",
            Self::Bill => "bill",
            Self::VendorCredit => "vendor credit",
        }
    }

    /// Asks for these transactions. One that is not there can spoil the answer for the others (3120).
    pub fn query(self, txn_ids: &[String]) -> Request {
        let wanted: &[&str] = match self {
            Self::Estimate => &["TxnID", "CustomerRef", "RefNumber", "EstimateLineRet"],
            Self::PurchaseOrder => &["TxnID", "RefNumber", "PurchaseOrderLineRet"],
            Self::Bill => &["TxnID", "RefNumber", "LinkedTxn", "ExpenseLineRet", "ItemLineRet"],
            Self::VendorCredit => &["TxnID", "RefNumber", "ExpenseLineRet", "ItemLineRet"],
        };
        let request = TransactionQuery::by_ids_with_lines(txn_ids, self == Self::Bill)
            .request(self.query_element(), wanted);
        debug_assert_eq!(request.access, Access::Read);
        request
    }

    /// Reads one record of an answer; `None`: it is no such transaction.
    pub fn read(self, piece: &Piece<'_>) -> Option<Result<Totals, UnreadableRecord>> {
        (piece.name == self.ret_element()).then(|| piece.read::<TotalsRet>().map(|ret| totals(ret, self)))
    }
}

fn totals(ret: TotalsRet, of: TotalsOf) -> Totals {
    let signed = |amount: Money| {
        if of == TotalsOf::VendorCredit {
            -amount
        } else {
            amount
        }
    };
    let all: Vec<LineRet> = ret
        .expense_lines
        .into_iter()
        .chain(ret.item_lines)
        .chain(ret.order_lines)
        .chain(ret.estimate_lines)
        .collect();
    let mut customers = ret
        .customer
        .iter()
        .chain(all.iter().filter_map(|line| line.customer.as_ref()));
    let job_list_id = customers.find_map(|customer| customer.list_id.clone());
    let lines: Vec<(Option<String>, Money)> = all
        .into_iter()
        .filter_map(|line| {
            let item = line.item.and_then(|item| item.list_id);
            Some((item, signed(line.amount?)))
        })
        .collect();
    // A payment stands on its bill with a negative amount.
    let paid: Money = ret
        .linked
        .iter()
        .filter(|linked| linked.kind.starts_with("BillPayment"))
        .filter_map(|linked| linked.amount)
        .sum();
    Totals {
        txn_id: ret.txn_id,
        ref_number: ret.ref_number,
        job_list_id,
        total: lines.iter().map(|(_, amount)| *amount).sum(),
        lines,
        paid: -paid,
    }
}

/// Every kind of query that is sent, for the test against Intuit's schema.
#[cfg(test)]
pub(super) fn every_query() -> Vec<Request> {
    [
        TotalsOf::Estimate,
        TotalsOf::PurchaseOrder,
        TotalsOf::Bill,
        TotalsOf::VendorCredit,
    ]
    .map(|of| of.query(&["5A-1".to_owned(), "5A-2".to_owned()]))
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qbxml::Response;

    #[test]
    fn a_bill_comes_to_its_lines_and_what_checks_pay_of_it() {
        let content = "<BillRet><TxnID>5C-1</TxnID><RefNumber>9348</RefNumber>\
            <LinkedTxn><TxnID>6A-1</TxnID><TxnType>BillPaymentCheck</TxnType><Amount>-500.00</Amount></LinkedTxn>\
            <LinkedTxn><TxnID>5A-1</TxnID><TxnType>PurchaseOrder</TxnType><Amount>-9.00</Amount></LinkedTxn>\
            <ItemLineRet><ItemRef><ListID>I1</ListID></ItemRef><Amount>1000.00</Amount><CustomerRef><ListID>J</ListID></CustomerRef></ItemLineRet>\
            <ItemLineRet><ItemRef><ListID>R</ListID></ItemRef><Amount>-100.10</Amount></ItemLineRet></BillRet>";
        let response = Response::ok("BillQueryRs", content);
        let piece = response.pieces().next().unwrap();
        let bill = TotalsOf::Bill.read(&piece).unwrap().unwrap();
        assert_eq!(bill.total, Money::from_cents(89_990));
        assert_eq!(bill.job_list_id.as_deref(), Some("J"));
        assert_eq!(bill.paid, Money::from_cents(50_000));
        assert_eq!(bill.lines[1], (Some("R".to_owned()), Money::from_cents(-10_010)));
        assert!(TotalsOf::Estimate.read(&piece).is_none());
    }

    // COMP-44
    #[test]
    fn comp_44_a_vendor_credit_takes_costs_back() {
        let content = "<VendorCreditRet><TxnID>5D-1</TxnID><CreditAmount>60.00</CreditAmount>\
            <ItemLineRet><ItemRef><ListID>I1</ListID></ItemRef><Amount>75.00</Amount></ItemLineRet>\
            <ItemLineRet><ItemRef><ListID>R</ListID></ItemRef><Amount>-15.00</Amount></ItemLineRet></VendorCreditRet>";
        let response = Response::ok("VendorCreditQueryRs", content);
        let piece = response.pieces().next().unwrap();
        let credit = TotalsOf::VendorCredit.read(&piece).unwrap().unwrap();
        assert_eq!(credit.total, Money::from_cents(-6_000));
        assert_eq!(credit.lines[1], (Some("R".to_owned()), Money::from_cents(1_500)));
    }
}
