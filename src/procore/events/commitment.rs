//! The order to export a commitment: a subcontract or a purchase order, with its schedule of values.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::{
    LineSegments, LinkedRecord, Order, code_of, date_of, edit_sequence, linked, number_of, owned,
    segments_of, text_of,
};
use crate::procore::reader::{ReadError, Reader};

/// The two kinds of commitment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitmentKind {
    /// A subcontract.
    WorkOrderContract,
    /// A purchase order.
    PurchaseOrderContract,
}

/// A commitment to export.
#[derive(Clone, Debug, PartialEq)]
pub struct CommitmentOrder {
    /// Procore's id.
    pub id: i64,
    /// A subcontract or a purchase order.
    pub kind: CommitmentKind,
    /// Its number in Procore.
    pub number: Option<String>,
    /// The "QuickBooks Desktop ID" that was typed or filled in at export.
    pub code: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// Its description; may hold HTML.
    pub description: Option<String>,
    /// Its status; only `Approved` ones are sent.
    pub status: Option<String>,
    /// Whether quantities and unit costs count.
    pub is_unit_based: bool,
    /// The contract's date: accounting date, issued on, contract date, or contract start.
    pub date: Option<NaiveDate>,
    /// When it is due or delivered.
    pub due_date: Option<NaiveDate>,
    /// The sum Procore shows.
    pub grand_total: Option<Decimal>,
    /// Its third-party id, if it has been exported.
    pub origin_id: Option<String>,
    /// The `edit_sequence` of its `origin_data`.
    pub edit_sequence: Option<String>,
    /// The project.
    pub project: LinkedRecord,
    /// The job, as the order names it.
    pub job_origin_id: Option<String>,
    /// The contract company.
    pub vendor: LinkedRecord,
    /// Its lines, by position.
    pub lines: Vec<CommitmentLineOrder>,
    /// The request detail.
    pub request_detail_id: Option<i64>,
}

/// A line of the schedule of values.
#[derive(Clone, Debug, PartialEq)]
pub struct CommitmentLineOrder {
    /// Procore's id.
    pub id: i64,
    /// Where it stands in the order, for messages.
    pub path: String,
    /// Its place.
    pub position: Option<i64>,
    /// Its text.
    pub description: Option<String>,
    /// Its amount, without tax.
    pub amount: Decimal,
    /// Quantity; 0 where amount-based.
    pub quantity: Decimal,
    /// Price per unit; 0 where amount-based.
    pub unit_cost: Decimal,
    /// Unit of measure.
    pub uom: Option<String>,
    /// Tax on the line.
    pub tax_amount: Decimal,
    /// The cost code.
    pub cost_code: LineCostCode,
    /// Its cost type, and what else it is coded with.
    pub segments: LineSegments,
    /// Its third-party id, if it has one.
    pub origin_id: Option<String>,
}

/// The cost code of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineCostCode {
    /// Procore's id, of the project's code.
    pub id: i64,
    /// With its parents' codes.
    pub full_code: String,
    /// `JobListID|ItemListID`, if it is synced.
    pub origin_id: Option<String>,
    /// The standard code it came from.
    pub standard_cost_code_id: Option<i64>,
}

pub(super) fn read(order: &Order<'_>) -> Result<CommitmentOrder, ReadError> {
    let commitment = order.data.field("commitment").object()?;
    let kind = kind(&commitment)?;
    let extra = order.data.field("additional_data");
    let date = match date_of(&extra, &["accounting_date"])? {
        Some(date) => Some(date),
        None => date_of(
            &commitment,
            &["issued_on_date", "contract_date", "contract_start_date"],
        )?,
    };
    let mut lines: Vec<CommitmentLineOrder> = order
        .data
        .field("commitment_items")
        .list()?
        .iter()
        .map(read_line)
        .collect::<Result<_, _>>()?;
    // A stable sort: lines without a position keep their order.
    lines.sort_by_key(|line| line.position.unwrap_or(i64::MAX));
    Ok(CommitmentOrder {
        id: commitment.field("id").id()?,
        kind,
        number: text_of(&commitment, "number")?,
        code: match text_of(&commitment, "code")? {
            Some(code) => Some(code),
            None => text_of(&commitment, "origin_code")?,
        },
        title: text_of(&commitment, "title")?,
        description: text_of(&commitment, "description")?,
        status: text_of(&commitment, "status")?,
        is_unit_based: commitment.field("accounting_method").optional_text()? == Some("unit"),
        date,
        due_date: date_of(&commitment, &["due_date", "delivery_date", "expected_date"])?,
        grand_total: commitment.field("grand_total").optional_decimal()?,
        origin_id: owned(text_of(&commitment, "origin_id")?),
        edit_sequence: edit_sequence(&commitment.field("origin_data")),
        project: linked(&commitment.field("project"))?,
        job_origin_id: owned(text_of(&order.data, "job_id")?),
        vendor: linked(&commitment.field("vendor"))?,
        lines,
        request_detail_id: order.detail(&commitment)?,
    })
}

