# SPDX-License-Identifier: MIT
"""Wrong bearer tokens, each refused with its reason and without anything stored. test_token_auth.py has those whose
refusal depends on more than the token."""
import base64
import contextlib
import functools
import json
import time

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from envelope import b64url, compact, envelope, unb64url
from sti import TNAUTH, Cert, crl
from token_case import DEST, ORIG, TokenCase, array_digest, body_digest

N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # the order of P-256
ALG = "alg: only ES256 is accepted"
AUD_NOT, AUD_TYPE = "the token's aud is not this server", "the token's aud is not a string"
DIGEST = "the token's passports claim does not match the digest of this body"
DEST_NOT, DEST_FORM = "the token's dest differs from that of the path", "the token's dest does not hold exactly one tn or uri"
LIST = "the certificate's TNAuthList does not name the token's "
LENGTH = "not a string, or too long"
PARTS = "a token has three parts separated by dots"
RANGE = "the signature is outside the range of ES256"
SECONDS = "not a number of seconds since 1970"
SIGNATURE = "the signature does not verify with this key"
NOW = time.time()

# claims, status, the reason
CLAIMS = [
    ({"aud": []}, 401, AUD_TYPE),
    ({"aud": {}}, 401, AUD_TYPE),
    ({"aud": 1}, 401, AUD_TYPE),
    ({"aud": ["cps.example.org", 1]}, 401, AUD_TYPE),
    ({"aud": ""}, 401, AUD_NOT),
    ({"aud": "cps.example.org "}, 401, AUD_NOT),
    ({"aud": "cps.example.org."}, 401, AUD_NOT),
    ({"aud": "cps.example.org:443"}, 401, AUD_NOT),
    ({"aud": "https://cps.example.org"}, 401, AUD_NOT),
    ({"aud": "*.example.org"}, 401, AUD_NOT),
    ({"aud": "*"}, 401, AUD_NOT),
    ({"aud": ["a.example", "b.example"]}, 401, AUD_NOT),
    ({"aud": "cps.example.org\0.example.com"}, 401, "a NUL character"),
    ({"jti": ""}, 401, f"the token's jti is {LENGTH}"),
    ({"jti": "x" * 256}, 401, f"the token's jti is {LENGTH}"),
    ({"jti": 1}, 401, f"the token's jti is {LENGTH}"),
    ({"jti": ["x"]}, 401, f"the token's jti is {LENGTH}"),
    ({"jti": "\0"}, 401, "a NUL character"),
    ({"iat": "now"}, 401, f"the token's iat is {SECONDS}"),
    ({"iat": str(int(NOW))}, 401, f"the token's iat is {SECONDS}"),
    ({"iat": -1}, 401, f"the token's iat is {SECONDS}"),
    ({"iat": True}, 401, f"the token's iat is {SECONDS}"),
    ({"iat": [int(NOW)]}, 401, f"the token's iat is {SECONDS}"),
    ({"iat": 2**53 + 1}, 401, f"the token's iat is {SECONDS}"),
    ({"iat": 2**64}, 401, f"the token's iat is {SECONDS}"),
    ({"iat": 1e300}, 401, f"the token's iat is {SECONDS}"),
    ({"iat": 0}, 401, "the token's iat is more than 60 s ago"),
    ({"iat": int(NOW * 1000)}, 401, "the token's iat is more than 5 s ahead"),
    ({"exp": "never"}, 401, f"the token's exp is {SECONDS}"),
    ({"exp": -1}, 401, f"the token's exp is {SECONDS}"),
    ({"exp": 2**60}, 401, f"the token's exp is {SECONDS}"),
    ({"exp": 0}, 401, "the token has expired"),
    ({"nbf": "now"}, 401, f"the token's nbf is {SECONDS}"),
    ({"nbf": 2**52}, 401, "the token's nbf is in the future"),
    ({"action": None}, 401, "the token's action is missing"),
    ({"action": 1}, 401, f"the token's action is {LENGTH}"),
    ({"action": ["publish"]}, 401, f"the token's action is {LENGTH}"),
    ({"action": "PUBLISH"}, 401, "the token's action is unknown"),
    ({"action": "publish "}, 401, "the token's action is unknown"),
    ({"action": "publish retrieve"}, 401, "the token's action is unknown"),
    ({"action": "republish"}, 403, "the token is for republish, not for publish"),
    ({"action": "report"}, 403, "the token is for report, not for publish"),
    ({"action": "keys"}, 403, "the token is for keys, not for publish"),
    ({"iss": None}, 401, "the token's iss is missing"),
    ({"iss": ""}, 401, f"the token's iss is {LENGTH}"),
    ({"iss": 1234}, 401, f"the token's iss is {LENGTH}"),
    ({"iss": "1" * 33}, 401, f"the token's iss is {LENGTH}"),
    ({"iss": "1234 "}, 403, LIST + "iss"),
    ({"iss": "spc:1234"}, 403, LIST + "iss"),
    ({"iss": "123"}, 403, LIST + "iss"),
    ({"iss": "12345"}, 403, LIST + "iss"),
    ({"iss": ORIG}, 403, LIST + "iss"),
    ({"spc": 1234}, 401, f"the token's spc is {LENGTH}"),
    ({"spc": ""}, 401, f"the token's spc is {LENGTH}"),
    ({"sub": {"spc": "1234"}}, 401, f"the token's sub is {LENGTH}"),
    ({"dest": DEST}, 401, DEST_FORM),
    ({"dest": [DEST]}, 401, DEST_FORM),
    ({"dest": {}}, 401, DEST_FORM),
    ({"dest": {"tn": []}}, 401, DEST_FORM),
    ({"dest": {"tn": int(DEST)}}, 401, DEST_FORM),
    ({"dest": {"tn": [[DEST]]}}, 401, DEST_FORM),
    ({"dest": {"tn": [DEST, DEST]}}, 401, DEST_FORM),
    ({"dest": {"tn": DEST, "uri": "sip:bob@example.com"}}, 401, DEST_FORM),
    ({"dest": {"tn": DEST, "x": 1}}, 401, DEST_FORM),
    ({"dest": {"TN": DEST}}, 401, DEST_FORM),
    ({"dest": {"uri": DEST}}, 401, DEST_FORM),
    ({"dest": {"tn": f"tel:+{DEST}"}}, 401, DEST_FORM),
    ({"dest": {"tn": "bob"}}, 401, "the token's dest"),
    ({"dest": {"tn": "1" * 16}}, 401, "the token's dest"),
    ({"dest": {"tn": f"{DEST}\0"}}, 401, "a NUL character"),
    ({"dest": {"tn": DEST[:-1]}}, 403, DEST_NOT),
    ({"dest": {"tn": DEST + "0"}}, 403, DEST_NOT),
    ({"dest": {"uri": f"sip:{DEST[:-1]}3@example.com;user=phone"}}, 403, DEST_NOT),
    ({"orig": ORIG}, 401, "the token's orig does not hold exactly one tn or uri"),
    ({"orig": {"tn": "alice"}}, 401, "the token's orig"),
    ({"passports": 1}, 401, f"the token's passports is {LENGTH}"),
    ({"passports": ""}, 401, f"the token's passports is {LENGTH}"),
    ({"passports": "x" * 2000}, 401, f"the token's passports is {LENGTH}"),
    ({"passports": "sha256-"}, 401, DIGEST),
    ({"passports": "sha256-" + "A" * 43 + "="}, 401, DIGEST),
    ({"passports": "md5-1B2M2Y8AsgTpgAmY7PhCfg=="}, 401, DIGEST),
    ({"passports": array_digest()}, 401, DIGEST),
    ({"passports": body_digest("")}, 401, DIGEST),
]  # fmt: skip

