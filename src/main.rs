//! The binary `feishu-exporter`.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    feishu_exporter::cli::run(std::env::args_os())
}
