//! Opening the file: what it is, whether it can be used, and moving aside what cannot.

use std::{
    fs::File,
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

use super::{
    error::Unusable,
    schema::{self, APPLICATION_ID, VERSION},
};

/// How long a writer waits for the other process to finish its transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// What the log beside the database keeps after its pages were taken over, in bytes.
const JOURNAL_BYTES_MAX: i64 = 16 << 20;
/// Pages of the file kept in memory, in KiB.
const CACHE_KIB: i64 = 8 << 10;

/// SQLite's file header: its first bytes, and where version and application stand, big-endian
/// (sqlite.org/fileformat2.html, 1.3).
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const USER_VERSION_AT: usize = 60;
const APPLICATION_ID_AT: usize = 68;
const HEADER_BYTES: usize = 100;

/// What a file turned out to be.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    /// Ours, of this release or an older one; or a new one.
    Usable,
    /// Ours, of a newer release.
    Newer(i32),
    /// Not a database, or damaged: what SQLite says of it.
    Damaged(String),
    /// Somebody else's database.
    Foreign,
}

/// Opens a file, or makes it.
pub(super) fn open(file: &Path, now: Timestamp) -> Result<Connection, Unusable> {
    let why = match try_open(file)? {
        Ok(connection) => return Ok(connection),
        Err(Kind::Newer(version)) => return Err(newer(file, version)),
        Err(Kind::Foreign) => "it is another program's database".to_owned(),
        Err(Kind::Damaged(what)) => format!("it is damaged ({what})"),
        Err(Kind::Usable) => unreachable!("what is usable is opened"),
    };
    set_aside(file, &why, now)?;
    try_open(file)?.map_err(|kind| Unusable::file(file, &format!("a new file is {kind:?}")))
}

/// A database that ends with its connection.
pub(super) fn in_memory() -> Result<Connection, Unusable> {
    let prepare = || {
        let mut connection = Connection::open_in_memory()?;
        schema::migrate(&mut connection)?;
        Ok(connection)
    };
    prepare().map_err(|e: rusqlite::Error| Unusable::new(format!("no store in memory: {e}")))
}

/// Moves a file that cannot be used out of the way, with its log, and says so.
pub(super) fn set_aside(file: &Path, why: &str, now: Timestamp) -> Result<PathBuf, Unusable> {
    let stamp = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let beside = |suffix: &str| PathBuf::from(format!("{}{suffix}", file.display()));
    let target = (1..)
        .map(|n| if n == 1 { format!(".aside-{stamp}") } else { format!(".aside-{stamp}-{n}") })
        .map(|suffix| beside(&suffix))
        .find(|path| !path.exists())
        .unwrap_or_else(|| beside(".aside"));
    std::fs::rename(file, &target).map_err(|e| {
        Unusable::file(file, &format!("{why}, and it cannot be moved out of the way: {e}"))
    })?;
    for suffix in ["-wal", "-shm"] {
        // There is none after a clean end.
        let _ =
            std::fs::rename(beside(suffix), PathBuf::from(format!("{}{suffix}", target.display())));
    }
    tracing::error!(
        file = %file.display(), moved_to = %target.display(),
        "The store {} cannot be used: {why}. It was moved to {} and a new one is begun; its days \
         are fetched again as far as they are needed",
        file.display(), target.display()
    );
    Ok(target)
}

/// Whether SQLite says that the file itself is broken.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

fn newer(file: &Path, version: i32) -> Unusable {
    Unusable::new(format!(
        "{} is the store of a newer release (schema {version}; this one knows {VERSION}) and is \
         left untouched; install that release again, or name another directory with --storage.path",
        file.display()
    ))
}

/// The outer result: whether the file can be reached; the inner one: what it is, if not usable.
fn try_open(file: &Path) -> Result<Result<Connection, Kind>, Unusable> {
    match kind_by_header(file).map_err(|e| Unusable::file(file, &e))? {
        Kind::Usable => {}
        other => return Ok(Err(other)),
    }
    let mut connection = match Connection::open_with_flags(file, OpenFlags::default()) {
        Ok(connection) => connection,
        Err(error) if is_damage(&error) => return Ok(Err(Kind::Damaged(error.to_string()))),
        Err(error) => return Err(Unusable::database(file, &error)),
    };
    match prepare(&mut connection) {
        Ok(Kind::Usable) => Ok(Ok(connection)),
        Ok(other) => Ok(Err(other)),
        Err(error) if is_damage(&error) => Ok(Err(Kind::Damaged(error.to_string()))),
        Err(error) => Err(Unusable::database(file, &error)),
    }
}

/// What the header says, read without SQLite, which would already change files beside it.
fn kind_by_header(file: &Path) -> std::io::Result<Kind> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    match File::open(file) {
        Ok(file) => file.take(HEADER_BYTES as u64).read_to_end(&mut header)?,
        Err(error) if error.kind() == ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    if header.is_empty() {
        return Ok(Kind::Usable);
    }
    if header.len() < HEADER_BYTES || !header.starts_with(MAGIC) {
        return Ok(Kind::Damaged("file is not a database".to_owned()));
    }
    let number = |at: usize| {
        i32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    Ok(kind(number(APPLICATION_ID_AT), number(USER_VERSION_AT)))
}

fn kind(application_id: i32, version: i32) -> Kind {
    match (application_id, version) {
        (APPLICATION_ID, version) if version > VERSION => Kind::Newer(version),
        (APPLICATION_ID, _) => Kind::Usable,
        // Ours may have been begun and not marked yet; SQLite will tell.
        (0, 0) => Kind::Usable,
        _ => Kind::Foreign,
    }
}

/// Looks at what SQLite makes of the file, its log included, and gets it ready.
fn prepare(connection: &mut Connection) -> rusqlite::Result<Kind> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // A file that is not ours is not even tidied up.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let found = kind(number("application_id")?, number("user_version")?);
    if found != Kind::Usable {
        return Ok(found);
    }
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables > 0 && number("application_id")? != APPLICATION_ID {
        return Ok(Kind::Foreign);
    }
    if tables == 0 {
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // In WAL mode this loses nothing when the process dies; after a power cut, at most the last
    // transactions, which are then fetched again.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "journal_size_limit", JOURNAL_BYTES_MAX)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What is forgotten is overwritten, where that costs no further page.
    connection.pragma_update_and_check(None, "secure_delete", "FAST", |_| Ok(()))?;
    schema::migrate(connection)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    Ok(Kind::Usable)
}
