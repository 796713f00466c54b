//! A child process with its output in files, and the wait for what it does.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Output},
    thread,
    time::Duration,
};

use tempfile::TempDir;
use tokio::time::Instant;

/// Far above what anything here takes, so that only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(120);
const GLANCE: Duration = Duration::from_millis(20);

/// Looks until there is something to see.
///
/// # Panics
/// If it takes too long; `what` says what was waited for.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::sleep(GLANCE);
    }
}

/// A running child, killed when it goes out of scope.
pub(crate) struct Program {
    child: Child,
    directory: TempDir,
}

impl Program {
    /// Starts the exporter in a directory of its own, with no variable set that it reads.
    pub(crate) fn exporter(args: &[&str], files: &[(&str, &str)]) -> Self {
        let directory = directory(files);
        Self::start(exporter(args), directory)
    }

    /// Starts any command in a directory.
    pub(crate) fn start(mut command: Command, directory: TempDir) -> Self {
        command.stderr(File::create(directory.path().join("stderr")).unwrap());
        Self::with_own_stderr(command, directory)
    }

    /// Starts a command whose standard error goes where it was told.
    pub(crate) fn with_own_stderr(mut command: Command, directory: TempDir) -> Self {
        let child = command
            .current_dir(directory.path())
            .stdin(std::process::Stdio::null())
            .stdout(File::create(directory.path().join("stdout")).unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start ({error}): use tests/run"));
        Self { child, directory }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn stdout(&self) -> String {
        fs::read_to_string(self.path("stdout")).unwrap()
    }

    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.path("stderr")).unwrap()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The first word of its output that begins and ends so.
    #[track_caller]
    pub(crate) fn told(&mut self, begin: &str, end: &str) -> String {
        eventually(&format!("{begin}…{end} in the output"), || {
            let text = format!("{}{}", self.stdout(), self.stderr());
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("ended early, {status}: {text}");
            }
            let mut words = text.split(|c: char| c.is_whitespace() || c == '"');
            words.find(|word| word.starts_with(begin) && word.ends_with(end)).map(str::to_owned)
        })
    }

    /// The address after `http://` that it logs when it listens.
    #[track_caller]
    pub(crate) fn listens(&mut self) -> String {
        let url = self.told("http://127.0.0.1:", "");
        url.trim_end_matches('/').to_owned()
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        // The shell's own `kill`: the program of that name is not on every machine.
        let kill = format!("kill -{name} {}", self.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Its exit status, once it has one.
    #[track_caller]
    pub(crate) fn status(&mut self) -> Option<i32> {
        eventually("the end of the program", || self.ended())
    }

    /// Its exit status, if it has ended; of one that a signal ended, none within.
    pub(crate) fn ended(&mut self) -> Option<Option<i32>> {
        self.child.try_wait().unwrap().map(|status| status.code())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the exporter to its end: status, standard output, standard error.
pub(crate) fn run(directory: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = exporter(args).current_dir(directory).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// A new directory with these files.
pub(crate) fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(directory.path().join(name), content).unwrap();
    }
    directory
}

/// The exporter with no variable set that it reads.
pub(crate) fn exporter(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_feishu-exporter"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().to_lowercase();
        if text.starts_with("feishu_") || text.ends_with("_proxy") {
            command.env_remove(name);
        }
    }
    command.args(args);
    command
}
