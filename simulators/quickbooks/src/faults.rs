//! Faults a test orders: one-shot or counted, at named points.

use serde::{Deserialize, Serialize};

/// Where a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Point {
    /// `BeginSession` fails with `hresult`; the connector calls `connectionError`.
    BeginSession,
    /// `ProcessRequest` fails with `hresult`; nothing was executed.
    BeforeExecution,
    /// Committed, then `ProcessRequest` fails with `hresult`.
    AfterCommit,
    /// The connector dies with the request in hand.
    KilledBeforeExecution,
    /// Committed, then the connector dies.
    KilledAfterExecution,
    /// The connector dies instead of calling `receiveResponseXML`.
    ResponseUndelivered,
    /// The call named by `operation` is delivered, but the connector dies before it reads the answer.
    AnswerUnread,
    /// `sendRequestXML` is called twice; the second answer is used.
    SendRequestTwice,
    /// The same document is executed twice, as if QBWC handed it out twice.
    ExecutedTwice,
    /// `receiveResponseXML` is called twice; the second answer is used.
    ReceiveResponseTwice,
    /// The message set is stored without its response: the next check answers 9002.
    SetResponseLost,
    /// The message set is executed but cannot be stored: 9005.
    SetNotStored,
    /// `strHCPResponse` is cut by a typing error, as seen in the wild.
    MalformedHcp,
    /// One record of a query's answer holds an enumeration value or amount the schema lacks (`text`).
    UnreadableRecord,
    /// The answer takes `ms` longer.
    Slow,
    /// One request is answered with `status` and `text`, and not executed.
    RequestStatus,
    /// `closeConnection` never arrives.
    CloseLost,
}

/// A fault.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    /// Where it strikes.
    pub(crate) point: Point,
    /// How often; 1 unless told.
    #[serde(default = "once")]
    pub(crate) times: u32,
    /// How many chances it lets pass first.
    #[serde(default)]
    pub(crate) skip: u32,
    /// Strikes only documents that contain this text (`BillAddRq`).
    #[serde(default)]
    pub(crate) only: Option<String>,
    /// For HRESULT points.
    #[serde(default)]
    pub(crate) hresult: Option<String>,
    /// The message beside the HRESULT or the status.
    #[serde(default)]
    pub(crate) text: Option<String>,
    /// For `slow`.
    #[serde(default)]
    pub(crate) ms: u64,
    /// For `request_status`.
    #[serde(default)]
    pub(crate) status: u32,
    /// For `answer_unread`: the SOAP operation.
    #[serde(default)]
    pub(crate) operation: Option<String>,
}

fn once() -> u32 {
    1
}

/// The faults still to come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) waiting: Vec<Fault>,
}

impl Faults {
    /// Takes the fault that strikes here and now, if one does. `subject` is the document or the operation.
    pub(crate) fn strike(&mut self, point: Point, subject: &str) -> Option<Fault> {
        let at = self.waiting.iter_mut().position(|fault| {
            if fault.point != point
                || fault
                    .only
                    .as_ref()
                    .is_some_and(|only| !subject.contains(only.as_str()))
                || fault.operation.as_ref().is_some_and(|o| o != subject)
            {
                return false;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                return false;
            }
            true
        })?;
        let fault = self.waiting[at].clone();
        self.waiting[at].times = fault.times.saturating_sub(1);
        if self.waiting[at].times == 0 {
            self.waiting.remove(at);
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted_and_skipped() {
        let mut faults = Faults::default();
        let fault: Fault = serde_json::from_value(
            serde_json::json!({"point": "before_execution", "times": 2, "skip": 1, "only": "BillAddRq"}),
        )
        .unwrap();
        faults.waiting.push(fault);
        let struck: Vec<bool> = ["BillAddRq", "VendorAddRq", "BillAddRq", "BillAddRq", "BillAddRq"]
            .iter()
            .map(|s| faults.strike(Point::BeforeExecution, s).is_some())
            .collect();
        assert_eq!(struck, [false, false, true, true, false]);
    }
}
