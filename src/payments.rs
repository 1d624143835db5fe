//! Bill payments as we know them: one row per payment and bill, the unit that Procore's Payments Issued shows.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::qbxml::Money;

pub mod store;

/// How a bill was paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentMethod {
    /// A check (`BillPaymentCheck`).
    Check,
    /// A credit card (`BillPaymentCreditCard`).
    CreditCard,
}

impl PaymentMethod {
    /// The name in the database, and Procore's `payment_method`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::CreditCard => "credit_card",
        }
    }
}

/// What became of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// It pays the bill.
    Paid,
    /// It was voided, or no longer applies to the bill: the amount is 0.
    Void,
    /// It was deleted in QuickBooks. Procore keeps its row (PAY-15).
    Deleted,
}

impl PaymentState {
    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Void => "void",
            Self::Deleted => "deleted",
        }
    }
}

/// The part of one payment that went to one bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPayment {
    /// The payment's `TxnID`.
    pub payment_txn_id: String,
    /// The bill's `TxnID`.
    pub bill_txn_id: String,
    /// The subcontractor invoice the bill came from.
    pub requisition_id: i64,
    /// How it was paid.
    pub method: PaymentMethod,
    /// The payment's `TxnDate`.
    pub date: NaiveDate,
    /// What was applied to this bill, not the whole check.
    pub amount: Money,
    /// The payment's `RefNumber`; empty while the check waits to be printed.
    pub ref_number: Option<String>,
    /// The payment's `Memo`.
    pub memo: Option<String>,
    /// What became of it.
    pub state: PaymentState,
    /// Procore has it just so; or it refused it, and is to be told again.
    pub told: bool,
}

impl KnownPayment {
    /// Procore's third-party id for it: stable, and unique per payment and bill.
    pub fn origin_id(&self) -> String {
        format!("{}|{}", self.payment_txn_id, self.bill_txn_id)
    }
}
