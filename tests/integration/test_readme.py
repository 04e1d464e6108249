"""The README: its tour's commands in order, as a reader would type them, and what it says that they print; its
configurations, tables and links."""
# presets: dev asan
import os
import re
import shutil
import subprocess

from harness import BUILD, CPSD, HOME, Case, free_port, run

CTL, SMPP = os.path.join(BUILD, "client", "cpsctl"), os.path.join(BUILD, "client", "cps-smpp")

END = "-- end of step --"


def tour():
    """[(commands, expected output or "")] of the section "Tour"."""
    with open(os.path.join(HOME, "README.md")) as file:
        section = re.search(r"^## Tour\n(.*?)^## ", file.read(), re.M | re.S)[1]
    return [(m[1], m[2] or "") for m in re.finditer(r"^```sh\n(.*?)^```\n(?:```text\n(.*?)^```\n)?", section, re.M | re.S)]


def pattern(expected):
    """`...` in a line is anything there; as a line of its own, any lines."""
    text = re.escape(expected.rstrip("\n")).replace("\\\n", "\n")
    text = re.sub(r"^\\\.\\\.\\\.$", r"(?s:.*)", text, flags=re.M).replace(r"\.\.\.", ".*")
    return rf"\A{text}\Z"


class Readme(Case):
    def test_tour(self):
        steps = tour()
        self.assertGreater(len(steps), 8)
        ports = {"8443": str(free_port()), "8081": str(free_port())}
        script = "set -o pipefail\n" + "".join(f"{commands}echo '{END}'\n" for commands, _ in steps)
        for port, free in ports.items():
            script = script.replace(port, free)
        path = f"{BUILD}/cps:{BUILD}/client:{os.environ['PATH']}"
        done = subprocess.run(["bash"], input=script.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              cwd=self.dir, env={**os.environ, "PATH": path, "TMPDIR": self.dir}, timeout=600)  # fmt: skip
        printed = done.stdout.decode().split(END + "\n")
        self.assertEqual((done.returncode, len(printed)), (0, len(steps) + 1), printed)
        for (commands, expected), got in zip(steps, printed):
            with self.subTest(commands):
                self.assertRegex(got.rstrip("\n"), pattern(expected))

    def test_limits(self):
        """The defaults that the table of limits gives are cpsd's."""
        with open(os.path.join(HOME, "README.md")) as file:
            section = re.search(r"^## Limits\n(.*?)^## ", file.read(), re.M | re.S)[1]
        defaults = dict(re.findall(r"^#(\w+) = (\d+)$", run(CPSD, "-p").stdout.decode(), re.M))
        told = []
        for row in section.splitlines():
            for key in re.findall(r"`(\w+)`", row):
                if key in defaults:
                    told.append(key)
                    self.assertRegex(row, rf"(?<![\d,]){int(defaults[key]):,}(?!,?\d)", key)
        self.assertGreater(len(told), 12)

    def test_policies(self):
        """The table of who may do what is cpsd's: key, default and meaning, in order."""
        section = re.search(r"^\[policy\]\n(.*?)^\[", run(CPSD, "-p").stdout.decode(), re.M | re.S)[1]
        told = [(key, value, " ".join(text.replace("\n# ", " ").split()).rstrip("."))
                for text, key, value in re.findall(r"^# ((?:.*\n# )*?.*)\n# One of .*\n#(\w+) = (\w+)$", section, re.M)]
        with open(os.path.join(HOME, "README.md")) as file:
            rows = re.findall(r"^\| `(\w+)` \| `(open|token|holder|nobody)` \| (.*) \|$", file.read(), re.M)
        self.assertEqual([(key, value, text.replace("`", "")) for key, value, text in rows], told)
        self.assertGreater(len(told), 9)

    def test_limits_of_the_sidecar(self):
        """Likewise those of cps-smpp, whose keys are named with their sections."""
        with open(os.path.join(HOME, "README.md")) as file:
            section = re.search(r"^### Limits of the sidecar\n(.*?)^## ", file.read(), re.M | re.S)[1]
        defaults, of = {}, ""
        for line in run(SMPP, "-p").stdout.decode().splitlines():
            of = line if line.startswith("[") else of
            if found := re.match(r"#(\w+) = (\d+)$", line):
                defaults[f"{of} {found[1]}"] = int(found[2])
        keys = [(row, key) for row in section.splitlines() for key in re.findall(r"`(\[\w+\] \w+)`", row)]
        self.assertGreater(len(keys), 12)
        for row, key in keys:
            self.assertRegex(row, rf"(?<![\d,]){defaults[key]:,}(?!,?\d)", key)

    def test_sidecar_configurations(self):
        """Both that are shown are good ones, with files where they say."""
        with open(os.path.join(HOME, "README.md")) as file:
            section = re.search(r"^## The sidecar\n(.*?)^## ", file.read(), re.M | re.S)[1]
        parts = [part for part in section.split("\n### ") if "```ini" in part]
        self.assertEqual(len(parts), 2)
        for i, part in enumerate(parts):
            with self.subTest(part.splitlines()[0]):
                home = self.make_files(f"{self.dir}/{i}")
                for name, text in re.findall(r"^```ini\n# /etc/stir-cps/(\S+)\n(.*?)^```$", part, re.M | re.S):
                    with open(f"{home}/{name}", "w") as conf:
                        conf.write(text.replace("/etc/stir-cps", home).replace("/var/lib/cps-smpp", home))
                name = re.search(r"^# /etc/stir-cps/(cps-smpp.*\.conf)$", part, re.M)[1]
                check = [SMPP, "-t", "-c", f"{home}/{name}"]
                self.assertEqual(run(*check).stdout,
                                 b"cps-smpp: [numbers] table decides which numbers the certificate of a provider covers\n"
                                 b"cps-smpp: the configuration is good\n")
                os.unlink(f"{home}/{'sti.key' if 'action = sign' in part else 'sti-roots.pem'}")
                run(*check, status=2)

    def make_files(self, home):
        """What the configurations name, with certificates for trying out."""
        for name in "tenants", "recipients", "keys":
            os.makedirs(f"{home}/{name}")
        for args in (["pki", "--out", f"{home}/pki", "--name", "sti", "--spc", "1234"],
                     ["keygen", "--out", f"{home}/keys/default.jwk", "--public", f"{home}/recipients/44*.pub"]):  # fmt: skip
            run(CTL, *args)
        for name, to in ("sti.key", "sti.key"), ("sti.pem", "sti.pem"), ("root.pem", "sti-roots.pem"):
            shutil.copy(f"{home}/pki/{name}", f"{home}/{to}")
        with open(f"{home}/numbers.csv", "w") as table:
            table.write("1215555,1234\n")
        return home

    def test_verdicts(self):
        """The list is whole and in the order in which verdicts count."""
        with open(os.path.join(HOME, "common", "verdict.h")) as file:
            code = re.findall(r'X\(STIR_\w+, "([\w-]+)", (\d+)\)', file.read())
        with open(os.path.join(HOME, "README.md")) as file:
            table = re.findall(r"^\| `([\w-]+)` \| (\d*) *\|", file.read(), re.M)
        self.assertEqual(table, [(name, sip if sip != "0" else "") for name, sip in code])

    def test_links(self):
        """What the README points to is there."""
        with open(os.path.join(HOME, "README.md")) as file:
            text = file.read()
        for path in re.findall(r"\]\((?!https?:)([^)#]+)\)", text) + re.findall(r"`((?:tests|deploy)/[\w./-]+)", text):
            self.assertTrue(os.path.exists(os.path.join(HOME, path)), path)
        self.assertIsNotNone(shutil.which("curl"), "the tour uses it")
