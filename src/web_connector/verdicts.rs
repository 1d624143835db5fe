//! What an answer means for each task of an exchange, and how that is stored.

use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::{
    answers,
    exchanges::Open,
    service::{ServiceError, WebConnector},
    sessions::{Care, Session},
};
use crate::{
    qbxml::MessageSetAnswer,
    tasks::{
        AnyTask, Effects, Facts, Failure, FailureCode, Outcome, Turn,
        lookup::{self, Found},
        queue::{self, Claimed},
    },
};

/// Answers above this size are read on a thread of their own, so that other sessions are not held up.
pub(super) const LARGE_ANSWER: usize = 256 * 1024;

impl WebConnector {
    /// What `answer` means for each task of the exchange.
    pub(super) async fn judge(
        &self,
        db: &mut PgConnection,
        session: &Session,
        open: &Open,
        answer: MessageSetAnswer,
    ) -> Result<Vec<(Uuid, Turn<AnyTask>)>, ServiceError> {
        let tasks = queue::claimed(&open.task_ids, &open.states);
        self.judge_tasks(db, session, open, tasks, answer).await
    }

    /// The same, for tasks that asked from other states than the exchange notes.
    pub(super) async fn judge_tasks(
        &self,
        db: &mut PgConnection,
        session: &Session,
        open: &Open,
        tasks: Vec<Claimed>,
        answer: MessageSetAnswer,
    ) -> Result<Vec<(Uuid, Turn<AnyTask>)>, ServiceError> {
        let wants = tasks
            .iter()
            .filter_map(|claimed| claimed.task.as_ref().ok())
            .map(AnyTask::answer_wants);
        let found = lookup::look_up(db, session.connection_id, wants).await?;
        let counts = open.counts();
        let tag = if open.writes {
            String::new()
        } else {
            answers::tag(open.id)
        };
        let large = answer
            .responses
            .iter()
            .map(|response| response.content().len())
            .sum::<usize>()
            > LARGE_ANSWER;
        if !large {
            return Ok(answers::judge(
                tasks,
                &counts,
                &tag,
                &answer,
                &facts(session, &found),
            ));
        }
        let (id, settings, company) = (session.id, session.settings.clone(), session.company_file.clone());
        Ok(tokio::task::spawn_blocking(move || {
            let facts = Facts {
                settings: &settings,
                company: &company,
                session: id,
                names: &found.names,
                items: &found.items,
                classes: &found.classes,
                links: &found.links,
                payments: &found.payments,
                page: &found.page,
                twins: &found.twins,
                job_costs: &found.job_costs,
                budget_codes_until: found.budget_codes_until.as_deref(),
            };
            answers::judge(tasks, &counts, &tag, &answer, &facts)
        })
        .await?)
    }

    /// What the tasks of a write do whose answer is not to be had: each looks its record up.
    pub(super) async fn judge_unanswered(
        &self,
        db: &mut PgConnection,
        session: &Session,
        open: &Open,
    ) -> Result<Vec<(Uuid, Turn<AnyTask>)>, ServiceError> {
        self.judge(db, session, open, answers::unanswered()).await
    }

    /// Settles turns together; in the second try, each alone, so that one the database refuses stops nothing else.
    pub(super) async fn settle(
        &self,
        db: &mut PgConnection,
        session: &mut Session,
        now: DateTime<Utc>,
        turns: Vec<(Uuid, Turn<AnyTask>)>,
    ) -> Result<(), ServiceError> {
        if session.care == Care::Usual {
            let settled = queue::settle(db, session.connection_id, now, turns).await?;
            note(session, settled);
            return Ok(());
        }
        for (id, turn) in turns {
            let mut savepoint = db.begin().await?;
            let settled =
                match queue::settle(&mut savepoint, session.connection_id, now, vec![(id, turn)]).await {
                    Ok(settled) => {
                        savepoint.commit().await?;
                        settled
                    }
                    Err(sqlx::Error::Database(error)) => {
                        savepoint.rollback().await?;
                        let failed = Turn::Finished(Outcome::Failed(
                            Failure::new(
                                FailureCode::UnreadableAnswer,
                                format!(
                                    "QuickBooks answered, but the answer could not be stored ({error}). \
                                 Check in QuickBooks whether the record is there before sending it again."
                                ),
                            ),
                            Effects::default(),
                        ));
                        queue::settle(db, session.connection_id, now, vec![(id, failed)]).await?
                    }
                    Err(error) => return Err(error.into()),
                };
            note(session, settled);
        }
        Ok(())
    }
}

/// Half a batch, never nothing.
pub(super) fn half(tasks: usize) -> i32 {
    i32::try_from(tasks.div_ceil(2).max(1)).unwrap_or(1)
}

pub(super) fn facts<'a>(session: &'a Session, found: &'a Found) -> Facts<'a> {
    Facts {
        settings: &session.settings,
        company: &session.company_file,
        session: session.id,
        names: &found.names,
        items: &found.items,
        classes: &found.classes,
        links: &found.links,
        payments: &found.payments,
        page: &found.page,
        twins: &found.twins,
        job_costs: &found.job_costs,
        budget_codes_until: found.budget_codes_until.as_deref(),
    }
}

fn note(session: &mut Session, settled: queue::Settled) {
    session.work_done = session.work_done.saturating_add(settled.ended);
    if settled.ended > 0 {
        metrics::counter!("plumbline_tasks_ended_total").increment(u64::try_from(settled.ended).unwrap_or(0));
    }
    if settled.job_cost_differences > 0 {
        metrics::counter!("plumbline_job_cost_differences_total").increment(settled.job_cost_differences);
    }
    for (kind, code) in &settled.failures {
        metrics::counter!("plumbline_task_failures_total", "kind" => kind.clone(), "code" => *code)
            .increment(1);
    }
    if let Some(reason) = settled.paused {
        session.paused = true;
        session.last_error = Some(reason);
    }
}
