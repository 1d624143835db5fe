//! What QuickBooks' answer to a message set means for each of its tasks. Pure.

use std::panic::{AssertUnwindSafe, catch_unwind};

use uuid::Uuid;

use crate::{
    qbxml::{Access, MessageSetAnswer, Response},
    tasks::{AnyTask, Effects, Facts, Failure, FailureCode, Outcome, Step, Turn, queue::Claimed},
};

/// QuickBooks' words for "no record of this message set" (qbxml.md §2).
const NO_RECORD_OF_THE_SET: i32 = 9002;

/// What stands for an answer that is not to be had: nobody knows what became of the message set.
pub fn unanswered() -> MessageSetAnswer {
    MessageSetAnswer {
        message_set_id: None,
        status_code: Some(NO_RECORD_OF_THE_SET),
        responses: Vec::new(),
    }
}

/// Message set statuses that leave open what became of the writes (qbxml.md §2).
fn fate_unknown(status: Option<i32>) -> bool {
    matches!(status, Some(600 | 9001 | NO_RECORD_OF_THE_SET | 9004 | 9005))
}

/// Tells the answers to the reads of one exchange from those of another; writes carry a message set id instead.
pub fn tag(exchange_id: Uuid) -> String {
    let id = exchange_id.simple().to_string();
    format!("{}.", &id[24..])
}

/// Whether this is the answer to another exchange: a duplicate that came late.
pub fn is_for_another(answer: &MessageSetAnswer, tag: &str) -> bool {
    answer
        .responses
        .iter()
        .filter_map(|response| response.request_id.as_deref())
        .any(|id| !id.is_empty() && !id.starts_with(tag))
}

/// Gives each task its part of the answer. `counts` says how many requests each task had, in order, and `tag` how
/// their numbers begin.
pub fn judge(
    tasks: Vec<Claimed>,
    counts: &[(Uuid, usize)],
    tag: &str,
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
                Err(error) => return (claimed.id, asked_from_unreadable_state(&error)),
            };
            let own = part(claimed.id, counts, tag, &answer.responses, expected);
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
    tag: &str,
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
            let wanted = format!("{tag}{place}");
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

/// What a task that is about to write does instead where its record may stand in QuickBooks already: it looks for it.
/// `None`: its step writes nothing, or it knows no way to look.
pub fn look_instead(task: &AnyTask) -> Option<Turn<AnyTask>> {
    if task.access() == Access::Read {
        return None;
    }
    let turn = isolate(|| task.clone().outcome_unknown());
    match &turn {
        Turn::Continue(next, _) if next.access() == Access::Write => None,
        _ => Some(turn),
    }
}

/// The turn of a task that Procore counts as carried out, and that QuickBooks does not show.
pub fn gone_since() -> Turn<AnyTask> {
    Turn::Finished(Outcome::Failed(
        Failure::new(
            FailureCode::NotSynced,
            "This record was exported after the backup was taken that Plumbline was restored from, and Procore was told that it \
             is in QuickBooks; but it is not there under its name or number. Nothing was written. If it was renamed there, \
             nothing is to be done; if it was deleted there and is wanted again, unlink it in Procore's ERP Integrations tool \
             and export it again.",
        ),
        Effects::default(),
    ))
}

fn isolate(turn: impl FnOnce() -> Turn<AnyTask>) -> Turn<AnyTask> {
    catch_unwind(AssertUnwindSafe(turn)).unwrap_or_else(|_| Turn::Finished(broken()))
}

/// A task was asked by another version of Plumbline, whose state this one cannot read.
fn asked_from_unreadable_state(error: &str) -> Turn<AnyTask> {
    Turn::Finished(Outcome::Failed(
        Failure::new(
            FailureCode::UnreadableAnswer,
            format!(
                "Another version of Plumbline sent this record to QuickBooks, and this one cannot read what it had noted \
                 ({error}). Before sending it again, check whether it stands in QuickBooks."
            ),
        ),
        Effects::default(),
    ))
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
