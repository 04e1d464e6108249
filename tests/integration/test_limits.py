# SPDX-License-Identifier: MIT
"""[limits]: who sends or reads too much gets 429, over all servers of a store; too many connections are closed."""
# presets: dev asan
import itertools
import json
import re
import socket
import time

from envelope import envelope
from harness import Case
from wire import Closed, Wire, until

FIELDS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


class Limits(Case):
    def setUp(self):
        self.database = self.redis()

    def server(self, name, **keys):
        one = self.cpsd(name=name, policy__publish="open", policy__atis_publish="open",
                         store__url=keys.pop("store", self.database.url), server__workers=1, **{"limits__" + key: value for key, value in keys.items()})  # fmt: skip
        until(lambda: one.admin_request("/health").status == 200, 20, "the store is there")
        return one

    def publish(self, server, dest):
        return server.publish(dest, envelope())

    def beyond(self, server, dest):
        """The first answer that is not 201: on a slow machine tokens come back meanwhile."""
        return until(lambda: next((a for a in (self.publish(server, dest),) if a.status != 201), None), 20, "refused", 0)

    def may_connect(self, server):
        try:
            with server.connect() as again:
                return again.request("GET", "/health").status == 200
        except (Closed, OSError):
            return False

    def assertRefused(self, answer, words):
        self.assertProblem(answer, 429)
        self.assertIn(words, answer.json()["detail"])
        self.assertEqual(answer.json()["title"], "more requests than the limit allows")
        self.assertGreaterEqual(int(answer.get("Retry-After")), 1)
        self.assertEqual(answer.get("RateLimit-Remaining"), "0")

    def test_spent_at_one_is_spent_at_the_other(self):
        a, b = (self.server(name, publish_by_address=1, burst_s=40) for name in "ab")
        start = time.monotonic()
        for number in range(40):
            answer = self.publish(a, f"120255502{number:02d}")
            self.assertEqual(answer.status, 201, answer)
            self.assertEqual(answer.get("RateLimit-Limit"), "40")
            back = time.monotonic() - start  # tokens that have come back at most
            self.assertGreaterEqual(int(answer.get("RateLimit-Remaining")), min(39, 39 - number))
            self.assertLessEqual(int(answer.get("RateLimit-Remaining")), 39 - number + back)
            self.assertLessEqual(int(answer.get("RateLimit-Reset")), 40)
        answer = self.publish(b, "12025550108")
        if answer.status == 201:
            self.assertLessEqual(int(answer.get("RateLimit-Remaining")), time.monotonic() - start)
        for server in (a, b):
            self.assertRefused(self.beyond(server, "12025550109"), "client address")
        until(lambda: self.publish(b, "12025550109").status == 201, 10, "a token comes back")
        # reading is not publishing
        self.assertEqual(a.request("GET", "/cps/12025550109/ppts").status, 200)

    def test_by_destination(self):
        server = self.server("one", publish_by_destination=1, burst_s=2)
        for dest in ("12025550110", "12025550111"):
            self.assertEqual([self.publish(server, dest).status for _ in range(2)], [201, 201])
        self.assertRefused(self.beyond(server, "12025550110"), "destination")
        self.assertEqual(self.publish(server, "12025550112").status, 201)

    def test_s10_a_destination_counts_across_its_boxes(self):
        for url in (self.database.url, "memory:"):
            with self.subTest(url):
                server = self.server(f"s10{url[:3]}", publish_by_destination=1, burst_s=2, store=url)
                statuses = []
                for number in itertools.count(12025550200):  # on a slow machine tokens come back meanwhile
                    body = json.dumps({"passports": [envelope()]})
                    path = f"/passports/12025550120/{number}"
                    statuses.append(server.request("POST", path, body, {"Content-Type": "application/json"}).status)
                    if statuses[-1] != 201:
                        break
                self.assertEqual(statuses[:2], [201, 201])
                self.assertEqual(statuses[-1], 429)
                self.assertRefused(self.beyond(server, "12025550120"), "destination")

    def test_an_idempotency_key_is_its_callers_own(self):
        """Two callers without a credential, from two addresses, use the same key for different bodies."""
        server = self.server("one")
        statuses = []
        for source in ("127.0.0.1", "127.0.0.2"):
            with socket.socket() as sock:
                sock.settimeout(20)
                sock.bind((source, 0))
                sock.connect(server.address)
                with server.tls.wrap_socket(sock, server_hostname="localhost") as tls:
                    body = json.dumps({"passports": [envelope()]})
                    tls.sendall((f"POST /passports/12025550130/12025550131 HTTP/1.1\r\nHost: localhost\r\n"
                                 f"Content-Type: application/json\r\nIdempotency-Key: same\r\n"
                                 f"Content-Length: {len(body)}\r\n\r\n{body}").encode())  # fmt: skip
                    statuses.append(int(tls.recv(12).split()[1]))
        self.assertEqual(statuses, [201, 201])

    def test_s07_health_tells_reading_from_writing(self):
        server = self.server("one")
        with self.database.client() as client:
            client.call("CONFIG", "SET", "maxmemory", "1")
            statuses = {use: server.request("GET", "/health" + use).status for use in ("", "?for=write", "?for=read")}
            self.assertEqual(statuses, {"": 503, "?for=write": 503, "?for=read": 200})
            client.call("CONFIG", "SET", "maxmemory", "0")
        self.assertEqual(server.request("GET", "/health?for=write").status, 200)
        self.assertEqual(server.request("GET", "/health?for=x").status, 400)

    def test_one_round_trip(self):
        server = self.server("one", publish_by_address=1000, publish_by_destination=1000)
        self.publish(server, "12025550113")
        with self.database.client() as client:
            client.call("CONFIG", "RESETSTAT")
            self.assertEqual(self.publish(server, "12025550114").status, 201)
            calls = [line for line in client.call("INFO", "commandstats").decode().split() if "evalsha" in line]
        self.assertIn("calls=1,", calls[0])

    def test_reload_and_none(self):
        server = self.server("one", publish_by_address=0, publish_by_destination=0)
        answer = self.publish(server, "12025550115")
        self.assertEqual([answer.get(field) for field in FIELDS], [None] * 3)
        server.reload(limits__publish_by_address=1, limits__burst_s=1)
        self.assertEqual(self.publish(server, "12025550115").status, 201)
        self.assertRefused(self.beyond(server, "12025550115"), "client address")
        server.reload(limits__publish_by_address=0)
        self.assertEqual(self.publish(server, "12025550115").status, 201)

    def test_reading(self):
        server = self.server("one", read_by_address=2, burst_s=2)
        with server.connect() as connection:
            answers = [connection.request("GET", "/cps/12025550116/ppts") for _ in range(4)]
            self.assertEqual([answer.status for answer in answers], [200] * 4)
            while (answer := connection.request("GET", "/cps/12025550116/ppts")).status == 200:
                pass  # on a slow machine tokens come back meanwhile
            self.assertRefused(answer, "client address")
            self.assertEqual(connection.request("POST", "/cps/12025550116/ppts", envelope()).status, 201)
            self.assertEqual(connection.request("GET", "/health").status, 200)  # monitoring still works
        self.assertEqual(server.admin_request("/metrics").status, 200)

    def test_s04_an_address_that_is_not_known_is_not_limited(self):
        """On unix sockets, and with a proxy that does not pass on the client's address."""
        directory = self.temp()
        for edge in ("no", "yes"):
            with self.subTest(edge=edge):
                path = f"{directory}/{edge}.sock"
                server = self.cpsd(name="edge" + edge, server__listen_plain=f"unix:{path}", server__edge=edge,
                                   server__workers=1, limits__read_by_address=2, limits__burst_s=1,
                                   limits__connections_by_address=2)  # fmt: skip
                held = [self.unix(server, path) for _ in range(5)]
                for connection in held:
                    self.assertEqual([self.read(connection) for _ in range(5)], [200] * 5)
                if edge == "yes":
                    fields = [("X-Forwarded-For", "192.0.2.1")]
                    until(lambda held=held: self.read(held[0], fields) == 429, 20, "a client that the edge names", 0)
                    self.assertEqual(self.read(held[0], [("X-Forwarded-For", "192.0.2.2")]), 200)
                    self.assertEqual(self.read(held[0]), 200)

    def unix(self, server, path):
        connection = Wire(server.admin)
        connection.sock.close()
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(20)
        connection.sock.connect(path)
        self.addCleanup(connection.sock.close)
        return connection

    def read(self, connection, fields=()):
        return connection.request("GET", "/cps/12025550116/ppts", None, fields).status

    def test_s04_connections_from_an_edge_are_not_limited(self):
        server = self.cpsd(server__listen_plain="127.0.0.1:0", server__edge="yes", server__workers=1,
                           limits__connections_by_address=2)  # fmt: skip
        port = int(re.search(r"listening on http://127.0.0.1:(\d+)", server.log())[1])
        held = [Wire(("127.0.0.1", port)) for _ in range(5)]
        for connection in held:
            self.addCleanup(connection.sock.close)
            self.assertEqual(self.read(connection), 200)

    def test_s04_a_missing_limit_of_providers_is_told(self):
        self.assertIn("warning limits: publish_by_spc is 0", self.server("without").log())
        self.assertNotIn("publish_by_spc is 0", self.server("with", publish_by_spc=100).log())

    def test_connections(self):
        server = self.server("one", connections_by_address=3)
        held = [server.connect() for _ in range(3)]
        for connection in held:
            self.assertEqual(connection.request("GET", "/health").status, 200)
        for _ in range(3):
            with self.assertRaises((Closed, OSError)):
                with server.connect() as one_more:
                    one_more.request("GET", "/health")
        self.assertEqual(server.admin_request("/health").status, 200)
        # another address has its own
        with socket.socket() as sock:
            sock.settimeout(20)
            sock.bind(("127.0.0.2", 0))
            sock.connect(server.address)
            with server.tls.wrap_socket(sock, server_hostname="localhost") as tls:
                tls.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                self.assertTrue(tls.recv(100).startswith(b"HTTP/1.1 200"))
        held.pop().sock.close()
        until(lambda: self.may_connect(server), 20, "a place becomes free")
        self.assertGreaterEqual(server.metrics()["cpsd_connections_refused_total"], 3)
        for connection in held:
            connection.sock.close()
        server.stop()
