//! A standard cost code → a service item.
//!
//! What may not live here: the codes of a project (`job`), which only point at these.

use serde::{Deserialize, Serialize};

use super::answers::{self, Added, Holder, Trouble};
use crate::{
    connections::settings::ItemNaming,
    links::{ItemType, NewLink, ProcoreItem},
    mirror::{ListKind, MirrorRecord, name_key},
    qbxml::{
        Access, ListRef, Response,
        item::{self, ItemServiceAdd, SalesAndPurchase},
        list_query::ListQuery,
        same_guid, text,
    },
    tasks::{
        Effects, Facts, Failure, FailureCode, Machine, Outcome, Step, Turn, Wants,
        imports::records::{self, ItemDetails},
    },
};

/// The longest code in all: a limit of QuickBooks' reports (behaviour.md §4).
pub const CODE_MAX: usize = 96;
/// The most levels an item can have (qbxml.md §7).
const LEVELS_MAX: usize = 5;

/// A standard cost code on its way to QuickBooks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StandardCostCodeExport {
    /// The Procore standard cost code.
    pub procore_id: i64,
    /// Its own part of the code: `100`.
    pub code: String,
    /// The whole code, as Procore writes it: `01-100`.
    pub full_code: String,
    /// The parts of the code from the top, its own last: `["01", "100"]`. Empty for a code without parents.
    pub path: Vec<String>,
    /// What it is.
    pub description: String,
    /// The code it is below.
    pub parent_procore_id: Option<i64>,
    /// That code's item, where Procore knows it.
    pub parent_origin_id: Option<String>,
    /// The income account chosen at export. Required.
    pub income_account_list_id: Option<String>,
    /// The expense account chosen at export. Optional: without one QuickBooks gets none, never a guessed one.
    pub expense_account_list_id: Option<String>,
    /// Our own id for the item, in braces, derived from the Procore record.
    pub external_guid: String,
    /// How far it is.
    pub stage: Stage,
}

/// How far the export is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Add it, unless the mirror knows the name.
    #[default]
    Add,
    /// Add it: QuickBooks was asked, and there is no such item.
    AddAfterLookUp,
    /// Ask QuickBooks for the item, for the mirror knows one of that name.
    Verify(Where),
    /// Ask QuickBooks for the item, for it said that the name is taken.
    FindHolder(Where),
    /// Ask QuickBooks whether the Add took effect.
    FindOut(Where),
    /// A service item of that name is there: link it, unless it is already another code's.
    Adopt {
        /// The item.
        list_id: String,
        /// Its `EditSequence`.
        edit_sequence: Option<String>,
        /// Its name, as written there.
        full_name: String,
    },
}

/// Where to look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Where {
    /// The parent item, if there is one: its true name is in the mirror.
    pub parent_list_id: Option<String>,
}

/// What is to be written, and under which name it will stand.
struct Plan {
    add: ItemServiceAdd,
    parent_list_id: Option<String>,
    full_name: String,
}

impl StandardCostCodeExport {
    fn item(&self) -> ProcoreItem {
        ProcoreItem::new(ItemType::StandardCostCode, self.procore_id)
    }

    fn parent(&self) -> Option<ProcoreItem> {
        self.parent_procore_id
            .map(|id| ProcoreItem::new(ItemType::StandardCostCode, id))
    }

    /// The whole code as a person knows it.
    fn shown(&self) -> &str {
        [&self.full_code, &self.code]
            .into_iter()
            .map(|code| code.trim())
            .find(|code| !code.is_empty())
            .unwrap_or("?")
    }

    fn what(&self) -> String {
        format!("The cost code {}", self.shown())
    }

    fn fault(&self, code: FailureCode, why: &str) -> Failure {
        Failure::new(
            code,
            format!("{} cannot be sent to QuickBooks because {why}", self.what()),
        )
    }

    /// The parts of the code from the top, as QuickBooks will hold them.
    fn levels(&self, naming: ItemNaming) -> Vec<String> {
        let clean = |part: &str| text::fit_line("code", part, usize::MAX).unwrap_or_default();
        match naming {
            ItemNaming::Flat => vec![clean(self.shown())],
            ItemNaming::Nested if self.path.is_empty() => vec![clean(&self.code)],
            ItemNaming::Nested => self.path.iter().map(|part| clean(part)).collect(),
        }
    }

