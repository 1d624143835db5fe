//! An estimate of a linked job → the amounts that users may import as the project's budget (QBD-19). Reads only.
//!
//! Procore imports budgets from the ERP figures of a project's cost codes, so an estimate is told as such, one sum for each
//! code. Decisions: a person says which estimate, where there are several; once a budget was exported, the estimate that it
//! made is the budget, and nothing is imported any more; codes the project lacks are named, for a budget without them would
//! not come to the estimate.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::proposals;
use crate::{
    links::ItemType,
    qbxml::{
        Access, Money, Response, RetryClass,
        proposal::{Proposal, ProposalKind},
    },
    tasks::{Effects, Facts, Failure, FailureCode, Machine, Outcome, Step, Turn, Wants},
    writebacks::{JobCostAmounts, JobCostRow, Writeback},
};

/// Reads the estimates of a job, and tells Procore one of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetImport {
    /// Procore's id of the project.
    project_id: i64,
    /// Its job's `ListID`.
    job: String,
    /// The items that the project has synced cost codes of.
    codes: Vec<String>,
    /// The number of the estimate; where none is named, there must be one alone.
    number: Option<String>,
    /// The job's estimates, once they were read.
    read: Option<Vec<Proposal>>,
}

impl BudgetImport {
    /// The budget of a project from the estimate with this number.
    pub fn new(project_id: i64, job: String, codes: Vec<String>, number: Option<String>) -> Self {
        Self {
            project_id,
            job,
            codes,
            number,
            read: None,
        }
    }

    /// The estimate that is meant.
    fn chosen<'a>(&self, estimates: &'a [Proposal]) -> Result<&'a Proposal, String> {
        let Some(first) = estimates.first() else {
            return Err("The job has no estimate in QuickBooks.".to_owned());
        };
        let all = || -> String {
            let told = estimates.iter().map(|estimate| {
                let number = estimate.ref_number.as_deref().unwrap_or("without a number");
                format!("{number} of {}", estimate.total)
            });
            told.collect::<Vec<_>>().join(", ")
        };
        match &self.number {
            None if estimates.len() == 1 => Ok(first),
            None => Err(format!(
                "The job has several estimates: {}. Name one by its number.",
                all()
            )),
            Some(number) => {
                let mut named = estimates
                    .iter()
                    .filter(|estimate| estimate.ref_number.as_deref() == Some(number));
                match (named.next(), named.next()) {
                    (Some(one), None) => Ok(one),
                    (None, _) => Err(format!("The job has no estimate {number}. It has {}.", all())),
                    (Some(_), Some(_)) => Err(format!(
                        "The job has several estimates {number}. Give them different numbers in QuickBooks."
                    )),
                }
            }
        }
    }

    fn outcome(&self, estimates: &[Proposal], facts: &Facts<'_>) -> Outcome {
        match self.told(estimates, facts) {
            Ok((rows, words)) => {
                let effects = Effects {
                    writebacks: vec![Writeback::JobCosts {
                        project_id: self.project_id,
                        job_origin_id: self.job.clone(),
                        rows,
                    }],
                    ..Effects::default()
                };
                Outcome::Done(effects, vec![words])
            }
            Err(faults) => Outcome::Failed(
                Failure::all(FailureCode::InvalidField, faults),
                Effects::default(),
            ),
        }
    }

    fn told(
        &self,
        estimates: &[Proposal],
        facts: &Facts<'_>,
    ) -> Result<(Vec<JobCostRow>, String), Vec<String>> {
        let exported = estimates.iter().find(|estimate| {
            facts
                .links
                .iter()
                .any(|link| link.item.item_type == ItemType::Budget && link.quickbooks_id == estimate.txn_id)
        });
        if let Some(exported) = exported {
            return Err(vec![format!(
                "The project's budget was exported: it is {} in QuickBooks. It cannot be imported any more.",
                exported.what()
            )]);
        }
        let chosen = self.chosen(estimates).map_err(|why| vec![why])?;
        let lines = proposals::coded(chosen, facts.items).map_err(|mut faults| {
            faults.insert(0, format!("{} cannot become a budget.", chosen.what()));
            faults
        })?;
        let mut sums: BTreeMap<&str, Money> = BTreeMap::new();
        for line in &lines {
            *sums.entry(line.item).or_default() += line.amount;
        }
        let missing: Vec<String> = sums
            .keys()
            .filter(|item| !self.codes.iter().any(|code| code == *item))
            .map(|item| {
                let known = facts.items.iter().find(|known| known.list_id == **item);
                known.map_or_else(|| (*item).to_owned(), |known| known.full_name.clone())
            })
            .collect();
        if !missing.is_empty() {
            return Err(vec![format!(
                "{} names cost codes that the project does not have, or that are not synced: {}. Add them to the project and send it \
                 again.",
                chosen.what(),
                missing.join(", ")
            )]);
        }
        let words = format!(
            "{} is offered as the budget of the project with Procore's id {}: {} cost codes, {} in all. Import it in the budget tab \
             of the ERP Integrations tool.",
            chosen.what(),
            self.project_id,
            sums.len(),
            chosen.total
        );
        let rows = sums.into_iter().map(|(item, sum)| JobCostRow {
            cost_code_origin_id: format!("{}|{item}", self.job),
            line_item_type_origin_id: None,
            amounts: JobCostAmounts::Budget {
                original_estimate: sum,
                estimate_changes: Money::ZERO,
            },
        });
        Ok((rows.collect(), words))
    }
}

