//! Health and metrics: is the process alive, can it work, and what an operator needs first.

use std::fmt::Write;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use metrics_exporter_prometheus::PrometheusHandle;
use sqlx::PgPool;

use crate::clock::Clock;

/// What the routes need.
#[derive(Clone)]
pub struct Checks {
    /// The database.
    pub db: PgPool,
    /// The time.
    pub clock: Clock,
    /// Counters and histograms of this process.
    pub metrics: PrometheusHandle,
}

impl std::fmt::Debug for Checks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Checks")
    }
}

/// The routes.
pub fn router(checks: Checks) -> Router {
    Router::new()
        .route("/health/live", get(|| async { "alive\n" }))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(checks)
}

async fn ready(State(checks): State<Checks>) -> Response {
    let ping =
        sqlx::query_scalar!(r#"select count(*) as "n!" from (select from connections limit 1) any_table"#)
            .fetch_one(&checks.db);
    match tokio::time::timeout(std::time::Duration::from_secs(3), ping).await {
        Ok(Ok(_)) => "ready\n".into_response(),
        Ok(Err(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "not ready");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "not ready: the database refuses\n",
            )
                .into_response()
        }
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "not ready: the database does not answer\n",
        )
            .into_response(),
    }
}

/// Prometheus text: this process's counters, and the state of the whole install from the database.
async fn metrics(State(checks): State<Checks>) -> Response {
    let mut text = checks.metrics.render();
    match gauges(&checks).await {
        Ok(gauges) => text.push_str(&gauges),
        Err(error) => tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the metrics of the install could not be read"
        ),
    }
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
        .into_response()
}

/// No names and no amounts: counts only. The queue is counted by its partial indexes.
async fn gauges(checks: &Checks) -> Result<String, sqlx::Error> {
    let now = checks.clock.now();
    let mut out = String::new();
    let contacts = sqlx::query!(
        r#"select coalesce(last_contact_state, 'never') as "state!", count(*) as "n!",
               extract(epoch from $1 - min(last_contact_at))::double precision as oldest
           from connections where paused_at is null group by 1 order by 1"#,
        now
    )
    .fetch_all(&checks.db)
    .await?;
    heading(
        &mut out,
        "plumbline_connections",
        "Connections by the state of their last contact.",
    );
    for row in &contacts {
        let _ = writeln!(out, "plumbline_connections{{state=\"{}\"}} {}", row.state, row.n);
    }
    heading(
        &mut out,
        "plumbline_last_contact_age_seconds",
        "Longest silence among the connections of a state.",
    );
    for row in &contacts {
        if let Some(oldest) = row.oldest {
            let _ = writeln!(
                out,
                "plumbline_last_contact_age_seconds{{state=\"{}\"}} {oldest:.0}",
                row.state
            );
        }
    }
    let tasks = sqlx::query!(
        r#"select status as "status!", count(*) as "n!" from tasks where status in ('waiting', 'ready', 'later', 'asked') group by 1 order by 1"#
    )
    .fetch_all(&checks.db)
    .await?;
    heading(&mut out, "plumbline_tasks", "Unfinished tasks by status.");
    for status in ["waiting", "ready", "later", "asked"] {
        let n = tasks
            .iter()
            .find(|row| row.status == status)
            .map_or(0, |row| row.n);
        let _ = writeln!(out, "plumbline_tasks{{status=\"{status}\"}} {n}");
    }
    let in_doubt = sqlx::query_scalar!(r#"select count(*) as "n!" from exchanges where state = 'in_doubt'"#)
        .fetch_one(&checks.db)
        .await?;
    heading(
        &mut out,
        "plumbline_exchanges_in_doubt",
        "Message sets whose outcome nobody knows yet.",
    );
    let _ = writeln!(out, "plumbline_exchanges_in_doubt {in_doubt}");
    let failures = sqlx::query!(
        r#"select kind as "kind!", coalesce(failure_code, 'unknown') as "code!", count(*) as "n!" from tasks where status = 'failed' group by 1, 2 order by 1, 2"#
    )
    .fetch_all(&checks.db)
    .await?;
    heading(
        &mut out,
        "plumbline_tasks_failed",
        "Failed tasks by kind and code.",
    );
    for row in failures {
        let _ = writeln!(
            out,
            "plumbline_tasks_failed{{kind=\"{}\",code=\"{}\"}} {}",
            row.kind, row.code, row.n
        );
    }
    let owed = sqlx::query!(
        r#"select status as "status!", count(*) as "n!" from writebacks where status <> 'done' group by 1"#
    )
    .fetch_all(&checks.db)
    .await?;
    heading(
        &mut out,
        "plumbline_writebacks",
        "Calls owed to Procore, and those it refused.",
    );
    for status in ["pending", "refused"] {
        let n = owed
            .iter()
            .find(|row| row.status == status)
            .map_or(0, |row| row.n);
        let _ = writeln!(out, "plumbline_writebacks{{status=\"{status}\"}} {n}");
    }
    let orders = sqlx::query_scalar!(r#"select count(*) as "n!" from erp_requests where status = 'new'"#)
        .fetch_one(&checks.db)
        .await?;
    heading(
        &mut out,
        "plumbline_erp_requests_waiting",
        "Orders of Procore's that are not planned yet.",
    );
    let _ = writeln!(out, "plumbline_erp_requests_waiting {orders}");
    let wrong =
        sqlx::query_scalar!(r#"select count(*) as "n!" from connections where guard_problem is not null"#)
            .fetch_one(&checks.db)
            .await?;
    heading(
        &mut out,
        "plumbline_connections_stopped",
        "Connections whose company file could not be opened, or is another one.",
    );
    let _ = writeln!(out, "plumbline_connections_stopped {wrong}");
    Ok(out)
}

fn heading(out: &mut String, name: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge");
}
