//! Linked transactions ↔ what they come to in QuickBooks: estimates, purchase orders, bills, vendor credits. Reads only.
//!
//! What may not live here: what Procore says of them.

use serde::{Deserialize, Serialize};

use super::{
    AnyTask, Effects, Facts, Failure, FailureCode, LINKS_PAGE, Machine, Outcome, Step, Turn, Wants,
    queue::NewTask,
};
use crate::{
    erp_mode::priorities,
    links::{ItemType, Link},
    qbxml::{
        Access, Money, Request, Response, RetryClass,
        identity::RecordKind,
        totals::{Totals, TotalsOf},
    },
    tie_out::{QuickBooksFigure, TieOutEffect},
};

/// The subject of these readings: one of a connection runs at a time.
pub const SUBJECT: &str = "tie_out";
/// Transactions that are asked for one by one in one message set.
const ALONE_AT_ONCE: usize = 100;

/// The types of link that are read, in this order; invoices twice, once for each kind of record they become.
const TYPES: [(ItemType, TotalsOf); 5] = [
    (ItemType::Budget, TotalsOf::Estimate),
    (ItemType::WorkOrderContract, TotalsOf::PurchaseOrder),
    (ItemType::PurchaseOrderContract, TotalsOf::PurchaseOrder),
    (ItemType::Requisition, TotalsOf::Bill),
    (ItemType::Requisition, TotalsOf::VendorCredit),
];

/// Whether a link's record is asked for as this kind.
fn stands_as(link: &Link, of: TotalsOf) -> bool {
    (link.stands_as == Some(RecordKind::VendorCredit)) == (of == TotalsOf::VendorCredit)
}

/// Reads what all linked transactions come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TieOut {
    /// The type that is being read, by its place in [`TYPES`].
    place: usize,
    /// Procore's id of the last link of that type that was taken.
    after: i64,
    /// Links whose transactions are being asked for; none: the next page is to be taken.
    links: Vec<Link>,
    /// Ask one by one: together, one that is not there spoiled the answer for the others.
    alone: bool,
    /// Transactions read.
    read: u64,
}

impl TieOut {
    /// From the beginning.
    pub fn new() -> Self {
        Self {
            place: 0,
            after: 0,
            links: Vec::new(),
            alone: false,
            read: 0,
        }
    }

    /// For the queue.
    pub fn into_new_task(self) -> NewTask {
        NewTask {
            subject: SUBJECT.to_owned(),
            label: "Totals of both systems side by side".to_owned(),
            task: AnyTask::TieOut(self),
            detail: None,
            erp_request_id: None,
            needs: Vec::new(),
            priority: priorities::IMPORT,
        }
    }

    fn asking(&self) -> &[Link] {
        let most = if self.alone { ALONE_AT_ONCE } else { LINKS_PAGE };
        self.links.get(..most).unwrap_or(&self.links)
    }

    /// These links are done with.
    fn done(mut self, figures: Vec<QuickBooksFigure>) -> Turn<Self> {
        let asked = self.asking().len();
        self.read += figures.iter().filter(|figure| figure.total.is_some()).count() as u64;
        self.links.drain(..asked);
        self.alone &= !self.links.is_empty();
        let effects = Effects {
            tie_out: vec![TieOutEffect::Read(figures)],
            ..Effects::default()
        };
        Turn::Continue(self, effects)
    }
}

impl Default for TieOut {
    fn default() -> Self {
        Self::new()
    }
}

fn figure(link: &Link, totals: Option<&Totals>, retainage_item: Option<&str>) -> QuickBooksFigure {
    let on_retainage = |totals: &Totals| -> Money {
        let lines = totals
            .lines
            .iter()
            .filter(|(item, _)| item.is_some() && item.as_deref() == retainage_item);
        -lines.map(|(_, amount)| *amount).sum::<Money>()
    };
    let is_bill = link.item.item_type == ItemType::Requisition;
    QuickBooksFigure {
        item_type: link.item.item_type,
        item_id: link.item.id,
        ref_number: totals
            .and_then(|totals| totals.ref_number.clone())
            .or_else(|| link.origin_code.clone()),
        job_list_id: totals.and_then(|totals| totals.job_list_id.clone()),
        total: totals.map(|totals| totals.total),
        retainage: totals.filter(|_| is_bill).map_or(Money::ZERO, on_retainage),
        paid: totals
            .filter(|_| is_bill)
            .map_or(Money::ZERO, |totals| totals.paid),
    }
}

impl Machine for TieOut {
    fn wants(&self) -> Wants {
        Wants {
            links_after: TYPES
                .get(self.place)
                .filter(|_| self.links.is_empty())
                .map(|(item_type, _)| (*item_type, self.after)),
            ..Wants::default()
        }
    }

