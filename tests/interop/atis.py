"""A client of ATIS servers that is not ours (atis_client.mjs), through HAProxy, cpsd and Redis."""
import json
import os
import shutil
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
from harness import CPSCTL, Case, run  # noqa: E402

RETENTION_S = 2


class Atis(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        pki, other = os.path.join(cls.dir, "pki"), os.path.join(cls.dir, "other")
        run(CPSCTL, "pki", "--out", pki, "--name", "alice", "--spc", "1111", "--server-name", "localhost,127.0.0.1")
        run(CPSCTL, "pki", "--out", pki, "--name", "bob", "--spc", "2222")
        run(CPSCTL, "pki", "--out", other, "--name", "mallory", "--spc", "1111")
        run("openssl", "genpkey", "-algorithm", "X25519", "-out", os.path.join(cls.dir, "box.key"))
        carriers = {"alice": (pki, "1111"), "bob": (pki, "2222"), "mallory": (other, "1111")}
        cls.setup = {
            "ca": os.path.join(pki, "tls-root.pem"), "host": "localhost", "retention": RETENTION_S,
            "boxKey": os.path.join(cls.dir, "box.key"),
            "carriers": {name: {"spc": spc, "key": f"{where}/{name}.key", "cert": f"{where}/{name}.pem",
                                "x5u": f"https://certs.example.com/{name}.pem"}
                         for name, (where, spc) in carriers.items()},
        }  # fmt: skip
        cls.pki = pki
        cls.keys = {
            "store__url": cls.class_redis().url, "trust__roots": f"{pki}/root.pem", "auth__x5u_dir": f"{pki}/certs",
            "auth__x5u_fetch": "no", "auth__audience": "localhost", "atis__retention_s": RETENTION_S,
        }  # fmt: skip

    def play(self, **setup):
        path = os.path.join(self.temp(), "setup.json")
        with open(path, "w") as file:
            json.dump({**self.setup, **setup}, file)
        done = run("node", os.path.join(HERE, "atis_client.mjs"), path, status=None)
        sys.stdout.write(done.stdout.decode())
        self.assertEqual((done.returncode, done.stderr.decode()), (0, ""))

    def test_http1(self):
        """cpsd itself, over TLS and HTTP/1.1."""
        server = self.cpsd(certificate=(f"{self.pki}/tls.pem", f"{self.pki}/tls.key"), **self.keys)
        self.play(url=server.url, http=1)
        self.assertEqual(server.metrics().get('cpsd_requests_total{route="atis_publish",status="503"}', 0), 0)


if __name__ == "__main__":
    assert shutil.which("node")
    unittest.main(verbosity=2)
