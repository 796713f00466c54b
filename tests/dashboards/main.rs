//! The Grafana dashboards: that they name what there is, and show it.
//!
//! A real Prometheus scrapes the demo and has its history; each query runs as Grafana would run
//! it. That their JSON is what Grafana takes is a check of `tests/run`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod catalogue;
mod files;
mod live;
mod meaning;
#[allow(dead_code, reason = "shared with tests/end_to_end, which uses all of it")]
#[path = "../end_to_end/outside.rs"]
mod outside;
#[allow(dead_code, reason = "shared with tests/end_to_end, which uses all of it")]
#[path = "../end_to_end/program.rs"]
mod program;
mod prometheus;
#[allow(dead_code, reason = "shared with tests/end_to_end, which uses all of it")]
#[path = "../end_to_end/world.rs"]
mod world;
