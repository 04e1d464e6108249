# SPDX-License-Identifier: MIT
"""cpsctl without a server: pki and keygen."""
# presets: dev asan
import json
import os
import shutil
import stat
import subprocess
import tempfile
import unittest

from cpsctl_case import ORIG, Case


class Pki(Case):
    def files(self, directory):
        return sorted(os.path.relpath(os.path.join(d, f), directory) for d, _, fs in os.walk(directory) for f in fs)

    def contents(self, directory):
        found = {}
        for name in self.files(directory):
            with open(os.path.join(directory, name), "rb") as f:
                found[name] = f.read()
        return found

    def test_files(self):
        out = self.path("all")
        answer = self.run_json("pki", "--out", out, "--spc", "1234", "--server-name", "localhost,127.0.0.1,::1",
                               "--x5u-base", "https://cert.example.org:8443/stir/")
        self.assertEqual(self.files(out), ["certs/signer.pem", "intermediate.key", "intermediate.pem", "root.key",
                                           "root.pem", "signer.key", "signer.pem", "tls-root.key", "tls-root.pem",
                                           "tls.key", "tls.pem"])
        for name in self.files(out):
            mode = stat.S_IMODE(os.stat(os.path.join(out, name)).st_mode)
            self.assertEqual(mode & 0o077 == 0, name.endswith(".key"), name)
        self.assertEqual(answer["signer"]["x5u"], "https://cert.example.org:8443/stir/signer.pem")
        self.assertIn("throwaway", answer["kind"])
        self.assertIn("for tests only", answer["note"])
        with open(f"{out}/signer.pem", "rb") as chain, open(f"{out}/certs/signer.pem", "rb") as copy:
            self.assertEqual(chain.read(), copy.read())
        shown = self.run_json("inspect", f"{out}/tls.pem")
        self.assertEqual(shown["names"], ["DNS:localhost", "IP Address:127.0.0.1", "IP Address:0:0:0:0:0:0:0:1"])
        for args in (["-CAfile", f"{out}/root.pem", "-untrusted", f"{out}/intermediate.pem", f"{out}/signer.pem"],
                     ["-CAfile", f"{out}/tls-root.pem", "-purpose", "sslserver", f"{out}/tls.pem"]):
            done = subprocess.run(["openssl", "verify", *args], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_second_call_uses_the_same_root(self):
        out = self.path("twice")
        self.run_ok("pki", "--out", out, "--tn", "1")
        before = self.contents(out)
        self.refused("pki", "--out", out, "--tn", "2", says="signer.pem: exists")
        self.assertEqual(before, self.contents(out))
        self.run_ok("pki", "--out", out, "--tn", "2", "--name", "other")
        self.run_ok("pki", "--out", out, "--tn", "3", "--force")
        after = self.contents(out)
        for name, content in before.items():
            self.assertEqual(after[name] == content, name.startswith(("root", "intermediate")), name)
        self.assertEqual(self.run_json("inspect", f"{out}/signer.pem")["certificates"][0]["TNAuthList"], "tn:3")

    def test_server_name_alone(self):
        out = self.path("tls-only")
        self.run_ok("pki", "--out", out, "--server-name", "cps.example.com")
        self.assertEqual(self.files(out), ["tls-root.key", "tls-root.pem", "tls.key", "tls.pem"])

    def test_wrong_input_leaves_nothing(self):
        out = self.path("never")
        file_there = self.write("a-file", "x")
        table = [
            (["--out", out], "--spc, --tn, --range or --uri: missing"),
            (["--out", "-", "--tn", "1"], "--out: must be"),
            (["--out", "", "--tn", "1"], "--out: must be"),
            (["--out", out, "--tn", "12a"], "--tn"),
            (["--out", out, "--tn", ""], "--tn"),
            (["--out", out, "--tn", "1234567890123456"], "--tn"),
            (["--out", out, "--range", "12155551212"], "--range"),
            (["--out", out, "--range", "12155551212+0"], "--range"),
            (["--out", out, "--range", "99+2"], "--range"),
            (["--out", out, "--spc", ""], "--spc"),
            (["--out", out, "--tn", "1", "--days", "0"], "--days"),
            (["--out", out, "--tn", "1", "--name", "root"], "--name"),
            (["--out", out, "--tn", "1", "--name", "../x"], "--name"),
            (["--out", out, "--tn", "1", "--name", ".x"], "--name"),
            (["--out", out, "--tn", "1", "--name", ""], "--name"),
            (["--out", out, "--tn", "1", "--name", "a" * 41], "--name"),
            (["--out", out, "--tn", "1", "--x5u-base", "http://a.example"], "--x5u-base"),
            (["--out", out, "--tn", "1", "--x5u-base", "https://"], "--x5u-base"),
            (["--out", out, "--tn", "1", "--x5u-base", "https://u@a.example"], "--x5u-base"),
            (["--out", out, "--tn", "1", "--x5u-base", "https://a.example/?x"], "--x5u-base"),
            (["--out", out, "--server-name", "a,,b"], "--server-name"),
            (["--out", out, "--server-name", "localhost,DNS:x"], "--server-name"),
            (["--out", out, "--server-name", ""], "--server-name"),
            (["--out", out, "--tn", "1", "--permit", "attest"], "--permit"),
            (["--out", out, "--tn", "1", "--must-exclude", "orig"], None),
            (["--out", out + "/a/b", "--tn", "1"], "No such file"),
            (["--out", file_there, "--tn", "1"], "Not a directory"),
            (["--out", file_there + "/x", "--tn", "1"], "Not a directory"),
            (["--out", "/proc/cpsctl", "--tn", "1"], "/proc/cpsctl"),
        ]
        for args, says in table:
            with self.subTest(" ".join(args)):
                self.refused("pki", *args, says=says)
                self.assertFalse(os.path.exists(out))

    def test_damaged_ca(self):
        for name, content, says in (("root.key", "rubbish", "root.key"), ("root.pem", "rubbish", "root.pem"),
                                    ("root.key", None, "root.key"), ("root.pem", None, "root.pem"),
                                    ("root.key", "intermediate.key", "not the key of")):
            with self.subTest(f"{name} {content}"):
                out = tempfile.mkdtemp(dir=self.dir)
                self.run_ok("pki", "--out", out, "--tn", "1")
                if content is None:
                    os.unlink(f"{out}/{name}")
                elif content.endswith(".key"):
                    shutil.copy(f"{out}/{content}", f"{out}/{name}")
                else:
                    self.write(os.path.relpath(f"{out}/{name}", self.dir), content)
                self.refused("pki", "--out", out, "--tn", "2", "--name", "second", says=says)
                self.assertFalse(os.path.exists(f"{out}/second.pem"))

    def test_nothing_is_left_when_writing_fails(self):
        out = self.path("blocked")
        os.makedirs(f"{out}/certs/signer.pem")
        self.refused("pki", "--out", out, "--tn", "1", "--force", says="certs/signer.pem")
        self.assertEqual(self.files(out), [])

    def test_what_certificates_say(self):
        out = self.path("says")
        self.run_ok("pki", "--out", out, "--tn", ORIG, "--tn", "911", "--range", "12155551995+10", "--spc", "12AB",
                    "--must-include", "msgi", "--must-exclude", "rph", "--permit", "attest=A", "--permit", "attest=B",
                    "--from", "2020-02-01T00:00:00Z", "--days", "29")
        cert, ca = self.run_json("inspect", f"{out}/signer.pem")["certificates"]
        self.assertEqual(cert["TNAuthList"], f"spc:12AB,tn:{ORIG},tn:911,range:12155551995+10")
        self.assertEqual(cert["speaks_for"][3], "10 numbers from 12155551995 to 12155552004")
        self.assertEqual((cert["valid_from"], cert["valid_until"], cert["now"]),
                         ("2020-02-01T00:00:00Z", "2020-03-01T00:00:00Z", "expired"))
        self.assertEqual(cert["EnhancedJWTClaimConstraints"],
                         {"must_include": ["msgi"], "must_exclude": ["rph"], "permitted_values": {"attest": ["A", "B"]}})
        self.assertEqual((cert["CA"], ca["CA"]), (False, True))
        plain = self.run_ok("inspect", f"{out}/signer.pem").stdout
        self.assertIn("service provider code 12AB, number 12155551212, number 911, 10 numbers", plain)
        self.run_ok("pki", "--out", out, "--name", "bank", "--uri", "sip:Bank@sms.example.com", "--uri", "sip:example.net")
        said = self.run_ok("inspect", f"{out}/bank.pem").stdout
        self.assertNotIn("TNAuthList", said)
        names = subprocess.run(["openssl", "x509", "-in", f"{out}/bank.pem", "-noout", "-ext", "subjectAltName"],
                               capture_output=True, text=True, check=True).stdout
        self.assertIn("URI:sip:Bank@sms.example.com, URI:sip:example.net", names)
        self.refused("pki", "--out", out, "--name", "odd", "--uri", "Bank", says="--uri: Bank cannot be the URI")
        self.run_ok("pki", "--out", out, "--name", "plain", "--tn", "1", "--must-include", "msgi")
        self.assertIn("JWTClaimConstraints", self.run_json("inspect", f"{out}/plain.pem")["certificates"][0])


class Keygen(Case):
    def test_pairs(self):
        okp, ec = ("OKP", {"kty", "crv", "x"}), ("EC", {"kty", "crv", "x", "y"})
        for curve, kty, members in (("x25519", *okp), ("p256", *ec), ("X25519", *okp), ("P-256", *ec)):
            with self.subTest(curve):
                private, public = self.path(f"k-{curve}"), self.path(f"k-{curve}.pub")
                answer = self.run_json("keygen", "--out", private, "--public", public, "--curve", curve)
                self.assertEqual(stat.S_IMODE(os.stat(private).st_mode), 0o600)
                with open(private, encoding="ascii") as f, open(public, encoding="ascii") as g:
                    secret, shown = json.load(f), json.load(g)
                self.assertEqual(set(shown), members)
                self.assertEqual(set(secret), members | {"d"})
                self.assertEqual(shown["kty"], kty)
                self.assertEqual({k: secret[k] for k in members}, shown)
                self.assertEqual(answer["jwk"], shown)
                self.assertEqual(answer["thumbprint"], self.run_json("inspect", private)["thumbprint"])
                self.assertNotIn(secret["d"], json.dumps(answer))

    def test_public_to_standard_output(self):
        shown = json.loads(self.run_ok("keygen", "--out", "alone").stdout)
        self.assertEqual(set(shown), {"kty", "crv", "x"})

    def test_keys_are_not_overwritten(self):
        self.run_ok("keygen", "--out", "once", "--public", "once.pub")
        with open(self.path("once"), "rb") as f:
            before = f.read()
        self.refused("keygen", "--out", "once", says="once: exists")
        self.refused("keygen", "--out", "fresh", "--public", "once.pub", says="once.pub: exists")
        self.assertFalse(os.path.exists(self.path("fresh")))
        with open(self.path("once"), "rb") as f:
            self.assertEqual(f.read(), before)
        os.chmod(self.path("once"), 0o644)
        self.run_ok("keygen", "--out", "once", "--public", "once.pub", "--force")
        with open(self.path("once"), "rb") as f:
            self.assertNotEqual(f.read(), before)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("once")).st_mode), 0o600)

    def test_wrong_places(self):
        self.refused("keygen", "--out", "-", says="--out: must be")
        self.refused("keygen", "--out", "k1", "--public", "-", says="--public: must be")
        self.refused("keygen", "--out", "k1", "--public", "k1", says="--public: must not be the file")
        self.refused("keygen", "--out", "", says="cpsctl: ")
        self.refused("keygen", "--out", self.dir, says="exists")
        self.refused("keygen", "--out", self.dir, "--force", says="directory")
        self.refused("keygen", "--out", "no/such/dir", says="no/such/dir: No such file")
        self.refused("keygen", "--out", "k1", "--public", "no/such/dir", says="no/such/dir: No such file")
        self.assertFalse(os.path.exists(self.path("k1")))


if __name__ == "__main__":
    unittest.main()
