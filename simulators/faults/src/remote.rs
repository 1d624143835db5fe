//! The control APIs of the stand-ins: plain JSON over HTTP.

use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

/// One stand-in.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    http: reqwest::Client,
    base: String,
}

impl Remote {
    /// At this address.
    pub(crate) fn new(base: &str) -> anyhow::Result<Self> {
        Ok(Self {
            http: reqwest::Client::builder()
                .timeout(Duration::from_mins(3))
                .build()?,
            base: base.trim_end_matches('/').to_owned(),
        })
    }

    async fn call(&self, method: reqwest::Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.with_context(|| format!("{method} {path}"))?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            bail!("{method} {path}: {status} {text}");
        }
        Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Reads.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(reqwest::Method::GET, path, None).await
    }

    /// Does.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(reqwest::Method::POST, path, Some(body)).await
    }

    /// Changes.
    pub(crate) async fn patch(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(reqwest::Method::PATCH, path, Some(body)).await
    }

    /// Takes back.
    pub(crate) async fn delete(&self, path: &str) -> anyhow::Result<()> {
        self.call(reqwest::Method::DELETE, path, None).await?;
        Ok(())
    }

    /// Gives QuickBooks a document, as the Web Connector's application of this name would. `Err`: the HRESULT.
    pub(crate) async fn process(
        &self,
        application: &str,
        document: &str,
    ) -> anyhow::Result<Result<String, String>> {
        let answer = self
            .http
            .post(format!("{}/control/qbxml", self.base))
            .query(&[("application", application)])
            .header("content-type", "text/xml")
            .body(document.to_owned())
            .send()
            .await?;
        let fine = answer.status().is_success();
        let text = answer.text().await?;
        if fine {
            return Ok(Ok(text));
        }
        let refused: Value = serde_json::from_str(&text).unwrap_or_default();
        Ok(Err(refused["hresult"]
            .as_str()
            .unwrap_or("0x80040402")
            .to_owned()))
    }
}

/// The numbers of a JSON list.
pub(crate) fn ids(value: &Value) -> Vec<i64> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_i64)
        .collect()
}

/// A list by its key; empty where there is none.
pub(crate) fn array<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// A text by its key; empty where there is none.
pub(crate) fn text(value: &Value, key: &str) -> String {
    match &value[key] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}
