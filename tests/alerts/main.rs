//! The rules of `dashboards/prometheus` under real engines: promtool, vmalert's replay, Prometheus
//! with Alertmanager, and a parser of PromQL that is none of these.
//!
//! `tests/run` installs them; a test that misses one fails and says so.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod activity;
mod coverage;
mod data;
mod rules;
mod scenario;
