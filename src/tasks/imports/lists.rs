//! Lists of QuickBooks → the mirror: page by page where QuickBooks can page, in one piece where it cannot.
//!
//! Also the paging that the other imports of lists are built on. What may not live here: what Procore is told.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{local_time, records};
use crate::{
    mirror::{ListKind, ListRead, MirrorRecord},
    qbxml::{
        Access, Request, Response, RetryClass, Status, account, class, customer, employee, item,
        list_deleted::{self, ListDeletedRet},
        list_query::ListQuery,
        other_name, terms, vendor, vendor_type,
    },
    tasks::{Effects, Facts, Failure, FailureCode, Machine, Outcome, Step, Turn, progress::Progress},
};

/// How often a list may begin again before somebody has to look.
const MOST_RESTARTS: u8 = 20;

/// Reads lists into the mirror, one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRefresh {
    /// What is still to be read; the first is being read.
    kinds: Vec<ListKind>,
    /// Lists of which only changes are read, with the latest change seen so far: local time without offset.
    #[serde(default)]
    since: Vec<(ListKind, String)>,
    /// What was deleted from these lists at or after this local time is to be asked for, before anything else.
    #[serde(default)]
    deleted_from: Option<String>,
    /// Where the list that is being read stands.
    cursor: Option<Cursor>,
    /// The latest change seen in the list that is being read.
    watermark: Option<String>,
    /// How often the list that is being read began again.
    restarts: u8,
    /// What a person should know at the end.
    notes: Vec<String>,
    /// What went wrong with a list, while the others went on.
    failure: Option<Failure>,
}

/// The place in a list that is read by pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    /// The update session that holds QuickBooks' iterator; in another session the iterator is dead.
    session: Uuid,
    /// QuickBooks' id of it.
    iterator_id: String,
    /// The page size it was started with; it must stay the same.
    page_size: u16,
    /// How many records QuickBooks said are left.
    remaining: u64,
    /// How many were read.
    #[serde(default)]
    read: u64,
}

/// A page as read.
#[derive(Debug)]
pub(super) struct Page {
    /// The list.
    pub(super) kind: ListKind,
    /// Its records that could be read.
    pub(super) records: Vec<MirrorRecord>,
    /// What follows for the mirror.
    pub(super) effects: Effects,
}

/// What came of an answer.
#[derive(Debug)]
pub(super) enum Taken {
    /// A page, perhaps an empty one.
    Page(Box<Page>),
    /// The same again after a while.
    Later(String),
    /// It makes no sense to go on.
    Failed(Failure),
}

impl ListRefresh {
    /// Reads these lists, in this order.
    pub fn new(kinds: impl IntoIterator<Item = ListKind>) -> Self {
        Self {
            kinds: kinds.into_iter().collect(),
            since: Vec::new(),
            deleted_from: None,
            cursor: None,
            watermark: None,
            restarts: 0,
            notes: Vec::new(),
            failure: None,
        }
    }

    /// Reads what changed in these lists, and what was deleted from them. `seen` is the latest change seen so far of
    /// those that have been read; the others are read whole.
    pub fn changes(kinds: impl IntoIterator<Item = ListKind>, seen: &[(ListKind, String)]) -> Self {
        let mut refresh = Self::new(kinds);
        refresh.since = seen
            .iter()
            .filter(|(kind, _)| refresh.kinds.contains(kind))
            .cloned()
            .collect();
        refresh.deleted_from = refresh
            .since
            .iter()
            .filter_map(|(_, seen)| local_time::overlapping(seen))
            .min();
        refresh
    }

    /// The latest change seen of a list of which only changes are read.
    fn seen(&self, kind: ListKind) -> Option<&str> {
        let found = self.since.iter().find(|(other, _)| *other == kind);
        found.map(|(_, seen)| seen.as_str())
    }

    /// Reads all lists.
    pub fn all() -> Self {
        Self::new(ListKind::ALL)
    }

    /// How far the list is that is being read by pages.
    pub(super) fn progress(&self) -> Option<Progress> {
        let cursor = self.cursor.as_ref()?;
        Some(Progress {
            what: plural(*self.kinds.first()?).to_owned(),
            read: cursor.read,
            left: cursor.remaining,
        })
    }

