//! `simulate`: the simulator alone, for trying other tools.

use std::{
    io::{self, Write},
    net::SocketAddr,
};

use jiff::Timestamp;

use crate::{
    shutdown::Shutdown,
    simulator::{Options, Simulator},
};

/// Serves a made-up company over the Feishu API, with statistics that any client can ask for
#[derive(Clone, Debug, clap::Args)]
pub struct Simulate {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1:10918", value_name = "ADDRESS")]
    pub listen_address: SocketAddr,
    /// Id of the app that may ask
    #[arg(long, default_value = "cli_demo", value_name = "ID")]
    pub app_id: String,
    /// Secret of the app
    #[arg(long, default_value = "demo-secret", value_name = "SECRET")]
    pub app_secret: String,
    /// Departments of the company
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub departments: usize,
    /// Decides every name and figure
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// The instant at which the simulator's clock starts; without it, the present
    #[arg(long, value_name = "RFC3339")]
    pub now: Option<Timestamp>,
}

impl Simulate {
    /// Serves until the stop signal.
    ///
    /// # Errors
    ///
    /// The address can't be listened on, the number of departments is out of range, or standard
    /// output is closed.
    pub async fn run(self, shutdown: Shutdown) -> io::Result<()> {
        let options = Options {
            seed: self.seed,
            departments: self.departments,
            now: self.now,
            app_id: self.app_id,
            app_secret: self.app_secret,
            ..Options::default()
        };
        let simulator = Simulator::bind(self.listen_address, options).await?;
        let url = simulator.base_url();
        writeln!(io::stdout(), "Serving the API on {url}; see {url}/_simulator/")?;
        simulator.run(shutdown).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command, FromArgMatches};

    use super::*;
    use crate::shutdown;

    fn parse(flags: &[&str]) -> Simulate {
        let command = Simulate::augment_args(Command::new("simulate").no_binary_name(true));
        Simulate::from_arg_matches(&command.try_get_matches_from(flags).unwrap()).unwrap()
    }

    #[test]
    fn without_flags_it_is_the_company_of_the_documentation() {
        let simulate = parse(&[]);
        assert_eq!(simulate.listen_address, ([127, 0, 0, 1], 10918).into());
        let options = Options::default();
        assert_eq!((simulate.app_id, simulate.app_secret), (options.app_id, options.app_secret));
        assert_eq!((simulate.departments, simulate.seed), (options.departments, options.seed));
        assert_eq!(simulate.now, None);
    }

    #[tokio::test]
    async fn it_serves_until_it_is_stopped() {
        let (trigger, shutdown) = shutdown::channel();
        let flags = ["--listen-address", "127.0.0.1:0", "--now", "2026-11-23T09:31:00+08:00"];
        let running = tokio::spawn(parse(&flags).run(shutdown));
        trigger.stop();
        running.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn too_many_departments_are_refused() {
        let (_trigger, shutdown) = shutdown::channel();
        let flags = ["--listen-address", "127.0.0.1:0", "--departments", "5001"];
        let error = parse(&flags).run(shutdown).await.unwrap_err();
        assert!(error.to_string().contains("1..=5000"), "{error}");
    }
}
