//! Housekeeping: contacts are written and metrics summed up once a second, what is old is pruned in small bites.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use super::wake;
use crate::{clock::Clock, web_connector::service::WebConnector};

/// Writes contacts every second, and once more at the end.
pub async fn contacts(service: Arc<WebConnector>, stop: CancellationToken) {
    loop {
        wake::pause(Duration::from_secs(1), &stop).await;
        // Histograms keep every observation until they are told to sum up.
        crate::app::metrics().run_upkeep();
        if let Err(error) = service.flush_contacts().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "last contacts could not be written"
            );
        }
        if stop.is_cancelled() {
            return;
        }
    }
}

/// Prunes answered exchanges, finished writebacks and inbox entries older than `keep`.
pub async fn prune(db: PgPool, clock: Clock, keep: TimeDelta, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match prune_once(&db, &clock, keep).await {
            Ok(0) => wake::pause(Duration::from_mins(10), &stop).await,
            Ok(_) => wake::pause(Duration::from_millis(200), &stop).await,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "old records could not be pruned"
                );
                wake::pause(Duration::from_mins(1), &stop).await;
            }
        }
    }
}

/// One bite. The last answered write of a connection stays: its message set id is still to be forgotten by QuickBooks.
async fn prune_once(db: &PgPool, clock: &Clock, keep: TimeDelta) -> Result<u64, sqlx::Error> {
    let before = clock.now() - keep;
    let exchanges = sqlx::query!(
        r#"delete from exchanges where id in (
               select e.id from exchanges e where e.answered_at < $1 and e.state in ('answered', 'abandoned')
                   and (e.access = 'read' or e.state = 'abandoned' or exists (select from exchanges newer where newer.connection_id = e.connection_id
                       and newer.access = 'write' and newer.state = 'answered' and newer.answered_at > e.answered_at))
               limit 500)"#,
        before
    )
    .execute(db)
    .await?
    .rows_affected();
    let writebacks = sqlx::query!(
        "delete from writebacks where id in (select id from writebacks where status = 'done' and finished_at < $1 limit 1000)",
        before
    )
    .execute(db)
    .await?
    .rows_affected();
    let inbox = sqlx::query!(
        "delete from webhook_inbox where id in (select id from webhook_inbox where received_at < $1 limit 1000)",
        before
    )
    .execute(db)
    .await?
    .rows_affected();
    let sessions = sqlx::query!(
        r#"delete from update_sessions where id in (
               select s.id from update_sessions s
               where s.ended_at < $1 and not exists (select from exchanges e where e.session_id = s.id) limit 1000)"#,
        before
    )
    .execute(db)
    .await?
    .rows_affected();
    Ok(exchanges + writebacks + inbox + sessions)
}
