//! The mirror in the database.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{ListKind, MirrorRecord, NameHolder, name_key};

/// Stores what was read; the newest reading counts.
pub async fn upsert(
    db: &mut PgConnection,
    connection_id: Uuid,
    now: DateTime<Utc>,
    records: &[MirrorRecord],
) -> Result<(), sqlx::Error> {
    let mut last = std::collections::HashMap::new();
    for record in records {
        last.insert((record.kind.as_str(), record.list_id.as_str()), record);
    }
    if last.is_empty() {
        return Ok(());
    }
    let records: Vec<&MirrorRecord> = last.into_values().collect();
    let kinds: Vec<&str> = records.iter().map(|record| record.kind.as_str()).collect();
    let ids: Vec<&str> = records.iter().map(|record| record.list_id.as_str()).collect();
    let names: Vec<&str> = records.iter().map(|record| record.name.as_str()).collect();
    let full_names: Vec<&str> = records.iter().map(|record| record.full_name.as_str()).collect();
    let keys: Vec<String> = records.iter().map(|record| record.full_name_key()).collect();
    let parents: Vec<Option<&str>> = records
        .iter()
        .map(|record| record.parent_list_id.as_deref())
        .collect();
    let active: Vec<bool> = records.iter().map(|record| record.is_active).collect();
    let sequences: Vec<Option<&str>> = records
        .iter()
        .map(|record| record.edit_sequence.as_deref())
        .collect();
    let details: Vec<Option<&str>> = records.iter().map(|record| record.detail.as_deref()).collect();
    let guids: Vec<Option<&str>> = records
        .iter()
        .map(|record| record.external_guid.as_deref())
        .collect();
    let data: Vec<Value> = records.iter().map(|record| record.data.clone()).collect();
    sqlx::query!(
        r#"insert into mirror_records (connection_id, kind, list_id, name, full_name, name_key, parent_list_id, is_active,
               edit_sequence, detail, external_guid, data, seen_at)
           select $1, kind, list_id, name, full_name, name_key, parent_list_id, is_active, edit_sequence, detail,
               external_guid, data, $2
           from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::boolean[],
               $10::text[], $11::text[], $12::text[], $13::jsonb[])
               as given(kind, list_id, name, full_name, name_key, parent_list_id, is_active, edit_sequence, detail, external_guid, data)
           on conflict (connection_id, kind, list_id) do update set
               name = excluded.name, full_name = excluded.full_name, name_key = excluded.name_key,
               parent_list_id = excluded.parent_list_id, is_active = excluded.is_active,
               edit_sequence = excluded.edit_sequence, detail = coalesce(excluded.detail, mirror_records.detail),
               external_guid = coalesce(excluded.external_guid, mirror_records.external_guid),
               data = excluded.data, seen_at = excluded.seen_at"#,
        connection_id,
        now,
        &kinds as &[&str],
        &ids as &[&str],
        &names as &[&str],
        &full_names as &[&str],
        &keys,
        &parents as &[Option<&str>],
        &active,
        &sequences as &[Option<&str>],
        &details as &[Option<&str>],
        &guids as &[Option<&str>],
        &data,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A list has been read to the end. After a full reading (no watermark went in: the task began at `began`), what was
/// not seen is gone from QuickBooks, and its name is free again. When every list has been read once, writes may begin.
pub async fn list_read(
    db: &mut PgConnection,
    connection_id: Uuid,
    kind: ListKind,
    watermark: Option<&str>,
    began: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"insert into mirror_lists (connection_id, kind, read_at, watermark) values ($1, $2, $3, $4)
           on conflict (connection_id, kind) do update set read_at = excluded.read_at, watermark = excluded.watermark"#,
        connection_id,
        kind.as_str(),
        now,
        watermark,
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        "delete from mirror_records where connection_id = $1 and kind = $2 and seen_at < $3",
        connection_id,
        kind.as_str(),
        began,
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        r#"update connections set
               mirror_ready = mirror_ready or (select count(*) from mirror_lists where connection_id = $1) >= $2,
               metadata_stale_at = case when $3 then $4 else metadata_stale_at end
           where id = $1"#,
        connection_id,
        i64::try_from(ListKind::ALL.len()).unwrap_or(i64::MAX),
        matches!(kind, ListKind::Account | ListKind::VendorType | ListKind::Customer),
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Who holds these names among vendors, customers, employees and other names.
pub async fn name_holders(
    db: &mut PgConnection,
    connection_id: Uuid,
    names: &[String],
) -> Result<Vec<NameHolder>, sqlx::Error> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<String> = names.iter().map(|name| name_key(name)).collect();
    let rows = sqlx::query!(
        r#"select kind, list_id, full_name, name_key, is_active, external_guid from mirror_records
           where connection_id = $1 and name_key = any($2) and kind in ('vendor', 'customer', 'employee', 'other_name')"#,
        connection_id,
        &keys,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            Some(NameHolder {
                kind: ListKind::parse(&row.kind)?,
                list_id: row.list_id,
                full_name: row.full_name,
                name_key: row.name_key,
                is_active: row.is_active,
                external_guid: row.external_guid,
            })
        })
        .collect())
}

/// Items by full name or by id.
pub async fn items(
    db: &mut PgConnection,
    connection_id: Uuid,
    full_names: &[String],
    list_ids: &[String],
) -> Result<Vec<MirrorRecord>, sqlx::Error> {
    if full_names.is_empty() && list_ids.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<String> = full_names.iter().map(|name| name_key(name)).collect();
    let rows = sqlx::query!(
        r#"select list_id, name, full_name, parent_list_id, is_active, edit_sequence, detail, external_guid, data
           from mirror_records
           where connection_id = $1 and kind = 'item' and name_key = any($2)
           union all
           select list_id, name, full_name, parent_list_id, is_active, edit_sequence, detail, external_guid, data
           from mirror_records
           where connection_id = $1 and kind = 'item' and list_id = any($3) and not name_key = any($2)"#,
        connection_id,
        &keys,
        list_ids,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            Some(MirrorRecord {
                kind: ListKind::Item,
                list_id: row.list_id?,
                name: row.name?,
                full_name: row.full_name?,
                parent_list_id: row.parent_list_id,
                is_active: row.is_active?,
                edit_sequence: row.edit_sequence,
                detail: row.detail,
                external_guid: row.external_guid,
                data: row.data?,
            })
        })
        .collect())
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
