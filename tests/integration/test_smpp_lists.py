# SPDX-License-Identifier: MIT
"""The STI-PA's signed list of roots in cps-smpp: what passes with it, and what happens before it is there."""
# presets: dev asan
import json
import os
import threading
import time
import unittest
import urllib.request
from types import SimpleNamespace

from certhost import CertHost
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from harness import SLOW, make_certificate
from smpp_case import ALICE, SmppCase
from sti import Cert, crl
from token_case import sign
from wire import until

DAY = 86400


class Lists(SmppCase):
    """The verifier trusts no roots but those of the list."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pa = Cert("STI-PA Root", ca=True)
        cls.pa_signer = Cert("STI-PA CA List", cls.pa)
        with open(os.path.join(cls.pki, "root.pem")) as root:
            cls.root = root.read()
        with open(cls.path("pa.pem"), "wb") as out:
            out.write(cls.pa.pem + cls.pa_signer.pem)

    def put_list(self, sequence=1, life=DAY, roots=None, key=None):
        body = {"version": "1.0", "sequence": sequence, "exp": int(time.time()) + life, "trustList": roots or [self.root]}
        text = sign({"alg": "ES256", "typ": "JWT"}, body, key or self.pa_signer.key)
        path = self.path("sticaList.jwt")
        with open(path + ".new", "w") as out:
            out.write(text)
        os.replace(path + ".new", path)
        return path

    def admin(self, path):
        port = int(str(self.b.keys["admin__listen"]).rsplit(":", 1)[1])
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
            return answer.read().decode()

    def test_f34_messages_pass_by_the_list(self):
        path = self.path("sticaList.jwt")
        self.b = self.verifier(self.smsc.port, trust__roots="", trust__list_files=path, trust__list_refresh_s=1,
                               trust__list_signer_roots=self.path("pa.pem"))  # fmt: skip
        self.a = self.signer(self.b.port)
        esme = self.esme(self.a.port, "alice")
        # before the list is there nobody is accused
        esme.submit(ALICE, self.bob, b"too early")
        self.assertEqual(self.smsc.wait(1)[-1].verdict, "cps-unavailable")
        until(lambda: "was never loaded" in json.loads(self.admin("/ready")).get("trust", ""), 30 * SLOW, "/ready names it")
        self.put_list()
        until(lambda: f'cps_smpp_trust_list_in_force{{kind="roots",list="{path}"}} 1' in self.admin("/metrics"), 90 * SLOW, "used")
        esme.submit(ALICE, self.bob, b"by the list")
        self.assertEqual(self.smsc.wait(2)[-1].verdict, "passed")
        until(lambda: "trust" not in json.loads(self.admin("/ready")), 20 * SLOW, "/ready names it no more")

    def empty_lists(self):
        """Revocation lists of both authorities, which name nobody."""
        lists = b""
        for name in ("root", "intermediate"):
            with open(f"{self.pki}/{name}.pem", "rb") as cert, open(f"{self.pki}/{name}.key", "rb") as key:
                lists += crl(SimpleNamespace(subject=x509.load_pem_x509_certificate(cert.read()).subject,
                                             key=serialization.load_pem_private_key(key.read(), None)))  # fmt: skip
        return lists

    def test_a_new_crl_url_where_lists_are_required(self):
        """A reload that adds a URL changes nothing before its first fetch has ended."""
        lists = self.empty_lists()
        tls, tls_key = make_certificate(self.temp(), "lists")
        host = CertHost(tls, tls_key)
        self.addCleanup(host.close)
        release = threading.Event()
        url = host.serve_when("/new.crl", lists, release)
        self.addCleanup(release.set)
        path = self.path("ca.crl")
        with open(path, "wb") as out:
            out.write(lists)
        self.b = self.verifier(self.smsc.port, trust__crl_files=path, trust__crl_policy="required", trust__crl_ca_file=tls)
        self.a = self.signer(self.b.port)
        esme = self.esme(self.a.port, "alice")
        expires = f'cps_smpp_trust_list_expires_timestamp_seconds{{kind="crl",list="{path}"}} '
        self.assertGreater(int(self.admin("/metrics").split(expires)[1].split()[0]), time.time())
        self.b.reload(**{"trust.crl_files": "", "trust.crl_urls": url})
        until(lambda: host.gets.get("/new.crl"), 30 * SLOW, "it is asked for")
        esme.submit(ALICE, self.bob, b"by the list of before")
        self.assertEqual(self.smsc.wait(1)[-1].verdict, "passed")
        release.set()
        until(lambda: f"revocation list {url}: a new one is in use" in self.b.log(), 30 * SLOW, "the new list")
        esme.submit(ALICE, self.bob, b"by the new list")
        self.assertEqual(self.smsc.wait(2)[-1].verdict, "passed")

    def test_f34_a_restart_keeps_the_sequence_and_the_last_good_list(self):
        state = self.temp()
        path = self.put_list(7)
        self.addCleanup(os.unlink, path)  # the other tests begin without it
        keys = {"trust__roots": "", "trust__list_files": path, "trust__list_refresh_s": 1,
                "trust__list_signer_roots": self.path("pa.pem"), "trust__list_state_dir": state}  # fmt: skip
        first = self.verifier(self.smsc.port, **keys)
        until(lambda: os.listdir(state), 90 * SLOW, "the list is saved")
        first.stop()
        # an older list: the saved one is in force, and the sequence does not fall
        self.put_list(6, roots=[self.pa.pem.decode()])
        self.b = self.verifier(self.smsc.port, **keys)
        self.a = self.signer(self.b.port)
        self.esme(self.a.port, "alice").submit(ALICE, self.bob, b"by the saved list")
        self.assertEqual(self.smsc.wait(1)[-1].verdict, "passed")
        until(lambda: "sequence 6 is below 7" in self.b.log(), 30 * SLOW, "the older list is refused")


del SmppCase  # not to be run again here


if __name__ == "__main__":
    unittest.main()
