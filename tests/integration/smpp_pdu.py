# SPDX-License-Identifier: MIT
"""SMPP PDUs octet by octet: what a test writes is what goes out."""
import collections
import struct

BIND_RECEIVER, BIND_TRANSMITTER, SUBMIT, DELIVER, UNBIND, BIND, ENQUIRE = 1, 2, 4, 5, 6, 9, 0x15
SUBMIT_MULTI, DATA = 0x21, 0x103
RESP = 0x80000000
OK, SYSERR, SUBMITFAIL, THROTTLED, REJECT = 0, 8, 0x45, 0x58, 0x66
VERDICT, SIGNER, PAYLOAD = 0x1501, 0x1502, 0x0424
SAR_REF, SAR_TOTAL, SAR_SEGMENT = 0x020C, 0x020E, 0x020F

Pdu = collections.namedtuple("Pdu", "command status sequence body octets")


def pdu(command, status, sequence, body=b""):
    return struct.pack(">IIII", 16 + len(body), command, status, sequence) + body


def tlv(tag, value):
    return struct.pack(">HH", tag, len(value)) + value


def sar(ref, total, number):
    return tlv(SAR_REF, struct.pack(">H", ref)) + tlv(SAR_TOTAL, bytes([total])) + tlv(SAR_SEGMENT, bytes([number]))


def address(number):
    """A number is TON 1, NPI 1; what has a letter in it is alphanumeric."""
    ton = (1, 1) if number.isdigit() else (5, 0)
    return bytes(ton) + number.encode() + b"\0"


def message(src, dst, octets, coding=0, esm=0, tlvs=b"", registered=0):
    """The body of a submit_sm or deliver_sm."""
    return (b"\0" + address(src) + address(dst) + bytes([esm, 0, 0]) + b"\0\0" + bytes([registered, 0, coding, 0]) +
            bytes([len(octets)]) + octets + tlvs)  # fmt: skip


def data(src, dst, octets, coding=0, esm=0, tlvs=b""):
    """The body of a data_sm."""
    return b"\0" + address(src) + address(dst) + bytes([esm, 0, coding]) + tlv(PAYLOAD, octets) + tlvs


def multi(src, dests, octets, lists=(), coding=0, tlvs=b""):
    """The body of a submit_multi."""
    to = b"".join(b"\x01" + address(d) for d in dests) + b"".join(b"\x02" + name.encode() + b"\0" for name in lists)
    return (b"\0" + address(src) + bytes([len(dests) + len(lists)]) + to + bytes([0, 0, 0]) + b"\0\0" +
            bytes([0, 0, coding, 0]) + bytes([len(octets)]) + octets + tlvs)  # fmt: skip


def split(octets, size, ref=0x2A, wide=False):
    """The octets' segments, each with its user data header."""
    parts = [octets[i:i + size] for i in range(0, len(octets), size)]
    total = len(parts)
    if wide:
        return [bytes([6, 8, 4, ref >> 8, ref & 255, total, i + 1]) + p for i, p in enumerate(parts)]
    return [bytes([5, 0, 3, ref & 255, total, i + 1]) + p for i, p in enumerate(parts)]


class Fields:
    """What a test looks at in a submit_sm or deliver_sm."""

    def __init__(self, body):
        self.body, self.at = body, 0
        self._text()
        self.src = self._address()
        self.dst = self._address()
        self.esm = self._take(3)[0]
        self._text(), self._text()
        self.registered, _, self.coding, _ = self._take(4)
        self.octets = self._take(self._take(1)[0])
        self.tlvs = []
        while len(body) - self.at >= 4:
            tag, size = struct.unpack(">HH", self._take(4))
            self.tlvs.append((tag, self._take(size)))
        self.tail = body[self.at:]

    def _take(self, n):
        self.at += n
        return self.body[self.at - n:self.at]

    def _text(self):
        return self._take(self.body.index(0, self.at) + 1 - self.at)[:-1]

    def _address(self):
        self._take(2)
        return self._text().decode()

    def tag(self, number):
        found = [value.decode() for tag, value in self.tlvs if tag == number]
        assert len(found) < 2, "one TLV twice"
        return found[0] if found else None

    @property
    def verdict(self):
        return self.tag(VERDICT)

    @property
    def signer(self):
        return self.tag(SIGNER)
