//! Service items of QuickBooks → standard cost codes. They are never staged: Procore takes them as they are.
//!
//! What may not live here: paging (`lists`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    lists::{ListRefresh, Taken},
    records::{self, ItemDetails},
};
use crate::{
    mirror::{ListKind, MirrorRecord},
    qbxml::{Access, Response, item},
    tasks::{Effects, Facts, Machine, Outcome, Step, Turn},
    writebacks::{CostCodeData, Writeback},
};

/// Reads all items and keeps the active service items until the last page: a parent may come after its child.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StandardCostCodesImport {
    /// The company list to sync into.
    standard_cost_code_list_id: Option<i64>,
    list: ListRefresh,
    /// By `ListID`, so that a list that begins again adds nothing twice.
    codes: BTreeMap<String, Code>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Code {
    full_name: String,
    data: CostCodeData,
}

impl StandardCostCodesImport {
    /// Reads the items into this list of Procore; the connector's own list where none is named.
    pub fn new(standard_cost_code_list_id: Option<i64>) -> Self {
        Self {
            standard_cost_code_list_id,
            list: ListRefresh::new([ListKind::Item]),
            codes: BTreeMap::new(),
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

    fn outcome(&self, mut effects: Effects) -> Outcome {
        let codes = self.ordered();
        // Half a list would look like the whole one.
        if !codes.is_empty() && !self.list.has_failed() {
            effects.writebacks.push(Writeback::StandardCostCodes {
                standard_cost_code_list_id: self.standard_cost_code_list_id,
                codes,
            });
        }
        self.list.outcome(effects)
    }
}

impl Machine for StandardCostCodesImport {
    fn access(&self) -> Access {
        Access::Read
    }

    fn step(&self, facts: &Facts<'_>) -> Step<Self> {
        match self.list.request(facts) {
            Some(request) => Step::Ask(vec![request]),
            None => Step::Finished(self.outcome(Effects::default())),
        }
    }

    fn answer(mut self, answers: &[Response], facts: &Facts<'_>) -> Turn<Self> {
        match self.list.take(answers, facts) {
            Taken::Page(page) => {
                for record in &page.records {
                    self.keep(record, facts);
                }
                if self.list.remaining().is_empty() {
                    Turn::Finished(self.outcome(page.effects))
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
    use crate::tasks::imports::fixture::World;

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
        let Turn::Finished(Outcome::Done(effects, _)) = state.answer(&[page], &world.facts()) else {
            panic!("it is done")
        };
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

    #[test]
    fn a_list_that_could_not_be_read_tells_procore_nothing() {
        let world = World::default();
        let state = StandardCostCodesImport::new(None);
        let page = Response::ok("ItemQueryRs", &service("1", "01", None, "")).with_iterator("{i}", 1);
        let Turn::Continue(state, _) = state.answer(&[page], &world.facts()) else {
            panic!("a page follows")
        };
        let failed = Response::failed("ItemQueryRs", 3010, "bad");
        let Turn::Finished(Outcome::Failed(_, effects)) = state.answer(&[failed], &world.facts()) else {
            panic!("it failed")
        };
        assert!(effects.writebacks.is_empty());
    }
}
