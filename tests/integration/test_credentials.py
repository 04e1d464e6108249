# SPDX-License-Identifier: MIT
"""Credentials end to end: cpsctl and cps-smpp with an STI certificate at a cpsd whose policy asks for one."""
# presets: dev asan
import json
import os
import shutil
import subprocess
import unittest

from harness import CPSCTL, SLOW, run, until
from smpp_case import ALICE, SmppCase
from test_tool import Tool

HELD, OTHERS = "1215555", "1303"  # whose numbers are whose


def table(case):
    path = os.path.join(case.dir, "numbers.csv")
    with open(path, "w") as out:
        out.write(f"{HELD},1234\n{OTHERS},9999\n")
    return path


def policy(case, **keys):
    """What a CPS for carriers has in its configuration; the rest is at its default."""
    return {"policy__publish": "token", "auth__audience": "localhost", "auth__x5u_dir": f"{case.pki}/certs",
            "auth__x5u_fetch": "no", "trust__roots": f"{case.pki}/root.pem", "numbers__table": table(case), **keys}


class Carriers(Tool):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        run(CPSCTL, "pki", "--out", cls.pki, "--name", "rival", "--spc", "9999")
        cls.server = cls.class_cpsd(certificate=cls.tls(), **policy(cls))
        cls.server.tls.load_verify_locations(f"{cls.pki}/tls-root.pem")
        cls.environment["CPS_URL"] = cls.server.url

    def auth(self, name="carrier", x5u=True):
        return ["--auth-cert", f"{self.pki}/{name}.pem", "--auth-key", f"{self.pki}/{name}.key",
                *(["--auth-x5u", f"https://certs.example.com/{name}.pem"] if x5u else [])]

    def refused(self, said, *words, status=4, stdin=b"", **environment):
        done = subprocess.run([CPSCTL, *words], input=stdin, capture_output=True, timeout=60,
                              env={**self.environment, **environment})
        text = done.stderr.decode()
        self.assertEqual(done.returncode, status, (words, done.stdout, text))
        self.assertRegex(text, r"\Acpsctl: [^\n]+\n\Z")
        for word in said:
            self.assertIn(word, text)

    def box(self, dest, *more, **options):
        return self.tool("retrieve", "--dest", dest, *more, **options).split()

    def taken(self, dest, *credential):
        """Of each envelope in a box, whether it was taken."""
        box = json.loads(self.tool("retrieve", "--dest", dest, "--holder", "--json", *(credential or self.auth())))
        return [item.get("taken", False) for item in box["envelopes"]]

    def send_words(self, dest, text="hello"):
        return ["send", *self.signer(), "--to", self.file("bob.pub"), "--orig", ALICE, "--dest", dest, "--text", text]

    def test_publishing(self):
        words = self.send_words(self.number())
        self.refused(["401", "needs a credential", "--auth-cert"], *words)
        for credential in (self.auth(), self.auth(x5u=False), self.auth("rival"), self.auth("alice")):
            dest = self.number()
            self.send(dest, *credential)
            self.assertVerdict("passed", dest)

    def test_environment(self):
        dest = self.number()
        self.tool(*self.send_words(dest), CPS_AUTH_CERT=f"{self.pki}/carrier.pem",
                  CPS_AUTH_KEY=f"{self.pki}/carrier.key", CPS_AUTH_X5U="https://certs.example.com/carrier.pem",
                  CPS_AUTH_SPC="1234", CPS_AUTH_AUDIENCE="localhost")
        self.assertVerdict("passed", dest)

    def test_wrong_credentials(self):
        words = self.send_words(self.number())
        pki2 = self.file("pki2")
        stranger = ["--auth-cert", f"{pki2}/stranger.pem", "--auth-key", f"{pki2}/stranger.key"]
        self.refused(["401"], *words, *stranger)
        self.refused(["401", "aud"], *words, *self.auth(), "--auth-audience", "cps.example.net")
        self.refused(["40"], *words, *self.auth()[:4], "--auth-x5u", "https://certs.example.com/nobody.pem")
        self.refused(["auth_spc"], *words, *self.auth(), "--auth-spc", "9999", status=2)
        self.refused(["--auth-key: missing"], *words, *self.auth()[:2], status=2)
        self.refused(["is not that of the certificate"], *words, *self.auth()[:2], "--auth-key",
                     f"{self.pki}/rival.key", status=2)
        self.refused(["/nonexistent"], *words, "--auth-cert", "/nonexistent", *self.auth()[2:], status=2)

    def test_holder(self):
        """The holder of a number, by the number table or by its certificate, reads its box without dummies."""
        dest = self.number()
        self.assertTrue(self.box(dest), "dummies for everybody else")
        self.assertEqual(self.box(dest, "--holder", *self.auth()), [])
        self.send(dest, *self.auth("rival"))
        self.assertEqual(len(self.box(dest, "--holder", *self.auth())), 1)
        self.assertEqual(self.box(ALICE, "--holder", *self.auth("alice")), [])
        self.refused(["403"], "retrieve", "--dest", dest, "--holder", *self.auth("rival"))
        self.refused(["403"], "retrieve", "--dest", dest, "--holder", *self.auth("alice"))
        self.refused(["403"], "retrieve", "--dest", "13035551212", "--holder", *self.auth())
        self.refused(["holder needs a credential"], "retrieve", "--dest", dest, "--holder", status=2)

    def test_s04_emptying(self):
        dest = self.number()
        for _ in range(3):
            self.send(dest, *self.auth("rival"))
        for who in ("rival", "alice"):
            self.refused(["403"], "retrieve", "--dest", dest, "--empty", *self.auth(who))
        self.refused(["401"], "retrieve", "--dest", dest, "--empty")
        self.assertEqual(len(self.box(dest, "--holder", *self.auth())), 3)
        self.assertEqual(self.tool("retrieve", "--dest", dest, "--empty", *self.auth()), "the box is empty\n")
        self.assertEqual(self.box(dest, "--holder", *self.auth()), [])

    def test_waiting(self):
        dest = self.number()
        waiting = subprocess.Popen([CPSCTL, "retrieve", "--dest", dest, "--holder", "--wait", "30", *self.auth()],
                                   stdout=subprocess.PIPE, env=self.environment)
        until(lambda: self.server.metrics()["cpsd_waiters"] >= 1, 20, "it waits")
        self.send(dest, *self.auth())
        self.assertEqual(len(waiting.communicate(timeout=60)[0].split()), 1)
        self.assertEqual(waiting.returncode, 0)

    def test_claim(self):
        """Two hosts wait for one message: it passes on one of them, and its envelope is removed permanently."""
        dest = self.number()
        sent = json.loads(self.send(dest, "--json", *self.auth(), text="hello"))
        envelope = self.box(dest, "--holder", *self.auth())[0]
        words = [CPSCTL, "receive", "--key", self.file("bob.jwk"), "--orig", ALICE, "--dest", dest, "--text", "hello",
                 "--holder", "--claim", *self.auth()]
        hosts = [subprocess.Popen(words, stdout=subprocess.PIPE, env=self.environment) for _ in range(2)]
        verdicts = sorted(host.communicate(timeout=60)[0].split()[0].decode() for host in hosts)
        self.assertEqual(verdicts, ["passed", "replayed"], sent)
        self.assertVerdict("replayed", dest, "--claim", *self.auth(), text="hello")  # a host that comes later
        self.assertEqual(self.taken(dest), [True])
        self.tool("publish", "--dest", dest, *self.auth(), stdin=envelope.encode() + b"\n")
        self.assertEqual(self.taken(dest), [True], "what was used does not come again")

    def test_claim_refused(self):
        """Who does not hold the number cannot claim, and passes nothing."""
        dest = self.number()
        self.send(dest, *self.auth())
        said = self.receive(dest, "--claim", *self.auth("rival"), status=4)
        self.assertRegex(said, r"\Acps-unavailable .*403")
        self.assertVerdict("passed", dest, "--claim", *self.auth())

    def test_policies(self):
        """Every way in asks for a credential where the operator says so."""
        dest = self.number()
        self.send(dest, *self.auth())
        self.server.reload(policy__list="token", policy__wait="holder", policy__publish="holder")
        self.addCleanup(self.server.reload, policy__list="open", policy__wait="open", policy__publish="token")
        self.refused(["401", "--auth-cert"], "retrieve", "--dest", dest)
        self.assertTrue(self.box(dest, *self.auth("rival")))
        self.refused(["403"], "retrieve", "--dest", dest, "--wait", "1", *self.auth("rival"))
        self.refused(["403"], *self.send_words(dest), *self.auth("rival"))
        self.send(dest, *self.auth(), text="another")


    def test_client_certificate(self):
        """The same certificate in the TLS handshake, without tokens."""
        self.server.reload(server__client_certificates="optional")
        self.addCleanup(self.server.reload, server__client_certificates="no")
        carrier = ["--tls-cert", f"{self.pki}/carrier.pem", "--tls-key", f"{self.pki}/carrier.key"]
        dest = self.number()
        self.refused(["401"], *self.send_words(dest))
        self.send(dest, *carrier)
        self.assertEqual(len(self.box(dest, "--holder", *carrier)), 1)
        self.assertVerdict("passed", dest, "--holder", "--claim", *carrier)
        self.assertEqual(self.taken(dest, *carrier), [True])
        rival = ["--tls-cert", f"{self.pki}/rival.pem", "--tls-key", f"{self.pki}/rival.key"]
        self.refused(["403"], "retrieve", "--dest", dest, "--holder", *rival)


