# SPDX-License-Identifier: MIT
"""Certificates whose TNAuthList is elsewhere (RFC 8226 section 10.1): in tokens, key records and TLS handshakes."""
# presets: dev asan
import base64
import time

from cryptography import x509
from envelope import envelope, p256_public
from sti import Cert, tnauth
from token_case import TokenCase, sign
from wire import Wire, tls_context

TN_LIST = x509.ObjectIdentifier("1.3.6.1.5.5.7.48.14")


class Lists(TokenCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.good = cls.cert_with_list("good", tnauth("spc:1234"))
        cls.missing = cls.cert_with_list("missing", None)
        cls.wide = cls.cert_with_list("wide", tnauth("spc:1234,spc:9999"), Cert("small", cls.root, "spc:1234", ca=True))
        cls.server = cls.class_cpsd(**cls.keys(policy__keys_put="open", server__client_certificates="optional"))

    @classmethod
    def cert_with_list(cls, name, octets, issuer=None):
        url = f"{cls.host.url}/{name}.list"
        if octets:
            cls.host.serve(f"/{name}.list", octets, Content_Type="application/tnauthlist")
        at = x509.AccessDescription(TN_LIST, x509.UniformResourceIdentifier(url))
        return Cert(name, issuer or cls.inter, extensions=[x509.AuthorityInformationAccess([at])])

    def x5c(self, cert):
        return [base64.b64encode(c.der).decode() for c in cert.chain]

    def publish_by_token(self, cert):
        body = envelope()
        return self.post(self.server, self.token(body, cert, {"x5u": None, "x5c": self.x5c(cert)}), body)

    def publish_by_certificate(self, cert):
        context = tls_context(self.server.ca)
        context.load_cert_chain(*cert.write(self.temp()))
        with Wire(self.server.address, context) as connection:
            answers = [connection.request("POST", "/cps/12125551212/ppts", envelope()) for _ in range(3)]
        self.assertEqual(len({answer.status for answer in answers}), 1, answers)
        return answers[0]

    def put_record(self, cert):
        now = int(time.time())
        record = sign({"alg": "ES256", "typ": "cps-keys+jwt", "x5c": self.x5c(cert)},
                      {"iss": "1234", "spc": ["1234"], "keys": [p256_public()], "iat": now, "exp": now + 600}, cert.key)  # fmt: skip
        return self.server.request("PUT", "/keys/1234", record, {"Content-Type": "application/jwt"})

    def test_fetched(self):
        for way in (self.publish_by_certificate, self.publish_by_token, self.put_record):
            with self.subTest(way.__name__):
                self.assertIn(way(self.good).status, (200, 201))
        self.assertEqual(self.host.gets["/good.list"], 1)

    def test_not_there(self):
        self.assertProblem(self.publish_by_certificate(self.missing), 401, "TNAuthList: the server answered 404")
        self.assertProblem(self.publish_by_token(self.missing), 401, "TNAuthList: the server answered 404")
        self.assertProblem(self.put_record(self.missing), 403, "TNAuthList: the server answered 404")

    def test_wider_than_the_authority(self):
        for way in (self.publish_by_certificate, self.publish_by_token, self.put_record):
            with self.subTest(way.__name__):
                self.assertProblem(way(self.wide), 403, "does not cover that of /CN=wide")


del TokenCase  # only for others to derive from
