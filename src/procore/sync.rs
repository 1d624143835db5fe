//! Procore's `…/sync` calls: up to 1,000 updates at once, answered with 200 and a list of the items that were refused.
//!
//! The answer names refused items by their attributes, so they are found again by an identity (`item_type` and
//! `item_id`, `origin_id` …). What cannot be told apart is sent again in halves, until each refusal has its item:
//! every update is idempotent.

use std::collections::VecDeque;

use reqwest::Method;
use serde_json::{Map, Value};

use super::{
    client::ProcoreClient,
    error::{ErrorKind, ProcoreError, messages_in},
};

/// The most updates Procore takes in one call.
pub const MOST_UPDATES: usize = 1_000;
/// The most calls one sync may grow to by halving. What is undecided then counts as failed with the last answer.
const MOST_CALLS: usize = 200;

/// Why one item did not get through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemError {
    /// Procore refused this item, with these messages.
    Refused(Vec<String>),
    /// The call that carried it failed.
    Failed(ProcoreError),
}

/// What came of a sync.
#[derive(Clone, Debug, Default)]
pub struct Synced {
    /// One result per update, in the order of the updates.
    pub results: Vec<Result<(), ItemError>>,
    /// The records as Procore answered with them.
    pub entities: Vec<Value>,
}

impl Synced {
    /// The first failure, where any.
    pub fn first_error(&self) -> Option<&ItemError> {
        self.results.iter().find_map(|result| result.as_ref().err())
    }
}

/// How a sync call is made.
pub(crate) struct SyncCall<'a> {
    /// Completes "Could not …".
    pub(crate) what: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a [(&'a str, String)],
    /// What stands beside `updates`; `None`: the body is the bare list.
    pub(crate) beside: Option<Map<String, Value>>,
    /// The fields that tell one update from another.
    pub(crate) identity: &'a [&'a str],
    /// Whether a refused call is sent again in halves; else all its updates count as failed.
    pub(crate) halve: bool,
}

/// Sends updates, in chunks, in order.
pub(crate) async fn sync(client: &ProcoreClient, call: &SyncCall<'_>, updates: &[Value]) -> Synced {
    let mut results: Vec<Result<(), ItemError>> = vec![Ok(()); updates.len()];
    let mut entities = Vec::new();
    let mut open: VecDeque<(usize, usize)> = (0..updates.len())
        .step_by(MOST_UPDATES)
        .map(|start| (start, updates.len().min(start + MOST_UPDATES)))
        .collect();
    let most_calls = open.len() + MOST_CALLS;
    let mut calls = 0;
    while let Some((start, end)) = open.pop_front() {
        let chunk = &updates[start..end];
        let may_split = call.halve && chunk.len() > 1 && calls < most_calls;
        calls += 1;
        let body = body_of(call, chunk);
        match client
            .write(call.what, Method::PATCH, call.path, call.query, &body)
            .await
        {
            Ok(answer) => {
                let (refused, unknown) = refusals(&answer, chunk, call.identity);
                if let Some(unknown) = unknown {
                    if may_split {
                        halve(&mut open, start, end);
                        continue;
                    }
                    let mut error = ProcoreError::new(ErrorKind::Invalid, call.what);
                    for message in unknown {
                        error = error.with_message(message);
                    }
                    fail(&mut results[start..end], &error);
                }
                for (index, messages) in refused {
                    results[start + index] = Err(ItemError::Refused(messages));
                }
                if let Some(Value::Array(items)) = answer.get("entities") {
                    entities.extend(items.iter().cloned());
                }
            }
            Err(error) => {
                let content = matches!(
                    error.kind(),
                    ErrorKind::Invalid | ErrorKind::TooLarge | ErrorKind::Conflict
                );
                if content && may_split {
                    halve(&mut open, start, end);
                    continue;
                }
                let stop = error.concerns_connection();
                fail(&mut results[start..end], &error);
                if stop {
                    for (start, end) in open.drain(..) {
                        fail(&mut results[start..end], &error);
                    }
                }
            }
        }
    }
    Synced { results, entities }
}

fn fail(results: &mut [Result<(), ItemError>], error: &ProcoreError) {
    for result in results {
        *result = Err(ItemError::Failed(error.clone()));
    }
}

/// Both halves go first, so that the order stays.
fn halve(open: &mut VecDeque<(usize, usize)>, start: usize, end: usize) {
    let middle = start + (end - start) / 2;
    open.push_front((middle, end));
    open.push_front((start, middle));
}

fn body_of(call: &SyncCall<'_>, chunk: &[Value]) -> Value {
    let updates = Value::Array(chunk.to_vec());
    match &call.beside {
        None => updates,
        Some(beside) => {
            let mut body = beside.clone();
            body.insert("updates".to_owned(), updates);
            Value::Object(body)
        }
    }
}

type Refusals = Vec<(usize, Vec<String>)>;

