//! `discover`: the departments below a root, as a table, as configuration or as JSON.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
    io::{self, Write as _},
    sync::atomic::Ordering,
};

use serde_json::{Value, json};

use super::{
    ConfigArgs, Failure, block_on,
    plain::{columns, plain},
    progress::Working,
};
use crate::{
    clock::Clock,
    collect::Tenant,
    diagnose::{self, Below, Listed, Node, ROOT, STATISTICS_DEPTH_MAX},
};

/// List the departments below a root.
///
/// Lists those that the configured discovery takes; without one, or with --all, every department.
/// Exit status 1 if they cannot be listed.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigArgs,

    /// What is printed.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Table)]
    pub format: Format,

    /// Department below which others are listed [default: discovery.root, or 0].
    #[arg(long, value_name = "ID")]
    pub root: Option<String>,

    /// Tenant of the configuration; needed if there are several.
    #[arg(long, value_name = "NAME")]
    pub tenant: Option<String>,

    /// Levels below the tenant's root [default: as configured, or 4]. The statistics reach
    /// no deeper than 4.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=4))]
    pub max_depth: Option<u8>,

    /// List also what the configured discovery leaves out.
    #[arg(long)]
    pub all: bool,
}

/// What `discover` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Columns for people.
    Table,
    /// A block `departments:` for the configuration.
    Yaml,
    /// A list of objects; docs/doctor.md has their keys.
    Json,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let clock = Clock::system();
    let options = args.config.begin(&clock)?.options;
    let tenant = chosen(&options.tenants, args.tenant.as_deref())?;
    let discovery = tenant.discovery.as_ref();
    let below = Below {
        roots: match (&args.root, discovery) {
            (Some(root), _) => vec![root.clone()],
            (None, Some(discovery)) => discovery.roots.clone(),
            (None, None) => vec![ROOT.to_owned()],
        },
        max_depth: args
            .max_depth
            .or_else(|| discovery.map(|discovery| discovery.max_depth))
            .unwrap_or(STATISTICS_DEPTH_MAX),
        everything: args.all,
    };
    block_on(async {
        let watch = diagnose::Watch::default();
        let asking = diagnose::discover(tenant, &below, clock, &watch);
        let listed = Working::new("walking through the directory")
            .during(|| watch.requests.load(Ordering::Relaxed), asking)
            .await
            .map_err(|error| Failure::failed(plain(&error.to_string())))?;
        if listed.departments.is_empty()
            && listed.left_out == 0
            && let Some(root) = &args.root
        {
            return Err(Failure::failed(format!(
                "--root: nothing was found below {}: there is no such department, none below it, \
                 or the app may not see them",
                plain(root)
            )));
        }
        let departments = in_order(&listed.departments);
        let text = match args.format {
            Format::Table => table(&departments),
            Format::Yaml => yaml(&departments),
            Format::Json => {
                let departments: Vec<Value> = departments.iter().map(|node| object(node)).collect();
                format!("{:#}\n", Value::from(departments))
            }
        };
        io::stdout().write_all(text.as_bytes())?;
        io::stderr().write_all(remarks(&listed).as_bytes())?;
        Ok(())
    })
}

fn chosen<'a>(tenants: &'a [Tenant], name: Option<&str>) -> Result<&'a Tenant, Failure> {
    let names = || tenants.iter().map(|t| t.name.as_str()).collect::<Vec<_>>().join(", ");
    match (name, tenants) {
        (Some(name), _) => tenants.iter().find(|tenant| tenant.name == name).ok_or_else(|| {
            Failure::usage(format!("--tenant: there is no {}; there are {}", plain(name), names()))
        }),
        (None, [only]) => Ok(only),
        (None, _) => {
            let text = format!("there are several tenants; choose one by --tenant: {}", names());
            Err(Failure::usage(text))
        }
    }
}

/// What is worth knowing beside the list.
fn remarks(listed: &Listed) -> String {
    let Listed { departments, left_out, denied, requests } = listed;
    let s = |number: u64| if number == 1 { "" } else { "s" };
    let count = departments.len() as u64;
    let mut text =
        format!("{count} department{} listed with {requests} request{}", s(count), s(*requests));
    // Writing to a string cannot fail.
    if *left_out > 0 {
        let _ = write!(text, "; {left_out} more are left out by discovery, --all lists them");
    }
    text.push('\n');
    if let Some(denied) = denied {
        let _ = writeln!(text, "incomplete: {}; {}", plain(&denied.what), plain(&denied.remedy));
    }
    text
}

/// Columns of a name and of a path in the table at most; the other formats have all of them.
const NAME_COLUMNS_MAX: usize = 30;
const PATH_COLUMNS_MAX: usize = 80;

