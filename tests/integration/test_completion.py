# SPDX-License-Identifier: MIT
"""What bash and zsh offer after a Tab: deploy/completion, with the programs that were built."""
# presets: dev
import os
import pathlib
import unittest

from harness import CPSCTL, CPSD, run
from smpp import ESME, SIDECAR

COMPLETION = pathlib.Path(__file__).resolve().parents[2] / "deploy/completion"


class Completion(unittest.TestCase):
    def offered(self, file, function, *words):
        """The words that complete the last one of a command line."""
        program = {"cpsctl": CPSCTL, "cpsd": CPSD, "cps-esme": ESME}[words[0]]
        line = " ".join(f"'{word}'" for word in (program, *words[1:]))
        script = (f"compopt() {{ :; }}; source '{COMPLETION}/{file}'; COMP_WORDS=({line}); "
                  f"COMP_CWORD={len(words) - 1}; {function}; printf '%s\\n' \"${{COMPREPLY[@]}}\"")  # fmt: skip
        done = run("bash", "--norc", "-c", script, cwd=COMPLETION, env={**os.environ, "LC_ALL": "C.UTF-8"})
        return sorted(done.stdout.decode().split())

    def offered_by_zsh(self, *words):
        """The same, of zsh: `compadd` and its like print what they are given."""
        program = {"cpsctl": CPSCTL, "cpsd": CPSD, "cps-smpp": SIDECAR}[words[0]]
        file = "_cpsd" if words[0] == "cps-smpp" else f"_{words[0]}"
        line = " ".join(f"'{word}'" for word in (program, *words[1:]))
        script = (f"compadd() {{ print -l -- $@ }}; _files() {{ print FILES }}; "
                  f"_arguments() {{ print -l -- $@ }}; words=({line}); CURRENT={len(words)}; PREFIX=${{words[-1]}}; "
                  f"complete() {{ source '{COMPLETION}/{file}' }}; complete; "
                  f"[[ {words[0]} == cpsctl ]] || _cps_daemon_keys")  # fmt: skip
        return run("zsh", "-f", "-c", script).stdout.decode().split("\n")

    def test_zsh(self):
        self.assertLessEqual({"send", "receive", "keys", "stat"}, set(self.offered_by_zsh("cpsctl", "")))
        self.assertIn("--text", self.offered_by_zsh("cpsctl", "send", "--"))
        self.assertIn("FILES", self.offered_by_zsh("cpsctl", "send", "--key", ""))
        self.assertNotIn("FILES", self.offered_by_zsh("cpsctl", "send", "--text", ""))
        self.assertIn("put", self.offered_by_zsh("cpsctl", "keys", ""))
        offered = self.offered_by_zsh("cpsd", "-")
        self.assertLessEqual({"store.url", "admin.listen", "limits.publish_by_spc"}, set(offered))
        self.assertTrue(any("--check[" in word for word in offered), offered)
        self.assertFalse(any("--online[" in word for word in offered), offered)
        offered = self.offered_by_zsh("cps-smpp", "-")
        self.assertTrue(any("--online[" in word for word in offered), offered)
        self.assertIn("tenants.dir", offered)

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
        self.assertEqual(offered("-"), sorted(["-c", "-o", "-t", "-p", "-V", "-h", "--config", "--set",
                                                       "--check", "--print", "--version", "--help", "--user"]))
        self.assertEqual(offered("--ch"), ["--check"])
        self.assertEqual(offered("--set", "store.ur"), ["store.url="])
        self.assertEqual(offered("-o", "store.ur"), ["store.url="])
        self.assertIn("limits.publish_by_spc=", offered("-o", "limits."))
        self.assertEqual(offered("-c", "cpsctl"), ["cpsctl.bash"])

    def test_peers(self):
        def offered(*words):
            return self.offered("daemons.bash", "_cps_daemon", "cps-esme", *words)
        self.assertEqual(offered("--sys"), ["--system-id", "--system-type"])
        self.assertLessEqual({"-V", "--version", "-h", "--text", "--password-file"}, set(offered("-")))
        self.assertEqual(offered("--password-file", "cpsctl"), ["cpsctl.bash"])
