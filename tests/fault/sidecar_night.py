# SPDX-License-Identifier: MIT
"""See sidecar.sh."""
import asyncio
import collections
import contextlib
import json
import os
import random
import re
import shutil
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "integration")]

from harness import Cpsd, Redis, free_port, make_certificate
from sidecar_peers import Esme, Message, Piece, Smsc
from smpp_case import ALICE, SmppCase
from smpp_peer import Sidecar

ACCUSING = {"replayed", "msgi-mismatch", "bad-signature", "not-authorized", "dest-mismatch", "orig-mismatch",
            "malformed"}  # fmt: skip
EXPLAINED = {"no-passport": "the PASSporT was not published in time (CPS held, sidecar gone), or never",
             "timeout": "parts did not come in time, or no verdict within [verify] wait_ms and grace_ms",
             "cps-unavailable": "the CPS did not answer"}  # fmt: skip
SENT_MAX = 3  # a message that was sent more often is counted apart
DESTINATIONS = 500


class World(SmppCase):
    """Keys, tenants and processes; SmppCase makes the files."""

    def runTest(self):
        """For unittest, which does not run this."""

    def begin(self):
        self.directory = self.temp()
        self.certificate = make_certificate(self.directory, "server")
        self.redis_server = self.redis()
        self.ports = {name: free_port() for name in ("signer", "verifier", "cpsd")}
        self.processes, self.starts = {}, collections.Counter()
        for name in ("cpsd", "signer", "verifier"):
            self.start(name)

    def start(self, name):
        """A process that is ready; every start has a log of its own."""
        self.starts[name] += 1
        log = f"{name}{self.starts[name]}"
        if name == "cpsd":
            one = Cpsd(self.directory, log, certificate=self.certificate, store__url=self.redis_server.url,
                       server__listen=f"127.0.0.1:{self.ports[name]}", dummies__mode="empty",
                       store__box_limit=10000, limits__box_share=100)  # fmt: skip
        else:
            one = Sidecar(self.directory, log, self.ports["verifier"] if name == "signer" else self.smsc_port,
                          listen__address=f"127.0.0.1:{self.ports[name]}", cps__ca=self.certificate[0],
                          cps__url=f"https://localhost:{self.ports['cpsd']}", timeouts__drain_s=5,
                          timeouts__answer_s=10, **self.settings(name))  # fmt: skip
        self.addCleanup(one.kill)
        self.processes[name] = one

    def settings(self, name):
        here = os.path.join(self.directory, name)
        os.makedirs(here, exist_ok=True)
        if name == "signer":
            return {"submit__action": "sign", "tenants__dir": self.tenants, "spool__file": here + "/spool",
                    "keys__recipients_dir": self.path("public")}  # fmt: skip
        return {"submit__action": "verify", "keys__dir": self.path("private"), "log__judged": self.judged_path,
                "trust__roots": os.path.join(self.pki, "root.pem"), "trust__replay": "sqlite",
                "trust__x5u_dir": os.path.join(self.pki, "certs"), "trust__replay_file": here + "/replay",
                "verify__adaptive_file": here + "/senders", "repeat__file": here + "/repeats"}  # fmt: skip

    @property
    def judged_path(self):
        return os.path.join(self.directory, "judged")


