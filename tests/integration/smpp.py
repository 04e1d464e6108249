# SPDX-License-Identifier: MIT
"""SMPP for tests: PDUs octet by octet, an ESME's socket, an SMSC that does only what a test says, and the sidecar."""
import contextlib
import os
import socket
import struct
import threading
import time
import urllib.error
import urllib.request

import harness
from harness import BUILD, SANITIZED, SLOW, Daemon
from wire import PATIENCE_S, until

SIDECAR = os.path.join(BUILD, "client", "cps-smpp")
ESME = os.path.join(BUILD, "client", "cps-esme")
SMSC = os.path.join(BUILD, "client", "cps-smsc")

RESP = 0x80000000
NACK = 0x80000000
BIND_RECEIVER, BIND_TRANSMITTER, QUERY, SUBMIT, DELIVER, UNBIND, BIND, ENQUIRE = 1, 2, 3, 4, 5, 6, 9, 0x15
SUBMIT_MULTI, DATA = 0x21, 0x103
OK, INVCMDLEN, INVCMDID, INVBNDSTS, ALYBND, BINDFAIL = 0, 2, 3, 4, 5, 0xD


def pdu(command, sequence, body=b"", status=0):
    return struct.pack(">IIII", 16 + len(body), command, status, sequence) + body


def bind(sequence=1, system_id="me", command=BIND):
    return pdu(command, sequence, system_id.encode() + b"\0secret\0\0\x34\0\0\0")


def message(sequence, command=SUBMIT, source="12155551212", dest="12155551213", text=b"hello", tlvs=b""):
    fields = b"\0\1\1" + source.encode() + b"\0\1\1" + dest.encode() + b"\0" + b"\3\0\0\0\0\0\0\0\0"
    return pdu(command, sequence, fields + bytes([len(text)]) + text + tlvs)


def most_held():
    """Octets that two pairs of TCP sockets hold at most, as the kernel is set, and 4 MB."""
    most = 4 << 20
    for name in ("tcp_rmem", "tcp_wmem"):
        with open("/proc/sys/net/ipv4/" + name) as text:
            most += 2 * int(text.read().split()[2])
    return most


def payload(sequence, octets, command=SUBMIT):
    """Returns a message with a message_payload of this many octets."""
    return message(sequence, command, text=b"", tlvs=struct.pack(">HH", 0x424, octets) + bytes(octets))


class End(Exception):
    """The connection was closed where a PDU was expected."""


class Leg:
    """One end of an SMPP connection."""

    def __init__(self, sock):
        self.sock, self.rest = sock, b""
        sock.settimeout(PATIENCE_S * SLOW)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def close(self):
        self.sock.close()

    def reset(self):
        """Ends it in the rudest way."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def send(self, octets):
        self.sock.sendall(octets)

    def take(self, n):
        while len(self.rest) < n:
            try:
                more = self.sock.recv(65536)
            except ConnectionResetError:
                more = b""
            if not more:
                raise End(self.rest)
            self.rest += more
        octets, self.rest = self.rest[:n], self.rest[n:]
        return octets

    def pdu(self):
        """The next PDU, all of its octets."""
        head = self.take(4)
        return head + self.take(struct.unpack(">I", head)[0] - 4)

    def header(self):
        """(command, status, sequence) of the next one."""
        return struct.unpack(">III", self.pdu()[4:16])

    def ended(self):
        """Reads to the end; what came."""
        octets = b""
        with contextlib.suppress(ConnectionResetError):
            while more := self.sock.recv(65536):
                octets += more
        return self.rest + octets

    def silent(self, seconds=0.2):
        """Nothing comes for so long."""
        self.sock.settimeout(seconds)
        try:
            self.rest += self.sock.recv(65536)
        except TimeoutError:
            pass
        self.sock.settimeout(PATIENCE_S * SLOW)
        return not self.rest


class Listener:
    """Where the sidecar finds its peer: each connection is the test's to answer."""

    def __init__(self, port=0, context=None, backlog=512):
        self.server = socket.create_server(("127.0.0.1", port), backlog=backlog)
        self.server.settimeout(PATIENCE_S * SLOW)
        self.context = context
        self.port = self.server.getsockname()[1]

    def accept(self):
        sock = self.server.accept()[0]
        return Leg(self.context.wrap_socket(sock, server_side=True) if self.context else sock)

    def close(self):
        self.server.close()


