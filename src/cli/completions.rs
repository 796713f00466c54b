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
    io::stdout().write_all(&script)?;
    Ok(())
}
