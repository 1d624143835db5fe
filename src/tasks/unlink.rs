//! Unlinking: QuickBooks is asked whether a record is still there before Procore forgets its QuickBooks side (QBD-29 to
//! QBD-32). Nothing is written to QuickBooks: what is to go, a person deletes there.
//!
//! The two answers are in Procore's own words; what hangs on a record that is still there is named behind them.

use serde::{Deserialize, Serialize};

use super::{Effects, Facts, Failure, FailureCode, Machine, Outcome, Step, Turn, Wants};
use crate::{
    links::{ItemType, ProcoreItem},
    qbxml::{
        Access, Response, RetryClass,
        identity::RecordKind,
        standing::{self, LinkedTransaction, Standing},
    },
};

pub mod change_order;

/// What Procore's users read when it worked (support page "Unlink commitments synced with QuickBooks").
const UNLINKED: &str = "Successfully Unlinked";

/// A record whose link is to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unlink {
    /// The record. Procore does not always say which of the two kinds a commitment is; then both stand here, and the one
    /// that is linked counts.
    pub items: Vec<ProcoreItem>,
    /// What stands for it in QuickBooks.
    pub kind: RecordKind,
    /// What Procore holds as its QuickBooks id.
    pub told_id: Option<String>,
    /// The ids that are asked about, once it is known which.
    pub asking: Vec<String>,
}

impl Unlink {
    /// A commitment, whose purchase order must be gone.
    pub fn commitment(items: Vec<ProcoreItem>, told_id: Option<String>) -> Self {
        Self {
            items,
            kind: RecordKind::PurchaseOrder,
            told_id,
            asking: Vec::new(),
        }
    }

    /// A subcontractor invoice, whose bill must be gone; its vendor credit, if its link says so.
    pub fn requisition(id: i64, told_id: Option<String>) -> Self {
        Self {
            items: vec![ProcoreItem::new(ItemType::Requisition, id)],
            kind: RecordKind::Bill,
            told_id,
            asking: Vec::new(),
        }
    }

    /// An owner invoice, whose invoice must be gone (QBD-30).
    pub fn payment_application(id: i64, told_id: Option<String>) -> Self {
        Self {
            items: vec![ProcoreItem::new(ItemType::PaymentApplication, id)],
            kind: RecordKind::Invoice,
            told_id,
            asking: Vec::new(),
        }
    }

    /// What Procore calls it.
    fn word(&self) -> &'static str {
        match self.kind {
            RecordKind::Bill | RecordKind::VendorCredit | RecordKind::Invoice => "invoice",
            _ => "commitment",
        }
    }

    /// What it may be in QuickBooks: an invoice that is linked in Procore alone is a bill or a vendor credit.
    fn kinds(&self, facts: &Facts<'_>) -> &'static [RecordKind] {
        let linked = self.items.iter().any(|item| facts.link_of(*item).is_some());
        match self.kind {
            RecordKind::Bill if !linked => &[RecordKind::Bill, RecordKind::VendorCredit],
            RecordKind::Bill => &[RecordKind::Bill],
            RecordKind::VendorCredit => &[RecordKind::VendorCredit],
            RecordKind::Invoice => &[RecordKind::Invoice],
            _ => &[RecordKind::PurchaseOrder],
        }
    }

    /// The record that counts.
    fn item(&self, facts: &Facts<'_>) -> Option<ProcoreItem> {
        let linked = self
            .items
            .iter()
            .find(|item| facts.link_of(**item).is_some())
            .copied();
        let known = || {
            let link = facts.link_to(self.told_id.as_deref()?)?;
            self.items.contains(&link.item).then_some(link.item)
        };
        let only = || match self.items.as_slice() {
            [item] => Some(*item),
            _ => None,
        };
        linked.or_else(known).or_else(only)
    }

    fn done(&self, facts: &Facts<'_>) -> Outcome {
        let Some(item) = self.item(facts) else {
            return failed(format!(
                "Procore did not say whether the {} is a subcontract or a purchase order, and Plumbline knows no link of it. \
                 Nothing was changed.",
                self.word()
            ));
        };
        Outcome::Done(
            Effects {
                unlinked: vec![item],
                ..Effects::default()
            },
            vec![UNLINKED.to_owned()],
        )
    }

    fn still_there(&self, kind: RecordKind, standing: &Standing) -> Outcome {
        let mut messages = vec![format!(
            "The {} is still in QuickBooks Desktop. Please delete it before retrying.",
            self.word()
        )];
        let number = standing.ref_number.as_deref().unwrap_or("without a number");
        messages.push(format!("It is {} {number}.", kind.word()));
        if !standing.linked.is_empty() {
            let linked: Vec<String> = standing.linked.iter().map(LinkedTransaction::label).collect();
            messages.push(format!(
                "In QuickBooks it is linked to: {}. Delete or unapply that first.",
                linked.join(", ")
            ));
        }
        Outcome::Failed(Failure::all(FailureCode::Refused, messages), Effects::default())
    }
}

