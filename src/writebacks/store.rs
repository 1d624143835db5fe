//! The outbox: writebacks in the database. Carried out per connection in batches, in order within a lane.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde_json::Value;
use sqlx::{PgPool, types::Json};
use uuid::Uuid;

use super::Writeback;

/// The channel on which the outbox says that something was added.
pub const CHANNEL: &str = "plumbline_writebacks";
/// How long a worker has for a batch before another may take it.
pub const LEASE: TimeDelta = TimeDelta::minutes(10);

/// A writeback to add.
#[derive(Clone, Debug)]
pub struct NewWriteback {
    /// The task that owes it.
    pub task_id: Option<Uuid>,
    /// Its lane: writebacks of one lane are carried out in order.
    pub lane: String,
    /// The call.
    pub call: Writeback,
}

/// A writeback to carry out.
#[derive(Debug)]
pub struct Due {
    /// Its id.
    pub id: i64,
    /// The task that owes it.
    pub task_id: Option<Uuid>,
    /// Its lane.
    pub lane: String,
    /// The call, or why it cannot be read.
    pub call: Result<Writeback, String>,
    /// How often it was tried before.
    pub attempts: i32,
    /// Proof of the lease: whoever took it since has another.
    pub lease: DateTime<Utc>,
}

/// A connection that owes something now and that nobody works on: the one that has owed longest.
pub async fn due_connection(
    db: &PgPool,
    now: DateTime<Utc>,
    not: &[Uuid],
) -> Result<Option<Uuid>, sqlx::Error> {
    // From connection to connection along the index, however much each of them owes.
    sqlx::query_scalar!(
        r#"with recursive owing as (
               (select connection_id, id from writebacks where status = 'pending' order by connection_id, id limit 1)
               union all
               select next.connection_id, next.id from owing cross join lateral (
                   select w.connection_id, w.id from writebacks w
                   where w.status = 'pending' and w.connection_id > owing.connection_id
                   order by w.connection_id, w.id limit 1) next
           )
           select connection_id as "id!" from owing
           where not connection_id = any($2)
               and not exists (select from writeback_holds held
                   where held.connection_id = owing.connection_id and held.held_until > $1)
               and exists (select from writebacks w
                   where w.connection_id = owing.connection_id and w.status = 'pending' and w.not_before <= $1
                       and (w.leased_until is null or w.leased_until < $1))
           order by id limit 1"#,
        now,
        not,
    )
    .fetch_optional(db)
    .await
}

/// Nothing of a connection gets through to Procore: its writebacks wait until then, together. `None`: they go on.
pub async fn hold(db: &PgPool, connection_id: Uuid, until: Option<DateTime<Utc>>) -> Result<(), sqlx::Error> {
    match until {
        Some(until) => {
            sqlx::query!(
                r#"insert into writeback_holds (connection_id, held_until) values ($1, $2)
                   on conflict (connection_id) do update set held_until = excluded.held_until"#,
                connection_id,
                until,
            )
            .execute(db)
            .await?
        }
        None => {
            sqlx::query!(
                "delete from writeback_holds where connection_id = $1",
                connection_id
            )
            .execute(db)
            .await?
        }
    };
    Ok(())
}

/// Leases a batch of one connection. Of each lane it takes a run from the front, never past one that must wait.
pub async fn lease(
    db: &PgPool,
    connection_id: Uuid,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Due>, sqlx::Error> {
    // As precise as PostgreSQL keeps it.
    let until = (now + LEASE).trunc_subsecs(6);
    let mut transaction = db.begin().await?;
    // One worker per connection at a time: order, and one set of rate limits.
    let ours = sqlx::query_scalar!(
        r#"select pg_try_advisory_xact_lock(hashtextextended($1, 7)) as "ours!""#,
        connection_id.to_string()
    )
    .fetch_one(&mut *transaction)
    .await?;
    let busy = sqlx::query_scalar!(
        r#"select exists (select from writebacks where connection_id = $1 and status = 'pending' and leased_until > $2) as "busy!""#,
        connection_id,
        now,
    )
    .fetch_one(&mut *transaction)
    .await?;
    if !ours || busy {
        return Ok(Vec::new());
    }
    let rows = sqlx::query!(
        r#"with front as (
               select id, lane, call, attempts, not_before from writebacks
               where connection_id = $1 and status = 'pending' order by id limit $3
           ), free as (
               select id from front f
               where f.not_before <= $2 and not exists (
                   select from front earlier where earlier.lane = f.lane and earlier.id < f.id and earlier.not_before > $2)
           )
           update writebacks w set leased_until = $4, attempts = w.attempts + 1
           from free where w.id = free.id
           returning w.id, w.task_id, w.lane, w.call as "call: Json<Value>", w.attempts"#,
        connection_id,
        now,
        limit,
        until,
    )
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    let mut due: Vec<Due> = rows
        .into_iter()
        .map(|row| Due {
            id: row.id,
            task_id: row.task_id,
            lane: row.lane,
            call: serde_json::from_value(row.call.0).map_err(|error| error.to_string()),
            attempts: row.attempts,
            lease: until,
        })
        .collect();
    due.sort_by_key(|due| due.id);
    Ok(due)
}

/// What became of a writeback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Procore has it.
    Done,
    /// Try again then; why it did not work.
    Again(DateTime<Utc>, String),
    /// Procore will not take it, however often it is sent.
    Refused(String),
}

/// Writes down what became of a batch.
pub async fn settle(
    db: &PgPool,
    now: DateTime<Utc>,
    lease: DateTime<Utc>,
    fates: &[(i64, Fate)],
) -> Result<(), sqlx::Error> {
    let mut ids = Vec::with_capacity(fates.len());
    let mut statuses = Vec::with_capacity(fates.len());
    let mut not_before = Vec::with_capacity(fates.len());
    let mut problems = Vec::with_capacity(fates.len());
    for (id, fate) in fates {
        ids.push(*id);
        let (status, at, problem) = match fate {
            Fate::Done => ("done", now, None),
            Fate::Again(at, problem) => ("pending", *at, Some(problem.as_str())),
            Fate::Refused(problem) => ("refused", now, Some(problem.as_str())),
        };
        statuses.push(status);
        not_before.push(at);
        problems.push(problem);
    }
    sqlx::query!(
        r#"update writebacks set status = given.status, leased_until = null, problem = given.problem,
               not_before = given.not_before, finished_at = case when given.status <> 'pending' then $5::timestamptz end
           from unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::text[]) as given(id, status, not_before, problem)
           where writebacks.id = given.id and writebacks.leased_until = $6"#,
        &ids,
        &statuses as &[&str],
        &not_before,
        &problems as &[Option<&str>],
        now,
        lease,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// What Procore refused of these tasks: their request details must not be closed as if all were well.
pub async fn refusals(db: &PgPool, tasks: &[Uuid]) -> Result<Vec<(Uuid, String)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select task_id as "task_id!", coalesce(problem, '') as "problem!" from writebacks
           where task_id = any($1) and status = 'refused' order by id"#,
        tasks
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.task_id, row.problem)).collect())
}
