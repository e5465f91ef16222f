//! No further connection is taken, and those that there were are gone.

use std::sync::Arc;
use std::time::Duration;

use eventflow_stack::{APPLICATION, Error, Postgres, PostgresSession, RedisSession, Reply, Result};

use super::refusals::{by_postgres, connections_by_redis};
use super::{Field, Struck, Undo, Undone};
use crate::target::{USER, blocking};

/// What PostgreSQL writes for each of its clients that it turns away.
const REFUSED: [&str; 2] = ["remaining connection slots are reserved", "too many clients already"];
/// SQLSTATE `too_many_connections`.
const TOO_MANY: &str = "53300";
/// Ends of sessions that are ended take a moment.
const TRIES: u32 = 500;
const PAUSE: Duration = Duration::from_millis(4);
/// Rounds of ending sessions; each ends some, and nobody gets in meanwhile.
const ROUNDS: u32 = 1_000;

/// Takes no more clients than the one that will undo it, and turns out the others. Touched: clients turned out, and
/// connections turned away.
pub(super) async fn redis(field: &Field) -> std::result::Result<Struck, String> {
    let redis = field.redis()?;
    let (touched, mut held) = blocking(move || {
        let mut session = redis.session()?;
        let rejected = connections_by_redis(&mut session)?;
        let before = most_clients(&mut session)?;
        session.command(&["CONFIG", "SET", "maxclients", "1"])?;
        let touched = turn_out(&mut session).or_else(|error| {
            // What did not strike is not undone at its end.
            session.command(&["CONFIG", "SET", "maxclients", &before])?;
            Err(error)
        })?;
        let held = Held {
            session,
            before,
            rejected,
        };
        Ok((touched, held))
    })
    .await?;
    let undo = async move {
        let rejected = blocking(move || {
            held.session.command(&["CONFIG", "SET", "maxclients", &held.before])?;
            Ok(connections_by_redis(&mut held.session)?.saturating_sub(held.rejected))
        });
        Ok(Undone::touching(rejected.await?))
    };
    Ok(Struck::until(touched, Undo::new(undo)))
}

/// The only client of Redis that is left.
struct Held {
    session: RedisSession,
    before: String,
    rejected: u64,
}

/// Ends the connections of all others. How many there were.
fn turn_out(session: &mut RedisSession) -> Result<u64> {
    let mut touched = 0;
    for kind in ["normal", "pubsub"] {
        let killed = session.command(&["CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes"])?;
        if let Reply::Number(killed) = killed {
            touched += u64::try_from(killed).unwrap_or(0);
        }
    }
    Ok(touched)
}

fn most_clients(session: &mut RedisSession) -> Result<String> {
    Ok(match session.command(&["CONFIG", "GET", "maxclients"])? {
        Reply::List(pair) => match pair.into_iter().nth(1) {
            Some(Reply::Text(text)) => text,
            _ => DEFAULT_CLIENTS.to_owned(),
        },
        _ => DEFAULT_CLIENTS.to_owned(),
    })
}

/// Redis' own.
const DEFAULT_CLIENTS: &str = "10000";

/// Holds every session that PostgreSQL has room for, the reserved ones too, and ends those of EventFlow (not those of other
/// faults) a few at a time: as many as are reserved, so that nobody but the superuser can follow them. Touched: sessions
/// ended, and connections turned away.
pub(super) async fn postgres(field: &Field) -> std::result::Result<Struck, String> {
    let postgres = field.postgres()?;
    let full = Arc::clone(&postgres);
    let refused = by_postgres(&postgres, &REFUSED);
    let (touched, held) = blocking(move || exhaust(&full)).await?;
    let note = format!("{} sessions were held", held.len());
    let undo = async move {
        let now = by_postgres(&postgres, &REFUSED);
        let ended = tokio::task::spawn_blocking(move || drop(held)).await;
        ended.map_err(|error| error.to_string())?;
        Ok(Undone::touching(now.saturating_sub(refused)))
    };
    Ok(Struck::until(touched, Undo::new(undo)).saying(note))
}

fn exhaust(postgres: &Postgres) -> Result<(u64, Vec<PostgresSession>)> {
    let mut first = session(postgres)?;
    let reserved = number(&mut first, "SELECT current_setting('superuser_reserved_connections')")?.max(1);
    let mut held = Vec::new();
    while let Some(session) = room(postgres)? {
        held.push(session);
    }
    let end = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity \
         WHERE usename = '{USER}' AND application_name <> '{APPLICATION}' ORDER BY backend_start LIMIT {reserved}) AS theirs"
    );
    let mut touched = 0;
    for _ in 0..ROUNDS {
        let ended = number(&mut first, &end)?;
        if ended == 0 {
            break;
        }
        touched += ended;
        for _ in 0..ended {
            held.push(next_room(postgres)?);
        }
    }
    held.push(first);
    Ok((touched, held))
}

fn session(postgres: &Postgres) -> Result<PostgresSession> {
    postgres.session("postgres", "postgres")
}

/// A session, if there is room for one.
fn room(postgres: &Postgres) -> Result<Option<PostgresSession>> {
    match session(postgres) {
        Ok(session) => Ok(Some(session)),
        Err(Error::Refused { message, .. }) if message.starts_with(TOO_MANY) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A session as soon as one that was ended makes room for it.
fn next_room(postgres: &Postgres) -> Result<PostgresSession> {
    for _ in 0..TRIES {
        if let Some(session) = room(postgres)? {
            return Ok(session);
        }
        std::thread::sleep(PAUSE);
    }
    session(postgres)
}

fn number(session: &mut PostgresSession, statement: &str) -> Result<u64> {
    let rows = session.sql(statement)?;
    let text = rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten();
    Ok(text.and_then(|text| text.parse().ok()).unwrap_or(0))
}
