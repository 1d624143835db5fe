//! The queue: tasks in the database. Enqueue, claim, settle. Everything a batch needs goes in one statement each, so
//! that the cost per task does not grow with the batch or with the backlog.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use serde::Deserialize as _;
use serde_json::Value;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{
    AnyTask, Effects, Failure, FailureCode, Outcome, Turn,
    traces::{self, Traces},
};
use crate::writebacks::{DetailRef, Writeback};
use crate::{
    comparison,
    connections::{self, rights, store::AFTERMATH},
    job_costs::{self, JobCostsEffect},
    links, mirror, payments,
    qbxml::Access,
    tie_out, writebacks,
};

/// Priority of what others wait for (lists); smaller is earlier.
pub const FIRST: i16 = 10;
/// Priority of what a person asked for.
pub const NORMAL: i16 = 100;
/// Priority of what runs by schedule.
pub const BACKGROUND: i16 = 200;
/// A task that had to wait for a locked record this often is given up: a person must look.
const MOST_ATTEMPTS: i32 = 2_000;

/// A task to enqueue.
#[derive(Clone, Debug)]
pub struct NewTask {
    /// The Procore record it is about, `vendor:35` say: tasks of one subject run in the order they were enqueued.
    pub subject: String,
    /// What a person calls it: "Vendor 'Acme'".
    pub label: String,
    /// The work.
    pub task: AnyTask,
    /// The request detail to close when it ends.
    pub detail: Option<DetailRef>,
    /// The ERP request it came from. One request makes at most one task per subject, however often it is read.
    pub erp_request_id: Option<i64>,
    /// Subjects that must have succeeded before, as far as they are unfinished now.
    pub needs: Vec<String>,
    /// Smaller is earlier.
    pub priority: i16,
}

/// Puts tasks into the queue, in order. Those the same ERP request has made before are left out.
pub async fn enqueue(
    db: &mut PgConnection,
    connection_id: Uuid,
    now: DateTime<Utc>,
    tasks: &[NewTask],
) -> Result<Vec<Uuid>, sqlx::Error> {
    let mut ids = Vec::with_capacity(tasks.len());
    if !tasks.is_empty() {
        one_at_a_time(db, connection_id).await?;
    }
    for new in tasks {
        let id = Uuid::now_v7();
        let inserted = sqlx::query_scalar!(
            r#"insert into tasks (id, connection_id, kind, subject, label, state, status, access, priority, detail,
                   erp_request_id, created_at, updated_at, doubtful)
               values ($1, $2, $3, $4, $5, $6, 'ready', $7, $8, $9, $10, $11, $11,
                   coalesce((select restored_at > $12 from connections where id = $2), false))
               on conflict (connection_id, erp_request_id, subject) where erp_request_id is not null do nothing
               returning seq"#,
            id,
            connection_id,
            new.task.kind(),
            new.subject,
            new.label,
            Json(&new.task) as _,
            new.task.access().as_str(),
            new.priority,
            new.detail.map(Json) as _,
            new.erp_request_id,
            now,
            now - AFTERMATH,
        )
        .fetch_optional(&mut *db)
        .await?;
        let Some(seq) = inserted else { continue };
        ids.push(id);
        // Whoever is about to end must wait for us, or we for him: else he would not see the edge, and we not the end.
        sqlx::query!(
            r#"select id from tasks
               where connection_id = $1 and (subject = $2 or subject = any($3))
                   and status in ('waiting', 'ready', 'later', 'asked')
               order by id for share"#,
            connection_id,
            new.subject,
            &new.needs,
        )
        .fetch_all(&mut *db)
        .await?;
        // Order: the last unfinished task of the same subject. Success: the unfinished ones of what it needs, and the
        // last failed one, which a person has to send again.
        sqlx::query!(
            r#"with order_edge as (
                   select id, 'order' as kind from tasks
                   where connection_id = $2 and subject = $3 and seq < $4
                       and status in ('waiting', 'ready', 'later', 'asked')
                   order by seq desc limit 1
               ), needed as (
                   select distinct on (subject) id, subject, 'success' as kind, status from tasks
                   where connection_id = $2 and subject = any($5) and subject <> $3 and seq < $4 and status <> 'cancelled'
                   order by subject, seq desc
               ), missing as (
                   -- What failed but was linked since, by hand or by an import, is there all the same.
                   select id, kind from needed n
                   where n.status <> 'done' and not (n.status = 'failed' and is_linked($2, n.subject))
               ), edges as (
                   insert into task_dependencies (task_id, needs_task_id, kind)
                   select $1::uuid, id, kind from order_edge
                   union all
                   select $1::uuid, id, kind from missing
                   on conflict do nothing
                   returning needs_task_id
               ), needed_now as (
                   update tasks set needed = true where id in (select needs_task_id from edges) and not needed
               )
               update tasks set blockers = n, status = 'waiting'
               from (select count(*)::integer as n from edges) counted
               where id = $1 and n > 0"#,
            id,
            connection_id,
            new.subject,
            seq,
            &new.needs,
        )
        .execute(&mut *db)
        .await?;
    }
    explain_waiting(db, &ids).await?;
    Ok(ids)
}

