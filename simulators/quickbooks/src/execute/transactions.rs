//! Adding and changing purchase orders, bills, vendor credits, estimates, sales orders and invoices.

use chrono::Days;
use rust_decimal::Decimal;

use super::{
    Outcome,
    build::{apply, changes, new_fields, next_sequence},
    transaction_lines::{Links, line_fields},
};
use crate::{
    clock,
    company_file::{
        fields::{Fields, Value},
        kinds::TxnKind,
        ret::{Printer, View},
        transactions::{Line, LineKind, Transaction},
    },
    message_sets::Recovery,
    qbxml::{check, document::Request, status::Status, validate::Checked},
    quickbooks::QuickBooks,
};

const SKIPPED: [&str; 27] = [
    "TxnID",
    "EditSequence",
    "ExternalGUID",
    "LinkToTxnID",
    "ClearExpenseLines",
    "ClearItemLines",
    "ExpenseLineAdd",
    "ItemLineAdd",
    "ItemGroupLineAdd",
    "PurchaseOrderLineAdd",
    "PurchaseOrderLineGroupAdd",
    "EstimateLineAdd",
    "EstimateLineGroupAdd",
    "SalesOrderLineAdd",
    "SalesOrderLineGroupAdd",
    "InvoiceLineAdd",
    "InvoiceLineGroupAdd",
    "SetCredit",
    "ExpenseLineMod",
    "ItemLineMod",
    "ItemGroupLineMod",
    "PurchaseOrderLineMod",
    "PurchaseOrderLineGroupMod",
    "EstimateLineMod",
    "CreateChangeOrder",
    "JournalDebitLine",
    "JournalCreditLine",
];

/// What fields of a header a Mod may not clear.
const FIXED: [&str; 6] = [
    "VendorRef",
    "APAccountRef",
    "TxnDate",
    "DueDate",
    "CustomerRef",
    "PayeeEntityRef",
];

fn line_kind(name: &str) -> Option<LineKind> {
    match name {
        "JournalDebitLine" => return Some(LineKind::JournalDebit),
        "JournalCreditLine" => return Some(LineKind::JournalCredit),
        _ => {}
    }
    match name.strip_suffix("Add").or_else(|| name.strip_suffix("Mod"))? {
        "ExpenseLine" => Some(LineKind::Expense),
        "ItemLine" => Some(LineKind::Item),
        "PurchaseOrderLine" => Some(LineKind::PurchaseOrder),
        "EstimateLine" => Some(LineKind::Estimate),
        "SalesOrderLine" => Some(LineKind::SalesOrder),
        "InvoiceLine" => Some(LineKind::Invoice),
        _ => None,
    }
}

/// 3250 when the feature of that transaction is off.
pub(crate) fn feature(qb: &QuickBooks, kind: TxnKind) -> Result<(), Status> {
    let on = match kind {
        TxnKind::PurchaseOrder | TxnKind::ItemReceipt => qb.settings.features.inventory,
        TxnKind::Estimate => qb.settings.features.estimates,
        TxnKind::SalesOrder => qb.settings.features.sales_orders,
        _ => true,
    };
    if on { Ok(()) } else { Err(Status::feature_off()) }
}

/// 3171 when the date is on or before the closing date.
pub(crate) fn closing_date(qb: &QuickBooks, date: &str) -> Result<(), Status> {
    match (qb.settings.closing_date, check::date(date)) {
        (Some(closed), Some(date)) if date <= closed => {
            Err(Status::closed_books(qb.settings.closing_date_status))
        }
        _ => Ok(()),
    }
}

/// The answer to an Add or Mod.
pub(crate) fn outcome(
    qb: &QuickBooks,
    transaction: &Transaction,
    request: &Request,
    warning: Option<Status>,
) -> Outcome {
    let view = View {
        only: request
            .body
            .texts("IncludeRetElement")
            .into_iter()
            .map(str::to_owned)
            .collect(),
        ..View::whole()
    };
    let printer = Printer {
        file: &qb.file,
        settings: &qb.settings,
    };
    Outcome {
        status: warning.unwrap_or_else(Status::ok),
        attributes: Vec::new(),
        body: printer.transaction(transaction, &view).into_iter().collect(),
        recovery: Some(recovery(transaction)),
    }
}

