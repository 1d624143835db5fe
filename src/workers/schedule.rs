//! Schedules: payments at the chosen frequency, what is read regularly, the first reading of the lists, and the look for
//! lost webhooks.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{clients::Clients, metadata, wake};
use crate::{
    clock::Clock,
    connections::{
        settings::PaymentSchedule,
        store::{self, Connection},
    },
    erp_mode,
    procore::erp_requests,
    procore_webhooks,
    tasks::queue,
};

mod regular;

/// Connections looked after at once: one whose Procore does not answer holds up nobody.
const AT_ONCE: usize = 8;

/// Whether payments are to be read now. `last` is when they were last asked for by schedule.
pub fn payments_due(schedule: PaymentSchedule, last: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    let every = match schedule {
        PaymentSchedule::Never => return false,
        PaymentSchedule::Hourly => TimeDelta::hours(1),
        PaymentSchedule::EveryTwoHours => TimeDelta::hours(2),
        PaymentSchedule::EveryFourHours => TimeDelta::hours(4),
        PaymentSchedule::Daily => TimeDelta::hours(24),
    };
    // A clock set back must not stop the schedule for good.
    last.is_none_or(|last| now - last >= every || last > now + every)
}

/// What the worker needs.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The database.
    pub db: PgPool,
    /// The time.
    pub clock: Clock,
    /// Procore.
    pub clients: Clients,
    /// How often lost webhooks are looked for.
    pub poll_every: TimeDelta,
}

