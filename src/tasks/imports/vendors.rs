//! Vendors of QuickBooks → companies: new ones are offered for import, linked ones follow if the settings say so.
//!
//! What may not live here: paging (`lists`).

use serde::{Deserialize, Serialize};

use super::{
    lists::{ListRefresh, Taken},
    records,
};
use crate::{
    links::ItemType,
    mirror::{ListKind, MirrorRecord},
    qbxml::{Access, Response},
    tasks::{Effects, Facts, Machine, Outcome, Step, Turn, Wants, progress::Progress},
    writebacks::Writeback,
};

/// Reads all vendors. Each page is told to Procore once it is known which of its vendors are linked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VendorsImport {
    list: ListRefresh,
    /// Vendors of the last page, of which it is not yet known which are linked.
    page: Vec<MirrorRecord>,
}

impl VendorsImport {
    /// Reads vendor types and vendors.
    pub fn new() -> Self {
        Self {
            list: ListRefresh::new([ListKind::VendorType, ListKind::Vendor]),
            page: Vec::new(),
        }
    }

    /// Reads what changed in them; `seen` is the latest change seen so far of each.
    pub fn changes(seen: &[(ListKind, String)]) -> Self {
        Self {
            list: ListRefresh::changes([ListKind::VendorType, ListKind::Vendor], seen),
            page: Vec::new(),
        }
    }

    fn told(&self, facts: &Facts<'_>) -> Effects {
        let mut staged = Vec::new();
        let mut updated = Vec::new();
        for vendor in &self.page {
            // An item may have the same ListID as a vendor (qbxml.md §5).
            let link = facts
                .links
                .iter()
                .find(|link| link.item.item_type == ItemType::Vendor && link.quickbooks_id == vendor.list_id);
            match link {
                Some(link) if facts.settings.update_vendors_on_refresh => {
                    updated.push(records::vendor_data(vendor, Some(link.item.id)));
                }
                // An inactive vendor cannot be used in QuickBooks; there is nothing to import it for.
                None if vendor.is_active => staged.push(records::vendor_data(vendor, None)),
                // Linked and to be left alone, or inactive.
                Some(_) | None => {}
            }
        }
        let mut effects = Effects::default();
        if !staged.is_empty() {
            effects
                .writebacks
                .push(Writeback::StageVendors { vendors: staged });
        }
        if !updated.is_empty() {
            effects
                .writebacks
                .push(Writeback::UpdateVendors { vendors: updated });
        }
        effects
    }
}

impl Default for VendorsImport {
    fn default() -> Self {
        Self::new()
    }
}

impl Machine for VendorsImport {
    fn wants(&self) -> Wants {
        Wants {
            linked_ids: self.page.iter().map(|vendor| vendor.list_id.clone()).collect(),
            ..Wants::default()
        }
    }

    fn progress(&self) -> Option<Progress> {
        self.list.progress()
    }

    fn access(&self) -> Access {
        Access::Read
    }

    fn step(&self, facts: &Facts<'_>) -> Step<Self> {
        match self.list.request(facts) {
            _ if !self.page.is_empty() => Step::Advance(
                Self {
                    page: Vec::new(),
                    ..self.clone()
                },
                self.told(facts),
            ),
            Some(request) => Step::Ask(vec![request]),
            None => Step::Finished(self.list.outcome(Effects::default())),
        }
    }

