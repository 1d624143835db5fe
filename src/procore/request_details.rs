//! Request details: what the Procore user reads about an order. An open one keeps its buttons blocked.

use std::collections::HashMap;

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    client::ProcoreClient,
    error::{ErrorKind, ProcoreError},
    paths,
    reader::Reader,
    sync::{ItemError, SyncCall, Synced, sync},
};
use crate::links::{ItemType, ProcoreItem};

/// How a request detail is to be closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// The request detail.
    pub id: i64,
    /// Whether the order was carried out.
    pub succeeded: bool,
    /// What the user reads.
    pub messages: Vec<String>,
}

impl Closing {
    fn status(&self) -> &'static str {
        if self.succeeded { "success" } else { "failed" }
    }
}

/// What is known of a request detail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestDetail {
    /// Its id.
    pub id: i64,
    /// Its status; `None` where Procore did not say.
    pub status: Option<String>,
    /// The type of the record it is about, as Procore writes it.
    pub item_type: Option<String>,
}

impl RequestDetail {
    /// Whether the user still waits for it.
    pub fn is_open(&self) -> bool {
        !matches!(
            self.status.as_deref(),
            Some("success" | "failed" | "stale" | "rejected")
        )
    }

    fn is_about(&self, wanted: ItemType) -> bool {
        let Some(theirs) = &self.item_type else {
            return true;
        };
        // "requisition", "Requisition", "Billings::Requisition".
        let plain = |text: &str| {
            let last = text.rsplit("::").next().unwrap_or(text);
            last.chars()
                .filter(char::is_ascii_alphanumeric)
                .collect::<String>()
                .to_ascii_lowercase()
        };
        plain(theirs) == plain(wanted.as_str())
    }
}

/// Closes one request detail.
pub async fn close(client: &ProcoreClient, closing: &Closing) -> Result<(), ProcoreError> {
    let what = format!("close ERP request detail {}", closing.id);
    let body = json!({"request_detail": {"status": closing.status(), "messages": closing.messages}});
    let path = paths::erp_request_detail(client.company_id(), closing.id);
    client
        .write(&what, Method::PATCH, &path, &[], &body)
        .await
        .map(|_| ())
}

/// Closes several request details with as few calls as Procore allows: all at once, or, where that is not offered,
/// one by one. No detail may stand in `closings` twice.
pub async fn close_all(client: &ProcoreClient, closings: &[Closing]) -> Synced {
    if let [one] = closings {
        return Synced {
            results: vec![close(client, one).await.map_err(ItemError::Failed)],
            entities: Vec::new(),
        };
    }
    let updates: Vec<Value> = closings
        .iter()
        .map(|closing| json!({"id": closing.id, "status": closing.status(), "messages": closing.messages}))
        .collect();
    let path = paths::erp_request_details_sync(client.company_id());
    let call = SyncCall {
        what: "close ERP request details",
        path: &path,
        query: &[],
        // The guide of 2021 prints a bare list here, unlike every other sync call.
        beside: None,
        identity: &["id"],
        halve: false,
    };
    let mut synced = sync(client, &call, &updates).await;
    let not_offered: Vec<usize> = (0..closings.len())
        .filter(|index| {
            matches!(
                &synced.results[*index],
                Err(ItemError::Failed(error)) if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::NotAllowed | ErrorKind::Invalid
                )
            )
        })
        .collect();
    let alone: Vec<&Closing> = not_offered.iter().map(|index| &closings[*index]).collect();
    for (index, result) in not_offered.into_iter().zip(one_by_one(client, &alone).await) {
        synced.results[index] = result;
    }
    synced
}

async fn one_by_one(client: &ProcoreClient, closings: &[&Closing]) -> Vec<Result<(), ItemError>> {
    let mut results = Vec::with_capacity(closings.len());
    let mut stopped: Option<ProcoreError> = None;
    for closing in closings {
        let result = match &stopped {
            Some(error) => Err(error.clone()),
            None => close(client, closing).await,
        };
        if let Err(error) = &result
            && error.concerns_connection()
        {
            stopped = Some(error.clone());
        }
        results.push(result.map_err(ItemError::Failed));
    }
    results
}

/// The request details of one record, newest first. Needed where an order carried no request detail id.
pub async fn find_by_item(
    client: &ProcoreClient,
    item: ProcoreItem,
) -> Result<Vec<RequestDetail>, ProcoreError> {
    let what = format!("look for the ERP request detail of {item}");
    let details = find(client, &what, "item_id", item.id).await?;
    Ok(details
        .into_iter()
        .filter(|detail| detail.is_about(item.item_type))
        .collect())
}

/// One request detail by its id; `None` where Procore shows none.
pub async fn find_by_id(client: &ProcoreClient, id: i64) -> Result<Option<RequestDetail>, ProcoreError> {
    let what = format!("look for ERP request detail {id}");
    Ok(find(client, &what, "id", id).await?.into_iter().next())
}

