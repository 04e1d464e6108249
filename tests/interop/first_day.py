# SPDX-License-Identifier: MIT
"""What an operator does on the first day, taken out of deploy/README.md and client/sidecar/README.md: their commands,
files and what they print, from the packages to a verdict at an SMSC, in a booted Debian. run-systemd.sh makes that and
calls first_day.py PID ROOT, with the process id of its systemd and its directory."""
import contextlib
import json
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
HOME = os.path.dirname(os.path.dirname(HERE))
SECONDS = 20  # any one thing may take so long
PID, ROOT = sys.argv[1:]
PLAIN = ["HOME=/root", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"]
INSIDE = ["nsenter", "--target", PID, "--mount", "--pid", "--uts", "--net", "--cgroup", "--ipc", "--root", "--wd", "--",
          "env", "-i", "-C", "/root", *PLAIN]  # fmt: skip
ALICE, BOB = "12155551212", "12155551213"
KANNEL = """
group = core
admin-port = 13000
admin-password = secret
smsbox-port = 13001
box-allow-ip = 127.0.0.1
log-file = /var/log/kannel/bearerbox.log

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = 13013
log-file = /var/log/kannel/smsbox.log

group = sendsms-user
username = tester
password = secret

group = smsc
smsc = smpp
host = smsc.example.net
port = 2775
transceiver-mode = true
smsc-username = kannel
smsc-password = secret
system-type = VMA
reconnect-delay = 1
"""


def until(condition, what):
    end = time.monotonic() + SECONDS
    while not (result := condition()):
        assert time.monotonic() < end, f"not within {SECONDS} s: {what}"
        time.sleep(0.05)
    return result


def run(script, status=0):
    """Runs a shell script in the Debian, as root. Returns what it printed; status None: any."""
    done = subprocess.run([*INSIDE, "bash", "-euo", "pipefail", "-c", script], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
    printed = done.stdout.decode(errors="replace")
    assert status in (None, done.returncode), f"exit status {done.returncode}, not {status}:\n{script}\n{printed}"
    return printed


def fails(script):
    """Runs a command that must fail."""
    run(f'if {script}; then echo "this did not fail"; exit 1; fi')


def put(path, text, mode="w"):
    """Writes a file in the Debian as an editor does: owner and mode of one that is there stay."""
    os.makedirs(os.path.dirname(ROOT + path), exist_ok=True)
    with open(ROOT + path, mode) as file:
        file.write(text)


def get(path):
    with open(ROOT + path) as file:
        return file.read()


def read(document):
    with open(os.path.join(HOME, document)) as file:
        return file.read()


class Readme:
    """Sections of the documents with what an operator takes out of them, in order."""

    def __init__(self):
        self.text = read("deploy/README.md") + read("client/sidecar/README.md")

    def section(self, title):
        """The text below a heading, with its subsections."""
        return re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", self.text, re.M | re.S)[1]

    def blocks(self, title):
        """[("ini", path, text)] and [("sh", commands, expected output)]."""
        found = []
        pattern = r"^```(sh|ini)\n(.*?)^```\n(?:```text\n(.*?)^```\n)?"
        for kind, text, expected in re.findall(pattern, self.section(title), re.M | re.S):
            if kind == "ini":
                path, text = re.fullmatch(r"# (/\S+)\n(.*)", text, re.S).groups()
                found.append((kind, path, text))
            else:
                found.append((kind, text, expected))
        assert found, title
        return found


def expected_pattern(expected):
    """As in the tour: `...` in a line is anything there, as a line of its own any lines."""
    text = re.escape(expected.rstrip("\n")).replace("\\\n", "\n")
    text = re.sub(r"^\\\.\\\.\\\.$", r"(?s:.*)", text, flags=re.M).replace(r"\.\.\.", ".*")
    return rf"\A{text}\Z"


class Day:
    """Follows the documents, and remembers how long each step took and what was typed for it."""

    def __init__(self):
        self.readme, self.steps, self.edited = Readme(), [], 0

    def follow(self, title, before=None):
        """Does what a section says. before(block text) is called before each of its blocks."""
        commands = files = self.edited = 0
        start = time.monotonic()
        for kind, first, second in self.readme.blocks(title):
            if before:
                before(first)
            if kind == "ini":
                files += 1
                put(first, second)
                continue
            commands += len(re.findall(r"(?m)^\S", first))
            printed = run(first)
            if second:
                found = re.search(expected_pattern(second), printed.rstrip("\n"))
                assert found, f"{first}printed\n{printed}\nand not\n{second}"
        files += self.edited
        self.steps.append((title, commands, files, time.monotonic() - start))
        print(f"ok  {title}: {commands} commands, {files} files", flush=True)

    def send(self, text):
        """As whoever uses the Kannel: over HTTP. Waits until the SMSC has it."""
        words = text.replace(" ", "+")
        url = f"http://127.0.0.1:13013/cgi-bin/sendsms?username=tester&password=secret&from={ALICE}&to={BOB}&text={words}"
        until(lambda: run(f"curl -s '{url}' || true")[:2] in ("0:", "3:"), "Kannel takes a message")
        until(lambda: text in run("journalctl -t cps-smsc -o cat"), f'the SMSC has "{text}"')

    # ---- what the documents take for granted ----

    def have_kannel(self):
        put("/etc/kannel/kannel.conf", KANNEL)
        put("/etc/default/kannel", "START_SMSBOX=1\n")

    def point_kannel_here(self):
        """Two lines change: those that the document shows with another value."""
        shown = re.search(r"(?m)^    group = smsc\n((?:    .*\n)+)", self.readme.section("Put it in front of Kannel"))[1]
        text = get("/etc/kannel/kannel.conf")
        for key, value in re.findall(r"(\S+) = (\S+)", shown):
            text = re.sub(rf"(?m)^(group = smsc\n(?:.+\n)*?{key} = ).*", rf"\g<1>{value}", text)
        changed = [line for line in text.splitlines() if line not in KANNEL.splitlines()]
        assert len(changed) == 1 and changed == ["host = 127.0.0.1"] or len(changed) == 2, changed
        put("/etc/kannel/kannel.conf", text)
        self.edited += 1

    def before_kannel_block(self, text):
        if "systemctl restart kannel" in text:
            self.point_kannel_here()
        elif "cpsctl box" in text:
            self.send("The first message")
            until(lambda: '"status"' in run("journalctl -u cps-smpp -o cat"), "the journal has the message")

    def before_smsc_block(self, text):
        if "journalctl" in text:
            self.send("The first judged message")
            until(lambda: '"verdict"' in run("journalctl -u cps-smpp@smsc -o cat"), "the journal has the verdict")


def check_documents():
    """The packages have the documents for operators and all that these link to, but for what contributors read."""
    for document in "README.md", "deploy/README.md", "cps/README.md", "client/README.md", "client/sidecar/README.md":
        text = get(f"/usr/share/doc/stir-cps/{document}")
        assert text == read(document), document
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
            path = os.path.normpath(os.path.join(os.path.dirname(document), link))
            if not path.startswith(("tests/", "common/", ".github/")):
                assert os.path.exists(f"{ROOT}/usr/share/doc/stir-cps/{path}"), f"{document}: {link}"
    print("ok  N1: the documents and what they link to are there")


def check_modes():
    """Owners and modes are those of the table in deploy/README.md."""
    for path, wanted in {"cpsd.conf": "root:cpsd 640", "cps-smpp.conf": "root:cps-smpp 640", "tls.key": "root:cpsd 640",
                         "tenants": "root:cps-smpp 2750", "recipients": "root:cps-smpp 2750", "keys": "root:cps-smpp 2750",
                         "sti.key": "root:cps-smpp 640", "keys/default.jwk": "root:cps-smpp 640"}.items():  # fmt: skip
        got = run(f"stat -c '%U:%G %a' /etc/stir-cps/{path}").strip()
        assert got == wanted, f"{path}: {got}, not {wanted}"
    print("ok  N1: owners and modes")


@contextlib.contextmanager
def edited(path, change):
    """A file of the Debian that is another one for a while."""
    before = get(path)
    put(path, change(before))
    try:
        yield
    finally:
        put(path, before)


def journal_end():
    return re.search(r"-- cursor: (.*)", run("journalctl --quiet -n 1 -o cat --show-cursor"))[1]


def until_said(unit, cursor, *words):
    """Waits until the journal of a unit has these words, after what it had before."""
    show = f"journalctl --quiet -o cat --after-cursor='{cursor}' -u {unit}"
    until(lambda: all(word in run(show) for word in words), f"{unit} says {words}")


def fails_and_says(command, unit, *words):
    cursor = journal_end()
    fails(f"systemctl {command} {unit}")
    until_said(unit, cursor, *words)


def pid_of(unit):
    return run(f"systemctl show --value -p MainPID {unit}").strip()


def check_failures():
    """A start that fails is said, with the reason."""
    for unit, conf in ("cpsd", "cpsd"), ("cps-smpp", "cps-smpp"), ("cps-smpp@smsc", "cps-smpp-smsc"):
        run(f"systemctl stop {unit}")
        with edited(f"/etc/stir-cps/{conf}.conf", lambda text: text + "[nonsense]\nkey = 1\n"):
            fails_and_says("start", unit, "nonsense")
        run(f"systemctl reset-failed {unit}; systemctl start {unit}")
    print("ok  N1: systemctl start with a wrong configuration fails and says why")
    run("systemctl stop cps-smpp")
    with edited("/etc/stir-cps/cps-smpp.conf", lambda text: text.replace("127.0.0.1:2775", "127.0.0.1:2776")):
        fails_and_says("start", "cps-smpp", "cannot listen on 127.0.0.1:2776")
    run("systemctl reset-failed cps-smpp; systemctl start cps-smpp")
    print("ok  N1: systemctl start with a taken port fails and says why")


def check_reloads():
    """N12: a mistake makes the reload fail, and nothing changes."""
    for unit, conf in ("cpsd", "cpsd"), ("cps-smpp", "cps-smpp"), ("cps-smpp@smsc", "cps-smpp-smsc"):
        process = pid_of(unit)
        with edited(f"/etc/stir-cps/{conf}.conf", lambda text: text + "[log]\nlevel = verbose\n"):
            fails_and_says("reload", unit, "level")
        assert run(f"systemctl is-active {unit}").strip() == "active"
        run(f"systemctl reload {unit}")
        assert pid_of(unit) == process, unit
    print("ok  N12: systemctl reload with a mistake fails and changes nothing")


def check_unreadable_key():
    run("chmod 0600 /etc/stir-cps/sti.key")
    fails_and_says("reload", "cps-smpp", "/etc/stir-cps/sti.key", "Permission denied")
    run("systemctl stop cps-smpp")
    fails_and_says("start", "cps-smpp", "/etc/stir-cps/sti.key", "Permission denied")
    run("chmod 0640 /etc/stir-cps/sti.key; systemctl reset-failed cps-smpp; systemctl start cps-smpp")
    print("ok  N1: a key that cannot be read is said")


def check_directories(day):
    """What the units let the daemons write to is where deploy/README.md says: spool, judged messages, logs."""
    put("/etc/stir-cps/cps-smpp-smsc.conf.d/log.conf", "[log]\njudged = /var/log/cps-smpp/smsc/judged.log\n")
    put("/etc/stir-cps/cpsd.conf.d/log.conf", "[log]\nfile = /var/log/cpsd/cpsd.log\n")
    cursor = journal_end()
    run("systemctl reload cps-smpp@smsc; systemctl reload cpsd")
    until_said("cps-smpp@smsc", cursor, "are in use")
    day.send("A message for the file")
    judged = until(lambda: run("cat /var/log/cps-smpp/smsc/judged.log"), "a judged line in the file")
    until(lambda: os.path.exists(f"{ROOT}/var/log/cpsd/cpsd.log"), "cpsd has opened its log file")
    assert json.loads(judged.splitlines()[0])["verdict"] == "passed", judged
    run("test -s /var/lib/cps-smpp/spool.db && test -e /var/lib/cps-smpp/smsc/repeats")
    print("ok  N1: spool, judged file and log file are written")


def check_stop():
    for unit in "cps-smpp@smsc", "cps-smpp", "cpsd":
        run(f"systemctl stop {unit}")
        got = run(f"systemctl show --value -p Result {unit}").strip()
        assert got == "success", f"{unit}: {got}"
    print("ok  N1: all stop in order")


def check_packages():
    """N16 with systemd: what was enabled is so, and runs, after remove and install; an upgrade restarts what runs."""
    units, files = ["cpsd", "cps-smpp", "cps-smpp@smsc"], "/root/cpsd_*.deb /root/cps-smpp_*.deb"
    run("systemctl reset-failed")  # and forget the starts before, of which only some are allowed in 10 s
    for unit in units:
        run(f"systemctl enable --now {unit}")
    before = [pid_of(unit) for unit in units]
    run(f"dpkg --install {files}")
    after = [pid_of(unit) for unit in units]
    assert all(new not in ("0", old) for old, new in zip(before, after, strict=True)), (before, after)
    run("dpkg --remove cpsd cps-smpp")
    assert run("systemctl is-active " + " ".join(units), None).split() == ["inactive"] * 3
    run(f"dpkg --install {files}")
    assert run("systemctl is-enabled " + " ".join(units)).split() == ["enabled"] * 3
    assert run("systemctl is-active " + " ".join(units)).split() == ["active"] * 3
    run("dpkg --remove cpsd cps-smpp")
    print("ok  N16: what was enabled is enabled and runs again after remove and install; an upgrade restarts it")


def table(day):
    """The table of the first day: each row with what was done up to there."""
    titles = [title for title, *_ in day.steps]
    rows = []
    if seconds := os.environ.get("FIRST_DAY_DEMO_S"):
        rows.append(("(a) the demo's verdicts", 1, 0, float(seconds), "deploy/demo.sh"))
    kannel = titles.index("Put it in front of Kannel") + 1
    for name, until_step in ("(b) Kannel's first signed message", kannel), ("(c) a verdict at an SMSC", len(titles)):
        done = day.steps[:until_step]
        rows.append((name, sum(s[1] for s in done), sum(s[2] for s in done), sum(s[3] for s in done),
                     "the documents up to " + done[-1][0]))  # fmt: skip
    print(f"\n| from a fresh Debian {os.environ.get('FIRST_DAY_DEBIAN', '12')} to | commands | files | seconds | what is typed |\n|---|---|---|---|---|")
    for title, commands, files, seconds in day.steps:
        print(f"| {title} | {commands} | {files} | {seconds:.1f} | that section |")
    for name, commands, files, seconds, typed in rows:
        print(f"| {name} | {commands} | {files} | {seconds:.1f} | {typed} |")
        assert seconds < 600, f"{name} takes longer than ten minutes"


def main():
    day = Day()
    try:
        for title in "Install", "What else you need", "The CPS, with Redis":
            day.follow(title)
        day.have_kannel()
        day.follow("Put it in front of Kannel", day.before_kannel_block)
        day.follow("Put it in front of an SMSC", day.before_smsc_block)
        check_documents()
        check_modes()
        check_directories(day)
        check_reloads()
        check_unreadable_key()
        check_failures()
        check_stop()
        check_packages()
        table(day)
    except BaseException:
        print(run("journalctl --no-pager -o short-precise -n 60; cat /var/log/kannel/bearerbox.log 2>/dev/null | tail -n 15",
                  None))  # fmt: skip
        raise


main()