    fn answer(mut self, answers: &[Response], facts: &Facts<'_>) -> Turn<Self> {
        match self.list.take(answers, facts) {
            Taken::Page(page) => {
                if page.kind == ListKind::Vendor {
                    self.page = page.records;
                }
                Turn::Continue(self, page.effects)
            }
            Taken::Later(reason) => Turn::Later(self, reason),
            Taken::Failed(failure) => Turn::Finished(Outcome::Failed(failure, Effects::default())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        qbxml::Response,
        tasks::imports::fixture::{World, vendor_rets},
        writebacks::VendorData,
    };

    /// Runs the import over these answers and collects what followed.
    fn run(world: &World, answers: Vec<Response>) -> Effects {
        let mut all = Effects::default();
        let mut state = VendorsImport::new();
        let mut answers = answers.into_iter();
        loop {
            let json = serde_json::to_string(&state).unwrap();
            state = serde_json::from_str(&json).unwrap();
            match state.step(&world.facts()) {
                Step::Ask(_) => {
                    match state.answer(
                        &[answers.next().expect("it asks no more than that")],
                        &world.facts(),
                    ) {
                        Turn::Continue(next, effects) => {
                            state = next;
                            all.extend(effects);
                        }
                        other => panic!("{other:?}"),
                    }
                }
                Step::Advance(next, effects) => {
                    state = next;
                    all.extend(effects);
                }
                Step::Finished(Outcome::Done(effects, _)) => {
                    all.extend(effects);
                    return all;
                }
                Step::Finished(other) => panic!("{other:?}"),
            }
        }
    }

    fn staged(effects: &Effects) -> Vec<&VendorData> {
        effects
            .writebacks
            .iter()
            .filter_map(|writeback| match writeback {
                Writeback::StageVendors { vendors } => Some(vendors),
                _ => None,
            })
            .flatten()
            .collect()
    }

    fn updated(effects: &Effects) -> Vec<&VendorData> {
        effects
            .writebacks
            .iter()
            .filter_map(|writeback| match writeback {
                Writeback::UpdateVendors { vendors } => Some(vendors),
                _ => None,
            })
            .flatten()
            .collect()
    }

    fn types() -> Response {
        Response::failed("VendorTypeQueryRs", 1, "nothing")
    }

    #[test]
    fn comp_16_of_100_vendors_with_one_unreadable_99_are_staged_and_1_is_listed() {
        let page = Response::ok("VendorQueryRs", &vendor_rets(0..100, &[42]));
        let effects = run(&World::default(), vec![types(), page]);
        assert_eq!(staged(&effects).len(), 99);
        assert_eq!(effects.unreadable.len(), 1);
        assert!(
            effects.unreadable[0].contains("Vendor 42"),
            "{:?}",
            effects.unreadable
        );
        // Its name is taken all the same, and it is not forgotten by the mirror.
        assert!(effects.mirror.iter().any(|record| record.list_id == "V42"));
        let first = staged(&effects)[0];
        assert_eq!(first.address.as_deref(), Some("0 Main St"));
        assert_eq!(first.city.as_deref(), Some("Bend"));
        assert_eq!(first.business_phone.as_deref(), Some("555-0"));
    }

    #[test]
    fn adv_16_linked_vendors_follow_and_adv_17_do_not_when_switched_off() {
        let world = World::default()
            .linking(ItemType::Vendor, 35, "V1")
            .linking(ItemType::Project, 9, "V0");
        let page = || Response::ok("VendorQueryRs", &vendor_rets(0..3, &[]));
        let off = run(&world, vec![types(), page()]);
        assert!(updated(&off).is_empty());
        // A project's link with the same id is no vendor's link.
        assert_eq!(
            staged(&off)
                .iter()
                .map(|vendor| vendor.name.as_str())
                .collect::<Vec<_>>(),
            ["Vendor 0", "Vendor 2"]
        );

        let mut world = world;
        world.settings.update_vendors_on_refresh = true;
        let on = run(&world, vec![types(), page()]);
        let [vendor] = updated(&on)[..] else {
            panic!("one is linked")
        };
        assert_eq!(
            (vendor.procore_id, vendor.business_phone.as_deref()),
            (Some(35), Some("555-1"))
        );
        assert_eq!(staged(&on).len(), 2);
    }

    #[test]
    fn comp_42_pages_are_told_one_by_one_and_inactive_vendors_are_not_offered() {
        let world = World::default();
        let first = Response::ok("VendorQueryRs", &vendor_rets(0..2, &[])).with_iterator("{i}", 1);
        let last = Response::ok(
            "VendorQueryRs",
            "<VendorRet><ListID>X</ListID><Name>Gone</Name><IsActive>false</IsActive></VendorRet>",
        )
        .with_iterator("{i}", 0);
        let effects = run(&world, vec![types(), first, last]);
        assert_eq!(staged(&effects).len(), 2);
        assert_eq!(effects.mirror.len(), 3);
        assert_eq!(effects.mirrored.len(), 2);
    }
}
