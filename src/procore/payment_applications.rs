//! Owner invoices as the ordinary API shows them (forms G702 and G703): the project and the cost codes that the order does
//! not name.

use std::collections::HashMap;

use rust_decimal::Decimal;
use serde_json::Value;

use super::{
    client::ProcoreClient,
    error::{ErrorKind, ProcoreError},
    events::{LineCostCode, PaymentApplicationOrder, code_of},
    paths,
    reader::{ReadError, Reader},
};

/// What an export needs to know of an owner invoice beyond the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentApplicationFacts {
    /// Its project.
    pub project_id: i64,
    /// `g702.current_payment_due`.
    pub current_payment_due: Option<Decimal>,
    /// The cost codes of its lines, by the lines' ids.
    pub codes: HashMap<i64, LineCostCode>,
}

/// Reads an owner invoice. Its project is told by name and number alone: of the projects that are called so, it is the
/// one that shows the invoice.
pub async fn find(
    client: &ProcoreClient,
    order: &PaymentApplicationOrder,
) -> Result<Option<PaymentApplicationFacts>, ProcoreError> {
    let candidates = match order.project_id {
        Some(id) => vec![id],
        None => projects(client, order).await?,
    };
    for project in candidates {
        match show(client, project, order.id).await {
            Ok(facts) => return Ok(Some(facts)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

async fn show(
    client: &ProcoreClient,
    project: i64,
    id: i64,
) -> Result<PaymentApplicationFacts, ProcoreError> {
    let what = format!("read owner invoice {id}");
    let query = [("project_id", project.to_string())];
    let record = client.get(&what, &paths::payment_application(id), &query).await?;
    read(&record, project)
        .map_err(|error| ProcoreError::new(ErrorKind::Unreadable, what).with_message(error.to_string()))
}

fn read(record: &Value, project_id: i64) -> Result<PaymentApplicationFacts, ReadError> {
    let reader = Reader::root(record);
    let mut codes = HashMap::new();
    for line in reader.field("g703").list()? {
        let code = line.field("cost_code");
        if code.value().is_some() {
            codes.insert(line.field("id").id()?, code_of(&code)?);
        }
    }
    Ok(PaymentApplicationFacts {
        project_id,
        current_payment_due: reader
            .field("g702")
            .field("current_payment_due")
            .optional_decimal()?,
        codes,
    })
}

/// The projects that bear the name and, where it is told, the number of the order's.
async fn projects(client: &ProcoreClient, order: &PaymentApplicationOrder) -> Result<Vec<i64>, ProcoreError> {
    let Some(name) = order.project_name.as_deref() else {
        return Ok(Vec::new());
    };
    let query = [("company_id", client.company_id().to_string())];
    let all = client
        .list("look for the owner invoice's project", paths::PROJECTS, &query)
        .await?;
    let same = |field: &Reader<'_>, wanted: &str| {
        field
            .optional_label()
            .ok()
            .flatten()
            .is_some_and(|found| found.trim() == wanted.trim())
    };
    Ok(all
        .iter()
        .map(Reader::root)
        .filter(|project| same(&project.field("name"), name))
        .filter(|project| {
            let number = order.project_number.as_deref();
            number.is_none_or(|number| same(&project.field("project_number"), number))
        })
        .filter_map(|project| project.field("id").id().ok())
        .collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::procore::{
        events::ErpEvent,
        fake::{Answer, Fake},
    };

    fn order() -> PaymentApplicationOrder {
        let payload = json!({"request_data": {"payment_application": {"id": 9, "items": [],
            "summary": {"project_name": "Tower", "project_number": "26-1"}}}});
        match ErpEvent::parse("create_payment_application", &payload).unwrap() {
            ErpEvent::CreatePaymentApplication(order) => *order,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn the_project_is_the_one_of_that_name_that_shows_the_invoice() {
        let fake = Fake::start(|request| {
            if request.path == "/rest/v1.0/projects" {
                return Answer::ok(json!([
                    {"id": 1, "name": "Tower", "project_number": "26-2"},
                    {"id": 2, "name": "Tower", "project_number": "26-1"},
                    {"id": 3, "name": "Tower", "project_number": "26-1"},
                ]));
            }
            if request.query.contains("project_id=2") {
                return Answer::of(axum::http::StatusCode::NOT_FOUND, json!({}));
            }
            Answer::ok(json!({"id": 9, "g702": {"current_payment_due": "450.0"}, "g703": [
                {"id": 5, "cost_code": {"id": 6, "full_code": "01-100", "origin_id": "J|I", "standard_cost_code_id": 3}},
                {"id": 7, "cost_code": null},
            ]}))
        })
        .await;
        let facts = find(&fake.client(), &order()).await.unwrap().unwrap();
        assert_eq!(facts.project_id, 3);
        assert_eq!(facts.current_payment_due, Some(Decimal::from(450)));
        assert_eq!(facts.codes[&5].origin_id.as_deref(), Some("J|I"));
        assert!(!facts.codes.contains_key(&7));
        let asked: Vec<String> = fake
            .requests()
            .iter()
            .map(|request| request.path.clone())
            .collect();
        assert_eq!(asked[1], "/rest/v1.0/payment_applications/9");
        assert_eq!(asked.len(), 3);
    }
}
