"""*Feishu activity*: the company at a glance."""

from grafana import (
    CLEAR,
    COLORED,
    COLORED_TEXT,
    Column,
    T,
    column,
    dashboard,
    data_source,
    days,
    fixed,
    now,
    over_time,
    override,
    red_below,
    stat,
    steps,
    table,
    words,
)
from promql import (
    ACTIVATED,
    BY_DAY,
    CHOSEN,
    DAY,
    DECLINE,
    DEVIATION,
    DROP,
    ID,
    KEY,
    LATELY,
    OF_LATE,
    PLACE,
    SURE,
    against_baseline,
    all_departments,
    by_kind,
    company_day,
    deviation,
    last,
    fallen,
    figure,
    judged,
    lacking,
    named,
    newest_day,
    on_working_days,
    share,
    together,
    total,
    within_another,
)
from shared import (
    AGE_HOURS,
    DATE,
    DAU,
    DAY_SERVED,
    FIGURES,
    IDENTITY,
    NOON,
    PEOPLE,
    PRODUCT_NAMES,
    PRODUCTS,
    QUIET_ALARM,
    REASON,
    TITLES,
    ZONE,
    department,
    lacking_table,
    links_from,
    places,
    tenant,
    to_exporter,
)

ROWS = 100
LEAST = 10
USUAL = T("usual", "常态")
FELL, LACK, USED = "Departments that fell", "Late or without figures", "Products"


def build(language):
    uid = "feishu-activity"
    lacks = {"department": department(), **REASON, "C": DAY_SERVED, "B": AGE_HOURS}
    return dashboard(
        uid,
        TITLES[uid],
        T(
            "The company at a glance: who used what on the newest day that Feishu has, which departments fell below what could be expected of them, and which have no figures.",
            "全公司概览：飞书最新一天的使用情况、低于预期的部门，以及缺少数据的部门。",
        ),
        [tenant(), *places(), data_source()],
        [*the_day(), [falls(), lacking_table(T(LACK, "延迟或无数据的部门"), lacks, (15, 10))], [last_days(), products()]],
        [
            (T("Day by day", "每日趋势"), trends()),
            (T("Departments", "各部门"), [low_departments(), adoption()]),
            (T("The company, as judged", "全公司判断"), [company()]),
        ],
        language,
        "now-30d",
        "15m",
        ZONE,
        links_from(uid),
    )


