//! ERP events: the orders in Procore's words, typed. What becomes of them in QuickBooks is decided elsewhere.
//!
//! Payloads mix numbers and texts, put `request_detail_id` inside items, inside `request_data` or beside it, and grow
//! new fields. Reading is tolerant of all that, and exact about what is missing: errors name the field's path. In a
//! batch, one bad item does not spoil the others ([`BadItem`]).

use std::borrow::Cow;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::Value;

use self::catalog::Handling;
use super::reader::{ReadError, Reader};

mod budget;
pub mod catalog;
mod change_order;
mod codes;
mod commitment;
mod job;
mod payment;
mod payment_application;
mod prime_change_order;
mod requisition;
mod sub_job;
mod unlink;
mod vendor;
mod wbs;

pub use budget::{BudgetLineOrder, BudgetOrder, BudgetTransactionOrder};
pub use change_order::{ChangeOrderLineOrder, ChangeOrderOrder};
pub use codes::{CodePart, StandardCostCodeOrder};
pub use commitment::{CommitmentKind, CommitmentLineOrder, CommitmentOrder, LineCostCode};
pub use job::{JobOrder, ProjectCostCode};
pub use payment::PaymentOrder;
pub use payment_application::{PaymentApplicationLineOrder, PaymentApplicationOrder};
pub use prime_change_order::{PrimeChangeLineOrder, PrimeChangeOrderOrder};
pub use requisition::{RequisitionItemKind, RequisitionLineOrder, RequisitionOrder};
pub use sub_job::SubJobOrder;
pub use unlink::{UnlinkChangeOrderOrder, UnlinkOrder, UnlinkPaymentApplicationOrder};
pub use vendor::VendorOrder;
pub(crate) use wbs::segments_of;
pub use wbs::{CostTypeOrder, LineSegments};

/// Why a payload cannot be used as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the order {request_name} cannot be read: {error}")]
pub struct EventError {
    /// What was ordered.
    pub request_name: String,
    /// Which field, and what is wrong with it.
    pub error: ReadError,
    /// The request details found anywhere in the payload; they are to be closed with this error.
    pub request_detail_ids: Vec<i64>,
}

/// One item of a batch that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadItem {
    /// Procore's id of it, if readable.
    pub id: Option<i64>,
    /// Its request detail, if readable.
    pub request_detail_id: Option<i64>,
    /// Which field, and what is wrong with it.
    pub error: ReadError,
}

/// A record with its third-party id, as the link events carry it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedRecord {
    /// Procore's id.
    pub id: i64,
    /// The third-party id; absent where it is not linked.
    pub origin_id: Option<String>,
    /// Its name, where told.
    pub name: Option<String>,
    /// The `edit_sequence` of its `origin_data`, where told.
    pub edit_sequence: Option<String>,
}

