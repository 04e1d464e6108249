# SPDX-License-Identifier: MIT
"""How the sidecar is started, watched, reloaded and stopped; whom it lets in; silent connections."""
# presets: dev asan
import json
import os
import re
import shutil
import signal
import socket
import tempfile
import threading
import time
import unittest

from harness import HOME, SLOW, free_port, run
from smpp import (
    BIND, BINDFAIL, DELIVER, ENQUIRE, OK, RESP, SIDECAR, SUBMIT, UNBIND, Case, bind, message, pdu,
)  # fmt: skip
from wire import until

OURS = 0x7FFFFFFF  # the sequence number of the sidecar's first request


class Stop(Case):
    def refuses(self, sidecar):
        try:
            sidecar.connect().close()
        except OSError:
            return True
        return False

    def test_messages_in_flight(self):
        """SIGTERM: outstanding requests are answered, then both sides are unbound; new requests are not answered."""
        peer = self.listener()
        sidecar = self.start_sidecar(peer.port, timeouts__drain_s=60, timeouts__unbind_s=60)
        esme, smsc = self.pair(sidecar, peer)
        esme.send(b"".join(message(i) for i in range(2, 52)))
        for i in range(2, 52):
            self.assertEqual(smsc.header(), (SUBMIT, 0, i))
        sidecar.terminate()
        until(lambda: "stopping: SIGTERM, 1 connections" in sidecar.log(), 5 * SLOW, "it stops")
        until(lambda: self.refuses(sidecar), 20 * SLOW, "new connections are refused")
        esme.send(message(99))
        smsc.send(message(98, DELIVER))
        for i in range(2, 52):
            smsc.send(pdu(SUBMIT | RESP, i, b"id\0"))
        for i in range(2, 52):
            self.assertEqual(esme.header(), (SUBMIT | RESP, OK, i))
        self.assertEqual((esme.header(), smsc.header()), ((UNBIND, 0, OURS), (UNBIND, 0, OURS)))
        smsc.send(pdu(UNBIND | RESP, OURS))
        self.assertEqual(smsc.ended(), b"")
        esme.send(pdu(UNBIND | RESP, OURS))
        self.assertEqual(esme.ended(), b"")
        smsc.close(), esme.close()
        sidecar.stop()

    def test_time_limit(self):
        """Nobody answers anything: it ends all the same."""
        peer = self.listener()
        sidecar = self.start_sidecar(peer.port, timeouts__drain_s=2)
        pairs = [self.pair(sidecar, peer) for _ in range(3)]
        for esme, smsc in pairs:
            esme.send(message(2))
            self.assertEqual(smsc.header(), (SUBMIT, 0, 2))
        unbound = self.leg(sidecar.connect())
        start = time.monotonic()
        sidecar.stop()
        took = time.monotonic() - start
        self.assertGreater(took, 1.5)
        for esme, smsc in pairs:
            self.assertEqual((esme.ended(), smsc.ended()), (pdu(UNBIND, OURS), pdu(UNBIND, OURS)))
        self.assertEqual(unbound.ended(), b"")

    def test_at_once(self):
        peer = self.answering()
        for binds in (0, 1):
            sidecar = self.start_sidecar(peer.port)
            legs = [self.leg(sidecar.bound()) for _ in range(binds)]
            sidecar.terminate()
            for leg in legs:
                self.assertEqual(leg.pdu(), pdu(UNBIND, OURS))
                leg.send(pdu(UNBIND | RESP, OURS))
                self.assertEqual(leg.ended(), b"")
                leg.close()
            sidecar.stop()

    def test_while_binding(self):
        peer = self.listener()
        sidecar = self.start_sidecar(peer.port)
        leg = self.leg(sidecar.connect())
        leg.send(bind(3))
        self.leg(peer.accept()).pdu()
        sidecar.terminate()
        self.assertEqual(leg.header(), (BIND | RESP, BINDFAIL, 3))
        self.assertEqual(leg.ended(), b"")

    def test_signals(self):
        for first in (signal.SIGTERM, signal.SIGINT):
            sidecar = self.start_sidecar(free_port())
            sidecar.terminated = True
            sidecar.signal(first)
            self.assertEqual(sidecar.wait(10), 0)


