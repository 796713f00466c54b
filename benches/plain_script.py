#!/usr/bin/env python3
"""The usual in-house exporter: every series a gauge of `prometheus_client`.

Usage: plain_script.py BODY PORT, where BODY is a file in the text format; for benches/compare.py.
"""

import re
import sys
import time

import prometheus_client

LINE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

registry = prometheus_client.CollectorRegistry()
gauges = {}
with open(sys.argv[1], encoding="utf-8") as body:
    for line in body:
        if line.startswith("#") or not (found := LINE.match(line.rstrip("\n"))):
            continue
        name, text, value = found.groups()
        labels = dict(LABEL.findall(text or ""))
        key = (name, tuple(labels))
        if key not in gauges:
            # Where a family has samples with other labels, those are other gauges' here.
            own = name if all(name != other for other, _ in gauges) else f"{name}_{len(gauges)}"
            gauges[key] = prometheus_client.Gauge(own, "-", list(labels), registry=registry)
        (gauges[key].labels(**labels) if labels else gauges[key]).set(float(value))
prometheus_client.start_http_server(int(sys.argv[2]), "127.0.0.1", registry)
while True:
    time.sleep(3600)
