//! What is done about a write in doubt before it is sent again. QuickBooks' store answers for message sets it knows, and
//! refuses a second vendor of one name by itself. But it takes a second bill with the same number without a word, and
//! its store may have failed (9005) in the very call whose answer was lost. So transactions are looked for first: if one
//! of them is there, what is there counts and the rest is sent anew; if none is, the same bytes go out again.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    answers,
    exchanges::{self, NewExchange, Open, Purpose},
    service::{ServiceError, WebConnector},
    sessions::Session,
    verdicts::facts,
};
use crate::{
    qbxml::{Access, MessageSetAnswer, write_tagged},
    tasks::{
        AnyTask, Step, Turn, lookup,
        queue::{self, Claimed},
    },
};

/// The questions that lead to each task's record, from where its write is unknown. `None`: they are not all plain reads,
/// and the tasks must go their own ways through the queue.
fn looking(open: &Open) -> Option<Vec<(Uuid, AnyTask)>> {
    queue::claimed(&open.task_ids, &open.states)
        .into_iter()
        .map(|claimed| match claimed.task.ok()?.outcome_unknown() {
            Turn::Continue(task, _) if task.access() == Access::Read => Some((claimed.id, task)),
            _ => None,
        })
        .collect()
}

/// Whether QuickBooks would take any of it a second time.
fn may_stand_twice(open: &Open) -> bool {
    queue::claimed(&open.task_ids, &open.states)
        .iter()
        .any(|claimed| claimed.task.as_ref().is_ok_and(AnyTask::may_stand_twice))
}

impl WebConnector {
    /// The look that comes before `open` is sent again. `None`: none is needed, or none can be taken.
    pub(super) async fn look_first(
        &self,
        db: &mut PgConnection,
        session: &Session,
        open: &Open,
        now: DateTime<Utc>,
    ) -> Result<Option<String>, ServiceError> {
        if !open.in_doubt || open.looked || !may_stand_twice(open) {
            return Ok(None);
        }
        let Some(tasks) = looking(open) else {
            return Ok(None);
        };
        let wants = tasks.iter().map(|(_, task)| task.wants());
        let found = lookup::look_up(db, session.connection_id, wants).await?;
        let facts = facts(session, &found);
        let mut requests = Vec::new();
        let mut counts = Vec::new();
        for (_, task) in &tasks {
            let Step::Ask(mut own) = answers::step(task, &facts) else {
                return Ok(None);
            };
            counts.push(i32::try_from(own.len()).unwrap_or(i32::MAX));
            requests.append(&mut own);
        }
        let id = Uuid::now_v7();
        let xml = write_tagged(session.version, &requests, None, &answers::tag(id));
        let new = NewExchange {
            id,
            connection_id: session.connection_id,
            session_id: session.id,
            purpose: Purpose::Look,
            access: Access::Read,
            message_set_id: None,
            request_xml: &xml,
            task_ids: &open.task_ids,
            request_counts: &counts,
        };
        exchanges::insert_look(db, now, &new, open.id).await?;
        Ok(Some(xml))
    }

    /// What the look has found: nothing, and the write goes out again as it was; or something, and each task goes on from
    /// what is there.
    pub(super) async fn looked(
        &self,
        db: &mut PgConnection,
        session: &mut Session,
        open: &Open,
        answer: MessageSetAnswer,
        now: DateTime<Utc>,
    ) -> Result<(), ServiceError> {
        let Some(tasks) = looking(open) else {
            return Ok(exchanges::looked(db, session.connection_id).await?);
        };
        let tasks = tasks
            .into_iter()
            .map(|(id, task)| Claimed::asked_from(id, task))
            .collect();
        let turns = self.judge_tasks(db, session, open, tasks, answer).await?;
        let nothing_there = turns
            .iter()
            .all(|(_, turn)| matches!(turn, Turn::Continue(task, _) if task.access() == Access::Write));
        if nothing_there {
            return Ok(exchanges::looked(db, session.connection_id).await?);
        }
        tracing::warn!(connection = %session.connection_id, "a write in doubt stands in QuickBooks; it is not sent again");
        exchanges::abandon_doubtful(db, session.connection_id, now).await?;
        self.settle(db, session, now, turns).await
    }
}
