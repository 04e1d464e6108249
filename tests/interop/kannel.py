"""Kannel as the ESME, node-smpp as the SMSC: first straight, then with the sidecar between them."""
import unittest
from collections import defaultdict

from smpp_messages import MESSAGES
from smpp_parts import SECONDS, Case, Kannel, Sink, Smsc
from smpp_read import whole
from wire import until

ORIG = "12155551212"


def dest(message):
    return str(12155551300 + MESSAGES.index(message))


class Sent:
    """What all of the tests do: everything is sent through Kannel at once and looked at where it arrives."""

    def begin(self, port):
        self.sink = Sink()
        self.addCleanup(self.sink.close)
        self.kannel = Kannel(self.temp(), port, self.sink)
        self.addCleanup(self.kannel.kill)
        self.addCleanup(self.kannel.stop)

    def smsc_started(self):
        smsc = Smsc(self.temp())
        self.addCleanup(smsc.kill)
        return smsc

    def send(self):
        for message in MESSAGES:
            report = f"{self.sink.url}/receipt?type=%d&dest=%p&text=%A"
            asks = {"dlr-url": report} if "dlr-mask" in message.sent else {}
            self.kannel.send(**{"from": "+" + ORIG, "to": "+" + dest(message), **message.sent, **asks})

    def arrived(self, smsc):
        """{dest: its PDUs} when all are there."""
        expected = sum(message.parts for message in MESSAGES)
        pdus = [pdu for pdu, _ in until(lambda: len(smsc.messages()) >= expected and smsc.messages(), SECONDS,
                                        f"{expected} segments arrive")]  # fmt: skip
        self.assertEqual(len(pdus), expected)
        boxes = defaultdict(list)
        for pdu in pdus:
            boxes[pdu.dest[2]].append(pdu)
        return boxes

    def check_bodies(self, boxes):
        for message in MESSAGES:
            with self.subTest(message.name):
                parts = boxes[dest(message)]
                self.assertEqual(len(parts), message.parts)
                self.assertEqual([p.source for p in parts], [(1, 1, ORIG)] * message.parts)
                self.assertEqual(whole(parts), message.body)
                if message.udh:
                    self.assertEqual(parts[0].udh, message.udh)

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


class Straight(Sent, Case):
    def test_straight(self):
        smsc = self.smsc_started()
        self.begin(smsc.port)
        self.send()
        self.check_bodies(self.arrived(smsc))
        self.check_receipt()
        self.check_mobile_originated(smsc)
        print(f"kannel: {len(MESSAGES)} of {len(MESSAGES)} messages arrived straight, the receipt came back")
        self.kannel.stop()
        smsc.stop()


if __name__ == "__main__":
    unittest.main(verbosity=2)
