//! A commitment → a purchase order, for subcontracts and purchase orders alike: QuickBooks has no subcontracts.
//!
//! The Add goes out at once; its answer carries the lines' ids. Only where it does not (a status check), or where its
//! fate is unknown, or where Procore and our links disagree, the purchase order is read. What may not live here: change
//! orders, and unlinking.
//!
//! Decisions: a number that is too long is refused, never cut. A description that does not fit the message to the
//! vendor (99 characters) goes into the memo behind the title, whole, and the user is told so; most scopes of work are
//! longer than that, and refusing them would stop most exports. Units of measure are not sent: QuickBooks takes them
//! only from unit of measure sets.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    answers::Trouble,
    classes,
    coding::{self, Amounts, LineCode},
    faults::{Faults, told, within},
    plain_text::plain_text,
    written::{self, Expected, Sent, Written},
};
use crate::{
    connections::settings::memo::MemoValues,
    links::{ItemType, NewLink, ProcoreItem},
    qbxml::{
        Access, ListRef, Money, Response,
        identity::RecordKind,
        purchase_order::{self, PurchaseOrderAdd, PurchaseOrderLineAdd, PurchaseOrderRet},
        text,
    },
    tasks::{Effects, Facts, Failure, FailureCode, Machine, Outcome, Step, Turn, Wants},
};

const RET: &str = "PurchaseOrderRet";

/// What a commitment's number becomes, where it cannot stay as it is (LOVE-17).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderNumber {
    /// The number this is about: typed, or the contract's.
    pub of: String,
    /// Its short one; or what keeps it from being used.
    pub short: Result<String, String>,
}

/// A commitment on its way to QuickBooks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CommitmentExport {
    /// The Procore contract.
    pub procore_id: i64,
    /// A subcontract or a purchase order.
    pub item_type: ItemType,
    /// Its number in Procore.
    pub procore_number: Option<String>,
    /// The "QuickBooks Desktop ID" that the approver typed or let fill in.
    pub quickbooks_id: Option<String>,
    /// What stands for it where its number is too long, or why its number cannot be used.
    pub number: Option<OrderNumber>,
    /// Its title.
    pub title: Option<String>,
    /// Its description; may hold HTML.
    pub description: Option<String>,
    /// The contract company.
    pub vendor_id: i64,
    /// Its name, for messages.
    pub vendor_name: Option<String>,
    /// The vendor's `ListID`, where Procore knows the company to be linked.
    pub vendor_origin_id: Option<String>,
    /// The project.
    pub project_id: Option<i64>,
    /// Its name, for the memo.
    pub project_name: Option<String>,
    /// The job's `ListID`, where Procore knows the project to be linked.
    pub job_list_id: Option<String>,
    /// The purchase order's `TxnID`, where Procore knows the commitment to be linked.
    pub origin_id: Option<String>,
    /// The contract's date.
    pub date: Option<NaiveDate>,
    /// The sum Procore shows. Without it the sum of the lines is all there is to compare with.
    pub grand_total: Option<Money>,
    /// The schedule of values, in order.
    pub lines: Vec<CommitmentLine>,
    /// Our own id for the purchase order, in braces, derived from the Procore record.
    pub external_guid: String,
    /// How far it is.
    pub stage: Stage,
}

/// A line of the schedule of values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CommitmentLine {
    /// The Procore line.
    pub procore_id: i64,
    /// Its text.
    pub description: Option<String>,
    /// Its cost code.
    pub code: LineCode,
    /// Whether quantity and price count.
    pub is_unit_based: bool,
    /// How much.
    pub quantity: Decimal,
    /// The price of one.
    pub unit_cost: Decimal,
    /// The sum, without tax.
    pub amount: Money,
    /// Tax on it, which purchase orders cannot carry; told where the sums differ.
    pub tax_amount: Money,
}

/// How far the export is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Add it, unless it is linked.
    #[default]
    Add,
    /// Add it: the purchase order it was linked to is gone.
    AddAnew,
    /// The fate of the Add is unknown: go and look.
    FindOut,
    /// It was written: read its lines' ids.
    ReadBack {
        /// The purchase order.
        txn_id: String,
    },
    /// It is linked here, and Procore does not know it: sent twice, or unlinked there. Look whether it exists.
    Recheck {
        /// The purchase order.
        txn_id: String,
    },
    /// It is linked in Procore, and not here: look whether it exists.
    Adopt {
        /// The purchase order.
        txn_id: String,
    },
}

impl Default for CommitmentExport {
    fn default() -> Self {
        Self {
            procore_id: 0,
            item_type: ItemType::WorkOrderContract,
            procore_number: None,
            quickbooks_id: None,
            number: None,
            title: None,
            description: None,
            vendor_id: 0,
            vendor_name: None,
            vendor_origin_id: None,
            project_id: None,
            project_name: None,
            job_list_id: None,
            origin_id: None,
            date: None,
            grand_total: None,
            lines: Vec::new(),
            external_guid: String::new(),
            stage: Stage::Add,
        }
    }
}

impl CommitmentExport {
    fn item(&self) -> ProcoreItem {
        ProcoreItem::new(self.item_type, self.procore_id)
    }

    fn vendor_item(&self) -> ProcoreItem {
        ProcoreItem::new(ItemType::Vendor, self.vendor_id)
    }

