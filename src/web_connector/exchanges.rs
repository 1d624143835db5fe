//! Exchanges in the database: message sets handed to the Web Connector, byte for byte, and what came back.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::sessions::Session;
use crate::{
    qbxml::{Access, MessageSetId},
    tasks::queue,
};

/// What an exchange is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Tasks.
    Work,
    /// Which company file is this?
    Identity,
    /// Does QuickBooks hold what a write in doubt would make a second time?
    Look,
    /// Are our newest records in this company file?
    Probe,
    /// The reads of a comparison, while nothing else may be handed out.
    Compare,
    /// The queue emptied between `authenticate` and `sendRequestXML`: a harmless read, for "" would be shown as an error.
    Idle,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::Work => "work",
            Self::Identity => "identity",
            Self::Look => "look",
            Self::Probe => "probe",
            Self::Compare => "compare",
            Self::Idle => "idle",
        }
    }

    pub(super) fn parse(text: &str) -> Self {
        match text {
            "identity" => Self::Identity,
            "look" => Self::Look,
            "probe" => Self::Probe,
            "compare" => Self::Compare,
            "idle" => Self::Idle,
            _ => Self::Work,
        }
    }
}

/// An exchange to store.
#[derive(Debug)]
pub struct NewExchange<'a> {
    /// Its id; the message set id is made of it.
    pub id: Uuid,
    /// The connection.
    pub connection_id: Uuid,
    /// The session it is handed out in.
    pub session_id: Uuid,
    /// What it is for.
    pub purpose: Purpose,
    /// Reads and writes travel apart.
    pub access: Access,
    /// Writes carry one.
    pub message_set_id: Option<&'a MessageSetId>,
    /// The exact bytes.
    pub request_xml: &'a str,
    /// Its tasks, in the order of their requests.
    pub task_ids: &'a [Uuid],
    /// How many requests each task has.
    pub request_counts: &'a [i32],
}

/// Stores an exchange as handed out, its tasks as asked, from the states they asked from, and what the call changed of
/// its session: one statement, for this is the service's hottest path. Must commit before the bytes leave (DESIGN,
/// invariant 1).
pub async fn insert(
    db: &mut PgConnection,
    now: DateTime<Utc>,
    new: &NewExchange<'_>,
    session: &Session,
    states: &[serde_json::Value],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"with asked as (
               update tasks set status = 'asked', exchange_id = $1, attempts = attempts + 1, updated_at = $10, reason = null,
                   state = given.state
               from unnest($8::uuid[], $11::jsonb[]) as given(id, state) where tasks.id = given.id
           ), called as (
               update update_sessions set last_call_at = $10, qbxml_version = $12, company_file = $13, work_done = $14,
                   last_error = $15
               where id = $3
           )
           insert into exchanges (id, connection_id, session_id, purpose, access, message_set_id, request_xml, task_ids,
               request_counts, state, handed_out_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'handed_out', $10)"#,
        new.id,
        new.connection_id,
        new.session_id,
        new.purpose.as_str(),
        new.access.as_str(),
        new.message_set_id.map(MessageSetId::as_str),
        new.request_xml,
        new.task_ids,
        new.request_counts,
        now,
        states,
        session.version.to_string(),
        session.file.as_str(),
        session.work_done,
        session.last_error,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// An exchange that waits for its answer.
#[derive(Debug)]
pub struct Open {
    /// Its id.
    pub id: Uuid,
    /// The session it was last handed out in.
    pub session_id: Uuid,
    /// What it is for.
    pub purpose: Purpose,
    /// Whether it writes.
    pub writes: bool,
    /// Nobody knows whether QuickBooks executed it.
    pub in_doubt: bool,
    /// Its tasks.
    pub task_ids: Vec<Uuid>,
    /// The states they asked from; none of a task that was cancelled meanwhile.
    pub states: queue::States,
    /// How many requests each has.
    pub request_counts: Vec<i32>,
    /// The id a write carries.
    pub message_set_id: Option<String>,
    /// How often it was handed out.
    pub times_handed_out: i32,
    /// QuickBooks was looked into since it came in doubt, and holds none of it.
    pub looked: bool,
}

impl Open {
    /// How many requests each task has, in order.
    pub fn counts(&self) -> Vec<(Uuid, usize)> {
        self.task_ids
            .iter()
            .zip(&self.request_counts)
            .map(|(id, count)| (*id, usize::try_from(*count).unwrap_or(0)))
            .collect()
    }
}

/// Stores a look at what the exchange `about` would write. Its tasks stay with that one, for which the look counts as
/// another try.
pub async fn insert_look(
    db: &mut PgConnection,
    now: DateTime<Utc>,
    new: &NewExchange<'_>,
    about: Uuid,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"with tried as (
               update exchanges set times_handed_out = times_handed_out + 1 where id = $9
           )
           insert into exchanges (id, connection_id, session_id, purpose, access, request_xml, task_ids, request_counts,
               state, handed_out_at)
           values ($1, $2, $3, $4, 'read', $5, $6, $7, 'handed_out', $8)"#,
        new.id,
        new.connection_id,
        new.session_id,
        new.purpose.as_str(),
        new.request_xml,
        new.task_ids,
        new.request_counts,
        now,
        about,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Notes that QuickBooks holds nothing of the write in doubt.
