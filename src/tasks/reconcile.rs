//! Our links ↔ QuickBooks: is each record still there, once, and as we know it? Reads only, and by lists of ids, so that
//! a lost session costs one page and nothing else.
//!
//! What may not live here: what is done about what is found; a person decides that.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    AnyTask, Effects, Facts, Failure, FailureCode, LINKS_PAGE, MOST_TWINS, Machine, Outcome, Step, Turn,
    Wants, queue::NewTask,
};
use crate::{
    comparison::{Compared, Finding, What},
    connections::argument,
    links::{ItemType, KnownLink, Link, ProcoreItem, Twin, guid::external_guid},
    mirror::ListKind,
    qbxml::{
        Access, Request, Response,
        identity::{self, Asked, Identity, RecordKind},
        same_guid,
    },
};

/// The subject of comparisons: one of a connection runs at a time.
pub const SUBJECT: &str = "reconcile";
/// Ids that are asked for one by one in one message set.
const ALONE_AT_ONCE: usize = 100;
/// The most records a reason names.
const MOST_EXAMPLES: usize = 2;

/// The types of link that are compared, in this order. Lines go with their commitment or invoice.
const TYPES: [ItemType; 9] = [
    ItemType::Vendor,
    ItemType::Project,
    ItemType::SubJob,
    ItemType::StandardCostCode,
    ItemType::CostCode,
    ItemType::WorkOrderContract,
    ItemType::PurchaseOrderContract,
    ItemType::Requisition,
    ItemType::PaymentApplication,
];

/// Names of the compared types in the database, for counting.
pub fn compared_types() -> Vec<&'static str> {
    TYPES.map(ItemType::as_str).into()
}

/// The QuickBooks record behind a link of this type, where the link names just one.
pub fn record_kind(item_type: ItemType) -> Option<RecordKind> {
    Some(match item_type {
        ItemType::Vendor => RecordKind::Vendor,
        ItemType::Project | ItemType::SubJob => RecordKind::Customer,
        ItemType::StandardCostCode => RecordKind::Item,
        ItemType::WorkOrderContract | ItemType::PurchaseOrderContract => RecordKind::PurchaseOrder,
        ItemType::Requisition => RecordKind::Bill,
        ItemType::PaymentApplication => RecordKind::Invoice,
        _ => return None,
    })
}

/// The same, of a link: it says itself where its type does not.
pub fn kind_of(link: &Link) -> Option<RecordKind> {
    link.stands_as.or_else(|| record_kind(link.item.item_type))
}

/// A comparison of all links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconcile {
    /// The Procore company; our own ids for QuickBooks records are derived from it.
    company_id: i64,
    /// The connection's name.
    connection: String,
    /// Pause writing if records are missing: the company file was accepted under a new name, path or year.
    pause_if_missing: bool,
    /// Records missing that nobody has explained.
    missing: u32,
    /// The first of them.
    examples: Vec<String>,
    /// How far it is.
    stage: Stage,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    /// Take the next links of a type.
    Collect { place: usize, after: i64 },
    /// Ask for all records of a page at once.
    Together(Page),
    /// Ask one by one for those that did not come.
    Alone(Page),
    /// Ask whether what is not there was deleted.
    Deleted(Page),
    /// Take the records that bear the same id of ours.
    Twins,
    /// Ask whether they are still there.
    AskTwins(Vec<Twin>),
}

/// Links of one type that are being compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Page {
    place: usize,
    links: Vec<KnownLink>,
    /// Still to be asked for.
    todo: Vec<Id>,
    found: Vec<(RecordKind, Identity)>,
    absent: Vec<Id>,
    /// Not answered, and why.
    refused: Vec<(Id, String)>,
    /// Transactions with the same numbers.
    others: Vec<Identity>,
    /// Among the absent, what was deleted.
    deleted: Vec<String>,
}

/// A QuickBooks record.
type Id = (RecordKind, String);

/// The records a link stands for.
fn ids_of(link: &KnownLink) -> Vec<Id> {
    let link = &link.link;
    if let Some(kind) = kind_of(link) {
        return vec![(kind, link.quickbooks_id.clone())];
    }
    // A project's cost code: its job and its item.
    match link.origin_id.split_once('|') {
        Some((job, item)) => vec![
            (RecordKind::Customer, job.trim().to_owned()),
            (RecordKind::Item, item.trim().to_owned()),
        ],
        None => vec![(RecordKind::Item, link.quickbooks_id.clone())],
    }
}

impl Page {
    fn new(place: usize, links: Vec<KnownLink>) -> Self {
        let ids: BTreeSet<Id> = links.iter().flat_map(ids_of).collect();
        Self {
            place,
            links,
            todo: ids.into_iter().collect(),
            ..Self::default()
        }
    }

