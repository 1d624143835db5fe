//! Update sessions in the database: one Web Connector run, from `authenticate` to `closeConnection`.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgPool, types::Json};
use uuid::Uuid;

use super::probe::Probe;
use crate::{
    connections::{company_file::CompanyFile, settings::Settings, store::Expected},
    qbxml::{MessageSetId, Version},
    secrets,
};

/// The credential of a session: unguessable, at most 64 ASCII characters, kept here only as a hash.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket(String);

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ticket(…)")
    }
}

impl Ticket {
    /// A fresh one.
    pub fn random() -> Self {
        Self(Uuid::from_bytes(secrets::random_bytes()).braced().to_string())
    }

    /// As the Web Connector sent it back.
    pub fn given(text: &str) -> Self {
        Self(text.chars().take(128).collect())
    }

    /// What is handed to the Web Connector.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    pub(super) fn hash(&self) -> Vec<u8> {
        secrets::sha256(self.0.as_bytes()).to_vec()
    }
}

/// What `authenticate` needs to know of a user.
#[derive(Debug)]
pub struct Account {
    /// The connection.
    pub connection_id: Uuid,
    /// argon2.
    pub password_hash: String,
    /// Nothing is handed out, or nothing but a comparison.
    pub paused: bool,
    /// Whether there is anything to do; of a paused connection, whether links are to be compared.
    pub has_work: bool,
    /// Company file to ask the Web Connector to open; empty: the one that is open.
    pub company_file: String,
    /// When the live session, if there is one, was last heard of.
    pub live_since: Option<DateTime<Utc>>,
}

/// Finds a Web Connector user. One query: thousands of connections poll every minute.
pub async fn account(db: &PgPool, user: &str) -> Result<Option<Account>, sqlx::Error> {
    sqlx::query_as!(
        Account,
        r#"select c.id as connection_id, c.qbwc_password_hash as password_hash, c.paused_at is not null as "paused!",
               case when c.paused_at is null then
                (select true from tasks t where t.connection_id = c.id and t.access = 'read' and t.status = 'ready'
                 order by t.priority, t.seq limit 1) is true
                or c.mirror_ready and (select true from tasks t
                 where t.connection_id = c.id and t.access = 'write' and t.status = 'ready'
                 order by t.priority, t.seq limit 1) is true
                or exists (select from tasks t where t.connection_id = c.id and t.status = 'later')
                or exists (select from exchanges e where e.connection_id = c.id and e.state in ('handed_out', 'in_doubt'))
               else exists (select from tasks t where t.connection_id = c.id and t.subject = 'reconcile'
                   and t.status in ('ready', 'later', 'asked'))
               end as "has_work!",
               coalesce(c.expected_company_file, c.company_file->>'path', '') as "company_file!",
               (select s.last_call_at from update_sessions s where s.connection_id = c.id and s.ended_at is null) as live_since
           from connections c where c.qbwc_username = $1"#,
        user,
    )
    .fetch_optional(db)
    .await
}

/// Opens a session: ends the one before it, whose open exchange is now in doubt, and wakes what waits for a retry.
pub async fn open(
    db: &PgPool,
    connection_id: Uuid,
    ticket: &Ticket,
    now: DateTime<Utc>,
    address: Option<IpAddr>,
) -> Result<Uuid, sqlx::Error> {
    let id = Uuid::now_v7();
    let mut transaction = db.begin().await?;
    sqlx::query!(
        "update update_sessions set ended_at = $2, end_reason = 'taken over by a newer session'
         where connection_id = $1 and ended_at is null",
        connection_id,
        now,
    )
    .execute(&mut *transaction)
    .await?;
    // Questions about the company file belong to the session that asked them, and so do those of a comparison.
    let in_doubt = sqlx::query_scalar!(
        r#"with left_open as (
               update exchanges set state = case when purpose = 'work' then 'in_doubt' else 'abandoned' end
               where connection_id = $1 and state = 'handed_out' returning purpose, task_ids
           ), asked as (
               select unnest(task_ids) as id from left_open where purpose = 'compare'
           ), put_back as (
               update tasks set status = 'ready', exchange_id = null, updated_at = $2
               from asked where tasks.id = asked.id and tasks.status = 'asked'
           )
           select count(*) as "in_doubt!" from left_open"#,
        connection_id,
        now,
    )
    .fetch_one(&mut *transaction)
    .await?;
    crate::tasks::queue::wake_later(&mut transaction, connection_id).await?;
    // Counted to a limit: enough for a percentage, and no dearer with a backlog of a hundred thousand.
    sqlx::query!(
        r#"insert into update_sessions (id, connection_id, ticket_sha256, started_at, last_call_at, work_expected)
           select $1, $2, $3, $4, $4, (select count(*)::integer from
               (select from tasks where connection_id = $2 and status = 'ready' limit 1000) counted)"#,
        id,
        connection_id,
        ticket.hash(),
        now,
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    tracing::info!(%connection_id, session = %id, in_doubt, ?address, "update session opened");
    Ok(id)
}

