//! The message-set store: what QuickBooks remembers, per application, of the sets it was given under a
//! `newMessageSetID`. It is part of the company file: restoring a backup restores it too.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest, Sha256};

use crate::qbxml::{answer::Out, document::Document, status::Status};

/// The longest ID QuickBooks takes.
const MAX_ID: usize = 23;

/// Identity of what a request wrote, for `ErrorRecovery`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recovery {
    /// `ListID` or `TxnID`.
    pub(crate) element: &'static str,
    pub(crate) id: String,
    pub(crate) txn_number: Option<u32>,
    pub(crate) edit_sequence: Option<i64>,
    pub(crate) external_guid: Option<String>,
}

impl Recovery {
    pub(crate) fn out(&self) -> Out {
        let mut children = vec![Out::leaf(self.element, self.id.clone())];
        children.extend(self.txn_number.map(|n| Out::leaf("TxnNumber", n.to_string())));
        children.extend(
            self.edit_sequence
                .map(|s| Out::leaf("EditSequence", s.to_string())),
        );
        children.extend(self.external_guid.clone().map(|g| Out::leaf("ExternalGUID", g)));
        Out::group("ErrorRecovery", children)
    }
}

/// What is kept of one response.
#[derive(Clone, Debug)]
pub(crate) struct StoredResponse {
    pub(crate) name: String,
    pub(crate) request_id: Option<String>,
    pub(crate) status: Status,
    pub(crate) recovery: Option<Recovery>,
}

#[derive(Clone, Debug)]
struct Stored {
    checksum: [u8; 32],
    responses: Option<Vec<StoredResponse>>,
}

/// The store.
#[derive(Clone, Debug, Default)]
pub(crate) struct MessageSets {
    sets: HashMap<(String, String), Stored>,
}

/// What to do with a set.
#[derive(Clone, Debug)]
pub(crate) enum Decision {
    /// Execute; store under the new ID if there is one. The code, if the answer carries one.
    Execute { code: Option<u32> },
    /// Answer what is stored.
    Stored(Vec<StoredResponse>),
    /// Do nothing.
    Refuse(u32),
}

fn checksum(content: &str) -> [u8; 32] {
    Sha256::digest(content.as_bytes()).into()
}

impl MessageSets {
    /// Decides by the table of the specification, dropping what the set asks to drop.
    pub(crate) fn decide(
        &mut self,
        application: &str,
        document: &Document,
        unknown_old_executes: bool,
    ) -> Decision {
        let key = |id: &str| (application.to_owned(), id.to_owned());
        if let Some(new) = &document.new_set
            && new.chars().count() > MAX_ID
        {
            return Decision::Refuse(9004);
        }
        if let Some(old) = document.old_set.as_deref() {
            if old == "ClearAllMessageSets" {
                self.sets.retain(|(app, _), _| app != application);
            } else if document.new_set.as_deref() != Some(old) {
                let found = self.sets.remove(&key(old)).is_some();
                if document.new_set.is_none() && !found {
                    return if unknown_old_executes {
                        Decision::Execute { code: Some(600) }
                    } else {
                        Decision::Refuse(600)
                    };
                }
            }
        }
        let Some(new) = &document.new_set else {
            return Decision::Execute {
                code: document.old_set.is_some().then_some(0),
            };
        };
        match self.sets.get(&key(new)) {
            None => Decision::Execute { code: Some(0) },
            Some(Stored { responses: None, .. }) => Decision::Refuse(9002),
            Some(stored)
                if document.content.trim().is_empty() || stored.checksum == checksum(&document.content) =>
            {
                Decision::Stored(stored.responses.clone().unwrap_or_default())
            }
            Some(_) => Decision::Refuse(9001),
        }
    }

    /// Keeps the state of an executed set; without responses it is as good as lost.
    pub(crate) fn store(
        &mut self,
        application: &str,
        id: &str,
        content: &str,
        responses: Option<Vec<StoredResponse>>,
    ) {
        self.sets.insert(
            (application.to_owned(), id.to_owned()),
            Stored {
                checksum: checksum(content),
                responses,
            },
        );
    }

    /// Application → IDs, for the dump.
    pub(crate) fn keys(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut out: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (application, id) in self.sets.keys() {
            out.entry(application).or_default().push(id);
        }
        for ids in out.values_mut() {
            ids.sort_unstable();
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qbxml::document::OnError;

    fn set(new: Option<&str>, old: Option<&str>, content: &str) -> Document {
        Document {
            new_set: new.map(str::to_owned),
            old_set: old.map(str::to_owned),
            on_error: OnError::Stop,
            include_none: false,
            content: content.to_owned(),
            requests: Vec::new(),
        }
    }

    fn code(decision: &Decision) -> (&'static str, Option<u32>) {
        match decision {
            Decision::Execute { code } => ("execute", *code),
            Decision::Stored(_) => ("stored", Some(0)),
            Decision::Refuse(code) => ("nothing", Some(*code)),
        }
    }

    #[test]
    fn the_table_literally() {
        let mut store = MessageSets::default();
        let ask = |store: &mut MessageSets, new, old, content| {
            code(&store.decide("app", &set(new, old, content), true))
        };
        assert_eq!(ask(&mut store, None, None, "<A/>"), ("execute", None));
        assert_eq!(ask(&mut store, Some("x"), None, "<A/>"), ("execute", Some(0)));
        store.store("app", "x", "<A/>", Some(Vec::new()));
        assert_eq!(ask(&mut store, Some("x"), None, "<A/>"), ("stored", Some(0)));
        assert_eq!(ask(&mut store, Some("x"), Some("x"), ""), ("stored", Some(0)));
        assert_eq!(ask(&mut store, Some("x"), None, "<B/>"), ("nothing", Some(9001)));
        assert_eq!(
            ask(&mut store, Some("012345678901234567890123"), None, "<A/>"),
            ("nothing", Some(9004))
        );
        assert_eq!(
            code(&store.decide("other", &set(Some("x"), None, "<A/>"), true)),
            ("execute", Some(0))
        );
        store.store("app", "lost", "<A/>", None);
        assert_eq!(
            ask(&mut store, Some("lost"), None, "<A/>"),
            ("nothing", Some(9002))
        );
        assert_eq!(
            ask(&mut store, Some("y"), Some("x"), "<A/>"),
            ("execute", Some(0))
        );
        assert_eq!(
            ask(&mut store, Some("x"), None, "<B/>"),
            ("execute", Some(0)),
            "x was dropped"
        );
        store.store("app", "y", "<A/>", Some(Vec::new()));
        assert_eq!(ask(&mut store, None, Some("y"), "<A/>"), ("execute", Some(0)));
        assert_eq!(ask(&mut store, None, Some("y"), "<A/>"), ("execute", Some(600)));
        assert_eq!(
            code(&store.decide("app", &set(None, Some("y"), "<A/>"), false)),
            ("nothing", Some(600))
        );
        store.store("app", "z", "<A/>", Some(Vec::new()));
        assert_eq!(
            ask(&mut store, None, Some("ClearAllMessageSets"), ""),
            ("execute", Some(0))
        );
        assert!(store.keys().is_empty());
    }
}
