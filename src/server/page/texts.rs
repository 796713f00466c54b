//! What the pages say, in both languages. Messages of failures and ids stay as they came.

use crate::{
    day::Day,
    snapshot::{DepartmentState, StoreState},
};

/// Every text of the pages.
pub(super) struct Texts {
    pub(super) other_language: &'static str,
    pub(super) title: &'static str,
    pub(super) metrics: &'static str,
    pub(super) json: &'static str,
    pub(super) config: &'static str,
    pub(super) healthy: &'static str,
    pub(super) ready: &'static str,
    pub(super) documents: &'static str,
    pub(super) nothing_published: &'static str,
    pub(super) no_tenant: &'static str,
    pub(super) no_such_tenant: &'static str,
    pub(super) no_department: &'static str,
    pub(super) no_match: &'static str,
    pub(super) refresh: &'static str,
    pub(super) stop_refresh: &'static str,
    pub(super) footer: &'static str,
    pub(super) as_of: &'static str,
    pub(super) remedy: &'static str,
    pub(super) code: &'static str,
    pub(super) seen: &'static str,
    pub(super) log_id: &'static str,
    pub(super) requests: &'static str,
    pub(super) no_budget: &'static str,
    pub(super) last_success: &'static str,
    /// Of a tenant: when nothing failed.
    pub(super) all_succeeded: &'static str,
    pub(super) next_attempt: &'static str,
    pub(super) at_present: &'static str,
    pub(super) none_yet: &'static str,
    pub(super) running: &'static str,
    pub(super) after_statistics: &'static str,
    pub(super) weeks: &'static str,
    pub(super) last_days: &'static str,
    pub(super) day_by_day: &'static str,
    pub(super) day_figures: &'static str,
    pub(super) exporter: &'static str,
    pub(super) store: &'static str,
    pub(super) in_memory: &'static str,
    pub(super) store_word: fn(StoreState) -> &'static str,
    pub(super) configuration: &'static str,
    pub(super) read: &'static str,
    pub(super) refused: &'static str,
    pub(super) highest: &'static str,
    pub(super) pages: [&'static str; 4],
    pub(super) drawn: fn(&str, &Drawn) -> String,
    pub(super) sources: &'static str,
    pub(super) search: &'static str,
    pub(super) search_for: &'static str,
    pub(super) tenant: &'static str,
    pub(super) all_tenants: &'static str,
    pub(super) all_states: &'static str,
    pub(super) sort_by: &'static str,
    pub(super) show: &'static str,
    pub(super) department: &'static str,
    pub(super) departments: &'static str,
    pub(super) state: &'static str,
    pub(super) day_served: &'static str,
    pub(super) active: &'static str,
    pub(super) none: &'static str,
    pub(super) ended: &'static str,
    pub(super) due: &'static str,
    pub(super) usual: &'static str,
    pub(super) figure: &'static str,
    pub(super) value: &'static str,
    pub(super) change: &'static str,
    pub(super) figures_none: &'static str,
    pub(super) overview: &'static str,
    pub(super) previous: &'static str,
    pub(super) next: &'static str,
    pub(super) geo: &'static str,
    /// In the order of [`super::query::Sort::ALL`].
    pub(super) sorts: [&'static str; 5],
    pub(super) ago: fn(&str) -> String,
    pub(super) ahead: fn(&str) -> String,
    pub(super) now: &'static str,
    /// One and several seconds, minutes, hours, days.
    pub(super) units: [[&'static str; 2]; 4],
    pub(super) of: fn(&str) -> String,
    pub(super) rows: fn(usize, usize, usize) -> String,
    pub(super) all_of: fn(usize) -> String,
    pub(super) verdict: fn(&Verdict) -> String,
    pub(super) tenants: fn(usize, usize) -> String,
    pub(super) state_word: fn(DepartmentState) -> &'static str,
    pub(super) meaning: fn(DepartmentState, Option<&str>) -> String,
    pub(super) uptime: fn(&str) -> String,
}

/// What a drawing shows, in numbers.
pub(super) struct Drawn {
    pub(super) days: usize,
    /// The day with its value as people read it.
    pub(super) lowest: (Day, String),
    pub(super) highest: (Day, String),
    pub(super) last: (Day, String),
}

/// How the departments of a tenant stand, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) departments: usize,
    /// In the order of [`DepartmentState::ALL`].
    pub(super) by_state: [usize; 6],
    /// The newest day that any department serves.
    pub(super) day: Option<String>,
}

impl Verdict {
    pub(super) fn of(&self, state: DepartmentState) -> usize {
        DepartmentState::ALL
            .iter()
            .zip(self.by_state)
            .find_map(|(known, count)| (*known == state).then_some(count))
            .unwrap_or_default()
    }
}

pub(super) const ENGLISH: Texts = Texts {
    other_language: "中文",
    title: "Feishu exporter",
    metrics: "Metrics",
    json: "Status as JSON",
    config: "Configuration",
    healthy: "Healthy",
    ready: "Ready",
    documents: "Documents",
    nothing_published: "Nothing is published yet.",
    no_tenant: "No tenant is configured.",
    no_such_tenant: "No tenant of that name is configured.",
    no_department: "No department is known yet.",
    no_match: "No department matches.",
    refresh: "Refresh every minute",
    stop_refresh: "Stop refreshing",
    footer: "Figures are those of finished days: Feishu produces a day’s figures on the next morning.",
    as_of: "As of",
    remedy: "Remedy:",
    code: "code",
    seen: "seen",
    log_id: "log id",
    requests: "Requests this month",
    no_budget: "no budget set",
    last_success: "Last success",
    all_succeeded: "Everything last succeeded",
    next_attempt: "Next attempt",
    at_present: "At present",
    none_yet: "none yet",
    running: "running now",
    after_statistics: "after the statistics",
    weeks: "Last 28 days",
    last_days: "Last 91 days",
    day_by_day: "Day by day",
    day_figures: "All figures of",
    exporter: "Exporter",
    store: "Store",
    in_memory: "in memory",
    store_word: |state| match state {
        StoreState::Working => "works",
        StoreState::Failing => "fails: what is fetched waits in memory; the log says why",
        StoreState::Unusable => "cannot be used: a restart fetches again; the log says why",
        StoreState::Nowhere => "none: a restart fetches again",
    },
    configuration: "Configuration",
    read: "read",
    refused: "The configuration was read again and cannot be used; the one before stays in force. The log and the answer to the reload say what is wrong with it:",
    highest: "highest",
    pages: ["Operations", "Metrics", "Permissions", "This page as JSON"],
    drawn: |name, drawn| {
        let Drawn { days, lowest, highest, last } = drawn;
        format!(
            "{name}, {days} days: lowest {} on {}, highest {} on {}, last {} on {}",
            lowest.1, lowest.0, highest.1, highest.0, last.1, last.0
        )
    },
    sources: "Sources",
    search: "Search",
    search_for: "path, name or id",
    tenant: "Tenant",
    all_tenants: "all tenants",
    all_states: "all states",
    sort_by: "Sort by",
    show: "Show",
    department: "Department",
    departments: "Departments",
    state: "State",
    day_served: "Day served",
    active: "Active members",
    none: "none",
    ended: "ended",
    due: "due:",
    usual: "usual",
    figure: "Figure",
    value: "Value",
    change: "Against usual",
    figures_none: "No figures are served for this department.",
    overview: "All departments",
    previous: "Previous",
    next: "Next",
    geo: "Geo",
    sorts: ["state", "path", "day", "active members", "against usual"],
    ago: |span| format!("{span} ago"),
    ahead: |span| format!("in {span}"),
    now: "now",
    units: [
        [" second", " seconds"],
        [" minute", " minutes"],
        [" hour", " hours"],
        [" day", " days"],
    ],
    of: |limit| format!("of {limit}"),
    rows: |first, last, all| format!("{first} to {last} of {all}"),
    all_of: |count| format!("Show all {count}"),
    verdict: english_verdict,
    tenants: |troubled, all| match (troubled, all) {
        (0, 1) => "All is well.".to_owned(),
        (0, _) => format!("All {all} tenants are well."),
        (_, 1) => "The tenant is in trouble.".to_owned(),
        _ => format!("{troubled} of {all} tenants in trouble."),
    },
    state_word: |state| match state {
        DepartmentState::Failed => "failed",
        DepartmentState::NoData => "no data",
        DepartmentState::Incomplete => "incomplete",
        DepartmentState::Late => "late",
        DepartmentState::Pending => "pending",
        DepartmentState::Latest => "up to date",
    },
    meaning: |state, day| {
        match state {
        DepartmentState::Failed => "The last request failed; what was served before stays until it is too old.".to_owned(),
        DepartmentState::NoData => "Feishu has no row for it within the look-back: check the id, and whether it has members.".to_owned(),
        DepartmentState::Incomplete => "Part of the day is missing; it is asked for again, nothing to do.".to_owned(),
        DepartmentState::Late => match day {
            Some(day) => format!("Feishu has not produced {day} yet; nothing to do."),
            None => "Feishu has not produced the newest day yet; nothing to do.".to_owned(),
        },
        DepartmentState::Pending => "Not asked for yet; nothing to do.".to_owned(),
        DepartmentState::Latest => "Serves the newest day; nothing to do.".to_owned(),
    }
    },
    uptime: |span| format!("running for {span}"),
};

pub(super) const CHINESE: Texts = Texts {
    other_language: "English",
    title: "飞书 exporter",
    metrics: "指标",
    json: "JSON 状态",
    config: "配置",
    healthy: "健康检查",
    ready: "就绪检查",
    documents: "文档",
    nothing_published: "尚未发布任何数据。",
    no_tenant: "未配置任何租户。",
    no_such_tenant: "没有配置该名称的租户。",
    no_department: "尚不知道任何部门。",
    no_match: "没有符合条件的部门。",
    refresh: "每分钟刷新",
    stop_refresh: "停止刷新",
    footer: "数据均为已结束日期的统计：飞书在次日早上生成前一天的数据。",
    as_of: "截至",
    remedy: "处理办法：",
    code: "错误码",
    seen: "出现于",
    log_id: "日志 ID",
    requests: "本月请求数",
    no_budget: "未设上限",
    last_success: "上次成功",
    all_succeeded: "上次全部成功",
    next_attempt: "下次采集",
    at_present: "当前",
    none_yet: "尚无",
    running: "正在采集",
    after_statistics: "在部门统计之后",
    weeks: "最近 28 天",
    last_days: "最近 91 天",
    day_by_day: "逐日数据",
    day_figures: "全部统计项",
    exporter: "本程序",
    store: "存储",
    in_memory: "内存中",
    store_word: |state| match state {
        StoreState::Working => "正常",
        StoreState::Failing => "写入失败：已采集的数据暂存于内存，原因见日志",
        StoreState::Unusable => "无法使用：重启后会重新采集，原因见日志",
        StoreState::Nowhere => "未启用：重启后会重新采集",
    },
    configuration: "配置",
    read: "读取于",
    refused: "重新读取的配置无法使用，仍沿用之前的配置。问题见日志和重新加载请求的应答。时间：",
    highest: "最高",
    pages: ["运维", "指标说明", "权限", "本页的 JSON"],
    drawn: |name, drawn| {
        let Drawn { days, lowest, highest, last } = drawn;
        format!(
            "{name}，{days} 天：最低 {}（{}），最高 {}（{}），最近 {}（{}）",
            lowest.1, lowest.0, highest.1, highest.0, last.1, last.0
        )
    },
    sources: "数据来源",
    search: "搜索",
    search_for: "路径、名称或 ID",
    tenant: "租户",
    all_tenants: "全部租户",
    all_states: "全部状态",
    sort_by: "排序",
    show: "显示",
    department: "部门",
    departments: "部门",
    state: "状态",
    day_served: "数据日期",
    active: "活跃成员",
    none: "无",
    ended: "结束于",
    due: "应有：",
    usual: "平时",
    figure: "统计项",
    value: "数值",
    change: "与平时相比",
    figures_none: "该部门没有可发布的数据。",
    overview: "全部部门",
    previous: "上一页",
    next: "下一页",
    geo: "地域",
    sorts: ["状态", "路径", "日期", "活跃成员", "与平时相比"],
    ago: |span| format!("{span}前"),
    ahead: |span| format!("{span}后"),
    now: "现在",
    units: [[" 秒", " 秒"], [" 分钟", " 分钟"], [" 小时", " 小时"], [" 天", " 天"]],
    of: |limit| format!("上限 {limit}"),
    rows: |first, last, all| format!("第 {first}–{last} 个，共 {all} 个"),
    all_of: |count| format!("显示全部 {count} 个"),
    verdict: chinese_verdict,
    tenants: |troubled, all| match (troubled, all) {
        (0, 1) => "一切正常。".to_owned(),
        (0, _) => format!("{all} 个租户全部正常。"),
        (_, 1) => "租户有问题。".to_owned(),
        _ => format!("{all} 个租户中有 {troubled} 个有问题。"),
    },
    state_word: |state| match state {
        DepartmentState::Failed => "失败",
        DepartmentState::NoData => "无数据",
        DepartmentState::Incomplete => "不完整",
        DepartmentState::Late => "延迟",
        DepartmentState::Pending => "待采集",
        DepartmentState::Latest => "最新",
    },
    meaning: |state, day| match state {
        DepartmentState::Failed => "最近一次请求失败；此前的数据在过期之前继续提供。".to_owned(),
        DepartmentState::NoData => {
            "回看范围内飞书没有该部门的数据：请检查 ID 以及部门是否有成员。".to_owned()
        }
        DepartmentState::Incomplete => "当天数据缺少一部分，会自动再次采集，无需处理。".to_owned(),
        DepartmentState::Late => match day {
            Some(day) => format!("飞书尚未生成 {day} 的数据，无需处理。"),
            None => "飞书尚未生成最新一天的数据，无需处理。".to_owned(),
        },
        DepartmentState::Pending => "尚未采集，无需处理。".to_owned(),
        DepartmentState::Latest => "已提供最新一天的数据，无需处理。".to_owned(),
    },
    uptime: |span| format!("已运行{span}"),
};

fn english_verdict(verdict: &Verdict) -> String {
    let Verdict { departments, day, .. } = verdict;
    let latest = verdict.of(DepartmentState::Latest);
    let mut parts = vec![match departments {
        1 if latest == 1 => "The one department is up to date".to_owned(),
        1 => "The one department is not up to date".to_owned(),
        all => format!("{latest} of {all} departments up to date"),
    }];
    parts.extend(day.as_ref().map(|day| format!("day {day}")));
    for (state, word) in [
        (DepartmentState::Failed, "failed"),
        (DepartmentState::NoData, "without data"),
        (DepartmentState::Incomplete, "incomplete"),
        (DepartmentState::Late, "late"),
        (DepartmentState::Pending, "not asked for yet"),
    ] {
        let count = verdict.of(state);
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    parts.join(", ")
}

fn chinese_verdict(verdict: &Verdict) -> String {
    let latest = verdict.of(DepartmentState::Latest);
    let mut parts = vec![format!("{} 个部门中 {latest} 个数据最新", verdict.departments)];
    parts.extend(verdict.day.as_ref().map(|day| format!("日期 {day}")));
    for (state, word) in [
        (DepartmentState::Failed, "失败"),
        (DepartmentState::NoData, "无数据"),
        (DepartmentState::Incomplete, "不完整"),
        (DepartmentState::Late, "延迟"),
        (DepartmentState::Pending, "待采集"),
    ] {
        let count = verdict.of(state);
        if count > 0 {
            parts.push(format!("{count} 个{word}"));
        }
    }
    parts.join("，")
}
