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
    connections,
    links::{self, Link},
    payments,
    procore::{
        client::ProcoreClient,
        deliver::{self, Delivery, DeliveryError, Trouble},
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
/// A batch must end this long before its lease: two workers with one batch could tell Procore the older of two things last.
const SPARE: TimeDelta = TimeDelta::minutes(2);
/// While Procore is away it is asked this often, by one call of each connection; its return is not met by what each writeback
/// tries when its own time comes.
const LONGEST_HOLD: TimeDelta = TimeDelta::seconds(60);
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
            let lanes: Vec<(i64, String)> = batch.iter().map(|due| (due.id, due.lane.clone())).collect();
            let mut held_until = None;
            let fates = tokio::select! {
                carried_out = self.carry_out(id, batch, now) => {
                    let (fates, until) = carried_out?;
                    held_until = until;
                    fates
                }
                () = async { stop.cancelled().await; tokio::time::sleep(GRACE).await } => {
                    ids.iter().map(|id| (*id, Fate::Again(now, "interrupted by a stop".to_owned()))).collect()
                }
                () = tokio::time::sleep((store::LEASE - SPARE).to_std().unwrap_or_default()) => {
                    let at = self.clock.now() + TimeDelta::minutes(1);
                    ids.iter().map(|id| (*id, Fate::Again(at, "Procore answered too slowly".to_owned()))).collect()
                }
            };
            let fates = in_order(&lanes, fates);
            store::settle(&self.db, self.clock.now(), lease, &fates).await?;
            // Last: what was delivered must be written down, whatever becomes of this.
            store::hold(&self.db, id, held_until).await?;
            return Ok(if i64::try_from(ids.len()) == Ok(BATCH) {
                Worked::Full
            } else {
                Worked::Part
            });
        }
        Ok(Worked::Nothing)
    }

    /// What became of each writeback, and until when nothing else of the connection is tried.
    async fn carry_out(
        &self,
        id: Uuid,
        batch: Vec<Due>,
        now: DateTime<Utc>,
    ) -> Result<(Vec<(i64, Fate)>, Option<DateTime<Utc>>), sqlx::Error> {
        let Some(connection) = connections::store::find(&self.db, id).await? else {
            let refused = |due: &Due| (due.id, Fate::Refused("the connection is gone".to_owned()));
            return Ok((batch.iter().map(refused).collect(), None));
        };
        let client = match self.clients.of(&connection) {
            Ok(client) => client,
            Err(error) => {
                let at = now + TimeDelta::minutes(5);
                let again = |due: &Due| (due.id, Fate::Again(at, error.to_string()));
                return Ok((batch.iter().map(again).collect(), None));
            }
        };
        let (closings, calls): (Vec<Due>, Vec<Due>) = batch
            .into_iter()
            .partition(|due| matches!(due.call, Ok(Writeback::CloseDetail { .. })));
        let most_attempts = calls.iter().chain(&closings).map(|due| due.attempts).max();
        let (mut fates, trouble, links) =
            deliver_all(&client, calls.iter().map(|due| (due, None)), now).await;
        self.link(id, now, &links).await?;
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
        ready = self.not_answered_yet(&client, ready, now, &mut fates).await;
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
        let hold = |trouble| hold_until(trouble, most_attempts.unwrap_or_default(), now);
        if let Some(until) = trouble.map(hold) {
            let later = |(due, _): (&Due, _)| (due.id, Fate::Again(until, "Procore is away".to_owned()));
            fates.extend(ready.into_iter().map(later));
            return Ok((fates, Some(until)));
        }
        let (closed, trouble, _) = deliver_all(&client, ready.into_iter(), now).await;
        fates.extend(closed);
        Ok((fates, trouble.map(hold)))
    }
}

/// A closing, and what Procore refused of what it reports.
type Ready<'a> = Vec<(&'a Due, Option<&'a Vec<String>>)>;