pub(crate) fn recovery(transaction: &Transaction) -> Recovery {
    Recovery {
        element: "TxnID",
        id: transaction.id(),
        txn_number: Some(transaction.number),
        edit_sequence: Some(transaction.edit_sequence),
        external_guid: transaction.external_guid.clone(),
    }
}

pub(crate) fn today(qb: &QuickBooks) -> String {
    clock::local(qb.clock.now(), &qb.settings).date().to_string()
}

fn defaults(qb: &QuickBooks, kind: TxnKind, fields: &mut Fields) {
    fields.set_default("TxnDate", &today(qb));
    match kind {
        TxnKind::Bill | TxnKind::VendorCredit | TxnKind::ItemReceipt => {
            if fields.get("APAccountRef").is_none()
                && let Some(account) = qb.file.account_of_type("AccountsPayable")
            {
                fields.set("APAccountRef", Value::Reference(account));
            }
            if kind == TxnKind::Bill && fields.get("DueDate").is_none() {
                let terms = fields.reference("TermsRef").and_then(|t| qb.file.lists.get(&t));
                let days = match terms {
                    Some(terms) => terms
                        .fields
                        .text("StdDueDays")
                        .and_then(|d| d.parse().ok())
                        .unwrap_or(0),
                    None => 10,
                };
                let due = fields
                    .text("TxnDate")
                    .and_then(check::date)
                    .and_then(|d| d.checked_add_days(Days::new(days)));
                if let Some(due) = due {
                    fields.set_text("DueDate", due.to_string());
                }
            }
        }
        TxnKind::PurchaseOrder => {
            let date = fields.text("TxnDate").unwrap_or_default().to_owned();
            fields.set_default("ExpectedDate", &date);
            fields.set_default("IsToBePrinted", "true");
            fields.set_default("IsToBeEmailed", "false");
        }
        TxnKind::Estimate => fields.set_default("IsActive", "true"),
        TxnKind::SalesOrder => {
            fields.set_default("IsManuallyClosed", "false");
            fields.set_default("IsFullyInvoiced", "false");
        }
        TxnKind::Invoice => {
            if fields.get("ARAccountRef").is_none()
                && let Some(account) = qb.file.account_of_type("AccountsReceivable")
            {
                fields.set("ARAccountRef", Value::Reference(account));
            }
            let date = fields.text("TxnDate").unwrap_or_default().to_owned();
            fields.set_default("DueDate", &date);
            fields.set_default("IsPending", "false");
            fields.set_default("IsToBePrinted", "true");
        }
        _ => {}
    }
}

/// What holds of every transaction with lines.
fn check_whole(qb: &QuickBooks, transaction: &Transaction) -> Result<(), Status> {
    let what = transaction.kind.name();
    if transaction.lines.is_empty() {
        return Err(Status::not_saved(what, "You cannot save a blank transaction."));
    }
    if transaction.kind == TxnKind::Bill
        && qb.settings.refuse_negative_bills
        && transaction.total() < Decimal::ZERO
    {
        return Err(Status::not_saved(what, "Transaction amount must be positive."));
    }
    // A credit memo is another kind of transaction, and a vendor credit the other way round is a bill.
    if matches!(transaction.kind, TxnKind::Invoice | TxnKind::VendorCredit)
        && transaction.total() < Decimal::ZERO
    {
        return Err(Status::not_saved(what, "Transaction amount must be positive."));
    }
    if transaction.kind == TxnKind::JournalEntry {
        let credits: Decimal = transaction
            .lines
            .iter()
            .filter(|line| line.kind == LineKind::JournalCredit)
            .map(Line::amount)
            .sum();
        if credits != transaction.total() {
            return Err(Status::not_saved(what, "Transaction is not in balance."));
        }
        return Ok(());
    }
    let optional = matches!(
        transaction.kind,
        TxnKind::PurchaseOrder | TxnKind::Check | TxnKind::CreditCardCharge | TxnKind::CreditCardCredit
    );
    let needed = transaction.kind.entity_field();
    if !optional && transaction.fields.get(needed).is_none() {
        return Err(Status::missing(needed));
    }
    Ok(())
}

