//! Service items of QuickBooks → standard cost codes. They are never staged: Procore takes them as they are. By setting,
//! those that were made in QuickBooks since the last reading become lines of 0.00 in the budgets of linked projects (ADV-10).
//!
//! Decisions: what was made before the first reading is not new, or the first refresh would fill every budget. Only codes
//! that have no codes below them become lines. A line that somebody deletes again is not offered a second time. New is told
//! by QuickBooks' local time: of an item made in the hour that comes twice in autumn it may not be noticed.
//!
//! What may not live here: paging (`lists`).

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{
    lists::{ListRefresh, Taken},
    records::{self, ItemDetails},
};
use crate::{
    links::ItemType,
    mirror::{ListKind, MirrorRecord},
    qbxml::{Access, Response, item},
    tasks::{Effects, Facts, LINKS_PAGE, Machine, Outcome, Step, Turn, Wants, progress::Progress},
    writebacks::{BudgetCode, CostCodeData, Writeback},
};

/// Reads all items and keeps the active service items until the last page: a parent may come after its child.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StandardCostCodesImport {
    /// The company list to sync into.
    standard_cost_code_list_id: Option<i64>,
    list: ListRefresh,
    /// By `ListID`, so that a list that begins again adds nothing twice.
    codes: BTreeMap<String, Code>,
    /// Procore has its codes; the project up to which budgets have been offered the new ones.
    #[serde(default)]
    offered: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Code {
    full_name: String,
    data: CostCodeData,
    /// When a person made it; none where an application did: what Procore exported is in its budgets by Procore's own rules.
    #[serde(default)]
    created: Option<String>,
}

impl StandardCostCodesImport {
    /// Reads the items into this list of Procore; the connector's own list where none is named.
    pub fn new(standard_cost_code_list_id: Option<i64>) -> Self {
        Self {
            standard_cost_code_list_id,
            list: ListRefresh::new([ListKind::Item]),
            codes: BTreeMap::new(),
            offered: None,
        }
    }

    fn keep(&mut self, record: &MirrorRecord, facts: &Facts<'_>) {
        let is_retainage = facts.settings.retainage_item_list_id.as_deref() == Some(record.list_id.as_str());
        if !record.is_active || is_retainage || record.detail.as_deref() != Some(item::SERVICE) {
            // It may have been a code on an earlier reading of the same page.
            self.codes.remove(&record.list_id);
            return;
        }
        let details: ItemDetails = records::details(record);
        let data = CostCodeData {
            origin_id: record.list_id.clone(),
            parent_origin_id: record.parent_list_id.clone(),
            code: record.name.clone(),
            name: details.purchase_desc.unwrap_or_else(|| record.name.clone()),
            edit_sequence: record.edit_sequence.clone(),
        };
        self.codes.insert(
            record.list_id.clone(),
            Code {
                full_name: record.full_name.clone(),
                data,
                created: details.created.filter(|_| record.external_guid.is_none()),
            },
        );
    }

    /// The codes, parents first. One whose parent is not a code (inactive, say) cannot be used either, and is left out.
    fn ordered(&self) -> Vec<CostCodeData> {
        let mut codes: Vec<&Code> = self
            .codes
            .values()
            .filter(|code| self.has_parents(code))
            .collect();
        codes.sort_by_key(|code| (code.full_name.matches(':').count(), code.full_name.to_lowercase()));
        codes.into_iter().map(|code| code.data.clone()).collect()
    }

    fn has_parents(&self, code: &Code) -> bool {
        let mut parent = code.data.parent_origin_id.as_ref();
        // QuickBooks has five levels; the bound keeps a broken answer from going round in circles.
        for _ in 0..10 {
            let Some(id) = parent else { return true };
            let Some(above) = self.codes.get(id) else {
                return false;
            };
            parent = above.data.parent_origin_id.as_ref();
        }
        false
    }

    /// What Procore is told of the codes, at the end of the list.
    fn told(&self, effects: &mut Effects) {
        let codes = self.ordered();
        // Half a list would look like the whole one.
        if !codes.is_empty() && !self.list.has_failed() {
            effects.writebacks.push(Writeback::StandardCostCodes {
                standard_cost_code_list_id: self.standard_cost_code_list_id,
                codes,
            });
        }
    }

    /// The codes that were made since the last reading, and have none below them.
    fn new_codes(&self, facts: &Facts<'_>) -> Vec<BudgetCode> {
        let Some(until) = facts.budget_codes_until else {
            return Vec::new();
        };
        let parents: HashSet<&str> = self
            .codes
            .values()
            .filter_map(|code| code.data.parent_origin_id.as_deref())
            .collect();
        self.codes
            .values()
            .filter(|code| code.created.as_deref().is_some_and(|created| created > until))
            .filter(|code| !parents.contains(code.data.origin_id.as_str()) && self.has_parents(code))
            .map(|code| BudgetCode {
                item_list_id: code.data.origin_id.clone(),
                name: code.full_name.clone(),
            })
            .collect()
    }

