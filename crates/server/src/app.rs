//! A binary of one's own: handlers, and all of `eventflow`'s commands.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use eventflow_worker::{Handler, HandlerError, HandlerOptions, Handlers, WorkerError};

use crate::cli::{self, Asked, Verb};
use crate::config::{Config, ConfigError, Role, Values, show};
use crate::gates::Refused;
use crate::{backends, run, telemetry};

/// Handlers with all that it takes to run them.
///
/// ```no_run
/// use eventflow::{App, Outcome, handler_fn};
///
/// fn main() -> std::process::ExitCode {
///     App::new()
///         .handle("order.created", handler_fn(|event, _context| async move {
///             println!("{}", event.key);
///             Outcome::Done
///         }))
///         .main()
/// }
/// ```
#[derive(Debug, Default)]
pub struct App {
    handlers: Handlers,
    refused: Option<HandlerError>,
}

/// `EX_CONFIG` of sysexits.h.
const CONFIG_EXIT: u8 = 78;
/// How long threads that are blocked by a handler may hold the end of the process up.
const LINGER: Duration = Duration::from_millis(500);

impl App {
    /// Without handlers: every event is stored.
    pub fn new() -> Self {
        Self::default()
    }

    /// Has `handler` run for events whose type matches `pattern` (`order.*`), within the limits of the settings.
    #[must_use]
    pub fn handle(self, pattern: &str, handler: impl Handler) -> Self {
        self.handle_with(pattern, HandlerOptions::default(), handler)
    }

    /// The same with limits of its own.
    #[must_use]
    pub fn handle_with(mut self, pattern: &str, options: HandlerOptions, handler: impl Handler) -> Self {
        if let Err(error) = self.handlers.add(pattern, handler, options) {
            self.refused.get_or_insert(error);
        }
        self
    }

    /// Reads the command line and does what it says: `dev`, `solo`, `api`, `worker`, `migrate`, `config`.
    pub fn main(self) -> ExitCode {
        let matches = cli::command("eventflow", env!("CARGO_PKG_VERSION")).get_matches();
        let Some(asked) = cli::read(&matches) else {
            return ExitCode::from(2);
        };
        match self.start(&asked) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                // Nobody may be there to read it; the exit code stands.
                let _ = writeln!(std::io::stderr(), "eventflow: {error:#}");
                ExitCode::from(if is_config(&error) { CONFIG_EXIT } else { 1 })
            }
        }
    }

    fn start(self, asked: &Asked) -> anyhow::Result<()> {
        if let Some(error) = self.refused {
            return Err(error.into());
        }
        let values = Values::gather(&asked.sources)?;
        match asked.command {
            Verb::Config { role, json } => {
                Config::check(&values, role)?;
                print_config(&values, json)
            }
            Verb::Migrate => {
                let config = Config::check(&values, Role::Solo)?;
                telemetry::start(&config.log)?;
                let said = blocking(backends::migrate(&config))?;
                writeln!(std::io::stdout(), "{said}")?;
                Ok(())
            }
            Verb::Run(role) => {
                let config = Config::check(&values, role)?;
                telemetry::start(&config.log)?;
                blocking(run::run(config, role, self.handlers))
            }
        }
    }
}

/// Whether starting again is of no use before somebody has changed something.
fn is_config(error: &anyhow::Error) -> bool {
    error.is::<ConfigError>()
        || error.is::<HandlerError>()
        || error.is::<Refused>()
        || matches!(error.downcast_ref(), Some(WorkerError::Tie(..)))
}

fn print_config(values: &Values, json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let written = if json {
        show::lines(values, &mut out)
    } else {
        show::table(values, &mut out)
    };
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

fn blocking<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    // Both TLS stacks of the house use ring; an error says that a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(work);
    runtime.shutdown_timeout(LINGER);
    result
}
