# SPDX-License-Identifier: MIT
"""Clients that read slowly or not at all, that shut their side down, and a server that has no descriptors left."""
# presets: dev asan
import contextlib
import os
import resource
import select
import socket
import time

from envelope import envelope
from harness import SLOW, Case
from wire import Wire, request, until

BOX = "/cps/12025550100/ppts"
LIST = request("GET", BOX, fields={"Accept": "application/json", "Connection": "close"})


class Plain(Wire):
    """A connection through a unix socket, as HAProxy makes it."""

    def __init__(self, path, receive_buffer=None):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(path)
        self.buffer = b""


class SlowClients(Case):
    def big_box(self, count=180, **keys):
        """A server with one box whose JSON list is about a megabyte."""
        self.path = f"{self.temp()}/cpsd.sock"
        server = self.cpsd(server__workers=1, store__ttl_default_s=600, server__listen_plain=f"unix:{self.path}", **keys)
        with server.connect() as connection:
            connection.send(b"".join(request("POST", BOX, envelope(4096)) for _ in range(count)))
            for _ in range(count):
                self.assertEqual(connection.response().status, 201)
        return server

    def read_slowly(self, sock, octets=16384):
        """Reads to the end, several times as long as a connection may be idle."""
        text = b""
        while some := sock.recv(octets):
            text += some
            time.sleep(0.1)
        head, _, body = text.partition(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        self.assertGreater(length, 900000)
        self.assertEqual(len(body), length)

    def test_s13_a_slow_reader_of_a_unix_socket_gets_all(self):
        self.big_box(server__idle_timeout_s=3)  # it sees progress each second: each time 160 KB were taken
        with Plain(self.path) as slow:
            slow.send(LIST)
            self.read_slowly(slow.sock)

    def test_s13_a_unix_socket_that_nobody_reads_is_closed(self):
        server = self.big_box(server__idle_timeout_s=4)
        with Plain(self.path) as silent:
            silent.send(LIST)
            until(lambda: server.metrics()["cpsd_output_bytes"] > 500000, 20 * SLOW, "the answer is held")
            until(lambda: server.metrics()["cpsd_output_bytes"] == 0, 20 * SLOW, "it is given up")
            with contextlib.suppress(ConnectionResetError):
                while silent.sock.recv(65536):
                    pass

    def test_s13_what_is_held_is_bounded(self):
        """150 readers that read nothing; one that reads slowly is not closed in their place."""
        most = 16 << 20
        server = self.big_box(server__max_output_bytes=most)
        before = server.resident_kb()
        with contextlib.ExitStack() as stack:
            slow = stack.enter_context(Plain(self.path))
            slow.send(LIST)
            silent = [stack.enter_context(Plain(self.path)) for _ in range(150)]
            for connection in silent:
                connection.send(LIST)
                slow.sock.recv(5000)
            until(lambda: server.metrics()["cpsd_output_ended_total"] >= 100, 60 * SLOW, "readers of nothing are closed")
            until(lambda: server.metrics()["cpsd_output_bytes"] <= most, 60 * SLOW, "what is held is bounded")
            self.assertLess(server.resident_kb() - before, 64 * 1024 * SLOW)
            while slow.sock.recv(65536):
                pass
        until(lambda: server.metrics()["cpsd_output_bytes"] == 0, 20 * SLOW, "nothing is held any more")

    def test_s15_a_client_that_half_closes_is_answered(self):
        """The store answers later than the end of the client's side is read."""
        redis = self.redis()
        server = self.cpsd(store__url=redis.url, server__workers=1)
        for i in range(20):
            with server.connect() as connection:
                connection.send(request("POST", f"/cps/120255502{i:02}/ppts", envelope()))
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(connection.sock, socket.SHUT_WR)
                self.assertEqual(connection.response().status, 201)

    def test_s15_a_waiting_client_that_half_closes_is_answered(self):
        server = self.cpsd(server__workers=1, server__max_wait_s=300)
        with server.connect() as connection:
            answer = connection.request("GET", BOX, fields={"Accept": "application/json"})
            path = f"{BOX}?after={answer.json()['cursor']}"
            connection.send(request("GET", path, fields={"Accept": "application/json", "Prefer": "wait=300"}))
            self.waiting(server)
            socket.socket.shutdown(connection.sock, socket.SHUT_WR)
            self.assertEqual(connection.response().status, 200)
        until(lambda: server.metrics()["cpsd_waiters"] == 0, 20 * SLOW, "nobody waits")

    def test_a_waiting_client_that_goes_away_is_forgotten(self):
        server = self.cpsd(server__workers=1, server__max_wait_s=300)
        with server.connect() as connection:
            answer = connection.request("GET", BOX, fields={"Accept": "application/json"})
            path = f"{BOX}?after={answer.json()['cursor']}"
            connection.send(request("GET", path, fields={"Accept": "application/json", "Prefer": "wait=300"}))
            self.waiting(server)
        until(lambda: server.metrics()["cpsd_waiters"] == 0, 20 * SLOW, "nobody waits")


class Descriptors(Case):
    def processor_s(self, server):
        with open(f"/proc/{server.process.pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def accepted(self, server):
        """The accepted TCP connections that the server holds: inodes of sockets that do not listen."""
        held = set()
        for number in os.listdir(f"/proc/{server.process.pid}/fd"):
            with contextlib.suppress(OSError):
                held.add(os.readlink(f"/proc/{server.process.pid}/fd/{number}"))
        with open("/proc/net/tcp") as table:
            rows = [line.split() for line in table][1:]
        return {row[9] for row in rows if row[3] != "0A" and f"socket:[{row[9]}]" in held}

    def test_s14_without_descriptors_accepting_pauses(self):
        server = self.cpsd(server__workers=1)
        admin = server.admin_request("/health")
        self.assertEqual(admin.status, 200)
        until(lambda: not self.accepted(server), 20 * SLOW, "the connection that asked is closed")
        used = len(os.listdir(f"/proc/{server.process.pid}/fd"))
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (used + 5, used + 5))
        with contextlib.ExitStack() as stack:
            for _ in range(12):
                sock = stack.enter_context(socket.create_connection(server.address, timeout=20))
                select.select([sock], [], [], 0)
            until(lambda: "cannot accept connections" in server.log(), 20 * SLOW, "it says so")
            before = self.processor_s(server)
            for _ in range(4):  # each is answered after a pause of accepting
                answer = server.admin_request("/health")
                self.assertProblem(answer, 503)
            self.assertLess(self.processor_s(server) - before, 0.3 * SLOW)
        until(lambda: self.healthy(server), 20 * SLOW, "descriptors are free again")
        self.assertEqual(server.request("GET", "/health").status, 200)
        self.assertGreaterEqual(server.metrics()["cpsd_accept_pauses_total"], 4)

    def healthy(self, server):
        with contextlib.suppress(OSError):
            return server.admin_request("/health").status == 200
        return False
