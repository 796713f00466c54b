//! YAML text as a tree of nodes that know their lines.
//!
//! Scalars stay the text as written, so that an id `0123` is not a number. Anchors, aliases and
//! tags are refused: nobody needs them here, and they are what makes YAML dangerous. Only a text
//! that is not YAML at all ends the reading; everything else is noted and read on.

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use crate::input;

/// A file of more bytes is refused; 30,000 departments with a comment each take less.
pub(super) const BYTES_MAX: usize = 4 << 20;

/// Sections nest five deep at most; whatever nests deeper is no configuration of ours.
const DEPTH_MAX: usize = 16;

/// No section has more than some thirty keys.
const KEYS_MAX: usize = 200;

/// A value and where it begins.
#[derive(Debug)]
pub(super) struct Node {
    /// From 1; 0 for a value that is in no file.
    pub(super) line: usize,
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    /// Nothing was written, or `null`.
    Null,
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// Something that was refused already; its reader says no more about it.
    Refused,
}

/// A key and its value.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    /// The line of the key.
    pub(super) line: usize,
    pub(super) node: Node,
}

/// A mistake in the text itself.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) column: Option<usize>,
    pub(super) path: String,
    pub(super) message: String,
}

impl Fault {
    /// A mistake that concerns the file as a whole.
    pub(super) const fn whole(message: String) -> Self {
        Self { line: 0, column: None, path: String::new(), message }
    }
}

/// Reads a text that holds one document. Without a tree there is at least one fault, or the text is
/// empty.
pub(super) fn parse(text: &str) -> (Option<Node>, Vec<Fault>) {
    let mut builder = Builder { text, parser: Parser::new_from_str(text), faults: Vec::new() };
    let tree = builder.document().unwrap_or_default();
    (tree, builder.faults)
}

/// The text cannot be read on; the fault is noted.
struct Broken;

struct Builder<'a> {
    text: &'a str,
    parser: Parser<'a, StrInput<'a>>,
    faults: Vec<Fault>,
}

impl Value {
    /// What it is, for a message.
    pub(super) const fn noun(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Scalar(_) => "a single value",
            Self::List(_) => "a list",
            Self::Map(_) => "a section of keys",
            Self::Refused => "something refused",
        }
    }
}

impl<'a> Builder<'a> {
    fn document(&mut self) -> Result<Option<Node>, Broken> {
        let mut tree = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(tree),
                Event::DocumentStart(_) if tree.is_some() => {
                    self.fault(
                        span.start.line(),
                        "",
                        "a second document begins here; keep one, or run one exporter for each",
                    );
                    return Err(Broken);
                }
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
                _ => tree = Some(self.node(event, span, "", 0)?),
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Broken> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                let place = error.marker();
                // The parser's texts are fixed sentences: they repeat nothing of the file.
                self.faults.push(Fault {
                    line: place.line(),
                    column: Some(place.col() + 1),
                    path: String::new(),
                    message: format!(
                        "this is not valid YAML: {}{}",
                        error.info(),
                        hint(self.text, place.line())
                    ),
                });
                Err(Broken)
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(
        &mut self,
        event: Event<'a>,
        span: Span,
        path: &str,
        depth: usize,
    ) -> Result<Node, Broken> {
        let line = span.start.line();
        if depth > DEPTH_MAX {
            self.fault(line, path, "nests too deep for any key of this file");
            return Err(Broken);
        }
        if let Event::Scalar(_, _, anchor, tag) = &event {
            self.refuse_extras(line, path, *anchor, tag.is_some());
        } else if let Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) = &event
        {
            self.refuse_extras(line, path, *anchor, tag.is_some());
        }
        let value = match event {
            Event::Scalar(text, ScalarStyle::Plain, ..)
                if matches!(&*text, "" | "~" | "null" | "Null" | "NULL") =>
            {
                Value::Null
            }
            Event::Scalar(text, ..) => Value::Scalar(text.into_owned()),
            Event::SequenceStart(..) => self.list(path, depth)?,
            Event::MappingStart(..) => self.map(path, depth)?,
            _ => {
                self.fault(line, path, "aliases are not supported; write the value out");
                Value::Refused
            }
        };
        Ok(Node { line, value })
    }

    fn list(&mut self, path: &str, depth: usize) -> Result<Value, Broken> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                (event, span) => {
                    let path = format!("{path}[{}]", items.len());
                    items.push(self.node(event, span, &path, depth + 1)?);
                }
            }
        }
    }

    fn map(&mut self, path: &str, depth: usize) -> Result<Value, Broken> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            let line = span.start.line();
            let key = match event {
                Event::MappingEnd => return Ok(Value::Map(entries)),
                Event::Scalar(key, _, anchor, tag) => {
                    self.refuse_extras(line, path, anchor, tag.is_some());
                    key.into_owned()
                }
                other => {
                    self.node(other, span, path, depth + 1)?;
                    let (event, span) = self.next()?;
                    self.node(event, span, path, depth + 1)?;
                    self.fault(line, path, "has a key that is not text; write \"key: value\"");
                    continue;
                }
            };
            if entries.len() == KEYS_MAX {
                self.fault(line, path, "has more keys than any section of this file");
                return Err(Broken);
            }
            let inner = join(path, &shown_key(&key));
            let (event, span) = self.next()?;
            let node = self.node(event, span, &inner, depth + 1)?;
            match entries.iter().find(|entry| entry.key == key) {
                Some(first) => {
                    let message = format!("is given twice, first on line {}; keep one", first.line);
                    self.fault(line, &inner, &message);
                }
                None => entries.push(Entry { key, line, node }),
            }
        }
    }

    fn refuse_extras(&mut self, line: usize, path: &str, anchor: usize, tagged: bool) {
        if anchor > 0 {
            self.fault(line, path, "anchors (&…) are not supported; write the value out");
        }
        if tagged {
            self.fault(line, path, "tags (!…) are not supported; leave the tag away");
        }
    }

    fn fault(&mut self, line: usize, path: &str, message: &str) {
        self.faults.push(Fault {
            line,
            column: None,
            path: path.to_owned(),
            message: message.to_owned(),
        });
    }
}

/// In plain words what is probably wrong at a line, or at the one before, with which a parser that
/// is surprised has often begun.
fn hint(text: &str, line: usize) -> String {
    let before: Vec<&str> = text.lines().take(line).collect();
    let near = before.iter().rev().take(2);
    for (back, line) in near.enumerate() {
        let number = before.len() - back;
        let indent = &line[..line.len() - line.trim_start().len()];
        if indent.contains('\t') {
            return format!("; line {number} is indented with a tab: indent with blanks");
        }
        if let Some(c) = input::hidden(line.trim_start()) {
            return format!("; line {number} holds {c}: write it without");
        }
        if let Some(c) = input::lookalike(line.split(" #").next().unwrap_or_default()) {
            return format!("; line {number} holds {c}: write the plain character of ASCII");
        }
    }
    let open = |quote| before.last().is_some_and(|line| line.matches(quote).count() % 2 == 1);
    if open('"') || open('\'') {
        return "; a quotation mark of this line has no partner".to_owned();
    }
    String::new()
}

/// A key below a section.
pub(super) fn join(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

/// A key as a message may show it: a key that looks like none may be a value without its blank
/// (`{app_secret:hunter2}`), so only what stands before a colon is shown.
pub(super) fn shown_key(key: &str) -> String {
    let name = key.split(':').next().unwrap_or_default();
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    if !name.is_empty() && name.len() <= 40 && name.bytes().all(plain) {
        name.to_owned()
    } else {
        "(a key that is not shown)".to_owned()
    }
}
