"""Runs every query and variable of the dashboards against a running Prometheus, as Grafana would.

    queries.py PROMETHEUS_URL [options] FILE…

Fails on an error, on a query without data, on a variable without values, on a variable that is not
declared, and on a legend label that some series lacks. What each query gave is printed as JSON.
Panels are named as `uid/title`.
"""

import argparse
import json
import re
import sys
import time
import urllib.parse
import urllib.request

DAY = 86400
SPANS = {"m": 60, "h": 3600, "d": DAY}
POINTS = 1000
# No proxy of the environment is asked for what is on loopback.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Prometheus:
    def __init__(self, url, at):
        self.url, self.at = url, at

    def get(self, path, **parameters):
        body = urllib.parse.urlencode(parameters, doseq=True).encode()
        try:
            with OPENER.open(f"{self.url}/api/v1/{path}", body) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(json.load(error)["error"]) from None

    def instant(self, query):
        return self.get("query", query=query, time=self.at)["result"]

    def range(self, query, span, step, zone):
        """Days begin at midnight of the zone, as Grafana aligns them; shorter steps end now."""
        end = (self.at + zone) // DAY * DAY - zone if step >= DAY else self.at
        start = end - span // step * step
        return self.get("query_range", query=query, start=start, end=end, step=step)["result"]

    def label_values(self, label, selector, span):
        query = urllib.parse.urlencode({"match[]": selector, "start": self.at - span, "end": self.at})
        with OPENER.open(f"{self.url}/api/v1/label/{label}/values?{query}") as answer:
            return json.load(answer)["data"]


def seconds(text):
    number, unit = re.fullmatch(r"(?:now-)?(\d+)([mhd])", text).groups()
    return int(number) * SPANS[unit]


def escaped(value):
    """As Grafana escapes a value for a regular expression within a string of PromQL."""
    return re.sub(r"[\\^$*+?.()|\[\]{}]", lambda found: "\\\\" + found[0], value)


def fill(text, values):
    """Puts in the variables."""
    def value(found):
        name = found["braced"] or found["plain"]
        if name.isdigit():  # the groups of label_replace
            return found[0]
        if name not in values:
            raise ValueError(f"the variable {name} is not declared")
        return values[name]

    return re.sub(r"\$\{(?P<braced>\w+)\}|\$(?P<plain>\w+)", value, text)


def chosen(prometheus, variable, values, span):
    """What a variable holds when the dashboard is opened, and how many values it offers."""
    kind, query = variable["type"], variable["query"]
    if kind == "datasource":
        return query, 1
    if kind == "custom":
        return str(variable["current"]["value"]), len(variable["options"])
    text = query["query"]
    if listed := re.fullmatch(r"label_values\((.*),\s*(\w+)\)", text):
        options = prometheus.label_values(listed[2], fill(listed[1], values), span)
    else:
        expression = re.fullmatch(r"query_result\((.*)\)", text)[1]
        pattern = re.compile(variable["regex"].strip("/").replace("(?<", "(?P<"))
        options = []
        for result in prometheus.instant(fill(expression, values)):
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(result["metric"].items()))
            found = pattern.search("{" + labels + "} " + result["value"][1])
            value = found and found.groupdict().get("value", found[1])
            if value not in result["metric"].values():
                raise ValueError(f"the expression of the variable does not read {labels}")
            options.append((found.groupdict().get("text", value).lower(), value))
        options = [value for _, value in sorted(options)]
    if not options:
        raise ValueError("no values")
    if variable.get("current", {}).get("value") == ["$__all"]:
        every = f"({'|'.join(map(escaped, options))})"
        return variable.get("allValue", every), len(options)
    first = variable.get("current", {}).get("value") or options[0]
    if first not in options:
        raise ValueError(f"{first} is not among the values")
    return (f"({escaped(first)})" if variable["multi"] else first), len(options)


def span_of(dashboard, panel):
    return seconds(panel.get("timeFrom") or dashboard["time"]["from"])


