//! A commitment change order → lines at the end of the commitment's purchase order.
//!
//! QuickBooks deletes every line that a change does not name, so the purchase order is read first, and each of its lines
//! goes back by its id, also one that a person added there (COMP-13). The `EditSequence` it was read with makes the write
//! safe: QuickBooks takes it once, and refuses it as stale (3200) the second time or where somebody was faster. Then the
//! order is read again, and what stands there beyond the lines known before says whether ours are among them.
//!
//! Decisions: several changes to one line of the schedule of values become one line (COMP-48); where their prices differ, by
//! its amount alone. Lines with negative amounts are sent (a guess: the schema allows them). What may not live here:
//! unlinking.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    answers::{self, Trouble},
    classes,
    coding::{self, Amounts, LineCode},
    faults::{Faults, told},
};
use crate::{
    links::{ItemType, NewLink, ProcoreItem},
    qbxml::{
        Access, ListRef, Money, Response, RetryClass,
        purchase_order::{
            self, PurchaseOrderLineAdd, PurchaseOrderLineMod, PurchaseOrderMod, PurchaseOrderRet,
        },
    },
    tasks::{Effects, Facts, Failure, FailureCode, Machine, Outcome, Step, Turn, Wants},
};

const RET: &str = "PurchaseOrderRet";
/// So often somebody may be faster in one go; then the next update tries.
const MOST_STALE: u8 = 5;

/// A change order on its way to QuickBooks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChangeOrderExport {
    /// The Procore change order.
    pub procore_id: i64,
    /// Its number, counted per commitment.
    pub number: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// Its third-party id, where Procore knows it to be linked.
    pub origin_id: Option<String>,
    /// The commitment.
    pub commitment_id: i64,
    /// A subcontract or a purchase order.
    pub commitment_type: ItemType,
    /// The commitment's number.
    pub commitment_number: Option<String>,
    /// The purchase order's `TxnID`, where Procore knows the commitment to be linked.
    pub commitment_origin_id: Option<String>,
    /// The project.
    pub project_id: i64,
    /// The job's `ListID`, where Procore knows the project to be linked.
    pub job_list_id: Option<String>,
    /// Its lines, in order.
    pub lines: Vec<ChangeOrderLine>,
    /// How far it is.
    pub stage: Stage,
    /// How often somebody else was faster.
    pub stale: u8,
}

/// A line of a change order; several on one line of the schedule of values become one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChangeOrderLine {
    /// The Procore lines that it stands for.
    pub procore_ids: Vec<i64>,
    /// The line of the schedule of values that it changes.
    pub changes: Option<i64>,
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
    /// The sum.
    pub amount: Money,
}

/// How far the export is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Read the purchase order.
    #[default]
    Read,
    /// Append to it as it was read.
    Append(Before),
    /// The fate of that is unknown, or somebody was faster: read again and compare.
    FindOut(Before),
}

/// The purchase order as it was read before ours was appended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// Which.
    pub txn_id: String,
    /// As it was read.
    pub edit_sequence: String,
    /// Its lines, in order.
    pub lines: Vec<String>,
    /// Its total.
    pub total: Money,
}

impl Default for ChangeOrderExport {
    fn default() -> Self {
        Self {
            procore_id: 0,
            number: None,
            title: None,
            origin_id: None,
            commitment_id: 0,
            commitment_type: ItemType::WorkOrderContract,
            commitment_number: None,
            commitment_origin_id: None,
            project_id: 0,
            job_list_id: None,
            lines: Vec::new(),
            stage: Stage::Read,
            stale: 0,
        }
    }
}

/// The purchase order a change order's third-party id names, and the lines its link names.
pub fn linked_lines(origin_id: &str, quickbooks_id: &str) -> (String, Vec<String>) {
    let order = origin_id.split_once('|').map_or(origin_id, |(order, _)| order);
    let lines = quickbooks_id
        .split(',')
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect();
    (order.to_owned(), lines)
}

impl ChangeOrderExport {
    fn item(&self) -> ProcoreItem {
        ProcoreItem::new(ItemType::ChangeOrder, self.procore_id)
    }

    fn commitment(&self) -> ProcoreItem {
        ProcoreItem::new(self.commitment_type, self.commitment_id)
    }

