# SPDX-License-Identifier: MIT
"""cpsctl and cpsd under valgrind: no error, and nothing that they took is lost when they end. Run by
tests/valgrind.sh."""
import itertools
import os
import unittest

import harness
from envelope import envelope, envelope_id
from harness import CPSCTL, Case, run
from wire import request, until

# what valgrind finds at the end counts as an error if nobody could have freed it any more
VALGRIND = ["valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full", "--num-callers=30", "--fair-sched=yes",
            "--show-leak-kinds=definite,indirect,possible", "--errors-for-leak-kinds=definite,indirect,possible",
]  # fmt: skip
harness.SLOW = 20


class UnderValgrind(Case):
    def test_it_finds_a_leak(self):
        """A valgrind that finds nothing anywhere would be of no use."""
        source, program = os.path.join(self.dir, "leak.c"), os.path.join(self.dir, "leak")
        with open(source, "w") as out:
            out.write("#include <stdlib.h>\nint main(void) { return malloc(10) == (void *)1; }\n")
        run("cc", "-O0", "-o", program, source)
        done = run(*VALGRIND, program, status=99)
        self.assertIn(b"10 bytes in 1 blocks are definitely lost", done.stderr)

    def test_tool(self):
        # a handshake takes a client under valgrind many seconds on a busy machine
        server = self.cpsd(certificate=self.pki(), store__ttl_default_s=600, server__handshake_timeout_s=120)
        environment = {**os.environ, "CPS_URL": server.url, "CPS_CA": f"{self.dir}/pki/tls-root.pem",
                       "CPS_TRUST": f"{self.dir}/pki/root.pem", "CPS_X5U_DIR": f"{self.dir}/pki/certs"}  # fmt: skip
        message = ["--orig", "12155551212", "--dest", "12155551213", "--text"]
        signer = ["--key", f"{self.dir}/pki/signer.key", "--cert", f"{self.dir}/pki/signer.pem", "--x5u",
                  "https://certs.example.com/signer.pem"]  # fmt: skip
        # under valgrind on a busy machine each command takes many seconds
        patient = ["--timeout", "120"]
        receive = ["receive", "--key", f"{self.dir}/bob.jwk", "--replay-file", f"{self.dir}/replay.db", "--max-age", "3600",
                   *patient, *message]  # fmt: skip
        for words, status, said in [
            (["send", *patient, *signer, "--to", f"{self.dir}/bob.pub", *message, "hello"], 0, "sent"),
            (["send", *patient, *signer, "--to", f"{self.dir}/bob.pub", "--with-chain", *message, "hello"], 0, "sent"),
            ([*receive, "goodbye"], 1, "msgi-mismatch"),
            ([*receive, "hello"], 0, "passed"),
            ([*receive, "hello"], 0, "passed"),
            ([*receive, "hello", "--wait", "1"], 1, "replayed"),
            ([*receive, "hello", "--cps", "https://localhost:1"], 3, "cps-unavailable"),
            (["send", *signer, "--to", f"{self.dir}/bob.pub", *message, "x", "--cps", "https://localhost:1"], 3, ""),
            (["send"], 2, ""),
            (["health", *patient], 0, "ok"),
        ]:
            with self.subTest(words):
                done = run(*VALGRIND, CPSCTL, *words, status=status, env=environment)
                self.assertTrue(done.stdout.decode().startswith(said), done.stdout)

    def pki(self):
        run(CPSCTL, "pki", "--out", f"{self.dir}/pki", "--tn", "12155551212", "--server-name", "localhost")
        run(CPSCTL, "keygen", "--out", f"{self.dir}/bob.jwk", "--public", f"{self.dir}/bob.pub")
        return f"{self.dir}/pki/tls.pem", f"{self.dir}/pki/tls.key"

    def test_cpsd_in_memory(self):
        self.serve("memory:")

    def test_cpsd_with_redis(self):
        self.serve(self.redis().url)

    def serve(self, url):
        server = self.cpsd(under=VALGRIND, store__url=url, policy__delete="open", store__ttl_default_s=259200,
                           store__box_limit=20, limits__box_share=100, store__timeout_ms=60000, server__drain_timeout_s=60,
                           server__handshake_timeout_s=300, server__request_timeout_s=300, server__max_wait_s=300)  # fmt: skip
        until(lambda: server.metrics()["cpsd_store_connections"] >= 2 or url == "memory:", 120, "each worker has its store")
        served = sum(self.talk(server, i) for i in range(20))
        self.assertGreaterEqual(served, 1000)
        server.reload(log__level="info")
        with server.connect(timeout=120) as waiting, server.connect(timeout=120) as half:
            box = "/cps/12025550199/ppts"
            cursor = waiting.request("GET", box, fields={"Accept": "application/json"}).json()["cursor"]
            waiting.send(request("GET", f"{box}?after={cursor}", fields={"Prefer": "wait=300"}))
            half.send(b"GET /health HT")
            until(lambda: server.metrics()["cpsd_waiters"] == 1, 60, "it waits")
            server.terminate()
            self.assertEqual(waiting.response().status, 200)
        server.stop(300)

    def talk(self, server, number):
        """One connection's requests, of every kind; the last ones are left unanswered."""
        box = f"/cps/120255501{number:02}/ppts"
        fields = itertools.cycle([{}, {"Accept": "application/json"}])
        served = 0
        with server.connect(timeout=120) as connection:
            for _ in range(10):
                body = envelope()
                path = f"{box}/{envelope_id(body)}"
                sent = [("POST", box, body), ("POST", box, body), ("GET", path, None), ("GET", box, None),
                        ("POST", box, "nonsense"), ("DELETE", path, None)]  # fmt: skip
                connection.send(b"".join(request(*r, fields=next(fields)) for r in sent[:-1]))
                connection.send(request(*sent[-1]) if number % 2 else b"")
                answers = [connection.response().status for _ in sent[: 6 if number % 2 else 5]]
                self.assertEqual(answers[:5], [201, 200, 200, 200, 422])
                served += len(answers)
            connection.send(request("GET", box) * 5)
        for bad in (b"GET /health HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"\0" * 9000):
            with server.connect(timeout=120) as connection:
                connection.send(bad)
                self.assertGreaterEqual(connection.response().status, 400)
        return served


if __name__ == "__main__":
    unittest.main(verbosity=2)
