//! Job costs of QuickBooks → Procore: every kind of transaction that carries costs, then each synced job's own report to
//! compare the sums with, then what Procore is told.
//!
//! Transactions cannot be asked for by job, so what changed is read for all jobs at once, and kept line by line; a
//! transaction that is read twice replaces itself. When a job's sum is not what QuickBooks reports, everything is read
//! once more from the beginning; a difference that stays is an alarm. Nothing is ever written to QuickBooks (MAP-16).
//! What may not live here: SQL, and how Procore names the fields.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{lists::lacks_a_page, local_time};
use crate::{
    connections::settings::DirectCostColumns,
    job_costs::{CostLine, CostTransaction, ItemCost, JobCostsEffect, JobCostsWanted, ProjectCosts},
    mirror::name_key,
    qbxml::{
        Access, ListRef, Money, Request, Response, RetryClass, Status,
        cost_transaction::{self, CostLineRet, CostTransactionRet},
        job_report,
        response::Piece,
        txn_deleted::{self, TxnDeletedRet},
    },
    tasks::{Effects, Facts, Failure, FailureCode, Machine, Outcome, Step, Turn, Wants, progress::Progress},
    writebacks::{JobCostAmounts, JobCostRow, Writeback},
};

/// How often a query may begin again before somebody has to look.
const MOST_RESTARTS: u8 = 20;
/// Most sentences of one kind that the result of a task lists; the rest is counted.
const MOST_LISTED: usize = 50;
/// The feature is off in this company file, so there is nothing of the kind.
const FEATURE_OFF: i32 = 3250;

/// The kinds that are read: query, element of a record, kind, and whether its lines are credits. Paychecks are not among
/// them: qbXML shows them as sums only, and reports on payroll need a right of their own (qbxml.md §12).
const KINDS: [(&str, &str, &str, bool); 7] = [
    ("BillQueryRq", "BillRet", "Bill", false),
    ("ItemReceiptQueryRq", "ItemReceiptRet", "ItemReceipt", false),
    ("CheckQueryRq", "CheckRet", "Check", false),
    (
        "CreditCardChargeQueryRq",
        "CreditCardChargeRet",
        "CreditCardCharge",
        false,
    ),
    (
        "CreditCardCreditQueryRq",
        "CreditCardCreditRet",
        "CreditCardCredit",
        true,
    ),
    ("VendorCreditQueryRq", "VendorCreditRet", "VendorCredit", true),
    ("JournalEntryQueryRq", "JournalEntryRet", "JournalEntry", false),
];

/// Reads job costs and tells Procore what they add up to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobCostsImport {
    /// The one job that was asked for; none: all synced jobs.
    only: Option<String>,
    /// What is being read.
    stage: Stage,
    /// The latest change seen by the last complete reading. None: everything is read.
    watermark: Option<String>,
    /// The latest change seen by this one.
    latest: Option<String>,
    /// Where the query that is being read stands.
    cursor: Option<Cursor>,
    /// How often that query began again.
    restarts: u8,
    /// Everything was read anew because a sum differed.
    read_anew: bool,
    /// Procore's id of the last project that was compared.
    after: i64,
    /// The job whose report is asked for.
    job: Option<String>,
    /// Projects that were compared.
    projects: u64,
    /// Sums that differ from QuickBooks' report.
    differences: Vec<String>,
    /// What could not be read.
    unreadable: BTreeSet<String>,
    /// What went wrong with one query, while the others went on.
    failure: Option<Failure>,
}

/// What is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    /// Nothing yet: from where is not known.
    Start,
    /// This kind of transaction, by its place in [`KINDS`].
    Kind(usize),
    /// What was deleted.
    Deleted,
    /// The reports of the synced jobs.
    Jobs,
}

/// The place in a query that is read by pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    /// The update session that holds QuickBooks' iterator; in another session the iterator is dead.
    session: Uuid,
    /// QuickBooks' id of it.
    iterator_id: String,
    /// The page size it was started with; it must stay the same.
    page_size: u16,
    /// How many records QuickBooks said are left.
    remaining: u64,
    /// How many were read.
    #[serde(default)]
    read: u64,
}