    /// `The change order 2 of commitment SC-001 ("More")`.
    fn what(&self) -> String {
        let number =
            told(self.number.as_ref()).unwrap_or_else(|| format!("with Procore's id {}", self.procore_id));
        let commitment = told(self.commitment_number.as_ref())
            .map(|number| format!(" of commitment {number}"))
            .unwrap_or_default();
        let title = told(self.title.as_ref())
            .map(|title| format!(" (\"{title}\")"))
            .unwrap_or_default();
        format!("The change order {number}{commitment}{title}")
    }

    /// The purchase order: as we have linked it, else as Procore told.
    fn order(&self, facts: &Facts<'_>) -> Option<String> {
        facts
            .link_of(self.commitment())
            .map(|link| link.quickbooks_id.clone())
            .or_else(|| told(self.commitment_origin_id.as_ref()))
    }

    fn job(&self, facts: &Facts<'_>) -> Option<String> {
        told(self.job_list_id.as_ref()).or_else(|| {
            let project = ProcoreItem::new(ItemType::Project, self.project_id);
            facts.link_of(project).map(|link| link.quickbooks_id.clone())
        })
    }

    /// COMP-48: changes to one line of the schedule of values are added up.
    fn added_up(&self) -> Vec<ChangeOrderLine> {
        let mut lines: Vec<ChangeOrderLine> = Vec::new();
        for line in &self.lines {
            let same = lines.iter_mut().find(|other| {
                line.changes.is_some()
                    && other.changes == line.changes
                    && other.code.procore_id == line.code.procore_id
                    && other.code.cost_type == line.code.cost_type
            });
            let Some(sum) = same else {
                lines.push(line.clone());
                continue;
            };
            sum.procore_ids.extend(&line.procore_ids);
            sum.amount += line.amount;
            if sum.unit_cost == line.unit_cost {
                sum.quantity += line.quantity;
            } else {
                sum.is_unit_based = false;
            }
        }
        lines
    }

    fn sum(&self) -> Money {
        self.lines.iter().map(|line| line.amount).sum()
    }

