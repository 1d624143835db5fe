//! Connections in the database.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use sqlx::{PgExecutor, types::Json};
use uuid::Uuid;

use super::{company_file::CompanyFile, settings::Settings};

/// For so long after a restore a connection is treated with care: what was done between the backup and the restore is not
/// known here. Orders are found again within minutes; but a record whose link was lost may be sent again by a person when
/// its next invoice is due, and those come monthly. The price is one look-up more for each record that is written.
pub const AFTERMATH: TimeDelta = TimeDelta::days(31);

/// A connection to add. Everything has been checked.
#[derive(Debug)]
pub struct NewConnection {
    /// Its id.
    pub id: Uuid,
    /// What people call it.
    pub name: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// The Web Connector's user.
    pub qbwc_username: String,
    /// argon2.
    pub qbwc_password_hash: String,
    /// `FileID` in the company file.
    pub file_id: Uuid,
    /// What the company file must show, where the user said so.
    pub expected: Expected,
    /// Procore's login host.
    pub procore_login_url: String,
    /// Procore's API host.
    pub procore_api_url: String,
    /// The Procore company.
    pub procore_company_id: i64,
    /// OAuth client id.
    pub procore_client_id: String,
    /// OAuth client secret, sealed.
    pub procore_client_secret: Vec<u8>,
    /// Hash of the `Authorization` value Procore's webhooks carry.
    pub webhook_token_sha256: [u8; 32],
    /// Settings.
    pub settings: Settings,
}

/// What the company file must show besides its `FileID`. `None`: learnt at the first contact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Expected {
    /// The company's name in QuickBooks.
    pub company_name: Option<String>,
    /// The path of the company file on the Windows machine.
    pub company_file: Option<String>,
    /// `US`, `CA` or `UK`.
    pub country: Option<String>,
}

/// A connection as stored, without its secrets.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Its id.
    pub id: Uuid,
    /// What people call it.
    pub name: String,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// Since when nothing is handed out.
    pub paused_at: Option<DateTime<Utc>>,
    /// Why, where a comparison paused it and not a person.
    pub paused_reason: Option<String>,
    /// The Web Connector's user.
    pub qbwc_username: String,
    /// Our `OwnerID`.
    pub owner_id: Uuid,
    /// Its `FileID`.
    pub file_id: Uuid,
    /// What the company file must show.
    pub expected: Expected,
    /// What it last showed.
    pub company_file: CompanyFile,
    /// What was open instead of the right company file.
    pub guard_problem: Option<String>,
    /// Whether the lists were read to the end once.
    pub mirror_ready: bool,
    /// From when payments are read next.
    pub payments_watermark: Option<String>,
    /// When payments were last asked for by schedule.
    pub payments_run_at: Option<DateTime<Utc>>,
    /// Procore's login host.
    pub procore_login_url: String,
    /// Procore's API host.
    pub procore_api_url: String,
    /// The Procore company.
    pub procore_company_id: i64,
    /// OAuth client id.
    pub procore_client_id: String,
    /// OAuth client secret, sealed.
    pub procore_client_secret: Vec<u8>,
    /// The company's ERP cost code list.
    pub standard_cost_code_list_id: Option<i64>,
    /// Hash of the webhooks' `Authorization` value.
    pub webhook_token_sha256: Vec<u8>,
    /// When missed webhooks were last looked for.
    pub erp_requests_polled_at: Option<DateTime<Utc>>,
    /// Up to when that look was complete.
    pub erp_requests_seen_until: Option<DateTime<Utc>>,
    /// Settings.
    pub settings: Settings,
    /// The last call of its Web Connector.
    pub last_contact_at: Option<DateTime<Utc>>,
    /// How that call ended.
    pub last_contact_state: Option<String>,
    /// When it was last brought back from a backup.
    pub restored_at: Option<DateTime<Utc>>,
}

impl Connection {
    /// When it was restored, if that was lately: see [`AFTERMATH`].
    pub fn restored_lately(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.restored_at.filter(|at| *at > now - AFTERMATH)
    }
}

/// Why a connection could not be stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// One Procore company is tied to one company file.
    #[error("this Procore company already has a connection; see `plumbline connection list`")]
    CompanyTaken,
    /// Anything else.
    #[error("the database refused")]
    Database(#[from] sqlx::Error),
}

