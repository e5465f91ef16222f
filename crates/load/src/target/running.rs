//! What a scenario runs against, once it is there.

use std::collections::BTreeMap;
use std::time::Duration;

use eventflow_core::RetryPolicy;
use eventflow_wire::{Client, ClientError};
use tokio::time::Instant;
use url::Url;

use super::private::Private;
use super::routes::{self, Proxies};
use super::{Order, TargetError};
use crate::proxy::Proxy;
use crate::scenario::{Route, StackKind, Through, What};

/// Where the API is, where nobody says.
const DEFAULT_API: &str = "http://127.0.0.1:8000";
/// How long an API that runs may take to be ready.
const READY_WAIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(200);
/// How long one answer may take.
const WITHIN: Duration = Duration::from_secs(5);

/// A target that takes events and runs them. A private stack ends, and its data goes, when this is dropped.
#[derive(Debug)]
pub struct Running {
    /// Its APIs, through the proxies: where load goes.
    pub apis: Vec<Url>,
    /// The same past the proxies, for looking at it and for reading the store.
    pub directs: Vec<Url>,
    /// The token to present.
    pub token: Option<String>,
    /// The private stack; none where the target ran already.
    pub stack: Option<Private>,
    /// The proxies by route; a route with several APIs has several.
    pub proxies: BTreeMap<Route, Vec<Proxy>>,
    /// The level of durability: of a private stack the one it was started with, otherwise the one the API is asked for.
    pub durability: String,
    /// What was chosen and stated, for people, a sentence each.
    pub told: Vec<String>,
    clients: Vec<Client>,
}

impl Running {
    pub(super) fn new(
        apis: Vec<Url>,
        directs: Vec<Url>,
        token: Option<String>,
        stack: Option<Private>,
        proxies: Proxies,
        durability: String,
        told: Vec<String>,
    ) -> Result<Self, TargetError> {
        let clients = directs.iter().map(|url| Client::new(url.as_str(), token.as_deref()));
        let clients = clients.collect::<Result<Vec<Client>, ClientError>>()?;
        Ok(Self {
            apis,
            directs,
            token,
            stack,
            proxies,
            durability,
            told,
            clients,
        })
    }

    /// Which private stack it is; none where the target ran already.
    pub fn kind(&self) -> Option<StackKind> {
        self.stack.as_ref().map(Private::kind)
    }

    /// A client of each API, past the proxies.
    pub fn clients(&self) -> impl Iterator<Item = Client> + '_ {
        self.clients.iter().cloned()
    }

    /// A client of an API that answers now, past the proxies; of the first where none does.
    pub async fn client(&self) -> Client {
        for client in &self.clients {
            if client
                .clone()
                .with_deadline(WITHIN)
                .with_retry(once())
                .ready()
                .await
                .is_ok()
            {
                return client.clone();
            }
        }
        // There is at least one: both ways of making this see to it.
        self.clients[0].clone()
    }

    /// Deadlocks that PostgreSQL has counted since it was started, over all its lives; none where it cannot be asked. It
    /// takes PostgreSQL about a second to tell.
    pub async fn deadlocks(&self) -> Option<u64> {
        self.stack.as_ref()?.deadlocks().await
    }

    /// Processes that ended though nobody had asked them to; each was started again.
    pub fn died_unasked(&self) -> u64 {
        self.stack.as_ref().map_or(0, Private::died_unasked)
    }

    /// The first of them, for people.
    pub fn deaths(&self) -> Vec<String> {
        self.stack.as_ref().map(Private::deaths).unwrap_or_default()
    }

    /// Ends a private stack in order, and keeps the logs of its processes. What runs already is left alone.
    pub async fn stop(&self) {
        if let Some(stack) = &self.stack {
            stack.stop().await;
        }
    }
}