/// One order.
#[derive(Clone, Debug, PartialEq)]
pub enum ErpEvent {
    /// Export standard cost codes.
    CreateStandardCostCodes(Vec<Result<StandardCostCodeOrder, BadItem>>),
    /// Export a company.
    CreateVendor(Box<VendorOrder>),
    /// Export a project, or bring it up to date.
    CreateOrUpdateJob(Box<JobOrder>),
    /// Export a sub job.
    CreateSubJob(Box<SubJobOrder>),
    /// Export a commitment.
    CreateCommitment(Box<CommitmentOrder>),
    /// Export a budget, or what is new of it.
    ExportBudget(Box<BudgetOrder>),
    /// Export a commitment change order.
    CreateChangeOrder(Box<ChangeOrderOrder>),
    /// Export a payment.
    CreatePayment(Box<PaymentOrder>),
    /// Export an owner invoice.
    CreatePaymentApplication(Box<PaymentApplicationOrder>),
    /// Export a prime contract change order.
    CreatePrimeChangeOrder(Box<PrimeChangeOrderOrder>),
    /// Export subcontractor invoices.
    CreateRequisitions(Vec<Result<RequisitionOrder, BadItem>>),
    /// Read standard cost codes.
    SyncStandardCostCodes {
        /// The list to sync into.
        list_id: Option<i64>,
        /// The request detail.
        request_detail_id: Option<i64>,
    },
    /// Read vendors.
    SyncVendors {
        /// The request detail.
        request_detail_id: Option<i64>,
    },
    /// Read jobs.
    SyncJobs {
        /// The request detail.
        request_detail_id: Option<i64>,
    },
    /// Read what may become a prime contract.
    SyncPrimeContracts {
        /// The request detail.
        request_detail_id: Option<i64>,
    },
    /// Read jobs, for those that are nested under a project's.
    SyncSubJobs {
        /// The request detail.
        request_detail_id: Option<i64>,
    },
    /// Read payments.
    SyncContractPayments {
        /// The request detail.
        request_detail_id: Option<i64>,
    },
    /// A staged vendor was imported.
    CreateVendorInProcore(LinkedRecord),
    /// A staged job was imported.
    CreateJobInProcore(LinkedRecord),
    /// A staged sub job was imported.
    CreateSubJobInProcore(LinkedRecord),
    /// Read cost types. It carries no request detail.
    SyncStandardCategories,
    /// Read the costs of a project's job. It carries no request detail.
    SyncSingleJob {
        /// The job's `ListID`.
        job_list_id: String,
    },
    /// Nothing is to be done and nobody waits: something was imported that this build does not offer, or Procore reminds
    /// of a sub job.
    NothingToDo {
        /// The request's name.
        request_name: String,
    },
    /// A company was linked to a vendor.
    LinkVendor(LinkedRecord),
    /// Companies were linked to vendors.
    LinkAllVendors(Vec<Result<LinkedRecord, BadItem>>),
    /// A company was unlinked.
    UnlinkVendor(LinkedRecord),
    /// Companies were merged into one; the others are gone.
    MergeVendors {
        /// What remains.
        master: LinkedRecord,
        /// What is gone.
        sources: Vec<LinkedRecord>,
    },
    /// Standard cost codes were unlinked or deleted by Procore's support.
    ForgetStandardCostCodes(Vec<i64>),
    /// Codes of a project were deleted by a user, who waits for the answers, or by Procore's support.
    ForgetCostCodes {
        /// The codes.
        ids: Vec<i64>,
        /// The request details.
        request_detail_ids: Vec<i64>,
    },
    /// Cost types were deleted by Procore's support.
    ForgetCostTypes(Vec<i64>),
    /// A project was reset by Procore's support: it is not linked any more.
    ResetJob {
        /// The project.
        project_id: i64,
    },
    /// A sub job was reset by Procore's support: it is not linked any more.
    ResetSubJob {
        /// The sub job.
        sub_job_id: i64,
    },
    /// A user wants to unlink a commitment.
    UnlinkCommitment(UnlinkOrder),
    /// A user wants to unlink a commitment change order.
    UnlinkChangeOrder(UnlinkChangeOrderOrder),
    /// A user wants to unlink an owner invoice.
    UnlinkPaymentApplication(UnlinkPaymentApplicationOrder),
    /// A user wants to unlink a prime contract change order, or Procore's support to reset it; then nobody waits.
    UnlinkPrimeChangeOrder(UnlinkChangeOrderOrder),
    /// A subcontractor invoice was unlinked by Procore's support.
    ResetRequisition {
        /// The invoice.
        requisition_id: i64,
    },
    /// Procore has lost our metadata document.
    SyncMetadata,
    /// An event that is known and not carried out.
    Refused {
        /// What was ordered.
        request_name: String,
        /// Why, for whoever waits for it.
        reason: &'static str,
        /// The request details found anywhere in the payload.
        request_detail_ids: Vec<i64>,
    },
    /// Anything else.
    Unknown {
        /// What was ordered.
        request_name: String,
        /// The request details found anywhere in the payload.
        request_detail_ids: Vec<i64>,
    },
}

impl ErpEvent {
    /// Reads an ERP request (as [`super::erp_requests::get`] gives it), or its `request_data` alone.
    pub fn parse(request_name: &str, payload: &Value) -> Result<Self, EventError> {
        read(request_name, payload).map_err(|error| EventError {
            request_name: request_name.to_owned(),
            error,
            request_detail_ids: request_detail_ids(payload),
        })
    }
}

