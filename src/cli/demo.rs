//! `demo`: the simulator and the exporter against it, both on loopback.

use std::{
    cmp::Reverse,
    collections::HashSet,
    io::{self, Write as _},
    sync::Arc,
    time::Duration,
};

use serde_json::json;

use super::{
    Failure, ListenAddress, LogArgs, REVISION, block_on,
    listen::{self, reachable},
};
use crate::{
    app::{self, App, History},
    baseline::calendar::Calendar,
    clock::Clock,
    collect::{
        self, Contact, GeoZone, Language, ListedDepartment, Schedule, Source, Tenant,
        UserStatistics,
    },
    day::{Zone, after},
    diagnose::STATISTICS_DEPTH_MAX,
    feishu::{self, DepartmentIdType, Limits},
    secret::{Secret, SecretSource},
    server,
    shutdown::Shutdown,
    usage::{FigureSet, Geo},
};
use feishu_simulator::{self as simulator, Endpoint, Fault, Handle, Kind, Limit, Simulator};

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

    /// Beside the calm picture four departments in trouble: one refused, one late, one that dropped
    /// by half, one renamed.
    #[arg(long)]
    pub with_faults: bool,

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
        let tenant = tenant(&api, &company);
        let planted = match args.with_faults {
            true => plant(&company, &tenant)?,
            false => Vec::new(),
        };
        let options = app::Options {
            collect: collect::Options { tenants: vec![tenant.clone()], series_limit: 2_000_000 },
            server: server::Options::on(listen::open(
                "--web.listen-address",
                &args.listen_addresses,
            )?),
            history: History::Memory,
            reload: None,
            revision: REVISION,
        };
        let app = App::bind(options, Clock::system())?;
        let collected = tenant.departments.len();
        writeln!(io::stdout(), "A simulated company, and an exporter that collects from it:\n")?;
        for address in app.local_addrs().into_iter().map(reachable) {
            writeln!(
                io::stdout(),
                "  http://{address}/            what is collected, and how well"
            )?;
            writeln!(io::stdout(), "  http://{address}/metrics     what Prometheus scrapes")?;
        }
        writeln!(
            io::stdout(),
            "  {api}/_simulator/  what the company holds, and how to let things go wrong\n"
        )?;
        if collected < args.departments as usize {
            writeln!(
                io::stdout(),
                "{collected} of its {} departments are collected: Feishu has statistics down to \
                 level {STATISTICS_DEPTH_MAX}, and the others lie deeper.\n",
                args.departments
            )?;
        }
        for told in &planted {
            writeln!(io::stdout(), "  planted: {told}")?;
        }
        let example = tenant.departments.last().map_or("", |department| &department.id);
        writeln!(
            io::stdout(),
            "{}To plant a fault, here a department whose newest day is late (it shows when the \
             exporter asks again, the next morning; --with-faults shows some at once):\n  curl -d '{}' {api}/_simulator/faults\n\nStop with Ctrl-C.",
            if planted.is_empty() { "" } else { "\n" },
            json!(rows_of(example, Kind::LateDay { until: None }))
        )?;
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

/// What happens to the rows of a department, also where it is asked for with others.
fn rows_of(department: &str, kind: Kind) -> Fault {
    Fault::from(kind).endpoint(Endpoint::AdminDeptStats).department(department)
}

/// Has four departments go wrong, and tells which and how. The largest are taken, of whom something
/// is to be seen.
fn plant(company: &Handle, tenant: &Tenant) -> Result<Vec<String>, Failure> {
    let people = |id: &str| company.head_count(id).map_or(0, |count| count.direct_members);
    let mut ids: Vec<&str> = tenant.departments.iter().map(|d| d.id.as_str()).collect();
    ids.sort_by_key(|id| Reverse(people(id)));
    // Those below a department are refused with it.
    let all = company.departments();
    let collected = all.iter().filter(|d| d.depth <= STATISTICS_DEPTH_MAX.into());
    let parents: HashSet<&str> =
        collected.filter_map(|d| Some(all[d.parent?].open_department_id.as_str())).collect();
    let denied = ids.iter().position(|id| !parents.contains(id));
    let denied = denied.map(|place| ids.remove(place));
    let (Some(denied), [fallen, late, renamed, ..]) = (denied, ids.as_slice()) else {
        return Err(Failure::usage(
            "--with-faults: four departments are needed, give --departments 4 or more",
        ));
    };
    let zone = tenant.geos[0].zone.clone();
    let today = zone.local(Clock::system().now()).date();
    let drop = Kind::Slump { from: after(today, -3), to: today, percent: 50, field: None };
    for fault in [rows_of(fallen, drop), rows_of(late, Kind::LateDay { until: None })] {
        company.inject(fault).map_err(Failure::failed)?;
    }
    // Missing from the lists of those above it as well, for whichever of them is asked first.
    company.change(|options| options.forbidden_departments.extend([denied.to_owned()]));
    company.rename(renamed, "重命名部 (renamed)").map_err(Failure::failed)?;
    Ok(vec![
        format!("{fallen} does half of what it did, since three days"),
        format!("{late} has no rows of the newest day"),
        format!("{denied} is refused, as without data permission"),
        format!("{renamed} has a new name, in all its days"),
    ])
}

/// The days off of the company, as far back as its figures are looked at and a year ahead.
fn calendar() -> Calendar {
    let today = Zone::shanghai().local(Clock::system().now()).date();
    let days = (-400..=366).map(|offset| after(today, offset));
    Calendar {
        holidays: days.filter(|day| simulator::is_holiday(*day)).collect(),
        ..Calendar::default()
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
        labels: Arc::default(),
        min_department_users: 0,
        calendar: calendar(),
        schedule: Schedule::default(),
        discovery: None,
        request_grouping: true,
        contact: Some(Contact {
            language: Language::default(),
            refresh_interval: REFRESH_INTERVAL,
        }),
        refresh_intervals: Source::with_only_an_interval()
            .map(|source| (source.configuration_key(), REFRESH_INTERVAL))
            .collect(),
        user_statistics: Some(UserStatistics { min_group_size: 10 }),
    }
}
