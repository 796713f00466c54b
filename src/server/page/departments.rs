//! The departments of a tenant: searched, filtered and sorted as the address says, in pages.

use std::cmp::Ordering;

use maud::{Markup, html};

use super::{
    View, attempt,
    chart::Line,
    next, problem,
    query::{Sort, department_path},
    words::{Escaped, number, percent},
};
use crate::{
    snapshot::{DepartmentState, DepartmentStatus, Status, TenantStatus},
    usage::Geo,
};

/// Rows of a page.
const ROWS: usize = 100;
/// Columns of the table.
const COLUMNS: usize = 6;
/// Rows of a tenant beside others: what is wrong comes first.
const ROWS_BESIDE_OTHERS: usize = 20;
/// `suite_dau` of the catalogue: who used anything.
const ACTIVE: &str = "suite_dau";

/// The catalogue index of the active members.
pub(super) fn active_figure() -> usize {
    crate::catalogue::FIGURES
        .iter()
        .position(|figure| figure.api_field == ACTIVE)
        .expect("the catalogue has the active members")
}

impl DepartmentStatus {
    /// The value of a figure of the day served, as published, and what is usual.
    pub(super) fn figure(&self, tenant: &TenantStatus, index: usize) -> (Option<f64>, Option<f64>) {
        if !tenant.figures.contains(index) {
            return (None, None);
        }
        let total = self.served.as_ref().and_then(|day| day.total());
        let value = total.and_then(|total| total.sample(index, tenant.scale));
        (value, self.baseline.as_ref().and_then(|baseline| baseline.of(index)))
    }

    /// Its path, else its name, else its id.
    fn title(&self) -> &str {
        self.path.as_deref().or(self.department.as_deref()).unwrap_or(&self.department_id)
    }
}

/// The state as a coloured word.
pub(super) fn badge(view: &View, state: DepartmentState) -> Markup {
    let class = match state {
        DepartmentState::Failed | DepartmentState::NoData => "bad",
        DepartmentState::Incomplete | DepartmentState::Late => "poor",
        DepartmentState::Pending => "idle",
        DepartmentState::Latest => "good",
    };
    html! { span.badge.(class) { ((view.texts().state_word)(state)) } }
}

/// What the state means and what to do.
pub(super) fn meaning(view: &View, department: &DepartmentStatus) -> String {
    let due = department.expected_day.map(|day| day.to_string());
    (view.texts().meaning)(department.state, due.as_deref())
}

/// The form that searches, filters and sorts.
pub(super) fn controls(view: &View, status: &Status) -> Markup {
    let (texts, query) = (view.texts(), view.query);
    html! {
        form.controls method="get" role="search" {
            @for (name, value) in query.hidden() {
                @if name != "tenant" || status.tenants.len() == 1 {
                    input type="hidden" name=(name) value=(Escaped(&value));
                }
            }
            label {
                (texts.search) " "
                input type="search" name="search" value=(Escaped(&query.search)) placeholder=(texts.search_for);
            }
            @if status.tenants.len() > 1 {
                label {
                    (texts.tenant) " "
                    select name="tenant" {
                        option value="" { (texts.all_tenants) }
                        @for tenant in &status.tenants {
                            option value=(Escaped(&tenant.name))
                                selected[query.tenant.as_deref() == Some(&tenant.name)] {
                                (Escaped(&tenant.name))
                            }
                        }
                    }
                }
            }
            label {
                (texts.state) " "
                select name="state" {
                    option value="" { (texts.all_states) }
                    @for state in DepartmentState::ALL {
                        option value=(state.as_str()) selected[query.state == Some(state)] {
                            ((texts.state_word)(state))
                        }
                    }
                }
            }
            label {
                (texts.sort_by) " "
                select name="sort" {
                    @for (sort, word) in Sort::ALL.into_iter().zip(texts.sorts) {
                        option value=(sort.as_str()) selected[query.sort == sort] { (word) }
                    }
                }
            }
            button { (texts.show) }
        }
    }
}

/// A page of the tenant's departments.
pub(super) fn table(view: &View, tenant: &TenantStatus, is_alone: bool) -> Markup {
    let (texts, query) = (view.texts(), view.query);
    if tenant.departments.is_empty() {
        return html! { p.empty { (texts.no_department) } };
    }
    let chosen = chosen(view, tenant);
    let rows = if is_alone { ROWS } else { ROWS_BESIDE_OTHERS };
    let page = if is_alone { query.page.min(chosen.len().saturating_sub(1) / rows) } else { 0 };
    let first = page * rows;
    let shown = &chosen[first..chosen.len().min(first + rows)];
    html! {
        h3 {
            (texts.departments) " "
            @if !chosen.is_empty() {
                span.aside { ((texts.rows)(first + 1, first + shown.len(), chosen.len())) }
            }
        }
        @if chosen.is_empty() {
            p.empty { (texts.no_match) }
        } @else {
            table.departments {
                thead {
                    tr {
                        th { (texts.department) } th { (texts.state) } th { (texts.day_served) }
                        th.number { (texts.active) } th { (texts.weeks) }
                        th { (texts.next_attempt) }
                    }
                }
                tbody { @for department in shown { (row(view, tenant, department)) } }
            }
        }
        nav.pages {
            @if page > 0 {
                a href=(query.link(|q| q.page = page - 1)) rel="prev" { (texts.previous) }
            }
            @if is_alone && first + shown.len() < chosen.len() {
                a href=(query.link(|q| q.page = page + 1)) rel="next" { (texts.next) }
            }
            @if !is_alone && shown.len() < chosen.len() {
                a href=(query.link(|q| q.tenant = Some(tenant.name.clone()))) {
                    ((texts.all_of)(chosen.len()))
                }
            }
        }
    }
}

