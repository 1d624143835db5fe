//! A prime contract change order → lines at the end of the job's estimate.
//!
//! The estimate is the one the prime contract is linked to, else the one of the job's budget. As with change orders of
//! commitments (`change_order.rs`) it is read first, each of its lines goes back by its id, also one that a person added,
//! and the `EditSequence` makes the write safe; what became of a write whose answer was lost is read from the lines that
//! were not there before.
//!
//! Decisions: a line carries its amount alone, for it says what the owner pays; a rate would be a cost, and count in the job's
//! estimated costs a second time, beside the budget change that Procore sends by itself. The budget's own comparison leaves
//! these lines out by how their text begins.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    answers::{self, Trouble},
    change_order::linked_lines,
    coding::{self, LineCode},
    faults::{Faults, told},
    written,
};
use crate::{
    links::{ItemType, NewLink, ProcoreItem},
    qbxml::{
        Access, ListRef, Money, Response, RetryClass,
        estimate::{self, EstimateLineAdd, EstimateLineMod, EstimateLineRet, EstimateMod, EstimateRet},
    },
    tasks::{Effects, Facts, Failure, FailureCode, Machine, Outcome, Step, Turn, Wants},
};

const RET: &str = "EstimateRet";
/// How the text of its lines begins.
pub(super) const DESC: &str = "Prime contract change order";
/// So often somebody may be faster in one go; then the next update tries.
const MOST_STALE: u8 = 5;

/// A prime contract change order on its way to QuickBooks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PrimeChangeOrderExport {
    /// The Procore change order.
    pub procore_id: i64,
    /// Its number, counted per contract.
    pub number: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// Its third-party id, where Procore knows it to be linked.
    pub origin_id: Option<String>,
    /// The prime contract's number.
    pub contract_number: Option<String>,
    /// The estimate's `TxnID`, where Procore knows the prime contract to be linked.
    pub contract_origin_id: Option<String>,
    /// The project.
    pub project_id: i64,
    /// The job's `ListID`, where Procore knows the project to be linked.
    pub job_list_id: Option<String>,
    /// Its lines, in order.
    pub lines: Vec<PrimeChangeLine>,
    /// How far it is.
    pub stage: Stage,
    /// How often somebody else was faster.
    pub stale: u8,
}

/// A line of a prime contract change order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PrimeChangeLine {
    /// The Procore line.
    pub procore_id: i64,
    /// Its text.
    pub description: Option<String>,
    /// Its cost code.
    pub code: LineCode,
    /// What the owner pays for it, with its markup.
    pub amount: Money,
}

/// How far the export is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Learn which estimate it is.
    #[default]
    Look,
    /// The job has these estimates: see which of them is the budget's.
    Choose(Vec<String>),
    /// Read it.
    Read(String),
    /// Append to it as it was read.
    Append(Before),
    /// The fate of that is unknown, or somebody was faster: read again and compare.
    FindOut(Before),
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
    /// Its total.
    pub total: Money,
}

impl PrimeChangeOrderExport {
    fn item(&self) -> ProcoreItem {
        ProcoreItem::new(ItemType::ChangeOrder, self.procore_id)
    }

    fn line_item(line: &PrimeChangeLine) -> ProcoreItem {
        ProcoreItem::new(ItemType::LineItem, line.procore_id)
    }

    /// `The prime contract change order 2 ("More")`.
    fn what(&self) -> String {
        let number =
            told(self.number.as_ref()).unwrap_or_else(|| format!("with Procore's id {}", self.procore_id));
        let contract = told(self.contract_number.as_ref())
            .map(|number| format!(" of prime contract {number}"))
            .unwrap_or_default();
        let title = told(self.title.as_ref())
            .map(|title| format!(" (\"{title}\")"))
            .unwrap_or_default();
        format!("The change order {number}{contract}{title}")
    }

    fn job(&self, facts: &Facts<'_>) -> Option<String> {
        told(self.job_list_id.as_ref()).or_else(|| {
            let project = ProcoreItem::new(ItemType::Project, self.project_id);
            facts.link_of(project).map(|link| link.quickbooks_id.clone())
        })
    }

