//! `PreferencesQuery`: what is switched on in the company file.

use yaserde::YaDeserialize;

use super::Request;

/// The preferences we depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct PreferencesRet {
    /// Accounts and the closing date.
    #[yaserde(rename = "AccountingPreferences")]
    pub accounting: Option<AccountingPreferences>,
    /// Estimates.
    #[yaserde(rename = "JobsAndEstimatesPreferences")]
    pub estimates: Option<JobsAndEstimatesPreferences>,
    /// Purchase orders.
    #[yaserde(rename = "PurchasesAndVendorsPreferences")]
    pub purchases: Option<PurchasesAndVendorsPreferences>,
}

/// Accounts and the closing date.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct AccountingPreferences {
    /// `YYYY-MM-DD`; nothing may be dated on or before it.
    #[yaserde(rename = "ClosingDate")]
    pub closing_date: Option<String>,
    /// Whether transactions can carry classes.
    #[yaserde(rename = "IsUsingClassTracking")]
    pub is_using_class_tracking: Option<bool>,
}

/// Estimates.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct JobsAndEstimatesPreferences {
    /// Whether estimates are on.
    #[yaserde(rename = "IsUsingEstimates")]
    pub is_using_estimates: Option<bool>,
}

/// Purchase orders.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct PurchasesAndVendorsPreferences {
    /// Whether inventory and purchase orders are on.
    #[yaserde(rename = "IsUsingInventory")]
    pub is_using_inventory: Option<bool>,
}

/// Asks for them.
pub fn query() -> Request {
    Request::bare("PreferencesQueryRq")
}
