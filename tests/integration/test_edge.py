# SPDX-License-Identifier: MIT
"""HAProxy in front, as deploy/haproxy has it: HTTP/2 outside, unix sockets inside; who the client is arrives, and what
a client says of itself does not."""
# presets: dev asan
import base64
import os
import socket
import ssl
import threading
import unittest

import wire
from callers import DEST, CallersCase, ask, provider
from edge import Edge, Http2
from envelope import envelope, envelope_id
from harness import SLOW, run
from test_authorization import REFUSED
from wire import Wire, check_groups, until

# a cpsd that gets no processor for two seconds is not away
PATIENT_EDGE = ("inter 1s fall 2 rise 1", "inter 1s fall 60 rise 1")
PASSPORT = [("content-type", "application/passport")]


def client_cert(cert):
    """The fields of RFC 9440 for a chain."""
    items = [":" + base64.b64encode(c.der).decode() + ":" for c in cert.chain]
    return [("Client-Cert", items[0]), ("Client-Cert-Chain", ", ".join(items[1:]))]


class EdgeCase(CallersCase):
    @classmethod
    def class_edge(cls, *servers, **options):
        edge = Edge(cls.dir, [s.keys["server.listen_plain"].split(":")[1] for s in servers], cls.certificate,
                    f"{cls.dir}/roots.pem", **options)  # fmt: skip
        cls.addClassCleanup(edge.kill)
        return edge

    @classmethod
    def behind(cls, name, **keys):
        return cls.class_cpsd(name=name, **{**cls.keys(), "server__listen_plain": f"unix:{cls.dir}/{name}.sock",
                                            "server__edge": "yes", "policy__delete": "holder", **keys})  # fmt: skip


