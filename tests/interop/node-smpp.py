# SPDX-License-Identifier: MIT
"""node-smpp as ESME and as SMSC, with the sidecar between them: everything passes as it is, in both directions; what is
signed on one side is judged `passed` on the other, also in both."""
import unittest

from smpp_parts import SECONDS, Case, Esme, Smsc
from smpp_sidecar import Pair, started
from wire import until

ORIG, DEST, STRANGER = "12155551212", "12155551213", "12155559999"
LONG = "Съешь же ещё этих мягких французских булок, да 🙂 " * 5  # two of its segments end within a face


def segments(make):
    octets = LONG.encode("utf-16-be")
    parts = [octets[i:i + 132] for i in range(0, len(octets), 132)]
    return [{"data_coding": 8, **make(part, n + 1, len(parts))} for n, part in enumerate(parts)]


def hexed(octets):
    return {"hex": octets.hex()}


# name: the fields of its segments
MESSAGES = {
    "default alphabet": [{"short_message": "Running late. 5 min", "data_coding": 0}],
    "GSM extension table": [{"short_message": "{€} [~] ^ \\ |", "data_coding": 0}],
    "coding left to node-smpp": [{"short_message": "Running late, 5 €"}],
    "Latin-1": [{"short_message": "Crème brûlée", "data_coding": 3}],
    "UCS-2": [{"short_message": "Привет, как дела? 😀", "data_coding": 8}],
    "binary": [{"short_message": hexed(bytes(range(140))), "data_coding": 4}],
    "empty": [{"short_message": "", "data_coding": 0}],
    "Turkish by its own table": [{"short_message": {"udh": hexed(b"\x03\x24\x01\x01"), "message": "ışık ş ğ İ"}}],
    "message_payload": [{"message_payload": LONG, "data_coding": 8}],
    "eight-bit references": segments(lambda part, n, total: {
        "short_message": {"udh": hexed(bytes([5, 0, 3, 77, total, n])), "message": hexed(part)}}),
    "sixteen-bit references": segments(lambda part, n, total: {
        "short_message": {"udh": hexed(bytes([6, 8, 4, 1, 77, total, n])), "message": hexed(part)}}),
    "SAR TLVs": segments(lambda part, n, total: {
        "short_message": hexed(part), "sar_msg_ref_num": 77, "sar_total_segments": total, "sar_segment_seqnum": n}),
    "TLVs of others": [{"short_message": "with more", "data_coding": 0, "user_message_reference": 513,
                        "billing_identification": hexed(b"\x00abc")}],
}  # fmt: skip
# F19: node-smpp sends these as GSM 03.38 under data_coding 1 where it is left the choice
CHOSEN = ["user@example.com", "Zürich: Größe 5", "[link] {x}", "Prix: 5 € à la caisse_2 @ 7$"]
SEGMENTS = sum(map(len, MESSAGES.values()))
UNKNOWN = "000000180001000000000000000000630123456789abcdef"


def addresses(orig, dest):
    return {"source_addr_ton": 1, "source_addr_npi": 1, "source_addr": orig, "dest_addr_ton": 1, "dest_addr_npi": 1,
            "destination_addr": dest}  # fmt: skip


def send_all(peer, command, orig, dest):
    for parts in MESSAGES.values():
        for fields in parts:
            peer.tell(send=command, fields={**addresses(orig, dest), **fields})


