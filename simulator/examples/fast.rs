//! A simulator for measurements: of any size, as slow and as limited as is said.
//!
//! `fast DEPARTMENTS [LATENCY_MS [PER_SECOND [PER_MINUTE]]]` prints its URL and answers until it is
//! killed. Without limits it answers everything at once; `/_simulator/` controls it.

use std::{
    env,
    error::Error,
    future,
    io::{self, Write as _},
    time::Duration,
};

use feishu_simulator::{Endpoint, Limit, Options, Simulator};

const ENDPOINTS: [Endpoint; 6] = [
    Endpoint::TenantAccessToken,
    Endpoint::AdminDeptStats,
    Endpoint::AdminUserStats,
    Endpoint::UsersFindByDepartment,
    Endpoint::DepartmentsFilter,
    Endpoint::DepartmentsBatch,
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let numbers: Vec<u32> =
        env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let number = |index: usize, default| numbers.get(index).copied().unwrap_or(default);
    let limit = Limit { per_second: number(2, u32::MAX), per_minute: number(3, u32::MAX) };
    let options = Options {
        departments: number(0, 20) as usize,
        latency: Duration::from_millis(number(1, 0).into()),
        limits: ENDPOINTS.map(|endpoint| (endpoint, limit)).into(),
        ..Options::default()
    };
    let simulator = Simulator::bind("127.0.0.1:0".parse()?, options).await?;
    writeln!(io::stdout(), "{}", simulator.base_url())?;
    simulator.run(future::pending()).await;
    Ok(())
}
