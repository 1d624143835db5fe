//! `plumbline costs CONNECTION [PROJECT]`: what Procore was told of job costs, and what cannot reach it, with what to do.

use anyhow::bail;
use clap::Args;
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::{open, resolve, table};
use crate::{
    config::Storage,
    job_costs::{
        Unsyncable,
        store::{self, Cost, Told},
    },
    qbxml::Money,
};

/// Show the job costs of synced projects, and the costs that cannot reach Procore.
#[derive(Args, Debug)]
pub struct Costs {
    /// The connection: its id, Web Connector user, or name.
    connection: String,
    /// Only this project: its id in Procore.
    project: Option<i64>,
    /// Show single costs too, one line each.
    #[arg(long)]
    single: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// All that is shown.
#[derive(Debug)]
pub struct Report {
    /// Each synced project with its single costs.
    pub projects: Vec<(Told, Vec<Cost>)>,
    /// Costs coded to synced items that name no synced job.
    pub without_job: Vec<Cost>,
}

impl Report {
    /// Reads it.
    pub async fn read(
        db: &mut PgConnection,
        connection_id: uuid::Uuid,
        project: Option<i64>,
    ) -> Result<Self, sqlx::Error> {
        let mut projects = Vec::new();
        for told in store::told(db, connection_id, project).await? {
            let costs = store::of_job(db, connection_id, &told.job_list_id).await?;
            projects.push((told, costs));
        }
        Ok(Self {
            projects,
            without_job: store::without_job(db, connection_id).await?,
        })
    }

    /// Costs that cannot reach Procore, each with its reason.
    pub fn unsyncable(&self) -> impl Iterator<Item = (&Cost, Unsyncable)> {
        self.projects
            .iter()
            .flat_map(|(_, costs)| costs)
            .chain(&self.without_job)
            .filter_map(|cost| Some((cost, cost.unsyncable?)))
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let projects: Vec<Value> = self
            .projects
            .iter()
            .map(|(told, costs)| {
                let codes: Vec<Value> = told
                    .items
                    .iter()
                    .map(|item| {
                        json!({"item": item.item_name, "item_list_id": item.item_list_id, "cost": item.cost.to_string(),
                            "commitment_invoiced": item.invoiced.to_string(), "direct_cost": (item.cost - item.invoiced).to_string()})
                    })
                    .collect();
                let single: Vec<Value> = costs
                    .iter()
                    .filter(|cost| cost.unsyncable.is_none())
                    .map(single)
                    .collect();
                json!({"project": told.project_id, "job": told.job_name, "job_list_id": told.job_list_id,
                    "as_of": told.checked_at, "difference": told.difference, "codes": codes, "transactions": single})
            })
            .collect();
        let unsyncable: Vec<Value> = self
            .unsyncable()
            .map(|(cost, why)| {
                let mut body = single(cost);
                body["reason"] = json!(why.reason());
                body["advice"] = json!(why.advice());
                body
            })
            .collect();
        json!({"projects": projects, "unsyncable": unsyncable})
    }

    fn print(&self, with_single: bool) {
        for (told, costs) in &self.projects {
            let job = told.job_name.as_deref().unwrap_or(&told.job_list_id);
            let as_of = told.checked_at.map_or_else(
                || "not read yet".to_owned(),
                |at| format!("as of {}", at.format("%Y-%m-%d %H:%M UTC")),
            );
            println!("Project {} ({job}), {as_of}", told.project_id);
            if let Some(difference) = &told.difference {
                println!("  Differs from QuickBooks' own report: {difference}");
            }
            let rows: Vec<Vec<String>> = told
                .items
                .iter()
                .map(|item| {
                    vec![
                        item.item_name.clone(),
                        (item.cost - item.invoiced).to_string(),
                        item.invoiced.to_string(),
                        item.cost.to_string(),
                    ]
                })
                .collect();
            if !rows.is_empty() {
                table::print(
                    &["cost code", "direct cost", "commitment invoiced", "job to date"],
                    &rows,
                );
            }
            let synced: Vec<Vec<String>> = costs
                .iter()
                .filter(|cost| cost.unsyncable.is_none())
                .map(|cost| row(cost, None))
                .collect();
            if with_single && !synced.is_empty() {
                println!();
                table::print(&HEADINGS, &synced);
            }
            println!();
        }
        let unsyncable: Vec<Vec<String>> = self
            .unsyncable()
            .map(|(cost, why)| row(cost, Some(why)))
            .collect();
        if unsyncable.is_empty() {
            println!("Every cost is coded to a synced item of a synced job.");
            return;
        }
        let sum: Money = self.unsyncable().map(|(cost, _)| cost.amount).sum();
        println!("These cannot reach Procore ({sum} in all):");
        table::print(&HEADINGS, &unsyncable);
        println!();
        for why in [
            Unsyncable::Account,
            Unsyncable::JournalEntry,
            Unsyncable::UnsyncedItem,
            Unsyncable::UnknownJob,
        ] {
            if self.unsyncable().any(|(_, other)| other == why) {
                println!("{}: {}", why.reason(), why.advice());
            }
        }
    }
}

const HEADINGS: [&str; 9] = [
    "date", "what", "number", "vendor", "job", "coded to", "memo", "amount", "why",
];

fn row(cost: &Cost, why: Option<Unsyncable>) -> Vec<String> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    vec![
        cost.date.to_string(),
        cost.txn_type.clone(),
        text(&cost.ref_number),
        text(&cost.vendor),
        text(&cost.job_name),
        text(&cost.coded_to),
        text(&cost.memo),
        cost.amount.to_string(),
        why.map(|why| why.reason().to_owned()).unwrap_or_default(),
    ]
}

fn single(cost: &Cost) -> Value {
    json!({"txn_id": cost.txn_id, "type": cost.txn_type, "date": cost.date, "vendor": cost.vendor,
        "ref_number": cost.ref_number, "memo": cost.memo, "job": cost.job_name, "coded_to": cost.coded_to,
        "amount": cost.amount.to_string()})
}

impl Costs {
    /// Shows them.
    pub async fn run(self, storage: &Storage) -> anyhow::Result<()> {
        let database = open(storage).await?;
        let outcome = self.on(&database.pool).await;
        database.close().await;
        outcome
    }

    async fn on(self, db: &sqlx::PgPool) -> anyhow::Result<()> {
        let connection = resolve(db, &self.connection).await?;
        let report = Report::read(&mut *db.acquire().await?, connection.id, self.project).await?;
        if let (Some(project), true) = (self.project, report.projects.is_empty()) {
            bail!("project {project} is not linked to a job in QuickBooks");
        }
        if self.json {
            println!("{}", report.json());
        } else if report.projects.is_empty() {
            println!("No project is linked to a job in QuickBooks.");
        } else {
            report.print(self.single);
        }
        Ok(())
    }
}