/// Until this transaction ends, nobody else adds to the connection's queue: two that did so at once would not see each
/// other's tasks, and two tasks of one subject would run side by side. To be taken before anything else is locked.
pub async fn one_at_a_time(db: &mut PgConnection, connection_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended($1, 8))",
        connection_id.to_string()
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Writes down for what tasks wait, in words.
async fn explain_waiting(db: &mut PgConnection, ids: &[Uuid]) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"update tasks set reason = (
               select 'waiting for ' || string_agg(
                   needed.label || case when needed.status = 'failed' then ', which failed: send it again' else '' end,
                   '; ' order by needed.seq)
               from task_dependencies d join tasks needed on needed.id = d.needs_task_id
               where d.task_id = tasks.id)
           where id = any($1) and status = 'waiting'"#,
        ids
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Tasks taken from the queue for one message set.
#[derive(Debug)]
pub struct Claimed {
    /// The task.
    pub id: Uuid,
    /// Its state, or why the stored state cannot be read by this build.
    pub task: Result<AnyTask, String>,
    /// After a restore: it may stand in QuickBooks already, and is looked for before it is written.
    pub doubtful: bool,
    /// After a restore: Procore was answered that it was carried out, so it is never written.
    pub carried_out: bool,
}

impl Claimed {
    /// The task of a stored state, of which no restore left anything open.
    fn stored(id: Uuid, state: &serde_json::Value) -> Self {
        Self::of(id, AnyTask::deserialize(state).map_err(|error| error.to_string()))
    }

    /// A task in the state it asks from.
    pub fn asked_from(id: Uuid, task: AnyTask) -> Self {
        Self::of(id, Ok(task))
    }

    fn of(id: Uuid, task: Result<AnyTask, String>) -> Self {
        Self {
            id,
            task,
            doubtful: false,
            carried_out: false,
        }
    }
}

