//! What hooks can listen to. Company hooks get company resources only, project hooks project tools only.

use serde_json::{Value, json};

const ALL: &[&str] = &["create", "update", "delete"];

/// Resources of the company, with the events they have. Vendors and projects vanish without one.
const COMPANY: &[(&str, &[&str])] = &[
    ("Company Vendors", &["create", "update"]),
    ("Projects", &["create", "update"]),
    ("Standard Cost Codes", ALL),
    ("Standard Cost Code Lists", &["create"]),
    ("Line Item Types", ALL),
    ("Departments", ALL),
    ("Company Insurances", ALL),
    ("Change Types", ALL),
    ("ERP Requests", ALL),
];

/// Resources of a project's tools. Requisitions are not among them.
const PROJECT: &[(&str, &[&str])] = &[
    ("Project Vendors", &["create", "delete"]),
    ("Cost Codes", ALL),
    ("Sub Jobs", ALL),
    ("Purchase Order Contracts", ALL),
    ("Purchase Order Contract Line Items", ALL),
    ("Work Order Contracts", ALL),
    ("Work Order Contract Line Items", ALL),
    ("Change Events", ALL),
    ("Change Event Line Items", ALL),
    ("Potential Change Orders", ALL),
    ("Potential Change Order Line Items", ALL),
    ("Change Order Requests", ALL),
    ("Change Order Packages", ALL),
    ("Prime Contracts", ALL),
    ("Prime Contract Line Items", ALL),
    ("Payment Applications", ALL),
    ("Contract Payments", ALL),
    ("Draw Requests", ALL),
    ("Budget Line Items", ALL),
    ("Budget Changes", ALL),
    ("Budget Change Adjustments", ALL),
    ("Budget Change Adjustment Line Items", ALL),
    ("Budget Modifications", ALL),
    ("Budget View Snapshots", &["create"]),
    ("Direct Costs", ALL),
    ("Direct Cost Line Items", ALL),
    ("Company Direct Cost Line Items", ALL),
    ("Timecard Entries", ALL),
];

const fn of_scope(project: bool) -> &'static [(&'static str, &'static [&'static str])] {
    if project { PROJECT } else { COMPANY }
}

/// Whether a hook of that scope can listen for this.
pub(crate) fn offers(project: bool, resource: &str, event_type: &str) -> bool {
    of_scope(project)
        .iter()
        .any(|(name, events)| *name == resource && events.contains(&event_type))
}

/// The catalogue of a scope, as `/resources` lists it.
pub(crate) fn listed(project: bool, version: &str) -> Vec<Value> {
    let category = if project {
        "Project Management"
    } else {
        "Core Tools"
    };
    of_scope(project)
        .iter()
        .map(|(name, actions)| {
            json!({"category": category, "tool": name, "name": name, "payload_version": version, "actions": actions})
        })
        .collect()
}
