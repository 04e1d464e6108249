# SPDX-License-Identifier: MIT
"""cps-smpp signs on one side and verifies on the other: what is vouched for passes, what is not is told."""
# presets: dev asan
import unittest

import smpp_pdu
from smpp_case import ALICE, MALLORY, SHORT, SmppCase
from smpp_pdu import split, tlv

TEXT = b"Your parcel is at the door."
LONG = b"0123456789" * 40


class Verdicts(SmppCase):
    """One message and its verdict."""

    def setUp(self):
        super().setUp()
        self.chain()
        self.alice = self.esme()
        self.mallory = self.esme(system_id="mallory")

    def judged(self, count=1):
        return self.b.judged(count)[-1]

    def test_genuine(self):
        self.assertEqual(self.alice.submit(ALICE, self.bob, TEXT), 0)
        got = self.smsc.wait(1)[0]
        self.assertEqual((got.src, got.dst, got.octets), (ALICE, self.bob, TEXT))
        self.assertEqual((got.verdict, got.signer), ("passed", "tn:" + ALICE))
        line = self.judged()
        self.assertEqual((line["verdict"], line["reason"], line["orig"], line["dest"], line["action"]),
                         ("passed", "", ALICE, self.bob, "tag"))  # fmt: skip
        self.assertEqual((line["direction"], line["system_id"], line["segments"]), ("submit", "alice", 1))
        self.assertNotIn(TEXT.decode(), str(line))
        self.assertEqual(self.a.metrics()['signed_total{outcome="published"}'], 1)
        metrics = self.b.metrics()
        self.assertEqual(metrics['verdicts_total{verdict="passed",action="tag"}'], 1)
        self.assertEqual(metrics['waited_seconds_count{action="verify"}'], 1)

    def test_forged_sender(self):
        """Another tenant may not use Alice's number: nothing is signed, and the receiver sees that."""
        self.mallory.submit(ALICE, self.bob, TEXT)
        got = self.smsc.wait(1)[0]
        self.assertEqual((got.verdict, got.signer), ("no-passport", None))
        self.assertEqual(self.a.metrics()['unsigned_total{reason="outside"}'], 1)

    def test_nobody(self):
        self.esme(system_id="nobody").submit(ALICE, self.bob, TEXT)
        self.assertEqual(self.smsc.wait(1)[0].verdict, "no-passport")
        self.assertEqual(self.a.metrics()['unsigned_total{reason="no-tenant"}'], 1)

    def test_own_number_of_another(self):
        self.mallory.submit(MALLORY, self.bob, TEXT)
        self.assertEqual(self.smsc.wait(1)[0].signer, "tn:" + MALLORY)

    def test_ranges_and_short_codes(self):
        for sender in ("12155551300", "12155551399", SHORT):
            self.alice.submit(sender, self.bob, b"from " + sender.encode())
        for sender in ("12155551299", "12155551400"):
            self.alice.submit(sender, self.bob, b"from " + sender.encode())
        self.assertEqual([m.verdict for m in self.smsc.wait(5)], ["passed"] * 3 + ["no-passport"] * 2)

    def test_f06_another_text_is_no_mismatch(self):
        """Another text from a sender whose PASSporT was used already: that PASSporT is no evidence about it."""
        self.alice.submit(ALICE, self.bob, TEXT)
        self.smsc.wait(1)
        self.esme(self.b.port).submit(ALICE, self.bob, b"Your parcel is at the thief's.")
        self.assertEqual(self.smsc.wait(2)[1].verdict, "no-passport")

    def test_altered_before_it_arrived(self):
        """The PASSporT is there, and was never used: the message that comes is another."""
        a = self.signer(self.smsc.port)
        self.esme(a.port).submit(ALICE, self.carol, TEXT)
        self.assertIsNone(self.smsc.wait(1)[0].verdict)
        self.esme(self.b.port).submit(ALICE, self.carol, b"Your parcel is at the thief's.")
        got = self.smsc.wait(2)[1]
        self.assertEqual(got.verdict, "msgi-mismatch")
        self.esme(self.b.port).submit(ALICE, self.carol, TEXT)
        self.assertEqual(self.smsc.wait(3)[2].verdict, "passed", "a failure uses nothing up")

    def test_replayed(self):
        self.alice.submit(ALICE, self.bob, TEXT)
        self.smsc.wait(1)
        self.esme(self.b.port).submit(ALICE, self.bob, TEXT)
        self.assertEqual([m.verdict for m in self.smsc.wait(2)], ["passed", "replayed"])

    def test_planted(self):
        """A sender writes his own verdict."""
        planted = tlv(smpp_pdu.VERDICT, b"passed") + tlv(0x1403, b"theirs") + tlv(smpp_pdu.SIGNER, b"tn:" + ALICE.encode())
        self.esme(self.b.port).submit(ALICE, self.bob, TEXT, tlvs=planted + tlv(smpp_pdu.VERDICT, b"passed"))
        got = self.smsc.wait(1)[0]
        self.assertEqual((got.verdict, got.signer), ("no-passport", None))
        self.assertEqual(got.tlvs, [(0x1403, b"theirs"), (smpp_pdu.VERDICT, b"no-passport")])
        self.assertEqual(self.b.metrics()["planted_tags_total"], 1)

    def test_receipts_are_no_messages(self):
        self.smsc.conns[0].deliver(self.bob, ALICE, b"id:1 stat:DELIVRD", esm=4)
        self.assertEqual(len(self.b.judged()), 0)

    def test_everything_else_is_as_it_was(self):
        """Not an octet differs but for the two TLVs at the end."""
        body = smpp_pdu.message(ALICE, self.bob, TEXT, coding=3, registered=1, tlvs=tlv(0x0204, b"\0\7") + tlv(0x14FF, b"x"))
        self.alice.ask(smpp_pdu.SUBMIT, body)
        self.smsc.wait(1)
        tags = tlv(smpp_pdu.VERDICT, b"passed") + tlv(smpp_pdu.SIGNER, b"tn:" + ALICE.encode())
        self.assertEqual(self.smsc.raw[0].body, body + tags)

    def test_data_sm_and_payload(self):
        self.alice.ask(smpp_pdu.DATA, smpp_pdu.data(ALICE, self.bob, TEXT))
        self.alice.submit(ALICE, self.bob, b"", tlvs=tlv(smpp_pdu.PAYLOAD, LONG))
        self.smsc.wait(2)
        self.assertIn(tlv(smpp_pdu.VERDICT, b"passed"), self.smsc.raw[0].body)
        self.assertEqual(self.smsc.got[1].verdict, "passed")

    def test_submit_multi(self):
        """Each destination has its own PASSporT; a missing one decides the verdict."""
        self.alice.ask(smpp_pdu.SUBMIT_MULTI, smpp_pdu.multi(ALICE, [self.bob, self.carol, self.bob], TEXT))
        self.alice.ask(smpp_pdu.SUBMIT_MULTI, smpp_pdu.multi(ALICE, [self.bob, self.carol], b"to a list too", lists=["friends"]))
        self.smsc.wait(2)
        self.assertIn(tlv(smpp_pdu.VERDICT, b"passed"), self.smsc.raw[0].body)
        self.assertIn(tlv(smpp_pdu.VERDICT, b"no-passport"), self.smsc.raw[1].body)
        self.assertEqual(self.b.judged(2)[0]["dests"], 2)

    def test_ambiguous_and_malformed(self):
        both = tlv(smpp_pdu.PAYLOAD, b"another text")
        self.alice.submit(ALICE, self.bob, TEXT, tlvs=both)
        self.alice.submit(ALICE, self.bob, b"\x06\x05\x04", esm=0x40)
        self.assertEqual([m.verdict for m in self.smsc.wait(2)], ["malformed", "malformed"])
        metrics = self.a.metrics()
        self.assertEqual(metrics['unsigned_total{reason="ambiguous"}'], 1)
        self.assertEqual(metrics['unsigned_total{reason="unreadable"}'], 1)

    def test_a_verdict_in_a_damaged_end(self):
        """A PDU that ends within a TLV may hide a verdict: that end is removed, the rest is judged."""
        body = smpp_pdu.message(ALICE, self.bob, TEXT)
        self.assertEqual(self.alice.ask(smpp_pdu.SUBMIT, body + b"\x15\x01\x00\x09passed").status, 0)
        tags = tlv(smpp_pdu.VERDICT, b"passed") + tlv(smpp_pdu.SIGNER, b"tn:" + ALICE.encode())
        self.smsc.wait(1)
        self.assertEqual(self.smsc.raw[0].body, body + tags)
        self.assertEqual(self.judged()["verdict"], "passed")

    def test_unreadable(self):
        """sm_length reaches beyond the PDU: no tag can be written, and where all is only tagged it is forwarded."""
        body = smpp_pdu.message(ALICE, self.bob, TEXT)[:-1]
        self.assertEqual(self.alice.ask(smpp_pdu.SUBMIT, body).status, 0)
        self.assertEqual(self.smsc.raw[0].body, body)
        self.assertEqual((self.judged()["verdict"], self.judged()["action"]), ("malformed", "deliver"))
        self.assertEqual(self.b.metrics()["untagged_total"], 1)
        self.b.reload(verify__deliver="passed")
        self.assertEqual(self.alice.ask(smpp_pdu.SUBMIT, body).status, 1, "a lack of tags would say that it passed")
        self.assertEqual(self.judged(2)["action"], "reject")

    def test_senders_that_are_no_numbers(self):
        self.alice.submit("Bank", self.bob, TEXT)
        got = self.smsc.wait(1)[0]
        self.assertEqual((got.src, got.verdict), ("Bank", "no-passport"))
        self.assertEqual(self.a.metrics()['unsigned_total{reason="sender"}'], 1)

    def test_no_key(self):
        self.alice.submit(ALICE, "4915112345678", TEXT)
        self.assertEqual(self.smsc.wait(1)[0].verdict, "cps-unavailable")
        self.assertEqual(self.a.metrics()['unsigned_total{reason="no-key"}'], 1)
        self.assertIn("no private key", self.judged()["reason"])

    def test_empty_text(self):
        self.alice.submit(ALICE, self.bob, b"")
        self.assertEqual(self.smsc.wait(1)[0].verdict, "passed")


if __name__ == "__main__":
    unittest.main()
