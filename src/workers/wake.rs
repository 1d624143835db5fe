//! Waking workers: PostgreSQL notifies, and a slow tick catches what a lost notification would leave lying.

use std::{sync::Arc, time::Duration};

use sqlx::{PgPool, postgres::PgListener};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The bells of one process.
#[derive(Clone, Debug, Default)]
pub struct Bells {
    /// ERP requests to fetch.
    pub orders: Arc<Notify>,
    /// Writebacks to carry out.
    pub writebacks: Arc<Notify>,
}

/// Listens until told to stop; a broken connection is made anew.
pub async fn listen(db: PgPool, bells: Bells, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let listening = async {
            let mut listener = PgListener::connect_with(&db).await?;
            listener
                .listen_all([
                    crate::procore_webhooks::CHANNEL,
                    crate::writebacks::store::CHANNEL,
                ])
                .await?;
            // Whatever came while nobody listened.
            bells.orders.notify_waiters();
            bells.writebacks.notify_waiters();
            loop {
                let notification = listener.recv().await?;
                let bell = if notification.channel() == crate::procore_webhooks::CHANNEL {
                    &bells.orders
                } else {
                    &bells.writebacks
                };
                // One is enough: whoever finds work wakes the next.
                bell.notify_one();
            }
            #[expect(unreachable_code, reason = "gives the block its type")]
            Ok::<(), sqlx::Error>(())
        };
        tokio::select! {
            () = stop.cancelled() => return,
            ended = listening => {
                if let Err(error) = ended {
                    tracing::warn!(error = &error as &dyn std::error::Error, "not listening to PostgreSQL; trying again");
                }
                pause(Duration::from_secs(1), &stop).await;
            }
        }
    }
}

/// Waits for a bell, a tick, or the end. `true`: go on working.
pub async fn wait(bell: &Notify, tick: Duration, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = stop.cancelled() => false,
        () = bell.notified() => true,
        () = tokio::time::sleep(tick) => true,
    }
}

/// Waits a while, or until the end.
pub async fn pause(time: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(time) => {}
    }
}
