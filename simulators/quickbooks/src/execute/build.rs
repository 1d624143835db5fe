//! From the fields of a request to the values of an object.

use super::references::resolve;
use crate::{
    company_file::fields::{Fields, Value},
    qbxml::{schema::Type, status::Status, validate::Checked},
    quickbooks::QuickBooks,
};

/// Fields as the request gives them; `None` clears.
pub(crate) type Changes = Vec<(&'static str, Option<Value>)>;

/// Reads the fields of a body. `skip` are handled elsewhere; ignored fields leave a warning.
pub(crate) fn changes(
    qb: &QuickBooks,
    body: &Checked,
    object: &str,
    skip: &[&str],
    warning: &mut Option<Status>,
) -> Result<Changes, Status> {
    let mut out = Vec::new();
    for child in &body.children {
        let name = child.name();
        if skip.contains(&name) || name.starts_with("DataExt") {
            continue;
        }
        if child
            .element
            .ignored_in
            .split(',')
            .any(|e| e == qb.file.company.country)
        {
            warning.get_or_insert_with(|| Status::field_ignored(name));
            continue;
        }
        if name == "ExchangeRate" && !qb.settings.features.multicurrency {
            return Err(Status::feature_off());
        }
        let value = match child.element.kind {
            Type::Reference => resolve(&qb.file, &qb.settings, child, object)?.map(Value::Reference),
            Type::Group => {
                let inner = changes(qb, child, object, skip, warning)?;
                if let Some((name, _)) = inner
                    .iter()
                    .find(|(n, v)| v.is_none() && n.ends_with("AccountRef"))
                {
                    return Err(Status::cannot_clear(name));
                }
                let fields: Vec<_> = inner.into_iter().filter_map(|(n, v)| v.map(|v| (n, v))).collect();
                Some(Value::Group(Fields(fields)))
            }
            Type::Bool if !child.text.is_empty() => Some(Value::Text(
                matches!(child.text.as_str(), "true" | "1").to_string(),
            )),
            _ if child.text.is_empty() => None,
            _ => Some(Value::Text(qb.settings.charset.store(&child.text))),
        };
        out.push((name, value));
    }
    Ok(out)
}

/// The fields of a new object.
pub(crate) fn new_fields(changes: Changes) -> Fields {
    Fields(
        changes
            .into_iter()
            .filter_map(|(name, value)| value.map(|v| (name, v)))
            .collect(),
    )
}

/// Applies changes to stored fields. Groups (addresses) are changed field by field.
pub(crate) fn apply(fields: &mut Fields, changes: &Changes) {
    let mut replaced: Vec<&str> = Vec::new();
    for (name, value) in changes {
        match value {
            None => fields.remove(name),
            Some(Value::Group(new)) => {
                let mut merged = fields.group(name).cloned().unwrap_or_default();
                for (inner, value) in &new.0 {
                    merged.set(inner, value.clone());
                }
                fields.set(name, Value::Group(merged));
            }
            Some(value) => {
                // A field that repeats (PrefillAccountRef) replaces all there were.
                if replaced.contains(name) {
                    fields.0.push((name, value.clone()));
                } else {
                    fields.remove(name);
                    fields.0.push((name, value.clone()));
                    replaced.push(name);
                }
            }
        }
    }
}

/// The next `EditSequence`.
pub(crate) fn next_sequence(qb: &QuickBooks, before: i64) -> i64 {
    let now = qb.clock.now();
    if qb.settings.edit_sequence_stalls_within_second {
        now.max(before)
    } else {
        now.max(before + 1)
    }
}
