# SPDX-License-Identifier: MIT
"""/health and /ready of the sidecar, its metrics of itself, and what cpsctl stat shows of it."""
# presets: dev asan
import contextlib
import json
import os
import signal
import socket
import ssl
import unittest
import urllib.error
import urllib.request

from harness import CPSCTL, SLOW, free_port, run
from smpp_case import ALICE, SmppCase
from smpp_peer import Esme
from wire import until


class Health(SmppCase):
    def get(self, sidecar, path):
        """(status, body) from the admin listener."""
        port = int(str(sidecar.keys["admin__listen"]).rsplit(":", 1)[1])
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20 * SLOW) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def reasons(self, sidecar, path="/ready"):
        status, body = self.get(sidecar, path)
        answer = json.loads(body)
        self.assertEqual(answer["status"], status)
        return answer.get("reasons", []) if status == 503 else []

    def test_n11_peer_and_cps(self):
        """503 with the reason while the SMSC is gone or the CPS hangs, 200 when they are back."""
        with socket.create_server(("127.0.0.1", 0)) as deaf:  # accepts connections and does not answer
            port = free_port()
            sidecar = self.signer(port, cps__url=f"https://localhost:{deaf.getsockname()[1]}")
            self.assertEqual(self.get(sidecar, "/health")[0], 200)
            with contextlib.suppress(Exception):
                Esme(sidecar.port).close()  # its bind fails
            for path in ("/ready", "/health"):
                until(lambda: any("the peer 127.0.0.1" in text for text in self.reasons(sidecar, path)), 20 * SLOW, "no peer")
                until(lambda: any("the CPS has not answered" in text or "the CPS is not well" in text
                                  for text in self.reasons(sidecar, path)), 30 * SLOW, "the CPS hangs")  # fmt: skip
            metrics = sidecar.metrics()
            self.assertEqual([metrics[f'healthy{{part="{part}"}}'] for part in ("peer", "cps", "spool", "certificates")],
                             [0, 0, 1, 1])  # fmt: skip
            table = run(CPSCTL, "stat", "--admin", str(sidecar.keys["admin__listen"]), "--every", "1").stdout.decode()
            self.assertIn("UNHEALTHY: peer, cps", table)
        sidecar.reload(cps__url=self.cps.url, peer__address=f"127.0.0.1:{self.smsc.port}")
        esme = Esme(sidecar.port)
        self.addCleanup(esme.close)
        until(lambda: self.reasons(sidecar) == [], 30 * SLOW, "all is well")
        self.assertEqual(self.get(sidecar, "/ready")[0], 200)

    def test_a_spool_that_is_full(self):
        """What the CPS does not take waits in the spool; when that is full, both paths say so."""
        sidecar = self.signer(self.smsc.port, cps__url="https://127.0.0.1:1", spool__messages=2,
                              spool__file=os.path.join(self.temp(), "spool"))  # fmt: skip
        esme = Esme(sidecar.port)
        self.addCleanup(esme.close)
        for _ in range(2):
            self.assertEqual(esme.submit(ALICE, self.bob, b"hello"), 0)
        for path in ("/ready", "/health"):
            until(lambda: "the spool is full: 2 PASSporTs wait in it" in self.reasons(sidecar, path), 20 * SLOW, "it is full")
        self.assertEqual(sidecar.metrics()['healthy{part="spool"}'], 0)

    def test_a_certificate_that_has_expired(self):
        tenants = self.directory("expired")
        run(CPSCTL, "pki", "--out", self.pki, "--name", "old", "--tn", ALICE, "--from", "2025-01-01T00:00:00Z", "--days", "1")
        self.tenant("alice", ALICE, "old", tenants)
        sidecar = self.signer(self.smsc.port, tenants__dir=tenants)
        until(lambda: self.reasons(sidecar) == ["the certificate of tenant alice has expired"], 20 * SLOW, "it is told")

    def test_when_certificates_end(self):
        """Of the tenants' the first to end, and cpsd's own: seconds since the epoch, as in the certificates."""
        tenants = self.directory("ending")
        for name, days in (("long", 30), ("short", 20)):
            run(CPSCTL, "pki", "--out", self.pki, "--name", name, "--tn", ALICE, "--days", str(days))
            self.tenant(name, ALICE, name, tenants)
        sidecar = self.signer(self.smsc.port, tenants__dir=tenants)
        ends = {name: ssl.cert_time_to_seconds(run("openssl", "x509", "-noout", "-enddate", "-in", path).stdout
                                               .decode().strip().split("=")[1])
                for name, path in (("tenant", f"{self.pki}/short.pem"), ("listen", self.cps.ca))}  # fmt: skip
        self.assertEqual(sidecar.metrics()['certificate_expires_timestamp_seconds{use="tenant"}'], ends["tenant"])
        self.assertEqual(self.cps.metrics()['cpsd_certificate_expires_timestamp_seconds{use="listen"}'], ends["listen"])

    def test_n10_stat(self):
        """cpsctl stat at a cps-smpp: binds, what is signed, verdicts."""
        self.chain()
        esme = Esme(self.a.port)
        self.addCleanup(esme.close)
        self.assertEqual(esme.submit(ALICE, self.bob, b"hello"), 0)
        self.smsc.wait(1)
        admin = str(self.a.keys["admin__listen"])
        seen = json.loads(run(CPSCTL, "stat", "--admin", admin, "--every", "1", "--json").stdout)
        self.assertEqual((seen["sidecar"], seen["binds"], seen["unhealthy"]), (admin, 1, []))
        self.assertIn("published", seen["signed_per_s"])
        table = run(CPSCTL, "stat", "--admin", str(self.b.keys["admin__listen"]), "--every", "1").stdout.decode()
        for words in ("cps-smpp at ", "binds", "verdicts", "spool"):
            self.assertIn(words, table)

    def test_process_and_reloads(self):
        """Both programs tell of their process, their version, and how the last reload went."""
        self.chain()
        for daemon, prefix, key in ((self.a, "cps_smpp", "sign__timeout_ms"), (self.cps, "cpsd", "store.ttl_default_s")):
            with self.subTest(prefix):
                address = str(self.a.keys["admin__listen"]) if daemon is self.a else "%s:%d" % self.cps.admin

                def metrics():
                    with urllib.request.urlopen(f"http://{address}/metrics", timeout=20 * SLOW) as answer:
                        lines = answer.read().decode().splitlines()
                    return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))

                before = metrics()
                self.assertEqual([value for name, value in before.items() if name.startswith(f"{prefix}_build_info{{version=")],
                                 ["1"])  # fmt: skip
                self.assertEqual(before[f"{prefix}_reload_success"], "1")
                for name in ("cpu_seconds_total", "resident_memory_bytes", "virtual_memory_bytes", "open_fds", "max_fds",
                             "start_time_seconds"):  # fmt: skip
                    self.assertGreaterEqual(float(before["process_" + name]), 0.001 if "cpu" in name else 1, name)
                good = daemon.keys.get(key)
                daemon.keys[key] = "never"
                daemon.write_config()
                daemon.signal(signal.SIGHUP)
                until(lambda: metrics()[f"{prefix}_reload_success"] == "0", 20 * SLOW, "a reload failed")
                failed = metrics()
                self.assertEqual(failed[f"{prefix}_reload_good_timestamp_seconds"],
                                 before[f"{prefix}_reload_good_timestamp_seconds"])  # fmt: skip
                daemon.keys.pop(key)
                if good is not None:
                    daemon.keys[key] = good
                daemon.write_config()
                daemon.signal(signal.SIGHUP)
                until(lambda: metrics()[f"{prefix}_reload_success"] == "1", 20 * SLOW, "a reload is good")

    def test_n13_memory_is_a_store(self):
        """A CPS with memory: counts as one that has its store."""
        self.assertGreater(self.cps.metrics()["cpsd_store_connections"], 0)


if __name__ == "__main__":
    unittest.main()