struct Row {
    id: Uuid,
    name: String,
    created_at: DateTime<Utc>,
    paused_at: Option<DateTime<Utc>>,
    paused_reason: Option<String>,
    qbwc_username: String,
    owner_id: Uuid,
    file_id: Uuid,
    expected_company_name: Option<String>,
    expected_company_file: Option<String>,
    expected_country: Option<String>,
    company_file: Json<CompanyFile>,
    guard_problem: Option<String>,
    mirror_ready: bool,
    payments_watermark: Option<String>,
    payments_run_at: Option<DateTime<Utc>>,
    procore_login_url: String,
    procore_api_url: String,
    procore_company_id: i64,
    procore_client_id: String,
    procore_client_secret: Vec<u8>,
    standard_cost_code_list_id: Option<i64>,
    webhook_token_sha256: Vec<u8>,
    erp_requests_polled_at: Option<DateTime<Utc>>,
    erp_requests_seen_until: Option<DateTime<Utc>>,
    settings: Json<Settings>,
    last_contact_at: Option<DateTime<Utc>>,
    last_contact_state: Option<String>,
    restored_at: Option<DateTime<Utc>>,
}

impl From<Row> for Connection {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            name: row.name,
            created_at: row.created_at,
            paused_at: row.paused_at,
            paused_reason: row.paused_reason,
            qbwc_username: row.qbwc_username,
            owner_id: row.owner_id,
            file_id: row.file_id,
            expected: Expected {
                company_name: row.expected_company_name,
                company_file: row.expected_company_file,
                country: row.expected_country,
            },
            company_file: row.company_file.0,
            guard_problem: row.guard_problem,
            mirror_ready: row.mirror_ready,
            payments_watermark: row.payments_watermark,
            payments_run_at: row.payments_run_at,
            procore_login_url: row.procore_login_url,
            procore_api_url: row.procore_api_url,
            procore_company_id: row.procore_company_id,
            procore_client_id: row.procore_client_id,
            procore_client_secret: row.procore_client_secret,
            standard_cost_code_list_id: row.standard_cost_code_list_id,
            webhook_token_sha256: row.webhook_token_sha256,
            erp_requests_polled_at: row.erp_requests_polled_at,
            erp_requests_seen_until: row.erp_requests_seen_until,
            settings: row.settings.0,
            last_contact_at: row.last_contact_at,
            last_contact_state: row.last_contact_state,
            restored_at: row.restored_at,
        }
    }
}

/// Stores a new connection.
pub async fn insert(db: impl PgExecutor<'_>, new: &NewConnection) -> Result<(), StoreError> {
    sqlx::query!(
        r#"insert into connections (id, name, created_at, qbwc_username, qbwc_password_hash, owner_id, file_id,
               expected_company_name, expected_company_file, expected_country, procore_login_url, procore_api_url,
               procore_company_id, procore_client_id, procore_client_secret, webhook_token_sha256, settings)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"#,
        new.id,
        new.name,
        new.created_at,
        new.qbwc_username,
        new.qbwc_password_hash,
        super::OWNER_ID,
        new.file_id,
        new.expected.company_name,
        new.expected.company_file,
        new.expected.country,
        new.procore_login_url,
        new.procore_api_url,
        new.procore_company_id,
        new.procore_client_id,
        new.procore_client_secret,
        new.webhook_token_sha256.as_slice(),
        Json(&new.settings) as _,
    )
    .execute(db)
    .await
    .map_err(|error| match &error {
        sqlx::Error::Database(database)
            if database.constraint() == Some("connections_procore_company_key") =>
        {
            StoreError::CompanyTaken
        }
        _ => StoreError::Database(error),
    })?;
    Ok(())
}

/// The connection with this id.
pub async fn find(db: impl PgExecutor<'_>, id: Uuid) -> Result<Option<Connection>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, name, created_at, paused_at, paused_reason, qbwc_username, owner_id, file_id, expected_company_name,
               expected_company_file, expected_country, company_file as "company_file: Json<CompanyFile>",
               guard_problem, mirror_ready, payments_watermark, payments_run_at, procore_login_url, procore_api_url,
               procore_company_id, procore_client_id, procore_client_secret, standard_cost_code_list_id,
               webhook_token_sha256, erp_requests_polled_at, erp_requests_seen_until, settings as "settings: Json<Settings>",
               last_contact_at, last_contact_state, restored_at
           from connections where id = $1"#,
        id
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(Connection::from))
}

