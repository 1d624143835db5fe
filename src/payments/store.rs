//! Payments in the database.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{KnownPayment, PaymentMethod, PaymentState};
use crate::qbxml::Money;

/// Stores what is now known of payments.
pub async fn upsert(
    db: &mut PgConnection,
    connection_id: Uuid,
    now: DateTime<Utc>,
    payments: &[KnownPayment],
) -> Result<(), sqlx::Error> {
    for payment in payments {
        sqlx::query!(
            r#"insert into payments (connection_id, payment_txn_id, bill_txn_id, requisition_id, method, paid_on, amount,
                   ref_number, memo, state, updated_at)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
               on conflict (connection_id, payment_txn_id, bill_txn_id) do update set
                   method = excluded.method, paid_on = excluded.paid_on, amount = excluded.amount,
                   ref_number = excluded.ref_number, memo = excluded.memo, state = excluded.state,
                   updated_at = excluded.updated_at, told = true"#,
            connection_id,
            payment.payment_txn_id,
            payment.bill_txn_id,
            payment.requisition_id,
            payment.method.as_str(),
            payment.date,
            payment.amount.decimal(),
            payment.ref_number,
            payment.memo,
            payment.state.as_str(),
            now,
        )
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

/// Notes that Procore refused these payments: the next reading begins anew, and tells them again.
pub async fn refused(
    db: &mut PgConnection,
    connection_id: Uuid,
    origin_ids: &[String],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"with untold as (
               update payments set told = false
               where connection_id = $1 and payment_txn_id || '|' || bill_txn_id = any($2)
           )
           update connections set payments_watermark = null where id = $1"#,
        connection_id,
        origin_ids,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// What is known of these payments.
pub async fn of_payments(
    db: &mut PgConnection,
    connection_id: Uuid,
    payment_txn_ids: &[String],
) -> Result<Vec<KnownPayment>, sqlx::Error> {
    if payment_txn_ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query!(
        r#"select payment_txn_id, bill_txn_id, requisition_id, method, paid_on, amount, ref_number, memo, state, told
           from payments where connection_id = $1 and payment_txn_id = any($2)"#,
        connection_id,
        payment_txn_ids,
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(KnownPayment {
                method: parse_word::<PaymentMethod>(&row.method)?,
                state: parse_word::<PaymentState>(&row.state)?,
                amount: Money::from_decimal(row.amount).map_err(|error| sqlx::Error::Decode(error.into()))?,
                payment_txn_id: row.payment_txn_id,
                bill_txn_id: row.bill_txn_id,
                requisition_id: row.requisition_id,
                date: row.paid_on,
                ref_number: row.ref_number,
                memo: row.memo,
                told: row.told,
            })
        })
        .collect()
}

fn parse_word<T: serde::de::DeserializeOwned>(word: &str) -> Result<T, sqlx::Error> {
    serde_json::from_value(serde_json::Value::String(word.to_owned()))
        .map_err(|error| sqlx::Error::Decode(error.into()))
}

/// From when payments are read the next time.
pub async fn set_watermark(
    db: &mut PgConnection,
    connection_id: Uuid,
    watermark: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update connections set payments_watermark = $2 where id = $1",
        connection_id,
        watermark
    )
    .execute(db)
    .await?;
    Ok(())
}