    fn sum(&self) -> Money {
        self.lines.iter().map(|line| line.amount).sum()
    }

    fn desc(&self, description: Option<&str>) -> String {
        let number = told(self.number.as_ref())
            .map(|number| format!(" {number}"))
            .unwrap_or_default();
        match description.map(str::trim).filter(|text| !text.is_empty()) {
            Some(text) => format!("{DESC}{number}: {text}"),
            None => format!("{DESC}{number}"),
        }
    }

    /// Whether a line bears the text of this change order, and not of another whose number begins alike.
    fn is_own_text(&self, desc: &str) -> bool {
        desc.strip_prefix(&self.desc(None))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    }

    /// The lines as they will be written, or everything that keeps them from being written.
    fn new_lines(&self, facts: &Facts<'_>) -> Result<Vec<EstimateLineAdd>, Failure> {
        let what = self.what();
        let mut faults = Faults::default();
        if self.job(facts).is_none() {
            faults.not_synced.push(format!(
                "{what} cannot be sent to ERP because its project is not linked to a job in QuickBooks. Send the project first, \
                 then export the change order again."
            ));
        }
        if self.lines.is_empty() {
            faults.invalid.push(format!(
                "{what} cannot be sent to ERP because it has no lines. Add at least one line with a cost code, then export it \
                 again."
            ));
        }
        let lines = self
            .lines
            .iter()
            .zip(1..)
            .filter_map(|(line, place)| {
                let desc = self.desc(line.description.as_deref());
                let own = coding::Line {
                    what: &what,
                    record: "change order",
                    place,
                    code: &line.code,
                    description: Some(&desc),
                    is_unit_based: false,
                    quantity: Decimal::ZERO,
                    unit_cost: Decimal::ZERO,
                    amount: line.amount,
                };
                let coded = own.coded(facts, &mut faults);
                Some(EstimateLineAdd {
                    item: ListRef::by_id(coded.item?),
                    desc: coded.desc,
                    rate: None,
                    amount: Some(line.amount),
                })
            })
            .collect();
        faults.into_result()?;
        Ok(lines)
    }

    fn at(&self, stage: Stage) -> Self {
        Self {
            stage,
            ..self.clone()
        }
    }

    /// Linked already, and Procore knows: it is told again, and nothing is written.
    fn known(&self, facts: &Facts<'_>) -> Option<Outcome> {
        told(self.origin_id.as_ref())?;
        let items = self.lines.iter().map(Self::line_item);
        written::told_again(std::iter::once(self.item()).chain(items), facts)
    }

    /// What can be said without QuickBooks, and where to look.
    fn look(&self, facts: &Facts<'_>) -> Step<Self> {
        if let Some(outcome) = self.known(facts) {
            return Step::Finished(outcome);
        }
        if let Err(failure) = self.new_lines(facts) {
            return Step::Finished(Outcome::Failed(failure, Effects::default()));
        }
        let linked = facts
            .link_of(self.item())
            .map(|link| linked_lines(&link.origin_id, &link.quickbooks_id).0);
        match linked.or_else(|| told(self.contract_origin_id.as_ref())) {
            Some(txn_id) => Step::Advance(self.at(Stage::Read(txn_id)), Effects::default()),
            None => Step::Ask(vec![estimate::of_job(&self.job(facts).unwrap_or_default())]),
        }
    }

    fn choose(&self, found: &[String], facts: &Facts<'_>) -> Step<Self> {
        let of_budget = facts
            .links
            .iter()
            .find(|link| link.item.item_type == ItemType::Budget && found.contains(&link.quickbooks_id));
        match of_budget {
            Some(link) => Step::Advance(
                self.at(Stage::Read(link.quickbooks_id.clone())),
                Effects::default(),
            ),
            None => Step::Finished(Outcome::Failed(
                Failure::new(
                    FailureCode::NotSynced,
                    format!(
                        "{} cannot be sent to ERP because the budget of its project is not in QuickBooks; its lines go to the \
                         estimate that the budget makes. Export the budget first, then the change order again.",
                        self.what()
                    ),
                ),
                Effects::default(),
            )),
        }
    }

