# SPDX-License-Identifier: MIT
"""cpsctl without a server: verify."""
# presets: dev asan
import os
import time
import unittest

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cpsctl_case import GOOD, NO, ORIG, DEST, TEXT, WRONG, Case, b64url, coded, digest, flip, part


class Verify(Case):
    def test_passed(self):
        line, answer = self.verdict("passed", status=GOOD)
        self.assertRegex(line, r"\Apassed  signer Throwaway STIR signer  iat \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  msgi sha256 ok\n")
        self.assertEqual(answer["msgi"], "sha256 ok")
        self.assertEqual(answer["iat"], part(self.passport, 1)["iat"])
        self.assertFalse(answer["by_spc"])
        self.assertEqual(answer["passport"], self.passport)
        self.assertEqual(answer["ppt"], "msg")
        self.assertNotIn("attest", answer)
        line, _ = self.verdict("passed", "--msgi-optional", passport=self.sign(text=None), status=GOOD)
        self.assertTrue(line.endswith("msgi none\n"))
        self.verdict("msgi-mismatch", message=["--orig", ORIG, "--dest", DEST])
        line, _ = self.verdict("passed", message=[], status=GOOD)
        self.assertTrue(line.endswith("msgi not compared\n"))
        self.verdict("passed", message=["--orig", "+1-215-555-1212", "--dest", "tel:+12155551213", "--text", TEXT],
                     status=GOOD)

    def identity(self, token=None, **params):
        """An Identity header's value (RFC 8224 section 4.1); a parameter given as None is left out."""
        all_params = {"info": "<https://certs.example.com/signer.pem>", "alg": "ES256", "ppt": '"msg"', **params}
        return ";".join([token or self.passport, *[f"{k}={v}" for k, v in all_params.items() if v is not None]])

    def test_identity_header(self):
        folded = self.identity().replace(";", ";\r\n ").replace(".", ".\r\n ", 2)
        for value in (self.identity(), self.identity(alg=None), "Identity: " + self.identity() + "\r\n",
                      "y:" + self.identity(ppt="msg"), folded, self.identity(later='"a;b"', info=" <https://certs.example.com/signer.pem> "),
                      self.passport + ";info=<https://certs.example.com/signer.pem>;ppt=msg;"):  # fmt: skip
            with self.subTest(value[-60:]):
                self.verdict("passed", passport=value, status=GOOD)
        self.verdict("msgi-mismatch", passport=self.identity(), message=self.message(text="another text"))
        for value, word in (
            (self.identity(info="<https://evil.example.com/c.pem>"), "info is https://evil.example.com/c.pem, but"),
            (self.identity(ppt="shaken"), "ppt is shaken, but the PASSporT's ppt is msg"),
            (self.identity(ppt=None), "has no ppt parameter"),
            (self.identity(info=None), "no info parameter"),
            (self.identity(alg="RS256"), "alg is RS256"),
            (self.identity() + ";info=<https://certs.example.com/signer.pem>", "info twice"),
            (self.identity(".." + self.passport.split(".")[2]), "compact form"),
            (";info=<https://certs.example.com/signer.pem>", "malformed"),
        ):
            with self.subTest(word):
                done = self.run_tool("verify", "--trust", f"{self.pki}/root.pem", "--x5u-dir", f"{self.pki}/certs", stdin=value)
                self.assertNotEqual(done.returncode, GOOD)
                self.assertIn(word, done.stderr + done.stdout)

    def test_long_numbers_show_what_was_checked(self):
        """With --max-digits above 15 the digest was compared, and that is printed."""
        long_orig = "12155551212000000"
        out = self.path("long-pki")
        self.run_ok("pki", "--out", out, "--spc", "1234")
        number = ["--max-digits", "17", "--numbers", self.write("long.csv", "1215555,1234\n")]
        token = self.run_ok("sign", "--key", f"{out}/signer.key", "--cert", f"{out}/signer.pem", "--x5u",
                            "https://certs.example.com/signer.pem", *number, *self.message(orig=long_orig)).stdout.strip()
        trust = ["--trust", f"{out}/root.pem", "--x5u-dir", f"{out}/certs"]
        line, answer = self.verdict("passed", *number, trust=trust, passport=token, status=GOOD,
                                    message=self.message(orig=long_orig))
        self.assertTrue(line.endswith("msgi sha256 ok\n"), line)
        self.assertEqual(answer["msgi"], "sha256 ok")

    def test_sip_codes(self):
        """RFC 8224 section 6.2.2."""
        for verdict, sip, keys in (
            ("msgi-mismatch", 438, {"message": self.message(text="another")}),
            ("orig-mismatch", 438, {"message": self.message(orig="12155551214")}),
            ("dest-mismatch", 438, {"message": self.message(dest="12155551214")}),
        ):
            with self.subTest(verdict):
                self.assertEqual(self.verdict(verdict, **keys)[1]["sip"], sip)

    def test_national_numbers(self):
        numbers = ["--country-code", "1", "--national-prefix", "0", "--international-prefix", "00"]
        token = self.sign(*numbers, orig="02155551212", dest=("02155551213",))
        self.verdict("passed", *numbers, passport=token, status=GOOD,
                     message=["--orig", "02155551212", "--dest", "0012155551213", "--text", TEXT])

    def test_national_digits(self):
        numbers = ["--country-code", "1", "--national-digits", "10"]
        self.verdict("passed", *numbers, status=GOOD, message=self.message("2155551212", "2155551213"))
        self.verdict("orig-mismatch", *numbers, message=self.message("442155551212", "2155551213"))

    def test_verdicts(self):
        self.verdict("msgi-mismatch", message=self.message(text=TEXT + " "))
        self.verdict("msgi-mismatch", message=self.message(text=""))
        self.verdict("orig-mismatch", message=self.message(orig="12155551214"))
        self.verdict("dest-mismatch", message=self.message(dest="12155551214"))
        now = int(time.time())
        old = self.sign("--iat", str(now - 100))
        self.verdict("stale", passport=old)
        self.run_ok("verify", *self.trust(), *self.message(), "--max-age", "200", "--replay-file", "old.db", stdin=old)
        self.verdict("passed", "--at", str(now - 90), passport=old, status=GOOD)
        ahead = self.sign("--iat", str(now + 600))
        self.verdict("stale", passport=ahead)
        self.verdict("passed", "--clock-skew", "3600", passport=ahead, status=GOOD)
        line, _ = self.verdict("unsupported", passport=self.sign(text=None))
        self.assertIn("no msgi", line)

    def test_f12_a_calls_passport_does_not_vouch_for_a_text(self):
        shaken = ("A", "C", {"a": 1})
        for attest in shaken:
            with self.subTest(attest):
                _, answer = self.verdict("unsupported", passport=self.call("shaken", attest=attest, origid="x"))
                self.assertEqual((answer["ppt"], answer.get("attest")), ("shaken", attest if attest != shaken[2] else None))
        _, answer = self.verdict("unsupported", passport=self.call(None))
        self.assertEqual(answer["ppt"], "baseline")
        accept = ["--accept-types", "msg,shaken,baseline"]
        line, answer = self.verdict("passed", *accept, passport=self.call("shaken", attest="A", origid="x"), status=GOOD)
        self.assertTrue(line.endswith("msgi none  ppt shaken (a call's), attestation A\n"), line)
        self.assertEqual((answer["ppt"], answer["attest"]), ("shaken", "A"))
        for attest in ("B", *shaken[1:]):
            self.verdict("unsupported", *accept, passport=self.call("shaken", attest=attest, origid="x"))
        line, _ = self.verdict("passed", *accept, passport=self.call(None), status=GOOD)
        self.assertTrue(line.endswith("msgi none  ppt baseline (a call's)\n"), line)
        self.refused("verify", *self.trust(), "--accept-types", "shaken", "passport", says="msg is missing")
        self.refused("verify", *self.trust(), "--accept-types", "msg,div", "passport", says='unknown type "div"')

    def call(self, ppt, **claims):
        """A PASSporT from ORIG as it is made for a call, with the signer's key. `claims` are added or replaced."""
        header = {"alg": "ES256", "typ": "passport", "x5u": "https://certs.example.com/signer.pem"}
        if ppt:
            header["ppt"] = ppt
        claims = {"dest": {"tn": [DEST]}, "iat": int(time.time()), "orig": {"tn": ORIG}, **claims}
        with open(f"{self.pki}/signer.key", "rb") as file:
            key = load_pem_private_key(file.read(), None)
        signed = f"{coded(header)}.{coded(claims)}"
        r, s = utils.decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{b64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def test_f26_what_is_not_understood_in_dest_leaves_our_number(self):
        many = [str(12155552000 + i) for i in range(254)]
        for dest in ({"tn": [DEST], "uri": ["sip:example.com"]}, {"tn": [DEST], "uri": ["https://a/#x"]},
                     {"tn": [DEST], "uri": []}, {"tn": ["1", DEST]}, {"tn": [*many[:64], DEST]}, {"tn": [*many, DEST]}):
            with self.subTest(str(dest)[:80]):
                token = self.call("msg", dest=dest, msgi=digest(TEXT.encode()))
                self.verdict("passed", passport=token, status=GOOD)
                self.verdict("dest-mismatch", passport=token, message=self.message(dest="12155551999"))
                self.verdict("msgi-mismatch", passport=token, message=self.message(text="another"))

    def test_f13_a_provider_signs_for_its_own_numbers_only(self):
        """--numbers decides, with --allow-spc and without."""
        self.write("numbers.csv", b"1215555,1000\n")
        self.write("own.csv", b"# ours\n1215,1000\n1215555,1234\n")
        self.write("others.csv", b"44,1234\n")
        forged = self.sign("--numbers", "own.csv", name="provider")
        line, _ = self.verdict("not-authorized", "--numbers", "numbers.csv", passport=forged)
        self.assertIn("the number belongs to provider 1000\n", line)
        line, _ = self.verdict("not-authorized", "--numbers", "others.csv", passport=forged)
        self.assertIn("the number table does not have the number\n", line)
        line, _ = self.verdict("not-authorized", passport=forged)
        self.assertIn("a number table would tell", line)
        line, answer = self.verdict("passed", "--numbers", "own.csv", passport=forged, status=GOOD)
        self.assertTrue(line.startswith("passed  signer spc:1234  "), line)
        self.assertEqual(answer["signer"], "spc:1234")
        self.assertTrue(answer["by_spc"])
        verify = ["verify", *self.trust(), *self.message(), "--allow-spc"]
        done = self.run_tool(*verify, "--numbers", "numbers.csv", stdin=forged)
        self.assertEqual((done.returncode, done.stdout.split()[0]), (NO, "not-authorized"))
        self.assertRegex(done.stderr, r"\Acpsctl: warning: allow_spc has no effect: .*\n\Z")
        self.assertEqual(self.run_tool(*verify, stdin=forged).returncode, GOOD)
        base = ["sign", *self.signer("provider"), *self.message()]
        self.refused(*base, "--numbers", "numbers.csv", says="belongs to provider 1000", code="CPS_E_CERT_SCOPE")
        self.refused(*base, "--numbers", "others.csv", says="the number table does not have the number", code="CPS_E_CERT_SCOPE")
        self.refused(*base, says="a number table would tell", code="CPS_E_CERT_SCOPE")
        done = self.run_tool(*base, "--numbers", "numbers.csv", "--allow-spc")
        self.assertEqual(done.returncode, WRONG)
        self.assertRegex(done.stderr, r"\Acpsctl: warning: allow_spc has no effect: .*\ncpsctl: .*provider 1000\n\Z")
        self.assertRegex(self.run_tool(*base, "--allow-spc").stderr,
                         r"\Acpsctl: warning: allow_spc without a number table: .*\n\Z")

    def test_f29_expired_by_exp(self):
        now = int(time.time())
        for claims in ({"exp": now - 30}, {"exp": now - 30.5}, {"nbf": now + 3600}, {"nbf": now + 3600.5}):
            with self.subTest(claims):
                self.verdict("stale", "--accept-types", "msg,baseline", passport=self.call(None, **claims))
        self.verdict("passed", "--accept-types", "msg,baseline", passport=self.call(None, exp=now + 600.5, nbf=now - 5),
                     status=GOOD)

    def test_trust(self):
        other = self.path("other-pki")
        self.run_ok("pki", "--out", other, "--tn", ORIG)
        trust = ["--trust", f"{other}/root.pem", "--x5u-dir", f"{self.pki}/certs"]
        self.verdict("untrusted-certificate", trust=trust)
        trust = ["--trust", f"{self.pki}/root.pem", "--x5u-dir", f"{other}/certs"]
        self.verdict("untrusted-certificate", trust=trust)
        out = self.path("old-pki")
        self.run_ok("pki", "--out", out, "--tn", ORIG, "--from", "2020-01-01T00:00:00Z", "--days", "10")
        token = self.run_ok("sign", "--key", f"{out}/signer.key", "--cert", f"{out}/signer.pem", "--x5u",
                            "https://certs.example.com/signer.pem", *self.message(), "--iat",
                            "2020-01-05T00:00:00Z").stdout.strip()
        trust = ["--trust", f"{out}/root.pem", "--x5u-dir", f"{out}/certs"]
        self.verdict("passed", "--at", "2020-01-05T00:00:30Z", trust=trust, passport=token, status=GOOD)

    def test_damaged_certificates(self):
        certs = self.path("damaged-certs")
        os.mkdir(certs)
        with open(f"{self.pki}/signer.pem", "rb") as f:
            pem = f.read()
        trust = ["--trust", f"{self.pki}/root.pem", "--x5u-dir", certs]
        # RFC 8224 section 6.2.2: what is no certificate could not be acquired (436), one that cannot be used is 437
        cases = [(pem[:400], "certificate-unreachable"), (b"", "certificate-unreachable"),
                 (b"hello\n", "certificate-unreachable"), (b"\x30\x82\x01\x00junk", "certificate-unreachable"),
                 (pem + b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "bad-certificate"),
                 (pem[:pem.index(b"-----END") + 26], "untrusted-certificate")]
        for content, expected in cases:
            with self.subTest(content[-40:]):
                with open(f"{certs}/signer.pem", "wb") as f:
                    f.write(content)
                self.verdict(expected, trust=trust)

    def test_forged(self):
        header, claims, signature = self.passport.split(".")

        self.verdict("bad-signature", passport=flip(self.passport, len(self.passport) - 20))
        changed = dict(part(self.passport, 1), iat=part(self.passport, 1)["iat"] + 1)
        self.verdict("bad-signature", passport=".".join([header, coded(changed), signature]))
        for alg in ("none", "HS256", "ES384", "RS256"):
            with self.subTest(alg):
                self.assert_not_passed(".".join([coded(dict(part(self.passport, 0), alg=alg)), claims, signature]))
        for head in ({"crit": ["x"]}, {"typ": "JWT"}, {"ppt": "mky"}, {"x5u": "http://certs.example.com/signer.pem"}):
            with self.subTest(head):
                self.assert_not_passed(".".join([coded({**part(self.passport, 0), **head}), claims, signature]))
        for iat in ("1", -1, 1.5, None, 2 ** 63):
            with self.subTest(iat):
                self.assert_not_passed(".".join([header, coded(dict(part(self.passport, 1), iat=iat)), signature]))

    def assert_not_passed(self, passport):
        done = self.run_tool("verify", *self.trust(), *self.message(), stdin=passport)
        self.assertEqual((done.returncode, done.stderr), (NO, ""), passport)
        self.assertNotIn("passed", done.stdout)
        self.assertEqual(done.stdout.count("\n"), 1)

    def test_cut_passports(self):
        dots = [i for i, c in enumerate(self.passport) if c == "."]
        last = len(self.passport)
        for cut in sorted({1, last - 1, last - 2, last - 43} | {d + k for d in dots for k in (-1, 0, 1, 2)}):
            with self.subTest(cut):
                self.assert_not_passed(self.passport[:cut])
        self.assert_not_passed("rubbish")
        self.assert_not_passed(self.envelope)

    def test_max_age_above_a_minute_needs_a_replay_file(self):
        self.refused("verify", *self.trust(), *self.message(), "--max-age", "61", "passport", says="--replay-file",
                     code="CPS_E_USAGE")
        self.verdict("passed", "--max-age", "60", status=GOOD)

    def test_replay_file(self):
        args = ["verify", *self.trust(), *self.message(), "--replay-file", "replay.db", "passport"]
        self.run_ok(*args)
        done = self.run_tool(*args)
        self.assertEqual(done.returncode, NO)
        self.assertTrue(done.stdout.startswith("replayed  "))
        self.refused(*args[:-2], "no/such/replay.db", "passport", code="CPS_E_REPLAY_STORE")

    def test_wrong_input(self):
        self.write("nothing", b"")
        self.write("two", self.passport + "\n" + self.passport + "\n")
        self.write("rubbish.pem", "rubbish")
        root = f"{self.pki}/root.pem"
        table = [
            ([*self.trust(), "missing"], "missing: No such file"),
            ([*self.trust(), self.dir], "Is a directory"),
            ([*self.trust(), "nothing"], "nothing: is empty"),
            ([*self.trust(), "two"], "two: contains several lines"),
            (["--trust", "missing", "passport"], "missing"),
            (["--trust", "nothing", "passport"], "nothing"),
            (["--trust", "rubbish.pem", "passport"], "rubbish.pem"),
            (["--trust", self.dir, "passport"], self.dir),
            ([*self.trust(), "--cert", "missing", "passport"], "missing"),
            ([*self.trust(), "--cert", "rubbish.pem", "passport"], "rubbish.pem"),
            ([*self.trust(), "--crl", "missing", "passport"], "missing"),
            ([*self.trust(), "--crl", "rubbish.pem", "passport"], "rubbish.pem"),
            ([*self.trust(), "--orig", "abc", "--dest", DEST, "passport"], "--orig"),
            ([*self.trust(), "--orig", ORIG, "--dest", "%00", "passport"], "--dest"),
            (["--trust", root, "--x5u-dir", "missing", "passport"], "missing"),
        ]
        for args, says in table:
            with self.subTest(" ".join(args)):
                self.refused("verify", *args, says=says)


if __name__ == "__main__":
    unittest.main()
