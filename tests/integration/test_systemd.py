# SPDX-License-Identifier: MIT
"""What the daemons tell systemd, and the sockets that cpsd takes from it."""
# presets: dev asan
import os
import pathlib
import re
import shlex
import signal
import socket
import sys
import time

import smpp
from envelope import envelope
from harness import CPSD, HOME, SLOW, Case, make_certificate, run
from wire import Wire, until

# Does what systemd does for a unit with sockets: "name kind" each, kind tcp, file, or closed; then becomes the command.
ACTIVATE = """
import os, socket, sys
sockets, command = sys.argv[1].split(","), sys.argv[2:]
kept = []
for fd in range(3, 12):
    try:
        os.close(fd)
    except OSError:
        pass
for word in sockets:
    name, kind = word.split(" ")
    if kind == "file":
        kept.append(open("/dev/null"))
        continue
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    if kind == "tcp":
        sock.listen()
    kept.append(sock)
for place, thing in enumerate(kept):
    assert thing.fileno() == 3 + place, thing
    os.set_inheritable(thing.fileno(), True)
names = ":".join(word.split(" ")[0] for word in sockets)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(kept)), LISTEN_FDNAMES=names)
os.execv(command[0], command)
"""


def activate(*sockets):
    return [sys.executable, "-I", "-c", ACTIVATE, ",".join(sockets)]


