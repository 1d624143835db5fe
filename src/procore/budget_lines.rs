//! New lines of 0.00 in a project's budget, for cost codes that are new in QuickBooks (ADV-10). A code that the budget has
//! is left alone, so that the same again adds nothing (ADV-11).
//!
//! **Guess:** that a budget takes such a line, also while it is locked; that its first view shows a row for every line; and
//! that codes that a project has are passed over when they are copied to it again.

use std::collections::{BTreeSet, HashMap, HashSet};

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{
    client::ProcoreClient,
    cost_types,
    error::{ErrorKind, ProcoreError},
    paths,
    reader::Reader,
    standard_cost_codes,
    sync::{ItemError, SyncCall, sync},
};
use crate::{
    links::{ItemType, Link, ProcoreItem},
    writebacks::BudgetCode,
};

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Added {
    /// One per code.
    pub results: Vec<Result<(), ItemError>>,
    /// The project's cost codes, which are linked now.
    pub links: Vec<Link>,
}

/// Adds a line for each of the codes that the budget lacks.
pub async fn add(
    client: &ProcoreClient,
    standard_list: Option<i64>,
    project: Project<'_>,
    codes: &[BudgetCode],
) -> Added {
    try_add(client, standard_list, project, codes)
        .await
        .unwrap_or_else(|error| Added {
            results: vec![Err(ItemError::Failed(error)); codes.len()],
            links: Vec::new(),
        })
}

/// A project that is linked to a job.
#[derive(Clone, Copy, Debug)]
pub struct Project<'a> {
    /// Procore's id.
    pub id: i64,
    /// The job's `ListID`.
    pub job_origin_id: &'a str,
}

impl Project<'_> {
    /// What Procore knows the project's code of an item by.
    fn origin_id(&self, code: &BudgetCode) -> String {
        format!("{}|{}", self.job_origin_id, code.item_list_id)
    }
}

async fn try_add(
    client: &ProcoreClient,
    standard_list: Option<i64>,
    project: Project<'_>,
    codes: &[BudgetCode],
) -> Result<Added, ProcoreError> {
    let company = [("company_id", client.company_id().to_string())];
    let types = client
        .list("read the cost types", paths::LINE_ITEM_TYPES, &company)
        .await?;
    let other = cost_types::other_of(&types);
    let ids = project_codes(client, standard_list, project, codes).await?;
    let budgeted = budgeted(client, project.id).await?;
    let mut added = Added::default();
    for (code, id) in codes.iter().zip(ids) {
        added.links.extend(id.as_ref().ok().map(|id| Link {
            item: ProcoreItem::new(ItemType::CostCode, *id),
            origin_id: project.origin_id(code),
            origin_code: None,
            quickbooks_id: code.item_list_id.clone(),
            edit_sequence: None,
            stands_as: None,
        }));
        added.results.push(match (id, other) {
            (Ok(id), _) if budgeted.contains(&id) => Ok(()),
            (Ok(id), Some(other)) => line(client, project.id, id, other)
                .await
                .map_err(|error| refused(error, code)),
            (Ok(_), None) => Err(ItemError::Refused(vec![
                "Procore's cost type \"Other\" is missing: press Refresh on the standard cost codes in the ERP Integrations tool"
                    .to_owned(),
            ])),
            (Err(error), _) => Err(error),
        });
    }
    Ok(added)
}

/// What Procore will not have is told of the code; what may pass is tried again.
fn refused(error: ProcoreError, code: &BudgetCode) -> ItemError {
    if error.kind() == ErrorKind::Invalid {
        ItemError::Refused(vec![format!("no line for {} was added: {error}", code.name)])
    } else {
        ItemError::Failed(error)
    }
}