impl JobCostsImport {
    /// Reads what changed, then compares all synced jobs, or the one with this `ListID`.
    pub fn new(only: Option<String>) -> Self {
        Self {
            only,
            stage: Stage::Start,
            watermark: None,
            latest: None,
            cursor: None,
            restarts: 0,
            read_anew: false,
            after: 0,
            job: None,
            projects: 0,
            differences: Vec::new(),
            unreadable: BTreeSet::new(),
            failure: None,
        }
    }

    /// The local time from which to read; none: everything.
    fn from(&self) -> Option<String> {
        local_time::overlapping(self.watermark.as_deref()?)
    }

    /// What to ask next; none where it is known without asking.
    fn request(&self, facts: &Facts<'_>) -> Option<Request> {
        match self.stage {
            Stage::Start => None,
            Stage::Kind(at) => {
                let request = cost_transaction::query(KINDS.get(at)?.0, self.from().as_deref());
                Some(match &self.cursor {
                    Some(cursor) if cursor.session == facts.session => {
                        request.iterator_continue(&cursor.iterator_id, cursor.page_size)
                    }
                    _ => request.iterator_start(facts.settings.page_size.max(1)),
                })
            }
            Stage::Deleted => {
                let types = KINDS.map(|kind| kind.2);
                Some(txn_deleted::query(&types, &self.from()?))
            }
            Stage::Jobs => self.job.as_deref().map(job_report::query),
        }
    }

    /// Everything is read from the beginning; what does not come is gone.
    fn begin(&mut self, watermark: Option<String>) -> Effects {
        self.watermark = watermark;
        self.stage = Stage::Kind(0);
        self.cursor = None;
        self.restarts = 0;
        if self.from().is_some() {
            return Effects::default();
        }
        self.watermark = None;
        leaving(vec![JobCostsEffect::FullBegun])
    }

    /// The next query. After the last one, where all went well, the next reading begins from here.
    fn next(&mut self) -> Effects {
        self.cursor = None;
        self.restarts = 0;
        let full = self.watermark.is_none();
        self.stage = match self.stage {
            Stage::Kind(at) if at + 1 < KINDS.len() => Stage::Kind(at + 1),
            // A full reading needs not ask what was deleted: it did not come.
            Stage::Kind(_) if !full => Stage::Deleted,
            _ => Stage::Jobs,
        };
        if self.stage != Stage::Jobs || self.failure.is_some() {
            return Effects::default();
        }
        let mut effects = Vec::new();
        if full {
            effects.push(JobCostsEffect::FullEnded);
        }
        let latest = self.latest.clone().max(self.watermark.clone());
        effects.extend(latest.map(JobCostsEffect::Watermark));
        leaving(effects)
    }

    /// Takes a page, and where the query stands.
    fn page(&mut self, response: &Response, facts: &Facts<'_>) -> Result<Effects, Failure> {
        let mut effects = Effects::default();
        let (mut here, mut read, mut gone) = (0, Vec::new(), Vec::new());
        for piece in response.pieces() {
            here += 1;
            let kept = match self.stage {
                Stage::Kind(at) if KINDS.get(at).is_some_and(|kind| kind.1 == piece.name) => {
                    self.keep(&piece, KINDS[at]).map(|kept| read.push(kept))
                }
                Stage::Deleted if piece.name == txn_deleted::RET => piece
                    .read()
                    .map(|deleted: TxnDeletedRet| gone.push(deleted.txn_id))
                    .map_err(|error| error.to_string()),
                _ => Ok(()),
            };
            if let Err(why) = kept
                && self.unreadable.len() < MOST_LISTED
                && self.unreadable.insert(why.clone())
            {
                effects.unreadable.push(why);
            }
        }
        if !read.is_empty() {
            effects.job_costs.push(JobCostsEffect::Read(read));
        }
        if !gone.is_empty() {
            effects.job_costs.push(JobCostsEffect::Deleted(gone));
        }
        let before = self
            .cursor
            .as_ref()
            .filter(|cursor| cursor.session == facts.session);
        if before.is_some_and(|before| lacks_a_page(before.remaining, here, response)) && self.restarts == 0 {
            // What was read counts; the query begins again.
            self.restart(&response.status)?;
            return Ok(effects);
        }
        match &response.iterator {
            Some(iterator) if iterator.remaining > 0 && self.stage != Stage::Deleted => {
                if before.is_some_and(|before| before.remaining <= iterator.remaining) {
                    // It does not get on.
                    self.restart(&response.status)?;
                } else {
                    self.cursor = Some(Cursor {
                        session: facts.session,
                        iterator_id: iterator.id.clone(),
                        page_size: before
                            .map_or_else(|| facts.settings.page_size.max(1), |before| before.page_size),
                        remaining: iterator.remaining,
                        read: before.map_or(0, |before| before.read) + here,
                    });
                }
            }
            _ => effects.extend(self.next()),
        }
        Ok(effects)
    }

