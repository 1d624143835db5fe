//! A project to export, or to bring up to date with its cost codes.

use super::{Known, Plan, PlannedTask, detail_of, distinct, guid::external_guid, priorities, subject};
use crate::{
    links::{ItemType, ProcoreItem},
    procore::events::{JobOrder, ProjectCostCode},
    tasks::exports::job::{JobCode, JobExport},
};

pub(super) fn plan(order: JobOrder, known: &Known<'_>, plan: &mut Plan) {
    let item = ProcoreItem::new(ItemType::Project, order.id);
    // Codes of sub jobs come with the sub job's own order.
    let codes: Vec<ProjectCostCode> = order
        .cost_codes
        .into_iter()
        .filter(|code| !code.is_deleted && !code.is_of_sub_job)
        .collect();
    let needs = codes
        .iter()
        .filter_map(|code| Some(subject("standard_cost_code", code.standard_cost_code_id?)));
    plan.tasks.push(PlannedTask {
        subject: subject("project", order.id),
        label: format!("Project '{}'", order.name.trim()),
        detail: Some(detail_of(order.request_detail_id, item)),
        needs: distinct(needs),
        priority: priorities::JOB,
        task: JobExport {
            procore_id: order.id,
            name: order.name,
            number: order.project_number.or(order.origin_code),
            address: order.address,
            city: order.city,
            state: order.state_code,
            zip: order.zip,
            origin_id: order.origin_id,
            customer_list_id: order.customer_origin_id,
            codes: codes.into_iter().map(code).collect(),
            external_guid: external_guid(known.company_id, item),
            ..JobExport::default()
        }
        .into(),
    });
}

pub(super) fn code(code: ProjectCostCode) -> JobCode {
    JobCode {
        procore_id: code.id,
        full_code: code.full_code,
        standard_origin_id: code.standard_cost_code_origin_id,
        standard_cost_code_id: code.standard_cost_code_id,
        line_item_type_ids: code.line_item_type_ids,
    }
}
