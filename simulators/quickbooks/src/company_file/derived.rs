//! Everything that follows from the lines and links and is therefore never stored.

use std::collections::HashMap;

use rust_decimal::Decimal;

use super::{
    CompanyFile,
    kinds::{ListKind, TxnKind},
    transactions::{Line, Transaction},
};

/// How two transactions are linked.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) to: u64,
    /// `AMTTYPE` or `QUANTYPE`
    pub(crate) kind: &'static str,
    pub(crate) amount: Decimal,
}

impl CompanyFile {
    /// What payments, discounts and credits took off a bill.
    pub(crate) fn paid(&self, bill: u64) -> Decimal {
        self.applied_to(bill)
            .map(|(_, a)| {
                a.amount + a.discount + a.credits.iter().map(|(_, amount)| *amount).sum::<Decimal>()
            })
            .sum()
    }

    fn applied_to(&self, bill: u64) -> impl Iterator<Item = (&Transaction, &super::transactions::Applied)> {
        self.applications
            .get(&bill)
            .into_iter()
            .flatten()
            .filter_map(|s| self.transactions.get(s))
            .flat_map(move |payment| {
                payment
                    .applied
                    .iter()
                    .filter(move |a| a.bill == bill)
                    .map(move |a| (payment, a))
            })
    }

    /// What of a credit was set off.
    pub(crate) fn credit_used(&self, credit: u64) -> Decimal {
        self.applications
            .get(&credit)
            .into_iter()
            .flatten()
            .filter_map(|s| self.transactions.get(s))
            .flat_map(|payment| payment.applied.iter().flat_map(|a| &a.credits))
            .filter(|(serial, _)| *serial == credit)
            .map(|(_, amount)| *amount)
            .sum()
    }

    /// What is open of a bill or credit.
    pub(crate) fn open_amount(&self, transaction: &Transaction) -> Decimal {
        match transaction.kind {
            TxnKind::Bill => transaction.total() - self.paid(transaction.serial),
            TxnKind::VendorCredit => transaction.total() - self.credit_used(transaction.serial),
            // Receipts of customers are not played.
            TxnKind::Invoice => transaction.total(),
            _ => Decimal::ZERO,
        }
    }

    /// Open bills less open credits.
    pub(crate) fn vendor_balance(&self, vendor: u64) -> Decimal {
        self.transactions_by_entity
            .get(&vendor)
            .into_iter()
            .flatten()
            .filter_map(|s| self.transactions.get(s))
            .map(|t| match t.kind {
                TxnKind::Bill => self.open_amount(t),
                TxnKind::VendorCredit => -self.open_amount(t),
                _ => Decimal::ZERO,
            })
            .sum()
    }

    /// The bill lines linked to a line of a purchase order.
    fn billed_lines(&self, order: u64, line: u64) -> impl Iterator<Item = &Line> {
        self.billings
            .get(&order)
            .into_iter()
            .flatten()
            .filter_map(|s| self.transactions.get(s))
            .filter(|bill| !bill.voided)
            .flat_map(|bill| &bill.lines)
            .filter(move |l| l.link.is_some_and(|k| k.order == order && k.line == line))
    }

    /// How much of a purchase order line was received. A line without quantity counts as one.
    pub(crate) fn received(&self, order: u64, line: u64) -> Decimal {
        self.billed_lines(order, line)
            .map(|l| l.fields.decimal("Quantity").unwrap_or(Decimal::ONE))
            .sum()
    }

    /// Whether nothing more can be received on the line.
    pub(crate) fn line_closed(&self, order: &Transaction, line: &Line) -> bool {
        order.fields.flag("IsManuallyClosed")
            || line.fields.flag("IsManuallyClosed")
            || self.line_full(order, line)
    }

    fn line_full(&self, order: &Transaction, line: &Line) -> bool {
        let ordered = line.fields.decimal("Quantity").unwrap_or(Decimal::ONE);
        ordered > Decimal::ZERO && self.received(order.serial, line.serial) >= ordered
    }

    /// Whether all lines with an item were received.
    pub(crate) fn fully_received(&self, order: &Transaction) -> bool {
        let mut lines = order
            .lines
            .iter()
            .filter(|l| l.fields.reference("ItemRef").is_some())
            .peekable();
        lines.peek().is_some() && lines.all(|l| self.line_full(order, l))
    }

    pub(crate) fn order_closed(&self, order: &Transaction) -> bool {
        order.fields.flag("IsManuallyClosed") || order.lines.iter().all(|l| self.line_closed(order, l))
    }