    /// When the newest code was made; a time before all others where there is none, so that the next one is new.
    fn newest(&self) -> String {
        let newest = self.codes.values().filter_map(|code| code.created.clone()).max();
        newest.unwrap_or_else(|| "0001-01-01T00:00:00".to_owned())
    }

    /// Offers the new codes to the budgets of the next page of linked projects.
    fn offer(&self, after: i64, facts: &Facts<'_>) -> Step<Self> {
        let mut effects = Effects::default();
        let wanted = facts.settings.add_new_cost_codes_to_budgets && !self.list.has_failed();
        let codes = if wanted { self.new_codes(facts) } else { Vec::new() };
        if !codes.is_empty() {
            let projects = facts.page.iter().filter(|project| !project.known_gone);
            effects
                .writebacks
                .extend(projects.map(|project| Writeback::BudgetLines {
                    project_id: project.link.item.id,
                    job_origin_id: project.link.quickbooks_id.clone(),
                    standard_cost_code_list_id: self.standard_cost_code_list_id,
                    codes: codes.clone(),
                }));
            if facts.page.len() >= LINKS_PAGE
                && let Some(last) = facts.page.last()
            {
                let mut next = self.clone();
                next.offered = Some(last.link.item.id.max(after));
                return Step::Advance(next, effects);
            }
        }
        if !self.list.has_failed() {
            effects.budget_codes_until = Some(self.newest());
        }
        Step::Finished(self.list.outcome(effects))
    }

    fn finished(mut self, mut effects: Effects) -> Turn<Self> {
        self.told(&mut effects);
        self.offered = Some(0);
        Turn::Continue(self, effects)
    }
}

