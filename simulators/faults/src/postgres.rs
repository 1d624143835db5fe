//! A relay before PostgreSQL that knows enough of its wire protocol to see commits, so that the service can be killed,
//! or its connection cut, just before or just after one.

use std::{
    collections::HashMap,
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
    task::AbortHandle,
};

use crate::{
    director::Director,
    service::Services,
    step::{Fault, Place},
};

/// What a relay needs.
#[derive(Clone, Debug)]
pub(crate) struct Relay {
    /// PostgreSQL's socket.
    pub(crate) socket: PathBuf,
    /// Counts commits.
    pub(crate) director: Arc<Director>,
    /// Set once the service runs: whom to kill, and which of them this relay serves.
    pub(crate) services: Arc<std::sync::OnceLock<Arc<Services>>>,
    /// Which replica's statements these are.
    pub(crate) replica: usize,
    /// Nothing passes while this is set.
    pub(crate) stalled: Arc<AtomicBool>,
}

/// Serves the relay.
pub(crate) fn serve(listener: TcpListener, relay: Relay) -> AbortHandle {
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let relay = relay.clone();
            tokio::spawn(async move {
                // Ends when either side hangs up, or when a fault says so.
                let _ = relay.connection(client).await;
            });
        }
    })
    .abort_handle()
}

/// What the statements of one connection are doing.
#[derive(Default)]
struct Watch {
    statements: HashMap<String, String>,
    portals: HashMap<String, String>,
    in_transaction: bool,
    /// What the transaction has written so far.
    written: Vec<String>,
    /// `ReadyForQuery` messages that are still to come.
    outstanding: usize,
}

/// What a batch of messages is.
enum Batch {
    /// Nothing that becomes durable.
    Harmless,
    /// A commit, with what it makes durable.
    Commit(String),
}

impl Relay {
    async fn connection(&self, mut client: TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        let mut server = UnixStream::connect(&self.socket).await?;
        let mut from_client = BytesMut::new();
        let mut from_server = BytesMut::new();
        let mut started = false;
        let mut watch = Watch::default();
        let mut kill_when_ready: Option<(usize, Fault)> = None;
        loop {
            while self.stalled.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            tokio::select! {
                read = client.read_buf(&mut from_client) => {
                    if read? == 0 {
                        return Ok(());
                    }
                    if !started {
                        // The start-up message has no type; encryption is not asked for.
                        let Some(length) = length_at(&from_client, 0) else { continue };
                        if from_client.len() < length {
                            continue;
                        }
                        server.write_all(&from_client.split_to(length)).await?;
                        started = true;
                    }
                    while let Some((end, batch)) = watch.batch(&from_client) {
                        let bytes = from_client.split_to(end);
                        if let Batch::Commit(name) = batch
                            && let Some(fault) = self.director.step(Place::Commit, &name)
                        {
                            match fault {
                                Fault::KilledBefore => {
                                    self.kill().await;
                                    return Ok(());
                                }
                                Fault::CutBefore => return Ok(()),
                                after => kill_when_ready = Some((watch.outstanding, after)),
                            }
                        }
                        server.write_all(&bytes).await?;
                    }
                }
                read = server.read_buf(&mut from_server) => {
                    if read? == 0 {
                        return Ok(());
                    }
                    while let Some(length) = length_at(&from_server, 1) {
                        let end = length + 1;
                        if from_server.len() < end {
                            break;
                        }
                        let ready = from_server[0] == b'Z';
                        let message = from_server.split_to(end);
                        if ready && started {
                            watch.outstanding = watch.outstanding.saturating_sub(1);
                            if let Some((left, fault)) = &mut kill_when_ready {
                                *left = left.saturating_sub(1);
                                if *left == 0 {
                                    if *fault == Fault::KilledAfter {
                                        self.kill().await;
                                    }
                                    return Ok(());
                                }
                            }
                        }
                        client.write_all(&message).await?;
                    }
                }
            }
        }
    }

    async fn kill(&self) {
        if let Some(services) = self.services.get()
            && let Err(error) = services.kill(self.replica).await
        {
            self.director
                .broken(format!("the service could not be started again: {error:#}"));
        }
    }
}

