//! Opening the file: what it is, whether it can be used, and moving aside what cannot.

use std::{
    fs::File,
    io::{ErrorKind, Read},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

use super::{
    Role,
    error::{Unusable, whose},
    schema::{self, APPLICATION_ID, VERSION},
};

/// What the log beside the database keeps after its pages were taken over, in bytes.
const JOURNAL_BYTES_MAX: i64 = 16 << 20;
/// Pages of the file kept in memory, in KiB.
const CACHE_KIB: i64 = 4 << 10;

/// SQLite's file header: its first bytes, and where version and application stand, big-endian
/// (sqlite.org/fileformat2.html, 1.3).
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const USER_VERSION_AT: usize = 60;
const APPLICATION_ID_AT: usize = 68;
const HEADER_BYTES: usize = 100;

/// SQLite's file access without locks, where the file system has none (sqlite.org/vfs.html, 2.1).
const WITHOUT_LOCKS: &std::ffi::CStr = c"unix-none";

/// How a file is opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening {
    pub(super) role: Role,
    /// Whether the file system knows the locks that SQLite takes, as far as that was found out.
    knows_locks: bool,
    /// How long a transaction waits for that of another process.
    pub(super) patience: Duration,
}

impl Opening {
    pub(super) const fn of(role: Role) -> Self {
        let patience = match role {
            // Those who publish wait behind it.
            Role::Exporter => Duration::from_millis(500),
            // It ends if nothing can be kept, and the exporter removes old days for seconds.
            Role::Backfill => Duration::from_secs(10),
        };
        Self { role, knows_locks: true, patience }
    }
}

/// An open file.
pub(super) struct Opened {
    pub(super) connection: Connection,
    /// Whether nothing can be written to it here.
    pub(super) is_read_only: bool,
}

/// The ways of opening a file, from the best to the last resort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// A write-ahead log, whose index processes share in mapped memory.
    SharedLog,
    /// A rollback journal, where the file system shares no mapped memory: reading and writing wait
    /// for each other.
    Journal,
    /// Reading, as far as that works without changing a file.
    Read,
    /// Reading the file and its log by oneself.
    ReadAlone,
    /// Reading the file without its log.
    ReadFileOnly,
}

impl Way {
    const ALL: [Self; 5] =
        [Self::SharedLog, Self::Journal, Self::Read, Self::ReadAlone, Self::ReadFileOnly];
    /// Those that write.
    const WRITING: [Self; 2] = [Self::SharedLog, Self::Journal];
}

/// What SQLite writes beside a file.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

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

/// Opens a file, or makes it; one that cannot be written to is opened for reading.
pub(super) fn open(file: &Path, opening: &mut Opening, now: Timestamp) -> Result<Opened, Unusable> {
    let why = match try_open(file, opening)? {
        Ok(opened) => return Ok(opened),
        Err(Kind::Newer(version)) => return Err(newer(file, version)),
        Err(Kind::Foreign) => "it is another program's database".to_owned(),
        Err(Kind::Damaged(what)) => format!("it is damaged ({what})"),
        Err(Kind::Usable) => unreachable!("what is usable is opened"),
    };
    set_aside(file, &why, now)?;
    try_open(file, opening)?
        .map_err(|kind| Unusable::file(file, &format!("a new file is {kind:?}")))
}

/// Opens a file that could not be opened for writing before; none if it still cannot be.
pub(super) fn reopen(file: &Path, opening: &Opening) -> Option<Opened> {
    Way::WRITING.into_iter().find_map(|way| match open_by(way, file, opening) {
        Ok(Ok(opened)) if !opened.is_read_only => Some(opened),
        _ => None,
    })
}

/// Gives what this process made to the owner of the directory if this process is root: a backfill
/// by root must leave nothing that the exporter, which has a user of its own, cannot write.
pub(super) fn give_to_owner_of(directory: &Path, path: &Path) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let owner = std::fs::metadata(directory).map(|owner| (owner.uid(), owner.gid()));
    for suffix in BESIDE.into_iter().chain([""]) {
        let path = PathBuf::from(format!("{}{suffix}", path.display()));
        let is_roots = path.metadata().is_ok_and(|file| file.uid() == 0);
        if let (true, Ok((uid, gid))) = (is_roots, &owner) {
            // If that is refused, the exporter says what it cannot write.
            let _ = std::os::unix::fs::chown(&path, Some(*uid), Some(*gid));
        }
    }
}

