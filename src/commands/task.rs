//! `plumbline task …`: what is waiting, what went wrong and why, and sending it again.

use anyhow::{Context, bail};
use clap::Subcommand;
use serde_json::{Value, json};

use super::{connection::progress, open, parse_id, resolve, table};
use crate::{
    clock::Clock,
    config::Storage,
    connections::store,
    tasks::preview::{self, Preview},
};

/// What can be done with tasks.
#[derive(Debug, Subcommand)]
pub enum TaskCommand {
    /// List tasks, the newest first.
    List {
        /// Only of this connection (id, Web Connector user, or name).
        #[arg(long)]
        connection: Option<String>,
        /// Only with this status.
        #[arg(long, value_parser = ["waiting", "ready", "later", "asked", "done", "failed", "cancelled"])]
        status: Option<String>,
        /// At most this many.
        #[arg(long, default_value_t = 50)]
        limit: i64,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show one task with its last exchange with QuickBooks.
    Show {
        /// The task's id.
        task: String,
        /// Show the record that it would write next, field by field; nothing is written.
        #[arg(long)]
        preview: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Put a failed task back into the queue: it goes on from the step it failed in. What is linked already is not
    /// written again.
    Retry {
        /// The task's id.
        task: String,
    },
}

impl TaskCommand {
    /// Runs it.
    pub async fn run(self, storage: &Storage) -> anyhow::Result<()> {
        let database = open(storage).await?;
        let outcome = self.on(&database.pool).await;
        database.close().await;
        outcome
    }

    async fn on(self, db: &sqlx::PgPool) -> anyhow::Result<()> {
        match self {
            Self::List {
                connection,
                status,
                limit,
                json,
            } => {
                let connection = match connection {
                    Some(given) => Some(resolve(db, &given).await?.id),
                    None => None,
                };
                let rows = sqlx::query!(
                    r#"select id, label, status, attempts, reason, messages, updated_at from tasks
                       where ($1::uuid is null or connection_id = $1) and ($2::text is null or status = $2)
                       order by seq desc limit $3"#,
                    connection,
                    status,
                    limit.clamp(1, 10_000),
                )
                .fetch_all(db)
                .await?;
                if json {
                    let all: Vec<Value> = rows
                        .iter()
                        .map(|row| json!({"id": row.id, "label": row.label, "status": row.status, "attempts": row.attempts, "reason": row.reason, "messages": row.messages, "updated_at": row.updated_at}))
                        .collect();
                    println!("{}", Value::from(all));
                } else if rows.is_empty() {
                    println!("No tasks.");
                } else {
                    let rows: Vec<Vec<String>> = rows
                        .into_iter()
                        .map(|row| {
                            let said = row.reason.unwrap_or_else(|| words(&row.messages));
                            vec![
                                row.id.to_string(),
                                row.label,
                                row.status,
                                row.attempts.to_string(),
                                said,
                            ]
                        })
                        .collect();
                    table::print(&["id", "what", "status", "tries", "why"], &rows);
                }
            }
            Self::Show {
                task,
                preview: true,
                json,
            } => show_preview(db, &task, json).await?,
            Self::Show { task, json, .. } => show(db, &task, json).await?,
            Self::Retry { task } => {
                let id = parse_id(&task)?;
                let row = sqlx::query!(
                    r#"update tasks set status = 'ready', failure_code = null, status_code = null, messages = '[]', attempts = 0,
                           finished_at = null, exchange_id = null, updated_at = $2
                       where id = $1 and status = 'failed' and not exists (
                           select from tasks newer where newer.connection_id = tasks.connection_id
                               and newer.subject = tasks.subject and newer.seq > tasks.seq)
                       returning label"#,
                    id,
                    Clock::System.now(),
                )
                .fetch_optional(db)
                .await?;
                match row {
                    Some(row) => println!(
                        "{} is in the queue again; it goes at the next run of the Web Connector.",
                        row.label
                    ),
                    None => bail!(
                        "task {id} is not a failed task, or its record was sent again since: then the newer task counts. \
                         `plumbline task show {id}` tells more"
                    ),
                }
            }
        }
        Ok(())
    }
}

fn words(messages: &Value) -> String {
    let texts: Vec<&str> = messages
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    texts.join(" ")
}

async fn show_preview(db: &sqlx::PgPool, task: &str, json: bool) -> anyhow::Result<()> {
    let id = parse_id(task)?;
    let row = sqlx::query!("select connection_id, label, status from tasks where id = $1", id)
        .fetch_optional(db)
        .await?;
    let Some(row) = row else { bail!("no task {id}") };
    if !["waiting", "ready", "later"].contains(&row.status.as_str()) {
        bail!(
            "{} is {}: there is nothing to preview; `plumbline task show {id}` shows what was sent",
            row.label,
            row.status
        );
    }
    let connection = store::find(db, row.connection_id)
        .await?
        .context("its connection is gone")?;
    let mut db = db.acquire().await?;
    let Some(preview) = preview::of_task(&mut db, &connection, id).await? else {
        bail!("this version of Plumbline cannot read the task; `plumbline task show {id}` has more");
    };
    if json {
        println!("{}", serde_json::to_string_pretty(&preview)?);
        return Ok(());
    }
    println!("{}\n", row.label);
    match preview {
        Preview::Writes { records } => {
            for record in records {
                println!("Will be written with {}:\n", record.request);
                let rows: Vec<Vec<String>> = record
                    .fields
                    .into_iter()
                    .map(|field| vec![field.path, field.value, field.name.unwrap_or_default()])
                    .collect();
                table::print(&["field", "value", "name"], &rows);
            }
        }
        Preview::Reads { requests } => println!(
            "First this is read in QuickBooks, and what is written depends on it: {}",
            requests.join(", ")
        ),
        Preview::Nothing { messages } => println!("Nothing will be written. {}", messages.join(" ")),
        Preview::Refused { messages } => {
            println!("It will be refused:");
            for message in messages {
                println!("  {message}");
            }
        }
    }
    Ok(())
}

async fn show(db: &sqlx::PgPool, task: &str, json: bool) -> anyhow::Result<()> {
    let id = parse_id(task)?;
    let row = sqlx::query!(
        r#"select t.id, t.label, t.kind, t.subject, t.status, t.attempts, t.reason, t.failure_code, t.status_code, t.messages,
               t.created_at, t.updated_at, t.finished_at, t.exchange_id, e.request_xml as "request_xml?", e.response_xml
           from tasks t left join exchanges e on e.id = t.exchange_id where t.id = $1"#,
        id
    )
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { bail!("no task {id}") };
    let owed = sqlx::query!(
        "select status, problem, attempts from writebacks where task_id = $1 order by id",
        id
    )
    .fetch_all(db)
    .await?;
    let reading = progress::of_task(db, id).await?;
    if json {
        println!(
            "{}",
            json!({
                "progress": reading.as_ref().map(|reading| json!({"what": reading.progress.what,
                    "read": reading.progress.read, "left": reading.progress.left, "seconds_left": reading.seconds_left()})),
                "id": row.id, "label": row.label, "kind": row.kind, "subject": row.subject, "status": row.status,
                "attempts": row.attempts, "reason": row.reason, "failure_code": row.failure_code, "status_code": row.status_code,
                "messages": row.messages, "created_at": row.created_at, "updated_at": row.updated_at, "finished_at": row.finished_at,
                "exchange_id": row.exchange_id, "request_xml": row.request_xml, "response_xml": row.response_xml,
                "writebacks": owed.iter().map(|owed| json!({"status": owed.status, "problem": owed.problem, "attempts": owed.attempts})).collect::<Vec<_>>(),
            })
        );
        return Ok(());
    }
    println!("{}\n", row.label);
    println!("    status  {} (tried {}×)", row.status, row.attempts);
    if let Some(reason) = &row.reason {
        println!("       why  {reason}");
    }
    if let Some(reading) = reading {
        println!("  progress  {}", reading.words());
    }
    if let Some(code) = &row.failure_code {
        println!(
            "   failure  {code}{}",
            row.status_code
                .map(|status| format!(", QuickBooks status {status}"))
                .unwrap_or_default()
        );
    }
    for message in row
        .messages
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        println!("            {message}");
    }
    for owed in owed {
        println!("   Procore  {} {}", owed.status, owed.problem.unwrap_or_default());
    }
    if let Some(xml) = row.request_xml {
        println!(
            "\nHanded to QuickBooks (exchange {}):\n{xml}",
            row.exchange_id.map(|id| id.to_string()).unwrap_or_default()
        );
    }
    if let Some(xml) = row.response_xml {
        println!("\nQuickBooks answered:\n{xml}");
    }
    Ok(())
}
