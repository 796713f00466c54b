//! The rules of `dashboards/prometheus` under real engines: promtool, vmalert's replay, Prometheus
//! with Alertmanager, and a parser of PromQL that is none of these.
//!
//! `tests/run` installs them; a test that misses one fails and says so.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod activity;
mod coverage;
mod data;
mod faults;
mod judged;
mod live;
mod ninety_days;
#[path = "../end_to_end/outside.rs"]
#[expect(dead_code, reason = "not everything that looks from outside is used here")]
mod outside;
#[path = "../end_to_end/program.rs"]
mod program;
mod prometheus;
mod promtool;
mod replay;
mod rules;
mod scenario;
mod tenant;
mod vanished;
mod victoria;
mod webhook;
#[path = "../end_to_end/world.rs"]
#[expect(dead_code, reason = "not everything about a tenant is used here")]
mod world;
