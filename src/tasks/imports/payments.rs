//! Bill payments of QuickBooks → Procore's Payments Issued: checks, then credit cards, then what was deleted.
//!
//! A page is first kept in the state, slimmed; then the edge looks up whose bills these are and what is known already;
//! then only what is new or changed is told. So a page that is read twice tells nothing twice.
//! What may not live here: how Procore names the fields.

use std::collections::BTreeSet;

use chrono::{DateTime, Days, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{lists::lacks_a_page, local_time};
use crate::{
    links::ItemType,
    payments::{KnownPayment, PaymentMethod, PaymentState},
    qbxml::{
        Access, Money, Request, Response, RetryClass, Status,
        bill_payment::{self, BillPaymentRet},
        response::Piece,
        txn_deleted::{self, TxnDeletedRet},
    },
    tasks::{Effects, Facts, Failure, FailureCode, Machine, Outcome, Step, Turn, Wants, progress::Progress},
    writebacks::{PaymentData, Writeback},
};

/// How often a query may begin again before somebody has to look.
const MOST_RESTARTS: u8 = 20;

/// How far the printed time of creation may be off the one in the id: summer time, and seconds (qbxml.md §8).
const CREATION_TOLERANCE: i64 = 2 * 3600;

/// Reads bill payments and tells Procore of those that pay its invoices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentsImport {
    /// The latest change seen by the last import: local time without offset. None the first time.
    watermark: Option<String>,
    /// The latest change seen by this one.
    latest: Option<String>,
    /// What is being read.
    stage: Stage,
    /// Where the query that is being read stands.
    cursor: Option<Cursor>,
    /// How often that query began again.
    restarts: u8,
    /// Payments that were read and are not yet compared with what is known.
    pending: Vec<Slim>,
    /// Ids of deleted payments that are not yet compared with what is known.
    gone: Vec<String>,
    /// Rows that Procore is told for the first time.
    new: u64,
    /// Rows that changed.
    changed: u64,
    /// What was listed already, so that a page that is read twice does not list it twice.
    listed: BTreeSet<String>,
    /// What went wrong with one query, while the others went on.
    failure: Option<Failure>,
}

/// What is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    Checks,
    CreditCards,
    Deleted,
    Done,
}

/// The place in a query that is read by pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    /// The update session that holds QuickBooks' iterator; in another session the iterator is dead.
    session: Uuid,
    /// QuickBooks' id of it.
    iterator_id: String,
    /// The page size it was started with; it must stay the same.
    page_size: u16,
    /// The filter it was started with; it must stay the same.
    from: String,
    /// How many records QuickBooks said are left.
    remaining: u64,
    /// How many were read.
    #[serde(default)]
    read: u64,
}

/// What is kept of a payment between its answer and the comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Slim {
    txn_id: String,
    method: PaymentMethod,
    /// When it was entered, in Unix seconds.
    created: Option<i64>,
    date: NaiveDate,
    ref_number: Option<String>,
    memo: Option<String>,
    /// The bills it pays, each once. Empty once it is void.
    applied: Vec<Applied>,
}

/// What one bill got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Applied {
    bill_txn_id: String,
    ref_number: Option<String>,
    amount: Money,
}

impl PaymentsImport {
    /// Reads what was changed since the latest change the last import saw; the first time there is none.
    pub fn new(watermark: Option<String>) -> Self {
        Self {
            watermark,
            latest: None,
            stage: Stage::Checks,
            cursor: None,
            restarts: 0,
            pending: Vec::new(),
            gone: Vec::new(),
            new: 0,
            changed: 0,
            listed: BTreeSet::new(),
            failure: None,
        }
    }

    /// The local time from which to read. A schedule's start is an instant; a day earlier it is past everywhere.
    fn from(&self, since: DateTime<Utc>) -> String {
        let since = since.naive_utc();
        self.watermark
            .as_deref()
            .and_then(local_time::overlapping)
            .unwrap_or_else(|| local_time::write(since.checked_sub_days(Days::new(1)).unwrap_or(since)))
    }

    fn request(&self, facts: &Facts<'_>, since: DateTime<Utc>) -> Option<Request> {
        let query = match self.stage {
            Stage::Checks => bill_payment::check_query,
            Stage::CreditCards => bill_payment::credit_card_query,
            Stage::Deleted => {
                let types = [
                    txn_deleted::BILL_PAYMENT_CHECK,
                    txn_deleted::BILL_PAYMENT_CREDIT_CARD,
                ];
                return Some(txn_deleted::query(&types, &self.from(since)));
            }
            Stage::Done => return None,
        };
        Some(match &self.cursor {
            Some(cursor) if cursor.session == facts.session => {
                query(&cursor.from).iterator_continue(&cursor.iterator_id, cursor.page_size)
            }
            _ => query(&self.from(since)).iterator_start(page_size(facts)),
        })
    }

    /// Takes a page into the state, and where the query stands.
    fn page(&mut self, response: &Response, facts: &Facts<'_>) -> Result<Effects, Failure> {
        let mut effects = Effects::default();
        let mut here = 0;
        for piece in response.pieces() {
            here += 1;
            if let Err(why) = self.keep(&piece) {
                self.list(why, &mut effects);
            }
        }
        let before = self
            .cursor
            .as_ref()
            .filter(|cursor| cursor.session == facts.session);
        if self.restarts == 0 && before.is_some_and(|before| lacks_a_page(before.remaining, here, response)) {
            // What was read counts; the query begins again.
            self.restart(&response.status)?;
            return Ok(effects);
        }
        match &response.iterator {
            Some(iterator) if iterator.remaining > 0 && self.stage != Stage::Deleted => {
                if before.is_some_and(|before| before.remaining <= iterator.remaining) {
                    // It does not get on: begin again. What was read counts.
                    self.restart(&response.status)?;
                } else if let Some(from) = before.map(|before| before.from.clone()).or_else(|| {
                    let since = facts.settings.payments_since?;
                    Some(self.from(since))
                }) {
                    self.cursor = Some(Cursor {
                        session: facts.session,
                        iterator_id: iterator.id.clone(),
                        page_size: before.map_or_else(|| page_size(facts), |before| before.page_size),
                        from,
                        remaining: iterator.remaining,
                        read: before.map_or(0, |before| before.read) + here,
                    });
                }
            }
            _ => self.next(),
        }
        Ok(effects)
    }

