"""*Feishu activity*: the company at a glance."""

from grafana import (
    T,
    bars,
    choice,
    dashboard,
    data_source,
    days,
    now,
    over_time,
    override,
    override_matching,
    row,
    stat,
    steps,
    words,
)
from judged import of_company
from promql import (
    ACTIVATED,
    BY_DAY,
    CHOSEN,
    DAY,
    KEY,
    PLACE,
    against_baseline,
    company_day,
    last,
    newest_day,
    share,
    total,
    week_against_baseline,
)
from rankings import late, rankings
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
    nesting,
    places,
    product_version,
    tenant,
)

DAU, ACTIVATED_NOW = FIGURES["suite_dau"], total(ACTIVATED)
EMAILS = ("emails_sent", "emails_received")


def dau(product):
    return FIGURES[f"{product}_dau"]


def build(language):
    variables = [
        data_source(),
        tenant(),
        *places(),
        product_version(),
        nesting(),
        choice(
            "product",
            T("Ranking by", "排名依据"),
            T("The product by which departments are ranked.", "部门排名所依据的产品。"),
            [(name, product) for product, name in PRODUCTS.items()],
        ),
        choice(
            "people",
            T("Ranked from", "参与排名的最少人数"),
            T(
                "Departments with fewer people are not ranked: two of four people away are no news. Compared with the baseline or with the activated accounts.",
                "人数少于此值的部门不参与排名：四个人中两人缺席说明不了问题。与基线或已激活成员数比较。",
            ),
            [(T(n, n), n) for n in ("10", "1", "5", "20", "50", "100")],
        ),
    ]
    rows = [
        row(T("The newest day", "最新一天"), *the_day()),
        row(T("Judged", "判断"), *of_company()),
        row(T("Adoption on that day", "当天的产品使用情况"), *adoption()),
        row(T("Day by day", "每日趋势"), *trends()),
        row(T("Departments", "部门排名"), *rankings()),
        row(T("Departments that are late", "数据延迟的部门"), *late()),
    ]
    uid = "feishu-activity"
    return dashboard(
        uid,
        TITLES[uid],
        T(
            "The company at a glance: who used what on the newest day that Feishu has, against the same weekdays before, and by department.",
            "全公司概览：飞书最新一天的使用情况、与往期同一星期几的比较，以及各部门排名。",
        ),
        variables,
        rows,
        language,
        "now-30d",
        "15m",
        links_from(uid),
    )


