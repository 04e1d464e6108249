# SPDX-License-Identifier: MIT
"""TLS, and connections that are silent, slow, idle or too many."""
import contextlib
import select
import socket
import ssl
import time
import warnings

from envelope import envelope, envelope_id
from harness import SLOW, Case
from wire import Closed, RecordWire, Wire, check_groups, request, tls_context, until

BOX = "/cps/12025550100/ppts"


class Tls(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.class_cpsd()

    def handshake(self, **versions):
        context = tls_context(self.server.ca, **versions)
        alpn = versions.pop("alpn", None)
        if alpn:
            context.set_alpn_protocols(alpn)
        return Wire(self.server.address, context)

    def test_versions(self):
        for version, name in [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")]:
            with self.handshake(minimum_version=version, maximum_version=version) as connection:
                self.assertEqual(connection.sock.version(), name)
                self.assertEqual(connection.request("GET", "/health").status, 200)

    def test_old_versions_are_refused(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
                context = tls_context(self.server.ca)
                context.set_ciphers("ALL:@SECLEVEL=0")
                context.minimum_version = version
                context.maximum_version = version
                with self.assertRaisesRegex(ssl.SSLError, "(?i)protocol.version"):
                    Wire(self.server.address, context)

    def test_weak_ciphers_are_refused(self):
        for ciphers in ("AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES128-SHA", "eNULL"):
            context = tls_context(self.server.ca, maximum_version=ssl.TLSVersion.TLSv1_2)
            context.set_ciphers(ciphers + ":@SECLEVEL=0")
            with self.assertRaisesRegex(ssl.SSLError, "(?i)handshake.failure"):
                Wire(self.server.address, context)

    def test_alpn(self):
        for offered, chosen in [(["http/1.1"], "http/1.1"), (["h2", "http/1.1"], "http/1.1"), (None, None)]:
            context = tls_context(self.server.ca)
            if offered:
                context.set_alpn_protocols(offered)
            with Wire(self.server.address, context) as connection:
                self.assertEqual(connection.sock.selected_alpn_protocol(), chosen)
                self.assertEqual(connection.request("GET", "/health").status, 200)
        for offered in (["h2"], ["spdy/3", "x"]):
            context = tls_context(self.server.ca)
            context.set_alpn_protocols(offered)
            with self.assertRaisesRegex(ssl.SSLError, "(?i)no.application.protocol"):
                Wire(self.server.address, context)

    def test_plain_http_on_the_tls_port(self):
        with Wire(self.server.address) as connection:
            connection.send(request("GET", "/health"))
            with contextlib.suppress(Closed, ConnectionResetError):
                connection.more()
            self.assertNotIn(b"HTTP/", connection.buffer)
        self.assertEqual(self.server.request("GET", "/health").status, 200)

    def test_garbage_instead_of_tls(self):
        for sent in (b"\0" * 5000, b"\x16\x03\x01\xff\xff" + b"\1" * 70000, b"\x16\x03\x01\x00\x00", b"\x80\x2e\1\3\1"):
            with Wire(self.server.address) as connection, contextlib.suppress(OSError):
                connection.send(sent)
                connection.sock.shutdown(socket.SHUT_WR)
                while connection.sock.recv(4096):
                    pass
        self.assertEqual(self.server.request("GET", "/health").status, 200)

    def test_session_resumption_across_workers(self):
        """Every worker reads the tickets that another one gave."""
        context = tls_context(self.server.ca, maximum_version=ssl.TLSVersion.TLSv1_2)
        with Wire(self.server.address, context) as connection:
            connection.request("GET", "/health")
            session = connection.sock.session
        for _ in range(8):
            raw = socket.create_connection(self.server.address, timeout=20)
            with context.wrap_socket(raw, server_hostname="localhost", session=session) as sock:
                self.assertTrue(sock.session_reused)

    def test_s01_groups_that_cost_more_are_refused(self):
        """A handshake with ffdhe8192 takes over a hundred times the processor time of one with X25519."""
        check_groups(self, self.server.address)

    def test_one_record_a_response(self):
        connection = RecordWire(self.server.address, tls_context(self.server.ca))
        self.addCleanup(connection.close)
        connection.exchange(request("GET", "/health"))  # session tickets come with the first
        body = envelope()
        for sent, status in [(request("POST", BOX, body), b"201"), (request("POST", BOX, body), b"200"),
                             (request("GET", f"{BOX}/{envelope_id(body)}"), b"200"),
                             (request("GET", BOX), b"200"), (request("GET", "/nowhere"), b"404")]:  # fmt: skip
            text, records = connection.exchange(sent)
            self.assertEqual(text[9:12], status)
            self.assertEqual(len(records), 1, records)
            self.assertEqual(records[0][0], 23)


class Handshakes(Case):
    def silent(self, server, count, source="127.0.0.1"):
        """Connections that begin no handshake; closed at the end."""
        socks = []
        for _ in range(count):
            sock = socket.create_connection(server.address, timeout=20, source_address=(source, 0))
            self.addCleanup(sock.close)
            socks.append(sock)
        return socks

    def test_s01_handshakes_of_an_address_are_bounded(self):
        server = self.cpsd(server__workers=1, limits__handshakes_by_address=3, server__handshake_timeout_s=300)
        finished = [server.connect() for _ in range(5)]  # these count no more, even without a request
        until(lambda: server.metrics()["cpsd_handshakes"] == 0, 20, "their handshakes are over")
        self.silent(server, 3)
        until(lambda: server.metrics()["cpsd_handshakes"] == 3, 20, "three handshakes are in progress")
        with self.assertRaises((Closed, OSError)):
            with server.connect() as one_more:
                one_more.request("GET", "/health")
        self.assertEqual(server.metrics()["cpsd_handshakes_ended_total"], 1)
        other = socket.create_connection(server.address, timeout=20, source_address=("127.0.0.2", 0))
        with server.tls.wrap_socket(other, server_hostname="localhost") as tls:
            tls.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertTrue(tls.recv(100).startswith(b"HTTP/1.1 200"))
        for connection in finished:
            self.assertEqual(connection.request("GET", "/health").status, 200)
            connection.sock.close()

    def test_s01_a_new_handshake_takes_the_place_of_the_oldest(self):
        server = self.cpsd(server__workers=1, server__max_handshakes=4, server__handshake_timeout_s=300)
        socks = self.silent(server, 4)
        until(lambda: server.metrics()["cpsd_handshakes"] == 4, 20, "four handshakes are in progress")
        self.assertEqual(server.request("GET", "/health").status, 200)
        self.assertEqual(socks[0].recv(1), b"", "the oldest is closed")
        self.assertEqual(server.metrics()["cpsd_handshakes_ended_total"], 1)

    def test_s01_a_slow_handshake_is_ended(self):
        server = self.cpsd(server__workers=1, server__handshake_timeout_s=1, server__request_timeout_s=300)
        (sock,) = self.silent(server, 1)
        sock.sendall(b"\x16\x03\x01\x02\x00\x01")
        self.assertEqual(sock.recv(1), b"")
        self.assertEqual(server.metrics()["cpsd_handshakes_ended_total"], 1)


class Times(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.class_cpsd(
            server__request_timeout_s=1, server__idle_timeout_s=3, server__workers=1, store__ttl_default_s=259200
        )

    def test_half_a_request(self):
        body = envelope()
        halves = {
            "one octet": b"G",
            "half a head": b"GET /health HT",
            "a head without end": b"GET /health HTTP/1.1\r\nHost: x\r\n",
            "no body": request("POST", BOX, fields={"Content-Length": "100"}),
            "half a body": request("POST", BOX, body)[:-20],
        }
        with contextlib.ExitStack() as stack:
            start, connections = time.monotonic(), {}
            for name, half in halves.items():
                connections[name] = stack.enter_context(self.server.connect())
                connections[name].send(half)  # before it is idle for too long
            for name, connection in connections.items():
                with self.subTest(name):
                    self.assertProblem(connection.response(), 408)
                    self.assertGreater(time.monotonic() - start, 0.9)
                    self.assertTrue(connection.closed_within(5))

    def test_drip(self):
        """An octet now and then does not keep a request alive for ever."""
        with self.server.connect() as connection:
            connection.sock.settimeout(0.2)
            sent = iter(request("GET", "/health", fields={"X": "y" * 500}))
            while not connection.buffer:
                connection.send(bytes([next(sent)]))
                with contextlib.suppress(TimeoutError):
                    connection.more()
            connection.sock.settimeout(60)
            self.assertEqual(connection.response().status, 408)

    def test_idle(self):
        with self.server.connect() as fresh, self.server.connect() as used:
            start = time.monotonic()
            self.assertEqual(used.request("GET", "/health").status, 200)
            self.assertTrue(fresh.closed_within(5 * SLOW))
            self.assertTrue(used.closed_within(5 * SLOW))
            self.assertGreater(time.monotonic() - start, 2.8)

    def test_no_handshake(self):
        """Connections that never say anything are closed too, and count as nobody's."""
        silent = [socket.create_connection(self.server.address, timeout=60) for _ in range(5)]
        for sock in silent:
            self.assertEqual(sock.recv(1), b"")
            sock.close()
        until(lambda: self.server.metrics()["cpsd_connections"] <= 1, 5, "the gauge of connections falls")

    def test_waiting_is_not_idle(self):
        with self.server.connect() as connection:
            cursor = connection.request("GET", BOX, fields={"Accept": "application/json"}).json()["cursor"]
            start = time.monotonic()
            fields = {"Prefer": "wait=4", "Accept": "application/json"}
            self.assertEqual(connection.request("GET", f"{BOX}?after={cursor}", fields=fields).status, 200)
            self.assertGreater(time.monotonic() - start, 3.9)


class Load(Case):
    def test_connection_limit(self):
        server = self.cpsd(server__workers=1, server__max_connections=5)
        with contextlib.ExitStack() as stack:
            for _ in range(5):
                connection = stack.enter_context(server.connect())
                self.assertEqual(connection.request("GET", "/health").status, 200)
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                server.connect().request("GET", "/health")
            # existing connections stay open, and a place that becomes free is usable
            self.assertEqual(connection.request("GET", "/health").status, 200)
            connection.close()
            until(lambda: self.can_connect(server), 5 * SLOW, "a place becomes free")

    def can_connect(self, server):
        try:
            return server.request("GET", "/health").status == 200
        except (ssl.SSLError, ConnectionError):
            return False

    def big_box(self, count=180, **keys):
        """A server with one box whose JSON list is about a megabyte."""
        server = self.cpsd(server__workers=1, store__ttl_default_s=600, **keys)
        with server.connect() as connection:
            connection.send(b"".join(request("POST", BOX, envelope(4096)) for _ in range(count)))
            for _ in range(count):
                self.assertEqual(connection.response().status, 201)
        return server

    def test_slow_reader(self):
        server = self.big_box()
        json = {"Accept": "application/json"}
        whole = server.request("GET", BOX, fields=json)
        self.assertGreater(len(whole.body), 900000)
        with server.connect(receive_buffer=4096) as slow:
            slow.send(request("GET", BOX, fields=json))
            for _ in range(20):  # others are served meanwhile
                self.assertEqual(server.request("GET", "/health").status, 200)
            answer = slow.response()
            self.assertEqual([p["id"] for p in answer.json()["ppts"]][-180:],
                             [p["id"] for p in whole.json()["ppts"]][-180:])  # fmt: skip

    def test_a_reader_who_does_not_read_costs_no_memory(self):
        """One connection asks 400 times for a megabyte and reads nothing: the answers are not heaped up."""
        server = self.big_box(server__idle_timeout_s=2)
        before = server.resident_kb()
        with server.connect(receive_buffer=4096) as connection:
            connection.send(request("GET", BOX, fields={"Accept": "application/json"}) * 400)
            select.select([connection.sock], [], [], 60)
            self.assertEqual(server.request("GET", "/health").status, 200)
            self.assertLess(server.resident_kb() - before, 32 * 1024 * SLOW)
            # the connection is closed after idle_timeout_s, and waiting for its reader takes no CPU
            cpu = server.cpu_seconds()
            until(lambda: server.metrics()["cpsd_connections"] <= 1, 15 * SLOW, "the connection is closed", every=0.2)
            self.assertLess(server.resident_kb() - before, 32 * 1024 * SLOW)
            self.assertLess(server.cpu_seconds() - cpu, 0.5 * SLOW, "waiting for a reader takes no CPU")

    def test_a_slow_reader_gets_all_of_a_pipeline(self):
        server = self.big_box(60)
        with server.connect(receive_buffer=4096) as connection:
            connection.send(request("GET", BOX, fields={"Accept": "application/json"}) * 30)
            select.select([connection.sock], [], [], 60)
            for _ in range(30):
                self.assertGreaterEqual(len(connection.response().json()["ppts"]), 60)
            self.assertEqual(connection.request("GET", "/health").status, 200)
