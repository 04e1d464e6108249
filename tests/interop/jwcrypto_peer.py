# SPDX-License-Identifier: MIT
"""The same as jose_peer.mjs, with python3-jwcrypto."""
import json
import sys

from jwcrypto import jwe, jwk, jws

command, key_file, header = sys.argv[1], sys.argv[2], json.loads(sys.argv[3] if len(sys.argv) > 3 else "{}")


def load(path):
    with open(path, "rb") as file:
        content = file.read()
    if header.get("alg") == "HS256":
        return jwk.JWK(kty="oct", k=jwk.base64url_encode(content))
    return jwk.JWK.from_json(content.decode()) if content.startswith(b"{") else jwk.JWK.from_pem(content)


def encrypt(key, line):
    token = jwe.JWE(line.encode(), protected=json.dumps(header))
    token.add_recipient(key)
    return token.serialize(compact=True)


def decrypt(key, line):
    token = jwe.JWE()
    token.deserialize(line, key)
    return token.payload.decode()


def sign(key, line):
    token = jws.JWS(line.encode())
    token.add_signature(key, alg=header["alg"], protected=json.dumps(header))
    return token.serialize(compact=True)


def verify(key, line):
    token = jws.JWS()
    token.allowed_algs = ["ES256"]
    token.deserialize(line, key)
    return token.payload.decode()


if command == "keygen":
    key = jwk.JWK.generate(kty="OKP" if key_file == "X25519" else "EC", crv=key_file)
    print(key.export_private())
    print(key.export_public())
else:
    key = load(key_file)
    for line in sys.stdin.read().split("\n")[:-1]:
        print({"encrypt": encrypt, "decrypt": decrypt, "sign": sign, "verify": verify}[command](key, line))
