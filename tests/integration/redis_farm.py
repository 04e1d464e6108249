# SPDX-License-Identifier: MIT
"""Redis servers of a test's own on the loopback interface: a cluster of three primaries with a replica each, or a primary
with a replica and three Sentinels."""
import contextlib
import os
import random
import signal
import socket

from harness import Process, RedisClient, RedisError, reserve_port
from wire import until

DURABLE = ["--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction"]


def pair_of_ports():
    """A port whose number plus 10000 is free, too: a cluster's nodes talk to each other there."""
    while True:
        port = random.SystemRandom().randrange(10000, 20000)
        if reserve_port(port) and reserve_port(port + 10000):
            return port


class TcpClient(RedisClient):
    def __init__(self, port, user=None, password=None, timeout=20):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout)
        self.file = self.sock.makefile("rb")
        if password:
            self.call("AUTH", *([user] if user else []), password)


class Server(Process):
    def __init__(self, directory, options=(), sentinel=None, password=None):
        self.port = pair_of_ports()
        self.directory = os.path.join(directory, str(self.port))
        self.password = password
        os.makedirs(self.directory)
        # a file, so that Sentinels can write into it who is whose replica
        path = os.path.join(self.directory, "redis.conf")
        text = f"bind 127.0.0.1\nport {self.port}\ndir {self.directory}\n"
        with open(path, "w") as out:
            out.write(text + (sentinel or 'save ""\n' + " ".join(options).replace(" --", "\n").lstrip("-") + "\n"))
        self.command_line = ["redis-server", path, *(["--sentinel"] if sentinel else [])]
        self.start()

    def start(self):
        super().__init__(self.command_line, os.path.join(self.directory, "log"))
        until(self.answers, 20, "redis-server answers")

    def answers(self):
        if not self.running():
            raise AssertionError("redis-server ended:\n" + self.log())
        try:
            with self.client() as client:
                return client.call("PING") == b"PONG"
        except (OSError, RedisError) as error:
            return "LOADING" in str(error) and False

    def client(self):
        return TcpClient(self.port, password=self.password)

    def call(self, *words):
        with self.client() as client:
            return client.call(*words)

    def stop(self):
        """One that is writing its first file refuses to end, so it is asked again."""

        def asked():
            if self.running():
                self.signal(signal.SIGCONT)
                self.signal(signal.SIGTERM)
            return not self.running()

        until(asked, 20, "redis-server ends", 0.2)


class Farm:
    def __init__(self):
        self.servers = []

    def stop(self):
        for server in self.servers:
            with contextlib.suppress(OSError):
                server.signal(signal.SIGCONT)
            server.kill()

    @property
    def hosts(self):
        return ",".join(f"127.0.0.1:{server.port}" for server in self.seeds)


