#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measures how long messages wait in a verifying sidecar: tests/bench/waits.py [--messages N]

Prints one row for each case and exits 1 if one is over its bound:
  F24  unsigned messages with a window of 10, each to another number: [verify] adaptive = no, then auto, then after a
       restart with what was learned; at least 300 per second with auto.
  F22  a long message of 3 parts with a window of 1, of 11 parts with a window of 10, and of 11 with a window of 1, each
       part signed on its way: every part is answered within a second, and the message passes.
BUILD_DIR says where the programs are (build/dev). Starts what it needs on free ports of 127.0.0.1 and below a temporary
directory, and stops exactly that.
"""
import argparse
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))

import smpp_pdu
from harness import BUILD
from smpp_case import ALICE, SmppCase, fresh
from smpp_pdu import split

ESME = os.path.join(BUILD, "client", "cps-esme")
good = True


def row(case, measured, bound, holds):
    global good
    good = good and holds
    print(f"{case:<58} {measured:>24}   {bound}{'' if holds else '   BROKEN'}", flush=True)


class Waits(SmppCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # the sidecar shows no credential, and all it asks comes from one address
        cls.cps.reload(limits__read_by_address=0, limits__publish_by_address=0, limits__publish_by_destination=0)

    def rate(self, sidecar, messages):
        """Messages a second through a sidecar."""
        done = subprocess.run([ESME, "--port", str(sidecar.port), "--count", str(messages), "--window", "10",
                               "--pairs", "5000000", "--octets", "100"],
                              check=True, capture_output=True, text=True)  # fmt: skip
        return json.loads(done.stdout)["per_s"]

    def unsigned(self, messages):
        learned = {"verify__wait_ms": 500, "verify__adaptive_file": os.path.join(self.temp(), "senders"),
                   "log__judged": ""}  # fmt: skip
        for adaptive, name, bound in (("no", "every message waits", 0), ("auto", "adaptive", 300),
                                      ("auto", "adaptive, after a restart", 300)):  # fmt: skip
            sidecar = self.verifier(self.smsc.port, verify__adaptive=adaptive, keys__dir=self.path("all"), **learned)
            rate = self.rate(sidecar, messages)
            waits = {key[25:-2]: int(value) for key, value in sidecar.metrics().items() if "verify_waits" in key}
            row(f"F24 {messages} unsigned messages, window 10, {name}", f"{rate:.0f}/s",
                f"{waits['full'] + waits['probe']} waited" + (f", at least {bound}/s" if bound else ""),
                rate >= bound)  # fmt: skip
            sidecar.stop()

    def long(self, count, window):
        self.chain()
        esme, to = self.esme(), fresh()
        parts = split(b"0123456789" * 50, 36)[:count]
        parts = split(b"".join(part[6:] for part in parts), 36)
        sent, began, slowest = [], {}, 0
        for part in [*parts, *[None] * window]:
            if len(sent) >= window:
                first = sent.pop(0)
                assert esme.answer(first).status == 0
                slowest = max(slowest, time.monotonic() - began[first])
            if part:
                sent.append(esme.put(smpp_pdu.SUBMIT, smpp_pdu.message(ALICE, to, part, esm=0x40)))
                began[sent[-1]] = time.monotonic()
            if not part and not sent:
                break
        verdict = self.b.judged(1)[0]["verdict"]
        row(f"F22 {len(parts)} parts, window {window}", f"{slowest * 1000:.0f} ms for the slowest",
            f"{verdict}, at most 1,000 ms", slowest < 1 and verdict == "passed")  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=200, help="of F24 (200)")
    messages = parser.parse_args().messages
    Waits.setUpClass()
    Waits.key_file("all", "receiver.jwk", "default.jwk")
    try:
        for part in (lambda case: case.unsigned(messages), lambda case: case.long(3, 1),
                     lambda case: case.long(11, 10), lambda case: case.long(11, 1)):  # fmt: skip
            case = Waits()
            case.setUp()
            try:
                part(case)
            finally:
                case.doCleanups()
    finally:
        Waits.doClassCleanups()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
