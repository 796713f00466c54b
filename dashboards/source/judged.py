"""What the exporter judges: what could be expected, and how far the newest day lies from it."""

from grafana import T, bars, now
from promql import CHOSEN, PLACE, last

OF_PRODUCT = "{{department}}: {{product}}"
NOTE = T(
    "Judged by the exporter for the newest day of each department; docs/alerts.md has the method.",
    "由导出器按各部门最新一天判断；方法见 docs/alerts.md。",
)
METHOD = {
    "expected": T(
        "What could be expected of the day: the same weekdays before, for the head count, times what the whole company reached. ",
        "当天的预期值：此前同一星期几的数值，按人数及全公司当天水平折算。",
    ),
    "deviation": T(
        "How many standard deviations of its own days the last days lie above what could be expected; below it negative. ",
        "最近几天相对预期值的偏差，以该部门自身波动的标准差为单位；负值表示低于预期。",
    ),
    "drops": T(
        "Drops that go on: days of data, and what is left of what could be expected; of slow declines, of what was usual eight weeks before. ",
        "持续中的下降：已持续的数据天数，以及相对预期值的比例；缓慢下降为相对八周前的比例。",
    ),
    "company": T(
        "The median of the departments against what is usual for each; and whether the company fell below half. ",
        "各部门相对常态比例的中位数，以及全公司是否跌破一半。",
    ),
    "departments": T(
        "Departments that were judged, that are in a drop, and that fell together. ",
        "参与判断的部门数、处于下降中的部门数，以及同时下降的部门数。",
    ),
}


def described(name):
    method = METHOD[name]
    return T(method.en + NOTE.en, method.zh + NOTE.zh)


def of_department():
    """Of *Feishu department*."""
    drop = "feishu_department_activity_drop"
    return [
        bars(
            T("What could be expected", "预期值"),
            described("expected"),
            [now(last("feishu_department_activity_expected", CHOSEN), OF_PRODUCT)],
            "short",
        ),
        bars(
            T("How far off", "偏差"),
            described("deviation"),
            [
                now(
                    last("feishu_department_activity_deviation", CHOSEN),
                    OF_PRODUCT + ", {{window}} d",
                )
            ],
            "short",
        ),
        bars(
            T("Drops", "下降"),
            described("drops"),
            [
                now(f"{last(f'{drop}_length', CHOSEN)} > 0", f"{OF_PRODUCT}, days"),
                now(last(f"{drop}_ratio", CHOSEN), f"{OF_PRODUCT}, left"),
                now(
                    last("feishu_department_activity_decline_ratio", CHOSEN),
                    f"{OF_PRODUCT}, slow",
                ),
            ],
            "short",
        ),
    ]


def of_company():
    """Of *Feishu activity*."""
    return [
        bars(
            T("Against what is usual", "相对常态"),
            described("company"),
            [
                now(last("feishu_company_activity_ratio", PLACE), "{{product}}"),
                now(last("feishu_company_activity_fell", PLACE), "{{product}}, fell"),
            ],
            "short",
            size=(12, 8),
        ),
        bars(
            T("Departments judged", "参与判断的部门"),
            described("departments"),
            [
                now(last("feishu_company_departments_judged", PLACE), "{{product}}, judged"),
                now(last("feishu_company_departments_low", PLACE), "{{product}}, low"),
                now(
                    last("feishu_company_departments_fallen_together", PLACE),
                    "{{product}}, together",
                ),
            ],
            "short",
            size=(12, 8),
        ),
    ]
