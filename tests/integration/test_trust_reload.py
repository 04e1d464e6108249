# SPDX-License-Identifier: MIT
"""What credentials are judged by (roots, revocation lists, number table) is replaced whole on SIGHUP, or stays, in
every worker and on open connections."""
# presets: dev asan
import os
import unittest

import sti
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from callers import CallersCase, ask
from wire import Wire


class Reload(CallersCase):
    def file(self, name, octets):
        path = os.path.join(self.home, name)
        with open(path, "wb") as out:
            out.write(octets)
        return path

    def setUp(self):
        self.home = self.temp()
        self.ca = self.certs["holder by table"].issuer
        self.keys_here = {
            "trust__roots": self.file("roots.pem", self.root.pem),
            "trust__crl_files": self.file("ca.crl", sti.crl(self.ca)),
            "trust__crl_issuer_file": self.file("issuer.pem", self.root.pem),
            "numbers__table": self.file("numbers.csv", b"1215555,1111\n"),
        }
        self.here = self.cpsd(**{**self.keys(), **self.keys_here}, server__workers=4, policy__delete="holder")

    def everywhere(self, caller):
        """The status of a delete on 24 connections, which come to all of the workers."""
        seen = set()
        for _ in range(24):
            with self.connect(caller, self.here) as connection:
                seen.add(ask(connection, "delete").status)
        return seen

    def test_bad_files(self):
        """The old set stays, and the log says why."""
        pem = self.root.pem
        crl = sti.crl(self.ca)
        table = {
            "roots.pem": [(pem[: len(pem) // 2], "roots.pem"), (b"", "roots.pem"),
                          (b"-----BEGIN CERTIFICATE-----\nAAAA\n", "roots.pem"),
                          (self.certs["other SPC"].pem, "roots.pem"), (None, "No such file")],
            "ca.crl": [(crl[: len(crl) // 2], "ca.crl"), (b"\x30\x82", "ca.crl"), (pem, "ca.crl"),
                       (None, "No such file"),
                       (sti.crl(sti.Cert("ca", None, ca=True), indirect=True), "ca.crl")],
            "issuer.pem": [(None, "No such file")],
            "numbers.csv": [(b"1215555,1111\n12155", "line 2"),
                            (b"1215555,1111\n1215555,2222\n", "line 2: the prefix occurs twice"),
                            (b"\x00\x01", "NUL"), (None, "No such file")],
        }  # fmt: skip
        for name, rows in table.items():
            path = os.path.join(self.home, name)
            with open(path, "rb") as kept:
                good = kept.read()
            for octets, says in rows:
                with self.subTest(file=name, octets=octets):
                    os.unlink(path)
                    if octets is not None:
                        self.file(name, octets)
                    # what else is new in this reload is not taken either
                    said = self.here.reload(policy__delete="open")
                    self.assertIn("reload: failed, ", said)
                    self.assertIn(says, said)
                    with self.connect("holder by table", self.here) as one, self.connect("none", self.here) as other:
                        self.assertEqual((ask(one, "delete").status, ask(other, "delete").status), (404, 401))
                self.file(name, good)
                self.here.reload(policy__delete="holder")
        self.assertEqual(self.everywhere("holder by table"), {404})

    def test_f17_roots_that_cannot_be_used_are_skipped(self):
        """The good ones count, and the log names the others."""
        small = sti.Cert("small root", ca=True, key=rsa.generate_private_key(65537, 1024))
        wide = sti.Cert("wide root", ca=True, curve=ec.SECP521R1())
        self.file("roots.pem", small.pem + wide.pem + self.root.pem + b"-----BEGIN CERTIFICATE-----\nAAAA\n")
        said = self.here.reload(policy__delete="holder")
        self.assertRegex(said, r"warning .*roots.pem: certificate 1 is skipped: /CN=small root: .*1024 bits")
        self.assertRegex(said, r"warning .*roots.pem: certificate 4 is skipped: .*has no END line")
        self.assertIn("are in use", said)
        self.assertEqual(self.everywhere("holder by table"), {404})

    def test_revoked_while_connected(self):
        with self.connect("holder by table", self.here) as connection:
            self.assertEqual(ask(connection, "delete").status, 404)
            self.file("ca.crl", sti.crl(self.ca, [self.certs["holder by table"]]))
            self.assertIn("are in use", self.here.reload())
            self.assertAnswer(ask(connection, "delete"), (401, "a certificate is revoked"))
            self.assertEqual(self.everywhere("holder by table"), {401})
            self.assertEqual(self.everywhere("holder by TN"), {404})
            self.file("ca.crl", sti.crl(self.ca))
            self.here.reload()
            self.assertEqual(ask(connection, "delete").status, 404)

    def test_revoked_in_the_ticket(self):
        """A ticket from before does not bring back what was revoked."""
        context, session = self.contexts["holder by table"], None
        for status in (404, 401):
            with Wire(self.here.address) as connection:
                connection.sock = context.wrap_socket(connection.sock, server_hostname="localhost", session=session)
                seen = (connection.sock.session_reused, ask(connection, "delete").status)
                self.assertEqual(seen, (session is not None, status))
                session = connection.sock.session
            self.file("ca.crl", sti.crl(self.ca, [self.certs["holder by table"]]))
            self.here.reload()

    def test_numbers_and_roots(self):
        self.file("numbers.csv", b"1215555,2222\n")
        self.here.reload()
        self.assertEqual((self.everywhere("holder by table"), self.everywhere("other SPC")), ({403}, {404}))
        self.file("roots.pem", self.certs["untrusted root"].issuer.issuer.pem)
        said = self.here.reload(trust__crl_files="")
        self.assertIn("are in use", said)
        self.assertEqual((self.everywhere("other SPC"), self.everywhere("untrusted root")), ({401}, {403}))

    def test_required(self):
        """With crl_policy = required a stale or missing list refuses everybody below it."""
        stale = sti.crl(self.ca, life=(-3, -1))
        root_crl = self.file("root.crl", sti.crl(self.root))
        both = f"{self.home}/ca.crl, {root_crl}"
        self.here.reload(trust__crl_policy="required")
        self.assertEqual(self.everywhere("holder by table"), {401})  # none covers the root's own
        self.here.reload(trust__crl_files=both)
        self.assertEqual(self.everywhere("holder by table"), {404})
        self.file("ca.crl", stale)
        self.here.reload()
        with self.connect("holder by table", self.here) as connection:
            self.assertAnswer(ask(connection, "delete"), (401, "revocation list"))
        self.here.reload(trust__crl_policy="if-present")
        self.assertEqual(self.everywhere("holder by table"), {404})

if __name__ == "__main__":
    unittest.main()
