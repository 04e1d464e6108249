# SPDX-License-Identifier: MIT
"""cps/WIRE.md: its client exchanges messages with ours, and its test vectors are what both sides compute."""
# presets: dev asan
import importlib.util
import json
import os
import re
import subprocess
import sys
import time

from envelope import envelope_id
from harness import CPSCTL, HOME, Case, run

ALICE, BOB, TEXT = "12155551212", "12155551213", "Running late. 5 min \U0001f600"
X5U = "https://certs.example.com/alice.pem"


def block(kind):
    """The one block of that language in the document."""
    with open(os.path.join(HOME, "cps", "WIRE.md"), encoding="utf-8") as file:
        (text,) = re.findall(rf"^```{kind}\n(.*?)^```$", file.read(), re.MULTILINE | re.DOTALL)
    return text


class WireFormat(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        run(CPSCTL, "pki", "--out", cls.file("pki"), "--name", "alice", "--tn", ALICE, "--server-name", "localhost")
        run(CPSCTL, "pki", "--out", cls.file("pki"), "--name", "bob", "--tn", BOB)
        for curve in ("x25519", "p256"):
            run(CPSCTL, "keygen", "--curve", curve, "--out", cls.file(curve), "--public", cls.file(curve + ".pub"))
        cls.code = block("python")
        with open(cls.file("wire_client.py"), "w", encoding="utf-8") as out:
            out.write(cls.code)
        spec = importlib.util.spec_from_file_location("wire_client", cls.file("wire_client.py"))
        cls.client = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(cls.client)
        cls.server = cls.class_cpsd(certificate=(cls.file("pki/tls.pem"), cls.file("pki/tls.key")),
                                    trust__roots=cls.file("pki/root.pem"), auth__audience="localhost",
                                    policy__publish="token")  # fmt: skip
        cls.server.tls.load_verify_locations(cls.file("pki/tls-root.pem"))

    @classmethod
    def file(cls, name):
        return os.path.join(cls.dir, name)

    def theirs(self, command, status=0, **values):
        values = {"cps": self.server.url, "ca": self.file("pki/tls-root.pem"), "root": self.file("pki/root.pem"),
                  "orig": ALICE, "dest": BOB, "text": TEXT, **values}  # fmt: skip
        words = [f"{name}={value}" for name, value in values.items()]
        done = subprocess.run([sys.executable, self.file("wire_client.py"), command, *words], capture_output=True,
                              text=True, check=False)  # fmt: skip
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout + done.stderr

    def ours(self, command, *words, text=TEXT, status=0):
        done = run(CPSCTL, command, "--cps", self.server.url, "--ca", self.file("pki/tls-root.pem"), "--orig", ALICE,
                   "--dest", BOB, "--text", text, *words, status=status)  # fmt: skip
        return done.stdout.decode()

    def signer(self):
        return {"key": self.file("pki/alice.key"), "cert": self.file("pki/alice.pem"), "x5u": X5U}

    def test_the_client_is_short(self):
        self.assertLessEqual(len(self.code.splitlines()), 100)

    def test_theirs_to_ours(self):
        for curve in ("x25519", "p256"):
            with self.subTest(curve):
                text = "to " + curve
                self.theirs("send", to=self.file(curve + ".pub"), text=text, **self.signer())
                got = ("--key", self.file(curve), "--trust", self.file("pki/root.pem"), "--x5u-dir", self.file("pki"))
                self.assertRegex(self.ours("receive", *got, text=text), r"\Apassed ")
                self.assertNotIn("passed", self.ours("receive", *got, text="another text", status=1))

    def test_ours_to_theirs(self):
        chain = self.file("pki/alice.pem")
        for curve in ("x25519", "p256"):
            for with_chain in (True, False):
                with self.subTest(curve=curve, with_chain=with_chain):
                    text = f"to {curve} {with_chain}"
                    self.ours("send", "--key", self.file("pki/alice.key"), "--cert", chain, "--x5u", X5U, "--to",
                              self.file(curve + ".pub"), "--auth-cert", chain, "--auth-key",
                              self.file("pki/alice.key"), *(["--with-chain"] if with_chain else []), text=text)  # fmt: skip
                    fetched = {} if with_chain else {"x5u_cert": chain}
                    said = self.theirs("receive", own=self.file(curve), text=text, **fetched)
                    self.assertEqual(said, "passed\n")
                    said = self.theirs("receive", own=self.file(curve), text="another text", status=1, **fetched)
                    self.assertEqual(said, "no-passport\n")

    def test_what_is_forged_does_not_pass(self):
        """Signed by Bob's certificate in Alice's name; and by Alice's, read by somebody who trusts another root."""
        forged = {**self.signer(), "key": self.file("pki/bob.key"), "cert": self.file("pki/bob.pem")}
        claims = {"dest": {"tn": [BOB]}, "iat": int(time.time()), "msgi": self.client.digest(TEXT.encode()),
                  "orig": {"tn": ALICE}}  # fmt: skip
        key = self.client.serialization.load_pem_private_key(self.client.read(forged["key"]), None)
        token = self.client.sign(key, {"alg": "ES256", "ppt": "msg", "typ": "passport", "x5u": X5U}, claims)
        with self.assertRaisesRegex(ValueError, "does not name the number"):
            self.client.verify(token, self.client.from_pem(self.client.read(forged["cert"])),
                               self.client.from_pem(self.client.read(self.file("pki/root.pem")))[0], ALICE)  # fmt: skip
        self.theirs("send", to=self.file("x25519.pub"), text="root", **self.signer())
        said = self.theirs("receive", own=self.file("x25519"), root=self.file("pki/tls-root.pem"), text="root", status=1)
        self.assertEqual(said, "no-passport\n")

    def test_refusals_are_told(self):
        bob = {"key": self.file("pki/bob.key"), "cert": self.file("pki/bob.pem"), "x5u": X5U}
        said = self.theirs("send", to=self.file("x25519.pub"), status=1, **bob)  # its token speaks for ALICE
        self.assertRegex(said, r"\A40[13] .+: .+\n\Z")

    def test_key_record(self):
        """One of ours is verified by the client as the document says."""
        run(CPSCTL, "keys", "make", "--tn", BOB, "--to", self.file("p256.pub"), "--key", self.file("pki/bob.key"), "--cert",
            self.file("pki/bob.pem"), "--out", self.file("record"))  # fmt: skip
        run(CPSCTL, "keys", "put", self.file("record"), "--cps", self.server.url, "--ca", self.file("pki/tls-root.pem"),
            "--auth-cert", self.file("pki/bob.pem"), "--auth-key", self.file("pki/bob.key"))  # fmt: skip
        o = {"cps": self.server.url, "ca": self.file("pki/tls-root.pem")}
        (record,) = json.loads(self.client.ask(o, "GET", "/keys/" + BOB, Accept="application/json"))["records"]
        header = json.loads(self.client.unb64url(record.split(".")[0]))
        self.assertEqual((header["alg"], header["typ"]), ("ES256", "cps-keys+jwt"))
        root = self.client.from_pem(self.client.read(self.file("pki/root.pem")))[0]
        claims = self.client.verify(record, self.client.from_x5c(header["x5c"]), root, BOB)
        self.assertEqual(claims["tn"], [BOB])
        with open(self.file("p256.pub"), encoding="ascii") as file:
            own = json.load(file)
        self.assertEqual([(key["crv"], key["x"], key["y"]) for key in claims["keys"]], [("P-256", own["x"], own["y"])])

    def test_vectors(self):
        client, given, server = self.client, json.loads(block("json")), self.cpsd()
        header, claims, _ = given["passport"].split(".")
        self.assertEqual(client.unb64url(header).decode(), given["header"])
        self.assertEqual(client.unb64url(claims).decode(), given["claims"])
        self.assertEqual(json.loads(given["claims"])["msgi"], client.digest(given["text"].encode()))
        for text in (given["header"], given["claims"]):
            self.assertEqual(client.canonical(json.loads(text)).decode(), text)
        shown = json.loads(run(CPSCTL, "inspect", "--json", input=given["passport"].encode()).stdout)
        self.assertEqual(shown["kind"], "PASSporT")
        for one in given["envelopes"]:
            public = {name: value for name, value in one["recipient"].items() if name != "d"}
            sealed = client.seal(given["passport"], public, client.from_jwk(one["ephemeral"]), client.unb64url(one["iv"]))
            self.assertEqual(sealed, one["envelope"])
            with open(self.file("vector.jwk"), "w", encoding="ascii") as out:
                json.dump(one["recipient"], out)
            opened = run(CPSCTL, "decrypt", "--key", self.file("vector.jwk"), input=one["envelope"].encode())
            self.assertEqual(opened.stdout.decode().strip(), given["passport"])
            self.assertEqual(one["id"], envelope_id(one["envelope"]))
            self.assertEqual(one["passports"], client.digest(client.canonical([one["envelope"]])))
            self.assertEqual(server.publish(BOB, one["envelope"]).status, 201)

    def test_vector_is_signed(self):
        given = json.loads(block("json"))
        signed, _, signature = given["passport"].rpartition(".")
        rs = self.client.unb64url(signature)
        pair = self.client.utils.encode_dss_signature(int.from_bytes(rs[:32], "big"), int.from_bytes(rs[32:], "big"))
        public = self.client.from_jwk({name: value for name, value in given["signer"].items() if name != "d"})
        public.verify(pair, signed.encode(), self.client.ec.ECDSA(self.client.hashes.SHA256()))
