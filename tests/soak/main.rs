//! Simulated years in minutes: the whole exporter, in process and over TCP, beside the simulator,
//! with faults, restarts, kills, reloads, clock jumps and a company that changes, all from a seed.
//!
//! The suite runs eight days. A month, and ten years:
//!
//! ```text
//! SOAK_DAYS=31 cargo test --release --test soak -- --nocapture
//! SOAK_DAYS=3650 SOAK_FAULTS=45 cargo test --release --test soak -- --nocapture
//! ```
//!
//! `SOAK_FAULTS` is how many rules a day of faults has on average, each of which strikes several
//! requests; `SOAK_SEED` chooses another course of events, `SOAK_LOG` names a file for everything that is logged.
//! What must hold is in [`check`]; which figures came of it is in `docs/reliability.md`.

mod chaos;
mod check;
mod exporter;
mod log;
mod resources;
mod soak;
mod time;

use std::str::FromStr;

/// A number from the environment.
#[expect(clippy::disallowed_methods, reason = "the one place that asks it here")]
fn variable<T: FromStr>(name: &str, otherwise: T) -> T {
    std::env::var(name).map_or(otherwise, |text| {
        text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number"))
    })
}

/// One thread, since only then it is known when nothing is under way; see [`time`].
#[tokio::test(flavor = "current_thread")]
async fn days_full_of_faults_publish_nothing_wrong_and_lose_no_day() {
    let days = variable("SOAK_DAYS", 8);
    let log = variable("SOAK_LOG", String::new());
    let log = Some(log).filter(|path| !path.is_empty());
    let report = soak::run(days, variable("SOAK_FAULTS", 14), variable("SOAK_SEED", 7), log).await;
    println!("{report}");
    assert!(report.problems.is_empty(), "{report}");
}
