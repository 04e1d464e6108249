# SPDX-License-Identifier: MIT
"""Starts what a test needs and stops exactly that: cpsd, redis-server, certificates, all below one temporary
directory. The programs come from $BUILD_DIR (build/dev)."""
import atexit
import contextlib
import glob
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import wire
from wire import PATIENCE_S, Wire, until

HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("BUILD_DIR", os.path.join(HOME, "build", "dev")))
CPSD = os.path.join(BUILD, "cps", "cpsd")
CPSCTL = os.path.join(BUILD, "client", "cpsctl")
NOISE = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|Assertion")


def _sanitized():
    with contextlib.suppress(OSError), open(os.path.join(BUILD, "CMakeCache.txt")) as cache:
        return bool(re.search(r"^CPS_SANITIZE:\w+=\w", cache.read(), re.M))
    return False


SANITIZED = _sanitized()
if "TSAN_OPTIONS" not in os.environ:
    os.environ["TSAN_OPTIONS"] = "suppressions=" + os.path.join(HOME, "tests", "tsan.supp")
SLOW = 5 if SANITIZED else 1  # what a time limit of a test is multiplied by


def run(*command, status=0, **options):
    """Runs a program to its end; fails with what it printed unless it exits with `status`."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, **options)
    if status is not None and done.returncode != status:
        raise AssertionError(
            f"{' '.join(command)}: exit {done.returncode}, not {status}\n{done.stdout.decode(errors='replace')}"
            f"{done.stderr.decode(errors='replace')}"
        )
    return done


_reserved = []  # sockets whose names keep other processes from the ports of this one


def reserve_port(port):
    """True if nobody has the port; it then belongs to this process until it ends, whether or not anything listens."""
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0stir-cps-test-port-{port}")
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", port))
    except OSError:
        name.close()
        return False
    _reserved.append(name)
    return True


def free_port():
    """A port for a server that starts later, or stops and starts again. It is below those that the kernel gives to
    connections and to servers on port 0, so that nobody takes it meanwhile."""
    while not reserve_port(port := random.SystemRandom().randrange(20000, 32000)):
        pass
    return port


def make_certificate(directory, name, hosts="DNS:localhost,IP:127.0.0.1"):
    """A server's certificate that is its own root. Returns the paths of certificate and key."""
    cert, key = os.path.join(directory, name + ".pem"), os.path.join(directory, name + ".key")
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
        "-subj", "/CN=" + name, "-addext", "subjectAltName=" + hosts,
        "-keyout", key, "-out", cert)  # fmt: skip
    return cert, key


_started = []


def _kill_all(signum=None, frame=None):
    for process in _started:
        process.kill()
    if signum:
        os._exit(128 + signum)


atexit.register(_kill_all)
signal.signal(signal.SIGTERM, _kill_all)


class Process:
    """A program in the background, its output in a file."""

    def __init__(self, command, log, env=None):
        self.command, self.log_path = command, log
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, **(env or {})}
            )
        _started.append(self)

    @property
    def pid(self):
        return self.process.pid

    def log_is_written(self):
        """True unless the thread that writes the log has something to write: it sleeps then."""
        for stat in glob.glob(f"/proc/{self.pid}/task/*/stat"):
            with contextlib.suppress(OSError), open(stat) as text:
                name, state = re.search(r"\((.*)\) (\w)", text.read()).groups()
                if name == "log-writer":
                    return state == "S"
        return True

    def log(self):
        end = time.monotonic() + 5
        while not self.log_is_written() and time.monotonic() < end:
            time.sleep(0.001)
        with open(self.log_path, errors="replace") as text:
            return text.read()

    def running(self):
        return self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds):
        """Its exit status. However short `seconds` is, a busy machine is given PATIENCE_S."""
        seconds = max(seconds, PATIENCE_S)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.command[0]} did not end within {seconds} s:\n{self.log()}") from None

    def kill(self):
        if self.running():
            self.process.kill()
            self.process.wait(PATIENCE_S)


class Redis(Process):
    """A redis-server of the test's own, on a unix socket and, if asked, on a port of the loopback interface."""

    def __init__(self, directory, tcp=False, options=()):
        self.directory = os.path.join(directory, "redis")
        os.makedirs(self.directory, exist_ok=True)
        self.socket = os.path.join(self.directory, "redis.sock")
        self.port = free_port() if tcp else 0
        self.options = list(options)
        self.url = f"redis://127.0.0.1:{self.port}" if tcp else f"redis+unix://{self.socket}"
        self.start()

    def start(self):
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--unixsocket", self.socket,
                   "--save", "", "--dir", self.directory, "--logfile", "", *self.options]  # fmt: skip
        super().__init__(command, os.path.join(self.directory, "redis.log"))
        until(self.answers, 20, "redis-server answers")

    def answers(self):
        if not self.running():
            raise AssertionError("redis-server ended:\n" + self.log())
        try:
            with RedisClient(self.socket) as client:
                return client.call("PING") == b"PONG"
        except (OSError, RedisError):
            return False

    def client(self):
        return RedisClient(self.socket)

    def stop(self):
        if self.running():
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            self.wait(20)


