"""*Feishu exporter*: whether the figures come, what asking for them costs, and what goes wrong."""

from asking import errors, quota, requests
from exporter_itself import process, scraping
from grafana import COLORED_TEXT, Column, T, asked, column, dashboard, data_source, now, override, stat, table, words
from own import BOTH, RED, TARGET, TENANT, curves, own, process_of
from promql import DAY, failing, last
from shared import (
    AGE,
    AGE_HOURS,
    ALARM,
    DATE,
    HOURS,
    NOON,
    NO_YES,
    REASON,
    TITLES,
    YES_NO,
    ZONE,
    department,
    lacking_table,
    links_from,
    tenant,
)

LACKING, SOURCES, FIRING = "Departments that lack something", "Sources", "Alerts that fire"
TENANT_COLUMN = Column(T("Tenant", "租户"), None, 75)


def build(language):
    # All are all exporters, and not all that the same Prometheus scrapes.
    job, instance = (
        asked(name, label, f"label_values(feishu_exporter_build_info{of}, {name})", several=True, anything=False)
        for name, label, of in (
            ("job", T("Job", "任务"), ""),
            ("instance", T("Exporter", "导出器"), '{job=~"$job"}'),
        )
    )
    uid = "feishu-exporter"
    named_in = department(("datasource",), "&var-tenant=${__data.fields.tenant:percentencode}")
    lacks = {"tenant": TENANT_COLUMN, "department": named_in, **REASON, "B": AGE_HOURS}
    return dashboard(
        uid,
        TITLES[uid],
        T(
            "Whether the exporter gets the figures, how many requests that takes, and what goes wrong. Remedies: the exporter's status page and docs/operations.md.",
            "导出器能否取得数据、消耗多少请求以及出现的问题。处理方法见导出器状态页和 docs/operations.md。",
        ),
        [tenant("feishu_up", several=True), job, instance, data_source()],
        [*health(), lacking_table(T(LACKING, "缺少数据的部门"), lacks, (13, 6), BOTH, TENANT), firing(), sources(), exporters()],
        [
            (T("Age of the figures", "数据时效"), ages()),
            (T("Requests to Feishu", "对飞书的请求"), requests()),
            (T("Monthly quota", "月度配额"), quota()),
            (T("Errors", "错误"), errors()),
            (T("Cost of scraping", "抓取开销"), scraping()),
            (T("The process", "进程"), process()),
        ],
        language,
        "now-2d",
        "1m",
        ZONE,
        links_from(uid),
    )