    /// Keeps what matters of one record; or says why it cannot be read.
    fn keep(&mut self, piece: &Piece<'_>) -> Result<(), String> {
        let method = match (self.stage, piece.name) {
            (Stage::Checks, bill_payment::CHECK_RET) => PaymentMethod::Check,
            (Stage::CreditCards, bill_payment::CREDIT_CARD_RET) => PaymentMethod::CreditCard,
            (Stage::Deleted, txn_deleted::RET) => {
                let deleted: TxnDeletedRet = piece.read().map_err(|error| error.to_string())?;
                self.gone.push(deleted.txn_id);
                return Ok(());
            }
            _ => return Ok(()),
        };
        let ret: BillPaymentRet = piece.read().map_err(|error| error.to_string())?;
        let modified = ret
            .time_modified
            .as_deref()
            .and_then(local_time::read)
            .map(local_time::write);
        let slim = slim(ret, method).map_err(|why| format!("{} could not be read: {why}", piece.label()))?;
        self.latest = self.latest.take().max(modified);
        self.pending.push(slim);
        Ok(())
    }

    /// Lists what a person should look at, once.
    fn list(&mut self, what: String, effects: &mut Effects) {
        if self.listed.insert(what.clone()) {
            effects.unreadable.push(what);
        }
    }

    fn restart(&mut self, status: &Status) -> Result<(), Failure> {
        self.cursor = None;
        self.restarts = self.restarts.saturating_add(1);
        if self.restarts <= MOST_RESTARTS {
            return Ok(());
        }
        Err(Failure {
            code: FailureCode::GaveUp,
            messages: vec![format!(
                "The query of {} was begun {MOST_RESTARTS} times and never read to the end: {}",
                self.stage.told(),
                status.told()
            )],
            status_code: Some(status.code),
        })
    }

    fn next(&mut self) {
        self.stage = match self.stage {
            Stage::Checks => Stage::CreditCards,
            Stage::CreditCards => Stage::Deleted,
            Stage::Deleted | Stage::Done => Stage::Done,
        };
        self.cursor = None;
        self.restarts = 0;
    }

    /// Compares what was read with what is known; only what is new or changed follows.
    fn compare(mut self, facts: &Facts<'_>, since: DateTime<Utc>) -> (Self, Effects) {
        let mut effects = Effects::default();
        let mut rows: Vec<(KnownPayment, bool)> = Vec::new();
        for slim in std::mem::take(&mut self.pending) {
            self.compare_one(&slim, facts, since, &mut rows, &mut effects);
        }
        for id in std::mem::take(&mut self.gone) {
            for known in facts.payments.iter().filter(|known| known.payment_txn_id == id) {
                // Its last amount stays, for whoever has to remove it by hand (PAY-15).
                let deleted = KnownPayment {
                    state: PaymentState::Deleted,
                    told: true,
                    ..known.clone()
                };
                put(&mut rows, deleted, Some(known));
            }
        }
        for (_, first) in &rows {
            if *first {
                self.new += 1;
            } else {
                self.changed += 1;
            }
        }
        if !rows.is_empty() {
            effects.writebacks.push(Writeback::InvoicePayments {
                payments: rows.iter().map(|(row, first)| data(row, *first)).collect(),
            });
            effects.payments = rows.into_iter().map(|(row, _)| row).collect();
        }
        (self, effects)
    }

    fn compare_one(
        &mut self,
        slim: &Slim,
        facts: &Facts<'_>,
        since: DateTime<Utc>,
        rows: &mut Vec<(KnownPayment, bool)>,
        effects: &mut Effects,
    ) {
        // Procore made it: it knows of it.
        let is_procores = facts.links.iter().any(|link| {
            link.item.item_type == ItemType::ContractPayment && link.quickbooks_id == slim.txn_id
        });
        if is_procores {
            return;
        }
        let known: Vec<&KnownPayment> = facts
            .payments
            .iter()
            .filter(|known| known.payment_txn_id == slim.txn_id)
            .collect();
        let of_bill = |bill: &str| known.iter().copied().find(|known| known.bill_txn_id == bill);
        let ours = |bill: &str| {
            facts
                .links
                .iter()
                .find(|link| link.item.item_type == ItemType::Requisition && link.quickbooks_id == bill)
        };
        if known.is_empty() {
            match slim.created {
                Some(created) if created < since.timestamp() => return,
                None if slim
                    .applied
                    .iter()
                    .any(|applied| ours(&applied.bill_txn_id).is_some()) =>
                {
                    let what = format!(
                        "{} has no readable TimeCreated, so it cannot be told whether it was entered after the payment \
                         schedule was switched on. It is not imported; enter it in Procore by hand.",
                        slim.told()
                    );
                    self.list(what, effects);
                    return;
                }
                _ => {}
            }
        }
        for applied in &slim.applied {
            let bill = &applied.bill_txn_id;
            let link = ours(bill);
            if let Some(link) = link.filter(|link| link.origin_id != *bill) {
                let what = format!(
                    "{} pays bill {}, which Procore's invoice {} holds under the id {} and not {bill}. Check that the \
                     bill's Ref. No. in QuickBooks is the number of that invoice.",
                    slim.told(),
                    applied.told(),
                    link.item.id,
                    link.origin_id
                );
                self.list(what, effects);
            }
            // PAY-19: the number we exported, against the one the bill carries now.
            if let (Some(exported), Some(now)) = (
                link.and_then(|link| link.origin_code.as_ref()),
                &applied.ref_number,
            ) && exported != now
            {
                let what = format!(
                    "{} pays bill {}, which was exported as {exported}: its Ref. No. was changed in QuickBooks and no \
                     longer equals the invoice number in Procore.",
                    slim.told(),
                    applied.told(),
                );
                self.list(what, effects);
            }
            let known = of_bill(bill);
            let Some(requisition_id) = known
                .map(|known| known.requisition_id)
                .or(link.map(|link| link.item.id))
            else {
                continue;
            };
            // Nothing paid and nothing known: there is no row to tell of.
            if known.is_none() && applied.amount.is_zero() {
                continue;
            }
            put(rows, slim.row(bill, requisition_id, applied.amount), known);
        }
        for known in &known {
            let dropped = !slim
                .applied
                .iter()
                .any(|applied| applied.bill_txn_id == known.bill_txn_id);
            if dropped {
                let row = slim.row(&known.bill_txn_id, known.requisition_id, Money::ZERO);
                put(rows, row, Some(known));
            }
        }
    }

