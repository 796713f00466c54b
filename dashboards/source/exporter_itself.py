"""Of *Feishu exporter*: what scraping costs, and the process."""

from grafana import T, bars, lines, now, over_time
from own import HOURLY, OURS, QUOTA, TARGET, own, process_of

# The longest interval between scrapes that docs/operations.md recommends. The data source knows
# only a default, by which $__rate_interval can be so short that it holds a single sample.
SCRAPED = "2m"


def scraping():
    return [
        lines(
            T("Time of a scrape", "抓取耗时"),
            T(
                "How long a scrape by Prometheus took; the default limit is ten seconds.",
                "Prometheus 每次抓取的耗时；默认上限为十秒。",
            ),
            [
                over_time(own("scrape_duration_seconds", TARGET), "{{instance}}"),
                over_time(
                    f"sum(rate({own('feishu_exporter_http_request_duration_seconds_sum', TARGET)}[$__rate_interval])) / (sum(rate({own('feishu_exporter_http_request_duration_seconds_count', TARGET)}[$__rate_interval])) > 0)",
                    T("the exporter's own part, mean", "其中导出器处理时间（平均）"),
                    interval=SCRAPED,
                ),
            ],
            "s",
        ),
        lines(
            T("Samples of a scrape", "每次抓取的样本数"),
            T(
                "Samples that a scrape brought, and those that Prometheus kept after relabelling.",
                "每次抓取得到的样本数，以及重新标记后保留的样本数。",
            ),
            [
                over_time(
                    own("scrape_samples_scraped", TARGET), T("{{instance}} scraped", "{{instance}} 抓取")
                ),
                over_time(
                    own("scrape_samples_post_metric_relabeling", TARGET),
                    T("{{instance}} kept", "{{instance}} 保留"),
                ),
                over_time(
                    own("scrape_series_added", TARGET), T("{{instance}} new series", "{{instance}} 新增序列")
                ),
            ],
            "short",
        ),
        lines(
            T("Series about departments", "部门相关序列"),
            T(
                "Series that the exporter publishes about departments. Past series_limit baselines are shed first, then product versions.",
                "导出器发布的部门相关序列数。超过 series_limit 时先省略基线，再省略产品版本。",
            ),
            [over_time(own("feishu_exporter_series", TARGET), "{{instance}}")],
            "short",
        ),
        bars(
            T("Series by the limit", "序列数占上限"),
            T(
                "Series about departments as a share of series_limit.",
                "部门相关序列数占 series_limit 的比例。",
            ),
            [
                now(
                    f"{own('feishu_exporter_series', TARGET)} / {own('feishu_exporter_series_limit', TARGET)}",
                    "{{instance}}",
                )
            ],
            "percentunit",
            thresholds=QUOTA,
            min=0,
            max=1,
        ),
        lines(
            T("Requests to the exporter's pages", "导出器页面请求"),
            T(
                "Requests to the exporter itself, by page and status code.",
                "对导出器自身页面的请求，按路径和状态码统计。",
            ),
            [
                over_time(
                    f"sum by (path, code) (increase({own('feishu_exporter_http_requests_total', TARGET)}[1h])) > 0",
                    "{{path}} {{code}}",
                )
            ],
            "short",
            drawn="bars",
            stacked=True,
            **HOURLY,
        ),
        lines(
            T("Connections", "连接"),
            T(
                "Open connections and how many there may be, and those that were refused or closed to make room in an hour.",
                "打开的连接数及其上限，以及每小时拒绝的和为腾出位置而关闭的连接数。",
            ),
            [
                over_time(
                    own("feishu_exporter_http_connections", TARGET), T("{{instance}} open", "{{instance}} 已打开")
                ),
                over_time(
                    own("feishu_exporter_http_connections_limit", TARGET),
                    T("{{instance}} limit", "{{instance}} 上限"),
                ),
                over_time(
                    f"sum by (instance) (increase({own('feishu_exporter_http_connections_refused_total', TARGET)}[1h]))",
                    T("{{instance}} refused", "{{instance}} 已拒绝"),
                ),
                over_time(
                    f"sum by (instance) (increase({own('feishu_exporter_http_connections_closed_total', TARGET)}[1h]))",
                    T("{{instance}} closed", "{{instance}} 已关闭"),
                ),
            ],
            "short",
        ),
        lines(
            T("Time of the exporter's answers", "导出器响应时间"),
            T(
                "How long the exporter took for 95 of 100 of its answers, without sending the body.",
                "导出器响应时间的第 95 百分位，不含发送响应体的时间。",
            ),
            [
                over_time(
                    f"histogram_quantile(0.95, sum by (le, instance) (rate({own('feishu_exporter_http_request_duration_seconds_bucket', TARGET)}[$__rate_interval]))) >= 0",
                    "{{instance}}",
                    interval=SCRAPED,
                )
            ],
            "s",
        ),
    ]


def process():
    return [
        lines(
            T("CPU", "CPU"),
            T("Share of one processor.", "占单个处理器的比例。"),
            [
                over_time(
                    f"rate({own('process_cpu_seconds_total', TARGET)}[$__rate_interval]) {OURS}",
                    "{{instance}}",
                    interval=SCRAPED,
                )
            ],
            "percentunit",
            size=(6, 7),
        ),
        lines(
            T("Memory", "内存"),
            T(
                "Resident memory, and the address space, which costs nothing.",
                "常驻内存，以及不占实际内存的虚拟地址空间。",
            ),
            [
                over_time(
                    process_of("process_resident_memory_bytes"),
                    T("{{instance}} resident", "{{instance}} 常驻"),
                ),
                over_time(
                    process_of("process_virtual_memory_bytes"), T("{{instance}} virtual", "{{instance}} 虚拟")
                ),
            ],
            "bytes",
            size=(6, 7),
        ),
        lines(
            T("Open files", "打开的文件"),
            T("File descriptors, and how many there may be.", "文件描述符数量及其上限。"),
            [
                over_time(process_of("process_open_fds"), T("{{instance}} open", "{{instance}} 已打开")),
                over_time(process_of("process_max_fds"), T("{{instance}} limit", "{{instance}} 上限")),
            ],
            "short",
            size=(6, 7),
        ),
        lines(
            T("Threads", "线程"),
            T("Threads of the process.", "进程的线程数。"),
            [over_time(process_of("process_threads"), "{{instance}}")],
            "short",
            size=(6, 7),
        ),
    ]
