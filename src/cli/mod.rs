//! The command line: one file per command, each with its arguments and `run`.
//!
//! Only this room reads the process' environment and writes to its standard output.

pub mod backfill;
pub mod check_config;
pub mod collect;
pub mod completions;
mod costs;
pub mod demo;
pub mod discover;
pub mod doctor;
mod failure;
mod flags;
pub mod healthcheck;
mod listen;
pub mod man;
mod plain;
mod progress;
pub mod serve;
pub mod simulate;

use std::{ffi::OsString, process::ExitCode, sync::LazyLock, time::Duration};

use clap::{CommandFactory, Parser, Subcommand};

pub use self::{
    failure::Failure,
    flags::{ConfigArgs, LogArgs, ProcessEnvironment},
    listen::ListenAddress,
};

/// The source revision that the binary was built from; set `FEISHU_EXPORTER_REVISION` at build
/// time.
pub const REVISION: &str = match option_env!("FEISHU_EXPORTER_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

static VERSION: LazyLock<String> =
    LazyLock::new(|| format!("{} (revision {REVISION})", env!("CARGO_PKG_VERSION")));

/// Prometheus exporter for the activity statistics of Feishu and Lark.
///
/// Without a command it serves: `feishu-exporter --config.file=FILE` is `feishu-exporter serve
/// --config.file=FILE`.
#[derive(Debug, Parser)]
#[command(
    name = "feishu-exporter",
    version = VERSION.as_str(),
    args_conflicts_with_subcommands = true,
    after_help = EXAMPLES,
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::Args,
}

const EXAMPLES: &str = "\
Examples:
  feishu-exporter demo                  a full picture without credentials or configuration
  feishu-exporter check-config          what the configuration means, and every mistake in it
  feishu-exporter doctor                what works with the configured credentials, and what not
  feishu-exporter --config.file=/etc/feishu-exporter.yml
                                        serve /metrics on port 10917

Exit status: 0 done, 1 it ran and failed, 2 bad usage or bad configuration.";

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Demo(demo::Args),
    Simulate(simulate::Args),
    CheckConfig(check_config::Args),
    Doctor(doctor::Args),
    Discover(discover::Args),
    Collect(collect::Args),
    Backfill(backfill::Args),
    Healthcheck(healthcheck::Args),
    Completions(completions::Args),
    #[command(hide = true)]
    Man(man::Args),
}

/// Runs the command that the arguments name, the program's name first.
///
/// What goes wrong is printed here, once; the exit status is 0, 1 or 2.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match Cli::try_parse_from(args) {
        Ok(cli) => dispatch(cli).map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS),
        Err(answer) => {
            // Also the way of --help and --version. If nobody reads the answer, nobody misses it.
            let _ = answer.print();
            u8::try_from(answer.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
        }
    }
}

/// The command line as data: the completions and `docs/configuration.md` are made from it.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

fn dispatch(cli: Cli) -> Result<(), Failure> {
    match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(args) => serve::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::CheckConfig(args) => check_config::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Discover(args) => discover::run(&args),
        Command::Collect(args) => collect::run(&args),
        Command::Backfill(args) => backfill::run(&args),
        Command::Healthcheck(args) => healthcheck::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}

/// Runs a command on a runtime of its own.
fn block_on<F: Future<Output = Result<(), Failure>>>(command: F) -> Result<(), Failure> {
    // Two threads: scrapes are copies, and rendering has threads of its own.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let result = runtime.block_on(command);
    // A task that does not end must not hold up the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_flag_of_serve_has_its_environment_variable() {
        let command = command();
        let serve = command.find_subcommand("serve").unwrap();
        for argument in serve.get_arguments().filter(|a| a.get_id() != "help") {
            let flag = argument.get_long().unwrap();
            let variable =
                format!("FEISHU_EXPORTER_{}", flag.to_uppercase().replace(['.', '-'], "_"));
            assert_eq!(argument.get_env().unwrap(), variable.as_str());
        }
    }
}
