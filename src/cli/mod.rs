//! One file per command: its flags, and how it runs.

pub mod simulate;
