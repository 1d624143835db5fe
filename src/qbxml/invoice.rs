//! Invoices: what Procore calls owner invoices. The subtotal is the sum of the lines; it cannot be sent.

use yaserde::{YaDeserialize, YaSerialize};

use super::{Access, ListRef, Money, Request, transaction::TransactionQuery};

/// The longest number.
pub const REF_NUMBER_MAX: usize = 11;
/// The longest memo.
pub const MEMO_MAX: usize = 4095;
/// The longest text of a line.
pub const DESC_MAX: usize = 4095;

/// A new invoice, in schema order.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize)]
pub struct InvoiceAdd {
    /// The job it is for.
    #[yaserde(rename = "CustomerRef")]
    pub customer: ListRef,
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
    #[yaserde(rename = "InvoiceLineAdd")]
    pub lines: Vec<InvoiceLineAdd>,
}

/// A line of a new invoice, in schema order. The amount alone is kept as it is (qbxml.md §8).
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize)]
pub struct InvoiceLineAdd {
    /// What is billed.
    #[yaserde(rename = "ItemRef")]
    pub item: ListRef,
    /// Its text.
    #[yaserde(rename = "Desc")]
    pub desc: Option<String>,
    /// The sum of the line.
    #[yaserde(rename = "Amount")]
    pub amount: Money,
}

#[derive(YaSerialize)]
struct InvoiceAddRq {
    #[yaserde(rename = "InvoiceAdd")]
    add: InvoiceAdd,
    #[yaserde(rename = "IncludeRetElement")]
    include: Vec<String>,
}

/// An invoice, as far as we ask for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct InvoiceRet {
    /// Its id.
    #[yaserde(rename = "TxnID")]
    pub txn_id: String,
    /// Changes with every change, and with every receipt.
    #[yaserde(rename = "EditSequence")]
    pub edit_sequence: Option<String>,
    /// Who owes it: a job.
    #[yaserde(rename = "CustomerRef")]
    pub customer: Option<ListRef>,
    /// Its number.
    #[yaserde(rename = "RefNumber")]
    pub ref_number: Option<String>,
    /// The sum of its lines.
    #[yaserde(rename = "Subtotal")]
    pub subtotal: Option<Money>,
    /// What QuickBooks added as sales tax.
    #[yaserde(rename = "SalesTaxTotal")]
    pub sales_tax: Option<Money>,
    /// Our own id for it, where we made it.
    #[yaserde(rename = "ExternalGUID")]
    pub external_guid: Option<String>,
    /// Its lines, in order.
    #[yaserde(rename = "InvoiceLineRet")]
    pub lines: Vec<InvoiceLineRet>,
}

impl InvoiceRet {
    /// What the owner is asked to pay, with sales tax.
    pub fn total(&self) -> Option<Money> {
        Some(self.subtotal? + self.sales_tax.unwrap_or_default())
    }
}

/// A line of an invoice, as far as we use it.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct InvoiceLineRet {
    /// Its id.
    #[yaserde(rename = "TxnLineID")]
    pub txn_line_id: String,
    /// The sum of the line.
    #[yaserde(rename = "Amount")]
    pub amount: Option<Money>,
}

/// What is asked back, lines included.
const WANTED: [&str; 8] = [
    "TxnID",
    "EditSequence",
    "CustomerRef",
    "RefNumber",
    "Subtotal",
    "SalesTaxTotal",
    "ExternalGUID",
    "InvoiceLineRet",
];

/// Adds it; the answer holds its ids, its total and its lines.
pub fn add(add: InvoiceAdd) -> Request {
    let include = WANTED.map(str::to_owned).to_vec();
    Request::new("InvoiceAddRq", Access::Write, &InvoiceAddRq { add, include })
}

/// Asks for one invoice with its lines.
pub fn by_id(txn_id: &str) -> Request {
    TransactionQuery::by_id(txn_id).request("InvoiceQueryRq", &WANTED)
}

/// Asks for the invoices with this number, with their lines. Case does not count, and numbers may repeat.
pub fn by_ref_number(ref_number: &str) -> Request {
    TransactionQuery::by_ref_number(ref_number).request("InvoiceQueryRq", &WANTED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qbxml::Response;

    #[test]
    fn an_invoice_is_read_with_its_lines_and_its_tax() {
        let response = Response::ok(
            "InvoiceQueryRs",
            "<InvoiceRet><TxnID>T</TxnID><EditSequence>9</EditSequence><CustomerRef><ListID>J</ListID></CustomerRef>\
             <RefNumber>12</RefNumber><Subtotal>900.00</Subtotal><SalesTaxTotal>9.50</SalesTaxTotal><InvoiceLineRet>\
             <TxnLineID>L1</TxnLineID><Amount>900.00</Amount></InvoiceLineRet></InvoiceRet>",
        );
        let invoice: InvoiceRet = response.record("InvoiceRet").unwrap().unwrap();
        assert_eq!(invoice.total(), Some(Money::from_cents(90_950)));
        assert_eq!(invoice.lines[0].txn_line_id, "L1");
        assert_eq!(InvoiceRet::default().total(), None);
    }
}
