//! The ERP connection: where Procore learns that we exist, and keeps our metadata document.

use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

use super::{
    client::ProcoreClient,
    error::{ErrorKind, ProcoreError},
    paths,
    reader::Reader,
};

/// What Procore answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErpConnection {
    /// The company's ERP standard cost code list, where told.
    pub standard_cost_code_list_id: Option<i64>,
}

/// Makes the ERP connection, or updates it where there is one: our address and our metadata document.
pub async fn put(
    client: &ProcoreClient,
    service_url: &Url,
    metadata: &Value,
) -> Result<ErpConnection, ProcoreError> {
    match update(client, Some(service_url), metadata).await {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotAllowed) => {
            create(client, service_url, metadata).await
        }
        other => other,
    }
}

/// Makes the ERP connection. Procore makes a list of standard cost codes with it.
pub async fn create(
    client: &ProcoreClient,
    service_url: &Url,
    metadata: &Value,
) -> Result<ErpConnection, ProcoreError> {
    let what = "make the ERP connection in Procore";
    let body = json!({"connection": {"service_url": service_url.as_str(), "metadata": metadata}});
    let path = paths::erp_connections(client.company_id());
    client
        .write(what, Method::POST, &path, &[], &body)
        .await
        .map(|answer| read(&answer))
}

/// Gives Procore our metadata document (the answer to `sync_metadata`), and our address where given.
pub async fn update(
    client: &ProcoreClient,
    service_url: Option<&Url>,
    metadata: &Value,
) -> Result<ErpConnection, ProcoreError> {
    let what = "update the ERP connection in Procore";
    let mut connection = json!({ "metadata": metadata });
    if let Some(url) = service_url {
        connection["service_url"] = json!(url.as_str());
    }
    let body = json!({ "connection": connection });
    let path = paths::erp_connection(client.company_id());
    client
        .write(what, Method::PATCH, &path, &[], &body)
        .await
        .map(|answer| read(&answer))
}

fn read(answer: &Value) -> ErpConnection {
    let reader = Reader::root(answer);
    let list = |reader: &Reader<'_>| {
        reader
            .field("standard_cost_code_list_id")
            .optional_id()
            .ok()
            .flatten()
    };
    ErpConnection {
        standard_cost_code_list_id: list(&reader).or_else(|| list(&reader.field("data"))),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;
    use crate::procore::fake::{Answer, Fake};

    #[tokio::test]
    async fn a_missing_connection_is_made() {
        let fake = Fake::start(|request| match request.method.as_str() {
            "PATCH" => Answer::of(StatusCode::NOT_FOUND, json!({})),
            _ => Answer::of(
                StatusCode::CREATED,
                json!({"id": 7, "standard_cost_code_list_id": 12}),
            ),
        })
        .await;
        let url = "https://plumbline.example".parse().unwrap();
        let made = put(&fake.client(), &url, &json!({"settings": {}})).await.unwrap();
        assert_eq!(made.standard_cost_code_list_id, Some(12));
        assert_eq!(
            fake.requests()[1].body["connection"]["service_url"],
            "https://plumbline.example/"
        );
    }
}
