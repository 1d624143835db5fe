//! The tie-out: what Procore and QuickBooks say of each project, side by side, and what makes the difference.
//!
//! What lives here: the figures and how they are compared (pure), and a `store` with its SQL. How QuickBooks is asked is
//! `tasks::tie_out`' business, how Procore is asked `procore::totals`'.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{links::ItemType, qbxml::Money};

pub mod store;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// The budget: lines and their changes; the estimate.
    Budget,
    /// Commitments with their change orders; purchase orders.
    Committed,
    /// What subcontractor invoices ask to be paid; bills less vendor credits.
    Billed,
    /// What is held back of them; the lines on the retainage item.
    Retainage,
    /// Payments issued; checks and card payments of those bills.
    Paid,
    /// Job to date less the bills of Procore's own invoices.
    DirectCost,
}

impl Measure {
    /// All of them, in the order of a project's life.
    pub const ALL: [Self; 6] = [
        Self::Budget,
        Self::Committed,
        Self::Billed,
        Self::Retainage,
        Self::Paid,
        Self::DirectCost,
    ];

    /// What a person calls it, and its name in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Budget => "budget",
            Self::Committed => "committed",
            Self::Billed => "billed",
            Self::Retainage => "retainage",
            Self::Paid => "paid",
            Self::DirectCost => "direct cost",
        }
    }
}

/// What one linked record comes to in QuickBooks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuickBooksFigure {
    /// What Procore calls it: budget, commitment or subcontractor invoice.
    pub item_type: ItemType,
    /// Procore's id.
    pub item_id: i64,
    /// The transaction's number.
    pub ref_number: Option<String>,
    /// The job it is for: its `ListID`.
    pub job_list_id: Option<String>,
    /// Its total; none: QuickBooks does not have it, or would not show it.
    pub total: Option<Money>,
    /// What of a bill is held back.
    pub retainage: Money,
    /// What of a bill is paid.
    pub paid: Money,
}

/// What one exported record comes to in Procore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcoreFigure {
    /// Budget, commitment or subcontractor invoice.
    pub item_type: ItemType,
    /// Procore's id.
    pub item_id: i64,
    /// Its number, or its name.
    pub label: String,
    /// What it comes to.
    pub total: Money,
    /// What is held back of a commitment.
    pub retainage: Money,
    /// What Procore shows as paid of a commitment.
    pub paid: Money,
}

/// One measure of one project in both systems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tied {
    /// What is compared.
    pub measure: Measure,
    /// What Procore says.
    pub procore: Money,
    /// What QuickBooks says.
    pub quickbooks: Money,
    /// The records that make the difference, in words.
    pub causes: Vec<String>,
}

impl Tied {
    /// Procore's less QuickBooks'.
    pub fn difference(&self) -> Money {
        self.procore - self.quickbooks
    }
}

/// Direct cost as Procore was told, and as QuickBooks' own report differs from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectCost {
    /// What Procore was told, and took.
    pub told: Money,
    /// What the transactions add up to now.
    pub held: Money,
    /// Where QuickBooks' report says something else, in words.
    pub difference: Option<String>,
}

/// A project's figures side by side.
pub fn tie(
    procore: &[ProcoreFigure],
    quickbooks: &[QuickBooksFigure],
    direct: Option<&DirectCost>,
) -> Vec<Tied> {
    let is_commitment = |item_type| {
        matches!(
            item_type,
            ItemType::WorkOrderContract | ItemType::PurchaseOrderContract
        )
    };
    let mut tied = vec![
        totals(Measure::Budget, procore, quickbooks, |item_type| {
            item_type == ItemType::Budget
        }),
        totals(Measure::Committed, procore, quickbooks, is_commitment),
        totals(Measure::Billed, procore, quickbooks, |item_type| {
            item_type == ItemType::Requisition
        }),
        // Procore adds these up by commitment and QuickBooks by bill, so that single records cannot be named.
        Tied {
            measure: Measure::Retainage,
            procore: procore.iter().map(|figure| figure.retainage).sum(),
            quickbooks: quickbooks.iter().map(|figure| figure.retainage).sum(),
            causes: Vec::new(),
        },
        Tied {
            measure: Measure::Paid,
            procore: procore.iter().map(|figure| figure.paid).sum(),
            quickbooks: quickbooks.iter().map(|figure| figure.paid).sum(),
            causes: Vec::new(),
        },
    ];
    for (measure, words) in [
        (
            Measure::Retainage,
            "Compare the invoices' retainage with the lines on the retainage item of their bills.",
        ),
        (
            Measure::Paid,
            "Payments that were entered in QuickBooks before payments were switched on are not in Procore; the next reading \
             of payments brings what is new.",
        ),
    ] {
        if let Some(tied) = tied
            .iter_mut()
            .find(|tied| tied.measure == measure && !tied.difference().is_zero())
        {
            tied.causes.push(words.to_owned());
        }
    }
    if let Some(direct) = direct {
        tied.push(Tied {
            measure: Measure::DirectCost,
            procore: direct.told,
            quickbooks: direct.held,
            causes: direct.difference.iter().cloned().collect(),
        });
    }
    tied
}