fn failed(message: String) -> Outcome {
    Outcome::Failed(Failure::new(FailureCode::Refused, message), Effects::default())
}

impl Machine for Unlink {
    fn wants(&self) -> Wants {
        Wants {
            links: self.items.clone(),
            linked_ids: self.told_id.iter().cloned().collect(),
            ..Wants::default()
        }
    }

    fn access(&self) -> Access {
        Access::Read
    }

    fn step(&self, facts: &Facts<'_>) -> Step<Self> {
        if !self.asking.is_empty() {
            return Step::Ask(
                self.asking
                    .iter()
                    .flat_map(|id| {
                        self.kinds(facts)
                            .iter()
                            .map(move |kind| standing::query(*kind, id))
                    })
                    .collect(),
            );
        }
        let ours = self
            .items
            .iter()
            .filter_map(|item| Some(facts.link_of(*item)?.quickbooks_id.clone()));
        let mut asking: Vec<String> = ours.chain(self.told_id.clone()).collect();
        asking.sort();
        asking.dedup();
        if asking.is_empty() {
            // It never was in QuickBooks.
            return Step::Finished(self.done(facts));
        }
        let stands_as = self.items.iter().find_map(|item| facts.link_of(*item)?.stands_as);
        Step::Advance(
            Self {
                asking,
                kind: stands_as.unwrap_or(self.kind),
                ..self.clone()
            },
            Effects::default(),
        )
    }