def the_day():
    newest = f"max({company_day()})"
    of_day = f"group by ({KEY}) ({newest_day()})"
    every = f"group by ({KEY}) ({last(DAY, CHOSEN)})"
    return [
        stat(
            T("Figures of", "数据日期"),
            T(
                "The newest day that at least half of the departments have. Feishu produces the figures of a day at 09:30 of the next, in the zone of its statistics. All numbers in this part are of this day.",
                "至少半数部门已有数据的最新日期。飞书在次日 09:30（统计时区）产出前一天的数据。本部分的数字均属于这一天。",
            ),
            # Noon, so that the date is right in the zones of other offices, too.
            [now(f"({newest} + {NOON}) * 1000", T("day", "日期"))],
            DATE,
            size=(5, 4),
        ),
        stat(
            T("Age", "数据时效"),
            T(
                "Time since that day began. While figures come in time it is between 33.5 and 57.5 hours; more means that Feishu or the exporter is late.",
                "距离该天开始的时间。数据按时产出时介于 33.5 至 57.5 小时之间；超过则说明飞书或导出器有延迟。",
            ),
            [now(f"time() - {newest}", T("age", "时效"))],
            "dtdurations",
            size=(4, 4),
            background=True,
            thresholds=AGE,
        ),
        stat(
            T("Kind of day", "日期类型"),
            T(
                "By weekday and the calendar in the exporter's configuration. Days off have few people; the baseline compares with the same weekday.",
                "根据星期几以及导出器配置中的日历判断。休息日人数较少；基线按同一星期几比较。",
            ),
            [now(f"max by (geo) ({last('feishu_calendar_workday', PLACE)})", "{{geo}}")],
            "short",
            size=(4, 4),
            mappings=words(_1=(T("working day", "工作日"), "green"), _0=(T("day off", "休息日"), "blue")),
        ),
        stat(
            T("Departments", "部门"),
            T(
                "How many of the chosen departments have this day, and how many still serve an older one or already the next. Only the former are in the numbers.",
                "所选部门中数据属于该天的部门数，以及数据为更早或更新日期的部门数。数字只包含前者。",
            ),
            [
                now(f"count({of_day})", T("with this day", "已有该天数据")),
                now(f"count({every} unless {of_day}) or vector(0)", T("with another", "其他日期")),
            ],
            "short",
            size=(5, 4),
            overrides=[
                override(T("with another", "其他日期"), thresholds=steps((None, "blue"), (1, "orange")))
            ],
        ),
        stat(
            T("Members", "成员"),
            T(
                "Members of the chosen departments, and those whose account is activated.",
                "所选部门的成员数与已激活成员数。",
            ),
            [
                now(total("feishu_department_users"), T("members", "成员")),
                now(ACTIVATED_NOW, T("activated", "已激活")),
            ],
            "short",
            size=(6, 4),
        ),
        stat(
            T("Active", "活跃"),
            T("People who used any part of Feishu on the day.", "当天使用过飞书任一功能的人数。"),
            [now(total(DAU.metric), T("active", "活跃"))],
            "short",
            size=(6, 4),
        ),
        stat(
            T("Share of activated", "占已激活成员"),
            T(
                "People who used any part of Feishu, as a share of those whose account is activated.",
                "使用过飞书任一功能的人数占已激活成员的比例。",
            ),
            [now(share(DAU.metric), T("share", "占比"))],
            "percentunit",
            size=(6, 4),
            thresholds=ADOPTION,
            decimals=1,
        ),
        stat(
            T("Against the same weekday", "与同一星期几相比"),
            T(
                "Active people by the baseline: the median of the same weekday in the weeks before. 100 % is as usual. Over departments that have a baseline; a day off in the week has none.",
                "活跃人数与基线之比；基线为前几周同一星期几的中位数，100% 表示与往常一致。仅统计有基线的部门；工作日中的假期没有基线。",
            ),
            [now(against_baseline(DAU.metric, DAU.baseline), T("of the baseline", "相对基线"))],
            "percentunit",
            size=(6, 4),
            thresholds=FALL,
            decimals=1,
            background=True,
        ),
        stat(
            T("Last 7 days against baseline", "近 7 天与基线相比"),
            T(
                "The sum of the active people of the last seven days by the sum of their baselines.",
                "近七天活跃人数之和与基线之和的比值。",
            ),
            [now(week_against_baseline(DAU.metric, DAU.baseline), T("of the baseline", "相对基线"))],
            "percentunit",
            size=(6, 4),
            thresholds=FALL,
            decimals=1,
            background=True,
        ),
    ]


def adoption():
    def each(query, products=PRODUCTS):
        return [now(query(dau(product)), name) for product, name in products.items()]

    sent, received = (FIGURES[name] for name in EMAILS)
    return [
        bars(
            T("People", "使用人数"),
            T(
                "People who used the product on the day. Somebody who used two is in both.",
                "当天使用该产品的人数；同时使用两个产品的人在两处均计入。",
            ),
            each(lambda f: total(f.metric)),
            "short",
            min=0,
        ),
        bars(
            T("Share of activated members", "占已激活成员的比例"),
            T(
                "The same people as a share of those whose account is activated.",
                "使用人数占已激活成员的比例。",
            ),
            each(lambda f: share(f.metric)),
            "percentunit",
            thresholds=ADOPTION,
            min=0,
            max=1,
        ),
        bars(
            T("Products against the same weekday", "各产品与同一星期几相比"),
            T(
                "People by the median of the same weekday in the weeks before; 100 % is as usual.",
                "使用人数与前几周同一星期几中位数之比；100% 表示与往常一致。",
            ),
            each(lambda f: against_baseline(f.metric, f.baseline)),
            "percentunit",
            thresholds=FALL,
            min=0,
            max=1.5,
        ),
        stat(
            T("Email", "邮件"),
            T(
                "Feishu counts emails, not the people who use email: so here are emails, and emails for each activated account.",
                "飞书只统计邮件数，不统计使用邮件的人数，因此这里显示邮件数以及每个已激活成员的邮件数。",
            ),
            [
                now(total(sent.metric), T("sent", "发送")),
                now(total(received.metric), T("received", "接收")),
                now(share(sent.metric), T("sent for each activated", "已激活成员人均发送")),
                now(
                    against_baseline(sent.metric, sent.baseline), T("sent, of the baseline", "发送量相对基线")
                ),
            ],
            "short",
            size=(24, 4),
            decimals=1,
            overrides=[
                override(T("sent", "发送"), decimals=0),
                override(T("received", "接收"), decimals=0),
                override(T("sent, of the baseline", "发送量相对基线"), unit="percentunit", thresholds=FALL),
            ],
        ),
    ]