fn new_line(qb: &mut QuickBooks, kind: LineKind, fields: Fields, now: i64) -> Line {
    Line {
        serial: qb.file.next_transaction_serial(),
        created: now,
        kind,
        fields,
        link: None,
    }
}

/// Moves `TimeModified` and `EditSequence` of transactions that another one touched.
pub(crate) fn touch(qb: &mut QuickBooks, serials: &[u64]) {
    let now = qb.clock.now();
    for serial in serials {
        let Some(before) = qb.file.transactions.get(serial).map(|t| t.edit_sequence) else {
            continue;
        };
        let sequence = next_sequence(qb, before);
        if let Some(transaction) = qb.file.transactions.get_mut(serial) {
            transaction.modified = now;
            transaction.edit_sequence = sequence;
        }
    }
}

/// `BillAdd`, `PurchaseOrderAdd` and their like.
pub(crate) fn add(qb: &mut QuickBooks, kind: TxnKind, request: &Request) -> Result<Outcome, Status> {
    feature(qb, kind)?;
    let Some(body) = request.body.children.first() else {
        return Err(Status::internal());
    };
    let object = kind.name();
    let mut warning = None;
    let mut fields = new_fields(changes(qb, body, object, &SKIPPED, &mut warning)?);
    defaults(qb, kind, &mut fields);
    let external_guid = body
        .text_of("ExternalGUID")
        .filter(|g| !g.is_empty())
        .map(str::to_owned);
    if let Some(guid) = &external_guid
        && qb.settings.refuse_duplicate_external_guid
        && qb.file.external_guid_taken(guid)
    {
        return Err(Status::invalid(
            "ExternalGUID",
            guid,
            "The value is already in use.",
        ));
    }
    closing_date(qb, fields.text("TxnDate").unwrap_or_default())?;
    let mut links = Links::new(fields.reference("VendorRef"));
    let mut table = Vec::new();
    for id in body.texts("LinkToTxnID") {
        for (fields, link) in links.whole(qb, id, &mut warning)? {
            table.push((LineKind::Item, fields, Some(link)));
        }
    }
    for child in &body.children {
        let Some(kind) = line_kind(child.name()) else {
            continue;
        };
        if child.child("LinkToTxn").is_some() {
            let (base, link) = links.line(qb, child, &mut warning)?;
            if link.is_some() || qb.settings.closed_link_keeps_line {
                let fields = line_fields(qb, kind, child, Some(&base), object, &mut warning)?;
                table.push((kind, fields, link));
            }
        } else {
            table.push((
                kind,
                line_fields(qb, kind, child, None, object, &mut warning)?,
                None,
            ));
        }
    }
    let now = qb.clock.now();
    let mut transaction = Transaction {
        serial: 0,
        created: now,
        modified: now,
        edit_sequence: now,
        kind,
        number: 0,
        external_guid,
        fields,
        lines: table
            .into_iter()
            .map(|(kind, fields, link)| Line {
                serial: 0,
                created: now,
                kind,
                fields,
                link,
            })
            .collect(),
        applied: Vec::new(),
        amount: Decimal::ZERO,
        voided: false,
    };
    check_whole(qb, &transaction)?;
    for order in transaction.orders() {
        let id = qb
            .file
            .transactions
            .get(&order)
            .map(Transaction::id)
            .unwrap_or_default();
        if qb.file.locked(&id) {
            return Err(Status::linked_transaction_locked());
        }
    }
    transaction.serial = qb.file.next_transaction_serial();
    for line in &mut transaction.lines {
        line.serial = qb.file.next_transaction_serial();
    }
    qb.file.transaction_number += 1;
    transaction.number = qb.file.transaction_number;
    // Expense lines stand before item lines.
    transaction
        .lines
        .sort_by_key(|l| u8::from(l.kind != LineKind::Expense));
    qb.file.put_transaction(transaction.clone());
    if qb.settings.bills_touch_purchase_orders {
        touch(qb, &transaction.orders());
    }
    Ok(outcome(qb, &transaction, request, warning))
}

