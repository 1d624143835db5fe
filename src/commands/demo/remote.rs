//! A stand-in's control API: plain JSON over HTTP.

use anyhow::{Context, bail};
use serde_json::Value;

/// One stand-in.
#[derive(Clone, Debug)]
pub(super) struct Remote {
    http: reqwest::Client,
    base: String,
}

impl Remote {
    pub(super) fn new(base: &str) -> anyhow::Result<Self> {
        Ok(Self {
            http: reqwest::Client::builder()
                .timeout(std::time::Duration::from_mins(5))
                .build()?,
            base: base.trim_end_matches('/').to_owned(),
        })
    }

    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.answer(self.http.get(format!("{}{path}", self.base)), path)
            .await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.answer(self.http.post(format!("{}{path}", self.base)).json(body), path)
            .await
    }

    async fn answer(&self, request: reqwest::RequestBuilder, path: &str) -> anyhow::Result<Value> {
        let response = request
            .send()
            .await
            .with_context(|| format!("{path} of {}", self.base))?;
        let status = response.status();
        let body = response.text().await?;
        if !status.is_success() {
            bail!("{path} answered {status}: {body}");
        }
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&body).with_context(|| format!("{path} answered no JSON: {body}"))
    }
}