/// The departments so that each is followed by those below it.
fn in_order(departments: &[Node]) -> Vec<&Node> {
    let ids: HashSet<&str> = departments.iter().map(|node| node.department_id.as_str()).collect();
    let mut below: HashMap<&str, Vec<&Node>> = HashMap::new();
    // Backwards, since the last in is the first out.
    let mut waiting: Vec<&Node> = Vec::new();
    for node in departments.iter().rev() {
        match ids.contains(node.parent_department_id.as_str()) {
            true => below.entry(&node.parent_department_id).or_default().push(node),
            false => waiting.push(node),
        }
    }
    let mut ordered = Vec::with_capacity(departments.len());
    while let Some(node) = waiting.pop() {
        ordered.push(node);
        waiting.extend(below.remove(node.department_id.as_str()).unwrap_or_default());
    }
    ordered
}

/// `text` in so many columns of a terminal at most.
fn cut(text: &str, columns_max: usize) -> String {
    if columns(text) <= columns_max {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        if columns(&short) + columns(c.encode_utf8(&mut [0; 4])) >= columns_max {
            break;
        }
        short.push(c);
    }
    short.push('…');
    short
}

fn name(node: &Node) -> &str {
    node.path.last().map_or("", String::as_str)
}

/// A count as a whole number, which it is unless Feishu says otherwise.
fn whole(count: f64) -> Value {
    serde_json::from_str(&count.to_string()).unwrap_or_else(|_| count.into())
}

fn object(node: &Node) -> Value {
    json!({
        "id": node.department_id,
        "parent_id": node.parent_department_id,
        "name": name(node),
        "path": node.path.join("/"),
        "depth": node.depth,
        "direct_members": node.direct_members.map(whole),
        "recursive_members": node.recursive_members.map(whole),
    })
}

fn table(departments: &[&Node]) -> String {
    let header = ["ID", "PARENT", "DEPTH", "MEMBERS", "WITH BELOW", "NAME", "PATH"];
    let number = |count: Option<f64>| count.map_or_else(|| "-".to_owned(), |c| c.to_string());
    let row = |node: &&Node| {
        [
            plain(&node.department_id),
            plain(&node.parent_department_id),
            node.depth.to_string(),
            number(node.direct_members),
            number(node.recursive_members),
            cut(&plain(name(node)), NAME_COLUMNS_MAX),
            cut(&plain(&node.path.join("/")), PATH_COLUMNS_MAX),
        ]
    };
    let rows: Vec<_> =
        [header.map(str::to_owned)].into_iter().chain(departments.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| columns(&row[column])).max().unwrap_or(0);
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let blanks = " ".repeat(widths[column] - columns(cell));
            let is_number = (2..=4).contains(&column);
            let (before, after) = if is_number { (blanks.as_str(), "") } else { ("", &*blanks) };
            // Writing to a string cannot fail.
            let _ = write!(line, "{before}{cell}{after}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A block for the configuration. Ids are quoted: some look like numbers. The path stands in a
/// comment, which nothing in it can end.
fn yaml(departments: &[&Node]) -> String {
    let mut text = "departments:\n".to_owned();
    if departments.is_empty() {
        return "departments: []\n".to_owned();
    }
    for node in departments {
        let id = Value::from(plain(&node.department_id));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  - id: {id}  # {}", plain(&node.path.join("/")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &str, parent: &str) -> Node {
        serde_json::from_value(json!({
            "department_id": id, "parent_department_id": parent, "path": [id], "depth": 1,
            "has_child": null, "is_enabled": null, "direct_members": null,
            "recursive_members": null, "direct_departments": null, "recursive_departments": null,
        }))
        .unwrap()
    }

    #[test]
    fn each_department_is_followed_by_those_below_it() {
        let found = [("a", "0"), ("b", "0"), ("a1", "a"), ("b1", "b"), ("a2", "a"), ("a11", "a1")]
            .map(|(id, parent)| node(id, parent));
        let ids: Vec<&str> =
            in_order(&found).into_iter().map(|node| node.department_id.as_str()).collect();
        assert_eq!(ids, ["a", "a1", "a11", "a2", "b", "b1"]);
        // Whoever is its own ancestor is not reached, and holds nobody up.
        assert!(in_order(&[node("a", "b"), node("b", "a")]).is_empty());
    }

    #[test]
    fn what_is_too_wide_is_cut_at_a_character() {
        assert_eq!(cut("研发部", 6), "研发部");
        assert_eq!(cut("研发部门", 6), "研发…");
        assert_eq!(cut("Engineering", 5), "Engi…");
    }
}
