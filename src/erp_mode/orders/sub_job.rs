//! A sub job to export.

use super::{Known, Plan, PlannedTask, detail_of, distinct, guid::external_guid, job, priorities, subject};
use crate::{
    links::{ItemType, ProcoreItem},
    procore::events::SubJobOrder,
    tasks::exports::job::{JobExport, ParentProject},
};

pub(super) fn plan(order: SubJobOrder, known: &Known<'_>, plan: &mut Plan) {
    let item = ProcoreItem::new(ItemType::SubJob, order.id);
    let codes: Vec<_> = order
        .cost_codes
        .into_iter()
        .filter(|code| !code.is_deleted && code.is_of_sub_job)
        .collect();
    let standard = codes
        .iter()
        .filter_map(|code| Some(subject("standard_cost_code", code.standard_cost_code_id?)));
    let needs = std::iter::once(subject("project", order.project_id)).chain(standard);
    plan.tasks.push(PlannedTask {
        subject: subject("sub_job", order.id),
        label: format!("Sub job '{}'", order.name.trim()),
        detail: Some(detail_of(order.request_detail_id, item)),
        needs: distinct(needs),
        priority: priorities::JOB,
        task: JobExport {
            procore_id: order.id,
            sub_job_of: Some(ParentProject {
                procore_id: order.project_id,
                name: order.project_name,
                job_list_id: order.project_origin_id,
            }),
            name: order.name,
            number: order.code,
            origin_id: order.origin_id,
            codes: codes.into_iter().map(job::code).collect(),
            external_guid: external_guid(known.company_id, item),
            ..JobExport::default()
        }
        .into(),
    });
}
