"""What several dashboards have alike: the names of figures, variables, colours, links."""

import csv
from pathlib import Path

from grafana import COLORED_TEXT, WRAPPED, Column, T, asked, column, link_to, steps, table, top_link, words
from promql import DAY, KEY, lacking, last, named, served_day

# Half a day after its beginning a day has the same date in the zones of other offices, too.
NOON = 43200
DATE = "time:YYYY-MM-DD ddd"
HOURS = T("suffix: h", "suffix: 小时")
MINUTES = T("suffix: min", "suffix: 分钟")
# The zone in which days are drawn: that of the statistics of feishu.cn. README.md has the other.
ZONE = "Asia/Shanghai"

# 57.5 hours old is the newest day just before the next one comes.
AGE = steps((None, "text"), (59, "orange"), (82, "red"))
ALARM = steps((None, "green"), (1, "red"))
# What the exporter does not tell has no colour.
QUIET_ALARM = steps((None, "text"), (1, "red"))

YES_NO = words(_1=(T("yes", "是"), "green"), _0=(T("no", "否"), "red"))
NO_YES = words(_1=(T("yes", "是"), "red"), _0=(T("no", "否"), "green"))
STATES = words(
    refused=(T("refused", "被拒绝"), "red"),
    failed=(T("failed", "失败"), "red"),
    no_figures=(T("no figures", "无数据"), "orange"),
    late=(T("late", "延迟"), "orange"),
)

# By unit of the catalogue: how it is shown, by what it is divided, and the decimals.
UNITS = {"ratio": ("percentunit", 1, 0), "seconds": (HOURS, 3600, 0)}


class Figure:
    """A line of figures.tsv: a figure, its unit, its baseline, and what people call it."""

    def __init__(self, metric, unit, baseline, en, zh):
        self.metric = metric
        self.unit, self.divisor, self.decimals = UNITS.get(unit, ("locale", 1, 0))
        if "_per_user" in metric:
            self.decimals = 2
            if unit == "seconds":
                self.unit, self.divisor, self.decimals = MINUTES, 60, 1
        self.baseline = None if baseline == "-" else baseline
        self.name = T(en, zh)

    def scaled(self, expr):
        """Seconds become hours or minutes."""
        return expr if self.divisor == 1 else f"({expr}) / {self.divisor}"


def read_figures():
    with open(Path(__file__).with_name("figures.tsv"), encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))[1:]
    return {row[0].removeprefix("feishu_department_"): Figure(*row) for row in rows}


FIGURES = read_figures()
DAU = FIGURES["suite_dau"]

# The products as they are judged, and the figure of each; Feishu counts no people for email.
PRODUCTS = {
    "suite": (T("Suite", "整体"), "suite_dau"),
    "im": (T("Messenger", "消息"), "im_dau"),
    "docs": (T("Docs", "云文档"), "docs_dau"),
    "calendar": (T("Calendar", "日历"), "calendar_dau"),
    "vc": (T("Meetings", "会议"), "vc_dau"),
    "tasks": (T("Tasks", "任务"), "task_dau"),
    "search": (T("Search", "搜索"), "search_dau"),
    "email": (T("Email", "邮件"), "emails_sent"),
}
PEOPLE = {product: (name, FIGURES[of]) for product, (name, of) in PRODUCTS.items() if product != "email"}
PRODUCT_NAMES = words(**{product: (name, None) for product, (name, _) in PRODUCTS.items()})


TITLES = {
    "feishu-activity": T("Feishu activity", "飞书活跃度总览"),
    "feishu-department": T("Feishu department", "飞书部门详情"),
    "feishu-exporter": T("Feishu exporter", "飞书导出器"),
}
CHOICES = ("datasource", "tenant", "geo", "department", "product_version", "below")


def links_from(uid):
    """Links to the other dashboards with all that is chosen and that they have.

    The exporter's may show several tenants, of which the others can take none.
    """
    return [top_link(title, other, *handed(uid, other)) for other, title in TITLES.items() if other != uid]


def handed(uid, other):
    if uid == "feishu-exporter":
        return CHOICES[:1]
    return CHOICES[:2] if other == "feishu-exporter" else CHOICES


def to_exporter(title):
    """A link of a tile to the exporter's dashboard."""
    return link_to(title, "feishu-exporter", *CHOICES[:2])


IDENTITY = ("department_id", "geo")


def department(choices=("datasource", "tenant", "product_version", "below"), more=""):
    """The column of names, each a link to the dashboard of the department."""
    more += "&var-geo=${__data.fields.geo}&var-department=${__data.fields.department_id}"
    link = link_to(T("Open the department", "查看部门详情"), "feishu-department", *choices, more=more)
    return Column(T("Department", "部门"), None, None, {"links": [link]} | WRAPPED)


