# SPDX-License-Identifier: MIT
"""cpsctl without a server: sign, encrypt and decrypt."""
# presets: dev asan
import hashlib
import json
import os
import subprocess
import time
import unittest

from cpsctl_case import GOOD, NO, ORIG, DEST, TEXT, Case, b64url, coded, digest, flip, part, unb64url


class Sign(Case):
    def test_what_is_signed(self):
        now = int(time.time())
        token = self.sign("--iat", str(now - 5), dest=("+1 (215) 555-1213", "sip:bob@EXAMPLE.com"))
        self.assertEqual(part(token, 0), {"alg": "ES256", "ppt": "msg", "typ": "passport",
                                          "x5u": "https://certs.example.com/signer.pem"})
        claims = part(token, 1)
        self.assertEqual(claims["dest"], {"tn": [DEST], "uri": ["sip:bob@example.com"]})
        self.assertEqual(claims["orig"], {"tn": ORIG})
        self.assertEqual(claims["iat"], now - 5)
        self.assertEqual(claims["msgi"], digest(TEXT.encode()))
        self.assertEqual(unb64url(token.split(".")[1]), json.dumps(claims, separators=(",", ":"), sort_keys=True).encode())

    def test_body_forms(self):
        body = bytes(range(256)) + b"\r\n\n"
        self.write("body", body)
        self.write("empty", b"")
        base = ["sign", *self.signer(), "--orig", ORIG, "--dest", DEST]
        # certificates made now were not valid then
        self.refused(*base, "--iat", "2020-01-02T03:04:05Z", code="CPS_E_CERT_TIME")

        def msgi(*more, **kwargs):
            return part(self.run_ok(*base, *more, **kwargs).stdout, 1).get("msgi")

        self.assertEqual(msgi("--body", "body"), digest(body))
        self.assertEqual(msgi("--body", "-", stdin="hello"), msgi("--text", "hello"))
        self.assertEqual(msgi("--body", "empty"), msgi("--text", ""))
        self.assertTrue(msgi("--text", "").startswith("sha256-47DEQpj8HBSa"))
        self.assertIsNone(msgi())
        self.write("large", b"x" * (1 << 20))
        self.assertTrue(msgi("--body", "large"))
        self.write("larger", b"x" * ((1 << 20) + 1))
        self.refused(*base, "--body", "larger", says="larger: the file is larger than", code="CPS_E_TOO_BIG")
        self.refused(*base, "--body", "missing", says="missing: No such file", code="CPS_E_IO")
        self.refused(*base, "--body", self.dir, says="Is a directory", code="CPS_E_IO")

    def test_only_what_the_certificate_covers(self):
        for orig in (ORIG, "12155559000", "12155559099"):
            self.sign(orig=orig)
        for orig in ("12155551214", "12155558999", "12155559100", "sip:alice@example.com"):
            with self.subTest(orig):
                self.refused("sign", *self.signer(), "--orig", orig, "--dest", DEST, code="CPS_E_CERT_SCOPE")
        self.refused("sign", *self.signer("provider"), "--orig", ORIG, "--dest", DEST, code="CPS_E_CERT_SCOPE")
        self.write("numbers.csv", b"1215555,1234\n")
        self.sign("--numbers", "numbers.csv", name="provider")

    def test_f30_spellings_that_name_another_number_are_errors(self):
        base = ["sign", *self.signer(), "--orig", ORIG, "--text", TEXT]
        self.refused(*base, "--dest", "+44 (0)20 7123 4567", says="leave out the 0", code="CPS_E_TN")
        self.refused(*base, "--dest", "+0044 20 7123 4567", says="no country code begins with 0", code="CPS_E_TN")

    def test_claim_constraints(self):
        self.run_ok("pki", "--out", self.pki, "--name", "strict", "--tn", ORIG, "--must-include", "msgi")
        self.sign(name="strict")
        self.refused("sign", *self.signer("strict"), "--orig", ORIG, "--dest", DEST, says="msgi",
                     code="CPS_E_CERT_CONSTRAINT")

    def test_wrong_input(self):
        key, cert, x5u = (["--key", f"{self.pki}/signer.key"], ["--cert", f"{self.pki}/signer.pem"],
                          ["--x5u", "https://certs.example.com/signer.pem"])
        who = ["--orig", ORIG, "--dest", DEST]
        with open(f"{self.pki}/signer.pem", "rb") as f:
            pem = f.read()
        self.write("cut.pem", pem[:len(pem) // 4])
        self.write("half.pem", pem[:len(pem) - 30])
        self.write("nothing", b"")
        self.write("text", b"hello\n")
        table = [
            ([*key, *cert, *x5u, "--orig", "", "--dest", DEST], "--orig"),
            ([*key, *cert, *x5u, "--orig", "abc", "--dest", DEST], "--orig"),
            ([*key, *cert, *x5u, "--orig", "1234567890123456", "--dest", DEST], "--orig"),
            ([*key, *cert, *x5u, "--orig", ORIG, "--dest", ""], "--dest"),
            ([*key, *cert, *x5u, "--orig", ORIG, "--dest", "12\n34"], "--dest"),
            ([*key, *cert, *x5u, "--orig", ORIG, "--dest", DEST, "--dest", "x y"], "--dest"),
            ([*key, *cert, "--x5u", "http://certs.example.com/a", *who], "x5u"),
            ([*key, *cert, "--x5u", "nonsense", *who], "x5u"),
            ([*key, *cert, "--x5u", "https://certs.example.com/a#b", *who], "x5u"),
            (["--key", "missing", *cert, *x5u, *who], "missing"),
            (["--key", self.dir, *cert, *x5u, *who], self.dir),
            (["--key", "nothing", *cert, *x5u, *who], "nothing"),
            (["--key", "text", *cert, *x5u, *who], "text"),
            (["--key", f"{self.pki}/signer.pem", *cert, *x5u, *who], "signer.pem"),
            (["--key", "carol.pub", *cert, *x5u, *who], "carol.pub"),
            (["--key", "bob.jwk", *cert, *x5u, *who], "cpsctl: "),
            (["--key", f"{self.pki}/provider.key", *cert, *x5u, *who], "cpsctl: "),
            ([*key, "--cert", "missing", *x5u, *who], "missing"),
            ([*key, "--cert", self.dir, *x5u, *who], self.dir),
            ([*key, "--cert", "nothing", *x5u, *who], "nothing"),
            ([*key, "--cert", "cut.pem", *x5u, *who], "cut.pem"),
            ([*key, "--cert", "half.pem", *x5u, *who], "half.pem"),
            ([*key, "--cert", f"{self.pki}/signer.key", *x5u, *who], "signer.key"),
            ([*key, "--cert", f"{self.pki}/root.pem", *x5u, *who], "root.pem"),
        ]
        for args, says in table:
            with self.subTest(" ".join(args)):
                self.refused("sign", *args, says=says)

    def test_encrypted_key_is_not_asked_for(self):
        done = subprocess.run(["openssl", "pkcs8", "-topk8", "-in", f"{self.pki}/signer.key", "-out",
                               self.path("locked.key"), "-passout", "pass:x"], capture_output=True, check=False)
        self.assertEqual(done.returncode, 0)
        self.refused("sign", "--key", "locked.key", "--cert", f"{self.pki}/signer.pem", "--x5u",
                     "https://certs.example.com/signer.pem", "--orig", ORIG, "--dest", DEST, says="encrypted")
        self.refused("inspect", "locked.key", says="locked.key")


class EncryptDecrypt(Case):
    def test_round_trip(self):
        for name in ("bob", "carol"):
            with self.subTest(name):
                sealed = self.run_ok("encrypt", "--to", f"{name}.pub", "passport").stdout
                self.assertEqual(sealed.count("\n"), 1)
                self.assertEqual(self.run_ok("decrypt", "--key", f"{name}.jwk", stdin=sealed).stdout,
                                 self.passport + "\n")

    def test_several_keys_and_envelopes(self):
        answer = self.run_json("encrypt", "--to", "bob.pub", "--to", "carol.pub", "passport")
        envelopes = [e["envelope"] for e in answer["envelopes"]]
        self.assertEqual(len(set(envelopes)), 2)
        for e in answer["envelopes"]:
            start = hashlib.sha256(e["envelope"].encode()).digest()[:16]
            self.assertEqual(e["id"], b64url(start))
            self.assertEqual(e["octets"], len(e["envelope"]))
        box = "\r\n\n".join(envelopes) + "\n"
        for name in ("bob", "carol"):
            opened = json.loads(self.run_ok("decrypt", "--key", f"{name}.jwk", "--json", stdin=box).stdout)
            self.assertEqual((len(opened["opened"]), opened["unopened"]), (1, 1))
            self.assertEqual(opened["opened"][0]["passport"], self.passport)
        both = self.run_ok("decrypt", "--key", "carol.jwk", "--key", "bob.jwk", stdin=box).stdout
        self.assertEqual(both, (self.passport + "\n") * 2)
        self.refused("decrypt", "--key", "eve.jwk", stdin=box, status=NO, says="no envelope can be opened", code="CPS_E_DECRYPT")
        self.refused("decrypt", "--key", "eve.jwk", "envelope", status=NO, says="envelope: the envelope cannot be opened")

    def test_chain_travels(self):
        sealed = self.run_ok("encrypt", "--to", "bob.pub", "--cert", f"{self.pki}/signer.pem", "passport").stdout
        answer = json.loads(self.run_ok("decrypt", "--key", "bob.jwk", "--json", stdin=sealed).stdout)
        self.assertEqual(len(answer["opened"][0]["x5c"]), 2)
        self.run_ok("decrypt", "--key", "bob.jwk", "--cert-out", "came.pem", stdin=sealed)
        with open(self.path("came.pem"), "rb") as came, open(f"{self.pki}/signer.pem", "rb") as sent:
            self.assertEqual(came.read(), sent.read())
        os.mkdir(self.path("no-certs"))
        trust = ["--trust", f"{self.pki}/root.pem", "--x5u-dir", self.path("no-certs")]
        self.verdict("certificate-unreachable", trust=trust)
        self.verdict("passed", "--cert", "came.pem", trust=trust, status=GOOD)
        self.refused("decrypt", "--key", "bob.jwk", "--cert-out", "x.pem", "envelope", says="contains no certificates")
        self.refused("decrypt", "--key", "bob.jwk", "--cert-out", "x.pem", stdin=sealed + sealed, says="--cert-out")
        self.refused("decrypt", "--key", "bob.jwk", "--cert-out", "no/such/x.pem", stdin=sealed, says="no/such/x.pem")
        self.assertFalse(os.path.exists(self.path("x.pem")))

    def test_cut_envelopes(self):
        dots = [i for i, c in enumerate(self.envelope) if c == "."]
        last = len(self.envelope)
        cuts = {1, 2, last - 1, last - 2, last - 3, last - 4} | {d + k for d in dots for k in (-1, 0, 1, 2)}
        for cut in sorted(cuts):
            with self.subTest(cut):
                self.refused("decrypt", "--key", "bob.jwk", stdin=self.envelope[:cut], says="standard input: ")

    def test_changed_envelopes(self):
        header, _, iv, cipher, tag = (self.envelope.split("."))
        at_cipher = self.envelope.index(cipher)
        at_tag = self.envelope.index(tag)
        for index in (self.envelope.index(iv), at_cipher, at_cipher + len(cipher) // 2, at_tag):
            with self.subTest(index):
                self.refused("decrypt", "--key", "bob.jwk", stdin=flip(self.envelope, index), status=NO)
        head = json.loads(unb64url(header))
        for change in ({"kid": "1"}, {"zip": "DEF"}, {"crit": ["x"]}, {"alg": "dir"}, {"enc": "A128CBC-HS256"},
                       {"epk": None}, {"epk": {"kty": "OKP", "crv": "X25519", "x": "A" * 43}}):
            with self.subTest(change):
                forged = ".".join([coded({**head, **change}), "", iv, cipher, tag])
                self.refused("decrypt", "--key", "bob.jwk", stdin=forged)

    def test_wrong_input(self):
        self.write("nothing", b"")
        self.write("blank", b" \n\r\n\t\n")
        self.write("noise", bytes(range(256)))
        self.write("two", self.passport + "\nrubbish\n")
        self.write("two-envelopes", self.envelope + "\n\nrubbish\n")
        with open(f"{self.pki}/signer.pem", "rb") as f:
            pem = f.read()
        self.write("damaged.pem", pem + b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        encrypt = ["encrypt", "--to", "bob.pub"]
        decrypt = ["decrypt", "--key", "bob.jwk"]
        table = [
            ([*encrypt, "missing"], "missing: No such file"),
            ([*encrypt, self.dir], "Is a directory"),
            ([*encrypt, "nothing"], "nothing: is empty"),
            ([*encrypt, "blank"], "blank: is empty"),
            ([*encrypt, "noise"], "noise"),
            ([*encrypt, "envelope"], "envelope: "),
            ([*encrypt, "two"], "two, line 2: "),
            ([*encrypt, f"{self.pki}/signer.pem"], "signer.pem"),
            (["encrypt", "--to", "missing", "passport"], "missing"),
            (["encrypt", "--to", "nothing", "passport"], "nothing"),
            (["encrypt", "--to", "noise", "passport"], "noise"),
            (["encrypt", "--to", self.dir, "passport"], self.dir),
            ([*encrypt, "--to", "missing", "passport"], "missing"),
            ([*encrypt, "--cert", "missing", "passport"], "missing"),
            ([*encrypt, "--cert", "nothing", "passport"], "nothing"),
            ([*encrypt, "--cert", "damaged.pem", "passport"], "damaged.pem"),
            ([*encrypt, "--cert", f"{self.pki}/root.pem", "passport"], "root.pem"),
            ([*decrypt, "missing"], "missing: No such file"),
            ([*decrypt, self.dir], "Is a directory"),
            ([*decrypt, "nothing"], "nothing: is empty"),
            ([*decrypt, "noise"], "noise"),
            ([*decrypt, "passport"], "passport: "),
            ([*decrypt, "two-envelopes"], "two-envelopes, line 3: "),
            (["decrypt", "--key", "bob.pub", "envelope"], "bob.pub"),
            (["decrypt", "--key", "missing", "envelope"], "missing"),
            (["decrypt", "--key", "nothing", "envelope"], "nothing"),
            (["decrypt", "--key", "bob.jwk", "--key", "missing", "envelope"], "missing"),
        ]
        for args, says in table:
            with self.subTest(" ".join(args)):
                self.refused(*args, says=says)

    def test_cut_passports_are_not_encrypted(self):
        dots = [i for i, c in enumerate(self.passport) if c == "."]
        last = len(self.passport)
        for cut in sorted({1, last - 1, last - 2, last // 2} | {d + k for d in dots for k in (-1, 0, 1, 2)}):
            with self.subTest(cut):
                self.refused("encrypt", "--to", "bob.pub", stdin=self.passport[:cut], says="standard input: ")

    def test_key_forms(self):
        with open(self.path("carol.jwk"), encoding="ascii") as f:
            jwk = f.read()
        self.write("set.jwk", '{"keys":[' + jwk + "]}")
        sealed = self.run_ok("encrypt", "--to", "carol.pub", "passport").stdout
        self.assertEqual(self.run_ok("decrypt", "--key", "set.jwk", stdin=sealed).stdout, self.passport + "\n")
        for name in ("pem", "der"):
            subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out",
                            self.path("ec.pem")], check=True, capture_output=True)
            subprocess.run(["openssl", "pkey", "-in", self.path("ec.pem"), "-outform", name, "-out",
                            self.path("ec." + name + "1")], check=True, capture_output=True)
            subprocess.run(["openssl", "pkey", "-in", self.path("ec.pem"), "-pubout", "-outform", name, "-out",
                            self.path("ec.pub")], check=True, capture_output=True)
            sealed = self.run_ok("encrypt", "--to", "ec.pub", "passport").stdout
            self.assertEqual(self.run_ok("decrypt", "--key", "ec." + name + "1", stdin=sealed).stdout,
                             self.passport + "\n")
        subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-out", self.path("rsa.pem")], check=True,
                       capture_output=True)
        self.refused("encrypt", "--to", "rsa.pem", "passport", says="rsa.pem", code="CPS_E_KEY")


if __name__ == "__main__":
    unittest.main()
