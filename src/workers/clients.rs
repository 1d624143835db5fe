//! Procore clients by connection: each keeps its token and its rate limits between calls.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use uuid::Uuid;

use crate::{
    clock::Clock,
    connections::store::Connection,
    procore::client::{AccountError, ProcoreAccount, ProcoreClient},
    secrets::{SecretError, Vault},
};

/// Why no client can be made for a connection.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The client secret cannot be opened.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The stored addresses are no addresses.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The URL does not parse.
    #[error("the stored Procore address is not a URL")]
    Url(#[from] url::ParseError),
}

/// Makes and remembers clients.
#[derive(Clone, Debug)]
pub struct Clients {
    http: reqwest::Client,
    vault: Vault,
    clock: Clock,
    known: Arc<Mutex<HashMap<Uuid, Known>>>,
}

/// A client, and the sealed secret it was made with.
type Known = (Vec<u8>, ProcoreClient);

impl Clients {
    /// With one HTTP client for all.
    pub fn new(http: reqwest::Client, vault: Vault, clock: Clock) -> Self {
        Self {
            http,
            vault,
            clock,
            known: Arc::default(),
        }
    }

    /// The client of a connection; made anew when its credentials have changed.
    pub fn of(&self, connection: &Connection) -> Result<ProcoreClient, ClientError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((sealed, client)) = known.get(&connection.id)
            && *sealed == connection.procore_client_secret
        {
            return Ok(client.clone());
        }
        let account = ProcoreAccount::new(
            connection.procore_login_url.parse()?,
            connection.procore_api_url.parse()?,
            connection.procore_company_id,
            connection.procore_client_id.clone(),
            self.vault
                .open(&connection.procore_client_secret, connection.id.as_bytes())?,
        )?;
        let client = ProcoreClient::new(account, self.http.clone(), self.clock.clone());
        known.insert(
            connection.id,
            (connection.procore_client_secret.clone(), client.clone()),
        );
        Ok(client)
    }
}
