//! Job costs in the database.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    CostTransaction, ItemCost, JobCostsEffect, JobCostsWanted, KnownJobCosts, ProjectCosts, Unsyncable,
};
use crate::qbxml::Money;

fn money(decimal: Decimal) -> Result<Money, sqlx::Error> {
    Money::from_decimal(decimal).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// What is known for a reading.
pub async fn known(
    db: &mut PgConnection,
    connection_id: Uuid,
    wanted: &JobCostsWanted,
) -> Result<KnownJobCosts, sqlx::Error> {
    let watermark = sqlx::query_scalar!(
        "select job_costs_watermark from connections where id = $1",
        connection_id
    )
    .fetch_one(&mut *db)
    .await?;
    let found = if let Some(job) = &wanted.job_list_id {
        sqlx::query!(
            "select item_id, quickbooks_id from links
             where connection_id = $1 and quickbooks_id = $2 and item_type = 'project' limit 1",
            connection_id,
            job,
        )
        .fetch_optional(&mut *db)
        .await?
        .map(|row| (row.item_id, row.quickbooks_id))
    } else {
        sqlx::query!(
            "select item_id, quickbooks_id from links
             where connection_id = $1 and item_type = 'project' and item_id > $2 order by item_id limit 1",
            connection_id,
            wanted.after,
        )
        .fetch_optional(&mut *db)
        .await?
        .map(|row| (row.item_id, row.quickbooks_id))
    };
    let project = match found {
        None => None,
        Some((project_id, job_list_id)) => Some(ProjectCosts {
            project_id,
            difference: sqlx::query_scalar!(
                "select difference from job_cost_checks where connection_id = $1 and job_list_id = $2",
                connection_id,
                job_list_id
            )
            .fetch_optional(&mut *db)
            .await?
            .flatten(),
            items: items(db, connection_id, &job_list_id).await?,
            job_list_id,
        }),
    };
    Ok(KnownJobCosts { watermark, project })
}

/// What a job's costs add up to, by item; an item that Procore was told of before and has no costs now, with 0.
async fn items(
    db: &mut PgConnection,
    connection_id: Uuid,
    job_list_id: &str,
) -> Result<Vec<ItemCost>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"with sums as (
               select l.item_list_id, max(l.item_name) as item_name, sum(l.amount) as cost,
                   coalesce(sum(l.amount) filter (where bill.ours), 0) as invoiced
               from job_cost_lines l
               cross join lateral (select exists (
                   select from links k where k.connection_id = $1 and k.quickbooks_id = l.txn_id
                       and k.item_type = 'requisition') as ours offset 0) bill
               where l.connection_id = $1 and l.job_list_id = $2 and l.item_list_id is not null
               group by l.item_list_id
               union all
               select t.item_list_id, t.item_name, 0, 0 from job_cost_totals t
               where t.connection_id = $1 and t.job_list_id = $2 and not exists (
                   select from job_cost_lines l where l.connection_id = $1 and l.job_list_id = $2
                       and l.item_list_id = t.item_list_id)
           )
           select item_list_id as "item_list_id!", coalesce(item_name, item_list_id) as "item_name!", cost as "cost!",
               invoiced as "invoiced!", exists (
                   select from links k where k.connection_id = $1 and k.quickbooks_id = sums.item_list_id
                       and k.item_type = 'cost_code' and k.origin_id = $2 || '|' || sums.item_list_id) as "synced!"
           from sums order by 2, 1"#,
        connection_id,
        job_list_id,
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(ItemCost {
                item_list_id: row.item_list_id,
                item_name: row.item_name,
                cost: money(row.cost)?,
                invoiced: money(row.invoiced)?,
                synced: row.synced,
            })
        })
        .collect()
}