    /// `The commitment SC-001 ("Steel")`.
    fn what(&self) -> String {
        let number = told(self.procore_number.as_ref()).or_else(|| told(self.quickbooks_id.as_ref()));
        let title = told(self.title.as_ref());
        match (number, title) {
            (Some(number), Some(title)) => format!("The commitment {number} (\"{title}\")"),
            (Some(number), None) => format!("The commitment {number}"),
            (None, Some(title)) => format!("The commitment \"{title}\""),
            (None, None) => format!("The commitment with Procore's id {}", self.procore_id),
        }
    }

    /// The number as Procore has it: what was typed, else the contract's. Empty texts are none.
    pub fn full_number(&self, with_procore_number: bool) -> Option<String> {
        let clean = |text: &Option<String>| {
            text::fit_line("number", text.as_deref()?, usize::MAX)
                .ok()
                .filter(|text| !text.is_empty())
        };
        clean(&self.quickbooks_id)
            .or_else(|| with_procore_number.then(|| clean(&self.procore_number)).flatten())
    }

    /// What was found for a number that cannot stay as it is.
    fn found_for(&self, number: &str) -> Option<&Result<String, String>> {
        let found = self.number.as_ref().filter(|found| found.of == number);
        found.map(|found| &found.short)
    }

    /// The number the purchase order would carry.
    fn candidate_number(&self, with_procore_number: bool) -> Option<String> {
        let number = self.full_number(with_procore_number)?;
        match self.found_for(&number) {
            Some(Ok(short)) => Some(short.clone()),
            _ => Some(number),
        }
    }

    /// ADV-07 to ADV-09: the purchase order's number.
    fn ref_number(&self, facts: &Facts<'_>) -> Result<String, String> {
        let Some(number) = self.full_number(facts.settings.use_procore_contract_number) else {
            return Err("QuickBooks Desktop ID can't be blank.".to_owned());
        };
        match self.found_for(&number) {
            Some(Ok(short)) => return Ok(short.clone()),
            Some(Err(why)) => {
                return Err(format!("{} cannot be sent to ERP because {why}", self.what()));
            }
            None => {}
        }
        let length = number.chars().count();
        if length > purchase_order::REF_NUMBER_MAX {
            let max = purchase_order::REF_NUMBER_MAX;
            let cut: String = number.chars().take(max).collect();
            return Err(format!(
                "{} cannot be sent to ERP because its QuickBooks Desktop ID \"{number}\" has {length} characters; a purchase \
                 order number in QuickBooks holds at most {max}, and \"{cut}\" might be the number of another one. Type a \
                 shorter QuickBooks Desktop ID for it in the ERP Integrations tool, then export it again.",
                self.what()
            ));
        }
        Ok(number)
    }

    fn vendor(&self, facts: &Facts<'_>) -> Option<String> {
        told(self.vendor_origin_id.as_ref()).or_else(|| {
            facts
                .link_of(self.vendor_item())
                .map(|link| link.quickbooks_id.clone())
        })
    }

    fn job(&self, facts: &Facts<'_>) -> Option<String> {
        told(self.job_list_id.as_ref()).or_else(|| {
            let project = ProcoreItem::new(ItemType::Project, self.project_id?);
            facts.link_of(project).map(|link| link.quickbooks_id.clone())
        })
    }

    fn sum(&self) -> Money {
        self.lines.iter().map(|line| line.amount).sum()
    }

    /// The memo and the message to the vendor, and whether the description went into the memo.
    fn texts(&self, facts: &Facts<'_>) -> Result<(Option<String>, Option<String>, bool), String> {
        let what = self.what();
        let text = |text: &Option<String>| text.as_deref().unwrap_or_default().trim().to_owned();
        let (title, project, contract, vendor) = (
            text(&self.title),
            text(&self.project_name),
            text(&self.procore_number),
            text(&self.vendor_name),
        );
        let title = match &facts.settings.memo_template {
            Some(template) => template.fill(
                MemoValues {
                    project: &project,
                    contract: &contract,
                    title: &title,
                    vendor: &vendor,
                },
                purchase_order::MEMO_MAX,
            ),
            None => title,
        };
        let description = plain_text(self.description.as_deref().unwrap_or_default());
        let fits = text::fit_optional("description", Some(&description), purchase_order::VENDOR_MSG_MAX);
        let (memo, vendor_msg, moved) = match fits {
            Ok(vendor_msg) => (title, vendor_msg, false),
            Err(_) if title.is_empty() => (description, None, true),
            Err(_) => (format!("{title} - {description}"), None, true),
        };
        let label = if moved {
            "title with the description"
        } else {
            "title"
        };
        let memo = text::fit_optional(
            &format!("The {label} of {}", within(&what)),
            Some(&memo),
            purchase_order::MEMO_MAX,
        )
        .map_err(|error| format!("{error} You find it in the commitment's General tab in Procore."))?;
        Ok((memo, vendor_msg, moved))
    }

