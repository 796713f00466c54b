"""Takes rule files apart with PyYAML and promql-parser, which know nothing of Prometheus' or
VictoriaMetrics' code, and prints every rule with the selectors that it reads, as JSON.

An expression that does not parse, or whose types do not fit, ends it with an error.
"""

import json
import re
import sys

import promql_parser
import yaml


def selectors(node):
    """Every vector selector below a node of the parser's tree."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for name in ("expr", "lhs", "rhs", "param", "vector_selector", "vs"):
        child = getattr(node, name, None)
        if isinstance(child, promql_parser.Expr):
            yield from selectors(child)
    for child in getattr(node, "args", None) or []:
        yield from selectors(child)


def rules(path):
    with open(path, encoding="utf-8") as file:
        groups = yaml.safe_load(file)["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        try:
            tree = promql_parser.parse(rule["expr"])
        except ValueError as error:
            sys.exit(f"{path}: {rule.get('alert') or rule.get('record')}: {error}")
        found = [selector.prettify() for selector in selectors(tree)]
        # Every name in the text was seen in the tree, or the walk above has missed a branch.
        names = {re.split(r"[{\[ ]", selector)[0] for selector in found}
        strings_gone = re.sub(r'"[^"]*"', "", rule["expr"])
        missed = set(re.findall(r"\b[a-z_]*:?feishu_[a-z_:]+", strings_gone)) - names
        if missed:
            sys.exit(f"{path}: the tree lacks {missed}")
        yield {
            "alert": rule.get("alert"),
            "record": rule.get("record"),
            "labels": rule.get("labels", {}),
            "annotations": rule.get("annotations", {}),
            "metrics": sorted(names),
            "selectors": found,
        }


print(json.dumps([rule for path in sys.argv[1:] for rule in rules(path)]))
