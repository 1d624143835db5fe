//! The order to export a payment that was made with Procore Pay. Its heading in the dictionary is `create_payment`, its
//! `request_name` there `create_contract_payment`.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::{Order, date_of, text_of};
use crate::procore::reader::ReadError;

/// A payment to export.
#[derive(Clone, Debug, PartialEq)]
pub struct PaymentOrder {
    /// Procore's id.
    pub id: i64,
    /// The subcontractor invoice that it pays.
    pub requisition_id: Option<i64>,
    /// That invoice's number.
    pub invoice_number: Option<String>,
    /// What was paid.
    pub amount: Option<Decimal>,
    /// When: funded, else initiated, else created.
    pub date: Option<NaiveDate>,
    /// The check's number, else the payment's.
    pub number: Option<String>,
    /// Its third-party id, if it has been exported.
    pub origin_id: Option<String>,
    /// The request detail.
    pub request_detail_id: Option<i64>,
}

pub(super) fn read(order: &Order<'_>) -> Result<PaymentOrder, ReadError> {
    let payment = order.data.field("contract_payment").object()?;
    let check = text_of(&payment, "check_number")?.filter(|text| !text.trim().is_empty());
    let number = text_of(&payment, "payment_number")?.filter(|text| !text.trim().is_empty());
    Ok(PaymentOrder {
        id: payment.field("id").id()?,
        requisition_id: payment.field("requisition_id").optional_id()?,
        invoice_number: text_of(&payment, "invoice_number")?,
        amount: payment.field("amount").optional_decimal()?,
        date: date_of(
            &payment,
            &[
                "date_payment_funded",
                "date_payment_initiated",
                "date_payment_created",
            ],
        )?,
        number: check.or(number),
        origin_id: text_of(&payment, "origin_id")?,
        request_detail_id: order.detail(&payment)?,
    })
}
