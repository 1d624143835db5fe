//! The file as a whole: dump, switches, locks, faults, backups, the clock, another file.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Refused};
use crate::{
    CompanyOptions,
    company_file::{dump, invariants as rules, kinds::LIST_KINDS, seed},
    faults::Fault,
    quickbooks::QuickBooks,
    simulator::Simulator,
};

pub(super) async fn health(State(simulator): State<Arc<Simulator>>) -> Answer {
    let qb = simulator.quickbooks();
    Ok(Json(json!({
        "ok": qb.violations.is_empty(),
        "company_name": qb.file.company.company_name,
        "path": qb.file.company.path,
        "requests": qb.requests,
        "violations": qb.violations,
    })))
}

pub(super) async fn dump(State(simulator): State<Arc<Simulator>>) -> Answer {
    let qb = simulator.quickbooks();
    Ok(Json(dump::whole(&qb.file, &qb.settings)))
}

pub(super) async fn invariants(State(simulator): State<Arc<Simulator>>) -> Answer {
    let qb = simulator.quickbooks();
    let broken = rules::broken(&qb.file);
    Ok(Json(
        json!({"ok": broken.is_empty() && qb.violations.is_empty(), "broken": broken, "violations": qb.violations}),
    ))
}

pub(super) async fn settings(State(simulator): State<Arc<Simulator>>) -> Answer {
    serde_json::to_value(&simulator.quickbooks().settings)
        .map(Json)
        .map_err(Refused::bad)
}

