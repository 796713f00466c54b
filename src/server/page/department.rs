//! One department: how it stands, and its figures against what is usual.

use std::sync::LazyLock;

use maud::{Markup, html};

use super::{
    View, attempt,
    chart::Line,
    departments::{badge, change, meaning},
    moment_or, next, problem,
    query::Language,
    sources,
    words::{Escaped, number, percent, span},
};
use crate::{
    catalogue::{FIGURES, Unit},
    snapshot::{DepartmentStatus, TenantStatus},
};

/// The names of the figures for people, as the dashboards have them.
const NAMES: &str = include_str!("../../../dashboards/source/figures.tsv");

/// The English and the Chinese name of each figure, in catalogue order.
static FIGURE_NAMES: LazyLock<Vec<[&str; 2]>> = LazyLock::new(|| {
    let rows: Vec<Vec<&str>> = NAMES.lines().map(|line| line.split('\t').collect()).collect();
    let name_of = |metric: &'static str| {
        let row = rows.iter().find(|row| row.first() == Some(&metric));
        row.and_then(|row| Some([*row.get(3)?, *row.get(4)?])).unwrap_or([metric; 2])
    };
    FIGURES.iter().map(|figure| name_of(figure.metric)).collect()
});

#[cfg(test)]
pub(super) fn figure_names() -> &'static [[&'static str; 2]] {
    &FIGURE_NAMES
}

pub(super) fn body(view: &View, tenant: &TenantStatus, d: &DepartmentStatus) -> Markup {
    let texts = view.texts();
    let name = d.department.as_deref().unwrap_or(&d.department_id);
    html! {
        p.up { a href={ "../../../" (view.query.kept()) } { "← " (texts.overview) } }
        section {
            h2 { bdi { (Escaped(name)) } " " (badge(view, d.state)) }
            @if let Some(path) = &d.path { p.where { bdi { (Escaped(path)) } } }
            p { (meaning(view, d)) }
            @if let Some(failure) = &d.problem {
                div.alert { (problem(view, &tenant.time_zone, failure)) }
            }
            dl {
                div { dt { "id" } dd { code { (Escaped(&d.department_id)) } } }
                div { dt { (texts.geo) } dd { (d.geo) } }
                div {
                    dt { (texts.day_served) }
                    dd {
                        @match d.day {
                            Some(day) => (day),
                            None => (texts.none),
                        }
                    }
                }
                div { dt { (texts.last_success) } dd { (moment_or(view, tenant, d.last_success, texts.none_yet)) } }
                div { dt { (attempt(view, d.next_attempt)) } dd { (next(view, tenant, d.next_attempt)) } }
            }
            (last_days(view, tenant, d))
            (figures(view, tenant, d))
            (sources(view, tenant))
        }
    }
}

/// The figures that are used most, day by day.
fn last_days(view: &View, tenant: &TenantStatus, d: &DepartmentStatus) -> Markup {
    let texts = view.texts();
    let lines = Line::of_all_days(tenant, d.recent.as_deref());
    let Some((_, first)) = lines.first() else { return html! {} };
    let days = first.days().iter().map(|(day, _)| *day).enumerate();
    html! {
        h3 { (texts.last_days) }
        div.charts {
            @for (index, line) in &lines {
                @if let Some(drawn) = line.drawn() {
                    figure {
                        figcaption {
                            (name_of(view, *index)) " "
                            span.aside { (texts.highest) " " (drawn.highest.1) }
                        }
                        (line.svg(name_of(view, *index), "days", texts))
                        @if let (Some((from, _)), Some((to, _))) = (line.days().first(), line.days().last()) {
                            div.scale { span { (from) } span { (to) } }
                        }
                    }
                }
            }
        }
        details {
            summary { (texts.day_by_day) }
            table.days {
                thead {
                    tr {
                        th { (texts.day_served) }
                        @for (index, _) in &lines { th.number { (name_of(view, *index)) } }
                    }
                }
                tbody {
                    @for (at, day) in days.rev() {
                        tr.off[!tenant.calendar.is_workday(day)] {
                            td { (day) }
                            @for (index, line) in &lines {
                                td.number data-label=(name_of(view, *index)) {
                                    (line.days()[at].1.map_or("–".to_owned(), number))
                                }
                            }
                        }
                    }
                }
            }
        }
        h3 { (texts.day_figures) " " @if let Some(day) = d.day { (day) } }
    }
}

/// The figure's name for people.
fn name_of(view: &View, index: usize) -> &'static str {
    FIGURE_NAMES[index][usize::from(view.query.language == Language::Chinese)]
}

fn figures(view: &View, tenant: &TenantStatus, d: &DepartmentStatus) -> Markup {
    let texts = view.texts();
    let rows: Vec<_> = (0..FIGURES.len())
        .map(|index| (index, d.figure(tenant, index)))
        .filter(|(_, (value, usual))| value.is_some() || usual.is_some())
        .collect();
    if rows.is_empty() {
        return html! { p.empty { (texts.figures_none) } };
    }
    html! {
        table.figures {
            thead {
                tr {
                    th { (texts.figure) } th.number { (texts.value) }
                    th.number { (texts.usual) } th.number { (texts.change) }
                }
            }
            tbody {
                @for (index, figure) in rows {
                    tr {
                        td {
                            (name_of(view, index))
                            " " code { (FIGURES[index].metric) }
                        }
                        td.number data-label=(texts.value) { (told(view, index, figure.0)) }
                        td.number.none[figure.1.is_none()] data-label=(texts.usual) {
                            (told(view, index, figure.1))
                        }
                        td.number data-label=(texts.change) {
                            @if let Some(change) = change(figure) { (percent(change)) }
                        }
                    }
                }
            }
        }
    }
}

/// A value in the unit in which people read it.
fn told(view: &View, index: usize, value: Option<f64>) -> String {
    let Some(value) = value else { return "–".to_owned() };
    match FIGURES[index].unit {
        Unit::Ratio => format!("{:.0} %", value * 100.0),
        #[expect(clippy::cast_possible_truncation, reason = "no department meets for 2^63 s")]
        Unit::Minutes => span(value as i64, view.texts()),
        _ => number(value),
    }
}