    fn answer(self, answers: &[Response], facts: &Facts<'_>) -> Turn<Self> {
        for answer in answers {
            let read = |kind: &RecordKind| standing::read(*kind, answer).map(|read| (*kind, read));
            match self.kinds(facts).iter().find_map(read) {
                Some((kind, Ok(standing))) => return Turn::Finished(self.still_there(kind, &standing)),
                Some((_, Err(error))) => {
                    return Turn::Finished(failed(format!(
                        "QuickBooks' answer about the {} could not be read ({error}). Nothing was changed.",
                        self.word()
                    )));
                }
                None => {}
            }
            let status = &answer.status;
            if status.retry_class() == RetryClass::Again {
                return Turn::Later(self, status.told());
            }
            // 500, 3000, 3120: there is no such record.
            if status.is_error() && !matches!(status.code, 500 | 3000 | 3120) {
                return Turn::Finished(failed(format!(
                    "QuickBooks did not say whether the {} is still there. Nothing was changed. {}",
                    self.word(),
                    status.told()
                )));
            }
        }
        Turn::Finished(self.done(facts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{links::Link, tasks::imports::fixture::World};

    const COMMITMENT: i64 = 41;

    fn link(item: ProcoreItem, id: &str) -> Link {
        Link {
            item,
            origin_id: id.to_owned(),
            origin_code: None,
            quickbooks_id: id.to_owned(),
            edit_sequence: None,
            stands_as: None,
        }
    }

    fn either() -> Vec<ProcoreItem> {
        vec![
            ProcoreItem::new(ItemType::WorkOrderContract, COMMITMENT),
            ProcoreItem::new(ItemType::PurchaseOrderContract, COMMITMENT),
        ]
    }

    fn run(unlink: &Unlink, links: &[Link], answers: &[Response]) -> Outcome {
        let world = World {
            links: links.to_vec(),
            ..World::default()
        };
        let facts = world.facts();
        let asking = match unlink.step(&facts) {
            Step::Finished(outcome) => return outcome,
            Step::Advance(next, effects) => {
                assert_eq!(effects, Effects::default());
                next
            }
            Step::Ask(_) => panic!("it does not know yet whom to ask about"),
        };
        let Step::Ask(requests) = asking.step(&facts) else {
            panic!("it asks")
        };
        assert_eq!(requests.len(), answers.len());
        match asking.answer(answers, &facts) {
            Turn::Finished(outcome) => outcome,
            other => panic!("{other:?}"),
        }
    }

    fn there(content: &str) -> Response {
        Response::ok("PurchaseOrderQueryRs", content)
    }

    fn gone() -> Response {
        Response::failed("PurchaseOrderQueryRs", 500, "not found")
    }

    #[test]
    fn qbd_29_a_commitment_that_stands_is_refused_and_one_that_is_gone_is_unlinked() {
        let item = either()[1];
        let links = [link(item, "5A-1")];
        let order = "<PurchaseOrderRet><TxnID>5A-1</TxnID><RefNumber>SC-1</RefNumber></PurchaseOrderRet>";
        let unlink = Unlink::commitment(either(), Some("5A-1".to_owned()));
        let Outcome::Failed(failure, effects) = run(&unlink, &links, &[there(order)]) else {
            panic!()
        };
        assert_eq!(
            failure.messages,
            [
                "The commitment is still in QuickBooks Desktop. Please delete it before retrying.",
                "It is purchase order SC-1."
            ]
        );
        assert_eq!(effects, Effects::default());
        let Outcome::Done(effects, messages) = run(&unlink, &links, &[gone()]) else {
            panic!()
        };
        assert_eq!(effects.unlinked, [item], "of the kind that is linked");
        assert_eq!(messages, ["Successfully Unlinked"]);
    }

    #[test]
    fn both_ids_are_asked_about_where_procore_holds_another_than_we_do() {
        let links = [link(either()[0], "5A-1")];
        let unlink = Unlink::commitment(either()[..1].to_vec(), Some("5A-2".to_owned()));
        let order = "<PurchaseOrderRet><TxnID>5A-2</TxnID></PurchaseOrderRet>";
        let outcome = run(&unlink, &links, &[gone(), there(order)]);
        assert!(matches!(outcome, Outcome::Failed(..)), "{outcome:?}");
    }

    #[test]
    fn what_never_was_in_quickbooks_is_unlinked_without_a_question() {
        let unlink = Unlink::commitment(either()[..1].to_vec(), None);
        let outcome = run(&unlink, &[], &[]);
        assert!(matches!(outcome, Outcome::Done(effects, _) if effects.unlinked.len() == 1));
        // Of an unknown kind, nothing can be told to Procore.
        let outcome = run(&Unlink::commitment(either(), None), &[], &[]);
        assert!(matches!(outcome, Outcome::Failed(..)), "{outcome:?}");
    }

    #[test]
    fn qbd_32_the_payment_that_keeps_a_bill_is_named() {
        let links = [link(ProcoreItem::new(ItemType::Requisition, 9), "5C-1")];
        let bill = "<BillRet><TxnID>5C-1</TxnID><RefNumber>INV-1</RefNumber><LinkedTxn><TxnID>6A-1</TxnID>\
            <TxnType>BillPaymentCheck</TxnType><TxnDate>2026-03-31</TxnDate><RefNumber>1042</RefNumber>\
            <Amount>-5.00</Amount></LinkedTxn></BillRet>";
        let Outcome::Failed(failure, _) = run(
            &Unlink::requisition(9, None),
            &links,
            &[Response::ok("BillQueryRs", bill)],
        ) else {
            panic!()
        };
        assert!(
            failure.text().contains("check 1042 of 2026-03-31"),
            "{}",
            failure.text()
        );
        assert!(
            failure
                .text()
                .starts_with("The invoice is still in QuickBooks Desktop.")
        );
    }

    // QBD-30
    #[test]
    fn qbd_30_an_invoice_that_stands_keeps_its_link_and_the_receipt_on_it_is_named() {
        let item = ProcoreItem::new(ItemType::PaymentApplication, 9);
        let links = [link(item, "5D-1")];
        let invoice = "<InvoiceRet><TxnID>5D-1</TxnID><RefNumber>12</RefNumber><LinkedTxn><TxnID>6A-1</TxnID>\
            <TxnType>ReceivePayment</TxnType><TxnDate>2026-04-30</TxnDate><RefNumber>771</RefNumber>\
            <Amount>-5.00</Amount></LinkedTxn></InvoiceRet>";
        let unlink = Unlink::payment_application(9, None);
        let Outcome::Failed(failure, effects) =
            run(&unlink, &links, &[Response::ok("InvoiceQueryRs", invoice)])
        else {
            panic!()
        };
        assert_eq!(
            failure.messages,
            [
                "The invoice is still in QuickBooks Desktop. Please delete it before retrying.",
                "It is invoice 12.",
                "In QuickBooks it is linked to: payment received 771 of 2026-04-30. Delete or unapply that first."
            ]
        );
        assert_eq!(effects, Effects::default());
        let gone = Response::failed("InvoiceQueryRs", 500, "not found");
        let Outcome::Done(effects, messages) = run(&unlink, &links, &[gone]) else {
            panic!()
        };
        assert_eq!(
            (effects.unlinked, messages),
            (vec![item], vec![UNLINKED.to_owned()])
        );
    }

    #[test]
    fn comp_44_an_invoice_that_became_a_vendor_credit_is_asked_for_as_one() {
        let mut links = [link(ProcoreItem::new(ItemType::Requisition, 9), "5C-1")];
        links[0].stands_as = Some(RecordKind::VendorCredit);
        let credit = "<VendorCreditRet><TxnID>5C-1</TxnID><RefNumber>INV-1</RefNumber><LinkedTxn><TxnID>6A-1</TxnID>\
            <TxnType>Bill</TxnType><RefNumber>9</RefNumber></LinkedTxn></VendorCreditRet>";
        let Outcome::Failed(failure, _) = run(
            &Unlink::requisition(9, None),
            &links,
            &[Response::ok("VendorCreditQueryRs", credit)],
        ) else {
            panic!()
        };
        let text = failure.text();
        assert!(
            text.contains("It is vendor credit INV-1.") && text.contains("bill 9"),
            "{text}"
        );
    }

    // COMP-44
    #[test]
    fn comp_44_an_invoice_that_procore_alone_knows_is_asked_for_as_a_bill_and_as_a_vendor_credit() {
        let credit = "<VendorCreditRet><TxnID>5C-1</TxnID><RefNumber>INV-1</RefNumber></VendorCreditRet>";
        let unlink = Unlink::requisition(9, Some("5C-1".to_owned()));
        let no_bill = Response::failed("BillQueryRs", 500, "not found");
        let answers = [no_bill.clone(), Response::ok("VendorCreditQueryRs", credit)];
        let Outcome::Failed(failure, _) = run(&unlink, &[], &answers) else {
            panic!()
        };
        assert!(
            failure.text().contains("It is vendor credit INV-1."),
            "{failure:?}"
        );
        let gone = Response::failed("VendorCreditQueryRs", 500, "not found");
        let outcome = run(&unlink, &[], &[no_bill, gone]);
        assert!(matches!(outcome, Outcome::Done(..)), "{outcome:?}");
    }

    #[test]
    fn no_answer_is_not_taken_for_an_absence() {
        let links = [link(either()[0], "5A-1")];
        let refused = Response::failed("PurchaseOrderQueryRs", 3261, "insufficient permission");
        let outcome = run(&Unlink::commitment(either(), None), &links, &[refused]);
        let Outcome::Failed(failure, effects) = outcome else {
            panic!()
        };
        assert!(failure.text().contains("did not say"), "{}", failure.text());
        assert_eq!(effects, Effects::default());
    }
}
