# SPDX-License-Identifier: MIT
"""What tests of the ATIS interface share: two carriers, a cpsd that trusts them, publishing and retrieving."""
import json
import os
import time

from bearer import Provider
from harness import Case, make_certificate

DEST, ORIG = "12025550100", "12025550199"


class AtisCase(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pki = os.path.join(cls.dir, "pki")
        cls.alice, cls.bob = Provider(cls.pki, "1111"), Provider(cls.pki, "2222")
        cls.certificate = make_certificate(cls.dir, "tls")

    def atis(self, **keys):
        return self.cpsd(certificate=self.certificate, trust__roots=self.alice.root, auth__audience="localhost", **keys)

    def post(self, server, path, passports, token=None, body=None, fields=()):
        dest, orig = path.split("/")[-2:]
        exp = {"exp": int(time.time()) + 30} if path.count("/") == 4 else {}
        token = token or self.alice.token("publish", dest, orig, passports, **exp)
        body = body or json.dumps({"passports": passports})
        return server.request("POST", path, body, {"Authorization": "Bearer " + token, "Content-Type": "application/json",
                                                   **dict(fields)})  # fmt: skip

    def get(self, server, path, query="", who=None):
        dest, orig = path.split("/")[-2:]
        return server.request("GET", path + query, fields=(who or self.bob).fields("retrieve", dest, orig))

    def created(self, *args, **keys):
        answer = self.post(*args, **keys)
        self.assertEqual((answer.status, answer.body), (201, b'{"status":201,"message":"Created"}'), answer)

    def passports(self, *args):
        answer = self.get(*args)
        self.assertIn(answer.status, (200, 404), answer)
        return answer.json()["passports"] if answer.status == 200 else []

    def assertError(self, answer, status, word=""):
        """An error as ATIS has it, and a problem too."""
        self.assertProblem(answer, status, word)
        self.assertTrue(answer.json()["error"].strip(), answer)