def health():
    def states(good, bad):
        return words(_1=(good, "green"), _0=(bad, "red"))

    up_down = states(T("up", "正常"), T("DOWN", "中断"))
    good_bad = states(T("good", "正常"), T("BAD", "异常"))

    def tile(title, description, expr, **look):
        return stat(title, description, [now(expr, title)], "locale", size=(6, 3), background=True, **look)

    reloaded = (
        f"{own('feishu_exporter_config_last_reload_successful', TARGET)}"
        f" or {own('feishu_exporter_web_config_last_reload_successful', TARGET)}"
    )
    return [
        tile(
            T("Exporter", "导出器"),
            T("Whether Prometheus reaches every exporter.", "Prometheus 能否访问所有导出器。"),
            f"min({own('up', TARGET)})",
            mappings=up_down,
        ),
        tile(
            T("Feishu", "飞书"),
            T(
                "Whether the last request of every tenant reached Feishu and was accepted.",
                "各租户最近一次请求是否均到达飞书并被接受。",
            ),
            f"min({own('feishu_up')})",
            mappings=up_down,
        ),
        tile(
            T("Departments that fail", "失败的部门"),
            T("Departments whose last request failed.", "最近一次请求失败的部门数。"),
            f"count({failing(BOTH)}) or vector(0)",
            thresholds=ALARM,
            opens=LACKING,
        ),
        tile(
            T("Incomplete sources", "不完整的来源"),
            T(
                "Sources of which the last collection did not get everything.",
                "最近一次采集未取得全部数据的来源数。",
            ),
            f"count({own('feishu_exporter_collection_success')} == 0) or vector(0)",
            thresholds=ALARM,
            opens=SOURCES,
        ),
        tile(
            T("Store", "存储"),
            T(
                "Whether the store of past days works. Without it the exporter goes on from memory, but a restart asks again and baselines have only what is in memory.",
                "历史数据存储是否正常。异常时导出器仅使用内存继续运行，重启后需重新请求，基线也只有内存中的数据。",
            ),
            f"min({own('feishu_exporter_store_up', TARGET)})",
            mappings=good_bad,
            empty=T("none", "未启用"),
        ),
        tile(
            T("Configuration", "配置"),
            T(
                "Whether the configuration, and that of TLS and users, was valid when it was last read; a bad one leaves the old in force.",
                "最近一次读取的配置（包括 TLS 与用户的配置）是否有效；无效时继续使用旧配置。",
            ),
            f"min({reloaded})",
            mappings=good_bad,
        ),
        tile(
            T("Series cut", "省略序列"),
            T(
                "Whether series were left out because of series_limit: baselines and what is judged first, then product versions, never the totals.",
                "是否因 series_limit 省略了序列：先省略基线与判断，再省略产品版本，合计始终保留。",
            ),
            f"max({own('feishu_exporter_series_limit_reached', TARGET)})",
            mappings=NO_YES,
        ),
        tile(
            T("Defects", "程序缺陷"),
            T(
                "Defects in the exporter that ended a loop, a request or a rendering since it started; all are tried again. Please report them.",
                "启动以来导致循环、请求或渲染中止的程序缺陷，均会重试。请反馈给项目。",
            ),
            f"sum({own('feishu_exporter_panics_total', TARGET)})",
            thresholds=ALARM,
        ),
    ]


def sources():
    names = {
        "departments": "部门统计",
        "baselines": "基线",
        "directory": "组织目录",
        "contact": "通讯录",
        "members": "成员",
        "users": "成员统计",
    }
    names = words(**{source: (T(source, name), None) for source, name in names.items()})

    def of_source(metric):
        return f"max by (tenant, source, instance) ({own(f'feishu_exporter_{metric}')})"

    def ago(metric):
        return column(f"time() - {of_source(metric)}")

    return table(
        T(SOURCES, "数据来源"),
        T(
            "Each source of each tenant: whether its last collection got everything, when that was, how long it took, and when the next one is due.",
            "各租户的各数据来源：最近一次采集是否完整、时间、耗时及下次采集时间。",
        ),
        [
            column(f"sort({of_source('collection_success')})"),
            ago("last_collection_timestamp_seconds"),
            ago("last_success_timestamp_seconds"),
            column(of_source("collection_duration_seconds")),
            column(f"clamp_min({of_source('next_collection_timestamp_seconds')} - time(), 0)"),
        ],
        {
            "tenant": TENANT_COLUMN,
            "source": Column(T("Source", "来源"), None, 110, {"mappings": names}),
            "A": Column(T("Complete", "完整"), "locale", 90, {"mappings": YES_NO} | COLORED_TEXT),
            "B": Column(T("Last, ago", "距上次"), "dthms", 120),
            "C": Column(T("Complete, ago", "距上次完整"), "dthms", 130),
            "D": Column(T("Took", "耗时"), "s", 80, {"decimals": 1}),
            "E": Column(T("Next in", "距下次"), "dthms", 120),
            "instance": Column(T("Exporter", "导出器")),
        },
        size=(24, 8),
    )


