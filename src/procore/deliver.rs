//! Delivery of writebacks: a batch of one connection with as few calls as Procore allows.
//!
//! What can share a call does. Writebacks about the same record go in their order, and request details are closed
//! last; while a writeback waits for a better time, what is about the same record waits with it. One refused item
//! fails its own writeback alone. Which writebacks belong to one task, and what a request detail says when one of them
//! was refused, is the outbox's business.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use super::{
    budget_lines,
    client::ProcoreClient,
    cost_code_assignments, cost_types, erp_job_costs, erp_transactions,
    error::{ErrorKind, ProcoreError},
    external_data, invoice_payments,
    request_details::{self, Closing},
    staged_records, standard_cost_codes,
    sync::{ItemError, Synced},
    vendors,
};
use crate::{
    links::Link,
    writebacks::{DetailRef, Writeback},
};

/// How long to leave a connection alone whose credentials or installation are not accepted.
const CONNECTION_TROUBLE: Duration = Duration::from_mins(15);
/// How long to wait after an answer that cannot be read.
const UNREADABLE: Duration = Duration::from_mins(5);
/// Most messages kept of one writeback.
const MOST_MESSAGES: usize = 20;

/// Why a writeback was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// It may succeed later by itself.
    #[error("{message}")]
    Transient {
        /// How long to wait at least, where known.
        retry_after: Option<Duration>,
        /// For the operator.
        message: String,
    },
    /// Procore refused it; the same again would be refused again.
    #[error("{message}")]
    Permanent {
        /// Procore's words, and which records they are about.
        message: String,
    },
}

impl DeliveryError {
    /// Whether it is worth trying again.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Transient { .. })
    }

    /// How long to wait at least.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Transient { retry_after, .. } => *retry_after,
            Self::Permanent { .. } => None,
        }
    }
}

/// The calls, in the order in which they go when there is a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    ExternalData,
    CostTypes,
    StandardCostCodes,
    UpdateVendors,
    StageVendors,
    StageJobs,
    StagePrimeContracts,
    StageSubJobs,
    CostTypeAssignments,
    BudgetLines,
    BudgetTransactions,
    JobCosts,
    InvoicePayments,
    CloseDetail,
}

type Outcome = Result<(), DeliveryError>;

/// What came of a batch.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// One per writeback, in their order.
    pub outcomes: Vec<Outcome>,
    /// Procore is away, or will not have this connection: nothing else would have fared better.
    pub trouble: Option<Trouble>,
    /// Records of Procore that are linked now, which nobody has stored.
    pub links: Vec<Link>,
}

/// Trouble with the whole of Procore, or with all of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// How long Procore asks us to wait, where it does.
    pub retry_after: Option<Duration>,
}

/// Delivers a batch of one connection.
pub async fn deliver(client: &ProcoreClient, batch: &[Writeback]) -> Delivery {
    let mut outcomes: Vec<Option<Outcome>> = vec![None; batch.len()];
    let mut later = None;
    let mut met = None;
    let mut links = Vec::new();
    while let Some((kind, ready)) = next_call(batch, &outcomes) {
        let (results, trouble) = carry_out(client, kind, batch, &ready, &mut links).await;
        for (index, outcome) in ready.into_iter().zip(results) {
            later = later.max(outcome.as_ref().err().and_then(DeliveryError::retry_after));
            outcomes[index] = Some(outcome);
        }
        if trouble.is_some() {
            met = trouble;
            break;
        }
    }
    let held_back = || DeliveryError::Transient {
        retry_after: later,
        message: "It waits for an earlier call to Procore that could not be made yet.".to_owned(),
    };
    Delivery {
        outcomes: outcomes
            .into_iter()
            .map(|outcome| outcome.unwrap_or_else(|| Err(held_back())))
            .collect(),
        trouble: met,
        links,
    }
}

/// Which writebacks can share the next call: those with nothing undelivered before them about the same record.
fn next_call(batch: &[Writeback], outcomes: &[Option<Outcome>]) -> Option<(Kind, Vec<usize>)> {
    let mut taken: HashSet<String> = HashSet::new();
    let mut ready: BTreeMap<Kind, Vec<usize>> = BTreeMap::new();
    for (index, writeback) in batch.iter().enumerate() {
        let waits = match &outcomes[index] {
            Some(Ok(()) | Err(DeliveryError::Permanent { .. })) => continue,
            Some(Err(DeliveryError::Transient { .. })) => true,
            None => false,
        };
        let keys = keys_of(writeback);
        if !waits && !keys.iter().any(|key| taken.contains(key)) {
            ready.entry(kind_of(writeback)).or_default().push(index);
        }
        taken.extend(keys);
    }
    ready.into_iter().next()
}

