//! Looks up what a batch of tasks wants to know, in one statement: every round trip counts on the service's hottest path.

use std::collections::BTreeSet;

use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{LINKS_PAGE, MOST_TWINS, Wants};
use crate::{
    connections,
    job_costs::{self, KnownJobCosts},
    links::{self, ItemType, KnownLink, Link, ProcoreItem, Twin},
    mirror::{MirrorRecord, NameHolder, name_key},
    payments::{self, KnownPayment},
    qbxml::identity::RecordKind,
};

/// The facts found for a batch.
#[derive(Debug, Default)]
pub struct Found {
    /// Holders of wanted names.
    pub names: Vec<NameHolder>,
    /// Wanted items.
    pub items: Vec<MirrorRecord>,
    /// Wanted classes.
    pub classes: Vec<MirrorRecord>,
    /// Wanted links.
    pub links: Vec<Link>,
    /// Wanted payments.
    pub payments: Vec<KnownPayment>,
    /// The wanted page of links.
    pub page: Vec<KnownLink>,
    /// Wanted twins.
    pub twins: Vec<Twin>,
    /// What is known of job costs.
    pub job_costs: KnownJobCosts,
    /// Up to when cost codes have been offered to budgets.
    pub budget_codes_until: Option<String>,
}

/// A row of `links`.
#[derive(Debug, serde::Deserialize)]
struct LinkRow {
    item_type: String,
    item_id: i64,
    origin_id: String,
    origin_code: Option<String>,
    quickbooks_id: String,
    edit_sequence: Option<String>,
    stands_as: Option<String>,
}

impl LinkRow {
    /// `None`: a type that a newer version wrote is none of this build's business.
    fn link(self) -> Option<Link> {
        Some(Link {
            item: ProcoreItem::new(ItemType::parse(&self.item_type)?, self.item_id),
            origin_id: self.origin_id,
            origin_code: self.origin_code,
            quickbooks_id: self.quickbooks_id,
            edit_sequence: self.edit_sequence,
            stands_as: self.stands_as.as_deref().and_then(RecordKind::parse),
        })
    }
}

/// Looks up everything the batch wants.
pub async fn look_up(
    db: &mut PgConnection,
    connection_id: Uuid,
    wants: impl IntoIterator<Item = Wants>,
) -> Result<Found, sqlx::Error> {
    let mut all = Wants::default();
    for mut wants in wants {
        all.names.append(&mut wants.names);
        all.item_names.append(&mut wants.item_names);
        all.item_ids.append(&mut wants.item_ids);
        all.class_names.append(&mut wants.class_names);
        all.links.append(&mut wants.links);
        all.linked_ids.append(&mut wants.linked_ids);
        all.payments.append(&mut wants.payments);
        all.links_after = wants.links_after.or(all.links_after);
        all.twins |= wants.twins;
        all.job_costs = wants.job_costs.or(all.job_costs);
        all.budget_codes |= wants.budget_codes;
    }
    let mut found = Found {
        payments: payments::store::of_payments(db, connection_id, &all.payments).await?,
        ..Found::default()
    };
    // Of comparisons, of which a connection has one at a time.
    if let Some((item_type, after)) = all.links_after {
        let limit = i64::try_from(LINKS_PAGE).unwrap_or(i64::MAX);
        found.page = links::store::page(db, connection_id, item_type, after, limit).await?;
    }
    if all.twins {
        let limit = i64::try_from(MOST_TWINS).unwrap_or(i64::MAX);
        found.twins = links::store::twins(db, connection_id, limit).await?;
    }
    if let Some(wanted) = &all.job_costs {
        found.job_costs = job_costs::store::known(db, connection_id, wanted).await?;
    }
    if all.budget_codes {
        found.budget_codes_until = connections::store::budget_codes_until(db, connection_id).await?;
    }
    let nothing_else = all.names.is_empty()
        && all.item_names.is_empty()
        && all.item_ids.is_empty()
        && all.class_names.is_empty()
        && all.links.is_empty()
        && all.linked_ids.is_empty();
    if nothing_else {
        return Ok(found);
    }
    let names: Vec<String> = all.names.iter().map(|name| name_key(name)).collect();
    let item_names: Vec<String> = all.item_names.iter().map(|name| name_key(name)).collect();
    let class_names: BTreeSet<String> = all.class_names.iter().map(|name| name_key(name)).collect();
    let class_names: Vec<String> = class_names.into_iter().collect();
    let types: Vec<&str> = all.links.iter().map(|item| item.item_type.as_str()).collect();
    let ids: Vec<i64> = all.links.iter().map(|item| item.id).collect();
    // `offset 0` and `limit 1` keep each look-up a look-up: one probe of an index for each wanted value.
    let row = sqlx::query!(
        r#"select
               (select coalesce(jsonb_agg(holder), '[]')
                from unnest($2::text[]) as wanted(name_key)
                cross join unnest('{vendor, customer, employee, other_name}'::text[]) as lists(kind)
                cross join lateral (
                    select kind, list_id, full_name, name_key, is_active, external_guid from mirror_records m
                    where m.connection_id = $1 and m.kind = lists.kind and m.name_key = wanted.name_key offset 0
                ) holder) as "names!: Json<Vec<NameHolder>>",
               (select coalesce(jsonb_agg(item), '[]') from (
                    select by_name.* from unnest($3::text[]) as wanted(name_key) cross join lateral (
                        select * from mirror_records m
                        where m.connection_id = $1 and m.kind = 'item' and m.name_key = wanted.name_key offset 0
                    ) by_name
                    union all
                    select by_id.* from unnest($4::text[]) as wanted(list_id) cross join lateral (
                        select * from mirror_records m
                        where m.connection_id = $1 and m.kind = 'item' and m.list_id = wanted.list_id
                            and m.name_key <> all ($3) offset 0
                    ) by_id
                ) item) as "items!: Json<Vec<MirrorRecord>>",
               (select coalesce(jsonb_agg(link), '[]') from (
                    select by_item.* from unnest($5::text[], $6::bigint[]) as wanted(item_type, item_id)
                    cross join lateral (
                        select * from links l where l.connection_id = $1 and l.item_type = wanted.item_type
                            and l.item_id = wanted.item_id limit 1
                    ) by_item
                    union
                    select by_record.* from unnest($7::text[]) as wanted(quickbooks_id) cross join lateral (
                        select * from links l
                        where l.connection_id = $1 and l.quickbooks_id = wanted.quickbooks_id offset 0
                    ) by_record
                ) link) as "links!: Json<Vec<LinkRow>>",
               (select coalesce(jsonb_agg(class), '[]')
                from unnest($8::text[]) as wanted(name_key) cross join lateral (
                    select * from mirror_records m
                    where m.connection_id = $1 and m.kind = 'class' and m.name_key = wanted.name_key offset 0
                ) class) as "classes!: Json<Vec<MirrorRecord>>""#,
        connection_id,
        &names,
        &item_names,
        &all.item_ids,
        &types as &[&str],
        &ids,
        &all.linked_ids,
        &class_names,
    )
    .fetch_one(db)
    .await?;
    found.names = row.names.0;
    found.items = row.items.0;
    found.classes = row.classes.0;
    found.links = row.links.0.into_iter().filter_map(LinkRow::link).collect();
    Ok(found)
}
