//! Puts the parts together: the two doors, health and metrics on one listener, and the workers beside them.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{Extension, Router, extract::Request, http::StatusCode, middleware::Next, response::Response};
use chrono::TimeDelta;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
};

use crate::{
    clock::Clock,
    config::Serving,
    health,
    peer::TrustForwardedFor,
    procore_webhooks,
    secrets::Vault,
    web_connector::{routes, service::WebConnector},
    workers::{clients::Clients, maintenance, orders::Orders, outbox::Outbox, schedule::Schedule, wake},
};

/// Workers of each kind per process.
const WORKERS: usize = 4;
/// How long requests under way may take to finish after the signal to stop.
const GRACE: Duration = Duration::from_secs(20);

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}; choose another with --listen or PLUMBLINE_LISTEN")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The HTTP client.
    #[error("the HTTP client could not be made")]
    Http(#[from] reqwest::Error),
}

/// What the service is started with.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The database.
    pub db: PgPool,
    /// Opens stored secrets.
    pub vault: Vault,
    /// The time.
    pub clock: Clock,
    /// How it is reached.
    pub serving: Serving,
}

/// The service, running.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// The Web Connector's service.
    pub web_connector: Arc<WebConnector>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// The metrics of this process; installed once, whatever is started in it.
pub fn metrics() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let recorder = PrometheusBuilder::new()
                .set_buckets(&[
                    0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
                ])
                .unwrap_or_else(|_| PrometheusBuilder::new())
                .build_recorder();
            let handle = recorder.handle();
            // A second recorder in one process means a second library; ours then counts for nothing, which is harmless.
            let _ = metrics::set_global_recorder(recorder);
            handle
        })
        .clone()
}

/// All routes.
pub fn router(parts: &Parts, web_connector: &Arc<WebConnector>) -> Router {
    let quickbooks = routes::router(routes::Door {
        service: Arc::clone(web_connector),
        body_limit: parts.serving.body_limit.saturating_mul(1024 * 1024),
        public_url: Arc::from(parts.serving.public_url.as_str()),
    });
    let procore = procore_webhooks::router(procore_webhooks::Door {
        db: parts.db.clone(),
        clock: parts.clock.clone(),
    });
    let health = health::router(health::Checks {
        db: parts.db.clone(),
        clock: parts.clock.clone(),
        metrics: metrics(),
    });
    let router = Router::new()
        .merge(quickbooks)
        .merge(procore)
        .merge(health)
        .fallback(|| async { (StatusCode::NOT_FOUND, "not found\n") })
        .layer(CatchPanicLayer::new())
        .layer(axum::middleware::from_fn(trace))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid));
    if parts.serving.trust_forwarded_for {
        router.layer(Extension(TrustForwardedFor))
    } else {
        router
    }
}

/// One span per request; without headers and bodies, which hold secrets and people's records.
async fn trace(request: Request, next: Next) -> Response {
    use tracing::Instrument;
    let id = request
        .headers()
        .get("x-request-id")
        .and_then(|id| id.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let span = tracing::info_span!("request", method = %request.method(), path = request.uri().path(), id);
    next.run(request).instrument(span).await
}

/// Starts listening and working.
pub async fn start(parts: Parts) -> Result<Running, StartError> {
    let address = parts.serving.listen;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| StartError::Listen { address, source })?;
    let address = listener.local_addr().unwrap_or(address);
    let web_connector = Arc::new(WebConnector::new(
        parts.db.clone(),
        parts.clock.clone(),
        TimeDelta::seconds(i64::from(parts.serving.session_lease)),
    ));
    let router = router(&parts, &web_connector);
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();

    let server_stop = stop.clone();
    tasks.spawn(async move {
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
            // Small answers to a client that waits for each of them.
            let _ = stream.set_nodelay(true);
        });
        let served = axum::serve(listener, service)
            .with_graceful_shutdown(async move { server_stop.cancelled().await })
            .await;
        if let Err(error) = served {
            tracing::error!(%error, "the server stopped");
        }
    });

    let clients = Clients::new(
        crate::procore::client::http_client()?,
        parts.vault.clone(),
        parts.clock.clone(),
    );
    let bells = wake::Bells::default();
    tasks.spawn(wake::listen(parts.db.clone(), bells.clone(), stop.clone()));
    for _ in 0..WORKERS {
        let orders = Orders {
            db: parts.db.clone(),
            clock: parts.clock.clone(),
            clients: clients.clone(),
        };
        tasks.spawn(orders.run(bells.clone(), stop.clone()));
        let outbox = Outbox {
            db: parts.db.clone(),
            clock: parts.clock.clone(),
            clients: clients.clone(),
        };
        tasks.spawn(outbox.run(bells.clone(), stop.clone()));
    }
    let schedule = Schedule {
        db: parts.db.clone(),
        clock: parts.clock.clone(),
        clients,
        poll_every: TimeDelta::seconds(i64::from(parts.serving.poll_every)),
    };
    tasks.spawn(schedule.run(stop.clone()));
    tasks.spawn(maintenance::contacts(Arc::clone(&web_connector), stop.clone()));
    let keep = TimeDelta::days(i64::from(parts.serving.keep_days.max(1)));
    tasks.spawn(maintenance::prune(
        parts.db.clone(),
        parts.clock.clone(),
        keep,
        stop.clone(),
    ));
    tasks.close();
    Ok(Running {
        address,
        web_connector,
        stop,
        tasks,
    })
}

impl Running {
    /// Finishes what is being answered, lets the workers finish their batch, and nothing more.
    pub async fn stop(self) {
        self.stop.cancel();
        if tokio::time::timeout(GRACE, self.tasks.wait()).await.is_err() {
            tracing::warn!("stopped with requests still under way; nothing is lost, they are repeated");
        }
        if let Err(error) = self.web_connector.flush_contacts().await {
            tracing::debug!(%error, "last contacts not written");
        }
    }
}
