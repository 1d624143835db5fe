//! The operations: what each call of the Web Connector does and answers.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use sqlx::{Connection, PgConnection, PgPool};
use uuid::Uuid;

use super::{
    answers, call,
    exchanges::{self, NewExchange, Purpose, Returned},
    guard,
    hresult::{self, Meaning},
    progress,
    sessions::{self, Care, FileState, Kept, Session, Ticket},
    soap::{Call, Reply},
    trust::{self, Claim, Proof},
};
use crate::{
    clock::Clock,
    connections::{
        braced,
        company_file::CompanyFile,
        passwords::{PasswordCheck, Verdict},
    },
    qbxml::{self, Access, MessageSetId, Version, read_message_set, write_message_set, write_tagged},
    tasks::{
        AnyTask, Effects, Facts, Failure, FailureCode, Outcome, Step, Turn,
        lookup::{self, Found},
        queue, reconcile,
    },
};

/// Batches that may end without a question to QuickBooks before a call gives QuickBooks something harmless to do.
const MOST_SILENT_BATCHES: usize = 200;
/// A message set whose answer does not come or cannot be read is handed out this often; then the outcome of a write is
/// looked up, and a read waits for the next session.
const MOST_HAND_OUTS: i32 = 5;
/// A read on which QuickBooks throws is tried this often as it is; QuickBooks may just be closed.
const READ_PATIENCE: i32 = 5;
/// Before another connection to PostgreSQL is tried: at once while the pool holds dead ones, then as long as a restart takes.
const LOST_CONNECTION_PAUSES: [Duration; 11] = {
    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }
    [
        ms(0),
        ms(0),
        ms(0),
        ms(0),
        ms(0),
        ms(0),
        ms(50),
        ms(150),
        ms(400),
        ms(1000),
        ms(2000),
    ]
};
/// Answers above this size are read on a thread of their own, so that other sessions are not held up.
const LARGE_ANSWER: usize = 256 * 1024;

/// The database could not be reached or refused: the one internal trouble a call can meet.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The database.
    #[error("the database could not be used")]
    Database(#[from] sqlx::Error),
    /// A thread was lost.
    #[error("reading the answer was interrupted")]
    Interrupted(#[from] tokio::task::JoinError),
}

impl ServiceError {
    /// The connection broke, or PostgreSQL is being restarted: another connection may do.
    fn is_a_lost_connection(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Io(_) | sqlx::Error::Protocol(_)) => true,
            // 08: connection lost; 57P01-57P03: shut down, crashed, starting up.
            Self::Database(sqlx::Error::Database(error)) => error
                .code()
                .is_some_and(|code| code.starts_with("08") || code.starts_with("57P0")),
            _ => false,
        }
    }

    /// Two transactions met (a deadlock, say): the same again succeeds.
    fn is_a_collision(&self) -> bool {
        let Self::Database(sqlx::Error::Database(error)) = self else {
            return false;
        };
        error.code().is_some_and(|code| code.starts_with("40"))
    }

    /// The database refused a value, not the connection, and not for a collision that passes by itself.
    fn is_about_a_record(&self) -> bool {
        let Self::Database(sqlx::Error::Database(error)) = self else {
            return false;
        };
        // 40: serialization failure, deadlock; 53, 57, 58: out of resources, shutting down, the system's trouble.
        error.code().is_some_and(|code| {
            !["40", "53", "57", "58"]
                .iter()
                .any(|class| code.starts_with(class))
        })
    }
}

/// The Web Connector's service. One per process; holds no state that another replica would need.
#[derive(Debug)]
pub struct WebConnector {
    db: PgPool,
    clock: Clock,
    passwords: PasswordCheck,
    lease: TimeDelta,
    contacts: Mutex<HashMap<Uuid, (DateTime<Utc>, &'static str)>>,
}

impl WebConnector {
    /// `lease`: how long a session may be silent before a newer one may take its place.
    pub fn new(db: PgPool, clock: Clock, lease: TimeDelta) -> Self {
        Self {
            db,
            clock,
            passwords: PasswordCheck::default(),
            lease,
            contacts: Mutex::default(),
        }
    }

    /// Answers a call. Every call may be repeated: where a connection to PostgreSQL breaks under it, the Web Connector need
    /// not know.
    pub async fn answer(
        self: &Arc<Self>,
        call: Call,
        address: Option<IpAddr>,
    ) -> Result<Reply, ServiceError> {
        let mut pauses = LOST_CONNECTION_PAUSES.iter();
        loop {
            match self.answer_once(&call, address).await {
                Err(error) if error.is_a_lost_connection() => {
                    let Some(pause) = pauses.next() else {
                        return Err(error);
                    };
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "a connection to the database was lost; trying another"
                    );
                    tokio::time::sleep(*pause).await;
                }
                answered => return answered,
            }
        }
    }

    async fn answer_once(
        self: &Arc<Self>,
        call: &Call,
        address: Option<IpAddr>,
    ) -> Result<Reply, ServiceError> {
        match call {
            Call::ServerVersion | Call::GetServerVersion => Ok(Reply::Text(
                concat!("Plumbline ", env!("CARGO_PKG_VERSION")).to_owned(),
            )),
            // Every version that speaks this protocol is welcome: "" means go on. Interactive mode is never asked for.
            Call::ClientVersion { .. } | Call::GetInteractiveUrl => Ok(Reply::from("")),
            Call::Authenticate { user, password } => self.authenticate(user, password, address).await,
            Call::SendRequestXml {
                ticket,
                hcp_response,
                company_file,
                country,
                version,
            } => {
                let shown = Shown {
                    hcp_response: hcp_response.clone(),
                    company_file: company_file.clone(),
                    country: country.clone(),
                    version: *version,
                };
                self.send_request(&Ticket::given(ticket), shown)
                    .await
                    .map(Reply::Text)
            }
            Call::ReceiveResponseXml {
                ticket,
                response,
                hresult,
                message,
            } => {
                let ticket = Ticket::given(ticket);
                let returned = if hresult.is_empty() {
                    self.receive_response(&ticket, response).await?
                } else {
                    self.receive_hresult(&ticket, hresult, message).await?
                };
                Ok(Reply::Number(returned))
            }
            Call::ConnectionError {
                ticket,
                hresult,
                message,
            } => {
                self.connection_error(&Ticket::given(ticket), hresult, message)
                    .await
            }
            Call::GetLastError { ticket } => self.last_error(&Ticket::given(ticket)).await.map(Reply::Text),
            Call::CloseConnection { ticket } => self.close(&Ticket::given(ticket)).await.map(Reply::Text),
            // Ends interactive mode at once (qbwc-protocol.md §7).
            Call::InteractiveDone { .. } | Call::InteractiveRejected => Ok(Reply::from("DONE")),
        }
    }

