//! Job costs as QuickBooks holds them: lines of transactions that are for a job, and what they add up to.
//!
//! What lives here: the types, and a `store` with their SQL. How they are read is `tasks::imports::job_costs`' business.
//! Nothing of this is ever written to QuickBooks (MAP-16).

use chrono::NaiveDate;

use crate::qbxml::Money;

pub mod store;

/// A transaction with its lines that may be job costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CostTransaction {
    /// Its id. Another transaction with this id replaces it: a receipt that became a bill keeps its id.
    pub txn_id: String,
    /// `Bill`, `Check`, `JournalEntry` …
    pub txn_type: String,
    /// Its date.
    pub date: NaiveDate,
    /// The vendor, or whoever was paid.
    pub vendor: Option<String>,
    /// Its number.
    pub ref_number: Option<String>,
    /// Its memo.
    pub memo: Option<String>,
    /// Its lines with a job or an item.
    pub lines: Vec<CostLine>,
}

/// One line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CostLine {
    /// The job's or customer's `ListID`.
    pub job_list_id: Option<String>,
    /// Its full name.
    pub job_name: Option<String>,
    /// The item's `ListID`; none where the line is coded to an account.
    pub item_list_id: Option<String>,
    /// Its full name.
    pub item_name: Option<String>,
    /// The account's `ListID`, where the line is coded to an account.
    pub account_list_id: Option<String>,
    /// Its full name.
    pub account_name: Option<String>,
    /// The line's own text.
    pub memo: Option<String>,
    /// Credits are negative.
    pub amount: Money,
}

/// What a job's costs of one item add up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemCost {
    /// The item.
    pub item_list_id: String,
    /// Its full name as it was last read.
    pub item_name: String,
    /// All costs so far, Procore's subcontractor invoices among them.
    pub cost: Money,
    /// Those of them that are bills of Procore's subcontractor invoices: no direct cost (MAP-19).
    pub invoiced: Money,
    /// The project has a cost code that is linked to this item.
    pub synced: bool,
}

/// A project that is linked to a job, and what is known of its costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectCosts {
    /// Procore's id.
    pub project_id: i64,
    /// The job's `ListID`.
    pub job_list_id: String,
    /// What differed from QuickBooks' report the last time.
    pub difference: Option<String>,
    /// By item. Items that Procore has been told of stay, with 0.
    pub items: Vec<ItemCost>,
}

/// What a reading of job costs may want to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobCostsWanted {
    /// The project of this job; without one, the next project after `after`.
    pub job_list_id: Option<String>,
    /// See there.
    pub after: i64,
}

/// What is known for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownJobCosts {
    /// The latest change seen by the last complete reading.
    pub watermark: Option<String>,
    /// The wanted project.
    pub project: Option<ProjectCosts>,
}

/// What a step of a reading leaves behind. Written in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobCostsEffect {
    /// Everything is read anew; what does not come is gone.
    FullBegun,
    /// Transactions as they stand now.
    Read(Vec<CostTransaction>),
    /// Transactions that were deleted.
    Deleted(Vec<String>),
    /// Everything was read anew.
    FullEnded,
    /// From when changes are read the next time.
    Watermark(String),
    /// A job was compared with QuickBooks' report, and Procore is told these amounts.
    Checked {
        /// The job.
        job_list_id: String,
        /// What differs, in words.
        difference: Option<String>,
        /// What was told.
        items: Vec<ItemCost>,
    },
}

/// Why a cost cannot be brought to Procore, and what to do about it (QBD-37, LOVE-12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsyncable {
    /// Journal entries have no items.
    JournalEntry,
    /// Coded to an account.
    Account,
    /// The item is no cost code of the project.
    UnsyncedItem,
    /// The item is a cost code, but the line names no synced job.
    UnknownJob,
}

impl Unsyncable {
    /// The reason, in a few words.
    pub fn reason(self) -> &'static str {
        match self {
            Self::JournalEntry => "journal entry",
            Self::Account => "coded to an account",
            Self::UnsyncedItem => "item not synced",
            Self::UnknownJob => "no synced job",
        }
    }

    /// What an accountant does about it in QuickBooks.
    pub fn advice(self) -> &'static str {
        match self {
            Self::JournalEntry => {
                "A journal entry has no items: enter the cost as a bill, check or credit with an item line, and reverse it here."
            }
            Self::Account => {
                "In QuickBooks, move the line from the Expenses tab to the Items tab, with the service item of the cost code."
            }
            Self::UnsyncedItem => {
                "Choose a service item that is a cost code of the project, or export this item's cost code for the project."
            }
            Self::UnknownJob => "Choose the project's job in Customer:Job on the line.",
        }
    }
}
