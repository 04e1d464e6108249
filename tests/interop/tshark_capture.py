# SPDX-License-Identifier: MIT
"""What goes over one port of the loopback interface: captured with dumpcap, decoded by tshark."""
import os
import re
import signal
import socket
import xml.etree.ElementTree as ElementTree

from smpp_parts import SECONDS, Process, run, until
from smpp_read import SIGNER, VERDICT, Pdu

OPTIONS = ["smpp.reassemble_smpp_over_tcp:TRUE", "smpp.decode_sms_over_smpp:GSM 7-bit", "smpp.gsm7_unpacked:TRUE"]
NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
PROTOCOLS = {"smpp", "gsm_sms_ud"}  # decoders of binary contents read beyond the end of the PDU
NO_VALUES = {"gsm_sms_ud.fragment", "gsm_sms_ud.reassembled.in"}  # but numbers of the capture's packets
TAGS = {f"{VERDICT:#06x}", f"{SIGNER:#06x}"}


class Capture(Process):
    """Of one leg: who listens on `port`, and who connected to it. dumpcap may still be starting when it says that it
    captures, and has more in memory when it ends: datagrams of ours mark where both is over."""

    def __init__(self, directory, name, port):
        self.port, self.file = port, os.path.join(directory, name + ".pcapng")
        super().__init__(["dumpcap", "-q", "-i", "lo", "-f", f"port {port}", "-w", self.file],
                         os.path.join(directory, name + ".log"))  # fmt: skip
        self._mark(b"captured from here on")

    def _mark(self, text):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            until(lambda: self._marked(sock, text), SECONDS, "dumpcap captures", every=0.1)

    def _marked(self, sock, text):
        assert self.running(), "dumpcap: " + self.log()
        sock.sendto(text, ("127.0.0.1", self.port))
        if not os.path.exists(self.file):
            return False
        with open(self.file, "rb") as file:
            return text in file.read()

    def stop(self):
        """Decodes it."""
        self._mark(b"captured up to here")
        self.signal(signal.SIGINT)
        self.wait(SECONDS)
        words = [word for option in OPTIONS for word in ("-o", option)]
        words += ["-d", f"tcp.port=={self.port},smpp"]
        done = run("tshark", "-n", "-r", self.file, "-Y", "tcp", *words, "-T", "pdml")
        self._read(ElementTree.fromstring(NO_XML.sub("?", done.stdout.decode(errors="replace"))))

    def _read(self, packets):
        """`pdus`: {to the port or from it: [(PDU, what tshark makes of it)]}."""
        streams, decoded = {True: b"", False: b""}, {True: [], False: []}
        read_to = {}  # by connection and direction: where the next octet begins
        for packet in packets:
            protocols = [(proto.get("name"), proto) for proto in packet]
            values = {f.get("name"): f for f in dict(protocols)["tcp"].iter("field")}
            to_port = values["tcp.dstport"].get("show") == str(self.port)
            one_way = values["tcp.stream"].get("show"), to_port
            begin, length = (int(values[name].get("show")) for name in ("tcp.seq", "tcp.len"))
            if length and begin < read_to.get(one_way, 0):
                continue  # TCP sent it again, because the acknowledgement came late
            read_to[one_way] = max(begin + length, read_to.get(one_way, 0))
            if "tcp.payload" in values:
                streams[to_port] += bytes.fromhex(values["tcp.payload"].get("value"))
            for name, proto in protocols:
                if name == "smpp":
                    decoded[to_port].append([])
                if name in PROTOCOLS:
                    decoded[to_port][-1] += [(name,), *said(proto)]
        self.pdus = {way: list(matched(map(Pdu, split(streams[way])), decoded[way])) for way in (True, False)}


def matched(pdus, decoded):
    """Each PDU with what tshark makes of it: nothing if it does not know the command."""
    decoded = iter(decoded)
    following = next(decoded, None)
    for pdu in pdus:
        if following and ("smpp.command_id", f"{pdu.command:#010x}") in (field[:2] for field in following):
            yield pdu, following
            following = next(decoded, None)
        else:
            yield pdu, None
    assert not following, "tshark shows a PDU that is not there"


def split(stream):
    while stream:
        n = int.from_bytes(stream[:4], "big")
        assert 16 <= n <= len(stream), f"command_length {n} of {len(stream)} octets"
        yield stream[:n]
        stream = stream[n:]


def said(element):
    """Each field's name and value, in order, without where it is, without command_length and without our tags."""
    if element.get("name") == "smpp.opt_param" and element[0].get("show") in TAGS:
        return
    for field in element:
        name = field.get("name")
        if name in NO_VALUES:
            yield (name,)
        elif name not in ("smpp.command_length", "smpp.opt_params", "smpp.opt_param"):
            yield name, field.get("show"), field.get("value"), field.get("unmaskedvalue")
        yield from said(field)


def compare(case, before, after, held=False, tagged=False):
    """What left by `after` is what came by `before`. Messages that were held may have overtaken each other, and have
    tags where they were judged. Returns how many PDUs that is, and of how many of them tshark knows the command."""
    count = known = 0
    for way in (True, False):
        one, other = before.pdus[way], after.pdus[way]
        if held:
            one, other = (sorted(pdus, key=lambda p: (p[0].command, p[0].sequence)) for pdus in (one, other))
        case.assertEqual([(p.name, p.sequence) for p, _ in one], [(p.name, p.sequence) for p, _ in other])
        for (pdu, decoded), (pdu_after, decoded_after) in zip(one, other):
            if tagged and pdu.name in ("submit_sm", "deliver_sm", "data_sm"):
                case.assertEqual(pdu.bare, pdu_after.bare)
            else:
                case.assertEqual(pdu.octets, pdu_after.octets)
            case.assertEqual(decoded, decoded_after)
            count, known = count + 1, known + bool(decoded)
    return count, known
