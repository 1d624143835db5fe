//! Purchase orders: what Procore calls commitments. Non-posting; every line names an item and a job.

use yaserde::{YaDeserialize, YaSerialize};

use super::{Access, ListRef, Money, Price, Quantity, Request, transaction::TransactionQuery};

/// The longest number. Bills take 20; purchase orders do not.
pub const REF_NUMBER_MAX: usize = 11;
/// The longest memo.
pub const MEMO_MAX: usize = 4095;
/// The longest message to the vendor.
pub const VENDOR_MSG_MAX: usize = 99;
/// The longest text of a line.
pub const DESC_MAX: usize = 4095;

/// A new purchase order, in schema order.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize)]
pub struct PurchaseOrderAdd {
    /// Whom it goes to.
    #[yaserde(rename = "VendorRef")]
    pub vendor: ListRef,
    /// Its date, `YYYY-MM-DD`; without one QuickBooks takes the day it is written.
    #[yaserde(rename = "TxnDate")]
    pub txn_date: Option<String>,
    /// Its number.
    #[yaserde(rename = "RefNumber")]
    pub ref_number: String,
    /// A note for the books.
    #[yaserde(rename = "Memo")]
    pub memo: Option<String>,
    /// A note for the vendor.
    #[yaserde(rename = "VendorMsg")]
    pub vendor_msg: Option<String>,
    /// Our own id for it, in braces.
    #[yaserde(rename = "ExternalGUID")]
    pub external_guid: Option<String>,
    /// Its lines, in order.
    #[yaserde(rename = "PurchaseOrderLineAdd")]
    pub lines: Vec<PurchaseOrderLineAdd>,
}

/// A line of a new purchase order, in schema order.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize)]
pub struct PurchaseOrderLineAdd {
    /// What is ordered.
    #[yaserde(rename = "ItemRef")]
    pub item: ListRef,
    /// Its text.
    #[yaserde(rename = "Desc")]
    pub desc: Option<String>,
    /// How much, where quantities count.
    #[yaserde(rename = "Quantity")]
    pub quantity: Option<Quantity>,
    /// The price of one. Never together with the amount: QuickBooks would ignore it (qbxml.md §8).
    #[yaserde(rename = "Rate")]
    pub rate: Option<Price>,
    /// Its class, where classes are written.
    #[yaserde(rename = "ClassRef")]
    pub class: Option<ListRef>,
    /// The sum of the line.
    #[yaserde(rename = "Amount")]
    pub amount: Option<Money>,
    /// The job it is for.
    #[yaserde(rename = "CustomerRef")]
    pub customer: ListRef,
}

#[derive(YaSerialize)]
struct PurchaseOrderAddRq {
    #[yaserde(rename = "PurchaseOrderAdd")]
    add: PurchaseOrderAdd,
    #[yaserde(rename = "IncludeRetElement")]
    include: Vec<String>,
}

/// A purchase order to change, in schema order. Every line that is not named is deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize)]
pub struct PurchaseOrderMod {
    /// Which.
    #[yaserde(rename = "TxnID")]
    pub txn_id: String,
    /// As it was read; QuickBooks refuses any other (3200).
    #[yaserde(rename = "EditSequence")]
    pub edit_sequence: String,
    /// All its lines, in the order they are to have.
    #[yaserde(rename = "PurchaseOrderLineMod")]
    pub lines: Vec<PurchaseOrderLineMod>,
}

/// A line of a purchase order to change: one that is kept is its id alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize)]
pub struct PurchaseOrderLineMod {
    /// Its id, or [`NEW_LINE`].
    #[yaserde(rename = "TxnLineID")]
    pub txn_line_id: String,
    /// What is ordered.
    #[yaserde(rename = "ItemRef")]
    pub item: Option<ListRef>,
    /// Its text.
    #[yaserde(rename = "Desc")]
    pub desc: Option<String>,
    /// How much, where quantities count.
    #[yaserde(rename = "Quantity")]
    pub quantity: Option<Quantity>,
    /// The price of one.
    #[yaserde(rename = "Rate")]
    pub rate: Option<Price>,
    /// Its class, where classes are written.
    #[yaserde(rename = "ClassRef")]
    pub class: Option<ListRef>,
    /// The sum of the line.
    #[yaserde(rename = "Amount")]
    pub amount: Option<Money>,
    /// The job it is for.
    #[yaserde(rename = "CustomerRef")]
    pub customer: Option<ListRef>,
}

