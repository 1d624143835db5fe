//! Changing settings: each checked, all or none, and kept with who, when, old and new (ADV-23, LOVE-14).
//!
//! What may not live here: how they are shown.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use sqlx::{PgConnection, PgPool, types::Json};
use uuid::Uuid;

use super::{
    PaymentSchedule, Settings,
    history::{self, Changed, SettingChange},
};
use crate::{
    clock::Clock,
    connections::store,
    erp_mode,
    tasks::{Wants, lookup, queue},
};

/// Why settings were not changed; nothing was.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// No `=` in it.
    #[error("{0:?} is not NAME=VALUE")]
    NotAnAssignment(String),
    /// Nobody sets it.
    #[error("payments_since is set by itself, when payment_schedule leaves \"never\"")]
    SetByItself,
    /// There is no such setting.
    #[error("there is no setting {0:?}; `plumbline settings show` lists them")]
    Unknown(String),
    /// The value is no value of that setting.
    #[error("a value does not fit its setting: {0}")]
    DoesNotFit(#[from] serde_json::Error),
    /// Too small or too large.
    #[error("{name} must be {least} to {most}")]
    OutOfRange {
        /// The setting.
        name: &'static str,
        /// The least value.
        least: u16,
        /// The most.
        most: u16,
    },
    /// Not a template.
    #[error("memo_template: {0}")]
    Template(String),
    /// The item cannot carry retainage, and why.
    #[error("{0}")]
    RetainageItem(String),
    /// The account cannot pay bills, and why.
    #[error("{0}")]
    PaymentAccount(String),
    /// There is no change with this number.
    #[error("there is no change {0}; `plumbline settings history` lists them")]
    NoSuchChange(i32),
    /// A later change set the same.
    #[error("{name} was changed again by change {number}; take that back first, or set {name} itself")]
    ChangedSince {
        /// The setting.
        name: String,
        /// The later change.
        number: i32,
    },
    /// The database refused.
    #[error("the database refused")]
    Database(#[from] sqlx::Error),
}

/// Sets settings, `NAME=VALUE` each. `by` is who does it. What is set to what it is already leaves no trace.
pub async fn set(
    db: &PgPool,
    connection_id: Uuid,
    assignments: &[String],
    by: &str,
    clock: &Clock,
) -> Result<Settings, SettingsError> {
    let mut wanted = Map::new();
    for assignment in assignments {
        let (name, value) = assignment
            .split_once('=')
            .ok_or_else(|| SettingsError::NotAnAssignment(assignment.clone()))?;
        let value = match value.trim() {
            "" => Value::Null,
            // No setting is a fraction; a ListID such as 8000012E-1770000001 only looks like one.
            text => serde_json::from_str(text)
                .ok()
                .filter(|value: &Value| !value.is_f64())
                .unwrap_or_else(|| Value::String(text.to_owned())),
        };
        wanted.insert(name.trim().to_owned(), value);
    }
    let mut transaction = db.begin().await?;
    queue::one_at_a_time(&mut transaction, connection_id).await?;
    let settings = apply(&mut transaction, connection_id, wanted, None, by, clock).await?;
    transaction.commit().await?;
    Ok(settings)
}

/// Takes a change back, as a change of its own. One that a later change has overtaken is not taken back.
pub async fn undo(
    db: &PgPool,
    connection_id: Uuid,
    number: i32,
    by: &str,
    clock: &Clock,
) -> Result<Settings, SettingsError> {
    let mut transaction = db.begin().await?;
    queue::one_at_a_time(&mut transaction, connection_id).await?;
    let all = history::list(&mut transaction, connection_id).await?;
    let wanted = taken_back(&all, number)?;
    let settings = apply(&mut transaction, connection_id, wanted, Some(number), by, clock).await?;
    transaction.commit().await?;
    Ok(settings)
}

/// The values from before a change, `all` being the latest first.
fn taken_back(all: &[SettingChange], number: i32) -> Result<Map<String, Value>, SettingsError> {
    let change = all
        .iter()
        .find(|change| change.number == number)
        .ok_or(SettingsError::NoSuchChange(number))?;
    let mut wanted = Map::new();
    for (name, changed) in &change.changes {
        // It follows the schedule.
        if name == "payments_since" {
            continue;
        }
        let later = all
            .iter()
            .find(|other| other.number > number && other.changes.contains_key(name));
        if let Some(later) = later {
            return Err(SettingsError::ChangedSince {
                name: name.clone(),
                number: later.number,
            });
        }
        wanted.insert(name.clone(), changed.old.clone());
    }
    Ok(wanted)
}

async fn apply(
    db: &mut PgConnection,
    connection_id: Uuid,
    wanted: Map<String, Value>,
    undoes: Option<i32>,
    by: &str,
    clock: &Clock,
) -> Result<Settings, SettingsError> {
    // What is stored may hold settings of a newer version; they stay as they are.
    let mut stored = sqlx::query_scalar!(
        r#"select settings as "settings: Json<Map<String, Value>>" from connections where id = $1 for update"#,
        connection_id
    )
    .fetch_one(&mut *db)
    .await?
    .0;
    let before: Settings = serde_json::from_value(Value::Object(stored.clone()))?;
    let old = values(&before)?;
    let mut new = old.clone();
    for (name, value) in wanted {
        if name == "payments_since" {
            return Err(SettingsError::SetByItself);
        }
        *new.get_mut(&name).ok_or(SettingsError::Unknown(name))? = value;
    }
    let mut after: Settings = serde_json::from_value(Value::Object(new))?;
    check(db, connection_id, &before, &mut after, clock).await?;
    let mut changes = BTreeMap::new();
    for (name, new) in values(&after)? {
        let old = old.get(&name).cloned().unwrap_or_default();
        if old != new {
            changes.insert(
                name.clone(),
                Changed {
                    old,
                    new: new.clone(),
                },
            );
        }
        stored.insert(name, new);
    }
    if !changes.is_empty() {
        store::set_settings(&mut *db, connection_id, &stored).await?;
        history::record(&mut *db, connection_id, clock.now(), by, &changes, undoes).await?;
        // They have not been read as long as nothing needed them.
        if after.classes_as_cost_types && !before.classes_as_cost_types {
            queue::enqueue(db, connection_id, clock.now(), &[erp_mode::reading_of_classes()]).await?;
        }
    }
    Ok(after)
}

fn values(settings: &Settings) -> Result<Map<String, Value>, SettingsError> {
    match serde_json::to_value(settings)? {
        Value::Object(values) => Ok(values),
        _ => Ok(Map::new()),
    }
}

async fn check(
    db: &mut PgConnection,
    id: Uuid,
    before: &Settings,
    after: &mut Settings,
    clock: &Clock,
) -> Result<(), SettingsError> {
    for (name, value, most) in [
        ("batch_size", after.batch_size, 500),
        ("page_size", after.page_size, 5000),
    ] {
        if !(1..=most).contains(&value) {
            return Err(SettingsError::OutOfRange { name, least: 1, most });
        }
    }
    if let Some(template) = &after.memo_template {
        template.check().map_err(SettingsError::Template)?;
    }
    // PAY-11: only what is paid after the switch-on comes over.
    match (before.payment_schedule, after.payment_schedule) {
        (_, PaymentSchedule::Never) => after.payments_since = None,
        (PaymentSchedule::Never, _) => after.payments_since = Some(clock.now()),
        _ => {}
    }
    for (before, after) in [
        (&before.retainage_item_list_id, &after.retainage_item_list_id),
        (
            &before.owner_retainage_item_list_id,
            &after.owner_retainage_item_list_id,
        ),
    ] {
        if let Some(item) = after.as_ref().filter(|item| before.as_ref() != Some(item)) {
            retainage_item(db, id, item).await?;
        }
    }
    let account = &after.payment_account_list_id;
    if let Some(account) = account
        .as_ref()
        .filter(|_| before.payment_account_list_id != *account)
    {
        payment_account(db, id, account).await?;
    }
    if after.payments_from_procore && account.is_none() {
        return Err(SettingsError::PaymentAccount(
            "payments_from_procore needs payment_account_list_id: the bank account that checks are drawn on"
                .to_owned(),
        ));
    }
    Ok(())
}

/// The account that checks are drawn on.
async fn payment_account(db: &mut PgConnection, id: Uuid, account: &str) -> Result<(), SettingsError> {
    let known = sqlx::query!(
        "select full_name, detail, is_active from mirror_records
         where connection_id = $1 and kind = 'account' and list_id = $2",
        id,
        account
    )
    .fetch_optional(db)
    .await?;
    let why = match known {
        None => format!("QuickBooks has no account with ListID {account}"),
        Some(known) if known.detail.as_deref() != Some("Bank") => {
            format!(
                "{} is not a bank account; checks are drawn on one",
                known.full_name
            )
        }
        Some(known) if !known.is_active => {
            format!(
                "{} is inactive in QuickBooks; make it active first",
                known.full_name
            )
        }
        Some(_) => return Ok(()),
    };
    Err(SettingsError::PaymentAccount(why))
}

async fn retainage_item(db: &mut PgConnection, id: Uuid, item: &str) -> Result<(), SettingsError> {
    let wants = Wants {
        item_ids: vec![item.to_owned()],
        linked_ids: vec![item.to_owned()],
        ..Wants::default()
    };
    let known = lookup::look_up(db, id, [wants]).await?;
    let Some(found) = known.items.first() else {
        return Err(SettingsError::RetainageItem(format!(
            "QuickBooks has no item with ListID {item}; `plumbline settings retainage-items` lists what can be chosen"
        )));
    };
    let name = &found.full_name;
    if found.detail.as_deref() != Some("Service") {
        return Err(SettingsError::RetainageItem(format!(
            "{name} is not a Service item; retainage needs one"
        )));
    }
    if !found.is_active {
        return Err(SettingsError::RetainageItem(format!(
            "{name} is inactive in QuickBooks; make it active first"
        )));
    }
    // ADV-22
    if let Some(link) = known.links.first() {
        return Err(SettingsError::RetainageItem(format!(
            "{name} is linked to a cost code ({}); retainage must have an item of its own",
            link.item
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;

    use super::*;

    fn change(number: i32, name: &str, old: Value, new: Value) -> SettingChange {
        SettingChange {
            number,
            changed_at: DateTime::UNIX_EPOCH,
            changed_by: "Ann".to_owned(),
            changes: BTreeMap::from([(name.to_owned(), Changed { old, new })]),
            undoes: None,
        }
    }

    // LOVE-14
    #[test]
    fn love_14_only_what_nobody_changed_since_is_taken_back() {
        let all = [
            change(3, "page_size", json!(500), json!(100)),
            change(2, "batch_size", json!(30), json!(40)),
            change(1, "batch_size", json!(20), json!(30)),
        ];
        assert_eq!(taken_back(&all, 2).unwrap()["batch_size"], json!(30));
        assert_eq!(taken_back(&all, 3).unwrap()["page_size"], json!(500));
        assert!(matches!(
            taken_back(&all, 1),
            Err(SettingsError::ChangedSince { number: 2, .. })
        ));
        assert!(matches!(taken_back(&all, 9), Err(SettingsError::NoSuchChange(9))));
    }
}
