//! The binary `feishu-alert-relay`.

#![forbid(unsafe_code)]

use std::{
    fs,
    io::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use clap::Parser;
use feishu_alert_relay::{
    bot::Bot,
    server::{self, Chat, Relay},
};
use jiff::tz::TimeZone;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

/// Brings Alertmanager's alerts into a group chat of Feishu or Lark.
///
/// In the chat: Settings → Bots → Add a custom bot, with its signature switched on. In
/// Alertmanager: a receiver with `webhook_configs: [{url: http://127.0.0.1:10919/}]`.
#[derive(Debug, Parser)]
#[command(name = "feishu-alert-relay", version, max_term_width = 100)]
struct Args {
    /// Address to listen on. Whoever reaches it can write into the chat.
    #[arg(
        long = "web.listen-address",
        env = "FEISHU_ALERT_RELAY_WEB_LISTEN_ADDRESS",
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:10919"
    )]
    listen: SocketAddr,

    /// File with the bot's address, which is a secret.
    #[arg(
        long = "bot.url-file",
        env = "FEISHU_ALERT_RELAY_BOT_URL_FILE",
        value_name = "FILE",
        required_unless_present = "print"
    )]
    url_file: Option<PathBuf>,

    /// File with the bot's secret, with which messages are signed; without it they are not.
    #[arg(
        long = "bot.secret-file",
        env = "FEISHU_ALERT_RELAY_BOT_SECRET_FILE",
        value_name = "FILE"
    )]
    secret_file: Option<PathBuf>,

    /// Print the cards instead of sending them.
    #[arg(long, conflicts_with = "url_file")]
    print: bool,

    /// Time zone in which the cards tell times.
    #[arg(
        long = "time-zone",
        env = "FEISHU_ALERT_RELAY_TIME_ZONE",
        value_name = "ZONE",
        default_value = "Asia/Shanghai",
        value_parser = zone
    )]
    zone: TimeZone,
}

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            log(&why);
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<(), String> {
    let chat = match &args.url_file {
        Some(url) => {
            let secret = args.secret_file.as_deref().map(read).transpose()?;
            Chat::Bot(Bot::new(&read(url)?, secret)?)
        }
        None => Chat::Print,
    };
    let relay = Arc::new(Relay { chat, zone: args.zone, log });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|e| e.to_string())?.block_on(async {
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
        let (Ok(terminate), Ok(interrupt)) = (&mut terminate, &mut interrupt) else {
            return Err("cannot wait for signals".to_owned());
        };
        let listener = TcpListener::bind(args.listen)
            .await
            .map_err(|error| format!("cannot listen on {}: {error}", args.listen))?;
        let address = listener.local_addr().map_err(|e| e.to_string())?;
        log(&format!("listening on http://{address}/"));
        tokio::select! {
            () = server::serve(listener, relay) => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    })
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| "write a name like Asia/Shanghai or UTC".to_owned())
}

/// One line on standard error; nobody is left to tell if that fails.
fn log(line: &str) {
    let _ = writeln!(io::stderr(), "feishu-alert-relay: {line}");
}
