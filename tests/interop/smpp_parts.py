# SPDX-License-Identifier: MIT
"""The parts that tests of SMPP put together: node-smpp, Kannel, and where its reports go. All on 127.0.0.1, below one
temporary directory, stopped by their own pids."""
import contextlib
import http.server
import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))
import harness  # noqa: E402
from harness import CPSCTL, HOME, Case, Process, free_port, run  # noqa: E402, F401
from smpp_peer import Sidecar  # noqa: E402, F401
from smpp_read import Pdu  # noqa: E402
from wire import until  # noqa: E402

SECONDS = 20  # any one thing may take so long


class Node(Process):
    """node-smpp-peer.mjs; what it tells is in `told`."""

    def __init__(self, directory, name, *words):
        self.command = ["node", os.path.join(HERE, "node-smpp-peer.mjs"), *words]
        self.log_path = os.path.join(directory, name)
        with open(self.log_path, "wb") as out:
            self.process = subprocess.Popen(self.command, cwd=HERE, stdin=subprocess.PIPE, stdout=out, stderr=out)
        harness._started.append(self)

    def tell(self, **command):
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        self.process.stdin.flush()

    @property
    def told(self):
        text = self.log()
        lines = [line for line in text[:text.rfind("\n") + 1].split("\n") if line]
        try:
            return [json.loads(line) for line in lines]
        except json.JSONDecodeError:
            raise AssertionError("node-smpp:\n" + text[-3000:]) from None

    def events(self, key):
        return [event for event in self.told if key in event]

    def pdus(self, name=None):
        """(PDU, how node-smpp read it) for each that arrived."""
        return [(Pdu(bytes.fromhex(e["hex"])), e["read"]) for e in self.events("pdu") if name in (None, e["pdu"])]

    def sent(self, name):
        return [pdu for pdu in (Pdu(bytes.fromhex(e["sent"])) for e in self.events("sent")) if pdu.name == name]

    def stop(self):
        """By the end of its input."""
        self.process.stdin.close()
        status = self.wait(SECONDS)
        errors = self.events("error")
        assert status == 0 and not errors, f"node-smpp ended with {status}: {errors}"


class Smsc(Node):
    def __init__(self, directory, answer_ms=0):
        super().__init__(directory, "smsc", "smsc", str(answer_ms))
        self.port = until(lambda: self.events("listening"), SECONDS, "the SMSC listens")[0]["listening"]

    def messages(self):
        return self.pdus("submit_sm")


class Esme(Node):
    def __init__(self, directory, port, name="esme", bind="bind_transceiver", system_id="kannel"):
        super().__init__(directory, name, "esme", "127.0.0.1", str(port))
        self.tell(bind=bind, fields={"system_id": system_id, "password": "secret", "interface_version": 0x34})
        answer = until(lambda: self.pdus(bind + "_resp"), SECONDS, "the bind is answered")[0][0]
        assert answer.status == 0, f"bind: {answer.status:#x}"

    def unbind(self):
        self.tell(close=True)
        until(lambda: self.events("closed"), SECONDS, "unbound and closed")


class Sink:
    """An HTTP server that keeps the parameters of each request: where Kannel reports to, and brings messages."""

    def __init__(self):
        sink = self
        self.hits = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                address = urllib.parse.urlsplit(self.path)
                sink.hits.append((address.path, dict(urllib.parse.parse_qsl(address.query, keep_blank_values=True))))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.send_header("Content-Type", "text/plain")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def of(self, path):
        return [parameters for where, parameters in self.hits if where == path]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Kannel:
    """bearerbox and smsbox, bound as `kannel` to a port."""

    def __init__(self, directory, port, sink):
        self.directory, self.boxes = os.path.join(directory, "kannel"), []
        os.makedirs(self.directory)
        self.ports = {"ADMIN": free_port(), "SMSBOX": free_port(), "SENDSMS": free_port()}
        self.sink = sink
        config = os.path.join(self.directory, "kannel.conf")
        with open(os.path.join(HERE, "kannel.conf")) as template, open(config, "w") as out:
            text = template.read()
            for word, value in {**self.ports, "DIR": self.directory, "PEER": port, "MO": sink.url + "/mo"}.items():
                text = text.replace(f"@{word}@", str(value))
            out.write(text)
        try:
            self._start("bearerbox", config, r"Status: running")
            # it opens its HTTP port before it can serve it, and connects when it can
            self._start("smsbox", config, r"Box connections:\s+smsbox:")
            self._wait(r"SMSC connections:.*\(online ")
        except AssertionError:
            self.kill()
            raise

    def _start(self, box, config, ready):
        log = os.path.join(self.directory, box + ".out")
        self.boxes.append(Process(["/usr/sbin/" + box, "-v", "4", config], log))
        self._wait(ready)

    def _wait(self, ready):
        until(lambda: re.search(ready, self._status(), re.S), SECONDS, "Kannel's status: " + ready)

    def _status(self):
        for box in self.boxes:
            assert box.running(), box.log()
        try:
            return self.status()
        except OSError:
            return ""

    def _get(self, port, path, **parameters):
        query = urllib.parse.urlencode(parameters, quote_via=urllib.parse.quote)
        url = f"http://127.0.0.1:{self.ports[port]}{path}?{query}"
        try:
            with urllib.request.urlopen(url, timeout=SECONDS) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")

    def status(self):
        return self._get("ADMIN", "/status.txt", password="secret")[1]

    def answered(self):
        """How many messages the peer has taken."""
        return int(re.search(r"sent: sms (\d+)", self.status())[1])

    def send(self, **parameters):
        """As an application does it. Kannel takes it at once and sends it when it will."""
        status, said = self._get("SENDSMS", "/cgi-bin/sendsms", username="tester", password="secret", **parameters)
        assert status == 202, f"sendsms: {status} {said}"

    def stop(self):
        """smsbox first, as it would not end without its bearerbox."""
        for box in reversed(self.boxes):
            if box.running():
                box.signal(signal.SIGTERM)
                box.wait(SECONDS)

    def kill(self):
        for box in reversed(self.boxes):
            box.kill()
