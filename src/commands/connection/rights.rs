//! `plumbline connection check`, and what `plumbline connection show` tells of rights (LOVE-11).

use std::time::Duration;

use anyhow::bail;
use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    clock::Clock,
    commands::wait::wait,
    connections::{
        rights::{Finding, Rights, store},
        store::Connection,
    },
    erp_mode::subjects,
    tasks::{queue, rights::RightsCheck},
};

/// `plumbline connection check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Id, Web Connector user, or name.
    pub connection: String,
    /// Wait so many seconds for the Web Connector; 0 takes what QuickBooks last answered.
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    wait: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Puts a look at the rights into the queue, or finds the one that waits; its task.
pub async fn begin(db: &PgPool, connection_id: Uuid, clock: &Clock) -> Result<Uuid, sqlx::Error> {
    let mut transaction = db.begin().await?;
    queue::one_at_a_time(&mut transaction, connection_id).await?;
    let waiting = sqlx::query_scalar!(
        r#"select id from tasks
           where connection_id = $1 and subject = $2 and status in ('waiting', 'ready', 'later', 'asked')
           order by seq desc limit 1"#,
        connection_id,
        subjects::RIGHTS,
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let task = if let Some(task) = waiting {
        task
    } else {
        let task = RightsCheck::new().into_new_task();
        queue::enqueue(&mut transaction, connection_id, clock.now(), &[task])
            .await?
            .pop()
            .unwrap_or_default()
    };
    transaction.commit().await?;
    Ok(task)
}

impl CheckArgs {
    /// Asks, prints. An error if something is in the way.
    pub async fn run(&self, db: &PgPool, connection: &Connection, clock: &Clock) -> anyhow::Result<()> {
        if self.wait > 0 {
            let task = begin(db, connection.id, clock).await?;
            wait(db, task, Duration::from_secs(self.wait)).await?;
        }
        let last = store::last(&mut *db.acquire().await?, connection.id).await?;
        if self.json {
            println!("{:#}", as_json(last.as_ref()));
        } else {
            println!("{}", line(last.as_ref()));
            for words in problems(last.as_ref()) {
                println!("\n{words}");
            }
        }
        match last.map_or(0, |(_, rights)| rights.findings.len()) {
            0 => Ok(()),
            many => bail!("{many} kinds of records cannot be used"),
        }
    }
}

/// The last answer in one line.
pub(super) fn line(last: Option<&(DateTime<Utc>, Rights)>) -> String {
    let Some((at, rights)) = last else {
        return "not asked yet".to_owned();
    };
    let at = at.format("%Y-%m-%d %H:%M:%S");
    if rights.findings.is_empty() {
        return format!("{at}: everything that is used can be read");
    }
    let kinds: Vec<&str> = rights.findings.iter().map(|found| found.what.words()).collect();
    format!("{at}: cannot be used: {}", kinds.join(", "))
}

/// What is in the way, in words.
pub(super) fn problems(last: Option<&(DateTime<Utc>, Rights)>) -> Vec<String> {
    last.map_or_else(Vec::new, |(_, rights)| {
        rights.findings.iter().map(Finding::words).collect()
    })
}

/// As JSON.
pub(super) fn as_json(last: Option<&(DateTime<Utc>, Rights)>) -> Value {
    let Some((at, rights)) = last else {
        return Value::Null;
    };
    let findings: Vec<Value> = rights
        .findings
        .iter()
        .map(|found| json!({"what": found.what, "why": found.why, "words": found.words()}))
        .collect();
    json!({"asked_at": at, "findings": findings})
}
