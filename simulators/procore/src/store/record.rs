//! One record of any kind, and what distinguishes the kinds.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::clock::stamp;

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Vendor,
    Project,
    SubJob,
    StandardCostCode,
    CostCode,
    LineItemType,
    PurchaseOrderContract,
    WorkOrderContract,
    ChangeOrder,
    Budget,
    JobCost,
    ErpTransaction,
    LineItem,
    Requisition,
    RequisitionItem,
    ContractPayment,
    InvoicePayment,
    PrimeContract,
    PaymentApplication,
    PaymentApplicationItem,
}

impl Kind {
    pub(crate) const ALL: [Self; 20] = [
        Self::Vendor,
        Self::Project,
        Self::SubJob,
        Self::StandardCostCode,
        Self::CostCode,
        Self::LineItemType,
        Self::PurchaseOrderContract,
        Self::WorkOrderContract,
        Self::ChangeOrder,
        Self::Budget,
        Self::JobCost,
        Self::ErpTransaction,
        Self::LineItem,
        Self::Requisition,
        Self::RequisitionItem,
        Self::ContractPayment,
        Self::InvoicePayment,
        Self::PrimeContract,
        Self::PaymentApplication,
        Self::PaymentApplicationItem,
    ];

    /// The name external data and request details use for it.
    pub(crate) const fn item_type(self) -> &'static str {
        match self {
            Self::Vendor => "vendor",
            Self::Project => "project",
            Self::SubJob => "sub_job",
            Self::StandardCostCode => "standard_cost_code",
            Self::CostCode => "cost_code",
            Self::LineItemType => "line_item_type",
            Self::PurchaseOrderContract => "purchase_order_contract",
            Self::WorkOrderContract => "work_order_contract",
            Self::ChangeOrder => "change_order",
            Self::Budget => "budget",
            Self::JobCost => "erp_job_cost",
            Self::ErpTransaction => "erp_transaction",
            Self::LineItem => "line_item",
            Self::Requisition => "requisition",
            Self::RequisitionItem => "requisition_contract_item",
            Self::ContractPayment => "contract_payment",
            Self::InvoicePayment => "invoice_payment",
            Self::PrimeContract => "prime_contract",
            Self::PaymentApplication => "payment_application",
            Self::PaymentApplicationItem => "payment_application_line_item",
        }
    }

    pub(crate) fn of_item_type(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.item_type() == name)
    }

    /// Whether external data knows it; the figures of a budget have calls of their own.
    pub(crate) const fn has_external_data(self) -> bool {
        !matches!(self, Self::JobCost | Self::ErpTransaction)
    }

    /// The webhook resource that tells of its changes; requisitions have none.
    pub(crate) const fn webhook_resource(self) -> Option<&'static str> {
        match self {
            Self::Vendor => Some("Company Vendors"),
            Self::Project => Some("Projects"),
            Self::SubJob => Some("Sub Jobs"),
            Self::StandardCostCode => Some("Standard Cost Codes"),
            Self::CostCode => Some("Cost Codes"),
            Self::LineItemType => Some("Line Item Types"),
            Self::PurchaseOrderContract => Some("Purchase Order Contracts"),
            Self::WorkOrderContract => Some("Work Order Contracts"),
            Self::ContractPayment => Some("Contract Payments"),
            Self::PrimeContract => Some("Prime Contracts"),
            Self::PaymentApplication => Some("Payment Applications"),
            Self::ChangeOrder
            | Self::Budget
            | Self::JobCost
            | Self::ErpTransaction
            | Self::LineItem
            | Self::Requisition
            | Self::RequisitionItem
            | Self::InvoicePayment
            | Self::PaymentApplicationItem => None,
        }
    }

    /// Whether webhooks about it belong to the project rather than the company.
    pub(crate) const fn is_project_tool(self) -> bool {
        !matches!(
            self,
            Self::Vendor | Self::Project | Self::StandardCostCode | Self::LineItemType
        )
    }
}

/// The third-party identity of a record: what an integration has written onto it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) id: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) data: Option<String>,
}

/// One record. What all kinds share is typed; the rest is in `fields`, already in Procore's shape.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) id: i64,
    pub(crate) kind: Kind,
    pub(crate) project_id: Option<i64>,
    /// The record this one is part of: the contract of a line, the requisition of an item.
    pub(crate) holder_id: Option<i64>,
    pub(crate) origin: Origin,
    pub(crate) erp_status: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) fields: Map<String, Value>,
    /// What lists still show while they lag behind: until when, and the old state (`None`: not there yet).
    pub(crate) lag: Option<(DateTime<Utc>, Option<Box<Record>>)>,
}

impl Record {
    pub(crate) fn get(&self, key: &str) -> &Value {
        self.fields.get(key).unwrap_or(&Value::Null)
    }

    pub(crate) fn text(&self, key: &str) -> &str {
        self.get(key).as_str().unwrap_or_default()
    }

    pub(crate) fn number(&self, key: &str) -> Option<i64> {
        self.get(key).as_i64()
    }

    pub(crate) fn is_synced(&self) -> bool {
        self.origin.id.is_some()
    }

    /// The record as a list sees it now.
    pub(crate) fn listed(&self, now: DateTime<Utc>) -> Option<&Self> {
        match &self.lag {
            Some((until, old)) if now < *until => old.as_deref(),
            _ => Some(self),
        }
    }

    /// Everything about the record, for the control dump.
    pub(crate) fn dump(&self) -> Value {
        let mut fields = self.fields.clone();
        fields.insert("id".into(), json!(self.id));
        if let Some(project) = self.project_id {
            fields.insert("project_id".into(), json!(project));
        }
        fields.insert("origin_id".into(), json!(self.origin.id));
        fields.insert("origin_code".into(), json!(self.origin.code));
        fields.insert("origin_data".into(), json!(self.origin.data));
        fields.insert("erp_status".into(), json!(self.erp_status));
        fields.insert("created_at".into(), json!(stamp(self.created_at)));
        fields.insert("updated_at".into(), json!(stamp(self.updated_at)));
        Value::Object(fields)
    }
}
