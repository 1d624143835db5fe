//! Jobs of QuickBooks → projects: those that are not linked are offered for import. By a setting, jobs that are nested under
//! the job of a project are offered as its sub jobs (QBD-21).
//!
//! What may not live here: paging (`lists`).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    lists::{ListRefresh, Taken},
    records::{self, CustomerDetails},
};
use crate::{
    connections::settings::{JobPlacement, ProjectNumberField},
    links::ItemType,
    mirror::{ListKind, MirrorRecord},
    qbxml::{Access, Response},
    tasks::{Effects, Facts, Machine, Outcome, Step, Turn, Wants, progress::Progress},
    writebacks::Writeback,
};

const LISTS: [ListKind; 3] = [ListKind::Customer, ListKind::Item, ListKind::Class];

/// Reads all customers and jobs, and the items, so that a new retainage item can be chosen (ADV-21); with them the classes,
/// where the settings use them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobsImport {
    list: ListRefresh,
    /// Customers and jobs of the last page, of which it is not yet known which are linked.
    page: Vec<MirrorRecord>,
}

impl JobsImport {
    /// Reads customers, jobs and items.
    pub fn new() -> Self {
        Self {
            list: ListRefresh::new(LISTS),
            page: Vec::new(),
        }
    }

    /// Reads what changed in them; `seen` is the latest change seen so far of each.
    pub fn changes(seen: &[(ListKind, String)]) -> Self {
        Self {
            list: ListRefresh::changes(LISTS, seen),
            page: Vec::new(),
        }
    }

    fn told(&self, facts: &Facts<'_>) -> Effects {
        // Plain customers are no projects, unless the settings make every project a customer (MAP-42).
        let level = match facts.settings.job_placement {
            JobPlacement::UnderCustomer => 1,
            JobPlacement::AsCustomer => 0,
        };
        let linked = |list_id: &str, of: &[ItemType]| {
            facts
                .links
                .iter()
                .any(|link| of.contains(&link.item.item_type) && link.quickbooks_id == list_id)
        };
        let offered = |record: &&MirrorRecord| {
            record.is_active && !linked(&record.list_id, &[ItemType::Project, ItemType::SubJob])
        };
        let jobs: Vec<_> = self
            .page
            .iter()
            .filter(offered)
            .filter(|record| records::details::<CustomerDetails>(record).sublevel == level)
            .map(records::job_data)
            .collect();
        let sub_jobs: Vec<_> = self
            .page
            .iter()
            .filter(|_| facts.settings.sub_jobs)
            .filter(offered)
            .filter_map(|record| {
                let parent = record.parent_list_id.as_deref()?;
                let code_in_desc = facts.settings.project_number_field == ProjectNumberField::JobDescription;
                linked(parent, &[ItemType::Project])
                    .then(|| records::sub_job_data(record, parent, code_in_desc))
            })
            .collect();
        let mut effects = Effects::default();
        if !sub_jobs.is_empty() {
            effects.writebacks.push(Writeback::StageSubJobs { sub_jobs });
        }
        if !jobs.is_empty() {
            effects.writebacks.push(Writeback::StageJobs { jobs });
        }
        effects
    }
}

impl Default for JobsImport {
    fn default() -> Self {
        Self::new()
    }
}

