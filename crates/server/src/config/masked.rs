//! Passwords in URLs, made unreadable before anybody sees them.

use std::fmt;

use url::Url;

use super::{Backends, Found, Sources};

const MASK: &str = "****";

/// A text with the passwords of its URL masked: the user's, and those in its query. What looks like a URL and is none is
/// masked up to its host.
pub fn masked(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else {
        return match (text.find("://"), text.rfind('@')) {
            (Some(scheme), Some(at)) if scheme < at => format!("{}://{MASK}{}", &text[..scheme], &text[at..]),
            _ => text.to_owned(),
        };
    };
    let mut secret = url.password().is_some() && url.set_password(Some(MASK)).is_ok();
    if let Some(query) = url.query().filter(|query| query.contains("password=")) {
        let query: Vec<_> = query.split('&').map(without_secret).collect();
        url.set_query(Some(&query.join("&")));
        secret = true;
    }
    if secret { url.to_string() } else { text.to_owned() }
}

fn without_secret(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) if name.ends_with("password") => format!("{name}={MASK}"),
        _ => pair.to_owned(),
    }
}

impl fmt::Debug for Backends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded { path } => f.debug_struct("Embedded").field("path", path).finish(),
            Self::Postgres { store } => {
                let store = masked(store.as_str());
                f.debug_struct("Postgres").field("store", &store).finish()
            }
            Self::Pipeline { queue, store } => {
                let (queue, store) = (masked(queue.as_str()), masked(store.as_str()));
                f.debug_struct("Pipeline")
                    .field("queue", &queue)
                    .field("store", &store)
                    .finish()
            }
        }
    }
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found")
            .field("text", &masked(&self.text))
            .field("origin", &self.origin)
            .finish()
    }
}

impl fmt::Debug for Sources {
    /// Names only: the environment is full of other people's secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |pairs: &[(String, String)]| pairs.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        f.debug_struct("Sources")
            .field("flags", &names(&self.flags))
            .field("environment", &names(&self.environment))
            .field("file", &self.file)
            .finish()
    }
}
