//! A budget to export.

use super::{Known, Plan, PlannedTask, Rejection, amounts::money, detail_of, priorities, subject, unusable};
use crate::{
    links::{ItemType, ProcoreItem, guid::external_guid},
    procore::events::BudgetOrder,
    tasks::exports::budget::{BudgetExport, BudgetLine, BudgetTransaction},
};

pub(super) fn plan(order: BudgetOrder, known: &Known<'_>, plan: &mut Plan) {
    let item = ProcoreItem::new(ItemType::Budget, order.id);
    let detail = detail_of(order.request_detail_id, item);
    let project = order.project_id;
    match export(order, item, known) {
        Ok(export) => plan.tasks.push(PlannedTask {
            subject: subject("budget", item.id),
            label: format!("Budget of the project with Procore's id {project}"),
            task: export.into(),
            detail: Some(detail),
            needs: vec![subject("project", project)],
            priority: priorities::BUDGET,
        }),
        Err(faults) => plan.rejections.push(Rejection {
            detail: Some(detail),
            messages: faults.iter().map(|fault| unusable(fault)).collect(),
        }),
    }
}

fn export(order: BudgetOrder, item: ProcoreItem, known: &Known<'_>) -> Result<BudgetExport, Vec<String>> {
    let mut faults = Vec::new();
    let mut noted =
        |amount: Result<_, String>| amount.map_err(|fault| faults.push(fault)).unwrap_or_default();
    let lines = order
        .lines
        .into_iter()
        .map(|line| BudgetLine {
            procore_id: line.id,
            amount: noted(money(&line.path, "new_amount", line.new_amount)),
            cost_code_origin_id: line.cost_code_origin_id,
            line_item_type_origin_id: line.line_item_type_origin_id,
            has_sub_job: line.sub_job_origin_id.is_some(),
        })
        .collect();
    let transactions = order
        .transactions
        .into_iter()
        .filter(|transaction| !transaction.is_synced)
        .map(|transaction| BudgetTransaction {
            procore_id: transaction.id,
            line_id: transaction.job_cost_id,
            amount: noted(money(&transaction.path, "value", transaction.value)),
            is_original: transaction.is_original,
            notes: transaction.notes,
        })
        .collect();
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(BudgetExport {
        procore_id: order.id,
        project_id: order.project_id,
        job_list_id: order.job_origin_id,
        origin_id: order.origin_id,
        lines,
        transactions,
        external_guid: external_guid(known.company_id, item),
        ..BudgetExport::default()
    })
}
