//! Unlinking a commitment change order: its lines must be gone from the purchase order (QBD-28).

use serde::{Deserialize, Serialize};

use super::{UNLINKED, failed};
use crate::{
    links::{ItemType, ProcoreItem},
    qbxml::{
        Access, Response, RetryClass,
        purchase_order::{self, PurchaseOrderRet},
    },
    tasks::{
        Effects, Facts, Failure, FailureCode, Machine, Outcome, Step, Turn, Wants,
        exports::change_order::linked_lines,
    },
};

/// A change order whose link is to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnlinkChangeOrder {
    /// The Procore change order.
    pub procore_id: i64,
    /// What Procore holds as its QuickBooks id.
    pub told_id: Option<String>,
}

impl UnlinkChangeOrder {
    fn item(&self) -> ProcoreItem {
        ProcoreItem::new(ItemType::ChangeOrder, self.procore_id)
    }

    /// The purchase order, and the lines that must be gone.
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
            Some((order, _)) => Step::Ask(vec![purchase_order::by_id(&order)]),
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
        match answer.record::<PurchaseOrderRet>("PurchaseOrderRet") {
            Some(Ok(order)) if order.lines.iter().any(|line| lines.contains(&line.txn_line_id)) => {
                let number = order.ref_number.as_deref().unwrap_or("without a number");
                Turn::Finished(Outcome::Failed(
                    Failure::all(
                        FailureCode::Refused,
                        vec![
                            "The CCO is still in QuickBooks Desktop. Please delete it before retrying."
                                .to_owned(),
                            format!("Its lines stand on purchase order {number}."),
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
