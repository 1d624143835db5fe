//! A prime contract change order to export.

use super::{
    Known, Plan, PlannedTask, Rejection, amounts::money, detail_of, distinct, priorities, subject, unusable,
};
use crate::{
    links::{ItemType, ProcoreItem},
    procore::events::{PrimeChangeLineOrder, PrimeChangeOrderOrder},
    tasks::exports::{
        coding::LineCode,
        prime_change_order::{PrimeChangeLine, PrimeChangeOrderExport},
    },
};

pub(super) fn plan(order: PrimeChangeOrderOrder, _known: &Known<'_>, plan: &mut Plan) {
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
    // What happens to one contract happens in order, one at a time.
    let of = subject("prime_contract", order.contract_id);
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

fn label_of(order: &PrimeChangeOrderOrder) -> String {
    let number = order
        .number
        .as_deref()
        .map_or_else(|| format!("with Procore's id {}", order.id), str::to_owned);
    match order.contract_number.as_deref() {
        Some(contract) => format!("Change order {number} of prime contract {}", contract.trim()),
        None => format!("Prime contract change order {number}"),
    }
}

fn export(order: PrimeChangeOrderOrder) -> Result<PrimeChangeOrderExport, Vec<String>> {
    let (mut lines, mut faults) = (Vec::with_capacity(order.lines.len()), Vec::new());
    for given in order.lines {
        match line(given) {
            Ok(line) => lines.push(line),
            Err(fault) => faults.push(fault),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(PrimeChangeOrderExport {
        procore_id: order.id,
        number: order.number,
        title: order.title,
        origin_id: order.origin_id,
        contract_number: order.contract_number,
        contract_origin_id: order.contract_origin_id,
        project_id: order.project.id,
        job_list_id: order.project.origin_id,
        lines,
        ..PrimeChangeOrderExport::default()
    })
}

fn line(given: PrimeChangeLineOrder) -> Result<PrimeChangeLine, String> {
    let order = given.line;
    if let Some(extended) = given.extended.filter(|sum| *sum + given.markup != order.amount) {
        return Err(format!(
            "{}.amount: {} is not the extended amount {extended} with the markup {}",
            order.path, order.amount, given.markup
        ));
    }
    Ok(PrimeChangeLine {
        procore_id: order.id,
        description: order.description,
        code: LineCode {
            procore_id: Some(order.cost_code.id),
            full_code: order.cost_code.full_code,
            origin_id: order.cost_code.origin_id,
            standard_cost_code_id: order.cost_code.standard_cost_code_id,
            ..LineCode::default()
        },
        amount: money(&order.path, "amount", order.amount)?,
    })
}
