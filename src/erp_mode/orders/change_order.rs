//! A commitment change order to export.

use super::{
    Known, Plan, PlannedTask, Rejection, amounts::money, codes::line_code, detail_of, distinct, priorities,
    subject, unusable,
};
use crate::{
    links::{ItemType, ProcoreItem},
    procore::events::{ChangeOrderLineOrder, ChangeOrderOrder, CommitmentKind},
    tasks::exports::change_order::{ChangeOrderExport, ChangeOrderLine},
};

pub(super) fn plan(order: ChangeOrderOrder, _known: &Known<'_>, plan: &mut Plan) {
    let item = ProcoreItem::new(ItemType::ChangeOrder, order.id);
    let detail = detail_of(order.request_detail_id, item);
    let codes = order
        .lines
        .iter()
        .filter_map(|line| line.line.cost_code.standard_cost_code_id);
    let needs = distinct(
        std::iter::once(subject("project", order.project.id))
            .chain(codes.map(|id| subject("standard_cost_code", id))),
    );
    // What happens to one commitment happens in order, one at a time (QBD-47): the subject is the commitment's.
    let of = subject("commitment", order.commitment_id);
    let label = label_of(&order);
    match export(order) {
        Ok(export) => plan.tasks.push(PlannedTask {
            subject: of,
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

fn label_of(order: &ChangeOrderOrder) -> String {
    let number = order
        .number
        .as_deref()
        .map_or_else(|| format!("with Procore's id {}", order.id), str::to_owned);
    match order.commitment_number.as_deref() {
        Some(commitment) => format!("Change order {number} of commitment {}", commitment.trim()),
        None => format!("Change order {number}"),
    }
}

fn export(order: ChangeOrderOrder) -> Result<ChangeOrderExport, Vec<String>> {
    let (mut lines, mut faults) = (Vec::with_capacity(order.lines.len()), Vec::new());
    for given in order.lines {
        match line(given, order.is_unit_based) {
            Ok(line) => lines.push(line),
            Err(fault) => faults.push(fault),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(ChangeOrderExport {
        procore_id: order.id,
        number: order.number,
        title: order.title,
        origin_id: order.origin_id,
        commitment_id: order.commitment_id,
        commitment_type: match order.commitment_kind {
            CommitmentKind::WorkOrderContract => ItemType::WorkOrderContract,
            CommitmentKind::PurchaseOrderContract => ItemType::PurchaseOrderContract,
        },
        commitment_number: order.commitment_number,
        commitment_origin_id: order.commitment_origin_id,
        project_id: order.project.id,
        job_list_id: order.job_origin_id.or(order.project.origin_id),
        lines,
        ..ChangeOrderExport::default()
    })
}

fn line(given: ChangeOrderLineOrder, is_unit_based: bool) -> Result<ChangeOrderLine, String> {
    let order = given.line;
    Ok(ChangeOrderLine {
        procore_ids: vec![order.id],
        changes: given.changes,
        description: order.description,
        code: line_code(order.cost_code, order.segments),
        is_unit_based,
        quantity: order.quantity,
        unit_cost: order.unit_cost,
        amount: money(&order.path, "amount", order.amount)?,
    })
}
