# SPDX-License-Identifier: MIT
"""deploy/*.conf are what the programs print with -p, which take them as they are and with every key spelled out."""
# presets: dev
import os
import re
import subprocess
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("BUILD_DIR", "build/dev"))
PROGRAMS = {
    "cpsd": (os.path.join(BUILD, "cps", "cpsd"), {"listen": "", "listen_plain": "127.0.0.1:0", "publish": "open"}, "", 30),
    "cps-smpp": (os.path.join(BUILD, "client", "cps-smpp"), {}, "cps-smpp: the configuration is good\n", 70),
}


class Sample(unittest.TestCase):
    def printed(self, program):
        return subprocess.run([program, "-p"], check=True, capture_output=True, text=True).stdout

    def test_kept_sample_is_current(self):
        for name, (program, *_) in PROGRAMS.items():
            with self.subTest(name), open(os.path.join(TOP, "deploy", f"{name}.conf"), encoding="utf-8") as kept:
                self.assertEqual(kept.read(), self.printed(program), f"run: {name} -p > deploy/{name}.conf")

    def test_every_key_can_be_set_to_its_default(self):
        for name, (program, others, said, least) in PROGRAMS.items():
            text = re.sub(r"(?m)^#(\w+ =)", r"\1", self.printed(program))
            for key, value in others.items():
                text = re.sub(rf"(?m)^{key} =.*", f"{key} = {value}", text)
            with self.subTest(name), tempfile.NamedTemporaryFile("w", suffix=".conf") as conf:
                conf.write(text)
                conf.flush()
                done = subprocess.run([program, "-t", "-c", conf.name], capture_output=True, text=True, check=False)
                self.assertEqual((done.returncode, done.stderr), (0, ""), done.stderr)
                self.assertIn(said, done.stdout)
                self.assertGreater(text.count(" ="), least)


if __name__ == "__main__":
    unittest.main()
