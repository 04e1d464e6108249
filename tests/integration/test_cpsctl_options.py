# SPDX-License-Identifier: MIT
"""cpsctl without a server: the command line, help, output that nobody takes, a CPS that is not there."""
# presets: dev asan
import json
import os
import socket
import subprocess
import unittest

from cpsctl_case import CPSCTL, GOOD, WRONG, UNREACHABLE, ORIG, DEST, COMMANDS, Case, clean_env, part


class CommandLine(Case):
    def test_help_and_version(self):
        overview = self.run_ok("help").stdout
        for name in COMMANDS:
            with self.subTest(name):
                self.assertRegex(overview, rf"\n  {name} +\S")
                text = self.run_ok("help", name).stdout
                self.assertEqual(text, self.run_ok(name, "--help").stdout)
                self.assertEqual(text, self.run_ok(name, "-h").stdout)
                self.assertTrue(text.startswith(f"usage: cpsctl {name} "))
                self.assertIn("--json", text)
        for line in ("  0  ", "  1  ", "  2  ", "  3  ", "  4  ", "CPS_URL"):
            self.assertIn(line, overview)
        self.assertEqual(overview, self.run_ok("--help").stdout)
        self.assertRegex(self.run_ok("--version").stdout, r"\Acpsctl \d+\.\d+\.\d+\n\Z")
        self.assertEqual(self.run_ok("-V").stdout, self.run_ok("--version").stdout)
        self.assertIn("version", self.run_json("version"))

    def test_usage_errors(self):
        sign = ["sign", *self.signer(), *self.message()]
        table = [
            ([], "command is missing"),
            (["sing"], "did you mean sign?"),
            (["frobnicate"], "no such command"),
            (["help", "sing"], "did you mean sign?"),
            (["help", "sign", "send"], "one command"),
            (["sign", "--kee", "x"], "did you mean --key?"),
            (["sign", "--zzzzzzzz"], "--zzzzzzzz: no such option"),
            (["sign", "-k", "x"], "-k: no such option"),
            (["sign", "stray"], "options only"),
            (["sign", "--json=1"], "takes no value"),
            (["sign", "--orig"], "--orig: needs a value"),
            (["sign", "--orig", "--dest", "1"], "--orig: needs a value"),
            (["sign", *self.signer(), "--orig", ORIG], "--dest WHO: missing"),
            (["sign", *self.signer(), "--dest", DEST], "--orig WHO: missing"),
            (["sign", "--orig", ORIG, "--dest", DEST], "--key FILE: missing"),
            ([*sign, "--orig", "2"], "--orig: given twice"),
            ([*sign, "--body", "x"], "--text: cannot be combined with --body"),
            ([*sign, "--iat", "yesterday"], "--iat: must be"),
            ([*sign, "--iat", "0"], "--iat: must be"),
            ([*sign, "--iat", "-5"], "--iat: must be"),
            ([*sign, "--iat", "1e9"], "--iat: must be"),
            ([*sign, "--iat", "2026-02-30T00:00:00Z"], "--iat: must be"),
            ([*sign, "--iat", "2026-02-20T00:00:00"], "--iat: must be"),
            ([*sign, "--iat", "99999999999999999999"], "--iat: must be"),
            ([*sign, "--max-digits", "33"], "from 1 to 32"),
            ([*sign, "--max-digits", "0x10"], "from 1 to 32"),
            ([*sign, "--max-digits", ""], "from 1 to 32"),
            ([*sign, "--country-code", "+1"], "--country-code: must have"),
            ([*sign, "--country-code", "123456789"], "--country-code: must have"),
            ([*sign, "--key", "other"], "--key: given twice"),
            (["keygen", "--out", "x", "--curve", "p384"], "--curve: must be one of x25519, p256"),
            (["inspect", "a", "b"], "b: unexpected argument; only one FILE"),
            (["inspect", ""], "must not be empty"),
            (["verify", "--orig", ORIG], "--trust FILE: missing (or set CPS_TRUST)"),
            (["verify", *self.trust(), "--orig", ORIG], "--dest: missing"),
            (["verify", *self.trust(), "--dest", DEST], "--orig: missing"),
            (["verify", *self.trust(), "--text", "x"], "--text: needs --orig and --dest"),
            (["verify", *self.trust(), "--orig", "1", "--dest", "2", "--body", "-"], "both come from standard input"),
            (["verify", *self.trust(), "--max-age", "259201"], "from 1 to 259200"),
            (["verify", *self.trust(), "--x5u-port", "65536", "passport"], "--x5u-port: must be"),
            (["verify", *self.trust(), "--x5u-port", "443x", "passport"], "--x5u-port: must be"),
            (["publish", "--dest", DEST], "--cps URL: missing (or set CPS_URL)"),
            (["publish", "--cps", "https://127.0.0.1:1", "--dest", "1", "--dest", "2"], "--dest: given twice"),
            (["retrieve", "--cps", "https://127.0.0.1:1", "--dest", "1", "--dest", "2"], "--dest: given twice"),
            (["receive", "--cps", "https://127.0.0.1:1", *self.trust(), "--key", "k", *self.message(), "--dest", "2"],
             "--dest: must be given once"),
            (["health", "--cps", "https://127.0.0.1:1", "--timeout", "0"], "--timeout: must be"),
            (["health", "--cps", "https://127.0.0.1:1", "--timeout", "-1"], "--timeout: must be"),
            (["health", "--cps", "http://127.0.0.1:1"], ""),
            (["health", "--cps", "nonsense"], ""),
        ]
        for args, says in table:
            with self.subTest(" ".join(args)):
                self.refused(*args, says=says)

    def test_option_forms(self):
        def dests(*args):
            return part(self.run_ok("sign", *self.signer(), "--orig", ORIG, *args).stdout, 1)["dest"]["tn"]

        self.assertEqual(dests("--dest=" + DEST), [DEST])
        self.assertEqual(dests("--dest", DEST, "--dest=12"), ["12", DEST])
        token = self.sign(text=None, *["--text=--dashes"])
        self.verdict("passed", passport=token, message=["--orig", ORIG, "--dest", DEST, "--text=--dashes"], status=GOOD)
        self.write("-odd", self.passport)
        self.assertIn("PASSporT", self.run_ok("inspect", "--", "-odd").stdout)

    def test_environment(self):
        env = clean_env(CPS_TRUST=f"{self.pki}/root.pem", CPS_X5U_DIR=f"{self.pki}/certs")
        done = self.run_ok("verify", *self.message(), "passport", env=env)
        self.assertTrue(done.stdout.startswith("passed  "))
        env["CPS_TRUST"] = ""
        self.refused("verify", *self.message(), "passport", env=env, says="--trust")
        # the command line outdoes the environment
        env["CPS_TRUST"] = "/nonexistent"
        self.run_ok("verify", "--trust", f"{self.pki}/root.pem", *self.message(), "passport", env=env)

    def test_hostile_names_stay_on_one_line(self):
        done = self.run_tool("inspect", "no\nsuch\x1b[2Jfile")
        self.assertEqual((done.returncode, done.stdout), (WRONG, ""))
        self.assertEqual(done.stderr, "cpsctl: no\\u000asuch\\u001b[2Jfile: No such file or directory\n")

    def test_output_that_nobody_takes(self):
        for name, out in (("full", "/dev/full"), ("closed", None)):
            with self.subTest(name):
                if out:
                    with open(out, "w", encoding="ascii") as full:
                        done = subprocess.run([CPSCTL, "inspect", "passport"], stdout=full, stderr=subprocess.PIPE,
                                              text=True, cwd=self.dir, check=False)
                else:
                    done = subprocess.run(["sh", "-c", '"$0" inspect passport >&-', CPSCTL], stderr=subprocess.PIPE,
                                          text=True, cwd=self.dir, check=False)
                self.assertEqual(done.returncode, WRONG)
                self.assertRegex(done.stderr, r"\Acpsctl: standard output: [^\n]+\n\Z")
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run([CPSCTL, "inspect", "passport"], stdout=write, stderr=subprocess.PIPE, text=True,
                              cwd=self.dir, check=False)
        os.close(write)
        self.assertEqual(done.returncode, WRONG)
        self.assertIn("Broken pipe", done.stderr)


