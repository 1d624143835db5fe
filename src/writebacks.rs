//! Writebacks: calls that are owed to Procore. Each is idempotent and repeated until it succeeds.
//!
//! What lives here: what can be owed, and the outbox that keeps it. How Procore wants to hear it is `procore`'s business.

use serde::{Deserialize, Serialize};

use crate::{
    links::ProcoreItem,
    payments::{PaymentMethod, PaymentState},
    qbxml::Money,
};

pub mod store;

/// A call we owe to Procore.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum Writeback {
    /// Third-party ids of records (external data).
    ExternalData {
        /// The records.
        entries: Vec<ExternalDatum>,
    },
    /// The answer to a request detail: what the user reads.
    CloseDetail {
        /// The request detail; or, where Procore sent none, the item by which to find it.
        detail: DetailRef,
        /// Whether the order was carried out.
        succeeded: bool,
        /// What the user reads.
        messages: Vec<String>,
    },
    /// Vendors of QuickBooks to offer for import.
    StageVendors {
        /// The vendors.
        vendors: Vec<VendorData>,
    },
    /// Linked companies to bring up to date from QuickBooks.
    UpdateVendors {
        /// The vendors; each has a `procore_id`.
        vendors: Vec<VendorData>,
    },
    /// Jobs of QuickBooks to offer for import.
    StageJobs {
        /// The jobs.
        jobs: Vec<JobData>,
    },
    /// Estimates and sales orders to offer as prime contracts.
    StagePrimeContracts {
        /// The contracts.
        contracts: Vec<PrimeContractData>,
    },
    /// Jobs that are nested under a project's, to offer as its sub jobs.
    StageSubJobs {
        /// The sub jobs.
        sub_jobs: Vec<SubJobData>,
    },
    /// Standard cost codes read from QuickBooks' service items; they are never staged.
    StandardCostCodes {
        /// The company list to sync into.
        standard_cost_code_list_id: Option<i64>,
        /// The codes, parents first.
        codes: Vec<CostCodeData>,
    },
    /// The one cost type of QuickBooks Desktop's side, "Other".
    CostTypes,
    /// Cost codes of a project whose cost type assignment is now in QuickBooks.
    CostTypeAssignments {
        /// The project.
        project_id: i64,
        /// Pairs of cost code and cost type.
        assignments: Vec<(i64, i64)>,
    },
    /// Amounts of a budget that are in QuickBooks now.
    BudgetTransactions {
        /// The project.
        project_id: i64,
        /// The amounts.
        transactions: Vec<SyncedTransaction>,
    },
    /// Cost codes that are new in QuickBooks, for the budget of a project; those it has are left as they are.
    BudgetLines {
        /// The project.
        project_id: i64,
        /// Its job's `ListID`.
        job_origin_id: String,
        /// The company list they were synced into.
        standard_cost_code_list_id: Option<i64>,
        /// The codes. They are in Procore's standard list by now.
        codes: Vec<BudgetCode>,
    },
    /// What the books hold of a project's cost codes.
    JobCosts {
        /// The project.
        project_id: i64,
        /// Its job's `ListID`.
        job_origin_id: String,
        /// One row per cost code and cost type.
        rows: Vec<JobCostRow>,
    },
    /// Payments of subcontractor invoices.
    InvoicePayments {
        /// The payments.
        payments: Vec<PaymentData>,
    },
}

/// An estimate or sales order as Procore's prime contracts hold it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrimeContractData {
    /// The `TxnID`.
    pub origin_id: String,
    /// The `EditSequence`.
    pub edit_sequence: Option<String>,
    /// The job's `ListID`.
    pub job_origin_id: String,
    /// Its number.
    pub number: Option<String>,
    /// What users read.
    pub title: String,
    /// Its lines, which come to its total.
    pub lines: Vec<ContractLineData>,
}

/// A line of one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContractLineData {
    /// The `TxnLineID`.
    pub origin_id: String,
    /// The project's cost code: job and item.
    pub cost_code_origin_id: String,
    /// Its text.
    pub description: Option<String>,
    /// What it comes to.
    pub amount: Money,
}

/// A cost code that may become a line of a budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetCode {
    /// The item's `ListID`.
    pub item_list_id: String,
    /// The item's full name, for people.
    pub name: String,
}

/// Third-party ids of one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalDatum {
    /// The record.
    pub item: ProcoreItem,
    /// `None` unlinks.
    pub origin_id: Option<String>,
    /// Shown to users as the external id.
    pub origin_code: Option<String>,
    /// The `EditSequence`, kept by Procore as `{"edit_sequence":"…"}`.
    pub edit_sequence: Option<String>,
}

