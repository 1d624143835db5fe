//! Void, delete, and what was deleted.

use rust_decimal::Decimal;

use super::{
    Outcome,
    build::next_sequence,
    transactions::{closing_date, recovery, touch},
};
use crate::{
    clock,
    company_file::{Deletion, kinds::TxnKind, transactions::Transaction},
    message_sets::Recovery,
    qbxml::{answer::Out, check, document::Request, status::Status},
    quickbooks::QuickBooks,
};

/// How long deletions are shown.
const SHOWN_SECONDS: i64 = 90 * 24 * 60 * 60;

/// Finds the transaction and checks that it may be touched.
fn target(qb: &mut QuickBooks, request: &Request, field: &str) -> Result<Transaction, Status> {
    let id = request.body.text_of("TxnID").unwrap_or_default();
    let kind = request.body.text_of(field).unwrap_or_default();
    let found = qb
        .file
        .transaction_by_id(id)
        .filter(|t| t.kind.name() == kind)
        .cloned();
    let Some(found) = found else {
        return Err(Status::not_found(id));
    };
    if qb.file.locked(id) {
        return Err(Status::transaction_locked());
    }
    closing_date(qb, found.date())?;
    Ok(found)
}

/// Takes payments and orders off a transaction that goes or becomes zero. Returns those touched.
fn release(qb: &mut QuickBooks, transaction: &Transaction) -> Vec<u64> {
    let mut touched: Vec<u64> = transaction.applied.iter().map(|a| a.bill).collect();
    touched.extend(transaction.orders());
    let payments: Vec<u64> = qb
        .file
        .applications
        .get(&transaction.serial)
        .into_iter()
        .flatten()
        .copied()
        .collect();
    for serial in payments {
        if let Some(mut payment) = qb.file.transactions.get(&serial).cloned() {
            payment.applied.retain(|a| a.bill != transaction.serial);
            for applied in &mut payment.applied {
                applied
                    .credits
                    .retain(|(credit, _)| *credit != transaction.serial);
            }
            qb.file.put_transaction(payment);
            touched.push(serial);
        }
    }
    if transaction.kind == TxnKind::PurchaseOrder {
        let bills: Vec<u64> = qb
            .file
            .billings
            .get(&transaction.serial)
            .into_iter()
            .flatten()
            .copied()
            .collect();
        for serial in bills {
            if let Some(mut bill) = qb.file.transactions.get(&serial).cloned() {
                for line in &mut bill.lines {
                    line.link = line.link.filter(|k| k.order != transaction.serial);
                }
                qb.file.put_transaction(bill);
                touched.push(serial);
            }
        }
    }
    touched
}

/// `TxnVoid`: amounts become zero, lines remain, links go.
pub(crate) fn void_transaction(qb: &mut QuickBooks, request: &Request) -> Result<Outcome, Status> {
    let old = target(qb, request, "TxnVoidType")?;
    let touched = release(qb, &old);
    let mut voided = qb
        .file
        .transactions
        .get(&old.serial)
        .cloned()
        .unwrap_or_else(|| old.clone());
    voided.voided = true;
    voided.applied.clear();
    voided.amount = Decimal::ZERO;
    for line in &mut voided.lines {
        line.link = None;
        for (name, value) in [
            ("Amount", "0.00"),
            ("Cost", "0.00"),
            ("Rate", "0.00"),
            ("Quantity", "0"),
        ] {
            if line.fields.get(name).is_some() {
                let name = ["Amount", "Cost", "Rate", "Quantity"]
                    .into_iter()
                    .find(|n| *n == name)
                    .unwrap_or("Amount");
                line.fields.set_text(name, value);
            }
        }
    }
    if qb.settings.void_marks_memo {
        let memo = voided.fields.text("Memo").unwrap_or_default();
        let marked = format!("VOID: {memo}");
        voided.fields.set_text("Memo", marked.trim_end().to_owned());
    }
    voided.modified = qb.clock.now();
    voided.edit_sequence = next_sequence(qb, old.edit_sequence);
    qb.file.put_transaction(voided.clone());
    if qb.settings.payments_touch_bills {
        touch(qb, &touched);
    }
    let mut body = vec![
        Out::leaf("TxnVoidType", voided.kind.name()),
        Out::leaf("TxnID", voided.id()),
        Out::leaf("TimeCreated", clock::print(voided.created, &qb.settings)),
        Out::leaf("TimeModified", clock::print(voided.modified, &qb.settings)),
    ];
    body.extend(voided.reference_number().map(|r| Out::leaf("RefNumber", r)));
    Ok(Outcome {
        body,
        recovery: Some(recovery(&voided)),
        ..Outcome::default()
    })
}

