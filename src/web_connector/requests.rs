//! `sendRequestXML`: what QuickBooks is asked next.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    answers, call,
    exchanges::{self, NewExchange, Open, Purpose},
    open_file::Shown,
    service::{ServiceError, WebConnector},
    sessions::{self, Care, FileState, Kept, Session, Ticket},
    trust::{self, Claim},
    verdicts::{facts, half},
};
use crate::{
    qbxml::{self, Access, MessageSetId, Version, write_message_set, write_tagged},
    tasks::{AnyTask, Effects, Failure, FailureCode, Outcome, Step, Turn, lookup, queue, reconcile},
};

/// Batches that may end without a question to QuickBooks before a call gives QuickBooks something harmless to do.
const MOST_SILENT_BATCHES: usize = 200;
/// A message set whose answer does not come or cannot be read is handed out this often; then the outcome of a write is
/// looked up, and a read waits for the next session.
pub(super) const MOST_HAND_OUTS: i32 = 5;

impl WebConnector {
    pub(super) async fn send_request(&self, ticket: &Ticket, shown: Shown) -> Result<String, ServiceError> {
        match self.send_once(ticket, &shown, Care::Usual).await {
            Err(error) if error.is_about_a_record() => self.send_once(ticket, &shown, Care::OneByOne).await,
            Err(error) if error.is_a_collision() => self.send_once(ticket, &shown, Care::Usual).await,
            sent => sent,
        }
    }

    async fn send_once(&self, ticket: &Ticket, shown: &Shown, care: Care) -> Result<String, ServiceError> {
        let now = self.clock.now();
        let mut transaction = self.db.begin().await?;
        let Some((mut session, open)) = call::lock(&mut transaction, ticket).await? else {
            return Ok(String::new());
        };
        session.care = care;
        if session.ended {
            return Ok(String::new());
        }
        session.version = Version::choose(&session.company_file.supported_versions, shown.version);
        if matches!(session.file, FileState::Unknown | FileState::Wrong) {
            self.look_at_company_file(&mut transaction, &mut session, shown, now)
                .await?;
        }
        let xml = match session.file {
            FileState::Wrong => String::new(),
            FileState::Unknown => self.ask_identity(&mut transaction, &session, open, now).await?,
            FileState::Suspect => self
                .next_comparison(&mut transaction, &mut session, open, now)
                .await?
                .unwrap_or_default(),
            FileState::Right | FileState::Trusted => {
                self.next_exchange(&mut transaction, &mut session, open, now)
                    .await?
            }
        };
        if session.kept == Kept::NotYet {
            sessions::save(&mut transaction, &session, now).await?;
        }
        transaction.commit().await?;
        let state = if xml.is_empty() {
            "wrong_company_file"
        } else {
            "working"
        };
        self.contact(Some(session.connection_id), now, state);
        Ok(xml)
    }

    /// What to hand out next: what is outstanding, or what the queue holds, or something harmless.
    async fn next_exchange(
        &self,
        db: &mut PgConnection,
        session: &mut Session,
        open: Option<Open>,
        now: DateTime<Utc>,
    ) -> Result<String, ServiceError> {
        if trust::is_restricted(session) {
            if let Some(xml) = self.next_comparison(db, session, open, now).await? {
                return Ok(xml);
            }
            return self.idle(db, session, now).await;
        }
        if let Some(open) = open {
            let ours = open.session_id == session.id && !open.in_doubt;
            if open.writes && open.in_doubt && !session.mirror_ready {
                // The company file was accepted as another than it was: what became of the write is looked up in it.
                self.settle_by_looking(db, session, &open, now).await?;
            } else if open.writes && open.in_doubt && open.times_handed_out >= MOST_HAND_OUTS {
                self.look_up_outcome(db, session, &open, now).await?;
            } else if ours
                && open.purpose == Purpose::Work
                && !open.writes
                && open.times_handed_out >= MOST_HAND_OUTS
            {
                self.give_up_question(db, session, &open, now).await?;
            } else if ours || open.writes {
                // A write in doubt is a write: an older company file knows nothing of it and would take it once more.
                if !ours && let Some(xml) = self.prove(db, session, now).await? {
                    return Ok(xml);
                }
                if let Some(look) = self.look_first(db, session, &open, now).await? {
                    return Ok(look);
                }
                // Ours: the answer was lost on the way. In doubt and a write: QuickBooks answers from its store.
                if let Some(xml) = exchanges::hand_out_again(db, open.id, session.id, now).await? {
                    return Ok(xml);
                }
            } else {
                exchanges::abandon(db, open.id, now, None, None).await?;
                queue::put_back(db, now, &open.task_ids, None).await?;
            }
        }
        if let Some(xml) = self.claim(db, session, now, Claim::Anything).await? {
            return Ok(xml);
        }
        self.idle(db, session, now).await
    }

