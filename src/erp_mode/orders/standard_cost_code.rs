//! Standard cost codes to export: parents before their children.

use std::collections::HashSet;

use super::{Known, Plan, PlannedTask, detail_of, guid::external_guid, priorities, subject};
use crate::{
    links::{ItemType, ProcoreItem},
    procore::events::{BadItem, StandardCostCodeOrder},
    tasks::exports::standard_cost_code::StandardCostCodeExport,
};

pub(super) fn plan(codes: Vec<Result<StandardCostCodeOrder, BadItem>>, known: &Known<'_>, plan: &mut Plan) {
    let mut open = Vec::new();
    for code in codes {
        match code {
            Ok(code) => open.push(code),
            Err(bad) => plan.refuse(&bad, Some(ItemType::StandardCostCode)),
        }
    }
    // A task can only wait for what is enqueued before it.
    while !open.is_empty() {
        let unfinished: HashSet<i64> = open.iter().map(|code| code.id).collect();
        let waits =
            |code: &StandardCostCodeOrder| code.parent_id.is_some_and(|parent| unfinished.contains(&parent));
        let (mut later, mut ready): (Vec<_>, Vec<_>) = open.into_iter().partition(waits);
        if ready.is_empty() {
            // Codes that are each other's parents: their tasks say what is wrong.
            std::mem::swap(&mut later, &mut ready);
        }
        plan.tasks.extend(ready.into_iter().map(|code| task(code, known)));
        open = later;
    }
}

fn task(order: StandardCostCodeOrder, known: &Known<'_>) -> PlannedTask {
    let item = ProcoreItem::new(ItemType::StandardCostCode, order.id);
    PlannedTask {
        subject: subject("standard_cost_code", order.id),
        label: format!("Cost code '{} {}'", order.full_code, order.name.trim()),
        detail: Some(detail_of(order.request_detail_id, item)),
        needs: order
            .parent_id
            .map(|parent| subject("standard_cost_code", parent))
            .into_iter()
            .collect(),
        priority: priorities::STANDARD_COST_CODE,
        task: StandardCostCodeExport {
            procore_id: order.id,
            code: order.code,
            full_code: order.full_code,
            path: if order.path.len() > 1 {
                order.path.into_iter().map(|part| part.code).collect()
            } else {
                Vec::new()
            },
            description: order.name,
            parent_procore_id: order.parent_id,
            parent_origin_id: order.parent_origin_id,
            income_account_list_id: order.income_account_origin_id,
            expense_account_list_id: order.expense_account_origin_id,
            external_guid: external_guid(known.company_id, item),
            ..StandardCostCodeExport::default()
        }
        .into(),
    }
}
