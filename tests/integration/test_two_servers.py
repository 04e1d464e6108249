"""Two cpsd on one Redis behave as one: who waits at one wakes for what is published at the other, a token used at one is
refused at the other, a limit spent at one is spent at the other, an empty box looks the same at both."""
# presets: dev asan
import os
import time
import unittest

from envelope import envelope, envelope_id
from harness import CPSD, HOME, SLOW, Case, Redis, run
from test_token_auth import Tokens
from wire import until

TokenCase = Tokens.__base__  # what those tests stand on
del Tokens  # not to be run again here
WAITERS = 40


class TwoServers(TokenCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.redis = cls.class_redis(tcp=True)
        cls.secret = cls.file("dummies", os.urandom(32))

    def two(self, **keys):
        keys = {"store__url": self.redis.url, "dummies__secret_file": self.secret, **keys}
        servers = self.cpsd(**keys), self.cpsd(**keys)
        for server in servers:  # each worker has one
            until(lambda: server.metrics()["cpsd_store_connections"] >= 2, 10 * SLOW, "the workers are connected")
        return servers

    def wait_at(self, server, path, seconds=10):
        connection = server.connect()
        self.addCleanup(connection.close)
        connection.send(f"GET /cps/{path} HTTP/1.1\r\nHost: x\r\nPrefer: wait={seconds}\r\n\r\n".encode())
        return connection

    def test_wakes_within_20_ms(self):
        one, other = self.two(dummies__mode="empty")
        took = []
        for i in range(WAITERS):
            dest, text = f"12157770{i % 20:03d}", envelope()  # each box twice: subscribed anew, and still
            waiting = self.wait_at(other, f"{dest}/ppts")
            time.sleep(0.05 * SLOW)
            with one.connect() as connection:
                self.assertEqual(connection.request("POST", f"/cps/{dest}/ppts", text).status, 201)
                started = time.monotonic()
                answer = waiting.response()
                took.append(time.monotonic() - started)
            self.assertEqual(answer.get("Preference-Applied"), "wait=10")
            self.assertIn(envelope_id(text), answer.body.decode())
        took.sort()
        print("published there, answered here: median %.1f ms later, longest %.1f ms"
              % (1000 * took[WAITERS // 2], 1000 * took[-1]))  # fmt: skip
        # a busy machine may hold up the others
        self.assertLess(took[WAITERS // 4], 0.02 * SLOW, took)

    def test_nothing_is_missed_when_both_come_at_once(self):
        """Published in the moment in which the waiting begins: it is in the list, or it wakes."""
        one, other = self.two(dummies__mode="empty")
        for i in range(WAITERS):
            dest, text = f"12157771{i:03d}", envelope()
            listed = other.request("GET", f"/cps/{dest}/ppts", fields={"Accept": "application/json"})
            waiting = self.wait_at(other, f"{dest}/ppts?after={listed.json()['cursor']}", 20)
            time.sleep(0.0005 * (i % 10))
            started = time.monotonic()
            self.assertEqual(one.publish(dest, text).status, 201)
            self.assertIn(envelope_id(text), waiting.response().body.decode())
            self.assertWithin(started, 2, "being told")

    def test_redis_comes_back(self):
        """Subscriptions do, too, and what came meanwhile is seen at once."""
        one, other = self.two(dummies__mode="empty", store__timeout_ms=500)
        dest, text = "12157772000", envelope()
        waiting = self.wait_at(other, f"{dest}/ppts", 30)
        time.sleep(0.2 * SLOW)
        with self.redis.client() as client:
            client.call("CLIENT", "KILL", "TYPE", "pubsub")
        time.sleep(1)
        self.assertEqual(one.publish(dest, text).status, 201)
        started = time.monotonic()
        self.assertIn(envelope_id(text), waiting.response().body.decode())
        self.assertWithin(started, 3, "waking")

    def test_same_dummies(self):
        one, other = self.two(dummies__mode="steady")
        for dest in ("12157773000", "5551212", "12157773001"):
            for _ in range(3):
                lists = [server.request("GET", f"/cps/{dest}/ppts").body for server in (one, other)]
                if lists[0] == lists[1]:
                    break
            self.assertEqual(*lists)
            self.assertTrue(lists[0])

    def test_token_is_used_once(self):
        one, other = self.two(**self.keys())
        for servers in ((one, other), (other, one), (one, one)):
            text = envelope()
            token = self.token(text)
            self.assertEqual(self.post(servers[0], token, text).status, 201)
            refused = self.post(servers[1], token, text)
            self.assertProblem(refused, 401, "used before")

    def test_limit_is_shared(self):
        one, other = self.two(limits__publish_by_destination=1, limits__burst_s=4)
        dest = "12157774000"
        statuses = [(one, other)[i % 2].publish(dest, envelope()).status for i in range(8)]
        self.assertIn(statuses.count(201), (4, 5), statuses)
        self.assertEqual(statuses[:4], [201] * 4)
        self.assertEqual(other.publish("12157774001", envelope()).status, 201)

    def test_removed_there_is_gone_here(self):
        one, other = self.two(policy__delete="open", dummies__mode="empty")
        dest, text = "12157775000", envelope()
        location = one.publish(dest, text).get("Location")
        self.assertEqual(other.request("DELETE", location).status, 204)
        self.assertEqual(one.request("DELETE", location).status, 404)
        self.assertEqual(one.publish(dest, text).status, 200)
        self.assertNotIn(envelope_id(text), other.request("GET", f"/cps/{dest}/ppts").body.decode())


class Settings(Case):
    """deploy/redis/: what is there is enough, and what a server lacks is said."""

    def test_user(self):
        with open(os.path.join(HOME, "deploy", "redis", "cps.acl")) as lines:
            rules = lines.read()
        path = os.path.join(self.temp(), "cps.acl")
        with open(path, "w") as out:
            out.write(rules + "user default off\n")
        redis = Redis.__new__(Redis)
        redis.answers = lambda: os.path.exists(redis.socket)  # it takes no PING from strangers
        redis.__init__(self.temp(), True, ["--aclfile", path])
        self.addCleanup(redis.kill)
        url = redis.url.replace("//", "//cps:change-this-password@")
        keys = {"store__url": url, "dummies__mode": "empty", "policy__delete": "open"}
        one, other = self.cpsd(**keys), self.cpsd(**keys)
        until(lambda: min(s.metrics()["cpsd_store_connections"] for s in (one, other)) >= 2, 10 * SLOW, "connected")
        dest, text = "12157776000", envelope()
        with other.connect() as waiting:
            waiting.send(f"GET /cps/{dest}/ppts HTTP/1.1\r\nHost: x\r\nPrefer: wait=20\r\n\r\n".encode())
            time.sleep(0.3 * SLOW)
            location = one.publish(dest, text).get("Location")
            started = time.monotonic()
            self.assertIn(envelope_id(text), waiting.response().body.decode())
            self.assertWithin(started, 2, "waking")
        self.assertEqual(other.request("GET", location).status, 200)
        self.assertEqual(other.request("DELETE", location).status, 204)
        for server in (one, other):
            self.assertNotIn("refuses", server.log())

    def test_advice(self):
        rows = (
            ("local", "local.conf", (), None),
            ("replicas:1", "replicas.conf", (), None),
            ("local", "local.conf", ("--appendonly", "no"), "appendonly is not yes"),
            ("local", "local.conf", ("--maxmemory-policy", "allkeys-lru"), "maxmemory-policy is not noeviction"),
            ("replicas:2", "replicas.conf", (), "min-replicas-to-write is less than 2"),
        )
        for durability, name, options, said in rows:
            with self.subTest(durability=durability, options=options):
                redis = Redis(self.temp(), options=["--include", os.path.join(HOME, "deploy", "redis", name), *options])
                self.addCleanup(redis.kill)
                server = self.cpsd(store__url=redis.url, store__durability=durability, server__workers=1)
                until(lambda: ": connected" in server.log(), 10 * SLOW, "connected")
                time.sleep(0.1 * SLOW)
                self.assertEqual("warning Redis" in server.log(), bool(said), server.log())
                self.assertIn(said or "", server.log())
                if durability == "local":  # the others have no replica, and so are not ready
                    until(lambda: server.admin_request("/ready").status == 200, 10 * SLOW, "ready")
                    ready = server.admin_request("/ready").json().get("store")
                    self.assertIn(said, ready) if said else self.assertIsNone(ready)
                server.stop()
                redis.kill()

    def test_durability_is_checked(self):
        for value in ("", "replicas", "replicas:", "replicas:0", "replicas:17", "replicas:1x", "replicas:-1", "none"):
            done = run(CPSD, "-t", "-o", f"store.durability={value}", "-o", "server.listen=", "-o",
                       "server.listen_plain=127.0.0.1:0", status=None)  # fmt: skip
            self.assertNotEqual(done.returncode, 0, value)
            self.assertIn(b"durability", done.stderr, value)


if __name__ == "__main__":
    unittest.main()
