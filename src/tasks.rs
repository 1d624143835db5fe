//! The work: one task is one unit of QuickBooks work, an export or an import, as a resumable state machine.
//!
//! What lives here: the [`Machine`] contract, what a machine is handed ([`Facts`]) and what it gives back
//! ([`Step`], [`Turn`]). Every machine is pure: no I/O, no clock, no randomness; it is tested by feeding it answers.
//! What may not live here: SQL beyond the `queue` module, HTTP, SOAP.
//!
//! To add an export or import: one file beside the others, and one line in [`AnyTask`].

use serde::{Deserialize, Serialize};

use crate::{
    comparison::Compared,
    connections::{company_file::CompanyFile, rights::Rights, settings::Settings},
    job_costs::{JobCostsEffect, JobCostsWanted, KnownJobCosts},
    links::{ItemType, KnownLink, Link, NewLink, ProcoreItem, Twin},
    mirror::{ListKind, ListRead, MirrorRecord, NameHolder},
    qbxml::{Access, Request, Response},
    tie_out::TieOutEffect,
    writebacks::Writeback,
};

pub mod any;
pub mod exports;
pub mod failure;
pub mod imports;
pub mod lookup;
pub mod preview;
pub mod progress;
pub mod queue;
pub mod reconcile;
pub mod rights;
pub mod tie_out;
pub mod traces;
pub mod unlink;

pub use any::AnyTask;
pub use failure::{Failure, FailureCode};

/// What a machine needs to know before it can take its next step. The edge looks these up, for a whole batch at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// Names to look up in the name space that vendors, customers, employees and other names share.
    pub names: Vec<String>,
    /// Item `FullName`s to look up in the mirror, of any item kind.
    pub item_names: Vec<String>,
    /// Item `ListID`s to look up in the mirror.
    pub item_ids: Vec<String>,
    /// Classes' `FullName`s to look up in the mirror.
    pub class_names: Vec<String>,
    /// Procore records whose link to QuickBooks is needed.
    pub links: Vec<ProcoreItem>,
    /// QuickBooks ids (bills, payments, vendors …) whose link to Procore is needed.
    pub linked_ids: Vec<String>,
    /// Payments already known of these QuickBooks payment `TxnID`s.
    pub payments: Vec<String>,
    /// The next links of a type, after a Procore id, with what is known of their records.
    pub links_after: Option<(ItemType, i64)>,
    /// Records of lists that bear the same `ExternalGUID` as another.
    pub twins: bool,
    /// What is known of job costs (`JobCostsImport` alone, of which a connection has one at a time).
    pub job_costs: Option<JobCostsWanted>,
    /// Up to when cost codes have been offered to budgets (`StandardCostCodesImport` alone).
    pub budget_codes: bool,
}

/// What the edge found for a task's [`Wants`], together with what every task may know.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The connection's settings.
    pub settings: &'a Settings,
    /// What is known of the company file that is open in this update session.
    pub company: &'a CompanyFile,
    /// The update session that asks. Iterators live and die with it.
    pub session: uuid::Uuid,
    /// Holders of the wanted names.
    pub names: &'a [NameHolder],
    /// Mirrored items that match the wanted names or ids.
    pub items: &'a [MirrorRecord],
    /// Mirrored classes with the wanted names.
    pub classes: &'a [MirrorRecord],
    /// Links that match the wanted Procore records or QuickBooks ids.
    pub links: &'a [Link],
    /// Payments known of the wanted payment ids.
    pub payments: &'a [crate::payments::KnownPayment],
    /// The wanted page of links, in the order of their ids: a full one has [`LINKS_PAGE`].
    pub page: &'a [KnownLink],
    /// The wanted twins.
    pub twins: &'a [Twin],
    /// What is known of job costs.
    pub job_costs: &'a KnownJobCosts,
    /// When the newest cost code that budgets were offered was made, in QuickBooks' local time.
    pub budget_codes_until: Option<&'a str>,
}

/// Links that are looked up at once.
pub const LINKS_PAGE: usize = 200;
/// The most twins that are looked up.
pub const MOST_TWINS: usize = 200;

impl Facts<'_> {
    /// The link of a Procore record, if it has one.
    pub fn link_of(&self, item: ProcoreItem) -> Option<&Link> {
        self.links.iter().find(|link| link.item == item)
    }

    /// The link of a QuickBooks record, if it has one.
    pub fn link_to(&self, quickbooks_id: &str) -> Option<&Link> {
        self.links.iter().find(|link| link.quickbooks_id == quickbooks_id)
    }

    /// The mirrored item with this `ListID`.
    pub fn item(&self, list_id: &str) -> Option<&MirrorRecord> {
        self.items.iter().find(|item| item.list_id == list_id)
    }

    /// The mirrored item with this `FullName`; QuickBooks compares names without case.
    pub fn item_named(&self, full_name: &str) -> Option<&MirrorRecord> {
        let key = crate::mirror::name_key(full_name);
        self.items.iter().find(|item| item.full_name_key() == key)
    }

    /// Everyone who holds this name among vendors, customers, employees and other names.
    pub fn holders<'b>(&'b self, name: &str) -> impl Iterator<Item = &'b NameHolder> {
        let key = crate::mirror::name_key(name);
        self.names.iter().filter(move |holder| holder.name_key == key)
    }
}