    /// What matters of one transaction; or why it cannot be read.
    fn keep(&mut self, piece: &Piece<'_>, kind: (&str, &str, &str, bool)) -> Result<CostTransaction, String> {
        let ret: CostTransactionRet = piece.read().map_err(|error| error.to_string())?;
        let modified = ret
            .time_modified
            .as_deref()
            .and_then(local_time::read)
            .map(local_time::write);
        let transaction = transaction(ret, kind.2, kind.3)
            .map_err(|why| format!("{} could not be read: {why}", piece.label()))?;
        self.latest = self.latest.take().max(modified);
        Ok(transaction)
    }

    fn restart(&mut self, status: &Status) -> Result<(), Failure> {
        self.cursor = None;
        self.restarts = self.restarts.saturating_add(1);
        if self.restarts <= MOST_RESTARTS {
            return Ok(());
        }
        Err(Failure {
            code: FailureCode::GaveUp,
            messages: vec![format!(
                "The query of {} was begun {MOST_RESTARTS} times and never read to the end: {}",
                self.told(),
                status.told()
            )],
            status_code: Some(status.code),
        })
    }

    /// Compares a job's sums with QuickBooks' report of it, and tells Procore.
    fn compare(
        mut self,
        report: Result<Vec<job_report::ItemActual>, String>,
        facts: &Facts<'_>,
    ) -> Turn<Self> {
        let Some(project) = facts
            .job_costs
            .project
            .as_ref()
            .filter(|project| Some(&project.job_list_id) == self.job.as_ref())
        else {
            // Unlinked meanwhile.
            self.after = self.after.saturating_add(1);
            self.job = None;
            return Turn::Continue(self, Effects::default());
        };
        let readable = report.is_ok();
        let difference = match report {
            Ok(report) => difference(project, &report),
            Err(why) => Some(format!("{why} The sums could not be compared.")),
        };
        if readable && difference.is_some() && difference != project.difference && self.watermark.is_some() {
            // What was kept of an earlier reading may be wrong: once more, all of it.
            self.read_anew = true;
            self.job = None;
            self.after = 0;
            self.projects = 0;
            self.differences.clear();
            self.latest = None;
            let effects = self.begin(None);
            return Turn::Continue(self, effects);
        }
        self.projects += 1;
        if let Some(difference) = &difference
            && self.differences.len() < MOST_LISTED
        {
            self.differences.push(format!(
                "Job costs of Procore's project {}: {difference}",
                project.project_id
            ));
        }
        self.after = project.project_id;
        self.job = None;
        let mut effects = leaving(vec![JobCostsEffect::Checked {
            job_list_id: project.job_list_id.clone(),
            difference,
            items: project.items.clone(),
        }]);
        let rows = rows(project);
        // ADV-13: with columns that are edited in Procore, the costs are only compared and reported.
        if !rows.is_empty() && facts.settings.direct_cost_columns == DirectCostColumns::FromQuickbooks {
            effects.writebacks.push(Writeback::JobCosts {
                project_id: project.project_id,
                job_origin_id: project.job_list_id.clone(),
                rows,
            });
        }
        Turn::Continue(self, effects)
    }

    fn outcome(&self) -> Outcome {
        if let Some(failure) = &self.failure {
            let mut failure = failure.clone();
            failure
                .messages
                .push("Procore was told no job costs: a sum with a part missing would be wrong.".to_owned());
            return Outcome::Failed(failure, Effects::default());
        }
        if let (Some(job), 0) = (&self.only, self.projects) {
            return Outcome::Failed(
                Failure::new(
                    FailureCode::NotSynced,
                    format!(
                        "No project is linked to the job {job} in QuickBooks. Export or link the project first."
                    ),
                ),
                Effects::default(),
            );
        }
        let anew = if self.read_anew {
            " Everything was read anew, because a sum differed from QuickBooks' report."
        } else {
            ""
        };
        let told = format!(
            "Job costs of {} projects read from QuickBooks.{anew}",
            self.projects
        );
        if self.differences.is_empty() {
            return Outcome::Done(Effects::default(), vec![told]);
        }
        let mut messages = self.differences.clone();
        messages.push(format!(
            "{told} Procore was told what the transactions add up to. The rest of a difference is usually payroll or \
             inventory, which QuickBooks reports and does not show as lines; else look at the job's report in QuickBooks."
        ));
        Outcome::Failed(
            Failure {
                code: FailureCode::AmountMismatch,
                messages,
                status_code: None,
            },
            Effects::default(),
        )
    }