CLASSES = {
    "throttled": "限流",
    "quota": "配额用尽",
    "token": "令牌",
    "credentials": "凭证",
    "permission": "权限",
    "invalid_request": "请求无效",
    "server": "服务端",
    "network": "网络",
    "malformed": "无法解析",
}
CLASSES = words(**{of: (T(of, zh), None) for of, zh in CLASSES.items()})
CLASS = Column(T("Class", "类别"), None, 100, {"mappings": CLASSES})
# The columns of `promql.lacking`.
REASON = {
    "state": Column(T("State", "状态"), None, 85, {"mappings": STATES} | COLORED_TEXT),
    "class": CLASS,
    "code": Column(T("Code", "错误码"), "string", 80),
}
DAY_SERVED = Column(T("Figures of", "数据日期"), DATE, 125)
AGE_HOURS = Column(T("Age", "时效"), HOURS, 60, {"thresholds": AGE, "decimals": 0} | COLORED_TEXT)


def lacking_table(title, columns, size, *where):
    """The departments that lack something, of all that is chosen or of `where`, the worst first."""
    rows, day = lacking(*where), served_day(*where[:1])
    asked_for = {
        "A": f"topk(100, {named(rows, *where[:1] * 2)})",
        "B": f"(time() - {day}) / 3600 and on ({KEY}) {rows}",
        "C": f"({day} + {NOON}) * 1000 and on ({KEY}) {rows}",
    }
    return table(
        title,
        T(
            "Departments that fail or that Feishu refuses (with the class of the failure and Feishu's code), that are late while at least half have the newest day, or that have no figures at all; a hundred at most. Remedies: the exporter's status page and docs/operations.md. What was served last stays until collection.max_age.",
            "失败或被飞书拒绝的部门（含失败类别与飞书错误码）、半数以上部门已有最新数据而自身延迟的部门，以及完全没有数据的部门，最多一百个。处理方法见导出器状态页和 docs/operations.md。上次的数据在 collection.max_age 之前仍会保留。",
        ),
        [column(expr) for of, expr in asked_for.items() if of == "A" or of in columns],
        columns,
        size=size,
        sort=("state", True),
        kept=IDENTITY,
        empty=T("All departments have the newest day.", "所有部门均已有最新一天的数据。"),
    )


def tenant(known_by=DAY, several=False):
    return asked("tenant", T("Tenant", "租户"), f"label_values({known_by}, tenant)", several=several)


def places():
    """The variables that choose departments."""
    # The name first, so that it is seen where the path is long; either is found by typing.
    info = 'feishu_department_info{tenant="$tenant"'
    leaf = f'label_replace({info},department_path!=""}}, "department", "$1", "department_path", "([^/]+)")'
    path = f'label_replace({leaf}, "department", "$2 ($1)", "department_path", "(.+)/([^/]+)")'
    newest = last(DAY, 'tenant="$tenant"')
    known = f"{path} or on (tenant, department_id) {info}}} or on (tenant, department_id) {newest}"
    one_each = f"topk by (tenant, department_id) (1, {known})"
    each = 'feishu_department_suite_dau{tenant="$tenant",product_version!="all"}[15m]'
    parts = f'label_replace(count by (product_version) (last_over_time({each})), "name", "$1", "product_version", "(.+)")'
    total = 'label_replace(label_replace(vector(1), "product_version", "all", "", ""), "name", "{}", "", "")'
    return [
        asked(
            "department",
            T("Department", "部门"),
            f"query_result(max by (department, department_id) ({one_each}))",
            regex='/department="(?<text>.*)",\\s*department_id="(?<value>[^"]+)"/',
            several=True,
        ),
        asked("geo", T("Geo", "地区"), f'label_values({DAY}{{tenant="$tenant"}}, geo)', several=True, multi=False),
        asked(
            "product_version",
            T("Version", "产品版本"),
            T(*(f"query_result({total.format(name)} or {parts})" for name in ("all", "全部"))),
            regex='/name="(?<text>.*)",\\s*product_version="(?<value>[^"]+)"/',
            sort=1,
            current="all",
        ),
        {
            "name": "below",
            "type": "custom",
            "label": T("Counts those below", "包含下级"),
            "description": T(
                "Whether the figures of a department count those below: - no, .+ yes. dashboards/README.md tells when.",
                "部门数据是否包含下级：- 不包含，.+ 包含。说明见 dashboards/README.md。",
            ),
            "query": "-, .+",
            "options": [{"text": of, "value": of, "selected": of == "-"} for of in ("-", ".+")],
            "current": {"text": "-", "value": "-", "selected": True},
            "hide": 2,
        },
    ]