    fn line(
        &self,
        place: usize,
        line: &CommitmentLine,
        job: Option<&String>,
        facts: &Facts<'_>,
        faults: &mut Faults,
    ) -> Option<PurchaseOrderLineAdd> {
        let what = self.what();
        let own = coding::Line {
            what: &what,
            record: "commitment",
            place,
            code: &line.code,
            description: line.description.as_deref(),
            is_unit_based: line.is_unit_based,
            quantity: line.quantity,
            unit_cost: line.unit_cost,
            amount: line.amount,
        };
        let coded = own.coded(facts, faults);
        let Amounts {
            quantity,
            price,
            amount,
        } = coded.amounts;
        Some(PurchaseOrderLineAdd {
            item: ListRef::by_id(coded.item?),
            desc: coded.desc,
            quantity,
            rate: price,
            class: coded.class.as_deref().map(ListRef::by_id),
            amount,
            customer: ListRef::by_id(coded.sub_job.as_ref().or(job)?),
        })
    }

    /// The purchase order as it will be written, or everything that keeps it from being written.
    pub fn purchase_order(&self, facts: &Facts<'_>) -> Result<PurchaseOrderAdd, Failure> {
        let what = self.what();
        let mut faults = Faults::default();
        let ref_number = faults.noted(self.ref_number(facts));
        let (memo, vendor_msg, _) = faults.noted(self.texts(facts));
        let vendor = self.vendor(facts);
        if vendor.is_none() {
            faults.not_synced.push(format!(
                "{what} cannot be sent to ERP because its company {} is not linked to a vendor in QuickBooks. Send the company \
                 first, or link it in the ERP Integrations tool (Vendors), then export the commitment again.",
                self.vendor_name
                    .as_ref()
                    .map_or_else(|| format!("with Procore's id {}", self.vendor_id), |name| format!("\"{}\"", name.trim()))
            ));
        }
        let job = self.job(facts);
        if job.is_none() {
            faults.not_synced.push(format!(
                "{what} cannot be sent to ERP because its project is not linked to a job in QuickBooks. Send the project first, \
                 then export the commitment again."
            ));
        }
        if self.lines.is_empty() {
            faults.invalid.push(format!(
                "{what} cannot be sent to ERP because its schedule of values is empty. Add at least one line with a cost code, \
                 then export it again."
            ));
        }
        let lines: Vec<PurchaseOrderLineAdd> = self
            .lines
            .iter()
            .zip(1..)
            .filter_map(|(line, place)| self.line(place, line, job.as_ref(), facts, &mut faults))
            .collect();
        faults.into_result()?;
        self.check_total()?;
        Ok(PurchaseOrderAdd {
            vendor: ListRef::by_id(vendor.unwrap_or_default()),
            txn_date: self.date.map(|date| date.to_string()),
            ref_number,
            memo,
            vendor_msg,
            external_guid: Some(self.external_guid.clone()).filter(|guid| !guid.is_empty()),
            lines,
        })
    }

    fn check_total(&self) -> Result<(), Failure> {
        let sum = self.sum();
        let Some(total) = self.grand_total.filter(|total| *total != sum) else {
            return Ok(());
        };
        let tax: Money = self.lines.iter().map(|line| line.tax_amount).sum();
        let why = if tax.is_zero() {
            String::new()
        } else {
            format!(" The lines carry {tax} of tax, which a purchase order in QuickBooks cannot.")
        };
        Err(Failure::new(
            FailureCode::AmountMismatch,
            format!(
                "{} cannot be sent to ERP because its lines add up to {sum}, but its total in Procore is {total} (difference \
                 {}).{why} Correct the schedule of values in Procore, then export it again.",
                self.what(),
                sum - total
            ),
        ))
    }

    fn at(&self, stage: Stage) -> Self {
        Self {
            stage,
            ..self.clone()
        }
    }

    /// It stands in QuickBooks.
    fn concluded(&self, written: &Written, facts: &Facts<'_>) -> Outcome {
        let lines: Vec<(Option<ProcoreItem>, Money)> = self
            .lines
            .iter()
            .map(|line| {
                (
                    Some(ProcoreItem::new(ItemType::LineItem, line.procore_id)),
                    line.amount,
                )
            })
            .collect();
        let outcome = written::concluded(
            written,
            &Expected {
                item: self.item(),
                what: &self.what(),
                kind: RecordKind::PurchaseOrder,
                ref_number: self.candidate_number(true).as_deref(),
                total: self.sum(),
                lines: &lines,
            },
        );
        match outcome {
            Outcome::Done(effects, mut said) => {
                if let Some(number) = &self.number
                    && let Ok(short) = &number.short
                {
                    said.push(format!(
                        "Its number {} is longer than the {} characters of a purchase order number: it is {short} in QuickBooks.",
                        number.of,
                        purchase_order::REF_NUMBER_MAX
                    ));
                }
                if let Ok((_, _, true)) = self.texts(facts) {
                    said.push(format!(
                        "The description of {} is longer than the {} characters of QuickBooks' vendor message. It stands in \
                         the purchase order's memo, behind the title.",
                        within(&self.what()),
                        purchase_order::VENDOR_MSG_MAX
                    ));
                }
                Outcome::Done(effects, said)
            }
            failed @ Outcome::Failed(..) => failed,
        }
    }

