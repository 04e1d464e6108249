# SPDX-License-Identifier: MIT
"""libcps's spool and a real CPS: away and back, killed on either side, hanging, full; nothing lost, nothing doubled."""
import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import threading
import time
import unittest

from envelope import envelope, envelope_id
from harness import BUILD, SLOW, Case, Cpsd, free_port
from wire import until

FEED = os.path.join(BUILD, "tests", "spool_feed")
DESTS = [f"1202555010{i}" for i in range(5)]


class Feed:
    """A process with a spool. Reads its answers in a thread of its own."""

    def __init__(self, url, ca, spool, disk_kb=None, like=None, **options):
        """disk_kb: the spool's directory is a file system of this size, which only this process sees, and one that is
        made `like` it."""
        options = {"spool_retry_min_ms": 20, "spool_retry_max_ms": 200, "request_timeout_ms": 1000 * SLOW, **options}
        self.errors = open(spool + ".log", "ab+")
        mount = ["unshare", "-Urm", "sh", "-c", 'mount -t tmpfs -o size="$1"k none "$2" && shift 2 && exec "$@"', "sh",
                 str(disk_kb), os.path.dirname(spool)]  # fmt: skip
        self.process = subprocess.Popen(
            [*(mount if disk_kb else like.entering() if like else []), FEED, url, ca, spool, *(f"{k}={v}" for k, v in options.items())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)  # fmt: skip
        self.stored, self.failed, self.said, self.ready = [], [], [], threading.Event()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            words = line.decode().split()
            if not line.endswith(b"\n"):
                break  # cut short by SIGKILL
            if words[0] == "ready":
                self.ready.set()
            elif words[0] == "stored":
                self.stored.append(words[1])
            elif words[0] == "failed":
                self.failed.append(words[1:])
            else:
                self.said.append([int(w) for w in words[1:]])

    def entering(self):
        """What runs a program where this process is."""
        return ["nsenter", "-t", str(self.process.pid), "-U", "-m", "--preserve-credentials"]

    def fill_disk(self, spool):
        """Fills that file system to the last octet."""
        path = f"/proc/{self.process.pid}/root{os.path.dirname(spool)}/filling"
        with contextlib.suppress(OSError), open(path, "wb", buffering=0) as filling:
            while filling.write(bytes(4096)):
                pass
        return path

    def tell(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def put(self, dest, text, ttl=""):
        self.tell(f"put {dest} {text} {ttl}")

    def put_many(self, count):
        """Puts this many into all boxes in turn and waits until the file has them. Returns {id: dest}."""
        made = {}
        before = len(self.stored) + len(self.failed)
        for i in range(count):
            text = envelope()
            made[envelope_id(text)] = DESTS[i % len(DESTS)]
            self.put(DESTS[i % len(DESTS)], text)
        until(lambda: len(self.stored) + len(self.failed) >= before + count, 30 * SLOW, "all are stored")
        return made

    def stats(self):
        seen = len(self.said)
        self.tell("stats")
        until(lambda: len(self.said) > seen, 20 * SLOW, "stats")
        names = ("queued", "octets", "published", "stale", "refused", "full", "unusable", "away", "disk", "disk_state")
        return dict(zip(names, self.said[-1]))

    def drained(self):
        return self.stats()["queued"] == 0

    def log(self):
        self.errors.seek(0)
        return self.errors.read().decode()

    def kill(self):
        self.process.kill()
        self.process.wait(20)
        self.reader.join(20)

    def stop(self):
        """End of input; it must end with 0."""
        self.process.stdin.close()
        status = self.process.wait(30 * SLOW)
        self.reader.join(20)
        return status

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(20)
        for stream in (self.process.stdin, self.process.stdout, self.errors):
            try:
                stream.close()
            except BrokenPipeError:
                pass


class Spool(Case):
    def setUp(self):
        self.port = free_port()
        self.directory = self.temp()
        self.file = os.path.join(self.directory, "spool")
        self.database = self.redis()
        self.keys = {"store__url": self.database.url, "store__ttl_default_s": 600, "dummies__mode": "empty",
                     "server__listen": f"127.0.0.1:{self.port}"}  # fmt: skip
        self.server, self.starts = None, 0
        self.start()

    def start(self, **keys):
        certificate = (self.server.ca, self.server.key) if self.server else None
        self.starts += 1
        self.server = Cpsd(self.directory, f"cpsd{self.starts}", certificate=certificate, **{**self.keys, **keys})
        self.addCleanup(self.server.kill)
        self.url, self.ca = self.server.url, self.server.ca

    def feed(self, file=None, **options):
        feed = Feed(self.url, self.ca, file or self.file, **options)
        self.addCleanup(feed.close)
        until(lambda: feed.ready.is_set() or feed.process.poll() is not None, 20 * SLOW, "the feed is ready")
        return feed

    def box(self, dest):
        """The ids of a box, all pages."""
        ids, cursor = [], ""
        while True:
            answer = self.server.request("GET", f"/cps/{dest}/ppts{cursor}", fields=[("Accept", "application/json")])
            self.assertEqual(answer.status, 200, answer)
            page = answer.json()
            ids += [item["id"] for item in page["ppts"]]
            if not page["ppts"]:
                return ids
            cursor = "?after=" + page["cursor"]

    def assertInBoxes(self, made):
        """Each is in its box, once, and nothing else is in any."""
        for dest in DESTS:
            expected = sorted(i for i, d in made.items() if d == dest)
            self.assertEqual(sorted(self.box(dest)), expected, dest)

    def rows(self, sql):
        with sqlite3.connect(self.file) as database:
            return database.execute(sql).fetchall()


class Away(Spool):
    def test_away_and_back(self):
        self.server.stop()
        feed = self.feed()
        made = feed.put_many(300)
        until(lambda: feed.stats()["away"], 5 * SLOW, "it is known that the CPS is away")
        self.assertEqual(feed.stats()["queued"], 300)
        self.start()
        until(feed.drained, 10 * SLOW, "the spool is empty")
        self.assertInBoxes(made)
        stats = feed.stats()
        self.assertEqual((stats["published"], stats["away"], stats["octets"]), (300, 0, 0))
        self.assertEqual(self.server.metrics()["cpsd_stored_total"], 300)
        self.assertIn("the CPS is away", feed.log())
        self.assertIn("answers again", feed.log())
        self.assertNotIn("1202555", feed.log())
        self.assertEqual(feed.stop(), 0)

    @unittest.skipIf(subprocess.run(["unshare", "-Urm", "true"], capture_output=True, check=False).returncode,
                     "no file system can be mounted")  # fmt: skip
    def test_f25_full_disk_keeps_nothing_back(self):
        """The disk fills up while the CPS is away: what was spooled before is published when the CPS is back."""
        self.server.stop()
        disk = os.path.join(self.temp(), "spool")
        feed = self.feed(file=disk, disk_kb=4096)
        made = feed.put_many(100)
        filling = feed.fill_disk(disk)
        failed = feed.put_many(50)
        self.assertGreater(len(feed.failed), 0)
        kept = {i: dest for i, dest in {**made, **failed}.items() if i in feed.stored}
        self.assertGreaterEqual(kept.items(), made.items())
        self.assertEqual(feed.stats()["disk_state"], 1, "the metric names the disk")
        self.start()
        until(feed.drained, 20 * SLOW, "all is published")
        self.assertInBoxes(kept)
        stats = feed.stats()
        self.assertEqual((stats["published"], stats["disk"]), (len(kept), len(feed.failed)))
        os.unlink(filling)
        until(lambda: feed.stats()["disk_state"] == 0, 20 * SLOW, "the disk can be written again")
        made = feed.put_many(10)
        until(feed.drained, 20 * SLOW, "all is published")
        self.assertInBoxes({**kept, **made})
        self.assertEqual(self.server.metrics()["cpsd_stored_total"], len(kept) + 10)
        self.assertEqual(feed.stop(), 0)

    def test_f25_restart_on_a_full_disk(self):
        """A process that begins while the spool's disk is full publishes what is there, and spools when there is room."""
        self.server.stop()
        disk = os.path.join(self.temp(), "spool")
        other = os.path.join(os.path.dirname(disk), "other")
        place = self.feed(file=other, disk_kb=4096)  # keeps the file system
        before = self.feed(file=disk, like=place)
        made = before.put_many(20)
        before.kill()
        os.unlink(f"/proc/{place.process.pid}/root{disk}-shm")  # as after a restart of the machine
        full = place.fill_disk(disk)
        feed = self.feed(file=disk, like=place)
        self.assertIsNone(feed.process.poll(), "it starts")
        self.assertEqual((feed.stats()["disk_state"], feed.stats()["queued"]), (1, 20))
        self.start()
        until(feed.drained, 20 * SLOW, "all is published")
        self.assertInBoxes(made)
        os.unlink(full)
        until(lambda: feed.stats()["disk_state"] == 0, 20 * SLOW, "the disk can be written again")
        made.update(feed.put_many(10))
        until(feed.drained, 20 * SLOW, "all is published")
        self.assertInBoxes(made)
        self.assertEqual(feed.stop(), 0)

    def test_killed_cps(self):
        """kill -9 of cpsd while it is given the spool, several times."""
        self.server.stop()
        feed = self.feed(spool_parallel=4)
        made, halves = {}, 0
        while halves < 3:  # on a busy machine all may be given before it is killed
            made |= feed.put_many(400)
            self.start()
            until(lambda: self.server.metrics()["cpsd_stored_total"] >= 50, 10 * SLOW, "some are stored", every=0.002)
            self.server.kill()
            halves += feed.stats()["queued"] > 0
        self.start()
        until(feed.drained, 20 * SLOW, "the spool is empty")
        self.assertInBoxes(made)
        self.assertEqual(feed.stop(), 0)

    def test_hanging_cps(self):
        feed = self.feed(request_timeout_ms=300 * SLOW)
        made = feed.put_many(5)
        until(feed.drained, 10 * SLOW, "the spool is empty")
        self.server.signal(signal.SIGSTOP)
        self.addCleanup(lambda: self.server.running() and self.server.signal(signal.SIGCONT))
        made |= feed.put_many(50)
        until(lambda: feed.stats()["away"], 10 * SLOW, "it is known that the CPS is away")
        self.server.signal(signal.SIGCONT)
        until(feed.drained, 20 * SLOW, "the spool is empty")
        self.assertInBoxes(made)
        self.assertEqual(feed.stop(), 0)

    def test_no_redis(self):
        """503 with Retry-After: the CPS is there and cannot store."""
        self.database.stop()
        feed = self.feed()
        made = feed.put_many(100)
        until(lambda: feed.stats()["away"], 10 * SLOW, "it is known that the CPS cannot store")
        self.assertEqual(feed.stats()["queued"], 100)
        self.database.start()
        until(feed.drained, 20 * SLOW, "the spool is empty")
        self.assertInBoxes(made)
        self.assertEqual(feed.stop(), 0)

    def test_stale(self):
        self.server.stop()
        feed = self.feed(max_age_s=3600)
        feed.put_many(10)
        for _ in range(20):
            feed.put(DESTS[0], envelope(), ttl=2)
        feed.put(DESTS[1], envelope(), ttl=2)
        until(lambda: len(feed.stored) == 31, 10 * SLOW, "all are stored")
        until(lambda: feed.stats()["stale"] == 21, 15 * SLOW, "stale ones are dropped")
        self.assertEqual(feed.stats()["queued"], 10)
        self.assertEqual(feed.stop(), 0)
        record = self.rows("SELECT reason, dest_hash, sum(count) FROM dropped GROUP BY reason, dest_hash ORDER BY 3")
        self.assertEqual([(reason, count) for reason, _, count in record], [("stale", 1), ("stale", 20)])
        self.assertNotIn("1202555", str(self.rows("SELECT * FROM dropped")))

    def test_full_box(self):
        self.server.stop()
        self.start(store__url="memory:", store__box_limit=20, limits__box_share=100, store__ttl_default_s=2)
        feed = self.feed()
        feed.put_many(150)
        self.assertGreater(feed.stats()["queued"], 0)
        until(feed.drained, 40 * SLOW, "boxes empty themselves and are filled again", every=0.1)
        self.assertEqual(feed.stats()["published"], 150)
        self.assertEqual(self.server.metrics()["cpsd_stored_total"], 150)
        self.assertEqual(feed.stop(), 0)


class Killed(Spool):
    def test_killed_sender(self):
        """kill -9 at any time, with the CPS there and away: what was said to be stored is in its box, once."""
        random.seed(8816)
        made, stored = {}, []
        for round_number in range(6):
            feed = self.feed(spool_parallel=4)
            if round_number == 2:
                self.server.stop()
            if round_number == 4:
                self.start()
            for i in range(200):
                text = envelope()
                made[envelope_id(text)] = DESTS[i % len(DESTS)]
                feed.put(DESTS[i % len(DESTS)], text)
            least = random.randrange(60, 190)
            until(lambda: len(feed.stored) + len(feed.failed) >= least, 30 * SLOW, "some are stored", every=0.0005)
            feed.kill()
            stored += feed.stored
        self.assertGreater(len(stored), 300)
        feed = self.feed()
        until(feed.drained, 30 * SLOW, "the spool is empty")
        self.assertEqual(feed.stop(), 0)
        boxes = {dest: self.box(dest) for dest in DESTS}
        for dest, ids in boxes.items():
            self.assertEqual(len(ids), len(set(ids)), "doubled")
            self.assertLessEqual(set(ids), {i for i, d in made.items() if d == dest})
        self.assertLessEqual(set(stored), set().union(*boxes.values()), "lost")
        self.assertEqual(self.rows("PRAGMA integrity_check"), [("ok",)])

    def test_two_processes(self):
        """They share the work, and one continues what the other was doing when it was killed."""
        self.server.stop()
        one, other = self.feed(), self.feed()
        made = one.put_many(300) | other.put_many(300)
        until(lambda: one.stats()["queued"] == other.stats()["queued"] == 600, 10 * SLOW, "both know of all")
        self.start()
        until(lambda: self.server.metrics()["cpsd_stored_total"] >= 100, 10 * SLOW, "some are stored", every=0.002)
        one.kill()
        until(other.drained, 20 * SLOW + 10, "the spool is empty")
        self.assertInBoxes(made)
        self.assertEqual(self.server.metrics()["cpsd_stored_total"], 600)
        self.assertEqual(other.stop(), 0)

    def test_bad_file(self):
        self.server.stop()
        feed = self.feed()
        feed.put_many(200)
        self.assertEqual(feed.stop(), 0)
        with open(self.file, "r+b") as file:
            file.seek(4096 * 5)
            file.write(os.urandom(4096 * 10))
        feed = self.feed()
        self.assertEqual(feed.process.wait(60), 1)
        self.assertIn(f"CPS_E_SPOOL_STORE: spool_file {self.file}: the file is damaged", feed.log())

    def test_same_file_at_once(self):
        """Several processes that make the file at the same time, and close it as the last."""
        for i in range(10):
            file = self.file + str(i)
            options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
            made = [subprocess.Popen([FEED, self.url, self.ca, file], **options) for _ in range(8)]
            self.assertEqual([(p.communicate()[1], p.returncode) for p in made], [(b"", 0)] * 8)
        feeds = [Feed(self.url, self.ca, self.file) for _ in range(6)]
        for feed in feeds:
            self.addCleanup(feed.close)
        until(lambda: all(f.ready.is_set() or f.process.poll() is not None for f in feeds), 20 * SLOW, "all are ready")
        self.assertEqual([f.process.poll() for f in feeds], [None] * 6, feeds[0].log())
        made = {}
        for feed in feeds:
            made |= feed.put_many(20)
        until(feeds[0].drained, 20 * SLOW, "the spool is empty")
        self.assertInBoxes(made)
        self.assertEqual([f.stop() for f in feeds], [0] * 6)
