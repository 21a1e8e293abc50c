//! Where a request came from: from who brought it, or from whom a proxy of the operator's names (A24).

use std::net::{IpAddr, SocketAddr};

use axum::{extract::ConnectInfo, http::request::Parts};

use crate::{app::App, config::Proxy, domain::proxy::client};

/// The address at the other end of the connection.
fn peer(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip())
}

/// The proxy section, if one of the proxies in it brought this request.
pub(super) fn brought_by<'a>(app: &'a App, parts: &Parts) -> Option<&'a Proxy> {
    let peer = peer(parts)?;
    app.config.proxy.as_ref().filter(|proxy| proxy.is(peer))
}

/// Whether wrong tries in this request can be told from those of other people by where they come from.
pub(super) fn tells_addresses(app: &App, parts: &Parts) -> bool {
    peer(parts).is_some_and(|peer| app.config.tells_addresses(peer))
}

/// The address of who sent this request; `None` where nobody says.
pub(super) fn address(app: &App, parts: &Parts) -> Option<IpAddr> {
    let Some(proxy) = brought_by(app, parts) else { return peer(parts).map(|ip| ip.to_canonical()) };
    let lines: Vec<_> = parts.headers.get_all(proxy.client_address.name()).iter().collect();
    // What is no text is nobody's address.
    let lines = lines.into_iter().rev().map(|line| line.to_str().unwrap_or_default());
    client(peer(parts)?, lines.flat_map(|line| proxy.client_address.hops(line)), |ip| proxy.is(ip))
}