class Reload(Case):
    def test_binds_stay(self):
        """A reload under load loses and delays nothing."""
        peer = self.answering()
        sidecar = self.start_sidecar(peer.port)
        leg = self.leg(sidecar.bound())
        stop, failures = threading.Event(), []

        def send():
            i = 2
            while not stop.is_set():
                leg.send(message(i))
                if leg.header() != (SUBMIT | RESP, OK, i):
                    failures.append(i)
                i += 1

        thread = threading.Thread(target=send)
        thread.start()
        for i in range(5):
            log = sidecar.reload(timeouts__idle_s=1000 + i)
            self.assertIn("reload: [timeouts] idle_s changed", log)
        stop.set()
        thread.join(20)
        self.assertEqual((failures, sidecar.metrics()["accepted_total"]), ([], 1))

    def test_what_is_new_counts_for_what_comes_next(self):
        first, second = self.listener(), self.listener()
        sidecar = self.start_sidecar(first.port)
        esme, smsc = self.pair(sidecar, first)
        sidecar.reload(peer__address=f"127.0.0.1:{second.port}", listen__max_pdu_bytes=1024)
        self.pair(sidecar, second)
        esme.send(message(2, text=bytes(250)) + message(3, tlvs=b"\x14\x00\x04\x00" + bytes(1024)))
        self.assertEqual((smsc.header(), esme.header()), ((SUBMIT, 0, 2), (0x80000000, 2, 3)))

    def test_what_takes_a_restart(self):
        sidecar = self.start_sidecar(free_port())
        log = sidecar.reload(listen__address="127.0.0.1:1")
        self.assertIn("reload: [listen] address changed, but takes effect only after a restart", log)
        sidecar.connect().close()

    def test_wrong(self):
        peer = self.answering()
        sidecar = self.start_sidecar(peer.port)
        for key, value in [("listen__allow", "nobody"), ("peer__address", "nowhere"), ("listen__certificate", "/none"),
                           ("submit__action", "steal"), ("limits__queue_bytes", "1")]:  # fmt: skip
            before = dict(sidecar.keys)
            self.assertIn("reload: nothing is changed: ", sidecar.reload(**{key: value}), key)
            sidecar.keys = before
            sidecar.bound().close()
        self.assertIn("in use", sidecar.reload())