    /// What is still to be read.
    pub fn remaining(&self) -> &[ListKind] {
        &self.kinds
    }

    /// The next query; none when all is read.
    pub(super) fn request(&self, facts: &Facts<'_>) -> Option<Request> {
        if let Some(from) = &self.deleted_from {
            let types: Vec<&str> = self
                .since
                .iter()
                .flat_map(|(kind, _)| deletion_types(*kind))
                .copied()
                .collect();
            return Some(list_deleted::query(&types, from));
        }
        let kind = *self.kinds.first()?;
        let from = self.seen(kind).and_then(local_time::overlapping);
        let query = ListQuery::all().modified_since(from.as_deref());
        let request = match kind {
            ListKind::Account => account::query(query),
            ListKind::VendorType => vendor_type::query(&query),
            ListKind::Class => class::query(&query),
            ListKind::Terms => terms::query(&query),
            ListKind::Employee => employee::query(query),
            ListKind::OtherName => other_name::query(query),
            ListKind::Item => self.paged(item::query(query), facts),
            ListKind::Vendor => self.paged(vendor::query(query), facts),
            ListKind::Customer => self.paged(customer::query(query), facts),
        };
        Some(request)
    }

    fn paged(&self, request: Request, facts: &Facts<'_>) -> Request {
        match &self.cursor {
            Some(cursor) if cursor.session == facts.session => {
                request.iterator_continue(&cursor.iterator_id, cursor.page_size)
            }
            _ => request.iterator_start(page_size(facts)),
        }
    }

    /// Takes the answer to [`Self::request`].
    pub(super) fn take(&mut self, answers: &[Response], facts: &Facts<'_>) -> Taken {
        let taken = self.answered(answers, facts);
        // Nobody else needs them, and in most company files there are none.
        if !facts.settings.classes_as_cost_types {
            self.kinds.retain(|kind| *kind != ListKind::Class);
        }
        taken
    }

    fn answered(&mut self, answers: &[Response], facts: &Facts<'_>) -> Taken {
        let (Some(kind), [response]) = (self.kinds.first().copied(), answers) else {
            return Taken::Failed(Failure::new(
                FailureCode::UnreadableAnswer,
                format!(
                    "QuickBooks gave {} answers to a query of one list.",
                    answers.len()
                ),
            ));
        };
        let status = &response.status;
        if self.deleted_from.is_some() {
            return self.take_deleted(kind, response);
        }
        if status.code == 3391 {
            return self.restart(kind, status);
        }
        match status.retry_class() {
            RetryClass::Done | RetryClass::Nothing | RetryClass::Warning => self.page(kind, response, facts),
            RetryClass::Again => {
                Taken::Later(format!("The list of {} waits: {}", plural(kind), status.told()))
            }
            // The user lacks the right, or the edition lacks the list: what cannot be read is told, and counts as
            // read, or a restricted user could never export anything.
            _ if matches!(status.code, 1030 | 3250 | 3260 | 3261) => {
                self.notes.push(format!(
                    "The list of {} could not be read, so names in it are not checked: {}",
                    plural(kind),
                    status.told()
                ));
                let mut effects = Effects::default();
                self.complete(kind, &mut effects);
                Taken::Page(Box::new(Page {
                    kind,
                    records: Vec::new(),
                    effects,
                }))
            }
            _ => {
                let words = format!(
                    "The list of {} could not be read: {}",
                    plural(kind),
                    status.told()
                );
                let failure = self.failure.get_or_insert_with(|| Failure {
                    code: FailureCode::Refused,
                    messages: Vec::new(),
                    status_code: Some(status.code),
                });
                failure.messages.push(words);
                self.next();
                Taken::Page(Box::new(Page {
                    kind,
                    records: Vec::new(),
                    effects: Effects::default(),
                }))
            }
        }
    }

