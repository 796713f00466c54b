"""Compares the past that an engine answers with what the simulator says, sample by sample.

usage: truth.py SIMULATOR EXPORTER ENGINE LABELS FROM TO

SIMULATOR, EXPORTER, ENGINE are URLs; ENGINE has Prometheus' API. LABELS are those that the past was
written with, such as job="past". The simulator is asked over the API by this script's own client;
which field is which metric is read from the HELP lines of the exporter.

Every figure of every department and day must be there once, at the moment at which the day was
ready, with its value; nothing else may be.
"""

import datetime
import json
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

READY = datetime.time(9, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=8)))


def get(url: str, **query: str) -> dict:
    with urllib.request.urlopen(f"{url}?{urllib.parse.urlencode(query)}") as answer:
        return json.load(answer)


def patiently(request: urllib.request.Request) -> bytes:
    """The simulator limits requests by the minute, as Feishu does."""
    while True:
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            if error.code != 429:
                raise
            time.sleep(float(error.headers.get("x-ogw-ratelimit-reset", 1)))


class Api:
    def __init__(self, url: str) -> None:
        self.url = url
        body = json.dumps({"app_id": "cli_demo", "app_secret": "demo-secret"}).encode()
        request = urllib.request.Request(
            f"{url}/open-apis/auth/v3/tenant_access_token/internal",
            body,
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            self.token = json.load(answer)["tenant_access_token"]

    def rows(self, department: str, start: str, end: str) -> list[dict]:
        rows, page = [], ""
        while page is not None:
            query = {
                "department_id_type": "open_department_id",
                "start_date": start,
                "end_date": end,
                "department_id": department,
                "contains_child_dept": "false",
                "page_size": "20",
            } | ({"page_token": page} if page else {})
            request = urllib.request.Request(
                f"{self.url}/open-apis/admin/v1/admin_dept_stats?{urllib.parse.urlencode(query)}",
                headers={"authorization": f"Bearer {self.token}"},
            )
            data = json.loads(patiently(request))["data"]
            rows += data.get("items", [])
            page = data["page_token"] if data.get("has_more") else None
        return rows


def figures(exporter: str) -> dict[str, tuple[str, str]]:
    """Field of the API to metric and unit, as the exporter says."""
    with urllib.request.urlopen(f"{exporter}/metrics") as answer:
        text = answer.read().decode()
    found = {}
    for metric, words in re.findall(r"^# HELP (feishu_department_\w+) (.*)$", text, re.M):
        if field := re.search(r"Feishu field (\w+) of", words):
            found[field[1]] = metric
    return found


def expected(value: object, metric: str) -> set[float]:
    number = float(str(value).rstrip("%"))
    if metric.endswith("_seconds"):
        return {number * 60}
    if metric.endswith("_ratio"):
        return {number, number / 100}
    return {number}


def main() -> None:
    simulator, exporter, engine, labels, start, end = sys.argv[1:]
    api, names = Api(simulator), figures(exporter)
    if len(names) < 38:
        sys.exit(f"only {len(names)} figures name their field: {sorted(names)}")
    listed = get(f"{simulator}/_simulator/")["departments"]
    departments = [d["open_department_id"] for d in listed if 0 < d["depth"] <= 4]
    truth: dict[tuple[str, str, int], set[float]] = {}
    for department in departments:
        for row in api.rows(department, start, end):
            day = datetime.date.fromisoformat(row["date"]) + datetime.timedelta(days=1)
            moment = int(datetime.datetime.combine(day, READY).timestamp())
            for field, metric in names.items():
                if row.get(field) not in (None, ""):
                    truth[metric, department, moment] = expected(row[field], metric)
    compared, wrong, seen = 0, [], set()
    for metric in names.values():
        query = f'{metric}{{{labels},product_version="all"}}[100d]'
        for series in get(f"{engine}/api/v1/query", query=query)["data"]["result"]:
            department = series["metric"]["department_id"]
            for moment, value in series["values"]:
                key = metric, department, int(moment)
                compared += 1
                if key in seen:
                    wrong.append(f"{key}: twice")
                seen.add(key)
                if not any(abs(float(value) - t) <= 1e-9 * max(1, abs(t)) for t in truth.get(key, ())):
                    wrong.append(f"{key}: {value}, not {truth.get(key)}")
    wrong += [f"{key}: missing" for key in truth.keys() - seen]
    if wrong or not compared:
        sys.exit(f"{len(wrong)} of {len(truth)} samples differ:\n" + "\n".join(map(str, wrong[:10])))
    print(f"{compared} samples of {len(departments)} departments are the simulator's")


main()
