# SPDX-License-Identifier: MIT
"""cps-smpp without arranged keys: it finds the destination's, and where its CPS is."""
# presets: dev asan
import os

from harness import CPSCTL, run
from smpp_case import ALICE, SmppCase

TEXT = b"Your parcel is at the door."


class Found(SmppCase):
    """Bob's provider, SPC 5678, has put a record into the directory of its own CPS; the sender's default is another."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        run(CPSCTL, "pki", "--out", cls.pki, "--name", "bob", "--spc", "5678")
        own = cls.write_table("own.csv", "1215555,5678\n")
        cls.theirs = cls.class_cpsd(name="theirs", policy__keys_put="open", numbers__table=own)
        with open(cls.path("cas.pem"), "w") as out:
            for ca in (cls.cps.ca, cls.theirs.ca):
                with open(ca) as pem:
                    out.write(pem.read())
        cls.table = cls.write_table("numbers.csv", f"1215555,5678,https://127.0.0.1:1|{cls.theirs.url}\n44,9999\n")
        run(CPSCTL, "keys", "make", "--spc", "5678", "--to", cls.path("receiver.pub"), "--key", f"{cls.pki}/bob.key",
            "--cert", f"{cls.pki}/bob.pem", "--out", cls.path("record"))  # fmt: skip
        run(CPSCTL, "keys", "put", "--cps", cls.theirs.url, "--ca", cls.theirs.ca, cls.path("record"))

    @classmethod
    def write_table(cls, name, text):
        with open(cls.path(name), "w") as out:
            out.write(text)
        return cls.path(name)

    def finds(self, **more):
        return {"keys__recipients_dir": "", "keys__find": "yes", "trust__roots": os.path.join(self.pki, "root.pem"),
                "trust__x5u_dir": os.path.join(self.pki, "certs"), "numbers__table": self.table,
                "cps__ca": self.path("cas.pem"), **more}  # fmt: skip

    def test_found_at_its_own_cps(self):
        """By the table: their CPS's first server is dead, the second has record and box."""
        before = self.theirs.metrics()["cpsd_stored_total"]
        self.chain(signer=self.finds(), verifier={"numbers__table": self.table, "cps__ca": self.path("cas.pem")})
        alice = self.esme()
        for i in range(3):
            self.assertEqual(alice.submit(ALICE, self.bob, TEXT + b"%d" % i), 0)
        self.assertEqual([m.verdict for m in self.smsc.wait(3)], ["passed"] * 3)
        self.assertEqual(self.a.metrics()['signed_total{outcome="published"}'], 3)
        self.assertEqual(self.theirs.metrics()["cpsd_stored_total"] - before, 3)
        self.assertLessEqual(self.theirs.metrics()['cpsd_requests_total{route="keys_get",status="200"}'], 2)

    def test_f15_every_record_gets_an_envelope(self):
        """The number has a record of its own beside its provider's: there is one envelope for each."""
        number = "12155551987"
        run(CPSCTL, "pki", "--out", self.pki, "--name", "own", "--tn", number)
        run(CPSCTL, "keygen", "--out", self.path("own.jwk"), "--public", self.path("own.pub"))
        run(CPSCTL, "keys", "make", "--tn", number, "--to", self.path("own.pub"), "--key", f"{self.pki}/own.key",
            "--cert", f"{self.pki}/own.pem", "--out", self.path("own-record"))  # fmt: skip
        run(CPSCTL, "keys", "put", "--cps", self.theirs.url, "--ca", self.theirs.ca, self.path("own-record"))
        before = self.theirs.metrics()["cpsd_stored_total"]
        self.chain(signer=self.finds(), verifier={"numbers__table": self.table, "cps__ca": self.path("cas.pem")})
        self.assertEqual(self.esme().submit(ALICE, number, TEXT), 0)
        self.assertEqual(self.smsc.wait(1)[0].verdict, "passed")
        self.assertEqual(self.theirs.metrics()["cpsd_stored_total"] - before, 2)

    def test_no_record(self):
        """A destination that has none gets its message, unsigned, whatever happens to those that fail."""
        a = self.signer(self.smsc.port, **self.finds(sign__on_failure="reject"))
        self.assertEqual(self.esme(a.port).submit(ALICE, "447700900000", TEXT), 0)
        self.assertEqual(self.smsc.wait(1)[0].octets, TEXT)
        self.assertEqual(a.metrics()['unsigned_total{reason="no-key"}'], 1)

    def test_not_theirs(self):
        """A table that gives the number to somebody else: the record does not count, and nothing is encrypted to it."""
        table = self.write_table("other.csv", f"1215555,9999,{self.theirs.url}\n")
        before = self.theirs.metrics()["cpsd_stored_total"]
        a = self.signer(self.smsc.port, **self.finds(numbers__table=table, sign__on_failure="reject"))
        self.assertNotEqual(self.esme(a.port).submit(ALICE, self.bob, TEXT), 0)
        self.assertEqual(self.theirs.metrics()["cpsd_stored_total"], before)
