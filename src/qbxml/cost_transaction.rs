//! Transactions that carry job costs, of all kinds alike: bills, item receipts, checks, card charges and credits, vendor
//! credits, journal entries.
//!
//! What may not live here: which costs are ours, and what they add up to.

use yaserde::{YaDeserialize, YaSerialize};

use super::{Access, ListRef, Money, Request};

/// A transaction, as far as it is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct CostTransactionRet {
    /// Its id.
    #[yaserde(rename = "TxnID")]
    pub txn_id: String,
    /// When it was last changed, in the machine's local time.
    #[yaserde(rename = "TimeModified")]
    pub time_modified: Option<String>,
    /// Its date, `YYYY-MM-DD`.
    #[yaserde(rename = "TxnDate")]
    pub txn_date: Option<String>,
    /// Its number.
    #[yaserde(rename = "RefNumber")]
    pub ref_number: Option<String>,
    /// Its memo.
    #[yaserde(rename = "Memo")]
    pub memo: Option<String>,
    /// The vendor of bills, receipts and vendor credits.
    #[yaserde(rename = "VendorRef")]
    pub vendor: Option<ListRef>,
    /// Whoever a check or card charge paid.
    #[yaserde(rename = "PayeeEntityRef")]
    pub payee: Option<ListRef>,
    /// Lines coded to accounts.
    #[yaserde(rename = "ExpenseLineRet")]
    pub expense_lines: Vec<CostLineRet>,
    /// Lines coded to items.
    #[yaserde(rename = "ItemLineRet")]
    pub item_lines: Vec<CostLineRet>,
    /// Groups of item lines.
    #[yaserde(rename = "ItemGroupLineRet")]
    pub groups: Vec<ItemGroupLineRet>,
    /// Debits of a journal entry.
    #[yaserde(rename = "JournalDebitLine")]
    pub debits: Vec<CostLineRet>,
    /// Credits of a journal entry.
    #[yaserde(rename = "JournalCreditLine")]
    pub credits: Vec<CostLineRet>,
}

/// A line of any kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct CostLineRet {
    /// The item.
    #[yaserde(rename = "ItemRef")]
    pub item: Option<ListRef>,
    /// The account.
    #[yaserde(rename = "AccountRef")]
    pub account: Option<ListRef>,
    /// The text of an item line.
    #[yaserde(rename = "Desc")]
    pub desc: Option<String>,
    /// The text of another line.
    #[yaserde(rename = "Memo")]
    pub memo: Option<String>,
    /// Its amount.
    #[yaserde(rename = "Amount")]
    pub amount: Option<Money>,
    /// The customer or job.
    #[yaserde(rename = "CustomerRef")]
    pub customer: Option<ListRef>,
    /// The customer, job, vendor or employee of a journal entry's line.
    #[yaserde(rename = "EntityRef")]
    pub entity: Option<ListRef>,
}

/// A group of item lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct ItemGroupLineRet {
    /// Its lines; the group's own amount is their sum.
    #[yaserde(rename = "ItemLineRet")]
    pub lines: Vec<CostLineRet>,
}

#[derive(YaSerialize)]
struct ModifiedDateRange {
    #[yaserde(rename = "FromModifiedDate")]
    from: String,
}

#[derive(YaSerialize)]
struct CostQueryRq {
    #[yaserde(rename = "ModifiedDateRangeFilter")]
    modified: Option<ModifiedDateRange>,
    /// Without it there are no lines, and no error is given.
    #[yaserde(rename = "IncludeLineItems")]
    include_line_items: bool,
    #[yaserde(rename = "IncludeRetElement")]
    include: Vec<String>,
}

/// Asks for the transactions of a kind (`element` is its query's name) with their lines: those that were changed at or
/// after this local time (no offset), or all. A job cannot be asked for: `EntityFilter` is the vendor (qbxml.md §12).
pub fn query(element: &'static str, from: Option<&str>) -> Request {
    let header: &[&str] = match element {
        "JournalEntryQueryRq" => &["JournalDebitLine", "JournalCreditLine"],
        "BillQueryRq" | "VendorCreditQueryRq" | "ItemReceiptQueryRq" => &[
            "Memo",
            "VendorRef",
            "ExpenseLineRet",
            "ItemLineRet",
            "ItemGroupLineRet",
        ],
        _ => &[
            "Memo",
            "PayeeEntityRef",
            "ExpenseLineRet",
            "ItemLineRet",
            "ItemGroupLineRet",
        ],
    };
    let include = ["TxnID", "TimeModified", "TxnDate", "RefNumber"];
    let model = CostQueryRq {
        modified: from.map(|from| ModifiedDateRange {
            from: from.to_owned(),
        }),
        include_line_items: true,
        include: include
            .iter()
            .chain(header)
            .map(|&name| name.to_owned())
            .collect(),
    };
    Request::new(element, Access::Read, &model)
}

/// Every query of this file once, for the check against Intuit's schema.
#[cfg(test)]
pub(crate) fn every_query() -> Vec<Request> {
    [
        "BillQueryRq",
        "ItemReceiptQueryRq",
        "CheckQueryRq",
        "CreditCardChargeQueryRq",
        "CreditCardCreditQueryRq",
        "VendorCreditQueryRq",
        "JournalEntryQueryRq",
    ]
    .map(|element| query(element, Some("2026-03-01T00:00:00")).iterator_start(50))
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qbxml::Response;

    #[test]
    fn the_query_stands_in_schema_order() {
        let request = query("CheckQueryRq", Some("2026-03-01T00:00:00")).iterator_start(50);
        assert!(
            request.body.starts_with(
                "<MaxReturned>50</MaxReturned><ModifiedDateRangeFilter><FromModifiedDate>2026-03-01T00:00:00\
                 </FromModifiedDate></ModifiedDateRangeFilter><IncludeLineItems>true</IncludeLineItems>\
                 <IncludeRetElement>TxnID</IncludeRetElement>"
            ),
            "{}",
            request.body
        );
        assert!(query("BillQueryRq", None).body.starts_with("<IncludeLineItems>"));
    }

    #[test]
    fn lines_of_groups_are_read_too() {
        let response = Response::ok(
            "BillQueryRs",
            "<BillRet><TxnID>T</TxnID><ItemGroupLineRet><TotalAmount>3.00</TotalAmount><ItemLineRet><Amount>3.00</Amount>\
             </ItemLineRet></ItemGroupLineRet></BillRet>",
        );
        let bill: CostTransactionRet = response.record("BillRet").unwrap().unwrap();
        assert_eq!(bill.groups[0].lines[0].amount, Some(Money::from_cents(300)));
        assert!(bill.item_lines.is_empty());
    }
}