    /// What a person calls what is being read.
    fn told(&self) -> String {
        match self.stage {
            Stage::Kind(at) => KINDS
                .get(at)
                .map_or_else(String::new, |kind| format!("{} transactions", kind.2)),
            Stage::Deleted => "deleted transactions".to_owned(),
            Stage::Start | Stage::Jobs => "the job report".to_owned(),
        }
    }
}

impl Machine for JobCostsImport {
    fn wants(&self) -> Wants {
        let job_costs = match self.stage {
            Stage::Kind(_) | Stage::Deleted => None,
            // Only the watermark.
            Stage::Start => Some(JobCostsWanted {
                job_list_id: None,
                after: i64::MAX,
            }),
            Stage::Jobs => Some(JobCostsWanted {
                job_list_id: self.job.clone().or_else(|| self.only.clone()),
                after: self.after,
            }),
        };
        Wants {
            job_costs,
            ..Wants::default()
        }
    }

    fn progress(&self) -> Option<Progress> {
        let cursor = self.cursor.as_ref()?;
        Some(Progress {
            what: self.told(),
            read: cursor.read,
            left: cursor.remaining,
        })
    }

    fn access(&self) -> Access {
        Access::Read
    }

    fn step(&self, facts: &Facts<'_>) -> Step<Self> {
        match self.stage {
            Stage::Start => {
                let mut next = self.clone();
                let effects = next.begin(facts.job_costs.watermark.clone());
                Step::Advance(next, effects)
            }
            Stage::Jobs if self.job.is_none() => {
                let compared = self.only.is_some() && self.projects > 0;
                match &facts.job_costs.project {
                    Some(project) if self.failure.is_none() && !compared => Step::Advance(
                        Self {
                            job: Some(project.job_list_id.clone()),
                            ..self.clone()
                        },
                        Effects::default(),
                    ),
                    _ => Step::Finished(self.outcome()),
                }
            }
            _ => match self.request(facts) {
                Some(request) => Step::Ask(vec![request]),
                None => Step::Finished(self.outcome()),
            },
        }
    }

    fn answer(mut self, answers: &[Response], facts: &Facts<'_>) -> Turn<Self> {
        let failed = |failure| Turn::Finished(Outcome::Failed(failure, Effects::default()));
        let [response] = answers else {
            return failed(Failure::new(
                FailureCode::UnreadableAnswer,
                format!(
                    "QuickBooks gave {} answers to one query of job costs.",
                    answers.len()
                ),
            ));
        };
        let status = &response.status;
        if status.code == 3391 {
            return match self.restart(status) {
                Ok(()) => Turn::Continue(self, Effects::default()),
                Err(failure) => failed(failure),
            };
        }
        match status.retry_class() {
            RetryClass::Done | RetryClass::Nothing | RetryClass::Warning if self.stage == Stage::Jobs => {
                let report = job_report::read(response).map_err(|error| format!("{error}."));
                self.compare(report, facts)
            }
            RetryClass::Done | RetryClass::Nothing | RetryClass::Warning => {
                match self.page(response, facts) {
                    Ok(effects) => Turn::Continue(self, effects),
                    Err(failure) => failed(failure),
                }
            }
            RetryClass::Again => {
                let reason = format!("The query of {} waits: {}", self.told(), status.told());
                Turn::Later(self, reason)
            }
            _ if self.stage == Stage::Jobs => {
                let why = format!("QuickBooks did not give its job report: {}", status.told());
                self.compare(Err(why), facts)
            }
            RetryClass::ReadAgain | RetryClass::Person | RetryClass::OurFault => {
                if status.code != FEATURE_OFF {
                    let words = format!("QuickBooks did not tell {}: {}", self.told(), status.told());
                    let failure = self.failure.get_or_insert_with(|| Failure {
                        code: FailureCode::Refused,
                        messages: Vec::new(),
                        status_code: Some(status.code),
                    });
                    failure.messages.push(words);
                }
                let effects = self.next();
                Turn::Continue(self, effects)
            }
        }
    }
}