    /// The item as it will be written, or what keeps it from being written.
    fn plan(&self, facts: &Facts<'_>) -> Result<Plan, Failure> {
        let levels = self.levels(facts.settings.item_naming);
        let faults = self.faults(&levels, facts.settings.item_naming);
        if !faults.is_empty() {
            return Err(Failure::all(FailureCode::InvalidField, faults));
        }
        let parent_list_id = self.parent_list_id(&levels, facts)?;
        let name = levels.last().cloned().unwrap_or_default();
        let above = parent_list_id
            .as_deref()
            .and_then(|id| facts.item(id))
            .map(|parent| parent.full_name.clone())
            .or_else(|| {
                Some(levels[..levels.len().saturating_sub(1)].join(":")).filter(|path| !path.is_empty())
            });
        let full_name = above.map_or_else(|| name.clone(), |above| format!("{above}:{name}"));
        let description = text::fit_optional(
            &format!("The description of the cost code {}", self.shown()),
            Some(&self.description),
            item::DESC_MAX,
        )
        .map_err(|error| Failure::new(FailureCode::InvalidField, error.to_string()))?;
        let account = |id: &Option<String>| id.as_deref().filter(|id| !id.is_empty()).map(ListRef::by_id);
        let add = ItemServiceAdd {
            name,
            parent: parent_list_id.as_deref().map(ListRef::by_id),
            sales_and_purchase: SalesAndPurchase {
                sales_desc: description.clone(),
                income_account: account(&self.income_account_list_id),
                purchase_desc: description,
                expense_account: account(&self.expense_account_list_id),
            },
            external_guid: Some(self.external_guid.clone()).filter(|guid| !guid.is_empty()),
        };
        Ok(Plan {
            add,
            parent_list_id,
            full_name,
        })
    }

    fn faults(&self, levels: &[String], naming: ItemNaming) -> Vec<String> {
        let mut faults = Vec::new();
        let mut fault = |why: String| {
            faults.push(format!(
                "{} cannot be sent to QuickBooks because {why}",
                self.what()
            ));
        };
        let whole = self.shown().chars().count().max(levels.join(":").chars().count());
        if whole > CODE_MAX {
            fault(format!(
                "the whole code has {whole} characters and QuickBooks' reports take at most {CODE_MAX}. Shorten the \
                 code in Procore."
            ));
        }
        if levels.len() > LEVELS_MAX {
            fault(format!(
                "the code has {} levels and QuickBooks takes at most {LEVELS_MAX}.",
                levels.len()
            ));
        }
        for level in levels {
            let length = level.chars().count();
            if length == 0 {
                fault("a level of the code is empty. Complete the code in Procore.".to_owned());
            } else if length > item::NAME_MAX {
                let hint = match naming {
                    ItemNaming::Nested => "",
                    ItemNaming::Flat => {
                        " (or let codes become nested items, in the settings of the connection)"
                    }
                };
                fault(format!(
                    "\"{level}\" has {length} characters and QuickBooks takes at most {} in one level of a code. \
                     Shorten the code in Procore{hint}.",
                    item::NAME_MAX
                ));
            }
            if level.contains(':') {
                fault(format!(
                    "QuickBooks does not allow a colon (:) in an item's name, and \"{level}\" has one. Change the code \
                     in Procore."
                ));
            }
        }
        if self.income_account_list_id.as_deref().is_none_or(str::is_empty) {
            fault(
                "no income account is chosen for the code. Choose one beside the code in the ERP Integrations tool, \
                 then export it again."
                    .to_owned(),
            );
        }
        faults
    }