    async fn authenticate(
        &self,
        user: &str,
        password: &SecretString,
        address: Option<IpAddr>,
    ) -> Result<Reply, ServiceError> {
        let now = self.clock.now();
        let account = sessions::account(&self.db, user).await?;
        let stored = account.as_ref().map(|account| account.password_hash.as_str());
        let verdict = self.passwords.check(user, address, password, stored).await;
        let reply = |ticket: &str, verb: &str, wait: Option<&str>| {
            let mut texts = vec![ticket.to_owned(), verb.to_owned()];
            texts.extend(wait.map(str::to_owned));
            Ok(Reply::Texts(texts))
        };
        let account = match (verdict, account) {
            (Verdict::Right, Some(account)) => account,
            (Verdict::TooMany, account) => {
                tracing::warn!(?address, "too many wrong Web Connector passwords; told to wait");
                self.contact(
                    account.map(|account| account.connection_id),
                    now,
                    "wrong_password",
                );
                return reply("", "busy", Some("60"));
            }
            (_, account) => {
                tracing::warn!(?address, "wrong Web Connector user or password");
                self.contact(
                    account.map(|account| account.connection_id),
                    now,
                    "wrong_password",
                );
                return reply("", "nvu", None);
            }
        };
        let id = account.connection_id;
        let ticket = Ticket::random();
        if account.paused && !account.has_work {
            self.contact(Some(id), now, "paused");
            return reply(ticket.as_str(), "none", None);
        }
        if !account.has_work {
            self.contact(Some(id), now, "idle");
            return reply(ticket.as_str(), "none", None);
        }
        if account
            .live_since
            .is_some_and(|last_call| now - last_call < self.lease)
        {
            self.contact(Some(id), now, "busy");
            return reply("", "busy", None);
        }
        let opened = sessions::open(&self.db, id, &ticket, now, address).await;
        if let Err(sqlx::Error::Database(error)) = &opened
            && error.constraint() == Some("update_sessions_live_key")
        {
            // Another call of this user was faster by a moment.
            self.contact(Some(id), now, "busy");
            return reply("", "busy", None);
        }
        opened?;
        self.contact(Some(id), now, "working");
        reply(ticket.as_str(), &account.company_file, None)
    }

    async fn send_request(&self, ticket: &Ticket, shown: Shown) -> Result<String, ServiceError> {
        match self.send_once(ticket, &shown, Care::Usual).await {
            Err(error) if error.is_about_a_record() => self.send_once(ticket, &shown, Care::OneByOne).await,
            Err(error) if error.is_a_collision() => self.send_once(ticket, &shown, Care::Usual).await,
            sent => sent,
        }
    }

    async fn send_once(&self, ticket: &Ticket, shown: &Shown, care: Care) -> Result<String, ServiceError> {
        let now = self.clock.now();
        let mut transaction = self.db.begin().await?;
        let Some((mut session, open)) = call::lock(&mut transaction, ticket).await? else {
            return Ok(String::new());
        };
        session.care = care;
        if session.ended {
            return Ok(String::new());
        }
        session.version = Version::choose(&session.company_file.supported_versions, shown.version);
        if matches!(session.file, FileState::Unknown | FileState::Wrong) {
            self.look_at_company_file(&mut transaction, &mut session, shown, now)
                .await?;
        }
        let xml = match session.file {
            FileState::Wrong => String::new(),
            FileState::Unknown => self.ask_identity(&mut transaction, &session, open, now).await?,
            FileState::Suspect => self
                .next_comparison(&mut transaction, &mut session, open, now)
                .await?
                .unwrap_or_default(),
            FileState::Right | FileState::Trusted => {
                self.next_exchange(&mut transaction, &mut session, open, now)
                    .await?
            }
        };
        if session.kept == Kept::NotYet {
            sessions::save(&mut transaction, &session, now).await?;
        }
        transaction.commit().await?;
        let state = if xml.is_empty() {
            "wrong_company_file"
        } else {
            "working"
        };
        self.contact(Some(session.connection_id), now, state);
        Ok(xml)
    }

    /// Reads what the Web Connector tells of the company file on the first call of a session.
    async fn look_at_company_file(
        &self,
        db: &mut PgConnection,
        session: &mut Session,
        shown: &Shown,
        now: DateTime<Utc>,
    ) -> Result<(), ServiceError> {
        if shown.hcp_response.trim().is_empty() {
            return Ok(());
        }
        let read = read_message_set(Arc::from(shown.hcp_response.as_str()))
            .map_err(|error| error.to_string())
            .and_then(|answer| company_file_of(&answer, session).map_err(|error| error.to_string()));
        match read {
            Ok(seen) => judge_company_file(db, session, seen, shown, now).await?,
            // Known to come malformed: then we ask for ourselves (qbwc-protocol.md §5).
            Err(error) => {
                tracing::warn!(connection = %session.connection_id, error, "the host and company response cannot be read; asking QuickBooks");
            }
        }
        Ok(())
    }

