//! What stands before every handler: the trace, ordered faults, tokens, rate limits and the company header.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, ReadBuf};

use crate::{
    call::{BODY_LIMIT, Caller, Params, int_of},
    clock::stamp,
    control, erp,
    errors::{ApiError, put_header},
    faults::{self, Fault, FaultKind},
    oauth,
    rate_limit::Reading,
    rest,
    sim::Sim,
    store::World,
    trace, webhooks,
};

/// The text of a 429, for both windows.
pub(crate) const RATE_LIMIT_TEXT: &str =
    "You have surpassed the max number of requests for an hour. Please wait until your limit resets.";

const MISSING_COMPANY_TEXT: &str = "Missing Procore-Company-Id header!\n\nEach call your application makes to the Procore API must contain a request header that includes the Procore-Company-Id field.\nThis request header field specifies the id of the company into which you are making the call.";

/// All hosts behind one gate.
pub(crate) fn router(sim: &Arc<Sim>) -> Router {
    Router::new()
        .merge(oauth::routes())
        .merge(rest::routes())
        .merge(erp::routes())
        .merge(webhooks::hooks::routes())
        .merge(webhooks::hooks_v1::routes())
        .merge(control::routes())
        .fallback(|| async { ApiError::not_found() })
        .method_not_allowed_fallback(|| async {
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
        })
        .layer(middleware::from_fn_with_state(Arc::clone(sim), pass))
        .with_state(Arc::clone(sim))
}

async fn pass(State(sim): State<Arc<Sim>>, request: Request, next: Next) -> Response {
    // Looking at the stand-in is not part of what it is looked at for.
    let looks = request.method() == Method::GET && request.uri().path().starts_with("/control");
    let serial = sim.trace.as_ref().filter(|_| !looks).map(trace::Trace::next);
    let began = sim.world().now();
    let (mut parts, body) = request.into_parts();
    let method = parts.method.clone();
    let path = parts.uri.path().to_owned();
    let uri = parts.uri.to_string();
    let request_headers = parts.headers.clone();
    let Ok(sent) = to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };

    let is_api = path.starts_with("/rest/");
    let fault = if path.starts_with("/control") {
        None
    } else {
        faults::take(&mut sim.world().faults, &method, &path)
    };
    let mut reading = None;
    let answered = match fault.as_ref().map(|fault| fault.kind) {
        Some(FaultKind::Status) => Err(ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "")),
        Some(FaultKind::ResetBefore) => Ok(()),
        other => {
            if other == Some(FaultKind::Slow) {
                tokio::time::sleep(Duration::from_millis(
                    fault.as_ref().map_or(0, |fault| fault.delay_ms),
                ))
                .await;
            }
            if is_api {
                let admitted = admit(&mut sim.world(), &parts.headers, &parts.uri, &sent, &mut reading);
                admitted.map(|caller| {
                    parts.extensions.insert(caller);
                })
            } else {
                Ok(())
            }
        }
    };

    let mut response = match (&fault, answered) {
        (Some(fault), _) if fault.kind == FaultKind::Status => {
            reading = reading.or_else(|| is_api.then(|| glance(&mut sim.world(), &parts.headers)));
            let mut response = fault.error().into_response();
            if let Some(seconds) = fault.retry_after {
                put_header(&mut response, "retry-after", &seconds.to_string());
            }
            response
        }
        (Some(fault), _) if fault.kind == FaultKind::ResetBefore => StatusCode::OK.into_response(),
        (_, Err(error)) => error.into_response(),
        (fault, Ok(())) => {
            let response = next
                .run(Request::from_parts(parts, Body::from(sent.clone())))
                .await;
            sim.changed();
            match fault {
                Some(fault) if fault.kind == FaultKind::StatusAfter => fault.error().into_response(),
                _ => response,
            }
        }
    };

    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        let turn = next_turn(&mut sim.world());
        let mut drawn = error.render(&path, turn);
        for (name, value) in response.headers() {
            if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
                drawn.headers_mut().insert(name.clone(), value.clone());
            }
        }
        response = drawn;
    }
    finish(&sim, &path, reading, &mut response);

    let (head, body) = response.into_parts();
    let given = to_bytes(body, BODY_LIMIT).await.unwrap_or_default();
    if let (Some(trace), Some(serial)) = (&sim.trace, serial) {
        let exchange = json!({
            "serial": serial,
            "direction": "in",
            "at": stamp(began),
            "method": method.as_str(),
            "uri": uri,
            "request_headers": trace::headers(&request_headers),
            "request_body": trace::body(&sent),
            "fault": fault,
            "status": head.status.as_u16(),
            "response_headers": trace::headers(&head.headers),
            "response_body": trace::body(&given),
        });
        trace.write(serial, &trace::name_of(&method, &path), &exchange);
    }
    match fault.map(|fault: Fault| fault.kind) {
        Some(FaultKind::Reset) => cut(head, &given, given.len() / 2),
        Some(FaultKind::ResetBefore) => cut(head, &given, 0),
        _ => Response::from_parts(head, Body::from(given)),
    }
}

fn next_turn(world: &mut World) -> usize {
    if !world.settings.rotate_error_shapes {
        return 0;
    }
    world.error_turn += 1;
    world.error_turn - 1
}

