//! Orders: fetches the ERP requests that webhooks announced (or that polling found), plans them, and puts the tasks into
//! the queue. In order per connection: a later order never overtakes an earlier one.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use sqlx::{PgConnection, PgPool, types::Json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    aftermath,
    clients::Clients,
    metadata,
    outbox::backoff,
    wake::{self, Bells},
};
use crate::{
    clock::Clock,
    connections::{self, store::Connection},
    erp_mode::orders::{self, Known, Plan},
    links::{
        self, ItemType, ProcoreItem,
        order_numbers::{self, Reserved},
    },
    procore::{
        client::ProcoreClient,
        erp_requests,
        error::{ErrorKind, ProcoreError},
        events::{ErpEvent, ProjectCostCode},
        payment_applications, projects,
        request_details::{self, RequestDetail},
        requisitions::{self, RequisitionFacts},
    },
    tasks::{
        AnyTask, Wants,
        exports::commitment::{CommitmentExport, OrderNumber},
        lookup, queue,
        traces::{self, Traces},
    },
    writebacks::{DetailRef, Writeback, store::NewWriteback},
};

/// How long a worker has for one order before another may take it.
const LEASE: TimeDelta = TimeDelta::minutes(2);
/// Looks for orders at least this often.
const TICK: Duration = Duration::from_secs(2);
/// An order that Procore will not show is asked for this often, over some minutes: a webhook may come before its record
/// can be read, and a refusal is not always the last word.
const MOST_REFUSALS: i32 = 8;

/// What an order leaves out is asked for this often where Procore refuses it; then the order's own fields must do.
const MOST_REFUSED_FACTS: i32 = 3;

/// An order that fails for a reason of its own is given up after this many tries.
const MOST_ATTEMPTS: i32 = 20;

/// What the worker needs.
#[derive(Clone, Debug)]
pub struct Orders {
    /// The database.
    pub db: PgPool,
    /// The time.
    pub clock: Clock,
    /// Procore.
    pub clients: Clients,
}

/// An order to work on.
#[derive(Debug)]
struct Order {
    connection_id: Uuid,
    id: i64,
    attempts: i32,
    /// Earlier tries that failed for a reason of the order's own.
    own_failures: i32,
    /// Proof of the lease: whoever took the order since has another.
    lease: DateTime<Utc>,
}

impl Order {
    fn owes(&self, call: Writeback) -> NewWriteback {
        NewWriteback {
            task_id: None,
            lane: format!("order:{}", self.id),
            call,
        }
    }
}

