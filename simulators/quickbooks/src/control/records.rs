//! Records and payments, made and changed by hand.

use std::{fmt::Write, sync::Arc};

use axum::{
    Json,
    extract::{Path, State},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Answer, Refused, by_hand};
use crate::{
    company_file::{
        dump::{self, snake},
        kinds::{LIST_KINDS, ListKind, TXN_KINDS, TxnKind},
    },
    qbxml::schema,
    quickbooks::QuickBooks,
    simulator::Simulator,
};

enum Kind {
    List(ListKind),
    Transaction(TxnKind),
}

impl Kind {
    fn named(name: &str) -> Option<Self> {
        match name {
            "terms" => return Some(Self::List(ListKind::StandardTerms)),
            "job" => return Some(Self::List(ListKind::Customer)),
            _ => {}
        }
        LIST_KINDS
            .into_iter()
            .find(|k| snake(k.name()) == name)
            .map(Self::List)
            .or_else(|| {
                TXN_KINDS
                    .into_iter()
                    .find(|k| snake(k.name()) == name)
                    .map(Self::Transaction)
            })
    }

    fn name(&self) -> &'static str {
        match self {
            Self::List(kind) => kind.name(),
            Self::Transaction(kind) => kind.name(),
        }
    }
}

fn object(value: Value) -> Result<Map<String, Value>, Refused> {
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(Refused::bad("a JSON object is expected")),
    }
}

fn take_kind(fields: &mut Map<String, Value>) -> Result<Kind, Refused> {
    let name = fields
        .remove("kind")
        .and_then(|k| k.as_str().map(str::to_owned))
        .unwrap_or_default();
    Kind::named(&name).ok_or_else(|| Refused::bad(format!("unknown kind {name:?}")))
}

fn create_one(qb: &mut QuickBooks, kind: &Kind, mut fields: Map<String, Value>) -> Result<String, Refused> {
    let name = kind.name();
    by_hand::spread_lines(name, &mut fields);
    let request = format!("{name}AddRq");
    let message = schema::message(&request)
        .and_then(|m| schema::child(&m.root, &format!("{name}Add")))
        .ok_or_else(|| Refused::bad(format!("a {name} cannot be made here")))?;
    let mut xml = format!("<{request}><{name}Add>");
    by_hand::write(message, &fields, &mut xml)?;
    let _ = write!(xml, "</{name}Add></{request}>");
    let outcome = by_hand::run(qb, &xml)?;
    outcome
        .recovery
        .map(|r| r.id)
        .ok_or_else(|| Refused::bad("nothing was made"))
}

pub(super) async fn create(State(simulator): State<Arc<Simulator>>, Json(body): Json<Value>) -> Answer {
    let mut fields = object(body)?;
    let kind = take_kind(&mut fields)?;
    let id = create_one(&mut simulator.quickbooks(), &kind, fields)?;
    Ok(Json(json!({"id": id})))
}

/// Makes the first by hand and copies it.
pub(super) async fn bulk(State(simulator): State<Arc<Simulator>>, Json(body): Json<Value>) -> Answer {
    let mut fields = object(body)?;
    let kind = take_kind(&mut fields)?;
    let count = fields.remove("count").and_then(|c| c.as_u64()).unwrap_or(1);
    let prefix = fields
        .remove("name_prefix")
        .and_then(|p| p.as_str().map(str::to_owned))
        .unwrap_or_default();
    let mut guard = simulator.quickbooks();
    let qb = &mut *guard;
    let label = |n: u64| format!("{prefix}{n:06}");
    let name_field = if matches!(kind, Kind::List(_)) {
        "name"
    } else {
        "ref_number"
    };
    fields.insert(name_field.to_owned(), json!(label(1)));
    let first = create_one(qb, &kind, fields)?;
    for n in 2..=count {
        let now = qb.clock.now();
        if let Some(mut copy) = qb.file.list_by_id(&first).cloned() {
            if qb
                .file
                .name_holder(copy.kind.space(), copy.parent, &label(n))
                .is_some()
            {
                return Err(Refused::bad(format!("{} is taken", label(n))));
            }
            copy.serial = qb.file.next_list_serial();
            copy.created = now;
            copy.modified = now;
            copy.edit_sequence = now;
            copy.name = label(n);
            qb.file.put_list(copy);
        } else if let Some(mut copy) = qb.file.transaction_by_id(&first).cloned() {
            copy.serial = qb.file.next_transaction_serial();
            copy.created = now;
            copy.modified = now;
            copy.edit_sequence = now;
            copy.fields.set_text("RefNumber", label(n));
            qb.file.transaction_number += 1;
            copy.number = qb.file.transaction_number;
            for line in &mut copy.lines {
                line.serial = qb.file.next_transaction_serial();
                line.created = now;
            }
            qb.file.put_transaction(copy);
        }
    }
    Ok(Json(json!({"count": count, "first_id": first})))
}

