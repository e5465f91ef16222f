//! The proxies between the parts of a target, by route.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use super::TargetError;
use crate::proxy::Proxy;
use crate::scenario::{Route, Through};

/// By route; several where there are several APIs.
pub(super) type Proxies = BTreeMap<Route, Vec<Proxy>>;

/// A proxy in front of a server of ours; returns where it listens.
pub(super) async fn in_front_of(proxies: &mut Proxies, route: Route, port: u16) -> Result<SocketAddr, TargetError> {
    let proxy = Proxy::start(format!("127.0.0.1:{port}"), None)
        .await
        .map_err(|error| refused(None, &error))?;
    let address = proxy.address();
    proxies.entry(route).or_default().push(proxy);
    Ok(address)
}

/// A proxy of a route that a running API was started with.
pub(super) async fn through(proxies: &mut Proxies, route: Route, way: &Through) -> Result<SocketAddr, TargetError> {
    let proxy = Proxy::start(way.upstream.clone(), Some(way.listen.clone()))
        .await
        .map_err(|error| refused(Some(&way.listen), &error))?;
    let address = proxy.address();
    proxies.entry(route).or_default().push(proxy);
    Ok(address)
}

fn refused(listen: Option<&str>, error: &io::Error) -> TargetError {
    let place = listen.unwrap_or("a free port");
    TargetError::Refused(format!("the fault proxy cannot listen on {place}: {error}"))
}
