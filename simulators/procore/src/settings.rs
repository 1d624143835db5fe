//! The switches: everything about Procore that is guessed or that a test may want otherwise.
//!
//! Read and changed with `GET` and `POST /control/settings`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How this Procore behaves where the public facts are silent, contradictory or variable.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, not one state"
)]
pub(crate) struct Settings {
    /// Guess: the status of a call without `Procore-Company-Id`; only its text is documented.
    pub(crate) missing_company_header_status: u16,
    /// Guess: the status when header and path or body name different companies.
    pub(crate) company_mismatch_status: u16,
    /// Guess: the status of a sync with more than `sync_limit` updates (400 is the other candidate).
    pub(crate) oversized_sync_status: u16,
    /// The largest number of updates one sync takes.
    pub(crate) sync_limit: usize,
    /// Whether a 429 carries `Retry-After`; Procore's pages disagree.
    pub(crate) retry_after_on_429: bool,
    /// Whether v1 errors take a different one of the shapes met in practice each time.
    pub(crate) rotate_error_shapes: bool,
    /// Guess: staged records live below the company; otherwise directly below `/rest/v1.0`.
    pub(crate) staged_records_under_company: bool,
    /// Guess: ERP requests can be listed, not only fetched one by one.
    pub(crate) erp_request_list: bool,
    /// Guess: the ERP metadata can be read and updated at `erp_connections/{id}`.
    pub(crate) erp_metadata_at_connection: bool,
    /// Guess: `create_requisitions` names the request details. The published payload does not.
    pub(crate) request_detail_id_in_requisitions: bool,
    /// Whether a webhook destination must be HTTPS even on the loopback interface.
    pub(crate) https_only_webhooks: bool,
    /// Lists show a created or changed record this much later than it can be fetched by id.
    pub(crate) list_lag_seconds: i64,
    /// Rows by which lists have moved once the second page is asked for (-1: one was inserted, 1: one vanished).
    pub(crate) page_shift: i64,
    /// Replaces every endpoint's own default page size.
    pub(crate) default_page_size: Option<usize>,
    /// Calls allowed in ten seconds, per app.
    pub(crate) spike_limit: u32,
    /// Calls allowed in sixty minutes, per app.
    pub(crate) hourly_limit: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            missing_company_header_status: 400,
            company_mismatch_status: 403,
            oversized_sync_status: 413,
            sync_limit: 1000,
            retry_after_on_429: true,
            rotate_error_shapes: true,
            staged_records_under_company: true,
            erp_request_list: true,
            erp_metadata_at_connection: true,
            request_detail_id_in_requisitions: false,
            https_only_webhooks: false,
            list_lag_seconds: 0,
            page_shift: 0,
            default_page_size: None,
            spike_limit: 25,
            hourly_limit: 3600,
        }
    }
}

impl Settings {
    /// Lays the given keys over the present ones; an unknown key or a wrong type is refused.
    pub(crate) fn overlay(&mut self, changes: &Value) -> Result<(), String> {
        let changes = changes.as_object().ok_or("settings must be an object")?;
        let mut merged = serde_json::to_value(&*self).map_err(|error| error.to_string())?;
        if let Some(merged) = merged.as_object_mut() {
            merged.extend(changes.clone());
        }
        *self = serde_json::from_value(merged).map_err(|error| error.to_string())?;
        Ok(())
    }
}
