"""*Feishu exporter*: whether the figures come, what asking for them costs, and what goes wrong."""

from asking import errors, quota, requests
from exporter_itself import process, scraping
from grafana import (
    T,
    asked,
    column,
    dashboard,
    data_source,
    lines,
    now,
    over_time,
    override,
    row,
    stat,
    table,
    words,
)
from own import BOTH, TARGET, own, process_of
from promql import DAY, NAMED
from shared import AGE, ALARM, DATE, NOON, TITLES, YES_NO, link_to_department, links_from, tenant


def build(language):
    # All are all exporters, and not all that the same Prometheus scrapes.
    job = asked(
        "job",
        T("Job", "任务"),
        "label_values(feishu_exporter_build_info, job)",
        several=True,
        anything=False,
    )
    instance = asked(
        "instance",
        T("Exporter", "导出器"),
        'label_values(feishu_exporter_build_info{job=~"$job"}, instance)',
        several=True,
        anything=False,
    )
    rows = [
        row(T("Is all well?", "是否正常"), *health()),
        row(T("Collections", "采集"), *collections()),
        row(T("Requests to Feishu", "对飞书的请求"), *requests()),
        row(T("Monthly quota", "月度配额"), *quota()),
        row(T("Errors", "错误"), *errors()),
        row(T("Age of the figures", "数据时效"), *ages()),
        row(T("Cost of scraping", "抓取开销"), *scraping()),
        row(T("The process", "进程"), *process()),
    ]
    uid = "feishu-exporter"
    return dashboard(
        uid,
        TITLES[uid],
        T(
            "Whether the exporter gets the figures, how many requests that takes, and what goes wrong. Remedies: the exporter's status page and docs/operations.md.",
            "导出器能否取得数据、消耗多少请求以及出现的问题。处理方法见导出器状态页和 docs/operations.md。",
        ),
        [data_source(), job, instance, tenant("feishu_up", several=True)],
        rows,
        language,
        "now-2d",
        "1m",
        links_from(uid),
    )


def health():
    up_down = words(_1=(T("up", "正常"), "green"), _0=(T("DOWN", "中断"), "red"))
    good_bad = words(_1=(T("good", "正常"), "green"), _0=(T("BAD", "异常"), "red"))
    no_yes = words(_0=(T("no", "否"), "green"), _1=(T("YES", "是"), "red"))
    return [
        stat(
            T("Exporter", "导出器"),
            T("Whether Prometheus reaches the exporter.", "Prometheus 能否访问导出器。"),
            [now(own("up", TARGET), "{{instance}}")],
            "short",
            size=(4, 4),
            background=True,
            mappings=up_down,
        ),
        stat(
            T("Feishu", "飞书"),
            T(
                "Whether the last request of the tenant reached Feishu and was accepted.",
                "该租户最近一次请求是否到达飞书并被接受。",
            ),
            [now(own("feishu_up"), "{{tenant}}")],
            "short",
            size=(4, 4),
            background=True,
            mappings=up_down,
        ),
        stat(
            T("Store", "存储"),
            T(
                "Whether the store of past days works. Without it the exporter goes on from memory, but a restart asks again and baselines have only what is in memory.",
                "历史数据存储是否正常。异常时导出器仅使用内存继续运行，重启后需重新请求，基线也只有内存中的数据。",
            ),
            [now(own("feishu_exporter_store_up", TARGET), "{{instance}}")],
            "short",
            size=(4, 4),
            background=True,
            mappings=good_bad,
        ),
        stat(
            T("Configuration", "配置"),
            T(
                "Whether the configuration, and that of TLS and users, was valid when it was last read; a bad one leaves the old in force.",
                "最近一次读取的配置（包括 TLS 与用户的配置）是否有效；无效时继续使用旧配置。",
            ),
            [
                now(
                    f"min by (instance) ({own('feishu_exporter_config_last_reload_successful', TARGET)} or {own('feishu_exporter_web_config_last_reload_successful', TARGET)})",
                    "{{instance}}",
                )
            ],
            "short",
            size=(4, 4),
            background=True,
            mappings=good_bad,
        ),
        stat(
            T("Series limit reached", "达到序列上限"),
            T(
                "Whether series were left out because of series_limit: baselines and what is judged first, then product versions, never the totals.",
                "是否因 series_limit 省略了序列：先省略基线与判断，再省略产品版本，合计始终保留。",
            ),
            [now(own("feishu_exporter_series_limit_reached", TARGET), "{{instance}}")],
            "short",
            size=(4, 4),
            background=True,
            mappings=no_yes,
        ),
        stat(
            T("Defects", "程序缺陷"),
            T(
                "Defects in the exporter that ended a loop, a request or a rendering since it started; all are tried again. Please report them.",
                "启动以来导致循环、请求或渲染中止的程序缺陷，均会重试。请反馈给项目。",
            ),
            [now(own("feishu_exporter_panics_total", TARGET), "{{instance}}")],
            "short",
            size=(4, 4),
            background=True,
            thresholds=ALARM,
        ),
        table(
            T("Exporters", "导出器列表"),
            T("Version, start and configuration of each exporter.", "各导出器的版本、启动时间和配置时间。"),
            [
                column(
                    f"max by (job, instance, version, revision) ({own('feishu_exporter_build_info', TARGET)})"
                ),
                column(f"max by (job, instance) ({process_of('process_start_time_seconds')}) * 1000"),
                column(
                    f"max by (job, instance) ({own('feishu_exporter_config_last_reload_success_timestamp_seconds', TARGET)}) * 1000"
                ),
            ],
            {
                "job": (T("Job", "任务"), None, {}),
                "instance": (T("Exporter", "导出器"), None, {}),
                "version": (T("Version", "版本"), None, {}),
                "revision": (T("Revision", "修订"), None, {}),
                "B": (T("Started", "启动时间"), "dateTimeAsLocal", {}),
                "C": (T("Configuration read", "配置读取时间"), "dateTimeAsLocal", {}),
            },
            size=(24, 5),
        ),
    ]


