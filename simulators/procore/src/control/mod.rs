//! The control API: what Procore's users and super users would click, and the switches of the stand-in.
//!
//! JSON below `/control`, without authentication; see the README for the shapes.

pub(crate) mod clicks;
pub(crate) mod companies;
pub(crate) mod export;
pub(crate) mod payments;
pub(crate) mod prime;
pub(crate) mod records;
pub(crate) mod state;
pub(crate) mod sub_jobs;
pub(crate) mod switches;
pub(crate) mod wait;

use std::sync::Arc;

use axum::{
    Json, Router,
    routing::{get, patch, post},
};
use serde_json::json;

use crate::sim::Sim;

pub(crate) fn routes() -> Router<Arc<Sim>> {
    let company = "/control/companies/{company}";
    Router::new()
        .route("/control/health", get(|| async { Json(json!({"ok": true})) }))
        .route("/control/companies", post(companies::create).get(companies::list))
        .route(&format!("{company}/uninstall"), post(companies::uninstall))
        .route(&format!("{company}/permissions"), post(companies::permissions))
        .route(
            &format!("{company}/standard-cost-codes"),
            post(records::standard_cost_codes),
        )
        .route(&format!("{company}/vendors"), post(records::vendors))
        .route(&format!("{company}/cost-types"), post(records::cost_types))
        .route(&format!("{company}/projects"), post(records::projects))
        .route(&format!("{company}/sub-jobs"), post(sub_jobs::create))
        .route(&format!("{company}/sub-jobs/{{id}}/reset"), post(sub_jobs::reset))
        .route(&format!("{company}/commitments"), post(records::commitments))
        .route(&format!("{company}/budgets"), post(records::budgets))
        .route(
            &format!("{company}/budgets/{{id}}/changes"),
            post(records::change_budget),
        )
        .route(&format!("{company}/budgets/import"), post(clicks::import_budget))
        .route(&format!("{company}/change-orders"), post(records::change_orders))
        .route(
            &format!("{company}/change-orders/{{id}}/unlink"),
            post(clicks::unlink_change_order),
        )
        .route(&format!("{company}/prime-contracts"), post(prime::contracts))
        .route(
            &format!("{company}/prime-change-orders"),
            post(prime::change_orders),
        )
        .route(
            &format!("{company}/prime-change-orders/{{id}}/unlink"),
            post(prime::unlink_change_order),
        )
        .route(
            &format!("{company}/prime-change-orders/{{id}}/reset"),
            post(prime::reset_change_order),
        )
        .route(
            &format!("{company}/payment-applications"),
            post(prime::payment_applications),
        )
        .route(
            &format!("{company}/payment-applications/{{id}}/unlink"),
            post(prime::unlink_payment_application),
        )
        .route(&format!("{company}/contract-payments"), post(payments::create))
        .route(&format!("{company}/requisitions"), post(records::requisitions))
        .route(
            &format!("{company}/records/{{kind}}/{{id}}"),
            patch(records::edit).delete(records::delete),
        )
        .route(
            &format!("{company}/payments/{{id}}"),
            patch(records::edit_payment),
        )
        .route(&format!("{company}/export"), post(export::export))
        .route(&format!("{company}/refresh"), post(clicks::refresh))
        .route(&format!("{company}/event"), post(clicks::event))
        .route(
            &format!("{company}/commitments/{{id}}/unlink"),
            post(clicks::unlink_commitment),
        )
        .route(
            &format!("{company}/staged/{{origin_id}}/add"),
            post(clicks::add_staged),
        )
        .route(
            &format!("{company}/staged/{{origin_id}}/archive"),
            post(clicks::archive_staged),
        )
        .route(
            &format!("{company}/vendors/{{id}}/link"),
            post(clicks::link_vendor),
        )
        .route(
            &format!("{company}/vendors/{{id}}/unlink"),
            post(clicks::unlink_vendor),
        )
        .route(
            &format!("{company}/vendors/link-all"),
            post(clicks::link_all_vendors),
        )
        .route(&format!("{company}/state"), get(state::company))
        .route(&format!("{company}/request-details"), get(wait::request_details))
        .route(&format!("{company}/payments"), get(wait::payments))
        .route(
            "/control/faults",
            post(switches::add_faults)
                .get(switches::faults)
                .delete(switches::clear_faults),
        )
        .route(
            "/control/webhooks",
            post(switches::webhooks).get(switches::webhook_modes),
        )
        .route("/control/settings", post(switches::set).get(switches::settings))
        .route("/control/clock", post(switches::clock).get(switches::time))
        .route("/control/bulk", post(export::bulk))
}
