# SPDX-License-Identifier: MIT
"""What tests of signing and verifying live in: tenants, keys, a CPS, two sidecars between an ESME and an SMSC."""
import itertools
import os
import shutil

from harness import CPSCTL, SLOW, Case, run
from smpp_peer import Esme, Sidecar, Smsc

ALICE, MALLORY = "12155551212", "12155559999"
SHORT = "72345"


numbers = itertools.count(12155552000)


def fresh():
    """A destination whose box is empty."""
    return str(next(numbers))


class SmppCase(Case):
    """ESME - sidecar that signs - sidecar that verifies - SMSC; submit goes right, deliver left."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pki = os.path.join(cls.dir, "pki")
        for name, scope in {"alice": ["--tn", ALICE, "--tn", SHORT, "--range", "12155551300+100"],
                            "mallory": ["--tn", MALLORY], "carrier": ["--spc", "1234"]}.items():  # fmt: skip
            run(CPSCTL, "pki", "--out", cls.pki, "--name", name, *scope)
        run(CPSCTL, "keygen", "--out", cls.path("receiver.jwk"), "--public", cls.path("receiver.pub"))
        cls.tenants = cls.directory("tenants")
        cls.tenant("alice", f"{ALICE}, {SHORT}\n    12155551300-12155551399")
        cls.tenant("mallory", MALLORY)
        cls.key_file("private", "receiver.jwk", "1215555*.jwk")
        cls.key_file("public", "receiver.pub", "1215555*.jwk")
        cls.cps = cls.class_cpsd()

    @classmethod
    def path(cls, name):
        return os.path.join(cls.dir, name)

    @classmethod
    def directory(cls, name):
        os.makedirs(cls.path(name), exist_ok=True)
        return cls.path(name)

    @classmethod
    def key_file(cls, directory, key, name):
        shutil.copy(cls.path(key), os.path.join(cls.directory(directory), name))

    @classmethod
    def tenant(cls, name, numbers, certificate=None, directory=None, **more):
        certificate = certificate or name
        lines = {"key": f"{cls.pki}/{certificate}.key", "certificate": f"{cls.pki}/{certificate}.pem",
                 "x5u": f"https://certs.example.com/{certificate}.pem", "numbers": numbers, **more}  # fmt: skip
        with open(os.path.join(directory or cls.tenants, name + ".conf"), "w") as out:
            out.write("[tenant]\n" + "".join(f"{key} = {value}\n" for key, value in lines.items()))

    def setUp(self):
        self.smsc = Smsc()
        self.addCleanup(self.smsc.close)
        self.bob, self.carol = fresh(), fresh()

    def start_sidecar(self, name, peer_port, **keys):
        one = Sidecar(self.temp(), name, peer_port, **keys)
        self.addCleanup(one.kill)
        self.addCleanup(one.stop)
        return one

    def with_cps(self, **keys):
        return {"cps__url": self.cps.url, "cps__ca": self.cps.ca, **keys}

    def signer(self, peer_port, way="submit", **keys):
        return self.start_sidecar("signer", peer_port, **self.with_cps(**{
            f"{way}__action": "sign", "tenants__dir": self.tenants, "keys__recipients_dir": self.path("public"),
            "sign__timeout_ms": 20000 * SLOW, **keys}))  # fmt: skip

    def verifier(self, peer_port, way="submit", **keys):
        """With [join] hold = window it would forward segments that come 200 ms apart without a verdict."""
        return self.start_sidecar("verifier", peer_port, **self.with_cps(**{
            f"{way}__action": "verify", "trust__roots": os.path.join(self.pki, "root.pem"),
            "trust__x5u_dir": os.path.join(self.pki, "certs"), "keys__dir": self.path("private"),
            "verify__wait_ms": 500 * SLOW, "verify__grace_ms": 60000, "join__hold": "always",
            "join__timeout_ms": 20000 * SLOW, **keys}))  # fmt: skip

    def chain(self, signer=None, verifier=None):
        self.b = self.verifier(self.smsc.port, **(verifier or {}))
        self.a = self.signer(self.b.port, **(signer or {}))

    def esme(self, port=None, system_id="alice", **more):
        one = Esme(port or self.a.port, system_id, **more)
        self.addCleanup(one.close)
        return one