impl PurchaseOrderLineMod {
    /// A line that stays as it is.
    pub fn kept(txn_line_id: &str) -> Self {
        Self {
            txn_line_id: txn_line_id.to_owned(),
            ..Self::default()
        }
    }

    /// A line to append.
    pub fn new(line: PurchaseOrderLineAdd) -> Self {
        Self {
            txn_line_id: NEW_LINE.to_owned(),
            item: Some(line.item),
            desc: line.desc,
            quantity: line.quantity,
            rate: line.rate,
            class: line.class,
            amount: line.amount,
            customer: Some(line.customer),
        }
    }
}

/// The `TxnLineID` of a line that is not there yet (qbxml.md §10).
pub const NEW_LINE: &str = "-1";

#[derive(YaSerialize)]
struct PurchaseOrderModRq {
    #[yaserde(rename = "PurchaseOrderMod")]
    change: PurchaseOrderMod,
    #[yaserde(rename = "IncludeRetElement")]
    include: Vec<String>,
}

/// A purchase order, as far as we ask for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct PurchaseOrderRet {
    /// Its id.
    #[yaserde(rename = "TxnID")]
    pub txn_id: String,
    /// Changes with every change.
    #[yaserde(rename = "EditSequence")]
    pub edit_sequence: Option<String>,
    /// Whom it goes to.
    #[yaserde(rename = "VendorRef")]
    pub vendor: Option<ListRef>,
    /// Its number.
    #[yaserde(rename = "RefNumber")]
    pub ref_number: Option<String>,
    /// The sum of its lines.
    #[yaserde(rename = "TotalAmount")]
    pub total_amount: Option<Money>,
    /// Somebody closed it.
    #[yaserde(rename = "IsManuallyClosed")]
    pub is_manually_closed: Option<bool>,
    /// Our own id for it, where we made it.
    #[yaserde(rename = "ExternalGUID")]
    pub external_guid: Option<String>,
    /// Its lines, in order.
    #[yaserde(rename = "PurchaseOrderLineRet")]
    pub lines: Vec<PurchaseOrderLineRet>,
    /// Group lines that a person added: they must be known, or a change would delete them.
    #[yaserde(rename = "PurchaseOrderLineGroupRet")]
    pub groups: Vec<PurchaseOrderLineGroupRet>,
}

/// A group of items on a purchase order, as far as we use it.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct PurchaseOrderLineGroupRet {
    /// Its id.
    #[yaserde(rename = "TxnLineID")]
    pub txn_line_id: String,
}

/// A line of a purchase order, as far as we use it.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct PurchaseOrderLineRet {
    /// Its id.
    #[yaserde(rename = "TxnLineID")]
    pub txn_line_id: String,
    /// What is ordered.
    #[yaserde(rename = "ItemRef")]
    pub item: Option<ListRef>,
    /// How much, where quantities count.
    #[yaserde(rename = "Quantity")]
    pub quantity: Option<Quantity>,
    /// The sum of the line.
    #[yaserde(rename = "Amount")]
    pub amount: Option<Money>,
    /// How much of it bills and item receipts have received.
    #[yaserde(rename = "ReceivedQuantity")]
    pub received: Option<Quantity>,
    /// Somebody closed it.
    #[yaserde(rename = "IsManuallyClosed")]
    pub is_manually_closed: Option<bool>,
}

/// What is asked back, lines included.
const WANTED: [&str; 9] = [
    "TxnID",
    "EditSequence",
    "VendorRef",
    "RefNumber",
    "TotalAmount",
    "IsManuallyClosed",
    "ExternalGUID",
    "PurchaseOrderLineRet",
    "PurchaseOrderLineGroupRet",
];

/// Adds it; the answer holds its ids, its total and its lines.
pub fn add(add: PurchaseOrderAdd) -> Request {
    let include = WANTED.map(str::to_owned).to_vec();
    Request::new(
        "PurchaseOrderAddRq",
        Access::Write,
        &PurchaseOrderAddRq { add, include },
    )
}

/// Changes it; the answer holds its total and all its lines.
pub fn modify(change: PurchaseOrderMod) -> Request {
    let include = WANTED.map(str::to_owned).to_vec();
    Request::new(
        "PurchaseOrderModRq",
        Access::Write,
        &PurchaseOrderModRq { change, include },
    )
}

