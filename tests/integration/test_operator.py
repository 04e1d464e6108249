# SPDX-License-Identifier: MIT
"""What the operator sees: cpsctl stat and cpsctl box, through the admin listener."""
# presets: dev asan
import http.server
import json
import os
import threading
import time

from envelope import envelope, envelope_id
from harness import CPSCTL, Case, free_port, run
from wire import until

DEST = "12025550177"


class Canned(http.server.BaseHTTPRequestHandler):
    """An admin listener that says what the test wants."""

    def do_GET(self):
        status, body = self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def metrics(requests, buckets, connections=5):
    """The metrics of a cpsd with this number of publishes that got 201, and their histogram."""
    lines = ["# HELP cpsd_requests_total x", f'cpsd_requests_total{{route="publish",status="201"}} {requests}']
    for bound, count in buckets:
        lines.append(f'cpsd_request_duration_seconds_bucket{{route="publish",le="{bound}"}} {count}')
    lines.append(f'cpsd_request_duration_seconds_count{{route="publish"}} {buckets[-1][1]}')
    return ("\n".join([*lines, f"cpsd_connections_total {connections}"]) + "\n").encode()


class Operator(Case):
    def canned(self, *answers):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Canned)
        server.answers = list(answers)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return "127.0.0.1:%d" % server.server_port

    def ctl(self, *words, status=0):
        return run(CPSCTL, *words, status=status)

    def stat(self, admin, *words):
        return json.loads(self.ctl("stat", "--admin", admin, "--every", "1", "--json", *words).stdout)

    def test_stat_of_a_server(self):
        server = self.cpsd(policy__publish="open")
        admin = "%s:%d" % server.admin
        with server.connect() as connection:
            stop = threading.Event()

            def publish():
                while not stop.is_set():
                    connection.request("POST", f"/cps/{DEST}/ppts", envelope())
                    connection.request("POST", f"/cps/{DEST}/ppts", b"nothing")

            worker = threading.Thread(target=publish)
            worker.start()
            try:
                seen = until(lambda: self.both(self.stat(admin)), 60, "publishes of both kinds in a second")
                row = until(lambda: self.row(self.ctl("stat", "--admin", admin, "--every", "1")), 60, "a row")
            finally:
                stop.set()
                worker.join()
        route = seen["routes"]["publish"]
        self.assertGreater(route["2xx"], 0)
        self.assertGreater(route["4xx"], 0)
        # counters go on while they are read: one request may be in one of them and not yet in the other
        self.assertAlmostEqual(route["per_s"], route["2xx"] + route["4xx"], delta=2.001 / seen["seconds"])
        self.assertGreater(route["p99_ms"], 0)
        self.assertGreaterEqual(route["p99_ms"], route["p50_ms"])
        self.assertGreaterEqual(seen["connections"], 1)
        self.assertGreaterEqual(seen["seconds"], 0.99)
        self.assertEqual(seen["admin"], admin)
        self.assertEqual(len(row), 7)
        server.stop()

    @staticmethod
    def both(seen):
        """A table in which publishes were stored and refused; a busy machine may do neither for a second."""
        route = seen["routes"].get("publish", {"2xx": 0})
        return seen if route["2xx"] and route["4xx"] else None

    @staticmethod
    def row(done):
        """The words of the line of publishes, if there were any."""
        rows = [line.split() for line in done.stdout.decode().splitlines() if line.startswith("publish")]
        return rows[0] if rows and float(rows[0][1]) > 0 else None

    def test_rates_and_percentiles(self):
        """100 requests in a second: half of them within 1 ms, 45 within 2 ms, 5 beyond 4 ms."""
        before = metrics(1000, [("0.001", 500), ("0.002", 900), ("0.004", 1000), ("+Inf", 1000)])
        after = metrics(1100, [("0.001", 550), ("0.002", 995), ("0.004", 1095), ("+Inf", 1100)])
        seen = self.stat(self.canned((200, before), (200, after)))
        route = seen["routes"]["publish"]
        self.assertAlmostEqual(route["per_s"] * seen["seconds"], 100, delta=0.01)
        self.assertAlmostEqual(route["2xx"] * seen["seconds"], 100, delta=0.01)
        self.assertAlmostEqual(route["p50_ms"], 1, delta=0.001)
        self.assertAlmostEqual(route["p99_ms"], 4, delta=0.001)

    def test_idle(self):
        text = metrics(1, [("0.001", 1), ("+Inf", 1)])
        route = self.stat(self.canned((200, text)))["routes"]["publish"]
        self.assertEqual(set(route.values()), {0})

    def test_several_tables(self):
        admin = self.canned((200, metrics(1, [("+Inf", 1)])))
        start = time.monotonic()
        done = self.ctl("stat", "--admin", admin, "--every", "1", "--count", "2", "--json")
        self.assertGreaterEqual(time.monotonic() - start, 2)
        first, second = done.stdout.decode().split("}\n{")
        self.assertEqual([json.loads(first + "}")["admin"], json.loads("{" + second)["admin"]], [admin, admin])

    def test_not_a_cpsd(self):
        hostile = [b"", b"<html>", b"\0" * 1000, b"cpsd_connections_total", b"cpsd_connections_total ", b"{" * 10000,
                   b"cpsd_connections_total 1e999\n", b"cpsd_connections_total{ 5\n", b"x" * 200 + b" 1\n",
                   b"cpsd_connections_total nan\n", b"cpsd_connections_total 0x\n", b"} 5\n" * 1000]  # fmt: skip
        for body in hostile:
            with self.subTest(body[:40]):
                done = self.ctl("stat", "--admin", self.canned((200, body)), "--every", "1", status=4)
                self.assertIn(b"has no metrics of cpsd or cps-smpp", done.stderr)
        good = metrics(1, [("+Inf", 1)])
        seen = self.stat(self.canned((200, good), (200, good + b'cpsd_requests_total{route="' + b"x" * 5000 + b'"} 1\n')))
        self.assertEqual(list(seen["routes"]), ["publish"])

    def test_nobody_there(self):
        port = free_port()
        for command in (["stat"], ["box", DEST]):
            done = self.ctl(*command, "--admin", f"127.0.0.1:{port}", status=3)
            self.assertIn(f"127.0.0.1:{port}".encode(), done.stderr)
            self.assertIn(b"in [admin] of a running", done.stderr)
            self.assertEqual(done.stderr.count(b"\n"), 1)
        self.ctl("stat", "--admin", "unix:/nowhere/at/all", status=3)
        done = self.ctl("stat", "--admin", self.canned((503, b'{"title":"a","detail":"come later"}')), status=4)
        self.assertIn(b"503: come later", done.stderr)

    def test_box(self):
        socket = os.path.join(self.temp(), "admin.sock")
        server = self.cpsd(policy__publish="open", dummies__mode="steady")
        real = [envelope() for _ in range(3)]
        for one in real:
            self.assertEqual(server.publish(DEST, one, "?ttl=100").status, 201)
        admin = "%s:%d" % server.admin
        box = json.loads(self.ctl("box", "+1 (202) 555-0177", "--admin", admin, "--json").stdout)
        self.assertEqual([one["id"] for one in box["envelopes"]], [envelope_id(one) for one in real])
        self.assertEqual([one["octets"] for one in box["envelopes"]], [len(one) for one in real])
        for one in box["envelopes"]:
            self.assertAlmostEqual(one["expires_us"] - one["arrived_us"], 100 * 10**6, delta=1000)
            self.assertLess(abs(one["arrived_us"] / 1e6 - time.time()), 60)
        self.assertEqual((box["octets"], box["more"]), (sum(map(len, real)), False))
        lines = self.ctl("box", DEST, "--admin", admin).stdout.decode().splitlines()
        self.assertEqual(len(lines), 5)
        self.assertTrue(lines[1].startswith(envelope_id(real[0])))
        self.assertEqual(lines[4], f"3 envelopes, {box['octets']} octets")
        self.assertEqual(self.ctl("box", "12025550178", "--admin", admin).stdout, b"0 envelopes, 0 octets\n")
        self.assertIn(b"telephone number", self.ctl("box", "not a number", "--admin", admin, status=4).stderr)
        self.assertIn(b"DEST is missing", self.ctl("box", "--admin", admin, status=2).stderr)
        # for the operator alone
        self.assertEqual(server.request("GET", f"/boxes/{DEST}").status, 404)
        server.stop()
        other = self.cpsd(name="unix", admin__listen=f"unix:{socket}", server__listen="127.0.0.1:0")
        self.assertEqual(self.ctl("box", DEST, "--admin", f"unix:{socket}").stdout, b"0 envelopes, 0 octets\n")
        other.stop()
