//! What the answer to an Add of a list record means for the export that sent it, and who holds a name.
//!
//! What may not live here: what is done about it; that is each export's own.

use crate::{
    mirror::ListKind,
    qbxml::{
        ErrorRecovery, Request, Response, RetryClass, Status, customer, employee, list_query::ListQuery,
        other_name, same_guid, vendor,
    },
    tasks::{Failure, FailureCode},
};

/// What came of an Add.
#[derive(Debug)]
pub(super) enum Added {
    /// It is there.
    Done(ErrorRecovery),
    /// The name is taken.
    Taken,
    /// The same again after a while.
    Later(String),
    /// QuickBooks does not say whether it is there: go and look.
    Unsure,
    /// Refused.
    Refused(Failure),
}

/// Reads the answer to an Add of one record. `what` is what a person calls it: `The vendor "Acme"`.
pub(super) fn added(answers: &[Response], ret: &str, what: &str) -> Added {
    let [response] = answers else {
        return Added::Refused(unreadable(
            what,
            "QuickBooks did not give one answer to one request.",
        ));
    };
    let status = &response.status;
    // Decide by the record, not by the code: an Add answered with a warning has happened (qbxml.md §4).
    if !status.is_error() {
        return response.written(ret).map_or(Added::Unsure, Added::Done);
    }
    match status.code {
        3100 => Added::Taken,
        3230 | 3240 => Added::Unsure,
        _ if status.retry_class() == RetryClass::Again => {
            Added::Later(format!("{what} waits: {}", status.told()))
        }
        _ => Added::Refused(refused(what, status)),
    }
}

/// A refusal of QuickBooks, told.
pub(super) fn refused(what: &str, status: &Status) -> Failure {
    Failure {
        code: FailureCode::Refused,
        messages: vec![format!("{what} was not written to QuickBooks. {}", status.told())],
        status_code: Some(status.code),
    }
}

/// An answer that does not fit the question.
pub(super) fn unreadable(what: &str, why: &str) -> Failure {
    Failure::new(
        FailureCode::UnreadableAnswer,
        format!("{what}: {why} The answer is kept for support."),
    )
}

/// A record that holds a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    /// The list it is in.
    pub(super) kind: ListKind,
    /// Its id.
    pub(super) list_id: String,
    /// Its name, as written there.
    pub(super) full_name: String,
    /// Inactive ones hold their names too.
    pub(super) is_active: bool,
    /// Its `EditSequence`.
    pub(super) edit_sequence: Option<String>,
    /// Our own GUID, where we made it.
    pub(super) external_guid: Option<String>,
    /// The element it came as, `ItemServiceRet` say.
    pub(super) element: String,
}

impl Holder {
    /// Whether it carries this GUID.
    pub(super) fn is(&self, external_guid: &str) -> bool {
        self.external_guid
            .as_deref()
            .is_some_and(|guid| same_guid(guid, external_guid))
    }

    /// What a person calls it: `the inactive vendor "Acme"`.
    pub(super) fn label(&self) -> String {
        let inactive = if self.is_active { "" } else { "inactive " };
        format!(
            "the {inactive}{} \"{}\"",
            word(self.kind, &self.full_name),
            self.full_name
        )
    }
}

/// What a person calls a holder of a name: a path has a job at its end, a plain name is a customer.
pub(super) fn word(kind: ListKind, full_name: &str) -> &'static str {
    match kind {
        ListKind::Customer if full_name.contains(':') => "job",
        ListKind::Customer => "customer",
        kind => kind.word(),
    }
}

/// Why a look-up gave no result.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The same again after a while.
    Later(String),
    /// It will not work.
    Failed(Failure),
}

/// The lists that share one name space.
const SHARED: [ListKind; 4] = [
    ListKind::Vendor,
    ListKind::Customer,
    ListKind::Employee,
    ListKind::OtherName,
];

/// Asks who holds a name among vendors, customers, employees and other names, active or not.
pub(super) fn ask_holders(name: &str) -> Vec<Request> {
    SHARED
        .into_iter()
        .map(|kind| {
            let query = ListQuery::by_names([name]);
            match kind {
                ListKind::Customer => customer::query(query),
                ListKind::Employee => employee::query(query),
                ListKind::OtherName => other_name::query(query),
                _ => vendor::query(query),
            }
        })
        .collect()
}

/// Reads the answers to [`ask_holders`]. A list the user may not see counts as one without the name.
pub(super) fn read_holders(answers: &[Response], what: &str) -> Result<Vec<Holder>, Trouble> {
    if answers.len() != SHARED.len() {
        return Err(Trouble::Failed(unreadable(
            what,
            "QuickBooks did not answer every query of the look-up.",
        )));
    }
    let mut holders = Vec::new();
    for (kind, response) in SHARED.into_iter().zip(answers) {
        holders.extend(found(kind, response, what, kind != ListKind::Vendor)?);
    }
    Ok(holders)
}

/// The records a query by name or id found; none is a result. `may_be_hidden`: a missing right counts as none.
pub(super) fn found(
    kind: ListKind,
    response: &Response,
    what: &str,
    may_be_hidden: bool,
) -> Result<Vec<Holder>, Trouble> {
    let status = &response.status;
    match status.retry_class() {
        RetryClass::Done | RetryClass::Nothing | RetryClass::Warning => {}
        RetryClass::Again => return Err(Trouble::Later(format!("{what} waits: {}", status.told()))),
        _ if status.code == 3120 => return Ok(Vec::new()),
        _ if may_be_hidden && matches!(status.code, 1030 | 3250 | 3260 | 3261) => return Ok(Vec::new()),
        _ => {
            return Err(Trouble::Failed(Failure {
                code: FailureCode::Refused,
                messages: vec![format!(
                    "{what} was not written: QuickBooks could not be asked whether it is there. {}",
                    status.told()
                )],
                status_code: Some(status.code),
            }));
        }
    }
    // Only names and ids matter here, so a record that could not be read whole still counts.
    Ok(response
        .pieces()
        .filter(|piece| piece.name.ends_with("Ret"))
        .filter_map(|piece| {
            Some(Holder {
                kind,
                list_id: piece.text("ListID").filter(|id| !id.is_empty())?,
                full_name: piece
                    .text("FullName")
                    .or_else(|| piece.text("Name"))
                    .unwrap_or_default(),
                is_active: piece.text("IsActive").as_deref() != Some("false"),
                edit_sequence: piece.text("EditSequence"),
                external_guid: piece.text("ExternalGUID"),
                element: piece.name.to_owned(),
            })
        })
        .collect())
}

/// Another name to propose, within QuickBooks' length: `Acme (Vendor)`.
pub(super) fn other_name_for(name: &str, suffix: &str, max: usize) -> String {
    let tail = format!(" ({suffix})");
    let room = max.saturating_sub(tail.chars().count());
    let head: String = name.chars().take(room).collect();
    format!("{}{tail}", head.trim_end())
}
