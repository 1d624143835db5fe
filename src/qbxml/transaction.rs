//! Queries of single transactions: they all begin alike, by id or by number.
//!
//! What may not live here: which elements a transaction has; each transaction's own file names those it wants.

use yaserde::YaSerialize;

use super::{Access, Request};

/// A query of transactions, in schema order. Ids and numbers exclude each other; the constructors see to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize)]
pub(super) struct TransactionQuery {
    #[yaserde(rename = "TxnID")]
    txn_ids: Vec<String>,
    #[yaserde(rename = "RefNumber")]
    ref_numbers: Vec<String>,
    /// Without it there are no lines, and no error either (qbxml.md §12).
    #[yaserde(rename = "IncludeLineItems")]
    include_line_items: bool,
    #[yaserde(rename = "IncludeRetElement")]
    include: Vec<String>,
}

impl TransactionQuery {
    /// The transaction with this id. If it is not there, QuickBooks answers 500 or 3120.
    pub(super) fn by_id(txn_id: &str) -> Self {
        Self {
            txn_ids: vec![txn_id.to_owned()],
            include_line_items: true,
            ..Self::default()
        }
    }

    /// The transactions with this number. Case does not count, and numbers may repeat.
    pub(super) fn by_ref_number(ref_number: &str) -> Self {
        Self {
            ref_numbers: vec![ref_number.to_owned()],
            include_line_items: true,
            ..Self::default()
        }
    }

    /// The request with this element, `BillQueryRq` say, for these top-level elements of each transaction.
    pub(super) fn request(mut self, element: &'static str, only: &[&str]) -> Request {
        self.include = only.iter().map(ToString::to_string).collect();
        Request::new(element, Access::Read, &self)
    }
}
