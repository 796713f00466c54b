//! `man`: the manual as pages for man(1), which packages install.

use std::{fs, path::PathBuf};

use super::Failure;

/// Write the man pages, one for each command.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Directory to write them to; made if it is missing.
    directory: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    fs::create_dir_all(&args.directory)?;
    clap_mangen::generate_to(super::command(), &args.directory)?;
    Ok(())
}
