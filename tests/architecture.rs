//! The rules between the rooms as data. `docs/ARCHITECTURE.md` tells them in words.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Every room with the rooms that it imports, lowest floor first. A room may import only rooms
/// that stand above it in this list, so that arrows go one way; an arrow that nobody uses is taken
/// off.
const ROOMS: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("day", &[]),
    ("input", &[]),
    ("http_client", &["input"]),
    ("labels", &[]),
    ("learned", &[]),
    ("logging", &[]),
    ("secret", &["input"]),
    ("shutdown", &[]),
    ("telemetry", &[]),
    ("catalogue", &[]),
    ("usage", &["catalogue", "day"]),
    ("baseline", &["catalogue", "day", "usage"]),
    ("judgement", &["baseline", "catalogue", "day"]),
    ("store", &["catalogue", "clock", "day", "usage"]),
    ("feishu", &["clock", "day", "http_client", "secret", "telemetry"]),
    ("sources", &["catalogue", "day", "feishu", "learned", "usage"]),
    // The published bytes and facts; the facts speak of departments and geos.
    ("snapshot", &["baseline", "catalogue", "day", "usage"]),
    // It makes the bytes of a snapshot and renders the own metrics, whose table it reads.
    (
        "exposition",
        &["baseline", "catalogue", "day", "judgement", "labels", "snapshot", "telemetry", "usage"],
    ),
    // The past as samples with timestamps; it reads the store and asks for nothing.
    (
        "history",
        &[
            "baseline",
            "catalogue",
            "clock",
            "day",
            "exposition",
            "http_client",
            "secret",
            "shutdown",
            "store",
            "usage",
        ],
    ),
    (
        "collect",
        &[
            "baseline",
            "catalogue",
            "clock",
            "day",
            "exposition",
            "feishu",
            "judgement",
            "labels",
            "learned",
            "shutdown",
            "snapshot",
            "sources",
            "store",
            "telemetry",
            "usage",
        ],
    ),
    // What `doctor` and `discover` find out; it asks what the collector would ask.
    ("diagnose", &["clock", "collect", "day", "feishu", "sources", "usage"]),
    // Who may read the pages, and over what.
    ("web", &["secret"]),
    (
        "server",
        &[
            "catalogue",
            "clock",
            "day",
            "exposition",
            "shutdown",
            "snapshot",
            "telemetry",
            "usage",
            "web",
        ],
    ),
    // It turns YAML into the options of the rooms below, and asks the catalogue for names.
    (
        "config",
        &[
            "baseline",
            "catalogue",
            "collect",
            "day",
            "feishu",
            "http_client",
            "input",
            "labels",
            "secret",
            "sources",
            "usage",
            "web",
        ],
    ),
    // What a configuration costs; it spells durations as the configuration does.
    ("estimate", &["catalogue", "collect", "config", "feishu"]),
    ("app", &["clock", "collect", "day", "server", "shutdown", "snapshot", "store", "telemetry"]),
    (
        "cli",
        &[
            "app",
            "baseline",
            "catalogue",
            "clock",
            "collect",
            "config",
            "day",
            "diagnose",
            "estimate",
            "exposition",
            "feishu",
            "history",
            "input",
            "logging",
            "secret",
            "server",
            "shutdown",
            "store",
            "usage",
            "web",
        ],
    ),
];

/// Files that may be longer than [`LINES_MAX`], each with the reason.
const LONG_FILES: &[(&str, &str)] = &[];
const LINES_MAX: usize = 450;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["util", "utils", "common", "helper", "helpers", "types", "misc"];

