//! Who calls: the address of the peer, or of the client a trusted proxy names.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::request::Parts,
};

/// The caller's address, where it is known.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub Option<IpAddr>);

/// Marks requests whose `X-Forwarded-For` may be believed: the service stands behind a proxy of its own.
#[derive(Clone, Copy, Debug)]
pub struct TrustForwardedFor;

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let direct = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|ConnectInfo(address)| address.ip());
        let forwarded = parts.extensions.get::<TrustForwardedFor>().and_then(|_| {
            // The last entry is the one our own proxy wrote.
            parts
                .headers
                .get("x-forwarded-for")?
                .to_str()
                .ok()?
                .rsplit(',')
                .next()?
                .trim()
                .parse()
                .ok()
        });
        Ok(Self(forwarded.or(direct)))
    }
}
