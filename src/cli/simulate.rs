//! `simulate`: the simulator of the API alone.

use std::io::{self, Write as _};

use jiff::Timestamp;

use super::{Failure, ListenAddress, LogArgs, block_on, listen::reachable};
use crate::shutdown::Shutdown;
use feishu_simulator::{Options, Simulator};

/// Run the simulator of the API alone, for trying other tools.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Address to listen on.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:10918")]
    pub listen_address: ListenAddress,

    /// App id that it accepts.
    #[arg(long, value_name = "ID", default_value = "cli_demo")]
    pub app_id: String,

    /// App secret that it accepts. It guards nothing: do not give it a real one.
    #[arg(long, value_name = "SECRET", default_value = "demo-secret")]
    pub app_secret: String,

    /// Departments of the simulated tenant.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 20,
        value_parser = clap::value_parser!(u32).range(1..=5_000)
    )]
    pub departments: u32,

    /// Seed of the simulated figures; the same seed gives the same figures.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// Instant at which its clock starts, such as 2026-11-22T10:00:00+08:00 [default: now].
    #[arg(long, value_name = "RFC3339")]
    pub now: Option<Timestamp>,

    /// How it logs.
    #[command(flatten)]
    pub log: LogArgs,
}

pub(super) fn run(args: &Args, shutdown: Shutdown) -> Result<(), Failure> {
    args.log.init()?;
    let options = Options {
        seed: args.seed,
        departments: args.departments as usize,
        now: args.now,
        app_id: args.app_id.clone(),
        app_secret: args.app_secret.clone(),
        ..Options::default()
    };
    block_on(async {
        let addresses = args.listen_address.addresses()?;
        let address =
            addresses.first().copied().ok_or_else(|| Failure::usage("the address has no host"))?;
        let simulator = Simulator::bind(address, options).await.map_err(|error| {
            Failure::failed(format!(
                "--listen-address: cannot simulate on {address}: {error}; if another program has \
                 this port, choose another"
            ))
        })?;
        let url = format!("http://{}", reachable(simulator.local_addr()));
        writeln!(
            io::stdout(),
            "Feishu API simulator: {url} (app id {}; what it holds: {url}/_simulator/)",
            args.app_id,
        )?;
        simulator.run(shutdown.wait()).await;
        Ok(())
    })
}
