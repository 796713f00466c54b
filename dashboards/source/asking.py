"""Of *Feishu exporter*: the requests, the monthly quota, and the errors."""

from grafana import (
    T,
    bars,
    column,
    lines,
    now,
    over_time,
    override,
    stat,
    table,
    words,
)
from own import BOTH, HOURLY, QUOTA, TARGET, hourly, own
from shared import YES_NO

DAY_SECONDS = 86400
USED = "feishu_exporter_api_requests_this_month"
LIMIT = "feishu_exporter_api_requests_per_month_limit"
REQUESTS = "feishu_exporter_api_requests_total"
COUNTERS_START_AT_0 = T(
    "Counters are there from the start, so no bar is no request.",
    "计数器从启动时即存在，没有柱子表示没有请求。",
)


def requests():
    duration = own("feishu_exporter_api_request_duration_seconds_bucket", TARGET)
    buckets = f"sum by (le, endpoint) (increase({duration}[1h]))"
    failed = f"sum(increase({own('feishu_exporter_api_failures_total')}[1h]))"
    return [
        lines(
            T("Requests by outcome", "请求结果"),
            T(
                "Requests to Feishu in each hour: answered with success, failed, and among them those sent again.",
                "每小时对飞书的请求：成功、失败以及其中的重试。",
            ),
            [
                over_time(f"sum(increase({own(REQUESTS)}[1h])) - {failed}", T("success", "成功")),
                over_time(failed, T("failed", "失败")),
                over_time(
                    f"sum(increase({own('feishu_exporter_api_retries_total')}[1h]))", T("sent again", "重试")
                ),
            ],
            "short",
            drawn="bars",
            **HOURLY,
            overrides=[override(T("failed", "失败"), color={"mode": "fixed", "fixedColor": "red"})],
        ),
        lines(
            T("Requests by endpoint", "各接口请求数"),
            T(
                "Requests to Feishu in each hour, retries included. " + COUNTERS_START_AT_0.en,
                "每小时对飞书的请求数，含重试。" + COUNTERS_START_AT_0.zh,
            ),
            [over_time(hourly(REQUESTS, "endpoint"), "{{endpoint}}")],
            "short",
            drawn="bars",
            stacked=True,
            **HOURLY,
        ),
        lines(
            T("Time that Feishu takes", "飞书响应时间"),
            T(
                "How long Feishu took to answer, half of the requests and 95 of 100, in each hour with requests.",
                "飞书的响应时间：有请求的每小时的中位数与第 95 百分位。",
            ),
            [
                over_time(
                    f"histogram_quantile(0.5, {buckets}) >= 0", T("{{endpoint}} 50 %", "{{endpoint}} 50%")
                ),
                over_time(
                    f"histogram_quantile(0.95, {buckets}) >= 0", T("{{endpoint}} 95 %", "{{endpoint}} 95%")
                ),
            ],
            "s",
            drawn="points",
            **HOURLY,
        ),
    ]


def quota():
    # The rate of the last week, or of the time since there are data, at least a day.
    first = f"min_over_time(timestamp({own(USED)})[7d:1h]) or timestamp({own(USED)})"
    known = f"time() - min by (tenant) ({first})"
    rate = (
        f"sum by (tenant) (increase({own(REQUESTS)}[7d])) / clamp({known}, {DAY_SECONDS}, {7 * DAY_SECONDS})"
    )
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
            T(
                "Requests since the calendar month began, as far as this exporter knows.",
                "本自然月以来的请求数（以本导出器所知为准）。",
            ),
            [now(f"max by (tenant) ({own(USED)})", "{{tenant}}")],
            "short",
            size=(6, 4),
            decimals=0,
        ),
        stat(
            T("Forecast for the month", "本月预测"),
            T(
                "What there is so far, and for the rest of the month the rate of the last seven days.",
                "本月已用请求数，加上按近七天速率推算的剩余天数用量。",
            ),
            [now(forecast, "{{tenant}}")],
            "short",
            size=(6, 4),
            decimals=0,
        ),
        stat(
            T("Budget", "预算"),
            budget,
            [now(f"max by (tenant) ({own(LIMIT)})", "{{tenant}}")],
            "short",
            size=(6, 4),
            mappings=words(_0=(T("none set", "未设置"), "text")),
        ),
        stat(
            T("Budget used up", "预算用尽"),
            T(
                "Whether the month's budget is used up, so that nothing more is asked.",
                "本月预算是否已用尽；用尽后不再请求。",
            ),
            [now(own("feishu_exporter_api_budget_exhausted"), "{{tenant}}")],
            "short",
            size=(6, 4),
            background=True,
            mappings=words(_0=(T("no", "否"), "green"), _1=(T("YES", "是"), "red")),
        ),
        lines(
            T("Quota used and forecast", "配额使用与预测"),
            T(
                "Requests of the month so far, the forecast for its end, and the budget where one is set. "
                + budget.en,
                "本月已用请求数、月底预测值，以及已设置的预算。" + budget.zh,
            ),
            [
                over_time(f"max by (tenant) ({own(USED)})", T("{{tenant}}: used", "{{tenant}}：已用")),
                over_time(forecast, T("{{tenant}}: forecast", "{{tenant}}：预测")),
            ],
            "short",
            size=(12, 8),
            interval="1h",
        ),
        bars(
            T("Share of the budget", "预算使用率"),
            T(
                "Used so far and forecast, as a share of the budget; nothing where no budget is set.",
                "已用及预测用量占预算的比例；未设置预算时为空。",
            ),
            [
                now(f"max by (tenant) ({own(USED)}) / {limit}", T("{{tenant}}: used", "{{tenant}}：已用")),
                now(f"({forecast}) / {limit}", T("{{tenant}}: forecast", "{{tenant}}：预测")),
            ],
            "percentunit",
            size=(12, 8),
            thresholds=QUOTA,
            min=0,
            max=1,
        ),
    ]