    async fn ask_identity(
        &self,
        db: &mut PgConnection,
        session: &Session,
        open: Option<exchanges::Open>,
        now: DateTime<Utc>,
    ) -> Result<String, ServiceError> {
        if let Some(open) = open
            && open.purpose == Purpose::Identity
            && open.session_id == session.id
            && let Some(xml) = exchanges::hand_out_again(db, open.id, session.id, now).await?
        {
            return Ok(xml);
        }
        let requests = qbxml::company_file::queries(&braced(session.owner_id));
        let xml = write_message_set(session.version, &requests, None);
        self.store_side_exchange(db, session, now, Purpose::Identity, &xml)
            .await?;
        Ok(xml)
    }

    async fn store_side_exchange(
        &self,
        db: &mut PgConnection,
        session: &Session,
        now: DateTime<Utc>,
        purpose: Purpose,
        xml: &str,
    ) -> Result<(), ServiceError> {
        let new = NewExchange {
            id: Uuid::now_v7(),
            connection_id: session.connection_id,
            session_id: session.id,
            purpose,
            access: Access::Read,
            message_set_id: None,
            request_xml: xml,
            task_ids: &[],
            request_counts: &[],
        };
        Ok(exchanges::insert(db, now, &new, session, &[]).await?)
    }

    /// What to hand out next: what is outstanding, or what the queue holds, or something harmless.
    async fn next_exchange(
        &self,
        db: &mut PgConnection,
        session: &mut Session,
        open: Option<exchanges::Open>,
        now: DateTime<Utc>,
    ) -> Result<String, ServiceError> {
        if trust::is_restricted(session) {
            if let Some(xml) = self.next_comparison(db, session, open, now).await? {
                return Ok(xml);
            }
            return self.idle(db, session, now).await;
        }
        if let Some(open) = open {
            let ours = open.session_id == session.id && !open.in_doubt;
            if open.writes && open.in_doubt && !session.mirror_ready {
                // The company file was accepted as another than it was: what became of the write is looked up in it.
                self.settle_by_looking(db, session, &open, now).await?;
            } else if open.writes && open.in_doubt && open.times_handed_out >= MOST_HAND_OUTS {
                self.look_up_outcome(db, session, &open, now).await?;
            } else if ours
                && open.purpose == Purpose::Work
                && !open.writes
                && open.times_handed_out >= MOST_HAND_OUTS
            {
                self.give_up_question(db, session, &open, now).await?;
            } else if ours || open.writes {
                // A write in doubt is a write: an older company file knows nothing of it and would take it once more.
                if !ours && let Some(xml) = self.prove(db, session, now).await? {
                    return Ok(xml);
                }
                if let Some(look) = self.look_first(db, session, &open, now).await? {
                    return Ok(look);
                }
                // Ours: the answer was lost on the way. In doubt and a write: QuickBooks answers from its store.
                if let Some(xml) = exchanges::hand_out_again(db, open.id, session.id, now).await? {
                    return Ok(xml);
                }
            } else {
                exchanges::abandon(db, open.id, now, None, None).await?;
                queue::put_back(db, now, &open.task_ids, None).await?;
            }
        }
        if let Some(xml) = self.claim(db, session, now, Claim::Anything).await? {
            return Ok(xml);
        }
        self.idle(db, session, now).await
    }

    /// Something harmless, for "" would be shown as an error.
    async fn idle(
        &self,
        db: &mut PgConnection,
        session: &Session,
        now: DateTime<Utc>,
    ) -> Result<String, ServiceError> {
        let xml = write_message_set(session.version, &[qbxml::host::query()], None);
        self.store_side_exchange(db, session, now, Purpose::Idle, &xml)
            .await?;
        Ok(xml)
    }

    /// A question that was handed out again and again in this session and got answers to something else: its tasks wait
    /// for the next session.
    async fn give_up_question(
        &self,
        db: &mut PgConnection,
        session: &mut Session,
        open: &exchanges::Open,
        now: DateTime<Utc>,
    ) -> Result<(), ServiceError> {
        exchanges::abandon(db, open.id, now, None, None).await?;
        let turns = queue::claimed(&open.task_ids, &open.states)
            .into_iter()
            .map(|claimed| {
                let turn = match claimed.task {
                    Ok(task) => Turn::Later(
                        task,
                        format!(
                            "QuickBooks was asked {} times and answered something else. It is asked again in the next update.",
                            open.times_handed_out
                        ),
                    ),
                    Err(error) => queue::unreadable_state(&error),
                };
                (claimed.id, turn)
            })
            .collect();
        self.settle(db, session, now, turns).await
    }

    /// A write that was handed out again and again without an answer: its outcome is looked up by queries, and what must
    /// be sent once more goes in smaller sets, for one record of it may be what makes QuickBooks throw.
    async fn look_up_outcome(
        &self,
        db: &mut PgConnection,
        session: &mut Session,
        open: &exchanges::Open,
        now: DateTime<Utc>,
    ) -> Result<(), ServiceError> {
        tracing::warn!(connection = %session.connection_id, exchange = %open.id, "no answer after several tries; looking up what became of it");
        let answer = qbxml::MessageSetAnswer {
            message_set_id: None,
            status_code: Some(9002),
            responses: Vec::new(),
        };
        let turns = match open.task_ids.as_slice() {
            // It was looked up before, was not there, and has now made QuickBooks throw all by itself again.
            [alone] if queue::is_alone(db, *alone).await? => {
                let failure = Failure::new(
                    FailureCode::GaveUp,
                    format!(
                        "QuickBooks reports an error each time this record is sent, and does not say whether it took it. \
                         Check whether it stands in QuickBooks before sending it again. The exchange is kept as {}.",
                        open.id
                    ),
                );
                vec![(
                    *alone,
                    Turn::Finished(Outcome::Failed(failure, Effects::default())),
                )]
            }
            _ => self.judge(db, session, open, answer).await?,
        };
        self.settle(db, session, now, turns).await?;
        queue::limit_batch(db, &open.task_ids, half(open.task_ids.len())).await?;
        Ok(exchanges::abandon(db, open.id, now, None, None).await?)
    }

