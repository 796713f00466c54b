//! The binary `feishu-exporter`.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// It gives memory back to the system: a large tenant's day takes several times what it leaves, and
/// the allocators of C libraries keep that for good (`docs/performance.md`).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    feishu_exporter::cli::run(std::env::args_os())
}
