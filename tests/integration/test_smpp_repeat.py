"""A message that its sender repeats, because it was told "later" or nothing at all, is no replay; a replay still is one.
ESME - sidecar that signs - sidecar that verifies - SMSC, with a CPS between the sidecars."""
import os
import re
import unittest

import smpp_pdu
from harness import BUILD, SLOW, Process
from smpp_case import ALICE, SmppCase
from wire import until

SMSC = os.path.join(BUILD, "tests", "smsc")
MESSAGES = 60


class Repeated(SmppCase):
    def smsc_program(self, *options, port=0):
        smsc = Process([SMSC, "--port", str(port), *options], os.path.join(self.temp(), "smsc.log"))
        self.addCleanup(smsc.kill)
        until(lambda: "listening on" in smsc.log(), 20 * SLOW, "the SMSC listens")
        smsc.port = int(re.search(r"listening on \S+:(\d+)", smsc.log())[1])
        return smsc

    def between(self, smsc):
        self.b = self.verifier(smsc.port)
        self.a = self.signer(self.b.port)

    def send(self, esme, texts):
        """Sends messages in one go; returns {text: sequence}."""
        return {text: esme.put(smpp_pdu.SUBMIT, smpp_pdu.message(ALICE, self.bob, text)) for text in texts}

    def verdicts(self, first, count):
        """Of messages judged, from the first-th on."""
        return [line["verdict"] for line in self.b.judged(first + count)[first:]]

    def replay(self):
        """One who has seen a message sends it, too."""
        seen = len(self.b.judged())
        self.esme(self.b.port, "mallory").submit(ALICE, self.bob, b"number 0")
        return self.verdicts(seen, 1)

    def test_throttled(self):
        """Each third message is to come later; those come again, all at once, until they are taken."""
        self.between(self.smsc_program("--status", str(smpp_pdu.THROTTLED), "--refuse-each", "3"))
        esme, texts, sent = self.esme(), [b"number %d" % i for i in range(MESSAGES)], 0
        while texts:
            statuses = {text: esme.answer(s).status for text, s in self.send(esme, texts).items()}
            self.assertLessEqual(set(statuses.values()), {smpp_pdu.OK, smpp_pdu.THROTTLED})
            sent += len(texts)
            texts = [text for text, status in statuses.items() if status]
        self.assertGreaterEqual(sent, MESSAGES + MESSAGES // 3)
        self.assertEqual(self.verdicts(0, sent), ["passed"] * sent)
        self.assertEqual(self.b.metrics()["repeated_total"], sent - MESSAGES)
        self.assertEqual(self.a.metrics()['signed_total{outcome="published"}'], MESSAGES)
        self.assertEqual(self.replay(), ["replayed"])

    def test_lost_connection(self):
        """The SMSC goes down with messages that it has not answered, and comes back: the ESME sends them again."""
        smsc = self.smsc_program("--delay", "3600000")
        self.between(smsc)
        esme, texts = self.esme(), [b"number %d" % i for i in range(MESSAGES)]
        self.send(esme, texts)
        self.assertEqual(self.verdicts(0, MESSAGES), ["passed"] * MESSAGES)
        smsc.kill()
        until(lambda: esme.closed, 20 * SLOW, "the ESME's connection ends with the SMSC's")
        until(lambda: self.b.metrics()["bound"] == 0, 20 * SLOW, "the binds have ended")
        self.smsc_program(port=smsc.port)
        esme = self.esme()
        self.assertEqual({esme.answer(s).status for s in self.send(esme, texts).values()}, {0})
        self.assertEqual(self.verdicts(MESSAGES, MESSAGES), ["passed"] * MESSAGES)
        self.assertEqual(self.a.metrics()['signed_total{outcome="published"}'], MESSAGES)
        self.assertEqual(self.replay(), ["replayed"])


if __name__ == "__main__":
    unittest.main()
