# SPDX-License-Identifier: MIT
"""The documents: the commands of the README files in order, as a reader would type them, and what the text says that
they print; their configurations, tables and links. tests/interop/first_day.py follows those that need a machine of
their own."""
# presets: dev asan
import os
import re
import shutil
import subprocess

from harness import BUILD, CPSD, HOME, Case, free_port, run

CTL, SMPP = os.path.join(BUILD, "client", "cpsctl"), os.path.join(BUILD, "client", "cps-smpp")
DOCUMENTS = ["README.md", "client/README.md", "client/sidecar/README.md", "common/README.md", "cps/README.md",
             "cps/WIRE.md", "deploy/README.md", "deploy/redis/README.md", "tests/README.md", "tests/bench/README.md",
             ".github/CONTRIBUTING.md", ".github/SECURITY.md"]  # fmt: skip
BY_FIRST_DAY = {"client/sidecar/README.md", "deploy/README.md"}  # whose commands first_day.py runs
IN_THE_CLONE = {"tests/README.md"}  # whose commands run there and not in an empty directory
END = "-- end of step --"


def read(document):
    with open(os.path.join(HOME, document)) as file:
        return file.read()


def section(document, title):
    """The text below a heading, up to the next one that is not below it."""
    level, text = re.search(rf"^(##+) {re.escape(title)}\n(.*)", read(document), re.M | re.S).groups()
    return re.split(rf"^#{{2,{len(level)}}} ", text, flags=re.M)[0]


def steps(text):
    """[(commands, expected output or "")]"""
    return [(m[1], m[2] or "") for m in re.finditer(r"^```sh\n(.*?)^```\n(?:```text\n(.*?)^```\n)?", text, re.M | re.S)]


def pattern(expected):
    """`...` in a line is anything there; as a line of its own, any lines."""
    text = re.escape(expected.rstrip("\n")).replace("\\\n", "\n")
    text = re.sub(r"^\\\.\\\.\\\.$", r"(?s:.*)", text, flags=re.M).replace(r"\.\.\.", ".*")
    return rf"\A{text}\Z"


def printed_by(program, text):
    """The lines on standard output that the text shows of a program, but for its warnings."""
    return re.findall(rf"^{program}: (?!warning).*$", text, re.M)