/// `TxnDel`
pub(crate) fn delete_transaction(qb: &mut QuickBooks, request: &Request) -> Result<Outcome, Status> {
    let old = target(qb, request, "TxnDelType")?;
    let touched = release(qb, &old);
    let now = qb.clock.now();
    let deletion = qb
        .file
        .delete_transaction(old.serial, now)
        .ok_or_else(|| Status::not_found(&old.id()))?;
    if qb.settings.payments_touch_bills {
        touch(qb, &touched);
    }
    let mut body = vec![
        Out::leaf("TxnDelType", deletion.kind),
        Out::leaf("TxnID", deletion.id.clone()),
        Out::leaf("TimeDeleted", clock::print(now, &qb.settings)),
    ];
    body.extend(deletion.label.clone().map(|r| Out::leaf("RefNumber", r)));
    Ok(Outcome {
        body,
        recovery: Some(gone("TxnID", &deletion)),
        ..Outcome::default()
    })
}

fn gone(element: &'static str, deletion: &Deletion) -> Recovery {
    Recovery {
        element,
        id: deletion.id.clone(),
        txn_number: None,
        edit_sequence: None,
        external_guid: None,
    }
}

/// `ListDel`
pub(crate) fn delete_list(qb: &mut QuickBooks, request: &Request) -> Result<Outcome, Status> {
    let id = request.body.text_of("ListID").unwrap_or_default();
    let kind = request.body.text_of("ListDelType").unwrap_or_default();
    let found = qb
        .file
        .list_by_id(id)
        .filter(|o| o.kind.name() == kind)
        .map(|o| o.serial);
    let Some(serial) = found else {
        return Err(Status::not_found(id));
    };
    if qb.file.locked(id) {
        return Err(Status::list_locked());
    }
    if qb.settings.multi_user && qb.settings.list_delete_needs_single_user {
        return Err(Status::new(
            3162,
            "This request can only be processed in single-user mode.",
        ));
    }
    if qb.file.list_in_use(serial) {
        return Err(Status::in_use(id));
    }
    let now = qb.clock.now();
    let deletion = qb
        .file
        .delete_list(serial, now)
        .ok_or_else(|| Status::not_found(id))?;
    let body = vec![
        Out::leaf("ListDelType", deletion.kind),
        Out::leaf("ListID", deletion.id.clone()),
        Out::leaf("TimeDeleted", clock::print(now, &qb.settings)),
        Out::leaf("FullName", deletion.label.clone().unwrap_or_default()),
    ];
    Ok(Outcome {
        body,
        recovery: Some(gone("ListID", &deletion)),
        ..Outcome::default()
    })
}

