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
    coding::{self, Amounts, LineCode},
    faults::{Faults, told, within},
    plain_text::plain_text,
    written::{self, Expected, Sent, Written},
};
use crate::{
    links::{ItemType, NewLink, ProcoreItem},
    qbxml::{
        Access, ListRef, Money, Response,
        purchase_order::{self, PurchaseOrderAdd, PurchaseOrderLineAdd, PurchaseOrderRet},
        text,
    },
    tasks::{Effects, Facts, Failure, FailureCode, Machine, Outcome, Step, Turn, Wants},
};

const RET: &str = "PurchaseOrderRet";

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
            title: None,
            description: None,
            vendor_id: 0,
            vendor_name: None,
            vendor_origin_id: None,
            project_id: None,
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

    /// The number the purchase order would carry: what was typed, else the contract's. Empty texts are none.
    fn candidate_number(&self, with_procore_number: bool) -> Option<String> {
        let clean = |text: &Option<String>| {
            text::fit_line("number", text.as_deref()?, usize::MAX)
                .ok()
                .filter(|text| !text.is_empty())
        };
        clean(&self.quickbooks_id)
            .or_else(|| with_procore_number.then(|| clean(&self.procore_number)).flatten())
    }

    /// ADV-07 to ADV-09: the purchase order's number.
    fn ref_number(&self, facts: &Facts<'_>) -> Result<String, String> {
        let Some(number) = self.candidate_number(facts.settings.use_procore_contract_number) else {
            return Err("QuickBooks Desktop ID can't be blank.".to_owned());
        };
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
    fn texts(&self) -> Result<(Option<String>, Option<String>, bool), String> {
        let what = self.what();
        let title = self.title.as_deref().unwrap_or_default();
        let description = plain_text(self.description.as_deref().unwrap_or_default());
        let fits = text::fit_optional("description", Some(&description), purchase_order::VENDOR_MSG_MAX);
        let (memo, vendor_msg, moved) = match fits {
            Ok(vendor_msg) => (title.to_owned(), vendor_msg, false),
            Err(_) if title.trim().is_empty() => (description, None, true),
            Err(_) => (format!("{} - {description}", title.trim()), None, true),
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
        let code = line.code.label();
        let item = line.code.item(facts);
        match &item {
            None => faults.not_synced.push(format!(
                "{what} cannot be sent to ERP because the cost code {code} of its line {place} is not in QuickBooks. The code \
                 must be in the QuickBooks Desktop Standard Cost Codes list: send it first, then export the commitment again."
            )),
            Some(item) if facts.settings.retainage_item_list_id.as_ref() == Some(item) => faults.invalid.push(format!(
                "{what} cannot be sent to ERP because the cost code {code} of its line {place} is linked to the Invoice \
                 Retainage Item. Choose another retainage item in the settings, or another code for the line."
            )),
            Some(item) => {
                if let Some(reason) = coding::inactive(facts, item) {
                    faults.invalid.push(format!(
                        "{what} cannot be sent to ERP because of the cost code {code} of its line {place}: {reason}."
                    ));
                }
            }
        }
        let desc = text::fit(
            &format!("The description of line {place} of {}", within(&what)),
            line.description.as_deref().unwrap_or_default(),
            purchase_order::DESC_MAX,
        );
        let desc = faults.noted(desc.map_err(|error| error.to_string()));
        let amounts = coding::amounts(line.is_unit_based, line.quantity, line.unit_cost, line.amount);
        let Amounts { quantity, price, amount } = faults.noted(amounts.map_err(|error| {
            format!(
                "The quantity of line {place} of {} cannot be stored in QuickBooks: {error}. Change it in the schedule of \
                 values, then export the commitment again.",
                within(&what)
            )
        }));
        Some(PurchaseOrderLineAdd {
            item: ListRef::by_id(item?),
            desc: Some(desc).filter(|desc| !desc.is_empty()),
            quantity,
            rate: price,
            amount,
            customer: ListRef::by_id(job?),
        })
    }

    /// The purchase order as it will be written, or everything that keeps it from being written.
    pub fn purchase_order(&self, facts: &Facts<'_>) -> Result<PurchaseOrderAdd, Failure> {
        let what = self.what();
        let mut faults = Faults::default();
        let ref_number = faults.noted(self.ref_number(facts));
        let (memo, vendor_msg, _) = faults.noted(self.texts());
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
    fn concluded(&self, written: &Written) -> Outcome {
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
                word: "purchase order",
                ref_number: self.candidate_number(true).as_deref(),
                total: self.sum(),
                lines: &lines,
            },
        );
        match outcome {
            Outcome::Done(effects, mut said) => {
                if let Ok((_, _, true)) = self.texts() {
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

    fn added(self, answers: &[Response]) -> Turn<Self> {
        match written::sent::<PurchaseOrderRet>(answers, RET, &self.what()) {
            Sent::Whole(written) => Turn::Finished(self.concluded(&written)),
            Sent::There(txn_id) => Turn::Continue(self.at(Stage::ReadBack { txn_id }), Effects::default()),
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
                    Some(written) => Turn::Finished(self.concluded(&written)),
                    None => again(Stage::AddAnew),
                }
            }
            Stage::ReadBack { txn_id } | Stage::Adopt { txn_id } => {
                match found.iter().find(|written| written.txn_id == *txn_id) {
                    Some(written) => Turn::Finished(self.concluded(written)),
                    None => failed(self.gone(txn_id)),
                }
            }
            Stage::Recheck { txn_id } => match found.iter().find(|written| written.txn_id == *txn_id) {
                Some(written) => Turn::Finished(self.concluded(written)),
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
            Stage::Add | Stage::AddAnew => self.added(answers),
            _ => self.looked_up(answers, facts),
        }
    }

    fn outcome_unknown(self) -> Turn<Self> {
        let next = match self.stage {
            Stage::Add | Stage::AddAnew => self.at(Stage::FindOut),
            _ => self,
        };
        Turn::Continue(next, Effects::default())
    }
}