class Answering(Listener):
    """Answers what needs an answer, on every connection; keeps what came."""

    def __init__(self, port=0, context=None, answers=True):
        super().__init__(port, context)
        self.legs, self.came, self.answers = [], [], answers
        self.server.settimeout(None)
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock = self.server.accept()[0]
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        with contextlib.suppress(OSError, End), sock:
            leg = Leg(self.context.wrap_socket(sock, server_side=True) if self.context else sock)
            leg.sock.settimeout(None)
            self.legs.append(leg)
            while True:
                octets = leg.pdu()
                command, _, sequence = struct.unpack(">III", octets[4:16])
                self.came.append(octets)
                if not command & RESP and (self.answers or command in (BIND, ENQUIRE, UNBIND)):
                    leg.send(pdu(command | RESP, sequence, b"id\0" if command in (SUBMIT, BIND, DATA) else b""))

    def messages(self):
        return [octets for octets in self.came if struct.unpack(">I", octets[4:8])[0] in (SUBMIT, DATA)]

    def close(self):
        with contextlib.suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR)
        self.thread.join(PATIENCE_S)
        super().close()
        for leg in self.legs:
            leg.close()


class Sidecar(Daemon):
    """cps-smpp on free ports, before a peer's port. `keys` are configuration keys: timeouts__bind_s=1."""

    program = SIDECAR

    def __init__(self, directory, peer_port, name="sidecar", under=(), **keys):
        super().__init__(directory, name, {"listen__address": "127.0.0.1:0", "peer__address": f"127.0.0.1:{peer_port}",
                                           "admin__listen": "127.0.0.1:0", "log__level": "info", **keys}, under)  # fmt: skip
        self.port = self._listening(r"listening on smpps?://")[1]
        self.admin = self._listening(r"admin on http://")[1]

    def connect(self, context=None, name="localhost", receive_buffer=None):
        sock = socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            sock.settimeout(PATIENCE_S * SLOW)
            sock.connect(("127.0.0.1", self.port))
            return Leg(context.wrap_socket(sock, server_hostname=name) if context else sock)
        except BaseException:
            sock.close()
            raise

    def bound(self, system_id="me", command=BIND, **options):
        """An ESME that is bound; its peer answers by itself."""
        leg = self.connect(**options)
        leg.send(bind(1, system_id, command))
        header = leg.header()
        assert header == (command | RESP, OK, 1), header
        return leg

    def get(self, path, method="GET"):
        """(status, body) from the admin listener."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.admin}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metrics(self):
        lines = [line.rsplit(" ", 1) for line in self.get("/metrics")[1].splitlines() if line and line[0] != "#"]
        return {name.removeprefix("cps_smpp_"): float(value) for name, value in lines}


class Case(harness.Case):
    def start_sidecar(self, peer_port, **keys):
        sidecar = Sidecar(self.temp(), peer_port, **keys)
        self.addCleanup(sidecar.kill)
        self.addCleanup(sidecar.stop)
        return sidecar

    def listener(self, **options):
        listener = Listener(**options)
        self.addCleanup(listener.close)
        return listener

    def answering(self, **options):
        listener = Answering(**options)
        self.addCleanup(listener.close)
        return listener

    def leg(self, leg):
        self.addCleanup(leg.close)
        return leg

    def pair(self, sidecar, listener, system_id="me"):
        """Both ends of a bound connection, for a test that speaks for both."""
        esme = self.leg(sidecar.connect())
        esme.send(bind(1, system_id))
        smsc = self.leg(listener.accept())
        self.assertEqual(smsc.pdu(), bind(1, system_id))
        smsc.send(pdu(BIND | RESP, 1, b"smsc\0"))
        self.assertEqual(esme.pdu(), pdu(BIND | RESP, 1, b"smsc\0"))
        return esme, smsc

    def flood(self, leg, sent):
        with contextlib.suppress(OSError):
            while True:
                leg.send(b"".join(message(i, text=bytes(250)) for i in range(sent[0], sent[0] + 200)))
                sent[0] += 200

    def stands_still(self, sent, seconds=0.3):
        before = sent[0]
        time.sleep(seconds)
        return sent[0] == before

    def check_slow(self, sidecar, fast, slow, other, seconds=1.5):
        """`fast` sends as much as goes in while `slow` reads nothing; then all arrives. `other` is another pair."""
        before, sent = sidecar.resident_kb(), [0]
        threading.Thread(target=self.flood, args=(fast, sent), daemon=True).start()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for octets, one, two in [(message(1), *other), (pdu(SUBMIT | RESP, 1), *other[::-1])]:
                one.send(octets)
                self.assertEqual(two.pdu(), octets, "another bind is forwarded")
            time.sleep(0.01)
        until(lambda: self.stands_still(sent), 20 * SLOW, "nothing more is read")
        stopped = sent[0]
        self.assertLess(stopped * len(message(0, text=bytes(250))), most_held(), "what sockets hold, and one queue")
        if not SANITIZED:
            self.assertLess(sidecar.resident_kb() - before, 8192, "KB")
        for i in range(stopped):
            self.assertEqual(int.from_bytes(slow.pdu()[12:16], "big"), i)