fn totals(
    measure: Measure,
    procore: &[ProcoreFigure],
    quickbooks: &[QuickBooksFigure],
    of: impl Fn(ItemType) -> bool,
) -> Tied {
    let mut tied = Tied {
        measure,
        procore: Money::ZERO,
        quickbooks: Money::ZERO,
        causes: Vec::new(),
    };
    let ours: Vec<&QuickBooksFigure> = quickbooks.iter().filter(|figure| of(figure.item_type)).collect();
    for figure in procore.iter().filter(|figure| of(figure.item_type)) {
        tied.procore += figure.total;
        let found = ours
            .iter()
            .find(|ours| ours.item_id == figure.item_id && ours.item_type == figure.item_type);
        match found.map(|found| found.total) {
            Some(Some(total)) if total == figure.total => {}
            Some(Some(total)) => tied.causes.push(format!(
                "{}: {} in Procore, {total} in QuickBooks",
                figure.label, figure.total
            )),
            Some(None) => tied.causes.push(format!(
                "{}: QuickBooks does not have its transaction any more",
                figure.label
            )),
            None => tied.causes.push(format!(
                "{}: exported, but not by this connection, or after QuickBooks was read",
                figure.label
            )),
        }
    }
    for figure in ours {
        tied.quickbooks += figure.total.unwrap_or(Money::ZERO);
        let known = procore
            .iter()
            .any(|other| other.item_id == figure.item_id && other.item_type == figure.item_type);
        if !known {
            let number = figure.ref_number.as_deref().unwrap_or("without a number");
            tied.causes.push(format!(
                "{} {number}: Procore does not show what it was made from",
                match figure.item_type {
                    ItemType::Budget => "estimate",
                    ItemType::Requisition if figure.total.is_some_and(Money::is_negative) => "vendor credit",
                    ItemType::Requisition => "bill",
                    _ => "purchase order",
                }
            ));
        }
    }
    tied
}

/// When QuickBooks' side was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// When the last complete reading ended.
    pub read_at: Option<DateTime<Utc>>,
    /// Its figures.
    pub figures: Vec<QuickBooksFigure>,
}

/// What a step of a reading leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TieOutEffect {
    /// Transactions as they stand.
    Read(Vec<QuickBooksFigure>),
    /// All linked transactions were read.
    Ended,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quickbooks(item_type: ItemType, item_id: i64, cents: Option<i64>) -> QuickBooksFigure {
        QuickBooksFigure {
            item_type,
            item_id,
            ref_number: Some("SC-1".to_owned()),
            job_list_id: None,
            total: cents.map(Money::from_cents),
            retainage: Money::ZERO,
            paid: Money::ZERO,
        }
    }

    fn procore(item_type: ItemType, item_id: i64, cents: i64) -> ProcoreFigure {
        ProcoreFigure {
            item_type,
            item_id,
            label: "commitment SC-1".to_owned(),
            total: Money::from_cents(cents),
            retainage: Money::ZERO,
            paid: Money::ZERO,
        }
    }

    // LOVE-04
    #[test]
    fn love_04_the_record_that_makes_a_difference_is_named() {
        let kind = ItemType::WorkOrderContract;
        let of = |procore: &[ProcoreFigure], quickbooks: &[QuickBooksFigure]| {
            tie(procore, quickbooks, None)
                .into_iter()
                .find(|tied| tied.measure == Measure::Committed)
                .unwrap()
        };
        let same = of(&[procore(kind, 1, 100)], &[quickbooks(kind, 1, Some(100))]);
        assert!(same.difference().is_zero() && same.causes.is_empty());
        let other = of(&[procore(kind, 1, 100)], &[quickbooks(kind, 1, Some(99))]);
        assert_eq!(other.difference(), Money::from_cents(1));
        assert_eq!(
            other.causes,
            ["commitment SC-1: 1.00 in Procore, 0.99 in QuickBooks"]
        );
        let gone = of(&[procore(kind, 1, 100)], &[quickbooks(kind, 1, None)]);
        assert!(gone.causes[0].contains("any more"), "{gone:?}");
        let unknown = of(&[procore(kind, 1, 100)], &[]);
        assert!(
            unknown.causes[0].contains("not by this connection"),
            "{unknown:?}"
        );
        let extra = of(&[], &[quickbooks(kind, 1, Some(100))]);
        assert_eq!(extra.difference(), Money::from_cents(-100));
        assert!(extra.causes[0].contains("SC-1"), "{extra:?}");
        // Two that cancel out are two causes all the same.
        let both = of(
            &[procore(kind, 1, 100), procore(kind, 2, 200)],
            &[quickbooks(kind, 1, Some(200)), quickbooks(kind, 2, Some(100))],
        );
        assert!(both.difference().is_zero());
        assert_eq!(both.causes.len(), 2);
    }
}
