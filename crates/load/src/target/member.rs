//! One process of EventFlow of a private stack, and the task that looks after it: it starts it again where it ended unasked,
//! and does to it what faults ask for, one thing after the other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use eventflow_stack::{Eventflow, Result as StackResult, Roster};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior};

use super::error::said;
use super::keep::Logs;
use crate::scenario::Role;

/// How often it is looked whether the process runs.
const LOOK: Duration = Duration::from_millis(50);
/// One that ended unasked is started again after this.
pub(crate) const USUAL: Duration = Duration::from_secs(1);
/// How long one that is asked to end may take: the server's own grace time is 20 s.
const END_WAIT: Duration = Duration::from_secs(30);
/// The same at the end of the run, when there is nothing left to do.
const LAST_WAIT: Duration = Duration::from_secs(10);
/// How long one that was restarted may take to become ready.
const READY_WAIT: Duration = Duration::from_mins(1);
/// Orders that wait.
const WAITING: usize = 16;

/// When a process that was ended is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Down {
    /// After so long.
    For(Duration),
    /// When it is asked for by [`Member::start`].
    UntilAsked,
}

/// A process of a private stack. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Member {
    role: Role,
    index: usize,
    name: Arc<str>,
    server: Arc<Eventflow>,
    orders: mpsc::Sender<Order>,
}

/// What happened to the processes of a stack, and where it is written down.
#[derive(Clone, Debug)]
pub(super) struct Upkeep {
    pub(super) logs: Logs,
    pub(super) roster: Arc<Roster>,
    pub(super) deaths: Arc<Deaths>,
}

/// Ends that nobody had asked for.
#[derive(Debug, Default)]
pub(super) struct Deaths {
    count: AtomicU64,
    told: Mutex<Vec<String>>,
}

impl Deaths {
    /// So many are told; all are counted.
    const TOLD: usize = 50;

    /// How many.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// The first of them.
    pub(super) fn told(&self) -> Vec<String> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, what: String) {
        self.count.fetch_add(1, Ordering::Relaxed);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < Self::TOLD {
            told.push(what);
        }
    }
}

impl Upkeep {
    /// Enters a process that runs. That a list cannot be written keeps no run from going on.
    pub(super) fn enter(&self, name: &str, pid: u32) {
        if let Err(error) = self.roster.enter(name, pid) {
            tracing::warn!(
                error = said(&error),
                name,
                "a process could not be entered in the list of the stack"
            );
        }
    }

    fn leave(&self, name: &str) {
        if let Err(error) = self.roster.leave(name) {
            tracing::warn!(
                error = said(&error),
                name,
                "a process could not be struck from the list of the stack"
            );
        }
    }
}

#[derive(Debug)]
struct Order {
    what: Asked,
    done: oneshot::Sender<Result<bool, String>>,
}

#[derive(Clone, Copy, Debug)]
enum Asked {
    Kill(Down),
    Terminate(Down),
    Stop,
    Cont,
    Restart,
    Start,
    End,
}

impl Member {
    /// Takes a process into care. The task ends with [`Member::end`], or when all clones are dropped.
    pub(super) fn new(role: Role, index: usize, name: &str, server: Eventflow, upkeep: Upkeep) -> Self {
        let (orders, waiting) = mpsc::channel(WAITING);
        let (name, server): (Arc<str>, _) = (name.into(), Arc::new(server));
        upkeep.enter(&name, server.process().id());
        let keeper = Keeper {
            name: Arc::clone(&name),
            server: Arc::clone(&server),
            upkeep,
            back_at: None,
            is_wanted: true,
        };
        tokio::spawn(keeper.run(waiting));
        Self {
            role,
            index,
            name,
            server,
            orders,
        }
    }

    /// What it does.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Which of its role.
    pub fn index(&self) -> usize {
        self.index
    }

    /// What people call it: `worker-0`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process, its port and its folder. Hurt it by the methods of this type: whoever kills it otherwise is counted as
    /// a death unasked for.
    pub fn server(&self) -> &Eventflow {
        &self.server
    }

    /// SIGKILL. Whether it ran.
    pub async fn kill(&self, down: Down) -> Result<bool, String> {
        self.ask(Asked::Kill(down)).await
    }

    /// SIGTERM, and its end. Whether it ran.
    pub async fn terminate(&self, down: Down) -> Result<bool, String> {
        self.ask(Asked::Terminate(down)).await
    }

    /// SIGSTOP. Whether it ran.
    pub async fn stop(&self) -> Result<bool, String> {
        self.ask(Asked::Stop).await
    }

    /// SIGCONT. Whether it ran.
    pub async fn cont(&self) -> Result<bool, String> {
        self.ask(Asked::Cont).await
    }

    /// SIGTERM, its end, a new start, and waits until it is ready. Whether it ran before.
    pub async fn restart(&self) -> Result<bool, String> {
        self.ask(Asked::Restart).await
    }