    /// A write in doubt whose bytes are not handed out again: its outcome is looked up by queries.
    async fn settle_by_looking(
        &self,
        db: &mut PgConnection,
        session: &mut Session,
        open: &exchanges::Open,
        now: DateTime<Utc>,
    ) -> Result<(), ServiceError> {
        let answer = qbxml::MessageSetAnswer {
            message_set_id: None,
            status_code: Some(9002),
            responses: Vec::new(),
        };
        let turns = self.judge(db, session, open, answer).await?;
        self.settle(db, session, now, turns).await?;
        Ok(exchanges::abandon(db, open.id, now, None, None).await?)
    }

    /// Claims tasks until one of them has something to ask.
    pub(super) async fn claim(
        &self,
        db: &mut PgConnection,
        session: &mut Session,
        now: DateTime<Utc>,
        what: Claim,
    ) -> Result<Option<String>, ServiceError> {
        for _ in 0..MOST_SILENT_BATCHES {
            let batch = match what {
                Claim::Anything => {
                    queue::claim(
                        db,
                        session.connection_id,
                        session.settings.batch_size.max(1),
                        session.mirror_ready,
                    )
                    .await?
                }
                Claim::Comparison => {
                    queue::claim_subject(db, session.connection_id, reconcile::SUBJECT).await?
                }
            };
            if batch.is_empty() {
                return Ok(None);
            }
            // What is read goes to Procore, so it must come from the right books too. The tasks stay ready: what is claimed is
            // claimed when it is stored as asked.
            if what == Claim::Anything
                && let Some(xml) = self.prove(db, session, now).await?
            {
                return Ok(Some(xml));
            }
            let wants = batch
                .iter()
                .filter_map(|claimed| claimed.task.as_ref().ok())
                .map(AnyTask::wants);
            let found = lookup::look_up(db, session.connection_id, wants).await?;
            let facts = facts(session, &found);
            let mut asking: Vec<(Uuid, AnyTask)> = Vec::new();
            let mut requests = Vec::new();
            let mut counts = Vec::new();
            let mut turns = Vec::new();
            let mut looking = Vec::new();
            for claimed in batch {
                let task = match claimed.task {
                    Ok(task) => task,
                    Err(error) => {
                        turns.push((claimed.id, queue::unreadable_state(&error)));
                        continue;
                    }
                };
                let step = answers::step(&task, &facts);
                if (claimed.doubtful || claimed.carried_out)
                    && matches!(step, Step::Ask(_))
                    && let Some(turn) = answers::look_instead(&task)
                {
                    if claimed.doubtful {
                        looking.push(claimed.id);
                        turns.push((claimed.id, turn));
                    } else {
                        turns.push((claimed.id, queue::gone_since()));
                    }
                    continue;
                }
                match step {
                    Step::Ask(mut own) if !own.is_empty() => {
                        counts.push(i32::try_from(own.len()).unwrap_or(i32::MAX));
                        requests.append(&mut own);
                        asking.push((claimed.id, task));
                    }
                    Step::Ask(_) => turns.push((claimed.id, nothing_asked())),
                    Step::Finished(outcome) => turns.push((claimed.id, Turn::Finished(outcome))),
                    Step::Advance(next, effects) => turns.push((claimed.id, Turn::Continue(next, effects))),
                }
            }
            if !turns.is_empty() {
                self.settle(db, session, now, turns).await?;
            }
            if !looking.is_empty() {
                queue::looking(db, &looking).await?;
            }
            if asking.is_empty() {
                continue;
            }
            let access = queue::access_of(&asking);
            let id = Uuid::now_v7();
            let set = (access == Access::Write).then(|| MessageSetId::from_uuid(id));
            let tag = if set.is_some() {
                String::new()
            } else {
                answers::tag(id)
            };
            let xml = write_tagged(
                session.version,
                &requests,
                set.as_ref().map(|set| (set, session.last_write.as_ref())),
                &tag,
            );
            let task_ids: Vec<Uuid> = asking.iter().map(|(id, _)| *id).collect();
            let new = NewExchange {
                id,
                connection_id: session.connection_id,
                session_id: session.id,
                purpose: what.purpose(),
                access,
                message_set_id: set.as_ref(),
                request_xml: &xml,
                task_ids: &task_ids,
                request_counts: &counts,
            };
            let states: Vec<serde_json::Value> =
                asking.iter().map(|(_, task)| queue::to_value(task)).collect();
            exchanges::insert(db, now, &new, session, &states).await?;
            session.kept = Kept::WithExchange;
            return Ok(Some(xml));
        }
        Ok(None)
    }