# members of the header, the reason; what the header of a good one has otherwise is {"alg": "ES256", "x5c": [..]}
HEADERS = [
    *(({"alg": alg}, ALG) for alg in (None, "", 256, ["ES256"], {}, "es256", "ES256 ", "nOnE", "NONE", "HS256", "HS512",
                                      "RS512", "PS256", "ES384", "ES512", "ES256K", "EdDSA", "ECDH-ES")),
    ({"typ": 1}, "the token's typ is not JWT"),
    ({"typ": ""}, "the token's typ is not JWT"),
    ({"typ": "JWS"}, "the token's typ is not JWT"),
    ({"typ": "at+jwt"}, "the token's typ is not JWT"),
    ({"typ": "JWT "}, "the token's typ is not JWT"),
    ({"crit": []}, "the header has the member crit"),
    ({"crit": ["exp"], "exp": 1}, "the header has the member crit"),
    ({"b64": True}, "the header has the member b64"),
    ({"b64": False, "crit": ["b64"]}, "the header has the member"),
    ({"zip": "DEF"}, "the header has the member zip"),
    ({"jwk": {}}, "the header has the member jwk"),
    ({"x5u": "https://cert.example.org/sp.pem"}, "the token's header has both x5u and x5c"),
    ({"x5c": None, "kid": "1"}, "the token's header has neither x5u nor x5c"),
    ({"x5c": None, "jku": "https://cert.example.org/keys"}, "the token's header has neither x5u nor x5c"),
    ({"x5c": None, "x5u": 1}, "the token's x5u is not a string"),
    ({"x5c": None, "x5u": ["https://cert.example.org/sp.pem"]}, "the token's x5u is not a string"),
    ({"x5c": None, "x5u": ""}, "x5u: the URL does not begin with https://"),
    ({"x5c": None, "x5u": "http://cert.example.org/sp.pem"}, "x5u: the URL does not begin with https://"),
    ({"x5c": None, "x5u": "https://cert.example.org:22/sp.pem"}, "x5u: port 22 is not allowed"),
    ({"x5c": None, "x5u": "https://elsewhere.example/sp.pem"},
     "x5u: certificates are not fetched from this host"),
    ({"x5c": "x"}, "x5c is not an array of 1 to 8 certificates"),
    ({"x5c": {}}, "x5c is not an array of 1 to 8 certificates"),
    ({"x5c": [1]}, "x5c is not an array of 1 to 8 certificates"),
    ({"x5c": [[]]}, "x5c is not an array of 1 to 8 certificates"),
    ({"x5c": [""]}, "x5c"),
    ({"x5c": ["AAAA"]}, "x5c"),
    ({"x5c": ["AAAA"] * 9}, "x5c is not an array of 1 to 8 certificates"),
]  # fmt: skip