/// The ids of the project's cost codes. Those it lacks are copied from the standard list; all are linked to their items.
async fn project_codes(
    client: &ProcoreClient,
    standard_list: Option<i64>,
    project: Project<'_>,
    codes: &[BudgetCode],
) -> Result<Vec<Result<i64, ItemError>>, ProcoreError> {
    let list = match standard_list {
        Some(list) => list,
        None => standard_cost_codes::find_list(client).await?,
    };
    let standard = standard_cost_codes::in_list(client, list).await?;
    let by_item = |code: &BudgetCode| {
        standard
            .iter()
            .find(|known| known.origin_id.as_deref() == Some(&code.item_list_id))
    };
    let mut known = ProjectCodes::read(client, project.id).await?;
    let missing: BTreeSet<i64> = codes
        .iter()
        .filter_map(|code| Some((code, by_item(code)?)))
        .filter(|(code, from)| known.id_of(&project.origin_id(code), from.id).is_none())
        .flat_map(|(_, from)| standard_cost_codes::with_ancestors(from, &standard))
        .collect();
    if !missing.is_empty() {
        let body = json!({
            "standard_cost_code_list_id": list, "standard_cost_code_ids": missing, "project_id": project.id,
        });
        let what = "add cost codes to the project";
        client
            .write(what, Method::POST, paths::COST_CODES_COPY, &[], &body)
            .await?;
        known = ProjectCodes::read(client, project.id).await?;
    }
    let ids: Vec<Result<i64, ItemError>> = codes
        .iter()
        .map(|code| {
            let from = by_item(code).ok_or_else(|| {
                format!(
                    "{} is not among the company's standard cost codes, so it cannot be added to a budget",
                    code.name
                )
            })?;
            known
                .id_of(&project.origin_id(code), from.id)
                .ok_or_else(|| format!("Procore did not add {} to the project's cost codes", code.name))
        })
        .map(|id| id.map_err(|why: String| ItemError::Refused(vec![why])))
        .collect();
    link(client, project, codes, &known, ids).await
}

/// Tells Procore which items the codes are, where it does not know.
async fn link(
    client: &ProcoreClient,
    project: Project<'_>,
    codes: &[BudgetCode],
    known: &ProjectCodes,
    mut ids: Vec<Result<i64, ItemError>>,
) -> Result<Vec<Result<i64, ItemError>>, ProcoreError> {
    let unlinked: Vec<(usize, Value)> = codes
        .iter()
        .zip(&ids)
        .enumerate()
        .filter_map(|(place, (code, id))| Some((place, project.origin_id(code), *id.as_ref().ok()?)))
        .filter(|(_, origin, _)| !known.by_origin.contains_key(origin))
        .map(|(place, origin, id)| (place, json!({"id": id, "origin_id": origin})))
        .collect();
    if unlinked.is_empty() {
        return Ok(ids);
    }
    let query = [("project_id", project.id.to_string())];
    let call = SyncCall {
        what: "link the project's cost codes",
        path: paths::COST_CODES_SYNC,
        query: &query,
        beside: Some(Map::new()),
        identity: &["id"],
        halve: true,
    };
    let updates: Vec<Value> = unlinked.iter().map(|(_, update)| update.clone()).collect();
    let synced = sync(client, &call, &updates).await;
    for ((place, _), result) in unlinked.into_iter().zip(synced.results) {
        if let Err(error) = result {
            ids[place] = Err(error);
        }
    }
    Ok(ids)
}

/// The cost codes of a project.
struct ProjectCodes {
    by_origin: HashMap<String, i64>,
    /// Those that nobody linked yet, by the standard code they were copied from.
    unlinked: HashMap<i64, i64>,
}

impl ProjectCodes {
    async fn read(client: &ProcoreClient, project_id: i64) -> Result<Self, ProcoreError> {
        let query = [("project_id", project_id.to_string())];
        let records = client
            .list("read the project's cost codes", paths::COST_CODES, &query)
            .await?;
        let mut codes = Self {
            by_origin: HashMap::new(),
            unlinked: HashMap::new(),
        };
        for record in &records {
            let reader = Reader::root(record);
            let Ok(id) = reader.field("id").id() else { continue };
            let origin = reader.field("origin_id").optional_label().ok().flatten();
            match (origin, reader.field("standard_cost_code_id").optional_id()) {
                (Some(origin), _) => {
                    codes.by_origin.insert(origin, id);
                }
                (None, Ok(Some(standard))) => {
                    codes.unlinked.insert(standard, id);
                }
                (None, _) => {}
            }
        }
        Ok(codes)
    }

    fn id_of(&self, origin: &str, standard: i64) -> Option<i64> {
        self.by_origin
            .get(origin)
            .or_else(|| self.unlinked.get(&standard))
            .copied()
    }
}

/// The cost codes that have a row in the project's budget.
async fn budgeted(client: &ProcoreClient, project_id: i64) -> Result<HashSet<i64>, ProcoreError> {
    let what = "read the project's budget";
    let query = [("project_id", project_id.to_string())];
    let views = client.list(what, paths::BUDGET_VIEWS, &query).await?;
    let Some(view) = views
        .first()
        .and_then(|view| Reader::root(view).field("id").id().ok())
    else {
        return Ok(HashSet::new());
    };
    let rows = client
        .list(what, &paths::budget_detail_rows(view), &query)
        .await?;
    Ok(rows
        .iter()
        .filter_map(|row| Reader::root(row).field("cost_code_id").id().ok())
        .collect())
}

