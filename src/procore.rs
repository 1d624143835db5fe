//! Procore's door: the client, the ERP requests and what they order, the writebacks, webhooks and our metadata document.
//!
//! What lives here: everything that knows how Procore wants to be spoken to. What may not live here: SQL, qbXML, and
//! any idea of how an order is carried out in QuickBooks.
//!
//! Addresses stand in [`paths`] alone, because the ERP kit is not part of Procore's public reference and some of them
//! are guesses (`facts/procore.md` §6, §8).

pub mod budget_lines;
pub mod client;
pub mod cost_code_assignments;
pub mod cost_types;
pub mod deliver;
pub mod erp_connection;
pub mod erp_job_costs;
pub mod erp_requests;
pub mod erp_transactions;
pub mod error;
pub mod events;
pub mod external_data;
pub mod hooks;
pub mod invoice_payments;
pub mod metadata;
pub mod paths;
pub mod payment_applications;
pub mod projects;
pub mod reader;
pub mod request_details;
pub mod requisitions;
pub mod staged_records;
pub mod standard_cost_codes;
pub mod sync;
pub mod tools;
pub mod totals;
pub mod vendors;
pub mod webhook;

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod stand_in_tests;

pub use client::{AccountError, ProcoreAccount, ProcoreClient, http_client};
pub use deliver::DeliveryError;
pub use error::{ErrorKind, ProcoreError};
pub use events::{ErpEvent, EventError};
pub use webhook::WebhookEvent;