class Behind(EdgeCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.behind("one")
        cls.edge = cls.class_edge(cls.server, changes=[PATIENT_EDGE])

    def http1(self, caller, address=None):
        return Wire(address or self.edge.address, self.contexts[caller])

    def http2(self, caller):
        return Http2(self.edge.address, self.contexts[caller])

    def test_s01_groups_that_cost_more_are_refused(self):
        check_groups(self, self.edge.address)

    def test_a_hundred_streams(self):
        """Published and retrieved over one connection, all at once; no length is said."""
        bodies = [envelope() for _ in range(100)]
        with self.http2("none") as connection:
            posts = [("POST", f"/cps/1415555{i:04}/ppts", b, PASSPORT) for i, b in enumerate(bodies)]
            answers = connection.requests(posts)
            self.assertEqual([a.status for a in answers], [201] * 100)
            paths = [a.get("location") for a in answers]
            self.assertEqual(paths, [f"/cps/1415555{i:04}/ppts/{envelope_id(b)}" for i, b in enumerate(bodies)])
            answers = connection.requests([("GET", path, None, []) for path in paths])
            self.assertEqual([(a.status, a.body) for a in answers], [(200, b.encode()) for b in bodies])
            self.assertEqual([a.status for a in connection.requests(posts)], [200] * 100)
            self.assertEqual(connection.most_open, 100)

    def test_waiting_on_many_streams(self):
        """A list that waits does not hold up the others."""
        with self.http2("none") as connection:
            box = "/cps/14155559876/ppts"
            waits = [("GET", f"/cps/1415555987{i}/ppts", None, [("prefer", "wait=1")]) for i in range(10)]
            answers = connection.requests([*waits, ("POST", box, envelope(), PASSPORT)])
            self.assertEqual([a.status for a in answers], [200] * 10 + [201])

    def test_another_client(self):
        """nghttp2's h2load: 100 streams on each of two connections."""
        body = os.path.join(self.dir, "envelope")
        with open(body, "w") as out:
            out.write(envelope())
        url = "https://localhost:%d/cps/14155550000/ppts" % self.edge.address[1]
        for options in (["-d", body, "-H", "content-type: application/passport"], []):
            said = run("h2load", "-n", "1000", "-c", "2", "-m", "100", *options, url).stdout.decode()
            self.assertIn("1000 succeeded, 0 failed, 0 errored", said)
            self.assertIn("status codes: 1000 2xx, 0 3xx, 0 4xx, 0 5xx", said)

    def test_bodies(self):
        """As cpsd takes them directly: sizes at the limit, said or not; chunks of HTTP/1.1 are not taken."""
        full = b"x" * 16384
        with self.http2("none") as connection:
            for fields in ([], [("content-length", "16384")]):
                self.assertEqual(connection.request("POST", "/cps/12/ppts", full, [*PASSPORT, *fields]).status, 422)
            for size in (16385, 20000, 60000):
                answer = connection.request("POST", "/cps/12/ppts", b"x" * size, PASSPORT)
                self.assertProblem(answer, 413)
            self.assertProblem(connection.request("POST", "/cps/12/ppts", b"", PASSPORT), 422)
            self.assertProblem(connection.request("POST", "/cps/12/ppts", None, PASSPORT), 422)
        with self.http1("none") as connection:
            connection.send(b"POST /cps/12/ppts HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            connection.send(b"1\r\nx\r\n0\r\n\r\n")
            self.assertEqual(connection.response().status, 411)

    def test_identity_arrives(self):
        """Every caller of the authorization matrix, over HTTP/2 and HTTP/1.1: the same as without an edge."""
        for caller in self.contexts:
            if caller in REFUSED:
                want = REFUSED[caller][0]
            else:
                want = 401 if caller == "none" else 403 if caller.startswith("other") else 404
            path = f"/cps/{DEST}/ppts/{'A' * 22}"
            if caller == "issued by no CA":  # here HAProxy itself ends the handshake
                with self.assertRaises(OSError), self.http2(caller) as connection:
                    connection.request("DELETE", path)
                continue
            with self.subTest(caller=caller):
                with self.http2(caller) as connection:
                    answers = connection.requests([("DELETE", path, None, [])] * 3)
                with self.http1(caller) as connection:
                    answers.append(ask(connection, "delete"))
                self.assertEqual({a.status for a in answers}, {want})
                if caller in REFUSED:
                    for answer in answers:
                        problem = answer.json()
                        self.assertRegex(problem["title"] + ": " + problem["detail"], REFUSED[caller][1])

    def test_one_connection_is_not_another(self):
        """Requests of several clients come through the same connections to cpsd."""
        want = {"holder by TN": 404, "other SPC": 403, "none": 401, "revoked": 401}
        path = f"/cps/{DEST}/ppts/{'A' * 22}"
        wrong = []

        def work(caller):
            with self.http2(caller) as connection:
                for _ in range(10):
                    answers = connection.requests([("DELETE", path, None, [])] * 10)
                    wrong.extend((caller, a.status) for a in answers if a.status != want[caller])

        threads = [threading.Thread(target=work, args=(caller,)) for caller in want]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_from_outside(self):
        """What only the edge may say is not believed from a client, however it is written."""
        cert, chain = (value for _, value in client_cert(self.certs["holder by TN"]))
        forged = [
            [("client-cert", cert), ("client-cert-chain", chain)],
            [("client-cert", cert), ("client-cert", cert), ("client-cert-chain", chain), ("client-cert-chain", chain)],
            [("client-cert", ""), ("client-cert", cert), ("client-cert-chain", chain)],
            [("client_cert", cert), ("client_cert_chain", chain)],
            [("x-client-cert", cert), ("client-cert-chain", chain)],
            [("client-cert-chain", f"{cert}, {chain}")],
        ]
        path = f"/cps/{DEST}/ppts/{'A' * 22}"
        for fields in forged:
            for caller, want in (("none", 401), ("other SPC", 403), ("holder by TN", 404)):
                with self.subTest(fields=[n for n, _ in fields], caller=caller):
                    with self.http2(caller) as connection:
                        self.assertEqual(connection.request("DELETE", path, None, fields).status, want)
                        # in trailers too
                        answer = connection.request("DELETE", path, b"x", [], trailers=fields)
                        self.assertIn(answer.status, (want, 400, 411))
                    for odd in (str.upper, str.title, lambda n: n):
                        with self.http1(caller) as connection:
                            answer = connection.request("DELETE", path, None, [(odd(n), v) for n, v in fields])
                            self.assertEqual(answer.status, want)
        # nor can a client have the edge leave out what it says
        for named in ("client-cert", "client-cert, client-cert-chain, close", "x-forwarded-for"):
            for caller, want in (("none", 401), ("other SPC", 403), ("holder by TN", 404), ("revoked", 401)):
                with self.subTest(connection=named, caller=caller), self.http1(caller) as connection:
                    answer = connection.request("DELETE", path, None, [("Connection", named)])
                    self.assertEqual(answer.status, want)
        # a pseudo-header, a line end or a colon in a name or value does not make a field
        for name, value in (("x\r\nclient-cert", cert), ("x", f"y\r\nclient-cert: {cert}"), ("client-cert:", cert)):
            with self.subTest(name=name):
                with self.http2("none") as connection:
                    try:
                        self.assertIn(connection.request("DELETE", path, None, [(name, value)]).status, (0, 400, 401))
                    except ConnectionError:
                        pass

    def test_address(self):
        """The log has the client's address as the edge saw it."""
        for i, fields in enumerate(([], [("x-forwarded-for", "192.0.2.1")], [("forwarded", "for=192.0.2.2")],
                                    [("X-Forwarded-For", "192.0.2.3, 192.0.2.4")])):  # fmt: skip
            with self.subTest(fields=fields), self.http1("none") as connection:
                seen = len(self.server.log())
                connection.request("GET", f"/cps/1212555{i:04}/ppts", None, fields)
                until(lambda: "notice request" in self.server.log()[seen:], 5 * SLOW, "it is logged")
                self.assertLogged(" address=127.0.0.1\n", self.server, seen)
                self.assertNotIn("192.0.2", self.server.log()[seen:])

    def test_numbers_are_not_logged(self):
        seen = len(self.edge.log())
        with self.http2("none") as connection:
            connection.request("POST", "/cps/13125557777/ppts", b"x" * 20000, PASSPORT)
        until(lambda: " 413 " in self.edge.log()[seen:], 5, "the edge logs what it refuses")
        self.assertNotIn("5557777", self.edge.log() + self.server.log())

    def test_no_session_is_resumed(self):
        """It would lack the chain; a client that tries gets a whole handshake and is who it was."""
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context, session = wire.tls_context(self.certificate[0], maximum_version=version), None
            context.load_cert_chain(f"{self.dir}/by-tn.pem", f"{self.dir}/by-tn.key")
            for _ in range(3):
                with Wire(self.edge.address) as connection:
                    connection.sock = context.wrap_socket(connection.sock, server_hostname="localhost", session=session)
                    self.assertEqual((connection.sock.session_reused, ask(connection, "delete").status), (False, 404))
                    session = connection.sock.session

    # ---- without the edge ----

    def plain(self, path, fields):
        """A request on a unix socket as the edge sends it."""
        with Wire(self.server.admin) as connection:
            connection.sock.close()
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(20)
            connection.sock.connect(f"{self.dir}/{path}")
            return connection.request("DELETE", f"/cps/{DEST}/ppts/{'A' * 22}", None, fields)

    def test_where_it_is_believed(self):
        """On listen_plain with edge = yes, nowhere else."""
        fields = client_cert(self.certs["holder by TN"])
        self.assertEqual(self.plain("one.sock", fields).status, 404)
        self.assertEqual(self.plain("one.sock", []).status, 401)
        with self.connect("none") as connection:  # cpsd's own TLS
            answer = connection.request("DELETE", f"/cps/{DEST}/ppts/{'A' * 22}", None, fields)
            self.assertEqual(answer.status, 401)
        self.server.reload(server__edge="no")
        self.assertEqual(self.plain("one.sock", fields).status, 401)
        self.server.reload(server__edge="yes")
        self.assertEqual(self.plain("one.sock", fields).status, 404)

    def test_what_is_not_as_it_should_be(self):
        """An edge that says something else than RFC 9440 has it is not believed, and nothing is done."""
        cert, chain = (value for _, value in client_cert(self.certs["holder by TN"]))
        rows = [
            ([("Client-Cert", cert[1:-1]), ("Client-Cert-Chain", chain)], "byte sequences"),
            ([("Client-Cert", cert[:-1]), ("Client-Cert-Chain", chain)], "byte sequences"),
            ([("Client-Cert", f"{cert}, {cert}"), ("Client-Cert-Chain", chain)], "byte sequences"),
            ([("Client-Cert", f"{cert};a=b"), ("Client-Cert-Chain", chain)], "byte sequences"),
            ([("Client-Cert", "::"), ("Client-Cert-Chain", chain)], "byte sequences"),
            ([("Client-Cert", ":AAAA:"), ("Client-Cert-Chain", chain)], "certificate"),
            ([("Client-Cert", cert), ("Client-Cert-Chain", chain + ",")], "byte sequences"),
            ([("Client-Cert", cert), ("Client-Cert-Chain", f"{chain} {chain}")], "byte sequences"),
            ([("Client-Cert", cert), ("Client-Cert-Chain", ", ".join([chain] * 8))], "more than 8 certificates"),
            ([("Client-Cert-Chain", chain)], "byte sequences"),
            ([("Client-Cert", ""), ("Client-Cert-Chain", chain)], "byte sequences"),
            ([("Client-Cert", cert)], "does not lead to a trusted root"),
            ([("Client-Cert", chain), ("Client-Cert-Chain", cert)], "the first certificate is a CA certificate"),
        ]
        for fields, says in rows:
            with self.subTest(fields=[(n, v[:8], v[-8:]) for n, v in fields]):
                self.assertProblem(self.plain("one.sock", fields), 401, says)
        twice = [("Client-Cert", cert), ("Client-Cert", cert), ("Client-Cert-Chain", chain)]
        self.assertEqual(self.plain("one.sock", twice).status, 400)


class Handshakes(EdgeCase):
    """A client that begins TLS and does not go on, or begins it again and again, takes nothing from others."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.behind("one")

    def edge(self, timeout, **values):
        one = self.class_edge(self.server, changes=[("timeout client 10s", f"timeout client {timeout}")], **values)
        self.addCleanup(one.kill)
        return one

    def silent(self, edge, source):
        sock = socket.create_connection(edge.address, timeout=60, source_address=(source, 0))
        self.addCleanup(sock.close)
        return sock

    def refused(self, edge, source, seconds=60):
        """Waits for the end of a new connection."""
        try:
            sock = self.silent(edge, source)
            sock.settimeout(seconds)
            return sock.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    def assertServes(self, edge):
        with Wire(edge.address, self.contexts["none"]) as connection:
            self.assertEqual(connection.request("GET", "/cps/12/ppts").status, 200)

    def test_s01_connections_of_an_address_are_bounded(self):
        edge = self.edge("300s", CPS_BY_ADDRESS="20")
        socks = [self.silent(edge, "127.0.0.2") for _ in range(20)]
        until(lambda: "conn_cur=20" in edge.tell("show table cps_addresses"), 20, "20 are open")
        self.assertTrue(self.refused(edge, "127.0.0.2"))
        self.assertServes(edge)
        socks.pop().close()
        until(lambda: "conn_cur=19" in edge.tell("show table cps_addresses"), 20, "one is gone")
        again = self.silent(edge, "127.0.0.2")
        until(lambda: "conn_cur=20" in edge.tell("show table cps_addresses"), 20, "there is room for one")
        again.setblocking(False)
        with self.assertRaises(BlockingIOError):
            again.recv(1)

    def test_s01_new_connections_of_an_address_are_bounded(self):
        edge = self.edge("300s", CPS_NEW_BY_ADDRESS="30")
        opened = 0
        while not self.refused(edge, "127.0.0.2", 0.001):
            opened += 1
        self.assertGreaterEqual(opened, 30)
        self.assertServes(edge)

    def test_s01_a_slow_handshake_is_ended(self):
        edge = self.edge("1s")
        sock = self.silent(edge, "127.0.0.1")
        sock.sendall(b"\x16\x03\x01\x02\x00\x01")
        self.assertEqual(sock.recv(1), b"")
        self.assertServes(edge)


class Full(EdgeCase):
    """A store without room: what is there can be read and taken out."""

    box = f"/cps/{DEST}/ppts"

    def serve(self, name, **keys):
        self.server = self.behind(name, policy__publish="open", **keys)
        self.edge = self.class_edge(self.server)
        self.addCleanup(self.edge.kill)

    def check(self, fill):
        """Publishes, fills the store, reads and takes out what was published."""
        one = envelope()
        path = f"{self.box}/{envelope_id(one)}"
        with Http2(self.edge.address, self.contexts["holder by TN"]) as connection:
            self.assertEqual(connection.request("POST", f"{self.box}?ttl=600", one, PASSPORT).status, 201)
            fill()
            until(lambda: self.edge.states("cpsd_write") == {"DOWN"}, 20 * SLOW, "no server takes envelopes")
            self.assertEqual(self.edge.states("cpsd_read"), {"UP"})
            self.assertProblem(connection.request("POST", self.box, envelope(), PASSPORT), 503)
            answer = connection.request("GET", f"{self.box}?dummies=no", None, [("accept", "application/json")])
            self.assertEqual([entry["ppt"] for entry in answer.json()["ppts"]], [one])
            self.assertEqual(connection.request("GET", path).body, one.encode())
        with Http2(self.edge.address, self.contexts["none"]) as connection:  # by token: its use is written down
            signer = provider(self.certs["holder by TN"])
            fields = [(n.lower(), v) for n, v in signer.fields("delete", DEST).items()]
            self.assertEqual(connection.request("DELETE", path, None, fields).status, 204)
        self.assertEqual(self.edge.states("cpsd_read"), {"UP"})

    def test_s07_redis(self):
        database = self.redis()
        self.serve("redis", store__url=database.url)
        with database.client() as client:
            self.check(lambda: client.call("CONFIG", "SET", "maxmemory", "1"))
            client.call("CONFIG", "SET", "maxmemory", "0")
        until(lambda: self.edge.states("cpsd_write") == {"UP"}, 20 * SLOW, "it takes envelopes again")
        with Http2(self.edge.address, self.contexts["none"]) as connection:
            self.assertEqual(connection.request("POST", self.box, envelope(), PASSPORT).status, 201)

    def test_s07_memory(self):
        def fill():
            for size in (8192, 1024):
                while self.server.publish("13105551212", envelope(size), "?ttl=600").status == 201:
                    pass

        self.serve("memory", store__memory_limit_bytes=1 << 20)
        self.check(fill)


class Two(EdgeCase):
    """Two cpsds on one Redis: one of them can go."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.database = cls.class_redis()
        cls.shared = {"store__url": cls.database.url, "dummies__secret_file": cls.secret()}
        cls.servers = [cls.behind(name, **cls.shared) for name in ("one", "two")]
        cls.edge = cls.class_edge(*cls.servers)

    @classmethod
    def secret(cls):
        path = os.path.join(cls.dir, "secret")
        with open(path, "wb") as out:
            out.write(b"s" * 64)
        return path

    def test_drain(self):
        """Publishing and waiting go on while servers are drained by the edge, stopped and started again."""
        stop, statuses, failed = threading.Event(), [], []

        def work(number):
            try:
                with Http2(self.edge.address, wire.tls_context(self.certificate[0])) as connection:
                    while not stop.is_set():
                        batch = [("POST", f"/cps/1415{number}55{i:04}/ppts", envelope(), PASSPORT) for i in range(20)]
                        batch.append(("GET", f"/cps/1415{number}550000/ppts", None, [("prefer", "wait=1")]))
                        statuses.extend(a.status for a in connection.requests(batch))
            except Exception as error:
                failed.append(repr(error))

        threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        try:
            self.edge.set_server("one", "drain")
            until(lambda: self.edge.state("one").startswith("DRAIN"), 10 * SLOW, "it is drained")
            self.edge.set_server("one", "ready")
            until(lambda: self.edge.state("one").startswith("UP"), 10 * SLOW, "it is back")
            self.servers[0].stop()
            until(lambda: self.edge.state("one").startswith("DOWN"), 20 * SLOW, "its absence is seen")
            self.behind("one", **self.shared)
            until(lambda: self.edge.state("one").startswith("UP"), 20 * SLOW, "it is seen again")
            until(lambda: len(statuses) > 100 or failed, 20 * SLOW, "much is answered")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failed, [])
        self.assertEqual(set(statuses), {200, 201})

    def test_nobody_behind(self):
        """With no server left the answer is a 503 that says when to come again."""
        for server in ("one", "more0"):
            self.edge.set_server(server, "maint")
        try:
            with Http2(self.edge.address, self.contexts["none"]) as connection:
                self.assertProblem(connection.request("GET", "/cps/12/ppts"), 503)
        finally:
            for server in ("one", "more0"):
                self.edge.set_server(server, "ready")
            until(lambda: all(self.edge.state(s).startswith("UP") for s in ("one", "more0")), 10 * SLOW, "both are up")


if __name__ == "__main__":
    unittest.main()