/// Which request detail to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DetailRef {
    /// By its id.
    Id(i64),
    /// By the item it is about, where the order carried no id (`create_requisitions`).
    Item(ProcoreItem),
}

/// A vendor as Procore's directory holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VendorData {
    /// The Procore company, where linked.
    pub procore_id: Option<i64>,
    /// The `ListID`.
    pub origin_id: String,
    /// The `EditSequence`.
    pub edit_sequence: Option<String>,
    /// The name.
    pub name: String,
    /// Street lines, joined by line ends.
    pub address: Option<String>,
    /// City.
    pub city: Option<String>,
    /// State.
    pub state_code: Option<String>,
    /// Postal code.
    pub zip: Option<String>,
    /// Country, as QuickBooks holds it.
    pub country_code: Option<String>,
    /// Phone.
    pub business_phone: Option<String>,
    /// Fax.
    pub fax_number: Option<String>,
    /// E-mail.
    pub email_address: Option<String>,
    /// Whether the vendor is active in QuickBooks.
    pub is_active: bool,
    /// The vendor type's `ListID`.
    pub vendor_type_origin_id: Option<String>,
}

/// A job as Procore's project list holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobData {
    /// The `ListID`.
    pub origin_id: String,
    /// The `EditSequence`.
    pub edit_sequence: Option<String>,
    /// The job's own name.
    pub name: String,
    /// The path with its customer.
    pub full_name: String,
    /// The customer's `ListID`.
    pub customer_origin_id: Option<String>,
    /// Street lines, joined by line ends.
    pub address: Option<String>,
    /// City.
    pub city: Option<String>,
    /// State.
    pub state_code: Option<String>,
    /// Postal code.
    pub zip: Option<String>,
    /// The job's description.
    pub description: Option<String>,
    /// Whether the job is active in QuickBooks.
    pub is_active: bool,
}

/// A nested job as a sub job of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubJobData {
    /// The `ListID`.
    pub origin_id: String,
    /// The `EditSequence`.
    pub edit_sequence: Option<String>,
    /// The job's own name.
    pub name: String,
    /// The path with its customer.
    pub full_name: String,
    /// The sub job's code.
    pub code: String,
    /// The `ListID` of the project's job.
    pub project_origin_id: String,
}

/// A service item as a standard cost code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostCodeData {
    /// The `ListID`.
    pub origin_id: String,
    /// The parent item's `ListID`.
    pub parent_origin_id: Option<String>,
    /// The item's own name.
    pub code: String,
    /// The purchase description, or the code where there is none.
    pub name: String,
    /// The `EditSequence`.
    pub edit_sequence: Option<String>,
}

/// An amount of a budget that is in QuickBooks now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncedTransaction {
    /// The Procore transaction.
    pub procore_id: i64,
    /// The estimate's line.
    pub origin_id: String,
}

/// What the books hold for a cost code of a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobCostRow {
    /// `JobListID|ItemListID`.
    pub cost_code_origin_id: String,
    /// The cost type's third-party id; none stands for the one cost type of QuickBooks Desktop.
    pub line_item_type_origin_id: Option<String>,
    /// What was read. Procore keeps what it is not told.
    pub amounts: JobCostAmounts,
}

/// Amounts of a cost code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobCostAmounts {
    /// What it is to cost.
    Budget {
        /// What was estimated at first.
        original_estimate: Money,
        /// What was added and taken away since.
        estimate_changes: Money,
    },
    /// What it has cost.
    Costs {
        /// All costs so far.
        to_date: Money,
        /// Those of them that are bills of subcontractor invoices of Procore.
        invoiced: Money,
    },
}

/// A payment of one bill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentData {
    /// The subcontractor invoice.
    pub requisition_id: i64,
    /// `payment TxnID|bill TxnID`.
    pub origin_id: String,
    /// How it was paid.
    pub method: PaymentMethod,
    /// The payment's date.
    pub date: chrono::NaiveDate,
    /// What was applied to this bill.
    pub amount: Money,
    /// The check or reference number.
    pub ref_number: Option<String>,
    /// The memo.
    pub memo: Option<String>,
    /// Paid, void or deleted.
    pub state: PaymentState,
    /// The first time: only then is the payment number sent, for users may change it (PAY-14).
    pub first: bool,
}
