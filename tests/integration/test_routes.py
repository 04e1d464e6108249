# SPDX-License-Identifier: MIT
"""Several servers of one CPS, and some of them killed: what was taken is there, and nothing fails meanwhile."""
# presets: dev asan
import json
import signal
import subprocess
import threading

import keys_case
from envelope import envelope
from harness import CPSCTL, Cpsd
from keys_case import BOB, BOB_SPC
from wire import until
from cpsctl_case import clean_env


class Killed(Cpsd):
    """One that a test may kill: then there is no proper end to ask for."""

    dead = False

    def die(self):
        """On the spot, as with a machine that loses power."""
        self.dead = True
        self.kill()

    def stop(self, seconds=30):
        if not self.dead:
            super().stop(seconds)


class Servers(keys_case.Case):
    """Two cpsd on one Redis."""

    def setUp(self):
        redis = self.redis()
        self.a, self.b = self.start(redis), self.start(redis)
        self.roots = self.write("roots.pem", self.read(self.a.ca) + self.read(self.b.ca))
        self.urls = f"{self.a.url},{self.b.url}"

    def start(self, redis):
        server = Killed(self.temp(), store__url=redis.url, policy__keys_put="open", numbers__table=self.numbers)
        self.addCleanup(server.kill)
        self.addCleanup(server.stop)
        return server

    def stored(self, server, dest):
        cursor, ids = "", []
        while True:
            answer = server.request("GET", f"/cps/{dest}/ppts" + (f"?after={cursor}" if cursor else ""), None,
                                    {"Accept": "application/json"}).json()  # fmt: skip
            ids += [item["id"] for item in answer["ppts"]]
            if answer["cursor"] == cursor or len(answer["ppts"]) < 250:
                return ids
            cursor = answer["cursor"]

    def test_killed_while_publishing(self):
        """One process publishes on and on; its first server is killed in the middle. All that it was told is there."""
        count = 1500
        path = self.write("envelopes", "".join(envelope() + "\n" for _ in range(count)))
        before = self.a.metrics()["cpsd_stored_total"]
        process = subprocess.Popen(
            [CPSCTL, "publish", "--dest", BOB, "--cps", self.urls, "--ca", self.roots, "--ttl", "600", "--json", path],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_env())  # fmt: skip
        self.addCleanup(process.kill)
        until(lambda: self.a.metrics()["cpsd_stored_total"] - before >= 100, 20, "100 are stored", every=0.01)
        self.a.die()
        out, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, err), (0, b""), out[-300:])
        told = {item["id"] for item in json.loads(out)["published"]}
        self.assertEqual(len(told), count)
        self.assertEqual(told - set(self.stored(self.b, BOB)), set(), "published, and not there")

    def test_mute(self):
        """A server that takes connections and answers nothing (SIGSTOP) costs time, and no message."""
        self.a.signal(signal.SIGSTOP)
        self.addCleanup(self.a.signal, signal.SIGCONT)
        done = self.run_tool("publish", "--dest", BOB, "--cps", self.urls, "--ca", self.roots, "--timeout", "2",
                             self.write("one", envelope() + "\n" + envelope() + "\n"))
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_send_and_receive(self):
        """Finding, sending and receiving with the first server gone; and when all are, it is said."""
        self.record()
        put = self.run_tool("keys", "put", "--cps", self.urls, "--ca", self.roots, self.path("record"))
        self.assertEqual(put.returncode, 0, put.stderr)
        self.a.die()
        sent = self.send(self.roots, self.urls)
        self.assertEqual(sent.returncode, 0, sent.stderr)
        self.assertEqual(self.receive(self.roots, self.urls), "passed")
        self.b.die()
        self.assertRefused(self.send(self.roots, self.urls), "CPS_E_CONNECT", 3)

    def test_waiting_moves_over(self):
        """A client that waits at a server that is killed continues at the other, and gets the next envelope."""
        self.record()
        self.run_tool("keys", "put", "--cps", self.urls, "--ca", self.roots, self.path("record"))
        verdicts = []
        waiter = threading.Thread(
            target=lambda: verdicts.append(self.receive(self.roots, self.urls, "--wait", "15", text="late")))
        waiter.start()
        until(lambda: self.a.metrics()["cpsd_waiters"] >= 1, 20, "it waits at the first")
        self.a.die()
        until(lambda: self.b.metrics()["cpsd_waiters"] >= 1, 20, "it waits at the other")
        self.assertEqual(self.send(self.roots, self.b.url, text="late").returncode, 0)
        waiter.join(30)
        self.assertEqual(verdicts, ["passed"])


class ByTable(keys_case.Case):
    """Each provider has a CPS of its own; the number table says which."""

    def test_two_carriers(self):
        mine, theirs = self.cpsd(), self.cpsd(policy__keys_put="open", numbers__table=self.numbers)
        roots = self.write("roots.pem", self.read(mine.ca) + self.read(theirs.ca))
        table = self.write("cps.csv", f"1202555,{BOB_SPC},https://127.0.0.1:1|{theirs.url}\n1,6666\n")
        self.record()
        put = self.run_tool("keys", "put", "--cps", theirs.url, "--ca", roots, self.path("record"))
        self.assertEqual(put.returncode, 0, put.stderr)
        type(self).numbers, before = table, self.numbers
        self.addCleanup(setattr, type(self), "numbers", before)
        self.assertEqual(self.send(roots, mine.url).returncode, 0)
        self.assertEqual(self.receive(roots, mine.url), "passed")
        self.assertEqual(theirs.metrics()["cpsd_stored_total"], 1)
        self.assertEqual(mine.metrics()["cpsd_stored_total"], 0)

    def test_by_record(self):
        """The record is in the default's directory and names another CPS, where sender and receiver meet."""
        default = self.cpsd(policy__keys_put="open", numbers__table=self.numbers)
        other = self.cpsd()
        roots = self.write("roots.pem", self.read(default.ca) + self.read(other.ca))
        self.record("--cps-url", other.url)
        put = self.run_tool("keys", "put", "--cps", default.url, "--ca", roots, self.path("record"))
        self.assertEqual(put.returncode, 0, put.stderr)
        private = "--record-allow-private"
        self.assertEqual(self.send(roots, default.url, private).returncode, 0)
        self.assertEqual(other.metrics()["cpsd_stored_total"], 1)
        self.assertEqual(self.receive(roots, default.url, private), "no-passport")
        self.assertEqual(self.receive(roots, default.url, private, "--route-by-record"), "passed")
