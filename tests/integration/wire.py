# SPDX-License-Identifier: MIT
"""TLS sockets and HTTP/1.1 for tests: what goes out is exactly what the test says, what comes back is taken apart."""
import json
import re
import socket
import ssl
import subprocess
import time


class Response:
    def __init__(self, status, reason, fields, body):
        self.status, self.reason, self.fields, self.body = status, reason, fields, body

    def get(self, name, default=None):
        found = [v for n, v in self.fields if n.lower() == name.lower()]
        assert len(found) < 2, f"{name} is there twice"
        return found[0] if found else default

    @property
    def type(self):
        return self.get("Content-Type")

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.reason} {self.fields} {self.body[:300]!r}>"


def tls_context(ca, **versions):
    context = ssl.create_default_context(cafile=ca)
    for name, value in versions.items():
        setattr(context, name, value)
    return context


def check_groups(case, address, *options):
    """At this server X25519, P-256 and P-384 are the groups for the key exchange, and nothing that costs more."""
    def groups(*more):
        command = ["openssl", "s_client", "-connect", "%s:%d" % address, *options, *more]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
        return "Cipher is (NONE)" not in (said := done.stdout.decode() + done.stderr.decode()), said

    # TLS 1.2 wants the certificate's own curve among the groups
    for good, version in (("X25519", "-tls1_3"), ("P-256", "-tls1_3"), ("P-384", "-tls1_3"), ("P-256", "-tls1_2")):
        shaken, said = groups("-groups", good, version)
        case.assertTrue(shaken, f"{good} {version}: {said}")
    for bad in ("ffdhe2048", "ffdhe8192", "P-521", "X448"):
        shaken, said = groups("-groups", bad, "-tls1_3")
        case.assertFalse(shaken, f"{bad}: {said}")
        case.assertRegex(said, "(?i)handshake.failure", bad)
    shaken, said = groups("-tls1_2", "-cipher", "DHE:@SECLEVEL=0")
    case.assertFalse(shaken, said)


class Closed(Exception):
    """The server ended the connection where more was expected."""


class Wire:
    """A connection. send() takes octets as they are; response() reads one answer."""

    def __init__(self, address, context=None, timeout=60, receive_buffer=None, source=None):
        sock = socket.socket(socket.AF_INET)
        if source:
            sock.bind((source, 0))
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(timeout)
        try:
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sock = context.wrap_socket(sock, server_hostname="localhost") if context else sock
        except BaseException:
            sock.close()
            raise
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, octets):
        self.sock.sendall(octets)

    def more(self):
        octets = self.sock.recv(65536)
        if not octets:
            raise Closed(self.buffer[:300])
        self.buffer += octets

    def take(self, n):
        while len(self.buffer) < n:
            self.more()
        taken, self.buffer = self.buffer[:n], self.buffer[n:]
        return taken

    def head(self):
        while b"\r\n\r\n" not in self.buffer:
            self.more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("ascii").split("\r\n")
        match = re.fullmatch(r"HTTP/1\.1 (\d{3}) ([A-Za-z -]+)", lines[0])
        assert match, lines[0]
        fields = []
        for line in lines[1:]:
            name, value = line.split(": ", 1)
            fields.append((name, value))
        return Response(int(match[1]), match[2], fields, b"")

    def response(self, method="GET"):
        answer = self.head()
        length = answer.get("Content-Length")
        if answer.status in (204, 304) or answer.status < 200:
            assert length is None, f"{answer.status} has no Content-Length"
        else:
            assert length is not None, f"{answer.status} needs a Content-Length"
            if method != "HEAD":
                answer.body = self.take(int(length))
        return answer

    def request(self, method, path, body=None, fields=()):
        self.send(request(method, path, body, fields))
        return self.response(method)

    def closed_within(self, seconds):
        """True if the server closes and sent nothing more before it did. A busy machine is given PATIENCE_S."""
        self.sock.settimeout(max(seconds, PATIENCE_S))
        try:
            octets = self.sock.recv(65536)
        except (ConnectionResetError, ssl.SSLEOFError):
            return True
        except (TimeoutError, socket.timeout):
            return False
        assert not octets, octets
        return True


def request(method, path, body=None, fields=()):
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    fields = list(fields.items() if isinstance(fields, dict) else fields)
    if body is not None:
        body = body.encode() if isinstance(body, str) else body
        given = {name for name, _ in fields}
        defaults = [("Content-Length", str(len(body))), ("Content-Type", "application/passport")]
        fields += [(name, value) for name, value in defaults if name not in given]
    lines += [f"{name}: {value}" for name, value in fields if value is not None]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


class RecordWire:
    """TLS over two memory buffers, so that the records on the wire can be counted."""

    def __init__(self, address, context):
        self.sock = socket.create_connection(address, timeout=20)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.raw = b""
        self.records = []  # (type, length) of each that came in
        self._until(self.tls.do_handshake)

    def close(self):
        self.sock.close()

    def _pump(self):
        octets = self.sock.recv(65536)
        if not octets:
            raise Closed
        self.incoming.write(octets)
        self.raw += octets
        while len(self.raw) >= 5 and len(self.raw) >= 5 + int.from_bytes(self.raw[3:5], "big"):
            length = int.from_bytes(self.raw[3:5], "big")
            self.records.append((self.raw[0], length))
            self.raw = self.raw[5 + length :]

    def _flush(self):
        if self.outgoing.pending:
            self.sock.sendall(self.outgoing.read())

    def _until(self, step):
        while True:
            try:
                result = step()
                self._flush()
                return result
            except ssl.SSLWantReadError:
                self._flush()
                self._pump()

    def exchange(self, octets):
        """Sends a request, reads one response, returns it and the records that it took."""
        self.tls.write(octets)
        self._flush()
        start, text = len(self.records), b""
        while b"\r\n\r\n" not in text:
            text += self._until(lambda: self.tls.read(1 << 20))
        head, body = text.split(b"\r\n\r\n", 1)
        length = int(re.search(rb"Content-Length: (\d+)", head)[1])
        while len(body) < length:
            body += self._until(lambda: self.tls.read(1 << 20))
        assert not self.raw
        return text, self.records[start:]


PATIENCE_S = 60  # how long a test waits for something that comes at once on a quiet machine


def until(condition, seconds, what, every=0.02):
    """Waits for a condition and returns its value; fails loudly. However short `seconds` is, a busy machine is given
    PATIENCE_S."""
    seconds = max(seconds, PATIENCE_S)
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(every)