    /// The parent item: by link, by what Procore says, or by name; a guess is never written.
    fn parent_list_id(&self, levels: &[String], facts: &Facts<'_>) -> Result<Option<String>, Failure> {
        if facts.settings.item_naming == ItemNaming::Flat {
            return Ok(None);
        }
        let has_parent =
            levels.len() > 1 || self.parent_procore_id.is_some() || self.parent_origin_id.is_some();
        if !has_parent {
            return Ok(None);
        }
        if let Some(link) = self.parent().and_then(|parent| facts.link_of(parent)) {
            return Ok(Some(link.quickbooks_id.clone()));
        }
        if let Some(id) = self.parent_origin_id.as_ref().filter(|id| !id.is_empty()) {
            return Ok(Some(id.clone()));
        }
        let path = levels[..levels.len().saturating_sub(1)].join(":");
        match facts.item_named(&path) {
            Some(parent) if parent.detail.as_deref() == Some(item::SERVICE) && parent.is_active => {
                Ok(Some(parent.list_id.clone()))
            }
            _ => {
                let parent = if path.is_empty() {
                    "it is below".to_owned()
                } else {
                    path.replace(':', "-")
                };
                Err(self.fault(
                    FailureCode::NotSynced,
                    &format!(
                        "the code {parent} above it is not in QuickBooks. Send the code {parent} first, then send this \
                         one again."
                    ),
                ))
            }
        }
    }

    fn at(&self, stage: Stage) -> Self {
        Self {
            stage,
            ..self.clone()
        }
    }

    fn done(
        &self,
        list_id: &str,
        edit_sequence: Option<String>,
        full_name: &str,
        parent: Option<String>,
    ) -> Outcome {
        let description = Some(text::fold(&self.description).text).filter(|text| !text.trim().is_empty());
        let effects = Effects {
            links: vec![self.link(list_id, edit_sequence.clone())],
            mirror: vec![MirrorRecord {
                kind: ListKind::Item,
                list_id: list_id.to_owned(),
                name: full_name.rsplit(':').next().unwrap_or_default().to_owned(),
                full_name: full_name.to_owned(),
                parent_list_id: parent,
                is_active: true,
                edit_sequence,
                detail: Some(item::SERVICE.to_owned()),
                external_guid: Some(self.external_guid.clone()),
                data: records::kept(&ItemDetails {
                    purchase_desc: description,
                    ..ItemDetails::default()
                }),
            }],
            ..Effects::default()
        };
        Outcome::Done(effects, Vec::new())
    }

    fn link(&self, list_id: &str, edit_sequence: Option<String>) -> NewLink {
        NewLink {
            item: self.item(),
            origin_id: list_id.to_owned(),
            origin_code: None,
            quickbooks_id: list_id.to_owned(),
            edit_sequence,
            tell_procore: true,
            stands_as: None,
        }
    }

    fn looked_up(self, answers: &[Response], plan: &Plan) -> Turn<Self> {
        let [response] = answers else {
            return failed(answers::unreadable(
                &self.what(),
                "QuickBooks did not give one answer to one query.",
            ));
        };
        let found = match answers::found(ListKind::Item, response, &self.what(), false) {
            Ok(found) => found,
            Err(Trouble::Later(reason)) => return Turn::Later(self, reason),
            Err(Trouble::Failed(failure)) => return failed(failure),
        };
        let wanted = name_key(&plan.full_name);
        match found
            .into_iter()
            .find(|holder| name_key(&holder.full_name) == wanted)
        {
            Some(holder) => self.meet(holder, plan),
            None if matches!(self.stage, Stage::FindHolder(_)) => failed(Failure {
                code: FailureCode::NameInUse,
                messages: vec![format!(
                    "{} was not written: QuickBooks says that the name \"{}\" is used, but shows no such item. Refresh \
                     the cost codes, then send the code again.",
                    self.what(),
                    plan.full_name
                )],
                status_code: Some(3100),
            }),
            None => Turn::Continue(self.at(Stage::AddAfterLookUp), Effects::default()),
        }
    }