    /// Already linked, with all its lines: Procore is told again, and nothing is written.
    fn known(&self, facts: &Facts<'_>) -> Option<Outcome> {
        let line_items = self
            .lines
            .iter()
            .map(|line| ProcoreItem::new(ItemType::LineItem, line.procore_id));
        let links = std::iter::once(self.item())
            .chain(line_items)
            .map(|item| {
                facts.link_of(item).map(|link| NewLink {
                    item,
                    origin_id: link.origin_id.clone(),
                    origin_code: link.origin_code.clone(),
                    quickbooks_id: link.quickbooks_id.clone(),
                    edit_sequence: link.edit_sequence.clone(),
                    tell_procore: true,
                    stands_as: link.stands_as,
                })
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Outcome::Done(
            Effects {
                links,
                ..Effects::default()
            },
            Vec::new(),
        ))
    }

    /// Whether it is linked, here or in Procore, and what to do then.
    fn linked(&self, facts: &Facts<'_>) -> Option<Step<Self>> {
        let told = told(self.origin_id.as_ref());
        let Some(link) = facts.link_of(self.item()) else {
            return told.map(|txn_id| Step::Advance(self.at(Stage::Adopt { txn_id }), Effects::default()));
        };
        let txn_id = link.quickbooks_id.clone();
        Some(match (told, self.known(facts)) {
            (Some(told), Some(outcome)) if told == txn_id => Step::Finished(outcome),
            (Some(told), _) => Step::Advance(self.at(Stage::Adopt { txn_id: told }), Effects::default()),
            (None, _) => Step::Advance(self.at(Stage::Recheck { txn_id }), Effects::default()),
        })
    }

    fn added(self, answers: &[Response], facts: &Facts<'_>) -> Turn<Self> {
        match written::sent::<PurchaseOrderRet>(answers, RET, &self.what()) {
            Sent::Whole(written) => Turn::Finished(self.concluded(&written, facts)),
            Sent::There(txn_id) => {
                // The record's own link is kept at once: whatever becomes of the reading, it is never added again.
                let effects = Effects {
                    links: vec![NewLink {
                        item: self.item(),
                        origin_id: txn_id.clone(),
                        origin_code: None,
                        quickbooks_id: txn_id.clone(),
                        edit_sequence: None,
                        tell_procore: false,
                        stands_as: None,
                    }],
                    ..Effects::default()
                };
                Turn::Continue(self.at(Stage::ReadBack { txn_id }), effects)
            }
            Sent::Later(reason) => Turn::Later(self, reason),
            Sent::Unsure => Turn::Continue(self.at(Stage::FindOut), Effects::default()),
            Sent::Refused(mut failure) => {
                if failure.status_code == Some(3250) {
                    failure.code = FailureCode::NotAvailable;
                    failure.messages.push(
                        "Purchase orders are probably switched off in this company file. In QuickBooks choose Edit > \
                         Preferences > Items & Inventory > Company Preferences, tick \"Inventory and purchase orders are \
                         active\", then export the commitment again."
                            .to_owned(),
                    );
                }
                failed(failure)
            }
        }
    }

    fn looked_up(self, answers: &[Response], facts: &Facts<'_>) -> Turn<Self> {
        let found = match written::found::<PurchaseOrderRet>(answers, RET, &self.what()) {
            Ok(found) => found,
            Err(Trouble::Later(reason)) => return Turn::Later(self, reason),
            Err(Trouble::Failed(failure)) => return failed(failure),
        };
        let again = |stage| Turn::Continue(self.at(stage), Effects::default());
        match &self.stage {
            Stage::FindOut => {
                match written::ours(
                    found,
                    &self.external_guid,
                    self.vendor(facts).as_deref(),
                    self.sum(),
                ) {
                    Some(written) => Turn::Finished(self.concluded(&written, facts)),
                    None => again(Stage::AddAnew),
                }
            }
            Stage::ReadBack { txn_id } | Stage::Adopt { txn_id } => {
                match found.iter().find(|written| written.txn_id == *txn_id) {
                    Some(written) => Turn::Finished(self.concluded(written, facts)),
                    None => failed(self.gone(txn_id)),
                }
            }
            Stage::Recheck { txn_id } => match found.iter().find(|written| written.txn_id == *txn_id) {
                Some(written) => Turn::Finished(self.concluded(written, facts)),
                // Unlinked in Procore and deleted in QuickBooks, as the way to correct a mistake is.
                None => again(Stage::AddAnew),
            },
            Stage::Add | Stage::AddAnew => again(self.stage.clone()),
        }
    }

    fn gone(&self, txn_id: &str) -> Failure {
        Failure::new(
            FailureCode::NotSynced,
            format!(
                "{} is linked to a purchase order that is no longer in QuickBooks ({txn_id}). Unlink the commitment in the ERP \
                 Integrations tool, then export it again.",
                self.what()
            ),
        )
    }
}

fn failed<S>(failure: Failure) -> Turn<S> {
    Turn::Finished(Outcome::Failed(failure, Effects::default()))
}

impl Machine for CommitmentExport {
    fn wants(&self) -> Wants {
        let mut links = vec![self.item(), self.vendor_item()];
        links.extend(self.project_id.map(|id| ProcoreItem::new(ItemType::Project, id)));
        for line in &self.lines {
            links.push(ProcoreItem::new(ItemType::LineItem, line.procore_id));
            links.extend(line.code.wanted());
        }
        Wants {
            links,
            item_ids: self
                .lines
                .iter()
                .filter_map(|line| line.code.told_item().map(str::to_owned))
                .collect(),
            class_names: classes::wanted(self.lines.iter().map(|line| &line.code)),
            linked_ids: coding::other_jobs(
                self.lines.iter().map(|line| &line.code),
                self.job_list_id.as_deref(),
            ),
            ..Wants::default()
        }
    }

