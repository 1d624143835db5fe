//! The order to export a budget, or what is new of it.

use rust_decimal::Decimal;

use super::{Order, owned, text_of};
use crate::procore::reader::{ReadError, Reader};

/// A budget to export.
#[derive(Clone, Debug, PartialEq)]
pub struct BudgetOrder {
    /// Procore's id.
    pub id: i64,
    /// The project.
    pub project_id: i64,
    /// The job, as the order names it.
    pub job_origin_id: Option<String>,
    /// The estimate's `TxnID`, if it has been exported.
    pub origin_id: Option<String>,
    /// Its lines: what a cost code is to cost.
    pub lines: Vec<BudgetLineOrder>,
    /// What makes up those figures and has not been exported.
    pub transactions: Vec<BudgetTransactionOrder>,
    /// The request detail.
    pub request_detail_id: Option<i64>,
}

/// A line of a budget ("job cost").
#[derive(Clone, Debug, PartialEq)]
pub struct BudgetLineOrder {
    /// Procore's id.
    pub id: i64,
    /// Where it stands in the order, for messages.
    pub path: String,
    /// `JobListID|ItemListID`, if its code is synced.
    pub cost_code_origin_id: Option<String>,
    /// The cost type.
    pub line_item_type_origin_id: Option<String>,
    /// What it comes to.
    pub new_amount: Decimal,
    /// The sub job, where it belongs to one.
    pub sub_job_origin_id: Option<String>,
}

/// An original amount, or a change of it.
#[derive(Clone, Debug, PartialEq)]
pub struct BudgetTransactionOrder {
    /// Procore's id.
    pub id: i64,
    /// Where it stands in the order, for messages.
    pub path: String,
    /// The line it belongs to.
    pub job_cost_id: i64,
    /// How much.
    pub value: Decimal,
    /// Whether it is an original amount and no change.
    pub is_original: bool,
    /// A note.
    pub notes: Option<String>,
    /// Whether it has been exported.
    pub is_synced: bool,
}

pub(super) fn read(order: &Order<'_>) -> Result<BudgetOrder, ReadError> {
    let budget = order.data.field("budget").object()?;
    Ok(BudgetOrder {
        id: budget.field("id").id()?,
        project_id: budget.field("project_id").id()?,
        job_origin_id: owned(text_of(&order.data, "job_id")?),
        origin_id: owned(text_of(&budget, "origin_id")?),
        lines: order
            .data
            .field("job_costs")
            .list()?
            .iter()
            .map(line)
            .collect::<Result<_, _>>()?,
        transactions: order
            .data
            .field("transactions")
            .list()?
            .iter()
            .map(transaction)
            .collect::<Result<_, _>>()?,
        request_detail_id: order.detail(&budget)?,
    })
}

fn line(line: &Reader<'_>) -> Result<BudgetLineOrder, ReadError> {
    let line = line.object()?;
    Ok(BudgetLineOrder {
        id: line.field("id").id()?,
        path: line.path().to_owned(),
        cost_code_origin_id: owned(text_of(&line, "cost_code_origin_id")?),
        line_item_type_origin_id: owned(text_of(&line, "line_item_type_origin_id")?),
        new_amount: line.field("new_amount").decimal()?,
        sub_job_origin_id: owned(text_of(&line, "sub_job_origin_id")?),
    })
}

fn transaction(transaction: &Reader<'_>) -> Result<BudgetTransactionOrder, ReadError> {
    let transaction = transaction.object()?;
    let kind = text_of(&transaction, "type")?.unwrap_or_default();
    Ok(BudgetTransactionOrder {
        id: transaction.field("id").id()?,
        path: transaction.path().to_owned(),
        job_cost_id: transaction.field("job_cost_id").id()?,
        value: transaction.field("value").decimal()?,
        is_original: kind.ends_with("OriginalEstimateTransaction"),
        notes: text_of(&transaction, "notes")?,
        is_synced: transaction
            .field("synced")
            .value()
            .and_then(serde_json::Value::as_bool)
            .unwrap_or(false),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::procore::events::ErpEvent;

    #[test]
    fn a_budget_is_read_and_an_update_is_the_same() {
        let payload = json!({"request_data": {
            "job_id": "J-1", "request_detail_id": 4,
            "budget": {"id": 1, "origin_id": null, "project_id": 123},
            "job_costs": [{"id": 456, "cost_code_origin_id": "J-1|I-1", "new_amount": 44.45, "sub_job_origin_id": null}],
            "transactions": [{"id": 7, "value": "33.33", "synced": false, "job_cost_id": 456,
                "type": "Erp::OriginalEstimateTransaction", "notes": null}],
        }});
        for name in ["create_budget", "update_budget"] {
            let ErpEvent::ExportBudget(order) = ErpEvent::parse(name, &payload).unwrap() else {
                panic!()
            };
            assert_eq!(
                (order.id, order.project_id, order.request_detail_id),
                (1, 123, Some(4))
            );
            assert_eq!(order.lines[0].new_amount.to_string(), "44.45");
            assert!(order.transactions[0].is_original && !order.transactions[0].is_synced);
        }
    }
}