    /// Something harmless, for "" would be shown as an error.
    pub(super) async fn idle(
        &self,
        db: &mut PgConnection,
        session: &Session,
        now: DateTime<Utc>,
    ) -> Result<String, ServiceError> {
        let xml = write_message_set(session.version, &[qbxml::host::query()], None);
        self.store_side_exchange(db, session, now, Purpose::Idle, &xml)
            .await?;
        Ok(xml)
    }

    pub(super) async fn store_side_exchange(
        &self,
        db: &mut PgConnection,
        session: &Session,
        now: DateTime<Utc>,
        purpose: Purpose,
        xml: &str,
    ) -> Result<(), ServiceError> {
        let new = NewExchange {
            id: Uuid::now_v7(),
            connection_id: session.connection_id,
            session_id: session.id,
            purpose,
            access: Access::Read,
            message_set_id: None,
            request_xml: xml,
            task_ids: &[],
            request_counts: &[],
        };
        Ok(exchanges::insert(db, now, &new, session, &[]).await?)
    }

    /// A question that was handed out again and again in this session and got answers to something else: its tasks wait
    /// for the next session.
    async fn give_up_question(
        &self,
        db: &mut PgConnection,
        session: &mut Session,
        open: &Open,
        now: DateTime<Utc>,
    ) -> Result<(), ServiceError> {
        exchanges::abandon(db, open.id, now, None, None).await?;
        let turns = queue::claimed(&open.task_ids, &open.states)
            .into_iter()
            .map(|claimed| {
                let turn = match claimed.task {
                    Ok(task) => Turn::Later(
                        task,
                        format!(
                            "QuickBooks was asked {} times and answered something else. It is asked again in the next update.",
                            open.times_handed_out
                        ),
                    ),
                    Err(error) => queue::unreadable_state(&error),
                };
                (claimed.id, turn)
            })
            .collect();
        self.settle(db, session, now, turns).await
    }

    /// A write that was handed out again and again without an answer: its outcome is looked up by queries, and what must
    /// be sent once more goes in smaller sets, for one record of it may be what makes QuickBooks throw.
    async fn look_up_outcome(
        &self,
        db: &mut PgConnection,
        session: &mut Session,
        open: &Open,
        now: DateTime<Utc>,
    ) -> Result<(), ServiceError> {
        tracing::warn!(connection = %session.connection_id, exchange = %open.id, "no answer after several tries; looking up what became of it");
        let turns = match open.task_ids.as_slice() {
            // It was looked up before, was not there, and has now made QuickBooks throw all by itself again.
            [alone] if queue::is_alone(db, *alone).await? => {
                let failure = Failure::new(
                    FailureCode::GaveUp,
                    format!(
                        "QuickBooks reports an error each time this record is sent, and does not say whether it took it. \
                         Check whether it stands in QuickBooks before sending it again. The exchange is kept as {}.",
                        open.id
                    ),
                );
                vec![(
                    *alone,
                    Turn::Finished(Outcome::Failed(failure, Effects::default())),
                )]
            }
            _ => self.judge_unanswered(db, session, open).await?,
        };
        self.settle(db, session, now, turns).await?;
        queue::limit_batch(db, &open.task_ids, half(open.task_ids.len())).await?;
        Ok(exchanges::abandon(db, open.id, now, None, None).await?)
    }

    /// A write in doubt whose bytes are not handed out again: its outcome is looked up by queries.
    async fn settle_by_looking(
        &self,
        db: &mut PgConnection,
        session: &mut Session,
        open: &Open,
        now: DateTime<Utc>,
    ) -> Result<(), ServiceError> {
        let turns = self.judge_unanswered(db, session, open).await?;
        self.settle(db, session, now, turns).await?;
        Ok(exchanges::abandon(db, open.id, now, None, None).await?)
    }

