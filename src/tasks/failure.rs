//! Why a task failed: a stable code for machines and metrics, and words for the person who has to act.

use serde::{Deserialize, Serialize};

/// The kinds of failure an operator counts and a person acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// A field of the Procore record cannot be stored in QuickBooks as it is (length, characters, empty).
    InvalidField,
    /// The name is taken in QuickBooks.
    NameInUse,
    /// A setting of the connection is missing or wrong.
    Setting,
    /// Something the record depends on is not in QuickBooks.
    NotSynced,
    /// The amounts do not add up.
    AmountMismatch,
    /// QuickBooks refused the request; the message carries its status code and text.
    Refused,
    /// QuickBooks could not read the request (0x80040400). A fault of ours; the XML is kept.
    Malformed,
    /// QuickBooks' answer could not be read. The raw answer is kept.
    UnreadableAnswer,
    /// The edition or country of the company file does not offer this.
    NotAvailable,
    /// This build does not know the event.
    UnknownEvent,
    /// Tried as often as is sensible.
    GaveUp,
}

impl FailureCode {
    /// The code as it stands in the database, in metrics and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidField => "invalid_field",
            Self::NameInUse => "name_in_use",
            Self::Setting => "setting",
            Self::NotSynced => "not_synced",
            Self::AmountMismatch => "amount_mismatch",
            Self::Refused => "refused",
            Self::Malformed => "malformed",
            Self::UnreadableAnswer => "unreadable_answer",
            Self::NotAvailable => "not_available",
            Self::UnknownEvent => "unknown_event",
            Self::GaveUp => "gave_up",
        }
    }
}

/// A failure, told so that whoever reads it knows what happened, to which record, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// For machines.
    pub code: FailureCode,
    /// One or more sentences for the Procore user; each becomes a message of the request detail.
    pub messages: Vec<String>,
    /// QuickBooks' own status code, where it gave one.
    pub status_code: Option<i32>,
}

impl Failure {
    /// A failure with one message.
    pub fn new(code: FailureCode, message: impl Into<String>) -> Self {
        Self {
            code,
            messages: vec![message.into()],
            status_code: None,
        }
    }

    /// A failure with several messages, one per thing to mend.
    pub fn all(code: FailureCode, messages: Vec<String>) -> Self {
        Self {
            code,
            messages,
            status_code: None,
        }
    }

    /// The messages as one text.
    pub fn text(&self) -> String {
        self.messages.join(" ")
    }
}
