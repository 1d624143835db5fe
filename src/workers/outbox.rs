//! Carries out writebacks: per connection in batches, in order within a lane, until Procore has them.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    aftermath,
    clients::Clients,
    wake::{self, Bells},
};
use crate::{
    clock::Clock,
    connections, payments,
    procore::{
        client::ProcoreClient,
        deliver::{self, DeliveryError},
    },
    tasks::queue,
    writebacks::{
        DetailRef, Writeback,
        store::{self, Due, Fate},
    },
};

/// Most writebacks of one connection carried out together.
const BATCH: i64 = 200;
/// How long a batch under way may take to finish once the service is to stop. What does not, is sent again: every
/// writeback is idempotent.
const GRACE: Duration = Duration::from_millis(500);
/// A batch must end before its lease: two workers with one batch could tell Procore the older of two things last.
const LONGEST: Duration = Duration::from_mins(8);
/// How long a woken worker waits for more of the same.
const GATHER: Duration = Duration::from_millis(50);
/// Looks for due writebacks at least this often.
const TICK: Duration = Duration::from_secs(2);

/// What the worker needs.
#[derive(Clone, Debug)]
pub struct Outbox {
    /// The database.
    pub db: PgPool,
    /// The time.
    pub clock: Clock,
    /// Procore.
    pub clients: Clients,
}

/// What came of looking for work.
enum Worked {
    /// A whole batch: there is more.
    Full,
    /// Less than a batch: more of the same may be about to come.
    Part,
    /// Nothing was due.
    Nothing,
}

impl Outbox {
    /// Works until told to stop.
    pub async fn run(self, bells: Bells, stop: CancellationToken) {
        loop {
            match self.once(&stop).await {
                Ok(Worked::Full) => bells.writebacks.notify_one(),
                Ok(Worked::Part) => {
                    bells.writebacks.notify_one();
                    wake::pause(GATHER, &stop).await;
                }
                Ok(Worked::Nothing) => {
                    if !wake::wait(&bells.writebacks, TICK, &stop).await {
                        return;
                    }
                    // What comes together goes together: fewer calls, and Procore counts them.
                    wake::pause(GATHER, &stop).await;
                }
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the outbox could not be worked on"
                    );
                    wake::pause(TICK, &stop).await;
                }
            }
            if stop.is_cancelled() {
                return;
            }
        }
    }

    /// One batch of one connection.
    async fn once(&self, stop: &CancellationToken) -> Result<Worked, sqlx::Error> {
        let now = self.clock.now();
        let mut skipped: Vec<Uuid> = Vec::new();
        while let Some(id) = store::due_connection(&self.db, now, &skipped).await? {
            let batch = store::lease(&self.db, id, now, BATCH).await?;
            if batch.is_empty() {
                // Another worker has it.
                skipped.push(id);
                continue;
            }
            let lease = batch.first().map_or(now, |due| due.lease);
            let ids: Vec<i64> = batch.iter().map(|due| due.id).collect();
            let fates = tokio::select! {
                fates = self.carry_out(id, batch, now) => fates?,
                () = async { stop.cancelled().await; tokio::time::sleep(GRACE).await } => {
                    ids.iter().map(|id| (*id, Fate::Again(now, "interrupted by a stop".to_owned()))).collect()
                }
                () = tokio::time::sleep(LONGEST) => {
                    let at = self.clock.now() + TimeDelta::minutes(1);
                    ids.iter().map(|id| (*id, Fate::Again(at, "Procore answered too slowly".to_owned()))).collect()
                }
            };
            store::settle(&self.db, self.clock.now(), lease, &fates).await?;
            return Ok(if i64::try_from(ids.len()) == Ok(BATCH) {
                Worked::Full
            } else {
                Worked::Part
            });
        }
        Ok(Worked::Nothing)
    }

    async fn carry_out(
        &self,
        id: Uuid,
        batch: Vec<Due>,
        now: DateTime<Utc>,
    ) -> Result<Vec<(i64, Fate)>, sqlx::Error> {
        let Some(connection) = connections::store::find(&self.db, id).await? else {
            return Ok(batch
                .iter()
                .map(|due| (due.id, Fate::Refused("the connection is gone".to_owned())))
                .collect());
        };
        let client = match self.clients.of(&connection) {
            Ok(client) => client,
            Err(error) => {
                let at = now + TimeDelta::minutes(5);
                return Ok(batch
                    .iter()
                    .map(|due| (due.id, Fate::Again(at, error.to_string())))
                    .collect());
            }
        };
        let (closings, calls): (Vec<Due>, Vec<Due>) = batch
            .into_iter()
            .partition(|due| matches!(due.call, Ok(Writeback::CloseDetail { .. })));
        let mut fates = deliver_all(&client, calls.iter().map(|due| (due, None)), now).await;
        self.untell(id, &calls, &fates).await?;
        // A request detail is closed after what it reports has arrived, and says so if Procore would not take it.
        let by_id: HashMap<i64, &Due> = calls.iter().map(|due| (due.id, due)).collect();
        let mut waiting: HashMap<&str, DateTime<Utc>> = HashMap::new();
        let mut refused: HashMap<Uuid, Vec<String>> = HashMap::new();
        for (id, fate) in &fates {
            let Some(due) = by_id.get(id) else { continue };
            match (fate, due.task_id) {
                (Fate::Again(at, _), _) => {
                    waiting.insert(due.lane.as_str(), *at);
                }
                (Fate::Refused(problem), Some(task)) => {
                    refused.entry(task).or_default().push(problem.clone());
                }
                _ => {}
            }
        }
        let tasks: Vec<Uuid> = closings.iter().filter_map(|due| due.task_id).collect();
        for (task, problem) in store::refusals(&self.db, &tasks).await? {
            refused.entry(task).or_default().push(problem);
        }
        let mut ready = Vec::new();
        for due in &closings {
            match waiting.get(due.lane.as_str()) {
                Some(at) => fates.push((due.id, Fate::Again(*at, "waiting for what it reports".to_owned()))),
                None => ready.push((due, due.task_id.and_then(|task| refused.get(&task)))),
            }
        }
        if let Some(at) = connection.restored_lately(now) {
            let tasks: Vec<Uuid> = ready.iter().filter_map(|(due, _)| due.task_id).collect();
            let old = queue::made_before(&self.db, &tasks, at).await?;
            let mut open = Vec::new();
            for (due, refused) in ready {
                let fate = match due.task_id {
                    Some(task) if old.contains(&task) => closed_since(&client, due, now).await,
                    _ => None,
                };
                match fate {
                    Some(fate) => fates.push((due.id, fate)),
                    None => open.push((due, refused)),
                }
            }
            ready = open;
        }
        let closed = deliver_all(&client, ready.into_iter(), now).await;
        fates.extend(closed);
        Ok(fates)
    }
}

