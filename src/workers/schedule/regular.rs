//! What is read from QuickBooks regularly, without anybody asking: vendors and jobs every hour, job costs every two hours
//! (behaviour.md §2, "Sync schedule"), and once a day whether all of it may be read (LOVE-11).
//!
//! Of a connection whose Web Connector does not come, one task of each waits, however long that takes.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    erp_mode::{self, subjects},
    mirror,
    tasks::{
        queue::{self, NewTask},
        rights::RightsCheck,
    },
};

/// Most that is enqueued at one look; the next one is seconds away.
const MOST_AT_ONCE: i64 = 500;
/// QuickBooks remembers for 90 days what was deleted. A list that was not read for so long is read whole.
const CHANGES_KNOWN_FOR: TimeDelta = TimeDelta::days(60);

/// What is read regularly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Vendors,
    Jobs,
    JobCosts,
    Rights,
}

impl Reading {
    const ALL: [Self; 4] = [Self::Vendors, Self::Jobs, Self::JobCosts, Self::Rights];

    /// The name in the database, and the subject of its tasks.
    const fn subject(self) -> &'static str {
        match self {
            Self::Vendors => subjects::VENDORS,
            Self::Jobs => subjects::JOBS,
            Self::JobCosts => subjects::JOB_COSTS,
            Self::Rights => subjects::RIGHTS,
        }
    }

    const fn every(self) -> TimeDelta {
        match self {
            Self::Vendors | Self::Jobs => TimeDelta::hours(1),
            Self::JobCosts => TimeDelta::hours(2),
            Self::Rights => TimeDelta::days(1),
        }
    }
}

/// Enqueues what is due, for all connections whose lists have been read; where they cannot be read, the rights may be why.
/// The first look at a connection only notes the time: its lists have just been read, nothing has cost anything yet, and its
/// rights are looked at when it is added.
pub(super) async fn enqueue_due(db: &PgPool, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    let names = Reading::ALL.map(Reading::subject);
    // A clock set back must not stop the schedule for good.
    let (after, before): (Vec<_>, Vec<_>) = Reading::ALL
        .iter()
        .map(|reading| (now - reading.every(), now + reading.every()))
        .unzip();
    let due = sqlx::query!(
        r#"select c.id, reading.what as "what!", run.run_at is null as "first!"
           from connections c
           cross join unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) as reading(what, after, before)
           left join lateral (select run_at from schedule_runs r
               where r.connection_id = c.id and r.what = reading.what offset 0) run on true
           where (c.mirror_ready or reading.what = 'rights') and (run.run_at is null or run.run_at <= reading.after or run.run_at > reading.before)
           limit $4"#,
        names.as_slice() as &[&str],
        &after,
        &before,
        MOST_AT_ONCE,
    )
    .fetch_all(db)
    .await?;
    for row in due {
        let Some(reading) = Reading::ALL
            .into_iter()
            .find(|reading| reading.subject() == row.what)
        else {
            continue;
        };
        if let Err(error) = enqueue(db, row.id, reading, row.first, now).await {
            tracing::error!(connection = %row.id, what = row.what, error = &error as &dyn std::error::Error, "a regular reading could not be enqueued");
        }
    }
    Ok(())
}

/// One replica moves the time, and only it enqueues.
async fn enqueue(
    db: &PgPool,
    connection_id: Uuid,
    reading: Reading,
    first: bool,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let mut transaction = db.begin().await?;
    queue::one_at_a_time(&mut transaction, connection_id).await?;
    let ours = sqlx::query!(
        "insert into schedule_runs (connection_id, what, run_at) values ($1, $2, $3)
         on conflict (connection_id, what) do update set run_at = excluded.run_at
             where schedule_runs.run_at <= $4 or schedule_runs.run_at > $5",
        connection_id,
        reading.subject(),
        now,
        now - reading.every(),
        now + reading.every(),
    )
    .execute(&mut *transaction)
    .await?
    .rows_affected();
    if ours == 0 || first {
        return transaction.commit().await;
    }
    let task: NewTask = match reading {
        Reading::JobCosts => erp_mode::scheduled_job_costs(),
        Reading::Rights => RightsCheck::new().into_new_task(),
        Reading::Vendors | Reading::Jobs => {
            let seen =
                mirror::store::watermarks(&mut transaction, connection_id, now - CHANGES_KNOWN_FOR).await?;
            if reading == Reading::Vendors {
                erp_mode::scheduled_vendors(&seen)
            } else {
                erp_mode::scheduled_jobs(&seen)
            }
        }
    };
    // One that waits reads all there is; but Procore asks for the costs of one job. What nobody has linked costs nothing.
    let wanted = sqlx::query_scalar!(
        r#"select not exists (select from tasks where connection_id = $1 and subject = $2
                   and ($2 <> 'job_costs' or label = $3) and status in ('waiting', 'ready', 'later', 'asked'))
               and ($2 <> 'job_costs' or exists (select from links where connection_id = $1 and item_type = 'project'))
               as "wanted!""#,
        connection_id,
        reading.subject(),
        task.label,
    )
    .fetch_one(&mut *transaction)
    .await?;
    if wanted {
        queue::enqueue(&mut transaction, connection_id, now, &[task]).await?;
    }
    transaction.commit().await
}
