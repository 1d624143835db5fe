//! A subcontractor invoice → a bill: its lines on their items and the job, and retainage on the item of the settings.
//!
//! The bill is not linked to lines of the purchase order: QuickBooks receives purchase orders by quantity, so the first
//! progress bill would close an amount-based line, and a link cannot be undone (qbxml.md §11).
//!
//! Decisions: lines without amount and quantity in this period are left out, for a bill of fifty zeros helps nobody. A
//! bill of 0.00 is sent if it has lines (all work of the period retained): it is a cost of the job and a debt to the
//! vendor all the same. What is below zero is refused (MAP-33), or by a setting becomes a vendor credit (COMP-44): the same
//! lines with their signs turned. The sign of the total alone says which of the two was sent, so that it is found again
//! whatever the setting is by then.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    answers::Trouble,
    classes, closing_date,
    coding::{self, Amounts, LineCode},
    faults::{Faults, told, within},
    number,
    receipt::OpenOrder,
    retainage,
    written::{self, Expected, Sent, Written},
};
use crate::{
    links::{ItemType, ProcoreItem},
    qbxml::{
        Access, ListRef, Money, Request, Response,
        bill::{self, BillAdd, BillRet, ItemLineAdd, LinkToTxn},
        identity::RecordKind,
        purchase_order::{self, PurchaseOrderRet},
        text,
        vendor_credit::{self, VendorCreditRet},
    },
    tasks::{Effects, Facts, Failure, FailureCode, Machine, Outcome, Step, Turn, Wants},
};

const BILL_RET: &str = "BillRet";
const CREDIT_RET: &str = "VendorCreditRet";

/// A subcontractor invoice on its way to QuickBooks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InvoiceExport {
    /// The Procore requisition.
    pub procore_id: i64,
    /// The vendor's invoice number: the bill's number.
    pub invoice_number: Option<String>,
    /// The bill's date.
    pub billing_date: Option<NaiveDate>,
    /// When the bill is due; without it the vendor's terms apply.
    pub payment_date: Option<NaiveDate>,
    /// The commitment. Its kind need not be known: both kinds share their ids.
    pub commitment_id: i64,
    /// What a person calls the commitment.
    pub commitment_number: Option<String>,
    /// The purchase order's `TxnID`, where Procore knows the commitment to be linked.
    pub commitment_origin_id: Option<String>,
    /// The contract company, where known.
    pub vendor_id: Option<i64>,
    /// The vendor's `ListID`, where known; else the purchase order is asked.
    pub vendor_list_id: Option<String>,
    /// The project.
    pub project_id: Option<i64>,
    /// The job's `ListID`, where Procore knows the project to be linked.
    pub job_list_id: Option<String>,
    /// The bill's `TxnID`, where Procore knows the invoice to be linked.
    pub origin_id: Option<String>,
    /// What Procore says is due. The bill must come to it, to the cent.
    pub current_payment_due: Option<Money>,
    /// A note.
    pub memo: Option<String>,
    /// The lines, in order.
    pub lines: Vec<InvoiceLine>,
    /// Our own id for the bill, in braces, derived from the Procore record.
    pub external_guid: String,
    /// What is left of the purchase order, where its lines are to be received.
    pub order: Option<OpenOrder>,
    /// The retainage item of the settings, once it has been looked up.
    pub retainage_item: Option<String>,
    /// How far it is.
    pub stage: Stage,
}

/// A line of a subcontractor invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InvoiceLine {
    /// The Procore line.
    pub procore_id: i64,
    /// `RequisitionContractItem`, `RequisitionContractDetailItem` or `RequisitionChangeOrderItem`.
    pub item_type: ItemType,
    /// Its cost code.
    pub code: LineCode,
    /// Its text.
    pub description: Option<String>,
    /// Whether quantity and price count.
    pub is_unit_based: bool,
    /// Quantity of this period.
    pub quantity: Decimal,
    /// The price of one.
    pub unit_cost: Decimal,
    /// Work and materials of this period, before retainage.
    pub amount: Money,
    /// Held back of this line in this period, as a positive amount.
    pub retainage_held: Money,
    /// Released in this period, as a positive amount.
    pub retainage_released: Money,
    /// The purchase order line it is about, where Procore knows it.
    pub order_line: Option<String>,
}

impl Default for InvoiceLine {
    fn default() -> Self {
        Self {
            procore_id: 0,
            item_type: ItemType::RequisitionContractItem,
            code: LineCode::default(),
            description: None,
            is_unit_based: false,
            quantity: Decimal::ZERO,
            unit_cost: Decimal::ZERO,
            amount: Money::ZERO,
            retainage_held: Money::ZERO,
            retainage_released: Money::ZERO,
            order_line: None,
        }
    }
}

impl InvoiceLine {
    /// The purchase order line and the quantity that it would receive.
    fn receives(&self) -> Option<(&str, Decimal)> {
        let line = self.order_line.as_deref().filter(|_| self.is_unit_based)?;
        Some((line, self.quantity))
    }

    fn is_billed(&self) -> bool {
        !self.amount.is_zero() || (self.is_unit_based && !self.quantity.is_zero())
    }
}

/// How far the export is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Learn from settings and links what the bill needs.
    Prepare {
        /// The bill it was linked to is gone: links to it do not count.
        anew: bool,
    },
    /// The vendor is not known, or lines of the purchase order are to be received: read it.
    #[serde(rename = "find_vendor")]
    ReadOrder {
        /// The purchase order.
        txn_id: String,
    },
    /// Add it.
    Add,
    /// The fate of the Add is unknown: go and look.
    FindOut,
    /// It was written: read its lines' ids.
    ReadBack {
        /// The bill.
        txn_id: String,
    },
    /// It is linked here, and Procore does not know it: sent twice, or reset there. Look whether it exists.
    Recheck {
        /// The bill.
        txn_id: String,
    },
    /// It is linked in Procore, and not here: look whether it exists.
    Adopt {
        /// The bill.
        txn_id: String,
    },
}

impl Default for Stage {
    fn default() -> Self {
        Self::Prepare { anew: false }
    }
}

impl InvoiceExport {
    fn item(&self) -> ProcoreItem {
        ProcoreItem::new(ItemType::Requisition, self.procore_id)
    }

    fn commitment_items(&self) -> [ProcoreItem; 2] {
        [ItemType::WorkOrderContract, ItemType::PurchaseOrderContract]
            .map(|kind| ProcoreItem::new(kind, self.commitment_id))
    }

