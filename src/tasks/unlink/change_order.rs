//! Unlinking a change order: its lines must be gone from the purchase order of its commitment (QBD-28), or from the estimate
//! of its job (QBD-31).

use serde::{Deserialize, Serialize};

use super::{UNLINKED, failed};
use crate::{
    links::{ItemType, ProcoreItem},
    qbxml::{
        Access, Request, Response, RetryClass, UnreadableRecord,
        estimate::{self, EstimateRet},
        purchase_order::{self, PurchaseOrderRet},
    },
    tasks::{
        Effects, Facts, Failure, FailureCode, Machine, Outcome, Step, Turn, Wants,
        exports::change_order::linked_lines,
    },
};

/// What holds the lines of a change order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Document {
    /// Of a commitment: its purchase order.
    #[default]
    PurchaseOrder,
    /// Of a prime contract: the job's estimate.
    Estimate,
}

/// The document as it stands.
struct Found {
    number: Option<String>,
    lines: Vec<String>,
}

impl Document {
    fn query(self, txn_id: &str) -> Request {
        match self {
            Self::PurchaseOrder => purchase_order::by_id(txn_id),
            Self::Estimate => estimate::by_id(txn_id),
        }
    }

    fn read(self, answer: &Response) -> Option<Result<Found, UnreadableRecord>> {
        match self {
            Self::PurchaseOrder => {
                let record = answer.record::<PurchaseOrderRet>("PurchaseOrderRet")?;
                Some(record.map(|order| Found {
                    number: order.ref_number,
                    lines: order.lines.into_iter().map(|line| line.txn_line_id).collect(),
                }))
            }
            Self::Estimate => {
                let record = answer.record::<EstimateRet>("EstimateRet")?;
                Some(record.map(|estimate| Found {
                    number: estimate.ref_number,
                    lines: estimate.lines.into_iter().map(|line| line.txn_line_id).collect(),
                }))
            }
        }
    }

    /// What Procore calls the change order, and what a person calls the document.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::PurchaseOrder => ("CCO", "purchase order"),
            Self::Estimate => ("PCCO", "estimate"),
        }
    }
}

/// A change order whose link is to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnlinkChangeOrder {
    /// The Procore change order.
    pub procore_id: i64,
    /// What Procore holds as its QuickBooks id.
    pub told_id: Option<String>,
    /// What holds its lines.
    #[serde(default)]
    pub document: Document,
}

impl UnlinkChangeOrder {
    fn item(&self) -> ProcoreItem {
        ProcoreItem::new(ItemType::ChangeOrder, self.procore_id)
    }

    /// The document, and the lines that must be gone.
    fn lines(&self, facts: &Facts<'_>) -> Option<(String, Vec<String>)> {
        if let Some(link) = facts.link_of(self.item()) {
            return Some(linked_lines(&link.origin_id, &link.quickbooks_id));
        }
        let (order, line) = self.told_id.as_deref()?.split_once('|')?;
        Some((order.to_owned(), vec![line.to_owned()]))
    }

    fn done(&self) -> Outcome {
        let effects = Effects {
            unlinked: vec![self.item()],
            ..Effects::default()
        };
        Outcome::Done(effects, vec![UNLINKED.to_owned()])
    }
}

impl Machine for UnlinkChangeOrder {
    fn wants(&self) -> Wants {
        Wants {
            links: vec![self.item()],
            ..Wants::default()
        }
    }

    fn access(&self) -> Access {
        Access::Read
    }

    fn step(&self, facts: &Facts<'_>) -> Step<Self> {
        match self.lines(facts) {
            Some((txn_id, _)) => Step::Ask(vec![self.document.query(&txn_id)]),
            // It never was in QuickBooks.
            None => Step::Finished(self.done()),
        }
    }

    fn answer(self, answers: &[Response], facts: &Facts<'_>) -> Turn<Self> {
        let Some((_, lines)) = self.lines(facts) else {
            return Turn::Finished(self.done());
        };
        let Some(answer) = answers.first() else {
            return Turn::Finished(failed(
                "QuickBooks gave no answer. Nothing was changed.".to_owned(),
            ));
        };
        let status = &answer.status;
        if status.retry_class() == RetryClass::Again {
            return Turn::Later(self, status.told());
        }
        match self.document.read(answer) {
            Some(Ok(found)) if found.lines.iter().any(|line| lines.contains(line)) => {
                let (change, document) = self.document.words();
                let number = found.number.as_deref().unwrap_or("without a number");
                Turn::Finished(Outcome::Failed(
                    Failure::all(
                        FailureCode::Refused,
                        vec![
                            format!(
                                "The {change} is still in QuickBooks Desktop. Please delete it before retrying."
                            ),
                            format!("Its lines stand on {document} {number}."),
                        ],
                    ),
                    Effects::default(),
                ))
            }
            Some(Err(error)) => Turn::Finished(failed(format!(
                "QuickBooks' answer about the change order could not be read ({error}). Nothing was changed."
            ))),
            None if status.is_error() && !matches!(status.code, 500 | 3000 | 3120) => {
                Turn::Finished(failed(format!(
                    "QuickBooks did not say whether the change order is still there. Nothing was changed. {}",
                    status.told()
                )))
            }
            Some(Ok(_)) | None => Turn::Finished(self.done()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::imports::fixture::World;

    // QBD-31
    #[test]
    fn qbd_31_a_pcco_whose_lines_stand_on_the_estimate_keeps_its_link() {
        let world = World::default();
        let unlink = UnlinkChangeOrder {
            procore_id: 3,
            told_id: Some("5B-1|N1".to_owned()),
            document: Document::Estimate,
        };
        let Step::Ask(requests) = unlink.step(&world.facts()) else {
            panic!()
        };
        assert_eq!(requests[0].element, "EstimateQueryRq");
        let outcome = |line: &str| {
            let content = format!(
                "<EstimateRet><TxnID>5B-1</TxnID><RefNumber>4</RefNumber><EstimateLineRet><TxnLineID>{line}</TxnLineID>\
                 </EstimateLineRet></EstimateRet>"
            );
            unlink
                .clone()
                .answer(&[Response::ok("EstimateQueryRs", &content)], &world.facts())
        };
        let Turn::Finished(Outcome::Failed(failure, _)) = outcome("N1") else {
            panic!()
        };
        assert_eq!(
            failure.messages,
            [
                "The PCCO is still in QuickBooks Desktop. Please delete it before retrying.",
                "Its lines stand on estimate 4."
            ]
        );
        let Turn::Finished(Outcome::Done(effects, messages)) = outcome("L1") else {
            panic!()
        };
        assert_eq!(effects.unlinked, [ProcoreItem::new(ItemType::ChangeOrder, 3)]);
        assert_eq!(messages, [UNLINKED]);
    }
}