class Admission(Case):
    def test_allow(self):
        peer = self.answering()
        sidecar = self.start_sidecar(peer.port, listen__allow="192.0.2.0/24, ::1")
        self.assertEqual(self.leg(sidecar.connect()).ended(), b"")
        self.assertLogged("not in [listen] allow address=127.0.0.1", sidecar)
        self.assertEqual(sidecar.metrics()["refused_total"], 1)
        sidecar.reload(listen__allow="127.0.0.1/32")
        leg = self.leg(sidecar.bound())
        sidecar.reload(listen__allow="192.0.2.1")
        leg.send(message(2))
        self.assertEqual(leg.header(), (SUBMIT | RESP, OK, 2), "who is in stays")

    def test_ipv6(self):
        peer = self.answering()
        sidecar = self.start_sidecar(peer.port, listen__address="[::1]:0")
        with socket.create_connection(("::1", sidecar.port), 20) as sock:
            sock.sendall(bind())
            self.assertEqual(sock.recv(100), pdu(BIND | RESP, 1, b"id\0"))
        self.assertLogged("address=::1", sidecar)

    def test_connections(self):
        sidecar = self.start_sidecar(free_port(), listen__max_connections=3)
        legs = [self.leg(sidecar.connect()) for _ in range(3)]
        for leg in legs:
            leg.send(pdu(ENQUIRE, 1))
            self.assertEqual(leg.header(), (ENQUIRE | RESP, OK, 1))
        self.assertEqual(self.leg(sidecar.connect()).ended(), b"")
        self.assertLogged("over [listen] max_connections", sidecar)
        legs[0].close()
        until(lambda: sidecar.metrics()['connections{state="open"}'] == 2, 10 * SLOW, "one has gone")
        leg = self.leg(sidecar.connect())
        leg.send(pdu(ENQUIRE, 1))
        self.assertEqual(leg.header(), (ENQUIRE | RESP, OK, 1))

    def test_binds_of_a_system_id(self):
        peer = self.answering()
        sidecar = self.start_sidecar(peer.port, listen__max_binds_per_system_id=2)
        legs = [self.leg(sidecar.bound("a")) for _ in range(2)]
        self.leg(sidecar.bound("b"))
        over = self.leg(sidecar.connect())
        over.send(bind(5, "a"))
        self.assertEqual(over.header(), (BIND | RESP, BINDFAIL, 5))
        self.assertEqual(over.ended(), b"")
        self.assertLogged("over [listen] max_binds_per_system_id connection=4 address=127.0.0.1 system_id=a", sidecar)
        legs[0].send(pdu(UNBIND, 2))
        self.assertEqual(legs[0].header(), (UNBIND | RESP, OK, 2))
        self.leg(sidecar.bound("a"))
        self.assertEqual(sidecar.metrics()["bound"], 3)


class Silence(Case):
    def test_enquire_link(self):
        peer = self.listener()
        sidecar = self.start_sidecar(peer.port, timeouts__enquire_link_s=1, timeouts__answer_s=4)
        esme, smsc = self.pair(sidecar, peer)
        for i in range(2):
            for leg in (esme, smsc):
                self.assertEqual(leg.pdu(), pdu(ENQUIRE, OURS - i))
                leg.send(pdu(ENQUIRE | RESP, OURS - i))
        # the answers are for us: neither side gets the other's
        self.assertEqual((esme.ended(), smsc.ended()), (pdu(ENQUIRE, OURS - 2), pdu(ENQUIRE, OURS - 2)))
        self.assertLogged("does not answer enquire_link", sidecar)

    def test_no_bind(self):
        sidecar = self.start_sidecar(free_port(), timeouts__bind_s=1)
        self.assertEqual(self.leg(sidecar.connect()).ended(), b"")
        self.assertLogged("the ESME does not bind", sidecar)

    def test_half_a_pdu(self):
        peer = self.answering()
        sidecar = self.start_sidecar(peer.port, timeouts__pdu_s=1)
        leg = self.leg(sidecar.bound())
        leg.send(message(2)[:20])
        self.assertEqual(leg.ended(), b"")
        self.assertLogged("the ESME does not complete a PDU", sidecar)

    def test_nothing_to_do(self):
        peer = self.answering()
        sidecar = self.start_sidecar(peer.port, timeouts__idle_s=1)
        leg = self.leg(sidecar.bound())
        self.assertEqual(leg.pdu(), pdu(UNBIND, OURS))
        leg.send(pdu(UNBIND | RESP, OURS))
        self.assertEqual(leg.ended(), b"")

    def test_unbind(self):
        peer = self.listener()
        sidecar = self.start_sidecar(peer.port, timeouts__unbind_s=1)
        esme, smsc = self.pair(sidecar, peer)
        smsc.send(pdu(UNBIND, 3))
        self.assertEqual(esme.pdu(), pdu(UNBIND, 3))
        self.assertEqual((esme.ended(), smsc.ended()), (b"", b""))
        self.assertLogged("does not answer an unbind", sidecar)


