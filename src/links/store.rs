//! Links in the database.

use sqlx::PgConnection;
use uuid::Uuid;

use super::ProcoreItem;

/// Forgets links.
pub async fn remove(
    db: &mut PgConnection,
    connection_id: Uuid,
    items: &[ProcoreItem],
) -> Result<(), sqlx::Error> {
    if items.is_empty() {
        return Ok(());
    }
    let types: Vec<&str> = items.iter().map(|item| item.item_type.as_str()).collect();
    let ids: Vec<i64> = items.iter().map(|item| item.id).collect();
    sqlx::query!(
        r#"delete from links using unnest($2::text[], $3::bigint[]) as gone(item_type, item_id)
           where links.connection_id = $1 and links.item_type = gone.item_type and links.item_id = gone.item_id"#,
        connection_id,
        &types as &[&str],
        &ids,
    )
    .execute(db)
    .await?;
    Ok(())
}