    async fn receive_response(&self, ticket: &Ticket, document: &Arc<str>) -> Result<i32, ServiceError> {
        match self.receive_once(ticket, document, Care::Usual).await {
            Err(error) if error.is_about_a_record() => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a batch could not be stored; storing its tasks one by one"
                );
                self.receive_once(ticket, document, Care::OneByOne).await
            }
            Err(error) if error.is_a_collision() => self.receive_once(ticket, document, Care::Usual).await,
            received => received,
        }
    }

    async fn receive_once(
        &self,
        ticket: &Ticket,
        document: &Arc<str>,
        care: Care,
    ) -> Result<i32, ServiceError> {
        let now = self.clock.now();
        let mut transaction = self.db.begin().await?;
        let Some((mut session, open)) = call::lock(&mut transaction, ticket).await? else {
            return Ok(-1);
        };
        session.care = care;
        let answered_id = message_set_id(document);
        // A write is known by its id, also in a late answer of a session that was taken over; anything else must be
        // what this session was handed last.
        let open = open.filter(|open| match (answered_id, &open.message_set_id) {
            (Some(answered), Some(id)) => answered == id,
            (Some(_), None) => false,
            (None, _) => open.session_id == session.id && !open.in_doubt,
        });
        let Some(open) = open else {
            // Delivered twice: the same number again, and nothing else.
            return returned_before(&mut transaction, &session, answered_id).await;
        };
        let parsed = {
            let document = Arc::clone(document);
            if document.len() > LARGE_ANSWER {
                tokio::task::spawn_blocking(move || read_message_set(document)).await?
            } else {
                read_message_set(document)
            }
        };
        // In every case the session is stored with the exchange.
        let returned = match parsed {
            Err(error) => {
                self.unreadable_answer(&mut transaction, &mut session, &open, document, &error, now)
                    .await?
            }
            Ok(answer)
                if !matches!(open.purpose, Purpose::Identity | Purpose::Idle)
                    && !open.writes
                    && answers::is_for_another(&answer, &answers::tag(open.id)) =>
            {
                // A page of an earlier exchange, delivered once more.
                let before = exchanges::last_returned(&mut transaction, session.id).await?;
                return Ok(before.unwrap_or(0).clamp(0, 99));
            }
            Ok(answer) => {
                let mut proof = Proof::Settled;
                match open.purpose {
                    Purpose::Identity => match company_file_of(&answer, &session) {
                        Ok(seen) => {
                            let shown = Shown::default();
                            judge_company_file(&mut transaction, &mut session, seen, &shown, now).await?;
                        }
                        Err(error) => {
                            session.file = FileState::Wrong;
                            session.last_error = Some(format!(
                                "QuickBooks did not say which company file is open ({error}). Nothing was exchanged."
                            ));
                        }
                    },
                    Purpose::Idle => {}
                    Purpose::Look => {
                        self.looked(&mut transaction, &mut session, &open, answer, now)
                            .await?;
                    }
                    Purpose::Probe => {
                        proof = self
                            .proven(&mut transaction, &mut session, Some(&answer), now)
                            .await?;
                    }
                    Purpose::Work | Purpose::Compare => {
                        let turns = self.judge(&mut transaction, &session, &open, answer).await?;
                        self.settle(&mut transaction, &mut session, now, turns).await?;
                    }
                }
                let percent = |left| progress::percent(session.work_expected, session.work_done, left);
                let returned = if session.file == FileState::Wrong || session.ended || proof == Proof::NotNow
                {
                    Returned::always(-1)
                } else if proof == Proof::AskOn {
                    Returned::always(percent(true))
                } else if trust::is_restricted(&session) {
                    // Whoever stands at the QuickBooks machine is told why, unless there is more to compare.
                    let left = trust::comparison_waits(&mut transaction, &session).await?;
                    let stopped = !left && session.last_error.is_some();
                    Returned::always(if stopped { -1 } else { percent(left) })
                } else {
                    // After a question of our own, the exchange in doubt is still to come.
                    let in_doubt = matches!(open.purpose, Purpose::Identity | Purpose::Probe | Purpose::Look)
                        && exchanges::has_work_in_doubt(&mut transaction, session.connection_id).await?;
                    Returned {
                        ready: percent(true),
                        none_ready: percent(in_doubt),
                        writes_allowed: mirror_ready(&mut transaction, &session).await?,
                    }
                };
                exchanges::answered(&mut transaction, open.id, now, document, returned, &session).await?
            }
        };
        let Some(returned) = returned else {
            transaction.rollback().await?;
            let mut db = self.db.acquire().await?;
            return returned_before(&mut db, &session, answered_id).await;
        };
        transaction.commit().await?;
        let state = match session.file {
            FileState::Wrong | FileState::Suspect if returned < 0 => "wrong_company_file",
            _ if returned < 0 => "error",
            _ => "working",
        };
        self.contact(Some(session.connection_id), now, state);
        Ok(returned)
    }

    async fn judge(
        &self,
        db: &mut PgConnection,
        session: &Session,
        open: &exchanges::Open,
        answer: qbxml::MessageSetAnswer,
    ) -> Result<Vec<(Uuid, Turn<AnyTask>)>, ServiceError> {
        let tasks = queue::claimed(&open.task_ids, &open.states);
        let wants = tasks
            .iter()
            .filter_map(|claimed| claimed.task.as_ref().ok())
            .map(AnyTask::answer_wants);
        let found = lookup::look_up(db, session.connection_id, wants).await?;
        let counts: Vec<(Uuid, usize)> = open
            .task_ids
            .iter()
            .zip(&open.request_counts)
            .map(|(id, count)| (*id, usize::try_from(*count).unwrap_or(0)))
            .collect();
        let tag = if open.writes {
            String::new()
        } else {
            answers::tag(open.id)
        };
        let large = answer
            .responses
            .iter()
            .map(|response| response.content().len())
            .sum::<usize>()
            > LARGE_ANSWER;
        if !large {
            return Ok(answers::judge(
                tasks,
                &counts,
                &tag,
                &answer,
                &facts(session, &found),
            ));
        }
        let (id, settings, company) = (session.id, session.settings.clone(), session.company_file.clone());
        Ok(tokio::task::spawn_blocking(move || {
            let facts = Facts {
                settings: &settings,
                company: &company,
                session: id,
                names: &found.names,
                items: &found.items,
                links: &found.links,
                payments: &found.payments,
                page: &found.page,
                twins: &found.twins,
            };
            answers::judge(tasks, &counts, &tag, &answer, &facts)
        })
        .await?)
    }

    /// Settles turns together; in the second try, each alone, so that one the database refuses stops nothing else.
    pub(super) async fn settle(
        &self,
        db: &mut PgConnection,
        session: &mut Session,
        now: DateTime<Utc>,
        turns: Vec<(Uuid, Turn<AnyTask>)>,
    ) -> Result<(), ServiceError> {
        if session.care == Care::Usual {
            let settled = queue::settle(db, session.connection_id, now, turns).await?;
            note(session, settled);
            return Ok(());
        }
        for (id, turn) in turns {
            let mut savepoint = db.begin().await?;
            let settled =
                match queue::settle(&mut savepoint, session.connection_id, now, vec![(id, turn)]).await {
                    Ok(settled) => {
                        savepoint.commit().await?;
                        settled
                    }
                    Err(sqlx::Error::Database(error)) => {
                        savepoint.rollback().await?;
                        let failed = Turn::Finished(Outcome::Failed(
                            Failure::new(
                                FailureCode::UnreadableAnswer,
                                format!(
                                    "QuickBooks answered, but the answer could not be stored ({error}). \
                                 Check in QuickBooks whether the record is there before sending it again."
                                ),
                            ),
                            Effects::default(),
                        ));
                        queue::settle(db, session.connection_id, now, vec![(id, failed)]).await?
                    }
                    Err(error) => return Err(error.into()),
                };
            note(session, settled);
        }
        Ok(())
    }

    /// The answer is no XML we can read. It is kept; a write is in doubt, a read is asked again.
    async fn unreadable_answer(
        &self,
        db: &mut PgConnection,
        session: &mut Session,
        open: &exchanges::Open,
        document: &str,
        error: &qbxml::response::AnswerError,
        now: DateTime<Utc>,
    ) -> Result<Option<i32>, ServiceError> {
        tracing::error!(connection = %session.connection_id, exchange = %open.id, %error, bytes = document.len(), "unreadable answer");
        session.last_error = Some(format!(
            "QuickBooks' answer could not be read ({error}). It is kept; the next update asks again."
        ));
        let stored = exchanges::answered(db, open.id, now, document, Returned::always(-1), session).await?;
        if stored.is_none() {
            return Ok(None);
        }
        if open.writes && hand_outs(db, open.id).await? < MOST_HAND_OUTS {
            exchanges::doubt(db, open.id, ("", "unreadable answer"), -1).await?;
        } else if open.writes {
            let answer = qbxml::MessageSetAnswer {
                message_set_id: None,
                status_code: Some(9002),
                responses: Vec::new(),
            };
            let turns = self.judge(db, session, open, answer).await?;
            self.settle(db, session, now, turns).await?;
        } else {
            let words = format!(
                "QuickBooks' answer could not be read ({error}). The raw answer is kept in exchange {}. Ask again later; \
                 if it stays so, report it with that number.",
                open.id
            );
            self.read_failed(db, session, open, now, &words, 0).await?;
        }
        Ok(Some(-1))
    }

    /// The answer to a read cannot be had or cannot be used. Its tasks go back; after `patience` tries in smaller and
    /// smaller sets, so that one of them does not take the others with it; alone, it fails with the reason.
    async fn read_failed(
        &self,
        db: &mut PgConnection,
        session: &mut Session,
        open: &exchanges::Open,
        now: DateTime<Utc>,
        words: &str,
        patience: i32,
    ) -> Result<(), ServiceError> {
        if open.purpose == Purpose::Look {
            // Its tasks belong to the write in doubt; the next session looks again.
            return Ok(());
        }
        let tries = queue::most_attempts(db, &open.task_ids).await?;
        if tries <= patience {
            return Ok(queue::put_back(db, now, &open.task_ids, None).await?);
        }
        if let [alone] = open.task_ids.as_slice() {
            let failure = Failure::new(FailureCode::UnreadableAnswer, words);
            let turn = Turn::Finished(Outcome::Failed(failure, Effects::default()));
            return self.settle(db, session, now, vec![(*alone, turn)]).await;
        }
        let half = half(open.task_ids.len());
        Ok(queue::put_back(db, now, &open.task_ids, Some(half)).await?)
    }

    async fn receive_hresult(&self, ticket: &Ticket, code: &str, message: &str) -> Result<i32, ServiceError> {
        let now = self.clock.now();
        let mut transaction = self.db.begin().await?;
        let Some((mut session, open)) = call::lock(&mut transaction, ticket).await? else {
            return Ok(-1);
        };
        let open = open.filter(|open| open.session_id == session.id && !open.in_doubt);
        let Some(open) = open else {
            return Ok(exchanges::last_returned(&mut transaction, session.id)
                .await?
                .unwrap_or(-1));
        };
        tracing::warn!(connection = %session.connection_id, exchange = %open.id, hresult = code, "QuickBooks threw");
        metrics::counter!("plumbline_quickbooks_errors_total", "hresult" => code.chars().take(12).collect::<String>()).increment(1);
        let thrown = Some((code, message));
        let returned = match hresult::meaning(code) {
            Meaning::Malformed if open.purpose == Purpose::Probe => {
                // It cannot be answered, now or later: that must not stop everything for ever.
                self.proven(&mut transaction, &mut session, None, now).await?;
                let returned = if session.file == FileState::Trusted {
                    progress::percent(session.work_expected, session.work_done, true)
                } else {
                    -1
                };
                exchanges::abandon(&mut transaction, open.id, now, thrown, Some(returned)).await?;
                returned
            }
            Meaning::Malformed if open.purpose != Purpose::Look => {
                // Nothing was executed: halve the set until the guilty task is alone (DESIGN, invariant 5).
                let returned = if let [alone] = open.task_ids.as_slice() {
                    let failure = Failure::new(
                        FailureCode::Malformed,
                        format!(
                            "QuickBooks could not read this record ({code} {message}). Nothing was written. This is a fault of \
                             Plumbline, not of the record; its XML is kept in exchange {}. Please report it with that number.",
                            open.id
                        ),
                    );
                    let turn = Turn::Finished(Outcome::Failed(failure, Effects::default()));
                    self.settle(&mut transaction, &mut session, now, vec![(*alone, turn)])
                        .await?;
                    None
                } else {
                    let half = half(open.task_ids.len());
                    queue::put_back(&mut transaction, now, &open.task_ids, Some(half)).await?;
                    None
                };
                let returned = returned.unwrap_or_else(|| {
                    if open.purpose == Purpose::Work {
                        progress::percent(session.work_expected, session.work_done, true)
                    } else {
                        -1
                    }
                });
                exchanges::abandon(&mut transaction, open.id, now, thrown, Some(returned)).await?;
                returned
            }
            _ if open.writes => {
                exchanges::doubt(&mut transaction, open.id, (code, message), -1).await?;
                -1
            }
            _ => {
                exchanges::abandon(&mut transaction, open.id, now, thrown, Some(-1)).await?;
                self.read_failed(
                    &mut transaction,
                    &mut session,
                    &open,
                    now,
                    &hresult::explain(code, message),
                    READ_PATIENCE,
                )
                .await?;
                -1
            }
        };
        if returned < 0 && session.file != FileState::Suspect {
            session.last_error = Some(hresult::explain(code, message));
        }
        sessions::save(&mut transaction, &session, now).await?;
        transaction.commit().await?;
        self.contact(
            Some(session.connection_id),
            now,
            if returned < 0 {
                "quickbooks_error"
            } else {
                "working"
            },
        );
        Ok(returned)
    }

    /// An answer beyond the body limit: it cannot be kept, so it must not come again. Reads fail with what to change;
    /// a write is in doubt, and the next session learns from QuickBooks' store what became of it.
    pub async fn answer_too_large(&self, ticket: &str, limit: usize) -> Result<i32, ServiceError> {
        let now = self.clock.now();
        let ticket = Ticket::given(ticket);
        let mut transaction = self.db.begin().await?;
        let Some((mut session, open)) = call::lock(&mut transaction, &ticket).await? else {
            return Ok(-1);
        };
        let words = format!(
            "QuickBooks' answer is larger than {} MiB, the most this service takes. Ask in smaller pages \
             (`plumbline settings set … page_size=100`) or raise PLUMBLINE_BODY_LIMIT.",
            limit / (1024 * 1024)
        );
        let open = open.filter(|open| open.session_id == session.id);
        if let Some(open) = open {
            if open.writes {
                exchanges::doubt(&mut transaction, open.id, ("", "answer too large"), -1).await?;
            } else {
                exchanges::abandon(
                    &mut transaction,
                    open.id,
                    now,
                    Some(("", "answer too large")),
                    Some(-1),
                )
                .await?;
                self.read_failed(&mut transaction, &mut session, &open, now, &words, 0)
                    .await?;
            }
        }
        session.last_error = Some(words);
        sessions::save(&mut transaction, &session, now).await?;
        transaction.commit().await?;
        self.contact(Some(session.connection_id), now, "error");
        Ok(-1)
    }

    async fn connection_error(
        &self,
        ticket: &Ticket,
        code: &str,
        message: &str,
    ) -> Result<Reply, ServiceError> {
        let now = self.clock.now();
        let words = hresult::explain(code, message);
        let mut transaction = self.db.begin().await?;
        let Some((mut session, _)) = call::lock(&mut transaction, ticket).await? else {
            return Ok(Reply::from("done"));
        };
        // We may have asked for a path that is no longer right: once, take whatever file is open. The guard decides.
        let first = session.last_error.is_none();
        session.last_error = Some(words.clone());
        sessions::save(&mut transaction, &session, now).await?;
        sessions::save_company_file(&mut transaction, session.connection_id, Err(&words)).await?;
        transaction.commit().await?;
        tracing::warn!(connection = %session.connection_id, hresult = code, "the Web Connector cannot reach QuickBooks");
        metrics::counter!("plumbline_quickbooks_errors_total", "hresult" => code.chars().take(12).collect::<String>()).increment(1);
        self.contact(Some(session.connection_id), now, "quickbooks_closed");
        if first && hresult::is_about_the_open_file(code) {
            return Ok(Reply::from(""));
        }
        Ok(Reply::from("done"))
    }

    async fn last_error(&self, ticket: &Ticket) -> Result<String, ServiceError> {
        let mut connection = self.db.acquire().await?;
        let session = call::lock(&mut connection, ticket)
            .await?
            .map(|(session, _)| session);
        Ok(match session {
            None => "This update session is not known here (any more). Run the update again.".to_owned(),
            Some(Session { ended: true, last_error: None, .. }) => {
                "A newer update session has taken over. Nothing is lost; run the update again if it does not go on by itself.".to_owned()
            }
            Some(session) => session.last_error.unwrap_or_else(|| "No error is known of this update session.".to_owned()),
        })
    }

    async fn close(&self, ticket: &Ticket) -> Result<String, ServiceError> {
        let now = self.clock.now();
        if ticket.as_str().is_empty() {
            return Ok("OK".to_owned());
        }
        let closed = sessions::close(&self.db, ticket, now, "closed by the Web Connector").await?;
        let Some(closed) = closed else {
            return Ok("OK".to_owned());
        };
        if let Some(error) = closed.last_error {
            return Ok(error);
        }
        self.contact(Some(closed.connection_id), now, "idle");
        Ok(match closed.work_done {
            0 => "OK: nothing more to do".to_owned(),
            1 => "OK: 1 task finished".to_owned(),
            n => format!("OK: {n} tasks finished"),
        })
    }

    /// Remembers a contact until [`Self::flush_contacts`]; a poll that brings no work costs no write.
    fn contact(&self, connection_id: Option<Uuid>, now: DateTime<Utc>, state: &'static str) {
        if let Some(id) = connection_id {
            self.contacts
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(id, (now, state));
        }
    }

    /// Writes the remembered contacts; called every second and at shutdown.
    pub async fn flush_contacts(&self) -> Result<(), sqlx::Error> {
        let contacts: Vec<(Uuid, DateTime<Utc>, &'static str)> = {
            let mut contacts = self.contacts.lock().unwrap_or_else(PoisonError::into_inner);
            contacts
                .drain()
                .map(|(id, (at, state))| (id, at, state))
                .collect()
        };
        // In one order everywhere, so that two replicas cannot block each other.
        let mut contacts = contacts;
        contacts.sort_unstable_by_key(|(id, _, _)| *id);
        if contacts.is_empty() {
            return Ok(());
        }
        sessions::save_contacts(&self.db, &contacts).await
    }
}

