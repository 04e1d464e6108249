# SPDX-License-Identifier: MIT
"""What the sidecar forwards, octet for octet and as Debian's tshark decodes it."""
import json
import os
import socket
import unittest

from smpp_messages import ORIG, arrived, send_all
from smpp_parts import HOME, SECONDS, Case, Kannel, Sink, Smsc, until
from smpp_read import VERDICT
from smpp_sidecar import Pair, started
from tshark_capture import Capture, compare

SESSION = os.path.join(HOME, "tests", "unit", "data", "kannel-pdus.jsonl")


class Session:
    """A recorded session of Kannel's, played by both of its ends: each says a PDU when it has the one before."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]

    def play(self, case, port):
        count, session, ends = 0, None, None
        with open(SESSION) as lines:
            for line in map(json.loads, lines):
                if line["session"] != session:
                    session, ends = line["session"], self._connect(ends, port)
                sender, taker = ends if line["direction"] == "esme->smsc" else reversed(ends)
                octets = bytes.fromhex(line["hex"])
                sender.sendall(octets)
                if ends[1] is None:  # the bind is there: so is the sidecar's connection
                    ends[1] = taker = self.server.accept()[0]
                    taker.settimeout(SECONDS)
                case.assertEqual(self._take(taker, len(octets)), octets, f"PDU {line['n']}")
                count += 1
        self._close(ends)
        self.server.close()
        return count

    def _connect(self, old, port):
        self._close(old)
        self.server.settimeout(SECONDS)
        return [socket.create_connection(("127.0.0.1", port), SECONDS), None]

    @staticmethod
    def _close(ends):
        for end in ends or ():
            end.close()

    @staticmethod
    def _take(sock, n):
        octets = b""
        while len(octets) < n:
            more = sock.recv(n - len(octets))
            if not more:
                break
            octets += more
        return octets


class Forwarded(Case):
    def captures(self, *ports):
        directory, captures = self.temp(), []
        for n, port in enumerate(ports):
            captures.append(Capture(directory, str(n), port))
            self.addCleanup(captures[-1].kill)
        return captures

    def test_pass(self):
        session = Session()
        sidecar = started(self, session.port)
        captures = self.captures(sidecar.port, session.port)
        played = session.play(self, sidecar.port)
        for capture in captures:
            capture.stop()
        self.assertEqual(compare(self, *captures), (played, played - 1), "all but the command 0x00000f0f")
        sidecar.stop()
        print(f"tshark: the {played} PDUs of a session of Kannel's are the same on both sides of the sidecar")

    def test_tagged(self):
        """From Kannel through one sidecar that signs, where nothing changes, and one that judges and tags."""
        smsc = Smsc(self.temp())
        self.addCleanup(smsc.kill)
        pair = Pair(self, smsc.port, "kannel", [ORIG])
        captures = self.captures(pair.near.port, pair.far.port, smsc.port)
        kannel = Kannel(self.temp(), pair.near.port, Sink())
        self.addCleanup(kannel.kill)
        self.addCleanup(kannel.stop)
        self.addCleanup(kannel.sink.close)
        send_all(kannel)
        segments = arrived(smsc)
        until(lambda: kannel.sink.of("/receipt"), SECONDS, "Kannel reports the receipt")
        kannel.stop()
        pair.stop()
        for capture in captures:
            capture.stop()
        signed = compare(self, *captures[:2], held=True)
        judged = compare(self, *captures[1:], held=True, tagged=True)
        self.assertEqual(signed, judged)
        tags = [pdu.tag(VERDICT) for pdu, _ in captures[2].pdus[True] if pdu.name == "submit_sm"]
        self.assertEqual(tags, ["passed"] * len(segments))
        print(f"tshark: {signed[0]} PDUs the same where they were signed; the same but for the tags of {len(tags)} "
              "segments where they were judged")  # fmt: skip


if __name__ == "__main__":
    unittest.main(verbosity=2)