    /// What is asked for at once: each kind's ids, and the numbers of transactions, for another one may bear our id.
    fn together(&self) -> Vec<(RecordKind, Request)> {
        let mut requests = Vec::new();
        for kind in RecordKind::ALL {
            let ids: Vec<String> = self
                .todo
                .iter()
                .filter(|(of, _)| *of == kind)
                .map(|(_, id)| id.clone())
                .collect();
            if ids.is_empty() {
                continue;
            }
            requests.push((kind, kind.by_ids(&ids)));
            let numbers: BTreeSet<String> = self
                .links
                .iter()
                .filter_map(|link| link.link.origin_code.clone())
                .filter(|number| !number.trim().is_empty())
                .collect();
            let numbers: Vec<String> = numbers.into_iter().collect();
            if !numbers.is_empty() {
                requests.extend(kind.by_ref_numbers(&numbers).map(|request| (kind, request)));
            }
        }
        requests
    }

    fn alone(&self) -> Vec<(Id, Request)> {
        self.todo
            .iter()
            .take(ALONE_AT_ONCE)
            .map(|id| (id.clone(), id.0.by_ids(std::slice::from_ref(&id.1))))
            .collect()
    }

    fn deletions(&self) -> Vec<Request> {
        let kinds: BTreeSet<RecordKind> = self.absent.iter().map(|(kind, _)| *kind).collect();
        identity::deleted(&kinds.into_iter().collect::<Vec<_>>())
    }

    fn refuse(&mut self, kind: RecordKind, why: &str) {
        let (refused, todo) = self.todo.drain(..).partition(|(of, _)| *of == kind);
        self.todo = todo;
        let refused: Vec<Id> = refused;
        self.refused
            .extend(refused.into_iter().map(|id| (id, why.to_owned())));
    }

    fn forget_found(&mut self) {
        let found = &self.found;
        self.todo
            .retain(|(kind, id)| !found.iter().any(|(of, record)| of == kind && record.id == *id));
    }

    /// Where the page goes on once nothing is left to ask for.
    fn next(self) -> Stage {
        if self.todo.is_empty() {
            Stage::Deleted(self)
        } else {
            Stage::Alone(self)
        }
    }
}

impl Reconcile {
    /// Compares all links of a connection. `company_id` is the Procore company's.
    pub fn new(company_id: i64, connection: &str, pause_if_missing: bool) -> Self {
        Self {
            company_id,
            connection: connection.to_owned(),
            pause_if_missing,
            missing: 0,
            examples: Vec::new(),
            stage: Stage::Collect { place: 0, after: 0 },
        }
    }

    /// For the queue. `first`: before anything else, for everything else waits for it.
    pub fn into_new_task(self, first: bool) -> NewTask {
        NewTask {
            subject: SUBJECT.to_owned(),
            label: "Comparison of all links with QuickBooks".to_owned(),
            task: AnyTask::Reconcile(self),
            detail: None,
            erp_request_id: None,
            needs: Vec::new(),
            priority: if first { 0 } else { super::queue::BACKGROUND },
        }
    }

    fn at(&self, stage: Stage) -> Self {
        Self {
            stage,
            ..self.clone()
        }
    }

    fn goes_on(&self, stage: Stage) -> Turn<Self> {
        Turn::Continue(self.at(stage), Effects::default())
    }

    /// What is said of a page of which all is known, and where it goes on.
    fn concluded(mut self, page: &Page) -> Turn<Self> {
        let mut compared = Compared {
            links: u32::try_from(page.links.len()).unwrap_or(u32::MAX),
            ..Compared::default()
        };
        for link in &page.links {
            compared.findings.extend(self.judge(link, page));
        }
        let after = page.links.last().map_or(0, |link| link.link.item.id);
        self.stage = Stage::Collect {
            place: page.place,
            after,
        };
        let effects = Effects {
            compared: Some(Box::new(compared)),
            ..Effects::default()
        };
        Turn::Continue(self, effects)
    }

