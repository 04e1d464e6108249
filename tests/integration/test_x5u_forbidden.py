# SPDX-License-Identifier: MIT
"""x5u that must not be fetched: internal addresses in all their spellings, names that resolve to them, and URLs that are
not plain https. The test runs in a network namespace in which every address is the machine's own and every question of
DNS is answered here, so that a connection to any address at all is seen."""
# presets: dev asan
import contextlib
import ctypes
import selectors
import socket
import ssl
import struct
import subprocess
import threading
import unittest

from envelope import envelope
from harness import make_certificate
from token_case import TokenCase

PRIVATE = "the host's address is not one of the public Internet"
SCHEME = "the URL does not begin with https://"
HOST = "the URL's host is missing or has a character that is not allowed there"
PATH = "the URL's path has a character that is not allowed there"
PORT = "the URL's port is not a number from 1 to 65535"
QUERY = "the URL has a query or a fragment"
USER = "the URL has a user name before its host"

# the addresses that the names below resolve to
NAMES = {
    "public.example": ["93.184.216.34"],
    "public6.example": ["2606:2800:220:1::1"],
    "half.example": ["93.184.216.35", "10.0.0.5"],
    "loopback.example": ["127.0.0.1"],
    "loopback6.example": ["::1"],
    "office.example": ["10.1.2.3"],
    "home.example": ["192.168.0.1"],
    "metadata.example": ["169.254.169.254"],
    "shared.example": ["100.64.0.1"],
    "local6.example": ["fd12:3456::1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "both.example": ["10.0.0.5", "::1"],
    "zero.example": ["0.0.0.0"],
    "redirect.example": ["93.184.216.36"],
}

# status and Location of what redirect.example answers at /0, /1, ...
REDIRECTS = [
    (301, "https://10.0.0.6/sp.pem"), (302, "https://127.0.0.1:8443/sp.pem"), (303, "https://localhost/sp.pem"),
    (307, "http://169.254.169.254/latest/meta-data/"), (308, "https://[::1]/sp.pem"), (302, "//10.0.0.6/sp.pem"),
    (302, "https://office.example/sp.pem"), (302, "file:///etc/passwd"), (300, "https://public6.example/sp.pem"),
]  # fmt: skip

# what x5u is, and the reason of the refusal; None: it is refused, and the reason depends on the resolver
FORBIDDEN = [
    # not plain https
    ("http://public.example/sp.pem", SCHEME),
    ("HTTP://public.example/sp.pem", SCHEME),
    ("ftp://public.example/sp.pem", SCHEME),
    ("gopher://public.example:443/_GET", SCHEME),
    ("file:///etc/ssl/private/key.pem", SCHEME),
    ("unix:///run/redis.sock", SCHEME),
    ("//public.example/sp.pem", SCHEME),
    (" https://public.example/sp.pem", SCHEME),
    ("https:public.example/sp.pem", SCHEME),
    ("https:\\\\public.example\\sp.pem", SCHEME),
    ("https:///sp.pem", HOST),
    ("https://", SCHEME),
    # what surrounds the host
    ("https://user@public.example/sp.pem", USER),
    ("https://user:secret@public.example/sp.pem", USER),
    ("https://public.example@10.0.0.1/sp.pem", USER),
    ("https://public.example%40@10.0.0.1/sp.pem", USER),
    ("https://public.example:22/sp.pem", "port 22 is not allowed"),
    ("https://public.example:80/sp.pem", "port 80 is not allowed"),
    ("https://public.example:6379/sp.pem", "port 6379 is not allowed"),
    ("https://public.example:0/sp.pem", PORT),
    ("https://public.example:/sp.pem", PORT),
    ("https://public.example:65536/sp.pem", PORT),
    ("https://public.example:443x/sp.pem", PORT),
    ("https://public.example:443:443/sp.pem", PORT),
    ("https://public.example:+443/sp.pem", PORT),
    ("https://public.example/sp.pem?x=1", QUERY),
    ("https://public.example/sp.pem#x", QUERY),
    ("https://public.example#@10.0.0.1/sp.pem", QUERY),
    ("https://public.example\\@10.0.0.1/sp.pem", USER),
    ("https://public.example /sp.pem", HOST),
    ("https://public .example/sp.pem", HOST),
    ("https://public.example/s p.pem", PATH),
    ("https://public.example/sp.pem\r\nX: y", PATH),
    ("https://public.example\r\n/sp.pem", HOST),
    ("https://public.example/sp.pem\t", PATH),
    ("https://public.example/%zz", PATH),
    ("https://public_.example/sp.pem", HOST),
    ("https://ⓟublic.example/sp.pem", HOST),
    ("https://10。0。0。1/sp.pem", HOST),
    ("https://public.example/ü.pem", PATH),
    ("https://%31%30.0.0.1/sp.pem", HOST),
    ("https://*/sp.pem", HOST),
    ("https://[::1/sp.pem", None),
    ("https://[::1%25lo]/sp.pem", HOST),
    ("https://public.example/" + "a" * 3000, "the URL has more than"),
    # IPv4
    ("https://127.0.0.1/sp.pem", PRIVATE),
    ("https://127.255.255.254/sp.pem", PRIVATE),
    ("https://0.0.0.0/sp.pem", PRIVATE),
    ("https://10.0.0.1/sp.pem", PRIVATE),
    ("https://172.16.0.1/sp.pem", PRIVATE),
    ("https://172.31.255.255/sp.pem", PRIVATE),
    ("https://192.168.1.1:8443/sp.pem", PRIVATE),
    ("https://169.254.169.254/latest/meta-data/", PRIVATE),
    ("https://100.64.0.1/sp.pem", PRIVATE),
    ("https://192.0.0.8/sp.pem", PRIVATE),
    ("https://198.18.0.1/sp.pem", PRIVATE),
    ("https://203.0.113.1/sp.pem", PRIVATE),
    ("https://224.0.0.1/sp.pem", PRIVATE),
    ("https://240.0.0.1/sp.pem", PRIVATE),
    ("https://255.255.255.255/sp.pem", PRIVATE),
    ("https://2130706433/sp.pem", None),
    ("https://0x7f000001/sp.pem", None),
    ("https://0x7f.1/sp.pem", None),
    ("https://017700000001/sp.pem", None),
    ("https://0177.0.0.1/sp.pem", None),
    ("https://127.1/sp.pem", None),
    ("https://0/sp.pem", None),
    ("https://127.0.0.1./sp.pem", None),
    ("https://0300.0250.1.1/sp.pem", None),
    ("https://0xa9fea9fe/sp.pem", None),
    # IPv6
    ("https://[::]/sp.pem", PRIVATE),
    ("https://[::1]/sp.pem", PRIVATE),
    ("https://[0:0:0:0:0:0:0:1]/sp.pem", PRIVATE),
    ("https://[fc00::1]/sp.pem", PRIVATE),
    ("https://[fd00:ec2::254]/sp.pem", PRIVATE),
    ("https://[fe80::1]/sp.pem", PRIVATE),
    ("https://[fec0::1]/sp.pem", PRIVATE),
    ("https://[ff02::1]/sp.pem", PRIVATE),
    ("https://[::ffff:127.0.0.1]/sp.pem", PRIVATE),
    ("https://[::ffff:a00:1]/sp.pem", PRIVATE),
    ("https://[::127.0.0.1]/sp.pem", PRIVATE),
    ("https://[64:ff9b::a00:1]/sp.pem", PRIVATE),
    ("https://[64:ff9b:1::a00:1]/sp.pem", PRIVATE),
    ("https://[2002:a00:1::1]/sp.pem", PRIVATE),
    ("https://[2001:0:a00:1::1]/sp.pem", PRIVATE),
    ("https://[2001:db8::1]/sp.pem", PRIVATE),
    ("https://[100::1]/sp.pem", PRIVATE),
    # names
    ("https://localhost/sp.pem", None),
    ("https://LOCALHOST:8443/sp.pem", None),
    ("https://localhost./sp.pem", None),
    ("https://cps.localhost/sp.pem", None),
    *((f"https://{name}/sp.pem", None) for name in NAMES if name.split(".")[0] not in ("public", "public6", "half", "redirect")),
]  # fmt: skip


def own_network():
    """Moves this thread, and what it starts, into a network in which every address is its own; False: not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x40000000) != 0:  # CLONE_NEWNET
        return False
    for command in ("link set lo up", "route add local 0.0.0.0/0 dev lo", "-6 route add local ::/0 dev lo"):
        subprocess.run(["ip", *command.split()], check=True, timeout=60)
    return True


class Resolver:
    """Answers every question on UDP with what NAMES says."""

    def __init__(self):
        self.sockets = [socket.socket(family, socket.SOCK_DGRAM) for family in (socket.AF_INET, socket.AF_INET6)]
        self.sockets[1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        for sock, address in zip(self.sockets, ("0.0.0.0", "::")):
            sock.bind((address, 53))
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        # the answer has to come from the address that was asked, which any may be
        level, option = (socket.IPPROTO_IP, 8) if sock.family == socket.AF_INET else (socket.IPPROTO_IPV6, 49)
        sock.setsockopt(level, option, 1)  # IP_PKTINFO, IPV6_RECVPKTINFO
        while True:
            question, told, _, client = sock.recvmsg(4096, 256)
            kind, info = told[0][1:] if told else (None, None)
            if sock.family == socket.AF_INET and info:
                info = struct.pack("=I4s4s", 0, info[8:12], bytes(4))
            with contextlib.suppress(OSError, ValueError, IndexError):
                sock.sendmsg([self._answer(question)], [(level, kind, info)] if info else [], 0, client)

    @staticmethod
    def _answer(question):
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1 : at + 1 + question[at]].decode())
            at += 1 + question[at]
        wanted = int.from_bytes(question[at + 1 : at + 3], "big")
        found = []
        for text in NAMES.get(".".join(labels).lower(), []):
            family, kind = (socket.AF_INET6, 28) if ":" in text else (socket.AF_INET, 1)
            if kind == wanted:
                packed = socket.inet_pton(family, text)
                found.append(b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(packed)) + packed)
        head = question[:2] + b"\x81\x80" + struct.pack(">HHHH", 1, len(found), 0, 0)
        return head + question[12 : at + 5] + b"".join(found)


class Listener:
    """Takes every connection to any address and notes the address. redirect.example it is itself."""

    def __init__(self, certificate, key, *ports):
        self.contacted, self.selector = [], selectors.DefaultSelector()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        for port in ports:
            sock = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
            self.selector.register(sock, selectors.EVENT_READ)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            for key, _ in self.selector.select():
                connection = key.fileobj.accept()[0]
                address = connection.getsockname()[0].removeprefix("::ffff:")
                self.contacted.append(address)
                with connection, contextlib.suppress(OSError):
                    if address in NAMES["redirect.example"]:
                        self._redirect(connection)

    def _redirect(self, connection):
        connection.settimeout(60)
        with self.context.wrap_socket(connection, server_side=True) as tls:
            status, location = REDIRECTS[int(tls.recv(65536).split()[1][1:])]
            tls.sendall(f"HTTP/1.1 {status} X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())


class Forbidden(TokenCase):
    @classmethod
    def setUpClass(cls):
        if not own_network():
            raise unittest.SkipTest("needs a network namespace of its own")
        super().setUpClass()
        certificate = make_certificate(cls.dir, "redirect", "DNS:redirect.example")
        cls.listener = Listener(*certificate, 22, 80, 443, 6379, 8443)
        cls.resolver = Resolver()
        cls.server = cls.class_cpsd(**cls.keys(auth__x5u_allow_private="no", auth__x5u_ports="443, 8443",
                                               auth__x5u_ca_file=certificate[0], limits__publish_by_address=0, limits__chains_by_address=0))  # fmt: skip

    def ask(self, x5u):
        body = envelope()
        return self.post(self.server, self.token(body, header={"x5u": x5u}), body)

    def contacts(self):
        return list(self.listener.contacted)

    def test_a_public_address_is_contacted(self):
        """That is how the others are seen not to be."""
        for name in ("public.example", "public6.example", "half.example"):
            with self.subTest(name):
                self.assertIn(self.ask(f"https://{name}/sp.pem").status, (401, 503))
                self.assertIn(NAMES[name][0], self.contacts())
        self.assertNotIn("10.0.0.5", self.contacts())

    def test_forbidden(self):
        before = self.contacts()
        stored = self.server.metrics()["cpsd_stored_total"]
        for x5u, reason in FORBIDDEN:
            with self.subTest(x5u):
                answer = self.ask(x5u)
                self.assertProblem(answer, 401 if reason or answer.status == 401 else 503, f"x5u: {reason or ''}")
                self.assertEqual(self.contacts(), before)
        self.assertEqual(self.server.metrics()["cpsd_stored_total"], stored)

    def test_redirects(self):
        before = self.contacts()
        for i, (status, location) in enumerate(REDIRECTS):
            with self.subTest(location):
                self.assertProblem(self.ask(f"https://redirect.example/{i}"), 401, f"x5u: the server answered {status}")
        self.assertEqual(self.contacts(), before + NAMES["redirect.example"] * len(REDIRECTS))


del TokenCase  # only for others to derive from
