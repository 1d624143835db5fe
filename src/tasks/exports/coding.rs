//! What the lines of purchase orders and bills have in common: the item a cost code stands for, and how quantity, price
//! and amount are sent so that QuickBooks' cents are Procore's.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    classes::{self, CostType},
    faults::{Faults, within},
};
use crate::{
    links::{ItemType, ProcoreItem},
    mirror::MirrorRecord,
    qbxml::{Money, MoneyError, Price, Quantity, bill, purchase_order, text},
    tasks::Facts,
};

/// Characters of a line's text, on purchase orders and bills alike.
const DESC_MAX: usize = bill::DESC_MAX;
const _: () = assert!(bill::DESC_MAX == purchase_order::DESC_MAX, "one limit for both");

/// The cost code of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LineCode {
    /// The project's cost code.
    pub procore_id: Option<i64>,
    /// The whole code, for people.
    pub full_code: String,
    /// `JobListID|ItemListID`, where Procore knows it to be linked.
    pub origin_id: Option<String>,
    /// The standard cost code it came from, to find its item by our own link.
    pub standard_cost_code_id: Option<i64>,
    /// The cost type beside it.
    pub cost_type: Option<CostType>,
    /// Segments of the budget code that the company has added.
    pub custom_segments: Vec<String>,
}

impl LineCode {
    /// The Procore records whose links name the item.
    pub(super) fn wanted(&self) -> impl Iterator<Item = ProcoreItem> {
        let own = self.procore_id.map(|id| ProcoreItem::new(ItemType::CostCode, id));
        let standard = self
            .standard_cost_code_id
            .map(|id| ProcoreItem::new(ItemType::StandardCostCode, id));
        own.into_iter().chain(standard)
    }

    /// The item's `ListID` as Procore knows it.
    pub(super) fn told_item(&self) -> Option<&str> {
        let origin = self.origin_id.as_deref()?;
        let item = origin.rsplit_once('|').map_or(origin, |(_, item)| item).trim();
        Some(item).filter(|item| !item.is_empty())
    }

    /// The item's `ListID`: as Procore told it, else by our own link of the code or of its standard code.
    pub(super) fn item(&self, facts: &Facts<'_>) -> Option<String> {
        self.told_item().map(str::to_owned).or_else(|| {
            self.wanted()
                .find_map(|code| facts.link_of(code))
                .map(|link| link.quickbooks_id.clone())
        })
    }

    /// The job's `ListID` as Procore knows it: the project's, or that of the sub job the code belongs to.
    fn told_job(&self) -> Option<&str> {
        let (job, _) = self.origin_id.as_deref()?.rsplit_once('|')?;
        Some(job.trim()).filter(|job| !job.is_empty())
    }

    /// The job of the sub job that the code belongs to, if it does: its line is for that job (QBD-10).
    fn sub_job(&self, facts: &Facts<'_>) -> Option<String> {
        let link = facts.link_to(self.told_job()?)?;
        (link.item.item_type == ItemType::SubJob).then(|| link.quickbooks_id.clone())
    }

    /// What a person calls it.
    pub(super) fn label(&self) -> String {
        match (self.full_code.trim(), self.procore_id) {
            ("", Some(id)) => format!("with Procore's id {id}"),
            ("", None) => "(none)".to_owned(),
            (code, _) => code.to_owned(),
        }
    }
}

/// Jobs that codes are of, other than the record's own: their links say whether they are sub jobs.
pub(super) fn other_jobs<'a>(codes: impl Iterator<Item = &'a LineCode>, own: Option<&str>) -> Vec<String> {
    let others = codes
        .filter_map(LineCode::told_job)
        .filter(|job| own != Some(*job));
    let others: BTreeSet<&str> = others.collect();
    others.into_iter().map(str::to_owned).collect()
}

/// A line of a record that goes to QuickBooks, as far as purchase orders and bills agree.
pub(super) struct Line<'a> {
    /// The record, as a sentence about it begins: `The commitment …`.
    pub(super) what: &'a str,
    /// What is exported again once the fault is mended: `commitment`.
    pub(super) record: &'a str,
    /// Counted from 1.
    pub(super) place: usize,
    /// Its cost code.
    pub(super) code: &'a LineCode,
    /// Its text.
    pub(super) description: Option<&'a str>,
    /// Whether quantity and price count.
    pub(super) is_unit_based: bool,
    /// How much.
    pub(super) quantity: Decimal,
    /// The price of one.
    pub(super) unit_cost: Decimal,
    /// The sum.
    pub(super) amount: Money,
}

