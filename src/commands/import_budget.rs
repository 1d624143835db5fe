//! `plumbline import-budget`: offer an estimate of QuickBooks as the budget of a project (QBD-19).

use std::time::Duration;

use anyhow::bail;
use clap::Args;
use sqlx::PgPool;
use uuid::Uuid;

use super::{open, resolve, wait::wait};
use crate::{
    clock::Clock,
    config::Storage,
    connections::store::Connection,
    erp_mode::priorities,
    links,
    tasks::{
        imports::budget::BudgetImport,
        queue::{self, NewTask},
    },
};

/// Offer an estimate of a linked job as its project's budget. Import it in Procore's ERP Integrations tool afterwards.
///
/// Nothing is written to QuickBooks. Refused once the project's budget was exported, or where the estimate's lines are not
/// synced cost codes of the project that come to its total.
#[derive(Args, Debug)]
pub struct ImportBudgetArgs {
    /// The connection: its id, Web Connector user, or name.
    connection: String,
    /// The project: its id in Procore.
    #[arg(long)]
    project: i64,
    /// The estimate's number in QuickBooks; not needed where the job has only one.
    #[arg(long, value_name = "NUMBER")]
    estimate: Option<String>,
    /// Wait so many seconds for the Web Connector; the question is asked all the same.
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    wait: u64,
}

impl ImportBudgetArgs {
    /// Asks QuickBooks, waits, and tells what came of it.
    pub async fn run(&self, storage: &Storage) -> anyhow::Result<()> {
        let database = open(storage).await?;
        let connection = resolve(&database.pool, &self.connection).await;
        let outcome = match connection {
            Ok(connection) => self.on(&database.pool, &connection).await,
            Err(error) => Err(error),
        };
        database.close().await;
        outcome
    }

    async fn on(&self, db: &PgPool, connection: &Connection) -> anyhow::Result<()> {
        let task = begin(
            db,
            connection,
            &Clock::System,
            self.project,
            self.estimate.clone(),
        )
        .await?;
        println!("{}", wait(db, task, Duration::from_secs(self.wait)).await?);
        Ok(())
    }
}

/// Puts the question into the queue.
pub async fn begin(
    db: &PgPool,
    connection: &Connection,
    clock: &Clock,
    project: i64,
    estimate: Option<String>,
) -> anyhow::Result<Uuid> {
    if !connection.settings.budget_import {
        bail!("budgets are not imported: the setting budget_import is off");
    }
    let mut transaction = db.begin().await?;
    let Some(job) = links::store::job_of(&mut transaction, connection.id, project).await? else {
        bail!("the project with Procore's id {project} is not linked to a job in QuickBooks; send it first");
    };
    let codes = links::store::codes_of_job(&mut transaction, connection.id, &job).await?;
    let task = NewTask {
        subject: format!("budget_of_project:{project}"),
        label: format!("Budget of the project with Procore's id {project} from QuickBooks"),
        task: BudgetImport::new(project, job, codes, estimate).into(),
        detail: None,
        erp_request_id: None,
        needs: Vec::new(),
        priority: priorities::IMPORT,
    };
    let ids = queue::enqueue(&mut transaction, connection.id, clock.now(), &[task]).await?;
    transaction.commit().await?;
    Ok(ids.first().copied().unwrap_or_default())
}
