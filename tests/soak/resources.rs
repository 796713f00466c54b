//! What the process holds.

use std::fs;

/// Megabytes of memory that are resident, and open files.
pub(crate) fn held() -> (f64, usize) {
    let statm = fs::read_to_string("/proc/self/statm").expect("Linux has it");
    let pages: f64 = statm.split(' ').nth(1).and_then(|n| n.parse().ok()).expect("a number");
    let files = fs::read_dir("/proc/self/fd").expect("Linux has it").count();
    (pages * 4096.0 / 1e6, files)
}