impl Outbox {
    /// Payments that Procore refused for good are told again by the next refresh.
    async fn untell(&self, id: Uuid, calls: &[Due], fates: &[(i64, Fate)]) -> Result<(), sqlx::Error> {
        let origin_ids: Vec<String> = calls
            .iter()
            .filter(|due| {
                fates
                    .iter()
                    .any(|(of, fate)| *of == due.id && matches!(fate, Fate::Refused(_)))
            })
            .filter_map(|due| match &due.call {
                Ok(Writeback::InvoicePayments { payments }) => Some(payments),
                _ => None,
            })
            .flatten()
            .map(|payment| payment.origin_id.clone())
            .collect();
        if origin_ids.is_empty() {
            return Ok(());
        }
        let mut db = self.db.acquire().await?;
        payments::store::refused(&mut db, id, &origin_ids).await
    }
}

/// What becomes of the closing of a task from before a restore: a request detail that was closed since keeps its answer.
/// `None`: it is to be closed.
async fn closed_since(client: &ProcoreClient, due: &Due, now: DateTime<Utc>) -> Option<Fate> {
    let Ok(Writeback::CloseDetail {
        detail: DetailRef::Id(id),
        ..
    }) = due.call
    else {
        return None;
    };
    match aftermath::is_closed(client, id).await {
        Ok(Some(true)) => Some(Fate::Done),
        Err(error) if error.is_transient() => {
            Some(Fate::Again(now + backoff(due.attempts), error.to_string()))
        }
        _ => None,
    }
}

async fn deliver_all<'a>(
    client: &ProcoreClient,
    batch: impl Iterator<Item = (&'a Due, Option<&'a Vec<String>>)>,
    now: DateTime<Utc>,
) -> Vec<(i64, Fate)> {
    let mut fates: Vec<(i64, Fate)> = Vec::new();
    let mut calls: Vec<Writeback> = Vec::new();
    let mut sent: Vec<&Due> = Vec::new();
    for (due, refused) in batch {
        match &due.call {
            Ok(call) => {
                calls.push(with_refusals(call.clone(), refused));
                sent.push(due);
            }
            Err(error) => fates.push((
                due.id,
                Fate::Refused(format!("this build cannot read it: {error}")),
            )),
        }
    }
    if calls.is_empty() {
        return fates;
    }
    let results = deliver::deliver(client, &calls).await;
    for (due, result) in sent.into_iter().zip(results) {
        let outcome = if result.is_ok() { "done" } else { "failed" };
        metrics::counter!("plumbline_writebacks_total", "outcome" => outcome).increment(1);
        fates.push((due.id, fate(result, due, now)));
    }
    fates
}

/// The answer the user reads, when the record is in QuickBooks but Procore would not take its id.
fn with_refusals(call: Writeback, refused: Option<&Vec<String>>) -> Writeback {
    match (call, refused) {
        (
            Writeback::CloseDetail {
                detail,
                succeeded: true,
                mut messages,
            },
            Some(problems),
        ) => {
            messages.push(
                "The record is in QuickBooks, but Procore did not take its id. Exporting it again is safe: it is not written twice."
                    .to_owned(),
            );
            messages.extend(problems.iter().cloned());
            Writeback::CloseDetail {
                detail,
                succeeded: false,
                messages,
            }
        }
        (call, _) => call,
    }
}

fn fate(result: Result<(), DeliveryError>, due: &Due, now: DateTime<Utc>) -> Fate {
    match result {
        Ok(()) => Fate::Done,
        Err(DeliveryError::Permanent { message }) if due.attempts >= patience(due) => Fate::Refused(message),
        Err(error) => {
            let wait = error
                .retry_after()
                .and_then(|wait| TimeDelta::from_std(wait).ok())
                .unwrap_or_else(|| backoff(due.attempts));
            Fate::Again(now + wait, error.to_string())
        }
    }
}

/// Which refusal is the last word: a right comes back, somebody else's lock goes. A request detail that
/// stays open blocks a button in Procore, so it is tried for an hour.
fn patience(due: &Due) -> i32 {
    match due.call {
        Ok(Writeback::CloseDetail { .. }) => 12,
        _ => 2,
    }
}

/// 2 s, 4 s, 8 s … 15 min, with up to a quarter of jitter, so that a thousand connections do not come back at once.
pub fn backoff(attempts: i32) -> TimeDelta {
    let base = 2_000_i64
        .saturating_mul(1_i64 << attempts.clamp(0, 20))
        .min(15 * 60 * 1000);
    let jitter = i64::from(crate::secrets::random_bytes::<1>()[0]) * base / 1024;
    TimeDelta::milliseconds(base + jitter)
}
