# SPDX-License-Identifier: MIT
"""What the tests of key records share: certificates under a root, records, a number table, a CPS that lies."""
import http.server
import json
import os
import ssl
import subprocess
import threading
import time

import harness
from cpsctl_case import clean_env

ALICE, BOB = "12155551212", "12025550100"  # the sender, the receiver
BOB_SPC, EVE_SPC = "5678", "6666"
BLOCK = "12025550000+1000"  # the numbers that Bob's is one of
TEXT = "Running late"


class Case(harness.Case):
    """A root with Alice's, Bob's and Eve's certificates; another root with the same names; keys of Bob and Eve."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tool("pki", "--out", cls.path("pki"), "--name", "alice", "--tn", ALICE)
        cls.tool("pki", "--out", cls.path("pki"), "--name", "bob", "--spc", BOB_SPC)
        cls.tool("pki", "--out", cls.path("pki"), "--name", "bob-tn", "--tn", BOB)
        cls.tool("pki", "--out", cls.path("pki"), "--name", "bob-block", "--range", BLOCK)
        cls.tool("pki", "--out", cls.path("pki"), "--name", "eve", "--spc", EVE_SPC)
        cls.tool("pki", "--out", cls.path("other"), "--name", "bob", "--spc", BOB_SPC)
        for name, curve in (("bob", "x25519"), ("bob2", "p256"), ("eve", "x25519")):
            cls.tool("keygen", "--out", cls.path(name + ".jwk"), "--public", cls.path(name + ".pub"), "--curve", curve)
        cls.numbers = cls.write("numbers.csv", f"1202555,{BOB_SPC}\n1,{EVE_SPC}\n")

    @classmethod
    def path(cls, name):
        return os.path.join(cls.dir, name)

    @classmethod
    def write(cls, name, text):
        with open(cls.path(name), "w") as out:
            out.write(text)
        return cls.path(name)

    @staticmethod
    def read(path):
        with open(path) as text:
            return text.read()

    @classmethod
    def run_tool(cls, *args, **env):
        return subprocess.run([harness.CPSCTL, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.PIPE, timeout=60, env=clean_env(**env))

    @classmethod
    def tool(cls, *args):
        done = cls.run_tool(*args)
        if done.returncode:
            raise AssertionError(f"cpsctl {args}: {done.returncode} {done.stdout} {done.stderr}")
        return done.stdout

    @classmethod
    def record(cls, *more, who="bob", pki="pki", spc=BOB_SPC, keys=("bob.pub",), name="record"):
        """A key record's text; it is also in the file of that name."""
        subject = ["--spc", spc] if spc else []
        signer = ["--key", cls.path(f"{pki}/{who}.key"), "--cert", cls.path(f"{pki}/{who}.pem")]
        to = [arg for key in keys for arg in ("--to", cls.path(key))]
        text = cls.tool("keys", "make", *subject, *signer, *to, *more, "--force").strip()
        cls.write(name, text + "\n")
        return text

    @classmethod
    def finding(cls, ca, url, numbers=True):
        return ["--cps", url, "--ca", ca, "--trust", cls.path("pki/root.pem"), "--x5u-dir", cls.path("pki/certs"),
                *(["--numbers", cls.numbers] if numbers else [])]

    @classmethod
    def send(cls, ca, url, *more, dest=BOB, text=TEXT):
        return cls.run_tool("send", "--orig", ALICE, "--dest", dest, "--text", text, "--key",
                            cls.path("pki/alice.key"), "--cert", cls.path("pki/alice.pem"), "--x5u",
                            "https://certs.example.com/alice.pem", *cls.finding(ca, url), *more, "--json")

    @classmethod
    def receive(cls, ca, url, *more, key="bob.jwk", text=TEXT, dest=BOB):
        done = cls.run_tool("receive", "--orig", ALICE, "--dest", dest, "--text", text, "--key", cls.path(key),
                            *cls.finding(ca, url), *more, "--json")
        return json.loads(done.stdout).get("verdict") or done.stdout

    @staticmethod
    def records(*texts):
        """What a CPS answers that knows several records."""
        return json.dumps({"records": texts})

    def assertRefused(self, done, code, status=2):
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.assertEqual(json.loads(done.stdout)["error"]["code"], code, done.stdout)


class LyingCps:
    """Serves the records that a test gives it, and accepts everything."""

    def __init__(self, directory):
        self.ca, key = harness.make_certificate(directory, "lying")
        self.record, self.status, self.fields, self.published, self.asked = "", 200, {}, [], []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, status, body=b"", **fields):
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **fields}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                outer.asked.append(self.path)
                self.answer(outer.status, outer.record.encode(), **{"Content-Type": "application/jwt", **outer.fields})

            def do_POST(self):
                outer.published.append((self.path, self.rfile.read(int(self.headers["Content-Length"])).decode()))
                self.answer(201, Location=self.path)

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                pass  # who was told too much hangs up

        self.server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = "https://localhost:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def days_ago(days):
    return str(int(time.time() - days * 86400))
