#!/usr/bin/env python3
"""Stands before a receiver of remote write and turns the first five requests away twice each.

usage: throttle.py PORT RECEIVER      listens on loopback; RECEIVER is the URL that the rest goes to

Every other refusal says how long to wait. `GET /` tells how many were refused and passed on.
"""

import http.server
import sys
import urllib.error
import urllib.request

refused = passed = 0


class Throttle(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer(200, f"{refused} refused, {passed} passed on\n".encode())

    def do_POST(self) -> None:
        global refused, passed
        body = self.rfile.read(int(self.headers["content-length"]))
        if refused < 2 * min(passed + 1, 5):
            refused += 1
            headers = {"retry-after": "1"} if refused % 2 else {}
            return self.answer(429, b"slow down\n", headers)
        kept = ("content-type", "content-encoding", "x-prometheus-remote-write-version")
        headers = {name: self.headers[name] for name in kept if name in self.headers}
        try:
            with urllib.request.urlopen(urllib.request.Request(sys.argv[2], body, headers)) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        passed += 1
        self.answer(status, text)

    def answer(self, status: int, body: bytes, headers: dict[str, str] = {}) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if status != 204:
            self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        pass


http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Throttle).serve_forever()