/// Why an order could not be planned now.
#[derive(Debug, thiserror::Error)]
enum OrderError {
    #[error(transparent)]
    Procore(#[from] ProcoreError),
    #[error(transparent)]
    Client(#[from] super::clients::ClientError),
    #[error("the database refused")]
    Database(#[from] sqlx::Error),
}

impl OrderError {
    /// Nothing else of this connection would fare better.
    fn concerns_connection(&self) -> bool {
        match self {
            Self::Procore(error) => {
                error.concerns_connection()
                    || matches!(error.kind(), ErrorKind::RateLimited | ErrorKind::Unavailable)
            }
            Self::Client(_) => true,
            Self::Database(_) => false,
        }
    }
}

impl Orders {
    /// Works until told to stop.
    pub async fn run(self, bells: Bells, stop: CancellationToken) {
        loop {
            let worked = tokio::select! {
                worked = self.once() => worked,
                () = stop.cancelled() => return,
            };
            match worked {
                Ok(true) => bells.orders.notify_one(),
                Ok(false) => {
                    if !wake::wait(&bells.orders, TICK, &stop).await {
                        return;
                    }
                }
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the orders could not be worked on"
                    );
                    wake::pause(TICK, &stop).await;
                }
            }
        }
    }

    /// One order. `false`: none was due.
    pub async fn once(&self) -> Result<bool, sqlx::Error> {
        let now = self.clock.now();
        let Some(order) = self.lease(now).await? else {
            return Ok(false);
        };
        match self.work(&order).await {
            Ok(()) => {}
            Err(OrderError::Database(error)) if order.own_failures < MOST_ATTEMPTS => {
                self.later(&order, now + TimeDelta::seconds(2), 1, &error.to_string())
                    .await?;
                return Err(error);
            }
            Err(OrderError::Procore(error))
                if !error.is_transient() && !retriable(&error, order.own_failures) =>
            {
                tracing::error!(connection = %order.connection_id, erp_request = order.id, error = &error as &dyn std::error::Error, "an order cannot be read");
                self.give_up(&order, &error.to_string()).await?;
            }
            // What concerns this order alone must not hold up the later ones for ever.
            Err(error) if order.own_failures >= MOST_ATTEMPTS && !error.concerns_connection() => {
                tracing::error!(connection = %order.connection_id, erp_request = order.id, error = &error as &dyn std::error::Error, "an order is given up");
                self.give_up(&order, &error.to_string()).await?;
            }
            Err(error) => {
                let wait = match &error {
                    OrderError::Procore(error) => error
                        .retry_after()
                        .and_then(|wait| TimeDelta::from_std(wait).ok()),
                    _ => None,
                };
                // A webhook may be a moment ahead of its record; later orders wait behind it, so not for long.
                let own = match &error {
                    OrderError::Procore(error) if error.kind() == ErrorKind::NotFound => {
                        TimeDelta::seconds(5)
                    }
                    _ => backoff(order.attempts),
                };
                let at = now + wait.unwrap_or(own);
                tracing::warn!(connection = %order.connection_id, erp_request = order.id, error = &error as &dyn std::error::Error, "an order waits");
                let own = i32::from(!error.concerns_connection());
                self.later(&order, at, own, &error.to_string()).await?;
            }
        }
        Ok(true)
    }

    /// Takes the oldest order of a connection that nobody works on.
    async fn lease(&self, now: DateTime<Utc>) -> Result<Option<Order>, sqlx::Error> {
        // As precise as PostgreSQL keeps it.
        let until = (now + LEASE).trunc_subsecs(6);
        // From connection to connection along the index: of one with a backlog, only the first order is looked at.
        let row = sqlx::query!(
            r#"with recursive waiting as (
                   (select connection_id, erp_request_id from erp_requests where status = 'new'
                    order by connection_id, erp_request_id limit 1)
                   union all
                   select next.connection_id, next.erp_request_id from waiting cross join lateral (
                       select e.connection_id, e.erp_request_id from erp_requests e
                       where e.status = 'new' and e.connection_id > waiting.connection_id
                       order by e.connection_id, e.erp_request_id limit 1) next
               )
               update erp_requests r set leased_until = $2, attempts = r.attempts + 1
               from (
                   select e.connection_id, e.erp_request_id from waiting
                   join erp_requests e using (connection_id, erp_request_id)
                   where e.status = 'new' and e.not_before <= $1 and (e.leased_until is null or e.leased_until < $1)
                   order by e.not_before limit 1 for update of e skip locked
               ) next
               where r.connection_id = next.connection_id and r.erp_request_id = next.erp_request_id
               returning r.connection_id, r.erp_request_id, r.attempts, r.own_failures"#,
            now,
            until,
        )
        .fetch_optional(&self.db)
        .await?;
        Ok(row.map(|row| Order {
            connection_id: row.connection_id,
            id: row.erp_request_id,
            attempts: row.attempts,
            own_failures: row.own_failures,
            lease: until,
        }))
    }

