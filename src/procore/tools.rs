//! The tools of a project: whether Direct Costs is among the active ones.
//!
//! **Guess:** what Procore calls that tool inside (`engine_name`); its title is looked at too.

use serde_json::Value;

use super::{
    client::ProcoreClient,
    error::{ErrorKind, ProcoreError},
    paths,
    reader::Reader,
};

/// Whether the project's Direct Costs tool is active. Where Procore does not show the tools, it counts as not active.
pub async fn direct_costs_active(client: &ProcoreClient, project_id: i64) -> Result<bool, ProcoreError> {
    let read = client
        .list(
            "read the project's tools",
            &paths::project_tools(project_id),
            &[("filters[is_active]", "true".to_owned())],
        )
        .await;
    match read {
        Ok(tools) => Ok(tools.iter().any(is_active_direct_costs)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Forbidden) => {
            tracing::warn!(
                project = project_id,
                error = &error as &dyn std::error::Error,
                "the project's tools are not shown; taking Direct Costs for inactive"
            );
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

fn is_active_direct_costs(tool: &Value) -> bool {
    let reader = Reader::root(tool);
    let text = |field: &str| {
        let text = reader.field(field).optional_label().ok().flatten();
        text.map(|text| text.to_lowercase().replace([' ', '-'], "_"))
    };
    let named = ["engine_name", "title"]
        .iter()
        .any(|field| text(field).is_some_and(|name| matches!(name.as_str(), "direct_costs" | "direct_cost")));
    named && tool.get("is_active") != Some(&Value::Bool(false))
}