    fn outcome(&self) -> Outcome {
        let told = format!(
            "Payments of invoices read from QuickBooks: {} new, {} changed.",
            self.new, self.changed
        );
        let mut messages = vec![told];
        if !self.listed.is_empty() {
            messages.push("Look at these in QuickBooks:".to_owned());
            messages.extend(self.listed.iter().cloned());
        }
        if let Some(failure) = &self.failure {
            // Without a new watermark: the next import reads the same again.
            let mut failure = failure.clone();
            failure.messages.extend(messages);
            return Outcome::Failed(failure, Effects::default());
        }
        let effects = Effects {
            payments_watermark: self.latest.clone().max(
                self.watermark
                    .as_deref()
                    .and_then(local_time::read)
                    .map(local_time::write),
            ),
            ..Effects::default()
        };
        Outcome::Done(effects, messages)
    }
}

impl Machine for PaymentsImport {
    fn wants(&self) -> Wants {
        let bills: BTreeSet<&String> = self
            .pending
            .iter()
            .flat_map(|slim| &slim.applied)
            .map(|applied| &applied.bill_txn_id)
            .collect();
        let payments: BTreeSet<&String> = self
            .pending
            .iter()
            .map(|slim| &slim.txn_id)
            .chain(&self.gone)
            .collect();
        Wants {
            linked_ids: bills.union(&payments).map(|id| (*id).clone()).collect(),
            payments: payments.into_iter().cloned().collect(),
            ..Wants::default()
        }
    }

    fn progress(&self) -> Option<Progress> {
        let cursor = self.cursor.as_ref()?;
        Some(Progress {
            what: self.stage.told().to_owned(),
            read: cursor.read,
            left: cursor.remaining,
        })
    }

    fn access(&self) -> Access {
        Access::Read
    }

    fn step(&self, facts: &Facts<'_>) -> Step<Self> {
        let since = match allowed(facts) {
            Ok(since) => since,
            Err(failure) => return Step::Finished(Outcome::Failed(failure, Effects::default())),
        };
        if !self.pending.is_empty() || !self.gone.is_empty() {
            let (next, effects) = self.clone().compare(facts, since);
            return Step::Advance(next, effects);
        }
        match self.request(facts, since) {
            Some(request) => Step::Ask(vec![request]),
            None => Step::Finished(self.outcome()),
        }
    }

    fn answer(mut self, answers: &[Response], facts: &Facts<'_>) -> Turn<Self> {
        let failed = |failure| Turn::Finished(Outcome::Failed(failure, Effects::default()));
        let [response] = answers else {
            return failed(Failure::new(
                FailureCode::UnreadableAnswer,
                format!(
                    "QuickBooks gave {} answers to one query of payments.",
                    answers.len()
                ),
            ));
        };
        let status = &response.status;
        if status.code == 3391 {
            return match self.restart(status) {
                Ok(()) => Turn::Continue(self, Effects::default()),
                Err(failure) => failed(failure),
            };
        }
        match status.retry_class() {
            RetryClass::Done | RetryClass::Nothing | RetryClass::Warning => {
                match self.page(response, facts) {
                    Ok(effects) => Turn::Continue(self, effects),
                    Err(failure) => failed(failure),
                }
            }
            RetryClass::Again => {
                let reason = format!("The query of {} waits: {}", self.stage.told(), status.told());
                Turn::Later(self, reason)
            }
            RetryClass::ReadAgain | RetryClass::Person | RetryClass::OurFault => {
                let words = format!("QuickBooks did not tell {}: {}", self.stage.told(), status.told());
                let failure = self.failure.get_or_insert_with(|| Failure {
                    code: FailureCode::Refused,
                    messages: Vec::new(),
                    status_code: Some(status.code),
                });
                failure.messages.push(words);
                self.next();
                Turn::Continue(self, Effects::default())
            }
        }
    }
}

impl Stage {
    /// What a person calls it.
    fn told(self) -> &'static str {
        match self {
            Self::Checks => "payments by check",
            Self::CreditCards => "payments by credit card",
            Self::Deleted | Self::Done => "deleted payments",
        }
    }
}

impl Slim {
    /// Its row for one bill, as QuickBooks holds it now.
    fn row(&self, bill: &str, requisition_id: i64, amount: Money) -> KnownPayment {
        KnownPayment {
            payment_txn_id: self.txn_id.clone(),
            bill_txn_id: bill.to_owned(),
            requisition_id,
            method: self.method,
            date: self.date,
            amount,
            ref_number: self.ref_number.clone(),
            memo: self.memo.clone(),
            state: if amount.is_zero() {
                PaymentState::Void
            } else {
                PaymentState::Paid
            },
            told: true,
        }
    }

    /// What a person calls it.
    fn told(&self) -> String {
        let kind = match self.method {
            PaymentMethod::Check => "The bill payment by check",
            PaymentMethod::CreditCard => "The bill payment by credit card",
        };
        match &self.ref_number {
            Some(number) => format!("{kind} \"{number}\" ({})", self.txn_id),
            None => format!("{kind} of {} ({})", self.date, self.txn_id),
        }
    }
}

impl Applied {
    /// What a person calls the bill.
    fn told(&self) -> String {
        self.ref_number
            .as_ref()
            .map_or_else(|| self.bill_txn_id.clone(), |number| format!("\"{number}\""))
    }
}

/// Since when payments count, if they may be read at all.
fn allowed(facts: &Facts<'_>) -> Result<DateTime<Utc>, Failure> {
    if !facts.company.is_us() && !facts.settings.payments_outside_us {
        let country = match facts.company.country.trim() {
            "" => "has not told its country yet".to_owned(),
            country => format!("is of the {country} edition"),
        };
        return Err(Failure::new(
            FailureCode::NotAvailable,
            format!(
                "Bill payments can be imported with the US edition only; the company file that is open in QuickBooks \
                 {country}. Enter the payments in Procore by hand, connect a US company file, or switch on the setting \
                 payments_outside_us."
            ),
        ));
    }
    facts.settings.payments_since.ok_or_else(|| {
        Failure::new(
            FailureCode::Setting,
            "No bill payments were imported, because the payment schedule is switched off. Switch it on in the settings \
             of the connection (payment schedule); payments entered in QuickBooks from then on are imported.",
        )
    })
}

/// Adds a row, unless it is known just so.
fn put(rows: &mut Vec<(KnownPayment, bool)>, row: KnownPayment, known: Option<&KnownPayment>) {
    // A payment that was changed while its pages were read comes twice: the later one counts.
    let earlier = rows.iter().position(|(other, _)| {
        other.payment_txn_id == row.payment_txn_id && other.bill_txn_id == row.bill_txn_id
    });
    if let Some(earlier) = earlier {
        rows.remove(earlier);
    }
    if known != Some(&row) {
        rows.push((row, known.is_none_or(|known| !known.told)));
    }
}