/// What a task does next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step<S> {
    /// Ask QuickBooks. All requests of one step have the same [`Access`]; they are answered in order.
    Ask(Vec<Request>),
    /// Nothing to ask: it is already known what comes of it.
    Finished(Outcome),
    /// Nothing to ask in this state, but the task goes on from another; the effects hold already. The next state's
    /// [`Machine::wants`] are looked up before its step is taken.
    Advance(S, Effects),
}

impl<S> Step<S> {
    /// The same step with its state put into another type.
    pub fn map<T>(self, into: impl FnOnce(S) -> T) -> Step<T> {
        match self {
            Self::Ask(requests) => Step::Ask(requests),
            Self::Finished(outcome) => Step::Finished(outcome),
            Self::Advance(state, effects) => Step::Advance(into(state), effects),
        }
    }
}

/// What an answer led to.
#[derive(Clone, Debug, PartialEq)]
pub enum Turn<S> {
    /// The task goes on from this state; the effects hold already (a page of an import, say).
    Continue(S, Effects),
    /// The task has ended.
    Finished(Outcome),
    /// The same step again after a while: the record is locked, say. The reason is shown to whoever waits.
    Later(S, String),
}

impl<S> Turn<S> {
    /// The same turn with its state put into another type.
    pub fn map<T>(self, into: impl FnOnce(S) -> T) -> Turn<T> {
        match self {
            Self::Continue(state, effects) => Turn::Continue(into(state), effects),
            Self::Finished(outcome) => Turn::Finished(outcome),
            Self::Later(state, reason) => Turn::Later(into(state), reason),
        }
    }
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Done. What follows from it, and what the Procore user reads (may be empty).
    Done(Effects, Vec<String>),
    /// Not done, and why. What had taken effect before stays.
    Failed(Failure, Effects),
}

/// What follows from an answer. Written in one transaction with the task's new state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// Links to store. Each also goes to Procore as external data, in the same order.
    pub links: Vec<NewLink>,
    /// Links to forget (their QuickBooks record is gone, or a user unlinked them).
    pub unlinked: Vec<ProcoreItem>,
    /// What was read of the company file's lists.
    pub mirror: Vec<MirrorRecord>,
    /// The list kinds that have now been read to the end, with the watermark for the next incremental read.
    pub mirrored: Vec<ListRead>,
    /// Records that were deleted from lists.
    pub mirror_gone: Vec<(ListKind, String)>,
    /// What is now known of payments.
    pub payments: Vec<crate::payments::KnownPayment>,
    /// Calls that are owed to Procore, in order, before the request detail is closed.
    pub writebacks: Vec<Writeback>,
    /// Records that could not be read, each with what is wrong with it: listed, while the rest goes on.
    pub unreadable: Vec<String>,
    /// From when payments are read the next time (`PaymentsImport` alone).
    pub payments_watermark: Option<String>,
    /// When the newest cost code was made that budgets have now been offered (`StandardCostCodesImport` alone).
    pub budget_codes_until: Option<String>,
    /// A part of a comparison that has been done (`Reconcile` alone).
    pub compared: Option<Box<Compared>>,
    /// What was read of job costs, in order.
    pub job_costs: Vec<JobCostsEffect>,
    /// What was read for the tie-out, in order.
    pub tie_out: Vec<TieOutEffect>,
    /// What may be read (`RightsCheck` alone).
    pub rights: Option<Rights>,
}

impl Effects {
    /// Adds what follows from something else.
    pub fn extend(&mut self, other: Self) {
        self.links.extend(other.links);
        self.unlinked.extend(other.unlinked);
        self.mirror.extend(other.mirror);
        self.mirrored.extend(other.mirrored);
        self.mirror_gone.extend(other.mirror_gone);
        self.payments.extend(other.payments);
        self.writebacks.extend(other.writebacks);
        self.unreadable.extend(other.unreadable);
        self.job_costs.extend(other.job_costs);
        self.tie_out.extend(other.tie_out);
        self.payments_watermark = other.payments_watermark.or(self.payments_watermark.take());
        self.budget_codes_until = other.budget_codes_until.or(self.budget_codes_until.take());
        self.compared = other.compared.or(self.compared.take());
        self.rights = other.rights.or(self.rights.take());
    }
}

/// One kind of QuickBooks work. The implementing type *is* the state; it is stored as JSON between two calls.
pub trait Machine: Serialize + for<'de> Deserialize<'de> + Sized {
    /// What the next step depends on.
    fn wants(&self) -> Wants {
        Wants::default()
    }

    /// Whether the next step reads or writes. Reads and writes travel in different message sets.
    fn access(&self) -> Access;

    /// What to ask QuickBooks next.
    fn step(&self, facts: &Facts<'_>) -> Step<Self>;

    /// What the reading of the answers depends on, if it is less than what the step depended on.
    fn answer_wants(&self) -> Wants {
        self.wants()
    }

    /// Takes QuickBooks' answers to the last [`Step::Ask`], one per request, in order.
    fn answer(self, answers: &[Response], facts: &Facts<'_>) -> Turn<Self>;

    /// Whether QuickBooks would take the same write a second time without a word: transactions, whose numbers it does not
    /// check. Such a write is looked for before it is sent again.
    fn may_stand_twice(&self) -> bool {
        false
    }

    /// How far it is with what it is reading by pages.
    fn progress(&self) -> Option<progress::Progress> {
        None
    }

    /// QuickBooks cannot say what became of the last write (message set status 600, 9001, 9002, 9005):
    /// go and look, never send again blindly. Reads are simply asked again.
    fn outcome_unknown(self) -> Turn<Self> {
        Turn::Continue(self, Effects::default())
    }
}
