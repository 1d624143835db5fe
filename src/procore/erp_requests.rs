//! ERP requests: Procore's orders. A webhook names one; the sweep lists them.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::Value;

use super::{
    client::ProcoreClient,
    error::{ErrorKind, ProcoreError},
    paths,
    reader::Reader,
};

/// One ERP request.
#[derive(Clone, Debug, PartialEq)]
pub struct ErpRequest {
    /// Its id, the webhook's `resource_id`.
    pub id: i64,
    /// The company it is of, where told.
    pub company_id: Option<i64>,
    /// What is ordered; one of 51 names.
    pub request_name: String,
    /// When it was made, where told.
    pub created_at: Option<DateTime<Utc>>,
    /// The whole of it, for [`super::ErpEvent::parse`].
    pub payload: Value,
}

/// One ERP request by its id. Right after its webhook it may still be invisible (`NotFound`): look again.
pub async fn get(client: &ProcoreClient, id: i64) -> Result<ErpRequest, ProcoreError> {
    let what = format!("read ERP request {id}");
    let payload = client
        .get(&what, &paths::erp_request(client.company_id(), id), &[])
        .await?;
    let request = read(unwrapped(payload), &what)?;
    if request.id != id {
        return Err(ProcoreError::new(ErrorKind::Unreadable, what)
            .with_message(format!("Procore answered with request {}", request.id)));
    }
    if request
        .company_id
        .is_some_and(|company| company != client.company_id())
    {
        return Err(ProcoreError::new(ErrorKind::Unreadable, what)
            .with_message("the request belongs to another Procore company"));
    }
    Ok(request)
}

/// The ids of the ERP requests made since `since`, oldest first, for the time after an outage in which webhooks were lost:
/// there may be a hundred thousand, so nothing else of them is kept. Those that cannot be read are left out and logged.
pub async fn ids_since(client: &ProcoreClient, since: DateTime<Utc>) -> Result<Vec<i64>, ProcoreError> {
    let what = "list ERP requests";
    // A range needs an end; Procore's clock may be ahead of ours.
    let until = client.now() + TimeDelta::days(1);
    let range = format!(
        "{}...{}",
        since.to_rfc3339_opts(SecondsFormat::Secs, true),
        until.to_rfc3339_opts(SecondsFormat::Secs, true)
    );
    let mut ids = Vec::new();
    let mut unread = 0_usize;
    client
        .pages(
            what,
            &paths::erp_requests(client.company_id()),
            &[("filters[created_at]", range)],
            |page| {
                for record in page {
                    match read(unwrapped(record), what) {
                        // Procore ignores filters it does not know: filter again.
                        Ok(request) if request.created_at.is_none_or(|at| at >= since) => {
                            ids.push(request.id);
                        }
                        Ok(_) => {}
                        Err(_) => unread += 1,
                    }
                }
            },
        )
        .await?;
    if unread > 0 {
        tracing::warn!(
            company = client.company_id(),
            unread,
            "ERP requests in the list cannot be read"
        );
    }
    ids.sort_unstable();
    Ok(ids)
}

fn unwrapped(payload: Value) -> Value {
    match payload {
        Value::Object(mut map) if map.contains_key("data") && !map.contains_key("request_name") => {
            map.remove("data").unwrap_or_default()
        }
        other => other,
    }
}

fn read(payload: Value, what: &str) -> Result<ErpRequest, ProcoreError> {
    let reader = Reader::root(&payload);
    let wrong = |error: super::reader::ReadError| {
        ProcoreError::new(ErrorKind::Unreadable, what).with_message(error.to_string())
    };
    Ok(ErpRequest {
        id: reader.field("id").id().map_err(wrong)?,
        company_id: reader.field("company_id").optional_id().map_err(wrong)?,
        request_name: reader.field("request_name").text().map_err(wrong)?.to_owned(),
        created_at: reader
            .field("created_at")
            .optional_text()
            .ok()
            .flatten()
            .and_then(|text| DateTime::parse_from_rfc3339(text).ok())
            .map(|at| at.to_utc()),
        payload,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::procore::fake::{Answer, Fake};

    #[tokio::test]
    async fn a_request_is_read_whatever_the_ids_look_like() {
        let fake = Fake::start(|_| {
            Answer::ok(
                json!({"id": "5", "company_id": 7, "request_name": "sync_vendors", "request_data": {}}),
            )
        })
        .await;
        let request = get(&fake.client(), 5).await.unwrap();
        assert_eq!(request.request_name, "sync_vendors");
        assert_eq!(fake.requests()[0].path, "/rest/v1.0/companies/7/erp_requests/5");
    }

    #[tokio::test]
    async fn another_companys_request_is_refused() {
        let fake = Fake::start(|_| {
            Answer::ok(json!({"id": 5, "company_id": 8, "request_name": "sync_vendors", "request_data": {}}))
        })
        .await;
        let error = get(&fake.client(), 5).await.unwrap_err();
        assert!(error.to_string().contains("another Procore company"), "{error}");
    }

    #[tokio::test]
    async fn the_sweep_asks_for_a_range_and_filters_again() {
        let fake = Fake::start(|_| {
            Answer::ok(json!([
                {"id": 9, "request_name": "sync_jobs", "created_at": "2026-03-02T10:05:00Z"},
                {"id": 3, "request_name": "sync_jobs", "created_at": "2026-03-02T10:01:00Z"},
                {"id": 1, "request_name": "sync_jobs", "created_at": "2025-03-02T10:01:00Z"},
                {"nothing": true}
            ]))
        })
        .await;
        let since = "2026-03-02T10:00:00Z".parse().unwrap();
        assert_eq!(ids_since(&fake.client(), since).await.unwrap(), [3, 9]);
        assert!(
            fake.requests()[0]
                .query
                .contains("2026-03-02T10%3A00%3A00Z...2026-03-03T10%3A00%3A00Z")
        );
    }
}
