//! A bare axum POST whose events go into PostgreSQL in groups: whatever waits while a statement is under way is the next.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use sqlx::PgConnection;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc, oneshot};
use uuid::Uuid;

use super::insert::{self, Columns};
use super::post::Incoming;

/// Rows of one statement at most.
const MOST: usize = 1_000;
/// Statements under way at once.
const SESSIONS: usize = 2;

/// An event that waits for its group.
struct Waiting {
    id: Uuid,
    body: Bytes,
    stored: oneshot::Sender<bool>,
}

type Groups = Arc<Mutex<mpsc::Receiver<Waiting>>>;

/// Serves until the process ends.
pub(super) async fn serve(listen: SocketAddr, postgres: &str) -> Result<()> {
    let (enter, waiting) = mpsc::channel(MOST);
    let waiting: Groups = Arc::new(Mutex::new(waiting));
    for _ in 0..SESSIONS {
        let session = insert::connect(postgres).await?;
        tokio::spawn(write(session, Arc::clone(&waiting)));
    }
    let router = Router::new()
        .route("/events", post(accept))
        .route("/readyz", get(async || StatusCode::OK))
        .with_state(enter);
    Ok(axum::serve(TcpListener::bind(listen).await?, router).await?)
}

async fn accept(State(enter): State<mpsc::Sender<Waiting>>, body: Bytes) -> (StatusCode, String) {
    if serde_json::from_slice::<Incoming<'_>>(&body).is_err() {
        return (StatusCode::BAD_REQUEST, String::new());
    }
    let id = Uuid::now_v7();
    let (stored, answer) = oneshot::channel();
    if enter.send(Waiting { id, body, stored }).await.is_ok() && answer.await.unwrap_or(false) {
        (StatusCode::ACCEPTED, format!("{{\"id\":\"{id}\"}}"))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, String::new())
    }
}

async fn write(mut session: PgConnection, waiting: Groups) {
    loop {
        let mut group = Vec::with_capacity(MOST);
        // Held while it waits for the first, so that the sessions take turns.
        if waiting.lock().await.recv_many(&mut group, MOST).await == 0 {
            return;
        }
        let stored = match columns(&group) {
            Ok(columns) => insert::insert(&mut session, &columns).await.is_ok(),
            Err(_) => false,
        };
        for one in group {
            // Whoever waited may have gone away.
            let _ = one.stored.send(stored);
        }
    }
}

fn columns(group: &[Waiting]) -> Result<Columns> {
    let mut columns = Columns::default();
    for one in group {
        let event: Incoming<'_> = serde_json::from_slice(&one.body)?;
        columns.keys.push(one.id);
        columns.sources.push(event.source.to_owned());
        columns.types.push(event.event_type.to_owned());
        columns.times.push(event.time.to_owned());
        columns.correlations.push(event.correlation_id.to_owned());
        columns.data.push(event.data.get().to_owned());
    }
    Ok(columns)
}
