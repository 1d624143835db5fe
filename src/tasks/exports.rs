//! Exports: Procore → QuickBooks, one file per entity.

mod answers;
pub mod budget;
pub mod change_order;
pub mod coding;
pub mod commitment;
mod faults;
pub mod invoice;
pub mod job;
mod plain_text;
pub mod standard_cost_code;
pub mod vendor;
mod written;