    /// What `IncludeLinkedTxns` shows.
    pub(crate) fn links(&self, transaction: &Transaction) -> Vec<Link> {
        let mut out = Vec::new();
        match transaction.kind {
            TxnKind::PurchaseOrder => {
                for bill in self.billings.get(&transaction.serial).into_iter().flatten() {
                    if let Some(bill) = self.transactions.get(bill).filter(|b| !b.voided) {
                        out.push(Link {
                            to: bill.serial,
                            kind: "QUANTYPE",
                            amount: billed(bill, transaction.serial),
                        });
                    }
                }
            }
            TxnKind::Bill if !transaction.voided => {
                for order in transaction.orders() {
                    out.push(Link {
                        to: order,
                        kind: "QUANTYPE",
                        amount: -billed(transaction, order),
                    });
                }
                for (payment, applied) in self.applied_to(transaction.serial) {
                    if !applied.amount.is_zero() || !applied.discount.is_zero() {
                        out.push(Link {
                            to: payment.serial,
                            kind: "AMTTYPE",
                            amount: -(applied.amount + applied.discount),
                        });
                    }
                    for (credit, amount) in &applied.credits {
                        out.push(Link {
                            to: *credit,
                            kind: "AMTTYPE",
                            amount: -*amount,
                        });
                    }
                }
            }
            TxnKind::VendorCredit => {
                for payment in self.applications.get(&transaction.serial).into_iter().flatten() {
                    for applied in self
                        .transactions
                        .get(payment)
                        .into_iter()
                        .flat_map(|p| &p.applied)
                    {
                        for (_, amount) in applied.credits.iter().filter(|(c, _)| *c == transaction.serial) {
                            out.push(Link {
                                to: applied.bill,
                                kind: "AMTTYPE",
                                amount: *amount,
                            });
                        }
                    }
                }
            }
            _ => {}
        }
        out
    }

    /// The account a line posts to.
    pub(crate) fn line_account(&self, line: &Line) -> Option<u64> {
        line.fields
            .reference("AccountRef")
            .or_else(|| line.fields.reference("OverrideItemAccountRef"))
            .or_else(|| {
                let item = self.lists.get(&line.fields.reference("ItemRef")?)?;
                let both = item
                    .fields
                    .group("SalesAndPurchase")
                    .and_then(|g| g.reference("ExpenseAccountRef"));
                both.or_else(|| {
                    item.fields
                        .group("SalesOrPurchase")
                        .and_then(|g| g.reference("AccountRef"))
                })
            })
    }

    /// The account a line of an invoice earns on.
    fn income_account(&self, line: &Line) -> Option<u64> {
        line.fields.reference("OverrideItemAccountRef").or_else(|| {
            let item = self.lists.get(&line.fields.reference("ItemRef")?)?;
            let of = |group: &str, field: &str| item.fields.group(group)?.reference(field);
            of("SalesAndPurchase", "IncomeAccountRef").or_else(|| of("SalesOrPurchase", "AccountRef"))
        })
    }

    /// The ledger: debit balance of every account. `None` collects lines whose item has no account.
    pub(crate) fn ledger(&self) -> HashMap<Option<u64>, Decimal> {
        let mut out: HashMap<Option<u64>, Decimal> = HashMap::new();
        let mut post = |account: Option<u64>, debit: Decimal| *out.entry(account).or_default() += debit;
        for transaction in self.transactions.values() {
            let payable = transaction.fields.reference("APAccountRef");
            match transaction.kind {
                TxnKind::Bill
                | TxnKind::VendorCredit
                | TxnKind::Check
                | TxnKind::CreditCardCharge
                | TxnKind::CreditCardCredit
                | TxnKind::ItemReceipt => {
                    let credit = matches!(
                        transaction.kind,
                        TxnKind::VendorCredit | TxnKind::CreditCardCredit
                    );
                    let sign = if credit { -Decimal::ONE } else { Decimal::ONE };
                    for line in &transaction.lines {
                        post(self.line_account(line), sign * line.amount());
                    }
                    // Bank and card transactions name their account in the header.
                    let against = transaction.fields.reference("AccountRef").or(payable);
                    post(against, -sign * transaction.total());
                }
                TxnKind::BillPaymentCheck | TxnKind::BillPaymentCreditCard => {
                    let bank = transaction
                        .fields
                        .reference("BankAccountRef")
                        .or_else(|| transaction.fields.reference("CreditCardAccountRef"));
                    post(bank, -transaction.amount);
                    let mut discounts = Decimal::ZERO;
                    for applied in &transaction.applied {
                        discounts += applied.discount;
                        post(applied.discount_account, -applied.discount);
                    }
                    post(payable, transaction.amount + discounts);
                }
                TxnKind::JournalEntry => {
                    for line in &transaction.lines {
                        let debit = line.kind == crate::company_file::transactions::LineKind::JournalDebit;
                        post(
                            self.line_account(line),
                            if debit { line.amount() } else { -line.amount() },
                        );
                    }
                }
                TxnKind::Invoice => {
                    for line in &transaction.lines {
                        post(self.income_account(line), -line.amount());
                    }
                    post(transaction.fields.reference("ARAccountRef"), transaction.total());
                }
                TxnKind::PurchaseOrder | TxnKind::Estimate | TxnKind::SalesOrder => {}
            }
        }
        out
    }

    /// The first active account of a type.
    pub(crate) fn account_of_type(&self, account_type: &str) -> Option<u64> {
        self.lists_of(ListKind::Account)
            .find(|a| a.is_active && a.fields.text("AccountType") == Some(account_type))
            .map(|a| a.serial)
    }
}

/// How much of a bill is linked to an order.
fn billed(bill: &Transaction, order: u64) -> Decimal {
    bill.lines
        .iter()
        .filter(|l| l.link.is_some_and(|k| k.order == order))
        .map(Line::amount)
        .sum()
}