fn kind_of(writeback: &Writeback) -> Kind {
    match writeback {
        Writeback::ExternalData { .. } => Kind::ExternalData,
        Writeback::CloseDetail { .. } => Kind::CloseDetail,
        Writeback::StageVendors { .. } => Kind::StageVendors,
        Writeback::UpdateVendors { .. } => Kind::UpdateVendors,
        Writeback::StageJobs { .. } => Kind::StageJobs,
        Writeback::StagePrimeContracts { .. } => Kind::StagePrimeContracts,
        Writeback::StageSubJobs { .. } => Kind::StageSubJobs,
        Writeback::StandardCostCodes { .. } => Kind::StandardCostCodes,
        Writeback::CostTypes => Kind::CostTypes,
        Writeback::CostTypeAssignments { .. } => Kind::CostTypeAssignments,
        Writeback::InvoicePayments { .. } => Kind::InvoicePayments,
        Writeback::BudgetLines { .. } => Kind::BudgetLines,
        Writeback::BudgetTransactions { .. } => Kind::BudgetTransactions,
        Writeback::JobCosts { .. } => Kind::JobCosts,
    }
}

/// What a writeback is about. Two that share a key never share a call.
fn keys_of(writeback: &Writeback) -> Vec<String> {
    match writeback {
        Writeback::ExternalData { entries } => entries.iter().map(|entry| entry.item.to_string()).collect(),
        Writeback::CloseDetail {
            detail: DetailRef::Id(id),
            ..
        } => vec![format!("detail:{id}")],
        Writeback::CloseDetail {
            detail: DetailRef::Item(item),
            ..
        } => vec![format!("detail of {item}")],
        Writeback::StageVendors { vendors } => vendors
            .iter()
            .map(|vendor| format!("staged vendor:{}", vendor.origin_id))
            .collect(),
        Writeback::UpdateVendors { vendors } => vendors
            .iter()
            .filter_map(|vendor| Some(format!("vendor:{}", vendor.procore_id?)))
            .collect(),
        Writeback::StageJobs { jobs } => jobs
            .iter()
            .map(|job| format!("staged job:{}", job.origin_id))
            .collect(),
        Writeback::StagePrimeContracts { contracts } => contracts
            .iter()
            .map(|contract| format!("staged contract:{}", contract.origin_id))
            .collect(),
        Writeback::StageSubJobs { sub_jobs } => sub_jobs
            .iter()
            .map(|job| format!("staged sub job:{}", job.origin_id))
            .collect(),
        Writeback::StandardCostCodes { codes, .. } => codes
            .iter()
            .map(|code| format!("code:{}", code.origin_id))
            .collect(),
        Writeback::CostTypes => vec!["cost types".to_owned()],
        Writeback::CostTypeAssignments { project_id, .. } => {
            vec![format!("cost types of project:{project_id}")]
        }
        // After the codes themselves.
        Writeback::BudgetLines {
            project_id, codes, ..
        } => codes
            .iter()
            .map(|code| format!("code:{}", code.item_list_id))
            .chain([format!("budget of project:{project_id}")])
            .collect(),
        Writeback::BudgetTransactions { project_id, .. } | Writeback::JobCosts { project_id, .. } => {
            vec![format!("budget of project:{project_id}")]
        }
        Writeback::InvoicePayments { payments } => payments
            .iter()
            .map(|payment| format!("payment:{}", payment.origin_id))
            .collect(),
    }
}

/// One record of a writeback, with the writeback's place in `ready`.
type Part<'w, T> = (usize, &'w T, String);

