//! Cost types as classes: which QuickBooks class a line carries (COMP-21), and lines whose budget code QuickBooks has no place
//! for (MAP-03).
//!
//! A class belongs to a cost type if it is called as the type or as its code. Nothing is stored that could go stale, and the
//! bookkeeper sees in the class list what belongs together.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    coding::{Line, LineCode},
    faults::Faults,
};
use crate::{
    mirror::{MirrorRecord, name_key},
    tasks::Facts,
};

/// The cost type of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CostType {
    /// Its name, `Labor`.
    pub name: String,
    /// Its code, `L`.
    pub code: String,
}

impl CostType {
    /// What a class of it may be called.
    fn names(&self) -> impl Iterator<Item = &str> {
        [self.name.trim(), self.code.trim()]
            .into_iter()
            .filter(|name| !name.is_empty())
    }

    /// `"Labor" or "L"`.
    fn quoted(&self) -> String {
        let names: Vec<String> = self.names().map(|name| format!("\"{name}\"")).collect();
        names.join(" or ")
    }

    fn label(&self) -> &str {
        self.names().next().unwrap_or_default()
    }
}

/// What classes of these lines may be called.
pub(super) fn wanted<'a>(codes: impl Iterator<Item = &'a LineCode>) -> Vec<String> {
    let names: BTreeSet<String> = codes
        .filter_map(|code| code.cost_type.as_ref())
        .flat_map(CostType::names)
        .map(name_key)
        .collect();
    names.into_iter().collect()
}

/// The class of a line, where the connection writes them; what keeps it from being told goes to `faults`.
pub(super) fn class_of(line: &Line<'_>, facts: &Facts<'_>, faults: &mut Faults) -> Option<String> {
    let Line {
        what, record, place, ..
    } = line;
    if !facts.settings.classes_as_cost_types {
        if let Some(segment) = line.code.custom_segments.first() {
            faults.invalid.push(format!(
                "{what} cannot be sent to ERP because the budget code of its line {place} has the custom segment \"{segment}\", \
                 for which QuickBooks has no place. Choose a budget code without custom segments for the line, or let classes \
                 stand for cost types (the setting classes_as_cost_types), then export the {record} again."
            ));
        }
        return None;
    }
    if facts.company.uses_classes == Some(false) {
        let fault = format!(
            "{what} cannot be sent to ERP because classes stand for cost types, and class tracking is switched off in this company \
             file. In QuickBooks choose Edit > Preferences > Accounting > Company Preferences and tick \"Use class tracking for \
             transactions\", or switch the setting classes_as_cost_types off, then export the {record} again."
        );
        // Once is enough, however many lines there are.
        if !faults.setting.contains(&fault) {
            faults.setting.push(fault);
        }
        return None;
    }
    let Some(cost_type) = &line.code.cost_type else {
        faults.invalid.push(format!(
            "{what} cannot be sent to ERP because its line {place} has no cost type, so that its class is not known. Choose a \
             budget code with a cost type for the line, then export the {record} again."
        ));
        return None;
    };
    match among(facts, cost_type) {
        Ok(class) => Some(class.list_id.clone()),
        Err(why) => {
            faults.not_synced.push(format!(
                "{what} cannot be sent to ERP because of the cost type {} of its line {place}: {why}, then refresh the job list in \
                 the ERP Integrations tool and export the {record} again.",
                cost_type.label()
            ));
            None
        }
    }
}