class Watch(Case):
    def test_metrics(self):
        peer = self.answering()
        sidecar = self.start_sidecar(peer.port)
        leg = self.leg(sidecar.bound())
        leg.send(message(2) + pdu(ENQUIRE, 3))
        leg.header(), leg.header()
        metrics = sidecar.metrics()
        for name, value in {"pdus_from_esme_total": 3, "pdus_from_peer_total": 3, "binds_total": 1, "bound": 1,
                            'connections{state="bound"}': 1, "offered_total": 0, "accepted_total": 1}.items():  # fmt: skip
            self.assertEqual(metrics[name], value, name)
        text = sidecar.get("/metrics")[1]
        self.assertEqual(text.count("# TYPE"), text.count("# HELP"))
        self.assertRegex(text, r"(?m)^# TYPE cps_smpp_binds_total counter$")
        self.assertFalse([line for line in text.splitlines() if not re.match(r'# |(cps_smpp|process)_\w+(\{\w+="[^"]+"(,\w+="[^"]+")*\})? [0-9.]+$', line)])

    def test_health(self):
        sidecar = self.start_sidecar(free_port())
        for path in ("/health", "/ready"):
            self.assertEqual((sidecar.get(path)[0], json.loads(sidecar.get(path)[1])), (200, {"status": 200, "message": "OK"}))

    def test_ready_no_more(self):
        peer = self.listener()
        sidecar = self.start_sidecar(peer.port, timeouts__drain_s=60)
        esme, smsc = self.pair(sidecar, peer)
        esme.send(message(2))
        smsc.pdu()
        sidecar.terminate()
        until(lambda: sidecar.get("/ready")[0] == 503, 2, "it is not ready")
        self.assertEqual(sidecar.get("/health")[0], 200)

    def test_wrong_requests(self):
        sidecar = self.start_sidecar(free_port())
        self.assertEqual((sidecar.get("/")[0], sidecar.get("/metrics", "POST")[0]), (404, 405))
        for sent, status in [(b"nonsense\r\n\r\n", b"400"), (b"GET /metrics\r\n\r\n", b"400"), (b"x" * 5000, b"431"),
                             (b"GET /" + b"x" * 100 + b" HTTP/1.1\r\n\r\n", b"400")]:  # fmt: skip
            with socket.create_connection(("127.0.0.1", sidecar.admin), 20) as sock:
                sock.sendall(sent)
                self.assertEqual(sock.recv(100).split()[1], status, sent[:20])
        silent = [socket.create_connection(("127.0.0.1", sidecar.admin), 20) for _ in range(40)]
        for sock in silent:
            self.assertEqual(sock.recv(10), b"")
            sock.close()

        def healthy():
            try:
                return sidecar.get("/health")[0] == 200
            except OSError:
                return False  # those that have just closed may still be counted

        until(healthy, 5, "it answers again")


class Signals(Case):
    def test_n15_logs_are_opened_again(self):
        peer = self.listener()
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        log, *records = files = [os.path.join(directory, name) for name in ("log", "judged", "signed")]
        sidecar = self.start_sidecar(peer.port, log__file=log, log__judged=records[0], log__signed=records[1])
        for number, words in ((signal.SIGUSR1, "opened again after SIGUSR1"), (signal.SIGHUP, "are in use")):
            for file in files:
                os.rename(file, file + ".1")
            sidecar.signal(number)
            until(lambda: words in sidecar.log(), 20 * SLOW, words)
            until(lambda: all(map(os.path.exists, records)), 20 * SLOW, "the records are opened again")
        sidecar.signal(signal.SIGUSR2)
        until(lambda: "SIGUSR2 is ignored" in sidecar.log(), 20 * SLOW, "SIGUSR2 is logged")