def the_day():
    def of(counted, every):
        """A number, with that of all in its legend."""
        return f'({counted} or vector(0)) + on () group_left (every) 0 * count_values("every", {every})'

    judged_ones = f'count(group by ({KEY}) ({DEVIATION}{{{CHOSEN},product="suite",window="1"}}))'
    of_every = T("of {{every}} departments", "共 {{every}} 个部门")
    of_judged = T("of {{every}} judged", "共判断 {{every}} 个")
    used = [
        now(total(DAU.metric), T("people", "人数")),
        now(share(DAU.metric), T("of activated", "占已激活")),
    ]
    return [
        stat(
            T("Day", "数据日期"),
            T(
                "The newest day that at least half of the departments have. Feishu produces the figures of a day at 09:30 of the next, in the zone of its statistics.",
                "至少半数部门已有数据的最新日期。飞书在次日 09:30（统计时区）产出前一天的数据。",
            ),
            [now(f"(max({company_day()}) + {NOON}) * 1000", T("day", "日期"))],
            DATE,
            opens=LACK,
        ),
        stat(
            T("Active", "活跃"),
            T(
                "People who used any part of Feishu on that day, and their share of those whose account is activated.",
                "当天使用过飞书任一功能的人数，及其占已激活成员的比例。",
            ),
            used,
            "locale",
            size=(5, 4),
            opens=USED,
            overrides=[override(T("of activated", "占已激活"), unit="percentunit", decimals=0)],
        ),
        stat(
            T("Usual", "对常态"),
            T(
                "What the middle one of the departments has of what is usual for it, as the exporter judges, over all versions. It is red where the whole company fell below half.",
                "各部门相对各自常态比例的中位数，由导出器判断，包含所有版本。全公司跌破一半时为红色。",
            ),
            [now(f'min(feishu_company_activity_ratio{{{PLACE},product="suite"}})', T("of usual", "相对常态"))],
            "percentunit",
            size=(3, 4),
            opens=USED,
            text="value_and_name",
            decimals=0,
            thresholds=steps((None, "red"), (0.5, "text")),
            empty=T("not judged yet", "尚未判断"),
        ),
        stat(
            T("Fallen", "下降"),
            T(
                "Departments of which a product is less than could be expected of it, so far that the exporter is sure, of those that it judges: those of a few people, and young ones, it does not. Quiet days and chance are not counted.",
                "某个产品明显低于预期、且导出器可以确定的部门数，及参与判断的部门数；人数过少或新成立的部门不判断，正常波动不计入。",
            ),
            [now(of(f"count(group by ({KEY}) ({fallen()}))", f"{judged_ones} or vector(0)"), of_judged)],
            "locale",
            text="value_and_name",
            background=True,
            opens=FELL,
            thresholds=QUIET_ALARM,
        ),
        stat(
            T("Late or none", "延迟或无数据"),
            T(
                "Departments that Feishu refuses, that are late, or that have no figures at all.",
                "被飞书拒绝、数据延迟或完全没有数据的部门数。",
            ),
            [now(of(f"count({lacking()})", f"count({all_departments()})"), of_every)],
            "locale",
            text="value_and_name",
            background=True,
            opens=LACK,
            thresholds=steps((None, "text"), (1, "orange")),
        ),
        stat(
            T("Alerts", "告警"),
            T(
                "Alerts of this project's rules that fire; Feishu exporter lists them.",
                "本项目规则中正在触发的告警数，明细见“飞书导出器”。",
            ),
            [now('count(ALERTS{alertname=~"Feishu.*",alertstate="firing"}) or vector(0)', T("firing", "触发"))],
            "locale",
            text="value_and_name",
            opens=to_exporter(T("Which alerts fire", "查看告警")),
            thresholds=QUIET_ALARM,
        ),
    ]


def falls():
    ratio, missing = judged(DROP), judged("feishu_department_activity_drop_missing")
    expected = f"{missing} / (1 - {ratio})"
    people = judged(DAU.metric, ',product_version="all"', by="")
    expected_people = judged("feishu_department_activity_expected", ',product="suite"', by="")
    days = f"{judged('feishu_department_activity_drop_length', only=' > 0')} or {judged(DECLINE)} * 0"

    def and_together(values):
        """Those of many that fell at once have no drop of their own, only the newest day."""
        return f' or label_replace({values} and on ({KEY}) {together()}, "product", "suite", "", "")'

    return table(
        T(FELL, "下降的部门"),
        T(
            "Each department and product that the exporter judges to have fallen; docs/alerts.md has the method. Value and expectation are those of a day, on average over the days of the drop, and the change is from one to the other; in a slow decline it is against two to three months ago. The deviation is in standard deviations of the department's own days, and below -5 it is no chance. Where the suite fell its products are not told as well. Click a name for the department. All versions.",
            "导出器判断为下降的部门与产品，方法见 docs/alerts.md。数值与预期为整个下降期间的日均值，变化为两者之差；缓慢下降时与两三个月前相比。偏差以该部门自身波动的标准差为单位，低于 -5 不属于偶然。整体下降时不再单独列出各产品。点击名称查看部门详情。包含所有版本。",
        ),
        [
            column(f"topk({ROWS}, {named(f'({days} or {together()} * 0 + 1)')})"),
            column(f"{expected} - {missing}{and_together(people)}"),
            column(f"{expected}{and_together(expected_people)}"),
            column(f"({ratio} or {judged(DECLINE)}{and_together(f'{people} / {expected_people}')}) - 1"),
            column(f"min by ({KEY}, product) ({DEVIATION}{{{CHOSEN}}} and on ({KEY}, product) {fallen()})"),
        ],
        {
            "department": department(),
            "product": Column(T("Product", "产品"), None, 90, {"mappings": PRODUCT_NAMES}),
            "B": Column(T("Value", "数值"), "locale", 68, {"decimals": 1}),
            "C": Column(T("Expected", "预期"), "locale", 80, {"decimals": 1}),
            "D": Column(
                T("Change", "变化"),
                "percentunit",
                72,
                {"decimals": 0, "thresholds": steps((None, "red"))} | COLORED,
            ),
            "A": Column(T("Days", "天数"), "locale", 60, {"mappings": words(_0=(T("slow", "缓慢"), None))}),
            "E": Column(T("Deviation", "偏差"), "none", 112, {"decimals": 1}),
        },
        size=(15, 5),
        sort=("E", False),
        kept=IDENTITY,
        empty=T("No department fell below what could be expected.", "没有部门低于预期。"),
    )


