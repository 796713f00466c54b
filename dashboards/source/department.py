"""*Feishu department*: one department, or many side by side, in depth."""

from activity import adoption, low_departments
from grafana import (
    Column,
    T,
    asked,
    column,
    dashboard,
    data_source,
    days,
    fixed,
    over_time,
    override,
    table,
)
from promql import (
    ACTIVATED,
    CHOSEN,
    CURVES,
    DAY,
    DEVIATION,
    EACH_DAY,
    ID,
    KEY,
    OF_LATE,
    RECENT,
    all_departments,
    by_baseline,
    curve,
    deviation,
    each,
    failing,
    figure,
    judged,
    lacking,
    last,
    named,
    on_working_days,
    served_day,
)
from shared import (
    AGE_HOURS,
    DAU,
    DAY_SERVED,
    FIGURES,
    IDENTITY,
    NOON,
    REASON,
    TITLES,
    ZONE,
    department,
    links_from,
    places,
    tenant,
)
from staff import directory, spread

USUAL = T("usual", "常态")
SUITE = ',product="suite"'
# As many rows as somebody reads; each is an id in every query.
LISTED = 50
FIVE_DAYS = SUITE + ',window="5"'
# The panels about each product: who, how much, how much per person. A panel of one figure is
# called as the figure is.
SECTIONS = {
    T("Messenger", "消息"): [
        (T("People in Messenger", "消息使用人数"), ["im_dau", "message_senders"]),
        (None, ["messages_sent"]),
        (None, ["messages_sent_per_user"]),
    ],
    T("Docs", "云文档"): [
        (T("People in Docs", "云文档使用人数"), ["docs_dau", "docs_creators"]),
        (None, ["docs_created"]),
        (None, ["docs_created_per_user"]),
    ],
    T("Calendar", "日历"): [
        (T("People in Calendar", "日历使用人数"), ["calendar_dau", "calendar_event_creators"]),
        (None, ["calendar_events_created"]),
        (None, ["calendar_events_created_per_user"]),
    ],
    T("Calls and meetings", "音视频会议"): [
        (None, ["vc_dau"]),
        (None, ["vc_duration_seconds"]),
        (None, ["vc_duration_per_user_seconds"]),
    ],
    T("Tasks", "任务"): [
        (T("People in Tasks", "任务使用人数"), ["task_dau", "task_creators"]),
        (None, ["tasks_created"]),
        (None, ["tasks_created_per_user"]),
    ],
    T("Email", "邮件"): [
        (T("Emails", "邮件数"), ["emails_sent", "emails_received"]),
        (
            T("Emails inside the organisation", "内部邮件数"),
            ["emails_sent_internal", "emails_received_internal"],
        ),
        (
            T("Emails outside the organisation", "外部邮件数"),
            ["emails_sent_external", "emails_received_external"],
        ),
    ],
    T("Search", "搜索"): [
        (None, ["search_dau"]),
        (None, ["searches"]),
        (T("Searches by kind", "各类搜索"), ["quick_searches", "tab_searches"]),
    ],
}
NOTE = T(
    f" Of several departments the {CURVES} furthest below expectation are drawn.",
    f" 选择多个部门时，仅绘制低于预期最多的 {CURVES} 个。",
)
A_DAY = T(
    "Each point stands at the day that it counts; a gap is a day without figures, not a zero. A dashed line is the median of the same weekday in the weeks before, over all versions.",
    "每个点位于其所统计的日期；间断表示没有数据，不代表为零。虚线为前几周同一星期几的中位数（所有版本）。",
)
DASHED = override(
    f".*({USUAL.en}|{USUAL.zh}).*",
    "byRegexp",
    custom__lineStyle={"fill": "dash", "dash": [6, 6]},
    custom__lineWidth=1,
    custom__hideFrom={"viz": False, "legend": True, "tooltip": False},
    color=fixed("text"),
)


def legend(name):
    return T(f"{name.en}: {{{{department}}}}", f"{name.zh}：{{{{department}}}}")


def curves(figures):
    """One figure needs no name beside that of the panel."""
    for of in figures:
        yield over_time(of.scaled(each(of.metric)), legend(of.name) if len(figures) > 1 else "{{department}}")
        if of.baseline:
            usual = T(f"{of.name.en}, {USUAL.en}", f"{of.name.zh}{USUAL.zh}")
            yield over_time(of.scaled(each(of.baseline, "all")), legend(usual))


def by_day(title, names, size=(8, 8)):
    figures = [FIGURES[name] for name in names]
    unit, decimals = figures[0].unit, figures[0].decimals
    look = {"size": size, "decimals": decimals, "overrides": [DASHED]}
    return days(title or figures[0].name, A_DAY + NOTE, list(curves(figures)), unit, **look)