/// Finds an API that runs, and waits until it takes events.
pub(super) async fn find(
    order: &Order<'_>,
    api: Option<&str>,
    ways: &BTreeMap<Route, Through>,
) -> Result<Running, TargetError> {
    let direct = address(api.or(order.api.as_deref()).unwrap_or(DEFAULT_API))?;
    let client = Client::new(direct.as_str(), order.token.as_deref())?
        .with_deadline(WITHIN)
        .with_retry(once());
    ready(&client).await?;
    let stats = client.stats().await?;
    let mut proxies = Proxies::new();
    for (route, way) in ways {
        routes::through(&mut proxies, *route, way).await?;
    }
    let mut told = vec![format!("target: {direct}, which runs EventFlow {}", stats.version)];
    if is_api_hurt(order) && !proxies.contains_key(&Route::Api) {
        told.push("its own proxy stands between the clients of this run and the API".to_owned());
        let way = Through {
            listen: "127.0.0.1:0".to_owned(),
            upstream: upstream(&direct)?,
        };
        routes::through(&mut proxies, Route::Api, &way).await?;
    }
    let api = match proxies.get(&Route::Api).and_then(|proxies| proxies.first()) {
        Some(proxy) => redirected(&direct, proxy)?,
        None => direct.clone(),
    };
    let durability = stats.durability.to_string();
    told.push(format!("durability: {durability}, as the API is asked for"));
    Running::new(
        vec![api],
        vec![direct],
        order.token.clone(),
        None,
        proxies,
        durability,
        told,
    )
}

/// Waits until the API takes events. Who does not answer at all is not waited for.
async fn ready(client: &Client) -> Result<(), TargetError> {
    let deadline = Instant::now() + READY_WAIT;
    loop {
        match client.ready().await {
            Ok(_) => return Ok(()),
            Err(error @ ClientError::Problem(_)) if Instant::now() >= deadline => return Err(error.into()),
            Err(ClientError::Problem(_)) => tokio::time::sleep(POLL).await,
            Err(error) => return Err(error.into()),
        }
    }
}

fn is_api_hurt(order: &Order<'_>) -> bool {
    order
        .scenario
        .faults
        .iter()
        .any(|fault| matches!(fault.what, What::Tcp { route: Route::Api, .. }))
}

/// The address of an API.
pub(super) fn address(text: &str) -> Result<Url, TargetError> {
    text.parse()
        .ok()
        .filter(|url: &Url| matches!(url.scheme(), "http" | "https") && url.host().is_some())
        .ok_or_else(|| {
            TargetError::Refused(format!(
                "`{text}` is not the address of an API: write one like {DEFAULT_API}"
            ))
        })
}

/// Where an API's connections go: `host:port`.
fn upstream(api: &Url) -> Result<String, TargetError> {
    let refused = || TargetError::Refused(format!("no proxy can stand in front of {api}: give its route"));
    if api.scheme() != "http" {
        return Err(refused());
    }
    let (host, port) = api.host_str().zip(api.port_or_known_default()).ok_or_else(refused)?;
    Ok(format!("{host}:{port}"))
}

/// The same address through a proxy.
fn redirected(api: &Url, proxy: &Proxy) -> Result<Url, TargetError> {
    let mut through = api.clone();
    let at = proxy.address();
    if through.set_ip_host(at.ip()).is_err() || through.set_port(Some(at.port())).is_err() {
        return Err(TargetError::Refused(format!("no proxy can stand in front of {api}")));
    }
    Ok(through)
}

/// Nothing is repeated: who looks asks again anyway.
fn once() -> RetryPolicy {
    RetryPolicy {
        attempts: 1,
        ..RetryPolicy::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_proxy_takes_the_place_of_host_and_port_alone() {
        let proxy = Proxy::start("127.0.0.1:9", None).await.expect("a proxy");
        let api = address("http://api.example:8000/prefix/").expect("an address");
        assert_eq!(upstream(&api).expect("plain HTTP"), "api.example:8000");
        let through = redirected(&api, &proxy).expect("an address");
        assert_eq!(through.as_str(), format!("http://{}/prefix/", proxy.address()));
        assert_eq!(
            upstream(&address("http://h").expect("an address")).expect("plain HTTP"),
            "h:80"
        );
        assert!(upstream(&address("https://h").expect("an address")).is_err());
    }

    #[test]
    fn what_is_no_address_is_refused_with_one_that_is() {
        let error = address("localhost:8000").expect_err("there is no scheme");
        assert_eq!(error.code(), 2);
        assert!(error.to_string().contains(DEFAULT_API), "{error}");
    }
}
