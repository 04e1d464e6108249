# SPDX-License-Identifier: MIT
"""The CPS over TLS (RFC 8816), the same tests with every store."""
import base64
import itertools
import re
import socket
import threading
import time

from envelope import envelope, envelope_id
from harness import SLOW, Case
from wire import request, until

JSON = {"Accept": "application/json"}
LIVES_S = (1, 4, 16, 64)  # of what is seen before it expires: a slow machine needs a longer one
LONG = 259200  # a life of 72 h: during a test hardly a dummy comes or goes
LINK = re.compile(r"<(/cps/[^/>]+/ppts/([\w-]{22}))>;type=\"application/passport\"")


class Boxes:
    """What is asked of a CPS with whatever store; subclasses say which."""

    counter = itertools.count(12025550000)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        url = cls.url = cls.store_url()
        common = {"store__url": url, "store__ttl_default_s": LONG}
        cls.server = cls.class_cpsd(name="server", server__workers=4, **common)
        cls.trial = cls.class_cpsd(
            name="trial", policy__delete="open", dummies__mode="empty", store__box_limit=5, limits__box_share=100, server__list_max_entries=3,
            **common)  # fmt: skip

    def number(self):
        return str(next(self.counter))

    def put(self, server, dest, query="", body=None):
        body = body or envelope()
        answer = server.publish(dest, body, query)
        self.assertEqual(answer.status, 201, answer)
        self.assertEqual(answer.get("Location"), f"/cps/{dest}/ppts/{envelope_id(body)}")
        return body

    def list(self, server, dest, query="", **fields):
        answer = server.request("GET", f"/cps/{dest}/ppts{query}", fields={**JSON, **fields})
        self.assertEqual((answer.status, answer.type), (200, "application/json"), answer)
        return answer.json()

    def envelopes(self, server, dest, query=""):
        return [entry["ppt"] for entry in self.list(server, dest, query)["ppts"]]

    def test_publish_and_fetch(self):
        dest = self.number()
        body = self.put(self.server, dest)
        path = f"/cps/{dest}/ppts/{envelope_id(body)}"
        for _ in range(3):  # a retry never doubles
            again = self.server.publish(dest, body)
            self.assertEqual((again.status, again.get("Location")), (200, path))
        self.assertEqual(self.envelopes(self.server, dest).count(body), 1)
        got = self.server.request("GET", path)
        self.assertEqual((got.status, got.type, got.body.decode()), (200, "application/passport", body))
        self.assertEqual(got.get("Link"), f'</cps/{dest}/ppts>; rel="collection"')
        self.assertEqual(self.server.request("GET", path + "/").body.decode(), body)
        self.assertProblem(self.server.request("GET", f"/cps/{self.number()}/ppts/{envelope_id(body)}"), 404)

    def test_link_format(self):
        dest = self.number()
        bodies = [self.put(self.server, dest) for _ in range(3)]
        answer = self.server.request("GET", f"/cps/{dest}/ppts")
        self.assertEqual((answer.status, answer.type), (200, "application/link-format"))
        links = answer.body.decode().split(",")
        paths, ids = zip(*(LINK.fullmatch(link).groups() for link in links))
        self.assertEqual([i for i in ids if i in {envelope_id(b) for b in bodies}], [envelope_id(b) for b in bodies])
        self.assertEqual(list(ids), [entry["id"] for entry in self.list(self.server, dest)["ppts"]])
        for path, i in zip(paths, ids):
            self.assertEqual(path, f"/cps/{dest}/ppts/{i}")
            self.assertEqual(envelope_id(self.server.request("GET", path).body.decode()), i)

    def test_order_of_arrival(self):
        dest = self.number()
        bodies = [self.put(self.server, dest) for _ in range(40)]  # each over a connection, so a worker, of its own
        listed = self.list(self.server, dest)
        self.assertEqual([e["ppt"] for e in listed["ppts"] if e["ppt"] in set(bodies)], bodies)
        self.assertEqual([e["id"] for e in listed["ppts"]], [envelope_id(e["ppt"]) for e in listed["ppts"]])

    def test_cursor(self):
        dest = self.number()
        first = self.put(self.server, dest)
        listed = self.list(self.server, dest)
        self.assertIn(first, [e["ppt"] for e in listed["ppts"]])
        nothing = self.list(self.server, dest, "?after=" + listed["cursor"])
        self.assertEqual((nothing["ppts"], nothing["cursor"]), ([], listed["cursor"]))
        second = self.put(self.server, dest)
        since = self.list(self.server, dest, "?after=" + listed["cursor"])
        self.assertEqual([e["ppt"] for e in since["ppts"]], [second])
        self.assertNotEqual(since["cursor"], listed["cursor"])
        self.assertEqual(self.list(self.server, dest, "?x=y&after=" + since["cursor"])["ppts"], [])

    def test_a_reader_with_a_cursor_misses_nothing(self):
        dest, seen, published = self.number(), [], []
        done = threading.Event()

        def read():
            cursor = ""
            while True:
                last = done.is_set()
                part = self.list(self.server, dest, f"?after={cursor}" if cursor else "", Prefer="wait=1")
                seen.extend(e["ppt"] for e in part["ppts"])
                cursor = part["cursor"]
                if last:
                    return

        def write():
            with self.server.connect() as connection:
                for _ in range(60):
                    body = envelope()
                    self.assertEqual(connection.request("POST", f"/cps/{dest}/ppts", body).status, 201)
                    published.append(body)

        reader, writers = threading.Thread(target=read), [threading.Thread(target=write) for _ in range(3)]
        for thread in [reader, *writers]:
            thread.start()
        for writer in writers:
            writer.join()
        done.set()
        reader.join()
        self.assertEqual(len(published), 180)
        self.assertEqual(len(seen), len(set(seen)), "nothing twice")
        self.assertEqual(set(published) - set(seen), set())

    def test_long_lists_come_in_parts(self):
        dest = self.number()
        bodies = [self.put(self.trial, dest) for _ in range(5)]
        answer = self.trial.request("GET", f"/cps/{dest}/ppts", fields=JSON)
        self.assertEqual([e["ppt"] for e in answer.json()["ppts"]], bodies[:3])
        path = re.fullmatch(r'<(/cps/\d+/ppts\?after=[\w-]+)>; rel="next"', answer.get("Link"))[1]
        rest = self.trial.request("GET", path, fields=JSON)
        self.assertEqual([e["ppt"] for e in rest.json()["ppts"]], bodies[3:])
        self.assertIsNone(rest.get("Link"))

    def test_wait_wakes(self):
        """Whoever waits knows of a message at once, at whichever worker it came in."""
        # with a dummy only in an empty box nothing else arrives, which would end a wait
        server = self.cpsd(server__workers=4, dummies__mode="empty", store__url=self.url, store__ttl_default_s=LONG)
        for _ in range(20):
            dest = self.number()
            cursor = self.list(server, dest)["cursor"]
            with server.connect() as reader, server.connect() as writer:
                reader.send(request("GET", f"/cps/{dest}/ppts?after={cursor}", fields={**JSON, "Prefer": "wait=30"}))
                self.waiting(server)
                reader.sock.settimeout(25)  # shorter than the wait: an answer comes because of the message
                body = envelope()
                writer.send(request("POST", f"/cps/{dest}/ppts", body))
                answer = reader.response()
                self.assertEqual([e["ppt"] for e in answer.json()["ppts"]], [body])
                self.assertEqual(answer.get("Preference-Applied"), "wait=30")
                self.assertEqual(writer.response().status, 201)

    def test_wait_answers_at_once_where_something_is(self):
        dest = self.number()
        cursor = self.list(self.trial, dest)["cursor"]
        body = self.put(self.trial, dest)
        answer = self.list(self.trial, dest, "?after=" + cursor, Prefer="wait=20")
        self.assertEqual([e["ppt"] for e in answer["ppts"]], [body])

    def test_wait_ends(self):
        dest = self.number()
        body = self.put(self.trial, dest)
        cursor = self.list(self.trial, dest)["cursor"]
        for query, expected in [("", [body]), ("?after=" + cursor, [])]:
            start = time.monotonic()
            answer = self.list(self.trial, dest, query, Prefer="wait=1")
            self.assertEqual([e["ppt"] for e in answer["ppts"]], expected)
            self.assertGreater(time.monotonic() - start, 0.9)

    def test_wait_of_others(self):
        """What comes for one number wakes nobody who waits for another."""
        dest, other = self.number(), self.number()
        with self.trial.connect() as reader:
            reader.send(request("GET", f"/cps/{dest}/ppts", fields={**JSON, "Prefer": "wait=30"}))
            self.waiting(self.trial)
            self.put(self.trial, other)
            body = self.put(self.trial, dest)
            reader.sock.settimeout(25)  # shorter than the wait: an answer comes because of a message
            self.assertEqual([e["ppt"] for e in reader.response().json()["ppts"]], [body])

    def test_who_goes_away_waits_no_longer(self):
        for _ in range(10):
            with self.server.connect() as reader:
                reader.send(request("GET", f"/cps/{self.number()}/ppts", fields={"Prefer": "wait=30"}))
                self.waiting(self.server)
        until(lambda: self.server.metrics()["cpsd_waiters"] == 0, 5 * SLOW, "nobody waits")

    def test_expiry(self):
        dest = self.number()
        lasting = self.put(self.trial, dest)
        for life_s in LIVES_S:
            body = self.put(self.trial, dest, f"?ttl={life_s}")
            path = f"/cps/{dest}/ppts/{envelope_id(body)}"
            if self.trial.request("GET", path).status == 200:
                break
        else:
            self.fail("it never was there")
        until(lambda: self.trial.request("GET", path).status == 404, life_s + 20, "it expires")
        self.assertProblem(self.trial.request("GET", path), 404)
        self.assertEqual(self.envelopes(self.trial, dest), [lasting])
        self.put(self.trial, dest, body=body)  # what expired can be published anew
        self.assertEqual(self.envelopes(self.trial, dest), [lasting, body])

    def test_longest_ttl(self):
        self.put(self.server, self.number(), "?ttl=4294967295")

    def test_delete(self):
        dest = self.number()
        kept = self.put(self.server, dest)
        path = f"/cps/{dest}/ppts/{envelope_id(kept)}"
        self.assertProblem(self.server.request("DELETE", path), 401, "needs a credential")
        self.assertEqual(self.server.request("GET", path).status, 200)

        body, dest = envelope(), self.number()
        path = f"/cps/{dest}/ppts/{envelope_id(body)}"
        self.assertProblem(self.trial.request("DELETE", path), 404)
        self.assertProblem(self.trial.request("DELETE", path), 404)
        for life_s in LIVES_S[1:]:
            body, end = envelope(), time.monotonic() + life_s
            path = f"/cps/{dest}/ppts/{envelope_id(body)}"
            self.put(self.trial, dest, f"?ttl={life_s}", body)
            gone, twice = self.trial.request("DELETE", path), self.trial.request("DELETE", path)
            got, listed = self.trial.request("GET", path), self.envelopes(self.trial, dest)
            if time.monotonic() < end:
                break
        self.assertEqual((gone.status, gone.body), (204, b""))
        self.assertProblem(twice, 410, "was taken")
        self.assertEqual(got.status, 200)  # strangers see no difference
        self.assertIn(body, listed)
        again = self.trial.publish(dest, body, "?ttl=600")
        self.assertEqual((again.status, again.get("Location")), (200, path))
        until(lambda: self.trial.request("GET", path).status == 404, life_s + 20, "its time is over")
        self.assertNotIn(body, self.envelopes(self.trial, dest))
        self.assertProblem(self.trial.request("DELETE", path), 410, "was taken")
        self.assertEqual(self.trial.publish(dest, body).status, 200)
        self.assertNotIn(body, self.envelopes(self.trial, dest))

    def test_of_several_who_delete_one_wins(self):
        dest = self.number()
        for _ in range(5):
            path = f"/cps/{dest}/ppts/{envelope_id(self.put(self.trial, dest))}"
            statuses = self.at_once(6, lambda: self.trial.request("DELETE", path).status)
            self.assertEqual(sorted(statuses), [204] + [410] * 5)

    def test_of_several_who_publish_one_is_first(self):
        dest = self.number()
        for _ in range(5):
            body = envelope()
            statuses = self.at_once(6, lambda: self.server.publish(dest, body).status)
            self.assertEqual(sorted(statuses), [200] * 5 + [201])
            self.assertEqual(self.envelopes(self.server, dest).count(body), 1)

    def at_once(self, count, work):
        results, barrier = [], threading.Barrier(count)

        def one():
            barrier.wait()
            results.append(work())

        threads = [threading.Thread(target=one) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(results), count)
        return results

    def test_full_box(self):
        dest = self.number()
        bodies = [self.put(self.trial, dest) for _ in range(4)]
        self.put(self.trial, dest, "?ttl=4")
        refused = envelope()
        answer = self.trial.publish(dest, refused)
        self.assertProblem(answer, 429)
        self.assertLessEqual(int(answer.get("Retry-After")), 4)
        self.assertEqual(self.trial.publish(dest, bodies[1]).status, 200)  # what is there already is no more
        self.assertProblem(self.trial.request("GET", f"/cps/{dest}/ppts/{envelope_id(refused)}"), 404)
        self.put(self.trial, self.number())  # a full box is nobody else's trouble
        until(lambda: self.trial.publish(dest, refused).status == 201, 10, "the brief one has expired")

    def test_identities(self):
        """Numbers with * and #, and URIs, are boxes like others."""
        for dest, path in [("*123%23", "%2A123%23"), ("sip:bob@example.com", "sip%3Abob%40example.com")]:
            body = envelope()
            location = self.server.publish(dest, body).get("Location")
            self.assertEqual(location, f"/cps/{path}/ppts/{envelope_id(body)}")
            self.assertEqual(self.server.request("GET", location).body.decode(), body)

    def test_metrics(self):
        dest, server = self.number(), self.trial

        def count():
            m = server.metrics()
            return {name: m.get(name, 0) for name in [
                'cpsd_requests_total{route="publish",status="201"}', 'cpsd_requests_total{route="publish",status="200"}',
                'cpsd_requests_total{route="publish",status="422"}', 'cpsd_requests_total{route="list",status="200"}',
                'cpsd_requests_total{route="fetch",status="404"}', 'cpsd_requests_total{route="delete",status="204"}',
                'cpsd_requests_total{route="other",status="404"}',
                'cpsd_request_duration_seconds_count{route="publish"}', "cpsd_store_operation_seconds_count",
                "cpsd_stored_total", "cpsd_consumed_total", "cpsd_envelopes_served_total", "cpsd_dummies_served_total",
                "cpsd_connections_total", "cpsd_store_failures_total"]}  # fmt: skip

        before = count()
        self.list(server, dest)  # one dummy
        body = self.put(server, dest)
        server.publish(dest, body)
        server.publish(dest, "nonsense")
        self.list(server, dest)
        server.request("GET", f"/cps/{dest}/ppts/{'A' * 22}")
        server.request("DELETE", f"/cps/{dest}/ppts/{envelope_id(body)}")
        server.request("GET", "/nowhere")
        moved = [after - was for after, was in zip(count().values(), before.values())]
        self.assertEqual(moved, [1, 1, 1, 2, 1, 1, 1, 3, 6, 1, 1, 1, 1, 9, 0])

    def test_metrics_format(self):
        """Every line is a comment or a sample; histograms add up."""
        text = self.server.admin_request("/metrics")
        self.assertEqual(text.type, "text/plain; version=0.0.4; charset=utf-8")
        sample = re.compile(r'[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.+eInf-]+')
        for line in text.body.decode().splitlines():
            self.assertTrue(re.match("# (HELP|TYPE) (cpsd|process)_", line) or sample.fullmatch(line), line)
        metrics = self.server.metrics()
        for name, value in metrics.items():
            match = re.fullmatch(r'(cpsd_\w+)_bucket\{(?:route="(\w+)",)?le="\+Inf"\}', name)
            if match:
                route = f'{{route="{match[2]}"}}' if match[2] else ""
                self.assertEqual(value, metrics[f"{match[1]}_count{route}"])

    def test_health(self):
        for answer in [self.server.request("GET", "/health"), self.server.admin_request("/health"),
                       self.server.admin_request("/ready")]:  # fmt: skip
            said = answer.json()
            store = said.pop("store", None)
            self.assertEqual((answer.status, said), (200, {"status": 200, "message": "OK"}))
        # what the last of them says of a store whose settings make it forget
        self.assertEqual(store and re.sub(r".*: app", "app", store), "appendonly is not yes: all data is lost on a restart" if hasattr(self, "database") else None)
        for path in ("/cps/12/ppts", "/nowhere"):
            self.assertEqual(self.server.admin_request(path).status, 404)
        for path in ("/metrics", "/ready"):
            self.assertEqual(self.server.request("GET", path).status, 404)


