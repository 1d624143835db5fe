//! Records to unlink.

use super::{Plan, PlannedTask, detail_of, priorities, subject};
use crate::{
    links::{ItemType, ProcoreItem},
    procore::events::{UnlinkChangeOrderOrder, UnlinkOrder},
    tasks::unlink::{Unlink, change_order::UnlinkChangeOrder},
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
        subject: subject("commitment", order.commitment_id),
        label: format!("Unlinking the change order with Procore's id {}", order.id),
        task: UnlinkChangeOrder {
            procore_id: order.id,
            told_id: order.origin_id,
        }
        .into(),
        detail: Some(detail_of(order.request_detail_id, item)),
        needs: Vec::new(),
        priority: priorities::COMMITMENT,
    });
}