    fn meet(self, holder: Holder, plan: &Plan) -> Turn<Self> {
        let kind = item::kind(&holder.element).unwrap_or("?").to_owned();
        if kind != item::SERVICE {
            return failed(Failure {
                code: FailureCode::NameInUse,
                messages: vec![format!(
                    "{} cannot be sent to QuickBooks because the item \"{}\" there is of type {}. Only service items can \
                     be cost codes: change the code in Procore, or rename that item in QuickBooks, then send the code \
                     again.",
                    self.what(),
                    holder.full_name,
                    spaced(&kind)
                )],
                status_code: None,
            });
        }
        if !holder.is_active {
            return failed(Failure {
                code: FailureCode::NameInUse,
                messages: vec![format!(
                    "{} cannot be sent to QuickBooks because the service item \"{}\" there is inactive. Make it active \
                     (Lists > Item List, Include inactive), then send the code again: it will be linked.",
                    self.what(),
                    holder.full_name
                )],
                status_code: None,
            });
        }
        if holder.is(&self.external_guid) {
            let parent = plan.parent_list_id.clone();
            return Turn::Finished(self.done(
                &holder.list_id,
                holder.edit_sequence,
                &holder.full_name,
                parent,
            ));
        }
        let next = self.at(Stage::Adopt {
            list_id: holder.list_id,
            edit_sequence: holder.edit_sequence,
            full_name: holder.full_name,
        });
        Turn::Continue(next, Effects::default())
    }

    fn adopt(
        &self,
        list_id: &str,
        edit_sequence: Option<String>,
        full_name: &str,
        facts: &Facts<'_>,
        parent: Option<String>,
    ) -> Outcome {
        let refuse = |why: &str| Outcome::Failed(self.fault(FailureCode::NameInUse, why), Effects::default());
        if facts.settings.retainage_item_list_id.as_deref() == Some(list_id) {
            return refuse(&format!(
                "the service item \"{full_name}\" is the Invoice Retainage Item, which must not be linked to a cost \
                 code. Change the code, or choose another retainage item in the settings."
            ));
        }
        let other = facts.links.iter().any(|link| {
            link.item.item_type == ItemType::StandardCostCode
                && link.item != self.item()
                && link.quickbooks_id == list_id
        });
        if other {
            return refuse(&format!(
                "the service item \"{full_name}\" is already linked to another cost code. Change one of the two codes in \
                 Procore."
            ));
        }
        self.done(list_id, edit_sequence, full_name, parent)
    }

    /// The same look-up, below this parent.
    fn looking_below(&self, parent_list_id: Option<String>) -> Self {
        let place = Where { parent_list_id };
        self.at(match &self.stage {
            Stage::Verify(_) => Stage::Verify(place),
            Stage::FindHolder(_) => Stage::FindHolder(place),
            _ => Stage::FindOut(place),
        })
    }

    fn place(&self) -> Where {
        match &self.stage {
            Stage::Verify(place) | Stage::FindHolder(place) | Stage::FindOut(place) => place.clone(),
            _ => Where::default(),
        }
    }
}

fn failed<S>(failure: Failure) -> Turn<S> {
    Turn::Finished(Outcome::Failed(failure, Effects::default()))
}

/// `OtherCharge` as a person reads it: "Other Charge".
fn spaced(kind: &str) -> String {
    let mut words = String::new();
    for c in kind.chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(c);
    }
    words
}

impl Machine for StandardCostCodeExport {
    fn wants(&self) -> Wants {
        let mut links = vec![self.item()];
        links.extend(self.parent());
        let mut item_ids: Vec<String> = self.parent_origin_id.iter().cloned().collect();
        item_ids.extend(self.place().parent_list_id);
        let mut linked_ids = Vec::new();
        if let Stage::Adopt { list_id, .. } = &self.stage {
            linked_ids.push(list_id.clone());
        }
        // Nested and flat alike: the settings are not known here.
        let nested = self.levels(ItemNaming::Nested);
        let mut item_names = vec![nested.join(":"), self.levels(ItemNaming::Flat).join(":")];
        item_names.push(nested[..nested.len().saturating_sub(1)].join(":"));
        item_names.retain(|name| !name.is_empty());
        Wants {
            item_names,
            item_ids,
            links,
            linked_ids,
            ..Wants::default()
        }
    }

    fn access(&self) -> Access {
        match self.stage {
            Stage::Add | Stage::AddAfterLookUp => Access::Write,
            Stage::Verify(_) | Stage::FindHolder(_) | Stage::FindOut(_) | Stage::Adopt { .. } => Access::Read,
        }
    }

