# SPDX-License-Identifier: MIT
"""Two sidecars with a CPS between: one that signs for a tenant, one that judges and tags."""
import os

from smpp_parts import CPSCTL, Sidecar, run


def started(case, port, name="sidecar", **keys):
    """A sidecar in front of a port."""
    sidecar = Sidecar(case.temp(), name, port, admin__listen="127.0.0.1:0", **keys)
    case.addCleanup(sidecar.kill)
    return sidecar


class Pair:
    """ESME -> near -> far -> SMSC. `near` belongs to the ESMEs' side of the network, `far` to the SMSC's: what ESMEs
    submit is signed by near and judged by far. With `back`, the numbers on the SMSC's side, what it delivers is signed
    by far and judged by near."""

    def __init__(self, case, smsc_port, system_id, numbers, back=()):
        self.case, self.directory = case, case.temp()
        for name, tns in (("near", numbers), ("far", back or numbers)):
            asks = [word for tn in tns for word in ("--tn", tn)]
            tls = ("--server-name", "localhost") if name == "near" else ()
            run(CPSCTL, "pki", "--out", self.path("pki"), "--name", name, *asks, *tls)
            self._tenant(name, system_id, tns)
            self._keys(name)
        self.cpsd = case.cpsd(certificate=(self.path("pki/tls.pem"), self.path("pki/tls.key")))
        ways = {"near": {"submit__action": "sign"}, "far": {"submit__action": "verify"}}
        if back:
            ways["near"]["deliver__action"], ways["far"]["deliver__action"] = "verify", "sign"
        self.far = self.start_sidecar("far", "near", smsc_port, **ways["far"])
        self.near = self.start_sidecar("near", "far", self.far.port, **ways["near"])

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def _tenant(self, name, system_id, numbers):
        os.makedirs(self.path(name, "tenants"))
        with open(self.path(name, "tenants", system_id + ".conf"), "w") as out:
            pki = self.path("pki", name)
            out.write(f"[tenant]\nkey = {pki}.key\ncertificate = {pki}.pem\nnumbers = {', '.join(numbers)}\n"
                      f"x5u = https://certs.example.com/{name}.pem\n")  # fmt: skip

    def _keys(self, name):
        """What others encrypt to, when it is for this side's numbers, and what opens that."""
        for kind in ("private", "public"):
            os.makedirs(self.path(name, kind))
        run(CPSCTL, "keygen", "--out", self.path(name, "private", "default.jwk"), "--public",
            self.path(name, "public", "default.jwk"))  # fmt: skip

    def start_sidecar(self, name, other, port, **ways):
        """One with the certificates and keys of `name`, that encrypts to `other`."""
        return started(self.case, port, name, cps__url=self.cpsd.url, cps__ca=self.path("pki/tls-root.pem"),
                       trust__roots=self.path("pki/root.pem"), trust__x5u_dir=self.path("pki/certs"),
                       tenants__dir=self.path(name, "tenants"), keys__dir=self.path(name, "private"),
                       keys__recipients_dir=self.path(other, "public"), sign__timeout_ms=20000,
                       verify__wait_ms=3000, verify__grace_ms=20000, join__hold="always", join__timeout_ms=20000,
                       **ways)  # fmt: skip

    def stop(self):
        for sidecar in (self.near, self.far):
            sidecar.stop()
