"""Parses a page of metrics from standard input with Prometheus' own Python client.

Prints the samples as JSON: [[name, labels, value as text], ...]. What the parser refuses, and a
sample that comes twice, which it does not notice, is an error. So is a timestamp, unless `dated`
follows the format: then every sample must have one, in order, which comes last of its list.
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
    dated = sys.argv[2:] == ["dated"]
    seen, newest, samples = set(), {}, []
    for family in PARSERS[sys.argv[1]](page):
        if not family.documentation:
            sys.exit(f"{family.name} has no HELP")
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            if (sample.timestamp is not None) != dated:
                sys.exit(f"timestamp {sample.timestamp}: {key}")
            if dated:
                # The parser of OpenMetrics makes a Timestamp of it, the other one a number.
                time = float(sample.timestamp)
                if time <= newest.get(key, 0):
                    sys.exit(f"back to {time}: {key}")
                newest[key] = time
                samples.append([sample.name, sample.labels, repr(sample.value), time])
                continue
            if key in seen:
                sys.exit(f"twice: {key}")
            seen.add(key)
            samples.append([sample.name, sample.labels, repr(sample.value)])
    json.dump(samples, sys.stdout)


main()