    /// The lines as they will be written, or everything that keeps them from being written.
    fn new_lines(&self, facts: &Facts<'_>) -> Result<Vec<PurchaseOrderLineAdd>, Failure> {
        let what = self.what();
        let mut faults = Faults::default();
        let job = self.job(facts);
        if job.is_none() {
            faults.not_synced.push(format!(
                "{what} cannot be sent to ERP because its project is not linked to a job in QuickBooks. Send the project first, \
                 then export the change order again."
            ));
        }
        if self.lines.is_empty() {
            faults.invalid.push(format!(
                "{what} cannot be sent to ERP because it has no lines. Add at least one line with a cost code, then export it \
                 again."
            ));
        }
        let lines = self
            .added_up()
            .iter()
            .zip(1..)
            .filter_map(|(line, place)| {
                let own = coding::Line {
                    what: &what,
                    record: "change order",
                    place,
                    code: &line.code,
                    description: line.description.as_deref(),
                    is_unit_based: line.is_unit_based,
                    quantity: line.quantity,
                    unit_cost: line.unit_cost,
                    amount: line.amount,
                };
                let coded = own.coded(facts, &mut faults);
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
                    customer: ListRef::by_id(coded.sub_job.as_ref().or(job.as_ref())?),
                })
            })
            .collect();
        faults.into_result()?;
        Ok(lines)
    }

    fn at(&self, stage: Stage) -> Self {
        Self {
            stage,
            ..self.clone()
        }
    }

    fn not_synced(&self) -> Failure {
        Failure::new(
            FailureCode::NotSynced,
            format!(
                "{} cannot be sent to ERP because its commitment is not in QuickBooks. Export the commitment first, then the \
                 change order again.",
                self.what()
            ),
        )
    }

    /// Linked already, and Procore knows: it is told again, and nothing is written.
    fn known(&self, facts: &Facts<'_>) -> Option<Outcome> {
        told(self.origin_id.as_ref())?;
        let items = self
            .lines
            .iter()
            .flat_map(|line| &line.procore_ids)
            .map(|id| ProcoreItem::new(ItemType::LineItem, *id));
        let links = std::iter::once(self.item())
            .chain(items)
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
        let effects = Effects {
            links,
            ..Effects::default()
        };
        Some(Outcome::Done(effects, Vec::new()))
    }

    /// The purchase order in an answer to a query.
    fn read(&self, answers: &[Response], txn_id: &str) -> Result<PurchaseOrderRet, Trouble> {
        let what = self.what();
        let [response] = answers else {
            let why = "QuickBooks did not give one answer to one query.";
            return Err(Trouble::Failed(answers::unreadable(&what, why)));
        };
        let status = &response.status;
        if status.retry_class() == RetryClass::Again {
            return Err(Trouble::Later(format!("{what} waits: {}", status.told())));
        }
        match response.record::<PurchaseOrderRet>(RET) {
            Some(Ok(order)) if order.txn_id == txn_id => Ok(order),
            Some(Err(error)) => Err(Trouble::Failed(answers::unreadable(&what, &error.to_string()))),
            _ if status.is_error() && !matches!(status.code, 500 | 3000 | 3120) => {
                Err(Trouble::Failed(answers::refused(&what, status)))
            }
            _ => Err(Trouble::Failed(Failure::new(
                FailureCode::NotSynced,
                format!(
                    "{what} cannot be sent to ERP because the purchase order of its commitment is no longer in QuickBooks \
                     ({txn_id}). Unlink the commitment in the ERP Integrations tool and export it again, then the change order."
                ),
            ))),
        }
    }

    fn troubled(self, trouble: Trouble) -> Turn<Self> {
        match trouble {
            Trouble::Later(reason) => Turn::Later(self, reason),
            Trouble::Failed(failure) => failed(failure),
        }
    }

    fn was_read(self, answers: &[Response], facts: &Facts<'_>) -> Turn<Self> {
        let Some(txn_id) = self.order(facts) else {
            return failed(self.not_synced());
        };
        let order = match self.read(answers, &txn_id) {
            Ok(order) => order,
            Err(trouble) => return self.troubled(trouble),
        };
        // Sent twice, or unlinked in Procore alone: what stands there is not written again.
        if let Some(link) = facts.link_of(self.item()) {
            let (_, lines) = linked_lines(&link.origin_id, &link.quickbooks_id);
            let there = |line: &&String| order.lines.iter().any(|found| found.txn_line_id == **line);
            if !lines.is_empty() && lines.iter().all(|line| there(&line)) {
                return Turn::Finished(self.concluded(&order, &lines, None));
            }
            if lines.iter().any(|line| there(&line)) {
                return failed(self.only_in_part(&order));
            }
        }
        if !order.groups.is_empty() {
            return failed(Failure::new(
                FailureCode::NotAvailable,
                format!(
                    "{} cannot be sent to ERP because purchase order {} holds a group of items, which Plumbline cannot keep when \
                     it adds lines. In QuickBooks, enter the items of the group one by one and delete the group, then export the \
                     change order again.",
                    self.what(),
                    order.ref_number.as_deref().unwrap_or(&order.txn_id)
                ),
            ));
        }
        let before = Before {
            edit_sequence: order.edit_sequence.unwrap_or_default(),
            lines: order.lines.into_iter().map(|line| line.txn_line_id).collect(),
            total: order.total_amount.unwrap_or_default(),
            txn_id: order.txn_id,
        };
        Turn::Continue(self.at(Stage::Append(before)), Effects::default())
    }

    fn appended(self, answers: &[Response], before: Before) -> Turn<Self> {
        let what = self.what();
        let [response] = answers else {
            return Turn::Continue(self.at(Stage::FindOut(before)), Effects::default());
        };
        let status = &response.status;
        if !status.is_error() {
            return match response.record::<PurchaseOrderRet>(RET) {
                Some(Ok(order)) => match self.ours(&order, &before) {
                    Some(lines) => Turn::Finished(self.concluded(&order, &lines, Some(&before))),
                    None => failed(self.only_in_part(&order)),
                },
                // A status check, or an answer without lines.
                _ => Turn::Continue(self.at(Stage::FindOut(before)), Effects::default()),
            };
        }
        match status.code {
            3200 | 3230 | 3240 => {
                let stale = self.stale.saturating_add(1);
                let next = Self {
                    stage: Stage::FindOut(before),
                    stale,
                    ..self
                };
                if stale.is_multiple_of(MOST_STALE) {
                    return Turn::Later(
                        next,
                        format!("{what} waits: its purchase order is being changed in QuickBooks."),
                    );
                }
                Turn::Continue(next, Effects::default())
            }
            _ if status.retry_class() == RetryClass::Again => Turn::Later(
                self.at(Stage::FindOut(before)),
                format!("{what} waits: {}", status.told()),
            ),
            _ => failed(answers::refused(&what, status)),
        }
    }

    fn found_out(self, answers: &[Response], before: &Before) -> Turn<Self> {
        let order = match self.read(answers, &before.txn_id) {
            Ok(order) => order,
            Err(trouble) => return self.troubled(trouble),
        };
        if let Some(lines) = self.ours(&order, before) {
            return Turn::Finished(self.concluded(&order, &lines, Some(before)));
        }
        let expected = self.added_up();
        let strange = order
            .lines
            .iter()
            .filter(|line| !before.lines.contains(&line.txn_line_id))
            .any(|line| expected.iter().any(|ours| line.amount == Some(ours.amount)));
        if strange {
            // Perhaps ours, changed since by a person: it must not be written a second time.
            return failed(self.only_in_part(&order));
        }
        Turn::Continue(self.at(Stage::Read), Effects::default())
    }

    /// Our lines among those that were not there before: as many as we sent, one behind the other, with our amounts.
    fn ours(&self, order: &PurchaseOrderRet, before: &Before) -> Option<Vec<String>> {
        let expected: Vec<Option<Money>> = self.added_up().iter().map(|line| Some(line.amount)).collect();
        let new: Vec<_> = order
            .lines
            .iter()
            .filter(|line| !before.lines.contains(&line.txn_line_id))
            .collect();
        new.windows(expected.len().max(1))
            .find(|window| window.iter().map(|line| line.amount).eq(expected.iter().copied()))
            .map(|window| window.iter().map(|line| line.txn_line_id.clone()).collect())
    }

    fn only_in_part(&self, order: &PurchaseOrderRet) -> Failure {
        Failure::new(
            FailureCode::AmountMismatch,
            format!(
                "{} may stand on purchase order {} in QuickBooks already, but not as it was sent. Nothing was written. Delete its \
                 lines there if they are to be sent anew, then export the change order again.",
                self.what(),
                order.ref_number.as_deref().unwrap_or(&order.txn_id)
            ),
        )
    }

    /// It stands in QuickBooks, on these lines.
    fn concluded(&self, order: &PurchaseOrderRet, lines: &[String], before: Option<&Before>) -> Outcome {
        let Some(first) = lines.first() else {
            return Outcome::Failed(self.only_in_part(order), Effects::default());
        };
        let mut effects = Effects {
            links: vec![
                NewLink {
                    item: self.item(),
                    origin_id: format!("{}|{first}", order.txn_id),
                    origin_code: order.ref_number.clone(),
                    quickbooks_id: lines.join(","),
                    edit_sequence: None,
                    tell_procore: true,
                    stands_as: None,
                },
                // The purchase order has changed.
                NewLink {
                    item: self.commitment(),
                    origin_id: order.txn_id.clone(),
                    origin_code: order.ref_number.clone(),
                    quickbooks_id: order.txn_id.clone(),
                    edit_sequence: order.edit_sequence.clone(),
                    tell_procore: true,
                    stands_as: None,
                },
            ],
            ..Effects::default()
        };
        for (line, id) in self.added_up().iter().zip(lines) {
            for (nth, procore_id) in line.procore_ids.iter().enumerate() {
                effects.links.push(NewLink {
                    item: ProcoreItem::new(ItemType::LineItem, *procore_id),
                    // Procore keeps no id twice.
                    origin_id: if nth == 0 {
                        id.clone()
                    } else {
                        format!("{id}|{}", nth + 1)
                    },
                    origin_code: None,
                    quickbooks_id: id.clone(),
                    edit_sequence: None,
                    tell_procore: true,
                    stands_as: None,
                });
            }
        }
        let expected = before.map(|before| before.total + self.sum());
        match (order.total_amount, expected) {
            (Some(total), Some(expected))
                if total != expected
                    && order.lines.len() == before.map_or(0, |before| before.lines.len()) + lines.len() =>
            {
                Outcome::Failed(
                    Failure::new(
                        FailureCode::AmountMismatch,
                        format!(
                            "{} is in QuickBooks on purchase order {}, but its total there is {total} instead of {expected} \
                             (difference {}). Correct the purchase order in QuickBooks.",
                            self.what(),
                            order.ref_number.as_deref().unwrap_or(&order.txn_id),
                            total - expected
                        ),
                    ),
                    effects,
                )
            }
            _ => Outcome::Done(effects, Vec::new()),
        }
    }
}