class Memory(Boxes, Case):
    @classmethod
    def store_url(cls):
        return "memory:"

    def test_memory_limit(self):
        server = self.cpsd(store__memory_limit_bytes=1048576, store__ttl_default_s=600)
        statuses = set()
        with server.connect() as connection:
            for i in range(100):
                answer = connection.request("POST", f"/cps/1202555{i:04}/ppts", envelope(8192))
                statuses.add(answer.status)
                if answer.status == 503:
                    self.assertProblem(answer, 503)
        self.assertEqual(statuses, {201, 503})
        self.assertLessEqual(server.metrics()["cpsd_held_bytes"], 1048576)


class RedisUnix(Boxes, Case):
    @classmethod
    def store_url(cls):
        cls.database = cls.class_redis()
        return cls.database.url

    def test_servers_share_a_store(self):
        dest = self.number()
        body = self.put(self.server, dest)
        self.assertIn(body, self.envelopes(self.trial, dest))
        self.assertEqual(self.trial.publish(dest, body).status, 200)

    def test_a_server_forgets_nothing(self):
        dest = self.number()
        server = self.cpsd(store__url=self.database.url, store__ttl_default_s=600)
        body = self.put(server, dest)
        server.stop()
        server = self.cpsd(store__url=self.database.url, store__ttl_default_s=600)
        self.assertIn(body, self.envelopes(server, dest))

    def test_one_key_a_box(self):
        """In a cluster a request touches one slot: the destination is the key's hash tag."""
        dest = self.number()
        bodies = [self.put(self.server, dest) for _ in range(3)]
        with self.database.client() as client:
            keys = [key.decode() for key in client.call("KEYS", f"*{dest}*")]
            limit = f"cpsl:dest:{{{dest}}}"  # goes when it is full again, in milliseconds
            self.assertEqual(set(keys) - {limit}, {f"cps:{{{dest}}}"})
            self.assertGreater(client.call("PTTL", f"cps:{{{dest}}}"), 590000)
            content = client.everything()
        for body in bodies:
            ciphertext = body.split(".")[3]  # is kept without its base64url
            self.assertTrue(base64.urlsafe_b64decode(ciphertext + "=" * (-len(ciphertext) % 4)) in content)

    def commands(self, requests):
        """The names of Redis' commands while cpsd serves them; all are answered with 200 or 201."""
        with self.server.connect() as connection, self.database.client() as monitor:
            monitor.call("MONITOR")
            for method, target, sent in requests:
                self.assertIn(connection.request(method, target, sent).status, (200, 201))
            with self.database.client() as client:
                client.call("ECHO", "over")
            seen = iter(lambda: self.command_of(monitor.reply()), "echo")
            return [name for name in seen if name != "ping"]  # a subscriber's sign of life

    def test_one_round_trip_a_request(self):
        dest = self.number()
        body = self.put(self.server, dest)
        self.put(self.server, dest)  # from now on cpsd knows that there is a box
        box = f"/cps/{dest}/ppts"
        for request in [("POST", box, body), ("GET", box, None), ("GET", f"{box}/{envelope_id(body)}", None)]:
            seen = self.commands([request] * 10)
            # these are sent together with the command after them
            plain = [name for name in seen if name and name not in ("time", "pexpiretime")]
            self.assertEqual(len(plain), 10, seen)

    def test_no_script_for_a_new_box(self):
        """The first envelope for a number, and looking for it; the second one finds that there is a box. Without limits:
        their buckets take a script."""
        was, self.server = self.server, self.cpsd(store__url=self.database.url, store__ttl_default_s=600, limits__publish_by_destination=0,
                                          limits__publish_by_address=0)  # fmt: skip
        self.addCleanup(setattr, self, "server", was)
        made = ["multi", "hsetnx", "pexpire", "publish", "exec"]
        boxes = [f"/cps/{self.number()}/ppts" for _ in range(5)]
        self.assertEqual(self.commands([("POST", box, envelope()) for box in boxes]), made * 5)
        self.assertEqual(self.commands([("GET", box, None) for box in boxes]), ["time", "pexpiretime", "hmget"] * 5)
        seen = self.commands([("POST", boxes[0], envelope())] * 2)
        self.assertEqual([name for name in seen if name], [*made, "evalsha", "evalsha"])

    def command_of(self, line):
        """'1763762400.1 [0 unix:/x] "EVALSHA" ...' -> "evalsha"; None for what a script did inside Redis."""
        return None if b" lua] " in line else re.search(rb'\] "(\w+)"', line)[1].decode().lower()

    def test_boxes_go_when_all_in_them_has_expired(self):
        with self.database.client() as client:
            for life_s in LIVES_S:
                dest = self.number()
                self.put(self.server, dest, f"?ttl={life_s}")
                if client.call("KEYS", f"cps:*{dest}*"):
                    break
            else:
                self.fail("there never was a box")
            until(lambda: not client.call("KEYS", f"*{dest}*"), life_s + 20, "the box is gone")


