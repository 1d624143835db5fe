//! What became of settings: who changed which when, from what to what.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

/// From what to what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// The value before.
    pub old: Value,
    /// The value since.
    pub new: Value,
}

/// One change: what was set at once.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SettingChange {
    /// Its number; counts from 1 for each connection.
    pub number: i32,
    /// When.
    pub changed_at: DateTime<Utc>,
    /// Who.
    pub changed_by: String,
    /// By the setting's name.
    pub changes: BTreeMap<String, Changed>,
    /// The change that this one took back.
    pub undoes: Option<i32>,
}

/// Keeps a change; its number. The connection's row must be locked.
pub(super) async fn record(
    db: &mut PgConnection,
    connection_id: Uuid,
    now: DateTime<Utc>,
    by: &str,
    changes: &BTreeMap<String, Changed>,
    undoes: Option<i32>,
) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar!(
        r#"insert into setting_changes (connection_id, number, changed_at, changed_by, changes, undoes)
           values ($1, 1 + coalesce((select max(number) from setting_changes where connection_id = $1), 0), $2, $3, $4, $5)
           returning number"#,
        connection_id,
        now,
        by,
        Json(changes) as _,
        undoes,
    )
    .fetch_one(db)
    .await
}

/// All changes of a connection's settings, the latest first.
pub async fn list(db: &mut PgConnection, connection_id: Uuid) -> Result<Vec<SettingChange>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select number, changed_at, changed_by, changes as "changes: Json<BTreeMap<String, Changed>>", undoes
           from setting_changes where connection_id = $1 order by number desc"#,
        connection_id,
    )
    .fetch_all(db)
    .await?;
    let changes = rows.into_iter().map(|row| SettingChange {
        number: row.number,
        changed_at: row.changed_at,
        changed_by: row.changed_by,
        changes: row.changes.0,
        undoes: row.undoes,
    });
    Ok(changes.collect())
}