#[test]
fn every_import_goes_from_a_higher_floor_to_a_lower_one() {
    let mut unused: BTreeSet<(&str, &str)> =
        ROOMS.iter().flat_map(|(room, imports)| imports.iter().map(|to| (*room, *to))).collect();
    let mut broken = Vec::new();
    for (file, text) in sources() {
        let room = room(&file);
        if room == "lib" || room == "main" {
            continue;
        }
        let Some((room, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            broken.push(format!("the room `{room}` has no row in tests/architecture.rs"));
            continue;
        };
        for import in imports(&text) {
            if import != *room && !allowed.contains(&import.as_str()) {
                let file = file.display();
                broken.push(format!("{file} imports `{import}`, which `{room}` must not know"));
            }
            unused.retain(|(from, to)| (*from, *to) != (*room, import.as_str()));
        }
    }
    let unused = unused.iter().map(|(room, to)| format!("`{room}` does not import `{to}`"));
    broken.extend(unused.map(|arrow| format!("{arrow}: take the arrow off")));
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

/// Within a room as well, no two files need each other. A file may use what the `mod.rs` of its own
/// folder defines: that is the folder's face.
#[test]
fn no_files_of_a_room_import_one_another_in_a_circle() {
    let house = House::new(sources());
    let mut free: BTreeSet<&Module> = house.files.keys().collect();
    loop {
        let before = free.len();
        let is_tied = |file: &Module| house.arrows(file).iter().any(|to| free.contains(to));
        let tied: BTreeSet<&Module> = free.iter().copied().filter(|file| is_tied(file)).collect();
        free = tied;
        if free.len() == before {
            break;
        }
    }
    // What is left leads into a circle.
    let tied = |file: &Module| -> Vec<String> {
        house.arrows(file).iter().filter(|to| free.contains(to)).map(|to| to.join("::")).collect()
    };
    let left: Vec<String> = free
        .iter()
        .map(|file| format!("{} -> {}", file.join("::"), tied(file).join(", ")))
        .collect();
    assert!(left.is_empty(), "files that import one another:\n{}\n", left.join("\n"));
}

/// A wrong reader of paths would find no circle.
#[test]
fn paths_are_followed_to_the_file_that_defines_the_name() {
    let file = |path: &str, text: &str| (PathBuf::from(path), text.to_owned());
    let house = House::new(vec![
        file("src/a/mod.rs", "mod b;\nmod c;\nmod d;\npub use self::{b::B, c::C};\n"),
        file("src/a/b.rs", "use super::{d::{self, D}, C};\n"),
        file("src/a/c.rs", "fn f() { let _ = crate::a::d::D; }\n"),
        file("src/a/d.rs", "use crate::day::Day;\n"),
        file("src/a/d/e.rs", "use super::super::b::B;\nuse super::D;\n"),
    ]);
    let arrows = |path: &[&str]| -> Vec<String> {
        let file: Module = path.iter().map(|part| (*part).to_owned()).collect();
        house.arrows(&file).iter().map(|to| to.join("::")).collect()
    };
    assert_eq!(arrows(&["a", "b"]), ["a::c", "a::d"]);
    assert_eq!(arrows(&["a", "c"]), ["a::d"]);
    assert_eq!(arrows(&["a", "d"]), [] as [&str; 0]);
    assert_eq!(arrows(&["a", "d", "e"]), ["a::b"], "its own folder's face is no arrow");
}

#[test]
fn the_table_itself_has_no_arrow_that_goes_up() {
    let mut lower = BTreeSet::new();
    for (room, imports) in ROOMS {
        for import in *imports {
            assert!(
                lower.contains(import),
                "`{room}` may import `{import}`, which is not below it"
            );
        }
        assert!(lower.insert(*room), "`{room}` has two rows");
    }
    let lib = fs::read_to_string("src/lib.rs").unwrap();
    let declared: BTreeSet<&str> = lib
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    assert_eq!(declared, lower, "src/lib.rs and tests/architecture.rs name different rooms");
}

/// A wrong reader of imports would find nothing broken.
#[test]
fn imports_are_read_as_rust_reads_them() {
    let text = "\
        //! [`crate::nothing`]\n\
        use crate::day::Day;\n\
        use crate::{\n    clock::Clock,\n    feishu::{self, Limits, wire::{Object}},\n    usage,\n};\n\
        fn f() { crate::secret::Secret::new(\"https://crate::x\"); } // crate::nothing\n\
        #[cfg(test)]\nmod tests {\n    use crate::clock::Clock;\n}\n";
    let found: Vec<String> = imports(&without_tests(text)).into_iter().collect();
    assert_eq!(found, ["clock", "day", "feishu", "secret", "usage", "x"]);
}

#[test]
fn no_file_has_a_name_that_says_nothing() {
    for file in all_files() {
        let stem = file.file_stem().unwrap().to_str().unwrap();
        let folder = file.parent().unwrap().file_name().unwrap().to_str().unwrap();
        for name in [stem, folder] {
            assert!(!EMPTY_NAMES.contains(&name), "{}: say what is inside", file.display());
        }
    }
}

/// A page that sends its reader to a file that is gone is worse than none.
#[test]
fn every_file_that_the_page_names_is_there() {
    const ENDINGS: [&str; 6] = [".rs", ".tsv", ".toml", ".yml", ".json", ".md"];
    let folders = ["src", "simulator", "tests", "docs", "dashboards"];
    let files: Vec<PathBuf> = folders.into_iter().flat_map(files_below).collect();
    let page = fs::read_to_string("docs/ARCHITECTURE.md").unwrap();
    let quoted = page.split('`').skip(1).step_by(2);
    let names: BTreeSet<&str> = quoted
        .filter(|name| ENDINGS.iter().any(|ending| name.ends_with(ending)) && !name.contains(' '))
        .collect();
    assert!(names.len() > 50, "the page names files: {names:?}");
    let is_gone = |name: &&str| !files.iter().any(|file| file.ends_with(name));
    let gone: Vec<&str> = names.into_iter().filter(is_gone).collect();
    assert!(gone.is_empty(), "docs/ARCHITECTURE.md names files that are not there: {gone:?}");
}

#[test]
fn no_file_is_so_long_that_nobody_reads_it() {
    for (file, text) in sources() {
        let (name, lines) = (file.to_str().unwrap(), text.lines().count());
        let excused = LONG_FILES.iter().any(|(long, _)| *long == name);
        assert!(
            lines <= LINES_MAX || excused,
            "{name} has {lines} lines without its tests, more than {LINES_MAX}: split it"
        );
    }
    for (file, _) in LONG_FILES {
        assert!(Path::new(file).exists(), "{file} is gone: take it off the list of long files");
    }
}

#[test]
fn nothing_is_left_to_be_done_in_the_sources() {
    for (file, text) in sources() {
        for mark in ["todo!", "unimplemented!", "TODO", "FIXME", "XXX"] {
            assert!(!text.contains(mark), "{} holds {mark}", file.display());
        }
    }
}

/// A file as the path of its module: `collect::due`.
type Module = Vec<String>;

/// Every file, and where the names that it hands on come from.
struct House {
    files: BTreeMap<Module, String>,
    handed_on: BTreeMap<(Module, String), Module>,
}

impl House {
    fn new(sources: Vec<(PathBuf, String)>) -> Self {
        let files = sources.into_iter().map(|(file, text)| (module(&file), code(&text)));
        let mut house = Self { files: files.collect(), handed_on: BTreeMap::new() };
        let handed_on = house.files.iter().flat_map(|(file, text)| {
            let handed_on =
                house.paths(file, text).into_iter().filter(|(is_handed_on, _)| *is_handed_on);
            handed_on.filter_map(|(_, path)| Some(((file.clone(), path.last()?.clone()), path)))
        });
        house.handed_on = handed_on.collect();
        house
    }

    /// The other files of its room that a file needs.
    fn arrows(&self, file: &Module) -> BTreeSet<Module> {
        let Some(text) = self.files.get(file) else { return BTreeSet::new() };
        let used = self.paths(file, text).into_iter().filter(|(is_handed_on, _)| !is_handed_on);
        let files = used.map(|(_, path)| self.file_of(&path, 0));
        files.filter(|to| to.first() == file.first() && !file.starts_with(to)).collect()
    }

    /// The file that defines what a path names.
    fn file_of(&self, path: &[String], depth: usize) -> Module {
        let mut length = path.len();
        while length > 0 && !self.files.contains_key(&path[..length]) {
            length -= 1;
        }
        let file = path[..length].to_vec();
        let handed_on =
            path.get(length).and_then(|name| self.handed_on.get(&(file.clone(), name.clone())));
        match handed_on {
            // A name that is handed on from nowhere is another crate's.
            Some(from) if depth < 5 => self.file_of(from, depth + 1),
            _ => file,
        }
    }

    /// Every path of a file from the crate's root on, and whether the file only hands it on.
    fn paths(&self, file: &Module, text: &str) -> Vec<(bool, Module)> {
        let children = self
            .files
            .keys()
            .filter(|other| other.len() == file.len() + 1 && other.starts_with(file));
        let mut starts = vec!["crate", "super", "self"];
        starts.extend(children.filter_map(|child| child.last()).map(String::as_str));
        let mut paths = Vec::new();
        for start in starts {
            for (at, _) in text.match_indices(&format!("{start}::")) {
                let before = &text[..at];
                if before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
                    continue;
                }
                let line = before.rsplit('\n').next().unwrap_or_default();
                let is_handed_on = line.trim_start().starts_with("pub") && line.ends_with("use ");
                for path in tree(&text[at..]) {
                    paths.push((is_handed_on, from_root(file, &path)));
                }
            }
        }
        paths
    }
}

/// The path of a module, from the path of its file.
fn module(file: &Path) -> Module {
    let parts = file.iter().skip(1).map(|part| part.to_str().unwrap().trim_end_matches(".rs"));
    parts.filter(|part| *part != "mod" && *part != "lib").map(str::to_owned).collect()
}

/// A path of a file, told from the crate's root.
fn from_root(file: &Module, path: &[String]) -> Module {
    let mut root = file.clone();
    let mut rest = path;
    while let Some((first, others)) = rest.split_first() {
        match first.as_str() {
            "crate" => root.clear(),
            "super" => drop(root.pop()),
            "self" => {}
            _ => break,
        }
        rest = others;
    }
    root.into_iter().chain(rest.iter().filter(|part| *part != "self").cloned()).collect()
}

/// All paths of a tree like `a::{b, c::{self, d}}`.
fn tree(text: &str) -> Vec<Module> {
    let text = text.trim_start();
    if let Some(list) = text.strip_prefix('{') {
        return entries(list).iter().flat_map(|entry| tree(entry)).collect();
    }
    let Some(word) = first_word(text) else { return vec![Vec::new()] };
    let rest = match text[word.len()..].strip_prefix("::") {
        Some(rest) => tree(rest),
        None => vec![Vec::new()],
    };
    rest.into_iter().map(|rest| [vec![word.clone()], rest].concat()).collect()
}

/// The first word after `crate::` of every path.
fn imports(text: &str) -> BTreeSet<String> {
    let code = code(text);
    let paths =
        code.match_indices("crate::").flat_map(|(at, begin)| tree(&code[at + begin.len()..]));
    paths.filter_map(|path| path.into_iter().next()).collect()
}

/// A text without its comments.
fn code(text: &str) -> String {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| line.split(" // ").next().unwrap_or_default())
        .flat_map(|line| [line, "\n"])
        .collect()
}