async fn carry_out(
    client: &ProcoreClient,
    kind: Kind,
    batch: &[Writeback],
    ready: &[usize],
    links: &mut Vec<Link>,
) -> (Vec<Outcome>, Option<Trouble>) {
    let batch: Vec<&Writeback> = ready.iter().map(|index| &batch[*index]).collect();
    let mut sums = vec![Sum::default(); ready.len()];
    match kind {
        Kind::ExternalData => {
            let parts = parts(
                &batch,
                |writeback| match writeback {
                    Writeback::ExternalData { entries } => entries.as_slice(),
                    _ => &[],
                },
                |entry| entry.item.to_string(),
            );
            let parts = last_of_each(parts, |entry| entry.item.to_string());
            let entries: Vec<_> = parts.iter().map(|part| part.1).collect();
            tally(&mut sums, &parts, external_data::put(client, &entries).await);
        }
        Kind::StageVendors => {
            let parts = parts(
                &batch,
                |writeback| match writeback {
                    Writeback::StageVendors { vendors } => vendors.as_slice(),
                    _ => &[],
                },
                |vendor| format!("vendor {}", vendor.name),
            );
            let parts = last_of_each(parts, |vendor| vendor.origin_id.clone());
            let vendors: Vec<_> = parts.iter().map(|part| part.1).collect();
            tally(
                &mut sums,
                &parts,
                staged_records::stage_vendors(client, &vendors).await,
            );
        }
        Kind::UpdateVendors => {
            let mut parts = parts(
                &batch,
                |writeback| match writeback {
                    Writeback::UpdateVendors { vendors } => vendors.as_slice(),
                    _ => &[],
                },
                |vendor| format!("vendor {}", vendor.name),
            );
            for (index, vendor, label) in &parts {
                if vendor.procore_id.is_none() {
                    sums[*index].refuse(label, &["it is not linked to a Procore company".to_owned()]);
                }
            }
            parts.retain(|part| part.1.procore_id.is_some());
            let parts = last_of_each(parts, |vendor| format!("{:?}", vendor.procore_id));
            let linked: Vec<_> = parts.iter().map(|part| part.1).collect();
            tally(&mut sums, &parts, vendors::update_linked(client, &linked).await);
        }
        Kind::StageJobs => {
            let parts = parts(
                &batch,
                |writeback| match writeback {
                    Writeback::StageJobs { jobs } => jobs.as_slice(),
                    _ => &[],
                },
                |job| format!("job {}", job.full_name),
            );
            let parts = last_of_each(parts, |job| job.origin_id.clone());
            let jobs: Vec<_> = parts.iter().map(|part| part.1).collect();
            tally(&mut sums, &parts, staged_records::stage_jobs(client, &jobs).await);
        }
        Kind::StagePrimeContracts => {
            let parts = parts(
                &batch,
                |writeback| match writeback {
                    Writeback::StagePrimeContracts { contracts } => contracts.as_slice(),
                    _ => &[],
                },
                |contract| format!("prime contract {}", contract.title),
            );
            let parts = last_of_each(parts, |contract| contract.origin_id.clone());
            let contracts: Vec<_> = parts.iter().map(|part| part.1).collect();
            tally(
                &mut sums,
                &parts,
                staged_records::stage_prime_contracts(client, &contracts).await,
            );
        }
        Kind::StageSubJobs => {
            let parts = parts(
                &batch,
                |writeback| match writeback {
                    Writeback::StageSubJobs { sub_jobs } => sub_jobs.as_slice(),
                    _ => &[],
                },
                |job| format!("job {}", job.full_name),
            );
            let parts = last_of_each(parts, |job| job.origin_id.clone());
            let sub_jobs: Vec<_> = parts.iter().map(|part| part.1).collect();
            tally(
                &mut sums,
                &parts,
                staged_records::stage_sub_jobs(client, &sub_jobs).await,
            );
        }
        Kind::InvoicePayments => {
            let parts = parts(
                &batch,
                |writeback| match writeback {
                    Writeback::InvoicePayments { payments } => payments.as_slice(),
                    _ => &[],
                },
                |payment| {
                    format!(
                        "payment {} of invoice {}",
                        payment.ref_number.as_deref().unwrap_or("without number"),
                        payment.requisition_id
                    )
                },
            );
            let parts = last_of_each(parts, |payment| payment.origin_id.clone());
            let payments: Vec<_> = parts.iter().map(|part| part.1).collect();
            tally(&mut sums, &parts, invoice_payments::put(client, &payments).await);
        }
        Kind::CostTypes => {
            let synced = cost_types::put(client).await;
            for (sum, result) in sums.iter_mut().zip(synced.results) {
                sum.add("cost type Other", result);
            }
        }
        // One call for each: the project stands beside the updates.
        Kind::BudgetLines | Kind::BudgetTransactions | Kind::JobCosts => {
            for (sum, writeback) in sums.iter_mut().zip(&batch) {
                budget(client, writeback, sum, links).await;
            }
        }
        Kind::CostTypeAssignments => assignments(client, &batch, &mut sums).await,
        Kind::StandardCostCodes => codes(client, &batch, &mut sums).await,
        Kind::CloseDetail => details(client, &batch, &mut sums).await,
    }
    let trouble = sums
        .iter()
        .filter_map(|sum| sum.transient.as_ref())
        .find(|error| error.concerns_connection())
        .map(|error| Trouble {
            retry_after: error.retry_after(),
        });
    (sums.into_iter().map(Sum::outcome).collect(), trouble)
}