fn failed<S>(failure: Failure) -> Turn<S> {
    Turn::Finished(Outcome::Failed(failure, Effects::default()))
}

impl Machine for ChangeOrderExport {
    fn wants(&self) -> Wants {
        let mut links = vec![
            self.item(),
            self.commitment(),
            ProcoreItem::new(ItemType::Project, self.project_id),
        ];
        for line in &self.lines {
            links.extend(
                line.procore_ids
                    .iter()
                    .map(|id| ProcoreItem::new(ItemType::LineItem, *id)),
            );
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
            Stage::Append(_) => Access::Write,
            Stage::Read | Stage::FindOut(_) => Access::Read,
        }
    }

    fn step(&self, facts: &Facts<'_>) -> Step<Self> {
        let refused = |failure| Step::Finished(Outcome::Failed(failure, Effects::default()));
        match &self.stage {
            Stage::Read => {
                if let Some(outcome) = self.known(facts) {
                    return Step::Finished(outcome);
                }
                // What can be said without QuickBooks is said first.
                if let Err(failure) = self.new_lines(facts) {
                    return refused(failure);
                }
                match self.order(facts) {
                    Some(txn_id) => Step::Ask(vec![purchase_order::by_id(&txn_id)]),
                    None => refused(self.not_synced()),
                }
            }
            Stage::FindOut(before) => Step::Ask(vec![purchase_order::by_id(&before.txn_id)]),
            Stage::Append(before) => match self.new_lines(facts) {
                Ok(new) => {
                    let kept = before.lines.iter().map(|id| PurchaseOrderLineMod::kept(id));
                    Step::Ask(vec![purchase_order::modify(PurchaseOrderMod {
                        txn_id: before.txn_id.clone(),
                        edit_sequence: before.edit_sequence.clone(),
                        lines: kept
                            .chain(new.into_iter().map(PurchaseOrderLineMod::new))
                            .collect(),
                    })])
                }
                Err(failure) => refused(failure),
            },
        }
    }

