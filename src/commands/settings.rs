//! `plumbline settings …`: Procore's Advanced Settings page, from the command line.

use anyhow::{Context, bail};
use clap::Subcommand;
use serde_json::Value;
use sqlx::types::Json;

use super::{open, resolve, table};
use crate::{
    clock::Clock,
    config::Storage,
    connections::{
        settings::{PaymentSchedule, Settings},
        store,
    },
    mirror,
    tasks::{Wants, lookup},
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
            Self::Set { connection, changes } => {
                let connection = resolve(db, &connection).await?;
                let changed = change(db, connection.id, &changes, &Clock::System).await?;
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

/// Applies changes, each checked, all or none.
pub async fn change(
    db: &sqlx::PgPool,
    id: uuid::Uuid,
    changes: &[String],
    clock: &Clock,
) -> anyhow::Result<Settings> {
    let mut transaction = db.begin().await?;
    let stored = sqlx::query_scalar!(
        r#"select settings as "settings: Json<Settings>" from connections where id = $1 for update"#,
        id
    )
    .fetch_one(&mut *transaction)
    .await?;
    let before = stored.0;
    let mut values = serde_json::to_value(&before)?;
    for change in changes {
        let (name, value) = change
            .split_once('=')
            .with_context(|| format!("{change:?} is not NAME=VALUE"))?;
        let name = name.trim();
        if name == "payments_since" {
            bail!("payments_since is set by itself, when payment_schedule leaves \"never\"");
        }
        let Some(slot) = values.get_mut(name) else {
            bail!("there is no setting {name:?}; `plumbline settings show` lists them");
        };
        *slot = match value.trim() {
            "" => Value::Null,
            // No setting is a fraction; a ListID such as 8000012E-1770000001 only looks like one.
            text => serde_json::from_str(text)
                .ok()
                .filter(|value: &Value| !value.is_f64())
                .unwrap_or_else(|| Value::String(text.to_owned())),
        };
    }
    let mut after: Settings = serde_json::from_value(values).context("a value does not fit its setting")?;
    check(&mut transaction, id, &before, &mut after, clock).await?;
    store::set_settings(&mut *transaction, id, &after).await?;
    transaction.commit().await?;
    Ok(after)
}

async fn check(
    db: &mut sqlx::PgConnection,
    id: uuid::Uuid,
    before: &Settings,
    after: &mut Settings,
    clock: &Clock,
) -> anyhow::Result<()> {
    if !(1..=500).contains(&after.batch_size) {
        bail!("batch_size must be 1 to 500");
    }
    if !(1..=5000).contains(&after.page_size) {
        bail!("page_size must be 1 to 5000");
    }
    // PAY-11: only what is paid after the switch-on comes over.
    match (before.payment_schedule, after.payment_schedule) {
        (_, PaymentSchedule::Never) => after.payments_since = None,
        (PaymentSchedule::Never, _) => after.payments_since = Some(clock.now()),
        _ => {}
    }
    let Some(item) = &after.retainage_item_list_id else {
        return Ok(());
    };
    if before.retainage_item_list_id.as_ref() == Some(item) {
        return Ok(());
    }
    let wants = Wants {
        item_ids: vec![item.clone()],
        linked_ids: vec![item.clone()],
        ..Wants::default()
    };
    let known = lookup::look_up(db, id, [wants]).await?;
    let Some(found) = known.items.first() else {
        bail!(
            "QuickBooks has no item with ListID {item}; `plumbline settings retainage-items` lists what can be chosen"
        );
    };
    if found.detail.as_deref() != Some("Service") {
        bail!("{} is not a Service item; retainage needs one", found.full_name);
    }
    if !found.is_active {
        bail!(
            "{} is inactive in QuickBooks; make it active first",
            found.full_name
        );
    }
    // ADV-22
    if let Some(link) = known.links.first() {
        bail!(
            "{} is linked to a cost code ({}); retainage must have an item of its own",
            found.full_name,
            link.item
        );
    }
    Ok(())
}
