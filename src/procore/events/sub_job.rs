//! The order to export a sub job.

use super::{Order, ProjectCostCode, job, owned, text_of};
use crate::procore::reader::ReadError;

/// A sub job to export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubJobOrder {
    /// Procore's id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its code.
    pub code: Option<String>,
    /// Its third-party id, if it has been exported.
    pub origin_id: Option<String>,
    /// Procore's id of its project.
    pub project_id: i64,
    /// The project's name, where told.
    pub project_name: Option<String>,
    /// The project's third-party id, if it has been exported.
    pub project_origin_id: Option<String>,
    /// The sub job's own cost codes.
    pub cost_codes: Vec<ProjectCostCode>,
    /// The request detail.
    pub request_detail_id: Option<i64>,
}

pub(super) fn read(order: &Order<'_>) -> Result<SubJobOrder, ReadError> {
    let sub_job = order.data.field("sub_job").object()?;
    let project = sub_job.field("project").object()?;
    Ok(SubJobOrder {
        id: sub_job.field("id").id()?,
        name: text_of(&sub_job, "name")?.ok_or_else(|| sub_job.field("name").error("is missing"))?,
        code: owned(text_of(&sub_job, "code")?),
        origin_id: owned(text_of(&sub_job, "origin_id")?),
        project_id: project.field("id").id()?,
        project_name: text_of(&project, "name")?,
        project_origin_id: owned(text_of(&project, "origin_id")?),
        cost_codes: order
            .data
            .field("all_cost_codes")
            .optional_list()?
            .iter()
            .map(job::read_code)
            .collect::<Result<_, _>>()?,
        request_detail_id: order.detail(&sub_job)?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::procore::events::ErpEvent;

    // QBD-10
    #[test]
    fn qbd_10_a_sub_job_is_read_with_its_project_and_its_codes() {
        let payload = json!({"request_name": "create_sub_job", "request_data": {
            "sub_job": {"id": 1, "code": "SJ-XYZ", "name": "East wing", "origin_data": null, "origin_id": null, "synced": false,
                "project": {"id": 7, "name": "Tower", "origin_id": "80-7", "origin_data": null, "origin_code": "JO-EXP"}},
            "all_cost_codes": [{"id": 33, "name": "Concrete", "full_code": "1-010", "origin_id": null, "biller_id": 1,
                "biller_type": "SubJob", "deleted_at": null, "line_item_types": [{"id": 8}], "parent": {"id": 32},
                "standard_cost_code_origin_id": "80-5"}],
            "request_detail_id": 3, "company_id": 7}});
        let ErpEvent::CreateSubJob(order) = ErpEvent::parse("create_sub_job", &payload).unwrap() else {
            panic!("not read as a sub job");
        };
        assert_eq!((order.id, order.name.as_str()), (1, "East wing"));
        assert_eq!(order.code.as_deref(), Some("SJ-XYZ"));
        assert_eq!(
            (order.project_id, order.project_origin_id.as_deref()),
            (7, Some("80-7"))
        );
        assert_eq!(order.request_detail_id, Some(3));
        assert!(order.cost_codes[0].is_of_sub_job);
        assert_eq!(order.cost_codes[0].line_item_type_ids, [8]);
    }
}
