//! The mirror in the database.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{ListKind, ListRead, name_key};

/// A list has been read to the end. After a reading of the whole list (the task began at `began`), what was not seen is
/// gone from QuickBooks, and its name is free again. When every list has been read once, writes may begin.
pub async fn list_read(
    db: &mut PgConnection,
    connection_id: Uuid,
    read: &ListRead,
    began: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"insert into mirror_lists (connection_id, kind, read_at, watermark) values ($1, $2, $3, $4)
           on conflict (connection_id, kind) do update set read_at = excluded.read_at, watermark = excluded.watermark"#,
        connection_id,
        read.kind.as_str(),
        now,
        read.watermark.as_deref(),
    )
    .execute(&mut *db)
    .await?;
    if read.whole {
        sqlx::query!(
            "delete from mirror_records where connection_id = $1 and kind = $2 and seen_at < $3",
            connection_id,
            read.kind.as_str(),
            began,
        )
        .execute(&mut *db)
        .await?;
    }
    sqlx::query!(
        r#"update connections set
               mirror_ready = mirror_ready or (select count(*) from mirror_lists where connection_id = $1) >= $2,
               metadata_stale_at = case when $3 then $4 else metadata_stale_at end
           where id = $1"#,
        connection_id,
        i64::try_from(ListKind::ALL.len()).unwrap_or(i64::MAX),
        matches!(
            read.kind,
            ListKind::Account | ListKind::VendorType | ListKind::Customer
        ),
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// These records were deleted in QuickBooks; their names are free again.
pub async fn forget(
    db: &mut PgConnection,
    connection_id: Uuid,
    gone: &[(ListKind, String)],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from mirror_records m using unnest($2::text[], $3::text[]) as gone(kind, list_id)
         where m.connection_id = $1 and m.kind = gone.kind and m.list_id = gone.list_id",
        connection_id,
        &gone.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>() as &[&str],
        &gone.iter().map(|(_, id)| id.as_str()).collect::<Vec<_>>() as &[&str],
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The latest change seen of each list that was read after `read_after`: local time without offset.
pub async fn watermarks(
    db: &mut PgConnection,
    connection_id: Uuid,
    read_after: DateTime<Utc>,
) -> Result<Vec<(ListKind, String)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select kind, watermark as "watermark!" from mirror_lists
           where connection_id = $1 and watermark is not null and read_at > $2"#,
        connection_id,
        read_after,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| Some((ListKind::parse(&row.kind)?, row.watermark)))
        .collect())
}

/// What was read of the lists counts no more, and nothing may be written until all have been read again.
pub async fn read_anew(db: &mut PgConnection, connection_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update connections set mirror_ready = false, job_costs_watermark = null where id = $1",
        connection_id
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!("delete from mirror_lists where connection_id = $1", connection_id)
        .execute(db)
        .await?;
    Ok(())
}

/// A choice to offer a person.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Choice {
    /// What is stored when it is chosen.
    pub list_id: String,
    /// What the person reads.
    pub full_name: String,
}

/// Active customers whose name begins with `prefix`, for choosing a job's parent (COMP-28). Jobs are not customers.
pub async fn customers(
    db: impl sqlx::PgExecutor<'_>,
    connection_id: Uuid,
    prefix: &str,
    limit: i64,
) -> Result<Vec<Choice>, sqlx::Error> {
    let pattern = format!(
        "{}%",
        name_key(prefix)
            .replace('\\', "\\\\")
            .replace('%', "\\%")
            .replace('_', "\\_")
    );
    sqlx::query_as!(
        Choice,
        r#"select list_id, full_name from mirror_records
           where connection_id = $1 and kind = 'customer' and is_active and parent_list_id is null and name_key like $2
           order by name_key limit $3"#,
        connection_id,
        pattern,
        limit,
    )
    .fetch_all(db)
    .await
}

/// Active records of a list whose finer kind is one of `details` (any, if empty), for a person to choose from.
pub async fn choices(
    db: impl sqlx::PgExecutor<'_>,
    connection_id: Uuid,
    kind: ListKind,
    details: &[&str],
) -> Result<Vec<Choice>, sqlx::Error> {
    sqlx::query_as!(
        Choice,
        r#"select list_id, full_name from mirror_records
           where connection_id = $1 and kind = $2 and is_active and (cardinality($3::text[]) = 0 or detail = any($3))
           order by name_key"#,
        connection_id,
        kind.as_str(),
        details as &[&str],
    )
    .fetch_all(db)
    .await
}

/// Active service items that no cost code is linked to: the choices for the retainage item (ADV-18, ADV-22).
pub async fn retainage_items(
    db: impl sqlx::PgExecutor<'_>,
    connection_id: Uuid,
) -> Result<Vec<Choice>, sqlx::Error> {
    sqlx::query_as!(
        Choice,
        r#"select m.list_id, m.full_name from mirror_records m
           where m.connection_id = $1 and m.kind = 'item' and m.is_active and m.detail = 'Service'
               and not exists (select from links l where l.connection_id = $1 and l.quickbooks_id = m.list_id
                   and l.item_type = 'standard_cost_code')
           order by m.name_key"#,
        connection_id,
    )
    .fetch_all(db)
    .await
}
