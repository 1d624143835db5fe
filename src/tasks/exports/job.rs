//! A project → a job under a customer, or a customer of its own; with it, the links of the project's cost codes. A sub job
//! of a project → a job under the project's job (QBD-10), with the links of the sub job's own cost codes.
//!
//! A job that exists is never written again: neither it nor its customer is ours to change (MAP-06). What may not live
//! here: service items; a code must have one before the project is sent.

use serde::{Deserialize, Serialize};

use super::answers::{self, Added, Holder, Trouble};
use crate::{
    connections::settings::{ItemNaming, JobPlacement, ProjectNumberField},
    links::{ItemType, NewLink, ProcoreItem},
    mirror::{ListKind, MirrorRecord},
    qbxml::{
        Access, ListRef, Response,
        address::Address,
        customer::{self, CustomerAdd},
        list_query::ListQuery,
        same_guid,
        text::{self, TooLong},
    },
    tasks::{
        Effects, Facts, Failure, FailureCode, Machine, Outcome, Step, Turn, Wants,
        imports::records::{self, AddressDetails, CustomerDetails},
    },
    writebacks::Writeback,
};

/// A project, or a sub job of one, on its way to QuickBooks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobExport {
    /// The Procore project or sub job.
    pub procore_id: i64,
    /// The project it is a sub job of; none: it is a project itself.
    pub sub_job_of: Option<ParentProject>,
    /// Its name.
    pub name: String,
    /// Its number; the code of a sub job.
    pub number: Option<String>,
    /// Street, of one or more lines.
    pub address: Option<String>,
    /// City.
    pub city: Option<String>,
    /// State code.
    pub state: Option<String>,
    /// Postal code.
    pub zip: Option<String>,
    /// The job's `ListID`, where Procore knows the project to be linked: then only its cost codes are new.
    pub origin_id: Option<String>,
    /// The customer chosen at export, for a job under a customer.
    pub customer_list_id: Option<String>,
    /// The project's cost codes.
    pub codes: Vec<JobCode>,
    /// Our own id for the job, in braces, derived from the Procore record.
    pub external_guid: String,
    /// How far it is.
    pub stage: Stage,
}

/// The project of a sub job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ParentProject {
    /// The Procore project.
    pub procore_id: i64,
    /// Its name.
    pub name: Option<String>,
    /// Its job's `ListID`, as Procore told it.
    pub job_list_id: Option<String>,
}

/// A cost code of the project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobCode {
    /// The Procore cost code.
    pub procore_id: i64,
    /// The whole code.
    pub full_code: String,
    /// The standard cost code's item, where Procore knows it.
    pub standard_origin_id: Option<String>,
    /// The standard cost code, to find its item by our own link.
    pub standard_cost_code_id: Option<i64>,
    /// The cost types assigned to it.
    pub line_item_type_ids: Vec<i64>,
}

/// How far the export is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Add it, unless the mirror knows the name.
    #[default]
    Add,
    /// Add it: QuickBooks was asked, and nobody holds the name.
    AddAfterLookUp,
    /// The fate of the Add is unknown: go and look.
    FindOut,
    /// Learn the customer's full name: jobs are asked for by their path.
    FindCustomer(Why),
    /// Ask QuickBooks who holds the name.
    FindHolder {
        /// Why it is asked.
        why: Why,
        /// The path of the job, or the name of the customer.
        full_name: String,
    },
}

/// Why QuickBooks is asked who holds the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The mirror says that somebody does.
    Mirror,
    /// QuickBooks said that somebody does.
    Taken,
    /// The fate of the Add is unknown.
    Unknown,
}

impl JobExport {
    fn item(&self) -> ProcoreItem {
        let item_type = match self.sub_job_of {
            None => ItemType::Project,
            Some(_) => ItemType::SubJob,
        };
        ProcoreItem::new(item_type, self.procore_id)
    }

