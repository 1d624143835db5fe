//! What a batch of turns, or an order, leaves behind: links, what is known of QuickBooks' records, and what is owed to
//! Procore. One statement stores it all, for this is the service's hottest path and every round trip counts.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    links::{NewLink, ProcoreItem},
    mirror::MirrorRecord,
    qbxml::identity::RecordKind,
    writebacks::store::{CHANNEL, NewWriteback},
};

/// What is left behind.
#[derive(Debug, Default)]
pub struct Traces {
    /// Links; a newer one replaces an older one of the same Procore record.
    pub links: Vec<NewLink>,
    /// QuickBooks' records as they were seen.
    pub mirrored: Vec<MirrorRecord>,
    /// Calls owed to Procore; the workers are woken when the transaction commits.
    pub owed: Vec<NewWriteback>,
}

/// Stores them, in the caller's transaction.
pub async fn store(
    db: &mut PgConnection,
    connection_id: Uuid,
    now: DateTime<Utc>,
    traces: &Traces,
) -> Result<(), sqlx::Error> {
    // One statement may not touch a row twice: the last word on a record counts.
    let links: BTreeMap<ProcoreItem, &NewLink> = traces.links.iter().map(|link| (link.item, link)).collect();
    let links: Vec<&NewLink> = links.into_values().collect();
    let seen: BTreeMap<(&str, &str), &MirrorRecord> = traces
        .mirrored
        .iter()
        .map(|record| ((record.kind.as_str(), record.list_id.as_str()), record))
        .collect();
    let seen: Vec<&MirrorRecord> = seen.into_values().collect();
    let owed = &traces.owed;
    if links.is_empty() && seen.is_empty() && owed.is_empty() {
        return Ok(());
    }
    let calls: Vec<Value> = owed
        .iter()
        .map(|writeback| serde_json::to_value(&writeback.call))
        .collect::<Result<_, _>>()
        .map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query!(
        r#"with linked as (
               insert into links (connection_id, item_type, item_id, origin_id, origin_code, quickbooks_id, edit_sequence,
                   stands_as, linked_at)
               select $1, item_type, item_id, origin_id, origin_code, quickbooks_id, edit_sequence, stands_as, $2
               from unnest($3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $24::text[])
                   as given(item_type, item_id, origin_id, origin_code, quickbooks_id, edit_sequence, stands_as)
               on conflict (connection_id, item_type, item_id) do update set
                   origin_id = excluded.origin_id, origin_code = excluded.origin_code,
                   quickbooks_id = excluded.quickbooks_id, edit_sequence = excluded.edit_sequence,
                   stands_as = excluded.stands_as,
                   -- What is told again is no newer, and if it was gone it still is.
                   linked_at = case when links.quickbooks_id = excluded.quickbooks_id then links.linked_at
                       else excluded.linked_at end,
                   gone_at = case when links.quickbooks_id = excluded.quickbooks_id then links.gone_at end
           ), mirrored as (
               insert into mirror_records (connection_id, kind, list_id, name, full_name, name_key, parent_list_id,
                   is_active, edit_sequence, detail, external_guid, data, seen_at)
               select $1, kind, list_id, name, full_name, name_key, parent_list_id, is_active, edit_sequence, detail,
                   external_guid, data, $2
               from unnest($9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::boolean[],
                   $16::text[], $17::text[], $18::text[], $19::jsonb[])
                   as given(kind, list_id, name, full_name, name_key, parent_list_id, is_active, edit_sequence, detail,
                       external_guid, data)
               on conflict (connection_id, kind, list_id) do update set
                   name = excluded.name, full_name = excluded.full_name, name_key = excluded.name_key,
                   parent_list_id = excluded.parent_list_id, is_active = excluded.is_active,
                   edit_sequence = excluded.edit_sequence, detail = coalesce(excluded.detail, mirror_records.detail),
                   external_guid = coalesce(excluded.external_guid, mirror_records.external_guid),
                   data = excluded.data, seen_at = excluded.seen_at
           ), owed as (
               insert into writebacks (connection_id, task_id, lane, call, status, not_before, created_at)
               select $1, task_id, lane, call, 'pending', $2, $2
               from unnest($20::uuid[], $21::text[], $22::jsonb[]) with ordinality as given(task_id, lane, call, position)
               order by position
           )
           select case when cardinality($21::text[]) > 0 then pg_notify($23, '')::text end"#,
        connection_id,
        now,
        &links.iter().map(|link| link.item.item_type.as_str()).collect::<Vec<_>>() as &[&str],
        &links.iter().map(|link| link.item.id).collect::<Vec<_>>(),
        &links.iter().map(|link| link.origin_id.as_str()).collect::<Vec<_>>() as &[&str],
        &links.iter().map(|link| link.origin_code.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
        &links.iter().map(|link| link.quickbooks_id.as_str()).collect::<Vec<_>>() as &[&str],
        &links.iter().map(|link| link.edit_sequence.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
        &seen.iter().map(|record| record.kind.as_str()).collect::<Vec<_>>() as &[&str],
        &seen.iter().map(|record| record.list_id.as_str()).collect::<Vec<_>>() as &[&str],
        &seen.iter().map(|record| record.name.as_str()).collect::<Vec<_>>() as &[&str],
        &seen.iter().map(|record| record.full_name.as_str()).collect::<Vec<_>>() as &[&str],
        &seen.iter().map(|record| record.full_name_key()).collect::<Vec<_>>(),
        &seen.iter().map(|record| record.parent_list_id.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
        &seen.iter().map(|record| record.is_active).collect::<Vec<_>>(),
        &seen.iter().map(|record| record.edit_sequence.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
        &seen.iter().map(|record| record.detail.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
        &seen.iter().map(|record| record.external_guid.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
        &seen.iter().map(|record| record.data.clone()).collect::<Vec<_>>(),
        &owed.iter().map(|writeback| writeback.task_id).collect::<Vec<_>>() as &[Option<Uuid>],
        &owed.iter().map(|writeback| writeback.lane.as_str()).collect::<Vec<_>>() as &[&str],
        &calls,
        CHANNEL,
        &links.iter().map(|link| link.stands_as.map(RecordKind::as_str)).collect::<Vec<_>>() as &[Option<&str>],
    )
    .fetch_one(db)
    .await?;
    Ok(())
}
