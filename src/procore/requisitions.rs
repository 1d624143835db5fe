//! Subcontractor invoices as the ordinary API shows them: the amount due and the dates that the order does not carry.

use std::collections::HashMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::Value;

use super::{
    client::ProcoreClient,
    error::{ErrorKind, ProcoreError},
    events::{LineSegments, segments_of},
    paths,
    reader::{ReadError, Reader},
};

/// What an export needs to know of a subcontractor invoice beyond the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequisitionFacts {
    /// Its id.
    pub id: i64,
    /// `summary.current_payment_due`: what the bill must come to, to the cent (MAP-25).
    pub current_payment_due: Option<Decimal>,
    /// The payment's due date (MAP-24).
    pub payment_date: Option<NaiveDate>,
    /// The bill's date (MAP-21).
    pub billing_date: Option<NaiveDate>,
    /// The contract company.
    pub vendor_id: Option<i64>,
    /// The commitment.
    pub commitment_id: Option<i64>,
    /// Its status.
    pub status: Option<String>,
    /// How its items are coded beyond their cost codes, by the item's id.
    pub segments: HashMap<i64, LineSegments>,
}

/// Reads one subcontractor invoice of a project (v1.1; the project must be named).
pub async fn show(
    client: &ProcoreClient,
    project_id: i64,
    id: i64,
) -> Result<RequisitionFacts, ProcoreError> {
    let what = format!("read subcontractor invoice {id}");
    let query = [
        ("project_id", project_id.to_string()),
        ("view", "extended".to_owned()),
    ];
    let record = client.get(&what, &paths::requisition(id), &query).await?;
    read(&record)
        .map_err(|error| ProcoreError::new(ErrorKind::Unreadable, what).with_message(error.to_string()))
}

fn read(record: &Value) -> Result<RequisitionFacts, ReadError> {
    let reader = Reader::root(record);
    let segments = reader.field("items").optional_list()?;
    let segments = segments
        .iter()
        .map(|item| Ok((item.field("id").id()?, segments_of(item)?)))
        .collect::<Result<_, ReadError>>()?;
    Ok(RequisitionFacts {
        id: reader.field("id").id()?,
        current_payment_due: reader
            .field("summary")
            .field("current_payment_due")
            .optional_decimal()?,
        payment_date: reader.field("payment_date").optional_date()?,
        billing_date: reader.field("billing_date").optional_date()?,
        vendor_id: reader.field("vendor_id").optional_id()?,
        commitment_id: reader.field("commitment_id").optional_id()?,
        status: reader.field("status").optional_text()?.map(str::to_owned),
        segments,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::procore::fake::{Answer, Fake};

    #[tokio::test]
    async fn map_24_and_25_amount_due_and_due_date_are_read() {
        let fake = Fake::start(|_| {
            Answer::ok(json!({
                "id": 9, "billing_date": "2026-03-31", "payment_date": "2026-04-30", "vendor_id": "47",
                "commitment_id": 41, "status": "approved", "summary": {"current_payment_due": "980.0"},
                "items": [{"id": 5, "wbs_code": {"segment_items": [{"segment_type": "line_item_type", "code": "L", "name": "Labor"}]}}]
            }))
        })
        .await;
        let facts = show(&fake.client(), 86, 9).await.unwrap();
        assert_eq!(facts.current_payment_due, Some(Decimal::from(980)));
        assert_eq!(facts.payment_date, Some("2026-04-30".parse().unwrap()));
        assert_eq!(facts.vendor_id, Some(47));
        assert_eq!(facts.segments[&5].cost_type.as_ref().unwrap().name, "Labor");
        assert_eq!(fake.requests()[0].path, "/rest/v1.1/requisitions/9");
        assert!(fake.requests()[0].query.contains("project_id=86"));
    }

    #[test]
    fn a_bad_date_is_named() {
        assert_eq!(
            read(&json!({"id": 9, "payment_date": "soon"}))
                .unwrap_err()
                .to_string(),
            "payment_date is no date: \"soon\""
        );
    }
}