def build(language):
    uid = "feishu-department"
    rows = [
        (
            T("People and use", "人员与使用"),
            [
                adoption(few=True),
                by_day(T("Members", "成员"), ["users", "activated_users"]),
                by_day(
                    T("Shares, as Feishu reports them", "比例（飞书提供）"),
                    ["activated_users_ratio", "suite_active_ratio"],
                ),
                by_day(None, ["usage_duration_per_user_seconds"]),
                by_day(T("Joined", "新增"), ["new_users", "new_activated_users"]),
                by_day(None, ["resigned_users"]),
            ],
        ),
        *((title, [by_day(*panel) for panel in panels]) for title, panels in SECTIONS.items()),
        (T("The department in the directory", "组织架构"), directory()),
        (T("How use spreads over its people", "使用在成员中的分布"), spread()),
    ]
    first = [chosen(), low_departments(7, few=True), by_day(None, ["suite_dau"], (12, 8)), against_usual()]
    for panel in [*first, *(panel for _, panels in rows for panel in panels)]:
        few = "$listed" if panel["type"] == "table" else "$curves"
        for query in panel["targets"]:
            query["expr"] = query["expr"].replace("$department", few)
    return dashboard(
        uid,
        TITLES[uid],
        T(
            "Departments side by side, or one in depth: what each does against what is expected of it, every figure by day, and what is known about its people as counts.",
            "多个部门并列比较，或查看单个部门：与预期的比较、每项指标的每日趋势，以及成员的统计信息。",
        ),
        [tenant(), *places(), data_source(), *few_departments()],
        first,
        rows,
        language,
        "now-90d",
        "15m",
        ZONE,
        links_from(uid),
    )


def need_a_look():
    """First the departments that fail or lack something, then the lowest."""
    lack = f"2000 * {failing()} or on ({KEY}) 1000 * {lacking()}"
    low = f"0 - {deviation(FIVE_DAYS, by='')}"
    ranked = f"{lack} or on ({KEY}) {low} or on ({KEY}) -100 * {all_departments()}"
    return f"max by ({KEY}) ({ranked})"


def few_departments():
    """Variables that nobody sees: of thousands of departments these are read, and five drawn."""
    # In what was brought in nothing is judged: any of them.
    some = f"group by ({ID}) ({last(DAY, CHOSEN, RECENT)}) * -1000"
    lowest = f"max by ({ID}) (0 - {last(DEVIATION, CHOSEN + FIVE_DAYS, RECENT)})"
    ranked = {
        "listed": f"topk({LISTED}, max by ({ID}) ({need_a_look()}) or on ({ID}) {some})",
        "curves": f"topk({CURVES}, {lowest} or on ({ID}) {some})".replace("$department", "$listed"),
    }
    return [
        asked(
            name,
            T("Looked at", "查看"),
            f"query_result({expr})",
            regex='/department_id="([^"]+)"/',
            several=True,
            anything=False,
            hide=2,
            skipUrlSync=True,
        )
        for name, expr in ranked.items()
    ]


def chosen():
    newest = served_day()
    return table(
        T("Departments", "所选部门"),
        T(
            f"The chosen departments, at most the {LISTED} that need a look first: the newest day of each, how old it is, and the figures of that day; and of one that fails, is late or has no figures, its state. Expectation and deviation are of active members over all versions, as the exporter judges.",
            f"所选部门（最多 {LISTED} 个最需要关注的）：各自的最新数据日期、时效及当天数据；失败、延迟或无数据的部门显示其状态。预期与偏差针对所有版本的活跃成员，由导出器判断。",
        ),
        [
            column(f"sort_desc({named(need_a_look())})"),
            column(lacking()),
            column(f"({newest} + {NOON}) * 1000"),
            column(f"(time() - {newest}) / 3600"),
            *(column(figure(of, OF_LATE)) for of in ("feishu_department_users", ACTIVATED, DAU.metric)),
            column(judged("feishu_department_activity_expected", SUITE, by="")),
            column(deviation(SUITE, by="")),
        ],
        {
            "department": department(),
            **REASON,
            "C": DAY_SERVED,
            "D": AGE_HOURS,
            "E": Column(T("Members", "成员"), "locale", 80),
            "F": Column(T("Activated", "已激活"), "locale", 80),
            "G": Column(T("Active", "活跃"), "locale", 65),
            "H": Column(T("Expected", "预期"), "locale", 80, {"decimals": 0}),
            "I": Column(T("Deviation", "偏差"), "none", 85, {"decimals": 1}),
        },
        size=(24, 6),
        kept=IDENTITY,
    )


def against_usual():
    return days(
        T("Against the same weekday, all versions", "与同一星期几相比（所有版本）"),
        T(
            "Active members by the median of the same weekday in the weeks before, on working days; 100 % is as usual. Where fewer than 20 people are usual there is nothing.",
            "工作日活跃成员与前几周同一星期几中位数之比，100% 表示与往常一致。常态不足 20 人时不显示。",
        )
        + NOTE,
        [over_time(curve(on_working_days(by_baseline(DAU.metric, DAU.baseline, EACH_DAY))), "{{department}}")],
        "percentunit",
        size=(12, 8),
        decimals=0,
    )
