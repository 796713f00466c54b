//! `docs/configuration.md` holds tables of flags, variables and keys; this test writes them from
//! the program (`UPDATE_GOLDEN=1`) or fails if they are out of date.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{collections::BTreeMap, fs};

use feishu_exporter::{
    cli,
    config::{KEYS, Key, Kind, VARIABLES, WEB_KEYS},
};

const PAGE: &str = "docs/configuration.md";
const CHINESE_PAGE: &str = "docs/configuration.zh-CN.md";
/// What the tables say, and the same in Chinese, a line each.
const CHINESE: &str = include_str!("../docs/configuration.zh-CN.tsv");

#[test]
fn the_pages_about_configuration_are_up_to_date() {
    let words = |text: &str| text.to_owned();
    for (file, translate) in [(PAGE, &words as &dyn Fn(&str) -> String), (CHINESE_PAGE, &chinese)] {
        let before = fs::read_to_string(file).unwrap();
        let mut page = before.clone();
        for (name, table) in [
            ("flags", flags()),
            ("variables", variables()),
            ("keys", keys(KEYS)),
            ("web keys", keys(WEB_KEYS)),
        ] {
            page = with_table(&page, name, &translate(&table));
        }
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(file, page).unwrap();
        } else {
            assert!(page == before, "{file} is out of date: run this test with UPDATE_GOLDEN=1");
        }
    }
}

/// Tables with what they say in Chinese; names stay.
fn chinese(tables: &str) -> String {
    let known: BTreeMap<&str, &str> =
        CHINESE.lines().map(|line| line.split_once('\t').unwrap()).collect();
    let said = |english: &str| -> String {
        let chinese = known.get(english);
        let chinese = chinese
            .unwrap_or_else(|| panic!("docs/configuration.zh-CN.tsv lacks a line for: {english}"));
        (*chinese).to_owned()
    };
    let line = |line: &str| match line.strip_prefix("| ").and_then(|row| row.strip_suffix(" |")) {
        Some(row) if row.starts_with('`') => {
            let (cells, meaning) = row.rsplit_once(" | ").unwrap();
            format!("| {} | {} |", kinds_in_chinese(cells), said(meaning))
        }
        Some(head) => format!("| {} |", heads_in_chinese(head)),
        None if line.is_empty() || line.starts_with(['|', '#']) => {
            line.replace("### Top level", "### 顶层")
        }
        None => said(line),
    };
    let lines: Vec<String> = tables.lines().map(line).collect();
    lines.join("\n") + if tables.ends_with('\n') { "\n" } else { "" }
}

/// The head of a table.
fn heads_in_chinese(head: &str) -> String {
    let words = [
        ("argument", "参数"),
        ("variable", "变量"),
        ("default", "默认值"),
        ("meaning", "含义"),
        ("key", "键"),
        ("type", "类型"),
    ];
    words.iter().fold(head.to_owned(), |head, (english, chinese)| head.replace(english, chinese))
}

/// The words for the types of values, outside of names.
fn kinds_in_chinese(cells: &str) -> String {
    let words = [
        ("list: regular expression", "列表：正则表达式"),
        ("regular expression", "正则表达式"),
        ("list: day or a range of days", "列表：日期或日期范围"),
        ("list: section", "列表：节"),
        ("list: text", "列表：文本"),
        ("list: ", "列表："),
        (", or a list of such", "，或其列表"),
        ("whole number, ", "整数，"),
        ("whole days, ", "整天数，"),
        ("duration, ", "时长，"),
        ("number, ", "数，"),
        ("true or false", "true 或 false"),
        ("blocks of PEM", "PEM 块"),
        ("time of day", "时刻"),
        ("time zone", "时区"),
        ("auto or ", "auto 或 "),
        ("| section |", "| 节 |"),
        ("| text |", "| 文本 |"),
        ("| path |", "| 路径 |"),
        ("| secret |", "| 密钥 |"),
    ];
    let cells = format!("{cells} |");
    let cells =
        words.iter().fold(cells, |cells, (english, chinese)| cells.replace(english, chinese));
    cells.strip_suffix(" |").unwrap().to_owned()
}

#[test]
fn no_line_of_the_translation_is_left_over() {
    let page = fs::read_to_string(PAGE).unwrap();
    for line in CHINESE.lines() {
        let english = line.split('\t').next().unwrap();
        assert!(page.contains(english), "{PAGE} says no more: {english}");
    }
}

#[test]
fn the_page_names_every_key_variable_and_flag() {
    let page = fs::read_to_string(PAGE).unwrap();
    for key in KEYS.iter().chain(WEB_KEYS) {
        assert!(page.contains(&format!("| `{}` |", key.name())), "{}", key.path);
    }
    for (_, variable, _) in VARIABLES {
        assert!(page.contains(variable), "{variable}");
    }
    for argument in cli::command().get_arguments().filter_map(clap::Arg::get_long) {
        assert!(page.contains(&format!("`--{argument}")), "{argument}");
    }
}

