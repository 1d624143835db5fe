//! The trace: every exchange as one numbered JSON file, with secrets masked.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use axum::http::{HeaderMap, Method};
use serde_json::{Map, Value, json};

/// Keys whose values never reach a file.
const SECRET_KEYS: [&str; 7] = [
    "client_secret",
    "access_token",
    "refresh_token",
    "token",
    "authorization",
    "code_verifier",
    "password",
];

/// A directory that fills with exchanges.
#[derive(Debug)]
pub(crate) struct Trace {
    directory: PathBuf,
    serial: AtomicU64,
}

impl Trace {
    pub(crate) fn new(directory: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        Ok(Self {
            directory: directory.to_owned(),
            serial: AtomicU64::new(0),
        })
    }

    /// The number of the next exchange; taken when it begins, so files sort by beginning.
    pub(crate) fn next(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Writes one exchange. A trace that cannot be written must not change what is traced.
    pub(crate) fn write(&self, serial: u64, name: &str, exchange: &Value) {
        let name: String = name
            .chars()
            .map(|letter| {
                if letter.is_ascii_alphanumeric() || letter == '.' {
                    letter
                } else {
                    '-'
                }
            })
            .take(90)
            .collect();
        let path = self
            .directory
            .join(format!("{serial:06}-{}.json", name.trim_matches('-')));
        if let Err(error) = std::fs::write(&path, format!("{exchange:#}\n")) {
            tracing::warn!(path = %path.display(), %error, "trace not written");
        }
    }
}

/// The name of an incoming exchange.
pub(crate) fn name_of(method: &Method, path: &str) -> String {
    format!("in-{method}{path}")
}

/// Headers as an object, secrets masked.
pub(crate) fn headers(headers: &HeaderMap) -> Value {
    let mut object = Map::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let value = if name == "authorization" {
            mask(&value)
        } else {
            value
        };
        object.insert(name.to_string(), json!(value));
    }
    Value::Object(object)
}

/// A body for the trace: JSON with its secrets masked, a form likewise, other text as it is.
pub(crate) fn body(bytes: &[u8]) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    if let Ok(mut value) = serde_json::from_slice::<Value>(bytes) {
        mask_secrets(&mut value);
        return value;
    }
    let text = String::from_utf8_lossy(bytes);
    let masked: Vec<String> = text
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((key, value)) if is_secret(key) => format!("{key}={}", mask(value)),
            _ => pair.to_owned(),
        })
        .collect();
    json!(masked.join("&"))
}

fn is_secret(key: &str) -> bool {
    SECRET_KEYS.iter().any(|secret| key.eq_ignore_ascii_case(secret))
}

fn mask(value: &str) -> String {
    let scheme = value.split_once(' ').map_or("", |(scheme, _)| scheme);
    format!("{scheme}***")
}

fn mask_secrets(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if is_secret(key) => *text = mask(text),
                    other => mask_secrets(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask_secrets),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_written() {
        let json =
            body(br#"{"hook":{"destination_headers":{"Authorization":"Bearer abc"}},"client_secret":"abc"}"#);
        let form = body(b"grant_type=client_credentials&client_secret=abc");
        assert!(!format!("{json}{form}").contains("abc"));
        assert_eq!(form, "grant_type=client_credentials&client_secret=***");
    }
}