# how the chain of a good token is changed, the reason
CHAINS = [
    ("more padding", lambda chain: [chain[0] + "=", chain[1]], "x5c: certificate 1 is not strict base64"),
    ("base64url", lambda chain: [chain[0][:40] + "-_" + chain[0][42:], chain[1]], "x5c: certificate 1 is not strict base64"),
    ("a line end inside", lambda chain: [chain[0][:64] + "\n" + chain[0][64:], chain[1]],
     "x5c: certificate 1 is not strict base64"),
    ("PEM", lambda chain: ["-----BEGIN CERTIFICATE-----\n" + chain[0]], "x5c: certificate 1 is not strict base64"),
    ("an octet after the certificate", lambda chain: [changed(chain[0], lambda der: der + b"\0"), chain[1]], "x5c"),
    ("a certificate that is cut", lambda chain: [changed(chain[0], lambda der: der[:-1]), chain[1]], "x5c"),
    ("the authority first", lambda chain: chain[::-1], "the first certificate is a CA certificate"),
    ("the authority alone", lambda chain: chain[1:], "/CN=STI Intermediate: no TNAuthList"),
    ("the leaf alone", lambda chain: chain[:1], "CN=STI Intermediate"),
]  # fmt: skip

# name of the certificate, status, the reason
CERTIFICATES = [
    ("expired", 401, "certificate has expired"),
    ("not-yet", 401, "certificate is not yet valid"),
    ("self-signed", 401, "/CN=self-signed"),
    ("self-signed-authority", 401, "authority"),
    ("stranger", 401, "/CN=stranger"),
    ("impostor", 401, "/CN="),  # its root has the subject of the real one
    ("below-a-leaf", 401, "/CN="),
    ("below-expired", 401, "/CN=Old: certificate has expired"),
    ("below-revoked", 401, "/CN=Bad is revoked by /CN=STI Root"),
    ("revoked", 401, "/CN=revoked is revoked by /CN=STI Intermediate"),
    ("authority", 401, "authority"),
    ("no-signatures", 401, "/CN=no-signatures"),
    ("no-list", 401, "/CN=no-list: no TNAuthList"),
    ("list-empty", 401, "/CN=list-empty"),
    ("list-garbage", 401, "/CN=list-garbage"),
    ("critical", 401, "/CN=critical"),
    ("p384", 401, "the key is not on P-256"),
    ("k1", 401, "the key is not on P-256"),
    ("rsa", 401, "the key is not on P-256"),
    ("numbers", 403, LIST + "iss"),
    ("elsewhere", 403, LIST + "iss"),
]  # fmt: skip


