#!/usr/bin/env python3
"""Hostile readers against a running exporter: what a scrape and a probe notice of them.

Usage: benches/attacks.py PROGRAM [ARGUMENT...]

Starts PROGRAM, which must print its URL (`examples/serve_series` and `feishu-exporter demo` do), waits
until it is ready and a while longer for something to serve, and prints one line for each attack: the median and the worst latency of a scrape and of a probe, at rest and during the attack,
the failures among them, and the memory and file descriptors of the process at their highest.
"""

import contextlib
import os
import re
import resource
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.request

SECONDS = 8
SETTLE = float(os.environ.get("SETTLE", 0))


def connect(port):
    s = socket.socket()
    s.settimeout(5)
    with contextlib.suppress(OSError):
        s.connect(("127.0.0.1", port))
        return s
    s.close()
    return None


def ask(port, path, method="GET", headers=""):
    """Seconds that a whole answer took; none if there was no 200."""
    began = time.monotonic()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
            s.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n".encode())
            first, data = b"", s.recv(65536)
            while data:
                first = first or data[:12]
                data = s.recv(1 << 20)
            return time.monotonic() - began if first == b"HTTP/1.1 200" else None
    except OSError:
        return None


class Server:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        found = None
        while not found:
            found = re.search(r"http://\S+?:(\d+)", self.process.stdout.readline())
        self.port = int(found.group(1))
        self.top = [0, 0]
        while ask(self.port, "/-/ready") is None:
            time.sleep(0.1)
        time.sleep(SETTLE)

    def look(self):
        status = open(f"/proc/{self.process.pid}/status").read()
        rss = int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024
        fds = len(os.listdir(f"/proc/{self.process.pid}/fd"))
        self.top = [max(self.top[0], rss), max(self.top[1], fds)]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


def measure(server, seconds):
    """Latencies of scrapes and probes in turn, and how many failed."""
    scrapes, probes, failed = [], [], 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for path, kept, headers in (
            ("/metrics", scrapes, "Accept-Encoding: gzip\r\n"),
            ("/-/healthy", probes, ""),
        ):
            took = ask(server.port, path, headers=headers)
            if took is None:
                failed += 1
            else:
                kept.append(took)
        server.look()
        time.sleep(0.05)
    return scrapes, probes, failed


def quiet(port, stop):
    """600 sockets that send a byte a second each."""
    held = [connect(port) for _ in range(600)]
    while not stop.is_set():
        for at, s in enumerate(held):
            try:
                s.send(b"G")
            except (OSError, AttributeError):
                held[at] = connect(port)
            if stop.is_set():
                break
        stop.wait(1)


def unread(path, count):
    def attack(port, stop):
        """Requests whose answers are never read, as many at once."""
        held = []
        while not stop.is_set():
            s = connect(port)
            if s:
                with contextlib.suppress(OSError):
                    s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                held.append(s)
            if len(held) > count:
                held.pop(0).close()
            stop.wait(0.005)
    return attack


def heads(port, stop):
    """32 clients that ask for the length of the page as fast as they can."""
    def client():
        while not stop.is_set():
            ask(port, "/", "HEAD")
    together(32, client)


def slow(port, stop):
    """45 readers of a scrape that take 41 kB a second together."""
    def client():
        while not stop.is_set():
            s = connect(port)
            if not s:
                continue
            with contextlib.suppress(OSError):
                s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
                while not stop.is_set() and s.recv(910):
                    stop.wait(1)
            s.close()
    together(45, client)


def scrapers(port, stop):
    """A thousand clients that scrape, each again when it is answered, with a second between."""
    def client():
        while not stop.is_set():
            ask(port, "/metrics", headers="Accept-Encoding: gzip\r\n")
            stop.wait(1)
    together(1000, client)


def together(count, client):
    threads = [threading.Thread(target=client, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


ATTACKS = [
    ("600 quiet sockets", quiet),
    ("500 unread requests for /", unread("/", 500)),
    ("500 unread scrapes", unread("/metrics", 500)),
    ("32 clients with HEAD /", heads),
    ("45 slow readers, 41 kB/s in all", slow),
    ("1,000 scrapers", scrapers),
]


def millis(values):
    if not values:
        return "none"
    return f"{statistics.median(values) * 1000:.1f} / {max(values) * 1000:.0f}"


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    print("| attack | scrape at rest | scrape during | probe at rest | probe during | failed | MB | files |")
    print("|---|---|---|---|---|---|---|---|")
    for name, attack in ATTACKS:
        server = Server(sys.argv[1:])
        rest = measure(server, 3)
        stop = threading.Event()
        thread = threading.Thread(target=attack, args=(server.port, stop), daemon=True)
        thread.start()
        time.sleep(2)
        during = measure(server, SECONDS)
        stop.set()
        thread.join(15)
        server.stop()
        print(f"| {name} | {millis(rest[0])} | {millis(during[0])} | {millis(rest[1])} | {millis(during[1])} "
              f"| {during[2]} of {during[2] + len(during[0]) + len(during[1])} "
              f"| {server.top[0]:.0f} | {server.top[1]} |", flush=True)


main()