class Night:
    def __init__(self, world, count):
        self.world, self.count = world, count
        self.genuine, self.forged = {}, {}
        self.kinds = [1] * count + [3] * count
        random.shuffle(self.kinds)
        self.delivered = collections.deque(maxlen=1000)
        # all events have to fit in, twice where the size allows
        self.rate = max(2 * count / 150, 20)
        self.began, self.moments = None, []

    # ---- messages ----

    def make(self, kind, index, parts, forged=False):
        name = f"{kind}{index:06d}"
        texts = [f"{name}/{i + 1} {random.getrandbits(64):016x} ".encode().ljust(60 if parts == 1 else 120, b"x")
                 for i in range(parts)]  # fmt: skip
        return Message(name, str(12155552000 + index % DESTINATIONS), texts, index, forged)

    def give_genuine(self, esme):
        """The next one, no faster than the rate."""
        done = len(self.genuine)
        if done == len(self.kinds):
            esme.over = True
            return None
        if done >= (time.monotonic() - self.began) * self.rate:
            return None
        message = self.make("g", done, self.kinds[done])
        self.genuine[message.name] = message
        return message

    def give_forged(self, esme):
        """One for twenty genuine ones: a text of the forger's own, or a copy of one that was delivered."""
        done = len(self.forged)
        if len(self.genuine) == len(self.kinds):
            esme.over = True
        if done >= len(self.genuine) / 20 or esme.over:
            return None
        parts = random.choice((1, 3))
        message = self.make("f", done, parts, forged=True)
        copied = random.choice(self.delivered) if self.delivered and random.random() < 0.5 else None
        if copied:
            message.dest, message.copied = copied.dest, copied.name
            message.pieces = [Piece(message, piece.number, piece.octets) for piece in copied.pieces]
        self.forged[message.name] = message
        return message

    # ---- events ----

    async def restart(self, name, how):
        one = self.world.processes[name]
        one.signal(how)
        await asyncio.to_thread(one.process.wait, 60)
        await asyncio.sleep(random.uniform(0, 1))
        await asyncio.to_thread(self.world.start, name)

    async def hold(self, name, seconds):
        one = self.world.processes[name]
        one.signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        one.signal(signal.SIGCONT)

    async def throttle(self):
        self.smsc.throttle = 0.5
        await asyncio.sleep(2)
        self.smsc.throttle = 0.02

    async def drop(self, *peers):
        for peer in peers:
            peer.drop()

    def events(self):
        return [("SMSC drops its connections", lambda: self.drop(self.smsc)),
                ("SMSC throttles", self.throttle),
                ("verifying sidecar: SIGKILL", lambda: self.restart("verifier", signal.SIGKILL)),
                ("signing sidecar: SIGKILL", lambda: self.restart("signer", signal.SIGKILL)),
                ("cpsd: SIGSTOP, 5 s", lambda: self.hold("cpsd", 5)),
                ("ESMEs drop their connections", lambda: self.drop(*self.esmes)),
                ("verifying sidecar: SIGTERM", lambda: self.restart("verifier", signal.SIGTERM)),
                ("signing sidecar: SIGTERM", lambda: self.restart("signer", signal.SIGTERM)),
                ("verifying sidecar: SIGSTOP, 2 s", lambda: self.hold("verifier", 2)),
                ("signing sidecar: SIGSTOP, 2 s", lambda: self.hold("signer", 2)),
                ("cpsd: SIGKILL", lambda: self.restart("cpsd", signal.SIGKILL))]  # fmt: skip

    async def disturb(self, traffic):
        self.happened = collections.Counter()
        while not traffic.done():
            for name, event in self.events():
                await asyncio.sleep(random.uniform(1, 3))
                if traffic.done() and all(self.happened.values()) and len(self.happened) == len(self.events()):
                    return
                self.moments.append((time.monotonic(), name))
                await event()
                self.happened[name] += 1

    async def watch(self, traffic):
        """Says how far it is, and offers what was delivered to the forger."""
        seen = 0
        while not traffic.done():
            await asyncio.sleep(0.5)
            self.delivered.extend(m for m in list(self.genuine.values())[-3000:]
                                  if m.acknowledged and m.sent == 1 and "passed" in self.verdicts(m))  # fmt: skip
            if time.monotonic() - seen > 15:
                seen = time.monotonic()
                print(f"  {len(self.genuine)} of {len(self.kinds)} messages, {sum(self.happened.values())} events",
                      flush=True)  # fmt: skip

    async def run(self):
        self.smsc = Smsc()
        await self.smsc.start()
        self.world.smsc_port = self.smsc.port
        await asyncio.to_thread(self.world.begin)
        ports = self.world.ports
        self.began = time.monotonic()
        self.esmes = [Esme(ports["signer"], "alice", window, ALICE, self.give_genuine) for window in (1, 10, 50)]
        forgers = [Esme(ports[name], "mallory", 10, ALICE, self.give_forged) for name in ("verifier", "signer")]
        traffic = asyncio.gather(*[esme.run() for esme in [*self.esmes, *forgers]])
        watching = asyncio.ensure_future(self.watch(traffic))
        await self.disturb(traffic)
        await traffic
        await watching
        await asyncio.sleep(4)  # [join] timeout_ms: what is incomplete is judged
        self.seconds = time.monotonic() - self.began

    # ---- the table ----

    @staticmethod
    def key(piece):
        """What the SMSC knows a part by: a copy has the text of its original."""
        message = piece.message
        return message.copied or message.name, piece.number, message.forged

    def judge(self):
        got, rows, good = self.smsc.got, [], True

        def row(what, number, bound=None, why=""):
            nonlocal good
            good = good and (bound is None or number <= bound)
            rows.append((what, number, "" if bound is None else f"at most {bound}" + (" BROKEN" if number > bound else ""),
                         why))  # fmt: skip

        pieces = [piece for message in self.genuine.values() for piece in message.pieces]
        lost = [p for p in pieces if p.status == 0 and not any(s == 0 for _, s, _ in got[self.key(p)])]
        often = {m.name for m in self.genuine.values() if m.sent > SENT_MAX}
        row("genuine messages", len(self.genuine))
        row("PDUs of these", len(pieces))
        row("PDUs sent, repetitions included", sum(p.sent for p in pieces))
        refused = collections.Counter(hex(p.status) for p in pieces if p.status)
        row("PDUs that were refused permanently", refused.total(), 0, str(dict(refused) or ""))
        row("PDUs without an answer", sum(p.status is None for p in pieces), 0)
        row("PDUs acknowledged and lost", len(lost), 0)
        passed = accused = accused_often = 0
        others, none = collections.Counter(), 0
        self.accused, self.accusations = collections.Counter(), collections.defaultdict(list)
        for message in self.genuine.values():
            found = self.verdicts(message)
            bad = ACCUSING.intersection(found)
            passed += "passed" in found and not bad
            none += not found
            self.accused.update(bad)
            accused += bool(bad) and message.name not in often
            if bad and message.name not in often:
                self.accusations[min(bad)].append(self.history(message))
            accused_often += bool(bad) and message.name in often
            if not bad and "passed" not in found:
                others.update(set(found))
        row("genuine messages that passed", passed)
        row(f"genuine messages accused, sent up to {SENT_MAX} times", accused, 0,
            ", ".join(f"{name} {n}" for name, n in self.accused.items()))  # fmt: skip
        row(f"genuine messages accused, sent more often ({len(often)} were)", accused_often)
        for name, number in sorted(others.items()):
            row(f"genuine messages with {name} alone", number, None, EXPLAINED.get(name, ""))
        row("genuine messages without a verdict", none, None, "their last part came without the others")
        row("forged messages", len(self.forged))
        own = [m for m in self.forged.values() if not m.copied]
        row("forged texts that passed", sum("passed" in self.verdicts(m) for m in own), 0)
        passing = [m for m in self.forged.values() if m.copied and "passed" in self.verdicts(m)]
        row("copies of texts that had passed, and passed again", len(passing), 0)
        self.accusations["copy"] += [self.history(m) for m in passing]
        return rows, good

    def verdicts(self, message):
        return [verdict for piece in message.pieces for verdict, *_ in self.smsc.got[self.key(piece)] if verdict]

    def examples(self):
        """Up to ten of each kind."""
        return [f"{kind}: {line}" for kind, lines in self.accusations.items() for line in lines[:10]]

    def history(self, message):
        """Returns the events of a message, and what happened before them."""
        got = sorted((moment, piece.number, verdict, status) for piece in message.pieces
                     for verdict, status, moment in self.smsc.got[self.key(piece)])  # fmt: skip
        before = [name for moment, name in self.moments if got and moment < got[-1][0]][-2:]
        parts = ", ".join(f"{moment - self.began:.1f} s part {number} {verdict} {status:#x}"
                          for moment, number, verdict, status in got)  # fmt: skip
        return f"{message.name}, sent {[piece.sent for piece in message.pieces]}: {parts}; after {before}"

    def reasons(self):
        found = collections.Counter()
        with contextlib.suppress(OSError), open(self.world.judged_path) as lines:
            for line in lines:
                with contextlib.suppress(ValueError):  # the last one before a SIGKILL
                    one = json.loads(line)
                    if one["verdict"] != "passed":
                        reason = re.sub(r" after \d+ ms", "", one.get("reason", ""))
                        found[one["system_id"], one["verdict"], reason] += 1
        return found


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10000
    World.setUpClass()
    world = World()
    night = Night(world, count)
    try:
        asyncio.run(night.run())
        rows, good = night.judge()
        for what, number, bound, why in rows:
            print(f"{what:<58} {number:>8}  {bound:<18} {why}".rstrip())
        print("what happened:", ", ".join(f"{name} ({n})" for name, n in night.happened.items()))
        print(f"throttled {night.smsc.throttled}; {night.seconds:.0f} s; what was judged otherwise than passed:")
        for (system_id, verdict, reason), number in sorted(night.reasons().items(), key=lambda one: -one[1]):
            print(f"  {number:>6}  {system_id:<8} {verdict:<16} {reason}")
        for line in night.examples():
            print("  bound broken by", line)
        print("all bounds hold" if good else "A BOUND IS BROKEN")
        if not good and "KEEP" in os.environ:
            shutil.copytree(world.directory, os.environ["KEEP"], dirs_exist_ok=True)
        return 0 if good else 1
    finally:
        for process in getattr(world, "processes", {}).values():
            process.kill()
        world.doCleanups()
        World.doClassCleanups()


if __name__ == "__main__":
    sys.exit(main())
