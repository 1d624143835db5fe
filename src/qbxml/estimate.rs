//! Estimates: what Procore calls a budget. Non-posting; one of a job, whose lines name items.

use yaserde::{YaDeserialize, YaSerialize};

use super::{Access, ListRef, Money, Price, Request, transaction::TransactionQuery};

/// The longest text of a line.
pub const DESC_MAX: usize = 4095;
/// The longest memo.
pub const MEMO_MAX: usize = 4095;
/// The `TxnLineID` of a line that is not there yet (qbxml.md §10).
pub const NEW_LINE: &str = "-1";

/// A new estimate, in schema order.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize)]
pub struct EstimateAdd {
    /// The job.
    #[yaserde(rename = "CustomerRef")]
    pub customer: ListRef,
    /// A note.
    #[yaserde(rename = "Memo")]
    pub memo: Option<String>,
    /// Our own id for it, in braces.
    #[yaserde(rename = "ExternalGUID")]
    pub external_guid: Option<String>,
    /// Its lines, in order.
    #[yaserde(rename = "EstimateLineAdd")]
    pub lines: Vec<EstimateLineAdd>,
}

/// A line of a new estimate, in schema order. The rate is the cost, for job costing: an amount alone has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize)]
pub struct EstimateLineAdd {
    /// The cost code's item.
    #[yaserde(rename = "ItemRef")]
    pub item: ListRef,
    /// Its text.
    #[yaserde(rename = "Desc")]
    pub desc: Option<String>,
    /// What it costs.
    #[yaserde(rename = "Rate")]
    pub rate: Option<Price>,
    /// What it earns, where it costs nothing. Never together with the rate.
    #[yaserde(rename = "Amount")]
    pub amount: Option<Money>,
}

/// An estimate to change, in schema order. Every line that is not named is deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize)]
pub struct EstimateMod {
    /// Which.
    #[yaserde(rename = "TxnID")]
    pub txn_id: String,
    /// As it was read; QuickBooks refuses any other (3200).
    #[yaserde(rename = "EditSequence")]
    pub edit_sequence: String,
    /// All its lines, in the order they are to have.
    #[yaserde(rename = "EstimateLineMod")]
    pub lines: Vec<EstimateLineMod>,
}

/// A line of an estimate to change: one that is kept is its id alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaSerialize)]
pub struct EstimateLineMod {
    /// Its id, or [`NEW_LINE`].
    #[yaserde(rename = "TxnLineID")]
    pub txn_line_id: String,
    /// The cost code's item.
    #[yaserde(rename = "ItemRef")]
    pub item: Option<ListRef>,
    /// Its text.
    #[yaserde(rename = "Desc")]
    pub desc: Option<String>,
    /// What it costs.
    #[yaserde(rename = "Rate")]
    pub rate: Option<Price>,
    /// What it earns, where it costs nothing.
    #[yaserde(rename = "Amount")]
    pub amount: Option<Money>,
}

impl EstimateLineMod {
    /// A line that stays as it is.
    pub fn kept(txn_line_id: &str) -> Self {
        Self {
            txn_line_id: txn_line_id.to_owned(),
            ..Self::default()
        }
    }

    /// A line to append.
    pub fn new(line: EstimateLineAdd) -> Self {
        Self {
            txn_line_id: NEW_LINE.to_owned(),
            item: Some(line.item),
            desc: line.desc,
            rate: line.rate,
            amount: line.amount,
        }
    }
}

#[derive(YaSerialize)]
struct EstimateAddRq {
    #[yaserde(rename = "EstimateAdd")]
    add: EstimateAdd,
    #[yaserde(rename = "IncludeRetElement")]
    include: Vec<String>,
}

#[derive(YaSerialize)]
struct EstimateModRq {
    #[yaserde(rename = "EstimateMod")]
    change: EstimateMod,
    #[yaserde(rename = "IncludeRetElement")]
    include: Vec<String>,
}

/// An estimate, as far as we ask for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct EstimateRet {
    /// Its id.
    #[yaserde(rename = "TxnID")]
    pub txn_id: String,
    /// Changes with every change.
    #[yaserde(rename = "EditSequence")]
    pub edit_sequence: Option<String>,
    /// Its number; QuickBooks gives it.
    #[yaserde(rename = "RefNumber")]
    pub ref_number: Option<String>,
    /// The sum of its lines, with what sales tax there is.
    #[yaserde(rename = "TotalAmount")]
    pub total_amount: Option<Money>,
    /// Our own id for it, where we made it.
    #[yaserde(rename = "ExternalGUID")]
    pub external_guid: Option<String>,
    /// Its lines, in order.
    #[yaserde(rename = "EstimateLineRet")]
    pub lines: Vec<EstimateLineRet>,
    /// Group lines that a person added: they must be known, or a change would delete them.
    #[yaserde(rename = "EstimateLineGroupRet")]
    pub groups: Vec<EstimateLineGroupRet>,
}

/// A line of an estimate, as far as we use it.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct EstimateLineRet {
    /// Its id.
    #[yaserde(rename = "TxnLineID")]
    pub txn_line_id: String,
    /// The cost code's item.
    #[yaserde(rename = "ItemRef")]
    pub item: Option<ListRef>,
    /// Its text.
    #[yaserde(rename = "Desc")]
    pub desc: Option<String>,
    /// The sum of the line.
    #[yaserde(rename = "Amount")]
    pub amount: Option<Money>,
}

/// A group of items on an estimate, as far as we use it.
#[derive(Clone, Debug, Default, PartialEq, Eq, YaDeserialize)]
pub struct EstimateLineGroupRet {
    /// Its id.
    #[yaserde(rename = "TxnLineID")]
    pub txn_line_id: String,
}

/// What is asked back, lines included.
const WANTED: [&str; 7] = [
    "TxnID",
    "EditSequence",
    "RefNumber",
    "TotalAmount",
    "ExternalGUID",
    "EstimateLineRet",
    "EstimateLineGroupRet",
];

fn wanted() -> Vec<String> {
    WANTED.map(str::to_owned).to_vec()
}

/// Adds it; the answer holds its id and its lines.
pub fn add(add: EstimateAdd) -> Request {
    let model = EstimateAddRq {
        add,
        include: wanted(),
    };
    Request::new("EstimateAddRq", Access::Write, &model)
}

/// Changes it; the answer holds all its lines.
pub fn modify(change: EstimateMod) -> Request {
    let model = EstimateModRq {
        change,
        include: wanted(),
    };
    Request::new("EstimateModRq", Access::Write, &model)
}

/// Asks for one estimate with its lines.
pub fn by_id(txn_id: &str) -> Request {
    TransactionQuery::by_id(txn_id).request("EstimateQueryRq", &WANTED)
}

/// Asks for the estimates of a job with their lines.
pub fn of_job(list_id: &str) -> Request {
    TransactionQuery::of_entities(&[list_id.to_owned()]).request("EstimateQueryRq", &WANTED)
}
