//! Subcontractor invoices to export.
//!
//! The order tells of retainage in several fields that overlap. What is held of a line in this period is the retainage
//! on work plus what retainage on stored materials grew by; where it shrank, that was released. **Inference** from the
//! names of the fields; the export compares the sum with what is due, so that a wrong reading is refused, not written.

use rust_decimal::Decimal;

use super::{
    Known, Plan, PlannedTask, Rejection,
    amounts::{money, optional_money},
    codes::cost_type,
    detail_of, distinct,
    guid::external_guid,
    priorities, subject, unusable,
};
use crate::{
    links::{ItemType, ProcoreItem},
    procore::{
        cost_types,
        events::{BadItem, RequisitionItemKind, RequisitionLineOrder, RequisitionOrder},
        requisitions::RequisitionFacts,
    },
    qbxml::Money,
    tasks::exports::{
        coding::LineCode,
        invoice::{InvoiceExport, InvoiceLine},
    },
};

pub(super) fn plan(orders: Vec<Result<RequisitionOrder, BadItem>>, known: &Known<'_>, plan: &mut Plan) {
    for order in orders {
        match order {
            Ok(order) => plan_one(order, known, plan),
            Err(bad) => plan.refuse(&bad, Some(ItemType::Requisition)),
        }
    }
}

fn plan_one(order: RequisitionOrder, known: &Known<'_>, plan: &mut Plan) {
    let item = ProcoreItem::new(ItemType::Requisition, order.id);
    let detail = detail_of(order.request_detail_id, item);
    let label = match order.invoice_number.as_deref() {
        Some(number) => format!("Invoice {}", number.trim()),
        None => format!("Invoice with Procore's id {}", order.id),
    };
    let facts = known.requisition_details.get(&order.id);
    let vendor = facts.and_then(|facts| facts.vendor_id);
    let needs = distinct(
        std::iter::once(subject("commitment", order.contract_id))
            .chain(vendor.map(|id| subject("vendor", id))),
    );
    match export(order, item, facts, known) {
        Ok(export) => plan.tasks.push(PlannedTask {
            subject: subject("requisition", item.id),
            label,
            task: export.into(),
            detail: Some(detail),
            needs,
            priority: priorities::INVOICE,
        }),
        Err(faults) => plan.rejections.push(Rejection {
            detail: Some(detail),
            messages: faults.iter().map(|fault| unusable(fault)).collect(),
        }),
    }
}