impl Schedule {
    /// Works until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let looked = tokio::select! {
                looked = self.once() => looked,
                () = stop.cancelled() => return,
            };
            if let Err(error) = looked {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the schedules could not be worked on"
                );
            }
            wake::pause(Duration::from_secs(5), &stop).await;
        }
    }

    /// Enqueues what is due, for every connection.
    pub async fn once(&self) -> Result<(), sqlx::Error> {
        let mut working = JoinSet::new();
        for connection in store::list(&self.db).await? {
            if working.len() >= AT_ONCE {
                working.join_next().await;
            }
            let schedule = self.clone();
            working.spawn(async move {
                if let Err(error) = schedule.of(&connection).await {
                    tracing::error!(connection = %connection.id, error = &error as &dyn std::error::Error, "a schedule could not be worked on");
                }
            });
        }
        while working.join_next().await.is_some() {}
        regular::enqueue_due(&self.db, self.clock.now()).await
    }

    async fn of(&self, connection: &Connection) -> Result<(), sqlx::Error> {
        self.lists(connection).await?;
        self.payments(connection).await?;
        self.poll(connection).await?;
        self.metadata(connection).await
    }

    /// The lists must have been read once before anything is written.
    async fn lists(&self, connection: &Connection) -> Result<(), sqlx::Error> {
        if connection.mirror_ready {
            return Ok(());
        }
        let mut transaction = self.db.begin().await?;
        queue::one_at_a_time(&mut transaction, connection.id).await?;
        // One that failed is not repeated at once: whatever stands in its way needs a while, or a person.
        let unfinished = sqlx::query_scalar!(
            r#"select exists (select from tasks where connection_id = $1 and subject = 'lists'
                   and (status in ('waiting', 'ready', 'later', 'asked') or finished_at > $2)) as "unfinished!"
               from connections where id = $1 for update"#,
            connection.id,
            self.clock.now() - TimeDelta::minutes(15),
        )
        .fetch_one(&mut *transaction)
        .await?;
        if !unfinished {
            queue::enqueue(
                &mut transaction,
                connection.id,
                self.clock.now(),
                &[erp_mode::first_reading()],
            )
            .await?;
        }
        transaction.commit().await
    }

    async fn payments(&self, connection: &Connection) -> Result<(), sqlx::Error> {
        let now = self.clock.now();
        if !payments_due(
            connection.settings.payment_schedule,
            connection.payments_run_at,
            now,
        ) {
            return Ok(());
        }
        let mut transaction = self.db.begin().await?;
        queue::one_at_a_time(&mut transaction, connection.id).await?;
        // One replica wins; the others see the new time.
        let ours = sqlx::query!(
            "update connections set payments_run_at = $2 where id = $1 and payments_run_at is not distinct from $3",
            connection.id,
            now,
            connection.payments_run_at,
        )
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        // One that waits reads everything since the last time; a second one would read it again.
        let waits = sqlx::query_scalar!(
            r#"select exists (select from tasks where connection_id = $1 and subject = 'payments'
                   and status in ('waiting', 'ready', 'later', 'asked')) as "waits!""#,
            connection.id
        )
        .fetch_one(&mut *transaction)
        .await?;
        if ours == 1 && !waits {
            let task = erp_mode::scheduled_payments(connection.payments_watermark.clone());
            queue::enqueue(&mut transaction, connection.id, now, &[task]).await?;
        }
        transaction.commit().await
    }

    /// What can be chosen in Procore follows QuickBooks' lists.
    async fn metadata(&self, connection: &Connection) -> Result<(), sqlx::Error> {
        let stale = sqlx::query_scalar!(
            "select metadata_stale_at is not null and mirror_ready as \"stale!\" from connections where id = $1",
            connection.id
        )
        .fetch_optional(&self.db)
        .await?
        .unwrap_or(false);
        if !stale {
            return Ok(());
        }
        let Ok(client) = self.clients.of(connection) else {
            return Ok(());
        };
        match metadata::send(&self.db, &client, connection).await {
            Ok(()) => Ok(()),
            Err(metadata::MetadataError::Database(error)) => Err(error),
            Err(error) => {
                tracing::warn!(connection = %connection.id, error = &error as &dyn std::error::Error, "the ERP metadata could not be sent; trying again");
                Ok(())
            }
        }
    }

    /// Webhooks are best effort: what they did not announce is found by looking.
    async fn poll(&self, connection: &Connection) -> Result<(), sqlx::Error> {
        let now = self.clock.now();
        if connection
            .erp_requests_polled_at
            .is_some_and(|last| now - last < self.poll_every && last <= now)
        {
            return Ok(());
        }
        let ours = sqlx::query!(
            "update connections set erp_requests_polled_at = $2 where id = $1 and erp_requests_polled_at is not distinct from $3",
            connection.id,
            now,
            connection.erp_requests_polled_at,
        )
        .execute(&self.db)
        .await?
        .rows_affected();
        if ours == 0 {
            return Ok(());
        }
        // With an hour of overlap, from where the last complete look ended; the first time, from when the connection was
        // added.
        let since = connection
            .erp_requests_seen_until
            .unwrap_or(connection.created_at)
            - TimeDelta::hours(1);
        let Ok(client) = self.clients.of(connection) else {
            return Ok(());
        };
        match erp_requests::ids_since(&client, since).await {
            Ok(ids) => {
                let mut db = self.db.acquire().await?;
                let found =
                    procore_webhooks::note_erp_requests(&mut db, connection.id, &ids, "poll", now).await?;
                sqlx::query!(
                    "update connections set erp_requests_seen_until = $2 where id = $1",
                    connection.id,
                    now
                )
                .execute(&mut *db)
                .await?;
                if found > 0 {
                    tracing::warn!(connection = %connection.id, found, "orders found that no webhook announced");
                }
            }
            Err(error) => {
                tracing::warn!(connection = %connection.id, error = &error as &dyn std::error::Error, "could not look for lost webhooks");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PAY-17: a day of 24 hours, looked at every minute.
    fn runs_in_a_day(schedule: PaymentSchedule) -> usize {
        let start = DateTime::from_timestamp(1_770_000_000, 0).unwrap();
        let mut last = None;
        (0..24 * 60)
            .filter(|minute| {
                let now = start + TimeDelta::minutes(*minute);
                let due = payments_due(schedule, last, now);
                if due {
                    last = Some(now);
                }
                due
            })
            .count()
    }

    #[test]
    fn pay_17_runs_as_often_as_chosen() {
        assert_eq!(runs_in_a_day(PaymentSchedule::Never), 0);
        assert_eq!(runs_in_a_day(PaymentSchedule::Daily), 1);
        assert_eq!(runs_in_a_day(PaymentSchedule::EveryFourHours), 6);
        assert_eq!(runs_in_a_day(PaymentSchedule::EveryTwoHours), 12);
        assert_eq!(runs_in_a_day(PaymentSchedule::Hourly), 24);
    }

    #[test]
    fn a_clock_set_back_does_not_stop_the_schedule() {
        let now = DateTime::from_timestamp(1_770_000_000, 0).unwrap();
        assert!(payments_due(
            PaymentSchedule::Hourly,
            Some(now + TimeDelta::days(30)),
            now
        ));
    }
}