    /// The estimates in an answer to a query.
    fn estimates(&self, answers: &[Response]) -> Result<Vec<EstimateRet>, Trouble> {
        let what = self.what();
        let [response] = answers else {
            let why = "QuickBooks did not give one answer to one query.";
            return Err(Trouble::Failed(answers::unreadable(&what, why)));
        };
        let status = &response.status;
        if status.retry_class() == RetryClass::Again {
            return Err(Trouble::Later(format!("{what} waits: {}", status.told())));
        }
        if status.is_error() && !matches!(status.code, 500 | 3000 | 3120) {
            return Err(Trouble::Failed(answers::refused(&what, status)));
        }
        response
            .records::<EstimateRet>(RET)
            .collect::<Result<_, _>>()
            .map_err(|error| Trouble::Failed(answers::unreadable(&what, &error.to_string())))
    }

    fn read(&self, answers: &[Response], txn_id: &str) -> Result<EstimateRet, Trouble> {
        let found = self.estimates(answers)?;
        let estimate = found.into_iter().find(|estimate| estimate.txn_id == txn_id);
        estimate.ok_or_else(|| {
            Trouble::Failed(Failure::new(
                FailureCode::NotSynced,
                format!(
                    "{} cannot be sent to ERP because the estimate of its job is no longer in QuickBooks ({txn_id}). Restore it \
                     there, then export the change order again.",
                    self.what()
                ),
            ))
        })
    }

    fn troubled(self, trouble: Trouble) -> Turn<Self> {
        match trouble {
            Trouble::Later(reason) => Turn::Later(self, reason),
            Trouble::Failed(failure) => failed(failure),
        }
    }

    fn found(self, answers: &[Response]) -> Turn<Self> {
        match self.estimates(answers) {
            Ok(found) => {
                let found = found.into_iter().map(|estimate| estimate.txn_id).collect();
                Turn::Continue(self.at(Stage::Choose(found)), Effects::default())
            }
            Err(trouble) => self.troubled(trouble),
        }
    }

    fn was_read(self, answers: &[Response], txn_id: &str, facts: &Facts<'_>) -> Turn<Self> {
        let estimate = match self.read(answers, txn_id) {
            Ok(estimate) => estimate,
            Err(trouble) => return self.troubled(trouble),
        };
        // Sent twice, or unlinked in Procore alone: what stands there is not written again.
        if let Some(link) = facts.link_of(self.item()) {
            let (_, lines) = linked_lines(&link.origin_id, &link.quickbooks_id);
            let there = |line: &&String| estimate.lines.iter().any(|found| found.txn_line_id == **line);
            if !lines.is_empty() && lines.iter().all(|line| there(&line)) {
                return Turn::Finished(self.concluded(&estimate, &lines, None));
            }
            if lines.iter().any(|line| there(&line)) {
                return failed(self.only_in_part(&estimate));
            }
        }
        if !estimate.groups.is_empty() {
            return failed(Failure::new(
                FailureCode::NotAvailable,
                format!(
                    "{} cannot be sent to ERP because estimate {} holds a group of items, which Plumbline cannot keep when it adds \
                     lines. In QuickBooks, enter the items of the group one by one and delete the group, then export the change \
                     order again.",
                    self.what(),
                    number(&estimate)
                ),
            ));
        }
        let before = Before {
            edit_sequence: estimate.edit_sequence.unwrap_or_default(),
            lines: estimate.lines.into_iter().map(|line| line.txn_line_id).collect(),
            total: estimate.total_amount.unwrap_or_default(),
            txn_id: estimate.txn_id,
        };
        Turn::Continue(self.at(Stage::Append(before)), Effects::default())
    }

