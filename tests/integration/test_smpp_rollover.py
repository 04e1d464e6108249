# SPDX-License-Identifier: MIT
"""What a verifying cps-smpp says while certificates change at their URL, and while envelopes expire at the CPS."""
# presets: dev asan
import os
import time
import unittest

from certhost import CertHost
from harness import CPSCTL, SLOW, make_certificate, run
from smpp_case import ALICE, SmppCase
from wire import until

DAY = "max-age=86400"


class Rollover(SmppCase):
    """One sidecar verifies; cpsctl signs and publishes."""

    def sealed(self, text, key=None, chain=None, x5u="https://certs.example.com/alice.pem"):
        """An envelope for bob with the PASSporT of a text from ALICE."""
        token = run(CPSCTL, "sign", "--key", key or f"{self.pki}/alice.key", "--cert", chain or f"{self.pki}/alice.pem",
                    "--x5u", x5u, "--orig", ALICE, "--dest", self.bob, "--body", "-", input=text).stdout  # fmt: skip
        return run(CPSCTL, "encrypt", "--to", self.path("receiver.pub"), input=token).stdout

    def publish(self, text, *more, cps=None, **sign):
        cps = cps or self.cps
        run(CPSCTL, "publish", "--dest", self.bob, "--cps", cps.url, "--ca", cps.ca, *more, input=self.sealed(text, **sign))

    def verdict(self, text):
        """Sends a text from ALICE to bob and returns its verdict."""
        count = len(self.smsc.got)
        self.esme(self.b.port).submit(ALICE, self.bob, text)
        until(lambda: len(self.smsc.got) > count, 60 * SLOW, "the message arrives")
        return self.smsc.got[-1].verdict

    def test_f11_a_later_certificate_at_the_same_x5u(self):
        """It replaces the one that is cached for a day: the URL is asked once more, and genuine messages pass."""
        other = os.path.join(self.temp(), "pki")
        run(CPSCTL, "pki", "--out", other, "--name", "alice", "--tn", ALICE)
        tls, key = make_certificate(self.temp(), "certhost")
        host = CertHost(tls, key)
        self.addCleanup(host.close)
        with open(f"{self.pki}/alice.pem", "rb") as first, open(f"{other}/alice.pem", "rb") as second:
            first, second = first.read(), second.read()
        roots = os.path.join(self.temp(), "roots.pem")
        with open(roots, "wb") as out:
            for pki in (self.pki, other):
                with open(f"{pki}/root.pem", "rb") as root:
                    out.write(root.read())
        x5u = host.serve("/alice.pem", first, Cache_Control=DAY)
        self.b = self.verifier(self.smsc.port, trust__roots=roots, trust__x5u_dir="", trust__x5u_ca_file=tls,
                               trust__x5u_ports=str(host.port), trust__x5u_allow_private="yes")  # fmt: skip
        self.publish(b"one", x5u=x5u)
        self.assertEqual(self.verdict(b"one"), "passed")
        host.serve("/alice.pem", second, Cache_Control=DAY)
        count = 0

        def passes():
            """Each time another message, as cps-smpp asks a URL again once 10 s have passed since it asked last."""
            nonlocal count
            count += 1
            text = b"after the change %d" % count
            self.publish(text, key=f"{other}/alice.key", chain=f"{other}/alice.pem", x5u=x5u)
            return self.verdict(text) == "passed"

        until(passes, 60 * SLOW, "a message that was signed with the later key passes")
        self.assertEqual(host.gets["/alice.pem"], 2)

    def test_f10_expired_is_not_taken(self):
        """The envelope expires at the CPS after the box was read: nobody took it. A claim by another host is known."""
        numbers = os.path.join(self.temp(), "numbers.csv")
        with open(numbers, "w") as out:
            out.write("1215555,1234\n")
        cps = self.cpsd(trust__roots=f"{self.pki}/root.pem", auth__audience="localhost", numbers__table=numbers,
                        policy__delete="holder")  # fmt: skip
        claims = {"cps__url": cps.url, "cps__ca": cps.ca, "cps__claim": "yes",
                  "cps__auth_certificate": f"{self.pki}/carrier.pem",
                  "cps__auth_private_key": f"{self.pki}/carrier.key"}  # fmt: skip
        self.b = self.verifier(self.smsc.port, **claims)
        self.publish(b"is taken", cps=cps)
        for tries, life_s in enumerate((5, 15, 45), 1):
            expires, end = b"expires after %d s" % life_s, time.monotonic() + life_s
            self.publish(expires, "--ttl", str(life_s), cps=cps)
            self.assertNotEqual(self.verdict(b"not signed, but the box is read for it"), "passed")
            if time.monotonic() < end:
                break  # the box was read in time; a slow machine needs a longer life
        first, another = self.b, self.verifier(self.smsc.port, **claims)
        self.b = another
        self.assertEqual(self.verdict(b"is taken"), "passed")
        self.b = first
        self.assertEqual(self.verdict(b"is taken"), "replayed")

        until(lambda: cps.metrics()["cpsd_expired_total"] >= tries, 60 * SLOW, "the envelope has expired at the CPS")
        self.assertEqual(self.verdict(expires), "passed")
        self.assertEqual(self.verdict(expires), "replayed")


if __name__ == "__main__":
    unittest.main()