class Documents(Case):
    def test_commands(self):
        """Each document's commands run in one shell, in order, and print what the text says."""
        for document in DOCUMENTS:
            if document not in BY_FIRST_DAY and steps(read(document)):
                with self.subTest(document):
                    self.follow(document)

    def follow(self, document):
        parts = steps(read(document))
        script = "set -o pipefail\n" + "".join(f"{commands}echo '{END}'\n" for commands, _ in parts)
        for port in "8443", "8081":
            script = script.replace(port, str(free_port()))
        script = script.replace("build/dev/", f"{BUILD}/")
        path = f"{BUILD}/cps:{BUILD}/client:{os.environ['PATH']}"
        done = subprocess.run(["bash"], input=script.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              cwd=HOME if document in IN_THE_CLONE else self.dir, timeout=600,
                              env={**os.environ, "PATH": path, "TMPDIR": self.dir})  # fmt: skip
        printed = done.stdout.decode().split(END + "\n")
        self.assertEqual((done.returncode, len(printed)), (0, len(parts) + 1), printed)
        for (commands, expected), got in zip(parts, printed):
            with self.subTest(commands):
                self.assertRegex(got.rstrip("\n"), pattern(expected))

    def test_each_has_a_test(self):
        """The documents above are all that there are, and those that should have commands do."""
        found = {os.path.relpath(os.path.join(where, name), HOME)
                 for top in ("cps", "client", "common", "deploy", "tests", ".github")
                 for where, _, names in os.walk(os.path.join(HOME, top))
                 for name in names if name.endswith(".md") and "/node_modules/" not in where + "/"}  # fmt: skip
        others = {"deploy/prometheus/metrics.md", "tests/fault/attack.md"}
        self.assertEqual(found - others, set(DOCUMENTS) - {"README.md"})
        self.assertGreater(len(steps(read("client/README.md"))), 8)
        for document in BY_FIRST_DAY | IN_THE_CLONE | {"README.md", "cps/README.md"}:
            self.assertTrue(steps(read(document)), document)

    def test_first_page(self):
        """The README is short, and what it shows of the demo is what the demo prints."""
        self.assertLessEqual(len(read("README.md").splitlines()), 200)
        shown = re.search(r"^```text\n(genuine message.*?)^```", read("README.md"), re.M | re.S)[1]
        for line in shown.splitlines():
            self.assertIn(f'echo "{re.match("[a-z ]+(?=:)|the CPS held", line)[0]}', read("deploy/demo.sh"))

    def test_example(self):
        """The C program that is shown compiles against the public header as it is installed."""
        os.makedirs(f"{self.dir}/stir-cps")
        shutil.copy(os.path.join(HOME, "client", "cps.h"), f"{self.dir}/stir-cps")
        for program in re.findall(r"^```c\n(.*?)^```$", read("client/README.md"), re.M | re.S):
            with open(f"{self.dir}/program.c", "w") as file:
                file.write(program)
            run("cc", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{self.dir}", f"{self.dir}/program.c")

    def test_limits(self):
        """The defaults that the table of limits gives are cpsd's."""
        defaults = dict(re.findall(r"^#(\w+) = (\d+)$", run(CPSD, "-p").stdout.decode(), re.M))
        told = []
        for row in section("cps/README.md", "Limits").splitlines():
            for key in re.findall(r"`(\w+)`", row):
                if key in defaults:
                    told.append(key)
                    self.assertRegex(row, rf"(?<![\d,]){int(defaults[key]):,}(?!,?\d)", key)
        self.assertGreater(len(told), 12)

    def test_policies(self):
        """The table of who may do what is cpsd's: key, default and meaning, in order."""
        policy = re.search(r"^\[policy\]\n(.*?)^\[", run(CPSD, "-p").stdout.decode(), re.M | re.S)[1]
        told = [(key, value, " ".join(text.replace("\n# ", " ").split()).rstrip("."))
                for text, key, value in re.findall(r"^# ((?:.*\n# )*?.*)\n# One of .*\n#(\w+) = (\w+)$", policy, re.M)]
        rows = re.findall(r"^\| `(\w+)` \| `(open|token|holder|nobody)` \| (.*) \|$", read("cps/README.md"), re.M)
        self.assertEqual([(key, value, text.replace("`", "")) for key, value, text in rows], told)
        self.assertGreater(len(told), 9)

    def test_limits_of_the_sidecar(self):
        """Likewise those of cps-smpp, whose keys are named with their sections."""
        limits = section("client/sidecar/README.md", "Limits of the sidecar")
        defaults, of = {}, ""
        for line in run(SMPP, "-p").stdout.decode().splitlines():
            of = line if line.startswith("[") else of
            if found := re.match(r"#(\w+) = (\d+)$", line):
                defaults[f"{of} {found[1]}"] = int(found[2])
        keys = [(row, key) for row in limits.splitlines() for key in re.findall(r"`(\[\w+\] \w+)`", row)]
        self.assertGreater(len(keys), 12)
        for row, key in keys:
            self.assertRegex(row, rf"(?<![\d,]){defaults[key]:,}(?!,?\d)", key)

    def test_sidecar_configurations(self):
        """Both that are shown are good ones, with files where they say."""
        for i, title in enumerate(("Put it in front of Kannel", "Put it in front of an SMSC")):
            with self.subTest(title):
                part = section("client/sidecar/README.md", title)
                home = self.make_files(f"{self.dir}/{i}")
                for name, text in re.findall(r"^```ini\n# /etc/stir-cps/(\S+)\n(.*?)^```$", part, re.M | re.S):
                    with open(f"{home}/{name}", "w") as conf:
                        conf.write(text.replace("/etc/stir-cps", home).replace("/var/lib/cps-smpp", home))
                name = re.search(r"^# /etc/stir-cps/(cps-smpp.*\.conf)$", part, re.M)[1]
                check = [SMPP, "-t", "-c", f"{home}/{name}"]
                self.assertEqual(run(*check).stdout.decode().splitlines(), printed_by("cps-smpp", part))
                os.unlink(f"{home}/{'sti.key' if 'action = sign' in part else 'sti-roots.pem'}")
                run(*check, status=2)

    def test_cpsd_configuration(self):
        """The one that is shown is a good one, and cpsd says so in these words."""
        part = section("deploy/README.md", "The CPS, with Redis")
        run(CTL, "pki", "--out", f"{self.dir}/pki", "--name", "sti", "--spc", "1234", "--server-name", "cps.example.net")
        conf = re.search(r"^```ini\n(.*?)^```$", part, re.M | re.S)[1]
        for name in "tls.pem", "tls.key":
            conf = conf.replace(f"/etc/stir-cps/{name}", f"{self.dir}/pki/{name}")
        conf = conf.replace("/etc/stir-cps/sti-roots.pem", f"{self.dir}/pki/root.pem")
        with open(f"{self.dir}/numbers.csv", "w") as table:
            table.write("1215555,1234\n")
        with open(f"{self.dir}/cpsd.conf", "w") as file:
            file.write(conf.replace("/etc/stir-cps/numbers.csv", f"{self.dir}/numbers.csv"))
        printed = run(CPSD, "-t", "-c", f"{self.dir}/cpsd.conf").stdout.decode().splitlines()
        self.assertEqual(printed, printed_by("cpsd", part))

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
        code = re.findall(r'X\(STIR_\w+, "([\w-]+)", (\d+)\)', read("common/passport/verdict.h"))
        table = re.findall(r"^\| `([\w-]+)` \| (\d*) *\|", section("client/sidecar/README.md", "Verdicts"), re.M)
        self.assertEqual(table, [(name, sip if sip != "0" else "") for name, sip in code])

    def test_links(self):
        """What the documents point to is there: files, headings, and paths in the text."""
        for document in DOCUMENTS:
            text, here = re.sub(r"^```.*?^```", "", read(document), flags=re.M | re.S), os.path.dirname(document)
            for path, heading in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", text):
                target = os.path.normpath(os.path.join(here, path)) if path else document
                self.assertTrue(os.path.exists(os.path.join(HOME, target)), f"{document}: {path}")
                if heading:
                    self.assertIn(heading, self.headings(target), f"{document}: {path}#{heading}")
            for path in re.findall(r"`((?:tests|deploy|cps|client|common)/[\w./-]+)`", text):
                self.assertTrue(os.path.exists(os.path.join(HOME, path)), f"{document}: {path}")

    def test_functions(self):
        """The functions that the pages for contributors name are in the sources."""
        sources = "".join(read(os.path.join(where, name)) for top in ("cps", "client", "common")
                          for where, _, names in os.walk(os.path.join(HOME, top))
                          for name in names if name.endswith((".c", ".h")))  # fmt: skip
        for document in ".github/CONTRIBUTING.md", "common/README.md":
            for name in re.findall(r"`(\w+)\(\)`", read(document)):
                self.assertTrue(re.search(rf"\b{name}\(", sources), f"{document}: no source has {name}()")

    def headings(self, document):
        """The names that GitHub gives to the headings of a document."""
        text = re.sub(r"^```.*?^```", "", read(document), flags=re.M | re.S)
        return [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.*)", text, re.M)]
