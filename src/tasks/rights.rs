//! Whether the QuickBooks user of the Web Connector may read all that Plumbline uses: one record of each kind is asked for, at
//! connection and once a day. Reads only.
//!
//! What may not live here: what a finding means for people (`connections::rights`).

use serde::{Deserialize, Serialize};

use super::{AnyTask, Effects, Facts, Machine, Outcome, Step, Turn, queue::NewTask};
use crate::{
    connections::rights::{Finding, Rights, Why, used},
    erp_mode::{priorities, subjects},
    qbxml::{
        Access, Response, RetryClass,
        preferences::{self, PreferencesRet},
        readable::Readable,
    },
};

/// Asks for one record of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RightsCheck {
    /// What is asked for, once it is known; the preferences are asked for behind it.
    asking: Vec<Readable>,
}

impl RightsCheck {
    /// From the beginning.
    pub fn new() -> Self {
        Self::default()
    }

    /// For the queue.
    pub fn into_new_task(self) -> NewTask {
        NewTask {
            subject: subjects::RIGHTS.to_owned(),
            label: "Rights of the QuickBooks user".to_owned(),
            task: AnyTask::Rights(self),
            detail: None,
            erp_request_id: None,
            needs: Vec::new(),
            priority: priorities::SCHEDULED,
        }
    }
}

/// What keeps records of a kind from being used, if anything does.
fn why(response: &Response) -> Option<Why> {
    let status = &response.status;
    if !status.is_error() {
        return None;
    }
    Some(match status.code {
        3260 | 3261 => Why::NoRight,
        3250 => Why::SwitchedOff,
        _ => Why::NotAnswered { words: status.told() },
    })
}

/// Kinds whose preference is off, whatever QuickBooks answers to a query of them.
fn switched_off(response: Option<&Response>) -> Vec<Readable> {
    let Some(Ok(preferences)) =
        response.and_then(|response| response.record::<PreferencesRet>("PreferencesRet"))
    else {
        return Vec::new();
    };
    let estimates = preferences.estimates.and_then(|jobs| jobs.is_using_estimates);
    let orders = preferences
        .purchases
        .and_then(|purchases| purchases.is_using_inventory);
    [
        (Readable::Estimates, estimates),
        (Readable::PurchaseOrders, orders),
    ]
    .into_iter()
    .filter_map(|(what, on)| (on == Some(false)).then_some(what))
    .collect()
}

impl Machine for RightsCheck {
    fn access(&self) -> Access {
        Access::Read
    }

    fn step(&self, facts: &Facts<'_>) -> Step<Self> {
        if self.asking.is_empty() {
            let payments = facts.company.is_us() || facts.settings.payments_outside_us;
            let asking = used(facts.settings, payments);
            return Step::Advance(Self { asking }, Effects::default());
        }
        let mut requests: Vec<_> = self.asking.iter().map(|what| what.query()).collect();
        requests.push(preferences::query());
        Step::Ask(requests)
    }

