# SPDX-License-Identifier: MIT
"""What an operator sees of each message: a line where it is signed and where it is judged, warnings, binds."""
# presets: dev asan
import contextlib
import hashlib
import hmac
import os
import unittest

import smpp_pdu
from harness import SLOW
from smpp_case import ALICE, MALLORY, SmppCase
from smpp_peer import Esme
from wire import until


class Records(SmppCase):
    def warned(self, sidecar, text, count=1):
        def times():
            return sidecar.log().replace('\\"', '"').count(text)

        until(lambda: times() >= count, 20 * SLOW, f"a warning: {text}")
        self.assertEqual(times(), count)

    def line(self, sidecar, count, **expected):
        """The last line of the record of signed messages has these members; None: it has no such member."""
        line = sidecar.signed(count)[count - 1]
        self.assertEqual({key: line.get(key) for key in expected}, expected)
        return line

    def test_n03_nothing_goes_unsigned_silently(self):
        a = self.signer(self.smsc.port)
        kannel = self.esme(a.port, "kannel")
        for _ in range(3):
            self.assertEqual(kannel.submit(ALICE, self.bob, b"hello"), 0)
        self.line(a, 3, system_id="kannel", status="unsigned", reason="no-tenant", tenant=None, orig=ALICE, dest=self.bob)
        self.warned(a, 'system_id "kannel" has no tenant: 1 message unsigned')
        alice = self.esme(a.port)
        self.assertEqual(alice.submit(MALLORY, self.bob, b"hello"), 0)
        self.line(a, 4, system_id="alice", status="unsigned", reason="outside", tenant="alice", orig=MALLORY)
        self.warned(a, 'system_id "alice" sends from senders outside its tenant\'s numbers and names: 1 message unsigned')
        self.assertEqual(alice.submit("Bank", self.bob, b"hello"), 0)
        self.line(a, 5, status="unsigned", reason="sender", orig=None, tenant="alice")
        self.assertEqual(alice.submit(ALICE, self.bob, b"hello"), 0)
        self.line(a, 6, status="signed", reason=None, orig=ALICE, tenant="alice", segments=1)
        metrics = a.metrics()
        self.assertEqual(metrics['tenant_messages_total{tenant="none",outcome="unsigned"}'], 3)
        self.assertEqual(metrics['tenant_messages_total{tenant="alice",outcome="unsigned"}'], 2)
        self.assertEqual(metrics['tenant_messages_total{tenant="alice",outcome="signed"}'], 1)
        self.assertEqual(metrics["signed_lost_total"], 0)
        a.stop()  # messages counted since the first warning are reported at the end
        self.warned(a, 'system_id "kannel" has no tenant: 2 messages unsigned')

    def test_n03_refused_and_spooled(self):
        gone = {"cps__url": "https://127.0.0.1:1"}
        refusing = self.signer(self.smsc.port, sign__on_failure="reject", sign__outside="reject", **gone)
        esme = self.esme(refusing.port)
        self.assertNotEqual(esme.submit(MALLORY, self.bob, b"hello"), 0)
        self.line(refusing, 1, status="refused", reason="outside", sequence=2, message_id=None)
        self.assertNotEqual(esme.submit(ALICE, self.bob, b"hello"), 0)
        line = self.line(refusing, 2, status="refused", reason="failed", sequence=3, message_id=None)
        self.assertTrue(line["detail"])
        self.warned(refusing, "PASSporT could not be made or published: 1 message refused (")
        spooling = self.signer(self.smsc.port, spool__file=os.path.join(self.temp(), "spool"), **gone)
        self.assertEqual(self.esme(spooling.port).submit(ALICE, self.bob, b"hello"), 0)
        self.line(spooling, 1, status="spooled", reason=None, message_id="id1", sequence=2)
        self.assertEqual(spooling.metrics()['tenant_messages_total{tenant="alice",outcome="spooled"}'], 1)

    def test_n19_a_complaint_finds_its_line(self):
        """By message_id, by sequence, by the hash of a number, which stays the same over a restart."""
        key = os.path.join(self.temp(), "number-key")
        secret = {"log__numbers": "no", "log__number_key_file": key}
        b = self.verifier(self.smsc.port, **secret)
        a = self.signer(b.port, **secret)
        sequence = 0
        for _ in range(2):
            esme = self.esme(a.port)
            self.assertEqual(esme.submit(ALICE, self.bob, b"hello %d" % sequence), 0)
            esme.close()
            sequence += 1
            judged, signed = b.judged(sequence)[-1], a.signed(sequence)[-1]
            with open(key, "rb") as octets:
                octets = hashlib.sha256(octets.read()).digest()
            for line in (judged, signed):
                self.assertEqual((line["message_id"], line["sequence"]), ("id1", 2))
                for member, number in (("orig", ALICE), ("dest", self.bob)):
                    self.assertEqual(line[member], hmac.new(octets, number.encode(), "sha256").hexdigest()[:16], member)
                self.assertNotIn(ALICE, str(line))
            self.assertEqual((judged["verdict"], signed["status"]), ("passed", "signed"))
            b.stop()
            b = self.verifier(self.smsc.port, **secret, log__judged=b.judged_path)
            b.judged_path = b.keys["log__judged"]
            a.reload(peer__address=f"127.0.0.1:{b.port}")

    def test_n19_long_and_refused(self):
        self.chain(verifier={"join__hold": "always", "join__timeout_ms": 60000})
        esme = self.esme()
        parts = [bytes([5, 0, 3, 9, 2, i]) + text for i, text in ((1, b"first "), (2, b"second"))]
        self.assertEqual(esme.submit_parts(ALICE, self.bob, parts), [0, 0])
        line = self.b.judged(1)[0]
        self.assertEqual((line["verdict"], line["segments"], line["sequence"]), ("passed", 2, 2))
        self.assertEqual([(part["sequence"], part["message_id"]) for part in line["parts"]], [(2, "id1"), (3, "id1")])
        self.smsc.status = smpp_pdu.THROTTLED
        self.assertEqual(esme.submit(ALICE, self.carol, b"busy"), smpp_pdu.THROTTLED)
        for line in (self.b.judged(2)[1], self.a.signed(2)[1]):
            self.assertEqual((line["sequence"], line.get("message_id"), line["command_status"]), (4, None, smpp_pdu.THROTTLED))

    def test_n19_no_answer_is_awaited_for_ever(self):
        """A peer that does not answer: the line is there when the connection ends."""
        self.smsc.mute = True
        b = self.verifier(self.smsc.port)
        esme = self.esme(b.port)
        esme.put(smpp_pdu.SUBMIT, smpp_pdu.message(ALICE, self.bob, b"hello"))
        self.smsc.wait(1)
        esme.close()
        line = b.judged(1)[0]
        self.assertEqual((line["verdict"], line["sequence"], line.get("message_id")), ("no-passport", 2, None))

    def test_binds_are_told(self):
        a = self.signer(self.smsc.port)
        esme = self.esme(a.port)
        until(lambda: any("bound" in line and "system_id=alice" in line for line in a.log().splitlines()), 20 * SLOW, "bound")
        esme.unbind()
        esme.close()
        until(lambda: "the ESME has unbound" in a.log(), 20 * SLOW, "unbound")
        again = Esme(a.port)
        with contextlib.suppress(OSError):
            again.close()
        until(lambda: "the ESME has closed while bound" in a.log(), 20 * SLOW, "closed")


if __name__ == "__main__":
    unittest.main()
