//! Paying bills, and asking what there is to pay.

use rust_decimal::Decimal;

use super::{
    Outcome,
    build::{changes, new_fields},
    references::resolve,
    transactions::{closing_date, outcome, today, touch},
};
use crate::{
    company_file::{
        fields::{Value, money},
        kinds::TxnKind,
        transactions::{Applied, Transaction},
    },
    qbxml::{answer::Out, document::Request, status::Status, validate::Checked},
    quickbooks::QuickBooks,
};

const SKIPPED: [&str; 2] = ["AppliedToTxnAdd", "ExternalGUID"];

fn applied(
    qb: &QuickBooks,
    kind: TxnKind,
    body: &Checked,
    vendor: u64,
    so_far: &[Applied],
) -> Result<Applied, Status> {
    let object = kind.name();
    let id = body.text_of("TxnID").unwrap_or_default();
    let bill = qb
        .file
        .transaction_by_id(id)
        .filter(|t| t.kind == TxnKind::Bill)
        .ok_or_else(|| Status::not_found(id))?;
    if bill.entity() != Some(vendor) {
        return Err(Status::bad_reference_because(
            "Bill",
            id,
            object,
            "The bill is of another vendor.",
        ));
    }
    if so_far.iter().any(|a| a.bill == bill.serial) {
        return Err(Status::linked_twice(id));
    }
    let number = |name: &str| {
        body.text_of(name)
            .and_then(|t| t.parse::<Decimal>().ok())
            .unwrap_or_default()
    };
    let mut out = Applied {
        bill: bill.serial,
        amount: number("PaymentAmount"),
        discount: number("DiscountAmount"),
        discount_account: None,
        credits: Vec::new(),
    };
    if let Some(reference) = body.child("DiscountAccountRef") {
        out.discount_account = resolve(&qb.file, &qb.settings, reference, object)?;
    }
    if !out.discount.is_zero() && out.discount_account.is_none() {
        return Err(Status::missing("DiscountAccountRef"));
    }
    for credit in body.all("SetCredit") {
        let id = credit.text_of("CreditTxnID").unwrap_or_default();
        let amount = credit.text_of("AppliedAmount").unwrap_or_default();
        let found = qb
            .file
            .transaction_by_id(id)
            .filter(|t| t.kind == TxnKind::VendorCredit && t.entity() == Some(vendor))
            .ok_or_else(|| Status::not_found(id))?;
        let value = amount.parse().unwrap_or_default();
        let already: Decimal = so_far
            .iter()
            .chain([&out])
            .flat_map(|a| &a.credits)
            .filter(|(c, _)| *c == found.serial)
            .map(|(_, a)| *a)
            .sum();
        if value > qb.file.open_amount(found) - already {
            return Err(Status::invalid(
                "AppliedAmount",
                amount,
                "You cannot apply more than the credit's remaining amount.",
            ));
        }
        out.credits.push((found.serial, value));
    }
    let whole = out.amount + out.discount + out.credits.iter().map(|(_, a)| *a).sum::<Decimal>();
    if whole > qb.file.open_amount(bill) || out.amount < Decimal::ZERO {
        return Err(Status::invalid(
            "PaymentAmount",
            &money(out.amount),
            "You cannot pay more than the amount due.",
        ));
    }
    Ok(out)
}

