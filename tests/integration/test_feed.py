"""What a carrier gets for all of its numbers: a stream of server-sent events, and lists by prefix."""
# presets: dev asan
# alone: measures memory, and time to the millisecond
import json
import signal
import time

from callers import DEST, ELSEWHERE, CallersCase
from envelope import envelope, envelope_id
from harness import SLOW
from wire import until

HOLDER, SPC = "holder by table", "1111"  # of 1215555...


class Stream:
    """A connection that reads events."""

    def __init__(self, connection, spc=SPC, fields=(), query=""):
        self.connection = connection
        lines = [f"GET /feed/{spc}{query} HTTP/1.1", "Host: localhost", *(f"{n}: {v}" for n, v in fields)]
        connection.sock.sendall("\r\n".join([*lines, "", ""]).encode())
        self.text = b""
        self.read_until(b"\r\n\r\n")
        self.head, self.text = self.text.split(b"\r\n\r\n", 1)

    def read_until(self, mark):
        while mark not in self.text:
            octets = self.connection.sock.recv(65536)
            if not octets:
                raise EOFError
            self.text += octets

    def block(self):
        self.read_until(b"\n\n")
        block, self.text = self.text.split(b"\n\n", 1)
        return block.decode()

    def event(self):
        """(id, data) of the next event; comments are passed over."""
        while (block := self.block()).startswith(":"):
            pass
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        return fields["id"], json.loads(fields["data"])