/// All connections, by name.
pub async fn list(db: impl PgExecutor<'_>) -> Result<Vec<Connection>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id, name, created_at, paused_at, paused_reason, qbwc_username, owner_id, file_id, expected_company_name,
               expected_company_file, expected_country, company_file as "company_file: Json<CompanyFile>",
               guard_problem, mirror_ready, payments_watermark, payments_run_at, procore_login_url, procore_api_url,
               procore_company_id, procore_client_id, procore_client_secret, standard_cost_code_list_id,
               webhook_token_sha256, erp_requests_polled_at, erp_requests_seen_until, settings as "settings: Json<Settings>",
               last_contact_at, last_contact_state, restored_at
           from connections order by name, id"#
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Connection::from).collect())
}

/// Finds a connection by its id, its Web Connector user, or its name if that is unique.
pub async fn resolve(db: &sqlx::PgPool, given: &str) -> Result<Vec<Connection>, sqlx::Error> {
    if let Ok(id) = given.parse::<Uuid>() {
        return Ok(find(db, id).await?.into_iter().collect());
    }
    let all = list(db).await?;
    Ok(all
        .into_iter()
        .filter(|connection| connection.qbwc_username == given || connection.name.eq_ignore_ascii_case(given))
        .collect())
}

/// Pauses (`Some`) or resumes (`None`) a connection: its queue fills, nothing is handed out (COMP-22).
pub async fn set_paused(
    db: impl PgExecutor<'_>,
    id: Uuid,
    at: Option<DateTime<Utc>>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update connections set paused_at = $2, paused_reason = case when $2::timestamptz is not null then paused_reason end where id = $1",
        id,
        at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Replaces the Web Connector's password; the old one stops working at once.
pub async fn set_password(db: impl PgExecutor<'_>, id: Uuid, hash: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update connections set qbwc_password_hash = $2 where id = $1",
        id,
        hash
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Replaces the hash of the webhooks' `Authorization` value.
pub async fn set_webhook_token(
    db: impl PgExecutor<'_>,
    id: Uuid,
    sha256: &[u8; 32],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update connections set webhook_token_sha256 = $2 where id = $1",
        id,
        sha256.as_slice()
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Stores settings, by name; checking and remembering them is `settings::change`'s business.
pub async fn set_settings(
    db: impl PgExecutor<'_>,
    id: Uuid,
    settings: &impl Serialize,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update connections set settings = $2, metadata_stale_at = case when mirror_ready then now() end where id = $1",
        id,
        Json(settings) as _
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Stores the company's ERP cost code list.
pub async fn set_cost_code_list(db: impl PgExecutor<'_>, id: Uuid, list_id: i64) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update connections set standard_cost_code_list_id = $2 where id = $1",
        id,
        list_id
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Accepts whatever company file with the right `FileID` comes next: its name, path and year are learnt anew.
pub async fn forget_company_file(db: impl PgExecutor<'_>, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update connections set expected_company_name = null, expected_company_file = null, guard_problem = null,
             company_file = company_file - '{path, company_name, product, major_version}'::text[]
         where id = $1",
        id
    )
    .execute(db)
    .await?;
    Ok(())
}

/// When the newest cost code was made that budgets have been offered (ADV-10). `None`: no list of them was read yet.
pub async fn budget_codes_until(
    db: &mut sqlx::PgConnection,
    connection_id: Uuid,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "select budget_codes_until from connections where id = $1",
        connection_id
    )
    .fetch_one(db)
    .await
}

/// Keeps it. It never goes back.
pub async fn set_budget_codes_until(
    db: &mut sqlx::PgConnection,
    connection_id: Uuid,
    until: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update connections set budget_codes_until = greatest(budget_codes_until, $2) where id = $1",
        connection_id,
        until
    )
    .execute(db)
    .await?;
    Ok(())
}
