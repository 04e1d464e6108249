# SPDX-License-Identifier: MIT
"""A store that fails: what could not be stored is never called stored, and every request is answered."""
import contextlib
import signal
import threading

from envelope import envelope, envelope_id
from harness import SLOW, Case, Redis, RedisError
from wire import request, until

JSON = {"Accept": "application/json"}
BOX = "/cps/12025550100/ppts"


class Away(Case):
    def setUp(self):
        self.database = self.redis()
        self.server = self.serve(self.database.url)

    def serve(self, url):
        return self.cpsd(store__url=url, store__ttl_default_s=600, store__timeout_ms=1000)

    def assertRefused(self):
        """Every kind of request is answered 503 with Retry-After, on kept-alive connections and new ones."""
        with self.server.connect() as connection:
            for method, path, body in [("POST", BOX, envelope()), ("GET", BOX, None),
                                       ("GET", f"{BOX}/{'A' * 22}", None)]:  # fmt: skip
                self.assertProblem(connection.request(method, path, body), 503)

    def assertSick(self):
        until(lambda: self.server.request("GET", "/health").status == 503, 3 * SLOW, "/health says so")
        for answer in (self.server.request("GET", "/health"), self.server.admin_request("/ready")):
            self.assertProblem(answer, 503)

    def serves(self):
        """Each worker has a connection of its own: several requests, each over a new connection."""
        return all(
            self.server.publish("12", envelope()).status == 201
            and self.server.request("GET", BOX).status == 200
            and self.server.request("GET", "/health").status == 200
            for _ in range(5)
        )

    def assertRecovers(self):
        until(self.serves, 10 * SLOW, "cpsd stores again")
        until(lambda: self.server.admin_request("/ready").status == 200, 10 * SLOW, "cpsd is ready again")

    def test_killed(self):
        until(self.serves, 10 * SLOW, "cpsd stores")
        self.database.kill()
        self.assertRefused()
        self.assertSick()
        self.assertRefused()
        self.database.start()
        self.assertRecovers()
        self.assertGreater(self.server.metrics()["cpsd_store_reconnects_total"], 0)
        self.assertGreater(self.server.metrics()["cpsd_store_failures_total"], 5)

    def test_ready_is_said_when_the_store_is_connected(self):
        """The first requests after a start are served, at every worker."""
        log = self.server.log()
        self.assertEqual(log.count(": connected"), log[: log.index("ready:")].count(": connected"))
        self.assertIn(": connected", log)

    def test_stopped(self):
        """A Redis that keeps its connections open and does not answer."""
        until(self.serves, 10 * SLOW, "cpsd stores")
        self.database.signal(signal.SIGSTOP)
        self.assertRefused()
        self.assertSick()
        self.assertRefused()
        self.database.signal(signal.SIGCONT)
        self.assertRecovers()

    def test_not_there_at_start(self):
        directory = self.temp()
        path = directory + "/redis/redis.sock"
        self.server = self.serve(f"redis+unix://{path}")
        self.assertRefused()
        self.assertSick()
        database = Redis(directory)
        self.addCleanup(database.kill)
        self.assertRecovers()

    def test_pipelined_requests_of_an_outage_are_all_answered(self):
        self.database.signal(signal.SIGSTOP)
        with self.server.connect() as connection:
            connection.send(b"".join(request("POST", BOX, envelope()) for _ in range(20)))
            for _ in range(20):
                self.assertProblem(connection.response(), 503)
        self.database.signal(signal.SIGCONT)
        self.assertRecovers()

    def test_waiters(self):
        """Who waits while Redis goes is answered when a message comes after its return, and the connection lives on.
        It can be a 503: the reader's worker may find its way back to Redis a moment after the publisher's."""
        with self.server.connect() as connection:
            until(lambda: connection.request("GET", BOX).status == 200, 10 * SLOW, "lists are read")
            connection.send(request("GET", BOX, fields={**JSON, "Prefer": "wait=30"}))
            self.waiting(self.server)
            self.database.kill()
            self.assertSick()
            self.database.start()
            until(lambda: self.server.publish("12025550100", envelope()).status == 201, 4 * SLOW, "cpsd stores again")
            self.assertIn(connection.response().status, (200, 503))
            until(lambda: connection.request("GET", BOX).status == 200, 2 * SLOW, "lists are read again")

    def test_stop_during_an_outage(self):
        self.database.signal(signal.SIGSTOP)
        with self.server.connect() as connection:
            body = envelope()
            sent = request("POST", BOX, body, {"Expect": "100-continue"})
            connection.send(sent[: -len(body)])
            self.assertTrue(connection.take(25).startswith(b"HTTP/1.1 100"))  # the head was read
            connection.send(body.encode())
            self.server.terminate()
            self.assertProblem(connection.response(), 503)
        self.server.stop()
        self.database.signal(signal.SIGCONT)


