//! The rules between the rooms as data. `docs/ARCHITECTURE.md` tells them in words.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Every room with the rooms that it may import, lowest floor first. A room may import only rooms
/// that stand above it in this list, so that arrows go one way.
const ROOMS: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("day", &[]),
    ("input", &[]),
    ("http_client", &["input"]),
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
    ("sources", &["catalogue", "clock", "day", "feishu", "learned", "usage"]),
    // The published bytes and facts; the facts speak of departments and geos.
    ("snapshot", &["baseline", "day", "usage"]),
    // It makes the bytes of a snapshot and renders the own metrics, whose table it reads.
    ("exposition", &["baseline", "catalogue", "day", "snapshot", "telemetry", "usage"]),
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
            "secret",
            "shutdown",
            "snapshot",
            "telemetry",
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
            "secret",
            "server",
            "usage",
            "web",
        ],
    ),
    (
        "app",
        &[
            "clock",
            "collect",
            "config",
            "day",
            "server",
            "shutdown",
            "snapshot",
            "store",
            "telemetry",
            "usage",
        ],
    ),
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
    let table: BTreeMap<&str, &[&str]> = ROOMS.iter().copied().collect();
    let mut broken = Vec::new();
    for (file, text) in sources() {
        let room = room(&file);
        if room == "lib" || room == "main" {
            continue;
        }
        let Some(allowed) = table.get(room.as_str()) else {
            broken.push(format!("the room `{room}` has no row in tests/architecture.rs"));
            continue;
        };
        for import in imports(&text) {
            if import != room && !allowed.contains(&import.as_str()) {
                let file = file.display();
                broken.push(format!("{file} imports `{import}`, which `{room}` must not know"));
            }
        }
    }
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
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

/// The first word after `crate::` of every path, comments left out.
fn imports(text: &str) -> BTreeSet<String> {
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| line.split(" // ").next().unwrap_or_default())
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut found = BTreeSet::new();
    for (at, begin) in code.match_indices("crate::") {
        let path = &code[at + begin.len()..];
        match path.strip_prefix('{') {
            Some(list) => found.extend(first_words(list)),
            None => found.extend(first_word(path)),
        }
    }
    found
}

/// The first word of each entry of a list in braces, whose opening brace is gone already.
fn first_words(list: &str) -> Vec<String> {
    let mut depth = 1;
    let (mut entries, mut entry) = (Vec::new(), String::new());
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => entries.push(std::mem::take(&mut entry)),
            _ if depth == 1 => entry.push(c),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    entries.push(entry);
    entries.iter().filter_map(|entry| first_word(entry.trim())).collect()
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
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::from("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// `collect` for `src/collect/mod.rs` as for `src/collect.rs`.
fn room(file: &Path) -> String {
    let first = file.iter().nth(1).unwrap().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}
