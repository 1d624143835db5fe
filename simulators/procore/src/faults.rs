//! Faults on order: counted, matched by method and path prefix, played once each in the order they were asked for.

use axum::http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::errors::ApiError;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FaultKind {
    /// Answer `status` without doing anything.
    Status,
    /// Do it, then answer `status`: the write happened, the client is told it failed.
    StatusAfter,
    /// Wait `delay_ms`, then do it.
    Slow,
    /// Do it, then cut the connection in the middle of the body.
    Reset,
    /// Cut the connection without doing anything.
    ResetBefore,
}

/// One ordered fault.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    #[serde(default)]
    pub(crate) method: Option<String>,
    /// Path prefix; empty matches every call.
    #[serde(default)]
    pub(crate) path: String,
    pub(crate) kind: FaultKind,
    #[serde(default)]
    pub(crate) status: Option<u16>,
    /// How many matching calls go through untouched first.
    #[serde(default)]
    pub(crate) after: u32,
    /// How many calls it hits.
    #[serde(default = "once")]
    pub(crate) times: u32,
    /// Seconds for the `Retry-After` header.
    #[serde(default)]
    pub(crate) retry_after: Option<u64>,
    #[serde(default)]
    pub(crate) delay_ms: u64,
    /// Replaces the usual body of the status.
    #[serde(default)]
    pub(crate) body: Option<Value>,
}

const fn once() -> u32 {
    1
}

impl Fault {
    fn matches(&self, method: &Method, path: &str) -> bool {
        self.method
            .as_deref()
            .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method.as_str()))
            && path.starts_with(&self.path)
    }

    /// The status to answer with, where the kind has one.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
            .and_then(|code| StatusCode::from_u16(code).ok())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The refusal this fault plays.
    pub(crate) fn error(&self) -> ApiError {
        let status = self.status();
        if let Some(body) = &self.body {
            return ApiError::verbatim(status, body.clone());
        }
        match status {
            StatusCode::UNAUTHORIZED => ApiError::new(status, "The access token is invalid"),
            StatusCode::FORBIDDEN => ApiError::verbatim(
                status,
                json!({"errors": ["App is not connected to this company."]}),
            ),
            StatusCode::TOO_MANY_REQUESTS => ApiError::new(status, crate::gate::RATE_LIMIT_TEXT),
            StatusCode::UNPROCESSABLE_ENTITY => ApiError::invalid("base", "is invalid"),
            _ => ApiError::new(status, status.canonical_reason().unwrap_or("Error")),
        }
    }
}

/// Takes the fault due for this call, counting down those that match but are not due.
pub(crate) fn take(faults: &mut Vec<Fault>, method: &Method, path: &str) -> Option<Fault> {
    for at in 0..faults.len() {
        let fault = &mut faults[at];
        if !fault.matches(method, path) {
            continue;
        }
        if fault.after > 0 {
            fault.after -= 1;
            continue;
        }
        let due = fault.clone();
        fault.times = fault.times.saturating_sub(1);
        if fault.times == 0 {
            faults.remove(at);
        }
        return Some(due);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_waits_its_turn_hits_its_count_and_is_gone() {
        let fault: Fault = serde_json::from_value(
            json!({"kind": "status", "status": 503, "method": "get", "path": "/rest/v1.0/vendors", "after": 1, "times": 2}),
        )
        .unwrap();
        let mut faults = vec![fault];
        let mut hit = |method: Method, path| take(&mut faults, &method, path).is_some();
        assert!(!hit(Method::PATCH, "/rest/v1.0/vendors/sync"));
        assert!(!hit(Method::GET, "/rest/v1.0/vendors"));
        assert!(hit(Method::GET, "/rest/v1.0/vendors"));
        assert!(hit(Method::GET, "/rest/v1.0/vendors/1"));
        assert!(!hit(Method::GET, "/rest/v1.0/vendors"));
    }
}
