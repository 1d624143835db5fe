//! From an order of Procore to tasks, links and answers. Pure: what is known is handed in.
//!
//! Amounts, quantities and dates are read once, here and in [`crate::procore::events`]; what cannot be used is
//! rejected with the name of its field, and nothing else of the batch suffers.

use std::collections::{HashMap, HashSet};

use super::{priorities, subjects};
use crate::{
    connections::settings::Settings,
    links::{ItemType, NewLink, ProcoreItem, guid},
    procore::{
        events::{
            self, BadItem, ErpEvent, EventError, LinkedRecord,
            catalog::{self, Handling, Switch},
        },
        requisitions::RequisitionFacts,
    },
    tasks::{
        AnyTask,
        imports::{
            job_costs::JobCostsImport, jobs::JobsImport, payments::PaymentsImport,
            prime_contracts::PrimeContractsImport, standard_cost_codes::StandardCostCodesImport,
            vendors::VendorsImport,
        },
        queue::NewTask,
    },
    writebacks::{DetailRef, Writeback},
};

mod amounts;
mod budget;
mod change_order;
mod codes;
mod commitment;
mod invoice;
mod job;
mod owner_invoice;
mod payment;
mod prime_change_order;
mod standard_cost_code;
mod sub_job;
mod unlink;
mod vendor;

/// What the planner may know.
#[derive(Clone, Debug)]
pub struct Known<'a> {
    /// The Procore company; ids of ours for new QuickBooks records are derived from it.
    pub company_id: i64,
    /// What the ordinary API says of the subcontractor invoices of this order, as far as it could be asked.
    pub requisition_details: &'a HashMap<i64, RequisitionFacts>,
    /// Where the reading of payments left off.
    pub payments_watermark: Option<&'a str>,
}

/// A task to enqueue.
#[derive(Clone, Debug)]
pub struct PlannedTask {
    /// The record it is about; tasks of one subject run in order.
    pub subject: String,
    /// For people.
    pub label: String,
    /// The work.
    pub task: AnyTask,
    /// The request detail to close when it ends.
    pub detail: Option<DetailRef>,
    /// Subjects it must wait for, as far as they are unfinished.
    pub needs: Vec<String>,
    /// Smaller is earlier.
    pub priority: i16,
}

impl PlannedTask {
    /// For the queue, with the ERP request it came from.
    pub fn into_new_task(self, erp_request_id: Option<i64>) -> NewTask {
        NewTask {
            subject: self.subject,
            label: self.label,
            task: self.task,
            detail: self.detail,
            erp_request_id,
            needs: self.needs,
            priority: self.priority,
        }
    }
}

/// An answer that is known at once: the order, or an item of it, cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Whom to tell; `None` where the order named no request detail.
    pub detail: Option<DetailRef>,
    /// What the user reads.
    pub messages: Vec<String>,
}

/// What an order comes to.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Work, in the order in which it is to be enqueued: what others need comes first.
    pub tasks: Vec<PlannedTask>,
    /// Answers that are known at once.
    pub rejections: Vec<Rejection>,
    /// Links Procore told us of.
    pub links: Vec<NewLink>,
    /// Links Procore told us are gone.
    pub unlinks: Vec<ProcoreItem>,
    /// Calls that are owed to Procore whatever QuickBooks says.
    pub writebacks: Vec<Writeback>,
    /// Procore asks for our metadata document.
    pub send_metadata: bool,
}

/// Reads an order. One that these settings have not switched on is refused before it is read any further.
pub fn read(
    request_name: &str,
    payload: &serde_json::Value,
    settings: &Settings,
) -> Result<ErpEvent, EventError> {
    // The dictionary's heading says one name, its example the other.
    let request_name = match request_name {
        "create_contract_payment" => "create_payment",
        other => other,
    };
    let is_on = |switch| match switch {
        Switch::OwnerInvoices => settings.owner_invoices,
        Switch::PrimeContractChangeOrders => settings.prime_contract_change_orders,
        Switch::PrimeContractImport => settings.prime_contract_import,
        Switch::PaymentsFromProcore => settings.payments_from_procore,
        Switch::SubJobs => settings.sub_jobs,
    };
    match catalog::find(request_name).map(|event| event.handling) {
        Some(Handling::Switched(switch, reason)) if !is_on(switch) => Ok(ErpEvent::Refused {
            request_name: request_name.to_owned(),
            reason,
            request_detail_ids: events::request_detail_ids(payload),
        }),
        _ => ErpEvent::parse(request_name, payload),
    }
}