fn read(request_name: &str, payload: &Value) -> Result<ErpEvent, ReadError> {
    let payload = unpacked(payload);
    let order = Order::of(&payload);
    let data = &order.data;
    Ok(match request_name {
        "create_standard_cost_codes" => ErpEvent::CreateStandardCostCodes(codes::read(&order)?),
        "create_vendor" => ErpEvent::CreateVendor(Box::new(vendor::read(&order)?)),
        "create_or_update_job" => ErpEvent::CreateOrUpdateJob(Box::new(job::read(&order)?)),
        "create_sub_job" => ErpEvent::CreateSubJob(Box::new(sub_job::read(&order)?)),
        "create_commitment" => ErpEvent::CreateCommitment(Box::new(commitment::read(&order)?)),
        "create_commitment_change_order" => {
            ErpEvent::CreateChangeOrder(Box::new(change_order::read(&order)?))
        }
        "create_budget" | "update_budget" => ErpEvent::ExportBudget(Box::new(budget::read(&order)?)),
        "create_payment" => ErpEvent::CreatePayment(Box::new(payment::read(&order)?)),
        "create_payment_application" => {
            ErpEvent::CreatePaymentApplication(Box::new(payment_application::read(&order)?))
        }
        "unlink_payment_application" => {
            ErpEvent::UnlinkPaymentApplication(unlink::payment_application(&order)?)
        }
        "create_prime_contract_change_order" => {
            ErpEvent::CreatePrimeChangeOrder(Box::new(prime_change_order::read(&order)?))
        }
        "unlink_prime_contract_change_order" => {
            ErpEvent::UnlinkPrimeChangeOrder(unlink::prime_change_order(&order)?)
        }
        "reset_prime_contract_change_order" => {
            ErpEvent::UnlinkPrimeChangeOrder(unlink::reset_prime_change_order(&order)?)
        }
        "create_requisitions" => ErpEvent::CreateRequisitions(requisition::read(&order)?),
        "sync_standard_cost_codes" => ErpEvent::SyncStandardCostCodes {
            list_id: data.field("standard_cost_code_list_id").optional_id()?,
            request_detail_id: order.detail(data)?,
        },
        "sync_vendors" => ErpEvent::SyncVendors {
            request_detail_id: order.detail(data)?,
        },
        "sync_jobs" => ErpEvent::SyncJobs {
            request_detail_id: order.detail(data)?,
        },
        "sync_prime_contracts" => ErpEvent::SyncPrimeContracts {
            request_detail_id: order.detail(data)?,
        },
        "sync_sub_jobs" => ErpEvent::SyncSubJobs {
            request_detail_id: order.detail(data)?,
        },
        "sync_contract_payments" => ErpEvent::SyncContractPayments {
            request_detail_id: order.detail(data)?,
        },
        "create_vendor_in_procore" => ErpEvent::CreateVendorInProcore(linked(&data.field("vendor"))?),
        "create_job_in_procore" => ErpEvent::CreateJobInProcore(linked(&data.field("project"))?),
        "create_sub_job_in_procore" => ErpEvent::CreateSubJobInProcore(linked(&data.field("sub_job"))?),
        "link_vendor" => ErpEvent::LinkVendor(linked(&data.field("vendor"))?),
        "link_all_vendors" => ErpEvent::LinkAllVendors(
            data.field("vendors")
                .list()?
                .iter()
                .map(|item| each(item, None, linked))
                .collect(),
        ),
        "unlink_vendor" => ErpEvent::UnlinkVendor(linked(&data.field("vendor"))?),
        "merge_vendors" => ErpEvent::MergeVendors {
            master: linked(&data.field("master_vendor"))?,
            sources: data
                .field("source_vendors")
                .optional_list()?
                .iter()
                .map(linked)
                .collect::<Result<_, _>>()?,
        },
        "unlink_standard_cost_codes" => forget(&data.field("standard_cost_codes"))?,
        "delete_standard_cost_codes" => forget(&data.field("standard_cost_code_data_array"))?,
        "delete_standard_categories" => ErpEvent::ForgetCostTypes(
            data.field("standard_category_data_array")
                .list()?
                .iter()
                .map(|category| category.field("procore_id").id())
                .collect::<Result<_, _>>()?,
        ),
        "delete_cost_code" => forget_codes(&data.field("project_cost_code_data_array"), &payload)?,
        "delete_cost_codes" => forget_codes(&data.field("cost_codes"), &payload)?,
        "reset_job" => ErpEvent::ResetJob {
            project_id: data.field("project").field("id").id()?,
        },
        "reset_sub_job" => ErpEvent::ResetSubJob {
            sub_job_id: data.field("sub_job").field("id").id()?,
        },
        "unlink_commitment" => ErpEvent::UnlinkCommitment(unlink::commitment(&order)?),
        "unlink_commitment_change_order" => ErpEvent::UnlinkChangeOrder(unlink::change_order(&order)?),
        "reset_requisition" => ErpEvent::ResetRequisition {
            requisition_id: data.field("requisition_id").id()?,
        },
        "sync_metadata" => ErpEvent::SyncMetadata,
        "sync_standard_categories" => ErpEvent::SyncStandardCategories,
        "sync_single_job" => ErpEvent::SyncSingleJob {
            job_list_id: owned(data.field("id").optional_label()?)
                .ok_or_else(|| data.field("id").error("is missing"))?,
        },
        name => other(name, &payload),
    })
}

