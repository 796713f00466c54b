//! The exporter that runs beside this process, as `/proc` shows it: how it was started says where
//! it serves. In a container, `healthcheck` is told nothing else.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{self, Read as _},
    os::unix::ffi::OsStrExt as _,
    path::Path,
};

use super::{Command, parse, serve};

/// Command lines and environments of more bytes are not read to their end.
const BYTES_MAX: u64 = 256 << 10;

/// The variables that say where an exporter serves.
const WEB: &[u8] = b"FEISHU_EXPORTER_WEB_";

/// How the exporter of the lowest process id serves, that has the same variables as this process.
/// One with others was started for something else.
pub(super) fn serving() -> Option<serve::Args> {
    let program = std::env::current_exe().ok()?;
    let program = program.file_name()?;
    let mut ids: Vec<u32> = fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    ids.sort_unstable();
    ids.into_iter().find_map(|id| serves(id, program))
}

fn serves(id: u32, program: &OsStr) -> Option<serve::Args> {
    let place = Path::new("/proc").join(id.to_string());
    let command_line = parts(&place.join("cmdline")).ok()?;
    let called = Path::new(command_line.first()?);
    if id == std::process::id() || called.file_name() != Some(program) {
        return None;
    }
    // Those of another user cannot be read; in a container they are the same.
    if parts(&place.join("environ")).is_ok_and(|theirs| web(theirs) != own_web()) {
        return None;
    }
    let cli = parse(command_line).ok()?;
    match cli.command {
        None => Some(cli.serve),
        Some(Command::Serve(args)) => Some(args),
        Some(_) => None,
    }
}

/// What stands in a file of `/proc`, where each part ends with a zero.
fn parts(file: &Path) -> io::Result<Vec<OsString>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(BYTES_MAX).read_to_end(&mut bytes)?;
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    Ok(bytes.split(|byte| *byte == 0).map(|part| OsStr::from_bytes(part).to_owned()).collect())
}

fn web(mut variables: Vec<OsString>) -> Vec<OsString> {
    variables.retain(|variable| variable.as_bytes().starts_with(WEB));
    variables.sort_unstable();
    variables
}

fn own_web() -> Vec<OsString> {
    let both = |(name, value): (OsString, OsString)| {
        let mut both = name;
        both.push("=");
        both.push(value);
        both
    };
    web(std::env::vars_os().map(both).collect())
}
