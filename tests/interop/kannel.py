"""Kannel as the ESME, node-smpp as the SMSC: first straight, then with the sidecar between them."""
import unittest
from collections import defaultdict

from smpp_messages import MESSAGES, ORIG, arrived, dest, send_all
from smpp_parts import SECONDS, Case, Kannel, Sink, Smsc, free_port
from smpp_read import whole
from smpp_sidecar import Sidecar
from wire import until


def cut_within(octets):
    """Does this part of a text end, or begin, within a surrogate pair?"""
    try:
        octets.decode("utf-16-be")
        return False
    except UnicodeDecodeError:
        return True


class ThroughKannel(Case):
    def begin(self, port):
        self.sink = Sink()
        self.addCleanup(self.sink.close)
        self.kannel = Kannel(self.temp(), port, self.sink)
        self.addCleanup(self.kannel.kill)
        self.addCleanup(self.kannel.stop)

    def smsc_started(self, **options):
        smsc = Smsc(self.temp(), **options)
        self.addCleanup(smsc.kill)
        return smsc

    def arrived(self, smsc):
        """Everything is sent at once and is as it was meant; {dest: PDUs}."""
        send_all(self.kannel)
        boxes = defaultdict(list)
        for pdu in arrived(smsc):
            boxes[pdu.dest[2]].append(pdu)
        for message in MESSAGES:
            parts = boxes[dest(message)]
            self.assertEqual([p.source for p in parts], [(1, 1, ORIG)] * message.parts, message.name)
            self.assertEqual(whole(parts), message.body, message.name)
            self.assertEqual(message.split, any(cut_within(p.body) for p in parts if p.coding == 8), message.name)
            if message.udh:
                self.assertEqual(parts[0].udh, message.udh, message.name)
        return boxes

    def check_receipt(self):
        """It comes back as Kannel's dlr-url being asked for."""
        asked = [message for message in MESSAGES if "dlr-mask" in message.sent]
        until(lambda: self.sink.of("/receipt"), SECONDS, "Kannel reports the receipt")
        self.assertEqual([(hit["type"], hit["dest"]) for hit in self.sink.of("/receipt")],
                         [("1", "+" + dest(message)) for message in asked])  # fmt: skip
        self.assertIn("stat:DELIVRD", self.sink.of("/receipt")[0]["text"])

    def check_mobile_originated(self, smsc):
        """The other way: what the SMSC delivers reaches the application behind Kannel."""
        smsc.tell(send="deliver_sm", fields={
            "source_addr_ton": 1, "source_addr_npi": 1, "source_addr": "12155551300", "dest_addr_ton": 1,
            "dest_addr_npi": 1, "destination_addr": ORIG, "data_coding": 8, "short_message": "Да 😀"})  # fmt: skip
        hit = until(lambda: self.sink.of("/mo"), SECONDS, "Kannel hands the message on")[0]
        self.assertEqual((hit["from"], hit["text"]), ("+12155551300", "Да 😀"))

    def test_straight(self):
        smsc = self.smsc_started()
        self.begin(smsc.port)
        self.arrived(smsc)
        self.check_receipt()
        self.check_mobile_originated(smsc)
        self.kannel.stop()
        smsc.stop()
        print(f"kannel: {len(MESSAGES)} of {len(MESSAGES)} messages arrived straight, the receipt came back")

    def test_passing(self):
        """The sidecar only passes everything on."""
        smsc = self.smsc_started()
        sidecar = Sidecar(self.temp(), "sidecar", smsc.port)
        self.addCleanup(sidecar.kill)
        self.begin(sidecar.port)
        self.arrived(smsc)
        self.check_receipt()
        self.check_mobile_originated(smsc)
        self.kannel.stop()
        sidecar.stop()
        smsc.stop()
        print(f"kannel: {len(MESSAGES)} of {len(MESSAGES)} messages arrived through the sidecar, the receipt came back")

    def test_restart(self):
        """A sidecar that is stopped, and one that is killed, under a Kannel that goes on and an SMSC that is slow: Kannel
        binds again and repeats what was not answered. Nothing is lost. Stopping doubles nothing either, as it waits for
        the answers; a killed one loses them, and the messages come twice, as they do without a sidecar."""
        smsc, port, sent = self.smsc_started(answer_ms=100), free_port(), []

        def start(name):
            sidecar = Sidecar(self.temp(), name, smsc.port, listen__address=f"127.0.0.1:{port}")
            self.addCleanup(sidecar.kill)
            return sidecar

        def send(count):
            for _ in range(count):
                sent.append(f"message {len(sent)}")
                self.kannel.send(**{"from": "+" + ORIG, "to": "+12155551300", "text": sent[-1]})

        def all_arrived():
            until(lambda: set(self.texts(smsc)) == set(sent), SECONDS, "all messages arrive")
            return len(self.texts(smsc)) - len(sent)

        sidecar = start("first")
        self.begin(port)
        send(30)
        until(smsc.messages, SECONDS, "messages arrive")
        sidecar.stop()
        self.assertLess(len(smsc.messages()), len(sent), "it was stopped with messages under way")
        send(10)
        sidecar = start("second")
        self.assertEqual(all_arrived(), 0)
        send(30)
        sidecar.kill()
        self.assertLess(len(smsc.messages()), len(sent), "it was killed with messages under way")
        send(10)
        sidecar = start("third")
        twice = all_arrived()
        self.kannel.stop()
        sidecar.stop()
        print(f"kannel: {len(sent)} of {len(sent)} messages arrived though the sidecar was stopped and killed, {twice} of "
              "them twice")  # fmt: skip

    @staticmethod
    def texts(smsc):
        return [whole([pdu]) for pdu, _ in smsc.messages()]


if __name__ == "__main__":
    unittest.main(verbosity=2)