class Feed(CallersCase):
    def serve(self, name="cpsd", **keys):
        self.server = self.cpsd(name=name, **{**self.keys(), "policy__publish": "open", "feeds__enabled": "yes", **keys})
        until(lambda: self.server.admin_request("/health").status == 200, 20, "the store is there")
        return self.server

    def publish(self, dest=DEST, query="", server=None):
        one = envelope()
        self.assertEqual((server or self.server).publish(dest, one, query).status, 201)
        return one

    def stream(self, caller=HOLDER, server=None, **options):
        connection = self.connect(caller, server)
        self.addCleanup(connection.sock.close)
        return Stream(connection, **options)

    def both_stores(self):
        yield "memory:"
        yield self.redis().url

    def test_pushed(self):
        for number, url in enumerate(self.both_stores()):
            with self.subTest(url):
                self.serve(name=f"one{number}", store__url=url)
                before = self.publish()
                self.publish(ELSEWHERE)  # of another provider
                stream = self.stream()
                self.assertTrue(stream.head.startswith(b"HTTP/1.1 200 OK\r\n"), stream.head)
                self.assertIn(b"\r\nContent-Type: text/event-stream\r\n", stream.head)
                self.assertNotIn(b"Content-Length", stream.head)
                first, data = stream.event()
                self.assertEqual(data, {"dest": DEST, "id": envelope_id(before), "ppt": before})
                start = time.monotonic()
                after = self.publish("+1 215 555 9999".replace(" ", "%20"))
                second, data = stream.event()
                self.assertLess(time.monotonic() - start, 2 * SLOW)
                self.assertEqual(data, {"dest": "12155559999", "id": envelope_id(after), "ppt": after})
                # the same again is nothing new
                self.assertEqual(self.server.publish(DEST, before).status, 200)
                last = self.publish()
                third, data = stream.event()
                self.assertEqual(data["ppt"], last)
                # a client that comes back goes on behind what it has
                for options in ({"fields": [("Last-Event-ID", second)]}, {"query": f"?after={second}"}):
                    self.assertEqual(self.stream(**options).event()[0], third)
                self.assertEqual(self.stream().event()[0], first)
                self.assertEqual(self.server.metrics()["cpsd_feed_missed_total"], 0)
                self.server.stop()

    def test_who_may(self):
        self.serve()
        for caller, spc, status in [("none", SPC, 401), ("other SPC", SPC, 403), ("holder by TN", SPC, 403),
                                    (HOLDER, "2222", 403), ("revoked", SPC, 401), (HOLDER, "x" * 40, 400)]:  # fmt: skip
            with self.subTest(caller=caller, spc=spc), self.connect(caller) as connection:
                self.assertProblem(connection.request("GET", f"/feed/{spc}"), status)
        with self.connect("holder by its second SPC") as connection:
            self.assertEqual(connection.request("HEAD", f"/feed/{SPC}").status, 200)
        with self.connect(HOLDER) as connection:
            self.assertProblem(connection.request("GET", f"/feed/{SPC}", fields=[("Last-Event-ID", "x")]), 400)
            self.assertEqual(connection.request("POST", f"/feed/{SPC}", b"").status, 405)
        # nobody reaches its box by another way
        self.publish()
        for name in (f"/feed/{SPC}", f"%2Ffeed%2F{SPC}", f"feed%3A{SPC}"):
            answer = self.server.request("GET", f"/cps/{name}/ppts", fields=[("Accept", "application/json")])
            self.assertNotIn(DEST.encode(), answer.body)

    def test_switched_off(self):
        self.serve(feeds__enabled="no")
        with self.connect(HOLDER) as connection:
            self.assertProblem(connection.request("GET", f"/feed/{SPC}"), 404, "[feeds] enabled")
            self.assertProblem(connection.request("GET", "/cps/1215555*/ppts"), 404, "[feeds] enabled")

    def test_slow_reader(self):
        """What a client does not take stays in the store, not in the server's memory; and nothing is lost."""
        self.serve(store__url=self.redis().url, server__workers=1)
        stream = self.stream()
        first = self.publish()
        self.assertEqual(stream.event()[1]["ppt"], first)
        sent, parts = [], envelope(4096).split(".")
        with self.server.connect() as connection:
            for i in range(2000):
                one = ".".join([*parts[:3], "%08d" % i + parts[3][8:], parts[4]])
                self.assertEqual(connection.request("POST", f"/cps/{DEST}/ppts?ttl=600", one).status, 201)
                sent.append(one)
                if i == 500:
                    early = self.server.resident_kb()
        if SLOW == 1:  # sanitizers keep what was freed
            self.assertLess(self.server.resident_kb() - early, 6000)
        self.assertEqual([stream.event()[1]["ppt"] for _ in sent], sent)
        self.server.stop()

    def test_ends(self):
        self.serve()
        stream = self.stream()
        until(lambda: self.server.metrics()["cpsd_feeds"] == 1, 20, "it is served")
        gone = self.stream()
        gone.connection.sock.close()
        until(lambda: self.server.metrics()["cpsd_feeds"] == 1, 20, "who goes away is forgotten")
        self.server.signal(signal.SIGTERM)
        with self.assertRaises(EOFError):
            stream.block()
            stream.block()
        self.server.terminated = True
        self.server.stop()

    def test_full(self):
        """A feed that nobody reads costs nobody a message."""
        self.serve(store__box_limit=3)
        for i in range(5):
            self.publish(f"1215555000{i}")
        self.assertEqual(self.server.metrics()["cpsd_feed_missed_total"], 2)

    def prefix(self, text, caller=HOLDER, query=""):
        with self.connect(caller) as connection:
            return connection.request("GET", f"/cps/{text}*/ppts{query}")

    def test_prefix(self):
        for number, url in enumerate(self.both_stores()):
            with self.subTest(url):
                self.serve(name=f"one{number}", store__url=url, server__list_max_entries=2)
                sent = [(dest, self.publish(dest)) for dest in ("12155550001", "12155560002", "12155550003", "12155550004")]
                self.publish(ELSEWHERE)
                wanted = [{"dest": d, "id": envelope_id(p), "ppt": p} for d, p in sent if d.startswith("12155550")]
                found, query = [], ""
                for _ in range(4):
                    answer = self.prefix("12155550", query=query)
                    self.assertEqual((answer.status, answer.type), (200, "application/json"))
                    found += answer.json()["ppts"]
                    query = "?after=" + answer.json()["cursor"]
                    self.assertEqual(answer.get("Link"), f'</cps/12155550*/ppts{query}>; rel="next"' if answer.get("Link") else None)
                    if not answer.get("Link"):
                        break
                self.assertEqual(found, wanted)
                self.assertEqual(self.prefix("12155550", query=query).json()["ppts"], [])
                self.assertEqual(len(self.prefix("12155550001").json()["ppts"]), 1)

    def test_prefix_who_may(self):
        self.serve()
        for text, caller, status in [("1215555", "none", 401), ("1215555", "other SPC", 403), ("121", HOLDER, 400),
                                     ("1310555", HOLDER, 404), ("1215", HOLDER, 404), ("1215555x", HOLDER, 400),
                                     ("%31215555", HOLDER, 400), ("1" * 60, HOLDER, 400)]:  # fmt: skip
            with self.subTest(text=text, caller=caller):
                self.assertProblem(self.prefix(text, caller), status)
        self.assertProblem(self.prefix("1215555", query="?after=x"), 400)
        # an asterisk that belongs to a number is escaped: that box is a box like any other
        one = envelope()
        self.assertEqual(self.server.publish("1215555%2A", one).status, 201)
        answer = self.server.request("GET", "/cps/1215555%2A/ppts", fields=[("Accept", "application/json")])
        self.assertEqual([entry["ppt"] for entry in answer.json()["ppts"]], [one])
