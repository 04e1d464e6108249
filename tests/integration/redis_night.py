# SPDX-License-Identifier: MIT
"""A night of Redis servers: publishing continues while they die, move and return, and then everything that was
acknowledged is looked for. Used shortened by a test and at length by tests/fault/redis.sh."""
import collections
import contextlib
import threading
import time
from dataclasses import dataclass, field

from envelope import envelope, envelope_id
from harness import RedisError
from wire import Closed, until


@dataclass
class Count:
    acknowledged: dict = field(default_factory=dict)  # (destination, id): the event at that time
    refused: int = 0
    broken: int = 0
    outages: list = field(default_factory=list)  # (seconds, the event at that time)

    @property
    def longest(self):
        return max(self.outages, default=(0.0, "nothing"))


class Publisher:
    """Publishes from several threads, each envelope until it is acknowledged, to destinations of all slots alike."""

    def __init__(self, servers, threads=4, pause=0.01):
        self.servers, self.pause = servers, pause
        self.count, self.lock, self.over, self.doing = Count(), threading.Lock(), False, "nothing"
        self.errors = []
        self.threads = [threading.Thread(target=self._run, args=(i,), daemon=True) for i in range(threads)]
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.over = True
        for thread in self.threads:
            thread.join(60)
        if self.errors:
            raise self.errors[0]
        return self.count

    def _run(self, number):
        try:
            self._publish_all(number)
        except Exception as error:  # the test fails with it, not the thread alone
            self.errors.append(error)

    def _publish_all(self, number):
        connection = None
        for i in range(10**9):
            if self.over:
                break
            dest, text = f"1215{number:02d}{i * 7919 % 100000:05d}", envelope()
            started, tries = time.monotonic(), 0
            while True:
                connection, status = self._try(connection, number + tries, dest, text)
                if status in (200, 201):
                    break
                tries += 1
                if self.over and time.monotonic() - started > 30:
                    raise AssertionError(f"not published in 30 s after all was well: {status}")
                time.sleep(0.02)
            with self.lock:
                self.count.acknowledged[dest, envelope_id(text)] = self.doing
                if tries:
                    self.count.outages.append((time.monotonic() - started, self.doing))
            time.sleep(self.pause)
        if connection:
            connection.close()

    def _try(self, connection, number, dest, text):
        try:
            connection = connection or self.servers[number % len(self.servers)].connect()
            answer = connection.request("POST", f"/cps/{dest}/ppts?ttl=36000", text)
        except (Closed, OSError) as error:
            with self.lock:
                self.count.broken += 1
            if connection:
                connection.close()
            return None, error
        if answer.status not in (200, 201):
            assert answer.status == 503, answer
            assert int(answer.get("Retry-After")) >= 1, answer
            with self.lock:
                self.count.refused += 1
        return connection, answer.status


def find(server, acknowledged):
    """How many of them are there; says when those that are not were acknowledged."""
    found, lost = 0, collections.Counter()
    with server.connect() as connection:
        for (dest, name), when in acknowledged.items():
            for _ in range(100):
                answer = connection.request("GET", f"/cps/{dest}/ppts/{name}")
                if answer.status != 503:
                    break
                time.sleep(0.1)
            found += answer.status == 200
            lost[when] += answer.status != 200
    for when, number in lost.items():
        if number:
            print(f"  lost {number} that were acknowledged while {when}")
    return found


def cluster_events(farm, rest, long):
    """(what is done, how) in turn."""
    victim = farm.servers[0]
    held = [slot for slot in range(0, 16384, 1000) if farm.owner(slot) is victim]
    key = "cps:{12150000000}"

    def kill():
        victim.kill()
        time.sleep(rest)

    def taken_over():
        # until they have noticed, they say that all is well; and a primary that is back before that has what was in its
        # file, not what its replica has
        until(lambda: all(farm.owner(slot) is not victim for slot in held), 60, "its slots are somebody else's")
        others = [server for server in farm.servers if server is not victim]
        until(lambda: all(farm.info(server)["cluster_state"] == "ok" for server in others), 60, "another takes over")
        time.sleep(rest)

    def back():
        victim.start()
        until(farm.is_well, 60, "the cluster is well")

    def move():
        slot = farm.slot(key)
        source = farm.owner(slot)
        target = next(farm.owner(other) for other in (0, 8000, 16000) if farm.owner(other) is not source)
        farm.move(slot, target)
        time.sleep(rest)
        farm.move(slot, source)

    def cut_off():
        replica = next(s for s in farm.servers if b"role:slave" in s.call("INFO", "replication"))
        replica.signal(19)
        time.sleep(rest * 2)
        replica.signal(18)
        until(farm.is_well, 60, "the cluster is well")

    yield "a primary is killed", kill
    yield "its replica takes over", taken_over
    yield "it comes back", back
    yield "a slot is moved there and back", move
    yield "a replica is cut off", cut_off
    for i, server in enumerate(farm.servers if long else farm.servers[1:5:3]):

        def restart(server=server):
            server.stop()
            server.start()
            until(farm.is_well, 60, "the cluster is well")

        yield f"node {i + 1} restarts", restart


def sentinel_events(farm, rest, long):
    def kill():
        primary = farm.primary()
        primary.kill()
        until(lambda: farm.primary() not in (None, primary), 60, "another is primary")
        time.sleep(rest)
        primary.start()
        until(farm.is_well, 60, "all are well")

    def agreed():
        with contextlib.suppress(RedisError):  # it may not have seen yet that all are well
            return farm.seeds[0].call("SENTINEL", "FAILOVER", "cps")

    def hand_over():
        primary = farm.primary()
        until(agreed, 60, "the Sentinel agrees")
        until(lambda: farm.primary() not in (None, primary), 60, "another is primary")
        until(farm.is_well, 60, "all are well")

    def cut_off():
        replica = next(s for s in farm.servers[: 1 + farm.replicas] if s is not farm.primary())
        replica.signal(19)
        time.sleep(rest)
        replica.signal(18)
        until(farm.is_well, 60, "all are well")

    yield "the primary is killed and comes back", kill
    yield "a replica is cut off", cut_off
    if long:
        yield "the primary is handed over", hand_over
        for i, server in enumerate(farm.servers):

            def restart(server=server):
                server.stop()
                server.start()
                until(farm.is_well, 60, "all are well")

            yield f"server {i + 1} restarts", restart


def night(farm, servers, events, rest=1.0, long=False, threads=4, say=lambda text: None, least=0):
    """Returns the count, with how many of the acknowledged were found. The night lasts until more than `least`
    envelopes are acknowledged, however slow the machine is."""
    publisher = Publisher(servers, threads)
    try:
        time.sleep(rest)
        for what, act in events(farm, rest, long):
            publisher.doing = what
            before, started = len(publisher.count.acknowledged), time.monotonic()
            act()
            say(f"{what}: {time.monotonic() - started:.1f} s, "
                f"{len(publisher.count.acknowledged) - before} acknowledged meanwhile")  # fmt: skip
        publisher.doing = "all is well"
        time.sleep(rest)
        until(lambda: len(publisher.count.acknowledged) > least, 60, f"more than {least} are acknowledged")
    finally:
        with contextlib.suppress(Exception):
            publisher.over = True
    count = publisher.stop()
    found = find(servers[-1], count.acknowledged)
    return count, found


def summary(count, found):
    seconds, what = count.longest
    return (f"acknowledged {len(count.acknowledged)}, found {found}, lost = {len(count.acknowledged) - found}; answered "
            f"503 {count.refused}, connections broken {count.broken}; longest outage {seconds:.2f} s ({what})")  # fmt: skip
