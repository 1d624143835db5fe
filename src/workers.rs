//! What happens between the two doors: orders are fetched and planned, writebacks carried out, schedules kept, old
//! records pruned. Every worker may run in every replica at once; leases and locks are rows.

pub mod aftermath;
pub mod clients;
pub mod maintenance;
pub mod metadata;
pub mod orders;
pub mod outbox;
pub mod schedule;
pub mod wake;
