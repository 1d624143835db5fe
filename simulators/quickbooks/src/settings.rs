//! The switches: features of the file, rights of the user, and everything that is known only by hearsay.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::qbxml::text::Charset;

/// What `BillRet.OpenAmount` holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenAmount {
    /// The bill's own open amount.
    #[default]
    Right,
    /// Not there.
    Missing,
    /// The vendor's whole balance: a known fault of QuickBooks.
    VendorBalance,
}

/// Features of the company file.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a check box in QuickBooks' preferences"
)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Features {
    /// Class tracking; off: a `ClassRef` is refused with 3250.
    pub classes: bool,
    /// Inventory and purchase orders.
    pub inventory: bool,
    /// Estimates.
    pub estimates: bool,
    /// Sales orders: Premier and Enterprise have them.
    pub sales_orders: bool,
    /// Several currencies; off: a `CurrencyRef` is refused with 3250.
    pub multicurrency: bool,
    /// Account numbers.
    pub account_numbers: bool,
    /// Whether every line needs an account.
    pub requiring_accounts: bool,
    /// Whether the application may see tax IDs.
    pub personal_data: bool,
}

impl Default for Features {
    fn default() -> Self {
        Self {
            classes: false,
            inventory: true,
            estimates: true,
            sales_orders: false,
            multicurrency: false,
            account_numbers: false,
            requiring_accounts: true,
            personal_data: true,
        }
    }
}

/// All switches. `POST /control/settings` merges a JSON object into them.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Features of the company file.
    pub features: Features,
    /// Books are closed up to and including this day.
    pub closing_date: Option<NaiveDate>,
    /// The status of a change before the closing date: 3171 or 3161 (unknown which).
    pub closing_date_status: u32,
    /// Requests the user has no right to, by name (`BillAddRq`): 3260.
    pub denied_requests: Vec<String>,
    /// Local time, minutes east of UTC, in winter.
    pub utc_offset_minutes: i32,
    /// Whether clocks go forward in summer (US rule).
    pub daylight_saving: bool,
    /// QuickBooks' fault: summer times are printed with the winter offset.
    pub winter_offset_all_year: bool,
    /// `EditSequence` does not advance within one second.
    pub edit_sequence_stalls_within_second: bool,
    /// A missing `requestID` is answered as `requestID=""`.
    pub empty_request_id: bool,
    /// What `BillRet.OpenAmount` holds.
    pub open_amount: OpenAmount,
    /// A payment moves the `EditSequence` of its bills.
    pub payments_touch_bills: bool,
    /// A bill moves the `EditSequence` of the purchase orders it receives.
    pub bills_touch_purchase_orders: bool,
    /// How text is stored.
    pub charset: Charset,
    /// Raw characters above 127 spoil a document.
    pub ascii_only: bool,
    /// A second object with the same `ExternalGUID` is refused (3210).
    pub refuse_duplicate_external_guid: bool,
    /// A bill whose total is negative is refused (3180).
    pub refuse_negative_bills: bool,
    /// A bill on a purchase order of another vendor is refused (3140).
    pub refuse_purchase_order_of_another_vendor: bool,
    /// `BillableStatus` without `CustomerRef` is refused (3140).
    pub refuse_billable_without_customer: bool,
    /// A bill line linked to a closed purchase order line (570) stays, unlinked; else it is left out.
    pub closed_link_keeps_line: bool,
    /// A 1099 vendor needs a tax ID and an address (3150).
    pub require_1099_details: bool,
    /// `oldMessageSetID` alone that is not stored: the content is executed all the same.
    pub unknown_old_set_executes: bool,
    /// A void writes `VOID:` before the memo.
    pub void_marks_memo: bool,
    /// The file is open in multi-user mode.
    pub multi_user: bool,
    /// List objects can be deleted in single-user mode only (3162).
    pub list_delete_needs_single_user: bool,
    /// How long the Web Connector waits after `NoOp` (QuickBooks' own: 5000).
    pub no_op_wait_ms: u64,
    /// How long the Web Connector waits for `100 Continue`.
    pub expect_continue_wait_ms: u64,
    /// How long a SOAP call may take.
    pub call_timeout_ms: u64,
    /// How many `NoOp`s a session takes before the simulated user closes it.
    pub max_no_ops: u32,
    /// A `wait` beside an empty verb postpones the update, as documented.
    pub wait_postpones: bool,
    /// Whether `closeConnection` follows `connectionError` → `done`.
    pub close_after_connection_error: bool,
    /// Whether `closeConnection` follows a failed SOAP call.
    pub close_after_exception: bool,
    /// The Web Connector's version.
    pub connector_version: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            features: Features::default(),
            closing_date: None,
            closing_date_status: 3171,
            denied_requests: Vec::new(),
            utc_offset_minutes: -480,
            daylight_saving: true,
            winter_offset_all_year: true,
            edit_sequence_stalls_within_second: false,
            empty_request_id: false,
            open_amount: OpenAmount::Right,
            payments_touch_bills: true,
            bills_touch_purchase_orders: true,
            charset: Charset::Latin1,
            ascii_only: false,
            refuse_duplicate_external_guid: false,
            refuse_negative_bills: true,
            refuse_purchase_order_of_another_vendor: true,
            refuse_billable_without_customer: true,
            closed_link_keeps_line: false,
            require_1099_details: true,
            unknown_old_set_executes: true,
            void_marks_memo: true,
            multi_user: false,
            list_delete_needs_single_user: true,
            no_op_wait_ms: 200,
            expect_continue_wait_ms: 350,
            call_timeout_ms: 100_000,
            max_no_ops: 20,
            wait_postpones: true,
            close_after_connection_error: true,
            close_after_exception: false,
            connector_version: "2.3.0.215".to_owned(),
        }
    }
}

impl Settings {
    /// Merges a JSON object; unknown switches are an error.
    pub fn merge(&mut self, patch: &serde_json::Value) -> Result<(), serde_json::Error> {
        let mut whole = serde_json::to_value(&*self)?;
        merge(&mut whole, patch);
        *self = serde_json::from_value(whole)?;
        Ok(())
    }
}

fn merge(into: &mut serde_json::Value, patch: &serde_json::Value) {
    match (into.as_object_mut(), patch.as_object()) {
        (Some(target), Some(patch)) => {
            for (key, value) in patch {
                merge(
                    target.entry(key.clone()).or_insert(serde_json::Value::Null),
                    value,
                );
            }
        }
        _ => *into = patch.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_refuses_what_it_does_not_know() {
        let mut settings = Settings::default();
        settings
            .merge(&serde_json::json!({"closing_date": "2026-01-31", "features": {"classes": true}}))
            .unwrap();
        assert!(settings.features.classes && settings.features.inventory);
        assert!(settings.merge(&serde_json::json!({"featuers": {}})).is_err());
        settings
            .merge(&serde_json::json!({"closing_date": null}))
            .unwrap();
        assert_eq!(settings.closing_date, None);
    }
}
