//! A payment to export.

use super::{
    Known, Plan, PlannedTask, Rejection, amounts::optional_money, detail_of, guid::external_guid, priorities,
    subject, unusable,
};
use crate::{
    links::{ItemType, ProcoreItem},
    procore::events::PaymentOrder,
    tasks::exports::payment::PaymentExport,
};

pub(super) fn plan(order: PaymentOrder, known: &Known<'_>, plan: &mut Plan) {
    let item = ProcoreItem::new(ItemType::ContractPayment, order.id);
    let detail = detail_of(order.request_detail_id, item);
    let label = match order.invoice_number.as_deref() {
        Some(number) => format!("Payment of invoice {}", number.trim()),
        None => format!("Payment with Procore's id {}", order.id),
    };
    match optional_money("contract_payment", "amount", order.amount) {
        Ok(amount) => plan.tasks.push(PlannedTask {
            subject: subject("payment", item.id),
            label,
            needs: order
                .requisition_id
                .map(|id| subject("requisition", id))
                .into_iter()
                .collect(),
            task: PaymentExport {
                procore_id: order.id,
                requisition_id: order.requisition_id,
                invoice_number: order.invoice_number,
                amount,
                date: order.date,
                number: order.number,
                origin_id: order.origin_id,
                external_guid: external_guid(known.company_id, item),
                ..PaymentExport::default()
            }
            .into(),
            detail: Some(detail),
            priority: priorities::INVOICE,
        }),
        Err(fault) => plan.rejections.push(Rejection {
            detail: Some(detail),
            messages: vec![unusable(&fault)],
        }),
    }
}
