//! Estimates and sales orders of linked jobs → prime contracts that users may import (QBD-20). Reads only.
//!
//! Decisions: all of them are offered, for the choice is the user's in Procore; the estimate that an exported budget made is
//! not among them. One that cannot be a prime contract to the cent is not offered by halves: it is named with the reasons.

use serde::{Deserialize, Serialize};

use super::proposals;
use crate::{
    links::ItemType,
    qbxml::{
        Access, Response, RetryClass,
        proposal::{Proposal, ProposalKind},
    },
    tasks::{Effects, Facts, Failure, FailureCode, LINKS_PAGE, Machine, Outcome, Step, Turn, Wants},
    writebacks::{ContractLineData, PrimeContractData, Writeback},
};

/// Jobs that share one question: their estimates come with all their lines.
const JOBS_AT_ONCE: usize = 10;
/// Most that are named with reasons; the rest is counted.
const MOST_LISTED: usize = 50;
/// The feature is off in this company file, so there is nothing of the kind.
const FEATURE_OFF: i32 = 3250;

/// Reads what may become a prime contract.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrimeContractsImport {
    /// Procore's id of the last project that was taken.
    after: i64,
    /// No more projects follow.
    last_page: bool,
    /// Jobs whose proposals are still to be read.
    jobs: Vec<String>,
    /// The kind that is read next of the first of these.
    sales_orders: bool,
    /// What was read of them, to be offered.
    pending: Vec<Proposal>,
    /// How many were offered.
    offered: u64,
    /// How many could not be.
    left_out: u64,
    /// Those, with the reasons.
    listed: Vec<String>,
}

impl PrimeContractsImport {
    /// From the beginning.
    pub fn new() -> Self {
        Self::default()
    }

    fn kind(&self) -> ProposalKind {
        ProposalKind::ALL[usize::from(self.sales_orders)]
    }

    fn asking(&self) -> &[String] {
        self.jobs.get(..JOBS_AT_ONCE).unwrap_or(&self.jobs)
    }

    /// What was asked is answered.
    fn next(&mut self) {
        if self.sales_orders {
            let asked = self.asking().len();
            self.jobs.drain(..asked);
        }
        self.sales_orders = !self.sales_orders;
    }

    fn offer(&self, facts: &Facts<'_>) -> (Self, Effects) {
        let mut next = self.clone();
        let mut contracts = Vec::new();
        for proposal in std::mem::take(&mut next.pending) {
            let is_budget = facts
                .links
                .iter()
                .any(|link| link.item.item_type == ItemType::Budget && link.quickbooks_id == proposal.txn_id);
            if is_budget {
                continue;
            }
            match proposals::coded(&proposal, facts.items) {
                Ok(lines) => contracts.push(contract(&proposal, &lines)),
                Err(faults) => {
                    next.left_out += 1;
                    if next.listed.len() < MOST_LISTED {
                        next.listed.push(format!(
                            "{} is not offered as a prime contract. {}",
                            proposal.what(),
                            faults.join(" ")
                        ));
                    }
                }
            }
        }
        next.offered += contracts.len() as u64;
        let mut effects = Effects::default();
        if !contracts.is_empty() {
            effects
                .writebacks
                .push(Writeback::StagePrimeContracts { contracts });
        }
        (next, effects)
    }

    fn outcome(&self) -> Outcome {
        let mut words = vec![match self.offered {
            0 => "No estimate or sales order of a synced job can be imported as a prime contract.".to_owned(),
            1 => "1 estimate or sales order is offered as a prime contract.".to_owned(),
            many => format!("{many} estimates and sales orders are offered as prime contracts."),
        }];
        words.extend(self.listed.iter().cloned());
        let more = self.left_out - self.listed.len() as u64;
        if more > 0 {
            words.push(format!("And {more} more are not offered."));
        }
        Outcome::Done(Effects::default(), words)
    }
}

