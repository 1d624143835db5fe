//! A payment made with Procore Pay → a check in QuickBooks that pays the invoice's bill (the setting `payments_from_procore`).
//!
//! The bill is always read first: what is open of it, whom it owes, and the payments it has. A check of ours among them is
//! taken for it, so that none is written twice, whatever became of an earlier answer. Decisions: more than is open is refused,
//! for QuickBooks would make a credit of it; a number that does not fit is refused, never cut; without a number QuickBooks is
//! told that nothing is to be printed.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{
    answers::{self, Added},
    closing_date,
    faults::{Faults, told},
};
use crate::{
    links::{ItemType, NewLink, ProcoreItem},
    qbxml::{
        Access, ListRef, Money, Response, RetryClass,
        bill_payment::{self, AppliedToTxnAdd, BillPaymentCheckAdd, OpenBillRet, OwnCheckRet},
        identity::RecordKind,
        same_guid, text,
    },
    tasks::{Effects, Facts, Failure, FailureCode, Machine, Outcome, Step, Turn, Wants},
};

/// A payment on its way to QuickBooks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PaymentExport {
    /// The Procore payment.
    pub procore_id: i64,
    /// The subcontractor invoice that it pays.
    pub requisition_id: Option<i64>,
    /// That invoice's number, for messages.
    pub invoice_number: Option<String>,
    /// What was paid.
    pub amount: Option<Money>,
    /// The check's date.
    pub date: Option<NaiveDate>,
    /// The check's number.
    pub number: Option<String>,
    /// The check's `TxnID`, where Procore knows it to be linked.
    pub origin_id: Option<String>,
    /// Our own id for the check, in braces, derived from the Procore record.
    pub external_guid: String,
    /// The bill, once it was read.
    pub bill: Option<OpenBill>,
    /// How far it is.
    pub stage: Stage,
}

/// A bill as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenBill {
    /// Its `TxnID`.
    pub txn_id: String,
    /// Its vendor's `ListID`.
    pub vendor: Option<String>,
    /// Its A/P account's `ListID`.
    pub account: Option<String>,
    /// What is left to be paid.
    pub open: Money,
    /// The checks that pay it.
    pub checks: Vec<String>,
}

/// How far the export is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// See whether it is linked, and find its bill.
    #[default]
    Prepare,
    /// It is linked: look whether it stands.
    Recheck {
        /// The check.
        txn_id: String,
    },
    /// Read the bill.
    ReadBill {
        /// The bill.
        txn_id: String,
    },
    /// Look for ours among the bill's checks.
    LookForOurs,
    /// Add it.
    Add,
}

impl PaymentExport {
    fn item(&self) -> ProcoreItem {
        ProcoreItem::new(ItemType::ContractPayment, self.procore_id)
    }

    fn invoice(&self) -> Option<ProcoreItem> {
        Some(ProcoreItem::new(ItemType::Requisition, self.requisition_id?))
    }

    /// `The payment of invoice 9348`.
    fn what(&self) -> String {
        match told(self.invoice_number.as_ref()) {
            Some(number) => format!("The payment of invoice {number}"),
            None => format!("The payment with Procore's id {}", self.procore_id),
        }
    }

    fn at(&self, stage: Stage) -> Self {
        Self {
            stage,
            ..self.clone()
        }
    }

    fn refusal(&self, code: FailureCode, why: &str) -> Failure {
        Failure::new(
            code,
            format!("{} cannot be sent to ERP because {why}", self.what()),
        )
    }

    /// Its bill, as far as it is linked.
    fn find_bill(&self, facts: &Facts<'_>) -> Result<String, Failure> {
        let not_synced = |why: &str| Err(self.refusal(FailureCode::NotSynced, why));
        let Some(invoice) = self.invoice() else {
            return not_synced("it pays no subcontractor invoice. Enter the payment in QuickBooks by hand.");
        };
        match facts.link_of(invoice) {
            None => not_synced(
                "its invoice is not in QuickBooks. Export the invoice first, then the payment again.",
            ),
            Some(link) if link.stands_as.is_some_and(|kind| kind != RecordKind::Bill) => not_synced(
                "its invoice stands in QuickBooks as a vendor credit, which is not paid. Enter the payment in QuickBooks by hand.",
            ),
            Some(link) => Ok(link.quickbooks_id.clone()),
        }
    }