class Configuration(unittest.TestCase):
    def cps_smpp(self, *words, status=0):
        return run(SIDECAR, *words, status=status)

    def test_kept_sample_is_current(self):
        with open(os.path.join(HOME, "deploy", "cps-smpp.conf"), encoding="utf-8") as kept:
            self.assertEqual(kept.read(), self.cps_smpp("-p").stdout.decode(), "run: cps-smpp -p > deploy/cps-smpp.conf")

    def test_check(self):
        self.assertEqual(self.cps_smpp("-t").stdout, b"cps-smpp: the configuration is good\n")
        for key, value, word in [
            ("listen.address", "", "at least one address"),
            ("listen.address", "nobody.invalid:2775", "cannot find the address"),
            ("listen.address", "unix:/run/x", "not a TCP address"),
            ("listen.address", "127.0.0.1:70000", "port"),
            ("listen.allow", "10.0.0.1/8", "address bits set after its prefix"),
            ("listen.allow", "10.0.0.0/33", "neither a network nor an address"),
            ("listen.allow", "::/129", "neither a network nor an address"),
            ("listen.allow", "example.com", "neither a network nor an address"),
            ("listen.certificate", "/none", "go together"),
            ("listen.client_ca", "/none", "needs a certificate"),
            ("peer.address", "2001:db8::1:2775", "host:port"),
            ("peer.certificate", "/none", "go together"),
            ("peer.address", "", "must not be empty"),
            ("admin.listen", "here", "[admin] listen"),
            ("verify.verdict_tlv", "0x1399", "0x1400 to 0x3fff"),
            ("verify.verdict_tlv", "0x1502", "must be different"),
            ("verify.reject_status", "ESME_ROK", "is not the command_status of an error"),
            ("sign.reject_status", "ESME_NONSENSE", "is not the command_status of an error"),
            ("verify.reject", "passed, pased", '"pased" is not a verdict'),
            ("verify.reject", "stale stale", "stale is listed twice"),
            ("limits.held_messages", "60000", "must not be greater than held_messages_total"),
            ("sender.alphanumeric", "domain", "alphanumeric_domain"),
            ("join.hold", "sometimes", "window, never, always"),
        ]:
            done = self.cps_smpp("-t", "-o", f"{key}={value}", status=2)
            self.assertIn(word, done.stderr.decode(), key)
        done = self.cps_smpp("-t", "-o", "join.strict=yes", "-o", "join.hold=never", status=2)
        self.assertIn("strict = yes holds segments", done.stderr.decode())

    def test_old_names(self):
        done = self.cps_smpp("-t", "-o", "admin.address=127.0.0.1:0", "-o", "trust.x5u_ca=")
        self.assertIn("[admin] address is now called [admin] listen", done.stderr.decode())
        self.assertIn("[trust] x5u_ca is now called [trust] x5u_ca_file", done.stderr.decode())

    def test_n02_all_faults_at_once(self):
        done = self.cps_smpp("-t", "-o", "listen.certificate=/none", "-o", "verify.verdict_tlv=1", "-o", "verify.tag=x",
                             status=2)  # fmt: skip
        self.assertEqual(done.stderr.count(b"\n"), 3, done.stderr)

    def test_usage(self):
        self.assertIn(b"usage: cps-smpp", self.cps_smpp("-h").stdout)
        self.assertRegex(self.cps_smpp("-V").stdout, rb"^cps-smpp \d+\.\d+\.\d+\n$")
        for words in (["-x"], ["word"], ["-c"]):
            self.assertIn(b'Try "cps-smpp --help"', self.cps_smpp(*words, status=2).stderr)
        self.assertIn(b"/none", self.cps_smpp("-c", "/none", status=2).stderr)
        self.assertIn(b"usage: cps-smpp", self.cps_smpp("--help").stdout)
        self.assertEqual(self.cps_smpp("--version").stdout, self.cps_smpp("-V").stdout)

    def test_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            done = self.cps_smpp("-o", f"listen.address=127.0.0.1:{taken.getsockname()[1]}", "-o", "admin.listen=", status=1)
            self.assertIn(b"cannot listen on", done.stderr)
            done = self.cps_smpp("-o", "listen.address=127.0.0.1:0", "-o",
                                 f"admin.listen=127.0.0.1:{taken.getsockname()[1]}", status=1)  # fmt: skip
            self.assertIn(b"cannot listen on", done.stderr)


if __name__ == "__main__":
    unittest.main()