    /// Claims tasks until one of them has something to ask.
    pub(super) async fn claim(
        &self,
        db: &mut PgConnection,
        session: &mut Session,
        now: DateTime<Utc>,
        what: Claim,
    ) -> Result<Option<String>, ServiceError> {
        for _ in 0..MOST_SILENT_BATCHES {
            let batch = match what {
                Claim::Anything => {
                    queue::claim(
                        db,
                        session.connection_id,
                        session.settings.batch_size.max(1),
                        session.mirror_ready,
                    )
                    .await?
                }
                Claim::Comparison => {
                    queue::claim_subject(db, session.connection_id, reconcile::SUBJECT).await?
                }
            };
            if batch.is_empty() {
                return Ok(None);
            }
            // What is read goes to Procore, so it must come from the right books too. The tasks stay ready: what is claimed is
            // claimed when it is stored as asked.
            if what == Claim::Anything
                && let Some(xml) = self.prove(db, session, now).await?
            {
                return Ok(Some(xml));
            }
            let wants = batch
                .iter()
                .filter_map(|claimed| claimed.task.as_ref().ok())
                .map(AnyTask::wants);
            let found = lookup::look_up(db, session.connection_id, wants).await?;
            let facts = facts(session, &found);
            let mut asking: Vec<(Uuid, AnyTask)> = Vec::new();
            let mut requests = Vec::new();
            let mut counts = Vec::new();
            let mut turns = Vec::new();
            let mut looking = Vec::new();
            for claimed in batch {
                let task = match claimed.task {
                    Ok(task) => task,
                    Err(error) => {
                        turns.push((claimed.id, queue::unreadable_state(&error)));
                        continue;
                    }
                };
                let step = answers::step(&task, &facts);
                if (claimed.doubtful || claimed.carried_out)
                    && matches!(step, Step::Ask(_))
                    && let Some(turn) = answers::look_instead(&task)
                {
                    if claimed.doubtful {
                        looking.push(claimed.id);
                        turns.push((claimed.id, turn));
                    } else {
                        turns.push((claimed.id, answers::gone_since()));
                    }
                    continue;
                }
                match step {
                    Step::Ask(mut own) if !own.is_empty() => {
                        counts.push(i32::try_from(own.len()).unwrap_or(i32::MAX));
                        requests.append(&mut own);
                        asking.push((claimed.id, task));
                    }
                    Step::Ask(_) => turns.push((claimed.id, nothing_asked())),
                    Step::Finished(outcome) => turns.push((claimed.id, Turn::Finished(outcome))),
                    Step::Advance(next, effects) => turns.push((claimed.id, Turn::Continue(next, effects))),
                }
            }
            if !turns.is_empty() {
                self.settle(db, session, now, turns).await?;
            }
            if !looking.is_empty() {
                queue::looking(db, &looking).await?;
            }
            if asking.is_empty() {
                continue;
            }
            let access = queue::access_of(&asking);
            let id = Uuid::now_v7();
            let set = (access == Access::Write).then(|| MessageSetId::from_uuid(id));
            let tag = if set.is_some() {
                String::new()
            } else {
                answers::tag(id)
            };
            let xml = write_tagged(
                session.version,
                &requests,
                set.as_ref().map(|set| (set, session.last_write.as_ref())),
                &tag,
            );
            let task_ids: Vec<Uuid> = asking.iter().map(|(id, _)| *id).collect();
            let new = NewExchange {
                id,
                connection_id: session.connection_id,
                session_id: session.id,
                purpose: what.purpose(),
                access,
                message_set_id: set.as_ref(),
                request_xml: &xml,
                task_ids: &task_ids,
                request_counts: &counts,
            };
            let states: Vec<serde_json::Value> =
                asking.iter().map(|(_, task)| queue::to_value(task)).collect();
            exchanges::insert(db, now, &new, session, &states).await?;
            session.kept = Kept::WithExchange;
            return Ok(Some(xml));
        }
        Ok(None)
    }
}

fn nothing_asked() -> Turn<AnyTask> {
    Turn::Finished(Outcome::Failed(
        Failure::new(
            FailureCode::Malformed,
            "Plumbline had nothing to ask QuickBooks for this record. This is a fault of Plumbline; please report it.",
        ),
        Effects::default(),
    ))
}