/// The page with the text between a pair of markers replaced.
fn with_table(page: &str, name: &str, table: &str) -> String {
    let begin = format!("<!-- generated: {name} -->\n");
    let (head, rest) = page.split_once(&begin).unwrap();
    let (_, tail) = rest.split_once("<!-- end -->").unwrap();
    format!("{head}{begin}\n{table}\n<!-- end -->{tail}")
}

fn table(head: [&str; 4], rows: impl Iterator<Item = [String; 4]>) -> String {
    let mut text = format!("| {} |\n|---|---|---|---|\n", head.join(" | "));
    for row in rows {
        let row = row.map(|cell| cell.replace('|', "\\|").replace('\n', " "));
        text.push_str(&format!("| {} |\n", row.join(" | ")));
    }
    text
}

fn flags() -> String {
    let mut text = String::new();
    for command in cli::command().get_subcommands() {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        text.push_str(&format!("### `{}`\n\n{about}.\n\n", command.get_name()));
        let rows = command.get_arguments().filter(|a| !matches!(a.get_id().as_str(), "help"));
        text.push_str(&table(["argument", "variable", "default", "meaning"], rows.map(flag)));
        text.push('\n');
    }
    text.trim_end().to_owned() + "\n"
}

fn flag(argument: &clap::Arg) -> [String; 4] {
    let value = argument.get_value_names().map(|names| names.join(" ")).unwrap_or_default();
    let name = match argument.get_long() {
        Some(long) if argument.get_action().takes_values() => format!("`--{long} {value}`"),
        Some(long) => format!("`--{long}`"),
        None => format!("`{value}`"),
    };
    let words: Vec<_> = argument
        .get_possible_values()
        .iter()
        .filter(|_| argument.get_action().takes_values())
        .map(|word| format!("`{}`", word.get_name()))
        .collect();
    let mut help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    // Defaults that clap does not know stand in the help text.
    let default = match help.split_once(" [default: ") {
        Some((_, rest)) => rest.split_once(']').unwrap().0.to_owned(),
        None => argument.get_default_values().iter().map(|v| v.to_str().unwrap()).collect(),
    };
    help = help.replace(&format!(" [default: {default}]"), "");
    let end = if help.ends_with('.') { "" } else { "." };
    let choice = if words.is_empty() { String::new() } else { format!(" {}.", words.join(", ")) };
    let variable = argument.get_env().map(|v| code(v.to_str().unwrap())).unwrap_or_default();
    [name, variable, code(&default), format!("{help}{end}{choice}")]
}

fn variables() -> String {
    let mut text = "| variable | meaning |\n|---|---|\n".to_owned();
    for (_, variable, meaning) in VARIABLES {
        text.push_str(&format!("| `{variable}` | {meaning} |\n"));
    }
    text
}

fn keys(keys: &[Key]) -> String {
    let mut sections: Vec<&str> = Vec::new();
    for key in keys {
        if !sections.contains(&key.section()) {
            sections.push(key.section());
        }
    }
    let mut text = String::new();
    for section in sections {
        let title = if section.is_empty() { "Top level".to_owned() } else { code(section) };
        text.push_str(&format!("### {title}\n\n"));
        let rows = keys.iter().filter(|key| key.section() == section).map(key_row);
        text.push_str(&table(["key", "type", "default", "meaning"], rows));
        text.push('\n');
    }
    text.trim_end().to_owned() + "\n"
}

fn key_row(key: &Key) -> [String; 4] {
    let default = key.default.map(code).unwrap_or_default();
    [code(key.name()), kind(&key.kind), default, key.meaning.to_owned()]
}

fn kind(kind: &Kind) -> String {
    match kind {
        Kind::Section => "section".to_owned(),
        Kind::OneOrMany(of) => format!("{}, or a list of such", self::kind(of)),
        Kind::AutoOrCount { .. } => kind.to_string(),
        Kind::List(of) => format!("list: {}", self::kind(of)),
        Kind::Choice(words) => words.iter().copied().map(code).collect::<Vec<_>>().join(", "),
        Kind::Count { .. } => format!("whole number, {kind}"),
        Kind::Number { .. } => format!("number, {kind}"),
        Kind::Duration { .. } => format!("duration, {kind}"),
        Kind::WholeDays { .. } => format!("whole days, {kind}"),
        Kind::Text
        | Kind::Id
        | Kind::Secret
        | Kind::Pem
        | Kind::Path
        | Kind::Url
        | Kind::Zone
        | Kind::Days
        | Kind::Pattern
        | Kind::Flag
        | Kind::TimeOfDay => {
            let text = kind.to_string();
            text.trim_start_matches("a ").trim_start_matches("an ").to_owned()
        }
    }
}

fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{text}`") }
}
