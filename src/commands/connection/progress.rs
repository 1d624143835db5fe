//! How far readings in many pages are, for `plumbline connection show` and `task show`.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::tasks::{AnyTask, progress::Progress};

/// Readings that are shown at most.
const MOST: i64 = 10;

/// A reading that is under way.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Its task.
    pub task: Uuid,
    /// What users call it.
    pub label: String,
    /// How far it is.
    pub progress: Progress,
    /// How long its pages have taken in this update session.
    pub spent: Option<TimeDelta>,
}

impl Reading {
    /// For people.
    pub fn words(&self) -> String {
        self.progress.words(self.spent)
    }

    /// How long the rest may take, in seconds.
    pub fn seconds_left(&self) -> Option<i64> {
        Some(self.progress.time_left(self.spent?)?.num_seconds())
    }
}

/// The readings of a connection that are under way.
pub async fn of_connection(db: &PgPool, connection_id: Uuid) -> Result<Vec<Reading>, sqlx::Error> {
    let rows = sqlx::query!(
        "select id, label, state, exchange_id from tasks
         where connection_id = $1 and status in ('ready', 'asked', 'later') and (kind = 'list_refresh' or kind like '%import')
         order by seq limit $2",
        connection_id,
        MOST
    )
    .fetch_all(db)
    .await?;
    let mut readings = Vec::new();
    for row in rows {
        readings.extend(reading(db, row.id, row.label, row.state, row.exchange_id).await?);
    }
    Ok(readings)
}

/// How far a task is, if it is one that reads by pages and is under way.
pub async fn of_task(db: &PgPool, task: Uuid) -> Result<Option<Reading>, sqlx::Error> {
    let row = sqlx::query!(
        "select label, state, exchange_id from tasks where id = $1 and status in ('ready', 'asked', 'later')",
        task
    )
    .fetch_optional(db)
    .await?;
    match row {
        Some(row) => reading(db, task, row.label, row.state, row.exchange_id).await,
        None => Ok(None),
    }
}

async fn reading(
    db: &PgPool,
    task: Uuid,
    label: String,
    state: serde_json::Value,
    exchange: Option<Uuid>,
) -> Result<Option<Reading>, sqlx::Error> {
    // A state that a newer version wrote is none of this build's business.
    let Some(progress) = serde_json::from_value::<AnyTask>(state)
        .ok()
        .and_then(|task| task.progress())
    else {
        return Ok(None);
    };
    let spent = sqlx::query!(
        r#"select min(e.handed_out_at) as "began: DateTime<Utc>", max(e.answered_at) as "answered: DateTime<Utc>"
           from exchanges last join exchanges e on e.session_id = last.session_id
           where last.id = $1 and $2 = any(e.task_ids)"#,
        exchange,
        task
    )
    .fetch_one(db)
    .await?;
    Ok(Some(Reading {
        task,
        label,
        progress,
        spent: spent
            .began
            .zip(spent.answered)
            .map(|(began, answered)| answered - began),
    }))
}
