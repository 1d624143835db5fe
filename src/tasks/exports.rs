//! Exports: Procore → QuickBooks, one file per entity.

mod answers;
pub mod budget;
pub mod change_order;
pub mod classes;
mod closing_date;
pub mod coding;
pub mod commitment;
mod faults;
pub mod invoice;
pub mod job;
mod number;
pub mod owner_invoice;
pub mod payment;
mod plain_text;
pub mod prime_change_order;
pub mod receipt;
mod retainage;
pub mod standard_cost_code;
pub mod vendor;
mod written;