/// `BillMod`, `PurchaseOrderMod` and their like.
pub(crate) fn modify(qb: &mut QuickBooks, kind: TxnKind, request: &Request) -> Result<Outcome, Status> {
    feature(qb, kind)?;
    let Some(body) = request.body.children.first() else {
        return Err(Status::internal());
    };
    let object = kind.name();
    let mut warning = None;
    let changed = changes(qb, body, object, &SKIPPED, &mut warning)?;
    let id = body.text_of("TxnID").unwrap_or_default();
    let found = qb.file.transaction_by_id(id).filter(|t| t.kind == kind).cloned();
    let Some(old) = found else {
        return Err(Status::not_found(id));
    };
    let mut transaction = old.clone();
    let tables = tables(qb, &old, body, &mut warning)?;
    let sequence = body.text_of("EditSequence").unwrap_or_default();
    if sequence != old.edit_sequence.to_string() {
        return Err(Status::stale(sequence));
    }
    if qb.file.locked(id) {
        return Err(Status::transaction_locked());
    }
    let mut related = old.orders();
    related.extend(qb.file.applications.get(&old.serial).into_iter().flatten());
    for other in related {
        let id = qb
            .file
            .transactions
            .get(&other)
            .map(Transaction::id)
            .unwrap_or_default();
        if qb.file.locked(&id) {
            return Err(Status::linked_transaction_locked());
        }
    }
    closing_date(qb, old.date())?;
    if let Some((name, _)) = changed.iter().find(|(n, v)| v.is_none() && FIXED.contains(n)) {
        return Err(Status::cannot_clear(name));
    }
    apply(&mut transaction.fields, &changed);
    closing_date(qb, transaction.date())?;
    for (kind, lines) in tables {
        transaction.lines.retain(|l| l.kind != kind);
        transaction.lines.extend(lines);
    }
    check_whole(qb, &transaction)?;
    check_links(qb, &old, &transaction)?;
    let now = qb.clock.now();
    for line in &mut transaction.lines {
        if line.serial == 0 {
            let fields = std::mem::take(&mut line.fields);
            *line = new_line(qb, line.kind, fields, now);
        }
    }
    transaction
        .lines
        .sort_by_key(|l| u8::from(l.kind != LineKind::Expense));
    transaction.modified = now;
    transaction.edit_sequence = next_sequence(qb, old.edit_sequence);
    qb.file.put_transaction(transaction.clone());
    Ok(outcome(qb, &transaction, request, warning))
}

type Table = (LineKind, Vec<Line>);

/// The tables of lines a Mod replaces: any line named makes the unnamed ones of its table go.
fn tables(
    qb: &QuickBooks,
    old: &Transaction,
    body: &Checked,
    warning: &mut Option<Status>,
) -> Result<Vec<Table>, Status> {
    let mut out: Vec<Table> = Vec::new();
    for (flag, kind) in [
        ("ClearExpenseLines", LineKind::Expense),
        ("ClearItemLines", LineKind::Item),
    ] {
        if body.flag(flag) {
            out.push((kind, Vec::new()));
        }
    }
    for child in &body.children {
        let Some(kind) = line_kind(child.name()) else {
            continue;
        };
        let id = child.text_of("TxnLineID").unwrap_or_default();
        let line = if id == "-1" {
            let fields = line_fields(qb, kind, child, None, old.kind.name(), warning)?;
            Line {
                serial: 0,
                created: 0,
                kind,
                fields,
                link: None,
            }
        } else {
            let kept = old
                .lines
                .iter()
                .find(|l| l.kind == kind && l.id() == id)
                .ok_or_else(|| Status::not_found(id))?;
            let mut line = kept.clone();
            line.fields = line_fields(qb, kind, child, Some(&kept.fields), old.kind.name(), warning)?;
            line
        };
        match out.iter_mut().find(|(k, _)| *k == kind) {
            Some((_, lines)) => {
                if line.serial != 0 && lines.iter().any(|l| l.serial == line.serial) {
                    return Err(Status::not_found(id));
                }
                lines.push(line);
            }
            None => out.push((kind, vec![line])),
        }
    }
    Ok(out)
}

