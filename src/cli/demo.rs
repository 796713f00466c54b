//! `demo`: the simulator and the exporter against it, both on loopback.

use std::{
    io::{self, Write as _},
    time::Duration,
};

use super::{
    Failure, ListenAddress, LogArgs, REVISION, block_on,
    listen::{self, reachable},
};
use crate::{
    app::{self, App, History},
    baseline::calendar::Calendar,
    clock::Clock,
    collect::{
        self, Contact, GeoZone, Language, ListedDepartment, Schedule, Tenant, UserStatistics,
    },
    day::Zone,
    diagnose::STATISTICS_DEPTH_MAX,
    feishu::{self, DepartmentIdType, Limits},
    secret::{Secret, SecretSource},
    server,
    shutdown::Shutdown,
    usage::{FigureSet, Geo},
};
use feishu_simulator::{self as simulator, Endpoint, Handle, Limit, Simulator};

/// Nobody else asks the simulator, so that the picture is there within seconds.
const REQUESTS_PER_SECOND: f64 = 100.0;
/// How often what changes slowly is asked for.
const REFRESH_INTERVAL: Duration = Duration::from_secs(24 * 3600);

/// Show a full, working picture: the exporter against an embedded simulator of the API.
///
/// Needs no credentials, no configuration and no network. The URLs to open are printed.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
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

    /// Address to listen on; repeatable.
    #[arg(
        long = "web.listen-address",
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:10917",
        value_delimiter = ','
    )]
    pub listen_addresses: Vec<ListenAddress>,

    /// How it logs.
    #[command(flatten)]
    pub log: LogArgs,
}

pub(super) fn run(args: &Args, shutdown: Shutdown) -> Result<(), Failure> {
    args.log.init()?;
    block_on(async {
        let simulator = Simulator::bind(([127, 0, 0, 1], 0).into(), company(args)).await?;
        let (api, company) = (simulator.base_url(), simulator.handle());
        let options = app::Options {
            collect: collect::Options {
                tenants: vec![tenant(&api, &company)],
                series_limit: 2_000_000,
            },
            server: server::Options::on(listen::open(
                "--web.listen-address",
                &args.listen_addresses,
            )?),
            history: History::Memory,
            reload: None,
            revision: REVISION,
        };
        let app = App::bind(options, Clock::system())?;
        writeln!(io::stdout(), "A simulated company, and an exporter that collects from it:\n")?;
        for address in app.local_addrs().into_iter().map(reachable) {
            writeln!(
                io::stdout(),
                "  http://{address}/            what is collected, and how well"
            )?;
            writeln!(io::stdout(), "  http://{address}/metrics     what Prometheus scrapes")?;
        }
        writeln!(io::stdout(), "  {api}/_simulator/  what the company holds\n\nStop with Ctrl-C.")?;
        let simulating = tokio::spawn(simulator.run(shutdown.clone().wait()));
        app.run(shutdown).await.map_err(Failure::failed)?;
        simulating.await.map_err(Failure::failed)
    })
}

fn company(args: &Args) -> simulator::Options {
    simulator::Options {
        seed: args.seed,
        departments: args.departments as usize,
        limits: Endpoint::ALL.map(|endpoint| (endpoint, Limit::NONE)).into(),
        ..simulator::Options::default()
    }
}

/// Every department of the company that has statistics, each asked for by itself.
fn tenant(base_url: &str, company: &Handle) -> Tenant {
    let with_statistics = company
        .departments()
        .into_iter()
        .filter(|d| (1..=STATISTICS_DEPTH_MAX.into()).contains(&d.depth));
    let name = "demo".to_owned();
    let credentials = simulator::Options::default();
    Tenant {
        api: feishu::Options {
            tenant: name.clone(),
            base_url: base_url.to_owned(),
            ca_file: None,
            app_id: credentials.app_id,
            app_secret: SecretSource::Inline(Secret::new(credentials.app_secret)),
            department_id_type: DepartmentIdType::OpenDepartmentId,
            limits: Limits {
                requests_per_second: REQUESTS_PER_SECOND,
                requests_per_minute: Some(u32::MAX),
                concurrency: 16,
                timeout: Duration::from_secs(30),
                requests_per_month: 0,
            },
        },
        name,
        geos: vec![GeoZone { geo: Geo::Local, zone: Zone::shanghai() }],
        product_versions: true,
        total_version_names: Vec::new(),
        rates: None,
        figures: FigureSet::all(),
        departments: with_statistics
            .map(|d| ListedDepartment { id: d.open_department_id.clone(), include_children: false })
            .collect(),
        min_department_users: 0,
        calendar: Calendar::default(),
        schedule: Schedule::default(),
        discovery: None,
        request_grouping: true,
        directory: Some(REFRESH_INTERVAL),
        contact: Some(Contact {
            language: Language::default(),
            refresh_interval: REFRESH_INTERVAL,
        }),
        members: Some(REFRESH_INTERVAL),
        user_statistics: Some(UserStatistics { min_group_size: 10 }),
    }
}