/// Which kind of commitment it is.
pub(super) fn kind(commitment: &Reader<'_>) -> Result<CommitmentKind, ReadError> {
    let word = commitment.field("type");
    match word.text()? {
        "WorkOrderContract" => Ok(CommitmentKind::WorkOrderContract),
        "PurchaseOrderContract" => Ok(CommitmentKind::PurchaseOrderContract),
        other => Err(word.error(format!("is no kind of commitment: {other}"))),
    }
}

pub(super) fn read_line(line: &Reader<'_>) -> Result<CommitmentLineOrder, ReadError> {
    let line = line.object()?;
    Ok(CommitmentLineOrder {
        id: line.field("id").id()?,
        path: line.path().to_owned(),
        position: line.field("position").value().and_then(serde_json::Value::as_i64),
        description: text_of(&line, "description")?,
        amount: match line.field("amount").optional_decimal()? {
            Some(amount) => amount,
            None => line
                .field("extended_amount")
                .decimal()
                .map_err(|_| line.field("amount").error("is missing"))?,
        },
        quantity: number_of(&line, "quantity")?,
        unit_cost: number_of(&line, "unit_cost")?,
        uom: text_of(&line, "uom")?,
        tax_amount: number_of(&line, "tax_amount")?,
        cost_code: code_of(&line.field("cost_code"))?,
        segments: segments_of(&line)?,
        origin_id: owned(text_of(&line, "origin_id")?),
    })
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;
    use serde_json::{Value, json};

    use super::*;
    use crate::procore::events::ErpEvent;

    fn payload() -> Value {
        json!({"request_data": {
            "job_id": "800003DD-1", "request_detail_id": 137, "additional_data": {"accounting_date": null},
            "commitment": {
                "id": 41, "type": "WorkOrderContract", "number": "SC-001", "code": "10543", "title": "Steel",
                "description": "", "status": "Approved", "accounting_method": "amount", "grand_total": "1250.50",
                "origin_id": null, "origin_data": null, "contract_date": "2026-03-01", "issued_on_date": null,
                "project": {"id": 86, "name": "Tower", "origin_id": "800003DD-1", "origin_data": "{\"edit_sequence\":\"9\"}"},
                "vendor": {"id": 47, "company": "90 Minute Courier", "origin_id": "800000CD-1", "origin_data": null}
            },
            "commitment_items": [
                {"id": 178, "position": 2, "amount": 1000.5, "quantity": null, "unit_cost": "0.0", "description": "B",
                 "cost_code": {"id": 1473, "full_code": "01-001", "origin_id": null, "standard_cost_code_id": "372"}},
                {"id": 177, "position": 1, "amount": "250.0", "quantity": "0.0", "unit_cost": "0.0", "tax_amount": "0.0",
                 "description": "A", "uom": null, "origin_id": null,
                 "cost_code": {"id": 1472, "full_code": "01-000", "origin_id": "800003DD-1|800005FA-1", "standard_cost_code_id": 371}}
            ]
        }})
    }

    fn read_it(payload: &Value) -> Result<CommitmentOrder, String> {
        match ErpEvent::parse("create_commitment", payload) {
            Ok(ErpEvent::CreateCommitment(order)) => Ok(*order),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.error.to_string()),
        }
    }

    #[test]
    fn qbd_43_both_kinds_are_read_with_every_line_in_order() {
        let order = read_it(&payload()).unwrap();
        assert_eq!(order.kind, CommitmentKind::WorkOrderContract);
        assert_eq!(
            order.lines.iter().map(|line| line.id).collect::<Vec<_>>(),
            [177, 178]
        );
        assert_eq!(order.lines[1].amount, Decimal::new(100_050, 2));
        assert_eq!(order.date, Some("2026-03-01".parse().unwrap()));
        assert_eq!(order.vendor.name.as_deref(), Some("90 Minute Courier"));
        assert_eq!(order.project.edit_sequence.as_deref(), Some("9"));
        assert_eq!(order.request_detail_id, Some(137));

        let mut purchase_order = payload();
        purchase_order["request_data"]["commitment"]["type"] = json!("PurchaseOrderContract");
        assert_eq!(
            read_it(&purchase_order).unwrap().kind,
            CommitmentKind::PurchaseOrderContract
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (pointer, value, words) in [
            (
                "/request_data/commitment/type",
                json!("PrimeContract"),
                "is no kind of commitment: PrimeContract",
            ),
            (
                "/request_data/commitment/vendor",
                Value::Null,
                "request_data.commitment.vendor is missing",
            ),
            (
                "/request_data/commitment/contract_date",
                json!("03/01/26"),
                "request_data.commitment.contract_date is no date",
            ),
            (
                "/request_data/commitment_items/0/amount",
                json!("lots"),
                "request_data.commitment_items[0].amount is no number",
            ),
            (
                "/request_data/commitment_items/1/cost_code",
                Value::Null,
                "request_data.commitment_items[1].cost_code is missing",
            ),
        ] {
            let mut payload = payload();
            *payload.pointer_mut(pointer).unwrap() = value;
            let error = read_it(&payload).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
