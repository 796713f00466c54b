//! `serve`: collect in the background and serve `/metrics`.

use std::sync::Arc;

use clap::builder::BoolishValueParser;

use super::{
    ConfigArgs, Failure, ListenAddress, REVISION, WebArgs, block_on, listen, process::HangUps,
    systemd,
};
use crate::{
    app::{self, App, History, Manager, Reader, Reload},
    clock::Clock,
    config::Loaded,
    server::{self, ConfigText, Reloads},
    shutdown::Shutdown,
};

/// Collect in the background and serve /metrics (the default).
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigArgs,

    /// Address to listen on; repeatable. Without a host: all interfaces.
    #[arg(
        long = "web.listen-address",
        env = "FEISHU_EXPORTER_WEB_LISTEN_ADDRESS",
        value_name = "HOST:PORT",
        default_value = ":10917",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub listen_addresses: Vec<ListenAddress>,

    /// Serve on the sockets that systemd hands over, in place of --web.listen-address.
    #[arg(
        long = "web.systemd-socket",
        env = "FEISHU_EXPORTER_WEB_SYSTEMD_SOCKET",
        hide_env_values = true,
        value_parser = BoolishValueParser::new()
    )]
    pub systemd_socket: bool,

    /// Path under which the metrics are served.
    #[arg(
        long = "web.telemetry-path",
        env = "FEISHU_EXPORTER_WEB_TELEMETRY_PATH",
        value_name = "PATH",
        default_value = "/metrics",
        hide_env_values = true,
        value_parser = telemetry_path
    )]
    pub telemetry_path: String,

    /// Scrapes answered at once; more get 503.
    #[arg(
        long = "web.max-requests",
        env = "FEISHU_EXPORTER_WEB_MAX_REQUESTS",
        value_name = "N",
        default_value_t = 40,
        hide_env_values = true,
        value_parser = clap::value_parser!(u16).range(1..=10_000)
    )]
    pub max_requests: u16,

    /// Read the configuration again on POST or PUT to /-/reload, beside SIGHUP.
    #[arg(
        long = "web.enable-lifecycle",
        env = "FEISHU_EXPORTER_WEB_ENABLE_LIFECYCLE",
        hide_env_values = true,
        value_parser = BoolishValueParser::new()
    )]
    pub enable_lifecycle: bool,

    /// Who may read the pages, over what, and where they are.
    #[command(flatten)]
    pub web: WebArgs,
}

/// A path that no other page has.
fn telemetry_path(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_graphic() && !b"?#%\"<>\\".contains(&b);
    if !text.starts_with('/') || !text.bytes().all(plain) {
        return Err("begin it with a slash, without blanks, ? or #".to_owned());
    }
    if text == "/" || ["/-/", "/api/"].iter().any(|taken| text.starts_with(taken)) {
        return Err("that path is taken by another page".to_owned());
    }
    Ok(text.to_owned())
}

pub(super) fn run(args: &Args, shutdown: Shutdown, hang_ups: HangUps) -> Result<(), Failure> {
    let clock = Clock::system();
    let Loaded { options, origin, text, .. } = args.config.begin(&clock)?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        revision = REVISION,
        "Starting with {origin}"
    );
    let history = args.config.history();
    if history == History::Nowhere {
        tracing::info!(
            "No history is kept, as --storage.path says: there are no baselines, and a restart \
             fetches again"
        );
    }
    let sockets = match args.systemd_socket {
        true => systemd::sockets()?,
        false => listen::open("--web.listen-address", &args.listen_addresses)?,
    };
    let (reloads, requests) = server::reloads();
    let config = ConfigText::new(text, Some(origin.to_string()), clock.now());
    let server = args.web.apply(server::Options {
        reloads: args.enable_lifecycle.then(|| reloads.clone()),
        telemetry_path: args.telemetry_path.clone(),
        max_requests: args.max_requests.into(),
        config: config.clone(),
        ..server::Options::on(sockets)
    })?;
    let scheme = if server.access.tls().is_some() { "https" } else { "http" };
    let read = reader(args.config.clone(), clock.clone(), config.clone());
    let reload = Reload { read, requests, manager: manager() };
    let options = app::Options {
        collect: options,
        server,
        history,
        reload: Some(reload),
        revision: REVISION,
    };
    block_on(async {
        tokio::spawn(reload_on_signals(hang_ups, reloads, config, clock.clone()));
        let app = App::bind(options, clock)?;
        for address in app.local_addrs() {
            tracing::info!(%address, "Listening on {scheme}://{address}");
        }
        app.run(shutdown).await.map_err(Failure::failed)?;
        tracing::info!("Stopped");
        Ok(())
    })
}

fn manager() -> Manager {
    Manager { tell: systemd::tell, alive_every: systemd::alive_every() }
}

/// Reads the configuration that the flags name.
fn reader(config: ConfigArgs, clock: Clock, shown: ConfigText) -> Reader {
    Arc::new(move || {
        let loaded = config.load(&clock).map_err(|problems| problems.to_string())?;
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        shown.propose(loaded.text);
        Ok(loaded.options)
    })
}

/// Asks for a reload on each SIGHUP; what comes of it is in the log.
async fn reload_on_signals(
    mut hang_ups: HangUps,
    reloads: Reloads,
    config: ConfigText,
    clock: Clock,
) {
    while hang_ups.recv().await.is_some() {
        match reloads.ask().await {
            Ok(_) => config.accept(clock.now()),
            Err(_) => config.refuse(clock.now()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metrics_have_a_path_of_their_own() {
        for path in ["/metrics", "/probe/metrics", "/m"] {
            assert_eq!(telemetry_path(path).as_deref(), Ok(path));
        }
        for path in ["", "metrics", "/", "/-/healthy", "/api/v1/status", "/m?x", "/a b", "/é"] {
            assert!(telemetry_path(path).is_err(), "{path}");
        }
    }
}
