//! What a task would write, before it is written (LOVE-02): the very request that its next step makes, field by field.
//!
//! Pure but for [`of_task`], which reads the task and its facts. Nothing is changed, nothing is asked of QuickBooks.

use std::collections::HashMap;

use quick_xml::{Reader, events::Event};
use serde::{Deserialize as _, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{AnyTask, Facts, Outcome, Step, lookup};
use crate::{
    connections::store::Connection,
    qbxml::{Access, Request},
};

/// Steps a task may take without asking before a preview gives up following it.
const MOST_STEPS: usize = 20;

/// What a task would do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "next", rename_all = "snake_case")]
pub enum Preview {
    /// It writes these records.
    Writes {
        /// The records, in order.
        records: Vec<Record>,
    },
    /// It first reads in QuickBooks; what it writes depends on that.
    Reads {
        /// What is read: `PurchaseOrderQueryRq`.
        requests: Vec<String>,
    },
    /// It writes nothing, for it is there already.
    Nothing {
        /// What the user will read.
        messages: Vec<String>,
    },
    /// It will be refused.
    Refused {
        /// Why.
        messages: Vec<String>,
    },
}

/// A record as it would be written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// The request: `BillAddRq`.
    pub request: String,
    /// Its fields, in order.
    pub fields: Vec<Field>,
}

/// A field of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Where: `VendorRef.ListID`, `ItemLineAdd[2].Amount`; lines are counted from 1.
    pub path: String,
    /// What QuickBooks will hold.
    pub value: String,
    /// What the record with this `ListID` is called, where that is known.
    pub name: Option<String>,
}

/// Follows a task to what it would ask QuickBooks; `Err` is the next state whose facts must be looked up first.
fn follow(task: &AnyTask, facts: &Facts<'_>) -> Result<Preview, Box<AnyTask>> {
    Ok(match task.step(facts) {
        Step::Advance(next, _) => return Err(Box::new(next)),
        Step::Ask(requests) if requests.iter().any(|request| request.access == Access::Write) => {
            Preview::Writes {
                records: requests.iter().map(record).collect(),
            }
        }
        Step::Ask(requests) => Preview::Reads {
            requests: requests
                .iter()
                .map(|request| request.element.to_owned())
                .collect(),
        },
        Step::Finished(Outcome::Done(_, messages)) => Preview::Nothing { messages },
        Step::Finished(Outcome::Failed(failure, _)) => Preview::Refused {
            messages: failure.messages,
        },
    })
}

fn record(request: &Request) -> Record {
    Record {
        request: request.element.to_owned(),
        fields: fields(&request.body),
    }
}

/// The leaves of a request that this program has made. The outermost element says only what kind of request it is, and
/// elements behind it say what is to be answered.
fn fields(body: &str) -> Vec<Field> {
    /// An open element: its name with its number, how often each child came, its text so far.
    struct Open {
        name: String,
        children: HashMap<String, usize>,
        text: String,
    }
    let mut reader = Reader::from_str(body);
    let mut found = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                let name = start.name().as_ref().to_owned();
                let number = open.last_mut().map_or(1, |parent| {
                    let count = parent.children.entry(name.clone()).or_default();
                    *count += 1;
                    *count
                });
                // Lines repeat, and so may anything else.
                let is_line = name.contains("Line");
                open.push(Open {
                    name: if is_line || number > 1 {
                        format!("{name}[{number}]")
                    } else {
                        name
                    },
                    children: HashMap::new(),
                    text: String::new(),
                });
            }
            Ok(Event::Text(text)) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text.xml10_content());
                }
            }
            Ok(Event::GeneralRef(reference)) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&character(&reference));
                }
            }
            Ok(Event::End(_)) => {
                let path: Vec<&str> = open.iter().skip(1).map(|element| element.name.as_str()).collect();
                let path = path.join(".");
                if let Some(leaf) = open.pop()
                    && leaf.children.is_empty()
                    && !path.is_empty()
                {
                    found.push(Field {
                        path,
                        value: leaf.text,
                        name: None,
                    });
                }
            }
            Ok(Event::Eof) | Err(_) => return found,
            Ok(_) => {}
        }
    }
}

