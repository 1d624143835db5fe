//! The ERP kit: orders to the microservice, what it reports back, and the records it stages.

pub(crate) mod assignments;
pub(crate) mod budgets;
pub(crate) mod connections;
pub(crate) mod events;
pub(crate) mod external_data;
pub(crate) mod invoice_payments;
pub(crate) mod job_costs;
pub(crate) mod prime;
pub(crate) mod request_details;
pub(crate) mod requests;
pub(crate) mod staged_records;

use std::sync::Arc;

use axum::{
    Router,
    http::StatusCode,
    routing::{delete, get, patch, post},
};

use crate::{call::Call, errors::ApiError, sim::Sim, store::World};

pub(crate) fn routes() -> Router<Arc<Sim>> {
    let company = "/rest/v1.0/companies/{company}";
    Router::new()
        .route(&format!("{company}/erp_connections"), post(connections::create))
        .route(
            &format!("{company}/erp_connections/{{id}}"),
            get(connections::show).patch(connections::update),
        )
        .route(
            "/rest/v1.0/erp_transactions/sync",
            patch(budgets::sync_transactions),
        )
        .route(&format!("{company}/erp_requests"), get(requests::list))
        .route(&format!("{company}/erp_requests/{{id}}"), get(requests::show))
        .route(
            &format!("{company}/erp_request_details"),
            get(request_details::list),
        )
        .route(
            &format!("{company}/erp_request_details/sync"),
            patch(request_details::sync),
        )
        .route(
            &format!("{company}/erp_request_details/{{id}}"),
            patch(request_details::update).put(request_details::update),
        )
        .route(&format!("{company}/external_data"), get(external_data::list))
        .route(
            &format!("{company}/external_data/sync"),
            patch(external_data::sync),
        )
        .route(
            &format!("{company}/external_data/bulk_destroy"),
            delete(external_data::bulk_destroy),
        )
        .route(&format!("{company}/staged_records"), get(staged_records::list))
        .route(
            &format!("{company}/staged_records/sync"),
            patch(staged_records::sync),
        )
        .route("/rest/v1.0/staged_records", get(staged_records::list))
        .route("/rest/v1.0/staged_records/sync", patch(staged_records::sync))
        .route(
            &format!("{company}/invoice_payments/sync"),
            patch(invoice_payments::sync),
        )
        .route("/rest/v1.0/erp_job_costs/sync", patch(job_costs::sync))
        .route(
            "/rest/v1.0/cost_code_line_item_types/sync",
            patch(assignments::sync),
        )
}

/// Refuses companies for which no super user has activated ERP Integrations.
fn enabled(world: &World, call: &Call) -> Result<(), ApiError> {
    if world.company(call.company())?.erp_enabled {
        Ok(())
    } else {
        Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "ERP Integrations is not enabled for this company",
        ))
    }
}