def trends():
    made = ["docs_created", "calendar_events_created", "tasks_created", "searches"]
    usual = override_matching(
        ".*(usual|常态).*",
        custom__lineStyle={"fill": "dash", "dash": [6, 6]},
        custom__drawStyle="line",
        custom__fillOpacity=0,
        custom__lineWidth=2,
        color={"mode": "fixed", "fixedColor": "text"},
    )
    names = {product: name for product, name in PRODUCTS.items() if product != "suite"}
    return [
        days(
            T("Active people", "活跃人数"),
            T(
                "Each bar stands at the day that it counts. A day that is missing or came more than fifteen hours late has no bar; that is not a zero. Only departments with that day are in it.",
                "每根柱子位于其所统计的日期。缺失或延迟超过十五小时的日期没有柱子，不代表为零。仅包含已有该天数据的部门。",
            ),
            [
                over_time(total(DAU.metric, BY_DAY), T("active", "活跃")),
                over_time(total(ACTIVATED, BY_DAY), T("activated", "已激活")),
            ],
            "short",
            size=(12, 9),
            drawn="bars",
            overrides=[override(T("activated", "已激活"), custom__drawStyle="line", custom__fillOpacity=0)],
        ),
        days(
            T("Last days and what is usual", "近期与常态对比"),
            T(
                "Active people of departments that have a baseline, and the baseline: the median of the same weekday in the weeks before. Always the last nine days, of which the newest two are not there yet.",
                "有基线的部门的活跃人数及其基线（前几周同一星期几的中位数）。始终显示最近九天，其中最新两天的数据尚未产出。",
            ),
            [
                over_time(total(DAU.metric, BY_DAY, "all", DAU.baseline), T("active", "活跃")),
                over_time(total(DAU.baseline, BY_DAY, "all"), T("usual on this weekday", "该星期几的常态")),
            ],
            "short",
            size=(12, 9),
            drawn="bars",
            timeFrom="9d",
            overrides=[usual],
        ),
        days(
            T("Adoption by day", "产品使用率趋势"),
            T(
                "People who used the product, as a share of those whose account is activated.",
                "使用该产品的人数占已激活成员的比例。",
            ),
            [over_time(share(dau(p).metric, BY_DAY), name) for p, name in PRODUCTS.items()],
            "percentunit",
            size=(12, 9),
            min=0,
        ),
        days(
            T("Against the same weekday, by day", "与同一星期几相比（每日）"),
            T(
                "People by the median of the same weekday in the weeks before: a weekend is compared with weekends. More than twice the usual is cut off.",
                "使用人数与前几周同一星期几中位数之比：周末与周末相比。超过两倍的部分不显示。",
            ),
            [
                over_time(against_baseline(dau(p).metric, dau(p).baseline, BY_DAY), name)
                for p, name in PRODUCTS.items()
            ],
            "percentunit",
            size=(12, 9),
            min=0,
            max=TWICE,
        ),
        days(
            T("People by product", "各产品使用人数"),
            T(
                "People who used the product on the day; they overlap and must not be added up.",
                "当天使用该产品的人数；人员重叠，不可相加。",
            ),
            [over_time(total(dau(p).metric, BY_DAY), name) for p, name in names.items()],
            "short",
            size=(8, 9),
        ),
        volume(FIGURES["messages_sent"], size=(8, 9)),
        volume(FIGURES["vc_duration_seconds"], size=(8, 9)),
        days(
            T("What was made", "创建与搜索数量"),
            T("How much was created and searched on the day.", "当天创建和搜索的数量。"),
            [over_time(total(FIGURES[f].metric, BY_DAY), FIGURES[f].name) for f in made],
            "short",
            size=(12, 9),
        ),
        days(
            T("Emails", "邮件数"),
            T("Emails that members sent and received on the day.", "当天成员发送和接收的邮件数。"),
            [over_time(total(FIGURES[f].metric, BY_DAY), FIGURES[f].name) for f in EMAILS],
            "short",
            size=(12, 9),
        ),
    ]


def volume(figure_, size):
    text = T("Of all members together on the day.", "当天所有成员的合计。")
    return days(
        figure_.name,
        text,
        [over_time(total(figure_.metric, BY_DAY), figure_.name)],
        figure_.unit,
        size=size,
        drawn="bars",
    )
