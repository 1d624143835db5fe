//! The order to export an owner invoice, which Procore's API calls a payment application.
//!
//! As documented it names neither its project's id nor the cost codes of its lines; the ordinary API does
//! ([`crate::procore::payment_applications`]). Where an order names them all the same, they are read.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::{LineCostCode, Order, code_of, date_of, number_of, owned, text_of};
use crate::procore::reader::{ReadError, Reader};

/// An owner invoice to export.
#[derive(Clone, Debug, PartialEq)]
pub struct PaymentApplicationOrder {
    /// Procore's id.
    pub id: i64,
    /// Its number.
    pub invoice_number: Option<String>,
    /// The invoice's date.
    pub billing_date: Option<NaiveDate>,
    /// What Procore calls its contract: `Prime Contract #100`.
    pub contract_name: Option<String>,
    /// The project's name, by which it is found.
    pub project_name: Option<String>,
    /// The project's number.
    pub project_number: Option<String>,
    /// The project, once it is known.
    pub project_id: Option<i64>,
    /// The job's `ListID`, where the order names it.
    pub job_origin_id: Option<String>,
    /// Its third-party id, if it has been exported.
    pub origin_id: Option<String>,
    /// What is due.
    pub current_payment_due: Option<Decimal>,
    /// Its lines.
    pub lines: Vec<PaymentApplicationLineOrder>,
    /// The request detail.
    pub request_detail_id: Option<i64>,
}

/// A line of an owner invoice.
#[derive(Clone, Debug, PartialEq)]
pub struct PaymentApplicationLineOrder {
    /// Procore's id.
    pub id: i64,
    /// Where it stands in the order, for messages.
    pub path: String,
    /// Whether it is a plain line, of which Procore keeps a third-party id, and no markup.
    pub is_line_item: bool,
    /// Its text.
    pub description: Option<String>,
    /// The whole code as Procore shows it, `01-100.O`.
    pub flat_code: Option<String>,
    /// The cost code, once it is known.
    pub cost_code: Option<LineCostCode>,
    /// Work of this period.
    pub work: Decimal,
    /// Materials that are stored now.
    pub stored: Decimal,
    /// Materials that were stored before.
    pub stored_before: Decimal,
    /// Held back of this line in this period.
    pub held: Decimal,
    /// Released in this period.
    pub released: Decimal,
}

pub(super) fn read(order: &Order<'_>) -> Result<PaymentApplicationOrder, ReadError> {
    let application = order.data.field("payment_application").object()?;
    let summary = application.field("summary");
    let project = order.data.field("project");
    Ok(PaymentApplicationOrder {
        id: application.field("id").id()?,
        invoice_number: text_of(&application, "invoice_number")?,
        billing_date: date_of(&application, &["billing_date"])?,
        contract_name: text_of(&application, "contract_name")?,
        project_name: text_of(&summary, "project_name")?,
        project_number: text_of(&summary, "project_number")?,
        project_id: match project.field("id").optional_id()? {
            Some(id) => Some(id),
            None => application.field("project_id").optional_id()?,
        },
        job_origin_id: match owned(text_of(&order.data, "job_origin_id")?) {
            Some(job) => Some(job),
            None => owned(text_of(&project, "origin_id")?),
        },
        origin_id: owned(text_of(&application, "origin_id")?),
        current_payment_due: summary.field("current_payment_due").optional_decimal()?,
        lines: application
            .field("items")
            .list()?
            .iter()
            .map(line)
            .collect::<Result<_, _>>()?,
        request_detail_id: order.detail(&application)?,
    })
}

fn line(line: &Reader<'_>) -> Result<PaymentApplicationLineOrder, ReadError> {
    let line = line.object()?;
    let kind = text_of(&line, "type")?;
    let code = line.field("cost_code");
    let wbs = line.field("wbs_code");
    let sum = |work: &str, materials: &str| -> Result<Decimal, ReadError> {
        Ok(number_of(&line, work)? + number_of(&line, materials)?)
    };
    Ok(PaymentApplicationLineOrder {
        id: line.field("id").id()?,
        path: line.path().to_owned(),
        is_line_item: kind.is_none_or(|kind| kind == "payment_application_line_item"),
        description: match text_of(&line, "description_override")? {
            Some(text) => Some(text),
            None => text_of(&line, "description_of_work")?,
        },
        flat_code: text_of(&wbs, "flat_code")?,
        cost_code: code.value().map(|_| code_of(&code)).transpose()?,
        work: number_of(&line, "work_completed_this_period")?,
        stored: number_of(&line, "materials_presently_stored")?,
        stored_before: number_of(&line, "materials_presently_stored_from_previous_application")?,
        held: sum(
            "work_completed_retainage_retained_this_period",
            "materials_stored_retainage_retained_this_period",
        )?,
        released: sum(
            "work_completed_retainage_released_this_period",
            "materials_stored_retainage_released_this_period",
        )?,
    })
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;
    use serde_json::json;

    use crate::procore::events::ErpEvent;

    #[test]
    fn an_owner_invoice_is_read_with_or_without_its_codes() {
        let payload = json!({"request_data": {"request_detail_id": 4, "payment_application": {
            "id": 1, "invoice_number": "12", "billing_date": "2026-03-31", "contract_name": "Prime Contract #100",
            "origin_id": "null", "summary": {"project_name": "Tower", "project_number": "26-1", "current_payment_due": 450},
            "items": [
                {"id": 5, "type": "payment_application_line_item", "description_of_work": "Steel",
                 "work_completed_this_period": "480.0", "materials_presently_stored": 30,
                 "materials_presently_stored_from_previous_application": 10,
                 "work_completed_retainage_retained_this_period": 48, "materials_stored_retainage_retained_this_period": "2.0",
                 "wbs_code": {"flat_code": "01-100.O", "id": 123}},
                {"id": 6, "type": "payment_application_markup_line_item", "work_completed_this_period": 0,
                 "cost_code": {"id": 7, "full_code": "01-200", "origin_id": "J|I"}},
            ],
        }}});
        let ErpEvent::CreatePaymentApplication(order) =
            ErpEvent::parse("create_payment_application", &payload).unwrap()
        else {
            panic!()
        };
        assert_eq!((order.id, order.request_detail_id), (1, Some(4)));
        assert_eq!(
            (order.origin_id.as_deref(), order.project_name.as_deref()),
            (None, Some("Tower"))
        );
        assert_eq!(order.current_payment_due, Some(Decimal::from(450)));
        let [steel, markup] = order.lines.as_slice() else {
            panic!()
        };
        assert_eq!((steel.work, steel.held), (Decimal::from(480), Decimal::from(50)));
        assert_eq!(steel.stored - steel.stored_before, Decimal::from(20));
        assert!(steel.is_line_item && steel.cost_code.is_none());
        assert!(!markup.is_line_item);
        assert_eq!(
            markup.cost_code.as_ref().unwrap().origin_id.as_deref(),
            Some("J|I")
        );
    }
}