class RedisError(Exception):
    pass


class RedisClient:
    """As much of RESP as a test needs."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        try:
            self.sock.connect(path)
        except OSError:
            self.sock.close()
            raise
        self.file = self.sock.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.sock.close()

    def call(self, *words):
        words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        self.sock.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        return self.reply()

    def reply(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise RedisError("closed")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self.reply() for _ in range(int(rest))]
        return int(rest) if kind == b":" else rest

    def everything(self):
        """All keys and values, as octets. DUMP would compress: values are read by their type."""
        octets = []
        readers = {
            b"string": lambda k: [self.call("GET", k)],
            b"hash": lambda k: self.call("HGETALL", k),
            b"list": lambda k: self.call("LRANGE", k, 0, -1),
            b"set": lambda k: self.call("SMEMBERS", k),
            b"zset": lambda k: self.call("ZRANGE", k, 0, -1, "WITHSCORES"),
            b"stream": lambda k: [repr(self.call("XRANGE", k, "-", "+")).encode()],
        }
        readers[b"none"] = lambda k: []  # it has expired since
        for key in self.call("KEYS", "*"):
            octets += [key, *readers[self.call("TYPE", key)](key)]
        return b"\n".join(o for o in octets if o)


class Tap:
    """A TCP proxy that keeps all that goes through it, both ways."""

    def __init__(self, port):
        self.target, self.octets, self.sockets = ("127.0.0.1", port), bytearray(), []
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def close(self):
        with contextlib.suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR)  # the thread that accepts ends, before its descriptor is another's
        self.thread.join(PATIENCE_S)
        for sock in [self.server, *self.sockets]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                one = self.server.accept()[0]
                other = socket.create_connection(self.target)
                self.sockets += [one, other]
                for pair in ((one, other), (other, one)):
                    threading.Thread(target=self._copy, args=pair, daemon=True).start()

    def _copy(self, source, sink):
        with contextlib.suppress(OSError):
            while octets := source.recv(65536):
                self.octets += octets
                sink.sendall(octets)
            sink.shutdown(socket.SHUT_WR)


class Daemon(Process):
    """cpsd or cps-smpp, ready, with a directory of its own. `keys` are configuration keys: {"store__ttl_default_s": 2},
    or with a dot. `under` is a command that runs it."""

    program = None

    def __init__(self, directory, name, keys, under=()):
        self.directory, self.keys, self.terminated = os.path.join(directory, name), keys, False
        self.name = os.path.basename(self.program)
        os.makedirs(self.directory, exist_ok=True)
        self.config = os.path.join(self.directory, self.name + ".conf")
        self.write_config()
        super().__init__([*under, self.program, "-c", self.config], os.path.join(self.directory, "log"))
        try:
            until(self._ready, 20 * SLOW, name + " is ready")
        except AssertionError:
            self.kill()
            raise

    def write_config(self):
        sections = {}
        for name, value in self.keys.items():
            section, key = name.replace("__", ".").split(".")
            sections.setdefault(section, []).append(f"{key} = {value}\n")
        with open(self.config + ".new", "w") as out:
            for section, lines in sections.items():
                out.write(f"[{section}]\n" + "".join(lines))
        os.replace(self.config + ".new", self.config)

    def _ready(self):
        assert self.running(), f"{self.name} ended with {self.process.returncode}:\n{self.log()}"
        return "ready:" in self.log()

    def log(self):
        """What it wrote to standard error, then what is in its log file, if it has one."""
        text, path = super().log(), self.keys.get("log.file") or self.keys.get("log__file")
        if path and os.path.isfile(path):
            with open(path, errors="replace") as file:
                text += file.read()
        return text

    def _listening(self, words):
        """The address and port that it said it listens on, if it did."""
        found = re.search(words + r"([0-9.]*)\S*:(\d+)", self.log())
        return (found[1], int(found[2])) if found else (None, None)

    def reload(self, **keys):
        """Writes the configuration anew, sends SIGHUP and returns what was logged of it."""
        self.keys.update(keys)
        self.write_config()
        seen = len(self.log())
        self.signal(signal.SIGHUP)
        end = re.compile(r"reload: (configuration and certificates? (is|are) in use|nothing is changed|failed, )")
        until(lambda: end.search(self.log()[seen:]), 20 * SLOW, self.name + " has reloaded")
        return self.log()[seen:]

    def resident_kb(self):
        with open(f"/proc/{self.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])

    def terminate(self):
        """SIGTERM, once: a second one would end it on the spot."""
        if not self.terminated:
            self.terminated = True
            self.signal(signal.SIGTERM)

    def stop(self, seconds=30):
        """Sends SIGTERM; it must end with 0 and without a report of a sanitizer or an assertion."""
        if self.running():
            self.terminate()
        status = self.wait(seconds * SLOW)
        noise = NOISE.search(self.log())
        assert status == 0 and not noise, f"{self.name} ended with {status}:\n{self.log()[-8000:]}"


class Cpsd(Daemon):
    """A cpsd on free ports. `keys` are configuration keys: store__ttl_default_s=2. `under` is a command that runs it."""

    program = CPSD

    def __init__(self, directory, name="cpsd", certificate=None, under=(), **keys):
        own = os.path.join(directory, name)
        os.makedirs(own, exist_ok=True)
        self.ca, self.key = certificate or make_certificate(own, "server")
        defaults = {
            "server.listen": "127.0.0.1:0",
            "admin.listen": "127.0.0.1:0",
            "server.certificate": self.ca,
            "server.private_key": self.key,
            "server.workers": 2,
            "policy.publish": "open",
        }
        super().__init__(directory, name, defaults | self._dotted(keys), under)
        self.address = self._listening(r"listening on https://")
        self.plain = self._listening(r"listening on http://")
        self.admin = self._listening(r"admin on http://")
        self.tls = wire.tls_context(self.ca)
        self.url = "https://localhost:%d" % self.address[1]

    @staticmethod
    def _dotted(keys):
        return {name.replace("__", "."): value for name, value in keys.items()}

    def wait_for_store(self):
        """A cpsd that got no processor for a second while it connected to Redis serves before it is connected."""
        if "no connection in time" in self.log():
            workers = self.keys["server.workers"]
            until(lambda: self.metrics()["cpsd_store_connections"] >= workers, 20, "the store is connected")

    def connect(self, **options):
        return Wire(self.address, self.tls, **options)

    def request(self, method, path, body=None, fields=()):
        with self.connect() as connection:
            return connection.request(method, path, body, fields)

    def publish(self, dest, envelope, query=""):
        return self.request("POST", f"/cps/{dest}/ppts{query}", envelope)

    def admin_request(self, path, method="GET"):
        with Wire(self.admin) as connection:
            return connection.request(method, path)

    def metrics(self):
        """{'cpsd_stored_total': 1.0, 'cpsd_requests_total{route="list",status="200"}': 2.0, ...}"""
        text = self.admin_request("/metrics").body.decode()
        lines = [line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#")]
        return {name: float(value) for name, value in lines}

    def reload(self, **keys):
        return super().reload(**self._dotted(keys))

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat") as stat:
            numbers = stat.read().rsplit(")", 1)[1].split()
        return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


# A store that is there is waited for as long as a test waits for anything: a Redis that gets no processor for a second
# is no outage. Tests of outages set the time themselves.
PATIENT = {"store__timeout_ms": 20000}


class Case(unittest.TestCase):
    """Everything that a test starts is stopped when it ends, passed or failed."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="cps-")
        cls.addClassCleanup(shutil.rmtree, cls.dir)

    @classmethod
    def class_cpsd(cls, **keys):
        server = Cpsd(cls.dir, **{**PATIENT, **keys})
        cls.addClassCleanup(server.kill)
        cls.addClassCleanup(server.stop)
        server.wait_for_store()
        return server

    @classmethod
    def class_redis(cls, **options):
        redis = Redis(cls.dir, **options)
        cls.addClassCleanup(redis.kill)
        cls.addClassCleanup(redis.stop)
        return redis

    def temp(self):
        directory = tempfile.mkdtemp(dir=self.dir)
        return directory

    def cpsd(self, **keys):
        server = Cpsd(self.temp(), **{**PATIENT, **keys})
        self.addCleanup(server.kill)
        self.addCleanup(server.stop)
        server.wait_for_store()
        return server

    def redis(self, **options):
        redis = Redis(self.temp(), **options)
        self.addCleanup(redis.kill)
        self.addCleanup(redis.stop)
        return redis

    def assertProblem(self, answer, status, word=""):
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.type, "application/problem+json", answer)
        problem = answer.json()
        self.assertEqual(problem["status"], status)
        self.assertTrue(problem["title"].strip(), answer)
        self.assertIn(word, problem["title"] + " " + problem.get("detail", ""))
        if status in (429, 503):
            self.assertGreaterEqual(int(answer.get("Retry-After")), 1)

    def assertLogged(self, words, daemon, seen=0):
        """Its log has these words after the first `seen` characters, or will have: what a client sees of an event may
        come before its line."""
        until(lambda: words in daemon.log()[seen:], 20, f"{words!r} in the log of {daemon.command[0]}")

    def waiting(self, server, count=1):
        """Waits until this many requests with Prefer: wait are held."""
        until(lambda: server.metrics()["cpsd_waiters"] >= count, 20, f"{count} wait")
