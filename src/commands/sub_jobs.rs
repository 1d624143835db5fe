//! `plumbline sub-jobs CONNECTION`: the sub jobs that are in QuickBooks (QBD-34), and their projects.

use clap::Args;
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{open, resolve, table};
use crate::config::Storage;

/// List the sub jobs that are linked to jobs in QuickBooks.
#[derive(Args, Debug)]
pub struct SubJobs {
    /// The connection: its id, Web Connector user, or name.
    connection: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A sub job that is in QuickBooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncedSubJob {
    /// Procore's id.
    pub id: i64,
    /// Procore's id of the project its job stands under, where that is linked.
    pub project_id: Option<i64>,
    /// The job's `ListID`.
    pub job_list_id: String,
    /// The job's full name, as last read.
    pub job: Option<String>,
}

/// The sub jobs of a connection that are in QuickBooks, by their jobs' names.
pub async fn list(db: &mut PgConnection, connection_id: Uuid) -> Result<Vec<SyncedSubJob>, sqlx::Error> {
    sqlx::query_as!(
        SyncedSubJob,
        r#"select k.item_id as id, p.item_id as "project_id?", k.quickbooks_id as job_list_id, m.full_name as "job?"
           from links k
           left join lateral (select full_name, parent_list_id from mirror_records m
               where m.connection_id = $1 and m.kind = 'customer' and m.list_id = k.quickbooks_id offset 0) m on true
           left join lateral (select item_id from links p where p.connection_id = $1
               and p.quickbooks_id = m.parent_list_id and p.item_type = 'project' limit 1) p on true
           where k.connection_id = $1 and k.item_type = 'sub_job' and k.gone_at is null
           order by m.full_name, k.item_id"#,
        connection_id,
    )
    .fetch_all(db)
    .await
}

impl SubJobs {
    /// Prints the list.
    pub async fn run(&self, storage: &Storage) -> anyhow::Result<()> {
        let database = open(storage).await?;
        let listed = async {
            let connection = resolve(&database.pool, &self.connection).await?;
            let mut db = database.pool.acquire().await?;
            anyhow::Ok(list(&mut db, connection.id).await?)
        }
        .await;
        database.close().await;
        let listed = listed?;
        if self.json {
            let all: Vec<Value> = listed
                .iter()
                .map(|one| {
                    json!({"sub_job": one.id, "project": one.project_id, "job": one.job, "job_list_id": one.job_list_id})
                })
                .collect();
            println!("{:#}", Value::from(all));
        } else if listed.is_empty() {
            println!("No sub job is linked to a job in QuickBooks.");
        } else {
            let rows: Vec<Vec<String>> = listed
                .into_iter()
                .map(|one| {
                    vec![
                        one.id.to_string(),
                        one.project_id.map_or_else(String::new, |id| id.to_string()),
                        one.job.unwrap_or(one.job_list_id),
                    ]
                })
                .collect();
            table::print(&["sub job", "project", "job in QuickBooks"], &rows);
        }
        Ok(())
    }
}
