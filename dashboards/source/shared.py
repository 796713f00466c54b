"""What several dashboards have alike: the names of figures, variables, colours, links."""

import csv
from pathlib import Path

from grafana import COLORED_TEXT, RARE, WRAPPED, Column, T, asked, choice, link_to, steps, top_link, words
from promql import DAY, last

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


def department(tenant="${tenant:queryparam}", width=None):
    """The column of names, each a link to the dashboard of the department."""
    more = f"&{tenant}&var-geo=${{__data.fields.geo}}&var-department=${{__data.fields.department_id}}"
    link = link_to(T("Open the department", "查看部门详情"), "feishu-department", "datasource", more=more)
    return Column(T("Department", "部门"), None, width, {"links": [link]} | WRAPPED)


# The columns of `promql.lacking`.
STATE = Column(T("State", "状态"), None, 85, {"mappings": STATES} | COLORED_TEXT)
CLASS = Column(T("Class", "类别"), None, 100)
CODE = Column(T("Code", "错误码"), "string", 80)
DAY_SERVED = Column(T("Figures of", "数据日期"), DATE, 125)
AGE_HOURS = Column(T("Age", "时效"), HOURS, 60, {"thresholds": AGE, "decimals": 0} | COLORED_TEXT)


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
    return [
        asked(
            "department",
            T("Department", "部门"),
            f"query_result(max by (department, department_id) ({one_each}))",
            regex='/department="(?<text>.*)",\\s*department_id="(?<value>[^"]+)"/',
            several=True,
            description=T(
                "Type a part of the name or path to search; several may be chosen.",
                "输入部门名称或路径的一部分即可搜索，可多选。",
            ),
        ),
        asked("geo", T("Geo", "地区"), f'label_values({DAY}{{tenant="$tenant"}}, geo)', several=True),
        asked(
            "product_version",
            T("Version", "产品版本"),
            'label_values(feishu_department_suite_dau{tenant="$tenant"}, product_version)',
            sort=1,
            current="all",
            **RARE,
            description=T(
                "all is the total over all versions; one version at a time, for the total and its parts must not be added up. What is judged, and what is compared with the usual, is the total whatever is chosen; panels that show the total alone say \"all versions\".",
                "all 为所有版本的合计；每次只选一个版本，因为合计与各版本不可相加。判断及与常态的比较始终使用合计；仅显示合计的面板标有“所有版本”。",
            ),
        ),
        choice(
            "below",
            T("Counts", "部门包含"),
            T(
                "What the figures of a department count. By Feishu's documents: its own people. Choose the other if you set include_children and found that a parent counts the departments below: then sums leave out those below another chosen department. Places are those at the end of the time range; history that was brought in has none, so for a range that ends before the installation nothing is left out.",
                "部门数据的统计范围。按飞书文档，仅统计直属成员。如果设置了 include_children 且确认上级部门包含下级，请选择后者，合计时将不再计算所选部门中其他部门的下级。部门层级以时间范围末尾为准；回填的历史数据不含层级，因此时间范围在安装之前结束时不排除任何部门。",
            ),
            [(T("own people", "仅直属"), "-"), (T("those below, too", "含下级"), ".+")],
        ),
        ]
