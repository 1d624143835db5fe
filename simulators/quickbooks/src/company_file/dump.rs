//! The whole file as canonical JSON, so that a test can compare two worlds.

use serde_json::{Map, Value as Json, json};

use super::{
    CompanyFile,
    fields::{Fields, Value, money, plain},
    kinds::{LIST_KINDS, TXN_KINDS, TxnKind},
    lists::ListObject,
    transactions::{Line, LineKind, Transaction},
};
use crate::{clock, settings::Settings};

/// `VendorTaxIdent` as `vendor_tax_ident`.
pub(crate) fn snake(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (i, c) in chars.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|p| chars.get(p));
        let after = chars.get(i + 1);
        let starts = before.is_some_and(|b| {
            (c.is_uppercase()
                && (b.is_lowercase() || (b.is_uppercase() && after.is_some_and(|a| a.is_lowercase()))))
                || (c.is_numeric() && b.is_lowercase() && after.is_some_and(|a| a.is_numeric()))
        });
        if starts {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

fn put_fields(file: &CompanyFile, fields: &Fields, out: &mut Map<String, Json>) {
    for (name, value) in &fields.0 {
        match value {
            Value::Text(text) => {
                let json = match text.as_str() {
                    "true" => Json::Bool(true),
                    "false" => Json::Bool(false),
                    _ => Json::String(text.clone()),
                };
                out.insert(snake(name), json);
            }
            Value::Reference(serial) => {
                let base = snake(name.strip_suffix("Ref").unwrap_or(name));
                out.insert(base.clone(), Json::String(file.full_name_of(*serial)));
                out.insert(
                    format!("{base}_id"),
                    json!(file.lists.get(serial).map(ListObject::id)),
                );
            }
            Value::Group(inner) => {
                let mut group = Map::new();
                put_fields(file, inner, &mut group);
                out.insert(snake(name), Json::Object(group));
            }
        }
    }
}

fn line(file: &CompanyFile, transaction: &Transaction, line: &Line) -> Json {
    let mut out = Map::new();
    out.insert("txn_line_id".to_owned(), json!(line.id()));
    let kind = if line.kind == LineKind::Expense {
        "expense"
    } else {
        "item"
    };
    out.insert("kind".to_owned(), json!(kind));
    put_fields(file, &line.fields, &mut out);
    if let Some(link) = line.link {
        let order = file.transactions.get(&link.order);
        let order_line = order.and_then(|o| o.lines.iter().find(|l| l.serial == link.line));
        out.insert(
            "link".to_owned(),
            json!({"txn_id": order.map(Transaction::id), "txn_line_id": order_line.map(Line::id)}),
        );
    }
    if transaction.kind == TxnKind::PurchaseOrder {
        out.insert(
            "received_quantity".to_owned(),
            json!(plain(file.received(transaction.serial, line.serial))),
        );
    }
    Json::Object(out)
}

/// One list object.
pub(crate) fn list_object(file: &CompanyFile, settings: &Settings, object: &ListObject) -> Json {
    let mut out = Map::new();
    out.insert("kind".to_owned(), json!(snake(object.kind.name())));
    out.insert("list_id".to_owned(), json!(object.id()));
    out.insert("id".to_owned(), json!(object.id()));
    out.insert(
        "edit_sequence".to_owned(),
        json!(object.edit_sequence.to_string()),
    );
    out.insert(
        "time_created".to_owned(),
        json!(clock::print(object.created, settings)),
    );
    out.insert(
        "time_modified".to_owned(),
        json!(clock::print(object.modified, settings)),
    );
    out.insert("name".to_owned(), json!(object.name));
    out.insert("full_name".to_owned(), json!(file.full_name(object)));
    out.insert("is_active".to_owned(), json!(object.is_active));
    out.insert("external_guid".to_owned(), json!(object.external_guid));
    if let Some(parent) = object.parent {
        out.insert("parent".to_owned(), json!(file.full_name_of(parent)));
    }
    put_fields(file, &object.fields, &mut out);
    if object.kind == super::kinds::ListKind::Vendor {
        out.insert(
            "balance".to_owned(),
            json!(money(file.vendor_balance(object.serial))),
        );
    }
    Json::Object(out)
}

/// One transaction.
pub(crate) fn transaction(file: &CompanyFile, settings: &Settings, transaction: &Transaction) -> Json {
    let mut out = Map::new();
    out.insert("kind".to_owned(), json!(snake(transaction.kind.name())));
    out.insert("txn_id".to_owned(), json!(transaction.id()));
    out.insert("id".to_owned(), json!(transaction.id()));
    out.insert(
        "edit_sequence".to_owned(),
        json!(transaction.edit_sequence.to_string()),
    );
    out.insert("txn_number".to_owned(), json!(transaction.number));
    out.insert(
        "time_created".to_owned(),
        json!(clock::print(transaction.created, settings)),
    );
    out.insert(
        "time_modified".to_owned(),
        json!(clock::print(transaction.modified, settings)),
    );
    out.insert("external_guid".to_owned(), json!(transaction.external_guid));
    out.insert("voided".to_owned(), json!(transaction.voided));
    put_fields(file, &transaction.fields, &mut out);
    let total = money(transaction.total());
    match transaction.kind {
        TxnKind::Bill => {
            let open = file.open_amount(transaction);
            out.insert("amount_due".to_owned(), json!(total));
            out.insert("open_amount".to_owned(), json!(money(open)));
            out.insert("is_paid".to_owned(), json!(open <= rust_decimal::Decimal::ZERO));
        }
        TxnKind::VendorCredit => {
            out.insert("credit_amount".to_owned(), json!(total));
            out.insert(
                "open_amount".to_owned(),
                json!(money(file.open_amount(transaction))),
            );
        }
        TxnKind::PurchaseOrder
        | TxnKind::Estimate
        | TxnKind::SalesOrder
        | TxnKind::Invoice
        | TxnKind::Check
        | TxnKind::CreditCardCharge
        | TxnKind::CreditCardCredit
        | TxnKind::ItemReceipt
        | TxnKind::JournalEntry => {
            out.insert("total_amount".to_owned(), json!(total));
            if transaction.kind == TxnKind::PurchaseOrder {
                out.insert(
                    "is_fully_received".to_owned(),
                    json!(file.fully_received(transaction)),
                );
            }
        }
        TxnKind::BillPaymentCheck | TxnKind::BillPaymentCreditCard => {
            out.insert("amount".to_owned(), json!(total));
            let applied: Vec<Json> = transaction
                .applied
                .iter()
                .map(|a| {
                    json!({
                        "txn_id": file.transactions.get(&a.bill).map(Transaction::id),
                        "amount": money(a.amount),
                        "discount": money(a.discount),
                        "credits": a.credits.iter().map(|(c, amount)| json!({
                            "txn_id": file.transactions.get(c).map(Transaction::id),
                            "amount": money(*amount),
                        })).collect::<Vec<_>>(),
                    })
                })
                .collect();
            out.insert("applied".to_owned(), json!(applied));
        }
    }
    let links: Vec<Json> = file
        .links(transaction)
        .iter()
        .map(|l| {
            let other = file.transactions.get(&l.to);
            json!({
                "txn_id": other.map(Transaction::id),
                "type": other.map(|o| snake(o.kind.name())),
                "link_type": l.kind,
                "amount": money(l.amount),
            })
        })
        .collect();
    out.insert("linked".to_owned(), json!(links));
    if !transaction.kind.is_payment() {
        let table: Vec<Json> = transaction
            .lines
            .iter()
            .map(|l| line(file, transaction, l))
            .collect();
        out.insert("lines".to_owned(), json!(table));
    }
    Json::Object(out)
}

/// The whole file.
pub(crate) fn whole(file: &CompanyFile, settings: &Settings) -> Json {
    let mut lists: Map<String, Json> = Map::new();
    for kind in LIST_KINDS {
        let list = lists.entry(kind.plural()).or_insert_with(|| json!([]));
        if let Json::Array(all) = list {
            all.extend(file.lists_of(kind).map(|o| list_object(file, settings, o)));
        }
    }
    let mut transactions: Map<String, Json> = Map::new();
    for kind in TXN_KINDS {
        let all: Vec<Json> = file
            .transactions_of(kind)
            .map(|t| transaction(file, settings, t))
            .collect();
        transactions.insert(kind.plural().to_owned(), json!(all));
    }
    let deletions: Vec<Json> = file
        .deletions
        .iter()
        .map(|d| {
            json!({
                "kind": snake(d.kind),
                "id": d.id,
                "label": d.label,
                "time_deleted": clock::print(d.deleted, settings),
            })
        })
        .collect();
    json!({
        "company": {
            "path": file.company.path,
            "company_name": file.company.company_name,
            "country": file.company.country,
            "product_year": file.company.product_year,
            "highest_qbxml_version": file.company.highest_qbxml_version,
            "data_extensions": file.extensions.iter().map(|e| json!({
                "owner_id": e.owner, "name": e.name, "value": e.value,
            })).collect::<Vec<_>>(),
        },
        "lists": lists,
        "transactions": transactions,
        "deletions": deletions,
        "message_sets": file.message_sets.keys(),
        "locks": file.locks,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_snake_case() {
        for (name, want) in [
            ("APAccountRef", "ap_account_ref"),
            ("VendorTaxIdent", "vendor_tax_ident"),
            ("IsVendorEligibleFor1099", "is_vendor_eligible_for_1099"),
            ("Addr1", "addr1"),
            ("FOB", "fob"),
            ("TxnID", "txn_id"),
            ("ExternalGUID", "external_guid"),
            ("BillPaymentCreditCard", "bill_payment_credit_card"),
        ] {
            assert_eq!(snake(name), want);
        }
    }
}
