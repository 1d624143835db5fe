//! What the exported records of a project come to in Procore: its budget, commitments, subcontractor invoices and payments
//! issued, as the ordinary API shows them. Reads only.
//!
//! **Guess:** that the first budget view holds every line, and that its original amounts and modifications are the budget
//! that was exported; that a commitment's `revised_contract` has its approved change orders in it, and its `total_payments`
//! the payments that came from the books.

use rust_decimal::Decimal;
use serde_json::Value;

use super::{
    client::ProcoreClient,
    error::{ErrorKind, ProcoreError},
    paths,
    reader::{ReadError, Reader},
};
use crate::{
    links::ItemType,
    qbxml::{Money, money::MoneyError},
    tie_out::ProcoreFigure,
};

/// Why a record's figures cannot be used.
#[derive(Debug, thiserror::Error)]
enum FigureError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// Reads them. `budget_id` is the budget's, where it was exported.
pub async fn of_project(
    client: &ProcoreClient,
    project_id: i64,
    budget_id: Option<i64>,
) -> Result<Vec<ProcoreFigure>, ProcoreError> {
    let query = [("project_id", project_id.to_string())];
    let mut figures = Vec::new();
    if let Some(id) = budget_id {
        figures.push(budget(client, id, &query).await?);
    }
    let mut commitments = Vec::new();
    for (path, item_type) in [
        (paths::WORK_ORDER_CONTRACTS, ItemType::WorkOrderContract),
        (paths::PURCHASE_ORDER_CONTRACTS, ItemType::PurchaseOrderContract),
    ] {
        let what = "read the project's commitments";
        for record in client.list(what, path, &query).await? {
            commitments.extend(readable(what, commitment(&record, item_type))?);
        }
    }
    let what = "read the project's subcontractor invoices";
    let extended = [query[0].clone(), ("view", "extended".to_owned())];
    // Retainage is told as it stands with each invoice: the last exported one of a commitment counts.
    let mut last: Vec<(i64, i64, Money)> = Vec::new();
    for record in client.list(what, paths::REQUISITIONS, &extended).await? {
        let Some((figure, commitment_id, retainage)) = readable(what, invoice(&record))? else {
            continue;
        };
        match last.iter_mut().find(|(id, ..)| *id == commitment_id) {
            Some(known) if known.1 < figure.item_id => *known = (commitment_id, figure.item_id, retainage),
            Some(_) => {}
            None => last.push((commitment_id, figure.item_id, retainage)),
        }
        figures.push(figure);
    }
    for figure in &mut commitments {
        if let Some((.., retainage)) = last.iter().find(|(id, ..)| *id == figure.item_id) {
            figure.retainage = *retainage;
        }
    }
    figures.append(&mut commitments);
    Ok(figures)
}

fn readable<T>(what: &str, read: Result<T, FigureError>) -> Result<T, ProcoreError> {
    read.map_err(|error| {
        ProcoreError::new(ErrorKind::Unreadable, what.to_owned()).with_message(error.to_string())
    })
}

