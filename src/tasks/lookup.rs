//! Looks up what a batch of tasks wants to know, in one query per kind of fact.

use sqlx::PgConnection;
use uuid::Uuid;

use super::Wants;
use crate::{
    links::{self, Link},
    mirror::{self, MirrorRecord, NameHolder},
    payments::{self, KnownPayment},
};

/// The facts found for a batch.
#[derive(Debug, Default)]
pub struct Found {
    /// Holders of wanted names.
    pub names: Vec<NameHolder>,
    /// Wanted items.
    pub items: Vec<MirrorRecord>,
    /// Wanted links.
    pub links: Vec<Link>,
    /// Wanted payments.
    pub payments: Vec<KnownPayment>,
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
        all.links.append(&mut wants.links);
        all.linked_ids.append(&mut wants.linked_ids);
        all.payments.append(&mut wants.payments);
    }
    Ok(Found {
        names: mirror::store::name_holders(db, connection_id, &all.names).await?,
        items: mirror::store::items(db, connection_id, &all.item_names, &all.item_ids).await?,
        links: links::store::find(db, connection_id, &all.links, &all.linked_ids).await?,
        payments: payments::store::of_payments(db, connection_id, &all.payments).await?,
    })
}
