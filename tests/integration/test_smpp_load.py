# SPDX-License-Identifier: MIT
"""Two sidecars and a CPS with many operations in progress, most of them on other threads."""
# alone: takes both processors
import unittest

import smpp_pdu
from harness import SLOW
from smpp_case import ALICE, SmppCase, fresh
from wire import until


class Load(SmppCase):
    def test_thousand_mixed(self):
        """Genuine and forged ones, over several binds, in full windows: none is lost, none misjudged."""
        # longer than a busy machine needs for a thousand: what is genuine must not run out of time
        self.chain(verifier={"verify__wait_ms": 2000 * SLOW})
        binds = [self.esme(), self.esme(), self.esme(system_id="mallory"), self.esme(system_id="mallory")]
        expected = {}
        sent = []
        for i in range(1000):
            esme, genuine = binds[i % 4], i % 4 < 2
            body = smpp_pdu.message(ALICE, (self.bob, self.carol)[i // 4 % 2], b"number %d" % i)
            expected[b"number %d" % i] = genuine
            sent.append((esme, esme.put(smpp_pdu.SUBMIT, body)))
        self.assertEqual({esme.answer(sequence, 60).status for esme, sequence in sent}, {0})
        got = self.smsc.wait(1000, 60)
        self.assertEqual({m.octets: m.verdict == "passed" for m in got}, expected)
        # on a busy machine the CPS may not answer a wait in time: such a message is not passed either
        self.assertLessEqual({m.verdict for m in got}, {"passed", "no-passport", "msgi-mismatch", "timeout"})
        self.assertEqual(len(self.b.judged(1000)), 1000)
        # what a wait ended without is still on its way to the CPS and back
        until(lambda: self.b.metrics()["operations"] == 0, 20 * SLOW, "no operation is in progress")
        metrics = self.b.metrics()
        self.assertEqual((metrics["undecided"], metrics["operations_queued"]), (0, 0))

    def test_s04_a_sidecar_with_a_certificate_is_not_limited_by_its_address(self):
        """With the default limits, and where its address alone could publish 50 at once."""
        for count, limits in ((1000, {}), (300, {"limits__publish_by_address": 10})):
            with self.subTest(limits):
                cps = self.cpsd(trust__roots=f"{self.pki}/root.pem", server__client_certificates="optional",
                                policy__publish="token", **limits)  # fmt: skip
                a = self.signer(self.smsc.port, cps__url=cps.url, cps__ca=cps.ca,
                                cps__certificate=f"{self.pki}/carrier.pem", cps__private_key=f"{self.pki}/carrier.key",
                                sign__timeout_ms=60000, cps__request_timeout_ms=60000)  # fmt: skip
                esme = self.esme(a.port)
                sent = [esme.put(smpp_pdu.SUBMIT, smpp_pdu.message(ALICE, fresh(), b"number %d" % i))
                        for i in range(count)]  # fmt: skip
                self.assertEqual({esme.answer(sequence, 60).status for sequence in sent}, {0})
                signed = {name: n for name, n in a.metrics().items() if "signed_total" in name and n}
                self.assertEqual(signed, {'signed_total{outcome="published"}': count})
                refused = [name for name in cps.metrics() if 'status="429"' in name]
                self.assertEqual(refused, [])
                self.assertEqual(cps.metrics()["cpsd_stored_total"], count)

    def test_reloads(self):
        """Reloads of all kinds while messages are in progress: no message is lost."""
        b = self.verifier(self.smsc.port, verify__wait_ms=5000 * SLOW)  # all are genuine
        a = self.signer(b.port)
        esme = self.esme(a.port)
        sent = []
        for i in range(300):
            sent.append(esme.put(smpp_pdu.SUBMIT, smpp_pdu.message(ALICE, self.bob, b"number %d" % i)))
            if i % 60 == 30:
                a.reload(sign__timeout_ms=3000 * SLOW + i)
                b.reload(trust__max_age_s=60 + i)
        self.assertEqual({esme.answer(s, 60).status for s in sent}, {0})
        self.assertEqual({m.verdict for m in self.smsc.wait(300)}, {"passed"})


if __name__ == "__main__":
    unittest.main()