impl Machine for JobsImport {
    fn wants(&self) -> Wants {
        Wants {
            linked_ids: self
                .page
                .iter()
                .flat_map(|job| std::iter::once(&job.list_id).chain(&job.parent_list_id))
                .cloned()
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect(),
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
                if page.kind == ListKind::Customer {
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
        tasks::imports::fixture::{World, query_answer},
        writebacks::{JobData, SubJobData},
    };

    const CUSTOMERS: &str = "<CustomerRet><ListID>C</ListID><Name>Acme</Name><FullName>Acme</FullName><Sublevel>0</Sublevel></CustomerRet>\
        <CustomerRet><ListID>J1</ListID><EditSequence>5</EditSequence><Name>Tower</Name><FullName>Acme:Tower</FullName>\
        <ParentRef><ListID>C</ListID><FullName>Acme</FullName></ParentRef><Sublevel>1</Sublevel>\
        <BillAddress><Addr1>1 High St</Addr1><City>Bend</City><State>OR</State></BillAddress><JobDesc>P-1</JobDesc></CustomerRet>\
        <CustomerRet><ListID>J2</ListID><Name>Linked</Name><FullName>Acme:Linked</FullName><ParentRef><ListID>C</ListID></ParentRef></CustomerRet>\
        <CustomerRet><ListID>J3</ListID><Name>Sub</Name><FullName>Acme:Tower:Sub</FullName><ParentRef><ListID>J1</ListID></ParentRef><Sublevel>2</Sublevel></CustomerRet>\
        <CustomerRet><ListID>J4</ListID><Name>Old</Name><FullName>Acme:Old</FullName><IsActive>false</IsActive><Sublevel>1</Sublevel></CustomerRet>";

    fn staged(world: &World) -> (Vec<JobData>, Effects) {
        let state = JobsImport::new();
        let Turn::Continue(state, mut all) = state.answer(&query_answer(CUSTOMERS), &world.facts()) else {
            panic!("it goes on")
        };
        // The customer is asked about too: jobs under a project's are its sub jobs.
        assert_eq!(state.wants().linked_ids, ["C", "J1", "J2", "J3", "J4"]);
        let Step::Advance(state, effects) = state.step(&world.facts()) else {
            panic!("it tells the page")
        };
        all.extend(effects);
        // ADV-21: the items are read too, so that a new retainage item can be chosen.
        let Step::Ask(requests) = state.step(&world.facts()) else {
            panic!("it asks for items")
        };
        assert_eq!(requests[0].element, "ItemQueryRq");
        let item = "<ItemServiceRet><ListID>R</ListID><Name>Retainage</Name><FullName>Retainage</FullName></ItemServiceRet>";
        let Turn::Continue(state, effects) = state.answer(&query_answer(item), &world.facts()) else {
            panic!("it goes on")
        };
        all.extend(effects);
        assert!(matches!(
            state.step(&world.facts()),
            Step::Finished(Outcome::Done(..))
        ));
        let jobs = all
            .writebacks
            .iter()
            .flat_map(|writeback| match writeback {
                Writeback::StageJobs { jobs } => jobs.clone(),
                other => panic!("{other:?}"),
            })
            .collect();
        (jobs, all)
    }

    // QBD-21
    #[test]
    fn qbd_21_jobs_under_a_linked_job_are_its_sub_jobs_by_the_setting() {
        let sub_jobs = |world: &World| -> Vec<SubJobData> {
            let state = JobsImport::new();
            let Turn::Continue(state, _) = state.answer(&query_answer(CUSTOMERS), &world.facts()) else {
                panic!("it goes on")
            };
            let Step::Advance(_, effects) = state.step(&world.facts()) else {
                panic!("it tells the page")
            };
            effects
                .writebacks
                .into_iter()
                .flat_map(|writeback| match writeback {
                    Writeback::StageSubJobs { sub_jobs } => sub_jobs,
                    _ => Vec::new(),
                })
                .collect()
        };
        let mut world = World::default().linking(ItemType::Project, 7, "J1");
        assert_eq!(sub_jobs(&world), [], "the setting is off");
        world.settings.sub_jobs = true;
        assert_eq!(
            sub_jobs(&world),
            [SubJobData {
                origin_id: "J3".into(),
                name: "Sub".into(),
                full_name: "Acme:Tower:Sub".into(),
                code: "Sub".into(),
                project_origin_id: "J1".into(),
                ..SubJobData::default()
            }]
        );
        let linked = world.linking(ItemType::SubJob, 8, "J3");
        assert_eq!(sub_jobs(&linked), [], "it is one already");
        let mut unlinked = World::default();
        unlinked.settings.sub_jobs = true;
        assert_eq!(sub_jobs(&unlinked), [], "its job is no project's");
    }

    #[test]
    fn map_42_unlinked_jobs_are_offered_and_plain_customers_are_not() {
        let world = World::default().linking(ItemType::Project, 7, "J2");
        let (jobs, effects) = staged(&world);
        assert_eq!(
            jobs,
            [JobData {
                origin_id: "J1".into(),
                edit_sequence: Some("5".into()),
                name: "Tower".into(),
                full_name: "Acme:Tower".into(),
                customer_origin_id: Some("C".into()),
                address: Some("1 High St".into()),
                city: Some("Bend".into()),
                state_code: Some("OR".into()),
                zip: None,
                description: Some("P-1".into()),
                is_active: true,
            }]
        );
        assert_eq!(effects.mirror.len(), 6);
        assert!(
            effects.mirrored.iter().any(|read| read.kind == ListKind::Item),
            "adv_21"
        );
    }

    #[test]
    fn comp_49_in_customers_are_jobs_mode_only_top_level_customers_are_offered() {
        let mut world = World::default();
        world.settings.job_placement = JobPlacement::AsCustomer;
        let (jobs, _) = staged(&world);
        assert_eq!(
            jobs.iter().map(|job| job.origin_id.as_str()).collect::<Vec<_>>(),
            ["C"]
        );
    }
}
