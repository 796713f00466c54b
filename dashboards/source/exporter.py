"""*Feishu exporter*: whether the figures come, what asking for them costs, and what goes wrong."""

from grafana import (
    T, asked, bars, column, dashboard, data_source, lines, now, over_time, override, row, stat,
    steps, table, words,
)
from promql import DAY, NAMED
from shared import AGE, ALARM, YES_NO, link_to_department, tenant

TARGET = 'job=~"$job",instance=~"$instance"'
TENANT = 'tenant=~"$tenant"'
BOTH = f"{TARGET},{TENANT}"
# Other programs have metrics of these names, too, where all jobs are chosen.
OURS = "and on (job, instance) feishu_exporter_build_info"
NOON = 43200
DAY_SECONDS = 86400
DATE = "time:YYYY-MM-DD ddd"
# Requests come in bursts, mostly one a day: counted by the hour, at whole hours.
HOURLY = {"interval": "1h", "maxDataPoints": 1000}
QUOTA = steps((None, "green"), (0.8, "orange"), (1, "red"))
USED = "feishu_exporter_api_requests_this_month"
LIMIT = "feishu_exporter_api_requests_per_month_limit"
REQUESTS = "feishu_exporter_api_requests_total"
COUNTERS_START_AT_0 = T("Counters are there from the start, so no bar is no request.", "计数器从启动时即存在，没有柱子表示没有请求。")


def own(metric, labels=BOTH):
    return f"{metric}{{{labels}}}"


def process_of(metric):
    return f"{own(metric, TARGET)} {OURS}"


def hourly(metric, by, labels=BOTH):
    return f"sum by ({by}) (increase({own(metric, labels)}[1h]))"


