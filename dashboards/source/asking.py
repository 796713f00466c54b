"""Of *Feishu exporter*: the requests, the monthly quota, and the errors."""

from grafana import Column, T, bars, column, now, override, stat, table, words
from own import BOTH, NONE_YET, QUOTA, RED, TARGET, curves, daily, hourly, own
from shared import CLASS, NO_YES

DAY_SECONDS = 86400
USED = "feishu_exporter_api_requests_this_month"
LIMIT = "feishu_exporter_api_requests_per_month_limit"
REQUESTS = "feishu_exporter_api_requests_total"
FAILURES = "feishu_exporter_api_failures_total"
DURATION = "feishu_exporter_api_request_duration_seconds_bucket"
FAILED = T("failed", "失败")
OF_TENANT = (T("{{tenant}}: used", "{{tenant}}：已用"), T("{{tenant}}: forecast", "{{tenant}}：预测"))


def requests():
    failed, every = hourly(FAILURES, ""), hourly(REQUESTS, "")
    buckets = hourly(DURATION, "le, endpoint", TARGET)
    return [
        curves(
            T("Requests by outcome", "请求结果"),
            T(
                "Requests to Feishu in each hour: answered with success, failed, and among them those sent again.",
                "每小时对飞书的请求：成功、失败以及其中的重试。",
            ),
            [
                (f"{every} - {failed}", T("success", "成功")),
                (failed, FAILED),
                (hourly("feishu_exporter_api_retries_total", ""), T("sent again", "重试")),
            ],
            by_hour=True,
            overrides=[override(FAILED, color=RED)],
        ),
        curves(
            T("Requests by endpoint", "各接口请求数"),
            T("Requests to Feishu in each hour, retries included.", "每小时对飞书的请求数，含重试。"),
            [(f"{hourly(REQUESTS, 'endpoint')} > 0", "{{endpoint}}")],
            by_hour=True,
            stacked=True,
        ),
        curves(
            T("Time that Feishu takes", "飞书响应时间"),
            T(
                "How long Feishu took to answer, half of the requests and 95 of 100, in each hour with requests.",
                "飞书的响应时间：有请求的每小时的中位数与第 95 百分位。",
            ),
            [
                (f"histogram_quantile({of}, {buckets}) >= 0", T(f"{{{{endpoint}}}} {name} %", f"{{{{endpoint}}}} {name}%"))
                for of, name in ((0.5, 50), (0.95, 95))
            ],
            "s",
            by_hour=True,
            drawn="points",
            decimals=3,
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
    used = f"max by (tenant) ({own(USED)})"
    forecast = f"{used} + {rate} * {rest}"
    limit = f"max by (tenant) ({own(LIMIT)} > 0)"
    budget = T(
        "The budget is limits.requests_per_month of the exporter's configuration; Feishu's own monthly quota is shared by all apps of the tenant and not told by the API.",
        "预算为导出器配置中的 limits.requests_per_month；飞书的月度配额由租户的所有应用共享，接口不提供其数值。",
    )
    no_budget = T("No budget is set.", "未设置预算。")

    def tile(title, description, expr, **look):
        return stat(title, description, [now(expr, "{{tenant}}")], "locale", size=(6, 4), decimals=0, **look)

    return [
        tile(
            T("Requests this month", "本月请求数"),
            T(
                "Requests since the calendar month began, as far as this exporter knows.",
                "本自然月以来的请求数（以本导出器所知为准）。",
            ),
            used,
        ),
        tile(
            T("Forecast for the month", "本月预测"),
            T(
                "What there is so far, and for the rest of the month the rate of the last seven days.",
                "本月已用请求数，加上按近七天速率推算的剩余天数用量。",
            ),
            forecast,
        ),
        tile(
            T("Budget", "预算"),
            budget,
            f"max by (tenant) ({own(LIMIT)})",
            mappings=words(_0=(T("none set", "未设置"), "text")),
            empty=no_budget,
        ),
        tile(
            T("Budget used up", "预算用尽"),
            T(
                "Whether the month's budget is used up, so that nothing more is asked.",
                "本月预算是否已用尽；用尽后不再请求。",
            ),
            own("feishu_exporter_api_budget_exhausted"),
            background=True,
            mappings=NO_YES,
        ),
        curves(
            T("Quota used and forecast", "配额使用与预测"),
            T(
                "Requests of the month so far, and the forecast for its end. ",
                "本月已用请求数，以及月底预测值。",
            )
            + budget,
            [(used, OF_TENANT[0]), (forecast, OF_TENANT[1])],
            size=(12, 8),
            decimals=0,
        ),
        bars(
            T("Share of the budget", "预算使用率"),
            T(
                "Used so far and forecast, as a share of the budget; nothing where no budget is set.",
                "已用及预测用量占预算的比例；未设置预算时为空。",
            ),
            [now(f"{used} / {limit}", OF_TENANT[0]), now(f"({forecast}) / {limit}", OF_TENANT[1])],
            "percentunit",
            size=(12, 8),
            thresholds=QUOTA,
            min=0,
            max=1,
            decimals=1,
            empty=no_budget,
        ),
    ]


def errors():
    classes = T(
        "throttled: too many requests at once; quota: the monthly quota is used up; token, credentials: app id or secret; permission: a scope or data permission is missing; invalid_request; server, network: on the way; malformed: an answer that is none.",
        "throttled：请求过快；quota：月度配额用尽；token、credentials：App ID 或密钥问题；permission：缺少权限或数据权限；invalid_request：请求无效；server、network：服务端或网络问题；malformed：响应无法解析。",
    )
    return [
        curves(
            T("Failures by class", "失败类型"),
            T("Requests that Feishu did not answer with success, in each hour. ", "每小时未成功的请求。")
            + classes,
            [(f"{hourly(FAILURES, 'class')} > 0", "{{class}}")],
            size=(6, 8),
            by_hour=True,
            stacked=True,
        ),
        curves(
            T("Throttled", "限流"),
            T(
                "Requests that Feishu refused because there were too many at once; the exporter waits as Feishu says and asks again. If it happens every day, lower limits.requests_per_second.",
                "因请求过快被飞书拒绝的请求；导出器按飞书的要求等待后重试。若每天发生，请降低 limits.requests_per_second。",
            ),
            [(hourly(FAILURES, "endpoint", f'{BOTH},class="throttled"'), "{{endpoint}}")],
            size=(6, 8),
            by_hour=True,
            stacked=True,
        ),
        table(
            T("Failures of the last day", "最近一天的失败"),
            T(
                "Failures of the last 24 hours by endpoint and class. The status page has Feishu's code, the remedy and the log id. ",
                "最近 24 小时按接口与类型统计的失败。飞书错误码、处理方法和日志 ID 见状态页。",
            )
            + classes,
            [column(daily(FAILURES, "tenant, endpoint, class"))],
            {
                "tenant": Column(T("Tenant", "租户"), None, 80),
                "endpoint": Column(T("Endpoint", "接口")),
                "class": CLASS,
                "A": Column(T("Failures", "次数"), "locale", 105, {"decimals": 0}),
            },
            sort=("A", True),
            size=(12, 8),
            empty=NONE_YET,
        ),
        bars(
            T("Values that were not believed", "未采信的值"),
            T(
                "Values of the last 24 hours that were not a usable number, by the field of the API; they give no sample.",
                "最近 24 小时内不是有效数字的值，按接口字段统计；不产生样本。",
            ),
            [now(f"topk(20, {daily('feishu_exporter_rejected_values_total', 'field')})", "{{field}}")],
            "locale",
            size=(12, 7),
            min=0,
            decimals=0,
            empty=NONE_YET,
        ),
        curves(
            T("Rows that were not believed", "未采信的行"),
            T(
                "Rows for a department or day that was not asked for, or that contradict another row, in each hour.",
                "每小时未请求的部门或日期的行，或互相矛盾的行。",
            ),
            [(hourly("feishu_exporter_rejected_rows_total", "tenant"), "{{tenant}}")],
            size=(12, 7),
            by_hour=True,
        ),
    ]
