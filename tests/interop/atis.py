# SPDX-License-Identifier: MIT
"""A client of ATIS servers that is not ours (atis_client.mjs): through HAProxy, cpsd and Redis, and to cpsd itself."""
import json
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
from edge import Edge  # noqa: E402
from harness import CPSCTL, Case, run  # noqa: E402

RETENTION_S = 5


class Atis(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pki, other = os.path.join(cls.dir, "pki"), os.path.join(cls.dir, "other")
        run(CPSCTL, "pki", "--out", cls.pki, "--name", "alice", "--spc", "1111", "--server-name", "localhost,127.0.0.1")
        run(CPSCTL, "pki", "--out", cls.pki, "--name", "bob", "--spc", "2222")
        run(CPSCTL, "pki", "--out", other, "--name", "mallory", "--spc", "1111")
        run("openssl", "genpkey", "-algorithm", "X25519", "-out", os.path.join(cls.dir, "box.key"))
        carriers = {"alice": (cls.pki, "1111"), "bob": (cls.pki, "2222"), "mallory": (other, "1111")}
        cls.setup = {
            "ca": os.path.join(cls.pki, "tls-root.pem"), "host": "localhost",
            "boxKey": os.path.join(cls.dir, "box.key"),
            "carriers": {name: {"spc": spc, "key": f"{where}/{name}.key", "cert": f"{where}/{name}.pem",
                                "x5u": f"https://certs.example.com/{name}.pem"}
                         for name, (where, spc) in carriers.items()},
        }  # fmt: skip
        cls.certificate = (f"{cls.pki}/tls.pem", f"{cls.pki}/tls.key")

    def setUp(self):
        self.store = self.redis().url

    def server(self, **keys):
        return self.cpsd(
            certificate=self.certificate, store__url=self.store, trust__roots=f"{self.pki}/root.pem",
            auth__x5u_dir=f"{self.pki}/certs", auth__x5u_fetch="no", auth__audience="localhost",
            **{"atis__retention_s": 600, **keys},
        )  # fmt: skip

    def play(self, **setup):
        path = os.path.join(self.temp(), "setup.json")
        with open(path, "w") as file:
            json.dump({**self.setup, **setup}, file)
        done = run("node", os.path.join(HERE, "atis_client.mjs"), path, status=None)
        sys.stdout.write(done.stdout.decode())
        self.assertEqual((done.returncode, done.stderr.decode()), (0, ""))

    def test_http2_through_haproxy(self):
        """HTTP/2 to HAProxy in front of two cpsds that share a Redis."""
        sockets = [os.path.join(self.temp(), "cpsd.sock") for _ in range(2)]
        servers = [self.server(server__listen_plain="unix:" + path, server__edge="yes") for path in sockets]
        edge = Edge(self.temp(), sockets, self.certificate, f"{self.pki}/root.pem",
                    changes=[("inter 1s fall 2 rise 1", "inter 1s fall 60 rise 1")])  # fmt: skip
        self.addCleanup(edge.kill)
        self.play(url="https://localhost:%d" % edge.address[1], http=2)
        for server in servers:  # both had a part in it
            self.assertGreater(server.metrics()['cpsd_requests_total{route="atis_publish",status="201"}'], 0)

    def test_http1(self):
        """cpsd itself, over TLS and HTTP/1.1."""
        self.play(url=self.server().url, http=1)

    def test_retention(self):
        self.play(url=self.server(atis__retention_s=RETENTION_S).url, http=1, retention=RETENTION_S)


if __name__ == "__main__":
    unittest.main(verbosity=2)
