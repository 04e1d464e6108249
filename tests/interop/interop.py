# SPDX-License-Identifier: MIT
"""Envelopes, PASSporTs and keys made elsewhere are read here, and ours there: npm jose and python3-jwcrypto. What a
peer can make and we refuse is tried too."""
import base64
import hashlib
import json
import os
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
from envelope import b64url, compact, unb64url  # noqa: E402
from harness import CPSCTL, Case, run  # noqa: E402

MANY = 100  # enough for a coordinate, an r or an s that begins with a zero octet now and then
X5U = "https://certs.example.com/alice.pem"
ALICE, BOB = "12155551212", "12155551213"
JWE = {"alg": "ECDH-ES", "cty": "passport", "enc": "A256GCM"}
JWS = {"alg": "ES256", "ppt": "msg", "typ": "passport", "x5u": X5U}


class Peer:
    """A peer's side of things; subclasses say how it is called."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        run(CPSCTL, "pki", "--out", cls.file("pki"), "--name", "alice", "--tn", ALICE, "--server-name", "localhost")
        for curve in ("x25519", "p256"):
            run(CPSCTL, "keygen", "--curve", curve, "--out", cls.file(curve), "--public", cls.file(curve + ".pub"))
        for curve, name in (("X25519", "x25519"), ("P-256", "p256")):
            private, public = cls.peer("keygen", curve)
            for suffix, key in (("", private), (".pub", public)):
                with open(cls.file(f"theirs-{name}{suffix}"), "w") as out:
                    out.write(key)
        run("openssl", "x509", "-in", cls.file("pki/alice.pem"), "-pubkey", "-noout", "-out", cls.file("alice.pub"))

    @classmethod
    def file(cls, name):
        return os.path.join(cls.dir, name)

    @classmethod
    def peer(cls, command, key, header=None, lines=(), status=0):
        """Lines in, as many lines out."""
        words = [*cls.command, command, key, json.dumps(header or {})]
        done = run(*words, input="".join(line + "\n" for line in lines).encode(), status=status)
        return done.stdout.decode().split("\n")[:-1]

    @classmethod
    def ours(cls, *words, lines=(), status=0):
        done = run(CPSCTL, *words, input="".join(line + "\n" for line in lines).encode(), status=status)
        return done.stdout.decode().split("\n")[:-1]

    def claims(self, **members):
        return compact({"dest": {"tn": [BOB]}, "iat": int(time.time()), "orig": {"tn": ALICE}, **members})

    def passports(self, count=MANY, **members):
        """Signed by the peer, each with another time."""
        now = int(time.time())
        claims = [self.claims(iat=now - i % 50, **members) for i in range(count)]
        return self.peer("sign", self.file("pki/alice.key"), JWS, claims)

    def verify(self, passport, *more, status=0):
        return self.ours("verify", "--trust", self.file("pki/root.pem"), "--x5u-dir", self.file("pki/certs"), "--orig",
                         ALICE, "--dest", BOB, *more, lines=[passport], status=status)[0]  # fmt: skip

    def test_their_envelopes(self):
        passports = self.passports()
        for key in ("x25519", "p256", "theirs-x25519", "theirs-p256"):
            for enc in ("A256GCM", "A128GCM"):
                for pad in (False, True):
                    with self.subTest(key=key, enc=enc, pad=pad):
                        texts = [p.ljust(512) if pad else p for p in passports]
                        made = self.peer("encrypt", self.file(key + ".pub"), {**JWE, "enc": enc}, texts)
                        self.assertEqual(self.ours("decrypt", "--key", self.file(key), lines=made), passports)

    def test_our_envelopes(self):
        passports = self.passports()
        for key in ("x25519", "p256", "theirs-x25519", "theirs-p256"):
            with self.subTest(key):
                made = self.ours("encrypt", "--to", self.file(key + ".pub"), lines=passports)
                self.assertEqual([t.rstrip(" ") for t in self.peer("decrypt", self.file(key), {}, made)], passports)
                for envelope in made:
                    header = json.loads(unb64url(envelope.split(".")[0]))
                    self.assertEqual({k: v for k, v in header.items() if k != "epk"}, JWE)
                    self.assertEqual(len(unb64url(envelope.split(".")[3])), 512)

    def test_our_envelopes_with_a_chain(self):
        passport = self.passports(1)
        made = self.ours("encrypt", "--to", self.file("x25519.pub"), "--cert", self.file("pki/alice.pem"),
                         lines=passport)  # fmt: skip
        inside = json.loads(self.peer("decrypt", self.file("x25519"), {}, made)[0])
        self.assertEqual((list(inside), inside["passport"]), (["passport", "x5c"], passport[0]))
        with open(self.file("pki/alice.pem")) as file:
            pem = [block.split("-----")[0] for block in file.read().split("-----BEGIN CERTIFICATE-----")[1:]]
        self.assertEqual([base64.b64decode(c) for c in inside["x5c"]], [base64.b64decode(p) for p in pem])

    def test_their_envelopes_with_a_chain(self):
        passport = self.passports(1)[0]
        with open(self.file("pki/alice.pem")) as file:
            pem = [block.split("-----")[0] for block in file.read().split("-----BEGIN CERTIFICATE-----")[1:]]
        inside = json.dumps({"x5c": ["".join(p.split()) for p in pem], "passport": passport}, indent=None)
        made = self.peer("encrypt", self.file("p256.pub"), JWE, [inside])
        chain = self.file("chain.pem")
        self.assertEqual(self.ours("decrypt", "--key", self.file("p256"), "--cert-out", chain, lines=made), [passport])
        said = self.ours("verify", "--trust", self.file("pki/root.pem"), "--cert", chain, "--orig", ALICE, "--dest",
                         BOB, lines=[passport])[0]  # fmt: skip
        self.assertTrue(said.startswith("passed"), said)

    def test_our_passports(self):
        made = []
        for i in range(MANY):
            made += self.ours("sign", "--key", self.file("pki/alice.key"), "--cert", self.file("pki/alice.pem"), "--x5u",
                              X5U, "--orig", ALICE, "--dest", BOB, "--text", f"message {i}")  # fmt: skip
        payloads = self.peer("verify", self.file("alice.pub"), {"alg": "ES256"}, made)
        for token, payload in zip(made, payloads):
            claims = json.loads(payload)
            self.assertEqual(list(claims), ["dest", "iat", "msgi", "orig"])
            self.assertEqual(compact(claims), payload, "RFC 8225 section 9: no white space")
            self.assertEqual(unb64url(token.split(".")[0]).decode(), compact(JWS))
        self.assertEqual(len(payloads), MANY)

    def test_their_passports(self):
        for _ in range(MANY // 10):  # a slow machine does not verify a hundred before they are a minute old
            for passport in self.passports(10):
                self.assertTrue(self.verify(passport).startswith("passed"))

    def test_their_keys(self):
        """Each side's private keys serve the other: so they are the same numbers to both."""
        passport = self.passports(1)
        for key in ("x25519", "p256"):
            for maker in ("", "theirs-"):
                public, private = self.file(f"{maker}{key}.pub"), self.file(maker + key)
                by_us = self.ours("encrypt", "--to", public, lines=passport)
                by_them = self.peer("encrypt", public, JWE, passport)
                for envelope in (by_us, by_them):
                    self.assertEqual(self.ours("decrypt", "--key", private, lines=envelope), passport)
                    self.assertEqual(self.peer("decrypt", private, {}, envelope)[0].rstrip(), passport[0])

    def test_signatures_that_are_refused(self):
        public = self.file("alice.pub")
        run("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self.file("rsa.key"))
        run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-out", self.file("p384.key"))
        for header, signer in [({**JWS, "alg": "HS256"}, public), ({**JWS, "alg": "RS256"}, self.file("rsa.key")),
                               ({**JWS, "alg": "PS256"}, self.file("rsa.key")),
                               ({**JWS, "alg": "ES384"}, self.file("p384.key"))]:  # fmt: skip
            with self.subTest(header["alg"]):
                token = self.peer("sign", signer, header, [self.claims()])[0]
                self.assertNotIn("passed", self.verify(token, status=1))
        good = self.passports(1)[0]
        head, claims, signature = good.split(".")
        none = b64url(compact({**JWS, "alg": "none"}).encode())
        for forged in (f"{none}.{claims}.", f"{none}.{claims}.{signature}", f"{head}.{claims}.{'A' * 86}",
                       f"{head}.{b64url(self.claims(orig={'tn': BOB}).encode())}.{signature}"):  # fmt: skip
            self.assertNotIn("passed", self.verify(forged, status=1))
        self.assertIn("passed", self.verify(good))

    def test_headers_that_are_refused(self):
        """Envelopes that others may well make: whoever watched could tell them from the rest, so they are not taken."""
        passport, public = self.passports(1), self.file("x25519.pub")
        for header in [{**JWE, "kid": "1"}, {**JWE, "typ": "JOSE"}, {"alg": "ECDH-ES", "enc": "A256GCM"},
                       {**JWE, "cty": "JWT"}, {**JWE, "enc": "A256CBC-HS512"}, {**JWE, "enc": "A192GCM"},
                       {**JWE, "alg": "ECDH-ES+A256KW"}]:  # fmt: skip
            with self.subTest(header):
                made = self.peer("encrypt", public, header, passport)
                self.ours("decrypt", "--key", self.file("x25519"), lines=made, status=2)

    def test_their_envelope_through_the_cps(self):
        """Made by the peer from end to end, stored and received with ours: as it comes by a server that is not strict, and
        where dummies hide envelopes only if the peer can write what all write."""
        server = self.cpsd(certificate=(self.file("pki/tls.pem"), self.file("pki/tls.key")), dummies__strict="no")
        strict = self.cpsd(certificate=(self.file("pki/tls.pem"), self.file("pki/tls.key")))
        for one in (server, strict):
            one.tls.load_verify_locations(self.file("pki/tls-root.pem"))
        msgi = "sha256-" + base64.b64encode(hashlib.sha256(b"whatever").digest()).decode()
        for key in ("x25519", "p256"):
            passport = self.passports(1, msgi=msgi)[0]
            bare, made = self.peer("encrypt", self.file(key + ".pub"), JWE, [passport, passport.ljust(512)])
            self.assertEqual(server.publish(BOB, bare).status, 201)
            self.assertEqual(server.publish(BOB, made).status, 201)
            self.assertEqual(strict.publish(BOB, bare).status, 422)
            answer = strict.publish(BOB, made)
            self.assertEqual(answer.status, 201 if self.writes_our_header else 422, answer.body)
            if not self.writes_our_header:
                self.assertIn("in the order alg, cty, enc, epk", answer.json()["detail"])
            said = self.ours("receive", "--cps", server.url, "--ca", self.file("pki/tls-root.pem"), "--trust",
                             self.file("pki/root.pem"), "--x5u-dir", self.file("pki/certs"), "--key", self.file(key),
                             "--orig", ALICE, "--dest", BOB, "--text", "whatever")[0]  # fmt: skip
            self.assertTrue(said.startswith("passed"), said)


class Jose(Peer, Case):
    writes_our_header = False  # epk has the order x, crv, kty, and nothing changes that
    command = ["node", os.path.join(HERE, "jose_peer.mjs")]


class Jwcrypto(Peer, Case):
    writes_our_header = True  # sorts the members of all objects
    command = ["/usr/bin/python3", os.path.join(HERE, "jwcrypto_peer.py")]


if __name__ == "__main__":
    unittest.main(verbosity=2)
