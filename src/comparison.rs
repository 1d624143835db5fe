//! The comparison of our links with what stands in QuickBooks: what it can find, and the last report of each connection.
//!
//! What may not live here: how QuickBooks is asked; that is `tasks::reconcile`.

use serde::{Deserialize, Serialize};

use crate::links::ProcoreItem;

pub mod store;

/// What is the matter with a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Its record is not in QuickBooks, and QuickBooks does not know that it was deleted.
    Missing,
    /// A person has deleted its record in QuickBooks.
    Deleted,
    /// Another record bears our own id for it.
    Doubled,
    /// Its record was changed since Plumbline last saw it. For information: that is everyday work.
    Changed,
    /// QuickBooks did not answer the question.
    NotCompared,
}

impl What {
    /// All of them, the gravest first.
    pub const ALL: [Self; 5] = [
        Self::Missing,
        Self::Deleted,
        Self::Doubled,
        Self::NotCompared,
        Self::Changed,
    ];

    /// The name in the database and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Deleted => "deleted",
            Self::Doubled => "doubled",
            Self::Changed => "changed",
            Self::NotCompared => "not_compared",
        }
    }

    /// Reads the name in the database.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.as_str() == text)
    }

    /// Whether the record is not there.
    pub fn is_gone(self) -> bool {
        matches!(self, Self::Missing | Self::Deleted)
    }
}

/// Something a person should know of one link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The Procore side.
    pub item: ProcoreItem,
    /// What is the matter.
    pub what: What,
    /// The QuickBooks side.
    pub quickbooks_id: String,
    /// What a person calls the QuickBooks record: `bill 9348`.
    pub record: String,
    /// The matter in words.
    pub words: String,
}

/// A part of a comparison that has been done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Links that were compared.
    pub links: u32,
    /// What was found.
    pub findings: Vec<Finding>,
    /// Whether all links have now been compared.
    pub ended: bool,
    /// Writing is paused for this reason.
    pub pause: Option<String>,
}