def of_source(metric):
    return f"max by (tenant, source, instance) ({own(metric)})"


def departments_of(state):
    return own("feishu_exporter_departments", f'{BOTH},state="{state}"')


def collections():
    states = {
        "configured": T("asked for", "已配置"),
        "with_data": T("with figures", "有数据"),
        "latest": T("with the newest day", "已有最新一天"),
        "failed": T("failed", "失败"),
    }
    return [
        table(
            T("Sources", "数据来源"),
            T(
                "Each source of each tenant: whether its last collection got everything, when that was, how long it took, and when the next one is due.",
                "各租户的各数据来源：最近一次采集是否完整、时间、耗时及下次采集时间。",
            ),
            [
                column(of_source("feishu_exporter_collection_success")),
                column(f"time() - {of_source('feishu_exporter_last_collection_timestamp_seconds')}"),
                column(f"time() - {of_source('feishu_exporter_last_success_timestamp_seconds')}"),
                column(of_source("feishu_exporter_collection_duration_seconds")),
                column(
                    f"clamp_min({of_source('feishu_exporter_next_collection_timestamp_seconds')} - time(), 0)"
                ),
            ],
            {
                "tenant": (T("Tenant", "租户"), None, {}),
                "source": (T("Source", "来源"), None, {}),
                "A": (
                    T("Complete", "完整"),
                    "short",
                    {"mappings": YES_NO, "custom__cellOptions": {"type": "color-text"}},
                ),
                "B": (T("Last, ago", "距上次采集"), "dtdurations", {}),
                "C": (T("Last complete, ago", "距上次完整采集"), "dtdurations", {}),
                "D": (T("Took", "耗时"), "s", {}),
                "E": (T("Next in", "距下次采集"), "dtdurations", {}),
                "instance": (T("Exporter", "导出器"), None, {}),
            },
            size=(14, 9),
            sort=("source", False),
        ),
        lines(
            T("Departments", "部门"),
            T(
                "Departments that are asked for, in each geo; with figures of some day; with the newest day that is due; and those whose last request failed.",
                "各地区所配置的部门数、有任一天数据的部门数、已有最新应有数据的部门数，以及最近一次请求失败的部门数。",
            ),
            [over_time(f"sum by (state) ({departments_of(state)})", name) for state, name in states.items()],
            "short",
            size=(10, 9),
            overrides=[override(states["failed"], color={"mode": "fixed", "fixedColor": "red"})],
        ),
    ]


def ages():
    days_served = own(DAY)
    by_department = f"max by ({NAMED}) ({days_served})"
    oldest = f"topk(50, time() - {by_department})"
    return [
        stat(
            T("Newest day", "最新数据日期"),
            T("The newest day that any department of the tenant serves.", "租户中任一部门的最新数据日期。"),
            [now(f"(max by (tenant) ({days_served}) + {NOON}) * 1000", "{{tenant}}")],
            DATE,
            size=(6, 4),
        ),
        stat(
            T("Age of the newest day", "最新数据时效"),
            T(
                "Time since the newest day began: between 33.5 and 57.5 hours while figures come in time.",
                "距最新一天开始的时间：按时产出时介于 33.5 至 57.5 小时。",
            ),
            [now(f"time() - max by (tenant) ({days_served})", "{{tenant}}")],
            "dtdurations",
            size=(6, 4),
            background=True,
            thresholds=AGE,
        ),
        stat(
            T("Age of the oldest day", "最旧数据时效"),
            T("The same of the department that is furthest behind.", "最落后的部门的数据时效。"),
            [now(f"time() - min by (tenant) ({days_served})", "{{tenant}}")],
            "dtdurations",
            size=(6, 4),
            background=True,
            thresholds=AGE,
        ),
        stat(
            T("Access token expires in", "令牌剩余有效期"),
            T("The exporter renews it by itself.", "导出器会自动续期。"),
            [now(f"{own('feishu_exporter_token_expiry_timestamp_seconds')} - time()", "{{tenant}}")],
            "dtdurations",
            size=(6, 4),
        ),
        table(
            T("Data age by department", "各部门数据时效"),
            T(
                "The 50 departments whose figures are oldest. Those without any figures are not here: see Departments above.",
                "数据最旧的 50 个部门。完全没有数据的部门不在此列，见上方“部门”。",
            ),
            [
                column(oldest),
                column(f"({by_department} + {NOON}) * 1000 and on ({NAMED}) {oldest}"),
            ],
            {
                "tenant": (T("Tenant", "租户"), None, {}),
                "department": (
                    T("Department", "部门"),
                    None,
                    {"links": link_to_department("var-tenant=${__data.fields.tenant:percentencode}")},
                ),
                "A": (
                    T("Age", "数据时效"),
                    "dtdurations",
                    {"thresholds": AGE, "custom__cellOptions": {"type": "color-text"}},
                ),
                "B": (T("Figures of", "数据日期"), DATE, {}),
                "geo": (T("Geo", "地区"), None, {}),
                "department_id": (T("department_id", "department_id"), None, {}),
            },
            size=(24, 9),
            sort=("A", True),
        ),
    ]