/// Half a batch, never nothing.
fn half(tasks: usize) -> i32 {
    i32::try_from(tasks.div_ceil(2).max(1)).unwrap_or(1)
}

/// What the Web Connector shows with `sendRequestXML`.
#[derive(Debug, Default)]
struct Shown {
    hcp_response: String,
    company_file: String,
    country: String,
    version: Option<(u16, u16)>,
}

/// What the answers tell of the company file that is open. Nothing that identifies it is taken from an earlier session.
fn company_file_of(
    answer: &qbxml::MessageSetAnswer,
    session: &Session,
) -> Result<CompanyFile, qbxml::UnreadableRecord> {
    let base = CompanyFile {
        file_id: None,
        company_name: String::new(),
        path: String::new(),
        ..session.company_file.clone()
    };
    qbxml::company_file::read(answer, &braced(session.owner_id), base)
}

async fn judge_company_file(
    db: &mut PgConnection,
    session: &mut Session,
    mut seen: CompanyFile,
    shown: &Shown,
    now: DateTime<Utc>,
) -> Result<(), ServiceError> {
    if seen.path.is_empty() {
        shown.company_file.trim().clone_into(&mut seen.path);
    }
    if seen.path.is_empty() {
        seen.path.clone_from(&session.company_file.path);
    }
    if seen.country.is_empty() {
        shown.country.trim().clone_into(&mut seen.country);
    }
    session.version = Version::choose(&seen.supported_versions, shown.version);
    let checked = guard::check(
        &seen,
        session.file_id,
        &session.expected,
        &session.company_file,
        &session.connection_name,
    );
    match checked {
        Ok(()) => {
            sessions::save_company_file(db, session.connection_id, Ok(&seen)).await?;
            session.file = FileState::Right;
            session.company_file = seen;
        }
        Err(problem) => {
            tracing::error!(connection = %session.connection_id, %now, ours = problem.ours, "not the company file as it was; nothing is written");
            sessions::save_company_file(db, session.connection_id, Err(&problem.words)).await?;
            session.file = if problem.ours {
                FileState::Suspect
            } else {
                FileState::Wrong
            };
            session.last_error = Some(problem.words);
        }
    }
    Ok(())
}