/// Plans an order.
pub fn plan(event: ErpEvent, known: &Known<'_>) -> Plan {
    let mut plan = Plan::default();
    match event {
        ErpEvent::CreateStandardCostCodes(codes) => standard_cost_code::plan(codes, known, &mut plan),
        ErpEvent::CreateVendor(order) => vendor::plan(*order, known, &mut plan),
        ErpEvent::CreateOrUpdateJob(order) => job::plan(*order, known, &mut plan),
        ErpEvent::CreateSubJob(order) => sub_job::plan(*order, known, &mut plan),
        ErpEvent::CreateCommitment(order) => commitment::plan(*order, known, &mut plan),
        ErpEvent::ExportBudget(order) => budget::plan(*order, known, &mut plan),
        ErpEvent::CreateChangeOrder(order) => change_order::plan(*order, known, &mut plan),
        ErpEvent::CreateRequisitions(orders) => invoice::plan(orders, known, &mut plan),
        ErpEvent::CreatePayment(order) => payment::plan(*order, known, &mut plan),
        ErpEvent::CreatePaymentApplication(order) => owner_invoice::plan(*order, known, &mut plan),
        ErpEvent::CreatePrimeChangeOrder(order) => prime_change_order::plan(*order, known, &mut plan),
        ErpEvent::SyncStandardCostCodes {
            list_id,
            request_detail_id,
        } => plan.import(
            subjects::STANDARD_COST_CODES,
            "Standard cost codes from QuickBooks",
            AnyTask::StandardCostCodesImport(StandardCostCodesImport::new(list_id)),
            request_detail_id,
        ),
        ErpEvent::SyncVendors { request_detail_id } => plan.import(
            subjects::VENDORS,
            "Vendors from QuickBooks",
            AnyTask::VendorsImport(VendorsImport::new()),
            request_detail_id,
        ),
        ErpEvent::SyncJobs { request_detail_id } => plan.import(
            subjects::JOBS,
            "Jobs from QuickBooks",
            AnyTask::JobsImport(JobsImport::new()),
            request_detail_id,
        ),
        ErpEvent::SyncPrimeContracts { request_detail_id } => plan.import(
            subjects::PRIME_CONTRACTS,
            "Prime contracts from QuickBooks",
            AnyTask::PrimeContractsImport(PrimeContractsImport::new()),
            request_detail_id,
        ),
        ErpEvent::SyncSubJobs { request_detail_id } => plan.import(
            subjects::JOBS,
            "Sub jobs from QuickBooks",
            AnyTask::JobsImport(JobsImport::new()),
            request_detail_id,
        ),
        ErpEvent::SyncContractPayments { request_detail_id } => plan.import(
            subjects::PAYMENTS,
            "Payments from QuickBooks",
            AnyTask::PaymentsImport(PaymentsImport::new(known.payments_watermark.map(str::to_owned))),
            request_detail_id,
        ),
        ErpEvent::SyncSingleJob { job_list_id } => plan.import(
            subjects::JOB_COSTS,
            "Job costs of one project from QuickBooks",
            AnyTask::JobCostsImport(JobCostsImport::new(Some(job_list_id))),
            None,
        ),
        ErpEvent::CreateVendorInProcore(record) | ErpEvent::LinkVendor(record) => {
            plan.link(ItemType::Vendor, &record);
        }
        ErpEvent::LinkAllVendors(records) => {
            for record in records {
                match record {
                    Ok(record) => plan.link(ItemType::Vendor, &record),
                    Err(bad) => plan.refuse(&bad, None),
                }
            }
        }
        ErpEvent::CreateJobInProcore(record) => plan.link(ItemType::Project, &record),
        ErpEvent::CreateSubJobInProcore(record) => plan.link(ItemType::SubJob, &record),
        ErpEvent::UnlinkVendor(record) => {
            plan.unlinks.push(ProcoreItem::new(ItemType::Vendor, record.id));
            // QBD-33: it is offered for import again.
            plan.import(
                subjects::VENDORS,
                "Vendors from QuickBooks",
                AnyTask::VendorsImport(VendorsImport::new()),
                None,
            );
        }
        ErpEvent::UnlinkCommitment(order) => unlink::commitment(order, &mut plan),
        ErpEvent::UnlinkChangeOrder(order) => unlink::change_order(order, &mut plan),
        ErpEvent::UnlinkPaymentApplication(order) => unlink::payment_application(order, &mut plan),
        ErpEvent::UnlinkPrimeChangeOrder(order) => unlink::prime_change_order(order, &mut plan),
        ErpEvent::ForgetCostTypes(ids) => plan.forget(ItemType::LineItemType, ids),
        ErpEvent::ForgetCostCodes {
            ids,
            request_detail_ids,
        } => {
            plan.forget(ItemType::CostCode, ids);
            let closed = |id| Writeback::CloseDetail {
                detail: DetailRef::Id(id),
                succeeded: true,
                messages: Vec::new(),
            };
            plan.writebacks.extend(request_detail_ids.into_iter().map(closed));
        }
        ErpEvent::ResetJob { project_id } => plan.forget(ItemType::Project, vec![project_id]),
        ErpEvent::ResetSubJob { sub_job_id } => plan.forget(ItemType::SubJob, vec![sub_job_id]),
        ErpEvent::MergeVendors { master, sources } => {
            let gone = sources.iter().filter(|source| source.id != master.id);
            plan.unlinks
                .extend(gone.map(|source| ProcoreItem::new(ItemType::Vendor, source.id)));
            if master.origin_id.is_some() {
                plan.link(ItemType::Vendor, &master);
            }
        }
        ErpEvent::ForgetStandardCostCodes(ids) => plan.forget(ItemType::StandardCostCode, ids),
        ErpEvent::ResetRequisition { requisition_id } => {
            plan.forget(ItemType::Requisition, vec![requisition_id]);
        }
        ErpEvent::SyncStandardCategories => plan.writebacks.push(Writeback::CostTypes),
        ErpEvent::SyncMetadata => plan.send_metadata = true,
        ErpEvent::NothingToDo { .. } => {}
        ErpEvent::Refused {
            reason,
            request_detail_ids,
            ..
        } => {
            let message = format!("{reason} Nothing was changed in QuickBooks.");
            plan.refuse_all(&request_detail_ids, &message);
        }
        ErpEvent::Unknown {
            request_name,
            request_detail_ids,
        } => {
            let message = format!(
                "Procore sent the order \"{request_name}\". This version of Plumbline does not handle it. Nothing was changed in QuickBooks."
            );
            plan.refuse_all(&request_detail_ids, &message);
        }
    }
    plan
}