/// `TxnDeletedQuery`, `ListDeletedQuery`: grouped by type, in order of deletion, 90 days.
pub(crate) fn query(qb: &QuickBooks, request: &Request, transactions: bool) -> Result<Outcome, Status> {
    let (type_field, id_field, label_field, ret) = if transactions {
        ("TxnDelType", "TxnID", "RefNumber", "TxnDeletedRet")
    } else {
        ("ListDelType", "ListID", "FullName", "ListDeletedRet")
    };
    let range = request.body.child("DeletedDateRangeFilter");
    let bound = |name: &str, end: bool| {
        range
            .and_then(|r| r.text_of(name))
            .and_then(|t| check::moment(t, end))
            .map(|(time, offset)| clock::unix(time, offset, &qb.settings))
    };
    let from = bound("FromDeletedDate", false)
        .unwrap_or(i64::MIN)
        .max(qb.clock.now() - SHOWN_SECONDS);
    let to = bound("ToDeletedDate", true).unwrap_or(i64::MAX);
    let mut body = Vec::new();
    for wanted in request.body.texts(type_field) {
        for deletion in
            qb.file.deletions.iter().filter(|d| {
                d.transaction == transactions && d.kind == wanted && (from..=to).contains(&d.deleted)
            })
        {
            let mut children = vec![
                Out::leaf(type_field, deletion.kind),
                Out::leaf(id_field, deletion.id.clone()),
                Out::leaf("TimeCreated", clock::print(deletion.created, &qb.settings)),
                Out::leaf("TimeDeleted", clock::print(deletion.deleted, &qb.settings)),
            ];
            children.extend(deletion.label.clone().map(|l| Out::leaf(label_field, l)));
            body.push(Out::group(ret, children));
        }
    }
    if body.is_empty() {
        return Err(Status::nothing_found());
    }
    Ok(Outcome {
        body,
        ..Outcome::default()
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::{Books, text};

    fn bill(books: &mut Books, number: &str, amount: &str) -> String {
        text(
            &books.ok(&format!("<BillAddRq><BillAdd><VendorRef><FullName>Lew</FullName></VendorRef><RefNumber>{number}</RefNumber><ExpenseLineAdd><AccountRef><FullName>Job Expenses</FullName></AccountRef><Amount>{amount}</Amount></ExpenseLineAdd></BillAdd></BillAddRq>")),
            "TxnID",
        )
    }

    fn pay(bill: &str, amount: &str) -> String {
        format!(
            "<BillPaymentCheckAddRq><BillPaymentCheckAdd><PayeeEntityRef><FullName>Lew</FullName></PayeeEntityRef><BankAccountRef><FullName>Checking</FullName></BankAccountRef><RefNumber>1077</RefNumber><AppliedToTxnAdd><TxnID>{bill}</TxnID><PaymentAmount>{amount}</PaymentAmount></AppliedToTxnAdd></BillPaymentCheckAdd></BillPaymentCheckAddRq>"
        )
    }

    #[test]
    fn payment_void_delete() {
        let mut books = Books::new();
        books.ok("<VendorAddRq><VendorAdd><Name>Lew</Name></VendorAdd></VendorAddRq>");
        let bill = bill(&mut books, "B-1", "100.00");
        let query = format!(
            "<BillQueryRq><TxnID>{bill}</TxnID><IncludeLinkedTxns>true</IncludeLinkedTxns></BillQueryRq>"
        );
        let before = books.ok(&query);
        books.fails(3210, &pay(&bill, "100.01"));
        let payment = text(&books.ok(&pay(&bill, "40.00")), "TxnID");
        let after = books.ok(&query);
        assert_eq!(text(&after, "OpenAmount"), "60.00");
        assert_eq!(text(&after, "IsPaid"), "false");
        assert_ne!(text(&after, "EditSequence"), text(&before, "EditSequence"));
        assert!(after.contains("<TxnType>BillPaymentCheck</TxnType>"));
        let paid = books.ok(&pay(&bill, "60.00"));
        assert_eq!(text(&paid, "BalanceRemaining"), "0.00");
        assert_eq!(text(&books.ok(&query), "IsPaid"), "true");
        books.ok(&format!(
            "<TxnVoidRq><TxnVoidType>BillPaymentCheck</TxnVoidType><TxnID>{payment}</TxnID></TxnVoidRq>"
        ));
        assert_eq!(text(&books.ok(&query), "OpenAmount"), "40.00");
        let voided = books.ok(&format!("<BillPaymentCheckQueryRq><TxnID>{payment}</TxnID><IncludeLineItems>true</IncludeLineItems></BillPaymentCheckQueryRq>"));
        assert_eq!(text(&voided, "Amount"), "0.00");
        assert_eq!(text(&voided, "Memo"), "VOID:");
        assert!(!voided.contains("AppliedToTxnRet"));
        books.sound();
        let second = text(&paid, "TxnID");
        books.ok(&format!(
            "<TxnDelRq><TxnDelType>BillPaymentCheck</TxnDelType><TxnID>{second}</TxnID></TxnDelRq>"
        ));
        assert_eq!(text(&books.ok(&query), "OpenAmount"), "100.00");
        let deleted = books.ok("<TxnDeletedQueryRq><TxnDelType>Bill</TxnDelType><TxnDelType>BillPaymentCheck</TxnDelType></TxnDeletedQueryRq>");
        assert_eq!(
            (text(&deleted, "TxnID"), text(&deleted, "RefNumber")),
            (second.clone(), "1077".to_owned())
        );
        books.fails(
            3120,
            &format!("<TxnDelRq><TxnDelType>Bill</TxnDelType><TxnID>{second}</TxnID></TxnDelRq>"),
        );
        books.sound();
        books.advance(91 * 24 * 3600);
        books.fails(
            1,
            "<TxnDeletedQueryRq><TxnDelType>BillPaymentCheck</TxnDelType></TxnDeletedQueryRq>",
        );
    }

    #[test]
    fn a_voided_bill_frees_its_payment() {
        let mut books = Books::new();
        books.ok("<VendorAddRq><VendorAdd><Name>Lew</Name></VendorAdd></VendorAddRq>");
        let bill = bill(&mut books, "B-1", "100.00");
        books.ok(&pay(&bill, "40.00"));
        books.ok(&format!(
            "<TxnVoidRq><TxnVoidType>Bill</TxnVoidType><TxnID>{bill}</TxnID></TxnVoidRq>"
        ));
        let seen = books.ok(&format!(
            "<BillQueryRq><TxnID>{bill}</TxnID><IncludeLineItems>true</IncludeLineItems></BillQueryRq>"
        ));
        assert_eq!(
            (text(&seen, "AmountDue"), text(&seen, "IsPaid")),
            ("0.00".to_owned(), "true".to_owned())
        );
        assert!(seen.contains("<ExpenseLineRet>"));
        books.sound();
    }

    #[test]
    fn what_is_used_stays() {
        let mut books = Books::new();
        let vendor = text(
            &books.ok("<VendorAddRq><VendorAdd><Name>Lew</Name></VendorAdd></VendorAddRq>"),
            "ListID",
        );
        let bill = bill(&mut books, "B-1", "100.00");
        let delete =
            format!("<ListDelRq><ListDelType>Vendor</ListDelType><ListID>{vendor}</ListID></ListDelRq>");
        books.fails(3160, &delete);
        books.ok(&format!(
            "<TxnDelRq><TxnDelType>Bill</TxnDelType><TxnID>{bill}</TxnID></TxnDelRq>"
        ));
        books.ok(&delete);
        let deleted = books.ok("<ListDeletedQueryRq><ListDelType>Vendor</ListDelType></ListDeletedQueryRq>");
        assert_eq!(text(&deleted, "FullName"), "Lew");
        books.ok("<VendorAddRq><VendorAdd><Name>Lew</Name></VendorAdd></VendorAddRq>");
        books.sound();
    }
}
