//! Which company file is open: read from what the Web Connector shows with the first call of a session, else asked for.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::{
    exchanges::{self, Purpose},
    guard,
    service::{ServiceError, WebConnector},
    sessions::{self, FileState, Session},
};
use crate::{
    connections::{braced, company_file::CompanyFile},
    qbxml::{self, Version, read_message_set, write_message_set},
};

/// What the Web Connector shows with `sendRequestXML`.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) hcp_response: String,
    pub(super) company_file: String,
    pub(super) country: String,
    pub(super) version: Option<(u16, u16)>,
}

impl WebConnector {
    /// Reads what the Web Connector tells of the company file on the first call of a session.
    pub(super) async fn look_at_company_file(
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

    pub(super) async fn ask_identity(
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
}

/// What the answers tell of the company file that is open. Nothing that identifies it is taken from an earlier session.
pub(super) fn company_file_of(
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

pub(super) async fn judge_company_file(
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