    fn access(&self) -> Access {
        match self.stage {
            Stage::Add | Stage::AddAnew => Access::Write,
            Stage::FindOut | Stage::ReadBack { .. } | Stage::Recheck { .. } | Stage::Adopt { .. } => {
                Access::Read
            }
        }
    }

    fn step(&self, facts: &Facts<'_>) -> Step<Self> {
        match &self.stage {
            Stage::Add => {
                if let Some(step) = self.linked(facts) {
                    return step;
                }
            }
            Stage::AddAnew => {}
            Stage::FindOut => {
                let number = self.candidate_number(true).unwrap_or_default();
                return Step::Ask(vec![purchase_order::by_ref_number(&number)]);
            }
            Stage::ReadBack { txn_id } | Stage::Recheck { txn_id } | Stage::Adopt { txn_id } => {
                return Step::Ask(vec![purchase_order::by_id(txn_id)]);
            }
        }
        match self.purchase_order(facts) {
            Ok(order) => Step::Ask(vec![purchase_order::add(order)]),
            Err(failure) => Step::Finished(Outcome::Failed(failure, Effects::default())),
        }
    }

    fn answer(self, answers: &[Response], facts: &Facts<'_>) -> Turn<Self> {
        match self.stage {
            Stage::Add | Stage::AddAnew => self.added(answers, facts),
            _ => self.looked_up(answers, facts),
        }
    }

    fn may_stand_twice(&self) -> bool {
        true
    }

    fn outcome_unknown(self) -> Turn<Self> {
        let next = match self.stage {
            Stage::Add | Stage::AddAnew => self.at(Stage::FindOut),
            _ => self,
        };
        Turn::Continue(next, Effects::default())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        qbxml::Status,
        tasks::imports::fixture::{World, query_answer},
    };

    const GUID: &str = "{aaaaaaaa-1111-2222-3333-444444444444}";

    fn code(item: &str) -> LineCode {
        LineCode {
            procore_id: Some(1472),
            full_code: "01-000".into(),
            origin_id: Some(format!("JOB|{item}")),
            standard_cost_code_id: Some(371),
            ..LineCode::default()
        }
    }

    fn export() -> CommitmentExport {
        CommitmentExport {
            procore_id: 41,
            procore_number: Some("SC-001".into()),
            title: Some("Steel".into()),
            vendor_id: 47,
            vendor_name: Some("90 Minute Courier".into()),
            vendor_origin_id: Some("V-1".into()),
            project_id: Some(86),
            job_list_id: Some("JOB".into()),
            date: "2026-03-01".parse().ok(),
            grand_total: Some(Money::from_cents(27_500)),
            lines: vec![
                CommitmentLine {
                    procore_id: 177,
                    description: Some("First".into()),
                    code: code("I-1"),
                    amount: Money::from_cents(25_000),
                    ..CommitmentLine::default()
                },
                CommitmentLine {
                    procore_id: 178,
                    description: Some("Second".into()),
                    code: code("I-2"),
                    is_unit_based: true,
                    quantity: Decimal::new(25, 1),
                    unit_cost: Decimal::from(10),
                    amount: Money::from_cents(2_500),
                    ..CommitmentLine::default()
                },
            ],
            external_guid: GUID.into(),
            ..CommitmentExport::default()
        }
    }

