//! Comparisons in the database: the last one of each connection.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{Compared, Finding, What};
use crate::{
    links::{self, ItemType, ProcoreItem},
    tasks::traces::{self, Traces},
    writebacks::{ExternalDatum, Writeback, store::NewWriteback},
};

/// A comparison as stored, under way or ended.
#[derive(Clone, Debug)]
pub struct Report {
    /// The task that makes or made it.
    pub task_id: Uuid,
    /// When its first part was stored.
    pub started_at: DateTime<Utc>,
    /// When it ended; `None` while it is under way.
    pub ended_at: Option<DateTime<Utc>>,
    /// Links compared so far.
    pub compared: i32,
    /// What was found, the gravest first.
    pub findings: Vec<Reported>,
}

/// A finding with what has become of it.
#[derive(Clone, Debug)]
pub struct Reported {
    /// The finding.
    pub finding: Finding,
    /// What a person calls the Procore record, from its last export.
    pub label: Option<String>,
    /// When its link was forgotten.
    pub forgotten_at: Option<DateTime<Utc>>,
}

impl Report {
    /// How many findings of a kind there are whose links are not forgotten.
    pub fn count(&self, what: What) -> usize {
        self.findings
            .iter()
            .filter(|reported| reported.finding.what == what && reported.forgotten_at.is_none())
            .count()
    }

    /// The result in one line.
    pub fn summary(&self) -> String {
        let counts: Vec<String> = What::ALL
            .into_iter()
            .map(|what| (self.count(what), what))
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| match what {
                What::Missing => format!("{count} missing"),
                What::Deleted => format!("{count} deleted in QuickBooks"),
                What::Doubled => format!("{count} doubled"),
                What::NotCompared => format!("{count} that QuickBooks would not show"),
                What::Changed => format!("{count} changed in QuickBooks since"),
            })
            .collect();
        let forgotten = self
            .findings
            .iter()
            .filter(|reported| reported.forgotten_at.is_some())
            .count();
        let found = if counts.is_empty() && forgotten == 0 {
            "all there and unchanged".to_owned()
        } else {
            counts.join(", ")
        };
        let mut text = format!("{} compared", self.compared);
        if !found.is_empty() {
            let _ = write!(text, ": {found}");
        }
        if forgotten > 0 {
            let _ = write!(text, "; links of {forgotten} forgotten");
        }
        text
    }
}

/// Stores a part of a comparison. The first part of a new one replaces the one before.
pub async fn note(
    db: &mut PgConnection,
    connection_id: Uuid,
    task_id: Uuid,
    now: DateTime<Utc>,
    done: &Compared,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"delete from comparison_findings where connection_id = $1
               and not exists (select from comparisons where connection_id = $1 and task_id = $2)"#,
        connection_id,
        task_id,
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        r#"insert into comparisons (connection_id, task_id, started_at, ended_at, compared)
           values ($1, $2, $3, case when $5::boolean then $3::timestamptz end, $4)
           on conflict (connection_id) do update set
               task_id = excluded.task_id,
               started_at = case when comparisons.task_id = excluded.task_id then comparisons.started_at
                   else excluded.started_at end,
               ended_at = excluded.ended_at,
               compared = case when comparisons.task_id = excluded.task_id then comparisons.compared else 0 end
                   + excluded.compared"#,
        connection_id,
        task_id,
        now,
        i32::try_from(done.links).unwrap_or(i32::MAX),
        done.ended,
    )
    .execute(&mut *db)
    .await?;
    let found = &done.findings;
    if !found.is_empty() {
        let types: Vec<&str> = found.iter().map(|one| one.item.item_type.as_str()).collect();
        let ids: Vec<i64> = found.iter().map(|one| one.item.id).collect();
        let whats: Vec<&str> = found.iter().map(|one| one.what.as_str()).collect();
        let records: Vec<&str> = found.iter().map(|one| one.quickbooks_id.as_str()).collect();
        let names: Vec<&str> = found.iter().map(|one| one.record.as_str()).collect();
        let words: Vec<&str> = found.iter().map(|one| one.words.as_str()).collect();
        sqlx::query!(
            r#"insert into comparison_findings (connection_id, item_type, item_id, what, quickbooks_id, record, words)
               select $1, item_type, item_id, what, quickbooks_id, record, words
               from unnest($2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[])
                   as given(item_type, item_id, what, quickbooks_id, record, words)
               on conflict do nothing"#,
            connection_id,
            &types as &[&str],
            &ids,
            &whats as &[&str],
            &records as &[&str],
            &names as &[&str],
            &words as &[&str],
        )
        .execute(&mut *db)
        .await?;
    }
    if let Some(reason) = &done.pause {
        sqlx::query!(
            "update connections set paused_at = coalesce(paused_at, $2), paused_reason = $3 where id = $1",
            connection_id,
            now,
            reason,
        )
        .execute(db)
        .await?;
    }
    Ok(())
}

