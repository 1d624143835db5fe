//! `unlink_…`: a user wants to forget that a record is in QuickBooks.

use super::{Order, owned};
use crate::procore::reader::ReadError;

/// A commitment to unlink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnlinkOrder {
    /// The Procore contract.
    pub id: i64,
    /// Whether it is a purchase order and no subcontract, where Procore says so (a guess: its words are printed nowhere).
    pub is_purchase_order: Option<bool>,
    /// The purchase order's `TxnID`, as Procore holds it.
    pub origin_id: Option<String>,
    /// The request detail.
    pub request_detail_id: Option<i64>,
}

pub(super) fn commitment(order: &Order<'_>) -> Result<UnlinkOrder, ReadError> {
    let data = &order.data;
    let words = data
        .field("commitment_type")
        .optional_label()?
        .unwrap_or_default();
    let is_purchase_order = match words.to_lowercase().replace(['_', ' '], "").as_str() {
        "purchaseordercontract" => Some(true),
        "workordercontract" => Some(false),
        _ => None,
    };
    Ok(UnlinkOrder {
        id: data.field("procore_commitment_id").id()?,
        is_purchase_order,
        origin_id: owned(data.field("commitment_origin_id").optional_label()?),
        request_detail_id: order.detail(data)?,
    })
}

/// A change order to unlink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnlinkChangeOrderOrder {
    /// The Procore change order.
    pub id: i64,
    /// Its commitment or prime contract.
    pub contract_id: i64,
    /// What Procore holds as its QuickBooks id.
    pub origin_id: Option<String>,
    /// The request detail.
    pub request_detail_id: Option<i64>,
}

pub(super) fn change_order(order: &Order<'_>) -> Result<UnlinkChangeOrderOrder, ReadError> {
    let data = &order.data;
    // The dictionary shows this id of the commitment in `unlink_commitment` alone.
    let commitment = match data.field("procore_commitment_id").optional_id()? {
        Some(id) => id,
        None => data.field("erp_commitment_id").id()?,
    };
    Ok(UnlinkChangeOrderOrder {
        id: data.field("procore_commitment_change_order_id").id()?,
        contract_id: commitment,
        origin_id: owned(data.field("commitment_change_order_origin_id").optional_label()?),
        request_detail_id: order.detail(data)?,
    })
}

/// `unlink_prime_contract_change_order`.
pub(super) fn prime_change_order(order: &Order<'_>) -> Result<UnlinkChangeOrderOrder, ReadError> {
    let change = order.data.field("prime_contract_change_order").object()?;
    let contract = order.data.field("prime_contract");
    // Beside its own id Procore's dictionary prints the contract's id of the ordinary API.
    let contract_id = match contract.field("procore_prime_contract_id").optional_id()? {
        Some(id) => id,
        None => contract.field("id").id()?,
    };
    Ok(UnlinkChangeOrderOrder {
        id: change.field("id").id()?,
        contract_id,
        origin_id: owned(change.field("origin_id").optional_label()?),
        request_detail_id: order.detail(&change)?,
    })
}

/// `reset_prime_contract_change_order`: the same by Procore's support, in other words, and nobody waits.
pub(super) fn reset_prime_change_order(order: &Order<'_>) -> Result<UnlinkChangeOrderOrder, ReadError> {
    let data = &order.data;
    Ok(UnlinkChangeOrderOrder {
        id: data.field("prime_contract_change_order_id").id()?,
        contract_id: data.field("prime_contract_id").id()?,
        origin_id: owned(
            data.field("prime_contract_change_order_origin_id")
                .optional_label()?,
        ),
        request_detail_id: order.detail(data)?,
    })
}

/// An owner invoice to unlink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnlinkPaymentApplicationOrder {
    /// The Procore payment application.
    pub id: i64,
    /// What Procore holds as its QuickBooks id.
    pub origin_id: Option<String>,
    /// The request detail.
    pub request_detail_id: Option<i64>,
}

pub(super) fn payment_application(order: &Order<'_>) -> Result<UnlinkPaymentApplicationOrder, ReadError> {
    let application = order.data.field("payment_application").object()?;
    Ok(UnlinkPaymentApplicationOrder {
        id: application.field("id").id()?,
        origin_id: owned(application.field("origin_id").optional_label()?),
        request_detail_id: order.detail(&application)?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::procore::events::ErpEvent;

    #[test]
    fn a_commitment_to_unlink_is_read() {
        let payload = json!({"request_data": {
            "job_origin_id": "J-1", "erp_commitment_id": 1, "request_detail_id": 2, "project_id": 3,
            "procore_commitment_id": 4, "commitment_type": "PurchaseOrderContract", "commitment_origin_id": "5A-1"
        }});
        let ErpEvent::UnlinkCommitment(order) = ErpEvent::parse("unlink_commitment", &payload).unwrap()
        else {
            panic!()
        };
        assert_eq!(
            (
                order.id,
                order.is_purchase_order,
                order.origin_id.as_deref(),
                order.request_detail_id
            ),
            (4, Some(true), Some("5A-1"), Some(2))
        );
    }
}
