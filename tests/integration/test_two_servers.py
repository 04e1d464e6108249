# SPDX-License-Identifier: MIT
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

    def test_wakes(self):
        one, other = self.two(dummies__mode="empty")
        for i in range(WAITERS):
            dest, text = f"12157770{i % 20:03d}", envelope()  # each box twice: subscribed anew, and still
            waiting = self.wait_at(other, f"{dest}/ppts", 30)
            self.waiting(other)
            with one.connect() as connection:
                self.assertEqual(connection.request("POST", f"/cps/{dest}/ppts", text).status, 201)
                waiting.sock.settimeout(25)  # shorter than the wait: an answer comes because of the message
                answer = waiting.response()
            self.assertEqual(answer.get("Preference-Applied"), "wait=30")
            self.assertIn(envelope_id(text), answer.body.decode())

    def assertSeen(self, server, waiting, dest, text):
        """The waiting request is answered, and the published envelope is there. The answer may be for a dummy whose time
        began meanwhile: then a list has the envelope."""
        waiting.sock.settimeout(25)
        body = waiting.response().body.decode()
        if envelope_id(text) not in body:
            body = server.request("GET", f"/cps/{dest}/ppts").body.decode()
        self.assertIn(envelope_id(text), body)

    def test_nothing_is_missed_when_both_come_at_once(self):
        """Published in the moment in which the waiting begins: it is in the list, or it wakes."""
        one, other = self.two(dummies__mode="empty")
        for i in range(WAITERS):
            dest, text = f"12157771{i:03d}", envelope()
            listed = other.request("GET", f"/cps/{dest}/ppts", fields={"Accept": "application/json"})
            waiting = self.wait_at(other, f"{dest}/ppts?after={listed.json()['cursor']}", 30)
            time.sleep(0.0005 * (i % 10))
            self.assertEqual(one.publish(dest, text).status, 201)
            self.assertSeen(other, waiting, dest, text)

    def test_redis_comes_back(self):
        """Subscriptions do, too, and what came meanwhile is seen at once."""
        one, other = self.two(dummies__mode="empty")
        dest, text = "12157772000", envelope()
        waiting = self.wait_at(other, f"{dest}/ppts", 30)
        self.waiting(other)
        with self.redis.client() as client:
            until(lambda: client.call("PUBSUB", "CHANNELS", f"*{dest}*"), 20, "it has subscribed")
            client.call("CLIENT", "KILL", "TYPE", "pubsub")
            until(lambda: client.call("PUBSUB", "CHANNELS", f"*{dest}*"), 20, "it has subscribed again")
        self.assertEqual(one.publish(dest, text).status, 201)
        self.assertSeen(other, waiting, dest, text)

    def test_same_dummies(self):
        one, other = self.two(dummies__mode="steady", store__ttl_default_s=259200)  # hardly one comes or goes
        for dest in ("12157773000", "5551212", "12157773001"):
            lists = [server.request("GET", f"/cps/{dest}/ppts").body for server in (one, other)]
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
        one, other = self.two(limits__publish_by_destination=1, limits__burst_s=40)
        dest, start = "12157774000", time.monotonic()
        self.assertEqual([one.publish(dest, envelope()).status for _ in range(40)], [201] * 40)
        taken = 0
        while other.publish(dest, envelope()).status == 201:
            taken += 1
        self.assertLessEqual(taken, time.monotonic() - start, "tokens that came back meanwhile")
        self.assertEqual(other.publish("12157774001", envelope()).status, 201)

    def test_removed_there_is_gone_here(self):
        one, other = self.two(policy__delete="open", dummies__mode="empty")
        dest, text = "12157775000", envelope()
        location = one.publish(dest, text).get("Location")
        self.assertEqual(other.request("DELETE", location).status, 204)
        self.assertEqual(one.request("DELETE", location).status, 410)
        self.assertEqual(one.publish(dest, text).status, 200)
        nowhere = f"/cps/{dest}/ppts/{'A' * 22}"
        self.assertEqual([server.request("DELETE", f"{nowhere}?claim=yes").status for server in (one, other, one)],
                         [404, 410, 410])


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
            self.waiting(other)
            location = one.publish(dest, text).get("Location")
            waiting.sock.settimeout(15)
            self.assertIn(envelope_id(text), waiting.response().body.decode())
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
                if said:
                    until(lambda: said in server.log(), 10 * SLOW, "it is said")
                else:
                    time.sleep(0.1 * SLOW)  # that nothing is said has no event
                self.assertEqual("warning Redis" in server.log(), bool(said), server.log())
                if durability == "local":  # the others have no replica, and so are not ready
                    until(lambda: server.admin_request("/ready").status == 200, 10 * SLOW, "ready")
                    ready = server.admin_request("/ready").json().get("store")
                    self.assertIn(said, ready) if said else self.assertIsNone(ready)
                server.stop()
                redis.kill()

    def test_durability_is_checked(self):
        for value in ("", "replicas", "replicas:", "replicas:0", "replicas:17", "replicas:1x", "replicas:-1", "none"):
            done = run(CPSD, "-t", "-o", f"store.durability={value}", "-o", "policy.publish=open", "-o", "server.listen=", "-o",
                       "server.listen_plain=127.0.0.1:0", status=None)  # fmt: skip
            self.assertNotEqual(done.returncode, 0, value)
            self.assertIn(b"durability", done.stderr, value)


if __name__ == "__main__":
    unittest.main()