/// The answer to an order that cannot be read.
pub fn refuse(error: &EventError) -> Plan {
    let mut plan = Plan::default();
    plan.refuse_all(&error.request_detail_ids, &unusable(&error.to_string()));
    plan
}

fn unusable(error: &str) -> String {
    format!(
        "Plumbline cannot use what Procore sent: {error}. Nothing was changed in QuickBooks. Send it again; if it stays so, give this message to whoever runs Plumbline."
    )
}

impl Plan {
    fn import(&mut self, subject: &str, label: &str, task: AnyTask, request_detail_id: Option<i64>) {
        self.tasks.push(PlannedTask {
            subject: subject.to_owned(),
            label: label.to_owned(),
            task,
            detail: request_detail_id.map(DetailRef::Id),
            needs: Vec::new(),
            priority: priorities::IMPORT,
        });
    }

    fn forget(&mut self, item_type: ItemType, ids: Vec<i64>) {
        let items = ids.into_iter().map(|id| ProcoreItem::new(item_type, id));
        self.unlinks.extend(items);
    }

    fn link(&mut self, item_type: ItemType, record: &LinkedRecord) {
        let Some(origin_id) = record.origin_id.clone() else {
            self.rejections.push(Rejection {
                detail: None,
                messages: vec![format!(
                    "Procore linked {} {} without saying to what. The link was not stored.",
                    item_type.as_str(),
                    record.id
                )],
            });
            return;
        };
        self.links.push(NewLink {
            item: ProcoreItem::new(item_type, record.id),
            quickbooks_id: origin_id.clone(),
            origin_id,
            origin_code: None,
            edit_sequence: record.edit_sequence.clone(),
            tell_procore: false,
            stands_as: None,
        });
    }

    /// One message to each request detail; to nobody in particular where there is none.
    fn refuse_all(&mut self, details: &[i64], message: &str) {
        let messages = vec![message.to_owned()];
        if details.is_empty() {
            self.rejections.push(Rejection {
                detail: None,
                messages,
            });
            return;
        }
        for id in details {
            self.rejections.push(Rejection {
                detail: Some(DetailRef::Id(*id)),
                messages: messages.clone(),
            });
        }
    }

    /// One item that cannot be read, of this kind.
    fn refuse(&mut self, bad: &BadItem, item_type: Option<ItemType>) {
        let by_item = || Some(DetailRef::Item(ProcoreItem::new(item_type?, bad.id?)));
        self.rejections.push(Rejection {
            detail: bad.request_detail_id.map(DetailRef::Id).or_else(by_item),
            messages: vec![unusable(&bad.error.to_string())],
        });
    }
}

/// The subject of a record: `vendor:35`. Both kinds of commitment share one word, since invoices name only the id.
fn subject(word: &str, id: i64) -> String {
    format!("{word}:{id}")
}

/// The request detail of an export: by its id, or by the record where the order carried none.
fn detail_of(request_detail_id: Option<i64>, item: ProcoreItem) -> DetailRef {
    request_detail_id.map_or(DetailRef::Item(item), DetailRef::Id)
}

/// Without repetitions, in order.
fn distinct(subjects: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut seen = HashSet::new();
    subjects
        .into_iter()
        .filter(|subject| seen.insert(subject.clone()))
        .collect()
}

#[cfg(test)]
mod tests;