    async fn work(&self, order: &Order) -> Result<(), OrderError> {
        let Some(connection) = connections::store::find(&self.db, order.connection_id).await? else {
            return Ok(());
        };
        let client = self.clients.of(&connection)?;
        let request = erp_requests::get(&client, order.id).await?;
        let event = orders::read(&request.request_name, &request.payload, &connection.settings);
        let patient = order.own_failures + 1 < MOST_REFUSED_FACTS;
        let mut plan = match event {
            Err(error) => orders::refuse(&error),
            Ok(mut event) => {
                complete_job(&client, &mut event, patient).await?;
                complete_owner_invoice(&client, &mut event, patient).await?;
                let details = self
                    .requisition_facts(&client, &connection, &event, patient)
                    .await?;
                let known = Known {
                    company_id: connection.procore_company_id,
                    requisition_details: &details,
                    payments_watermark: connection.payments_watermark.as_deref(),
                };
                orders::plan(event, &known)
            }
        };
        let carried_out = match connection.restored_lately(self.clock.now()) {
            Some(at) if aftermath::may_be_answered(request.created_at, at) => {
                aftermath::reconcile(&client, &mut plan, patient).await?
            }
            _ => Vec::new(),
        };
        if plan.send_metadata {
            // The order is answered by the document; if it cannot be sent now, the schedule sends it. Later orders go on.
            if let Err(error) = metadata::send(&self.db, &client, &connection).await {
                tracing::warn!(connection = %connection.id, error = &error as &dyn std::error::Error, "the ERP metadata could not be sent; trying again");
                sqlx::query!(
                    "update connections set metadata_stale_at = $2 where id = $1",
                    connection.id,
                    self.clock.now()
                )
                .execute(&self.db)
                .await?;
            }
        }
        self.store(
            order,
            &connection,
            (&request.request_name, &request.payload),
            plan,
            &carried_out,
        )
        .await?;
        Ok(())
    }

    /// What the ordinary API knows of subcontractor invoices beyond the order. One that cannot be read, not even by the
    /// `patient`, is left to the order's own figures.
    async fn requisition_facts(
        &self,
        client: &ProcoreClient,
        connection: &Connection,
        event: &ErpEvent,
        patient: bool,
    ) -> Result<HashMap<i64, RequisitionFacts>, OrderError> {
        let ErpEvent::CreateRequisitions(orders) = event else {
            return Ok(HashMap::new());
        };
        let jobs: Vec<String> = orders
            .iter()
            .flatten()
            .filter_map(|order| order.job_origin_id.clone())
            .collect();
        let mut db = self.db.acquire().await?;
        let wants = Wants {
            linked_ids: jobs,
            ..Wants::default()
        };
        let links = lookup::look_up(&mut db, connection.id, [wants]).await?.links;
        drop(db);
        let mut facts = HashMap::new();
        for order in orders.iter().flatten() {
            let project = links.iter().find(|link| {
                link.item.item_type == ItemType::Project
                    && Some(&link.quickbooks_id) == order.job_origin_id.as_ref()
            });
            let Some(project) = project else { continue };
            match requisitions::show(client, project.item.id, order.id).await {
                Ok(found) => {
                    facts.insert(order.id, found);
                }
                Err(error) if patient || error.is_transient() => return Err(error.into()),
                Err(error) => {
                    tracing::warn!(
                        requisition = order.id,
                        error = &error as &dyn std::error::Error,
                        "an invoice cannot be read; using the order's figures"
                    );
                }
            }
        }
        Ok(facts)
    }

