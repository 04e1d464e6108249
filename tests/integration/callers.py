# SPDX-License-Identifier: MIT
"""Callers with certificates, good and bad, and what they ask a cpsd for."""
import base64
import json
import os

import sti
import wire
from bearer import Provider, digest_of_body
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from envelope import envelope
from harness import Case, make_certificate
from wire import Wire

DEST, ELSEWHERE = "12155551212", "13105551212"  # the table gives the first one to SPC 1111
NO_ID, ORIG = "A" * 22, "12125550000"
JSON, JOSE = [("Content-Type", "application/json")], [("Content-Type", "application/jose")]


def caller_certificates():
    """{name: Cert}, the root, and the revocation lists."""
    root = sti.Cert("root", ca=True)
    ca = sti.Cert("ca", root, ca=True)
    narrow = sti.Cert("narrow-ca", root, "tn:12155550000", ca=True)
    stranger = sti.Cert("other-ca", sti.Cert("other-root", ca=True), ca=True)
    expired_ca = sti.Cert("expired-ca", root, ca=True, life=(-9, -2))
    crl_issuer = sti.Cert("crl-issuer", root, usage="crls")
    server_only = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    client_too = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    certs = {
        "holder by TN": sti.Cert("by-tn", ca, f"tn:{DEST}"),
        "holder by range": sti.Cert("by-range", ca, "spc:9999,range:12155551000+1000"),
        "holder by table": sti.Cert("by-table", ca, "spc:1111"),
        "holder by its second SPC": sti.Cert("by-second", ca, "spc:2222,spc:1111", extensions=[client_too]),
        "other SPC": sti.Cert("other-spc", ca, "spc:2222"),
        "other TN": sti.Cert("other-tn", ca, f"tn:{ELSEWHERE}"),
        "revoked": sti.Cert("revoked", ca, "spc:1111"),
        "revoked indirectly": sti.Cert("revoked-indirectly", ca, "spc:1111"),
        "intermediate revoked": sti.Cert("below", sti.Cert("revoked-ca", root, ca=True), "spc:1111"),
        "untrusted root": sti.Cert("untrusted", stranger, "spc:1111"),
        "its own root": sti.Cert("self", None, "spc:1111"),
        "expired": sti.Cert("expired", ca, "spc:1111", life=(-9, -2)),
        "not yet valid": sti.Cert("early", ca, "spc:1111", life=(2, 9)),
        "expired intermediate": sti.Cert("below-expired", expired_ca, "spc:1111"),
        "too narrow": sti.Cert("too-wide", narrow, f"tn:{DEST}"),
        "issued by no CA": sti.Cert("grandchild", sti.Cert("child", ca, "spc:1111"), "spc:1111"),
        "no TNAuthList": sti.Cert("plain", ca),
        "P-384 key": sti.Cert("p384", ca, "spc:1111", curve=ec.SECP384R1()),
        "for servers": sti.Cert("for-servers", ca, "spc:1111", extensions=[server_only]),
    }
    crls = {
        "direct.crl": sti.crl(ca, [certs["revoked"]]),
        "root.crl": sti.crl(root, [certs["intermediate revoked"].issuer]),
        "indirect.crl": sti.crl(crl_issuer, [certs["revoked indirectly"]], indirect=True),
    }
    return certs, root, crl_issuer, crls


def provider(cert):
    """Who signs bearer tokens with this certificate's key, and shows its chain in x5c."""
    one = Provider.__new__(Provider)
    names = [item.split(":")[1].split("+")[0] for item in (cert.scope or "spc:1111").split(",")]
    key = cert.key if cert.key.curve.name == "secp256r1" else ec.generate_private_key(ec.SECP256R1())
    one.spc, one.key, one.x5c = names[-1], key, [base64.b64encode(c.der).decode() for c in cert.chain]
    return one


def ask(connection, action, dest=DEST, signer=None):
    """Asks for an action; with a signer every request has a token of its own."""
    box, body = f"/cps/{dest}/ppts", envelope()
    array, record = json.dumps({"passports": [body]}), "a.b.c"
    method, path, body, fields, says, over = {
        "publish": ("POST", box, body, [], "publish", [body]),
        "list": ("GET", box, None, [], "retrieve", None),
        "fetch": ("GET", f"{box}/{NO_ID}", None, [], "retrieve", None),
        "delete": ("DELETE", f"{box}/{NO_ID}", None, [], "delete", None),
        "wait": ("GET", box, None, [("Prefer", "wait=0")], "retrieve", None),
        "atis_publish": ("POST", f"/passports/{dest}/{ORIG}", array, JSON, "publish", [body]),
        "atis_retrieve": ("GET", f"/passports/{dest}/{ORIG}0", None, [], "retrieve", None),
        "keys_put": ("PUT", f"/keys/{dest}", record, JOSE, "keys", digest_of_body(record)),
        "keys_get": ("GET", f"/keys/{dest}", None, [], "retrieve", None),
        "report": ("POST", f"{box}/{NO_ID}/report", "", [], "report", None),
        "reports": ("GET", "/cps/reports", None, [], "retrieve", None),
        "no dummies": ("GET", f"{box}?dummies=no", None, [("Accept", "application/json")], "retrieve", None),
    }[action]
    if signer:
        orig = path.split("/")[-1] if action.startswith("atis") else None
        fields = [*fields, *signer.fields(says, dest, orig, over).items()]
    return connection.request(method, path, body, fields)


class CallersCase(Case):
    """Contexts for all of callers, by name, and the files that judge them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.certs, cls.root, crl_issuer, crls = caller_certificates()
        files = {**crls, "roots.pem": cls.root.pem, "crl-issuer.pem": crl_issuer.pem, "numbers.csv": b"1215555,1111\n"}
        for name, octets in files.items():
            with open(os.path.join(cls.dir, name), "wb") as out:
                out.write(octets)
        cls.certificate = make_certificate(cls.dir, "server")
        cls.contexts = {"none": wire.tls_context(cls.certificate[0])}
        for name, cert in cls.certs.items():
            cls.contexts[name] = wire.tls_context(cls.certificate[0])
            cls.contexts[name].load_cert_chain(*cert.write(cls.dir))

    @classmethod
    def keys(cls):
        return {"certificate": cls.certificate, "trust__roots": f"{cls.dir}/roots.pem",
                "trust__crl_issuer_file": f"{cls.dir}/crl-issuer.pem",
                "numbers__table": f"{cls.dir}/numbers.csv", "server__client_certificates": "optional",
                "trust__crl_files": ", ".join(f"{cls.dir}/{name}.crl" for name in ("direct", "root", "indirect")),
                "auth__audience": "localhost", "log__access": "yes", "dummies__mode": "empty"}  # fmt: skip

    def connect(self, caller, server=None):
        return Wire((server or self.server).address, self.contexts[caller])

    def assertAnswer(self, answer, want):
        status, reason = want
        if status >= 400 and reason:
            self.assertProblem(answer, status)
            problem = answer.json()
            self.assertRegex(problem["title"] + ": " + problem["detail"], reason)
        self.assertEqual(answer.status, status, answer)
        if status == 401:
            self.assertRegex(answer.get("WWW-Authenticate"), "^Bearer")