def build(language):
    job = asked("job", T("Job", "任务"), "label_values(feishu_exporter_build_info, job)", several=True)
    instance = asked(
        "instance", T("Exporter", "导出器"),
        'label_values(feishu_exporter_build_info{job=~"$job"}, instance)', several=True,
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
    return dashboard(
        "feishu-exporter",
        T("Feishu exporter", "飞书导出器"),
        T(
            "Whether the exporter gets the figures, how many requests that takes, and what goes wrong. Remedies: the exporter's status page and docs/operations.md.",
            "导出器能否取得数据、消耗多少请求以及出现的问题。处理方法见导出器状态页和 docs/operations.md。",
        ),
        [data_source(), job, instance, tenant("feishu_up", several=True)],
        rows, language, "now-2d", "1m",
    )


def health():
    up_down = words(_1=(T("up", "正常"), "green"), _0=(T("DOWN", "中断"), "red"))
    good_bad = words(_1=(T("good", "正常"), "green"), _0=(T("BAD", "异常"), "red"))
    no_yes = words(_0=(T("no", "否"), "green"), _1=(T("YES", "是"), "red"))
    return [
        stat(
            T("Exporter", "导出器"),
            T("Whether Prometheus reaches the exporter.", "Prometheus 能否访问导出器。"),
            [now(own("up", TARGET), "{{instance}}")], "short", size=(4, 4), background=True, mappings=up_down,
        ),
        stat(
            T("Feishu", "飞书"),
            T("Whether the last request of the tenant reached Feishu and was accepted.", "该租户最近一次请求是否到达飞书并被接受。"),
            [now(own("feishu_up"), "{{tenant}}")], "short", size=(4, 4), background=True, mappings=up_down,
        ),
        stat(
            T("Store", "存储"),
            T(
                "Whether the store of past days works. Without it the exporter goes on from memory, but a restart asks again and baselines have only what is in memory.",
                "历史数据存储是否正常。异常时导出器仅使用内存继续运行，重启后需重新请求，基线也只有内存中的数据。",
            ),
            [now(own("feishu_exporter_store_up", TARGET), "{{instance}}")], "short", size=(4, 4), background=True, mappings=good_bad,
        ),
        stat(
            T("Configuration", "配置"),
            T("Whether the configuration was valid when it was last read; a bad one leaves the old in force.", "最近一次读取的配置是否有效；无效时继续使用旧配置。"),
            [now(own("feishu_exporter_config_last_reload_successful", TARGET), "{{instance}}")],
            "short", size=(4, 4), background=True, mappings=good_bad,
        ),
        stat(
            T("Series limit reached", "达到序列上限"),
            T("Whether series were left out because of series_limit: baselines first, then product versions, never the totals.", "是否因 series_limit 省略了序列：先省略基线，再省略产品版本，合计始终保留。"),
            [now(own("feishu_exporter_series_limit_reached", TARGET), "{{instance}}")],
            "short", size=(4, 4), background=True, mappings=no_yes,
        ),
        stat(
            T("Defects", "程序缺陷"),
            T("Defects in the exporter that ended a loop, a request or a rendering since it started; all are tried again. Please report them.", "启动以来导致循环、请求或渲染中止的程序缺陷，均会重试。请反馈给项目。"),
            [now(own("feishu_exporter_panics_total", TARGET), "{{instance}}")],
            "short", size=(4, 4), background=True, thresholds=ALARM,
        ),
        table(
            T("Exporters", "导出器列表"),
            T("Version, start and configuration of each exporter.", "各导出器的版本、启动时间和配置时间。"),
            [
                column(f"max by (job, instance, version, revision) ({own('feishu_exporter_build_info', TARGET)})"),
                column(f"max by (job, instance) ({process_of('process_start_time_seconds')}) * 1000"),
                column(f"max by (job, instance) ({own('feishu_exporter_config_last_reload_success_timestamp_seconds', TARGET)}) * 1000"),
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
            T("Each source of each tenant: whether its last collection got everything, when that was, how long it took, and when the next one is due.", "各租户的各数据来源：最近一次采集是否完整、时间、耗时及下次采集时间。"),
            [
                column(of_source("feishu_exporter_collection_success")),
                column(f"time() - {of_source('feishu_exporter_last_collection_timestamp_seconds')}"),
                column(f"time() - {of_source('feishu_exporter_last_success_timestamp_seconds')}"),
                column(of_source("feishu_exporter_collection_duration_seconds")),
                column(f"clamp_min({of_source('feishu_exporter_next_collection_timestamp_seconds')} - time(), 0)"),
            ],
            {
                "tenant": (T("Tenant", "租户"), None, {}),
                "source": (T("Source", "来源"), None, {}),
                "A": (T("Complete", "完整"), "short", {"mappings": YES_NO, "custom__cellOptions": {"type": "color-text"}}),
                "B": (T("Last, ago", "距上次采集"), "dtdurations", {}),
                "C": (T("Last complete, ago", "距上次完整采集"), "dtdurations", {}),
                "D": (T("Took", "耗时"), "s", {}),
                "E": (T("Next in", "距下次采集"), "dtdurations", {}),
                "instance": (T("Exporter", "导出器"), None, {}),
            },
            size=(14, 9), sort=("source", False),
        ),
        lines(
            T("Departments", "部门"),
            T(
                "Departments that are asked for, in each geo; with figures of some day; with the newest day that is due; and those whose last request failed.",
                "各地区所配置的部门数、有任一天数据的部门数、已有最新应有数据的部门数，以及最近一次请求失败的部门数。",
            ),
            [
                over_time(f"sum by (state) ({departments_of(state)})", name)
                for state, name in states.items()
            ],
            "short", size=(10, 9),
            overrides=[override(states["failed"], color={"mode": "fixed", "fixedColor": "red"})],
        ),
    ]


def requests():
    duration = own("feishu_exporter_api_request_duration_seconds_bucket", TARGET)
    buckets = f"sum by (le, endpoint) (increase({duration}[1h]))"
    failed = f"sum(increase({own('feishu_exporter_api_failures_total')}[1h]))"
    return [
        lines(
            T("Requests by outcome", "请求结果"),
            T("Requests to Feishu in each hour: answered with success, failed, and among them those sent again.", "每小时对飞书的请求：成功、失败以及其中的重试。"),
            [
                over_time(f"sum(increase({own(REQUESTS)}[1h])) - {failed}", T("success", "成功")),
                over_time(failed, T("failed", "失败")),
                over_time(f"sum(increase({own('feishu_exporter_api_retries_total')}[1h]))", T("sent again", "重试")),
            ],
            "short", drawn="bars", **HOURLY,
            overrides=[override(T("failed", "失败"), color={"mode": "fixed", "fixedColor": "red"})],
        ),
        lines(
            T("Requests by endpoint", "各接口请求数"),
            T("Requests to Feishu in each hour, retries included. " + COUNTERS_START_AT_0.en, "每小时对飞书的请求数，含重试。" + COUNTERS_START_AT_0.zh),
            [over_time(hourly(REQUESTS, "endpoint"), "{{endpoint}}")], "short", drawn="bars", stacked=True, **HOURLY,
        ),
        lines(
            T("Time that Feishu takes", "飞书响应时间"),
            T("How long Feishu took to answer, half of the requests and 95 of 100, in each hour with requests.", "飞书的响应时间：有请求的每小时的中位数与第 95 百分位。"),
            [
                over_time(f"histogram_quantile(0.5, {buckets}) >= 0", T("{{endpoint}} 50 %", "{{endpoint}} 50%")),
                over_time(f"histogram_quantile(0.95, {buckets}) >= 0", T("{{endpoint}} 95 %", "{{endpoint}} 95%")),
            ],
            "s", drawn="points", **HOURLY,
        ),
    ]


def quota():
    # The rate of the last week, or of the time since there are data, at least a day.
    first = f"min_over_time(timestamp({own(USED)})[7d:1h]) or timestamp({own(USED)})"
    known = f"time() - min by (tenant) ({first})"
    rate = f"sum by (tenant) (increase({own(REQUESTS)}[7d])) / clamp({known}, {DAY_SECONDS}, {7 * DAY_SECONDS})"
    passed = "((day_of_month() - 1) * 86400 + hour() * 3600 + minute() * 60)"
    rest = f"scalar(days_in_month() * {DAY_SECONDS} - {passed})"
    forecast = f"max by (tenant) ({own(USED)}) + {rate} * {rest}"
    limit = f"max by (tenant) ({own(LIMIT)} > 0)"
    budget = T(
        "The budget is limits.requests_per_month of the exporter's configuration; Feishu's own monthly quota is shared by all apps of the tenant and not told by the API.",
        "预算为导出器配置中的 limits.requests_per_month；飞书的月度配额由租户的所有应用共享，接口不提供其数值。",
    )
    return [
        stat(
            T("Requests this month", "本月请求数"),
            T("Requests since the calendar month began, as far as this exporter knows.", "本自然月以来的请求数（以本导出器所知为准）。"),
            [now(f"max by (tenant) ({own(USED)})", "{{tenant}}")], "short", size=(6, 4), decimals=0,
        ),
        stat(
            T("Forecast for the month", "本月预测"),
            T("What there is so far, and for the rest of the month the rate of the last seven days.", "本月已用请求数，加上按近七天速率推算的剩余天数用量。"),
            [now(forecast, "{{tenant}}")], "short", size=(6, 4), decimals=0,
        ),
        stat(
            T("Budget", "预算"),
            budget,
            [now(f"max by (tenant) ({own(LIMIT)})", "{{tenant}}")],
            "short", size=(6, 4), mappings=words(_0=(T("none set", "未设置"), "text")),
        ),
        stat(
            T("Budget used up", "预算用尽"),
            T("Whether the month's budget is used up, so that nothing more is asked.", "本月预算是否已用尽；用尽后不再请求。"),
            [now(own("feishu_exporter_api_budget_exhausted"), "{{tenant}}")],
            "short", size=(6, 4), background=True,
            mappings=words(_0=(T("no", "否"), "green"), _1=(T("YES", "是"), "red")),
        ),
        lines(
            T("Quota used and forecast", "配额使用与预测"),
            T("Requests of the month so far, the forecast for its end, and the budget where one is set. " + budget.en, "本月已用请求数、月底预测值，以及已设置的预算。" + budget.zh),
            [
                over_time(f"max by (tenant) ({own(USED)})", T("{{tenant}}: used", "{{tenant}}：已用")),
                over_time(forecast, T("{{tenant}}: forecast", "{{tenant}}：预测")),
            ],
            "short", size=(12, 8), interval="1h",
        ),
        bars(
            T("Share of the budget", "预算使用率"),
            T("Used so far and forecast, as a share of the budget; nothing where no budget is set.", "已用及预测用量占预算的比例；未设置预算时为空。"),
            [
                now(f"max by (tenant) ({own(USED)}) / {limit}", T("{{tenant}}: used", "{{tenant}}：已用")),
                now(f"({forecast}) / {limit}", T("{{tenant}}: forecast", "{{tenant}}：预测")),
            ],
            "percentunit", size=(12, 8), thresholds=QUOTA, min=0, max=1,
        ),
    ]


def errors():
    failures = own("feishu_exporter_api_failures_total")
    throttled = own("feishu_exporter_api_failures_total", f'{BOTH},class="throttled"')
    failing = f"max by (tenant, geo, department_id) ({own('feishu_exporter_department_up')} == 0)"
    names = f"group by (tenant, department_id, department) ({own('feishu_department_info')})"
    classes = T(
        "throttled: too many requests at once; quota: the monthly quota is used up; token, credentials: app id or secret; permission: a scope or data permission is missing; invalid_request; server, network: on the way; malformed: an answer that is none.",
        "throttled：请求过快；quota：月度配额用尽；token、credentials：App ID 或密钥问题；permission：缺少权限或数据权限；invalid_request：请求无效；server、network：服务端或网络问题；malformed：响应无法解析。",
    )
    return [
        lines(
            T("Failures by class", "失败类型"),
            T("Requests that Feishu did not answer with success, in each hour. " + classes.en, "每小时未成功的请求。" + classes.zh),
            [over_time("sum by (class) (increase(" + failures + "[1h])) > 0", "{{class}}")],
            "short", drawn="bars", stacked=True, **HOURLY,
        ),
        lines(
            T("Throttled", "限流"),
            T("Requests that Feishu refused because there were too many at once; the exporter waits as Feishu says and asks again. If it happens every day, lower limits.requests_per_second.", "因请求过快被飞书拒绝的请求；导出器按飞书的要求等待后重试。若每天发生，请降低 limits.requests_per_second。"),
            [over_time(f"sum by (endpoint) (increase({throttled}[1h]))", "{{endpoint}}")],
            "short", drawn="bars", stacked=True, **HOURLY,
        ),
        table(
            T("Failures of the last day", "最近一天的失败"),
            T("Failures of the last 24 hours by endpoint and class. The status page has Feishu's code, the remedy and the log id. " + classes.en, "最近 24 小时按接口与类型统计的失败。飞书错误码、处理方法和日志 ID 见状态页。" + classes.zh),
            [column(f"sum by (tenant, endpoint, class) (increase({failures}[1d])) > 0")],
            {
                "tenant": (T("Tenant", "租户"), None, {}),
                "endpoint": (T("Endpoint", "接口"), None, {}),
                "class": (T("Class", "类型"), None, {}),
                "A": (T("Failures", "失败次数"), "short", {"decimals": 0}),
            },
            sort=("A", True), size=(8, 8),
        ),
        table(
            T("Departments that fail", "请求失败的部门"),
            T("Departments whose last request failed, at most 50. Their last good figures stay until collection.max_age.", "最近一次请求失败的部门（最多 50 个）。其上次的有效数据在 collection.max_age 之前仍会保留。"),
            [column(f"topk(50, {failing} * on (tenant, department_id) group_left (department) {names} or on (tenant, geo, department_id) {failing})")],
            {
                "tenant": (T("Tenant", "租户"), None, {}),
                "department": (T("Department", "部门"), None, {}),
                "geo": (T("Geo", "地区"), None, {}),
                "A": (T("Up", "正常"), "short", {"mappings": YES_NO, "custom__cellOptions": {"type": "color-text"}}),
                "department_id": (T("department_id", "department_id"), None, {}),
            },
            size=(8, 8),
        ),
        bars(
            T("Values that were not believed", "未采信的值"),
            T("Values of the last 24 hours that were not a usable number, by the field of the API; they give no sample.", "最近 24 小时内不是有效数字的值，按接口字段统计；不产生样本。"),
            [now(f"topk(20, sum by (field) (increase({own('feishu_exporter_rejected_values_total')}[1d])) > 0)", "{{field}}")],
            "short", min=0, decimals=0,
        ),
        lines(
            T("Rows that were not believed", "未采信的行"),
            T("Rows for a department or day that was not asked for, or that contradict another row, in each hour.", "每小时未请求的部门或日期的行，或互相矛盾的行。"),
            [over_time(hourly("feishu_exporter_rejected_rows_total", "tenant"), "{{tenant}}")],
            "short", drawn="bars", **HOURLY,
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
            [now(f"(max by (tenant) ({days_served}) + {NOON}) * 1000", "{{tenant}}")], DATE, size=(6, 4),
        ),
        stat(
            T("Age of the newest day", "最新数据时效"),
            T("Time since the newest day began: between 33.5 and 57.5 hours while figures come in time.", "距最新一天开始的时间：按时产出时介于 33.5 至 57.5 小时。"),
            [now(f"time() - max by (tenant) ({days_served})", "{{tenant}}")], "dtdurations", size=(6, 4), background=True, thresholds=AGE,
        ),
        stat(
            T("Age of the oldest day", "最旧数据时效"),
            T("The same of the department that is furthest behind.", "最落后的部门的数据时效。"),
            [now(f"time() - min by (tenant) ({days_served})", "{{tenant}}")], "dtdurations", size=(6, 4), background=True, thresholds=AGE,
        ),
        stat(
            T("Access token expires in", "令牌剩余有效期"),
            T("The exporter renews it by itself.", "导出器会自动续期。"),
            [now(f"{own('feishu_exporter_token_expiry_timestamp_seconds')} - time()", "{{tenant}}")], "dtdurations", size=(6, 4),
        ),
        table(
            T("Data age by department", "各部门数据时效"),
            T("The 50 departments whose figures are oldest. Those without any figures are not here: see Departments above.", "数据最旧的 50 个部门。完全没有数据的部门不在此列，见上方“部门”。"),
            [
                column(oldest),
                column(f"({by_department} + {NOON}) * 1000 and on ({NAMED}) {oldest}"),
            ],
            {
                "tenant": (T("Tenant", "租户"), None, {}),
                "department": (T("Department", "部门"), None, {"links": link_to_department("var-tenant=${__data.fields.tenant:percentencode}")}),
                "A": (T("Age", "数据时效"), "dtdurations", {"thresholds": AGE, "custom__cellOptions": {"type": "color-text"}}),
                "B": (T("Figures of", "数据日期"), DATE, {}),
                "geo": (T("Geo", "地区"), None, {}),
                "department_id": (T("department_id", "department_id"), None, {}),
            },
            size=(24, 9), sort=("A", True),
        ),
    ]


def scraping():
    return [
        lines(
            T("Time of a scrape", "抓取耗时"),
            T("How long a scrape by Prometheus took; the default limit is ten seconds.", "Prometheus 每次抓取的耗时；默认上限为十秒。"),
            [
                over_time(own("scrape_duration_seconds", TARGET), "{{instance}}"),
                over_time(
                    f"sum(rate({own('feishu_exporter_http_request_duration_seconds_sum', TARGET)}[$__rate_interval])) / (sum(rate({own('feishu_exporter_http_request_duration_seconds_count', TARGET)}[$__rate_interval])) > 0)",
                    T("the exporter's own part, mean", "其中导出器处理时间（平均）"),
                ),
            ],
            "s",
        ),
        lines(
            T("Samples of a scrape", "每次抓取的样本数"),
            T("Samples that a scrape brought, and those that Prometheus kept after relabelling.", "每次抓取得到的样本数，以及重新标记后保留的样本数。"),
            [
                over_time(own("scrape_samples_scraped", TARGET), T("{{instance}} scraped", "{{instance}} 抓取")),
                over_time(own("scrape_samples_post_metric_relabeling", TARGET), T("{{instance}} kept", "{{instance}} 保留")),
                over_time(own("scrape_series_added", TARGET), T("{{instance}} new series", "{{instance}} 新增序列")),
            ],
            "short",
        ),
        lines(
            T("Series about departments", "部门相关序列"),
            T("Series that the exporter publishes about departments. Past series_limit baselines are shed first, then product versions.", "导出器发布的部门相关序列数。超过 series_limit 时先省略基线，再省略产品版本。"),
            [over_time(own("feishu_exporter_series", TARGET), "{{instance}}")], "short",
        ),
        bars(
            T("Series by the limit", "序列数占上限"),
            T("Series about departments as a share of series_limit.", "部门相关序列数占 series_limit 的比例。"),
            [now(f"{own('feishu_exporter_series', TARGET)} / {own('feishu_exporter_series_limit', TARGET)}", "{{instance}}")],
            "percentunit", thresholds=QUOTA, min=0, max=1,
        ),
        lines(
            T("Requests to the exporter's pages", "导出器页面请求"),
            T("Requests to the exporter itself, by page and status code.", "对导出器自身页面的请求，按路径和状态码统计。"),
            [over_time(f"sum by (path, code) (increase({own('feishu_exporter_http_requests_total', TARGET)}[1h])) > 0", "{{path}} {{code}}")],
            "short", drawn="bars", stacked=True, **HOURLY,
        ),
        lines(
            T("Time of the exporter's answers", "导出器响应时间"),
            T("How long the exporter took for 95 of 100 of its answers, without sending the body.", "导出器响应时间的第 95 百分位，不含发送响应体的时间。"),
            [over_time(f"histogram_quantile(0.95, sum by (le, instance) (rate({own('feishu_exporter_http_request_duration_seconds_bucket', TARGET)}[$__rate_interval]))) >= 0", "{{instance}}")],
            "s",
        ),
    ]


def process():
    return [
        lines(
            T("CPU", "CPU"), T("Share of one processor.", "占单个处理器的比例。"),
            [over_time(f"rate({own('process_cpu_seconds_total', TARGET)}[$__rate_interval]) {OURS}", "{{instance}}")], "percentunit", size=(6, 7),
        ),
        lines(
            T("Memory", "内存"), T("Resident memory, and the address space, which costs nothing.", "常驻内存，以及不占实际内存的虚拟地址空间。"),
            [
                over_time(process_of("process_resident_memory_bytes"), T("{{instance}} resident", "{{instance}} 常驻")),
                over_time(process_of("process_virtual_memory_bytes"), T("{{instance}} virtual", "{{instance}} 虚拟")),
            ],
            "bytes", size=(6, 7),
        ),
        lines(
            T("Open files", "打开的文件"), T("File descriptors, and how many there may be.", "文件描述符数量及其上限。"),
            [
                over_time(process_of("process_open_fds"), T("{{instance}} open", "{{instance}} 已打开")),
                over_time(process_of("process_max_fds"), T("{{instance}} limit", "{{instance}} 上限")),
            ],
            "short", size=(6, 7),
        ),
        lines(
            T("Threads", "线程"), T("Threads of the process.", "进程的线程数。"),
            [over_time(process_of("process_threads"), "{{instance}}")], "short", size=(6, 7),
        ),
    ]
