//! Payments of subcontractor invoices, straight into Procore's Payments Issued.
//!
//! **Guess:** the names of the fields for amount, date, method, numbers, notes and status are printed nowhere public.
//! They are taken over from contract payments, and stand in `update_of` alone.

use serde_json::{Map, Value, json};

use super::{
    client::ProcoreClient,
    paths,
    sync::{SyncCall, Synced, sync},
};
use crate::{payments::PaymentState, writebacks::PaymentData};

/// Makes or updates payments; found again by their `origin_id`.
pub async fn put(client: &ProcoreClient, payments: &[&PaymentData]) -> Synced {
    let updates: Vec<Value> = payments.iter().map(|payment| update_of(payment)).collect();
    let mut beside = Map::new();
    beside.insert("company_id".to_owned(), json!(client.company_id()));
    let path = paths::invoice_payments_sync(client.company_id());
    let call = SyncCall {
        what: "store payments in Procore",
        path: &path,
        query: &[],
        beside: Some(beside),
        identity: &["origin_id"],
        halve: true,
    };
    sync(client, &call, &updates).await
}

fn update_of(payment: &PaymentData) -> Value {
    let notes = match payment.state {
        PaymentState::Deleted => Some(match &payment.memo {
            Some(memo) => format!("Deleted in QuickBooks. {memo}"),
            None => "Deleted in QuickBooks.".to_owned(),
        }),
        PaymentState::Paid | PaymentState::Void => payment.memo.clone(),
    };
    let mut update = json!({
        "invoice_type": "Billings::Requisition",
        "invoice_id": payment.requisition_id,
        "origin_id": payment.origin_id,
        "amount": payment.amount.to_string(),
        "date": payment.date.format("%Y-%m-%d").to_string(),
        "payment_method": payment.method.as_str(),
        "check_number": payment.ref_number,
        "notes": notes,
        "status": match payment.state {
            PaymentState::Paid => "paid",
            PaymentState::Void | PaymentState::Deleted => "void",
        },
    });
    if let Some(number) = &payment.ref_number {
        update["origin_code"] = json!(number);
    }
    // Users may change the payment number afterwards; it is theirs from then on (PAY-14).
    if payment.first
        && let Some(number) = &payment.ref_number
    {
        update["payment_number"] = json!(number);
    }
    update
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{payments::PaymentMethod, qbxml::Money};

    fn payment(first: bool, state: PaymentState) -> PaymentData {
        PaymentData {
            requisition_id: 123,
            origin_id: "P-1|B-1".into(),
            method: PaymentMethod::CreditCard,
            date: "2026-03-31".parse().unwrap(),
            amount: Money::parse("1087.8").unwrap(),
            ref_number: Some("10012".into()),
            memo: Some("March".into()),
            state,
            first,
        }
    }

    /// Rests on a guess: the names of the fields.
    #[test]
    fn map_34_to_39_guessed_fields_of_a_payment() {
        assert_eq!(
            update_of(&payment(true, PaymentState::Paid)),
            json!({
                "invoice_type": "Billings::Requisition", "invoice_id": 123, "origin_id": "P-1|B-1",
                "origin_code": "10012", "amount": "1087.80", "date": "2026-03-31",
                "payment_method": "credit_card", "check_number": "10012", "payment_number": "10012",
                "notes": "March", "status": "paid"
            })
        );
    }

    #[test]
    fn pay_14_the_payment_number_is_sent_the_first_time_only() {
        assert!(
            update_of(&payment(false, PaymentState::Paid))
                .get("payment_number")
                .is_none()
        );
    }

    #[test]
    fn pay_15_a_deleted_payment_keeps_its_row_and_says_so() {
        let update = update_of(&payment(false, PaymentState::Deleted));
        assert_eq!(update["notes"], "Deleted in QuickBooks. March");
        assert_eq!(update["status"], "void");
    }
}