/// Stores what a step left behind.
pub async fn apply(
    db: &mut PgConnection,
    connection_id: Uuid,
    now: DateTime<Utc>,
    effect: &JobCostsEffect,
) -> Result<(), sqlx::Error> {
    match effect {
        JobCostsEffect::FullBegun => {
            sqlx::query!(
                "update job_cost_lines set stale = true where connection_id = $1",
                connection_id
            )
            .execute(db)
            .await?;
        }
        JobCostsEffect::FullEnded => {
            sqlx::query!(
                "delete from job_cost_lines where connection_id = $1 and stale",
                connection_id
            )
            .execute(db)
            .await?;
        }
        JobCostsEffect::Read(transactions) => read(db, connection_id, transactions).await?,
        JobCostsEffect::Deleted(ids) => forget(db, connection_id, ids).await?,
        JobCostsEffect::Watermark(watermark) => {
            sqlx::query!(
                "update connections set job_costs_watermark = $2 where id = $1",
                connection_id,
                watermark
            )
            .execute(db)
            .await?;
        }
        JobCostsEffect::Checked {
            job_list_id,
            difference,
            items,
        } => {
            sqlx::query!(
                "insert into job_cost_checks (connection_id, job_list_id, checked_at, difference) values ($1, $2, $3, $4)
                 on conflict (connection_id, job_list_id) do update set checked_at = excluded.checked_at,
                     difference = excluded.difference",
                connection_id,
                job_list_id,
                now,
                difference.as_deref(),
            )
            .execute(&mut *db)
            .await?;
            sqlx::query!(
                "insert into job_cost_totals (connection_id, job_list_id, item_list_id, item_name, cost, invoiced, synced)
                 select $1, $2, item_list_id, item_name, cost, invoiced, synced
                 from unnest($3::text[], $4::text[], $5::numeric[], $6::numeric[], $7::boolean[])
                     as given(item_list_id, item_name, cost, invoiced, synced)
                 on conflict (connection_id, job_list_id, item_list_id) do update set item_name = excluded.item_name,
                     cost = excluded.cost, invoiced = excluded.invoiced, synced = excluded.synced",
                connection_id,
                job_list_id,
                &items.iter().map(|item| item.item_list_id.as_str()).collect::<Vec<_>>() as &[&str],
                &items.iter().map(|item| item.item_name.as_str()).collect::<Vec<_>>() as &[&str],
                &items.iter().map(|item| item.cost.decimal()).collect::<Vec<_>>(),
                &items.iter().map(|item| item.invoiced.decimal()).collect::<Vec<_>>(),
                &items.iter().map(|item| item.synced).collect::<Vec<_>>(),
            )
            .execute(db)
            .await?;
        }
    }
    Ok(())
}

async fn forget(db: &mut PgConnection, connection_id: Uuid, ids: &[String]) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from job_cost_lines l using unnest($2::text[]) as gone(txn_id)
         where l.connection_id = $1 and l.txn_id = gone.txn_id",
        connection_id,
        ids,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Each transaction replaces what was known of it, so that one that is read twice counts once.
