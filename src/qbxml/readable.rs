//! Whether records of a kind can be read at all: one of each kind is asked for, with next to nothing in the answer.
//!
//! What may not live here: what it means for Plumbline that they cannot.

use serde::{Deserialize, Serialize};
use yaserde::YaSerialize;

use super::{Access, Request};

/// A kind of record that QuickBooks shows only to users with the right to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Readable {
    /// The chart of accounts.
    Accounts,
    /// Vendor types.
    VendorTypes,
    /// Payment terms.
    Terms,
    /// Classes.
    Classes,
    /// Items of all kinds.
    Items,
    /// Vendors.
    Vendors,
    /// Customers and jobs.
    Customers,
    /// Employees, whose names vendors and customers cannot have.
    Employees,
    /// Other names.
    OtherNames,
    /// Estimates.
    Estimates,
    /// Purchase orders.
    PurchaseOrders,
    /// Bills.
    Bills,
    /// Vendor credits.
    VendorCredits,
    /// Item receipts.
    ItemReceipts,
    /// Checks.
    Checks,
    /// Card charges.
    CreditCardCharges,
    /// Card credits.
    CreditCardCredits,
    /// Journal entries.
    JournalEntries,
    /// Bill payments by check.
    BillPaymentChecks,
    /// Bill payments by card.
    BillPaymentCreditCards,
    /// Invoices.
    Invoices,
    /// Sales orders.
    SalesOrders,
}

#[derive(YaSerialize)]
struct OneRq {
    #[yaserde(rename = "MaxReturned")]
    max_returned: u32,
    #[yaserde(rename = "IncludeRetElement")]
    include: String,
}

impl Readable {
    /// All of them, lists first.
    pub const ALL: [Self; 22] = [
        Self::Accounts,
        Self::VendorTypes,
        Self::Terms,
        Self::Classes,
        Self::Items,
        Self::Vendors,
        Self::Customers,
        Self::Employees,
        Self::OtherNames,
        Self::Estimates,
        Self::PurchaseOrders,
        Self::Bills,
        Self::VendorCredits,
        Self::ItemReceipts,
        Self::Checks,
        Self::CreditCardCharges,
        Self::CreditCardCredits,
        Self::JournalEntries,
        Self::BillPaymentChecks,
        Self::BillPaymentCreditCards,
        Self::Invoices,
        Self::SalesOrders,
    ];

    /// The query, and whether these are transactions.
    const fn asked(self) -> (&'static str, bool) {
        match self {
            Self::Accounts => ("AccountQueryRq", false),
            Self::VendorTypes => ("VendorTypeQueryRq", false),
            Self::Terms => ("TermsQueryRq", false),
            Self::Classes => ("ClassQueryRq", false),
            Self::Items => ("ItemQueryRq", false),
            Self::Vendors => ("VendorQueryRq", false),
            Self::Customers => ("CustomerQueryRq", false),
            Self::Employees => ("EmployeeQueryRq", false),
            Self::OtherNames => ("OtherNameQueryRq", false),
            Self::Estimates => ("EstimateQueryRq", true),
            Self::PurchaseOrders => ("PurchaseOrderQueryRq", true),
            Self::Bills => ("BillQueryRq", true),
            Self::VendorCredits => ("VendorCreditQueryRq", true),
            Self::ItemReceipts => ("ItemReceiptQueryRq", true),
            Self::Checks => ("CheckQueryRq", true),
            Self::CreditCardCharges => ("CreditCardChargeQueryRq", true),
            Self::CreditCardCredits => ("CreditCardCreditQueryRq", true),
            Self::JournalEntries => ("JournalEntryQueryRq", true),
            Self::BillPaymentChecks => ("BillPaymentCheckQueryRq", true),
            Self::BillPaymentCreditCards => ("BillPaymentCreditCardQueryRq", true),
            Self::Invoices => ("InvoiceQueryRq", true),
            Self::SalesOrders => ("SalesOrderQueryRq", true),
        }
    }

    /// What a person calls them.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::VendorTypes => "vendor types",
            Self::Terms => "payment terms",
            Self::Classes => "classes",
            Self::Items => "items",
            Self::Vendors => "vendors",
            Self::Customers => "customers and jobs",
            Self::Employees => "employees",
            Self::OtherNames => "other names",
            Self::Estimates => "estimates",
            Self::PurchaseOrders => "purchase orders",
            Self::Bills => "bills",
            Self::VendorCredits => "vendor credits",
            Self::ItemReceipts => "item receipts",
            Self::Checks => "checks",
            Self::CreditCardCharges => "credit card charges",
            Self::CreditCardCredits => "credit card credits",
            Self::JournalEntries => "journal entries",
            Self::BillPaymentChecks => "bill payments by check",
            Self::BillPaymentCreditCards => "bill payments by credit card",
            Self::Invoices => "invoices",
            Self::SalesOrders => "sales orders",
        }
    }

    /// Asks for one of them. That there is none is an answer too.
    pub fn query(self) -> Request {
        let (element, is_transaction) = self.asked();
        let id = if is_transaction { "TxnID" } else { "ListID" };
        Request::new(
            element,
            Access::Read,
            &OneRq {
                max_returned: 1,
                include: id.to_owned(),
            },
        )
    }
}

/// One of each query, for the test against Intuit's schema.
#[cfg(test)]
pub(super) fn every_query() -> Vec<Request> {
    Readable::ALL.map(Readable::query).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_asked_for_with_its_id_alone() {
        let request = Readable::Bills.query();
        assert_eq!((request.element, request.access), ("BillQueryRq", Access::Read));
        assert_eq!(
            request.body,
            "<MaxReturned>1</MaxReturned><IncludeRetElement>TxnID</IncludeRetElement>"
        );
        assert!(
            Readable::Items
                .query()
                .body
                .ends_with(">ListID</IncludeRetElement>")
        );
    }
}
