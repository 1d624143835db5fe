//! The service the Web Connector calls: which call goes where, and what is done when the database is away for a moment.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::{
    open_file::Shown,
    sessions::{self, Ticket},
    soap::{Call, Reply},
};
use crate::{clock::Clock, connections::passwords::PasswordCheck};

/// Before another connection to PostgreSQL is tried: at once while the pool holds dead ones, then as long as a restart takes.
const LOST_CONNECTION_PAUSES_MS: [u64; 11] = [0, 0, 0, 0, 0, 0, 50, 150, 400, 1000, 2000];

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
    pub(super) fn is_a_collision(&self) -> bool {
        let Self::Database(sqlx::Error::Database(error)) = self else {
            return false;
        };
        error.code().is_some_and(|code| code.starts_with("40"))
    }

    /// The database refused a value, not the connection, and not for a collision that passes by itself.
    pub(super) fn is_about_a_record(&self) -> bool {
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
    pub(super) db: PgPool,
    pub(super) clock: Clock,
    pub(super) passwords: PasswordCheck,
    pub(super) lease: TimeDelta,
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
        let mut pauses = LOST_CONNECTION_PAUSES_MS.into_iter();
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
                    tokio::time::sleep(Duration::from_millis(pause)).await;
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

    /// Remembers a contact until [`Self::flush_contacts`]; a poll that brings no work costs no write.
    pub(super) fn contact(&self, connection_id: Option<Uuid>, now: DateTime<Utc>, state: &'static str) {
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