pub(super) async fn show(State(simulator): State<Arc<Simulator>>, Path(id): Path<String>) -> Answer {
    let qb = simulator.quickbooks();
    if let Some(found) = qb.file.list_by_id(&id) {
        return Ok(Json(dump::list_object(&qb.file, &qb.settings, found)));
    }
    match qb.file.transaction_by_id(&id) {
        Some(found) => Ok(Json(dump::transaction(&qb.file, &qb.settings, found))),
        None => Err(Refused::not_found(&id)),
    }
}

pub(super) async fn change(
    State(simulator): State<Arc<Simulator>>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Answer {
    let mut fields = object(body)?;
    fields.remove("kind");
    let mut guard = simulator.quickbooks();
    let qb = &mut *guard;
    let (name, id_field, sequence) = if let Some(found) = qb.file.list_by_id(&id) {
        (found.kind.name(), "ListID", found.edit_sequence)
    } else if let Some(found) = qb.file.transaction_by_id(&id) {
        (found.kind.name(), "TxnID", found.edit_sequence)
    } else {
        return Err(Refused::not_found(&id));
    };
    by_hand::spread_lines(name, &mut fields);
    let request = format!("{name}ModRq");
    let Some(message) = schema::message(&request).and_then(|m| schema::child(&m.root, &format!("{name}Mod")))
    else {
        return rename(qb, &id, &fields);
    };
    fields.insert(snake(id_field), json!(id));
    fields.insert("edit_sequence".to_owned(), json!(sequence.to_string()));
    let mut xml = format!("<{request}><{name}Mod>");
    by_hand::write(message, &fields, &mut xml)?;
    let _ = write!(xml, "</{name}Mod></{request}>");
    let outcome = by_hand::run(qb, &xml)?;
    Ok(Json(
        json!({"id": id, "edit_sequence": by_hand::text_of(&outcome, "EditSequence")}),
    ))
}

/// Lists without a Mod request: name and activity only.
fn rename(qb: &mut QuickBooks, id: &str, fields: &Map<String, Value>) -> Answer {
    let now = qb.clock.now();
    let Some(mut found) = qb.file.list_by_id(id).cloned() else {
        return Err(Refused::bad("this kind cannot be changed here"));
    };
    for (key, value) in fields {
        match (key.as_str(), value) {
            ("name", Value::String(name)) => found.name.clone_from(name),
            ("is_active", Value::Bool(active)) => found.is_active = *active,
            _ => {
                return Err(Refused::bad(format!(
                    "{key:?} of this kind cannot be changed here"
                )));
            }
        }
    }
    if qb
        .file
        .name_holder(found.kind.space(), found.parent, &found.name)
        .is_some_and(|o| o.serial != found.serial)
    {
        return Err(crate::qbxml::status::Status::name_in_use(&found.name).into());
    }
    found.modified = now;
    found.edit_sequence = now.max(found.edit_sequence + 1);
    let sequence = found.edit_sequence.to_string();
    qb.file.put_list(found);
    Ok(Json(json!({"id": id, "edit_sequence": sequence})))
}

pub(super) async fn delete(State(simulator): State<Arc<Simulator>>, Path(id): Path<String>) -> Answer {
    remove(&simulator, &id, "Del")
}

fn remove(simulator: &Simulator, id: &str, how: &str) -> Answer {
    let mut guard = simulator.quickbooks();
    let qb = &mut *guard;
    let request = if let Some(found) = qb.file.list_by_id(id) {
        format!(
            "<ListDelRq><ListDelType>{}</ListDelType><ListID>{id}</ListID></ListDelRq>",
            found.kind.name()
        )
    } else if let Some(found) = qb.file.transaction_by_id(id) {
        let kind = found.kind.name();
        format!("<Txn{how}Rq><Txn{how}Type>{kind}</Txn{how}Type><TxnID>{id}</TxnID></Txn{how}Rq>")
    } else {
        return Err(Refused::not_found(id));
    };
    by_hand::run(qb, &request)?;
    Ok(Json(json!({"id": id})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TxnId {
    txn_id: String,
}

pub(super) async fn void(State(simulator): State<Arc<Simulator>>, Json(body): Json<TxnId>) -> Answer {
    remove(&simulator, &body.txn_id, "Void")
}

pub(super) async fn delete_transaction(
    State(simulator): State<Arc<Simulator>>,
    Json(body): Json<TxnId>,
) -> Answer {
    remove(&simulator, &body.txn_id, "Del")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    txn_id: String,
    #[serde(default)]
    amount: Option<String>,
    #[serde(default)]
    discount: Option<String>,
    #[serde(default)]
    discount_account: Option<String>,
    #[serde(default)]
    credits: Vec<Credit>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Credit {
    txn_id: String,
    amount: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Payment {
    bills: Vec<Part>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    ref_number: Option<String>,
    #[serde(default)]
    date: Option<String>,
    #[serde(default)]
    memo: Option<String>,
    #[serde(default)]
    account: Option<String>,
}

/// Pays bills of one vendor. Without an amount, all that is open.
pub(super) async fn pay(State(simulator): State<Arc<Simulator>>, Json(body): Json<Payment>) -> Answer {
    let mut guard = simulator.quickbooks();
    let qb = &mut *guard;
    let first = body.bills.first().ok_or_else(|| Refused::bad("no bills"))?;
    let bill = qb
        .file
        .transaction_by_id(&first.txn_id)
        .ok_or_else(|| Refused::not_found(&first.txn_id))?;
    let vendor = bill.entity().map(|v| qb.file.full_name_of(v)).unwrap_or_default();
    let (kind, account_field, account_type) = match body.method.as_deref() {
        None | Some("check") => ("bill_payment_check", "bank_account", "Bank"),
        Some("credit_card") => ("bill_payment_credit_card", "credit_card_account", "CreditCard"),
        Some(other) => return Err(Refused::bad(format!("unknown method {other:?}"))),
    };
    let account = body
        .account
        .or_else(|| {
            qb.file
                .account_of_type(account_type)
                .map(|a| qb.file.full_name_of(a))
        })
        .ok_or_else(|| Refused::bad(format!("the file has no {account_type} account")))?;
    let mut parts = Vec::new();
    for part in &body.bills {
        let found = qb
            .file
            .transaction_by_id(&part.txn_id)
            .ok_or_else(|| Refused::not_found(&part.txn_id))?;
        let open = crate::company_file::fields::money(qb.file.open_amount(found));
        let mut fields = Map::new();
        fields.insert("txn_id".to_owned(), json!(part.txn_id));
        fields.insert(
            "payment_amount".to_owned(),
            json!(part.amount.clone().unwrap_or(open)),
        );
        if !part.credits.is_empty() {
            let credits: Vec<Value> = part
                .credits
                .iter()
                .map(|c| json!({"credit_txn_id": c.txn_id, "applied_amount": c.amount}))
                .collect();
            fields.insert("set_credit".to_owned(), json!(credits));
        }
        if let Some(discount) = &part.discount {
            let account = part
                .discount_account
                .clone()
                .unwrap_or_else(|| "Job Expenses:Less Discounts Taken".to_owned());
            fields.insert("discount_amount".to_owned(), json!(discount));
            fields.insert("discount_account".to_owned(), json!(account));
        }
        parts.push(Value::Object(fields));
    }
    let mut fields = Map::new();
    fields.insert("payee_entity".to_owned(), json!(vendor));
    fields.insert(account_field.to_owned(), json!(account));
    match body.ref_number {
        Some(number) => fields.insert("ref_number".to_owned(), json!(number)),
        None if kind == "bill_payment_check" => fields.insert("is_to_be_printed".to_owned(), json!(true)),
        None => None,
    };
    if let Some(date) = body.date {
        fields.insert("txn_date".to_owned(), json!(date));
    }
    if let Some(memo) = body.memo {
        fields.insert("memo".to_owned(), json!(memo));
    }
    fields.insert("applied_to_txn".to_owned(), Value::Array(parts));
    let kind = Kind::named(kind).ok_or_else(|| Refused::bad("no such kind"))?;
    let id = create_one(qb, &kind, fields)?;
    Ok(Json(json!({"txn_id": id})))
}
