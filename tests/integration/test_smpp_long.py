# SPDX-License-Identifier: MIT
"""cps-smpp: long messages are signed as one and judged as one, however their segments come."""
# presets: dev asan
import time
import unittest

import smpp_pdu
from harness import SLOW
from smpp_case import ALICE, SmppCase, fresh
from smpp_pdu import sar, split, tlv
from wire import until

LONG = b"0123456789" * 40
EMOJI = ("x" * 66 + "\U0001F600" + "Привет " * 10).encode("utf-16-be")


class Long(SmppCase):
    def begin(self, signer=None, verifier=None):
        self.chain(signer, verifier)
        return self.esme()

    def check(self, parts, verdict="passed", order=None, **more):
        """Sends segments; all go on in order, with one verdict."""
        esme = self.begin()
        statuses = esme.submit_parts(ALICE, self.bob, parts, order=order, **more)
        self.assertEqual(set(statuses), {0})
        got = self.smsc.wait(len(parts))
        self.assertEqual([m.octets for m in got], parts)
        self.assertEqual([m.verdict for m in got], [verdict] * len(parts))
        line = self.b.judged(1)
        self.assertEqual([(l["verdict"], l["segments"]) for l in line], [(verdict, len(parts))])
        self.assertEqual(self.a.metrics()['signed_total{outcome="published"}'], 1)

    def test_gsm(self):
        self.check(split(LONG, 153))

    def test_wide_references(self):
        self.check(split(LONG, 152, 0xBEEF, wide=True))

    def test_out_of_order(self):
        self.check(split(LONG, 100), order=[3, 0, 2, 1])

    def test_ucs2_with_a_pair_split(self):
        """The first segment ends between the halves of an emoji."""
        parts = split(EMOJI, 134)
        self.assertEqual(parts[0][-2:], b"\xd8\x3d")
        self.check(parts, coding=8)

    def test_binary(self):
        self.check(split(bytes(range(256)), 134), coding=4)

    def test_sar(self):
        esme = self.begin()
        sent = [esme.put(smpp_pdu.SUBMIT, smpp_pdu.message(ALICE, self.bob, LONG[i * 134:][:134], tlvs=sar(7, 3, i + 1)))
                for i in range(3)]  # fmt: skip
        self.assertEqual({esme.answer(s).status for s in sent}, {0})
        self.assertEqual([m.verdict for m in self.smsc.wait(3)], ["passed"] * 3)

    def test_two_binds(self):
        """Segments of one system_id on different binds, to and from both sidecars."""
        esme, other = self.begin(), self.esme()
        parts = split(LONG, 150)
        self.assertEqual(len(parts), 3)
        sent = [(e, e.put(smpp_pdu.SUBMIT, smpp_pdu.message(ALICE, self.bob, p, esm=0x40)))
                for e, p in zip((esme, other, esme), parts)]  # fmt: skip
        self.assertEqual({e.answer(s).status for e, s in sent}, {0})
        self.assertEqual([m.verdict for m in self.smsc.wait(3)], ["passed"] * 3)

    def test_forwarded_at_once(self):
        """Segments do not wait for the PASSporT, the last one does."""
        self.a = self.signer(self.smsc.port)
        esme = self.esme()
        parts = split(LONG, 150)
        self.assertEqual(esme.submit_parts(ALICE, self.bob, parts[:2]), [0, 0])
        self.smsc.wait(2)
        self.assertEqual(self.a.metrics()["join_segments"], 2)
        self.assertEqual(esme.submit_parts(ALICE, self.bob, parts[2:]), [0])
        metrics = self.a.metrics()
        self.assertEqual((metrics["join_segments"], metrics['signed_total{outcome="published"}']), (0, 1))

    def test_strict(self):
        """Nothing is forwarded before the PASSporT of all is published."""
        self.a = self.signer(self.smsc.port, join__strict="yes", join__hold="always")
        esme = self.esme()
        parts = split(LONG, 150)
        sent = [esme.put(smpp_pdu.SUBMIT, smpp_pdu.message(ALICE, self.bob, p, esm=0x40)) for p in (parts[2], parts[0])]
        until(lambda: self.a.metrics()["join_segments"] == 2, 20, "both are held")
        self.assertEqual((self.smsc.got, esme.answers.keys() & set(sent)), ([], set()))
        sent.append(esme.put(smpp_pdu.SUBMIT, smpp_pdu.message(ALICE, self.bob, parts[1], esm=0x40)))
        self.assertEqual({esme.answer(s).status for s in sent}, {0})
        self.assertEqual([m.octets for m in self.smsc.wait(3)], parts)
        self.assertEqual(self.a.metrics()['signed_total{outcome="published"}'], 1)

    def test_strict_incomplete(self):
        self.a = self.signer(self.smsc.port, join__strict="yes", join__hold="always", join__timeout_ms=500)
        self.assertEqual(self.esme().submit_parts(ALICE, self.bob, split(LONG, 150)[:2]), [0, 0])
        self.assertEqual(self.a.metrics()['unsigned_total{reason="incomplete"}'], 2)

    def test_incomplete(self):
        esme = self.begin(verifier={"join__timeout_ms": 3000})
        parts = split(LONG, 150)
        self.assertEqual(esme.submit_parts(ALICE, self.bob, parts[:2]), [0, 0])
        self.assertEqual([m.verdict for m in self.smsc.wait(2)], ["timeout", "timeout"])
        self.assertEqual([(l["verdict"], l["segments"]) for l in self.b.judged(1)], [("timeout", 2)])

    def check_window(self, window, count):
        """Each part after the answer to the one `window` before it; judged once, with the whole text."""
        self.chain(verifier={"join__hold": "window"})
        esme = self.esme()
        parts = split(LONG[:count * 36], 36)
        self.assertEqual(len(parts), count)
        sent = []
        for part in parts:
            if len(sent) >= window:
                self.assertEqual(esme.answer(sent[-window]).status, 0)
            sent.append(esme.put(smpp_pdu.SUBMIT, smpp_pdu.message(ALICE, self.bob, part, esm=0x40)))
        self.assertEqual({esme.answer(s).status for s in sent}, {0})
        got = self.smsc.wait(count)
        self.assertEqual([m.octets for m in got], parts)
        self.assertEqual(got[-1].verdict, "passed")
        self.assertLessEqual({m.verdict for m in got}, {"passed", None})
        self.assertEqual([(l["verdict"], l["segments"]) for l in self.b.judged(1)], [("passed", count)])
        self.assertGreaterEqual(self.b.metrics()["released_segments_total"], count - window)

    def test_f22_window_of_one(self):
        """A sender that waits for each answer before it sends the next part."""
        self.check_window(1, 3)

    def test_f22_more_parts_than_the_window(self):
        self.check_window(10, 11)

    def test_f23_incomplete_message_delays_no_other(self):
        """Part 1 of 2, then a signed code to the same number: delivered while the part is still held."""
        self.chain(verifier={"join__hold": "always", "join__timeout_ms": 3600000})
        esme = self.esme()
        esme.put(smpp_pdu.SUBMIT, smpp_pdu.message(ALICE, self.bob, split(LONG[:200], 100)[0], esm=0x40))
        for text in (b"Your code is 123456", b"Your code is 654321"):
            self.assertEqual(esme.submit(ALICE, self.bob, text), 0)
        self.assertEqual([(m.octets, m.verdict) for m in self.smsc.wait(2)],
                         [(b"Your code is 123456", "passed"), (b"Your code is 654321", "passed")])  # fmt: skip
        self.assertEqual(self.b.metrics()["join_segments"], 1)

    def test_altered_segment(self):
        """One segment is another than what was signed: none passes."""
        a = self.signer(self.smsc.port)
        parts = split(LONG, 150)
        self.esme(a.port).submit_parts(ALICE, self.bob, parts)
        self.smsc.wait(3)
        self.b = self.verifier(self.smsc.port, join__hold="always")
        altered = [parts[0], parts[1][:-1] + b"X", parts[2]]
        self.assertEqual(self.esme(self.b.port).submit_parts(ALICE, self.bob, altered), [0, 0, 0])
        self.assertEqual([m.verdict for m in self.smsc.wait(6)[3:]], ["msgi-mismatch"] * 3)

    def test_over_the_bounds(self):
        """More than may wait: all is forwarded, unverified, and counted."""
        esme = self.begin(verifier={"join__messages_per_peer": 2, "join__timeout_ms": 60000})
        sent = []
        for ref in range(6):
            part = split(LONG, 150, ref)[0]
            sent.append(esme.put(smpp_pdu.SUBMIT, smpp_pdu.message(ALICE, fresh(), part, esm=0x40)))
        self.smsc.wait(4)
        self.assertEqual([m.verdict for m in self.smsc.got], ["timeout"] * 4)
        metrics = self.b.metrics()
        self.assertEqual((metrics['joined_total{outcome="overflow"}'], metrics["join_messages"]), (4, 2))

    def test_two_messages_under_one_reference(self):
        """While two are open nobody knows whose a segment is: neither is signed, none is joined from both, all arrive."""
        esme = self.begin(verifier={"join__timeout_ms": 60000}, signer={"join__timeout_ms": 60000})
        first, second = split(LONG, 150), split(LONG[::-1], 150)
        parts = [first[0], second[0], first[1], second[1], second[2], first[2]]
        sent = [esme.put(smpp_pdu.SUBMIT, smpp_pdu.message(ALICE, self.bob, p, esm=0x40)) for p in parts]
        self.assertEqual({esme.answer(s).status for s in sent}, {0})
        got = self.smsc.wait(6)
        self.assertEqual({m.octets: m.verdict for m in got}, dict.fromkeys(parts, "timeout"))
        self.assertEqual(self.a.metrics()['unsigned_total{reason="contested"}'], 6, "also the first one, which was forwarded before")
        self.assertEqual(self.a.metrics()['joined_total{outcome="contested"}'], 2)
        self.assertEqual(sum(v for k, v in self.a.metrics().items() if k.startswith("signed_total")), 0)
        self.assertIn("another message with the same addresses", self.b.judged(1)[0]["reason"])

    def test_duplicate_segment(self):
        esme = self.begin()
        parts = split(LONG, 150)
        order = [0, 0, 1, 2]
        self.assertEqual(esme.submit_parts(ALICE, self.bob, parts, order=order), [0] * 4)
        got = self.smsc.wait(4)
        self.assertEqual([m.octets for m in got], [parts[i] for i in order])
        self.assertEqual([m.verdict for m in got], ["passed"] * 4)

    def test_impossible_places(self):
        """Segment 4 of 3, segment 0: whole messages of their own, as handsets take them."""
        esme = self.begin()
        for header in (b"\5\0\3\x2a\3\4", b"\5\0\3\x2a\3\0", b"\5\0\3\x2a\0\1"):
            self.assertEqual(esme.submit(ALICE, self.bob, header + b"text", esm=0x40), 0)
        self.assertEqual([m.verdict for m in self.smsc.wait(3)], ["passed"] * 3)

    def test_two_places(self):
        """Header and TLVs disagree: what one reader joins, another does not."""
        esme = self.begin()
        body = smpp_pdu.message(ALICE, self.bob, b"\5\0\3\x2a\3\1text", esm=0x40, tlvs=sar(0x2A, 2, 1))
        self.assertEqual(esme.ask(smpp_pdu.SUBMIT, body).status, 0)
        self.assertEqual(self.smsc.wait(1)[0].verdict, "malformed")

    def test_connection_lost_between_segments(self):
        """The first segment's connection ends; it comes again on another, with the rest."""
        self.begin(verifier={"join__timeout_ms": 20000 * SLOW})
        parts = split(LONG, 150)
        direct = self.esme(self.b.port)
        a = self.signer(self.smsc.port)
        self.esme(a.port).submit_parts(ALICE, self.bob, parts)
        self.smsc.wait(3)
        direct.put(smpp_pdu.SUBMIT, smpp_pdu.message(ALICE, self.bob, parts[0], esm=0x40))
        until(lambda: self.b.metrics()["join_segments"] == 1, 20, "it is held")
        direct.close()
        until(lambda: self.b.metrics()["held_messages"] == 0, 20, "its connection has ended")
        self.assertEqual(self.esme(self.b.port).submit_parts(ALICE, self.bob, parts), [0, 0, 0])
        got = self.smsc.wait(6)[3:]
        self.assertEqual([m.octets for m in got], parts)
        self.assertEqual([m.verdict for m in got], ["passed"] * 3)


if __name__ == "__main__":
    unittest.main()
