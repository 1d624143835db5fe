//! The Web Connector's HTTP routes. No compression, no redirects, no HTML errors in front of them (qbwc-protocol.md §1).

use std::{net::IpAddr, sync::Arc, time::Instant};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use http_body_util::BodyExt;

use super::{
    service::WebConnector,
    soap::{self, Call, Reply, SoapError},
};
use crate::peer::Peer;

const WSDL: &str = include_str!("../../wsdl/qbwc.wsdl");
const XML: &str = "text/xml; charset=utf-8";

/// What the routes need.
#[derive(Clone, Debug)]
pub struct Door {
    /// The service.
    pub service: Arc<WebConnector>,
    /// Largest request body, in bytes.
    pub body_limit: usize,
    /// The address the WSDL names.
    pub public_url: Arc<str>,
}

/// The routes.
pub fn router(door: Door) -> Router {
    Router::new()
        .route("/qbwc", get(show).post(call))
        .route("/qbwc/support", get(support))
        .with_state(door)
}

/// `GET` and `HEAD` without authentication: the Web Connector tries the address when the `.qwc` file is added.
async fn show(State(door): State<Door>, RawQuery(query): RawQuery) -> Response {
    let wants_wsdl = query.is_some_and(|query| query.to_ascii_lowercase().starts_with("wsdl"));
    if wants_wsdl {
        let wsdl = WSDL.replace(
            "http://localhost:8080/qbwc",
            &format!("{}/qbwc", door.public_url.trim_end_matches('/')),
        );
        return ([(header::CONTENT_TYPE, XML)], wsdl).into_response();
    }
    "Plumbline: the QuickBooks Web Connector's service. Its description is at ?wsdl.\n".into_response()
}

async fn support() -> Html<&'static str> {
    Html(include_str!("support.html"))
}

async fn call(State(door): State<Door>, Peer(address): Peer, headers: HeaderMap, body: Body) -> Response {
    let began = Instant::now();
    let body = match read(body, door.body_limit).await {
        Ok(body) => body,
        Err(TooLarge::Broken) => return fault(&SoapError::Malformed("it is cut off".to_owned())),
        Err(TooLarge::Beyond(head)) => return too_large(&door, &headers, &head).await,
    };
    let call = soap::read_call(&body);
    // Tens of megabytes: not held while the answer is worked on.
    drop(body);
    match call {
        Ok(call) => answer(&door, call, address, began).await,
        Err(error) => fault(&error),
    }
}

async fn answer(door: &Door, call: Call, address: Option<IpAddr>, began: Instant) -> Response {
    let operation = call.operation();
    let authenticates = matches!(call, Call::Authenticate { .. });
    let answered = door.service.answer(call, address).await;
    let outcome = if answered.is_ok() { "answered" } else { "failed" };
    metrics::counter!("plumbline_qbwc_calls_total", "operation" => operation, "outcome" => outcome)
        .increment(1);
    metrics::histogram!("plumbline_qbwc_call_seconds", "operation" => operation)
        .record(began.elapsed().as_secs_f64());
    match answered {
        Ok(reply) => xml(StatusCode::OK, soap::write_reply(operation, &reply)),
        Err(error) => {
            tracing::error!(
                operation,
                error = &error as &dyn std::error::Error,
                "a Web Connector call failed"
            );
            if authenticates {
                // Kinder than a fault: the Web Connector shows "busy" and comes again.
                let busy = Reply::Texts(vec![String::new(), "busy".to_owned(), "60".to_owned()]);
                return xml(StatusCode::OK, soap::write_reply(operation, &busy));
            }
            let words =
                "Plumbline cannot reach its database right now. Nothing is lost; the next update goes on.";
            xml(StatusCode::INTERNAL_SERVER_ERROR, soap::write_fault(false, words))
        }
    }
}

/// SOAP 1.1 §6.2: a fault is always HTTP 500, whoever is at fault.
fn fault(error: &SoapError) -> Response {
    tracing::warn!(%error, "a request to /qbwc was no call");
    metrics::counter!("plumbline_qbwc_calls_total", "operation" => "none", "outcome" => "refused")
        .increment(1);
    xml(
        StatusCode::INTERNAL_SERVER_ERROR,
        soap::write_fault(true, &error.to_string()),
    )
}

fn xml(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, XML)], body).into_response()
}

enum TooLarge {
    /// The connection broke.
    Broken,
    /// Beyond the limit; how it began.
    Beyond(Bytes),
}

/// Reads a body up to `limit`. Beyond it the rest is read and thrown away, up to as much again, so that the client is
/// there to take the answer.
async fn read(mut body: Body, limit: usize) -> Result<Bytes, TooLarge> {
    let mut kept: Vec<u8> = Vec::new();
    let mut thrown_away = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(TooLarge::Broken);
        };
        let Ok(data) = frame.into_data() else { continue };
        if thrown_away == 0 && kept.len() + data.len() <= limit {
            kept.extend_from_slice(&data);
        } else {
            kept.truncate(4096);
            thrown_away += data.len();
            if thrown_away > limit {
                break;
            }
        }
    }
    if thrown_away > 0 {
        return Err(TooLarge::Beyond(Bytes::from(kept)));
    }
    Ok(Bytes::from(kept))
}

/// The defined outcome of an answer beyond the limit: -1, and what to change; never a loop of 413s.
async fn too_large(door: &Door, headers: &HeaderMap, head: &[u8]) -> Response {
    let action = headers
        .get("soapaction")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let head = String::from_utf8_lossy(head);
    let ticket = head
        .split_once("ticket>")
        .and_then(|(_, rest)| rest.split_once('<'))
        .map(|(ticket, _)| ticket);
    match ticket {
        Some(ticket) if action.contains("receiveResponseXML") || head.contains("receiveResponseXML") => {
            tracing::error!(
                limit = door.body_limit,
                "an answer of QuickBooks is larger than the body limit"
            );
            match door.service.answer_too_large(ticket, door.body_limit).await {
                Ok(number) => xml(
                    StatusCode::OK,
                    soap::write_reply("receiveResponseXML", &Reply::Number(number)),
                ),
                Err(_) => xml(
                    StatusCode::OK,
                    soap::write_reply("receiveResponseXML", &Reply::Number(-1)),
                ),
            }
        }
        _ => {
            let words = format!(
                "The request is larger than {} bytes, the most this service takes.",
                door.body_limit
            );
            xml(StatusCode::INTERNAL_SERVER_ERROR, soap::write_fault(true, &words))
        }
    }
}
