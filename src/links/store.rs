//! Links in the database.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{ItemType, KnownLink, Link, NewestLink, ProcoreItem, Twin};
use crate::{mirror::ListKind, qbxml::identity::RecordKind};

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

/// The newest links to transactions and to records of lists, at most `each` of both. Those whose record is known to be
/// gone do not count.
pub async fn newest(
    db: &mut PgConnection,
    connection_id: Uuid,
    each: i64,
) -> Result<Vec<NewestLink>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select newest.item_type as "item_type!", newest.item_id as "item_id!", newest.quickbooks_id as "quickbooks_id!",
               newest.linked_at as "linked_at!", newest.stands_as,
               coalesce(newest.origin_code, m.full_name) as name
           from (
               (select item_type, item_id, quickbooks_id, origin_code, linked_at, stands_as from links
                where connection_id = $1 and gone_at is null
                    and item_type in ('work_order_contract', 'purchase_order_contract', 'requisition', 'payment_application')
                order by linked_at desc, item_id desc limit $2)
               union all
               (select item_type, item_id, quickbooks_id, origin_code, linked_at, stands_as from links
                where connection_id = $1 and gone_at is null
                    and item_type in ('vendor', 'project', 'sub_job', 'standard_cost_code')
                order by linked_at desc, item_id desc limit $2)
           ) newest
           left join lateral (
               select full_name from mirror_records m
               where m.list_id = newest.quickbooks_id and m.connection_id = $1
                   and m.kind = case newest.item_type when 'vendor' then 'vendor' when 'project' then 'customer'
                       when 'sub_job' then 'customer' else 'item' end
               limit 1
           ) m on true
           order by newest.linked_at desc"#,
        connection_id,
        each,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            Some(NewestLink {
                item: ProcoreItem::new(ItemType::parse(&row.item_type)?, row.item_id),
                quickbooks_id: row.quickbooks_id,
                name: row.name,
                linked_at: row.linked_at,
                stands_as: row.stands_as.as_deref().and_then(RecordKind::parse),
            })
        })
        .collect())
}

/// The job that a project is linked to, as far as it is not known to be gone.
pub async fn job_of(
    db: &mut PgConnection,
    connection_id: Uuid,
    project_id: i64,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "select quickbooks_id from links
         where connection_id = $1 and item_type = 'project' and item_id = $2 and gone_at is null",
        connection_id,
        project_id
    )
    .fetch_optional(db)
    .await
}

/// The items of a project's linked cost codes, by its job. It looks at all cost codes of the connection: for commands, not
/// for sessions.
pub async fn codes_of_job(
    db: &mut PgConnection,
    connection_id: Uuid,
    job: &str,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "select quickbooks_id from links
         where connection_id = $1 and item_type = 'cost_code' and origin_id = $2 || '|' || quickbooks_id and gone_at is null",
        connection_id,
        job
    )
    .fetch_all(db)
    .await
}

/// Adds links; what is linked otherwise by then stays as it is.
pub async fn add(
    db: &mut PgConnection,
    connection_id: Uuid,
    now: DateTime<Utc>,
    links: &[Link],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into links (connection_id, item_type, item_id, origin_id, origin_code, quickbooks_id, edit_sequence, linked_at)
         select $1, item_type, item_id, origin_id, origin_code, quickbooks_id, edit_sequence, $2
         from unnest($3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[])
             as given(item_type, item_id, origin_id, origin_code, quickbooks_id, edit_sequence)
         on conflict (connection_id, item_type, item_id) do nothing",
        connection_id,
        now,
        &links.iter().map(|link| link.item.item_type.as_str()).collect::<Vec<_>>() as &[&str],
        &links.iter().map(|link| link.item.id).collect::<Vec<_>>(),
        &links.iter().map(|link| link.origin_id.as_str()).collect::<Vec<_>>() as &[&str],
        &links.iter().map(|link| link.origin_code.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
        &links.iter().map(|link| link.quickbooks_id.as_str()).collect::<Vec<_>>() as &[&str],
        &links.iter().map(|link| link.edit_sequence.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Notes that the QuickBooks records of these links are gone.
pub async fn set_gone(
    db: &mut PgConnection,
    connection_id: Uuid,
    items: &[ProcoreItem],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    if items.is_empty() {
        return Ok(());
    }
    let types: Vec<&str> = items.iter().map(|item| item.item_type.as_str()).collect();
    let ids: Vec<i64> = items.iter().map(|item| item.id).collect();
    sqlx::query!(
        r#"update links set gone_at = $4 from unnest($2::text[], $3::bigint[]) as gone(item_type, item_id)
           where links.connection_id = $1 and links.item_type = gone.item_type and links.item_id = gone.item_id"#,
        connection_id,
        &types as &[&str],
        &ids,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The next links of one type after this Procore id, in the order of their ids, with what is known of their records.
pub async fn page(
    db: &mut PgConnection,
    connection_id: Uuid,
    item_type: ItemType,
    after: i64,
    limit: i64,
) -> Result<Vec<KnownLink>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select l.item_id, l.origin_id, l.origin_code, l.quickbooks_id, l.edit_sequence, l.stands_as,
               l.gone_at is not null as "gone!", m.full_name as "full_name?", m.edit_sequence as read_as
           from links l
           left join lateral (
               select full_name, edit_sequence from mirror_records m
               where m.list_id = l.quickbooks_id and m.connection_id = $1
                   and m.kind = case $2 when 'vendor' then 'vendor' when 'project' then 'customer' when 'sub_job' then 'customer'
                       else 'item' end
               limit 1
           ) m on true
           where l.connection_id = $1 and l.item_type = $2 and l.item_id > $3 order by l.item_id limit $4"#,
        connection_id,
        item_type.as_str(),
        after,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| KnownLink {
            link: Link {
                item: ProcoreItem::new(item_type, row.item_id),
                origin_id: row.origin_id,
                origin_code: row.origin_code,
                quickbooks_id: row.quickbooks_id,
                edit_sequence: row.edit_sequence,
                stands_as: row.stands_as.as_deref().and_then(RecordKind::parse),
            },
            name: row.full_name,
            read_as: row.read_as,
            known_gone: row.gone,
        })
        .collect())
}

/// Records of lists that bear the same `ExternalGUID` as another of their list, as last read.
pub async fn twins(db: &mut PgConnection, connection_id: Uuid, limit: i64) -> Result<Vec<Twin>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"with several as (
               select kind, lower(external_guid) as guid from mirror_records
               where connection_id = $1 and kind in ('vendor', 'customer', 'item') and external_guid is not null
               group by 1, 2 having count(*) > 1
           )
           select m.kind, m.list_id, m.full_name, several.guid as "guid!", l.item_type as "item_type?", l.item_id as "item_id?"
           from several join mirror_records m
               on m.connection_id = $1 and m.kind = several.kind and lower(m.external_guid) = several.guid
           left join links l on l.connection_id = $1 and l.quickbooks_id = m.list_id
               and (case m.kind when 'vendor' then l.item_type = 'vendor' when 'customer' then l.item_type in ('project', 'sub_job')
                   else l.item_type = 'standard_cost_code' end)
           order by several.guid, m.list_id limit $2"#,
        connection_id,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let item = row
                .item_type
                .as_deref()
                .and_then(ItemType::parse)
                .zip(row.item_id)
                .map(|(item_type, id)| ProcoreItem::new(item_type, id));
            Some(Twin {
                kind: ListKind::parse(&row.kind)?,
                list_id: row.list_id,
                full_name: row.full_name,
                external_guid: row.guid,
                item,
            })
        })
        .collect())
}