class NodeSmpp(Case):
    def start(self, kind, *words, **options):
        peer = kind(self.temp(), *words, **options)
        self.addCleanup(peer.kill)
        return peer

    def check_same(self, sender, taker, count):
        """Octet for octet, all that one sent is all that the other got."""
        until(lambda: len(taker.events("pdu")) >= count, SECONDS, f"{count} PDUs arrive at the {taker.command[2]}")
        until(lambda: len(sender.events("sent")) >= count, SECONDS, f"the {sender.command[2]} tells of {count} PDUs")
        sent = [event["sent"] for event in sender.events("sent")]
        self.assertEqual(sent, [event["hex"] for event in taker.events("pdu")])
        self.assertEqual(len(sent), count)

    def check_judged(self, peer, name, count, verdict, signer):
        """All of them arrived with a tag that node-smpp itself can read, and are else as they were sent."""
        arrived = until(lambda: len(peer.pdus(name)) >= count and peer.pdus(name), SECONDS, f"{count} {name} arrive")
        self.assertEqual(len(arrived), count)
        for pdu, read in arrived:
            self.assertEqual((pdu.tag(0x1501), pdu.tag(0x1502)), (verdict, signer), read)
            self.assertEqual((read.get("cps_verdict"), read.get("cps_signer")), (verdict, signer))
        return [pdu for pdu, _ in arrived]

    def test_pass(self):
        smsc = self.start(Smsc)
        sidecar = started(self, smsc.port)
        esme = self.start(Esme, sidecar.port)
        send_all(esme, "submit_sm", ORIG, DEST)
        send_all(smsc, "deliver_sm", DEST, ORIG)
        until(lambda: len(esme.pdus("submit_sm_resp")) == SEGMENTS, SECONDS, "submits are answered")
        until(lambda: len(smsc.pdus("deliver_sm_resp")) == SEGMENTS, SECONDS, "deliveries are answered")
        esme.tell(send="submit_sm", fields={**addresses(ORIG, DEST), "short_message": "?", "registered_delivery": 1})
        receipt, _ = until(lambda: esme.pdus("deliver_sm")[SEGMENTS:], SECONDS, "the receipt comes")[0]
        self.assertEqual(receipt.esm_class, 4)
        esme.tell(send="data_sm", fields={**addresses(ORIG, DEST), "message_payload": "data"})
        esme.tell(send="enquire_link")
        smsc.tell(send="enquire_link")
        esme.tell(raw=UNKNOWN)
        until(lambda: len(esme.events("pdu")) == 2 * SEGMENTS + 7, SECONDS, "all is answered")
        esme.unbind()
        # submits and deliveries with their answers; the bind, a receipt and the message for it, two enquire_link,
        # data_sm, the unknown command, unbind
        self.check_same(esme, smsc, 2 * SEGMENTS + 8)
        self.check_same(smsc, esme, 2 * SEGMENTS + 8)
        sidecar.stop()
        print(f"node-smpp: {2 * (2 * SEGMENTS + 8)} PDUs passed as they were, {SEGMENTS} messages each way")

    def test_other_binds(self):
        smsc = self.start(Smsc)
        sidecar = started(self, smsc.port)
        transmitter = self.start(Esme, sidecar.port, bind="bind_transmitter")
        receiver = self.start(Esme, sidecar.port, bind="bind_receiver")
        transmitter.tell(send="submit_sm", fields={**addresses(ORIG, DEST), "short_message": "there"})
        until(lambda: transmitter.pdus("submit_sm_resp"), SECONDS, "the answer")
        smsc.tell(send="deliver_sm", fields={**addresses(DEST, ORIG), "short_message": "and back"})
        until(lambda: smsc.pdus("deliver_sm_resp"), SECONDS, "the other answer")
        arrived = until(lambda: receiver.pdus("deliver_sm"), SECONDS, "the delivery arrives")
        self.assertEqual(arrived[0][0].body, b"and back")
        for esme in (transmitter, receiver):
            esme.unbind()
        sidecar.stop()

    def test_judged(self):
        smsc = self.start(Smsc)
        pair = Pair(self, smsc.port, "kannel", [ORIG], back=[DEST])
        esme = self.start(Esme, pair.near.port)
        send_all(esme, "submit_sm", ORIG, DEST)
        arrived = self.check_judged(smsc, "submit_sm", SEGMENTS, "passed", "tn:" + ORIG)
        sent = sorted(pdu.bare for pdu in esme.sent("submit_sm"))
        self.assertEqual(sorted(pdu.bare for pdu in arrived), sent)
        send_all(smsc, "deliver_sm", DEST, ORIG)
        arrived = self.check_judged(esme, "deliver_sm", SEGMENTS, "passed", "tn:" + DEST)
        sent = sorted(pdu.bare for pdu in smsc.sent("deliver_sm"))
        self.assertEqual(sorted(pdu.bare for pdu in arrived), sent)
        for sidecar in (pair.far, pair.near):
            verdicts = [line["verdict"] for line in sidecar.judged(len(MESSAGES))]
            self.assertEqual(verdicts, ["passed"] * len(MESSAGES))
        esme.unbind()
        pair.stop()
        n = len(MESSAGES)
        print(f"node-smpp: {n} of {n} submitted and {n} of {n} delivered messages judged passed")

    def test_f19_gsm_under_data_coding_1(self):
        """What node-smpp sends with data_coding 1, and an SMSC delivers with data_coding 0, is one text."""
        smsc = self.start(Smsc)
        pair = Pair(self, smsc.port, "kannel", [ORIG])
        sidecar = pair.start_sidecar("far", "far", smsc.port, submit__action="sign", submit__alphabet_1="gsm7",
                               deliver__action="verify")  # fmt: skip
        esme = self.start(Esme, sidecar.port)
        for text in CHOSEN:
            esme.tell(send="submit_sm", fields={**addresses(ORIG, DEST), "short_message": text})
        arrived = until(lambda: smsc.pdus("submit_sm")[len(CHOSEN) - 1:] and smsc.pdus("submit_sm"), SECONDS, "they arrive")
        self.assertEqual({pdu.coding for pdu, _ in arrived}, {1})
        for pdu, _ in arrived:
            smsc.tell(send="deliver_sm", fields={**addresses(ORIG, DEST), "short_message": hexed(pdu.body), "data_coding": 0})
        self.check_judged(esme, "deliver_sm", len(CHOSEN), "passed", "tn:" + ORIG)
        esme.unbind()
        sidecar.stop()
        pair.stop()
        print(f"node-smpp: {len(CHOSEN)} texts sent under data_coding 1 and delivered under 0 judged passed")

    def test_not_passed(self):
        """In a name that is not the tenant's, with a verdict brought along."""
        smsc = self.start(Smsc)
        pair = Pair(self, smsc.port, "kannel", [ORIG])
        esme = self.start(Esme, pair.near.port)
        esme.tell(send="submit_sm", fields={**addresses(STRANGER, DEST), "short_message": "Your account is locked",
                                            "cps_verdict": "passed", "cps_signer": STRANGER})  # fmt: skip
        self.check_judged(smsc, "submit_sm", 1, "no-passport", None)
        self.assertEqual([line["verdict"] for line in pair.far.judged(1)], ["no-passport"])
        pair.stop()
        print("node-smpp: a sender who is not the tenant's, claiming to be verified, is tagged no-passport")


if __name__ == "__main__":
    unittest.main(verbosity=2)