async fn read(
    db: &mut PgConnection,
    connection_id: Uuid,
    transactions: &[CostTransaction],
) -> Result<(), sqlx::Error> {
    let each: BTreeMap<&str, &CostTransaction> = transactions
        .iter()
        .map(|transaction| (transaction.txn_id.as_str(), transaction))
        .collect();
    let ids: Vec<String> = each.keys().map(|&id| id.to_owned()).collect();
    forget(db, connection_id, &ids).await?;
    let lines: Vec<_> = each
        .values()
        .flat_map(|transaction| {
            (0_i32..)
                .zip(&transaction.lines)
                .map(|(number, line)| (*transaction, number, line))
        })
        .collect();
    if lines.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into job_cost_lines (connection_id, txn_id, line, txn_type, txn_date, vendor, ref_number, memo, job_list_id,
             job_name, item_list_id, item_name, account_list_id, account_name, amount)
         select $1, * from unnest($2::text[], $3::integer[], $4::text[], $5::date[], $6::text[], $7::text[], $8::text[],
             $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::numeric[])",
        connection_id,
        &lines.iter().map(|(of, ..)| of.txn_id.as_str()).collect::<Vec<_>>() as &[&str],
        &lines.iter().map(|(_, number, _)| *number).collect::<Vec<_>>(),
        &lines.iter().map(|(of, ..)| of.txn_type.as_str()).collect::<Vec<_>>() as &[&str],
        &lines.iter().map(|(of, ..)| of.date).collect::<Vec<_>>(),
        &lines.iter().map(|(of, ..)| of.vendor.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
        &lines.iter().map(|(of, ..)| of.ref_number.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
        &lines
            .iter()
            .map(|(of, _, line)| line.memo.as_deref().or(of.memo.as_deref()))
            .collect::<Vec<_>>() as &[Option<&str>],
        &lines.iter().map(|(.., line)| line.job_list_id.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
        &lines.iter().map(|(.., line)| line.job_name.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
        &lines.iter().map(|(.., line)| line.item_list_id.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
        &lines.iter().map(|(.., line)| line.item_name.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
        &lines.iter().map(|(.., line)| line.account_list_id.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
        &lines.iter().map(|(.., line)| line.account_name.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
        &lines.iter().map(|(.., line)| line.amount.decimal()).collect::<Vec<_>>(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A synced project's costs as Procore was last told of them.
#[derive(Clone, Debug)]
pub struct Told {
    /// Procore's id.
    pub project_id: i64,
    /// The job's `ListID`.
    pub job_list_id: String,
    /// The job's full name, where known.
    pub job_name: Option<String>,
    /// When they were compared with QuickBooks' report; none before the first time.
    pub checked_at: Option<DateTime<Utc>>,
    /// What differed from the report.
    pub difference: Option<String>,
    /// By item, the synced ones.
    pub items: Vec<ItemCost>,
}

/// The costs of all synced projects, or of one, as Procore was last told of them.
pub async fn told(
    db: &mut PgConnection,
    connection_id: Uuid,
    project_id: Option<i64>,
) -> Result<Vec<Told>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select k.item_id, k.quickbooks_id, m.full_name as "job_name?", c.checked_at as "checked_at?", c.difference
           from links k
           left join lateral (select full_name from mirror_records m where m.connection_id = $1 and m.kind = 'customer'
               and m.list_id = k.quickbooks_id limit 1) m on true
           left join lateral (select checked_at, difference from job_cost_checks c where c.connection_id = $1
               and c.job_list_id = k.quickbooks_id limit 1) c on true
           where k.connection_id = $1 and k.item_type = 'project' and ($2::bigint is null or k.item_id = $2)
           order by k.item_id"#,
        connection_id,
        project_id,
    )
    .fetch_all(&mut *db)
    .await?;
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let totals = sqlx::query!(
            "select item_list_id, item_name, cost, invoiced, synced from job_cost_totals
             where connection_id = $1 and job_list_id = $2 order by item_name",
            connection_id,
            row.quickbooks_id,
        )
        .fetch_all(&mut *db)
        .await?;
        let items = totals
            .into_iter()
            .filter(|total| total.synced)
            .map(|total| {
                Ok(ItemCost {
                    item_list_id: total.item_list_id,
                    item_name: total.item_name,
                    cost: money(total.cost)?,
                    invoiced: money(total.invoiced)?,
                    synced: total.synced,
                })
            })
            .collect::<Result<_, sqlx::Error>>()?;
        all.push(Told {
            project_id: row.item_id,
            job_list_id: row.quickbooks_id,
            job_name: row.job_name,
            checked_at: row.checked_at,
            difference: row.difference,
            items,
        });
    }
    Ok(all)
}

/// One line of a cost transaction, as it was last read.
#[derive(Clone, Debug)]
pub struct Cost {
    /// The transaction's id.
    pub txn_id: String,
    /// What it is: `Bill`, `Check` …
    pub txn_type: String,
    /// Its date.
    pub date: NaiveDate,
    /// The vendor, or whoever was paid.
    pub vendor: Option<String>,
    /// Its number.
    pub ref_number: Option<String>,
    /// The line's memo, or the transaction's.
    pub memo: Option<String>,
    /// The job or customer it names.
    pub job_name: Option<String>,
    /// What it is coded to: an item, or an account.
    pub coded_to: Option<String>,
    /// Credits are negative.
    pub amount: Money,
    /// Why it cannot reach Procore; none where it can.
    pub unsyncable: Option<Unsyncable>,
}

/// The single costs of a project's job, without the bills this connector wrote itself. Lines on accounts that hold no
/// costs (retainage payable, say) are no job costs.
pub async fn of_job(
    db: &mut PgConnection,
    connection_id: Uuid,
    job_list_id: &str,
) -> Result<Vec<Cost>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select l.txn_id, l.txn_type, l.txn_date, l.vendor, l.ref_number, l.memo, l.job_name,
               coalesce(l.item_name, l.account_name) as coded_to, l.amount, l.item_list_id is not null as "has_item!",
               exists (select from links k where k.connection_id = $1 and k.quickbooks_id = l.item_list_id
                   and k.item_type = 'cost_code' and k.origin_id = $2 || '|' || l.item_list_id) as "synced!"
           from job_cost_lines l
           left join lateral (select detail from mirror_records m where m.connection_id = $1 and m.kind = 'account'
               and m.list_id = l.account_list_id limit 1) account on true
           where l.connection_id = $1 and l.job_list_id = $2 and l.amount <> 0
               and (l.item_list_id is not null or account.detail is null
                   or account.detail in ('Expense', 'OtherExpense', 'CostOfGoodsSold'))
               and not exists (select from links k where k.connection_id = $1 and k.quickbooks_id = l.txn_id
                   and k.item_type = 'requisition')
           order by l.txn_date, l.txn_id, l.line"#,
        connection_id,
        job_list_id,
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            let unsyncable = match (row.has_item, row.synced) {
                (true, true) => None,
                (true, false) => Some(Unsyncable::UnsyncedItem),
                (false, _) if row.txn_type == "JournalEntry" => Some(Unsyncable::JournalEntry),
                (false, _) => Some(Unsyncable::Account),
            };
            Ok(Cost {
                txn_id: row.txn_id,
                txn_type: row.txn_type,
                date: row.txn_date,
                vendor: row.vendor,
                ref_number: row.ref_number,
                memo: row.memo,
                job_name: row.job_name,
                coded_to: row.coded_to,
                amount: money(row.amount)?,
                unsyncable,
            })
        })
        .collect()
}

/// Costs coded to a synced cost code that name no synced job.
pub async fn without_job(db: &mut PgConnection, connection_id: Uuid) -> Result<Vec<Cost>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select l.txn_id, l.txn_type, l.txn_date, l.vendor, l.ref_number, l.memo, l.job_name, l.item_name, l.amount
           from links code
           cross join lateral (
               select * from job_cost_lines l
               where l.connection_id = $1 and l.item_list_id = code.quickbooks_id offset 0
           ) l
           where code.connection_id = $1 and code.item_type = 'standard_cost_code' and l.amount <> 0
               and not exists (select from links k where k.connection_id = $1 and k.quickbooks_id = l.job_list_id
                   and k.item_type = 'project')
               and not exists (select from links k where k.connection_id = $1 and k.quickbooks_id = l.txn_id
                   and k.item_type = 'requisition')
           order by l.txn_date, l.txn_id, l.line"#,
        connection_id,
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Cost {
                txn_id: row.txn_id,
                txn_type: row.txn_type,
                date: row.txn_date,
                vendor: row.vendor,
                ref_number: row.ref_number,
                memo: row.memo,
                job_name: row.job_name,
                coded_to: row.item_name,
                amount: money(row.amount)?,
                unsyncable: Some(Unsyncable::UnknownJob),
            })
        })
        .collect()
}
