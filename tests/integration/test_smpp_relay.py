# SPDX-License-Identifier: MIT
"""The sidecar between an ESME and an SMSC, forwarding everything octet for octet; slow, broken and hostile
ends; many binds."""
# presets: dev asan
import contextlib
import json
import os
import random
import socket
import subprocess
import threading
import unittest

from harness import SLOW, Process, free_port
from smpp import (
    ALYBND, BIND, BINDFAIL, DATA, DELIVER, ENQUIRE, ESME, INVBNDSTS, INVCMDID, NACK, OK, QUERY, RESP, SMSC, SUBMIT,
    SUBMIT_MULTI, UNBIND, Case, Leg, bind, message, payload, pdu,
)  # fmt: skip
from wire import until


class Octets(Case):
    def setUp(self):
        self.peer = self.listener()
        self.sidecar = self.start_sidecar(self.peer.port)
        self.esme, self.smsc = self.pair(self.sidecar, self.peer)

    def both_ways(self, octets, pieces=None):
        for one, other in ((self.esme, self.smsc), (self.smsc, self.esme)):
            for piece in pieces or [octets]:
                one.send(piece)
            self.assertEqual(other.take(len(octets)), octets)

    def test_all_kinds(self):
        vendor = pdu(0x00010203, 77, b"whatever \0 it is \xff")
        kinds = [message(2), message(3, DELIVER), message(4, DATA), pdu(QUERY, 5, b"id\0\0\0\0"), pdu(ENQUIRE, 6),
                 pdu(SUBMIT | RESP, 7, b"never asked for\0"), pdu(NACK, 0, b"", 3), vendor,
                 message(8, tlvs=b"\x14\x01\0\3abc" b"\x14\x01\0\3def" b"\x3f\xff\0\0"), pdu(SUBMIT, 0, b""),
                 pdu(SUBMIT_MULTI, 0xFFFFFFFF, b"\0\1\1" b"1\0\0"), payload(9, 65000), pdu(0x102, 10)]  # fmt: skip
        self.both_ways(b"".join(kinds))

    def test_one_octet_at_a_time(self):
        octets = message(2) + pdu(ENQUIRE, 3) + message(4, DELIVER, tlvs=b"\x14\x01\0\3abc")
        self.both_ways(octets, [octets[i : i + 1] for i in range(len(octets))])

    def test_any_pieces(self):
        chance = random.Random(1)
        octets = b"".join(message(i, text=bytes(i % 255)) for i in range(2000)) + payload(2000, 60000)
        at, pieces = 0, []
        while at < len(octets):
            n = chance.choice([1, 2, 15, 16, 17, 100, 1000, 50000])
            pieces.append(octets[at : at + n])
            at += n
        self.both_ways(octets, pieces)

    def test_largest_pdu(self):
        largest = payload(2, 65536 - len(payload(2, 0)))
        self.assertEqual(len(largest), 65536)
        self.both_ways(largest)
        self.esme.send(payload(3, 65536 - len(payload(2, 0)) + 1))
        self.assertEqual(self.esme.pdu(), pdu(NACK, 3, status=2))
        self.assertEqual((self.esme.ended(), self.smsc.ended()), (b"", b""))

    def test_both_ways_at_once(self):
        octets = b"".join(message(i, text=bytes(200)) for i in range(20000))
        came = {}

        def take(leg):
            came[leg] = leg.take(len(octets))

        threads = [threading.Thread(target=take, args=(leg,)) for leg in (self.esme, self.smsc)]
        threads += [threading.Thread(target=leg.send, args=(octets,)) for leg in (self.esme, self.smsc)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60 * SLOW)
        self.assertTrue(came[self.esme] == octets and came[self.smsc] == octets)


