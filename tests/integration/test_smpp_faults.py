# SPDX-License-Identifier: MIT
"""cps-smpp when things go wrong: the CPS is away or slow, connections break, the sidecar is stopped or killed."""
# presets: dev asan
import contextlib
import os
import socket
import threading
import time
import unittest

import smpp_pdu
from harness import SLOW, free_port
from smpp_case import ALICE, SmppCase, fresh
from smpp_pdu import split
from wire import PATIENCE_S, until

TEXT = b"Your parcel is at the door."


class Deaf:
    """A port that takes connections and never says a word: a CPS that hangs."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port, self.held = self.server.getsockname()[1], []
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        try:
            while True:
                self.held.append(self.server.accept()[0])
        except OSError:
            pass

    def close(self):
        with contextlib.suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR)  # the thread that accepts ends, before its descriptor is another's
        self.thread.join(PATIENCE_S)
        self.server.close()
        for one in self.held:
            one.close()


class Away(SmppCase):
    def nowhere(self):
        return {"cps__url": f"https://localhost:{free_port()}"}

    def deaf(self):
        deaf = Deaf()
        self.addCleanup(deaf.close)
        return {"cps__url": f"https://localhost:{deaf.port}", "cps__connect_timeout_ms": 60000,
                "cps__request_timeout_ms": 60000}  # fmt: skip

    def test_forward(self):
        a = self.signer(self.smsc.port, **self.nowhere())
        self.assertEqual(self.esme(a.port).submit(ALICE, self.bob, TEXT), 0)
        self.assertEqual(self.smsc.wait(1)[0].octets, TEXT)
        self.assertEqual(a.metrics()['unsigned_total{reason="failed"}'], 1)
        self.assertLogged("could not be made or published: 1 message unsigned", a)

    def test_reject(self):
        a = self.signer(self.smsc.port, sign__on_failure="reject", sign__reject_status="ESME_RTHROTTLED", **self.nowhere())
        self.assertEqual(self.esme(a.port).submit(ALICE, self.bob, TEXT), smpp_pdu.THROTTLED)
        self.assertEqual(self.smsc.got, [])
        self.assertEqual(a.metrics()['sign_rejected_total{reason="failed"}'], 1)

    def test_reject_the_last_segment(self):
        a = self.signer(self.smsc.port, sign__on_failure="reject", **self.nowhere())
        parts = split(b"0123456789" * 40, 150)
        self.assertEqual(self.esme(a.port).submit_parts(ALICE, self.bob, parts), [0, 0, smpp_pdu.SUBMITFAIL])

    def test_hangs(self):
        """A CPS that does not answer holds a message for timeout_ms, no longer."""
        a = self.signer(self.smsc.port, sign__timeout_ms=600, **self.deaf())
        start = time.monotonic()
        self.assertEqual(self.esme(a.port).submit(ALICE, self.bob, TEXT), 0)
        self.assertGreater(time.monotonic() - start, 0.5)
        self.assertEqual(a.metrics()['unsigned_total{reason="timeout"}'], 1)

    def test_hangs_and_rejects(self):
        a = self.signer(self.smsc.port, sign__timeout_ms=400, sign__on_failure="reject", **self.deaf())
        self.assertEqual(self.esme(a.port).submit(ALICE, self.bob, TEXT), smpp_pdu.SUBMITFAIL)

    def test_verifier_without_cps(self):
        b = self.verifier(self.smsc.port, **self.nowhere())
        self.assertEqual(self.esme(b.port).submit(ALICE, self.bob, TEXT), 0)
        self.assertEqual(self.smsc.wait(1)[0].verdict, "cps-unavailable")

    def test_verifier_with_a_hanging_cps(self):
        """A message is held for wait_ms and the grace, whatever the CPS does."""
        b = self.verifier(self.smsc.port, verify__wait_ms=300, verify__grace_ms=200, **self.deaf())
        esme = self.esme(b.port)
        sent = [esme.put(smpp_pdu.SUBMIT, smpp_pdu.message(ALICE, fresh(), TEXT)) for _ in range(20)]
        self.assertEqual({esme.answer(s).status for s in sent}, {0})
        self.assertEqual({m.verdict for m in self.smsc.wait(20)}, {"timeout"})
        self.assertTrue(all(300 <= l["waited_ms"] for l in b.judged(20)))

    def test_more_than_may_be_under_way(self):
        """Two operations at a time, each of them slow: the others wait their turn, until their time is over."""
        b = self.verifier(self.smsc.port, verify__wait_ms=500, verify__grace_ms=200, cps__max_in_flight=2,
                          **self.deaf())  # fmt: skip
        esme = self.esme(b.port)
        sent = [esme.put(smpp_pdu.SUBMIT, smpp_pdu.message(ALICE, fresh(), TEXT)) for _ in range(50)]
        until(lambda: b.metrics()["operations"] == 2, 10 * SLOW, "two operations")
        self.assertEqual({esme.answer(s).status for s in sent}, {0})
        self.assertEqual([m.verdict for m in self.smsc.wait(50)], ["timeout"] * 50)
        self.assertEqual(b.metrics()["operations_queued"], 0)

    def test_beside(self):
        """The message is forwarded at once, regardless of its PASSporT."""
        a = self.signer(self.smsc.port, sign__mode="beside", **self.deaf())
        self.assertEqual(self.esme(a.port).submit(ALICE, self.bob, TEXT), 0)
        self.assertEqual(a.metrics()['signed_total{outcome="beside"}'], 1)

    def test_beside_is_published(self):
        b = self.verifier(self.smsc.port, verify__wait_ms=20000 * SLOW, verify__adaptive="no")
        a = self.signer(b.port, sign__mode="beside")
        esme = self.esme(a.port)
        for i in range(50):
            self.assertEqual(esme.submit(ALICE, self.bob, b"number %d" % i), 0)
        parts = split(b"0123456789" * 40, 150)
        esme.submit_parts(ALICE, self.bob, parts)
        self.assertEqual({m.verdict for m in self.smsc.wait(53)}, {"passed"})
        # the verifier may find a PASSporT before its publisher gets the answer
        until(lambda: a.metrics()['late_total{outcome="published"}'] == 51, 20 * SLOW, "all are published")

    def test_beside_is_bounded(self):
        """With as many under way as may be, messages wait for the CPS after all."""
        a = self.signer(self.smsc.port, sign__mode="beside", cps__max_in_flight=4, sign__timeout_ms=4000, **self.deaf())
        esme = self.esme(a.port)
        sent = [esme.put(smpp_pdu.SUBMIT, smpp_pdu.message(ALICE, self.bob, b"%d" % i)) for i in range(10)]
        self.smsc.wait(4)
        until(lambda: a.metrics()["undecided"] == 6, 10, "the others wait")
        self.assertEqual(len(self.smsc.got), 4)
        self.assertEqual({esme.answer(s).status for s in sent}, {0})
        self.assertEqual(a.metrics()['unsigned_total{reason="timeout"}'], 6)


class Spool(SmppCase):
    """What the CPS cannot take waits in a file, and is published when it can."""

    def begin(self, **keys):
        self.port = free_port()
        self.spool = os.path.join(self.temp(), "spool")
        return self.signer(self.smsc.port, spool__file=self.spool, cps__url=f"https://localhost:{self.port}",
                           cps__ca=self.cps.ca, **keys)  # fmt: skip

    def open_cps(self):
        return self.cpsd(name="late", server__listen=f"127.0.0.1:{self.port}",
                         certificate=(self.cps.ca, self.cps.key))  # fmt: skip

    def verify_all(self, url, texts):
        b = self.verifier(self.smsc.port, cps__url=url, trust__max_age_s=3600)
        esme = self.esme(b.port)
        seen = len(self.smsc.got)
        for text in texts:
            esme.submit(ALICE, self.bob, text)
        return [m.verdict for m in self.smsc.wait(seen + len(texts))[seen:]]

    def drained(self, a):
        until(lambda: a.metrics()["spool_queued"] == 0, 60 * SLOW, "the spool is empty")

    def test_away_and_back(self):
        a = self.begin()
        esme = self.esme(a.port)
        texts = [b"number %d" % i for i in range(20)]
        for text in texts:
            self.assertEqual(esme.submit(ALICE, self.bob, text), 0)
        metrics = a.metrics()
        self.assertEqual((metrics['signed_total{outcome="spooled"}'], metrics["spool_queued"]), (20, 20))
        cps = self.open_cps()
        self.drained(a)
        self.assertEqual(self.verify_all(cps.url, texts), ["passed"] * 20)

    def test_killed(self):
        """kill -9: what was spooled is published by the next process."""
        a = self.begin()
        esme = self.esme(a.port)
        texts = [b"number %d" % i for i in range(5)]
        for text in texts:
            esme.submit(ALICE, self.bob, text)
        a.kill_now()
        cps = self.open_cps()
        again = self.signer(self.smsc.port, spool__file=self.spool, cps__url=cps.url, cps__ca=self.cps.ca)
        self.drained(again)
        self.assertEqual(self.verify_all(cps.url, texts), ["passed"] * 5)

    def test_rejected_is_not_spooled(self):
        a = self.begin(sign__on_failure="reject")
        self.assertEqual(self.esme(a.port).submit(ALICE, self.bob, TEXT), smpp_pdu.SUBMITFAIL)
        self.assertEqual(a.metrics()["spool_queued"], 0)

    def test_stopped_while_publishing_beside(self):
        a = self.begin(sign__mode="beside")
        esme = self.esme(a.port)
        for i in range(10):
            esme.submit(ALICE, self.bob, b"%d" % i)
        a.stop()
        cps = self.open_cps()
        again = self.signer(self.smsc.port, spool__file=self.spool, cps__url=cps.url, cps__ca=self.cps.ca)
        self.drained(again)
        self.assertEqual(again.metrics()["spool_published_total"], 10)


class Broken(SmppCase):
    """Connections that end while messages are under way."""

    def test_message_is_sent_again(self):
        """A message whose connection ends while it is judged is sent again by its sender: that is no replay."""
        a = self.signer(self.smsc.port)
        b = self.verifier(self.smsc.port, verify__wait_ms=30000)
        esme = self.esme(b.port)
        esme.put(smpp_pdu.SUBMIT, smpp_pdu.message(ALICE, self.bob, TEXT))
        until(lambda: b.metrics()["undecided"] == 1, 10 * SLOW, "the message is held")
        esme.close()
        until(lambda: b.metrics()["undecided"] == 0, 10 * SLOW, "its connection has ended")
        self.esme(a.port).submit(ALICE, self.bob, TEXT)
        # the PASSporT is found, and used, by the message that has no connection
        until(lambda: b.metrics()["operations"] == 0, 20, "the verdict is there")
        b.reload(verify__wait_ms=500)
        again = self.esme(b.port)
        self.assertEqual(again.submit(ALICE, self.bob, TEXT), 0)
        self.assertEqual(self.smsc.wait(2)[1].verdict, "passed")
        self.assertEqual(again.submit(ALICE, self.bob, TEXT), 0)
        self.assertEqual(self.smsc.wait(3)[2].verdict, "replayed", "but once")
        self.assertEqual(b.metrics()["repeated_total"], 1)

    def test_signed_message_is_sent_again(self):
        """One PASSporT, though it came twice."""
        deaf = Deaf()
        self.addCleanup(deaf.close)
        a = self.signer(self.smsc.port, cps__url=f"https://localhost:{deaf.port}", sign__timeout_ms=5000,
                        cps__connect_timeout_ms=60000, cps__request_timeout_ms=60000)  # fmt: skip
        esme = self.esme(a.port)
        esme.put(smpp_pdu.SUBMIT, smpp_pdu.message(ALICE, self.bob, TEXT))
        until(lambda: a.metrics()["undecided"] == 1, 10 * SLOW, "the message is held")
        esme.close()
        until(lambda: a.metrics()["undecided"] == 0, 10 * SLOW, "its connection has ended")
        self.assertEqual(self.esme(a.port).submit(ALICE, self.bob, TEXT), 0)
        metrics = a.metrics()
        self.assertEqual((metrics["repeated_total"], metrics["operations"]), (1, 1))

    def test_throttled(self):
        """The SMSC says "later": the same message, sent again, still has its PASSporT; sent a third time, it has not."""
        self.chain()
        esme = self.esme()
        self.smsc.status = smpp_pdu.THROTTLED
        self.assertEqual(esme.submit(ALICE, self.bob, TEXT), smpp_pdu.THROTTLED)
        self.assertEqual(esme.submit(ALICE, self.bob, TEXT), smpp_pdu.THROTTLED)
        self.smsc.status = 0
        self.assertEqual(esme.submit(ALICE, self.bob, TEXT), 0)
        self.assertEqual([(m.verdict, m.signer) for m in self.smsc.wait(3)], [("passed", "tn:" + ALICE)] * 3)
        self.assertEqual(self.a.metrics()['signed_total{outcome="published"}'], 1)
        self.assertEqual(self.b.metrics()["repeated_total"], 2)
        self.assertEqual(self.b.judged(3)[2]["reason"], "sent again after the peer refused it")
        self.esme(self.b.port).submit(ALICE, self.bob, TEXT)
        self.assertEqual(self.smsc.wait(4)[3].verdict, "replayed", "by somebody else, once it was taken")

    def test_throttled_segment(self):
        """One segment of three is refused, and sent again alone."""
        self.chain()
        esme = self.esme()
        parts = split(b"0123456789" * 40, 150)
        self.smsc.answers = lambda got: smpp_pdu.THROTTLED if got.octets == parts[1] and len(self.smsc.got) < 4 else 0
        self.assertEqual(esme.submit_parts(ALICE, self.bob, parts), [0, smpp_pdu.THROTTLED, 0])
        self.assertEqual(esme.submit_parts(ALICE, self.bob, parts[1:2]), [0])
        self.assertEqual([m.verdict for m in self.smsc.wait(4)], ["passed"] * 4)

    def test_not_answered(self):
        """The connection ends between a message and its answer."""
        self.chain()
        esme = self.esme()
        self.smsc.mute = True
        esme.put(smpp_pdu.SUBMIT, smpp_pdu.message(ALICE, self.bob, TEXT))
        self.smsc.wait(1)
        esme.close()
        until(lambda: self.b.metrics()["bound"] == 0, 20 * SLOW, "the binds have ended")
        self.smsc.mute = False
        self.assertEqual(self.esme().submit(ALICE, self.bob, TEXT), 0)
        self.assertEqual([m.verdict for m in self.smsc.wait(2)], ["passed"] * 2)

    def test_many_break(self):
        """Connections that come and go in the middle of everything: what was answered has gone on, once."""
        b = self.verifier(self.smsc.port, verify__wait_ms=100)
        a = self.signer(b.port)
        answered = []
        for i in range(20):
            esme = self.esme(a.port)
            sent = {esme.put(smpp_pdu.SUBMIT, smpp_pdu.message(ALICE, self.bob, b"%d-%d" % (i, k))): (i, k)
                    for k in range(20)}  # fmt: skip
            time.sleep(0.005 * (i % 5))
            esme.close()
            answered += [b"%d-%d" % sent[s] for s in list(esme.answers) if s in sent]
        last = self.esme(a.port)
        self.assertEqual(last.submit(ALICE, self.bob, b"last"), 0)
        got = [m.octets for m in self.smsc.got]
        self.assertEqual(len(got), len(set(got)))
        self.assertLessEqual(set(answered), set(got))
        until(lambda: a.metrics()["undecided"] + b.metrics()["undecided"] == 0, 20 * SLOW, "nothing is left")


class Stopped(SmppCase):
    def test_in_flight(self):
        """SIGTERM: what is held is decided and answered, then the binds end in order."""
        b = self.verifier(self.smsc.port, verify__wait_ms=60000, verify__adaptive="no")
        esme = self.esme(b.port)
        parts = split(b"0123456789" * 40, 150)
        sent = [esme.put(smpp_pdu.SUBMIT, smpp_pdu.message(ALICE, fresh(), TEXT)) for _ in range(10)]
        sent += [esme.put(smpp_pdu.SUBMIT, smpp_pdu.message(ALICE, self.bob, p, esm=0x40)) for p in parts[:2]]
        until(lambda: b.metrics()["held_messages"] == 12, 10 * SLOW, "all are held")
        b.terminate()
        self.assertEqual({esme.answer(s).status for s in sent}, {0})
        # no-passport: the CPS had answered for it by then
        self.assertLessEqual({m.verdict for m in self.smsc.wait(12)}, {"timeout", "no-passport"})
        b.stop()

    def test_while_the_cps_hangs(self):
        deaf = Deaf()
        self.addCleanup(deaf.close)
        a = self.signer(self.smsc.port, cps__url=f"https://localhost:{deaf.port}", sign__timeout_ms=60000,
                        cps__request_timeout_ms=60000)  # fmt: skip
        esme = self.esme(a.port)
        sent = [esme.put(smpp_pdu.SUBMIT, smpp_pdu.message(ALICE, self.bob, b"%d" % i)) for i in range(50)]
        until(lambda: a.metrics()["undecided"] == 50, 10 * SLOW, "all are held")
        a.terminate()
        self.assertEqual({esme.answer(s).status for s in sent}, {0})
        a.stop()

    def test_under_load(self):
        """What was answered had gone on; what had not was not answered."""
        b = self.verifier(self.smsc.port, verify__wait_ms=5000 * SLOW)  # all are genuine: each wait ends with a PASSporT
        a = self.signer(b.port)
        esme = self.esme(a.port)
        sent = {}
        for i in range(200):
            sent[esme.put(smpp_pdu.SUBMIT, smpp_pdu.message(ALICE, self.bob, b"%d" % i))] = b"%d" % i
        a.terminate()
        a.stop()
        b.stop()
        answered = {text for s, text in sent.items() if s in esme.answers and esme.answers[s].status == 0}
        self.assertEqual(answered, {m.octets for m in self.smsc.got})
        self.assertEqual({m.verdict for m in self.smsc.got} - {"passed"}, set())


if __name__ == "__main__":
    unittest.main()