/// Writes may have become possible in this very transaction.
async fn mirror_ready(db: &mut PgConnection, session: &Session) -> Result<bool, sqlx::Error> {
    if session.mirror_ready {
        return Ok(true);
    }
    sqlx::query_scalar!(
        "select mirror_ready from connections where id = $1",
        session.connection_id
    )
    .fetch_one(db)
    .await
}

async fn hand_outs(db: &mut PgConnection, exchange_id: Uuid) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar!(
        "select times_handed_out from exchanges where id = $1",
        exchange_id
    )
    .fetch_one(db)
    .await
}

pub(super) fn facts<'a>(session: &'a Session, found: &'a Found) -> Facts<'a> {
    Facts {
        settings: &session.settings,
        company: &session.company_file,
        session: session.id,
        names: &found.names,
        items: &found.items,
        links: &found.links,
        payments: &found.payments,
        page: &found.page,
        twins: &found.twins,
    }
}

/// The number that was returned for this answer before, or for the session's last exchange.
async fn returned_before(
    db: &mut PgConnection,
    session: &Session,
    answered_id: Option<&str>,
) -> Result<i32, ServiceError> {
    if let Some(id) = answered_id
        && let Some(returned) = exchanges::returned_for(db, session.connection_id, id).await?
    {
        return Ok(returned);
    }
    Ok(exchanges::last_returned(db, session.id).await?.unwrap_or(-1))
}

fn note(session: &mut Session, settled: queue::Settled) {
    session.work_done = session.work_done.saturating_add(settled.ended);
    if settled.ended > 0 {
        metrics::counter!("plumbline_tasks_ended_total").increment(u64::try_from(settled.ended).unwrap_or(0));
    }
    for (kind, code) in &settled.failures {
        metrics::counter!("plumbline_task_failures_total", "kind" => kind.clone(), "code" => *code)
            .increment(1);
    }
    if let Some(reason) = settled.paused {
        session.paused = true;
        session.last_error = Some(reason);
    }
}

fn nothing_asked() -> Turn<AnyTask> {
    Turn::Finished(Outcome::Failed(
        Failure::new(
            FailureCode::Malformed,
            "Plumbline had nothing to ask QuickBooks for this record. This is a fault of Plumbline; please report it.",
        ),
        Effects::default(),
    ))
}

/// The message set id an answer carries, without reading the whole of it.
fn message_set_id(document: &str) -> Option<&str> {
    let end = document
        .char_indices()
        .nth(600)
        .map_or(document.len(), |(at, _)| at);
    let head = &document[..end];
    let (_, rest) = head.split_once("newMessageSetID=\"")?;
    rest.split_once('"').map(|(id, _)| id)
}
