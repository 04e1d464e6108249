# SPDX-License-Identifier: MIT
"""Envelopes as the CPS sees them: a JWE in compact form whose inside nobody here needs to know."""
import base64
import hashlib
import json
import os

P = 2**255 - 19
P256_P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
P256_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
P256_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def b64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def unb64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def x25519_public(private):
    """RFC 7748 section 5, with the base point 9."""
    k = int.from_bytes(private, "little") & ~7 & ~(1 << 255) | 1 << 254
    x1, x2, z2, x3, z3, swap = 9, 1, 0, 9, 1, 0
    for t in reversed(range(255)):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a % P, b * b % P, d * a % P, c * b % P
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % P, x1 * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def on_curve25519(public):
    """True if these octets are the u of a point of the curve, not of its twist."""
    u = int.from_bytes(public, "little")
    if u >= P:
        return False
    v2 = (u**3 + 486662 * u**2 + u) % P
    return pow(v2, (P - 1) // 2, P) == 1


def p256_public():
    """The base point: as good a point of the curve as any."""
    x, y = P256_G
    return {"crv": "P-256", "kty": "EC", "x": b64url(x.to_bytes(32, "big")), "y": b64url(y.to_bytes(32, "big"))}


def header(curve="X25519"):
    epk = p256_public()
    if curve == "X25519":
        epk = {"crv": "X25519", "kty": "OKP", "x": b64url(x25519_public(os.urandom(32)))}
    return {"alg": "ECDH-ES", "cty": "passport", "enc": "A256GCM", "epk": epk}


def compact(text):
    return json.dumps(text, separators=(",", ":"))


_header = {}


def envelope(size=512, curve="X25519"):
    """A new one each time; `size` octets of plaintext. The key is made once: that is the slow part."""
    if curve not in _header:
        _header[curve] = b64url(compact(header(curve)).encode())
    return ".".join([_header[curve], "", b64url(os.urandom(12)), b64url(os.urandom(size)), b64url(os.urandom(16))])


def envelope_of_length(length):
    """Returns an envelope of exactly this length (not every length is possible: base64 has none of 4n + 1)."""
    bare = len(envelope(0))
    size = (length - bare) * 3 // 4
    made = envelope(size)
    assert len(made) == length, (len(made), length)
    return made


def envelope_id(text):
    return b64url(hashlib.sha256(text.encode()).digest()[:16])