async fn line(client: &ProcoreClient, project: i64, code: i64, kind: i64) -> Result<(), ProcoreError> {
    let body = json!({
        "project_id": project,
        "budget_line_item": {"cost_code_id": code, "line_item_type_id": kind, "original_budget_amount": 0},
    });
    client
        .write(
            "add a line to the budget",
            Method::POST,
            paths::BUDGET_LINE_ITEMS,
            &[],
            &body,
        )
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::procore::fake::{Answer, Fake};

    fn codes(items: &[&str]) -> Vec<BudgetCode> {
        items
            .iter()
            .map(|item| BudgetCode {
                item_list_id: (*item).to_owned(),
                name: format!("code of {item}"),
            })
            .collect()
    }

    // ADV-10, ADV-11
    #[tokio::test]
    async fn adv_11_only_what_the_budget_lacks_is_added_and_a_code_the_project_lacks_is_made_first() {
        let copied = std::sync::atomic::AtomicBool::new(false);
        let fake = Fake::start(move |request| {
            use std::sync::atomic::Ordering::Relaxed;
            let path = request.path.clone();
            if path == paths::COST_CODES_COPY {
                copied.store(true, Relaxed);
            }
            Answer::ok(if path.ends_with("/standard_cost_codes") {
                json!([{"id": 1, "origin_id": "I1", "code": "1"}, {"id": 2, "origin_id": "I2", "code": "2"},
                    {"id": 8, "origin_id": "I8", "code": "8"}, {"id": 3, "origin_id": "I3", "code": "3", "parent": {"id": 8}}])
            } else if path.ends_with("/cost_codes") {
                let mut codes = vec![json!({"id": 51, "origin_id": "J|I1"}),
                    json!({"id": 52, "standard_cost_code_id": 2, "origin_id": null})];
                if copied.load(Relaxed) {
                    codes.push(json!({"id": 53, "standard_cost_code_id": 3, "origin_id": null}));
                }
                json!(codes)
            } else if path.ends_with("/line_item_types") {
                json!([{"id": 9, "name": "Other", "origin_id": cost_types::ORIGIN_ID}])
            } else if path.ends_with("/budget_views") {
                json!([{"id": 4}])
            } else if path.ends_with("/detail_rows") {
                json!([{"cost_code_id": 51}])
            } else {
                json!({"entities": [], "errors": []})
            })
        })
        .await;
        let project = Project {
            id: 86,
            job_origin_id: "J",
        };
        let Added { results, links } = add(
            &fake.client(),
            Some(7),
            project,
            &codes(&["I1", "I2", "I3", "I9"]),
        )
        .await;
        assert_eq!(results[..3], [Ok(()), Ok(()), Ok(())]);
        let linked: Vec<_> = links
            .iter()
            .map(|link| (link.item.id, link.origin_id.as_str()))
            .collect();
        assert_eq!(linked, [(51, "J|I1"), (52, "J|I2"), (53, "J|I3")]);
        let Err(ItemError::Refused(why)) = &results[3] else {
            panic!("{results:?}")
        };
        assert!(why[0].contains("code of I9"), "{why:?}");
        let added: Vec<Value> = fake
            .requests()
            .into_iter()
            .filter(|request| request.path == paths::BUDGET_LINE_ITEMS)
            .map(|request| request.body["budget_line_item"].clone())
            .collect();
        let line =
            |code: i64| json!({"cost_code_id": code, "line_item_type_id": 9, "original_budget_amount": 0});
        assert_eq!(added, [line(52), line(53)]);
        let sent = |path: &str| -> Vec<Value> {
            let requests = fake.requests().into_iter();
            requests
                .filter(|request| request.path == path)
                .map(|request| request.body)
                .collect()
        };
        // With the codes above it.
        assert_eq!(
            sent(paths::COST_CODES_COPY)[0]["standard_cost_code_ids"],
            json!([3, 8])
        );
        assert_eq!(
            sent(paths::COST_CODES_SYNC)[0]["updates"],
            json!([{"id": 52, "origin_id": "J|I2"}, {"id": 53, "origin_id": "J|I3"}])
        );
    }
}