    /// Takes what was deleted. Where that cannot be told, nothing else is read: a name that is free again would count as
    /// taken.
    fn take_deleted(&mut self, kind: ListKind, response: &Response) -> Taken {
        let status = &response.status;
        match status.retry_class() {
            RetryClass::Done | RetryClass::Nothing | RetryClass::Warning => {}
            RetryClass::Again => {
                return Taken::Later(format!("What was deleted is not told yet: {}", status.told()));
            }
            _ => {
                return Taken::Failed(Failure {
                    code: FailureCode::Refused,
                    messages: vec![format!(
                        "QuickBooks did not tell what was deleted from its lists: {}",
                        status.told()
                    )],
                    status_code: Some(status.code),
                });
            }
        }
        self.deleted_from = None;
        let mut effects = Effects::default();
        for piece in response.pieces().filter(|piece| piece.name == list_deleted::RET) {
            match piece.read::<ListDeletedRet>() {
                Ok(deleted) => {
                    let of_type =
                        |kind: &ListKind| deletion_types(*kind).contains(&deleted.list_del_type.as_str());
                    if let Some(kind) = self.kinds.iter().copied().find(of_type) {
                        effects.mirror_gone.push((kind, deleted.list_id));
                    }
                }
                Err(error) => effects.unreadable.push(error.to_string()),
            }
        }
        Taken::Page(Box::new(Page {
            kind,
            records: Vec::new(),
            effects,
        }))
    }

    /// Takes a page. One that does not follow on the page before begins the list anew, once: what was read counts.
    fn page(&mut self, kind: ListKind, response: &Response, facts: &Facts<'_>) -> Taken {
        let mut effects = Effects::default();
        let mut read = Vec::new();
        let mut here = 0;
        for piece in response.pieces() {
            here += 1;
            match records::read(kind, &piece) {
                Some(Ok(record)) => {
                    self.watermark = self.watermark.take().max(record.modified);
                    read.push(record.record);
                }
                Some(Err(error)) => {
                    effects.unreadable.push(error.to_string());
                    effects.mirror.extend(records::name_only(kind, &piece));
                }
                None => {}
            }
        }
        effects.mirror.extend(read.iter().cloned());
        let before = self
            .cursor
            .as_ref()
            .filter(|cursor| cursor.session == facts.session);
        if self.restarts == 0 && before.is_some_and(|before| lacks_a_page(before.remaining, here, response)) {
            if let Taken::Failed(failure) = self.restart(kind, &response.status) {
                return Taken::Failed(failure);
            }
            return Taken::Page(Box::new(Page {
                kind,
                records: read,
                effects,
            }));
        }
        match &response.iterator {
            Some(iterator) if iterator.remaining > 0 => {
                if before.is_some_and(|before| before.remaining <= iterator.remaining) {
                    // It does not get on; the pages that were read count, the list begins again.
                    if let Taken::Failed(failure) = self.restart(kind, &response.status) {
                        return Taken::Failed(failure);
                    }
                } else {
                    self.cursor = Some(Cursor {
                        session: facts.session,
                        iterator_id: iterator.id.clone(),
                        page_size: before.map_or_else(|| page_size(facts), |before| before.page_size),
                        remaining: iterator.remaining,
                        read: before.map_or(0, |before| before.read) + here,
                    });
                }
            }
            _ => self.complete(kind, &mut effects),
        }
        Taken::Page(Box::new(Page {
            kind,
            records: read,
            effects,
        }))
    }

    /// The iterator is dead: from the start again. What was read of it before holds already.
    fn restart(&mut self, kind: ListKind, status: &Status) -> Taken {
        self.cursor = None;
        self.restarts = self.restarts.saturating_add(1);
        if self.restarts > MOST_RESTARTS {
            return Taken::Failed(Failure {
                code: FailureCode::GaveUp,
                messages: vec![format!(
                    "The list of {} was begun {MOST_RESTARTS} times and never read to the end: {}",
                    plural(kind),
                    status.told()
                )],
                status_code: Some(status.code),
            });
        }
        Taken::Page(Box::new(Page {
            kind,
            records: Vec::new(),
            effects: Effects::default(),
        }))
    }

    fn complete(&mut self, kind: ListKind, effects: &mut Effects) {
        let seen = self.seen(kind).map(str::to_owned);
        effects.mirrored.push(ListRead {
            kind,
            whole: seen.is_none(),
            watermark: self.watermark.take().max(seen),
        });
        self.next();
    }

