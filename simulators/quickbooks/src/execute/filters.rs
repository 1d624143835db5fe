//! What a query asks for: dates, names, entities, reference numbers.

use std::collections::BTreeSet;

use crate::{
    clock,
    company_file::{CompanyFile, kinds::Space, lists::ListObject},
    qbxml::{check, status::Status, text::fold, validate::Checked},
    quickbooks::QuickBooks,
    settings::Settings,
};

/// A range of moments, both ends included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moments {
    from: i64,
    to: i64,
}

impl Moments {
    pub(crate) fn holds(self, moment: i64) -> bool {
        (self.from..=self.to).contains(&moment)
    }
}

/// `FromModifiedDate`, `ToModifiedDate`.
pub(crate) fn modified(body: &Checked, settings: &Settings) -> Moments {
    let bound = |name: &str, end: bool| {
        body.text_of(name)
            .and_then(|t| check::moment(t, end))
            .map(|(time, offset)| clock::unix(time, offset, settings))
    };
    Moments {
        from: bound("FromModifiedDate", false).unwrap_or(i64::MIN),
        to: bound("ToModifiedDate", true).unwrap_or(i64::MAX),
    }
}

/// Whether `value` starts with, contains or ends with what the filter says. Ignores case.
pub(crate) fn matches(filter: &Checked, field: &str, value: &str) -> bool {
    let wanted = fold(filter.text_of(field).unwrap_or_default());
    let value = fold(value);
    match filter.text_of("MatchCriterion") {
        Some("StartsWith") => value.starts_with(&wanted),
        Some("EndsWith") => value.ends_with(&wanted),
        _ => value.contains(&wanted),
    }
}

/// Whether `value` lies between two texts. Ignores case; the end includes everything that begins with it.
pub(crate) fn between(filter: &Checked, from: &str, to: &str, value: &str) -> bool {
    let value = fold(value);
    let from = filter.text_of(from).map(fold).filter(|t| !t.is_empty());
    let to = filter.text_of(to).map(fold).filter(|t| !t.is_empty());
    from.is_none_or(|f| value >= f) && to.is_none_or(|t| value <= t || value.starts_with(&t))
}

/// The list objects an `EntityFilter` or `AccountFilter` names.
pub(crate) fn named(file: &CompanyFile, space: Space, filter: &Checked) -> Result<BTreeSet<u64>, Status> {
    let mut out = BTreeSet::new();
    for part in &filter.children {
        let by_id = part.name().starts_with("ListID");
        let found: Option<&ListObject> = if by_id {
            file.list_by_id(&part.text).filter(|o| o.kind.space() == space)
        } else {
            file.list_by_full_name(space, &part.text)
        };
        let Some(found) = found else {
            return Err(if by_id {
                Status::bad_id(&part.text, part.name())
            } else {
                let word = if space == Space::Account {
                    "Account"
                } else {
                    "Entity"
                };
                Status::bad_reference(word, &part.text, filter.name())
            });
        };
        out.insert(found.serial);
        if part.name().ends_with("WithChildren") {
            let below: Vec<u64> = file
                .lists
                .values()
                .filter(|o| {
                    let mut at = o.parent;
                    while let Some(parent) = at {
                        if parent == found.serial {
                            return true;
                        }
                        at = file.lists.get(&parent).and_then(|p| p.parent);
                    }
                    false
                })
                .map(|o| o.serial)
                .collect();
            out.extend(below);
        }
    }
    Ok(out)
}

/// `FromTxnDate`, `ToTxnDate`, or a macro.
pub(crate) fn date_range(qb: &QuickBooks, filter: &Checked) -> Result<(String, String), Status> {
    let today = clock::local(qb.clock.now(), &qb.settings).date();
    let bound = |name: &str, missing: &str| filter.text_of(name).unwrap_or(missing).to_owned();
    match filter.text_of("DateMacro") {
        None => Ok((
            bound("FromTxnDate", "0000-00-00"),
            bound("ToTxnDate", "9999-99-99"),
        )),
        Some("All") => Ok(("0000-00-00".to_owned(), "9999-99-99".to_owned())),
        Some("Today") => Ok((today.to_string(), today.to_string())),
        Some("ThisMonth" | "ThisMonthToDate") => {
            let month = today.format("%Y-%m").to_string();
            Ok((format!("{month}-01"), format!("{month}-31")))
        }
        // Not modelled: better an error than a wrong answer.
        Some(_) => Err(Status::internal()),
    }
}