    fn step(&self, facts: &Facts<'_>) -> Step<Self> {
        if let Some(link) = facts.link_of(self.item()) {
            let effects = Effects {
                links: vec![self.link(&link.quickbooks_id, link.edit_sequence.clone())],
                ..Effects::default()
            };
            return Step::Finished(Outcome::Done(effects, Vec::new()));
        }
        let plan = match self.plan(facts) {
            Ok(plan) => plan,
            Err(failure) => return Step::Finished(Outcome::Failed(failure, Effects::default())),
        };
        match &self.stage {
            Stage::Add => {
                let other = facts.item_named(&plan.full_name).is_some_and(|known| {
                    !known
                        .external_guid
                        .as_deref()
                        .is_some_and(|guid| same_guid(guid, &self.external_guid))
                });
                if other {
                    // The mirror may be old: QuickBooks has the last word on what the item is.
                    let place = Where {
                        parent_list_id: plan.parent_list_id,
                    };
                    Step::Advance(self.at(Stage::Verify(place)), Effects::default())
                } else {
                    Step::Ask(vec![item::add_service(plan.add)])
                }
            }
            Stage::AddAfterLookUp => Step::Ask(vec![item::add_service(plan.add)]),
            Stage::Verify(place) | Stage::FindHolder(place) | Stage::FindOut(place) => {
                if place.parent_list_id == plan.parent_list_id {
                    Step::Ask(vec![item::query(ListQuery::by_names([plan.full_name]))])
                } else {
                    // Now the parent is known, so its true name can be looked up.
                    Step::Advance(self.looking_below(plan.parent_list_id), Effects::default())
                }
            }
            Stage::Adopt {
                list_id,
                edit_sequence,
                full_name,
            } => Step::Finished(self.adopt(
                list_id,
                edit_sequence.clone(),
                full_name,
                facts,
                plan.parent_list_id,
            )),
        }
    }

    fn answer(self, answers: &[Response], facts: &Facts<'_>) -> Turn<Self> {
        let plan = match self.plan(facts) {
            Ok(plan) => plan,
            // What was asked could be planned; if it no longer can, the parent was unlinked meanwhile. What QuickBooks
            // did with an Add must not be lost over it: it is looked up when the parent is back.
            Err(failure) => {
                return match answers
                    .first()
                    .and_then(|response| response.written("ItemServiceRet"))
                {
                    Some(written) if self.access() == Access::Write => Turn::Finished(self.done(
                        &written.id,
                        written.edit_sequence,
                        &self.levels(facts.settings.item_naming).join(":"),
                        None,
                    )),
                    _ => failed(failure),
                };
            }
        };
        match self.stage {
            Stage::Add | Stage::AddAfterLookUp => {
                let place = Where {
                    parent_list_id: plan.parent_list_id.clone(),
                };
                match answers::added(answers, "ItemServiceRet", &self.what()) {
                    Added::Done(written) => Turn::Finished(self.done(
                        &written.id,
                        written.edit_sequence,
                        &plan.full_name,
                        plan.parent_list_id,
                    )),
                    Added::Taken => Turn::Continue(self.at(Stage::FindHolder(place)), Effects::default()),
                    Added::Unsure => Turn::Continue(self.at(Stage::FindOut(place)), Effects::default()),
                    Added::Later(reason) => Turn::Later(self, reason),
                    Added::Refused(failure) => failed(self.explained(failure)),
                }
            }
            _ => self.looked_up(answers, &plan),
        }
    }

    fn outcome_unknown(self) -> Turn<Self> {
        let next = match self.stage {
            Stage::Add | Stage::AddAfterLookUp => self.at(Stage::FindOut(Where::default())),
            _ => self,
        };
        Turn::Continue(next, Effects::default())
    }
}

