# SPDX-License-Identifier: MIT
"""What tests of bearer tokens share: an STI hierarchy, a host of certificates, and tokens made of them."""
import base64
import hashlib
import os
import time
import uuid

from certhost import CertHost
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from envelope import b64url, compact
from harness import Case, make_certificate
from sti import Cert

DEST, ORIG = "12125551212", "12155551212"
UNAUTHORIZED = "the credential is missing or not accepted"
FORBIDDEN = "the caller may not do this"


def sign(header, claims, key):
    signed = f"{b64url(compact(header).encode())}.{b64url(compact(claims).encode())}"
    r, s = utils.decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{b64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def array_digest(*passports):
    octets = compact(list(passports)).encode()
    return "sha256-" + base64.b64encode(hashlib.sha256(octets).digest()).decode()


def body_digest(body):
    return b64url(hashlib.sha256(body.encode()).digest())


class TokenCase(Case):
    """An STI hierarchy, a host of certificates, and tokens made of them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.root = Cert("STI Root", ca=True)
        cls.inter = Cert("STI Intermediate", cls.root, ca=True)
        cls.sp = Cert("sp", cls.inter, "spc:1234,spc:1235")
        cls.roots = cls.file("roots.pem", cls.root.pem)
        tls, key = make_certificate(cls.dir, "certhost")
        cls.host = CertHost(tls, key)
        cls.addClassCleanup(cls.host.close)
        cls.host_ca = tls
        cls.x5u = cls.host.serve("/sp.pem", cls.sp.chain_pem)

    @classmethod
    def file(cls, name, octets):
        path = os.path.join(cls.dir, name)
        with open(path, "wb") as out:
            out.write(octets)
        return path

    @classmethod
    def keys(cls, **more):
        return {
            "trust__roots": cls.roots, "auth__audience": "cps.example.org", "auth__x5u_ca_file": cls.host_ca,
            "auth__x5u_ports": f"443, 8443, {cls.host.port}", "auth__x5u_allow_private": "yes",
            "auth__x5u_timeout_ms": 30000, "policy__publish": "token", "policy__list": "token", **more,
        }  # fmt: skip

    def claims(self, action="publish", **more):
        """None leaves a claim out."""
        all_claims = {
            "iat": int(time.time()), "action": action, "iss": "1234", "spc": "1234", "aud": "cps.example.org",
            "jti": str(uuid.uuid4()), "orig": {"tn": ORIG}, "dest": {"tn": [DEST]}, **more,
        }  # fmt: skip
        return {name: value for name, value in all_claims.items() if value is not None}

    def token(self, body, cert=None, header=None, key=None, **claims):
        head = {"alg": "ES256", "x5u": self.x5u, **(header or {})}
        head = {name: value for name, value in head.items() if value is not None}
        claims.setdefault("passports", array_digest(body))
        return sign(head, self.claims(**claims), key or (cert or self.sp).key)

    def post(self, server, token, body, dest=DEST, fields=()):
        return server.request("POST", f"/cps/{dest}/ppts", body, {"Authorization": f"Bearer {token}", **dict(fields)})

    def assertRefused(self, answer, status, detail):
        self.assertProblem(answer, status)
        problem = answer.json()
        self.assertEqual(problem.get("detail"), detail)
        self.assertEqual(problem["title"], {401: UNAUTHORIZED, 403: FORBIDDEN}.get(status, problem["title"]))
        challenge = answer.get("WWW-Authenticate")
        if status == 503:
            self.assertIsNone(challenge)
        else:
            error = "invalid_token" if status == 401 else "insufficient_scope"
            told = detail.replace('"', "'")
            self.assertEqual(challenge, f'Bearer error="{error}", error_description="{told}"')