    fn appended(self, answers: &[Response], before: Before) -> Turn<Self> {
        let what = self.what();
        let [response] = answers else {
            return Turn::Continue(self.at(Stage::FindOut(before)), Effects::default());
        };
        let status = &response.status;
        if !status.is_error() {
            return match response.record::<EstimateRet>(RET) {
                Some(Ok(estimate)) => match self.ours(&estimate, &before) {
                    Some(lines) => Turn::Finished(self.concluded(&estimate, &lines, Some(&before))),
                    None => failed(self.only_in_part(&estimate)),
                },
                // A status check, or an answer without lines.
                _ => Turn::Continue(self.at(Stage::FindOut(before)), Effects::default()),
            };
        }
        match status.code {
            3200 | 3230 | 3240 => {
                let stale = self.stale.saturating_add(1);
                let next = Self {
                    stage: Stage::FindOut(before),
                    stale,
                    ..self
                };
                if stale.is_multiple_of(MOST_STALE) {
                    return Turn::Later(
                        next,
                        format!("{what} waits: its estimate is being changed in QuickBooks."),
                    );
                }
                Turn::Continue(next, Effects::default())
            }
            _ if status.retry_class() == RetryClass::Again => Turn::Later(
                self.at(Stage::FindOut(before)),
                format!("{what} waits: {}", status.told()),
            ),
            _ => failed(answers::refused(&what, status)),
        }
    }

    fn found_out(self, answers: &[Response], before: &Before) -> Turn<Self> {
        let estimate = match self.read(answers, &before.txn_id) {
            Ok(estimate) => estimate,
            Err(trouble) => return self.troubled(trouble),
        };
        if let Some(lines) = self.ours(&estimate, before) {
            return Turn::Finished(self.concluded(&estimate, &lines, Some(before)));
        }
        // Perhaps ours, changed since by a person: it must not be written a second time.
        let strange = new_lines_of(&estimate, before)
            .any(|line| line.desc.as_deref().is_some_and(|desc| self.is_own_text(desc)));
        if strange {
            return failed(self.only_in_part(&estimate));
        }
        Turn::Continue(self.at(Stage::Read(before.txn_id.clone())), Effects::default())
    }

    /// Our lines among those that were not there before: as many as we sent, one behind the other, with our texts and
    /// amounts.
    fn ours(&self, estimate: &EstimateRet, before: &Before) -> Option<Vec<String>> {
        let new: Vec<&EstimateLineRet> = new_lines_of(estimate, before).collect();
        let is_ours = |found: &EstimateLineRet, sent: &PrimeChangeLine| {
            found.amount == Some(sent.amount)
                && found.desc.as_deref().is_none_or(|desc| self.is_own_text(desc))
        };
        new.windows(self.lines.len().max(1))
            .find(|window| {
                window
                    .iter()
                    .zip(&self.lines)
                    .all(|(found, sent)| is_ours(found, sent))
            })
            .map(|window| window.iter().map(|line| line.txn_line_id.clone()).collect())
    }

    fn only_in_part(&self, estimate: &EstimateRet) -> Failure {
        Failure::new(
            FailureCode::AmountMismatch,
            format!(
                "{} may stand on estimate {} in QuickBooks already, but not as it was sent. Nothing was written. Delete its lines \
                 there if they are to be sent anew, then export the change order again.",
                self.what(),
                number(estimate)
            ),
        )
    }

