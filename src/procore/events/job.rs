//! The order to export a project, or to bring its job and cost codes up to date.

use super::{Order, edit_sequence, owned, text_of};
use crate::procore::reader::{ReadError, Reader};

/// A project to export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobOrder {
    /// Procore's id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its number, where told.
    pub project_number: Option<String>,
    /// Its third-party id, if it has been exported.
    pub origin_id: Option<String>,
    /// The external id users see.
    pub origin_code: Option<String>,
    /// The `edit_sequence` of its `origin_data`.
    pub edit_sequence: Option<String>,
    /// `ListID` of the customer that was chosen.
    pub customer_origin_id: Option<String>,
    /// Street lines.
    pub address: Option<String>,
    /// City.
    pub city: Option<String>,
    /// State.
    pub state_code: Option<String>,
    /// Postal code.
    pub zip: Option<String>,
    /// Whether it is active.
    pub is_active: bool,
    /// The project's cost codes, divisions and codes alike.
    pub cost_codes: Vec<ProjectCostCode>,
    /// The request detail.
    pub request_detail_id: Option<i64>,
}

/// A cost code of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectCostCode {
    /// Procore's id.
    pub id: i64,
    /// With its parents' codes.
    pub full_code: String,
    /// Its name.
    pub name: String,
    /// Its third-party id, `JobListID|ItemListID`, if it has one.
    pub origin_id: Option<String>,
    /// Procore's id of its parent.
    pub parent_id: Option<i64>,
    /// The third-party id of the standard code it came from: the item's `ListID`.
    pub standard_cost_code_origin_id: Option<String>,
    /// The standard code it came from, where told (not in the documented payload).
    pub standard_cost_code_id: Option<i64>,
    /// It has been deleted in Procore.
    pub is_deleted: bool,
    /// It belongs to a sub job.
    pub is_of_sub_job: bool,
    /// Procore's ids of its cost types.
    pub line_item_type_ids: Vec<i64>,
}

pub(super) fn read(order: &Order<'_>) -> Result<JobOrder, ReadError> {
    let job = order.data.field("job").object()?;
    let fields = job.field("erp_custom_fields");
    let customer = match text_of(&fields, "customer_origin_id")? {
        Some(customer) => Some(customer),
        None => text_of(&job, "customer_origin_id")?,
    };
    Ok(JobOrder {
        id: job.field("id").id()?,
        name: text_of(&job, "name")?.ok_or_else(|| job.field("name").error("is missing"))?,
        project_number: text_of(&job, "project_number")?,
        origin_id: owned(text_of(&job, "origin_id")?),
        origin_code: owned(text_of(&job, "origin_code")?),
        edit_sequence: edit_sequence(&job.field("origin_data")),
        customer_origin_id: owned(customer),
        address: text_of(&job, "address")?,
        city: text_of(&job, "city")?,
        state_code: text_of(&job, "state_code")?,
        zip: text_of(&job, "zip")?,
        is_active: job.field("active").optional_flag()?.unwrap_or(true),
        cost_codes: order
            .data
            .field("all_cost_codes")
            .optional_list()?
            .iter()
            .map(read_code)
            .collect::<Result<_, _>>()?,
        request_detail_id: order.detail(&job)?,
    })
}

pub(super) fn read_code(code: &Reader<'_>) -> Result<ProjectCostCode, ReadError> {
    let code = code.object()?;
    let full_code = match text_of(&code, "full_code")? {
        Some(full_code) => full_code,
        None => text_of(&code, "code")?.ok_or_else(|| code.field("full_code").error("is missing"))?,
    };
    Ok(ProjectCostCode {
        id: code.field("id").id()?,
        name: text_of(&code, "name")?.unwrap_or_else(|| full_code.clone()),
        full_code,
        origin_id: owned(text_of(&code, "origin_id")?),
        parent_id: code.field("parent").field("id").optional_id()?,
        standard_cost_code_origin_id: owned(text_of(&code, "standard_cost_code_origin_id")?),
        standard_cost_code_id: code.field("standard_cost_code_id").optional_id()?,
        is_deleted: code.field("deleted_at").value().is_some(),
        is_of_sub_job: code.field("biller_type").optional_text()? == Some("SubJob"),
        line_item_type_ids: code
            .field("line_item_types")
            .optional_list()?
            .iter()
            .map(|kind| kind.field("id").id())
            .collect::<Result<_, _>>()?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::procore::events::ErpEvent;

    #[test]
    fn a_project_is_read_with_the_detail_beside_its_data() {
        let payload = json!({
            "request_name": "create_or_update_job",
            "request_data": {
                "job": {
                    "id": 7, "name": "Tower", "origin_id": null, "origin_code": "T-1", "active": true, "address": "",
                    "erp_custom_fields": {"customer_origin_id": "80-9"}
                },
                "all_cost_codes": [
                    {"id": 1, "name": "GENERAL", "full_code": "1", "origin_id": null, "deleted_at": null,
                     "line_item_types": [], "parent": {"id": null}, "standard_cost_code_origin_id": "80-5"},
                    {"id": 2, "name": "Sub", "full_code": "1-001", "biller_type": "SubJob", "deleted_at": "2020-07-10T19:36:01Z",
                     "line_item_types": [{"id": 9}], "parent": {"id": 1}}
                ]
            },
            "request_detail_id": 2, "company_id": 7
        });
        let ErpEvent::CreateOrUpdateJob(job) = ErpEvent::parse("create_or_update_job", &payload).unwrap()
        else {
            panic!("not read as a job");
        };
        assert_eq!(job.request_detail_id, Some(2));
        assert_eq!(job.customer_origin_id.as_deref(), Some("80-9"));
        assert_eq!(job.address, None);
        assert_eq!(
            job.cost_codes[0].standard_cost_code_origin_id.as_deref(),
            Some("80-5")
        );
        assert!(job.cost_codes[1].is_deleted && job.cost_codes[1].is_of_sub_job);
        assert_eq!(job.cost_codes[1].line_item_type_ids, [9]);
    }
}