/// Takes the oldest ready tasks of one access, at most `limit`. They stay `ready` until an exchange or [`settle`]
/// says otherwise in the same transaction; the caller holds the session's row, so nobody else claims meanwhile.
pub async fn claim(
    db: &mut PgConnection,
    connection_id: Uuid,
    limit: u16,
    writes_allowed: bool,
) -> Result<Vec<Claimed>, sqlx::Error> {
    // The usual batch in one statement. Those that were singled out (`batch_limit`) come in a second one, for the planner
    // knows how often a column is null but not how often it equals a parameter: in one condition it would sort the whole
    // backlog for each batch.
    let found = sqlx::query!(
        r#"with first as materialized (
               select access, batch_limit from (
                   (select access, batch_limit, priority, seq from tasks
                    where connection_id = $1 and access = 'read' and status = 'ready' order by priority, seq limit 1)
                   union all
                   (select access, batch_limit, priority, seq from tasks
                    where connection_id = $1 and access = 'write' and status = 'ready' and $2
                    order by priority, seq limit 1)
               ) candidates order by priority, seq limit 1
           )
           select first.access as "access!", first.batch_limit, usual.id as "id?", usual.state as "state?",
               usual.doubtful as "doubtful?", usual.carried_out as "carried_out?"
           from first left join lateral (
               select id, state, doubtful, carried_out, priority, seq from tasks
               where connection_id = $1 and access = first.access and status = 'ready' and batch_limit is null
                   and first.batch_limit is null
               order by priority, seq limit $3 for update skip locked
           ) usual on true
           order by usual.priority, usual.seq"#,
        connection_id,
        writes_allowed,
        i64::from(limit),
    )
    .fetch_all(&mut *db)
    .await?;
    let singled_out = found
        .first()
        .and_then(|row| Some((row.access.clone(), row.batch_limit?)));
    let rows: Vec<(Uuid, Value, bool, bool)> = match singled_out {
        None => found
            .into_iter()
            .filter_map(|row| Some((row.id?, row.state?, row.doubtful?, row.carried_out?)))
            .collect(),
        Some((access, batch_limit)) => sqlx::query!(
            r#"select id, state, doubtful, carried_out from tasks
               where connection_id = $1 and access = $2 and status = 'ready' and batch_limit = $3
               order by priority, seq limit $4 for update skip locked"#,
            connection_id,
            access,
            batch_limit,
            i64::from(batch_limit).min(i64::from(limit)),
        )
        .fetch_all(db)
        .await?
        .into_iter()
        .map(|row| (row.id, row.state, row.doubtful, row.carried_out))
        .collect(),
    };
    Ok(rows
        .into_iter()
        .map(|(id, state, doubtful, carried_out)| Claimed {
            doubtful,
            carried_out,
            ..Claimed::stored(id, &state)
        })
        .collect())
}

/// Takes the ready task of one subject alone, as [`claim`] does: what may go out while everything else has to wait.
pub async fn claim_subject(
    db: &mut PgConnection,
    connection_id: Uuid,
    subject: &str,
) -> Result<Vec<Claimed>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select id, state from tasks where connection_id = $1 and subject = $2 and status = 'ready'
           order by seq limit 1 for update skip locked"#,
        connection_id,
        subject,
    )
    .fetch_optional(db)
    .await?;
    Ok(row
        .into_iter()
        .map(|row| Claimed::stored(row.id, &row.state))
        .collect())
}

/// Whether a task of this subject is ready.
pub async fn is_ready(
    db: &mut PgConnection,
    connection_id: Uuid,
    subject: &str,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from tasks
               where connection_id = $1 and subject = $2 and status = 'ready') as "ready!""#,
        connection_id,
        subject,
    )
    .fetch_one(db)
    .await
}

/// States of tasks, by their ids.
pub type States = HashMap<Uuid, Value>;

/// The tasks of an exchange, in the order of `ids`, from the states they asked from.
pub fn claimed(ids: &[Uuid], states: &States) -> Vec<Claimed> {
    ids.iter()
        .filter_map(|id| Some(Claimed::stored(*id, states.get(id)?)))
        .collect()
}

/// Takes the unfinished tasks of a subject out of the queue; what comes of their open exchange is left alone.
pub async fn cancel(
    db: &mut PgConnection,
    connection_id: Uuid,
    subject: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let ids = sqlx::query_scalar!(
        r#"update tasks set status = 'cancelled', finished_at = $3, updated_at = $3
           where connection_id = $1 and subject = $2 and status in ('waiting', 'ready', 'later', 'asked') returning id"#,
        connection_id,
        subject,
        now,
    )
    .fetch_all(&mut *db)
    .await?;
    let endings: Vec<(Uuid, bool)> = ids.into_iter().map(|id| (id, false)).collect();
    if endings.is_empty() {
        return Ok(());
    }
    release(db, connection_id, &endings).await
}

