//! A commitment to export: a subcontract or a purchase order.

use super::{
    Known, Plan, PlannedTask, Rejection,
    amounts::{money, optional_money},
    codes::line_code,
    detail_of, distinct,
    guid::external_guid,
    priorities, subject, unusable,
};
use crate::{
    links::{ItemType, ProcoreItem},
    procore::events::{CommitmentKind, CommitmentLineOrder, CommitmentOrder},
    tasks::exports::commitment::{CommitmentExport, CommitmentLine},
};

pub(super) fn plan(order: CommitmentOrder, known: &Known<'_>, plan: &mut Plan) {
    let item = item_of(&order);
    let detail = detail_of(order.request_detail_id, item);
    let label = label_of(&order);
    let needs = needs_of(&order);
    match export(order, item, known) {
        Ok(export) => plan.tasks.push(PlannedTask {
            subject: subject("commitment", item.id),
            label,
            task: export.into(),
            detail: Some(detail),
            needs,
            priority: priorities::COMMITMENT,
        }),
        Err(faults) => plan.rejections.push(Rejection {
            detail: Some(detail),
            messages: faults.iter().map(|fault| unusable(fault)).collect(),
        }),
    }
}

fn item_of(order: &CommitmentOrder) -> ProcoreItem {
    let item_type = match order.kind {
        CommitmentKind::WorkOrderContract => ItemType::WorkOrderContract,
        CommitmentKind::PurchaseOrderContract => ItemType::PurchaseOrderContract,
    };
    ProcoreItem::new(item_type, order.id)
}

fn label_of(order: &CommitmentOrder) -> String {
    match (order.number.as_deref(), order.title.as_deref()) {
        (Some(number), Some(title)) => format!("Commitment {} '{}'", number.trim(), title.trim()),
        (Some(number), None) => format!("Commitment {}", number.trim()),
        (None, Some(title)) => format!("Commitment '{}'", title.trim()),
        (None, None) => format!("Commitment with Procore's id {}", order.id),
    }
}

/// COD-09: what the purchase order refers to goes first, as far as it is still on its way.
fn needs_of(order: &CommitmentOrder) -> Vec<String> {
    let codes = order
        .lines
        .iter()
        .filter_map(|line| line.cost_code.standard_cost_code_id);
    distinct(
        [
            subject("vendor", order.vendor.id),
            subject("project", order.project.id),
        ]
        .into_iter()
        .chain(codes.map(|id| subject("standard_cost_code", id))),
    )
}

fn export(
    order: CommitmentOrder,
    item: ProcoreItem,
    known: &Known<'_>,
) -> Result<CommitmentExport, Vec<String>> {
    let mut faults = Vec::new();
    let grand_total = optional_money("request_data.commitment", "grand_total", order.grand_total)
        .unwrap_or_else(|fault| {
            faults.push(fault);
            None
        });
    let mut lines = Vec::with_capacity(order.lines.len());
    for line in order.lines {
        match self::line(line, order.is_unit_based) {
            Ok(line) => lines.push(line),
            Err(fault) => faults.push(fault),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(CommitmentExport {
        procore_id: order.id,
        item_type: item.item_type,
        procore_number: order.number,
        quickbooks_id: order.code,
        title: order.title,
        description: order.description,
        vendor_id: order.vendor.id,
        vendor_name: order.vendor.name,
        vendor_origin_id: order.vendor.origin_id,
        project_id: Some(order.project.id),
        project_name: order.project.name,
        job_list_id: order.job_origin_id.or(order.project.origin_id),
        origin_id: order.origin_id,
        date: order.date,
        grand_total,
        lines,
        external_guid: external_guid(known.company_id, item),
        ..CommitmentExport::default()
    })
}

fn line(order: CommitmentLineOrder, is_unit_based: bool) -> Result<CommitmentLine, String> {
    Ok(CommitmentLine {
        procore_id: order.id,
        description: order.description,
        code: line_code(order.cost_code, order.segments),
        is_unit_based,
        quantity: order.quantity,
        unit_cost: order.unit_cost,
        amount: money(&order.path, "amount", order.amount)?,
        tax_amount: money(&order.path, "tax_amount", order.tax_amount)?,
    })
}
