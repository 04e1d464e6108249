"""What bash offers after a Tab: deploy/completion, with the programs that were built."""
# presets: dev
import os
import pathlib
import unittest

from harness import CPSCTL, CPSD, run

COMPLETION = pathlib.Path(__file__).resolve().parents[2] / "deploy/completion"


class Completion(unittest.TestCase):
    def offered(self, file, function, *words):
        """The words that complete the last one of a command line."""
        program = CPSCTL if words[0] == "cpsctl" else CPSD
        line = " ".join(f"'{word}'" for word in (program, *words[1:]))
        script = (f"compopt() {{ :; }}; source '{COMPLETION}/{file}'; COMP_WORDS=({line}); "
                  f"COMP_CWORD={len(words) - 1}; {function}; printf '%s\\n' \"${{COMPREPLY[@]}}\"")  # fmt: skip
        done = run("bash", "--norc", "-c", script, cwd=COMPLETION, env={**os.environ, "LC_ALL": "C.UTF-8"})
        return sorted(done.stdout.decode().split())

    def test_cpsctl(self):
        def offered(*words):
            return self.offered("cpsctl.bash", "_cpsctl", "cpsctl", *words)
        self.assertEqual(offered("se"), ["send"])
        self.assertLessEqual({"send", "receive", "keys", "stat", "box"}, set(offered("")))
        self.assertEqual(offered("help", "rece"), ["receive"])
        self.assertEqual(offered("send", "--ori"), ["--orig"])
        self.assertIn("--text", offered("send", "--"))
        self.assertNotIn("--days", offered("send", "--"))
        self.assertEqual(offered("send", "--key", "dae"), ["daemons.bash"])  # a file
        self.assertEqual(offered("send", "--text", "dae"), [])  # only its writer knows
        self.assertEqual(offered("nonsense", "--x"), [])

    def test_daemons(self):
        def offered(*words):
            return self.offered("daemons.bash", "_cps_daemon", "cpsd", *words)
        self.assertEqual(offered("-"), sorted(["-c", "-o", "-t", "-p", "-V", "-h"]))
        self.assertEqual(offered("-o", "store.ur"), ["store.url="])
        self.assertIn("limits.publish_by_spc=", offered("-o", "limits."))
        self.assertEqual(offered("-c", "cpsctl"), ["cpsctl.bash"])