    /// It stands in QuickBooks, on these lines.
    fn concluded(&self, estimate: &EstimateRet, lines: &[String], before: Option<&Before>) -> Outcome {
        let Some(first) = lines.first() else {
            return Outcome::Failed(self.only_in_part(estimate), Effects::default());
        };
        let own = NewLink {
            item: self.item(),
            origin_id: format!("{}|{first}", estimate.txn_id),
            origin_code: estimate.ref_number.clone(),
            quickbooks_id: lines.join(","),
            edit_sequence: None,
            tell_procore: true,
            stands_as: None,
        };
        let of_lines = self.lines.iter().zip(lines).map(|(line, id)| NewLink {
            item: Self::line_item(line),
            origin_id: id.clone(),
            origin_code: None,
            quickbooks_id: id.clone(),
            edit_sequence: None,
            tell_procore: true,
            stands_as: None,
        });
        let effects = Effects {
            links: std::iter::once(own).chain(of_lines).collect(),
            ..Effects::default()
        };
        let expected = before
            .filter(|before| estimate.lines.len() == before.lines.len() + lines.len())
            .map(|before| before.total + self.sum());
        match (estimate.total_amount, expected) {
            (Some(total), Some(expected)) if total != expected => Outcome::Failed(
                Failure::new(
                    FailureCode::AmountMismatch,
                    format!(
                        "{} is in QuickBooks on estimate {}, but its total there is {total} instead of {expected} (difference {}). \
                         Correct the estimate in QuickBooks.",
                        self.what(),
                        number(estimate),
                        total - expected
                    ),
                ),
                effects,
            ),
            _ => Outcome::Done(effects, Vec::new()),
        }
    }
}

fn new_lines_of<'a>(
    estimate: &'a EstimateRet,
    before: &'a Before,
) -> impl Iterator<Item = &'a EstimateLineRet> {
    estimate
        .lines
        .iter()
        .filter(|line| !before.lines.contains(&line.txn_line_id))
}

fn number(estimate: &EstimateRet) -> &str {
    estimate.ref_number.as_deref().unwrap_or(&estimate.txn_id)
}

fn failed<S>(failure: Failure) -> Turn<S> {
    Turn::Finished(Outcome::Failed(failure, Effects::default()))
}

impl Machine for PrimeChangeOrderExport {
    fn wants(&self) -> Wants {
        let mut links = vec![self.item(), ProcoreItem::new(ItemType::Project, self.project_id)];
        for line in &self.lines {
            links.push(Self::line_item(line));
            links.extend(line.code.wanted());
        }
        let linked_ids = match &self.stage {
            Stage::Choose(found) => found.clone(),
            _ => Vec::new(),
        };
        let items = self.lines.iter().filter_map(|line| line.code.told_item());
        Wants {
            links,
            item_ids: items.map(str::to_owned).collect(),
            linked_ids,
            ..Wants::default()
        }
    }

    fn access(&self) -> Access {
        match self.stage {
            Stage::Append(_) => Access::Write,
            Stage::Look | Stage::Choose(_) | Stage::Read(_) | Stage::FindOut(_) => Access::Read,
        }
    }

    fn step(&self, facts: &Facts<'_>) -> Step<Self> {
        match &self.stage {
            Stage::Look => self.look(facts),
            Stage::Choose(found) => self.choose(found, facts),
            Stage::Read(txn_id) => Step::Ask(vec![estimate::by_id(txn_id)]),
            Stage::FindOut(before) => Step::Ask(vec![estimate::by_id(&before.txn_id)]),
            Stage::Append(before) => match self.new_lines(facts) {
                Ok(new) => {
                    let kept = before.lines.iter().map(|id| EstimateLineMod::kept(id));
                    Step::Ask(vec![estimate::modify(EstimateMod {
                        txn_id: before.txn_id.clone(),
                        edit_sequence: before.edit_sequence.clone(),
                        lines: kept.chain(new.into_iter().map(EstimateLineMod::new)).collect(),
                    })])
                }
                Err(failure) => Step::Finished(Outcome::Failed(failure, Effects::default())),
            },
        }
    }

    fn answer(self, answers: &[Response], facts: &Facts<'_>) -> Turn<Self> {
        match self.stage.clone() {
            Stage::Look | Stage::Choose(_) => self.found(answers),
            Stage::Read(txn_id) => self.was_read(answers, &txn_id, facts),
            Stage::Append(before) => self.appended(answers, before),
            Stage::FindOut(before) => self.found_out(answers, &before),
        }
    }