async fn budget(
    client: &ProcoreClient,
    id: i64,
    query: &[(&'static str, String)],
) -> Result<ProcoreFigure, ProcoreError> {
    let what = "read the project's budget";
    let views = client.list(what, paths::BUDGET_VIEWS, query).await?;
    let mut total = Money::ZERO;
    if let Some(view) = views.first() {
        let view = readable(what, Reader::root(view).field("id").id().map_err(Into::into))?;
        for row in client.list(what, &paths::budget_detail_rows(view), query).await? {
            total += readable(what, budgeted(&row))?;
        }
    }
    Ok(ProcoreFigure {
        item_type: ItemType::Budget,
        item_id: id,
        label: "the budget".to_owned(),
        total,
        retainage: Money::ZERO,
        paid: Money::ZERO,
    })
}

fn amount(reader: &Reader<'_>) -> Result<Money, FigureError> {
    Ok(Money::from_decimal(
        reader.optional_decimal()?.unwrap_or(Decimal::ZERO),
    )?)
}

fn budgeted(row: &Value) -> Result<Money, FigureError> {
    let row = Reader::root(row);
    Ok(amount(&row.field("original_budget_amount"))? + amount(&row.field("budget_modifications"))?)
}

/// A commitment that was exported.
fn commitment(record: &Value, item_type: ItemType) -> Result<Option<ProcoreFigure>, FigureError> {
    let record = Reader::root(record);
    if record.field("origin_id").optional_label()?.is_none() {
        return Ok(None);
    }
    let number = record.field("number").optional_label()?.unwrap_or_default();
    Ok(Some(ProcoreFigure {
        item_type,
        item_id: record.field("id").id()?,
        label: format!("commitment {number}"),
        total: amount(&record.field("revised_contract"))?,
        retainage: Money::ZERO,
        paid: amount(&record.field("total_payments"))?,
    }))
}

/// A subcontractor invoice that was exported, its commitment, and what is held back of that with it.
fn invoice(record: &Value) -> Result<Option<(ProcoreFigure, i64, Money)>, FigureError> {
    let record = Reader::root(record);
    if record.field("origin_id").optional_label()?.is_none() {
        return Ok(None);
    }
    let number = record
        .field("invoice_number")
        .optional_label()?
        .unwrap_or_default();
    let summary = record.field("summary");
    let figure = ProcoreFigure {
        item_type: ItemType::Requisition,
        item_id: record.field("id").id()?,
        label: format!("invoice {number}"),
        total: amount(&summary.field("current_payment_due"))?,
        retainage: Money::ZERO,
        paid: Money::ZERO,
    };
    Ok(Some((
        figure,
        record.field("commitment_id").id()?,
        amount(&summary.field("total_retainage"))?,
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::procore::fake::{Answer, Fake};

    #[tokio::test]
    async fn only_what_was_exported_counts_and_the_last_invoice_tells_the_retainage() {
        let fake = Fake::start(|request| {
            let path = request.path.clone();
            Answer::ok(if path.ends_with("/budget_views") {
                json!([{"id": 3}])
            } else if path.ends_with("/budget_views/3/detail_rows") {
                json!([{"original_budget_amount": "1000.0", "budget_modifications": "-0.5"},
                    {"original_budget_amount": "2.25", "budget_modifications": null}])
            } else if path.ends_with("/work_order_contracts") {
                json!([{"id": 4, "number": "SC-1", "origin_id": "5A-1", "revised_contract": "900.10", "total_payments": "10.0"},
                    {"id": 5, "number": "SC-2", "origin_id": null, "revised_contract": "7.00"}])
            } else if path.ends_with("/requisitions") {
                json!([
                    {"id": 8, "commitment_id": 4, "origin_id": "5C-2", "invoice_number": "2",
                        "summary": {"current_payment_due": "20.0", "total_retainage": "3.0"}},
                    {"id": 7, "commitment_id": 4, "origin_id": "5C-1", "invoice_number": "1",
                        "summary": {"current_payment_due": "10.0", "total_retainage": "1.0"}},
                    {"id": 9, "commitment_id": 4, "origin_id": null, "summary": {"current_payment_due": "5.0", "total_retainage": "9.0"}},
                ])
            } else {
                json!([])
            })
        })
        .await;
        let figures = of_project(&fake.client(), 86, Some(2)).await.unwrap();
        let of = |item_type| figures.iter().filter(move |figure| figure.item_type == item_type);
        assert_eq!(
            of(ItemType::Budget).next().unwrap().total,
            Money::from_cents(100_175)
        );
        let commitments: Vec<_> = of(ItemType::WorkOrderContract).collect();
        assert_eq!(commitments.len(), 1);
        assert_eq!(
            (
                commitments[0].total,
                commitments[0].retainage,
                commitments[0].paid
            ),
            (
                Money::from_cents(90_010),
                Money::from_cents(300),
                Money::from_cents(1_000)
            )
        );
        let billed: Money = of(ItemType::Requisition).map(|figure| figure.total).sum();
        assert_eq!(billed, Money::from_cents(3_000));
    }
}