/// The refused updates by index, and the messages of those that could not be told apart.
fn refusals(answer: &Value, chunk: &[Value], identity: &[&str]) -> (Refusals, Option<Vec<String>>) {
    let mut refused = Vec::new();
    let mut unknown: Option<Vec<String>> = None;
    let errors = match answer.get("errors") {
        Some(Value::Array(errors)) => errors.as_slice(),
        _ => &[],
    };
    for error in errors {
        let mut messages = error.get("errors").map(messages_in).unwrap_or_default();
        if messages.is_empty() {
            messages = messages_in(error);
        }
        if messages.is_empty() {
            messages.push("Procore gave no reason.".to_owned());
        }
        let mut matches = (0..chunk.len()).filter(|index| same(error, &chunk[*index], identity));
        match (matches.next(), matches.next()) {
            (Some(index), None) => refused.push((index, messages)),
            _ => unknown.get_or_insert_default().extend(messages),
        }
    }
    (refused, unknown)
}

fn same(error: &Value, update: &Value, identity: &[&str]) -> bool {
    identity
        .iter()
        .all(|field| match (error.get(field), update.get(field)) {
            (Some(theirs), Some(ours)) => plain(theirs).is_some() && plain(theirs) == plain(ours),
            _ => false,
        })
}

/// A number or text as text: Procore sends ids as either.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use super::*;
    use crate::procore::fake::{Answer, Fake};

    fn call<'a>() -> SyncCall<'a> {
        SyncCall {
            what: "try",
            path: "/rest/sync",
            query: &[],
            beside: Some(Map::new()),
            identity: &["item_id"],
            halve: true,
        }
    }

    fn updates(count: usize) -> Vec<Value> {
        (0..count).map(|id| json!({"item_id": id})).collect()
    }

    fn ids(body: &Value) -> Vec<i64> {
        body["updates"]
            .as_array()
            .unwrap()
            .iter()
            .map(|u| u["item_id"].as_i64().unwrap())
            .collect()
    }

    #[tokio::test]
    async fn at_most_a_thousand_per_call_and_refusals_find_their_item() {
        let fake = Fake::start(|request| {
            let refused: Vec<Value> = ids(&request.body)
                .into_iter()
                .filter(|id| id % 700 == 3)
                .map(|id| json!({"item_id": id.to_string(), "errors": {"item_id": ["Entity with this ID not found"]}}))
                .collect();
            Answer::ok(json!({"entities": [], "errors": refused}))
        })
        .await;
        let synced = sync(&fake.client(), &call(), &updates(2_500)).await;
        assert_eq!(
            fake.requests()
                .iter()
                .map(|r| ids(&r.body).len())
                .collect::<Vec<_>>(),
            [1000, 1000, 500]
        );
        let bad: Vec<usize> = (0..2_500).filter(|i| synced.results[*i].is_err()).collect();
        assert_eq!(bad, [3, 703, 1403, 2103]);
        assert_eq!(
            synced.results[703],
            Err(ItemError::Refused(vec![
                "item_id: Entity with this ID not found".into()
            ]))
        );
    }

    #[tokio::test]
    async fn refusals_without_a_name_are_found_by_halving() {
        let fake = Fake::start(|request| {
            let errors = if ids(&request.body).contains(&5) {
                json!([{"errors": ["no"]}])
            } else {
                json!([])
            };
            Answer::ok(json!({"entities": [], "errors": errors}))
        })
        .await;
        let synced = sync(&fake.client(), &call(), &updates(8)).await;
        let bad: Vec<usize> = (0..8).filter(|i| synced.results[*i].is_err()).collect();
        assert_eq!(bad, [5]);
    }

    #[tokio::test]
    async fn a_call_that_is_too_large_or_refused_is_halved() {
        let fake = Fake::start(|request| {
            let ids = ids(&request.body);
            if ids.len() > 2 {
                Answer::of(StatusCode::PAYLOAD_TOO_LARGE, json!({}))
            } else if ids.contains(&1) {
                Answer::of(StatusCode::BAD_REQUEST, json!({"message": "bad"}))
            } else {
                Answer::ok(json!({"entities": ids, "errors": []}))
            }
        })
        .await;
        let synced = sync(&fake.client(), &call(), &updates(4)).await;
        assert!(matches!(&synced.results[1], Err(ItemError::Failed(e)) if e.kind() == ErrorKind::Invalid));
        assert!([0, 2, 3].iter().all(|i| synced.results[*i].is_ok()));
        assert_eq!(synced.entities.len(), 3);
    }

    #[tokio::test]
    async fn trouble_of_the_connection_stops_at_once() {
        let fake = Fake::start(|_| {
            Answer::of(
                StatusCode::FORBIDDEN,
                json!({"errors": ["App is not connected to this company."]}),
            )
        })
        .await;
        let synced = sync(&fake.client(), &call(), &updates(3_000)).await;
        assert_eq!(fake.requests().len(), 1);
        assert!(synced.results.iter().all(Result::is_err));
    }
}