impl Machine for StandardCostCodesImport {
    fn wants(&self) -> Wants {
        Wants {
            budget_codes: self.offered.is_some(),
            links_after: self.offered.map(|after| (ItemType::Project, after)),
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
        if let Some(after) = self.offered {
            return self.offer(after, facts);
        }
        if let Some(request) = self.list.request(facts) {
            return Step::Ask(vec![request]);
        }
        let (mut next, mut effects) = (self.clone(), Effects::default());
        self.told(&mut effects);
        next.offered = Some(0);
        Step::Advance(next, effects)
    }

    fn answer(mut self, answers: &[Response], facts: &Facts<'_>) -> Turn<Self> {
        match self.list.take(answers, facts) {
            Taken::Page(page) => {
                for record in &page.records {
                    self.keep(record, facts);
                }
                if self.list.remaining().is_empty() {
                    self.finished(page.effects)
                } else {
                    Turn::Continue(self, page.effects)
                }
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
        links::{KnownLink, Link, ProcoreItem},
        tasks::imports::fixture::World,
    };

    fn service(id: &str, full_name: &str, parent: Option<&str>, rest: &str) -> String {
        let name = full_name.rsplit(':').next().unwrap();
        let parent = parent.map_or_else(String::new, |id| {
            format!("<ParentRef><ListID>{id}</ListID></ParentRef>")
        });
        format!(
            "<ItemServiceRet><ListID>{id}</ListID><EditSequence>1</EditSequence><Name>{name}</Name>\
             <FullName>{full_name}</FullName>{rest}{parent}</ItemServiceRet>"
        )
    }

    fn codes(effects: &Effects) -> Vec<CostCodeData> {
        match effects.writebacks.as_slice() {
            [
                Writeback::StandardCostCodes {
                    standard_cost_code_list_id: Some(123),
                    codes,
                },
            ] => codes.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn map_01_active_service_items_become_codes_parents_first() {
        let mut world = World::default();
        world.settings.retainage_item_list_id = Some("R".into());
        let inactive = "<IsActive>false</IsActive>";
        let first = [
            // A child may come before its parent, even on an earlier page.
            service("2", "01:100", Some("1"), ""),
            service("R", "Retainage", None, ""),
            service("8", "99", None, inactive),
            service("9", "99:1", Some("8"), ""),
            "<ItemOtherChargeRet><ListID>3</ListID><Name>Fee</Name><FullName>Fee</FullName></ItemOtherChargeRet>".into(),
        ]
        .concat();
        let second = "<ItemServiceRet><ListID>1</ListID><Name>01</Name><FullName>01</FullName><SalesAndPurchase>\
                      <PurchaseDesc>General Conditions</PurchaseDesc></SalesAndPurchase></ItemServiceRet>";
        let state = StandardCostCodesImport::new(Some(123));
        let page = Response::ok("ItemQueryRs", &first).with_iterator("{i}", 1);
        let Turn::Continue(state, effects) = state.answer(&[page], &world.facts()) else {
            panic!("a page follows")
        };
        assert_eq!(effects.mirror.len(), 5);
        assert!(effects.writebacks.is_empty());
        let json = serde_json::to_string(&state).unwrap();
        let state: StandardCostCodesImport = serde_json::from_str(&json).unwrap();
        let page = Response::ok("ItemQueryRs", second).with_iterator("{i}", 0);
        let Turn::Continue(state, effects) = state.answer(&[page], &world.facts()) else {
            panic!("budgets follow")
        };
        assert!(matches!(
            state.step(&world.facts()),
            Step::Finished(Outcome::Done(..))
        ));
        assert_eq!(
            codes(&effects),
            [
                CostCodeData {
                    origin_id: "1".into(),
                    parent_origin_id: None,
                    code: "01".into(),
                    name: "General Conditions".into(),
                    edit_sequence: None,
                },
                CostCodeData {
                    origin_id: "2".into(),
                    parent_origin_id: Some("1".into()),
                    code: "100".into(),
                    name: "100".into(),
                    edit_sequence: Some("1".into()),
                },
            ]
        );
    }

    fn made(id: &str, full_name: &str, parent: Option<&str>, at: &str) -> String {
        let made = format!("<EditSequence>1</EditSequence><TimeCreated>{at}-05:00</TimeCreated>");
        service(id, full_name, parent, "").replace("<EditSequence>1</EditSequence>", &made)
    }

    /// Reads one page to the end: what budgets are offered, and the new watermark.
    fn offered(world: &World, items: &[String]) -> (Vec<(i64, Vec<String>)>, Option<String>) {
        let page = Response::ok("ItemQueryRs", &items.concat()).with_iterator("{i}", 0);
        let state = StandardCostCodesImport::new(Some(123));
        let Turn::Continue(mut state, mut effects) = state.answer(&[page], &world.facts()) else {
            panic!("budgets follow")
        };
        loop {
            match state.step(&world.facts()) {
                Step::Advance(next, more) => {
                    effects.extend(more);
                    state = next;
                }
                Step::Finished(Outcome::Done(more, _)) => {
                    effects.extend(more);
                    break;
                }
                _ => panic!("it is done"),
            }
        }
        let lines = effects
            .writebacks
            .into_iter()
            .filter_map(|writeback| match writeback {
                Writeback::BudgetLines {
                    project_id, codes, ..
                } => Some((
                    project_id,
                    codes.into_iter().map(|code| code.item_list_id).collect(),
                )),
                _ => None,
            });
        (lines.collect(), effects.budget_codes_until)
    }

    #[test]
    fn adv_10_codes_made_since_the_last_reading_are_offered_to_the_budgets_of_linked_projects() {
        let items = [
            made("1", "01", None, "2026-03-01T10:00:00"),
            made("2", "01:100", Some("1"), "2026-03-09T10:00:00"),
            made("3", "02", None, "2026-03-09T10:00:00"),
            made("4", "02:100", Some("3"), "2026-03-09T10:00:01"),
            made("5", "05", None, "2026-03-09T09:00:00"),
            service("6", "06", None, ""),
            made("7", "07", None, "2026-03-09T10:00:01")
                .replace("<Name>", "<ExternalGUID>{9}</ExternalGUID><Name>"),
        ];
        let mut world = World::default();
        world.settings.add_new_cost_codes_to_budgets = true;
        world.page = vec![project(86, "J", false), project(87, "K", true)];
        let newest = Some("2026-03-09T10:00:01".to_owned());
        // The first reading: everything is new, and nothing is offered.
        assert_eq!(offered(&world, &items), (Vec::new(), newest.clone()));
        // What was made then or before was offered before; a parent is no line; a job that is gone has no budget.
        world.budget_codes_until = Some("2026-03-09T09:00:00".to_owned());
        let lines = vec![(86, vec!["2".to_owned(), "4".to_owned()])];
        assert_eq!(offered(&world, &items), (lines, newest.clone()));
        world.budget_codes_until.clone_from(&newest);
        assert_eq!(offered(&world, &items), (Vec::new(), newest.clone()));
        // Off: they are passed over, not kept for later.
        world.settings.add_new_cost_codes_to_budgets = false;
        world.budget_codes_until = Some("2026-03-09T09:00:00".to_owned());
        assert_eq!(offered(&world, &items), (Vec::new(), newest));
    }

    fn project(id: i64, job: &str, gone: bool) -> KnownLink {
        KnownLink {
            link: Link {
                item: ProcoreItem::new(ItemType::Project, id),
                origin_id: job.to_owned(),
                origin_code: None,
                quickbooks_id: job.to_owned(),
                edit_sequence: None,
                stands_as: None,
            },
            name: None,
            read_as: None,
            known_gone: gone,
        }
    }

    #[test]
    fn a_list_that_could_not_be_read_tells_procore_nothing() {
        let world = World::default();
        let state = StandardCostCodesImport::new(None);
        let page = Response::ok("ItemQueryRs", &service("1", "01", None, "")).with_iterator("{i}", 1);
        let Turn::Continue(state, _) = state.answer(&[page], &world.facts()) else {
            panic!("a page follows")
        };
        let failed = Response::failed("ItemQueryRs", 3010, "bad");
        let Turn::Continue(state, effects) = state.answer(&[failed], &world.facts()) else {
            panic!("the list is over")
        };
        assert!(effects.writebacks.is_empty());
        let Step::Finished(Outcome::Failed(_, effects)) = state.step(&world.facts()) else {
            panic!("it failed")
        };
        assert!(effects.writebacks.is_empty());
        // What was not read is not passed over.
        assert_eq!(effects.budget_codes_until, None);
    }
}