def errors():
    failures = own("feishu_exporter_api_failures_total")
    throttled = own("feishu_exporter_api_failures_total", f'{BOTH},class="throttled"')
    failing = f"max by (tenant, geo, department_id) ({own('feishu_exporter_department_up')} == 0)"
    # One name, also beside a second exporter that has another.
    one_each = f"topk by (tenant, department_id) (1, {own('feishu_department_info')})"
    names = f"group by (tenant, department_id, department) ({one_each})"
    classes = T(
        "throttled: too many requests at once; quota: the monthly quota is used up; token, credentials: app id or secret; permission: a scope or data permission is missing; invalid_request; server, network: on the way; malformed: an answer that is none.",
        "throttled：请求过快；quota：月度配额用尽；token、credentials：App ID 或密钥问题；permission：缺少权限或数据权限；invalid_request：请求无效；server、network：服务端或网络问题；malformed：响应无法解析。",
    )
    return [
        lines(
            T("Failures by class", "失败类型"),
            T(
                "Requests that Feishu did not answer with success, in each hour. " + classes.en,
                "每小时未成功的请求。" + classes.zh,
            ),
            [over_time("sum by (class) (increase(" + failures + "[1h])) > 0", "{{class}}")],
            "short",
            drawn="bars",
            stacked=True,
            **HOURLY,
        ),
        lines(
            T("Throttled", "限流"),
            T(
                "Requests that Feishu refused because there were too many at once; the exporter waits as Feishu says and asks again. If it happens every day, lower limits.requests_per_second.",
                "因请求过快被飞书拒绝的请求；导出器按飞书的要求等待后重试。若每天发生，请降低 limits.requests_per_second。",
            ),
            [over_time(f"sum by (endpoint) (increase({throttled}[1h]))", "{{endpoint}}")],
            "short",
            drawn="bars",
            stacked=True,
            **HOURLY,
        ),
        table(
            T("Failures of the last day", "最近一天的失败"),
            T(
                "Failures of the last 24 hours by endpoint and class. The status page has Feishu's code, the remedy and the log id. "
                + classes.en,
                "最近 24 小时按接口与类型统计的失败。飞书错误码、处理方法和日志 ID 见状态页。" + classes.zh,
            ),
            [column(f"sum by (tenant, endpoint, class) (increase({failures}[1d])) > 0")],
            {
                "tenant": (T("Tenant", "租户"), None, {}),
                "endpoint": (T("Endpoint", "接口"), None, {}),
                "class": (T("Class", "类型"), None, {}),
                "A": (T("Failures", "失败次数"), "short", {"decimals": 0}),
            },
            sort=("A", True),
            size=(8, 8),
        ),
        table(
            T("Departments that fail", "请求失败的部门"),
            T(
                "Departments whose last request failed, at most 50. Their last good figures stay until collection.max_age.",
                "最近一次请求失败的部门（最多 50 个）。其上次的有效数据在 collection.max_age 之前仍会保留。",
            ),
            [
                column(
                    f"topk(50, {failing} * on (tenant, department_id) group_left (department) {names} or on (tenant, geo, department_id) {failing})"
                )
            ],
            {
                "tenant": (T("Tenant", "租户"), None, {}),
                "department": (T("Department", "部门"), None, {}),
                "geo": (T("Geo", "地区"), None, {}),
                "A": (
                    T("Up", "正常"),
                    "short",
                    {"mappings": YES_NO, "custom__cellOptions": {"type": "color-text"}},
                ),
                "department_id": (T("department_id", "department_id"), None, {}),
            },
            size=(8, 8),
        ),
        bars(
            T("Values that were not believed", "未采信的值"),
            T(
                "Values of the last 24 hours that were not a usable number, by the field of the API; they give no sample.",
                "最近 24 小时内不是有效数字的值，按接口字段统计；不产生样本。",
            ),
            [
                now(
                    f"topk(20, sum by (field) (increase({own('feishu_exporter_rejected_values_total')}[1d])) > 0)",
                    "{{field}}",
                )
            ],
            "short",
            min=0,
            decimals=0,
        ),
        lines(
            T("Rows that were not believed", "未采信的行"),
            T(
                "Rows for a department or day that was not asked for, or that contradict another row, in each hour.",
                "每小时未请求的部门或日期的行，或互相矛盾的行。",
            ),
            [over_time(hourly("feishu_exporter_rejected_rows_total", "tenant"), "{{tenant}}")],
            "short",
            drawn="bars",
            **HOURLY,
        ),
    ]