def changed(text, how):
    return base64.b64encode(how(base64.b64decode(text))).decode()


def put(part, how):
    """A change of one part of a token: 0 the header, 1 the claims, 2 the signature."""
    def change(token):
        parts = token.split(".")
        parts[part] = how(parts[part])
        return ".".join(parts)

    return change


def raw(part, how):
    """The same, of what is encoded there."""
    return put(part, lambda text: b64url(how(unb64url(text))))


def numbers(how):
    """A change of the signature's r and s."""
    def change(octets):
        r, s = how(int.from_bytes(octets[:32], "big"), int.from_bytes(octets[32:], "big"))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return raw(2, change)


def stray_bit(text):
    """Other text with the same octets: a bit beyond the last octet is set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) | 1]


def as_der(octets):
    return utils.encode_dss_signature(int.from_bytes(octets[:32], "big"), int.from_bytes(octets[32:], "big"))


def member(text):
    """One more member at the end of the JSON."""
    return lambda octets: octets[:-1] + b"," + text.encode() + b"}"


# how a good token is changed, the reason
CHANGES = [
    ("r is zero", numbers(lambda r, s: (0, s)), RANGE),
    ("s is zero", numbers(lambda r, s: (r, 0)), RANGE),
    ("both are zero", numbers(lambda r, s: (0, 0)), RANGE),
    ("r is the order", numbers(lambda r, s: (N, s)), RANGE),
    ("s is the order", numbers(lambda r, s: (r, N)), RANGE),
    ("s is beyond the order", numbers(lambda r, s: (r, 2**256 - 1)), RANGE),
    ("r and s are one", numbers(lambda r, s: (1, 1)), SIGNATURE),
    ("r and s are the order less one", numbers(lambda r, s: (N - 1, N - 1)), SIGNATURE),
    ("r and s are exchanged", numbers(lambda r, s: (s, r)), SIGNATURE),
    ("r is negated", numbers(lambda r, s: (N - r, s)), SIGNATURE),
    ("s is one more", numbers(lambda r, s: (r, s % (N - 1) + 1)), SIGNATURE),
    ("DER", raw(2, as_der), "the signature does not have 64 octets"),
    ("an octet less", raw(2, lambda octets: octets[:-1]), "the signature does not have 64 octets"),
    ("an octet more", raw(2, lambda octets: octets + b"\0"), "the signature does not have 64 octets"),
    ("of P-384's size", raw(2, lambda octets: bytes(16) + octets[:32] + bytes(16) + octets[32:]),
     "the signature does not have 64 octets"),
    ("padding", put(2, lambda text: text + "=="), "the signature is not strict base64url"),
    ("the other alphabet", put(2, lambda text: text[:-2] + "+/"), "the signature is not strict base64url"),
    ("white space in the signature", put(2, lambda text: text[:9] + " " + text[9:]), "the signature is not strict base64url"),
    ("a stray bit in the signature", put(2, stray_bit), "the signature is not strict base64url"),
    ("no signature", put(2, lambda text: ""), PARTS),
    ("no claims", put(1, lambda text: ""), PARTS),
    ("no header", put(0, lambda text: ""), PARTS),
    ("alg none and no signature", lambda token: b64url(b'{"alg":"none"}') + token[token.index("."):token.rindex(".") + 1],
     PARTS),
    ("four parts", lambda token: token + ".AAAA", PARTS),
    ("five parts", lambda token: token + "..AAAA", PARTS),
    ("commas for dots", lambda token: token.replace(".", ","), PARTS),
    ("JSON serialization", lambda token: compact({"payload": token}), None),
    ("quotes around", lambda token: f'"{token}"', "the header is not strict base64url"),
    ("a space inside", lambda token: token.replace(".", " .", 1), "the header is not strict base64url"),
    ("padding after the header", put(0, lambda text: text + "="), "the header is not strict base64url"),
    ("padding after the claims", put(1, lambda text: text + "="), "the payload is not strict base64url"),
    ("the other alphabet in the claims", put(1, lambda text: text + "+/+/"), "the payload is not strict base64url"),
    ("a length that base64 cannot have", put(1, lambda text: text + "A" * (5 - len(text) % 4)),
     "the payload is not strict base64url"),
    ("the header with a NUL after it", raw(0, lambda octets: octets + b"\0"), "the header"),
    ("the header with more text after it", raw(0, lambda octets: octets + b"{}"), "text after the end"),
    ("the header cut", raw(0, lambda octets: octets[:-1]), "the header"),
    ("an array as header", raw(0, lambda octets: b"[]"), "the header"),
    ("null as header", raw(0, lambda octets: b"null"), "the header"),
    ("an array as claims", raw(1, lambda octets: b"[" + octets + b"]"), "the payload"),
    ("a string as claims", raw(1, lambda octets: json.dumps(octets.decode()).encode()), "the payload"),
    ("a byte order mark", raw(1, lambda octets: b"\xef\xbb\xbf" + octets), "the payload"),
    ("UTF-16", raw(1, lambda octets: octets.decode().encode("utf-16")), "the payload"),
    ("Latin-1", raw(1, lambda octets: octets[:-1] + b',"x":"\xff"}'), "invalid UTF-8"),
    ("a lone surrogate", raw(1, member('"x":"\\ud800"')), "the payload"),
    ("single quotes", raw(1, lambda octets: octets.replace(b'"', b"'")), "the payload"),
    ("a comment", raw(1, lambda octets: b"/**/" + octets), "the payload"),
    ("a comma too many", raw(1, lambda octets: octets[:-1] + b",}"), "the payload"),
    ("NaN", raw(1, member('"x":NaN')), "the payload"),
    ("a number that no double holds", raw(1, member('"x":1e999')), "a number is too large"),
    ("nested 200 deep", raw(1, member('"x":' + "[" * 200 + "]" * 200)), "nested deeper than 16 levels"),
    ("alg twice", raw(0, member('"alg":"ES256"')), "a name occurs twice"),
    ("alg twice, first none", raw(0, lambda octets: b'{"alg":"none",' + octets[1:]), "a name occurs twice"),
    ("alg twice, escaped", raw(0, member('"al\\u0067":"none"')), "a name occurs twice"),
    ("iss twice", raw(1, member('"iss":"5678"')), "a name occurs twice"),
    ("a member twice, deep", raw(1, member('"x":{"y":1,"y":2}')), "a name occurs twice"),
    ("claims of another token", raw(1, lambda octets: octets.replace(b'"1235"', b'"1234"')), SIGNATURE),
    ("a space more in the claims", raw(1, lambda octets: octets + b" "), SIGNATURE),
    ("a member more in the header", raw(0, member('"kid":"1"')), SIGNATURE),
]  # fmt: skip

# the field, of a good token; the same reason for all
FIELDS = ["Token {}", "DPoP {}", "Digest {}", "Bearer\t{}", "Bearer:{}", "Bearer={}", "Bearer", "Bearer  ", "{}", '"Bearer" {}']


class WrongTokens(TokenCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.x5c = [base64.b64encode(one.der).decode() for one in cls.sp.chain]
        cls.certs = cls.make_certificates()
        lists = crl(cls.inter, [cls.certs["revoked"]]) + crl(cls.root, [cls.certs["below-revoked"].issuer])
        cls.server = cls.class_cpsd(**cls.keys(trust__crl_files=cls.file("crl.pem", lists), auth__x5u_ports="443",
                                               auth__x5u_hosts="cert.example.org", limits__read_by_address=0,
                                               limits__publish_by_address=0, limits__chains_by_address=0))  # fmt: skip

    @classmethod
    def make_certificates(cls):
        root, inter, make = cls.root, cls.inter, functools.partial(Cert, scope="spc:1234")
        other, same = Cert("Other Root", ca=True), Cert("STI Root", ca=True)
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\5\0")
        lists = {"list-empty": b"\x30\x00", "list-garbage": b"\x30\x80"}
        certs = [
            make("expired", inter, life=(-30, -1)), make("not-yet", inter, life=(1, 30)), make("self-signed"),
            make("self-signed-authority", ca=True), make("stranger", other), make("impostor", Cert("Inter", same, ca=True)),
            make("below-a-leaf", cls.sp), make("below-expired", Cert("Old", root, ca=True, life=(-30, -1))),
            make("below-revoked", Cert("Bad", root, ca=True)), make("revoked", inter), make("authority", inter, ca=True),
            make("no-signatures", inter, usage="crls"), Cert("no-list", inter), make("p384", inter, curve=ec.SECP384R1()),
            make("k1", inter, curve=ec.SECP256K1()), make("rsa", inter, key=rsa.generate_private_key(65537, 2048)),
            Cert("numbers", inter, f"tn:{DEST}"), Cert("elsewhere", inter, "spc:5678"), make("critical", inter, critical=[unknown]),
            *(Cert(name, inter, extensions=[x509.UnrecognizedExtension(TNAUTH, octets)]) for name, octets in lists.items()),
        ]  # fmt: skip
        return {cert.name: cert for cert in certs}

    def good(self, body, header=None, **more):
        return self.token(body, header={"x5u": None, "x5c": self.x5c, **(header or {})}, **more)

    def counts(self):
        metrics = self.server.metrics()
        refused = sum(value for name, value in metrics.items() if name.startswith("cpsd_tokens_refused_total"))
        return metrics["cpsd_stored_total"], metrics["cpsd_tokens_accepted_total"], refused

    @contextlib.contextmanager
    def row(self, what):
        """One row: counted as refused, nothing stored."""
        with self.subTest(what):
            stored, accepted, refused = self.counts()
            yield
            self.assertEqual(self.counts(), (stored, accepted, refused + 1))

    def refused(self, connection, token, body, status=401, reason=None):
        fields = {"Authorization": token if " " in token[:8] else f"Bearer {token}"}
        answer = connection.request("POST", f"/cps/{DEST}/ppts", body, fields)
        self.assertProblem(answer, status, reason or "")
        error = "invalid_token" if status == 401 else "insufficient_scope"
        self.assertTrue(answer.get("WWW-Authenticate").startswith(f'Bearer error="{error}"'), answer)

    def test_claims(self):
        with self.server.connect() as connection:
            for claims, status, reason in CLAIMS:
                with self.row(claims):
                    body = envelope()
                    self.refused(connection, self.good(body, **claims), body, status, reason)

    def test_headers(self):
        with self.server.connect() as connection:
            for header, reason in HEADERS:
                with self.row(header):
                    body = envelope()
                    self.refused(connection, self.good(body, header), body, 401, reason)

    def test_chains(self):
        with self.server.connect() as connection:
            for what, change, reason in CHAINS:
                with self.row(what):
                    body = envelope()
                    self.refused(connection, self.good(body, {"x5c": change(self.x5c)}), body, 401, reason)

    def test_certificates(self):
        self.assertEqual({row[0] for row in CERTIFICATES}, set(self.certs))
        with self.server.connect() as connection:
            for name, status, reason in CERTIFICATES:
                with self.row(name):
                    body, cert = envelope(), self.certs[name]
                    # ES256 signs with P-256 only: with another key, one of P-256 makes the signature
                    key = cert.key if getattr(cert.key, "curve", None).__class__ is ec.SECP256R1 else self.sp.key
                    header = {"x5c": [base64.b64encode(one.der).decode() for one in cert.chain or [cert]]}
                    token = self.good(body, header, key=key, spc=None)
                    self.refused(connection, token, body, status, reason)

    def test_changes(self):
        with self.server.connect() as connection:
            for what, change, reason in CHANGES:
                with self.row(what):
                    body = envelope()
                    self.refused(connection, change(self.good(body, iss="1235")), body, 401, reason)

    def test_fields(self):
        with self.server.connect() as connection:
            for field in FIELDS:
                with self.row(field):
                    body = envelope()
                    answer = connection.request("POST", f"/cps/{DEST}/ppts", body,
                                                {"Authorization": field.format(self.good(body))})  # fmt: skip
                    self.assertProblem(answer, 401, 'the Authorization field must be "Bearer" and a token')

    def test_the_other_signature_of_a_used_token(self):
        """If (r, s) verifies, so does (r, n - s): it is the same token for all that, and used up."""
        body = envelope()
        token = self.good(body)
        negated = numbers(lambda r, s: (r, N - s))(token)
        self.assertNotEqual(negated, token)
        with self.server.connect() as connection:
            answer = connection.request("POST", f"/cps/{DEST}/ppts", body, {"Authorization": f"Bearer {token}"})
            self.assertEqual(answer.status, 201)
            self.refused(connection, negated, body, 401, "the token was used before")


del TokenCase  # only for others to derive from
