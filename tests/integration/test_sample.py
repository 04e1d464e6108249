"""deploy/cpsd.conf is what `cpsd -p` prints, and cpsd takes it as it is and with every key spelled out."""
# presets: dev
import os
import re
import subprocess
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CPSD = os.path.join(TOP, os.environ.get("BUILD_DIR", "build/dev"), "cps", "cpsd")


class Sample(unittest.TestCase):
    def printed(self):
        return subprocess.run([CPSD, "-p"], check=True, capture_output=True, text=True).stdout

    def test_kept_sample_is_current(self):
        with open(os.path.join(TOP, "deploy", "cpsd.conf"), encoding="utf-8") as kept:
            self.assertEqual(kept.read(), self.printed(), "run: cpsd -p > deploy/cpsd.conf")

    def test_every_key_can_be_set_to_its_default(self):
        text = re.sub(r"(?m)^#(\w+ =)", r"\1", self.printed()).replace("listen = 127.0.0.1:8443", "listen =")
        text = text.replace("listen_plain =", "listen_plain = 127.0.0.1:0")
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as conf:
            conf.write(text)
            conf.flush()
            done = subprocess.run([CPSD, "-t", "-c", conf.name], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""), done.stderr)
            self.assertGreater(text.count(" ="), 30)


if __name__ == "__main__":
    unittest.main()