impl Watch {
    /// The messages up to the next `Sync`, `Query` or `Terminate`, and what they do.
    fn batch(&mut self, buffer: &BytesMut) -> Option<(usize, Batch)> {
        let mut at = 0;
        let mut commit = None;
        loop {
            let kind = *buffer.get(at)?;
            let length = length_at(buffer, at + 1)?;
            let end = at + 1 + length;
            let mut body = buffer.get(at + 5..end)?;
            match kind {
                b'Q' => {
                    self.outstanding += 1;
                    let commit = self.simple(&text(&mut body));
                    return Some((end, commit.map_or(Batch::Harmless, Batch::Commit)));
                }
                b'P' => {
                    let name = text(&mut body);
                    let sql = text(&mut body);
                    self.statements.insert(name, sql);
                }
                b'B' => {
                    let portal = text(&mut body);
                    let statement = text(&mut body);
                    self.portals.insert(portal, statement);
                }
                b'E' => {
                    let portal = text(&mut body);
                    let sql = self
                        .portals
                        .get(&portal)
                        .and_then(|statement| self.statements.get(statement));
                    if let Some(tables) = sql.and_then(|sql| writes(sql)) {
                        if self.in_transaction {
                            self.written.push(tables);
                        } else {
                            commit = Some(tables);
                        }
                    }
                }
                b'S' => {
                    self.outstanding += 1;
                    return Some((end, commit.map_or(Batch::Harmless, Batch::Commit)));
                }
                b'X' => return Some((end, Batch::Harmless)),
                _ => {}
            }
            at = end;
        }
    }

    fn simple(&mut self, sql: &str) -> Option<String> {
        let verb = sql.trim_start().get(..6).unwrap_or(sql).to_ascii_uppercase();
        match verb.as_str() {
            "BEGIN" | "BEGIN " | "BEGIN;" => {
                self.in_transaction = true;
                self.written.clear();
                None
            }
            "COMMIT" => {
                self.in_transaction = false;
                let mut written: Vec<String> = Vec::new();
                for tables in std::mem::take(&mut self.written) {
                    for table in tables.split(' ') {
                        if !written.iter().any(|known| known == table) {
                            written.push(table.to_owned());
                        }
                    }
                }
                (!written.is_empty()).then(|| written.join(" "))
            }
            // A savepoint's end leaves the transaction open.
            "ROLLBA" if !sql.to_ascii_uppercase().contains(" TO ") => {
                self.in_transaction = false;
                self.written.clear();
                None
            }
            _ => None,
        }
    }
}

/// The tables a statement writes, `+exchanges ~tasks -links`; `None` for one that only reads, or that nobody would miss.
fn writes(sql: &str) -> Option<String> {
    // The last contact is written every second and means nothing to the books.
    if sql.contains("last_contact_at") {
        return None;
    }
    let words: Vec<String> = sql
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let mut tables: Vec<String> = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| words.get(before));
        let sign = match (before.map(String::as_str), word.as_str()) {
            (_, "insert") if words.get(at + 1).is_some_and(|next| next == "into") => ('+', 2),
            (_, "delete") if words.get(at + 1).is_some_and(|next| next == "from") => ('-', 2),
            (Some("for" | "do"), "update") => continue,
            (_, "update") => ('~', 1),
            _ => continue,
        };
        if let Some(table) = words.get(at + sign.1) {
            let written = format!("{}{table}", sign.0);
            if !tables.contains(&written) {
                tables.push(written);
            }
        }
    }
    (!tables.is_empty()).then(|| tables.join(" "))
}

fn length_at(buffer: &BytesMut, at: usize) -> Option<usize> {
    let mut bytes = buffer.get(at..at + 4)?;
    usize::try_from(bytes.get_i32()).ok()
}

/// A text that ends with a zero byte.
fn text(body: &mut &[u8]) -> String {
    let end = body.iter().position(|byte| *byte == 0).unwrap_or(body.len());
    let text = String::from_utf8_lossy(&body[..end]).into_owned();
    body.advance((end + 1).min(body.len()));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_named_by_what_it_writes() {
        assert_eq!(writes("select id from tasks for update skip locked"), None);
        assert_eq!(
            writes(
                "with asked as (update tasks set a = 1) insert into exchanges (id) values (1) on conflict do update set id = 2"
            ),
            Some("~tasks +exchanges".to_owned())
        );
        assert_eq!(writes("delete from links l using x"), Some("-links".to_owned()));
        assert_eq!(writes("update connections set last_contact_at = $1"), None);
    }
}
