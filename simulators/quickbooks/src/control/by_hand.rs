//! A person working in QuickBooks: JSON becomes a request, which goes the same way as any other, but past faults.

use std::fmt::Write;

use serde_json::{Map, Value as Json};

use super::Refused;
use crate::{
    company_file::dump::snake,
    execute::{self, Outcome},
    iterators::Iterators,
    qbxml::{
        check,
        schema::{self, Element, Type},
        status::Status,
        text::escape,
    },
    quickbooks::QuickBooks,
};

/// Executes one request by hand.
pub(crate) fn run(qb: &mut QuickBooks, request: &str) -> Result<Outcome, Status> {
    let version = &qb.file.company.highest_qbxml_version;
    let document = format!(
        "<?xml version=\"1.0\"?><?qbxml version=\"{version}\"?><QBXML><QBXMLMsgsRq onError=\"stopOnError\">{request}</QBXMLMsgsRq></QBXML>"
    );
    let document = qb
        .read(&document)
        .map_err(|e| Status::new(3000, format!("{e}: {request}")))?;
    let Some(request) = document.requests.first() else {
        return Err(Status::internal());
    };
    let denied = std::mem::take(&mut qb.settings.denied_requests);
    let locks = std::mem::take(&mut qb.file.locks);
    let outcome = execute::run(qb, &mut Iterators::default(), request);
    qb.settings.denied_requests = denied;
    qb.file.locks = locks;
    outcome
}

/// Finds the text of a child in an outcome's object.
pub(crate) fn text_of(outcome: &Outcome, name: &str) -> Option<String> {
    let ret = outcome.body.first()?;
    ret.children
        .iter()
        .chain(&outcome.body)
        .find(|c| c.name == name)
        .map(|c| c.text.clone())
}

fn leaf(name: &str, text: &str, out: &mut String) {
    let _ = write!(out, "<{name}>");
    escape(text, out);
    let _ = write!(out, "</{name}>");
}

fn scalar(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(flag) => Some(flag.to_string()),
        Json::Null => Some(String::new()),
        _ => None,
    }
}

/// The keys under which JSON may give an element: `vendor_ref` also as `vendor`, `expense_line_add` also as
/// `expense_lines`.
fn find<'a>(object: &'a Map<String, Json>, element: &Element) -> Option<(&'a String, &'a Json)> {
    let name = snake(element.name);
    let mut names = vec![name.clone()];
    for suffix in ["_ref", "_add", "_mod"] {
        if let Some(short) = name.strip_suffix(suffix) {
            names.push(short.to_owned());
            names.push(format!("{short}s"));
        }
    }
    // Lines of a journal entry have no suffix.
    if name.starts_with("journal_") {
        names.push(format!("{name}s"));
    }
    object.iter().find(|(key, _)| names.contains(key))
}

/// Writes `object` as the content of `element`, in the schema's order. Unknown keys are an error.
pub(crate) fn write(
    element: &'static Element,
    object: &Map<String, Json>,
    out: &mut String,
) -> Result<(), Refused> {
    let mut used: Vec<&str> = Vec::new();
    for child in schema::inside(element) {
        let Some((key, value)) = find(object, child) else {
            continue;
        };
        if used.contains(&key.as_str()) {
            continue;
        }
        used.push(key);
        let values: Vec<&Json> = match value {
            Json::Array(all) => all.iter().collect(),
            one => vec![one],
        };
        for value in values {
            one(child, value, out)?;
        }
    }
    if let Some(unknown) = object.keys().find(|k| !used.contains(&k.as_str())) {
        return Err(Refused::bad(format!("{} has no field {unknown:?}", element.name)));
    }
    Ok(())
}

/// `80000012-1770000001`, but not the cost code `03-300`.
fn looks_like_id(text: &str) -> bool {
    check::id(text).is_some_and(|(_, created)| created > 100_000_000)
}

fn one(child: &'static Element, value: &Json, out: &mut String) -> Result<(), Refused> {
    if let Json::Object(inner) = value {
        let _ = write!(out, "<{}>", child.name);
        if child.kind == Type::Reference {
            for (name, key) in [("ListID", "list_id"), ("FullName", "full_name")] {
                if let Some(text) = inner.get(key).and_then(scalar) {
                    leaf(name, &text, out);
                }
            }
        } else {
            write(child, inner, out)?;
        }
        let _ = write!(out, "</{}>", child.name);
        return Ok(());
    }
    let Some(text) = scalar(value) else {
        return Err(Refused::bad(format!("{} cannot be a list", child.name)));
    };
    if child.kind == Type::Reference {
        let _ = write!(out, "<{}>", child.name);
        if !text.is_empty() {
            leaf(
                if looks_like_id(&text) {
                    "ListID"
                } else {
                    "FullName"
                },
                &text,
                out,
            );
        }
        let _ = write!(out, "</{}>", child.name);
    } else {
        leaf(child.name, &text, out);
    }
    Ok(())
}

/// Splits `lines` of a transaction into the tables of its kind: a line with `account` is an expense line.
pub(crate) fn spread_lines(kind: &str, object: &mut Map<String, Json>) {
    let Some(Json::Array(lines)) = object.remove("lines") else {
        return;
    };
    let (mut items, mut expenses) = (Vec::new(), Vec::new());
    for line in lines {
        let expense = line.get("account").is_some()
            || line.get("account_ref").is_some()
            || line.get("kind").and_then(Json::as_str) == Some("expense");
        let mut line = line;
        if let Json::Object(fields) = &mut line {
            fields.remove("kind");
        }
        if expense {
            expenses.push(line);
        } else {
            items.push(line);
        }
    }
    let table = match kind {
        "PurchaseOrder" => "purchase_order_lines",
        "Estimate" => "estimate_lines",
        "SalesOrder" => "sales_order_lines",
        "Invoice" => "invoice_lines",
        _ => "item_lines",
    };
    if !items.is_empty() {
        object.insert(table.to_owned(), Json::Array(items));
    }
    if !expenses.is_empty() {
        object.insert("expense_lines".to_owned(), Json::Array(expenses));
    }
}
