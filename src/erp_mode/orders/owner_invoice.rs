//! An owner invoice to export.
//!
//! What is billed of a line in this period is the work plus what stored materials grew by; held and released retainage are
//! told as they are. **Inference** from the names of the fields, as with subcontractor invoices; the export compares the sum
//! with what is due.

use super::{
    Known, Plan, PlannedTask, Rejection,
    amounts::{money, optional_money},
    detail_of, distinct,
    guid::external_guid,
    priorities, subject, unusable,
};
use crate::{
    links::{ItemType, ProcoreItem},
    procore::events::{PaymentApplicationLineOrder, PaymentApplicationOrder},
    tasks::exports::{
        coding::LineCode,
        owner_invoice::{OwnerInvoiceExport, OwnerInvoiceLine},
    },
};

pub(super) fn plan(order: PaymentApplicationOrder, known: &Known<'_>, plan: &mut Plan) {
    let item = ProcoreItem::new(ItemType::PaymentApplication, order.id);
    let detail = detail_of(order.request_detail_id, item);
    let label = match order.invoice_number.as_deref() {
        Some(number) => format!("Owner invoice {}", number.trim()),
        None => format!("Owner invoice with Procore's id {}", order.id),
    };
    let codes = order
        .lines
        .iter()
        .filter_map(|line| line.cost_code.as_ref()?.standard_cost_code_id);
    let needs = distinct(
        order
            .project_id
            .map(|id| subject("project", id))
            .into_iter()
            .chain(codes.map(|id| subject("standard_cost_code", id))),
    );
    match export(order, item, known) {
        Ok(export) => plan.tasks.push(PlannedTask {
            subject: subject("payment_application", item.id),
            label,
            task: export.into(),
            detail: Some(detail),
            needs,
            priority: priorities::INVOICE,
        }),
        Err(faults) => plan.rejections.push(Rejection {
            detail: Some(detail),
            messages: faults.iter().map(|fault| unusable(fault)).collect(),
        }),
    }
}

fn export(
    order: PaymentApplicationOrder,
    item: ProcoreItem,
    known: &Known<'_>,
) -> Result<OwnerInvoiceExport, Vec<String>> {
    let mut faults = Vec::new();
    let due = optional_money(
        "payment_application.summary",
        "current_payment_due",
        order.current_payment_due,
    )
    .unwrap_or_else(|fault| {
        faults.push(fault);
        None
    });
    let mut lines = Vec::with_capacity(order.lines.len());
    for given in order.lines {
        match line(given) {
            Ok(line) => lines.push(line),
            Err(fault) => faults.push(fault),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(OwnerInvoiceExport {
        procore_id: order.id,
        invoice_number: order.invoice_number,
        billing_date: order.billing_date,
        contract_name: order.contract_name,
        project_id: order.project_id,
        job_list_id: order.job_origin_id,
        origin_id: order.origin_id,
        current_payment_due: due,
        lines,
        external_guid: external_guid(known.company_id, item),
        ..OwnerInvoiceExport::default()
    })
}

fn line(order: PaymentApplicationLineOrder) -> Result<OwnerInvoiceLine, String> {
    let amount = order.work + order.stored - order.stored_before;
    let code = match order.cost_code {
        Some(code) => LineCode {
            procore_id: Some(code.id),
            full_code: code.full_code,
            origin_id: code.origin_id,
            standard_cost_code_id: code.standard_cost_code_id,
            ..LineCode::default()
        },
        None => LineCode {
            full_code: order.flat_code.unwrap_or_default(),
            ..LineCode::default()
        },
    };
    Ok(OwnerInvoiceLine {
        procore_id: order.id,
        is_linked: order.is_line_item,
        code,
        description: order.description,
        amount: money(&order.path, "work_completed_this_period", amount)?,
        retainage_held: money(&order.path, "retainage_retained_this_period", order.held)?,
        retainage_released: money(&order.path, "retainage_released_this_period", order.released)?,
    })
}