    fn word(&self) -> &'static str {
        match self.sub_job_of {
            None => "project",
            Some(_) => "sub job",
        }
    }

    /// `project "Tower"`.
    fn named(&self) -> String {
        format!("{} \"{}\"", self.word(), self.name.trim())
    }

    fn what(&self) -> String {
        format!("The {}", self.named())
    }

    /// A sub job stands under its project's job, whatever the settings say of projects.
    fn placement(&self, facts: &Facts<'_>) -> JobPlacement {
        match self.sub_job_of {
            None => facts.settings.job_placement,
            Some(_) => JobPlacement::UnderCustomer,
        }
    }

    /// What it stands under, where it stands under anything: the customer that was chosen, or the project's job.
    fn parent(&self, facts: &Facts<'_>) -> Option<String> {
        let named = |id: &Option<String>| id.clone().filter(|id| !id.is_empty());
        match &self.sub_job_of {
            None => named(&self.customer_list_id),
            Some(project) => facts
                .link_of(ProcoreItem::new(ItemType::Project, project.procore_id))
                .map(|link| link.quickbooks_id.clone())
                .or_else(|| named(&project.job_list_id)),
        }
    }

    /// Levels above it in QuickBooks.
    fn sublevel(&self, facts: &Facts<'_>) -> u8 {
        let of_project = u8::from(facts.settings.job_placement == JobPlacement::UnderCustomer);
        of_project + u8::from(self.sub_job_of.is_some())
    }

    /// Why there is nothing it could stand under.
    fn no_parent(&self) -> String {
        match &self.sub_job_of {
            None => format!(
                "{} cannot be sent to ERP because no QuickBooks Customer is chosen. Choose the customer the job belongs to, \
                 then export the project again.",
                self.what()
            ),
            Some(project) => format!(
                "{} cannot be sent to ERP because its project{} is not linked to a job in QuickBooks. Send the project first, \
                 then export the sub job again.",
                self.what(),
                project
                    .name
                    .as_deref()
                    .map_or_else(String::new, |name| format!(" \"{}\"", name.trim()))
            ),
        }
    }

    fn clean_name(&self) -> String {
        text::fit_line("name", &self.name, usize::MAX).unwrap_or_default()
    }

    fn at(&self, stage: Stage) -> Self {
        Self {
            stage,
            ..self.clone()
        }
    }

    /// The customer or job as it will be written, or everything that keeps it from being written.
    fn customer(&self, facts: &Facts<'_>) -> Result<CustomerAdd, Failure> {
        let settings = facts.settings;
        let mut faults: Vec<String> = Vec::new();
        let what = self.what();
        let name = self.clean_name();
        if name.is_empty() {
            faults.push("This Job cannot be sent to ERP because it has no name.".to_owned());
        } else if name.chars().count() > customer::NAME_MAX {
            faults.push(format!(
                "This Job cannot be sent to ERP because name must be less than {} characters.",
                customer::NAME_MAX + 1
            ));
        }
        if name.contains(':') {
            faults.push(format!(
                "{what} cannot be sent to ERP because QuickBooks does not allow a colon (:) in a name. Change the {}'s name \
                 in Procore.",
                self.word()
            ));
        }
        let parent = match self.placement(facts) {
            JobPlacement::AsCustomer => None,
            JobPlacement::UnderCustomer => {
                let parent = self.parent(facts);
                if parent.is_none() {
                    faults.push(self.no_parent());
                }
                parent.map(ListRef::by_id)
            }
        };
        let mut field = |label: &str, value: Option<&str>, max: usize| {
            text::fit_optional(&format!("The {label} of the {}", self.named()), value, max).unwrap_or_else(
                |error| {
                    faults.push(in_project(&error));
                    None
                },
            )
        };
        let city = field("city", self.city.as_deref(), 31);
        let state = field("state", self.state.as_deref(), 21);
        let postal_code = field("zip code", self.zip.as_deref(), 13);
        let number = match settings.project_number_field {
            ProjectNumberField::None => None,
            _ => field("number", self.number.as_deref(), customer::NOTE_MAX),
        };
        let label = format!("The address of the {}", self.named());
        let lines = text::address_lines(&label, self.address.as_deref().unwrap_or_default()).unwrap_or_else(
            |error| {
                faults.push(in_project(&error));
                Vec::new()
            },
        );
        if !faults.is_empty() {
            return Err(Failure::all(FailureCode::InvalidField, faults));
        }
        let address = Address {
            city,
            state,
            postal_code,
            ..Address::with_lines(lines)
        }
        .non_empty();
        let (job_desc, account_number) = match settings.project_number_field {
            ProjectNumberField::JobDescription => (number, None),
            ProjectNumberField::AccountNumber => (None, number),
            ProjectNumberField::None => (None, None),
        };
        Ok(CustomerAdd {
            company_name: parent.is_none().then(|| name.clone()),
            name,
            parent,
            bill_address: address.clone(),
            // As QuickBooks' own window fills it (behaviour.md §5).
            ship_address: address,
            account_number,
            job_desc,
            external_guid: Some(self.external_guid.clone()).filter(|guid| !guid.is_empty()),
        })
    }

    /// The item of each cost code, or the names of those that have none.
    fn items(&self, facts: &Facts<'_>) -> Result<Vec<(&JobCode, String)>, Failure> {
        let mut items = Vec::new();
        let mut faults = Vec::new();
        for code in &self.codes {
            let linked = code
                .standard_cost_code_id
                .and_then(|id| facts.link_of(ProcoreItem::new(ItemType::StandardCostCode, id)))
                .map(|link| link.quickbooks_id.clone());
            let item = linked.or_else(|| code.standard_origin_id.clone().filter(|id| !id.is_empty()));
            match item {
                Some(item) if facts.settings.retainage_item_list_id.as_ref() == Some(&item) => faults.push(format!(
                    "The cost code {} of the {} is linked to the Invoice Retainage Item, which must not be a cost code. \
                     Choose another retainage item in the settings, or another code.",
                    code.full_code,
                    self.named()
                )),
                Some(item) => items.push((code, item)),
                // Flat items have no divisions; a division without cost types holds no costs.
                None if facts.settings.item_naming == ItemNaming::Flat && code.line_item_type_ids.is_empty() => {}
                None => faults.push(format!(
                    "{} cannot be sent to ERP because its cost code {} is not in QuickBooks. Send the code first (it must be \
                     in the QuickBooks Desktop Standard Cost Codes list), then export the {} again.",
                    self.what(),
                    code.full_code,
                    self.word()
                )),
            }
        }
        if faults.is_empty() {
            Ok(items)
        } else {
            Err(Failure::all(FailureCode::NotSynced, faults))
        }
    }

    /// The links of the project and its cost codes, and the cost types that are now in QuickBooks.
    fn linked(
        &self,
        job: &str,
        edit_sequence: Option<String>,
        facts: &Facts<'_>,
    ) -> Result<Effects, Failure> {
        let items = self.items(facts)?;
        let mut effects = Effects {
            links: vec![NewLink {
                item: self.item(),
                origin_id: job.to_owned(),
                origin_code: None,
                quickbooks_id: job.to_owned(),
                edit_sequence,
                tell_procore: true,
                stands_as: None,
            }],
            ..Effects::default()
        };
        let mut assignments = Vec::new();
        for (code, item) in items {
            effects.links.push(NewLink {
                item: ProcoreItem::new(ItemType::CostCode, code.procore_id),
                origin_id: format!("{job}|{item}"),
                origin_code: None,
                quickbooks_id: item,
                edit_sequence: None,
                tell_procore: true,
                stands_as: None,
            });
            assignments.extend(
                code.line_item_type_ids
                    .iter()
                    .map(|cost_type| (code.procore_id, *cost_type)),
            );
        }
        if !assignments.is_empty() {
            effects.writebacks.push(Writeback::CostTypeAssignments {
                project_id: self
                    .sub_job_of
                    .as_ref()
                    .map_or(self.procore_id, |project| project.procore_id),
                assignments,
            });
        }
        Ok(effects)
    }

    /// The job is there: link it, and its codes.
    fn done(
        &self,
        job: &str,
        edit_sequence: Option<String>,
        full_name: Option<String>,
        facts: &Facts<'_>,
    ) -> Outcome {
        let (code_failure, mut effects) = match self.linked(job, edit_sequence.clone(), facts) {
            Ok(effects) => (None, effects),
            // A code was unlinked meanwhile. The job exists all the same, and its link must not be lost.
            Err(failure) => {
                let bare = Self {
                    codes: Vec::new(),
                    ..self.clone()
                };
                (
                    Some(failure),
                    bare.linked(job, edit_sequence.clone(), facts).unwrap_or_default(),
                )
            }
        };
        let under_customer = self.placement(facts) == JobPlacement::UnderCustomer;
        let name = self.clean_name();
        // A job whose customer's name is not known keeps only its own name until the list is read again; it could be
        // mistaken for a customer, so it waits.
        let full_name = full_name.or_else(|| (!under_customer).then(|| name.clone()));
        if let Some(full_name) = full_name {
            let details = CustomerDetails {
                sublevel: self.sublevel(facts),
                address: AddressDetails {
                    address: self.address.clone(),
                    city: self.city.clone(),
                    state: self.state.clone(),
                    zip: self.zip.clone(),
                    country: None,
                },
                ..CustomerDetails::default()
            };
            effects.mirror.push(MirrorRecord {
                kind: ListKind::Customer,
                list_id: job.to_owned(),
                name,
                full_name,
                parent_list_id: self.parent(facts).filter(|_| under_customer),
                is_active: true,
                edit_sequence,
                detail: None,
                external_guid: Some(self.external_guid.clone()),
                data: records::kept(&details),
            });
        }
        match code_failure {
            None => Outcome::Done(effects, Vec::new()),
            Some(failure) => Outcome::Failed(failure, effects),
        }
    }

    fn look_up(&self, why: Why, facts: &Facts<'_>) -> Self {
        self.at(match self.placement(facts) {
            JobPlacement::UnderCustomer => Stage::FindCustomer(why),
            JobPlacement::AsCustomer => Stage::FindHolder {
                why,
                full_name: self.clean_name(),
            },
        })
    }

    fn customer_found(self, why: Why, answers: &[Response]) -> Turn<Self> {
        let [response] = answers else {
            return failed(answers::unreadable(
                &self.what(),
                "QuickBooks did not give one answer to one query.",
            ));
        };
        let found = match answers::found(ListKind::Customer, response, &self.what(), false) {
            Ok(found) => found,
            Err(Trouble::Later(reason)) => return Turn::Later(self, reason),
            Err(Trouble::Failed(failure)) => return failed(failure),
        };
        match found.first().filter(|customer| !customer.full_name.is_empty()) {
            Some(customer) => {
                let full_name = format!("{}:{}", customer.full_name, self.clean_name());
                Turn::Continue(self.at(Stage::FindHolder { why, full_name }), Effects::default())
            }
            None => failed(Failure::new(
                FailureCode::NotSynced,
                format!(
                    "{} cannot be sent to ERP because {}.",
                    self.what(),
                    match self.sub_job_of {
                        None =>
                            "the QuickBooks Customer chosen for it is no longer in QuickBooks. Refresh the job list, choose \
                             another customer, then export the project again",
                        Some(_) =>
                            "the job of its project is no longer in QuickBooks. Restore the job there, or link the project to \
                             another one, then export the sub job again",
                    }
                ),
            )),
        }
    }

    fn holders_found(self, why: Why, full_name: &str, answers: &[Response], facts: &Facts<'_>) -> Turn<Self> {
        let what = self.what();
        let found = match (self.placement(facts), answers) {
            (JobPlacement::AsCustomer, _) => answers::read_holders(answers, &what),
            (JobPlacement::UnderCustomer, [response]) => {
                answers::found(ListKind::Customer, response, &what, false)
            }
            (JobPlacement::UnderCustomer, _) => Err(Trouble::Failed(answers::unreadable(
                &what,
                "QuickBooks did not give one answer to one query.",
            ))),
        };
        let holders = match found {
            Ok(holders) => holders,
            Err(Trouble::Later(reason)) => return Turn::Later(self, reason),
            Err(Trouble::Failed(failure)) => return failed(failure),
        };
        let ours = holders
            .iter()
            .find(|holder| holder.kind == ListKind::Customer && holder.is(&self.external_guid));
        if let Some(job) = ours {
            let outcome = self.done(
                &job.list_id,
                job.edit_sequence.clone(),
                Some(job.full_name.clone()),
                facts,
            );
            return Turn::Finished(outcome);
        }
        match (holders.first(), why) {
            (Some(holder), _) => failed(self.taken_by(holder)),
            (None, Why::Taken) => failed(Failure {
                code: FailureCode::NameInUse,
                messages: vec![format!(
                    "{what} was not written: QuickBooks says that the name \"{full_name}\" is used, but not by a record \
                     that the QuickBooks user of the connection may see. Give the {} a new name in Procore (\"{}\", say) \
                     and send it again.",
                    self.word(),
                    answers::other_name_for(&self.clean_name(), "Job", customer::NAME_MAX)
                )],
                status_code: Some(3100),
            }),
            (None, _) => Turn::Continue(self.at(Stage::AddAfterLookUp), Effects::default()),
        }
    }

    fn taken_by(&self, holder: &Holder) -> Failure {
        let link = match (&self.sub_job_of, holder.kind) {
            (Some(_), _) => "Link the sub job to it instead (add it to Procore from the Sub Jobs tab)",
            (None, ListKind::Customer) => {
                "Link the project to it instead (add it to Procore from the Jobs tab)"
            }
            (None, _) => {
                "Customers, vendors, employees and other names cannot share a name. Link the project to an existing \
                 customer instead"
            }
        };
        Failure {
            code: FailureCode::NameInUse,
            messages: vec![format!(
                "The name \"{}\" is already used in QuickBooks by {}. {link}, or give the {} a new name in Procore (\"{}\", \
                 say) and send it again.",
                self.clean_name(),
                holder.label(),
                self.word(),
                answers::other_name_for(&self.clean_name(), "Job", customer::NAME_MAX)
            )],
            status_code: Some(3100),
        }
    }
}

