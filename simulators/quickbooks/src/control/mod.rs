//! The control API: what a test, or a person at QuickBooks, does.

mod by_hand;
pub(crate) mod connector;
mod file;
mod records;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, patch, post},
};
use serde_json::{Value, json};

use crate::{qbxml::status::Status, simulator::Simulator};

/// A refusal, as JSON.
#[derive(Debug)]
pub(crate) struct Refused(StatusCode, Value);

impl Refused {
    fn bad(message: impl std::fmt::Display) -> Self {
        Self(StatusCode::BAD_REQUEST, json!({"error": message.to_string()}))
    }

    fn not_found(what: &str) -> Self {
        Self(
            StatusCode::NOT_FOUND,
            json!({"error": format!("{what} does not exist")}),
        )
    }
}

impl From<Status> for Refused {
    fn from(status: Status) -> Self {
        Self(
            StatusCode::UNPROCESSABLE_ENTITY,
            json!({"error": status.message, "status_code": status.code}),
        )
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(self.1)).into_response()
    }
}

type Answer = Result<Json<Value>, Refused>;

/// All routes.
pub(crate) fn router(simulator: Arc<Simulator>) -> Router {
    Router::new()
        .route("/control/health", get(file::health))
        .route("/control/company-file", get(file::dump))
        .route("/control/invariants", get(file::invariants))
        .route(
            "/control/settings",
            get(file::settings).post(file::change_settings),
        )
        .route("/control/locks", post(file::lock))
        .route(
            "/control/faults",
            get(file::faults)
                .post(file::add_faults)
                .delete(file::clear_faults),
        )
        .route("/control/backup", post(file::backup))
        .route("/control/restore", post(file::restore))
        .route("/control/clock", post(file::clock))
        .route("/control/touch-lists", post(file::touch_lists))
        .route("/control/upgrade", post(file::upgrade))
        .route("/control/open-file", post(file::open))
        .route("/control/move-file", post(file::move_file))
        .route("/control/qbxml", post(file::qbxml))
        .route("/control/records", post(records::create))
        .route("/control/records/bulk", post(records::bulk))
        .route(
            "/control/records/{id}",
            patch(records::change).delete(records::delete).get(records::show),
        )
        .route("/control/payments", post(records::pay))
        .route("/control/void", post(records::void))
        .route("/control/delete", post(records::delete_transaction))
        .route("/control/connector", get(connector::list))
        .route("/control/connector/register", post(connector::register))
        .route("/control/connector/update", post(connector::update))
        .route("/control/connector/auto-run", post(connector::auto_run))
        .route("/control/connector/password", post(connector::password))
        .layer(DefaultBodyLimit::max(256 * 1024 * 1024))
        .with_state(simulator)
}