    /// `The subcontractor invoice 9348`.
    fn what(&self) -> String {
        match told(self.invoice_number.as_ref()) {
            Some(number) => format!("The subcontractor invoice {number}"),
            None => format!("The subcontractor invoice with Procore's id {}", self.procore_id),
        }
    }

    fn commitment_label(&self) -> String {
        match told(self.commitment_number.as_ref()) {
            Some(number) => format!("commitment {number}"),
            None => format!("commitment (Procore's id {})", self.commitment_id),
        }
    }

    /// The bill's number as QuickBooks will hold it; empty where there is none.
    fn clean_number(&self) -> String {
        number::clean(self.invoice_number.as_deref())
    }

    /// MAP-23: the bill's number.
    fn ref_number(&self) -> Result<String, String> {
        number::checked(
            &self.what(),
            "bill",
            self.invoice_number.as_deref(),
            bill::REF_NUMBER_MAX,
        )
    }

    fn purchase_order(&self, facts: &Facts<'_>) -> Option<String> {
        told(self.commitment_origin_id.as_ref()).or_else(|| {
            self.commitment_items()
                .into_iter()
                .find_map(|item| facts.link_of(item))
                .map(|link| link.quickbooks_id.clone())
        })
    }

    fn vendor(&self, facts: &Facts<'_>) -> Option<String> {
        told(self.vendor_list_id.as_ref()).or_else(|| {
            let vendor = ProcoreItem::new(ItemType::Vendor, self.vendor_id?);
            facts.link_of(vendor).map(|link| link.quickbooks_id.clone())
        })
    }

    fn job(&self, facts: &Facts<'_>) -> Option<String> {
        told(self.job_list_id.as_ref()).or_else(|| {
            let project = ProcoreItem::new(ItemType::Project, self.project_id?);
            facts.link_of(project).map(|link| link.quickbooks_id.clone())
        })
    }

    fn held(&self) -> Money {
        self.lines.iter().map(|line| line.retainage_held).sum()
    }

    fn released(&self) -> Money {
        self.lines.iter().map(|line| line.retainage_released).sum()
    }

    /// The lines that are sent: the Procore line, if it is one, and the amount.
    fn sent_lines(&self) -> Vec<(Option<ProcoreItem>, Money)> {
        let work = self.lines.iter().filter(|line| line.is_billed()).map(|line| {
            (
                Some(ProcoreItem::new(line.item_type, line.procore_id)),
                line.amount,
            )
        });
        let retainage = self.retainage().into_iter().map(|(_, amount)| (None, amount));
        work.chain(retainage).collect()
    }

    /// ADV-19: held retainage is a deduction, released retainage an addition; each only if there is any.
    fn retainage(&self) -> Vec<(&'static str, Money)> {
        [
            ("Retainage held", -self.held()),
            ("Retainage released", self.released()),
        ]
        .into_iter()
        .filter(|(_, amount)| !amount.is_zero())
        .collect()
    }

    fn total(&self) -> Money {
        self.sent_lines().into_iter().map(|(_, amount)| amount).sum()
    }

    /// What becomes of it in QuickBooks.
    fn kind(&self) -> RecordKind {
        if self.total().is_negative() {
            RecordKind::VendorCredit
        } else {
            RecordKind::Bill
        }
    }

    /// What the transaction it is linked to is: as its link says; else what would be made of it.
    fn kind_of(&self, txn_id: &str, facts: &Facts<'_>) -> RecordKind {
        facts
            .link_of(self.item())
            .filter(|link| link.quickbooks_id == txn_id)
            .map_or_else(|| self.kind(), |link| link.stands_as.unwrap_or(RecordKind::Bill))
    }

    /// MAP-25, MAP-33: the bill comes to what is due, and to something a bill can be.
    fn check_total(&self, facts: &Facts<'_>) -> Result<(), Failure> {
        let what = self.what();
        let refused = |code, why: String| {
            Err(Failure::new(
                code,
                format!("{what} cannot be sent to ERP because {why}"),
            ))
        };
        let total = self.total();
        let Some(due) = self.current_payment_due else {
            return refused(
                FailureCode::AmountMismatch,
                "Procore did not tell its Current Payment Due, so that its lines cannot be checked. Send it again; if it stays \
                 so, tell whoever runs Plumbline."
                    .to_owned(),
            );
        };
        let lowest = total.min(due);
        if lowest.is_negative() && !facts.settings.negative_invoices_as_vendor_credits {
            return refused(
                FailureCode::InvalidField,
                format!(
                    "what is due is {lowest}, and a bill in QuickBooks cannot be below zero. Take the deduction into the next \
                     invoice, or enter a vendor credit in QuickBooks by hand; the setting \
                     negative_invoices_as_vendor_credits makes one of such an invoice."
                ),
            );
        }
        if total != due {
            let work: Money = self.lines.iter().map(|line| line.amount).sum();
            return refused(
                FailureCode::AmountMismatch,
                format!(
                    "its lines come to {total} (work and materials {work}, retainage held {}, released {}), but its Current \
                     Payment Due in Procore is {due} (difference {}). Correct the invoice in Procore, then export it again.",
                    self.held(),
                    self.released(),
                    total - due
                ),
            );
        }
        if self.sent_lines().is_empty() {
            return refused(
                FailureCode::InvalidField,
                "it bills nothing in this period: no line has an amount, and no retainage is held or released.".to_owned(),
            );
        }
        Ok(())
    }

    /// ADV-20: the item must be chosen even where nothing is held.
    fn retainage_item_fault(&self, facts: &Facts<'_>) -> Option<String> {
        retainage::item_fault(
            &self.what(),
            "Invoice Retainage Item",
            facts.settings.retainage_item_list_id.as_deref(),
            " It is needed even where no retainage is held.",
            facts,
        )
    }

