//! COMP-10: the closing date of the company file. QuickBooks would ask for its password, and no program can answer it.

use chrono::NaiveDate;

use crate::tasks::Facts;

/// Whether QuickBooks takes a transaction of this date; `what` is what a person calls the record: `The … invoice 9348`.
pub(super) fn check(what: &str, date: NaiveDate, facts: &Facts<'_>) -> Result<(), String> {
    let closed = facts.company.closing_date.as_deref();
    match closed.and_then(|text| text.trim().parse::<NaiveDate>().ok()) {
        Some(closed) if date <= closed => Err(format!(
            "{what} cannot be sent to ERP because its billing date {date} is on or before {closed}, the closing date of the \
             company file. Give it a later billing date in Procore, or have the QuickBooks administrator move the closing date \
             (Company > Set Closing Date), then export it again."
        )),
        _ => Ok(()),
    }
}
