"""Parses a list of PromQL expressions from standard input, as JSON; fails on the first bad one."""

import json
import sys

import promql_parser

for expression in json.load(sys.stdin):
    try:
        promql_parser.parse(expression)
    except ValueError as error:
        sys.exit(f"{error}: {expression}")
