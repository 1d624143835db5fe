//! `receiveResponseXML`: what QuickBooks answered, or that it threw.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    answers, call,
    exchanges::{self, Open, Purpose, Returned},
    hresult::{self, Meaning},
    open_file::{self, Shown},
    progress,
    requests::MOST_HAND_OUTS,
    service::{ServiceError, WebConnector},
    sessions::{self, Care, FileState, Session, Ticket},
    trust::{self, Proof},
    verdicts::{LARGE_ANSWER, half},
};
use crate::{
    qbxml::{self, read_message_set},
    tasks::{Effects, Failure, FailureCode, Outcome, Turn, queue},
};

/// A read on which QuickBooks throws is tried this often as it is; QuickBooks may just be closed.
const READ_PATIENCE: i32 = 5;

impl WebConnector {
    pub(super) async fn receive_response(
        &self,
        ticket: &Ticket,
        document: &Arc<str>,
    ) -> Result<i32, ServiceError> {
        match self.receive_once(ticket, document, Care::Usual).await {
            Err(error) if error.is_about_a_record() => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a batch could not be stored; storing its tasks one by one"
                );
                self.receive_once(ticket, document, Care::OneByOne).await
            }
            Err(error) if error.is_a_collision() => self.receive_once(ticket, document, Care::Usual).await,
            received => received,
        }
    }

    async fn receive_once(
        &self,
        ticket: &Ticket,
        document: &Arc<str>,
        care: Care,
    ) -> Result<i32, ServiceError> {
        let now = self.clock.now();
        let mut transaction = self.db.begin().await?;
        let Some((mut session, open)) = call::lock(&mut transaction, ticket).await? else {
            return Ok(-1);
        };
        session.care = care;
        let answered_id = message_set_id(document);
        // A write is known by its id, also in a late answer of a session that was taken over; anything else must be
        // what this session was handed last.
        let open = open.filter(|open| match (answered_id, &open.message_set_id) {
            (Some(answered), Some(id)) => answered == id,
            (Some(_), None) => false,
            (None, _) => open.session_id == session.id && !open.in_doubt,
        });
        let Some(open) = open else {
            // Delivered twice: the same number again, and nothing else.
            return returned_before(&mut transaction, &session, answered_id).await;
        };
        let parsed = {
            let document = Arc::clone(document);
            if document.len() > LARGE_ANSWER {
                tokio::task::spawn_blocking(move || read_message_set(document)).await?
            } else {
                read_message_set(document)
            }
        };
        // In every case the session is stored with the exchange.
        let returned = match parsed {
            Err(error) => {
                self.unreadable_answer(&mut transaction, &mut session, &open, document, &error, now)
                    .await?
            }
            Ok(answer)
                if !matches!(open.purpose, Purpose::Identity | Purpose::Idle)
                    && !open.writes
                    && answers::is_for_another(&answer, &answers::tag(open.id)) =>
            {
                // A page of an earlier exchange, delivered once more.
                let before = exchanges::last_returned(&mut transaction, session.id).await?;
                return Ok(before.unwrap_or(0).clamp(0, 99));
            }
            Ok(answer) => {
                let mut proof = Proof::Settled;
                match open.purpose {
                    Purpose::Identity => match open_file::company_file_of(&answer, &session) {
                        Ok(seen) => {
                            let shown = Shown::default();
                            open_file::judge_company_file(&mut transaction, &mut session, seen, &shown, now)
                                .await?;
                        }
                        Err(error) => {
                            session.file = FileState::Wrong;
                            session.last_error = Some(format!(
                                "QuickBooks did not say which company file is open ({error}). Nothing was exchanged."
                            ));
                        }
                    },
                    Purpose::Idle => {}
                    Purpose::Look => {
                        self.looked(&mut transaction, &mut session, &open, answer, now)
                            .await?;
                    }
                    Purpose::Probe => {
                        proof = self
                            .proven(&mut transaction, &mut session, Some(&answer), now)
                            .await?;
                    }
                    Purpose::Work | Purpose::Compare => {
                        let turns = self.judge(&mut transaction, &session, &open, answer).await?;
                        self.settle(&mut transaction, &mut session, now, turns).await?;
                    }
                }
                let percent = |left| progress::percent(session.work_expected, session.work_done, left);
                let returned = if session.file == FileState::Wrong || session.ended || proof == Proof::NotNow
                {
                    Returned::always(-1)
                } else if proof == Proof::AskOn {
                    Returned::always(percent(true))
                } else if trust::is_restricted(&session) {
                    // Whoever stands at the QuickBooks machine is told why, unless there is more to compare.
                    let left = trust::comparison_waits(&mut transaction, &session).await?;
                    let stopped = !left && session.last_error.is_some();
                    Returned::always(if stopped { -1 } else { percent(left) })
                } else {
                    // After a question of our own, the exchange in doubt is still to come.
                    let in_doubt = matches!(open.purpose, Purpose::Identity | Purpose::Probe | Purpose::Look)
                        && exchanges::has_work_in_doubt(&mut transaction, session.connection_id).await?;
                    Returned {
                        ready: percent(true),
                        none_ready: percent(in_doubt),
                        writes_allowed: mirror_ready(&mut transaction, &session).await?,
                    }
                };
                exchanges::answered(&mut transaction, open.id, now, document, returned, &session).await?
            }
        };
        let Some(returned) = returned else {
            transaction.rollback().await?;
            let mut db = self.db.acquire().await?;
            return returned_before(&mut db, &session, answered_id).await;
        };
        transaction.commit().await?;
        let state = match session.file {
            FileState::Wrong | FileState::Suspect if returned < 0 => "wrong_company_file",
            _ if returned < 0 => "error",
            _ => "working",
        };
        self.contact(Some(session.connection_id), now, state);
        Ok(returned)
    }

    /// The answer is no XML we can read. It is kept; a write is in doubt, a read is asked again.
    async fn unreadable_answer(
        &self,
        db: &mut PgConnection,
        session: &mut Session,
        open: &Open,
        document: &str,
        error: &qbxml::response::AnswerError,
        now: DateTime<Utc>,
    ) -> Result<Option<i32>, ServiceError> {
        tracing::error!(connection = %session.connection_id, exchange = %open.id, %error, bytes = document.len(), "unreadable answer");
        session.last_error = Some(format!(
            "QuickBooks' answer could not be read ({error}). It is kept; the next update asks again."
        ));
        let stored = exchanges::answered(db, open.id, now, document, Returned::always(-1), session).await?;
        if stored.is_none() {
            return Ok(None);
        }
        if open.writes && hand_outs(db, open.id).await? < MOST_HAND_OUTS {
            exchanges::doubt(db, open.id, ("", "unreadable answer"), -1).await?;
        } else if open.writes {
            let turns = self.judge_unanswered(db, session, open).await?;
            self.settle(db, session, now, turns).await?;
        } else {
            let words = format!(
                "QuickBooks' answer could not be read ({error}). The raw answer is kept in exchange {}. Ask again later; \
                 if it stays so, report it with that number.",
                open.id
            );
            self.read_failed(db, session, open, now, &words, 0).await?;
        }
        Ok(Some(-1))
    }

    /// The answer to a read cannot be had or cannot be used. Its tasks go back; after `patience` tries in smaller and
    /// smaller sets, so that one of them does not take the others with it; alone, it fails with the reason.
    async fn read_failed(
        &self,
        db: &mut PgConnection,
        session: &mut Session,
        open: &Open,
        now: DateTime<Utc>,
        words: &str,
        patience: i32,
    ) -> Result<(), ServiceError> {
        if open.purpose == Purpose::Look {
            // Its tasks belong to the write in doubt; the next session looks again.
            return Ok(());
        }
        let tries = queue::most_attempts(db, &open.task_ids).await?;
        if tries <= patience {
            return Ok(queue::put_back(db, now, &open.task_ids, None).await?);
        }
        if let [alone] = open.task_ids.as_slice() {
            let failure = Failure::new(FailureCode::UnreadableAnswer, words);
            let turn = Turn::Finished(Outcome::Failed(failure, Effects::default()));
            return self.settle(db, session, now, vec![(*alone, turn)]).await;
        }
        let half = half(open.task_ids.len());
        Ok(queue::put_back(db, now, &open.task_ids, Some(half)).await?)
    }

    pub(super) async fn receive_hresult(
        &self,
        ticket: &Ticket,
        code: &str,
        message: &str,
    ) -> Result<i32, ServiceError> {
        let now = self.clock.now();
        let mut transaction = self.db.begin().await?;
        let Some((mut session, open)) = call::lock(&mut transaction, ticket).await? else {
            return Ok(-1);
        };
        let open = open.filter(|open| open.session_id == session.id && !open.in_doubt);
        let Some(open) = open else {
            return Ok(exchanges::last_returned(&mut transaction, session.id)
                .await?
                .unwrap_or(-1));
        };
        tracing::warn!(connection = %session.connection_id, exchange = %open.id, hresult = code, "QuickBooks threw");
        metrics::counter!("plumbline_quickbooks_errors_total", "hresult" => code.chars().take(12).collect::<String>()).increment(1);
        let thrown = Some((code, message));
        let returned = match hresult::meaning(code) {
            Meaning::Malformed if open.purpose == Purpose::Probe => {
                // It cannot be answered, now or later: that must not stop everything for ever.
                self.proven(&mut transaction, &mut session, None, now).await?;
                let returned = if session.file == FileState::Trusted {
                    progress::percent(session.work_expected, session.work_done, true)
                } else {
                    -1
                };
                exchanges::abandon(&mut transaction, open.id, now, thrown, Some(returned)).await?;
                returned
            }
            Meaning::Malformed if open.purpose != Purpose::Look => {
                // Nothing was executed: halve the set until the guilty task is alone (DESIGN, invariant 5).
                if let [alone] = open.task_ids.as_slice() {
                    let failure = Failure::new(
                        FailureCode::Malformed,
                        format!(
                            "QuickBooks could not read this record ({code} {message}). Nothing was written. This is a fault of \
                             Plumbline, not of the record; its XML is kept in exchange {}. Please report it with that number.",
                            open.id
                        ),
                    );
                    let turn = Turn::Finished(Outcome::Failed(failure, Effects::default()));
                    self.settle(&mut transaction, &mut session, now, vec![(*alone, turn)])
                        .await?;
                } else {
                    let half = half(open.task_ids.len());
                    queue::put_back(&mut transaction, now, &open.task_ids, Some(half)).await?;
                }
                let returned = if open.purpose == Purpose::Work {
                    progress::percent(session.work_expected, session.work_done, true)
                } else {
                    -1
                };
                exchanges::abandon(&mut transaction, open.id, now, thrown, Some(returned)).await?;
                returned
            }
            _ if open.writes => {
                exchanges::doubt(&mut transaction, open.id, (code, message), -1).await?;
                -1
            }
            _ => {
                exchanges::abandon(&mut transaction, open.id, now, thrown, Some(-1)).await?;
                self.read_failed(
                    &mut transaction,
                    &mut session,
                    &open,
                    now,
                    &hresult::explain(code, message),
                    READ_PATIENCE,
                )
                .await?;
                -1
            }
        };
        if returned < 0 && session.file != FileState::Suspect {
            session.last_error = Some(hresult::explain(code, message));
        }
        sessions::save(&mut transaction, &session, now).await?;
        transaction.commit().await?;
        self.contact(
            Some(session.connection_id),
            now,
            if returned < 0 {
                "quickbooks_error"
            } else {
                "working"
            },
        );
        Ok(returned)
    }

    /// An answer beyond the body limit: it cannot be kept, so it must not come again. Reads fail with what to change;
    /// a write is in doubt, and the next session learns from QuickBooks' store what became of it.
    pub async fn answer_too_large(&self, ticket: &str, limit: usize) -> Result<i32, ServiceError> {
        let now = self.clock.now();
        let ticket = Ticket::given(ticket);
        let mut transaction = self.db.begin().await?;
        let Some((mut session, open)) = call::lock(&mut transaction, &ticket).await? else {
            return Ok(-1);
        };
        let words = format!(
            "QuickBooks' answer is larger than {} MiB, the most this service takes. Ask in smaller pages \
             (`plumbline settings set … page_size=100`) or raise PLUMBLINE_BODY_LIMIT.",
            limit / (1024 * 1024)
        );
        let open = open.filter(|open| open.session_id == session.id);
        if let Some(open) = open {
            if open.writes {
                exchanges::doubt(&mut transaction, open.id, ("", "answer too large"), -1).await?;
            } else {
                exchanges::abandon(
                    &mut transaction,
                    open.id,
                    now,
                    Some(("", "answer too large")),
                    Some(-1),
                )
                .await?;
                self.read_failed(&mut transaction, &mut session, &open, now, &words, 0)
                    .await?;
            }
        }
        session.last_error = Some(words);
        sessions::save(&mut transaction, &session, now).await?;
        transaction.commit().await?;
        self.contact(Some(session.connection_id), now, "error");
        Ok(-1)
    }
}