/// The character behind `&amp;` or `&#233;`.
fn character(reference: &quick_xml::events::BytesRef<'_>) -> String {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return character.to_string();
    }
    let name: &str = reference;
    quick_xml::escape::resolve_xml_entity(name)
        .unwrap_or_default()
        .to_owned()
}

/// What the task would do next; `None` if there is no such task, or this build cannot read it.
pub async fn of_task(
    db: &mut PgConnection,
    connection: &Connection,
    task: Uuid,
) -> Result<Option<Preview>, sqlx::Error> {
    let state = sqlx::query_scalar!(
        "select state from tasks where connection_id = $1 and id = $2",
        connection.id,
        task
    )
    .fetch_optional(&mut *db)
    .await?;
    let Some(mut task) = state.and_then(|state| AnyTask::deserialize(&state).ok()) else {
        return Ok(None);
    };
    for _ in 0..MOST_STEPS {
        let found = lookup::look_up(&mut *db, connection.id, [task.wants()]).await?;
        let facts = Facts {
            settings: &connection.settings,
            company: &connection.company_file,
            session: Uuid::nil(),
            names: &found.names,
            items: &found.items,
            classes: &found.classes,
            links: &found.links,
            payments: &found.payments,
            page: &found.page,
            twins: &found.twins,
            job_costs: &found.job_costs,
            budget_codes_until: found.budget_codes_until.as_deref(),
        };
        match follow(&task, &facts) {
            Ok(mut preview) => {
                if let Preview::Writes { records } = &mut preview {
                    name_them(db, connection.id, records).await?;
                }
                return Ok(Some(preview));
            }
            Err(next) => task = *next,
        }
    }
    Ok(None)
}

/// Ids mean nothing to people.
async fn name_them(
    db: &mut PgConnection,
    connection_id: Uuid,
    records: &mut [Record],
) -> Result<(), sqlx::Error> {
    let is_id = |field: &&mut Field| field.path.ends_with("ListID");
    let mut fields: Vec<&mut Field> = records
        .iter_mut()
        .flat_map(|record| &mut record.fields)
        .filter(is_id)
        .collect();
    let ids: Vec<String> = fields.iter().map(|field| field.value.clone()).collect();
    let rows = sqlx::query!(
        r#"select found.list_id, found.full_name from unnest($2::text[]) as wanted(list_id)
           cross join unnest('{vendor, customer, item, account, terms, vendor_type, class}'::text[]) as lists(kind)
           cross join lateral (
               select m.list_id, m.full_name from mirror_records m
               where m.connection_id = $1 and m.kind = lists.kind and m.list_id = wanted.list_id offset 0
           ) found"#,
        connection_id,
        &ids,
    )
    .fetch_all(db)
    .await?;
    let names: HashMap<String, String> = rows.into_iter().map(|row| (row.list_id, row.full_name)).collect();
    for field in &mut fields {
        field.name = names.get(&field.value).cloned();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_leaf_is_listed_with_its_place_and_its_characters() {
        let body = "<BillAdd><VendorRef><ListID>80-1</ListID></VendorRef><Memo>A &amp; B &#233;</Memo>\
            <ItemLineAdd><Amount>1.00</Amount></ItemLineAdd><ItemLineAdd><Desc>two</Desc><Amount>-2.00</Amount>\
            </ItemLineAdd></BillAdd><IncludeRetElement>TxnID</IncludeRetElement>";
        let listed: Vec<(String, String)> = fields(body)
            .into_iter()
            .map(|field| (field.path, field.value))
            .collect();
        let expected = [
            ("VendorRef.ListID", "80-1"),
            ("Memo", "A & B é"),
            ("ItemLineAdd[1].Amount", "1.00"),
            ("ItemLineAdd[2].Desc", "two"),
            ("ItemLineAdd[2].Amount", "-2.00"),
        ];
        assert_eq!(
            listed,
            expected.map(|(path, value)| (path.to_owned(), value.to_owned()))
        );
    }
}
