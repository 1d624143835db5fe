//! Estimates and sales orders as lines of cost codes: what a prime contract and a budget take of them alike.
//!
//! What may not live here: what becomes of the lines.

use crate::{
    mirror::MirrorRecord,
    qbxml::{
        Money, item,
        proposal::{Proposal, ProposalLine},
    },
};

/// The kind of item whose amount only repeats the lines above it.
const SUBTOTAL: &str = "Subtotal";

/// A line of a service item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CodedLine<'a> {
    pub(super) line: &'a ProposalLine,
    /// The item's `ListID`.
    pub(super) item: &'a str,
    pub(super) amount: Money,
}

/// Its lines, each on a service item, which come to its total; or everything that keeps it from being that. `items` are the
/// items of its lines.
pub(super) fn coded<'a>(
    proposal: &'a Proposal,
    items: &[MirrorRecord],
) -> Result<Vec<CodedLine<'a>>, Vec<String>> {
    let mut lines = Vec::new();
    let mut faults = Vec::new();
    for (line, place) in proposal.lines.iter().zip(1..) {
        let amount = line.amount.unwrap_or(Money::ZERO);
        let id = line.item.as_ref().and_then(|item| item.list_id.as_deref());
        let known = id.and_then(|id| items.iter().find(|item| item.list_id == id));
        let kind = known.and_then(|item| item.detail.as_deref());
        match (id, kind) {
            (Some(id), Some(item::SERVICE)) => lines.push(CodedLine {
                line,
                item: id,
                amount,
            }),
            (Some(_), Some(SUBTOTAL)) => {}
            _ if amount.is_zero() => {}
            (Some(id), kind) => faults.push(format!(
                "Its line {place} of {amount} is for {}, which is {}: only service items are cost codes.",
                known.map_or_else(
                    || format!("the item {id}"),
                    |item| format!("\"{}\"", item.full_name)
                ),
                kind.map_or_else(
                    || "not known yet (press Refresh on the standard cost codes)".to_owned(),
                    |kind| format!("an item of the kind {kind}")
                ),
            )),
            (None, _) => faults.push(format!("Its line {place} of {amount} has no item.")),
        }
    }
    let sum: Money = lines.iter().map(|line| line.amount).sum();
    if faults.is_empty() && sum != proposal.total {
        faults.push(format!(
            "Its lines come to {sum}, but its total is {} (difference {}), perhaps for sales tax.",
            proposal.total,
            proposal.total - sum
        ));
    }
    if faults.is_empty() && lines.is_empty() {
        faults.push("It has no line with an item.".to_owned());
    }
    if faults.is_empty() { Ok(lines) } else { Err(faults) }
}

/// The items that its lines name, each once.
pub(super) fn items_of<'a>(proposals: impl IntoIterator<Item = &'a Proposal>) -> Vec<String> {
    let mut ids: Vec<String> = proposals
        .into_iter()
        .flat_map(|proposal| &proposal.lines)
        .filter_map(|line| line.item.as_ref()?.list_id.clone())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{
        qbxml::{ListRef, proposal::ProposalKind},
        tasks::imports::fixture::World,
    };

    /// An estimate of job J: lines of item and cents, and its total.
    pub(in crate::tasks::imports) fn estimate(
        id: &str,
        lines: &[(Option<&str>, i64)],
        total: i64,
    ) -> Proposal {
        Proposal {
            kind: ProposalKind::Estimate,
            txn_id: id.to_owned(),
            edit_sequence: Some("1".to_owned()),
            ref_number: Some(format!("N{id}")),
            memo: None,
            job: ListRef {
                full_name: Some("Acme:Tower".to_owned()),
                ..ListRef::by_id("J")
            },
            total: Money::from_cents(total),
            lines: lines
                .iter()
                .zip(1..)
                .map(|((item, cents), place)| ProposalLine {
                    txn_line_id: format!("{id}-{place}"),
                    item: item.map(ListRef::by_id),
                    desc: None,
                    amount: Some(Money::from_cents(*cents)),
                })
                .collect(),
        }
    }

    pub(in crate::tasks::imports) fn world() -> World {
        World::default()
            .with_item("S1", "01:100", "Service")
            .with_item("S2", "01:200", "Service")
            .with_item("SUB", "Subtotal", "Subtotal")
            .with_item("P", "Paint", "NonInventory")
    }

    // QBD-19, QBD-20
    #[test]
    fn qbd_20_subtotals_and_texts_add_nothing_and_what_is_no_cost_code_is_told() {
        let items = world().items;
        let good = estimate(
            "1",
            &[(Some("S1"), 100), (Some("SUB"), 100), (None, 0), (Some("S2"), 50)],
            150,
        );
        let lines = coded(&good, &items).unwrap();
        let amounts: Vec<(&str, Money)> = lines.iter().map(|line| (line.item, line.amount)).collect();
        assert_eq!(
            amounts,
            [("S1", Money::from_cents(100)), ("S2", Money::from_cents(50))]
        );
        for (lines, total, told) in [
            (
                vec![(Some("S1"), 100), (Some("P"), 7)],
                107,
                "\"Paint\", which is an item of the kind NonInventory",
            ),
            (
                vec![(Some("S1"), 100), (Some("X"), 7)],
                107,
                "the item X, which is not known yet",
            ),
            (
                vec![(Some("S1"), 100), (None, 7)],
                107,
                "line 2 of 0.07 has no item",
            ),
            (
                vec![(Some("S1"), 100)],
                108,
                "come to 1.00, but its total is 1.08 (difference 0.08)",
            ),
            (vec![(None, 0)], 0, "no line with an item"),
        ] {
            let faults = coded(&estimate("1", &lines, total), &items).unwrap_err();
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert!(faults[0].contains(told), "{faults:?}");
        }
    }
}
