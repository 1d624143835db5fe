//! The order to export a prime contract change order: what the owner pays more, or less.

use rust_decimal::Decimal;

use super::{LinkedRecord, Order, commitment, commitment::CommitmentLineOrder, linked, owned, text_of};
use crate::procore::reader::ReadError;

/// A prime contract change order to export.
#[derive(Clone, Debug, PartialEq)]
pub struct PrimeChangeOrderOrder {
    /// Procore's id.
    pub id: i64,
    /// Its number, counted per contract.
    pub number: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// Its third-party id, if it has been exported.
    pub origin_id: Option<String>,
    /// The prime contract.
    pub contract_id: i64,
    /// The prime contract's number.
    pub contract_number: Option<String>,
    /// The estimate's `TxnID`, where the prime contract is linked.
    pub contract_origin_id: Option<String>,
    /// The project.
    pub project: LinkedRecord,
    /// Its lines, by position.
    pub lines: Vec<PrimeChangeLineOrder>,
    /// The request detail.
    pub request_detail_id: Option<i64>,
}

/// A line of a prime contract change order.
#[derive(Clone, Debug, PartialEq)]
pub struct PrimeChangeLineOrder {
    /// What every line of a contract has; the amount is with markup (**inferred** from the dictionary's example, where it
    /// is the extended amount and the markup together; the planner compares).
    pub line: CommitmentLineOrder,
    /// The amount before markup, where told.
    pub extended: Option<Decimal>,
    /// The markup.
    pub markup: Decimal,
}

pub(super) fn read(order: &Order<'_>) -> Result<PrimeChangeOrderOrder, ReadError> {
    let data = &order.data;
    let contract = data.field("prime_contract").object()?;
    let change = data.field("prime_contract_change_order").object()?;
    let mut lines = data
        .field("prime_contract_change_order_items")
        .list()?
        .iter()
        .map(|item| {
            let markup = item
                .field("markup_line_items")
                .optional_list()?
                .iter()
                .map(|markup| super::number_of(markup, "amount"))
                .sum::<Result<Decimal, ReadError>>()?;
            Ok(PrimeChangeLineOrder {
                line: commitment::read_line(item)?,
                extended: item.field("extended_amount").optional_decimal()?,
                markup,
            })
        })
        .collect::<Result<Vec<_>, ReadError>>()?;
    lines.sort_by_key(|line| line.line.position.unwrap_or(i64::MAX));
    Ok(PrimeChangeOrderOrder {
        id: change.field("id").id()?,
        number: change.field("number").optional_label()?,
        title: text_of(&change, "title")?,
        origin_id: owned(text_of(&change, "origin_id")?),
        contract_id: contract.field("id").id()?,
        contract_number: text_of(&contract, "number")?,
        contract_origin_id: owned(text_of(&contract, "origin_id")?),
        project: linked(&data.field("project"))?,
        lines,
        request_detail_id: order.detail(&change)?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::procore::events::ErpEvent;

    #[test]
    fn a_prime_contract_change_order_is_read_with_its_markup() {
        let payload = json!({"request_data": {
            "request_detail_id": 361, "project": {"id": 48, "name": "Tower", "origin_id": "J-1", "origin_data": null},
            "prime_contract": {"id": 76, "number": "CC", "origin_id": null},
            "prime_contract_change_order": {"id": 81, "contract_id": 76, "number": "049", "title": "", "origin_id": null},
            "prime_contract_change_order_items": [{
                "id": 593, "amount": "343.85", "extended_amount": "299.0", "description": "Doors", "position": 1,
                "cost_code": {"id": 1952, "full_code": "1-010", "origin_id": "J-1|I-1", "standard_cost_code_id": 307},
                "markup_line_items": [{"id": 9, "amount": "44.85"}],
            }],
        }});
        let ErpEvent::CreatePrimeChangeOrder(order) =
            ErpEvent::parse("create_prime_contract_change_order", &payload).unwrap()
        else {
            panic!()
        };
        assert_eq!(
            (order.id, order.contract_id, order.request_detail_id),
            (81, 76, Some(361))
        );
        assert_eq!(
            (order.number.as_deref(), order.title.as_deref()),
            (Some("049"), None)
        );
        let [line] = order.lines.as_slice() else { panic!() };
        assert_eq!(line.line.amount.to_string(), "343.85");
        assert_eq!(line.markup.to_string(), "44.85");
    }

    #[test]
    fn unlinking_and_resetting_one_are_read_alike() {
        let unlink = json!({"request_data": {"request_detail_id": 5,
            "prime_contract": {"id": 1, "procore_prime_contract_id": 76},
            "prime_contract_change_order": {"id": 81, "origin_id": "5B-1|N1"},
        }});
        let reset = json!({"prime_contract_id": 76, "prime_contract_change_order_id": 81,
            "prime_contract_change_order_origin_id": "5B-1|N1"});
        for (name, payload, detail) in [
            ("unlink_prime_contract_change_order", unlink, Some(5)),
            ("reset_prime_contract_change_order", reset, None),
        ] {
            let ErpEvent::UnlinkPrimeChangeOrder(order) = ErpEvent::parse(name, &payload).unwrap() else {
                panic!()
            };
            assert_eq!(
                (
                    order.id,
                    order.contract_id,
                    order.origin_id.as_deref(),
                    order.request_detail_id
                ),
                (81, 76, Some("5B-1|N1"), detail)
            );
        }
    }
}
