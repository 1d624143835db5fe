//! A connection's settings: Procore's Advanced Settings page and what else an administrator decides.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use self::memo::MemoTemplate;

pub mod change;
pub mod history;
pub mod memo;

/// How often payments are read (behaviour.md §2, "Sync schedule").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentSchedule {
    /// Not at all.
    #[default]
    Never,
    /// Every hour.
    Hourly,
    /// Every two hours.
    EveryTwoHours,
    /// Every four hours.
    EveryFourHours,
    /// Once a day.
    Daily,
}

/// How cost codes become service items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemNaming {
    /// `01:100`: divisions are parent items, codes sub-items.
    #[default]
    Nested,
    /// `01-100`: one level.
    Flat,
}

/// What a project becomes in QuickBooks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobPlacement {
    /// A job under a customer that is chosen at export.
    #[default]
    UnderCustomer,
    /// A customer of its own (the "Customers = Jobs" mode).
    AsCustomer,
}

/// Where a project's number goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProjectNumberField {
    /// The job's description (`JobDesc`, 99 characters).
    #[default]
    JobDescription,
    /// The customer's account number (99 characters).
    AccountNumber,
    /// Nowhere.
    None,
}

/// Who fills the columns of direct costs in Procore's budget (ADV-12, ADV-13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DirectCostColumns {
    /// QuickBooks: read only in Procore. A project whose Direct Costs tool is active is left to that tool (ADV-14).
    #[default]
    FromQuickbooks,
    /// Procore's Direct Costs tool: nothing is written.
    Editable,
}

/// Settings of one connection. Every field has a default, so that older rows read well; what a newer version stored is passed
/// over, so that both can run side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a box of its own to tick")]
pub struct Settings {
    /// ADV-07: a commitment without a typed QuickBooks Desktop ID takes its contract number.
    pub use_procore_contract_number: bool,
    /// ADV-10: service items that are new in QuickBooks become lines of 0.00 in the budgets of linked projects.
    pub add_new_cost_codes_to_budgets: bool,
    /// ADV-12, ADV-13: who fills the columns of direct costs in budgets.
    pub direct_cost_columns: DirectCostColumns,
    /// ADV-16, ADV-17: linked companies follow QuickBooks on a refresh.
    pub update_vendors_on_refresh: bool,
    /// ADV-18: `ListID` of the service item that carries held and released retainage. Required for invoices (ADV-20).
    pub retainage_item_list_id: Option<String>,
    /// COMP-44: a subcontractor invoice below zero becomes a vendor credit, and is not refused.
    pub negative_invoices_as_vendor_credits: bool,
    /// COMP-21: each line of purchase orders, bills and vendor credits carries the class of its cost type.
    pub classes_as_cost_types: bool,
    /// QBD-10, QBD-21: sub jobs go both ways, as jobs nested under the project's job.
    pub sub_jobs: bool,
    /// Payments: how often.
    pub payment_schedule: PaymentSchedule,
    /// Since when payments are synced (PAY-11). Set when the schedule leaves `never`, never by hand.
    pub payments_since: Option<DateTime<Utc>>,
    /// COMP-43: payments are read from company files of other than US editions too. Intuit documents them for the US alone.
    pub payments_outside_us: bool,
    /// Bill lines receive the purchase order lines they are about, where quantities count. It cannot be undone.
    pub link_bills_to_purchase_orders: bool,
    /// LOVE-17: a purchase order number of more than 11 characters gets a short one of its own; else it is refused.
    pub shorten_purchase_order_numbers: bool,
    /// COMP-37: what stands in the memo of a purchase order; its title, where there is no template.
    pub memo_template: Option<MemoTemplate>,
    /// Cost codes: nested or flat items.
    pub item_naming: ItemNaming,
    /// Projects: a job under a customer, or a customer.
    pub job_placement: JobPlacement,
    /// MAP-07: where the project number goes.
    pub project_number_field: ProjectNumberField,
    /// QBD-02: owner invoices become invoices in QuickBooks.
    pub owner_invoices: bool,
    /// `ListID` of the service item that carries retainage of owner invoices; without one, that of subcontractor invoices.
    pub owner_retainage_item_list_id: Option<String>,
    /// QBD-08: prime contract change orders become lines of the job's estimate.
    pub prime_contract_change_orders: bool,
    /// Payments that were made with Procore Pay become checks that pay the invoices' bills.
    pub payments_from_procore: bool,
    /// `ListID` of the bank account these checks are drawn on.
    pub payment_account_list_id: Option<String>,
    /// QBD-20: estimates and sales orders of linked jobs can be imported as prime contracts.
    pub prime_contract_import: bool,
    /// QBD-19: an estimate of a linked job can be imported as a budget.
    pub budget_import: bool,
    /// Most tasks that share one message set, 1–500.
    pub batch_size: u16,
    /// Most records one query page holds, 1–5000.
    pub page_size: u16,
}

impl Settings {
    /// The item that carries retainage of owner invoices.
    pub fn owner_retainage_item(&self) -> Option<&str> {
        self.owner_retainage_item_list_id
            .as_deref()
            .or(self.retainage_item_list_id.as_deref())
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            use_procore_contract_number: true,
            add_new_cost_codes_to_budgets: false,
            direct_cost_columns: DirectCostColumns::default(),
            update_vendors_on_refresh: false,
            retainage_item_list_id: None,
            negative_invoices_as_vendor_credits: false,
            classes_as_cost_types: false,
            sub_jobs: false,
            payment_schedule: PaymentSchedule::Never,
            payments_since: None,
            payments_outside_us: false,
            link_bills_to_purchase_orders: false,
            shorten_purchase_order_numbers: false,
            memo_template: None,
            item_naming: ItemNaming::default(),
            job_placement: JobPlacement::default(),
            project_number_field: ProjectNumberField::default(),
            owner_invoices: false,
            owner_retainage_item_list_id: None,
            prime_contract_change_orders: false,
            payments_from_procore: false,
            payment_account_list_id: None,
            prime_contract_import: false,
            budget_import: false,
            batch_size: 20,
            page_size: 500,
        }
    }
}
