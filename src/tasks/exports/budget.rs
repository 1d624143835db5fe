//! A budget → the one estimate of its job.
//!
//! Each amount of the budget, original or change, is a line of its own; a later export appends what is new to the same
//! estimate, which is read first, so that what a person added there stays. As with change orders the `EditSequence` makes an
//! append safe; the estimate itself is recognised by our `ExternalGUID` among those of the job, and never made twice.
//! At the end the estimate is read once more, and what it holds goes to Procore: until then the budget is frozen there
//! (COMP-47).
//!
//! Decisions: the rate carries the amount, for job costing takes an estimate's cost from it. What may not live here: budgets
//! of sub jobs, and job costs beyond the estimate.

use serde::{Deserialize, Serialize};

use super::{
    answers::{self, Trouble},
    faults::{Faults, told},
    prime_change_order,
};
use crate::{
    links::{ItemType, NewLink, ProcoreItem},
    qbxml::{
        Access, ListRef, Money, Price, Response, RetryClass,
        estimate::{
            self, EstimateAdd, EstimateLineAdd, EstimateLineMod, EstimateLineRet, EstimateMod, EstimateRet,
        },
        same_guid, text,
    },
    tasks::{Effects, Facts, Failure, FailureCode, Machine, Outcome, Step, Turn, Wants},
    writebacks::{JobCostAmounts, JobCostRow, SyncedTransaction, Writeback},
};

const RET: &str = "EstimateRet";
const ORIGINAL: &str = "Original budget";
const CHANGE: &str = "Budget change";
const WHAT: &str = "The budget";

/// A budget on its way to QuickBooks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BudgetExport {
    /// The Procore budget.
    pub procore_id: i64,
    /// The project.
    pub project_id: i64,
    /// The job's `ListID`, where Procore knows the project to be linked.
    pub job_list_id: Option<String>,
    /// The estimate's `TxnID`, where Procore knows the budget to be linked.
    pub origin_id: Option<String>,
    /// Its lines: what a cost code is to cost.
    pub lines: Vec<BudgetLine>,
    /// What makes up those figures and was not exported before, in order.
    pub transactions: Vec<BudgetTransaction>,
    /// Our own id for the estimate, in braces, derived from the Procore record.
    pub external_guid: String,
    /// How far it is.
    pub stage: Stage,
}

/// A line of a budget.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BudgetLine {
    /// The Procore line.
    pub procore_id: i64,
    /// `JobListID|ItemListID`, if its code is synced.
    pub cost_code_origin_id: Option<String>,
    /// The cost type.
    pub line_item_type_origin_id: Option<String>,
    /// What it comes to.
    pub amount: Money,
    /// It belongs to a sub job, which is not in QuickBooks.
    pub has_sub_job: bool,
}

/// An original amount, or a change of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BudgetTransaction {
    /// The Procore transaction.
    pub procore_id: i64,
    /// The line it belongs to.
    pub line_id: i64,
    /// How much.
    pub amount: Money,
    /// Whether it is an original amount and no change.
    pub is_original: bool,
    /// A note.
    pub notes: Option<String>,
}

/// How far the export is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Look for the estimate.
    #[default]
    Look,
    /// There is none: add it.
    Add,
    /// Append to it as it was read.
    Append(Before),
    /// The fate of that is unknown, or somebody was faster: read again and compare.
    FindOut(Before),
    /// It stands there: read what it holds now.
    ReadBack(String),
}

/// The estimate as it was read before ours was appended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// Which.
    pub txn_id: String,
    /// As it was read.
    pub edit_sequence: String,
    /// Its lines, in order.
    pub lines: Vec<String>,
    /// The transactions to append; the others are there.
    pub new: Vec<i64>,
}

impl BudgetLine {
    fn item(&self) -> Option<&str> {
        let (_, item) = self.cost_code_origin_id.as_deref()?.rsplit_once('|')?;
        Some(item).filter(|item| !item.is_empty())
    }
}

impl BudgetExport {
    fn item(&self) -> ProcoreItem {
        ProcoreItem::new(ItemType::Budget, self.procore_id)
    }

    fn transaction(id: i64) -> ProcoreItem {
        ProcoreItem::new(ItemType::BudgetTransaction, id)
    }

