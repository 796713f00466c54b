//! `backfill` with real programs: promtool, Prometheus, VictoriaMetrics, and the strict parser of
//! Prometheus' Python client. `tests/run` installs these.
//!
//! The past stands in a store that the test fills, so that every value is known.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod blocks;
mod commands;
mod past;
mod receivers;
mod servers;

#[path = "../end_to_end/outside.rs"]
#[allow(dead_code, reason = "shared with tests that need more of it")]
mod outside;
#[path = "../end_to_end/program.rs"]
#[allow(dead_code, reason = "shared with tests that need more of it")]
mod program;
#[path = "../end_to_end/world.rs"]
#[allow(dead_code, reason = "shared with tests that need more of it")]
mod world;
