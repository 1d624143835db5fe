//! What must hold of a file at any time. The simulator checks itself, not only those who use it.

use std::collections::{HashMap, HashSet};

use rust_decimal::Decimal;

use super::{
    CompanyFile,
    kinds::{ListKind, TxnKind},
};
use crate::qbxml::text::fold;

/// Everything that is wrong with the file; empty is right.
pub(crate) fn broken(file: &CompanyFile) -> Vec<String> {
    let mut out = Vec::new();
    let sum: Decimal = file.ledger().values().sum();
    if !sum.is_zero() {
        out.push(format!("debits and credits differ by {sum}"));
    }
    let mut names = HashSet::new();
    for object in file.lists.values() {
        if !names.insert((object.kind.space(), object.parent, fold(&object.name))) {
            out.push(format!("the name {:?} is used twice", object.name));
        }
        if file
            .name_holder(object.kind.space(), object.parent, &object.name)
            .map(|o| o.serial)
            != Some(object.serial)
        {
            out.push(format!("{:?} is not found by its name", object.name));
        }
        if object.parent.is_some_and(|p| !file.lists.contains_key(&p)) {
            out.push(format!("the parent of {:?} is gone", object.name));
        }
        for (field, serial) in object.fields.references() {
            if !file.lists.contains_key(&serial) {
                out.push(format!("{field} of {:?} refers to nothing", object.name));
            }
        }
    }
    let mut lines = HashSet::new();
    let mut open: HashMap<u64, Decimal> = HashMap::new();
    let mut payable = Decimal::ZERO;
    for transaction in file.transactions.values() {
        let id = transaction.id();
        for (field, serial) in transaction
            .fields
            .references()
            .into_iter()
            .chain(transaction.lines.iter().flat_map(|l| l.fields.references()))
        {
            if !file.lists.contains_key(&serial) {
                out.push(format!("{field} of {id} refers to nothing"));
            }
        }
        for line in &transaction.lines {
            if !lines.insert(line.serial) {
                out.push(format!("line {} exists twice", line.id()));
            }
            if let Some(link) = line.link {
                let there = file.transactions.get(&link.order).is_some_and(|o| {
                    o.kind == TxnKind::PurchaseOrder && o.lines.iter().any(|l| l.serial == link.line)
                });
                if !there {
                    out.push(format!("a line of {id} is linked to an order line that is gone"));
                }
                if !file
                    .billings
                    .get(&link.order)
                    .is_some_and(|b| b.contains(&transaction.serial))
                {
                    out.push(format!("the link of {id} is not indexed"));
                }
            }
        }
        for applied in &transaction.applied {
            if file
                .transactions
                .get(&applied.bill)
                .is_none_or(|b| b.kind != TxnKind::Bill)
            {
                out.push(format!("{id} pays a bill that is gone"));
            }
        }
        if transaction.kind == TxnKind::Bill && !transaction.voided {
            let rest = file.open_amount(transaction);
            if rest < Decimal::ZERO && transaction.total() > Decimal::ZERO {
                out.push(format!("{id} is paid beyond its amount"));
            }
            payable += rest;
            *open.entry(transaction.entity().unwrap_or_default()).or_default() += rest;
        }
        // Goods received and not billed are owed, to no bill yet.
        if transaction.kind == TxnKind::ItemReceipt {
            payable += transaction.total();
        }
        if transaction.kind == TxnKind::VendorCredit {
            payable -= file.open_amount(transaction);
            *open.entry(transaction.entity().unwrap_or_default()).or_default() -=
                file.open_amount(transaction);
        }
        if transaction.kind.is_payment() {
            // What a voided or deleted bill released stays with the payment.
            payable -= transaction.amount - transaction.applied.iter().map(|a| a.amount).sum::<Decimal>();
        }
    }
    let ledger = file.ledger();
    let booked: Decimal = file
        .lists_of(ListKind::Account)
        .filter(|a| a.fields.text("AccountType") == Some("AccountsPayable"))
        .map(|a| {
            let on_lines: Decimal = file
                .transactions
                .values()
                .flat_map(|t| &t.lines)
                .filter(|l| l.fields.reference("AccountRef") == Some(a.serial))
                .map(super::transactions::Line::amount)
                .sum();
            -(ledger.get(&Some(a.serial)).copied().unwrap_or_default() - on_lines)
        })
        .sum();
    let receivable: Decimal = file
        .lists_of(ListKind::Account)
        .filter(|account| account.fields.text("AccountType") == Some("AccountsReceivable"))
        .map(|account| ledger.get(&Some(account.serial)).copied().unwrap_or_default())
        .sum();
    let invoiced: Decimal = file
        .transactions_of(TxnKind::Invoice)
        .map(super::transactions::Transaction::total)
        .sum();
    let by_hand = file.transactions.values().any(|transaction| {
        transaction.kind != TxnKind::Invoice
            && transaction.lines.iter().any(|line| {
                line.fields
                    .reference("AccountRef")
                    .and_then(|account| file.lists.get(&account))
                    .is_some_and(|account| account.fields.text("AccountType") == Some("AccountsReceivable"))
            })
    });
    if receivable != invoiced && !by_hand {
        out.push(format!(
            "accounts receivable is {receivable}, the invoices are {invoiced}"
        ));
    }
    if booked != payable {
        out.push(format!(
            "accounts payable is {booked}, the open bills are {payable}"
        ));
    }
    for (vendor, rest) in open {
        if file.vendor_balance(vendor) != rest {
            out.push(format!("the balance of {} is wrong", file.full_name_of(vendor)));
        }
    }
    out
}
