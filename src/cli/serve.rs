//! `serve`: collect in the background and serve `/metrics`.

use super::{ConfigArgs, Failure, ListenAddress, REVISION, WebArgs, block_on, listen};
use crate::{
    app::{self, App, History},
    clock::Clock,
    config::Loaded,
    server,
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

pub(super) fn run(args: &Args, shutdown: Shutdown) -> Result<(), Failure> {
    let clock = Clock::system();
    let Loaded { options, origin, .. } = args.config.begin(&clock)?;
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
    let sockets = listen::open("--web.listen-address", &args.listen_addresses)?;
    let server = args.web.apply(server::Options {
        telemetry_path: args.telemetry_path.clone(),
        max_requests: args.max_requests.into(),
        ..server::Options::on(sockets)
    })?;
    let scheme = if server.access.tls().is_some() { "https" } else { "http" };
    let options = app::Options { collect: options, server, history, revision: REVISION };
    block_on(async {
        let app = App::bind(options, clock)?;
        for address in app.local_addrs() {
            tracing::info!(%address, "Listening on {scheme}://{address}");
        }
        app.run(shutdown).await.map_err(Failure::failed)?;
        tracing::info!("Stopped");
        Ok(())
    })
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
