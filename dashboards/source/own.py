"""What the parts of the exporter's dashboard have alike."""

from grafana import T, lines, over_time, steps

TARGET = 'job=~"$job",instance=~"$instance"'
TENANT = 'tenant=~"$tenant"'
BOTH = f"{TARGET},{TENANT}"
# Other programs have metrics of these names, too.
OURS = "and on (job, instance) feishu_exporter_build_info"
# The longest interval between scrapes that docs/operations.md recommends. The data source knows
# only a default, by which $__rate_interval can be so short that it holds a single sample.
SCRAPED = "2m"
QUOTA = steps((None, "green"), (0.8, "orange"), (1, "red"))
NONE_YET = T("None yet.", "暂无。")
RED = {"mode": "fixed", "fixedColor": "red"}
STARTED = "process_start_time_seconds"


def own(metric, labels=BOTH):
    return f"{metric}{{{labels}}}"


def process_of(metric):
    return f"{own(metric, TARGET)} {OURS}"


def hourly(metric, by, labels=BOTH):
    """How much a counter grew in the hour that begins at the point, up to now.

    Exactly, and with what was counted before the first scrape: a process that started in that hour
    began at 0.
    """
    end = "[1h] offset -1h"
    after, start = f"last_over_time({own(metric, labels)}{end})", f"last_over_time({own(STARTED, TARGET)}{end})"
    by = f"sum by ({by})" if by else "sum"
    return f"{by} ({after} - {own(metric, labels)} >= 0 or {after} and on (job, instance) ({start} > time()))"


def daily(metric, by, labels=BOTH):
    """How much a counter grew in the last day, with what a young process had before its first scrape."""
    counted, young = own(metric, labels), f"{own(STARTED, TARGET)} > time() - 86400"
    return f"sum by ({by}) (increase({counted}[1d]) > 0 or {counted} and on (job, instance) ({young})) > 0"


def curves(title, description, queries, unit="locale", size=(8, 8), by_hour=False, **look):
    """Curves; `queries` are pairs of an expression and its legend. By the hour they are bars."""
    if by_hour:
        look = {"interval": "1h", "maxDataPoints": 1000, "drawn": "bars", "decimals": 0} | look
    asked = [
        over_time(expr, name, **({"interval": SCRAPED} if "$__rate_interval" in expr else {}))
        for expr, name in queries
    ]
    return lines(title, description, asked, unit, size=size, empty=NONE_YET, **look)
