//! The store as a user meets it: killed in the middle of a write, taken up by the next process,
//! read with `sqlite3`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod killed;
#[path = "../end_to_end/outside.rs"]
#[expect(dead_code, reason = "not all of it is needed here")]
mod outside;
#[path = "../end_to_end/program.rs"]
mod program;
mod queries;
mod restart;
mod volumes;
#[path = "../end_to_end/world.rs"]
#[expect(dead_code, reason = "not all of it is needed here")]
mod world;
