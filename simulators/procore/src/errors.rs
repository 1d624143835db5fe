//! Refusals, in the several shapes in which Procore's clients meet them.
//!
//! A handler only says what is wrong; the shape is chosen when the answer leaves ([`ApiError::render`]): one fixed
//! shape for v2, one of five in rotation for v1, a plain one for `/control`.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// A refused call.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    detail: Detail,
}

#[derive(Debug, Clone)]
enum Detail {
    Message(String),
    Fields(FieldErrors),
    /// A body seen verbatim in practice, never reshaped.
    Verbatim(Value),
}

/// What is wrong with which field.
#[derive(Debug, Clone, Default)]
pub(crate) struct FieldErrors(Vec<(String, String)>);

impl FieldErrors {
    /// One field, one complaint.
    pub(crate) fn one(field: &str, message: &str) -> Self {
        Self(vec![(field.to_owned(), message.to_owned())])
    }

    pub(crate) fn push(&mut self, field: &str, message: &str) {
        self.0.push((field.to_owned(), message.to_owned()));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `Ok` with the value when there is nothing to complain about.
    pub(crate) fn or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }

    /// `{"field": ["message"]}`.
    pub(crate) fn to_json(&self) -> Value {
        let mut object = serde_json::Map::new();
        for (field, message) in &self.0 {
            let list = object.entry(field.clone()).or_insert_with(|| json!([]));
            if let Some(list) = list.as_array_mut() {
                list.push(json!(message));
            }
        }
        Value::Object(object)
    }

    fn sentence(&self) -> String {
        let parts: Vec<_> = self
            .0
            .iter()
            .map(|(field, message)| format!("{field} {message}"))
            .collect();
        parts.join(", ")
    }
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            detail: Detail::Message(message.into()),
        }
    }

    pub(crate) fn verbatim(status: StatusCode, body: Value) -> Self {
        Self {
            status,
            detail: Detail::Verbatim(body),
        }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not Found")
    }

    pub(crate) fn invalid(field: &str, message: &str) -> Self {
        FieldErrors::one(field, message).into()
    }

    /// The answer as it goes out on `path`; `turn` picks the shape of a v1 error.
    pub(crate) fn render(&self, path: &str, turn: usize) -> Response {
        let message = match &self.detail {
            Detail::Message(message) => message.clone(),
            Detail::Fields(fields) => fields.sentence(),
            Detail::Verbatim(body) => return (self.status, axum::Json(body.clone())).into_response(),
        };
        let body = if path.starts_with("/control") {
            match &self.detail {
                Detail::Fields(fields) => json!({"error": message, "fields": fields.to_json()}),
                _ => json!({"error": message}),
            }
        } else if path.starts_with("/rest/v2") {
            self.v2(&message)
        } else {
            self.v1(&message, turn)
        };
        (self.status, axum::Json(body)).into_response()
    }

    fn v1(&self, message: &str, turn: usize) -> Value {
        match (turn % 5, &self.detail) {
            (0, Detail::Fields(fields)) => json!({"errors": fields.to_json()}),
            (0 | 1, _) => json!({"errors": [message]}),
            (2, _) => json!({"errors": message}),
            (3, _) => json!({"message": message}),
            _ => json!({"code": self.status.as_u16(), "message": message}),
        }
    }

    fn v2(&self, message: &str) -> Value {
        let details: Vec<Value> = match &self.detail {
            Detail::Fields(fields) => fields
                .0
                .iter()
                .map(|(field, text)| {
                    let reason = if text.contains("blank") {
                        "BLANK"
                    } else {
                        "INVALID"
                    };
                    json!({"reason_code": reason, "message": format!("{field} {text}"), "source": field})
                })
                .collect(),
            _ => Vec::new(),
        };
        let code = self
            .status
            .canonical_reason()
            .unwrap_or("ERROR")
            .to_uppercase()
            .replace(' ', "_");
        json!({"error": {"code": code, "message": message, "details": details}})
    }
}

impl From<FieldErrors> for ApiError {
    fn from(fields: FieldErrors) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            detail: Detail::Fields(fields),
        }
    }
}

impl IntoResponse for ApiError {
    /// A bodiless answer that carries the error along; the gate gives it its shape.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Adds a header whose value may be anything; an impossible value is left out.
pub(crate) fn put_header(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response
            .headers_mut()
            .insert(header::HeaderName::from_static(name), value);
    }
}
