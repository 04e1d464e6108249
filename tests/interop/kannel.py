# SPDX-License-Identifier: MIT
"""Kannel as the ESME, node-smpp as the SMSC: first straight, then with the sidecar between them."""
import unittest
from collections import defaultdict

from smpp_messages import MESSAGES, ORIG, arrived, dest, send_all
from smpp_parts import SECONDS, Case, Kannel, Sink, Smsc, free_port
from smpp_read import SIGNER, VERDICT, whole
from smpp_sidecar import Pair, started
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
        sidecar = started(self, smsc.port)
        self.begin(sidecar.port)
        self.arrived(smsc)
        self.check_receipt()
        self.check_mobile_originated(smsc)
        self.kannel.stop()
        sidecar.stop()
        smsc.stop()
        print(f"kannel: {len(MESSAGES)} of {len(MESSAGES)} messages arrived through the sidecar, the receipt came back")

    def test_restart(self):
        """A sidecar is stopped, and one is killed, while Kannel continues and the SMSC is slow: Kannel binds again and
        repeats messages without an answer. Nothing is lost. Stopping doubles nothing either, because it waits for the
        answers; killing loses them, and the messages come twice, as they do without a sidecar."""
        smsc, port, sent, under_way = self.smsc_started(answer_ms=100), free_port(), [], []

        def start():
            return started(self, smsc.port, listen__address=f"127.0.0.1:{port}")

        def send(count):
            for _ in range(count):
                sent.append(f"message {len(sent)}")
                self.kannel.send(**{"from": "+" + ORIG, "to": "+12155551300", "text": sent[-1]})

        def all_arrived():
            until(lambda: self.kannel.answered() == len(sent), SECONDS, "all messages are answered")
            self.assertEqual(set(self.texts(smsc)), set(sent))
            return len(self.texts(smsc)) - len(sent)

        sidecar, twice = start(), []
        self.begin(port)
        for end in ("stop", "kill"):
            send(30)
            until(lambda: len(smsc.messages()) > len(sent) - 30, SECONDS, "messages arrive")
            under_way.append(len(sent) - self.kannel.answered())
            getattr(sidecar, end)()
            send(10)
            sidecar = start()
            twice.append(all_arrived())
        self.assertEqual(twice[0], 0)
        self.kannel.stop()
        sidecar.stop()
        print(f"kannel: {len(sent)} of {len(sent)} messages arrived though the sidecar was stopped with {under_way[0]} "
              f"of them under way, and killed with {under_way[1]}; {twice[1]} twice")  # fmt: skip

    @staticmethod
    def texts(smsc):
        return [whole([pdu]) for pdu, _ in smsc.messages()]

    def test_judged(self):
        """One sidecar signs, another judges and tags."""
        smsc = self.smsc_started()
        pair = Pair(self, smsc.port, "kannel", [ORIG])
        self.begin(pair.near.port)
        boxes = self.arrived(smsc)
        for message in MESSAGES:
            for pdu in boxes[dest(message)]:
                self.assertEqual((pdu.tag(VERDICT), pdu.tag(SIGNER)), ("passed", "tn:" + ORIG), message.name)
        passed = [line for line in pair.far.judged(len(MESSAGES)) if line["verdict"] == "passed"]
        self.assertEqual(sorted(line["dest"] for line in passed), sorted(map(dest, MESSAGES)))
        self.assertEqual({(line["direction"], line["orig"], line["signer"]) for line in passed},
                         {("submit", ORIG, "tn:" + ORIG)})  # fmt: skip
        self.check_receipt()
        self.check_mobile_originated(smsc)
        self.kannel.stop()
        pair.stop()
        smsc.stop()
        print(f"kannel: {len(passed)} of {len(MESSAGES)} messages judged passed, the receipt came back")


if __name__ == "__main__":
    unittest.main(verbosity=2)
