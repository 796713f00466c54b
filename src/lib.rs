//! A Prometheus exporter for Feishu and Lark activity statistics.
//!
//! `docs/ARCHITECTURE.md` has the way of the data and the rules between the rooms.

pub mod app;
pub mod baseline;
pub mod catalogue;
pub mod cli;
pub mod clock;
pub mod collect;
pub mod config;
pub mod day;
pub mod diagnose;
pub mod exposition;
pub mod feishu;
pub mod history;
pub mod http_client;
pub mod input;
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