    fn body(export: &CommitmentExport, world: &World) -> String {
        match export.step(&world.facts()) {
            Step::Ask(requests) => requests.into_iter().map(|request| request.body).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn refusal(export: &CommitmentExport, world: &World) -> Failure {
        match export.step(&world.facts()) {
            Step::Finished(Outcome::Failed(failure, _)) => failure,
            other => panic!("{other:?}"),
        }
    }

    fn advanced(export: &CommitmentExport, world: &World) -> CommitmentExport {
        match export.step(&world.facts()) {
            Step::Advance(next, effects) => {
                assert_eq!(effects, Effects::default());
                next
            }
            other => panic!("{other:?}"),
        }
    }

    fn answered(export: CommitmentExport, answers: &[Response]) -> Turn<CommitmentExport> {
        export.answer(answers, &World::default().facts())
    }

    fn stage_after(turn: Turn<CommitmentExport>) -> Stage {
        match turn {
            Turn::Continue(next, _) => next.stage,
            other => panic!("{other:?}"),
        }
    }

    fn order(guid: &str, total: &str, amounts: &[&str]) -> String {
        let lines: Vec<String> = amounts
            .iter()
            .zip(1..)
            .map(|(amount, place)| {
                format!(
                    "<PurchaseOrderLineRet><TxnLineID>L-{place}</TxnLineID><Amount>{amount}</Amount></PurchaseOrderLineRet>"
                )
            })
            .collect();
        let lines = lines.concat();
        format!(
            "<PurchaseOrderRet><TxnID>T-1</TxnID><EditSequence>77</EditSequence><VendorRef><ListID>V-1</ListID></VendorRef>\
             <RefNumber>SC-001</RefNumber><TotalAmount>{total}</TotalAmount><ExternalGUID>{guid}</ExternalGUID>{lines}\
             </PurchaseOrderRet>"
        )
    }

    fn whole() -> String {
        order(GUID, "275.00", &["250.00", "25.00"])
    }

    fn recovered() -> [Response; 1] {
        [Response::ok(
            "PurchaseOrderAddRs",
            "<ErrorRecovery><TxnID>T-1</TxnID><EditSequence>77</EditSequence></ErrorRecovery>",
        )]
    }

    #[test]
    fn qbd_43_both_kinds_become_purchase_orders_with_every_line_in_order() {
        for item_type in [ItemType::WorkOrderContract, ItemType::PurchaseOrderContract] {
            let export = CommitmentExport {
                item_type,
                ..export()
            };
            assert_eq!(export.access(), Access::Write);
            let body = body(&export, &World::default());
            assert!(
                body.starts_with(&format!(
                    "<PurchaseOrderAdd><VendorRef><ListID>V-1</ListID></VendorRef><TxnDate>2026-03-01</TxnDate>\
                     <RefNumber>SC-001</RefNumber><Memo>Steel</Memo><ExternalGUID>{GUID}</ExternalGUID>\
                     <PurchaseOrderLineAdd><ItemRef><ListID>I-1</ListID></ItemRef><Desc>First</Desc><Amount>250.00</Amount>\
                     <CustomerRef><ListID>JOB</ListID></CustomerRef></PurchaseOrderLineAdd>\
                     <PurchaseOrderLineAdd><ItemRef><ListID>I-2</ListID></ItemRef><Desc>Second</Desc><Quantity>2.5</Quantity>\
                     <Rate>10</Rate><CustomerRef><ListID>JOB</ListID></CustomerRef></PurchaseOrderLineAdd></PurchaseOrderAdd>"
                )),
                "{body}"
            );
            let Turn::Finished(Outcome::Done(effects, said)) = answered(export, &query_answer(&whole()))
            else {
                panic!("not done");
            };
            assert!(said.is_empty());
            let links: Vec<_> = effects
                .links
                .iter()
                .map(|link| (link.item.item_type, link.item.id, link.origin_id.as_str()))
                .collect();
            assert_eq!(
                links,
                [
                    (item_type, 41, "T-1"),
                    (ItemType::LineItem, 177, "L-1"),
                    (ItemType::LineItem, 178, "L-2")
                ]
            );
            assert_eq!(effects.links[0].origin_code.as_deref(), Some("SC-001"));
            assert_eq!(effects.links[0].edit_sequence.as_deref(), Some("77"));
        }
    }

    #[test]
    fn adv_07_to_09_the_number_is_the_typed_one_or_the_contracts_or_none() {
        let mut world = World::default();
        let typed = CommitmentExport {
            quickbooks_id: Some(" PO-77 ".into()),
            ..export()
        };
        assert!(body(&typed, &world).contains("<RefNumber>PO-77</RefNumber>"));
        assert!(body(&export(), &world).contains("<RefNumber>SC-001</RefNumber>"));
        world.settings.use_procore_contract_number = false;
        assert!(body(&typed, &world).contains("<RefNumber>PO-77</RefNumber>"));
        let failure = refusal(&export(), &world);
        assert_eq!(failure.code, FailureCode::InvalidField);
        assert_eq!(failure.messages, ["QuickBooks Desktop ID can't be blank."]);
    }

    #[test]
    fn a_number_over_eleven_characters_is_refused_never_cut() {
        let long = CommitmentExport {
            procore_number: Some("SC-2024-0001A".into()),
            ..export()
        };
        let text = refusal(&long, &World::default()).text();
        assert!(text.contains("\"SC-2024-0001A\" has 13 characters"), "{text}");
        assert!(text.contains("\"SC-2024-000\" might be"), "{text}");
        let fits = CommitmentExport {
            procore_number: Some("SC-2024-001".into()),
            ..export()
        };
        assert!(body(&fits, &World::default()).contains("<RefNumber>SC-2024-001<"));
    }

    #[test]
    fn a_long_description_goes_whole_into_the_memo_and_the_user_is_told() {
        let with = |description: &str| CommitmentExport {
            description: Some(description.into()),
            ..export()
        };
        let short = body(&with("<p>Call before &amp; after.</p>"), &World::default());
        assert!(
            short.contains("<Memo>Steel</Memo><VendorMsg>Call before &amp; after.</VendorMsg>"),
            "{short}"
        );
        let scope = "word ".repeat(40);
        let long = with(&scope);
        let written = body(&long, &World::default());
        assert!(
            written.contains(&format!("<Memo>Steel - {}</Memo>", scope.trim())),
            "{written}"
        );
        assert!(!written.contains("VendorMsg"));
        let Turn::Finished(Outcome::Done(_, said)) = answered(long, &query_answer(&whole())) else {
            panic!("not done");
        };
        assert!(said[0].contains("memo"), "{said:?}");
        let text = refusal(&with(&"word ".repeat(1000)), &World::default()).text();
        assert!(
            text.contains("The title with the description of the commitment SC-001"),
            "{text}"
        );
    }

    #[test]
    fn cod_08_whatever_is_not_in_quickbooks_is_named_all_at_once() {
        let mut bare = CommitmentExport {
            vendor_origin_id: None,
            job_list_id: Some(String::new()),
            ..export()
        };
        bare.lines[1].code.origin_id = None;
        let failure = refusal(&bare, &World::default());
        assert_eq!(failure.code, FailureCode::NotSynced);
        let text = failure.text();
        for word in [
            "\"90 Minute Courier\"",
            "project",
            "cost code 01-000 of its line 2",
        ] {
            assert!(text.contains(word), "{text}");
        }
        assert_eq!(failure.messages.len(), 3);
        let wants = bare.wants();
        for (kind, id) in [
            (ItemType::Vendor, 47),
            (ItemType::Project, 86),
            (ItemType::StandardCostCode, 371),
        ] {
            assert!(wants.links.contains(&ProcoreItem::new(kind, id)));
        }
        let world = World::default()
            .linking(ItemType::Vendor, 47, "V-9")
            .linking(ItemType::Project, 86, "J-9")
            .linking(ItemType::StandardCostCode, 371, "I-9");
        let body = body(&bare, &world);
        for id in ["V-9", "J-9", "I-9"] {
            assert!(body.contains(&format!("<ListID>{id}</ListID>")), "{body}");
        }
    }

    #[test]
    fn comp_14_an_inactive_item_is_stopped_before_export() {
        let mut world = World::default().with_item("I-2", "01:100", "Service");
        assert!(matches!(export().step(&world.facts()), Step::Ask(_)));
        world.items[0].is_active = false;
        let text = refusal(&export(), &world).text();
        assert!(
            text.contains("line 2") && text.contains("\"01:100\" is inactive"),
            "{text}"
        );
        assert_eq!(export().wants().item_ids, ["I-1", "I-2"]);
    }

    #[test]
    fn adv_22_a_line_on_the_retainage_item_is_refused() {
        let mut world = World::default();
        world.settings.retainage_item_list_id = Some("I-1".into());
        let text = refusal(&export(), &world).text();
        assert!(
            text.contains("line 1") && text.contains("Retainage Item"),
            "{text}"
        );
    }

    #[test]
    fn sums_that_do_not_agree_are_refused_with_the_difference() {
        let mut off = export();
        off.grand_total = Some(Money::from_cents(28_000));
        off.lines[0].tax_amount = Money::from_cents(500);
        let failure = refusal(&off, &World::default());
        assert_eq!(failure.code, FailureCode::AmountMismatch);
        for figure in ["275.00", "280.00", "-5.00", "5.00 of tax"] {
            assert!(failure.text().contains(figure), "{}", failure.text());
        }
        off.grand_total = None;
        assert!(matches!(off.step(&World::default().facts()), Step::Ask(_)));
        off.lines.clear();
        assert!(
            refusal(&off, &World::default())
                .text()
                .contains("schedule of values is empty")
        );
    }

    #[test]
    fn a_status_check_and_an_answer_without_lines_are_read_back() {
        for answer in [recovered(), query_answer(&order(GUID, "275.00", &[]))] {
            let turn = answered(export(), &answer);
            let Turn::Continue(next, _) = turn else {
                panic!("{turn:?}")
            };
            assert_eq!(next.stage, Stage::ReadBack { txn_id: "T-1".into() });
            assert_eq!(next.access(), Access::Read);
            assert!(body(&next, &World::default()).starts_with("<TxnID>T-1</TxnID>"));
            let Turn::Finished(Outcome::Done(effects, _)) = answered(next, &query_answer(&whole())) else {
                panic!("not done");
            };
            assert_eq!(effects.links.len(), 3);
        }
    }

    #[test]
    fn what_differs_in_quickbooks_is_told_and_the_link_is_kept() {
        for (answer, words, links) in [
            (
                order(GUID, "274.99", &["250.00", "24.99"]),
                "total there is 274.99 instead of 275.00",
                3,
            ),
            (
                order(GUID, "275.00", &["275.00"]),
                "it has 1 lines there and 2 were sent",
                1,
            ),
        ] {
            let turn = answered(export(), &query_answer(&answer));
            let Turn::Finished(Outcome::Failed(failure, effects)) = turn else {
                panic!("{turn:?}")
            };
            assert_eq!(failure.code, FailureCode::AmountMismatch);
            assert!(failure.text().contains(words), "{}", failure.text());
            assert_eq!(effects.links.len(), links);
            assert_eq!(effects.links[0].quickbooks_id, "T-1");
        }
    }

    #[test]
    fn an_unknown_outcome_is_looked_up_before_anything_is_sent_again() {
        let Turn::Continue(doubtful, _) = export().outcome_unknown() else {
            panic!()
        };
        assert_eq!(doubtful.access(), Access::Read);
        assert!(
            body(&doubtful, &World::default())
                .starts_with("<RefNumber>SC-001</RefNumber><IncludeLineItems>true")
        );
        // Found by our GUID, whatever its case.
        let Turn::Finished(Outcome::Done(effects, _)) = answered(
            doubtful.clone(),
            &query_answer(&whole().replace("aaaaaaaa", "AAAAAAAA")),
        ) else {
            panic!("not adopted");
        };
        assert_eq!(effects.links.len(), 3);
        // Somebody else's with the same number, and none at all: the same content once more.
        let other = order(
            "{bbbbbbbb-1111-2222-3333-444444444444}",
            "275.00",
            &["250.00", "25.00"],
        );
        for nothing in [
            query_answer(&other),
            [Response::failed("Rs", 1, "")],
            [Response::failed("Rs", 500, "")],
        ] {
            let Turn::Continue(again, _) = answered(doubtful.clone(), &nothing) else {
                panic!()
            };
            assert_eq!(again.access(), Access::Write);
            assert_eq!(
                body(&again, &World::default()),
                body(&export(), &World::default())
            );
        }
        assert_eq!(stage_after(doubtful.outcome_unknown()), Stage::FindOut);
    }

    #[test]
    fn comp_12_a_locked_list_waits_and_says_why() {
        let locked = "The transaction could not be locked. It is in use by another user.";
        for export in [
            export(),
            export().at(Stage::FindOut),
            export().at(Stage::ReadBack { txn_id: "T-1".into() }),
        ] {
            let turn = answered(export.clone(), &[Response::failed("Rs", 3175, locked)]);
            let Turn::Later(same, reason) = turn else {
                panic!("{turn:?}")
            };
            assert_eq!(same, export);
            assert!(
                reason.contains("commitment SC-001") && reason.contains(locked),
                "{reason}"
            );
        }
    }

    #[test]
    fn a_switched_off_feature_names_the_preference() {
        let turn = answered(
            export(),
            &[Response::failed(
                "PurchaseOrderAddRs",
                3250,
                "This feature is not enabled.",
            )],
        );
        let Turn::Finished(Outcome::Failed(failure, _)) = turn else {
            panic!("{turn:?}")
        };
        assert_eq!(failure.code, FailureCode::NotAvailable);
        assert!(
            failure
                .text()
                .contains("Inventory and purchase orders are active"),
            "{}",
            failure.text()
        );
    }

    #[test]
    fn an_add_with_a_warning_has_happened_and_one_without_a_record_is_looked_for() {
        let warned = Response::of("PurchaseOrderAddRs", Status::new(530, "ignored"), &whole());
        assert!(matches!(
            answered(export(), &[warned]),
            Turn::Finished(Outcome::Done(..))
        ));
        let empty = Response::of("PurchaseOrderAddRs", Status::new(530, "ignored"), "");
        assert_eq!(stage_after(answered(export(), &[empty])), Stage::FindOut);
    }

    #[test]
    fn what_is_linked_is_not_written_again() {
        let lines =
            World::default()
                .linking(ItemType::LineItem, 177, "L-1")
                .linking(ItemType::LineItem, 178, "L-2");
        let world = lines.linking(ItemType::WorkOrderContract, 41, "T-1");
        // Procore says so too: told again.
        let known = CommitmentExport {
            origin_id: Some("T-1".into()),
            ..export()
        };
        let Step::Finished(Outcome::Done(effects, _)) = known.step(&world.facts()) else {
            panic!()
        };
        assert_eq!(effects.links.len(), 3);
        // Procore knows nothing of it: sent twice, or unlinked and deleted to be sent anew.
        let recheck = advanced(&export(), &world);
        assert_eq!(recheck.stage, Stage::Recheck { txn_id: "T-1".into() });
        assert!(matches!(
            recheck.clone().answer(&query_answer(&whole()), &world.facts()),
            Turn::Finished(Outcome::Done(..))
        ));
        let gone = [Response::failed("PurchaseOrderQueryRs", 500, "not found")];
        let Turn::Continue(anew, _) = recheck.answer(&gone, &world.facts()) else {
            panic!()
        };
        assert_eq!(body(&anew, &world), body(&export(), &World::default()));
        // Only Procore knows of it: adopted, or told that it is gone.
        let adopt = advanced(&known, &World::default());
        assert_eq!(adopt.stage, Stage::Adopt { txn_id: "T-1".into() });
        assert!(matches!(
            answered(adopt.clone(), &query_answer(&whole())),
            Turn::Finished(Outcome::Done(..))
        ));
        let Turn::Finished(Outcome::Failed(failure, _)) = answered(adopt, &gone) else {
            panic!()
        };
        assert!(
            failure.text().contains("Unlink the commitment"),
            "{}",
            failure.text()
        );
    }

    #[test]
    fn states_survive_storage() {
        for stage in [Stage::Add, Stage::FindOut, Stage::ReadBack { txn_id: "T".into() }] {
            let state = export().at(stage);
            let json = serde_json::to_string(&state).unwrap();
            assert_eq!(serde_json::from_str::<CommitmentExport>(&json).unwrap(), state);
        }
    }

    proptest! {
        /// Whatever texts and amounts come: a request, or a refusal that names something; never a panic, never a number
        /// that QuickBooks would cut.
        #[test]
        fn any_commitment_is_sent_or_explained(
            number in "\\PC{0,16}", title in "\\PC{0,40}", description in "\\PC{0,120}",
            cents in -1_000_000_i64..1_000_000, off in -1_i64..=1,
        ) {
            let mut export = CommitmentExport {
                procore_number: Some(number), title: Some(title), description: Some(description), ..export()
            };
            export.lines.truncate(1);
            export.lines[0].amount = Money::from_cents(cents);
            export.grand_total = Some(Money::from_cents(cents + off));
            match export.step(&World::default().facts()) {
                Step::Ask(_) => {
                    let order = export.purchase_order(&World::default().facts()).unwrap();
                    prop_assert_eq!(off, 0);
                    prop_assert!(order.ref_number.chars().count() <= purchase_order::REF_NUMBER_MAX);
                    prop_assert!(!order.ref_number.is_empty());
                }
                Step::Finished(Outcome::Failed(failure, _)) => prop_assert!(!failure.text().is_empty()),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
