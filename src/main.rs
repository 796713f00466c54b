//! The binary `feishu-exporter`.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// It gives memory back to the system: a large tenant's day takes several times what it leaves, and
/// the allocators of C libraries keep that for good (`docs/performance.md`).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // Where every process gets huge pages, each that is used a little takes two megabytes, and the
    // process with one department 40 of them. Refused, it costs memory and nothing else.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    feishu_exporter::cli::run(std::env::args_os())
}