    fn judge(&mut self, known: &KnownLink, page: &Page) -> Vec<Finding> {
        let link = &known.link;
        let ids = ids_of(known);
        let of = |what, record: String, words: String| Finding {
            item: link.item,
            what,
            quickbooks_id: link.quickbooks_id.clone(),
            record,
            words,
        };
        let name = link.origin_code.as_deref().or(known.name.as_deref());
        let record = record(link.item.item_type, link.stands_as, name, &link.quickbooks_id);
        if let Some((_, why)) = page.refused.iter().find(|(id, _)| ids.contains(id)) {
            return vec![of(
                What::NotCompared,
                record,
                format!("QuickBooks did not say: {why}"),
            )];
        }
        let guid = external_guid(self.company_id, link.item);
        let twins: Vec<&Identity> = page
            .others
            .iter()
            .filter(|other| {
                other.id != link.quickbooks_id
                    && other
                        .external_guid
                        .as_deref()
                        .is_some_and(|theirs| same_guid(theirs, &guid))
            })
            .collect();
        let absent: Vec<&Id> = ids.iter().filter(|id| page.absent.contains(id)).collect();
        let twin_ids = twins
            .iter()
            .map(|twin| twin.id.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        if !absent.is_empty() && !twins.is_empty() {
            // Forgetting it would let it be written a second time.
            let words = format!(
                "it is gone, but {twin_ids} bears the same number and Plumbline's own id for it: link the record to that one"
            );
            return vec![of(What::Doubled, record, words)];
        }
        if !absent.is_empty() {
            let deleted = absent.iter().all(|(_, id)| page.deleted.contains(id));
            if deleted {
                let words = "deleted there; exporting it again makes it anew".to_owned();
                return vec![of(What::Deleted, record, words)];
            }
            if !known.known_gone {
                self.missing = self.missing.saturating_add(1);
                if self.examples.len() < MOST_EXAMPLES {
                    self.examples.push(record.clone());
                }
            }
            let words = if ids.len() > 1 {
                "its job or its item is not in this company file".to_owned()
            } else {
                "not in this company file, nor deleted in it".to_owned()
            };
            return vec![of(What::Missing, record, words)];
        }
        let mut findings = Vec::new();
        if !twins.is_empty() {
            let words = format!("{twin_ids} bears the same number and Plumbline's own id: it stands twice");
            findings.push(of(What::Doubled, record.clone(), words));
        }
        if let [(kind, id)] = ids.as_slice()
            && let Some((_, stands)) = page.found.iter().find(|(of, one)| of == kind && one.id == *id)
            && let Some(words) = changes(*kind, known, stands)
        {
            findings.push(of(What::Changed, record, words));
        }
        findings
    }

    fn collected(&self, place: usize, after: i64, facts: &Facts<'_>) -> Step<Self> {
        let Some(item_type) = TYPES.get(place).copied() else {
            return Step::Advance(self.at(Stage::Twins), Effects::default());
        };
        let links: Vec<KnownLink> = facts
            .page
            .iter()
            .filter(|known| known.link.item.item_type == item_type && known.link.item.id > after)
            .take(LINKS_PAGE)
            .cloned()
            .collect();
        let stage = if links.is_empty() {
            Stage::Collect {
                place: place + 1,
                after: 0,
            }
        } else {
            Stage::Together(Page::new(place, links))
        };
        Step::Advance(self.at(stage), Effects::default())
    }

    fn answered_together(self, mut page: Page, answers: &[Response]) -> Turn<Self> {
        let asked = page.together();
        if asked.len() != answers.len() {
            return unanswered(asked.len(), answers.len());
        }
        for ((kind, request), response) in asked.iter().zip(answers) {
            let by_number = kind.is_transaction() && request.body.starts_with("<RefNumber>");
            match kind.found(response) {
                Asked::Found(found) if by_number => page.others.extend(found),
                Asked::Found(found) => page.found.extend(found.into_iter().map(|record| (*kind, record))),
                Asked::Later(reason) => return Turn::Later(self, waits(&reason)),
                // Whether another one bears the number is then not known; that ours is there still is.
                Asked::Refused(_) if by_number => {}
                Asked::Refused(why) => page.refuse(*kind, &why),
            }
        }
        page.forget_found();
        self.asked_on(page)
    }

    fn answered_alone(self, mut page: Page, answers: &[Response]) -> Turn<Self> {
        let asked = page.alone();
        if asked.len() != answers.len() {
            return unanswered(asked.len(), answers.len());
        }
        for ((id, _), response) in asked.into_iter().zip(answers) {
            match id.0.found(response) {
                Asked::Found(found) => {
                    match found.into_iter().find(|record| record.id == id.1) {
                        Some(record) => page.found.push((id.0, record)),
                        None => page.absent.push(id.clone()),
                    }
                    page.todo.retain(|other| *other != id);
                }
                Asked::Later(reason) => return Turn::Later(self, waits(&reason)),
                Asked::Refused(why) => {
                    page.todo.retain(|other| *other != id);
                    page.refused.push((id, why));
                }
            }
        }
        self.asked_on(page)
    }

    fn asked_on(self, page: Page) -> Turn<Self> {
        match page.next() {
            Stage::Deleted(page) if page.absent.is_empty() => self.concluded(&page),
            stage => self.goes_on(stage),
        }
    }

    fn answered_deleted(self, mut page: Page, answers: &[Response]) -> Turn<Self> {
        match identity::deleted_ids(answers) {
            Ok(ids) => page.deleted = ids,
            Err(Asked::Later(reason)) => return Turn::Later(self, waits(&reason)),
            // Then it is not known whether a person deleted them.
            Err(_) => {}
        }
        // Only what concerns this page is kept.
        let absent: BTreeSet<&str> = page.absent.iter().map(|(_, id)| id.as_str()).collect();
        page.deleted.retain(|id| absent.contains(id.as_str()));
        self.concluded(&page)
    }

    /// Records that may bear an id of ours which another one has by right: they must still be there to count.
    fn answered_twins(self, twins: &[Twin], answers: &[Response]) -> Turn<Self> {
        let asked = suspects(twins);
        if asked.len() != answers.len() {
            return unanswered(asked.len(), answers.len());
        }
        let mut doubled: Vec<(ProcoreItem, &Twin, Vec<String>)> = Vec::new();
        for ((suspect, kind), response) in asked.into_iter().zip(answers) {
            let found = match kind.found(response) {
                Asked::Found(found) => found,
                Asked::Later(reason) => return Turn::Later(self, waits(&reason)),
                Asked::Refused(_) => continue,
            };
            let stands = found.iter().any(|record| {
                record.id == suspect.list_id
                    && record
                        .external_guid
                        .as_deref()
                        .is_some_and(|guid| same_guid(guid, &suspect.external_guid))
            });
            if !stands {
                continue;
            }
            for ours in twins {
                let Some(item) = ours.item else { continue };
                if ours.kind != suspect.kind || ours.external_guid != suspect.external_guid {
                    continue;
                }
                let told = format!("\"{}\" ({})", suspect.full_name, suspect.list_id);
                match doubled.iter_mut().find(|(known, _, _)| *known == item) {
                    Some((_, _, names)) => names.push(told),
                    None => doubled.push((item, ours, vec![told])),
                }
            }
        }
        let findings = doubled
            .into_iter()
            .map(|(item, ours, names)| Finding {
                item,
                what: What::Doubled,
                quickbooks_id: ours.list_id.clone(),
                record: record(item.item_type, None, Some(&ours.full_name), &ours.list_id),
                words: format!(
                    "{} bears Plumbline's own id too: it stands twice",
                    names.join(", ")
                ),
            })
            .collect();
        Turn::Finished(self.outcome(findings))
    }

    fn outcome(&self, findings: Vec<Finding>) -> Outcome {
        let pause = (self.pause_if_missing && self.missing > 0).then(|| self.reason());
        let said = pause.iter().cloned().collect();
        let compared = Compared {
            findings,
            ended: true,
            pause,
            ..Compared::default()
        };
        let effects = Effects {
            compared: Some(Box::new(compared)),
            ..Effects::default()
        };
        Outcome::Done(effects, said)
    }

    fn reason(&self) -> String {
        let name = argument(&self.connection);
        let many = if self.missing == 1 {
            "1 record that Plumbline knows of is".to_owned()
        } else {
            format!("{} records that Plumbline knows of are", self.missing)
        };
        format!(
            "{many} not in the company file, and not deleted in it either: for example {}. It is an older state of the books. \
             Nothing is written. `plumbline connection reconcile {name}` lists what is missing, and with --forget-missing forgets \
             the links, so that exporting the records again makes them anew. `plumbline connection resume {name}` then goes on.",
            self.examples.join(" and ")
        )
    }
}

/// Records that bear an id of ours and are linked to nothing, with their kind.
fn suspects(twins: &[Twin]) -> Vec<(&Twin, RecordKind)> {
    twins
        .iter()
        .filter(|twin| twin.item.is_none())
        .filter_map(|twin| {
            let kind = match twin.kind {
                ListKind::Vendor => RecordKind::Vendor,
                ListKind::Customer => RecordKind::Customer,
                ListKind::Item => RecordKind::Item,
                _ => return None,
            };
            Some((twin, kind))
        })
        .take(MOST_TWINS)
        .collect()
}

/// What a person calls a QuickBooks record: `bill 9348`, `vendor "Acme"`; its id where no name is known.
pub fn record(
    item_type: ItemType,
    stands_as: Option<RecordKind>,
    name: Option<&str>,
    quickbooks_id: &str,
) -> String {
    let kind = stands_as.or_else(|| record_kind(item_type));
    let word = match item_type {
        ItemType::Project | ItemType::SubJob => "job",
        ItemType::CostCode => "job and item of a cost code",
        _ => kind.map_or("record", RecordKind::word),
    };
    match name.map(str::trim).filter(|name| !name.is_empty()) {
        Some(name) if kind.is_some_and(RecordKind::is_transaction) => {
            format!("{word} {name}")
        }
        Some(name) if item_type != ItemType::CostCode => format!("{word} \"{name}\""),
        _ => format!("{word} {quickbooks_id}"),
    }
}

/// What has changed of a record, in words.
fn changes(kind: RecordKind, known: &KnownLink, stands: &Identity) -> Option<String> {
    let link = &known.link;
    let mut told = Vec::new();
    let before = if kind.is_transaction() {
        link.origin_code.as_deref()
    } else {
        known.name.as_deref()
    };
    let word = if kind.is_transaction() { "number" } else { "name" };
    if let (Some(before), Some(now)) = (before, stands.name.as_deref())
        && before.trim() != now.trim()
    {
        told.push(format!("its {word} is now \"{now}\" (was \"{before}\")"));
    }
    if !stands.is_active {
        told.push("it is inactive, so nothing new can refer to it".to_owned());
    }
    let last = known.read_as.as_deref().or(link.edit_sequence.as_deref());
    if told.is_empty()
        && let (Some(last), Some(now)) = (last, stands.edit_sequence.as_deref())
        && last != now
    {
        let words = match kind {
            RecordKind::Bill | RecordKind::Invoice => "it was changed since; a payment does that too",
            RecordKind::PurchaseOrder => "it was changed since; a bill that receives it does that too",
            RecordKind::VendorCredit => "it was changed since; applying it to a bill does that too",
            _ => "it was changed since",
        };
        told.push(words.to_owned());
    }
    (!told.is_empty()).then(|| told.join("; "))
}

fn waits(reason: &str) -> String {
    format!("The comparison waits: {reason}")
}

fn unanswered<S>(asked: usize, answered: usize) -> Turn<S> {
    Turn::Finished(Outcome::Failed(
        Failure::new(
            FailureCode::UnreadableAnswer,
            format!(
                "QuickBooks gave {answered} answers to {asked} questions, so the comparison could not go on. The answer is kept \
                 for support. Run `plumbline connection reconcile` again."
            ),
        ),
        Effects::default(),
    ))
}

impl Machine for Reconcile {
    fn wants(&self) -> Wants {
        match &self.stage {
            Stage::Collect { place, after } => Wants {
                links_after: TYPES.get(*place).map(|item_type| (*item_type, *after)),
                ..Wants::default()
            },
            Stage::Twins => Wants {
                twins: true,
                ..Wants::default()
            },
            _ => Wants::default(),
        }
    }