/// The request details of one order, newest first. Needed where the order itself cannot be read.
pub async fn find_by_order(
    client: &ProcoreClient,
    erp_request_id: i64,
) -> Result<Vec<RequestDetail>, ProcoreError> {
    let what = format!("look for the details of ERP request {erp_request_id}");
    find(client, &what, "erp_request_id", erp_request_id).await
}

/// The request details whose `field` is `wanted`. Procore ignores filters it does not know: only what says so itself is
/// believed, except where `item_id` is not told.
async fn find(
    client: &ProcoreClient,
    what: &str,
    field: &str,
    wanted: i64,
) -> Result<Vec<RequestDetail>, ProcoreError> {
    let filter = format!("filters[{field}]");
    let path = paths::erp_request_details(client.company_id());
    let records = client
        .list(what, &path, &[(filter.as_str(), wanted.to_string())])
        .await?;
    let mut by_id: HashMap<i64, RequestDetail> = HashMap::new();
    for record in &records {
        let reader = Reader::root(record);
        let Ok(id) = reader.field("id").id() else { continue };
        let told = reader.field(field).optional_id().ok().flatten();
        if told != Some(wanted) && (told.is_some() || field != "item_id") {
            continue;
        }
        let text = |name| {
            reader
                .field(name)
                .optional_text()
                .ok()
                .flatten()
                .map(str::to_owned)
        };
        let detail = RequestDetail {
            id,
            status: text("status"),
            item_type: text("item_type"),
        };
        by_id.insert(id, detail);
    }
    let mut details: Vec<RequestDetail> = by_id.into_values().collect();
    details.sort_by_key(|detail| std::cmp::Reverse(detail.id));
    Ok(details)
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;
    use crate::procore::fake::{Answer, Fake};

    fn closing(id: i64, succeeded: bool) -> Closing {
        Closing {
            id,
            succeeded,
            messages: vec![format!("m{id}")],
        }
    }

    #[tokio::test]
    async fn one_detail_is_closed_by_its_own_address() {
        let fake = Fake::start(|_| Answer::ok(json!({}))).await;
        let closed = close_all(&fake.client(), &[closing(5, false)]).await;
        assert!(closed.first_error().is_none());
        let seen = &fake.requests()[0];
        assert_eq!(seen.line(), "PATCH /rest/v1.0/companies/7/erp_request_details/5");
        assert_eq!(
            seen.body,
            json!({"request_detail": {"status": "failed", "messages": ["m5"]}})
        );
    }

    #[tokio::test]
    async fn many_go_in_one_call_and_errors_find_their_detail() {
        let fake = Fake::start(|_| {
            Answer::ok(json!({"entities": [], "errors": [{"id": 2, "errors": {"status": ["is stale"]}}]}))
        })
        .await;
        let closed = close_all(&fake.client(), &[closing(1, true), closing(2, true)]).await;
        assert_eq!(fake.requests().len(), 1);
        assert_eq!(
            fake.requests()[0].body[0],
            json!({"id": 1, "status": "success", "messages": ["m1"]})
        );
        assert!(closed.results[0].is_ok());
        assert_eq!(
            closed.results[1],
            Err(ItemError::Refused(vec!["status: is stale".into()]))
        );
    }

    #[tokio::test]
    async fn where_the_bulk_call_is_not_offered_they_go_one_by_one() {
        for status in [
            StatusCode::NOT_FOUND,
            StatusCode::METHOD_NOT_ALLOWED,
            StatusCode::BAD_REQUEST,
        ] {
            let fake = Fake::start(move |request| {
                if request.path.ends_with("/sync") {
                    Answer::of(status, json!({}))
                } else if request.path.ends_with("/2") {
                    Answer::of(StatusCode::NOT_FOUND, json!({}))
                } else {
                    Answer::ok(json!({}))
                }
            })
            .await;
            let closed = close_all(
                &fake.client(),
                &[closing(1, true), closing(2, true), closing(3, true)],
            )
            .await;
            assert_eq!(
                closed.results.iter().map(Result::is_ok).collect::<Vec<_>>(),
                [true, false, true]
            );
        }
    }

    #[tokio::test]
    async fn details_are_found_by_their_item() {
        let fake = Fake::start(|_| {
            Answer::ok(json!([
                {"id": 1, "item_id": 9, "item_type": "Billings::Requisition", "status": "failed"},
                {"id": 4, "item_id": 9, "item_type": "requisition", "status": "in progress"},
                {"id": 5, "item_id": 9, "item_type": "vendor", "status": "in progress"},
                {"id": 6, "item_id": 10, "item_type": "requisition", "status": "in progress"}
            ]))
        })
        .await;
        let found = find_by_item(&fake.client(), ProcoreItem::new(ItemType::Requisition, 9))
            .await
            .unwrap();
        assert_eq!(
            found.iter().map(|d| (d.id, d.is_open())).collect::<Vec<_>>(),
            [(4, true), (1, false)]
        );
    }
}
