//! The QuickBooks side of the tie-out in the database: the last reading of each connection.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{QuickBooksFigure, Reading, TieOutEffect};
use crate::{links::ItemType, qbxml::Money};

/// Stores what a step of a reading left behind. `began` is when its task was made: what was not read since is linked no
/// more.
pub async fn apply(
    db: &mut PgConnection,
    connection_id: Uuid,
    began: DateTime<Utc>,
    now: DateTime<Utc>,
    effect: &TieOutEffect,
) -> Result<(), sqlx::Error> {
    match effect {
        TieOutEffect::Read(figures) => {
            sqlx::query!(
                "insert into tie_out_figures (connection_id, item_type, item_id, ref_number, job_list_id, total, retainage,
                     paid, read_at)
                 select $1, *, $9 from unnest($2::text[], $3::bigint[], $4::text[], $5::text[], $6::numeric[],
                     $7::numeric[], $8::numeric[])
                 on conflict (connection_id, item_type, item_id) do update set ref_number = excluded.ref_number,
                     job_list_id = excluded.job_list_id, total = excluded.total, retainage = excluded.retainage,
                     paid = excluded.paid, read_at = excluded.read_at",
                connection_id,
                &figures.iter().map(|figure| figure.item_type.as_str()).collect::<Vec<_>>() as &[&str],
                &figures.iter().map(|figure| figure.item_id).collect::<Vec<_>>(),
                &figures.iter().map(|figure| figure.ref_number.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
                &figures.iter().map(|figure| figure.job_list_id.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
                &figures.iter().map(|figure| figure.total.map(Money::decimal)).collect::<Vec<_>>()
                    as &[Option<Decimal>],
                &figures.iter().map(|figure| figure.retainage.decimal()).collect::<Vec<_>>(),
                &figures.iter().map(|figure| figure.paid.decimal()).collect::<Vec<_>>(),
                now,
            )
            .execute(db)
            .await?;
        }
        TieOutEffect::Ended => {
            sqlx::query!(
                "delete from tie_out_figures where connection_id = $1 and read_at < $2",
                connection_id,
                began,
            )
            .execute(&mut *db)
            .await?;
            sqlx::query!(
                "update connections set tied_out_at = $2 where id = $1",
                connection_id,
                now
            )
            .execute(db)
            .await?;
        }
    }
    Ok(())
}

/// The last reading.
pub async fn reading(db: &mut PgConnection, connection_id: Uuid) -> Result<Reading, sqlx::Error> {
    let read_at = sqlx::query_scalar!("select tied_out_at from connections where id = $1", connection_id)
        .fetch_one(&mut *db)
        .await?;
    let rows = sqlx::query!(
        "select item_type, item_id, ref_number, job_list_id, total, retainage, paid from tie_out_figures
         where connection_id = $1 order by item_type, item_id",
        connection_id,
    )
    .fetch_all(db)
    .await?;
    let money = |decimal| Money::from_decimal(decimal).map_err(|error| sqlx::Error::Decode(error.into()));
    let mut figures = Vec::with_capacity(rows.len());
    for row in rows {
        // A type that a newer version knows.
        let Some(item_type) = ItemType::parse(&row.item_type) else {
            continue;
        };
        figures.push(QuickBooksFigure {
            item_type,
            item_id: row.item_id,
            ref_number: row.ref_number,
            job_list_id: row.job_list_id,
            total: row.total.map(money).transpose()?,
            retainage: money(row.retainage)?,
            paid: money(row.paid)?,
        });
    }
    Ok(Reading { read_at, figures })
}