WRONG = [
    # what, what is sent to a bound connection, what is answered (None: nothing), what the log says
    ("command_length 0", b"\0\0\0\0" + pdu(SUBMIT, 9)[4:], pdu(NACK, 9, status=2), "less than a header"),
    ("command_length 15", b"\0\0\0\x0f" + pdu(SUBMIT, 9)[4:], pdu(NACK, 9, status=2), "less than a header"),
    ("command_length 2^31", b"\x80\0\0\0" + pdu(SUBMIT, 9)[4:], pdu(NACK, 9, status=2), "over the limit"),
    ("command_length 65537", b"\0\1\0\1" + pdu(SUBMIT, 9)[4:], pdu(NACK, 9, status=2), "over the limit"),
    ("HTTP", b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", None, "HTTP"),
    ("TLS", bytes.fromhex("16030100c8010000c40303") + bytes(189), None, "TLS"),
]


class Wrong(Case):
    def setUp(self):
        self.peer = self.answering()
        self.sidecar = self.start_sidecar(self.peer.port, log__alike_per_s=0)
        self.other = self.leg(self.sidecar.bound("other"))

    def tearDown(self):
        """Whatever happened before, another bind is forwarded."""
        self.other.send(message(99))
        self.assertEqual(self.other.header(), (SUBMIT | RESP, OK, 99))
        self.assertTrue(self.sidecar.running())

    def test_streams(self):
        for what, sent, answer, said in WRONG:
            for bound in (True, False):
                with self.subTest(what, bound=bound):
                    seen = len(self.sidecar.log())
                    leg = self.leg(self.sidecar.bound() if bound else self.sidecar.connect())
                    leg.send(sent)
                    self.assertEqual(leg.ended(), answer or b"")
                    for words in ("cannot read input from the ESME", said):
                        self.assertLogged(words, self.sidecar, seen)
        self.assertEqual(self.sidecar.metrics()["malformed_total"], 2 * len(WRONG))

    def test_not_bound(self):
        leg = self.leg(self.sidecar.connect())
        for sent, answer in [
            (message(2), pdu(SUBMIT | RESP, 2, status=INVBNDSTS)),
            (pdu(QUERY, 3), pdu(QUERY | RESP, 3, status=INVBNDSTS)),
            (pdu(UNBIND, 4), pdu(UNBIND | RESP, 4, status=INVBNDSTS)),
            (pdu(ENQUIRE, 5), pdu(ENQUIRE | RESP, 5)),
            (pdu(0xF0F, 6), pdu(NACK, 6, status=INVCMDID)),
            (pdu(DELIVER | RESP, 7), b""),
            (pdu(BIND, 8, b"me"), pdu(BIND | RESP, 8, status=BINDFAIL)),
            (pdu(BIND, 9, b"x" * 64 + b"\0\0\0\x34\0\0\0"), pdu(BIND | RESP, 9, status=BINDFAIL)),
            (bind(10), pdu(BIND | RESP, 10, b"id\0")),
            (bind(11), pdu(BIND | RESP, 11, status=ALYBND)),
        ]:
            leg.send(sent)
            self.assertEqual(leg.take(len(answer)), answer)

    def test_fields(self):
        """What is wrong within a PDU is the peer's own business: it gets there as it is."""
        good = message(2)
        wrong = [good[:-1], good + b"\0", good[:16] + bytes(len(good) - 16), good[:30],
                 message(3, tlvs=b"\x04\x24\0\x05abc"), message(4, tlvs=b"\x04"), good.replace(b"\0", b"x")[16:]]  # fmt: skip
        wrong = [pdu(SUBMIT, i, octets[16:]) for i, octets in enumerate(wrong)]
        leg = self.leg(self.sidecar.bound())
        leg.send(b"".join(wrong))
        for i in range(len(wrong)):
            self.assertEqual(leg.header(), (SUBMIT | RESP, OK, i))
        self.assertEqual(self.peer.messages()[-len(wrong) :], wrong)

    def test_the_end_within_a_pdu(self):
        for n in (1, 3, 4, 15, 16, 40):
            leg = self.sidecar.bound()
            leg.send(message(2)[:n])
            leg.close()
            leg = self.sidecar.bound()
            leg.send(message(2)[:n])
            leg.reset()
        self.assertEqual(self.peer.messages(), [])

    def test_noise(self):
        chance = random.Random(7)
        for _ in range(60):
            leg = self.sidecar.bound() if chance.random() < 0.5 else self.sidecar.connect()
            octets = bytearray(b"".join(message(i, text=chance.randbytes(40)) for i in range(20)))
            for _ in range(5):
                octets[chance.randrange(len(octets))] = chance.randrange(256)
            with contextlib.suppress(OSError):
                leg.send(octets)
            (Leg.reset if chance.random() < 0.5 else Leg.close)(leg)

    def test_an_octet_a_moment(self):
        """One that sends an octet now and then holds up nobody."""
        slow = self.leg(self.sidecar.bound("slow"))
        octets = message(5)
        for i in range(len(octets)):
            slow.send(octets[i : i + 1])
            self.other.send(message(i))
            self.assertEqual(self.other.header(), (SUBMIT | RESP, OK, i))
        self.assertEqual(slow.header(), (SUBMIT | RESP, OK, 5))


class Peer(Case):
    def assertFails(self, sidecar, said):
        leg = self.leg(sidecar.connect())
        leg.send(bind(7))
        self.assertEqual(leg.pdu(), pdu(BIND | RESP, 7, status=BINDFAIL))
        self.assertEqual(leg.ended(), b"")
        self.assertLogged(said, sidecar)

    def test_away_and_back(self):
        port = free_port()
        sidecar = self.start_sidecar(port)
        self.assertFails(sidecar, "connection refused")
        self.answering(port=port)
        self.leg(sidecar.bound())
        self.assertEqual(sidecar.metrics()["binds_failed_total"], 1)

    def test_no_such_name(self):
        sidecar = self.start_sidecar(0, peer__address="no-such-host.invalid:2775")
        self.assertFails(sidecar, "bind answered ESME_RBINDFAIL")

    def test_no_answer_to_the_connection(self):
        full = self.listener(backlog=0)
        for _ in range(3):
            sock = socket.socket()
            self.addCleanup(sock.close)
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", full.port))
        sidecar = self.start_sidecar(full.port, timeouts__connect_ms=500)
        self.assertFails(sidecar, "connecting took longer than [timeouts] connect_ms")

    def test_no_answer_to_the_bind(self):
        sidecar = self.start_sidecar(self.listener().port, timeouts__bind_s=1)
        self.assertFails(sidecar, "the peer does not answer it")

    def test_end_instead_of_an_answer(self):
        peer = self.listener()
        sidecar = self.start_sidecar(peer.port)
        leg = self.leg(sidecar.connect())
        leg.send(bind(7))
        smsc = peer.accept()
        smsc.pdu()
        smsc.reset()
        self.assertEqual(leg.pdu(), pdu(BIND | RESP, 7, status=BINDFAIL))

    def test_refused(self):
        """The peer's status is forwarded, even a permanent one; another attempt may follow on the same connections."""
        peer = self.listener()
        sidecar = self.start_sidecar(peer.port)
        leg = self.leg(sidecar.connect())
        leg.send(bind(7))
        smsc = self.leg(peer.accept())
        smsc.pdu()
        smsc.send(pdu(BIND | RESP, 7, status=0xE))
        self.assertEqual(leg.header(), (BIND | RESP, 0xE, 7))
        leg.send(message(8) + bind(9))
        self.assertEqual(leg.header(), (SUBMIT | RESP, INVBNDSTS, 8))
        self.assertEqual(smsc.pdu(), bind(9))

    def test_dies_within_a_pdu(self):
        peer = self.listener()
        sidecar = self.start_sidecar(peer.port)
        for end in (Leg.close, Leg.reset):
            esme, smsc = self.pair(sidecar, peer)
            smsc.send(pdu(ENQUIRE, 5) + message(6, DELIVER)[:30])
            self.assertEqual(esme.pdu(), pdu(ENQUIRE, 5))
            end(smsc)
            self.assertEqual(esme.ended(), b"", "nothing of half a PDU")
        self.pair(sidecar, peer)
        until(lambda: sidecar.metrics()['connections{state="bound"}'] == 1, 5 * SLOW, "one is left")

    def test_what_was_sent_before_the_end_arrives(self):
        peer = self.listener()
        sidecar = self.start_sidecar(peer.port)
        esme, smsc = self.pair(sidecar, peer)
        octets = b"".join(message(i, text=bytes(250)) for i in range(3000))
        esme.send(octets)
        esme.close()
        self.assertEqual(smsc.take(len(octets)), octets)
        self.assertEqual(smsc.ended(), b"")

    def test_garbage(self):
        peer = self.listener()
        sidecar = self.start_sidecar(peer.port)
        esme, smsc = self.pair(sidecar, peer)
        smsc.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        self.assertEqual((esme.ended(), smsc.ended()), (b"", b""))
        self.assertLogged("cannot read input from the peer: HTTP", sidecar)


class Slow(Case):
    def test_peer_and_esme(self):
        peer = self.listener()
        sidecar = self.start_sidecar(peer.port, limits__queue_bytes=262144)
        other = self.pair(sidecar, peer)
        one, two = self.pair(sidecar, peer)
        self.check_slow(sidecar, one, two, other)
        one, two = self.pair(sidecar, peer)
        self.check_slow(sidecar, two, one, other)


class Many(Case):
    def test_a_hundred_binds(self):
        peer = self.answering()
        sidecar = self.start_sidecar(peer.port, listen__max_binds_per_system_id=0)
        legs = [self.leg(sidecar.bound(f"esme{i}")) for i in range(100)]
        for i, leg in enumerate(legs):
            leg.send(b"".join(message(1000 * i + k) for k in range(20)))
        for i, leg in enumerate(legs):
            for k in range(20):
                self.assertEqual(leg.header(), (SUBMIT | RESP, OK, 1000 * i + k))
        metrics = sidecar.metrics()
        self.assertEqual((metrics['connections{state="bound"}'], metrics["bound"]), (100, 100))
        for leg in legs[::2]:
            leg.close()
        until(lambda: sidecar.metrics()['connections{state="bound"}'] == 50, 10 * SLOW, "half of them have gone")
        self.assertEqual(len(peer.messages()), 2000)

    def test_load(self):
        """The tools of this tree, a hundred connections at full speed, both ways."""
        smsc = self.program(SMSC, "--count", "2000", "--window", "50")
        port = int(until(lambda: smsc.log().partition("listening on 127.0.0.1:")[2].strip(), 10, "smsc listens").split()[0])
        sidecar = self.start_sidecar(port, listen__max_binds_per_system_id=100)
        done = subprocess.run([ESME, "--port", str(sidecar.port), "--connections", "100", "--count", "100000"],
                              capture_output=True, text=True, timeout=600 * SLOW)  # fmt: skip
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        told = json.loads(done.stdout)
        self.assertEqual((told["sent"], told["answered"], told["refused"]), (100000, 100000, 0))
        smsc.process.terminate()
        smsc.wait(20)
        self.assertEqual(json.loads(smsc.log().splitlines()[-1]), {"binds": 100, "messages": 100000})

    def program(self, *command):
        process = Process(list(command), os.path.join(self.temp(), "out"))
        self.addCleanup(process.kill)
        return process


if __name__ == "__main__":
    unittest.main()
