//! All kinds of task in one type, as they lie in the queue. A new export or import adds one line here.

use serde::{Deserialize, Serialize};

use super::{
    Facts, Machine, Step, Turn, Wants, exports, imports, progress::Progress, reconcile, rights, tie_out,
    unlink,
};
use crate::qbxml::{Access, Response};

macro_rules! any_task {
    ($($(#[doc = $doc:literal])* $variant:ident($state:ty) = $kind:literal,)+) => {
        /// A task of any kind, with its state.
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(tag = "task", content = "state")]
        pub enum AnyTask {
            $($(#[doc = $doc])* #[serde(rename = $kind)] $variant($state),)+
        }

        $(impl From<$state> for AnyTask {
            fn from(state: $state) -> Self {
                Self::$variant(state)
            }
        })+

        impl AnyTask {
            /// The kind, as it stands in the database and in metrics.
            pub fn kind(&self) -> &'static str {
                match self { $(Self::$variant(_) => $kind,)+ }
            }

            /// See [`Machine::wants`].
            pub fn wants(&self) -> Wants {
                match self { $(Self::$variant(state) => state.wants(),)+ }
            }

            /// See [`Machine::answer_wants`].
            pub fn answer_wants(&self) -> Wants {
                match self { $(Self::$variant(state) => state.answer_wants(),)+ }
            }

            /// See [`Machine::access`].
            pub fn access(&self) -> Access {
                match self { $(Self::$variant(state) => state.access(),)+ }
            }

            /// See [`Machine::step`].
            pub fn step(&self, facts: &Facts<'_>) -> Step<Self> {
                match self { $(Self::$variant(state) => state.step(facts).map(Self::$variant),)+ }
            }

            /// See [`Machine::answer`].
            pub fn answer(self, answers: &[Response], facts: &Facts<'_>) -> Turn<Self> {
                match self { $(Self::$variant(state) => state.answer(answers, facts).map(Self::$variant),)+ }
            }

            /// See [`Machine::may_stand_twice`].
            pub fn may_stand_twice(&self) -> bool {
                match self { $(Self::$variant(state) => state.may_stand_twice(),)+ }
            }

            /// See [`Machine::progress`].
            pub fn progress(&self) -> Option<Progress> {
                match self { $(Self::$variant(state) => state.progress(),)+ }
            }

            /// See [`Machine::outcome_unknown`].
            pub fn outcome_unknown(self) -> Turn<Self> {
                match self { $(Self::$variant(state) => state.outcome_unknown().map(Self::$variant),)+ }
            }
        }
    };
}

any_task! {
    /// A company → a vendor.
    Vendor(exports::vendor::VendorExport) = "vendor",
    /// A standard cost code → a service item.
    StandardCostCode(exports::standard_cost_code::StandardCostCodeExport) = "standard_cost_code",
    /// A project, or a sub job of one → a job.
    Job(exports::job::JobExport) = "job",
    /// A commitment → a purchase order.
    Commitment(exports::commitment::CommitmentExport) = "commitment",
    /// A commitment change order → lines of its purchase order.
    ChangeOrder(exports::change_order::ChangeOrderExport) = "change_order",
    /// A budget → the estimate of its job.
    Budget(exports::budget::BudgetExport) = "budget",
    /// A subcontractor invoice → a bill, or a vendor credit.
    Invoice(exports::invoice::InvoiceExport) = "invoice",
    /// An owner invoice → an invoice.
    OwnerInvoice(exports::owner_invoice::OwnerInvoiceExport) = "owner_invoice",
    /// A prime contract change order → lines of the job's estimate.
    PrimeChangeOrder(exports::prime_change_order::PrimeChangeOrderExport) = "prime_change_order",
    /// Lists → the mirror.
    ListRefresh(imports::lists::ListRefresh) = "list_refresh",
    /// Vendors → staged companies.
    VendorsImport(imports::vendors::VendorsImport) = "vendors_import",
    /// Jobs → staged projects and sub jobs.
    JobsImport(imports::jobs::JobsImport) = "jobs_import",
    /// Service items → standard cost codes.
    StandardCostCodesImport(imports::standard_cost_codes::StandardCostCodesImport) = "standard_cost_codes_import",
    /// Bill payments → payments issued.
    PaymentsImport(imports::payments::PaymentsImport) = "payments_import",
    /// A record unlinked, once it is gone from QuickBooks.
    Unlink(unlink::Unlink) = "unlink",
    /// A change order of either kind unlinked, once its lines are gone from QuickBooks.
    UnlinkChangeOrder(unlink::change_order::UnlinkChangeOrder) = "unlink_change_order",
    /// A payment made with Procore Pay → a check.
    Payment(exports::payment::PaymentExport) = "payment",
    /// Job costs → the budget's ERP columns.
    JobCostsImport(imports::job_costs::JobCostsImport) = "job_costs_import",
    /// An estimate → the figures of a project's budget.
    BudgetImport(imports::budget::BudgetImport) = "budget_import",
    /// Estimates and sales orders → prime contracts.
    PrimeContractsImport(imports::prime_contracts::PrimeContractsImport) = "prime_contracts_import",
    /// Whether everything that is used may be read.
    Rights(rights::RightsCheck) = "rights",
    /// What linked transactions come to.
    TieOut(tie_out::TieOut) = "tie_out",
    /// Links compared with QuickBooks.
    Reconcile(reconcile::Reconcile) = "reconcile",
}
