"""What several dashboards have alike: the names of figures, variables, colours, links."""

import csv
from pathlib import Path

from grafana import LANGUAGES, T, asked, choice, link, steps, words
from promql import DAY, last

# Half a day after its beginning a day has the same date in the zones of other offices, too.
NOON = 43200
DATE = "time:YYYY-MM-DD ddd"

# Where green ends. README.md tells how to change them.
FALL = steps((None, "red"), (0.7, "orange"), (0.85, "green"))
CHANGE = steps((None, "red"), (-0.3, "orange"), (-0.15, "green"))
ADOPTION = steps((None, "red"), (0.2, "orange"), (0.5, "green"))
# Where few people are usual, as on weekends, one more is a multiple: what is beyond is cut off.
TWICE = 2
# 57.5 hours old is the newest day just before the next one comes.
AGE = steps((None, "green"), (59 * 3600, "orange"), (82 * 3600, "red"))
ALARM = steps((None, "green"), (1, "red"))

YES_NO = words(_1=(T("yes", "是"), "green"), _0=(T("no", "否"), "red"))
NO_YES = words(_1=(T("yes", "是"), "red"), _0=(T("no", "否"), "green"))

UNITS = {
    "users": "short",
    "ratio": "percentunit",
    "seconds": "s",
    "messages": "short",
    "files": "short",
    "events": "short",
    "tasks": "short",
    "emails": "short",
    "sessions": "short",
}


class Figure:
    """A line of figures.tsv: a figure, its unit, its baseline, and what people call it."""

    def __init__(self, metric, unit, baseline, en, zh):
        self.metric = metric
        self.unit = UNITS[unit]
        self.baseline = None if baseline == "-" else baseline
        self.name = T(en, zh)


def read_figures():
    with open(Path(__file__).with_name("figures.tsv"), encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))[1:]
    return {row[0].removeprefix("feishu_department_"): Figure(*row) for row in rows}


FIGURES = read_figures()

# The products by the figure that counts their people; Feishu counts no people for email.
PRODUCTS = {
    "suite": T("Suite", "整体"),
    "im": T("Messenger", "消息"),
    "docs": T("Docs", "云文档"),
    "calendar": T("Calendar", "日历"),
    "vc": T("Meetings", "音视频会议"),
    "task": T("Tasks", "任务"),
    "search": T("Search", "搜索"),
}


TITLES = {
    "feishu-activity": T("Feishu activity", "飞书活跃度总览"),
    "feishu-department": T("Feishu department", "飞书部门详情"),
    "feishu-exporter": T("Feishu exporter", "飞书导出器"),
}


def links_from(uid):
    """Links to the other dashboards.

    To the exporter's, which may show all tenants, and from it only the data source goes. Of the
    company all departments may be chosen, of which the department's shows the first.
    """
    places = () if "feishu-exporter" == uid else ("tenant", "geo")
    return [
        link(title, other, "datasource", *(() if other == "feishu-exporter" else places))
        for other, title in TITLES.items()
        if other != uid
    ]


def link_to_department(tenant="${tenant:queryparam}"):
    """A link from the row of a department to its dashboard."""
    chosen = (
        f"?${{datasource:queryparam}}&{tenant}&var-geo=${{__data.fields.geo}}"
        "&var-department=${__data.fields.department_id}&${__url_time_range}"
    )
    urls = T(*(f"/d/feishu-department-{language}{chosen}" for language in LANGUAGES))
    return [{"title": T("Open the department", "查看部门详情"), "url": urls, "targetBlank": False}]


def tenant(known_by=DAY, several=False):
    return asked("tenant", T("Tenant", "租户"), f"label_values({known_by}, tenant)", several=several)


def places(all_at_first=True):
    """The variables that choose departments; either all at first, or the first of the list."""
    # The place in the tree tells departments of one name apart; history has names only.
    path = (
        'label_replace(feishu_department_info{tenant="$tenant",department_path!=""}, '
        '"department", "$1", "department_path", "(.+)")'
    )
    newest = last(DAY, 'tenant="$tenant",geo=~"$geo"')
    named = f"topk by (tenant, department_id) (1, {newest})"
    return [
        asked("geo", T("Geo", "地区"), f'label_values({DAY}{{tenant="$tenant"}}, geo)', several=True),
        asked(
            "department",
            T("Department", "部门"),
            f"query_result(max by (department, department_id) ({path} or on (tenant, department_id) {named}))",
            regex='/department="(?<text>.*)",\\s*department_id="(?<value>[^"]+)"/',
            several=True,
            everything=all_at_first,
            description=T(
                "Type a part of the name or path to search; several may be chosen.",
                "输入部门名称或路径的一部分即可搜索，可多选。",
            ),
        ),
    ]


def product_version():
    return asked(
        "product_version",
        T("Product version", "产品版本"),
        'label_values(feishu_department_suite_dau{tenant="$tenant"}, product_version)',
        sort=1,
        current="all",
        description=T(
            "all is the total over all versions; one version at a time, for the total and its parts must not be added up. Comparisons with the baseline are of the total.",
            "all 为所有版本的合计；每次只选一个版本，因为合计与各版本不可相加。与基线的比较始终使用合计。",
        ),
    )


def nesting():
    """Whether sums leave out departments within others."""
    return choice(
        "below",
        T("A department counts", "部门人数包含"),
        T(
            "What the figures of a department count. By Feishu's documents: its own people. Choose the other if you set include_children and found that a parent counts the departments below: then sums leave out those below another chosen department. Places are those at the end of the time range; history that was brought in has none, so for a range that ends before the installation nothing is left out.",
            "部门数据的统计范围。按飞书文档，仅统计直属成员。如果设置了 include_children 且确认上级部门包含下级，请选择后者，合计时将不再计算所选部门中其他部门的下级。部门层级以时间范围末尾为准；回填的历史数据不含层级，因此时间范围在安装之前结束时不排除任何部门。",
        ),
        [
            (T("its own people", "仅直属成员"), "-"),
            (T("those below as well", "包含下级部门"), ".+"),
        ],
    )