impl StandardCostCodeExport {
    /// A refusal for a missing account names the account that was not chosen.
    fn explained(&self, mut failure: Failure) -> Failure {
        let accounts = matches!(failure.status_code, Some(3140 | 3150 | 3180 | 3270));
        if accounts && self.expense_account_list_id.as_deref().is_none_or(str::is_empty) {
            failure.messages.push(format!(
                "No expense account is chosen for the cost code {}. If this company file wants one for every item, \
                 choose it beside the code in the ERP Integrations tool, then export the code again.",
                self.shown()
            ));
        }
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::imports::fixture::{World, query_answer};

    const GUID: &str = "{1F6E4C52-7C1B-4D6B-9C5E-0A1B2C3D4E02}";

    fn paving() -> StandardCostCodeExport {
        StandardCostCodeExport {
            procore_id: 2,
            code: "100".into(),
            full_code: "01-100".into(),
            path: vec!["01".into(), "100".into()],
            description: "Pvmt Repair/Sealing".into(),
            parent_procore_id: Some(1),
            parent_origin_id: None,
            income_account_list_id: Some("INC".into()),
            expense_account_list_id: Some("EXP".into()),
            external_guid: GUID.into(),
            stage: Stage::Add,
        }
    }

    fn synced_parent() -> World {
        World::default().linking(ItemType::StandardCostCode, 1, "P1")
    }

    fn asked(export: &StandardCostCodeExport, world: &World) -> crate::qbxml::Request {
        match export.step(&world.facts()) {
            Step::Ask(mut requests) => requests.remove(0),
            other => panic!("{other:?}"),
        }
    }

    fn refused(export: &StandardCostCodeExport, world: &World) -> Failure {
        match export.step(&world.facts()) {
            Step::Finished(Outcome::Failed(failure, _)) => {
                for message in &failure.messages {
                    assert!(
                        message.contains("code"),
                        "Procore shows it beside codes: {message}"
                    );
                }
                failure
            }
            other => panic!("{other:?}"),
        }
    }

    fn goes_on(turn: Turn<StandardCostCodeExport>) -> StandardCostCodeExport {
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

    fn taken() -> [Response; 1] {
        [Response::failed(
            "ItemServiceAddRs",
            3100,
            "The name \"100\" of the list element is already in use.",
        )]
    }

    #[test]
    fn cod_06_an_accepted_code_becomes_a_service_item_with_both_descriptions_and_the_chosen_accounts() {
        let world = synced_parent();
        assert_eq!(
            asked(&paving(), &world)
                .body
                .split("<IncludeRetElement>")
                .next()
                .unwrap(),
            format!(
                "<ItemServiceAdd><Name>100</Name><ParentRef><ListID>P1</ListID></ParentRef><SalesAndPurchase>\
                 <SalesDesc>Pvmt Repair/Sealing</SalesDesc><IncomeAccountRef><ListID>INC</ListID></IncomeAccountRef>\
                 <PurchaseDesc>Pvmt Repair/Sealing</PurchaseDesc><ExpenseAccountRef><ListID>EXP</ListID>\
                 </ExpenseAccountRef></SalesAndPurchase><ExternalGUID>{GUID}</ExternalGUID></ItemServiceAdd>"
            )
        );
        let added = [Response::ok(
            "ItemServiceAddRs",
            "<ItemServiceRet><ListID>I9</ListID><EditSequence>3</EditSequence><Name>100</Name></ItemServiceRet>",
        )];
        let Turn::Finished(outcome) = paving().answer(&added, &world.facts()) else {
            panic!("done")
        };
        let effects = done(outcome);
        assert_eq!(effects.links[0].origin_id, "I9");
        assert_eq!(
            (
                effects.mirror[0].full_name.as_str(),
                effects.mirror[0].detail.as_deref()
            ),
            ("01:100", Some("Service"))
        );
        // The codes of projects find it at once.
        assert_eq!(effects.mirror[0].parent_list_id.as_deref(), Some("P1"));
    }

    #[test]
    fn qbd_01_without_an_income_account_it_is_refused_and_without_an_expense_account_none_is_invented() {
        let none = StandardCostCodeExport {
            income_account_list_id: None,
            ..paving()
        };
        let failure = refused(&none, &synced_parent());
        assert!(failure.text().contains("income account"), "{}", failure.text());
        let income_only = StandardCostCodeExport {
            expense_account_list_id: None,
            ..paving()
        };
        let body = asked(&income_only, &synced_parent()).body;
        assert!(!body.contains("ExpenseAccountRef") && body.contains("IncomeAccountRef"));
        // If this company file insists, the person reads which account is missing.
        let insists = [Response::failed(
            "ItemServiceAddRs",
            3150,
            "There is a missing element: \"ExpenseAccountRef\".",
        )];
        let Turn::Finished(Outcome::Failed(failure, _)) =
            income_only.answer(&insists, &synced_parent().facts())
        else {
            panic!("refused")
        };
        assert!(failure.messages[1].contains("expense account"), "{failure:?}");
    }

    #[test]
    fn cod_10_over_96_in_all_or_31_in_one_level_is_refused() {
        let world = synced_parent();
        let long = |code: String| StandardCostCodeExport {
            full_code: format!("01-{code}"),
            path: vec!["01".into(), code.clone()],
            code,
            ..paving()
        };
        assert!(
            asked(&long("x".repeat(31)), &world)
                .body
                .contains(&"x".repeat(31))
        );
        let failure = refused(&long("x".repeat(32)), &world);
        assert!(
            failure.text().contains("32 characters") && failure.text().contains("31"),
            "{}",
            failure.text()
        );

        let deep = StandardCostCodeExport {
            full_code: ["a".repeat(24), "b".repeat(24), "c".repeat(24), "d".repeat(22)].join("-"),
            path: vec!["a".repeat(24), "b".repeat(24), "c".repeat(24), "d".repeat(22)],
            ..paving()
        };
        assert_eq!(refused(&deep, &world).messages.len(), 1);
        let fits = StandardCostCodeExport {
            full_code: ["a".repeat(24), "b".repeat(24), "c".repeat(24), "d".repeat(21)].join("-"),
            path: vec!["a".repeat(24), "b".repeat(24), "c".repeat(24), "d".repeat(21)],
            ..paving()
        };
        asked(&fits, &world);
    }

    #[test]
    fn cod_10_an_item_of_another_type_is_refused_by_name() {
        let world = synced_parent().with_item("X", "01:100", "OtherCharge");
        let Step::Advance(state, _) = paving().step(&world.facts()) else {
            panic!("it looks first")
        };
        let state = match state.step(&world.facts()) {
            Step::Advance(state, _) => state,
            Step::Ask(_) => state,
            other @ Step::Finished(_) => panic!("{other:?}"),
        };
        assert_eq!(state.access(), Access::Read);
        let other = "<ItemOtherChargeRet><ListID>X</ListID><Name>100</Name><FullName>01:100</FullName></ItemOtherChargeRet>";
        let Turn::Finished(Outcome::Failed(failure, _)) = state.answer(&query_answer(other), &world.facts())
        else {
            panic!("refused")
        };
        assert_eq!(failure.code, FailureCode::NameInUse);
        let text = failure.text();
        assert!(
            text.contains("\"01:100\"") && text.contains("Other Charge") && text.contains("code"),
            "{text}"
        );
    }

    #[test]
    fn an_existing_service_item_is_adopted_below_the_parents_true_name() {
        // The parent is called differently in QuickBooks; the item is looked for below its true name.
        let world = synced_parent().with_item("P1", "01 General", "Service");
        let state = goes_on(paving().answer(&taken(), &world.facts()));
        assert_eq!(state.wants().item_ids, ["P1"]);
        assert!(
            asked(&state, &world)
                .body
                .contains("<FullName>01 General:100</FullName>")
        );
        let there = "<ItemServiceRet><ListID>I5</ListID><EditSequence>8</EditSequence><Name>100</Name>\
                     <FullName>01 General:100</FullName></ItemServiceRet>";
        let state = goes_on(state.answer(&query_answer(there), &world.facts()));
        assert_eq!(state.wants().linked_ids, ["I5"]);
        let Step::Finished(outcome) = state.step(&world.facts()) else {
            panic!("adopted")
        };
        assert_eq!(done(outcome).links[0].origin_id, "I5");

        // Not if another code has it, nor if it is the retainage item (ADV-22).
        let world = world.linking(ItemType::StandardCostCode, 77, "I5");
        assert!(refused(&state, &world).text().contains("another cost code"));
        let mut world = synced_parent();
        world.settings.retainage_item_list_id = Some("I5".into());
        assert!(refused(&state, &world).text().contains("Retainage"), "adv_22");
    }

    #[test]
    fn an_inactive_item_is_told_with_what_to_do() {
        let world = synced_parent();
        let state = goes_on(paving().answer(&taken(), &world.facts()));
        let there = "<ItemServiceRet><ListID>I5</ListID><FullName>01:100</FullName><IsActive>false</IsActive></ItemServiceRet>";
        let Turn::Finished(Outcome::Failed(failure, _)) = state.answer(&query_answer(there), &world.facts())
        else {
            panic!("refused")
        };
        assert!(failure.text().contains("Make it active"), "{}", failure.text());
    }

    #[test]
    fn the_parent_is_found_by_link_by_procores_id_or_by_name_and_never_guessed() {
        let unknown = refused(&paving(), &World::default());
        assert_eq!(unknown.code, FailureCode::NotSynced);
        assert!(
            unknown.text().contains("01-100") && unknown.text().contains("the code 01 "),
            "{}",
            unknown.text()
        );
        let told = StandardCostCodeExport {
            parent_origin_id: Some("P7".into()),
            ..paving()
        };
        assert!(
            asked(&told, &World::default())
                .body
                .contains("<ParentRef><ListID>P7</ListID>")
        );
        let by_name = World::default().with_item("P8", "01", "Service");
        assert!(
            asked(&paving(), &by_name)
                .body
                .contains("<ParentRef><ListID>P8</ListID>")
        );
        let wrong = World::default().with_item("P8", "01", "OtherCharge");
        assert_eq!(refused(&paving(), &wrong).code, FailureCode::NotSynced);
    }

    #[test]
    fn flat_items_take_the_whole_code() {
        let mut world = World::default();
        world.settings.item_naming = ItemNaming::Flat;
        let body = asked(&paving(), &world).body;
        assert!(
            body.contains("<Name>01-100</Name>") && !body.contains("ParentRef"),
            "{body}"
        );
    }

    #[test]
    fn an_unknown_outcome_is_looked_up_below_the_linked_parent() {
        let world = synced_parent().with_item("P1", "01 General", "Service");
        let state = goes_on(paving().outcome_unknown());
        assert_eq!(state.access(), Access::Read);
        let Step::Advance(state, _) = state.step(&world.facts()) else {
            panic!("it learns the parent first")
        };
        assert!(
            asked(&state, &world)
                .body
                .contains("<FullName>01 General:100</FullName>")
        );
        let ours = format!(
            "<ItemServiceRet><ListID>I6</ListID><FullName>01 General:100</FullName><ExternalGUID>{GUID}</ExternalGUID></ItemServiceRet>"
        );
        let Turn::Finished(outcome) = state.clone().answer(&query_answer(&ours), &world.facts()) else {
            panic!("ours")
        };
        assert_eq!(done(outcome).links[0].origin_id, "I6");
        let none = [Response::failed("ItemQueryRs", 500, "not found")];
        assert_eq!(
            goes_on(state.answer(&none, &world.facts())).stage,
            Stage::AddAfterLookUp
        );
    }

    #[test]
    fn an_add_that_happened_is_linked_even_if_the_parent_was_unlinked_meanwhile() {
        let added = [Response::ok(
            "ItemServiceAddRs",
            "<ItemServiceRet><ListID>I9</ListID></ItemServiceRet>",
        )];
        let Turn::Finished(outcome) = paving().answer(&added, &World::default().facts()) else {
            panic!("done")
        };
        assert_eq!(done(outcome).links[0].origin_id, "I9");
    }

    #[test]
    fn love_01_a_linked_code_is_not_written_again() {
        let world = synced_parent().linking(ItemType::StandardCostCode, 2, "I1");
        let Step::Finished(outcome) = paving().step(&world.facts()) else {
            panic!("nothing to ask")
        };
        assert_eq!(done(outcome).links[0].origin_id, "I1");
    }
}
