//! Transactions: headers, lines, links, and the indexes that find them.

use rust_decimal::Decimal;

use super::{CompanyFile, Deletion, fields::Fields, id, kinds::TxnKind};
use crate::qbxml::{check, text::fold};

/// A table of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum LineKind {
    Expense,
    Item,
    PurchaseOrder,
    Estimate,
    SalesOrder,
    Invoice,
    JournalDebit,
    JournalCredit,
}

impl LineKind {
    /// The field that holds the price of one.
    pub(crate) fn price(self) -> &'static str {
        match self {
            Self::Item | Self::Expense => "Cost",
            _ => "Rate",
        }
    }
}

/// The purchase order line a bill line received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OrderLink {
    pub(crate) order: u64,
    pub(crate) line: u64,
}

/// A line.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) serial: u64,
    pub(crate) created: i64,
    pub(crate) kind: LineKind,
    pub(crate) fields: Fields,
    pub(crate) link: Option<OrderLink>,
}

impl Line {
    pub(crate) fn id(&self) -> String {
        id(self.serial, self.created)
    }

    pub(crate) fn amount(&self) -> Decimal {
        self.fields.decimal("Amount").unwrap_or_default()
    }
}

/// What a payment pays of one bill.
#[derive(Clone, Debug)]
pub(crate) struct Applied {
    pub(crate) bill: u64,
    pub(crate) amount: Decimal,
    pub(crate) discount: Decimal,
    pub(crate) discount_account: Option<u64>,
    /// Credits set off against the bill.
    pub(crate) credits: Vec<(u64, Decimal)>,
}

/// A transaction.
#[derive(Clone, Debug)]
pub(crate) struct Transaction {
    pub(crate) serial: u64,
    pub(crate) created: i64,
    pub(crate) modified: i64,
    pub(crate) edit_sequence: i64,
    pub(crate) kind: TxnKind,
    pub(crate) number: u32,
    pub(crate) external_guid: Option<String>,
    pub(crate) fields: Fields,
    pub(crate) lines: Vec<Line>,
    pub(crate) applied: Vec<Applied>,
    /// A payment's own amount.
    pub(crate) amount: Decimal,
    pub(crate) voided: bool,
}

impl Transaction {
    pub(crate) fn id(&self) -> String {
        id(self.serial, self.created)
    }

    pub(crate) fn entity(&self) -> Option<u64> {
        self.fields.reference(self.kind.entity_field())
    }

    pub(crate) fn reference_number(&self) -> Option<&str> {
        self.fields.text("RefNumber").filter(|r| !r.is_empty())
    }

    pub(crate) fn date(&self) -> &str {
        self.fields.text("TxnDate").unwrap_or_default()
    }

    /// Sum of the lines, or a payment's amount.
    pub(crate) fn total(&self) -> Decimal {
        if self.kind.is_payment() {
            self.amount
        } else {
            // A journal entry is as large as its debits.
            self.lines
                .iter()
                .filter(|line| line.kind != LineKind::JournalCredit)
                .map(Line::amount)
                .sum()
        }
    }

    /// Purchase orders its lines are linked to, each once.
    pub(crate) fn orders(&self) -> Vec<u64> {
        let mut out: Vec<u64> = self
            .lines
            .iter()
            .filter_map(|l| l.link.map(|k| k.order))
            .collect();
        out.sort_unstable();
        out.dedup();
        out
    }
}

impl CompanyFile {
    /// The transaction of that `TxnID`, if it exists with exactly that ID.
    pub(crate) fn transaction_by_id(&self, text: &str) -> Option<&Transaction> {
        let (serial, created) = check::id(text)?;
        self.transactions.get(&serial).filter(|t| t.created == created)
    }

    /// Stores a new or changed transaction.
    pub(crate) fn put_transaction(&mut self, transaction: Transaction) {
        if let Some(old) = self.transactions.remove(&transaction.serial) {
            self.index(&old, false);
        }
        self.index(&transaction, true);
        self.transactions.insert(transaction.serial, transaction);
    }

    /// Deletes a transaction and remembers that it was. What hangs on it must be released before.
    pub(crate) fn delete_transaction(&mut self, serial: u64, now: i64) -> Option<Deletion> {
        let transaction = self.transactions.remove(&serial)?;
        self.index(&transaction, false);
        let deletion = Deletion {
            kind: transaction.kind.name(),
            transaction: true,
            id: transaction.id(),
            created: transaction.created,
            deleted: now,
            label: transaction.reference_number().map(str::to_owned),
        };
        self.deletions.push(deletion.clone());
        Some(deletion)
    }

    fn index(&mut self, transaction: &Transaction, there: bool) {
        let serial = transaction.serial;
        let mark = |set: &mut std::collections::BTreeSet<u64>| {
            if there {
                set.insert(serial);
            } else {
                set.remove(&serial);
            }
        };
        mark(self.transactions_by_kind.entry(transaction.kind).or_default());
        if let Some(entity) = transaction.entity() {
            mark(self.transactions_by_entity.entry(entity).or_default());
        }
        if let Some(number) = transaction.reference_number() {
            mark(self.transactions_by_reference.entry(fold(number)).or_default());
        }
        for applied in &transaction.applied {
            mark(self.applications.entry(applied.bill).or_default());
            for (credit, _) in &applied.credits {
                mark(self.applications.entry(*credit).or_default());
            }
        }
        for order in transaction.orders() {
            mark(self.billings.entry(order).or_default());
        }
        self.remember_guid(transaction.external_guid.as_deref(), serial, there);
    }

    /// Transactions of one kind, in order of creation.
    pub(crate) fn transactions_of(&self, kind: TxnKind) -> impl Iterator<Item = &Transaction> {
        self.transactions_by_kind
            .get(&kind)
            .into_iter()
            .flatten()
            .filter_map(|serial| self.transactions.get(serial))
    }
}