fn data(row: &KnownPayment, first: bool) -> PaymentData {
    PaymentData {
        requisition_id: row.requisition_id,
        origin_id: row.origin_id(),
        method: row.method,
        date: row.date,
        amount: row.amount,
        ref_number: row.ref_number.clone(),
        memo: row.memo.clone(),
        state: row.state,
        first,
    }
}

/// What is kept of a payment; or why it cannot be read.
fn slim(ret: BillPaymentRet, method: PaymentMethod) -> Result<Slim, String> {
    let some = |text: Option<String>| {
        text.map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    };
    if ret.txn_id.trim().is_empty() {
        return Err("it has no TxnID".to_owned());
    }
    let date = ret.txn_date.unwrap_or_default();
    let date = NaiveDate::parse_from_str(date.trim(), "%Y-%m-%d")
        .map_err(|_| format!("its TxnDate \"{date}\" is not a date"))?;
    let memo = some(ret.memo);
    // What a voided payment looks like is not confirmed. No amount at all is certain; the memo alone is a person's
    // words as long as money is there.
    let void = match ret.amount {
        Some(amount) => amount.is_zero(),
        None => memo
            .as_deref()
            .is_some_and(|memo| memo.starts_with(bill_payment::VOID_MEMO)),
    };
    let mut applied: Vec<Applied> = Vec::new();
    for part in ret.applied {
        if void || part.txn_type != "Bill" {
            continue;
        }
        let amount = part
            .amount
            .ok_or_else(|| format!("it does not say what it pays of bill {}", part.txn_id))?;
        match applied.iter_mut().find(|other| other.bill_txn_id == part.txn_id) {
            Some(other) => other.amount += amount,
            None => applied.push(Applied {
                bill_txn_id: part.txn_id,
                ref_number: some(part.ref_number),
                amount,
            }),
        }
    }
    Ok(Slim {
        created: created(&ret.txn_id, ret.time_created.as_deref()),
        txn_id: ret.txn_id,
        method,
        date,
        ref_number: some(ret.ref_number),
        memo,
        applied,
    })
}

/// When a transaction was entered, in Unix seconds. The id bears the instant; the printed time has a wrong offset in
/// summer, and only confirms that the number in the id is one.
fn created(txn_id: &str, time_created: Option<&str>) -> Option<i64> {
    let in_id = txn_id
        .rsplit_once('-')
        .map(|(_, number)| number)
        .filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|number| number.parse::<i64>().ok());
    let printed = DateTime::parse_from_rfc3339(time_created?.trim())
        .ok()?
        .timestamp();
    Some(
        in_id
            .filter(|in_id| in_id.abs_diff(printed) <= CREATION_TOLERANCE.unsigned_abs())
            .unwrap_or(printed),
    )
}

