# SPDX-License-Identifier: MIT
"""cps-smpp: texts and numbers as senders write them and as networks change them on the way."""
# presets: dev asan
import unittest

import smpp_pdu
from harness import CPSCTL, run
from smpp_case import ALICE, SmppCase, fresh
from smpp_pdu import sar, split, tlv

LONDON = "447700900123"
GSM = {"€": b"\x1b\x65", "@": b"\x00", "$": b"\x02", "à": b"\x7f", "ü": b"\x7e", "ö": b"\x7c", "ß": b"\x1e",
       "_": b"\x11", "[": b"\x1b\x3c", "]": b"\x1b\x3e", "{": b"\x1b\x28", "}": b"\x1b\x29", "é": b"\x05"}  # fmt: skip


def gsm(text):
    return b"".join(GSM.get(c) or c.encode("ascii") for c in text)


def from_ton(ton, body, number):
    """A message's body, with another type_of_number for the sender."""
    return body.replace(smpp_pdu.address(number), bytes([ton, 1]) + number.encode() + b"\0", 1)


def ucs2(text):
    return text.encode("utf-16-be")


# name: how a text was sent and how it was delivered, as (data_coding, octets); the reading that it passes by, or False
NETWORKS = {
    "T3": ((8, ucs2("naïve")), (0, b"na?ve"), False),
    "T4, UCS-2": ((8, ucs2("façade")), (0, b"fa\tade"), "cedilla"),
    "T4, Latin-1": ((3, "façade".encode("latin-1")), (0, b"fa\tade"), "cedilla"),
    "T6, a mark": ((8, b"\xfe\xff" + ucs2("Привет")), (8, ucs2("Привет")), None),
    "T6, none": ((8, ucs2("Привет")), (8, ucs2("Привет")), None),
    "T6, little-endian": ((8, b"\xff\xfe" + "Привет".encode("utf-16-le")), (8, ucs2("Привет")), None),
    "T7, UCS-2": ((8, ucs2("e\u0301a\u0300")), (8, ucs2("éà")), "nfd"),
    "T7, GSM": ((8, ucs2("e\u0301a\u0300")), (0, gsm("éà")), "nfd"),
    "T7, the other way": ((0, gsm("éà")), (8, ucs2("e\u0301a\u0300")), "nfc"),
    "T8, UCS-2": ((0, b"hello"), (8, ucs2("hello\0")), "no-nul"),
    "T8, Latin-1": ((0, b"hello"), (3, b"hello\0"), "no-nul"),
    "T12": ((0, b"\x1b\x65"), (3, b"\x80"), None),
    "T13": ((0, b"\x1b\x65"), (0, b"?"), False),
    "T14": ((3, b"Don\x92t"), (8, ucs2("Don’t")), None),
    "T16": ((8, ucs2("😀")), (8, ucs2("\ufffd\ufffd")), False),
    "T17, a digit": ((0, gsm("$5")), (0, gsm("$8")), False),
    "T17, a Cyrillic letter": ((0, b"apple"), (8, ucs2("аpple")), False),
    "T17, a link": ((0, b"https://example.com/a"), (0, b"https://example.com/b"), False),
}
PACKED = bytes.fromhex("31d98c56b3dd1a")  # 1234567 and the CR that fills the last octet


