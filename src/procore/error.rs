//! What can go wrong when speaking with Procore, told for a person and sorted for a machine.
//!
//! Procore's error bodies come in many shapes (`facts/procore.md` §3.5); [`messages_of`] reads them all. No credential
//! ever gets in here: only Procore's own words, cut short, and what we were about to do.

use std::{fmt, time::Duration};

use serde_json::Value;

/// The kinds of trouble, by what can be done about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// 401: Procore does not accept our credentials or token.
    Unauthorized,
    /// 403 "App is not connected to this company": the app was uninstalled.
    NotConnected,
    /// 403: permission, a project that is not permitted, or a tool that is switched off.
    Forbidden,
    /// 404: absent, or invisible to us. Never proof that something was deleted.
    NotFound,
    /// 405: not offered.
    NotAllowed,
    /// 409: a duplicate, or somebody else writes the same record.
    Conflict,
    /// 413: too many records in one call.
    TooLarge,
    /// 400, 422 and other refusals of the content.
    Invalid,
    /// 429, or we hold back because the limit is used up.
    RateLimited,
    /// 500, 502, 503, 504.
    Unavailable,
    /// 408, or no answer in time.
    Timeout,
    /// No connection could be made.
    Unreachable,
    /// The answer was no JSON, too large, or not what was asked for.
    Unreadable,
}

impl ErrorKind {
    /// The name in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::NotConnected => "not_connected",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::NotAllowed => "not_allowed",
            Self::Conflict => "conflict",
            Self::TooLarge => "too_large",
            Self::Invalid => "invalid",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Unreadable => "unreadable",
        }
    }

    /// The kind a status stands for, given the body's messages.
    fn of(status: u16, messages: &[String]) -> Self {
        match status {
            401 => Self::Unauthorized,
            403 if messages
                .iter()
                .any(|m| m.to_lowercase().contains("not connected")) =>
            {
                Self::NotConnected
            }
            403 => Self::Forbidden,
            404 => Self::NotFound,
            405 => Self::NotAllowed,
            408 => Self::Timeout,
            409 => Self::Conflict,
            413 => Self::TooLarge,
            429 => Self::RateLimited,
            400..=499 => Self::Invalid,
            500..=599 => Self::Unavailable,
            _ => Self::Unreadable,
        }
    }

    /// What a person reads.
    fn words(self) -> &'static str {
        match self {
            Self::Unauthorized => {
                "Procore does not accept Plumbline's credentials. Check the client id and secret of this connection."
            }
            Self::NotConnected => {
                "The Plumbline app is not installed in this Procore company. Install it in Procore under App Management."
            }
            Self::Forbidden => {
                "Procore does not allow this. Check the app's permissions, its permitted projects, and that the tool is switched on in the project."
            }
            Self::NotFound => "Procore does not show such a record: it is gone, or the app may not see it.",
            Self::NotAllowed => "Procore does not offer this for the company.",
            Self::Conflict => "Procore reports a conflict with another record or another change.",
            Self::TooLarge => "Procore found the request too large.",
            Self::Invalid => "Procore refused the content.",
            Self::RateLimited => {
                "Procore's limit of requests is used up for the moment. Try again later; the running service does so by itself."
            }
            Self::Unavailable => {
                "Procore is not available at the moment. Try again later; the running service does so by itself."
            }
            Self::Timeout => {
                "Procore did not answer in time. Try again later; the running service does so by itself."
            }
            Self::Unreachable => {
                "Procore cannot be reached. Try again later; the running service does so by itself."
            }
            Self::Unreadable => "Procore's answer could not be read.",
        }
    }
}

/// A call to Procore that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ProcoreError {
    kind: ErrorKind,
    what: String,
    status: Option<u16>,
    messages: Vec<String>,
    request_id: Option<String>,
    retry_after: Option<Duration>,
}

impl fmt::Display for ProcoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Could not {}: {}", self.what, self.kind.words())?;
        if !self.messages.is_empty() {
            write!(f, " Procore says: {}", self.messages.join("; "))?;
        }
        if let Some(status) = self.status {
            write!(f, " (status {status}")?;
            if let Some(id) = &self.request_id {
                write!(f, ", request {id}")?;
            }
            write!(f, ")")?;
        }
        Ok(())
    }
}

