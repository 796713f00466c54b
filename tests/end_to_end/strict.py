"""Parses a page of metrics from standard input with Prometheus' own Python client.

Prints the samples as JSON: [[name, labels, value as text], ...]. What the parser refuses, and a
sample that comes twice, which it does not notice, is an error.
"""

import json
import sys

from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics_parser

PARSERS = {
    "text": parser.text_string_to_metric_families,
    "openmetrics": openmetrics_parser.text_string_to_metric_families,
}


def main() -> None:
    page = sys.stdin.buffer.read().decode("utf-8")
    seen, samples = set(), []
    for family in PARSERS[sys.argv[1]](page):
        if not family.documentation:
            sys.exit(f"{family.name} has no HELP")
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            if key in seen:
                sys.exit(f"twice: {key}")
            if sample.timestamp is not None:
                sys.exit(f"a timestamp: {key}")
            seen.add(key)
            samples.append([sample.name, sample.labels, repr(sample.value)])
    json.dump(samples, sys.stdout)


main()