/// Puts tasks whose exchange came to nothing back into the queue.
pub async fn put_back(
    db: &mut PgConnection,
    now: DateTime<Utc>,
    ids: &[Uuid],
    batch_limit: Option<i32>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"update tasks set status = 'ready', exchange_id = null, updated_at = $2, batch_limit = coalesce($3, batch_limit)
           where id = any($1) and status = 'asked'"#,
        ids,
        now,
        batch_limit,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// These tasks now look in QuickBooks for what they would write; what they do not find there may be written.
pub async fn looking(db: &mut PgConnection, ids: &[Uuid]) -> Result<(), sqlx::Error> {
    sqlx::query!("update tasks set doubtful = false where id = any($1)", ids)
        .execute(db)
        .await?;
    Ok(())
}

/// Notes that Procore was told of these tasks of an order, before a restore, that they were carried out.
pub async fn carried_out(
    db: &mut PgConnection,
    connection_id: Uuid,
    erp_request_id: i64,
    subjects: &[String],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"update tasks set carried_out = true
           where connection_id = $1 and erp_request_id = $2 and subject = any($3)"#,
        connection_id,
        erp_request_id,
        subjects,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Which of these tasks were made before a restore.
pub async fn made_before(
    db: &sqlx::PgPool,
    ids: &[Uuid],
    restored_at: DateTime<Utc>,
) -> Result<HashSet<Uuid>, sqlx::Error> {
    let old = sqlx::query_scalar!(
        "select id from tasks where id = any($1) and created_at < $2",
        ids,
        restored_at
    )
    .fetch_all(db)
    .await?;
    Ok(old.into_iter().collect())
}

/// Sends these tasks in smaller sets from now on.
pub async fn limit_batch(db: &mut PgConnection, ids: &[Uuid], batch_limit: i32) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update tasks set batch_limit = $2 where id = any($1) and finished_at is null",
        ids,
        batch_limit
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Whether a task has been singled out: it is sent alone, for sets with it have failed.
pub async fn is_alone(db: &mut PgConnection, id: Uuid) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select coalesce(batch_limit = 1, false) as "alone!" from tasks where id = $1"#,
        id
    )
    .fetch_one(db)
    .await
}

/// How often the most tried of these tasks was handed out since it last got further.
pub async fn most_attempts(db: &mut PgConnection, ids: &[Uuid]) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select coalesce(max(attempts), 0) as "attempts!" from tasks where id = any($1)"#,
        ids
    )
    .fetch_one(db)
    .await
}

/// Frees what waited for failed tasks of subjects that are linked now: linked by hand in Procore, say.
pub async fn free_linked(db: &mut PgConnection, connection_id: Uuid) -> Result<(), sqlx::Error> {
    let touched = sqlx::query_scalar!(
        r#"with freed as (
               delete from task_dependencies d using tasks needed
               where needed.id = d.needs_task_id and needed.connection_id = $1 and needed.status = 'failed'
                   and d.kind = 'success' and is_linked($1, needed.subject)
               returning d.task_id
           ) select distinct task_id as "id!" from freed"#,
        connection_id,
    )
    .fetch_all(&mut *db)
    .await?;
    recount(db, &touched).await
}

/// Counts anew what tasks wait for; those that wait for nothing are ready.
async fn recount(db: &mut PgConnection, ids: &[Uuid]) -> Result<(), sqlx::Error> {
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        r#"update tasks set blockers = n, status = case when n = 0 then 'ready' else 'waiting' end,
               reason = case when n = 0 then null else reason end
           from (select t.id, (select count(*)::integer from task_dependencies d where d.task_id = t.id) as n
                 from unnest($1::uuid[]) as t(id)) counted
           where tasks.id = counted.id and tasks.status = 'waiting'"#,
        ids,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Wakes the tasks of a connection that wait for a locked record: each update session tries again (COMP-12).
pub async fn wake_later(db: &mut PgConnection, connection_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update tasks set status = 'ready' where connection_id = $1 and status = 'later'",
        connection_id
    )
    .execute(db)
    .await?;
    Ok(())
}

