//! The login host: access tokens for client credentials.
//!
//! One address plays both hosts here, so the rule that `/oauth/token` belongs to the login host only is not modelled.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use crate::{
    sim::Sim,
    store::{Token, World, into_map},
};

/// Seconds a token lives.
pub(crate) const LIFETIME: i64 = 5400;

pub(crate) fn routes() -> Router<Arc<Sim>> {
    Router::new()
        .route("/oauth/token", post(token))
        .route("/oauth/revoke", post(revoke))
        .route("/oauth/token/info", get(info))
}

/// The bearer token of a call.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The token if it is known and has not expired.
pub(crate) fn valid<'w>(world: &'w World, token: &str) -> Option<&'w Token> {
    let found = world.tokens.get(token)?;
    (world.now() < found.created_at + chrono::Duration::seconds(LIFETIME)).then_some(found)
}

/// Guess: the body follows RFC 6749.
fn refused(status: StatusCode, error: &str, description: &str) -> Response {
    (
        status,
        Json(json!({"error": error, "error_description": description})),
    )
        .into_response()
}

/// Form or JSON, as both are documented.
fn fields(headers: &HeaderMap, body: &Bytes) -> serde_json::Map<String, Value> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    if kind.starts_with("application/json") {
        return into_map(serde_json::from_slice(body).unwrap_or_default());
    }
    let text = String::from_utf8_lossy(body);
    reqwest::Url::parse(&format!("http://procore.invalid/?{text}"))
        .map(|url| {
            url.query_pairs()
                .map(|(key, value)| (key.into_owned(), json!(value)))
                .collect()
        })
        .unwrap_or_default()
}

async fn token(State(sim): State<Arc<Sim>>, headers: HeaderMap, body: Bytes) -> Response {
    let fields = fields(&headers, &body);
    let text = |key: &str| fields.get(key).and_then(Value::as_str).unwrap_or_default();
    match text("grant_type") {
        "client_credentials" => {}
        "" => {
            return refused(
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "Missing required parameter: grant_type.",
            );
        }
        _ => {
            let description = "The authorization grant type is not supported by the authorization server.";
            return refused(StatusCode::BAD_REQUEST, "unsupported_grant_type", description);
        }
    }
    let mut world = sim.world();
    let client_id = text("client_id").to_owned();
    if world
        .apps
        .get(&client_id)
        .is_none_or(|app| app.secret != text("client_secret"))
    {
        let description = "Client authentication failed due to unknown client, no client authentication included, or unsupported authentication method.";
        return refused(StatusCode::UNAUTHORIZED, "invalid_client", description);
    }
    let created_at = world.now();
    let access_token = format!(
        "{}{}",
        uuid::Uuid::new_v4().simple(),
        uuid::Uuid::new_v4().simple()
    );
    world.tokens.insert(
        access_token.clone(),
        Token {
            client_id,
            created_at,
        },
    );
    Json(json!({
        "access_token": access_token,
        "token_type": "bearer",
        "expires_in": LIFETIME,
        "created_at": created_at.timestamp(),
    }))
    .into_response()
}

async fn revoke(State(sim): State<Arc<Sim>>, headers: HeaderMap, body: Bytes) -> Response {
    let fields = fields(&headers, &body);
    if let Some(token) = fields.get("token").and_then(Value::as_str) {
        sim.world().tokens.remove(token);
    }
    // Unknown tokens are answered alike.
    Json(json!({})).into_response()
}

async fn info(State(sim): State<Arc<Sim>>, headers: HeaderMap) -> Response {
    let world = sim.world();
    let Some(token) = bearer(&headers).and_then(|token| valid(&world, token)) else {
        return refused(
            StatusCode::UNAUTHORIZED,
            "invalid_token",
            "The access token is invalid",
        );
    };
    let age = (world.now() - token.created_at).num_seconds();
    Json(json!({
        "resource_owner_id": world.apps.get(&token.client_id).map(|app| app.user_id),
        "scopes": ["public"],
        "expires_in_seconds": LIFETIME - age,
        "application": {"uid": token.client_id},
        "created_at": token.created_at.timestamp(),
    }))
    .into_response()
}
