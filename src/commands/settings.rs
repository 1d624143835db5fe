//! `plumbline settings …`: Procore's Advanced Settings page, from the command line.

use clap::Subcommand;
use serde_json::Value;

use super::{open, resolve, table};
use crate::{
    clock::Clock,
    config::Storage,
    connections::settings::{
        change,
        history::{self, SettingChange},
    },
    mirror,
};

/// What can be done with settings.
#[derive(Debug, Subcommand)]
pub enum SettingsCommand {
    /// Show a connection's settings.
    Show {
        /// Id, Web Connector user, or name.
        connection: String,
    },
    /// Change settings: NAME=VALUE, several at once. Values are as `settings show` prints them; text needs no quotes.
    Set {
        /// Id, Web Connector user, or name.
        connection: String,
        /// For example `payment_schedule=daily retainage_item_list_id=80000012-1770000001`
        #[arg(required = true, value_name = "NAME=VALUE")]
        changes: Vec<String>,
        /// Who changes them, for the history.
        #[arg(long, env = "PLUMBLINE_USER", value_name = "NAME")]
        by: Option<String>,
    },
    /// List who changed which settings when, from what to what; the latest first.
    History {
        /// Id, Web Connector user, or name.
        connection: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take a change back.
    Undo {
        /// Id, Web Connector user, or name.
        connection: String,
        /// Its number in the history.
        number: i32,
        /// Who takes it back, for the history.
        #[arg(long, env = "PLUMBLINE_USER", value_name = "NAME")]
        by: Option<String>,
    },
    /// List the service items that can carry retainage, as last read from QuickBooks.
    RetainageItems {
        /// Id, Web Connector user, or name.
        connection: String,
    },
    /// Find customers to put jobs under, as last read from QuickBooks.
    Customers {
        /// Id, Web Connector user, or name.
        connection: String,
        /// How the name begins.
        #[arg(default_value = "")]
        prefix: String,
        /// At most this many.
        #[arg(long, default_value_t = 50)]
        limit: i64,
    },
}

impl SettingsCommand {
    /// Runs it.
    pub async fn run(self, storage: &Storage) -> anyhow::Result<()> {
        let database = open(storage).await?;
        let outcome = self.on(&database.pool).await;
        database.close().await;
        outcome
    }

    async fn on(self, db: &sqlx::PgPool) -> anyhow::Result<()> {
        match self {
            Self::Show { connection } => {
                let connection = resolve(db, &connection).await?;
                println!("{}", serde_json::to_string_pretty(&connection.settings)?);
            }
            Self::Set {
                connection,
                changes,
                by,
            } => {
                let connection = resolve(db, &connection).await?;
                let changed = change::set(db, connection.id, &changes, &who(by), &Clock::System).await?;
                println!("{}", serde_json::to_string_pretty(&changed)?);
            }
            Self::History { connection, json } => {
                let connection = resolve(db, &connection).await?;
                let all = history::list(&mut *db.acquire().await?, connection.id).await?;
                if json {
                    println!("{}", serde_json::to_string_pretty(&all)?);
                } else if all.is_empty() {
                    println!("Nothing was changed yet.");
                } else {
                    table::print(&["no.", "when", "who", "setting", "from", "to", ""], &rows(&all));
                }
            }
            Self::Undo {
                connection,
                number,
                by,
            } => {
                let connection = resolve(db, &connection).await?;
                let changed = change::undo(db, connection.id, number, &who(by), &Clock::System).await?;
                println!("{}", serde_json::to_string_pretty(&changed)?);
            }
            Self::RetainageItems { connection } => {
                let connection = resolve(db, &connection).await?;
                choices(&mirror::store::retainage_items(db, connection.id).await?);
            }
            Self::Customers {
                connection,
                prefix,
                limit,
            } => {
                let connection = resolve(db, &connection).await?;
                choices(&mirror::store::customers(db, connection.id, &prefix, limit.clamp(1, 10_000)).await?);
            }
        }
        Ok(())
    }
}

/// Whoever is signed in, where nobody is named.
fn who(by: Option<String>) -> String {
    by.or_else(|| {
        ["SUDO_USER", "USER", "USERNAME"]
            .into_iter()
            .find_map(|name| std::env::var(name).ok())
    })
    .map(|by| by.trim().chars().take(100).collect::<String>())
    .filter(|by| !by.is_empty())
    .unwrap_or_else(|| "the command line".to_owned())
}

/// One row for each setting that was changed.
fn rows(all: &[SettingChange]) -> Vec<Vec<String>> {
    let text = |value: &Value| match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    all.iter()
        .flat_map(|change| {
            change.changes.iter().map(move |(name, changed)| {
                vec![
                    change.number.to_string(),
                    change.changed_at.format("%Y-%m-%d %H:%M UTC").to_string(),
                    change.changed_by.clone(),
                    name.clone(),
                    text(&changed.old),
                    text(&changed.new),
                    change
                        .undoes
                        .map(|undone| format!("takes {undone} back"))
                        .unwrap_or_default(),
                ]
            })
        })
        .collect()
}

fn choices(choices: &[mirror::store::Choice]) {
    if choices.is_empty() {
        println!(
            "None. The lists are read at the first run of the Web Connector, and again by Refresh Job List in Procore."
        );
        return;
    }
    let rows: Vec<Vec<String>> = choices
        .iter()
        .map(|choice| vec![choice.list_id.clone(), choice.full_name.clone()])
        .collect();
    table::print(&["ListID", "name"], &rows);
}
