//! Everything that keeps a record from being written, gathered, so that its user mends it in one go.

use crate::tasks::{Failure, FailureCode};

/// Faults found on the way, by what has to be done about them.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// The settings are missing or wrong.
    pub(super) setting: Vec<String>,
    /// Something it depends on is not in QuickBooks.
    pub(super) not_synced: Vec<String>,
    /// A field cannot be stored as it is.
    pub(super) invalid: Vec<String>,
}

impl Faults {
    /// Notes a value that is not as it must be, and goes on without it.
    pub(super) fn noted<T: Default>(&mut self, value: Result<T, String>) -> T {
        value.unwrap_or_else(|fault| {
            self.invalid.push(fault);
            T::default()
        })
    }

    /// All of them as one failure, with the code of the weightiest; `Ok` if there is none.
    pub(super) fn into_result(self) -> Result<(), Failure> {
        let code = if !self.setting.is_empty() {
            FailureCode::Setting
        } else if !self.not_synced.is_empty() {
            FailureCode::NotSynced
        } else if !self.invalid.is_empty() {
            FailureCode::InvalidField
        } else {
            return Ok(());
        };
        let messages = [self.setting, self.not_synced, self.invalid].concat();
        Err(Failure::all(code, messages))
    }
}

/// `The commitment …` within a sentence: `the commitment …`.
pub(super) fn within(what: &str) -> String {
    what.strip_prefix("The ")
        .map_or_else(|| what.to_owned(), |rest| format!("the {rest}"))
}

/// An id or number as Procore tells it; an empty one is none.
pub(super) fn told(text: Option<&String>) -> Option<String> {
    text.map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
}
