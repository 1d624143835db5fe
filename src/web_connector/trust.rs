//! From the right company file to one that is worked with: our newest records must be in it. And what may be handed out
//! while it is in doubt, or writing is paused: a comparison, and nothing else.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    answers,
    exchanges::{self, NewExchange, Open, Purpose},
    guard,
    probe::{EACH, Probe, Shown},
    service::{ServiceError, WebConnector},
    sessions::{self, FileState, Kept, Session},
};
use crate::{
    links,
    qbxml::{Access, MessageSetAnswer, Request, write_tagged},
    tasks::{queue, reconcile},
};

/// What the answer about our newest records led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// It is settled; the session's state says how.
    Settled,
    /// There is another question.
    AskOn,
    /// QuickBooks cannot say just now: the next update asks again.
    NotNow,
}

impl WebConnector {
    /// Before any work goes out: the question that must be answered first, or `None` if it may go.
    pub(super) async fn prove(
        &self,
        db: &mut PgConnection,
        session: &mut Session,
        now: DateTime<Utc>,
    ) -> Result<Option<String>, ServiceError> {
        if session.file == FileState::Trusted {
            return Ok(None);
        }
        let asked_on = session.probe.take().filter(Probe::asks_on);
        let probe = match asked_on {
            Some(probe) => Some(probe),
            None if session.has_links => {
                Probe::new(links::store::newest(db, session.connection_id, EACH).await?)
            }
            None => None,
        };
        let Some(probe) = probe else {
            session.file = FileState::Trusted;
            return Ok(None);
        };
        let xml = hand_out_probe(db, session, now, &probe.requests()).await?;
        sessions::save_probe(db, session.id, &probe).await?;
        session.probe = Some(probe);
        Ok(Some(xml))
    }

    /// Takes the answer about our newest records. `None`: QuickBooks could not read the question.
    pub(super) async fn proven(
        &self,
        db: &mut PgConnection,
        session: &mut Session,
        answer: Option<&MessageSetAnswer>,
        now: DateTime<Utc>,
    ) -> Result<Proof, ServiceError> {
        let Some(probe) = session.probe.take() else {
            return Ok(Proof::NotNow);
        };
        let open = guard::describe(&session.company_file);
        let name = &session.connection_name;
        let shown = match answer {
            Some(answer) => probe.read(&answer.responses, &open, name),
            None => probe.unreadable(&open, name),
        };
        match shown {
            Shown::Trusted { deleted, unseen } => {
                if !unseen.is_empty() {
                    tracing::warn!(connection = %session.connection_id, unseen = unseen.len(), "QuickBooks does not show all of our newest records; writing all the same");
                }
                links::store::set_gone(db, session.connection_id, &deleted, now).await?;
                session.file = FileState::Trusted;
                Ok(Proof::Settled)
            }
            Shown::AskOn(probe) => {
                sessions::save_probe(db, session.id, &probe).await?;
                session.probe = Some(probe);
                Ok(Proof::AskOn)
            }
            Shown::NotNow(why) => {
                session.last_error = Some(format!(
                    "QuickBooks could not say whether this is still the same company file. {why} Nothing was written; the next \
                     update asks again."
                ));
                Ok(Proof::NotNow)
            }
            Shown::Older(words) => {
                tracing::error!(connection = %session.connection_id, "our newest records are not in the company file; nothing is written");
                sessions::save_company_file(db, session.connection_id, Err(&words)).await?;
                session.file = FileState::Suspect;
                session.last_error = Some(words);
                Ok(Proof::Settled)
            }
        }
    }

    /// The next question of a comparison, or `None` if none is wanted. What else is open stays open: a write in doubt
    /// waits until the company file is accepted.
    pub(super) async fn next_comparison(
        &self,
        db: &mut PgConnection,
        session: &mut Session,
        open: Option<Open>,
        now: DateTime<Utc>,
    ) -> Result<Option<String>, ServiceError> {
        if let Some(open) = open {
            if open.session_id == session.id && !open.in_doubt {
                let again = exchanges::hand_out_again(db, open.id, session.id, now).await?;
                if again.is_some() {
                    return Ok(again);
                }
            } else if !open.writes {
                exchanges::abandon(db, open.id, now, None, None).await?;
                queue::put_back(db, now, &open.task_ids, None).await?;
            }
        }
        self.claim(db, session, now, Claim::Comparison).await
    }
}

/// What may be claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// Whatever is next.
    Anything,
    /// A comparison alone.
    Comparison,
}

impl Claim {
    /// The purpose of what is handed out.
    pub(super) fn purpose(self) -> Purpose {
        match self {
            Self::Anything => Purpose::Work,
            Self::Comparison => Purpose::Compare,
        }
    }
}

/// Whether nothing but a comparison may be handed out.
pub(super) fn is_restricted(session: &Session) -> bool {
    session.paused || session.file == FileState::Suspect
}

/// Whether a comparison is wanted.
pub(super) async fn comparison_waits(db: &mut PgConnection, session: &Session) -> Result<bool, sqlx::Error> {
    queue::is_ready(db, session.connection_id, reconcile::SUBJECT).await
}

/// Stores the question about our newest records, and gives its bytes.
async fn hand_out_probe(
    db: &mut PgConnection,
    session: &mut Session,
    now: DateTime<Utc>,
    requests: &[Request],
) -> Result<String, sqlx::Error> {
    let id = Uuid::now_v7();
    let xml = write_tagged(session.version, requests, None, &answers::tag(id));
    let new = NewExchange {
        id,
        connection_id: session.connection_id,
        session_id: session.id,
        purpose: Purpose::Probe,
        access: Access::Read,
        message_set_id: None,
        request_xml: &xml,
        task_ids: &[],
        request_counts: &[],
    };
    exchanges::insert(db, now, &new, session, &[]).await?;
    session.kept = Kept::WithExchange;
    Ok(xml)
}
