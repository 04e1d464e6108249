# SPDX-License-Identifier: MIT
"""Bearer tokens (ATIS-1000096, ATIS-1000105) at the server: each way in which one can be no good, with the exact status
and reason, and what happens while certificates are fetched."""
import base64
import concurrent.futures
import hashlib
import hmac
import json
import os
import re
import threading
import time
import uuid

from certhost import closed_port
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import x25519
from envelope import b64url, compact, envelope
from harness import SLOW
from redis_farm import Cluster
from sti import Cert, crl, list_at, tnauth
from token_case import DEST, ORIG, TokenCase, array_digest, body_digest, sign
from wire import until


class Tokens(TokenCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        stranger_root = Cert("Stranger Root", ca=True)
        old_inter = Cert("Old Intermediate", cls.root, ca=True, life=(-30, -1))
        small_inter = Cert("Small Intermediate", cls.root, "spc:1234", ca=True)
        cls.others = {
            "stranger": Cert("stranger", stranger_root, "spc:1234"),
            "old-inter": Cert("old-inter", old_inter, "spc:1234"),
            "old": Cert("old", cls.inter, "spc:1234", life=(-30, -1)),
            "revoked": Cert("revoked", cls.inter, "spc:1234"),
            "too-wide": Cert("too-wide", small_inter, "spc:1234,spc:9999"),
            "numbers": Cert("numbers", cls.inter, f"tn:{DEST},range:12155551200+100"),
            "no-list": Cert("no-list", cls.inter),
        }
        for name, cert in cls.others.items():
            cls.host.serve(f"/{name}.pem", cert.chain_pem)
        revoked = cls.file("crl.pem", crl(cls.inter, [cls.others["revoked"]]))
        cls.cpsd_ = cls.class_cpsd(**cls.keys(trust__crl_files=revoked))

    def with_cert(self, name, body, **claims):
        return self.token(body, self.others[name], {"x5u": f"{self.host.url}/{name}.pem"}, **claims)

    def test_accepted(self):
        body = envelope()
        self.assertEqual(self.post(self.cpsd_, self.token(body), body).status, 201)
        x5c = [base64.b64encode(c.der).decode() for c in self.sp.chain]
        for what, fields in {
            "an older client's": {"spc": None, "sub": "1234"},
            "iss alone": {"spc": None},
            "another SPC of the certificate": {"iss": "1235", "spc": "1235"},
            "the body's digest": {"passports": "body"},
            "aud in a list": {"aud": ["other.example", "CPS.example.org"]},
            "exp": {"exp": int(time.time()) + 20},
            "a clock that is a little ahead": {"iat": int(time.time()) + 3},
            "numbers as people write them": {"dest": {"tn": "+1 (212) 555-1212"}},
            "no orig, where the path has none": {"orig": None},
        }.items():
            with self.subTest(what):
                body = envelope()
                if fields.get("passports") == "body":
                    fields["passports"] = body_digest(body)
                self.assertEqual(self.post(self.cpsd_, self.token(body, **fields), body).status, 201)
        for what, header in {"typ": {"typ": "JWT"}, "x5c": {"x5u": None, "x5c": x5c}}.items():
            with self.subTest(what):
                body = envelope()
                self.assertEqual(self.post(self.cpsd_, self.token(body, header=header), body).status, 201)
        body = envelope()
        token = self.with_cert("numbers", body, iss="12155551234", spc=None)
        self.assertEqual(self.post(self.cpsd_, token, body).status, 201)

    def test_f38_a_provider_code_is_compared_without_case(self):
        """The certificate says 554a, the token 554A, and the number table 554A: one provider."""
        table = self.file("f38.csv", b"1212555,554A\n")
        sp = Cert("f38", self.inter, "spc:554a")
        x5u = self.host.serve("/f38.pem", sp.chain_pem)
        server = self.cpsd(**self.keys(numbers__table=table, policy__publish="holder", dummies__mode="empty"))
        for code in ("554A", "554a"):
            with self.subTest(code):
                body = envelope()
                token = self.token(body, sp, {"x5u": x5u}, iss=code, spc=code)
                self.assertEqual(self.post(server, token, body).status, 201)
        body = json.dumps({"passports": [envelope()]})
        digest = array_digest(*json.loads(body)["passports"])
        for code, other in (("554A", "554a"), ("554a", "554A")):
            with self.subTest(path=code, token=other):
                path = f"/passports/{code}/{DEST}/{ORIG}"
                token = self.token("", sp, {"x5u": x5u}, iss=other, spc=other, passports=digest, exp=int(time.time()) + 20)
                fields = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
                self.assertEqual(server.request("POST", path, body, fields).status, 201)
                token = self.token("", sp, {"x5u": x5u}, iss=code, spc=code, passports=None, action="retrieve")
                answer = server.request("GET", f"/passports/{other}/{DEST}/{ORIG}", fields={"Authorization": f"Bearer {token}"})
                self.assertEqual(answer.json(), json.loads(body), "one box, whichever way its code is written")
        body = envelope()
        token = self.token(body, sp, {"x5u": x5u}, iss="554B", spc="554B")
        self.assertProblem(self.post(server, token, body), 403, "the token's iss")

    def test_f11_a_later_certificate_at_the_same_x5u(self):
        """The certificate is replaced while the earlier one is cached for a day: the URL is asked once more."""
        later, path = Cert("later", self.inter, "spc:1234"), "/f11.pem"
        x5u = self.host.serve(path, self.sp.chain_pem, Cache_Control="max-age=86400")
        server = self.cpsd(**self.keys())

        def publish(cert):
            body = envelope()
            return self.post(server, self.token(body, cert, {"x5u": x5u}), body).status

        self.assertEqual(publish(self.sp), 201)
        self.host.serve(path, later.chain_pem, Cache_Control="max-age=86400")
        # cpsd asks a URL again once 10 s have passed since it asked last
        until(lambda: publish(later) == 201, 60 * SLOW, "the later certificate is accepted")
        self.assertEqual(self.host.gets[path], 2)
        self.assertEqual(publish(later), 201)
        self.assertEqual(publish(self.sp), 401)
        self.assertEqual(self.host.gets[path], 2)

    def test_f39_the_digest_of_the_canonical_body_is_accepted(self):
        """draft-wendt-stir-vesper-oob: SHA-256 of the RFC 8785 form of the whole body, which is sent with spaces."""
        for dest, path in ((DEST, f"/passports/{DEST}/{ORIG}"), ("12125551213", f"/passports/1234/12125551213/{ORIG}")):
            content = {"passports": [envelope()], "later": {"b": 2, "a": 1}}
            digest = body_digest(json.dumps(content, sort_keys=True, separators=(",", ":")))
            claims = {"dest": {"tn": [dest]}, "exp": int(time.time()) + 20, "passports": digest}
            for what, body, status in (
                ("written with spaces", json.dumps(content, indent=2), 201),
                ("another PASSporT", json.dumps({**content, "passports": [envelope()]}, indent=2), 401),
                ("another member", json.dumps({**content, "later": {"b": 2, "a": 2}}, indent=2), 401),
            ):
                with self.subTest(what, path=path):
                    fields = {"Authorization": f"Bearer {self.token('', **claims)}", "Content-Type": "application/json"}
                    self.assertEqual(self.cpsd_.request("POST", path, body, fields).status, status)

    def test_numeric_dates_with_a_fraction(self):
        now = time.time()
        body = envelope()
        token = self.token(body, iat=now, nbf=now - 0.25, exp=now + 20.5)
        self.assertEqual(self.post(self.cpsd_, token, body).status, 201)
        body = envelope()
        self.assertRefused(self.post(self.cpsd_, self.token(body, iat=now, exp=now - 10.5), body), 401, "the token has expired")

    def test_max_age_of_five_minutes(self):
        """What draft-wendt-stir-vesper-oob asks for, and its tokens are good once in all that time."""
        server = self.cpsd(**self.keys(auth__max_age_s=300))
        body = envelope()
        token = self.token(body, iat=int(time.time()) - 240)
        self.assertEqual(self.post(server, token, body).status, 201)
        self.assertProblem(self.post(server, token, body), 401, "used before")
        body = envelope()
        detail = "the token's iat is more than 300 s ago"
        self.assertRefused(self.post(server, self.token(body, iat=int(time.time()) - 310), body), 401, detail)

    def test_other_forms_of_the_path(self):
        body = envelope()
        self.assertEqual(self.post(self.cpsd_, self.token(body), body, dest="%2B1.212.555.1212").status, 201)
        body = envelope()
        token = self.token(body, dest={"uri": "sip:bob@example.com"})
        self.assertEqual(self.post(self.cpsd_, token, body, dest="sip%3ABob%40example.com").status, 201)

    def test_refused(self):
        """Everything that can be said before a certificate is needed, and after."""
        now = int(time.time())
        other = array_digest(envelope())
        aud = "the token's aud is not this server"
        rows = [
            # what, status, detail, claims, header
            ("expired", 401, "the token has expired", {"exp": now - 10}, {}),
            ("stale", 401, "the token's iat is more than 60 s ago", {"iat": now - 70}, {}),
            ("a day old", 401, "the token's iat is more than 60 s ago", {"iat": now - 86400}, {}),
            ("ahead", 401, "the token's iat is more than 5 s ahead", {"iat": now + 20}, {}),
            ("not yet", 401, "the token's nbf is in the future", {"nbf": now + 20}, {}),
            ("no iat", 401, "the token's iat is missing", {"iat": None}, {}),
            ("another aud", 401, aud, {"aud": "cps.example.com"}, {}),
            ("a longer aud", 401, aud, {"aud": "cps.example.org.evil.example"}, {}),
            ("no aud", 401, "the token's aud is missing", {"aud": None}, {}),
            ("retrieve", 403, "the token is for retrieve, not for publish", {"action": "retrieve"}, {}),
            ("delete", 403, "the token is for delete, not for publish", {"action": "delete"}, {}),
            ("no such action", 401, "the token's action is unknown", {"action": "read"}, {}),
            ("another body", 401, "the token's passports claim does not match the digest of this body", {"passports": other}, {}),
            ("another body, by its digest", 401, "the token's passports claim does not match the digest of this body",
             {"passports": body_digest("x")}, {}),
            ("no digest", 401, "the token has no passports claim, the digest of the body", {"passports": None}, {}),
            ("another dest", 403, "the token's dest differs from that of the path", {"dest": {"tn": ["12125551213"]}}, {}),
            ("no dest", 403, "the token has no dest", {"dest": None}, {}),
            ("two dests", 401, "the token's dest does not hold exactly one tn or uri",
             {"dest": {"tn": [DEST, ORIG]}}, {}),
            ("another iss", 403, "the certificate's TNAuthList does not name the token's iss", {"iss": "5678"}, {}),
            ("another spc", 403, "the certificate's TNAuthList does not name the token's spc", {"spc": "5678"}, {}),
            ("another sub", 403, "the certificate's TNAuthList does not name the token's sub", {"sub": "5678"}, {}),
            ("no jti", 401, "the token's jti is missing", {"jti": None}, {}),
            ("alg none", 401, "alg: only ES256 is accepted", {}, {"alg": "none"}),
            ("alg RS256", 401, "alg: only ES256 is accepted", {}, {"alg": "RS256"}),
            ("crit", 401, "the header has the member crit", {}, {"crit": ["b64"]}),
            ("its own key", 401, "the header has the member jwk", {}, {"jwk": {"kty": "EC"}}),
            ("a PASSporT", 401, "the token's typ is not JWT", {}, {"typ": "passport"}),
            ("no certificate", 401, "the token's header has neither x5u nor x5c", {}, {"x5u": None}),
            ("x5c of nothing", 401, "x5c is not an array of 1 to 8 certificates", {}, {"x5u": None, "x5c": []}),
            ("x5c of nonsense", 401, "x5c: certificate 1 is not strict base64", {}, {"x5u": None, "x5c": ["!"]}),
        ]  # fmt: skip
        for what, status, detail, claims, header in rows:
            with self.subTest(what):
                body = envelope()
                token = self.token(body, header=header, **claims)
                self.assertRefused(self.post(self.cpsd_, token, body), status, detail)

    def test_certificates(self):
        rows = [
            ("stranger", 401, "untrusted", "/CN=stranger: x5u served only the leaf, without CN=Stranger Root, which is not among the roots either"),
            ("old-inter", 401, "certificate", "/CN=Old Intermediate: certificate has expired"),
            ("old", 401, "certificate", "/CN=old: certificate has expired"),
            ("revoked", 401, "revoked", "/CN=revoked is revoked by /CN=STI Intermediate"),
            ("too-wide", 403, "scope", "the TNAuthList of /CN=Small Intermediate does not cover that of /CN=too-wide"),
            ("no-list", 401, "certificate", "/CN=no-list: no TNAuthList"),
        ]
        for name, status, reason, detail in rows:
            with self.subTest(name):
                body = envelope()
                before = self.refused(reason)
                self.assertRefused(self.post(self.cpsd_, self.with_cert(name, body), body), status, detail)
                self.assertEqual(self.refused(reason), before + 1)

    def refused(self, reason):
        return self.cpsd_.metrics()[f'cpsd_tokens_refused_total{{reason="{reason}"}}']

    def test_garbage(self):
        body = envelope()
        good = self.token(body)
        head, claims, signature = good.split(".")
        three = "a token has three parts separated by dots"
        raw = bytearray(base64.urlsafe_b64decode(signature + "=="))
        raw[40] ^= 1
        rows = [
            ("garbage", three), (f"{head}.{claims}", three), (f"{head}.{claims}.", three), (good + ".x", three),
            (f"{head}=.{claims}.{signature}", "the header is not strict base64url"),
            (f"{head}.{claims}.{b64url(bytes(61))}", "the signature does not have 64 octets"),
            (f"{head}.{claims}.{b64url(bytes(64))}", "the signature is outside the range of ES256"),
            (f"{head}.{claims}.{b64url(bytes(raw))}", "the signature does not verify with this key"),
        ]  # fmt: skip
        for token, detail in rows:
            with self.subTest(token[-30:]):
                self.assertRefused(self.post(self.cpsd_, token, body), 401, detail)
        for field in ("Basic dXNlcjpwYXNz", "Bearer", good, "Bearer,x"):
            with self.subTest(field[:20]):
                answer = self.cpsd_.request("POST", f"/cps/{DEST}/ppts", body, {"Authorization": field})
                self.assertRefused(answer, 401, 'the Authorization field must be "Bearer" and a token')

    def test_algorithm_confusion(self):
        """HS256 whose secret is the public key's PEM, which some libraries take."""
        body = envelope()
        pem = self.sp.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        head = b64url(compact({"alg": "HS256", "x5u": self.x5u}).encode())
        signed = head + "." + b64url(compact(self.claims(passports=array_digest(body))).encode())
        token = signed + "." + b64url(hmac.new(pem, signed.encode(), "sha512").digest())
        self.assertRefused(self.post(self.cpsd_, token, body), 401, "alg: only ES256 is accepted")

    def test_somebody_elses_key(self):
        body = envelope()
        token = self.token(body, key=self.others["numbers"].key)
        self.assertRefused(self.post(self.cpsd_, token, body), 401, "the signature does not verify with this key")

    def test_retrieve(self):
        token = self.token("", passports=None, action="retrieve")
        answer = self.cpsd_.request("GET", f"/cps/{DEST}/ppts", fields={"Authorization": f"Bearer {token}"})
        self.assertEqual(answer.status, 200)
        answer = self.cpsd_.request("GET", f"/cps/{DEST}/ppts", fields={"Authorization": f"bearer  {token}"})
        self.assertRefused(answer, 401, "the token was used before; make a new one for each request, with a jti of its own")
        token = self.token("", passports=None, action="publish")
        answer = self.cpsd_.request("GET", f"/cps/{DEST}/ppts", fields={"Authorization": f"Bearer {token}"})
        self.assertRefused(answer, 403, "the token is for publish, not for retrieve")

    def test_atis_path(self):
        path = f"/passports/1234/{DEST}/{ORIG}"
        body = compact({"passports": [envelope()], "later": [1, {"b": 2, "a": 1}]})
        rows = [
            (path, {}, 201, None),
            (f"/passports/{DEST}/{ORIG}", {}, 201, None),
            (f"/passports/{DEST}/%2B1-215-555-1212", {}, 201, None),
            (path, {"orig": None}, 403, "the token has no orig"),
            (path, {"orig": {"tn": "12155551213"}}, 403, "the token's orig differs from that of the path"),
            (path, {"dest": {"tn": ["12155551213"]}}, 403, "the token's dest differs from that of the path"),
        ]
        for path, claims, status, detail in rows:
            with self.subTest(path=path, claims=claims):
                passports = array_digest(*json.loads(body)["passports"])
                token = self.token("", exp=int(time.time()) + 20, **{"passports": passports, **claims})
                fields = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
                answer = self.cpsd_.request("POST", path, body, fields)
                if status == 201:
                    self.assertEqual(answer.status, 201, answer)
                else:
                    self.assertProblem(answer, status, detail)
        token = self.token("", action="retrieve", passports=None, spc="1235", iss="1235")
        answer = self.cpsd_.request("GET", f"/passports/1234/{DEST}/{ORIG}", fields={"Authorization": f"Bearer {token}"})
        self.assertProblem(answer, 403, "the token's SPC differs from that of the path")

    def test_used_once(self):
        jti = str(uuid.uuid4())
        again = "the token was used before; make a new one for each request, with a jti of its own"
        body = envelope()
        token = self.token(body, jti=jti)
        self.assertEqual(self.post(self.cpsd_, token, body).status, 201)
        self.assertRefused(self.post(self.cpsd_, token, body), 401, again)
        body = envelope()
        self.assertRefused(self.post(self.cpsd_, self.token(body, jti=jti), body), 401, again)
        # another carrier's jti is another's
        token = self.token(body, jti=jti, iss="1235", spc="1235")
        self.assertEqual(self.post(self.cpsd_, token, body).status, 201)

    def test_audit(self):
        body = envelope()
        seen = len(self.cpsd_.log())
        secret = self.token(body, dest={"tn": ["12125559999"]})
        self.assertEqual(self.post(self.cpsd_, secret, body).status, 403)
        token = self.with_cert("numbers", body, iss="12155551234", spc=None, aud="x")
        self.assertEqual(self.post(self.cpsd_, token, body).status, 401)
        text = until(lambda: self.cpsd_.log()[seen:].count("credential refused") == 2 and self.cpsd_.log()[seen:], 5, "log")
        first, second = [line for line in text.splitlines() if "credential refused" in line]
        self.assertIn("reason=path", first)
        self.assertIn("iss=1234", first)
        self.assertIn("x5u_host=localhost", first)
        self.assertIn("client=::ffff:127.0.0.1", first)
        self.assertIn('route=/cps/{dest}/ppts', first)
        self.assertIn('iss="a number"', second)
        self.assertIn("reason=audience", second)
        for number in (DEST, ORIG, "12125559999", "12155551234", secret, secret.split(".")[2]):
            self.assertNotIn(number, text)


class Addresses(TokenCase):
    """x5u against the server's own network: no request may leave."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cpsd_ = cls.class_cpsd(**cls.keys(auth__x5u_allow_private="no"))

    def refuse(self, x5u, detail):
        with self.subTest(x5u):
            body = envelope()
            answer = self.post(self.cpsd_, self.token(body, header={"x5u": x5u}), body)
            self.assertRefused(answer, 401, detail)

    def test_urls(self):
        port, before = self.host.port, dict(self.host.gets)
        private = "x5u: the host's address is not one of the public Internet"
        for x5u, detail in {
            "http://cert.example.org/sp.pem": "x5u: the URL does not begin with https://",
            "file:///etc/passwd": "x5u: the URL does not begin with https://",
            "https://cert.example.org:22/sp.pem": "x5u: port 22 is not allowed",
            f"https://127.0.0.1:{closed_port()}/sp.pem": None,
            "https://user@cert.example.org/sp.pem": "x5u: the URL has a user name before its host",
            "https://cert.example.org/sp.pem?x=1": "x5u: the URL has a query or a fragment",
            "https://cert.example.org/sp.pem#x": "x5u: the URL has a query or a fragment",
            f"https://127.0.0.1:{port}/sp.pem": private,
            f"https://169.254.169.254:{port}/latest/meta-data": private,
            "https://169.254.169.254/latest/meta-data": private,
            f"https://[::1]:{port}/sp.pem": private,
            f"https://[::ffff:10.0.0.1]:{port}/sp.pem": private,
            "https://10.0.0.1/sp.pem": private,
            "https://192.168.1.1/sp.pem": private,
            "https://[fd00::1]/sp.pem": private,
            "https://[fe80::1]/sp.pem": private,
            "https://0.0.0.0/sp.pem": private,
            f"https://2130706433:{port}/sp.pem": private,
            f"https://0x7f.1:{port}/sp.pem": private,
        }.items():
            if detail is None:
                detail = f"x5u: port {re.search(r':([0-9]+)/', x5u)[1]} is not allowed"
            self.refuse(x5u, detail)
        self.assertEqual(self.host.gets, before)

    def test_s06_nothing_is_told_of_names(self):
        """A name that does not resolve, one that resolves to a forbidden address, one where nobody listens: the same
        answer. The log has the difference."""
        answers = []
        for x5u, said in (("https://nowhere.invalid/sp.pem", "resolve host"),
                          (f"https://localhost:{self.host.port}/sp.pem", "not one of the public Internet")):  # fmt: skip
            body = envelope()
            answers.append(self.post(self.cpsd_, self.token(body, header={"x5u": x5u}), body))
            until(lambda said=said: re.search(f"certificate not fetched.*{said}", self.cpsd_.log()), 20, "it is logged")
        self.cpsd_.reload(auth__x5u_allow_private="yes", auth__x5u_ports=f"443, 8443, {(closed := closed_port())}")
        self.addCleanup(self.cpsd_.reload, auth__x5u_allow_private="no", auth__x5u_ports=f"443, 8443, {self.host.port}")
        body = envelope()
        answers.append(self.post(self.cpsd_, self.token(body, header={"x5u": f"https://localhost:{closed}/sp.pem"}), body))
        for answer in answers:
            self.assertRefused(answer, 503, "x5u: its host cannot be reached")
            self.assertEqual(answer.get("Retry-After"), answers[0].get("Retry-After"))

    def test_host_list(self):
        self.cpsd_.reload(auth__x5u_hosts="cert.example.org, *.certs.example")
        self.addCleanup(self.cpsd_.reload, auth__x5u_hosts="")
        detail = "x5u: certificates are not fetched from this host"
        self.refuse(self.x5u, detail)
        self.refuse("https://certs.example/x.pem", detail)
        self.refuse("https://cert.example.org.evil.example/x.pem", detail)


class Fetching(TokenCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cpsd_ = cls.class_cpsd(**cls.keys(server__workers=3, auth__x5u_negative_s=5))

    def at(self, url, status=201, detail=None, server=None):
        body = envelope()
        answer = self.post(server or self.cpsd_, self.token(body, header={"x5u": url}), body)
        if detail:
            self.assertRefused(answer, status, detail)
        else:
            self.assertEqual(answer.status, status, answer)

    def test_bad_hosts(self):
        redirect = self.host.serve("/redirect", b"", 302, Location=self.x5u)
        slow = [
            (self.host.serve_slowly("/slow", self.sp.chain_pem, 20), 503, "x5u: no complete answer in time"),
            (self.host.serve_endlessly("/endless"), 503, "x5u: no complete answer in time"),
        ]
        rows = [
            (self.host.serve("/busy", b"", 503), 503, "x5u: the server answered 503"),
            (self.host.serve("/huge", b"#" * 16385), 401, "x5u: the answer is larger than 16384 octets"),
            (self.host.serve("/huge-unsaid", b"#" * 20000, Content_Length="", Connection="close"), 401, None),
            (self.host.serve_headers_endlessly("/headers"), 401, "x5u: the answer is larger than 16384 octets"),
            (redirect, 401, "x5u: the server answered 302"),
            (self.host.url + "/missing", 401, "x5u: the server answered 404"),
            (self.host.serve("/empty", b""), 401, "x5u: no certificate in it"),
            (self.host.serve("/damaged", self.sp.chain_pem[:-60] + b"!" + self.sp.chain_pem[-59:]), 401, None),
            (f"https://127.0.0.1:{self.host.port}/x", 401, "x5u: the server answered 404"),
        ]
        impatient = self.cpsd(**self.keys(auth__x5u_timeout_ms=1000))
        with concurrent.futures.ThreadPoolExecutor(len(slow) + len(rows)) as pool:
            asked = [(row, pool.submit(self.ask, row[0], impatient)) for row in slow]
            asked += [(row, pool.submit(self.ask, row[0])) for row in rows]
        for (url, status, detail), answer in asked:
            with self.subTest(url):
                self.assertProblem(answer.result(), status)
                if detail:
                    self.assertRefused(answer.result(), status, detail)
        self.assertEqual(self.host.gets.get("/sp.pem", 0), 0)

    def test_f41_a_certificate_host_that_is_down_gives_503(self):
        """The token is valid: the answer asks the publisher to try again, and says when."""
        port = closed_port()
        server = self.cpsd(**self.keys(auth__x5u_ports=f"{port}, {self.host.port}", auth__x5u_negative_s=7))
        body = envelope()
        answer = self.post(server, self.token(body, header={"x5u": f"https://localhost:{port}/sp.pem"}), body)
        self.assertProblem(answer, 503, "x5u: ")
        self.assertEqual(answer.get("Retry-After"), "7")
        self.assertIsNone(answer.get("WWW-Authenticate"))
        self.assertEqual(server.metrics()['cpsd_tokens_refused_total{reason="fetch"}'], 1)
        # a host that is there, but has no such certificate, is the publisher's own fault
        self.at(f"{self.host.url}/none.pem", 401, "x5u: the server answered 404", server)

    def test_another_authority(self):
        """TLS is verified: the host's certificate is not one that the system trusts."""
        server = self.cpsd(**self.keys(auth__x5u_ca_file=self.roots))
        body = envelope()
        answer = self.post(server, self.token(body), body)
        self.assertProblem(answer, 401, "x5u: SSL certificate problem")

    def test_one_fetch(self):
        """Many connections, on all workers, wait for one GET; the loops answer others meanwhile."""
        release = threading.Event()
        url = self.host.serve_when("/one.pem", self.sp.chain_pem, release)
        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            waiting = [pool.submit(self.at, url) for _ in range(24)]
            until(lambda: self.host.gets.get("/one.pem"), 20, "the fetch is under way")
            until(lambda: self.cpsd_.metrics()["cpsd_connections"] >= 24, 20, "all are connected")
            self.assertEqual(self.cpsd_.request("GET", "/health").status, 200)
            release.set()
            for one in waiting:
                one.result()
        self.assertEqual(self.host.gets["/one.pem"], 1)
        self.at(url)
        self.assertEqual(self.host.gets["/one.pem"], 1)

    def test_failures_are_remembered(self):
        url = self.host.url + "/later.pem"
        for _ in range(10):
            self.at(url, 401, "x5u: the server answered 404")
        before = self.host.gets["/later.pem"]
        self.assertLess(before, 10)
        self.host.serve("/later.pem", self.sp.chain_pem)
        until(lambda: self.post_ok(url), 10, "the failure is forgotten", every=0.5)
        self.assertEqual(self.host.gets["/later.pem"], before + 1)

    def ask(self, url, server=None):
        body = envelope()
        return self.post(server or self.cpsd_, self.token(body, header={"x5u": url}), body)

    def post_ok(self, url):
        return self.ask(url).status == 201

    def test_client_goes_away(self):
        release = threading.Event()
        url = self.host.serve_when("/away.pem", self.sp.chain_pem, release)
        for _ in range(5):
            body = envelope()
            fields = {"Authorization": f"Bearer {self.token(body, header={'x5u': url})}"}
            connection = self.cpsd_.connect()
            connection.send(self.request_octets(body, fields))
            until(lambda: self.host.gets.get("/away.pem"), 20, "the certificate is asked for")
            connection.close()
        until(lambda: self.cpsd_.metrics()["cpsd_connections"] <= 1, 5 * SLOW, "the connections are gone")
        release.set()
        self.at(url)
        self.assertEqual(self.host.gets["/away.pem"], 1)

    def request_octets(self, body, fields):
        head = f"POST /cps/{DEST}/ppts HTTP/1.1\r\nHost: x\r\nContent-Type: application/passport\r\n"
        head += f"Content-Length: {len(body)}\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields.items())
        return (head + "\r\n" + body).encode()

    def test_pipelined_behind_a_fetch(self):
        """The request waits with copies of its octets: later octets on the connection change nothing."""
        url = self.host.serve_slowly("/pipe.pem", self.sp.chain_pem, 0.3)
        bodies = [envelope() for _ in range(3)]
        octets = b"".join(
            self.request_octets(body, {"Authorization": f"Bearer {self.token(body, header={'x5u': url})}"}) for body in bodies
        )
        with self.cpsd_.connect() as connection:
            connection.send(octets)
            for body in bodies:
                answer = connection.response("POST")
                self.assertEqual(answer.status, 201, answer)
                self.assertEqual(answer.get("Location").rsplit("/", 1)[1],
                                 b64url(hashlib.sha256(body.encode()).digest()[:16]))  # fmt: skip

    def test_drain(self):
        """SIGTERM while a certificate is being fetched: the request is answered, the server ends."""
        server = self.cpsd(**self.keys(server__workers=1, server__drain_timeout_s=2))
        release = threading.Event()
        self.addCleanup(release.set)
        url = self.host.serve_when("/drain.pem", self.sp.chain_pem, release)
        waiting = [server.connect() for _ in range(4)]
        for connection in waiting:
            self.addCleanup(connection.close)
            body = envelope()
            fields = {"Authorization": f"Bearer {self.token(body, header={'x5u': url})}"}
            connection.send(self.request_octets(body, fields))
        until(lambda: self.host.gets.get("/drain.pem"), 5 * SLOW, "the fetch is under way")
        self.assertEqual(server.request("GET", "/health").status, 200)  # read after the requests before it
        server.terminate()
        for connection in waiting:
            self.assertEqual(connection.response("POST").status, 503)
        server.stop()


class Trust(TokenCase):
    """What becomes of cached certificates when the trust material changes; the directory; several servers."""

    def publish(self, server, header=None, cert=None):
        body = envelope()
        return self.post(server, self.token(body, cert, header), body)

    def test_reload(self):
        server = self.cpsd(**self.keys())
        self.assertEqual(self.publish(server).status, 201)
        verified = server.metrics()["cpsd_certificate_verifications_total"]
        for _ in range(5):
            self.assertEqual(self.publish(server).status, 201)
        self.assertEqual(server.metrics()["cpsd_certificate_verifications_total"], verified)
        revoked = self.file("revoked.pem", crl(self.inter, [self.sp]))
        server.reload(trust__crl_files=revoked)
        answer = self.publish(server)
        self.assertProblem(answer, 401)
        self.assertIn("revoked", answer.json()["detail"])
        server.reload(trust__crl_files="")
        self.assertEqual(self.publish(server).status, 201)
        server.reload(trust__roots="", policy__publish="open")
        self.assertProblem(self.publish(server), 401)
        self.assertEqual(server.metrics()["cpsd_certificate_fetches_total"], 1)

    def test_directory(self):
        directory = self.temp()
        url = "https://cert.example.org/carriers/alice.pem"
        with open(os.path.join(directory, hashlib.sha256(url.encode()).hexdigest() + ".pem"), "wb") as out:
            out.write(self.sp.chain_pem)
        server = self.cpsd(**self.keys(auth__x5u_dir=directory, auth__x5u_fetch="no"))
        self.assertEqual(self.publish(server, {"x5u": url}).status, 201)
        self.assertProblem(self.publish(server), 401, "x5u: this server does not fetch certificates")
        with open(os.path.join(directory, "sp.pem"), "wb") as out:
            out.write(self.sp.chain_pem)
        server.reload()
        self.assertEqual(self.publish(server).status, 201)
        self.assertEqual(self.publish(server, {"x5u": url}).status, 201)
        with open(os.path.join(directory, "broken.pem"), "wb") as out:
            out.write(self.sp.chain_pem[:300])
        self.assertIn("the previous configuration stays in use", server.reload())
        self.assertEqual(self.publish(server).status, 201)
        self.assertEqual(self.host.gets, {})

    def chain_by_reference(self, base):
        """A carrier's chain in which the TNAuthLists of the carrier and of its authority are elsewhere."""
        inter = Cert("by reference", self.root, ca=True, extensions=[list_at(base + "/inter.list")])
        return Cert("sp by reference", inter, extensions=[list_at(base + "/sp.list")])

    def key_record(self, cert, x5u=None):
        now = int(time.time())
        public = x25519.X25519PrivateKey.generate().public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        claims = {"iss": "1234", "spc": ["1234"], "iat": now, "exp": now + 3600,
                  "keys": [{"kty": "OKP", "crv": "X25519", "x": b64url(public)}]}  # fmt: skip
        chain = {"x5u": x5u} if x5u else {"x5c": [base64.b64encode(c.der).decode() for c in cert.chain]}
        return sign({"alg": "ES256", "typ": "cps-keys+jwt", **chain}, claims, cert.key)

    def test_f11_a_later_certificate_of_a_key_record(self):
        """It replaces, at the same x5u, the one that is cached for a day: the URL is asked once more."""
        later = Cert("later", self.inter, "spc:1234")
        x5u = self.host.serve("/f11-record.pem", self.sp.chain_pem, Cache_Control="max-age=86400")
        server = self.cpsd(**self.keys(policy__keys_put="open"))

        def put(cert):
            fields = {"Content-Type": "application/jwt"}
            return server.request("PUT", "/keys/spc:1234", self.key_record(cert, x5u), fields).status

        self.assertEqual(put(self.sp), 201)
        self.host.serve("/f11-record.pem", later.chain_pem, Cache_Control="max-age=86400")
        # cpsd asks a URL again once 10 s have passed since it asked last
        until(lambda: put(later) in (200, 201), 60 * SLOW, "the later certificate is accepted", every=1)  # within the limits
        self.assertEqual(self.host.gets["/f11-record.pem"], 2)
        self.assertEqual(put(self.sp), 403)

    def test_lists_by_reference(self):
        """TNAuthLists of a signer and of its authority, at a host: for tokens and for key records that hold a chain."""
        sp = self.chain_by_reference(self.host.url)
        fields = {"Content_Type": "application/tnauthlist"}
        self.host.serve("/sp.list", tnauth("spc:1234"), **fields)
        self.host.serve("/inter.list", tnauth("spc:1234,spc:9999"), **fields)
        self.host.serve("/reference.pem", sp.chain_pem)
        server = self.cpsd(**self.keys(policy__keys_put="open"))
        jwt = {"Content-Type": "application/jwt"}
        self.assertEqual(server.request("PUT", "/keys/spc:1234", self.key_record(sp), jwt).status, 201)
        self.assertEqual(self.publish(server, {"x5u": self.host.url + "/reference.pem"}, sp).status, 201)
        # the authority's list has to cover the signer's
        self.host.serve("/inter.list", tnauth("spc:9999"), **fields)
        server = self.cpsd(**self.keys(policy__keys_put="open"))
        answer = server.request("PUT", "/keys/spc:1234", self.key_record(sp), jwt)
        self.assertProblem(answer, 403, "does not cover")
        self.assertProblem(self.publish(server, {"x5u": self.host.url + "/reference.pem"}, sp), 403, "does not cover")

    def test_lists_by_reference_in_the_directory(self):
        base, directory = "https://cert.example.org", self.temp()
        sp = self.chain_by_reference(base)
        for name, octets in (("reference.pem", sp.chain_pem), ("sp.list", tnauth("spc:1234")),
                             ("inter.list", tnauth("spc:1234"))):  # fmt: skip
            with open(os.path.join(directory, name), "wb") as out:
                out.write(octets)
        server = self.cpsd(**self.keys(auth__x5u_dir=directory, auth__x5u_fetch="no"))
        self.assertEqual(self.publish(server, {"x5u": base + "/reference.pem"}, sp).status, 201)
        os.remove(os.path.join(directory, "inter.list"))
        server.reload()
        self.assertProblem(self.publish(server, {"x5u": base + "/reference.pem"}, sp), 401, "it has no copy of this one")

    def test_no_name(self):
        server = self.cpsd(**self.keys(auth__audience="", policy__publish="open"))
        self.assertLogged("no bearer token is accepted", server)
        detail = "this server has no name to compare with aud: set [auth] audience or [server] public_url"
        self.assertRefused(self.publish(server), 401, detail)
        server.reload(server__public_url="https://cps.example.org/base")
        self.assertEqual(self.publish(server).status, 201)

    def test_s12_a_token_is_used_once_whatever_it_is_shown_for(self):
        """At each interface and for each box: a jti counts once for the whole CPS."""
        cluster = Cluster(self.temp(), node_timeout_ms=5000, replicas=False)
        self.addCleanup(cluster.stop)
        for url in ("memory:", self.redis().url, cluster.url):
            with self.subTest(url):
                server = self.cpsd(**self.keys(store__url=url, limits__publish_by_address=1000,
                                               policy__atis_publish="token"))  # fmt: skip
                until(lambda: server.admin_request("/health").status == 200, 20, "the store is there")
                body = envelope()
                token = self.token(body)
                fields = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
                self.assertEqual(self.post(server, token, body).status, 201)
                for path in (f"/passports/{DEST}/{ORIG}", f"/cps/{DEST}/ppts"):
                    if path.startswith("/cps"):
                        answer = self.post(server, token, body)
                    else:
                        answer = server.request("POST", path, json.dumps({"passports": [body]}), fields)
                    self.assertRefused(answer, 401, "the token was used before; make a new one for each request, "
                                                    "with a jti of its own")  # fmt: skip
                retrieve = self.token("", action="retrieve", passports=None)
                fields = {"Authorization": f"Bearer {retrieve}"}
                self.assertEqual(server.request("GET", f"/cps/{DEST}/ppts", fields=fields).status, 200)
                self.assertEqual(server.request("GET", f"/cps/{DEST}/ppts", fields=fields).status, 401)

    def test_s02_a_token_opens_a_feed_once(self):
        for url in ("memory:", self.redis().url):
            with self.subTest(url):
                server = self.cpsd(**self.keys(store__url=url, feeds__enabled="yes", policy__feed="token"))
                token = self.token("", action="retrieve", passports=None, dest=None, orig=None)
                lines = ["GET /feed/1234 HTTP/1.1", "Host: localhost", f"Authorization: Bearer {token}", "", ""]
                statuses = []
                for _ in range(3):
                    with server.connect() as connection:
                        connection.sock.sendall("\r\n".join(lines).encode())
                        statuses.append(int(connection.sock.recv(12).split()[1]))
                self.assertEqual(statuses, [200, 401, 401])

    def test_several_servers(self):
        """The jti is used up for all servers on one Redis."""
        redis = self.redis()
        one, two = (self.cpsd(**self.keys(store__url=redis.url)) for _ in range(2))
        again = "the token was used before; make a new one for each request, with a jti of its own"
        body = envelope()
        token = self.token(body)
        self.assertEqual(self.post(one, token, body).status, 201)
        self.assertRefused(self.post(two, token, body), 401, again)
        self.assertRefused(self.post(one, token, body), 401, again)
        retrieve = self.token("", action="retrieve", passports=None)
        fields = {"Authorization": f"Bearer {retrieve}"}
        self.assertEqual(two.request("GET", f"/cps/{DEST}/ppts", fields=fields).status, 200)
        self.assertRefused(one.request("GET", f"/cps/{DEST}/ppts", fields=fields), 401, again)
        with redis.client() as client:
            claims = [key for key in client.call("KEYS", "*") if key.startswith(b"cpsj:")]
            self.assertEqual(len(claims), 2)
            for key in claims:
                self.assertTrue(50000 < client.call("PTTL", key) <= 72000, client.call("PTTL", key))


del TokenCase  # only for others to derive from
