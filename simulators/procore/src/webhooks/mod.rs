//! Webhooks: hooks with their triggers, the events waiting for them, and the disorder a test may ask for.
//!
//! `sender` delivers, `hooks` and `triggers` are the REST side, `catalogue` says what can be subscribed to.

pub(crate) mod catalogue;
pub(crate) mod event;
pub(crate) mod hooks;
pub(crate) mod hooks_v1;
pub(crate) mod sender;
pub(crate) mod triggers;

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::event::{Event, Happening};
use crate::clock::stamp;

/// What is to go wrong between Procore and the receiver.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Modes {
    /// Events are queued but not sent.
    pub(crate) hold: bool,
    /// This many coming events are posted twice, with the same id and ulid.
    pub(crate) duplicate: u32,
    /// This many coming actions make two distinct events with one timestamp.
    pub(crate) twin: u32,
    /// This many coming events are never sent.
    pub(crate) lose: u32,
    /// Neighbours change places: an event waits for the next one and goes after it.
    pub(crate) swap: bool,
    /// The next action makes this many distinct events.
    pub(crate) burst: u32,
    /// A new ERP request answers 404 to this many reads.
    pub(crate) unreadable_reads: u32,
}

/// A subscription: where to post, and about what.
#[derive(Debug, Clone)]
pub(crate) struct Hook {
    pub(crate) id: i64,
    pub(crate) client_id: String,
    pub(crate) company: i64,
    pub(crate) project: Option<i64>,
    pub(crate) namespace: String,
    pub(crate) destination_url: String,
    pub(crate) authorization: Option<String>,
    pub(crate) payload_version: String,
    pub(crate) active: bool,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) triggers: BTreeMap<i64, Trigger>,
    /// Deliveries not yet made, first first. A failing one holds up all behind it.
    pub(crate) queue: VecDeque<i64>,
    pub(crate) failing: Option<Failing>,
    /// The event `swap` keeps back until the next one.
    waiting_for_neighbour: Option<i64>,
}

/// A hook whose receiver does not answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failing {
    pub(crate) since: DateTime<Utc>,
    pub(crate) wait_seconds: i64,
    pub(crate) next: DateTime<Utc>,
}

/// One resource and event type a hook listens to.
#[derive(Debug, Clone)]
pub(crate) struct Trigger {
    pub(crate) id: i64,
    pub(crate) resource: String,
    pub(crate) event_type: String,
}

/// One event on its way to one hook.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) id: i64,
    pub(crate) hook: i64,
    pub(crate) event: Event,
    pub(crate) status: DeliveryStatus,
    pub(crate) attempts: Vec<Attempt>,
}

/// How far a delivery has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeliveryStatus {
    Enqueued,
    Retrying,
    Delivered,
    Discarded,
}

impl DeliveryStatus {
    pub(crate) const fn v2(self) -> &'static str {
        match self {
            Self::Enqueued => "enqueued",
            Self::Retrying => "retrying",
            Self::Delivered => "delivered",
            Self::Discarded => "discarded",
        }
    }
}

/// One try at delivering.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) completed_at: DateTime<Utc>,
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<String>,
}

impl Attempt {
    pub(crate) fn succeeded(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

impl Delivery {
    /// The v2 delivery record.
    pub(crate) fn record(&self, version: &str) -> Value {
        let attempts: Vec<Value> = self
            .attempts
            .iter()
            .enumerate()
            .map(|(nth, attempt)| {
                json!({
                    "id": format!("{}{nth:03}", self.id),
                    "success": attempt.succeeded(),
                    "response_status": attempt.status,
                    "response_body": null,
                    "response_error": attempt.error,
                    "response_headers": {},
                    "started_at": stamp(attempt.started_at),
                    "completed_at": stamp(attempt.completed_at),
                })
            })
            .collect();
        json!({
            "id": self.id.to_string(),
            "status": self.status.v2(),
            "payload": self.event.payload(version),
            "delivery_attempts": attempts,
        })
    }
}

/// All hooks and all that was or will be sent to them.
#[derive(Debug, Default)]
pub(crate) struct Webhooks {
    pub(crate) hooks: BTreeMap<i64, Hook>,
    pub(crate) deliveries: BTreeMap<i64, Delivery>,
    pub(crate) modes: Modes,
    serial: i64,
}

impl Webhooks {
    /// Turns a happening into events for every hook that listens for it.
    pub(crate) fn happen(&mut self, at: DateTime<Utc>, what: &Happening) {
        let listeners: Vec<i64> = self
            .hooks
            .values()
            .filter(|hook| hook.hears(what))
            .map(|hook| hook.id)
            .collect();
        if listeners.is_empty() {
            return;
        }
        let mut count = 1;
        if self.modes.twin > 0 {
            self.modes.twin -= 1;
            count = 2;
        }
        count = count.max(std::mem::take(&mut self.modes.burst));
        for _ in 0..count {
            self.serial += 1;
            let event = Event::new(self.serial, at, what.clone());
            for hook in &listeners {
                self.enqueue(*hook, &event);
            }
        }
    }

    fn enqueue(&mut self, hook_id: i64, event: &Event) {
        if self.modes.lose > 0 {
            self.modes.lose -= 1;
            return;
        }
        let copies = if self.modes.duplicate > 0 {
            self.modes.duplicate -= 1;
            2
        } else {
            1
        };
        let Some(hook) = self.hooks.get_mut(&hook_id) else {
            return;
        };
        for _ in 0..copies {
            self.serial += 1;
            let id = self.serial;
            let status = DeliveryStatus::Enqueued;
            self.deliveries.insert(
                id,
                Delivery {
                    id,
                    hook: hook_id,
                    event: event.clone(),
                    status,
                    attempts: Vec::new(),
                },
            );
            if !self.modes.swap {
                hook.queue.push_back(id);
            } else if let Some(earlier) = hook.waiting_for_neighbour.take() {
                hook.queue.extend([id, earlier]);
            } else {
                hook.waiting_for_neighbour = Some(id);
            }
        }
    }

    /// Changes the modes; switching `swap` off releases what waited for a neighbour.
    pub(crate) fn set_modes(&mut self, modes: Modes) {
        if !modes.swap {
            for hook in self.hooks.values_mut() {
                hook.queue.extend(hook.waiting_for_neighbour.take());
            }
        }
        self.modes = modes;
    }
}

impl Hook {
    fn hears(&self, what: &Happening) -> bool {
        self.active
            && self.company == what.company
            && self.project == what.project
            && self
                .triggers
                .values()
                .any(|trigger| trigger.resource == what.resource && trigger.event_type == what.event_type)
    }

    /// The configured header with all but its last five characters hidden.
    pub(crate) fn masked_authorization(&self) -> Option<String> {
        self.authorization.as_ref().map(|value| {
            let hidden = value.chars().count().saturating_sub(5);
            format!("*****{}", value.chars().skip(hidden).collect::<String>())
        })
    }
}
