//! Are our newest records in the company file that is open? An older backup under the same name and path shows itself in
//! nothing else (qbxml.md §5). Pure.
//!
//! What may not live here: when it is asked; that is the session's business.

use serde::{Deserialize, Serialize};

use crate::{
    connections::argument,
    links::{NewestLink, ProcoreItem},
    qbxml::{
        Request, Response,
        identity::{self, Asked, RecordKind},
    },
    tasks::reconcile,
};

/// So many of the newest transactions, and of the newest records of lists, are looked for.
pub const EACH: i64 = 5;

/// The records that are looked for, as they are kept between two calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// The newest records, the newest first.
    newest: Vec<NewestLink>,
    /// Those that were not found, by their place: now it is asked whether a person deleted them.
    missing: Option<Vec<usize>>,
}

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Nothing speaks against the file. These were deleted in it by a person.
    Trusted {
        /// The records that are gone.
        deleted: Vec<ProcoreItem>,
        /// What QuickBooks would not show, and why.
        unseen: Vec<String>,
    },
    /// Some were not found; whether they were deleted is asked next.
    AskOn(Probe),
    /// QuickBooks cannot say just now.
    NotNow(String),
    /// They are gone, and nobody deleted them: the words for it.
    Older(String),
}

impl Probe {
    /// Looks for these. `None`: there are none to look for.
    pub fn new(newest: Vec<NewestLink>) -> Option<Self> {
        let newest: Vec<NewestLink> = newest.into_iter().filter(|link| kind(link).is_some()).collect();
        (!newest.is_empty()).then_some(Self {
            newest,
            missing: None,
        })
    }

    /// Whether the second question is to be asked, or was.
    pub fn asks_on(&self) -> bool {
        self.missing.is_some()
    }