fn contract(proposal: &Proposal, lines: &[proposals::CodedLine<'_>]) -> PrimeContractData {
    let job = proposal.job.list_id.clone().unwrap_or_default();
    PrimeContractData {
        origin_id: proposal.txn_id.clone(),
        edit_sequence: proposal.edit_sequence.clone(),
        number: proposal.ref_number.clone(),
        title: proposal.memo.clone().unwrap_or_else(|| proposal.what()),
        lines: lines
            .iter()
            .map(|coded| ContractLineData {
                origin_id: coded.line.txn_line_id.clone(),
                cost_code_origin_id: format!("{job}|{}", coded.item),
                description: coded.line.desc.clone(),
                amount: coded.amount,
            })
            .collect(),
        job_origin_id: job,
    }
}

impl Machine for PrimeContractsImport {
    fn wants(&self) -> Wants {
        let ready = self.pending.is_empty() && self.jobs.is_empty() && !self.last_page;
        Wants {
            links_after: ready.then_some((ItemType::Project, self.after)),
            item_ids: proposals::items_of(&self.pending),
            linked_ids: self
                .pending
                .iter()
                .map(|proposal| proposal.txn_id.clone())
                .collect(),
            ..Wants::default()
        }
    }

    fn access(&self) -> Access {
        Access::Read
    }

    fn step(&self, facts: &Facts<'_>) -> Step<Self> {
        if !self.pending.is_empty() {
            let (next, effects) = self.offer(facts);
            return Step::Advance(next, effects);
        }
        if !self.jobs.is_empty() {
            return Step::Ask(vec![self.kind().query(self.asking())]);
        }
        if self.last_page {
            return Step::Finished(self.outcome());
        }
        let mut next = self.clone();
        let linked = facts.page.iter().filter(|known| !known.known_gone);
        next.jobs = linked.map(|known| known.link.quickbooks_id.clone()).collect();
        next.after = facts.page.last().map_or(self.after, |last| last.link.item.id);
        next.last_page = facts.page.len() < LINKS_PAGE;
        Step::Advance(next, Effects::default())
    }

    fn answer_wants(&self) -> Wants {
        Wants::default()
    }

    fn answer(mut self, answers: &[Response], _: &Facts<'_>) -> Turn<Self> {
        let kind = self.kind();
        let failed = |code, words: String, status_code| {
            let failure = Failure {
                code,
                messages: vec![words],
                status_code,
            };
            Turn::Finished(Outcome::Failed(failure, Effects::default()))
        };
        for response in answers {
            let status = &response.status;
            match status.retry_class() {
                RetryClass::Done | RetryClass::Nothing | RetryClass::Warning => {}
                RetryClass::Again => {
                    let reason = format!("The {}s wait: {}", kind.word(), status.told());
                    return Turn::Later(self, reason);
                }
                _ if status.code == FEATURE_OFF => {}
                _ => {
                    let words = format!("QuickBooks does not show {}s: {}", kind.word(), status.told());
                    return failed(FailureCode::Refused, words, Some(status.code));
                }
            }
            for piece in response.pieces() {
                match kind.read(&piece) {
                    Some(Ok(proposal)) => self.pending.push(proposal),
                    Some(Err(error)) => {
                        return failed(FailureCode::UnreadableAnswer, error.to_string(), None);
                    }
                    None => {}
                }
            }
        }
        self.next();
        Turn::Continue(self, Effects::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        links::{KnownLink, Link, ProcoreItem},
        qbxml::Money,
        tasks::imports::{
            fixture::{World, query_answer},
            proposals::tests::world,
        },
    };

    fn project(id: i64, gone: bool) -> KnownLink {
        KnownLink {
            link: Link {
                item: ProcoreItem::new(ItemType::Project, id),
                origin_id: format!("J{id}"),
                origin_code: None,
                quickbooks_id: format!("J{id}"),
                edit_sequence: None,
                stands_as: None,
            },
            name: None,
            read_as: None,
            known_gone: gone,
        }
    }

    fn ret(id: &str, amount: &str, total: &str) -> String {
        format!(
            "<EstimateRet><TxnID>{id}</TxnID><EditSequence>3</EditSequence><CustomerRef><ListID>J1</ListID>\
             <FullName>Acme:Tower</FullName></CustomerRef><RefNumber>{id}</RefNumber><TotalAmount>{total}</TotalAmount>\
             <EstimateLineRet><TxnLineID>{id}-1</TxnLineID><ItemRef><ListID>S1</ListID></ItemRef><Desc>Concrete</Desc>\
             <Amount>{amount}</Amount></EstimateLineRet></EstimateRet>"
        )
    }

    /// Runs to the end, answering the questions in their order; the words, what is staged, and how often it asked.
    fn run(world: &World, answers: &[Response]) -> (Vec<String>, Vec<PrimeContractData>, usize) {
        let mut state = PrimeContractsImport::new();
        let mut effects = Effects::default();
        let mut asked = 0;
        loop {
            match state.step(&world.facts()) {
                Step::Advance(next, more) => {
                    effects.extend(more);
                    state = next;
                }
                Step::Ask(_) => {
                    let Turn::Continue(next, more) = state.answer(&answers[asked..=asked], &world.facts())
                    else {
                        panic!("it goes on")
                    };
                    effects.extend(more);
                    state = next;
                    asked += 1;
                }
                Step::Finished(Outcome::Done(_, words)) => {
                    let staged = effects
                        .writebacks
                        .into_iter()
                        .flat_map(|writeback| match writeback {
                            Writeback::StagePrimeContracts { contracts } => contracts,
                            other => panic!("{other:?}"),
                        });
                    return (words, staged.collect(), asked);
                }
                Step::Finished(other) => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn qbd_20_what_a_job_was_offered_is_a_prime_contract_and_its_budget_is_not() {
        let mut world = world().linking(ItemType::Budget, 5, "B");
        world.page = vec![project(1, false), project(2, true)];
        let estimates = [
            ret("A", "100.00", "100.00"),
            ret("B", "5.00", "5.00"),
            ret("C", "7.00", "7.56"),
        ]
        .concat();
        let [first] = query_answer(&estimates);
        let off = Response::failed("SalesOrderQueryRs", 3250, "This feature is not enabled.");
        let (words, staged, asked) = run(&world, &[first, off]);
        assert_eq!(asked, 2, "one question a kind");
        assert_eq!(
            words[0],
            "1 estimate or sales order is offered as a prime contract."
        );
        assert!(
            words[1].starts_with("Estimate C of Acme:Tower is not offered"),
            "{words:?}"
        );
        assert_eq!(
            staged,
            [PrimeContractData {
                origin_id: "A".into(),
                edit_sequence: Some("3".into()),
                job_origin_id: "J1".into(),
                number: Some("A".into()),
                title: "Estimate A of Acme:Tower".into(),
                lines: vec![ContractLineData {
                    origin_id: "A-1".into(),
                    cost_code_origin_id: "J1|S1".into(),
                    description: Some("Concrete".into()),
                    amount: Money::from_cents(10_000),
                }],
            }]
        );
    }

    #[test]
    fn a_question_that_is_refused_ends_it_with_words_and_a_busy_file_is_waited_for() {
        let state = PrimeContractsImport {
            jobs: vec!["J1".into()],
            ..PrimeContractsImport::new()
        };
        let world = World::default();
        let refused = [Response::failed("EstimateQueryRs", 3260, "No permission.")];
        let Turn::Finished(Outcome::Failed(failure, _)) = state.clone().answer(&refused, &world.facts())
        else {
            panic!("it is refused")
        };
        assert!(failure.text().contains("estimates: "), "{}", failure.text());
        let busy = [Response::failed("EstimateQueryRs", 3175, "In use.")];
        assert!(matches!(state.answer(&busy, &world.facts()), Turn::Later(..)));
    }
}