class RedisTcp(Boxes, Case):
    @classmethod
    def store_url(cls):
        cls.database = cls.class_redis(tcp=True)
        return cls.database.url + "/3"

    def test_database(self):
        self.put(self.server, self.number())
        with self.database.client() as client:
            self.assertEqual(client.call("DBSIZE"), 0)
            client.call("SELECT", 3)
            self.assertGreater(client.call("DBSIZE"), 0)


class Policies(Case):
    def test_nobody(self):
        server = self.cpsd(
            policy__publish="nobody", policy__list="nobody", policy__fetch="nobody", policy__delete="nobody")  # fmt: skip
        box = "/cps/12025550100/ppts"
        for method, path, action in [("POST", box, "publish"), ("GET", box, "list"), ("HEAD", box, "list"),
                                     ("GET", f"{box}/{'A' * 22}", "fetch"),
                                     ("DELETE", f"{box}/{'A' * 22}", "delete")]:  # fmt: skip
            answer = server.request(method, path, envelope() if method == "POST" else None)
            if method == "HEAD":
                self.assertEqual(answer.status, 403)
            else:
                self.assertProblem(answer, 403, f'"{action}" is "nobody"')
        self.assertEqual(server.request("GET", "/health").status, 200)

    def test_what_is_open_is_said_at_start(self):
        log = self.cpsd(policy__delete="token").log()
        self.assertRegex(log, "warning policy: publish is open: anyone can do this without a credential")
        self.assertRegex(log, "warning policy: delete is token")
        self.assertRegex(log, "notice +policy: list is open: anyone can do this without a credential")
        self.assertRegex(log, "notice +policy: keys_put is holder")
        self.assertIn("lost on exit", log)

    def test_f14_a_canonical_number_is_never_a_national_one(self):
        """Numbering keys of an earlier release are accepted, warned of and without effect."""
        rows = [
            ({"country_code": 1, "national_digits": 10}, "4512345678"),
            ({"country_code": 7, "national_prefix": 8}, "81312345678"),
            ({"country_code": 39}, "33123456789"),
            ({"country_code": 49, "international_prefix": "00", "national_prefix": "0"}, "4930123456"),
        ]
        for keys, number in rows:
            server = self.cpsd(store__ttl_default_s=600, **{"numbers__" + key: value for key, value in keys.items()})
            body = envelope()
            expected = f"/cps/{number}/ppts/{envelope_id(body)}"
            for dest in (number, "+" + number, f"{number[:4]}-{number[4:]}", "tel:+" + number):
                with self.subTest(dest, keys=keys):
                    self.assertEqual(server.publish(dest, body).get("Location"), expected)
            for key in keys:
                self.assertRegex(server.log(), rf"warning configuration: \[numbers\] {key} has no effect any more: .*canonical")
        self.assertEqual(server.publish("110", body).get("Location"), f"/cps/110/ppts/{envelope_id(body)}")
        self.assertEqual(server.publish("030123456", body).get("Location"), f"/cps/030123456/ppts/{envelope_id(body)}")

    def test_public_url(self):
        server = self.cpsd(server__public_url="https://cps.example.com", dummies__mode="empty",
                           server__list_max_entries=1)  # fmt: skip
        body = envelope()
        location = server.publish("12", body).get("Location")
        server.publish("12", envelope())
        self.assertEqual(server.request("GET", location).get("Link"),
                         '<https://cps.example.com/cps/12/ppts>; rel="collection"')  # fmt: skip
        self.assertRegex(server.request("GET", "/cps/12/ppts").get("Link"),
                         r'^<https://cps\.example\.com/cps/12/ppts\?after=[\w-]{11}>; rel="next"$')  # fmt: skip

    def test_access_log_tells_no_number(self):
        for numbers in ("no", "yes"):
            server = self.cpsd(log__access="yes", log__numbers=numbers)
            body = envelope()
            for _ in range(8):  # at one worker and the other
                server.publish("12025550199", body)
                server.request("GET", "/cps/12025550199/ppts?after=xyzzy")
            server.stop()
            log = server.log()
            self.assertEqual(len(re.findall(r"status=(201|200|400)", log)), 16, log)
            self.assertEqual("12025550199" in log, numbers == "yes", log)
            self.assertNotIn(body[:40], log)
            self.assertNotIn("xyzzy", log)
            self.assertEqual(len(set(re.findall(r"dest=(\S+)", log))), 1, "equal numbers look equal")


class PlainListeners(Case):
    def test_plain_and_unix(self):
        """With a proxy that terminates TLS: the same service without TLS, on a port or a unix socket."""
        directory = self.temp()
        server = self.cpsd(server__listen_plain=f"127.0.0.1:0, unix:{directory}/cpsd.sock")
        body = envelope()
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(20)
            sock.connect(f"{directory}/cpsd.sock")
            sock.sendall(request("POST", "/cps/12/ppts", body))
            self.assertTrue(sock.recv(4096).startswith(b"HTTP/1.1 201 Created\r\n"))
        self.assertEqual(server.request("GET", f"/cps/12/ppts/{envelope_id(body)}").body.decode(), body)
        self.assertRegex(server.log(), r"listening on http://127\.0\.0\.1:\d+")
