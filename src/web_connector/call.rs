//! What every call of an update session begins with: its session, locked, and the exchange that waits for an answer.

use sqlx::{PgConnection, types::Json};

use super::{
    exchanges::{Open, Purpose},
    probe::Probe,
    sessions::{Care, FileState, Kept, Session, Ticket},
};
use crate::{
    connections::{company_file::CompanyFile, settings::Settings, store::Expected},
    qbxml::{MessageSetId, Version},
    tasks::queue::States,
};

/// The session of this ticket, locked: two calls of one session never run at once. With it the open exchange of its
/// connection: a question about the company file first, then the one with work, of which there is at most one.
pub async fn lock(
    db: &mut PgConnection,
    ticket: &Ticket,
) -> Result<Option<(Session, Option<Open>)>, sqlx::Error> {
    Ok(match look(db, ticket).await? {
        // It waited for another call: what that one stored is seen by a statement that begins now.
        Some(found) if !found.fresh => look(db, ticket).await?,
        found => found,
    }
    .map(|found| (found.session, found.open)))
}

struct Found {
    session: Session,
    open: Option<Open>,
    /// Whether nothing was stored between the statement's view of the database and its lock.
    fresh: bool,
}

/// One statement for all of it, for this is the service's hottest path. The lock gives the newest version of the
/// session; everything else is seen as it was when the statement began.
async fn look(db: &mut PgConnection, ticket: &Ticket) -> Result<Option<Found>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select s.ctid = (select seen.ctid from update_sessions seen where seen.id = s.id) as "fresh!",
               s.id, s.connection_id, s.qbxml_version, s.company_file as file, s.work_expected, s.work_done,
               s.last_error, s.ended_at is not null as "ended!", c.name, c.paused_at is not null as "paused!",
               c.mirror_ready, s.probe as "probe: Json<Probe>",
               s.company_file in ('unknown', 'right')
                   and exists (select from links l where l.connection_id = s.connection_id) as "has_links!",
               c.file_id, c.owner_id, c.expected_company_name, c.expected_company_file,
               c.expected_country, c.company_file as "company_file: Json<CompanyFile>", c.settings as "settings: Json<Settings>",
               (select e.message_set_id from exchanges e
                where e.connection_id = s.connection_id and e.access = 'write' and e.state = 'answered'
                    -- What was the last one before a restore, QuickBooks has long forgotten.
                    and e.answered_at > coalesce(c.restored_at, '-infinity')
                order by e.answered_at desc limit 1) as last_write,
               open.id as "open_id?", open.session_id as "open_session_id?", open.purpose as "open_purpose?",
               open.access as "open_access?", open.state as "open_state?", open.task_ids as "open_task_ids?",
               open.request_counts as "open_request_counts?", open.message_set_id as "open_message_set_id?",
               open.times_handed_out as "open_times_handed_out?", open.looked as "open_looked?",
               (select jsonb_object_agg(t.id, t.state) from tasks t
                where t.id = any(open.task_ids) and t.status = 'asked') as "open_states: Json<States>"
           from update_sessions s join connections c on c.id = s.connection_id
           left join lateral (
               select id, session_id, purpose, access, state, task_ids, request_counts, message_set_id, times_handed_out, looked
               from exchanges
               where connection_id = s.connection_id and state in ('handed_out', 'in_doubt')
               order by purpose = 'work' limit 1
           ) open on true
           where s.ticket_sha256 = $1 for update of s"#,
        ticket.hash(),
    )
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let open = row.open_id.map(|id| Open {
        id,
        session_id: row.open_session_id.unwrap_or_default(),
        purpose: Purpose::parse(&row.open_purpose.unwrap_or_default()),
        writes: row.open_access.as_deref() == Some("write"),
        in_doubt: row.open_state.as_deref() == Some("in_doubt"),
        task_ids: row.open_task_ids.unwrap_or_default(),
        states: row.open_states.map(|states| states.0).unwrap_or_default(),
        request_counts: row.open_request_counts.unwrap_or_default(),
        message_set_id: row.open_message_set_id,
        times_handed_out: row.open_times_handed_out.unwrap_or_default(),
        looked: row.open_looked.unwrap_or_default(),
    });
    let session = Session {
        id: row.id,
        connection_id: row.connection_id,
        version: Version::parse(&row.qbxml_version).unwrap_or(Version::NEWEST),
        file: FileState::parse(&row.file),
        work_expected: row.work_expected,
        work_done: row.work_done,
        last_error: row.last_error,
        ended: row.ended,
        connection_name: row.name,
        paused: row.paused,
        mirror_ready: row.mirror_ready,
        has_links: row.has_links,
        probe: row.probe.map(|probe| probe.0),
        file_id: row.file_id,
        owner_id: row.owner_id,
        expected: Expected {
            company_name: row.expected_company_name,
            company_file: row.expected_company_file,
            country: row.expected_country,
        },
        company_file: row.company_file.0,
        settings: row.settings.0,
        care: Care::Usual,
        kept: Kept::NotYet,
        last_write: row.last_write.and_then(|id| MessageSetId::try_from(id).ok()),
    };
    Ok(Some(Found {
        session,
        open,
        fresh: row.fresh,
    }))
}