    /// The check as it will be written, or everything that keeps it from being written.
    pub fn check(&self, facts: &Facts<'_>) -> Result<BillPaymentCheckAdd, Failure> {
        let what = self.what();
        let mut faults = Faults::default();
        let bill = self.bill.as_ref();
        let open = bill.map_or(Money::ZERO, |bill| bill.open);
        let amount = self.amount.unwrap_or(Money::ZERO);
        if amount <= Money::ZERO {
            faults.invalid.push(format!(
                "{what} cannot be sent to ERP because its amount is {amount}; a check pays more than 0.00. Enter what it is in \
                 QuickBooks by hand."
            ));
        } else if amount > open {
            faults.invalid.push(format!(
                "{what} cannot be sent to ERP because it pays {amount}, but only {open} is left to be paid of its bill. Look \
                 whether the bill was paid in QuickBooks already."
            ));
        }
        let Some(account) = facts.settings.payment_account_list_id.clone() else {
            return Err(Failure::new(
                FailureCode::Setting,
                format!(
                    "{what} cannot be sent to ERP because no bank account is chosen (the setting payment_account_list_id). Choose \
                     one, then export it again."
                ),
            ));
        };
        let vendor = bill.and_then(|bill| bill.vendor.clone());
        if vendor.is_none() {
            faults.not_synced.push(format!(
                "{what} cannot be sent to ERP because its bill has no vendor."
            ));
        }
        if let Some(date) = self.date {
            faults.noted(closing_date::check(&what, date, facts));
        }
        let number = text::fit_optional(
            &format!("The check number of {what}"),
            self.number.as_deref(),
            bill_payment::REF_NUMBER_MAX,
        );
        let number = faults.noted(number.map_err(|error| error.to_string()));
        faults.into_result()?;
        Ok(BillPaymentCheckAdd {
            payee: ListRef::by_id(vendor.unwrap_or_default()),
            ap_account: bill.and_then(|bill| bill.account.clone()).map(ListRef::by_id),
            txn_date: self.date.map(|date| date.to_string()),
            bank_account: ListRef::by_id(account),
            is_to_be_printed: number.is_none().then_some(false),
            ref_number: number,
            memo: Some("Paid with Procore Pay".to_owned()),
            external_guid: Some(self.external_guid.clone()).filter(|guid| !guid.is_empty()),
            applied: vec![AppliedToTxnAdd {
                txn_id: bill.map(|bill| bill.txn_id.clone()).unwrap_or_default(),
                payment_amount: amount,
            }],
        })
    }

    fn concluded(&self, txn_id: &str, edit_sequence: Option<String>) -> Outcome {
        let effects = Effects {
            links: vec![NewLink {
                item: self.item(),
                origin_id: txn_id.to_owned(),
                origin_code: told(self.number.as_ref()),
                quickbooks_id: txn_id.to_owned(),
                edit_sequence,
                tell_procore: true,
                stands_as: None,
            }],
            ..Effects::default()
        };
        Outcome::Done(effects, Vec::new())
    }

    /// The bill was read: look for ours among its checks, or write it.
    fn bill_read(self, txn_id: &str, response: &Response) -> Turn<Self> {
        let ret = match response.record::<OpenBillRet>(bill_payment::BILL_RET) {
            Some(Ok(ret)) if ret.txn_id == txn_id => ret,
            Some(Err(error)) => {
                return failed(answers::unreadable(&self.what(), &error.to_string()));
            }
            _ => {
                let why = "its bill is no longer in QuickBooks. Unlink the invoice, export it again, then the payment.";
                return failed(self.refusal(FailureCode::NotSynced, why));
            }
        };
        let bill = OpenBill {
            open: ret.open(),
            checks: ret.checks(),
            vendor: ret.vendor.and_then(|vendor| vendor.list_id),
            account: ret.account.and_then(|account| account.list_id),
            txn_id: ret.txn_id,
        };
        let stage = if bill.checks.is_empty() {
            Stage::Add
        } else {
            Stage::LookForOurs
        };
        let next = Self {
            bill: Some(bill),
            ..self.at(stage)
        };
        Turn::Continue(next, Effects::default())
    }

    fn checks_read(self, response: &Response) -> Turn<Self> {
        let mut ours = None;
        for piece in response
            .pieces()
            .filter(|piece| piece.name == bill_payment::CHECK_RET)
        {
            match piece.read::<OwnCheckRet>() {
                Ok(ret) => {
                    let guid = ret.external_guid.as_deref();
                    if guid.is_some_and(|guid| same_guid(guid, &self.external_guid)) {
                        ours = Some(ret);
                    }
                }
                Err(error) => return failed(answers::unreadable(&self.what(), &error.to_string())),
            }
        }
        match ours {
            Some(ours) => Turn::Finished(self.concluded(&ours.txn_id, ours.edit_sequence)),
            None => Turn::Continue(self.at(Stage::Add), Effects::default()),
        }
    }

