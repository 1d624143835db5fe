//! What must be done to a database that was brought back from a backup, before the service runs on it.
//!
//! What the service did after the backup is not in it, but stands in QuickBooks and Procore. QuickBooks takes a second bill
//! with the same number without a word, and it may have forgotten the message set ids that the backup would send again. So
//! nothing of the backup is sent as it is: open exchanges are given up, and whatever would write is doubtful: it looks for
//! its record first, and so do the orders that polling finds again.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// What was changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Connections.
    pub connections: u64,
    /// Tasks that look before they write.
    pub doubtful: u64,
    /// Message sets that are not sent again.
    pub abandoned: u64,
}

/// Does it, in the caller's transaction. Doing it twice changes nothing but the time.
pub async fn mark(db: &mut PgConnection, now: DateTime<Utc>) -> Result<Restored, sqlx::Error> {
    // Orders are looked for at once, from where the backup had seen them all. Payments wait for the next time: a payment
    // counts only for a bill whose link is there.
    let connections = sqlx::query!(
        "update connections set restored_at = $1, erp_requests_polled_at = null, payments_run_at = $1",
        now
    )
    .execute(&mut *db)
    .await?
    .rows_affected();
    sqlx::query!(
        r#"update update_sessions set ended_at = $1, end_reason = 'the database was restored from a backup'
           where ended_at is null"#,
        now
    )
    .execute(&mut *db)
    .await?;
    // Their ids may be forgotten in QuickBooks, where a later message set has cleared them.
    let abandoned = sqlx::query!(
        "update exchanges set state = 'abandoned', answered_at = $1 where state in ('handed_out', 'in_doubt')",
        now
    )
    .execute(&mut *db)
    .await?
    .rows_affected();
    // A failed one may have been sent again since, and may be once more.
    let doubtful = sqlx::query!(
        r#"update tasks set doubtful = true, status = case when status = 'asked' then 'ready' else status end,
               exchange_id = case when status = 'asked' then null else exchange_id end, updated_at = $1
           where status not in ('done', 'cancelled')"#,
        now
    )
    .execute(&mut *db)
    .await?
    .rows_affected();
    // Whoever held these leases is gone.
    sqlx::query!("update erp_requests set leased_until = null where leased_until is not null")
        .execute(&mut *db)
        .await?;
    sqlx::query!("update writebacks set leased_until = null where leased_until is not null")
        .execute(&mut *db)
        .await?;
    Ok(Restored {
        connections,
        doubtful,
        abandoned,
    })
}
