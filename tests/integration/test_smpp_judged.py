# SPDX-License-Identifier: MIT
"""Which messages cps-smpp judges: the direction decides what a receipt is, and nobody brings a verdict along."""
# presets: dev asan
import unittest

import smpp_pdu
from harness import SLOW
from smpp_case import ALICE, SmppCase
from smpp_pdu import SIGNER, VERDICT, tlv
from wire import until

STRANGER = "12025550100"
TEXT = b"your bank: call 555"
PLANTED = tlv(VERDICT, b"passed") + tlv(SIGNER, b"spc:9999")
RECEIPT = b"id:7220bb6b sub:001 dlvrd:001 stat:DELIVRD err:000 text:"
STATE = tlv(0x001E, b"7220bb6b\0") + tlv(0x0427, b"\2")
REPLACE, REPLACEFAIL = 7, 0x13


def replacement(text=b"new text"):
    """The body of a replace_sm."""
    return b"id1\0" + smpp_pdu.address(STRANGER) + b"\0\0\0\0" + bytes([len(text)]) + text


class Judged(SmppCase):
    def strict(self, way="submit"):
        """A sidecar that lets through what passed, and refuses all else."""
        everything = "replayed msgi-mismatch dest-mismatch bad-signature stale not-authorized\n    certificate-unreachable \
            untrusted-certificate bad-certificate orig-mismatch unsupported malformed no-passport timeout cps-unavailable"
        return self.verifier(self.smsc.port, way, verify__deliver="passed", verify__reject=everything)

    def test_f01_an_esme_sends_no_receipts(self):
        b = self.strict()
        esme = self.esme(b.port)
        for esm in (0x04, 0x07, 0x20):
            for body in (smpp_pdu.data(STRANGER, self.bob, TEXT, esm=esm, tlvs=PLANTED),
                         smpp_pdu.data(STRANGER, self.bob, b"\0" + TEXT, esm=esm | 0x40, tlvs=PLANTED)):  # fmt: skip
                self.assertEqual(esme.ask(smpp_pdu.DATA, body).status, smpp_pdu.REJECT)
            body = smpp_pdu.message(STRANGER, self.bob, TEXT, esm=esm, tlvs=PLANTED)
            self.assertEqual(esme.ask(smpp_pdu.DELIVER, body).status, smpp_pdu.REJECT)
        self.assertEqual(self.smsc.raw, [])
        self.assertEqual({line["verdict"] for line in b.judged(9)}, {"no-passport"})
        self.assertEqual(b.metrics()['exempt_total{kind="receipt"}'], 0)

    def test_f01_a_receipt_brings_no_verdict_along(self):
        b = self.verifier(self.smsc.port, "deliver")
        esme = self.esme(b.port)
        other = tlv(0x0423, b"\3\0\0")
        self.smsc.conns[0].deliver(STRANGER, self.bob, RECEIPT, esm=4, tlvs=tlv(VERDICT, b"passed") + other + PLANTED)
        until(lambda: esme.got, 20 * SLOW, "the receipt")
        self.assertEqual((esme.got[0].octets, esme.got[0].tlvs), (RECEIPT, [(0x0423, b"\3\0\0")]))
        line = b.judged(1)[0]
        self.assertEqual((line["exempt"], line["action"], line["orig"], line["dest"]),
                         ("receipt", "pass", STRANGER, self.bob))  # fmt: skip
        metrics = b.metrics()
        self.assertEqual(metrics['exempt_total{kind="receipt"}'], 1)
        self.assertEqual(metrics["planted_tags_total"], 1)

    def test_f02_receipts_without_esm_class_pass(self):
        b = self.verifier(self.smsc.port, "deliver", verify__wait_ms=600000)
        esme = self.esme(b.port)
        for esm in (0x00, 0x24):
            self.smsc.conns[0].deliver(self.bob, ALICE, RECEIPT, esm=esm, tlvs=STATE)
        until(lambda: len(esme.got) == 2, 20 * SLOW, "both receipts, though a message would wait")
        self.assertEqual([m.verdict for m in esme.got], [None, None])
        self.assertEqual(b.metrics()['exempt_total{kind="receipt"}'], 2)

    def test_f03_replace_sm_is_refused(self):
        for sidecar in (self.verifier(self.smsc.port), self.signer(self.smsc.port)):
            esme = self.esme(sidecar.port)
            self.assertEqual(esme.ask(REPLACE, replacement()).status, REPLACEFAIL)
            self.assertEqual(sidecar.metrics()['replace_refused_total{command="replace_sm"}'], 1)
            self.assertLogged("replace_sm was refused", sidecar)

    def test_f03_replace_sm_passes_where_configured(self):
        for sidecar in (self.verifier(self.smsc.port, verify__replace="pass"),
                        self.signer(self.smsc.port, sign__replace="pass")):  # fmt: skip
            self.assertEqual(self.esme(sidecar.port).ask(REPLACE, replacement()).status, 0)
            self.assertEqual(sidecar.metrics()['exempt_total{kind="replace_sm"}'], 1)

    def test_f04_a_stray_octet_refuses_nothing(self):
        self.chain()
        esme = self.esme()
        body = smpp_pdu.message(ALICE, self.bob, TEXT)
        self.assertEqual(esme.ask(smpp_pdu.SUBMIT, body + b"\0").status, 0)
        tags = tlv(VERDICT, b"passed") + tlv(SIGNER, b"tn:" + ALICE.encode())
        until(lambda: self.smsc.conns[0].smsc.raw, 20 * SLOW, "the message")
        self.assertEqual(self.smsc.raw[0].body, body + tags + b"\0")
        self.assertEqual(self.b.judged(1)[0]["verdict"], "passed")

    def test_f04_a_receipt_whose_last_tlv_is_cut_passes(self):
        b = self.verifier(self.smsc.port, "deliver")
        esme = self.esme(b.port)
        body = smpp_pdu.message(self.bob, ALICE, RECEIPT, esm=4, tlvs=tlv(VERDICT, b"passed"))
        cut = b"\x04\x27\0\2\2"
        self.smsc.conns[0].send(smpp_pdu.pdu(smpp_pdu.DELIVER, 0, 77, body + cut))
        until(lambda: esme.raw, 20 * SLOW, "the receipt")
        self.assertEqual(esme.raw[0].body, smpp_pdu.message(self.bob, ALICE, RECEIPT, esm=4) + cut)


if __name__ == "__main__":
    unittest.main()
