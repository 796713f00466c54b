//! `completions`: what a shell must know to complete the command line.

use std::io::{self, Write};

use clap_complete::Shell;

use super::Failure;

/// Print completions for a shell.
///
/// For bash: feishu-exporter completions bash > /etc/bash_completion.d/feishu-exporter
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The shell.
    shell: Shell,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "feishu-exporter", &mut script);
    let mut script = String::from_utf8(script).map_err(Failure::failed)?;
    if args.shell == Shell::Bash {
        // clap_complete 4.6 names the states of commands in one way and looks for them in another,
        // where the program's name has a hyphen; without this no flag of a command is completed.
        script = script.replace("feishu__subcmd__exporter", "feishu__exporter");
    }
    io::stdout().write_all(script.as_bytes())?;
    Ok(())
}
