//! Plumbline keeps Procore and QuickBooks Desktop true to each other.
//!
//! The map of the house is `docs/ARCHITECTURE.md`.

pub mod app;
pub mod clock;
pub mod commands;
pub mod comparison;
pub mod config;
pub mod connections;
pub mod database;
pub mod erp_mode;
pub mod health;
pub mod job_costs;
pub mod links;
pub mod mirror;
pub mod payments;
pub mod peer;
pub mod procore;
pub mod procore_webhooks;
pub mod qbxml;
pub mod secrets;
pub mod tasks;
pub mod tie_out;
pub mod web_connector;
pub mod workers;
pub mod writebacks;