    fn answer(self, answers: &[Response], _: &Facts<'_>) -> Turn<Self> {
        if let Some(busy) = answers
            .iter()
            .find(|response| response.status.retry_class() == RetryClass::Again)
        {
            let reason = format!("The rights of the QuickBooks user wait: {}", busy.status.told());
            return Turn::Later(self, reason);
        }
        let off = switched_off(answers.get(self.asking.len()));
        let findings: Vec<Finding> = self
            .asking
            .iter()
            .zip(answers)
            .filter_map(|(what, response)| {
                let why = why(response).or_else(|| off.contains(what).then_some(Why::SwitchedOff))?;
                Some(Finding { what: *what, why })
            })
            .collect();
        let mut messages: Vec<String> = findings.iter().map(Finding::words).collect();
        if messages.is_empty() {
            messages.push(
                "The QuickBooks user of the Web Connector may read everything that is used.".to_owned(),
            );
        }
        let effects = Effects {
            rights: Some(Rights { findings }),
            ..Effects::default()
        };
        Turn::Finished(Outcome::Done(effects, messages))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::imports::fixture::World;

    fn asking(world: &World) -> RightsCheck {
        let Step::Advance(state, _) = RightsCheck::new().step(&world.facts()) else {
            panic!("it finds out what is used")
        };
        state
    }

    /// The answers where these kinds have these statuses, and the preferences are so.
    fn answers(state: &RightsCheck, bad: &[(Readable, i32)], preferences: &str) -> Vec<Response> {
        let mut answers: Vec<Response> = state
            .asking
            .iter()
            .map(|what| match bad.iter().find(|(bad, _)| bad == what) {
                Some((_, code)) => Response::failed("QueryRs", *code, "Insufficient permission level."),
                None => Response::failed("QueryRs", 1, "No match."),
            })
            .collect();
        let preferences = format!("<PreferencesRet>{preferences}</PreferencesRet>");
        answers.push(Response::ok("PreferencesQueryRs", &preferences));
        answers
    }

    fn rights(state: RightsCheck, answers: &[Response], world: &World) -> (Vec<Finding>, Vec<String>) {
        let Turn::Finished(Outcome::Done(effects, messages)) = state.answer(answers, &world.facts()) else {
            panic!("it ends")
        };
        (effects.rights.unwrap().findings, messages)
    }

    // LOVE-11
    #[test]
    fn love_11_one_of_each_kind_is_asked_for_and_what_may_not_be_seen_is_named() {
        let world = World::default();
        let state = asking(&world);
        let Step::Ask(requests) = state.step(&world.facts()) else {
            panic!("it asks")
        };
        assert_eq!(requests.len(), state.asking.len() + 1);
        assert!(requests.iter().all(|request| request.access == Access::Read));
        let fine = answers(&state, &[], "");
        let (findings, messages) = rights(state.clone(), &fine, &world);
        assert_eq!(findings, []);
        assert!(messages[0].contains("may read everything"));

        let bad = [
            (Readable::Bills, 3260),
            (Readable::Checks, 3261),
            (Readable::Estimates, 3250),
            (Readable::Terms, 3190),
        ];
        let (findings, messages) = rights(state.clone(), &answers(&state, &bad, ""), &world);
        let found: Vec<(Readable, &Why)> = findings.iter().map(|found| (found.what, &found.why)).collect();
        let [(Readable::Terms, Why::NotAnswered { .. }), rest @ ..] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!(
            rest,
            [
                (Readable::Estimates, &Why::SwitchedOff),
                (Readable::Bills, &Why::NoRight),
                (Readable::Checks, &Why::NoRight),
            ]
        );
        assert_eq!(messages.len(), 4);
    }

    // LOVE-11
    #[test]
    fn love_11_a_preference_that_is_off_is_named_though_the_query_is_answered() {
        let world = World::default();
        let state = asking(&world);
        let preferences = "<JobsAndEstimatesPreferences><IsUsingEstimates>false</IsUsingEstimates></JobsAndEstimatesPreferences>\
            <PurchasesAndVendorsPreferences><IsUsingInventory>false</IsUsingInventory></PurchasesAndVendorsPreferences>";
        let (findings, _) = rights(state.clone(), &answers(&state, &[], preferences), &world);
        let off: Vec<Readable> = findings.iter().map(|found| found.what).collect();
        assert_eq!(off, [Readable::Estimates, Readable::PurchaseOrders]);
        let no_right = [(Readable::Estimates, 3260)];
        let (findings, _) = rights(state.clone(), &answers(&state, &no_right, preferences), &world);
        assert_eq!(findings[0].why, Why::NoRight, "that must be mended first");
    }

    #[test]
    fn while_quickbooks_is_busy_nothing_is_concluded() {
        let world = World::default();
        let state = asking(&world);
        let busy = answers(&state, &[(Readable::Bills, 1010)], "");
        assert!(matches!(state.answer(&busy, &world.facts()), Turn::Later(..)));
    }
}
