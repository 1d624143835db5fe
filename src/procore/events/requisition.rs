//! The order to export subcontractor invoices. It is a batch, and as documented it carries no request details.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::{BadItem, Order, date_of, each, number_of, owned, text_of};
use crate::procore::reader::{ReadError, Reader};

/// The kinds of invoice line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequisitionItemKind {
    /// A line of the contract.
    Contract,
    /// A detail line (SSOV) of the contract.
    ContractDetail,
    /// A line of a change order.
    ChangeOrder,
}

/// A subcontractor invoice to export.
#[derive(Clone, Debug, PartialEq)]
pub struct RequisitionOrder {
    /// Procore's id.
    pub id: i64,
    /// The vendor's invoice number.
    pub invoice_number: Option<String>,
    /// The external id that was typed or filled in at export.
    pub code: Option<String>,
    /// The bill's date.
    pub billing_date: Option<NaiveDate>,
    /// The commitment.
    pub contract_id: i64,
    /// The commitment's third-party id.
    pub contract_origin_id: Option<String>,
    /// The job's `ListID`.
    pub job_origin_id: Option<String>,
    /// Its third-party id, if it has been exported (not in the documented payload).
    pub origin_id: Option<String>,
    /// What is due, as Procore shows it: `$1,087.80`.
    pub formatted_payment_due: Option<String>,
    /// Its lines.
    pub lines: Vec<RequisitionLineOrder>,
    /// The request detail, where there is one.
    pub request_detail_id: Option<i64>,
}

/// A line of a subcontractor invoice.
#[derive(Clone, Debug, PartialEq)]
pub struct RequisitionLineOrder {
    /// Procore's id.
    pub id: i64,
    /// Where it stands in the order, for messages.
    pub path: String,
    /// What it is a line of.
    pub kind: RequisitionItemKind,
    /// Whether quantity and unit cost count.
    pub is_unit_based: bool,
    /// Work and materials of this period, before retainage.
    pub amount: Decimal,
    /// Quantity of this period.
    pub quantity: Decimal,
    /// Price per unit.
    pub unit_cost: Decimal,
    /// Its text.
    pub description: Option<String>,
    /// Procore's id of the project's cost code.
    pub cost_code_id: Option<i64>,
    /// `JobListID|ItemListID`.
    pub cost_code_origin_id: Option<String>,
    /// Third-party id of the cost type.
    pub cost_type_origin_id: Option<String>,
    /// Third-party id of the commitment's line.
    pub commitment_item_origin_id: Option<String>,
    /// Third-party id of the change order's line.
    pub change_order_line_item_origin_id: Option<String>,
    /// `retainage_this_period`, where told: what is held of this line in this period.
    pub retainage_this_period: Option<Decimal>,
    /// `retainage_work_completed_this_period`, where told.
    pub retainage_work_completed: Option<Decimal>,
    /// `retainage_materials_presently_stored`, where told: the state, not the change.
    pub retainage_materials_now: Option<Decimal>,
    /// `retainage_materials_previously_stored`, where told.
    pub retainage_materials_before: Option<Decimal>,
    /// `released_work_completed_this_period`: released in this period, positive.
    pub released_work_completed: Decimal,
    /// `released_materials_this_period`, where Procore tells it (not in the documented payload).
    pub released_materials: Decimal,
}

pub(super) fn read(order: &Order<'_>) -> Result<Vec<Result<RequisitionOrder, BadItem>>, ReadError> {
    let list = order.data.field("requisitions").list()?;
    let alone = list.len() == 1;
    Ok(list
        .iter()
        .map(|item| {
            each(item, Some("procore_requisition_id"), |item| {
                read_one(order, item, alone)
            })
        })
        .collect())
}

fn read_one(order: &Order<'_>, item: &Reader<'_>, alone: bool) -> Result<RequisitionOrder, ReadError> {
    let item = item.object()?;
    // One detail for a whole batch would be closed by the first invoice that is done: only an invoice's own counts.
    let own = item.field("request_detail_id").optional_id()?;
    let request_detail_id = if alone { order.detail(&item)? } else { own };
    Ok(RequisitionOrder {
        id: item.field("procore_requisition_id").id()?,
        invoice_number: text_of(&item, "invoice_number")?,
        code: text_of(&item, "code")?,
        billing_date: date_of(&item, &["billing_date"])?,
        contract_id: item.field("contract_id").id()?,
        contract_origin_id: owned(text_of(&item, "contract_origin_id")?),
        job_origin_id: owned(text_of(&item, "job_origin_id")?),
        origin_id: owned(text_of(&item, "origin_id")?),
        formatted_payment_due: text_of(&item, "formatted_payment_due")?,
        lines: item
            .field("line_items")
            .list()?
            .iter()
            .map(read_line)
            .collect::<Result<_, _>>()?,
        request_detail_id,
    })
}

