//! The order to export a commitment change order: lines that are added to a commitment.

use super::{
    LinkedRecord, Order,
    commitment::{self, CommitmentKind, CommitmentLineOrder},
    linked, owned, text_of,
};
use crate::procore::reader::ReadError;

/// A commitment change order to export.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeOrderOrder {
    /// Procore's id.
    pub id: i64,
    /// Its number, counted per commitment.
    pub number: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// Its third-party id, if it has been exported.
    pub origin_id: Option<String>,
    /// The commitment it changes.
    pub commitment_id: i64,
    /// A subcontract or a purchase order.
    pub commitment_kind: CommitmentKind,
    /// The commitment's number.
    pub commitment_number: Option<String>,
    /// The purchase order's `TxnID`, as Procore holds it.
    pub commitment_origin_id: Option<String>,
    /// Whether quantities and unit costs count.
    pub is_unit_based: bool,
    /// The project.
    pub project: LinkedRecord,
    /// The job, as the order names it.
    pub job_origin_id: Option<String>,
    /// Its lines, by position.
    pub lines: Vec<ChangeOrderLineOrder>,
    /// The request detail.
    pub request_detail_id: Option<i64>,
}

/// A line of a change order.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeOrderLineOrder {
    /// What every line of a commitment has.
    pub line: CommitmentLineOrder,
    /// The line of the schedule of values that it changes.
    pub changes: Option<i64>,
}

pub(super) fn read(order: &Order<'_>) -> Result<ChangeOrderOrder, ReadError> {
    let commitment = order.data.field("commitment").object()?;
    let change = order.data.field("change_order").object()?;
    let mut lines = order
        .data
        .field("change_order_items")
        .list()?
        .iter()
        .map(|item| {
            Ok(ChangeOrderLineOrder {
                line: commitment::read_line(item)?,
                changes: item.field("commitment_line_item_id").optional_id()?,
            })
        })
        .collect::<Result<Vec<_>, ReadError>>()?;
    lines.sort_by_key(|line| line.line.position.unwrap_or(i64::MAX));
    Ok(ChangeOrderOrder {
        id: change.field("id").id()?,
        number: change.field("number").optional_label()?,
        title: text_of(&change, "title")?,
        origin_id: owned(text_of(&change, "origin_id")?),
        commitment_id: commitment.field("id").id()?,
        commitment_kind: commitment::kind(&commitment)?,
        commitment_number: text_of(&commitment, "number")?,
        commitment_origin_id: owned(text_of(&commitment, "origin_id")?),
        is_unit_based: commitment.field("accounting_method").optional_text()? == Some("unit"),
        project: linked(&commitment.field("project"))?,
        job_origin_id: owned(text_of(&order.data, "job_origin_id")?),
        lines,
        request_detail_id: order.detail(&change)?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::procore::events::{CommitmentKind, ErpEvent};

    #[test]
    fn a_change_order_is_read_with_its_commitment() {
        let item = |id: i64, position: i64, amount: &str| {
            json!({"id": id, "position": position, "amount": amount, "commitment_line_item_id": 177,
                "cost_code": {"id": 1472, "full_code": "01-000", "origin_id": "J-1|I-1"}})
        };
        let payload = json!({"request_data": {
            "job_origin_id": "J-1", "request_detail_id": 9,
            "commitment": {"id": 41, "type": "PurchaseOrderContract", "number": "PO-1", "origin_id": "5A-1",
                "accounting_method": "amount", "project": {"id": 86, "origin_id": "J-1"}},
            "change_order": {"id": 3, "number": 45, "title": "More", "origin_id": null},
            "change_order_items": [item(188, 2, "-100.0"), item(187, 1, "300.0")],
        }});
        let ErpEvent::CreateChangeOrder(order) =
            ErpEvent::parse("create_commitment_change_order", &payload).unwrap()
        else {
            panic!()
        };
        assert_eq!(
            (order.id, order.number.as_deref(), order.request_detail_id),
            (3, Some("45"), Some(9))
        );
        assert_eq!(
            (
                order.commitment_id,
                order.commitment_kind,
                order.commitment_origin_id.as_deref()
            ),
            (41, CommitmentKind::PurchaseOrderContract, Some("5A-1"))
        );
        let lines: Vec<(i64, Option<i64>)> = order
            .lines
            .iter()
            .map(|line| (line.line.id, line.changes))
            .collect();
        assert_eq!(lines, [(187, Some(177)), (188, Some(177))], "by position");
    }
}
