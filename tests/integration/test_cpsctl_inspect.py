# SPDX-License-Identifier: MIT
"""cpsctl without a server: inspect."""
# presets: dev asan
import hashlib
import json
import os
import subprocess
import unittest

import sti
from cpsctl_case import ORIG, DEST, Case, b64url, coded, digest, part
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa


class Inspect(Case):
    def test_passport(self):
        shown = self.run_json("inspect", "passport")
        self.assertEqual((shown["kind"], shown["type"], shown["octets"]), ("PASSporT", "msg", len(self.passport)))
        self.assertEqual(shown["header"], part(self.passport, 0))
        self.assertEqual(shown["claims"], part(self.passport, 1))
        self.assertEqual(shown["digest"], {"algorithm": "sha256", "octets": 32})
        self.assertRegex(shown["issued"], r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")
        plain = self.run_ok("inspect", stdin=self.passport).stdout
        for text in ("PASSporT\n", ORIG, DEST, shown["issued"], "https://certs.example.com/signer.pem"):
            self.assertIn(text, plain)

    def test_identity_header(self):
        url = "https://certs.example.com/signer.pem"
        shown = json.loads(self.run_ok("inspect", "--json", stdin=f'Identity: {self.passport};info=<{url}>;alg=ES256;ppt="msg"').stdout)
        self.assertEqual({name: shown.get(name) for name in ("kind", "form", "info", "alg", "ppt", "faults")},
                         {"kind": "Identity header", "form": "full", "info": url, "alg": "ES256", "ppt": "msg", "faults": None})
        self.assertEqual(shown["PASSporT"]["claims"], part(self.passport, 1))
        shown = json.loads(self.run_ok("inspect", "--json", stdin=f'..{self.passport.split(".")[2]};info=<{url}>').stdout)
        self.assertEqual((shown["form"], shown["info"]), ("compact", url))
        self.assertNotIn("PASSporT", shown)
        # what does not fit is named, and the rest is shown
        self.faulty("other-info", f"{self.passport};info=<https://b.example/c>;ppt=shaken", "https://b.example/c", "ppt")
        self.faulty("cut-token", f"{self.passport[:-9]};info=<{url}>;ppt=msg", "signature: ")

    def token(self, header, claims):
        return ".".join([coded(header), coded(claims), "A" * 86])

    def test_hostile_claims_are_escaped(self):
        header, claims = part(self.passport, 0), part(self.passport, 1)
        claims["kind"] = "\x1b[2J\x9b1m\u202eevil\nline"
        claims["x\ny"] = {"kind": "hidden", "deep": [[["\x07"]]]}
        done = self.run_ok("inspect", stdin=self.token(header, claims))
        for bad in ("\x1b", "\x9b", "\u202e", "\x07", "evil\nline"):
            self.assertNotIn(bad, done.stdout)
        self.assertIn("\\u001b[2J", done.stdout)
        self.assertIn("hidden", done.stdout)
        self.assertIn("kind", done.stdout)

    def test_other_tokens(self):
        header = part(self.passport, 0)
        record = {"iss": "x", "spc": ["1234"], "keys": [], "cps": "https://cps.example.com", "iat": 1443208345,
                  "exp": 1443208945}
        shown = json.loads(self.run_ok("inspect", "--json", stdin=self.token(
            {"alg": "ES256", "typ": "cps-keys+jwt", "x5u": "https://a.example/b"}, record)).stdout)
        self.assertEqual((shown["kind"], shown["issued"], shown["expires"]),
                         ("key record", "2015-09-25T19:12:25Z", "2015-09-25T19:22:25Z"))
        shown = json.loads(self.run_ok("inspect", "--json", stdin=self.token({"alg": "ES256"}, {"iat": 1e3})).stdout)
        self.assertEqual(shown["kind"], "signed token")
        self.assertNotIn("issued", shown)
        claims = part(self.passport, 1)
        for msgi, says in (("sha256-AAAA", "wrong length, never matches"), ("md5-AAAA", "unknown algorithm"),
                           ("rubbish", "not a digest"), ("sha256-A A=", "not a digest")):
            shown = json.loads(self.run_ok("inspect", "--json", stdin=self.token(header, {**claims, "msgi": msgi})).stdout)
            self.assertEqual(shown["digest"]["algorithm"], says)
        shown = json.loads(self.run_ok("inspect", "--json", stdin=self.token({**header, "ppt": "mky"}, claims)).stdout)
        self.assertEqual(shown["type"], "a type that is not supported")

    def test_envelope(self):
        shown = self.run_json("inspect", "envelope")
        self.assertEqual((shown["kind"], shown["epk"], shown["enc"]), ("envelope", "X25519", "A256GCM"))
        self.assertEqual(shown["octets"], len(self.envelope))
        self.assertEqual(shown["ciphertext"], 512)
        two = json.loads(self.run_ok("inspect", "--json", stdin=self.envelope + "\n" + self.passport + "\n").stdout)
        self.assertEqual([i["kind"] for i in two["items"]], ["envelope", "PASSporT"])

    def test_keys(self):
        for name in ("bob.jwk", "carol.jwk", f"{self.pki}/signer.key"):
            with open(os.path.join(self.dir, name), encoding="ascii") as f:
                content = f.read()
            secret = json.loads(content)["d"] if content.startswith("{") else content.split("\n")[1]
            for form in ([], ["--json"]):
                text = self.run_ok("inspect", name, *form).stdout
                self.assertIn("private key", text)
                self.assertNotIn(secret, text)
                self.assertNotIn('"d"', text)
        shown = self.run_json("inspect", "bob.pub")
        with open(self.path("bob.pub"), encoding="ascii") as f:
            self.assertEqual(shown["jwk"], json.load(f))
        self.assertEqual(shown["kind"], "public key")
        canonical = json.dumps({k: shown["jwk"][k] for k in ("crv", "kty", "x")}, separators=(",", ":"), sort_keys=True)
        self.assertEqual(shown["thumbprint"], b64url(hashlib.sha256(canonical.encode()).digest()))
        with open(self.path("bob.jwk"), encoding="ascii") as f, open(self.path("carol.pub"), encoding="ascii") as g:
            self.write("set", '{"keys":[' + f.read() + "," + g.read() + "]}")
        kinds = [k["kind"] for k in self.run_json("inspect", "set")["keys"]]
        self.assertEqual(kinds, ["private key", "public key"])
        for args, kind in ((["-outform", "DER"], "private key"), (["-pubout"], "public key"),
                           (["-pubout", "-outform", "DER"], "public key"), (["-traditional"], "private key")):
            subprocess.run(["openssl", "pkey", "-in", f"{self.pki}/signer.key", *args, "-out", self.path("k")],
                           check=True, capture_output=True)
            self.assertEqual(self.run_json("inspect", "k")["kind"], kind, args)

    def test_certificates(self):
        self.write("cert.der", self.der())
        shown = self.run_json("inspect", "cert.der")
        self.assertEqual(shown["kind"], "certificate")
        self.assertEqual(shown["TNAuthList"], f"tn:{ORIG},range:12155559000+100")
        self.assertNotIn("TNAuthList", self.run_json("inspect", f"{self.pki}/root.pem"))
        text = subprocess.run(["openssl", "x509", "-in", f"{self.pki}/root.pem", "-text"], check=True,
                              capture_output=True).stdout
        self.write("with-text.pem", text)
        self.assertEqual(self.run_json("inspect", "with-text.pem")["CA"], True)

    def test_certificate_cuts(self):
        der = self.der()
        for cut in sorted({1, 2, 3, 4, 5, 10, 100, len(der) // 2, len(der) - 64, len(der) - 1}):
            with self.subTest(cut):
                self.write("cut.der", der[:cut])
                self.refused("inspect", "cut.der", says="cut.der: ")
        self.faulty("more.der", der + b"\0", "followed by other octets")

    def faulty(self, name, content, *faults):
        """It is shown, with exactly these faults (regular expressions), and the exit status is 2."""
        self.write(name, content)
        plain = self.run_tool("inspect", name)
        self.assertEqual(plain.returncode, 2, plain)
        self.assertRegex(plain.stderr, rf"\Acpsctl: {name}: {len(faults)} faults?: [^\n]+\n\Z")
        shown = json.loads(self.run_tool("inspect", name, "--json").stdout)
        named = []

        def gather(value):
            named.extend(value.get("faults", []))
            for key in ("items", "certificates", "PASSporT"):
                for item in value[key] if isinstance(value.get(key), list) else [value.get(key)]:
                    if isinstance(item, dict):
                        gather(item)

        gather(shown)
        self.assertEqual(len(named), len(faults), named)
        for one, expected in zip(named, faults):
            self.assertRegex(one, expected)
            self.assertIn(one.split('"')[0], plain.stdout)
        return shown

    def test_faulty_passports(self):
        """All that can be read is shown, and every fault is named, not only the first."""
        header = {"alg": "RS256", "typ": "JWT", "crit": ["x"], "x5u": "http://a.example/b", "ppt": "shaken"}
        claims = {"iat": 1443208345000, "orig": {"tn": 12155551212, "uri": "bob"}, "dest": {"tn": "1", "uri": []}}
        shown = self.faulty("many", ".".join([coded(header), coded(claims), "AAAA"]), "signature: has 3 octets instead of 64",
                            'alg is not "ES256"', 'typ is not "passport"', "crit is not accepted",
                            "x5u is not an https URL", "milliseconds", "orig does not have exactly one",
                            "orig: tn is not a string", "orig: uri is", "dest: tn is not an array",
                            "dest names 0 destinations", "attest is missing", "origid is missing")  # fmt: skip
        self.assertEqual((shown["kind"], shown["header"], shown["claims"]), ("PASSporT", header, claims))
        shown = self.faulty("few", self.token({"alg": "ES256", "typ": "passport"}, {"orig": {"tn": "1"}}),
                            "neither x5u nor x5c", "iat is missing", "orig: tn", "dest is missing")  # fmt: skip
        self.assertEqual(shown["type"], "baseline")
        twice = b64url(b'{"alg":"ES256","alg":"ES256"}')
        self.faulty("twice", f"{twice}.{coded(part(self.passport, 1))}.{'A' * 86}", "a name occurs twice", "typ is missing",
                    "neither x5u nor x5c")  # fmt: skip
        padded = self.passport.replace(".", "=.", 1)
        self.assertEqual(self.faulty("padded", padded, "header: not base64url")["header"], part(self.passport, 0))

    def test_faulty_envelopes(self):
        parts = self.envelope.split(".")
        header = {"alg": "RSA-OAEP", "enc": "A256GCM", "kid": "bob"}
        shown = self.faulty("envelope-bad", ".".join([coded(header), "AAAA", "AAAA", parts[3], "AAAA"]),
                            "alg is not", "cty is not", "epk is not", "kid is not allowed", "encrypted key: must be empty",
                            "initialization vector: has 3 octets", "authentication tag: has 3 octets")  # fmt: skip
        self.assertEqual((shown["kind"], shown["header"]), ("envelope", header))
        self.faulty("envelope-cut", self.envelope[:-1], "authentication tag")

    def test_faulty_identity_headers(self):
        """The faults of the parameters and those of the PASSporT in it."""
        header = {"alg": "ES256", "typ": "passport", "ppt": "msg", "x5u": "http://a.example/b"}
        token = self.token(header, {**part(self.passport, 1), "iat": "now"})
        shown = self.faulty("identity", f"{token};info=<https://b.example/c>;alg=ES256;ppt=shaken", "info", "ppt",
                            "x5u is not an https URL", "iat is not an integer")  # fmt: skip
        self.assertEqual((shown["kind"], shown["PASSporT"]["header"]), ("Identity header", header))

    def test_faulty_certificates(self):
        small = sti.Cert("small", None, "tn:12155551212", ca=True, key=rsa.generate_private_key(65537, 1024))
        self.faulty("small.pem", small.pem, "RSA of 1024 bits")
        wrong = x509.UnrecognizedExtension(sti.TNAUTH, b"\x30\x02\x05\x00")
        claims = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.27"), b"\x05\x00")
        shown = self.faulty("wrong.pem", sti.Cert("wrong", None, extensions=[wrong, claims], curve=ec.SECP384R1()).pem,
                            "TNAuthList is malformed", "JWTClaimConstraints", "not on P-256")  # fmt: skip
        self.assertEqual((shown["subject"], shown["now"]), ("/CN=wrong", "valid"))
        damaged = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
        shown = self.faulty("chain.pem", sti.Cert("first").pem + damaged + sti.Cert("third").pem, "the certificate is damaged")
        self.assertEqual([c.get("subject") for c in shown["certificates"]], ["/CN=first", None, "/CN=third"])

    def test_requests(self):
        def request(key, *extensions):
            builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
            for extension in extensions:
                builder = builder.add_extension(extension, False)
            return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

        listed = x509.UnrecognizedExtension(sti.TNAUTH, sti.tnauth("spc:1234"))
        self.write("good.csr", request(ec.generate_private_key(ec.SECP256R1()), listed))
        shown = self.run_json("inspect", "good.csr")
        self.assertEqual((shown["kind"], shown["TNAuthList"]), ("certificate request", "spc:1234"))
        self.faulty("bad.csr", request(ec.generate_private_key(ec.SECP384R1())), "not on P-256", "does not ask for a TNAuthList")

    def der(self):
        return subprocess.run(["openssl", "x509", "-in", f"{self.pki}/signer.pem", "-outform", "DER"], check=True,
                              capture_output=True).stdout

    def test_wrong_input(self):
        with open(f"{self.pki}/signer.pem", encoding="ascii") as f:
            pem = f.read()
        table = {
            "nothing": b"", "blank": b"\n \n", "noise": bytes(range(256)), "words": b"hello world\n",
            "dots": b"..", "dots4": b"....", "one": b"{", "list": b"[]", "object": b"{}", "deep": b'{"a":' * 40 + b"1" + b"}" * 40,
            "twice": b'{"kty":"OKP","kty":"OKP"}', "jwk-short": b'{"kty":"OKP","crv":"X25519","x":"AAAA"}',
            "jwk-curve": b'{"kty":"EC","crv":"P-384","x":"AAAA","y":"AAAA"}', "keys": b'{"keys":[{"kty":"OKP"}]}',
            "keys-odd": b'{"keys":[1]}', "nul": b'{"kty":"OKP\\u0000"}', "utf8": b'{"kty":"\xff"}',
            "cut.pem": pem[:200].encode(), "empty.pem": b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
            "bad.pem": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "odd.pem": b"-----BEGIN ODD THING-----\nAAAA\n-----END ODD THING-----\n",
            "plaintext": b'{"passport":1}',
            "key.pem": b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "crl.pem": b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n",
        }
        for name, content in table.items():
            with self.subTest(name):
                self.write("in-" + name, content)
                self.refused("inspect", "in-" + name, says="in-" + name)
        self.refused("inspect", "missing", says="missing: No such file", code="CPS_E_IO")
        self.refused("inspect", self.dir, says="Is a directory", code="CPS_E_IO")
        self.refused("inspect", says="standard input: is empty", stdin="")
        self.faulty("cut", self.passport[:-1], "signature: ")
        for n in (1, 5, len(self.passport) // 2):
            self.refused("inspect", stdin=self.passport[:n], says="standard input: ")


if __name__ == "__main__":
    unittest.main()
