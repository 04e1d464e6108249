# SPDX-License-Identifier: MIT
"""Reads PDUs and texts of SMPP, as much as the tests need, and independently of client/smpp."""
import struct

NAMES = {0x01: "bind_receiver", 0x02: "bind_transmitter", 0x04: "submit_sm", 0x05: "deliver_sm", 0x06: "unbind",
         0x09: "bind_transceiver", 0x15: "enquire_link", 0x103: "data_sm"}
GSM = ("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
       "¿abcdefghijklmnopqrstuvwxyzäöñüà")
GSM_MORE = {0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|",
            0x65: "€"}  # fmt: skip
VERDICT, SIGNER = 0x1501, 0x1502
UDHI, RECEIPT = 0x40, 0x04


class Pdu:
    """A submit_sm, deliver_sm or data_sm with its fields; of anything else only the header."""

    def __init__(self, octets):
        self.octets = octets
        self.length, self.command, self.status, self.sequence = struct.unpack(">IIII", octets[:16])
        self.name = NAMES.get(self.command & 0x7FFFFFFF, hex(self.command)) + "_resp" * (self.command >> 31)
        self.at = 16
        self.tlvs = []
        if self.name in ("submit_sm", "deliver_sm", "data_sm"):
            self._message()

    def _number(self, octets=1):
        self.at += octets
        return int.from_bytes(self.octets[self.at - octets:self.at], "big")

    def _text(self):
        end = self.octets.index(b"\0", self.at)
        text = self.octets[self.at:end].decode("latin-1")
        self.at = end + 1
        return text

    def _address(self):
        return self._number(), self._number(), self._text()

    def _message(self):
        self.service_type, self.source, self.dest = self._text(), self._address(), self._address()
        self.esm_class = self._number()
        self.short_message = b""
        if self.name == "data_sm":
            self.registered, self.coding = self._number(), self._number()
        else:
            self.protocol, self.priority, self.schedule, self.validity = (
                self._number(), self._number(), self._text(), self._text())
            self.registered, self.replace, self.coding, self.default = (self._number() for _ in range(4))
            end = self._number() + self.at
            self.short_message, self.at = self.octets[self.at:end], end
        while self.at < len(self.octets):
            tag, n = self._number(2), self._number(2)
            self.tlvs.append((tag, self.octets[self.at:self.at + n]))
            self.at += n
        body = self.short_message or b"".join(v for t, v in self.tlvs if t == 0x0424)
        cut = body[0] + 1 if self.esm_class & UDHI else 0
        self.udh, self.body = body[:cut], body[cut:]

    def tag(self, number):
        """The TLV's value as text, or None; it must not be there twice."""
        found = [v for t, v in self.tlvs if t == number]
        assert len(found) < 2, f"TLV {number:#x} is there {len(found)} times"
        return found[0].decode().rstrip("\0") if found else None

    @property
    def segment(self):
        """Reference, total, number of a concatenated one; None."""
        at = 1
        while at + 1 < len(self.udh):
            element, n = self.udh[at], self.udh[at + 1]
            if element == 0 and n == 3:
                return tuple(self.udh[at + 2:at + 5])
            at += 2 + n
        return None

    @property
    def bare(self):
        """Everything but command_length and the sidecar's tags."""
        tlvs = b"".join(struct.pack(">HH", t, len(v)) + v for t, v in self.tlvs)
        whole = len(self.octets) - len(tlvs)
        kept = b"".join(struct.pack(">HH", t, len(v)) + v for t, v in self.tlvs if t not in (VERDICT, SIGNER))
        return self.octets[4:whole] + kept


def gsm_text(octets):
    text, escaped = "", False
    for octet in octets:
        if escaped:
            text += GSM_MORE[octet]
        elif octet != 0x1B:
            text += GSM[octet]
        escaped = octet == 0x1B and not escaped
    return text


def whole(parts):
    """The text, or the octets, of a message whose segments these are."""
    parts = sorted(parts, key=lambda pdu: pdu.segment or (0, 1, 1))
    octets = b"".join(pdu.body for pdu in parts)
    coding = parts[0].coding
    if coding == 0:
        return gsm_text(octets)
    return octets.decode("utf-16-be") if coding == 8 else octets