    fn access(&self) -> Access {
        Access::Read
    }

    fn step(&self, facts: &Facts<'_>) -> Step<Self> {
        let Some((_, of)) = TYPES.get(self.place) else {
            let effects = Effects {
                tie_out: vec![TieOutEffect::Ended],
                ..Effects::default()
            };
            let words = format!("{} transactions read.", self.read);
            return Step::Finished(Outcome::Done(effects, vec![words]));
        };
        if self.links.is_empty() {
            let mut next = self.clone();
            let page = facts.page.iter().map(|known| &known.link);
            next.links = page.filter(|link| stands_as(link, *of)).cloned().collect();
            if let Some(last) = facts.page.last() {
                next.after = last.link.item.id;
            } else {
                next.place += 1;
                next.after = 0;
            }
            return Step::Advance(next, Effects::default());
        }
        let ids: Vec<String> = self
            .asking()
            .iter()
            .map(|link| link.quickbooks_id.clone())
            .collect();
        let requests: Vec<Request> = if self.alone {
            ids.iter().map(|id| of.query(std::slice::from_ref(id))).collect()
        } else {
            vec![of.query(&ids)]
        };
        Step::Ask(requests)
    }

    fn answer(mut self, answers: &[Response], facts: &Facts<'_>) -> Turn<Self> {
        let Some((_, of)) = TYPES.get(self.place).copied() else {
            return Turn::Continue(self, Effects::default());
        };
        let failed = |messages: String, code: Option<i32>| {
            let failure = Failure {
                code: FailureCode::Refused,
                messages: vec![messages],
                status_code: code,
            };
            Turn::Finished(Outcome::Failed(failure, Effects::default()))
        };
        let mut found: Vec<Totals> = Vec::new();
        let mut all_there = true;
        for response in answers {
            let status = &response.status;
            // 500 and 3120: one of them at least is not there.
            let some_missing = matches!(status.code, 1 | 500 | 3120);
            match status.retry_class() {
                RetryClass::Again => {
                    let reason = format!("The totals of {}s wait: {}", of.word(), status.told());
                    return Turn::Later(self, reason);
                }
                RetryClass::Done | RetryClass::Nothing | RetryClass::Warning => {}
                _ if some_missing => {}
                _ => {
                    let words = format!("QuickBooks does not show {}s: {}", of.word(), status.told());
                    return failed(words, Some(status.code));
                }
            }
            all_there &= !some_missing;
            for piece in response.pieces() {
                match of.read(&piece) {
                    Some(Ok(totals)) => found.push(totals),
                    Some(Err(error)) => return failed(error.to_string(), None),
                    None => {}
                }
            }
        }
        let find = |link: &Link| found.iter().find(|totals| totals.txn_id == link.quickbooks_id);
        if !self.alone && (!all_there || self.asking().iter().any(|link| find(link).is_none())) {
            self.alone = true;
            return Turn::Continue(self, Effects::default());
        }
        let retainage_item = facts.settings.retainage_item_list_id.as_deref();
        let figures = self
            .asking()
            .iter()
            .map(|link| figure(link, find(link), retainage_item))
            .collect();
        self.done(figures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        links::{KnownLink, ProcoreItem},
        tasks::imports::fixture::World,
    };

    fn link(item_type: ItemType, id: i64) -> KnownLink {
        KnownLink {
            link: Link {
                item: ProcoreItem::new(item_type, id),
                origin_id: format!("T{id}"),
                origin_code: None,
                quickbooks_id: format!("T{id}"),
                edit_sequence: None,
                stands_as: None,
            },
            name: None,
            read_as: None,
            known_gone: false,
        }
    }

    fn bill(id: i64) -> String {
        format!(
            "<BillRet><TxnID>T{id}</TxnID><LinkedTxn><TxnType>BillPaymentCheck</TxnType><Amount>-5.00</Amount></LinkedTxn>\
             <ItemLineRet><ItemRef><ListID>I</ListID></ItemRef><Amount>100.00</Amount></ItemLineRet>\
             <ItemLineRet><ItemRef><ListID>R</ListID></ItemRef><Amount>-10.00</Amount></ItemLineRet></BillRet>"
        )
    }

    fn continued(turn: Turn<TieOut>) -> (TieOut, Vec<QuickBooksFigure>) {
        let Turn::Continue(next, effects) = turn else {
            panic!("{turn:?}")
        };
        let figures = effects
            .tie_out
            .into_iter()
            .flat_map(|effect| match effect {
                TieOutEffect::Read(figures) => figures,
                TieOutEffect::Ended => panic!("it has not ended"),
            })
            .collect();
        (next, figures)
    }

    // LOVE-04
    #[test]
    fn love_04_one_that_is_gone_is_told_apart_and_spoils_nothing() {
        let mut world = World {
            page: vec![link(ItemType::Requisition, 1), link(ItemType::Requisition, 2)],
            ..World::default()
        };
        world.settings.retainage_item_list_id = Some("R".to_owned());
        let state = TieOut {
            place: 3,
            ..TieOut::new()
        };
        let Step::Advance(state, _) = state.step(&world.facts()) else {
            panic!("it takes a page")
        };
        let spoiled = [Response::failed(
            "BillQueryRs",
            3120,
            "Object \"T2\" cannot be found.",
        )];
        let (state, figures) = continued(state.answer(&spoiled, &world.facts()));
        assert!(figures.is_empty());
        let Step::Ask(requests) = state.step(&world.facts()) else {
            panic!("it asks one by one")
        };
        assert_eq!(requests.len(), 2);
        let alone = [
            Response::ok("BillQueryRs", &bill(1)),
            Response::failed("BillQueryRs", 500, "not found"),
        ];
        let (state, figures) = continued(state.answer(&alone, &world.facts()));
        assert_eq!(figures[0].total, Some(Money::from_cents(9_000)));
        assert_eq!(figures[0].retainage, Money::from_cents(1_000));
        assert_eq!(figures[0].paid, Money::from_cents(500));
        assert_eq!(figures[1].total, None);
        world.page = Vec::new();
        let Step::Advance(state, _) = state.step(&world.facts()) else {
            panic!("there are no more bills")
        };
        let Step::Advance(state, _) = state.step(&world.facts()) else {
            panic!("there are no vendor credits")
        };
        let Step::Finished(Outcome::Done(effects, _)) = state.step(&world.facts()) else {
            panic!("it ends")
        };
        assert_eq!(effects.tie_out, [TieOutEffect::Ended]);
    }

    // COMP-44, LOVE-04
    #[test]
    fn comp_44_an_invoice_is_asked_for_as_what_it_became_and_a_credit_counts_negative() {
        let mut world = World {
            page: vec![link(ItemType::Requisition, 1), link(ItemType::Requisition, 2)],
            ..World::default()
        };
        world.page[1].link.stands_as = Some(RecordKind::VendorCredit);
        world.settings.retainage_item_list_id = Some("R".to_owned());
        let asked = |place| {
            let state = TieOut {
                place,
                ..TieOut::new()
            };
            let Step::Advance(state, _) = state.step(&world.facts()) else {
                panic!("it takes a page")
            };
            let Step::Ask(requests) = state.step(&world.facts()) else {
                panic!("it asks")
            };
            (state, requests)
        };
        let (_, bills) = asked(3);
        assert_eq!(bills[0].element, "BillQueryRq");
        assert!(
            bills[0].body.contains("T1") && !bills[0].body.contains("T2"),
            "{}",
            bills[0].body
        );
        let (state, credits) = asked(4);
        assert_eq!(credits[0].element, "VendorCreditQueryRq");
        assert!(
            credits[0].body.contains("T2") && !credits[0].body.contains("T1"),
            "{}",
            credits[0].body
        );
        let credit = "<VendorCreditRet><TxnID>T2</TxnID>\
            <ItemLineRet><ItemRef><ListID>I</ListID></ItemRef><Amount>75.00</Amount></ItemLineRet>\
            <ItemLineRet><ItemRef><ListID>R</ListID></ItemRef><Amount>-15.00</Amount></ItemLineRet></VendorCreditRet>";
        let answer = [Response::ok("VendorCreditQueryRs", credit)];
        let (_, figures) = continued(state.answer(&answer, &world.facts()));
        // 15.00 of retainage are released.
        assert_eq!(
            (figures[0].total, figures[0].retainage),
            (Some(Money::from_cents(-6_000)), Money::from_cents(-1_500))
        );
    }

    #[test]
    fn a_question_that_is_refused_ends_it_with_words() {
        let world = World {
            page: vec![link(ItemType::Budget, 1)],
            ..World::default()
        };
        let Step::Advance(state, _) = TieOut::new().step(&world.facts()) else {
            panic!("it takes a page")
        };
        let refused = [Response::failed("EstimateQueryRs", 3260, "No permission.")];
        let Turn::Finished(Outcome::Failed(failure, _)) = state.answer(&refused, &world.facts()) else {
            panic!("it is refused")
        };
        assert!(failure.text().contains("No permission."), "{}", failure.text());
    }
}