fn export(
    order: RequisitionOrder,
    item: ProcoreItem,
    facts: Option<&RequisitionFacts>,
    known: &Known<'_>,
) -> Result<InvoiceExport, Vec<String>> {
    let mut faults = Vec::new();
    let due = due(&order, facts).unwrap_or_else(|fault| {
        faults.push(fault);
        None
    });
    let mut lines = Vec::with_capacity(order.lines.len());
    for line in order.lines {
        match self::line(line, facts) {
            Ok(line) => lines.push(line),
            Err(fault) => faults.push(fault),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(InvoiceExport {
        procore_id: order.id,
        invoice_number: order.invoice_number,
        billing_date: order.billing_date.or_else(|| facts?.billing_date),
        payment_date: facts.and_then(|facts| facts.payment_date),
        commitment_id: order.contract_id,
        commitment_origin_id: order.contract_origin_id,
        vendor_id: facts.and_then(|facts| facts.vendor_id),
        job_list_id: order.job_origin_id,
        origin_id: order.origin_id,
        current_payment_due: due,
        lines,
        external_guid: external_guid(known.company_id, item),
        ..InvoiceExport::default()
    })
}

/// MAP-25: what is due, as the ordinary API tells it; else as the order prints it for people.
fn due(order: &RequisitionOrder, facts: Option<&RequisitionFacts>) -> Result<Option<Money>, String> {
    if let Some(due) = facts.and_then(|facts| facts.current_payment_due) {
        return optional_money("requisition.summary", "current_payment_due", Some(due));
    }
    order
        .formatted_payment_due
        .as_deref()
        .map(|text| Money::parse_formatted(text).map_err(|error| format!("formatted_payment_due: {error}")))
        .transpose()
}

fn line(order: RequisitionLineOrder, facts: Option<&RequisitionFacts>) -> Result<InvoiceLine, String> {
    let (held, released) = retainage(&order);
    let segments = facts
        .and_then(|facts| facts.segments.get(&order.id))
        .cloned()
        .unwrap_or_default();
    // The order tells of the cost type by its third-party id alone, which most types do not have.
    let by_origin = || cost_types::of_origin(order.cost_type_origin_id.as_deref()?);
    Ok(InvoiceLine {
        procore_id: order.id,
        item_type: match order.kind {
            RequisitionItemKind::Contract => ItemType::RequisitionContractItem,
            RequisitionItemKind::ContractDetail => ItemType::RequisitionContractDetailItem,
            RequisitionItemKind::ChangeOrder => ItemType::RequisitionChangeOrderItem,
        },
        code: LineCode {
            procore_id: order.cost_code_id,
            full_code: String::new(),
            origin_id: order.cost_code_origin_id,
            standard_cost_code_id: None,
            cost_type: segments.cost_type.or_else(by_origin).map(cost_type),
            custom_segments: segments.custom,
        },
        description: order.description,
        is_unit_based: order.is_unit_based,
        quantity: order.quantity,
        unit_cost: order.unit_cost,
        amount: money(&order.path, "amount", order.amount)?,
        retainage_held: money(&order.path, "retainage_this_period", held)?,
        retainage_released: money(&order.path, "released_work_completed_this_period", released)?,
        order_line: order
            .change_order_line_item_origin_id
            .or(order.commitment_item_origin_id),
    })
}

/// What is held and what is released of a line in this period, both as positive amounts.
fn retainage(line: &RequisitionLineOrder) -> (Decimal, Decimal) {
    let stored = line.retainage_materials_now.unwrap_or_default()
        - line.retainage_materials_before.unwrap_or_default();
    let mut held = match line.retainage_work_completed {
        Some(work) => work + stored.max(Decimal::ZERO),
        // Only the sum is told; it holds materials already.
        None => line.retainage_this_period.unwrap_or(stored.max(Decimal::ZERO)),
    };
    let mut released =
        line.released_work_completed + line.released_materials.max((-stored).max(Decimal::ZERO));
    // A negative retainage is a release by another name.
    if held < Decimal::ZERO {
        released -= held;
        held = Decimal::ZERO;
    }
    (held, released)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line_of(
        work: Option<i64>,
        sum: Option<i64>,
        stored: (i64, i64),
        released: (i64, i64),
    ) -> RequisitionLineOrder {
        RequisitionLineOrder {
            id: 1,
            path: "line".into(),
            kind: RequisitionItemKind::Contract,
            is_unit_based: false,
            amount: Decimal::from(500),
            quantity: Decimal::ZERO,
            unit_cost: Decimal::ZERO,
            description: None,
            cost_code_id: None,
            cost_code_origin_id: None,
            cost_type_origin_id: None,
            commitment_item_origin_id: None,
            change_order_line_item_origin_id: None,
            retainage_this_period: sum.map(Decimal::from),
            retainage_work_completed: work.map(Decimal::from),
            retainage_materials_now: Some(Decimal::from(stored.0)),
            retainage_materials_before: Some(Decimal::from(stored.1)),
            released_work_completed: Decimal::from(released.0),
            released_materials: Decimal::from(released.1),
        }
    }

    /// Rests on an inference: how the fields of retainage overlap.
    #[test]
    fn adv_19_inferred_retainage_of_a_line() {
        for (line, held, released) in [
            (line_of(Some(10), Some(10), (0, 0), (0, 0)), 10, 0),
            (line_of(Some(10), Some(15), (5, 0), (0, 0)), 15, 0),
            (line_of(None, Some(15), (5, 0), (0, 0)), 15, 0),
            (line_of(None, None, (5, 2), (0, 0)), 3, 0),
            (line_of(Some(0), Some(0), (0, 0), (40, 0)), 0, 40),
            (line_of(Some(0), Some(0), (2, 5), (40, 0)), 0, 43),
            (line_of(Some(0), Some(0), (2, 5), (40, 3)), 0, 43),
            (line_of(Some(-7), None, (0, 0), (0, 0)), 0, 7),
        ] {
            assert_eq!(
                retainage(&line),
                (Decimal::from(held), Decimal::from(released)),
                "{line:?}"
            );
        }
    }
}
