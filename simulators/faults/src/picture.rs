//! A picture of the world at rest, without ids and times, so that two worlds can be compared: the books in QuickBooks,
//! the records in Procore, and what links them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use serde_json::{Map, Value};

use crate::{
    remote::{array, text},
    world::World,
};

/// Records by what identifies them for a person; more than one under one name is a duplicate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Picture {
    records: BTreeMap<String, Vec<Value>>,
}

/// What ids stand for.
#[derive(Debug, Default)]
struct Names {
    of_id: BTreeMap<String, String>,
    edit_sequences: BTreeMap<String, String>,
}

impl Names {
    fn add(&mut self, record: &Value, name: String) {
        self.edit_sequences
            .insert(text(record, "id"), text(record, "edit_sequence"));
        self.of_id.insert(text(record, "id"), name);
    }

    /// What Procore was told of a record's `EditSequence`: the present one, or an earlier one.
    fn told(&self, record: &Map<String, Value>) -> Option<Value> {
        let data: Value = serde_json::from_str(record.get("origin_data")?.as_str()?).ok()?;
        let told = data.get("edit_sequence")?.as_str()?;
        let present = self.edit_sequences.get(record.get("origin_id")?.as_str()?)?;
        Some(Value::from(if present == told { "present" } else { "earlier" }))
    }
}

/// How another world differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Records that stand more often.
    pub(crate) duplicates: Vec<String>,
    /// Records that stand less often.
    pub(crate) losses: Vec<String>,
    /// Records that hold something else.
    pub(crate) changes: Vec<String>,
}

impl Picture {
    /// Of this world.
    pub(crate) async fn of(world: &World) -> anyhow::Result<Self> {
        let file = world.file().await?;
        let state = world.state().await?;
        let mut names = Names::default();
        for (list, records) in file["lists"].as_object().context("no lists")? {
            for record in records.as_array().into_iter().flatten() {
                names.add(record, format!("{list}/{}", text(record, "full_name")));
            }
        }
        for (list, records) in file["transactions"].as_object().context("no transactions")? {
            for record in records.as_array().into_iter().flatten() {
                let name = transaction_name(list, record);
                for (n, line) in array(record, "lines").iter().enumerate() {
                    let line_name = format!("{name} line {}", n + 1);
                    names.of_id.insert(text(line, "txn_line_id"), line_name);
                }
                names.add(record, name);
            }
        }
        names.of_id.remove("");
        let mut picture = Self::default();
        for list in ["vendors", "customers", "items"] {
            for record in array(&file["lists"], list) {
                picture.add(
                    format!("QuickBooks {list}/{}", text(record, "full_name")),
                    record,
                    &names,
                );
            }
        }
        for (list, records) in file["transactions"].as_object().context("no transactions")? {
            for record in records.as_array().into_iter().flatten() {
                picture.add(
                    format!("QuickBooks {}", transaction_name(list, record)),
                    record,
                    &names,
                );
            }
        }
        for list in [
            "vendors",
            "projects",
            "sub_jobs",
            "standard_cost_codes",
            "cost_codes",
            "commitments",
            "change_orders",
            "budgets",
            "requisitions",
            "prime_contracts",
            "payment_applications",
            "contract_payments",
        ] {
            for record in array(&state, list) {
                picture.add(format!("Procore {list}/{}", text(record, "id")), record, &names);
            }
        }
        for payment in array(&state, "invoice_payments") {
            // A voided payment keeps its row if Procore had one; one that was never told of needs none.
            if text(payment, "amount").parse() == Ok(rust_decimal::Decimal::ZERO) {
                continue;
            }
            let mut payment = payment.clone();
            if let Some(fields) = payment.as_object_mut() {
                fields.remove("id");
            }
            let name = [
                "requisition_id",
                "invoice_id",
                "amount",
                "check_number",
                "payment_number",
            ]
            .map(|key| text(&payment, key))
            .join(" ");
            picture.add(format!("Procore invoice_payments/{name}"), &payment, &names);
        }
        for costs in array(&state, "erp_job_costs") {
            let of = ["project_id", "cost_code_id", "line_item_type_id"].map(|key| text(costs, key));
            picture.add(format!("Procore erp_job_costs/{}", of.join(" ")), costs, &names);
        }
        for record in array(&state, "staged_records") {
            let origin = replaced(&text(record, "origin_id"), &names);
            picture
                .records
                .entry(format!("Procore staged {origin}"))
                .or_default()
                .push(Value::Null);
        }
        picture.last_details(&state);
        let links: Vec<(String, i64, String)> =
            sqlx::query_as("select item_type, item_id, quickbooks_id from links where connection_id = $1")
                .bind(world.connection)
                .fetch_all(&world.db)
                .await?;
        for (kind, id, quickbooks) in links {
            picture
                .records
                .entry(format!("link {kind}/{id}"))
                .or_default()
                .push(Value::String(replaced(&quickbooks, &names)));
        }
        for records in picture.records.values_mut() {
            records.sort_by_cached_key(Value::to_string);
        }
        Ok(picture)
    }

    fn add(&mut self, name: String, record: &Value, names: &Names) {
        self.records
            .entry(name)
            .or_default()
            .push(without_ids(record, names));
    }

