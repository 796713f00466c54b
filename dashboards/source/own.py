"""What the parts of the exporter's dashboard have alike."""

from grafana import steps

TARGET = 'job=~"$job",instance=~"$instance"'
TENANT = 'tenant=~"$tenant"'
BOTH = f"{TARGET},{TENANT}"
# Other programs have metrics of these names, too.
OURS = "and on (job, instance) feishu_exporter_build_info"
# Requests come in bursts, mostly one a day: counted by the hour, at whole hours.
HOURLY = {"interval": "1h", "maxDataPoints": 1000}
QUOTA = steps((None, "green"), (0.8, "orange"), (1, "red"))


def own(metric, labels=BOTH):
    return f"{metric}{{{labels}}}"


def process_of(metric):
    return f"{own(metric, TARGET)} {OURS}"


def hourly(metric, by, labels=BOTH):
    return f"sum by ({by}) (increase({own(metric, labels)}[1h]))"