fn in_project(error: &TooLong) -> String {
    format!("{error} You find it in the project's Admin tool in Procore.")
}

fn failed<S>(failure: Failure) -> Turn<S> {
    Turn::Finished(Outcome::Failed(failure, Effects::default()))
}

impl Machine for JobExport {
    fn wants(&self) -> Wants {
        let mut links = vec![self.item()];
        let project = self.sub_job_of.as_ref();
        links.extend(project.map(|project| ProcoreItem::new(ItemType::Project, project.procore_id)));
        links.extend(
            self.codes
                .iter()
                .filter_map(|code| code.standard_cost_code_id)
                .map(|id| ProcoreItem::new(ItemType::StandardCostCode, id)),
        );
        Wants {
            names: vec![self.clean_name()],
            links,
            ..Wants::default()
        }
    }

    fn access(&self) -> Access {
        match self.stage {
            Stage::Add | Stage::AddAfterLookUp => Access::Write,
            Stage::FindOut | Stage::FindCustomer(_) | Stage::FindHolder { .. } => Access::Read,
        }
    }

    fn step(&self, facts: &Facts<'_>) -> Step<Self> {
        let finished = |failure: Failure| Step::Finished(Outcome::Failed(failure, Effects::default()));
        // The job is in QuickBooks already: only its codes are new.
        let known = facts
            .link_of(self.item())
            .map(|link| (link.quickbooks_id.clone(), link.edit_sequence.clone()))
            .or_else(|| {
                self.origin_id
                    .clone()
                    .filter(|id| !id.is_empty())
                    .map(|id| (id, None))
            });
        if let Some((job, edit_sequence)) = known {
            return match self.linked(&job, edit_sequence, facts) {
                Ok(effects) => Step::Finished(Outcome::Done(effects, Vec::new())),
                Err(failure) => finished(failure),
            };
        }
        let add = match (self.customer(facts), self.items(facts)) {
            (Ok(add), Ok(_)) => add,
            (Err(mut failure), Err(more)) => {
                failure.messages.extend(more.messages);
                return finished(failure);
            }
            (Err(failure), Ok(_)) | (Ok(_), Err(failure)) => return finished(failure),
        };
        match &self.stage {
            Stage::Add => {
                let ours = |guid: &str| same_guid(guid, &self.external_guid);
                let taken = self.placement(facts) == JobPlacement::AsCustomer
                    && facts
                        .holders(&add.name)
                        .any(|holder| !holder.external_guid.as_deref().is_some_and(ours));
                if taken {
                    // The mirror may be old: QuickBooks has the last word on who holds the name.
                    Step::Advance(self.look_up(Why::Mirror, facts), Effects::default())
                } else {
                    Step::Ask(vec![customer::add(add)])
                }
            }
            Stage::AddAfterLookUp => Step::Ask(vec![customer::add(add)]),
            Stage::FindOut => Step::Advance(self.look_up(Why::Unknown, facts), Effects::default()),
            Stage::FindCustomer(_) => Step::Ask(vec![customer::query(ListQuery::by_ids(self.parent(facts)))]),
            Stage::FindHolder { full_name, .. } => Step::Ask(match self.placement(facts) {
                JobPlacement::AsCustomer => answers::ask_holders(full_name),
                JobPlacement::UnderCustomer => {
                    vec![customer::query(ListQuery::by_names([full_name.as_str()]))]
                }
            }),
        }
    }

