//! The revision of a git clone, for `--version` and `feishu_exporter_build_info`.
//!
//! `FEISHU_EXPORTER_REVISION` stands above it: a package is built from an archive without git. In
//! debug builds it stays unknown, so that a commit alone rebuilds nothing.

use std::{env, path::Path, process::Command};

fn main() {
    println!("cargo::rerun-if-env-changed=FEISHU_EXPORTER_REVISION");
    println!("cargo::rerun-if-changed=build.rs");
    let is_release = env::var_os("PROFILE").is_some_and(|profile| profile == "release");
    if !is_release || env::var_os("FEISHU_EXPORTER_REVISION").is_some() {
        return;
    }
    // An archive inside another project's clone is not of its revision.
    let Some(root) = git(&["rev-parse", "--show-toplevel"]) else { return };
    let here = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    if Path::new(&root).canonicalize().ok() != Path::new(&here).canonicalize().ok() {
        return;
    }
    for file in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", file]) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    if let Some(revision) = git(&["rev-parse", "--short=12", "HEAD"]) {
        println!("cargo::rustc-env=FEISHU_EXPORTER_REVISION={revision}");
    }
}

/// What git says; none without git or outside a clone.
fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned()).filter(|text| !text.is_empty())
}