    fn answer(self, answers: &[Response], facts: &Facts<'_>) -> Turn<Self> {
        match self.stage.clone() {
            Stage::Read => self.was_read(answers, facts),
            Stage::Append(before) => self.appended(answers, before),
            Stage::FindOut(before) => self.found_out(answers, &before),
        }
    }

    fn outcome_unknown(self) -> Turn<Self> {
        let next = match &self.stage {
            Stage::Append(before) => self.at(Stage::FindOut(before.clone())),
            Stage::Read | Stage::FindOut(_) => self,
        };
        Turn::Continue(next, Effects::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::imports::fixture::World;

    fn line(id: i64, changes: i64, cents: i64) -> ChangeOrderLine {
        ChangeOrderLine {
            procore_ids: vec![id],
            changes: Some(changes),
            code: LineCode {
                procore_id: Some(1472),
                full_code: "01-000".into(),
                origin_id: Some("JOB|I-1".into()),
                standard_cost_code_id: None,
                ..LineCode::default()
            },
            amount: Money::from_cents(cents),
            ..ChangeOrderLine::default()
        }
    }

    fn export(lines: Vec<ChangeOrderLine>) -> ChangeOrderExport {
        ChangeOrderExport {
            procore_id: 3,
            number: Some("2".into()),
            commitment_id: 41,
            commitment_number: Some("SC-001".into()),
            commitment_origin_id: Some("5A-1".into()),
            job_list_id: Some("JOB".into()),
            lines,
            ..ChangeOrderExport::default()
        }
    }

    fn order(lines: &[(&str, &str)], more: &str) -> Response {
        let mut body = String::new();
        for (id, amount) in lines {
            body.push_str("<PurchaseOrderLineRet><TxnLineID>");
            body.push_str(id);
            body.push_str("</TxnLineID><Amount>");
            body.push_str(amount);
            body.push_str("</Amount></PurchaseOrderLineRet>");
        }
        Response::ok(
            "PurchaseOrderQueryRs",
            &format!(
                "<PurchaseOrderRet><TxnID>5A-1</TxnID><EditSequence>7</EditSequence><RefNumber>SC-001</RefNumber>\
                 <TotalAmount>1000.00</TotalAmount>{body}{more}</PurchaseOrderRet>"
            ),
        )
    }

    fn before() -> Before {
        Before {
            txn_id: "5A-1".into(),
            edit_sequence: "7".into(),
            lines: vec!["L1".into()],
            total: Money::from_cents(100_000),
        }
    }

    fn finding_out(lines: Vec<ChangeOrderLine>, standing: &[(&str, &str)]) -> Turn<ChangeOrderExport> {
        let world = World::default();
        let export = export(lines).at(Stage::FindOut(before()));
        export.answer(&[order(standing, "")], &world.facts())
    }

    #[test]
    fn comp_48_changes_to_one_line_are_added_up_and_others_are_not() {
        let mut other_price = line(4, 7, 100);
        other_price.is_unit_based = true;
        other_price.quantity = Decimal::ONE;
        other_price.unit_cost = Decimal::ONE;
        let export = export(vec![
            line(1, 7, 30_000),
            line(2, 8, 500),
            line(3, 7, -10_000),
            other_price,
        ]);
        let added: Vec<(Vec<i64>, Money, bool)> = export
            .added_up()
            .into_iter()
            .map(|line| (line.procore_ids, line.amount, line.is_unit_based))
            .collect();
        let expected = [(vec![1, 3, 4], 20_100), (vec![2], 500)];
        assert_eq!(
            added,
            expected.map(|(ids, cents)| (ids, Money::from_cents(cents), false))
        );
        let sum: Money = added.iter().map(|(_, amount, _)| *amount).sum();
        assert_eq!(sum, export.sum());
    }

    #[test]
    fn every_line_goes_back_and_ours_come_last() {
        let world = World::default();
        let export = export(vec![line(1, 7, 50_000)]);
        let read = order(&[("L1", "1000.00"), ("by-hand", "3.00")], "");
        let Turn::Continue(next, effects) = export.answer(&[read], &world.facts()) else {
            panic!()
        };
        assert_eq!(effects, Effects::default());
        let Step::Ask(requests) = next.step(&world.facts()) else {
            panic!()
        };
        let body = &requests[0].body;
        assert!(
            body.starts_with(
                "<PurchaseOrderMod><TxnID>5A-1</TxnID><EditSequence>7</EditSequence>\
                 <PurchaseOrderLineMod><TxnLineID>L1</TxnLineID></PurchaseOrderLineMod>\
                 <PurchaseOrderLineMod><TxnLineID>by-hand</TxnLineID></PurchaseOrderLineMod>\
                 <PurchaseOrderLineMod><TxnLineID>-1</TxnLineID><ItemRef><ListID>I-1</ListID></ItemRef><Amount>500.00</Amount>"
            ),
            "{body}"
        );
    }

    #[test]
    fn a_group_of_items_would_be_deleted_so_nothing_is_written() {
        let world = World::default();
        let group = "<PurchaseOrderLineGroupRet><TxnLineID>G1</TxnLineID></PurchaseOrderLineGroupRet>";
        let read = order(&[("L1", "1000.00")], group);
        let Turn::Finished(Outcome::Failed(failure, _)) =
            export(vec![line(1, 7, 50_000)]).answer(&[read], &world.facts())
        else {
            panic!()
        };
        assert!(
            failure.text().contains("holds a group of items"),
            "{}",
            failure.text()
        );
    }

    #[test]
    fn what_became_of_it_is_read_from_the_lines_that_were_not_there_before() {
        let lines = || vec![line(1, 7, 50_000), line(2, 8, 100)];
        // Ours, with a line of somebody else's before them.
        let there = [("L1", "1000.00"), ("X", "9.00"), ("N1", "500.00"), ("N2", "1.00")];
        let Turn::Finished(Outcome::Done(effects, _)) = finding_out(lines(), &there) else {
            panic!()
        };
        assert_eq!(effects.links[0].quickbooks_id, "N1,N2");
        assert_eq!(effects.links[0].origin_id, "5A-1|N1");
        // Not there: read and written anew, though somebody added a line.
        let turn = finding_out(lines(), &[("L1", "1000.00"), ("X", "9.00")]);
        assert!(
            matches!(&turn, Turn::Continue(next, _) if next.stage == Stage::Read),
            "{turn:?}"
        );
        // Perhaps there, and changed since: never written a second time.
        let turn = finding_out(lines(), &[("L1", "1000.00"), ("N1", "500.00"), ("N2", "1.01")]);
        assert!(matches!(turn, Turn::Finished(Outcome::Failed(..))), "{turn:?}");
    }
}