    /// What the user reads last of each record; a record that was exported again has more than one detail.
    fn last_details(&mut self, state: &Value) {
        let mut last: BTreeMap<String, String> = BTreeMap::new();
        for detail in array(state, "request_details") {
            let of = match text(detail, "item_id") {
                none if none.is_empty() => "a refresh".to_owned(),
                id => format!("{}/{id}", text(detail, "item_type")),
            };
            let status = text(detail, "status");
            let said = if status == "success" {
                String::new()
            } else {
                detail["messages"].to_string()
            };
            last.insert(of, format!("{status} {said}"));
        }
        for (of, said) in last {
            self.records.insert(
                format!("Procore request detail of {of}"),
                vec![Value::String(said)],
            );
        }
    }

    /// How `other` differs from this one.
    pub(crate) fn compare(&self, other: &Self) -> Difference {
        let mut difference = Difference::default();
        let all: BTreeSet<&String> = self.records.keys().chain(other.records.keys()).collect();
        for name in all {
            let (ours, theirs) = (self.records.get(name), other.records.get(name));
            let (wanted, found) = (ours.map_or(0, Vec::len), theirs.map_or(0, Vec::len));
            if found > wanted {
                difference
                    .duplicates
                    .push(format!("{name}: {found} instead of {wanted}"));
            } else if found < wanted {
                difference
                    .losses
                    .push(format!("{name}: {found} instead of {wanted}"));
            } else if ours != theirs {
                let mut fields = Vec::new();
                for (ours, theirs) in ours.into_iter().flatten().zip(theirs.into_iter().flatten()) {
                    differing(ours, theirs, "", &mut fields);
                }
                difference.changes.push(format!("{name}: {}", fields.join("; ")));
            }
        }
        difference
    }

    /// How many records are in it.
    pub(crate) fn len(&self) -> usize {
        self.records.values().map(Vec::len).sum()
    }
}

fn transaction_name(list: &str, record: &Value) -> String {
    format!("{list}/{} {}", text(record, "vendor"), text(record, "ref_number"))
}

/// Times and counters differ in every run; ids are replaced by names.
fn without_ids(value: &Value, names: &Names) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .filter(|(key, _)| {
                    !key.ends_with("_at")
                        && ![
                            "edit_sequence",
                            "time_created",
                            "time_modified",
                            "external_guid",
                            "txn_number",
                            "erp_request_detail_id",
                        ]
                        .contains(&key.as_str())
                })
                .map(|(key, value)| {
                    let told = (key == "origin_data").then(|| names.told(fields)).flatten();
                    (key.clone(), told.unwrap_or_else(|| without_ids(value, names)))
                })
                .collect::<Map<_, _>>(),
        ),
        Value::Array(values) => Value::Array(values.iter().map(|value| without_ids(value, names)).collect()),
        Value::String(text) => Value::String(replaced(text, names)),
        other => other.clone(),
    }
}

/// The fields that differ, with both values.
fn differing(ours: &Value, theirs: &Value, at: &str, fields: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(left), Value::Object(right)) => {
            let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            for key in keys {
                let at = if at.is_empty() {
                    key.clone()
                } else {
                    format!("{at}.{key}")
                };
                let null = &Value::Null;
                differing(
                    left.get(key).unwrap_or(null),
                    right.get(key).unwrap_or(null),
                    &at,
                    fields,
                );
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (n, (left, right)) in left.iter().zip(right).enumerate() {
                differing(left, right, &format!("{at}[{n}]"), fields);
            }
        }
        (left, right) if left != right => fields.push(format!("{at} {right} instead of {left}")),
        _ => {}
    }
}

fn replaced(text: &str, names: &Names) -> String {
    if let Some(name) = names.of_id.get(text) {
        return name.clone();
    }
    // An id inside a text, in origin data say.
    let mut text = text.to_owned();
    if text.contains('-') {
        for (id, name) in names.of_id.iter().rev() {
            if id.len() > 6 && text.contains(id.as_str()) {
                text = text.replace(id.as_str(), name);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn picture(records: &[(&str, Value)]) -> Picture {
        let mut picture = Picture::default();
        for (name, record) in records {
            picture.add((*name).to_owned(), record, &Names::default());
        }
        picture
    }

    #[test]
    fn one_too_many_one_too_few_and_another_amount_are_told_apart() {
        let right = picture(&[
            ("a", json!({"amount": "1.00"})),
            ("b", json!({})),
            ("c", json!({"amount": "2.00"})),
        ]);
        let wrong = picture(&[
            ("a", json!({"amount": "1.00"})),
            ("a", json!({"amount": "1.00"})),
            ("c", json!({"amount": "2.01"})),
        ]);
        let difference = right.compare(&wrong);
        assert_eq!(
            (
                difference.duplicates.len(),
                difference.losses.len(),
                difference.changes.len()
            ),
            (1, 1, 1)
        );
        assert_eq!(right.compare(&right), Difference::default());
    }

    #[test]
    fn ids_and_times_make_no_difference() {
        let names = Names {
            of_id: BTreeMap::from([("8000-17".to_owned(), "vendors/A".to_owned())]),
            ..Names::default()
        };
        let record = json!({"id": "8000-17", "edit_sequence": "5", "updated_at": "now", "data": "{\"x\":\"8000-17\"}"});
        assert_eq!(
            without_ids(&record, &names),
            json!({"id": "vendors/A", "data": "{\"x\":\"vendors/A\"}"})
        );
    }
}
