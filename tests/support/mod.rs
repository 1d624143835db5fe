//! What every journey needs: a database of its own, the service, and the two stand-ins, all on loopback.
//!
//! The stand-ins share no code with the service and are spoken to over HTTP only.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses a part of it"
)]

pub mod database;
pub mod world;
