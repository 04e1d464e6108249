# SPDX-License-Identifier: MIT
"""What the tests of cpsctl share: throwaway certificates and keys, running it, the shape of its errors."""
import base64
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CPSCTL = os.path.join(os.path.abspath(os.environ.get("BUILD_DIR", os.path.join(ROOT, "build", "dev"))), "client", "cpsctl")

GOOD, NO, WRONG, UNREACHABLE = 0, 1, 2, 3
ORIG, DEST, TEXT = "12155551212", "12155551213", "Running late. 5 min \U0001f600"
COMMANDS = ["pki", "keygen", "sign", "encrypt", "publish", "send", "retrieve", "decrypt", "verify", "receive", "inspect",
            "health", "stat", "box"]


def clean_env(**more):
    env = {k: v for k, v in os.environ.items() if not k.startswith("CPS_")}
    env.update(more)
    return env


def unb64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def b64url(octets):
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def coded(value):
    return b64url(json.dumps(value, separators=(",", ":")).encode())


def part(token, i):
    return json.loads(unb64url(token.split(".")[i]))


def digest(body):
    return "sha256-" + base64.b64encode(hashlib.sha256(body).digest()).decode()


def flip(token, index):
    """Another base64url character at index, with the trailing bits of the last character of a part left alone."""
    return token[:index] + ("A" if token[index] != "A" else "B") + token[index + 1:]


class Case(unittest.TestCase):
    """A directory with throwaway certificates and keys, made once a class."""

    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="cpsctl-")
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        cls.pki = os.path.join(cls.dir, "pki")
        cls.run_ok("pki", "--out", cls.pki, "--tn", ORIG, "--range", "12155559000+100")
        cls.run_ok("pki", "--out", cls.pki, "--name", "provider", "--spc", "1234")
        for name, curve in (("bob", "x25519"), ("carol", "p256"), ("eve", "x25519")):
            cls.run_ok("keygen", "--out", cls.path(name + ".jwk"), "--public", cls.path(name + ".pub"), "--curve", curve)
        cls.passport = cls.sign()
        cls.write("passport", cls.passport + "\n")
        cls.envelope = cls.run_ok("encrypt", "--to", cls.path("bob.pub"), cls.path("passport")).stdout.strip()
        cls.write("envelope", cls.envelope + "\n")

    @classmethod
    def path(cls, name):
        return os.path.join(cls.dir, name)

    @classmethod
    def write(cls, name, content):
        path = cls.path(name)
        with open(path, "wb") as f:
            f.write(content.encode() if isinstance(content, str) else content)
        return path

    @classmethod
    def run_tool(cls, *args, stdin=None, env=None, text=True):
        return subprocess.run([CPSCTL, *args], input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=text, env=env or clean_env(),
                              timeout=60, cwd=cls.dir)

    @classmethod
    def run_ok(cls, *args, **kwargs):
        done = cls.run_tool(*args, **kwargs)
        if done.returncode != GOOD or done.stderr:
            raise AssertionError(f"{args}: {done.returncode} {done.stderr}")
        return done

    @classmethod
    def run_json(cls, *args, **kwargs):
        return json.loads(cls.run_ok(*args, "--json", **kwargs).stdout)

    @classmethod
    def signer(cls, name="signer"):
        return ["--key", f"{cls.pki}/{name}.key", "--cert", f"{cls.pki}/{name}.pem", "--x5u",
                f"https://certs.example.com/{name}.pem"]

    @classmethod
    def sign(cls, *more, name="signer", orig=ORIG, dest=(DEST,), text=TEXT):
        dests = [arg for d in dest for arg in ("--dest", d)]
        body = ["--text", text] if text is not None else []
        return cls.run_ok("sign", *cls.signer(name), "--orig", orig, *dests, *body, *more).stdout.strip()

    @classmethod
    def trust(cls):
        return ["--trust", f"{cls.pki}/root.pem", "--x5u-dir", f"{cls.pki}/certs"]

    @classmethod
    def message(cls, orig=ORIG, dest=DEST, text=TEXT):
        return ["--orig", orig, "--dest", dest, "--text", text]

    def refused(self, *args, status=WRONG, says=None, code=None, **kwargs):
        """Fails with this status and one line, and tells the same in JSON."""
        plain = self.run_tool(*args, **kwargs)
        self.assertEqual(plain.returncode, status, f"{args}: {plain.stdout} {plain.stderr}")
        self.assertEqual(plain.stdout, "", args)
        self.assertRegex(plain.stderr, r"\Acpsctl: [^\n]+\n\Z", args)
        if says:
            self.assertIn(says, plain.stderr, args)
        told = self.run_tool(*args, "--json", **kwargs)
        self.assertEqual(told.returncode, status, args)
        error = json.loads(told.stdout)["error"]
        self.assertEqual(set(error), {"code", "text"})
        self.assertRegex(error["code"], r"\ACPS_E_[A-Z0-9_]+\Z")
        self.assertEqual("cpsctl: " + error["text"] + "\n", told.stderr)
        if code:
            self.assertEqual(error["code"], code, args)

    def verdict(self, expected, *args, passport=None, message=None, trust=None, status=NO):
        """Verifies and expects this verdict, in both forms."""
        args = ["verify", *(trust or self.trust()), *(self.message() if message is None else message), *args]
        stdin = (passport or self.passport) + "\n"
        plain = self.run_tool(*args, stdin=stdin)
        self.assertEqual(plain.stderr, "")
        self.assertRegex(plain.stdout, rf"\A{expected}  [^\n]+\n\Z")
        self.assertEqual(plain.returncode, status)
        told = self.run_tool(*args, "--json", stdin=stdin)
        self.assertEqual(told.returncode, status)
        answer = json.loads(told.stdout)
        self.assertEqual(answer["verdict"], expected)
        if expected != "passed":
            self.assertTrue(answer["reason"])
        return plain.stdout, answer
