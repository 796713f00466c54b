//! `feishu-exporter`: a Prometheus exporter for the activity statistics of Feishu and Lark.
//!
//! It asks Feishu's API in the background, day by day, and answers Prometheus from memory.
//!
//! This library is the program: it exists so that the binary, the tests and the benchmarks share
//! it, and it is **no interface for others**. Names in it change with any release. What is stable
//! is outside: the command line, the configuration, the metrics, the status document and the store.
//!
//! # Where to begin
//!
//! - [`collect`] asks and decides; its loops meet at one board that publishes a [`snapshot`].
//! - [`server`] answers from that snapshot, and never asks Feishu.
//! - [`feishu`] is the API client; [`sources`] turns its answers into [`usage`], the domain.
//! - [`catalogue`] is the table of everything that is published, [`exposition`] its text.
//! - [`store`] keeps every fetched day; [`history`] writes the past out of it.
//! - [`diagnose`] and [`estimate`] say what works and what it costs, before anything is installed.
//! - [`config`], [`app`] and [`cli`] put the rest together.
//!
//! `docs/ARCHITECTURE.md` has the way of a figure through these rooms, the rules between them, and
//! where to change what; `tests/architecture.rs` holds the rules.

pub mod app;
pub mod baseline;
pub mod catalogue;
pub mod cli;
pub mod clock;
pub mod collect;
pub mod config;
pub mod day;
pub mod diagnose;
pub mod estimate;
pub mod exposition;
pub mod feishu;
pub mod history;
pub mod http_client;
pub mod input;
pub mod judgement;
pub mod labels;
pub mod learned;
pub mod logging;
pub mod secret;
pub mod server;
pub mod shutdown;
pub mod snapshot;
pub mod sources;
pub mod store;
pub mod telemetry;
pub mod usage;
pub mod web;