fn page_size(facts: &Facts<'_>) -> u16 {
    facts.settings.page_size.max(1)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use chrono::{NaiveDateTime, TimeDelta};

    use super::*;
    use crate::tasks::imports::fixture::World;

    /// A QuickBooks with bill payments, that can break off, and the edge around the machine.
    struct Bench {
        world: World,
        checks: Vec<String>,
        cards: Vec<String>,
        deleted: Vec<String>,
        /// Before these asks (counted from 0) the update session ends.
        session_ends: Vec<usize>,
        /// At these asks QuickBooks has forgotten the iterator.
        forgets: Vec<usize>,
        asked: Vec<Request>,
        told: Vec<PaymentData>,
        unreadable: Vec<String>,
    }

    impl Bench {
        fn new() -> Self {
            let mut world = World::default();
            world.company.country = "US".to_owned();
            world.settings.payments_since = Some("2026-03-01T00:00:00Z".parse().unwrap());
            Self {
                world,
                checks: Vec::new(),
                cards: Vec::new(),
                deleted: Vec::new(),
                session_ends: Vec::new(),
                forgets: Vec::new(),
                asked: Vec::new(),
                told: Vec::new(),
                unreadable: Vec::new(),
            }
        }

        /// The invoice with this number is the bill `B<number>-1770000000`.
        fn invoices(mut self, numbers: impl IntoIterator<Item = i64>) -> Self {
            for number in numbers {
                self.world = self
                    .world
                    .linking(ItemType::Requisition, number, &bill_id(number));
            }
            self
        }

        fn quickbooks(&self, request: &Request) -> Response {
            let records = match request.element {
                "BillPaymentCheckQueryRq" => &self.checks,
                "BillPaymentCreditCardQueryRq" => &self.cards,
                "TxnDeletedQueryRq" => return Response::ok("TxnDeletedQueryRs", &self.deleted.concat()),
                other => panic!("{other}"),
            };
            assert!(request.body.contains("<IncludeLineItems>true</IncludeLineItems>"));
            if records.is_empty() {
                return Response::failed("Rs", 1, "nothing");
            }
            let most = request
                .body
                .split(['<', '>'])
                .nth(2)
                .unwrap()
                .parse::<usize>()
                .unwrap();
            let session = self.world.session;
            // Our iterator's id is the session and the place.
            let start = match request.attributes.as_slice() {
                [("iterator", word)] if word == "Start" => 0,
                [("iterator", word), ("iteratorID", id)] if word == "Continue" => {
                    if self.forgets.contains(&self.asked.len()) {
                        return Response::failed("Rs", 3391, "The iteratorID is not valid.");
                    }
                    let (of, place) = id.split_once('/').unwrap();
                    assert_eq!(of, session.to_string(), "an iterator of another session");
                    place.parse().unwrap()
                }
                other => panic!("{other:?}"),
            };
            let end = records.len().min(start + most);
            Response::ok("Rs", &records[start..end].concat())
                .with_iterator(&format!("{session}/{end}"), (records.len() - end) as u64)
        }

        fn hold(&mut self, effects: &Effects) {
            for row in &effects.payments {
                self.world
                    .payments
                    .retain(|known| known.origin_id() != row.origin_id());
                self.world.payments.push(row.clone());
            }
            for call in &effects.writebacks {
                let Writeback::InvoicePayments { payments } = call else {
                    panic!("{call:?}")
                };
                self.told.extend(payments.iter().cloned());
            }
            self.unreadable.extend(effects.unreadable.iter().cloned());
        }

        fn run(&mut self, watermark: Option<&str>) -> Outcome {
            self.told.clear();
            self.asked.clear();
            let mut state = PaymentsImport::new(watermark.map(str::to_owned));
            for _ in 0..10_000 {
                // What is stored between two calls is all there is; what was not wanted is not there.
                state = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
                let wants = state.wants();
                let found = World {
                    settings: self.world.settings.clone(),
                    company: self.world.company.clone(),
                    session: self.world.session,
                    links: self
                        .world
                        .links
                        .iter()
                        .filter(|link| wants.linked_ids.contains(&link.quickbooks_id))
                        .cloned()
                        .collect(),
                    payments: self
                        .world
                        .payments
                        .iter()
                        .filter(|known| wants.payments.contains(&known.payment_txn_id))
                        .cloned()
                        .collect(),
                    ..World::default()
                };
                match state.step(&found.facts()) {
                    Step::Finished(outcome) => {
                        let (Outcome::Done(effects, _) | Outcome::Failed(_, effects)) = &outcome;
                        self.hold(effects);
                        return outcome;
                    }
                    Step::Advance(next, effects) => {
                        self.hold(&effects);
                        state = next;
                    }
                    Step::Ask(requests) => {
                        let [request] = requests.as_slice() else {
                            panic!("{requests:?}")
                        };
                        if let Some(at) = self.session_ends.iter().position(|ask| *ask == self.asked.len()) {
                            self.session_ends.remove(at);
                            self.world.session = Uuid::from_u128(self.world.session.as_u128() + 1);
                            continue;
                        }
                        let answer = self.quickbooks(request);
                        self.asked.push(request.clone());
                        match state.answer(&[answer], &found.facts()) {
                            Turn::Continue(next, effects) => {
                                self.hold(&effects);
                                state = next;
                            }
                            other => panic!("{other:?}"),
                        }
                    }
                }
            }
            panic!("it never ends")
        }

        /// Runs to the end; the new watermark.
        fn done(&mut self, watermark: Option<&str>) -> (Option<String>, Vec<String>) {
            match self.run(watermark) {
                Outcome::Done(effects, said) => (effects.payments_watermark, said),
                Outcome::Failed(failure, _) => panic!("{failure:?}"),
            }
        }

        /// What Procore was told by the last run: id, amount, state, first.
        fn rows(&self) -> Vec<(String, String, PaymentState, bool)> {
            self.told
                .iter()
                .map(|row| {
                    (
                        row.origin_id.clone(),
                        row.amount.to_string(),
                        row.state,
                        row.first,
                    )
                })
                .collect()
        }
    }

    fn bill_id(number: i64) -> String {
        format!("B{number}-1770000000")
    }

    /// 2026-03-10 09:00:00 UTC, and so many minutes.
    fn payment_id(minute: i64) -> String {
        format!("A{minute}-{}", 1_773_133_200 + minute * 60)
    }

    struct Pays {
        ret: &'static str,
        minute: i64,
        number: Option<&'static str>,
        memo: Option<&'static str>,
        amount: String,
        bills: Vec<(i64, &'static str)>,
    }

    impl Pays {
        fn check(minute: i64, bills: &[(i64, &'static str)]) -> Self {
            let total: Money = bills
                .iter()
                .map(|(_, amount)| Money::parse(amount).unwrap())
                .sum();
            Self {
                ret: bill_payment::CHECK_RET,
                minute,
                number: Some("1077"),
                memo: None,
                amount: total.to_string(),
                bills: bills.to_vec(),
            }
        }

        fn xml(&self) -> String {
            let time: NaiveDateTime = "2026-03-10T09:00:00".parse().unwrap();
            let time = time + TimeDelta::minutes(self.minute);
            let mut xml = format!(
                "<{0}><TxnID>{1}</TxnID><TimeCreated>{2}+00:00</TimeCreated><TimeModified>{2}+00:00</TimeModified>\
                 <TxnDate>{3}</TxnDate><Amount>{4}</Amount>",
                self.ret,
                payment_id(self.minute),
                local_time::write(time),
                time.date(),
                self.amount
            );
            if let Some(number) = self.number {
                let _ = write!(xml, "<RefNumber>{number}</RefNumber>");
            }
            if let Some(memo) = self.memo {
                let _ = write!(xml, "<Memo>{memo}</Memo>");
            }
            for (bill, amount) in &self.bills {
                let _ = write!(
                    xml,
                    "<AppliedToTxnRet><TxnID>{}</TxnID><TxnType>Bill</TxnType><RefNumber>{bill}</RefNumber>\
                     <Amount>{amount}</Amount></AppliedToTxnRet>",
                    bill_id(*bill)
                );
            }
            let _ = write!(xml, "</{}>", self.ret);
            xml
        }
    }

    fn row_id(minute: i64, bill: i64) -> String {
        format!("{}|{}", payment_id(minute), bill_id(bill))
    }

    #[test]
    fn pay_01_map_40_only_us_editions() {
        for country in ["CA", ""] {
            let mut bench = Bench::new();
            bench.world.company.country = country.to_owned();
            let Outcome::Failed(failure, _) = bench.run(None) else {
                panic!("{country}")
            };
            assert_eq!(failure.code, FailureCode::NotAvailable);
            assert!(failure.text().contains("US edition only"), "{}", failure.text());
            assert!(bench.asked.is_empty());
        }
    }

    #[test]
    fn pay_22_without_a_schedule_nothing_is_read() {
        let mut bench = Bench::new();
        bench.world.settings.payments_since = None;
        let Outcome::Failed(failure, _) = bench.run(None) else {
            panic!("refused")
        };
        assert_eq!(failure.code, FailureCode::Setting);
        assert!(failure.text().contains("payment schedule"), "{}", failure.text());
        assert!(bench.asked.is_empty());
    }

    #[test]
    fn pay_06_pay_07_pay_08_map_34_to_map_39_checks_and_cards_come_with_all_their_fields() {
        let mut bench = Bench::new().invoices([7, 8]);
        bench.checks = vec![
            Pays {
                memo: Some("March &amp; April"),
                ..Pays::check(0, &[(7, "4000.00")])
            }
            .xml(),
        ];
        bench.cards = vec![
            Pays {
                ret: bill_payment::CREDIT_CARD_RET,
                number: None,
                ..Pays::check(5, &[(8, "750.00")])
            }
            .xml(),
        ];
        let (watermark, said) = bench.done(None);
        assert_eq!(
            bench.told,
            [
                PaymentData {
                    requisition_id: 7,
                    origin_id: row_id(0, 7),
                    method: PaymentMethod::Check,
                    date: "2026-03-10".parse().unwrap(),
                    amount: Money::from_cents(400_000),
                    ref_number: Some("1077".to_owned()),
                    memo: Some("March & April".to_owned()),
                    state: PaymentState::Paid,
                    first: true,
                },
                PaymentData {
                    requisition_id: 8,
                    origin_id: row_id(5, 8),
                    method: PaymentMethod::CreditCard,
                    date: "2026-03-10".parse().unwrap(),
                    amount: Money::from_cents(75_000),
                    ref_number: None,
                    memo: None,
                    state: PaymentState::Paid,
                    first: true,
                },
            ]
        );
        assert_eq!(watermark.as_deref(), Some("2026-03-10T09:05:00"));
        assert!(said[0].contains("2 new, 0 changed"), "{said:?}");
        // The first time from a day before the schedule; all three queries, once each.
        let elements: Vec<&str> = bench.asked.iter().map(|request| request.element).collect();
        assert_eq!(
            elements,
            [
                "BillPaymentCheckQueryRq",
                "BillPaymentCreditCardQueryRq",
                "TxnDeletedQueryRq"
            ]
        );
        for request in &bench.asked {
            assert!(
                request.body.contains("Date>2026-02-28T00:00:00</"),
                "{}",
                request.body
            );
            assert_eq!(request.access, Access::Read);
        }

        // Again from the watermark, with an overlap: nothing is told twice.
        let (watermark, said) = bench.done(watermark.as_deref());
        assert!(bench.told.is_empty());
        assert!(said[0].contains("0 new, 0 changed"), "{said:?}");
        assert_eq!(watermark.as_deref(), Some("2026-03-10T09:05:00"));
        assert!(
            bench.asked[0]
                .body
                .contains("<FromModifiedDate>2026-03-10T07:50:00</FromModifiedDate>")
        );
    }

    #[test]
    fn comp_18_map_39_one_check_for_two_bills_gives_two_rows() {
        let mut bench = Bench::new().invoices([1, 2, 3]);
        // The third bill was settled by a discount alone: no money went to it.
        bench.checks = vec![Pays::check(0, &[(1, "500.00"), (2, "400.00"), (3, "0.00")]).xml()];
        bench.done(None);
        assert_eq!(
            bench.rows(),
            [
                (row_id(0, 1), "500.00".to_owned(), PaymentState::Paid, true),
                (row_id(0, 2), "400.00".to_owned(), PaymentState::Paid, true),
            ]
        );
    }

    #[test]
    fn pay_09_two_partial_payments_are_two_rows() {
        let mut bench = Bench::new().invoices([1]);
        bench.checks = vec![
            Pays::check(0, &[(1, "300.00")]).xml(),
            Pays::check(1, &[(1, "200.50")]).xml(),
        ];
        bench.done(None);
        assert_eq!(bench.told.len(), 2);
        let sum: Money = bench.told.iter().map(|row| row.amount).sum();
        assert_eq!(sum, Money::from_cents(50_050));
    }

    #[test]
    fn pay_10_a_void_updates_the_same_rows_whatever_it_looks_like() {
        let paid = Pays::check(0, &[(1, "500.00"), (2, "400.00")]);
        let voided = |amount: &str, bills: &[(i64, &'static str)], memo| {
            let mut void = Pays::check(0, bills);
            void.amount = amount.to_owned();
            void.memo = memo;
            void.xml()
        };
        for void in [
            voided("0.00", &[], Some("VOID: wrong vendor")),
            voided("0.00", &[(1, "0.00"), (2, "0.00")], None),
            voided("0.00", &[(1, "500.00"), (2, "400.00")], Some("VOID:")),
            voided("900.00", &[], None),
            voided("", &[(1, "500.00"), (2, "400.00")], Some("VOID:")).replace("<Amount></Amount>", ""),
        ] {
            let mut bench = Bench::new().invoices([1, 2]);
            bench.checks = vec![paid.xml()];
            bench.done(None);
            bench.checks = vec![void.clone()];
            let (_, said) = bench.done(None);
            assert_eq!(
                bench.rows(),
                [
                    (row_id(0, 1), "0.00".to_owned(), PaymentState::Void, false),
                    (row_id(0, 2), "0.00".to_owned(), PaymentState::Void, false),
                ],
                "{void}"
            );
            assert!(said[0].contains("0 new, 2 changed"), "{said:?}");
            bench.done(None);
            assert!(bench.told.is_empty());
            // Never seen before it was voided: nothing to tell.
            let mut bench = Bench::new().invoices([1, 2]);
            bench.checks = vec![void];
            bench.done(None);
            assert!(bench.told.is_empty());
        }
    }

    #[test]
    fn pay_10_a_memo_alone_does_not_void_what_still_pays() {
        let mut bench = Bench::new().invoices([1]);
        bench.checks = vec![
            Pays {
                memo: Some("VOID: replaces check 12"),
                ..Pays::check(0, &[(1, "5.00")])
            }
            .xml(),
        ];
        bench.done(None);
        assert_eq!(
            bench.rows(),
            [(row_id(0, 1), "5.00".to_owned(), PaymentState::Paid, true)]
        );
    }

    #[test]
    fn pay_10_a_bill_that_is_dropped_or_added_changes_only_its_row() {
        let mut bench = Bench::new().invoices([1, 2, 3]);
        bench.checks = vec![Pays::check(0, &[(1, "500.00"), (2, "400.00")]).xml()];
        bench.done(None);
        // Bill 2 is dropped, bill 3 is new, and the invoice link of bill 2 is gone besides.
        bench.world.links.retain(|link| link.item.id != 2);
        bench.checks = vec![Pays::check(0, &[(1, "500.00"), (3, "400.00")]).xml()];
        bench.done(None);
        assert_eq!(
            bench.rows(),
            [
                (row_id(0, 3), "400.00".to_owned(), PaymentState::Paid, true),
                (row_id(0, 2), "0.00".to_owned(), PaymentState::Void, false),
            ]
        );
    }

    #[test]
    fn pay_14_map_36_map_37_a_printed_check_gets_its_number_and_is_never_first_again() {
        let mut bench = Bench::new().invoices([1]);
        let mut check = Pays::check(0, &[(1, "500.00")]);
        check.number = None;
        bench.checks = vec![check.xml()];
        bench.done(None);
        assert!(bench.told[0].first && bench.told[0].ref_number.is_none());
        check.number = Some("1079");
        check.memo = Some("printed");
        bench.checks = vec![check.xml()];
        bench.done(None);
        let row = &bench.told[0];
        assert_eq!(
            (
                row.first,
                row.ref_number.as_deref(),
                row.memo.as_deref(),
                row.state
            ),
            (false, Some("1079"), Some("printed"), PaymentState::Paid)
        );
        // The date follows, too.
        bench.checks = vec![check.xml().replace("<TxnDate>2026-03-10", "<TxnDate>2026-03-12")];
        bench.done(None);
        assert_eq!(bench.told[0].date, "2026-03-12".parse().unwrap());
    }

    #[test]
    fn pay_15_a_deleted_payment_keeps_its_rows() {
        let mut bench = Bench::new().invoices([1, 2]);
        bench.checks = vec![Pays::check(0, &[(1, "500.00"), (2, "400.00")]).xml()];
        bench.done(None);
        bench.checks.clear();
        let gone = |id: &str| {
            format!(
                "<TxnDeletedRet><TxnDelType>BillPaymentCheck</TxnDelType><TxnID>{id}</TxnID>\
                 <TimeCreated>2026-03-10T09:00:00+00:00</TimeCreated><TimeDeleted>2026-03-11T09:00:00+00:00</TimeDeleted>\
                 </TxnDeletedRet>"
            )
        };
        bench.deleted = vec![gone("X-1"), gone(&payment_id(0))];
        bench.done(None);
        assert_eq!(
            bench.rows(),
            [
                (row_id(0, 1), "500.00".to_owned(), PaymentState::Deleted, false),
                (row_id(0, 2), "400.00".to_owned(), PaymentState::Deleted, false),
            ]
        );
        assert_eq!(bench.world.payments.len(), 2);
        // QuickBooks tells it for 90 days; Procore hears it once.
        bench.done(None);
        assert!(bench.told.is_empty());
    }

    #[test]
    fn pay_11_what_was_entered_before_the_schedule_is_left_alone_unless_known() {
        let mut bench = Bench::new().invoices([1, 2]);
        bench.world.settings.payments_since = Some("2026-03-10T09:01:00Z".parse().unwrap());
        bench.checks = vec![
            Pays::check(0, &[(1, "5.00")]).xml(),
            Pays::check(1, &[(2, "6.00")]).xml(),
        ];
        bench.done(None);
        assert_eq!(
            bench.rows(),
            [(row_id(1, 2), "6.00".to_owned(), PaymentState::Paid, true)]
        );
        // Off and on again: the known one is followed, though it is older now.
        bench.world.settings.payments_since = Some("2026-03-20T00:00:00Z".parse().unwrap());
        bench.checks = vec![Pays::check(1, &[(2, "7.00")]).xml()];
        bench.done(None);
        assert_eq!(
            bench.rows(),
            [(row_id(1, 2), "7.00".to_owned(), PaymentState::Paid, false)]
        );
    }

    #[test]
    fn pay_11_the_instant_in_the_id_counts_where_it_can_be_one() {
        // Summer in New York: 13:00 local is 17:00 UTC, but QuickBooks prints winter's offset.
        let summer = 1_783_357_200; // 2026-07-06T17:00:00Z
        let printed = Some("2026-07-06T13:00:00-05:00");
        assert_eq!(created(&format!("5D20-{summer}"), printed), Some(summer));
        // Not an instant: the printed one holds.
        for id in [
            "5D20-17",
            "5D20",
            "0000000000000p5h",
            "5D20-",
            "5D20-99999999999999999999",
            "5D20-x",
        ] {
            assert_eq!(created(id, printed), Some(summer + 3600), "{id}");
        }
        assert_eq!(created("5D20-1783357200", None), None);
        assert_eq!(created("5D20-1783357200", Some("soon")), None);
    }

    #[test]
    fn pay_18_payments_of_other_bills_import_nothing() {
        let mut bench = Bench::new().invoices([1]);
        // A commitment with the bill's id is not an invoice.
        bench.world = std::mem::take(&mut bench.world).linking(ItemType::WorkOrderContract, 9, &bill_id(9));
        bench.checks = vec![
            Pays::check(0, &[(5, "5.00")]).xml(),
            Pays::check(1, &[(1, "6.00"), (6, "7.00")]).xml(),
            Pays::check(2, &[(9, "8.00")]).xml(),
            Pays::check(3, &[(1, "9.00")])
                .xml()
                .replace("<TxnType>Bill<", "<TxnType>Check<"),
        ];
        bench.done(None);
        assert_eq!(
            bench.rows(),
            [(row_id(1, 1), "6.00".to_owned(), PaymentState::Paid, true)]
        );
    }

    #[test]
    fn pay_19_a_link_that_does_not_fit_is_noted() {
        let mut bench = Bench::new().invoices([1]);
        bench.world.links[0].origin_id = "OTHER-1".to_owned();
        bench.checks = vec![Pays::check(0, &[(1, "5.00")]).xml()];
        let (_, said) = bench.done(None);
        assert_eq!(bench.told.len(), 1);
        assert!(said.last().unwrap().contains("OTHER-1"), "{said:?}");
        assert_eq!(bench.unreadable.len(), 1);
    }

    #[test]
    fn comp_16_an_unreadable_payment_is_listed_and_the_others_go_on() {
        let mut bench = Bench::new().invoices([1]);
        bench.world.settings.page_size = 2;
        let good = Pays::check(0, &[(1, "5.00")]).xml();
        bench.checks = vec![
            good.replace("<Amount>5.00</Amount>", "<Amount>a lot</Amount>"),
            good.replace("2026-03-10</TxnDate>", "soon</TxnDate>"),
            good.replace("<Amount>5.00</Amount></AppliedToTxnRet>", "</AppliedToTxnRet>"),
            good.replace("TimeCreated", "TimeUnknown"),
            Pays::check(1, &[(1, "6.00")]).xml(),
        ];
        // The query begins again; nothing is listed twice.
        bench.forgets = vec![1];
        let (_, said) = bench.done(None);
        assert_eq!(
            bench.rows(),
            [(row_id(1, 1), "6.00".to_owned(), PaymentState::Paid, true)]
        );
        assert_eq!(bench.unreadable.len(), 4, "{:#?}", bench.unreadable);
        for listed in &bench.unreadable {
            assert!(said.contains(listed) && listed.contains("1077"), "{listed}");
        }
    }

    #[test]
    fn a_refused_query_fails_at_the_end_without_a_new_watermark_and_a_busy_one_waits() {
        let mut bench = Bench::new().invoices([1]);
        bench.cards = vec![
            Pays {
                ret: bill_payment::CREDIT_CARD_RET,
                ..Pays::check(0, &[(1, "5.00")])
            }
            .xml(),
        ];
        let import = PaymentsImport::new(None);
        let busy = [Response::failed("Rs", 3175, "in use")];
        let Turn::Later(import, reason) = import.answer(&busy, &bench.world.facts()) else {
            panic!("it waits")
        };
        assert!(reason.contains("payments by check"), "{reason}");
        let refused = [Response::failed("Rs", 3261, "No permission.")];
        let Turn::Continue(import, effects) = import.answer(&refused, &bench.world.facts()) else {
            panic!("the others go on")
        };
        assert_eq!(effects, Effects::default());
        let cards = [Response::ok("Rs", &bench.cards[0])];
        let Turn::Continue(import, _) = import.answer(&cards, &bench.world.facts()) else {
            panic!("it goes on")
        };
        let Step::Advance(import, effects) = import.step(&bench.world.facts()) else {
            panic!("it compares")
        };
        assert_eq!(effects.payments.len(), 1);
        let Turn::Continue(import, _) =
            import.answer(&[Response::failed("Rs", 1, "nothing")], &bench.world.facts())
        else {
            panic!("it goes on")
        };
        let Step::Finished(Outcome::Failed(failure, effects)) = import.step(&bench.world.facts()) else {
            panic!("it failed")
        };
        assert_eq!(failure.status_code, Some(3261));
        assert!(failure.text().contains("payments by check") && failure.text().contains("1 new"));
        assert_eq!(effects.payments_watermark, None);
    }

    #[test]
    fn an_iterator_that_never_ends_is_given_up() {
        let bench = Bench::new();
        let mut import = PaymentsImport::new(None);
        for _ in 0..200 {
            let stuck = [Response::ok("Rs", "").with_iterator("{it}", 5)];
            match import.answer(&stuck, &bench.world.facts()) {
                Turn::Continue(next, _) => import = next,
                Turn::Finished(Outcome::Failed(failure, _)) => {
                    assert_eq!(failure.code, FailureCode::GaveUp);
                    return;
                }
                other => panic!("{other:?}"),
            }
        }
        panic!("it never gave up");
    }

    #[test]
    fn a_watermark_that_is_no_time_reads_from_the_schedule() {
        let mut bench = Bench::new();
        let (watermark, _) = bench.done(Some("never"));
        assert!(bench.asked[0].body.contains("2026-02-28T00:00:00"));
        assert_eq!(watermark, None);
        // The offset is dropped, and what was seen is kept where nothing newer came.
        let (watermark, _) = bench.done(Some("2026-05-01T00:30:00-05:00"));
        assert!(bench.asked[0].body.contains("2026-04-30T23:15:00<"));
        assert_eq!(watermark.as_deref(), Some("2026-05-01T00:30:00"));
    }

    #[test]
    fn map_34_the_samples_come_through() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../shared/reference/qbxml-samples/synthetic");
        let records = |file: &str| -> Option<String> {
            let text = std::fs::read_to_string(folder.join(file)).ok()?;
            let answer = crate::qbxml::read_message_set(text).ok()?;
            Some(answer.responses.first()?.content().to_owned())
        };
        let (Some(checks), Some(cards), Some(deleted)) = (
            records("bill-payment-check-query-partial-discount-credit-void.xml"),
            records("bill-payment-creditcard-query.xml"),
            records("txn-deleted-query.xml"),
        ) else {
            eprintln!("SKIPPED: {} is not there", folder.display());
            return;
        };
        let mut bench = Bench::new();
        bench.world.settings.payments_since = Some("2026-01-01T00:00:00Z".parse().unwrap());
        for (id, bill) in [
            (1, "5C1A-1770000001"),
            (2, "5C30-1770100000"),
            (3, "5C34-1770110000"),
            (5, "5C50-1770300000"),
            (6, "5C60-1770400000"),
        ] {
            bench.world = std::mem::take(&mut bench.world).linking(ItemType::Requisition, id, bill);
        }
        (bench.checks, bench.cards, bench.deleted) = (vec![checks], vec![cards], vec![deleted]);
        let (watermark, _) = bench.done(None);
        let rows: Vec<(i64, String)> = bench
            .told
            .iter()
            .map(|row| (row.requisition_id, row.amount.to_string()))
            .collect();
        let expected = [
            (1, "4000.00"),
            (2, "1209.88"),
            (3, "1000.00"),
            (6, "300.00"),
            (5, "750.00"),
        ];
        assert_eq!(rows, expected.map(|(id, amount)| (id, amount.to_owned())));
        assert_eq!(watermark.as_deref(), Some("2026-03-09T09:00:00"));
        assert!(bench.unreadable.is_empty(), "{:?}", bench.unreadable);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn nothing_is_lost_or_doubled_however_the_reading_breaks(
            checks in 0_i64..12,
            cards in 0_i64..6,
            page_size in 1_u16..5,
            session_ends in proptest::collection::vec(0_usize..20, 0..4),
            forgets in proptest::collection::vec(0_usize..20, 0..4),
        ) {
            let mut bench = Bench::new().invoices(0..20);
            bench.world.settings.page_size = page_size;
            bench.checks = (0..checks).map(|at| Pays::check(at, &[(at, "5.00"), (at + 1, "6.00")]).xml()).collect();
            bench.cards = (0..cards)
                .map(|at| {
                    let card = Pays::check(100 + at, &[(at, "7.00")]);
                    Pays { ret: bill_payment::CREDIT_CARD_RET, ..card }.xml()
                })
                .collect();
            bench.session_ends = session_ends;
            bench.forgets = forgets;
            let (_, said) = bench.done(None);
            let rows = usize::try_from(checks * 2 + cards).unwrap();
            prop_assert_eq!(bench.world.payments.len(), rows);
            let ids: BTreeSet<&String> = bench.told.iter().map(|row| &row.origin_id).collect();
            prop_assert_eq!(ids.len(), rows);
            prop_assert_eq!(bench.told.len(), rows);
            prop_assert!(bench.told.iter().all(|row| row.first));
            let expected = format!("{rows} new, 0 changed");
            prop_assert!(said[0].contains(&expected), "{:?}", said);
        }

        #[test]
        fn any_answer_is_survived(content in "(<BillPaymentCheckRet>|</BillPaymentCheckRet>|<TxnID>[A-Z0-9-]{0,6}</TxnID>|<Amount>-?[0-9.]{0,5}</Amount>|<TxnDate>[0-9-]{0,10}</TxnDate>|[a-z<>&é]){0,12}") {
            let bench = Bench::new();
            let turn = PaymentsImport::new(None).answer(&[Response::ok("Rs", &content)], &bench.world.facts());
            prop_assert!(matches!(turn, Turn::Continue(..)), "unexpected turn");
        }

        #[test]
        fn any_time_is_survived(one in "\\PC{0,30}", other in "\\PC{0,30}") {
            let _ = (local_time::read(&one), created(&one, Some(&other)));
        }
    }
}
