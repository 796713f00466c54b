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
mod process;
mod progress;
mod running;
pub mod serve;
pub mod simulate;
mod systemd;
mod web;

use std::{ffi::OsString, process::ExitCode, sync::LazyLock, time::Duration};

use clap::{
    Arg, CommandFactory, FromArgMatches, Parser, Subcommand,
    builder::{OsStr, Resettable},
};

use self::process::{HangUps, Process, Stop};
pub use self::{
    failure::Failure,
    flags::{ConfigArgs, LogArgs, ProcessEnvironment},
    listen::ListenAddress,
    web::WebArgs,
};
use crate::{input, logging, shutdown::Shutdown};

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
    // Before anything else: process 1 of a container has no default answer to a signal.
    let process = match Process::start() {
        Ok(process) => process,
        Err(error) => return Failure::failed(error).report(),
    };
    match parse(args) {
        Ok(cli) => {
            let command = cli.command.unwrap_or(Command::Serve(cli.serve));
            let ended = process
                .run(command.stop(), move |shutdown, hang_ups| command.run(shutdown, hang_ups));
            logging::flush();
            ended.map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS)
        }
        Err(answer) => {
            // Also the way of --help and --version. If nobody reads the answer, nobody misses it.
            let _ = answer.print();
            u8::try_from(answer.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
        }
    }
}

/// Reads arguments and variables.
fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut command = with_clean_variables(command());
    let matches = command.try_get_matches_from_mut(args)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Variables as they are meant: one that is empty counts as not set, and what an editor or a shell
/// added at the ends is dropped.
fn with_clean_variables(command: clap::Command) -> clap::Command {
    command.mut_args(with_clean_variable).mut_subcommands(with_clean_variables)
}

fn with_clean_variable(argument: Arg) -> Arg {
    let value = argument.get_env().and_then(std::env::var_os);
    let Some(given) = value.as_deref().and_then(std::ffi::OsStr::to_str) else { return argument };
    match input::trim(given) {
        "" => argument.env(Resettable::<OsStr>::Reset),
        clean if clean == given => argument,
        clean => argument.env(Resettable::<OsStr>::Reset).default_value(clean.to_owned()),
    }
}

/// The command line as data: the completions and `docs/configuration.md` are made from it.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

impl Command {
    fn run(&self, shutdown: Shutdown, hang_ups: HangUps) -> Result<(), Failure> {
        match self {
            Self::Serve(args) => serve::run(args, shutdown, hang_ups),
            Self::Demo(args) => demo::run(args, shutdown),
            Self::Simulate(args) => simulate::run(args, shutdown),
            Self::CheckConfig(args) => check_config::run(args),
            Self::Doctor(args) => doctor::run(args),
            Self::Discover(args) => discover::run(args),
            Self::Collect(args) => collect::run(args),
            Self::Backfill(args) => backfill::run(args, shutdown),
            Self::Healthcheck(args) => healthcheck::run(args),
            Self::Completions(args) => completions::run(args),
            Self::Man(args) => man::run(args),
        }
    }

    const fn stop(&self) -> Stop {
        match self {
            Self::Serve(_) | Self::Demo(_) | Self::Simulate(_) => Stop::Service,
            // It removes what it has not finished to write.
            Self::Backfill(_) => Stop::InOrder,
            _ => Stop::AtOnce,
        }
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
