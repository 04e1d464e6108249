# SPDX-License-Identifier: MIT
"""cpsctl signs for tenants: each for its own numbers, whatever the certificate covers."""
# presets: dev asan
import os
import unittest

from cpsctl_case import ORIG, DEST, TEXT, Case, clean_env, part


class Tenants(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tenants = cls.path("tenants")
        os.mkdir(cls.tenants)
        cls.tenant("alice", "numbers = 12155551212, 12155559000-12155559049")
        cls.tenant("bulk", "system_id = bulk1 bulk2\nnumbers = 121555590*\nnames = Parcel Co")

    @classmethod
    def tenant(cls, name, more):
        return cls.write(f"tenants/{name}.conf", f"[tenant]\nkey = {cls.pki}/signer.key\n"
                         f"certificate = {cls.pki}/signer.pem\nx5u = https://certs.example.com/signer.pem\n{more}\n")

    def sign_as(self, tenant, orig, path=None):
        return ["sign", "--tenants", path or self.tenants, "--tenant", tenant, "--orig", orig, "--dest", DEST,
                "--text", TEXT]

    def test_signs(self):
        for tenant, orig in (("alice", ORIG), ("alice", "+1 215 555 9049"), ("bulk1", "12155559099"),
                             ("bulk2", "12155559000")):
            passport = self.run_ok(*self.sign_as(tenant, orig)).stdout.strip()
            self.assertEqual(part(passport, 1)["orig"]["tn"], "".join(c for c in orig if c.isdigit()))
            self.assertEqual(part(passport, 0)["x5u"], "https://certs.example.com/signer.pem")
        one = self.sign_as("alice", ORIG, os.path.join(self.tenants, "alice.conf"))
        self.run_ok(*one)
        self.run_ok(*one[:1], *one[3:], env=clean_env(CPS_TENANTS=self.tenants))

    def test_refuses(self):
        table = [
            (self.sign_as("alice", "12155559050"), "not one of the tenant's", "CPS_E_OUTSIDE"),
            (self.sign_as("alice", "sip:parcel%20co@sms.example.net"), "not one of the tenant's", "CPS_E_OUTSIDE"),
            (self.sign_as("bulk1", ORIG), "not one of the tenant's", "CPS_E_OUTSIDE"),
            (self.sign_as("bulk", "12155559000"), 'no tenant "bulk"', "CPS_E_NOT_FOUND"),
            (self.sign_as("alice", ORIG, "/nonexistent"), "/nonexistent: No such file", "CPS_E_IO"),
            ([*self.sign_as("alice", ORIG), "--key", "x"], "--key: cannot be combined with --tenant", "CPS_E_USAGE"),
            ([*self.sign_as("alice", ORIG), "--x5u", "x"], "--x5u: cannot be combined with --tenant", "CPS_E_USAGE"),
            (["sign", "--tenant", "alice", *self.message()], "--tenants PATH: missing", "CPS_E_USAGE"),
            (["sign", "--tenants", self.tenants, *self.message()], "--key FILE: missing", "CPS_E_USAGE"),
        ]
        for args, says, code in table:
            with self.subTest(" ".join(args)):
                self.refused(*args, says=says, code=code)

    def test_names(self):
        """An alphanumeric sender is the tenant's with a domain only; then the certificate has its say."""
        args = [*self.sign_as("bulk1", "sip:parcel%20co@sms.example.net")]
        self.refused(*args, says="not one of the tenant's", code="CPS_E_OUTSIDE")
        self.refused(*args, "--alphanumeric-domain", "sms.example.net", says="subjectAltName", code="CPS_E_CERT_SCOPE")


if __name__ == "__main__":
    unittest.main()
