"""Of *Feishu activity*: departments ranked, and those that are late."""

from grafana import T, column, table
from promql import (
    ACTIVATED,
    KEY,
    RECENT,
    company_day,
    figure,
    named,
    own_newest_day,
)
from shared import ADOPTION, AGE, CHANGE, DATE, NOON, link_to_department

ROWS_OF_A_RANKING = 20


def rankings():
    metric, baseline = "feishu_department_${product}_dau", "feishu_department_${product}_dau_baseline"
    used, usual = figure(metric, version="all"), figure(baseline, version="all")
    change = f"{used} / ({usual} >= $people) - 1"
    chosen, activated = figure(metric), figure(ACTIVATED)
    adopted = f"{chosen} / ({activated} >= $people)"
    colored = {"custom__cellOptions": {"type": "color-background", "mode": "basic"}}
    gauge = {"custom__cellOptions": {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}}

    def with_place(**columns):
        link = {"links": link_to_department(), "custom__minWidth": 160}
        return {
            "department": (T("Department", "部门"), None, link),
            **columns,
            "geo": (T("Geo", "地区"), None, {"custom__width": 80}),
            "department_id": (T("department_id", "department_id"), None, {"custom__width": 110}),
        }

    def ranking(title, description, picked, others, headings, unit, look, least_first):
        # The first query alone names the rows: merged are those with all labels alike.
        queries = [column(named(picked, window=RECENT))]
        queries += [column(f"{other} and on ({KEY}) {picked}") for other in others]
        ordered = {
            ref: (heading, unit if ref == "A" else "short", look if ref == "A" else {})
            for ref, heading in zip("BCA", headings, strict=True)
        }
        return table(
            title, description, queries, with_place(**ordered), size=(12, 10), sort=("A", not least_first)
        )

    def by_change(title, description, aggregation, side, least_first):
        look = {"thresholds": CHANGE, "decimals": 0} | {k: v for k, v in colored.items()}
        return ranking(
            title,
            description,
            f"{aggregation}({ROWS_OF_A_RANKING}, ({change}) {side})",
            [used, usual],
            [T("People", "人数"), T("Usual", "常态"), T("Change", "变化")],
            "percentunit",
            look,
            least_first,
        )

    def by_adoption(title, description, aggregation, least_first):
        look = {"thresholds": ADOPTION, "decimals": 0, "min": 0, "max": 1} | gauge
        return ranking(
            title,
            description,
            f"{aggregation}({ROWS_OF_A_RANKING}, {adopted})",
            [chosen, activated],
            [T("People", "人数"), T("Activated", "已激活"), T("Share", "占比")],
            "percentunit",
            look,
            least_first,
        )

    note = T(
        " The product is chosen above, small departments are left out, and only departments with the newest day are compared. Click a name for the department.",
        "产品在上方选择；不含人数过少的部门；仅比较已有最新一天数据的部门。点击名称查看部门详情。",
    )

    def text(en, zh):
        return T(en + note.en, zh + note.zh)

    return [
        by_change(
            T("Largest falls", "下降最多"),
            text(
                "The departments that lost most against the median of the same weekday.",
                "与同一星期几的中位数相比下降最多的部门。",
            ),
            "bottomk",
            "< 0",
            True,
        ),
        by_change(
            T("Largest rises", "上升最多"),
            text(
                "The departments that gained most against the median of the same weekday.",
                "与同一星期几的中位数相比上升最多的部门。",
            ),
            "topk",
            "> 0",
            False,
        ),
        by_adoption(
            T("Lowest adoption", "使用率最低"),
            text(
                "The departments where the smallest share of activated members used the product.",
                "已激活成员中使用该产品的比例最低的部门。",
            ),
            "bottomk",
            True,
        ),
        by_adoption(
            T("Highest adoption", "使用率最高"),
            text(
                "The departments where the largest share of activated members used the product.",
                "已激活成员中使用该产品的比例最高的部门。",
            ),
            "topk",
            False,
        ),
    ]


def older_days():
    older = f"{own_newest_day()} < on (tenant, geo) group_left () {company_day()}"
    return f"max by ({KEY}) ({older})"


def late():
    age = f"topk(50, time() - ({older_days()}))"
    return [
        table(
            T("Late departments", "延迟的部门"),
            T(
                "Departments that still serve an older day while at least half of them have the newest: Feishu has no rows for them yet, or asking failed. The exporter's status page tells which. Empty when all is well.",
                "半数以上部门已有最新数据、而自身仍为更早日期的部门：飞书尚无其数据，或请求失败。原因见导出器状态页。一切正常时为空。",
            ),
            [column(f"({older_days()} + {NOON}) * 1000"), column(named(age, window=RECENT))],
            {
                "department": (T("Department", "部门"), None, {"links": link_to_department()}),
                "A": (T("Figures of", "数据日期"), DATE, {}),
                "B": (
                    T("Age", "数据时效"),
                    "dtdurations",
                    {"thresholds": AGE, "custom__cellOptions": {"type": "color-text"}},
                ),
                "geo": (T("Geo", "地区"), None, {}),
                "department_id": (T("department_id", "department_id"), None, {}),
            },
            size=(24, 7),
            sort=("B", True),
        ),
    ]