class Manager:
    """The end of $NOTIFY_SOCKET that systemd has."""

    def __init__(self, path):
        self.path = path
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(path if path[0] == "/" else "\0" + path[1:])
        self.heard = []

    def hear(self, seconds):
        """Returns the messages that arrived within this many seconds, in order."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.sock.settimeout(left)
            try:
                self.heard.append(self.sock.recv(4096).decode())
            except TimeoutError:
                break
        return self.heard

    def until(self, state, seconds=20 * SLOW):
        until(lambda: any(state in text.split("\n") for text in self.hear(0.05)), seconds, f"systemd hears {state}")

    def close(self):
        self.sock.close()


class Notify(Case):
    def manager(self, path):
        manager = Manager(path)
        self.addCleanup(manager.close)
        return manager

    def test_life(self):
        manager = self.manager(os.path.join(self.temp(), "notify"))
        server = self.cpsd(under=["env", f"NOTIFY_SOCKET={manager.path}"])
        manager.until("READY=1")
        manager.heard.clear()
        server.reload()
        manager.until("READY=1")
        first = manager.heard[0].split("\n")
        self.assertEqual(first[0], "RELOADING=1")
        self.assertRegex(first[1], r"^MONOTONIC_USEC=\d+$")
        self.assertLess(abs(int(first[1][15:]) / 1e6 - time.clock_gettime(time.CLOCK_MONOTONIC)), 20 * SLOW)
        manager.heard.clear()
        server.reload(store__ttl_default_s="never")
        manager.until("STATUS=The last reload failed; the previous configuration stays in use")
        self.assertIn("READY=1", manager.heard[-1].split("\n"))
        manager.heard.clear()
        server.stop()
        manager.until("STOPPING=1")
        self.assertNotIn("WATCHDOG=1", manager.heard)

    def test_abstract(self):
        manager = self.manager(f"@cps-test-{os.getpid()}")
        server = self.cpsd(under=["env", f"NOTIFY_SOCKET={manager.path}"])
        manager.until("READY=1")
        server.stop()

    def test_watchdog(self):
        manager = self.manager(os.path.join(self.temp(), "notify"))
        server = self.cpsd(under=["env", f"NOTIFY_SOCKET={manager.path}", "WATCHDOG_USEC=2000000"])
        manager.until("WATCHDOG=1")
        # stopped and gone on: the process is there, but its loops had no turn
        server.signal(signal.SIGSTOP)
        manager.hear(0.1)
        manager.heard.clear()
        self.assertEqual(manager.hear(2.2), [])
        server.signal(signal.SIGCONT)
        manager.until("WATCHDOG=1")
        server.stop()

    def test_watchdog_that_is_not_ours(self):
        manager = self.manager(os.path.join(self.temp(), "notify"))
        for words in ["WATCHDOG_PID=1", "WATCHDOG_USEC=0", "WATCHDOG_USEC=-1"]:
            with self.subTest(words):
                server = self.cpsd(
                    name="other", under=["env", f"NOTIFY_SOCKET={manager.path}", "WATCHDOG_USEC=2000000", words]
                )
                manager.heard.clear()
                self.assertNotIn("WATCHDOG=1", manager.hear(1.6))
                server.stop()

    def test_nobody_listens(self):
        for path in ["/nowhere/at/all", "relative", "/" + "x" * 200]:
            with self.subTest(path):
                server = self.cpsd(name="deaf", under=["env", f"NOTIFY_SOCKET={path}"])
                self.assertEqual(server.admin_request("/health").status, 200)
                server.stop()


class NotifySidecar(smpp.Case):
    """N1: systemd knows whether cps-smpp runs."""

    def setUp(self):
        super().setUp()
        self.manager = Manager(os.path.join(self.temp(), "notify"))
        self.addCleanup(self.manager.close)

    def notifying(self, *words, **keys):
        return self.start_sidecar(1, under=["env", f"NOTIFY_SOCKET={self.manager.path}", *words], **keys)

    def test_n01_life(self):
        manager, server = self.manager, self.notifying()
        manager.until("READY=1")
        self.assertLogged("ready: peer", server)
        manager.heard.clear()
        server.reload()
        manager.until("READY=1")
        self.assertRegex(manager.heard[0], r"^RELOADING=1\nMONOTONIC_USEC=\d+$")
        manager.heard.clear()
        server.reload(timeouts__bind_s="never")
        manager.until("STATUS=The last reload failed: nothing was changed")
        self.assertIn("READY=1", manager.heard[-1].split("\n"))
        manager.heard.clear()
        server.stop()
        manager.until("STOPPING=1")
        self.assertNotIn("WATCHDOG=1", manager.heard)

    def test_n01_watchdog(self):
        server = self.notifying("WATCHDOG_USEC=400000")
        self.manager.until("WATCHDOG=1")
        server.stop()

    def test_n01_not_ready_without_its_port(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            done = run("env", f"NOTIFY_SOCKET={self.manager.path}", smpp.SIDECAR,
                       "-o", f"listen.address=127.0.0.1:{taken.getsockname()[1]}", "-o", "admin.listen=", status=1)  # fmt: skip
        self.assertIn("cannot listen on", done.stderr.decode())
        self.assertNotIn("READY=1", "\n".join(self.manager.hear(0.1)).split("\n"))


class Reload(Case):
    def reload(self, server, program):
        """Does what the unit's ExecReload lines say, one after another, up to one that fails. Returns the status."""
        unit = pathlib.Path(HOME, "deploy/systemd", f"{program}.service").read_text()
        commands = re.findall(r"(?m)^ExecReload=(.*)$", unit)
        self.assertGreater(len(commands), 1)
        for command in commands:
            command = command.replace(f"/usr/sbin/{program}", CPSD).replace(f"/etc/stir-cps/{program}.conf", server.config)
            done = run(*shlex.split(command.replace("$MAINPID", str(server.pid))), status=None)
            if done.returncode:
                return done.returncode, done.stderr.decode()
        return 0, ""

    def test_n12_a_mistake_fails_and_changes_nothing(self):
        server = self.cpsd(store__ttl_default_s=7)
        server.keys["store.ttl_default_s"] = "never"
        server.write_config()
        status, said = self.reload(server, "cpsd")
        self.assertEqual(status, 2)
        self.assertIn("ttl_default_s: must be a whole number", said)
        self.assertNotIn("reload:", server.log())
        self.assertEqual(server.publish("12", envelope()).status, 201)
        server.keys["store.ttl_default_s"] = "8"
        server.write_config()
        self.assertEqual(self.reload(server, "cpsd"), (0, ""))
        until(lambda: "are in use" in server.log(), 20 * SLOW, "it has reloaded")

    def test_units_check_first(self):
        for program in ("cpsd", "cps-smpp", "cps-smpp@"):
            unit = pathlib.Path(HOME, "deploy/systemd", f"{program}.service").read_text()
            check = re.search(r"(?m)^ExecStartPre=(.* -t .*)$", unit)[1]
            self.assertEqual(re.findall(r"(?m)^ExecReload=(.*)$", unit), [check, "/bin/sh -c 'kill -HUP $MAINPID'"])


    def test_n01_instances(self):
        """The unit of instances is that of the one sidecar, with names of its own."""
        one, several = (pathlib.Path(HOME, "deploy/systemd", name).read_text().splitlines()
                        for name in ("cps-smpp.service", "cps-smpp@.service"))  # fmt: skip
        several = [line for line in several if not line.startswith("#")]
        own = [line for line in several if "%i" in line]
        self.assertEqual([re.sub(r"[/-]%i| \(%i\)", "", line) for line in several],
                         [line for line in one if not line.startswith("#")])  # fmt: skip
        self.assertEqual(len([line for line in own if "Directory=cps-smpp" in line]), 3, own)