KINDS = {
    "working": (T("active", "活跃"), "blue"),
    "off": (T("day off", "休息日"), "gray"),
    "part": (T("not all departments", "部分部门缺数据"), "light-orange"),
}
OF_KINDS = [override(kind, displayName=name, color=fixed(look)) for kind, (name, look) in KINDS.items()]
LINE = {"custom__drawStyle": "line", "custom__fillOpacity": 0, "custom__lineWidth": 2}
LINE |= {"custom__stacking": {"mode": "none", "group": "B"}}


def last_days():
    there = over_time(by_kind(total(DAU.metric, BY_DAY, "all", DAU.baseline)), "{{kind}}")
    dashes = {"custom__lineStyle": {"fill": "dash", "dash": [6, 6]}, "color": fixed("text")}
    return days(
        T("Last days against usual", "近期与常态"),
        T(
            "Active people of departments that have a baseline, and the baseline: the median of the same weekday in the weeks before, of the same departments. Grey: days off; orange: some departments have no figures of the day. Each bar stands at its day; the newest two are not there yet. All versions.",
            "有基线的部门的活跃人数，以及同一批部门的基线（前几周同一星期几的中位数）。灰色为休息日，橙色为部分部门没有该天数据。每根柱子位于其所属日期，最新两天尚未产出。包含所有版本。",
        ),
        [there, over_time(total(DAU.baseline, BY_DAY, "all"), USUAL)],
        "locale",
        size=(9, 5),
        drawn="bars",
        stacked=True,
        timeFrom="9d",
        timeShift="0d/d",
        hideTimeOverride=True,
        decimals=0,
        overrides=[*OF_KINDS, override(USUAL, **LINE, **dashes)],
        empty=T("No day has figures yet.", "尚无任何一天的数据。"),
    )


# What is counted of each product, as a selector, and how the product is read from its name.
OF_PRODUCTS = "feishu_department_(suite|im|docs|calendar|vc|task|search|email)s?_(?:dau|sent)"
VALUES = f'{{__name__=~"{OF_PRODUCTS}",{CHOSEN},product_version="all"}}'


def by_name(values):
    """Values under the names of the products; two of them are spelled differently as they are judged."""
    product = f'label_replace({values}, "product", "$1", "__name__", "{OF_PRODUCTS}")'
    return f'label_replace({product}, "product", "tasks", "product", "task")'


def company_wide(family):
    return f"max by (product) (feishu_company_{family}{{{PLACE}}})"


PRODUCT = Column(T("Product", "产品"), None, None, {"mappings": PRODUCT_NAMES})
OF_USUAL = Column(
    T("Of usual", "对常态"),
    "percentunit",
    78,
    {"decimals": 0, "thresholds": steps((None, "red"), (0.5, "text"))} | COLORED_TEXT,
)
LOW = Column(T("Low", "偏低"), "locale", 55)