class Cluster(Farm):
    """servers[0..2] are primaries of a third of the slots each, servers[3..5] their replicas."""

    def __init__(self, directory, options=DURABLE, node_timeout_ms=2000, password=None, replicas=True):
        super().__init__()
        self.password = password
        secret = ["--requirepass", password, "--masterauth", password] if password else []
        node = ["--cluster-enabled", "yes", "--cluster-node-timeout", str(node_timeout_ms), "--repl-diskless-sync-delay",
                "0", *secret, *options]  # fmt: skip
        try:
            for _ in range(6 if replicas else 3):
                self.servers.append(Server(directory, node, password=password))
            self._join(replicas)
        except BaseException:
            self.stop()
            raise
        self.seeds = self.servers

    @property
    def url(self):
        secret = f":{self.password}@" if self.password else ""
        return f"redis+cluster://{secret}{self.hosts}"

    def _join(self, replicas):
        primaries = self.servers[:3]
        for i, server in enumerate(primaries):
            server.call("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
            server.call("CLUSTER", "ADDSLOTSRANGE", 16384 * i // 3, 16384 * (i + 1) // 3 - 1)
        for server in self.servers[1:]:
            server.call("CLUSTER", "MEET", "127.0.0.1", self.servers[0].port)
        until(lambda: all(self._knows_all(server) for server in self.servers), 30, "the nodes know each other")
        if replicas:
            for primary, replica in zip(primaries, self.servers[3:], strict=True):
                replica.call("CLUSTER", "REPLICATE", primary.call("CLUSTER", "MYID"))
            until(lambda: all(self.link_up(replica) for replica in self.servers[3:]), 30, "replicas are in step")
        until(lambda: all(self.info(server)["cluster_state"] == "ok" for server in self.servers), 30, "the cluster is ok")

    def _knows_all(self, server):
        return len(server.call("CLUSTER", "NODES").splitlines()) == len(self.servers)

    @staticmethod
    def link_up(replica):
        return b"master_link_status:up" in replica.call("INFO", "replication")

    @staticmethod
    def info(server):
        lines = server.call("CLUSTER", "INFO").decode().split()
        return dict(line.split(":", 1) for line in lines)

    def is_well(self):
        """Every slot is somebody's, every primary has a replica in step."""
        try:
            for server in self.servers:
                if not server.running() or self.info(server)["cluster_state"] != "ok":
                    return False
                about = server.call("INFO", "replication")
                if b"role:master" in about and b"state=online" not in about:
                    return False
                if b"role:slave" in about and b"master_link_status:up" not in about:
                    return False
        except (OSError, RedisError):
            return False
        return True

    def owner(self, slot):
        for server in self.servers:
            with contextlib.suppress(OSError, RedisError):
                for first, last, primary, *_ in server.call("CLUSTER", "SLOTS"):
                    if first <= slot <= last:
                        return next(s for s in self.servers if s.port == primary[1])
        raise AssertionError(f"nobody has slot {slot}")

    def slot(self, key):
        return self.servers[0].call("CLUSTER", "KEYSLOT", key)

    def move(self, slot, target, between=lambda: None):
        """Moves a slot as redis-cli does; `between` is called while keys are at both."""
        source = self.owner(slot)
        if source is target:
            return
        here, there = source.call("CLUSTER", "MYID"), target.call("CLUSTER", "MYID")
        target.call("CLUSTER", "SETSLOT", slot, "IMPORTING", here)
        source.call("CLUSTER", "SETSLOT", slot, "MIGRATING", there)
        auth = ["AUTH", self.password] if self.password else []
        while True:
            keys = source.call("CLUSTER", "GETKEYSINSLOT", slot, 1)
            if not keys:
                break
            source.call("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, *auth, "KEYS", *keys)
            between()
        for server in (target, source, *self.servers):
            with contextlib.suppress(OSError, RedisError):
                if b"role:master" in server.call("INFO", "replication"):
                    server.call("CLUSTER", "SETSLOT", slot, "NODE", there)


class Sentinels(Farm):
    """servers[0] is the primary at first, then come its replicas, then three Sentinels that call it "cps"."""

    def __init__(self, directory, options=DURABLE, down_after_ms=1000, password=None, failover_ms=5000, replicas=1):
        super().__init__()
        self.password, self.replicas = password, replicas
        secret = ["--requirepass", password, "--masterauth", password] if password else []
        data = ["--repl-diskless-sync-delay", "0", *secret, *options]
        try:
            first = Server(directory, data, password=password)
            self.servers.append(first)
            for _ in range(replicas):
                self.servers.append(Server(directory, [*data, "--replicaof", "127.0.0.1", str(first.port)],
                                           password=password))  # fmt: skip
            text = (f"sentinel monitor cps 127.0.0.1 {first.port} 2\nsentinel down-after-milliseconds cps {down_after_ms}\n"
                    f"sentinel failover-timeout cps {failover_ms}\n")  # fmt: skip
            if password:
                text += f"sentinel auth-pass cps {password}\nrequirepass {password}\nsentinel sentinel-pass {password}\n"
            for _ in range(3):
                self.servers.append(Server(directory, sentinel=text, password=password))
            self.seeds = self.servers[-3:]
            until(self._agreed, 30, "the Sentinels know each other")
        except BaseException:
            self.stop()
            raise

    @property
    def url(self):
        secret = f":{self.password}@" if self.password else ""
        return f"redis+sentinel://{secret}{self.hosts}/cps"

    def _agreed(self):
        for sentinel in self.seeds:
            about = sentinel.call("SENTINEL", "MASTER", "cps")
            about = dict(zip(about[::2], about[1::2], strict=True))
            if (int(about[b"num-other-sentinels"]), int(about[b"num-slaves"])) != (2, self.replicas):
                return False
        return True

    def primary(self):
        """As most Sentinels have it, and as itself."""
        for sentinel in self.seeds:
            with contextlib.suppress(OSError, RedisError):
                port = int(sentinel.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "cps")[1])
                server = next(s for s in self.servers if s.port == port)
                if b"role:master" in server.call("INFO", "replication"):
                    return server
        return None

    def is_well(self):
        primary = self.primary()
        return bool(primary) and primary.call("INFO", "replication").count(b"state=online") == self.replicas