    fn answer(self, answers: &[Response], facts: &Facts<'_>) -> Turn<Self> {
        match self.stage.clone() {
            Stage::Add | Stage::AddAfterLookUp => {
                match answers::added(answers, "CustomerRet", &self.what()) {
                    Added::Done(written) => {
                        let full_name = answers
                            .iter()
                            .flat_map(Response::pieces)
                            .find(|piece| piece.name == "CustomerRet")
                            .and_then(|piece| piece.text("FullName"));
                        Turn::Finished(self.done(&written.id, written.edit_sequence, full_name, facts))
                    }
                    Added::Taken => Turn::Continue(self.look_up(Why::Taken, facts), Effects::default()),
                    Added::Unsure => Turn::Continue(self.look_up(Why::Unknown, facts), Effects::default()),
                    Added::Later(reason) => Turn::Later(self, reason),
                    Added::Refused(failure) => failed(failure),
                }
            }
            // It asks nothing, so nothing can be answered; the step goes on from it.
            Stage::FindOut => Turn::Continue(self, Effects::default()),
            Stage::FindCustomer(why) => self.customer_found(why, answers),
            Stage::FindHolder { why, full_name } => self.holders_found(why, &full_name, answers, facts),
        }
    }

    fn outcome_unknown(self) -> Turn<Self> {
        let next = match self.stage {
            Stage::Add | Stage::AddAfterLookUp => self.at(Stage::FindOut),
            _ => self,
        };
        Turn::Continue(next, Effects::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::imports::fixture::{World, query_answer};

    const GUID: &str = "{1F6E4C52-7C1B-4D6B-9C5E-0A1B2C3D4E03}";

    fn tower() -> JobExport {
        JobExport {
            procore_id: 7,
            sub_job_of: None,
            name: "Tower".into(),
            number: Some("P-17".into()),
            address: Some("1 High St".into()),
            city: Some("Bend".into()),
            state: Some("OR".into()),
            zip: Some("97701".into()),
            origin_id: None,
            customer_list_id: Some("C1".into()),
            codes: vec![
                JobCode {
                    procore_id: 21,
                    full_code: "01".into(),
                    standard_origin_id: Some("I1".into()),
                    ..JobCode::default()
                },
                JobCode {
                    procore_id: 22,
                    full_code: "01-100".into(),
                    standard_cost_code_id: Some(2),
                    line_item_type_ids: vec![9],
                    ..JobCode::default()
                },
            ],
            external_guid: GUID.into(),
            stage: Stage::Add,
        }
    }

    fn world() -> World {
        World::default().linking(ItemType::StandardCostCode, 2, "I2")
    }

    fn added() -> [Response; 1] {
        [Response::ok(
            "CustomerAddRs",
            "<CustomerRet><ListID>J9</ListID><EditSequence>4</EditSequence><Name>Tower</Name>\
             <FullName>Acme:Tower</FullName></CustomerRet>",
        )]
    }

    fn body(export: &JobExport, world: &World) -> String {
        match export.step(&world.facts()) {
            Step::Ask(mut requests) => requests.remove(0).body,
            other => panic!("{other:?}"),
        }
    }

    fn refused(export: &JobExport, world: &World) -> Vec<String> {
        match export.step(&world.facts()) {
            Step::Finished(Outcome::Failed(failure, _)) => failure.messages,
            other => panic!("{other:?}"),
        }
    }

    fn goes_on(turn: Turn<JobExport>) -> JobExport {
        match turn {
            Turn::Continue(state, _) => {
                serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap()
            }
            other => panic!("{other:?}"),
        }
    }

    fn done(outcome: Outcome) -> Effects {
        match outcome {
            Outcome::Done(effects, _) => effects,
            Outcome::Failed(failure, _) => panic!("{failure:?}"),
        }
    }

    fn failure(turn: Turn<JobExport>) -> Failure {
        match turn {
            Turn::Finished(Outcome::Failed(failure, _)) => failure,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn qbd_09_map_07_a_project_becomes_a_job_under_its_customer_with_its_number() {
        assert_eq!(
            body(&tower(), &world())
                .split("<IncludeRetElement>")
                .next()
                .unwrap(),
            format!(
                "<CustomerAdd><Name>Tower</Name><ParentRef><ListID>C1</ListID></ParentRef>\
                 <BillAddress><Addr1>1 High St</Addr1><City>Bend</City><State>OR</State><PostalCode>97701</PostalCode></BillAddress>\
                 <ShipAddress><Addr1>1 High St</Addr1><City>Bend</City><State>OR</State><PostalCode>97701</PostalCode></ShipAddress>\
                 <JobDesc>P-17</JobDesc><ExternalGUID>{GUID}</ExternalGUID></CustomerAdd>"
            )
        );
        let mut world = world();
        world.settings.project_number_field = ProjectNumberField::AccountNumber;
        assert!(body(&tower(), &world).contains("<AccountNumber>P-17</AccountNumber><ExternalGUID>"));
        world.settings.project_number_field = ProjectNumberField::None;
        assert!(!body(&tower(), &world).contains("P-17"));
    }

    fn wing() -> JobExport {
        JobExport {
            procore_id: 5,
            sub_job_of: Some(ParentProject {
                procore_id: 7,
                name: Some("Tower".into()),
                job_list_id: None,
            }),
            name: "East wing".into(),
            number: Some("E-1".into()),
            codes: tower().codes,
            external_guid: GUID.into(),
            ..JobExport::default()
        }
    }

    // QBD-10
    #[test]
    fn qbd_10_a_sub_job_stands_under_its_projects_job_wherever_projects_stand() {
        for (placement, levels) in [(JobPlacement::UnderCustomer, 2), (JobPlacement::AsCustomer, 1)] {
            let mut world = world().linking(ItemType::Project, 7, "J1");
            world.settings.job_placement = placement;
            assert!(body(&wing(), &world).starts_with(&format!(
                "<CustomerAdd><Name>East wing</Name><ParentRef><ListID>J1</ListID></ParentRef><JobDesc>E-1</JobDesc>\
                 <ExternalGUID>{GUID}</ExternalGUID></CustomerAdd>"
            )));
            let Turn::Finished(outcome) = wing().answer(&added(), &world.facts()) else {
                panic!("done")
            };
            let effects = done(outcome);
            assert_eq!(effects.links[0].item, ProcoreItem::new(ItemType::SubJob, 5));
            assert_eq!(effects.links[1].origin_id, "J9|I1");
            let mirrored = &effects.mirror[0];
            assert_eq!(mirrored.parent_list_id.as_deref(), Some("J1"));
            assert_eq!(records::details::<CustomerDetails>(mirrored).sublevel, levels);
            let [Writeback::CostTypeAssignments { project_id, .. }] = effects.writebacks.as_slice() else {
                panic!("{effects:?}")
            };
            assert_eq!(*project_id, 7, "Procore keeps them by project");
            // Its name is looked for below that job.
            let Turn::Continue(doubtful, _) = wing().outcome_unknown() else {
                panic!("it looks")
            };
            let Step::Advance(looking, _) = doubtful.step(&world.facts()) else {
                panic!("it looks")
            };
            let Step::Ask(asked) = looking.step(&world.facts()) else {
                panic!("it asks for the job")
            };
            assert!(asked[0].body.contains("<ListID>J1</ListID>"), "{}", asked[0].body);
        }
    }

    // QBD-10
    #[test]
    fn qbd_10_a_sub_job_of_a_project_that_is_not_in_quickbooks_waits_for_it() {
        let messages = refused(&wing(), &world());
        assert_eq!(
            messages,
            [
                "The sub job \"East wing\" cannot be sent to ERP because its project \"Tower\" is not linked to a job in \
              QuickBooks. Send the project first, then export the sub job again."
            ]
        );
        let mut told = wing();
        told.sub_job_of.as_mut().unwrap().job_list_id = Some("J4".into());
        assert!(body(&told, &world()).contains("<ParentRef><ListID>J4</ListID></ParentRef>"));
    }

    #[test]
    fn the_job_its_codes_and_their_cost_types_are_linked_in_this_order() {
        let Turn::Finished(outcome) = tower().answer(&added(), &world().facts()) else {
            panic!("done")
        };
        let effects = done(outcome);
        let links: Vec<_> = effects
            .links
            .iter()
            .map(|link| {
                (
                    link.item.item_type,
                    link.item.id,
                    link.origin_id.as_str(),
                    link.quickbooks_id.as_str(),
                )
            })
            .collect();
        assert_eq!(
            links,
            [
                (ItemType::Project, 7, "J9", "J9"),
                (ItemType::CostCode, 21, "J9|I1", "I1"),
                (ItemType::CostCode, 22, "J9|I2", "I2"),
            ]
        );
        assert_eq!(
            effects.writebacks,
            [Writeback::CostTypeAssignments {
                project_id: 7,
                assignments: vec![(22, 9)]
            }]
        );
        assert_eq!(effects.mirror[0].full_name, "Acme:Tower");
    }

    #[test]
    fn qbd_39_map_06_a_linked_project_gets_its_new_codes_and_nothing_is_written() {
        for (export, world) in [
            (tower(), world().linking(ItemType::Project, 7, "J1")),
            (
                JobExport {
                    origin_id: Some("J1".into()),
                    ..tower()
                },
                world(),
            ),
        ] {
            let Step::Finished(outcome) = export.step(&world.facts()) else {
                panic!("nothing to ask")
            };
            let effects = done(outcome);
            assert_eq!(effects.links[1].origin_id, "J1|I1");
            assert_eq!(effects.writebacks.len(), 1);
        }
    }

    #[test]
    fn cod_08_a_code_that_is_not_in_quickbooks_is_named() {
        let messages = refused(&tower(), &World::default());
        assert!(
            messages[0].contains("cost code 01-100") && messages[0].contains("Tower"),
            "{messages:?}"
        );
        // Flat items have no divisions: one that holds no costs needs no item.
        let mut flat = world();
        flat.settings.item_naming = ItemNaming::Flat;
        let mut export = tower();
        export.codes[0].standard_origin_id = None;
        body(&export, &flat);
        assert!(refused(&export, &world())[0].contains("cost code 01 "));
        // ADV-22
        let mut retainage = world();
        retainage.settings.retainage_item_list_id = Some("I1".into());
        assert!(refused(&tower(), &retainage)[0].contains("Retainage"));
    }

    #[test]
    fn comp_49_a_customer_must_be_chosen_unless_every_project_is_a_customer() {
        let none = JobExport {
            customer_list_id: None,
            ..tower()
        };
        assert!(refused(&none, &world())[0].contains("QuickBooks Customer"));
        let mut alone = world();
        alone.settings.job_placement = JobPlacement::AsCustomer;
        let body = body(&none, &alone);
        assert!(
            body.contains("<Name>Tower</Name><CompanyName>Tower</CompanyName>")
                && !body.contains("ParentRef")
        );
    }

    #[test]
    fn map_07_names_are_at_most_41_characters_without_a_colon() {
        let long = JobExport {
            name: "x".repeat(42),
            ..tower()
        };
        assert_eq!(
            refused(&long, &world()),
            ["This Job cannot be sent to ERP because name must be less than 42 characters."]
        );
        let colon = JobExport {
            name: "A:B".into(),
            customer_list_id: None,
            number: Some("n".repeat(100)),
            ..tower()
        };
        assert_eq!(refused(&colon, &world()).len(), 3);
    }

    #[test]
    fn a_job_of_that_name_is_adopted_if_it_is_ours_and_named_if_it_is_not() {
        let world = world();
        let taken = [Response::failed("CustomerAddRs", 3100, "already in use")];
        let state = goes_on(tower().answer(&taken, &world.facts()));
        assert_eq!(state.access(), Access::Read);
        assert!(body(&state, &world).starts_with("<ListID>C1</ListID>"));
        let customer =
            "<CustomerRet><ListID>C1</ListID><Name>Acme</Name><FullName>Acme</FullName></CustomerRet>";
        let state = goes_on(state.answer(&query_answer(customer), &world.facts()));
        assert!(body(&state, &world).starts_with("<FullName>Acme:Tower</FullName>"));
        let job = |guid: &str| {
            format!(
                "<CustomerRet><ListID>J3</ListID><EditSequence>2</EditSequence><Name>Tower</Name>\
                 <FullName>Acme:Tower</FullName>{guid}</CustomerRet>"
            )
        };
        let ours = job(&format!("<ExternalGUID>{GUID}</ExternalGUID>"));
        let Turn::Finished(outcome) = state.clone().answer(&query_answer(&ours), &world.facts()) else {
            panic!("ours")
        };
        assert_eq!(done(outcome).links[0].origin_id, "J3");
        let failure = failure(state.answer(&query_answer(&job("")), &world.facts()));
        let text = failure.text();
        assert!(
            text.contains("the job \"Acme:Tower\"") && text.contains("Link the project"),
            "{text}"
        );
    }

    #[test]
    fn an_unknown_outcome_is_looked_up_in_either_mode() {
        let under = world();
        let state = goes_on(tower().outcome_unknown());
        assert_eq!(state.access(), Access::Read);
        let Step::Advance(state, _) = state.step(&under.facts()) else {
            panic!("it looks")
        };
        assert_eq!(state.stage, Stage::FindCustomer(Why::Unknown));
        let gone = [Response::failed("CustomerQueryRs", 3120, "gone")];
        assert!(
            failure(state.answer(&gone, &under.facts()))
                .text()
                .contains("no longer in QuickBooks")
        );

        let mut alone = world();
        alone.settings.job_placement = JobPlacement::AsCustomer;
        let state = goes_on(tower().outcome_unknown());
        let Step::Advance(state, _) = state.step(&alone.facts()) else {
            panic!("it looks")
        };
        let Step::Ask(requests) = state.step(&alone.facts()) else {
            panic!("it asks")
        };
        assert_eq!(requests.len(), 4);
        let nobody: Vec<_> = (0..4).map(|_| Response::failed("Rs", 1, "")).collect();
        assert_eq!(
            goes_on(state.answer(&nobody, &alone.facts())).stage,
            Stage::AddAfterLookUp
        );
    }

    #[test]
    fn comp_09_a_customer_of_its_own_may_not_share_a_vendors_name() {
        let mut world = world().holding(ListKind::Vendor, "tower", None);
        // A job is unique under its customer only.
        body(&tower(), &world);
        world.settings.job_placement = JobPlacement::AsCustomer;
        let Step::Advance(state, _) = tower().step(&world.facts()) else {
            panic!("it looks first")
        };
        let mut answers: Vec<_> = (0..4).map(|_| Response::failed("Rs", 500, "")).collect();
        answers[0] = Response::ok(
            "VendorQueryRs",
            "<VendorRet><ListID>V</ListID><Name>tower</Name></VendorRet>",
        );
        let text = failure(state.answer(&answers, &world.facts())).text();
        assert!(
            text.contains("the vendor \"tower\"") && text.contains("Tower (Job)"),
            "{text}"
        );
    }

    #[test]
    fn a_job_that_was_added_is_linked_even_if_a_code_was_unlinked_meanwhile() {
        let Turn::Finished(Outcome::Failed(failure, effects)) =
            tower().answer(&added(), &World::default().facts())
        else {
            panic!("the code is missing")
        };
        assert!(failure.text().contains("01-100"));
        assert_eq!(effects.links.len(), 1);
        assert_eq!(effects.links[0].origin_id, "J9");
    }

    #[test]
    fn comp_12_a_busy_list_waits() {
        let locked = [Response::failed(
            "CustomerAddRs",
            3170,
            "The internals could not be locked. They are in use by another user.",
        )];
        let Turn::Later(state, reason) = tower().answer(&locked, &world().facts()) else {
            panic!("it waits")
        };
        assert_eq!(state, tower());
        assert!(reason.contains("Tower"), "{reason}");
    }
}
