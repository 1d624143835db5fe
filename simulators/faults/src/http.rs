//! A small HTTP relay: every call is read whole, handed to whoever decides its fate, and answered or broken off.

use std::{convert::Infallible, future::Future, io, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody, combinators::BoxBody};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::{Frame, Incoming},
    header,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::AbortHandle};

/// A call, read whole.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// GET, POST …
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) path: String,
    /// Headers.
    pub(crate) headers: HeaderMap,
    /// Body.
    pub(crate) body: Bytes,
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Status.
    pub(crate) status: StatusCode,
    /// Headers.
    pub(crate) headers: HeaderMap,
    /// Body.
    pub(crate) body: Bytes,
}

/// What becomes of a call.
#[derive(Debug)]
pub(crate) enum Fate {
    /// It is answered.
    Answered(Answer),
    /// The connection breaks without an answer.
    Dropped,
    /// The connection breaks in the middle of the answer's body.
    BrokenOff(Answer),
}

/// The connection is to be broken.
#[derive(Debug)]
struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("broken off on purpose")
    }
}

impl std::error::Error for Broken {}

/// Passes calls on to a server.
#[derive(Clone, Debug)]
pub(crate) struct Forward {
    http: reqwest::Client,
}

impl Forward {
    /// With a connection for each call, so that none is left over from a process that died.
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            http: reqwest::Client::builder()
                .pool_max_idle_per_host(0)
                .redirect(reqwest::redirect::Policy::none())
                .timeout(Duration::from_mins(2))
                .build()?,
        })
    }

    /// Calls `base` + the call's path. `None`: no whole answer came.
    pub(crate) async fn call(&self, base: &str, call: &Call) -> Option<Answer> {
        let mut headers = call.headers.clone();
        for hop in [
            header::HOST,
            header::CONNECTION,
            header::EXPECT,
            header::CONTENT_LENGTH,
            header::TRANSFER_ENCODING,
        ] {
            headers.remove(hop);
        }
        let answer = self
            .http
            .request(call.method.clone(), format!("{base}{}", call.path))
            .headers(headers)
            .body(call.body.clone())
            .send()
            .await
            .ok()?;
        let status = answer.status();
        let mut headers = answer.headers().clone();
        for hop in [
            header::CONNECTION,
            header::CONTENT_LENGTH,
            header::TRANSFER_ENCODING,
        ] {
            headers.remove(hop);
        }
        let body = answer.bytes().await.ok()?;
        Some(Answer {
            status,
            headers,
            body,
        })
    }
}

/// Serves a relay; `decide` is asked about every call.
pub(crate) fn serve<D, F>(listener: TcpListener, decide: D) -> AbortHandle
where
    D: Fn(Call) -> F + Send + Sync + 'static,
    F: Future<Output = Fate> + Send + 'static,
{
    let decide = Arc::new(decide);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let decide = Arc::clone(&decide);
            tokio::spawn(async move {
                let service = service_fn(move |request: Request<Incoming>| {
                    let decide = Arc::clone(&decide);
                    async move {
                        let (head, body) = request.into_parts();
                        let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
                        let call = Call {
                            method: head.method,
                            path: head
                                .uri
                                .path_and_query()
                                .map_or_else(String::new, ToString::to_string),
                            headers: head.headers,
                            body,
                        };
                        // A caller who hangs up does not take back what he asked for.
                        let fate = tokio::spawn(decide(call)).await.map_err(|_| Broken)?;
                        match fate {
                            Fate::Answered(answer) => Ok(whole(answer)),
                            Fate::BrokenOff(answer) => Ok(broken_off(answer)),
                            Fate::Dropped => Err(Broken),
                        }
                    }
                });
                // Connections end with errors here; that is what they are for.
                let _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    })
    .abort_handle()
}

type Body = BoxBody<Bytes, io::Error>;

fn whole(answer: Answer) -> Response<Body> {
    let body = http_body_util::Full::new(answer.body)
        .map_err(|never: Infallible| match never {})
        .boxed();
    respond(answer.status, answer.headers, body)
}

/// Promises the whole body and breaks off in its middle.
fn broken_off(answer: Answer) -> Response<Body> {
    let mut headers = answer.headers;
    headers.insert(header::CONTENT_LENGTH, (answer.body.len() + 1).into());
    let half = answer.body.slice(..answer.body.len() / 2);
    let frames = stream::iter([
        Ok(Frame::data(half)),
        Err(io::Error::other("broken off on purpose")),
    ]);
    respond(answer.status, headers, BodyExt::boxed(StreamBody::new(frames)))
}

fn respond(status: StatusCode, headers: HeaderMap, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
