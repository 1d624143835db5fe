//! Vendor credits: what a vendor owes us. As a bill, the other way round: what lowers the vendor's balance is positive here.

use yaserde::{YaDeserialize, YaSerialize};

use super::{
    Access, ListRef, Money, Quantity, Request,
    bill::{BillAdd, ItemLineAdd, ItemLineRet},
    transaction::TransactionQuery,
};

/// A new vendor credit, in schema order. Its number, memo and lines are as long as a bill's.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize)]
pub struct VendorCreditAdd {
    /// Who owes it.
    #[yaserde(rename = "VendorRef")]
    pub vendor: ListRef,
    /// Its date, `YYYY-MM-DD`.
    #[yaserde(rename = "TxnDate")]
    pub txn_date: String,
    /// Its number.
    #[yaserde(rename = "RefNumber")]
    pub ref_number: String,
    /// A note.
    #[yaserde(rename = "Memo")]
    pub memo: Option<String>,
    /// Our own id for it, in braces.
    #[yaserde(rename = "ExternalGUID")]
    pub external_guid: Option<String>,
    /// Its lines, in order.
    #[yaserde(rename = "ItemLineAdd")]
    pub lines: Vec<ItemLineAdd>,
}

impl From<BillAdd> for VendorCreditAdd {
    /// The same lines with their signs turned. A credit is never due.
    fn from(bill: BillAdd) -> Self {
        let turned = |line: ItemLineAdd| ItemLineAdd {
            quantity: line.quantity.map(Quantity::negated),
            amount: line.amount.map(|amount| -amount),
            ..line
        };
        Self {
            vendor: bill.vendor,
            txn_date: bill.txn_date,
            ref_number: bill.ref_number,
            memo: bill.memo,
            external_guid: bill.external_guid,
            lines: bill.lines.into_iter().map(turned).collect(),
        }
    }
}

#[derive(YaSerialize)]
struct VendorCreditAddRq {
    #[yaserde(rename = "VendorCreditAdd")]
    add: VendorCreditAdd,
    #[yaserde(rename = "IncludeRetElement")]
    include: Vec<String>,
}

/// A vendor credit, as far as we ask for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct VendorCreditRet {
    /// Its id.
    #[yaserde(rename = "TxnID")]
    pub txn_id: String,
    /// Changes with every change.
    #[yaserde(rename = "EditSequence")]
    pub edit_sequence: Option<String>,
    /// Who owes it.
    #[yaserde(rename = "VendorRef")]
    pub vendor: Option<ListRef>,
    /// The sum of its lines.
    #[yaserde(rename = "CreditAmount")]
    pub credit_amount: Option<Money>,
    /// Its number.
    #[yaserde(rename = "RefNumber")]
    pub ref_number: Option<String>,
    /// Our own id for it, where we made it.
    #[yaserde(rename = "ExternalGUID")]
    pub external_guid: Option<String>,
    /// Its item lines, in order.
    #[yaserde(rename = "ItemLineRet")]
    pub lines: Vec<ItemLineRet>,
}

/// What is asked back, lines included.
const WANTED: [&str; 7] = [
    "TxnID",
    "EditSequence",
    "VendorRef",
    "CreditAmount",
    "RefNumber",
    "ExternalGUID",
    "ItemLineRet",
];

/// Adds it; the answer holds its ids, its total and its lines.
pub fn add(add: VendorCreditAdd) -> Request {
    let include = WANTED.map(str::to_owned).to_vec();
    Request::new(
        "VendorCreditAddRq",
        Access::Write,
        &VendorCreditAddRq { add, include },
    )
}

/// Asks for one vendor credit with its lines.
pub fn by_id(txn_id: &str) -> Request {
    TransactionQuery::by_id(txn_id).request("VendorCreditQueryRq", &WANTED)
}

/// Asks for the vendor credits with this number, with their lines. Case does not count, and numbers repeat.
pub fn by_ref_number(ref_number: &str) -> Request {
    TransactionQuery::by_ref_number(ref_number).request("VendorCreditQueryRq", &WANTED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qbxml::{Price, Response, bill};

    // COMP-44
    #[test]
    fn comp_44_a_bill_below_zero_turned_round_is_written_in_schema_order() {
        let line = |quantity: Option<&str>, amount: Option<i64>| ItemLineAdd {
            item: Some(ListRef::by_id("I")),
            quantity: quantity.map(|text| Quantity::parse(text).unwrap()),
            cost: quantity.map(|_| Price::parse("2.50").unwrap()),
            amount: amount.map(Money::from_cents),
            customer: ListRef::by_id("J"),
            billable_status: bill::NOT_BILLABLE.into(),
            ..ItemLineAdd::default()
        };
        let bill = BillAdd {
            vendor: ListRef::by_id("V"),
            txn_date: "2026-03-31".into(),
            due_date: Some("2026-04-30".into()),
            ref_number: "9348".into(),
            external_guid: Some("{g}".into()),
            lines: vec![
                line(None, Some(-10_000)),
                line(Some("-4"), None),
                line(None, Some(250)),
            ],
            ..BillAdd::default()
        };
        let request = add(bill.into());
        assert_eq!(
            (request.element, request.access),
            ("VendorCreditAddRq", Access::Write)
        );
        let rest = "<CustomerRef><ListID>J</ListID></CustomerRef><BillableStatus>NotBillable</BillableStatus></ItemLineAdd>";
        let item = "<ItemLineAdd><ItemRef><ListID>I</ListID></ItemRef>";
        assert!(
            request.body.starts_with(&format!(
                "<VendorCreditAdd><VendorRef><ListID>V</ListID></VendorRef><TxnDate>2026-03-31</TxnDate>\
                 <RefNumber>9348</RefNumber><ExternalGUID>{{g}}</ExternalGUID>{item}<Amount>100.00</Amount>{rest}\
                 {item}<Quantity>4</Quantity><Cost>2.5</Cost>{rest}{item}<Amount>-2.50</Amount>{rest}</VendorCreditAdd>"
            )),
            "{}",
            request.body
        );
    }

    #[test]
    fn a_vendor_credit_is_read_with_its_lines() {
        let response = Response::ok(
            "VendorCreditQueryRs",
            "<VendorCreditRet><TxnID>T</TxnID><EditSequence>9</EditSequence><CreditAmount>50.00</CreditAmount>\
             <ItemLineRet><TxnLineID>L1</TxnLineID><Amount>50.00</Amount></ItemLineRet></VendorCreditRet>",
        );
        let credit: VendorCreditRet = response.record("VendorCreditRet").unwrap().unwrap();
        assert_eq!(credit.credit_amount, Some(Money::from_cents(5_000)));
        assert_eq!(credit.lines[0].txn_line_id, "L1");
    }
}
