//! The simulator over TCP, asked by a client that knows nothing of this crate.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod access;
mod agreement;
mod contact;
mod control;
mod directory;
mod faults;
mod rig;
mod shape;
mod statistics;
mod users;
