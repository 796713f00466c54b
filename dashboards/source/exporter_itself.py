"""Of *Feishu exporter*: what scraping costs, and the process."""

from grafana import T, bars, now
from own import OURS, QUOTA, TARGET, curves, hourly, own, process_of

EACH = "{{instance}}"


def of_each(en, zh):
    return T(f"{EACH} {en}", f"{EACH} {zh}")


def exporters_own(metric):
    return own(f"feishu_exporter_{metric}", TARGET)


def scraping():
    seconds, asked = (
        f"sum(rate({exporters_own(f'http_request_duration_seconds_{part}')}[$__rate_interval]))"
        for part in ("sum", "count")
    )
    buckets = f"rate({exporters_own('http_request_duration_seconds_bucket')}[$__rate_interval])"
    return [
        curves(
            T("Time of a scrape", "抓取耗时"),
            T(
                "How long a scrape by Prometheus took; the default limit is ten seconds.",
                "Prometheus 每次抓取的耗时；默认上限为十秒。",
            ),
            [
                (own("scrape_duration_seconds", TARGET), EACH),
                (f"{seconds} / ({asked} > 0)", T("the exporter's own part, mean", "其中导出器处理时间（平均）")),
            ],
            "s",
        ),
        curves(
            T("Samples of a scrape", "每次抓取的样本数"),
            T(
                "Samples that a scrape brought, and those that Prometheus kept after relabelling.",
                "每次抓取得到的样本数，以及重新标记后保留的样本数。",
            ),
            [
                (own("scrape_samples_scraped", TARGET), of_each("scraped", "抓取")),
                (own("scrape_samples_post_metric_relabeling", TARGET), of_each("kept", "保留")),
                (own("scrape_series_added", TARGET), of_each("new series", "新增序列")),
            ],
            decimals=0,
        ),
        curves(
            T("Series about departments", "部门相关序列"),
            T(
                "Series that the exporter publishes about departments. Past series_limit baselines are shed first, then product versions.",
                "导出器发布的部门相关序列数。超过 series_limit 时先省略基线，再省略产品版本。",
            ),
            [(exporters_own("series"), EACH)],
            decimals=0,
        ),
        bars(
            T("Series by the limit", "序列数占上限"),
            T(
                "Series about departments as a share of series_limit.",
                "部门相关序列数占 series_limit 的比例。",
            ),
            [now(f"{exporters_own('series')} / {exporters_own('series_limit')}", EACH)],
            "percentunit",
            thresholds=QUOTA,
            min=0,
            max=1,
        ),
        curves(
            T("Requests to the exporter's pages", "导出器页面请求"),
            T(
                "Requests to the exporter itself, by page and status code.",
                "对导出器自身页面的请求，按路径和状态码统计。",
            ),
            [(f"{hourly('feishu_exporter_http_requests_total', 'path, code', TARGET)} > 0", "{{path}} {{code}}")],
            by_hour=True,
            stacked=True,
        ),
        curves(
            T("Connections", "连接"),
            T(
                "Open connections and how many there may be, and those that were refused or closed in an hour.",
                "打开的连接数及其上限，以及每小时拒绝和关闭的连接数。",
            ),
            [
                (exporters_own("http_connections"), of_each("open", "已打开")),
                (exporters_own("http_connections_limit"), of_each("limit", "上限")),
                (
                    hourly("feishu_exporter_http_connections_refused_total", "instance", TARGET),
                    of_each("refused", "已拒绝"),
                ),
                (
                    hourly("feishu_exporter_http_connections_closed_total", "instance", TARGET),
                    of_each("closed", "已关闭"),
                ),
            ],
            decimals=0,
        ),
        curves(
            T("Time of the exporter's answers", "导出器响应时间"),
            T(
                "How long the exporter took for 95 of 100 of its answers, without sending the body.",
                "导出器响应时间的第 95 百分位，不含发送响应体的时间。",
            ),
            [(f"histogram_quantile(0.95, sum by (le, instance) ({buckets})) >= 0", EACH)],
            "s",
        ),
    ]


def process():
    return [
        curves(
            T("CPU", "CPU"),
            T("Share of one processor.", "占单个处理器的比例。"),
            [(f"rate({own('process_cpu_seconds_total', TARGET)}[$__rate_interval]) {OURS}", EACH)],
            "percentunit",
            size=(6, 7),
        ),
        curves(
            T("Memory", "内存"),
            T(
                "Resident memory, and the address space, which costs nothing.",
                "常驻内存，以及不占实际内存的虚拟地址空间。",
            ),
            [
                (process_of("process_resident_memory_bytes"), of_each("resident", "常驻")),
                (process_of("process_virtual_memory_bytes"), of_each("virtual", "虚拟")),
            ],
            "bytes",
            size=(6, 7),
        ),
        curves(
            T("Open files", "打开的文件"),
            T("File descriptors, and how many there may be.", "文件描述符数量及其上限。"),
            [
                (process_of("process_open_fds"), of_each("open", "已打开")),
                (process_of("process_max_fds"), of_each("limit", "上限")),
            ],
            size=(6, 7),
            decimals=0,
        ),
        curves(
            T("Threads", "线程"),
            T("Threads of the process.", "进程的线程数。"),
            [(process_of("process_threads"), EACH)],
            size=(6, 7),
            decimals=0,
        ),
    ]
