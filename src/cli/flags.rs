//! Flags that several commands share.

use std::{
    io,
    path::{Path, PathBuf},
};

use clap::builder::{OsStringValueParser, PossibleValuesParser, TypedValueParser};

use super::{Failure, progress::say};
use crate::{
    app::History,
    clock::Clock,
    collect,
    config::{self, Environment, Loaded, Problems, Source},
    day::Day,
    logging::{self, Format, Level},
};

/// The value of `--storage.path` that switches the store off; an empty flag does as well.
const NO_STORE: &str = "none";

const CONFIG_FILE_HELP: &str = "\
Configuration file [default: feishu-exporter.yml]

Without the flag and without that file, one tenant can be given by the variables FEISHU_APP_ID, \
FEISHU_APP_SECRET or FEISHU_APP_SECRET_FILE, FEISHU_BASE_URL, FEISHU_STATISTICS_TIME_ZONE and \
FEISHU_DEPARTMENTS.";

/// The flags of every command that reads the configuration.
#[derive(Clone, Debug, clap::Args)]
pub struct ConfigArgs {
    /// Configuration file [default: feishu-exporter.yml].
    #[arg(
        long = "config.file",
        long_help = CONFIG_FILE_HELP,
        env = "FEISHU_EXPORTER_CONFIG_FILE",
        value_name = "FILE",
        hide_env_values = true
    )]
    pub config_file: Option<PathBuf>,

    /// Directory for fetched days. `none`: nothing is kept beyond the process, and there are no
    /// baselines; a directory of that name is `./none`.
    #[arg(
        long = "storage.path",
        env = "FEISHU_EXPORTER_STORAGE_PATH",
        value_name = "DIR",
        default_value = "data",
        hide_env_values = true,
        // The parser of paths refuses an empty one.
        value_parser = OsStringValueParser::new().map(PathBuf::from)
    )]
    pub storage_path: PathBuf,

    /// How it logs.
    #[command(flatten)]
    pub log: LogArgs,
}

/// The flags of every command that logs.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct LogArgs {
    /// Least severity that is logged.
    #[arg(
        long = "log.level",
        env = "FEISHU_EXPORTER_LOG_LEVEL",
        value_name = "LEVEL",
        default_value = "info",
        hide_env_values = true,
        value_parser = PossibleValuesParser::new(Level::NAMES).try_map(|text| text.parse::<Level>())
    )]
    pub log_level: Level,

    /// How a log line is written.
    #[arg(
        long = "log.format",
        env = "FEISHU_EXPORTER_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "logfmt",
        hide_env_values = true,
        value_parser = PossibleValuesParser::new(Format::NAMES)
            .try_map(|text| text.parse::<Format>())
    )]
    pub log_format: Format,
}

/// The environment of this process.
#[derive(Clone, Copy, Debug)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn get(&self, name: &str) -> Option<String> {
        std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
    }
}

impl ConfigArgs {
    /// Where to look for the configuration.
    #[must_use]
    pub fn source(&self) -> Source {
        self.config_file.clone().map_or(Source::Default, Source::File)
    }

    /// Reads the configuration from the file or the environment.
    ///
    /// # Errors
    /// If there is none, or with every mistake in it.
    pub fn load(&self, clock: &Clock) -> Result<Loaded, Problems> {
        config::load(&self.source(), &ProcessEnvironment, clock.now())
    }

    /// Reads the configuration, begins to log, and logs what is probably not meant.
    ///
    /// # Errors
    /// As [`Self::load`], and if no thread can be started for the log.
    pub fn begin(&self, clock: &Clock) -> Result<Loaded, Failure> {
        let loaded = self.load(clock)?;
        self.log.init()?;
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        Ok(loaded)
    }

    /// As [`Self::begin`] for a command that tells at its end what failed, and tries once: the
    /// collector's own words, with next attempts that nobody makes, are logged from `debug` on.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub fn begin_quietly(&self, clock: &Clock) -> Result<Loaded, Failure> {
        let loaded = self.load(clock)?;
        let level = match self.log.log_level {
            Level::Info | Level::Warn => Level::Error,
            other => other,
        };
        LogArgs { log_level: level, ..self.log }.init()?;
        if self.log.log_level != Level::Error {
            loaded.warnings.iter().for_each(|warning| say(&format!("warning: {warning}")));
        }
        Ok(loaded)
    }

    /// Switches off what needs a store, where there is none.
    pub fn without_store(&self, options: &mut collect::Options) {
        if self.history() == History::Nowhere {
            options.tenants.iter_mut().for_each(|tenant| {
                tenant.schedule.baseline_weeks = 0;
                tenant.schedule.judgement = false;
            });
        }
    }

    /// Where fetched days are kept.
    #[must_use]
    pub fn history(&self) -> History {
        match self.storage_path.as_os_str().is_empty() || self.storage_path == Path::new(NO_STORE) {
            true => History::Nowhere,
            false => History::Directory(self.storage_path.clone()),
        }
    }
}

/// A day of an argument.
pub(super) fn day(text: &str) -> Result<Day, String> {
    let is_iso = text.len() == 10;
    text.parse()
        .ok()
        .filter(|_| is_iso)
        .ok_or_else(|| "write a day of the calendar as YYYY-MM-DD, such as 2026-11-27".to_owned())
}

impl LogArgs {
    /// Begins to log.
    ///
    /// # Errors
    /// If no thread can be started for it.
    pub fn init(self) -> io::Result<()> {
        logging::init(self.log_level, self.log_format)
    }
}