/// What of a line can be written.
pub(super) struct Coded {
    /// The item, unless the code is not in QuickBooks.
    pub(super) item: Option<String>,
    /// Its text.
    pub(super) desc: Option<String>,
    /// Its sums.
    pub(super) amounts: Amounts,
    /// The job of its sub job; none: it is for the record's own job.
    pub(super) sub_job: Option<String>,
    /// The class of its cost type, where classes are written.
    pub(super) class: Option<String>,
}

impl Line<'_> {
    /// The line in QuickBooks' terms; what keeps it from being written goes to `faults`.
    pub(super) fn coded(&self, facts: &Facts<'_>, faults: &mut Faults) -> Coded {
        let Self {
            what, record, place, ..
        } = self;
        let code = self.code.label();
        let item = self.code.item(facts);
        match &item {
            None => faults.not_synced.push(format!(
                "{what} cannot be sent to ERP because the cost code {code} of its line {place} is not in QuickBooks. The code \
                 must be in the QuickBooks Desktop Standard Cost Codes list: send it first, then export the {record} again."
            )),
            Some(item) if facts.settings.retainage_item_list_id.as_ref() == Some(item) => faults.setting.push(format!(
                "{what} cannot be sent to ERP because the cost code {code} of its line {place} is linked to the Invoice \
                 Retainage Item. Choose another retainage item in the settings, or another code for the line."
            )),
            Some(item) => {
                if let Some(reason) = inactive(facts, item) {
                    faults.invalid.push(format!(
                        "{what} cannot be sent to ERP because of the cost code {code} of its line {place}: {reason}."
                    ));
                }
            }
        }
        let desc = text::fit(
            &format!("The description of line {place} of {}", within(what)),
            self.description.unwrap_or_default(),
            DESC_MAX,
        );
        let desc = faults.noted(desc.map_err(|error| error.to_string()));
        let amounts = amounts(self.is_unit_based, self.quantity, self.unit_cost, self.amount);
        let amounts = faults.noted(amounts.map_err(|error| {
            format!(
                "The quantity of line {place} of {} cannot be stored in QuickBooks: {error}. Change it in Procore, then \
                 export the {record} again.",
                within(what)
            )
        }));
        Coded {
            item,
            desc: Some(desc).filter(|desc| !desc.is_empty()),
            amounts,
            sub_job: self.code.sub_job(facts),
            class: classes::class_of(self, facts, faults),
        }
    }
}

/// What to do about an item that QuickBooks keeps but does not allow on new lines. `None`: nothing is known against it.
fn inactive(facts: &Facts<'_>, item: &str) -> Option<String> {
    let item: &MirrorRecord = facts.item(item).filter(|item| !item.is_active)?;
    Some(format!(
        "the item \"{}\" is inactive in QuickBooks. Make it active there (Lists > Item List, tick Include inactive, \
         click the X beside it), refresh the lists, then export again",
        item.full_name
    ))
}

/// Two of quantity, price and amount, or the amount alone: QuickBooks ignores a price that comes with an amount
/// (qbxml.md §8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amounts {
    /// How much.
    pub(super) quantity: Option<Quantity>,
    /// The price of one.
    pub(super) price: Option<Price>,
    /// The sum.
    pub(super) amount: Option<Money>,
}

