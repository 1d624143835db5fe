//! Bills: what Procore calls subcontractor invoices. The amount due is the sum of the lines; it cannot be sent.

use yaserde::{YaDeserialize, YaSerialize};

use super::{Access, ListRef, Money, Price, Quantity, Request, transaction::TransactionQuery};

/// The longest number.
pub const REF_NUMBER_MAX: usize = 20;
/// The longest memo.
pub const MEMO_MAX: usize = 4095;
/// The longest text of a line.
pub const DESC_MAX: usize = 4095;
/// Keeps a line out of the "billable time and costs" prompts. It needs a job on the line.
pub const NOT_BILLABLE: &str = "NotBillable";

/// A new bill, in schema order.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize)]
pub struct BillAdd {
    /// Who sent it.
    #[yaserde(rename = "VendorRef")]
    pub vendor: ListRef,
    /// Its date, `YYYY-MM-DD`.
    #[yaserde(rename = "TxnDate")]
    pub txn_date: String,
    /// When it is due; without one the vendor's terms apply.
    #[yaserde(rename = "DueDate")]
    pub due_date: Option<String>,
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

/// An item line of a new bill, in schema order.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize)]
pub struct ItemLineAdd {
    /// What is billed. Never together with a purchase order line, which has its own.
    #[yaserde(rename = "ItemRef")]
    pub item: Option<ListRef>,
    /// Its text.
    #[yaserde(rename = "Desc")]
    pub desc: Option<String>,
    /// How much, where quantities count.
    #[yaserde(rename = "Quantity")]
    pub quantity: Option<Quantity>,
    /// The price of one. Never together with the amount: QuickBooks would ignore it (qbxml.md §8).
    #[yaserde(rename = "Cost")]
    pub cost: Option<Price>,
    /// The sum of the line.
    #[yaserde(rename = "Amount")]
    pub amount: Option<Money>,
    /// The job it is for.
    #[yaserde(rename = "CustomerRef")]
    pub customer: ListRef,
    /// Its class, where classes are written.
    #[yaserde(rename = "ClassRef")]
    pub class: Option<ListRef>,
    /// Whether the owner is to be billed for it.
    #[yaserde(rename = "BillableStatus")]
    pub billable_status: String,
    /// The purchase order line that it receives.
    #[yaserde(rename = "LinkToTxn")]
    pub link: Option<LinkToTxn>,
}

/// A line of another transaction that a line is linked to. It cannot be undone.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize)]
pub struct LinkToTxn {
    /// The purchase order.
    #[yaserde(rename = "TxnID")]
    pub txn_id: String,
    /// Its line.
    #[yaserde(rename = "TxnLineID")]
    pub txn_line_id: String,
}

#[derive(YaSerialize)]
struct BillAddRq {
    #[yaserde(rename = "BillAdd")]
    add: BillAdd,
    #[yaserde(rename = "IncludeRetElement")]
    include: Vec<String>,
}

/// A bill, as far as we ask for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct BillRet {
    /// Its id.
    #[yaserde(rename = "TxnID")]
    pub txn_id: String,
    /// Changes with every change, and with every payment.
    #[yaserde(rename = "EditSequence")]
    pub edit_sequence: Option<String>,
    /// Who sent it.
    #[yaserde(rename = "VendorRef")]
    pub vendor: Option<ListRef>,
    /// The sum of its lines.
    #[yaserde(rename = "AmountDue")]
    pub amount_due: Option<Money>,
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

/// An item line of a bill, as far as we use it.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct ItemLineRet {
    /// Its id.
    #[yaserde(rename = "TxnLineID")]
    pub txn_line_id: String,
    /// The sum of the line.
    #[yaserde(rename = "Amount")]
    pub amount: Option<Money>,
}

/// What is asked back, lines included.
const WANTED: [&str; 7] = [
    "TxnID",
    "EditSequence",
    "VendorRef",
    "AmountDue",
    "RefNumber",
    "ExternalGUID",
    "ItemLineRet",
];

/// Adds it; the answer holds its ids, its total and its lines.
pub fn add(add: BillAdd) -> Request {
    let include = WANTED.map(str::to_owned).to_vec();
    Request::new("BillAddRq", Access::Write, &BillAddRq { add, include })
}

/// Asks for one bill with its lines.
pub fn by_id(txn_id: &str) -> Request {
    TransactionQuery::by_id(txn_id).request("BillQueryRq", &WANTED)
}

/// Asks for the bills with this number, with their lines. Case does not count, and numbers repeat: each vendor has its
/// own.
pub fn by_ref_number(ref_number: &str) -> Request {
    TransactionQuery::by_ref_number(ref_number).request("BillQueryRq", &WANTED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qbxml::Response;

    #[test]
    fn a_bill_is_written_in_schema_order_with_nothing_empty() {
        let request = add(BillAdd {
            vendor: ListRef::by_id("V"),
            txn_date: "2026-03-31".into(),
            due_date: None,
            ref_number: "9348".into(),
            memo: Some("March".into()),
            external_guid: Some("{g}".into()),
            lines: vec![ItemLineAdd {
                item: Some(ListRef::by_id("I")),
                desc: Some("Forms".into()),
                quantity: None,
                cost: None,
                amount: Some(Money::from_cents(-10_000)),
                customer: ListRef::by_id("J"),
                class: Some(ListRef::by_id("C")),
                billable_status: NOT_BILLABLE.into(),
                link: None,
            }],
        });
        assert!(
            request.body.starts_with(
                "<BillAdd><VendorRef><ListID>V</ListID></VendorRef><TxnDate>2026-03-31</TxnDate>\
                 <RefNumber>9348</RefNumber><Memo>March</Memo><ExternalGUID>{g}</ExternalGUID><ItemLineAdd>\
                 <ItemRef><ListID>I</ListID></ItemRef><Desc>Forms</Desc><Amount>-100.00</Amount>\
                 <CustomerRef><ListID>J</ListID></CustomerRef><ClassRef><ListID>C</ListID></ClassRef>\
                 <BillableStatus>NotBillable</BillableStatus>\
                 </ItemLineAdd></BillAdd><IncludeRetElement>TxnID</IncludeRetElement>"
            ),
            "{}",
            request.body
        );
        assert_eq!(request.access, Access::Write);
    }

    #[test]
    fn a_bill_is_read_with_its_lines() {
        let response = Response::ok(
            "BillQueryRs",
            "<BillRet><TxnID>T</TxnID><EditSequence>9</EditSequence><VendorRef><ListID>V</ListID></VendorRef>\
             <AmountDue>750.00</AmountDue><RefNumber>1</RefNumber><ItemLineRet><TxnLineID>L1</TxnLineID>\
             <Amount>750.00</Amount><BillableStatus>NotBillable</BillableStatus></ItemLineRet></BillRet>",
        );
        let bill: BillRet = response.record("BillRet").unwrap().unwrap();
        assert_eq!(bill.amount_due, Some(Money::from_cents(75_000)));
        assert_eq!(bill.lines[0].txn_line_id, "L1");
        assert_eq!(bill.external_guid, None);
    }
}
