//! The item that carries retainage, on bills and on invoices (ADV-18, ADV-20, ADV-22).

use crate::{links::ItemType, qbxml::item, tasks::Facts};

/// What is wrong with the chosen item, as a sentence for whoever exports. `what` is what a person calls the record,
/// `setting` the setting that names the item, `why` what is said further where none is chosen.
pub(super) fn item_fault(
    what: &str,
    setting: &str,
    chosen: Option<&str>,
    why: &str,
    facts: &Facts<'_>,
) -> Option<String> {
    let Some(chosen) = chosen else {
        return Some(format!(
            "{what} cannot be sent to ERP because no {setting} is chosen. Choose a service item of QuickBooks in the setting \
             \"{setting}\", then export it again.{why}"
        ));
    };
    let Some(record) = facts.item(chosen) else {
        return Some(format!(
            "{what} cannot be sent to ERP because the item of the setting \"{setting}\" is not in QuickBooks any more. Refresh \
             the job list, choose another one, then export it again."
        ));
    };
    let name = &record.full_name;
    let why = if record.detail.as_deref() != Some(item::SERVICE) {
        "is not a service item"
    } else if !record.is_active {
        "is inactive in QuickBooks"
    } else if facts.links.iter().any(|link| {
        link.quickbooks_id == chosen
            && matches!(
                link.item.item_type,
                ItemType::StandardCostCode | ItemType::CostCode
            )
    }) {
        "is linked to a cost code, which it must not be"
    } else {
        return None;
    };
    Some(format!(
        "{what} cannot be sent to ERP because the item \"{name}\" of the setting \"{setting}\" {why}. Choose another service item \
         there, then export it again."
    ))
}
