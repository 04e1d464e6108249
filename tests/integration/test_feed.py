# SPDX-License-Identifier: MIT
"""What a carrier gets for all of its numbers: a stream of server-sent events, and lists by prefix."""
# presets: dev asan
# alone: measures memory, and time to the millisecond
import contextlib
import json
import signal

import sti
from callers import DEST, ELSEWHERE, CallersCase, ask, provider
from envelope import envelope, envelope_id
from harness import SLOW
from wire import request, until

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
                after = self.publish("+1 215 555 9999".replace(" ", "%20"))
                second, data = stream.event()
                self.assertEqual(data, {"dest": "12155559999", "id": envelope_id(after), "ppt": after})
                # the same again is nothing new
                self.assertEqual(self.server.publish(DEST, before).status, 200)
                last = self.publish()
                third, data = stream.event()
                self.assertEqual(data["ppt"], last)
                # a client that returns continues after the last event that it has
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

    def revocable(self, **keys):
        """A server whose revocation list is the test's own."""
        def write(octets):
            with open(path, "wb") as out:
                out.write(octets)

        path, ca = f"{self.temp()}/mine.crl", self.certs[HOLDER].issuer
        write(sti.crl(ca))
        self.serve(trust__crl_files=path, **keys)
        return lambda caller: write(sti.crl(ca, [self.certs[caller]]))

    def test_s09_a_feed_of_a_revoked_certificate_ends(self):
        revoke = self.revocable()
        stream = self.stream()
        first = self.publish()
        self.assertEqual(stream.event()[1]["ppt"], first)
        revoke(HOLDER)
        self.assertIn("are in use", self.server.reload())
        self.publish()
        with self.assertRaises(EOFError):
            stream.event()  # neither an event nor the connection is left

    def test_s09_a_feed_without_events_ends(self):
        revoke = self.revocable()
        self.stream()
        revoke(HOLDER)
        self.assertIn("are in use", self.server.reload())
        until(lambda: self.server.metrics()["cpsd_feeds"] == 0, 60 * SLOW, "the feed ends")

    def test_s09_a_feed_of_a_good_certificate_goes_on(self):
        revoke = self.revocable()
        stream = self.stream()
        revoke("holder by TN")
        self.assertIn("are in use", self.server.reload())
        published = self.publish()
        self.assertEqual(stream.event()[1]["ppt"], published)

    def test_s09_a_waiting_request_of_a_revoked_certificate_ends(self):
        revoke = self.revocable(policy__list="holder", dummies__mode="empty", server__max_wait_s=300)
        with self.connect(HOLDER) as connection:
            connection.send(request("GET", f"/cps/{DEST}/ppts", fields={"Prefer": "wait=300"}))
            self.waiting(self.server)
            revoke(HOLDER)
            self.assertIn("are in use", self.server.reload())
            self.publish()
            self.assertProblem(connection.response(), 401, "no longer valid")

    def test_s09_a_waiting_request_ends_though_nothing_arrives(self):
        revoke = self.revocable(policy__list="holder", dummies__mode="empty", server__max_wait_s=300)
        with self.connect(HOLDER) as connection, self.connect("holder by TN") as other:
            for one in (connection, other):
                one.send(request("GET", f"/cps/{DEST}/ppts", fields={"Prefer": "wait=300"}))
            self.waiting(self.server, 2)
            revoke(HOLDER)
            self.assertIn("are in use", self.server.reload())
            self.assertProblem(connection.response(), 401, "no longer valid")
            until(lambda: self.server.metrics()["cpsd_waiters"] == 1, 20, "the other one waits")
            published = self.publish()
            self.assertIn(envelope_id(published).encode(), other.response().body)

    def test_s09_a_waiting_request_ends_with_the_right_to_wait(self):
        """Who may wait, and who may be spared the dummies, is asked again too."""
        table = f"{self.temp()}/numbers.csv"
        for wait, query in (("holder", ""), ("open", "?dummies=no")):
            with self.subTest(wait=wait, query=query):
                with open(table, "w") as out:
                    out.write("1215555,1111\n")
                self.serve(name=f"wait-{wait}", numbers__table=table, policy__wait=wait, server__max_wait_s=300)
                with self.connect(HOLDER) as connection:
                    connection.send(request("GET", f"/cps/{DEST}/ppts{query}", fields={"Prefer": "wait=300"}))
                    self.waiting(self.server)
                    with open(table, "w") as out:
                        out.write("1215555,2222\n")
                    self.assertIn("are in use", self.server.reload())
                    self.assertProblem(connection.response(), 401, "no longer valid")

    def test_s09_a_feed_has_a_longest_life(self):
        self.serve(feeds__max_life_s=1)
        before = self.publish()
        stream, (first, data) = self.first_event()
        self.assertEqual(data["ppt"], before)
        until(lambda: self.ended(stream), 60 * SLOW, "the feed ends")
        last = self.publish()
        _, (_, data) = self.first_event(fields=[("Last-Event-ID", first)])
        self.assertEqual(data["ppt"], last)

    def first_event(self, **options):
        """A stream and its first event; on a busy machine a short life may be over before that comes."""

        def attempt():
            with contextlib.suppress(EOFError):
                stream = self.stream(**options)
                return stream, stream.event()
            return None

        return until(attempt, 60, "an event")

    def ended(self, stream):
        with contextlib.suppress(TimeoutError):
            stream.connection.sock.settimeout(0.1)
            return not stream.connection.sock.recv(65536)
        return False

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
            while stream.block().startswith(":"):
                pass
        self.server.terminated = True
        self.server.stop()

    def test_s08_a_feed_is_bounded_apart_from_boxes(self):
        for number, url in enumerate(self.both_stores()):
            with self.subTest(url):
                self.serve(name=f"one{number}", store__url=url, store__box_limit=20)
                stream = self.stream()
                sent = [self.publish(f"12155550{i:03}") for i in range(30)]
                self.assertEqual([stream.event()[1]["ppt"] for _ in sent], sent)
                self.assertEqual(self.server.metrics()["cpsd_feed_dropped_total"], 0)
                self.server.stop()

    def test_s08_the_oldest_entries_make_room(self):
        """A feed that nobody reads costs nobody a message, and keeps the newest."""
        for number, url in enumerate(self.both_stores()):
            with self.subTest(url):
                self.serve(name=f"one{number}", store__url=url, limits__feed_limit=3)
                sent = [self.publish(f"1215555000{i}") for i in range(5)]
                until(lambda: self.server.metrics()["cpsd_feed_dropped_total"] == 2, 20, "two are dropped")
                stream = self.stream()
                self.assertEqual([stream.event()[1]["ppt"] for _ in range(3)], sent[2:])
                self.server.stop()

    def in_feed(self):
        return [entry["ppt"] for entry in self.prefix("1215555").json()["ppts"]]

    def in_box(self, dest=DEST):
        with self.connect("holder by TN") as connection:
            answer = connection.request("GET", f"/cps/{dest}/ppts?dummies=no", fields=[("Accept", "application/json")])
        return [entry["ppt"] for entry in answer.json()["ppts"] if not entry.get("taken")]

    def test_s04_what_is_deleted_leaves_the_feed(self):
        for number, url in enumerate(self.both_stores()):
            with self.subTest(url):
                self.serve(name=f"one{number}", store__url=url)
                gone, stays = (self.publish(query="?ttl=600") for _ in range(2))  # neither leaves by expiring
                until(lambda: self.in_feed() == [gone, stays], 20, "both are in the feed")
                with self.connect("holder by TN") as connection:
                    self.assertEqual(connection.request("DELETE", f"/cps/{DEST}/ppts/{envelope_id(gone)}").status, 204)
                until(lambda: self.in_feed() == [stays], 20, "one is left")
                self.server.stop()

    def publish_as(self, caller, ttl):
        one = envelope()
        with self.connect(caller) as connection:
            return one, connection.request("POST", f"/cps/{DEST}/ppts?ttl={ttl}", one)

    def test_s04_one_publisher_closes_neither_a_number_nor_a_feed(self):
        for number, url in enumerate(self.both_stores()):
            with self.subTest(url):
                self.serve(name=f"one{number}", store__url=url, store__box_limit=10, policy__publish="token")
                answers = [self.publish_as("other SPC", 259200)[1] for _ in range(30)]
                self.assertEqual([answer.status for answer in answers].count(201), 5)
                self.assertProblem(answers[-1], 429, "your share of this box")
                self.assertLessEqual(1, int(answers[-1].get("Retry-After")))
                self.assertLessEqual(int(answers[-1].get("Retry-After")), 3600)
                # others publish on
                self.assertEqual(self.publish_as("holder by its second SPC", 60)[1].status, 201)
                one, answer = self.publish_as("other TN", 60)
                self.assertEqual(answer.status, 201)
                stream = self.stream()
                events = [stream.event()[1]["ppt"] for _ in range(7)]
                self.assertEqual(events[-1], one)
                self.assertEqual(self.server.metrics()['cpsd_full_total{reason="share"}'], 25)
                self.server.stop()

    def test_s04_a_certificate_with_two_providers_is_one_publisher(self):
        self.serve(store__box_limit=4, policy__publish="token")
        signer, statuses = provider(self.certs["holder by its second SPC"]), []
        for spc in ("2222", "1111", "2222", "1111"):
            signer.spc = spc
            with self.connect("none") as connection:
                statuses.append(ask(connection, "publish", signer=signer).status)
        self.assertEqual(statuses, [201, 201, 429, 429])

    def test_s04_a_holder_empties_its_box(self):
        for number, url in enumerate(self.both_stores()):
            with self.subTest(url):
                self.serve(name=f"one{number}", store__url=url, policy__delete="open")
                for _ in range(8):
                    self.publish(query="?ttl=600")
                elsewhere = self.publish("12155550001", "?ttl=600")
                until(lambda: len(self.in_feed()) == 9, 20, "all are in the feed")
                for caller, status in {"none": 401, "other SPC": 403, "other TN": 403, "revoked": 401}.items():
                    with self.connect(caller) as connection:
                        self.assertProblem(connection.request("DELETE", f"/cps/{DEST}/ppts"), status)
                self.assertEqual(len(self.in_box()), 8)
                with self.connect("holder by TN") as connection:
                    for _ in range(2):
                        self.assertEqual(connection.request("DELETE", f"/cps/{DEST}/ppts").status, 204)
                self.assertEqual(self.in_box(), [])
                until(lambda: self.in_feed() == [elsewhere], 20, "the feed has the other number's only")
                self.assertEqual(self.server.metrics()["cpsd_emptied_total"], 8)
                self.server.stop()

    def prefix(self, text, caller=HOLDER, query=""):
        with self.connect(caller) as connection:
            return connection.request("GET", f"/cps/{text}*/ppts{query}")

    def test_prefix(self):
        for number, url in enumerate(self.both_stores()):
            with self.subTest(url):
                self.serve(name=f"one{number}", store__url=url, server__list_max_entries=2)
                sent = [(dest, self.publish(dest)) for dest in ("12155550001", "12155560002", "12155550003", "12155550004")]
                self.publish(ELSEWHERE)
                until(lambda: len(self.prefix("12155550003").json()["ppts"]) == 1, 20, "the feed has them")
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