class NobodyThere(Case):
    """A CPS that nothing listens for."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            cls.url = f"https://127.0.0.1:{s.getsockname()[1]}"
        cls.run_ok("pki", "--out", cls.pki, "--server-name", "127.0.0.1")
        cls.cps = ["--cps", cls.url, "--ca", f"{cls.pki}/tls-root.pem"]

    def unreachable(self, *args, **kwargs):
        self.refused(*args, status=UNREACHABLE, code="CPS_E_CONNECT", says=f"cpsctl: {self.url}: ", **kwargs)

    def test_commands(self):
        self.unreachable("health", *self.cps)
        self.unreachable("publish", *self.cps, "--dest", DEST, "envelope")
        self.unreachable("retrieve", *self.cps, "--dest", DEST)
        self.unreachable("send", *self.cps, *self.signer(), "--to", "bob.pub", *self.message())
        env = clean_env(CPS_URL=self.url, CPS_CA=f"{self.pki}/tls-root.pem")
        self.unreachable("health", env=env)

    def test_receive_has_a_verdict_too(self):
        args = ["receive", *self.cps, *self.trust(), "--key", "bob.jwk", *self.message()]
        done = self.run_tool(*args)
        self.assertEqual(done.returncode, UNREACHABLE)
        self.assertRegex(done.stdout, r"\Acps-unavailable  [^\n]+\n\Z")
        self.assertRegex(done.stderr, r"\Acpsctl: [^\n]+\n\Z")
        told = self.run_tool(*args, "--json")
        self.assertEqual(told.returncode, UNREACHABLE)
        answer = json.loads(told.stdout)
        self.assertEqual((answer["verdict"], answer["error"]["code"]), ("cps-unavailable", "CPS_E_CONNECT"))

    def test_not_a_cps(self):
        """A listener that hangs up: no TLS."""
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen(8)
            pid = os.fork()
            if pid == 0:
                while True:
                    s.accept()[0].close()
            try:
                url = f"https://127.0.0.1:{s.getsockname()[1]}"
                self.refused("health", "--cps", url, "--ca", f"{self.pki}/tls-root.pem", status=UNREACHABLE)
            finally:
                os.kill(pid, 9)
                os.waitpid(pid, 0)

    def test_wrong_input_comes_before_the_network(self):
        self.write("rubbish", "rubbish\n")
        self.write("mixed", self.envelope + "\nrubbish\n")
        send = ["send", *self.cps, *self.signer(), *self.message()]
        table = [
            (["publish", *self.cps, "--dest", DEST, "rubbish"], "rubbish"),
            (["publish", *self.cps, "--dest", DEST, "mixed"], "mixed, line 2"),
            (["publish", *self.cps, "--dest", DEST, "missing"], "missing"),
            (["publish", *self.cps, "--dest", "abc", "envelope"], "--dest"),
            (["publish", *self.cps, "--dest", DEST, "--ttl", "-1", "envelope"], "--ttl"),
            (["retrieve", *self.cps, "--dest", "../x"], "--dest"),
            ([*send], "--to: no key for 12155551213"),
            ([*send, "--to", "missing"], "missing"),
            ([*send, "--to", "bob.jwk.nope"], "bob.jwk.nope"),
            ([*send, "--dest", "12155551299", "--to", f"{DEST}=bob.pub"], "--to: no key for 12155551299"),
            (["send", *self.cps, *self.signer(), "--to", "bob.pub", *self.message(orig="12155551214")], "cpsctl: "),
            (["receive", *self.cps, *self.trust(), "--key", "bob.pub", *self.message()], "bob.pub"),
            (["receive", *self.cps, "--trust", "missing", "--key", "bob.jwk", *self.message()], "missing"),
            (["health", "--cps", self.url, "--ca", "missing"], "missing"),
            (["health", "--cps", self.url, "--ca", "rubbish"], "rubbish"),
            (["health", *self.cps, "--tls-cert", f"{self.pki}/tls.pem"], "cpsctl: "),
        ]
        for args, says in table:
            with self.subTest(" ".join(args)):
                self.refused(*args, says=says)


if __name__ == "__main__":
    unittest.main()
