# SPDX-License-Identifier: MIT
"""See attack.sh."""
import argparse
import base64
import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "integration")]

from attack_ways import WAYS
from envelope import envelope
from harness import BUILD, CPSCTL, Process, free_port, run
from sti import Cert
from token_case import TokenCase, body_digest
from wire import Wire, request, until

X5U = "https://cert.example.org/{}.pem"
VICTIM = "12000009999"  # to whom the legitimate client publishes, too
HELD = "12000000001"  # belongs to the hostile provider, and the legitimate client publishes to it
BOXES = 20000  # destinations of the legitimate client, from 12000000000 on
FULL = 60  # envelopes of 4,096 octets that are in the victim's box
CONNECTIONS = 32
OCTETS = 905  # of an envelope with 512 octets of plaintext
CAPACITY_COUNT = 20000  # publishes by which the capacity is measured
PROBES_PER_S = 4
FLOOR_MS = 50.0  # a latency below it never fails
TIMES = 5  # a latency below TIMES its quiet value does not, either
GROUPS = ["X25519", "P-256", "P-384", "P-521", "X448", "ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192"]

CONFIGS = {
    "default": {},
    "open": {"policy__publish": "open", "policy__atis_publish": "open"},
    "x5u": {"auth__x5u_allow_private": "yes"},
    "provider": {"feeds__enabled": "yes", "limits__publish_by_spc": 100000, "policy__feed": "holder"},
}


class Failure(Exception):
    """The legitimate client did not get its answers."""