def run(prometheus, dashboard, panel, target, values, zone):
    least = seconds(target["interval"]) if "interval" in target else 15
    expression = fill(target["expr"], values | {"__rate_interval": f"{4 * least}s"})
    if target["instant"]:
        return prometheus.instant(expression)
    span = span_of(dashboard, panel)
    shortest = seconds(panel["interval"]) if "interval" in panel else 1
    return prometheus.range(expression, span, max(shortest, least, span // POINTS), zone)


def missing_labels(target, results):
    """Labels that the legend shows and some series lacks."""
    shown = set(re.findall(r"\{\{\s*(\w+)\s*\}\}", target.get("legendFormat", "")))
    return sorted({label for label in shown for result in results if label not in result["metric"]})


def unmerged(panel, results_of):
    """Labels on which Grafana's transformation *merge* would refuse to join the rows of a table.

    It joins rows that have the same values in all columns that both have, __name__ included.
    """
    if panel["type"] != "table" or len(results_of) < 2:
        return set()
    sets = [set().union(*(result["metric"] for result in results)) for results in results_of if results]
    some, every = set().union(*sets), set.intersection(*sets) if sets else set()
    several = {label for label in some if sum(label in labels for labels in sets) > 1}
    return (several - every) | ({"__name__"} & some)


def panels(dashboard):
    """Those of collapsed rows, too."""
    for panel in dashboard["panels"]:
        yield from panel["panels"] if panel["type"] == "row" else [panel]


def check(prometheus, dashboard, given):
    """What each query gave, and what is wrong."""
    uid, values, report, wrong = dashboard["uid"], {}, [], []
    span = seconds(dashboard["time"]["from"])
    for variable in dashboard["templating"]["list"]:
        try:
            values[variable["name"]], number = chosen(prometheus, variable, values, span)
            report.append({"id": f"{uid}/${variable['name']}", "series": number})
        except ValueError as error:
            values[variable["name"]] = ".*"
            wrong.append(f"{uid}/${variable['name']}: {error}")
        # What others are asked with.
        values |= (setting.split("=", 1) for setting in given.set)
    for panel in panels(dashboard):
        place = f"{uid}/{panel['title']}"
        if place in given.skip or (given.only and place not in given.only):
            continue
        results_of = []
        for target in panel.get("targets", []):
            name = f"{place}/{target['refId']}"
            began = time.monotonic()
            try:
                results = run(prometheus, dashboard, panel, target, values, given.zone)
            except ValueError as error:
                wrong.append(f"{name}: {error}\n  {target['expr']}")
                continue
            took = time.monotonic() - began
            points = [len(result.get("values", [0])) for result in results]
            report.append(
                {
                    "id": name,
                    "series": len(results),
                    "points": max(points, default=0),
                    "seconds": round(took, 3),
                    "results": results,
                }
            )
            expected = place in given.empty or name in given.empty
            if expected != (not results) and not given.sparse:
                wrong.append(
                    f"{name}: {'no data' if not results else 'data, but all is well'}\n  {target['expr']}"
                )
            results_of.append(results)
            if lacking := missing_labels(target, results):
                wrong.append(f"{name}: the legend shows {', '.join(lacking)}, which a series lacks")
        if apart := unmerged(panel, results_of):
            wrong.append(f"{place}: rows stay apart because of {', '.join(sorted(apart))}")
    return report, wrong


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("url")
    arguments.add_argument("files", nargs="+")
    arguments.add_argument("--empty", nargs="*", default=[], metavar="PANEL|QUERY", help="must have no data")
    arguments.add_argument("--sparse", action="store_true", help="queries may or may not have data")
    arguments.add_argument("--skip", nargs="*", default=[], metavar="PANEL", help="are not looked at")
    arguments.add_argument("--only", nargs="*", default=[], metavar="PANEL", help="alone are looked at")
    arguments.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="variables")
    arguments.add_argument("--zone", default=8 * 3600, type=int, help="of Grafana, in seconds from UTC")
    arguments.add_argument("--at", default=time.time(), type=float, help="Unix time instead of now")
    given = arguments.parse_args()
    prometheus = Prometheus(given.url, given.at)
    report, wrong = [], []
    for file in given.files:
        with open(file, encoding="utf-8") as opened:
            more = check(prometheus, json.load(opened), given)
        report += more[0]
        wrong += more[1]
    json.dump(report, sys.stdout, ensure_ascii=False)
    if wrong:
        sys.exit("\n".join(wrong))


main()