/// A line of an order as it names its item: the code's own fields, which of them are told depends on the order.
pub(crate) fn code_of(code: &Reader<'_>) -> Result<LineCostCode, ReadError> {
    let code = code.object()?;
    Ok(LineCostCode {
        id: code.field("id").id()?,
        full_code: match text_of(&code, "full_code")? {
            Some(full) => full,
            None => text_of(&code, "code")?.ok_or_else(|| code.field("full_code").error("is missing"))?,
        },
        origin_id: owned(text_of(&code, "origin_id")?),
        standard_cost_code_id: code.field("standard_cost_code_id").optional_id()?,
    })
}

/// What is not carried out: because nothing is asked for, because it is not offered, or because nobody here knows it.
fn other(name: &str, payload: &Value) -> ErpEvent {
    let request_name = name.to_owned();
    match catalog::find(name) {
        Some(event) if event.handling == Handling::Refused => ErpEvent::Refused {
            request_name,
            reason: event.what,
            request_detail_ids: request_detail_ids(payload),
        },
        Some(_) => ErpEvent::NothingToDo { request_name },
        // Something was imported that this build does not offer.
        None if name.starts_with("create_") && name.ends_with("_in_procore") => {
            ErpEvent::NothingToDo { request_name }
        }
        None => ErpEvent::Unknown {
            request_name,
            request_detail_ids: request_detail_ids(payload),
        },
    }
}

fn forget_codes(list: &Reader<'_>, payload: &Value) -> Result<ErpEvent, ReadError> {
    Ok(ErpEvent::ForgetCostCodes {
        ids: list
            .list()?
            .iter()
            .map(|code| code.field("id").id())
            .collect::<Result<_, _>>()?,
        request_detail_ids: request_detail_ids(payload),
    })
}

/// `request_data` has been seen as an object; should it come as a text that holds JSON, it is read as well.
fn unpacked(payload: &Value) -> Cow<'_, Value> {
    if let Some(Value::String(text)) = payload.get("request_data")
        && let Ok(inner) = serde_json::from_str::<Value>(text)
    {
        let mut outer = payload.clone();
        outer["request_data"] = inner;
        return Cow::Owned(outer);
    }
    Cow::Borrowed(payload)
}

/// An order: the data, and what stands around it.
pub(crate) struct Order<'v> {
    outer: Reader<'v>,
    pub(crate) data: Reader<'v>,
}

impl<'v> Order<'v> {
    fn of(payload: &'v Value) -> Self {
        let outer = Reader::root(payload);
        let data = outer.field("request_data");
        let data = if data.value().is_some() {
            data
        } else {
            outer.clone()
        };
        Self { outer, data }
    }

