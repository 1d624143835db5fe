//! What QuickBooks' answer to a message set means for each of its tasks. Pure.

use std::panic::{AssertUnwindSafe, catch_unwind};

use uuid::Uuid;

use crate::{
    qbxml::{MessageSetAnswer, Response},
    tasks::{
        AnyTask, Effects, Facts, Failure, FailureCode, Outcome, Step, Turn,
        queue::{Claimed, unreadable_state},
    },
};

/// Message set statuses that leave open what became of the writes (qbxml.md §2).
fn fate_unknown(status: Option<i32>) -> bool {
    matches!(status, Some(600 | 9001 | 9002 | 9004 | 9005))
}

/// Gives each task its part of the answer. `counts` says how many requests each task had, in order.
pub fn judge(
    tasks: Vec<Claimed>,
    counts: &[(Uuid, usize)],
    answer: &MessageSetAnswer,
    facts: &Facts<'_>,
) -> Vec<(Uuid, Turn<AnyTask>)> {
    let expected: usize = counts.iter().map(|(_, count)| count).sum();
    let unknown = fate_unknown(answer.status_code) && answer.responses.len() < expected;
    tasks
        .into_iter()
        .map(|claimed| {
            let task = match claimed.task {
                Ok(task) => task,
                Err(error) => return (claimed.id, unreadable_state(&error)),
            };
            let own = part(claimed.id, counts, &answer.responses, expected);
            let turn = isolate(|| match own {
                Some(own) if !unknown => task.answer(&own, facts),
                // No answer of its own, or QuickBooks cannot say: look before anything is sent again.
                _ => task.outcome_unknown(),
            });
            (claimed.id, turn)
        })
        .collect()
}

/// The responses to one task's requests: by place if the answer is complete, else by `requestID`.
fn part(
    id: Uuid,
    counts: &[(Uuid, usize)],
    responses: &[Response],
    expected: usize,
) -> Option<Vec<Response>> {
    let mut first = 0;
    let mut range = None;
    for (task, count) in counts {
        if *task == id {
            range = Some(first..first + count);
        }
        first += count;
    }
    let range = range?;
    if responses.len() == expected {
        return responses.get(range).map(<[Response]>::to_vec);
    }
    range
        .map(|place| {
            let wanted = place.to_string();
            responses
                .iter()
                .find(|response| response.request_id.as_deref() == Some(&wanted))
                .cloned()
        })
        .collect()
}

/// Takes a task's next step; a panic in it is that task's failure and nobody else's.
pub fn step(task: &AnyTask, facts: &Facts<'_>) -> Step<AnyTask> {
    catch_unwind(AssertUnwindSafe(|| task.step(facts))).unwrap_or_else(|_| Step::Finished(broken()))
}

fn isolate(turn: impl FnOnce() -> Turn<AnyTask>) -> Turn<AnyTask> {
    catch_unwind(AssertUnwindSafe(turn)).unwrap_or_else(|_| Turn::Finished(broken()))
}

fn broken() -> Outcome {
    Outcome::Failed(
        Failure::new(
            FailureCode::UnreadableAnswer,
            "Plumbline met a fault of its own while working on this record. The exchange with QuickBooks is kept; \
             before sending the record again, check whether it stands in QuickBooks.",
        ),
        Effects::default(),
    )
}