fn leaving(job_costs: Vec<JobCostsEffect>) -> Effects {
    Effects {
        job_costs,
        ..Effects::default()
    }
}

/// What Procore is told: the sums of the project's own cost codes. Direct cost there is job to date cost less commitment
/// invoiced, so a bill of Procore's own invoice stands in both, and adds nothing to direct cost (MAP-19).
fn rows(project: &ProjectCosts) -> Vec<JobCostRow> {
    project
        .items
        .iter()
        .filter(|item| item.synced)
        .map(|item| JobCostRow {
            cost_code_origin_id: format!("{}|{}", project.job_list_id, item.item_list_id),
            line_item_type_origin_id: None,
            amounts: JobCostAmounts::Costs {
                to_date: item.cost,
                invoiced: item.invoiced,
            },
        })
        .collect()
}

/// Where the transactions of a job and QuickBooks' report of it do not agree, item by item; in words.
fn difference(project: &ProjectCosts, report: &[job_report::ItemActual]) -> Option<String> {
    let mut sums: BTreeMap<String, (String, Money, Money)> = BTreeMap::new();
    for ItemCost { item_name, cost, .. } in &project.items {
        let sum = sums
            .entry(name_key(item_name))
            .or_insert_with(|| (item_name.clone(), Money::ZERO, Money::ZERO));
        sum.1 += *cost;
    }
    for row in report {
        let sum = sums
            .entry(name_key(&row.item))
            .or_insert_with(|| (row.item.clone(), Money::ZERO, Money::ZERO));
        sum.2 += row.cost;
    }
    let mut words: Vec<String> = sums
        .into_values()
        .filter(|(_, ours, theirs)| ours != theirs)
        .map(|(name, ours, theirs)| {
            format!("item \"{name}\": the transactions add up to {ours}, QuickBooks reports {theirs}")
        })
        .collect();
    let more = words.len().saturating_sub(MOST_LISTED);
    words.truncate(MOST_LISTED);
    if more > 0 {
        words.push(format!("and {more} more items"));
    }
    (!words.is_empty()).then(|| format!("{}.", words.join("; ")))
}

/// What is kept of a transaction; or why it cannot be read.
fn transaction(ret: CostTransactionRet, kind: &str, credit: bool) -> Result<CostTransaction, String> {
    if ret.txn_id.trim().is_empty() {
        return Err("it has no TxnID".to_owned());
    }
    let date = ret.txn_date.unwrap_or_default();
    let date = NaiveDate::parse_from_str(date.trim(), "%Y-%m-%d")
        .map_err(|_| format!("its TxnDate \"{date}\" is not a date"))?;
    let mut lines = Vec::new();
    let groups = ret.groups.into_iter().flat_map(|group| group.lines);
    let plain = ret
        .expense_lines
        .into_iter()
        .chain(ret.item_lines)
        .chain(groups)
        .map(|line| (line, credit));
    let journal = ret
        .debits
        .into_iter()
        .map(|line| (line, false))
        .chain(ret.credits.into_iter().map(|line| (line, true)));
    for (line, credit) in plain.chain(journal) {
        lines.extend(cost_line(line, credit));
    }
    let who = ret.vendor.or(ret.payee).and_then(|who| who.full_name);
    Ok(CostTransaction {
        txn_id: ret.txn_id,
        txn_type: kind.to_owned(),
        date,
        vendor: some(who),
        ref_number: some(ret.ref_number),
        memo: some(ret.memo),
        lines,
    })
}

/// A line that is for a job or an item; others are no job costs. A line without amount is 0.
fn cost_line(line: CostLineRet, credit: bool) -> Option<CostLine> {
    let split = |reference: Option<ListRef>| {
        reference.map_or((None, None), |reference| {
            (some(reference.list_id), some(reference.full_name))
        })
    };
    let (job_list_id, job_name) = split(line.customer.or(line.entity));
    let (item_list_id, item_name) = split(line.item);
    let (account_list_id, account_name) = split(line.account);
    let amount = line.amount.unwrap_or(Money::ZERO);
    if job_list_id.is_none() && item_list_id.is_none() || amount.is_zero() {
        return None;
    }
    Some(CostLine {
        job_list_id,
        job_name,
        item_list_id,
        item_name,
        account_list_id,
        account_name,
        memo: some(line.memo).or(some(line.desc)),
        amount: if credit { -amount } else { amount },
    })
}