    /// The request detail of an item: in the item, in `request_data`, or beside it.
    pub(crate) fn detail(&self, item: &Reader<'_>) -> Result<Option<i64>, ReadError> {
        for place in [item, &self.data, &self.outer] {
            if let Some(id) = place.field("request_detail_id").optional_id()? {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }
}

/// Reads one item of a batch by itself.
pub(crate) fn each<'v, T>(
    item: &Reader<'v>,
    id_field: Option<&str>,
    read: impl FnOnce(&Reader<'v>) -> Result<T, ReadError>,
) -> Result<T, BadItem> {
    read(item).map_err(|error| BadItem {
        id: item.field(id_field.unwrap_or("id")).optional_id().ok().flatten(),
        request_detail_id: item.field("request_detail_id").optional_id().ok().flatten(),
        error,
    })
}

pub(crate) fn linked(record: &Reader<'_>) -> Result<LinkedRecord, ReadError> {
    let record = record.object()?;
    Ok(LinkedRecord {
        id: record.field("id").id()?,
        origin_id: owned(record.field("origin_id").optional_label()?),
        name: match record.field("name").optional_label()? {
            Some(name) => Some(name),
            None => record.field("company").optional_label().ok().flatten(),
        },
        edit_sequence: edit_sequence(&record.field("origin_data")),
    })
}

/// Procore has sent the text "null" for an absent third-party id.
pub(crate) fn owned(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned())
        .filter(|text| text != "null")
}

/// `{"edit_sequence":"…"}`, as an object or as text. Anything else was written by somebody else and is left alone.
pub(crate) fn edit_sequence(origin_data: &Reader<'_>) -> Option<String> {
    let data = match origin_data.value()? {
        Value::String(text) => Cow::Owned(serde_json::from_str::<Value>(text).ok()?),
        other => Cow::Borrowed(other),
    };
    Reader::root(&data)
        .field("edit_sequence")
        .optional_label()
        .ok()
        .flatten()
}

fn forget(list: &Reader<'_>) -> Result<ErpEvent, ReadError> {
    let ids = list
        .list()?
        .iter()
        .map(|code| code.field("id").id())
        .collect::<Result<_, _>>()?;
    Ok(ErpEvent::ForgetStandardCostCodes(ids))
}

/// Every `request_detail_id` in a payload, wherever it stands, in order of appearance.
pub fn request_detail_ids(payload: &Value) -> Vec<i64> {
    let mut found = Vec::new();
    let mut open = vec![payload];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(map) => {
                if let Some(id) = Reader::root(value)
                    .field("request_detail_id")
                    .optional_id()
                    .ok()
                    .flatten()
                    && !found.contains(&id)
                {
                    found.push(id);
                }
                open.extend(map.values().rev());
            }
            Value::Array(items) => open.extend(items.iter().rev()),
            _ => {}
        }
    }
    found
}

/// A text field of a record as it may be stored: absent when empty.
pub(crate) fn text_of(record: &Reader<'_>, name: &str) -> Result<Option<String>, ReadError> {
    record.field(name).optional_label()
}

/// A number; absent counts as zero.
pub(crate) fn number_of(record: &Reader<'_>, name: &str) -> Result<Decimal, ReadError> {
    Ok(record.field(name).optional_decimal()?.unwrap_or_default())
}

/// The first date that is told among several fields.
pub(crate) fn date_of(record: &Reader<'_>, names: &[&str]) -> Result<Option<NaiveDate>, ReadError> {
    for name in names {
        if let Some(date) = record.field(name).optional_date()? {
            return Ok(Some(date));
        }
    }
    Ok(None)
}

