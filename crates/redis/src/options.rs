//! What a queue on Redis is told at its start. All of it is checked before anything is connected.

use std::fmt;
use std::num::NonZeroU16;
use std::time::Duration;

use eventflow_core::Durability;
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{Client, ConnectionInfo, IntoConnectionInfo, ProtocolVersion};
use rustls::crypto::{CryptoProvider, ring};

/// The most partitions of a queue: one read asks for at most so many entries, and reads them all.
pub const MAX_PARTITIONS: u16 = 128;

/// How long a connection may stay without an answer from the other side's kernel.
const SILENCE: Duration = Duration::from_secs(10);

/// How to reach Redis, and what is asked of it.
#[derive(Clone)]
pub struct RedisOptions {
    /// `redis://` or `rediss://`, with user, password and database where they are needed.
    pub url: String,
    /// Number of partitions, at most [`MAX_PARTITIONS`]. Cannot change while the queue holds anything.
    pub partitions: NonZeroU16,
    /// The level below which nothing is appended.
    pub durability: Durability,
    /// Whether the level is taken for granted where Redis does not show it.
    pub assume_durability: bool,
    /// How long the mark of a settled event stays at most.
    pub dedup_window: Duration,
    /// How many marks of settled events there may be before the window shrinks.
    pub dedup_marks: u64,
}

impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisOptions")
            .field("partitions", &self.partitions)
            .field("durability", &self.durability)
            .field("assume_durability", &self.assume_durability)
            .field("dedup_window", &self.dedup_window)
            .field("dedup_marks", &self.dedup_marks)
            .finish_non_exhaustive()
    }
}

/// Why options cannot be used. Never quotes the URL, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Another scheme.
    #[error("a queue's URL begins with redis:// or rediss://")]
    Scheme,
    /// No URL that the client understands.
    #[error("the queue's URL cannot be read: {0}")]
    Url(String),
    /// More partitions than one read can serve.
    #[error("a queue has at most {MAX_PARTITIONS} partitions, not {0}")]
    Partitions(NonZeroU16),
}

/// The client for these options, not yet connected.
pub(crate) fn client(options: &RedisOptions) -> Result<Client, ConfigError> {
    if options.partitions.get() > MAX_PARTITIONS {
        return Err(ConfigError::Partitions(options.partitions));
    }
    if !options.url.starts_with("redis://") && !options.url.starts_with("rediss://") {
        return Err(ConfigError::Scheme);
    }
    let info = options
        .url
        .as_str()
        .into_connection_info()
        .map_err(|error| unreadable(&error))?;
    if options.url.starts_with("rediss://") {
        choose_cryptography();
    }
    Client::open(tuned(info)).map_err(|error| unreadable(&error))
}

/// Without a choice the TLS library panics at its first connection. Whoever chose before is left alone.
fn choose_cryptography() {
    if CryptoProvider::get_default().is_none() && ring::default_provider().install_default().is_err() {
        tracing::debug!("somebody else chose the cryptography of TLS at the same time");
    }
}

/// Only the client's fixed words: its details may quote parts of the URL.
fn unreadable(error: &redis::RedisError) -> ConfigError {
    let text = error.to_string();
    ConfigError::Url(text.split(" - ").next().unwrap_or_default().to_owned())
}

fn tuned(info: ConnectionInfo) -> ConnectionInfo {
    let keepalive = TcpKeepalive::new().with_time(SILENCE).with_interval(SILENCE / 3);
    let tcp = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    #[cfg(target_os = "linux")]
    let tcp = tcp.set_user_timeout(SILENCE);
    let redis = info
        .redis_settings()
        .clone()
        .set_protocol(ProtocolVersion::RESP2)
        .set_skip_set_lib_name();
    info.set_tcp_settings(tcp).set_redis_settings(redis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str, partitions: u16) -> RedisOptions {
        RedisOptions {
            url: url.into(),
            partitions: NonZeroU16::new(partitions).expect("not 0"),
            durability: Durability::Disk,
            assume_durability: false,
            dedup_window: Duration::from_mins(10),
            dedup_marks: 2_000_000,
        }
    }

    #[test]
    fn what_is_no_redis_is_refused_without_quoting_it() {
        for url in [
            "http://user:secret@host",
            "redis+unix:///secret",
            "redis://user:secret@:70000",
            "redis://user:secret@0.0.0.0",
            "redis://user:secret@host/?protocol=secret",
            "redis://user:secret@host/secret",
            "",
        ] {
            let error = client(&options(url, 1)).expect_err("refused").to_string();
            assert!(!error.contains("secret"), "{url}: {error}");
        }
    }

    #[test]
    fn both_schemes_and_up_to_128_partitions_are_taken() {
        for url in ["redis://127.0.0.1:1", "rediss://user:pw@redis.example:6380/3"] {
            assert!(client(&options(url, 128)).is_ok(), "{url}");
        }
        let refused = client(&options("redis://127.0.0.1", 129)).err();
        assert!(matches!(refused, Some(ConfigError::Partitions(_))));
    }

    #[test]
    fn options_are_shown_without_the_url() {
        assert!(!format!("{:?}", options("redis://u:secret@h", 1)).contains("secret"));
    }
}