/// `BillPaymentCheckAdd`, `BillPaymentCreditCardAdd`.
pub(crate) fn add(qb: &mut QuickBooks, kind: TxnKind, request: &Request) -> Result<Outcome, Status> {
    let Some(body) = request.body.children.first() else {
        return Err(Status::internal());
    };
    let mut warning = None;
    let mut fields = new_fields(changes(qb, body, kind.name(), &SKIPPED, &mut warning)?);
    fields.set_default("TxnDate", &today(qb));
    if kind == TxnKind::BillPaymentCheck {
        fields.set_default("IsToBePrinted", "false");
    }
    if fields.get("APAccountRef").is_none()
        && let Some(account) = qb.file.account_of_type("AccountsPayable")
    {
        fields.set("APAccountRef", Value::Reference(account));
    }
    let Some(vendor) = fields.reference("PayeeEntityRef") else {
        return Err(Status::missing("PayeeEntityRef"));
    };
    let bank = if kind == TxnKind::BillPaymentCheck {
        "BankAccountRef"
    } else {
        "CreditCardAccountRef"
    };
    if fields.reference(bank).is_none() {
        return Err(Status::missing(bank));
    }
    closing_date(qb, fields.text("TxnDate").unwrap_or_default())?;
    let mut all = Vec::new();
    for part in body.all("AppliedToTxnAdd") {
        let part = applied(qb, kind, part, vendor, &all)?;
        all.push(part);
    }
    for part in &all {
        let id = qb
            .file
            .transactions
            .get(&part.bill)
            .map(Transaction::id)
            .unwrap_or_default();
        if qb.file.locked(&id) {
            return Err(Status::linked_transaction_locked());
        }
    }
    let now = qb.clock.now();
    let bills: Vec<u64> = all.iter().map(|a| a.bill).collect();
    qb.file.transaction_number += 1;
    let transaction = Transaction {
        serial: qb.file.next_transaction_serial(),
        created: now,
        modified: now,
        edit_sequence: now,
        kind,
        number: qb.file.transaction_number,
        external_guid: body
            .text_of("ExternalGUID")
            .filter(|g| !g.is_empty())
            .map(str::to_owned),
        fields,
        lines: Vec::new(),
        amount: all.iter().map(|a| a.amount).sum(),
        applied: all,
        voided: false,
    };
    qb.file.put_transaction(transaction.clone());
    if qb.settings.payments_touch_bills {
        touch(qb, &bills);
    }
    Ok(outcome(qb, &transaction, request, warning))
}

/// `BillToPayQuery`: open bills and credits of one vendor.
pub(crate) fn bills_to_pay(qb: &QuickBooks, request: &Request) -> Result<Outcome, Status> {
    let Some(payee) = request.body.child("PayeeEntityRef") else {
        return Err(Status::missing("PayeeEntityRef"));
    };
    let Some(vendor) = resolve(&qb.file, &qb.settings, payee, "BillToPay")? else {
        return Err(Status::missing("PayeeEntityRef"));
    };
    let due = request.body.text_of("DueDate");
    let mut body = Vec::new();
    for serial in qb.file.transactions_by_entity.get(&vendor).into_iter().flatten() {
        let Some(transaction) = qb.file.transactions.get(serial) else {
            continue;
        };
        let open = qb.file.open_amount(transaction);
        if open <= Decimal::ZERO {
            continue;
        }
        let bill = transaction.kind == TxnKind::Bill;
        if bill && due.is_some_and(|d| transaction.fields.text("DueDate").is_some_and(|t| t > d)) {
            continue;
        }
        let mut children = vec![
            Out::leaf("TxnID", transaction.id()),
            Out::leaf("TxnType", transaction.kind.name()),
        ];
        if let Some(account) = transaction
            .fields
            .reference("APAccountRef")
            .and_then(|a| qb.file.lists.get(&a))
        {
            children.push(Out::group(
                "APAccountRef",
                vec![
                    Out::leaf("ListID", account.id()),
                    Out::leaf("FullName", qb.file.full_name(account)),
                ],
            ));
        }
        children.push(Out::leaf("TxnDate", transaction.date()));
        children.extend(transaction.reference_number().map(|r| Out::leaf("RefNumber", r)));
        let (name, amount) = if bill {
            ("BillToPay", "AmountDue")
        } else {
            ("CreditToApply", "CreditRemaining")
        };
        if bill {
            children.extend(
                transaction
                    .fields
                    .text("DueDate")
                    .map(|d| Out::leaf("DueDate", d)),
            );
        }
        children.push(Out::leaf(amount, money(open)));
        body.push(Out::group("BillToPayRet", vec![Out::group(name, children)]));
    }
    if body.is_empty() {
        return Err(Status::nothing_found());
    }
    Ok(Outcome {
        body,
        ..Outcome::default()
    })
}