/// Asks for one purchase order with its lines.
pub fn by_id(txn_id: &str) -> Request {
    TransactionQuery::by_id(txn_id).request("PurchaseOrderQueryRq", &WANTED)
}

/// Asks for the purchase orders with this number, with their lines. Case does not count, and numbers may repeat.
pub fn by_ref_number(ref_number: &str) -> Request {
    TransactionQuery::by_ref_number(ref_number).request("PurchaseOrderQueryRq", &WANTED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qbxml::Response;

    #[test]
    fn a_purchase_order_is_written_in_schema_order_with_nothing_empty() {
        let request = add(PurchaseOrderAdd {
            vendor: ListRef::by_id("V"),
            txn_date: Some("2026-03-01".into()),
            ref_number: "SC-001".into(),
            memo: Some("Steel".into()),
            vendor_msg: Some("Thanks".into()),
            external_guid: Some("{g}".into()),
            lines: vec![
                PurchaseOrderLineAdd {
                    item: ListRef::by_id("I"),
                    desc: Some("A & B".into()),
                    quantity: Some(Quantity::parse("2.5").unwrap()),
                    rate: Some(Price::parse("10").unwrap()),
                    class: Some(ListRef::by_id("C")),
                    amount: None,
                    customer: ListRef::by_id("J"),
                },
                PurchaseOrderLineAdd {
                    item: ListRef::by_id("I"),
                    amount: Some(Money::from_cents(25_000)),
                    customer: ListRef::by_id("J"),
                    ..PurchaseOrderLineAdd::default()
                },
            ],
        });
        assert!(
            request.body.starts_with(
                "<PurchaseOrderAdd><VendorRef><ListID>V</ListID></VendorRef><TxnDate>2026-03-01</TxnDate>\
                 <RefNumber>SC-001</RefNumber><Memo>Steel</Memo><VendorMsg>Thanks</VendorMsg>\
                 <ExternalGUID>{g}</ExternalGUID>\
                 <PurchaseOrderLineAdd><ItemRef><ListID>I</ListID></ItemRef><Desc>A &amp; B</Desc>\
                 <Quantity>2.5</Quantity><Rate>10</Rate><ClassRef><ListID>C</ListID></ClassRef><CustomerRef><ListID>J</ListID></CustomerRef>\
                 </PurchaseOrderLineAdd><PurchaseOrderLineAdd><ItemRef><ListID>I</ListID></ItemRef>\
                 <Amount>250.00</Amount><CustomerRef><ListID>J</ListID></CustomerRef></PurchaseOrderLineAdd>\
                 </PurchaseOrderAdd><IncludeRetElement>TxnID</IncludeRetElement>"
            ),
            "{}",
            request.body
        );
        assert_eq!(request.access, Access::Write);
    }

    #[test]
    fn queries_ask_for_lines_or_there_would_be_none() {
        let request = by_id("T-1");
        assert!(
            request.body.starts_with(
                "<TxnID>T-1</TxnID><IncludeLineItems>true</IncludeLineItems><IncludeRetElement>TxnID<"
            ),
            "{}",
            request.body
        );
        assert!(
            by_ref_number("PO")
                .body
                .starts_with("<RefNumber>PO</RefNumber><IncludeLineItems>")
        );
        assert_eq!(request.access, Access::Read);
    }

    #[test]
    fn a_purchase_order_is_read_with_its_lines() {
        let response = Response::ok(
            "PurchaseOrderQueryRs",
            "<PurchaseOrderRet><TxnID>T</TxnID><EditSequence>9</EditSequence><VendorRef><ListID>V</ListID></VendorRef>\
             <RefNumber>SC</RefNumber><TotalAmount>28000.00</TotalAmount><ExternalGUID>{G}</ExternalGUID>\
             <PurchaseOrderLineRet><TxnLineID>L1</TxnLineID><Quantity>1</Quantity><Amount>25000</Amount>\
             </PurchaseOrderLineRet><PurchaseOrderLineRet><TxnLineID>L2</TxnLineID></PurchaseOrderLineRet>\
             </PurchaseOrderRet>",
        );
        let order: PurchaseOrderRet = response.record("PurchaseOrderRet").unwrap().unwrap();
        assert_eq!(order.total_amount, Some(Money::from_cents(2_800_000)));
        assert_eq!(order.lines.len(), 2);
        assert_eq!(order.lines[0].amount, Some(Money::from_cents(2_500_000)));
        assert_eq!(order.lines[1].amount, None);
    }
}