/// A file of Procore's reference data, for tests; says so where it is not there.
#[cfg(test)]
#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
pub(crate) fn reference(name: &str) -> Option<std::path::PathBuf> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("../shared/reference/procore").join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!(
        "SKIPPED: {} is not there; the test proves nothing",
        path.display()
    );
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn request_details_are_found_wherever_they_stand() {
        let payload = json!({
            "request_detail_id": "9",
            "request_data": {"request_detail_id": 1, "items": [{"request_detail_id": 2}, {"request_detail_id": 1}, {"request_detail_id": "x"}]}
        });
        assert_eq!(request_detail_ids(&payload), [9, 1, 2]);
    }

    #[test]
    fn details_inside_beside_and_without_request_data() {
        for payload in [
            json!({"request_data": {"request_detail_id": 4}}),
            json!({"request_data": {}, "request_detail_id": "4"}),
            json!({"request_detail_id": 4}),
            json!({"request_data": "{\"request_detail_id\":4}"}),
        ] {
            assert_eq!(
                ErpEvent::parse("sync_vendors", &payload).unwrap(),
                ErpEvent::SyncVendors {
                    request_detail_id: Some(4)
                },
                "{payload}"
            );
        }
    }

    #[test]
    fn errors_name_the_field_and_keep_the_details() {
        let payload = json!({"request_data": {"vendor": {"name": "x"}, "request_detail_id": 5}});
        let error = ErpEvent::parse("create_vendor", &payload).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the order create_vendor cannot be read: request_data.vendor.id is missing"
        );
        assert_eq!(error.request_detail_ids, [5]);
    }

    #[test]
    fn links_are_read_one_by_one() {
        let payload = json!({"request_data": {"vendors": [
            {"id": "35", "origin_id": "80-1", "origin_data": "{\"edit_sequence\":\"7\"}"},
            {"id": "procore_vendor_id", "origin_id": "80-2"}
        ]}});
        let ErpEvent::LinkAllVendors(vendors) = ErpEvent::parse("link_all_vendors", &payload).unwrap() else {
            panic!("not read as link_all_vendors");
        };
        let first = vendors[0].as_ref().unwrap();
        assert_eq!(
            (
                first.id,
                first.origin_id.as_deref(),
                first.edit_sequence.as_deref()
            ),
            (35, Some("80-1"), Some("7"))
        );
        assert!(
            vendors[1]
                .as_ref()
                .unwrap_err()
                .error
                .to_string()
                .contains("vendors[1].id is no id")
        );
    }

    #[test]
    fn what_is_not_known_keeps_its_details() {
        assert_eq!(
            ErpEvent::parse(
                "create_rainbow",
                &json!({"request_data": {"request_detail_id": 3}})
            )
            .unwrap(),
            ErpEvent::Unknown {
                request_name: "create_rainbow".into(),
                request_detail_ids: vec![3]
            }
        );
        assert_eq!(
            ErpEvent::parse("create_budget_in_procore", &json!({})).unwrap(),
            ErpEvent::NothingToDo {
                request_name: "create_budget_in_procore".into()
            }
        );
    }

    #[test]
    fn all_names_of_the_reference_are_read_where_present() {
        let Some(path) = reference("erp-events.json") else {
            return;
        };
        let reference: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let events = reference["events"].as_object().unwrap();
        assert_eq!(events.len(), 51);
        let mut known = Vec::new();
        for (name, event) in events {
            // The dictionary says that it looks like this one.
            let example = if name == "update_budget" {
                &events["create_budget"]
            } else {
                event
            };
            let payload = example.get("payload").unwrap_or(&Value::Null);
            let read = ErpEvent::parse(name, payload).unwrap_or_else(|error| panic!("{error}"));
            assert!(
                !matches!(read, ErpEvent::Unknown { .. }),
                "{name} is in Procore's dictionary"
            );
            if !matches!(read, ErpEvent::Refused { .. } | ErpEvent::NothingToDo { .. }) {
                known.push(name.as_str());
            }
        }
        known.sort_unstable();
        assert_eq!(
            known,
            [
                "create_budget",
                "create_commitment",
                "create_commitment_change_order",
                "create_job_in_procore",
                "create_or_update_job",
                "create_payment",
                "create_payment_application",
                "create_prime_contract_change_order",
                "create_requisitions",
                "create_standard_cost_codes",
                "create_sub_job",
                "create_sub_job_in_procore",
                "create_vendor",
                "create_vendor_in_procore",
                "delete_cost_code",
                "delete_cost_codes",
                "delete_standard_categories",
                "delete_standard_cost_codes",
                "link_all_vendors",
                "link_vendor",
                "merge_vendors",
                "reset_job",
                "reset_prime_contract_change_order",
                "reset_requisition",
                "reset_sub_job",
                "sync_contract_payments",
                "sync_jobs",
                "sync_metadata",
                "sync_prime_contracts",
                "sync_single_job",
                "sync_standard_categories",
                "sync_standard_cost_codes",
                "sync_sub_jobs",
                "sync_vendors",
                "unlink_commitment",
                "unlink_commitment_change_order",
                "unlink_payment_application",
                "unlink_prime_contract_change_order",
                "unlink_standard_cost_codes",
                "unlink_vendor",
                "update_budget",
            ]
        );
    }

    proptest::proptest! {
        /// Whatever a field is replaced by: an answer or a named error, never a panic.
        #[test]
        fn no_payload_panics(name in proptest::sample::select(vec![
            "create_standard_cost_codes", "create_vendor", "create_or_update_job", "create_commitment",
            "create_requisitions", "link_all_vendors", "merge_vendors", "sync_jobs", "anything",
        ]), junk in "\\PC{0,30}", number in proptest::num::f64::ANY) {
            for value in [json!(junk), json!(number), json!([junk]), json!({"id": junk}), Value::Null] {
                for payload in [
                    json!({"request_data": value}),
                    json!({"request_data": {"vendor": value, "job": value, "commitment": value, "requisitions": [value],
                        "vendors": value, "all_cost_codes": value, "commitment_items": [value]}}),
                    json!({"request_data": [value]}),
                ] {
                    let _ = ErpEvent::parse(name, &payload);
                }
            }
        }
    }
}