    fn access(&self) -> Access {
        Access::Read
    }

    fn step(&self, facts: &Facts<'_>) -> Step<Self> {
        match &self.stage {
            Stage::Collect { place, after } => self.collected(*place, *after, facts),
            Stage::Together(page) => {
                Step::Ask(page.together().into_iter().map(|(_, request)| request).collect())
            }
            Stage::Alone(page) => Step::Ask(page.alone().into_iter().map(|(_, request)| request).collect()),
            Stage::Deleted(page) => Step::Ask(page.deletions()),
            Stage::Twins if suspects(facts.twins).is_empty() => Step::Finished(self.outcome(Vec::new())),
            Stage::Twins => Step::Advance(self.at(Stage::AskTwins(facts.twins.to_vec())), Effects::default()),
            Stage::AskTwins(twins) => Step::Ask(
                suspects(twins)
                    .into_iter()
                    .map(|(twin, kind)| kind.by_ids(std::slice::from_ref(&twin.list_id)))
                    .collect(),
            ),
        }
    }

    fn answer(mut self, answers: &[Response], _: &Facts<'_>) -> Turn<Self> {
        let stage = std::mem::replace(&mut self.stage, Stage::Twins);
        // Whatever is asked again is asked from the same state.
        let same = self.at(stage.clone());
        match stage {
            Stage::Together(page) => same.answered_together(page, answers),
            Stage::Alone(page) => same.answered_alone(page, answers),
            Stage::Deleted(page) => same.answered_deleted(page, answers),
            Stage::AskTwins(twins) => same.answered_twins(&twins, answers),
            Stage::Collect { .. } | Stage::Twins => Turn::Continue(same, Effects::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::imports::fixture::World;

    const COMPANY: i64 = 7;

    fn known(item_type: ItemType, id: i64, quickbooks_id: &str, name: &str) -> KnownLink {
        let transaction = record_kind(item_type).is_some_and(RecordKind::is_transaction);
        KnownLink {
            link: Link {
                item: ProcoreItem::new(item_type, id),
                origin_id: quickbooks_id.to_owned(),
                origin_code: transaction.then(|| name.to_owned()),
                quickbooks_id: quickbooks_id.to_owned(),
                edit_sequence: Some("1".to_owned()),
                stands_as: None,
            },
            name: (!transaction).then(|| name.to_owned()),
            read_as: None,
            known_gone: false,
        }
    }

    fn ret(element: &str, id: &str, name: &str, rest: &str) -> String {
        let (key, label) = if matches!(element, "BillRet" | "PurchaseOrderRet" | "VendorCreditRet") {
            ("TxnID", "RefNumber")
        } else {
            ("ListID", "FullName")
        };
        format!(
            "<{element}><{key}>{id}</{key}><EditSequence>1</EditSequence><{label}>{name}</{label}>{rest}</{element}>"
        )
    }

    fn ok(content: &str) -> Response {
        Response::ok("Rs", content)
    }

    fn status(code: i32) -> Response {
        Response::failed("Rs", code, "words")
    }

    /// Steps without questions until there is one; `Err` at the end. What is stored between two calls is all there is.
    fn asked(mut task: Reconcile, links: &[KnownLink]) -> Result<(Reconcile, Vec<Request>), Box<Outcome>> {
        loop {
            let world = World {
                page: match task.wants().links_after {
                    Some((item_type, after)) => links
                        .iter()
                        .filter(|known| known.link.item.item_type == item_type && known.link.item.id > after)
                        .take(LINKS_PAGE)
                        .cloned()
                        .collect(),
                    None => Vec::new(),
                },
                ..World::default()
            };
            match task.step(&world.facts()) {
                Step::Ask(requests) => {
                    let stored = serde_json::to_value(&task).unwrap();
                    return Ok((serde_json::from_value(stored).unwrap(), requests));
                }
                Step::Finished(outcome) => return Err(Box::new(outcome)),
                Step::Advance(next, effects) => {
                    assert_eq!(effects, Effects::default());
                    task = next;
                }
            }
        }
    }

    /// Answers and goes on; what was found.
    fn answered(task: Reconcile, answers: &[Response]) -> (Reconcile, Vec<Finding>) {
        match task.answer(answers, &World::default().facts()) {
            Turn::Continue(next, effects) => {
                let findings = effects.compared.map(|compared| compared.findings);
                (next, findings.unwrap_or_default())
            }
            other => panic!("{other:?}"),
        }
    }

    fn ended(outcome: Outcome) -> Compared {
        let Outcome::Done(effects, _) = outcome else {
            panic!("{outcome:?}")
        };
        let compared = effects.compared.unwrap();
        assert!(compared.ended);
        *compared
    }

    fn start(pause: bool) -> Reconcile {
        Reconcile::new(COMPANY, "Demo Builders", pause)
    }

    #[test]
    fn without_links_nothing_is_asked() {
        let compared = ended(*asked(start(true), &[]).unwrap_err());
        assert_eq!((compared.links, compared.pause), (0, None));
    }

    #[test]
    fn love_10_all_there_and_unchanged_is_no_finding() {
        let links = [
            known(ItemType::Vendor, 1, "V1", "Acme"),
            known(ItemType::Vendor, 2, "V2", "Bolt"),
            known(ItemType::Requisition, 9, "B9", "9348"),
        ];
        let (task, requests) = asked(start(true), &links).unwrap();
        assert_eq!(requests.len(), 1);
        assert!(
            requests[0]
                .body
                .starts_with("<ListID>V1</ListID><ListID>V2</ListID><IncludeRetElement>")
        );
        let both = ret("VendorRet", "V1", "Acme", "") + &ret("VendorRet", "V2", "Bolt", "");
        let (task, found) = answered(task, &[ok(&both)]);
        assert_eq!(found, []);
        // Transactions also by their numbers.
        let (task, requests) = asked(task, &links).unwrap();
        assert!(requests[0].body.starts_with("<TxnID>B9</TxnID>"));
        assert!(requests[1].body.starts_with("<RefNumber>9348</RefNumber>"));
        let bill = ok(&ret("BillRet", "B9", "9348", ""));
        let (task, found) = answered(task, &[bill.clone(), bill]);
        assert_eq!(found, []);
        assert_eq!(ended(*asked(task, &links).unwrap_err()).pause, None);
    }

    #[test]
    fn love_10_a_long_list_is_compared_page_by_page() {
        let links: Vec<KnownLink> = (1..=450)
            .map(|id| known(ItemType::Vendor, id, &format!("V{id}"), "x"))
            .collect();
        let mut task = start(false);
        let mut sizes = Vec::new();
        while let Ok((next, requests)) = asked(task.clone(), &links) {
            let ids: Vec<&str> = requests[0]
                .body
                .split("<ListID>")
                .skip(1)
                .map(|part| part.split('<').next().unwrap())
                .collect();
            let all: String = ids.iter().map(|id| ret("VendorRet", id, "x", "")).collect();
            sizes.push(ids.len());
            task = answered(next, &[ok(&all)]).0;
        }
        assert_eq!(sizes, [200, 200, 50]);
    }

    #[test]
    fn love_10_one_missing_id_spoils_the_answer_and_each_is_asked_alone() {
        let links = [
            known(ItemType::Vendor, 1, "V1", "Acme"),
            known(ItemType::Vendor, 2, "V2", "Bolt"),
            known(ItemType::Vendor, 3, "V3", "Cole"),
        ];
        let (task, _) = asked(start(true), &links).unwrap();
        let (task, _) = answered(task, &[status(3120)]);
        let (task, requests) = asked(task, &links).unwrap();
        assert_eq!(requests.len(), 3);
        let there = ok(&ret("VendorRet", "V1", "Acme", ""));
        let (task, found) = answered(task, &[there, status(3120), status(500)]);
        assert_eq!(found, []);
        // Were they deleted?
        let (task, requests) = asked(task, &links).unwrap();
        assert_eq!(requests[0].element, "ListDeletedQueryRq");
        let deleted = ok("<ListDeletedRet><ListID>V3</ListID></ListDeletedRet>");
        let (task, found) = answered(task, &[deleted]);
        let told: Vec<_> = found
            .iter()
            .map(|finding| (finding.item.id, finding.what, finding.record.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (2, What::Missing, "vendor \"Bolt\""),
                (3, What::Deleted, "vendor \"Cole\"")
            ]
        );
        let pause = ended(*asked(task, &links).unwrap_err()).pause.unwrap();
        for part in [
            "1 record",
            "vendor \"Bolt\"",
            "`plumbline connection reconcile \"Demo Builders\"`",
            "--forget-missing",
            "`plumbline connection resume \"Demo Builders\"`",
        ] {
            assert!(pause.contains(part), "{part}: {pause}");
        }
    }

    #[test]
    fn what_is_known_to_be_gone_pauses_nothing() {
        let mut gone = known(ItemType::Requisition, 1, "B1", "9348");
        gone.known_gone = true;
        let links = [gone];
        let (task, _) = asked(start(true), &links).unwrap();
        let (task, _) = answered(task, &[status(500), status(1)]);
        let (task, _) = asked(task, &links).unwrap();
        let (task, _) = answered(task, &[status(500)]);
        let (task, _) = asked(task, &links).unwrap();
        let (task, found) = answered(task, &[status(1)]);
        assert_eq!(found[0].what, What::Missing);
        assert_eq!(ended(*asked(task, &links).unwrap_err()).pause, None);
    }

    #[test]
    fn love_10_changes_are_told_as_what_they_are() {
        let vendor = known(ItemType::Vendor, 1, "V1", "Acme");
        let bill = known(ItemType::Requisition, 1, "B1", "9348");
        let stands = |id: &str, edit: &str, name: &str, is_active| Identity {
            id: id.to_owned(),
            edit_sequence: Some(edit.to_owned()),
            name: Some(name.to_owned()),
            is_active,
            external_guid: None,
        };
        let vendor_is = |stands| changes(RecordKind::Vendor, &vendor, &stands);
        assert_eq!(vendor_is(stands("V1", "1", "Acme", true)), None);
        assert!(
            vendor_is(stands("V1", "2", "Acme Inc.", true))
                .unwrap()
                .contains("was \"Acme\"")
        );
        assert!(
            vendor_is(stands("V1", "1", "Acme", false))
                .unwrap()
                .contains("inactive")
        );
        assert_eq!(
            vendor_is(stands("V1", "2", "Acme", true)).unwrap(),
            "it was changed since"
        );
        let paid = changes(RecordKind::Bill, &bill, &stands("B1", "2", "9348", true)).unwrap();
        assert!(paid.contains("a payment does that too"), "{paid}");
        // What was read since the link was made is what is known.
        let read = KnownLink {
            read_as: Some("2".to_owned()),
            ..vendor.clone()
        };
        assert_eq!(
            changes(RecordKind::Vendor, &read, &stands("V1", "2", "Acme", true)),
            None
        );
    }

    #[test]
    fn love_10_a_second_transaction_with_our_id_is_doubled_and_one_of_others_is_not() {
        let links = [known(ItemType::WorkOrderContract, 41, "P1", "SC-001")];
        let guid = external_guid(COMPANY, links[0].link.item);
        let ours = |id: &str| {
            ret(
                "PurchaseOrderRet",
                id,
                "SC-001",
                &format!("<ExternalGUID>{}</ExternalGUID>", guid.to_lowercase()),
            )
        };
        let others = ret("PurchaseOrderRet", "P9", "SC-001", "");
        let (task, _) = asked(start(false), &links).unwrap();
        let by_number = ours("P1") + &ours("P2") + &others;
        let (_, found) = answered(task.clone(), &[ok(&ours("P1")), ok(&by_number)]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].what, What::Doubled);
        assert!(
            found[0].words.contains("P2") && !found[0].words.contains("P9"),
            "{found:?}"
        );
        // Ours is gone, and another bears our id: forgetting the link would make a third.
        let (task, _) = answered(task, &[status(500), ok(&ours("P2"))]);
        let (task, _) = asked(task, &links).unwrap();
        let (task, _) = answered(task, &[status(500)]);
        let (task, _) = asked(task, &links).unwrap();
        let (_, found) = answered(task, &[status(1)]);
        assert_eq!(found[0].what, What::Doubled);
    }

    #[test]
    fn love_10_a_code_of_a_project_needs_its_job_and_its_item() {
        let mut code = known(ItemType::CostCode, 5, "I1", "");
        code.link.origin_id = "J1|I1".to_owned();
        let links = [code];
        let (task, requests) = asked(start(false), &links).unwrap();
        let elements: Vec<_> = requests.iter().map(|request| request.element).collect();
        assert_eq!(elements, ["CustomerQueryRq", "ItemQueryRq"]);
        let item = ok(&ret("ItemServiceRet", "I1", "100", ""));
        let (task, _) = answered(task, &[status(3120), item]);
        let (task, requests) = asked(task, &links).unwrap();
        assert_eq!(requests.len(), 1);
        let (task, _) = answered(task, &[status(3120)]);
        let (task, _) = asked(task, &links).unwrap();
        let (_, found) = answered(task, &[status(1)]);
        assert_eq!(found[0].what, What::Missing);
    }

    #[test]
    fn a_missing_right_is_told_and_a_busy_quickbooks_waits() {
        let links = [
            known(ItemType::Vendor, 1, "V1", "Acme"),
            known(ItemType::Requisition, 9, "B9", "9348"),
        ];
        let (task, _) = asked(start(true), &links).unwrap();
        let facts = World::default();
        let Turn::Later(task, reason) = task.answer(&[status(1010)], &facts.facts()) else {
            panic!("it waits")
        };
        assert!(reason.contains("comparison waits"), "{reason}");
        let (task, _) = asked(task, &links).unwrap();
        let (task, found) = answered(task, &[status(3260)]);
        assert_eq!(found[0].what, What::NotCompared);
        let (task, _) = asked(task, &links).unwrap();
        let (task, found) = answered(task, &[status(3260), status(3260)]);
        assert_eq!(found[0].what, What::NotCompared);
        assert_eq!(ended(*asked(task, &links).unwrap_err()).pause, None);
        // Fewer answers than questions: no guess whose they are.
        let (task, _) = asked(start(true), &links).unwrap();
        let turn = task.answer(&[], &facts.facts());
        assert!(matches!(turn, Turn::Finished(Outcome::Failed(..))), "{turn:?}");
    }

    #[test]
    fn love_10_two_records_of_a_list_with_our_id_are_doubled_if_both_are_there() {
        let twin = |list_id: &str, item: Option<i64>| Twin {
            kind: ListKind::Vendor,
            list_id: list_id.to_owned(),
            full_name: format!("Acme {list_id}"),
            external_guid: "{a}".to_owned(),
            item: item.map(|id| ProcoreItem::new(ItemType::Vendor, id)),
        };
        let world = World {
            twins: vec![twin("V1", Some(1)), twin("V2", None)],
            ..World::default()
        };
        let task = start(false).at(Stage::Twins);
        assert!(task.wants().twins);
        let Step::Advance(task, _) = task.step(&world.facts()) else {
            panic!("it goes on")
        };
        let Step::Ask(requests) = task.step(&World::default().facts()) else {
            panic!("it asks")
        };
        assert_eq!(requests.len(), 1);
        assert!(requests[0].body.starts_with("<ListID>V2</ListID>"));
        let stands = ok(&ret(
            "VendorRet",
            "V2",
            "Acme",
            "<ExternalGUID>{A}</ExternalGUID>",
        ));
        let done = |answer: Response| {
            let Turn::Finished(outcome) = task.clone().answer(&[answer], &World::default().facts()) else {
                panic!("it ends")
            };
            ended(outcome).findings
        };
        let found = done(stands);
        assert_eq!((found[0].what, found[0].item.id), (What::Doubled, 1));
        assert!(found[0].words.contains("\"Acme V2\""), "{found:?}");
        assert_eq!(done(status(3120)), []);
    }
}
