//! Rights in the database: the last answer of each connection.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::Rights;

/// Keeps what QuickBooks answered. What is in the way is logged, each time anew: it is asked once a day.
pub async fn keep(
    db: &mut PgConnection,
    connection_id: Uuid,
    now: DateTime<Utc>,
    rights: &Rights,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update connections set rights = $2, rights_run_at = $3 where id = $1",
        connection_id,
        Json(rights) as _,
        now,
    )
    .execute(db)
    .await?;
    for finding in &rights.findings {
        tracing::warn!(connection = %connection_id, "{}", finding.words());
    }
    Ok(())
}

/// The last answer, and when it came; none before the first.
pub async fn last(
    db: &mut PgConnection,
    connection_id: Uuid,
) -> Result<Option<(DateTime<Utc>, Rights)>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select rights as "rights: Json<Rights>", rights_run_at from connections where id = $1"#,
        connection_id,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.and_then(|row| Some((row.rights_run_at?, row.rights?.0))))
}
