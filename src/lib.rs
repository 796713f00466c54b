//! A Prometheus exporter for Feishu and Lark activity statistics.
//!
//! `docs/ARCHITECTURE.md` has the way of the data and the rules between the rooms.

pub mod catalogue;
pub mod clock;
pub mod day;
pub mod secret;
pub mod shutdown;
pub mod usage;
