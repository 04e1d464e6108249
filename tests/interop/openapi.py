# SPDX-License-Identifier: MIT
"""A TypeScript client that is generated from cps/openapi.yaml compiles, and publishes at a running server."""
import json
import os
import shutil
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
from bearer import Provider  # noqa: E402
from envelope import envelope, envelope_id  # noqa: E402
from harness import HOME, Case, run  # noqa: E402

DEST = "12155551213"
COMPILER = ["--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom,dom.iterable", "--skipLibCheck"]


class Generated(Case):
    def program(self, name):
        return os.path.join(HERE, "node_modules", ".bin", name)

    def test_n17_a_generated_client_publishes(self):
        where = self.temp()
        os.symlink(os.path.join(HERE, "node_modules"), os.path.join(where, "node_modules"))
        with open(os.path.join(where, "package.json"), "w", encoding="ascii") as out:
            json.dump({"type": "module"}, out)
        shutil.copy(os.path.join(HERE, "openapi_client.ts"), where)
        run(self.program("openapi-typescript"), os.path.join(HOME, "cps", "openapi.yaml"), "-o",
            os.path.join(where, "schema.ts"))  # fmt: skip
        run(self.program("tsc"), *COMPILER, "--outDir", where, os.path.join(where, "openapi_client.ts"))
        provider, body = Provider(where, "1234"), envelope()
        server = self.cpsd(trust__roots=provider.root, auth__audience="localhost", policy__publish="token")
        setup = {"url": server.url, "dest": DEST, "envelope": body, "token": provider.token("publish", DEST, None, [body])}
        os.environ["NODE_EXTRA_CA_CERTS"] = server.ca
        said = run("node", os.path.join(where, "openapi_client.js"), json.dumps(setup)).stdout.decode().splitlines()
        self.assertRegex(said[0], r"\A401 .+")
        self.assertEqual(said[1:], [f"201 /cps/{DEST}/ppts/{envelope_id(body)}", "200 true"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