/// A session, and what of its connection each call needs.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, read from the database"
)]
#[derive(Debug)]
pub struct Session {
    /// Its id.
    pub id: Uuid,
    /// Its connection.
    pub connection_id: Uuid,
    /// The qbXML version its requests are written in.
    pub version: Version,
    /// What is known of the open company file.
    pub file: FileState,
    /// Tasks that were ready when it began, counted to 1,000.
    pub work_expected: i32,
    /// Tasks that have ended since.
    pub work_done: i32,
    /// Why it cannot go on, for `getLastError`.
    pub last_error: Option<String>,
    /// Over: closed, or taken over by a newer one.
    pub ended: bool,
    /// The connection's name.
    pub connection_name: String,
    /// Nothing but a comparison is handed out.
    pub paused: bool,
    /// Whether there are links; told only until the company file is trusted.
    pub has_links: bool,
    /// The records of ours that were looked for in the company file.
    pub probe: Option<Probe>,
    /// Writes may begin.
    pub mirror_ready: bool,
    /// Our `FileID` in the right company file.
    pub file_id: Uuid,
    /// Our `OwnerID`.
    pub owner_id: Uuid,
    /// What else the right company file shows.
    pub expected: Expected,
    /// What it last showed.
    pub company_file: CompanyFile,
    /// Settings.
    pub settings: Settings,
    /// How outcomes are stored in this call.
    pub care: Care,
    /// The last write that was answered: QuickBooks may forget it now.
    pub last_write: Option<MessageSetId>,
    /// Whether what this call changed of it has been stored.
    pub kept: Kept,
}

/// Whether what a call changed of its session has been stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It has yet to be.
    NotYet,
    /// Together with an exchange, in one statement.
    WithExchange,
}

/// How the outcomes of a batch are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Care {
    /// Together.
    Usual,
    /// Each in a savepoint of its own: the database refused one of them.
    OneByOne,
}

/// Whether the company file that is open is the connection's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileState {
    /// It has not shown itself yet.
    Unknown,
    /// It is, by its name, path, year and `FileID`.
    Right,
    /// Our newest records are in it too: writes may go out.
    Trusted,
    /// It bears our `FileID`, but it is not as it was: nothing but a comparison is handed out.
    Suspect,
    /// It is not: nothing is handed out.
    Wrong,
}

impl FileState {
    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Right => "right",
            Self::Trusted => "trusted",
            Self::Suspect => "suspect",
            Self::Wrong => "wrong",
        }
    }

    /// Reads the name in the database.
    pub(super) fn parse(text: &str) -> Self {
        match text {
            "right" => Self::Right,
            "trusted" => Self::Trusted,
            "suspect" => Self::Suspect,
            "wrong" => Self::Wrong,
            _ => Self::Unknown,
        }
    }
}

/// Stores what a call changed of its session.
pub async fn save(db: &mut PgConnection, session: &Session, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"update update_sessions set last_call_at = $2, qbxml_version = $3, company_file = $4, work_done = $5, last_error = $6
           where id = $1"#,
        session.id,
        now,
        session.version.to_string(),
        session.file.as_str(),
        session.work_done,
        session.last_error,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Stores which records are looked for in the company file.
pub(super) async fn save_probe(
    db: &mut PgConnection,
    session_id: Uuid,
    probe: &Probe,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update update_sessions set probe = $2 where id = $1",
        session_id,
        Json(probe) as _
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Stores what the company file has shown, or what was open instead of it.
pub async fn save_company_file(
    db: &mut PgConnection,
    connection_id: Uuid,
    seen: Result<&CompanyFile, &str>,
) -> Result<(), sqlx::Error> {
    match seen {
        Ok(file) => {
            sqlx::query!(
                "update connections set company_file = $2, guard_problem = null where id = $1",
                connection_id,
                Json(file) as _
            )
            .execute(db)
            .await?
        }
        Err(problem) => {
            sqlx::query!(
                "update connections set guard_problem = $2 where id = $1",
                connection_id,
                problem
            )
            .execute(db)
            .await?
        }
    };
    Ok(())
}

/// Ends a session. Its exchange, if one is still open, stays open: the next session recovers it.
pub async fn close(
    db: &PgPool,
    ticket: &Ticket,
    now: DateTime<Utc>,
    reason: &str,
) -> Result<Option<Closed>, sqlx::Error> {
    let row = sqlx::query!(
        r#"update update_sessions s set ended_at = coalesce(s.ended_at, $2), end_reason = coalesce(s.end_reason, $3), last_call_at = $2
           where ticket_sha256 = $1
           returning connection_id, work_done, last_error, started_at"#,
        ticket.hash(),
        now,
        reason,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Closed {
        connection_id: row.connection_id,
        work_done: row.work_done,
        last_error: row.last_error,
        lasted: now - row.started_at,
    }))
}

/// A session that has ended.
#[derive(Debug)]
pub struct Closed {
    /// Its connection.
    pub connection_id: Uuid,
    /// Tasks that ended in it.
    pub work_done: i32,
    /// What went wrong, if anything.
    pub last_error: Option<String>,
    /// How long it lasted.
    pub lasted: TimeDelta,
}

/// Notes why a session cannot go on.
pub async fn note_error(
    db: &PgPool,
    ticket: &Ticket,
    now: DateTime<Utc>,
    error: &str,
) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "update update_sessions set last_error = $2, last_call_at = $3 where ticket_sha256 = $1 returning connection_id",
        ticket.hash(),
        error,
        now,
    )
    .fetch_optional(db)
    .await
}

/// Last contacts, by connection: written in one statement by whoever buffers them.
pub async fn save_contacts(
    db: &PgPool,
    contacts: &[(Uuid, DateTime<Utc>, &'static str)],
) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = contacts.iter().map(|(id, _, _)| *id).collect();
    let at: Vec<DateTime<Utc>> = contacts.iter().map(|(_, at, _)| *at).collect();
    let states: Vec<&str> = contacts.iter().map(|(_, _, state)| *state).collect();
    sqlx::query!(
        r#"update connections set last_contact_at = given.at, last_contact_state = given.state
           from unnest($1::uuid[], $2::timestamptz[], $3::text[]) as given(id, at, state)
           where connections.id = given.id and (last_contact_at is null or last_contact_at <= given.at)"#,
        &ids,
        &at,
        &states as &[&str],
    )
    .execute(db)
    .await?;
    Ok(())
}