    fn line(
        &self,
        place: usize,
        line: &InvoiceLine,
        job: Option<&String>,
        open: &mut Option<OpenOrder>,
        facts: &Facts<'_>,
        faults: &mut Faults,
    ) -> Option<ItemLineAdd> {
        let what = self.what();
        let own = coding::Line {
            what: &what,
            record: "invoice",
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
        let item = ListRef::by_id(coded.item?);
        let receipt = open
            .as_mut()
            .zip(line.receives())
            .and_then(|(open, (id, quantity))| {
                let txn_line_id = open.receive(id, quantity)?;
                Some(LinkToTxn {
                    txn_id: open.txn_id.clone(),
                    txn_line_id,
                })
            });
        Some(ItemLineAdd {
            item: receipt.is_none().then_some(item),
            desc: coded.desc,
            quantity,
            cost: price,
            amount,
            customer: ListRef::by_id(coded.sub_job.as_ref().or(job)?),
            class: coded.class.as_deref().map(ListRef::by_id),
            billable_status: bill::NOT_BILLABLE.to_owned(),
            link: receipt,
        })
    }

    /// The bill as it will be written, or everything that keeps it from being written. Below zero it is written as the vendor
    /// credit it turns into.
    pub fn bill(&self, facts: &Facts<'_>) -> Result<BillAdd, Failure> {
        let what = self.what();
        let mut faults = Faults::default();
        faults.setting.extend(self.retainage_item_fault(facts));
        let ref_number = faults.noted(self.ref_number());
        let date = self.billing_date.unwrap_or_default();
        if self.billing_date.is_none() {
            faults.invalid.push(format!(
                "{what} cannot be sent to ERP because it has no billing date; it becomes the bill's date. Enter one in Procore, \
                 then export it again."
            ));
        } else {
            faults.noted(closing_date::check(&what, date, facts));
        }
        let memo = text::fit_optional(
            &format!("The memo of {}", within(&what)),
            self.memo.as_deref(),
            bill::MEMO_MAX,
        );
        let memo = faults.noted(memo.map_err(|error| error.to_string()));
        let job = self.job(facts);
        if job.is_none() {
            faults.not_synced.push(format!(
                "{what} cannot be sent to ERP because its project is not linked to a job in QuickBooks. Send the project first, \
                 then export the invoice again."
            ));
        }
        let mut open = self.order.clone();
        let mut lines: Vec<ItemLineAdd> = self
            .lines
            .iter()
            .zip(1..)
            .filter(|(line, _)| line.is_billed())
            .filter_map(|(line, place)| self.line(place, line, job.as_ref(), &mut open, facts, &mut faults))
            .collect();
        let vendor = self.vendor(facts);
        if vendor.is_none() {
            faults.not_synced.push(format!(
                "{what} cannot be sent to ERP because the vendor of its {} is not known in QuickBooks. Link the contract company \
                 in the ERP Integrations tool (Vendors), then export the invoice again.",
                self.commitment_label()
            ));
        }
        faults.into_result()?;
        self.check_total(facts)?;
        let retainage_item = facts.settings.retainage_item_list_id.clone().unwrap_or_default();
        let job = job.unwrap_or_default();
        lines.extend(self.retainage().into_iter().map(|(desc, amount)| ItemLineAdd {
            item: Some(ListRef::by_id(&retainage_item)),
            desc: Some(desc.to_owned()),
            quantity: None,
            cost: None,
            amount: Some(amount),
            customer: ListRef::by_id(&job),
            // Held money is no cost, and has no cost type.
            class: None,
            billable_status: bill::NOT_BILLABLE.to_owned(),
            link: None,
        }));
        Ok(BillAdd {
            vendor: ListRef::by_id(vendor.unwrap_or_default()),
            txn_date: date.to_string(),
            due_date: self.payment_date.map(|date| date.to_string()),
            ref_number,
            memo,
            external_guid: Some(self.external_guid.clone()).filter(|guid| !guid.is_empty()),
            lines,
        })
    }

    fn at(&self, stage: Stage) -> Self {
        Self {
            stage,
            ..self.clone()
        }
    }

    /// It stands in QuickBooks.
    fn concluded(&self, (kind, written): &(RecordKind, Written)) -> Outcome {
        let credit = *kind == RecordKind::VendorCredit;
        let signed = |amount: Money| if credit { -amount } else { amount };
        let lines: Vec<_> = self
            .sent_lines()
            .into_iter()
            .map(|(item, amount)| (item, signed(amount)))
            .collect();
        written::concluded(
            written,
            &Expected {
                item: self.item(),
                what: &self.what(),
                kind: *kind,
                ref_number: Some(self.clean_number())
                    .filter(|number| !number.is_empty())
                    .as_deref(),
                total: signed(self.total()),
                lines: &lines,
            },
        )
    }

    /// Already linked, with all its lines: Procore is told again, and nothing is written.
    fn known(&self, facts: &Facts<'_>) -> Option<Outcome> {
        let items = self.sent_lines().into_iter().filter_map(|(item, _)| item);
        written::told_again(std::iter::once(self.item()).chain(items), facts)
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

    fn prepare(&self, facts: &Facts<'_>) -> Step<Self> {
        let refused = |failure| Step::Finished(Outcome::Failed(failure, Effects::default()));
        let Some(txn_id) = self.purchase_order(facts) else {
            return refused(Failure::new(
                FailureCode::NotSynced,
                format!(
                    "{} cannot be sent to ERP because its {} is not in QuickBooks. Export the commitment first, then the \
                     invoice again.",
                    self.what(),
                    self.commitment_label()
                ),
            ));
        };
        if facts.settings.retainage_item_list_id.is_none()
            && let Some(fault) = self.retainage_item_fault(facts)
        {
            return refused(Failure::new(FailureCode::Setting, fault));
        }
        let receives = facts.settings.link_bills_to_purchase_orders
            && self.kind() == RecordKind::Bill
            && self.lines.iter().any(|line| line.receives().is_some());
        let stage = if self.vendor(facts).is_some() && !receives {
            Stage::Add
        } else {
            Stage::ReadOrder { txn_id }
        };
        let next = Self {
            order: receives.then(OpenOrder::default),
            retainage_item: facts.settings.retainage_item_list_id.clone(),
            ..self.at(stage)
        };
        Step::Advance(next, Effects::default())
    }

    fn added(self, answers: &[Response]) -> Turn<Self> {
        let kind = self.kind();
        let sent = match kind {
            RecordKind::VendorCredit => written::sent::<VendorCreditRet>(answers, CREDIT_RET, &self.what()),
            _ => written::sent::<BillRet>(answers, BILL_RET, &self.what()),
        };
        match sent {
            Sent::Whole(written) => Turn::Finished(self.concluded(&(kind, written))),
            Sent::There(txn_id) => {
                let effects = written::first_link(self.item(), kind, &txn_id);
                Turn::Continue(self.at(Stage::ReadBack { txn_id }), effects)
            }
            Sent::Later(reason) => Turn::Later(self, reason),
            Sent::Unsure => Turn::Continue(self.at(Stage::FindOut), Effects::default()),
            Sent::Refused(failure) => failed(failure),
        }
    }

    fn order_read(self, txn_id: &str, answers: &[Response]) -> Turn<Self> {
        let found = match written::found::<PurchaseOrderRet>(answers, "PurchaseOrderRet", &self.what()) {
            Ok(found) => found,
            Err(Trouble::Later(reason)) => return Turn::Later(self, reason),
            Err(Trouble::Failed(failure)) => return failed(failure),
        };
        let vendor = found
            .into_iter()
            .find(|order| order.txn_id == txn_id)
            .and_then(|order| order.party_list_id);
        match vendor {
            Some(vendor) => {
                let open = self.order.as_ref().map(|_| {
                    let orders = answers.iter().flat_map(Response::pieces);
                    let mut read = orders.filter_map(|piece| piece.read::<PurchaseOrderRet>().ok());
                    read.find(|order| order.txn_id == txn_id)
                        .map_or_else(OpenOrder::default, |order| OpenOrder::of(&order))
                });
                let next = Self {
                    vendor_list_id: self.vendor_list_id.clone().or(Some(vendor)),
                    order: open,
                    ..self.at(Stage::Add)
                };
                Turn::Continue(next, Effects::default())
            }
            None => failed(Failure::new(
                FailureCode::NotSynced,
                format!(
                    "{} cannot be sent to ERP because the purchase order of its {} is no longer in QuickBooks, or has no vendor \
                     there. Unlink the commitment in the ERP Integrations tool, export it again, then the invoice.",
                    self.what(),
                    self.commitment_label()
                ),
            )),
        }
    }

    fn looked_up(self, answers: &[Response], facts: &Facts<'_>) -> Turn<Self> {
        let found = match found(answers, &self.what()) {
            Ok(found) => found,
            Err(Trouble::Later(reason)) => return Turn::Later(self, reason),
            Err(Trouble::Failed(failure)) => return failed(failure),
        };
        let again = |stage| Turn::Continue(self.at(stage), Effects::default());
        match &self.stage {
            Stage::FindOut => {
                let kind = self.kind();
                let total = self.total();
                let ours = written::ours(
                    found
                        .into_iter()
                        .filter_map(|(of, written)| (of == kind).then_some(written))
                        .collect(),
                    &self.external_guid,
                    self.vendor(facts).as_deref(),
                    if total.is_negative() { -total } else { total },
                );
                match ours {
                    Some(written) => Turn::Finished(self.concluded(&(kind, written))),
                    None => again(Stage::Add),
                }
            }
            Stage::ReadBack { txn_id } | Stage::Adopt { txn_id } => {
                match found.iter().find(|(_, written)| written.txn_id == *txn_id) {
                    Some(written) => Turn::Finished(self.concluded(written)),
                    None => failed(Failure::new(
                        FailureCode::NotSynced,
                        format!(
                            "{} is linked to a {} that is no longer in QuickBooks ({txn_id}). Unlink the invoice in the ERP \
                             Integrations tool, then export it again.",
                            self.what(),
                            self.kind_of(txn_id, facts).word()
                        ),
                    )),
                }
            }
            Stage::Recheck { txn_id } => match found.iter().find(|(_, written)| written.txn_id == *txn_id) {
                Some(written) => Turn::Finished(self.concluded(written)),
                // Reset in Procore and deleted in QuickBooks, as the way to correct a mistake is.
                None => again(Stage::Prepare { anew: true }),
            },
            stage => again(stage.clone()),
        }
    }
}

/// The bills and vendor credits in an answer; only of one of the two was asked.
fn found(answers: &[Response], what: &str) -> Result<Vec<(RecordKind, Written)>, Trouble> {
    let bills = written::found::<BillRet>(answers, BILL_RET, what)?;
    let credits = written::found::<VendorCreditRet>(answers, CREDIT_RET, what)?;
    let bills = bills.into_iter().map(|written| (RecordKind::Bill, written));
    let credits = credits
        .into_iter()
        .map(|written| (RecordKind::VendorCredit, written));
    Ok(bills.chain(credits).collect())
}

fn ask_by_id(kind: RecordKind, txn_id: &str) -> Request {
    match kind {
        RecordKind::VendorCredit => vendor_credit::by_id(txn_id),
        _ => bill::by_id(txn_id),
    }
}

fn failed<S>(failure: Failure) -> Turn<S> {
    Turn::Finished(Outcome::Failed(failure, Effects::default()))
}

impl Machine for InvoiceExport {
    fn wants(&self) -> Wants {
        let mut links = vec![self.item()];
        links.extend(self.commitment_items());
        links.extend(self.vendor_id.map(|id| ProcoreItem::new(ItemType::Vendor, id)));
        links.extend(self.project_id.map(|id| ProcoreItem::new(ItemType::Project, id)));
        for line in &self.lines {
            links.push(ProcoreItem::new(line.item_type, line.procore_id));
            links.extend(line.code.wanted());
        }
        let items = self.lines.iter().filter_map(|line| line.code.told_item());
        Wants {
            links,
            item_ids: items
                .map(str::to_owned)
                .chain(self.retainage_item.clone())
                .collect(),
            class_names: classes::wanted(self.lines.iter().map(|line| &line.code)),
            linked_ids: coding::other_jobs(
                self.lines.iter().map(|line| &line.code),
                self.job_list_id.as_deref(),
            )
            .into_iter()
            .chain(self.retainage_item.clone())
            .collect(),
            ..Wants::default()
        }
    }

    fn access(&self) -> Access {
        match self.stage {
            Stage::Add => Access::Write,
            Stage::Prepare { .. }
            | Stage::ReadOrder { .. }
            | Stage::FindOut
            | Stage::ReadBack { .. }
            | Stage::Recheck { .. }
            | Stage::Adopt { .. } => Access::Read,
        }
    }

    fn step(&self, facts: &Facts<'_>) -> Step<Self> {
        match &self.stage {
            Stage::Prepare { anew } => {
                let linked = (!anew).then(|| self.linked(facts)).flatten();
                linked.unwrap_or_else(|| self.prepare(facts))
            }
            Stage::ReadOrder { txn_id } => Step::Ask(vec![purchase_order::by_id(txn_id)]),
            // Another item was chosen meanwhile: it must be looked up first.
            Stage::Add if self.retainage_item != facts.settings.retainage_item_list_id => {
                Step::Advance(self.at(Stage::Prepare { anew: true }), Effects::default())
            }
            Stage::Add => match self.bill(facts) {
                Ok(bill) => Step::Ask(vec![match self.kind() {
                    RecordKind::VendorCredit => vendor_credit::add(bill.into()),
                    _ => bill::add(bill),
                }]),
                Err(failure) => Step::Finished(Outcome::Failed(failure, Effects::default())),
            },
            Stage::FindOut => Step::Ask(vec![match self.kind() {
                RecordKind::VendorCredit => vendor_credit::by_ref_number(&self.clean_number()),
                _ => bill::by_ref_number(&self.clean_number()),
            }]),
            Stage::ReadBack { txn_id } | Stage::Recheck { txn_id } | Stage::Adopt { txn_id } => {
                Step::Ask(vec![ask_by_id(self.kind_of(txn_id, facts), txn_id)])
            }
        }
    }

    fn answer(self, answers: &[Response], facts: &Facts<'_>) -> Turn<Self> {
        match self.stage.clone() {
            Stage::Add => self.added(answers),
            Stage::ReadOrder { txn_id } => self.order_read(&txn_id, answers),
            _ => self.looked_up(answers, facts),
        }
    }

    fn may_stand_twice(&self) -> bool {
        true
    }

    fn outcome_unknown(self) -> Turn<Self> {
        let next = match self.stage {
            Stage::Add => self.at(Stage::FindOut),
            _ => self,
        };
        Turn::Continue(next, Effects::default())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tasks::imports::fixture::{World, query_answer};

    const GUID: &str = "{cccccccc-1111-2222-3333-444444444444}";

    fn money(text: &str) -> Money {
        Money::parse(text).unwrap()
    }

    fn line(id: i64, amount: &str) -> InvoiceLine {
        InvoiceLine {
            procore_id: id,
            code: LineCode {
                procore_id: Some(6),
                full_code: "01-000".into(),
                origin_id: Some(format!("JOB|I-{id}")),
                standard_cost_code_id: None,
                ..LineCode::default()
            },
            description: Some(format!("Work {id}")),
            amount: money(amount),
            ..InvoiceLine::default()
        }
    }

    fn export(lines: Vec<InvoiceLine>, due: &str) -> InvoiceExport {
        InvoiceExport {
            procore_id: 9,
            invoice_number: Some("9348".into()),
            billing_date: "2026-03-31".parse().ok(),
            payment_date: "2026-04-30".parse().ok(),
            commitment_id: 41,
            commitment_number: Some("SC-001".into()),
            commitment_origin_id: Some("T-1".into()),
            vendor_list_id: Some("V-1".into()),
            job_list_id: Some("JOB".into()),
            current_payment_due: Some(money(due)),
            lines,
            external_guid: GUID.into(),
            ..InvoiceExport::default()
        }
    }

    fn plain() -> InvoiceExport {
        export(vec![line(1, "500.0"), line(2, "87.80")], "587.80")
    }

    fn world() -> World {
        let mut world = World::default().with_item("RET", "Retainage Payable", "Service");
        world.settings.retainage_item_list_id = Some("RET".into());
        world
    }

    fn advanced(export: &InvoiceExport, world: &World) -> InvoiceExport {
        match export.step(&world.facts()) {
            Step::Advance(next, effects) => {
                assert_eq!(effects, Effects::default());
                next
            }
            other => panic!("{other:?}"),
        }
    }

    /// Ready to be written.
    fn ready(export: &InvoiceExport, world: &World) -> InvoiceExport {
        let next = advanced(export, world);
        assert_eq!(next.stage, Stage::Add);
        assert_eq!(next.access(), Access::Write);
        next
    }

    fn body(export: &InvoiceExport, world: &World) -> String {
        match export.step(&world.facts()) {
            Step::Ask(requests) => requests.into_iter().map(|request| request.body).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn sent(export: &InvoiceExport) -> String {
        body(&ready(export, &world()), &world())
    }

    fn refusal(export: &InvoiceExport, world: &World) -> Failure {
        match export.step(&world.facts()) {
            Step::Advance(next, _) => refusal(&next, world),
            Step::Finished(Outcome::Failed(failure, effects)) => {
                assert_eq!(effects, Effects::default());
                failure
            }
            other => panic!("{other:?}"),
        }
    }

    fn bill_ret(total: &str, amounts: &[&str]) -> String {
        let lines: Vec<String> = amounts
            .iter()
            .zip(1..)
            .map(|(amount, place)| {
                format!(
                    "<ItemLineRet><TxnLineID>L-{place}</TxnLineID><Amount>{amount}</Amount></ItemLineRet>"
                )
            })
            .collect();
        let lines = lines.concat();
        format!(
            "<BillRet><TxnID>B-1</TxnID><EditSequence>5</EditSequence><VendorRef><ListID>V-1</ListID></VendorRef>\
             <AmountDue>{total}</AmountDue><RefNumber>9348</RefNumber><ExternalGUID>{GUID}</ExternalGUID>{lines}</BillRet>"
        )
    }

    #[test]
    fn qbd_45_map_20_to_30_an_invoice_becomes_one_bill() {
        let world = world();
        let export = ready(&plain(), &world);
        let body = body(&export, &world);
        assert!(
            body.starts_with(&format!(
                "<BillAdd><VendorRef><ListID>V-1</ListID></VendorRef><TxnDate>2026-03-31</TxnDate><DueDate>2026-04-30</DueDate>\
                 <RefNumber>9348</RefNumber><ExternalGUID>{GUID}</ExternalGUID>\
                 <ItemLineAdd><ItemRef><ListID>I-1</ListID></ItemRef><Desc>Work 1</Desc><Amount>500.00</Amount><CustomerRef>\
                 <ListID>JOB</ListID></CustomerRef><BillableStatus>NotBillable</BillableStatus></ItemLineAdd>\
                 <ItemLineAdd><ItemRef><ListID>I-2</ListID></ItemRef><Desc>Work 2</Desc><Amount>87.80</Amount><CustomerRef>\
                 <ListID>JOB</ListID></CustomerRef><BillableStatus>NotBillable</BillableStatus></ItemLineAdd></BillAdd>"
            )),
            "{body}"
        );
        let turn = export.answer(
            &query_answer(&bill_ret("587.80", &["500.00", "87.80"])),
            &world.facts(),
        );
        let Turn::Finished(Outcome::Done(effects, _)) = turn else {
            panic!("{turn:?}")
        };
        let links: Vec<_> = effects
            .links
            .iter()
            .map(|link| (link.item, link.origin_id.as_str()))
            .collect();
        assert_eq!(
            links,
            [
                (ProcoreItem::new(ItemType::Requisition, 9), "B-1"),
                (ProcoreItem::new(ItemType::RequisitionContractItem, 1), "L-1"),
                (ProcoreItem::new(ItemType::RequisitionContractItem, 2), "L-2"),
            ]
        );
        assert_eq!(effects.links[0].origin_code.as_deref(), Some("9348"));
    }

    #[test]
    fn map_24_without_a_payment_date_no_due_date_is_sent() {
        let export = InvoiceExport {
            payment_date: None,
            ..plain()
        };
        assert!(!sent(&export).contains("DueDate"));
    }

    #[test]
    fn map_27_and_28_unit_based_lines_carry_quantity_and_price() {
        let unit = |cents: &str| InvoiceLine {
            is_unit_based: true,
            quantity: Decimal::from(3),
            unit_cost: Decimal::new(33_333, 3),
            ..line(1, cents)
        };
        let rounds = sent(&export(vec![unit("100.00")], "100.00"));
        assert!(
            rounds.contains("<Quantity>3</Quantity><Cost>33.333</Cost><CustomerRef>"),
            "{rounds}"
        );
        let differs = sent(&export(vec![unit("99.99")], "99.99"));
        assert!(
            differs.contains("<Quantity>3</Quantity><Amount>99.99</Amount>"),
            "{differs}"
        );
        assert!(!sent(&plain()).contains("Quantity"));
    }

    #[test]
    fn adv_19_map_31_and_32_retainage_stands_on_its_own_item_and_on_the_job() {
        let held = |amount, held, released| InvoiceLine {
            retainage_held: money(held),
            retainage_released: money(released),
            ..line(1, amount)
        };
        let both = sent(&export(
            vec![held("500", "60.00", "0"), held("500", "40.00", "40.00")],
            "940",
        ));
        let retainage = |desc: &str, amount: &str| {
            format!(
                "<ItemLineAdd><ItemRef><ListID>RET</ListID></ItemRef><Desc>{desc}</Desc><Amount>{amount}</Amount><CustomerRef>\
                 <ListID>JOB</ListID></CustomerRef><BillableStatus>NotBillable</BillableStatus></ItemLineAdd>"
            )
        };
        assert!(both.contains(&retainage("Retainage held", "-100.00")), "{both}");
        assert!(both.contains(&retainage("Retainage released", "40.00")), "{both}");
        assert_eq!(both.matches("<ItemLineAdd>").count(), 4);
        let one = sent(&export(vec![held("500", "50.00", "0")], "450"));
        assert_eq!(one.matches("<ItemLineAdd>").count(), 2);
        // Released retainage alone: the lines of work are zero and are left out.
        let released = sent(&export(vec![held("0", "0", "50.00"), line(2, "0.0")], "50"));
        assert_eq!(released.matches("<ItemLineAdd>").count(), 1);
        // Retainage lines are nobody's link.
        let state = export(vec![held("500", "50.00", "0")], "450");
        let turn = ready(&state, &world()).answer(
            &query_answer(&bill_ret("450.00", &["500.00", "-50.00"])),
            &world().facts(),
        );
        let Turn::Finished(Outcome::Done(effects, _)) = turn else {
            panic!("{turn:?}")
        };
        assert_eq!(effects.links.len(), 2);
    }

    #[test]
    fn adv_20_without_a_retainage_item_nothing_is_sent_even_without_retainage() {
        let mut world = world();
        world.settings.retainage_item_list_id = None;
        let failure = refusal(&plain(), &world);
        assert_eq!(failure.code, FailureCode::Setting);
        assert!(
            failure.text().contains("Invoice Retainage Item"),
            "{}",
            failure.text()
        );
    }

    #[test]
    fn adv_18_and_22_the_retainage_item_must_be_an_active_service_item_of_no_cost_code() {
        for (spoil, words) in [
            (
                (|world: &mut World| world.items.clear()) as fn(&mut World),
                "not in QuickBooks any more",
            ),
            (|world| world.items[0].is_active = false, "is inactive"),
            (
                |world| world.items[0].detail = Some("OtherCharge".into()),
                "not a service item",
            ),
            (
                |world| *world = std::mem::take(world).linking(ItemType::StandardCostCode, 3, "RET"),
                "linked to a cost code",
            ),
            (
                |world| *world = std::mem::take(world).linking(ItemType::CostCode, 3, "RET"),
                "linked to a cost code",
            ),
        ] {
            let mut world = world();
            spoil(&mut world);
            let failure = refusal(&plain(), &world);
            assert_eq!(failure.code, FailureCode::Setting, "{words}");
            assert!(failure.text().contains(words), "{}", failure.text());
        }
        let ready = ready(&plain(), &world());
        assert!(ready.wants().item_ids.contains(&"RET".to_owned()));
        assert_eq!(ready.wants().linked_ids, ["RET"]);
        // A vendor may have an item's ListID.
        let world = world().linking(ItemType::Vendor, 3, "RET");
        assert!(matches!(ready.step(&world.facts()), Step::Ask(_)));
    }

    #[test]
    fn another_retainage_item_chosen_meanwhile_is_looked_up_first() {
        let prepared = ready(&plain(), &world());
        let mut world = world().with_item("RET2", "Held", "Service");
        world.settings.retainage_item_list_id = Some("RET2".into());
        let again = advanced(&prepared, &world);
        assert_eq!(ready(&again, &world).retainage_item.as_deref(), Some("RET2"));
    }

    #[test]
    fn map_25_a_total_that_is_not_what_is_due_is_refused_with_both_figures() {
        let failure = refusal(&export(vec![line(1, "500.00")], "499.99"), &world());
        assert_eq!(failure.code, FailureCode::AmountMismatch);
        for figure in ["500.00", "499.99", "0.01"] {
            assert!(failure.text().contains(figure), "{}", failure.text());
        }
        let untold = InvoiceExport {
            current_payment_due: None,
            ..plain()
        };
        assert!(refusal(&untold, &world()).text().contains("Current Payment Due"));
    }

    #[test]
    fn map_33_below_zero_is_refused_with_the_reason_and_zero_is_sent_if_it_has_lines() {
        let failure = refusal(&export(vec![line(1, "-5.00")], "-5.00"), &world());
        assert!(
            failure.text().contains("-5.00") && failure.text().contains("vendor credit"),
            "{}",
            failure.text()
        );
        let all_held = InvoiceLine {
            retainage_held: money("500"),
            ..line(1, "500")
        };
        assert_eq!(
            sent(&export(vec![all_held], "0"))
                .matches("<ItemLineAdd>")
                .count(),
            2
        );
        let text = refusal(&export(vec![line(1, "0")], "0"), &world()).text();
        assert!(text.contains("bills nothing"), "{text}");
    }

    fn credit() -> (World, InvoiceExport) {
        let mut world = world();
        world.settings.negative_invoices_as_vendor_credits = true;
        (
            world,
            export(vec![line(1, "-500.00"), line(2, "87.80")], "-412.20"),
        )
    }

    fn credit_ret() -> String {
        bill_ret("412.20", &["500.00", "-87.80"])
            .replace("BillRet", "VendorCreditRet")
            .replace("AmountDue", "CreditAmount")
    }

    #[test]
    fn comp_44_below_zero_becomes_a_vendor_credit_by_the_setting() {
        let (world, export) = credit();
        let state = ready(&export, &world);
        let body = body(&state, &world);
        assert!(
            body.starts_with("<VendorCreditAdd><VendorRef>") && !body.contains("DueDate"),
            "{body}"
        );
        for part in [
            "<Desc>Work 1</Desc><Amount>500.00</Amount>",
            "<Desc>Work 2</Desc><Amount>-87.80</Amount>",
        ] {
            assert!(body.contains(part), "{part}: {body}");
        }
        let Turn::Finished(Outcome::Done(effects, _)) =
            state.answer(&query_answer(&credit_ret()), &world.facts())
        else {
            panic!()
        };
        assert_eq!(effects.links[0].stands_as, Some(RecordKind::VendorCredit));
        assert_eq!((effects.links.len(), effects.links[1].stands_as), (3, None));
        // What is due must be what the lines come to, all the same.
        let (world, mut differs) = credit();
        differs.current_payment_due = Some(money("-412.00"));
        assert!(refusal(&differs, &world).text().contains("difference -0.20"));
        differs.current_payment_due = Some(money("412.20"));
        assert_eq!(refusal(&differs, &world).code, FailureCode::AmountMismatch);
    }

    #[test]
    fn comp_44_a_vendor_credit_is_looked_for_as_such_whatever_the_setting_is_by_then() {
        let (mut world, export) = credit();
        let state = ready(&export, &world);
        world.settings.negative_invoices_as_vendor_credits = false;
        let Turn::Continue(doubtful, _) = state.clone().outcome_unknown() else {
            panic!()
        };
        let Step::Ask(asked) = doubtful.step(&world.facts()) else {
            panic!()
        };
        assert_eq!(asked[0].element, "VendorCreditQueryRq");
        let done = doubtful
            .clone()
            .answer(&query_answer(&credit_ret()), &world.facts());
        assert!(matches!(done, Turn::Finished(Outcome::Done(..))), "{done:?}");
        let recovered = [Response::ok(
            "VendorCreditAddRs",
            "<ErrorRecovery><TxnID>B-1</TxnID></ErrorRecovery>",
        )];
        let Turn::Continue(back, effects) = state.answer(&recovered, &world.facts()) else {
            panic!()
        };
        assert_eq!(effects.links[0].stands_as, Some(RecordKind::VendorCredit));
        let Step::Ask(asked) = back.step(&world.facts()) else {
            panic!()
        };
        assert_eq!(asked[0].element, "VendorCreditQueryRq");
        // An invoice that is no credit any more is asked for as what it is linked to.
        let mut linked = world.linking(ItemType::Requisition, 9, "B-1");
        linked.links[0].stands_as = Some(RecordKind::VendorCredit);
        let recheck = advanced(&plain(), &linked);
        let Step::Ask(asked) = recheck.step(&linked.facts()) else {
            panic!()
        };
        assert_eq!(asked[0].element, "VendorCreditQueryRq");
    }

    #[test]
    fn map_23_the_number_is_neither_empty_nor_cut() {
        let with = |number: &str| InvoiceExport {
            invoice_number: Some(number.into()),
            ..plain()
        };
        assert!(sent(&with("12345678901234567890")).contains("<RefNumber>12345678901234567890<"));
        let text = refusal(&with("123456789012345678901"), &world()).text();
        assert!(
            text.contains("21 characters") && text.contains("\"12345678901234567890\""),
            "{text}"
        );
        assert!(
            refusal(&with("  "), &world())
                .text()
                .contains("Invoice # is empty")
        );
    }

    #[test]
    fn comp_10_a_bill_in_a_closed_period_is_stopped_before_export() {
        let mut world = world();
        world.company.closing_date = Some("2026-03-31".into());
        let text = refusal(&plain(), &world).text();
        assert!(
            text.contains("closing date") && text.contains("2026-03-31"),
            "{text}"
        );
        world.company.closing_date = Some("2026-03-30".into());
        assert!(matches!(
            ready(&plain(), &world).step(&world.facts()),
            Step::Ask(_)
        ));
        let undated = InvoiceExport {
            billing_date: None,
            ..plain()
        };
        assert!(refusal(&undated, &world).text().contains("no billing date"));
    }

    #[test]
    fn map_22_an_unknown_vendor_is_learnt_from_the_purchase_order() {
        let unknown = InvoiceExport {
            vendor_list_id: None,
            ..plain()
        };
        let linked = InvoiceExport {
            vendor_id: Some(47),
            ..unknown.clone()
        };
        let with_link = world().linking(ItemType::Vendor, 47, "V-7");
        assert!(body(&ready(&linked, &with_link), &with_link).contains("<VendorRef><ListID>V-7<"));

        let asking = advanced(&unknown, &world());
        assert_eq!(asking.access(), Access::Read);
        assert!(body(&asking, &world()).starts_with("<TxnID>T-1</TxnID>"));
        let order = "<PurchaseOrderRet><TxnID>T-1</TxnID><VendorRef><ListID>V-8</ListID></VendorRef></PurchaseOrderRet>";
        let Turn::Continue(next, _) = asking.clone().answer(&query_answer(order), &world().facts()) else {
            panic!()
        };
        assert!(body(&next, &world()).contains("<VendorRef><ListID>V-8<"));
        let gone = [Response::failed("PurchaseOrderQueryRs", 500, "")];
        let Turn::Finished(Outcome::Failed(failure, _)) = asking.answer(&gone, &world().facts()) else {
            panic!()
        };
        assert!(failure.text().contains("commitment SC-001") && failure.text().contains("export it again"));
    }

    #[test]
    fn qbd_45_an_invoice_of_an_unsynced_commitment_names_the_commitment() {
        let unsynced = InvoiceExport {
            commitment_origin_id: None,
            ..plain()
        };
        let failure = refusal(&unsynced, &world());
        assert_eq!(failure.code, FailureCode::NotSynced);
        assert!(failure.text().contains("commitment SC-001"), "{}", failure.text());
        for kind in [ItemType::WorkOrderContract, ItemType::PurchaseOrderContract] {
            let world = world().linking(kind, 41, "T-9");
            ready(&unsynced, &world);
        }
    }

    #[test]
    fn cod_08_an_unsynced_code_or_project_is_named() {
        let mut bare = InvoiceExport {
            job_list_id: None,
            ..plain()
        };
        bare.lines[1].code.origin_id = None;
        let failure = refusal(&bare, &world());
        assert_eq!(failure.code, FailureCode::NotSynced);
        assert!(failure.text().contains("project") && failure.text().contains("code 01-000 of its line 2"));
    }

    #[test]
    fn an_unknown_outcome_is_looked_up_and_adopted_or_sent_again() {
        let world = world();
        let state = ready(&plain(), &world);
        let Turn::Continue(doubtful, _) = state.clone().outcome_unknown() else {
            panic!()
        };
        assert_eq!(doubtful.access(), Access::Read);
        assert!(body(&doubtful, &world).starts_with("<RefNumber>9348</RefNumber><IncludeLineItems>true"));
        let ours = query_answer(&bill_ret("587.80", &["500.00", "87.80"]));
        assert!(matches!(
            doubtful.clone().answer(&ours, &world.facts()),
            Turn::Finished(Outcome::Done(..))
        ));
        let others = query_answer(&bill_ret("587.80", &["500.00", "87.80"]).replace("V-1", "V-2"));
        for nothing in [others, [Response::failed("BillQueryRs", 1, "")]] {
            let Turn::Continue(again, _) = doubtful.clone().answer(&nothing, &world.facts()) else {
                panic!()
            };
            assert_eq!(body(&again, &world), body(&state, &world));
        }
        // A status check has no lines: they are read.
        let recovered = [Response::ok(
            "BillAddRs",
            "<ErrorRecovery><TxnID>B-1</TxnID></ErrorRecovery>",
        )];
        let Turn::Continue(back, _) = state.answer(&recovered, &world.facts()) else {
            panic!()
        };
        assert_eq!(back.stage, Stage::ReadBack { txn_id: "B-1".into() });
        assert!(matches!(
            back.answer(&ours, &world.facts()),
            Turn::Finished(Outcome::Done(..))
        ));
    }

    #[test]
    fn comp_12_a_locked_record_waits_and_says_why() {
        let locked = [Response::failed("BillAddRs", 3176, "in use")];
        let turn = ready(&plain(), &world()).answer(&locked, &world().facts());
        let Turn::Later(same, reason) = turn else {
            panic!("{turn:?}")
        };
        assert_eq!(same.stage, Stage::Add);
        assert!(reason.contains("subcontractor invoice 9348"), "{reason}");
    }

    #[test]
    fn what_is_linked_is_not_written_again() {
        let linked = world()
            .linking(ItemType::Requisition, 9, "B-1")
            .linking(ItemType::RequisitionContractItem, 1, "L-1")
            .linking(ItemType::RequisitionContractItem, 2, "L-2");
        let known = InvoiceExport {
            origin_id: Some("B-1".into()),
            ..plain()
        };
        assert!(matches!(
            known.step(&linked.facts()),
            Step::Finished(Outcome::Done(..))
        ));
        let recheck = advanced(&plain(), &linked);
        assert_eq!(recheck.stage, Stage::Recheck { txn_id: "B-1".into() });
        let gone = [Response::failed("BillQueryRs", 500, "")];
        let Turn::Continue(anew, _) = recheck.answer(&gone, &linked.facts()) else {
            panic!()
        };
        assert!(body(&ready(&anew, &linked), &linked).starts_with("<BillAdd>"));
        // The bill was reset in Procore only: it stands as it was sent.
        let recheck = advanced(&plain(), &linked);
        let there = query_answer(&bill_ret("587.80", &["500.00", "87.80"]));
        assert!(matches!(
            recheck.answer(&there, &linked.facts()),
            Turn::Finished(Outcome::Done(..))
        ));
        assert_eq!(
            advanced(&known, &world()).stage,
            Stage::Adopt { txn_id: "B-1".into() }
        );
    }

    #[test]
    fn states_survive_storage() {
        let state = ready(&plain(), &world());
        let json = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<InvoiceExport>(&json).unwrap(), state);
    }

    proptest! {
        /// Work less held plus released, to the cent, or nothing is sent.
        #[test]
        fn map_25_and_29_what_is_sent_adds_up_to_what_is_due(
            lines in prop::collection::vec((0_i64..10_000_000, 0_i64..1_000_000, 0_i64..1_000_000), 1..20),
            off in -1_i64..=1,
        ) {
            let due: i64 = lines.iter().map(|(work, held, released)| work - held + released).sum::<i64>() + off;
            let invoice = export(
                lines.iter().zip(1..).map(|((work, held, released), id)| InvoiceLine {
                    amount: Money::from_cents(*work),
                    retainage_held: Money::from_cents(*held),
                    retainage_released: Money::from_cents(*released),
                    ..line(id, "0")
                }).collect(),
                "0",
            );
            let invoice = InvoiceExport { current_payment_due: Some(Money::from_cents(due)), ..invoice };
            match ready(&invoice, &world()).bill(&world().facts()) {
                Ok(bill) => {
                    let sum: Money = bill.lines.iter().filter_map(|line| line.amount).sum();
                    prop_assert_eq!(sum, Money::from_cents(due));
                    prop_assert_eq!(off, 0);
                    prop_assert!(!sum.is_negative());
                }
                Err(failure) => prop_assert!(off != 0 || due < 0 || invoice.sent_lines().is_empty(), "{}", failure.text()),
            }
        }
    }
}
