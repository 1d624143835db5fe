//! Links: the pair Procore record ↔ QuickBooks record, and what is needed to write the QuickBooks side again.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{mirror::ListKind, qbxml::identity::RecordKind};

pub mod guid;
pub mod order_numbers;
pub mod store;

/// Kinds of Procore record that can be linked; the names are Procore's `item_type`s for external data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemType {
    /// A company of the directory.
    Vendor,
    /// A project.
    Project,
    /// A sub job of a project.
    SubJob,
    /// A code of the company's standard list.
    StandardCostCode,
    /// A code of a project.
    CostCode,
    /// A cost type.
    LineItemType,
    /// A subcontract.
    WorkOrderContract,
    /// A purchase order.
    PurchaseOrderContract,
    /// A project's budget.
    Budget,
    /// An amount of a budget, original or change; Procore hears of it by another way than external data.
    #[serde(rename = "erp_transaction")]
    BudgetTransaction,
    /// A change order of a commitment or of a prime contract; Procore counts both together. In QuickBooks it is lines of the
    /// commitment's purchase order, or of the job's estimate, whose `TxnLineID`s stand in the link, joined by commas.
    ChangeOrder,
    /// A line of a commitment, a prime contract or a change order.
    LineItem,
    /// A subcontractor invoice.
    Requisition,
    /// A line of a subcontractor invoice.
    RequisitionContractItem,
    /// A detail line of a subcontractor invoice.
    RequisitionContractDetailItem,
    /// A change order line of a subcontractor invoice.
    RequisitionChangeOrderItem,
    /// A payment of a subcontractor invoice, that came from QuickBooks.
    InvoicePayment,
    /// A payment of a subcontractor invoice that was made with Procore Pay.
    ContractPayment,
    /// An owner invoice.
    PaymentApplication,
    /// A line of an owner invoice.
    #[serde(rename = "payment_application_line_item")]
    PaymentApplicationItem,
}

impl ItemType {
    /// Procore's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vendor => "vendor",
            Self::Project => "project",
            Self::SubJob => "sub_job",
            Self::StandardCostCode => "standard_cost_code",
            Self::CostCode => "cost_code",
            Self::LineItemType => "line_item_type",
            Self::WorkOrderContract => "work_order_contract",
            Self::PurchaseOrderContract => "purchase_order_contract",
            Self::Budget => "budget",
            Self::BudgetTransaction => "erp_transaction",
            Self::ChangeOrder => "change_order",
            Self::LineItem => "line_item",
            Self::Requisition => "requisition",
            Self::RequisitionContractItem => "requisition_contract_item",
            Self::RequisitionContractDetailItem => "requisition_contract_detail_item",
            Self::RequisitionChangeOrderItem => "requisition_change_order_item",
            Self::InvoicePayment => "invoice_payment",
            Self::ContractPayment => "contract_payment",
            Self::PaymentApplication => "payment_application",
            Self::PaymentApplicationItem => "payment_application_line_item",
        }
    }

    /// Reads Procore's name.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_value(serde_json::Value::String(text.to_owned())).ok()
    }
}

/// One Procore record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProcoreItem {
    /// What it is.
    pub item_type: ItemType,
    /// Procore's id; 64 bits, some exceed 2^53.
    pub id: i64,
}

impl ProcoreItem {
    /// The record with this type and id.
    pub fn new(item_type: ItemType, id: i64) -> Self {
        Self { item_type, id }
    }
}

impl std::fmt::Display for ProcoreItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.item_type.as_str(), self.id)
    }
}

/// A link to store. `origin_id` is what Procore keeps as the record's third-party id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewLink {
    /// The Procore side.
    pub item: ProcoreItem,
    /// What Procore stores: the `ListID` or `TxnID`, or `JobListID|ItemListID` for a project's cost code.
    pub origin_id: String,
    /// Shown to Procore's users as the external id; the purchase order number, say.
    pub origin_code: Option<String>,
    /// The QuickBooks side: `ListID`, `TxnID` or `TxnLineID` alone.
    pub quickbooks_id: String,
    /// The `EditSequence` QuickBooks answered with, where the record has one.
    pub edit_sequence: Option<String>,
    /// Whether Procore must be told (external data). False where Procore told us.
    pub tell_procore: bool,
    /// What it is in QuickBooks, where its type does not say ([`Link::stands_as`]).
    #[serde(default)]
    pub stands_as: Option<RecordKind>,
}

/// A stored link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The Procore side.
    pub item: ProcoreItem,
    /// As Procore stores it.
    pub origin_id: String,
    /// Shown to Procore's users as the external id; the number a purchase order or bill was exported with.
    pub origin_code: Option<String>,
    /// The QuickBooks side.
    pub quickbooks_id: String,
    /// The last known `EditSequence`.
    pub edit_sequence: Option<String>,
    /// What it is in QuickBooks, where its type does not say: a subcontractor invoice is a bill, or a vendor credit.
    #[serde(default)]
    pub stands_as: Option<RecordKind>,
}

/// A stored link with what else is known of its QuickBooks record, to compare it with what stands there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownLink {
    /// The link.
    pub link: Link,
    /// The full name it was last read with, for records of lists.
    pub name: Option<String>,
    /// The `EditSequence` it was last read with, for records of lists.
    pub read_as: Option<String>,
    /// The record is known to be gone: deleted by a person, or a person went on without it.
    pub known_gone: bool,
}

/// One of the newest links: its record must be in the company file that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewestLink {
    /// The Procore side.
    pub item: ProcoreItem,
    /// The QuickBooks side.
    pub quickbooks_id: String,
    /// Its number or name, where known.
    pub name: Option<String>,
    /// When it was linked.
    pub linked_at: DateTime<Utc>,
    /// As [`Link::stands_as`].
    #[serde(default)]
    pub stands_as: Option<RecordKind>,
}

/// Records of a list that bear the same `ExternalGUID`, as they were last read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Twin {
    /// The list.
    pub kind: ListKind,
    /// Its id.
    pub list_id: String,
    /// Its name.
    pub full_name: String,
    /// The `ExternalGUID`, in lower case.
    pub external_guid: String,
    /// The Procore record that is linked to it, if one is.
    pub item: Option<ProcoreItem>,
}

/// What Procore must be told of these links.
pub fn external_data(links: &[NewLink], unlinked: &[ProcoreItem]) -> Vec<crate::writebacks::ExternalDatum> {
    let linked = links
        .iter()
        .filter(|link| link.tell_procore)
        .map(|link| crate::writebacks::ExternalDatum {
            item: link.item,
            origin_id: Some(link.origin_id.clone()),
            origin_code: link.origin_code.clone(),
            edit_sequence: link.edit_sequence.clone(),
        });
    let gone = unlinked.iter().map(|item| crate::writebacks::ExternalDatum {
        item: *item,
        origin_id: None,
        origin_code: None,
        edit_sequence: None,
    });
    linked.chain(gone).collect()
}
