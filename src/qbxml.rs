//! qbXML, QuickBooks' language: requests, responses, message sets, status codes, text. Knows nothing of Procore.
//!
//! One file per QuickBooks object. Requests are written by `yaserde` in schema order; responses are first guarded and
//! cut into records by `quick-xml`, then read record by record.

use serde::{Deserialize, Serialize};

pub mod account;
pub mod address;
pub mod bill;
pub mod bill_payment;
pub mod class;
pub mod company;
pub mod company_file;
pub mod cost_transaction;
pub mod customer;
pub mod employee;
pub mod estimate;
pub mod host;
pub mod identity;
pub mod invoice;
pub mod item;
pub mod job_report;
pub mod list_deleted;
pub mod list_query;
pub mod list_ref;
pub mod message_set;
pub mod money;
pub mod other_name;
pub mod preferences;
pub mod proposal;
pub mod purchase_order;
pub mod readable;
mod request;
pub mod response;
pub mod standing;
pub mod status;
pub mod terms;
pub mod text;
pub mod totals;
mod transaction;
pub mod txn_deleted;
pub mod vendor;
pub mod vendor_credit;
pub mod vendor_type;
mod xml_text;

pub use list_ref::ListRef;
pub use message_set::{MessageSetId, Version, write_message_set, write_tagged};
pub use money::{Money, MoneyError, Price, Quantity};
pub use response::{ErrorRecovery, MessageSetAnswer, Response, UnreadableRecord, read_message_set};
pub use status::{RetryClass, Severity, Status};
pub(crate) use xml_text::xml_text;

/// Whether a request reads or writes. Only writes carry a message set id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// A query.
    Read,
    /// An Add, Mod, Del or Void.
    Write,
}

impl Access {
    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// One request of a message set, ready to be written, without its `requestID`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The element, `VendorAddRq` say.
    pub element: &'static str,
    /// Attributes besides `requestID`: `iterator`, `iteratorID`, `metaData`.
    pub attributes: Vec<(&'static str, String)>,
    /// The content, in schema order.
    pub body: String,
    /// Whether it reads or writes.
    pub access: Access,
}

/// What is asked back after an Add or Mod of a list record: enough to link it. The names are for people who read the
/// stored answer.
const WRITTEN: [&str; 6] = [
    "ListID",
    "TimeModified",
    "EditSequence",
    "Name",
    "FullName",
    "ExternalGUID",
];

/// Whether two GUIDs are the same, however they are written: with or without braces, in either case.
pub fn same_guid(one: &str, other: &str) -> bool {
    let bare = |guid: &str| {
        guid.trim()
            .trim_start_matches('{')
            .trim_end_matches('}')
            .to_ascii_lowercase()
    };
    bare(one) == bare(other)
}