impl ProcoreError {
    /// An error of our own making; `what` completes "Could not …".
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            status: None,
            messages: Vec::new(),
            request_id: None,
            retry_after: None,
        }
    }

    /// From an answer with a status that is no success.
    pub fn from_answer(
        what: impl Into<String>,
        status: u16,
        body: &str,
        request_id: Option<String>,
        retry_after: Option<Duration>,
    ) -> Self {
        let messages = messages_of(body);
        Self {
            kind: ErrorKind::of(status, &messages),
            what: what.into(),
            status: Some(status),
            messages,
            request_id,
            retry_after,
        }
    }

    /// The same with a message.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.messages.push(short(&message.into()));
        self
    }

    /// The same, known to be of another kind than its status says.
    #[must_use]
    pub fn of_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// The same with how long to wait.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// Replaces a text that must not be shown, wherever Procore may have echoed it.
    #[must_use]
    pub fn without(mut self, secret: &str) -> Self {
        if !secret.is_empty() {
            for message in &mut self.messages {
                *message = message.replace(secret, "***");
            }
        }
        self
    }

    /// The kind of trouble.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The HTTP status, where there was an answer.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// Procore's own words, cut short.
    pub fn messages(&self) -> &[String] {
        &self.messages
    }

    /// Procore's `x-request-id`, for its support.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// How long Procore asks us to wait, where it does.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether the same call may succeed later without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::RateLimited | ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::Unreachable
        )
    }

    /// Whether the whole connection is in trouble, not this one record: further calls would fail alike.
    pub fn concerns_connection(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Unauthorized
                | ErrorKind::NotConnected
                | ErrorKind::RateLimited
                | ErrorKind::Unavailable
                | ErrorKind::Unreachable
        )
    }
}

/// The messages of an error body, in whatever shape it comes: `errors` as text, list or map of lists, `error` as text
/// or as an object with `message` and `details`, `message`, `reason`, `error_description`, or plain text.
pub fn messages_of(body: &str) -> Vec<String> {
    let trimmed = body.trim();
    if trimmed.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    match serde_json::from_str::<Value>(trimmed) {
        Ok(value) => collect(&value, None, &mut found),
        // A proxy's HTML page says nothing to a person.
        Err(_) if trimmed.starts_with('<') => {}
        Err(_) => found.push(short(trimmed)),
    }
    found.dedup();
    found.truncate(20);
    found
}

/// The messages of one item's `errors` in the answer of a sync call.
pub(crate) fn messages_in(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect_errors(value, None, &mut found);
    found.dedup();
    found.truncate(20);
    found
}

fn collect(value: &Value, field: Option<&str>, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            let before = found.len();
            if let Some(errors) = map.get("errors") {
                collect_errors(errors, field, found);
            }
            match map.get("error") {
                Some(error @ Value::Object(_)) => collect(error, field, found),
                Some(Value::String(text)) => push(field, text, found),
                _ => {}
            }
            if let Some(Value::Array(details)) = map.get("details") {
                for detail in details {
                    let source = detail.get("source").and_then(Value::as_str);
                    if let Some(text) = detail.get("message").and_then(Value::as_str) {
                        push(source, text, found);
                    }
                }
            }
            if found.len() == before || map.contains_key("error_description") {
                for key in ["message", "reason", "error_description"] {
                    if let Some(Value::String(text)) = map.get(key) {
                        push(field, text, found);
                    }
                }
            }
        }
        Value::String(text) => push(field, text, found),
        Value::Array(items) => items.iter().for_each(|item| collect(item, field, found)),
        _ => {}
    }
}

fn collect_errors(value: &Value, field: Option<&str>, found: &mut Vec<String>) {
    match value {
        Value::String(text) => push(field, text, found),
        Value::Array(items) => items.iter().for_each(|item| collect_errors(item, field, found)),
        Value::Object(map) if map.get("message").is_some_and(Value::is_string) => {
            collect(value, field, found);
        }
        Value::Object(map) => {
            for (name, inner) in map {
                collect_errors(inner, Some(name), found);
            }
        }
        _ => {}
    }
}