/// The departments that the address asks for, in its order.
fn chosen<'a>(view: &View, tenant: &'a TenantStatus) -> Vec<&'a DepartmentStatus> {
    let query = view.query;
    let search = query.search.to_lowercase();
    let is_found = |d: &&DepartmentStatus| {
        let texts = [d.path.as_deref(), d.department.as_deref(), Some(&*d.department_id)];
        search.is_empty()
            || texts.into_iter().flatten().any(|text| text.to_lowercase().contains(&search))
    };
    let is_wanted =
        |d: &&DepartmentStatus| query.state.is_none_or(|state| state == d.state) && is_found(d);
    let mut chosen: Vec<&DepartmentStatus> = tenant.departments.iter().filter(is_wanted).collect();
    let active = active_figure();
    let by_name = |a: &DepartmentStatus, b: &DepartmentStatus| {
        (a.title(), &a.department_id, a.geo).cmp(&(b.title(), &b.department_id, b.geo))
    };
    let state = |d: &DepartmentStatus| DepartmentState::ALL.iter().position(|s| *s == d.state);
    chosen.sort_by(|a, b| {
        let order = match query.sort {
            Sort::State => state(a).cmp(&state(b)),
            Sort::Path => Ordering::Equal,
            Sort::Day => a.day.cmp(&b.day),
            Sort::Active => {
                let of = |d: &DepartmentStatus| d.figure(tenant, active).0.unwrap_or(-1.0);
                of(b).total_cmp(&of(a))
            }
            Sort::Change => {
                let of =
                    |d: &DepartmentStatus| change(d.figure(tenant, active)).unwrap_or(f64::MAX);
                of(a).total_cmp(&of(b))
            }
        };
        order.then_with(|| by_name(a, b))
    });
    chosen
}

/// A value over what is usual, where there is something usual.
pub(super) fn change((value, usual): (Option<f64>, Option<f64>)) -> Option<f64> {
    usual.filter(|usual| *usual > 0.0).and_then(|usual| Some(value? / usual))
}

fn row(view: &View, tenant: &TenantStatus, d: &DepartmentStatus) -> Markup {
    let texts = view.texts();
    let path = department_path(&tenant.name, d.geo.as_label(), &d.department_id);
    let active = d.figure(tenant, active_figure());
    // What concerns the whole tenant stands above, once.
    let told = tenant.problem.as_ref().map(|problem| &problem.message);
    let failure = d.problem.as_ref().filter(|failure| told != Some(&failure.message));
    html! {
        tr.troubled[failure.is_some()] {
            td.name {
                a href={ "./" (path) (view.query.kept()) } { bdi { (Escaped(d.title())) } } " "
                code { (Escaped(&d.department_id)) } " "
                // Of a tenant without geos it says nothing.
                @if d.geo != Geo::Local { span.aside { (d.geo) } }
            }
            td data-label=(texts.state) title=(meaning(view, d)) {
                (badge(view, d.state))
                @if d.state != DepartmentState::Latest { p.aside { (meaning(view, d)) } }
            }
            td data-label=(texts.day_served) {
                @match d.day {
                    Some(day) => (day),
                    None => (texts.none),
                }
                @if let Some(at) = d.day_end {
                    p.aside { (texts.ended) " " (view.moment(at, &tenant.time_zone)) }
                }
                @if let Some(due) = d.expected_day.filter(|&due| d.day != Some(due)) {
                    p.aside { (texts.due) " " (due) }
                }
            }
            td.number data-label=(texts.active) {
                @match active.0 {
                    Some(value) => (number(value)),
                    None => "–",
                }
                @if let Some(usual) = active.1 {
                    p.aside {
                        (texts.usual) " " (number(usual))
                        @if let Some(change) = change(active) { ", " (percent(change)) }
                    }
                }
            }
            td.weeks {
                @if let Some(line) = Line::of_weeks(tenant, d.recent.as_deref()) {
                    (line.svg(texts.active, "weeks", texts))
                }
            }
            td data-label=(attempt(view, d.next_attempt)) { (next(view, tenant, d.next_attempt)) }
        }
        // Below its row, across the whole table: it is the longest text of the page.
        @if let Some(failure) = failure {
            tr.problem { td colspan=(COLUMNS) { (problem(view, &tenant.time_zone, failure)) } }
        }
    }
}