fn some(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        job_costs::KnownJobCosts,
        tasks::imports::fixture::{World, query_answer},
    };

    fn item(name: &str, cents: i64, invoiced: i64, synced: bool) -> ItemCost {
        ItemCost {
            item_list_id: format!("I-{name}"),
            item_name: name.to_owned(),
            cost: Money::from_cents(cents),
            invoiced: Money::from_cents(invoiced),
            synced,
        }
    }

    fn knowing(watermark: Option<&str>, items: Vec<ItemCost>) -> World {
        World {
            job_costs: KnownJobCosts {
                watermark: watermark.map(str::to_owned),
                project: Some(ProjectCosts {
                    project_id: 7,
                    job_list_id: "J".to_owned(),
                    difference: None,
                    items,
                }),
            },
            ..World::default()
        }
    }

    fn report(rows: &[(&str, &str)]) -> [Response; 1] {
        let rows: Vec<String> = rows
            .iter()
            .map(|(item, cost)| {
                format!("<DataRow><RowData rowType=\"item\" value=\"{item}\"/><ColData colID=\"3\" value=\"{cost}\"/></DataRow>")
            })
            .collect();
        query_answer(&format!(
            "<ReportRet><ColDesc colID=\"3\"><ColTitle value=\"Act. Cost\"/></ColDesc><ReportData>{}</ReportData></ReportRet>",
            rows.concat()
        ))
    }

    fn at_report(watermark: Option<&str>) -> JobCostsImport {
        JobCostsImport {
            stage: Stage::Jobs,
            job: Some("J".to_owned()),
            watermark: watermark.map(str::to_owned),
            ..JobCostsImport::new(None)
        }
    }

    fn advanced(state: &JobCostsImport, world: &World) -> (JobCostsImport, Effects) {
        match state.step(&world.facts()) {
            Step::Advance(next, effects) => (next, effects),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn map_18_every_kind_is_asked_for_and_only_reads_are_made() {
        for (watermark, deleted) in [(None, false), (Some("2026-03-01T09:00:00"), true)] {
            let world = knowing(watermark, Vec::new());
            let (mut state, effects) = advanced(&JobCostsImport::new(None), &world);
            assert_eq!(effects.job_costs.contains(&JobCostsEffect::FullBegun), !deleted);
            let mut asked = Vec::new();
            while state.stage != Stage::Jobs {
                let Step::Ask(requests) = state.step(&world.facts()) else {
                    panic!("it asks")
                };
                assert_eq!(requests[0].access, Access::Read);
                assert_eq!(requests[0].body.contains("2026-03-01T07:45:00"), deleted);
                asked.push(requests[0].element);
                match state.answer(&query_answer(""), &world.facts()) {
                    Turn::Continue(next, _) => state = next,
                    other => panic!("{other:?}"),
                }
            }
            let mut wanted: Vec<&str> = KINDS.iter().map(|kind| kind.0).collect();
            wanted.extend(deleted.then_some("TxnDeletedQueryRq"));
            assert_eq!(asked, wanted);
        }
    }

    #[test]
    fn map_18_a_credit_counts_negative_and_a_line_without_job_and_item_not_at_all() {
        let ret = Response::ok(
            "VendorCreditQueryRs",
            "<VendorCreditRet><TxnID>T</TxnID><TxnDate>2026-03-01</TxnDate><VendorRef><FullName>Lew</FullName></VendorRef>\
             <ExpenseLineRet><AccountRef><ListID>A</ListID></AccountRef><Amount>5.00</Amount></ExpenseLineRet><ItemLineRet>\
             <ItemRef><ListID>I</ListID></ItemRef><Amount>7.00</Amount></ItemLineRet></VendorCreditRet>",
        );
        let ret: CostTransactionRet = ret.record("VendorCreditRet").unwrap().unwrap();
        let kept = transaction(ret, "VendorCredit", true).unwrap();
        assert_eq!(kept.lines.len(), 1);
        assert_eq!(kept.lines[0].amount, Money::from_cents(-700));
        assert_eq!(kept.vendor.as_deref(), Some("Lew"));
    }

    #[test]
    fn a_refused_kind_tells_procore_nothing_and_a_feature_that_is_off_is_no_refusal() {
        for (code, ends) in [(3260, true), (FEATURE_OFF, false)] {
            let world = knowing(None, vec![item("01", 100, 0, true)]);
            let mut state = advanced(&JobCostsImport::new(None), &world).0;
            let mut effects = Effects::default();
            let refused = [Response::failed("BillQueryRs", code, "no")];
            for answer in std::iter::once(refused).chain((1..KINDS.len()).map(|_| query_answer(""))) {
                let Turn::Continue(next, more) = state.answer(&answer, &world.facts()) else {
                    panic!("it goes on")
                };
                state = next;
                effects.extend(more);
            }
            assert_eq!(state.stage, Stage::Jobs);
            assert_eq!(effects.job_costs.contains(&JobCostsEffect::FullEnded), !ends);
            let finished = matches!(
                state.step(&world.facts()),
                Step::Finished(Outcome::Failed(
                    Failure {
                        code: FailureCode::Refused,
                        ..
                    },
                    _
                ))
            );
            assert_eq!(finished, ends, "{code}");
        }
    }

    #[test]
    fn map_19_procore_is_told_synced_codes_with_what_was_invoiced() {
        let world = knowing(
            None,
            vec![item("01", 1290, 1250, true), item("Lumber", 5, 0, false)],
        );
        let answer = report(&[("01", "12.90"), ("Lumber", "0.05")]);
        let Turn::Continue(state, effects) = at_report(None).answer(&answer, &world.facts()) else {
            panic!("it goes on")
        };
        let [Writeback::JobCosts { rows, .. }] = effects.writebacks.as_slice() else {
            panic!("{effects:?}")
        };
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].cost_code_origin_id, "J|I-01");
        let told = JobCostAmounts::Costs {
            to_date: Money::from_cents(1290),
            invoiced: Money::from_cents(1250),
        };
        assert_eq!(rows[0].amounts, told);
        assert!(matches!(state.outcome(), Outcome::Done(..)));
    }

    // ADV-12, ADV-13
    #[test]
    fn adv_13_columns_that_are_edited_in_procore_are_told_nothing() {
        let mut world = knowing(None, vec![item("01", 1290, 0, true)]);
        for (columns, told) in [
            (DirectCostColumns::FromQuickbooks, 1),
            (DirectCostColumns::Editable, 0),
        ] {
            world.settings.direct_cost_columns = columns;
            let answer = report(&[("01", "12.90")]);
            let Turn::Continue(_, effects) = at_report(None).answer(&answer, &world.facts()) else {
                panic!("it goes on")
            };
            assert_eq!(effects.writebacks.len(), told, "{columns:?}");
            // They are compared and listed all the same.
            assert!(matches!(
                effects.job_costs.as_slice(),
                [JobCostsEffect::Checked { .. }]
            ));
        }
    }

    #[test]
    fn qbd_26_a_difference_is_read_anew_once_and_one_that_stays_is_an_alarm() {
        let world = knowing(Some("2026-03-01T09:00:00"), vec![item("01", 100, 0, true)]);
        let answer = report(&[("01", "1.01")]);
        let Turn::Continue(again, effects) =
            at_report(Some("2026-03-01T09:00:00")).answer(&answer, &world.facts())
        else {
            panic!("it goes on")
        };
        assert_eq!(effects.job_costs, [JobCostsEffect::FullBegun]);
        assert_eq!((again.stage, again.read_anew), (Stage::Kind(0), true));
        assert!(effects.writebacks.is_empty());
        // Read anew, and still.
        let Turn::Continue(state, effects) = at_report(None).answer(&answer, &world.facts()) else {
            panic!("it goes on")
        };
        assert_eq!(effects.writebacks.len(), 1);
        let Outcome::Failed(failure, _) = state.outcome() else {
            panic!("it is an alarm")
        };
        assert_eq!(failure.code, FailureCode::AmountMismatch);
        let words = failure.messages.join(" ");
        assert!(
            words.contains("1.00") && words.contains("1.01") && words.contains("\"01\""),
            "{words}"
        );
    }
}
