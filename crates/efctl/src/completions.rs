//! `efctl completions`: a script that teaches a shell the commands.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::context::Context;
use crate::failure::Failure;

pub(crate) const EXAMPLES: &str = "\
Examples:
  efctl completions bash > ~/.local/share/bash-completion/completions/efctl
  efctl completions zsh > ~/.zfunc/_efctl
  efctl completions fish > ~/.config/fish/completions/efctl.fish";

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(context: &mut Context, args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "efctl", &mut script);
    context.out.text(&String::from_utf8_lossy(&script))
}
