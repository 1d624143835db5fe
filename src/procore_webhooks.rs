//! Procore's door: webhooks. Authenticated, stored, answered within milliseconds; everything else happens after.

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use chrono::{DateTime, Utc};
use sqlx::{PgPool, types::Json};
use uuid::Uuid;

use crate::{
    clock::Clock,
    procore::{reader::without_nulls, webhook::WebhookEvent},
    secrets,
};

/// The channel on which the inbox says that something came.
pub const CHANNEL: &str = "plumbline_erp_requests";
/// A webhook is a notification of a few hundred bytes.
const BODY_LIMIT: usize = 256 * 1024;

/// What the route needs.
#[derive(Clone, Debug)]
pub struct Door {
    /// The database.
    pub db: PgPool,
    /// The time.
    pub clock: Clock,
}

/// The route.
pub fn router(door: Door) -> Router {
    Router::new()
        .route("/procore/webhooks/{connection}", post(receive))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(door)
}

/// Why a webhook was not taken.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    /// Unknown connection or wrong `Authorization`: not told apart.
    #[error("unknown connection or wrong Authorization header")]
    Unauthorized,
    /// Not a webhook of Procore's.
    #[error("{0}")]
    Unreadable(String),
    /// The database.
    #[error("the webhook could not be stored; Procore will send it again")]
    Database(#[from] sqlx::Error),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Unreadable(_) => StatusCode::BAD_REQUEST,
            Self::Database(error) => {
                tracing::error!(
                    error = error as &dyn std::error::Error,
                    "a webhook could not be stored"
                );
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        metrics::counter!("plumbline_webhooks_total", "outcome" => status.as_str().to_owned()).increment(1);
        (status, self.to_string()).into_response()
    }
}

async fn receive(
    State(door): State<Door>,
    Path(connection): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    // A connection's id is no secret, but telling that one exists helps nobody.
    let id = connection.parse::<Uuid>().map_err(|_| Refusal::Unauthorized)?;
    let expected = sqlx::query_scalar!("select webhook_token_sha256 from connections where id = $1", id)
        .fetch_optional(&door.db)
        .await?;
    let given = headers
        .get(header::AUTHORIZATION)
        .map(header::HeaderValue::as_bytes)
        .unwrap_or_default();
    let given = secrets::sha256(given);
    let right = secrets::same(&given, expected.as_deref().unwrap_or(&[0; 32]));
    if !right || expected.is_none() {
        return Err(Refusal::Unauthorized);
    }
    let payload: serde_json::Value = serde_json::from_slice(&body)
        .map(without_nulls)
        .map_err(|error| Refusal::Unreadable(format!("the body is not JSON: {error}")))?;
    let event = WebhookEvent::from_value(&payload).map_err(|error| Refusal::Unreadable(error.to_string()))?;
    store(&door, id, &event, payload).await?;
    metrics::counter!("plumbline_webhooks_total", "outcome" => "204").increment(1);
    Ok(StatusCode::NO_CONTENT)
}

/// Stores a webhook, and the order it announces, in one transaction. One that came before changes nothing.
async fn store(
    door: &Door,
    connection_id: Uuid,
    event: &WebhookEvent,
    payload: serde_json::Value,
) -> Result<(), sqlx::Error> {
    let now = door.clock.now();
    let mut transaction = door.db.begin().await?;
    let new = sqlx::query!(
        r#"insert into webhook_inbox (id, connection_id, dedupe_key, received_at, resource_name, resource_id, payload)
           values ($1, $2, $3, $4, $5, $6, $7) on conflict on constraint webhook_inbox_dedupe_key do nothing"#,
        Uuid::now_v7(),
        connection_id,
        event.dedupe_key,
        now,
        event.resource_name,
        event.resource_id,
        Json(payload) as _,
    )
    .execute(&mut *transaction)
    .await?
    .rows_affected();
    if new > 0 && event.is_erp_request() {
        note_erp_requests(
            &mut transaction,
            connection_id,
            &[event.resource_id],
            "webhook",
            now,
        )
        .await?;
    }
    transaction.commit().await
}

/// Notes ERP requests to fetch; those known already stay as they are.
pub async fn note_erp_requests(
    db: &mut sqlx::PgConnection,
    connection_id: Uuid,
    ids: &[i64],
    found_by: &str,
    now: DateTime<Utc>,
) -> Result<u64, sqlx::Error> {
    let added = sqlx::query!(
        r#"insert into erp_requests (connection_id, erp_request_id, status, found_by, not_before, created_at)
           select $1, id, 'new', $3, $4, $4 from unnest($2::bigint[]) as given(id) order by id
           on conflict do nothing"#,
        connection_id,
        ids,
        found_by,
        now,
    )
    .execute(&mut *db)
    .await?
    .rows_affected();
    if added > 0 {
        sqlx::query!("select pg_notify($1, '')", CHANNEL)
            .fetch_one(db)
            .await?;
    }
    Ok(added)
}