fn push(field: Option<&str>, text: &str, found: &mut Vec<String>) {
    let text = text.trim();
    if text.is_empty() {
        return;
    }
    found.push(match field {
        Some(field) if field != "base" && !text.to_lowercase().starts_with(&field.to_lowercase()) => {
            short(&format!("{field}: {text}"))
        }
        _ => short(text),
    });
}

/// At most 500 characters; what is left out is said.
fn short(text: &str) -> String {
    match text.char_indices().nth(500) {
        Some((at, _)) => format!("{}… (cut)", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, body: &str) -> ProcoreError {
        ProcoreError::from_answer(
            "close ERP request detail 5",
            status,
            body,
            Some("r-1".into()),
            None,
        )
    }

    #[test]
    fn every_shape_of_error_is_read() {
        for (body, expected) in [
            (
                r#"{"errors":{"name":["is too long","can't be blank"]}}"#,
                vec!["name: is too long", "name: can't be blank"],
            ),
            (
                r#"{"errors":["App is not connected to this company."]}"#,
                vec!["App is not connected to this company."],
            ),
            (r#"{"errors":"no such thing"}"#, vec!["no such thing"]),
            (
                r#"{"errors":{"event_type":"Can't be blank"}}"#,
                vec!["event_type: Can't be blank"],
            ),
            (r#"{"message":"nope"}"#, vec!["nope"]),
            (
                r#"{"code":422,"message":"bad","fields":"x","reason":"BLANK"}"#,
                vec!["bad", "BLANK"],
            ),
            (
                r#"{"error":{"code":"BAD_REQUEST","message":"Bad","details":[{"reason_code":"BLANK","message":"Name can't be blank","source":"name"}]}}"#,
                vec!["Name can't be blank"],
            ),
            (
                r#"{"error":{"code":"BAD_REQUEST","message":"Bad","details":[]}}"#,
                vec!["Bad"],
            ),
            (
                r#"{"error":"invalid_client","error_description":"Client failed"}"#,
                vec!["invalid_client", "Client failed"],
            ),
            (
                "You have surpassed the max number of requests",
                vec!["You have surpassed the max number of requests"],
            ),
            ("<html><body>502</body></html>", vec![]),
            ("", vec![]),
            ("17", vec![]),
        ] {
            assert_eq!(messages_of(body), expected, "{body}");
        }
    }

    #[test]
    fn kinds_follow_status_and_body() {
        assert_eq!(
            error(403, r#"{"errors":["App is not connected to this company."]}"#).kind(),
            ErrorKind::NotConnected
        );
        assert_eq!(error(403, r#"{"errors":["no"]}"#).kind(), ErrorKind::Forbidden);
        assert_eq!(error(422, "").kind(), ErrorKind::Invalid);
        assert!(error(503, "").is_transient());
        assert!(error(408, "").is_transient());
        assert!(!error(409, "").is_transient());
        assert_eq!(error(302, "").kind(), ErrorKind::Unreadable);
    }

    #[test]
    fn a_person_reads_what_happened_and_what_to_do() {
        let text = error(422, r#"{"errors":{"status":["is not included"]}}"#).to_string();
        assert_eq!(
            text,
            "Could not close ERP request detail 5: Procore refused the content. Procore says: status: is not included (status 422, request r-1)"
        );
    }

    #[test]
    fn secrets_are_blotted_out_and_long_texts_cut() {
        let echoed = error(400, r#"{"message":"client_secret s3cr3t is wrong"}"#).without("s3cr3t");
        assert!(!format!("{echoed} {echoed:?}").contains("s3cr3t"));
        let long = error(400, &"é".repeat(9_000));
        assert!(long.to_string().len() < 1_500, "{}", long.to_string().len());
    }

    proptest::proptest! {
        #[test]
        fn no_body_panics(body in "\\PC{0,200}") {
            let _ = messages_of(&body);
        }
    }
}
