//! What every journey needs: a database of its own, the service, and the two stand-ins, all on loopback.
//!
//! The stand-ins share no code with the service and are spoken to over HTTP only.
#![allow(
    dead_code,
    missing_debug_implementations,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::unwrap_used,
    reason = "each test binary uses a part of it, and a test that cannot go on panics"
)]

pub mod database;
pub mod site;
pub mod stage;
pub mod tie_out;
pub mod world;
