//! Keeps the ERP metadata document in Procore true to the company file: what can be chosen at export (vendor types,
//! accounts, customers) is read from QuickBooks, so the document is sent again when those lists have changed.

use sqlx::PgPool;

use crate::{
    connections::{settings::JobPlacement, store::Connection},
    mirror::{ListKind, store},
    procore::{
        client::ProcoreClient,
        erp_connection,
        error::ProcoreError,
        metadata::{self, Choice, Contents},
    },
};

/// Most customers offered; `plumbline settings customers` finds the others.
const MOST_CUSTOMERS: i64 = 5_000;

/// Why the document was not sent.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// Procore.
    #[error(transparent)]
    Procore(#[from] ProcoreError),
    /// The database.
    #[error("the database refused")]
    Database(#[from] sqlx::Error),
}

/// Sends the document with what can be chosen now.
pub async fn send(db: &PgPool, client: &ProcoreClient, connection: &Connection) -> Result<(), MetadataError> {
    let seen = sqlx::query_scalar!(
        "select metadata_stale_at from connections where id = $1",
        connection.id
    )
    .fetch_optional(db)
    .await?
    .flatten();
    let contents = contents(db, connection).await?;
    erp_connection::update(client, None, &metadata::document(&contents)).await?;
    // Only if nothing has changed meanwhile.
    sqlx::query!(
        "update connections set metadata_stale_at = null where id = $1 and metadata_stale_at = $2",
        connection.id,
        seen,
    )
    .execute(db)
    .await?;
    Ok(())
}

async fn contents(db: &PgPool, connection: &Connection) -> Result<Contents, sqlx::Error> {
    let id = connection.id;
    let offered = |choices: Vec<store::Choice>| -> Vec<Choice> {
        choices
            .into_iter()
            .map(|choice| Choice {
                origin_id: choice.list_id,
                label: choice.full_name,
            })
            .collect()
    };
    let expense = ["Expense", "CostOfGoodsSold", "OtherExpense"];
    Ok(Contents {
        use_procore_contract_number: connection.settings.use_procore_contract_number,
        shorten_purchase_order_numbers: connection.settings.shorten_purchase_order_numbers,
        choose_customer: connection.settings.job_placement == JobPlacement::UnderCustomer,
        sync_payments: connection.company_file.country.is_empty()
            || connection.company_file.is_us()
            || connection.settings.payments_outside_us,
        payments_from_procore: connection.settings.payments_from_procore,
        owner_invoices: connection.settings.owner_invoices,
        prime_contract_change_orders: connection.settings.prime_contract_change_orders,
        prime_contract_import: connection.settings.prime_contract_import,
        budget_import: connection.settings.budget_import,
        sub_jobs: connection.settings.sub_jobs,
        vendor_types: offered(store::choices(db, id, ListKind::VendorType, &[]).await?),
        income_accounts: offered(
            store::choices(db, id, ListKind::Account, &["Income", "OtherIncome"]).await?,
        ),
        expense_accounts: offered(store::choices(db, id, ListKind::Account, &expense).await?),
        customers: offered(store::customers(db, id, "", MOST_CUSTOMERS).await?),
    })
}
