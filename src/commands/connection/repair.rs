//! The company file has changed: accepting it as it is now, and comparing our links with what stands in it.

use std::{fmt::Write as _, time::Duration};

use anyhow::bail;
use clap::Args;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    clock::Clock,
    commands::table,
    comparison::{
        What,
        store::{self as comparisons, Report, Reported},
    },
    connections::{
        argument,
        store::{self, Connection},
    },
    erp_mode::{self, subjects},
    mirror,
    tasks::{
        queue,
        reconcile::{self, Reconcile},
    },
};

/// Changed records the table shows; there may be thousands after an upgrade.
const MOST_CHANGED: usize = 20;
/// How often it is looked how far a comparison is.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// `plumbline connection reconcile`.
#[derive(Args, Debug)]
pub struct ReconcileArgs {
    /// Id, Web Connector user, or name.
    pub connection: String,
    /// Forget the links of records that are gone from QuickBooks, so that exporting them again makes them anew.
    #[arg(long)]
    pub forget_missing: bool,
    /// Wait so many seconds for the Web Connector; the comparison goes on all the same.
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    pub wait: u64,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Accepts whatever company file with the right `FileID` comes next. Before anything is written to it every link is
/// compared, and then the lists are read again.
pub async fn rebind(db: &PgPool, connection: &Connection, clock: &Clock) -> Result<(), sqlx::Error> {
    let now = clock.now();
    let mut transaction = db.begin().await?;
    queue::one_at_a_time(&mut transaction, connection.id).await?;
    store::forget_company_file(&mut *transaction, connection.id).await?;
    mirror::store::read_anew(&mut transaction, connection.id).await?;
    queue::cancel(&mut transaction, connection.id, subjects::LISTS, now).await?;
    let compare = Reconcile::new(connection.procore_company_id, &connection.name, true).into_new_task(true);
    // Writing begins when the lists have been read.
    let mut lists = erp_mode::first_reading();
    "Reading the company file's lists again".clone_into(&mut lists.label);
    lists.needs = vec![reconcile::SUBJECT.to_owned()];
    queue::enqueue(&mut transaction, connection.id, now, &[compare, lists]).await?;
    transaction.commit().await
}

/// Goes on after a pause. Where a comparison paused it, what it found missing stops nothing any more.
pub async fn resume(db: &PgPool, connection: &Connection, clock: &Clock) -> Result<(), sqlx::Error> {
    let mut transaction = db.begin().await?;
    if connection.paused_reason.is_some() {
        comparisons::accept_gone(&mut transaction, connection.id, clock.now()).await?;
    }
    store::set_paused(&mut *transaction, connection.id, None).await?;
    transaction.commit().await
}

/// Puts a comparison into the queue, or finds the one that is under way; its task.
pub async fn begin(db: &PgPool, connection: &Connection, clock: &Clock) -> Result<Uuid, sqlx::Error> {
    let mut transaction = db.begin().await?;
    queue::one_at_a_time(&mut transaction, connection.id).await?;
    let under_way = sqlx::query_scalar!(
        r#"select id from tasks
           where connection_id = $1 and subject = $2 and status in ('waiting', 'ready', 'later', 'asked')
           order by seq desc limit 1"#,
        connection.id,
        reconcile::SUBJECT,
    )
    .fetch_optional(&mut *transaction)
    .await?;
    let task = if let Some(task) = under_way {
        task
    } else {
        // While writing waits for a comparison, this one may be what it waits for.
        let pauses = !connection.mirror_ready;
        let compare =
            Reconcile::new(connection.procore_company_id, &connection.name, pauses).into_new_task(pauses);
        queue::enqueue(&mut transaction, connection.id, clock.now(), &[compare])
            .await?
            .pop()
            .unwrap_or_default()
    };
    transaction.commit().await?;
    Ok(task)
}

/// How far a comparison is.
struct Progress {
    status: String,
    words: String,
    compared: i64,
    links: i64,
}

async fn progress(db: &PgPool, connection_id: Uuid, task: Uuid) -> Result<Option<Progress>, sqlx::Error> {
    let types = reconcile::compared_types();
    sqlx::query!(
        r#"select t.status, coalesce(t.reason, '') as "reason!", t.messages,
               coalesce((select c.compared from comparisons c where c.connection_id = $1 and c.task_id = $2), 0)::bigint
                   as "compared!",
               (select count(*) from links l join unnest($3::text[]) as types(item_type) using (item_type)
                where l.connection_id = $1) as "links!"
           from tasks t where t.id = $2"#,
        connection_id,
        task,
        &types as &[&str],
    )
    .fetch_optional(db)
    .await
    .map(|row| {
        row.map(|row| {
            let messages: Vec<&str> = row
                .messages
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            Progress {
                words: if messages.is_empty() {
                    row.reason
                } else {
                    messages.join(" ")
                },
                status: row.status,
                compared: row.compared,
                links: row.links,
            }
        })
    })
}

/// Waits until a comparison has ended, telling how far it is.
async fn wait(db: &PgPool, connection: &Connection, task: Uuid, seconds: u64) -> anyhow::Result<()> {
    let name = argument(&connection.name);
    let until = tokio::time::Instant::now() + Duration::from_secs(seconds);
    let mut told = String::new();
    loop {
        let Some(now) = progress(db, connection.id, task).await? else {
            bail!("the comparison is gone from the queue; run `plumbline connection reconcile {name}` again");
        };
        match now.status.as_str() {
            "done" => return Ok(()),
            "failed" | "cancelled" => bail!("the links could not be compared: {}", now.words),
            _ => {}
        }
        let words = if now.compared > 0 {
            format!("compared {} of {}", grouped(now.compared), grouped(now.links))
        } else if now.status == "later" {
            now.words
        } else {
            "waiting for the Web Connector's next update…".to_owned()
        };
        if words != told {
            eprintln!("{words}");
            told = words;
        }
        if tokio::time::Instant::now() >= until {
            let problem = store::find(db, connection.id)
                .await?
                .and_then(|connection| connection.guard_problem)
                .map(|problem| format!(" What was seen last: {problem}"))
                .unwrap_or_default();
            bail!(
                "not ended after {seconds} seconds: has the Web Connector run? The comparison goes on; \
                 `plumbline connection reconcile {name}` waits for it again.{problem}"
            );
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

impl ReconcileArgs {
    /// Compares, reports, and forgets what is gone if that was asked for. An error if something is missing or doubled.
    pub async fn run(&self, db: &PgPool, connection: &Connection, clock: &Clock) -> anyhow::Result<()> {
        let task = begin(db, connection, clock).await?;
        wait(db, connection, task, self.wait).await?;
        let Some(mut report) = comparisons::report(db, connection.id).await? else {
            bail!("the comparison left no report; run it again");
        };
        if !self.json {
            print(&report);
        }
        let mut forgotten = 0;
        if self.forget_missing {
            forgotten = comparisons::forget_gone(db, connection.id, clock.now()).await?;
            report = comparisons::report(db, connection.id).await?.unwrap_or(report);
        }
        if self.json {
            let mut object = as_json(&report);
            object["forgotten"] = json!(forgotten);
            println!("{object}");
        } else if self.forget_missing {
            println!("\n{}", forgotten_words(forgotten, connection));
        }
        verdict(&report, connection)
    }
}

fn forgotten_words(forgotten: usize, connection: &Connection) -> String {
    let mut words = match forgotten {
        0 => "Nothing was forgotten.".to_owned(),
        1 => "1 link was forgotten; Procore is told. Exporting the record again makes it anew.".to_owned(),
        n => {
            format!("{n} links were forgotten; Procore is told. Exporting the records again makes them anew.")
        }
    };
    if connection.paused_at.is_some() {
        let name = argument(&connection.name);
        let _ = write!(
            words,
            " Writing is still paused: `plumbline connection resume {name}` goes on."
        );
    }
    words
}

/// Whether all is well.
fn verdict(report: &Report, connection: &Connection) -> anyhow::Result<()> {
    let gone = report.count(What::Missing) + report.count(What::Deleted);
    let doubled = report.count(What::Doubled);
    let name = argument(&connection.name);
    let mut words = Vec::new();
    match gone {
        0 => {}
        1 => words.push(format!(
            "1 record is gone from QuickBooks; `plumbline connection reconcile {name} --forget-missing` forgets its link"
        )),
        n => words.push(format!(
            "{n} records are gone from QuickBooks; `plumbline connection reconcile {name} --forget-missing` forgets their links"
        )),
    }
    match doubled {
        0 => {}
        1 => words
            .push("1 record stands twice in QuickBooks; delete the one that is too many there".to_owned()),
        n => words.push(format!(
            "{n} records stand twice in QuickBooks; delete those that are too many there"
        )),
    }
    if !words.is_empty() {
        bail!("{}", words.join(". "));
    }
    Ok(())
}

fn print(report: &Report) {
    let (changed, others): (Vec<&Reported>, Vec<&Reported>) = report
        .findings
        .iter()
        .partition(|reported| reported.finding.what == What::Changed);
    let rows: Vec<Vec<String>> = others
        .iter()
        .chain(changed.iter().take(MOST_CHANGED))
        .map(|reported| {
            let finding = &reported.finding;
            vec![
                reported.label.clone().unwrap_or_else(|| finding.item.to_string()),
                finding.record.clone(),
                word(finding.what).to_owned(),
                finding.words.clone(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        table::print(&["Procore record", "QuickBooks record", "what", "more"], &rows);
    }
    if changed.len() > MOST_CHANGED {
        println!(
            "… and {} more that were changed in QuickBooks (--json shows all)",
            grouped(i64::try_from(changed.len() - MOST_CHANGED).unwrap_or(i64::MAX))
        );
    }
    println!("{}.", report.summary());
}

fn word(what: What) -> &'static str {
    match what {
        What::Missing => "missing",
        What::Deleted => "deleted in QuickBooks",
        What::Doubled => "doubled",
        What::Changed => "changed in QuickBooks",
        What::NotCompared => "not compared",
    }
}

/// The whole report.
pub fn as_json(report: &Report) -> Value {
    let findings: Vec<Value> = report
        .findings
        .iter()
        .map(|reported| {
            let finding = &reported.finding;
            json!({
                "procore": {"item_type": finding.item.item_type, "id": finding.item.id, "label": reported.label},
                "quickbooks_id": finding.quickbooks_id,
                "record": finding.record,
                "what": finding.what,
                "words": finding.words,
                "forgotten_at": reported.forgotten_at,
            })
        })
        .collect();
    let mut object = json!({
        "task_id": report.task_id,
        "started_at": report.started_at,
        "ended_at": report.ended_at,
        "compared": report.compared,
        "summary": report.summary(),
        "findings": findings,
    });
    for what in What::ALL {
        object[what.as_str()] = json!(report.count(what));
    }
    object
}

/// When links were last compared, and with what result, in one line.
pub fn last_compared(report: Option<&Report>) -> String {
    match report {
        None => "never".to_owned(),
        Some(report) => match report.ended_at {
            Some(at) => format!("{}: {}", at.format("%Y-%m-%d %H:%M:%S"), report.summary()),
            None => format!(
                "under way since {}, {} compared so far",
                report.started_at.format("%Y-%m-%d %H:%M:%S"),
                grouped(i64::from(report.compared))
            ),
        },
    }
}

/// `1,200`.
fn grouped(number: i64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            [0, 999, 1200, 1_234_567].map(grouped),
            ["0", "999", "1,200", "1,234,567"]
        );
    }
}