    /// The order, its tasks, links and immediate answers, in one transaction.
    async fn store(
        &self,
        order: &Order,
        connection: &Connection,
        (name, data): (&str, &serde_json::Value),
        mut plan: Plan,
        carried_out: &[String],
    ) -> Result<(), sqlx::Error> {
        let now = self.clock.now();
        let id = order.connection_id;
        let mut transaction = self.db.begin().await?;
        queue::one_at_a_time(&mut transaction, id).await?;
        let ours = sqlx::query_scalar!(
            r#"select leased_until = $3 and status = 'new' as "ours!" from erp_requests
               where connection_id = $1 and erp_request_id = $2 for update"#,
            id,
            order.id,
            order.lease,
        )
        .fetch_optional(&mut *transaction)
        .await?;
        if ours != Some(true) {
            // It took too long, and another worker has it now.
            return Ok(());
        }
        if connection.settings.shorten_purchase_order_numbers {
            let with_procore_number = connection.settings.use_procore_contract_number;
            for task in &mut plan.tasks {
                if let AnyTask::Commitment(export) = &mut task.task {
                    find_number(&mut transaction, id, export, with_procore_number).await?;
                }
            }
        }
        let owe = |call| order.owes(call);
        let mut traces = Traces {
            links: plan.links,
            owed: plan.writebacks.into_iter().map(owe).collect(),
            ..Traces::default()
        };
        let mut problems = Vec::new();
        for rejection in plan.rejections {
            problems.extend(rejection.messages.clone());
            if let Some(detail) = rejection.detail {
                traces.owed.push(owe(Writeback::CloseDetail {
                    detail,
                    succeeded: false,
                    messages: rejection.messages,
                }));
            }
        }
        traces::store(&mut transaction, id, now, &traces).await?;
        links::store::remove(&mut transaction, id, &plan.unlinks).await?;
        let tasks: Vec<queue::NewTask> = plan
            .tasks
            .into_iter()
            .map(|task| task.into_new_task(Some(order.id)))
            .collect();
        if !traces.links.is_empty() {
            queue::free_linked(&mut transaction, id).await?;
        }
        queue::enqueue(&mut transaction, id, now, &tasks).await?;
        if !carried_out.is_empty() {
            queue::carried_out(&mut transaction, id, order.id, carried_out).await?;
        }
        let problem = (!problems.is_empty()).then(|| problems.join(" "));
        sqlx::query!(
            r#"update erp_requests set status = 'planned', request_name = $3, request_data = $4, planned_at = $5,
                   leased_until = null, problem = $6
               where connection_id = $1 and erp_request_id = $2"#,
            id,
            order.id,
            name,
            Json(data) as _,
            now,
            problem,
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        metrics::counter!("plumbline_orders_total", "name" => name.chars().take(60).collect::<String>())
            .increment(1);
        Ok(())
    }

    /// The order waits until then; `own` counts this failure as the order's own.
    async fn later(
        &self,
        order: &Order,
        at: DateTime<Utc>,
        own: i32,
        problem: &str,
    ) -> Result<(), sqlx::Error> {
        sqlx::query!(
            r#"update erp_requests set not_before = $3, leased_until = null, problem = $4, own_failures = own_failures + $5
               where connection_id = $1 and erp_request_id = $2"#,
            order.connection_id,
            order.id,
            at,
            problem,
            own,
        )
        .execute(&self.db)
        .await?;
        Ok(())
    }

    /// Gives an order up. Whoever waits for it in Procore reads why, and his button is free again.
    async fn give_up(&self, order: &Order, problem: &str) -> Result<(), sqlx::Error> {
        let details = match self.open_details(order).await {
            Ok(details) => details,
            // Not now: then it is not given up now either.
            Err(error) if error.is_transient() => {
                let at = self.clock.now() + backoff(order.attempts);
                return self.later(order, at, 0, problem).await;
            }
            Err(error) => {
                tracing::error!(connection = %order.connection_id, erp_request = order.id, error = &error as &dyn std::error::Error, "the request details of an order that is given up stay open");
                Vec::new()
            }
        };
        let owed = details
            .into_iter()
            .map(|id| {
                order.owes(Writeback::CloseDetail {
                    detail: DetailRef::Id(id),
                    succeeded: false,
                    messages: vec![format!(
                        "Plumbline could not read this export. Nothing was sent to QuickBooks. {problem} Export it again."
                    )],
                })
            })
            .collect();
        let traces = Traces {
            owed,
            ..Traces::default()
        };
        let mut transaction = self.db.begin().await?;
        let given_up = sqlx::query!(
            r#"update erp_requests set status = 'failed', leased_until = null, problem = $3
               where connection_id = $1 and erp_request_id = $2 and status = 'new' and leased_until = $4"#,
            order.connection_id,
            order.id,
            problem,
            order.lease,
        )
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        if given_up == 1 {
            traces::store(&mut transaction, order.connection_id, self.clock.now(), &traces).await?;
        }
        transaction.commit().await
    }

    async fn open_details(&self, order: &Order) -> Result<Vec<i64>, ProcoreError> {
        let unknown = |error: &dyn std::error::Error| {
            ProcoreError::new(ErrorKind::Unreachable, "look for the details of an order")
                .with_message(error.to_string())
        };
        let connection = connections::store::find(&self.db, order.connection_id)
            .await
            .map_err(|error| unknown(&error))?;
        let Some(connection) = connection else {
            return Ok(Vec::new());
        };
        let client = self.clients.of(&connection).map_err(|error| unknown(&error))?;
        let details = request_details::find_by_order(&client, order.id).await?;
        Ok(details
            .into_iter()
            .filter(RequestDetail::is_open)
            .map(|detail| detail.id)
            .collect())
    }
}

/// LOVE-17: finds the short number of a commitment whose own is too long.
async fn find_number(
    db: &mut PgConnection,
    connection_id: Uuid,
    export: &mut CommitmentExport,
    with_procore_number: bool,
) -> Result<(), sqlx::Error> {
    let Some(of) = export.full_number(with_procore_number) else {
        return Ok(());
    };
    let item = ProcoreItem::new(export.item_type, export.procore_id);
    let short = match order_numbers::reserve(db, connection_id, item, &of).await? {
        Reserved::Fits => return Ok(()),
        Reserved::Short(short) => Ok(short),
        Reserved::Taken(other) => Err(format!(
            "its QuickBooks Desktop ID \"{of}\" stands for the longer number {other} of another commitment already. Type another \
             QuickBooks Desktop ID for it in the ERP Integrations tool, then export it again."
        )),
        Reserved::Exhausted => Err(format!(
            "every short number like its QuickBooks Desktop ID \"{of}\" is taken. Type a shorter QuickBooks Desktop ID for it in the \
             ERP Integrations tool, then export it again."
        )),
    };
    export.number = Some(OrderNumber { of, short });
    Ok(())
}

/// The order of a job names neither its number nor, where a code is not in QuickBooks yet, the standard code to wait for
/// (COD-09); the ordinary API does. What cannot be read, not even by the `patient`, is left to the order's own fields.
async fn complete_job(
    client: &ProcoreClient,
    event: &mut ErpEvent,
    patient: bool,
) -> Result<(), ProcoreError> {
    let ErpEvent::CreateOrUpdateJob(job) = event else {
        return Ok(());
    };
    let id = job.id;
    if job.project_number.is_none() {
        job.project_number = known(id, patient, projects::number(client, id).await)?.flatten();
    }
    let unknown = |code: &ProjectCostCode| {
        code.standard_cost_code_id.is_none()
            && code.standard_cost_code_origin_id.is_none()
            && !code.is_deleted
    };
    if job.cost_codes.iter().any(unknown)
        && let Some(standard) = known(id, patient, projects::standard_codes(client, id).await)?
    {
        for code in job.cost_codes.iter_mut().filter(|code| unknown(code)) {
            code.standard_cost_code_id = standard.get(&code.id).copied();
        }
    }
    Ok(())
}

/// The order of an owner invoice names neither its project nor the cost codes of its lines; the ordinary API does. What
/// cannot be read, not even by the `patient`, is left to the order's own fields.
async fn complete_owner_invoice(
    client: &ProcoreClient,
    event: &mut ErpEvent,
    patient: bool,
) -> Result<(), ProcoreError> {
    let ErpEvent::CreatePaymentApplication(order) = event else {
        return Ok(());
    };
    let facts = match payment_applications::find(client, order).await {
        Ok(facts) => facts,
        Err(error) if patient || error.is_transient() => return Err(error),
        Err(error) => {
            tracing::warn!(
                payment_application = order.id,
                error = &error as &dyn std::error::Error,
                "an owner invoice cannot be read; using the order's fields"
            );
            None
        }
    };
    let Some(mut facts) = facts else { return Ok(()) };
    order.project_id = Some(facts.project_id);
    order.current_payment_due = facts.current_payment_due.or(order.current_payment_due);
    for line in order.lines.iter_mut().filter(|line| line.cost_code.is_none()) {
        line.cost_code = facts.codes.remove(&line.id);
    }
    Ok(())
}

/// What was read; nothing where a project will not be read however often it is tried.
fn known<T>(project: i64, patient: bool, read: Result<T, ProcoreError>) -> Result<Option<T>, ProcoreError> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(error) if patient || error.is_transient() => Err(error),
        Err(error) => {
            tracing::warn!(
                project,
                error = &error as &dyn std::error::Error,
                "a project cannot be read; using the order's fields"
            );
            Ok(None)
        }
    }
}

/// Not every "no" is the last word: an order may be announced before it can be read, a right be given back, an app be
/// installed again.
fn retriable(error: &ProcoreError, own_failures: i32) -> bool {
    error.concerns_connection() || own_failures + 1 < MOST_REFUSALS
}