    fn outcome_unknown(self) -> Turn<Self> {
        let next = match &self.stage {
            Stage::Append(before) => self.at(Stage::FindOut(before.clone())),
            _ => self,
        };
        Turn::Continue(next, Effects::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::imports::fixture::World;

    fn line(id: i64, cents: i64) -> PrimeChangeLine {
        PrimeChangeLine {
            procore_id: id,
            description: Some("Windows".into()),
            code: LineCode {
                procore_id: Some(1472),
                full_code: "01-000".into(),
                origin_id: Some("JOB|I-1".into()),
                standard_cost_code_id: None,
                ..LineCode::default()
            },
            amount: Money::from_cents(cents),
        }
    }

    fn export() -> PrimeChangeOrderExport {
        PrimeChangeOrderExport {
            procore_id: 3,
            number: Some("002".into()),
            contract_number: Some("PC-1".into()),
            project_id: 7,
            job_list_id: Some("JOB".into()),
            lines: vec![line(1, 50_000), line(2, -2_000)],
            ..PrimeChangeOrderExport::default()
        }
    }

    fn estimate(id: &str, lines: &[(&str, &str, &str)], more: &str) -> String {
        let lines: String = lines
            .iter()
            .map(|(id, desc, amount)| {
                format!(
                    "<EstimateLineRet><TxnLineID>{id}</TxnLineID><Desc>{desc}</Desc><Amount>{amount}</Amount></EstimateLineRet>"
                )
            })
            .collect::<Vec<_>>()
            .concat();
        format!(
            "<EstimateRet><TxnID>{id}</TxnID><EditSequence>7</EditSequence><RefNumber>1</RefNumber>\
             <TotalAmount>1000.00</TotalAmount>{lines}{more}</EstimateRet>"
        )
    }

    fn answered(content: &str) -> [Response; 1] {
        [Response::ok("EstimateQueryRs", content)]
    }

    fn before() -> Before {
        Before {
            txn_id: "5B-1".into(),
            edit_sequence: "7".into(),
            lines: vec!["L1".into()],
            total: Money::from_cents(100_000),
        }
    }

    fn finding_out(standing: &[(&str, &str, &str)]) -> Turn<PrimeChangeOrderExport> {
        let world = World::default();
        let finding = export().at(Stage::FindOut(before()));
        finding.answer(&answered(&estimate("5B-1", standing, "")), &world.facts())
    }

    // QBD-08
    #[test]
    fn qbd_08_its_lines_go_behind_those_of_the_budgets_estimate_as_amounts_alone() {
        let world = World::default().linking(ItemType::Budget, 1, "5B-1");
        let facts = world.facts();
        let Step::Ask(requests) = export().step(&facts) else {
            panic!()
        };
        assert!(requests[0].body.starts_with("<EntityFilter><ListID>JOB</ListID>"));
        let both = estimate("5B-0", &[], "") + &estimate("5B-1", &[], "");
        let Turn::Continue(choosing, _) = export().answer(&answered(&both), &facts) else {
            panic!()
        };
        assert_eq!(choosing.wants().linked_ids, ["5B-0", "5B-1"]);
        let Step::Advance(reading, _) = choosing.step(&facts) else {
            panic!()
        };
        assert_eq!(reading.stage, Stage::Read("5B-1".into()));
        let standing = [("L1", "Original budget", "1000.00"), ("hand", "By hand", "0.00")];
        let Turn::Continue(appending, _) =
            reading.answer(&answered(&estimate("5B-1", &standing, "")), &facts)
        else {
            panic!()
        };
        let Step::Ask(requests) = appending.step(&facts) else {
            panic!()
        };
        assert!(
            requests[0].body.starts_with(
                "<EstimateMod><TxnID>5B-1</TxnID><EditSequence>7</EditSequence>\
                 <EstimateLineMod><TxnLineID>L1</TxnLineID></EstimateLineMod>\
                 <EstimateLineMod><TxnLineID>hand</TxnLineID></EstimateLineMod>\
                 <EstimateLineMod><TxnLineID>-1</TxnLineID><ItemRef><ListID>I-1</ListID></ItemRef>\
                 <Desc>Prime contract change order 002: Windows</Desc><Amount>500.00</Amount></EstimateLineMod>"
            ),
            "{}",
            requests[0].body
        );
    }

    #[test]
    fn without_the_budgets_estimate_it_is_refused_and_a_linked_contract_names_its_own() {
        let world = World::default();
        let choosing = export().at(Stage::Choose(vec!["5B-0".into()]));
        let Step::Finished(Outcome::Failed(failure, _)) = choosing.step(&world.facts()) else {
            panic!()
        };
        assert!(
            failure.text().contains("Export the budget first"),
            "{}",
            failure.text()
        );
        let linked = PrimeChangeOrderExport {
            contract_origin_id: Some("5B-9".into()),
            ..export()
        };
        let Step::Advance(reading, _) = linked.step(&world.facts()) else {
            panic!()
        };
        assert_eq!(reading.stage, Stage::Read("5B-9".into()));
        let gone = [Response::failed("EstimateQueryRs", 500, "none")];
        let turn = reading.answer(&gone, &world.facts());
        assert!(matches!(turn, Turn::Finished(Outcome::Failed(..))), "{turn:?}");
    }

    #[test]
    fn what_became_of_it_is_read_from_the_lines_that_were_not_there_before() {
        let old = ("L1", "Original budget", "1000.00");
        let own = |id, amount| (id, "Prime contract change order 002: Windows", amount);
        // Ours, behind somebody else's of the same amount.
        let there = [
            old,
            ("X", "By hand", "500.00"),
            own("N1", "500.00"),
            own("N2", "-20.00"),
        ];
        let Turn::Finished(Outcome::Done(effects, _)) = finding_out(&there) else {
            panic!()
        };
        assert_eq!(
            (
                effects.links[0].quickbooks_id.as_str(),
                effects.links[0].origin_id.as_str()
            ),
            ("N1,N2", "5B-1|N1")
        );
        assert_eq!(effects.links[2].item, ProcoreItem::new(ItemType::LineItem, 2));
        // Not there: read and written anew, though somebody added a line.
        let turn = finding_out(&[old, ("X", "Budget change", "500.00")]);
        assert!(
            matches!(&turn, Turn::Continue(next, _) if next.stage == Stage::Read("5B-1".into())),
            "{turn:?}"
        );
        // There, and changed since: never written a second time.
        let turn = finding_out(&[old, own("N1", "500.00"), own("N2", "-20.01")]);
        assert!(matches!(turn, Turn::Finished(Outcome::Failed(..))), "{turn:?}");
        // Another change order's number that begins alike is not ours.
        let other = ("N1", "Prime contract change order 0021: Doors", "1.00");
        let turn = finding_out(&[old, other]);
        assert!(matches!(turn, Turn::Continue(..)), "{turn:?}");
    }

    #[test]
    fn a_group_of_items_would_be_deleted_so_nothing_is_written() {
        let world = World::default();
        let group = "<EstimateLineGroupRet><TxnLineID>G1</TxnLineID></EstimateLineGroupRet>";
        let turn = export()
            .at(Stage::Read("5B-1".into()))
            .answer(&answered(&estimate("5B-1", &[], group)), &world.facts());
        let Turn::Finished(Outcome::Failed(failure, _)) = turn else {
            panic!("{turn:?}")
        };
        assert!(
            failure.text().contains("holds a group of items"),
            "{}",
            failure.text()
        );
    }

    #[test]
    fn whoever_is_faster_costs_a_second_look() {
        let world = World::default();
        let appending = export().at(Stage::Append(before()));
        assert_eq!(appending.access(), Access::Write);
        let stale = [Response::failed("EstimateModRs", 3200, "stale")];
        let Turn::Continue(next, _) = appending.clone().answer(&stale, &world.facts()) else {
            panic!()
        };
        assert_eq!(next.stage, Stage::FindOut(before()));
        let Turn::Continue(next, _) = appending.outcome_unknown() else {
            panic!()
        };
        assert_eq!(next.stage, Stage::FindOut(before()));
    }
}