    fn next(&mut self) {
        self.kinds.remove(0);
        self.cursor = None;
        self.watermark = None;
        self.restarts = 0;
    }

    /// Whether a list could not be read.
    pub(super) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// How it ended, with what followed last.
    pub(super) fn outcome(&self, effects: Effects) -> Outcome {
        match &self.failure {
            Some(failure) => {
                let mut failure = failure.clone();
                failure.messages.extend(self.notes.iter().cloned());
                Outcome::Failed(failure, effects)
            }
            None => Outcome::Done(effects, self.notes.clone()),
        }
    }
}

impl Machine for ListRefresh {
    fn progress(&self) -> Option<Progress> {
        Self::progress(self)
    }

    fn access(&self) -> Access {
        Access::Read
    }

    fn step(&self, facts: &Facts<'_>) -> Step<Self> {
        match self.request(facts) {
            Some(request) => Step::Ask(vec![request]),
            None => Step::Finished(self.outcome(Effects::default())),
        }
    }

    fn answer(mut self, answers: &[Response], facts: &Facts<'_>) -> Turn<Self> {
        match self.take(answers, facts) {
            Taken::Page(page) if self.kinds.is_empty() => Turn::Finished(self.outcome(page.effects)),
            Taken::Page(page) => Turn::Continue(self, page.effects),
            Taken::Later(reason) => Turn::Later(self, reason),
            Taken::Failed(failure) => Turn::Finished(Outcome::Failed(failure, Effects::default())),
        }
    }
}

/// Whether records are missing between the page before and this one: QuickBooks was given the question twice, say, and the
/// first answer was lost. What somebody deletes meanwhile looks the same, so it is believed the second time.
pub(super) fn lacks_a_page(remaining_before: u64, here: u64, response: &Response) -> bool {
    let remaining = response
        .iterator
        .as_ref()
        .map_or(0, |iterator| iterator.remaining);
    remaining_before > remaining.saturating_add(here)
}

fn page_size(facts: &Facts<'_>) -> u16 {
    facts.settings.page_size.max(1)
}

/// `ListDelType` of what a list can hold.
fn deletion_types(kind: ListKind) -> &'static [&'static str] {
    match kind {
        ListKind::Account => &["Account"],
        ListKind::Vendor => &["Vendor"],
        ListKind::Customer => &["Customer"],
        ListKind::Employee => &["Employee"],
        ListKind::OtherName => &["OtherName"],
        ListKind::VendorType => &["VendorType"],
        ListKind::Class => &["Class"],
        ListKind::Terms => &["StandardTerms", "DateDrivenTerms"],
        ListKind::Item => &[
            "ItemService",
            "ItemNonInventory",
            "ItemOtherCharge",
            "ItemInventory",
            "ItemInventoryAssembly",
            "ItemFixedAsset",
            "ItemSubtotal",
            "ItemDiscount",
            "ItemPayment",
            "ItemSalesTax",
            "ItemSalesTaxGroup",
            "ItemGroup",
        ],
    }
}