/// How a line is sent so that its amount is `amount` to the cent.
///
/// Quantity and price, if their product rounds to the amount under any way of rounding; else quantity and amount, from
/// which QuickBooks makes its own price; the amount alone where quantities do not count.
fn amounts(
    is_unit_based: bool,
    quantity: Decimal,
    unit_cost: Decimal,
    amount: Money,
) -> Result<Amounts, MoneyError> {
    if !is_unit_based || quantity.is_zero() {
        return Ok(Amounts {
            amount: Some(amount),
            ..Amounts::default()
        });
    }
    let quantity = Quantity::from_decimal(quantity)?;
    let half_a_cent = Decimal::new(5, 3);
    let price = Price::from_decimal(unit_cost).ok().filter(|price| {
        quantity
            .decimal()
            .checked_mul(price.decimal())
            .is_some_and(|product| (product - amount.decimal()).abs() < half_a_cent)
    });
    Ok(Amounts {
        quantity: Some(quantity),
        amount: price.is_none().then_some(amount),
        price,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rust_decimal::RoundingStrategy;

    use super::*;
    use crate::tasks::imports::fixture::World;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn cod_08_the_item_comes_from_procore_or_from_our_own_links() {
        let world = World::default().linking(ItemType::CostCode, 6, "I6").linking(
            ItemType::StandardCostCode,
            3,
            "I3",
        );
        let code = |origin: Option<&str>, id, standard| LineCode {
            procore_id: id,
            full_code: "01-100".into(),
            origin_id: origin.map(str::to_owned),
            standard_cost_code_id: standard,
            ..LineCode::default()
        };
        let item = |code: LineCode| code.item(&world.facts());
        assert_eq!(item(code(Some("J|I1"), Some(6), Some(3))).as_deref(), Some("I1"));
        assert_eq!(item(code(Some("I1"), None, None)).as_deref(), Some("I1"));
        assert_eq!(item(code(Some("J|"), Some(6), Some(3))).as_deref(), Some("I6"));
        assert_eq!(item(code(None, Some(7), Some(3))).as_deref(), Some("I3"));
        assert_eq!(item(code(None, Some(7), Some(4))), None);
    }

    #[test]
    fn map_27_and_28_quantity_and_price_where_they_give_the_amount() {
        let sent = |unit, quantity: &str, cost: &str, cents| {
            amounts(unit, decimal(quantity), decimal(cost), Money::from_cents(cents)).unwrap()
        };
        let price = |text| Some(Price::parse(text).unwrap());
        // Amount-based lines carry no quantity, whatever Procore says of it.
        assert_eq!(sent(false, "3", "10", 5000).quantity, None);
        assert_eq!(sent(true, "0.0", "10", 5000).quantity, None);
        assert_eq!(
            sent(true, "0.0", "10", 5000).amount,
            Some(Money::from_cents(5000))
        );
        let exact = sent(true, "2.5", "10.00", 2500);
        assert_eq!((exact.price, exact.amount), (price("10"), None));
        // 3 × 33.333 is 99.999: it rounds to 100.00, not to 99.99.
        assert_eq!(sent(true, "3", "33.333", 10_000).price, price("33.333"));
        assert_eq!(sent(true, "3", "33.333", 9999).price, None);
        assert_eq!(
            sent(true, "3", "33.333", 9999).amount,
            Some(Money::from_cents(9999))
        );
        // Half a cent is rounded this way by one, that way by another.
        assert_eq!(sent(true, "0.5", "0.01", 1).price, None);
        assert_eq!(sent(true, "-2", "10", -2000).price, price("10"));
        // A price QuickBooks cannot hold.
        assert_eq!(
            sent(true, "3", "0.1234567", 37).amount,
            Some(Money::from_cents(37))
        );
        assert!(amounts(true, decimal("0.1234567"), decimal("1"), Money::ZERO).is_err());
        // A product beyond any decimal.
        let huge = "9999999999.99999";
        assert!(sent(true, huge, huge, 100).amount.is_some());
    }

    proptest! {
        /// Whatever is sent, QuickBooks arrives at our amount, with either way of rounding halves.
        #[test]
        fn map_29_the_amount_is_exact(
            quantity in -10_000_000_i64..10_000_000,
            cost in -10_000_000_i64..10_000_000,
            off in -2_i64..=2,
        ) {
            let (quantity, cost) = (Decimal::new(quantity, 3), Decimal::new(cost, 4));
            let product = (quantity * cost).round_dp(2) + Decimal::new(off, 2);
            let amount = Money::from_decimal(product).unwrap();
            let sent = amounts(true, quantity, cost, amount).unwrap();
            let (Some(sent_quantity), Some(price)) = (sent.quantity, sent.price) else {
                prop_assert_eq!(sent.amount, Some(amount));
                return Ok(());
            };
            prop_assert_eq!(sent.amount, None);
            for rounding in [RoundingStrategy::MidpointAwayFromZero, RoundingStrategy::MidpointNearestEven] {
                let shown = (sent_quantity.decimal() * price.decimal()).round_dp_with_strategy(2, rounding);
                prop_assert_eq!(shown, amount.decimal());
            }
        }
    }
}
