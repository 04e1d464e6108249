"""HTTP and TLS as an attacker, a broken client and a slow one speak them: over raw sockets, octet for octet."""
import contextlib
import re
import socket
import ssl
import time
import warnings

from envelope import b64url, compact, envelope, envelope_id, envelope_of_length, header, p256_public
from harness import SLOW, Case, wire
from wire import Closed, RecordWire, Wire, request, until

BOX = "/cps/12025550100/ppts"
HOST = "Host: localhost\r\n"
POST = f"POST {BOX} HTTP/1.1\r\n{HOST}Content-Type: application/passport\r\n"

# what is sent (str: all of a head but its last empty line), the status that it gets
FRAMING = [
    ("chunked", POST + "Transfer-Encoding: chunked\r\n", 411),
    ("chunked with a body", POST + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", 411),
    ("chunked GET", f"GET {BOX} HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n", 411),
    ("unknown transfer coding", POST + "Transfer-Encoding: gzip\r\n", 411),
    ("no length", POST, 411),
    ("PUT without length", f"PUT {BOX} HTTP/1.1\r\n{HOST}", 411),
    ("negative length", POST + "Content-Length: -1\r\n", 400),
    ("signed length", POST + "Content-Length: +5\r\n", 400),
    ("hexadecimal length", POST + "Content-Length: 0x5\r\n", 400),
    ("length with a unit", POST + "Content-Length: 5 bytes\r\n", 400),
    ("length list", POST + "Content-Length: 5, 5\r\n", 400),
    ("empty length", POST + "Content-Length:\r\n", 400),
    ("fraction", POST + "Content-Length: 5.0\r\n", 400),
    ("length of 20 digits", POST + "Content-Length: 99999999999999999999\r\n", 400),
    ("length of 300 digits", POST + "Content-Length: " + "9" * 300 + "\r\n", 400),
    ("length that wraps to 5 in 64 bits", POST + "Content-Length: 18446744073709551621\r\n", 400),
    ("length that wraps to 5 in 32 bits", POST + "Content-Length: 4294967301\r\n", 413),
    ("largest 64 bit length", POST + "Content-Length: 18446744073709551615\r\n", 413),
    ("length over the limit", POST + "Content-Length: 4097\r\n", 413),
    ("length twice, equal", POST + "Content-Length: 5\r\nContent-Length: 5\r\n", 400),
    ("length twice, different", POST + "Content-Length: 5\r\nContent-Length: 6\r\n", 400),
    ("length twice, in other case", POST + "Content-Length: 5\r\ncontent-LENGTH: 5\r\n", 400),
    ("length and encoding", POST + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
    ("encoding and length", POST + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400),
    ("encoding that hides behind a tab", POST + "Content-Length: 5\r\nTransfer-Encoding:\tchunked\r\n", 400),
    ("an expectation that nobody knows", POST + "Content-Length: 5\r\nExpect: 200-ok\r\n", 417),
]

SYNTAX = [
    ("bare LF", b"GET /health HTTP/1.1\nHost: localhost\n\r\n\r\n", 400),
    ("bare LF after the request line", b"GET /health HTTP/1.1\nHost: localhost\r\n\r\n", 400),
    ("bare LF between fields", b"GET /health HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n", 400),
    ("bare CR", b"GET /health HTTP/1.1\r\nHost: localhost\rX: y\r\n\r\n", 400),
    ("CR CR LF", b"GET /health HTTP/1.1\r\nHost: localhost\r\r\n\r\n", 400),
    ("folded line", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n", 400),
    ("folded with a tab", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\r\n\tb\r\n\r\n", 400),
    ("space before a colon", b"GET /health HTTP/1.1\r\nHost : localhost\r\n\r\n", 400),
    ("space before a name", b"GET /health HTTP/1.1\r\n Host: localhost\r\n\r\n", 400),
    ("no colon", b"GET /health HTTP/1.1\r\nHost: localhost\r\nnonsense\r\n\r\n", 400),
    ("no name", b"GET /health HTTP/1.1\r\nHost: localhost\r\n: x\r\n\r\n", 400),
    ("NUL in a value", b"GET /health HTTP/1.1\r\nHost: local\0host\r\n\r\n", 400),
    ("NUL in a name", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX\0: y\r\n\r\n", 400),
    ("NUL in the target", b"GET /health\0 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ("DEL in a value", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: \x7f\r\n\r\n", 400),
    ("escape in a value", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: \x1b[2J\r\n\r\n", 400),
    ("UTF-8 in the target", "GET /cps/１２/ppts HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(), 400),
    ("two spaces", b"GET  /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ("tab in the request line", b"GET\t/health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ("space in the target", b"GET /he alth HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ("space behind the version", b"GET /health HTTP/1.1 \r\nHost: localhost\r\n\r\n", 400),
    ("no version", b"GET /health\r\nHost: localhost\r\n\r\n", 400),
    ("no target", b"GET HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ("no method", b" /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ("nothing but colons", b":::::\r\n\r\n", 400),
    ("relative target", b"GET health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ("asterisk", b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ("CONNECT", b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ("HTTP/0.9", b"GET /health HTTP/0.9\r\nHost: localhost\r\n\r\n", 505),
    ("HTTP/1.2", b"GET /health HTTP/1.2\r\nHost: localhost\r\n\r\n", 505),
    ("HTTP/1.10", b"GET /health HTTP/1.10\r\nHost: localhost\r\n\r\n", 400),
    ("http in small letters", b"GET /health http/1.1\r\nHost: localhost\r\n\r\n", 400),
    ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("no Host", b"GET /health HTTP/1.1\r\n\r\n", 400),
    ("Host twice", b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: example.com\r\n\r\n", 400),
    ("binary", bytes(range(256)) + b"\r\n\r\n", 400),
    ("TLS in TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 40 + b"\r\n\r\n", 400),
    ("two empty lines first", b"\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
]

DESTINATIONS = [
    ("empty", "", 404),
    ("one digit", "1", 400),
    ("two digits", "12", 200),
    ("15 digits", "123456789012345", 200),
    ("16 digits", "1234567890123456", 400),
    ("100 digits", "1" * 100, 400),
    ("16 digits with a plus", "+1234567890123456", 400),
    ("letters", "abc", 400),
    ("digits and letters", "1202555010a", 400),
    ("only separators", "---", 400),
    ("only a plus", "+", 400),
    ("two pluses", "++12025550100", 400),
    ("plus inside", "1202+5550100", 400),
    ("star and hash", "*123%23", 200),
    ("bare hash", "*123#", 400),
    ("NUL", "%00", 400),
    ("NUL behind digits", "12025550100%00", 400),
    ("line end", "12025550100%0d%0aX:%20y", 400),
    ("bad escape", "%zz", 400),
    ("cut escape", "1202555010%3", 400),
    ("lone percent", "12025550100%", 400),
    ("dots", "..", 400),
    ("dots and a slash", "../etc", 404),
    ("escaped dots and slash", "%2e%2e%2fetc", 400),
    ("backslash", "..\\etc", 400),
    ("escaped slash", "1202555%2F0100", 400),
    ("twice escaped", "%2531", 400),
    ("UTF-8", "%EF%BC%91%EF%BC%92", 400),
    ("SIP URI", "sip%3Aalice%40example.com", 200),
    ("SIP URI, nothing else escaped", "sip:alice@example.com", 200),
    ("tel URI", "tel%3A%2B12025550100", 200),
    ("SIP URI without a user", "sip%3A%40example.com", 400),
    ("SIP URI without a host", "sip%3Aalice%40", 400),
    ("scheme alone", "sip%3A", 400),
    ("unknown scheme with quotes", "x%3A%22%3Cscript%3E", 400),
    ("over-long URI", "sip%3A" + "a" * 300 + "%40example.com", 400),
    ("over-long escapes", "%31" * 300, 400),
]

SAME_BOX = ["12025550100", "+1-202-555-0100", "1.202.555.0100", "(1)2025550100", "1%20202%20555%200100",
            "tel:+12025550100", "tel%3A%2B1-202-555-0100", "sip:+12025550100@example.com;user=phone",
            "%31%32%30%32%35%35%35%30%31%30%30"]  # fmt: skip


def octets(text):
    return text if isinstance(text, bytes) else (text if text.endswith("\r\n\r\n") else text + "\r\n").encode()


def mangled():
    """Things that are not envelopes, each by one step away from one."""
    good = envelope()
    head, key, iv, text, tag = good.split(".")
    plain = header()
    x, y = p256_public()["x"], p256_public()["y"]

    def with_header(value):
        value = value if isinstance(value, str) else compact(value)
        return ".".join([b64url(value.encode()), key, iv, text, tag])

    def with_epk(**members):
        return with_header({**plain, "epk": {k: v for k, v in {**plain["epk"], **members}.items() if v is not None}})

    def on_p256(**members):
        return with_header({**plain, "epk": {"crv": "P-256", "kty": "EC", "x": x, "y": y, **members}})

    yield from {
        "nothing": "",
        "a line end": "\r\n",
        "text": "hello",
        "JSON": '{"protected":"","iv":""}',
        "four parts": ".".join([head, iv, text, tag]),
        "six parts": good + ".AAAA",
        "a JWS": ".".join([head, text, tag]),
        "an encrypted key": ".".join([head, "AAAA", iv, text, tag]),
        "no header": ".".join(["", key, iv, text, tag]),
        "no IV": ".".join([head, key, "", text, tag]),
        "no ciphertext": ".".join([head, key, iv, "", tag]),
        "no tag": ".".join([head, key, iv, text, ""]),
        "short tag": ".".join([head, key, iv, text, tag[:-2]]),
        "long tag": ".".join([head, key, iv, text, tag + "AA"]),
        "short IV": ".".join([head, key, iv[:-4], text, tag]),
        "long IV": ".".join([head, key, iv + "AAAA", text, tag]),
        "padding": ".".join([head, key, iv, text, tag + "=="]),
        "white space": good.replace(".", ". ", 1),
        "a line end inside": ".".join([head, key, iv, text[:64] + "\n" + text[64:], tag]),
        "two line ends behind": good + "\n\n",
        "the other alphabet": ".".join([head, key, iv, "+/+/", tag]),
        "stray bits": ".".join([head, key, iv, text, b64url(b"\0" * 16)[:-1] + "B"]),
        "NUL": good + "\0",
        "a length that base64 cannot have": ".".join([head, key, iv, "AAAAA", tag]),
        "kid": with_header({**plain, "kid": "1"}),
        "zip": with_header({**plain, "zip": "DEF"}),
        "crit": with_header({**plain, "crit": ["exp"]}),
        "apu": with_header({**plain, "apu": "QQ"}),
        "unknown member": with_header({**plain, "x-y": 1}),
        "no cty": with_header({k: v for k, v in plain.items() if k != "cty"}),
        "other cty": with_header({**plain, "cty": "jwt"}),
        "alg dir": with_header({**plain, "alg": "dir"}),
        "alg RSA": with_header({**plain, "alg": "RSA-OAEP"}),
        "alg with key wrap": with_header({**plain, "alg": "ECDH-ES+A128KW"}),
        "alg number": with_header({**plain, "alg": 1}),
        "alg null": with_header({**plain, "alg": None}),
        "enc CBC": with_header({**plain, "enc": "A128CBC-HS256"}),
        "no epk": with_header({k: v for k, v in plain.items() if k != "epk"}),
        "epk a string": with_header({**plain, "epk": "x"}),
        "epk with a private part": with_epk(d="AAAA"),
        "epk cut": with_epk(x=plain["epk"]["x"][:-1]),
        "epk long": with_epk(x=plain["epk"]["x"] + "AA"),
        "epk without x": with_epk(x=None),
        "epk all zero": with_epk(x=b64url(b"\0" * 32)),
        "epk of order 1": with_epk(x=b64url(b"\1" + b"\0" * 31)),
        "epk of order 8": with_epk(
            x=b64url(bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"))
        ),
        "epk p": with_epk(x=b64url(bytes.fromhex("ed" + "ff" * 30 + "7f"))),
        "epk of X448": with_epk(crv="X448"),
        "epk of Ed25519": with_epk(crv="Ed25519"),
        "epk kty EC": with_epk(kty="EC"),
        "P-256 off the curve": on_p256(y=b64url(b"\1" * 32)),
        "P-256 at infinity": on_p256(x=b64url(b"\0" * 32), y=b64url(b"\0" * 32)),
        "P-256 beyond p": on_p256(x=b64url(b"\xff" * 32)),
        "P-256 without y": on_p256(y=""),
        "P-384": on_p256(crv="P-384"),
        "secp256k1": on_p256(crv="secp256k1"),
        "header not an object": with_header("[]"),
        "header cut": with_header(compact(plain)[:-1]),
        "header with more behind": with_header(compact(plain) + "{}"),
        "member twice": with_header(compact(plain)[:-1] + ',"alg":"ECDH-ES"}'),
        "header with a NUL": with_header(compact(plain).replace("passport", "passport\\u0000")),
        "header not UTF-8": ".".join([b64url(b'{"alg":"\xff"}'), key, iv, text, tag]),
        "deep header": with_header('{"epk":' + "[" * 200 + "]" * 200 + "}"),
        "huge number": with_header(compact(plain)[:-1] + ',"n":1e400}'),
    }.items()


class Http(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.class_cpsd(
            server__max_head_bytes=1024, server__max_body_bytes=4096, server__request_timeout_s=30
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
        """What follows a request whose end is in doubt must not be taken for a request."""
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
        start = time.monotonic()
        with self.server.connect() as connection:
            for i in range(1, len(sent)):
                connection.send(sent[:i])
                connection.send(sent[i:])
                statuses = [connection.response().status for _ in range(3)]
                self.assertEqual(statuses, [200, 422, 200], i)
        self.assertWithin(start, 3, "answers that nothing delays")

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
        """A request that waits holds back those behind it, and loses none."""
        server = self.cpsd(store__ttl_default_s=600, dummies__mode="empty")
        with server.connect() as connection:
            connection.send(request("GET", BOX, fields={"Prefer": "wait=1"}) + request("GET", "/health") * 40)
            self.assertEqual(connection.response().type, "application/link-format")
            self.assertEqual([connection.response().status for _ in range(40)], [200] * 40)

    def test_methods(self):
        for method, path, allow in [
            ("PUT", BOX, {"GET", "HEAD", "POST"}),
            ("DELETE", BOX, {"GET", "HEAD", "POST"}),
            ("PATCH", BOX, {"GET", "HEAD", "POST"}),
            ("get", BOX, {"GET", "HEAD", "POST"}),
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
        largest = self.cpsd()
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
        whole = envelope(64)
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
        for query in ["ttl=0", "ttl=-1", "ttl=+1", "ttl=", "ttl=x", "ttl=1.5", "ttl=1e3", "ttl=99999999999999999999",
                      "ttl=4294967296", "ttl=%31", "ttl"]:  # fmt: skip
            with self.subTest(query):
                self.assertProblem(self.server.publish("12", body, "?" + query), 400, "ttl")
        for query in ["after=", "after=x", "after=" + "A" * 10, "after=" + "A" * 12, "after=AAAAAAAAAA=",
                      "after=__________8", "after"]:  # fmt: skip
            with self.subTest(query):
                self.assertProblem(self.server.request("GET", "/cps/12/ppts?" + query), 400, "after")

    def test_prefer_that_is_not_understood(self):
        for value in ["wait", "wait=", "wait=x", "wait=-1", "wait=99999999999999999999", "wait=0", "x=y", ",,,", "=",
                      "respond-async"]:  # fmt: skip
            with self.subTest(value):
                start = time.monotonic()
                answer = self.server.request("GET", BOX, fields={"Prefer": value})
                self.assertEqual(answer.status, 200)
                self.assertIsNone(answer.get("Preference-Applied"))
                self.assertWithin(start, 1, value)

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


class Tls(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.class_cpsd()

    def handshake(self, **versions):
        context = wire.tls_context(self.server.ca, **versions)
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
                context = wire.tls_context(self.server.ca)
                context.set_ciphers("ALL:@SECLEVEL=0")
                context.minimum_version = version
                context.maximum_version = version
                with self.assertRaisesRegex(ssl.SSLError, "(?i)protocol.version"):
                    Wire(self.server.address, context)

    def test_weak_ciphers_are_refused(self):
        for ciphers in ("AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES128-SHA", "eNULL"):
            context = wire.tls_context(self.server.ca, maximum_version=ssl.TLSVersion.TLSv1_2)
            context.set_ciphers(ciphers + ":@SECLEVEL=0")
            with self.assertRaisesRegex(ssl.SSLError, "(?i)handshake.failure"):
                Wire(self.server.address, context)

    def test_alpn(self):
        for offered, chosen in [(["http/1.1"], "http/1.1"), (["h2", "http/1.1"], "http/1.1"), (None, None)]:
            context = wire.tls_context(self.server.ca)
            if offered:
                context.set_alpn_protocols(offered)
            with Wire(self.server.address, context) as connection:
                self.assertEqual(connection.sock.selected_alpn_protocol(), chosen)
                self.assertEqual(connection.request("GET", "/health").status, 200)
        for offered in (["h2"], ["spdy/3", "x"]):
            context = wire.tls_context(self.server.ca)
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
        context = wire.tls_context(self.server.ca, maximum_version=ssl.TLSVersion.TLSv1_2)
        with Wire(self.server.address, context) as connection:
            connection.request("GET", "/health")
            session = connection.sock.session
        for _ in range(8):
            raw = socket.create_connection(self.server.address, timeout=20)
            with context.wrap_socket(raw, server_hostname="localhost", session=session) as sock:
                self.assertTrue(sock.session_reused)

    def test_one_record_a_response(self):
        connection = RecordWire(self.server.address, wire.tls_context(self.server.ca))
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


class Times(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.class_cpsd(
            server__request_timeout_s=1, server__idle_timeout_s=2, server__workers=1, store__ttl_default_s=600
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
            start = time.monotonic()
            connections = {name: stack.enter_context(self.server.connect()) for name in halves}
            for name, connection in connections.items():
                connection.send(halves[name])
            for name, connection in connections.items():
                with self.subTest(name):
                    self.assertProblem(connection.response(), 408)
                    self.assertGreater(time.monotonic() - start, 0.9)
                    self.assertWithin(start, 2, "the 408")
                    self.assertTrue(connection.closed_within(5))

    def test_drip(self):
        """An octet now and then does not keep a request alive for ever."""
        with self.server.connect() as connection:
            start = time.monotonic()
            connection.sock.settimeout(0.2)
            sent = iter(request("GET", "/health", fields={"X": "y" * 500}))
            while not connection.buffer:
                connection.send(bytes([next(sent)]))
                with contextlib.suppress(TimeoutError):
                    connection.more()
            self.assertEqual(connection.response().status, 408)
            self.assertWithin(start, 2.5, "the 408")

    def test_idle(self):
        with self.server.connect() as fresh, self.server.connect() as used:
            self.assertEqual(used.request("GET", "/health").status, 200)
            start = time.monotonic()
            self.assertTrue(fresh.closed_within(5 * SLOW))
            self.assertTrue(used.closed_within(5 * SLOW))
            self.assertGreater(time.monotonic() - start, 1.8)

    def test_no_handshake(self):
        """Connections that never say anything are closed too, and count as nobody's."""
        silent = [socket.create_connection(self.server.address, timeout=10 * SLOW) for _ in range(5)]
        for sock in silent:
            self.assertEqual(sock.recv(1), b"")
            sock.close()
        until(lambda: self.server.metrics()["cpsd_connections"] <= 1, 5, "the gauge of connections falls")

    def test_waiting_is_not_idle(self):
        with self.server.connect() as connection:
            cursor = connection.request("GET", BOX, fields={"Accept": "application/json"}).json()["cursor"]
            start = time.monotonic()
            fields = {"Prefer": "wait=3", "Accept": "application/json"}
            self.assertEqual(connection.request("GET", f"{BOX}?after={cursor}", fields=fields).status, 200)
            self.assertGreater(time.monotonic() - start, 2.9)


class Load(Case):
    def test_connection_limit(self):
        server = self.cpsd(server__workers=1, server__max_connections=5)
        with contextlib.ExitStack() as stack:
            for _ in range(5):
                connection = stack.enter_context(server.connect())
                self.assertEqual(connection.request("GET", "/health").status, 200)
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                server.connect().request("GET", "/health")
            # those that are there go on, a place that falls free can be had
            self.assertEqual(connection.request("GET", "/health").status, 200)
            connection.close()
            until(lambda: self.can_connect(server), 5 * SLOW, "a place falls free")

    def can_connect(self, server):
        try:
            return server.request("GET", "/health").status == 200
        except (ssl.SSLError, ConnectionError):
            return False

    def big_box(self, count=180):
        """A server with one box whose JSON list is about a megabyte."""
        server = self.cpsd(server__workers=1, store__ttl_default_s=600, server__idle_timeout_s=2)
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
                start = time.monotonic()
                self.assertEqual(server.request("GET", "/health").status, 200)
                self.assertWithin(start, 1, "a request beside a slow reader")
            answer = slow.response()
            self.assertEqual([p["id"] for p in answer.json()["ppts"]][-180:],
                             [p["id"] for p in whole.json()["ppts"]][-180:])  # fmt: skip

    def test_a_reader_who_does_not_read_costs_no_memory(self):
        """One connection asks 400 times for a megabyte and reads nothing: the answers are not heaped up."""
        server = self.big_box()
        before = server.resident_kb()
        with server.connect(receive_buffer=4096) as connection:
            connection.send(request("GET", BOX, fields={"Accept": "application/json"}) * 400)
            time.sleep(1)
            cpu = server.cpu_seconds()
            time.sleep(1)
            self.assertLess(server.resident_kb() - before, 32 * 1024 * SLOW)
            self.assertLess(server.cpu_seconds() - cpu, 0.3 * SLOW, "waiting for a reader takes no CPU")
            self.assertEqual(server.request("GET", "/health").status, 200)
            # and he is not kept for ever
            until(lambda: server.metrics()["cpsd_connections"] <= 1, 15 * SLOW, "the connection is closed")

    def test_a_slow_reader_gets_all_of_a_pipeline(self):
        server = self.big_box(60)
        with server.connect(receive_buffer=4096) as connection:
            connection.send(request("GET", BOX, fields={"Accept": "application/json"}) * 30)
            time.sleep(0.5)
            for _ in range(30):
                self.assertGreaterEqual(len(connection.response().json()["ppts"]), 60)
            self.assertEqual(connection.request("GET", "/health").status, 200)