def firing():
    severities = words(warning=(T("warning", "警告"), None), critical=(T("critical", "严重"), None))
    return table(
        T(FIRING, "正在触发的告警"),
        T(
            "Alerts of this project's rules; docs/operations.md has a runbook for each.",
            "本项目规则中正在触发的告警，处理手册见 docs/operations.md。",
        ),
        [
            column(
                'sort_desc(count by (severity, alertname) (ALERTS{alertname=~"Feishu.*",alertstate="firing"}))'
            )
        ],
        {
            "alertname": Column(T("Alert", "告警")),
            "severity": Column(T("Severity", "级别"), None, 80, {"mappings": severities}),
            "A": Column(T("Times", "数量"), "locale", 65),
        },
        size=(11, 6),
        empty=T("No alert fires.", "没有正在触发的告警。"),
    )


def exporters():
    def of(metric):
        return column(f"max by (job, instance) ({metric}) * 1000")

    return table(
        T("Exporters", "导出器列表"),
        T("Version, start and configuration of each exporter.", "各导出器的版本、启动时间和配置时间。"),
        [
            column(
                f"max by (job, instance, version, revision) ({own('feishu_exporter_build_info', TARGET)})"
            ),
            of(process_of("process_start_time_seconds")),
            of(own("feishu_exporter_config_last_reload_success_timestamp_seconds", TARGET)),
        ],
        {
            "job": Column(T("Job", "任务"), None, 120),
            "instance": Column(T("Exporter", "导出器")),
            "version": Column(T("Version", "版本"), None, 90),
            "revision": Column(T("Revision", "修订"), None, 140),
            "B": Column(T("Started", "启动时间"), "dateTimeAsIso", 180),
            "C": Column(T("Settings read", "配置读取时间"), "dateTimeAsIso", 180),
        },
        size=(24, 4),
    )


def ages():
    served = last(DAY, BOTH)
    states = {
        "configured": T("asked for", "已配置"),
        "with_data": T("with figures", "有数据"),
        "latest": T("with the newest day", "已有最新一天"),
        "failed": T("failed", "失败"),
    }
    of_state = "sum(feishu_exporter_departments{{{},state=\"{}\"}})"
    counts = [(of_state.format(BOTH, state), name) for state, name in states.items()]

    def age(title, description, aggregation):
        return stat(
            title,
            description,
            [now(f"(time() - {aggregation} by (tenant) ({served})) / 3600", "{{tenant}}")],
            HOURS,
            size=(6, 4),
            thresholds=AGE,
            decimals=0,
        )

    return [
        stat(
            T("Newest day", "最新数据日期"),
            T("The newest day that any department of the tenant serves.", "租户中任一部门的最新数据日期。"),
            [now(f"(max by (tenant) ({served}) + {NOON}) * 1000", "{{tenant}}")],
            DATE,
            size=(6, 4),
        ),
        age(
            T("Age of the newest day", "最新数据时效"),
            T(
                "Time since the newest day began: between 33.5 and 57.5 hours while figures come in time.",
                "距最新一天开始的时间：按时产出时介于 33.5 至 57.5 小时。",
            ),
            "max",
        ),
        age(
            T("Age of the oldest day", "最旧数据时效"),
            T("The same of the department that is furthest behind.", "最落后的部门的数据时效。"),
            "min",
        ),
        stat(
            T("Access token expires in", "令牌剩余有效期"),
            T("The exporter renews it by itself.", "导出器会自动续期。"),
            [now(f"{own('feishu_exporter_token_expiry_timestamp_seconds')} - time()", "{{tenant}}")],
            "dthms",
            size=(6, 4),
        ),
        curves(
            T("Departments", "部门"),
            T(
                "Departments that are asked for, in each geo; with figures of some day; with the newest day that is due; and those whose last request failed.",
                "各地区所配置的部门数、有任一天数据的部门数、已有最新应有数据的部门数，以及最近一次请求失败的部门数。",
            ),
            counts,
            size=(24, 8),
            decimals=0,
            overrides=[override(states["failed"], color=RED)],
        ),
    ]
