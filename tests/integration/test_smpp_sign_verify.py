"""cps-smpp signs on one side and verifies on the other: what is vouched for passes, what is not is told."""
import unittest

from smpp_case import ALICE, BOB, MALLORY, SmppCase


class Verdicts(SmppCase):
    def test_genuine(self):
        self.chain()
        esme = self.esme()
        self.assertEqual(esme.submit(ALICE, BOB, b"Your parcel is at the door."), 0)
        got = self.smsc.wait(1)[0]
        self.assertEqual((got.src, got.dst, got.octets), (ALICE, BOB, b"Your parcel is at the door."))
        self.assertEqual((got.verdict, got.signer), ("passed", "tn:" + ALICE))
        line = self.b.judged(1)[0]
        self.assertEqual((line["verdict"], line["orig"], line["dest"], line["action"], line["segments"]),
                         ("passed", ALICE, BOB, "tag", 1))  # fmt: skip


if __name__ == "__main__":
    unittest.main()
