//! One API call as handlers see it: who calls, for which company, with what parameters and body.

use std::sync::Arc;

use axum::{
    body::{Bytes, to_bytes},
    extract::{FromRequest, Request},
    http::{HeaderMap, Uri, header},
};
use serde_json::{Map, Value};

use crate::{errors::ApiError, sim::Sim};

/// The largest body read.
pub(crate) const BODY_LIMIT: usize = 64 * 1024 * 1024;

/// Who calls, as the gate has found out.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) client_id: String,
    /// The company of the `Procore-Company-Id` header.
    pub(crate) company: i64,
}

/// The query of a call, in order, decoded.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn of(uri: &Uri) -> Self {
        let query = uri.query().unwrap_or_default();
        let pairs = reqwest::Url::parse(&format!("http://procore.invalid/?{query}"))
            .map(|url| {
                url.query_pairs()
                    .map(|(key, value)| (key.into_owned(), value.into_owned()))
                    .collect()
            })
            .unwrap_or_default();
        Self(pairs)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn int(&self, key: &str) -> Option<i64> {
        self.get(key)?.trim().parse().ok()
    }

    /// All values of a key, given plainly (`1,2` too) or as `key[]`.
    pub(crate) fn all(&self, key: &str) -> Vec<&str> {
        let array = format!("{key}[]");
        self.0
            .iter()
            .filter(|(name, _)| name == key || *name == array)
            .flat_map(|(_, value)| value.split(','))
            .map(|value| value.trim().trim_matches(['[', ']', '"']))
            .filter(|value| !value.is_empty())
            .collect()
    }

    /// The query with one parameter set anew, for links.
    pub(crate) fn with(&self, changes: &[(&str, String)]) -> String {
        let mut pairs = self.0.clone();
        for (key, value) in changes {
            match pairs.iter_mut().find(|(name, _)| name == key) {
                Some(pair) => pair.1.clone_from(value),
                None => pairs.push(((*key).to_owned(), value.clone())),
            }
        }
        reqwest::Url::parse_with_params("http://procore.invalid/", pairs)
            .ok()
            .and_then(|url| url.query().map(str::to_owned))
            .unwrap_or_default()
    }
}

/// One authorised call.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) sim: Arc<Sim>,
    pub(crate) caller: Caller,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) params: Params,
    pub(crate) body: Value,
}

impl FromRequest<Arc<Sim>> for Call {
    type Rejection = ApiError;

    async fn from_request(request: Request, sim: &Arc<Sim>) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let bytes = to_bytes(body, BODY_LIMIT)
            .await
            .map_err(|error| ApiError::bad_request(error.to_string()))?;
        let caller = parts.extensions.get::<Caller>().cloned();
        let caller = caller.unwrap_or(Caller {
            client_id: String::new(),
            company: 0,
        });
        Ok(Self {
            sim: Arc::clone(sim),
            caller,
            params: Params::of(&parts.uri),
            uri: parts.uri,
            headers: parts.headers,
            body: parse_body(&bytes)?,
        })
    }
}

fn parse_body(bytes: &Bytes) -> Result<Value, ApiError> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(bytes).map_err(|error| {
        ApiError::bad_request(format!("There was a problem in the JSON you submitted: {error}"))
    })
}

impl Call {
    pub(crate) fn company(&self) -> i64 {
        self.caller.company
    }

    /// The client id of the app that calls.
    pub(crate) fn app(&self) -> &str {
        &self.caller.client_id
    }

    /// A whole number from the query or the top of the body (strings of digits too).
    pub(crate) fn int(&self, key: &str) -> Option<i64> {
        self.params.int(key).or_else(|| int_of(self.body.get(key)?))
    }

    /// The same, refused with 400 when absent.
    pub(crate) fn required_int(&self, key: &str) -> Result<i64, ApiError> {
        self.int(key)
            .ok_or_else(|| ApiError::bad_request(format!("param is missing or the value is empty: {key}")))
    }

    /// The object a write is wrapped in; a missing or other wrapper is a 400.
    pub(crate) fn wrapped(&self, key: &str) -> Result<&Map<String, Value>, ApiError> {
        self.body
            .get(key)
            .and_then(Value::as_object)
            .ok_or_else(|| ApiError::bad_request(format!("param is missing or the value is empty: {key}")))
    }

    /// The `updates` of a sync, at most as many as Procore takes.
    pub(crate) fn updates(&self) -> Result<&Vec<Value>, ApiError> {
        let updates = self.body.get("updates").and_then(Value::as_array);
        let updates = updates
            .ok_or_else(|| ApiError::bad_request("param is missing or the value is empty: updates"))?;
        self.check_size(updates.len())?;
        Ok(updates)
    }

    /// Refuses more updates than one sync takes.
    pub(crate) fn check_size(&self, count: usize) -> Result<(), ApiError> {
        let mut world = self.sim.world();
        if count <= world.settings.sync_limit {
            return Ok(());
        }
        let status = world.settings.oversized_sync_status;
        world.violation(
            Some(self.company()),
            "oversized_sync",
            format!("{count} updates in {}", self.uri.path()),
        );
        let status = axum::http::StatusCode::from_u16(status).unwrap_or(axum::http::StatusCode::BAD_REQUEST);
        Err(ApiError::new(status, "Too many updates in one request"))
    }

    /// The URL this call came in on, without its query.
    pub(crate) fn here(&self) -> String {
        let host = self
            .headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok())
            .unwrap_or("localhost");
        format!("http://{host}{}", self.uri.path())
    }
}

/// An id given as a number or as a string of digits.
pub(crate) fn int_of(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}
