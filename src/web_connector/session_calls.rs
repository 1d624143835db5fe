//! The calls around an update session: authenticate, connectionError, getLastError and closeConnection.

use std::net::IpAddr;

use secrecy::SecretString;

use super::{
    call, hresult,
    service::{ServiceError, WebConnector},
    sessions::{self, Session, Ticket},
    soap::Reply,
};
use crate::connections::passwords::Verdict;

impl WebConnector {
    pub(super) async fn authenticate(
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

    pub(super) async fn connection_error(
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

    pub(super) async fn last_error(&self, ticket: &Ticket) -> Result<String, ServiceError> {
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

    pub(super) async fn close(&self, ticket: &Ticket) -> Result<String, ServiceError> {
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
}
