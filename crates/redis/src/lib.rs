//! The queue of `EventFlow` on Redis Streams: a durable buffer that gives again what was not settled.
//!
//! A partition is a stream with one consumer group. Beside it stand marks, one for each event that is pending or was
//! settled within the de-duplication window. All that is more than one command is a script, so that it happens as one
//! and works on a Redis that is full. Redis 7.0 is enough; nothing newer is needed.

mod append;
mod backoff;
mod claim;
mod connection;
mod consumers;
mod decode;
mod depth;
mod encode;
mod ensure;
mod entry;
mod error;
mod find;
mod gate;
mod ghosts;
mod info;
mod inspect;
mod judge;
mod keys;
mod marks;
mod options;
mod queue;
mod script;
mod settings;
mod settle;
mod take_over;
mod tend;
mod value;
mod window;

pub use options::{ConfigError, MAX_PARTITIONS, RedisOptions};
pub use queue::RedisQueue;