pub(super) async fn change_settings(
    State(simulator): State<Arc<Simulator>>,
    Json(patch): Json<Value>,
) -> Answer {
    let mut qb = simulator.quickbooks();
    qb.settings.merge(&patch).map_err(Refused::bad)?;
    serde_json::to_value(&qb.settings).map(Json).map_err(Refused::bad)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lock {
    id: String,
    #[serde(default = "one")]
    requests: u32,
}

fn one() -> u32 {
    1
}

/// Locks an object for so many requests; 0 releases it.
pub(super) async fn lock(State(simulator): State<Arc<Simulator>>, Json(lock): Json<Lock>) -> Answer {
    let mut qb = simulator.quickbooks();
    if lock.requests == 0 {
        qb.file.locks.remove(&lock.id);
    } else {
        qb.file.locks.insert(lock.id, lock.requests);
    }
    Ok(Json(json!({"locks": qb.file.locks})))
}

pub(super) async fn faults(State(simulator): State<Arc<Simulator>>) -> Answer {
    Ok(Json(json!({"faults": simulator.quickbooks().faults.waiting})))
}

/// One fault, or a list of them.
pub(super) async fn add_faults(State(simulator): State<Arc<Simulator>>, Json(body): Json<Value>) -> Answer {
    let faults: Vec<Fault> = if body.is_array() {
        serde_json::from_value(body).map_err(Refused::bad)?
    } else {
        vec![serde_json::from_value(body).map_err(Refused::bad)?]
    };
    let mut qb = simulator.quickbooks();
    qb.faults.waiting.extend(faults);
    Ok(Json(json!({"faults": qb.faults.waiting})))
}

pub(super) async fn clear_faults(State(simulator): State<Arc<Simulator>>) -> Answer {
    simulator.quickbooks().faults.waiting.clear();
    Ok(Json(json!({"faults": []})))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    #[serde(default)]
    name: Option<String>,
}

pub(super) async fn backup(State(simulator): State<Arc<Simulator>>, body: Option<Json<Named>>) -> Answer {
    let name = body.and_then(|b| b.0.name).unwrap_or_else(|| "backup".to_owned());
    let mut qb = simulator.quickbooks();
    let copy = qb.file.clone();
    qb.backups.insert(name.clone(), copy);
    Ok(Json(json!({"name": name})))
}

pub(super) async fn restore(State(simulator): State<Arc<Simulator>>, body: Option<Json<Named>>) -> Answer {
    let name = body.and_then(|b| b.0.name).unwrap_or_else(|| "backup".to_owned());
    let mut qb = simulator.quickbooks();
    let copy = qb
        .backups
        .get(&name)
        .cloned()
        .ok_or_else(|| Refused::not_found(&name))?;
    qb.file = copy;
    // The counters are back where they were, and an id is a counter and a second. No restore is done within a second.
    qb.clock.advance(1);
    qb.end_all_sessions();
    Ok(Json(json!({"name": name})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Advance {
    advance_seconds: i64,
}

pub(super) async fn clock(State(simulator): State<Arc<Simulator>>, Json(body): Json<Advance>) -> Answer {
    let mut qb = simulator.quickbooks();
    qb.clock.advance(body.advance_seconds);
    Ok(Json(
        json!({"now": crate::clock::print(qb.clock.now(), &qb.settings)}),
    ))
}

/// What a file upgrade does to the lists: every list object is touched.
pub(super) async fn touch_lists(State(simulator): State<Arc<Simulator>>) -> Answer {
    Ok(Json(json!({"touched": touch_all(&mut simulator.quickbooks())})))
}

fn touch_all(qb: &mut QuickBooks) -> u32 {
    let now = qb.clock.now();
    let mut count = 0;
    for kind in LIST_KINDS {
        let serials: Vec<u64> = qb.file.lists_of(kind).map(|o| o.serial).collect();
        for serial in serials {
            if let Some(object) = qb.file.lists.get_mut(&serial) {
                object.modified = now;
                object.edit_sequence = now.max(object.edit_sequence + 1);
                count += 1;
            }
        }
    }
    count
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Upgrade {
    product_year: u32,
}

/// QuickBooks of a newer year opens the file and converts it. An older one cannot open it any more.
pub(super) async fn upgrade(State(simulator): State<Arc<Simulator>>, Json(body): Json<Upgrade>) -> Answer {
    let mut qb = simulator.quickbooks();
    let year = qb.file.company.product_year;
    if body.product_year <= year {
        return Err(Refused::bad(format!(
            "the file is of QuickBooks {year}; QuickBooks {} cannot convert it",
            body.product_year
        )));
    }
    qb.file.company.product_year = body.product_year;
    qb.end_all_sessions();
    let touched = touch_all(&mut qb);
    Ok(Json(
        json!({"product_year": body.product_year, "touched": touched}),
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Move {
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    company_name: Option<String>,
    #[serde(default)]
    copy: bool,
}

/// Moves or renames the file, or opens a copy of it; everything in it stays, our data extensions too.
pub(super) async fn move_file(State(simulator): State<Arc<Simulator>>, Json(body): Json<Move>) -> Answer {
    let mut qb = simulator.quickbooks();
    if body.copy {
        let before = qb.file.clone();
        let left = left_as(&before.company.path, &before.company.company_name);
        qb.backups.insert(left, before);
    }
    if let Some(path) = body.path {
        qb.file.company.path = path;
    }
    if let Some(name) = body.company_name {
        qb.file.company.company_name = name;
    }
    qb.end_all_sessions();
    Ok(Json(
        json!({"path": qb.file.company.path, "company_name": qb.file.company.company_name}),
    ))
}

/// The key of a file that was left and can be opened again.
fn left_as(path: &str, company_name: &str) -> String {
    format!("open:{}|{company_name}", path.to_lowercase())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Open {
    path: String,
    company_name: String,
    #[serde(default)]
    file_id: Option<String>,
}

/// Opens another company file; one opened before is as it was left.
pub(super) async fn open(State(simulator): State<Arc<Simulator>>, Json(body): Json<Open>) -> Answer {
    let owners: Vec<String> = simulator
        .applications()
        .iter()
        .map(|a| a.qwc.owner_id.clone())
        .collect();
    let mut qb = simulator.quickbooks();
    let left = left_as(&qb.file.company.path, &qb.file.company.company_name);
    let wanted = left_as(&body.path, &body.company_name);
    let before = qb.file.clone();
    let now = qb.clock.now();
    let company = CompanyOptions {
        path: body.path,
        company_name: body.company_name,
        ..before.company.clone()
    };
    qb.backups.insert(left, before);
    qb.file = qb
        .backups
        .get(&wanted)
        .cloned()
        .unwrap_or_else(|| seed::new_file(company, now));
    if let Some(id) = &body.file_id {
        for owner in owners {
            qb.file.set_extension(&owner, "FileID", Some(id));
        }
    }
    qb.end_all_sessions();
    Ok(Json(
        json!({"path": qb.file.company.path, "company_name": qb.file.company.company_name}),
    ))
}

#[derive(Default, Deserialize)]
pub(super) struct Caller {
    #[serde(default)]
    application: Option<String>,
}

/// Executes one document as another application, in a session of its own.
pub(super) async fn qbxml(
    State(simulator): State<Arc<Simulator>>,
    Query(caller): Query<Caller>,
    body: String,
) -> Response {
    let number = simulator.trace.number();
    simulator.trace.qbxml(number, "request", &body);
    let mut qb = simulator.quickbooks();
    let application = caller.application.unwrap_or_else(|| "Control".to_owned());
    let answer = qb.begin_session(&application, "").and_then(|session| {
        let answer = qb.process(session, &body);
        qb.end_session(session);
        answer
    });
    simulator.trace.qbxml(
        number,
        "response",
        answer.as_ref().map_or_else(|e| e.code.as_str(), String::as_str),
    );
    match answer {
        Ok(text) => ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], text).into_response(),
        Err(error) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            Json(json!({"hresult": error.code, "message": error.message, "reason": qb.read(&body).err()})),
        )
            .into_response(),
    }
}
