//! `plumbline unlink`: forget that a Procore record is in QuickBooks, once it is gone there. Procore's own button does the
//! same for commitments; for invoices it has none (QBD-32).

use std::time::Duration;

use clap::{Args, ValueEnum};
use sqlx::PgPool;
use uuid::Uuid;

use super::{open, resolve, wait::wait};
use crate::{
    clock::Clock,
    config::Storage,
    connections::store::Connection,
    erp_mode::priorities,
    links::{ItemType, ProcoreItem},
    tasks::{
        queue::{self, NewTask},
        unlink::Unlink,
    },
};

/// What can be unlinked by command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// A subcontract or purchase order; its QuickBooks purchase order must be deleted first.
    Commitment,
    /// A subcontractor invoice; its bill must be deleted first.
    Invoice,
}

/// Arguments of `plumbline unlink`.
#[derive(Args, Debug)]
pub struct UnlinkArgs {
    /// The connection (id, Web Connector user, or name).
    connection: String,
    /// What it is.
    what: What,
    /// Its id in Procore: the last number of its page's address.
    id: i64,
    /// Wait so many seconds for the Web Connector; the question is asked all the same.
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    wait: u64,
}

impl UnlinkArgs {
    /// Asks QuickBooks, waits, and tells what came of it. An error if the record is still there.
    pub async fn run(&self, storage: &Storage) -> anyhow::Result<()> {
        let database = open(storage).await?;
        let connection = resolve(&database.pool, &self.connection).await;
        let outcome = match connection {
            Ok(connection) => self.on(&database.pool, &connection).await,
            Err(error) => Err(error),
        };
        database.close().await;
        outcome
    }

    async fn on(&self, db: &PgPool, connection: &Connection) -> anyhow::Result<()> {
        let task = begin(db, connection, &Clock::System, self.what, self.id).await?;
        println!("{}", wait(db, task, Duration::from_secs(self.wait)).await?);
        Ok(())
    }
}

/// Puts the question into the queue, behind whatever else is asked for about the record.
pub async fn begin(
    db: &PgPool,
    connection: &Connection,
    clock: &Clock,
    what: What,
    id: i64,
) -> Result<Uuid, sqlx::Error> {
    let (word, unlink, priority) = match what {
        What::Commitment => {
            let kinds = [ItemType::WorkOrderContract, ItemType::PurchaseOrderContract];
            let items = kinds.map(|kind| ProcoreItem::new(kind, id)).to_vec();
            (
                "commitment",
                Unlink::commitment(items, None),
                priorities::COMMITMENT,
            )
        }
        What::Invoice => ("requisition", Unlink::requisition(id, None), priorities::INVOICE),
    };
    let task = NewTask {
        subject: format!("{word}:{id}"),
        label: format!(
            "Unlinking the {} with Procore's id {id}",
            match what {
                What::Commitment => "commitment",
                What::Invoice => "invoice",
            }
        ),
        task: unlink.into(),
        detail: None,
        erp_request_id: None,
        needs: Vec::new(),
        priority,
    };
    let mut transaction = db.begin().await?;
    let ids = queue::enqueue(&mut transaction, connection.id, clock.now(), &[task]).await?;
    transaction.commit().await?;
    Ok(ids.first().copied().unwrap_or_default())
}