def products():
    def of(values):
        there = f"{values} and on ({KEY}, job, instance) ({newest_day(LATELY)})"
        once = f"max by ({KEY}, __name__) ({there}) unless on ({ID}) {within_another()}"
        return f"sum by (product) ({by_name(f'sum by (__name__) ({once})')})"

    activated = total(ACTIVATED, (LATELY, lambda: newest_day(LATELY)))
    shares = f"{of(VALUES.replace('|email', ''))} / on () group_left () ({activated})"
    return table(
        T(USED, "产品"),
        T(
            "People who used each product on the day (of email: emails sent, for Feishu counts no people), their share of activated accounts, and, of the whole company and all versions, what the middle one of the departments has of its usual and how many departments are low.",
            "当天各产品的使用人数（邮件为发送数，飞书不统计人数）、占已激活成员的比例，以及全公司（所有版本）各部门相对常态比例的中位数与偏低的部门数。",
        ),
        [
            column(f"sort_desc({shares})"),
            column(of(VALUES)),
            column(company_wide("activity_ratio")),
            column(company_wide("departments_low")),
        ],
        {
            "product": PRODUCT,
            "B": Column(T("People", "人数"), "locale", 68),
            "A": Column(T("Share", "占比"), "percentunit", 60, {"decimals": 0}),
            "C": OF_USUAL,
            "D": LOW,
        },
        size=(9, 10),
    )


def company():
    fell = words(_0=(T("no", "否"), "transparent"), _1=(T("YES", "是"), "red"))
    return table(
        T("Products of the whole company", "全公司各产品"),
        T(
            "Of each product: what the middle one of the departments has of its usual, whether the company fell below half, the departments that were judged, that are low, and that fell on one day so many that it is one event. All versions; docs/alerts.md has the method.",
            "各产品：各部门相对常态比例的中位数、全公司是否跌破一半、参与判断的部门数、偏低的部门数，以及同一天大量下降（视为同一事件）的部门数。包含所有版本，方法见 docs/alerts.md。",
        ),
        [
            column(company_wide(family))
            for family in (
                "activity_ratio",
                "activity_fell",
                "departments_judged",
                "departments_low",
                "departments_fallen_together",
            )
        ],
        {
            "product": PRODUCT,
            "A": OF_USUAL,
            "B": Column(T("Fell", "下降"), "locale", 80, {"mappings": fell} | COLORED),
            "C": Column(T("Judged", "已判断"), "locale", 80),
            "D": LOW,
            "E": Column(T("Together", "同时下降"), "locale", 90),
        },
        size=(24, 9),
        empty=T("Nothing is judged yet.", "尚未判断。"),
    )


def trends():
    made = ("docs_created", "calendar_events_created", "tasks_created", "searches")
    activated = T("activated", "已激活")

    def sums(title, names):
        figures = [FIGURES[name] for name in names]
        return days(
            title or figures[0].name,
            T("Of all members together on the day.", "当天所有成员的合计。"),
            [over_time(of.scaled(total(of.metric, BY_DAY)), of.name) for of in figures],
            figures[0].unit,
            drawn="line" if len(names) > 1 else "bars",
            size=(12, 8),
            decimals=0,
        )

    def of_products(title, description, values):
        queries = [over_time(on_working_days(values(of)), name) for name, of in PEOPLE.values()]
        return days(title, description, queries, "percentunit", size=(12, 8), decimals=0)

    return [
        days(
            T("Active people", "活跃人数"),
            T(
                "Each bar stands at the day that it counts. A day that is missing or came more than fifteen hours late has no bar; that is not a zero. Grey: days off; orange: some departments have no figures of the day.",
                "每根柱子位于其所统计的日期。缺失或延迟超过十五小时的日期没有柱子，不代表为零。灰色为休息日，橙色为部分部门没有该天数据。",
            ),
            [over_time(by_kind(total(DAU.metric, BY_DAY)), "{{kind}}"), over_time(total(ACTIVATED, BY_DAY), activated)],
            "locale",
            size=(12, 8),
            drawn="bars",
            stacked=True,
            decimals=0,
            overrides=[*OF_KINDS, override(activated, **LINE)],
        ),
        of_products(
            T("Adoption by day", "产品使用率趋势"),
            T(
                "People who used the product, as a share of those whose account is activated, on working days.",
                "工作日使用该产品的人数占已激活成员的比例。",
            ),
            lambda of: share(of.metric, BY_DAY),
        ),
        of_products(
            T("Against the same weekday, all versions", "与同一星期几相比（所有版本）"),
            T(
                "People by the median of the same weekday in the weeks before, on working days; 100 % is as usual. Where fewer than 20 people are usual there is nothing.",
                "工作日使用人数与前几周同一星期几中位数之比，100% 表示与往常一致。常态不足 20 人时不显示。",
            ),
            lambda of: against_baseline(of.metric, of.baseline, BY_DAY),
        ),
        sums(None, ["messages_sent"]),
        sums(None, ["vc_duration_seconds"]),
        sums(T("What was made and searched", "创建与搜索数量"), made),
        sums(T("Emails", "邮件数"), ("emails_sent", "emails_received")),
    ]


