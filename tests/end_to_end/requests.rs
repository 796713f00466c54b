//! A large tenant costs no request too many.

use std::time::Duration;

use feishu_exporter::shutdown;
use feishu_simulator::{Endpoint, Limit, Options, Simulator};

use crate::{
    program::Program,
    world::{configuration, metrics_of_latest},
};

const DEPARTMENTS: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_departments_of_four_versions_cost_two_hundred_requests_and_a_token() {
    let mut options = Options {
        departments: DEPARTMENTS + 50,
        latency: Duration::from_millis(50),
        ..Options::default()
    };
    options.limits.insert(Endpoint::AdminDeptStats, Limit::NONE);
    let (secret, versions) = (options.app_secret.clone(), options.product_versions.len() + 1);
    let simulator = Simulator::bind(([127, 0, 0, 1], 0).into(), options).await.unwrap();
    let (api, company) = (simulator.base_url(), simulator.handle());
    let (_stops_when_dropped, shutdown) = shutdown::channel();
    tokio::spawn(simulator.run(shutdown.wait()));
    let departments = company.departments();
    let with_statistics = departments.iter().filter(|d| (1..=4).contains(&d.depth));
    let ids: Vec<String> =
        with_statistics.take(DEPARTMENTS).map(|d| d.open_department_id.clone()).collect();
    assert_eq!(ids.len(), DEPARTMENTS);

    let more = "    limits: {requests_per_second: 100, concurrency: 16}\n";
    let configuration = configuration(&api, &ids, more);
    let mut exporter = Program::exporter(
        &["serve", "--config.file=conf.yml", "--web.listen-address=127.0.0.1:0"],
        &[("conf.yml", &configuration), ("secret", &secret)],
    );
    let url = exporter.listens();
    let page = metrics_of_latest(&url, DEPARTMENTS);

    let rows = page.lines().filter(|line| line.starts_with("feishu_department_users{")).count();
    assert_eq!(rows, DEPARTMENTS * versions);
    // Nothing is missing any more, so that this is not only the count so far. The days before it
    // are asked for from then on, for the baselines, with no list that holds the newest day.
    let asked = company.requests();
    let asked = asked.iter().filter(|request| request.endpoint == Some(Endpoint::AdminDeptStats));
    let ends: Vec<&str> = asked.map(|request| request.parameter("end_date").unwrap()).collect();
    let newest = *ends.iter().max().unwrap();
    assert_eq!(ends.iter().filter(|end| **end == newest).count(), DEPARTMENTS, "{newest}");
    assert_eq!(company.request_count(Endpoint::TenantAccessToken), 1);
    exporter.signal("TERM");
    assert_eq!(exporter.status(), Some(0));
}