class NeverALie(Case):
    def refusals(self, statuses, more):
        """Waits until each publisher was refused this many times more."""
        counts = {dest: seen.count(503) for dest, seen in statuses.items()}
        until(lambda: all(seen.count(503) >= counts[dest] + more for dest, seen in statuses.items()), 20, "all are refused")

    def test_what_was_201_is_there(self):
        """Redis writes each command to disk before it answers, and is killed again and again while two clients
        publish: whatever was answered 201 is there afterwards."""
        database = self.redis(options=["--appendonly", "yes", "--appendfsync", "always"])
        server = self.cpsd(store__url=database.url, store__ttl_default_s=600)
        stored, statuses, over = [], {"12": [], "13": []}, threading.Event()

        def publish(dest):
            while not over.is_set():
                with contextlib.suppress(OSError), server.connect() as connection:
                    while not over.is_set():
                        body = envelope()
                        answer = connection.request("POST", f"/cps/{dest}/ppts", body)
                        statuses[dest].append(answer.status)
                        if answer.status == 201:
                            stored.append(f"/cps/{dest}/ppts/{envelope_id(body)}")

        threads = [threading.Thread(target=publish, args=(dest,)) for dest in statuses]
        for thread in threads:
            thread.start()
        for _ in range(3):
            count = len(stored)
            until(lambda: len(stored) > count + 50, 20 * SLOW, "50 more are stored")
            database.kill()
            self.refusals(statuses, 2)  # nothing is on its way any more
            count = len(stored)
            self.refusals(statuses, 5)
            self.assertEqual(len(stored), count, "while Redis is away nothing is stored")
            database.start()
        until(lambda: len(stored) > count, 20 * SLOW, "cpsd stores again")
        over.set()
        for thread in threads:
            thread.join()
        self.assertEqual(set().union(*statuses.values()), {201, 503})
        with server.connect() as connection:
            until(lambda: connection.request("GET", "/health").status == 200, 2 * SLOW, "this worker is back too")
            found = [connection.request("GET", path).status for path in stored]
        self.assertGreater(len(found), 150)
        self.assertEqual(set(found), {200})


class Strange(Case):
    """A Redis that answers, but not as it should."""

    def setUp(self):
        self.database = self.redis()
        self.server = self.cpsd(store__url=self.database.url, store__ttl_default_s=600)

    def call(self, *words):
        with self.database.client() as client:
            return client.call(*words)

    def test_out_of_memory(self):
        body = envelope()
        self.assertEqual(self.server.publish("12", body).status, 201)
        self.call("CONFIG", "SET", "maxmemory", "1")
        for _ in range(3):
            self.assertProblem(self.server.publish("12", envelope()), 503)
        self.assertProblem(self.server.request("GET", "/health"), 503)  # it still reads, but can it publish
        self.assertEqual(self.server.request("GET", f"/cps/12/ppts/{envelope_id(body)}").body.decode(), body)
        self.call("CONFIG", "SET", "maxmemory", "0")
        until(lambda: self.server.publish("12", envelope()).status == 201, 2 * SLOW, "cpsd stores again")
        until(lambda: self.server.request("GET", "/health").status == 200, 2 * SLOW, "/health says so")
        self.assertLogged("OOM", self.server)

    def test_scripts_are_lost_again_and_again(self):
        """While a worker loads them for one request they are lost for the next."""
        server = self.cpsd(store__url=self.database.url, limits__publish_by_address=0,
                           limits__publish_by_destination=0)  # fmt: skip
        statuses, over = [], threading.Event()

        def publish(dest):
            with server.connect() as connection:
                while not over.is_set():
                    statuses.append(connection.request("POST", f"/cps/{dest}/ppts", envelope()).status)

        threads = [threading.Thread(target=publish, args=(dest,)) for dest in ("12", "13", "14")]
        for thread in threads:
            thread.start()
        with self.database.client() as client:
            for _ in range(100):
                count = len(statuses)
                until(lambda: len(statuses) > count + 6, 20 * SLOW, "some more are answered")
                for _ in range(2):
                    client.call("SCRIPT", "FLUSH")
        over.set()
        for thread in threads:
            thread.join()
        self.assertEqual(set(statuses), {201})

    def test_scripts_are_lost(self):
        self.assertEqual(self.server.publish("12", envelope()).status, 201)
        for _ in range(3):
            self.call("SCRIPT", "FLUSH")
            self.assertEqual(self.server.publish("12", envelope()).status, 201)
            self.assertEqual(self.server.request("GET", "/cps/12/ppts").status, 200)

    def test_everything_is_lost(self):
        body = envelope()
        self.server.publish("12", body)
        self.call("FLUSHALL")
        self.assertEqual(self.server.request("GET", f"/cps/12/ppts/{envelope_id(body)}").status, 404)
        self.assertEqual(self.server.publish("12", body).status, 201)

    def test_another_kind_of_key(self):
        """Somebody else's value under the name of a box: an error there, nowhere else."""
        self.server.publish("12", envelope())
        (key,) = self.call("KEYS", "cps:*")
        self.call("DEL", key)
        self.call("SET", key, "not a box")
        self.assertProblem(self.server.publish("12", envelope()), 503)
        self.assertProblem(self.server.request("GET", "/cps/12/ppts"), 503)
        self.assertEqual(self.server.publish("13", envelope()).status, 201)
        self.assertEqual(self.call("GET", key), b"not a box")

    def test_read_only(self):
        """A Redis that became a replica takes no writes: refused, and taken up again when it is one's own master."""
        self.assertEqual(self.server.publish("12", envelope()).status, 201)
        self.call("REPLICAOF", "127.0.0.1", "1")
        self.assertProblem(self.server.publish("12", envelope()), 503)
        self.call("REPLICAOF", "NO", "ONE")
        until(lambda: self.server.publish("12", envelope()).status == 201, 3 * SLOW, "cpsd stores again")

    def test_connections_are_cut(self):
        for _ in range(5):
            with contextlib.suppress(RedisError):
                self.call("CLIENT", "KILL", "TYPE", "normal")
            until(lambda: self.server.publish("12", envelope()).status == 201, 2 * SLOW, "cpsd stores again")

    def test_password(self):
        self.call("CONFIG", "SET", "requirepass", "s3cret")
        bad = self.cpsd(store__url=self.database.url.replace("://", "://:wrong@"))
        self.assertProblem(bad.publish("12", envelope()), 503)
        self.assertNotIn("wrong", bad.log())
        good = self.cpsd(store__url=self.database.url.replace("://", "://:s3cret@"))
        self.assertEqual(good.publish("12", envelope()).status, 201)
        self.assertNotIn("s3cret", good.log())
