# SPDX-License-Identifier: MIT
"""A message that its sender repeats, because it was told "later" or nothing at all, is no replay; a replay still is one.
ESME - sidecar that signs - sidecar that verifies - SMSC, with a CPS between the sidecars."""
import collections
import os
import re
import time
import unittest

import smpp_pdu
from harness import BUILD, SLOW, Process, free_port
from smpp_case import ALICE, SmppCase
from wire import until

SMSC = os.path.join(BUILD, "client", "cps-smsc")
MESSAGES = 60
LIFE_S = 12  # of a PASSporT whose retry is shown: a slow machine verifies within it


class Repeated(SmppCase):
    def smsc_program(self, *options, port=None):
        smsc = Process([SMSC, "--port", str(port or free_port()), *options], os.path.join(self.temp(), "smsc.log"))
        self.addCleanup(smsc.kill)
        until(lambda: "listening on" in smsc.log(), 20 * SLOW, "the SMSC listens")
        smsc.port = int(re.search(r"listening on \S+:(\d+)", smsc.log())[1])
        return smsc

    def between(self, smsc):
        """PASSporTs live long enough that none is signed again because a slow machine repeats it late."""
        self.b = self.verifier(smsc.port, trust__max_age_s=3600)
        self.a = self.signer(self.b.port, sign__life_s=3600)

    def send(self, esme, texts):
        """Sends messages in one go; returns {text: sequence}."""
        return {text: esme.put(smpp_pdu.SUBMIT, smpp_pdu.message(ALICE, self.bob, text)) for text in texts}

    def verdicts(self, first, count):
        """Of messages judged, from the first-th on."""
        return [line["verdict"] for line in self.b.judged(first + count)[first:]]

    def decided(self, count):
        """Waits until `count` messages that the SMSC does not answer have a verdict; returns {verdict: number}."""

        def counted():
            found = collections.Counter()
            for name, value in self.b.metrics().items():
                if name.startswith("verdicts_total"):
                    found[re.search('verdict="([^"]*)"', name)[1]] += int(value)
            return +found

        until(lambda: sum(counted().values()) >= count, 20 * SLOW, f"{count} verdicts")
        return counted()

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

    def test_f05_a_lost_connection_is_no_way_to_use_a_passport_without_end(self):
        """A peer that drops its connection before each answer: two repetitions pass, then it is a replay."""
        self.between(self.smsc_program("--delay", "3600000"))
        for attempt, verdict in enumerate(["passed", "passed", "passed", "replayed", "replayed"]):
            esme = self.esme(self.a.port if attempt == 0 else self.b.port)
            self.send(esme, [b"number 0"])
            self.decided(attempt + 1)
            esme.close()
            until(lambda: self.b.metrics()["bound"] == 0, 20 * SLOW, "the bind has ended")
            self.assertEqual(self.verdicts(attempt, 1), [verdict])
        metrics = self.b.metrics()
        self.assertEqual(metrics['sent_again_total{after="loss"}'], 2)
        self.assertEqual(metrics["sent_again_over_total"], 1)
        self.assertEqual([line["reason"] for line in self.b.judged(3)[1:3]],
                         ["sent again after its connection was lost"] * 2)  # fmt: skip
        self.assertLogged("more often than [repeat] max allows", self.b)

    def test_f05_a_genuine_sender_that_loses_more_is_signed_again(self):
        """It loses its connection four times: the signer makes a new PASSporT, so that nobody calls it a replay."""
        self.between(self.smsc_program("--delay", "3600000"))
        for attempt in range(5):
            esme = self.esme()
            self.send(esme, [b"number 0"])
            self.assertEqual(self.decided(attempt + 1), {"passed": attempt + 1})
            esme.close()
            until(lambda: self.b.metrics()["bound"] == 0, 20 * SLOW, "the bind has ended")
        self.assertEqual(self.a.metrics()['signed_total{outcome="published"}'], 2)

    def test_kill(self):
        """The verifier is killed with messages that the SMSC has not answered: sent again to the next one they pass,
        although the replays are in a file; a replay still is one."""
        state = self.temp()
        kept = {"trust__replay": "sqlite", "trust__replay_file": os.path.join(state, "replays"),
                "repeat__file": os.path.join(state, "repeats"), "listen__address": f"127.0.0.1:{free_port()}"}  # fmt: skip
        smsc = self.smsc_program("--delay", "3600000")
        self.b = self.verifier(smsc.port, **kept)
        self.a = self.signer(self.b.port)
        texts = [b"number %d" % i for i in range(MESSAGES)]
        self.send(self.esme(), texts)
        self.assertEqual(self.decided(MESSAGES), {"passed": MESSAGES})
        for _ in range(2):
            self.b.kill_now()
            self.b = self.verifier(smsc.port, **kept)
            until(lambda: self.a.metrics()["bound"] == 0, 20 * SLOW, "the binds have ended")
            self.send(self.esme(), texts)
            self.assertEqual(self.decided(MESSAGES), {"passed": MESSAGES})
        self.assertEqual(self.b.metrics()['sent_again_total{after="loss"}'], MESSAGES)
        self.send(self.esme(self.b.port, "mallory"), [b"number 0"])
        self.assertEqual(self.decided(MESSAGES + 1), {"passed": MESSAGES, "replayed": 1})

    def test_f07_a_retry_gets_a_live_passport(self):
        """Refused, and sent again when its PASSporT is older than a quarter of its life: it is signed again."""
        self.smsc.status = smpp_pdu.THROTTLED
        a = self.signer(self.smsc.port, sign__life_s=LIFE_S)
        b = self.verifier(self.smsc.port)
        esme, transit = self.esme(a.port), self.esme(b.port)
        self.assertEqual(esme.submit(ALICE, self.bob, b"retry"), smpp_pdu.THROTTLED)
        time.sleep(LIFE_S / 4 + 0.1)  # at least: it grows old, which is no event
        self.smsc.status = 0
        self.assertEqual(esme.submit(ALICE, self.bob, b"retry"), 0)
        self.assertEqual(a.metrics()["signed_again_total"], 1)
        self.assertEqual(a.metrics()['signed_total{outcome="published"}'], 2)
        transit.submit(ALICE, self.bob, b"retry")
        self.assertEqual([line["verdict"] for line in b.judged(1)], ["passed"])

    def scheduled(self, when):
        """The body of a submit_sm that is to be delivered later."""
        body = smpp_pdu.message(ALICE, self.bob, b"later")
        head = len(b"\0" + smpp_pdu.address(ALICE) + smpp_pdu.address(self.bob)) + 3
        return body[:head] + when + body[head:]

    def test_f31_a_scheduled_message_is_counted_and_logged(self):
        a = self.signer(self.smsc.port)
        self.assertEqual(self.esme(a.port).ask(smpp_pdu.SUBMIT, self.scheduled(b"000000010000000R")).status, 0)
        self.assertEqual(a.metrics()['scheduled_total{life="default"}'], 1)
        self.assertLogged("scheduled to be delivered when its PASSporT will have expired", a)

    def test_f31_a_scheduled_message_gets_the_longer_life_that_is_allowed(self):
        a = self.signer(self.smsc.port, sign__scheduled_life_s=7200)
        self.assertEqual(self.esme(a.port).ask(smpp_pdu.SUBMIT, self.scheduled(b"000000010000000R")).status, 0)
        self.assertEqual(a.metrics()['scheduled_total{life="longer"}'], 1)
        self.assertNotIn("scheduled", a.log())

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