/// Adds what every API answer carries.
fn finish(sim: &Sim, path: &str, reading: Option<Reading>, response: &mut Response) {
    if !path.starts_with("/rest/") {
        return;
    }
    put_header(response, "x-request-id", &uuid::Uuid::new_v4().to_string());
    let world = sim.world();
    let reading = reading.unwrap_or_else(|| {
        let limit = world.settings.spike_limit;
        Reading {
            limit,
            remaining: limit,
            reset: world.now().timestamp() + 10,
            exceeded: false,
        }
    });
    put_header(response, "x-rate-limit-limit", &reading.limit.to_string());
    put_header(response, "x-rate-limit-remaining", &reading.remaining.to_string());
    put_header(response, "x-rate-limit-reset", &reading.reset.to_string());
    if reading.exceeded && world.settings.retry_after_on_429 {
        let seconds = (reading.reset - world.now().timestamp()).max(1);
        put_header(response, "retry-after", &seconds.to_string());
    }
}

/// The limits of the caller a fault kept from being looked at properly.
fn glance(world: &mut World, headers: &HeaderMap) -> Reading {
    let (now, spike, hourly) = (
        world.now(),
        world.settings.spike_limit,
        world.settings.hourly_limit,
    );
    let client = oauth::bearer(headers)
        .and_then(|token| oauth::valid(world, token))
        .map(|token| token.client_id.clone());
    client
        .and_then(|client| world.apps.get_mut(&client))
        .map(|app| app.limits.count(now, spike, hourly))
        .map_or(
            Reading {
                limit: spike,
                remaining: spike,
                reset: now.timestamp() + 10,
                exceeded: false,
            },
            |reading| Reading {
                exceeded: false,
                ..reading
            },
        )
}

/// Lets a call in, or says why not. `reading` is set as soon as the caller's limits are known.
fn admit(
    world: &mut World,
    headers: &HeaderMap,
    uri: &axum::http::Uri,
    body: &Bytes,
    reading: &mut Option<Reading>,
) -> Result<Caller, ApiError> {
    let path = uri.path();
    let invalid = || ApiError::new(StatusCode::UNAUTHORIZED, "The access token is invalid");
    let Some(token) = oauth::bearer(headers) else {
        world.violation(None, "token_missing", path);
        return Err(invalid());
    };
    let Some(client_id) = oauth::valid(world, token).map(|token| token.client_id.clone()) else {
        if !world.tokens.contains_key(token) {
            world.violation(None, "token_unknown", path);
        }
        return Err(invalid());
    };
    let (now, spike, hourly) = (
        world.now(),
        world.settings.spike_limit,
        world.settings.hourly_limit,
    );
    let app = world.apps.get_mut(&client_id).ok_or_else(invalid)?;
    let counted = app.limits.count(now, spike, hourly);
    *reading = Some(counted);
    let installed = app.companies.clone();
    let header = headers
        .get("procore-company-id")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.trim().parse::<i64>().ok());
    if counted.exceeded {
        world.violation(header, "over_limit", path);
        return Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, RATE_LIMIT_TEXT));
    }
    // Client-credentials tokens need the header even for /me and /companies.
    let Some(company) = header else {
        world.violation(installed.first().copied(), "company_header_missing", path);
        let status = StatusCode::from_u16(world.settings.missing_company_header_status);
        return Err(ApiError::new(
            status.unwrap_or(StatusCode::BAD_REQUEST),
            MISSING_COMPANY_TEXT,
        ));
    };
    if !installed.contains(&company) || !world.companies.contains_key(&company) {
        let body = json!({"errors": ["App is not connected to this company."]});
        return Err(ApiError::verbatim(StatusCode::FORBIDDEN, body));
    }
    if let Some(named) = companies_named(uri, body).find(|named| *named != company) {
        world.violation(
            Some(company),
            "company_mismatch",
            format!("{path} names company {named}"),
        );
        let status = StatusCode::from_u16(world.settings.company_mismatch_status);
        return Err(ApiError::new(
            status.unwrap_or(StatusCode::FORBIDDEN),
            "Access denied",
        ));
    }
    Ok(Caller { client_id, company })
}

/// Every company a call names beside its header: in the path, the query and the top of the body.
fn companies_named(uri: &axum::http::Uri, body: &Bytes) -> impl Iterator<Item = i64> {
    let mut segments = uri.path().split('/');
    let in_path = segments
        .find(|segment| *segment == "companies")
        .and_then(|_| segments.next()?.parse().ok());
    let in_query = Params::of(uri).int("company_id");
    let in_body = serde_json::from_slice::<Value>(body)
        .ok()
        .and_then(|body| int_of(body.get("company_id")?));
    [in_path, in_query, in_body].into_iter().flatten()
}

/// The answer whose connection breaks after `keep` bytes although more were announced.
fn cut(mut head: axum::http::response::Parts, given: &Bytes, keep: usize) -> Response {
    head.headers
        .insert(header::CONTENT_LENGTH, (given.len().max(1)).into());
    let stream = tokio_util::io::ReaderStream::new(Cut {
        rest: given.slice(..keep),
    });
    Response::from_parts(head, Body::from_stream(stream))
}

/// Yields what it holds and then breaks.
struct Cut {
    rest: Bytes,
}

impl AsyncRead for Cut {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.rest.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let count = self.rest.len().min(buffer.remaining());
        buffer.put_slice(&self.rest.split_to(count));
        Poll::Ready(Ok(()))
    }
}
