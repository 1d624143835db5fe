//! `broken`: proof that the sweep can fail. Each invariant of the design is broken in a copy of the sources, the copy is
//! built, and a part of the sweep that ought to notice is played with it. A break that nobody notices is a failure.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, bail};
use clap::Args;
use tokio::process::Command;

/// Break each invariant of the design in turn, in a copy of the sources, and see the sweep notice.
#[derive(Args, Debug)]
pub(crate) struct Broken {
    /// Only breaks whose name contains this.
    #[arg(long)]
    only: Vec<String>,
    /// The workspace.
    #[arg(long, default_value = ".")]
    sources: PathBuf,
    /// Where the copy, its build and its runs are kept.
    #[arg(long, default_value = "target/faults/broken")]
    directory: PathBuf,
}

/// One way to break one invariant.
struct Break {
    /// Its number in the design.
    invariant: u8,
    /// What is broken, in words.
    what: &'static str,
    file: &'static str,
    /// Stands exactly once in the file.
    old: &'static str,
    new: &'static str,
    /// The part of the sweep that ought to notice.
    sweep: &'static [&'static str],
}

const BREAKS: &[Break] = &[
    Break {
        invariant: 1,
        what: "sendRequestXML answers before its exchange is committed",
        file: "src/web_connector/requests.rs",
        old: "        transaction.commit().await?;\n        let state = if xml.is_empty() {",
        new: "        tokio::spawn(async move { tokio::time::sleep(std::time::Duration::from_millis(200)).await; let _ = transaction.commit().await; });\n        let state = if xml.is_empty() {",
        sweep: &["--journey", "vendor", "--only", "sendRequestXML"],
    },
    Break {
        invariant: 1,
        what: "receiveResponseXML answers before the response is committed",
        file: "src/web_connector/responses.rs",
        old: "        transaction.commit().await?;\n        let state = match session.file {",
        new: "        tokio::spawn(async move { tokio::time::sleep(std::time::Duration::from_millis(200)).await; let _ = transaction.commit().await; });\n        let state = match session.file {",
        sweep: &["--journey", "vendor", "--only", "receiveResponseXML"],
    },
    Break {
        invariant: 1,
        what: "a webhook is answered before it is committed",
        file: "src/procore_webhooks.rs",
        old: "    transaction.commit().await\n}",
        new: "    tokio::spawn(async move { tokio::time::sleep(std::time::Duration::from_millis(200)).await; transaction.commit().await });\n    Ok(())\n}",
        sweep: &["--journey", "vendor", "--only", "webhook:"],
    },
    Break {
        invariant: 2,
        what: "an exchange in doubt is put back instead of sent again",
        file: "src/web_connector/requests.rs",
        old: "} else if ours || open.writes {",
        new: "} else if ours {",
        sweep: &[
            "--journey",
            "invoice",
            "--only",
            "quickbooks:BillAddRq",
            "--only",
            "after",
        ],
    },
    Break {
        invariant: 2,
        what: "what was found by looking is sent again all the same",
        file: "src/web_connector/second_look.rs",
        old: "        if nothing_there {",
        new: "        if nothing_there || !turns.is_empty() {",
        sweep: &[
            "--journey",
            "invoice",
            "--only",
            "quickbooks:BillAddRq",
            "--only",
            "9005",
        ],
    },
    Break {
        invariant: 2,
        what: "a transaction in doubt is sent again without a look",
        file: "src/web_connector/requests.rs",
        old: "                if let Some(look) = self.look_first(db, session, &open, now).await? {",
        new: "                if let Some(look) = self.look_first(db, session, &open, now).await?.filter(String::is_empty) {",
        sweep: &[
            "--journey",
            "invoice",
            "--only",
            "quickbooks:BillAddRq",
            "--only",
            "9005",
        ],
    },
    Break {
        invariant: 2,
        what: "a payment is a new one each time Procore is told of it",
        file: "src/procore/invoice_payments.rs",
        old: "\"origin_id\": payment.origin_id,",
        new: "\"origin_id\": format!(\"{}-{}\", payment.origin_id, uuid::Uuid::new_v4()),",
        sweep: &[
            "--journey",
            "payment",
            "--only",
            "invoice_payments",
            "--only",
            "reset-mid-body",
        ],
    },
    Break {
        invariant: 3,
        what: "any company file will do",
        file: "src/web_connector/guard.rs",
        old: "    let name = argument(connection);\n    match &seen.file_id {",
        new: "    let name = argument(connection);\n    if seen.file_id.is_none() { return Ok(()); }\n    match &seen.file_id {",
        sweep: &["--journey", "vendor", "--only", "another-file"],
    },
    Break {
        invariant: 3,
        what: "an older state of the company file will do",
        file: "src/web_connector/trust.rs",
        old: "        if session.file == FileState::Trusted {\n            return Ok(None);",
        new: "        if session.file != FileState::Suspect {\n            return Ok(None);",
        sweep: &["--journey", "job", "--only", "older-file"],
    },
    Break {
        invariant: 4,
        what: "a second Web Connector is let in beside a live session",
        file: "src/web_connector/session_calls.rs",
        old: ".is_some_and(|last_call| now - last_call < self.lease)",
        new: ".is_some_and(|_| false)",
        sweep: &["--journey", "vendor", "--only", "second-connector"],
    },
    Break {
        invariant: 4,
        what: "a repeated sendRequestXML gets other bytes",
        file: "src/web_connector/requests.rs",
        old: "                if let Some(xml) = exchanges::hand_out_again(db, open.id, session.id, now).await? {\n                    return Ok(xml);",
        new: "                if let Some(xml) = exchanges::hand_out_again(db, open.id, session.id, now).await? {\n                    return Ok(format!(\"{xml} \"));",
        sweep: &[
            "--journey",
            "vendor",
            "--only",
            "sendRequestXML",
            "--only",
            "twice",
        ],
    },
    Break {
        invariant: 4,
        what: "a repeated receiveResponseXML gets another number",
        file: "src/web_connector/responses.rs",
        old: "        return Ok(returned);\n    }\n    Ok(exchanges::last_returned",
        new: "        return Ok(returned.saturating_sub(1));\n    }\n    Ok(exchanges::last_returned",
        sweep: &[
            "--journey",
            "vendor",
            "--only",
            "receiveResponseXML",
            "--only",
            "twice",
        ],
    },
    Break {
        invariant: 5,
        what: "a malformed message set takes all its records with it",
        file: "src/web_connector/responses.rs",
        old: "                if let [alone] = open.task_ids.as_slice() {\n                    let failure",
        new: "                if let [alone, ..] = open.task_ids.as_slice() {\n                    let failure",
        sweep: &[
            "--journey",
            "commitment",
            "--only",
            "PurchaseOrderAddRq",
            "--only",
            "guilty",
        ],
    },
    Break {
        invariant: 6,
        what: "money passes through a binary float",
        file: "src/qbxml/money.rs",
        old: "        write!(f, \"{:.2}\", self.0)",
        new: "        write!(f, \"{:.2}\", self.0.to_string().parse::<f32>().unwrap_or_default())",
        sweep: &["--journey", "commitment", "--only", "closeConnection"],
    },
    Break {
        invariant: 7,
        what: "a failure is reported without its words",
        file: "src/tasks/queue.rs",
        old: "failure.map_or(said, |failure| failure.messages)",
        new: "failure.map_or(said, |_| Vec::new())",
        sweep: &["--journey", "vendor", "--only", "closeConnection"],
    },
    Break {
        invariant: 8,
        what: "a session that was taken over gets a SOAP fault",
        file: "src/web_connector/requests.rs",
        old: "        if session.ended {\n            return Ok(String::new());",
        new: "        if session.ended {\n            return Err(sqlx::Error::RowNotFound.into());",
        sweep: &[
            "--journey",
            "vendor",
            "--only",
            "sendRequestXML",
            "--only",
            "taken-over",
        ],
    },
    Break {
        invariant: 9,
        what: "the password stands in the log",
        file: "src/web_connector/session_calls.rs",
        old: "        let account = sessions::account(&self.db, user).await?;",
        new: "        tracing::info!(password = secrecy::ExposeSecret::expose_secret(password), \"authenticate\");\n        let account = sessions::account(&self.db, user).await?;",
        sweep: &["--journey", "vendor", "--only", "closeConnection"],
    },
    Break {
        invariant: 10,
        what: "two exports of one record do not wait for each other",
        file: "src/tasks/queue.rs",
        old: "            new.subject,\n            seq,",
        new: "            \"\",\n            seq,",
        sweep: &["--journey", "invoice", "--only", "closeConnection"],
    },
];

