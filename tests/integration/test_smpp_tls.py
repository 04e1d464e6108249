# SPDX-License-Identifier: MIT
"""The sidecar with TLS to ESMEs, to the peer, or both."""
# presets: dev asan
import contextlib
import socket
import ssl
import subprocess
import unittest

from harness import free_port, make_certificate
from smpp import BIND, BINDFAIL, ENQUIRE, OK, RESP, SUBMIT, UNBIND, Case, End, bind, message, payload, pdu
from wire import check_groups, tls_context, until


def server_context(cert, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


class TlsCase(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sidecar_cert, cls.sidecar_key = make_certificate(cls.dir, "sidecar")
        cls.peer_cert, cls.peer_key = make_certificate(cls.dir, "peer")
        cls.client = tls_context(cls.sidecar_cert)
        cls.listen = {"listen__certificate": cls.sidecar_cert, "listen__private_key": cls.sidecar_key}
        cls.peer = {"peer__tls": "yes", "peer__ca": cls.peer_cert}

class Tls(TlsCase):
    def pair_of(self, sidecar, listener, context=None):
        esme = self.leg(sidecar.connect(context=context))
        esme.send(bind(1))
        smsc = self.leg(listener.accept())
        self.assertEqual(smsc.pdu(), bind(1))
        smsc.send(pdu(BIND | RESP, 1, b"\0"))
        self.assertEqual(esme.header(), (BIND | RESP, OK, 1))
        return esme, smsc

    def one_octet_at_a_time(self, one, other):
        octets = message(7) + pdu(ENQUIRE, 8)
        for i in range(len(octets)):
            one.send(octets[i : i + 1])
        self.assertEqual(other.take(len(octets)), octets)

    def run_with(self, on_listen, on_peer):
        listener = self.listener(context=server_context(self.peer_cert, self.peer_key) if on_peer else None)
        keys = {**(self.listen if on_listen else {}), **(self.peer if on_peer else {})}
        address = {"peer__address": f"localhost:{listener.port}"} if on_peer else {}
        sidecar = self.start_sidecar(listener.port, timeouts__drain_s=6, **keys, **address)
        self.assertLogged("listening on smpps://" if on_listen else "listening on smpp://", sidecar)
        esme, smsc = self.pair_of(sidecar, listener, self.client if on_listen else None)
        octets = b"".join(message(i, text=bytes(i % 250)) for i in range(500)) + payload(500, 65000)
        for one, other in ((esme, smsc), (smsc, esme)):
            one.send(octets)
            self.assertEqual(other.take(len(octets)), octets)
            self.one_octet_at_a_time(one, other)
        sidecar.terminate()
        for leg in (esme, smsc):
            self.assertEqual(leg.header(), (UNBIND, 0, 0x7FFFFFFF))
            leg.send(pdu(UNBIND | RESP, 0x7FFFFFFF))
        for leg in (esme, smsc):
            self.assertEqual(leg.ended(), b"", "an orderly end of TLS too")

    def test_s01_groups_that_cost_more_are_refused(self):
        """By the sidecar as a server, and as a client: a peer that knows nothing else gets no handshake."""
        listener = self.listener(context=server_context(self.peer_cert, self.peer_key))
        sidecar = self.start_sidecar(listener.port, **self.listen, **self.peer)
        check_groups(self, ("127.0.0.1", sidecar.port))

    def test_s01_the_peer_cannot_choose_a_costly_group(self):
        port = free_port()
        command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", self.peer_cert, "-key", self.peer_key,
                   "-groups", "ffdhe8192", "-tls1_3", "-quiet"]  # fmt: skip
        peer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(peer.communicate)
        self.addCleanup(peer.kill)
        sidecar = self.start_sidecar(port, timeouts__bind_s=300, **self.listen, **self.peer)
        until(lambda: self.listens(port), 20, "openssl listens")
        esme = self.leg(sidecar.connect(context=self.client))
        esme.send(bind(1))
        self.assertEqual(esme.header(), (BIND | RESP, BINDFAIL, 1))
        # because of the handshake, and not because a peer is silent after it
        until(lambda: "alert handshake failure" in sidecar.log(), 20, "the peer has refused the handshake")

    def listens(self, port):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
            return True
        return False

    def test_both_legs(self):
        self.run_with(True, True)

    def test_listen_only(self):
        self.run_with(True, False)

    def test_peer_only(self):
        self.run_with(False, True)


    def test_slow_readers(self):
        listener = self.listener(context=server_context(self.peer_cert, self.peer_key))
        sidecar = self.start_sidecar(listener.port, limits__queue_bytes=262144, **self.listen, **self.peer)
        other = self.pair_of(sidecar, listener, self.client)
        one, two = self.pair_of(sidecar, listener, self.client)
        self.check_slow(sidecar, one, two, other)
        one, two = self.pair_of(sidecar, listener, self.client)
        self.check_slow(sidecar, two, one, other)


class Handshakes(TlsCase):
    """An ESME that begins a TLS handshake and stalls takes no place from others."""

    def serve(self, **keys):
        listener = self.answering()
        return self.start_sidecar(listener.port, timeouts__bind_s=300, **self.listen, **keys)

    def silent(self, sidecar, count):
        """Connections that begin no handshake; closed at the end."""
        socks = []
        for _ in range(count):
            sock = socket.create_connection(("127.0.0.1", sidecar.port), timeout=20)
            self.addCleanup(sock.close)
            socks.append(sock)
        until(lambda: sidecar.metrics()["handshakes"] == count, 20, f"{count} handshakes are in progress")
        return socks

    def bound(self, sidecar):
        esme = self.leg(sidecar.connect(context=self.client))
        esme.send(bind(1))
        self.assertEqual(esme.header(), (BIND | RESP, OK, 1))
        return esme

    def test_s01_handshakes_of_an_address_are_bounded(self):
        sidecar = self.serve(listen__handshakes_by_address=3, timeouts__handshake_s=300)
        for _ in range(5):
            self.bound(sidecar)  # these count no more
        socks = self.silent(sidecar, 3)
        with self.assertRaises(OSError):
            sidecar.connect(context=self.client)
        self.assertEqual(sidecar.metrics()["handshakes_ended_total"], 1)
        until(lambda: "over [listen] handshakes_by_address" in sidecar.log(), 20, "the log says why")
        socks[0].close()
        until(lambda: sidecar.metrics()["handshakes"] == 2, 20, "one is gone")
        self.bound(sidecar)

    def test_s01_a_new_handshake_takes_the_place_of_the_oldest(self):
        sidecar = self.serve(listen__max_handshakes=4, timeouts__handshake_s=300)
        socks = self.silent(sidecar, 4)
        self.bound(sidecar)
        self.assertEqual(socks[0].recv(1), b"", "the oldest is closed")
        until(lambda: "over [listen] max_handshakes" in sidecar.log(), 20, "the log says why")
        self.assertEqual(sidecar.metrics()["handshakes"], 3)
        self.assertEqual(sidecar.metrics()["handshakes_ended_total"], 1)

    def test_s01_a_slow_handshake_is_ended(self):
        sidecar = self.serve(timeouts__handshake_s=1)
        esme = self.bound(sidecar)
        sock = socket.create_connection(("127.0.0.1", sidecar.port), timeout=20)
        self.addCleanup(sock.close)
        sock.sendall(b"\x16\x03\x01\x02\x00\x01")
        self.assertEqual(sock.recv(1), b"")
        until(lambda: "took longer than [timeouts] handshake_s" in sidecar.log(), 20, "the log says why")
        self.assertEqual(sidecar.metrics()["handshakes_ended_total"], 1)
        esme.send(pdu(ENQUIRE, 2))
        self.assertEqual(esme.header(), (ENQUIRE | RESP, OK, 2))


class Refusals(TlsCase):
    def fails(self, sidecar, said, context=None):
        leg = self.leg(sidecar.connect(context=context))
        leg.send(bind(3))
        self.assertEqual(leg.header(), (BIND | RESP, BINDFAIL, 3))
        self.assertEqual(leg.ended(), b"")
        self.assertLogged(said, sidecar)

    def test_peer_nobody_vouches_for(self):
        listener = self.answering(context=server_context(self.sidecar_cert, self.sidecar_key))
        sidecar = self.start_sidecar(listener.port, **self.peer)
        self.fails(sidecar, "its certificate is not accepted: self-signed certificate")

    def test_peer_of_another_name(self):
        listener = self.answering(context=server_context(self.peer_cert, self.peer_key))
        sidecar = self.start_sidecar(listener.port, peer__name="smsc.example.com", **self.peer)
        self.fails(sidecar, "its certificate is not accepted: hostname mismatch")
        sidecar.reload(peer__name="127.0.0.1")
        self.leg(sidecar.bound())

    def test_peer_without_tls(self):
        sidecar = self.start_sidecar(self.answering(answers=False).port, timeouts__connect_ms=700, **self.peer)
        leg = self.leg(sidecar.connect())
        leg.send(bind(3))
        self.assertEqual(leg.header(), (BIND | RESP, BINDFAIL, 3))

    def test_esme_without_tls(self):
        sidecar = self.start_sidecar(self.answering().port, **self.listen)
        for sent in (bind(), b"GET / HTTP/1.1\r\n\r\n", bytes(100), b"\x16\x03\x01\xff\xff" + b"\1" * 70000):
            with sidecar.connect() as leg:
                leg.send(sent)
                self.assertNotIn(b"\x80\0\0\x09", leg.ended())
        self.leg(sidecar.bound(context=self.client))

    def test_old_versions(self):
        sidecar = self.start_sidecar(self.answering().port, **self.listen)
        context = tls_context(self.sidecar_cert, maximum_version=ssl.TLSVersion.TLSv1_2)
        self.leg(sidecar.bound(context=context))
        context.set_ciphers("AES128-GCM-SHA256:@SECLEVEL=0")
        with self.assertRaises(ssl.SSLError):
            sidecar.connect(context=context)

    def assertNotBound(self, sidecar, context):
        """With TLS 1.3 a client learns only after its handshake that its certificate is not accepted."""
        with self.assertRaises((ssl.SSLError, ConnectionError, End)), sidecar.connect(context=context) as leg:
            leg.send(bind(1))
            leg.header()

    def test_client_certificate(self):
        sidecar = self.start_sidecar(self.answering().port, listen__client_ca=self.peer_cert, **self.listen)
        self.assertNotBound(sidecar, self.client)
        known = tls_context(self.sidecar_cert)
        known.load_cert_chain(self.peer_cert, self.peer_key)
        self.leg(sidecar.bound(context=known))
        stranger = tls_context(self.sidecar_cert)
        stranger.load_cert_chain(self.sidecar_cert, self.sidecar_key)
        self.assertNotBound(sidecar, stranger)

    def test_certificate_is_read_again(self):
        sidecar = self.start_sidecar(self.answering().port, **self.listen)
        old = self.leg(sidecar.bound(context=self.client))
        sidecar.reload(listen__certificate=self.peer_cert, listen__private_key=self.peer_key)
        with self.assertRaises(ssl.SSLError):
            sidecar.connect(context=self.client)
        self.leg(sidecar.bound(context=tls_context(self.peer_cert)))
        old.send(message(2))
        self.assertEqual(old.header(), (SUBMIT | RESP, OK, 2))

    def test_handshake_that_stops(self):
        sidecar = self.start_sidecar(self.answering().port, timeouts__bind_s=1, **self.listen)
        leg = self.leg(sidecar.connect())
        leg.send(b"\x16\x03\x01\x02\x00\x01")
        self.assertEqual(leg.ended(), b"")
        self.assertLogged("does not bind", sidecar)

    def test_wrong_files(self):
        with open(self.sidecar_key, "rb") as key:
            garbage = self.dir + "/garbage.pem"
            with open(garbage, "wb") as out:
                out.write(key.read()[:60])
        sidecar = self.start_sidecar(self.answering().port, **self.listen)
        for keys in ({"listen__certificate": garbage}, {"listen__private_key": self.peer_key}, {"listen__private_key": garbage},
                     {"listen__client_ca": garbage}, {"peer__tls": "yes", "peer__ca": garbage},
                     {"peer__tls": "yes", "peer__certificate": garbage, "peer__private_key": garbage}):  # fmt: skip
            before = dict(sidecar.keys)
            self.assertIn("nothing is changed", sidecar.reload(**keys))
            sidecar.keys = before


if __name__ == "__main__":
    unittest.main()
