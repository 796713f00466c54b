#!/usr/bin/env python3
"""The real exporter beside what else could serve the same series.

Usage: benches/compare.py [--series N,N,...] [--rounds N] [--collections N] [--profile dist|release]
                          [--before BINARY] [--json FILE]

For each size it lets the exporter collect a simulated company, and prints
- what the collection takes: CPU, and bytes of memory for each series, at rest and at the peak of a
  change of day, above those of an exporter with one department;
- what a scrape takes (time and CPU, plain, gzip, HEAD, sixteen at once), alternating with nginx
  (the same bytes as static files), with a server of the `prometheus` crate that renders at each
  scrape (`examples/plain_prometheus`) and with a Python script of `prometheus_client`, the usual
  in-house exporter;
- how often the process wakes up when it has nothing to do.

With `--before`, another build of the exporter collects the same companies, in turn with this one.
Figures are medians, with the smallest and the largest; what was measured once has no spread.

Needs nginx, curl and wrk; the Python script needs `prometheus_client` in the Python that runs
this. What is missing is left out. Everything listens on free ports of loopback; only what was
started here is ended. Linux only: it reads /proc.
"""

import argparse
import concurrent.futures
import contextlib
import datetime
import gzip
import http.client
import importlib.util
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
# Series of a department with all that is on by default: 38 figures in four versions and the rest.
SERIES_PER_DEPARTMENT = 215
DEPARTMENTS_MAX = 5000
# Of the collection; the exporter takes no more, and nobody waits longer than that needs.
REQUESTS_PER_SECOND = 100
# Nothing was done for so long: the process is at rest.
REST = 3.0
# What takes longer than this is given up.
WAIT = 3600
PEERS_MAX = {"python script": 100_000}


class Process:
    """A child process whose CPU and memory are read from /proc."""

    def __init__(self, command, log, **options):
        self.log = open(log, "w")
        self.child = subprocess.Popen(command, stderr=self.log, text=True, **options)
        self.pid = self.child.pid

    def line(self):
        return self.child.stdout.readline().strip()

    def family(self):
        """Itself and its children: nginx works in those."""
        pids, new = [], [self.pid]
        while new:
            pids += new
            children = []
            for pid in new:
                for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                    with contextlib.suppress(OSError):
                        children += (task / "children").read_text().split()
            new = [int(child) for child in children]
        return pids

    def cpu(self):
        """Seconds of CPU so far, of all its threads."""
        total = 0
        for pid in self.family():
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(OSError):
                    total += int((task / "schedstat").read_text().split()[0])
        # Threads that ended are in no task any more.
        return total / 1e9

    def ticks(self):
        """As `cpu`, with ended threads, in steps of 10 ms."""
        total = 0
        for pid in self.family():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / os.sysconf("SC_CLK_TCK")

    def status(self, key):
        """A number of /proc/PID/status, in its unit."""
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"^{key}:\s+(\d+)", text, re.M).group(1))

    def rss(self):
        return self.status("VmRSS") * 1024

    def peak(self):
        return self.status("VmHWM") * 1024

    def forget_peak(self):
        pathlib.Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def wakeups(self):
        total = 0
        for task in pathlib.Path(f"/proc/{self.pid}/task").iterdir():
            text = (task / "status").read_text()
            total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.M).group(1))
        return total

    def rest(self, seconds=REST, work=0.03):
        """Waits until it does nothing; tells when it began to."""
        since, at = self.ticks(), time.monotonic()
        while time.monotonic() - at < seconds:
            time.sleep(0.2)
            now = self.ticks()
            if now - since > work:
                since, at = now, time.monotonic()
        return at

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(30)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.log.close()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def program(name, profile):
    return str(TARGET / profile / name)


def build(profile):
    packages = ["-p", "feishu-exporter", "-p", "feishu-simulator"]
    subprocess.run(["cargo", "build", "--profile", profile, *packages, "--bins", "--examples"], cwd=ROOT, check=True)