class Sidecars(SmppCase):
    """ESME - sidecar that signs - sidecar that verifies - SMSC, with a CPS that takes nothing from anybody."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        run(CPSCTL, "pki", "--out", cls.pki, "--name", "rival", "--spc", "9999")
        cls.carriers = cls.class_cpsd(name="carriers", **policy(cls))

    def credential(self, name="carrier", **more):
        return {"cps__url": self.carriers.url, "cps__ca": self.carriers.ca,
                "cps__auth_certificate": f"{self.pki}/{name}.pem", "cps__auth_private_key": f"{self.pki}/{name}.key",
                "cps__auth_x5u": f"https://certs.example.com/{name}.pem", **more}  # fmt: skip

    def verdicts(self, *texts, port=None):
        alice = self.esme(port)
        for text in texts:
            alice.submit(ALICE, self.bob, text)
        return [message.verdict for message in self.smsc.wait(len(texts))]

    def test_end_to_end(self):
        self.chain(self.credential("rival"), self.credential(cps__holder="yes", cps__claim="yes"))
        before = self.carriers.metrics()["cpsd_consumed_total"]
        self.assertEqual(self.verdicts(b"one", b"two", b"two"), ["passed"] * 3)
        until(lambda: self.carriers.metrics()["cpsd_consumed_total"] == before + 3, 5 * SLOW, "all were claimed")
        self.esme(self.b.port).submit(ALICE, self.bob, b"one")
        self.assertEqual(self.smsc.wait(4)[3].verdict, "replayed")

    def test_without(self):
        """A sender without a credential publishes nothing and reports what it lacks; its message is forwarded."""
        nobody = {"cps__url": self.carriers.url, "cps__ca": self.carriers.ca}
        self.chain(nobody, self.credential(cps__holder="yes"))
        self.assertEqual(self.verdicts(b"hello"), ["no-passport"])
        self.assertLogged("needs a credential", self.a)
        self.assertEqual(self.a.metrics()['unsigned_total{reason="failed"}'], 1)

    def test_not_the_holder(self):
        """Who does not hold the number has no verdict of it but that."""
        self.chain(self.credential(), self.credential("rival", cps__holder="yes"))
        self.assertEqual(self.verdicts(b"hello"), ["cps-unavailable"])

    def test_renewed(self):
        """A certificate that was renewed is used from SIGHUP on, and what is under way is not lost."""
        keys = self.directory("renewed")
        for end in ("pem", "key"):
            shutil.copy(f"{self.pki}/alice.{end}", f"{keys}/carrier.{end}")
        renewed = self.credential(cps__auth_certificate=f"{keys}/carrier.pem",
                                  cps__auth_private_key=f"{keys}/carrier.key", cps__auth_x5u="")  # fmt: skip
        self.carriers.reload(policy__publish="holder")
        self.addCleanup(self.carriers.reload, policy__publish="token")
        self.chain(renewed, self.credential())
        self.assertEqual(self.verdicts(b"not ours"), ["no-passport"])
        for end in ("pem", "key"):
            shutil.copy(f"{self.pki}/carrier.{end}", f"{keys}/carrier.{end}")
        self.a.reload()
        self.esme().submit(ALICE, self.bob, b"ours")
        self.assertEqual(self.smsc.wait(2)[1].verdict, "passed")


if __name__ == "__main__":
    unittest.main()