/// The records of all writebacks of a call.
fn parts<'w, T>(
    batch: &[&'w Writeback],
    records: impl Fn(&'w Writeback) -> &'w [T],
    label: impl Fn(&T) -> String,
) -> Vec<Part<'w, T>> {
    batch
        .iter()
        .enumerate()
        .flat_map(|(index, writeback)| records(writeback).iter().map(move |record| (index, record)))
        .map(|(index, record)| (index, record, label(record)))
        .collect()
}

/// A record that stands twice in one writeback is sent once, as it was said last.
fn last_of_each<'w, T>(parts: Vec<Part<'w, T>>, key: impl Fn(&T) -> String) -> Vec<Part<'w, T>> {
    let mut seen = HashSet::new();
    let mut kept: Vec<Part<'w, T>> = parts
        .into_iter()
        .rev()
        .filter(|part| seen.insert(key(part.1)))
        .collect();
    kept.reverse();
    kept
}

fn tally<T>(sums: &mut [Sum], parts: &[Part<'_, T>], synced: Synced) {
    for ((index, _, label), result) in parts.iter().zip(synced.results) {
        sums[*index].add(label, result);
    }
}

async fn assignments(client: &ProcoreClient, batch: &[&Writeback], sums: &mut [Sum]) {
    for (index, writeback) in batch.iter().enumerate() {
        if let Writeback::CostTypeAssignments {
            project_id,
            assignments,
        } = writeback
        {
            let synced = cost_code_assignments::mark_synced(client, *project_id, assignments).await;
            for ((code, kind), result) in assignments.iter().zip(synced.results) {
                sums[index].add(&format!("cost type {kind} of cost code {code}"), result);
            }
        }
    }
}

async fn codes(client: &ProcoreClient, batch: &[&Writeback], sums: &mut [Sum]) {
    let mut lists: BTreeMap<Option<i64>, Vec<Part<'_, _>>> = BTreeMap::new();
    for (index, writeback) in batch.iter().enumerate() {
        if let Writeback::StandardCostCodes {
            standard_cost_code_list_id,
            codes,
        } = writeback
        {
            let parts = codes
                .iter()
                .map(|code| (index, code, format!("cost code {}", code.code)));
            lists
                .entry(*standard_cost_code_list_id)
                .or_default()
                .extend(parts);
        }
    }
    for (list, parts) in lists {
        let parts = last_of_each(parts, |code| code.origin_id.clone());
        let codes: Vec<_> = parts.iter().map(|part| part.1).collect();
        let list = match list {
            Some(list) => Ok(list),
            None => standard_cost_codes::find_list(client).await,
        };
        let synced = match list {
            Ok(list) => standard_cost_codes::put(client, list, &codes).await,
            Err(error) => Err(error),
        };
        match synced {
            Ok(synced) => tally(sums, &parts, synced),
            Err(error) => {
                for (index, _, label) in &parts {
                    sums[*index].add(label, Err(ItemError::Failed(error.clone())));
                }
            }
        }
    }
}

async fn details(client: &ProcoreClient, batch: &[&Writeback], sums: &mut [Sum]) {
    let mut closings: Vec<(usize, Closing)> = Vec::new();
    for (index, writeback) in batch.iter().enumerate() {
        let Writeback::CloseDetail {
            detail,
            succeeded,
            messages,
        } = writeback
        else {
            continue;
        };
        let mut closing = Closing {
            id: 0,
            succeeded: *succeeded,
            messages: messages.clone(),
        };
        match detail {
            DetailRef::Id(id) => closing.id = *id,
            DetailRef::Item(item) => match request_details::find_by_item(client, *item).await {
                Ok(found) => match found.iter().find(|detail| detail.is_open()) {
                    Some(open) => closing.id = open.id,
                    // Closed already, by us or by Procore itself: nobody waits.
                    None if closing.succeeded || !found.is_empty() => continue,
                    None => {
                        sums[index].refuse(
                            &format!("the messages for {item}"),
                            &[format!(
                                "Procore has no request detail that could show them: {}",
                                closing.messages.join(" ")
                            )],
                        );
                        continue;
                    }
                },
                Err(error) => {
                    sums[index].add(
                        &format!("request detail of {item}"),
                        Err(ItemError::Failed(error)),
                    );
                    continue;
                }
            },
        }
        closings.push((index, closing));
    }
    while !closings.is_empty() {
        // The same detail twice (once by its id, once by its item): one after the other.
        let mut seen = HashSet::new();
        let (now, later): (Vec<_>, Vec<_>) = closings
            .into_iter()
            .partition(|(_, closing)| seen.insert(closing.id));
        let all: Vec<Closing> = now.iter().map(|(_, closing)| closing.clone()).collect();
        let synced = request_details::close_all(client, &all).await;
        for ((index, closing), result) in now.iter().zip(synced.results) {
            sums[*index].add(&format!("request detail {}", closing.id), result);
        }
        closings = later;
    }
}

async fn budget(client: &ProcoreClient, writeback: &Writeback, sum: &mut Sum, links: &mut Vec<Link>) {
    match writeback {
        Writeback::BudgetLines {
            project_id,
            job_origin_id,
            standard_cost_code_list_id,
            codes,
        } => {
            let project = budget_lines::Project {
                id: *project_id,
                job_origin_id,
            };
            let mut added = budget_lines::add(client, *standard_cost_code_list_id, project, codes).await;
            links.append(&mut added.links);
            for (code, result) in codes.iter().zip(added.results) {
                let label = format!("cost code {} in the budget of project {project_id}", code.name);
                sum.add(&label, result);
            }
        }
        Writeback::BudgetTransactions {
            project_id,
            transactions,
        } => {
            let synced = erp_transactions::put(client, *project_id, transactions).await;
            for (transaction, result) in transactions.iter().zip(synced.results) {
                sum.add(&format!("budget transaction {}", transaction.procore_id), result);
            }
        }
        Writeback::JobCosts {
            project_id,
            job_origin_id,
            rows,
        } => {
            let synced = erp_job_costs::put(client, *project_id, job_origin_id, rows).await;
            for (row, result) in rows.iter().zip(synced.results) {
                sum.add(&format!("job cost {}", row.cost_code_origin_id), result);
            }
        }
        _ => {}
    }
}

/// What came of one writeback's parts.
#[derive(Clone, Debug, Default)]
struct Sum {
    messages: Vec<String>,
    transient: Option<ProcoreError>,
}

impl Sum {
    fn add(&mut self, label: &str, result: Result<(), ItemError>) {
        match result {
            Ok(()) => {}
            Err(ItemError::Refused(messages)) => self.refuse(label, &messages),
            Err(ItemError::Failed(error)) if may_pass(&error) => {
                // The longest wait decides.
                if self
                    .transient
                    .as_ref()
                    .is_none_or(|held| held.retry_after() < error.retry_after())
                {
                    self.transient = Some(error);
                }
            }
            Err(ItemError::Failed(error)) => self.refuse(label, &[error.to_string()]),
        }
    }

    fn refuse(&mut self, label: &str, messages: &[String]) {
        if self.messages.len() < MOST_MESSAGES {
            self.messages
                .push(format!("Procore refused {label}: {}", messages.join("; ")));
        }
    }

    fn outcome(self) -> Outcome {
        if let Some(error) = self.transient {
            let retry_after = match error.kind() {
                ErrorKind::Unauthorized | ErrorKind::NotConnected => Some(CONNECTION_TROUBLE),
                ErrorKind::Unreadable => Some(UNREADABLE),
                _ => error.retry_after(),
            };
            return Err(DeliveryError::Transient {
                retry_after,
                message: error.to_string(),
            });
        }
        if self.messages.is_empty() {
            Ok(())
        } else {
            Err(DeliveryError::Permanent {
                message: self.messages.join(" "),
            })
        }
    }
}

/// Trouble that is not the record's fault is waited out: credentials are mended, apps installed again.
fn may_pass(error: &ProcoreError) -> bool {
    error.is_transient()
        || matches!(
            error.kind(),
            ErrorKind::Unauthorized | ErrorKind::NotConnected | ErrorKind::Unreadable
        )
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        links::{ItemType, ProcoreItem},
        procore::fake::{Answer, Fake},
        writebacks::{ExternalDatum, VendorData},
    };

    fn link(id: i64, origin: Option<&str>) -> Writeback {
        Writeback::ExternalData {
            entries: vec![ExternalDatum {
                item: ProcoreItem::new(ItemType::Vendor, id),
                origin_id: origin.map(str::to_owned),
                origin_code: None,
                edit_sequence: None,
            }],
        }
    }

    fn close(id: i64) -> Writeback {
        Writeback::CloseDetail {
            detail: DetailRef::Id(id),
            succeeded: true,
            messages: vec![],
        }
    }

    async fn agreeable() -> Fake {
        Fake::start(|_| Answer::ok(json!({"entities": [], "errors": []}))).await
    }

    fn lines(fake: &Fake) -> Vec<String> {
        fake.requests()
            .iter()
            .map(super::super::fake::Seen::line)
            .collect()
    }

    #[tokio::test]
    async fn many_writebacks_share_two_calls_and_details_come_last() {
        let fake = agreeable().await;
        let batch: Vec<_> = (1..=50).flat_map(|n| [close(n), link(n, Some("80"))]).collect();
        let Delivery { outcomes, .. } = deliver(&fake.client(), &batch).await;
        assert!(outcomes.iter().all(Result::is_ok));
        assert_eq!(
            lines(&fake),
            [
                "PATCH /rest/v1.0/companies/7/external_data/sync",
                "PATCH /rest/v1.0/companies/7/erp_request_details/sync"
            ]
        );
        assert_eq!(fake.requests()[0].body["updates"].as_array().unwrap().len(), 50);
    }

    #[tokio::test]
    async fn the_same_record_keeps_its_order() {
        let fake = agreeable().await;
        deliver(
            &fake.client(),
            &[link(35, Some("A")), link(35, None), link(36, Some("B"))],
        )
        .await;
        let origins: Vec<Vec<Value>> = fake
            .requests()
            .iter()
            .map(|r| {
                r.body["updates"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|u| u["origin_id"].clone())
                    .collect()
            })
            .collect();
        assert_eq!(origins, [vec![json!("A"), json!("B")], vec![Value::Null]]);
    }

    #[tokio::test]
    async fn a_refused_item_fails_its_own_writeback() {
        let fake = Fake::start(|_| {
            Answer::ok(json!({"entities": [], "errors": [
                {"item_type": "vendor", "item_id": 2, "errors": {"origin_id": ["has already been taken"]}}
            ]}))
        })
        .await;
        let Delivery { outcomes, .. } =
            deliver(&fake.client(), &[link(1, Some("A")), link(2, Some("B"))]).await;
        assert!(outcomes[0].is_ok());
        let error = outcomes[1].as_ref().unwrap_err();
        assert!(!error.is_transient());
        assert_eq!(
            error.to_string(),
            "Procore refused vendor:2: origin_id: has already been taken"
        );
    }

    #[tokio::test]
    async fn what_is_about_the_same_record_waits_with_it() {
        let fake = Fake::start(|request| match request.path.as_str() {
            "/rest/v1.0/vendors/sync" => Answer::of(StatusCode::REQUEST_TIMEOUT, json!({})),
            _ => Answer::ok(json!({"entities": [], "errors": []})),
        })
        .await;
        let update = Writeback::UpdateVendors {
            vendors: vec![VendorData {
                procore_id: Some(35),
                origin_id: "A".into(),
                name: "Acme".into(),
                ..VendorData::default()
            }],
        };
        let Delivery { outcomes, .. } =
            deliver(&fake.client(), &[update, link(35, None), link(36, None)]).await;
        assert!(outcomes[0].as_ref().unwrap_err().is_transient());
        assert!(
            outcomes[1]
                .as_ref()
                .unwrap_err()
                .to_string()
                .contains("waits for an earlier call")
        );
        assert!(outcomes[2].is_ok());
    }

    #[tokio::test]
    async fn trouble_of_the_connection_stops_the_batch() {
        let fake = Fake::start(|_| {
            Answer::of(
                StatusCode::FORBIDDEN,
                json!({"errors": ["App is not connected to this company."]}),
            )
        })
        .await;
        let Delivery { outcomes, .. } =
            deliver(&fake.client(), &[link(1, Some("A")), close(11), close(12)]).await;
        assert_eq!(fake.requests().len(), 1);
        assert!(outcomes.iter().all(|o| o.as_ref().unwrap_err().is_transient()));
        assert_eq!(
            outcomes[2].as_ref().unwrap_err().retry_after(),
            Some(CONNECTION_TROUBLE)
        );
    }

    #[tokio::test]
    async fn a_detail_is_found_by_its_item_and_a_closed_one_is_left() {
        let fake = Fake::start(|request| {
            if request.method == "GET" {
                let status = if request.query.contains("=9") {
                    "in progress"
                } else {
                    "success"
                };
                return Answer::ok(json!([{"id": 77, "item_type": "requisition", "status": status}]));
            }
            Answer::ok(json!({}))
        })
        .await;
        let by_item = |id| Writeback::CloseDetail {
            detail: DetailRef::Item(ProcoreItem::new(ItemType::Requisition, id)),
            succeeded: false,
            messages: vec!["no".into()],
        };
        let Delivery { outcomes, .. } = deliver(&fake.client(), &[by_item(9), by_item(10)]).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        let writes: Vec<String> = lines(&fake)
            .into_iter()
            .filter(|line| !line.starts_with("GET"))
            .collect();
        assert_eq!(writes, ["PATCH /rest/v1.0/companies/7/erp_request_details/77"]);
    }

    #[tokio::test]
    async fn messages_that_nobody_can_read_are_not_lost_silently() {
        let fake = Fake::start(|_| Answer::ok(json!([]))).await;
        let close = |succeeded| Writeback::CloseDetail {
            detail: DetailRef::Item(ProcoreItem::new(ItemType::Requisition, 9)),
            succeeded,
            messages: vec!["Bill is locked.".into()],
        };
        let Delivery { outcomes, .. } = deliver(&fake.client(), &[close(true)]).await;
        assert!(outcomes[0].is_ok(), "nobody waits for a success");
        let Delivery { outcomes, .. } = deliver(&fake.client(), &[close(false)]).await;
        assert!(
            outcomes[0]
                .as_ref()
                .unwrap_err()
                .to_string()
                .contains("Bill is locked.")
        );
    }

    #[tokio::test]
    async fn pages_of_one_import_share_calls() {
        let fake = agreeable().await;
        let page = |from: usize| Writeback::StageVendors {
            vendors: (from..from + 500)
                .map(|n| VendorData {
                    origin_id: n.to_string(),
                    name: n.to_string(),
                    ..VendorData::default()
                })
                .collect(),
        };
        let Delivery { outcomes, .. } =
            deliver(&fake.client(), &[page(0), page(500), page(1000), close(5)]).await;
        assert!(outcomes.iter().all(Result::is_ok));
        assert_eq!(
            fake.requests().len(),
            3,
            "1,500 vendors in two calls, and the detail"
        );
    }

    proptest::proptest! {
        /// Everything is delivered exactly once, and what is about one record keeps its order.
        #[test]
        fn nothing_is_lost_or_swapped(spec in proptest::collection::vec((0_i64..5, proptest::bool::ANY), 0..24)) {
            let batch: Vec<Writeback> =
                spec.iter().map(|(id, is_close)| if *is_close { close(*id) } else { link(*id, Some("x")) }).collect();
            let mut outcomes = vec![None; batch.len()];
            let mut round_of = vec![usize::MAX; batch.len()];
            let mut round = 0;
            while let Some((_, ready)) = next_call(&batch, &outcomes) {
                for index in ready {
                    proptest::prop_assert_eq!(round_of[index], usize::MAX);
                    round_of[index] = round;
                    outcomes[index] = Some(Ok(()));
                }
                round += 1;
            }
            proptest::prop_assert!(round_of.iter().all(|round| *round != usize::MAX));
            for later in 0..batch.len() {
                for earlier in 0..later {
                    if keys_of(&batch[earlier]) == keys_of(&batch[later]) {
                        proptest::prop_assert!(round_of[earlier] < round_of[later]);
                    }
                }
            }
        }
    }
}
