# SPDX-License-Identifier: MIT
"""Bearer tokens as ATIS-1000096 and ATIS-1000105 have them, made with python3-cryptography: by whom, for what, over which
body. What is wrong with one is a keyword: token("publish", ..., aud="other.example")."""
import base64
import hashlib
import json
import os
import time
import urllib.parse
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from envelope import b64url, compact
from harness import CPSCTL, run


def canonical(value):
    """RFC 8785, for what PASSporTs are made of: no numbers but integers."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def digest(passports):
    return "sha256-" + base64.b64encode(hashlib.sha256(canonical(passports).encode()).digest()).decode()


def digest_of_body(body):
    """The other form of the claim, of newer drafts."""
    return b64url(hashlib.sha256(body.encode()).digest())


def identity(text):
    """A segment of a path as a claim."""
    text = urllib.parse.unquote(text)
    digits = text.translate(str.maketrans("", "", "+-.() "))
    return {"tn": digits} if digits.isdigit() else {"uri": text}


class Provider:
    """A carrier with an STI certificate of its own under a throwaway root, which all providers of a directory share."""

    def __init__(self, directory, spc, name=None):
        self.spc, self.name = spc, name or "spc" + spc
        run(CPSCTL, "pki", "--out", directory, "--spc", spc, "--name", self.name)
        self.root = os.path.join(directory, "root.pem")
        self.cert_file, self.key_file = (os.path.join(directory, self.name + end) for end in (".pem", ".key"))
        with open(self.key_file, "rb") as file:
            self.key = serialization.load_pem_private_key(file.read(), None)
        with open(self.cert_file, "rb") as file:
            self.pem = file.read()
        ends = b"-----END CERTIFICATE-----\n"
        certs = [x509.load_pem_x509_certificate(part + ends) for part in self.pem.split(ends) if part.strip()]
        self.x5c = [base64.b64encode(c.public_bytes(serialization.Encoding.DER)).decode() for c in certs]

    def sign(self, header, claims):
        signed = f"{b64url(compact(header).encode())}.{b64url(compact(claims).encode())}"
        r, s = utils.decode_dss_signature(self.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{b64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def token(self, action, dest=None, orig=None, passports=None, header=None, age=0, **claims):
        """A claim or a member of the header given as None is left out. passports is the array, or the claim as it is to be."""
        all_claims = {"action": action, "aud": "localhost", "iat": int(time.time()) - age,
                      "iss": self.spc, "jti": str(uuid.uuid4())}  # fmt: skip
        if dest:
            all_claims["dest"] = identity(dest)
        if orig:
            all_claims["orig"] = identity(orig)
        if passports is not None:
            all_claims["passports"] = passports if isinstance(passports, str) else digest(passports)
        all_claims.update(claims)
        all_claims = {name: value for name, value in all_claims.items() if value is not None}
        header = {"alg": "ES256", "typ": "JWT", "x5c": self.x5c, **(header or {})}
        return self.sign({name: value for name, value in header.items() if value is not None}, all_claims)

    def fields(self, *args, **keys):
        return {"Authorization": "Bearer " + self.token(*args, **keys)}
