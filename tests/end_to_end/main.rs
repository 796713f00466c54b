//! The real binary as a child process, looked at from outside: with curl, promtool, Feishu's
//! official SDK, the parser of Prometheus' Python client and a real Prometheus.
//!
//! `tests/run` installs these; a test that misses one fails and says so.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod commands;
mod demo;
mod lark_oapi;
mod life;
mod names;
mod outside;
mod pages;
mod people;
mod program;
mod prometheus;
mod reload;
mod requests;
mod rest;
mod secrets;
mod signals;
mod systemd;
mod web;
mod world;
