"""cpsctl without a server: verify."""
# presets: dev asan
import os
import time
import unittest

from cpsctl_case import GOOD, NO, ORIG, DEST, TEXT, Case, coded, flip, part


class Verify(Case):
    def test_passed(self):
        line, answer = self.verdict("passed", status=GOOD)
        self.assertRegex(line, r"\Apassed  signer Throwaway STIR signer  iat \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  msgi sha256 ok\n")
        self.assertEqual(answer["msgi"], "sha256 ok")
        self.assertEqual(answer["iat"], part(self.passport, 1)["iat"])
        self.assertFalse(answer["by_spc"])
        self.assertEqual(answer["passport"], self.passport)
        line, _ = self.verdict("passed", passport=self.sign(text=None), status=GOOD)
        self.assertTrue(line.endswith("msgi none\n"))
        self.verdict("msgi-mismatch", message=["--orig", ORIG, "--dest", DEST])
        line, _ = self.verdict("passed", message=[], status=GOOD)
        self.assertTrue(line.endswith("msgi not compared\n"))
        self.verdict("passed", message=["--orig", "+1-215-555-1212", "--dest", "tel:+12155551213", "--text", TEXT],
                     status=GOOD)
        token = self.sign("--allow-spc", name="provider")
        line, answer = self.verdict("passed", "--allow-spc", passport=token, status=GOOD)
        self.assertTrue(line.startswith("passed  signer spc:1234  iat "))
        self.assertEqual(answer["signer"], "spc:1234")
        self.assertTrue(answer["by_spc"])

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
        self.verdict("not-authorized", passport=self.sign("--allow-spc", name="provider"))
        now = int(time.time())
        old = self.sign("--iat", str(now - 100))
        self.verdict("stale", passport=old)
        self.verdict("passed", "--max-age", "200", passport=old, status=GOOD)
        self.verdict("passed", "--at", str(now - 90), passport=old, status=GOOD)
        ahead = self.sign("--iat", str(now + 600))
        self.verdict("stale", passport=ahead)
        self.verdict("passed", "--clock-skew", "3600", passport=ahead, status=GOOD)
        self.verdict("msgi-mismatch", "--require-msgi", passport=self.sign(text=None))

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
        cases = [(pem[:400], "bad-certificate"), (b"", "bad-certificate"), (b"hello\n", "bad-certificate"),
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
            ([*self.trust(), "nothing"], "nothing: empty"),
            ([*self.trust(), "two"], "two: one PASSporT"),
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