/// What a batch of turns left behind.
#[derive(Debug, Default)]
pub struct Settled {
    /// Tasks that have ended.
    pub ended: i32,
    /// Kind and code of each failure, for the metrics.
    pub failures: Vec<(String, &'static str)>,
    /// Whether writebacks were added.
    pub owes_procore: bool,
    /// Why writing has been paused, if it has.
    pub paused: Option<String>,
    /// Projects whose job costs differ from QuickBooks' own report.
    pub job_cost_differences: u64,
}

/// One row of the batch update.
#[derive(Default)]
struct Rows {
    id: Vec<Uuid>,
    state: Vec<Option<Value>>,
    status: Vec<&'static str>,
    access: Vec<Option<&'static str>>,
    reason: Vec<Option<String>>,
    failure_code: Vec<Option<&'static str>>,
    status_code: Vec<Option<i32>>,
    messages: Vec<Value>,
    finished: Vec<bool>,
}

/// Writes what a batch of turns led to: the tasks' new states, links, mirror, payments, and what is owed to Procore,
/// all in the caller's transaction.
pub async fn settle(
    db: &mut PgConnection,
    connection_id: Uuid,
    now: DateTime<Utc>,
    turns: Vec<(Uuid, Turn<AnyTask>)>,
) -> Result<Settled, sqlx::Error> {
    let mut settled = Settled::default();
    let mut rows = Rows::default();
    let mut effects: Vec<(Uuid, Effects)> = Vec::new();
    let mut endings: Vec<(Uuid, bool)> = Vec::new();
    let mut failures: Vec<(Uuid, FailureCode)> = Vec::new();
    for (id, turn) in turns {
        rows.id.push(id);
        let (status, state, reason, failure, said) = match turn {
            Turn::Continue(task, done) => {
                // What one page could not read is kept until the task ends and says so.
                let said = done.unreadable.clone();
                effects.push((id, done));
                ("ready", Some(task), None, None, said)
            }
            Turn::Later(task, reason) => ("later", Some(task), Some(reason), None, Vec::new()),
            Turn::Finished(Outcome::Done(done, said)) => {
                let mut said = said;
                said.extend(done.unreadable.iter().cloned());
                effects.push((id, done));
                endings.push((id, true));
                ("done", None, None, None, said)
            }
            Turn::Finished(Outcome::Failed(failure, done)) => {
                effects.push((id, done));
                endings.push((id, false));
                failures.push((id, failure.code));
                ("failed", None, None, Some(failure), Vec::new())
            }
        };
        rows.status.push(status);
        rows.access
            .push(state.as_ref().map(|task: &AnyTask| task.access().as_str()));
        rows.state.push(state.as_ref().map(to_value));
        rows.reason.push(reason);
        rows.failure_code
            .push(failure.as_ref().map(|failure| failure.code.as_str()));
        rows.status_code
            .push(failure.as_ref().and_then(|failure| failure.status_code));
        rows.finished.push(matches!(status, "done" | "failed"));
        rows.messages
            .push(Value::from(failure.map_or(said, |failure| failure.messages)));
    }
    let updated = sqlx::query!(
        r#"update tasks set
               status = case when given.status = 'later' and tasks.attempts >= $11 then 'failed' else given.status end,
               failure_code = case when given.status = 'later' and tasks.attempts >= $11 then 'gave_up' else given.failure_code end,
               state = coalesce(given.state, tasks.state), access = coalesce(given.access, tasks.access),
               reason = given.reason, status_code = given.status_code, messages = tasks.messages || given.messages
                   || case when given.status = 'later' and tasks.attempts >= $11
                       then jsonb_build_array('Given up after ' || tasks.attempts || ' tries. ' || given.reason) else '[]'::jsonb end,
               exchange_id = case when given.finished then tasks.exchange_id end,
               batch_limit = case when given.finished then null else tasks.batch_limit end,
               attempts = case when given.status = 'ready' then 0 else tasks.attempts end,
               updated_at = $10::timestamptz, finished_at = case when given.finished then $10::timestamptz end
           from unnest($1::uuid[], $2::jsonb[], $3::text[], $4::text[], $5::text[], $6::text[], $7::integer[], $8::jsonb[], $9::boolean[])
               as given(id, state, status, access, reason, failure_code, status_code, messages, finished)
           where tasks.id = given.id
           returning tasks.id, tasks.kind, tasks.subject, tasks.status, tasks.detail as "detail: Json<DetailRef>",
               tasks.messages as "messages: Json<Vec<String>>", tasks.created_at,
               -- Somebody waits for it, or for an earlier one of its subject that failed.
               tasks.needed or exists (select from tasks failed
                   where failed.connection_id = tasks.connection_id and failed.subject = tasks.subject
                       and failed.status = 'failed' and failed.needed) as "needed!""#,
        &rows.id,
        &rows.state as &[Option<Value>],
        &rows.status as &[&str],
        &rows.access as &[Option<&str>],
        &rows.reason as &[Option<String>],
        &rows.failure_code as &[Option<&str>],
        &rows.status_code as &[Option<i32>],
        &rows.messages,
        &rows.finished,
        now,
        MOST_ATTEMPTS,
    )
    .fetch_all(&mut *db)
    .await?;
    let by_id: HashMap<Uuid, _> = updated.into_iter().map(|row| (row.id, row)).collect();
    let known: HashSet<Uuid> = endings.iter().map(|(id, _)| *id).collect();
    for row in by_id
        .values()
        .filter(|row| row.status == "failed" && !known.contains(&row.id))
    {
        endings.push((row.id, false));
        failures.push((row.id, FailureCode::GaveUp));
    }

    settled.failures = failures
        .into_iter()
        .filter_map(|(id, code)| Some((by_id.get(&id)?.kind.clone(), code.as_str())))
        .collect();

    let mut traces = Traces::default();
    let mut unlinked = Vec::new();
    let mut paid = Vec::new();
    for (id, done) in effects {
        let Some(row) = by_id.get(&id) else { continue };
        let lane = |call| writebacks::store::NewWriteback {
            task_id: Some(id),
            lane: row.subject.clone(),
            call,
        };
        let entries = links::external_data(&done.links, &done.unlinked);
        if !entries.is_empty() {
            traces.owed.push(lane(Writeback::ExternalData { entries }));
        }
        traces.owed.extend(done.writebacks.into_iter().map(lane));
        traces.links.extend(done.links);
        unlinked.extend(done.unlinked);
        traces.mirrored.extend(done.mirror);
        paid.extend(done.payments);
        if !done.mirror_gone.is_empty() {
            mirror::store::forget(db, connection_id, &done.mirror_gone).await?;
        }
        for read in done.mirrored {
            mirror::store::list_read(db, connection_id, &read, row.created_at, now).await?;
        }
        if let Some(compared) = done.compared {
            comparison::store::note(db, connection_id, id, now, &compared).await?;
            settled.paused = compared.pause.or_else(|| settled.paused.take());
        }
        for effect in &done.job_costs {
            job_costs::store::apply(db, connection_id, now, effect).await?;
            if let JobCostsEffect::Checked {
                job_list_id,
                difference: Some(difference),
                ..
            } = effect
            {
                tracing::warn!(connection = %connection_id, job = job_list_id, difference, "job costs differ from QuickBooks' own report");
                settled.job_cost_differences += 1;
            }
        }
        for effect in &done.tie_out {
            tie_out::store::apply(db, connection_id, row.created_at, now, effect).await?;
        }
        if let Some(found) = &done.rights {
            rights::store::keep(db, connection_id, now, found).await?;
        }
        if let Some(until) = done.budget_codes_until {
            connections::store::set_budget_codes_until(db, connection_id, &until).await?;
        }
        if let Some(watermark) = done.payments_watermark {
            payments::store::set_watermark(db, connection_id, &watermark).await?;
        }
    }
    for (id, succeeded) in &endings {
        settled.ended += 1;
        let Some(row) = by_id.get(id) else { continue };
        if let Some(Json(detail)) = row.detail {
            traces.owed.push(writebacks::store::NewWriteback {
                task_id: Some(*id),
                lane: row.subject.clone(),
                call: Writeback::CloseDetail {
                    detail,
                    succeeded: *succeeded,
                    messages: row.messages.0.clone(),
                },
            });
        }
    }
    settled.owes_procore = !traces.owed.is_empty();
    traces::store(db, connection_id, now, &traces).await?;
    links::store::remove(db, connection_id, &unlinked).await?;
    payments::store::upsert(db, connection_id, now, &paid).await?;
    endings.retain(|(id, _)| by_id.get(id).is_some_and(|row| row.needed));
    if !endings.is_empty() {
        release(db, connection_id, &endings).await?;
    }
    Ok(settled)
}

/// Frees what waited for tasks that have ended.
async fn release(
    db: &mut PgConnection,
    connection_id: Uuid,
    endings: &[(Uuid, bool)],
) -> Result<(), sqlx::Error> {
    let ended: Vec<Uuid> = endings.iter().map(|(id, _)| *id).collect();
    let succeeded: Vec<Uuid> = endings.iter().filter(|(_, ok)| *ok).map(|(id, _)| *id).collect();
    // A success also frees what waited for an earlier, failed task of the same subject.
    let touched = sqlx::query_scalar!(
        r#"with freed as (
               delete from task_dependencies d using tasks needed
               where needed.id = d.needs_task_id and (
                   (d.kind = 'order' and needed.id = any($1))
                   or (d.kind = 'success' and needed.id in (
                       select other.id from tasks self
                       join tasks other on other.connection_id = $3 and other.subject = self.subject
                           and (other.id = self.id or other.status = 'failed')
                       where self.id = any($2))))
               returning d.task_id
           ) select distinct task_id as "id!" from freed"#,
        &ended,
        &succeeded,
        connection_id,
    )
    .fetch_all(&mut *db)
    .await?;
    recount(db, &touched).await?;
    if succeeded.len() == ended.len() {
        return Ok(());
    }
    // Whoever still waits for one that failed should read why.
    let waiting = sqlx::query_scalar!(
        r#"select distinct task_id from task_dependencies where needs_task_id = any($1)"#,
        &ended
    )
    .fetch_all(&mut *db)
    .await?;
    if !waiting.is_empty() {
        explain_waiting(db, &waiting).await?;
    }
    Ok(())
}

/// The turn of a task whose stored state this build cannot read.
pub fn unreadable_state(error: &str) -> Turn<AnyTask> {
    Turn::Finished(Outcome::Failed(
        Failure::new(
            FailureCode::Malformed,
            format!(
                "Plumbline cannot read its own record of this task ({error}). Nothing was sent to QuickBooks; send it again."
            ),
        ),
        Effects::default(),
    ))
}

/// A state as it is stored.
pub fn to_value(task: &AnyTask) -> Value {
    // A state that does not serialise is a state that cannot be read back; the reader reports it.
    serde_json::to_value(task).unwrap_or(Value::Null)
}

/// Whether the claim's tasks read or write; all have the same access.
pub fn access_of(tasks: &[(Uuid, AnyTask)]) -> Access {
    tasks.first().map_or(Access::Read, |(_, task)| task.access())
}
