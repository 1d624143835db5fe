//! Links in the database.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{ItemType, Link, NewLink, ProcoreItem};

/// Stores links; a newer one replaces an older one of the same Procore record.
pub async fn upsert(
    db: &mut PgConnection,
    connection_id: Uuid,
    now: DateTime<Utc>,
    links: &[NewLink],
) -> Result<(), sqlx::Error> {
    // One statement may not touch a row twice: the last one of a record counts.
    let mut last: std::collections::BTreeMap<ProcoreItem, &NewLink> = std::collections::BTreeMap::new();
    for link in links {
        last.insert(link.item, link);
    }
    if last.is_empty() {
        return Ok(());
    }
    let links: Vec<&NewLink> = last.into_values().collect();
    let types: Vec<&str> = links.iter().map(|link| link.item.item_type.as_str()).collect();
    let ids: Vec<i64> = links.iter().map(|link| link.item.id).collect();
    let origins: Vec<&str> = links.iter().map(|link| link.origin_id.as_str()).collect();
    let codes: Vec<Option<&str>> = links.iter().map(|link| link.origin_code.as_deref()).collect();
    let quickbooks: Vec<&str> = links.iter().map(|link| link.quickbooks_id.as_str()).collect();
    let sequences: Vec<Option<&str>> = links.iter().map(|link| link.edit_sequence.as_deref()).collect();
    sqlx::query!(
        r#"insert into links (connection_id, item_type, item_id, origin_id, origin_code, quickbooks_id, edit_sequence, linked_at)
           select $1, item_type, item_id, origin_id, origin_code, quickbooks_id, edit_sequence, $2
           from unnest($3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[])
               as given(item_type, item_id, origin_id, origin_code, quickbooks_id, edit_sequence)
           on conflict (connection_id, item_type, item_id) do update set
               origin_id = excluded.origin_id, origin_code = excluded.origin_code,
               quickbooks_id = excluded.quickbooks_id, edit_sequence = excluded.edit_sequence,
               linked_at = excluded.linked_at"#,
        connection_id,
        now,
        &types as &[&str],
        &ids,
        &origins as &[&str],
        &codes as &[Option<&str>],
        &quickbooks as &[&str],
        &sequences as &[Option<&str>],
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets links.
pub async fn remove(
    db: &mut PgConnection,
    connection_id: Uuid,
    items: &[ProcoreItem],
) -> Result<(), sqlx::Error> {
    if items.is_empty() {
        return Ok(());
    }
    let types: Vec<&str> = items.iter().map(|item| item.item_type.as_str()).collect();
    let ids: Vec<i64> = items.iter().map(|item| item.id).collect();
    sqlx::query!(
        r#"delete from links using unnest($2::text[], $3::bigint[]) as gone(item_type, item_id)
           where links.connection_id = $1 and links.item_type = gone.item_type and links.item_id = gone.item_id"#,
        connection_id,
        &types as &[&str],
        &ids,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The links of these Procore records, and those to these QuickBooks ids.
pub async fn find(
    db: &mut PgConnection,
    connection_id: Uuid,
    items: &[ProcoreItem],
    quickbooks_ids: &[String],
) -> Result<Vec<Link>, sqlx::Error> {
    if items.is_empty() && quickbooks_ids.is_empty() {
        return Ok(Vec::new());
    }
    let types: Vec<&str> = items.iter().map(|item| item.item_type.as_str()).collect();
    let ids: Vec<i64> = items.iter().map(|item| item.id).collect();
    let rows = sqlx::query!(
        r#"select l.item_type as "item_type!", l.item_id as "item_id!", l.origin_id as "origin_id!",
               l.origin_code, l.quickbooks_id as "quickbooks_id!", l.edit_sequence
           from links l
           join unnest($2::text[], $3::bigint[]) as wanted(item_type, item_id)
               on l.item_type = wanted.item_type and l.item_id = wanted.item_id
           where l.connection_id = $1
           union
           select l.item_type, l.item_id, l.origin_id, l.origin_code, l.quickbooks_id, l.edit_sequence
           from links l where l.connection_id = $1 and l.quickbooks_id = any($4)"#,
        connection_id,
        &types as &[&str],
        &ids,
        quickbooks_ids,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            Some(Link {
                // A type that a newer version wrote is none of this build's business.
                item: ProcoreItem::new(ItemType::parse(&row.item_type)?, row.item_id),
                origin_id: row.origin_id,
                origin_code: row.origin_code,
                quickbooks_id: row.quickbooks_id,
                edit_sequence: row.edit_sequence,
            })
        })
        .collect())
}