/// The entries of a list in braces, whose opening brace is gone already.
fn entries(list: &str) -> Vec<String> {
    let mut depth = 1;
    let (mut entries, mut entry) = (Vec::new(), String::new());
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => {
                entries.push(std::mem::take(&mut entry));
                continue;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
        entry.push(c);
    }
    entries.push(entry);
    entries.retain(|entry| !entry.trim().is_empty());
    entries
}

fn first_word(path: &str) -> Option<String> {
    let word: String = path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!word.is_empty()).then_some(word)
}

/// Every source file without its tests.
fn sources() -> Vec<(PathBuf, String)> {
    let files = all_files().into_iter().filter(|file| {
        !file.iter().any(|part| part == "tests") && file.file_name().unwrap() != "tests.rs"
    });
    let sources: Vec<_> = files
        .map(|file| {
            let text = without_tests(&fs::read_to_string(&file).unwrap());
            (file, text)
        })
        .collect();
    assert!(sources.len() > 50, "the sources were not found");
    sources
}

/// Tests stand at the end of a file and may import what they like.
fn without_tests(text: &str) -> String {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned()
}

fn all_files() -> Vec<PathBuf> {
    let mut files = files_below("src");
    files.retain(|file| file.extension().is_some_and(|extension| extension == "rs"));
    files.sort();
    files
}

fn files_below(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files
}

/// `collect` for `src/collect/mod.rs` as for `src/collect.rs`.
fn room(file: &Path) -> String {
    let first = file.iter().nth(1).unwrap().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}
