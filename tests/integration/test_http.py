# SPDX-License-Identifier: MIT
"""HTTP as an attacker and a broken client speak it: over raw sockets, octet for octet."""
import contextlib
import socket
import ssl

from envelope import b64url, envelope, envelope_id, envelope_of_length
from harness import Case
from hostile import BOX, DESTINATIONS, FRAMING, HOST, POST, SAME_BOX, SYNTAX, mangled, octets
from wire import request


class Http(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.class_cpsd(
            server__max_head_bytes=1024, server__max_body_bytes=4096, server__request_timeout_s=30, dummies__strict="no"
        )

    def refused(self, sent, status):
        """One request on a connection of its own: it gets the status, a problem, and the connection is closed."""
        with self.server.connect() as connection:
            connection.send(sent)
            answer = connection.response()
            self.assertProblem(answer, status)
            self.assertEqual(answer.get("Connection"), "close", answer)
            self.assertTrue(connection.closed_within(5))

    def test_framing(self):
        for name, sent, status in FRAMING:
            with self.subTest(name):
                self.refused(octets(sent), status)

    def test_syntax(self):
        for name, sent, status in SYNTAX:
            with self.subTest(name):
                self.refused(sent, status)

    def test_a_refused_request_hides_no_other(self):
        """Octets after a request whose end is unclear must not be read as a request."""
        smuggled = request("GET", "/health")
        for name, sent, status in FRAMING:
            with self.subTest(name), self.server.connect() as connection:
                connection.send(octets(sent) + smuggled * 3)
                self.assertEqual(connection.response().status, status)
                self.assertTrue(connection.closed_within(5))

    def test_head_limits(self):
        def head(size):
            bare = f"GET /health HTTP/1.1\r\n{HOST}X: \r\n\r\n"
            return bare.replace("X: ", "X: " + "y" * (size - len(bare))).encode()

        self.assertEqual(len(head(1024)), 1024)
        with self.server.connect() as connection:
            connection.send(head(1024) * 2)
            self.assertEqual(connection.response().status, 200)
            self.assertEqual(connection.response().status, 200)
        for name, sent in {
            "one octet over": head(1025),
            "far over": head(60000),
            "no end": b"GET /health HTTP/1.1\r\nX: " + b"y" * 2000,
            "long target": b"GET /" + b"a" * 2000,
            "long method": b"A" * 2000,
        }.items():
            with self.subTest(name):
                self.refused(sent, 431)

    def test_field_count(self):
        def head(count):
            return (f"GET /health HTTP/1.1\r\n{HOST}" + "X:\r\n" * (count - 1) + "\r\n").encode()

        with self.server.connect() as connection:
            connection.send(head(64))
            self.assertEqual(connection.response().status, 200)
        self.refused(head(65), 431)

    def test_expect(self):
        body = envelope()
        fields = {"Expect": "100-continue", "Content-Length": str(len(body)), "Content-Type": "application/passport"}
        with self.server.connect() as connection:
            for _ in range(2):
                connection.send(request("POST", BOX, fields=fields))
                self.assertEqual(connection.response().status, 100)
                connection.send(body.encode())
                self.assertIn(connection.response().status, (200, 201))
            # with the body already there, "continue" is not needed
            connection.send(request("POST", BOX, body, fields))
            self.assertEqual(connection.response().status, 200)
        # refused before the body is sent: the final answer comes at once, no 100
        self.refused(request("POST", BOX, fields={**fields, "Content-Length": "100000"}), 413)

    def test_one_octet_at_a_time(self):
        body = envelope()
        with self.server.connect() as connection:
            for octet in b"\r\n" + request("POST", BOX, body) + request("GET", f"{BOX}/{envelope_id(body)}"):
                connection.send(bytes([octet]))
            answer = connection.response()
            self.assertEqual(answer.status, 201)
            self.assertEqual(connection.response().body, body.encode())

    def test_split_everywhere(self):
        sent = request("GET", "/health") + request("POST", BOX, "x") + request("GET", "/health")
        with self.server.connect() as connection:
            for i in range(1, len(sent)):
                connection.send(sent[:i])
                connection.send(sent[i:])
                statuses = [connection.response().status for _ in range(3)]
                self.assertEqual(statuses, [200, 422, 200], i)

    def test_pipeline(self):
        """100 requests in one write: 100 answers in the same order."""
        bodies = [envelope() for _ in range(50)]
        sent = b""
        for i, body in enumerate(bodies):
            sent += request("POST", f"/cps/1202555{i:04}/ppts", body)
            sent += request("GET", f"/cps/1202555{i:04}/ppts/{envelope_id(body)}")
        with self.server.connect() as connection:
            connection.send(sent)
            for i, body in enumerate(bodies):
                answer = connection.response()
                self.assertEqual(answer.status, 201)
                self.assertEqual(answer.get("Location"), f"/cps/1202555{i:04}/ppts/{envelope_id(body)}")
                answer = connection.response()
                self.assertEqual((answer.status, answer.body), (200, body.encode()))

    def test_pipeline_behind_a_wait(self):
        """A waiting request delays those after it, and loses none."""
        server = self.cpsd(store__ttl_default_s=600, dummies__mode="empty")
        with server.connect() as connection:
            connection.send(request("GET", BOX, fields={"Prefer": "wait=1"}) + request("GET", "/health") * 40)
            self.assertEqual(connection.response().type, "application/link-format")
            self.assertEqual([connection.response().status for _ in range(40)], [200] * 40)

    def test_methods(self):
        for method, path, allow in [
            ("PUT", BOX, {"GET", "HEAD", "POST", "DELETE"}),
            ("PATCH", BOX, {"GET", "HEAD", "POST", "DELETE"}),
            ("get", BOX, {"GET", "HEAD", "POST", "DELETE"}),
            ("POST", f"{BOX}/AAAAAAAAAAAAAAAAAAAAAA", {"GET", "HEAD", "DELETE"}),
            ("POST", "/health", {"GET", "HEAD"}),
            ("TRACE", "/health", {"GET", "HEAD"}),
        ]:
            with self.subTest(method + " " + path):
                answer = self.server.request(method, path, fields={"Content-Length": "0"})
                self.assertProblem(answer, 405)
                self.assertEqual(set(answer.get("Allow").split(", ")), allow)

    def test_head(self):
        body = envelope()
        location = self.server.publish("12025550111", body).get("Location")
        with self.server.connect() as connection:
            for path in [location, "/health", "/cps/12025550111/ppts", "/nowhere"]:
                got, head = connection.request("GET", path), connection.request("HEAD", path)
                self.assertEqual((head.status, head.type), (got.status, got.type))
                self.assertEqual(head.get("Content-Length"), str(len(got.body)))
            self.assertEqual(connection.request("GET", "/health").status, 200)

    def test_not_found(self):
        for path in ["/", "//", "/cps", "/cps/", "/cps/12", "/cps/12/", "/cps/12/ppt", "/CPS/12/ppts", "/cps/12/ppts/x/y",
                     "/health/x", "/metrics", "/ready", "/cps//ppts", "/%63ps/12/ppts", "/cps/12/ppts/short",
                     "/cps/12/ppts/AAAAAAAAAAAAAAAAAAAAAB", "/cps/12/ppts/AAAAAAAAAAAAAAAAAAAAA=",
                     "/cps/12/ppts/" + "A" * 22, "/cps/12/ppts/%41" + "A" * 21]:  # fmt: skip
            with self.subTest(path):
                self.assertProblem(self.server.request("GET", path), 404)

    def test_media_type(self):
        body = envelope()
        for value, status in [(None, 415), ("", 415), ("text/plain", 415), ("application/json", 415),
                              ("application/passport+json", 415), ("application/passports", 415),
                              ("xapplication/passport", 415), ("application", 415),
                              ("Application/PASSporT", 201), ("application/passport;v=1", 200),
                              ("application/passport ; charset=utf-8", 200)]:  # fmt: skip
            with self.subTest(value):
                answer = self.server.request("POST", BOX, body, {"Content-Type": value})
                self.assertEqual(answer.status, status, answer)
                if status == 415:
                    self.assertProblem(answer, 415, "application/passport")
        twice = POST + f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
        self.refused(twice.encode() + body.encode(), 400)

    def test_body_limits(self):
        limit = envelope_of_length(4096)
        for name, body, status in [("none", "", 422), ("limit", limit, 201), ("limit + 1", limit + "A", 413),
                                   ("one octet short", limit[:-1], 422)]:  # fmt: skip
            with self.subTest(name):
                self.assertEqual(self.server.publish("12025550112", body).status, status)
        with self.server.connect() as connection:  # GET with a body: read and ignored
            for _ in range(2):
                self.assertEqual(connection.request("GET", "/health", "x" * 100).status, 200)
        largest = self.cpsd(dummies__strict="no")
        self.assertEqual(largest.publish("12", envelope_of_length(16384)).status, 201)
        self.assertProblem(largest.publish("12", envelope_of_length(16384) + "A"), 413)

    def test_not_an_envelope(self):
        with self.server.connect() as connection:
            for name, body in mangled():
                with self.subTest(name):
                    self.assertProblem(connection.request("POST", BOX, body), 422)
            head, rest = envelope().split(".", 1)
            self.assertProblem(connection.request("POST", BOX, b64url(b" " * 2000) + "." + rest), 413)
            for curve in ("X25519", "P-256"):
                self.assertEqual(connection.request("POST", BOX, envelope(curve=curve)).status, 201)
            self.assertEqual(connection.request("POST", BOX, envelope() + "\n").status, 201)
            self.assertEqual(connection.request("POST", BOX, envelope() + "\r\n").status, 201)

    def test_every_truncation(self):
        whole = envelope()
        with self.server.connect() as connection:
            accepted = [i for i in range(len(whole)) if connection.request("POST", BOX, whole[:i]).status != 422]
        self.assertEqual(accepted, [])

    def test_destinations(self):
        with self.server.connect() as connection:
            for name, dest, status in DESTINATIONS:
                with self.subTest(name):
                    for method, body in (("GET", None), ("POST", envelope())):
                        answer = connection.request(method, f"/cps/{dest}/ppts", body)
                        if status == 200:
                            self.assertIn(answer.status, (200, 201))
                        else:
                            self.assertProblem(answer, status)

    def test_visual_forms_are_one_box(self):
        body = envelope()
        location = self.server.publish(SAME_BOX[0], body).get("Location")
        self.assertEqual(location, f"{BOX}/{envelope_id(body)}")
        for dest in SAME_BOX:
            with self.subTest(dest):
                answer = self.server.publish(dest, body)
                self.assertEqual((answer.status, answer.get("Location")), (200, location))
                self.assertEqual(self.server.request("GET", f"/cps/{dest}/ppts/{envelope_id(body)}").status, 200)
        uri = self.server.publish("sip:Alice@EXAMPLE.com:5060", body).get("Location")
        self.assertEqual(uri, f"/cps/sip%3Aalice%40example.com/ppts/{envelope_id(body)}")
        self.assertEqual(self.server.request("GET", uri).body, body.encode())

    def test_query(self):
        body = envelope()
        for query in ["ttl=0", "ttl=-1", "ttl=+1", "ttl=", "ttl=x", "ttl=1.5", "ttl=1e3", "ttl=%31", "ttl"]:  # fmt: skip
            with self.subTest(query):
                self.assertProblem(self.server.publish("12", body, "?" + query), 400, "ttl")
        for query in ["after=", "after=x", "after=" + "A" * 10, "after=" + "A" * 12, "after=AAAAAAAAAA=",
                      "after=__________8", "after"]:  # fmt: skip
            with self.subTest(query):
                self.assertProblem(self.server.request("GET", "/cps/12/ppts?" + query), 400, "after")

    def test_prefer_that_is_not_understood(self):
        for value in ["wait", "wait=", "wait=x", "wait=-1", "wait=0", "x=y", ",,,", "=",
                      "respond-async"]:  # fmt: skip
            with self.subTest(value):
                answer = self.server.request("GET", BOX, fields={"Prefer": value})
                self.assertEqual(answer.status, 200)
                self.assertIsNone(answer.get("Preference-Applied"))

    def test_errors_do_not_repeat_what_was_sent(self):
        """Nothing of a request's body or number comes back, so nothing of it can be made to come back to another."""
        answer = self.server.request("POST", BOX, "my secret message")
        self.assertNotIn(b"secret", answer.body)
        answer = self.server.request("GET", "/cps/12025550<script>/ppts")
        self.assertNotIn(b"script", answer.body)

    def test_http_1_0(self):
        with self.server.connect() as connection:
            connection.send(f"GET /health HTTP/1.0\r\n{HOST}\r\n".encode())
            answer = connection.response()
            self.assertEqual((answer.status, answer.get("Connection")), (200, "close"))
            self.assertTrue(connection.closed_within(5))

    def test_s16_http_1_0_without_host(self):
        with self.server.connect() as connection:
            connection.send(b"GET /health HTTP/1.0\r\n\r\n")
            self.assertEqual(connection.response().status, 200)
            self.assertTrue(connection.closed_within(5))

    def test_s16_host_is_checked(self):
        for host in ("a b,c/", "a/b", "user@a", "a:b", "[::1", "\u00e4"):
            with self.subTest(host), self.server.connect() as connection:
                connection.send(f"GET /health HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                self.assertProblem(connection.response(), 400, "Host")
                self.assertTrue(connection.closed_within(5))

    def test_s16_connection_on_two_lines(self):
        for first, second in (("close", "keep-alive"), ("keep-alive", "close")):
            with self.subTest(first), self.server.connect() as connection:
                fields = f"{HOST}Connection: {first}\r\nConnection: {second}\r\n"
                connection.send(f"GET /health HTTP/1.1\r\n{fields}\r\n".encode())
                self.assertEqual(connection.response().get("Connection"), "close")
                self.assertTrue(connection.closed_within(5))

    def test_s16_two_lines_of_prefer(self):
        for first, second in (("wait=1", "respond-async"), ("respond-async", "wait=1")):
            with self.subTest(first), self.server.connect() as connection:
                fields = f"{HOST}Prefer: {first}\r\nPrefer: {second}\r\n"
                connection.send(f"GET /cps/12025550177/ppts HTTP/1.1\r\n{fields}\r\n".encode())
                self.assertEqual(connection.response().get("Preference-Applied"), "wait=1")

    def test_s16_ttl_is_cut(self):
        for i, ttl in enumerate(("99999999999", "4294967296", "9" * 40)):
            with self.subTest(ttl):
                self.assertEqual(self.server.publish(f"1202555018{i}", envelope(), f"?ttl={ttl}").status, 201)

    def test_connection_close(self):
        with self.server.connect() as connection:
            answer = connection.request("GET", "/health", fields={"Connection": "close"})
            self.assertEqual(answer.get("Connection"), "close")
            self.assertTrue(connection.closed_within(5))

    def test_client_closes_its_half(self):
        """A client that says it will send no more still gets its answer."""
        with self.server.connect() as connection:
            connection.send(request("GET", "/health"))
            raw = connection.sock
            with contextlib.suppress(ssl.SSLError, OSError):
                socket.socket.shutdown(raw, socket.SHUT_WR)
            self.assertEqual(connection.response().status, 200)

    def test_fields_of_every_answer(self):
        answer = self.server.request("GET", BOX)
        self.assertRegex(answer.get("Date"), r"^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$")
        self.assertEqual(answer.get("Cache-Control"), "no-store")
        self.assertIsNone(answer.get("Server"))
