//! ERP mode: Procore's own ERP Integrations tool is the screen, and its orders become our tasks.
//!
//! What lives here: what an order means for QuickBooks. What may not live here: SQL, HTTP, qbXML.

use crate::{
    mirror::ListKind,
    tasks::{
        AnyTask,
        imports::{
            job_costs::JobCostsImport, jobs::JobsImport, lists::ListRefresh, payments::PaymentsImport,
            vendors::VendorsImport,
        },
        queue::NewTask,
    },
};

pub mod orders;

/// Subjects of tasks that are about no single Procore record.
pub mod subjects {
    /// Reading the company file's classes.
    pub const CLASSES: &str = "classes";
    /// Reading the company file's lists.
    pub const LISTS: &str = "lists";
    /// Reading vendors.
    pub const VENDORS: &str = "vendors";
    /// Reading jobs.
    pub const JOBS: &str = "jobs";
    /// Reading standard cost codes.
    pub const STANDARD_COST_CODES: &str = "standard_cost_codes";
    /// Reading payments.
    pub const PAYMENTS: &str = "payments";
    /// Reading job costs.
    pub const JOB_COSTS: &str = "job_costs";
    /// Prime contracts.
    pub const PRIME_CONTRACTS: &str = "prime_contracts";
    /// Looking what may be read.
    pub const RIGHTS: &str = "rights";
}

/// Smaller is earlier. What others refer to goes first; reading in bulk goes last, so that it holds up nobody.
pub mod priorities {
    /// Nothing can be written before the lists are known.
    pub const LISTS: i16 = 0;
    /// Cost codes.
    pub const STANDARD_COST_CODE: i16 = 10;
    /// Vendors.
    pub const VENDOR: i16 = 20;
    /// Jobs.
    pub const JOB: i16 = 30;
    /// Budgets.
    pub const BUDGET: i16 = 35;
    /// Commitments.
    pub const COMMITMENT: i16 = 40;
    /// Subcontractor invoices.
    pub const INVOICE: i16 = 50;
    /// Readings a user asked for.
    pub const IMPORT: i16 = 60;
    /// Readings by schedule.
    pub const SCHEDULED: i16 = 70;
}

/// Reading the classes, which from now on stand for cost types.
pub fn reading_of_classes() -> NewTask {
    NewTask {
        subject: subjects::CLASSES.to_owned(),
        label: "Reading of the company file's classes".to_owned(),
        task: AnyTask::ListRefresh(ListRefresh::new([ListKind::Class])),
        detail: None,
        erp_request_id: None,
        needs: Vec::new(),
        priority: priorities::LISTS,
    }
}

/// The first reading of all lists, before anything is written.
pub fn first_reading() -> NewTask {
    NewTask {
        subject: subjects::LISTS.to_owned(),
        label: "First reading of the company file's lists".to_owned(),
        task: AnyTask::ListRefresh(ListRefresh::new(ListKind::ALL)),
        detail: None,
        erp_request_id: None,
        needs: Vec::new(),
        priority: priorities::LISTS,
    }
}

fn by_schedule(subject: &str, label: &str, task: AnyTask) -> NewTask {
    NewTask {
        subject: subject.to_owned(),
        label: format!("{label} from QuickBooks, by schedule"),
        task,
        detail: None,
        erp_request_id: None,
        needs: Vec::new(),
        priority: priorities::SCHEDULED,
    }
}

/// Reads what happened to payments since the latest change seen so far, by schedule.
pub fn scheduled_payments(watermark: Option<String>) -> NewTask {
    let task = AnyTask::PaymentsImport(PaymentsImport::new(watermark));
    by_schedule(subjects::PAYMENTS, "Payments", task)
}

/// Reads the job costs of all synced projects, by schedule.
pub fn scheduled_job_costs() -> NewTask {
    let task = AnyTask::JobCostsImport(JobCostsImport::new(None));
    by_schedule(subjects::JOB_COSTS, "Job costs", task)
}

/// Reads what changed in vendors since the latest change seen so far of each list, by schedule.
pub fn scheduled_vendors(seen: &[(ListKind, String)]) -> NewTask {
    let task = AnyTask::VendorsImport(VendorsImport::changes(seen));
    by_schedule(subjects::VENDORS, "Vendors", task)
}

/// Reads what changed in jobs and items since the latest change seen so far of each list, by schedule.
pub fn scheduled_jobs(seen: &[(ListKind, String)]) -> NewTask {
    let task = AnyTask::JobsImport(JobsImport::changes(seen));
    by_schedule(subjects::JOBS, "Jobs", task)
}