/// What a person calls the whole list.
fn plural(kind: ListKind) -> &'static str {
    match kind {
        ListKind::Account => "accounts",
        ListKind::Vendor => "vendors",
        ListKind::Customer => "customers and jobs",
        ListKind::Employee => "employees",
        ListKind::OtherName => "other names",
        ListKind::Item => "items",
        ListKind::VendorType => "vendor types",
        ListKind::Terms => "terms",
        ListKind::Class => "classes",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::imports::fixture::{World, query_answer, vendor_rets};

    fn asked<M: Machine>(machine: &M, world: &World) -> Request {
        match machine.step(&world.facts()) {
            Step::Ask(mut requests) if requests.len() == 1 => requests.remove(0),
            _ => panic!("one request was expected"),
        }
    }

    fn page(from: u32, to: u32, remaining: u64) -> [Response; 1] {
        [Response::ok("VendorQueryRs", &vendor_rets(from..to, &[])).with_iterator("{it}", remaining)]
    }

    fn goes_on(turn: Turn<ListRefresh>) -> (ListRefresh, Effects) {
        match turn {
            Turn::Continue(state, effects) => {
                // What is stored between two calls is all there is.
                let json = serde_json::to_string(&state).unwrap();
                (serde_json::from_str(&json).unwrap(), effects)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn comp_42_a_long_list_is_read_in_pages_and_survives_a_break_in_the_middle() {
        let mut world = World {
            session: Uuid::from_u128(1),
            ..World::default()
        };
        world.settings.page_size = 2;
        let refresh = ListRefresh::new([ListKind::Vendor]);
        let first = asked(&refresh, &world);
        assert_eq!(first.attributes, [("iterator", "Start".to_owned())]);
        assert!(
            first
                .body
                .starts_with("<MaxReturned>2</MaxReturned><ActiveStatus>All</ActiveStatus>"),
            "{}",
            first.body
        );

        let (refresh, effects) = goes_on(refresh.answer(&page(0, 2, 3), &world.facts()));
        assert_eq!(effects.mirror.len(), 2);
        assert!(effects.mirrored.is_empty());
        world.settings.page_size = 500;
        let second = asked(&refresh, &world);
        assert_eq!(
            second.attributes,
            [
                ("iterator", "Continue".to_owned()),
                ("iteratorID", "{it}".to_owned())
            ]
        );
        // The same filters and page size as at the start, whatever the settings say now.
        assert_eq!(second.body, first.body);

        // Two of the three are left, but only one is told to be: a page was lost, and the list begins again. Once: after that
        // somebody deletes what is being read.
        let (anew, effects) = goes_on(refresh.clone().answer(&page(4, 5, 1), &world.facts()));
        assert_eq!(effects.mirror.len(), 1, "what was read counts");
        assert_eq!(
            asked(&anew, &world).attributes,
            [("iterator", "Start".to_owned())]
        );
        world.settings.page_size = 2;
        let (anew, _) = goes_on(anew.answer(&page(0, 2, 3), &world.facts()));
        let (anew, _) = goes_on(anew.answer(&page(4, 5, 1), &world.facts()));
        assert_eq!(asked(&anew, &world).attributes[0].1, "Continue");

        // The session breaks; in the next one the iterator is dead and the list begins again.
        world.session = Uuid::from_u128(2);
        world.settings.page_size = 3;
        let again = asked(&refresh, &world);
        assert_eq!(again.attributes, [("iterator", "Start".to_owned())]);
        let (refresh, effects) = goes_on(refresh.answer(&page(0, 3, 2), &world.facts()));
        assert_eq!(effects.mirror.len(), 3);

        // QuickBooks itself may forget it, too.
        let dead = [Response::failed(
            "VendorQueryRs",
            3391,
            "The iteratorID \"{it}\" is not valid.",
        )];
        let (refresh, effects) = goes_on(refresh.answer(&dead, &world.facts()));
        assert_eq!(effects, Effects::default());
        assert_eq!(
            asked(&refresh, &world).attributes,
            [("iterator", "Start".to_owned())]
        );
        let (refresh, _) = goes_on(refresh.answer(&page(0, 3, 2), &world.facts()));
        let Turn::Finished(Outcome::Done(effects, notes)) = refresh.answer(&page(3, 5, 0), &world.facts())
        else {
            panic!("it is read to the end")
        };
        assert_eq!(effects.mirror.len(), 2);
        assert_eq!(
            effects.mirrored,
            [ListRead {
                kind: ListKind::Vendor,
                watermark: Some("2025-01-01T00:00:04".to_owned()),
                whole: true
            }]
        );
        assert!(notes.is_empty());
    }

    #[test]
    fn an_iterator_that_never_ends_is_given_up() {
        let world = World::default();
        let mut refresh = ListRefresh::new([ListKind::Vendor]);
        for _ in 0..200 {
            match refresh.answer(&page(0, 1, 5), &world.facts()) {
                Turn::Continue(next, _) => refresh = next,
                Turn::Finished(Outcome::Failed(failure, _)) => {
                    assert_eq!(failure.code, FailureCode::GaveUp);
                    return;
                }
                other => panic!("{other:?}"),
            }
        }
        panic!("it never gave up");
    }

    #[test]
    fn all_lists_are_read_and_each_is_complete_once() {
        let world = World::default();
        let mut refresh = ListRefresh::all();
        let mut complete = Vec::new();
        for kind in ListKind::ALL {
            let request = asked(&refresh, &world);
            assert_eq!(
                request.attributes.is_empty(),
                !matches!(kind, ListKind::Vendor | ListKind::Customer | ListKind::Item),
                "{kind:?}"
            );
            match refresh
                .clone()
                .answer(&[Response::failed("Rs", 1, "nothing")], &world.facts())
            {
                Turn::Continue(next, effects) => {
                    refresh = next;
                    complete.extend(effects.mirrored);
                }
                Turn::Finished(Outcome::Done(effects, _)) => complete.extend(effects.mirrored),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(
            complete.iter().map(|read| read.kind).collect::<Vec<_>>(),
            ListKind::ALL
        );
    }

    #[test]
    fn a_missing_right_is_reported_and_the_other_lists_go_on() {
        let world = World::default();
        let refresh = ListRefresh::new([ListKind::Employee, ListKind::OtherName]);
        let refused = [Response::failed("EmployeeQueryRs", 3261, "No permission.")];
        let (refresh, effects) = goes_on(refresh.answer(&refused, &world.facts()));
        assert_eq!(effects.mirrored.len(), 1);
        assert_eq!(effects.mirrored[0].kind, ListKind::Employee);
        let names = "<OtherNameRet><ListID>O1</ListID><Name>Bob</Name></OtherNameRet>";
        let Turn::Finished(Outcome::Done(effects, notes)) =
            refresh.answer(&query_answer(names), &world.facts())
        else {
            panic!("it is not fatal")
        };
        assert_eq!(effects.mirror[0].name, "Bob");
        assert!(
            notes[0].contains("employees") && notes[0].contains("No permission."),
            "{notes:?}"
        );
    }

    #[test]
    fn other_errors_fail_at_the_end_and_a_busy_list_waits() {
        let world = World::default();
        let refresh = ListRefresh::new([ListKind::Terms, ListKind::VendorType]);
        let busy = [Response::failed("TermsQueryRs", 1010, "busy")];
        let Turn::Later(refresh, reason) = refresh.answer(&busy, &world.facts()) else {
            panic!("it waits")
        };
        assert!(reason.contains("terms"), "{reason}");
        let bad = [Response::failed("TermsQueryRs", 3010, "bad")];
        let (refresh, effects) = goes_on(refresh.answer(&bad, &world.facts()));
        assert!(effects.mirrored.is_empty());
        let types =
            "<VendorTypeRet><ListID>T</ListID><Name>Sub</Name><FullName>All:Sub</FullName></VendorTypeRet>";
        let Turn::Finished(Outcome::Failed(failure, effects)) =
            refresh.answer(&query_answer(types), &world.facts())
        else {
            panic!("it failed")
        };
        assert_eq!(failure.status_code, Some(3010));
        assert_eq!(effects.mirror[0].full_name, "All:Sub");
    }

    #[test]
    fn terms_of_both_kinds_and_accounts_are_kept() {
        let world = World::default();
        let refresh = ListRefresh::new([ListKind::Terms]);
        let terms = "<StandardTermsRet><ListID>1</ListID><Name>Net 30</Name></StandardTermsRet>\
                     <DateDrivenTermsRet><ListID>2</ListID><Name>10th</Name></DateDrivenTermsRet>";
        let Turn::Finished(Outcome::Done(effects, _)) = refresh.answer(&query_answer(terms), &world.facts())
        else {
            panic!("done")
        };
        assert_eq!(effects.mirror.len(), 2);
        let refresh = ListRefresh::new([ListKind::Account]);
        let account = "<AccountRet><ListID>A</ListID><Name>Sales</Name><FullName>Income:Sales</FullName>\
                       <IsActive>false</IsActive><AccountType>Income</AccountType><AccountNumber>4000</AccountNumber></AccountRet>";
        let Turn::Finished(Outcome::Done(effects, _)) =
            refresh.answer(&query_answer(account), &world.facts())
        else {
            panic!("done")
        };
        let record = &effects.mirror[0];
        assert_eq!(
            (record.detail.as_deref(), record.is_active, &record.data),
            (Some("Income"), false, &serde_json::json!({"number": "4000"}))
        );
    }
}
