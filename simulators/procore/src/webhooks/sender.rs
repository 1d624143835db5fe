//! The sender: one task per hook, which delivers its events one after the other.
//!
//! An answer other than 2xx, a timeout or a refused connection holds up the whole hook: it is tried again after one
//! second, then two, four, … up to an hour. After twelve hours without success everything waiting is discarded.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Attempt, DeliveryStatus, Failing};
use crate::{clock::stamp, sim::Sim, store::World, trace};

/// How long a receiver may take.
const TIMEOUT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: i64 = 3600;
const GIVE_UP: chrono::Duration = chrono::Duration::hours(12);

/// What a sender finds to do.
enum Next {
    /// The hook is gone.
    End,
    Nothing,
    Wait(Duration),
    Send {
        delivery: i64,
        url: String,
        authorization: Option<String>,
        payload: Value,
    },
}

/// Delivers for one hook until it is deleted or the stand-in stops.
pub(crate) async fn run(sim: Arc<Sim>, hook: i64) {
    let mut changes = sim.watch();
    loop {
        changes.borrow_and_update();
        let next = next(&sim.world(), hook);
        let wait = match next {
            Next::End => return,
            Next::Nothing => None,
            Next::Wait(wait) => Some(wait),
            Next::Send {
                delivery,
                url,
                authorization,
                payload,
            } => {
                let attempt = tokio::select! {
                    () = sim.stop.cancelled() => return,
                    attempt = post(&sim, delivery, &url, authorization, &payload) => attempt,
                };
                settle(&mut sim.world(), hook, delivery, attempt);
                sim.changed();
                continue;
            }
        };
        if !pause(&sim, &mut changes, wait).await {
            return;
        }
    }
}

/// Waits for a change, or until the time is up; false when the stand-in stops.
async fn pause(sim: &Sim, changes: &mut watch::Receiver<u64>, wait: Option<Duration>) -> bool {
    let time_up = async {
        match wait {
            Some(wait) => tokio::time::sleep(wait).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = sim.stop.cancelled() => false,
        alive = changes.changed() => alive.is_ok(),
        () = time_up => true,
    }
}

fn next(world: &World, hook: i64) -> Next {
    let Some(hook) = world.webhooks.hooks.get(&hook) else {
        return Next::End;
    };
    let Some(first) = hook
        .queue
        .front()
        .filter(|_| hook.active && !world.webhooks.modes.hold)
    else {
        return Next::Nothing;
    };
    let now = world.now();
    if let Some(failing) = hook.failing.filter(|failing| failing.next > now) {
        if world.clock.is_frozen() {
            return Next::Nothing;
        }
        return Next::Wait((failing.next - now).to_std().unwrap_or_default());
    }
    let Some(delivery) = world.webhooks.deliveries.get(first) else {
        return Next::Nothing;
    };
    Next::Send {
        delivery: *first,
        url: hook.destination_url.clone(),
        authorization: hook.authorization.clone(),
        payload: delivery.event.payload(&hook.payload_version),
    }
}

async fn post(
    sim: &Sim,
    delivery: i64,
    url: &str,
    authorization: Option<String>,
    payload: &Value,
) -> Attempt {
    let serial = sim.trace.as_ref().map(trace::Trace::next);
    let started_at = sim.world().now();
    let mut request = sim.http.post(url).timeout(TIMEOUT).json(payload);
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    let (status, error) = match request.send().await {
        Ok(answer) => (Some(answer.status().as_u16()), None),
        Err(error) => (None, Some(reason(&error))),
    };
    let attempt = Attempt {
        started_at,
        completed_at: sim.world().now(),
        status,
        error,
    };
    if let (Some(trace), Some(serial)) = (&sim.trace, serial) {
        let exchange = json!({
            "serial": serial,
            "direction": "out",
            "at": stamp(started_at),
            "method": "POST",
            "uri": url,
            "delivery": delivery,
            "request_body": payload,
            "status": attempt.status,
            "error": attempt.error,
        });
        trace.write(
            serial,
            &format!(
                "out-webhook-{}",
                payload["resource_name"].as_str().unwrap_or_default()
            ),
            &exchange,
        );
    }
    attempt
}

fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        "timeout".to_owned()
    } else if error.is_connect() {
        "connection refused".to_owned()
    } else {
        error.to_string()
    }
}

fn settle(world: &mut World, hook_id: i64, delivery_id: i64, attempt: Attempt) {
    let now = world.now();
    let delivered = attempt.succeeded();
    let Some(hook) = world.webhooks.hooks.get_mut(&hook_id) else {
        return;
    };
    if let Some(delivery) = world.webhooks.deliveries.get_mut(&delivery_id) {
        delivery.attempts.push(attempt);
        delivery.status = if delivered {
            DeliveryStatus::Delivered
        } else {
            DeliveryStatus::Retrying
        };
    }
    if delivered {
        hook.failing = None;
        hook.queue.retain(|waiting| *waiting != delivery_id);
        return;
    }
    let failing = back_off(hook.failing, now);
    hook.failing = Some(failing);
    if now - failing.since >= GIVE_UP {
        for id in hook.queue.drain(..) {
            if let Some(delivery) = world.webhooks.deliveries.get_mut(&id) {
                delivery.status = DeliveryStatus::Discarded;
            }
        }
        hook.failing = None;
    }
}

/// When to try again after one more failure.
fn back_off(before: Option<Failing>, now: DateTime<Utc>) -> Failing {
    let wait_seconds = before.map_or(1, |before| (before.wait_seconds * 2).min(LONGEST_WAIT));
    let since = before.map_or(now, |before| before.since);
    Failing {
        since,
        wait_seconds,
        next: now + chrono::Duration::seconds(wait_seconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_an_hour() {
        let now = Utc::now();
        let mut failing = None;
        let waits: Vec<i64> = (0..14)
            .map(|_| {
                failing = Some(back_off(failing, now));
                failing.map_or(0, |failing| failing.wait_seconds)
            })
            .collect();
        assert_eq!(waits[..4], [1, 2, 4, 8]);
        assert_eq!(waits[12..], [3600, 3600]);
    }
}