class Activation(Case):
    def test_all_three(self):
        server = self.cpsd(
            under=activate("https tcp", "admin tcp", "http tcp", "https tcp"), policy__publish="open",
            server__listen="127.0.0.1:1", admin__listen="127.0.0.1:1", server__workers=2
        )  # fmt: skip
        found = re.findall(r"(listening|admin) on (https?)://([0-9.]+):(\d+)", server.log())
        self.assertEqual([words[:2] for words in found],
                         [("listening", "https"), ("listening", "https"), ("listening", "http"), ("admin", "http")])  # fmt: skip
        for kind, scheme, host, port in found[:3]:
            with Wire((host, int(port)), server.tls if scheme == "https" else None) as connection:
                answer = connection.request("POST", "/cps/12025550100/ppts", envelope())
                self.assertEqual(answer.status, 201, answer)
        self.assertEqual(server.admin_request("/health").status, 200)
        server.stop()

    def test_some(self):
        server = self.cpsd(under=activate("admin tcp"))
        self.assertEqual(server.admin_request("/health").status, 200)
        self.assertEqual(server.request("GET", "/health").status, 200)
        server.stop()

    def test_not_ours(self):
        """LISTEN_PID names another process: the sockets are not meant for this one."""
        server = self.cpsd(under=["env", "LISTEN_PID=1", "LISTEN_FDS=3", "LISTEN_FDNAMES=https:http:admin"])
        self.assertEqual(server.admin_request("/health").status, 200)
        server.stop()

    def test_refused(self):
        cert, key = make_certificate(self.dir, "refused")
        tls = ["-o", "server.listen=127.0.0.1:0", "-o", f"server.certificate={cert}", "-o", f"server.private_key={key}"]
        plain = ["-o", "server.listen=", "-o", "server.listen_plain=127.0.0.1:0"]
        for sockets, options, *words in [
            (["web tcp"], tls, '"web"', "FileDescriptorName=", "https, http or admin"),
            (["admin tcp", "admin tcp"], tls, '"admin"', "once"),
            (["https file"], tls, "descriptor 3 (https)", "not a stream socket"),
            (["admin closed"], tls, "descriptor 3 (admin)", "does not listen"),
            (["https tcp"], plain, "https", "certificate", "private_key"),
        ]:  # fmt: skip
            with self.subTest(sockets):
                done = run(*activate(*sockets), CPSD, "-o", "admin.listen=", "-o", "policy.publish=open", *options, status=None)
                said = done.stderr.decode().splitlines()[-1]
                self.assertEqual(done.returncode, 2, said)
                for word in words:
                    self.assertIn(word, said)
