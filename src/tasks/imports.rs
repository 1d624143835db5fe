//! Imports: QuickBooks → Procore, one file per entity.

pub mod budget;
#[cfg(test)]
pub(in crate::tasks) mod fixture;
pub mod job_costs;
pub mod jobs;
pub mod lists;
mod local_time;
pub mod payments;
pub mod prime_contracts;
mod proposals;
pub mod records;
pub mod standard_cost_codes;
pub mod vendors;
