//! Records to unlink.

use super::{Plan, PlannedTask, detail_of, priorities, subject};
use crate::{
    links::{ItemType, ProcoreItem},
    procore::events::{UnlinkChangeOrderOrder, UnlinkOrder, UnlinkPaymentApplicationOrder},
    tasks::unlink::{
        Unlink,
        change_order::{Document, UnlinkChangeOrder},
    },
    writebacks::DetailRef,
};

pub(super) fn commitment(order: UnlinkOrder, plan: &mut Plan) {
    let item = |item_type| ProcoreItem::new(item_type, order.id);
    let items = match order.is_purchase_order {
        Some(true) => vec![item(ItemType::PurchaseOrderContract)],
        Some(false) => vec![item(ItemType::WorkOrderContract)],
        None => vec![
            item(ItemType::WorkOrderContract),
            item(ItemType::PurchaseOrderContract),
        ],
    };
    let detail = detail_of(order.request_detail_id, items[0]);
    plan.tasks.push(PlannedTask {
        subject: subject("commitment", order.id),
        label: format!("Unlinking the commitment with Procore's id {}", order.id),
        task: Unlink::commitment(items, order.origin_id).into(),
        detail: Some(detail),
        needs: Vec::new(),
        priority: priorities::COMMITMENT,
    });
}

pub(super) fn change_order(order: UnlinkChangeOrderOrder, plan: &mut Plan) {
    let item = ProcoreItem::new(ItemType::ChangeOrder, order.id);
    plan.tasks.push(PlannedTask {
        subject: subject("commitment", order.contract_id),
        label: format!("Unlinking the change order with Procore's id {}", order.id),
        task: UnlinkChangeOrder {
            procore_id: order.id,
            told_id: order.origin_id,
            document: Document::PurchaseOrder,
        }
        .into(),
        detail: Some(detail_of(order.request_detail_id, item)),
        needs: Vec::new(),
        priority: priorities::COMMITMENT,
    });
}

pub(super) fn payment_application(order: UnlinkPaymentApplicationOrder, plan: &mut Plan) {
    let item = ProcoreItem::new(ItemType::PaymentApplication, order.id);
    plan.tasks.push(PlannedTask {
        subject: subject("payment_application", order.id),
        label: format!("Unlinking the owner invoice with Procore's id {}", order.id),
        task: Unlink::payment_application(order.id, order.origin_id).into(),
        detail: Some(detail_of(order.request_detail_id, item)),
        needs: Vec::new(),
        priority: priorities::INVOICE,
    });
}

/// Where Procore's support resets one, nobody waits for the answer.
pub(super) fn prime_change_order(order: UnlinkChangeOrderOrder, plan: &mut Plan) {
    plan.tasks.push(PlannedTask {
        subject: subject("prime_contract", order.contract_id),
        label: format!(
            "Unlinking the prime contract change order with Procore's id {}",
            order.id
        ),
        task: UnlinkChangeOrder {
            procore_id: order.id,
            told_id: order.origin_id,
            document: Document::Estimate,
        }
        .into(),
        detail: order.request_detail_id.map(DetailRef::Id),
        needs: Vec::new(),
        priority: priorities::COMMITMENT,
    });
}
