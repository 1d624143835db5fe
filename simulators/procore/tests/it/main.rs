//! The stand-in over real HTTP: what it must refuse, and what a service must be able to do with it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may end")]

mod erp;
mod gate;
mod records;
mod support;
mod webhooks;
