//! What every command is given: the API, and a place to write.

use eventflow_wire::Client;

use crate::cli::Globals;
use crate::failure::Failure;
use crate::output::Out;

/// The surroundings of a command.
pub(crate) struct Context {
    /// The API.
    pub(crate) client: Client,
    /// The token to present.
    pub(crate) token: Option<String>,
    /// stdout.
    pub(crate) out: Out,
}

impl Context {
    /// What `--api`, `--token` and `--json` ask for.
    pub(crate) fn new(globals: &Globals) -> Result<Self, Failure> {
        let token = globals.token.as_deref().filter(|token| !token.is_empty());
        if token.is_some_and(|token| !token.bytes().all(|b| b.is_ascii_graphic())) {
            return Err(Failure::Usage(
                "the token has characters that no token has: look at --token and EVENTFLOW_TOKEN".into(),
            ));
        }
        Ok(Self {
            client: Client::new(&globals.api, token)?,
            token: token.map(str::to_owned),
            out: Out::stdout(globals.json),
        })
    }
}

/// Ends at ^C.
pub(crate) async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Nobody listens for it then, and it ends the process by itself.
        std::future::pending::<()>().await;
    }
}
