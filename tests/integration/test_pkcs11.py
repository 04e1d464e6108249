# SPDX-License-Identifier: MIT
"""A signing key in a token: SoftHSM, through OpenSSL's engine or provider for PKCS#11."""
# presets: dev
import os
import subprocess
import unittest

from cpsctl_case import DEST, GOOD, ORIG, TEXT, WRONG, Case, clean_env

PIN, SO_PIN = "482913", "771034"


class Token(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        tokens = cls.path("tokens")
        os.mkdir(tokens)
        settings = f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n"
        cls.env = clean_env(SOFTHSM2_CONF=cls.write("softhsm2.conf", settings))
        pkcs8 = cls.path("signer.p8")
        cls.tool("openssl", "pkcs8", "-topk8", "-nocrypt", "-in", f"{cls.pki}/signer.key", "-out", pkcs8)
        cls.tool("softhsm2-util", "--init-token", "--free", "--label", "stir", "--pin", PIN, "--so-pin", SO_PIN)
        cls.tool("softhsm2-util", "--import", pkcs8, "--token", "stir", "--label", "signer", "--id", "01", "--pin", PIN)
        os.remove(pkcs8)

    @classmethod
    def tool(cls, *command):
        done = subprocess.run(command, env=cls.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        if done.returncode:
            raise AssertionError(f"{command[0]}: {done.stdout}")

    def sign_with(self, uri, **environment):
        return self.run_tool("sign", "--key", uri, "--cert", f"{self.pki}/signer.pem", "--x5u",
                             "https://certs.example.com/signer.pem", *self.message(),
                             env=dict(self.env, **environment))  # fmt: skip

    def test_f33_a_key_in_a_token_signs(self):
        done = self.sign_with(f"pkcs11:token=stir;object=signer;type=private?pin-value={PIN}")
        self.assertEqual(done.returncode, GOOD, done.stderr)
        self.verdict("passed", passport=done.stdout.strip(), status=GOOD)

    def test_f33_the_error_names_the_fault_and_not_the_pin(self):
        token = "cannot load the key from the token"
        nothing = {"OPENSSL_ENGINES": "/nowhere", "OPENSSL_MODULES": "/nowhere"}
        rows = [
            (f"pkcs11:token=stir;object=bob;type=private?pin-value={PIN}", {}, token),
            ("pkcs11:token=stir;object=signer;type=private?pin-value=000000", {}, token),
            (f"pkcs11:token=stir;object=signer?pin-value={PIN}", nothing, "install libengine-pkcs11-openssl"),
        ]
        for uri, environment, said in rows:
            with self.subTest(uri):
                done = self.sign_with(uri, **environment)
                self.assertEqual(done.returncode, WRONG, done)
                self.assertIn(said, done.stderr)
                self.assertNotIn(PIN, done.stderr)

    def test_f33_envelopes_are_opened_with_a_key_in_a_file(self):
        self.refused("decrypt", "--key", f"pkcs11:token=stir;object=signer?pin-value={PIN}", self.path("envelope"),
                     says="a pkcs11: key can only sign", code="CPS_E_KEY", env=self.env)  # fmt: skip


if __name__ == "__main__":
    unittest.main()