/// The last comparison of a connection.
pub async fn report(db: &PgPool, connection_id: Uuid) -> Result<Option<Report>, sqlx::Error> {
    let Some(row) = sqlx::query!(
        "select task_id, started_at, ended_at, compared from comparisons where connection_id = $1",
        connection_id
    )
    .fetch_optional(db)
    .await?
    else {
        return Ok(None);
    };
    let findings = sqlx::query!(
        r#"select f.item_type, f.item_id, f.what, f.quickbooks_id, f.record, f.words, f.forgotten_at, (
               select t.label from tasks t
               where t.connection_id = $1 and t.subject = case
                   when f.item_type in ('work_order_contract', 'purchase_order_contract') then 'commitment'
                   else f.item_type end || ':' || f.item_id
               order by t.seq desc limit 1) as label
           from comparison_findings f where f.connection_id = $1 order by f.item_type, f.item_id"#,
        connection_id
    )
    .fetch_all(db)
    .await?;
    let mut findings: Vec<Reported> = findings
        .into_iter()
        .filter_map(|row| {
            Some(Reported {
                finding: Finding {
                    item: ProcoreItem::new(ItemType::parse(&row.item_type)?, row.item_id),
                    what: What::parse(&row.what)?,
                    quickbooks_id: row.quickbooks_id,
                    record: row.record,
                    words: row.words,
                },
                label: row.label,
                forgotten_at: row.forgotten_at,
            })
        })
        .collect();
    findings.sort_by_key(|reported| What::ALL.iter().position(|one| *one == reported.finding.what));
    Ok(Some(Report {
        task_id: row.task_id,
        started_at: row.started_at,
        ended_at: row.ended_at,
        compared: row.compared,
        findings,
    }))
}

/// Forgets the links of the records that the last comparison, once it has ended, found gone; Procore is told, so that
/// they can be exported again. A record that was linked anew since keeps its link. How many were forgotten.
pub async fn forget_gone(db: &PgPool, connection_id: Uuid, now: DateTime<Utc>) -> Result<usize, sqlx::Error> {
    let mut transaction = db.begin().await?;
    let rows = sqlx::query!(
        r#"update comparison_findings f set forgotten_at = $2
           from links l, comparisons c
           where f.connection_id = $1 and f.what in ('missing', 'deleted') and f.forgotten_at is null
               and l.connection_id = $1 and l.item_type = f.item_type and l.item_id = f.item_id
               and l.quickbooks_id = f.quickbooks_id
               and c.connection_id = $1 and c.ended_at is not null
           returning f.item_type, f.item_id"#,
        connection_id,
        now,
    )
    .fetch_all(&mut *transaction)
    .await?;
    let items: Vec<ProcoreItem> = rows
        .iter()
        .filter_map(|row| Some(ProcoreItem::new(ItemType::parse(&row.item_type)?, row.item_id)))
        .collect();
    links::store::remove(&mut transaction, connection_id, &items).await?;
    // Each in the lane of its record, so that a later export cannot be told before this.
    let owed = items
        .iter()
        .map(|item| NewWriteback {
            task_id: None,
            lane: lane(*item),
            call: Writeback::ExternalData {
                entries: vec![ExternalDatum {
                    item: *item,
                    origin_id: None,
                    origin_code: None,
                    edit_sequence: None,
                }],
            },
        })
        .collect();
    let traces = Traces {
        owed,
        ..Traces::default()
    };
    traces::store(&mut transaction, connection_id, now, &traces).await?;
    transaction.commit().await?;
    Ok(items.len())
}

/// A person goes on without the records that the last comparison found gone: they stop nothing any more.
pub async fn accept_gone(
    db: &mut PgConnection,
    connection_id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"update links l set gone_at = $2 from comparison_findings f
           where f.connection_id = $1 and f.what in ('missing', 'deleted') and l.connection_id = $1
               and l.item_type = f.item_type and l.item_id = f.item_id and l.quickbooks_id = f.quickbooks_id
               and l.gone_at is null"#,
        connection_id,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The subject of a record's exports.
fn lane(item: ProcoreItem) -> String {
    match item.item_type {
        ItemType::WorkOrderContract | ItemType::PurchaseOrderContract => format!("commitment:{}", item.id),
        _ => item.to_string(),
    }
}
