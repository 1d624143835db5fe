//! `plumbline reconcile`: the totals of each project in Procore and in QuickBooks side by side (LOVE-04).

use std::{collections::HashSet, time::Duration};

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{open, resolve, table, vault, wait::wait};
use crate::{
    clock::Clock,
    config::Storage,
    connections::store::Connection,
    job_costs::{self, JobCostsWanted},
    procore::{
        client::{ProcoreClient, http_client},
        totals,
    },
    qbxml::Money,
    tasks::{
        queue,
        tie_out::{SUBJECT, TieOut},
    },
    tie_out::{self, DirectCost, Measure, Tied},
    workers::clients::Clients,
};

/// Compare the totals of each project in Procore and in QuickBooks: budget, committed, billed, retainage, paid, direct cost.
///
/// QuickBooks is read at the next run of its Web Connector, and Procore at once afterwards. Nothing is written to either.
#[derive(Args, Debug)]
pub struct ReconcileArgs {
    /// The connection: its id, Web Connector user, or name.
    connection: String,
    /// Only this project: its id in Procore.
    #[arg(long)]
    project: Option<i64>,
    /// Wait so many seconds for the Web Connector; 0 takes QuickBooks' figures as they were last read.
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    wait: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A project that is linked to a job.
#[derive(Debug)]
pub struct Project {
    /// Procore's id.
    pub id: i64,
    /// The job's full name, where known.
    pub job: String,
    /// Both sides.
    pub tied: Vec<Tied>,
}

/// The tie-out of a connection.
#[derive(Debug)]
pub struct TieOutReport {
    /// When QuickBooks was read.
    pub read_at: Option<DateTime<Utc>>,
    /// By project.
    pub projects: Vec<Project>,
}

/// Puts a reading of QuickBooks' side into the queue, or finds the one that is under way; its task.
pub async fn begin(db: &PgPool, connection_id: Uuid, clock: &Clock) -> Result<Uuid, sqlx::Error> {
    let mut transaction = db.begin().await?;
    queue::one_at_a_time(&mut transaction, connection_id).await?;
    let under_way = sqlx::query_scalar!(
        r#"select id from tasks
           where connection_id = $1 and subject = $2 and status in ('waiting', 'ready', 'later', 'asked')
           order by seq desc limit 1"#,
        connection_id,
        SUBJECT,
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let task = if let Some(task) = under_way {
        task
    } else {
        let task = TieOut::new().into_new_task();
        queue::enqueue(&mut transaction, connection_id, clock.now(), &[task])
            .await?
            .pop()
            .unwrap_or_default()
    };
    transaction.commit().await?;
    Ok(task)
}

impl TieOutReport {
    /// Reads Procore's side now, and takes QuickBooks' as it was last read.
    pub async fn read(
        db: &mut PgConnection,
        client: &ProcoreClient,
        connection_id: Uuid,
        only: Option<i64>,
    ) -> anyhow::Result<Self> {
        let reading = tie_out::store::reading(&mut *db, connection_id).await?;
        let linked = sqlx::query!(
            r#"select k.item_id, k.quickbooks_id, m.full_name as "job?",
                   (select b.item_id from links b where b.connection_id = $1 and b.item_type = 'budget'
                       and exists (select from tie_out_figures f where f.connection_id = $1 and f.item_type = 'budget'
                           and f.item_id = b.item_id and f.job_list_id = k.quickbooks_id) limit 1) as budget_id
               from links k
               left join lateral (select full_name from mirror_records m where m.connection_id = $1
                   and m.kind = 'customer' and m.list_id = k.quickbooks_id limit 1) m on true
               where k.connection_id = $1 and k.item_type = 'project' and ($2::bigint is null or k.item_id = $2)
               order by k.item_id"#,
            connection_id,
            only,
        )
        .fetch_all(&mut *db)
        .await?;
        let jobs: HashSet<String> = sqlx::query_scalar!(
            "select quickbooks_id from links where connection_id = $1 and item_type = 'project'",
            connection_id,
        )
        .fetch_all(&mut *db)
        .await?
        .into_iter()
        .collect();
        let mut projects = Vec::with_capacity(linked.len());
        for project in linked {
            let procore = totals::of_project(client, project.item_id, project.budget_id)
                .await
                .with_context(|| format!("project {}", project.item_id))?;
            let quickbooks: Vec<_> = reading
                .figures
                .iter()
                .filter(|figure| match &figure.job_list_id {
                    Some(job) if jobs.contains(job) => *job == project.quickbooks_id,
                    // Of no project's job, a sub job's say.
                    _ => procore
                        .iter()
                        .any(|other| other.item_id == figure.item_id && other.item_type == figure.item_type),
                })
                .cloned()
                .collect();
            let direct =
                direct_cost(&mut *db, connection_id, project.item_id, &project.quickbooks_id).await?;
            projects.push(Project {
                id: project.item_id,
                job: project.job.unwrap_or(project.quickbooks_id),
                tied: tie_out::tie(&procore, &quickbooks, direct.as_ref()),
            });
        }
        Ok(Self {
            read_at: reading.read_at,
            projects,
        })
    }

    /// Whether both sides agree everywhere.
    pub fn agrees(&self) -> bool {
        self.projects
            .iter()
            .flat_map(|project| &project.tied)
            .all(|tied| tied.difference().is_zero() && tied.causes.is_empty())
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let projects: Vec<Value> = self
            .projects
            .iter()
            .map(|project| {
                let tied: Vec<Value> = project
                    .tied
                    .iter()
                    .map(|tied| {
                        json!({"measure": tied.measure.word(), "procore": tied.procore.to_string(),
                            "quickbooks": tied.quickbooks.to_string(), "difference": tied.difference().to_string(),
                            "causes": tied.causes})
                    })
                    .collect();
                json!({"project": project.id, "job": project.job, "totals": tied})
            })
            .collect();
        json!({"quickbooks_read_at": self.read_at, "agrees": self.agrees(), "projects": projects})
    }

    /// For people.
    pub fn print(&self) {
        for project in &self.projects {
            println!("Project {} ({})", project.id, project.job);
            let rows: Vec<Vec<String>> = project
                .tied
                .iter()
                .map(|tied| {
                    vec![
                        tied.measure.word().to_owned(),
                        tied.procore.to_string(),
                        tied.quickbooks.to_string(),
                        tied.difference().to_string(),
                    ]
                })
                .collect();
            table::print(&["", "Procore", "QuickBooks", "difference"], &rows);
            for tied in &project.tied {
                for cause in &tied.causes {
                    println!("  {}: {cause}", tied.measure.word());
                }
            }
            println!();
        }
        match self.read_at {
            Some(at) => println!("QuickBooks as of {}.", at.format("%Y-%m-%d %H:%M UTC")),
            None => println!("QuickBooks' side has not been read yet."),
        }
    }
}

/// Direct cost as Procore was told, and as the transactions add up now; none before the first reading of job costs.
async fn direct_cost(
    db: &mut PgConnection,
    connection_id: Uuid,
    project_id: i64,
    job_list_id: &str,
) -> Result<Option<DirectCost>, sqlx::Error> {
    let told = job_costs::store::told(&mut *db, connection_id, Some(project_id)).await?;
    let Some(told) = told.into_iter().find(|told| told.checked_at.is_some()) else {
        return Ok(None);
    };
    let wanted = JobCostsWanted {
        job_list_id: Some(job_list_id.to_owned()),
        after: 0,
    };
    let held = job_costs::store::known(&mut *db, connection_id, &wanted)
        .await?
        .project;
    let direct = |items: &[job_costs::ItemCost]| -> Money {
        items
            .iter()
            .filter(|item| item.synced)
            .map(|item| item.cost - item.invoiced)
            .sum()
    };
    Ok(Some(DirectCost {
        told: direct(&told.items),
        held: held.map_or(Money::ZERO, |held| direct(&held.items)),
        difference: told.difference,
    }))
}

impl ReconcileArgs {
    /// Compares, prints. An error if the sides differ.
    pub async fn run(&self, storage: &Storage) -> anyhow::Result<()> {
        let database = open(storage).await?;
        let outcome = match resolve(&database.pool, &self.connection).await {
            Ok(connection) => self.on(&database.pool, &connection, storage).await,
            Err(error) => Err(error),
        };
        database.close().await;
        outcome
    }

    async fn on(&self, db: &PgPool, connection: &Connection, storage: &Storage) -> anyhow::Result<()> {
        let clock = Clock::System;
        if self.wait > 0 {
            let task = begin(db, connection.id, &clock).await?;
            wait(db, task, Duration::from_secs(self.wait)).await?;
        }
        let client = Clients::new(http_client()?, vault(storage)?, clock).of(connection)?;
        let report =
            TieOutReport::read(&mut *db.acquire().await?, &client, connection.id, self.project).await?;
        if let (Some(project), true) = (self.project, report.projects.is_empty()) {
            bail!("project {project} is not linked to a job in QuickBooks");
        }
        if self.json {
            println!("{:#}", report.json());
        } else if report.projects.is_empty() {
            println!("No project is linked to a job in QuickBooks.");
        } else {
            report.print();
        }
        if report.agrees() {
            return Ok(());
        }
        let words: Vec<&str> = Measure::ALL
            .into_iter()
            .filter(|measure| {
                report
                    .projects
                    .iter()
                    .flat_map(|project| &project.tied)
                    .any(|tied| {
                        tied.measure == *measure && !(tied.difference().is_zero() && tied.causes.is_empty())
                    })
            })
            .map(Measure::word)
            .collect();
        bail!("the two sides differ: {}", words.join(", "))
    }
}
