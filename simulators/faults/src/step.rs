//! Steps of a run, and the faults that can strike there.

use std::fmt;

/// Where a step is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Place {
    /// The Web Connector begins an update.
    Update,
    /// The Web Connector calls the service.
    Call,
    /// QuickBooks is given a message set.
    Execution,
    /// Procore calls the service.
    Webhook,
    /// The service calls Procore.
    Api,
    /// The service commits to PostgreSQL.
    Commit,
}

impl Place {
    /// As it is written in step names.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Call => "call",
            Self::Execution => "quickbooks",
            Self::Webhook => "webhook",
            Self::Api => "procore",
            Self::Commit => "commit",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [
            Self::Update,
            Self::Call,
            Self::Execution,
            Self::Webhook,
            Self::Api,
            Self::Commit,
        ]
        .into_iter()
        .find(|place| place.as_str() == text)
    }
}

/// One step: the `nth` (from 1) of its name at its place. Names rather than running numbers, so that a step is found
/// again in another run, whatever else happens beside it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Step {
    /// Where.
    pub(crate) place: Place,
    /// `sendRequestXML`, `PATCH /rest/v1.0/…`, `+exchanges ~tasks`.
    pub(crate) name: String,
    /// Which of them.
    pub(crate) nth: u32,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}#{}", self.place.as_str(), self.name, self.nth)
    }
}

impl std::str::FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a step: PLACE:NAME#N");
        let (place, rest) = text.split_once(':').ok_or_else(wrong)?;
        let (name, nth) = rest.rsplit_once('#').ok_or_else(wrong)?;
        Ok(Self {
            place: Place::parse(place).ok_or_else(wrong)?,
            name: name.to_owned(),
            nth: nth.parse().map_err(|_| wrong())?,
        })
    }
}

/// What a step and a fault may be called in a plan: `STEP=FAULT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Strike {
    /// Where it strikes.
    pub(crate) step: Step,
    /// What.
    pub(crate) fault: Fault,
}

impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.step, self.fault.name())
    }
}