def zone():
    """A zone in which it is between 10 and 11 now, so that yesterday's figures are due and those
    of the simulator, which lives in China, are there."""
    now = datetime.datetime.now(datetime.timezone.utc)
    hours = 10 - now.hour
    if hours < -12:
        hours += 24
    return f"{'-' if hours < 0 else '+'}{abs(hours):02}:00"


class Simulator(Process):
    def __init__(self, arguments, work, profile):
        command = [program("examples/fast", profile), *map(str, arguments)]
        super().__init__(command, work / "simulator.log", stdout=subprocess.PIPE)
        self.url = self.line()

    def control(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_simulator/{path}", data, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read())

    def hide_newest_day(self):
        self.control("POST", "faults", {"kind": {"late_day": {}}})

    def show_newest_day(self):
        self.control("DELETE", "faults")


def knows(binary, key):
    """Whether the exporter has that key: an older one refuses what it does not know."""
    return key.encode() in pathlib.Path(binary).read_bytes()


class Exporter(Process):
    """The real binary, `serve`, on a configuration of its own."""

    def __init__(self, binary, work, simulator, more, storage):
        port = free_port()
        limits = f"requests_per_second: {REQUESTS_PER_SECOND}, concurrency: 16"
        if knows(binary, "requests_per_minute"):
            limits += ", requests_per_minute: 60000"
        config = work / f"config-{port}.yml"
        config.write_text(
            "tenants:\n"
            "  - name: acme\n"
            f"    base_url: {simulator.url}\n"
            "    app_id: cli_demo\n"
            "    app_secret: demo-secret\n"
            f'    statistics_time_zone: "{zone()}"\n'
            f"    limits: {{{limits}}}\n"
            + more
        )
        super().__init__(
            [
                binary,
                "serve",
                f"--config.file={config}",
                f"--web.listen-address=127.0.0.1:{port}",
                f"--storage.path={storage}",
            ],
            work / f"exporter-{port}.log",
        )
        self.port = port
        self.url = f"http://127.0.0.1:{port}/metrics"
        until(lambda: fetch(port, "/-/ready")[0] == 200, 600)


    def own(self, name, **labels):
        """The value of one of its own metrics, which are compressed by themselves at the end."""
        status, _, body = fetch(self.port, "/metrics", headers={"Accept-Encoding": "gzip"})
        if status != 200:
            return 0.0
        # Behind the last mark of an end of a part, or behind gzip's own head.
        mark = body.rfind(b"\0\0\xff\xff")
        tail = zlib.decompressobj(-zlib.MAX_WBITS).decompress(body[mark + 4 if mark > 0 else 10 :])
        for line in tail.decode().splitlines():
            if line.startswith(f"{name}{{") and all(f'{k}="{v}"' in line for k, v in labels.items()):
                return float(line.rsplit(" ", 1)[1])
        return 0.0

    def serves(self, departments, state):
        """Whether so many departments serve that, the root not counted."""
        return self.own("feishu_exporter_departments", state=state) >= departments

    def has_past(self):
        return self.own("feishu_exporter_last_success_timestamp_seconds", source="baselines") > 0


def until(is_so, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if is_so():
                return
        time.sleep(0.5)
    raise SystemExit("compare: gave up waiting")


def fetch(port, path, method="GET", headers=None):
    """Status, headers and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    connection.request(method, path, headers=headers or {})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers, body


BUFFER = bytearray(1 << 20)


def scrape(port, encoding, method="GET"):
    """Seconds until the whole answer was there, and its bytes."""
    began = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), timeout=300) as s:
        s.sendall(
            f"{method} /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: text/plain\r\n"
            f"Accept-Encoding: {encoding}\r\n\r\n".encode()
        )
        total = s.recv_into(BUFFER)
        if not BUFFER.startswith(b"HTTP/1.1 200") and not BUFFER.startswith(b"HTTP/1.0 200"):
            raise SystemExit(f"compare: {bytes(BUFFER[:200])!r}")
        while got := s.recv_into(BUFFER):
            total += got
    return time.perf_counter() - began, total


def series_in(plain):
    return sum(1 for line in plain.splitlines() if line and not line.startswith(b"#"))


class Peers:
    """The servers that are compared, by name."""

    def __init__(self, exporters, work, profile, series):
        self.stack = contextlib.ExitStack()
        self.servers = {name: (exporter, exporter.port) for name, exporter in exporters.items()}
        exporter = exporters["exporter"]
        root = work / "root"
        root.mkdir(exist_ok=True)
        _, _, plain = fetch(exporter.port, "/metrics")
        _, headers, zipped = fetch(exporter.port, "/metrics", headers={"Accept-Encoding": "gzip"})
        assert headers["Content-Encoding"] == "gzip"
        (root / "metrics").write_bytes(plain)
        (root / "metrics.gz").write_bytes(zipped)
        self.plain, self.zipped, self.series = len(plain), len(zipped), series_in(plain)
        del plain, zipped
        if shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin"):
            self.add("nginx", *self.nginx(work, root))
        naive = program("examples/plain_prometheus", profile)
        if os.path.exists(naive):
            process = Process([naive, str(root / "metrics")], work / "naive.log", stdout=subprocess.PIPE)
            port = int(process.line())
            self.add("prometheus crate", process, port)
        if importlib.util.find_spec("prometheus_client") and series <= PEERS_MAX["python script"]:
            port = free_port()
            script = ROOT / "benches" / "plain_script.py"
            process = Process([sys.executable, script, root / "metrics", str(port)], work / "python.log")
            self.add("python script", process, port)

    def add(self, name, process, port):
        self.stack.callback(process.stop)
        until(lambda: scrape(port, "identity"), 120)
        self.servers[name] = (process, port)

    @staticmethod
    def nginx(work, root):
        port = free_port()
        work.chmod(0o755)
        paths = "".join(
            f"{kind}_temp_path {work}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (work / "nginx.conf").write_text(
            f"daemon off; worker_processes auto; pid {work}/nginx.pid; error_log {work}/nginx.log;"
            "events { worker_connections 1024; }"
            f"http {{ access_log off; sendfile on; tcp_nopush on; {paths}"
            'default_type "text/plain; version=0.0.4; charset=utf-8";'
            f"server {{ listen 127.0.0.1:{port} backlog=1024; root {root}; gzip_static on; }} }}"
        )
        binary = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        command = [binary, "-c", str(work / "nginx.conf"), "-e", str(work / "nginx.log")]
        return Process(command, work / "nginx.out"), port

    def stop(self):
        self.stack.close()


def compare(peers, rounds, measure, without=()):
    """Alternates over the servers, so that a busy moment hits all: of each, value and CPU."""
    results = {name: [] for name in peers.servers if name not in without}
    for _ in range(rounds):
        for name in results:
            process, port = peers.servers[name]
            before = process.cpu()
            value = measure(port)
            results[name].append((value, process.cpu() - before))
    return results


def sixteen(port, encoding, seconds=2):
    """Scrapes a second over 16 connections."""
    out = subprocess.run(
        ["wrk", "-t1", "-c16", f"-d{seconds}s", "--timeout", "60s", "-H", f"Accept-Encoding: {encoding}",
         f"http://127.0.0.1:{port}/metrics"],
        capture_output=True, text=True, check=True,
    ).stdout
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))


def burst(port, encoding):
    """Scrapes a second of sixteen at once, each of its own, until all are done."""
    began = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        command = ["curl", "-sS", "-o", "/dev/null", "-H", f"Accept-Encoding: {encoding}",
                   f"http://127.0.0.1:{port}/metrics"]
        list(pool.map(lambda _: subprocess.run(command, check=True), range(16)))
    return 16 / (time.perf_counter() - began)


class Table:
    """Figures by what they are and whose, with all that was measured of each."""

    def __init__(self):
        self.rows = {}

    def note(self, departments, what, whose, value, unit):
        self.rows.setdefault((departments, what, whose), (unit, []))[1].append(value)

    def servers(self, departments, what, unit, results, index=0, factor=1000.0):
        for name, values in results.items():
            for value in values:
                self.note(departments, what, name, value[index] * factor, unit)

    def say(self, departments):
        """Prints what was measured with so many departments."""
        middle = {key: statistics.median(values) for key, (_, values) in self.rows.items()}
        for (size, what, whose), (unit, values) in self.rows.items():
            if size != departments:
                continue
            digits = 0 if max(values) >= 100 else 2
            spread = "" if len(values) == 1 else f" ({min(values):,.{digits}f} to {max(values):,.{digits}f}, {len(values)} times)"
            nginx = middle.get((size, what, "nginx"))
            ratio = f"{middle[size, what, whose] / nginx:.2f} of nginx" if nginx and whose != "nginx" else ""
            print(f"| {departments:,} | {what} | {whose} | {middle[size, what, whose]:,.{digits}f} {unit}{spread} | {ratio} |", flush=True)


def idle(name, binary, profile, work, table, seconds):
    """An exporter with one department: its memory, and how often it wakes up."""
    simulator = Simulator([1], work, profile)
    department = simulator.control("GET", "")["departments"][1]["open_department_id"]
    exporter = Exporter(binary, work, simulator, f"    departments: [{department}]\n", work / f"idle-{name}")
    try:
        exporter.rest(20)
        rss = exporter.rss()
        before = exporter.wakeups()
        time.sleep(seconds)
        table.note(1, "memory at rest", name, rss / 1e6, "MB")
        table.note(1, "of it not of the file", name, exporter.status("RssAnon") / 1e3, "MB")
        table.note(1, "most memory", name, exporter.peak() / 1e6, "MB")
        table.note(1, "voluntary switches a minute", name, (exporter.wakeups() - before) * 60 / seconds, "")
        return rss
    finally:
        exporter.stop()
        simulator.stop()


def statistics_departments(simulator):
    """How many departments the statistics reach: four levels below the root."""
    return sum(1 for department in simulator.control("GET", "")["departments"] if 0 < department["depth"] <= 4)


def collect(name, binary, profile, work, departments, base, table):
    """Collects a company, its past, and a new day; gives the exporter at rest, its simulator and
    how many series it has."""
    storage = work / f"data-{departments}-{name}"
    shutil.rmtree(storage, ignore_errors=True)
    simulator = Simulator([departments], work, profile)
    simulator.hide_newest_day()
    found = "    discovery: {enabled: true}\n"
    # Of a late day; between two looks it is at rest.
    often = "interval: 20s"

    def note(what, value, unit):
        table.note(departments, what, name, value, unit)

    def start(collection):
        return Exporter(binary, work, simulator, f"{found}    collection: {{{collection}}}\n", storage)

    exporter = start(f"{often}, baseline_weeks: 0")
    until(lambda: exporter.serves(statistics_departments(simulator), "with_data"), WAIT)
    exporter.rest()
    note("CPU of the first collection", exporter.ticks(), "s")
    exporter.stop()
    exporter = start(often)
    until(exporter.has_past, WAIT)
    exporter.rest(5)
    note("CPU of the past and what follows from it", exporter.ticks(), "s")
    exporter.stop()
    exporter = start(often)
    exporter.rest(10)
    _, _, plain = fetch(exporter.port, "/metrics")
    series = series_in(plain)
    del plain
    exporter.rest()
    note("series", series, "")
    note("CPU of a start from the store", exporter.ticks(), "s")
    note("memory at rest, above idle", (exporter.rss() - base) / series, "B/series")
    note("memory at rest", exporter.rss() / 1e6, "MB")
    try:
        change(exporter, simulator, base, series, note)
    except BaseException:
        exporter.stop()
        simulator.stop()
        raise
    return exporter, simulator, series


def change(exporter, simulator, base, series, note):
    """A new day: what it takes until it is served whole, and what a scrape takes meanwhile."""
    at_rest = [scrape(exporter.port, "gzip")[0] for _ in range(11)]
    exporter.forget_peak()
    cpu = exporter.ticks()
    simulator.show_newest_day()
    during, began = [], time.monotonic()
    departments = statistics_departments(simulator)
    while not exporter.serves(departments, "latest"):
        during += [scrape(exporter.port, "gzip")[0] for _ in range(3)]
        time.sleep(0.3)
    note("time from the new day until all serve it", time.monotonic() - began, "s")
    note("CPU until then", exporter.ticks() - cpu, "s")
    exporter.rest(10)
    note("CPU of the change of day, with what is judged of it", exporter.ticks() - cpu, "s")
    note("memory at the peak of the change, above idle", (exporter.peak() - base) / series, "B/series")
    exporter.rest(10)
    note("memory at rest after it, above idle", (exporter.rss() - base) / series, "B/series")
    note("gzip scrape at rest", statistics.median(at_rest) * 1000, "ms")
    note("gzip scrape during the change", statistics.median(during) * 1000, "ms")


def serve(exporters, work, profile, departments, series, rounds, table):
    peers = Peers(exporters, work, profile, series)
    try:
        table.note(departments, "bytes, plain", "exporter", peers.plain, "")
        table.note(departments, "bytes, gzip", "exporter", peers.zipped, "")
        for what, encoding, method in (("plain", "identity", "GET"), ("gzip", "gzip", "GET"), ("HEAD", "gzip", "HEAD")):
            # The server of Python's client knows no HEAD.
            without = PEERS_MAX if method == "HEAD" else ()
            results = compare(peers, rounds, lambda port: scrape(port, encoding, method)[0], without)
            table.servers(departments, f"scrape {what}", "ms", results)
            table.servers(departments, f"CPU of a scrape {what}", "ms", results, index=1)
        many = sixteen if shutil.which("wrk") and series <= 200_000 else burst
        for what in ("identity", "gzip"):
            results = compare(peers, max(5, rounds // 3), lambda port: many(port, what))
            table.servers(departments, f"sixteen at once, {what}", "scrapes/s", results, factor=1.0)
    finally:
        peers.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", default="10000,100000,1000000")
    parser.add_argument("--rounds", type=int, default=15, help="scrapes of each server, in turn")
    parser.add_argument("--collections", type=int, default=1, help="collections of each exporter, in turn")
    parser.add_argument("--profile", default="dist")
    parser.add_argument("--exporter", help="a binary of the exporter; nothing is built then")
    parser.add_argument("--before", help="another binary of the exporter, to be compared with")
    parser.add_argument("--idle-seconds", type=float, default=60)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    if not options.exporter:
        build(options.profile)
    binaries = {"exporter": options.exporter or program("feishu-exporter", options.profile)}
    if options.before:
        binaries["before"] = options.before
    table = Table()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {datetime.date.today()}, {binaries}\n")
    print("| departments | what | of | result | |\n|--:|---|---|---|---|")
    with tempfile.TemporaryDirectory() as directory:
        work = pathlib.Path(directory)
        base = {
            name: idle(name, binary, options.profile, work, table, options.idle_seconds)
            for name, binary in binaries.items()
        }
        table.say(1)
        for size in map(int, options.series.split(",")):
            departments = min(max(size // SERIES_PER_DEPARTMENT, 1), DEPARTMENTS_MAX)
            exporters = {}
            with contextlib.ExitStack() as running:
                for again in range(options.collections):
                    for name, binary in binaries.items():
                        exporter, simulator, series = collect(
                            name, binary, options.profile, work, departments, base[name], table
                        )
                        if again + 1 == options.collections:
                            exporters[name] = exporter
                            running.callback(exporter.stop)
                            running.callback(simulator.stop)
                        else:
                            exporter.stop()
                            simulator.stop()
                serve(exporters, work, options.profile, departments, series, options.rounds, table)
            table.say(departments)
    if options.json:
        rows = [
            {"departments": size, "what": what, "of": whose, "unit": unit, "values": values}
            for (size, what, whose), (unit, values) in table.rows.items()
        ]
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
