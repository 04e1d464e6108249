"""Who signed a message, as cps-smpp tells the receiver: a provider's code or a number, whatever the verdict."""
# presets: dev asan
import os
import unittest

from harness import CPSCTL, run
from smpp_case import ALICE, MALLORY, SmppCase

TEXT = b"Your parcel is at the door."


class Signer(SmppCase):
    """The second TLV, and the record."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        run(CPSCTL, "pki", "--out", cls.pki, "--name", "ranged", "--range", "12155551300+100")
        run(CPSCTL, "pki", "--out", cls.path("other"), "--name", "other", "--tn", ALICE)
        cls.tenant("carrier", f"{ALICE}, {MALLORY}", directory=cls.directory("signers"))
        cls.tenant("ranged", "12155551300-12155551399", directory=cls.path("signers"))
        cls.tenant("alice", ALICE, directory=cls.path("signers"))

    def setUp(self):
        super().setUp()
        self.b = self.verifier(self.smsc.port)
        self.a = self.signer(self.b.port, tenants__dir=self.path("signers"), trust__allow_spc="yes")

    def judge(self, system_id, src, text=TEXT):
        """The verdict and the signer of a message, as the SMSC and the record have them."""
        self.esme(self.a.port, system_id).submit(src, self.bob, text)
        return self.last()

    def last(self):
        got = self.smsc.wait(len(self.smsc.got))[-1]
        line = self.b.judged(len(self.smsc.got))[-1]
        self.assertEqual((line["verdict"], line["signer"]), (got.verdict, got.signer or ""))
        return got.verdict, got.signer

    def test_number(self):
        self.assertEqual(self.judge("alice", ALICE), ("passed", "tn:" + ALICE))
        self.esme(self.b.port).submit(ALICE, self.bob, TEXT)
        self.assertEqual(self.last(), ("replayed", "tn:" + ALICE))
        self.esme(self.b.port).submit(ALICE, self.bob, b"another text")
        self.assertEqual(self.last(), ("msgi-mismatch", "tn:" + ALICE))

    def test_first_of_a_range(self):
        self.assertEqual(self.judge("ranged", "12155551350"), ("passed", "tn:12155551300"))

    def test_provider(self):
        self.assertEqual(self.judge("carrier", MALLORY), ("not-authorized", "spc:1234"))
        self.b.reload(trust__allow_spc="yes")
        self.assertEqual(self.judge("carrier", ALICE, b"by its provider"), ("passed", "spc:1234"))
        self.esme(self.b.port).submit(ALICE, self.bob, b"another text")
        self.assertEqual(self.last(), ("msgi-mismatch", "spc:1234"))

    def test_nobody(self):
        self.assertEqual(self.judge("nobody", ALICE), ("no-passport", None))

    def test_no_trusted_certificate(self):
        self.b.reload(trust__roots=os.path.join(self.path("other"), "root.pem"))
        self.assertEqual(self.judge("alice", ALICE), ("untrusted-certificate", None))
        self.b.reload(trust__roots=os.path.join(self.pki, "root.pem"), trust__x5u_dir=self.directory("nothing"))
        self.assertEqual(self.judge("alice", ALICE, b"to another"), ("certificate-unreachable", None))


if __name__ == "__main__":
    unittest.main()
