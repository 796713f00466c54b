"""*Feishu department*: one department, or a few side by side, in depth."""

from grafana import (
    T,
    bars,
    column,
    dashboard,
    data_source,
    days,
    now,
    over_time,
    override_matching,
    row,
    table,
)
from judged import of_department
from promql import (
    ACTIVATED,
    KEY,
    OWN_DAY,
    by_baseline,
    each,
    each_against_baseline,
    each_share,
    figure,
    named,
    own_newest_day,
)
from shared import (
    ADOPTION,
    AGE,
    DATE,
    FALL,
    FIGURES,
    NOON,
    PRODUCTS,
    TITLES,
    TWICE,
    links_from,
    places,
    product_version,
    tenant,
)
from staff import directory, spread

USUAL = T("usual", "常态")
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
A_DAY = T(
    "Each point stands at the day that it counts; a gap is a day without figures, not a zero. A dashed line is the median of the same weekday in the weeks before.",
    "每个点位于其所统计的日期；间断表示没有数据，不代表为零。虚线为前几周同一星期几的中位数。",
)
DASHED = override_matching(
    f".*({USUAL.en}|{USUAL.zh}).*",
    custom__lineStyle={"fill": "dash", "dash": [6, 6]},
    custom__lineWidth=1,
    color={"mode": "fixed", "fixedColor": "text"},
)


def legend(name):
    return T(f"{{{{department}}}}: {name.en}", f"{{{{department}}}}：{name.zh}")


def curves(figures):
    """The figures day by day, each with its baseline where it has one."""
    queries = [over_time(each(f.metric), legend(f.name)) for f in figures]
    queries += [
        over_time(
            each(f.baseline, version="all"),
            legend(T(f"{f.name.en}, {USUAL.en}", f"{f.name.zh}（{USUAL.zh}）")),
        )
        for f in figures
        if f.baseline
    ]
    return queries


def by_day(title, names, size=(8, 8), **look):
    figures = [FIGURES[name] for name in names]
    title = title or figures[0].name
    return days(title, A_DAY, curves(figures), figures[0].unit, size=size, overrides=[DASHED], **look)


def build(language):
    variables = [data_source(), tenant(), *places(all_at_first=False), product_version()]
    rows = [
        row(T("The newest day", "最新一天"), *the_day()),
        row(T("Judged", "判断"), *of_department()),
        row(
            T("People and use", "人员与使用"),
            by_day(T("Members", "成员"), ["users", "activated_users", "suite_dau"]),
            by_day(
                T("Shares, as Feishu reports them", "比例（飞书提供）"),
                ["activated_users_ratio", "suite_active_ratio"],
            ),
            by_day(None, ["usage_duration_per_user_seconds"]),
            by_day(
                T("Joined and left", "新增与离职"),
                ["new_users", "new_activated_users", "resigned_users"],
                size=(12, 8),
            ),
            against_baseline_by_day(),
        ),
        *(row(title, *(by_day(*panel) for panel in panels)) for title, panels in SECTIONS.items()),
        row(T("The department in the directory", "组织架构"), *directory()),
        row(T("How use spreads over its people", "使用在成员中的分布"), *spread()),
    ]
    uid = "feishu-department"
    return dashboard(
        uid,
        TITLES[uid],
        T(
            "One department in depth, or several side by side: every figure by day, against its baseline, and what is known about its people as counts.",
            "单个部门（或多个部门并列）的详细数据：每项指标的每日趋势、与基线的比较，以及成员的统计信息。",
        ),
        variables,
        rows,
        language,
        "now-90d",
        "15m",
        links_from(uid),
    )


def the_day():
    dau = FIGURES["suite_dau"]
    newest = f"max by ({KEY}) ({own_newest_day()})"

    def its(metric, version="$product_version"):
        return figure(metric, OWN_DAY, version)

    return [
        table(
            T("Departments", "所选部门"),
            T(
                "The newest day of each chosen department, how old it is, and the figures of that day. Departments at different days are listed with their own; usual is the median of the same weekday.",
                "所选各部门的最新数据日期、时效及当天数据。各部门按各自的日期显示；常态为同一星期几的中位数。",
            ),
            [
                # The first query alone names the rows: merged are those with all labels alike.
                column(named(f"(({newest} + {NOON}) * 1000)")),
                column(f"time() - {newest}"),
                column(its("feishu_department_users")),
                column(its(ACTIVATED)),
                column(its(dau.metric)),
                column(its(dau.baseline, "all")),
                column(by_baseline(dau.metric, dau.baseline, OWN_DAY)),
            ],
            {
                "department": (T("Department", "部门"), None, {"custom__minWidth": 160}),
                "A": (T("Figures of", "数据日期"), DATE, {}),
                "B": (
                    T("Age", "数据时效"),
                    "dtdurations",
                    {"thresholds": AGE, "custom__cellOptions": {"type": "color-text"}},
                ),
                "C": (T("Members", "成员"), "short", {}),
                "D": (T("Activated", "已激活"), "short", {}),
                "E": (T("Active", "活跃"), "short", {}),
                "F": (USUAL, "short", {}),
                "G": (
                    T("Against usual", "相对常态"),
                    "percentunit",
                    {
                        "thresholds": FALL,
                        "decimals": 0,
                        "custom__cellOptions": {"type": "color-background", "mode": "basic"},
                    },
                ),
                "geo": (T("Geo", "地区"), None, {}),
                "department_id": (T("department_id", "department_id"), None, {}),
            },
            size=(24, 6),
        ),
        bars(
            T("Adoption", "产品使用率"),
            T(
                "People who used the product on the newest day, as a share of those whose account is activated.",
                "最新一天使用该产品的人数占已激活成员的比例。",
            ),
            [
                now(each_share(FIGURES[f"{p}_dau"].metric, OWN_DAY), legend(name))
                for p, name in PRODUCTS.items()
            ],
            "percentunit",
            size=(12, 9),
            thresholds=ADOPTION,
            min=0,
            max=1,
        ),
        bars(
            T("Against the same weekday", "与同一星期几相比"),
            T(
                "What the newest day has, by the median of the same weekday in the weeks before; 100 % is as usual.",
                "最新一天的数值与前几周同一星期几中位数之比；100% 表示与往常一致。",
            ),
            [
                now(each_against_baseline(f.metric, f.baseline, OWN_DAY), legend(f.name))
                for f in FIGURES.values()
                if f.baseline
            ],
            "percentunit",
            size=(12, 9),
            thresholds=FALL,
            min=0,
            max=1.5,
        ),
    ]


def against_baseline_by_day():
    return days(
        T("Against the same weekday, by day", "与同一星期几相比（每日）"),
        T(
            "People by the median of the same weekday in the weeks before, for each product; 100 % is as usual, and more than twice is cut off.",
            "各产品使用人数与前几周同一星期几中位数之比；100% 表示与往常一致，超过两倍的部分不显示。",
        ),
        [
            over_time(each_against_baseline(f.metric, f.baseline), legend(name))
            for product, name in PRODUCTS.items()
            if (f := FIGURES[f"{product}_dau"])
        ],
        "percentunit",
        size=(12, 8),
        min=0,
        max=TWICE,
    )
