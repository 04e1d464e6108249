# SPDX-License-Identifier: MIT
"""Who signed a message, as cps-smpp tells the receiver: a provider's code or a number, whatever the verdict."""
# presets: dev asan
import os
import time
import unittest

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cpsctl_case import b64url, coded
from harness import BUILD, CPSCTL, run
from smpp_case import ALICE, MALLORY, SmppCase
from wire import until

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
        self.a = self.signer(self.b.port, tenants__dir=self.path("signers"),
                             numbers__table=self.table("ours", "1215555,1234"))

    def table(self, name, *lines):
        path = self.path(f"{name}.csv")
        with open(path, "w") as table:
            table.writelines(line + "\n" for line in lines)
        return path

    def judge(self, system_id, src, text=TEXT):
        """The verdict and the signer of a message, as the SMSC and the record have them."""
        self.esme(self.a.port, system_id).submit(src, self.bob, text)
        return self.last()

    def altered(self, signer):
        """The verdict and the signer of a message whose text is not the one that was signed."""
        run(CPSCTL, "send", "--key", f"{self.pki}/{signer}.key", "--cert", f"{self.pki}/{signer}.pem", "--x5u",
            f"https://certs.example.com/{signer}.pem", "--numbers", self.path("ours.csv"), "--orig", ALICE, "--dest",
            self.carol, "--text", "as it was signed", "--to", self.path("receiver.pub"), "--cps", self.cps.url, "--ca",
            self.cps.ca)
        self.esme(self.b.port).submit(ALICE, self.carol, b"as it arrived")
        return self.last()

    def last(self):
        got = self.smsc.wait(len(self.smsc.got))[-1]
        line = self.b.judged(len(self.smsc.got))[-1]
        self.assertEqual((line["verdict"], line["signer"]), (got.verdict, got.signer or ""))
        return got.verdict, got.signer

    def test_number(self):
        self.assertEqual(self.judge("alice", ALICE), ("passed", "tn:" + ALICE))
        self.assertEqual(self.b.judged(1)[0]["ppt"], "msg")
        self.esme(self.b.port).submit(ALICE, self.bob, TEXT)
        self.assertEqual(self.last(), ("replayed", "tn:" + ALICE))
        self.assertEqual(self.altered("alice"), ("msgi-mismatch", "tn:" + ALICE))

    def test_first_of_a_range(self):
        self.assertEqual(self.judge("ranged", "12155551350"), ("passed", "tn:12155551300"))

    def test_check_says_that_the_table_decides(self):
        """-t, with the table, with allow_spc beside it, and with allow_spc alone."""
        table = self.table("ours", "1215555,1234")
        for more, out, err in (([f"numbers.table={table}"], b"covers\n", b""),
                               ([f"numbers.table={table}", "trust.allow_spc=yes"], b"covers; [trust] allow_spc has no effect\n", b""),
                               (["trust.allow_spc=yes"], b"", b"any provider can sign for every number\n")):
            with self.subTest(more):
                done = run(os.path.join(BUILD, "client", "cps-smpp"), "-t", "-o", "peer.address=127.0.0.1:1", *[w for key in more for w in ("-o", key)])
                self.assertIn(out, done.stdout)
                self.assertTrue(done.stdout.endswith(b"cps-smpp: the configuration is good\n"))
                self.assertTrue(done.stderr.endswith(err), done.stderr)
                self.assertEqual(b"decides" in done.stdout, bool(out))

    def test_provider(self):
        self.assertEqual(self.judge("carrier", MALLORY), ("not-authorized", "spc:1234"))
        self.b.reload(numbers__table=self.table("ours", "1215555,1234"))
        reloaded = int(time.time())
        self.assertEqual(self.judge("carrier", ALICE, b"by its provider"), ("passed", "spc:1234"))
        # a PASSporT of the second of the reload may belong to a message that arrived before
        until(lambda: int(time.time()) > reloaded, 5, "the next second")
        self.assertEqual(self.altered("carrier"), ("msgi-mismatch", "spc:1234"))

    def test_f13_a_provider_signs_for_its_own_numbers_only(self):
        """The table of the verifier refuses what the signer's table lets it sign; the signer's own refuses to sign."""
        self.b.reload(numbers__table=self.table("right", "1215555,1000"), trust__allow_spc="yes")
        self.assertEqual(self.judge("carrier", ALICE, b"forged"), ("not-authorized", "spc:1234"))
        self.assertIn("the number belongs to provider 1000", self.b.judged(1)[0]["reason"])
        self.a.reload(numbers__table=self.path("right.csv"), trust__allow_spc="yes")
        self.assertEqual(self.judge("carrier", MALLORY, b"not signed"), ("no-passport", None))

    def test_nobody(self):
        self.assertEqual(self.judge("nobody", ALICE), ("no-passport", None))
        self.assertNotIn("ppt", self.b.judged(1)[0])

    def test_f12_a_calls_passport_does_not_vouch_for_a_text(self):
        """A "shaken" PASSporT is in the box; the record has its type and attestation level."""
        self.publish_call("A")
        self.esme(self.b.port).submit(ALICE, self.bob, TEXT)
        self.assertEqual(self.last()[0], "unsupported")
        self.b.reload(trust__accept_types="msg, shaken")
        self.esme(self.b.port).submit(ALICE, self.bob, b"any text")
        self.assertEqual(self.last(), ("passed", "tn:" + ALICE))
        self.assertEqual([(line["ppt"], line["attest"]) for line in self.b.judged(2)], [("shaken", "A")] * 2)

    def publish_call(self, attest):
        """Puts the PASSporT of a call from ALICE into bob's box."""
        now = int(time.time())
        header = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": "https://certs.example.com/alice.pem"}
        claims = {"attest": attest, "dest": {"tn": [self.bob]}, "iat": now, "orig": {"tn": ALICE}, "origid": "x"}
        with open(f"{self.pki}/alice.key", "rb") as file:
            key = load_pem_private_key(file.read(), None)
        signed = f"{coded(header)}.{coded(claims)}"
        r, s = utils.decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        token = f"{signed}.{b64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"
        sealed = run(CPSCTL, "encrypt", "--to", self.path("receiver.pub"), input=token.encode()).stdout
        run(CPSCTL, "publish", "--dest", self.bob, "--cps", self.cps.url, "--ca", self.cps.ca, input=sealed)

    def test_no_trusted_certificate(self):
        self.b.reload(trust__roots=os.path.join(self.path("other"), "root.pem"))
        self.assertEqual(self.judge("alice", ALICE), ("untrusted-certificate", None))
        self.b.reload(trust__roots=os.path.join(self.pki, "root.pem"), trust__x5u_dir=self.directory("nothing"))
        self.assertEqual(self.judge("alice", ALICE, b"to another"), ("certificate-unreachable", None))


if __name__ == "__main__":
    unittest.main()