pub async fn looked(db: &mut PgConnection, connection_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update exchanges set looked = true where connection_id = $1 and purpose = 'work' and state = 'in_doubt'",
        connection_id
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Gives up the write in doubt: what it wrote was found by looking.
pub async fn abandon_doubtful(
    db: &mut PgConnection,
    connection_id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"update exchanges set state = 'abandoned', answered_at = $2
           where connection_id = $1 and purpose = 'work' and state = 'in_doubt'"#,
        connection_id,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Hands out an exchange once more, the same bytes, in this session. `None`: a late call of another session has just
/// brought its answer.
pub async fn hand_out_again(
    db: &mut PgConnection,
    id: Uuid,
    session_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"update exchanges set state = 'handed_out', session_id = $2, handed_out_at = $3, looked = false,
               times_handed_out = times_handed_out + 1
           where id = $1 and state in ('handed_out', 'in_doubt') returning request_xml"#,
        id,
        session_id,
        now,
    )
    .fetch_optional(db)
    .await
}

/// Gives up an exchange that changed nothing: a read whose answer was lost, or a message set that was malformed.
pub async fn abandon(
    db: &mut PgConnection,
    id: Uuid,
    now: DateTime<Utc>,
    hresult: Option<(&str, &str)>,
    returned: Option<i32>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"update exchanges set state = 'abandoned', hresult = $3, hresult_message = $4, answered_at = $2, returned = $5
           where id = $1 and state in ('handed_out', 'in_doubt')"#,
        id,
        now,
        hresult.map(|(code, _)| code),
        hresult.map(|(_, message)| message),
        returned,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Notes that nobody knows what became of an exchange.
pub async fn doubt(
    db: &mut PgConnection,
    id: Uuid,
    hresult: (&str, &str),
    returned: i32,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update exchanges set state = 'in_doubt', hresult = $2, hresult_message = $3, returned = $4 where id = $1",
        id,
        hresult.0,
        hresult.1,
        returned,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The number to return, which depends on whether tasks are ready.
#[derive(Clone, Copy, Debug)]
pub struct Returned {
    /// If one is.
    pub ready: i32,
    /// If none is.
    pub none_ready: i32,
    /// Whether tasks that write count.
    pub writes_allowed: bool,
}

impl Returned {
    /// The same, whatever is ready.
    pub fn always(number: i32) -> Self {
        Self {
            ready: number,
            none_ready: number,
            writes_allowed: false,
        }
    }
}

/// Stores the answer of an exchange, what the call changed of its session, and the number to return, which it gives:
/// one statement, for this is the service's hottest path. Must commit before the number leaves (DESIGN, invariant 1).
/// `None`: a call of another session has closed the exchange meanwhile, and the caller must take back what it stored.
pub async fn answered(
    db: &mut PgConnection,
    id: Uuid,
    now: DateTime<Utc>,
    response_xml: &str,
    returned: Returned,
    session: &Session,
) -> Result<Option<i32>, sqlx::Error> {
    // In the order of the claim: a bare `exists` lets the planner read the table in the hope of an early find.
    sqlx::query_scalar!(
        r#"with called as (
               update update_sessions set last_call_at = $2, qbxml_version = $5, company_file = $6, work_done = $7,
                   last_error = $8
               where id = $9
           )
           update exchanges set state = 'answered', response_xml = $3, answered_at = $2, returned = case
               when (select true from tasks
                     where connection_id = $10 and access = 'read' and status = 'ready' order by priority, seq limit 1) is true
                   or $11 and (select true from tasks
                     where connection_id = $10 and access = 'write' and status = 'ready' order by priority, seq limit 1) is true
               then $4::integer else $12::integer end
           where id = $1 and state in ('handed_out', 'in_doubt') returning returned as "returned!""#,
        id,
        now,
        response_xml,
        returned.ready,
        session.version.to_string(),
        session.file.as_str(),
        session.work_done,
        session.last_error,
        session.id,
        session.connection_id,
        returned.writes_allowed,
        returned.none_ready,
    )
    .fetch_optional(db)
    .await
}

/// Whether an exchange with work waits to be handed out again.
pub async fn has_work_in_doubt(db: &mut PgConnection, connection_id: Uuid) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from exchanges
               where connection_id = $1 and purpose = 'work' and state = 'in_doubt') as "in_doubt!""#,
        connection_id
    )
    .fetch_one(db)
    .await
}

/// The number returned for the last exchange of a session: a `receiveResponseXML` that comes twice gets it again.
pub async fn last_returned(db: &mut PgConnection, session_id: Uuid) -> Result<Option<i32>, sqlx::Error> {
    Ok(sqlx::query_scalar!(
        "select returned from exchanges where session_id = $1 order by handed_out_at desc, id desc limit 1",
        session_id
    )
    .fetch_optional(db)
    .await?
    .flatten())
}

/// The number returned for the exchange with this message set id.
pub async fn returned_for(
    db: &mut PgConnection,
    connection_id: Uuid,
    message_set_id: &str,
) -> Result<Option<i32>, sqlx::Error> {
    Ok(sqlx::query_scalar!(
        "select returned from exchanges where connection_id = $1 and message_set_id = $2",
        connection_id,
        message_set_id,
    )
    .fetch_optional(db)
    .await?
    .flatten())
}