impl Outbox {
    /// What was delivered may not have been written down, and is delivered again. Where Procore now refuses a part of it, its
    /// request detail may have been closed with success before, and keeps that answer.
    async fn not_answered_yet<'a>(
        &self,
        client: &ProcoreClient,
        ready: Ready<'a>,
        now: DateTime<Utc>,
        fates: &mut Vec<(i64, Fate)>,
    ) -> Ready<'a> {
        let mut open = Vec::with_capacity(ready.len());
        for (due, refused) in ready {
            let answered = if refused.is_some() && due.attempts > 1 {
                closed_since(client, due, now).await
            } else {
                None
            };
            match answered {
                Some(fate) => fates.push((due.id, fate)),
                None => open.push((due, refused)),
            }
        }
        open
    }

    /// Records of Procore that a call made or found, for what stands in QuickBooks already.
    async fn link(&self, id: Uuid, now: DateTime<Utc>, links: &[Link]) -> Result<(), sqlx::Error> {
        if links.is_empty() {
            return Ok(());
        }
        let mut db = self.db.acquire().await?;
        links::store::add(&mut db, id, now, links).await
    }

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

/// What becomes of a closing that may have been carried out before, or since: a request detail that was closed keeps its
/// answer. `None`: it is to be closed.
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
) -> (Vec<(i64, Fate)>, Option<Trouble>, Vec<Link>) {
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
        return (fates, None, Vec::new());
    }
    let Delivery {
        outcomes,
        trouble,
        links,
    } = deliver::deliver(client, &calls).await;
    for (due, result) in sent.into_iter().zip(outcomes) {
        let outcome = if result.is_ok() { "done" } else { "failed" };
        metrics::counter!("plumbline_writebacks_total", "outcome" => outcome).increment(1);
        fates.push((due.id, fate(result, due, now)));
    }
    (fates, trouble, links)
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

/// Nothing of a lane is due before what comes before it; `lanes` in their order.
fn in_order(lanes: &[(i64, String)], fates: Vec<(i64, Fate)>) -> Vec<(i64, Fate)> {
    let mut fates: HashMap<i64, Fate> = fates.into_iter().collect();
    let mut waits: HashMap<&str, DateTime<Utc>> = HashMap::new();
    for (id, lane) in lanes {
        if let Some(Fate::Again(at, _)) = fates.get_mut(id) {
            let earliest = waits.entry(lane).or_insert(*at);
            *at = (*at).max(*earliest);
            *earliest = *at;
        }
    }
    fates.into_iter().collect()
}

/// Until when nothing else of a connection is tried after `trouble`, `attempts` being the most of the batch.
fn hold_until(trouble: Trouble, attempts: i32, now: DateTime<Utc>) -> DateTime<Utc> {
    let wait = trouble
        .retry_after
        .and_then(|wait| TimeDelta::from_std(wait).ok())
        .unwrap_or_else(|| backoff(attempts).min(LONGEST_HOLD));
    now + wait
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_lane_is_due_before_what_comes_before_it() {
        let now = DateTime::UNIX_EPOCH;
        let at = |seconds| now + TimeDelta::seconds(seconds);
        let again = |seconds| Fate::Again(at(seconds), String::new());
        let lanes =
            [(1, "a"), (2, "b"), (3, "a"), (4, "a"), (5, "b")].map(|(id, lane)| (id, lane.to_owned()));
        let fates = vec![
            (4, again(2)),
            (3, again(60)),
            (2, Fate::Done),
            (1, again(4)),
            (5, again(1)),
        ];
        let mut ordered = in_order(&lanes, fates);
        ordered.sort_by_key(|(id, _)| *id);
        let expected = vec![
            (1, again(4)),
            (2, Fate::Done),
            (3, again(60)),
            (4, again(60)),
            (5, again(1)),
        ];
        assert_eq!(ordered, expected);
    }

    #[test]
    fn procore_that_is_away_is_asked_once_a_minute_or_when_it_says() {
        let now = DateTime::UNIX_EPOCH;
        let silent = Trouble { retry_after: None };
        assert!(hold_until(silent, 1, now) < now + TimeDelta::seconds(6));
        assert_eq!(hold_until(silent, 12, now), now + TimeDelta::seconds(60));
        let hour = Trouble {
            retry_after: Some(Duration::from_hours(1)),
        };
        assert_eq!(hold_until(hour, 1, now), now + TimeDelta::hours(1));
    }
}
