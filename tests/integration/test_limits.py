"""[limits]: who sends or reads too much gets 429, over all servers of a store; too many connections are closed."""
# presets: dev asan
import socket
import time

from envelope import envelope
from harness import Case
from wire import Closed, until

FIELDS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


class Limits(Case):
    def setUp(self):
        self.database = self.redis()

    def server(self, name, **keys):
        one = self.cpsd(name=name, policy__publish="open", store__url=self.database.url,
                         server__workers=1, **{"limits__" + key: value for key, value in keys.items()})  # fmt: skip
        until(lambda: one.admin_request("/health").status == 200, 20, "the store is there")
        return one

    def publish(self, server, dest):
        return server.publish(dest, envelope())

    def assertRefused(self, answer, words):
        self.assertProblem(answer, 429)
        self.assertIn(words, answer.json()["detail"])
        self.assertEqual(answer.json()["title"], "more requests than the limit allows")
        self.assertGreaterEqual(int(answer.get("Retry-After")), 1)
        self.assertEqual(answer.get("RateLimit-Remaining"), "0")

    def test_spent_at_one_is_spent_at_the_other(self):
        a, b = self.server("a", publish_by_address=1, burst_s=4), self.server("b", publish_by_address=1, burst_s=4)
        left = []
        for number, server in enumerate([a, b, a, b]):
            answer = self.publish(server, f"1202555010{number}")
            self.assertEqual(answer.status, 201, answer)
            self.assertEqual(answer.get("RateLimit-Limit"), "4")
            left.append(int(answer.get("RateLimit-Remaining")))
            self.assertLessEqual(int(answer.get("RateLimit-Reset")), 4)
        self.assertEqual(left[0], 3)
        self.assertEqual(sorted(left, reverse=True), left)
        refused = [self.publish(server, "12025550109") for server in (a, b) for _ in range(3)]
        late = [answer for answer in refused if answer.status == 429]
        self.assertGreaterEqual(len(late), 4)  # a token may have come meanwhile
        for answer in late:
            self.assertRefused(answer, "client address")
        time.sleep(1.1)
        self.assertEqual(self.publish(b, "12025550109").status, 201)
        # reading is not publishing
        self.assertEqual(a.request("GET", "/cps/12025550109/ppts").status, 200)

    def test_by_destination(self):
        server = self.server("one", publish_by_destination=1, burst_s=2)
        for dest in ("12025550110", "12025550111"):
            self.assertEqual([self.publish(server, dest).status for _ in range(2)], [201, 201])
        self.assertRefused(self.publish(server, "12025550110"), "destination")
        self.assertEqual(self.publish(server, "12025550112").status, 201)

    def test_one_round_trip(self):
        server = self.server("one", publish_by_address=1000, publish_by_destination=1000)
        self.publish(server, "12025550113")
        with self.database.client() as client:
            client.call("CONFIG", "RESETSTAT")
            self.assertEqual(self.publish(server, "12025550114").status, 201)
            calls = [line for line in client.call("INFO", "commandstats").decode().split() if "evalsha" in line]
        self.assertIn("calls=1,", calls[0])

    def test_reload_and_none(self):
        server = self.server("one")
        answer = self.publish(server, "12025550115")
        self.assertEqual([answer.get(field) for field in FIELDS], [None] * 3)
        server.reload(limits__publish_by_address=1, limits__burst_s=1)
        self.assertEqual(self.publish(server, "12025550115").status, 201)
        self.assertRefused(self.publish(server, "12025550115"), "client address")
        server.reload(limits__publish_by_address=0)
        self.assertEqual(self.publish(server, "12025550115").status, 201)

    def test_reading(self):
        server = self.server("one", read_by_address=2, burst_s=2)
        with server.connect() as connection:
            answers = [connection.request("GET", "/cps/12025550116/ppts") for _ in range(8)]
            statuses = [answer.status for answer in answers]
            self.assertEqual(statuses[:4], [200] * 4)
            self.assertRefused(next(answer for answer in answers if answer.status == 429), "client address")
            self.assertEqual(connection.request("POST", "/cps/12025550116/ppts", envelope()).status, 201)
            self.assertEqual(connection.request("GET", "/health").status, 200)  # monitoring goes on
        self.assertEqual(server.admin_request("/metrics").status, 200)

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
        deadline = time.monotonic() + 20
        while True:
            try:
                with server.connect() as again:
                    self.assertEqual(again.request("GET", "/health").status, 200)
                    break
            except (Closed, OSError):
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)
        self.assertGreaterEqual(server.metrics()["cpsd_connections_refused_total"], 3)
        for connection in held:
            connection.sock.close()
        server.stop()