impl Machine for BudgetImport {
    fn wants(&self) -> Wants {
        let read = self.read.as_deref().unwrap_or_default();
        Wants {
            item_ids: proposals::items_of(read),
            linked_ids: read.iter().map(|estimate| estimate.txn_id.clone()).collect(),
            ..Wants::default()
        }
    }

    fn access(&self) -> Access {
        Access::Read
    }

    fn step(&self, facts: &Facts<'_>) -> Step<Self> {
        match &self.read {
            None => Step::Ask(vec![
                ProposalKind::Estimate.query(std::slice::from_ref(&self.job)),
            ]),
            Some(estimates) => Step::Finished(self.outcome(estimates, facts)),
        }
    }

    fn answer(mut self, answers: &[Response], _: &Facts<'_>) -> Turn<Self> {
        let failed = |failure| Turn::Finished(Outcome::Failed(failure, Effects::default()));
        let mut read = Vec::new();
        for response in answers {
            let status = &response.status;
            match status.retry_class() {
                RetryClass::Done | RetryClass::Nothing | RetryClass::Warning => {}
                RetryClass::Again => {
                    let reason = format!("The estimates wait: {}", status.told());
                    return Turn::Later(self, reason);
                }
                _ => {
                    return failed(Failure {
                        code: FailureCode::Refused,
                        messages: vec![format!("QuickBooks does not show estimates: {}", status.told())],
                        status_code: Some(status.code),
                    });
                }
            }
            for piece in response.pieces() {
                match ProposalKind::Estimate.read(&piece) {
                    Some(Ok(estimate)) => read.push(estimate),
                    Some(Err(error)) => {
                        return failed(Failure::new(FailureCode::UnreadableAnswer, error.to_string()));
                    }
                    None => {}
                }
            }
        }
        self.read = Some(read);
        Turn::Continue(self, Effects::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::imports::proposals::tests::{estimate, world};

    fn told(
        number: Option<&str>,
        estimates: Vec<Proposal>,
        exported: bool,
    ) -> Result<Vec<JobCostRow>, String> {
        let world = if exported {
            world().linking(ItemType::Budget, 5, "2")
        } else {
            world()
        };
        let codes = vec!["S1".to_owned(), "P".to_owned()];
        let mut state = BudgetImport::new(86, "J".to_owned(), codes, number.map(str::to_owned));
        state.read = Some(estimates);
        match state.step(&world.facts()) {
            Step::Finished(Outcome::Done(effects, _)) => match effects.writebacks.into_iter().next() {
                Some(Writeback::JobCosts { rows, .. }) => Ok(rows),
                other => panic!("{other:?}"),
            },
            Step::Finished(Outcome::Failed(failure, _)) => Err(failure.text()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn qbd_19_an_estimate_is_told_as_one_sum_for_each_code() {
        let one = || estimate("1", &[(Some("S1"), 100), (Some("S1"), -25)], 75);
        let other = || estimate("2", &[(Some("S1"), 9)], 9);
        let rows = told(None, vec![one()], false).unwrap();
        let sum = JobCostAmounts::Budget {
            original_estimate: Money::from_cents(75),
            estimate_changes: Money::ZERO,
        };
        assert_eq!(rows.len(), 1);
        assert_eq!(
            (rows[0].cost_code_origin_id.as_str(), rows[0].amounts),
            ("J|S1", sum)
        );
        assert_eq!(told(Some("N1"), vec![one(), other()], false).unwrap(), rows);
        for (number, estimates, exported, words) in [
            (None, vec![], false, "no estimate in QuickBooks"),
            (
                None,
                vec![one(), other()],
                false,
                "several estimates: N1 of 0.75, N2 of 0.09. Name one",
            ),
            (Some("9"), vec![one()], false, "no estimate 9. It has N1 of 0.75"),
            (Some("N1"), vec![one(), one()], false, "several estimates N1."),
            // Once a budget was exported, none is imported.
            (
                Some("N1"),
                vec![one(), other()],
                true,
                "was exported: it is Estimate N2",
            ),
            (
                None,
                vec![estimate("1", &[(Some("S2"), 5)], 5)],
                false,
                "does not have, or that are not synced: 01:200",
            ),
            (
                None,
                vec![estimate("1", &[(Some("S1"), 5)], 6)],
                false,
                "cannot become a budget. Its lines come to",
            ),
        ] {
            let text = told(number, estimates, exported).unwrap_err();
            assert!(text.contains(words), "{text}");
        }
    }
}
