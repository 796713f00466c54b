//! Who uses a directory: one exporter, and beside it one `backfill`.
//!
//! The locks are advisory locks of the operating system on empty files; they end with the process
//! that holds them, however it ends.

use std::{
    fs::{File, OpenOptions, TryLockError},
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
    const fn file_name(self) -> &'static str {
        match self {
            Self::Exporter => "exporter.lock",
            Self::Backfill => "backfill.lock",
        }
    }

    const fn holder(self) -> &'static str {
        match self {
            Self::Exporter => "another exporter",
            Self::Backfill => "another backfill",
        }
    }
}

/// A lock, held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a role; none where the file system knows no locks.
    pub(super) fn take(directory: &Path, role: Role) -> Result<Option<Self>, Unusable> {
        let path = directory.join(role.file_name());
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|e| Unusable::directory(directory, &e))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Err(Unusable::in_use(format!(
                "{} uses the store in {}; give each its own --storage.path",
                role.holder(),
                directory.display()
            ))),
            Err(TryLockError::Error(error)) => {
                tracing::warn!(
                    path = %path.display(), %error,
                    "This file system knows no locks: see to it that only one exporter uses it"
                );
                Ok(None)
            }
        }
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
    File::open(directory.join(role.file_name()))
        .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}
