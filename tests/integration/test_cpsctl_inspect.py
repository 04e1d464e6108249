"""cpsctl without a server: inspect."""
# presets: dev asan
import hashlib
import json
import os
import subprocess
import unittest

from cpsctl_case import ORIG, DEST, Case, b64url, coded, digest, part


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
        self.assertEqual(shown["ciphertext"] % 256, 0)
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
        self.write("more.der", der + b"\0")
        self.refused("inspect", "more.der", says="more.der: ")

    def der(self):
        return subprocess.run(["openssl", "x509", "-in", f"{self.pki}/signer.pem", "-outform", "DER"], check=True,
                              capture_output=True).stdout

    def test_wrong_input(self):
        with open(f"{self.pki}/signer.pem", encoding="ascii") as f:
            pem = f.read()
        b64 = self.passport.split(".")[1]
        table = {
            "nothing": b"", "blank": b"\n \n", "noise": bytes(range(256)), "words": b"hello world\n",
            "dots": b"..", "dots4": b"....", "one": b"{", "list": b"[]", "object": b"{}", "deep": b'{"a":' * 40 + b"1" + b"}" * 40,
            "twice": b'{"kty":"OKP","kty":"OKP"}', "jwk-short": b'{"kty":"OKP","crv":"X25519","x":"AAAA"}',
            "jwk-curve": b'{"kty":"EC","crv":"P-384","x":"AAAA","y":"AAAA"}', "keys": b'{"keys":[{"kty":"OKP"}]}',
            "keys-odd": b'{"keys":[1]}', "nul": b'{"kty":"OKP\\u0000"}', "utf8": b'{"kty":"\xff"}',
            "cut.pem": pem[:200].encode(), "empty.pem": b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
            "bad.pem": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "odd.pem": b"-----BEGIN ODD THING-----\nAAAA\n-----END ODD THING-----\n",
            "second.pem": (pem + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").encode(),
            "padded": self.passport.replace(b64, b64 + "=").encode(), "spaced": self.passport.replace(b64, b64[:9] + " " + b64[9:]).encode(),
            "standard": self.passport.replace(b64, "+/" + b64[2:]).encode(), "plaintext": b'{"passport":1}',
            "key.pem": b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "crl.pem": b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n",
        }
        for name, content in table.items():
            with self.subTest(name):
                self.write("in-" + name, content)
                self.refused("inspect", "in-" + name, says="in-" + name)
        self.refused("inspect", "missing", says="missing: No such file", code="CPS_E_IO")
        self.refused("inspect", self.dir, says="Is a directory", code="CPS_E_IO")
        self.refused("inspect", says="standard input: empty", stdin="")
        cut = sorted({1, 5, len(self.passport) // 2, len(self.passport) - 1})
        for n in cut:
            self.refused("inspect", stdin=self.passport[:n], says="standard input: ")


if __name__ == "__main__":
    unittest.main()
