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
    match args.shell {
        // clap_complete 4.6 names the states of commands in one way and looks for them in another,
        // where the program's name has a hyphen; without this no flag of a command is completed.
        Shell::Bash => script = script.replace("feishu__subcmd__exporter", "feishu__exporter"),
        Shell::Fish => script = told_by_its_name(&script),
        _ => {}
    }
    io::stdout().write_all(script.as_bytes())?;
    Ok(())
}

/// `clap_complete` finds the command by fish's `argparse`, which takes no dot in a flag's name, so that
/// nothing at all is completed. It is found by its name instead.
fn told_by_its_name(script: &str) -> String {
    const BEGIN: &str = "    argparse -s ";
    const END: &str = "    return 0\nend\n";
    let Some((head, rest)) = script.split_once(BEGIN) else { return script.to_owned() };
    let Some((_, tail)) = rest.split_once(END) else { return script.to_owned() };
    let command = super::command();
    let names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    let names = names.join(" ");
    format!(
        "{head}    for word in $cmd\n        if contains -- $word {names} help\n            \
         echo $word\n            return 1\n        end\n    end\n{END}{tail}"
    )
}
