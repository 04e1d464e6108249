# SPDX-License-Identifier: MIT
"""Certificates, chains and revocation lists as they are found in the field, judged by cpsctl."""
# presets: dev asan
import base64
import json
import os
import time
import unittest

import sti
from certhost import CertHost
from cpsctl_case import DEST, GOOD, NO, ORIG, TEXT, WRONG, Case, coded, digest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from cryptography.x509 import SubjectAlternativeName, UniformResourceIdentifier
from harness import make_certificate
from token_case import sign


class RealCertificates(Case):
    def setUp(self):
        self.hosts = self.path("hosts")
        os.makedirs(self.hosts, exist_ok=True)

    def token(self, cert, iat=None, orig=None, **header):
        """A PASSporT that the certificate's key signs."""
        header = {"alg": "ES256", "ppt": "msg", "typ": "passport", **header}
        claims = {"dest": {"tn": [DEST]}, "iat": iat or int(time.time()), "msgi": digest(TEXT.encode()),
                  "orig": orig or {"tn": ORIG}}  # fmt: skip
        signed = f"{coded(header)}.{coded(claims)}"
        r, s = utils.decode_dss_signature(cert.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return signed + "." + base64.urlsafe_b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode().rstrip("=")

    def host(self, name, *certs):
        """Serves certificates; returns their x5u."""
        with open(os.path.join(self.hosts, name), "wb") as out:
            out.write(b"".join(c.pem for c in certs))
        return f"https://certs.example.com/{name}"

    def judged(self, expected, token, *more, roots, says=None, message=None):
        trust = ["--trust", self.write("roots.pem", roots), "--x5u-dir", self.hosts, *more]
        args = ["verify", *trust, *(message or self.message())]
        done = self.run_tool(*args, stdin=token)
        self.assertEqual(done.returncode, GOOD if expected == "passed" else NO, done)
        self.assertTrue(done.stdout.startswith(expected + "  ") or done.stdout.startswith(expected + ":") or
                        done.stdout.startswith(expected + "\n"), done.stdout)  # fmt: skip
        if says:
            self.assertRegex(done.stdout + done.stderr, says)
        return done

    def test_f17_chains_of_rsa_and_p521_verify(self):
        roots = {"P-256": sti.Cert("root 256", ca=True), "P-521": sti.Cert("root 521", ca=True, curve=ec.SECP521R1()),
                 "RSA": sti.Cert("root RSA", ca=True, key=rsa.generate_private_key(65537, 2048))}  # fmt: skip
        small = sti.Cert("root small", ca=True, key=rsa.generate_private_key(65537, 1024))
        everything = small.pem + b"".join(root.pem for root in roots.values())
        middles = {name: sti.Cert(f"CA below {name}", root, ca=True) for name, root in roots.items()}
        middles["RSA below P-256"] = sti.Cert("RSA CA", roots["P-256"], ca=True,
                                              key=rsa.generate_private_key(65537, 2048))  # fmt: skip
        for name, middle in middles.items():
            with self.subTest(name):
                leaf = sti.Cert("Alice", middle, f"tn:{ORIG}")
                token = self.token(leaf, x5u=self.host("f17.pem", leaf, middle))
                done = self.judged("passed", token, "--verbose", roots=everything)
                self.assertRegex(done.stderr, r"roots.pem: certificate 1 is skipped: /CN=root small: .* 1024 bits")
        done = self.run_tool("verify", "--trust", self.write("roots.pem", small.pem), *self.message(), stdin=token)
        self.assertEqual(done.returncode, WRONG)
        self.assertRegex(done.stderr, "roots.pem: no usable root: certificate 1: /CN=root small: .* 1024 bits")
        leaf = sti.Cert("Alice", sti.Cert("small CA", roots["P-256"], ca=True, key=small.key), f"tn:{ORIG}")
        self.judged("untrusted-certificate", self.token(leaf, x5u=self.host("small.pem", *leaf.chain)),
                    roots=everything, says="1024 bits")  # fmt: skip

    def test_f18_the_signer_of_a_list_has_roots_of_its_own(self):
        root, other = sti.Cert("STI root", ca=True), sti.Cert("STI-PA root", ca=True)
        leaf, good = (sti.Cert(name, root, f"tn:{ORIG}") for name in ("Alice", "Bob"))
        signer = sti.Cert("STI-PA CRL", other, usage="crls")
        lists = ["--crl", self.write("f18.crl", sti.crl(signer, [leaf], indirect=True)), "--crl-issuer",
                 self.write("issuer.pem", signer.pem + other.pem)]  # fmt: skip
        token = self.token(leaf, x5u=self.host("f18.pem", leaf))
        done = self.run_tool("verify", "--trust", self.write("roots.pem", root.pem), *lists, *self.message(), stdin=token)
        self.assertEqual(done.returncode, WRONG)
        self.assertIn("crl_signer_roots", done.stderr)
        lists += ["--crl-signer-roots", self.write("signer-roots.pem", other.pem)]
        self.judged("untrusted-certificate", token, *lists, roots=root.pem, says="/CN=Alice is revoked by /CN=STI-PA CRL")
        self.judged("passed", self.token(good, x5u=self.host("f18b.pem", good)), *lists, roots=root.pem)
        intruder = sti.Cert("Intruder", other, f"tn:{ORIG}")
        self.judged("untrusted-certificate", self.token(intruder, x5u=self.host("f18c.pem", intruder, other)), *lists,
                    roots=root.pem)  # fmt: skip

    def test_f34_lists_of_roots_have_options(self):
        """The STI-PA's signed list of roots in place of --trust, from a file and from its host; a forged one; saved."""
        root, pa, stranger = (sti.Cert(name, ca=True) for name in ("STI root", "STI-PA root", "stranger"))
        signer = sti.Cert("STI-PA CA List", pa)
        leaf = sti.Cert("Alice", root, f"tn:{ORIG}")
        claims = {"version": "1.0", "sequence": 5, "exp": int(time.time()) + 86400, "trustList": [root.pem.decode()]}
        header = {"alg": "ES256", "typ": "JWT"}
        good, forged = (sign(header, claims, key) for key in (signer.key, stranger.key))
        older = sign(header, {**claims, "sequence": 4}, signer.key)
        tls, key = make_certificate(self.dir, "pa")
        host = CertHost(tls, key)
        self.addCleanup(host.close)
        pinned = ["--list-signer-roots", self.write("pinned.pem", pa.pem + signer.pem)]
        files = {name: self.write(name, text.encode()) for name, text in (("good", good), ("forged", forged))}
        state = ["--list-state-dir", self.path("list-state")]
        os.makedirs(state[1])
        for lists, verdict in (
            (["--list-files", files["good"]], "passed"),
            (["--list-urls", host.serve("/list.jwt", good.encode()), "--crl-ca", tls], "passed"),
            (["--list-files", files["forged"]], None),
            (["--list-files", files["good"], *state], "passed"),
            (["--list-files", files["good"], *state], None),  # now an older one
        ):
            if "--list-state-dir" in lists and not verdict:
                self.write("good", older.encode())
            with self.subTest(lists=lists):
                token = self.token(leaf, x5u=self.host("f34.pem", leaf))
                done = self.run_tool("verify", "--x5u-dir", self.hosts, *lists, *pinned, *self.message(), "--json",
                                     stdin=token)  # fmt: skip
                if verdict:
                    self.assertEqual((done.returncode, json.loads(done.stdout)["verdict"]), (0, verdict), done.stderr)
                else:
                    self.assertNotEqual(done.returncode, 0, done.stdout)
                    self.assertIn("list of roots", done.stderr + done.stdout)

    def test_f35_iat_in_milliseconds_is_stale(self):
        root = sti.Cert("STI root", ca=True)
        leaf = sti.Cert("Alice", root, f"tn:{ORIG}")
        token = self.token(leaf, iat=int(time.time() * 1000), x5u=self.host("f35.pem", leaf))
        self.judged("stale", token, roots=root.pem)

    def test_f36_wrong_order_and_missing_intermediate_are_named(self):
        root = sti.Cert("STI root", ca=True)
        middle = sti.Cert("STI CA", root, ca=True)
        leaf = sti.Cert("Alice", middle, f"tn:{ORIG}")
        self.judged("bad-certificate", self.token(leaf, x5u=self.host("order.pem", middle, leaf)), roots=root.pem,
                    says="the first certificate is a CA certificate")  # fmt: skip
        self.judged("untrusted-certificate", self.token(leaf, x5u=self.host("alone.pem", leaf)), roots=root.pem,
                    says="x5u served only the leaf, without CN=STI CA")  # fmt: skip

    def test_f37_x5c_in_the_header_counts_and_x5u_is_not_fetched(self):
        root = sti.Cert("STI root", ca=True)
        leaf = sti.Cert("Alice", sti.Cert("STI CA", root, ca=True), f"tn:{ORIG}")
        forged = sti.Cert("Alice", sti.Cert("STI CA", sti.Cert("STI root", ca=True), ca=True), f"tn:{ORIG}", key=leaf.key)
        good, bad = ([base64.b64encode(c.der).decode() for c in cert.chain] for cert in (leaf, forged))
        self.judged("passed", self.token(leaf, x5c=good), roots=root.pem)
        self.judged("passed", self.token(leaf, x5c=good, x5u="https://gone.example.com/x.pem"), roots=root.pem)
        x5u = self.host("f37.pem", *leaf.chain)
        self.judged("passed", self.token(leaf, x5u=x5u), roots=root.pem)
        for x5c in (bad, [], "x", good[:1], ["AAAA"] * 9):
            self.judged("bad-certificate", self.token(leaf, x5c=x5c, x5u=x5u), roots=root.pem)

    def test_sip_uris_of_a_certificate_without_tnauthlist(self):
        """RFC 8224 section 8.4, RFC 5922 section 7.1."""
        root = sti.Cert("STI root", ca=True)
        names = SubjectAlternativeName([UniformResourceIdentifier("sip:example.com")])
        leaf = sti.Cert("example.com", root, extensions=[names])
        x5u = self.host("sip.pem", leaf)
        for who, expected in (("sip:alice@example.com", "passed"), ("sip:alice@example.net", "not-authorized")):
            self.judged(expected, self.token(leaf, orig={"uri": who}, x5u=x5u), roots=root.pem,
                        message=self.message(orig=who))  # fmt: skip

    def test_pem_as_people_write_it(self):
        """RFC 7468 section 2: byte order mark, CR LF, text, parameters and a key beside the certificate."""
        root = sti.Cert("STI root", ca=True)
        leaf = sti.Cert("Alice", root, f"tn:{ORIG}")
        parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
        untidy = b"\xef\xbb\xbf\nAlice's certificate\n\n" + parameters + leaf.key_pem + b"---\n" + leaf.pem
        chain = self.write("untidy.pem", untidy.replace(b"\n", b"\r\n"))
        key, x5u = self.write("untidy.key", leaf.key_pem), self.host("tidy.pem", leaf)
        token = self.run_ok("sign", "--key", key, "--cert", chain, "--x5u", x5u, *self.message()).stdout
        self.judged("passed", token, roots=b"\xef\xbb\xbf" + parameters + root.pem.replace(b"\n", b"\r\n"))


if __name__ == "__main__":
    unittest.main()