    /// Starts it if it does not run, and waits until it is ready. Whether it ran already.
    pub async fn start(&self) -> Result<bool, String> {
        self.ask(Asked::Start).await
    }

    /// Ends it for good, in order where it can. Whether it ran.
    pub async fn end(&self) -> Result<bool, String> {
        self.ask(Asked::End).await
    }

    async fn ask(&self, what: Asked) -> Result<bool, String> {
        let (done, answer) = oneshot::channel();
        let gone = || format!("{} has been ended for good", self.name);
        self.orders.send(Order { what, done }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// The task that looks after one process.
struct Keeper {
    name: Arc<str>,
    server: Arc<Eventflow>,
    upkeep: Upkeep,
    /// When it is started again, while it is down.
    back_at: Option<Instant>,
    /// Whether it shall run; otherwise nobody is astonished that it does not.
    is_wanted: bool,
}

impl Keeper {
    async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let back_at = self.back_at;
            tokio::select! {
                order = orders.recv() => {
                    let Some(Order { what, done }) = order else { return };
                    let answer = self.obey(what).await;
                    // Who asked may have gone.
                    let _ = done.send(answer);
                    if matches!(what, Asked::End) {
                        return;
                    }
                }
                () = tokio::time::sleep_until(back_at.unwrap_or_else(Instant::now)), if back_at.is_some() => {
                    self.start_again().await;
                }
                _ = looks.tick(), if self.is_wanted => {
                    if !self.server.process().is_running() {
                        self.mourn().await;
                    }
                }
            }
        }
    }

    async fn obey(&mut self, what: Asked) -> Result<bool, String> {
        let ran = self.server.process().is_running();
        match what {
            Asked::Kill(down) => self.end(down, |server| server.kill()).await?,
            Asked::Terminate(down) => self.end(down, |server| server.end_within(END_WAIT)).await?,
            Asked::Stop => self.blocking(|server| server.stop()).await?,
            Asked::Cont => self.blocking(|server| server.cont()).await?,
            Asked::Restart => {
                self.end(Down::UntilAsked, |server| server.end_within(END_WAIT)).await?;
                self.start_again().await;
                self.blocking(|server| server.wait_until_ready(READY_WAIT)).await?;
            }
            Asked::Start => {
                self.start_again().await;
                self.blocking(|server| server.wait_until_ready(READY_WAIT)).await?;
            }
            Asked::End => {
                self.end(Down::UntilAsked, |server| server.end_within(LAST_WAIT))
                    .await?;
            }
        }
        Ok(ran)
    }

    /// Ends it, as somebody has asked. Where that fails it is looked after again before long, whatever has become of it.
    async fn end(
        &mut self,
        down: Down,
        end: impl FnOnce(&Eventflow) -> StackResult<()> + Send + 'static,
    ) -> Result<(), String> {
        self.is_wanted = false;
        let ended = self.blocking(end).await;
        self.rest(if ended.is_ok() { down } else { Down::For(USUAL) }).await;
        ended
    }

    /// It ended, and nobody had asked for that.
    async fn mourn(&mut self) {
        let process = self.server.process();
        let status = process.status().map(|status| status.to_string()).unwrap_or_default();
        tracing::warn!(process = &*self.name, status, "a process of the stack ended unasked");
        self.upkeep.deaths.add(format!("{} ended unasked: {status}", self.name));
        self.is_wanted = false;
        self.rest(Down::For(USUAL)).await;
    }

    /// It has ended: what it wrote is kept, and it is started again in time.
    async fn rest(&mut self, down: Down) {
        self.upkeep.leave(&self.name);
        let (logs, name, process) = (self.upkeep.logs.clone(), Arc::clone(&self.name), self.server.process());
        let kept = tokio::task::spawn_blocking(move || logs.keep(&name, &process)).await;
        if let Err(error) = kept {
            tracing::warn!(%error, "the log of a process could not be kept");
        }
        self.back_at = match down {
            Down::For(time) => Some(Instant::now() + time),
            Down::UntilAsked => None,
        };
    }

    async fn start_again(&mut self) {
        self.back_at = None;
        match self.blocking(|server| server.launch()).await {
            Ok(()) => {
                self.is_wanted = true;
                self.upkeep.enter(&self.name, self.server.process().id());
            }
            Err(error) => {
                tracing::warn!(
                    process = &*self.name,
                    error,
                    "a process of the stack could not be started again"
                );
                self.back_at = Some(Instant::now() + USUAL);
            }
        }
    }

    async fn blocking(&self, act: impl FnOnce(&Eventflow) -> StackResult<()> + Send + 'static) -> Result<(), String> {
        let server = Arc::clone(&self.server);
        blocking(move || act(&server)).await
    }
}

/// Does what blocks on a thread of its own.
pub(crate) async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> StackResult<T> + Send + 'static,
) -> Result<T, String> {
    match tokio::task::spawn_blocking(act).await {
        Ok(done) => done.map_err(|error| said(&error)),
        Err(error) => Err(error.to_string()),
    }
}