def percentile(values, of_100):
    return sorted(values)[max(0, -(-len(values) * of_100 // 100) - 1)] if values else float("inf")


def record_hello(directory, group):
    """The ClientHello that offers this group alone, as OpenSSL sends it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = ["openssl", "s_client", "-connect", "127.0.0.1:%d" % server.getsockname()[1], "-groups", group, "-tls1_3"]
        client = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with server.accept()[0] as connection:
                hello = b""
                while len(hello) < 5 or len(hello) < 5 + int.from_bytes(hello[3:5], "big"):
                    hello += connection.recv(65536)
        finally:
            client.kill()
            client.wait()
    return hello.hex()


class Probe(threading.Thread):
    """A legitimate client that connects anew for each publish. Latencies in ms, of those that were answered 201."""

    def __init__(self, world, server):
        super().__init__(daemon=True)
        self.world, self.server, self.over = world, server, threading.Event()
        self.latencies, self.failures = [], []

    def run(self):
        while not self.over.wait(1 / PROBES_PER_S):
            begin = time.monotonic()
            try:
                status = self.world.publish(self.server)
            except Exception as error:  # in any case the client was not served
                status = repr(error)
            if status == 201:
                self.latencies.append((time.monotonic() - begin) * 1000)
            else:
                self.failures.append(status)

    def end(self):
        self.over.set()
        self.join()


class World(TokenCase):
    """Certificates, keys, configurations, one cpsd at a time."""

    def runTest(self):
        """For unittest, which does not run this."""

    def begin(self, options):
        self.options = options
        self.hostile = Cert("hostile", self.inter, "spc:5678")
        self.certs = self.temp()
        for cert in (self.sp, self.hostile):
            name = hashlib.sha256(X5U.format(cert.name).encode()).hexdigest() + ".pem"
            self.file(os.path.join(self.certs, name), cert.chain_pem)
        self.sp_files, self.hostile_files = self.sp.write(self.temp()), self.hostile.write(self.temp())
        self.table = self.file("numbers.csv", b"1200000,5678\n12135550100,1234\n")
        self.port = free_port()
        self.quiet = {}
        self.material = self.make_material()

    def make_material(self):
        public = self.path_of("public.jwk")
        run(CPSCTL, "keygen", "--out", self.path_of("box.jwk"), "--public", public)
        record = run(CPSCTL, "keys", "make", "--spc", "5678", "--key", self.hostile_files[1], "--cert", self.hostile_files[0],
                     "--to", public).stdout.decode().strip()  # fmt: skip

        def x5c(cert):
            return [base64.b64encode(one.der).decode() for one in cert.chain or [cert]]

        inters = [Cert(f"Odd {i}", self.root, ca=True) for i in range(10)]
        return {
            "address": [self.options.address, self.port], "victim": VICTIM, "held": HELD, "slow": "10.214",
            "hellos": {group: record_hello(self.dir, group) for group in GROUPS}, "record": record,
            "x5c": x5c(self.hostile), "public_x5c": x5c(self.sp), "key": self.hostile.key_pem.decode(),
            "odd_chains": [x5c(Cert(f"odd{i}", inters[i % 10], "spc:5678")) for i in range(300)],
        }  # fmt: skip

    def path_of(self, name):
        return os.path.join(self.dir, name)

    # -- the server and its legitimate clients --

    @contextlib.contextmanager
    def serve(self, config):
        redis = self.redis()
        keys = {**self.keys(), "auth__x5u_dir": self.certs, "auth__x5u_allow_private": "no", "auth__x5u_timeout_ms": 3000,
                "auth__max_age_s": 300, "policy__list": "open", "numbers__table": self.table, "store__url": redis.url,
                "server__listen": f"127.0.0.1:{self.port}, {self.options.address}:{self.port}", **CONFIGS[config]}  # fmt: skip
        server = self.cpsd(**keys)
        try:
            yield server
        finally:
            server.kill()
            redis.kill()
            for one in (server, redis):
                shutil.rmtree(os.path.dirname(one.directory), ignore_errors=True)

    def publish(self, server, octets=False):
        """Publishes to the victim's number on a new connection. Where certificates are fetched, this one's has a new URL,
        so that it has to be."""
        body = envelope()
        x5u = X5U.format("sp")
        if self.config == "x5u":
            x5u = self.host.serve(f"/{uuid.uuid4()}.pem", self.sp.chain_pem)
        token = self.token(body, header={"x5u": x5u}, dest={"tn": [VICTIM]}, passports=body_digest(body))
        sent = request("POST", f"/cps/{VICTIM}/ppts?ttl=5", body, {"Authorization": f"Bearer {token}"})
        with Wire(server.address, server.tls, timeout=10) as connection:
            connection.send(sent)
            status = connection.response("POST").status
        return sent.decode() if octets else status

    def fill(self, server):
        """Puts envelopes into the victim's box that stay there."""
        with Wire(server.address, server.tls, timeout=60) as connection:
            for _ in range(FULL):
                body = envelope(4096)
                token = self.token(body, header={"x5u": X5U.format("sp")}, dest={"tn": [VICTIM]}, passports=body_digest(body))
                answer = connection.request("POST", f"/cps/{VICTIM}/ppts?ttl=3600", body, {"Authorization": f"Bearer {token}"})
                self.assertEqual(answer.status, 201, answer)

    def load(self, server, count, rate=None):
        """bench_load, begun: its process, when it has connected."""
        begun = server.metrics()["cpsd_connections"]
        self.first = getattr(self, "first", 0) + 10**9
        command = [os.path.join(BUILD, "tests", "bench_load"), "publish", "--port", str(self.port), "--ca", server.ca,
                   "--connections", str(CONNECTIONS), "--octets", str(OCTETS), "--count", str(count), "--ttl", "5", "--boxes", str(BOXES), "--first",
                   str(self.first), "--token-key", self.sp_files[1], "--token-x5u", X5U.format("sp"), "--token-iss", "1234",
                   "--token-aud", "cps.example.org", *(["--rate", str(rate)] if rate else [])]  # fmt: skip
        process = Process(command, os.path.join(server.directory, "load"))
        until(lambda: server.metrics()["cpsd_connections"] >= begun + CONNECTIONS or not process.running(), 600, "the load begins")
        return process

    def finish(self, process, seconds):
        try:
            process.process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Failure("the load did not end in time") from None
        said = process.log().strip().splitlines()
        if process.process.returncode != 0:
            raise Failure(said[-1] if said else f"bench_load ended with {process.process.returncode}")
        return json.loads(said[-1])

    # -- measuring --

    def capacity(self):
        self.config = "default"
        with self.serve("default") as server:
            told = [self.finish(self.load(server, CAPACITY_COUNT), 300) for _ in range(3)]
        for one in told:
            self.assertEqual(one["status"], {"201": CAPACITY_COUNT})
        return sorted(one["per_s"] for one in told)[1]

    def measure(self, server, rate, seconds, attacker=None):
        """The legitimate clients for that time, and the attacker beside them."""
        count = int(rate * seconds)
        load = self.load(server, count, rate)
        probe = Probe(self, server)
        probe.start()
        cpu, begin = server.cpu_seconds(), time.monotonic()
        if attacker:
            attacker.go()
        try:
            told = self.finish(load, seconds + 60)
        finally:
            cpu, took = server.cpu_seconds() - cpu, time.monotonic() - begin
            probe.end()
            if attacker:
                attacker.stop()
        return {"good": told["status"].get("201", 0), "count": count, "p99": told["p99_us"] / 1000,
                "new_p90": percentile(probe.latencies, 90), "new": len(probe.latencies), "failures": probe.failures,
                "cpu": cpu / took * 100}  # fmt: skip

    def row(self, name, rate):
        config = WAYS[name][1]
        self.config = config
        if config not in self.quiet:
            with self.serve(config) as server:
                self.quiet[config] = self.measure(server, rate, max(10, self.options.seconds / 4))
        quiet = self.quiet[config]
        with self.serve(config) as server:
            self.fill(server)
            attacker = Attacker(self, name, self.publish(server, octets=True), server.ca)
            try:
                found = self.measure(server, rate, self.options.seconds, attacker)
                why = self.judge(quiet, found)
            except Failure as failure:
                found, why = None, str(failure)
            finally:
                attacker.stop()
            if not server.running():
                why = "cpsd ended: " + server.log()[-300:]
        print_row(name, config, attacker, quiet, found, why)
        return not why

    @staticmethod
    def judge(quiet, found):
        for name, what in (("p99", "p99"), ("new_p90", "p90 with a handshake")):
            limit = max(TIMES * quiet[name], FLOOR_MS)
            if found[name] > limit:
                return f"{what} is {found[name]:.1f} ms, more than {limit:.1f} ms"
        if found["good"] != found["count"]:
            return f"{found['count'] - found['good']} publishes were refused"
        if found["failures"]:
            return f"{len(found['failures'])} new connections were not served: {found['failures'][0]}"
        return ""


class Attacker:
    """The process in the namespace, ready to begin."""

    def __init__(self, world, name, used, server_ca):
        self.path = f"/sys/class/net/{world.options.interface}/statistics/rx_bytes"
        material = world.path_of("material.json")
        with open(material, "w") as out:
            json.dump({**world.material, "used": used, "ca": server_ca}, out)
        command = ["ip", "netns", "exec", world.options.namespace, sys.executable, os.path.join(HERE, "attack_ways.py"), name, material]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.told, self.octets = {}, 0
        if self.process.stdout.readline() != "ready\n":
            raise AssertionError(f"the attacker does not start: {self.process.communicate()[1][-2000:]}")

    def sent(self):
        with open(self.path) as octets:
            return int(octets.read())

    def go(self):
        self.octets = -self.sent()
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def stop(self):
        if self.process.returncode is not None:
            return
        self.octets += self.sent()
        try:
            out, err = self.process.communicate(timeout=60)
            self.told = json.loads(out.splitlines()[-1]) if out.strip() else {"error": err[-500:]}
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            self.told = {"error": "the attacker did not end"}


HEAD = ("| attack | octets sent | connections | answered 2xx, 4xx, 5xx | attacker's CPU s | answers | p99 ms, quiet"
        " / attacked | new connection's p90 ms | cpsd's CPU % | |")  # fmt: skip


def print_row(name, config, attacker, quiet, found, why):
    told = attacker.told
    answered = ", ".join(str(told.get(kind, 0)) for kind in ("2xx", "4xx", "5xx"))
    effect = "| | |"
    if found:
        effect = (f"{found['good']}/{found['count']} + {found['new']}/{found['new'] + len(found['failures'])} | "
                  f"{quiet['p99']:.1f} / {found['p99']:.1f} | {quiet['new_p90']:.1f} / {found['new_p90']:.1f} | "
                  f"{quiet['cpu']:.0f} / {found['cpu']:.0f}")  # fmt: skip
    result = f"FAILS: {why}" if why else "ok"
    if told.get("error"):
        result += f" (attacker: {told['error']})"
    print(f"| {name} | {attacker.octets:,} | {told.get('connections', 0):,} | {answered} | "
          f"{told.get('cpu_s', 0):.1f} | {effect} | {result} |", flush=True)  # fmt: skip


def arguments():
    parser = argparse.ArgumentParser(prog="attack.sh")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--only", default="")
    parser.add_argument("--list", action="store_true")
    for name in ("namespace", "interface", "address"):
        parser.add_argument("--" + name, help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    options = arguments()
    names = [name for name in WAYS if re.search(options.only, name)]
    if options.list:
        print("\n".join(names))
        return 0
    good = True
    World.setUpClass()
    world = World()
    try:
        world.begin(options)
        capacity = world.capacity()
        rate = int(capacity / 4)
        print(f"{capacity:,.0f} publishes per second with a token each at most; the legitimate client sends {rate:,}.\n", flush=True)
        for title, kinds in (("A stranger", ("default", "x5u", "open")), ("A provider with a certificate", ("provider",))):
            chosen = [name for name in names if WAYS[name][1] in kinds]
            if chosen:
                print(f"{title}, {options.seconds:g} s each:\n\n{HEAD}\n|" + "---|" * 10, flush=True)
            for name in chosen:
                good = world.row(name, rate) and good
            print(flush=True)
    finally:
        world.doCleanups()
        World.doClassCleanups()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