impl Broken {
    /// Breaks, builds, plays; `true` if every break was noticed.
    pub(crate) async fn run(self) -> anyhow::Result<bool> {
        let sources = self.directory.join("sources");
        copy(&self.sources, &sources)?;
        let target = std::path::absolute(self.directory.join("build"))?;
        let mut rows = Vec::new();
        for it in BREAKS {
            if !self.only.iter().all(|only| it.what.contains(only.as_str())) {
                continue;
            }
            println!("{:>2} {}", it.invariant, it.what);
            let path = sources.join(it.file);
            let whole = fs::read_to_string(self.sources.join(it.file))?;
            if whole.matches(it.old).count() != 1 {
                bail!("\"{}\" does not fit {} any more", it.what, it.file);
            }
            fs::write(&path, whole.replacen(it.old, it.new, 1))?;
            let built = Command::new("cargo")
                .args(["build", "--quiet", "--locked", "-p", "fault-sweep"])
                .current_dir(&sources)
                .env("CARGO_TARGET_DIR", &target)
                .env("RUSTFLAGS", "-Awarnings")
                .status()
                .await?;
            if !built.success() {
                bail!("\"{}\" does not build", it.what);
            }
            let played = Command::new(target.join("debug/fault-sweep"))
                .arg("faults")
                .args(it.sweep)
                .args(["--most-failures", "1", "--jobs", "2", "--directory"])
                .arg(self.directory.join("runs"))
                .stdin(Stdio::null())
                .output()
                .await?;
            fs::write(&path, whole)?;
            let said = format!(
                "{}{}",
                String::from_utf8_lossy(&played.stdout),
                String::from_utf8_lossy(&played.stderr)
            );
            let noticed = noticed(&said).filter(|_| !played.status.success());
            println!("   {}", noticed.as_deref().unwrap_or("NOT NOTICED"));
            rows.push((it, noticed));
        }
        println!();
        for (it, noticed) in &rows {
            println!(
                "{:>2} {:<62} {}",
                it.invariant,
                it.what,
                if noticed.is_some() {
                    "noticed"
                } else {
                    "NOT NOTICED"
                }
            );
        }
        Ok(rows.iter().all(|(_, noticed)| noticed.is_some()))
    }
}

/// How a sweep noticed: its first complaint about a promise.
fn noticed(said: &str) -> Option<String> {
    let lines: Vec<&str> = said.lines().collect();
    let failed = lines.iter().position(|line| line.starts_with("FAILED"));
    let words = match failed {
        Some(at) => lines.get(at + 1)?.trim().to_owned(),
        None => lines
            .iter()
            .find(|line| line.contains("is not in order"))?
            .to_string(),
    };
    Some(words.chars().take(220).collect())
}

/// The sources, without what is built and what is kept.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("{} cannot be read", from.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        if ["target", ".git", ".data"].iter().any(|left| name == *left) {
            continue;
        }
        let target = to.join(&name);
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else if fs::read(&target).ok() != Some(fs::read(entry.path())?) {
            // What has not changed is not built again.
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_break_fits_the_sources() {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for it in BREAKS {
            let whole = fs::read_to_string(sources.join(it.file)).unwrap();
            assert_eq!(whole.matches(it.old).count(), 1, "{}: {}", it.file, it.what);
        }
        for invariant in 1..=10 {
            assert!(BREAKS.iter().any(|it| it.invariant == invariant), "{invariant}");
        }
    }
}
