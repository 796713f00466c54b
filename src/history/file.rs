//! A file of samples, which appears complete or not at all.

use std::{
    fs,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Error, History, Watch,
    encoder::{Encoder, Written},
    outline::Outline,
    walk::{Family, walk},
};
use crate::{exposition::DatedFormat, shutdown::Shutdown, usage::FigureSet};

/// Bytes that are gathered before they go to the operating system.
const BUFFER_BYTES: usize = 256 * 1024;

/// Where the text goes.
pub enum Destination {
    /// A file, which is replaced when the new one is whole.
    File(PathBuf),
    /// Standard output.
    Stream(Box<dyn Write + Send>),
}

/// What is written and how.
#[derive(Clone, Debug)]
pub struct File {
    /// The days and departments.
    pub history: History,
    /// The format of the text.
    pub format: DatedFormat,
    /// Requests the end before it is done.
    pub shutdown: Shutdown,
}

/// How large the text would be.
///
/// # Errors
/// If the store cannot be read, or a stop is requested.
pub async fn measure(file: &File, watch: Watch) -> Result<Written, Error> {
    encode(file, None, watch).await
}

/// Writes the text.
///
/// # Errors
/// If the store cannot be read or the destination not be written, or a stop is requested; of a file
/// nothing is left then.
pub async fn write(file: &File, destination: Destination, watch: Watch) -> Result<Written, Error> {
    match destination {
        Destination::Stream(out) => {
            let out = Box::new(BufWriter::with_capacity(BUFFER_BYTES, out));
            encode(file, Some(out), watch).await.map_err(|error| match error {
                Error::Written(cause) => Error::stream(&cause),
                other => other,
            })
        }
        Destination::File(path) => {
            let failed = |cause: &io::Error| Error::file(&path, cause);
            let partial = Partial::create(&path).map_err(|cause| failed(&cause))?;
            let out = partial.writer().map_err(|cause| failed(&cause))?;
            let written =
                encode(file, Some(Box::new(out)), watch).await.map_err(|error| match error {
                    Error::Written(cause) => failed(&cause),
                    other => other,
                })?;
            partial.complete().map_err(|cause| failed(&cause))?;
            Ok(written)
        }
    }
}

async fn encode(
    file: &File,
    out: Option<Box<dyn Write + Send>>,
    mut watch: Watch,
) -> Result<Written, Error> {
    let History { subjects, labels, step, now } = &file.history;
    let mut outlines = Vec::with_capacity(subjects.len());
    for subject in subjects {
        outlines.push(Arc::new(Outline::load(Arc::clone(subject), *now, *step).await?));
    }
    let mut figures = FigureSet::none();
    for subject in subjects {
        figures = figures.or(subject.figures);
    }
    let families = Family::of(figures);
    let parts = (families.len() * outlines.len()) as u64;
    let mut done = 0;
    let mut encoder = Encoder::new(file.format, labels.clone(), file.shutdown.clone(), out);
    for family in families {
        encoder.family(family);
        for outline in &outlines {
            watch(done, parts);
            let outline = Arc::clone(outline);
            let store = outline.subject.store.clone();
            let step = move |past: &crate::store::Past<'_>| {
                let walked = walk(&outline, past, family, &mut encoder);
                Ok(walked.map(|()| encoder))
            };
            encoder = store.past(step).await??;
            done += 1;
        }
    }
    watch(parts, parts);
    encoder.finish()
}

/// A file that is written beside its place, and removed unless it was completed.
struct Partial {
    place: PathBuf,
    beside: PathBuf,
    file: fs::File,
    is_complete: bool,
}

/// Finds out whether a file can be written, without writing any.
///
/// # Errors
/// If it cannot: which and why.
pub fn try_to_create(path: &Path) -> io::Result<()> {
    Partial::create(path)
        .map(drop)
        .map_err(|e| io::Error::new(e.kind(), format!("{} cannot be written: {e}", path.display())))
}

impl Partial {
    fn create(path: &Path) -> io::Result<Self> {
        // A link stays, and its target is replaced.
        let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if place.exists() && !place.is_file() {
            return Err(io::Error::other(
                "it is no plain file; name another, or - for standard output",
            ));
        }
        let name = place.file_name().ok_or_else(|| io::Error::other("it names no file"))?;
        let mut beside = name.to_owned();
        beside.push(".partial");
        let beside = place.with_file_name(beside);
        let create = || fs::File::options().write(true).create_new(true).open(&beside);
        let file = match create() {
            // What a run left that was killed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                fs::remove_file(&beside)?;
                create()?
            }
            created => created?,
        };
        Ok(Self { place, beside, file, is_complete: false })
    }

    fn writer(&self) -> io::Result<BufWriter<fs::File>> {
        Ok(BufWriter::with_capacity(BUFFER_BYTES, self.file.try_clone()?))
    }

    /// Puts the file in its place, where it stays whatever happens to the machine.
    fn complete(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.beside, &self.place)?;
        self.is_complete = true;
        let directory = match self.place.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        fs::File::open(directory)?.sync_all()
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.is_complete {
            // There is nobody to tell; the next run removes it.
            let _ = fs::remove_file(&self.beside);
        }
    }
}