impl std::str::FromStr for Strike {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (step, fault) = text
            .rsplit_once('=')
            .ok_or_else(|| format!("{text:?} is not STEP=FAULT"))?;
        let step: Step = step.parse()?;
        let fault = faults_at(step.place)
            .into_iter()
            .find(|known| known.name() == fault)
            .ok_or_else(|| format!("{fault:?} is no fault of a step at {}", step.place.as_str()))?;
        Ok(Self { step, fault })
    }
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Fault {
    /// SIGKILL to the service before the step is done.
    KilledBefore,
    /// SIGKILL after it is done, before anybody hears of it.
    KilledAfter,
    /// SIGKILL after the answer has left.
    KilledAfterAnswer,
    /// SIGTERM while the call is answered; the service must end by itself and is started again.
    Terminated,
    /// Two replicas are replaced one after the other, by SIGTERM, while the calls go on.
    RollingRestart,
    /// As [`Fault::KilledAfter`], with a second replica that goes on.
    ReplicaKilledAfter,
    /// Two replicas take alternate calls from here on.
    TwoReplicas,
    /// The call never arrives.
    RequestLost,
    /// The call is answered, but the answer never arrives.
    AnswerLost,
    /// The call arrives twice.
    Twice,
    /// The caller gives up waiting; the call arrives after he has begun anew.
    Late,
    /// The answer comes after the caller has given up.
    TooSlow,
    /// The Web Connector dies after the call.
    ConnectorKilled,
    /// A second Web Connector tries a session of its own in the middle of this one.
    SecondConnector,
    /// The lease runs out in the middle of a session, a second Web Connector takes over, and the first goes on.
    TakenOver,
    /// PostgreSQL is restarted (immediate shutdown) before the call.
    PostgresRestarted,
    /// Every connection to PostgreSQL hangs until the call is given up.
    PoolExhausted,
    /// PostgreSQL cannot write during the call: the disk is full.
    DiskFull,
    /// The service's clock is set back two hours.
    ClockSetBack,
    /// PostgreSQL's connection breaks before the commit arrives.
    CutBefore,
    /// PostgreSQL's connection breaks after the commit, before it is confirmed.
    CutAfter,
    /// Procore answers this status and does nothing.
    Status(u16),
    /// Procore does it and answers this status.
    StatusAfter(u16),
    /// Procore does it, and does not answer until the service gives up.
    Timeout,
    /// Procore breaks the connection and does nothing.
    ResetBefore,
    /// Procore does it and breaks off in the middle of the body.
    ResetMidBody,
    /// The webhook is taken by somebody who answers 204 and forgets it.
    WebhookSwallowed,
    /// The webhook arrives after the next one.
    OutOfOrder,
    /// QuickBooks throws before it executes.
    ThrowsBefore(&'static str),
    /// QuickBooks throws after it has executed.
    ThrowsAfter(&'static str),
    /// The Web Connector dies before QuickBooks is given the message set.
    ConnectorKilledBefore,
    /// The Web Connector dies after QuickBooks has executed.
    ConnectorKilledAfter,
    /// QuickBooks is given the message set twice.
    ExecutedTwice,
    /// QuickBooks executes, loses the stored response (9002 when asked again), and the answer is lost.
    StoreLost,
    /// QuickBooks executes but cannot store the message set (9005), and the answer is lost.
    NotStored,
    /// One request is answered with this status and not executed.
    RequestStatus(u32, &'static str),
    /// One record is what QuickBooks cannot read (0x80040400), in whatever message set it stands.
    Guilty,
    /// QuickBooks cannot be opened.
    CannotOpen(&'static str),
    /// The host and company description comes malformed.
    MalformedDescription,
    /// Another company file is open for one update.
    AnotherFile,
    /// An older state of the company file, under its own name and path, is open for one update.
    OlderFile,
    /// `closeConnection` never arrives.
    CloseLost,
}

/// Every HRESULT of the Web Connector's guide and of the SDK's table (`facts/qbwc-protocol.md` §6).
pub(crate) const HRESULTS: [&str; 22] = [
    "0x80040400",
    "0x80040401",
    "0x80040402",
    "0x80040403",
    "0x80040408",
    "0x80040409",
    "0x8004040A",
    "0x8004040D",
    "0x80040410",
    "0x80040414",
    "0x80040416",
    "0x80040417",
    "0x80040418",
    "0x8004041A",
    "0x8004041C",
    "0x8004041D",
    "0x80040420",
    "0x80040422",
    "0x80040423",
    "0x80040424",
    "0x80040430",
    "0x80049999",
];
/// What Procore may answer instead of doing it.
const STATUSES: [u16; 9] = [401, 403, 404, 409, 422, 429, 500, 502, 503];
/// What QuickBooks may answer to one request, with the words it uses (the facts' `status-messages.tsv`).
const REQUEST_STATUSES: [(u32, &str); 7] = [
    (
        1000,
        "There has been an internal error when processing the request.",
    ),
    (
        3170,
        "The internals could not be locked. They are in use by another user.",
    ),
    (
        3175,
        "The transaction could not be locked. It is in use by another user.",
    ),
    (
        3176,
        "The related transaction could not be locked. It is in use by another user.",
    ),
    (
        3180,
        "There was an error when saving a Customers list.  QuickBooks error message: This list has been modified by another user.",
    ),
    (3200, "The provided edit sequence \"1\" is out-of-date. "),
    (3231, "The request has not been processed."),
];

impl Fault {
    /// The name on the command line and in tables.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::KilledBefore => "killed-before".to_owned(),
            Self::KilledAfter => "killed-after".to_owned(),
            Self::KilledAfterAnswer => "killed-after-answer".to_owned(),
            Self::Terminated => "terminated".to_owned(),
            Self::RollingRestart => "rolling-restart".to_owned(),
            Self::Guilty => "guilty-record".to_owned(),
            Self::ReplicaKilledAfter => "replica-killed-after".to_owned(),
            Self::TwoReplicas => "two-replicas".to_owned(),
            Self::RequestLost => "request-lost".to_owned(),
            Self::AnswerLost => "answer-lost".to_owned(),
            Self::Twice => "twice".to_owned(),
            Self::Late => "late".to_owned(),
            Self::TooSlow => "too-slow".to_owned(),
            Self::ConnectorKilled => "connector-killed".to_owned(),
            Self::SecondConnector => "second-connector".to_owned(),
            Self::TakenOver => "taken-over".to_owned(),
            Self::PostgresRestarted => "postgres-restarted".to_owned(),
            Self::PoolExhausted => "pool-exhausted".to_owned(),
            Self::DiskFull => "disk-full".to_owned(),
            Self::ClockSetBack => "clock-set-back".to_owned(),
            Self::CutBefore => "cut-before".to_owned(),
            Self::CutAfter => "cut-after".to_owned(),
            Self::Status(status) => format!("status-{status}"),
            Self::StatusAfter(status) => format!("status-{status}-after"),
            Self::Timeout => "timeout".to_owned(),
            Self::ResetBefore => "reset-before".to_owned(),
            Self::ResetMidBody => "reset-mid-body".to_owned(),
            Self::WebhookSwallowed => "swallowed".to_owned(),
            Self::OutOfOrder => "out-of-order".to_owned(),
            Self::ThrowsBefore(code) => format!("{code}-before"),
            Self::ThrowsAfter(code) => format!("{code}-after"),
            Self::ConnectorKilledBefore => "connector-killed-before".to_owned(),
            Self::ConnectorKilledAfter => "connector-killed-after".to_owned(),
            Self::ExecutedTwice => "executed-twice".to_owned(),
            Self::StoreLost => "store-lost-9002".to_owned(),
            Self::NotStored => "not-stored-9005".to_owned(),
            Self::RequestStatus(status, _) => format!("status-{status}"),
            Self::CannotOpen(code) => format!("{code}-opening"),
            Self::MalformedDescription => "malformed-description".to_owned(),
            Self::AnotherFile => "another-file".to_owned(),
            Self::OlderFile => "older-file".to_owned(),
            Self::CloseLost => "close-lost".to_owned(),
        }
    }

    /// The group it is counted in.
    pub(crate) fn group(&self) -> &'static str {
        match self {
            Self::KilledBefore | Self::KilledAfter | Self::KilledAfterAnswer => "service killed",
            Self::ReplicaKilledAfter | Self::TwoReplicas => "two replicas",
            Self::Terminated | Self::RollingRestart => "service stopped",
            Self::Guilty => "guilty record",
            Self::RequestLost => "request lost",
            Self::AnswerLost => "answer lost",
            Self::Twice => "call twice",
            Self::Late | Self::TooSlow => "call too slow",
            Self::ConnectorKilled
            | Self::ConnectorKilledBefore
            | Self::ConnectorKilledAfter
            | Self::CloseLost => "QBWC killed",
            Self::SecondConnector | Self::TakenOver => "two Web Connectors",
            Self::PostgresRestarted | Self::CutBefore | Self::CutAfter => "PostgreSQL restarted",
            Self::PoolExhausted => "pool exhausted",
            Self::DiskFull => "disk full",
            Self::ClockSetBack => "clock set back",
            Self::Status(_) | Self::StatusAfter(_) => "Procore's status",
            Self::Timeout | Self::ResetBefore | Self::ResetMidBody => "Procore breaks off",
            Self::WebhookSwallowed | Self::OutOfOrder => "webhook lost, disordered",
            Self::ThrowsBefore(_) => "HRESULT, not executed",
            Self::ThrowsAfter(_) | Self::ExecutedTwice => "HRESULT, executed",
            Self::StoreLost | Self::NotStored => "9002, 9005",
            Self::RequestStatus(..) => "locked, 3200, 3231",
            Self::CannotOpen(_) | Self::MalformedDescription | Self::AnotherFile | Self::OlderFile => {
                "file not open, wrong"
            }
        }
    }
}

/// All faults that can strike at a step. Only a change carries an `EditSequence` that can be out of date.
pub(crate) fn faults_of(step: &Step) -> Vec<Fault> {
    let mut faults = faults_at(step.place);
    if !step.name.contains("ModRq") {
        faults.retain(|fault| !matches!(fault, Fault::RequestStatus(3200, _)));
    }
    faults
}

/// All faults that can strike at a place.
pub(crate) fn faults_at(place: Place) -> Vec<Fault> {
    let mut faults = Vec::new();
    match place {
        Place::Update => {
            faults.extend(HRESULTS.iter().skip(1).map(|code| Fault::CannotOpen(code)));
            faults.extend([
                Fault::MalformedDescription,
                Fault::AnotherFile,
                Fault::OlderFile,
                Fault::CloseLost,
            ]);
        }
        Place::Call => faults.extend([
            Fault::KilledBefore,
            Fault::KilledAfter,
            Fault::KilledAfterAnswer,
            Fault::Terminated,
            Fault::RollingRestart,
            Fault::ReplicaKilledAfter,
            Fault::TwoReplicas,
            Fault::RequestLost,
            Fault::AnswerLost,
            Fault::Twice,
            Fault::Late,
            Fault::TooSlow,
            Fault::ConnectorKilled,
            Fault::SecondConnector,
            Fault::TakenOver,
            Fault::PostgresRestarted,
            Fault::PoolExhausted,
            Fault::DiskFull,
            Fault::ClockSetBack,
        ]),
        Place::Execution => {
            faults.extend(HRESULTS.iter().map(|code| Fault::ThrowsBefore(code)));
            // 0x80040400 says that nothing could be read: it is never thrown after an execution.
            faults.extend(HRESULTS.iter().skip(1).map(|code| Fault::ThrowsAfter(code)));
            faults.extend([
                Fault::ConnectorKilledBefore,
                Fault::ConnectorKilledAfter,
                Fault::ExecutedTwice,
                Fault::StoreLost,
                Fault::NotStored,
                Fault::Guilty,
            ]);
            faults.extend(
                REQUEST_STATUSES
                    .iter()
                    .map(|(status, words)| Fault::RequestStatus(*status, words)),
            );
        }
        Place::Webhook => faults.extend([
            Fault::KilledBefore,
            Fault::KilledAfter,
            Fault::RequestLost,
            Fault::AnswerLost,
            Fault::Twice,
            Fault::WebhookSwallowed,
            Fault::OutOfOrder,
            Fault::DiskFull,
        ]),
        Place::Api => {
            faults.extend([Fault::KilledBefore, Fault::KilledAfter]);
            faults.extend(STATUSES.map(Fault::Status));
            faults.extend([500, 502, 503].map(Fault::StatusAfter));
            faults.extend([Fault::Timeout, Fault::ResetBefore, Fault::ResetMidBody]);
        }
        Place::Commit => faults.extend([
            Fault::KilledBefore,
            Fault::KilledAfter,
            Fault::CutBefore,
            Fault::CutAfter,
        ]),
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strike_is_read_as_it_is_written() {
        for place in [
            Place::Update,
            Place::Call,
            Place::Execution,
            Place::Webhook,
            Place::Api,
            Place::Commit,
        ] {
            for fault in faults_at(place) {
                let step = Step {
                    place,
                    name: "a:b=c #d".to_owned(),
                    nth: 3,
                };
                let strike = Strike { step, fault };
                assert_eq!(strike.to_string().parse(), Ok(strike));
            }
        }
    }
}
