//! Projects as the ordinary API shows them: what the order of a job does not carry (as far as it is documented).

use std::collections::HashMap;

use super::{
    client::ProcoreClient,
    error::{ErrorKind, ProcoreError},
    paths,
    reader::Reader,
};

/// A project's number (MAP-07).
pub async fn number(client: &ProcoreClient, id: i64) -> Result<Option<String>, ProcoreError> {
    let what = format!("read project {id}");
    let query = [("company_id", client.company_id().to_string())];
    let record = client.get(&what, &paths::project(id), &query).await?;
    let number = Reader::root(&record)
        .field("project_number")
        .optional_label()
        .map_err(|error| ProcoreError::new(ErrorKind::Unreadable, what).with_message(error.to_string()))?;
    Ok(number.filter(|number| !number.trim().is_empty()))
}

/// The standard cost codes that a project's cost codes came from, by the cost codes' ids.
pub async fn standard_codes(
    client: &ProcoreClient,
    project_id: i64,
) -> Result<HashMap<i64, i64>, ProcoreError> {
    let query = [("project_id", project_id.to_string())];
    let codes = client
        .list("read the project's cost codes", paths::COST_CODES, &query)
        .await?;
    Ok(codes
        .iter()
        .filter_map(|code| {
            let reader = Reader::root(code);
            let standard = reader
                .field("standard_cost_code_id")
                .optional_id()
                .ok()
                .flatten()?;
            Some((reader.field("id").id().ok()?, standard))
        })
        .collect())
}
