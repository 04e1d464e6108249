# SPDX-License-Identifier: MIT
"""The log holds nobody up, and strangers cannot fill it."""
# presets: dev asan
import re
import subprocess
import unittest

import smpp
from harness import CPSD, SLOW, Case, free_port
from smpp import BIND, BINDFAIL, RESP, bind
from wire import Wire, request, until


class Server(Case):
    def test_s06_a_log_that_nobody_reads_stops_no_worker(self):
        """Three thousand lines into a pipe that holds some six hundred."""
        options = ["server.listen=", "server.listen_plain=127.0.0.1:0", "admin.listen=", "server.workers=1", "policy.publish=open",
                   "log.access=yes"]  # fmt: skip
        command = [CPSD, *(word for option in options for word in ("-o", option))]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        address = None
        while b"ready" not in (line := process.stderr.readline()):
            self.assertTrue(line, "cpsd has ended")
            address = re.search(rb"listening on http://([0-9.]+):(\d+)", line) or address
        count = 3000
        with Wire((address[1].decode(), int(address[2])), timeout=60 * SLOW) as connection:
            for _ in range(count // 100):
                connection.send(request("GET", "/health") * 100)
                for _ in range(100):
                    self.assertEqual(connection.response().status, 200)
        process.terminate()
        rest = process.stderr.read().decode()  # what waited is written at the end
        self.assertEqual(process.wait(60), 0)
        self.assertEqual(len(re.findall("notice request method=GET", rest)), count)
        self.assertIn("stopped", rest)

    def test_s06_refused_credentials_are_summed_up(self):
        server = self.cpsd(server__workers=1, log__alike_per_s=5)
        with server.connect() as connection:
            for _ in range(300):
                fields = {"Authorization": "Bearer x.y.z"}
                self.assertEqual(connection.request("GET", "/cps/12025550100/ppts", fields=fields).status, 401)
        until(lambda: "more lines were left out that begin with: credential refused" in server.log(), 20 * SLOW, "a sum")
        left_out = server.metrics()["cpsd_log_left_out_total"]
        server.stop()
        log = server.log()
        lines = len(re.findall("(?m) notice \"?credential refused", log))
        sums = sum(int(n) for n in re.findall(r"log: (\d+) more lines were left out that begin with: credential", log))
        self.assertGreater(left_out, 0)
        self.assertEqual(lines + sums, 300)


class Sidecar(smpp.Case):
    def test_s06_refused_binds_are_summed_up(self):
        sidecar = self.start_sidecar(free_port(), log__alike_per_s=1)  # the peer is away
        for _ in range(100):
            esme = self.leg(sidecar.connect())
            esme.send(bind(1))
            self.assertEqual(esme.header()[:2], (BIND | RESP, BINDFAIL))
            esme.close()
        sidecar.terminate()
        sidecar.wait(60)
        log = sidecar.log()
        lines = len(re.findall(r"(?m) warning \"?bind answered", log))
        sums = sum(int(n) for n in re.findall(r"log: (\d+) more lines were left out that begin with: bind answered", log))
        self.assertEqual(lines + sums, 100)
        self.assertGreater(sums, 0)


if __name__ == "__main__":
    unittest.main()