class Text(SmppCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        run(CPSCTL, "pki", "--out", cls.pki, "--name", "london", "--tn", LONDON)
        cls.tenant("london", LONDON)

    def check_passed(self, count):
        self.assertEqual([m.verdict for m in self.smsc.wait(count)], ["passed"] * count)

    def test_f19_gsm_octets_under_data_coding_1(self):
        """npm smpp sends GSM 03.38 under data_coding 1; the SMSC delivers the same octets under data_coding 0."""
        texts = ["user@example.com", "Zürich: Größe 5", "[link] {x}", "Prix: 5 € à la caisse_2 @ 7$"]
        signer = self.signer(self.smsc.port, submit__alphabet_1="gsm7")
        verifier = self.verifier(self.smsc.port)
        alice, network = self.esme(signer.port), self.esme(verifier.port)
        for text in texts:
            self.assertEqual(alice.submit(ALICE, self.bob, gsm(text), coding=1), 0)
            self.assertEqual(network.submit(ALICE, self.bob, gsm(text), coding=0), 0)
        got = self.smsc.wait(2 * len(texts))[1::2]
        self.assertEqual([m.verdict for m in got], ["passed"] * len(texts))

    def test_f19_data_coding_1_stays_ascii_by_default(self):
        signer, verifier = self.signer(self.smsc.port), self.verifier(self.smsc.port)
        self.esme(signer.port).submit(ALICE, self.bob, b"user@example.com", coding=1)
        self.esme(verifier.port).submit(ALICE, self.bob, gsm("user@example.com"))
        self.assertEqual(self.smsc.wait(2)[1].verdict, "passed")

    def test_f20_segments_of_different_codings_are_one_message(self):
        self.chain()
        alice = self.esme()
        for ref, codings, texts in [(7, (0, 8), (gsm("5 € "), "Привет".encode("utf-16-be"))),
                                    (8, (0xF0, 0), (b"first, ", b"second"))]:  # fmt: skip
            parts = [bytes([5, 0, 3, ref, 2, n + 1]) + text for n, text in enumerate(texts)]
            bodies = [smpp_pdu.message(ALICE, self.bob, part, coding=coding, esm=0x40)
                      for part, coding in zip(parts, codings)]  # fmt: skip
            sent = [alice.put(smpp_pdu.SUBMIT, body) for body in bodies]
            self.assertEqual([alice.answer(s).status for s in sent], [0, 0])
        self.check_passed(4)
        self.assertEqual([line["segments"] for line in self.b.judged(2)], [2, 2])
        self.assertEqual(self.a.metrics()['signed_total{outcome="published"}'], 2)

    def test_f21_country_code_for_national_numbers(self):
        """type_of_number 2: the country code goes in front, whether or not the national prefix is there."""
        numbers = {"numbers__country_code": "44", "numbers__national_prefix": "0"}
        self.chain(numbers, numbers)
        london = self.esme(system_id="london")
        for number in ("7700900123", "07700900123", LONDON):
            body = from_ton(2, smpp_pdu.message(number, self.bob, b"from " + number.encode()), number)
            self.assertEqual(london.ask(smpp_pdu.SUBMIT, body).status, 0)
        self.check_passed(3)
        self.assertEqual({line["orig"] for line in self.b.judged(3)}, {LONDON})
        self.assertEqual([m.signer for m in self.smsc.got], ["tn:" + LONDON] * 3)

    def check_networks(self, rows, signer, verifier):
        """Each text is signed as it was sent and judged as it was delivered."""
        alice, network = self.esme(signer.port), self.esme(verifier.port)
        for n, (name, (sent, delivered, reading)) in enumerate(rows.items()):
            dest = fresh()
            with self.subTest(name):
                self.assertEqual(alice.submit(ALICE, dest, sent[1], coding=sent[0]), 0)
                self.assertEqual(network.submit(ALICE, dest, delivered[1], coding=delivered[0]), 0)
                line = verifier.judged(n + 1)[n]
                self.assertEqual((line["verdict"] == "passed", line.get("reading")), (reading is not False, reading or None))

    def test_t_what_networks_do(self):
        self.check_networks(NETWORKS, self.signer(self.smsc.port), self.verifier(self.smsc.port))

    def test_t18_packed_on_the_way(self):
        rows = {"T18": ((0, b"1234567"), (0, PACKED), None), "with a CR": ((0, b"1234567\r"), (0, PACKED), "fill")}
        self.check_networks(rows, self.signer(self.smsc.port), self.verifier(self.smsc.port, submit__packed="yes"))

    def test_t18_packed_by_the_sender(self):
        signer = self.signer(self.smsc.port, submit__packed="yes")
        self.check_networks({"T18": ((0, PACKED), (0, b"1234567"), None)}, signer, self.verifier(self.smsc.port))

    def test_readings_of_a_long_message(self):
        """The readings are those of the text, not of its segments."""
        sent, delivered = (ucs2(text * 20) for text in ("e\u0301a\u0300", "éà"))
        signer, verifier = self.signer(self.smsc.port), self.verifier(self.smsc.port)
        self.esme(signer.port).submit_parts(ALICE, self.bob, split(sent, 100), coding=8)
        self.esme(verifier.port).submit_parts(ALICE, self.bob, split(delivered, 42), coding=8)
        line = verifier.judged(1)[0]
        self.assertEqual((line["verdict"], line["reading"], line["segments"]), ("passed", "nfd", 2))

    def test_text_beside_an_empty_payload(self):
        self.chain()
        self.assertEqual(self.esme().submit(ALICE, self.bob, b"hello", tlvs=tlv(smpp_pdu.PAYLOAD, b"")), 0)
        self.check_passed(1)

    def test_sar_tlvs_that_are_no_place(self):
        """A reference alone, and one of another length."""
        self.chain()
        alice = self.esme()
        self.assertEqual(alice.submit(ALICE, self.bob, b"alone", tlvs=tlv(smpp_pdu.SAR_REF, b"\0\1")), 0)
        self.assertEqual(alice.submit(ALICE, self.bob, b"long", tlvs=tlv(smpp_pdu.SAR_REF, b"\0\0\0\0\1")), 0)
        self.check_passed(2)

    def test_sar_tlvs_of_other_lengths(self):
        self.chain()
        alice = self.esme()
        sent = []
        for n, text in enumerate((b"one, ", b"two")):
            place = tlv(smpp_pdu.SAR_REF, b"\7") + tlv(smpp_pdu.SAR_TOTAL, b"\0\2") + tlv(smpp_pdu.SAR_SEGMENT, bytes([0, n + 1]))
            sent.append(alice.put(smpp_pdu.SUBMIT, smpp_pdu.message(ALICE, self.bob, text, tlvs=place)))
        self.assertEqual({alice.answer(s).status for s in sent}, {0})
        self.check_passed(2)
        self.assertEqual(self.b.judged(1)[0]["segments"], 2)

    def test_header_decides_over_sar_tlvs(self):
        """User data header and TLVs with two references."""
        self.chain()
        alice = self.esme()
        sent = [alice.put(smpp_pdu.SUBMIT, smpp_pdu.message(ALICE, self.bob, part, esm=0x40, tlvs=sar(900 + n, 2, n + 1)))
                for n, part in enumerate(split(b"0123456789" * 2, 10))]  # fmt: skip
        self.assertEqual({alice.answer(s).status for s in sent}, {0})
        self.check_passed(2)
        self.assertEqual(self.b.judged(1)[0]["segments"], 2)


if __name__ == "__main__":
    unittest.main()