/// Writes may have become possible in this very transaction.
async fn mirror_ready(db: &mut PgConnection, session: &Session) -> Result<bool, sqlx::Error> {
    if session.mirror_ready {
        return Ok(true);
    }
    sqlx::query_scalar!(
        "select mirror_ready from connections where id = $1",
        session.connection_id
    )
    .fetch_one(db)
    .await
}

async fn hand_outs(db: &mut PgConnection, exchange_id: Uuid) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar!(
        "select times_handed_out from exchanges where id = $1",
        exchange_id
    )
    .fetch_one(db)
    .await
}

/// The number that was returned for this answer before, or for the session's last exchange.
async fn returned_before(
    db: &mut PgConnection,
    session: &Session,
    answered_id: Option<&str>,
) -> Result<i32, ServiceError> {
    if let Some(id) = answered_id
        && let Some(returned) = exchanges::returned_for(db, session.connection_id, id).await?
    {
        return Ok(returned);
    }
    Ok(exchanges::last_returned(db, session.id).await?.unwrap_or(-1))
}

/// The message set id an answer carries, without reading the whole of it.
fn message_set_id(document: &str) -> Option<&str> {
    let end = document
        .char_indices()
        .nth(600)
        .map_or(document.len(), |(at, _)| at);
    let head = &document[..end];
    let (_, rest) = head.split_once("newMessageSetID=\"")?;
    rest.split_once('"').map(|(id, _)| id)
}