    /// Whether the check that it is linked to stands.
    fn rechecked(self, txn_id: &str, response: &Response) -> Turn<Self> {
        let found = response.record::<OwnCheckRet>(bill_payment::CHECK_RET);
        match found {
            Some(Ok(ret)) if ret.txn_id == txn_id => {
                Turn::Finished(self.concluded(txn_id, ret.edit_sequence))
            }
            Some(Err(error)) => failed(answers::unreadable(&self.what(), &error.to_string())),
            // Deleted in QuickBooks, and sent again: it is written anew.
            _ => {
                let next = Self {
                    origin_id: None,
                    ..self.at(Stage::Prepare)
                };
                let effects = Effects {
                    unlinked: vec![self.item()],
                    ..Effects::default()
                };
                Turn::Continue(next, effects)
            }
        }
    }
}

fn failed<S>(failure: Failure) -> Turn<S> {
    Turn::Finished(Outcome::Failed(failure, Effects::default()))
}

impl Machine for PaymentExport {
    fn wants(&self) -> Wants {
        Wants {
            links: std::iter::once(self.item()).chain(self.invoice()).collect(),
            ..Wants::default()
        }
    }

    fn access(&self) -> Access {
        match self.stage {
            Stage::Add => Access::Write,
            _ => Access::Read,
        }
    }

    fn step(&self, facts: &Facts<'_>) -> Step<Self> {
        match &self.stage {
            Stage::Prepare => {
                let linked = facts.link_of(self.item()).map(|link| link.quickbooks_id.clone());
                let stage = match linked.or_else(|| told(self.origin_id.as_ref())) {
                    Some(txn_id) => Stage::Recheck { txn_id },
                    None => match self.find_bill(facts) {
                        Ok(txn_id) => Stage::ReadBill { txn_id },
                        Err(failure) => return Step::Finished(Outcome::Failed(failure, Effects::default())),
                    },
                };
                Step::Advance(self.at(stage), Effects::default())
            }
            Stage::Recheck { txn_id } => {
                Step::Ask(vec![bill_payment::checks_by_id(std::slice::from_ref(txn_id))])
            }
            Stage::ReadBill { txn_id } => Step::Ask(vec![bill_payment::open_bill(txn_id)]),
            Stage::LookForOurs => {
                let checks = self.bill.as_ref().map(|bill| bill.checks.as_slice());
                Step::Ask(vec![bill_payment::checks_by_id(checks.unwrap_or_default())])
            }
            Stage::Add => match self.check(facts) {
                Ok(check) => Step::Ask(vec![bill_payment::add_check(check)]),
                Err(failure) => Step::Finished(Outcome::Failed(failure, Effects::default())),
            },
        }
    }

    fn answer(self, answers: &[Response], _: &Facts<'_>) -> Turn<Self> {
        let what = self.what();
        if self.stage == Stage::Add {
            return match answers::added(answers, bill_payment::CHECK_RET, &what) {
                Added::Done(done) => Turn::Finished(self.concluded(&done.id, done.edit_sequence)),
                Added::Later(reason) => Turn::Later(self, reason),
                Added::Unsure => self.outcome_unknown(),
                Added::Refused(failure) => failed(failure),
                Added::Taken => failed(answers.first().map_or_else(
                    || answers::unreadable(&what, "QuickBooks gave no answer."),
                    |response| answers::refused(&what, &response.status),
                )),
            };
        }
        let [response] = answers else {
            return failed(answers::unreadable(
                &what,
                "QuickBooks did not give one answer to one query.",
            ));
        };
        let status = &response.status;
        let missing = matches!(status.code, 1 | 500 | 3120);
        match status.retry_class() {
            RetryClass::Done | RetryClass::Nothing | RetryClass::Warning => {}
            RetryClass::Again => return Turn::Later(self, format!("{what} waits: {}", status.told())),
            _ if missing => {}
            _ => return failed(answers::refused(&what, status)),
        }
        match self.stage.clone() {
            Stage::ReadBill { txn_id } => self.bill_read(&txn_id, response),
            Stage::Recheck { txn_id } => self.rechecked(&txn_id, response),
            _ => self.checks_read(response),
        }
    }

    fn may_stand_twice(&self) -> bool {
        true
    }

    fn outcome_unknown(self) -> Turn<Self> {
        let next = match (&self.stage, &self.bill) {
            (Stage::Add, Some(bill)) => {
                let txn_id = bill.txn_id.clone();
                self.at(Stage::ReadBill { txn_id })
            }
            _ => self,
        };
        Turn::Continue(next, Effects::default())
    }
}
