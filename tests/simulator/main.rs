//! The simulator over TCP, asked by a client that knows nothing of this crate.

mod access;
mod control;
mod faults;
mod rig;
mod statistics;