/// The one class of a cost type, or why there is none and what to do.
fn among<'a>(facts: &Facts<'a>, cost_type: &CostType) -> Result<&'a MirrorRecord, String> {
    let names: Vec<String> = cost_type.names().map(name_key).collect();
    let found = || {
        facts
            .classes
            .iter()
            .filter(|class| names.contains(&class.full_name_key()))
    };
    let mut active = found().filter(|class| class.is_active);
    match (active.next(), active.next()) {
        (Some(class), None) => Ok(class),
        (Some(one), Some(other)) => Err(format!(
            "QuickBooks has two classes for it, \"{}\" and \"{}\". Rename one of them there (Lists > Class List)",
            one.full_name, other.full_name
        )),
        (None, _) => Err(match found().next() {
            Some(inactive) => format!(
                "the class \"{}\" is inactive in QuickBooks. Make it active there (Lists > Class List, tick Include inactive, \
                 click the X beside it)",
                inactive.full_name
            ),
            None => format!(
                "QuickBooks has no class called {}. Add it there (Lists > Class List), not below another class",
                cost_type.quoted()
            ),
        }),
    }
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;
    use crate::{mirror::ListKind, qbxml::Money, tasks::imports::fixture::World};

    fn world(classes: &[(&str, bool)]) -> World {
        let mut world = World::default();
        world.settings.classes_as_cost_types = true;
        world.classes = classes
            .iter()
            .map(|(name, is_active)| MirrorRecord {
                kind: ListKind::Class,
                list_id: format!("{name}-id"),
                name: (*name).to_owned(),
                full_name: (*name).to_owned(),
                parent_list_id: None,
                is_active: *is_active,
                edit_sequence: None,
                detail: None,
                external_guid: None,
                data: serde_json::Value::Null,
            })
            .collect();
        world
    }

    fn labor() -> LineCode {
        LineCode {
            cost_type: Some(CostType {
                name: "Labor".into(),
                code: "L".into(),
            }),
            ..LineCode::default()
        }
    }

    fn class(code: &LineCode, world: &World) -> Result<Option<String>, String> {
        let line = Line {
            what: "The commitment SC-1",
            record: "commitment",
            place: 2,
            code,
            description: None,
            is_unit_based: false,
            quantity: Decimal::ZERO,
            unit_cost: Decimal::ZERO,
            amount: Money::ZERO,
        };
        let mut faults = Faults::default();
        let class = class_of(&line, &world.facts(), &mut faults);
        faults.into_result().map_err(|failure| failure.text())?;
        Ok(class)
    }

    fn refused(code: &LineCode, world: &World, parts: &[&str]) {
        let text = class(code, world).unwrap_err();
        for part in parts {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    // COMP-21
    #[test]
    fn comp_21_the_class_is_the_one_called_as_the_type_or_its_code() {
        let found = |classes| class(&labor(), &world(classes));
        assert_eq!(
            found(&[("Material", true), ("LABOR", true)]),
            Ok(Some("LABOR-id".into()))
        );
        assert_eq!(found(&[("l", true), ("Labor", false)]), Ok(Some("l-id".into())));
        // A class below another is another class.
        refused(
            &labor(),
            &world(&[("Costs:Labor", true)]),
            &[
                "SC-1",
                "line 2",
                "cost type Labor",
                "no class called \"Labor\" or \"L\"",
                "Class List",
            ],
        );
        refused(
            &labor(),
            &world(&[("Labor", false)]),
            &["\"Labor\" is inactive", "Make it active"],
        );
        refused(
            &labor(),
            &world(&[("Labor", true), ("L", true)]),
            &["two classes", "\"L\"", "Rename"],
        );
        refused(
            &LineCode::default(),
            &world(&[("Labor", true)]),
            &["line 2 has no cost type"],
        );
        let mut off = world(&[("Labor", true)]);
        off.company.uses_classes = Some(false);
        refused(&labor(), &off, &["class tracking is switched off", "Preferences"]);
    }

    // COMP-21, MAP-03
    #[test]
    fn map_03_without_the_setting_no_class_is_written_and_a_custom_segment_is_refused() {
        let mut off = world(&[("Labor", true)]);
        off.settings.classes_as_cost_types = false;
        assert_eq!(class(&labor(), &off), Ok(None));
        let north = LineCode {
            custom_segments: vec!["North".into()],
            ..labor()
        };
        refused(
            &north,
            &off,
            &["line 2", "custom segment \"North\"", "classes_as_cost_types"],
        );
        assert_eq!(
            class(&north, &world(&[("Labor", true)])),
            Ok(Some("Labor-id".into()))
        );
    }

    #[test]
    fn each_name_is_looked_up_once() {
        let codes = [labor(), labor(), LineCode::default()];
        assert_eq!(wanted(codes.iter()), ["l", "labor"]);
    }
}
