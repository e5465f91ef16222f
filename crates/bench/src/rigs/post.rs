//! A bare axum POST: parses the event, gives it an id, awaits one XADD, answers 202.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, cmd};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::net::TcpListener;
use uuid::Uuid;

/// The rig's stream.
pub(super) const STREAM: &str = "rig";

/// An event as it came in.
#[derive(Deserialize)]
pub(super) struct Incoming<'a> {
    #[serde(rename = "type")]
    pub(super) event_type: &'a str,
    pub(super) source: &'a str,
    pub(super) time: &'a str,
    pub(super) correlation_id: &'a str,
    #[serde(borrow)]
    pub(super) data: &'a RawValue,
}

/// Serves until the process ends.
pub(super) async fn serve(listen: SocketAddr, redis: &str) -> Result<()> {
    let connection = connect(redis).await?;
    let router = Router::new()
        .route("/events", post(accept))
        .route("/readyz", get(async || StatusCode::OK))
        .with_state(connection);
    Ok(axum::serve(TcpListener::bind(listen).await?, router).await?)
}

/// A connection that many share; the crate writes what is in flight together.
pub(super) async fn connect(redis: &str) -> Result<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(30)));
    let client = Client::open(redis)?;
    Ok(client.get_multiplexed_async_connection_with_config(&config).await?)
}

async fn accept(State(mut connection): State<MultiplexedConnection>, body: Bytes) -> (StatusCode, String) {
    let Ok(event) = serde_json::from_slice::<Incoming<'_>>(&body) else {
        return (StatusCode::BAD_REQUEST, String::new());
    };
    let id = Uuid::now_v7();
    match xadd(&event, id).exec_async(&mut connection).await {
        Ok(()) => (StatusCode::ACCEPTED, format!("{{\"id\":\"{id}\"}}")),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    }
}

/// The entry: its fields always in this order.
pub(super) fn xadd(event: &Incoming<'_>, id: Uuid) -> redis::Cmd {
    let mut command = cmd("XADD");
    command
        .arg(STREAM)
        .arg("*")
        .arg("id")
        .arg(id.to_string())
        .arg("source")
        .arg(event.source)
        .arg("type")
        .arg(event.event_type)
        .arg("time")
        .arg(event.time)
        .arg("correlation")
        .arg(event.correlation_id)
        .arg("data")
        .arg(event.data.get());
    command
}
