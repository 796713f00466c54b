//! Who uses a directory: one exporter, and beside it one `backfill`.
//!
//! The locks are advisory locks of the operating system on empty files; they end with the process
//! that holds them, however it ends.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::ErrorKind,
    path::Path,
};

use super::error::Unusable;

/// What a process does with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It collects: only one may.
    Exporter,
    /// It fills in the past: only one may, also beside an exporter.
    Backfill,
}

impl Role {
    /// The name of its lock file.
    pub(super) const fn lock_file(self) -> &'static str {
        match self {
            Self::Exporter => "exporter.lock",
            Self::Backfill => "backfill.lock",
        }
    }

    /// Another process has it.
    fn taken(self, directory: &Path) -> Unusable {
        let directory = directory.display();
        Unusable::in_use(match self {
            Self::Exporter => format!(
                "another exporter uses the store in {directory}; give each its own --storage.path"
            ),
            Self::Backfill => format!(
                "another backfill uses the store in {directory}; wait until it has ended, then run \
                 this one again"
            ),
        })
    }
}

/// A lock, held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    /// None where there are none, and where nothing can be written.
    _file: Option<File>,
}

impl Lock {
    /// Takes the lock of a role, as far as the file system knows locks.
    pub(super) fn take(directory: &Path, role: Role) -> Result<Self, Unusable> {
        let path = directory.join(role.lock_file());
        let writing = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let opened = match writing {
            Ok(file) => Ok(file),
            // Where nothing can be written, or in the file of another user, reading will do.
            Err(refused) => match File::open(&path) {
                Ok(file) => Ok(file),
                Err(error) if error.kind() == ErrorKind::NotFound => Err(refused),
                Err(error) => return Err(Unusable::lock_file(&path, &error)),
            },
        };
        let file = match opened {
            Ok(file) => file,
            // Nobody can write here, so nobody needs to be kept out.
            Err(_) if directory.join(super::FILE_NAME).exists() => {
                return Ok(Self { _file: None });
            }
            Err(error) => return Err(Unusable::directory(directory, &error)),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(role.taken(directory)),
            Err(TryLockError::Error(error)) => tracing::warn!(
                path = %path.display(), %error,
                "The file system of {} knows no locks of files: nothing keeps a second exporter, \
                 or a second backfill, from using the store too; let only one of each run",
                directory.display()
            ),
        }
        Ok(Self { _file: Some(file) })
    }
}

/// Whether an exporter uses the store of a directory now.
#[must_use]
pub fn is_exporter_running(directory: &Path) -> bool {
    is_held(directory, Role::Exporter)
}

/// Whether a backfill uses the store of a directory now.
#[must_use]
pub fn is_backfill_running(directory: &Path) -> bool {
    is_held(directory, Role::Backfill)
}

fn is_held(directory: &Path, role: Role) -> bool {
    // A shared lock, so that two who ask do not see each other.
    File::open(directory.join(role.lock_file()))
        .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}