/// A database that ends with its connection.
pub(super) fn in_memory() -> Result<Opened, Unusable> {
    let prepare = || {
        let mut connection = Connection::open_in_memory()?;
        schema::migrate(&mut connection)?;
        Ok(Opened { connection, is_read_only: false })
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
    for suffix in BESIDE {
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
fn is_damage(error: &rusqlite::Error) -> bool {
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
fn try_open(file: &Path, opening: &mut Opening) -> Result<Result<Opened, Kind>, Unusable> {
    match kind_by_header(file).map_err(|e| Unusable::file(file, &e))? {
        Kind::Usable => {}
        other => return Ok(Err(other)),
    }
    let mut first = None;
    for way in Way::ALL {
        let mut opened = open_by(way, file, opening);
        if opening.knows_locks && opened.as_ref().is_err_and(is_about_locks) && lacks_locks(file) {
            opening.knows_locks = false;
            tracing::warn!(
                file = %file.display(),
                "The file system of {} knows no locks: two programs that use the store at the same \
                 time damage it; let only one run, exporter or backfill",
                file.display()
            );
            opened = open_by(way, file, opening);
        }
        match opened {
            Ok(Ok(opened)) => {
                if let Some(error) = &first {
                    warn(way, file, error);
                } else if opened.is_read_only {
                    warn(Way::Read, file, &"the file cannot be opened for writing");
                }
                return Ok(Ok(opened));
            }
            Ok(Err(kind)) => return Ok(Err(kind)),
            Err(error) if is_damage(&error) => {
                return Ok(Err(Kind::Damaged(error.to_string())));
            }
            Err(error) if is_held(&error) => return Err(Unusable::database(file, &error)),
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.map_or_else(
        || Unusable::file(file, &"there is no way to open it"),
        |error| Unusable::database(file, &error),
    ))
}

/// Whether another program holds the file locked.
fn is_held(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Whether SQLite could not take a lock: somebody holds it, or there are none. Some file systems
/// answer the same in both cases.
fn is_about_locks(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi;
    is_held(error)
        || error.sqlite_error().is_some_and(|error| {
            [ffi::SQLITE_IOERR_LOCK, ffi::SQLITE_IOERR_RDLOCK, ffi::SQLITE_IOERR_UNLOCK]
                .contains(&error.extended_code)
        })
}

/// Whether a file that nobody else knows of cannot be locked either.
fn lacks_locks(file: &Path) -> bool {
    let probe = PathBuf::from(format!("{}-probe-{}", file.display(), std::process::id()));
    let locked = Connection::open(&probe).and_then(|connection| {
        connection.busy_timeout(Duration::ZERO)?;
        connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK")
    });
    // It may not even have come into being.
    let _ = std::fs::remove_file(probe);
    locked.is_err_and(|error| is_about_locks(&error))
}

/// Says what a way of opening that is not the best costs.
fn warn(way: Way, file: &Path, error: &dyn std::fmt::Display) {
    let name = file.display();
    match way {
        Way::SharedLog => {}
        Way::Journal => tracing::warn!(
            file = %name, %error,
            "The file system of {name} has no shared memory maps, so the store keeps a rollback \
             journal: reading and writing wait for each other; a local disk is faster"
        ),
        Way::Read | Way::ReadAlone | Way::ReadFileOnly => {
            let whose = whose(file).map(|whose| format!(" ({whose})")).unwrap_or_default();
            let log = PathBuf::from(format!("{name}-wal"));
            let without_log = match way {
                Way::ReadFileOnly if log.metadata().is_ok_and(|log| log.len() > 0) => {
                    "; what stands in its -wal file cannot be read"
                }
                _ => "",
            };
            // The system says better than SQLite why a file cannot be written.
            let refused = std::fs::OpenOptions::new().append(true).open(file).err();
            let why = refused.map_or_else(|| error.to_string(), |refused| refused.to_string());
            tracing::warn!(
                file = %name, error = why,
                "The store {name} can only be read{whose}: what it holds is served, and nothing \
                 new is kept until it can be written{without_log}"
            );
        }
    }
}

/// Opens a file in one way.
fn open_by(way: Way, file: &Path, opening: &Opening) -> rusqlite::Result<Result<Opened, Kind>> {
    let reads = !Way::WRITING.contains(&way);
    let flags = match reads {
        true => OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        false => {
            OpenFlags::SQLITE_OPEN_READ_WRITE
                | OpenFlags::SQLITE_OPEN_CREATE
                | OpenFlags::SQLITE_OPEN_NO_MUTEX
        }
    };
    let mut connection = match way {
        Way::ReadFileOnly => {
            Connection::open_with_flags(immutable(file), flags | OpenFlags::SQLITE_OPEN_URI)?
        }
        Way::ReadAlone => Connection::open_with_flags_and_vfs(file, flags, WITHOUT_LOCKS)?,
        _ if !opening.knows_locks => {
            Connection::open_with_flags_and_vfs(file, flags, WITHOUT_LOCKS)?
        }
        _ => Connection::open_with_flags(file, flags)?,
    };
    connection.busy_timeout(opening.patience)?;
    // A file that is not ours is not even tidied up.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // Before the file is first looked at: then SQLite needs no shared memory for a log.
    if matches!(way, Way::Journal | Way::ReadAlone) {
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    }
    let found = kind_by_content(&connection)?;
    if found != Kind::Usable {
        return Ok(Err(found));
    }
    let is_read_only = reads || connection.is_readonly("main")?;
    if is_read_only {
        check_readable(&connection)?;
    } else {
        prepare(&mut connection, way)?;
    }
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    Ok(Ok(Opened { connection, is_read_only }))
}

/// The address of a file that is said never to change, so that SQLite looks for nothing beside it.
fn immutable(file: &Path) -> String {
    let path = file.display().to_string();
    let path = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    format!("file:{path}?immutable=1")
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

/// What SQLite makes of the file, its log included.
fn kind_by_content(connection: &Connection) -> rusqlite::Result<Kind> {
    let (application_id, version) = (number(connection, "application_id")?, version(connection)?);
    let found = kind(application_id, version);
    if found == Kind::Usable && application_id != APPLICATION_ID && has_tables(connection)? {
        return Ok(Kind::Foreign);
    }
    Ok(found)
}

fn number(connection: &Connection, name: &str) -> rusqlite::Result<i32> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

fn version(connection: &Connection) -> rusqlite::Result<i32> {
    number(connection, "user_version")
}

fn has_tables(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))
}

/// A file that cannot be migrated must be of this release.
fn check_readable(connection: &Connection) -> rusqlite::Result<()> {
    match version(connection)? {
        VERSION => Ok(()),
        _ => Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_READONLY),
            Some("it can only be read, and it is of an older release or empty".to_owned()),
        )),
    }
}

/// Gets a file ready for writing. What is right already is left alone, so that a file that another
/// program holds locked for writing can be opened.
fn prepare(connection: &mut Connection, way: Way) -> rusqlite::Result<()> {
    if !has_tables(connection)? {
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    set_journal(connection, if way == Way::SharedLog { "wal" } else { "truncate" })?;
    if way == Way::Journal {
        connection.pragma_update(None, "locking_mode", "NORMAL")?;
    }
    // With a log this loses nothing when the process dies; after a power cut, at most the last
    // transactions, which are then fetched again.
    let synchronous = if way == Way::SharedLog { "NORMAL" } else { "FULL" };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "journal_size_limit", JOURNAL_BYTES_MAX)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What is forgotten is overwritten, where that costs no further page.
    connection.pragma_update_and_check(None, "secure_delete", "FAST", |_| Ok(()))?;
    if version(connection)? < VERSION {
        schema::migrate(connection)?;
    }
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    Ok(())
}

fn set_journal(connection: &Connection, wanted: &str) -> rusqlite::Result<()> {
    let current: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    if current == wanted {
        return Ok(());
    }
    let set: String =
        connection.pragma_update_and_check(None, "journal_mode", wanted, |row| row.get(0))?;
    if set == wanted {
        return Ok(());
    }
    // SQLite keeps to the old one without a word where it sees no shared memory.
    Err(rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN),
        Some(format!("the journal stays {set} where it should be {wanted}")),
    ))
}
