# SPDX-License-Identifier: MIT
"""HAProxy as deploy/haproxy configures it, and HTTP/2 towards it."""
import getpass
import os
import select
import socket
import time

import h2.config
import h2.connection
import h2.events
from harness import HOME, SLOW, Process, free_port
from wire import PATIENCE_S, Response, until


class Edge(Process):
    """In front of cpsds that listen on unix sockets. `certificate` is a server's (chain, key), `roots` a file; `changes`
    are texts of the configuration and what is in their places."""

    def __init__(self, directory, sockets, certificate, roots, changes=(), **values):
        self.directory = os.path.join(directory, "edge")
        os.makedirs(self.directory, exist_ok=True)
        self.address = ("127.0.0.1", free_port())
        self.admin = os.path.join(self.directory, "admin.sock")
        pem = os.path.join(self.directory, "edge.pem")
        with open(pem, "wb") as out:
            for path in certificate:
                with open(path, "rb") as part:
                    out.write(part.read())
        command = ["haproxy", "-db", "-f", os.path.join(HOME, "deploy", "haproxy", "haproxy.cfg")]
        if len(sockets) > 1:
            one = '    server one "${CPS_SERVER}"\n'
            others = "".join(f"    server more{i} unix@{path}\n" for i, path in enumerate(sockets[1:]))
            changes = [*changes, (one, one + others)]
        if changes:
            with open(command[-1]) as cfg:
                text = cfg.read()
            for old, new in changes:
                assert old in text, old
                text = text.replace(old, new)
            command[-1] = os.path.join(self.directory, "changed.cfg")
            with open(command[-1], "w") as out:
                out.write(text)
        self.values = {
            "CPS_LISTEN": "%s:%d" % self.address, "CPS_CERTIFICATE": pem, "CPS_ROOTS": roots,
            "CPS_SERVER": f"unix@{sockets[0]}", "CPS_LUA": os.path.join(HOME, "deploy", "haproxy", "edge.lua"),
            "CPS_ADMIN": self.admin, "CPS_USER": getpass.getuser(), "CPS_LOG": "stderr", **values,
        }  # fmt: skip
        super().__init__(command, os.path.join(self.directory, "log"), env=self.values)
        until(self._listens, 20 * SLOW, "haproxy listens")

    def _listens(self):
        if not self.running():
            raise AssertionError("haproxy ended:\n" + self.log())
        try:
            return all(line.split(",")[17].startswith("UP") for line in self.servers())
        except OSError:
            return False

    def tell(self, text):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(PATIENCE_S)
            sock.connect(self.admin)
            sock.sendall(text.encode() + b"\n")
            octets = b""
            while more := sock.recv(65536):
                octets += more
        return octets.decode()

    def set_server(self, name, state):
        """For reading and for writing."""
        for backend in ("cpsd_read", "cpsd_write"):
            self.tell(f"set server {backend}/{name} state {state}")

    def states(self, backend):
        """A backend's servers, without what follows a state ("UP 1/2")."""
        return {line.split(",")[17].split()[0] for line in self.servers() if line.startswith(backend + ",")}

    def servers(self):
        """The servers' lines of "show stat"."""
        lines = self.tell("show stat").splitlines()
        return [line for line in lines if line.startswith(("cpsd_read,", "cpsd_write,")) and line.split(",")[1] != "BACKEND"]

    def state(self, name):
        """UP only if it is that for reading and for writing."""
        states = [line.split(",")[17] for line in self.servers() if line.split(",")[1] == name]
        return next((state for state in states if not state.startswith("UP")), states[0])


class Http2:
    """A connection. A request is (method, path, body or None, fields)."""

    def __init__(self, address, context):
        context.set_alpn_protocols(["h2"])
        self.sock = context.wrap_socket(socket.create_connection(address), server_hostname="localhost")
        context.set_alpn_protocols(["http/1.1"])
        assert self.sock.selected_alpn_protocol() == "h2"
        # h2 sends what a test asks for, even if h2 considers it wrong
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8", validate_outbound_headers=False,
                                           normalize_outbound_headers=False)  # fmt: skip
        self.h2 = h2.connection.H2Connection(config)
        self.h2.initiate_connection()
        self.flush()
        self.most_open, self.unsent = 0, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def flush(self):
        self.sock.sendall(self.h2.data_to_send())

    def _open(self, request, trailers):
        method, path, body, fields = request
        stream = self.h2.get_next_available_stream_id()
        head = [(":method", method), (":scheme", "https"), (":authority", "localhost"), (":path", path), *fields]
        self.h2.send_headers(stream, head, end_stream=body is None)
        if body is not None:
            self.unsent.append([stream, body.encode() if isinstance(body, str) else body, trailers])
        return stream

    def _send_bodies(self):
        """As much as the windows allow."""
        for one in self.unsent:
            stream, body, trailers = one
            while True:
                n = min(len(body), self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
                if n == 0 and body:
                    break
                self.h2.send_data(stream, body[:n], end_stream=n == len(body) and not trailers)
                one[1] = body = body[n:]
                if not body:
                    if trailers:
                        self.h2.send_headers(stream, trailers, end_stream=True)
                    one[0] = None
                    break
        self.unsent = [one for one in self.unsent if one[0] is not None]

    def requests(self, requests, trailers=(), seconds=PATIENCE_S):
        """All of them at once; their answers in the same order."""
        streams = {self._open(request, trailers): Response(0, "", [], b"") for request in requests}
        self.most_open = max(self.most_open, len(streams))
        self._send_bodies()
        self.flush()
        left, end = set(streams), time.monotonic() + seconds * SLOW
        while left:
            if not self.sock.pending() and not select.select([self.sock], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError(f"{len(left)} of {len(streams)} streams have no answer")
            octets = self.sock.recv(65536)
            if not octets:
                raise ConnectionError(f"closed, {len(left)} of {len(streams)} streams have no answer")
            for event in self.h2.receive_data(octets):
                answer = streams.get(getattr(event, "stream_id", None))
                if isinstance(event, h2.events.ResponseReceived):
                    answer.fields = [(n, v) for n, v in event.headers if not n.startswith(":")]
                    answer.status = int(dict(event.headers)[":status"])
                elif isinstance(event, h2.events.DataReceived):
                    answer.body += event.data
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamReset):
                    answer.reason = f"reset {event.error_code}"
                    left.discard(event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    left.discard(event.stream_id)
                elif isinstance(event, h2.events.ConnectionTerminated):
                    raise ConnectionError(f"GOAWAY {event.error_code}")
            self.unsent = [one for one in self.unsent if one[0] in left]
            self._send_bodies()
            self.flush()
        return list(streams.values())

    def request(self, method, path, body=None, fields=(), trailers=()):
        return self.requests([(method, path, body, list(fields))], trailers)[0]
