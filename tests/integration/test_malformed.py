# SPDX-License-Identifier: MIT
"""Malformed and smuggling requests, each followed on its connection by a publish: none of them makes another request out
of octets that belong to a refused one. test_http.py has more about each kind of fault."""
from envelope import envelope
from harness import Case
from hostile import BOX, FRAMING, SYNTAX, octets
from wire import request

LINE = "GET /health HTTP/1.1\r\n"
HOST = "Host: localhost\r\n"
POST = f"POST {BOX} HTTP/1.1\r\n{HOST}Content-Type: application/passport\r\n"
CL, TE = "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"
HERE = "<here>"  # where the publish stands that must not be carried out; at the end, if a row does not say


def with_line(text):
    """A request for /health with another request line."""
    return f"{text}\r\n{HOST}\r\n"


def with_host(text):
    return f"{LINE}{text}\r\n\r\n"


def with_field(text):
    return f"{LINE}{HOST}{text}\r\n\r\n"


def with_length(text):
    return f"{POST}{text}\r\n\r\nhello"


# What is sent (latin-1), and the status. The connection is closed then.
REFUSED = [
    # two lengths for one body
    ("chunked, and a length of zero", f"{POST}{TE}Content-Length: 0\r\n\r\n0\r\n\r\n", 400),
    ("chunked, and a length that covers the next request", f"{POST}Content-Length: 700\r\n{TE}\r\n0\r\n\r\n{HERE}", 400),
    ("chunked, and a length that covers the chunk's size alone", f"{POST}Content-Length: 4\r\n{TE}\r\n5c\r\n{HERE}0\r\n\r\n", 400),
    ("chunked with a space before its colon", f"{POST}{CL}Transfer-Encoding : chunked\r\n\r\n", 400),
    ("chunked with a tab before its colon", f"{POST}{CL}Transfer-Encoding\t: chunked\r\n\r\n", 400),
    ("chunked after a leading space", f"{POST}{CL} {TE}\r\n", 400),
    ("chunked after a bare LF", f"{POST}{CL}X: x\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ("chunked after a bare CR", f"{POST}{CL}X: x\rTransfer-Encoding: chunked\r\n\r\n", 400),
    ("chunked, its name cut by a LF", f"{POST}{CL}Transfer-Encoding\n: chunked\r\n\r\n", 400),
    ("chunked in a folded line", f"{POST}{CL}Transfer-Encoding:\r\n chunked\r\n\r\n", 400),
    ("chunked after a vertical tab", f"{POST}{CL}Transfer-Encoding: \x0bchunked\r\n\r\n", 400),
    ("chunked, then identity", f"{POST}{CL}{TE}Transfer-Encoding: identity\r\n\r\n", 400),
    ("identity, then chunked", f"{POST}{CL}Transfer-Encoding: identity\r\n{TE}\r\n", 400),
    ("CHUNKED", f"{POST}{CL}TRANSFER-ENCODING: CHUNKED\r\n\r\n", 400),
    ("xchunked", f"{POST}{CL}Transfer-Encoding: xchunked\r\n\r\n", 400),
    ("chunked in quotes", f'{POST}{CL}Transfer-Encoding: "chunked"\r\n\r\n', 400),
    ("identity and a length", f"{POST}{CL}Transfer-Encoding: identity\r\n\r\n", 400),
    ("an empty encoding and a length", f"{POST}{CL}Transfer-Encoding:\r\n\r\n", 400),
    ("chunked in GET, with a length", f"{LINE}{HOST}{CL}{TE}\r\n0\r\n\r\n", 400),
    ("chunked in HTTP/1.0, with a length", f"POST {BOX} HTTP/1.0\r\n{CL}{TE}\r\n0\r\n\r\n", 400),
    ("chunked in HTTP/1.0", f"POST {BOX} HTTP/1.0\r\n{TE}\r\n0\r\n\r\n", 411),
    # chunks, which are not read at all
    ("a chunk extension", f"{POST}{TE}\r\n5;x=y\r\nhello\r\n0\r\n\r\n", 411),
    ("a chunk extension with a LF", f"{POST}{TE}\r\n5;x\nhello\r\n0\r\n\r\n", 411),
    ("a chunk extension of 4,000 octets", f"{POST}{TE}\r\n5;{'x' * 4000}\r\nhello\r\n0\r\n\r\n", 411),
    ("a chunk that says 17 digits", f"{POST}{TE}\r\n{'F' * 17}\r\nhello", 411),
    ("a chunk of negative size", f"{POST}{TE}\r\n-5\r\nhello\r\n0\r\n\r\n", 411),
    ("a chunk whose size begins with 0x", f"{POST}{TE}\r\n0x5\r\nhello\r\n0\r\n\r\n", 411),
    ("chunks with bare LF", f"{POST}{TE}\r\n5\nhello\n0\n\n", 411),
    ("trailers", f"{POST}{TE}Trailer: X\r\n\r\n0\r\nX: y\r\nContent-Length: 5\r\n\r\n", 411),
    ("a request in a trailer", f"{POST}{TE}\r\n0\r\nX: {HERE}\r\n\r\n", 411),
    ("chunked twice", f"{POST}{TE}{TE}\r\n0\r\n\r\n", 411),
    ("chunked, then gzip", f"{POST}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 411),
    ("gzip, then chunked", f"{POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 411),
    ("HEAD with chunks", f"HEAD /health HTTP/1.1\r\n{HOST}{TE}\r\n0\r\n\r\n", 411),
    # lengths
    ("a length of -0", with_length("Content-Length: -0"), 400),
    ("a length with an underscore", with_length("Content-Length: 0_5"), 400),
    ("a length with a NUL", with_length("Content-Length: 5\0"), 400),
    ("a length with a form feed", with_length("Content-Length: 5\x0c"), 400),
    ("a length in quotes", with_length('Content-Length: "5"'), 400),
    ("a length with a parameter", with_length("Content-Length: 5;q=1"), 400),
    ("two lengths in one line", with_length("Content-Length: 5 6"), 400),
    ("a list of two lengths", with_length("Content-Length: 5,6"), 400),
    ("a length with an exponent", with_length("Content-Length: 5e0"), 400),
    ("a binary number", with_length("Content-Length: 0b101"), 400),
    ("octal with a letter", with_length("Content-Length: 0o5"), 400),
    ("a percent sign", with_length("Content-Length: %35"), 400),
    ("Arabic digits", with_length("Content-Length: \xd9\xa5"), 400),
    ("superscript digits", with_length("Content-Length: \xb2"), 400),
    ("a space before the length's colon", with_length("Content-Length : 5"), 400),
    ("a folded length", with_length("Content-Length:\r\n 5"), 400),
    ("three lengths", with_length(CL * 2 + "Content-Length: 5"), 400),
    ("two lengths of GET", f"{LINE}{HOST}{CL}Content-Length: 0\r\n\r\nhello", 400),
    ("two lengths of DELETE", f"DELETE {BOX}/{'A' * 22} HTTP/1.1\r\n{HOST}{CL}Content-Length: 0\r\n\r\nhello", 400),
    ("a bad length at a path that does not exist", f"POST /nowhere HTTP/1.1\r\n{HOST}Content-Length: 5x\r\n\r\nhello", 400),
    ("a bad length of a method that does not exist", f"BREW /health HTTP/1.1\r\n{HOST}Content-Length: 5x\r\n\r\nhello", 400),
    ("a huge length of GET", f"{LINE}{HOST}Content-Length: 9999999999\r\n\r\n", 413),
    ("a body that is too large holds a request", f"{POST}Content-Length: 20000\r\n\r\n{HERE}", 413),
    ("100-continue for a body that is too large", f"{POST}Content-Length: 20000\r\nExpect: 100-continue\r\n\r\n{HERE}", 413),
    ("an unknown expectation", f"{POST}{CL}Expect: 100-continue, x\r\n\r\nhello", 417),
    # the request line
    ("a user in an absolute target", with_line("GET http://user@localhost/health HTTP/1.1"), 400),
    ("no host in an absolute target", with_line("GET http:///health HTTP/1.1"), 400),
    ("another scheme", with_line("GET ftp://localhost/health HTTP/1.1"), 400),
    ("file:", with_line("GET file:///etc/passwd HTTP/1.1"), 400),
    ("no path in an absolute target", with_line("GET http://localhost HTTP/1.1"), 400),
    ("a bad port in an absolute target", with_line("GET http://localhost:x/health HTTP/1.1"), 400),
    ("one slash after the scheme", with_line("GET http:/health HTTP/1.1"), 400),
    ("an authority as target", with_line("GET localhost:443 HTTP/1.1"), 400),
    ("an asterisk with GET", with_line("GET * HTTP/1.1"), 400),
    ("a backslash first", with_line("GET \\health HTTP/1.1"), 400),
    ("a question mark first", with_line("GET ?health HTTP/1.1"), 400),
    ("DEL in the target", with_line("GET /he\x7falth HTTP/1.1"), 400),
    ("overlong UTF-8 in the target", with_line("GET /\xc0\xae\xc0\xae/ HTTP/1.1"), 400),
    ("CR in the target", with_line("GET /health\r HTTP/1.1"), 400),
    ("a line end before the target", with_line("GET\r\n /health HTTP/1.1"), 400),
    ("a request in the request line", f"GET /health\r\n{HERE} HTTP/1.1\r\n\r\n", 400),
    ("vertical tabs as separators", with_line("GET\x0b/health\x0bHTTP/1.1"), 400),
    ("form feeds as separators", with_line("GET\x0c/health\x0cHTTP/1.1"), 400),
    ("no-break spaces as separators", with_line("GET\xa0/health\xa0HTTP/1.1"), 400),
    ("two versions", with_line("GET /health HTTP/1.1 HTTP/1.1"), 400),
    ("NUL after the version", with_line("GET /health HTTP/1.1\0"), 400),
    ("HTTP/1", with_line("GET /health HTTP/1"), 400),
    ("HTTP/1.1.1", with_line("GET /health HTTP/1.1.1"), 400),
    ("HTTP/+1.1", with_line("GET /health HTTP/+1.1"), 400),
    ("HTTP/1,1", with_line("GET /health HTTP/1,1"), 400),
    ("HTTP 1.1", with_line("GET /health HTTP 1.1"), 400),
    ("HTTPS/1.1", with_line("GET /health HTTPS/1.1"), 400),
    ("HTTP/1.9", with_line("GET /health HTTP/1.9"), 505),
    ("HTTP/2.0", with_line("GET /health HTTP/2.0"), 505),
    ("HTTP/3.0", with_line("GET /health HTTP/3.0"), 505),
    ("NUL in the method", with_line("G\0ET /health HTTP/1.1"), 400),
    ("quotes around the method", with_line('"GET" /health HTTP/1.1'), 400),
    ("a letter of Latin-1 in the method", with_line("G\xcbT /health HTTP/1.1"), 400),
    ("RTSP", with_line("DESCRIBE rtsp://localhost/ RTSP/1.0"), 400),
    ("SIP", "INVITE sip:bob@localhost SIP/2.0\r\nContent-Length: 0\r\n\r\n", 400),
    ("SSH", "SSH-2.0-OpenSSH_9.2\r\n\r\n", 400),
    ("Redis", "*1\r\n$4\r\nPING\r\n\r\n", 400),
    ("SMTP", "EHLO localhost\r\n\r\n", 400),
    ("PROXY protocol", f"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n{LINE}{HOST}\r\n", 400),
    # Host
    ("Host twice, equal", with_host("Host: localhost\r\nHost: localhost"), 400),
    ("Host twice, in other case", with_host("host: localhost\r\nHOST: localhost"), 400),
    ("Host with a scheme", with_host("Host: http://localhost"), 400),
    ("Host with a query", with_host("Host: localhost?x"), 400),
    ("Host with a fragment", with_host("Host: localhost#x"), 400),
    ("Host with a backslash", with_host("Host: local\\host"), 400),
    ("Host with two ports", with_host("Host: localhost:80:80"), 400),
    ("Host with a tab inside", with_host("Host: local\thost"), 400),
    ("Host with text after an address", with_host("Host: [::1]x"), 400),
    ("Host with a bad escape", with_host("Host: %zz"), 400),
    ("Host of nothing but a bracket", with_host("Host: []"), 400),
    ("Host in angle brackets", with_host("Host: <localhost>"), 400),
    ("a folded Host", with_host("Host: local\r\n host"), 400),
    ("a bad Host with an absolute target", "GET http://localhost/health HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    ("no Host with an absolute target", "GET http://localhost/health HTTP/1.1\r\n\r\n", 400),
    # fields
    ("Authorization twice", with_field("Authorization: Bearer x\r\nAuthorization: Bearer y"), 400),
    ("Idempotency-Key twice", with_field("Idempotency-Key: x\r\nIdempotency-Key: y"), 400),
    ("Last-Event-ID twice", with_field("Last-Event-ID: x\r\nLast-Event-ID: y"), 400),
    ("parentheses in a name", with_field("X(y): z"), 400),
    ("brackets in a name", with_field("X[y]: z"), 400),
    ("an at sign in a name", with_field("X@y: z"), 400),
    ("a slash in a name", with_field("X/y: z"), 400),
    ("quotes in a name", with_field('"X": z'), 400),
    ("a letter of Latin-1 in a name", with_field("\xcb: z"), 400),
    ("CR in a name", with_field("X\ry: z"), 400),
    ("backspace in a value", with_field("X: \x08"), 400),
    ("unit separator in a value", with_field("X: \x1f"), 400),
    ("vertical tab in a value", with_field("X: a\x0bb"), 400),
    ("a line of one NUL", with_field("\0"), 400),
    ("a line of one space", with_field(" "), 400),
    ("a head that ends with CR LF LF", f"{LINE}{HOST}\n", 400),
    ("a head that ends with LF CR LF", f"{LINE}Host: localhost\n\r\n{HERE}", 400),
    ("a request in a field's second line", with_field(f"X: y\n{HERE}"), 400),
    ("a request after a NUL", f"{LINE}{HOST}X: \0{HERE}", 400),
]  # fmt: skip

# What is sent, the status, and whether the next request on the connection is served. Nothing in a body is a request.
SERVED = [
    ("a body of GET", f"{LINE}{HOST}Content-Length: <length>\r\n\r\n{HERE}", 200, True),
    ("a body of HEAD", f"HEAD /health HTTP/1.1\r\n{HOST}Content-Length: <length>\r\n\r\n{HERE}", 200, True),
    ("a body at a path that does not exist", f"POST /nowhere HTTP/1.1\r\n{HOST}Content-Length: <length>\r\n\r\n{HERE}", 404, True),
    ("a body for a method that the path lacks", f"PUT {BOX} HTTP/1.1\r\n{HOST}Content-Length: <length>\r\n\r\n{HERE}", 405, True),
    ("a body for a method that does not exist", f"BREW {BOX} HTTP/1.1\r\n{HOST}Content-Length: <length>\r\n\r\n{HERE}", 405, True),
    ("a body of another type", f"POST {BOX} HTTP/1.1\r\n{HOST}Content-Length: <length>\r\n\r\n{HERE}", 415, True),
    ("a body that is not an envelope", f"{POST}Content-Length: <length>\r\n\r\n{HERE}", 422, True),
    ("a body for a bad destination", f"POST /cps/x/ppts HTTP/1.1\r\n{HOST}Content-Length: <length>\r\n\r\n{HERE}", 400, True),
    ("a body with a bad credential", f"{POST}Authorization: x\r\nContent-Length: <length>\r\n\r\n{HERE}", 401, True),
    ("Connection names Content-Length", f"{POST}Connection: Content-Length\r\nContent-Length: <length>\r\n\r\n{HERE}", 422, True),
    ("a length with zeros before it", f"{POST}Content-Length: 00000<length>\r\n\r\n{HERE}", 422, True),
    ("an underscore in Transfer_Encoding", f"{POST}Transfer_Encoding: chunked\r\nContent-Length: <length>\r\n\r\n{HERE}", 422, True),
    ("an underscore in Content_Length", f"{POST}Content_Length: 0\r\nContent-Length: <length>\r\n\r\n{HERE}", 422, True),
    ("TE and Trailer without chunks", f"{POST}TE: trailers\r\nTrailer: X\r\nContent-Length: <length>\r\n\r\n{HERE}", 422, True),
    ("an upgrade to h2c", f"{LINE}{HOST}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n\r\n", 200, True),
    ("an upgrade to WebSocket", f"{LINE}{HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 200, True),
    ("an absolute target", "GET https://localhost/health HTTP/1.1\r\nHost: localhost\r\n\r\n", 200, True),
    ("two slashes first", with_line("GET //localhost/health HTTP/1.1"), 404, True),
    ("a fragment", with_line("GET /health#x HTTP/1.1"), 404, True),
    ("an empty Host", with_host("Host:"), 200, True),
    ("one empty line first", f"\r\n{LINE}{HOST}\r\n", 200, True),
    ("Connection: close", with_field("Connection: close"), 200, False),
    ("HTTP/1.0", f"GET /health HTTP/1.0\r\n{HOST}\r\n", 200, False),
    ("HTTP/1.0 and Proxy-Connection", "GET /health HTTP/1.0\r\nProxy-Connection: keep-alive\r\n\r\n", 200, False),
    ("close among other words", with_field("Connection: keep-alive, Close"), 200, False),
]  # fmt: skip


class Malformed(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.class_cpsd(server__max_body_bytes=4096, server__request_timeout_s=60)  # as FRAMING has it

    def stored(self):
        return self.server.metrics()["cpsd_stored_total"]

    @staticmethod
    def with_publish(text):
        """A row as octets, a publish at its place in it or after it, and whether that one is after it."""
        publish = request("POST", "/cps/12025550199/ppts", envelope())
        sent = (text if isinstance(text, bytes) else text.encode("latin-1")).replace(b"<length>", b"%d" % len(publish))
        mark, inside = HERE.encode(), HERE.encode() in sent
        return (sent.replace(mark, publish), inside) if inside else (sent + publish, inside)

    def test_nothing_after_a_refused_request_is_carried_out(self):
        others = [(name, octets(sent), status) for name, sent, status in FRAMING + SYNTAX]
        before = self.stored()
        for name, text, status in REFUSED + others:
            with self.subTest(name), self.server.connect() as connection:
                connection.send(self.with_publish(text)[0])
                answer = connection.response("HEAD" if text[:4] == "HEAD" else "GET")
                self.assertEqual((answer.status, answer.get("Connection")), (status, "close"), answer)
                self.assertTrue(connection.closed_within(5), "the connection stays open")
                self.assertEqual(self.stored(), before, "what followed was carried out")

    def test_a_body_is_never_a_request(self):
        for name, text, status, served in SERVED:
            with self.subTest(name), self.server.connect() as connection:
                before = self.stored()
                sent, inside = self.with_publish(text)
                connection.send(sent)
                answer = connection.response("HEAD" if text.startswith("HEAD") else "GET")
                self.assertEqual(answer.status, status, answer)
                if served and not inside:  # the publish is a request of its own
                    self.assertEqual(connection.response().status, 201)
                elif served:
                    self.assertEqual(connection.request("BREW", "/health").status, 405)
                else:
                    self.assertTrue(connection.closed_within(5), "the connection stays open")
                self.assertEqual(self.stored(), before + (served and not inside))