    /// What to ask: one question for each record, for one that is missing would spoil the answer for the others of its
    /// list (qbxml.md §4); or what was deleted.
    pub fn requests(&self) -> Vec<Request> {
        if self.missing.is_none() {
            return self
                .newest
                .iter()
                .filter_map(|link| Some(kind(link)?.by_ids(std::slice::from_ref(&link.quickbooks_id))))
                .collect();
        }
        let mut kinds: Vec<RecordKind> = self.gone().filter_map(kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        identity::deleted(&kinds)
    }

    fn gone(&self) -> impl Iterator<Item = &NewestLink> {
        self.missing
            .iter()
            .flatten()
            .filter_map(|place| self.newest.get(*place))
    }

    /// Reads the answers. `open` is what a person calls the file, `connection` the connection's name.
    pub fn read(self, answers: &[Response], open: &str, connection: &str) -> Shown {
        if self.missing.is_some() {
            return self.read_deleted(answers, open, connection);
        }
        if answers.len() != self.newest.len() {
            return Shown::NotNow(format!(
                "QuickBooks gave {} answers to {} questions about the newest records.",
                answers.len(),
                self.newest.len()
            ));
        }
        let mut missing = Vec::new();
        let mut unseen = Vec::new();
        for (place, (link, response)) in self.newest.iter().zip(answers).enumerate() {
            let Some(kind) = kind(link) else { continue };
            match kind.found(response) {
                Asked::Found(found) if found.iter().any(|record| record.id == link.quickbooks_id) => {}
                Asked::Found(_) => missing.push(place),
                Asked::Later(why) => return Shown::NotNow(why),
                // A right that is missing must not stop everything for ever.
                Asked::Refused(why) => unseen.push(format!("{}: {why}", name(link))),
            }
        }
        if missing.is_empty() {
            return Shown::Trusted {
                deleted: Vec::new(),
                unseen,
            };
        }
        Shown::AskOn(Self {
            missing: Some(missing),
            ..self
        })
    }

    fn read_deleted(self, answers: &[Response], open: &str, connection: &str) -> Shown {
        let (deleted, unsaid) = match identity::deleted_ids(answers) {
            Ok(ids) => (ids, None),
            Err(Asked::Later(why)) => return Shown::NotNow(why),
            Err(Asked::Refused(why)) => (Vec::new(), Some(why)),
            Err(Asked::Found(_)) => (Vec::new(), None),
        };
        self.concluded(&deleted, unsaid.as_deref(), open, connection)
    }

    /// What it means if QuickBooks cannot read the question at all: the records that were not found stay unexplained.
    pub fn unreadable(self, open: &str, connection: &str) -> Shown {
        if self.missing.is_some() {
            return self.concluded(&[], Some("it could not read the question"), open, connection);
        }
        Shown::Trusted {
            deleted: Vec::new(),
            unseen: vec!["QuickBooks could not read the question".to_owned()],
        }
    }

    fn concluded(&self, deleted: &[String], unsaid: Option<&str>, open: &str, connection: &str) -> Shown {
        let (by_a_person, gone): (Vec<&NewestLink>, Vec<&NewestLink>) = self
            .gone()
            .partition(|link| deleted.contains(&link.quickbooks_id));
        if gone.is_empty() {
            return Shown::Trusted {
                deleted: by_a_person.into_iter().map(|link| link.item).collect(),
                unseen: Vec::new(),
            };
        }
        let examples: Vec<String> = gone.iter().take(2).map(|link| name(link)).collect();
        let newest = gone.iter().map(|link| link.linked_at).max();
        let date = newest.map_or_else(String::new, |at| {
            format!(
                " The newest of them was linked on {} (UTC).",
                at.format("%Y-%m-%d at %H:%M")
            )
        });
        let (is, them) = if gone.len() == 1 {
            ("is", "it was")
        } else {
            ("are", "they were")
        };
        let why = match unsaid {
            None => format!("not in it, and QuickBooks does not know that {them} deleted"),
            Some(why) => format!("not in it, and QuickBooks did not say whether {them} deleted ({why})"),
        };
        let name = argument(connection);
        Shown::Older(format!(
            "The company file that is open ({open}) seems to be an older backup that was restored, or an older copy under the same \
             path: of the {} newest records that Plumbline knows of, {} {is} {why}, for example {}.{date} Nothing was written. If \
             the backup was restored on purpose, run `plumbline connection rebind {name}` where Plumbline runs: then everything is \
             compared before anything is written. If not, open the right company file and run the update again. `plumbline \
             connection reconcile {name}` compares without writing anything.",
            self.newest.len(),
            gone.len(),
            examples.join(" and "),
        ))
    }
}

fn kind(link: &NewestLink) -> Option<RecordKind> {
    link.stands_as
        .or_else(|| reconcile::record_kind(link.item.item_type))
}

fn name(link: &NewestLink) -> String {
    reconcile::record(
        link.item.item_type,
        link.stands_as,
        link.name.as_deref(),
        &link.quickbooks_id,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::links::ItemType;

    const OPEN: &str = r"Demo Builders, C:\QB\demo.qbw";

    fn link(item_type: ItemType, id: i64, name: &str) -> NewestLink {
        NewestLink {
            item: ProcoreItem::new(item_type, id),
            quickbooks_id: format!("Q-{id}"),
            name: Some(name.to_owned()),
            stands_as: None,
            linked_at: format!("2026-03-0{id}T09:30:00Z").parse().unwrap(),
        }
    }

    fn probe() -> Probe {
        Probe::new(vec![
            link(ItemType::Requisition, 3, "9348"),
            link(ItemType::WorkOrderContract, 2, "SC-001"),
            link(ItemType::Vendor, 1, "Acme"),
        ])
        .unwrap()
    }

    fn there(element: &str, id: i64) -> Response {
        let key = if element == "VendorRet" { "ListID" } else { "TxnID" };
        Response::ok(
            "QueryRs",
            &format!("<{element}><{key}>Q-{id}</{key}></{element}>"),
        )
    }

    fn all_there() -> Vec<Response> {
        vec![
            there("BillRet", 3),
            there("PurchaseOrderRet", 2),
            there("VendorRet", 1),
        ]
    }

    fn gone() -> Response {
        Response::failed("QueryRs", 500, "missing")
    }

    fn read(probe: Probe, answers: &[Response]) -> Shown {
        probe.read(answers, OPEN, "Demo Builders")
    }

    /// As it is after the first question with the bill and the order missing, and stored.
    fn asked_on() -> Probe {
        let mut answers = all_there();
        answers[0] = gone();
        answers[1] = gone();
        match read(probe(), &answers) {
            Shown::AskOn(probe) => serde_json::from_value(serde_json::to_value(probe).unwrap()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_record_is_asked_for_by_itself() {
        let elements: Vec<_> = probe().requests().iter().map(|request| request.element).collect();
        assert_eq!(elements, ["BillQueryRq", "PurchaseOrderQueryRq", "VendorQueryRq"]);
        assert!(probe().requests()[0].body.starts_with("<TxnID>Q-3</TxnID>"));
        assert_eq!(Probe::new(Vec::new()), None);
        assert_eq!(Probe::new(vec![link(ItemType::LineItem, 1, "x")]), None);
    }

    #[test]
    fn love_10_with_all_of_them_there_the_file_is_trusted() {
        let trusted = Shown::Trusted {
            deleted: Vec::new(),
            unseen: Vec::new(),
        };
        assert_eq!(read(probe(), &all_there()), trusted);
    }

    #[test]
    fn love_10_what_a_person_deleted_is_no_restored_backup() {
        let probe = asked_on();
        let requests = probe.requests();
        assert_eq!(requests.len(), 1);
        assert_eq!(
            requests[0].body,
            "<TxnDelType>PurchaseOrder</TxnDelType><TxnDelType>Bill</TxnDelType>"
        );
        let deleted = Response::ok(
            "TxnDeletedQueryRs",
            "<TxnDeletedRet><TxnID>Q-2</TxnID></TxnDeletedRet><TxnDeletedRet><TxnID>Q-3</TxnID></TxnDeletedRet>",
        );
        let Shown::Trusted { deleted, .. } = read(probe, &[deleted]) else {
            panic!("nothing speaks against it")
        };
        assert_eq!(
            deleted,
            [
                ProcoreItem::new(ItemType::Requisition, 3),
                ProcoreItem::new(ItemType::WorkOrderContract, 2)
            ]
        );
    }

    #[test]
    fn love_10_an_older_state_is_told_with_number_examples_and_date() {
        let none = Response::failed("TxnDeletedQueryRs", 1, "none");
        let Shown::Older(words) = read(asked_on(), &[none]) else {
            panic!("they are gone")
        };
        for part in [
            OPEN,
            "of the 3 newest records that Plumbline knows of, 2 are not in it",
            "bill 9348 and purchase order SC-001",
            "linked on 2026-03-03 at 09:30",
            "Nothing was written",
            "`plumbline connection rebind \"Demo Builders\"`",
        ] {
            assert!(words.contains(part), "{part}: {words}");
        }
        // One deleted by a person, one not.
        let one = Response::ok(
            "TxnDeletedQueryRs",
            "<TxnDeletedRet><TxnID>Q-3</TxnID></TxnDeletedRet>",
        );
        let Shown::Older(words) = read(asked_on(), &[one]) else {
            panic!("one is gone")
        };
        assert!(
            words.contains("1 is not in it") && !words.contains("9348"),
            "{words}"
        );
    }

    #[test]
    fn love_10_a_missing_right_does_not_stop_for_ever_and_a_busy_quickbooks_waits() {
        let mut answers = all_there();
        answers[0] = Response::failed("BillQueryRs", 3260, "no right");
        let Shown::Trusted { unseen, .. } = read(probe(), &answers) else {
            panic!("it goes on")
        };
        assert!(unseen[0].contains("9348"), "{unseen:?}");
        answers[0] = Response::failed("BillQueryRs", 1010, "busy");
        assert!(matches!(read(probe(), &answers), Shown::NotNow(_)));
        assert!(matches!(read(probe(), &answers[1..]), Shown::NotNow(_)));
        assert!(matches!(probe().unreadable(OPEN, "x"), Shown::Trusted { .. }));
        // But what is known to be gone is not explained by a right that is missing.
        let denied = Response::failed("TxnDeletedQueryRs", 3260, "no right");
        let Shown::Older(words) = read(asked_on(), &[denied]) else {
            panic!("they are gone")
        };
        assert!(words.contains("did not say whether they were deleted"), "{words}");
        assert!(matches!(asked_on().unreadable(OPEN, "x"), Shown::Older(_)));
    }
}
