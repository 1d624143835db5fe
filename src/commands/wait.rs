//! Waiting on the command line for what the Web Connector has to do first.

use std::time::Duration;

use anyhow::bail;
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Waits until a task has ended; its words. An error if it failed.
pub(super) async fn wait(db: &PgPool, task: Uuid, most: Duration) -> anyhow::Result<String> {
    let until = tokio::time::Instant::now() + most;
    let mut told = false;
    loop {
        let row = sqlx::query!("select status, messages from tasks where id = $1", task)
            .fetch_optional(db)
            .await?;
        let Some(row) = row else {
            bail!("the question is gone from the queue; ask again")
        };
        let words: Vec<&str> = row
            .messages
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        match row.status.as_str() {
            "done" => return Ok(words.join(" ")),
            "failed" | "cancelled" => bail!("{}", words.join(" ")),
            _ => {}
        }
        if tokio::time::Instant::now() >= until {
            bail!(
                "not answered after {} seconds: has the Web Connector run? The question stays; `plumbline task show {task}` \
                 tells what came of it",
                most.as_secs()
            );
        }
        if !told {
            eprintln!("waiting for the Web Connector's next update…");
            told = true;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
