# SPDX-License-Identifier: MIT
"""A CPS that is away: found once, told once, and nobody waits for it; back within moments."""
# presets: dev asan
import contextlib
import os
import socket
import threading
import unittest

import smpp_pdu
from harness import SLOW, Tap
from smpp_case import ALICE, SmppCase
from wire import until

STRANGER = "12025550100"
TEXT = b"your bank: call 555"
AWAY, BACK = "the CPS is away: ", "the CPS answers again: "


class Gate(Tap):
    """A proxy for the CPS: forwards connections, or accepts them and does not answer."""

    hangs = False

    def __init__(self, address):
        super().__init__(address[1])
        self.url = f"https://localhost:{self.port}"

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                one = self.server.accept()[0]
                self.sockets.append(one)
                if not self.hangs:
                    other = socket.create_connection(self.target)
                    self.sockets.append(other)
                    for pair in ((one, other), (other, one)):
                        threading.Thread(target=self._copy, args=pair, daemon=True).start()

    def _copy(self, source, sink):
        with contextlib.suppress(OSError):
            while octets := source.recv(65536):
                if not self.hangs:
                    sink.sendall(octets)
            sink.shutdown(socket.SHUT_WR)

    def hang(self):
        self.hangs = True

    def resume(self):
        """Connections from before are useless: requests on them are lost."""
        old, self.sockets = self.sockets, []
        self.hangs = False
        for sock in old:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


class Away(SmppCase):
    def setUp(self):
        super().setUp()
        self.gate = Gate(self.cps.address)
        self.addCleanup(self.gate.close)
        self.keys = {"cps__url": self.gate.url, "cps__request_timeout_ms": 1500 * SLOW}
        self.patient = {**self.keys, "cps__request_timeout_ms": 3000 * SLOW}  # where a slow machine must get an answer

    def submit_many(self, esme, count, sender=STRANGER, window=10):
        """Sends `count` messages, at most `window` of them unanswered; returns their statuses."""
        sent, statuses = [], []
        for i in range(count):
            sent.append(esme.put(smpp_pdu.SUBMIT, smpp_pdu.message(sender, self.bob, b"%d" % i)))
            if len(sent) >= window:
                statuses.append(esme.answer(sent.pop(0), 60).status)
        return statuses + [esme.answer(sequence, 60).status for sequence in sent]

    def lose(self, sidecar, esme, sender=STRANGER):
        """The CPS hangs; a message finds out."""
        self.gate.hang()
        esme.put(smpp_pdu.SUBMIT, smpp_pdu.message(sender, self.bob, b"first"))
        until(lambda: sidecar.metrics()["cps_away"] == 1, 60 * SLOW, "the CPS is away")

    def told_once(self, sidecar):
        def told():
            log = sidecar.log()
            return log.count(AWAY), log.count(BACK)

        until(lambda: told()[1], 20 * SLOW, "the log says that the CPS answers again")
        self.assertEqual(told(), (1, 1))

    def test_n05_nobody_waits_for_a_cps_that_hangs(self):
        """Each message may wait ten minutes for its PASSporT; while the CPS is away none does."""
        b = self.verifier(self.smsc.port, verify__wait_ms=600000, verify__adaptive="no", **self.keys)
        esme = self.esme(b.port)
        self.lose(b, esme)
        self.assertEqual(self.submit_many(esme, 200), [0] * 200)
        lines = b.judged(200)
        self.assertEqual({(line["verdict"], line["action"]) for line in lines[-199:]}, {("cps-unavailable", "tag")})
        self.assertEqual(b.metrics()["cps_lost_total"], 1)
        self.gate.resume()
        until(lambda: b.metrics()["cps_away"] == 0, 60 * SLOW, "the CPS is back")
        self.told_once(b)
        self.assertEqual(b.metrics()["cps_lost_total"], 1)

    def test_n05_the_signing_side_knows_it_too(self):
        """Messages are forwarded unsigned without waiting; when the CPS is back they are signed and pass."""
        b = self.verifier(self.smsc.port)
        a = self.signer(b.port, sign__timeout_ms=600000, **self.patient)
        esme = self.esme(a.port)
        self.lose(a, esme, ALICE)
        self.assertEqual(self.submit_many(esme, 100, ALICE), [0] * 100)
        self.assertGreaterEqual(a.metrics()['unsigned_total{reason="failed"}'], 100)
        self.gate.resume()
        until(lambda: a.metrics()["cps_away"] == 0, 60 * SLOW, "the CPS is back")
        self.told_once(a)
        esme.submit(ALICE, self.carol, TEXT)
        self.assertEqual(b.judged(102)[-1]["verdict"], "passed")

    def test_n05_the_spool_takes_what_the_cps_does_not(self):
        b = self.verifier(self.smsc.port)
        a = self.signer(b.port, sign__timeout_ms=600000, spool__file=os.path.join(self.temp(), "spool"), **self.keys)
        esme = self.esme(a.port)
        self.lose(a, esme, ALICE)
        self.assertEqual(self.submit_many(esme, 50, ALICE), [0] * 50)
        metrics = a.metrics()
        self.assertEqual(metrics['signed_total{outcome="spooled"}'], 51)
        self.gate.resume()
        until(lambda: a.metrics()["spool_queued"] == 0, 60 * SLOW, "the spool is published")
        self.assertEqual(a.metrics()["spool_published_total"], 51)


if __name__ == "__main__":
    unittest.main()