    fn job(&self, facts: &Facts<'_>) -> Option<String> {
        told(self.job_list_id.as_ref()).or_else(|| {
            let project = ProcoreItem::new(ItemType::Project, self.project_id);
            facts.link_of(project).map(|link| link.quickbooks_id.clone())
        })
    }

    /// The estimate: as we have linked it, else as Procore told.
    fn linked(&self, facts: &Facts<'_>) -> Option<String> {
        facts
            .link_of(self.item())
            .map(|link| link.quickbooks_id.clone())
            .or_else(|| told(self.origin_id.as_ref()))
    }

    fn at(&self, stage: Stage) -> Self {
        Self {
            stage,
            ..self.clone()
        }
    }

    /// Everything that keeps it from being written, as far as it is known without QuickBooks.
    fn check(&self, facts: &Facts<'_>) -> Result<(), Failure> {
        let mut faults = Faults::default();
        if self.job(facts).is_none() {
            faults.not_synced.push(format!(
                "{WHAT} cannot be sent to ERP because its project is not linked to a job in QuickBooks. Send the project first, \
                 then export the budget again."
            ));
        }
        if self.lines.is_empty() {
            faults
                .invalid
                .push(format!("{WHAT} cannot be sent to ERP because it has no lines."));
        }
        for line in &self.lines {
            if line.has_sub_job {
                let why = if facts.settings.sub_jobs {
                    "A budget becomes one estimate of the project's job, which cannot keep a sub job's part apart"
                } else {
                    "Sub jobs are not exported to QuickBooks (the setting sub_jobs is off)"
                };
                faults.invalid.push(format!(
                    "{WHAT} cannot be sent to ERP because its line with Procore's id {} belongs to a sub job. {why}; move the \
                     line to the project itself.",
                    line.procore_id
                ));
            }
            match line.item() {
                None => faults.not_synced.push(format!(
                    "{WHAT} cannot be sent to ERP because the cost code of its line with Procore's id {} is not in QuickBooks. \
                     Send the code first, then the project, then export the budget again.",
                    line.procore_id
                )),
                Some(item) => {
                    if let Some(item) = facts.item(item).filter(|item| !item.is_active) {
                        faults.invalid.push(format!(
                            "{WHAT} cannot be sent to ERP because the item \"{}\" is inactive in QuickBooks. Make it active there \
                             (Lists > Item List, tick Include inactive, click the X beside it), refresh the lists, then export \
                             again.",
                            item.full_name
                        ));
                    }
                }
            }
        }
        for transaction in &self.transactions {
            if !self
                .lines
                .iter()
                .any(|line| line.procore_id == transaction.line_id)
            {
                faults.invalid.push(format!(
                    "{WHAT} cannot be sent to ERP because its amount {} belongs to a line that was not sent along (Procore's id \
                     {}). Export it again; if it stays so, give this message to whoever runs Plumbline.",
                    transaction.amount, transaction.line_id
                ));
            }
        }
        faults.into_result()?;
        if self.origin_id.is_some() {
            return Ok(());
        }
        for line in &self.lines {
            let sum: Money = self
                .transactions
                .iter()
                .filter(|transaction| transaction.line_id == line.procore_id)
                .map(|transaction| transaction.amount)
                .sum();
            if sum != line.amount {
                return Err(Failure::new(
                    FailureCode::AmountMismatch,
                    format!(
                        "{WHAT} cannot be sent to ERP because the amounts of its line with Procore's id {} add up to {sum}, but \
                         its total in Procore is {} (difference {}).",
                        line.procore_id,
                        line.amount,
                        sum - line.amount
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Lines of the estimate for these transactions.
    fn new_lines(&self, which: impl Fn(&BudgetTransaction) -> bool) -> Result<Vec<EstimateLineAdd>, Failure> {
        self.transactions
            .iter()
            .filter(|transaction| which(transaction))
            .map(|transaction| {
                let word = if transaction.is_original { ORIGINAL } else { CHANGE };
                let desc = match told(transaction.notes.as_ref()) {
                    Some(notes) => format!("{word}: {notes}"),
                    None => word.to_owned(),
                };
                let desc = text::fit("The note of a budget change", &desc, estimate::DESC_MAX)
                    .map_err(|error| Failure::new(FailureCode::InvalidField, error.to_string()))?;
                let item = self
                    .lines
                    .iter()
                    .find(|line| line.procore_id == transaction.line_id)
                    .and_then(BudgetLine::item)
                    .unwrap_or_default();
                let rate = Price::from_decimal(transaction.amount.decimal())
                    .map_err(|error| Failure::new(FailureCode::InvalidField, error.to_string()))?;
                Ok(EstimateLineAdd {
                    item: ListRef::by_id(item),
                    desc: Some(desc),
                    rate: Some(rate),
                    amount: None,
                })
            })
            .collect()
    }

    /// The estimates in an answer to a query.
    fn found(answers: &[Response]) -> Result<Vec<EstimateRet>, Trouble> {
        let [response] = answers else {
            let why = "QuickBooks did not give one answer to one query.";
            return Err(Trouble::Failed(answers::unreadable(WHAT, why)));
        };
        let status = &response.status;
        if status.retry_class() == RetryClass::Again {
            return Err(Trouble::Later(format!("{WHAT} waits: {}", status.told())));
        }
        if status.code == 3250 {
            return Err(Trouble::Failed(switched_off()));
        }
        if status.is_error() && !matches!(status.code, 500 | 3000 | 3120) {
            return Err(Trouble::Failed(answers::refused(WHAT, status)));
        }
        response
            .records::<EstimateRet>(RET)
            .collect::<Result<_, _>>()
            .map_err(|error| Trouble::Failed(answers::unreadable(WHAT, &error.to_string())))
    }

    fn troubled(self, trouble: Trouble) -> Turn<Self> {
        match trouble {
            Trouble::Later(reason) => Turn::Later(self, reason),
            Trouble::Failed(failure) => failed(failure),
        }
    }

    fn gone(txn_id: &str) -> Failure {
        Failure::new(
            FailureCode::NotSynced,
            format!(
                "{WHAT} was exported to an estimate that is no longer in QuickBooks ({txn_id}). Restore the estimate there, or ask \
                 Procore's support to reset the budget, then export it again."
            ),
        )
    }

    fn looked(self, answers: &[Response], facts: &Facts<'_>) -> Turn<Self> {
        let found = match Self::found(answers) {
            Ok(found) => found,
            Err(trouble) => return self.troubled(trouble),
        };
        let linked = self.linked(facts);
        let ours = |estimate: &&EstimateRet| match &linked {
            Some(txn_id) => estimate.txn_id == *txn_id,
            None => estimate
                .external_guid
                .as_deref()
                .is_some_and(|guid| same_guid(guid, &self.external_guid)),
        };
        let Some(standing) = found.iter().find(ours) else {
            return match linked {
                Some(txn_id) => failed(Self::gone(&txn_id)),
                None => Turn::Continue(self.at(Stage::Add), Effects::default()),
            };
        };
        let new: Vec<i64> = self
            .transactions
            .iter()
            .map(|transaction| transaction.procore_id)
            .filter(|id| facts.link_of(Self::transaction(*id)).is_none())
            .collect();
        if linked.is_none() && !new.is_empty() {
            // We made it, and never learnt of it.
            return self.added_before(standing, &new);
        }
        if new.is_empty() {
            return Turn::Continue(
                self.at(Stage::ReadBack(standing.txn_id.clone())),
                Effects::default(),
            );
        }
        if !standing.groups.is_empty() {
            return failed(Failure::new(
                FailureCode::NotAvailable,
                format!(
                    "{WHAT} cannot be sent to ERP because estimate {} holds a group of items, which Plumbline cannot keep when it \
                     adds lines. In QuickBooks, enter the items of the group one by one and delete the group, then export the \
                     budget again.",
                    number(standing)
                ),
            ));
        }
        let before = Before {
            txn_id: standing.txn_id.clone(),
            edit_sequence: standing.edit_sequence.clone().unwrap_or_default(),
            lines: standing
                .lines
                .iter()
                .map(|line| line.txn_line_id.clone())
                .collect(),
            new,
        };
        Turn::Continue(self.at(Stage::Append(before)), Effects::default())
    }

    fn added_before(&self, standing: &EstimateRet, new: &[i64]) -> Turn<Self> {
        match self.matching(&standing.lines, new) {
            Some(lines) => self.written(standing, new, &lines),
            None => failed(Self::not_as_sent(standing)),
        }
    }

    fn not_as_sent(standing: &EstimateRet) -> Failure {
        Failure::new(
            FailureCode::AmountMismatch,
            format!(
                "{WHAT} may stand on estimate {} in QuickBooks already, but not as it was sent. Nothing was written. Compare the \
                 estimate with the budget, delete what was sent there if it is to be sent anew, then export the budget again.",
                number(standing)
            ),
        )
    }

    /// The lines that are these transactions: as many, one behind the other, with the same amounts.
    fn matching(&self, lines: &[estimate::EstimateLineRet], which: &[i64]) -> Option<Vec<String>> {
        let expected: Vec<Option<Money>> = self
            .transactions
            .iter()
            .filter(|transaction| which.contains(&transaction.procore_id))
            .map(|transaction| Some(transaction.amount))
            .collect();
        lines
            .windows(expected.len().max(1))
            .find(|window| window.iter().map(|line| line.amount).eq(expected.iter().copied()))
            .map(|window| window.iter().map(|line| line.txn_line_id.clone()).collect())
    }

    /// The transactions `which` stand on these lines.
    fn written(&self, standing: &EstimateRet, which: &[i64], lines: &[String]) -> Turn<Self> {
        let mut effects = Effects {
            links: vec![self.link(standing)],
            ..Effects::default()
        };
        let mut synced = Vec::new();
        let sent = self
            .transactions
            .iter()
            .filter(|transaction| which.contains(&transaction.procore_id));
        for (transaction, line) in sent.zip(lines) {
            effects.links.push(NewLink {
                item: Self::transaction(transaction.procore_id),
                origin_id: line.clone(),
                origin_code: None,
                quickbooks_id: line.clone(),
                edit_sequence: None,
                tell_procore: false,
                stands_as: None,
            });
            synced.push(SyncedTransaction {
                procore_id: transaction.procore_id,
                origin_id: line.clone(),
            });
        }
        effects.writebacks.push(Writeback::BudgetTransactions {
            project_id: self.project_id,
            transactions: synced,
        });
        Turn::Continue(self.at(Stage::ReadBack(standing.txn_id.clone())), effects)
    }

    fn link(&self, standing: &EstimateRet) -> NewLink {
        NewLink {
            item: self.item(),
            origin_id: standing.txn_id.clone(),
            origin_code: standing.ref_number.clone(),
            quickbooks_id: standing.txn_id.clone(),
            edit_sequence: standing.edit_sequence.clone(),
            tell_procore: true,
            stands_as: None,
        }
    }

    /// The answer to an Add, or to an append.
    fn sent(self, answers: &[Response], before: Option<&Before>) -> Turn<Self> {
        let look = |export: &Self| {
            let stage = before.cloned().map_or(Stage::Look, Stage::FindOut);
            export.at(stage)
        };
        let [response] = answers else {
            return Turn::Continue(look(&self), Effects::default());
        };
        let status = &response.status;
        if !status.is_error() {
            let Some(Ok(standing)) = response.record::<EstimateRet>(RET) else {
                // A status check, or an answer without lines.
                return Turn::Continue(look(&self), Effects::default());
            };
            let (all, known) = match before {
                Some(before) => (before.new.clone(), before.lines.as_slice()),
                None => (
                    self.transactions.iter().map(|sent| sent.procore_id).collect(),
                    &[][..],
                ),
            };
            let new: Vec<_> = standing
                .lines
                .iter()
                .filter(|line| !known.contains(&line.txn_line_id) && !is_revenue(line))
                .cloned()
                .collect();
            return match self.matching(&new, &all) {
                Some(lines) => self.written(&standing, &all, &lines),
                None => failed(Self::not_as_sent(&standing)),
            };
        }
        match status.code {
            3200 | 3230 | 3240 => Turn::Continue(look(&self), Effects::default()),
            3250 => failed(switched_off()),
            _ if status.retry_class() == RetryClass::Again => {
                Turn::Later(look(&self), format!("{WHAT} waits: {}", status.told()))
            }
            _ => failed(answers::refused(WHAT, status)),
        }
    }

    fn found_out(self, answers: &[Response], before: &Before) -> Turn<Self> {
        let found = match Self::found(answers) {
            Ok(found) => found,
            Err(trouble) => return self.troubled(trouble),
        };
        let Some(standing) = found.iter().find(|found| found.txn_id == before.txn_id) else {
            return failed(Self::gone(&before.txn_id));
        };
        let new: Vec<_> = standing
            .lines
            .iter()
            .filter(|line| !before.lines.contains(&line.txn_line_id) && !is_revenue(line))
            .cloned()
            .collect();
        if let Some(lines) = self.matching(&new, &before.new) {
            return self.written(standing, &before.new, &lines);
        }
        let sent = |amount: Option<Money>| {
            self.transactions.iter().any(|transaction| {
                before.new.contains(&transaction.procore_id) && amount == Some(transaction.amount)
            })
        };
        if new.iter().any(|line| sent(line.amount)) {
            // Perhaps ours, changed since by a person: it must not be written a second time.
            return failed(Self::not_as_sent(standing));
        }
        Turn::Continue(self.at(Stage::Look), Effects::default())
    }

    /// What the estimate holds goes to Procore. A figure that is not the budget's is told, and sent all the same.
    fn read_back(self, answers: &[Response], txn_id: &str, facts: &Facts<'_>) -> Turn<Self> {
        let found = match Self::found(answers) {
            Ok(found) => found,
            Err(trouble) => return self.troubled(trouble),
        };
        let Some(standing) = found.iter().find(|found| found.txn_id == txn_id) else {
            return failed(Self::gone(txn_id));
        };
        let sum = |item: &str, original: bool| -> Money {
            standing
                .lines
                .iter()
                .filter(|line| !is_revenue(line))
                .filter(|line| {
                    line.item.as_ref().and_then(|item| item.list_id.as_deref()) == Some(item)
                        && line
                            .desc
                            .as_deref()
                            .is_some_and(|desc| desc.starts_with(ORIGINAL))
                            == original
                })
                .filter_map(|line| line.amount)
                .sum()
        };
        let (mut rows, mut faults) = (Vec::new(), Vec::new());
        for line in &self.lines {
            let (Some(origin), Some(item)) = (line.cost_code_origin_id.clone(), line.item()) else {
                continue;
            };
            let (original_estimate, estimate_changes) = (sum(item, true), sum(item, false));
            let total = original_estimate + estimate_changes;
            let of_code: Money = self
                .lines
                .iter()
                .filter(|other| other.item() == Some(item))
                .map(|other| other.amount)
                .sum();
            if total != of_code {
                let name = facts.item(item).map_or(item, |item| item.full_name.as_str());
                faults.push(format!(
                    "Estimate {} in QuickBooks holds {total} for the item \"{name}\", but the budget in Procore holds {of_code} \
                     (difference {}). Correct the estimate in QuickBooks, then export the budget again.",
                    number(standing),
                    total - of_code
                ));
            }
            rows.push(JobCostRow {
                cost_code_origin_id: origin,
                line_item_type_origin_id: line.line_item_type_origin_id.clone(),
                amounts: JobCostAmounts::Budget {
                    original_estimate,
                    estimate_changes,
                },
            });
        }
        let effects = Effects {
            links: vec![self.link(standing)],
            writebacks: vec![Writeback::JobCosts {
                project_id: self.project_id,
                job_origin_id: self.job(facts).unwrap_or_default(),
                rows,
            }],
            ..Effects::default()
        };
        if faults.is_empty() {
            Turn::Finished(Outcome::Done(effects, Vec::new()))
        } else {
            let failure = Failure::all(FailureCode::AmountMismatch, faults);
            Turn::Finished(Outcome::Failed(failure, effects))
        }
    }
}

fn number(standing: &EstimateRet) -> &str {
    standing.ref_number.as_deref().unwrap_or(&standing.txn_id)
}

/// A line of a prime contract change order tells what the owner pays, and nothing of what the job costs.
fn is_revenue(line: &EstimateLineRet) -> bool {
    line.desc
        .as_deref()
        .is_some_and(|desc| desc.starts_with(prime_change_order::DESC))
}

fn switched_off() -> Failure {
    Failure::new(
        FailureCode::NotAvailable,
        format!(
            "{WHAT} was not written to QuickBooks, because estimates are probably switched off in this company file. In QuickBooks \
             choose Edit > Preferences > Jobs & Estimates > Company Preferences, answer Yes to \"Do you create estimates?\", then \
             export the budget again."
        ),
    )
}

fn failed<S>(failure: Failure) -> Turn<S> {
    Turn::Finished(Outcome::Failed(failure, Effects::default()))
}

impl Machine for BudgetExport {
    fn wants(&self) -> Wants {
        let mut links = vec![self.item(), ProcoreItem::new(ItemType::Project, self.project_id)];
        links.extend(
            self.transactions
                .iter()
                .map(|transaction| Self::transaction(transaction.procore_id)),
        );
        Wants {
            links,
            item_ids: self
                .lines
                .iter()
                .filter_map(|line| line.item().map(str::to_owned))
                .collect(),
            ..Wants::default()
        }
    }

    fn access(&self) -> Access {
        match self.stage {
            Stage::Add | Stage::Append(_) => Access::Write,
            Stage::Look | Stage::FindOut(_) | Stage::ReadBack(_) => Access::Read,
        }
    }

    fn step(&self, facts: &Facts<'_>) -> Step<Self> {
        let refused = |failure| Step::Finished(Outcome::Failed(failure, Effects::default()));
        match &self.stage {
            Stage::Look => {
                if let Err(failure) = self.check(facts) {
                    return refused(failure);
                }
                Step::Ask(vec![match self.linked(facts) {
                    Some(txn_id) => estimate::by_id(&txn_id),
                    None => estimate::of_job(&self.job(facts).unwrap_or_default()),
                }])
            }
            Stage::Add => match self.new_lines(|_| true) {
                Ok(lines) => Step::Ask(vec![estimate::add(EstimateAdd {
                    customer: ListRef::by_id(self.job(facts).unwrap_or_default()),
                    memo: Some("Budget from Procore".to_owned()),
                    external_guid: Some(self.external_guid.clone()).filter(|guid| !guid.is_empty()),
                    lines,
                })]),
                Err(failure) => refused(failure),
            },
            Stage::Append(before) => {
                match self.new_lines(|transaction| before.new.contains(&transaction.procore_id)) {
                    Ok(new) => {
                        let kept = before.lines.iter().map(|id| EstimateLineMod::kept(id));
                        Step::Ask(vec![estimate::modify(EstimateMod {
                            txn_id: before.txn_id.clone(),
                            edit_sequence: before.edit_sequence.clone(),
                            lines: kept.chain(new.into_iter().map(EstimateLineMod::new)).collect(),
                        })])
                    }
                    Err(failure) => refused(failure),
                }
            }
            Stage::FindOut(before) => Step::Ask(vec![estimate::by_id(&before.txn_id)]),
            Stage::ReadBack(txn_id) => Step::Ask(vec![estimate::by_id(txn_id)]),
        }
    }

    fn answer(self, answers: &[Response], facts: &Facts<'_>) -> Turn<Self> {
        match self.stage.clone() {
            Stage::Look => self.looked(answers, facts),
            Stage::Add => self.sent(answers, None),
            Stage::Append(before) => self.sent(answers, Some(&before)),
            Stage::FindOut(before) => self.found_out(answers, &before),
            Stage::ReadBack(txn_id) => self.read_back(answers, &txn_id, facts),
        }
    }

    /// A second estimate would be taken without a word.
    fn may_stand_twice(&self) -> bool {
        true
    }

    fn outcome_unknown(self) -> Turn<Self> {
        let next = match &self.stage {
            Stage::Add => self.at(Stage::Look),
            Stage::Append(before) => self.at(Stage::FindOut(before.clone())),
            Stage::Look | Stage::FindOut(_) | Stage::ReadBack(_) => self,
        };
        Turn::Continue(next, Effects::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::imports::fixture::World;

    fn line(id: i64, item: &str, cents: i64) -> BudgetLine {
        BudgetLine {
            procore_id: id,
            cost_code_origin_id: Some(format!("JOB|{item}")),
            amount: Money::from_cents(cents),
            ..BudgetLine::default()
        }
    }

    fn amount(id: i64, line_id: i64, cents: i64) -> BudgetTransaction {
        BudgetTransaction {
            procore_id: id,
            line_id,
            amount: Money::from_cents(cents),
            is_original: true,
            notes: None,
        }
    }

    fn export() -> BudgetExport {
        BudgetExport {
            procore_id: 1,
            project_id: 86,
            job_list_id: Some("JOB".into()),
            lines: vec![line(10, "I-1", 1_000), line(11, "I-2", 2_000)],
            transactions: vec![amount(20, 10, 1_000), amount(21, 11, 2_000)],
            external_guid: "{aaaaaaaa-1111-2222-3333-444444444444}".into(),
            ..BudgetExport::default()
        }
    }

    fn standing(guid: &str, lines: &[(&str, &str)]) -> Response {
        let mut body = format!(
            "<EstimateRet><TxnID>5B-1</TxnID><EditSequence>7</EditSequence><RefNumber>12</RefNumber>\
             <ExternalGUID>{guid}</ExternalGUID>"
        );
        for (id, amount) in lines {
            body.push_str("<EstimateLineRet><TxnLineID>");
            body.push_str(id);
            body.push_str("</TxnLineID><Amount>");
            body.push_str(amount);
            body.push_str("</Amount></EstimateLineRet>");
        }
        body.push_str("</EstimateRet>");
        Response::ok("EstimateQueryRs", &body)
    }

    fn refusal(export: &BudgetExport) -> String {
        let world = World::default();
        match export.step(&world.facts()) {
            Step::Finished(Outcome::Failed(failure, _)) => failure.text(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn qbd_41_what_cannot_be_written_is_refused_with_the_reason() {
        let mut sub_job = export();
        sub_job.lines[0].has_sub_job = true;
        // QBD-10
        assert!(
            refusal(&sub_job).contains(
                "belongs to a sub job. Sub jobs are not exported to QuickBooks (the setting sub_jobs"
            )
        );
        let mut unsynced = export();
        unsynced.lines[1].cost_code_origin_id = None;
        assert!(
            refusal(&unsynced).contains("cost code of its line with Procore's id 11 is not in QuickBooks")
        );
        let mut other_sum = export();
        other_sum.transactions[0].amount = Money::from_cents(999);
        let text = refusal(&other_sum);
        assert!(
            text.contains("add up to 9.99") && text.contains("10.00"),
            "{text}"
        );
        let without_job = BudgetExport {
            job_list_id: None,
            ..export()
        };
        assert!(refusal(&without_job).contains("not linked to a job"));
    }

    #[test]
    fn an_estimate_of_ours_is_known_by_its_guid_and_never_added_twice() {
        let world = World::default();
        let lines = [("L1", "10.00"), ("L2", "20.00")];
        let ours = export().answer(
            &[standing("{AAAAAAAA-1111-2222-3333-444444444444}", &lines)],
            &world.facts(),
        );
        let Turn::Continue(next, effects) = ours else {
            panic!("{ours:?}")
        };
        assert_eq!(next.stage, Stage::ReadBack("5B-1".into()));
        assert_eq!(effects.links.len(), 3, "the budget and both amounts");
        // Somebody else's estimate of the job.
        let theirs = export().answer(
            &[standing("{bbbbbbbb-1111-2222-3333-444444444444}", &lines)],
            &world.facts(),
        );
        assert!(
            matches!(&theirs, Turn::Continue(next, _) if next.stage == Stage::Add),
            "{theirs:?}"
        );
        // Ours, and changed by a person: nothing is written.
        let changed = [("L1", "10.00"), ("L2", "20.01")];
        let turn = export().answer(
            &[standing("{aaaaaaaa-1111-2222-3333-444444444444}", &changed)],
            &world.facts(),
        );
        assert!(matches!(turn, Turn::Finished(Outcome::Failed(..))), "{turn:?}");
    }

    #[test]
    fn what_became_of_an_append_is_read_from_the_lines_that_were_not_there_before() {
        let world = World::default();
        let before = Before {
            txn_id: "5B-1".into(),
            edit_sequence: "6".into(),
            lines: vec!["L1".into()],
            new: vec![21],
        };
        let find = |lines: &[(&str, &str)]| {
            let export = export().at(Stage::FindOut(before.clone()));
            export.answer(&[standing("", lines)], &world.facts())
        };
        let turn = find(&[("L1", "10.00"), ("N1", "20.00")]);
        assert!(
            matches!(&turn, Turn::Continue(next, effects) if next.stage == Stage::ReadBack("5B-1".into()) && effects.links.len() == 2),
            "{turn:?}"
        );
        let turn = find(&[("L1", "10.00"), ("X", "3.00")]);
        assert!(
            matches!(&turn, Turn::Continue(next, _) if next.stage == Stage::Look),
            "{turn:?}"
        );
    }
}
