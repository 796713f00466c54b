//! A tenant's departments on the status page.

use std::fmt::{self, Write};

use jiff::Timestamp;

use super::{
    words::{Escaped, Moment, grouped},
    write_problem,
};
use crate::snapshot::{DepartmentState, DepartmentStatus};

/// Tenants of at most so many departments show all of them at once.
const OPEN_MAX: usize = 50;

/// Every state, the most troubled first.
const STATES: [DepartmentState; 6] = [
    DepartmentState::Failed,
    DepartmentState::NoData,
    DepartmentState::Incomplete,
    DepartmentState::Late,
    DepartmentState::Pending,
    DepartmentState::Latest,
];

/// Writes the counts of states, then the departments that need attention, then the others, folded
/// where they are many.
pub(super) fn write(
    out: &mut String,
    now: Timestamp,
    departments: &[DepartmentStatus],
) -> fmt::Result {
    if departments.is_empty() {
        return out.write_str("<p class=\"empty\">No department is known yet.</p>\n");
    }
    out.write_str("<ul class=\"counts\">\n")?;
    for state in STATES {
        let count = departments.iter().filter(|d| d.state == state).count() as u64;
        if count > 0 {
            writeln!(out, "<li>{} {}</li>", Badge(state), grouped(count))?;
        }
    }
    out.write_str("</ul>\n")?;

    let troubled = in_order(departments, |state| {
        !matches!(state, DepartmentState::Pending | DepartmentState::Latest)
    });
    if !troubled.is_empty() {
        let count = grouped(troubled.len() as u64);
        writeln!(out, "<h3>Not up to date: {count}</h3>")?;
        write_table(out, now, &troubled)?;
    }
    let open = if departments.len() <= OPEN_MAX { " open" } else { "" };
    for (state, summary) in
        [(DepartmentState::Pending, "Not asked for yet"), (DepartmentState::Latest, "Up to date")]
    {
        let folded = in_order(departments, |s| s == state);
        if !folded.is_empty() {
            let count = grouped(folded.len() as u64);
            writeln!(out, "<details{open}>\n<summary>{summary}: {count}</summary>")?;
            write_table(out, now, &folded)?;
            out.write_str("</details>\n")?;
        }
    }
    Ok(())
}

/// A state as a coloured word.
struct Badge(DepartmentState);

impl fmt::Display for Badge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = match self.0 {
            DepartmentState::Failed | DepartmentState::NoData => "bad",
            DepartmentState::Incomplete | DepartmentState::Late => "poor",
            DepartmentState::Pending => "idle",
            DepartmentState::Latest => "good",
        };
        let word = self.0.as_str().replace('_', " ");
        write!(f, "<span class=\"badge {class}\">{word}</span>")
    }
}

/// The departments in some states: the most troubled first, then by name.
fn in_order(
    departments: &[DepartmentStatus],
    wanted: impl Fn(DepartmentState) -> bool,
) -> Vec<&DepartmentStatus> {
    let mut chosen: Vec<_> = departments.iter().filter(|d| wanted(d.state)).collect();
    chosen.sort_by_key(|d| {
        (STATES.iter().position(|&s| s == d.state), &d.department, &d.department_id, d.geo)
    });
    chosen
}

fn write_table(out: &mut String, now: Timestamp, departments: &[&DepartmentStatus]) -> fmt::Result {
    out.write_str(
        "<div class=\"scroll\"><table>\n<thead><tr><th>Department</th><th>Geo</th><th>State</th>\
         <th>Day served</th><th>Last success</th><th>Next attempt</th><th>Problem</th></tr></thead>\
         \n<tbody>\n",
    )?;
    for department in departments {
        write_row(out, now, department)?;
    }
    out.write_str("</tbody>\n</table></div>\n")
}

fn write_row(out: &mut String, now: Timestamp, department: &DepartmentStatus) -> fmt::Result {
    let d = department;
    out.write_str("<tr><td class=\"name\">")?;
    if let Some(name) = &d.department {
        write!(out, "<bdi>{}</bdi> ", Escaped(name))?;
    }
    write!(
        out,
        "<code>{}</code></td><td>{}</td><td>{}</td><td>",
        Escaped(&d.department_id),
        d.geo,
        Badge(d.state)
    )?;
    match d.day {
        Some(day) => write!(out, "{day}")?,
        None => out.write_str("none")?,
    }
    if let Some(at) = d.day_end {
        write!(out, "<br><span class=\"aside\">ended {}</span>", Moment { now, at })?;
    }
    if let Some(due) = d.expected_day.filter(|&due| d.day != Some(due)) {
        write!(out, "<br><span class=\"aside\">due: {due}</span>")?;
    }
    out.write_str("</td><td>")?;
    match d.last_success {
        Some(at) => write!(out, "{}", Moment { now, at })?,
        None => out.write_str("none yet")?,
    }
    out.write_str("</td><td>")?;
    match d.next_attempt {
        Some(at) => write!(out, "{}", Moment { now, at })?,
        None => out.write_str("running now")?,
    }
    out.write_str("</td><td class=\"problem\">")?;
    if let Some(problem) = &d.problem {
        write_problem(out, now, problem)?;
    }
    out.write_str("</td></tr>\n")
}