/// A received order line cannot go or shrink below what was received; a paid bill not below what was paid.
fn check_links(qb: &QuickBooks, old: &Transaction, new: &Transaction) -> Result<(), Status> {
    if old.kind == TxnKind::PurchaseOrder {
        for line in &old.lines {
            let received = qb.file.received(old.serial, line.serial);
            if received.is_zero() {
                continue;
            }
            let Some(kept) = new.lines.iter().find(|l| l.serial == line.serial) else {
                return Err(Status::not_saved(
                    "PurchaseOrder",
                    "You cannot delete a line item that has been received.",
                ));
            };
            if let Some(quantity) = kept.fields.decimal("Quantity")
                && quantity < received
            {
                return Err(Status::invalid(
                    "Quantity",
                    &quantity.to_string(),
                    "The quantity cannot be less than the quantity received.",
                ));
            }
        }
    }
    if old.kind == TxnKind::Bill {
        let paid = qb.file.paid(old.serial);
        if !paid.is_zero() && new.total() < paid {
            return Err(Status::not_saved(
                "Bill",
                "The amount of the bill cannot be less than what has been paid.",
            ));
        }
        if !paid.is_zero() && new.entity() != old.entity() {
            return Err(Status::not_saved(
                "Bill",
                "You cannot change the vendor of a bill that has been paid.",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::{Books, text, texts};

    fn books() -> Books {
        let mut books = Books::new();
        books.ok("<VendorAddRq><VendorAdd><Name>Lew Plumbing</Name></VendorAdd></VendorAddRq>");
        books.ok("<CustomerAddRq><CustomerAdd><Name>Owner</Name></CustomerAdd></CustomerAddRq>");
        books.ok("<CustomerAddRq><CustomerAdd><Name>Job</Name><ParentRef><FullName>Owner</FullName></ParentRef></CustomerAdd></CustomerAddRq>");
        books.ok("<ItemServiceAddRq><ItemServiceAdd><Name>15-400</Name><SalesAndPurchase><PurchaseCost>10.00</PurchaseCost><ExpenseAccountRef><FullName>Job Expenses:Subcontractors</FullName></ExpenseAccountRef></SalesAndPurchase></ItemServiceAdd></ItemServiceAddRq>");
        books
    }

    fn order(books: &mut Books) -> String {
        books.ok("<PurchaseOrderAddRq><PurchaseOrderAdd><VendorRef><FullName>Lew Plumbing</FullName></VendorRef><RefNumber>SC-1</RefNumber><PurchaseOrderLineAdd><ItemRef><FullName>15-400</FullName></ItemRef><Quantity>1</Quantity><Amount>25000.00</Amount><CustomerRef><FullName>Owner:Job</FullName></CustomerRef></PurchaseOrderLineAdd><PurchaseOrderLineAdd><ItemRef><FullName>15-400</FullName></ItemRef><Quantity>1</Quantity><Rate>3000.00</Rate></PurchaseOrderLineAdd></PurchaseOrderAdd></PurchaseOrderAddRq>")
    }

    #[test]
    fn a_bill_receives_an_order() {
        let mut books = books();
        let order = order(&mut books);
        assert_eq!(text(&order, "TotalAmount"), "28000.00");
        let (id, line) = (text(&order, "TxnID"), texts(&order, "TxnLineID")[0].clone());
        let bill = format!(
            "<BillAddRq><BillAdd><VendorRef><FullName>Lew Plumbing</FullName></VendorRef><RefNumber>B-1</RefNumber><TermsRef><FullName>Net 30</FullName></TermsRef><ExpenseLineAdd><AccountRef><FullName>Retainage Payable</FullName></AccountRef><Amount>-1000.00</Amount></ExpenseLineAdd><ItemLineAdd><Quantity>0.4</Quantity><Amount>10000.00</Amount><LinkToTxn><TxnID>{id}</TxnID><TxnLineID>{line}</TxnLineID></LinkToTxn></ItemLineAdd></BillAdd></BillAddRq>"
        );
        let answer = books.ok(&bill);
        assert_eq!(text(&answer, "AmountDue"), "9000.00");
        assert_eq!(text(&answer, "Cost"), "25000.00");
        let query = format!(
            "<PurchaseOrderQueryRq><TxnID>{id}</TxnID><IncludeLineItems>true</IncludeLineItems><IncludeLinkedTxns>true</IncludeLinkedTxns></PurchaseOrderQueryRq>"
        );
        let seen = books.ok(&query);
        assert_eq!(texts(&seen, "ReceivedQuantity"), ["0.4", "0"]);
        assert_eq!(text(&seen, "LinkType"), "QUANTYPE");
        // The rest closes the line; a third bill is warned and has nothing left.
        let rest = bill
            .replace("0.4", "0.6")
            .replace("10000.00", "15000.00")
            .replace("B-1", "B-2");
        books.ok(&rest);
        let only_link = format!(
            "<BillAddRq><BillAdd><VendorRef><FullName>Lew Plumbing</FullName></VendorRef><ItemLineAdd><LinkToTxn><TxnID>{id}</TxnID><TxnLineID>{line}</TxnLineID></LinkToTxn></ItemLineAdd></BillAdd></BillAddRq>"
        );
        books.fails(3180, &only_link);
        books.fails(570, &rest.replace("-1000.00", "1000.00"));
        let linked_item = only_link.replace(
            "<ItemLineAdd>",
            "<ItemLineAdd><ItemRef><FullName>15-400</FullName></ItemRef>",
        );
        books.fails(3000, &linked_item);
        let both = only_link.replace(
            "<ItemLineAdd>",
            &format!("<LinkToTxnID>{id}</LinkToTxnID><LinkToTxnID>{id}</LinkToTxnID><ItemLineAdd>"),
        );
        books.fails(3177, &both);
        let whole = books.ok(&format!("<BillAddRq><BillAdd><VendorRef><FullName>Lew Plumbing</FullName></VendorRef><LinkToTxnID>{id}</LinkToTxnID></BillAdd></BillAddRq>"));
        assert_eq!(text(&whole, "AmountDue"), "3000.00");
        assert_eq!(text(&books.ok(&query), "IsFullyReceived"), "true");
        books.sound();
    }

    #[test]
    fn a_mod_drops_unnamed_lines() {
        let mut books = books();
        let order = order(&mut books);
        let (id, sequence, lines) = (
            text(&order, "TxnID"),
            text(&order, "EditSequence"),
            texts(&order, "TxnLineID"),
        );
        let changed = books.ok(&format!(
            "<PurchaseOrderModRq><PurchaseOrderMod><TxnID>{id}</TxnID><EditSequence>{sequence}</EditSequence><Memo>CO 1</Memo><PurchaseOrderLineMod><TxnLineID>{}</TxnLineID></PurchaseOrderLineMod><PurchaseOrderLineMod><TxnLineID>-1</TxnLineID><ItemRef><FullName>15-400</FullName></ItemRef><Quantity>2</Quantity></PurchaseOrderLineMod></PurchaseOrderMod></PurchaseOrderModRq>",
            lines[1]
        ));
        assert_eq!(texts(&changed, "Amount"), ["3000.00", "20.00"]);
        assert_eq!(text(&changed, "TotalAmount"), "3020.00");
        let body_only = books.ok(&format!(
            "<PurchaseOrderModRq><PurchaseOrderMod><TxnID>{id}</TxnID><EditSequence>{}</EditSequence><Memo></Memo></PurchaseOrderMod></PurchaseOrderModRq>",
            text(&changed, "EditSequence")
        ));
        assert_eq!(texts(&body_only, "TxnLineID").len(), 2);
        assert!(!body_only.contains("<Memo"));
        books.fails(3200, &format!("<PurchaseOrderModRq><PurchaseOrderMod><TxnID>{id}</TxnID><EditSequence>{sequence}</EditSequence></PurchaseOrderMod></PurchaseOrderModRq>"));
        books.sound();
    }

    #[test]
    fn an_invoice_is_owed_by_its_job() {
        let mut books = books();
        let invoice = |lines: &str| {
            format!(
                "<InvoiceAddRq><InvoiceAdd><CustomerRef><FullName>Owner:Job</FullName></CustomerRef><TxnDate>2026-03-31</TxnDate><RefNumber>1</RefNumber>{lines}</InvoiceAdd></InvoiceAddRq>"
            )
        };
        let line = |amount: &str| {
            format!(
                "<InvoiceLineAdd><ItemRef><FullName>15-400</FullName></ItemRef><Amount>{amount}</Amount></InvoiceLineAdd>"
            )
        };
        let answer = books.ok(&invoice(&[line("1000.00"), line("-100.00")].concat()));
        assert_eq!(text(&answer, "Subtotal"), "900.00");
        assert_eq!(text(&answer, "BalanceRemaining"), "900.00");
        assert_eq!(texts(&answer, "Amount"), ["1000.00", "-100.00"]);
        let number = "<InvoiceQueryRq><RefNumber>1</RefNumber><IncludeLineItems>true</IncludeLineItems></InvoiceQueryRq>";
        assert_eq!(texts(&books.ok(number), "TxnLineID").len(), 2);
        books.fails(3180, &invoice(&line("-1.00")));
        books.fails(3180, &invoice(""));
        books.fails(
            3070,
            &invoice(&line("1.00")).replace("<RefNumber>1<", "<RefNumber>123456789012<"),
        );
        books.sound();
    }

    #[test]
    fn checks_of_a_bill() {
        let mut books = books();
        let bill = |lines: &str| {
            format!(
                "<BillAddRq><BillAdd><VendorRef><FullName>Lew Plumbing</FullName></VendorRef><TxnDate>2026-01-31</TxnDate>{lines}</BillAdd></BillAddRq>"
            )
        };
        let line = |amount: &str| {
            format!(
                "<ExpenseLineAdd><AccountRef><FullName>Job Expenses</FullName></AccountRef><Amount>{amount}</Amount></ExpenseLineAdd>"
            )
        };
        books.fails(3180, &bill(""));
        books.fails(3040, &bill(&line("97.5")));
        books.fails(3180, &bill(&line("-1.00")));
        books.fails(3140, &bill(&line("1.00").replace("Job Expenses", "Nothing")));
        books.fails(
            3140,
            &bill(
                &line("1.00")
                    .replace("Lew", "Lou")
                    .replace("Job Expenses", "Accounts Receivable"),
            ),
        );
        books.ok(&bill(&line("1.00")));
        books.settings(&serde_json::json!({"closing_date": "2026-01-31"}));
        books.fails(3171, &bill(&line("1.00")));
        books.settings(&serde_json::json!({"closing_date": null, "features": {"inventory": false}}));
        books.fails(3250, "<PurchaseOrderAddRq><PurchaseOrderAdd><PurchaseOrderLineAdd/></PurchaseOrderAdd></PurchaseOrderAddRq>");
        books.sound();
    }
}