def low_departments(height=9, few=False):
    # Those without anything low have their place, too.
    lowest = deviation(',window="5"', " < -1", by="")
    rows = f"({lowest} or on ({KEY}) group by ({KEY}) ({last(DAY, CHOSEN, LATELY)}) * 0)"
    return by_product(
        T("How far below expectation, all versions", "低于预期的程度（所有版本）"),
        T(
            f"Standard deviations of the department's own days by which its last days lie above what could be expected, the lowest of one, three, five and ten days; the {ROWS} lowest departments by the lowest product over five days, where that is below -1. Red is what the exporter would tell of as a drop; what lies above is chance.",
            f"各部门最近几天相对预期值的偏差（以自身波动的标准差为单位），取一、三、五、十天中的最低值；按五天内最低的产品（低于 -1 时）列出最低的 {ROWS} 个部门。红色为导出器认定的下降，其余属正常波动。",
        ),
        rows,
        [deviation(f',product="{product}"', by="") for product in PRODUCTS],
        [name for name, _ in PRODUCTS.values()],
        {"decimals": 1, "unit": "none", "mappings": red_below(-SURE), "thresholds": CLEAR} | COLORED,
        T("5 days", "五天最低"),
        {"decimals": 1, "unit": "none"},
        "bottomk",
        height,
        few,
    )


def adoption(few=False):
    activated = figure(ACTIVATED, OF_LATE)
    shares = [f"{figure(of.metric, OF_LATE)} / {activated}" for _, of in PEOPLE.values()]
    rows = f"{activated} >= {LEAST}"
    return by_product(
        T("Use by department", "各部门使用率"),
        T(
            f"People who used the product on the department's newest day, as a share of its activated accounts; the {ROWS} largest departments, from {LEAST} accounts on. Click a heading to sort.",
            f"各部门最新一天使用该产品的人数占已激活成员的比例；列出已激活成员不少于 {LEAST} 人的最大 {ROWS} 个部门。点击列标题可排序。",
        ),
        rows,
        shares,
        [name for name, _ in PEOPLE.values()],
        {"decimals": 0, "unit": "percentunit"},
        T("Activated", "已激活"),
        {},
        "topk",
        few=few,
    )


def by_product(title, description, ranked, values, names, look, heading, of_rank, first, height=9, few=False):
    """A table of departments and products; the first query names the rows, and ranks them.

    `few`: no query gives more than has its place in the table.
    """
    rows = f"{first}({ROWS}, {ranked})"
    shown = "" if few else f" and on ({KEY}) {rows}"
    refs = "BCDEFGHI"[: len(values)]
    columns = {"department": department(), "A": Column(heading, None, 85, of_rank)}
    columns |= {ref: Column(name, None, 92, look) for ref, name in zip(refs, names, strict=True)}
    return table(
        title,
        description,
        [column(named(rows)), *(column(f"{of}{shown}") for of in values)],
        columns,
        size=(24, height),
        kept=IDENTITY,
        empty=T("Nothing is judged yet.", "尚未判断。"),
    )