fn read_line(line: &Reader<'_>) -> Result<RequisitionLineOrder, ReadError> {
    let line = line.object()?;
    let kind = match line.field("requisition_item_type").text()? {
        "Billings::ContractItem" => RequisitionItemKind::Contract,
        "Billings::ContractDetailItem" => RequisitionItemKind::ContractDetail,
        "Billings::ChangeOrderItem" => RequisitionItemKind::ChangeOrder,
        other => {
            return Err(line
                .field("requisition_item_type")
                .error(format!("is no kind of invoice line: {other}")));
        }
    };
    Ok(RequisitionLineOrder {
        id: line.field("procore_requisition_item_id").id()?,
        path: line.path().to_owned(),
        kind,
        is_unit_based: line.field("accounting_method").optional_text()? == Some("unit"),
        amount: line.field("amount").decimal()?,
        quantity: number_of(&line, "qty")?,
        unit_cost: number_of(&line, "unit_cost")?,
        description: match text_of(&line, "line_item_description")? {
            Some(text) => Some(text),
            None => text_of(&line, "description")?,
        },
        cost_code_id: line.field("cost_code_id").optional_id()?,
        cost_code_origin_id: owned(text_of(&line, "cost_code_origin_id")?),
        cost_type_origin_id: owned(text_of(&line, "line_item_type_origin_id")?),
        commitment_item_origin_id: owned(text_of(&line, "commitment_item_origin_id")?),
        change_order_line_item_origin_id: owned(text_of(&line, "change_order_line_item_origin_id")?),
        retainage_this_period: line.field("retainage_this_period").optional_decimal()?,
        retainage_work_completed: line
            .field("retainage_work_completed_this_period")
            .optional_decimal()?,
        retainage_materials_now: line
            .field("retainage_materials_presently_stored")
            .optional_decimal()?,
        retainage_materials_before: line
            .field("retainage_materials_previously_stored")
            .optional_decimal()?,
        released_work_completed: number_of(&line, "released_work_completed_this_period")?,
        released_materials: number_of(&line, "released_materials_this_period")?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::procore::events::ErpEvent;

    fn invoice(id: i64) -> Value {
        json!({
            "procore_requisition_id": id, "billing_date": "2026-03-31", "code": "9348", "invoice_number": "9348",
            "contract_id": 41, "contract_origin_id": "TX-1", "formatted_payment_due": "$490.00", "job_origin_id": "80-1",
            "line_items": [{
                "procore_requisition_item_id": 5, "accounting_method": "amount", "amount": "500.0", "qty": "0.0",
                "unit_cost": "1000.0", "cost_code_id": 6, "cost_code_origin_id": "80-1|80-2",
                "commitment_item_origin_id": "L-1", "change_order_line_item_origin_id": null, "line_item_description": "Forms",
                "requisition_item_type": "Billings::ContractItem", "retainage_this_period": "10.0",
                "retainage_work_completed_this_period": "10.0", "released_work_completed_this_period": "0.0",
                "retainage_materials_presently_stored": "0.0", "retainage_materials_previously_stored": "0.0"
            }]
        })
    }

    fn read_it(payload: &Value) -> Vec<Result<RequisitionOrder, BadItem>> {
        match ErpEvent::parse("create_requisitions", payload).unwrap() {
            ErpEvent::CreateRequisitions(orders) => orders,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_batch_is_read_one_by_one() {
        let mut bad = invoice(2);
        bad["line_items"][0]["requisition_item_type"] = json!("Billings::Surprise");
        let orders = read_it(&json!({"request_data": {"requisitions": [invoice(1), bad]}}));
        let order = orders[0].as_ref().unwrap();
        assert_eq!((order.id, order.request_detail_id), (1, None));
        assert_eq!(order.lines[0].retainage_this_period, Some(Decimal::from(10)));
        assert_eq!(order.formatted_payment_due.as_deref(), Some("$490.00"));
        let bad = orders[1].as_ref().unwrap_err();
        assert_eq!(bad.id, Some(2));
        assert!(
            bad.error
                .to_string()
                .contains("requisitions[1].line_items[0].requisition_item_type"),
            "{}",
            bad.error
        );
    }

    #[test]
    fn one_detail_for_a_batch_is_nobodys_unless_the_batch_is_one() {
        let both =
            json!({"request_data": {"request_detail_id": 3, "requisitions": [invoice(1), invoice(2)]}});
        assert!(
            read_it(&both)
                .iter()
                .all(|order| order.as_ref().unwrap().request_detail_id.is_none())
        );
        let one = json!({"request_data": {"request_detail_id": 3, "requisitions": [invoice(1)]}});
        assert_eq!(read_it(&one)[0].as_ref().unwrap().request_detail_id, Some(3));
    }
}
